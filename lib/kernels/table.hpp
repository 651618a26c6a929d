// natgrad: the functions that exist once for every instruction set, behind one table.
//
// Sums are kept in bins. A bin is a vector of doubles that starts at 1.5 2^(52 + q) and stays within its
// binade, so that it holds an integer multiple of its quantum 2^q, and adding x to it rounds x to such a
// multiple t. What is left, x - t, is exact (it is the error of an addition) and goes to the next bin, whose
// quantum is 2^46 times smaller. The last bin takes all that is left to it. A product x z = h + l (two
// doubles, by a fused multiply-add) goes into two rows of `bins` bins each: h into one whose first quantum is
// 2^top, l into one whose first quantum is 2^(top - 53). (Rump, Ogita, Oishi, SIAM J. Sci. Comput. 31, 2008;
// Demmel, Nguyen, IEEE Trans. Comput. 64, 2015.)
//
// Certificate, for a block of 32 steps: every lane has
//   (1) sum |h| <= 2^50 2^top, and
//   (2) |h| >= 2^(top + 7 - 46 (bins - 2)) for every product that is not zero.
// Then every sum is exact:
//   - First bin of h: each partial sum of the t is at most sum |h| + 32 2^(top-1) < 2^51 2^top, so that the
//     bin stays in its binade.
//   - Later bins: what is left is at most half the quantum of the bin before; 32 of those are 2^50 quanta.
//   - Last bin of h: by (2) the unit in the last place of h, 2^-52 2^floor(log2 h), is at least
//     2^(top + 7 - 52 - 46 (bins - 2)) > 2^(top - 46 (bins - 1)), its quantum: only multiples come to it.
//   - First bin of l: sum |l| <= 2^-53 sum |h| <= 2^50 2^(top-53).
//   - Last bin of l: x z is a multiple of 2^-105 2^floor(log2 h), so by (2) of
//     2^(top + 7 - 105 - 46 (bins - 2)) > 2^(top - 53 - 46 (bins - 1)), its quantum.
// The sum in (1) is itself one of at most 32 positive doubles, or the first bin of squares; neither is off by
// 2^-40 of itself, which the bounds above have to spare. NaN and infinity fail (1).
//
// For g and y: with (1) and (2) for g_i^2 and y_i^2, top(gy) being the mean of the other two rounded up, (1)
// for g_i y_i follows by Cauchy-Schwarz and (2) follows as |g_i y_i| is the geometric mean of the squares
// (the mean of the exponents loses at most 1/2 by rounding up and the rounding of h at most another; the last
// bins need only 6 of the 7).
//
// Products neither overflow nor lose bits below 2^-1074 while |top| <= 690, by (1) and (2). A square that
// underflows to zero although its factor is not zero fails (2).
//
// Machine-checked, for a model of one lane, of all of them and of how their totals are joined: proofs/Gram.v.
#ifndef NATGRAD_LIB_KERNELS_TABLE_HPP
#define NATGRAD_LIB_KERNELS_TABLE_HPP

#include <cstddef>
#include <cstdint>

namespace natgrad::kernels {

// No functions here: a file compiled for one instruction set must not share inline symbols with another.
constexpr unsigned block_steps = 32;
/// Bins to a row that there are kernels for. Elements of a block may differ by factors of 2^20, 2^43, 2^66 or
/// 2^135.
constexpr unsigned bin_counts[] = {2, 3, 4, 7};
constexpr unsigned least_bins = 2, most_bins = 7, row_size = 8;
constexpr int bin_distance = 46, low_row = 53;
constexpr int most_top = 690;
constexpr int headroom = 50, footroom = 7;

/// Totals of the bins of one product: sum of high[k] 2^(top - 46 k) + low[k] 2^(top - 53 - 46 k). A product
/// of floats is one double and has no low row.
struct BinTotals {
  std::int64_t high[row_size], low[row_size];
};

/// The same of two bins to a row.
struct ShortTotals {
  std::int64_t high[2], low[2];
};

/// What a first look at a block says about one of its sums: the largest sum of |h| in a lane (NaN or infinite
/// if not all is finite), and the least |h| whose factors are not zero (infinite if there is none).
struct Extent {
  double sum, least;
};

/// Coefficients of a combination of three vectors, each high + low off by at most relative_error |high|,
/// |low| <= 2^-53 |high|. See combine.hpp.
struct Combination {
  double high[3], low[3];
  double relative_error;
};

struct Table {
  const char* name;
  /// Elements to a block: 32 steps, of one or two sets of bins.
  std::size_t block;
  /// Runs block by block over the n elements, adds to totals[gg, gy, yy] and returns how many elements were
  /// summed: all, or those before the first block without certificate. @pre n <= 2^15
  std::size_t (*gram_f64)(const double* g, const double* y, std::size_t n, unsigned bins, const int (&top)[3],
                          BinTotals (&totals)[3]);
  std::size_t (*gram_f32)(const float* g, const float* y, std::size_t n, unsigned bins, const int (&top)[3],
                          BinTotals (&totals)[3]);
  /// Likewise of a.x and, unless b is null, b.x.
  std::size_t (*dots_f64)(const double* a, const double* b, const double* x, std::size_t n, unsigned bins,
                          const int (&top)[2], BinTotals (&totals)[2]);
  /// The whole sums of gg, gy and yy of a short vector, with quanta of its own choice; false if they did not
  /// do.
  /// @pre 0 < n <= block
  bool (*small_gram_f64)(const double* g, const double* y, std::size_t n, int (&top)[3],
                         ShortTotals (&totals)[3]);
  bool (*small_gram_f32)(const float* g, const float* y, std::size_t n, int (&top)[3],
                         ShortTotals (&totals)[3]);
  /// Extents of gg and yy. @pre n <= block
  void (*look_gram_f64)(const double* g, const double* y, std::size_t n, Extent (&extents)[2]);
  void (*look_gram_f32)(const float* g, const float* y, std::size_t n, Extent (&extents)[2]);
  /// Extents of a.x and, unless b is null, b.x. @pre n <= block
  void (*look_dots_f64)(const double* a, const double* b, const double* x, std::size_t n,
                        Extent (&extents)[2]);
  /// Elements of a combination, each rounded correctly and stored, or left as it was and its bit set in
  /// `failed`, which has a word for every 64. Returns how many were left. `out` may be one of the vectors.
  std::size_t (*combine_f64)(const Combination& c, const double* first, const double* second,
                             const double* third, double* out, std::size_t n, std::uint64_t* failed);
  std::size_t (*combine_f32)(const Combination& c, const double* first, const float* second,
                             const double* third, float* out, std::size_t n, std::uint64_t* failed);
};

}  // namespace natgrad::kernels

#endif
