#include "uniqueness_reference.hpp"

#include <cmath>
#include <limits>

namespace natgrad::test::uniqueness {

Rational form(const RationalMatrix& m, const RationalVector& x) {
  return dot(x, multiply(m, x));
}

Inertia inertia(const RationalMatrix& m) {
  RationalMatrix opposite = m;
  for (RationalVector& row : opposite)
    for (Rational& entry : row) entry = -entry;
  return {negative_eigenvalues(opposite), negative_eigenvalues(m)};
}

bool positive_definite(const RationalMatrix& m) {
  return inertia(m).positive == m.size();
}

RationalMatrix shifted(RationalMatrix m, const Rational& x) {
  for (std::size_t i = 0; i < m.size(); ++i) m[i][i] -= x;
  return m;
}

std::size_t rank(RationalMatrix a) {
  std::size_t done = 0;
  const std::size_t columns = a.empty() ? 0 : a[0].size();
  for (std::size_t j = 0; j < columns && done < a.size(); ++j) {
    std::size_t pivot_row = done;
    while (pivot_row < a.size() && a[pivot_row][j] == 0) ++pivot_row;
    if (pivot_row == a.size()) continue;
    std::swap(a[done], a[pivot_row]);
    for (std::size_t i = done + 1; i < a.size(); ++i) {
      const Rational factor = a[i][j] / a[done][j];
      for (std::size_t l = j; l < columns; ++l) a[i][l] -= factor * a[done][l];
    }
    ++done;
  }
  return done;
}

Rational squared_norm(const RationalMatrix& m) {
  Rational sum = 0;
  for (const RationalVector& row : m)
    for (const Rational& entry : row) sum += entry * entry;
  return sum;
}

bool encloses_root(double lo, double hi, const Rational& square) {
  if (!(lo >= 0) || !(hi >= lo)) return false;
  if (exact(lo) * exact(lo) > square) return false;
  if (std::isfinite(hi) && exact(hi) * exact(hi) < square) return false;
  return hi == lo || std::nextafter(lo, std::numeric_limits<double>::infinity()) == hi;
}

Remainder remainder(const RationalMatrix& m, const RationalVector& g) {
  Remainder r;
  r.y = multiply(m, g);
  r.p = dot(r.y, g);
  if (r.p == 0) return r;
  r.b = m;
  for (std::size_t i = 0; i < g.size(); ++i)
    for (std::size_t j = 0; j < g.size(); ++j) r.b[i][j] -= r.y[i] * r.y[j] / r.p;
  return r;
}

std::size_t pivot(const RationalVector& g) {
  std::size_t k = 0;
  for (std::size_t i = 0; i < g.size(); ++i)
    if (abs(g[i]) > abs(g[k])) k = i;
  return k;
}

RationalMatrix basis(const RationalVector& g) {
  const std::size_t d = g.size(), k = pivot(g);
  RationalMatrix e(d, RationalVector(d - 1));
  for (std::size_t j = 0; j + 1 < d; ++j) {
    const std::size_t row = j < k ? j : j + 1;
    e[row][j] = 1;
    e[k][j] = -g[row] / g[k];
  }
  return e;
}

namespace {

// E A E^T
RationalMatrix congruence(const RationalMatrix& e, const RationalMatrix& a) {
  const std::size_t d = e.size(), n = a.size();
  RationalMatrix result(d, RationalVector(d));
  for (std::size_t i = 0; i < d; ++i)
    for (std::size_t j = 0; j < d; ++j)
      for (std::size_t r = 0; r < n; ++r)
        for (std::size_t s = 0; s < n; ++s) result[i][j] += e[i][r] * a[r][s] * e[j][s];
  return result;
}

}  // namespace

RationalMatrix metric(const RationalMatrix& s, const RationalVector& g, const RationalVector& y) {
  RationalMatrix m = congruence(basis(g), s);
  const Rational p = dot(g, y);
  for (std::size_t i = 0; i < g.size(); ++i)
    for (std::size_t j = 0; j < g.size(); ++j) m[i][j] += y[i] * y[j] / p;
  return m;
}

RationalMatrix spread(const RationalMatrix& errors, const RationalVector& g) {
  RationalMatrix e = basis(g);
  for (RationalVector& row : e)
    for (Rational& entry : row) entry = abs(entry);
  return congruence(e, errors);
}

std::size_t kernel_dimension(const RationalVector& g) {
  const std::size_t d = g.size();
  // Unknowns n_ij, i >= j; equation i: sum_j n_ij g_j = 0.
  const auto unknown = [](std::size_t i, std::size_t j) {
    return i >= j ? i * (i + 1) / 2 + j : j * (j + 1) / 2 + i;
  };
  const std::size_t unknowns = d * (d + 1) / 2;
  RationalMatrix equations(d, RationalVector(unknowns));
  for (std::size_t i = 0; i < d; ++i)
    for (std::size_t j = 0; j < d; ++j) equations[i][unknown(i, j)] += g[j];
  return unknowns - rank(equations);
}

bool in_hull(const Rational& mu, const Rational& nu, const RationalVector& l) {
  const auto is_point = [&](const Rational& a) { return mu == a && nu == a * a; };
  const auto on_segment = [&](const Rational& a, const Rational& b) {
    const Rational t = (mu - a) / (b - a);
    return t >= 0 && t <= 1 && nu == (1 - t) * a * a + t * b * b;
  };
  const auto in_triangle = [&](const Rational& a, const Rational& b, const Rational& c) {
    // Three equations for three weights, by Cramer's rule.
    const auto determinant = [](const Rational(&x)[3], const Rational(&z)[3]) {
      return Rational((x[1] - x[0]) * (z[2] - z[0]) - (x[2] - x[0]) * (z[1] - z[0]));
    };
    const Rational whole = determinant({a, b, c}, {a * a, b * b, c * c});
    return determinant({mu, b, c}, {nu, b * b, c * c}) / whole >= 0 &&
           determinant({a, mu, c}, {a * a, nu, c * c}) / whole >= 0 &&
           determinant({a, b, mu}, {a * a, b * b, nu}) / whole >= 0;
  };
  for (const Rational& a : l) {
    if (is_point(a)) return true;
    for (const Rational& b : l) {
      if (a == b) continue;
      if (on_segment(a, b)) return true;
      for (const Rational& c : l)
        if (c != a && c != b && in_triangle(a, b, c)) return true;
    }
  }
  return false;
}

Rational squared_residual(const RationalMatrix& m, const RationalVector& g, const RationalVector& y) {
  const RationalVector mg = multiply(m, g);
  Rational sum = 0;
  for (std::size_t i = 0; i < g.size(); ++i) sum += (y[i] - mg[i]) * (y[i] - mg[i]);
  return sum;
}

Real backward_error(const RationalMatrix& m, const RationalVector& g, const RationalVector& y) {
  const Rational square = squared_residual(m, g, y);
  if (square == 0) return real(Rational(0));
  return sqrt(real(square)) / (sqrt(real(squared_norm(m))) * sqrt(real(dot(g, g))) + sqrt(real(dot(y, y))));
}

}  // namespace natgrad::test::uniqueness
