// natgrad: laws of the other optimal metrics: updates of the literature in rationals, roots and searches in
// multiprecision, gradients from eigenvectors.
#include <algorithm>
#include <limits>

#include "support/environment.hpp"
#include "support/laws.hpp"
#include "support/least_change_reference.hpp"

namespace natgrad::test {

namespace {

using Doubles = std::span<const double>;
using Parameter = std::optional<double>;

constexpr double infinity = std::numeric_limits<double>::infinity();

// ------------------------------------------------------------------------- drawing

struct Draw {
  Optimum optimum;
  Pair pair;
  Parameter parameter;
  BestMetric best;
  Gram gram;
};

Best best_of(Optimum optimum) {
  return static_cast<Best>(optimum);
}

// T about a* = yy/p: the doubles around it, a little and much more.
Parameter draw_trace(const Pair& pair, bool feasible) {
  const double star = test::nearest(ExactPair(pair.g, pair.y).star());
  const double up = std::nextafter(star, infinity);
  const std::vector<double> all = {up,
                                   star * (1 + 0x1p-20),
                                   2 * star,
                                   star * static_cast<double>(pair.g.size()),
                                   star + 1,
                                   1e300,
                                   star,
                                   star / 2,
                                   std::nextafter(star, 0.0),
                                   *positive_doubles()};
  const double drawn = all[*indices(feasible ? 6 : all.size())];
  const double t = std::isfinite(drawn) && drawn > 0 ? drawn : std::numeric_limits<double>::max();
  if (feasible && pair.g.size() > 1 && exact(t) <= ExactPair(pair.g, pair.y).star()) {
    if (std::isfinite(up)) return up;
    return {};
  }
  return t;
}

// Shortens y until |w|^2 < p, as far as doubles allow.
void shorten(Pair& pair) {
  const ExactPair e(pair.g, pair.y);
  const Rational ww = e.yy - e.p * e.p / e.gg;
  if (ww < e.p) return;
  const long wanted = exponent_of(e.p / ww) - 1 - static_cast<long>(*indices(3));
  const auto [least, greatest] = exact_shifts(pair.y);
  static_cast<void>(greatest);
  pair.y = shifted(pair.y, static_cast<int>(std::max<long>(wanted, least)));
}

Draw draw_of(Optimum optimum, std::size_t max_dimension, bool attained) {
  Pair pair = *effective_pairs(max_dimension);
  if (optimum == Optimum::psb && (attained || *indices(2) == 0)) shorten(pair);
  Parameter parameter;
  if (optimum == Optimum::bfgs && *indices(4) != 0) parameter = (*alphas(pair)).value();
  if (optimum == Optimum::determinant) {
    parameter = draw_trace(pair, attained);
    if (attained && (!parameter || pair.g.size() == 1)) {
      optimum = Optimum::omega;
      parameter = {};
    }
  }
  BestMetric best(best_of(optimum), pair.g, pair.y, parameter);
  if (attained && best.found() != Found::attained) {  // psb, where y cannot be shortened enough
    optimum = Optimum::dfp;
    best = BestMetric(Best::dfp, pair.g, pair.y);
  }
  classify(pair);
  RC_TAG(std::string(to_string(optimum)));
  return {optimum, pair, parameter, best, Gram::of(pair.g, pair.y)};
}

Draw draw(std::size_t max_dimension, bool attained = true) {
  return draw_of(all_optima()[*indices(all_optima().size())], max_dimension, attained);
}

// identity costs a search for each element of each precision.
Draw draw_rational(std::size_t max_dimension) {
  return draw_of(all_optima()[*indices(6)], max_dimension, true);
}

std::vector<double> nearest(const RationalVector& x) {
  std::vector<double> out;
  for (const Rational& element : x) out.push_back(test::nearest(element));
  return out;
}

std::vector<double> draw_argument(const Draw& d) {
  return *probes(d.pair, Alpha());
}

// Solves M z = x with M = tau I + (block - tau) on orthonormal coordinates; the inverse of a block by its
// determinant.
std::vector<Real> solved(const BestMetric& best, const std::vector<double>& x) {
  RealMatrix m = best.matrix();
  const std::size_t n = m.size();
  std::vector<Real> z;
  for (const double element : x) z.push_back(real(exact(element)));
  for (std::size_t k = 0; k < n; ++k) {
    for (std::size_t i = k + 1; i < n; ++i) {
      const Real ratio = m[i][k] / m[k][k];
      for (std::size_t j = k; j < n; ++j) m[i][j] -= ratio * m[k][j];
      z[i] -= ratio * z[k];
    }
  }
  for (std::size_t i = n; i-- > 0;) {
    for (std::size_t j = i + 1; j < n; ++j) z[i] -= m[i][j] * z[j];
    z[i] /= m[i][i];
  }
  return z;
}

std::vector<Real> applied(const BestMetric& best, const std::vector<double>& x) {
  const RealMatrix m = best.matrix();
  std::vector<Real> out(m.size());
  for (std::size_t i = 0; i < m.size(); ++i)
    for (std::size_t j = 0; j < m.size(); ++j) out[i] += m[i][j] * real(exact(x[j]));
  return out;
}

// ------------------------------------------------------------------------- laws

void existence_by_definition(const Subject& subject) {
  const bool effective = *indices(6) != 0;
  const Optimum optimum = all_optima()[*indices(all_optima().size())];
  if (effective) {
    const Draw d = draw_of(optimum, 6, false);
    RC_ASSERT(static_cast<int>(subject.least_change.existence(d.optimum, d.gram, d.parameter)) ==
              static_cast<int>(d.best.found()));
    return;
  }
  const Pair pair = *pairs(6);
  const Parameter parameter = optimum == Optimum::determinant ? Parameter(1e300) : std::nullopt;
  const Gram gram = Gram::of(pair.g, pair.y);
  const bool none = dot(exact(pair.g), exact(pair.y)) <= 0;
  RC_ASSERT((subject.least_change.existence(optimum, gram, parameter) == Existence::no_metric) == none);
  if (none) {
    RC_ASSERT(!OptimalMetric::make(optimum, pair.g, pair.y, parameter).has_value());
    RC_ASSERT(!subject.least_change.objective(optimum, gram, parameter).has_value());
  }
}

void objective_reference(const Subject& subject) {
  const Draw d = draw(6, false);
  const auto actual = subject.least_change.objective(d.optimum, d.gram, d.parameter);
  std::optional<double> expected;
  if (d.best.found() != Found::infeasible) expected = converged([&] { return d.best.measure(); });
  require_same(actual, expected, std::string(to_string(d.optimum)));
}

// A metric [[p/gg, b^T], [b, gg b b^T/p + S]] on orthonormal coordinates along g, w and beside them, S being
// that of the optimum disturbed by a congruence, measured by its trace and determinant.
void nothing_is_better(const Subject& subject) {
  const Draw d = draw_of(std::vector{Optimum::omega, Optimum::bfgs, Optimum::determinant, Optimum::dfp,
                                     Optimum::psb}[*indices(5)],
                         4, false);
  if (d.best.found() == Found::infeasible) return;
  const auto measured = subject.least_change.objective(d.optimum, d.gram, d.parameter);
  const double value = measured.value();
  const std::size_t n = d.pair.g.size();
  if (n == 1 || !std::isfinite(value)) return;
  const std::uint64_t size = *indices(4);
  std::vector<double> noise;
  for (std::size_t i = 0; i < (n - 1) * (n - 1); ++i)
    noise.push_back((static_cast<double>(*indices(2001)) - 1000) / 1000);
  const PrecisionScope precision(16000);
  const ExactPair& e = d.best.pair();
  // S* = diag(a, tau, ...); the closed-cone minimiser of psb has a = 0.
  const bool attained = d.best.found() == Found::attained;
  std::vector<Real> star(n - 1, attained ? d.best.complement() : Real(1));
  star[0] = attained ? d.best.block_alpha() : ldexp(Real(1), -100);
  const Real epsilon = std::vector<Real>{Real(1), Real("1e-3"), Real("1e-8"), Real("1e-20")}[size];
  RealMatrix r(n - 1, std::vector<Real>(n - 1)), s = r;
  for (std::size_t i = 0; i < n - 1; ++i)
    for (std::size_t j = 0; j < n - 1; ++j)
      r[i][j] = (i == j ? Real(1) : Real(0)) + epsilon * Real(noise[i * (n - 1) + j]);
  for (std::size_t i = 0; i < n - 1; ++i)
    for (std::size_t j = 0; j < n - 1; ++j)
      for (std::size_t k = 0; k < n - 1; ++k) s[i][j] += r[i][k] * star[k] * r[j][k];
  const Real floor = ldexp(star[0], -60);  // definite even where R is singular
  for (std::size_t i = 0; i < n - 1; ++i) s[i][i] += epsilon * epsilon * floor;
  Real trace = 0, wanted = 0;
  for (std::size_t i = 0; i < n - 1; ++i) {
    trace += s[i][i];
    wanted += star[i];
  }
  if (d.optimum == Optimum::determinant)
    for (auto& row : s)
      for (Real& entry : row) entry *= wanted / trace;
  const Real total = real(e.star()) + (d.optimum == Optimum::determinant ? wanted : trace);
  // det N = p/gg det S; N^-1 = [[gg/p + gg^2/p^2 b S^-1 b, .], [., S^-1]], b = |w|/|g| e_1.
  RealMatrix rest = s;
  Real log_det = log(real(e.p / e.gg));
  std::vector<Real> pivots;
  RealMatrix inverse(n - 1, std::vector<Real>(n - 1));
  for (std::size_t i = 0; i < n - 1; ++i) inverse[i][i] = 1;
  for (std::size_t k = 0; k < n - 1; ++k) {
    log_det += log(rest[k][k]);
    const Real pivot = rest[k][k];
    for (std::size_t j = 0; j < n - 1; ++j) {
      rest[k][j] /= pivot;
      inverse[k][j] /= pivot;
    }
    for (std::size_t i = 0; i < n - 1; ++i) {
      if (i == k) continue;
      const Real ratio = rest[i][k];
      for (std::size_t j = 0; j < n - 1; ++j) {
        rest[i][j] -= ratio * rest[k][j];
        inverse[i][j] -= ratio * inverse[k][j];
      }
    }
  }
  const Rational ww = e.yy - e.p * e.p / e.gg;
  Real measure;
  const Real count = Real(n);
  switch (d.optimum) {
    case Optimum::omega:
      measure = total / count * exp(-log_det / count);
      break;
    case Optimum::bfgs:
      measure = total - real(exact(d.parameter.value_or(1))) * log_det;
      break;
    case Optimum::determinant:
      measure = log_det;
      break;
    case Optimum::dfp: {
      measure = real(e.gg / e.p) + real(e.gg * ww / (e.p * e.p)) * inverse[0][0] + log_det;
      for (std::size_t i = 0; i < n - 1; ++i) measure += inverse[i][i];
      break;
    }
    default: {
      const Real corner = real(e.p / e.gg) - 1;
      measure = corner * corner + 2 * real(ww / e.gg);
      for (std::size_t i = 0; i < n - 1; ++i) {
        for (std::size_t j = 0; j < n - 1; ++j) {
          const Real entry = s[i][j] + (i == 0 && j == 0 ? real(ww / e.p) : Real(0)) - (i == j ? 1 : 0);
          measure += entry * entry;
        }
      }
      measure = sqrt(measure);
    }
  }
  const Real slack = real(half_ulp(exact(value)));
  if (d.optimum == Optimum::determinant) {
    RC_ASSERT((measure <= real(exact(value)) + slack));
  } else {
    RC_ASSERT((measure >= real(exact(value)) - slack));
  }
}

void scalars_reference(const Subject& subject) {
  const Draw d = draw(6, false);
  const OptimumScalars actual = subject.least_change.scalars(d.optimum, d.gram, d.parameter);
  RC_ASSERT(static_cast<int>(actual.existence) == static_cast<int>(d.best.found()));
  const BestMetric& b = d.best;
  const auto expected = [&](auto formula, bool defined = true) -> std::optional<double> {
    if (!defined || b.found() != Found::attained) return {};
    return converged([&]() -> Real { return formula(); });
  };
  const bool beside = d.pair.g.size() > 1;
  require_same(actual.lambda_min, expected([&] { return b.least(); }), "lambda_min");
  require_same(actual.lambda_max, expected([&] { return b.greatest(); }), "lambda_max");
  require_same(actual.condition, expected([&] { return Real(b.greatest() / b.least()); }), "condition");
  require_same(actual.sqrt_condition, expected([&] { return Real(sqrt(b.greatest() / b.least())); }),
               "sqrt_condition");
  require_same(actual.log_condition, expected([&] { return Real(log(b.greatest() / b.least())); }),
               "log_condition");
  require_same(actual.trace, expected([&] { return b.trace(); }), "trace");
  require_same(actual.log_det, expected([&] { return b.log_det(); }), "log_det");
  require_same(actual.block_alpha, expected([&] { return b.block_alpha(); }, beside), "block_alpha");
  require_same(actual.complement, expected([&] { return b.complement(); }, beside), "complement");
}

void scalars_of_family(const Subject& subject) {
  const Draw d = draw_of(all_optima()[*indices(4)], 24, true);
  const OptimumScalars actual = subject.least_change.scalars(d.optimum, d.gram, d.parameter);
  const Alpha a = d.optimum == Optimum::bfgs          ? Alpha(d.parameter.value_or(1))
                  : d.optimum == Optimum::determinant ? Alpha::of_trace(*d.parameter)
                                                      : Alpha();
  const Scalars expected = natgrad::scalars(d.gram, a);
  require_same(actual.alpha, expected.alpha, "alpha");
  require_same(actual.lambda_min, expected.lambda_min, "lambda_min");
  require_same(actual.lambda_max, expected.lambda_max, "lambda_max");
  require_same(actual.condition, expected.condition, "condition");
  require_same(actual.sqrt_condition, expected.sqrt_condition, "sqrt_condition");
  require_same(actual.log_condition, expected.log_condition, "log_condition");
  require_same(actual.trace, expected.trace, "trace");
  require_same(actual.log_det, expected.log_det, "log_det");
  if (d.optimum == Optimum::determinant) require_same(actual.trace, d.parameter, "the trace asked for");
}

void any_environment(const Subject& subject) {
  const Draw d = draw(5);
  const std::vector<double> x = draw_argument(d);
  const auto m = subject.least_change.make(d.optimum, d.pair.g, d.pair.y, d.parameter);
  const auto results = [&] {
    const OptimumScalars s = subject.least_change.scalars(d.optimum, d.gram, d.parameter);
    std::vector<double> out = {*s.objective,     *s.lambda_min, *s.lambda_max, *s.condition,
                               *s.log_condition, *s.trace,      *s.log_det};
    for (const double element : subject.least_change.apply(*m, x)) out.push_back(element);
    for (const double element : subject.least_change.solve(*m, x)) out.push_back(element);
    return out;
  };
  const std::vector<double> expected = results();
  for (const Environment environment : environments) {
    std::vector<double> actual;
    {
      const EnvironmentScope scope(environment);
      actual = results();
    }
    require_same_elements(actual, expected, name(environment));
  }
}

void extrema_bound_the_family(const Subject& subject) {
  const Pair pair = *effective_pairs(6);
  classify(pair);
  const Gram gram = Gram::of(pair.g, pair.y);
  const ExactPair e(pair.g, pair.y);
  const auto top = subject.least_change.infimum_lambda_max(gram).value();
  const auto bottom = subject.least_change.supremum_lambda_min(gram).value();
  const auto sum = subject.least_change.infimum_trace(gram).value();
  // Of y y^T/p, the limit of M(a) as a goes to 0, whose only eigenvalue is y.y/p; of the inverse likewise.
  require_same(top.value, test::nearest(dot(e.y, e.y) / e.p), "inf lambda_max");
  require_same(bottom.value, test::nearest(1 / (dot(e.g, e.g) / e.p)), "sup lambda_min");
  require_same(sum.value, test::nearest(e.star()), "inf tr");
  bool parallel = true;
  for (std::size_t i = 0; i < e.g.size(); ++i)
    for (std::size_t j = 0; j < i; ++j) parallel = parallel && e.g[i] * e.y[j] == e.g[j] * e.y[i];
  RC_ASSERT(top.attained == parallel);
  RC_ASSERT(bottom.attained == parallel);
  RC_ASSERT(sum.attained == (e.g.size() == 1));
  const Alpha a = *alphas(pair);
  RC_ASSERT(*natgrad::lambda_max(gram, a) >= top.value);
  RC_ASSERT(*natgrad::lambda_min(gram, a) <= bottom.value);
  RC_ASSERT(*natgrad::trace(gram, a) >= sum.value);
}

// Where the optimum is rational the reference is exact.
void apply_reference(const Subject& subject) {
  const Draw d = draw_rational(10);
  const std::vector<double> x = draw_argument(d);
  const auto m = subject.least_change.make(d.optimum, d.pair.g, d.pair.y, d.parameter);
  require_same_elements(subject.least_change.apply(*m, x), nearest(multiply(*d.best.rational(), exact(x))),
                        "M x");
}

void irrational_apply_reference(const Subject& subject) {
  const Draw d = draw_of(*indices(3) == 0 ? Optimum::identity : Optimum::ray, 5, true);
  const std::vector<double> x = draw_argument(d);
  const auto m = subject.least_change.make(d.optimum, d.pair.g, d.pair.y, d.parameter);
  // Against M itself: terms that cancel down to nothing at 2^-8192 are exactly 0.
  require_same_elements(subject.least_change.apply(*m, x),
                        converged_elements([&] { return applied(d.best, x); }, d.best.enough_bits(x)), "M x");
}

void maps_g_to_y(const Subject& subject) {
  const Draw d = draw(40);
  const auto m = subject.least_change.make(d.optimum, d.pair.g, d.pair.y, d.parameter);
  require_same_elements(subject.least_change.apply(*m, d.pair.g), d.pair.y, "M g");
}

void maps_y_to_g(const Subject& subject) {
  const Draw d = draw(40);
  const auto m = subject.least_change.make(d.optimum, d.pair.g, d.pair.y, d.parameter);
  require_same_elements(subject.least_change.solve(*m, d.pair.y), d.pair.g, "M^-1 y");
}

void solve_reference(const Subject& subject) {
  const Draw d = draw_rational(5);
  const std::vector<double> x = draw_argument(d);
  const auto m = subject.least_change.make(d.optimum, d.pair.g, d.pair.y, d.parameter);
  require_same_elements(subject.least_change.solve(*m, x),
                        nearest(multiply(inverse(*d.best.rational()), exact(x))), "M^-1 x");
}

void irrational_solve_reference(const Subject& subject) {
  const Draw d = draw_of(*indices(3) == 0 ? Optimum::identity : Optimum::ray, 4, true);
  const std::vector<double> x = draw_argument(d);
  const auto m = subject.least_change.make(d.optimum, d.pair.g, d.pair.y, d.parameter);
  require_same_elements(subject.least_change.solve(*m, x),
                        converged_elements([&] { return solved(d.best, x); }, 2 * d.best.enough_bits(x)),
                        "M^-1 x");
}

// M(g, y)^-1 = M(y, g).
void ray_is_dual_to_itself(const Subject& subject) {
  const Draw d = draw_of(Optimum::ray, 16, true);
  const std::vector<double> x = draw_argument(d);
  const auto m = subject.least_change.make(Optimum::ray, d.pair.g, d.pair.y, {});
  const auto exchanged = subject.least_change.make(Optimum::ray, d.pair.y, d.pair.g, {});
  require_same_elements(subject.least_change.solve(*m, x), subject.least_change.apply(*exchanged, x),
                        "M^-1 x");
}

void quadratic_form_reference(const Subject& subject) {
  const Draw d = draw_rational(8);
  const std::vector<double> x = draw_argument(d);
  const auto m = subject.least_change.make(d.optimum, d.pair.g, d.pair.y, d.parameter);
  const RationalVector exact_x = exact(x);
  require_same(subject.least_change.quadratic_form(*m, x),
               test::nearest(dot(exact_x, multiply(*d.best.rational(), exact_x))), "x^T M x");
}

void dense_reference(const Subject& subject) {
  const Draw d = draw(5);
  const auto m = subject.least_change.make(d.optimum, d.pair.g, d.pair.y, d.parameter);
  const arma::mat actual = subject.least_change.dense(*m);
  const std::size_t n = d.pair.g.size();
  RC_ASSERT((actual.n_rows == n && actual.n_cols == n));
  const std::vector<double> expected =
      d.best.rational() ? [&] {
        RationalVector all;
        for (const RationalVector& row : *d.best.rational()) all.insert(all.end(), row.begin(), row.end());
        return nearest(all);
      }()
      : converged_elements([&] {
          std::vector<Real> all;
          for (const auto& row : d.best.matrix()) all.insert(all.end(), row.begin(), row.end());
          return all;
        }, d.best.enough_bits());
  require_same_elements(std::vector<double>(actual.begin(), actual.end()), expected, "M");
}

void spectrum_reference(const Subject& subject) {
  const Draw d = draw(6);
  const auto m = subject.least_change.make(d.optimum, d.pair.g, d.pair.y, d.parameter);
  const std::vector<Eigenvalue> actual = subject.least_change.spectrum(*m);
  std::vector<std::pair<double, std::uint64_t>> expected, found;
  std::size_t parts = 0;
  {
    const PrecisionScope precision(64);
    parts = d.best.spectrum().size();
  }
  for (std::size_t i = 0; i < parts; ++i) {
    std::uint64_t count = 0;
    const double value = converged([&] {
      const auto all = d.best.spectrum();
      count = all[i].second;
      return all[i].first;
    });
    expected.emplace_back(value, count);
  }
  std::uint64_t total = 0;
  for (const Eigenvalue& eigenvalue : actual) {
    found.emplace_back(eigenvalue.value, eigenvalue.multiplicity);
    total += eigenvalue.multiplicity;
  }
  RC_ASSERT(total == d.pair.g.size());
  RC_ASSERT(std::is_sorted(found.begin(), found.end(),
                           [](const auto& a, const auto& b) { return a.first < b.first; }));
  // Distinct reals are separate entries; equal ones, which occur only for parallel vectors, are one.
  std::stable_sort(expected.begin(), expected.end());
  std::stable_sort(found.begin(), found.end());
  if (found.size() != expected.size()) {
    RC_ASSERT(d.best.parallel());
    RC_ASSERT((expected.size() == 2 && found.size() == 1));
    require_same(expected[0].first, expected[1].first, "equal eigenvalues");
    expected = {{expected[0].first, total}};
  }
  for (std::size_t i = 0; i < found.size(); ++i) {
    require_same(found[i].first, expected[i].first, "eigenvalue");
    RC_ASSERT(found[i].second == expected[i].second);
  }
}

void first_order_condition(const Subject& subject) {
  const Draw d = draw(6);
  const auto actual = subject.least_change.certificate(d.optimum, d.gram, d.parameter).value();
  if (d.best.parallel() || d.pair.g.size() == 1) {
    RC_TAG("the plane is a line");
    return;
  }
  const std::vector<double> expected = converged_elements([&] {
    std::vector<Real> out = d.best.multiplier();
    // The gradient is mu I + g v^T + v g^T: nothing else is left of it beside g. All but mu of it, in bits
    // that remain at each precision.
    const BestMetric::Gradient gradient = d.best.gradient();
    const Real scale = abs(gradient.e11) + abs(gradient.e12) + abs(out[0]);
    Real left = abs(gradient.e22 - out[0]);
    if (d.pair.g.size() > 2) left += abs(gradient.beside - out[0]);
    // Exactly 0: what is computed of it shrinks with the precision until it counts as 0.
    out.push_back(left / scale);
    return out;
  });
  require_same(actual.mu, expected[0], "mu");
  require_same(actual.along_g, expected[1], "the part of v along g");
  require_same(actual.along_y, expected[2], "the part of v along y");
  require_same(0.0, expected[3], "what is left of the gradient");
}

// A metric of doubles, and a pair of doubles that it maps, exactly: N = L E L^T with L of small integers and
// E of powers of two, g of small integers with powers of two of their own, y = N g.
struct Rival {
  arma::mat n;
  RationalMatrix exactly;
  std::vector<double> g, y;
};

Rival draw_rival(std::size_t max_dimension) {
  const std::size_t n = 1 + *indices(max_dimension);
  const int spread = std::vector<int>{0, 3, 9}[*indices(3)];
  const auto power = [](int range) {
    return *indices(static_cast<std::uint64_t>(2 * range + 1)) - static_cast<std::uint64_t>(range);
  };
  const auto whole = [](int range) { return static_cast<double>(*indices(2 * range + 1)) - range; };
  const int scale = static_cast<int>(*indices(41)) - 20;
  std::vector<std::vector<double>> l(n, std::vector<double>(n));
  std::vector<double> e(n);
  for (std::size_t i = 0; i < n; ++i) {
    e[i] = std::ldexp(1.0, static_cast<int>(power(spread)) + scale);
    for (std::size_t j = 0; j < i; ++j) l[i][j] = whole(3);
    l[i][i] = 1;
  }
  Rival out{arma::mat(n, n, arma::fill::zeros), RationalMatrix(n, RationalVector(n)), {}, {}};
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < n; ++j) {
      for (std::size_t k = 0; k < n; ++k) out.exactly[i][j] += exact(l[i][k] * e[k] * l[j][k]);
      out.n(i, j) = test::nearest(out.exactly[i][j]);
    }
  for (std::size_t i = 0; i < n; ++i) out.g.push_back(std::ldexp(whole(3), static_cast<int>(power(4))));
  if (*std::max_element(out.g.begin(), out.g.end()) <= 0) out.g[0] = 1;
  out.y = nearest(multiply(out.exactly, exact(out.g)));
  return out;
}

void require_enclosed(const Real& x, const Enclosure& e, const std::string& what) {
  // What the reference leaves open.
  const Real slack = ldexp(Real(1), -400) * (1 + abs(x));
  const bool inside = (e.lo == -infinity || Real(e.lo) <= x + slack) &&
                      (e.hi == infinity || Real(e.hi) >= x - slack) && e.lo <= e.hi;
  if (!inside) fail(what + " is [" + hex(e.lo) + ", " + hex(e.hi) + "], should contain " + x.str(20));
}

void competitors(const Subject& subject) {
  const Rival rival = draw_rival(5);
  const Optimum optimum = all_optima()[*indices(all_optima().size())];
  RC_TAG(std::string(to_string(optimum)));
  Parameter parameter;
  if (optimum == Optimum::bfgs && *indices(2) == 0)
    parameter = std::ldexp(3.0, static_cast<int>(*indices(9)) - 5);
  if (optimum == Optimum::determinant) {
    Rational sum = 0;
    for (std::size_t i = 0; i < rival.exactly.size(); ++i) sum += rival.exactly[i][i];
    parameter = test::nearest(sum);
  }
  const BestMetric best(best_of(optimum), rival.g, rival.y, parameter);
  const Gram gram = Gram::of(rival.g, rival.y);
  const OptimumCompetitor c = subject.least_change.competitor(optimum, rival.n, gram, parameter);
  const PrecisionScope precision(2000);
  const Real f = measure_of(best_of(optimum), rival.exactly, parameter);
  require_enclosed(f, c.measure, "the measure");
  const Real kappa = measure_of(Best::condition, rival.exactly);
  if (kappa < 1e6) {
    if (!(Real(c.measure.hi) - Real(c.measure.lo) <= (1 + abs(f)) * kappa * Real("1e-12")))
      fail("the measure is wide: [" + hex(c.measure.lo) + ", " + hex(c.measure.hi) + "]");
  }
  // N is a metric of trace T with N g = y: feasible for every optimum.
  RC_ASSERT(c.excess.has_value());
  const Real excess = optimum == Optimum::determinant ? Real(best.measure() - f) : Real(f - best.measure());
  require_enclosed(excess, *c.excess, "the excess");
  if (!(excess >= -ldexp(Real(1), -400) * (1 + abs(f)))) fail("the optimum is beaten by " + excess.str(20));
  RC_ASSERT(c.excess->hi >= 0);
}

// ------------------------------------------------------------------------- mistakes

Canary objective_is(const char* name, Optimum optimum, double (*mistake)(double value, const Gram&)) {
  return {name, [=](Subject& subject) {
            subject.least_change.objective = [=](Optimum o, const Gram& gram, Parameter parameter) {
              auto value = natgrad::objective(o, gram, parameter);
              if (value && o == optimum) value = mistake(*value, gram);
              return value;
            };
          }};
}

Canary scalars_are(const char* name, std::function<void(Optimum, const Gram&, OptimumScalars&)> mistake) {
  return {name, [=](Subject& subject) {
            subject.least_change.scalars = [=](Optimum o, const Gram& gram, Parameter parameter) {
              OptimumScalars out = natgrad::optimum_scalars(o, gram, parameter);
              if (out.existence == Existence::attained) mistake(o, gram, out);
              return out;
            };
          }};
}

Canary certificate_is(const char* name, std::function<void(Optimum, const Gram&, Certificate&)> mistake) {
  return {name, [=](Subject& subject) {
            subject.least_change.certificate = [=](Optimum o, const Gram& gram, Parameter parameter) {
              auto out = natgrad::certificate(o, gram, parameter);
              if (out) mistake(o, gram, *out);
              return out;
            };
          }};
}

using Competes = LeastChangeSubject::Competes;

Canary competitor_is(
    const char* name,
    std::function<void(const Competes&, Optimum, const arma::mat&, const Gram&, OptimumCompetitor&)>
        mistake) {
  return {name, [=](Subject& subject) {
            const Competes library = subject.least_change.competitor;
            subject.least_change.competitor = [=](Optimum o, const arma::mat& m, const Gram& gram,
                                                  Parameter parameter) {
              OptimumCompetitor out = library(o, m, gram, parameter);
              mistake(library, o, m, gram, out);
              return out;
            };
          }};
}

// One optimum in place of another.
Canary mistaken(const char* name, Optimum from, Optimum to, Parameter parameter = {}) {
  return {name, [=](Subject& subject) {
            subject.least_change.make = [=](Optimum o, Doubles g, Doubles y, Parameter given) {
              if (o != from) return OptimalMetric::make(o, g, y, given);
              auto other = OptimalMetric::make(to, g, y, parameter);
              return other ? other : OptimalMetric::make(o, g, y, given);
            };
          }};
}

using Operator = LeastChangeSubject::Operator;

Canary one_ulp_off(Operator LeastChangeSubject::*member) {
  return {"the last element one ulp off", [member](Subject& subject) {
            const Operator library = subject.least_change.*member;
            subject.least_change.*member = [library](const OptimalMetric& m, Doubles x) {
              std::vector<double> out = library(m, x);
              out.back() = std::nextafter(out.back(), infinity);
              return out;
            };
          }};
}

// tau I + what doubles make of the rest.
std::vector<double> by_dense(const OptimalMetric& m, Doubles x) {
  const arma::mat dense = m.dense();
  std::vector<double> out(x.size());
  for (std::size_t i = 0; i < x.size(); ++i)
    for (std::size_t j = 0; j < x.size(); ++j) out[i] += dense(i, j) * x[j];
  return out;
}

Canary apply_by_dense() {
  return {"the dense matrix of doubles times x",
          [](Subject& subject) { subject.least_change.apply = by_dense; }};
}

Canary apply_for_solve() {
  return {"M in place of M^-1",
          [](Subject& subject) { subject.least_change.solve = subject.least_change.apply; }};
}

Canary not_exchanged() {
  return {"DFP of (g, y) by exchanging the wrong way", [](Subject& subject) {
            const Operator apply = subject.least_change.apply, solve = subject.least_change.solve;
            subject.least_change.apply = [=](const OptimalMetric& m, Doubles x) {
              return m.optimum() == Optimum::dfp ? solve(m, x) : apply(m, x);
            };
          }};
}

}  // namespace

std::vector<Property> least_change_properties() {
  return {
      {"least_change.existence",
       "definition",
       "attained, not attained, infeasible or no metric, as exact elimination of the dense update and T > a* "
       "say",
       existence_by_definition,
       {{"PSB is always attained",
         [](Subject& subject) {
           subject.least_change.existence = [](Optimum o, const Gram& gram, Parameter parameter) {
             const Existence out = natgrad::existence(o, gram, parameter);
             return out == Existence::not_attained ? Existence::attained : out;
           };
         }},
        {"PSB by yy < p + p^2/gg in doubles",
         [](Subject& subject) {
           subject.least_change.existence = [](Optimum o, const Gram& gram, Parameter parameter) {
             const Existence out = natgrad::existence(o, gram, parameter);
             if (o != Optimum::psb || out == Existence::no_metric) return out;
             const double gg = gram.gg().to_double(), p = gram.gy().to_double(), yy = gram.yy().to_double();
             return yy < p + p * p / gg ? Existence::attained : Existence::not_attained;
           };
         }},
        {"T compared with the rounded a*",
         [](Subject& subject) {
           subject.least_change.existence = [](Optimum o, const Gram& gram, Parameter parameter) {
             const Existence out = natgrad::existence(o, gram, parameter);
             if (o != Optimum::determinant || out == Existence::no_metric) return out;
             return *parameter > *natgrad::alpha(gram) ? Existence::attained : Existence::infeasible;
           };
         }}}},
      {"least_change.objective",
       "reference",
       "the measure of the optimum, from the eigenvalues of the update of the literature, correctly rounded",
       objective_reference,
       {objective_is("omega = 1/c^(1/D)", Optimum::omega, [](double x, const Gram&) { return std::sqrt(x); }),
        objective_is("sqrt(kappa) in place of kappa", Optimum::condition,
                     [](double x, const Gram&) { return std::sqrt(x); }),
        objective_is("the distance to the ray without sqrt(2)", Optimum::ray,
                     [](double x, const Gram&) { return x / std::sqrt(2.0); }),
        objective_is("the infimum of PSB without the part beside y", Optimum::psb,
                     [](double x, const Gram& gram) {
                       if (natgrad::existence(Optimum::psb, gram) == Existence::attained) return x;
                       return std::fabs(*natgrad::alpha(gram) - 1);
                     }),
        objective_is("the distance of M(a*)'s block to I", Optimum::identity,
                     [](double, const Gram& gram) {
                       return std::hypot(std::log(*natgrad::lambda_min(gram)),
                                         std::log(*natgrad::lambda_max(gram)));
                     })},
       3},
      {"least_change.objective",
       "no metric is better",
       "no metric near or far from the optimum has a better trace, determinant or norm; near it they come "
       "close",
       nothing_is_better,
       {objective_is("the next double for omega", Optimum::omega,
                     [](double x, const Gram&) { return std::nextafter(x, infinity); }),
        objective_is("the next double for bfgs", Optimum::bfgs,
                     [](double x, const Gram&) { return std::nextafter(x, infinity); }),
        objective_is("the greatest determinant an ulp too small", Optimum::determinant,
                     [](double x, const Gram&) { return std::nextafter(x, -infinity); })},
       3},
      {"least_change.scalars",
       "reference",
       "eigenvalues, condition numbers, trace and log det of the update of the literature, correctly rounded",
       scalars_reference,
       {scalars_are("the ray's complement a* in place of r",
                    [](Optimum o, const Gram& gram, OptimumScalars& s) {
                      if (o == Optimum::ray && s.complement) s.complement = natgrad::alpha(gram);
                    }),
        scalars_are(
            "kappa* for every optimum",
            [](Optimum, const Gram& gram, OptimumScalars& s) { s.condition = natgrad::condition(gram); }),
        scalars_are("log det of identity with the complement's a",
                    [](Optimum o, const Gram&, OptimumScalars& s) {
                      if (o == Optimum::identity && s.block_alpha) *s.log_det += std::log(*s.block_alpha);
                    })},
       10},
      {"least_change.scalars",
       "family",
       "condition, omega, bfgs and determinant have the bits of natgrad::scalars, and the trace asked for",
       scalars_of_family,
       {scalars_are("the trace from the rounded a",
                    [](Optimum, const Gram& gram, OptimumScalars& s) {
                      if (s.alpha)
                        s.trace =
                            *natgrad::alpha(gram) + static_cast<double>(gram.dimension() - 1) * *s.alpha;
                    }),
        scalars_are("omega is at a = 1",
                    [](Optimum o, const Gram& gram, OptimumScalars& s) {
                      if (o == Optimum::omega) s.lambda_max = natgrad::lambda_max(gram, Alpha(1.0));
                    })}},
      {"least_change.scalars",
       "environment",
       "the same bits whatever the rounding mode or flush-to-zero",
       any_environment,
       {{"the objective in doubles",
         [](Subject& subject) {
           subject.least_change.scalars = [](Optimum o, const Gram& gram, Parameter parameter) {
             OptimumScalars s = natgrad::optimum_scalars(o, gram, parameter);
             volatile double third = *s.lambda_max;
             s.objective = third / 3.0;
             return s;
           };
         }}},
       10},
      {"least_change.extrema",
       "bounds",
       "yy/p and p/gg, attained for parallel vectors only (the trace: for D = 1); no M(a) is beyond them",
       extrema_bound_the_family,
       {{"attained at every angle",
         [](Subject& subject) {
           subject.least_change.infimum_lambda_max = [](const Gram& gram) {
             auto out = natgrad::infimum_lambda_max(gram);
             out->attained = true;
             return out;
           };
         }},
        {"sup lambda_min = |y|/|g|",
         [](Subject& subject) {
           subject.least_change.supremum_lambda_min = [](const Gram& gram) {
             auto out = natgrad::supremum_lambda_min(gram);
             out->value = std::sqrt(gram.yy().to_double() / gram.gg().to_double());
             return out;
           };
         }},
        {"the trace of r I",
         [](Subject& subject) {
           subject.least_change.infimum_trace = [](const Gram& gram) {
             return Extremum{*natgrad::trace(gram), true};
           };
         }}}},
      {"least_change.apply",
       "reference",
       "M x of the dense rational update, correctly rounded",
       apply_reference,
       {one_ulp_off(&LeastChangeSubject::apply), apply_by_dense(), not_exchanged(),
        mistaken("PSB in place of DFP", Optimum::dfp, Optimum::psb),
        mistaken("bfgs with a = 2", Optimum::bfgs, Optimum::bfgs, 2.0)},
       2},
      {"least_change.apply",
       "irrational reference",
       "M x of ray and identity, correctly rounded",
       irrational_apply_reference,
       {one_ulp_off(&LeastChangeSubject::apply),
        mistaken("M(a*) in place of the ray's", Optimum::ray, Optimum::condition),
        mistaken("the ray's in place of that nearest to I", Optimum::identity, Optimum::ray)},
       10},
      {"least_change.apply",
       "maps g to y",
       "M g == y, bit for bit",
       maps_g_to_y,
       {apply_by_dense(), not_exchanged(), one_ulp_off(&LeastChangeSubject::apply)},
       2},
      {"least_change.solve",
       "maps y to g",
       "M^-1 y == g, bit for bit",
       maps_y_to_g,
       {apply_for_solve(), one_ulp_off(&LeastChangeSubject::solve)},
       2},
      {"least_change.solve",
       "reference",
       "M^-1 x by elimination of the dense rational update, correctly rounded",
       solve_reference,
       {apply_for_solve(), one_ulp_off(&LeastChangeSubject::solve),
        mistaken("PSB in place of DFP", Optimum::dfp, Optimum::psb)},
       2},
      {"least_change.solve",
       "irrational reference",
       "M^-1 x of ray and identity by elimination, correctly rounded",
       irrational_solve_reference,
       {apply_for_solve(), one_ulp_off(&LeastChangeSubject::solve)},
       10},
      {"least_change.solve",
       "ray is its own dual",
       "the ray's M(g, y)^-1 is M(y, g), bit for bit",
       ray_is_dual_to_itself,
       {mistaken("M(a*) in place of the ray's", Optimum::ray, Optimum::condition),
        one_ulp_off(&LeastChangeSubject::solve)},
       2},
      {"least_change.quadratic_form",
       "reference",
       "x^T M x of the dense rational update, correctly rounded",
       quadratic_form_reference,
       {{"x times the rounded M x",
         [](Subject& subject) {
           subject.least_change.quadratic_form = [](const OptimalMetric& m, Doubles x) {
             std::vector<double> mx(x.size());
             m.apply(x, mx);
             double sum = 0;
             for (std::size_t i = 0; i < x.size(); ++i) sum += x[i] * mx[i];
             return sum;
           };
         }},
        mistaken("PSB in place of DFP", Optimum::dfp, Optimum::psb)},
       2},
      {"least_change.dense",
       "reference",
       "every entry correctly rounded",
       dense_reference,
       {{"one entry rounded up",
         [](Subject& subject) {
           subject.least_change.dense = [](const OptimalMetric& m) {
             arma::mat out = m.dense();
             out(0, 0) = std::nextafter(out(0, 0), infinity);
             return out;
           };
         }},
        mistaken("M(a*) in place of the ray's", Optimum::ray, Optimum::condition)},
       10},
      {"least_change.spectrum",
       "reference",
       "the eigenvalues of the update of the literature with their multiplicities, equal ones together",
       spectrum_reference,
       {{"the complement once too often",
         [](Subject& subject) {
           subject.least_change.spectrum = [](const OptimalMetric& m) {
             auto out = m.spectrum();
             if (out.size() == 3) out[1].multiplicity += 1;
             return out;
           };
         }},
        {"a* beside every block",
         [](Subject& subject) {
           subject.least_change.spectrum = [](const OptimalMetric& m) {
             auto out = m.spectrum();
             if (out.size() == 3) out[1].value = *natgrad::alpha(m.gram());
             return out;
           };
         }}},
       10},
      {"least_change.competitor",
       "enclosure",
       "the measure of a metric of doubles, and how much worse than the optimum it is, are in their "
       "enclosures",
       competitors,
       {competitor_is("an enclosure without width",
                      [](const Competes&, Optimum o, const arma::mat&, const Gram&, OptimumCompetitor& c) {
                        if (o == Optimum::omega) c.measure.hi = c.measure.lo;
                      }),
        competitor_is("as wide as the measure",
                      [](const Competes&, Optimum, const arma::mat&, const Gram&, OptimumCompetitor& c) {
                        c.measure = {c.measure.lo - 1, c.measure.hi + 1};
                      }),
        competitor_is("the distance to I for that to the ray",
                      [](const Competes& library, Optimum o, const arma::mat& m, const Gram& gram,
                         OptimumCompetitor& c) {
                        if (o == Optimum::ray) c.measure = library(Optimum::identity, m, gram, {}).measure;
                      }),
        competitor_is("the trace of M in place of that of its inverse",
                      [](const Competes& library, Optimum o, const arma::mat& m, const Gram& gram,
                         OptimumCompetitor& c) {
                        if (o != Optimum::dfp) return;
                        const double det = library(Optimum::determinant, m, gram, arma::trace(m)).measure.lo;
                        c.measure = {arma::trace(m) + det - 1e-9, arma::trace(m) + det + 1e-9};
                      }),
        competitor_is("how much better the determinant is, not how much worse",
                      [](const Competes&, Optimum o, const arma::mat&, const Gram&, OptimumCompetitor& c) {
                        if (o == Optimum::determinant) c.excess = Enclosure{-c.excess->hi, -c.excess->lo};
                      }),
        competitor_is(
            "worse than the rounded optimum",
            [](const Competes&, Optimum o, const arma::mat& m, const Gram& gram, OptimumCompetitor& c) {
              if (o != Optimum::psb) return;
              static_cast<void>(m);
              const double best = *natgrad::objective(o, gram);
              c.excess = Enclosure{c.measure.lo - best, c.measure.hi - best};
              c.excess->lo = c.excess->hi = 0.5 * (c.excess->lo + c.excess->hi);
            })},
       3},
      {"least_change.certificate",
       "first-order condition",
       "the gradient at the optimum, from its eigenvectors, is mu I + g v^T + v g^T with this mu and v",
       first_order_condition,
       {certificate_is("the multiplier of M(a*) for every kappa-optimal metric",
                       [](Optimum o, const Gram& gram, Certificate& c) {
                         if (o == Optimum::ray) c = *natgrad::certificate(Optimum::omega, gram);
                       }),
        certificate_is("the halves of v exchanged",
                       [](Optimum, const Gram&, Certificate& c) { std::swap(c.along_g, c.along_y); }),
        certificate_is("v not halved",
                       [](Optimum o, const Gram&, Certificate& c) {
                         if (o == Optimum::bfgs || o == Optimum::psb) c.along_g *= 2;
                       })},
       10},
  };
}

}  // namespace natgrad::test
