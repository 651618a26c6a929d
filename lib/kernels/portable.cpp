// natgrad: what every machine can do. Exact sums need no kernel of their own here: the superaccumulator makes
// them.
#include "kernels/table.hpp"

#define ALWAYS_INLINE __attribute__((always_inline))
#define INLINE static inline ALWAYS_INLINE

namespace natgrad::kernels {
namespace {

#include "kernels/vector_portable.hpp"

#include "kernels/combine.hpp"

}  // namespace

extern const Table portable;
const Table portable = {"portable", 0,       nullptr, nullptr, nullptr,         nullptr,
                        nullptr,    nullptr, nullptr, nullptr, combine<double>, combine<float>};

}  // namespace natgrad::kernels
