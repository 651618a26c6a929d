#include "canonical_form_general_reference.hpp"

#include <utility>

namespace natgrad::test {

std::vector<double> doubles_of(const arma::vec& x) {
  return {x.begin(), x.end()};
}
std::vector<RationalVector> columns_of(const arma::mat& u) {
  std::vector<RationalVector> out;
  for (arma::uword j = 0; j < u.n_cols; ++j) out.push_back(exact_vector(u.col(j)));
  return out;
}

RationalMatrix projector(const ExactPair& pair) {
  const std::size_t n = pair.g.size();
  RationalMatrix p(n, RationalVector(n));
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < n; ++j) p[i][j] = (i == j ? 1 : 0) - pair.g[i] * pair.g[j] / pair.gg;
  return p;
}

RationalMatrix product(const RationalMatrix& a, const RationalMatrix& b) {
  const std::size_t n = a.size(), k = b.size(), m = b.empty() ? 0 : b[0].size();
  RationalMatrix c(n, RationalVector(m));
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < m; ++j)
      for (std::size_t l = 0; l < k; ++l) c[i][j] += a[i][l] * b[l][j];
  return c;
}

RationalMatrix transpose(const RationalMatrix& a) {
  const std::size_t n = a.size(), m = a.empty() ? 0 : a[0].size();
  RationalMatrix t(m, RationalVector(n));
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < m; ++j) t[j][i] = a[i][j];
  return t;
}

RationalVector project(const ExactPair& pair, const RationalVector& x) {
  const Rational along = dot(pair.g, x) / pair.gg;
  RationalVector out;
  for (std::size_t i = 0; i < x.size(); ++i) out.push_back(x[i] - along * pair.g[i]);
  return out;
}

RationalMatrix metric_of_basis(const ExactPair& pair, const std::vector<RationalVector>& columns) {
  const std::size_t n = pair.g.size();
  RationalMatrix m(n, RationalVector(n));
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < n; ++j) m[i][j] = pair.y[i] * pair.y[j] / pair.p;
  for (const RationalVector& column : columns) {
    const RationalVector w = project(pair, column);
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t j = 0; j < n; ++j) m[i][j] += w[i] * w[j];
  }
  return m;
}

RationalMatrix metric_of_block(const ExactPair& pair, const RationalMatrix& b) {
  const RationalMatrix p = projector(pair);
  RationalMatrix m = product(product(p, b), p);
  for (std::size_t i = 0; i < m.size(); ++i)
    for (std::size_t j = 0; j < m.size(); ++j) m[i][j] += pair.y[i] * pair.y[j] / pair.p;
  return m;
}

RationalMatrix metric_of_diagonal(const ExactPair& pair, const RationalVector& d) {
  RationalMatrix b(d.size(), RationalVector(d.size()));
  for (std::size_t i = 0; i < d.size(); ++i) b[i][i] = d[i];
  return metric_of_block(pair, b);
}

RationalVector solve_linear(RationalMatrix a, RationalVector b) {
  const std::size_t n = a.size();
  for (std::size_t k = 0; k < n; ++k) {
    std::size_t pivot = k;
    while (pivot < n && a[pivot][k] == 0) ++pivot;
    if (pivot == n) return {};
    std::swap(a[pivot], a[k]);
    std::swap(b[pivot], b[k]);
    for (std::size_t i = 0; i < n; ++i) {
      if (i == k || a[i][k] == 0) continue;
      const Rational factor = a[i][k] / a[k][k];
      for (std::size_t j = k; j < n; ++j) a[i][j] -= factor * a[k][j];
      b[i] -= factor * b[k];
    }
  }
  for (std::size_t k = 0; k < n; ++k) b[k] /= a[k][k];
  return b;
}

std::size_t rank_of(RationalMatrix a) {
  const std::size_t n = a.size(), m = a.empty() ? 0 : a[0].size();
  std::size_t rank = 0;
  for (std::size_t j = 0; j < m && rank < n; ++j) {
    std::size_t pivot = rank;
    while (pivot < n && a[pivot][j] == 0) ++pivot;
    if (pivot == n) continue;
    std::swap(a[pivot], a[rank]);
    for (std::size_t i = rank + 1; i < n; ++i) {
      const Rational factor = a[i][j] / a[rank][j];
      for (std::size_t l = j; l < m; ++l) a[i][l] -= factor * a[rank][l];
    }
    ++rank;
  }
  return rank;
}

bool positive_definite(RationalMatrix a) {
  for (std::size_t k = 0; k < a.size(); ++k) {
    if (a[k][k] <= 0) return false;
    for (std::size_t i = k + 1; i < a.size(); ++i) {
      const Rational factor = a[i][k] / a[k][k];
      for (std::size_t j = k + 1; j < a.size(); ++j) a[i][j] -= factor * a[k][j];
    }
  }
  return true;
}

std::vector<double> factor_times(const ExactPair& pair, const std::vector<RationalVector>& columns,
                                 const RationalVector& z) {
  const std::size_t n = pair.g.size();
  RationalVector across(n);
  for (std::size_t j = 0; j < columns.size(); ++j) {
    const RationalVector w = project(pair, columns[j]);
    for (std::size_t i = 0; i < n; ++i) across[i] += z[j + 1] * w[i];
  }
  std::vector<double> out;
  for (std::size_t i = 0; i < n; ++i) {
    const Rational by_y = pair.y[i] * z[0];
    out.push_back(by_y == 0 ? nearest(across[i])
                            : converged([&] { return real(by_y) / sqrt(real(pair.p)) + real(across[i]); }));
  }
  return out;
}

std::vector<double> factor_transpose_times(const ExactPair& pair, const std::vector<RationalVector>& columns,
                                           const RationalVector& x) {
  const Rational yx = dot(pair.y, x);
  std::vector<double> out{yx == 0 ? 0.0 : converged([&] { return real(yx) / sqrt(real(pair.p)); })};
  for (const RationalVector& column : columns) out.push_back(nearest(dot(project(pair, column), x)));
  return out;
}

RationalVector factor_inverse_times(const ExactPair& pair, const std::vector<RationalVector>& columns,
                                    const RationalVector& x) {
  RationalMatrix rows{pair.y};
  for (const RationalVector& column : columns) rows.push_back(project(pair, column));
  return solve_linear(transpose(rows), x);
}

bool root_within(const Rational& p, const Rational& w, double value, double bound) {
  // |sqrt(p) w - v| <= b: v - b <= sqrt(p) w <= v + b, each by the sign and the square.
  const Rational square = p * w * w;
  const auto at_least = [&](const Rational& a) {  // sqrt(p) w >= a
    if (w >= 0) return a <= 0 || square >= a * a;
    return a <= 0 && square <= a * a;
  };
  const auto at_most = [&](const Rational& a) {
    if (w > 0) return a >= 0 && square <= a * a;
    return a >= 0 || square >= a * a;
  };
  return at_least(exact(value) - exact(bound)) && at_most(exact(value) + exact(bound));
}

}  // namespace natgrad::test
