// natgrad: random numbers.
#include "natgrad/random.hpp"

#include <cfloat>

#include "float_scope.hpp"

namespace natgrad {

static_assert(FLT_EVAL_METHOD == 0, "natgrad: double arithmetic must round every operation to double");

namespace {

std::uint64_t rotate_left(std::uint64_t x, int k) {
  return (x << k) | (x >> (64 - k));
}

}  // namespace

Random::Random(std::uint64_t seed) noexcept {
  for (std::uint64_t& word : state_) {  // splitmix64
    seed += 0x9e3779b97f4a7c15;
    std::uint64_t z = seed;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    word = z ^ (z >> 31);
  }
}

std::uint64_t Random::next() noexcept {
  const std::uint64_t result = rotate_left(state_[1] * 5, 7) * 9;
  const std::uint64_t shifted = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= shifted;
  state_[3] = rotate_left(state_[3], 45);
  return result;
}

double Random::uniform(double lo, double hi) noexcept {
  const double u = static_cast<double>(next() >> 11) * 0x1p-53;
  // Volatile, because compilers move arithmetic across changes of the rounding mode.
  volatile double low = lo, high = hi, result;
  {
    const FloatScope scope;
    const double from = low;
    result = from + u * (high - from);
  }
  return result;
}

}  // namespace natgrad
