// natgrad: laws of finite steps: exact rationals for what is rounded once, polynomials for what is said of
// losses.
#include <algorithm>
#include <bit>
#include <boost/math/quadrature/gauss_kronrod.hpp>
#include <cmath>
#include <limits>
#include <numeric>

#include "support/discrete_taylor_reference.hpp"
#include "support/environment.hpp"
#include "support/laws.hpp"
#include "support/reference.hpp"

namespace natgrad::test {

namespace {

using Doubles = std::span<const double>;
using taylor::Kind;
using taylor::Numbers;
using taylor::Polynomial;
using Vector = std::vector<double>;

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double largest = std::numeric_limits<double>::max();
constexpr double smallest = std::numeric_limits<double>::denorm_min();

// ------------------------------------------------------------------------- drawing

template <class T>
T one_of(const std::vector<T>& choices) {
  return choices[*indices(choices.size())];
}
double integer(int low, int high) {
  return low + static_cast<double>(*indices(static_cast<std::uint64_t>(high - low + 1)));
}

/// A double next to x, by up to two places, within [low, largest].
double next_to(double x, double low) {
  const int places = static_cast<int>(integer(-2, 2));
  double out = std::clamp(x, low, largest);
  for (int k = 0; k < std::abs(places); ++k) out = std::nextafter(out, places < 0 ? -infinity : infinity);
  return std::clamp(out, low, largest);
}

struct Draw {
  Pair pair;
  Gram gram;
  double eta = 1, lipschitz = 1;
  Numbers exactly;
};

/// Small integers and powers of two: every critical value is a double, so equality occurs.
Pair simple_pair() {
  const std::size_t n = std::size_t{1} << *indices(3);
  Pair pair{Region::generic, {}, {}};
  const double scale = one_of<double>({1, 2, -4, 0.5});
  for (std::size_t i = 0; i < n; ++i) {
    pair.g.push_back(scale * one_of<double>({1, -1}));
    pair.y.push_back(integer(-3, 3));
  }
  return pair;
}

/// eta often at the largest certified step, or next to it, or a power of two below it.
Draw draw(bool effective, std::size_t max_dimension) {
  Draw out;
  const bool simple = *indices(4) == 0;
  if (simple) {
    out.pair = simple_pair();
    if (effective && dot(exact(out.pair.g), exact(out.pair.y)) <= 0) out.pair.y = out.pair.g;
  } else {
    out.pair = effective ? *effective_pairs(max_dimension) : *pairs(max_dimension);
  }
  classify(out.pair);
  const std::uint64_t choice = *indices(8);
  out.lipschitz = choice == 0 ? 0.0 : choice < 4 ? *positive_doubles() : one_of<double>({1, 2, 0.5, 4});
  const ExactPair e(out.pair.g, out.pair.y);
  const Rational slope = exact(out.lipschitz) * e.gg;
  if (slope > 0 && e.p != 0 && *indices(8) != 0) {
    const Rational critical =
        abs(e.p) * 2 / slope * power_of_two(-static_cast<long>(*indices(2) * *indices(60)));
    out.eta = next_to(test::nearest(critical), smallest);
  } else {
    out.eta = simple ? one_of<double>({1, 0.5, 2}) : *positive_doubles();
  }
  out.gram = Gram::of(out.pair.g, out.pair.y);
  out.exactly = taylor::numbers(out.pair.g, out.pair.y, out.eta, out.lipschitz);
  return out;
}

/// A polynomial and a step on a grid on which its values, gradients and Hessians are doubles.
struct PolynomialDraw {
  Polynomial loss;
  Vector theta, theta_plus, delta;
  RationalVector exact_theta, exact_theta_plus, exact_delta;
  Rational delta_loss;

  LossFunction losses() const {
    return [this](Doubles x) { return taylor::loss(loss, x); };
  }
  GradientFunction gradients() const {
    return [this](Doubles x, std::span<double> out) { taylor::gradient(loss, x, out); };
  }
  HessianProduct hessian() const {
    return [this](Doubles x, Doubles v, std::span<double> out) { taylor::hessian_product(loss, x, v, out); };
  }
  Vector descent() const {
    Vector out(theta.size());
    taylor::gradient(loss, theta, out);
    for (double& element : out) element = -element;
    return out;
  }
};

void place(PolynomialDraw& d) {
  bool moved = false;
  for (std::size_t i = 0; i < d.loss.dimension; ++i) {
    d.theta.push_back(integer(-8, 8) / 4);
    double delta = *indices(4) == 0 ? 0 : integer(-8, 8) / 4;
    if (i + 1 == d.loss.dimension && !moved && delta == 0) delta = 0.75;
    moved = moved || delta != 0;
    d.delta.push_back(delta);
    d.theta_plus.push_back(d.theta.back() + delta);
  }
  d.exact_theta = exact(d.theta);
  d.exact_theta_plus = exact(d.theta_plus);
  d.exact_delta = exact(d.delta);
  d.delta_loss = d.loss(d.exact_theta_plus) - d.loss(d.exact_theta);
}

/// Total degree at most `degree`, coefficients times 2^scale.
PolynomialDraw draw_polynomial(unsigned degree, long scale) {
  PolynomialDraw d;
  d.loss.dimension = 1 + *indices(3);
  const std::uint64_t count = 1 + *indices(5);
  for (std::uint64_t k = 0; k < count; ++k) {
    taylor::Monomial term{exact(integer(-8, 8) / 4) * power_of_two(scale),
                          std::vector<unsigned>(d.loss.dimension)};
    const std::uint64_t order = 1 + *indices(degree);
    for (std::uint64_t j = 0; j < order; ++j) ++term.powers[*indices(d.loss.dimension)];
    d.loss.terms.push_back(term);
  }
  place(d);
  return d;
}

long scales() {
  return one_of<long>({0, 0, 0, 900, -1050});
}

/// L = x^T A x/2 + b.x with |A|_F <= lipschitz; every third time A = +-K I, which the bounds are sharp for.
struct QuadraticDraw : PolynomialDraw {
  double lipschitz = 0;
  bool sharp = false;
};

QuadraticDraw draw_quadratic() {
  QuadraticDraw d;
  const std::size_t n = 1 + *indices(3);
  d.loss.dimension = n;
  d.sharp = *indices(3) == 0;
  const double diagonal = one_of<double>({1, -1, 2, -3});
  Rational squared = 0;
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j <= i; ++j) {
      const double a = d.sharp ? (i == j ? diagonal : 0) : integer(-3, 3);
      squared += exact(a) * exact(a) * (i == j ? 1 : 2);
      taylor::Monomial term{i == j ? exact(a) / 2 : exact(a), std::vector<unsigned>(n)};
      ++term.powers[i];
      ++term.powers[j];
      d.loss.terms.push_back(term);
    }
    taylor::Monomial linear{exact(integer(-3, 3)), std::vector<unsigned>(n)};
    ++linear.powers[i];
    d.loss.terms.push_back(linear);
  }
  d.lipschitz = d.sharp ? std::abs(diagonal)
                        : taylor::least_double([&](const Rational& r) { return r >= 0 && r * r >= squared; });
  place(d);
  return d;
}

/// g = Delta, y = -grad L(theta), eta = 1.
Gram gram_of(const PolynomialDraw& d) {
  return Gram::of(d.delta, d.descent());
}

Kind draw_kind() {
  return one_of<Kind>({Kind::gonzalez, Kind::mean_value, Kind::itoh_abe});
}
DiscreteGradientKind library_kind(Kind kind) {
  switch (kind) {
    case Kind::gonzalez:
      return DiscreteGradientKind::gonzalez;
    case Kind::mean_value:
      return DiscreteGradientKind::mean_value;
    case Kind::itoh_abe:
      break;
  }
  return DiscreteGradientKind::itoh_abe;
}
Kind reference_kind(DiscreteGradientKind kind) {
  switch (kind) {
    case DiscreteGradientKind::gonzalez:
      return Kind::gonzalez;
    case DiscreteGradientKind::mean_value:
      return Kind::mean_value;
    case DiscreteGradientKind::itoh_abe:
      break;
  }
  return Kind::itoh_abe;
}

std::vector<std::size_t> natural_order(std::size_t n) {
  std::vector<std::size_t> order(n);
  std::iota(order.begin(), order.end(), std::size_t{0});
  return order;
}
std::vector<std::size_t> draw_order(std::size_t n) {
  std::vector<std::size_t> order = natural_order(n);
  for (std::size_t i = n; i > 1; --i) std::swap(order[i - 1], order[*indices(i)]);
  return order;
}

/// The discrete gradient of a polynomial, exactly.
RationalVector exact_gradient(const PolynomialDraw& d, Kind kind) {
  switch (kind) {
    case Kind::gonzalez: {
      RationalVector middle;
      for (std::size_t i = 0; i < d.theta.size(); ++i) {
        middle.push_back((d.exact_theta[i] + d.exact_theta_plus[i]) / 2);
      }
      return taylor::gonzalez(d.loss.gradient(middle), d.delta_loss, d.exact_delta);
    }
    case Kind::mean_value:
      return taylor::mean_gradient(d.loss, d.exact_theta, d.exact_theta_plus);
    case Kind::itoh_abe:
      break;
  }
  return taylor::itoh_abe(d.loss, d.exact_theta, d.exact_theta_plus, natural_order(d.theta.size()));
}

// ------------------------------------------------------------------------- comparing

void require_same(const Enclosure& actual, const taylor::Bounds& expected, const std::string& what) {
  test::require_same(actual.lo, expected.lo, "lower end of " + what);
  test::require_same(actual.hi, expected.hi, "upper end of " + what);
}

Vector nearest(const RationalVector& x) {
  Vector out;
  for (const Rational& element : x) out.push_back(test::nearest(element));
  return out;
}
Vector as_vector(const arma::vec& x) {
  return {x.begin(), x.end()};
}

/// The defect and the exact difference of a discrete gradient are those of the doubles it holds.
void require_consistent(const DiscreteGradient& actual, Doubles theta, Doubles theta_plus,
                        const Rational& delta_loss) {
  RC_ASSERT((value_of(actual.loss_difference) == delta_loss));
  const Vector nabla = as_vector(actual.nabla);
  if (!all_finite(nabla)) {
    RC_TAG("overflow");
    RC_ASSERT(actual.defect == (Enclosure{-infinity, infinity}));
    return;
  }
  Rational sum = -delta_loss;
  for (std::size_t i = 0; i < nabla.size(); ++i) {
    sum += exact(nabla[i]) * (exact(theta_plus[i]) - exact(theta[i]));
  }
  require_same(actual.defect, {taylor::down(sum), taylor::up(sum)}, "the defect");
}

/// The verdict of an exact discrete gradient. @pre Delta != 0
void require_verdict(const DiscreteGradient& actual, const Rational& delta_loss) {
  RC_ASSERT((actual.judgement.verdict == Verdict::effective) == (delta_loss < 0));
  RC_ASSERT((actual.judgement.verdict == Verdict::not_effective) == (delta_loss >= 0));
  RC_ASSERT((actual.judgement.reason == Reason::descent) == (delta_loss < 0));
  RC_ASSERT((actual.judgement.reason == Reason::ascent) == (delta_loss > 0));
}

// ------------------------------------------------------------------------- certificates

double draw_loss_change(const Draw& d) {
  const Rational half = exact(d.eta) * exact(d.eta) * exact(d.lipschitz) * d.exactly.gg / 2;
  const Rational linear = exact(d.eta) * d.exactly.p;
  switch (*indices(4)) {
    case 0:
      return *doubles();
    case 1:
      return std::clamp(test::nearest(-linear), -largest, largest);
    default:
      return -next_to(test::nearest(half), 0);
  }
}

void certificate_definition(const Subject& subject) {
  const Draw d = draw(false, 8);
  const double delta_loss = draw_loss_change(d);
  RC_ASSERT(subject.discrete_taylor.certifies_effective(d.gram, delta_loss, d.eta, d.lipschitz) ==
            taylor::certifies_effective(d.exactly, exact(delta_loss)));
  RC_ASSERT(subject.discrete_taylor.certifies_decrease(d.gram, d.eta, d.lipschitz) ==
            taylor::certifies_decrease(d.exactly));
}

// On quadratics, for any eta: theta + eta g and the loss there are exact rationals.
void certificate_sound(const Subject& subject) {
  const QuadraticDraw d = draw_quadratic();
  const Gram gram = gram_of(d);
  const ExactPair e(d.delta, d.descent());
  double eta = *positive_doubles();
  const Rational slope = exact(d.lipschitz) * e.gg;
  if (e.p > 0 && slope > 0 && *indices(8) != 0) {
    const Rational critical = 2 * e.p / slope;
    eta = *indices(2) == 0 ? next_to(test::nearest(critical), smallest)
                           : test::nearest(critical * Rational(static_cast<long>(1 + *indices(16)), 8));
  }
  RationalVector point;
  for (std::size_t i = 0; i < d.theta.size(); ++i) {
    point.push_back(d.exact_theta[i] + exact(eta) * d.exact_delta[i]);
  }
  const Rational change = d.loss(point) - d.loss(d.exact_theta);
  const double rounded = std::clamp(test::nearest(change), -largest, largest);
  const double safe =
      std::min(exact(rounded) < change ? std::nextafter(rounded, infinity) : rounded, largest);
  if (subject.discrete_taylor.certifies_decrease(gram, eta, d.lipschitz)) RC_ASSERT((change < 0));
  if (subject.discrete_taylor.certifies_effective(gram, safe, eta, d.lipschitz)) RC_ASSERT((e.p > 0));
  // Sharp: with A = K I the loss falls for no more steps than are certified; with A = -K I the certificate is
  // p > 0.
  if (d.sharp && d.loss.terms.front().coefficient > 0) {
    RC_ASSERT(subject.discrete_taylor.certifies_decrease(gram, eta, d.lipschitz) == (change < 0));
  }
  if (d.sharp && d.loss.terms.front().coefficient < 0 && exact(safe) == change) {
    RC_ASSERT(subject.discrete_taylor.certifies_effective(gram, safe, eta, d.lipschitz) == (e.p > 0));
  }
}

void environment(const Subject& subject) {
  const Draw d = draw(true, 5);
  const PolynomialDraw polynomial = draw_polynomial(4, scales());
  const auto& s = subject.discrete_taylor;
  const double delta_loss = draw_loss_change(d);
  // The callbacks are the caller's: they compute as they like, here always to nearest.
  const auto guarded_loss = [&](Doubles x) {
    const EnvironmentScope scope(Environment::standard);
    return taylor::loss(polynomial.loss, x);
  };
  const auto guarded_gradient = [&](Doubles x, std::span<double> out) {
    const EnvironmentScope scope(Environment::standard);
    taylor::gradient(polynomial.loss, x, out);
  };
  const auto results = [&] {
    Vector out;
    const auto add = [&](std::optional<double> x) { out.push_back(x.value_or(-1)); };
    const auto add_enclosure = [&](const Enclosure& x) {
      out.push_back(x.lo);
      out.push_back(x.hi);
    };
    out.push_back(s.certifies_effective(d.gram, delta_loss, d.eta, d.lipschitz) ? 1 : 0);
    out.push_back(s.certifies_decrease(d.gram, d.eta, d.lipschitz) ? 1 : 0);
    add(s.largest_step(d.gram, d.lipschitz));
    add_enclosure(s.loss_change_bounds(d.gram, d.eta, d.lipschitz));
    add_enclosure(s.second_order_bounds(d.gram, d.eta, delta_loss, d.lipschitz));
    add(s.distance_bound(DiscreteGradientKind::gonzalez, d.gram, d.eta, d.lipschitz));
    add(s.angle_bound(d.gram, d.eta, d.lipschitz, DiscreteGradientKind::mean_value));
    add(s.condition_bound(d.gram, d.eta, d.lipschitz, DiscreteGradientKind::mean_value));
    add(s.condition_change_first_order(d.gram, d.eta, d.lipschitz));
    add_enclosure(s.judge_both(d.gram, d.eta, d.lipschitz, {1, 1 + smallest, 0, smallest}).loss_change);
    MeanValueOptions options;
    options.lipschitz = 1;
    for (const DiscreteGradient& nabla :
         {s.gonzalez(guarded_loss, guarded_gradient, polynomial.theta, polynomial.theta_plus),
          s.mean_value(guarded_loss, guarded_gradient, polynomial.theta, polynomial.theta_plus, options),
          s.itoh_abe(guarded_loss, guarded_gradient, polynomial.theta, polynomial.theta_plus, {})}) {
      out.insert(out.end(), nabla.nabla.begin(), nabla.nabla.end());
      add_enclosure(nabla.defect);
      add(nabla.error_estimate);
      add(nabla.error_bound);
      out.push_back(static_cast<double>(nabla.gradient_evaluations));
    }
    return out;
  };
  const Vector expected = results();
  for (const Environment other : environments) {
    Vector actual;
    {
      const EnvironmentScope scope(other);
      actual = results();
    }
    require_same_elements(actual, expected, std::string("result, ") + name(other));
  }
}

void largest_step_maximal(const Subject& subject) {
  const Draw d = draw(*indices(4) != 0, 8);
  const double expected = taylor::largest_step(d.exactly);
  test::require_same(subject.discrete_taylor.largest_step(d.gram, d.lipschitz),
                     expected > 0 ? std::optional(expected) : std::nullopt, "the largest step");
}

// ------------------------------------------------------------------------- bounds of dL

void loss_change_rounded(const Subject& subject) {
  const Draw d = draw(false, 8);
  require_same(subject.discrete_taylor.loss_change_bounds(d.gram, d.eta, d.lipschitz),
               taylor::loss_change(d.exactly), "dL");
}

void loss_change_quadratics(const Subject& subject) {
  const QuadraticDraw d = draw_quadratic();
  const Enclosure bounds = subject.discrete_taylor.loss_change_bounds(gram_of(d), 1, d.lipschitz);
  RC_ASSERT((exact(bounds.lo) <= d.delta_loss && d.delta_loss <= exact(bounds.hi)));
  if (!d.sharp) return;
  const bool convex = d.loss.terms.front().coefficient > 0;
  test::require_same(convex ? bounds.hi : bounds.lo,
                     convex ? taylor::up(d.delta_loss) : taylor::down(d.delta_loss), "the end attained");
}

void second_order_rounded(const Subject& subject) {
  const Draw d = draw(false, 6);
  const double curvature = *indices(2) == 0 ? *doubles() : integer(-3, 3);
  const double rho = *indices(4) == 0 ? 0.0 : *indices(2) == 0 ? *positive_doubles() : integer(1, 6);
  require_same(subject.discrete_taylor.second_order_bounds(d.gram, d.eta, curvature, rho),
               taylor::second_order(d.exactly, exact(curvature), exact(rho)), "dL");
}

// L(x) = c x^3 on the line: H(x) = 6 c x has the constant rho = 6 |c|, and Taylor's remainder is rho |g|^3/6.
void second_order_cubics(const Subject& subject) {
  const double c = one_of<double>({1, -1, 2, -0.5}), theta = integer(-8, 8) / 4, g = integer(1, 8) / 4;
  const double eta = one_of<double>({1, 0.5, 0.25});
  const Vector step = {g}, y = {-3 * c * theta * theta};
  const Rational x = exact(theta), to = x + exact(eta) * exact(g);
  const Rational change = exact(c) * (to * to * to - x * x * x);
  const Enclosure bounds = subject.discrete_taylor.second_order_bounds(
      Gram::of(step, y), eta, 6 * c * theta * g * g, 6 * std::abs(c));
  test::require_same(c > 0 ? bounds.hi : bounds.lo, c > 0 ? taylor::up(change) : taylor::down(change),
                     "the end attained");
}

// ------------------------------------------------------------------------- the Taylor gradient

void taylor_gradient_polynomials(const Subject& subject) {
  const PolynomialDraw d = draw_polynomial(one_of<unsigned>({2, 3, 4}), one_of<long>({0, 0, 900}));
  const double eta = one_of<double>({1, 0.5, 0.25});
  const Vector y = d.descent();
  Vector g = d.delta;
  for (double& element : g) element /= eta;
  const ExactPair e(g, y);
  const double delta_loss = test::nearest(d.delta_loss);  // a double: see draw_polynomial
  const auto result = subject.discrete_taylor.taylor_gradient(d.hessian(), d.theta, g, y, eta, delta_loss);

  // phi''(t) - 2 (dL + eta p)/eta^2 along the step, exactly.
  const auto rest = [&](const RationalVector& point) {
    return Rational(dot(e.g, d.loss.hessian_product(point, e.g)) -
                    2 * (d.delta_loss + exact(eta) * e.p) / (exact(eta) * exact(eta)));
  };
  const Rational first = rest(d.exact_theta), last = rest(d.exact_theta_plus);
  if (first == 0 || last == 0 || (first < 0) != (last < 0)) RC_ASSERT(result.has_value());
  if (!result) {
    RC_TAG("not found");
    return;
  }
  RC_ASSERT(result->t >= 0);
  RC_ASSERT(result->t <= 1);
  RC_ASSERT(result->evaluations <= TaylorOptions{}.max_evaluations);

  Vector point, product(g.size());
  for (std::size_t i = 0; i < g.size(); ++i) {
    point.push_back(test::nearest(d.exact_theta[i] + exact(result->t) * exact(eta) * e.g[i]));
  }
  taylor::hessian_product(d.loss, point, g, product);
  RationalVector ybar;
  for (std::size_t i = 0; i < g.size(); ++i) ybar.push_back(e.y[i] - exact(eta) / 2 * exact(product[i]));
  require_same_elements(as_vector(result->ybar), nearest(ybar), "ybar");
  const Rational defect = dot(exact(as_vector(result->ybar)), e.g) + d.delta_loss / exact(eta);
  require_same(result->defect, {taylor::down(defect), taylor::up(defect)}, "the defect");

  // What rounding t, the point, the product and ybar may do, in terms of sums of magnitudes; 2^-40 of those
  // when no change of sign was seen.
  RationalVector corner, magnitudes;
  for (std::size_t i = 0; i < g.size(); ++i) {
    corner.push_back(std::max(abs(d.exact_theta[i]), abs(d.exact_theta_plus[i])) + abs(exact(eta) * e.g[i]));
    magnitudes.push_back(abs(e.g[i]));
  }
  const Rational scale = abs(d.delta_loss) / exact(eta) + abs(e.p) +
                         exact(eta) * dot(magnitudes, d.loss.majorant().hessian_product(corner, magnitudes));
  RC_ASSERT((abs(defect) <= power_of_two(-39) * scale));
}

// ------------------------------------------------------------------------- discrete gradients

/// Two points, the second sometimes only a few places from the first.
std::pair<Vector, Vector> draw_points(std::size_t n) {
  Vector theta = *vectors(n), theta_plus = *vectors(n);
  if (*indices(2) == 0) {
    for (std::size_t i = 0; i < n; ++i)
      theta_plus[i] = *indices(3) == 0 ? next_to(theta[i], -largest) : theta[i];
  }
  if (theta == theta_plus) theta_plus[0] = std::nextafter(theta[0], theta[0] > 0 ? -infinity : infinity);
  return {theta, theta_plus};
}

// Whatever doubles the callbacks return.
void gonzalez_rounded(const Subject& subject) {
  const std::size_t n = 1 + *indices(5);
  const auto [theta, theta_plus] = draw_points(n);
  const Vector v = *vectors(n);
  const double before = *doubles(), after = *indices(2) == 0 ? *doubles() : next_to(before, -largest);
  std::vector<Vector> points;
  const DiscreteGradient actual = subject.discrete_taylor.gonzalez(
      [&, &from = theta](Doubles x) { return std::equal(x.begin(), x.end(), from.begin()) ? before : after; },
      [&](Doubles x, std::span<double> out) {
        points.emplace_back(x.begin(), x.end());
        std::copy(v.begin(), v.end(), out.begin());
      },
      theta, theta_plus);
  RationalVector delta, middle;
  for (std::size_t i = 0; i < n; ++i) {
    delta.push_back(exact(theta_plus[i]) - exact(theta[i]));
    middle.push_back((exact(theta_plus[i]) + exact(theta[i])) / 2);
  }
  const Rational delta_loss = exact(after) - exact(before);
  RC_ASSERT(points.size() == 1U);
  require_same_elements(points[0], nearest(middle), "the midpoint");
  require_same_elements(as_vector(actual.nabla), nearest(taylor::gonzalez(exact(v), delta_loss, delta)),
                        "nabla");
  require_consistent(actual, theta, theta_plus, delta_loss);
  require_verdict(actual, delta_loss);
}

void gonzalez_polynomials(const Subject& subject) {
  const PolynomialDraw d = draw_polynomial(4, scales());
  const DiscreteGradient actual =
      subject.discrete_taylor.gonzalez(d.losses(), d.gradients(), d.theta, d.theta_plus);
  require_same_elements(as_vector(actual.nabla), nearest(exact_gradient(d, Kind::gonzalez)), "nabla");
  require_consistent(actual, d.theta, d.theta_plus, d.delta_loss);
  require_verdict(actual, d.delta_loss);
}

void mean_value_polynomials(const Subject& subject) {
  const PolynomialDraw d = draw_polynomial(5, one_of<long>({0, 0, 900, -1000}));
  const DiscreteGradient actual =
      subject.discrete_taylor.mean_value(d.losses(), d.gradients(), d.theta, d.theta_plus, {});
  RC_ASSERT(actual.nabla.n_elem == d.theta.size());
  RationalVector corner;
  for (std::size_t i = 0; i < d.theta.size(); ++i) {
    corner.push_back(std::max(abs(d.exact_theta[i]), abs(d.exact_theta_plus[i])));
  }
  // The rule is exact for these; its nodes, the points and what the callback returns are rounded: each
  // changes an element by at most degree 2^-53 of the sum of the magnitudes of its terms at the corner.
  const RationalVector sizes = d.loss.majorant().gradient(corner),
                       expected = exact_gradient(d, Kind::mean_value);
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    if (!(abs(exact(actual.nabla[i]) - expected[i]) <= power_of_two(-48) * sizes[i] + power_of_two(-1073))) {
      fail("nabla[" + std::to_string(i) + "] is " + hex(actual.nabla[i]) + ", should be about " +
           hex(test::nearest(expected[i])));
    }
  }
  RC_ASSERT(actual.converged);
  RC_ASSERT(actual.error_estimate.has_value());
  RC_ASSERT((value_of(actual.loss_difference) == Rational(test::nearest(d.loss(d.exact_theta_plus))) -
                                                     Rational(test::nearest(d.loss(d.exact_theta)))));
  require_consistent(actual, d.theta, d.theta_plus, value_of(actual.loss_difference));
  require_verdict(actual, value_of(actual.loss_difference));
}

/// A gradient on the line for which the quadrature is as wrong as it can be: period h, slope +-K, changing
/// sign where x = F(x), F the distribution of the weights.
class Sawtooth {
 public:
  Sawtooth() {
    const auto& nodes = boost::math::quadrature::gauss_kronrod<double, 15>::abscissa();
    const auto& weights = boost::math::quadrature::gauss_kronrod<double, 15>::weights();
    std::vector<std::pair<Rational, Rational>> rule;
    Rational sum = 0;
    for (std::size_t k = 0; k < nodes.size(); ++k) {
      for (const int sign : {-1, 1}) {
        if (k == 0 && sign < 0) continue;
        rule.emplace_back((1 + sign * exact(nodes[k])) / 2, exact(weights[k]));
        sum += exact(weights[k]);
      }
    }
    std::sort(rule.begin(), rule.end());
    // x - F changes sign at every node and between neighbours where F lies between them.
    Rational cumulated = 0;
    kinks_.push_back(0);
    for (std::size_t k = 0; k <= rule.size(); ++k) {
      const Rational left = k == 0 ? Rational(0) : rule[k - 1].first;
      const Rational right = k == rule.size() ? Rational(1) : rule[k].first;
      if (left < cumulated && cumulated < right) kinks_.push_back(cumulated);
      kinks_.push_back(right);
      if (k < rule.size()) cumulated += rule[k].second / sum;
    }
    values_.push_back(0);
    cumulated = 0;
    std::size_t node = 0;
    for (std::size_t k = 1; k < kinks_.size(); ++k) {
      const Rational middle = (kinks_[k - 1] + kinks_[k]) / 2;
      while (node < rule.size() && rule[node].first < middle) cumulated += rule[node++].second / sum;
      const Rational width = kinks_[k] - kinks_[k - 1];
      values_.push_back(values_.back() + (middle > cumulated ? width : Rational(-width)));
      mean_ += (values_[k] + values_[k - 1]) / 2 * width;
    }
  }

  /// At x in [0, 1].
  Rational operator()(const Rational& x) const {
    std::size_t k = 1;
    while (k + 1 < kinks_.size() && kinks_[k] < x) ++k;
    return values_[k - 1] + (values_[k] - values_[k - 1]) * (x - kinks_[k - 1]) / (kinks_[k] - kinks_[k - 1]);
  }
  const Rational& mean() const { return mean_; }

 private:
  RationalVector kinks_, values_;
  Rational mean_ = 0;
};

// Attained to 1/1000 on the worst function; K = 2^k, pieces of any depth.
void quadrature_bound_attained(const Subject& subject) {
  static const Sawtooth sawtooth;
  const unsigned depth = static_cast<unsigned>(*indices(4));
  const double lipschitz = std::ldexp(1.0, static_cast<int>(integer(-20, 20)));
  const double width = std::ldexp(1.0, static_cast<int>(integer(-10, 10)));
  const Vector theta = {0}, theta_plus = {width};
  const Rational period = exact(width) * power_of_two(-static_cast<long>(depth));
  const auto value = [&](const Rational& x) {
    const Rational periods = x / period;
    const Integer whole = numerator(periods) / denominator(periods);
    return Rational(exact(lipschitz) * period * sawtooth(periods - Rational(whole)));
  };
  MeanValueOptions options;
  options.max_evaluations = 15ULL << depth;
  options.minimum_depth = depth;
  options.lipschitz = lipschitz;
  const DiscreteGradient actual = subject.discrete_taylor.mean_value(
      [](Doubles) { return 0.0; },
      [&](Doubles x, std::span<double> out) { out[0] = test::nearest(value(exact(x[0]))); }, theta,
      theta_plus, options);
  RC_ASSERT(actual.error_bound.has_value());
  const Rational error = abs(exact(actual.nabla[0]) - exact(lipschitz) * period * sawtooth.mean());
  // The callback's own rounding is not the bound's.
  const Rational slack = exact(lipschitz) * period * power_of_two(-52);
  RC_ASSERT((error <= exact(*actual.error_bound) + slack));
  RC_ASSERT((exact(*actual.error_bound) * Rational(999, 1000) <= error));
}

// Few evaluations, on gradients with kinks at hostile places and scales: |x_i - c| with random c.
void quadrature_bound_holds(const Subject& subject) {
  const std::size_t n = 1 + *indices(3);
  const double scale = one_of<double>({1, 1, 0x1p900, 0x1p-1000});
  Vector theta, theta_plus, kinks;
  for (std::size_t i = 0; i < n; ++i) {
    theta.push_back(integer(-1000, 1000) / 7);
    theta_plus.push_back(*indices(3) == 0 ? next_to(theta.back(), -largest) : integer(-1000, 1000) / 9);
    kinks.push_back(theta[i] + (theta_plus[i] - theta[i]) * integer(0, 64) / 64);
  }
  if (theta == theta_plus) theta_plus[0] += 1;
  MeanValueOptions options;
  options.max_evaluations = 15 * (1 + *indices(6));
  options.minimum_depth = static_cast<unsigned>(*indices(3));
  options.lipschitz = scale;
  std::uint64_t calls = 0;
  const DiscreteGradient actual = subject.discrete_taylor.mean_value(
      [](Doubles) { return 0.0; },
      [&](Doubles x, std::span<double> out) {
        ++calls;
        for (std::size_t i = 0; i < n; ++i) {
          out[i] = test::nearest(exact(scale) * abs(exact(x[i]) - exact(kinks[i])));
        }
      },
      theta, theta_plus, options);
  RC_ASSERT(calls == actual.gradient_evaluations);
  RC_ASSERT(calls <= options.max_evaluations);
  Rational squared = 0, rounding = 0;
  for (std::size_t i = 0; i < n; ++i) {
    // int |theta + xi Delta - c| d xi = (b |b| - a |a|)/(2 Delta)
    const Rational a = exact(theta[i]) - exact(kinks[i]), b = exact(theta_plus[i]) - exact(kinks[i]);
    const Rational mean = a == b ? Rational(abs(a)) : Rational((b * abs(b) - a * abs(a)) / (2 * (b - a)));
    const Rational error = exact(actual.nabla[i]) - exact(scale) * mean;
    squared += error * error;
    rounding += half_ulp(exact(scale) * (abs(a) + abs(b)));
  }
  const Rational bound = exact(*actual.error_bound) + rounding;
  RC_ASSERT((squared <= bound * bound));
}

void itoh_abe_polynomials(const Subject& subject) {
  const PolynomialDraw d = draw_polynomial(4, scales());
  const std::vector<std::size_t> order = draw_order(d.theta.size());
  const DiscreteGradient actual =
      subject.discrete_taylor.itoh_abe(d.losses(), d.gradients(), d.theta, d.theta_plus, order);
  require_same_elements(as_vector(actual.nabla),
                        nearest(taylor::itoh_abe(d.loss, d.exact_theta, d.exact_theta_plus, order)), "nabla");
  require_consistent(actual, d.theta, d.theta_plus, d.delta_loss);
  require_verdict(actual, d.delta_loss);
}

// Whatever doubles the callbacks return, one after the other.
void itoh_abe_rounded(const Subject& subject) {
  const std::size_t n = 1 + *indices(5);
  const auto [theta, theta_plus] = draw_points(n);
  const std::vector<std::size_t> order = draw_order(n);
  Vector losses = {*doubles()};
  for (std::size_t k = 0; k < n; ++k) {
    losses.push_back(*indices(2) == 0 ? *doubles() : next_to(losses.back(), -largest));
  }
  const Vector v = *vectors(n);
  std::size_t call = 0;
  const DiscreteGradient actual = subject.discrete_taylor.itoh_abe(
      [&](Doubles) { return losses.at(call++); },
      [&](Doubles, std::span<double> out) { std::copy(v.begin(), v.end(), out.begin()); }, theta, theta_plus,
      order);
  Vector expected(n);
  std::size_t reached = 0;
  for (const std::size_t i : order) {
    const Rational delta = exact(theta_plus[i]) - exact(theta[i]);
    if (delta == 0) {
      expected[i] = v[i];
      continue;
    }
    expected[i] = test::nearest((exact(losses[reached + 1]) - exact(losses[reached])) / delta);
    ++reached;
  }
  RC_ASSERT(call == reached + 1);
  require_same_elements(as_vector(actual.nabla), expected, "nabla");
  const Rational delta_loss = exact(losses[reached]) - exact(losses[0]);
  require_consistent(actual, theta, theta_plus, delta_loss);
  require_verdict(actual, delta_loss);
}

// The step is natural gradient descent for ybar = -nabla iff the loss falls, whatever y.g is.
void representation_metric(const Subject& subject) {
  const PolynomialDraw d = draw_polynomial(4, 0);
  const DiscreteGradient gradients[] = {
      subject.discrete_taylor.gonzalez(d.losses(), d.gradients(), d.theta, d.theta_plus),
      subject.discrete_taylor.mean_value(d.losses(), d.gradients(), d.theta, d.theta_plus, {}),
      subject.discrete_taylor.itoh_abe(d.losses(), d.gradients(), d.theta, d.theta_plus, {})};
  for (const DiscreteGradient& nabla : gradients) {
    require_verdict(nabla, d.delta_loss);
    Vector ybar = as_vector(nabla.nabla);
    for (double& element : ybar) element = -element;
    const Rational p = dot(exact(ybar), d.exact_delta);
    // -dL but for the defect, and a metric as soon as that is smaller than the fall of the loss.
    RC_ASSERT((abs(p + d.delta_loss) <= power_of_two(-30) * (1 + abs(d.delta_loss))));
    const auto metric = subject.metric(d.delta, ybar, Alpha());
    RC_ASSERT(metric.has_value() == (p > 0));
    if (d.delta_loss < -exact(nabla.defect.hi)) RC_ASSERT(metric.has_value());
    if (metric) require_same_elements(subject.apply(*metric, d.delta), ybar, "M Delta");
  }
}

// ------------------------------------------------------------------------- a priori bounds

void distance_rounded(const Subject& subject) {
  const Draw d = draw(false, 8);
  const Kind kind = draw_kind();
  test::require_same(subject.discrete_taylor.distance_bound(library_kind(kind), d.gram, d.eta, d.lipschitz),
                     taylor::distance(d.exactly, kind), "the distance");
}

Rational squared_distance(const PolynomialDraw& d, const RationalVector& nabla) {
  const RationalVector gradient = d.loss.gradient(d.exact_theta);
  Rational sum = 0;
  for (std::size_t i = 0; i < nabla.size(); ++i) {
    sum += (nabla[i] - gradient[i]) * (nabla[i] - gradient[i]);
  }
  return sum;
}

void distance_quadratics(const Subject& subject) {
  const QuadraticDraw d = draw_quadratic();
  const Kind kind = draw_kind();
  const Rational bound =
      exact(subject.discrete_taylor.distance_bound(library_kind(kind), gram_of(d), 1, d.lipschitz));
  const Rational squared = squared_distance(d, exact_gradient(d, kind));
  RC_ASSERT((squared <= bound * bound));
  // The mean value's is sharp: A = +-K I.
  if (d.sharp && kind == Kind::mean_value) RC_ASSERT((bound * bound <= squared * (1 + power_of_two(-50))));
}

void angle_rounded(const Subject& subject) {
  const Draw d = draw(*indices(4) != 0, 5);
  const Kind kind = draw_kind();
  test::require_same(subject.discrete_taylor.angle_bound(d.gram, d.eta, d.lipschitz, library_kind(kind)),
                     taylor::angle(d.exactly, kind), "the angle");
}

// Exact equality is decided by rationals: asin x is the complement of psi iff x = cos psi.
void angle_right(const Subject& subject) {
  const Draw d = draw(true, 5);
  const Numbers& n = d.exactly;
  const Rational x = n.eta * n.k * n.gg, c = 2 * n.p;
  const bool certified = subject.discrete_taylor.certifies_decrease(d.gram, d.eta, d.lipschitz);
  const auto bound =
      subject.discrete_taylor.angle_bound(d.gram, d.eta, d.lipschitz, DiscreteGradientKind::mean_value);
  if (!bound) {
    RC_ASSERT(!certified);
    return;
  }
  if (x == c) {
    RC_TAG("exactly 90 degrees");
    RC_ASSERT(!certified);
    return;
  }
  const PrecisionScope precision(8192);
  const Real sum = taylor::angle_sum(n, Kind::mean_value);
  const Real right = acos(Real(0));
  RC_ASSERT(certified == (sum < right));
  RC_ASSERT((Real(*bound) >= sum));
}

// cos of the angle between g and the exact ybar, against the cosine of the bound.
void angle_quadratics(const Subject& subject) {
  const QuadraticDraw d = draw_quadratic();
  const Kind kind = draw_kind();
  const auto bound = subject.discrete_taylor.angle_bound(gram_of(d), 1, d.lipschitz, library_kind(kind));
  if (!bound) {
    RC_TAG("no bound");
    return;
  }
  const RationalVector nabla = exact_gradient(d, kind);
  const Rational square = dot(nabla, nabla) * dot(d.exact_delta, d.exact_delta),
                 p = -dot(nabla, d.exact_delta);
  if (square == 0) return;
  const PrecisionScope precision(512);
  // At most pi, which the bound is rounded up from; the slack is for equality.
  const Real most = std::min(Real(*bound), Real(acos(Real(-1))));
  RC_ASSERT((cos(most) <= real(p) / sqrt(real(square)) + ldexp(Real(1), -400)));
}

void condition_first_order_rounded(const Subject& subject) {
  const Draw d = draw(*indices(6) != 0, 5);
  const auto expected =
      d.exactly.p > 0 ? std::optional(taylor::condition_first_order(d.exactly)) : std::nullopt;
  test::require_same(subject.discrete_taylor.condition_change_first_order(d.gram, d.eta, d.lipschitz),
                     expected, "the change of kappa");
}

// kappa(psi + asin x) - kappa(psi), divided by the first-order bound, tends to 1 with x/c.
void condition_first_order_derivative(const Subject& subject) {
  Draw d = draw(true, 5);
  d.lipschitz = 1;
  const Rational tiny = 2 * d.exactly.p / d.exactly.gg * power_of_two(-60);
  d.eta = test::nearest(tiny);
  if (d.eta < 0x1p-1000 || d.eta > 0x1p1000) return;
  d.exactly = taylor::numbers(d.pair.g, d.pair.y, d.eta, 1);
  const auto actual = subject.discrete_taylor.condition_change_first_order(d.gram, d.eta, 1);
  RC_ASSERT(actual.has_value());
  if (!std::isfinite(*actual) || *actual < 0x1p-1000) return;
  const PrecisionScope precision(12000);
  const auto kappa = [](const Real& angle) {
    const Real root = tan(acos(Real(0)) / 2 + angle / 2);
    return Real(root * root);
  };
  Numbers at_rest = d.exactly;
  at_rest.k = 0;
  const Real change = kappa(taylor::angle_sum(d.exactly, Kind::mean_value)) -
                      kappa(taylor::angle_sum(at_rest, Kind::mean_value));
  RC_ASSERT((abs(Real(*actual) / change - 1) < Real(1e-9)));
}

void condition_rounded(const Subject& subject) {
  const Draw d = draw(*indices(6) != 0, 5);
  const Kind kind = draw_kind();
  const auto expected = d.exactly.p > 0 ? taylor::condition(d.exactly, kind) : std::nullopt;
  test::require_same(subject.discrete_taylor.condition_bound(d.gram, d.eta, d.lipschitz, library_kind(kind)),
                     expected, "the bound of kappa");
}

void condition_quadratics(const Subject& subject) {
  const QuadraticDraw d = draw_quadratic();
  const Kind kind = draw_kind();
  const auto bound = subject.discrete_taylor.condition_bound(gram_of(d), 1, d.lipschitz, library_kind(kind));
  if (!bound) {
    RC_TAG("no bound");
    return;
  }
  const RationalVector nabla = exact_gradient(d, kind);
  const Rational p = -dot(nabla, d.exact_delta);
  RC_ASSERT((p > 0));
  const Rational sine = 1 - p * p / (dot(nabla, nabla) * dot(d.exact_delta, d.exact_delta));
  // kappa <= r iff s <= (r - 1)/(r + 1)
  const Rational r = exact(*bound), most = (r - 1) / (r + 1);
  RC_ASSERT((r >= 1 && sine <= most * most));
}

// ------------------------------------------------------------------------- verdicts

StepLoss draw_losses() {
  StepLoss loss;
  loss.before = *doubles();
  loss.after = *indices(2) == 0 ? *doubles() : next_to(loss.before, -largest);
  const double gap = std::abs(loss.after - loss.before);
  const auto error = [&]() -> double {
    switch (*indices(4)) {
      case 0:
        return 0;
      case 1:
        return *positive_doubles();
      default:
        return next_to(std::isfinite(gap) ? gap / 2 : largest, 0);
    }
  };
  loss.before_error = error();
  loss.after_error = error();
  return loss;
}

using taylor::Range;
Range range(const StepLoss& loss) {
  return taylor::loss_change(loss.before, loss.after, loss.before_error, loss.after_error);
}

void require_judgement(const StepJudgement& actual, const Range* losses, const Range* curvature,
                       bool zero_step) {
  Range all = losses != nullptr ? *losses : *curvature;
  if (losses != nullptr && curvature != nullptr) {
    all = {std::max(losses->low, curvature->low), std::min(losses->high, curvature->high)};
  }
  if (zero_step) all = {std::max(all.low, Rational(0)), std::min(all.high, Rational(0))};
  if (all.low > all.high) {
    RC_TAG("contradiction");
    RC_ASSERT(actual.reason == StepReason::contradiction);
    RC_ASSERT(actual.verdict == Verdict::undetermined);
    return;
  }
  require_same(actual.loss_change, {taylor::down(all.low), taylor::up(all.high)}, "dL");
  const Verdict expected = zero_step      ? Verdict::undetermined
                           : all.high < 0 ? Verdict::effective
                           : all.low >= 0 ? Verdict::not_effective
                                          : Verdict::undetermined;
  RC_ASSERT(actual.verdict == expected);
  if (expected == Verdict::undetermined) {
    RC_ASSERT(actual.reason == (zero_step ? StepReason::zero_step : StepReason::inexact));
    return;
  }
  const bool by_losses = losses != nullptr && (losses->high < 0 || losses->low >= 0);
  RC_ASSERT(actual.reason == (by_losses ? (all.high < 0 ? StepReason::decrease : StepReason::no_decrease)
                                        : (all.high < 0 ? StepReason::certified_decrease
                                                        : StepReason::certified_no_decrease)));
}

void verdict_losses(const Subject& subject) {
  const StepLoss loss = draw_losses();
  const StepJudgement actual = subject.discrete_taylor.judge_losses(loss);
  const Range by_losses = range(loss);
  require_judgement(actual, &by_losses, nullptr, false);
  const Rational change = abs(exact(loss.after) - exact(loss.before));
  std::optional<double> cancellation;
  if (change != 0) {
    cancellation =
        test::nearest(std::max(abs(exact(loss.before)), abs(exact(loss.after))) * power_of_two(-53) / change);
  }
  test::require_same(actual.cancellation, cancellation, "the cancellation");
}

void verdict_lipschitz(const Subject& subject) {
  Draw d = draw(*indices(2) == 0, 6);
  const Range curvature = taylor::loss_change_range(d.exactly);
  require_judgement(subject.discrete_taylor.judge_gram(d.gram, d.eta, d.lipschitz), nullptr, &curvature,
                    d.exactly.gg == 0);
  StepLoss loss = draw_losses();
  if (*indices(2) == 0) loss = {0, draw_loss_change(d), 0, *positive_doubles()};
  const Range by_losses = range(loss);
  require_judgement(subject.discrete_taylor.judge_both(d.gram, d.eta, d.lipschitz, loss), &by_losses,
                    &curvature, d.exactly.gg == 0);
}

// ------------------------------------------------------------------------- estimate of K

void lipschitz_definition(const Subject& subject) {
  const std::size_t n = 1 + *indices(4), count = 2 + *indices(4);
  arma::mat theta(n, count), gradient(n, count);
  for (std::size_t k = 0; k < count; ++k) {
    const Vector x = *vectors(n), v = *vectors(n);
    const std::uint64_t choice = *indices(5);
    for (std::size_t i = 0; i < n; ++i) {
      theta(i, k) = k > 0 && choice == 0 ? theta(i, k - 1) : x[i];
      gradient(i, k) = k > 0 && choice <= 1 ? gradient(i, k - 1) : v[i];
    }
  }
  bool infinite = false, any = false;
  std::uint64_t zero_steps = 0, step = 0;
  Rational most = 0;
  for (std::size_t k = 0; k + 1 < count; ++k) {
    Rational dx = 0, dv = 0;
    for (std::size_t i = 0; i < n; ++i) {
      const Rational x = exact(theta(i, k + 1)) - exact(theta(i, k));
      const Rational v = exact(gradient(i, k + 1)) - exact(gradient(i, k));
      dx += x * x;
      dv += v * v;
    }
    if (dx == 0 && dv == 0) {
      ++zero_steps;
    } else if (dx == 0) {
      if (!infinite) step = k;
      infinite = any = true;
    } else if (!infinite && (!any || dv / dx > most)) {
      most = dv / dx;
      step = k;
      any = true;
    }
  }
  const LipschitzEstimate actual = subject.discrete_taylor.estimate_lipschitz(theta, gradient);
  test::require_same(actual.lower_bound,
                     infinite ? infinity : taylor::greatest_double([&](const Rational& r) {
                       return r <= 0 || r * r <= most;
                     }),
                     "the estimate");
  RC_ASSERT(actual.zero_steps == zero_steps);
  RC_ASSERT(actual.step.has_value() == any);
  if (any) RC_ASSERT(actual.step.value_or(count) == step);
}

// Never more than the constant, and all of it for A = +-K I.
void lipschitz_quadratics(const Subject& subject) {
  const QuadraticDraw d = draw_quadratic();
  const std::size_t n = d.theta.size();
  arma::mat theta(n, 2), gradient(n, 2);
  Vector out(n);
  for (const std::size_t k : {std::size_t{0}, std::size_t{1}}) {
    const Vector& point = k == 0 ? d.theta : d.theta_plus;
    taylor::gradient(d.loss, point, out);
    for (std::size_t i = 0; i < n; ++i) {
      theta(i, k) = point[i];
      gradient(i, k) = out[i];
    }
  }
  const LipschitzEstimate actual = subject.discrete_taylor.estimate_lipschitz(theta, gradient);
  RC_ASSERT(actual.lower_bound <= d.lipschitz);
  if (d.sharp) RC_ASSERT(actual.lower_bound == d.lipschitz);
}

// ------------------------------------------------------------------------- plausible mistakes

template <class Member, class Replacement>
Canary replaced(const char* name, Member DiscreteTaylorSubject::*member, Replacement replacement) {
  return {name, [=](Subject& subject) { subject.discrete_taylor.*member = replacement; }};
}

Numbers of_gram(const Gram& gram, double eta, double lipschitz) {
  return {value_of(gram.gg()), value_of(gram.gy()), value_of(gram.yy()),
          exact(eta),          exact(lipschitz),    gram.dimension()};
}
using S = DiscreteTaylorSubject;

Enclosure naive_loss_change(const Gram& gram, double eta, double lipschitz) {
  const double middle = -eta * gram.gy().to_double();
  const double radius = eta * eta * lipschitz * gram.gg().to_double() / 2;
  return {middle - radius, middle + radius};
}

/// Ends rounded to nearest.
Enclosure nearest_ends(const Range& x) {
  return {test::nearest(x.low), test::nearest(x.high)};
}

DiscreteGradient with_nabla(DiscreteGradient out, const Vector& nabla) {
  for (std::size_t i = 0; i < nabla.size(); ++i) out.nabla[i] = nabla[i];
  return out;
}

Vector gradient_at(const GradientFunction& gradient, Doubles theta, Doubles theta_plus, double xi) {
  Vector point(theta.size()), out(theta.size());
  for (std::size_t i = 0; i < point.size(); ++i) point[i] = theta[i] + xi * (theta_plus[i] - theta[i]);
  gradient(point, out);
  return out;
}

template <class Combine>
Canary other_mean(const char* name, Combine combine) {
  return replaced(name, &S::mean_value,
                  [combine](const LossFunction& loss, const GradientFunction& gradient, Doubles theta,
                            Doubles theta_plus, const MeanValueOptions& options) {
                    Vector out(theta.size());
                    combine(out, gradient, theta, theta_plus);
                    return with_nabla(mean_value_gradient(loss, gradient, theta, theta_plus, options), out);
                  });
}

Canary changed_bound(const char* name, double factor) {
  return replaced(name, &S::mean_value,
                  [factor](const LossFunction& loss, const GradientFunction& gradient, Doubles theta,
                           Doubles theta_plus, const MeanValueOptions& options) {
                    DiscreteGradient out = mean_value_gradient(loss, gradient, theta, theta_plus, options);
                    if (out.error_bound) *out.error_bound *= factor;
                    return out;
                  });
}

/// Elements in doubles, from a rounded Delta.
Vector naive_gonzalez(const LossFunction& loss, const GradientFunction& gradient, Doubles theta,
                      Doubles theta_plus) {
  Vector v = gradient_at(gradient, theta, theta_plus, 0.5), delta;
  double along = 0, length = 0;
  for (std::size_t i = 0; i < v.size(); ++i) {
    delta.push_back(theta_plus[i] - theta[i]);
    along += v[i] * delta[i];
    length += delta[i] * delta[i];
  }
  const double weight = (loss(theta_plus) - loss(theta) - along) / length;
  for (std::size_t i = 0; i < v.size(); ++i) v[i] += weight * delta[i];
  return v;
}

/// All secants from theta: what does not telescope.
Vector secants_from_theta(const LossFunction& loss, Doubles theta, Doubles theta_plus) {
  Vector out(theta.size());
  for (std::size_t i = 0; i < out.size(); ++i) {
    if (theta[i] == theta_plus[i]) continue;
    Vector point(theta.begin(), theta.end());
    point[i] = theta_plus[i];
    out[i] = (loss(point) - loss(theta)) / (theta_plus[i] - theta[i]);
  }
  return out;
}

Canary angle_with(const char* name, std::function<std::optional<double>(const Numbers&, Kind)> f) {
  return replaced(name, &S::angle_bound,
                  [f](const Gram& gram, double eta, double lipschitz, DiscreteGradientKind kind) {
                    return f(of_gram(gram, eta, lipschitz), reference_kind(kind));
                  });
}
Canary condition_with(
    const char* name,
    std::function<std::optional<double>(const Gram&, double, double, DiscreteGradientKind)> f) {
  return replaced(name, &S::condition_bound, f);
}

std::vector<Canary> certificate_canaries() {
  return {
      replaced("K in place of K/2", &S::certifies_effective,
               [](const Gram& gram, double delta_loss, double eta, double lipschitz) {
                 return natgrad::certifies_effective(gram.gg(), delta_loss, eta, lipschitz / 2);
               }),
      replaced("a decrease of exactly the bound suffices", &S::certifies_effective,
               [](const Gram& gram, double delta_loss, double eta, double lipschitz) {
                 const Numbers n = of_gram(gram, eta, lipschitz);
                 return n.gg > 0 && -exact(delta_loss) >= n.eta * n.eta * n.k * n.gg / 2;
               }),
      replaced("eta once", &S::certifies_effective,
               [](const Gram& gram, double delta_loss, double eta, double lipschitz) {
                 const Numbers n = of_gram(gram, eta, lipschitz);
                 return n.gg > 0 && -exact(delta_loss) > n.eta * n.k * n.gg / 2;
               }),
      replaced("eta = 2 p/(K gg) certified", &S::certifies_decrease,
               [](const Gram& gram, double eta, double lipschitz) {
                 const Numbers n = of_gram(gram, eta, lipschitz);
                 return n.p > 0 && n.eta * n.k * n.gg <= 2 * n.p;
               }),
      replaced("in doubles", &S::certifies_decrease,
               [](const Gram& gram, double eta, double lipschitz) {
                 return eta * lipschitz * gram.gg().to_double() < 2 * gram.gy().to_double();
               }),
  };
}

}  // namespace

std::vector<Property> discrete_taylor_properties() {
  const std::string claim = "discrete_taylor.";
  std::vector<Property> laws;
  const auto add = [&](const char* of, const char* law, const char* statement, void (*body)(const Subject&),
                       std::vector<Canary> canaries, int divisor) {
    laws.push_back({claim + of, law, statement, body, std::move(canaries), divisor});
  };

  add("certificate", "definition", "the certificates hold exactly when the rational inequalities do",
      certificate_definition, certificate_canaries(), 1);
  add("certificate", "quadratics",
      "a certified decrease is one, a certified effective step has p > 0, and both are sharp",
      certificate_sound,
      {replaced("K/2 in place of K", &S::certifies_decrease,
                [](const Gram& gram, double eta, double lipschitz) {
                  return natgrad::certifies_decrease(gram, eta, lipschitz / 2);
                }),
       replaced("p/(K gg) in place of 2 p/(K gg)", &S::certifies_decrease,
                [](const Gram& gram, double eta, double lipschitz) {
                  const Numbers n = of_gram(gram, eta, lipschitz);
                  return n.eta * n.k * n.gg < n.p;
                }),
       replaced("any decrease certifies", &S::certifies_effective,
                [](const Gram&, double delta_loss, double, double) { return delta_loss < 0; })},
      1);
  add("certificate", "environment", "no bit depends on the rounding mode or flush-to-zero", environment,
      {replaced("in doubles", &S::loss_change_bounds, naive_loss_change)}, 4);

  add("largest_step", "maximal", "the largest double that is strictly below 2 p/(K gg)", largest_step_maximal,
      {replaced("rounded to nearest", &S::largest_step,
                [](const Gram& gram, double lipschitz) -> std::optional<double> {
                  const Numbers n = of_gram(gram, 1, lipschitz);
                  if (n.p <= 0) return std::nullopt;
                  if (n.k * n.gg == 0) return largest;
                  return std::min(largest, test::nearest(2 * n.p / (n.k * n.gg)));
                }),
       replaced("2 p/(K gg) itself allowed", &S::largest_step,
                [](const Gram& gram, double lipschitz) -> std::optional<double> {
                  const Numbers n = of_gram(gram, 1, lipschitz);
                  if (n.p <= 0) return std::nullopt;
                  const double step = taylor::greatest_double(
                      [&](const Rational& eta) { return eta <= 0 || eta * n.k * n.gg <= 2 * n.p; });
                  return step > 0 ? std::optional(step) : std::nullopt;
                })},
      2);

  add("loss_change", "rounded", "each end is the exact one, rounded outward", loss_change_rounded,
      {replaced("in doubles", &S::loss_change_bounds, naive_loss_change),
       replaced("ends to nearest", &S::loss_change_bounds,
                [](const Gram& gram, double eta, double lipschitz) {
                  return nearest_ends(taylor::loss_change_range(of_gram(gram, eta, lipschitz)));
                }),
       replaced("K in place of K/2", &S::loss_change_bounds,
                [](const Gram& gram, double eta, double lipschitz) {
                  Numbers n = of_gram(gram, eta, lipschitz);
                  n.k *= 2;
                  const taylor::Bounds bounds = taylor::loss_change(n);
                  return Enclosure{bounds.lo, bounds.hi};
                })},
      2);
  add("loss_change", "quadratics", "dL lies within, and at an end if the Hessian is +-K I",
      loss_change_quadratics,
      {replaced("half as wide", &S::loss_change_bounds,
                [](const Gram& gram, double eta, double lipschitz) {
                  return natgrad::loss_change_bounds(gram, eta, lipschitz / 2);
                }),
       replaced("twice as wide", &S::loss_change_bounds,
                [](const Gram& gram, double eta, double lipschitz) {
                  return natgrad::loss_change_bounds(gram, eta, lipschitz * 2);
                })},
      1);

  const auto other_order = [](std::function<Enclosure(const Gram&, double, double, double)> f) { return f; };
  add("second_order", "rounded", "each end is the exact one, rounded outward", second_order_rounded,
      {replaced("ends one place off", &S::second_order_bounds,
                other_order([](const Gram& gram, double eta, double curvature, double rho) {
                  Enclosure out = natgrad::second_order_bounds(gram, eta, curvature, rho);
                  out.lo = std::nextafter(out.lo, infinity);
                  return out;
                })),
       replaced("|g|^2 in place of |g|^3", &S::second_order_bounds,
                other_order([](const Gram& gram, double eta, double curvature, double rho) {
                  const Numbers n = of_gram(gram, eta, 0);
                  const Rational middle = -n.eta * n.p + n.eta * n.eta * exact(curvature) / 2;
                  const Rational radius = n.eta * n.eta * n.eta * exact(rho) * n.gg / 6;
                  return Enclosure{taylor::down(middle - radius), taylor::up(middle + radius)};
                }))},
      2);
  add("second_order", "cubics", "the ends are attained by cubics", second_order_cubics,
      {replaced("rho/2 in place of rho/6", &S::second_order_bounds,
                other_order([](const Gram& gram, double eta, double curvature, double rho) {
                  return natgrad::second_order_bounds(gram, eta, curvature, 3 * rho);
                })),
       replaced("the curvature not halved", &S::second_order_bounds,
                other_order([](const Gram& gram, double eta, double curvature, double rho) {
                  return natgrad::second_order_bounds(gram, eta, 2 * curvature, rho);
                })),
       replaced("eta^2 in place of eta^3", &S::second_order_bounds,
                other_order([](const Gram& gram, double eta, double curvature, double rho) {
                  return natgrad::second_order_bounds(gram, eta, curvature, rho / eta);
                }))},
      1);

  const auto changed_taylor = [](const char* name, double at, double factor) {
    return replaced(name, &S::taylor_gradient,
                    [=](const HessianProduct& hessian, Doubles theta, Doubles g, Doubles y, double eta,
                        double delta_loss) {
                      auto result = natgrad::taylor_gradient(hessian, theta, g, y, eta, delta_loss);
                      if (!result) return result;
                      if (at >= 0) result->t = at;
                      Vector point(g.size()), product(g.size());
                      for (std::size_t i = 0; i < g.size(); ++i) point[i] = theta[i] + result->t * eta * g[i];
                      hessian(point, g, product);
                      for (std::size_t i = 0; i < g.size(); ++i)
                        result->ybar[i] = y[i] - factor * eta * product[i];
                      return result;
                    });
  };
  add("taylor_gradient", "polynomials",
      "ybar.g = -dL/eta to rounding, found whenever the ends differ in sign", taylor_gradient_polynomials,
      {changed_taylor("H at theta", 0, 0.5), changed_taylor("H at theta+", 1, 0.5),
       changed_taylor("eta in place of eta/2", -1, 1), changed_taylor("the Hessian term added", -1, -0.5),
       replaced("gives up without a change of sign on the grid of ends", &S::taylor_gradient,
                [](const HessianProduct& hessian, Doubles theta, Doubles g, Doubles y, double eta,
                   double delta_loss) {
                  TaylorOptions options;
                  options.max_evaluations = 2;
                  options.tolerance = 0;
                  auto result = natgrad::taylor_gradient(hessian, theta, g, y, eta, delta_loss, options);
                  return result;
                })},
      2);

  add("gonzalez", "rounded", "each element is the rounded rational one, whatever the callbacks return",
      gonzalez_rounded,
      {replaced(
           "in doubles", &S::gonzalez,
           [](const LossFunction& loss, const GradientFunction& gradient, Doubles theta, Doubles theta_plus) {
             return with_nabla(
                 gonzalez_gradient(loss, gradient, theta, theta_plus),
                 naive_gonzalez(
                     loss, [&](Doubles x, std::span<double> v) { gradient(x, v); }, theta, theta_plus));
           }),
       replaced(
           "dL in doubles", &S::gonzalez,
           [](const LossFunction& loss, const GradientFunction& gradient, Doubles theta, Doubles theta_plus) {
             DiscreteGradient out = gonzalez_gradient(loss, gradient, theta, theta_plus);
             const double difference = std::clamp(out.loss_difference.to_double(), -largest, largest);
             out.loss_difference = loss_difference(0, difference);
             return out;
           })},
      2);
  add("gonzalez", "polynomials", "on polynomials, the rounded exact discrete gradient", gonzalez_polynomials,
      {replaced(
           "the gradient at theta", &S::gonzalez,
           [](const LossFunction& loss, const GradientFunction& gradient, Doubles theta, Doubles theta_plus) {
             const Vector at_theta = gradient_at(gradient, theta, theta_plus, 0);
             return gonzalez_gradient(
                 loss,
                 [&](Doubles, std::span<double> v) {
                   std::copy(at_theta.begin(), at_theta.end(), v.begin());
                 },
                 theta, theta_plus);
           }),
       replaced(
           "without the correction", &S::gonzalez,
           [](const LossFunction& loss, const GradientFunction& gradient, Doubles theta, Doubles theta_plus) {
             return with_nabla(gonzalez_gradient(loss, gradient, theta, theta_plus),
                               gradient_at(gradient, theta, theta_plus, 0.5));
           })},
      2);

  add("mean_value", "polynomials", "the mean of the gradient, to rounding", mean_value_polynomials,
      {other_mean("the trapezoidal rule",
                  [](Vector& mean, const GradientFunction& gradient, Doubles theta, Doubles theta_plus) {
                    const Vector a = gradient_at(gradient, theta, theta_plus, 0),
                                 b = gradient_at(gradient, theta, theta_plus, 1);
                    for (std::size_t i = 0; i < mean.size(); ++i) mean[i] = a[i] / 2 + b[i] / 2;
                  }),
       other_mean("the midpoint rule",
                  [](Vector& mean, const GradientFunction& gradient, Doubles theta, Doubles theta_plus) {
                    mean = gradient_at(gradient, theta, theta_plus, 0.5);
                  }),
       other_mean("Simpson's rule, exact to degree 3 only",
                  [](Vector& mean, const GradientFunction& gradient, Doubles theta, Doubles theta_plus) {
                    const Vector a = gradient_at(gradient, theta, theta_plus, 0),
                                 m = gradient_at(gradient, theta, theta_plus, 0.5),
                                 b = gradient_at(gradient, theta, theta_plus, 1);
                    for (std::size_t i = 0; i < mean.size(); ++i)
                      mean[i] = a[i] / 6 + m[i] * 2 / 3 + b[i] / 6;
                  })},
      6);
  add("quadrature_bound", "attained", "the bound is attained by the worst gradient with constant K",
      quadrature_bound_attained, {changed_bound("halved", 0.5), changed_bound("doubled", 2)}, 4);
  add("quadrature_bound", "holds", "the bound holds for gradients with kinks, at any scale and budget",
      quadrature_bound_holds,
      {changed_bound("a fiftieth", 0.02),
       replaced("the estimate in its place", &S::mean_value,
                [](const LossFunction& loss, const GradientFunction& gradient, Doubles theta,
                   Doubles theta_plus, const MeanValueOptions& options) {
                  DiscreteGradient nabla = mean_value_gradient(loss, gradient, theta, theta_plus, options);
                  nabla.error_bound = nabla.error_estimate.value_or(0) / 4;
                  return nabla;
                })},
      4);

  add("itoh_abe", "polynomials", "on polynomials, the rounded exact secants, in any order",
      itoh_abe_polynomials,
      {replaced(
           "the natural order always", &S::itoh_abe,
           [](const LossFunction& loss, const GradientFunction& gradient, Doubles theta, Doubles theta_plus,
              std::span<const std::size_t>) { return itoh_abe_gradient(loss, gradient, theta, theta_plus); }),
       replaced("all secants from theta", &S::itoh_abe,
                [](const LossFunction& loss, const GradientFunction& gradient, Doubles theta,
                   Doubles theta_plus, std::span<const std::size_t> order) {
                  return with_nabla(itoh_abe_gradient(loss, gradient, theta, theta_plus, order),
                                    secants_from_theta(loss, theta, theta_plus));
                }),
       replaced("0 where a coordinate does not move", &S::itoh_abe,
                [](const LossFunction& loss, const GradientFunction& gradient, Doubles theta,
                   Doubles theta_plus, std::span<const std::size_t> order) {
                  DiscreteGradient nabla = itoh_abe_gradient(loss, gradient, theta, theta_plus, order);
                  for (std::size_t i = 0; i < theta.size(); ++i)
                    if (theta[i] == theta_plus[i]) nabla.nabla[i] = 0;
                  return nabla;
                }),
       replaced("the gradient at theta where a coordinate does not move", &S::itoh_abe,
                [](const LossFunction& loss, const GradientFunction& gradient, Doubles theta,
                   Doubles theta_plus, std::span<const std::size_t> order) {
                  DiscreteGradient nabla = itoh_abe_gradient(loss, gradient, theta, theta_plus, order);
                  const Vector at_theta = gradient_at(gradient, theta, theta_plus, 0);
                  for (std::size_t i = 0; i < theta.size(); ++i)
                    if (theta[i] == theta_plus[i]) nabla.nabla[i] = at_theta[i];
                  return nabla;
                })},
      2);
  add("itoh_abe", "rounded", "each secant is the rounded quotient of exact differences; they telescope",
      itoh_abe_rounded,
      {replaced("differences in doubles", &S::itoh_abe,
                [](const LossFunction& loss, const GradientFunction& gradient, Doubles theta,
                   Doubles theta_plus, std::span<const std::size_t> order) {
                  double last = 0;
                  std::size_t call = 0;
                  Vector quotients(theta.size());
                  Vector changes;
                  const LossFunction spied = [&](Doubles x) {
                    const double value = loss(x);
                    if (call++ > 0) changes.push_back(value - last);
                    last = value;
                    return value;
                  };
                  DiscreteGradient nabla = itoh_abe_gradient(spied, gradient, theta, theta_plus, order);
                  std::size_t k = 0;
                  for (const std::size_t i : order) {
                    if (theta[i] != theta_plus[i]) nabla.nabla[i] = changes[k++] / (theta_plus[i] - theta[i]);
                  }
                  return nabla;
                })},
      2);

  add("representation", "metric", "a step is natural gradient descent for -nabla iff the loss falls",
      representation_metric,
      {replaced(
           "the verdict of the gradient at theta", &S::gonzalez,
           [](const LossFunction& loss, const GradientFunction& gradient, Doubles theta, Doubles theta_plus) {
             DiscreteGradient nabla = gonzalez_gradient(loss, gradient, theta, theta_plus);
             Vector y = gradient_at(gradient, theta, theta_plus, 0), delta(theta.size());
             for (std::size_t i = 0; i < y.size(); ++i) {
               y[i] = -y[i];
               delta[i] = theta_plus[i] - theta[i];
             }
             nabla.judgement = Gram::of(delta, y).judge();
             return nabla;
           }),
       other_mean("the gradient at theta in place of its mean",
                  [](Vector& mean, const GradientFunction& gradient, Doubles theta, Doubles theta_plus) {
                    mean = gradient_at(gradient, theta, theta_plus, 0);
                  })},
      6);

  const auto distance_factor = [](const char* name, double factor) {
    return replaced(name, &S::distance_bound,
                    [=](DiscreteGradientKind kind, const Gram& gram, double eta, double lipschitz) {
                      return factor * natgrad::distance_bound(kind, gram, eta, lipschitz);
                    });
  };
  add("distance", "rounded", "each bound is the exact one, rounded up", distance_rounded,
      {replaced("rounded to nearest", &S::distance_bound,
                [](DiscreteGradientKind kind, const Gram& gram, double eta, double lipschitz) {
                  const double bound = natgrad::distance_bound(kind, gram, eta, lipschitz);
                  const Numbers n = of_gram(gram, eta, lipschitz);
                  const Rational squared =
                      taylor::factor(reference_kind(kind), n.dimension) * n.eta * n.eta * n.k * n.k * n.gg;
                  const Rational below = exact(std::nextafter(bound, 0.0)),
                                 middle = std::isfinite(bound) ? Rational((below + exact(bound)) / 2) : below;
                  return squared < middle * middle ? std::nextafter(bound, 0.0) : bound;
                }),
       replaced("Gonzalez' and the mean value's exchanged", &S::distance_bound,
                [](DiscreteGradientKind kind, const Gram& gram, double eta, double lipschitz) {
                  const auto other = kind == DiscreteGradientKind::gonzalez ? DiscreteGradientKind::mean_value
                                     : kind == DiscreteGradientKind::mean_value
                                         ? DiscreteGradientKind::gonzalez
                                         : kind;
                  return natgrad::distance_bound(other, gram, eta, lipschitz);
                })},
      2);
  add("distance", "quadratics", "no exact discrete gradient is further away; the mean value's bound is sharp",
      distance_quadratics, {distance_factor("halved", 0.5), distance_factor("doubled", 2)}, 1);

  add("angle", "rounded", "psi + asin(b/|y|), rounded up", angle_rounded,
      {angle_with("one place too small",
                  [](const Numbers& n, Kind kind) -> std::optional<double> {
                    const auto angle = taylor::angle(n, kind);
                    if (!angle || *angle == 0) return angle;
                    return std::nextafter(*angle, 0.0);
                  }),
       angle_with("atan in place of asin",
                  [](const Numbers& n, Kind kind) -> std::optional<double> {
                    const auto angle = taylor::angle(n, kind);
                    if (!angle) return angle;
                    const Rational square =
                        taylor::factor(kind, n.dimension) * n.eta * n.eta * n.k * n.k * n.gg / n.yy;
                    const PrecisionScope precision(512);
                    const Real x = sqrt(real(square));
                    return Real(Real(*angle) - asin(x) + atan(x)).convert_to<double>();
                  })},
      2);
  add("angle", "right angle", "below pi/2 exactly when eta < 2 p/(K gg)", angle_right,
      {replaced("equality certified, and one place more", &S::certifies_decrease,
                [](const Gram& gram, double eta, double lipschitz) {
                  return natgrad::certifies_decrease(gram, std::nextafter(eta, 0.0) * 0.999999, lipschitz);
                }),
       angle_with("K/2 in place of K",
                  [](const Numbers& n, Kind kind) {
                    Numbers half = n;
                    half.k /= 2;
                    return taylor::angle(half, kind);
                  })},
      4);
  add("angle", "quadratics", "no exact discrete gradient is at a larger angle", angle_quadratics,
      {angle_with("psi alone",
                  [](const Numbers& n, Kind kind) {
                    Numbers at_rest = n;
                    at_rest.k = 0;
                    return taylor::angle(at_rest, kind);
                  }),
       angle_with("a third of K",
                  [](const Numbers& n, Kind kind) {
                    Numbers less = n;
                    less.k /= 3;
                    return taylor::angle(less, kind);
                  })},
      1);

  const auto first_order = [](const char* name, auto f) {
    return replaced(name, &S::condition_change_first_order, f);
  };
  add("condition_first_order", "rounded", "eta kappa K gg/p, rounded up", condition_first_order_rounded,
      {first_order("rounded down",
                   [](const Gram& gram, double eta, double lipschitz) {
                     auto change = natgrad::condition_change_first_order(gram, eta, lipschitz);
                     if (change && *change > 0) *change = std::nextafter(*change, 0.0);
                     return change;
                   }),
       first_order("in doubles",
                   [](const Gram& gram, double eta, double lipschitz) -> std::optional<double> {
                     const auto kappa = condition(gram);
                     if (!kappa) return std::nullopt;
                     return eta * *kappa * lipschitz * gram.gg().to_double() / gram.gy().to_double();
                   })},
      4);
  add("condition_first_order", "derivative", "the first order of kappa(psi + asin x) in x",
      condition_first_order_derivative,
      {first_order("half of it",
                   [](const Gram& gram, double eta, double lipschitz) {
                     return natgrad::condition_change_first_order(gram, eta / 2, lipschitz);
                   }),
       first_order("without kappa",
                   [](const Gram& gram, double eta, double lipschitz) -> std::optional<double> {
                     const Numbers n = of_gram(gram, eta, lipschitz);
                     return test::nearest(n.eta * n.k * n.gg / n.p);
                   })},
      6);
  add("condition_bound", "rounded", "((1 + sin phi)/cos phi)^2, rounded up; defined iff phi < pi/2",
      condition_rounded,
      {condition_with("the first-order bound",
                      [](const Gram& gram, double eta, double lipschitz, DiscreteGradientKind) {
                        auto change = natgrad::condition_change_first_order(gram, eta, lipschitz);
                        if (change) *change += condition(gram).value_or(1);
                        return change;
                      }),
       condition_with("one place too small",
                      [](const Gram& gram, double eta, double lipschitz, DiscreteGradientKind kind) {
                        auto bound = natgrad::condition_bound(gram, eta, lipschitz, kind);
                        if (bound) *bound = std::nextafter(*bound, 0.0);
                        return bound;
                      })},
      4);
  add("condition_bound", "quadratics", "no exact discrete gradient has a larger condition number",
      condition_quadratics,
      {condition_with("kappa itself",
                      [](const Gram& gram, double eta, double lipschitz,
                         DiscreteGradientKind kind) -> std::optional<double> {
                        if (!natgrad::condition_bound(gram, eta, lipschitz, kind)) return std::nullopt;
                        return condition(gram);
                      }),
       condition_with("a third of K",
                      [](const Gram& gram, double eta, double lipschitz, DiscreteGradientKind kind) {
                        return natgrad::condition_bound(gram, eta, lipschitz / 3, kind);
                      })},
      1);

  add("step_verdict", "losses", "effective iff certainly dL < 0, not effective iff certainly dL >= 0",
      verdict_losses,
      {replaced("the errors ignored", &S::judge_losses,
                [](StepLoss loss) {
                  loss.before_error = loss.after_error = 0;
                  return judge_step(loss);
                }),
       replaced("errors of one value only", &S::judge_losses,
                [](StepLoss loss) {
                  loss.before_error = 0;
                  return judge_step(loss);
                }),
       replaced("no change counts as effective", &S::judge_losses,
                [](const StepLoss& loss) {
                  StepJudgement verdict = judge_step(loss);
                  if (range(loss).high == 0) verdict.verdict = Verdict::effective;
                  return verdict;
                }),
       replaced("cancellation in doubles", &S::judge_losses,
                [](const StepLoss& loss) {
                  StepJudgement verdict = judge_step(loss);
                  if (verdict.cancellation) {
                    verdict.cancellation = 0x1p-53 * std::max(std::abs(loss.before), std::abs(loss.after)) /
                                           std::abs(loss.after - loss.before);
                  }
                  return verdict;
                })},
      1);
  add("step_verdict", "with K", "losses and K together, a contradiction said", verdict_lipschitz,
      {replaced("K ignored", &S::judge_both,
                [](const Gram&, double, double, const StepLoss& loss) { return judge_step(loss); }),
       replaced("a contradiction passed over", &S::judge_both,
                [](const Gram& gram, double eta, double lipschitz, const StepLoss& loss) {
                  StepJudgement both = judge_step(gram, eta, lipschitz, loss);
                  return both.reason == StepReason::contradiction ? judge_step(loss) : both;
                }),
       replaced("the verdict of p", &S::judge_gram,
                [](const Gram& gram, double eta, double lipschitz) {
                  StepJudgement verdict = judge_step(gram, eta, lipschitz);
                  verdict.verdict = gram.judge().verdict;
                  return verdict;
                })},
      2);

  const auto estimate = [](const char* name, auto change) {
    return replaced(name, &S::estimate_lipschitz,
                    [change](const arma::mat& theta, const arma::mat& gradient) {
                      LipschitzEstimate out = natgrad::estimate_lipschitz(theta, gradient);
                      change(out, theta, gradient);
                      return out;
                    });
  };
  add("lipschitz_estimate", "definition", "the largest quotient of exact differences, rounded down",
      lipschitz_definition,
      {estimate("rounded up",
                [](LipschitzEstimate& e, const arma::mat&, const arma::mat&) {
                  if (e.lower_bound > 0 && std::isfinite(e.lower_bound)) {
                    e.lower_bound = std::nextafter(e.lower_bound, infinity);
                  }
                }),
       estimate("in doubles",
                [](LipschitzEstimate& e, const arma::mat& theta, const arma::mat& gradient) {
                  if (!e.step) return;
                  const auto k = static_cast<arma::uword>(*e.step);
                  e.lower_bound = arma::norm(gradient.col(k + 1) - gradient.col(k)) /
                                  arma::norm(theta.col(k + 1) - theta.col(k));
                }),
       estimate("a jump at rest passed over",
                [](LipschitzEstimate& e, const arma::mat&, const arma::mat&) {
                  if (std::isinf(e.lower_bound)) e.lower_bound = 0;
                })},
      2);
  add("lipschitz_estimate", "quadratics", "never above K; K itself for a Hessian +-K I", lipschitz_quadratics,
      {estimate("rounded up",
                [](LipschitzEstimate& e, const arma::mat&, const arma::mat&) {
                  e.lower_bound = std::nextafter(e.lower_bound, infinity);
                })},
      1);
  return laws;
}

}  // namespace natgrad::test
