// natgrad: the table of kernels for exact sums of products. One implementation per instruction set; all
// give the same bits, so that which one runs is nobody's business but the clock's.
#ifndef NATGRAD_LIB_KERNELS_KERNELS_HPP
#define NATGRAD_LIB_KERNELS_KERNELS_HPP

#include <cstddef>

#include "natgrad/gram.hpp"

namespace natgrad::kernels {

/// What a kernel adds to.
struct GramSums {
  ExactSum::Words gg{}, gy{}, yy{};
};

/// A vector of doubles, or of unevaluated pairs if `second` is not null.
struct Operand {
  const double* first;
  const double* second;
};

/// Kernels add the exact sums over n elements and return n; or the index of the first element that is not
/// finite, the sums being then unspecified. They touch neither the floating-point environment nor its flags.
struct Table {
  const char* name;
  std::size_t (*gram_f64)(const double* g, const double* y, std::size_t n, GramSums& sums);
  std::size_t (*gram_f32)(const float* g, const float* y, std::size_t n, GramSums& sums);
  std::size_t (*gram_pair)(Operand g, Operand y, std::size_t n, GramSums& sums);
  std::size_t (*dot_f64)(const double* x, const double* z, std::size_t n, ExactSum::Words& sum);
};

extern const Table portable;

/// The table in use.
inline const Table& active() {
  return portable;
}

}  // namespace natgrad::kernels

#endif
