// natgrad: exact sums of products with integer arithmetic alone (a Kulisch accumulator with carry-save
// limbs; Kulisch 2013, Neal, arXiv 1505.05571). Reads bit patterns, so no floating-point mode matters.
#include <bit>
#include <cstdint>
#include <limits>

#include "kernels/kernels.hpp"

namespace natgrad::kernels {
namespace {

static_assert(std::numeric_limits<double>::is_iec559 && std::numeric_limits<float>::is_iec559);

__extension__ using Wide = unsigned __int128;

/// A finite value as (-1)^negative * magnitude * 2^(position - 1074).
struct Decoded {
  std::uint64_t magnitude;
  unsigned position;
  bool negative;
};

/// False for NaN and infinity.
inline bool decode(double x, Decoded& out) {
  const auto bits = std::bit_cast<std::uint64_t>(x);
  const unsigned exponent = static_cast<unsigned>(bits >> 52) & 0x7ff;
  const std::uint64_t fraction = bits & 0xfffffffffffff;
  out.negative = (bits >> 63) != 0;
  out.magnitude = exponent == 0 ? fraction : fraction | std::uint64_t{1} << 52;
  out.position = exponent == 0 ? 0 : exponent - 1;
  return exponent != 0x7ff;
}

inline bool decode(float x, Decoded& out) {
  constexpr unsigned offset = 1074 - 149;
  const auto bits = std::bit_cast<std::uint32_t>(x);
  const unsigned exponent = (bits >> 23) & 0xff;
  const std::uint32_t fraction = bits & 0x7fffff;
  out.negative = (bits >> 31) != 0;
  out.magnitude = exponent == 0 ? fraction : fraction | std::uint32_t{1} << 23;
  out.position = offset + (exponent == 0 ? 0 : exponent - 1);
  return exponent != 0xff;
}

/// Limbs of 32 bits in signed 64-bit words: 2^30 deposits fit before carries must be propagated.
class CarrySave {
 public:
  static constexpr std::size_t limb_count = 2 * ExactSum::word_count;
  static constexpr std::uint32_t deposits_before_flush = std::uint32_t{1} << 30;

  /// Adds (-1)^negative * product * 2^position, product < 2^106, position + 106 < 32 limb_count - 32.
  void deposit(Wide product, unsigned position, bool negative) {
    const unsigned limb = position / 32, shift = position % 32;
    const auto low = static_cast<std::uint64_t>(product);
    const auto high = static_cast<std::uint64_t>(product >> 64);
    // The product shifted by 0..31 bits: 137 bits in five limbs.
    const Wide low_shifted = static_cast<Wide>(low) << shift;
    const Wide high_shifted =
        (static_cast<Wide>(high) << shift) + static_cast<std::uint64_t>(low_shifted >> 64);
    const auto a = static_cast<std::uint64_t>(low_shifted);
    const auto b = static_cast<std::uint64_t>(high_shifted);
    const auto c = static_cast<std::uint64_t>(high_shifted >> 64);
    const std::int64_t sign = negative ? -1 : 1;
    limbs_[limb] += sign * static_cast<std::int64_t>(a & 0xffffffff);
    limbs_[limb + 1] += sign * static_cast<std::int64_t>(a >> 32);
    limbs_[limb + 2] += sign * static_cast<std::int64_t>(b & 0xffffffff);
    limbs_[limb + 3] += sign * static_cast<std::int64_t>(b >> 32);
    limbs_[limb + 4] += sign * static_cast<std::int64_t>(c);
    if (++deposits_ == deposits_before_flush) propagate();
  }

  /// Adds the total to a two's complement integer and leaves zero.
  void flush_into(ExactSum::Words& words) {
    propagate();
    std::uint64_t carry = 0;
    for (std::size_t i = 0; i < ExactSum::word_count; ++i) {
      const auto word = static_cast<std::uint64_t>(static_cast<std::uint32_t>(limbs_[2 * i])) |
                        static_cast<std::uint64_t>(limbs_[2 * i + 1]) << 32;
      const Wide sum = static_cast<Wide>(words[i]) + word + carry;
      words[i] = static_cast<std::uint64_t>(sum);
      carry = static_cast<std::uint64_t>(sum >> 64);
      limbs_[2 * i] = limbs_[2 * i + 1] = 0;
    }
  }

 private:
  /// Brings every limb but the top one into [0, 2^32).
  void propagate() {
    std::int64_t carry = 0;
    for (std::size_t i = 0; i + 1 < limb_count; ++i) {
      const std::int64_t limb = limbs_[i] + carry;
      carry = limb >> 32;
      limbs_[i] = limb & 0xffffffff;
    }
    limbs_[limb_count - 1] += carry;
    deposits_ = 0;
  }

  std::int64_t limbs_[limb_count] = {};
  std::uint32_t deposits_ = 0;
};

/// Adds x z 2^doublings.
inline void add_product(CarrySave& sum, const Decoded& x, const Decoded& z, unsigned doublings = 0) {
  sum.deposit(static_cast<Wide>(x.magnitude) * z.magnitude, x.position + z.position + doublings,
              x.negative != z.negative);
}

template <class T>
std::size_t gram(const T* g, const T* y, std::size_t n, GramSums& sums) {
  CarrySave gg, gy, yy;
  for (std::size_t i = 0; i < n; ++i) {
    Decoded a, b;
    const bool finite_a = decode(g[i], a), finite_b = decode(y[i], b);
    if (!(finite_a && finite_b)) return i;
    add_product(gg, a, a);
    add_product(gy, a, b);
    add_product(yy, b, b);
  }
  gg.flush_into(sums.gg);
  gy.flush_into(sums.gy);
  yy.flush_into(sums.yy);
  return n;
}

std::size_t gram_pair(Operand g, Operand y, std::size_t n, GramSums& sums) {
  CarrySave gg, gy, yy;
  for (std::size_t i = 0; i < n; ++i) {
    Decoded g1, g2{}, y1, y2{};
    bool finite = decode(g.first[i], g1);
    finite = decode(y.first[i], y1) && finite;
    if (g.second) finite = decode(g.second[i], g2) && finite;
    if (y.second) finite = decode(y.second[i], y2) && finite;
    if (!finite) return i;
    add_product(gg, g1, g1);
    add_product(gg, g1, g2, 1);
    add_product(gg, g2, g2);
    add_product(gy, g1, y1);
    add_product(gy, g1, y2);
    add_product(gy, g2, y1);
    add_product(gy, g2, y2);
    add_product(yy, y1, y1);
    add_product(yy, y1, y2, 1);
    add_product(yy, y2, y2);
  }
  gg.flush_into(sums.gg);
  gy.flush_into(sums.gy);
  yy.flush_into(sums.yy);
  return n;
}

std::size_t dot(const double* x, const double* z, std::size_t n, ExactSum::Words& words) {
  CarrySave sum;
  for (std::size_t i = 0; i < n; ++i) {
    Decoded a, b;
    const bool finite_a = decode(x[i], a), finite_b = decode(z[i], b);
    if (!(finite_a && finite_b)) return i;
    add_product(sum, a, b);
  }
  sum.flush_into(words);
  return n;
}

}  // namespace

const Table portable = {"portable", gram<double>, gram<float>, gram_pair, dot};

}  // namespace natgrad::kernels
