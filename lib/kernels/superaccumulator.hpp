// natgrad: an exact sum indexed by exponent (the large superaccumulator of Neal, arXiv 1505.05571, with whole
// products of 106 bits as its deposits). Reads bit patterns: no floating-point mode matters, nothing
// overflows, underflows or is rounded.
#ifndef NATGRAD_LIB_KERNELS_SUPERACCUMULATOR_HPP
#define NATGRAD_LIB_KERNELS_SUPERACCUMULATOR_HPP

#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>

#if defined(__x86_64__)
#include <x86intrin.h>
#endif

#include "natgrad/gram.hpp"

namespace natgrad::kernels {

static_assert(std::numeric_limits<double>::is_iec559 && std::numeric_limits<float>::is_iec559);

__extension__ using Wide = __int128;

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

/// to += x + carry, returns the carry out.
inline bool add_with_carry(std::uint64_t& to, std::uint64_t x, bool carry) {
#if defined(__x86_64__)
  unsigned long long sum;
  const bool out = _addcarry_u64(carry ? 1 : 0, to, x, &sum) != 0;
  to = sum;
  return out;
#else
  const bool first = __builtin_add_overflow(to, x, &to);
  return __builtin_add_overflow(to, std::uint64_t{carry}, &to) || first;
#endif
}

/// words += value 2^bit, value being a two's complement of N words, the least significant first. Words, not
/// __int128: its shifts by a variable number of bits are slow on some processors.
/// @pre the result fits, bit + 64 (N + 1) < 64 word_count
template <std::size_t N>
void add_shifted(ExactSum::Words& words, const std::uint64_t (&value)[N], unsigned bit) {
  const unsigned shift = bit % 64;
  std::size_t i = bit / 64;
  const auto sign = static_cast<std::uint64_t>(static_cast<std::int64_t>(value[N - 1]) >> 63);
  bool carry = false;
  std::uint64_t below = 0;
  for (const std::uint64_t word : value) {
    carry = add_with_carry(words[i++], word << shift | below >> 1 >> (63 - shift), carry);
    below = word;
  }
  carry = add_with_carry(words[i++], sign << shift | below >> 1 >> (63 - shift), carry);
  // All words above get the sign and the carry: nothing changes as soon as these cancel.
  if (sign == 0) {
    for (; carry && i < words.size(); ++i) carry = ++words[i] == 0;
  } else {
    for (; !carry && i < words.size(); ++i) carry = words[i]-- != 0;
  }
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
        if (const Wide counter = counters_[n][k]; counter != 0)
          add_shifted(*words[n],
                      {static_cast<std::uint64_t>(counter), static_cast<std::uint64_t>(counter >> 64)},
                      8 * k);
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
