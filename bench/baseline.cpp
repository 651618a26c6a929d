// natgrad: the plain floating-point loops and formulas that the benchmarks compare with.
#include "baseline.hpp"

#include <array>
#include <cmath>
#include <cstring>

namespace natgrad::bench {
namespace {

// A register of doubles, and as many elements of T. Twelve accumulators and their operands fit into the
// registers.
#ifdef __AVX512F__
constexpr std::size_t width = 8;
#else
constexpr std::size_t width = 4;
#endif
constexpr std::size_t chains = 4;

template <class T>
struct Register {
  typedef T type __attribute__((vector_size(width * sizeof(T))));
};
using Lanes = Register<double>::type;

template <class T>
Lanes load(const T* from) {
  typename Register<T>::type elements;
  std::memcpy(&elements, from, sizeof elements);
  return __builtin_convertvector(elements, Lanes);
}

/// As the kernels do: without it the plain loops would be slower than exact sums where memory is the limit.
template <class T>
void prefetch(const T* from) {
  __builtin_prefetch(reinterpret_cast<const char*>(from) + 4096);
}

double total(const std::array<Lanes, chains>& sums) {
  const Lanes lanes = (sums[0] + sums[1]) + (sums[2] + sums[3]);
  double out[width];
  std::memcpy(out, &lanes, sizeof out);
  for (std::size_t half = width / 2; half > 0; half /= 2)
    for (std::size_t i = 0; i < half; ++i) out[i] += out[i + half];
  return out[0];
}

// -ffp-contract=fast makes fused operations of these sums.
template <class T>
Triple triple(const T* g, const T* y, std::size_t n) {
  std::array<Lanes, chains> gg{}, gy{}, yy{};
  std::size_t i = 0;
  for (; i + chains * width <= n; i += chains * width) {
    for (std::size_t k = 0; k < chains; ++k) {
      prefetch(g + i + k * width);
      prefetch(y + i + k * width);
      const Lanes gi = load(g + i + k * width), yi = load(y + i + k * width);
      gg[k] += gi * gi;
      gy[k] += gi * yi;
      yy[k] += yi * yi;
    }
  }
  for (; i + width <= n; i += width) {
    const Lanes gi = load(g + i), yi = load(y + i);
    gg[0] += gi * gi;
    gy[0] += gi * yi;
    yy[0] += yi * yi;
  }
  Triple out{total(gg), total(gy), total(yy)};
  for (; i < n; ++i) {
    const double gi = g[i], yi = y[i];
    out.gg += gi * gi;
    out.gy += gi * yi;
    out.yy += yi * yi;
  }
  return out;
}

template <class T>
double sum(const T* g, const T* y, std::size_t n) {
  std::array<Lanes, chains> of_g{}, of_y{};
  std::size_t i = 0;
  for (; i + chains * width <= n; i += chains * width) {
    for (std::size_t k = 0; k < chains; ++k) {
      prefetch(g + i + k * width);
      prefetch(y + i + k * width);
      of_g[k] += load(g + i + k * width);
      of_y[k] += load(y + i + k * width);
    }
  }
  double out = total(of_g) + total(of_y);
  for (; i < n; ++i) out += g[i] + y[i];
  return out;
}

/// g.x and y.x in one pass.
struct Products {
  double gx, yx;
};
Products products(const PlainMetric& m, const double* x) {
  std::array<Lanes, chains> gx{}, yx{};
  std::size_t i = 0;
  for (; i + chains * width <= m.n; i += chains * width) {
    for (std::size_t k = 0; k < chains; ++k) {
      prefetch(x + i + k * width);
      prefetch(m.g + i + k * width);
      prefetch(m.y + i + k * width);
      const Lanes xi = load(x + i + k * width);
      gx[k] += load(m.g + i + k * width) * xi;
      yx[k] += load(m.y + i + k * width) * xi;
    }
  }
  Products out{total(gx), total(yx)};
  for (; i < m.n; ++i) {
    out.gx += m.g[i] * x[i];
    out.yx += m.y[i] * x[i];
  }
  return out;
}

double optimal(const PlainGram& m) {
  return m.yy / m.p;
}

}  // namespace

Triple naive_triple(const double* g, const double* y, std::size_t n) {
  return triple(g, y, n);
}
Triple naive_triple(const float* g, const float* y, std::size_t n) {
  return triple(g, y, n);
}
double read(const double* g, const double* y, std::size_t n) {
  return sum(g, y, n);
}
double read(const float* g, const float* y, std::size_t n) {
  return sum(g, y, n);
}

void plain_elements(const PlainMetric& m, const double* __restrict x, double cx, double cy, double cg,
                    double* __restrict out) {
  const double* __restrict g = m.g, * __restrict y = m.y;
  for (std::size_t i = 0; i < m.n; ++i) out[i] = cx * x[i] + cy * y[i] + cg * g[i];
}

void plain_apply(const PlainMetric& m, const double* x, double* out) {
  const auto [gx, yx] = products(m, x);
  plain_elements(m, x, m.a, yx / m.p, -m.a * gx / m.gg, out);
}

void plain_solve(const PlainMetric& m, const double* x, double* out) {
  const auto [gx, yx] = products(m, x);
  const double ap = m.a * m.p;
  plain_elements(m, x, 1 / m.a, -gx / ap, (m.yy / (ap * m.p) + 1 / m.p) * gx - yx / ap, out);
}

PlainAlgebraic plain_algebraic(const PlainGram& m, double a) {
  const double best = optimal(m), squares = m.gg * m.yy;
  PlainAlgebraic out{};
  out.cosine = m.p / std::sqrt(squares);
  out.sine = std::sqrt((squares - m.p * m.p) / squares);
  out.alpha = a == 0 ? best : a;
  const double sum = out.alpha + best, difference = out.alpha - best;
  const double root = std::sqrt(difference * difference + 4 * out.alpha * best * out.sine * out.sine);
  out.lambda_min = (sum - root) / 2;
  out.lambda_max = (sum + root) / 2;
  out.condition = out.lambda_max / out.lambda_min;
  out.sqrt_condition = std::sqrt(out.condition);
  out.trace = best + (m.dimension - 1) * out.alpha;
  return out;
}

double plain_angle(const PlainGram& m) {
  return std::acos(m.p / std::sqrt(m.gg * m.yy));
}

double plain_log_condition(const PlainGram& m, double a) {
  return std::log(plain_algebraic(m, a).condition);
}

double plain_log_det(const PlainGram& m, double a) {
  return (m.dimension - 1) * std::log(a == 0 ? optimal(m) : a) + std::log(m.p) - std::log(m.gg);
}

PlainScalars plain_scalars(const PlainGram& m, double a) {
  const PlainAlgebraic algebraic = plain_algebraic(m, a);
  return {algebraic, std::acos(algebraic.cosine), std::log(algebraic.condition), plain_log_det(m, a)};
}

}  // namespace natgrad::bench
