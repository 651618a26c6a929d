// natgrad: tests of finite steps against rationals, multiprecision and values known by hand.
#include "natgrad/discrete_taylor.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>
#include <stdexcept>
#include <string>
#include <vector>

#include "natgrad/canonical_form.hpp"
#include "reference/hostile_pairs.hpp"
#include "support/discrete_taylor_reference.hpp"

namespace {

using namespace natgrad;
using test::exact;
using test::Rational;
using test::RationalVector;
using test::taylor::Kind;
using test::taylor::Numbers;
using test::taylor::Polynomial;
using Doubles = std::span<const double>;
using Vector = std::vector<double>;

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
constexpr double largest = std::numeric_limits<double>::max();
constexpr double smallest = std::numeric_limits<double>::denorm_min();

/// The message of the ContractError that f throws; empty if it throws none.
template <class F>
std::string refusal(F f) {
  try {
    f();
  } catch (const ContractError& error) {
    return error.what();
  }
  return {};
}
bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

struct Case {
  Gram gram;
  double eta, lipschitz, delta_loss;
  Numbers exactly;
};

double clamped(const Rational& x) {
  return std::clamp(test::nearest(x), -largest, largest);
}

/// Hostile pairs, with eta at and next to the largest certified step and losses next to what is certified.
std::vector<Case> hostile_cases(std::uint64_t seed, std::size_t count) {
  std::vector<Case> out;
  reference::Random random(seed);
  for (const reference::HostilePair& pair : reference::hostile_pairs(seed, count, 8)) {
    const double lipschitz = random.once_in(8) ? 0.0 : std::abs(random.number(-1074, 1023));
    const test::ExactPair e(pair.g, pair.y);
    double eta = std::abs(random.number(-1074, 1023));
    const Rational slope = exact(lipschitz) * e.gg;
    if (slope != 0 && e.p != 0 && !random.once_in(4)) {
      eta = std::clamp(clamped(2 * abs(e.p) / slope), smallest, largest);
      for (int k = random.between(0, 2); k > 0; --k)
        eta = std::nextafter(eta, random.once_in(2) ? infinity : 0.0);
      eta = std::clamp(eta, smallest, largest);
    }
    const Numbers n = test::taylor::numbers(pair.g, pair.y, eta, lipschitz);
    double delta_loss = clamped(-n.eta * n.eta * n.k * n.gg / 2);
    for (int k = random.between(0, 2); k > 0; --k) {
      delta_loss =
          std::clamp(std::nextafter(delta_loss, random.once_in(2) ? infinity : -infinity), -largest, largest);
    }
    out.push_back({Gram::of(pair.g, pair.y), eta, lipschitz, delta_loss, n});
  }
  return out;
}

constexpr std::array kinds = {std::pair{DiscreteGradientKind::gonzalez, Kind::gonzalez},
                              std::pair{DiscreteGradientKind::mean_value, Kind::mean_value},
                              std::pair{DiscreteGradientKind::itoh_abe, Kind::itoh_abe}};

// ------------------------------------------------------------------------------------ certificates

TEST(Certificates, AgreeWithRationalsOnHostilePairs) {
  for (const Case& c : hostile_cases(601, 1500)) {
    EXPECT_EQ(certifies_effective(c.gram.gg(), c.delta_loss, c.eta, c.lipschitz),
              test::taylor::certifies_effective(c.exactly, exact(c.delta_loss)));
    EXPECT_EQ(certifies_decrease(c.gram, c.eta, c.lipschitz), test::taylor::certifies_decrease(c.exactly));
  }
}

TEST(Certificates, LargestStepOnHostilePairs) {
  for (const Case& c : hostile_cases(602, 600)) {
    const double expected = test::taylor::largest_step(c.exactly);
    const auto actual = largest_step(c.gram, c.lipschitz);
    EXPECT_EQ(actual.value_or(0), expected);
    if (actual) {
      EXPECT_TRUE(certifies_decrease(c.gram, *actual, c.lipschitz));
    }
    if (actual && *actual < largest) {
      EXPECT_FALSE(certifies_decrease(c.gram, std::nextafter(*actual, infinity), c.lipschitz));
    }
  }
}

TEST(Certificates, ByHand) {
  const Vector g = {1, 0}, y = {2, 5};
  EXPECT_EQ(*largest_step(g, y, 1), std::nextafter(4.0, 0.0));
  EXPECT_EQ(*largest_step(g, y, 0), largest);
  EXPECT_FALSE(certifies_decrease(g, y, 4, 1));
  EXPECT_TRUE(certifies_decrease(g, y, std::nextafter(4.0, 0.0), 1));
  EXPECT_FALSE(certifies_effective(g, -0.5, 1, 1));
  EXPECT_TRUE(certifies_effective(g, std::nextafter(-0.5, -1.0), 1, 1));
  // The exact difference of two losses, which no double holds.
  const ExactSum fall = loss_difference(1, 0.5 - 0x1p-60);
  EXPECT_FALSE(certifies_effective(Gram::of(g, y).gg(), fall, 1, 1));
  EXPECT_TRUE(certifies_effective(Gram::of(g, y).gg(), loss_difference(0x1p60, 0x1p60 - 1024), 1, 1));
  EXPECT_TRUE(certifies_effective(Gram::of(g, y).gg(), loss_difference(0.5, -0x1p-1000), 1, 1));
  // No update lowers no loss, whatever is said of it.
  const Vector zero = {0, 0};
  EXPECT_FALSE(certifies_effective(zero, -1, 1, 1));
  EXPECT_FALSE(certifies_decrease(zero, y, 1, 1));
  EXPECT_FALSE(largest_step(zero, y, 1).has_value());
  // Nothing as small as 2 p/(K gg) is a double.
  const Vector huge = {0x1p1000}, tiny = {0x1p-1074};
  EXPECT_FALSE(largest_step(huge, tiny, 0x1p100).has_value());
}

TEST(Certificates, RefuseBadParameters) {
  const Vector g = {1, 0}, y = {2, 5}, wrong = {1}, bad = {1, not_a_number};
  EXPECT_TRUE(contains(refusal([&] { certifies_decrease(g, y, 0, 1); }), "eta is 0"));
  EXPECT_TRUE(contains(refusal([&] { certifies_decrease(g, y, -1, 1); }), "eta is -1"));
  EXPECT_TRUE(contains(refusal([&] { certifies_decrease(g, y, infinity, 1); }), "eta is inf"));
  EXPECT_TRUE(contains(refusal([&] { certifies_decrease(g, y, 1, -1); }), "lipschitz is -1"));
  EXPECT_TRUE(contains(refusal([&] { certifies_decrease(g, y, 1, not_a_number); }), "lipschitz is nan"));
  EXPECT_TRUE(contains(refusal([&] { certifies_effective(g, infinity, 1, 1); }), "delta_loss is inf"));
  EXPECT_TRUE(contains(refusal([&] {
                         certifies_effective(exact_dot(g, Vector{-1, 0}), -1, 1, 1);
                       }),
                       "gg is -1"));
  EXPECT_TRUE(contains(refusal([&] { largest_step(Gram(), 1); }), "dimension 0"));
  EXPECT_TRUE(contains(refusal([&] { loss_change_bounds(Gram(), 1, 1); }), "dimension 0"));
  EXPECT_TRUE(contains(refusal([&] { second_order_bounds(g, y, wrong, 1, 1); }), "hessian_g has 1"));
  EXPECT_TRUE(contains(refusal([&] { second_order_bounds(g, y, bad, 1, 1); }), "hessian_g[1] is NaN"));
  EXPECT_TRUE(contains(refusal([&] { second_order_bounds(g, y, g, 1, -1); }), "hessian_lipschitz is -1"));
  EXPECT_TRUE(contains(refusal([&] { loss_difference(1, infinity); }), "after is inf"));
  EXPECT_THROW(certifies_effective(bad, -1, 1, 1), NonFiniteError);
  EXPECT_THROW(distance_bound(static_cast<DiscreteGradientKind>(7), Gram::of(g, y), 1, 1), ContractError);
}

TEST(Bounds, AgreeWithRationalsOnHostilePairs) {
  reference::Random random(603);
  for (const Case& c : hostile_cases(603, 500)) {
    const test::taylor::Bounds first = test::taylor::loss_change(c.exactly);
    EXPECT_EQ(loss_change_bounds(c.gram, c.eta, c.lipschitz), (Enclosure{first.lo, first.hi}));
    const double curvature = random.number(-1074, 1023);
    const test::taylor::Bounds second =
        test::taylor::second_order(c.exactly, exact(curvature), exact(c.lipschitz));
    EXPECT_EQ(second_order_bounds(c.gram, c.eta, curvature, c.lipschitz), (Enclosure{second.lo, second.hi}));
  }
}

TEST(Bounds, ByHand) {
  // L = x^2 from 1 by -1/2: dL = -3/4, all that K = 2 allows.
  EXPECT_EQ(loss_change_bounds(Vector{-1}, Vector{-2}, 0.5, 2), (Enclosure{-1.25, -0.75}));
  // L = x^3 from 0 by 2: dL = 8 = rho |g|^3/6 with rho = 6.
  EXPECT_EQ(second_order_bounds(Vector{2}, Vector{0}, Vector{0}, 1, 6), (Enclosure{-8, 8}));
  // |g|^3 = 2 sqrt 2.
  const Enclosure irrational = second_order_bounds(Vector{1, 1}, Vector{0, 0}, Vector{0, 0}, 1, 6);
  EXPECT_EQ(irrational.hi, 0x1.6a09e667f3bcdp+1);  // 2 sqrt 2 = 2.8284271247461900976...
  EXPECT_EQ(irrational.lo, -irrational.hi);
  EXPECT_EQ(loss_change_bounds(Vector{0x1p1023}, Vector{0x1p1023}, 0x1p1023, 1),
            (Enclosure{-infinity, infinity}));
}

// ------------------------------------------------------------------------------------ Taylor gradient

TEST(TaylorGradientTest, CubicHasItsPointAtOneThird) {
  // L = x^3, from 0 by 1: dL = 1 = H(t)/2 = 3 t.
  const auto hessian = [](Doubles x, Doubles v, std::span<double> out) { out[0] = 6 * x[0] * v[0]; };
  const auto result = taylor_gradient(hessian, Vector{0}, Vector{1}, Vector{0}, 1, 1);
  ASSERT_TRUE(result.has_value());
  EXPECT_TRUE(result->bracketed);
  EXPECT_NEAR(result->t, 1.0 / 3, 1e-16);
  EXPECT_NEAR(result->ybar[0], -1, 1e-15);
  EXPECT_LE(std::abs(result->defect.lo), 1e-15);
  EXPECT_LE(std::abs(result->defect.hi), 1e-15);
}

TEST(TaylorGradientTest, QuadraticNeedsNoSearch) {
  // L = x^2: H = 2, ybar = y - eta H g/2 = -grad L(midpoint), exactly.
  const auto hessian = [](Doubles, Doubles v, std::span<double> out) { out[0] = 2 * v[0]; };
  const auto result = taylor_gradient(hessian, Vector{1}, Vector{-1}, Vector{-2}, 0.5, -0.75);
  ASSERT_TRUE(result.has_value());
  EXPECT_EQ(result->evaluations, 1U);
  EXPECT_EQ(result->ybar[0], -1.5);
  EXPECT_EQ(result->defect, (Enclosure{0, 0}));
}

TEST(TaylorGradientTest, SaysWhenThereIsNone) {
  // A loss that is not this Hessian's.
  std::uint64_t calls = 0;
  const auto hessian = [&](Doubles, Doubles v, std::span<double> out) {
    ++calls;
    out[0] = 2 * v[0];
  };
  EXPECT_FALSE(taylor_gradient(hessian, Vector{1}, Vector{-1}, Vector{-2}, 0.5, -0.5).has_value());
  EXPECT_EQ(calls, 65U);
  calls = 0;
  EXPECT_FALSE(
      taylor_gradient(hessian, Vector{1}, Vector{-1}, Vector{-2}, 0.5, -0.5, {1024, 10, 0}).has_value());
  EXPECT_EQ(calls, 10U);
}

TEST(TaylorGradientTest, Refuses) {
  const HessianProduct nothing;
  const auto silent = [](Doubles, Doubles, std::span<double>) {};
  const auto infinite = [](Doubles, Doubles, std::span<double> out) { out[0] = infinity; };
  const Vector one = {1}, two = {1, 1}, huge = {largest};
  EXPECT_TRUE(contains(refusal([&] { taylor_gradient(nothing, one, one, one, 1, 0); }), "hessian is empty"));
  EXPECT_TRUE(contains(refusal([&] { taylor_gradient(silent, one, one, one, 1, 0); }),
                       "hessian product at theta + 0 eta g[0] is NaN"));
  EXPECT_TRUE(contains(refusal([&] { taylor_gradient(infinite, one, one, one, 1, 0); }), "is inf"));
  EXPECT_TRUE(contains(refusal([&] { taylor_gradient(silent, one, two, one, 1, 0); }),
                       "theta has 1 elements and g has 2"));
  EXPECT_TRUE(contains(refusal([&] { taylor_gradient(silent, one, one, two, 1, 0); }),
                       "theta has 1 elements and y has 2"));
  EXPECT_TRUE(
      contains(refusal([&] { taylor_gradient(silent, huge, huge, one, 1, 0); }), "theta + eta g[0] is inf"));
  EXPECT_TRUE(
      contains(refusal([&] { taylor_gradient(silent, one, one, one, 1, infinity); }), "delta_loss is inf"));
  EXPECT_TRUE(contains(refusal([&] {
                         taylor_gradient(silent, one, one, one, 1, 0, {0, 9, 0});
                       }),
                       "grid is 0"));
  EXPECT_TRUE(contains(refusal([&] {
                         taylor_gradient(silent, one, one, one, 1, 0, {1, 1, 0});
                       }),
                       "max_evaluations is 1"));
  EXPECT_TRUE(contains(refusal([&] {
                         taylor_gradient(silent, one, one, one, 1, 0, {1, 9, -1});
                       }),
                       "tolerance is -1"));
}

TEST(TaylorGradientTest, AgreesWithTheExactPointOfPolynomials) {
  // L = x^4/4 + x y^2, from (1, 1) by (1, -1/2): phi'' = 3 (1 + t)^2 - 2 (1 - t/2) + (1 + t)/2.
  const Polynomial loss{2, {{Rational(1, 4), {4, 0}}, {Rational(1), {1, 2}}}};
  const Vector theta = {1, 1}, g = {1, -0.5}, theta_plus = {2, 0.5};
  Vector gradient(2);
  test::taylor::gradient(loss, theta, gradient);
  const Vector y = {-gradient[0], -gradient[1]};
  const Rational change = loss(exact(theta_plus)) - loss(exact(theta));
  const auto hessian = [&](Doubles x, Doubles v, std::span<double> out) {
    test::taylor::hessian_product(loss, x, v, out);
  };
  const auto result = taylor_gradient(hessian, theta, g, y, 1, test::nearest(change));
  ASSERT_TRUE(result.has_value());
  const Rational t = exact(result->t);
  const RationalVector point = {1 + t, 1 - t / 2};
  const RationalVector product = loss.hessian_product(point, exact(g));
  const Rational rest = change + test::dot(exact(y), exact(g)) - test::dot(exact(g), product) / 2;
  EXPECT_LE(abs(rest), test::power_of_two(-50));
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_LE(abs(exact(result->ybar[i]) - (exact(y[i]) - product[i] / 2)), test::power_of_two(-50));
  }
}

// ------------------------------------------------------------------------------------ discrete gradients

/// x_1 x_2.
double product(Doubles x) {
  return x[0] * x[1];
}
void product_gradient(Doubles x, std::span<double> out) {
  out[0] = x[1];
  out[1] = x[0];
}

TEST(DiscreteGradients, ItohAbeDependsOnTheOrder) {
  const Vector theta = {0, 0}, theta_plus = {1, 1};
  const std::vector<std::size_t> reversed = {1, 0};
  const DiscreteGradient forward = itoh_abe_gradient(product, product_gradient, theta, theta_plus);
  const DiscreteGradient backward = itoh_abe_gradient(product, product_gradient, theta, theta_plus, reversed);
  EXPECT_EQ(forward.nabla[0], 0);
  EXPECT_EQ(forward.nabla[1], 1);
  EXPECT_EQ(backward.nabla[0], 1);
  EXPECT_EQ(backward.nabla[1], 0);
  EXPECT_EQ(forward.defect, (Enclosure{0, 0}));
  EXPECT_EQ(backward.defect, (Enclosure{0, 0}));
  EXPECT_EQ(forward.loss_evaluations, 3U);
  EXPECT_EQ(forward.gradient_evaluations, 0U);
}

TEST(DiscreteGradients, ItohAbeTakesTheGradientWhereACoordinateRests) {
  const Vector theta = {1, 2, 3, 4}, theta_plus = {1, 5, 3, 4};
  std::vector<Vector> points;
  const auto loss = [](Doubles x) { return x[0] * x[1] + x[1] * x[2] + x[3]; };
  const auto gradient = [&](Doubles x, std::span<double> out) {
    points.emplace_back(x.begin(), x.end());
    out[0] = x[1];
    out[1] = x[0] + x[2];
    out[2] = x[1];
    out[3] = 1;
  };
  const DiscreteGradient nabla = itoh_abe_gradient(loss, gradient, theta, theta_plus);
  EXPECT_EQ(Vector(nabla.nabla.begin(), nabla.nabla.end()), (Vector{2, 4, 5, 1}));
  EXPECT_EQ(points, (std::vector<Vector>{{1, 2, 3, 4}, {1, 5, 3, 4}}));  // once for each point reached
  EXPECT_EQ(nabla.loss_evaluations, 2U);
}

TEST(DiscreteGradients, AtRestTheGradient) {
  const Vector theta = {2, 3};
  const Vector negative_zero = {-0.0, 1}, zero = {0, 1};
  for (const DiscreteGradient& nabla : {gonzalez_gradient(product, product_gradient, theta, theta),
                                        mean_value_gradient(product, product_gradient, theta, theta),
                                        itoh_abe_gradient(product, product_gradient, theta, theta)}) {
    EXPECT_EQ(nabla.nabla[0], 3) << to_string(nabla.kind);
    EXPECT_EQ(nabla.nabla[1], 2);
    EXPECT_EQ(nabla.loss_difference, ExactSum());
    EXPECT_EQ(nabla.judgement, (Judgement{Verdict::not_effective, Reason::zero_update}));
    EXPECT_EQ(nabla.loss_evaluations, 1U);
    EXPECT_EQ(nabla.gradient_evaluations, 1U);
    EXPECT_EQ(nabla.defect, (Enclosure{0, 0}));
  }
  EXPECT_EQ(gonzalez_gradient(product, product_gradient, negative_zero, zero).judgement.reason,
            Reason::zero_update);
  const Vector origin = {0, 0};
  EXPECT_EQ(gonzalez_gradient(product, product_gradient, origin, origin).judgement,
            (Judgement{Verdict::undetermined, Reason::stationary}));
}

TEST(DiscreteGradients, AnyFallingStepIsNaturalGradientDescent) {
  // A double well, (x^2 - 1)^2 + y^2/2: over the hill against the gradient, and along it but too far.
  const auto loss = [](Doubles x) { return (x[0] * x[0] - 1) * (x[0] * x[0] - 1) + x[1] * x[1] / 2; };
  const auto gradient = [](Doubles x, std::span<double> out) {
    out[0] = 4 * x[0] * (x[0] * x[0] - 1);
    out[1] = x[1];
  };
  struct Step {
    Vector theta, theta_plus;
    bool first_order, falls;
  };
  for (const Step& step : {Step{{-0.5, 1}, {1, 0.5}, false, true}, Step{{-0.5, 1}, {-3, 0}, true, false},
                           Step{{-0.5, 1}, {-1, 0}, true, true}}) {
    Vector delta(2), y(2);
    gradient(step.theta, y);
    for (std::size_t i = 0; i < 2; ++i) {
      delta[i] = step.theta_plus[i] - step.theta[i];
      y[i] = -y[i];
    }
    EXPECT_EQ(Metric::make(delta, y).has_value(), step.first_order);
    for (const DiscreteGradient& nabla : {gonzalez_gradient(loss, gradient, step.theta, step.theta_plus),
                                          mean_value_gradient(loss, gradient, step.theta, step.theta_plus),
                                          itoh_abe_gradient(loss, gradient, step.theta, step.theta_plus)}) {
      EXPECT_EQ(nabla.judgement.verdict == Verdict::effective, step.falls);
      const Vector ybar = {-nabla.nabla[0], -nabla.nabla[1]};
      const auto metric = Metric::make(delta, ybar);
      ASSERT_EQ(metric.has_value(), step.falls) << to_string(nabla.kind);
      if (!metric) continue;
      Vector mapped(2);
      metric->apply(delta, mapped);
      EXPECT_EQ(mapped, ybar);
    }
  }
}

TEST(DiscreteGradients, EqualLossesAreNotEffective) {
  const auto loss = [](Doubles x) { return x[0] * x[0]; };
  const auto gradient = [](Doubles x, std::span<double> out) { out[0] = 2 * x[0]; };
  const Vector left = {-1}, right = {1};
  EXPECT_EQ(gonzalez_gradient(loss, gradient, left, right).judgement,
            (Judgement{Verdict::not_effective, Reason::zero_gradient}));
  EXPECT_EQ(itoh_abe_gradient(loss, gradient, left, right).judgement,
            (Judgement{Verdict::not_effective, Reason::zero_gradient}));
  EXPECT_EQ(mean_value_gradient(loss, gradient, left, right).judgement,
            (Judgement{Verdict::not_effective, Reason::orthogonal}));
}

TEST(DiscreteGradients, AgreeWithRationalsOnPolynomials) {
  // x^3 - 2 x y^2 + y/2, in steps of all directions.
  const Polynomial loss{2, {{Rational(1), {3, 0}}, {Rational(-2), {1, 2}}, {Rational(1, 2), {0, 1}}}};
  const auto value = [&](Doubles x) { return test::taylor::loss(loss, x); };
  const auto gradient = [&](Doubles x, std::span<double> out) { test::taylor::gradient(loss, x, out); };
  const std::vector<std::size_t> order = {1, 0};
  for (int i = -3; i <= 3; ++i) {
    for (int j = -3; j <= 3; ++j) {
      if (i == 0 && j == 0) continue;
      const Vector theta = {0.5, -0.75}, theta_plus = {0.5 + i / 4.0, -0.75 + j / 2.0};
      const RationalVector from = exact(theta), to = exact(theta_plus);
      const RationalVector delta = {to[0] - from[0], to[1] - from[1]};
      const RationalVector middle = {(to[0] + from[0]) / 2, (to[1] + from[1]) / 2};
      const Rational change = loss(to) - loss(from);
      const DiscreteGradient gonzalez = gonzalez_gradient(value, gradient, theta, theta_plus);
      const DiscreteGradient itoh_abe = itoh_abe_gradient(value, gradient, theta, theta_plus, order);
      const DiscreteGradient mean = mean_value_gradient(value, gradient, theta, theta_plus);
      const RationalVector of_gonzalez = test::taylor::gonzalez(loss.gradient(middle), change, delta);
      const RationalVector of_itoh_abe = test::taylor::itoh_abe(loss, from, to, order);
      const RationalVector of_mean = test::taylor::mean_gradient(loss, from, to);
      for (std::size_t k = 0; k < 2; ++k) {
        EXPECT_EQ(gonzalez.nabla[k], test::nearest(of_gonzalez[k]));
        EXPECT_EQ(itoh_abe.nabla[k], test::nearest(of_itoh_abe[k]));
        EXPECT_NEAR(mean.nabla[k], test::nearest(of_mean[k]), 1e-14);
      }
      EXPECT_EQ(mean.gradient_evaluations, 15U);
      EXPECT_LE(*mean.error_estimate, 1e-14);
    }
  }
}

TEST(DiscreteGradients, CoordinatesAlreadyLost) {
  // Losses that agree to all their digits: dL = 0 in doubles although the true loss falls.
  const auto loss = [](Doubles x) { return 0x1p60 + x[0] * x[0]; };
  const auto gradient = [](Doubles x, std::span<double> out) { out[0] = 2 * x[0]; };
  const DiscreteGradient nabla = gonzalez_gradient(loss, gradient, Vector{2}, Vector{1});
  EXPECT_EQ(nabla.judgement.verdict, Verdict::not_effective);
  const StepJudgement step = judge_step({0x1p60 + 4, 0x1p60 + 1, 256, 256});
  EXPECT_EQ(step.verdict, Verdict::undetermined);
  EXPECT_EQ(step.reason, StepReason::inexact);
}

TEST(DiscreteGradients, HostileCallbacksAreRefusedByName) {
  const Vector theta = {2, 3}, theta_plus = {1, 1};
  const auto bad_after = [](Doubles x) { return x[0] == 1 && x[1] == 1 ? not_a_number : 0.0; };
  const auto bad_between = [](Doubles x) { return x[0] == 1 && x[1] == 3 ? infinity : 0.0; };
  const auto bad_gradient = [](Doubles, std::span<double> out) { out[0] = 0, out[1] = -infinity; };
  const auto silent = [](Doubles, std::span<double>) {};
  EXPECT_TRUE(contains(refusal([&] { gonzalez_gradient(bad_after, product_gradient, theta, theta_plus); }),
                       "loss at theta_plus is nan"));
  EXPECT_TRUE(contains(refusal([&] { itoh_abe_gradient(bad_between, product_gradient, theta, theta_plus); }),
                       "loss at the point with 1 coordinates moved is inf"));
  EXPECT_TRUE(contains(refusal([&] { gonzalez_gradient(product, bad_gradient, theta, theta_plus); }),
                       "gradient at the midpoint of theta and theta_plus[1] is -inf"));
  EXPECT_TRUE(contains(refusal([&] { mean_value_gradient(product, bad_gradient, theta, theta_plus); }),
                       "gradient at theta + 0.0042"));
  EXPECT_TRUE(
      contains(refusal([&] { gonzalez_gradient(product, silent, theta, theta_plus); }), "[0] is NaN"));
  EXPECT_TRUE(contains(refusal([&] { gonzalez_gradient({}, silent, theta, theta_plus); }), "loss is empty"));
  EXPECT_TRUE(
      contains(refusal([&] { mean_value_gradient(product, {}, theta, theta_plus); }), "gradient is empty"));
  EXPECT_THROW(gonzalez_gradient([](Doubles) -> double { throw std::runtime_error("mine"); }, silent, theta,
                                 theta_plus),
               std::runtime_error);
}

TEST(DiscreteGradients, RefuseBadArguments) {
  const Vector theta = {2, 3}, shorter = {1}, bad = {1, infinity}, none;
  const auto all = [&](const Vector& from, const Vector& to) {
    std::string text;
    text += refusal([&] { gonzalez_gradient(product, product_gradient, from, to); }) + "\n";
    text += refusal([&] { mean_value_gradient(product, product_gradient, from, to); }) + "\n";
    text += refusal([&] { itoh_abe_gradient(product, product_gradient, from, to); }) + "\n";
    return text;
  };
  const auto three = [](const std::string& line) { return line + "\n" + line + "\n" + line + "\n"; };
  EXPECT_EQ(all(theta, shorter), three("theta has 2 elements and theta_plus has 1"));
  EXPECT_EQ(all(none, none), three("theta is empty"));
  EXPECT_EQ(all(theta, bad), three("theta_plus[1] is inf; every element must be finite"));
  EXPECT_EQ(all(bad, theta), three("theta[1] is inf; every element must be finite"));
  const Vector to = {1, 1};
  const auto with = [&](const MeanValueOptions& options) {
    return refusal([&] { mean_value_gradient(product, product_gradient, theta, to, options); });
  };
  EXPECT_TRUE(contains(with({-1, 15, 0, {}}), "tolerance is -1"));
  EXPECT_TRUE(contains(with({0, 14, 0, {}}), "max_evaluations is 14"));
  EXPECT_TRUE(contains(with({0, 15, 31, {}}), "minimum_depth is 31"));
  EXPECT_TRUE(contains(with({0, 15, 0, -1.0}), "lipschitz is -1"));
  for (const std::vector<std::size_t>& order : {std::vector<std::size_t>{0}, {0, 0}, {0, 2}}) {
    EXPECT_TRUE(
        contains(refusal([&] { itoh_abe_gradient(product, product_gradient, theta, to, order); }), "order"));
  }
}

TEST(DiscreteGradients, BeyondTheRangeOfDoubles) {
  const auto loss = [](Doubles x) { return x[0] > 0 ? largest : -largest; };
  const auto gradient = [](Doubles, std::span<double> out) { out[0] = 0; };
  const DiscreteGradient nabla = gonzalez_gradient(loss, gradient, Vector{0}, Vector{smallest});
  EXPECT_EQ(nabla.nabla[0], infinity);
  EXPECT_EQ(nabla.defect, (Enclosure{-infinity, infinity}));
  EXPECT_EQ(nabla.judgement.verdict, Verdict::not_effective);
  // The gradient is as large as doubles get, everywhere: so is its mean.
  const auto huge = [](Doubles, std::span<double> out) { out[0] = largest; };
  const DiscreteGradient mean =
      mean_value_gradient([](Doubles) { return 0.0; }, huge, Vector{-largest}, Vector{largest});
  EXPECT_EQ(mean.nabla[0], largest);
  EXPECT_TRUE(mean.converged);
}

// ------------------------------------------------------------------------------------ quadrature

TEST(MeanValue, LogCosh) {
  // L = sum log cosh x_i: the mean of tanh is the secant of log cosh, in each coordinate.
  const auto gradient = [](Doubles x, std::span<double> out) {
    std::transform(x.begin(), x.end(), out.begin(), [](double t) { return std::tanh(t); });
  };
  const auto zero = [](Doubles) { return 0.0; };
  const Vector theta = {-3, 0.25, 20}, theta_plus = {4, 0.25, -30};
  MeanValueOptions options;
  options.tolerance = 1e-13;
  options.lipschitz = 1;
  const DiscreteGradient nabla = mean_value_gradient(zero, gradient, theta, theta_plus, options);
  EXPECT_TRUE(nabla.converged);
  double squared = 0;
  for (std::size_t i = 0; i < theta.size(); ++i) {
    const double expected = test::converged([&]() -> test::Real {
      const test::Real a = theta[i], b = theta_plus[i];
      if (theta[i] == theta_plus[i]) return tanh(a);
      return (log(cosh(b)) - log(cosh(a))) / (b - a);
    });
    EXPECT_NEAR(nabla.nabla[i], expected, 1e-14);
    squared += (nabla.nabla[i] - expected) * (nabla.nabla[i] - expected);
  }
  EXPECT_LE(std::sqrt(squared), *nabla.error_bound);
  EXPECT_LE(*nabla.error_estimate, 1e-11);
}

TEST(MeanValue, BoundOfOneAndOfManyPieces) {
  const auto gradient = [](Doubles x, std::span<double> out) { out[0] = std::abs(x[0] - 0.3); };
  const auto zero = [](Doubles) { return 0.0; };
  MeanValueOptions options;
  options.lipschitz = 1;
  options.tolerance = 1;
  double before = infinity;
  for (unsigned depth = 0; depth <= 6; ++depth) {
    options.minimum_depth = depth;
    const DiscreteGradient nabla = mean_value_gradient(zero, gradient, Vector{0}, Vector{1}, options);
    EXPECT_EQ(nabla.gradient_evaluations, 15ULL << depth);
    const double mean = (0.3 * 0.3 + 0.7 * 0.7) / 2;
    EXPECT_LE(std::abs(nabla.nabla[0] - mean), *nabla.error_bound);
    if (depth > 0) {
      EXPECT_NEAR(*nabla.error_bound, before / 2, 1e-6);  // K |Delta| C/(number of pieces)
    }
    before = *nabla.error_bound;
    if (depth == 0) {
      EXPECT_GT(*nabla.error_bound, 1.0 / 60);  // no 15 points do better
      EXPECT_LT(*nabla.error_bound, 1.0 / 48);
    }
  }
}

TEST(MeanValue, StopsAtItsLimits) {
  // Nothing converges: noise of every sign, and a pole that no evaluation hits.
  const auto noise = [](Doubles x, std::span<double> out) { out[0] = std::sin(1e9 * x[0]); };
  const auto pole = [](Doubles x, std::span<double> out) { out[0] = 1 / (x[0] - 0.123456789); };
  const auto zero = [](Doubles) { return 0.0; };
  for (const GradientFunction& gradient : {GradientFunction(noise), GradientFunction(pole)}) {
    for (const std::uint64_t limit : {15ULL, 29ULL, 31ULL, 45ULL, 1000ULL}) {
      MeanValueOptions options;
      options.max_evaluations = limit;
      const DiscreteGradient nabla = mean_value_gradient(zero, gradient, Vector{0}, Vector{1}, options);
      EXPECT_LE(nabla.gradient_evaluations, limit);
      EXPECT_FALSE(nabla.converged);
      EXPECT_TRUE(std::isfinite(nabla.nabla[0]));
      EXPECT_GT(*nabla.error_estimate, 0);
    }
  }
}

TEST(MeanValue, InexactQuadratureShowsInTheDefect) {
  const auto loss = [](Doubles x) { return std::sqrt(std::abs(x[0])); };
  const auto gradient = [](Doubles x, std::span<double> out) { out[0] = 0.5 / std::sqrt(std::abs(x[0])); };
  MeanValueOptions options;
  options.max_evaluations = 15;
  const DiscreteGradient nabla = mean_value_gradient(loss, gradient, Vector{0}, Vector{1}, options);
  EXPECT_FALSE(nabla.converged);
  EXPECT_LT(nabla.defect.hi, -1e-3);  // the singular end is missed
  EXPECT_EQ(nabla.loss_difference.to_double(), 1);
}

// ------------------------------------------------------------------------------------ a priori

TEST(APriori, AgreeWithMultiprecisionOnHostilePairs) {
  for (const Case& c : hostile_cases(604, 300)) {
    for (const auto& [kind, reference] : kinds) {
      EXPECT_EQ(distance_bound(kind, c.gram, c.eta, c.lipschitz),
                test::taylor::distance(c.exactly, reference));
      EXPECT_EQ(angle_bound(c.gram, c.eta, c.lipschitz, kind), test::taylor::angle(c.exactly, reference));
    }
  }
}

TEST(APriori, ConditionAgreesWithMultiprecisionOnHostilePairs) {
  for (const Case& c : hostile_cases(605, 150)) {
    const bool effective = c.exactly.p > 0;
    for (const auto& [kind, reference] : kinds) {
      EXPECT_EQ(condition_bound(c.gram, c.eta, c.lipschitz, kind),
                effective ? test::taylor::condition(c.exactly, reference) : std::nullopt);
    }
    EXPECT_EQ(condition_change_first_order(c.gram, c.eta, c.lipschitz),
              effective ? std::optional(test::taylor::condition_first_order(c.exactly)) : std::nullopt);
  }
}

TEST(APriori, ByHand) {
  const Gram gram = Gram::of(Vector{3, 4}, Vector{3, 4});
  EXPECT_EQ(distance_bound(DiscreteGradientKind::mean_value, gram, 1, 2), 5);
  EXPECT_EQ(distance_bound(DiscreteGradientKind::gonzalez, gram, 1, 2),
            0x1.c48c6001f0acp+2);  // 5 sqrt 2 = 7.0710678118654752440
  EXPECT_EQ(distance_bound(DiscreteGradientKind::itoh_abe, gram, 1, 2), 0x1.c48c6001f0acp+3);
  // psi = 0, x = eta K/2.
  EXPECT_EQ(angle_bound(gram, 1, 0), 0);
  EXPECT_EQ(*angle_bound(gram, 1, 2), 0x1.921fb54442d19p+0);  // pi/2, up
  EXPECT_FALSE(certifies_decrease(gram, 1, 2));
  EXPECT_FALSE(angle_bound(gram, 1, 3).has_value());
  EXPECT_EQ(*angle_bound(gram, 1, 1), 0x1.0c152382d7366p-1);  // pi/6 = 0.52359877559829887307, up
  EXPECT_EQ(*condition_bound(gram, 1, 1), 3);                 // (1 + 1/2)/(1 - 1/2)
  EXPECT_EQ(*condition_change_first_order(gram, 1, 1), 1);
  EXPECT_FALSE(condition_bound(gram, 1, 2).has_value());
  EXPECT_EQ(*condition_bound(gram, 1, 0), 1);
  // p <= 0, g = 0, y = 0.
  const Gram away = Gram::of(Vector{1}, Vector{-1}), rest = Gram::of(Vector{0}, Vector{1}),
             flat = Gram::of(Vector{1}, Vector{0});
  EXPECT_EQ(*angle_bound(away, 1, 1), 0x1.921fb54442d19p+1);
  for (const Gram& no : {away, rest, flat}) {
    EXPECT_FALSE(condition_bound(no, 1, 1).has_value());
    EXPECT_FALSE(condition_change_first_order(no, 1, 1).has_value());
  }
  EXPECT_FALSE(angle_bound(rest, 1, 1).has_value());
  EXPECT_FALSE(angle_bound(flat, 1, 1).has_value());
  EXPECT_EQ(distance_bound(DiscreteGradientKind::gonzalez, rest, 1, 1), 0);
}

TEST(APriori, RightAngleExactlyAtTheLargestStep) {
  // The bound turns from acute to right where the certificate ends; asin is taken in multiprecision.
  for (const Case& c : hostile_cases(606, 200)) {
    const Rational left = c.exactly.eta * c.exactly.k * c.exactly.gg, right = 2 * c.exactly.p;
    if (c.exactly.gg == 0 || c.exactly.yy == 0 || left == right) continue;
    const test::PrecisionScope precision(8192);
    const bool defined =
        c.exactly.eta * c.exactly.eta * c.exactly.k * c.exactly.k * c.exactly.gg <= 4 * c.exactly.yy;
    const bool acute = defined && test::taylor::angle_sum(c.exactly, Kind::mean_value) < acos(test::Real(0));
    EXPECT_EQ(certifies_decrease(c.gram, c.eta, c.lipschitz), acute);
  }
}

// ------------------------------------------------------------------------------------ verdicts

TEST(StepVerdict, ByLosses) {
  const auto judge = [](double before, double after, double error) {
    return judge_step({before, after, error, error});
  };
  EXPECT_EQ(judge(2, 1, 0).reason, StepReason::decrease);
  EXPECT_EQ(judge(2, 1, 0).verdict, Verdict::effective);
  EXPECT_EQ(judge(2, 1, 0.5).reason, StepReason::inexact);  // dL <= 0 only
  EXPECT_EQ(judge(2, 1, std::nextafter(0.5, 0.0)).reason, StepReason::decrease);
  EXPECT_EQ(judge(1, 1, 0).reason, StepReason::no_decrease);
  EXPECT_EQ(judge(1, 2, 0.5).reason, StepReason::no_decrease);  // dL >= 0
  EXPECT_EQ(judge(1, 2, 0.5).verdict, Verdict::not_effective);
  EXPECT_EQ(judge(1, 2, std::nextafter(0.5, 1.0)).reason, StepReason::inexact);
  EXPECT_EQ(judge(1, 1, 0.25).loss_change, (Enclosure{-0.5, 0.5}));
  EXPECT_EQ(*judge(1, 0.5, 0).cancellation, 0x1p-52);
  EXPECT_FALSE(judge(1, 1, 0).cancellation.has_value());
  // A fall that doubles lose, and one below their range.
  EXPECT_EQ(judge(0x1p1000, 0x1p1000 - 0x1p947, 0).reason, StepReason::decrease);
  EXPECT_EQ(judge(smallest, 0, 0).reason, StepReason::decrease);
  EXPECT_EQ(judge(largest, -largest, 0).loss_change, (Enclosure{-infinity, -largest}));
}

TEST(StepVerdict, ZeroSteps) {
  const Vector theta = {1, 0}, same = {1, -0.0}, other = {1, smallest};
  EXPECT_EQ(judge_step(theta, same, {1, 1, 0, 0}).reason, StepReason::zero_step);
  EXPECT_EQ(judge_step(theta, same, {1, 1, 0, 0}).verdict, Verdict::undetermined);
  EXPECT_EQ(judge_step(theta, other, {1, 1, 0, 0}).reason, StepReason::no_decrease);
  EXPECT_EQ(judge_step(theta, same, {1, 0.5, 0, 0}).reason, StepReason::contradiction);
  EXPECT_EQ(judge_step(theta, same, {1, 0.5, 0.5, 0}).reason, StepReason::zero_step);
  EXPECT_EQ(judge_step(Gram::of(Vector{0}, Vector{1}), 1, 1).reason, StepReason::zero_step);
}

TEST(StepVerdict, ByK) {
  const Gram gram = Gram::of(Vector{1}, Vector{2}), back = Gram::of(Vector{1}, Vector{-2});
  EXPECT_EQ(judge_step(gram, 1, 1).reason, StepReason::certified_decrease);
  EXPECT_EQ(judge_step(gram, 4, 1).reason, StepReason::inexact);
  EXPECT_EQ(judge_step(back, 4, 1).reason, StepReason::certified_no_decrease);
  EXPECT_EQ(judge_step(back, 4, 1).verdict, Verdict::not_effective);
  EXPECT_EQ(judge_step(back, 5, 1).reason, StepReason::inexact);
  // The losses are too rough, K decides; the other way round; and both at odds.
  EXPECT_EQ(judge_step(gram, 1, 1, {1, 1, 4, 4}).reason, StepReason::certified_decrease);
  EXPECT_EQ(judge_step(gram, 4, 1, {1, 0, 0, 0}).reason, StepReason::decrease);
  EXPECT_EQ(judge_step(gram, 1, 1, {1, 2, 0, 0}).reason, StepReason::contradiction);
  EXPECT_EQ(judge_step(gram, 1, 1, {1, 1, 4, 4}).loss_change, (Enclosure{-2.5, -1.5}));
}

TEST(StepVerdict, AgreesWithRationalsOnHostilePairs) {
  for (const Case& c : hostile_cases(607, 400)) {
    const Numbers& n = c.exactly;
    const Rational low = -n.eta * n.p - n.eta * n.eta * n.k * n.gg / 2;
    const StepJudgement actual = judge_step(c.gram, c.eta, c.lipschitz);
    if (n.gg == 0) {
      EXPECT_EQ(actual.reason, StepReason::zero_step);
    } else if (test::taylor::certifies_decrease(n)) {
      EXPECT_EQ(actual.reason, StepReason::certified_decrease);
    } else {
      EXPECT_EQ(actual.reason, low >= 0 ? StepReason::certified_no_decrease : StepReason::inexact);
    }
    const StepLoss loss{c.delta_loss, c.eta, c.lipschitz, 0};
    const Rational change = n.eta - exact(c.delta_loss);
    const StepJudgement by_losses = judge_step(loss);
    EXPECT_EQ(by_losses.verdict == Verdict::effective, change + n.k < 0);
    EXPECT_EQ(by_losses.verdict == Verdict::not_effective, change - n.k >= 0);
    EXPECT_EQ(by_losses.loss_change,
              (Enclosure{test::taylor::down(change - n.k), test::taylor::up(change + n.k)}));
  }
}

TEST(StepVerdict, Refuses) {
  EXPECT_TRUE(contains(refusal([] { judge_step({not_a_number, 1, 0, 0}); }), "loss.before is nan"));
  EXPECT_TRUE(contains(refusal([] { judge_step({1, infinity, 0, 0}); }), "loss.after is inf"));
  EXPECT_TRUE(contains(refusal([] { judge_step({1, 1, -1, 0}); }), "loss.before_error is -1"));
  EXPECT_TRUE(contains(refusal([] { judge_step({1, 1, 0, infinity}); }), "loss.after_error is inf"));
  EXPECT_TRUE(contains(refusal([] { judge_step(Gram(), 1, 1); }), "dimension 0"));
  EXPECT_TRUE(contains(refusal([] { judge_step(Vector{1}, Vector{1, 2}, {}); }), "theta_plus has 2"));
}

TEST(Names, AreThoseOfTheEnumerators) {
  EXPECT_EQ(to_string(DiscreteGradientKind::mean_value), "mean_value");
  EXPECT_EQ(to_string(StepReason::certified_no_decrease), "certified_no_decrease");
  EXPECT_EQ(to_string(StepReason::contradiction), "contradiction");
}

// ------------------------------------------------------------------------------------ estimate of K

TEST(LipschitzEstimateTest, ByHand) {
  // grad = x^2 at 0, 1, 3: quotients 1 and 4.
  const arma::mat theta = {{0, 1, 3}}, gradient = {{0, 1, 9}}, steps = {{1, 2}};
  for (const LipschitzEstimate& estimate :
       {estimate_lipschitz(theta, gradient), estimate_lipschitz_from_steps(steps, gradient)}) {
    EXPECT_EQ(estimate.lower_bound, 4);
    EXPECT_EQ(estimate.step.value_or(9), 1U);
    EXPECT_EQ(estimate.zero_steps, 0U);
  }
  // Down, not to nearest: 1/sqrt 3 = 0.577350269189625764509...
  const arma::mat cube = {{0, 1}, {0, 1}, {0, 1}}, change = {{0, 1}, {0, 0}, {0, 0}};
  EXPECT_EQ(estimate_lipschitz(cube, change).lower_bound, 0x1.279a74590331cp-1);
  const arma::mat still = {{1, 1}}, moved = {{0, 1}};
  EXPECT_EQ(estimate_lipschitz(still, still).zero_steps, 1U);
  EXPECT_FALSE(estimate_lipschitz(still, still).step.has_value());
  EXPECT_EQ(estimate_lipschitz(still, moved).lower_bound, infinity);
}

TEST(LipschitzEstimateTest, AgreesWithRationalsOnHostileScales) {
  reference::Random random(608);
  for (int round = 0; round < 100; ++round) {
    arma::mat theta(2, 4), gradient(2, 4);
    for (arma::uword i = 0; i < theta.n_elem; ++i) {
      theta[i] = random.number(-1074, 1023);
      gradient[i] = random.number(-1074, 1023);
    }
    Rational most = 0;
    for (arma::uword k = 0; k < 3; ++k) {
      Rational dx = 0, dv = 0;
      for (arma::uword i = 0; i < 2; ++i) {
        const Rational x = exact(theta(i, k + 1)) - exact(theta(i, k)),
                       v = exact(gradient(i, k + 1)) - exact(gradient(i, k));
        dx += x * x;
        dv += v * v;
      }
      most = std::max(most, Rational(dv / dx));
    }
    EXPECT_EQ(estimate_lipschitz(theta, gradient).lower_bound,
              test::taylor::greatest_double([&](const Rational& r) { return r <= 0 || r * r <= most; }));
  }
}

TEST(LipschitzEstimateTest, Refuses) {
  const arma::mat one(1, 1, arma::fill::zeros), two(1, 2, arma::fill::zeros), none;
  const arma::mat bad = {{1, not_a_number}};
  EXPECT_TRUE(contains(refusal([&] { estimate_lipschitz(one, one); }), "two columns"));
  EXPECT_TRUE(contains(refusal([&] { estimate_lipschitz(none, none); }), "two columns"));
  EXPECT_TRUE(
      contains(refusal([&] { estimate_lipschitz(one, two); }), "theta is 1 x 1 and gradient is 1 x 2"));
  EXPECT_TRUE(contains(refusal([&] { estimate_lipschitz_from_steps(two, two); }), "steps is 1 x 2"));
  EXPECT_TRUE(contains(refusal([&] { estimate_lipschitz(bad, two); }), "theta[1] is NaN"));
  EXPECT_TRUE(contains(refusal([&] { estimate_lipschitz(two, bad); }), "gradient[1] is NaN"));
}

}  // namespace
