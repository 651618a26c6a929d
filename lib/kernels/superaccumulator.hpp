// natgrad: an exact sum indexed by exponent (the large superaccumulator of Neal, arXiv 1505.05571, with whole
// products of 106 bits as its deposits). Reads bit patterns: no floating-point mode matters, nothing
// overflows, underflows or is rounded.
#ifndef NATGRAD_LIB_KERNELS_SUPERACCUMULATOR_HPP
#define NATGRAD_LIB_KERNELS_SUPERACCUMULATOR_HPP

#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "natgrad/gram.hpp"

namespace natgrad::kernels {

static_assert(std::numeric_limits<double>::is_iec559 && std::numeric_limits<float>::is_iec559);

__extension__ using Wide = __int128;
__extension__ using UnsignedWide = unsigned __int128;

/// A finite value: mantissa * 2^(position - 1074), |mantissa| < 2^53, 0 <= position <= 2045.
struct Decoded {
  std::int64_t mantissa;
  unsigned position;
};

/// The exponent field; 2047 is NaN or infinity. Floats as if they were doubles.
inline unsigned exponent_field(double x) {
  return static_cast<unsigned>(std::bit_cast<std::uint64_t>(x) >> 52) & 0x7ff;
}
inline unsigned exponent_field(float x) {
  const unsigned field = std::bit_cast<std::uint32_t>(x) >> 23 & 0xff;
  return field == 0xff ? 0x7ff : field;
}

/// `all_normal`: neither zero nor subnormal, which saves a third of the work.
template <bool all_normal = false>
Decoded decode(double x) {
  const auto bits = std::bit_cast<std::uint64_t>(x);
  const unsigned exponent = exponent_field(x), normal = all_normal || exponent != 0 ? 1 : 0;
  const std::uint64_t magnitude = (bits & 0xfffffffffffff) | static_cast<std::uint64_t>(normal) << 52;
  const auto sign = static_cast<std::uint64_t>(static_cast<std::int64_t>(bits) >> 63);  // 0 or all ones
  return {static_cast<std::int64_t>((magnitude ^ sign) - sign), exponent - normal};
}

template <bool all_normal = false>
Decoded decode(float x) {
  constexpr unsigned offset = 1074 - 149;
  const auto bits = std::bit_cast<std::uint32_t>(x);
  const unsigned exponent = exponent_field(x), normal = all_normal || exponent != 0 ? 1 : 0;
  const std::uint32_t magnitude = (bits & 0x7fffff) | normal << 23;
  const auto sign = static_cast<std::uint32_t>(static_cast<std::int32_t>(bits) >> 31);
  return {static_cast<std::int32_t>((magnitude ^ sign) - sign), offset + exponent - normal};
}

/// words += (sum of parts[i] 2^(64 i)) 2^(64 first), the parts above being all `sign`, 0 or ones.
template <std::size_t N>
void add_parts(ExactSum::Words& words, const std::uint64_t (&parts)[N], std::uint64_t sign,
               std::size_t first) {
  std::size_t i = first;
  UnsignedWide carry = 0;
  for (const std::uint64_t part : parts) {
    carry += static_cast<UnsignedWide>(words[i]) + part;
    words[i++] = static_cast<std::uint64_t>(carry);
    carry >>= 64;
  }
  // All words above get the sign and the carry: nothing changes as soon as these cancel.
  if (sign == 0) {
    for (; carry != 0 && i < words.size(); ++i) carry = ++words[i] == 0 ? 1 : 0;
  } else {
    for (; carry == 0 && i < words.size(); ++i) carry = words[i]-- == 0 ? 0 : 1;
  }
}

/// words += value * 2^bit; two's complement. @pre the result fits, bit + 192 < 64 word_count
inline void add_shifted(ExactSum::Words& words, Wide value, unsigned bit) {
  const unsigned shift = bit % 64;
  const auto low = static_cast<UnsignedWide>(value) << shift;
  const auto high = static_cast<std::uint64_t>(value >> 64 >> (63 - shift) >> 1);
  const auto sign = static_cast<std::uint64_t>(value >> 127);
  add_parts<3>(words, {static_cast<std::uint64_t>(low), static_cast<std::uint64_t>(low >> 64), high}, sign,
               bit / 64);
}

/// words += (low + high 2^distance) 2^bit. @pre 0 < distance < 64, |low| < 2^127, |high| < 2^126
inline void add_shifted(ExactSum::Words& words, Wide low, Wide high, unsigned distance, unsigned bit) {
  const unsigned shift = bit % 64;
  // low + high 2^distance in three words, then in four.
  const UnsignedWide moved = static_cast<UnsignedWide>(high) << distance;
  const UnsignedWide sum = static_cast<UnsignedWide>(low) + moved;
  const auto top =
      static_cast<std::int64_t>((high >> (127 - distance) >> 1) + (low < 0 ? -1 : 0) + (sum < moved));
  const auto a = static_cast<std::uint64_t>(sum), b = static_cast<std::uint64_t>(sum >> 64);
  const auto c = static_cast<std::uint64_t>(top), sign = static_cast<std::uint64_t>(top >> 63);
  const auto left = [shift](std::uint64_t upper, std::uint64_t lower) {
    return upper << shift | lower >> 1 >> (63 - shift);
  };
  add_parts<4>(words, {a << shift, left(b, a), left(c, b), left(sign, c)}, sign, bit / 64);
}

/// Counters of products by their exponent, eight exponents to a counter: 2^14 products of |x z| < 2^106
/// shifted by up to 7 fit before a counter must be emptied. N sums side by side.
template <std::size_t N>
class Superaccumulator {
 public:
  static constexpr std::uint32_t deposits_before_flush = std::uint32_t{1} << 14;

  /// To be called before a batch of deposits to each sum, with bounds of the positions of their products.
  void announce(std::uint32_t deposits, unsigned lowest, unsigned highest,
                ExactSum::Words* const (&words)[N]) {
    if (deposits_ + deposits > deposits_before_flush) flush_into(words);
    deposits_ += deposits;
    const unsigned first = lowest / 8, last = highest / 8;
    if (first_ > last_) {
      first_ = first;
      last_ = last;
      clear(first, last);
    } else {
      if (first < first_) clear(first, first_ - 1), first_ = first;
      if (last > last_) clear(last_ + 1, last), last_ = last;
    }
  }

  /// sum += x z 2^doublings
  void deposit(std::size_t sum, const Decoded& x, const Decoded& z, unsigned doublings = 0) {
    const unsigned position = x.position + z.position + doublings;
    counters_[sum][position / 8] += static_cast<Wide>(x.mantissa << position % 8) * z.mantissa;
  }

  void flush_into(ExactSum::Words* const (&words)[N]) {
    for (std::size_t n = 0; n < N; ++n)
      for (unsigned k = first_; k <= last_; ++k)
        if (counters_[n][k] != 0) add_shifted(*words[n], counters_[n][k], 8 * k);
    first_ = 1;
    last_ = 0;
    deposits_ = 0;
  }

 private:
  /// The highest position is 2 * 2045 + 1.
  static constexpr unsigned counter_count = 512;

  void clear(unsigned first, unsigned last) {
    for (auto& row : counters_)
      for (unsigned k = first; k <= last; ++k) row[k] = 0;
  }

  // Defined from first_ to last_. Rows that are whole pages apart would get into each other's way in the
  // cache.
  Wide counters_[N][counter_count + 8];
  unsigned first_ = 1, last_ = 0;
  std::uint32_t deposits_ = 0;
};

}  // namespace natgrad::kernels

#endif
