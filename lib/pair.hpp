// natgrad: the exact numbers behind a pair (g, y) and a parameter a. Private to the library.
#ifndef NATGRAD_LIB_PAIR_HPP
#define NATGRAD_LIB_PAIR_HPP

#include "exact.hpp"
#include "natgrad/gram.hpp"
#include "natgrad/scalars.hpp"

namespace natgrad::exact {

/// The sufficient statistic of a pair, and S = gg yy - p^2, so that s^2 = S/(gg yy).
struct PairNumbers {
  explicit PairNumbers(const Gram& gram)
      : gg(Dyadic::from(gram.gg())),
        p(Dyadic::from(gram.gy())),
        yy(Dyadic::from(gram.yy())),
        gram_determinant(gg * yy - p * p),
        dimension(gram.dimension()) {}

  Dyadic gg, p, yy;
  Dyadic gram_determinant;  ///< S >= 0
  std::uint64_t dimension;
};

/// The exact number a p: yy for a* = yy/p. Every formula of M(a) needs a only in this product or as (a p)/p.
inline Dyadic alpha_times_p(const PairNumbers& pair, const Alpha& a) {
  return a.is_optimal() ? pair.yy : Dyadic::from(*a.value()) * pair.p;
}

}  // namespace natgrad::exact

#endif
