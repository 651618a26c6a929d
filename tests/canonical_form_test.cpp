// natgrad: tests of the family M(a) against rationals, multiprecision and values computed elsewhere.
#include "natgrad/canonical_form.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <thread>
#include <vector>

#include "support/reference.hpp"

namespace {

using natgrad::Alpha;
using natgrad::ContractError;
using natgrad::Gram;
using natgrad::LdlFactor;
using natgrad::Metric;
using natgrad::MetricOperator;
using natgrad::MetricView;
using natgrad::NonFiniteError;
using natgrad::test::dot;
using natgrad::test::exact;
using natgrad::test::ExactPair;
using natgrad::test::nearest;
using natgrad::test::nearest_float;
using natgrad::test::PrecisionScope;
using natgrad::test::Rational;
using natgrad::test::RationalVector;
using natgrad::test::Real;
using natgrad::test::RootReference;

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

using Vector = std::vector<double>;
using Method = void (MetricOperator::*)(std::span<const double>, std::span<double>) const;

Vector call(const MetricOperator& m, Method method, const Vector& x) {
  Vector out(x.size());
  (m.*method)(x, out);
  return out;
}

void expect_same(const Vector& actual, const Vector& expected, const std::string& what) {
  ASSERT_EQ(actual.size(), expected.size()) << what;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(actual[i], expected[i]) << what << ", element " << i;
  }
}

Vector rounded(const RationalVector& x) {
  Vector out;
  for (const Rational& element : x) out.push_back(nearest(element));
  return out;
}

// ------------------------------------------------------------------ values computed elsewhere

// Computed by Gaussian elimination in Python's fractions, and rounded by its integer division.
struct Known {
  const char* name;
  Vector g, y;
  std::optional<double> a;
  Vector x, apply, solve;
  double quadratic_form, inverse_quadratic_form;
};

const Known known_values[] = {
    {"cos = 1e-8",
     {0x1p+0, 0.0, 0.0},
     {0x1.5798ee2308c3ap-27, 0x1p+0, 0.0},
     {},
     {0x1.999999999999ap-4, 0x1.999999999999ap-3, 0x1.3333333333333p-2},
     {0x1.999999bbf5b17p-3, 0x1.312d000cccccdp+25, 0x1.c9c38p+24},
     {0x1.312cffccccccdp+24, -0x1.99999910293a5p-4, 0x1.9c511dc3a41dep-29},
     0x1.0366400a3d70bp+24,
     0x1.e847ff5c28f62p+20},
    {"cos = 1e-8, a = 1",
     {0x1p+0, 0.0, 0.0},
     {0x1.5798ee2308c3ap-27, 0x1p+0, 0.0},
     0x1p+0,
     {0x1p+0, -0x1.5798ee2308c3ap-27, 0x1p-1},
     {0.0, -0x1.5798ee2308c3ap-27, 0x1p-1},
     {0x1.1c3793adb708p+53, -0x1.7d78400000001p+26, 0x1p-1},
     0x1.0000000000002p-2,
     0x1.1c3793adb7081p+53},
    {"cos = 1e-150",
     {0x1p+0, 0.0},
     {0x1.a2fe76a3f9475p-499, 0x1p+0},
     {},
     {0x1p+0, 0x1.a2fe76a3f9475p-499},
     {0x1.a2fe76a3f9475p-498, 0x1.8p+1},
     {0x1.38d352e5096afp+499, -0x1p+0},
     0x1.05df0a267bcc9p-496,
     0x1.38d352e5096afp+499},
    {"cos = 1e-300, a given",
     {0x1p+0, 0.0},
     {0x1.56e1fc2f8f359p-997, 0x1p+0},
     0x1.8p+1,
     {0x1p+0, -0x1.56e1fc2f8f359p-997},
     {0.0, -0x1.01297d23ab683p-995},
     {infinity, -0x1.fdafb60009ccfp+994},
     0.0,
     infinity},
    {"one ulp from orthogonal",
     {0x1.8p+1, 0x1p+0},
     {-0x1p+0, 0x1.8000000000001p+1},
     {},
     {0x1.5555555555555p-2, 0x1.6666666666666p-1},
     {-0x1.c444444444446p+52, 0x1.5333333333335p+54},
     {0x1.4666666666666p+54, 0x1.b333333333332p+52},
     0x1.8f8091a2b3c4fp+53,
     0x1.71eb851eb851ep+53},
    {"one ulp from parallel",
     {0x1.999999999999ap-4, 0x1.999999999999ap-3, 0x1.3333333333333p-2},
     {0x1.999999999999ap-4, 0x1.999999999999ap-3, 0x1.3333333333334p-2},
     0x1.6666666666666p-1,
     {0x1.2a05f2p+33, -0x1p+0, 0x1.b7cdfd9d7bdbbp-34},
     {0x1.ae0143923e2bep+32, 0x1.98b7b23c92491p+28, 0x1.3289c5b5d41d6p+29},
     {0x1.a09fd24e65e0bp+33, -0x1.23f0ed1a1f58cp+29, -0x1.b5e963960a732p+29},
     0x1.f497752bb354cp+65,
     0x1.e503b7c57c0d3p+66},
    {"parallel",
     {0x1.999999999999ap-4, 0x1.999999999999ap-3},
     {0x1.999999999999ap-3, 0x1.999999999999ap-2},
     {},
     {0x1.4p+2, -0x1p+0},
     {0x1.4p+3, -0x1p+1},
     {0x1.4p+1, -0x1p-1},
     0x1.ap+5,
     0x1.ap+3},
    {"subnormal",
     {0x0.0000000000001p-1022, 0x0.012688b70e62bp-1022},
     {0x0.00000000007e8p-1022, 0x0.0000000000001p-1022},
     {},
     {0x1p+0, 0x1p+1},
     {0x1.b2dc53967b52bp-22, 0x1.b83bfdac558f4p-34},
     {-0x1.29f3edb3d8ab4p+34, 0x1.267f647c8fecap+46},
     0x1.b3135b1630dd7p-22,
     0x1.267614dd224dep+47},
    {"near overflow",
     {0x1.e42d130773b76p+1023, -0x1.1ccf385ebc8ap+1023},
     {0x1.1ccf385ebc8ap+1023, 0x1.55c576d815726p+1023},
     0x1p-1,
     {0x1p+0, -0x1p+1},
     {-0x1.8de2c7cc67b75p+1, -0x1.f134ba0eb0513p+1},
     {0x1.08295e9e1b089p+7, -0x1.abef9db22d0e5p+6},
     0x1.2a4356287c759p+2,
     0x1.5a0c7e28240b7p+8},
    {"exponents apart",
     {0x1.7e43c8800759cp+996, 0x1.56e1fc2f8f359p-997},
     {0x1.56e1fc2f8f359p-997, 0x1.7e43c8800759cp+996},
     {},
     {0x1p+0, 0x1p+0},
     {0.0, infinity},
     {infinity, 0.0},
     infinity,
     infinity},
    {"D = 1",
     {0x1.8p+1},
     {0x1.999999999999ap-4},
     {},
     {0x1.6666666666666p-1},
     {0x1.7e4b17e4b17e5p-6},
     {0x1.4ffffffffffffp+4},
     0x1.0b9af72015d86p-6,
     0x1.d666666666665p+3},
    {"a tie",
     {0.0, 0.0, 0x1p+0},
     {0x1.ffffffcp+26, 0x1.0000004p+26, 0x1p+0},
     0x1p+0,
     {0.0, 0x1p+0, 0.0},
     {0x1.0000002p+53, 0x1.0000008000002p+52, 0x1.0000004p+26},
     {0.0, 0x1p+0, -0x1.0000004p+26},
     0x1.0000008000002p+52,
     0x1p+0},
};

TEST(CanonicalForm, KnownValues) {
  for (const Known& known : known_values) {
    const Metric m = Metric::make(known.g, known.y, known.a ? Alpha(*known.a) : Alpha()).value();
    expect_same(call(m, &MetricOperator::apply, known.x), known.apply, std::string(known.name) + ": M x");
    expect_same(call(m, &MetricOperator::solve, known.x), known.solve, std::string(known.name) + ": M^-1 x");
    EXPECT_EQ(m.quadratic_form(known.x), known.quadratic_form) << known.name;
    EXPECT_EQ(m.inverse_quadratic_form(known.x), known.inverse_quadratic_form) << known.name;
  }
}

// ------------------------------------------------------------------ worst cases, exactly

struct Worst {
  std::string name;
  Vector g, y;
};

// Angles from next to 90 degrees to 0, scales up to the ends of the exponents, D from 1 up.
std::vector<Worst> worst_cases() {
  std::vector<Worst> all = {
      {"D = 1", {3.0}, {0.1}},
      {"D = 1, apart", {1e300}, {1e-300}},
      {"subnormal", {5e-324, 1e-310, -3e-320}, {1e-320, 5e-324, -1e-322}},
      {"near overflow", {1.7e308, -1e308, 3e307}, {1e308, 1.2e308, -1e307}},
      {"exponents apart", {1e300, 1e-300, 1.0}, {1e-300, 1e300, -1e-5}},
      {"one ulp from orthogonal", {3.0, 1.0}, {-1.0, std::nextafter(3.0, 4.0)}},
      {"one ulp from parallel", {0.1, 0.2, 0.3}, {0.1, 0.2, std::nextafter(0.3, 1.0)}},
      {"parallel", {0.1, 0.2, -0.4}, {0.2, 0.4, -0.8}},
      {"sparse", {0.0, 1.0, 0.0, 2.0}, {1.0, 0.0, 0.0, 1e-9}},
      {"cancelling", {1e8, 1e8 + 1, 1e-8}, {1e8 + 1, -1e8, 1e-8}},
      {"sqrt kappa = 2^2098", {0x1p1023, 0x1p-1074}, {0.0, 0x1p1023}},
  };
  for (const double cosine : {1e-8, 1e-16, 1e-150, 1e-300}) {
    all.push_back(
        {"cos = " + std::to_string(std::log10(cosine)), {1.0, 0.0, 0.0, 0.0}, {cosine, 1.0, 0.0, 0.5}});
  }
  for (const std::size_t dimension : {2, 3, 7, 40}) {
    Worst worst{"D = " + std::to_string(dimension), {}, {}};
    for (std::size_t i = 0; i < dimension; ++i) {
      worst.g.push_back(std::sin(static_cast<double>(i + 1)) *
                        std::ldexp(1.0, static_cast<int>(i % 30) * 3 - 40));
      worst.y.push_back(worst.g.back() + 0.1 * std::cos(static_cast<double>(3 * i)));
    }
    if (ExactPair(worst.g, worst.y).p < 0) {
      for (double& element : worst.y) element = -element;
    }
    all.push_back(worst);
  }
  return all;
}

std::vector<Alpha> parameters() {
  return {Alpha(), Alpha(1.0), Alpha(1e-8), Alpha(0.3e300), Alpha(5e-324)};
}

std::vector<Vector> arguments(const Worst& worst) {
  const std::size_t n = worst.g.size();
  std::vector<Vector> all = {worst.g, worst.y, Vector(n, 0.0), Vector(n, 1.0)};
  Vector alternating(n), unit(n, 0.0);
  for (std::size_t i = 0; i < n; ++i) alternating[i] = (i % 2 == 0 ? 1.0 : -1.0) / static_cast<double>(i + 3);
  unit[n / 2] = 1.0;
  all.push_back(alternating);
  all.push_back(unit);
  return all;
}

TEST(CanonicalForm, OperatorsAreCorrectlyRounded) {
  for (const Worst& worst : worst_cases()) {
    for (const Alpha a : parameters()) {
      const Metric m = Metric::make(worst.g, worst.y, a).value();
      const ExactPair pair(worst.g, worst.y, worst.g.size() == 1 ? std::nullopt : a.value());
      for (const Vector& x : arguments(worst)) {
        const RationalVector exact_x = exact(x), mx = natgrad::test::apply(pair, exact_x),
                             inverse = natgrad::test::two_loop(pair, exact_x);
        expect_same(call(m, &MetricOperator::apply, x), rounded(mx), worst.name + ": M x");
        expect_same(call(m, &MetricOperator::solve, x), rounded(inverse), worst.name + ": M^-1 x");
        EXPECT_EQ(m.quadratic_form(x), nearest(dot(exact_x, mx))) << worst.name;
        EXPECT_EQ(m.inverse_quadratic_form(x), nearest(dot(exact_x, inverse))) << worst.name;
      }
    }
  }
}

TEST(CanonicalForm, OperatorsOfFloatsAreCorrectlyRounded) {
  for (const Worst& worst : worst_cases()) {
    const Metric m = Metric::make(worst.g, worst.y).value();
    const ExactPair pair(worst.g, worst.y, std::nullopt);
    for (const Vector& argument : arguments(worst)) {
      std::vector<float> x(argument.begin(), argument.end()), out(x.size());
      for (float& e : x) e = std::isfinite(e) ? e : 1.0F;
      const RationalVector exact_x = exact(Vector(x.begin(), x.end()));
      const RationalVector mx = natgrad::test::apply(pair, exact_x), inverse = two_loop(pair, exact_x);
      m.apply(x, out);
      for (std::size_t i = 0; i < x.size(); ++i) ASSERT_EQ(out[i], nearest_float(mx[i])) << worst.name;
      m.solve(x, out);
      for (std::size_t i = 0; i < x.size(); ++i) ASSERT_EQ(out[i], nearest_float(inverse[i])) << worst.name;
    }
  }
}

TEST(CanonicalForm, OperatorsOfColumnsAreThoseOfEach) {
  for (const arma::uword columns : {0u, 1u, 5u, 40u}) {
    for (const arma::uword n : {1u, 3u, 5000u}) {
      arma::vec g(n), y(n);
      arma::mat x(n, columns);
      for (arma::uword i = 0; i < n; ++i) {
        g[i] = std::sin(static_cast<double>(i) + 1);
        y[i] = g[i] + 0.1 * std::cos(3.0 * static_cast<double>(i));
        for (arma::uword k = 0; k < columns; ++k) x(i, k) = std::cos(static_cast<double>(i * (k + 2)));
      }
      const Metric m = Metric::make(g, y).value();
      const arma::mat applied = m.apply_columns(x), solved = m.solve_columns(x);
      for (arma::uword k = 0; k < columns; ++k) {
        ASSERT_TRUE(arma::all(applied.col(k) == m.apply(x.col(k))));
        ASSERT_TRUE(arma::all(solved.col(k) == m.solve(x.col(k))));
      }
    }
  }
  const Metric m = Metric::make(Vector{1, 2}, Vector{2, 1}).value();
  EXPECT_THROW(m.apply_columns(arma::mat(3, 2, arma::fill::ones)), ContractError);
  try {
    m.solve_columns(arma::mat{{1, 1}, {1, infinity}});
    ADD_FAILURE();
  } catch (const NonFiniteError& error) {
    EXPECT_STREQ(error.what(), "x.col(1)[1] is inf; every element must be finite");
  }
}

TEST(CanonicalForm, MapsGToYInLargeDimensions) {
  Vector g(100000), y(100000);
  for (std::size_t i = 0; i < g.size(); ++i) {
    const auto k = static_cast<double>(i);
    g[i] = std::sin(k) * std::ldexp(1.0, static_cast<int>(i * 7919 % 600) - 300);
    y[i] = g[i] * 1e-3 + std::cos(3 * k) * std::ldexp(1.0, static_cast<int>(i * 104729 % 500) - 400);
  }
  for (const Alpha a : {Alpha(), Alpha(1e-3)}) {
    const MetricView m = MetricView::make(g, y, a).value();
    EXPECT_EQ(call(m, &MetricOperator::apply, g), y);
    EXPECT_EQ(call(m, &MetricOperator::solve, y), g);
  }
}

// |computed - exact| <= ulp/2 + root_bound * (sum of the magnitudes of the terms), as the header says.
void expect_within_root_bound(const Vector& actual, const RootReference& expected, const std::string& what) {
  for (std::size_t i = 0; i < actual.size(); ++i) {
    int exponent = -1074;
    if (expected.value[i] != 0) frexp(expected.value[i], &exponent);
    const Real half_ulp = ldexp(Real(1), std::max(exponent - 53, -1074) - 1);
    const Real bound = half_ulp + Real(MetricOperator::root_bound) * expected.terms[i];
    if (std::isinf(actual[i])) {
      EXPECT_GE(std::copysign(1.0, actual[i]) * expected.value[i] + bound,
                ldexp(Real(1), 1024) - ldexp(Real(1), 970))
          << what << ", element " << i;
    } else {
      EXPECT_LE(abs(Real(actual[i]) - expected.value[i]), bound)
          << what << ", element " << i << ": " << actual[i] << " for "
          << expected.value[i].convert_to<double>();
    }
  }
}

TEST(CanonicalForm, RootsAndFactorsAreWithinTheirBound) {
  using Reference = RootReference (*)(const ExactPair&, std::span<const Rational>);
  const std::tuple<const char*, Method, Reference> operations[] = {
      {"root", &MetricOperator::root_apply, natgrad::test::root},
      {"inverse root", &MetricOperator::root_solve, natgrad::test::inverse_root},
      {"J", &MetricOperator::factor_apply, natgrad::test::factor},
      {"J^T", &MetricOperator::factor_transpose_apply, natgrad::test::factor_transpose},
      {"J^-1", &MetricOperator::factor_solve, natgrad::test::factor_inverse},
      {"J^-T", &MetricOperator::factor_transpose_solve, natgrad::test::factor_inverse_transpose},
  };
  for (const Worst& worst : worst_cases()) {
    for (const Alpha a : parameters()) {
      const Metric m = Metric::make(worst.g, worst.y, a).value();
      const ExactPair pair(worst.g, worst.y, worst.g.size() == 1 ? std::nullopt : a.value());
      for (const Vector& x : arguments(worst)) {
        const RationalVector exact_x = exact(x);
        for (const auto& [what, method, reference] : operations) {
          const RootReference expected =
              natgrad::test::settled([&, f = reference] { return f(pair, exact_x); });
          const PrecisionScope precision(4096);
          expect_within_root_bound(call(m, method, x), expected, worst.name + ": " + what);
        }
      }
    }
  }
}

TEST(CanonicalForm, FactorisationsAndDenseCopiesAreCorrectlyRounded) {
  for (const Worst& worst : worst_cases()) {
    if (worst.g.size() > 8) continue;
    for (const Alpha a : parameters()) {
      const Metric m = Metric::make(worst.g, worst.y, a).value();
      const ExactPair pair(worst.g, worst.y, worst.g.size() == 1 ? std::nullopt : a.value());
      const natgrad::test::RationalMatrix matrix = natgrad::test::dense(pair);
      const natgrad::test::ExactLdl expected = natgrad::test::eliminate(matrix);
      const LdlFactor ldl = m.ldl();
      const arma::mat l = ldl.dense_l(), dense = m.dense();
      for (std::size_t j = 0; j < matrix.size(); ++j) {
        EXPECT_EQ(ldl.pivots[j], nearest(expected.pivots[j])) << worst.name << ", pivot " << j;
        for (std::size_t i = 0; i < matrix.size(); ++i) {
          EXPECT_EQ(l(i, j), nearest(expected.l[i][j])) << worst.name << ", L_" << i << j;
          EXPECT_EQ(dense(i, j), nearest(matrix[i][j])) << worst.name << ", M_" << i << j;
        }
      }
    }
  }
}

// What the stable formula is for: the recursion of a 2 x 2 downdate in doubles loses the last pivot at
// c = 1e-8, and so does elimination in the dense matrix.
TEST(CanonicalForm, PivotsAreGoodWhereTheRecursionIsNot) {
  const Vector g = {0.1, 0.2, 0.3}, y = {0.3, 0.3, -0.3 + 1e-9};
  const ExactPair pair(g, y);
  const Rational last = natgrad::test::eliminate(natgrad::test::dense(pair)).pivots.back();
  const Metric m = Metric::make(g, y).value();
  EXPECT_EQ(m.ldl().pivots[2], nearest(last));
  arma::mat dense = m.dense();
  for (arma::uword k = 0; k < 2; ++k) {
    for (arma::uword i = k + 1; i < 3; ++i) {
      for (arma::uword j = k + 1; j < 3; ++j) dense(i, j) -= dense(i, k) * dense(k, j) / dense(k, k);
    }
  }
  EXPECT_GT(std::fabs(dense(2, 2) / nearest(last) - 1), 0.1);
}

// LAPACK as an independent witness where doubles suffice: errors of a few ulp of the largest eigenvalue.
TEST(CanonicalForm, SpectrumAgreesWithLapackAtBenignAngles) {
  arma::arma_rng::set_seed(1);
  for (arma::uword dimension = 1; dimension <= 30; ++dimension) {
    arma::vec g(dimension, arma::fill::randn), y = g + 0.5 * arma::vec(dimension, arma::fill::randn);
    if (arma::dot(g, y) < 0) y = -y;
    for (const Alpha a : {Alpha(), Alpha(0.7)}) {
      const Metric m = Metric::make(g, y, a).value();
      arma::vec expected;
      ASSERT_TRUE(arma::eig_sym(expected, m.dense()));
      std::size_t i = 0;
      for (const auto& [value, multiplicity] : m.spectrum()) {
        for (std::uint64_t k = 0; k < multiplicity; ++k) {
          EXPECT_NEAR(value, expected[i++], 1e-13 * expected.max()) << dimension;
        }
      }
      EXPECT_EQ(i, dimension);
      EXPECT_NEAR(arma::trace(m.dense()), *m.scalars().trace, 1e-13 * *m.scalars().trace);
    }
  }
}

TEST(CanonicalForm, SpectrumHasOneEntryPerRealEigenvalue) {
  const Vector g = {1.0, 2.0, 3.0}, parallel = {2.0, 4.0, 6.0}, other = {1.0, 0.0, 0.0};
  using Spectrum = std::vector<natgrad::Eigenvalue>;
  EXPECT_EQ(Metric::make(g, parallel)->spectrum(), (Spectrum{{2.0, 3}}));
  EXPECT_EQ(Metric::make(g, parallel, Alpha(5.0))->spectrum(), (Spectrum{{2.0, 1}, {5.0, 2}}));
  EXPECT_EQ(Metric::make(g, parallel, Alpha(0.5))->spectrum(), (Spectrum{{0.5, 2}, {2.0, 1}}));
  EXPECT_EQ(Metric::make(g, other)->spectrum().size(), 3U);
  EXPECT_EQ(Metric::make(g, other)->spectrum()[1].multiplicity, 1U);
  const Vector one = {4.0}, two = {2.0};
  EXPECT_EQ(Metric::make(one, two, Alpha(9.0))->spectrum(), (Spectrum{{0.5, 1}}));
}

// ------------------------------------------------------------------ the interface

TEST(CanonicalForm, ExistsOnlyForPositiveP) {
  const Vector g = {1.0, 0.0}, against = {-1.0, 5.0}, across = {0.0, 1.0}, zero = {0.0, 0.0};
  for (const Vector& y : {against, across, zero}) {
    EXPECT_FALSE(Metric::make(g, y));
    EXPECT_FALSE(MetricView::make(g, y));
    EXPECT_FALSE(MetricView::make(g, y, Gram::of(g, y)));
    EXPECT_FALSE(Metric::make(g, y, Alpha(1.0)));
  }
  EXPECT_FALSE(Metric::make(zero, zero));
  const Vector tiny = {5e-324, 1.0}, y = {5e-324, 0.0};
  EXPECT_TRUE(Metric::make(tiny, y));
}

TEST(CanonicalForm, EveryWayToMakeOneIsTheSame) {
  const std::vector<float> gf = {0.1F, 0.2F, -0.7F}, yf = {0.3F, 0.1F, -0.2F};
  const Vector g(gf.begin(), gf.end()), y(yf.begin(), yf.end()), x = {1.0, 0.1, -3.0};
  const Metric m = Metric::make(g, y).value();
  const Metric from_floats = Metric::make(std::span<const float>(gf), std::span<const float>(yf)).value();
  const Metric from_spans = Metric::make(std::span<const double>(g), std::span<const double>(y)).value();
  const Metric from_arma = Metric::make(arma::vec(g), arma::vec(y)).value();
  const MetricView view = MetricView::make(g, y).value(),
                   with_gram = MetricView::make(g, y, Gram::of(g, y)).value();
  const Metric copy = m;  // NOLINT: that copies work is the point
  const std::pair<Method, arma::vec (MetricOperator::*)(const arma::vec&) const> methods[] = {
      {&MetricOperator::apply, &MetricOperator::apply},
      {&MetricOperator::solve, &MetricOperator::solve},
      {&MetricOperator::root_apply, &MetricOperator::root_apply},
      {&MetricOperator::root_solve, &MetricOperator::root_solve},
      {&MetricOperator::factor_apply, &MetricOperator::factor_apply},
      {&MetricOperator::factor_transpose_apply, &MetricOperator::factor_transpose_apply},
      {&MetricOperator::factor_solve, &MetricOperator::factor_solve},
      {&MetricOperator::factor_transpose_solve, &MetricOperator::factor_transpose_solve},
  };
  for (const auto& [on_spans, on_columns] : methods) {
    const Vector expected = call(m, on_spans, x);
    for (const MetricOperator* other :
         {static_cast<const MetricOperator*>(&from_floats), static_cast<const MetricOperator*>(&from_spans),
          static_cast<const MetricOperator*>(&from_arma), static_cast<const MetricOperator*>(&view),
          static_cast<const MetricOperator*>(&with_gram), static_cast<const MetricOperator*>(&copy)}) {
      EXPECT_EQ(call(*other, on_spans, x), expected);
    }
    const arma::vec column = (m.*on_columns)(arma::vec(x));
    EXPECT_EQ(Vector(column.begin(), column.end()), expected);
    Vector both = x;
    (m.*on_spans)(both, both);
    EXPECT_EQ(both, expected);
  }
  EXPECT_EQ(m.quadratic_form(arma::vec(x)), m.quadratic_form(x));
  EXPECT_EQ(m.quadratic_form(std::span<const double>(x)), m.quadratic_form(x));
  EXPECT_EQ(m.inverse_quadratic_form(arma::vec(x)), m.inverse_quadratic_form(x));
  EXPECT_EQ(m.dimension(), 3U);
  EXPECT_EQ(m.gram(), Gram::of(g, y));
  EXPECT_TRUE(m.alpha().is_optimal());
  EXPECT_EQ(Metric::make(g, y, Alpha(2.0))->alpha(), Alpha(2.0));
  EXPECT_EQ(Vector(m.g().begin(), m.g().end()), g);
  EXPECT_EQ(Vector(view.y().begin(), view.y().end()), y);
  EXPECT_EQ(view.y().data(), y.data()) << "a view copies nothing";
  EXPECT_NE(m.y().data(), y.data()) << "a Metric owns its vectors";
}

TEST(CanonicalForm, OwnsItsVectors) {
  Vector g = {1.0, 2.0}, y = {2.0, 1.0};
  const Metric m = Metric::make(g, y).value();
  const Vector x = {0.3, 0.4}, before = call(m, &MetricOperator::apply, x);
  g = {5.0, 5.0};
  y = {7.0, -1.0};
  EXPECT_EQ(call(m, &MetricOperator::apply, x), before);
  const LdlFactor ldl = Metric::make(g, g)->ldl();
  EXPECT_EQ(ldl.dense_l()(0, 0), 1.0) << "a factor may outlive its metric";
}

TEST(CanonicalForm, GivesTheSameBitsOnSeveralThreads) {
  const Worst worst = worst_cases().back();
  const Metric m = Metric::make(worst.g, worst.y).value();
  const Vector x(worst.g.size(), 0.1);
  const Vector apply = call(m, &MetricOperator::apply, x), root = call(m, &MetricOperator::root_apply, x);
  std::vector<int> agree(4, 0);
  std::vector<std::thread> threads;
  for (int& slot : agree) {
    threads.emplace_back([&] {
      for (int k = 0; k < 50; ++k) {
        const Metric copy = m;
        slot +=
            call(copy, &MetricOperator::apply, x) == apply && call(m, &MetricOperator::root_apply, x) == root;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(agree, std::vector<int>(4, 50));
}

// ------------------------------------------------------------------ bad input

template <class Error, class Function>
std::string message(Function function) {
  try {
    function();
  } catch (const Error& error) {
    return error.what();
  }
  ADD_FAILURE() << "nothing was thrown";
  return {};
}

void expect_names(const std::string& text, const std::vector<std::string>& parts) {
  for (const std::string& part : parts)
    EXPECT_NE(text.find(part), std::string::npos) << part << " in: " << text;
}

TEST(CanonicalForm, RefusesBadVectors) {
  const Vector two = {1.0, 2.0}, three = {1.0, 2.0, 3.0}, none;
  expect_names(message<ContractError>([&] { Metric::make(two, three); }), {"g", "y", "2", "3"});
  expect_names(message<ContractError>([&] { Metric::make(none, none); }), {"empty"});
  expect_names(message<ContractError>([&] { MetricView::make(none, none); }), {"empty"});
  expect_names(message<ContractError>([&] { Metric::make(arma::vec(two), arma::vec(three)); }), {"2", "3"});
  for (const double bad : {not_a_number, infinity, -infinity}) {
    const Vector broken = {1.0, bad};
    for (const bool in_g : {true, false}) {
      const Vector& g = in_g ? broken : two;
      const Vector& y = in_g ? two : broken;
      for (const int way : {0, 1, 2}) {
        try {
          if (way == 0) Metric::make(g, y);
          if (way == 1) MetricView::make(g, y);
          if (way == 2) {
            const std::vector<float> gf(g.begin(), g.end()), yf(y.begin(), y.end());
            Metric::make(std::span<const float>(gf), std::span<const float>(yf));
          }
          ADD_FAILURE() << "accepted " << bad;
        } catch (const NonFiniteError& error) {
          EXPECT_EQ(error.argument(), in_g ? "g" : "y");
          EXPECT_EQ(error.index(), 1U);
          EXPECT_EQ(std::isnan(error.value()), std::isnan(bad));
        }
      }
    }
  }
}

TEST(CanonicalForm, RefusesAGramOfAnotherLength) {
  const Vector two = {1.0, 2.0}, three = {1.0, 2.0, 3.0};
  expect_names(message<ContractError>([&] { MetricView::make(two, two, Gram::of(three, three)); }),
               {"2", "3"});
  expect_names(message<ContractError>([&] { MetricView::make(two, three, Gram::of(two, two)); }), {"2", "3"});
}

TEST(CanonicalForm, RefusesBadArguments) {
  const Vector g = {1.0, 2.0, 3.0};
  const Metric m = Metric::make(g, g).value();
  const Vector x = {1.0, 1.0, 1.0}, two = {1.0, 2.0}, none;
  for (const Method method :
       {static_cast<Method>(&MetricOperator::apply), static_cast<Method>(&MetricOperator::solve),
        static_cast<Method>(&MetricOperator::root_apply), static_cast<Method>(&MetricOperator::root_solve),
        static_cast<Method>(&MetricOperator::factor_apply),
        static_cast<Method>(&MetricOperator::factor_transpose_apply),
        static_cast<Method>(&MetricOperator::factor_solve),
        static_cast<Method>(&MetricOperator::factor_transpose_solve)}) {
    Vector out = {7.0, 8.0, 9.0};
    expect_names(message<ContractError>([&] { (m.*method)(two, out); }), {"x", "2", "3"});
    expect_names(message<ContractError>([&] { (m.*method)(none, out); }), {"x"});
    expect_names(message<ContractError>([&] { (m.*method)(x, std::span(out).first(2)); }), {"out", "2", "3"});
    for (const double bad : {not_a_number, infinity, -infinity}) {
      try {
        (m.*method)(Vector{1.0, 2.0, bad}, out);
        ADD_FAILURE() << "accepted " << bad;
      } catch (const NonFiniteError& error) {
        EXPECT_EQ(error.argument(), "x");
        EXPECT_EQ(error.index(), 2U);
      }
    }
    EXPECT_EQ(out, (Vector{7.0, 8.0, 9.0})) << "a refusal must not write";
  }
  expect_names(message<ContractError>([&] { m.quadratic_form(two); }), {"x", "2", "3"});
  expect_names(message<ContractError>([&] { m.inverse_quadratic_form(two); }), {"x", "2", "3"});
  EXPECT_THROW(m.quadratic_form(Vector{1.0, not_a_number, 1.0}), NonFiniteError);
  EXPECT_THROW(m.inverse_quadratic_form(Vector{1.0, 1.0, infinity}), NonFiniteError);
  EXPECT_THROW((void)m.apply(arma::vec(two)), ContractError);
}

TEST(CanonicalForm, OutMayBeTheSameMemoryButNotOverlapInPart) {
  Vector memory = {0.5, 1.0, 2.0, 4.0};
  const Vector g = {1.0, 2.0, -0.5}, y = {2.0, 1.0, 0.25};
  const Metric m = Metric::make(g, y).value();
  const Vector alone = call(m, &MetricOperator::apply, Vector(memory.begin(), memory.begin() + 3));
  const std::span<double> first = std::span(memory).first(3), last = std::span(memory).last(3);
  for (const Method method :
       {static_cast<Method>(&MetricOperator::apply), static_cast<Method>(&MetricOperator::solve),
        static_cast<Method>(&MetricOperator::root_apply),
        static_cast<Method>(&MetricOperator::factor_solve)}) {
    expect_names(message<ContractError>([&] { (m.*method)(first, last); }), {"out overlaps x in part"});
    expect_names(message<ContractError>([&] { (m.*method)(last, first); }), {"out overlaps x in part"});
  }
  EXPECT_EQ(memory, (Vector{0.5, 1.0, 2.0, 4.0})) << "a refusal must not write";
  Vector longer = g;
  longer.push_back(0.0);
  const auto view = MetricView::make(std::span<const double>(longer).first(3), y);
  expect_names(message<ContractError>([&] { view->apply(y, std::span(longer).last(3)); }), {"overlaps g"});
  m.apply(first, first);
  EXPECT_EQ(Vector(first.begin(), first.end()), alone);
}

TEST(CanonicalForm, WhatWasMovedFromGoesOnWorking) {
  const Vector g = {1.0, 2.0}, y = {2.0, 1.0};
  Metric a = Metric::make(g, y).value();
  const Metric b = std::move(a);
  EXPECT_EQ(a.dimension(), 2U);
  EXPECT_EQ(call(a, &MetricOperator::apply, g), call(b, &MetricOperator::apply, g));
  LdlFactor l = a.ldl();
  const LdlFactor kept = std::move(l);
  EXPECT_EQ(kept.dense_l().n_rows, 2U);
  EXPECT_THROW((void)l.dense_l(), ContractError);
}

TEST(CanonicalForm, OverflowsToInfinityAndNeverToNan) {
  const Vector g = {1e-300, 0.0, 1e-310}, y = {1e300, 1e308, 0.0};
  const Metric m = Metric::make(g, y).value();
  const Vector x = {1.0, 1.0, -1.0};
  for (const Method method :
       {static_cast<Method>(&MetricOperator::apply), static_cast<Method>(&MetricOperator::solve),
        static_cast<Method>(&MetricOperator::root_apply), static_cast<Method>(&MetricOperator::root_solve)}) {
    for (const double element : call(m, method, x)) EXPECT_FALSE(std::isnan(element));
  }
  EXPECT_EQ(call(m, &MetricOperator::apply, x)[1], infinity);
  EXPECT_EQ(m.quadratic_form(x), infinity);
  for (const auto& [value, multiplicity] : m.spectrum()) EXPECT_FALSE(std::isnan(value));
}

}  // namespace
