// natgrad: the AVX2 kernels with certificates that promise too much: tests must find every one of them out.
#include <immintrin.h>

#include "kernels/table.hpp"

#define ALWAYS_INLINE __attribute__((always_inline))
#define INLINE static inline ALWAYS_INLINE
#define INLINE_MEMBER inline ALWAYS_INLINE

namespace natgrad::kernels {
namespace {

#include "kernels/vector_avx2.hpp"

constexpr std::size_t block = block_steps * lanes * ways;

#include "kernels/combine.hpp"

/// Products may be smaller than the last bin can hold.
namespace foot {
constexpr int footroom = -20;
#include "kernels/blocks.hpp"
}  // namespace foot

/// Sums may be larger than the first bin can hold.
namespace head {
constexpr int headroom = 56;
#include "kernels/blocks.hpp"
}  // namespace head

/// The low halves of products are taken to be smaller than they can be.
namespace low {
constexpr int footroom = 2;
#include "kernels/blocks.hpp"
}  // namespace low

}  // namespace

#define CANARY(which)                                                                                  \
  {                                                                                                    \
    "canary", block, which::gram<double>, which::gram<float>, which::dots, which::small_gram<double>,  \
        which::small_gram<float>, which::look_gram<double>, which::look_gram<float>, which::look_dots, \
        combine<double>, combine<float>                                                                \
  }

extern const Table canary_foot, canary_head, canary_low;
const Table canary_foot = CANARY(foot);
const Table canary_head = CANARY(head);
const Table canary_low = CANARY(low);

}  // namespace natgrad::kernels
