// natgrad: exact sums of products, at the speed of memory.
//
// Which instruction set does it is decided once, from the CPU; all give the same bits, so that it is nobody's
// business but the clock's. NATGRAD_KERNEL=portable|avx2|avx512 forces one, and NATGRAD_KERNEL=exact does
// without any fast path. Long vectors are shared between threads.
#ifndef NATGRAD_LIB_KERNELS_KERNELS_HPP
#define NATGRAD_LIB_KERNELS_KERNELS_HPP

#include <array>
#include <cstddef>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "kernels/table.hpp"
#include "natgrad/gram.hpp"

namespace natgrad::kernels {

using Words = ExactSum::Words;

/// What a kernel adds to.
struct GramSums {
  Words &gg, &gy, &yy;
};

/// A vector of doubles, or of unevaluated pairs if `second` is not null.
struct Operand {
  const double* first;
  const double* second;
};

/// These add the exact sums over n elements and return n; or they return the index of the first element that
/// is not finite, the sums being then unspecified. They leave the floating-point environment, flags included,
/// as it was.
/// @throws ContractError if NATGRAD_KERNEL names none of this machine's kernels
std::size_t gram(const double* g, const double* y, std::size_t n, GramSums sums);
std::size_t gram(const float* g, const float* y, std::size_t n, GramSums sums);
std::size_t gram(Operand g, Operand y, std::size_t n, GramSums sums);
std::size_t dot(const double* x, const double* z, std::size_t n, Words& sum);
/// a.x and b.x in one pass.
std::size_t dots(const double* a, const double* b, const double* x, std::size_t n, Words& ax, Words& bx);
std::size_t dots(const double* a, const double* b, const float* x, std::size_t n, Words& ax, Words& bx);

/// a.x and b.x for every column x of a matrix, n long, one after the other: a and b are read once for `group`
/// columns. Returns the first column with an element that is not finite, or `columns`.
std::size_t dots_of_columns(const double* a, const double* b, const double* x, std::size_t n,
                            std::size_t columns, Words* ax, Words* bx);

/// out_i = c1 first_i + c2 second_i + c3 third_i, correctly rounded. Nearly all elements are certified as
/// they are computed in twice the precision; exact(i), which may be called from several threads, says what
/// the others are. Without coefficients all are left to exact(i). `out` may be one of the vectors: exact(i)
/// finds their i-th elements still in place. @pre all are finite
void combine(const std::optional<Combination>& c, const double* first, const double* second,
             const double* third, double* out, std::size_t n,
             const std::function<double(std::size_t)>& exact);
void combine(const std::optional<Combination>& c, const double* first, const float* second,
             const double* third, float* out, std::size_t n, const std::function<float(std::size_t)>& exact);

/// The same of every column of `second`, into that of `out`; exact(i, column).
void combine_columns(const std::optional<Combination>* c, const double* first, const double* second,
                     const double* third, double* out, std::size_t n, std::size_t columns,
                     const std::function<double(std::size_t, std::size_t)>& exact);

/// to += from
void add(Words& to, const Words& from);

/// The kernel in use.
std::string_view active();
/// Those that this machine has, the fastest first.
std::vector<std::string_view> available();

}  // namespace natgrad::kernels

#endif
