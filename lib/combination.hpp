// natgrad: linear combinations of vectors with exact coefficients, each element correctly rounded. Private to
// the library.
#ifndef NATGRAD_LIB_COMBINATION_HPP
#define NATGRAD_LIB_COMBINATION_HPP

#include <optional>

#include "doubles.hpp"
#include "exact.hpp"
#include "kernels/kernels.hpp"

namespace natgrad {

/// Three coefficients in twice the precision of doubles: h nearest to c and l nearest to c - h, so that |l|
/// <= u |h| and |c - h - l| <= u^2 |h|, u = 2^-53. nullopt where some h is so small or so large that this, or
/// the products with it, leave the range of doubles. `difference(k, h)` is c_k - h rounded to nearest, for
/// any double h; `is_zero(k)` says whether c_k is exactly 0.
template <class Difference, class IsZero>
std::optional<kernels::Combination> in_twice_the_precision(Difference difference, IsZero is_zero) {
  constexpr unsigned lowest = 1023 - 900, highest = 1023 + 900;  // biased exponents
  kernels::Combination c{{}, {}, 0x1p-106};
  for (int k = 0; k < 3; ++k) {
    if (is_zero(k)) continue;
    c.high[k] = difference(k, 0.0);
    const auto exponent = static_cast<unsigned>(bits_of(c.high[k]) >> 52 & 0x7ff);
    if (exponent < lowest || exponent > highest) return std::nullopt;
    c.low[k] = difference(k, c.high[k]);
  }
  return c;
}

}  // namespace natgrad

#endif
