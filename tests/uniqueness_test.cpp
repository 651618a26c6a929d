// natgrad: tests of uniqueness against known matrices, rationals and LAPACK at benign sizes; its contract.
#include "natgrad/uniqueness.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

#include "natgrad/canonical_form.hpp"
#include "support/environment.hpp"
#include "support/uniqueness_reference.hpp"

namespace {

using natgrad::Answer;
using natgrad::check_metric;
using natgrad::CheckReason;
using natgrad::ContractError;
using natgrad::coordinates;
using natgrad::decompose;
using natgrad::definiteness;
using natgrad::Definiteness;
using natgrad::Enclosure;
using natgrad::from_coordinates;
using natgrad::Gram;
using natgrad::MetricCheck;
using natgrad::NonFiniteError;
using natgrad::Random;
using natgrad::random_metric;
using natgrad::test::exact;
using natgrad::test::nearest;
using natgrad::test::Rational;
namespace ref = natgrad::test::uniqueness;

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

template <class Error, class Call>
std::string message_of(Call call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

void expect_witness(const Definiteness& d, const arma::mat& m) {
  ASSERT_EQ(d.answer, Answer::no);
  ASSERT_EQ(d.witness.n_elem, m.n_rows);
  EXPECT_TRUE(arma::any(d.witness != 0));
  EXPECT_TRUE((ref::form(natgrad::test::exact_matrix(m), natgrad::test::exact_vector(d.witness)) <= 0));
  EXPECT_LE(d.smallest_eigenvalue.hi, 0);
}

Gram gram(const arma::vec& g, const arma::vec& y) {
  return Gram::of(std::span<const double>(g.memptr(), g.n_elem),
                  std::span<const double>(y.memptr(), y.n_elem));
}

arma::mat single(double x) {
  arma::mat m(1, 1);
  m(0, 0) = x;
  return m;
}

arma::mat hilbert(arma::uword n) {
  // Times the least common multiple of the denominators, so that it is exact up to n = 10.
  double scale = 1;
  for (arma::uword k = 2; k < 2 * n; ++k)
    scale = static_cast<double>(std::lcm(static_cast<long>(scale), static_cast<long>(k)));
  arma::mat h(n, n);
  for (arma::uword i = 0; i < n; ++i)
    for (arma::uword j = 0; j < n; ++j) h(i, j) = scale / static_cast<double>(i + j + 1);
  return h;
}

// ------------------------------------------------------------------------------------- definiteness

TEST(UniquenessDefiniteness, KnownMatrices) {
  EXPECT_EQ(definiteness(arma::mat(5, 5, arma::fill::eye)).answer, Answer::yes);
  EXPECT_EQ(definiteness(single(0x1p-1074)).answer, Answer::yes);
  EXPECT_EQ(definiteness(single(std::numeric_limits<double>::max())).answer, Answer::yes);
  expect_witness(definiteness(single(0.0)), single(0.0));
  expect_witness(definiteness(single(-0x1p-1074)), single(-0x1p-1074));
  const arma::mat ones(4, 4, arma::fill::ones);
  expect_witness(definiteness(ones), ones);
  const arma::mat indefinite = {{1, 2}, {2, 1}};
  expect_witness(definiteness(indefinite), indefinite);
  // Condition number 1e13 with n = 10: the exact Hilbert matrix is definite.
  for (arma::uword n = 1; n <= 10; ++n) EXPECT_EQ(definiteness(hilbert(n)).answer, Answer::yes) << n;
}

TEST(UniquenessDefiniteness, DecidesWhereFloatingPointCannot) {
  const double ulp = 0x1p-52;
  // Determinant 1 + ulp - 1 = ulp, 0 and -ulp/2.
  EXPECT_EQ(definiteness(arma::mat{{1, 1}, {1, 1 + ulp}}).answer, Answer::yes);
  const arma::mat singular = {{1, 1}, {1, 1}}, below = {{1, 1}, {1, 1 - ulp / 2}};
  expect_witness(definiteness(singular), singular);
  expect_witness(definiteness(below), below);
  // (1 + 2 ulp) - (1 + ulp)^2 = -ulp^2: not definite by 2^-104 of its size.
  const arma::mat by_a_hair = {{1 + 2 * ulp, 1 + ulp}, {1 + ulp, 1}};
  expect_witness(definiteness(by_a_hair), by_a_hair);
  // (2^51 + 2^26 + 1)(2^51 - 2^26 + 1) - 2^102 = 1: definite by as little.
  const arma::mat definite = {{0x1p51 + 0x1p26 + 1, 0x1p51}, {0x1p51, 0x1p51 - 0x1p26 + 1}};
  EXPECT_EQ(definiteness(definite).answer, Answer::yes);
  EXPECT_GT(definiteness(definite).smallest_eigenvalue.lo, 0);
  // In three dimensions the kernel (1, -2, 1) is exactly a vector of doubles.
  const arma::mat kernel = {{1, 1, 1}, {1, 2, 3}, {1, 3, 5}};
  expect_witness(definiteness(kernel), kernel);
  arma::mat above = kernel;
  above(2, 2) += 5 * 0x1p-50;
  EXPECT_EQ(definiteness(above).answer, Answer::yes);
  // The widest exponents: scaled by powers of two on both sides.
  const arma::vec s = {0x1p-500, 1, 0x1p500};
  const arma::mat wide = arma::diagmat(s) * above * arma::diagmat(s);
  EXPECT_EQ(definiteness(wide).answer, Answer::yes);
  EXPECT_GT(definiteness(wide).smallest_eigenvalue.lo, 0);
  const arma::mat wide_kernel = arma::diagmat(s) * kernel * arma::diagmat(s);
  expect_witness(definiteness(wide_kernel), wide_kernel);
}

TEST(UniquenessDefiniteness, SmallestEigenvalueIsEnclosed) {
  // Second differences: 4 sin^2(pi/(2 (n + 1))).
  for (const arma::uword n : {1U, 7U, 60U, 300U}) {
    arma::mat m(n, n, arma::fill::zeros);
    m.diag().fill(2);
    if (n > 1) m.diag(1).fill(-1);
    if (n > 1) m.diag(-1).fill(-1);
    const Definiteness d = definiteness(m);
    const double angle = std::acos(-1.0) / (2 * static_cast<double>(n + 1));
    const double smallest = 4 * std::sin(angle) * std::sin(angle);
    EXPECT_EQ(d.answer, Answer::yes);
    EXPECT_LE(d.smallest_eigenvalue.lo, smallest * (1 + 1e-14));
    EXPECT_GE(d.smallest_eigenvalue.hi, smallest * (1 - 1e-14));
    EXPECT_LE(d.smallest_eigenvalue.hi - d.smallest_eigenvalue.lo, static_cast<double>(n) * 1e-12) << n;
  }
}

// --------------------------------------------------------------------------------------- check_metric

TEST(UniquenessCheck, SaysWhatIsWrong) {
  const arma::mat m = {{2, 1}, {1, 3}};
  const arma::vec g = {1, 2}, y = {4, 7};
  const MetricCheck yes = check_metric(m, g, y);
  EXPECT_EQ(yes.answer, Answer::yes);
  EXPECT_EQ(yes.reason, CheckReason::metric);
  EXPECT_TRUE(yes.symmetric);
  EXPECT_TRUE(yes.maps_exactly);
  EXPECT_EQ(yes.residual, (Enclosure{0, 0}));
  EXPECT_EQ(yes.backward_error, (Enclosure{0, 0}));

  const MetricCheck asymmetric = check_metric(arma::mat{{2, 2}, {1, 3}}, g, y);
  EXPECT_EQ(asymmetric.answer, Answer::no);
  EXPECT_EQ(asymmetric.reason, CheckReason::not_symmetric);
  EXPECT_EQ(asymmetric.asymmetric_row, 1U);
  EXPECT_EQ(asymmetric.asymmetric_column, 0U);
  EXPECT_EQ(asymmetric.definiteness.answer, Answer::undetermined);

  const MetricCheck wrong = check_metric(m, g, {4, 8});
  EXPECT_EQ(wrong.answer, Answer::no);
  EXPECT_EQ(wrong.reason, CheckReason::wrong_image);
  EXPECT_EQ(wrong.wrong_element, 1U);
  EXPECT_EQ(wrong.residual, (Enclosure{1, 1}));
  // 1/(sqrt(15) sqrt(5) + sqrt(80))
  EXPECT_NEAR(wrong.backward_error.lo, 1 / (std::sqrt(75.0) + std::sqrt(80.0)), 1e-16);
  EXPECT_EQ(std::nextafter(wrong.backward_error.lo, 1), wrong.backward_error.hi);

  // p = 0 with M g = y: g itself is the witness.
  const MetricCheck indefinite = check_metric(arma::mat{{0, 1}, {1, 0}}, {1, 0}, {0, 1});
  EXPECT_EQ(indefinite.answer, Answer::no);
  EXPECT_EQ(indefinite.reason, CheckReason::not_definite);
  EXPECT_EQ(indefinite.definiteness.witness[0], 1);

  for (const CheckReason reason : {CheckReason::metric, CheckReason::not_symmetric, CheckReason::wrong_image,
                                   CheckReason::not_definite, CheckReason::no_certificate})
    EXPECT_NE(natgrad::to_string(reason), "?");
}

TEST(UniquenessCheck, ToleranceIsDecidedExactly) {
  const arma::mat m = {{2, 1}, {1, 3}};
  const arma::vec g = {1, 2}, y = {4, 8};
  const MetricCheck c = check_metric(m, g, y);
  EXPECT_EQ(check_metric(m, g, y, c.backward_error.hi).reason, CheckReason::metric);
  EXPECT_EQ(check_metric(m, g, y, c.backward_error.lo).reason, CheckReason::wrong_image);
  // M = 0: the backward error is exactly 1.
  const MetricCheck zero = check_metric(arma::mat(2, 2, arma::fill::zeros), g, y, 1);
  EXPECT_EQ(zero.backward_error, (Enclosure{1, 1}));
  EXPECT_EQ(zero.reason, CheckReason::not_definite);
  EXPECT_EQ(check_metric(arma::mat(2, 2, arma::fill::zeros), g, y, std::nextafter(1, 0)).reason,
            CheckReason::wrong_image);
}

TEST(UniquenessCheck, EdgesOfThePair) {
  const arma::mat identity(3, 3, arma::fill::eye);
  const arma::vec zero(3, arma::fill::zeros), one(3, arma::fill::ones);
  EXPECT_EQ(check_metric(identity, zero, zero).reason, CheckReason::metric);
  EXPECT_EQ(check_metric(-identity, zero, zero).reason, CheckReason::not_definite);
  EXPECT_EQ(check_metric(identity, zero, one).reason, CheckReason::wrong_image);
  EXPECT_EQ(check_metric(identity, one, zero).reason, CheckReason::wrong_image);
  EXPECT_EQ(check_metric(single(4), {0.5}, {2}).reason, CheckReason::metric);
  EXPECT_EQ(check_metric(single(-4), {0.5}, {-2}).reason, CheckReason::not_definite);
  // Products far below and far beyond the range of doubles.
  const double small = 0x1p-1074, large = std::numeric_limits<double>::max();
  EXPECT_EQ(check_metric(small * identity, small * one, zero).reason, CheckReason::wrong_image);
  const MetricCheck beyond = check_metric(large * identity, large * one, one);
  EXPECT_EQ(beyond.reason, CheckReason::wrong_image);
  EXPECT_EQ(beyond.residual.hi, infinity);
  EXPECT_TRUE(std::isfinite(beyond.residual.lo));
  EXPECT_LE(beyond.backward_error.hi, 1);
}

TEST(UniquenessCheck, AcceptsTheDenseMetricsOfTheCanonicalForm) {
  const arma::vec g = {1, -2, 3, 0.5}, y = {2, 1, 1, 0.25};
  const arma::mat m = natgrad::Metric::make(g, y)->dense();
  const MetricCheck c = check_metric(m, g, y, 0x1p-50);
  EXPECT_EQ(c.reason, CheckReason::metric);
  EXPECT_LE(c.backward_error.hi, 0x1p-50);
}

// ---------------------------------------------------------------------------------------- coordinates

TEST(UniquenessCoordinates, AreThoseOfAKnownMatrix) {
  const arma::mat m = {{4, 1, 0}, {1, 3, 1}, {0, 1, 2}};
  const arma::vec g = {1, 1, -1};  // y = (5, 3, -1), p = 9
  const auto d = decompose(m, g);
  ASSERT_TRUE(d);
  EXPECT_EQ(d->p, 9);
  EXPECT_EQ(d->y[0], 5);
  EXPECT_EQ(d->y[1], 3);
  EXPECT_EQ(d->y[2], -1);
  EXPECT_EQ(d->b(0, 0), nearest(Rational(11) / 9));
  EXPECT_EQ(d->b(1, 2), nearest(Rational(4) / 3));
  const auto c = coordinates(m, g);
  ASSERT_TRUE(c);
  EXPECT_EQ(c->pivot, 0U);
  EXPECT_EQ(c->s(0, 0), 2);
  EXPECT_EQ(c->s(1, 0), nearest(Rational(4) / 3));
  EXPECT_EQ(c->s(1, 1), nearest(Rational(17) / 9));
  EXPECT_FALSE(decompose(-m, g));
  EXPECT_FALSE(coordinates(m, {0, 0, 0}));
}

TEST(UniquenessCoordinates, OfADimensionOneMetricAreNone) {
  const auto d = decompose(single(3), {2});
  ASSERT_TRUE(d);
  EXPECT_EQ(d->b(0, 0), 0);
  const auto c = coordinates(single(3), {2});
  ASSERT_TRUE(c);
  EXPECT_EQ(c->s.n_rows, 0U);
  const auto m = from_coordinates(arma::mat(0, 0), {2}, {6});
  ASSERT_TRUE(m);
  EXPECT_EQ((*m)(0, 0), 3);
  const auto f = natgrad::factor(single(3), {2});
  ASSERT_TRUE(f);
  EXPECT_EQ(f->u.n_rows, 1U);
  EXPECT_EQ(f->u.n_cols, 0U);
  EXPECT_EQ(f->residual, 0);
}

TEST(UniquenessCoordinates, EveryDefiniteMatrixGivesAMetric) {
  const arma::vec g = {0.5, -1, 0.25}, y = {1, -0.5, 3};
  const arma::mat s = {{2, 1}, {1, 1}};
  const auto m = from_coordinates(s, g, y);
  ASSERT_TRUE(m);
  const auto c = coordinates(*m, g);
  ASSERT_TRUE(c);
  EXPECT_EQ(c->pivot, 1U);
  EXPECT_LE(check_metric(*m, g, y, 1e-15).backward_error.hi, 1e-15);
  EXPECT_EQ(definiteness(*m).answer, Answer::yes);
  EXPECT_TRUE(arma::approx_equal(c->s, s, "absdiff", 1e-14));
  EXPECT_FALSE(from_coordinates(s, g, -y));
}

TEST(UniquenessCoordinates, RangeIsIeee) {
  const auto m = from_coordinates(single(1), {0x1p-1074, 0x1p-1074}, {0x1p1000, 0});
  ASSERT_TRUE(m);
  EXPECT_EQ((*m)(0, 0), infinity);  // y^2/p = 2^2074
  for (const double x : *m) EXPECT_FALSE(std::isnan(x));
}

TEST(UniquenessDimension, IsDTimesDMinusOneOverTwo) {
  EXPECT_EQ(natgrad::metric_family_dimension(1), 0U);
  EXPECT_EQ(natgrad::metric_family_dimension(2), 1U);
  EXPECT_EQ(natgrad::metric_family_dimension(5), 10U);
  EXPECT_EQ(natgrad::metric_family_dimension(6), 15U);
  EXPECT_EQ(natgrad::metric_family_dimension(std::uint64_t{1} << 32), 0x7fffffff80000000U);
  EXPECT_THROW(natgrad::metric_family_dimension(0), ContractError);
  EXPECT_THROW(natgrad::metric_family_dimension(std::uint64_t{1} << 33), ContractError);
}

// -------------------------------------------------------------------------------------------- factors

TEST(UniquenessFactor, IsUniqueUpToARotation) {
  Random random(7);
  const arma::uword d = 40;
  arma::vec g(d), y(d);
  for (double& x : g) x = random.uniform(-1, 1);
  for (arma::uword i = 0; i < d; ++i) y[i] = g[i] + random.uniform(-0.5, 0.5);
  const auto r = random_metric(g, y, 50.0, random);
  ASSERT_TRUE(r);
  const auto f = natgrad::factor(r->m, g);
  ASSERT_TRUE(f);
  const double size = arma::norm(decompose(r->m, g)->b, "fro");
  EXPECT_LE(f->residual, 1e-12 * size);
  EXPECT_LE(f->orthogonality, 1e-14);
  // Another factor of the same B: the symmetric root, by LAPACK, on the range of B.
  arma::vec values;
  arma::mat vectors;
  ASSERT_TRUE(arma::eig_sym(values, vectors, decompose(r->m, g)->b));
  arma::mat other = vectors.tail_cols(d - 1);
  for (arma::uword j = 0; j + 1 < d; ++j) other.col(j) *= std::sqrt(values[j + 1]);
  const auto q = natgrad::rotation_between(f->u, other);
  EXPECT_LE(q.residual, 1e-12 * std::sqrt(size));
  EXPECT_LE(q.orthogonality, 1e-13);
  EXPECT_LE(q.difference.hi, 1e-12 * size);
  // A factor of another metric: certainly not the same.
  const auto another = random_metric(g, y, 50.0, random);
  ASSERT_TRUE(another);
  EXPECT_GT(natgrad::rotation_between(f->u, natgrad::factor(another->m, g)->u).difference.lo, 1e-3 * size);
}

TEST(UniquenessFactor, LargeOnesHaveBoundsToo) {
  Random random(3);
  const arma::uword d = 450, n = d - 1;
  arma::mat u(d, n);
  for (double& x : u) x = random.uniform(-1, 1);
  arma::mat v = u;
  for (arma::uword j = 0; j < n; ++j) v.col(j) = u.col(n - 1 - j);
  const auto q = natgrad::rotation_between(u, v);  // not by exact sums
  EXPECT_LE(q.residual, 1e-9);
  EXPECT_LE(q.orthogonality, 1e-10);
  EXPECT_EQ(q.difference.lo, 0);
  EXPECT_LE(q.difference.hi, 1e-8);
  v(3, 4) += 1e-3;
  EXPECT_GT(natgrad::rotation_between(u, v).difference.lo, 1e-4);
  // The same far from 1.
  const auto far = natgrad::rotation_between(0x1p400 * u, 0x1p400 * v);
  EXPECT_GT(far.difference.lo, 1e-4 * 0x1p800);
  EXPECT_TRUE(std::isfinite(far.difference.hi));
}

TEST(UniquenessFactor, ExistsOnlyForDefiniteMatrices) {
  EXPECT_FALSE(natgrad::factor(arma::mat{{1, 0}, {0, -1}}, {1, 0}));
  EXPECT_FALSE(natgrad::factor(arma::mat{{1, 1}, {1, 1}}, {1, 1}));
  EXPECT_FALSE(natgrad::factor(arma::mat{{1, 0}, {0, 1}}, {0, 0}));
  EXPECT_TRUE(natgrad::factor(arma::mat{{1, 0}, {0, 1}}, {0, 1}));
}

// -------------------------------------------------------------------------------------------- spectra

TEST(UniquenessSpectrum, BorderOfTheHull) {
  // mu = 2, nu = 5 for g = (1, 1), y = (1, 3).
  const arma::vec g = {1, 1}, y = {1, 3};
  EXPECT_TRUE(natgrad::spectrum_exists(gram(g, y), {1, 3}));
  EXPECT_TRUE(natgrad::spectrum_exists(gram(g, y), {3, 1}));
  EXPECT_FALSE(natgrad::spectrum_exists(gram(g, y), {1, std::nextafter(3, 4)}));
  EXPECT_FALSE(natgrad::spectrum_exists(gram(g, y), {1, std::nextafter(3, 2)}));
  EXPECT_FALSE(natgrad::spectrum_exists(gram(g, -y), {1, 3}));
  const arma::vec g3 = {1, 1, 0}, y3 = {1, 3, 0};
  EXPECT_TRUE(natgrad::spectrum_exists(gram(g3, y3), {1, 2, 3}));
  EXPECT_TRUE(natgrad::spectrum_exists(gram(g3, y3), {0.5, 2, 3}));
  EXPECT_FALSE(natgrad::spectrum_exists(gram(g3, y3), {0.5, std::nextafter(3, 4), 4}));
  EXPECT_TRUE(natgrad::spectrum_exists(gram({1}, {2}), {2}));
  EXPECT_FALSE(natgrad::spectrum_exists(gram({1}, {2}), {std::nextafter(2, 3)}));
}

TEST(UniquenessSpectrum, LeastConditionNumber) {
  // c = 4/5, s = 3/5: kappa* = 4.
  const arma::vec g = {1, 0}, y = {4, 3};
  EXPECT_TRUE(natgrad::condition_exists(gram(g, y), 4));
  EXPECT_FALSE(natgrad::condition_exists(gram(g, y), std::nextafter(4, 3)));
  EXPECT_FALSE(natgrad::condition_exists(gram(g, -y), 4));
  EXPECT_TRUE(natgrad::condition_exists(gram({1}, {2}), 1));
  EXPECT_FALSE(natgrad::condition_exists(gram({1}, {2}), 2));
}

TEST(UniquenessRandom, PrescribedEigenvaluesAgreeWithLapack) {
  Random random(11);
  for (const arma::uword d : {2U, 3U, 10U, 120U}) {
    arma::vec g(d), y(d), l(d);
    for (arma::uword i = 0; i < d; ++i) {
      g[i] = random.uniform(-1, 1);
      l[i] = 1 + static_cast<double>(i);
      y[i] = l[i] * g[i];
    }
    const auto r = random_metric(g, y, l, random);
    ASSERT_TRUE(r);
    arma::vec values;
    ASSERT_TRUE(arma::eig_sym(values, r->m));
    EXPECT_LE(arma::norm(values - l, "inf"), 1e-13 * static_cast<double>(d * d));
    EXPECT_LE(r->backward_error.hi, 1e-14);
    EXPECT_TRUE(r->smallest_eigenvalue.lo > 0);
    EXPECT_LE(r->smallest_eigenvalue.hi - r->smallest_eigenvalue.lo, 1e-12 * static_cast<double>(d * d));
    EXPECT_EQ(definiteness(r->m).answer, Answer::yes);
    // Beyond D = 3, where the spectrum leaves nothing free but signs, it is another one every time.
    const auto again = random_metric(g, y, l, random);
    if (d > 3) {
      EXPECT_GT(arma::norm(again->m - r->m, "fro"), 1e-3);
    }
  }
}

TEST(UniquenessRandom, PrescribedConditionNumber) {
  Random random(5);
  const arma::vec g = {1, 0, 0, 0.5}, y = {4, 3, 1, 1};
  const double least = *natgrad::condition(gram(g, y));
  for (const double k : {least * (1 + 1e-12), 2 * least, 100 * least, 1e8}) {
    const auto r = random_metric(g, y, k, random);
    ASSERT_TRUE(r) << k;
    EXPECT_NEAR(r->spectrum[3] / r->spectrum[0] / k, 1, 1e-14);
    EXPECT_NEAR(r->largest_eigenvalue.hi / r->smallest_eigenvalue.lo / k, 1, 1e-14 * k + 1e-13);
    EXPECT_LE(r->backward_error.hi, 1e-14);
  }
  EXPECT_FALSE(random_metric(g, y, least * (1 - 1e-12), random));
  EXPECT_FALSE(random_metric(g, -y, 100.0, random));
  // Parallel vectors: the metric of condition number 1 is unique.
  const auto r = random_metric(g, 3 * g, 1.0, random);
  ASSERT_TRUE(r);
  EXPECT_TRUE(arma::approx_equal(r->m, 3 * arma::mat(4, 4, arma::fill::eye), "absdiff", 0));
  const auto wide = random_metric(g, 3 * g, 10.0, random);
  ASSERT_TRUE(wide);
  EXPECT_LE(wide->backward_error.hi, 1e-14);
}

TEST(UniquenessRandom, CoordinatesGiveExactMetrics) {
  Random random(1);
  const arma::mat s = natgrad::random_coordinates(30, -5, random);
  EXPECT_EQ(definiteness(s).answer, Answer::yes);
  EXPECT_EQ(natgrad::random_coordinates(0, 0, random).n_rows, 0U);
  EXPECT_THROW(natgrad::random_coordinates(3, 1001, random), ContractError);
  const arma::vec g = {1, 2, 3}, y = {3, 2, 1};
  const auto m = random_metric(g, y, random);
  ASSERT_TRUE(m);
  EXPECT_EQ(check_metric(*m, g, y, 1e-15).reason, CheckReason::metric);
  EXPECT_FALSE(random_metric(g, -y, random));
}

// ------------------------------------------------------------------------------------------- contract

TEST(UniquenessContract, MessagesNameArgumentPositionAndValue) {
  const arma::mat m = {{1, 2}, {3, 4}}, good(2, 2, arma::fill::eye);
  EXPECT_EQ(message_of<ContractError>([&] { definiteness(m); }),
            "m(1, 0) is 3 and m(0, 1) is 2; it must be symmetric");
  EXPECT_EQ(message_of<ContractError>([] { definiteness(arma::mat(2, 3, arma::fill::zeros)); }),
            "m is 2 x 3; it must be square");
  EXPECT_NE(message_of<ContractError>([] { definiteness(arma::mat()); }).find("m is empty"),
            std::string::npos);
  arma::mat bad = good;
  bad(1, 0) = not_a_number;
  EXPECT_NE(message_of<ContractError>([&] { definiteness(bad); }).find("m(1, 0)"), std::string::npos);
  EXPECT_THROW(check_metric(bad, {1, 1}, {1, 1}), ContractError);
  EXPECT_NE(message_of<ContractError>([&] {
              check_metric(good, {1, 1, 1}, {1, 1});
            }).find("g has 3 elements"),
            std::string::npos);
  EXPECT_NE(message_of<ContractError>([&] {
              check_metric(good, {1, 1}, {1});
            }).find("y has 1 elements"),
            std::string::npos);
  EXPECT_THROW(check_metric(good, {1, infinity}, {1, 1}), NonFiniteError);
  for (const double tolerance : {-1.0, infinity, not_a_number})
    EXPECT_NE(message_of<ContractError>([&] {
                check_metric(good, {1, 1}, {1, 1}, tolerance);
              }).find("tolerance"),
              std::string::npos);
  EXPECT_THROW(decompose(m, {1, 1}), ContractError);
  EXPECT_THROW(coordinates(good, {1}), ContractError);
  EXPECT_THROW(natgrad::factor(good, {1, not_a_number}), NonFiniteError);
  EXPECT_THROW(from_coordinates(good, {1, 1}, {1, 1}), ContractError);
  EXPECT_THROW(from_coordinates(m, {1, 1, 1}, {1, 1, 1}), ContractError);
  EXPECT_THROW(from_coordinates(arma::mat(), arma::vec(), arma::vec()), ContractError);
  EXPECT_THROW(natgrad::rotation_between(good, arma::mat(2, 1, arma::fill::zeros)), ContractError);
  EXPECT_THROW(natgrad::rotation_between(arma::mat(), arma::mat()), ContractError);
  EXPECT_THROW(natgrad::rotation_between(bad, good), ContractError);
  Random random(1);
  EXPECT_NE(message_of<ContractError>([&] {
              random_metric({1, 1}, {1, 1}, arma::vec{1, 0}, random);
            }).find("spectrum[1] is 0"),
            std::string::npos);
  EXPECT_THROW(random_metric({1, 1}, {1, 1}, arma::vec{1}, random), ContractError);
  EXPECT_THROW(random_metric({1, 1}, {1, 1}, 0.5, random), ContractError);
  EXPECT_THROW(random_metric({1, 1}, {1, 1}, not_a_number, random), ContractError);
  EXPECT_THROW(natgrad::spectrum_exists(Gram(), {1}), ContractError);
  EXPECT_THROW(natgrad::condition_exists(Gram(), 2), ContractError);
}

TEST(UniquenessEnvironment, WhatIsExactDoesNotDependOnIt) {
  const arma::mat m = {{2, 1, 0}, {1, 3, 0x1p-1060}, {0, 0x1p-1060, 1}};
  const arma::vec g = {1, 0.1, 0x1p-1070}, y = {2.1, 1.3, 0};
  const auto results = [&] {
    std::vector<double> out;
    const MetricCheck c = check_metric(m, g, y);
    out.insert(out.end(), {c.residual.lo, c.residual.hi, c.backward_error.lo, c.backward_error.hi,
                           static_cast<double>(c.reason), static_cast<double>(c.definiteness.answer)});
    const auto d = decompose(m, g);
    out.insert(out.end(), d->b.begin(), d->b.end());
    out.insert(out.end(), d->y.begin(), d->y.end());
    const auto back = from_coordinates(coordinates(m, g)->s, g, d->y);
    out.insert(out.end(), back->begin(), back->end());
    Random random(4);
    const auto drawn = random_metric(g, d->y, random);
    out.insert(out.end(), drawn->begin(), drawn->end());
    out.push_back(natgrad::spectrum_exists(gram(g, d->y), {1, 2, 3}) ? 1 : 0);
    return out;
  };
  const std::vector<double> expected = results();
  for (const auto environment : natgrad::test::environments) {
    std::vector<double> actual;
    {
      const natgrad::test::EnvironmentScope scope(environment);
      actual = results();
    }
    EXPECT_EQ(actual, expected) << natgrad::test::name(environment);
  }
}

}  // namespace
