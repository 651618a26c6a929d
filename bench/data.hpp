// natgrad: vectors for benchmarks.
#ifndef NATGRAD_BENCH_DATA_HPP
#define NATGRAD_BENCH_DATA_HPP

#include <cstddef>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <vector>

#include "natgrad/gram.hpp"

namespace natgrad::bench {

/// At the start of a cache line, so that a contender's time does not depend on where malloc puts its vectors.
template <class T>
struct Aligned {
  using value_type = T;
  static constexpr std::align_val_t line{64};

  T* allocate(std::size_t n) { return static_cast<T*>(::operator new(n * sizeof(T), line)); }
  void deallocate(T* p, std::size_t) { ::operator delete(p, line); }
  friend bool operator==(Aligned, Aligned) { return true; }
};

template <class T>
using Vector = std::vector<T, Aligned<T>>;

template <class T>
struct Pair {
  Vector<T> g, y;
};

/// A pair of a kind, the same in each run:
///   normal         standard normal
///   exponentsK     sign U[1, 2) 2^k, k uniform in -K .. K
///   lognormalS     sign exp(S z), z standard normal
///   bits           random bits, as long as they are finite numbers
///   cosC           normal g and y with y.g = C |g||y|, up to the rounding of y (doubles)
/// Throws std::invalid_argument for another kind.
template <class T>
Pair<T> make_pair(const std::string& kind, std::size_t n);

/// Standard normal with p > 0, so that there is a metric.
Pair<double> descending_pair(std::size_t n);
/// Standard normal.
Vector<double> normal_vector(std::size_t n, unsigned seed);

}  // namespace natgrad::bench

#endif
