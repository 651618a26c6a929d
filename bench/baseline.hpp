// natgrad: what the benchmarks compare with: the same quantities in plain floating point, on one thread.
// Compiled for the machine it is built on.
#ifndef NATGRAD_BENCH_BASELINE_HPP
#define NATGRAD_BENCH_BASELINE_HPP

#include <cstddef>
#include <cstdint>

namespace natgrad::bench {

struct Triple {
  double gg, gy, yy;
};

/// g.g, y.g, y.y in one pass; floats are widened and summed in double.
Triple naive_triple(const double* g, const double* y, std::size_t n);
Triple naive_triple(const float* g, const float* y, std::size_t n);

/// Reads both arrays and little else: the sum of their elements.
double read(const double* g, const double* y, std::size_t n);
double read(const float* g, const float* y, std::size_t n);

/// M(a) of a pair, in doubles.
struct PlainMetric {
  const double *g, *y;
  std::size_t n;
  double gg, p, yy, a;
};

/// y (y.x)/p + a (x - g (g.x)/gg): one pass for both dot products, one of elements.
void plain_apply(const PlainMetric& m, const double* x, double* out);
/// x/a - (g (y.x) + y (g.x))/(a p) + (yy/(a p^2) + 1/p) g (g.x), likewise.
void plain_solve(const PlainMetric& m, const double* x, double* out);
/// The pass of elements alone: cx x + cy y + cg g.
void plain_elements(const PlainMetric& m, const double* x, double cx, double cy, double cg, double* out);

/// What the textbook formulas need.
struct PlainGram {
  double gg, p, yy, dimension;
};
struct PlainAlgebraic {
  double cosine, sine, alpha, lambda_min, lambda_max, condition, sqrt_condition, trace;
};
struct PlainScalars {
  PlainAlgebraic algebraic;
  double angle, log_condition, log_det;
};

/// At a, or at a* = yy/p if a = 0.
PlainAlgebraic plain_algebraic(const PlainGram& m, double a);
double plain_angle(const PlainGram& m);
double plain_log_condition(const PlainGram& m, double a);
double plain_log_det(const PlainGram& m, double a);
PlainScalars plain_scalars(const PlainGram& m, double a);

}  // namespace natgrad::bench

#endif
