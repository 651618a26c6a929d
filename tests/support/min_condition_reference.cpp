// natgrad: textbook formulas of min_condition in rationals and self-checking multiprecision.
#include "min_condition_reference.hpp"

#include <limits>
#include <stdexcept>
#include <utility>

namespace natgrad::test {

RationalMatrix identity(std::size_t n) {
  RationalMatrix m(n, RationalVector(n));
  for (std::size_t i = 0; i < n; ++i) m[i][i] = 1;
  return m;
}

RationalMatrix operator*(const RationalMatrix& a, const RationalMatrix& b) {
  RationalMatrix m(a.size(), RationalVector(b.empty() ? 0 : b[0].size()));
  for (std::size_t i = 0; i < a.size(); ++i)
    for (std::size_t k = 0; k < b.size(); ++k) {
      if (a[i][k] == 0) continue;
      for (std::size_t j = 0; j < b[k].size(); ++j) m[i][j] += a[i][k] * b[k][j];
    }
  return m;
}

RationalMatrix plus(const RationalMatrix& a, const Rational& factor, const RationalMatrix& b) {
  RationalMatrix m = a;
  for (std::size_t i = 0; i < a.size(); ++i)
    for (std::size_t j = 0; j < a[i].size(); ++j) m[i][j] += factor * b[i][j];
  return m;
}

RationalMatrix transposed(const RationalMatrix& a) {
  RationalMatrix m(a.empty() ? 0 : a[0].size(), RationalVector(a.size()));
  for (std::size_t i = 0; i < a.size(); ++i)
    for (std::size_t j = 0; j < a[i].size(); ++j) m[j][i] = a[i][j];
  return m;
}

RationalVector solved(RationalMatrix a, RationalVector b) {
  const std::size_t n = a.size();
  for (std::size_t k = 0; k < n; ++k) {
    std::size_t pivot = k;
    while (pivot < n && a[pivot][k] == 0) ++pivot;
    if (pivot == n) throw std::logic_error("the reference was asked to solve a singular system");
    std::swap(a[k], a[pivot]);
    std::swap(b[k], b[pivot]);
    for (std::size_t i = k + 1; i < n; ++i) {
      if (a[i][k] == 0) continue;
      const Rational factor = a[i][k] / a[k][k];
      for (std::size_t j = k; j < n; ++j) a[i][j] -= factor * a[k][j];
      b[i] -= factor * b[k];
    }
  }
  for (std::size_t k = n; k-- > 0;) {
    for (std::size_t j = k + 1; j < n; ++j) b[k] -= a[k][j] * b[j];
    b[k] /= a[k][k];
  }
  return b;
}

RationalMatrix outer(const RationalVector& x) {
  RationalMatrix m(x.size(), RationalVector(x.size()));
  for (std::size_t i = 0; i < x.size(); ++i)
    for (std::size_t j = 0; j < x.size(); ++j) m[i][j] = x[i] * x[j];
  return m;
}

namespace {

Real cosine_now(const ExactPair& pair) {
  return real(pair.p) / sqrt(real(pair.gg) * real(pair.yy));
}

bool parallel(const ExactPair& pair) {
  return pair.p * pair.p == pair.gg * pair.yy;
}

/// The pair's M(a*), whatever a the pair was given.
RationalMatrix optimal(const ExactPair& pair) {
  ExactPair at_star = pair;
  at_star.a = pair.star();
  return dense(at_star);
}

Rational quadratic(const RationalMatrix& m, const RationalVector& x) {
  return dot(x, multiply(m, x));
}

}  // namespace

double condition_minus_one(const ExactPair& pair) {
  if (parallel(pair)) return 0;
  return converged([block = plane(pair)]() -> Real {
    const auto [least, greatest] = block.eigenvalues();
    return greatest / least - 1;
  });
}

double log_condition_by_angle(const ExactPair& pair) {
  return converged([&]() -> Real { return 2 / cosine_now(pair); });
}

double log_condition_by_log_cosine(const ExactPair& pair) {
  if (parallel(pair)) return -std::numeric_limits<double>::infinity();
  return converged([&]() -> Real { return -2 / sqrt(real(pair.sine_squared())); });
}

Rational slack(const ExactPair& pair, const Rational& m, const Rational& l) {
  RationalVector u, v;
  for (std::size_t i = 0; i < pair.g.size(); ++i) {
    u.push_back(pair.y[i] - m * pair.g[i]);
    v.push_back(l * pair.g[i] - pair.y[i]);
  }
  return dot(u, v);
}

double excess(const ExactPair& pair, const Rational& m, const Rational& l) {
  // kappa by the product of the eigenvalues: with a smallest one that has cancelled away, two precisions
  // might agree on l/m alone.
  const Rational det = pair.dimension() == 1 ? pair.star() * pair.star() : pair.a * pair.p / pair.gg;
  return converged([&, block = plane(pair)]() -> Real {
    const Real greatest = block.eigenvalues().second;
    return real(l / m) - greatest * greatest / real(det);
  });
}

bool spectrum_within(const RationalMatrix& a, const Rational& m, const Rational& l) {
  const RationalMatrix one = identity(a.size()), none(a.size(), RationalVector(a.size()));
  return negative_eigenvalues(plus(a, -m, one)) == 0 &&
         negative_eigenvalues(plus(plus(none, l, one), -1, a)) == 0;
}

std::optional<RationalMatrix> metric_within(const ExactPair& pair, const Rational& m, const Rational& l) {
  const std::size_t n = pair.g.size();
  RationalVector u;
  bool zero = true;
  for (std::size_t i = 0; i < n; ++i) {
    u.push_back(pair.y[i] - m * pair.g[i]);
    zero = zero && u.back() == 0;
  }
  RationalMatrix metric = plus(RationalMatrix(n, RationalVector(n)), m, identity(n));
  if (!zero) {
    const Rational along = dot(u, pair.g);
    if (along == 0) return std::nullopt;
    metric = plus(metric, 1 / along, outer(u));
  }
  if (multiply(metric, pair.g) != pair.y || !spectrum_within(metric, m, l)) return std::nullopt;
  return metric;
}

RationalMatrix metric_from(const ExactPair& pair, const RationalMatrix& columns) {
  const std::size_t n = pair.g.size();
  RationalMatrix m = plus(RationalMatrix(n, RationalVector(n)), 1 / pair.p, outer(pair.y));
  for (RationalVector u : columns) {
    const Rational along = dot(u, pair.g) / pair.gg;
    for (std::size_t i = 0; i < n; ++i) u[i] -= along * pair.g[i];
    m = plus(m, 1, outer(u));
  }
  return m;
}

bool is_minimiser(const RationalMatrix& m, const ExactPair& pair) {
  const std::size_t n = m.size();
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < i; ++j)
      if (m[i][j] != m[j][i]) return false;
  if (multiply(m, pair.g) != pair.y) return false;
  RationalMatrix z = plus(m * m, -2 * pair.star(), m);
  z = plus(z, pair.yy / pair.gg, identity(n));
  return negative_eigenvalues(plus(RationalMatrix(n, RationalVector(n)), -1, z)) == 0;
}

std::optional<RationalMatrix> minimiser(const ExactPair& pair, const std::vector<RationalVector>& columns,
                                        const RationalVector& values) {
  const std::size_t n = pair.g.size();
  std::vector<RationalVector> basis{pair.g}, queue;
  if (!parallel(pair)) queue.push_back(pair.y);
  const std::size_t first = 1 + queue.size();
  queue.insert(queue.end(), columns.begin(), columns.end());
  for (RationalVector q : queue) {
    for (const RationalVector& b : basis) {
      const Rational along = dot(b, q) / dot(b, b);
      for (std::size_t i = 0; i < n; ++i) q[i] -= along * b[i];
    }
    if (dot(q, q) == 0) return std::nullopt;
    basis.push_back(std::move(q));
  }
  RationalMatrix m = optimal(pair);
  for (std::size_t j = 0; j < values.size(); ++j) {
    const RationalVector& q = basis[first + j];
    m = plus(m, (values[j] - pair.star()) / dot(q, q), outer(q));
  }
  return m;
}

RationalMatrix complement_projector(const ExactPair& pair) {
  RationalMatrix m = plus(identity(pair.g.size()), -1 / pair.gg, outer(pair.g));
  const RationalVector w = multiply(m, pair.y);
  if (const Rational ww = dot(w, w); ww != 0) m = plus(m, -1 / ww, outer(w));
  return m;
}

RationalMatrix projected(const ExactPair& pair, const RationalMatrix& c) {
  const RationalMatrix outside = complement_projector(pair);
  return plus(optimal(pair), 1, outside * plus(c, -pair.star(), identity(c.size())) * outside);
}

RelativeReference::RelativeReference(const ExactPair& pair, const RationalMatrix& m0)
    : gmg(quadratic(m0, pair.g)), ymy(dot(pair.y, solved(m0, pair.y))), p(pair.p) {
  alpha = ymy / p;
  metric = bfgs_update(plus(RationalMatrix(m0.size(), RationalVector(m0.size())), alpha, m0), pair);
}

Real RelativeReference::cosine() const {
  return real(p) / sqrt(real(gmg * ymy));
}
Real RelativeReference::sqrt_condition() const {
  return (1 + sqrt(real(1 - p * p / (gmg * ymy)))) / cosine();
}
Real RelativeReference::condition() const {
  const Real root = sqrt_condition();
  return root * root;
}
Real RelativeReference::log_condition() const {
  return 2 * log(sqrt_condition());
}

bool RelativeReference::attains(const RationalMatrix& m, const RationalMatrix& m0) const {
  // (M - x M0) M0^-1 (z M0 - M) >= 0 with x + z = 2 at, x z = ymy/gmg.
  RationalMatrix inverse_times;  // M0^-1 M by columns, as M is symmetric
  for (const RationalVector& column : m) inverse_times.push_back(solved(m0, column));
  RationalMatrix z = plus(m * transposed(inverse_times), -2 * alpha, m);
  z = plus(z, ymy / gmg, m0);
  return negative_eigenvalues(plus(RationalMatrix(m.size(), RationalVector(m.size())), -1, z)) == 0;
}

}  // namespace natgrad::test
