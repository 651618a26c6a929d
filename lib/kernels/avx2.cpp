// natgrad: the kernels for AVX2 and FMA. Compiled for it whatever the rest is compiled for; calls nothing but
// itself.
#include "kernels/table.hpp"

#include <immintrin.h>

#define ALWAYS_INLINE __attribute__((always_inline))
#define INLINE static inline ALWAYS_INLINE
#define INLINE_MEMBER inline ALWAYS_INLINE

namespace natgrad::kernels {
namespace {

#include "kernels/vector_avx2.hpp"

constexpr std::size_t block = block_steps * lanes * ways;

#include "kernels/combine.hpp"

#include "kernels/blocks.hpp"

}  // namespace

extern const Table avx2;
const Table avx2 = {"avx2",
                    block,
                    gram<double>,
                    gram<float>,
                    dots,
                    small_gram<double>,
                    small_gram<float>,
                    look_gram<double>,
                    look_gram<float>,
                    look_dots,
                    combine<double>,
                    combine<float>};

}  // namespace natgrad::kernels
