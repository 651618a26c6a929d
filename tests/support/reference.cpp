// natgrad: the textbook formulas of the metric, in rationals and in self-checking multiprecision.
#include "reference.hpp"

#include <stdexcept>
#include <utility>

namespace natgrad::test {

RationalVector exact_vector(const arma::vec& x) {
  return RationalVector(x.begin(), x.end());
}

RationalMatrix exact_matrix(const arma::mat& m) {
  RationalMatrix result(m.n_rows, RationalVector(m.n_cols));
  for (arma::uword i = 0; i < m.n_rows; ++i)
    for (arma::uword j = 0; j < m.n_cols; ++j) result[i][j] = exact(m(i, j));
  return result;
}

ExactPair::ExactPair(std::span<const double> g_in, std::span<const double> y_in, std::optional<double> alpha)
    : g(exact(g_in)), y(exact(y_in)), gg(dot(g, g)), p(dot(g, y)), yy(dot(y, y)) {
  if (alpha) {
    a = exact(*alpha);
  } else if (p != 0) {
    a = yy / p;
  }
}

namespace {

Real cosine_now(const ExactPair& pair) {
  return real(pair.p) / sqrt(real(pair.gg) * real(pair.yy));
}

}  // namespace

double cosine(const ExactPair& pair) {
  if (pair.p == 0) return 0;
  return converged([&] { return cosine_now(pair); });
}

double sine(const ExactPair& pair) {
  return converged([&]() -> Real {
    const Real c = cosine_now(pair);
    return sqrt(abs(1 - c * c));
  });
}

double angle(const ExactPair& pair) {
  return converged([&]() -> Real {
    const Real c = cosine_now(pair);
    // A rounded cosine may lie beyond 1 by an ulp.
    return c > 1 ? Real(0) : c < -1 ? acos(Real(-1)) : acos(c);
  });
}

double alpha(const ExactPair& pair) {
  return nearest(pair.a);
}

std::pair<Real, Real> Plane::eigenvalues() const {
  const Real root = sqrt(real(discriminant));
  return {(real(sum) - root) / 2, (real(sum) + root) / 2};
}

Plane plane(const ExactPair& pair) {
  if (pair.dimension() == 1) return {2 * pair.star(), 0};
  const Rational sum = pair.a + pair.star();
  return {sum, sum * sum - 4 * pair.a * pair.p / pair.gg};
}

double lambda_min(const ExactPair& pair) {
  return converged([block = plane(pair)] { return block.eigenvalues().first; });
}
double lambda_max(const ExactPair& pair) {
  return converged([block = plane(pair)] { return block.eigenvalues().second; });
}
double condition(const ExactPair& pair) {
  return converged([block = plane(pair)]() -> Real {
    const auto [least, greatest] = block.eigenvalues();
    return greatest / least;
  });
}
double sqrt_condition(const ExactPair& pair) {
  return converged([block = plane(pair)]() -> Real {
    const auto [least, greatest] = block.eigenvalues();
    return sqrt(greatest / least);
  });
}
double log_condition(const ExactPair& pair) {
  return converged([block = plane(pair)]() -> Real {
    const auto [least, greatest] = block.eigenvalues();
    return log(greatest / least);
  });
}

double trace(const ExactPair& pair) {
  return nearest(pair.star() + (Rational(pair.dimension()) - 1) * pair.a);
}

double log_det(const ExactPair& pair) {
  return converged([&]() -> Real {
    return real(Rational(pair.dimension()) - 1) * log(real(pair.a)) + log(real(pair.p)) - log(real(pair.gg));
  });
}

double frobenius_norm(const ExactPair& pair) {
  return converged([&, block = plane(pair)]() -> Real {
    const auto [least, greatest] = block.eigenvalues();
    if (pair.dimension() == 1) return greatest;
    const Real a = real(pair.a);
    return sqrt(least * least + greatest * greatest + real(Rational(pair.dimension()) - 2) * a * a);
  });
}

// ------------------------------------------------------------ matrices and operators

RationalMatrix bfgs_update(const RationalMatrix& b, const ExactPair& pair) {
  const std::size_t n = b.size();
  const RationalVector bs = multiply(b, pair.g);
  const Rational sbs = dot(pair.g, bs), zs = dot(pair.y, pair.g);
  RationalMatrix out = b;
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j) out[i][j] += pair.y[i] * pair.y[j] / zs - bs[i] * bs[j] / sbs;
  }
  return out;
}

RationalMatrix dense(const ExactPair& pair) {
  RationalMatrix b(pair.dimension(), RationalVector(pair.dimension()));
  for (std::size_t i = 0; i < b.size(); ++i) b[i][i] = pair.a;
  return bfgs_update(b, pair);
}

RationalVector multiply(const RationalMatrix& m, std::span<const Rational> x) {
  RationalVector out(m.size());
  for (std::size_t i = 0; i < m.size(); ++i) out[i] = dot(m[i], x);
  return out;
}

RationalVector apply(const ExactPair& pair, std::span<const Rational> x) {
  const Rational along_y = dot(pair.y, x) / pair.p;
  const Rational along_g = dot(pair.g, x) / pair.gg;
  RationalVector out(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    out[i] = along_y * pair.y[i] + pair.a * (x[i] - along_g * pair.g[i]);
  }
  return out;
}

RationalVector two_loop(const ExactPair& pair, std::span<const Rational> x) {
  const Rational rho = 1 / pair.p;
  const Rational first = rho * dot(pair.g, x);
  RationalVector r(x.begin(), x.end());
  for (std::size_t i = 0; i < r.size(); ++i) r[i] = (r[i] - first * pair.y[i]) / pair.a;
  const Rational second = rho * dot(pair.y, r);
  for (std::size_t i = 0; i < r.size(); ++i) r[i] += pair.g[i] * (first - second);
  return r;
}

namespace {

// Subtracts the rank-one part of the pivot (k, k) from the rows and columns still alive.
void eliminate_one(RationalMatrix& m, std::vector<bool>& alive, std::size_t k) {
  alive[k] = false;
  for (std::size_t i = 0; i < m.size(); ++i) {
    if (!alive[i] || m[i][k] == 0) continue;
    const Rational ratio = m[i][k] / m[k][k];
    for (std::size_t j = 0; j < m.size(); ++j) {
      if (alive[j]) m[i][j] -= ratio * m[k][j];
    }
  }
}

}  // namespace

std::size_t negative_eigenvalues(RationalMatrix m) {
  const std::size_t n = m.size();
  std::vector<bool> alive(n, true);
  std::size_t negative = 0;
  for (;;) {
    std::size_t pivot = n;
    for (std::size_t i = 0; i < n && pivot == n; ++i) {
      if (alive[i] && m[i][i] != 0) pivot = i;
    }
    if (pivot == n) {
      // Only zeros on the diagonal: adding row j to row i where m_ij != 0 is a congruence that makes one.
      for (std::size_t i = 0; i < n && pivot == n; ++i) {
        for (std::size_t j = 0; j < n && pivot == n; ++j) {
          if (alive[i] && alive[j] && m[i][j] != 0) {
            for (std::size_t k = 0; k < n; ++k) m[i][k] += m[j][k];
            for (std::size_t k = 0; k < n; ++k) m[k][i] += m[k][j];
            pivot = i;
          }
        }
      }
      if (pivot == n) return negative;
    }
    if (m[pivot][pivot] < 0) ++negative;
    eliminate_one(m, alive, pivot);
  }
}

ExactLdl eliminate(RationalMatrix m) {
  const std::size_t n = m.size();
  ExactLdl out{RationalVector(n), RationalMatrix(n, RationalVector(n))};
  std::vector<bool> alive(n, true);
  for (std::size_t k = 0; k < n; ++k) {
    out.pivots[k] = m[k][k];
    out.l[k][k] = 1;
    for (std::size_t i = k + 1; i < n; ++i) out.l[i][k] = m[i][k] / m[k][k];
    eliminate_one(m, alive, k);
  }
  return out;
}

// ------------------------------------------------------------ roots and factors

namespace {

struct Magnitudes {
  Real a, star, delta, tau, c, norm_g, norm_y, gx, yx, gg, p, yy;

  Magnitudes(const ExactPair& pair, std::span<const Rational> x)
      : a(real(pair.a)),
        star(real(pair.star())),
        delta(sqrt(real(pair.a * pair.p / pair.gg))),
        tau(sqrt(a + star + 2 * delta)),
        c(cosine_now(pair)),
        norm_g(sqrt(real(pair.gg))),
        norm_y(sqrt(real(pair.yy))),
        gx(abs(real(dot(pair.g, x)))),
        yx(abs(real(dot(pair.y, x)))),
        gg(real(pair.gg)),
        p(real(pair.p)),
        yy(real(pair.yy)) {}

  // Magnitudes of the parts of (W x)_i and (K x)_i.
  Real w_parts(const Real& gi, const Real& yi) const { return yi * yx / p + a * gi * gx / gg; }
  Real k_parts(const Real& gi, const Real& yi) const {
    return gi * gx / gg + yi * yx / yy + c * (gi * yx + yi * gx) / (norm_g * norm_y);
  }
};

// f(M) x for f(M) = outside (I - Pi) + (f of the block of M on span(g, y)), f(block) = u I + v block.
RootReference plane_function(const ExactPair& pair, std::span<const Rational> x, bool inverse) {
  const std::size_t n = pair.dimension();
  RootReference out;
  out.value.resize(n);
  out.terms.resize(n);
  const Rational slope = pair.p / pair.gg;
  RationalVector w(n);
  for (std::size_t i = 0; i < n; ++i) w[i] = pair.y[i] - slope * pair.g[i];
  const Rational ww = dot(w, w);
  const Real outside = inverse ? Real(1 / sqrt(real(pair.a))) : Real(sqrt(real(pair.a)));
  const Real norm_g = sqrt(real(pair.gg)), norm_w = sqrt(real(ww));
  const Real x1 = real(dot(pair.g, x)) / norm_g;
  Real f1, f2 = 0, x2 = 0;
  if (ww == 0) {
    // One-dimensional: M g = slope g.
    f1 = (inverse ? Real(1 / sqrt(real(slope))) : Real(sqrt(real(slope)))) * x1;
  } else {
    x2 = real(dot(w, x)) / norm_w;
    const Real b11 = real(slope), b12 = norm_w / norm_g, b22 = real(ww / pair.p + pair.a);
    const Real delta = sqrt(real(slope * pair.a));  // sqrt of the block's determinant
    const Real tau = sqrt(b11 + b22 + 2 * delta);
    if (!inverse) {
      f1 = ((b11 + delta) * x1 + b12 * x2) / tau;
      f2 = (b12 * x1 + (b22 + delta) * x2) / tau;
    } else {
      // The inverse of a symmetric 2 x 2 matrix [[s, t], [t, u]] of determinant delta.
      f1 = ((b22 + delta) * x1 - b12 * x2) / (tau * delta);
      f2 = (-b12 * x1 + (b11 + delta) * x2) / (tau * delta);
    }
  }
  for (std::size_t i = 0; i < n; ++i) {
    const Real e1 = real(pair.g[i]) / norm_g;
    out.value[i] = outside * real(x[i]) + e1 * (f1 - outside * x1);
    if (ww != 0) out.value[i] += real(w[i]) / norm_w * (f2 - outside * x2);
  }
  const Magnitudes m(pair, x);
  const Real root_a = sqrt(m.a);
  for (std::size_t i = 0; i < n; ++i) {
    const Real gi = abs(real(pair.g[i])), yi = abs(real(pair.y[i])), xi = abs(real(x[i]));
    out.terms[i] =
        inverse ? Real(xi / root_a + m.w_parts(gi, yi) / (m.tau * m.delta) +
                       m.k_parts(gi, yi) * m.a * m.star * (m.star + 2 * m.delta) /
                           (m.tau * root_a * m.delta * (root_a * (m.star + m.delta) + m.tau * m.delta)))
                : Real(root_a * xi + m.w_parts(gi, yi) / m.tau +
                       m.k_parts(gi, yi) * m.a * m.star / (m.tau * (m.a + m.delta + root_a * m.tau)));
  }
  return out;
}

// scale (x + sign * left (right . x)/denominator) with left = y - delta g and right = g, or exchanged.
RootReference rank_one(const ExactPair& pair, std::span<const Rational> x, bool inverse, bool transpose) {
  const std::size_t n = pair.dimension();
  RootReference out;
  out.value.resize(n);
  out.terms.resize(n);
  const Magnitudes m(pair, x);
  const Real outside = inverse ? Real(1 / sqrt(m.a)) : Real(sqrt(m.a));
  const Real weight = inverse ? Real(-1 / (sqrt(m.a) * m.p)) : Real(1 / sqrt(m.p * m.gg));
  const Real gx = real(dot(pair.g, x)), yx = real(dot(pair.y, x));
  for (std::size_t i = 0; i < n; ++i) {
    const Real gi = real(pair.g[i]), yi = real(pair.y[i]), xi = real(x[i]);
    const Real from_y = transpose ? Real(gi * yx) : Real(yi * gx);
    const Real from_g = m.delta * gi * gx;
    out.value[i] = outside * xi + weight * (from_y - from_g);
    out.terms[i] = outside * abs(xi) + abs(weight) * (abs(from_y) + abs(from_g));
  }
  return out;
}

}  // namespace

RootReference root(const ExactPair& pair, std::span<const Rational> x) {
  return plane_function(pair, x, false);
}
RootReference inverse_root(const ExactPair& pair, std::span<const Rational> x) {
  return plane_function(pair, x, true);
}
RootReference factor(const ExactPair& pair, std::span<const Rational> x) {
  return rank_one(pair, x, false, false);
}
RootReference factor_transpose(const ExactPair& pair, std::span<const Rational> x) {
  return rank_one(pair, x, false, true);
}
RootReference factor_inverse(const ExactPair& pair, std::span<const Rational> x) {
  return rank_one(pair, x, true, false);
}
RootReference factor_inverse_transpose(const ExactPair& pair, std::span<const Rational> x) {
  return rank_one(pair, x, true, true);
}

RootReference settled(const std::function<RootReference()>& reference) {
  constexpr unsigned last_bits = 32768;
  for (unsigned bits = 1024; bits <= last_bits; bits *= 2) {
    const auto at = [&](unsigned precision) {
      const PrecisionScope scope(precision);
      return reference();
    };
    const RootReference coarse = at(bits);
    RootReference fine = at(2 * bits);
    const PrecisionScope scope(2 * bits);
    bool agree = true;
    for (std::size_t i = 0; i < fine.value.size() && agree; ++i) {
      agree = abs(coarse.value[i] - fine.value[i]) <= ldexp(fine.terms[i], -256);
    }
    if (agree) return fine;
  }
  throw std::logic_error("the multiprecision reference of a root did not converge");
}

}  // namespace natgrad::test
