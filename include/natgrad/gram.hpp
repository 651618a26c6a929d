// natgrad: the exact Gram of a pair of vectors, the one waist that every number passes through.
//
// For g, y in R^D the Gram holds gg = g.g, p = y.g, yy = y.y as exact integers in units of 2^-2148,
// and D. These four determine every scalar of the library; they are sums, so they may be accumulated
// in any order, in pieces, on any number of threads or machines, and merged: the bits are the same.
#ifndef NATGRAD_GRAM_HPP
#define NATGRAD_GRAM_HPP

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "natgrad/config.hpp"
#include "natgrad/error.hpp"
#include "natgrad/verdict.hpp"

namespace natgrad {

/// An exact sum of products of doubles: a two's complement integer of 4288 bits in units of 2^-2148.
///
/// 2^-2148 is the product of the two smallest subnormals, and 2^63 products of unevaluated pairs of
/// the largest doubles stay below 2^2113, so no sum that the library accepts can overflow.
class NATGRAD_API ExactSum {
 public:
  static constexpr std::size_t word_count = 67;
  /// The value is (the integer) * 2^unit_exponent.
  static constexpr int unit_exponent = -2148;
  using Words = std::array<std::uint64_t, word_count>;

  /// Zero.
  constexpr ExactSum() = default;
  /// From words, least significant first, two's complement.
  explicit constexpr ExactSum(const Words& words) : words_(words) {}

  /// -1, 0 or 1. Exact. Cost: at most one pass over the words.
  int sign() const noexcept;
  /// Nearest double, ties to even, subnormals included; +-inf from 2^1024 - 2^970 on.
  double to_double() const noexcept;
  /// The integer in hexadecimal, "-0x1f" style; multiply by 2^-2148 for the value. "0x0" for zero.
  std::string to_hex() const;
  const Words& words() const noexcept { return words_; }

  ExactSum& operator+=(const ExactSum& other) noexcept;
  friend bool operator==(const ExactSum&, const ExactSum&) = default;
  /// Order of the values.
  friend NATGRAD_API std::strong_ordering operator<=>(const ExactSum& a, const ExactSum& b) noexcept;

 private:
  friend class Gram;
  Words words_{};
};

/// A vector whose i-th element is the exact real sum first[i] + second[i]. The two doubles need not be
/// normalised: the difference of parameters x - z is the pair (x, -z), whatever the exponents.
struct PairSpan {
  std::span<const double> first;
  std::span<const double> second;
};

/// The exact Gram (gg, p, yy, D) of an update g and y = -grad L. A value type; default: D = 0.
///
/// @claim gram.exact, gram.merge, gram.serialise
/// Thread safety: const members may be called concurrently; distinct objects are independent.
/// Neither the caller's rounding mode nor flush-to-zero or denormals-are-zero change a bit.
class NATGRAD_API Gram {
 public:
  /// Size of the serialised form: 8 bytes of magic and version, the dimension, three integers.
  static constexpr std::size_t serialised_size = 16 + 3 * 8 * ExactSum::word_count;
  /// Largest dimension, 2^63.
  static constexpr std::uint64_t max_dimension = std::uint64_t{1} << 63;
  using Bytes = std::array<std::byte, serialised_size>;

  /// D = 0, all sums zero: the neutral element of merge().
  Gram() = default;

  /// The Gram of g and y, both of length D.
  /// @pre g.size() == y.size() >= 1, all elements finite
  /// @throws ContractError naming the lengths; NonFiniteError naming argument, index and value
  /// Cost: one pass over g and y, without allocation, whatever the angle; elements of very different
  /// magnitude take longer (bench/ measures both). From 2^18 elements on it is shared between as many threads
  /// as OpenMP may use, unless called from within a parallel region.
  /// The first sum of a process chooses kernels for the processor. NATGRAD_KERNEL in the environment forces
  /// others, which give the same bits: avx512, avx2, portable, or exact, which does without any fast path; a
  /// ContractError says if this machine has none of that name.
  static Gram of(std::span<const double> g, std::span<const double> y);
  static Gram of(std::span<const float> g, std::span<const float> y);
  static Gram of(PairSpan g, PairSpan y);
  static Gram of(PairSpan g, std::span<const double> y);

  /// The Grams of consecutive groups of g and y, such as the layers of a network or the samples of a batch:
  /// out[k] is that of the sizes[k] elements after those of the groups before it. For use inside a training
  /// loop.
  /// @pre as of() for every group; sizes.size() == out.size(), and the sizes, all >= 1, add up to g.size()
  /// @throws ContractError naming the length or size that is wrong, `out` being as it was;
  ///   NonFiniteError with the index in the whole g or y, all of `out` then being empty Grams
  /// Cost: one pass over g and y, shared between threads if they are long. @claim gram.merge
  static void of_groups(std::span<const double> g, std::span<const double> y,
                        std::span<const std::uint64_t> sizes, std::span<Gram> out);
  static void of_groups(std::span<const float> g, std::span<const float> y,
                        std::span<const std::uint64_t> sizes, std::span<Gram> out);

  /// Appends a chunk: D grows by g.size() (which may be 0), the sums by those of the chunk.
  /// @throws as of(), ContractError if D would exceed 2^63; then this Gram is unchanged
  void add(std::span<const double> g, std::span<const double> y);
  void add(std::span<const float> g, std::span<const float> y);
  void add(PairSpan g, PairSpan y);
  void add(PairSpan g, std::span<const double> y);

  /// Appends another Gram, e.g. of another thread, rank or file. Commutative and associative, exactly.
  /// @throws ContractError if D would exceed 2^63; then this Gram is unchanged
  void merge(const Gram& other);

  const ExactSum& gg() const noexcept { return gg_; }
  /// p = y.g
  const ExactSum& gy() const noexcept { return gy_; }
  const ExactSum& yy() const noexcept { return yy_; }
  std::uint64_t dimension() const noexcept { return dimension_; }

  /// Effective iff p > 0, decided exactly. Both zero: undetermined (stationary).
  /// (Paper: existence theorem and its necessity; g, y not both zero.) @claim gram.verdict
  /// @pre dimension() >= 1
  Judgement judge() const;

  /// Portable bytes: "NGGRAM", 0, version 1; D as 8 bytes; gg, p, yy as 536 bytes each, two's
  /// complement in units of 2^-2148; everything little-endian.
  Bytes serialise() const noexcept;

  /// Reads what serialise() wrote, on any machine.
  /// @throws InputError unless the length, magic and version fit and the values can be a Gram:
  ///   D <= 2^63, gg, yy >= 0, p^2 <= gg yy with equality for D = 1, all zero for D = 0, and
  ///   gg, yy <= D 2^2050
  static Gram deserialise(std::span<const std::byte> bytes);

  friend bool operator==(const Gram&, const Gram&) = default;

 private:
  /// Adds to this Gram. If it throws, the sums are lost.
  template <class V>
  void accumulate(const V& g, const V& y, std::uint64_t offset);
  template <class T>
  static void accumulate_groups(std::span<const T> g, std::span<const T> y,
                                std::span<const std::uint64_t> sizes, std::span<Gram> out);
  template <class V>
  void append(const V& g, const V& y);

  ExactSum gg_, gy_, yy_;
  std::uint64_t dimension_ = 0;
};

/// x.z as an exact number.
/// @pre x.size() == z.size() >= 1, all finite   @throws as Gram::of
/// Cost: one pass over x and z.
NATGRAD_API ExactSum exact_dot(std::span<const double> x, std::span<const double> z);

}  // namespace natgrad

#endif
