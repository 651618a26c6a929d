// natgrad: what the arithmetic of the exact Gram costs by itself.
#ifndef NATGRAD_BENCH_OPERATIONS_HPP
#define NATGRAD_BENCH_OPERATIONS_HPP

#include <cstddef>
#include <string>

namespace natgrad::bench {

/// Does what the loop of a kernel ("avx512" or "avx2") does to n elements of doubles that two bins suffice
/// for, on registers and with operands that are always ready: 15 additions, 15 multiplications (with or
/// without one), 2 minima and 2 comparisons a register of elements, and 2 more logical operations with AVX2.
/// False if there is no such kernel, or this is not its processor.
bool kernel_operations(const std::string& kernel, std::size_t n);

}  // namespace natgrad::bench

#endif
