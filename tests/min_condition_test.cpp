// natgrad: tests of min_condition.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "natgrad/natgrad.hpp"
#include "support/environment.hpp"
#include "support/min_condition_reference.hpp"

namespace natgrad::test {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

Gram gram_of(const arma::vec& g, const arma::vec& y) {
  return Gram::of({g.memptr(), g.n_elem}, {y.memptr(), y.n_elem});
}

ExactPair exact_pair(const arma::vec& g, const arma::vec& y) {
  return ExactPair({g.memptr(), g.n_elem}, {y.memptr(), y.n_elem});
}

bool in_box(const RationalVector& x, const EnclosedVector& box) {
  for (std::size_t i = 0; i < x.size(); ++i)
    if (box.radius[i] < infinity && abs(x[i] - exact(box.value[i])) > exact(box.radius[i])) return false;
  return box.value.n_elem == x.size();
}

template <class F>
std::string refusal(F f) {
  try {
    f();
  } catch (const ContractError& error) {
    return error.what();
  }
  return "";
}

struct Source {
  Random random;
  explicit Source(std::uint64_t seed) : random(seed) {}

  int integer(int range) {
    return static_cast<int>(random.next() % static_cast<std::uint64_t>(2 * range + 1)) - range;
  }
  arma::vec vector(arma::uword n) {
    arma::vec x(n);
    for (double& element : x) element = random.uniform(-1, 1);
    return x;
  }
};

// ------------------------------------------------------------------------- known values

TEST(MinCondition, KnownValues) {
  // w = 3/4: c = 4/5, s = 3/5, kappa* = 4, a* = 25/16, lambda- = 5/8, lambda+ = 5/2.
  const arma::vec g{1, 0, 0}, y{1, 0.75, 0};
  const Gram gram = gram_of(g, y);
  EXPECT_EQ(condition_minus_one(gram), 3);
  EXPECT_EQ(log_condition_by_angle(gram), 2.5);
  EXPECT_EQ(log_condition_by_log_cosine(gram), -10.0 / 3);
  EXPECT_EQ(spectrum_slack(gram, 0.625, 2.5), 0);
  EXPECT_TRUE(spectrum_is_possible(gram, 0.625, 2.5));
  EXPECT_FALSE(spectrum_is_possible(gram, 0.625, std::nextafter(2.5, 0)));
  EXPECT_EQ(condition_excess(gram, 0.625, 2.5), 0);
  EXPECT_EQ(condition_excess(gram, 1, 8), 4);
  EXPECT_EQ(condition_excess(gram, 1, 1), -3);
  const CompetitorBound bound = competitor_bound(gram, 0.5, 4);
  EXPECT_TRUE(bound.possible);
  EXPECT_EQ(bound.slack, 4.5 - 2 - 25.0 / 16);
  EXPECT_EQ(bound.condition, 8);
  EXPECT_EQ(bound.least_condition, 4);
  EXPECT_EQ(bound.excess, 4);
  EXPECT_EQ(bound.kantorovich, 4.5 * 4.5 - 8 * 25.0 / 16);
}

TEST(MinCondition, WhereKappaRoundsToOneAndWhereItOverflows) {
  const Gram close = gram_of({1, 0}, {1, 0x1p-300});
  EXPECT_EQ(condition(close), 1);
  EXPECT_EQ(condition_minus_one(close), 0x1p-299);
  EXPECT_EQ(log_condition_by_log_cosine(close), -0x1p301);
  const Gram parallel = gram_of({1, 2}, {3, 6});
  EXPECT_EQ(condition_minus_one(parallel), 0);
  EXPECT_EQ(log_condition_by_angle(parallel), 2);
  EXPECT_EQ(log_condition_by_log_cosine(parallel), -infinity);
  const Gram far = gram_of({1, 0}, {0x1p-1000, 0x1p1000});
  EXPECT_EQ(condition_minus_one(far), infinity);
  EXPECT_EQ(log_condition_by_angle(far), infinity);
  EXPECT_EQ(log_condition_by_log_cosine(far), -2);
  // No metric: no number of it, but a slack, and no spectrum.
  for (const Gram& none : {gram_of({1, 0}, {0, 1}), gram_of({1, 0}, {-1, 1}), gram_of({0, 0}, {1, 0}),
                           gram_of({1, 0}, {0, 0})}) {
    EXPECT_EQ(condition_minus_one(none), std::nullopt);
    EXPECT_EQ(log_condition_by_angle(none), std::nullopt);
    EXPECT_EQ(log_condition_by_log_cosine(none), std::nullopt);
    EXPECT_EQ(condition_excess(none, 1, 2), std::nullopt);
    EXPECT_FALSE(spectrum_is_possible(none, 0x1p-1000, 0x1p1000));
    EXPECT_LT(spectrum_slack(none, 0x1p-1000, 0x1p1000), 0);
  }
  // g = y = 0: every metric will do.
  EXPECT_TRUE(spectrum_is_possible(gram_of({0, 0}, {0, 0}), 1, 1));
  // D = 1: m <= y/g <= l.
  const Gram one = gram_of({2}, {6});
  EXPECT_TRUE(spectrum_is_possible(one, 3, 3));
  EXPECT_FALSE(spectrum_is_possible(one, std::nextafter(3, 4), 4));
  EXPECT_FALSE(spectrum_is_possible(one, 1, std::nextafter(3, 2)));
}

TEST(MinCondition, RefusesWhatIsNotASpectrum) {
  const Gram gram = gram_of({1, 0}, {1, 1});
  for (const double bad : {0.0, -1.0, infinity, std::nan("")}) {
    EXPECT_NE(refusal([&] { spectrum_slack(gram, bad, 1); }).find("m is"), std::string::npos);
    EXPECT_NE(refusal([&] { competitor_bound(gram, 1, bad); }).find("l is"), std::string::npos);
  }
  EXPECT_NE(refusal([&] { spectrum_is_possible(gram, 2, 1); }), "");
  EXPECT_NE(refusal([&] { condition_excess(Gram(), 1, 1); }), "");
  EXPECT_NE(refusal([&] { competitor({{1, 2}, {0, 1}}, gram); }).find("(1, 0)"), std::string::npos);
  EXPECT_NE(refusal([&] { competitor(arma::mat(3, 3, arma::fill::eye), gram); }).find("3 x 3"),
            std::string::npos);
}

// ------------------------------------------------------------------------- optimality

/// The spectrum of an exact competitor within [m, l], certified by elimination. LAPACK guesses: the largest
/// eigenvalues of M and of M^-1 are good to a few ulp.
struct Certified {
  Rational m, l;
};
Certified certified_spectrum(const RationalMatrix& metric) {
  const std::size_t n = metric.size();
  RationalMatrix inverse(n);
  for (std::size_t j = 0; j < n; ++j) {
    RationalVector unit(n);
    unit[j] = 1;
    inverse[j] = solved(metric, unit);
  }
  const auto greatest = [n](const RationalMatrix& a) {
    arma::mat m(n, n);
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t j = 0; j < n; ++j) m(i, j) = nearest(a[i][j]);
    return exact(arma::eig_sym(arma::symmatu(m)).max());
  };
  Rational slack(1, 1 << 20);
  slack /= 1 << 20;
  for (;; slack *= 4) {
    const Rational l = greatest(metric) * (1 + slack), m = 1 / (greatest(inverse) * (1 + slack));
    if (spectrum_within(metric, m, l)) return {m, l};
  }
}

/// g and y of small integers with a small coordinate that makes them nearly orthogonal or nearly parallel.
void draw_pair(Source& source, arma::uword n, arma::vec& g, arma::vec& y) {
  const double small = std::ldexp(1.0, -static_cast<int>(source.random.next() % 50));
  do {
    g.set_size(n);
    for (double& x : g) x = source.integer(4);
    y.set_size(n);
    switch (source.random.next() % 3) {
      case 0:
        for (double& x : y) x = source.integer(4);
        break;
      case 1:  // orthogonal to g but for a small part of g
        y = small * g;
        if (n > 1) {
          y[0] -= g[1];
          y[1] += g[0];
        }
        break;
      default:
        y = 3 * g;
        y[source.random.next() % n] += small;
    }
  } while (!(arma::dot(g, y) > 0));
}

TEST(Optimality, NoneOfAHundredThousandCompetitorsIsBetter) {
  Source source(20240924);
  int near = 0;
  for (int round = 0; round < 100000; ++round) {
    const arma::uword n = 2 + source.random.next() % (round % 10 == 0 ? 4 : 2);
    arma::vec g, y;
    draw_pair(source, n, g, y);
    const ExactPair pair = exact_pair(g, y);
    const Gram gram = gram_of(g, y);
    // S: the optimum's a* I on the complement of g, perturbed slightly, mildly or extremely.
    const int kind = static_cast<int>(source.random.next() % 3);
    const double size = kind == 0   ? std::ldexp(1.0, -static_cast<int>(source.random.next() % 24))
                        : kind == 1 ? 0.5
                                    : 64;
    RationalMatrix r(n, RationalVector(n));
    for (auto& row : r)
      for (Rational& x : row) x = exact(size * source.integer(3) / 4);
    const RationalMatrix s =
        plus(r * transposed(r), kind == 2 ? Rational(1, 1024) : Rational(1), identity(n));
    const RationalMatrix p = plus(identity(n), -1 / pair.gg, outer(pair.g));
    const RationalMatrix none(n, RationalVector(n));
    const RationalMatrix m = plus(plus(none, pair.star(), p * s * p), 1 / pair.p, outer(pair.y));
    ASSERT_EQ(multiply(m, pair.g), pair.y);
    const Certified e = certified_spectrum(m);
    // What holds exactly for the certified ends, in integers.
    ASSERT_GE(slack(pair, e.m, e.l), 0) << round;
    const Rational sum = (e.m + e.l) * pair.p;
    ASSERT_GE(sum * sum, 4 * e.m * e.l * pair.gg * pair.yy) << round;
    // And of the library's numbers, for the ends as doubles.
    double low = nearest(e.m), high = nearest(e.l);
    if (exact(low) > e.m) low = std::nextafter(low, 0);
    if (exact(high) < e.l) high = std::nextafter(high, infinity);
    const CompetitorBound bound = competitor_bound(gram, low, high);
    ASSERT_TRUE(bound.possible) << round;
    ASSERT_GE(*bound.excess, 0) << round;
    if (*bound.excess < 1e-3 * *bound.least_condition) ++near;
  }
  EXPECT_GT(near, 10000);  // many come close
}

TEST(Optimality, WrongOptimaLose) {
  // M(a) for another a has a better competitor, M(a*): exactly, an eigenvalue of M(a) is below x and one
  // above z (by inertia), while all of M(a*) are in [m, l] with l/m < z/x.
  Source source(7);
  int lost = 0;
  for (int round = 0; round < 1000; ++round) {
    arma::vec g, y;
    draw_pair(source, 2 + source.random.next() % 3, g, y);
    const Gram gram = gram_of(g, y);
    if (*condition_minus_one(gram) < 1e-5) continue;
    const double star = *alpha(gram), s = *sine(gram);
    const Certified best = certified_spectrum(dense(exact_pair(g, y)));
    for (const double wrong : {star * 1.001, star * 0.999, star / (1 + s)}) {
      if (std::abs(wrong / star - 1) < 1e-4) continue;
      const RationalMatrix m = dense(ExactPair({g.memptr(), g.n_elem}, {y.memptr(), y.n_elem}, wrong));
      const Rational x = exact(*lambda_min(gram, Alpha(wrong)) * (1 + 1e-13)),
                     z = exact(*lambda_max(gram, Alpha(wrong)) * (1 - 1e-13));
      const RationalMatrix one = identity(m.size()), none = plus(m, -1, m);
      ASSERT_GE(negative_eigenvalues(plus(m, -x, one)), 1U) << round;
      ASSERT_GE(negative_eigenvalues(plus(plus(none, z, one), -1, m)), 1U) << round;
      ASSERT_LT(best.l / best.m, z / x) << round;
      ++lost;
    }
  }
  EXPECT_GT(lost, 1000);
}

TEST(Optimality, NoMetricIsBetterRelativeToAnother) {
  Source source(11);
  for (int round = 0; round < 20000; ++round) {
    const arma::uword n = 2 + source.random.next() % 2;
    arma::vec g, y;
    draw_pair(source, n, g, y);
    const ExactPair pair = exact_pair(g, y);
    arma::mat t(n, n, arma::fill::eye);
    for (arma::uword j = 0; j < n; ++j)
      for (arma::uword i = j + 1; i < n; ++i) t(i, j) = source.integer(3);
    const arma::mat m0 = t * t.t();
    const auto optimum = RelativeOptimum::with_metric(g, y, m0);
    ASSERT_TRUE(optimum.has_value());
    RationalMatrix u(n, RationalVector(n));
    for (auto& row : u)
      for (Rational& x : row) x = source.integer(3);
    for (std::size_t i = 0; i < n; ++i) u[i][i] += 10;  // dominant, so regular
    const RationalMatrix m = metric_from(pair, u);
    // T^-1 M T^-T has the spectrum of M0^-1 M.
    RationalMatrix half(n);
    const RationalMatrix exact_t = exact_matrix(t);
    for (std::size_t j = 0; j < n; ++j) half[j] = solved(exact_t, m[j]);  // (T^-1 M)^T
    const RationalMatrix left = transposed(half);
    RationalMatrix moved(n);
    for (std::size_t i = 0; i < n; ++i) moved[i] = solved(exact_t, left[i]);
    const Certified e = certified_spectrum(moved);
    ASSERT_GE(nearest(e.l / e.m), optimum->condition().lo * (1 - 1e-15)) << round;
  }
}

// ------------------------------------------------------------------------- minimisers

TEST(Minimisers, KnownMatrix) {
  const arma::vec g{1, 0, 0}, y{1, 0.75, 0};
  const auto m = Minimiser::make(g, y, arma::mat(arma::vec{5, 7, 1}), arma::vec{2.5});
  ASSERT_TRUE(m.has_value());
  const EnclosedMatrix dense = m->dense();
  const arma::mat expected{{1, 0.75, 0}, {0.75, 2.125, 0}, {0, 0, 2.5}};
  EXPECT_TRUE(arma::all(arma::vectorise(arma::abs(dense.value - expected) <= dense.radius)));
  EXPECT_LT(dense.radius.max(), 1e-15);
  EXPECT_EQ(m->rank(), 1U);
  EXPECT_EQ(m->dimension(), 3U);
  const auto check = check_minimiser(arma::mat{{1, 0.75, 0}, {0.75, 2.125, 0}, {0, 0, 2}}, g, y);
  ASSERT_TRUE(check.has_value());
  EXPECT_EQ(check->answer, Answer::yes);
  EXPECT_EQ(check->reason, MinimiserReason::minimiser);
  const auto outside = check_minimiser(arma::mat{{1, 0.75, 0}, {0.75, 2.125, 0}, {0, 0, 3}}, g, y);
  EXPECT_EQ(outside->answer, Answer::no);
  EXPECT_EQ(outside->reason, MinimiserReason::outside);
  EXPECT_EQ(outside->witness_quotient, (Enclosure{3, 3}));
  // A metric, but not this one.
  const auto other = check_minimiser(arma::mat{{1, 0.75, 0}, {0.75, 3, 0}, {0, 0, 2}}, g, y);
  EXPECT_EQ(other->reason, MinimiserReason::wrong_image_of_descent);
  EXPECT_EQ(other->descent.wrong_element, 1U);
  EXPECT_TRUE(other->update.exact);
  EXPECT_EQ(check_minimiser(arma::mat{{2, 0.75, 0}, {0.75, 2.125, 0}, {0, 0, 2}}, g, y)->reason,
            MinimiserReason::wrong_image_of_update);
  const auto skew = check_minimiser(arma::mat{{1, 0.75, 0}, {0.75, 2.125, 0}, {0, 1, 2}}, g, y);
  EXPECT_EQ(skew->reason, MinimiserReason::not_symmetric);
  EXPECT_EQ(skew->asymmetric_row, 2U);
  EXPECT_EQ(skew->asymmetric_column, 1U);
}

TEST(Minimisers, RefusalsNameWhatIsWrong) {
  const arma::vec g{1, 0, 0, 0}, y{1, 0.75, 0, 0};
  const auto make = [&](const arma::mat& v, const arma::vec& values) {
    return refusal([&] { Minimiser::make(g, y, v, values); });
  };
  EXPECT_NE(make(arma::mat{{0, 3}, {0, 4}, {1, 0}, {0, 0}}, {1, 1}).find("column 1 of v"), std::string::npos);
  EXPECT_NE(make(arma::mat{{0, 0}, {0, 0}, {1, 2}, {0, 0}}, {1, 1}).find("column 1 of v"), std::string::npos);
  EXPECT_NE(make(arma::mat{{0, 0}, {0, 0}, {1, 0}, {0, 1}}, {1, 2.6}).find("values[1]"), std::string::npos);
  EXPECT_NE(make(arma::mat{{0, 0, 0}, {0, 0, 0}, {1, 0, 1}, {0, 1, 1}}, {1, 1, 1}).find("dimension 2"),
            std::string::npos);
  EXPECT_NE(make(arma::mat(arma::vec{0, 0, 1, infinity}), {1}).find("v(3, 0)"), std::string::npos);
  EXPECT_NE(make(arma::mat(arma::vec{0, 0, 1, 1}), {infinity}).find("values"), std::string::npos);
  EXPECT_NE(make(arma::mat(arma::vec{0, 0, 1}), {1}).find("v is 3 x 1"), std::string::npos);
  EXPECT_FALSE(Minimiser::make(g, -y).has_value());
  const auto m = Minimiser::make(g, y);
  EXPECT_NE(refusal([&] { m->apply({1, 2}); }).find("x has 2"), std::string::npos);
  EXPECT_THROW(m->solve({1, 2, infinity, 4}), NonFiniteError);
  EXPECT_NE(refusal([&] { check_minimiser(arma::mat(4, 4, arma::fill::eye), g, y, -1); }).find("tolerance"),
            std::string::npos);
  EXPECT_NE(refusal([&] { project_to_minimiser(g, y, arma::mat(3, 3)); }).find("3 x 3"), std::string::npos);
  EXPECT_FALSE(check_minimiser(arma::mat(4, 4, arma::fill::eye), g, -y).has_value());
  EXPECT_FALSE(project_to_minimiser(g, -y, arma::mat(4, 4, arma::fill::eye)).has_value());
}

TEST(Minimisers, WhereNothingIsLeftToChoose) {
  // s = 0: M = r I, and nothing else, decided exactly.
  const arma::vec g{1, 2, -1}, y{3, 6, -3};
  arma::mat m = 3 * arma::mat(3, 3, arma::fill::eye);
  EXPECT_EQ(check_minimiser(m, g, y)->answer, Answer::yes);
  // u u^T with u orthogonal to g leaves M g = y.
  const arma::vec u{1, 0, 1};
  EXPECT_EQ(check_minimiser(m + 0x1p-40 * u * u.t(), g, y)->reason, MinimiserReason::outside);
  EXPECT_TRUE(Minimiser::make(g, y, arma::mat(arma::vec{1, 0, 0}), {3}).has_value());
  EXPECT_NE(refusal([&] {
              Minimiser::make(g, y, arma::mat(arma::vec{1, 0, 0}), {std::nextafter(3, 4)});
            }),
            "");
  EXPECT_EQ(project_to_minimiser(g, y, m)->answer, Answer::yes);
  EXPECT_EQ(project_to_minimiser(g, y, m + u * u.t())->answer, Answer::no);
  // D = 1 and D = 2.
  EXPECT_EQ(check_minimiser(arma::mat(arma::vec{4}), arma::vec{2}, arma::vec{8})->answer, Answer::yes);
  EXPECT_EQ(check_minimiser(arma::mat(arma::vec{4.5}), arma::vec{2}, arma::vec{8})->answer, Answer::no);
  EXPECT_EQ(check_minimiser(arma::mat{{1, 0.75}, {0.75, 2.125}}, arma::vec{1, 0}, arma::vec{1, 0.75})->answer,
            Answer::yes);
  EXPECT_EQ(Minimiser::make(arma::vec{2}, arma::vec{8})->apply({3}).value[0], 12);
}

TEST(Minimisers, LargeOnesAreRecognised) {
  Source source(3);
  const arma::uword n = 120;
  const arma::vec g = source.vector(n), y = source.vector(n) + 2 * g;
  arma::mat v(n, 8);
  for (double& x : v) x = source.random.uniform(-1, 1);
  const Gram gram = gram_of(g, y);
  const double low = *lambda_min(gram), high = *lambda_max(gram);
  arma::vec values(8);
  for (arma::uword j = 0; j < 8; ++j) values[j] = low + (high - low) * (static_cast<double>(j) + 0.5) / 8;
  const auto m = Minimiser::make(g, y, v, values);
  ASSERT_TRUE(m.has_value());
  const EnclosedMatrix dense = m->dense();
  EXPECT_LT(dense.radius.max(), 1e-14 * high);
  // Rounded, it is one up to a backward error of an ulp, and no further.
  EXPECT_EQ(check_minimiser(dense.value, g, y, 1e-15)->answer, Answer::yes);
  EXPECT_EQ(check_minimiser(dense.value, g, y, 0)->answer, Answer::no);
  const EnclosedVector image = m->apply(g);
  EXPECT_TRUE(in_box(exact_vector(y), image));
  EXPECT_TRUE(in_box(exact_vector(g), m->solve(y)));
  const auto projected = project_to_minimiser(g, y, dense.value);
  EXPECT_EQ(projected->answer, Answer::yes);
  const arma::mat off =
      arma::abs(projected->matrix.value - dense.value) - projected->matrix.radius - dense.radius;
  EXPECT_LT(off.max(), 1e-12 * high);
  arma::mat far = dense.value;
  far.diag() += 2 * high;
  EXPECT_EQ(project_to_minimiser(g, y, far)->answer, Answer::no);
}

// ------------------------------------------------------------------------- relative to a metric

TEST(Relative, TheIdentityGivesTheOptimum) {
  Source source(5);
  for (const arma::uword n : {1U, 2U, 7U}) {
    const arma::vec g = source.vector(n), y = source.vector(n) + 2 * g;
    const auto metric = Metric::make(g, y);
    if (!metric) continue;
    const arma::mat eye(n, n, arma::fill::eye);
    const Scalars s = metric->scalars();
    for (const auto& m : {RelativeOptimum::with_diagonal(g, y, arma::vec(n, arma::fill::ones)),
                          RelativeOptimum::with_metric(g, y, eye), RelativeOptimum::with_factor(g, y, eye),
                          RelativeOptimum::with_diagonal(g, y, arma::vec(n, arma::fill::value(0x1p40)))}) {
      ASSERT_TRUE(m.has_value());
      EXPECT_TRUE(m->condition().contains(*s.condition));
      EXPECT_TRUE(m->sqrt_condition().contains(*s.sqrt_condition));
      EXPECT_TRUE(m->log_condition().contains(*s.log_condition));
      EXPECT_TRUE(m->cosine().contains(*s.cosine));
      const arma::vec x = source.vector(n);
      const RationalVector expected = test::apply(exact_pair(g, y), exact_vector(x));
      EXPECT_TRUE(in_box(expected, m->apply(x)));
      EXPECT_TRUE(in_box(two_loop(exact_pair(g, y), exact_vector(x)), m->solve(x)));
    }
  }
}

TEST(Relative, OutcomesAndRefusals) {
  const arma::vec g{1, 0}, y{1, 1};
  EXPECT_FALSE(RelativeOptimum::with_diagonal(g, -y, {1, 1}).has_value());
  EXPECT_FALSE(RelativeOptimum::with_metric(g, y, {{1, 2}, {2, 1}}).has_value());
  EXPECT_FALSE(RelativeOptimum::with_metric(g, y, {{1, 1}, {1, 1}}).has_value());
  EXPECT_FALSE(RelativeOptimum::with_factor(g, y, {{1, 1}, {1, 1}}).has_value());
  EXPECT_FALSE(RelativeOptimum::with_factor(g, y, {{0, 0}, {1, 1}}).has_value());
  EXPECT_NE(refusal([&] { RelativeOptimum::with_diagonal(g, y, {1, 0}); }).find("d[1]"), std::string::npos);
  EXPECT_NE(refusal([&] { RelativeOptimum::with_diagonal(g, y, {1}); }).find("d has 1"), std::string::npos);
  EXPECT_THROW(RelativeOptimum::with_diagonal(g, y, {1, infinity}), NonFiniteError);
  EXPECT_NE(refusal([&] {
              RelativeOptimum::with_metric(g, y, {{1, 2}, {0, 9}});
            }).find("m0"),
            std::string::npos);
  EXPECT_NE(refusal([&] { RelativeOptimum::with_factor(g, y, arma::mat(2, 3)); }).find("j0 is 2 x 3"),
            std::string::npos);
  const auto m = RelativeOptimum::with_diagonal(g, y, {1, 1});
  EXPECT_THROW(m->apply({1, infinity}), NonFiniteError);
  EXPECT_NE(refusal([&] { m->solve({1}); }), "");
  // y a multiple of M0 g: exactly 1 and 0.
  const auto parallel = RelativeOptimum::with_diagonal({1, 2}, {3, 12}, {1, 2});
  EXPECT_EQ(parallel->condition(), (Enclosure{1, 1}));
  EXPECT_EQ(parallel->log_condition(), (Enclosure{0, 0}));
}

TEST(Relative, LargeDenseAndFactor) {
  Source source(9);
  const arma::uword n = 200;
  const arma::vec g = source.vector(n), y = source.vector(n) + g;
  arma::mat j(n, n);
  for (double& x : j) x = std::ldexp(std::round(source.random.uniform(-8, 8)), -3);
  j.diag() += 8;
  // Exact: entries of j are multiples of 1/8.
  const arma::mat m0 = j * j.t();
  const auto by_metric = RelativeOptimum::with_metric(g, y, m0),
             by_factor = RelativeOptimum::with_factor(g, y, j);
  ASSERT_TRUE(by_metric.has_value());
  ASSERT_TRUE(by_factor.has_value());
  const auto same = [](const Enclosure& a, const Enclosure& b) {
    return a.lo <= b.hi && b.lo <= a.hi && a.hi - a.lo <= 4e-16 * a.hi && b.hi - b.lo <= 4e-16 * b.hi;
  };
  EXPECT_TRUE(same(by_metric->alpha(), by_factor->alpha()));
  EXPECT_TRUE(same(by_metric->cosine(), by_factor->cosine()));
  EXPECT_TRUE(same(by_metric->condition(), by_factor->condition()));
  EXPECT_TRUE(same(by_metric->sqrt_condition(), by_factor->sqrt_condition()));
  EXPECT_TRUE(same(by_metric->log_condition(), by_factor->log_condition()));
  const arma::vec x = source.vector(n);
  for (const auto& pair : {std::pair{by_metric->apply(x), by_factor->apply(x)},
                           std::pair{by_metric->solve(x), by_factor->solve(x)}}) {
    const auto& [a, b] = pair;
    EXPECT_TRUE(arma::all(arma::abs(a.value - b.value) <= a.radius + b.radius));
    EXPECT_LT(arma::max(a.radius), 1e-14 * arma::abs(a.value).max());
    EXPECT_LT(arma::max(b.radius), 1e-14 * arma::abs(b.value).max());
  }
  EXPECT_TRUE(in_box(exact_vector(y), by_metric->apply(g)));
  EXPECT_TRUE(in_box(exact_vector(g), by_factor->solve(y)));
  const EnclosedMatrix dense = by_metric->dense();
  EXPECT_TRUE(arma::all(arma::abs(arma::vec(dense.value * x) - by_metric->apply(x).value) <
                        1e-12 * arma::abs(by_metric->apply(x).value).max()));
}

}  // namespace
}  // namespace natgrad::test
