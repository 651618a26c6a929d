// natgrad: the leading bits of exact sums, and of sums of their products, in integers. Private to the
// library. Machine-checked, for a model of these functions: proofs/Leading.v.
#ifndef NATGRAD_LIB_KERNELS_LEADING_HPP
#define NATGRAD_LIB_KERNELS_LEADING_HPP

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "kernels/scalar_table.hpp"
#include "natgrad/gram.hpp"

namespace natgrad::kernels {

/// The 64 bits of (high, low) after a shift to the left by 0 <= shift < 64.
inline std::uint64_t funnel(std::uint64_t high, std::uint64_t low, int shift) {
  return high << shift | low >> 1 >> (63 - shift);
}

/// The leading bits of a magnitude from its words at `top`, where it is not 0, and below (w[3] first), times
/// 2^exponent; `lowest` is the index of the last word that is not 0.
inline Leading leading(const std::uint64_t (&w)[4], int top, int lowest, std::int64_t exponent,
                       bool negative) {
  const int zeros = std::countl_zero(w[3]);
  return {{funnel(w[1], w[0], zeros), funnel(w[2], w[1], zeros), funnel(w[3], w[2], zeros)},
          exponent + 64 * (top - 2) - zeros,
          negative,
          lowest > top - 3 || (lowest == top - 3 && w[0] << zeros == 0)};
}

constexpr Leading leading_zero{{0, 0, 0}, 0, false, true};

inline bool is_zero(const Leading& x) {
  return x.words[2] == 0;
}

inline int sign_of(const Leading& x) {
  return is_zero(x) ? 0 : (x.negative ? -1 : 1);
}

/// Whether any of the words [first, last) differs from one that is 0 or all ones. By pairs, which fit
/// registers.
template <int first, int last>
inline __attribute__((always_inline)) bool any_differs(const std::uint64_t* words, std::uint64_t from) {
  typedef std::uint64_t Two __attribute__((vector_size(16)));
  static_assert((last - first) % 2 == 0);
  const Two flip = {from, from};
  Two any = {0, 0};
#pragma GCC unroll 16
  for (int i = first; i < last; i += 2) {
    Two two;
    __builtin_memcpy(&two, words + i, sizeof two);
    any |= two ^ flip;
  }
  return (any[0] | any[1]) != 0;
}

/// Which of the words [first, last) differ from another: found without branches, which would be hard to
/// predict.
template <int first, int last>
inline __attribute__((always_inline)) unsigned which_differ(const std::uint64_t* words, std::uint64_t from) {
  unsigned which = 0;
#pragma GCC unroll 16
  for (int i = first; i < last; ++i) which |= static_cast<unsigned>(words[i] != from) << (i - first);
  return which;
}

inline Leading leading(const ExactSum::Words& words) {
  constexpr int count = ExactSum::word_count;
  const std::uint64_t* const w = words.data();
  // -x = ~x + 1: the carry ends in the lowest word that is not 0; the words above it are complemented.
  const bool negative = w[count - 1] >> 63 != 0;
  const std::uint64_t flip = negative ? ~std::uint64_t{0} : 0;
  // Most sums are between 2^-356 and 2^412, and so are all their bits.
  constexpr int low = 28, high = 40;
  const unsigned not_zero = which_differ<low, high>(w, 0);
  const unsigned not_flip = negative ? which_differ<low, high>(w, flip) : not_zero;
  int lowest = low + std::countr_zero(not_zero);
  int top = std::max(low + 31 - std::countl_zero(not_flip), lowest);
  if (not_zero == 0 || any_differs<0, low>(w, 0) || any_differs<high, count - 1>(w, flip) ||
      w[count - 1] != flip) {
    lowest = 0;
    while (lowest < count && w[lowest] == 0) ++lowest;
    if (lowest == count) return leading_zero;
    top = count - 1;
    while (top > lowest && w[top] == flip) --top;
  }
  const auto magnitude = [&](int i) {
    if (i < 0) return std::uint64_t{0};
    const std::uint64_t word = (w[i] ^ flip) + static_cast<std::uint64_t>(negative & (i == lowest));
    return i < lowest ? 0 : word;
  };
  return leading({magnitude(top - 3), magnitude(top - 2), magnitude(top - 1), magnitude(top)}, top, lowest,
                 ExactSum::unit_exponent, negative);
}

/// Nearest double, ties to even, subnormals included; +-inf from 2^1024 - 2^970 on. Always known: 192 bits,
/// and whether there are others, decide.
inline double nearest(const Leading& x) {
  if (is_zero(x)) return 0;
  const std::int64_t exponent = x.exponent + 191;
  std::uint64_t magnitude = std::uint64_t{0x7ff} << 52;
  if (exponent <= 1023) {
    const std::int64_t unit = std::max<std::int64_t>(exponent - 52, -1074);  // of the last kept bit
    const std::int64_t drop = unit - x.exponent;                             // >= 139
    if (drop > 192) {
      magnitude = 0;
    } else {
      const int low = static_cast<int>(drop) - 128;  // bits of the top word that go, 11 to 64
      const std::uint64_t kept = low == 64 ? 0 : x.words[2] >> low;
      const std::uint64_t half = x.words[2] >> (low - 1) & 1;
      const bool rest =
          !x.exact || x.words[0] != 0 || x.words[1] != 0 || (x.words[2] & ((half << (low - 1)) - half)) != 0;
      // The hidden bit carries into the exponent field by itself, and so does a rounding up; overflow is inf.
      magnitude = (static_cast<std::uint64_t>(unit + 1074) << 52) + kept +
                  (half != 0 && (rest || (kept & 1) != 0) ? 1 : 0);
    }
  }
  return std::bit_cast<double>(magnitude | (x.negative ? std::uint64_t{1} << 63 : 0));
}

/// The magnitude of a product, (w + r) 2^exponent with the top bit of w set unless it is 0, and 0 <= r <
/// 2^194, r = 0 if exact.
struct LeadingProduct {
  std::uint64_t words[6];
  std::int64_t exponent;
  bool negative, exact;
};

/// (A + a)(B + b) - A B < A + B + 1 < 2^193 for a, b < 1; and one bit more by the shift.
inline LeadingProduct product(const Leading& a, const Leading& b) {
  __extension__ using Wide = unsigned __int128;
  std::uint64_t w[6] = {};
#pragma GCC unroll 3
  for (int i = 0; i < 3; ++i) {
    std::uint64_t carry = 0;
#pragma GCC unroll 3
    for (int j = 0; j < 3; ++j) {
      const Wide sum = static_cast<Wide>(a.words[i]) * b.words[j] + w[i + j] + carry;
      w[i + j] = static_cast<std::uint64_t>(sum);
      carry = static_cast<std::uint64_t>(sum >> 64);
    }
    w[i + 3] = carry;
  }
  const int shift = w[5] >> 63 == 0 && w[5] != 0 ? 1 : 0;
  return {{w[0] << shift, funnel(w[1], w[0], shift), funnel(w[2], w[1], shift), funnel(w[3], w[2], shift),
           funnel(w[4], w[3], shift), funnel(w[5], w[4], shift)},
          a.exponent + b.exponent - shift,
          a.negative != b.negative,
          w[5] == 0 || (a.exact && b.exact)};
}

/// r < 2^194 is 4 units of the last of the leading 192 bits.
inline EnclosedLeading enclosed(const LeadingProduct& x) {
  const bool more = (x.words[0] | x.words[1] | x.words[2]) != 0;
  return {{{x.words[3], x.words[4], x.words[5]}, x.exponent + 192, x.negative, x.exact && !more},
          (x.exact ? 0.0 : 4.0) + (more ? 1.0 : 0.0)};
}

/// x - y.
inline EnclosedLeading difference(const LeadingProduct& x, const LeadingProduct& y) {
  if (y.words[5] == 0) return enclosed(x);
  const bool exchange = x.words[5] == 0 || x.exponent < y.exponent;
  const LeadingProduct& large = exchange ? y : x;
  const LeadingProduct& small = exchange ? x : y;
  const std::int64_t shift = small.words[5] == 0 ? 0 : large.exponent - small.exponent;
  // A frame of 448 bits, whose top bit is free for a carry. What the small one is shifted by, it has to spare
  // in the lowest 63 bits of the frame; `cut` is whether more was lost.
  constexpr int count = 7;
  std::uint64_t padded[2 * count + 1] = {small.words[0] << 63,
                                         funnel(small.words[1], small.words[0], 63),
                                         funnel(small.words[2], small.words[1], 63),
                                         funnel(small.words[3], small.words[2], 63),
                                         funnel(small.words[4], small.words[3], 63),
                                         funnel(small.words[5], small.words[4], 63),
                                         small.words[5] >> 1};
  const int words = static_cast<int>(std::min<std::int64_t>(shift / 64, count));
  const int bits = static_cast<int>(shift % 64);
  std::uint64_t lost = padded[words] & ((std::uint64_t{1} << bits) - 1);
  for (int i = 0; i < words; ++i) lost |= padded[i];
  const bool cut = lost != 0;
  // a -+ b.
  const bool subtract = large.negative == small.negative;
  const std::uint64_t flip = subtract ? ~std::uint64_t{0} : 0;
  std::uint64_t frame[3 + count] = {0,
                                    0,
                                    0,
                                    large.words[0] << 63,
                                    funnel(large.words[1], large.words[0], 63),
                                    funnel(large.words[2], large.words[1], 63),
                                    funnel(large.words[3], large.words[2], 63),
                                    funnel(large.words[4], large.words[3], 63),
                                    funnel(large.words[5], large.words[4], 63),
                                    large.words[5] >> 1};
  std::uint64_t* const a = frame + 3;
  std::uint64_t carry = subtract ? 1 : 0;
#pragma GCC unroll 7
  for (int i = 0; i < count; ++i) {
    const std::uint64_t b = padded[i + words] >> bits | padded[i + words + 1] << 1 << (63 - bits);
    const std::uint64_t term = b ^ flip;
    const std::uint64_t partial = a[i] + term;
    const std::uint64_t sum = partial + carry;
    carry = static_cast<std::uint64_t>(partial < term) | static_cast<std::uint64_t>(sum < partial);
    a[i] = sum;
  }
  bool negative = large.negative != exchange;
  if (subtract && a[count - 1] >> 63 != 0) {
    negative = !negative;
    carry = 1;
    for (int i = 0; i < count; ++i) {
      a[i] = ~a[i] + carry;
      carry = carry != 0 && a[i] == 0 ? 1 : 0;
    }
  }
  // In units of the frame's last bit: r 2^63 < 2^257 of either, and less than 1 for what was cut off. All of
  // this is exact, whatever the rounding mode.
  const double error = x.exact && y.exact ? (cut ? 1 : 0) : 0x1p259;
  const std::int64_t unit = large.exponent - 63;
  int top = count - 1, lowest = 0;
  while (top >= 0 && a[top] == 0) --top;
  if (top < 0) return {{{0, 0, 0}, unit, false, error == 0}, error};
  while (a[lowest] == 0) ++lowest;
  EnclosedLeading out{
      leading({frame[top], frame[top + 1], frame[top + 2], a[top]}, top, lowest, unit, negative), 0};
  // 2^(unit - exponent) is from 2^-256 to 2^191.
  const auto scale = static_cast<std::uint64_t>(unit - out.leading.exponent + 1023) << 52;
  out.error = error * std::bit_cast<double>(scale);
  // 0 or at least 1, so that no error underflows in what is made of it.
  if (out.error != 0 || !out.leading.exact) out.error = 2 * std::max(out.error, 1.0);
  out.leading.exact = out.leading.exact && error == 0;
  return out;
}

/// a b - c d.
inline EnclosedLeading difference(const Leading& a, const Leading& b, const Leading& c, const Leading& d) {
  return difference(product(a, b), product(c, d));
}

/// The leading bits of a Gram, and unless they are of no use, of gg yy and of S.
inline GramLeading leading(const Gram& gram, bool with_products) {
  GramLeading out{leading(gram.gg().words()),
                  leading(gram.gy().words()),
                  leading(gram.yy().words()),
                  {},
                  {},
                  gram.dimension()};
  if (!with_products) return out;
  const LeadingProduct gg_yy = product(out.gg, out.yy);
  out.product = enclosed(gg_yy);
  if (gram.dimension() == 1) {
    out.determinant = {leading_zero, 0};
    return out;
  }
  out.determinant = difference(gg_yy, product(out.p, out.p));
  // S >= 0: where its leading bits are negative it is within the error of 0.
  if (out.determinant.leading.negative)
    out.determinant.leading = {{0, 0, 0}, out.determinant.leading.exponent, false, false};
  return out;
}

}  // namespace natgrad::kernels

#endif
