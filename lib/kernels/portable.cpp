// natgrad: what every machine can do. Exact sums need no kernel of their own here: the superaccumulator makes
// them.
#include "kernels/table.hpp"

#define ALWAYS_INLINE __attribute__((always_inline))
#define INLINE static inline ALWAYS_INLINE

namespace natgrad::kernels {
namespace {

#include "kernels/vector_portable.hpp"

#include "kernels/combine.hpp"

template <class T>
std::size_t leave_all(const Combination&, const double*, const T*, const double*, T*, std::size_t n,
                      std::uint64_t* failed) {
  for (std::size_t i = 0; i < n; ++i) failed[i / 64] |= std::uint64_t{1} << i % 64;
  return n;
}

}  // namespace

extern const Table portable, exact_only;
const Table portable = {"portable", 0,       nullptr, nullptr, nullptr,         nullptr,
                        nullptr,    nullptr, nullptr, nullptr, combine<double>, combine<float>};

/// No floating point at all, so that what decides in doubt can be tested by itself.
const Table exact_only = {"exact", 0,       nullptr, nullptr, nullptr,           nullptr,
                          nullptr, nullptr, nullptr, nullptr, leave_all<double>, leave_all<float>};

}  // namespace natgrad::kernels
