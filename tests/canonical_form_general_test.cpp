// natgrad: tests of general metrics against values computed elsewhere, rationals and integers.
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "natgrad/natgrad.hpp"
#include "reference/hostile_pairs.hpp"
#include "support/canonical_form_general_reference.hpp"

namespace {

using natgrad::Answer;
using natgrad::BlockMetric;
using natgrad::BlockReason;
using natgrad::ContractError;
using natgrad::EnclosedVector;
using natgrad::GeneralMetric;
using natgrad::NonFiniteError;
using natgrad::test::columns_of;
using natgrad::test::dot;
using natgrad::test::doubles_of;
using natgrad::test::exact;
using natgrad::test::exact_matrix;
using natgrad::test::exact_vector;
using natgrad::test::ExactPair;
using natgrad::test::multiply;
using natgrad::test::nearest;
using natgrad::test::positive_definite;
using natgrad::test::Rational;
using natgrad::test::RationalMatrix;
using natgrad::test::RationalVector;
using natgrad::test::root_within;
using natgrad::test::solve_linear;

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

void expect_same(const arma::vec& actual, const arma::vec& expected, const std::string& what) {
  ASSERT_EQ(actual.n_elem, expected.n_elem) << what;
  for (arma::uword i = 0; i < expected.n_elem; ++i)
    EXPECT_EQ(actual[i], expected[i]) << what << ", element " << i;
}
arma::vec rounded(const RationalVector& x) {
  arma::vec out(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) out[i] = nearest(x[i]);
  return out;
}

/// The box holds what it should, and its radius is at most `ulps` of each element.
void expect_box(const EnclosedVector& box, const RationalVector& expected, double ulps,
                const std::string& what) {
  ASSERT_EQ(box.value.n_elem, expected.size()) << what;
  ASSERT_EQ(box.radius.n_elem, expected.size()) << what;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    ASSERT_TRUE(std::isfinite(box.value[i])) << what << ", element " << i;
    ASSERT_GE(box.radius[i], 0) << what << ", element " << i;
    if (!std::isfinite(box.radius[i])) {
      EXPECT_EQ(ulps, infinity) << what << ", element " << i;
      continue;
    }
    const Rational off = abs(exact(box.value[i]) - expected[i]);
    EXPECT_TRUE(off <= exact(box.radius[i])) << what << ", element " << i;
    if (std::isfinite(ulps)) {
      const double next = std::nextafter(std::abs(box.value[i]), infinity) - std::abs(box.value[i]);
      EXPECT_LE(box.radius[i], std::max(ulps * next, 0x1p-1074)) << what << ", element " << i;
    }
  }
}

std::string message_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const ContractError& error) {
    return error.what();
  }
  return "nothing was thrown";
}

// ------------------------------------------------------------------ values computed elsewhere

// Computed by Gaussian elimination in Python's fractions and rounded by its integer division; what has a
// root, by its decimal module with 120 digits.
TEST(GeneralMetric, KnownValues) {
  {
    const arma::vec g = {0.1, 0.2, 0.3}, y = {0.3, 0.1, 0.2}, x = {1, -2, 0.7};
    const arma::mat u = {{1, 0}, {0, 1}, {-0.3, -0.6}};  // well off orthogonal
    const auto m = GeneralMetric::from_basis(g, y, u, 0.5);
    ASSERT_TRUE(m);
    expect_same(m->apply(x), {0x1.7acbd99faded9p+0, -0x1.10d70f1a809e1p+1, 0x1.ba5243103e506p+0}, "M x");
    expect_same(m->solve(x).value, {0x1.f43c538547600p-1, -0x1.3a3eed832dc46p+1, -0x1.604308a7f5edap-1},
                "M^-1 x");
    EXPECT_EQ(m->quadratic_form(x), 0x1.bcf20472109abp+2);
    expect_same(m->factor_apply(x), {-0x1.175796c84ca65p+0, 0x1.0294c8dcedc3bp+0, 0x1.977d8fb414ae5p-1},
                "J x");
    expect_same(m->factor_transpose_apply(x),
                {0x1.727f4494ce360p-1, 0x1.97c57c57c57c6p-1, -0x1.341d41d41d41dp+1}, "J^T x");
    expect_same(m->factor_solve(x).value,
                {-0x1.15df736f9aa8ap-2, 0x1.39ec58f41ae4ap+0, -0x1.f4e17ca36d1f9p+0}, "J^-1 x");
    const arma::mat dense = {{0x1.cddcda7a89bc8p+0, 0x1.f513791cf8e01p-3, 0x1.e250bdfb401e6p-3},
                             {0x1.f513791cf8e01p-3, 0x1.08e7c7016cc3bp+0, -0x1.c097fc334b848p-2},
                             {0x1.e250bdfb401e6p-3, -0x1.c097fc334b848p-2, 0x1.c2abeee6d3d46p-1}};
    expect_same(arma::vectorise(m->dense()), arma::vectorise(dense), "M");
    expect_same(m->apply(g), y, "M g");
  }
  {
    const arma::vec g = {1, 1e-9, 0}, y = {0, 1, 0.5}, x = {0.1, 1e-8, -4};  // cos = 9e-10
    const arma::mat u = {{1e-9, 0}, {-1, 0.1}, {0, 3}};
    const auto m = GeneralMetric::from_basis(g, y, u, 1e-9);
    ASSERT_TRUE(m);
    expect_same(m->apply(x), {0x1.49da7e0800288p-30, -0x1.dcd64fdccccccp+30, -0x1.dcd650f7fffffp+29}, "M x");
    expect_same(m->solve(x).value, {0x1.61657591f7235p+56, 0x1.160c9369d036bp+20, -0x1.160c91d0369d1p+21},
                "M^-1 x");
    EXPECT_EQ(m->quadratic_form(x), 0x1.dcd650d000000p+31);
    expect_same(m->factor_apply(x), {0x1.b7cdfe55f385fp-32, 0x1.8b3c15cac1a7cp+11, 0x1.8848e29793d2fp+10},
                "J x");
    expect_same(m->factor_transpose_apply(x),
                {-0x1.ee1b1b1405efdp+15, -0x1.54295227cdcbfp-27, -0x1.7fffffff77ef8p+3}, "J^T x");
    expect_same(m->factor_solve(x).value,
                {0x1.8b48e29793d30p+11, 0x1.771ca54cccccdp+26, -0x1.fca0580000001p+23}, "J^-1 x");
    expect_same(m->apply(g), y, "M g");
  }
}

// ------------------------------------------------------------------ hostile pairs, against rationals

/// Columns P e_i for i != k, rounded, times powers of two.
arma::mat hostile_basis(const ExactPair& pair, const std::vector<double>& g, int spread,
                        std::mt19937_64& random) {
  const std::size_t n = g.size();
  std::size_t k = 0;
  for (std::size_t i = 1; i < n; ++i)
    if (std::abs(g[i]) > std::abs(g[k])) k = i;
  arma::mat u(n, n - 1);
  arma::uword j = 0;
  for (std::size_t i = 0; i < n; ++i) {
    if (i == k) continue;
    RationalVector e(n);
    e[i] = 1;
    const long by = static_cast<long>(random() % static_cast<unsigned>(2 * spread + 1)) - spread;
    for (Rational& x : e) x *= natgrad::test::power_of_two(by);
    u.col(j++) = rounded(project(pair, e));
  }
  return u;
}

TEST(GeneralMetric, OperatorsAreCorrectlyRoundedOnHostilePairs) {
  std::mt19937_64 random(11);
  natgrad::reference::Random numbers(12);
  std::size_t effective = 0;
  for (const auto& pair : natgrad::reference::hostile_pairs(21, 600, 5)) {
    const ExactPair e(pair.g, pair.y);
    const arma::vec g(pair.g), y(pair.y);
    const std::size_t n = pair.g.size();
    if (n > 8) continue;
    arma::vec d(n), x(n);
    for (double& element : d) element = std::abs(numbers.number(-60, 60));
    for (double& element : x) element = numbers.number(-30, 30);
    const bool exists = e.p > 0;
    ASSERT_EQ(GeneralMetric::from_diagonal(g, y, d).has_value(), exists) << pair.tag;
    if (!exists) continue;
    ++effective;
    const arma::mat u = hostile_basis(e, pair.g, effective % 2 == 0 ? 0 : 150, random);
    const auto basis = GeneralMetric::from_basis(g, y, u);
    const auto diagonal = GeneralMetric::from_diagonal(g, y, d);
    const BlockMetric block = GeneralMetric::from_block(g, y, arma::diagmat(d), 1);
    ASSERT_TRUE(basis) << pair.tag;
    ASSERT_EQ(block.answer, Answer::yes) << pair.tag;
    const RationalMatrix of_basis = metric_of_basis(e, columns_of(u)),
                         of_diagonal = metric_of_diagonal(e, exact_vector(d));
    for (const auto& [metric, matrix] : {std::pair{&*basis, &of_basis}, std::pair{&*diagonal, &of_diagonal},
                                         std::pair{&*block.metric, &of_diagonal}}) {
      EXPECT_TRUE(positive_definite(*matrix)) << pair.tag;
      expect_same(metric->apply(g), y, pair.tag + ": M g");
      expect_same(metric->apply(x), rounded(multiply(*matrix, exact_vector(x))), pair.tag + ": M x");
      EXPECT_EQ(metric->quadratic_form(x), nearest(dot(exact_vector(x), multiply(*matrix, exact_vector(x)))))
          << pair.tag;
      RationalVector entries;
      for (const RationalVector& row : *matrix) entries.insert(entries.end(), row.begin(), row.end());
      expect_same(arma::vectorise(metric->dense()), rounded(entries), pair.tag + ": M");
    }
    std::vector<double> z = doubles_of(x);
    expect_same(basis->factor_apply(x), arma::vec(factor_times(e, columns_of(u), exact(z))),
                pair.tag + ": J x");
    expect_same(basis->factor_transpose_apply(x),
                arma::vec(factor_transpose_times(e, columns_of(u), exact(z))), pair.tag + ": J^T x");
  }
  EXPECT_GT(effective, 200u);  // about half have p > 0
}

TEST(GeneralMetric, BoxesHoldTheSolution) {
  std::mt19937_64 random(13);
  natgrad::reference::Random numbers(14);
  for (const auto& pair : natgrad::reference::hostile_pairs(22, 400, 5)) {
    const ExactPair e(pair.g, pair.y);
    const std::size_t n = pair.g.size();
    if (n > 8 || e.p <= 0) continue;
    const arma::vec g(pair.g), y(pair.y);
    arma::vec d(n), x(n);
    for (double& element : d) element = std::abs(numbers.number(-60, 60));
    for (double& element : x) element = numbers.number(-30, 30);
    const arma::mat u = hostile_basis(e, pair.g, random() % 2 == 0 ? 0 : 150, random);
    const auto basis = GeneralMetric::from_basis(g, y, u);
    const auto diagonal = GeneralMetric::from_diagonal(g, y, d);
    const BlockMetric block = GeneralMetric::from_block(g, y, arma::diagmat(d), 1);
    const auto tight = [](const EnclosedVector& box) {
      return arma::abs(box.value).max() < std::numeric_limits<double>::max() ? 0.5 + 0x1p-19 : infinity;
    };
    const RationalVector by_basis = solve_linear(metric_of_basis(e, columns_of(u)), exact_vector(x)),
                         by_diagonal = solve_linear(metric_of_diagonal(e, exact_vector(d)), exact_vector(x));
    const EnclosedVector one = basis->solve(x), two = diagonal->solve(x), three = block.metric->solve(x);
    expect_box(one, by_basis, tight(one), pair.tag + ": basis");
    expect_box(two, by_diagonal, tight(two), pair.tag + ": diagonal");
    expect_box(three, by_diagonal, tight(three), pair.tag + ": block");
    RationalVector parts = factor_inverse_times(e, columns_of(u), exact_vector(x));
    const EnclosedVector parts_box = basis->factor_solve(x);
    if (std::isfinite(parts_box.radius[0])) {
      EXPECT_TRUE(root_within(e.p, parts[0], parts_box.value[0], parts_box.radius[0])) << pair.tag;
    }
    parts[0] = exact(parts_box.value[0]);
    EnclosedVector rest = parts_box;
    rest.radius[0] = 0;
    expect_box(rest, parts, tight(parts_box), pair.tag + ": J^-1 x");
  }
}

// ------------------------------------------------------------------ larger dimensions, by integers

// g = (+-1, ...), D = 2^k, and an integer basis g_i e_0 - g_0 e_i of g^perp: with y = g + v, v in g^perp, p =
// D and every number is exact.
struct Integers {
  arma::vec g, y, solution, image;
  arma::mat u;
};

Integers integers(arma::uword n) {
  std::mt19937_64 random(n);
  Integers out{arma::vec(n), arma::vec(n), arma::vec(n), arma::vec(n),
               arma::mat(n, n - 1, arma::fill::zeros)};
  for (double& x : out.g) x = random() % 2 == 0 ? 1 : -1;
  for (arma::uword i = 1; i < n; ++i) {
    out.u(0, i - 1) = out.g[i];
    out.u(i, i - 1) = -out.g[0];
  }
  const auto across = [&] {
    arma::vec c(n - 1);
    for (double& x : c) x = static_cast<double>(random() % 9) - 4;
    return arma::vec(out.u * c);
  };
  out.y = out.g + across();
  const arma::vec w = across();
  out.solution = 3 * out.g + w;
  out.image = 3 * out.y + out.y * (arma::dot(out.y, w) / static_cast<double>(n)) + out.u * (out.u.t() * w);
  return out;
}

TEST(GeneralMetric, LargeDimensionsByIntegers) {
  for (const arma::uword n : {arma::uword{16}, arma::uword{64}, arma::uword{256}}) {
    const Integers s = integers(n);
    ASSERT_EQ(arma::dot(s.g, s.y), static_cast<double>(n));
    const auto basis = GeneralMetric::from_basis(s.g, s.y, s.u, 0);
    ASSERT_TRUE(basis);
    const BlockMetric block = GeneralMetric::from_block(s.g, s.y, s.u * s.u.t(), 0);
    ASSERT_EQ(block.answer, Answer::yes);
    for (const GeneralMetric* m : {&*basis, &*block.metric}) {
      expect_same(m->apply(s.solution), s.image, "M x");
      expect_same(m->apply(s.g), s.y, "M g");
      const EnclosedVector box = m->solve(s.image);
      for (arma::uword i = 0; i < n; ++i) {
        EXPECT_EQ(box.value[i], s.solution[i]);
        EXPECT_LE(box.radius[i], 1e-20 * std::abs(s.solution[i]));
      }
      EXPECT_EQ(m->quadratic_form(s.solution), arma::dot(s.solution, s.image));
    }
    const arma::mat expected = s.y * s.y.t() / static_cast<double>(n) + s.u * s.u.t();
    expect_same(arma::vectorise(basis->dense()), arma::vectorise(expected), "M");
    // J J^T g = y: J^T g = (sqrt(p), 0), exactly.
    const arma::vec z = basis->factor_transpose_apply(s.g);
    EXPECT_EQ(z[0], std::sqrt(static_cast<double>(n)));
    for (arma::uword j = 1; j < n; ++j) EXPECT_EQ(z[j], 0);
    expect_same(basis->factor_apply(z), s.y, "J J^T g");
  }
}

TEST(GeneralMetric, AGeneratedBasisInALargerDimension) {
  const arma::uword n = 24;
  std::mt19937_64 random(5);
  std::normal_distribution<double> normal;
  arma::vec g(n), y(n), x(n);
  arma::mat a(n, n - 1);
  for (arma::vec* v : {&g, &y, &x})
    for (double& element : *v) element = normal(random);
  for (double& element : a) element = normal(random);
  if (arma::dot(g, y) < 0) y = -y;
  const arma::mat u = a - g * (g.t() * a) / arma::dot(g, g);
  const auto m = GeneralMetric::from_basis(g, y, u);
  ASSERT_TRUE(m);
  const ExactPair e(doubles_of(g), doubles_of(y));
  const RationalMatrix matrix = metric_of_basis(e, columns_of(u));
  expect_same(m->apply(x), rounded(multiply(matrix, exact_vector(x))), "M x");
  expect_box(m->solve(x), solve_linear(matrix, exact_vector(x)), 0.5 + 0x1p-19, "M^-1 x");
}

// Two columns that differ by one ulp in one element, beyond what an approximate inverse certifies.
TEST(GeneralMetric, NearlyDependentColumns) {
  for (const arma::uword n : {arma::uword{6}, arma::uword{16}}) {
    Integers s = integers(n);
    s.u.col(0) *= 0x1p52;
    s.u.col(1) = s.u.col(0) + s.u.col(1);
    if (n == 6) s.y = s.g + s.u.col(3);
    const auto m = GeneralMetric::from_basis(s.g, s.y, s.u, 0);
    ASSERT_TRUE(m);
    const ExactPair e(doubles_of(s.g), doubles_of(s.y));
    const arma::vec x = arma::regspace(1, static_cast<double>(n));
    expect_box(m->solve(x), solve_linear(metric_of_basis(e, columns_of(s.u)), exact_vector(x)),
               n <= GeneralMetric::exact_limit ? 0.5 + 0x1p-19 : infinity, "M^-1 x");
  }
}

// ------------------------------------------------------------------ refusals and outcomes

TEST(GeneralMetric, RefusesByName) {
  const arma::vec g = {1, 2, 2, 0}, y = {1, 1, 1, 1};
  const arma::mat u = {{2, 2, 0}, {-1, 0, 0}, {0, -1, 0}, {0, 0, 1}};
  ASSERT_TRUE(GeneralMetric::from_basis(g, y, u, 0));
  const auto refused = [&](const arma::mat& with, double tolerance = 0x1p-40) {
    return message_of([&] { GeneralMetric::from_basis(g, y, with, tolerance); });
  };
  arma::mat bad = u;
  bad.col(1).zeros();
  EXPECT_EQ(refused(bad), "column 1 of U is zero");
  bad = u;
  bad.col(2) = u.col(0) - 2 * u.col(1);
  EXPECT_EQ(refused(bad),
            "column 2 of U depends on g and the columns before it; U must be a basis of g^perp");
  bad = u;
  bad.col(0) = g;
  EXPECT_EQ(refused(bad),
            "column 0 of U is not orthogonal to g: its cosine is 1, and the tolerance 9.094947017729282e-13");
  EXPECT_EQ(refused(bad, 1),
            "column 0 of U depends on g and the columns before it; U must be a basis of g^perp");
  bad = u;
  bad(3, 1) = -1;
  bad(1, 1) = 0x1p-30;
  EXPECT_NE(refused(bad).find("column 1 of U is not orthogonal to g: its cosine is "), std::string::npos);
  EXPECT_EQ(refused(bad, 1), "nothing was thrown");
  bad = u;
  bad(2, 1) = not_a_number;
  EXPECT_NE(refused(bad).find("U(2, 1) is NaN"), std::string::npos);
  EXPECT_NE(refused(u.head_cols(2)).find("U is 4 x 2; it must be 4 x 3"), std::string::npos);
  EXPECT_EQ(refused(u, -1), "tolerance is -1; it must be finite and >= 0");
  EXPECT_NE(refused(u, not_a_number).find("tolerance is"), std::string::npos);
  EXPECT_NE(refused(u, infinity).find("tolerance is inf"), std::string::npos);

  const auto block = [&](const arma::mat& b, double tolerance = 0x1p-40) {
    return message_of([&] { GeneralMetric::from_block(g, y, b, tolerance); });
  };
  arma::mat b = u * u.t();
  EXPECT_EQ(block(b, 0), "nothing was thrown");
  b(1, 3) = 0.5;
  EXPECT_EQ(block(b), "B(3, 1) is 0, but B(1, 3) is 0.5; B must be symmetric");
  b = u * u.t();
  b(3, 3) = infinity;
  EXPECT_NE(block(b).find("B(3, 3) is inf"), std::string::npos);
  EXPECT_EQ(block(arma::eye(4, 4)),
            "|B g| is 0.5 of the Frobenius norm of B times |g|, and the tolerance is 9.094947017729282e-13");
  EXPECT_NE(block(arma::eye(3, 3)).find("B is 3 x 3"), std::string::npos);
  EXPECT_NE(block(u * u.t(), -0x1p-1074).find("tolerance is"), std::string::npos);

  const auto diagonal = [&](const arma::vec& d) {
    return message_of([&] { GeneralMetric::from_diagonal(g, y, d); });
  };
  EXPECT_EQ(diagonal({1, 1, 1}), "d has 3 elements; g and y have 4");
  EXPECT_EQ(diagonal({1, 1, 0, 1}), "d[2] is 0; it must be > 0");
  EXPECT_EQ(diagonal({1, -0x1p-1074, 1, 1}), "d[1] is -5e-324; it must be > 0");
  EXPECT_THROW(GeneralMetric::from_diagonal(g, y, {1, 1, not_a_number, 1}), NonFiniteError);

  EXPECT_THROW(GeneralMetric::from_basis({}, {}, {}), ContractError);
  EXPECT_THROW(GeneralMetric::from_basis(g, {1, 1}, u), ContractError);
  EXPECT_THROW(GeneralMetric::from_diagonal({1, infinity}, {1, 1}, {1, 1}), NonFiniteError);

  const auto m = GeneralMetric::from_basis(g, y, u).value();
  const arma::vec wrong = {1, 2, 3}, bad_x = {1, 2, not_a_number, 4};
  for (const auto& call : std::vector<std::function<void(const arma::vec&)>>{
           [&](const arma::vec& x) { m.apply(x); }, [&](const arma::vec& x) { m.solve(x); },
           [&](const arma::vec& x) { m.quadratic_form(x); }, [&](const arma::vec& x) { m.factor_apply(x); },
           [&](const arma::vec& x) { m.factor_transpose_apply(x); },
           [&](const arma::vec& x) { m.factor_solve(x); }}) {
    EXPECT_THROW(call(wrong), ContractError);
    EXPECT_THROW(call(bad_x), NonFiniteError);
  }
  const auto d = GeneralMetric::from_diagonal(g, y, {1, 2, 3, 4}).value();
  EXPECT_NE(message_of([&] { d.factor_apply(g); }).find("not made from a basis"), std::string::npos);
  EXPECT_THROW(d.factor_transpose_apply(g), ContractError);
  EXPECT_THROW(d.factor_solve(g), ContractError);
}

// The verdicts at p <= 0: an outcome, whatever U, B and d are.
TEST(GeneralMetric, NoneUnlessTheUpdateDescends) {
  const arma::vec zero(3, arma::fill::zeros), one = {1, 0, 0}, other = {0, 1, 0};
  const arma::mat u = {{0, 0}, {1, 0}, {0, 1}}, identity(3, 3, arma::fill::eye);
  for (const auto& [g, y] : {std::pair{zero, one}, std::pair{one, zero}, std::pair{zero, zero},
                             std::pair{one, other}, std::pair{one, arma::vec(-one)}}) {
    EXPECT_FALSE(GeneralMetric::from_basis(g, y, u));
    EXPECT_FALSE(GeneralMetric::from_diagonal(g, y, arma::vec(3, arma::fill::ones)));
    const BlockMetric block = GeneralMetric::from_block(g, y, identity, 1);
    EXPECT_EQ(block.answer, Answer::no);
    EXPECT_EQ(block.reason, BlockReason::no_descent);
    EXPECT_FALSE(block.metric);
  }
  // One ulp from orthogonality, on either side.
  const arma::vec g = {3, 1, 0};
  EXPECT_TRUE(
      GeneralMetric::from_diagonal(g, {-1, std::nextafter(3.0, 4.0), 0}, arma::vec(3, arma::fill::ones)));
  EXPECT_FALSE(
      GeneralMetric::from_diagonal(g, {-1, std::nextafter(3.0, 2.0), 0}, arma::vec(3, arma::fill::ones)));
}

TEST(GeneralMetric, BlocksThatAreNotDefinite) {
  const auto expect_no = [](const arma::vec& g, const arma::mat& b, const char* what) {
    const BlockMetric made = GeneralMetric::from_block(g, g, b, 1);
    EXPECT_EQ(made.answer, Answer::no) << what;
    EXPECT_EQ(made.reason, BlockReason::not_definite) << what;
    EXPECT_FALSE(made.metric) << what;
    if (made.witness.is_empty()) return;
    const ExactPair e(doubles_of(g), doubles_of(g));
    const RationalVector x = project(e, exact_vector(made.witness));
    EXPECT_TRUE(dot(x, x) > 0) << what;
    EXPECT_TRUE(dot(x, multiply(exact_matrix(b), x)) <= 0) << what;
  };
  const arma::vec g = {1, 2, 2};
  expect_no(g, arma::mat(3, 3, arma::fill::zeros), "zero");
  expect_no(g, -arma::mat(3, 3, arma::fill::eye), "negative");
  const arma::vec v = {2, -1, 0};
  expect_no(g, v * v.t(), "rank one");
  expect_no(g, arma::mat{{1, 0, 0}, {0, 1, 0}, {0, 0, -1}}, "indefinite");
  // Singular by a vector of ones, and larger than what elimination settles.
  const arma::uword n = 40;
  arma::vec first(n, arma::fill::zeros);
  first[0] = 1;
  first[1] = -1;
  arma::mat b(n, n, arma::fill::eye);
  b *= static_cast<double>(n);
  b -= arma::mat(n, n, arma::fill::ones);
  const BlockMetric singular = GeneralMetric::from_block(first, first, b, 1);
  EXPECT_NE(singular.answer, Answer::yes);
  if (singular.answer == Answer::no) expect_no(first, b, "singular");
  b(7, 7) -= 5;
  expect_no(first, b, "indefinite, D = 40");
  // Definite as it stands, of elements so different in size that P B P does not show it.
  arma::vec wide(n), slanted(n);
  for (arma::uword i = 0; i < n; ++i) {
    wide[i] = std::ldexp(1.0, static_cast<int>(i * 37 % 40) * 20 - 400);
    slanted[i] = static_cast<double>(i % 3) - 1;
  }
  const BlockMetric diagonal = GeneralMetric::from_block(slanted, slanted, arma::diagmat(wide), 1);
  ASSERT_EQ(diagonal.answer, Answer::yes);
  expect_same(diagonal.metric->apply(slanted), slanted, "M g");
  // Definite on g^perp though not on the whole space.
  const arma::mat on_complement = arma::mat{{-7, 0, 0}, {0, 2, 0}, {0, 0, 3}};
  EXPECT_EQ(GeneralMetric::from_block({1, 0, 0}, {1, 1, 1}, on_complement, 1).answer, Answer::yes);
}

// ------------------------------------------------------------------ small dimensions, extreme numbers

TEST(GeneralMetric, OneAndTwoDimensions) {
  const arma::vec g = {3}, y = {0.5}, x = {7};
  const arma::mat none(1, 0);
  const BlockMetric block = GeneralMetric::from_block(g, y, arma::mat(1, 1, arma::fill::zeros), 0);
  ASSERT_EQ(block.answer, Answer::yes);
  for (const GeneralMetric& m : {GeneralMetric::from_basis(g, y, none).value(),
                                 GeneralMetric::from_diagonal(g, y, {5}).value(), block.metric.value()}) {
    EXPECT_EQ(m.dimension(), 1u);
    EXPECT_EQ(m.apply(x)[0], nearest(Rational(7, 6)));
    EXPECT_EQ(m.solve(x).value[0], 42);
    EXPECT_EQ(m.solve(x).radius[0], 0);
    EXPECT_EQ(m.quadratic_form(x), nearest(Rational(49, 6)));
    EXPECT_EQ(m.dense()(0, 0), nearest(Rational(1, 6)));
  }
  EXPECT_EQ(GeneralMetric::from_basis(g, y, none)->factor_transpose_apply(g)[0], std::sqrt(1.5));
  const auto two = GeneralMetric::from_basis({1, 1}, {3, 1}, arma::mat(arma::vec{-2, 2}), 0).value();
  EXPECT_EQ(two.form(), GeneralMetric::Form::basis);
  expect_same(arma::vectorise(two.dense()), {6.25, -3.25, -3.25, 4.25}, "M");
}

TEST(GeneralMetric, ExtremeNumbers) {
  const arma::mat u = {{0, 0}, {0x1p-1074, 0}, {0, 0x1.8p1023}};
  for (const double scale : {0x1p-1074, 0x1p-537, 1.0, 0x1p511, 0x1p1023}) {
    const arma::vec g = {scale, 0, 0}, y = {scale, -scale, scale};
    const auto m = GeneralMetric::from_basis(g, y, u);
    ASSERT_TRUE(m);
    expect_same(m->apply(g), y, "M g");
    const EnclosedVector box = m->solve(y);
    expect_same(box.value, g, "M^-1 y");
    EXPECT_EQ(box.radius.max(), 0);
    const ExactPair e(doubles_of(g), doubles_of(y));
    const RationalMatrix matrix = metric_of_basis(e, columns_of(u));
    const arma::vec x = {1, 0x1p-1074, -0x1.8p1023};
    expect_same(m->apply(x), rounded(multiply(matrix, exact_vector(x))), "M x");
    const EnclosedVector solved = m->solve(x);
    const RationalVector solution = solve_linear(matrix, exact_vector(x));
    for (arma::uword i = 0; i < 3; ++i) {
      EXPECT_TRUE(std::isfinite(solved.value[i]));
      EXPECT_FALSE(std::isnan(solved.radius[i]));
      if (std::isfinite(solved.radius[i])) {
        EXPECT_TRUE(abs(exact(solved.value[i]) - solution[i]) <= exact(solved.radius[i]));
      }
    }
    EXPECT_TRUE(m->factor_solve(x).value.is_finite());
  }
}

TEST(GeneralMetric, CopiesMovesAndThreads) {
  const Integers s = integers(32);
  GeneralMetric m = GeneralMetric::from_basis(s.g, s.y, s.u, 0).value();
  const GeneralMetric copy = m, moved = std::move(m);
  std::vector<arma::vec> results(4);
  std::vector<std::thread> threads;
  for (arma::vec& result : results)
    threads.emplace_back([&result, &moved, &s] { result = moved.solve(moved.apply(s.solution)).value; });
  for (std::thread& thread : threads) thread.join();
  for (const arma::vec& result : results) expect_same(result, s.solution, "M^-1 M x");
  expect_same(copy.apply(s.solution), s.image, "M x of a copy");
  expect_same(m.apply(s.solution), s.image, "M x of what was moved from");  // NOLINT
}

}  // namespace
