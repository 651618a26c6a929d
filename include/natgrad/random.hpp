// natgrad: the library's own random numbers, so that a seed gives the same bits on every machine.
#ifndef NATGRAD_RANDOM_HPP
#define NATGRAD_RANDOM_HPP

#include <cstdint>

#include "natgrad/config.hpp"

namespace natgrad {

/// xoshiro256** (Blackman & Vigna 2021), its state filled by splitmix64 from the seed.
/// @claim random.sequence
class NATGRAD_API Random {
 public:
  explicit Random(std::uint64_t seed) noexcept;
  /// The next 64 bits.
  std::uint64_t next() noexcept;
  /// (next() >> 11) * 2^-53, mapped as lo + u (hi - lo) with one rounding to nearest per
  /// operation, whatever the caller's rounding mode.
  double uniform(double lo, double hi) noexcept;

 private:
  std::uint64_t state_[4];
};

}  // namespace natgrad

#endif
