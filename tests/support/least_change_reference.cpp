// natgrad: textbook formulas of least_change in rationals and self-checking multiprecision.
#include "least_change_reference.hpp"

#include <algorithm>
#include <cstdlib>
#include <stdexcept>

#include "jacobi.hpp"

namespace natgrad::test {

namespace {

RationalMatrix multiple_of_identity(std::size_t n, const Rational& a) {
  RationalMatrix m(n, RationalVector(n));
  for (std::size_t i = 0; i < n; ++i) m[i][i] = a;
  return m;
}

RationalMatrix product(const RationalMatrix& a, const RationalMatrix& b) {
  const std::size_t n = a.size();
  RationalMatrix out(n, RationalVector(n));
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < n; ++j)
      for (std::size_t k = 0; k < n; ++k) out[i][j] += a[i][k] * b[k][j];
  return out;
}

// (I - y g^T/p) I (I - g y^T/p) + y y^T/p
RationalMatrix dfp_update(const ExactPair& e) {
  const std::size_t n = e.dimension();
  RationalMatrix left = multiple_of_identity(n, 1), right = left;
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j) {
      left[i][j] -= e.y[i] * e.g[j] / e.p;
      right[i][j] -= e.g[i] * e.y[j] / e.p;
    }
  }
  RationalMatrix out = product(left, right);
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < n; ++j) out[i][j] += e.y[i] * e.y[j] / e.p;
  return out;
}

// Powell's symmetric Broyden update of I, with the residual y - I g.
RationalMatrix psb_update(const ExactPair& e) {
  const std::size_t n = e.dimension();
  RationalVector z(n);
  for (std::size_t i = 0; i < n; ++i) z[i] = e.y[i] - e.g[i];
  const Rational gz = dot(e.g, z);
  RationalMatrix out = multiple_of_identity(n, 1);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j) {
      out[i][j] += (z[i] * e.g[j] + e.g[i] * z[j]) / e.gg - gz * e.g[i] * e.g[j] / (e.gg * e.gg);
    }
  }
  return out;
}

Rational trace_of(const RationalMatrix& m) {
  Rational sum = 0;
  for (std::size_t i = 0; i < m.size(); ++i) sum += m[i][i];
  return sum;
}

}  // namespace

RationalMatrix inverse(RationalMatrix m) {
  const std::size_t n = m.size();
  RationalMatrix out = multiple_of_identity(n, 1);
  for (std::size_t k = 0; k < n; ++k) {
    std::size_t pivot = k;
    while (m[pivot][k] == 0) ++pivot;
    std::swap(m[k], m[pivot]);
    std::swap(out[k], out[pivot]);
    const Rational scale = m[k][k];
    for (std::size_t j = 0; j < n; ++j) {
      m[k][j] /= scale;
      out[k][j] /= scale;
    }
    for (std::size_t i = 0; i < n; ++i) {
      if (i == k || m[i][k] == 0) continue;
      const Rational ratio = m[i][k];
      for (std::size_t j = 0; j < n; ++j) {
        m[i][j] -= ratio * m[k][j];
        out[i][j] -= ratio * out[k][j];
      }
    }
  }
  return out;
}

BestMetric::BestMetric(Best best, std::span<const double> g, std::span<const double> y,
                       std::optional<double> parameter)
    : best_(best), pair_(g, y), parameter_(parameter) {
  if (pair_.p <= 0) return;
  const std::size_t n = g.size();
  if (best == Best::determinant) {
    const Rational t = exact(*parameter);
    if (n == 1 ? t != pair_.star() : t <= pair_.star()) {
      found_ = Found::infeasible;
      return;
    }
  }
  found_ = Found::attained;
  w_.resize(n);
  for (std::size_t i = 0; i < n; ++i) w_[i] = pair_.y[i] - pair_.p / pair_.gg * pair_.g[i];
  ww_ = dot(w_, w_);
  switch (best) {
    case Best::condition:
    case Best::omega:
      rational_ = bfgs_update(multiple_of_identity(n, pair_.star()), pair_);
      break;
    case Best::bfgs:
      rational_ = bfgs_update(multiple_of_identity(n, exact(parameter.value_or(1))), pair_);
      break;
    case Best::determinant:
      rational_ = bfgs_update(
          multiple_of_identity(
              n, n == 1 ? pair_.star() : Rational((exact(*parameter) - pair_.star()) / (Rational(n) - 1))),
          pair_);
      break;
    case Best::dfp:
      rational_ = dfp_update(pair_);
      break;
    case Best::psb:
      rational_ = psb_update(pair_);
      // Leading minors decide: by elimination all pivots of a definite matrix are positive.
      if (negative_eigenvalues(*rational_) > 0) found_ = Found::not_attained;
      if (found_ == Found::attained) {
        for (RationalMatrix m = *rational_; !m.empty();) {
          if (m[0][0] <= 0) {
            found_ = Found::not_attained;
            break;
          }
          RationalMatrix rest(m.size() - 1, RationalVector(m.size() - 1));
          for (std::size_t i = 1; i < m.size(); ++i)
            for (std::size_t j = 1; j < m.size(); ++j)
              rest[i - 1][j - 1] = m[i][j] - m[i][0] * m[0][j] / m[0][0];
          m = std::move(rest);
        }
      }
      break;
    case Best::ray:
    case Best::identity:
      break;
  }
  if (rational_ && n > 1) {
    const Rational b11 = pair_.p / pair_.gg;
    if (ww_ == 0) {
      tau_ = (trace_of(*rational_) - b11) / (Rational(n) - 1);
    } else {
      b22_ = dot(w_, multiply(*rational_, w_)) / ww_;
      tau_ = n == 2 ? Rational(0) : Rational((trace_of(*rational_) - b11 - b22_) / (Rational(n) - 2));
    }
  }
}

std::pair<Real, Real> BestMetric::Block::eigenvalues() const {
  const Real root = sqrt((b11 - b22) * (b11 - b22) + 4 * b12 * b12);
  const Real greater = (b11 + b22 + root) / 2;
  return {determinant / greater, greater};
}

// Searches x = b22 - |w|^2/p > 0 for the least ln^2 lambda_1 + ln^2 lambda_2 of [[p/gg, |w|/|g|], [., b22]].
Real BestMetric::searched_excess() const {
  const Real b11 = real(pair_.p / pair_.gg), cross = real(ww_ / pair_.gg), least = real(ww_ / pair_.p);
  // x times half of the derivative with respect to x; increasing in ln x.
  const auto slope = [&](const Real& log_x) -> Real {
    const Real x = exp(log_x);
    const Block b{b11, sqrt(cross), Real(least + x), Real(b11 * x)};
    const auto [lambda_1, lambda_2] = b.eigenvalues();
    const Real gap = lambda_2 - lambda_1;
    // lambda^2 - (b11 + b22) lambda + b11 x = 0, differentiated.
    const Real d1 = (b11 - lambda_1) / gap, d2 = (lambda_2 - b11) / gap;
    return x * (log(lambda_1) * d1 / lambda_1 + log(lambda_2) * d2 / lambda_2);
  };
  Real low = guess_.value_or(Real(0)), high = low;
  Real step = guess_ ? ldexp(Real(1), -60) : Real(1);
  Real at_low = slope(low), at_high = at_low;
  for (int i = 0; at_low > 0 && i < 40; ++i, step *= 4) {
    high = low;
    at_high = at_low;
    low -= step;
    at_low = slope(low);
  }
  for (int i = 0; at_high < 0 && i < 40; ++i, step *= 4) {
    low = high;
    at_low = at_high;
    high += step;
    at_high = slope(high);
  }
  if (at_low == 0) high = low;
  if (at_high == 0) low = high;
  // The Illinois variant of false position.
  const Real precise = ldexp(Real(1), -static_cast<int>(Real::default_precision() * 3));
  Real x = low;
  int side = 0;
  for (int i = 0; i < 400 && high - low > precise * (1 + abs(low)); ++i) {
    x = high - at_high * (high - low) / (at_high - at_low);
    if (!(low < x && x < high)) x = (low + high) / 2;
    const Real at = slope(x);
    if (at == 0) break;
    const bool below = at < 0;
    (below ? low : high) = x;
    (below ? at_low : at_high) = at;
    if (below && side < 0) at_high /= 2;
    if (!below && side > 0) at_low /= 2;
    if (abs(at) < precise) break;
    side = below ? -1 : 1;
  }
  guess_ = x;
  return exp(x);
}

BestMetric::Block BestMetric::block() const {
  Block b;
  b.b11 = real(pair_.p / pair_.gg);
  b.b12 = sqrt(real(ww_ / pair_.gg));
  if (rational_) {
    b.b22 = real(b22_);
    b.determinant = real(pair_.p / pair_.gg * b22_ - ww_ / pair_.gg);
  } else {
    const Real excess = best_ == Best::ray ? real(pair_.star()) : searched_excess();
    b.b22 = real(ww_ / pair_.p) + excess;
    b.determinant = b.b11 * excess;
  }
  return b;
}

Real BestMetric::complement() const {
  if (best_ == Best::ray) return sqrt(real(pair_.yy / pair_.gg));
  if (best_ == Best::identity) return 1;
  if (dimension() == 2 && !parallel()) {
    // Nothing is there; what would be.
    if (best_ == Best::dfp || best_ == Best::psb) return 1;
    return block_alpha();
  }
  return real(tau_);
}

Real BestMetric::block_alpha() const {
  if (parallel()) return complement();
  if (rational_) return real(b22_ - ww_ / pair_.p);
  return best_ == Best::ray ? real(pair_.star()) : searched_excess();
}

std::vector<std::pair<Real, std::uint64_t>> BestMetric::spectrum() const {
  const std::uint64_t n = dimension();
  const Real ratio = real(pair_.p / pair_.gg);
  if (n == 1) return {{ratio, 1}};
  if (parallel()) return {{ratio, 1}, {complement(), n - 1}};
  const auto [smaller, greater] = block().eigenvalues();
  std::vector<std::pair<Real, std::uint64_t>> out = {{smaller, 1}, {greater, 1}};
  if (n > 2) out.emplace_back(complement(), n - 2);
  return out;
}

Real BestMetric::least() const {
  const auto all = spectrum();
  return std::min_element(all.begin(), all.end())->first;
}
Real BestMetric::greatest() const {
  const auto all = spectrum();
  return std::max_element(all.begin(), all.end())->first;
}

Real BestMetric::trace() const {
  Real sum = 0;
  for (const auto& [lambda, count] : spectrum()) sum += lambda * real(Rational(count));
  return sum;
}

Real BestMetric::log_det() const {
  Real sum = 0;
  for (const auto& [lambda, count] : spectrum()) sum += log(lambda) * real(Rational(count));
  return sum;
}

Real BestMetric::measure() const {
  const Real n = real(Rational(dimension()));
  if (found_ == Found::not_attained) {
    // y y^T/p + (I - Pi) - I = y y^T/p - g g^T/gg - w w^T/|w|^2, entry by entry.
    Rational sum = 0;
    for (std::size_t i = 0; i < w_.size(); ++i) {
      for (std::size_t j = 0; j < w_.size(); ++j) {
        const Rational entry =
            pair_.y[i] * pair_.y[j] / pair_.p - pair_.g[i] * pair_.g[j] / pair_.gg - w_[i] * w_[j] / ww_;
        sum += entry * entry;
      }
    }
    return sqrt(real(sum));
  }
  const auto all = spectrum();
  const auto sum = [&](auto f) {
    Real total = 0;
    for (const auto& [lambda, count] : all) total += f(lambda) * real(Rational(count));
    return total;
  };
  switch (best_) {
    case Best::condition: {
      const Real low = std::min_element(all.begin(), all.end())->first;
      return std::max_element(all.begin(), all.end())->first / low;
    }
    case Best::omega:
      return sum([](const Real& x) { return x; }) / n *
             exp(-sum([](const Real& x) { return Real(log(x)); }) / n);
    case Best::bfgs: {
      const Real a = real(exact(parameter_.value_or(1)));
      return sum([&](const Real& x) { return Real(x - a * log(x)); });
    }
    case Best::determinant:
      return sum([](const Real& x) { return Real(log(x)); });
    case Best::dfp:
      return sum([](const Real& x) { return Real(1 / x + log(x)); });
    case Best::psb:
      return sqrt(sum([](const Real& x) { return Real((x - 1) * (x - 1)); }));
    case Best::ray: {
      const Real mean = sum([](const Real& x) { return Real(log(x)); }) / n;
      return sqrt(sum([&](const Real& x) { return Real((log(x) - mean) * (log(x) - mean)); }));
    }
    case Best::identity:
      break;
  }
  return sqrt(sum([](const Real& x) { return Real(log(x) * log(x)); }));
}

RealMatrix BestMetric::matrix() const {
  const std::size_t n = dimension();
  RealMatrix m(n, std::vector<Real>(n));
  if (rational_) {
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t j = 0; j < n; ++j) m[i][j] = real((*rational_)[i][j]);
    return m;
  }
  const Real tau = complement();
  std::vector<Real> e1(n), e2(n);
  for (std::size_t i = 0; i < n; ++i) {
    e1[i] = real(pair_.g[i]) / sqrt(real(pair_.gg));
    if (!parallel()) e2[i] = real(w_[i]) / sqrt(real(ww_));
  }
  Block b;
  if (!parallel()) b = block();
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j) {
      if (parallel()) {
        m[i][j] = (real(pair_.p / pair_.gg) - tau) * e1[i] * e1[j];
      } else {
        m[i][j] = (b.b11 - tau) * e1[i] * e1[j] + b.b12 * (e1[i] * e2[j] + e2[i] * e1[j]) +
                  (b.b22 - tau) * e2[i] * e2[j];
      }
      if (i == j) m[i][j] += tau;
    }
  }
  return m;
}

BestMetric::Gradient BestMetric::gradient() const {
  const Real n = real(Rational(dimension()));
  if (best_ == Best::dfp) {
    // I - M on (y, y's complement in the plane), M y.y/yy and so on from the rational matrix.
    RationalVector v(pair_.y.size());
    for (std::size_t i = 0; i < v.size(); ++i) v[i] = pair_.g[i] - pair_.p / pair_.yy * pair_.y[i];
    const Rational vv = dot(v, v);
    const RationalVector my = multiply(*rational_, pair_.y), mv = multiply(*rational_, v);
    return {1 - real(dot(pair_.y, my) / pair_.yy), -real(dot(pair_.y, mv)) / sqrt(real(pair_.yy * vv)),
            1 - real(dot(v, mv) / vv), 1 - complement()};
  }
  // f(lambda) on the eigenvectors (b12, lambda - b11).
  const Block b = block();
  const auto [smaller, greater] = b.eigenvalues();
  const Real tau = complement();
  const Real total = trace(), mean = log_det() / n;
  const Real a = real(exact(parameter_.value_or(1)));
  const auto f = [&](const Real& x, int end) -> Real {
    switch (best_) {
      case Best::condition:
        return end / x;
      case Best::omega:
        return 1 / total - 1 / (n * x);
      case Best::bfgs:
        return 1 - a / x;
      case Best::determinant:
        return 1 / x;
      case Best::psb:
        return x - 1;
      case Best::ray:
        return (log(x) - mean) / x;
      default:
        return log(x) / x;
    }
  };
  Gradient out{0, 0, 0, f(tau, 0)};
  for (const auto& [lambda, end] : {std::pair{smaller, -1}, std::pair{greater, 1}}) {
    // lambda - b11 for the one, from the other for the other: (lambda_1 - b11)(lambda_2 - b11) = -b12^2.
    const Real second = (end > 0) == (b.b22 > b.b11)
                            ? Real(lambda - b.b11)
                            : Real(-b.b12 * b.b12 / ((end > 0 ? smaller : greater) - b.b11));
    const Real norm = b.b12 * b.b12 + second * second, value = f(lambda, end) / norm;
    out.e11 += value * b.b12 * b.b12;
    out.e12 += value * b.b12 * second;
    out.e22 += value * second * second;
  }
  return out;
}

std::vector<Real> BestMetric::multiplier() const {
  const Gradient d = gradient();
  const Real mu = best_ == Best::determinant ? d.beside : Real(0);
  const bool dual = best_ == Best::dfp;
  const Rational &first = dual ? pair_.yy : pair_.gg, &second = dual ? pair_.gg : pair_.yy;
  // v = v_1 e_1 + v_2 e_2 with e_2 = (other - (p/first) own)/|.|
  const Real norm = sqrt(real(first));
  const Real other = d.e12 / norm / sqrt(real(second - pair_.p * pair_.p / first));
  const Real own = (d.e11 - mu) / (2 * norm) / norm - real(pair_.p / first) * other;
  if (dual) return {mu, other, own};
  return {mu, own, other};
}

Real measure_of(Best best, const RationalMatrix& m, std::optional<double> parameter) {
  const std::size_t n = m.size();
  const Real count = real(Rational(n));
  if (best == Best::psb) {
    Rational sum = 0;
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t j = 0; j < n; ++j) {
        const Rational entry = m[i][j] - (i == j ? 1 : 0);
        sum += entry * entry;
      }
    return sqrt(real(sum));
  }
  if (best == Best::condition || best == Best::ray || best == Best::identity) {
    RealMatrix a(n, std::vector<Real>(n));
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t j = 0; j < n; ++j) a[i][j] = real(m[i][j]);
    const Real enough = ldexp(Real(1), -static_cast<int>(Real::default_precision() * 3));
    const std::vector<Real> lambda = symmetric_eigenvalues(a, enough);
    if (best == Best::condition)
      return *std::max_element(lambda.begin(), lambda.end()) /
             *std::min_element(lambda.begin(), lambda.end());
    Real sum = 0, squares = 0;
    for (const Real& x : lambda) sum += log(x);
    const Real centre = best == Best::ray ? Real(sum / count) : Real(0);
    for (const Real& x : lambda) squares += (log(x) - centre) * (log(x) - centre);
    return sqrt(squares);
  }
  Rational product = 1;
  for (const Rational& pivot : eliminate(m).pivots) product *= pivot;
  const Real log_det = log(real(product));
  switch (best) {
    case Best::omega:
      return real(trace_of(m)) / count * exp(-log_det / count);
    case Best::bfgs:
      return real(trace_of(m)) - real(exact(parameter.value_or(1))) * log_det;
    case Best::determinant:
      return log_det;
    default:
      return real(trace_of(inverse(m))) + log_det;
  }
}

unsigned BestMetric::enough_bits(std::span<const double> x) const {
  long lost =
      exponent_of(pair_.gg * pair_.yy / (pair_.p * pair_.p)) + std::labs(exponent_of(pair_.yy / pair_.gg));
  if (ww_ != 0) lost += exponent_of(pair_.yy / ww_);
  long low = 0, high = 0;
  bool any = false;
  for (const double element : x) {
    if (element == 0) continue;
    const long e = exponent_of(exact(element));
    low = any ? std::min(low, e) : e;
    high = any ? std::max(high, e) : e;
    any = true;
  }
  return static_cast<unsigned>(std::min(8192L, 256 + 2 * lost + (high - low)));
}

std::vector<double> converged_elements(const std::function<std::vector<Real>()>& formula,
                                       unsigned first_bits) {
  constexpr unsigned last_bits = 16384;
  for (unsigned bits = first_bits;; bits = std::min(4 * bits, last_bits)) {
    const auto at = [&](unsigned precision) {
      const PrecisionScope scope(precision);
      return formula();
    };
    const std::vector<Real> coarse = at(bits), fine = at(2 * bits);
    const PrecisionScope scope(2 * bits);
    const Real tolerance = ldexp(Real(1), -static_cast<int>(bits / 2));
    std::vector<double> out;
    for (std::size_t i = 0; i < fine.size(); ++i) {
      if (isfinite(coarse[i]) && isfinite(fine[i]) && fine[i] != 0 &&
          abs(coarse[i] - fine[i]) <= tolerance * abs(fine[i])) {
        const double below = Real(fine[i] * (1 - tolerance)).convert_to<double>();
        const double above = Real(fine[i] * (1 + tolerance)).convert_to<double>();
        if (below == above) {
          out.push_back(above);
        } else if (bits == last_bits) {
          Real tie = fine[i];
          mpfr_prec_round(tie.backend().data(), bits / 2, MPFR_RNDN);
          out.push_back(tie.convert_to<double>());
        }
      } else if (bits == last_bits) {
        if (!isfinite(fine[i]) || abs(fine[i]) >= tolerance)
          throw std::logic_error("the multiprecision reference of an element did not converge");
        out.push_back(0);
      }
    }
    if (out.size() == fine.size()) return out;
  }
}

}  // namespace natgrad::test
