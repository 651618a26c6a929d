// natgrad: tests of the other optimal metrics: against the updates of the literature, against random metrics
// that also map g to y, and at the edges.
#include "natgrad/least_change.hpp"

#include <gtest/gtest.h>

#include <boost/multiprecision/mpfr.hpp>
#include <cmath>
#include <cstdint>
#include <limits>
#include <set>
#include <string>
#include <vector>

#include "natgrad/random.hpp"
#include "natgrad/uniqueness.hpp"
#include "support/jacobi.hpp"
#include "support/least_change_reference.hpp"

namespace {

using natgrad::Alpha;
using natgrad::Certificate;
using natgrad::ContractError;
using natgrad::Eigenvalue;
using natgrad::Enclosure;
using natgrad::Existence;
using natgrad::Extremum;
using natgrad::Gram;
using natgrad::Metric;
using natgrad::NonFiniteError;
using natgrad::OptimalMetric;
using natgrad::Optimum;
using natgrad::OptimumScalars;
using natgrad::Random;
using natgrad::test::Best;
using natgrad::test::BestMetric;
using natgrad::test::converged;
using natgrad::test::exact;
using natgrad::test::Found;
using natgrad::test::nearest;
using natgrad::test::PrecisionScope;
using natgrad::test::Real;

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

using Vector = std::vector<double>;
using Parameter = std::optional<double>;

std::string text(Optimum optimum) {
  return std::string(natgrad::to_string(optimum));
}

struct Pair {
  std::string name;
  Vector g, y;
};

std::vector<Pair> hostile_pairs() {
  return {
      {"generic", {0.9, -0.1, 0.3}, {1.0, 0.0, 0.5}},
      {"D = 2", {1.0, 2.0}, {3.0, -1.0}},
      {"D = 1", {3.0}, {0.1}},
      {"short y", {1.0, 2.0, -0.5, 0.25}, {0.125, 0.0625, 0.25, 0.5}},
      {"long y", {0.01, 0.02, -0.03}, {1.0, 2.0, -2.0}},
      {"equal lengths", {3.0, 4.0, 0.0}, {0.0, 3.0, 4.0}},
      {"g = y", {0.1, -0.2, 0.3}, {0.1, -0.2, 0.3}},
      {"parallel", {0.1, 0.2, -0.4}, {0.2, 0.4, -0.8}},
      {"one ulp from orthogonal", {3.0, 1.0}, {-1.0, std::nextafter(3.0, 4.0)}},
      {"one ulp from parallel", {0.1, 0.2, 0.3}, {0.1, 0.2, std::nextafter(0.3, 1.0)}},
      {"cos = 1e-8", {1.0, 0.0, 0.0}, {1e-8, 1.0, 0.0}},
      {"cos = 1e-150", {1.0, 0.0}, {1e-150, 1.0}},
      {"cos = 1e-300", {1.0, 0.0, 0.0, 0.0}, {1e-300, 1.0, 0.0, 0.5}},
      {"next to parallel", {1.0, 0.0, 0.0}, {1.5, 1e-200, 0.0}},
      {"subnormal", {5e-324, 1e-310, -3e-320}, {1e-320, 5e-324, -1e-322}},
      {"near overflow", {1.7e308, -1e308, 3e307}, {1e308, 1.2e308, -1e307}},
      {"exponents apart", {1e300, 1e-300, 1.0}, {1e-300, 1e300, -1e-5}},
      {"huge against tiny", {1e300, 2e300}, {1e-300, 1e-300}},
  };
}

std::vector<Parameter> parameters(Optimum optimum, const Pair& pair) {
  if (optimum == Optimum::bfgs) return {std::nullopt, 3.0, 1e-300};
  if (optimum != Optimum::determinant) return {std::nullopt};
  const double star = *natgrad::alpha(Gram::of(pair.g, pair.y));
  if (!std::isfinite(star) || star == 0) return {5e-324, 1e300};
  return {star, std::nextafter(star, infinity), 3 * star, 1e308};
}

// ------------------------------------------------------------------ numbers

TEST(LeastChange, NamesAreThese) {
  std::set<std::string> names;
  for (const Optimum optimum : natgrad::all_optima()) {
    names.insert(text(optimum));
    EXPECT_EQ(natgrad::optimum_named(natgrad::to_string(optimum)), optimum);
    EXPECT_FALSE(natgrad::describe(optimum).empty());
    EXPECT_EQ(natgrad::describe(optimum).find('\n'), std::string_view::npos);
  }
  EXPECT_EQ(names, (std::set<std::string>{"condition", "omega", "bfgs", "determinant", "dfp", "psb", "ray",
                                          "identity"}));
  EXPECT_FALSE(natgrad::optimum_named("best").has_value());
  EXPECT_FALSE(natgrad::optimum_named("").has_value());
  EXPECT_EQ(natgrad::to_string(Existence::attained), "attained");
  EXPECT_EQ(natgrad::to_string(Existence::not_attained), "not_attained");
  EXPECT_EQ(natgrad::to_string(Existence::infeasible), "infeasible");
  EXPECT_EQ(natgrad::to_string(Existence::no_metric), "no_metric");
  // What a cast can make of a number.
  const auto nonsense = static_cast<Optimum>(77);
  EXPECT_EQ(natgrad::to_string(nonsense), "unknown");
  EXPECT_EQ(natgrad::describe(nonsense), "unknown");
  const Gram gram = Gram::of(Vector{1.0}, Vector{1.0});
  EXPECT_THROW(natgrad::existence(nonsense, gram), ContractError);
  EXPECT_THROW(natgrad::optimum_scalars(nonsense, gram), ContractError);
  EXPECT_THROW(OptimalMetric::make(nonsense, Vector{1.0}, Vector{1.0}), ContractError);
}

TEST(LeastChange, ScalarsAgreeWithTheUpdatesOfTheLiterature) {
  for (const Pair& pair : hostile_pairs()) {
    const Gram gram = Gram::of(pair.g, pair.y);
    for (const Optimum optimum : natgrad::all_optima()) {
      for (const Parameter parameter : parameters(optimum, pair)) {
        const std::string what = pair.name + ", " + text(optimum);
        SCOPED_TRACE(what);
        const BestMetric best(static_cast<Best>(optimum), pair.g, pair.y, parameter);
        const OptimumScalars s = natgrad::optimum_scalars(optimum, gram, parameter);
        EXPECT_EQ(static_cast<int>(s.existence), static_cast<int>(best.found())) << what;
        EXPECT_EQ(s.existence, natgrad::existence(optimum, gram, parameter)) << what;
        EXPECT_EQ(s.objective, natgrad::objective(optimum, gram, parameter)) << what;
        if (best.found() == Found::infeasible) {
          EXPECT_FALSE(s.objective.has_value()) << what;
          continue;
        }
        EXPECT_EQ(s.objective, converged([&] { return best.measure(); })) << what;
        if (best.found() != Found::attained) {
          EXPECT_FALSE(s.trace.has_value()) << what;
          continue;
        }
        EXPECT_EQ(s.lambda_min, converged([&] { return best.least(); })) << what;
        EXPECT_EQ(s.lambda_max, converged([&] { return best.greatest(); })) << what;
        EXPECT_EQ(s.condition, converged([&]() -> Real { return best.greatest() / best.least(); })) << what;
        EXPECT_EQ(s.log_condition, converged([&]() -> Real { return log(best.greatest() / best.least()); }))
            << what;
        EXPECT_EQ(s.trace, converged([&] { return best.trace(); })) << what;
        EXPECT_EQ(s.log_det, converged([&] { return best.log_det(); })) << what;
        EXPECT_EQ(s.block_alpha.has_value(), pair.g.size() > 1) << what;
        if (pair.g.size() > 1) {
          EXPECT_EQ(s.block_alpha, converged([&] { return best.block_alpha(); })) << what;
          EXPECT_EQ(s.complement, converged([&] { return best.complement(); })) << what;
        }
      }
    }
  }
}

TEST(LeastChange, OperatorsAgreeWithTheUpdatesOfTheLiterature) {
  for (const Pair& pair : hostile_pairs()) {
    for (const Optimum optimum : natgrad::all_optima()) {
      const std::string what = pair.name + ", " + text(optimum);
      const Parameter parameter = parameters(optimum, pair).back();
      const BestMetric best(static_cast<Best>(optimum), pair.g, pair.y, parameter);
      const auto m = OptimalMetric::make(optimum, pair.g, pair.y, parameter);
      ASSERT_EQ(m.has_value(), best.found() == Found::attained) << what;
      if (!m) continue;
      const std::size_t n = pair.g.size();
      Vector out(n);
      m->apply(pair.g, out);
      EXPECT_EQ(out, pair.y) << what;
      m->solve(pair.y, out);
      EXPECT_EQ(out, pair.g) << what;
      EXPECT_EQ(m->scalars(), natgrad::optimum_scalars(optimum, m->gram(), parameter)) << what;
      const arma::mat dense = m->dense();
      std::uint64_t total = 0;
      for (const Eigenvalue& eigenvalue : m->spectrum()) total += eigenvalue.multiplicity;
      EXPECT_EQ(total, n) << what;
      for (std::size_t j = 0; j < n; ++j) {
        Vector unit(n, 0.0);
        unit[j] = 1;
        m->apply(unit, out);
        for (std::size_t i = 0; i < n; ++i) EXPECT_EQ(dense(i, j), out[i]) << what;
        EXPECT_EQ(m->quadratic_form(unit), out[j]) << what;
      }
      if (best.rational()) {
        const auto inverse = natgrad::test::inverse(*best.rational());
        for (std::size_t j = 0; j < n; ++j) {
          Vector unit(n, 0.0);
          unit[j] = 1;
          m->solve(unit, out);
          for (std::size_t i = 0; i < n; ++i) {
            EXPECT_EQ(dense(i, j), nearest((*best.rational())[i][j])) << what;
            EXPECT_EQ(out[i], nearest(inverse[i][j])) << what;
          }
        }
      } else {
        const Vector entries = natgrad::test::converged_elements(
            [&] {
              std::vector<Real> all;
              for (const auto& row : best.matrix()) all.insert(all.end(), row.begin(), row.end());
              return all;
            },
            best.enough_bits());
        EXPECT_EQ(Vector(dense.begin(), dense.end()), entries) << what;
      }
    }
  }
}

// ------------------------------------------------------------------ optimality

using Fast = boost::multiprecision::number<
    boost::multiprecision::mpfr_float_backend<55, boost::multiprecision::allocate_stack>,
    boost::multiprecision::et_off>;
using FastMatrix = std::vector<std::vector<Fast>>;

Fast fast(const Real& x) {
  return Fast(x.str(60, std::ios_base::scientific));
}

// The metrics N with N g = y: [[p/gg, b e^T], [b e, (|w|^2/p) e e^T + S]], S any SPD, on orthonormal
// coordinates along g, along w (e the first unit vector) and beside both.
struct Slice {
  std::size_t n;
  Fast corner, b, ww_over_p;

  FastMatrix metric(const FastMatrix& s) const {
    FastMatrix m(n, std::vector<Fast>(n));
    m[0][0] = corner;
    m[0][1] = m[1][0] = b;
    for (std::size_t i = 1; i < n; ++i)
      for (std::size_t j = 1; j < n; ++j) m[i][j] = s[i - 1][j - 1];
    m[1][1] += ww_over_p;
    return m;
  }
};

Fast determinant(FastMatrix m) {
  Fast product = 1;
  for (std::size_t k = 0; k < m.size(); ++k) {
    product *= m[k][k];
    for (std::size_t i = k + 1; i < m.size(); ++i) {
      const Fast ratio = m[i][k] / m[k][k];
      for (std::size_t j = k; j < m.size(); ++j) m[i][j] -= ratio * m[k][j];
    }
  }
  return product;
}

Fast trace(const FastMatrix& m) {
  Fast sum = 0;
  for (std::size_t i = 0; i < m.size(); ++i) sum += m[i][i];
  return sum;
}

FastMatrix inverse(FastMatrix m) {
  const std::size_t n = m.size();
  FastMatrix out(n, std::vector<Fast>(n));
  for (std::size_t i = 0; i < n; ++i) out[i][i] = 1;
  for (std::size_t k = 0; k < n; ++k) {
    const Fast pivot = m[k][k];
    for (std::size_t j = 0; j < n; ++j) {
      m[k][j] /= pivot;
      out[k][j] /= pivot;
    }
    for (std::size_t i = 0; i < n; ++i) {
      if (i == k) continue;
      const Fast ratio = m[i][k];
      for (std::size_t j = 0; j < n; ++j) {
        m[i][j] -= ratio * m[k][j];
        out[i][j] -= ratio * out[k][j];
      }
    }
  }
  return out;
}

// What each optimum makes least (determinant: with the other sign).
Fast measure(Optimum optimum, const FastMatrix& m) {
  const int n = static_cast<int>(m.size());
  switch (optimum) {
    case Optimum::omega:
      // Its power: a root would cost more than it shows.
      return pow(trace(m) / n, n) / determinant(m);
    case Optimum::bfgs:
      return trace(m) - log(determinant(m));
    case Optimum::determinant:
      return -determinant(m);
    case Optimum::dfp:
      return trace(inverse(m)) + log(determinant(m));
    case Optimum::psb: {
      Fast sum = 0;
      for (std::size_t i = 0; i < m.size(); ++i)
        for (std::size_t j = 0; j < m.size(); ++j)
          sum += (m[i][j] - (i == j ? 1 : 0)) * (m[i][j] - (i == j ? 1 : 0));
      return sqrt(sum);
    }
    default:
      break;
  }
  const std::vector<Fast> lambda = natgrad::test::symmetric_eigenvalues(m, Fast("1e-52"));
  if (optimum == Optimum::condition) {
    Fast least = lambda[0], greatest = lambda[0];
    for (const Fast& x : lambda) {
      if (x < least) least = x;
      if (x > greatest) greatest = x;
    }
    return greatest / least;
  }
  Fast sum = 0, squares = 0;
  for (const Fast& x : lambda) {
    const Fast l = log(x);
    sum += l;
    squares += l * l;
  }
  return sqrt(optimum == Optimum::identity ? squares : squares - sum * sum / n);
}

// [g, y] with cos psi = c (as far as doubles go) and |y|/|g| = r.
Pair pair_of(std::size_t n, double c, double s, double r) {
  Pair pair{"", Vector(n, 0.0), Vector(n, 0.0)};
  pair.g[0] = 1.25;
  pair.y[0] = r * c;
  pair.y[1] = r * s;
  return pair;
}

struct Angle {
  double c, s;
};
constexpr Angle angles[] = {{1e-8, 1},    {1e-3, 1}, {0.1, 0.995}, {0.6, 0.8},
                            {0.96, 0.28}, {1, 1e-6}, {1, 1e-12}};
constexpr double ratios[] = {1e-3, 1, 40};
constexpr int competitors[] = {2400, 2000, 500};  // for D = 2, 3, 4

struct Outcome {
  std::uint64_t metrics = 0, strict = 0;
};

void compete(Optimum optimum, Outcome& outcome) {
  Random random(20240924 + static_cast<std::uint64_t>(optimum));
  const auto noise = [&] { return Fast(random.uniform(-1, 1)); };
  for (const Angle angle : angles) {
    for (const double r : ratios) {
      for (std::size_t n = 2; n <= 4; ++n) {
        const Pair pair = pair_of(n, angle.c, angle.s, r);
        Parameter parameter;
        if (optimum == Optimum::determinant)
          parameter = *natgrad::alpha(Gram::of(pair.g, pair.y)) * (n == 3 ? 1.001 : 5);
        const BestMetric best(static_cast<Best>(optimum), pair.g, pair.y, parameter);
        const bool attained = best.found() == Found::attained;
        ASSERT_TRUE(attained || optimum == Optimum::psb);
        // The library's own number is the rounding of what the competitors are compared with.
        EXPECT_EQ(natgrad::objective(optimum, Gram::of(pair.g, pair.y), parameter),
                  converged([&] { return best.measure(); }));
        Slice slice{n, 0, 0, 0};
        std::vector<Fast> star(n - 1, Fast(1));
        Fast least;
        {
          const PrecisionScope precision(2000);
          const auto& e = best.pair();
          const Real ww = real(e.yy - e.p * e.p / e.gg);
          slice.corner = fast(real(e.p / e.gg));
          slice.b = fast(sqrt(ww / real(e.gg)));
          slice.ww_over_p = fast(ww / real(e.p));
          if (attained) {
            for (Fast& x : star) x = fast(best.complement());
            star[0] = fast(best.block_alpha());
          } else {
            star[0] = Fast("1e-45");
          }
          if (optimum == Optimum::psb && !attained) least = fast(best.measure());
        }
        const auto diagonal = [&] {
          FastMatrix s(n - 1, std::vector<Fast>(n - 1));
          for (std::size_t i = 0; i + 1 < n; ++i) s[i][i] = star[i];
          return s;
        };
        const Fast at_optimum = measure(optimum, slice.metric(diagonal()));
        if (optimum == Optimum::psb && !attained) {
          // Not attained: approached by the closed-cone minimiser made definite.
          EXPECT_TRUE(abs(at_optimum - least) <= Fast("1e-40") * (1 + least));
        } else {
          least = at_optimum;
        }
        const Fast slack = (1 + abs(least)) * Fast("1e-32");
        const Fast total = trace(diagonal());
        for (int k = 0; k < competitors[n - 2]; ++k) {
          static const Fast sizes[] = {Fast(1), Fast("0.1"), Fast("1e-3"), Fast("1e-6"), Fast("1e-10")};
          const Fast& size = sizes[k % 5];
          const Fast scale = k % 10 == 0 ? Fast(std::exp(random.uniform(-8, 8))) : Fast(1);
          FastMatrix root(n - 1, std::vector<Fast>(n - 1)), s = root;
          for (std::size_t i = 0; i + 1 < n; ++i)
            for (std::size_t j = 0; j + 1 < n; ++j) root[i][j] = size * noise() + (i == j ? 1 : 0);
          for (std::size_t i = 0; i + 1 < n; ++i)
            for (std::size_t j = 0; j + 1 < n; ++j)
              for (std::size_t l = 0; l + 1 < n; ++l) s[i][j] += root[i][l] * star[l] * root[j][l] * scale;
          if (optimum == Optimum::psb && !attained) s[0][0] += size * abs(noise());
          // Definite to working precision, so that what follows means something.
          if (determinant(root) * determinant(root) < Fast("1e-8")) continue;
          if (optimum == Optimum::determinant) {
            const Fast factor = total / trace(s);
            for (auto& row : s)
              for (Fast& x : row) x *= factor;
          }
          const Fast value = measure(optimum, slice.metric(s));
          ++outcome.metrics;
          if (!(value >= least - slack)) {
            FAIL() << text(optimum) << " is beaten at D = " << n << ", c = " << angle.c << ", r = " << r
                   << ": " << value << " < " << least;
          }
          if (value > least + slack) ++outcome.strict;
        }
      }
    }
  }
}

class Competition : public testing::TestWithParam<Optimum> {};

TEST_P(Competition, NoMetricIsBetter) {
  Outcome outcome;
  compete(GetParam(), outcome);
  EXPECT_GE(outcome.metrics, 100000U);
  // Unique, so that others lose (condition has further minimisers, determinant only itself for D = 2).
  if (GetParam() != Optimum::condition && GetParam() != Optimum::determinant) {
    EXPECT_GE(outcome.strict * 10, outcome.metrics * 6);
  }
  RecordProperty("metrics", static_cast<int>(outcome.metrics));
}

INSTANTIATE_TEST_SUITE_P(LeastChange, Competition,
                         testing::Values(Optimum::condition, Optimum::omega, Optimum::bfgs,
                                         Optimum::determinant, Optimum::dfp, Optimum::psb, Optimum::ray,
                                         Optimum::identity),
                         [](const auto& parameter) { return text(parameter.param); });

// Each optimum beats every other one at its own measure, strictly where they differ.
TEST(LeastChange, EveryOtherOptimumLoses) {
  for (const Angle angle : {Angle{0.6, 0.8}, Angle{0.96, 0.28}}) {
    const Pair pair = pair_of(3, angle.c, angle.s, 0.5);
    const PrecisionScope precision(1000);
    const auto matrix = [&](Optimum optimum, Parameter parameter) {
      const BestMetric best(static_cast<Best>(optimum), pair.g, pair.y, parameter);
      EXPECT_EQ(best.found(), Found::attained) << text(optimum);
      const auto m = best.matrix();
      FastMatrix out(3, std::vector<Fast>(3));
      for (std::size_t i = 0; i < 3; ++i)
        for (std::size_t j = 0; j < 3; ++j) out[i][j] = fast(m[i][j]);
      return out;
    };
    for (const Optimum optimum : natgrad::all_optima()) {
      if (optimum == Optimum::determinant) continue;
      const Fast least = measure(optimum, matrix(optimum, {}));
      for (const Optimum other : natgrad::all_optima()) {
        if (other == Optimum::determinant || other == optimum) continue;
        const Fast value = measure(optimum, matrix(other, {}));
        const auto kappa_optimal = [](Optimum o) {
          return o == Optimum::condition || o == Optimum::omega || o == Optimum::ray;
        };
        const bool same = optimum == Optimum::condition
                              ? kappa_optimal(other)
                              : optimum == Optimum::omega && other == Optimum::condition;
        const Fast gap = value - least, tiny("1e-40");
        EXPECT_TRUE(same ? abs(gap) < tiny : gap > Fast("1e-6"))
            << text(optimum) << " against " << text(other);
      }
    }
  }
}

// ------------------------------------------------------------------ dense competitors

bool holds(const Enclosure& e, const Real& x) {
  return (e.lo == -infinity || Real(e.lo) <= x) && (e.hi == infinity || x <= Real(e.hi));
}

double width(const Enclosure& e) {
  return e.hi - e.lo;
}

// Against its own dense matrix an optimum is as good as rounding lets one see.
TEST(Competitor, TheOptimumItself) {
  for (const Angle angle : {Angle{0.6, 0.8}, Angle{0.96, 0.28}, Angle{0.1, 0.995}}) {
    const Pair pair = pair_of(4, angle.c, angle.s, 1.25);
    const Gram gram = Gram::of(pair.g, pair.y);
    for (const Optimum optimum : natgrad::all_optima()) {
      SCOPED_TRACE(text(optimum));
      Parameter parameter;
      if (optimum == Optimum::determinant) parameter = 5 * *natgrad::alpha(gram);
      const auto m = OptimalMetric::make(optimum, pair.g, pair.y, parameter);
      if (!m) {
        EXPECT_EQ(optimum, Optimum::psb);
        continue;
      }
      const auto c = natgrad::optimum_competitor(optimum, m->dense(), gram, parameter);
      ASSERT_TRUE(c.excess.has_value());
      EXPECT_LT(std::abs(c.excess->lo), 1e-10);
      EXPECT_LT(std::abs(c.excess->hi), 1e-10);
      EXPECT_LT(std::abs(c.measure.lo - *natgrad::objective(optimum, gram, parameter)), 1e-10);
    }
  }
}

TEST(Competitor, EveryOtherOptimumIsCertainlyWorse) {
  const Pair pair = pair_of(5, 0.96, 0.28, 0.5);
  const Gram gram = Gram::of(pair.g, pair.y);
  const PrecisionScope precision(1000);
  for (const Optimum other : natgrad::all_optima()) {
    const Parameter trace = other == Optimum::determinant ? Parameter(9.0) : std::nullopt;
    const arma::mat m = OptimalMetric::make(other, pair.g, pair.y, trace)->dense();
    const natgrad::test::RationalMatrix rational = natgrad::test::exact_matrix(m);
    for (const Optimum optimum : natgrad::all_optima()) {
      SCOPED_TRACE(text(optimum) + " of " + text(other));
      const Parameter parameter = optimum == Optimum::determinant ? Parameter(9.0) : std::nullopt;
      const auto c = natgrad::optimum_competitor(optimum, m, gram, parameter);
      const Real f = natgrad::test::measure_of(static_cast<Best>(optimum), rational, parameter);
      EXPECT_TRUE(holds(c.measure, f)) << f;
      EXPECT_LT(width(c.measure), 1e-10);
      EXPECT_LT(width(*c.excess), 1e-10);
      const auto kappa_optimal = [](Optimum o) {
        return o == Optimum::condition || o == Optimum::omega || o == Optimum::ray;
      };
      const bool same = optimum == other || (optimum == Optimum::condition && kappa_optimal(other)) ||
                        (optimum == Optimum::omega && other == Optimum::condition);
      // Those of another trace are no competitors for the greatest determinant, and may have a greater one.
      if (same) {
        EXPECT_LT(std::abs(c.excess->hi), 1e-10);
      } else if (optimum != Optimum::determinant) {
        EXPECT_GT(c.excess->lo, 1e-6);
      }
    }
  }
}

// As documented: D^3 u kappa(M), here by 20 times of it, and far less for what sums nothing over D.
TEST(Competitor, Widths) {
  Random random(3);
  for (const arma::uword n : {60U, 240U}) {
    arma::vec g(n), y(n);
    for (arma::uword i = 0; i < n; ++i) {
      g[i] = random.uniform(-1, 1);
      y[i] = g[i] + random.uniform(-0.5, 0.5);
    }
    const auto made = natgrad::random_metric(g, y, 8.0, random);
    ASSERT_TRUE(made.has_value());
    const Gram gram = Gram::of({g.memptr(), n}, {y.memptr(), n});
    const double unit = std::pow(static_cast<double>(n), 3) * 0x1p-53 * 8;
    for (const Optimum optimum : natgrad::all_optima()) {
      const Parameter parameter =
          optimum == Optimum::determinant ? Parameter(arma::trace(made->m)) : std::nullopt;
      const auto c = natgrad::optimum_competitor(optimum, made->m, gram, parameter);
      EXPECT_LT(width(c.measure), 20 * unit) << text(optimum) << ", D = " << n;
      EXPECT_GE(c.excess->hi, 0) << text(optimum);
    }
  }
}

TEST(Competitor, WhatHasNoMeasure) {
  const Vector g = {1.0, 2.0}, y = {3.0, 1.0};
  const Gram gram = Gram::of(g, y);
  const arma::mat indefinite = {{1, 2}, {2, 1}}, singular = {{1, 1}, {1, 1}};
  for (const arma::mat& m : {indefinite, singular}) {
    for (const Optimum optimum : natgrad::all_optima()) {
      SCOPED_TRACE(text(optimum));
      const Parameter parameter = optimum == Optimum::determinant ? Parameter(30.0) : std::nullopt;
      const auto c = natgrad::optimum_competitor(optimum, m, gram, parameter);
      ASSERT_TRUE(c.excess.has_value());
      EXPECT_EQ(std::isinf(c.measure.lo), optimum != Optimum::psb);
      EXPECT_EQ(std::isinf(c.measure.hi), optimum != Optimum::psb);
      EXPECT_EQ(std::isinf(c.excess->hi), optimum != Optimum::psb);
    }
  }
  // |M - I|_F = sqrt(8) for the first: exact but for the last rounding.
  const auto psb = natgrad::optimum_competitor(Optimum::psb, indefinite, gram);
  EXPECT_LE(psb.measure.lo, std::sqrt(8.0));
  EXPECT_GE(psb.measure.hi, std::sqrt(8.0));
  EXPECT_LT(width(psb.measure), 1e-15);
  const arma::mat eye(2, 2, arma::fill::eye);
  EXPECT_EQ(natgrad::optimum_competitor(Optimum::psb, eye, gram).measure, (Enclosure{0, 0}));
  EXPECT_EQ(natgrad::optimum_competitor(Optimum::determinant, eye, gram, 30.0).measure.contains(0), true);
  // No metric: there is nothing to compare with.
  const Gram none = Gram::of(g, Vector{-1.0, 0.0});
  EXPECT_FALSE(natgrad::optimum_competitor(Optimum::omega, eye, none).excess.has_value());
  EXPECT_TRUE(natgrad::optimum_competitor(Optimum::omega, eye, none).measure.contains(1));
  EXPECT_FALSE(natgrad::optimum_competitor(Optimum::determinant, eye, gram, 1e-3).excess.has_value());
  // One dimension: M = y/g is all there is.
  const Gram line = Gram::of(Vector{2.0}, Vector{3.0});
  for (const Optimum optimum : natgrad::all_optima()) {
    const Parameter parameter = optimum == Optimum::determinant ? Parameter(1.5) : std::nullopt;
    const auto c =
        natgrad::optimum_competitor(optimum, arma::mat(1, 1, arma::fill::value(1.5)), line, parameter);
    EXPECT_TRUE(c.excess->contains(0)) << text(optimum);
    EXPECT_LT(width(*c.excess), 1e-14) << text(optimum);
  }
  // Sizes from one end of the doubles to the other.
  for (const double size : {5e-324, 1e-300, 1e300}) {
    const arma::mat m = {{2 * size, size}, {size, 2 * size}};
    const Gram own = Gram::of(Vector{1.0, 0.0}, Vector{2 * size, size});
    for (const Optimum optimum : {Optimum::omega, Optimum::condition, Optimum::ray, Optimum::identity}) {
      const auto c = natgrad::optimum_competitor(optimum, m, own);
      EXPECT_LT(width(c.measure), 1e-10) << text(optimum) << ", " << size;
      EXPECT_GE(c.excess->hi, 0) << text(optimum) << ", " << size;
    }
  }
}

TEST(Competitor, ContractErrors) {
  const Gram gram = Gram::of(Vector{1.0, 2.0}, Vector{3.0, 1.0});
  const arma::mat eye(2, 2, arma::fill::eye);
  EXPECT_THROW(natgrad::optimum_competitor(Optimum::dfp, arma::mat(3, 3, arma::fill::eye), gram),
               ContractError);
  EXPECT_THROW(natgrad::optimum_competitor(Optimum::dfp, arma::mat(2, 3, arma::fill::ones), gram),
               ContractError);
  EXPECT_THROW(natgrad::optimum_competitor(Optimum::dfp, arma::mat(), gram), ContractError);
  EXPECT_THROW(natgrad::optimum_competitor(Optimum::dfp, eye, Gram()), ContractError);
  EXPECT_THROW(natgrad::optimum_competitor(Optimum::dfp, eye, gram, 3.0), ContractError);
  EXPECT_THROW(natgrad::optimum_competitor(Optimum::determinant, eye, gram), ContractError);
  EXPECT_THROW(
      natgrad::optimum_competitor(Optimum::dfp, arma::mat{{1, not_a_number}, {not_a_number, 1}}, gram),
      ContractError);
  EXPECT_THROW(natgrad::optimum_competitor(Optimum::dfp, arma::mat{{1, 0.5}, {0.25, 1}}, gram),
               ContractError);
}

// ------------------------------------------------------------------ the trace of M(a)

TEST(LeastChange, AlphaOfATrace) {
  EXPECT_FALSE(Alpha::of_trace(2).is_optimal());
  EXPECT_EQ(Alpha::of_trace(2).trace(), 2.0);
  EXPECT_FALSE(Alpha::of_trace(2).value().has_value());
  EXPECT_FALSE(Alpha(2).trace().has_value());
  for (const double bad : {0.0, -0.0, -1.0, infinity, not_a_number})
    EXPECT_THROW(Alpha::of_trace(bad), ContractError) << bad;
  const Vector g = {1.0, 0.0, 0.0, 0.0}, y = {1.0, 2.0, 0.0, 0.0};  // a* = 5
  const Gram gram = Gram::of(g, y);
  // a = (T - 5)/3: an integer, a double that is not, and what no double is.
  EXPECT_EQ(natgrad::alpha(gram, Alpha::of_trace(11)), 2.0);
  EXPECT_EQ(natgrad::scalars(gram, Alpha::of_trace(11)), natgrad::scalars(gram, Alpha(2.0)));
  EXPECT_EQ(natgrad::frobenius_norm(gram, Alpha::of_trace(11)), natgrad::frobenius_norm(gram, Alpha(2.0)));
  EXPECT_EQ(natgrad::trace(gram, Alpha::of_trace(7)), 7.0);
  int lost = 0;  // by rounding a
  const Gram small = Gram::of(g, Vector{0.1, 0.01, 0.0, 0.0});
  for (double t = 1; t < 9; t += 0.1) {
    EXPECT_EQ(natgrad::trace(small, Alpha::of_trace(t)), t);
    if (natgrad::trace(small, Alpha(*natgrad::alpha(small, Alpha::of_trace(t)))) != t) ++lost;
  }
  EXPECT_GT(lost, 0);
  EXPECT_FALSE(natgrad::alpha(gram, Alpha::of_trace(5)).has_value());
  EXPECT_FALSE(natgrad::scalars(gram, Alpha::of_trace(4)).trace.has_value());
  EXPECT_TRUE(natgrad::scalars(gram, Alpha::of_trace(4)).angle.has_value());
  EXPECT_FALSE(Metric::make(g, y, Alpha::of_trace(5)).has_value());
  EXPECT_THROW(natgrad::enclose(gram, 0.0, Alpha::of_trace(7)), ContractError);
  const auto by_trace = Metric::make(g, y, Alpha::of_trace(11)), by_value = Metric::make(g, y, Alpha(2.0));
  const arma::vec x = {0.3, -1.0, 7.0, 1e-3};
  const auto same = [](const arma::vec& a, const arma::vec& b) { return arma::all(a == b); };
  EXPECT_TRUE(same(by_trace->apply(x), by_value->apply(x)));
  EXPECT_TRUE(same(by_trace->solve(x), by_value->solve(x)));
  EXPECT_TRUE(same(by_trace->root_apply(x), by_value->root_apply(x)));
  EXPECT_TRUE(same(by_trace->root_solve(x), by_value->root_solve(x)));
  EXPECT_TRUE(same(by_trace->factor_apply(x), by_value->factor_apply(x)));
  EXPECT_TRUE(same(by_trace->factor_solve(x), by_value->factor_solve(x)));
  EXPECT_EQ(by_trace->quadratic_form(x), by_value->quadratic_form(x));
  EXPECT_EQ(by_trace->inverse_quadratic_form(x), by_value->inverse_quadratic_form(x));
  EXPECT_TRUE(same(by_trace->ldl().pivots, by_value->ldl().pivots));
  EXPECT_TRUE(same(by_trace->ldl().u, by_value->ldl().u));
  EXPECT_TRUE(same(by_trace->ldl().v, by_value->ldl().v));
  EXPECT_TRUE(arma::all(arma::vectorise(by_trace->ldl().dense_l() == by_value->ldl().dense_l())));
  EXPECT_TRUE(arma::all(arma::vectorise(by_trace->dense() == by_value->dense())));
  EXPECT_EQ(by_trace->spectrum(), by_value->spectrum());
  // D = 1: only the trace that M = y/g has.
  const Gram line = Gram::of(Vector{2.0}, Vector{3.0});
  EXPECT_EQ(natgrad::lambda_max(line, Alpha::of_trace(1.5)), 1.5);
  EXPECT_FALSE(natgrad::lambda_max(line, Alpha::of_trace(2)).has_value());
}

// ------------------------------------------------------------------ edges

TEST(LeastChange, Extrema) {
  const Gram tilted = Gram::of(Vector{1.0, 0.0}, Vector{2.0, 4.0});
  EXPECT_EQ(natgrad::infimum_lambda_max(tilted), (Extremum{10, false}));
  EXPECT_EQ(natgrad::supremum_lambda_min(tilted), (Extremum{2, false}));
  EXPECT_EQ(natgrad::infimum_trace(tilted), (Extremum{10, false}));
  const Gram parallel = Gram::of(Vector{1.0, 2.0}, Vector{3.0, 6.0});
  EXPECT_EQ(natgrad::infimum_lambda_max(parallel), (Extremum{3, true}));
  EXPECT_EQ(natgrad::supremum_lambda_min(parallel), (Extremum{3, true}));
  EXPECT_EQ(natgrad::infimum_trace(parallel), (Extremum{3, false}));
  const Gram line = Gram::of(Vector{2.0}, Vector{3.0});
  EXPECT_EQ(natgrad::infimum_trace(line), (Extremum{1.5, true}));
  const Gram none = Gram::of(Vector{1.0, 0.0}, Vector{0.0, 1.0});
  EXPECT_FALSE(natgrad::infimum_lambda_max(none).has_value());
  EXPECT_FALSE(natgrad::supremum_lambda_min(none).has_value());
  EXPECT_FALSE(natgrad::infimum_trace(none).has_value());
  // inf and sup are approached by M(a).
  EXPECT_LT(*natgrad::lambda_max(tilted, Alpha(1e-9)), 10.00001);
  EXPECT_GT(*natgrad::lambda_min(tilted, Alpha(1e9)), 1.99999);
  EXPECT_LT(*natgrad::trace(tilted, Alpha(1e-9)), 10.00001);
}

TEST(LeastChange, ByHand) {
  // gg = 1, p = 1, yy = 2, S = 1 = p gg: PSB is [[1, 1], [1, 1]], singular.
  const Vector g = {1.0, 0.0}, y = {1.0, 1.0};
  const Gram gram = Gram::of(g, y);
  EXPECT_EQ(natgrad::existence(Optimum::psb, gram), Existence::not_attained);
  EXPECT_EQ(natgrad::objective(Optimum::psb, gram), std::sqrt(2.0));
  EXPECT_FALSE(OptimalMetric::make(Optimum::psb, g, y).has_value());
  EXPECT_FALSE(natgrad::certificate(Optimum::psb, gram).has_value());
  EXPECT_EQ(natgrad::objective(Optimum::omega, gram), std::sqrt(2.0));
  // An exact sixth root.
  const Gram eight = Gram::of(Vector{1.0, 0.0, 0.0, 0.0, 0.0, 0.0}, Vector{1.0, 6.0, 5.0, 1.0, 1.0, 0.0});
  EXPECT_EQ(natgrad::objective(Optimum::omega, eight), 2.0);  // (64)^(1/6)
  // An inverse of integers: M = [[1, 1], [1, 2]] for a = 1.
  const auto bfgs = OptimalMetric::make(Optimum::bfgs, g, y);
  const arma::mat expected = {{1, 1}, {1, 2}};
  EXPECT_TRUE(arma::all(arma::vectorise(bfgs->dense() == expected)));
  EXPECT_EQ(natgrad::objective(Optimum::bfgs, gram), 3.0);  // tr 3, det 1
  EXPECT_EQ(bfgs->parameter(), 1.0);
  EXPECT_EQ(natgrad::certificate(Optimum::bfgs, gram), (Certificate{0, -1.5, 1}));
  EXPECT_EQ(natgrad::certificate(Optimum::determinant, gram, 3.0), (Certificate{1, 1.5, -1}));
  // g = y: everything is I.
  const Vector same = {0.5, -3.0, 2.0};
  for (const Optimum optimum : natgrad::all_optima()) {
    const Parameter parameter = optimum == Optimum::determinant ? Parameter(3.0) : std::nullopt;
    const auto m = OptimalMetric::make(optimum, same, same, parameter);
    EXPECT_TRUE(arma::all(arma::vectorise(m->dense() == arma::mat(3, 3, arma::fill::eye)))) << text(optimum);
    EXPECT_EQ(m->spectrum(), (std::vector<Eigenvalue>{{1, 3}})) << text(optimum);
    EXPECT_EQ(m->scalars().condition, 1.0) << text(optimum);
    EXPECT_EQ(m->scalars().log_det, 0.0) << text(optimum);
  }
  EXPECT_EQ(natgrad::objective(Optimum::identity, Gram::of(same, same)), 0.0);
  EXPECT_EQ(natgrad::objective(Optimum::ray, Gram::of(same, same)), 0.0);
  EXPECT_EQ(natgrad::objective(Optimum::psb, Gram::of(same, same)), 0.0);
}

TEST(LeastChange, NoMetric) {
  const std::pair<Vector, Vector> pairs[] = {
      {{1.0, 0.0}, {0.0, 1.0}}, {{1.0, 0.0}, {-1.0, 0.0}}, {{0.0, 0.0}, {1.0, 0.0}}, {{0.0}, {0.0}}};
  for (const auto& [g, y] : pairs) {
    for (const Optimum optimum : natgrad::all_optima()) {
      const Parameter parameter = optimum == Optimum::determinant ? Parameter(3.0) : std::nullopt;
      const Gram gram = Gram::of(g, y);
      EXPECT_EQ(natgrad::existence(optimum, gram, parameter), Existence::no_metric);
      EXPECT_FALSE(natgrad::objective(optimum, gram, parameter).has_value());
      EXPECT_FALSE(natgrad::certificate(optimum, gram, parameter).has_value());
      EXPECT_EQ(natgrad::optimum_scalars(optimum, gram, parameter), OptimumScalars());
      EXPECT_FALSE(OptimalMetric::make(optimum, g, y, parameter).has_value());
    }
  }
}

std::string message(const std::function<void()>& call) {
  try {
    call();
  } catch (const ContractError& error) {
    return error.what();
  }
  return "nothing was thrown";
}

TEST(LeastChange, ContractErrors) {
  const Vector g = {1.0, 2.0}, y = {1.0, 1.0};
  const Gram gram = Gram::of(g, y);
  EXPECT_EQ(message([&] { natgrad::objective(Optimum::dfp, gram, 3.0); }),
            "the parameter is 3; the optimum dfp takes none");
  EXPECT_EQ(message([&] { natgrad::existence(Optimum::bfgs, gram, -2.0); }),
            "the parameter a of the optimum bfgs is -2; it must be finite and > 0");
  EXPECT_EQ(message([&] { natgrad::optimum_scalars(Optimum::determinant, gram, infinity); }),
            "the parameter T of the optimum determinant is inf; it must be finite and > 0");
  EXPECT_EQ(message([&] { natgrad::certificate(Optimum::determinant, gram); }),
            "the optimum determinant needs a parameter, the trace T of the metric");
  for (const double bad : {0.0, not_a_number, -infinity})
    EXPECT_THROW(OptimalMetric::make(Optimum::bfgs, g, y, bad), ContractError);
  EXPECT_THROW(natgrad::existence(Optimum::ray, Gram()), ContractError);
  EXPECT_THROW(natgrad::objective(Optimum::ray, Gram()), ContractError);
  EXPECT_THROW(OptimalMetric::make(Optimum::ray, g, Vector{1.0}), ContractError);
  EXPECT_THROW(OptimalMetric::make(Optimum::ray, Vector{}, Vector{}), ContractError);
  EXPECT_THROW(OptimalMetric::make(Optimum::ray, Vector{1.0, not_a_number}, y), NonFiniteError);
  const auto m = OptimalMetric::make(Optimum::ray, g, y);
  Vector out(2), three(3);
  EXPECT_EQ(message([&] { m->apply(three, out); }), "x has 3 elements; the metric has dimension 2");
  EXPECT_EQ(message([&] { m->solve(g, three); }), "out has 3 elements; the metric has dimension 2");
  EXPECT_THROW(m->quadratic_form(three), ContractError);
  try {
    m->apply(Vector{1.0, infinity}, out);
    FAIL();
  } catch (const NonFiniteError& error) {
    EXPECT_EQ(error.argument(), "x");
    EXPECT_EQ(error.index(), 1U);
  }
  Vector overlapping = {1.0, 2.0, 3.0};
  EXPECT_THROW(m->apply(std::span(overlapping).first(2), std::span(overlapping).last(2)), ContractError);
  Vector in_place = {1.0, 2.0};
  m->apply(in_place, in_place);
  m->apply(Vector{1.0, 2.0}, out);
  EXPECT_EQ(in_place, out);
  OptimalMetric moved = *m;
  const OptimalMetric target = std::move(moved);
  moved.apply(g, out);
  EXPECT_EQ(out, y);
  EXPECT_EQ(target.optimum(), Optimum::ray);
}

// A dimension as large as a Gram can have: nothing takes time in D.
TEST(LeastChange, HugeDimension) {
  Gram gram = Gram::of(Vector{1.0, 0.0}, Vector{0.5, 1.0});
  auto bytes = gram.serialise();
  bytes[15] = std::byte{0x7f};
  gram = Gram::deserialise(bytes);
  for (const Optimum optimum : natgrad::all_optima()) {
    const Parameter parameter = optimum == Optimum::determinant ? Parameter(1e30) : std::nullopt;
    const OptimumScalars s = natgrad::optimum_scalars(optimum, gram, parameter);
    EXPECT_TRUE(s.objective.has_value()) << text(optimum);
  }
  EXPECT_EQ(natgrad::objective(Optimum::omega, gram), 1.0);
}

}  // namespace
