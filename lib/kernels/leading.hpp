// natgrad: the leading bits of exact sums, and of sums of their products, in integers. Private to the
// library.
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

/// The leading bits of a magnitude given by `word(i)` for i <= top, times 2^exponent, where word(top) != 0
/// and `lowest` is the index of the last word that is not 0.
template <class Word>
Leading leading(Word word, int top, int lowest, std::int64_t exponent, bool negative) {
  const auto at = [&](int i) { return i < 0 ? 0 : word(i); };
  const std::uint64_t w[4] = {at(top - 3), at(top - 2), at(top - 1), at(top)};
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

/// Cost: every word outside of the number's own is looked at once, four at a time.
inline Leading leading(const ExactSum::Words& words) {
  constexpr int count = ExactSum::word_count;
  const std::uint64_t* const w = words.data();
  int lowest = 0;
  while (lowest + 4 <= count && (w[lowest] | w[lowest + 1] | w[lowest + 2] | w[lowest + 3]) == 0) lowest += 4;
  while (lowest < count && w[lowest] == 0) ++lowest;
  if (lowest == count) return leading_zero;
  // -x = ~x + 1: the carry ends in the lowest word that is not 0; the words above it are complemented.
  const bool negative = w[count - 1] >> 63 != 0;
  const std::uint64_t flip = negative ? ~std::uint64_t{0} : 0;
  int top = count - 1;
  while (top - 4 >= lowest &&
         ((w[top] ^ flip) | (w[top - 1] ^ flip) | (w[top - 2] ^ flip) | (w[top - 3] ^ flip)) == 0)
    top -= 4;
  while (top > lowest && (w[top] ^ flip) == 0) --top;
  const auto magnitude = [&](int i) -> std::uint64_t {
    if (i < lowest) return 0;
    return (w[i] ^ flip) + (i == lowest && negative ? 1 : 0);
  };
  return leading(magnitude, top, lowest, ExactSum::unit_exponent, negative);
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
  LeadingProduct out{{}, a.exponent + b.exponent, a.negative != b.negative, a.exact && b.exact};
  for (int i = 0; i < 3; ++i) {
    std::uint64_t carry = 0;
    for (int j = 0; j < 3; ++j) {
      const Wide sum = static_cast<Wide>(a.words[i]) * b.words[j] + out.words[i + j] + carry;
      out.words[i + j] = static_cast<std::uint64_t>(sum);
      carry = static_cast<std::uint64_t>(sum >> 64);
    }
    out.words[i + 3] = carry;
  }
  if (out.words[5] >> 63 == 0 && out.words[5] != 0) {
    for (int i = 5; i > 0; --i) out.words[i] = funnel(out.words[i], out.words[i - 1], 1);
    out.words[0] <<= 1;
    --out.exponent;
  }
  return out;
}

/// r < 2^194 is 4 units of the last of the leading 192 bits.
inline EnclosedLeading enclosed(const LeadingProduct& x) {
  const bool more = (x.words[0] | x.words[1] | x.words[2]) != 0;
  return {{{x.words[3], x.words[4], x.words[5]}, x.exponent + 192, x.negative, x.exact && !more},
          (x.exact ? 0.0 : 4.0) + (more ? 1.0 : 0.0)};
}

/// x - y.
inline EnclosedLeading difference(const LeadingProduct& x, const LeadingProduct& y) {
  constexpr int count = 7;
  // A frame of 448 bits, whose top bit is free for a carry and whose 63 lowest bits keep what y is shifted
  // out.
  const auto frame = [](const LeadingProduct& from, std::uint64_t(&to)[count]) {
    to[0] = from.words[0] << 63;
    for (int i = 1; i < 6; ++i) to[i] = funnel(from.words[i], from.words[i - 1], 63);
    to[6] = from.words[5] >> 1;
  };
  if (y.words[5] == 0) return enclosed(x);
  const bool exchange = x.words[5] == 0 || x.exponent < y.exponent;
  const LeadingProduct& large = exchange ? y : x;
  const LeadingProduct& small = exchange ? x : y;
  std::uint64_t a[count], b[count];
  frame(large, a);
  frame(small, b);
  bool cut = false;
  const std::int64_t shift = large.exponent - small.exponent;
  if (shift != 0 && small.words[5] != 0) {
    const int words = static_cast<int>(std::min<std::int64_t>(shift / 64, count));
    const int bits = static_cast<int>(shift % 64);
    std::uint64_t lost = 0;
    for (int i = 0; i < words; ++i) lost |= b[i];
    if (words < count) lost |= b[words] & ((std::uint64_t{1} << bits) - 1);
    for (int i = 0; i < count; ++i) {
      const std::uint64_t low = i + words < count ? b[i + words] : 0;
      const std::uint64_t high = i + words + 1 < count ? b[i + words + 1] : 0;
      b[i] = low >> bits | high << 1 << (63 - bits);
    }
    cut = lost != 0;
  }
  // a -+ b.
  bool negative = large.negative != exchange;
  const bool subtract = large.negative == small.negative;
  std::uint64_t carry = subtract ? 1 : 0;
  for (int i = 0; i < count; ++i) {
    const std::uint64_t term = subtract ? ~b[i] : b[i];
    const std::uint64_t partial = a[i] + term;
    const std::uint64_t sum = partial + carry;
    carry = static_cast<std::uint64_t>(partial < term) | static_cast<std::uint64_t>(sum < partial);
    a[i] = sum;
  }
  if (a[count - 1] >> 63 != 0) {
    negative = !negative;
    carry = 1;
    for (std::uint64_t& word : a) {
      word = ~word + carry;
      carry = carry != 0 && word == 0 ? 1 : 0;
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
  EnclosedLeading out{leading([&](int i) { return a[i]; }, top, lowest, unit, negative), 0};
  // 2^(unit - exponent) is from 2^-256 to 2^191.
  const auto scale = static_cast<std::uint64_t>(unit - out.leading.exponent + 1023) << 52;
  out.error = error * std::bit_cast<double>(scale);
  if (!out.leading.exact) out.error = 2 * std::max(out.error, 1.0);
  out.leading.exact = out.leading.exact && error == 0;
  return out;
}

/// a b - c d.
inline EnclosedLeading difference(const Leading& a, const Leading& b, const Leading& c, const Leading& d) {
  return difference(product(a, b), product(c, d));
}

/// gg yy and S need not be computed for scalars that do not use them.
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
