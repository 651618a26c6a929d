// natgrad: what the arithmetic of the exact Gram costs by itself.
#include "operations.hpp"

namespace natgrad::bench {

#if defined(__x86_64__)
namespace {

// Results are never read, so that nothing waits for anything. Products stand for fused operations, too: the
// same units do them.
#define OPERATION(name, r, to) name " %%" r "14, %%" r "15, %%" to "\n\t"
#define ADD(r, k) OPERATION("vaddpd", r, r k)
#define MULTIPLY(r, k) OPERATION("vmulpd", r, r k)
#define THREE(r) ADD(r, "0") MULTIPLY(r, "1") ADD(r, "2") MULTIPLY(r, "3") ADD(r, "4") MULTIPLY(r, "5")
#define CHECK(r, k, to) OPERATION("vminpd", r, r k) OPERATION("vcmpeqpd", r, to)
#define CHECK_AVX2(k, to, zeros) CHECK("ymm", k, to) OPERATION("vorpd", "ymm", "ymm" zeros)
#define FIFTEEN(r) THREE(r) THREE(r) THREE(r) THREE(r) THREE(r)
#define STEP_AVX512 FIFTEEN("zmm") CHECK("zmm", "0", "k1") CHECK("zmm", "1", "k2")
#define STEP_AVX2 FIFTEEN("ymm") CHECK_AVX2("0", "ymm1", "2") CHECK_AVX2("3", "ymm4", "5")
#define CLEAR(name, r) name " %%" r "14, %%" r "14, %%" r "14\n\t" name " %%" r "15, %%" r "15, %%" r "15"
#define REGISTERS "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm14", "xmm15"

__attribute__((target("avx512f"))) void operations_avx512(std::size_t steps) {
  __asm__ volatile(CLEAR("vpxorq", "zmm")::: REGISTERS);
  for (std::size_t i = 0; i < steps; ++i) __asm__ volatile(STEP_AVX512::: REGISTERS, "k1", "k2");
  __asm__ volatile("vzeroupper" ::: REGISTERS);
}

__attribute__((target("avx2"))) void operations_avx2(std::size_t steps) {
  __asm__ volatile(CLEAR("vpxor", "ymm")::: REGISTERS);
  for (std::size_t i = 0; i < steps; ++i) __asm__ volatile(STEP_AVX2::: REGISTERS);
  __asm__ volatile("vzeroupper" ::: REGISTERS);
}

}  // namespace

bool kernel_operations(const std::string& kernel, std::size_t n) {
  if (kernel == "avx512" && __builtin_cpu_supports("avx512f") != 0) {
    operations_avx512((n + 7) / 8);
    return true;
  }
  if (kernel == "avx2" && __builtin_cpu_supports("avx2") != 0) {
    operations_avx2((n + 3) / 4);
    return true;
  }
  return false;
}

#else

bool kernel_operations(const std::string&, std::size_t) {
  return false;
}

#endif

}  // namespace natgrad::bench
