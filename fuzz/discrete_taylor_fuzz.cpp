// natgrad: finite steps against their inequalities in rationals; discrete gradients of whatever doubles the
// callbacks return, and of polynomials of which the mean gradient is known.
#include <algorithm>
#include <array>
#include <bit>
#include <boost/math/quadrature/gauss_kronrod.hpp>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "input.hpp"
#include "support/discrete_taylor_reference.hpp"
#include "support/forge.hpp"
#include "target.hpp"

namespace natgrad::fuzz {

namespace {

using test::exact;
using test::Rational;
using test::RationalVector;
using test::value_of;
using test::taylor::Kind;
using test::taylor::Numbers;
using test::taylor::Polynomial;
using Doubles = std::span<const double>;
using Vector = std::vector<double>;

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double largest = std::numeric_limits<double>::max();
constexpr double smallest = std::numeric_limits<double>::denorm_min();

double finite(double x) {
  return std::isnan(x) ? 0 : std::clamp(x, -largest, largest);
}
Vector nearest(const RationalVector& x) {
  Vector out;
  for (const Rational& element : x) out.push_back(test::nearest(element));
  return out;
}
Vector as_vector(const arma::vec& x) {
  return {x.begin(), x.end()};
}
template <class Elements>
bool all_finite(const Elements& x) {
  return std::all_of(x.begin(), x.end(), [](double element) { return std::isfinite(element); });
}
bool all_zero(Doubles x) {
  return std::all_of(x.begin(), x.end(), [](double element) { return element == 0; });
}

double next_to(Input& input, const Rational& x, double low) {
  const int places = input.between(-2, 2);
  double out = std::clamp(test::nearest(x), low, largest);
  for (int k = 0; k < std::abs(places); ++k) out = std::nextafter(out, places < 0 ? -infinity : infinity);
  return std::clamp(out, low, largest);
}

void require_enclosure(const Enclosure& actual, const Rational& low, const Rational& high,
                       const std::string& what) {
  require_same(actual.lo, test::taylor::down(low), what + ".lo");
  require_same(actual.hi, test::taylor::up(high), what + ".hi");
}

// ------------------------------------------------------------------------- certificates and bounds

struct Draw {
  Pair pair;
  Gram gram;
  double eta = 1, lipschitz = 1;
  Numbers exactly;
};

/// eta often at the largest certified step, or next to it.
Draw draw(Input& input) {
  const bool critical = !input.one_in(4), none = input.one_in(8);
  Draw out;
  out.pair = pair(input, 5);
  const Pair& p = out.pair;
  out.lipschitz = none ? 0 : positive(input);
  out.eta = positive(input);
  const test::ExactPair e(p.g, p.y);
  const Rational slope = exact(out.lipschitz) * e.gg;
  if (critical && slope != 0 && e.p != 0) out.eta = next_to(input, 2 * abs(e.p) / slope, smallest);
  input.note("lipschitz", out.lipschitz);
  input.note("eta", out.eta);
  out.gram = Gram::of(p.g, p.y);
  out.exactly = test::taylor::numbers(p.g, p.y, out.eta, out.lipschitz);
  return out;
}

void certificates(Input& input) {
  const Draw d = draw(input);
  const double change = -next_to(input, d.exactly.eta * d.exactly.eta * d.exactly.k * d.exactly.gg / 2, 0);
  input.note("delta_loss", change);
  const auto& s = subject().discrete_taylor;
  const bool effective = test::taylor::certifies_effective(d.exactly, exact(change));
  require(s.certifies_effective(d.gram, change, d.eta, d.lipschitz) == effective,
          "certifies_effective is wrong");
  require(natgrad::certifies_effective(d.pair.g, change, d.eta, d.lipschitz) == effective,
          "certifies_effective of vectors is wrong");
  const bool decrease = test::taylor::certifies_decrease(d.exactly);
  require(s.certifies_decrease(d.gram, d.eta, d.lipschitz) == decrease, "certifies_decrease is wrong");
  require(natgrad::certifies_decrease(d.pair.g, d.pair.y, d.eta, d.lipschitz) == decrease,
          "certifies_decrease of vectors is wrong");
  const double step = test::taylor::largest_step(d.exactly);
  require_same(s.largest_step(d.gram, d.lipschitz).value_or(0), step, "largest_step");
  require_same(natgrad::largest_step(d.pair.g, d.pair.y, d.lipschitz).value_or(0), step,
               "largest_step of vectors");
}

void bounds(Input& input) {
  const double curvature = input.number();
  const Draw d = draw(input);
  const auto& s = subject().discrete_taylor;
  const auto first = test::taylor::loss_change(d.exactly);
  const Enclosure actual = s.loss_change_bounds(d.gram, d.eta, d.lipschitz);
  require_same(actual.lo, first.lo, "loss_change_bounds.lo");
  require_same(actual.hi, first.hi, "loss_change_bounds.hi");
  require(
      natgrad::loss_change_bounds(d.pair.g, d.pair.y, d.eta, d.lipschitz) == Enclosure{first.lo, first.hi},
      "loss_change_bounds of vectors");
  const auto second = test::taylor::second_order(d.exactly, exact(curvature), d.exactly.k);
  const Enclosure cubic = s.second_order_bounds(d.gram, d.eta, curvature, d.lipschitz);
  require_same(cubic.lo, second.lo, "second_order_bounds.lo");
  require_same(cubic.hi, second.hi, "second_order_bounds.hi");
  // With y in place of H g: the curvature is p.
  const auto along = test::taylor::second_order(d.exactly, d.exactly.p, d.exactly.k);
  require(natgrad::second_order_bounds(d.pair.g, d.pair.y, d.pair.y, d.eta, d.lipschitz) ==
              Enclosure{along.lo, along.hi},
          "second_order_bounds of vectors");
}

void distances(Input& input) {
  const auto choice = input.below(3);
  const Draw d = draw(input);
  const auto& s = subject().discrete_taylor;
  const Kind kind = choice == 0 ? Kind::mean_value : choice == 1 ? Kind::gonzalez : Kind::itoh_abe;
  const auto name = choice == 0   ? DiscreteGradientKind::mean_value
                    : choice == 1 ? DiscreteGradientKind::gonzalez
                                  : DiscreteGradientKind::itoh_abe;
  require_same(s.distance_bound(name, d.gram, d.eta, d.lipschitz), test::taylor::distance(d.exactly, kind),
               "distance_bound");
  require_same(s.angle_bound(d.gram, d.eta, d.lipschitz, name), test::taylor::angle(d.exactly, kind),
               "angle_bound");
  require_same(s.condition_bound(d.gram, d.eta, d.lipschitz, name),
               d.exactly.p > 0 ? test::taylor::condition(d.exactly, kind) : std::nullopt, "condition_bound");
  require_same(s.condition_change_first_order(d.gram, d.eta, d.lipschitz),
               d.exactly.p > 0 ? std::optional(test::taylor::condition_first_order(d.exactly)) : std::nullopt,
               "condition_change_first_order");
}

// ------------------------------------------------------------------------- the verdict on a step

using test::taylor::Range;
Range range(const StepLoss& loss) {
  return test::taylor::loss_change(loss.before, loss.after, loss.before_error, loss.after_error);
}

/// Losses that agree with what else is known of dL, or just do not; errors that just reach what is critical.
StepLoss step_loss(Input& input, std::uint64_t kind, std::uint64_t errors, const Range& other) {
  StepLoss loss;
  loss.before = kind == 3 || kind == 4 ? 0 : input.number();
  switch (kind) {
    case 0:
      loss.after = input.number();
      break;
    case 1:
      loss.after = next_to(input, exact(loss.before), -largest);
      break;
    case 2:
      loss.after = loss.before;
      break;
    case 3:
      loss.after = next_to(input, other.low, -largest);
      break;
    case 4:
      loss.after = next_to(input, other.high, -largest);
      break;
    default:
      loss.after = next_to(input, exact(loss.before) + other.high, -largest);
  }
  const Rational change = exact(loss.after) - exact(loss.before);
  switch (errors) {
    case 0:
      break;
    case 1:
      loss.before_error = positive(input);
      loss.after_error = positive(input);
      break;
    case 2:
      loss.before_error = next_to(input, abs(change), 0);
      break;
    case 3:
      loss.before_error = next_to(input, abs(change) / 2, 0);
      loss.after_error = next_to(input, abs(change) / 2, 0);
      break;
    case 4:
      loss.after_error = next_to(input, abs(change - other.low), 0);
      break;
    case 5:
      loss.after_error = next_to(input, abs(change - other.high), 0);
      break;
    default:
      loss.before_error = positive(input);
      loss.after_error = next_to(input, abs(change) - exact(loss.before_error), 0);
  }
  input.note("loss: before, after, and their errors",
             Vector{loss.before, loss.after, loss.before_error, loss.after_error});
  return loss;
}

void require_step_judgement(const StepJudgement& actual, const StepLoss* loss, const Range* curvature,
                            bool zero_step) {
  const std::optional<Range> losses = loss != nullptr ? std::optional(range(*loss)) : std::nullopt;
  Range all = losses ? *losses : *curvature;
  if (losses && curvature != nullptr) {
    all = {std::max(losses->low, curvature->low), std::min(losses->high, curvature->high)};
  }
  if (zero_step) all = {std::max(all.low, Rational(0)), std::min(all.high, Rational(0))};

  std::optional<double> cancellation;
  if (loss != nullptr && loss->before != loss->after) {
    const Rational change = abs(exact(loss->after) - exact(loss->before));
    cancellation = test::nearest(std::max(abs(exact(loss->before)), abs(exact(loss->after))) *
                                 test::power_of_two(-53) / change);
  }
  require_same(actual.cancellation, cancellation, "the cancellation");

  if (all.low > all.high) {
    require(actual.reason == StepReason::contradiction && actual.verdict == Verdict::undetermined,
            "a contradiction is not said");
    require(actual.loss_change == Enclosure{infinity, -infinity}, "a contradiction leaves some dL");
    return;
  }
  require(actual.reason != StepReason::contradiction, "no contradiction");
  require_enclosure(actual.loss_change, all.low, all.high, "dL");
  const Verdict expected = zero_step      ? Verdict::undetermined
                           : all.high < 0 ? Verdict::effective
                           : all.low >= 0 ? Verdict::not_effective
                                          : Verdict::undetermined;
  require(actual.verdict == expected, "the verdict on the step is wrong");
  const bool by_losses = losses && (losses->high < 0 || losses->low >= 0);
  const StepReason reason = zero_step                           ? StepReason::zero_step
                            : expected == Verdict::undetermined ? StepReason::inexact
                            : expected == Verdict::effective
                                ? by_losses ? StepReason::decrease : StepReason::certified_decrease
                            : by_losses ? StepReason::no_decrease
                                        : StepReason::certified_no_decrease;
  require(actual.reason == reason, "the reason of the verdict on the step is wrong");
}

void verdict_by_lipschitz(Input& input) {
  const bool both = input.below(4) != 0;
  const std::uint64_t kind = both ? input.below(6) : 0, errors = both ? input.below(7) : 0;
  const Draw d = draw(input);
  const Range curvature = test::taylor::loss_change_range(d.exactly);
  const auto& s = subject().discrete_taylor;
  const bool zero_step = d.exactly.gg == 0;
  if (!both) {
    require_step_judgement(s.judge_gram(d.gram, d.eta, d.lipschitz), nullptr, &curvature, zero_step);
    return;
  }
  const StepLoss loss = step_loss(input, kind, errors, curvature);
  require_step_judgement(s.judge_both(d.gram, d.eta, d.lipschitz, loss), &loss, &curvature, zero_step);
}

// ------------------------------------------------------------------------- discrete gradients

struct Step {
  Vector theta, theta_plus;
  RationalVector delta;

  Step(Vector from, Vector to) : theta(std::move(from)), theta_plus(std::move(to)) {
    for (std::size_t i = 0; i < theta.size(); ++i) delta.push_back(exact(theta_plus[i]) - exact(theta[i]));
  }
  bool moved() const { return theta != theta_plus; }
};

/// Anywhere; a few places on; with coordinates that rest; or none, but for the signs of zeros.
Step draw_step(Input& input, std::size_t n) {
  const auto kind = input.below(4);
  Vector theta = vector(input, n), theta_plus = kind == 0 ? vector(input, n) : theta;
  for (std::size_t i = 0; i < n; ++i) {
    if (kind == 1) theta_plus[i] = next_to(input, exact(theta[i]), -largest);
    if (kind == 2 && input.one_in(2)) theta_plus[i] = input.number();
    if (kind == 3 && theta[i] == 0) theta_plus[i] = -theta[i];
  }
  input.note("theta_plus", theta_plus);
  return {theta, theta_plus};
}

void verdict_by_losses(Input& input) {
  const bool points = input.one_in(2);
  const auto kind = input.below(6), errors = input.below(7);
  const StepLoss loss = step_loss(input, kind, errors, {0, 0});
  if (!points) {
    require_step_judgement(subject().discrete_taylor.judge_losses(loss), &loss, nullptr, false);
    return;
  }
  const Step step = draw_step(input, 1 + input.below(3));
  require_step_judgement(natgrad::judge_step(step.theta, step.theta_plus, loss), &loss, nullptr,
                         !step.moved());
}

/// Callbacks that return any doubles, one after the other, and remember.
struct Callbacks {
  explicit Callbacks(Input& source) : input(source) {}

  LossFunction loss() {
    return [this](Doubles x) {
      loss_points.emplace_back(x.begin(), x.end());
      const bool close = !losses.empty() && input.one_in(2);
      losses.push_back(close ? next_to(input, exact(losses.back()), -largest) : input.number());
      input.note("loss", losses.back());
      return losses.back();
    };
  }
  GradientFunction gradient() {
    return [this](Doubles x, std::span<double> out) {
      gradient_points.emplace_back(x.begin(), x.end());
      gradients.push_back(vector(input, x.size()));
      std::copy(gradients.back().begin(), gradients.back().end(), out.begin());
    };
  }
  /// L(theta+) - L(theta)
  Rational change() const { return exact(losses.back()) - exact(losses.front()); }

  Input& input;
  std::vector<Vector> loss_points, gradient_points, gradients;
  Vector losses;
};

struct Expected {
  DiscreteGradientKind kind;
  std::uint64_t losses, gradients;
  Rational change;               // dL
  std::optional<bool> vanishes;  // the exact discrete gradient; nullopt if that is left open
};

void require_consistent(const DiscreteGradient& actual, const Step& step, const Expected& expected) {
  require(actual.kind == expected.kind, "the kind is wrong");
  require(actual.loss_evaluations == expected.losses, "the number of losses is wrong");
  require(actual.gradient_evaluations == expected.gradients, "the number of gradients is wrong");
  require(value_of(actual.loss_difference) == expected.change, "dL is wrong");
  const Judgement& j = actual.judgement;
  const int sign = expected.change.sign();
  if (!step.moved()) {
    require(j == (expected.vanishes.value() ? Judgement{Verdict::undetermined, Reason::stationary}
                                            : Judgement{Verdict::not_effective, Reason::zero_update}),
            "the judgement at rest is wrong");
  } else if (sign != 0) {
    require(j == (sign < 0 ? Judgement{Verdict::effective, Reason::descent}
                           : Judgement{Verdict::not_effective, Reason::ascent}),
            "the judgement is wrong");
  } else {
    require(j.verdict == Verdict::not_effective, "the verdict on equal losses is wrong");
    const bool may_vanish = expected.vanishes.value_or(true), may_not = !expected.vanishes.value_or(false);
    require((may_vanish && j.reason == Reason::zero_gradient) || (may_not && j.reason == Reason::orthogonal),
            "the reason of the verdict on equal losses is wrong");
  }

  require(actual.nabla.n_elem == step.theta.size(), "nabla has a wrong length");
  const Vector nabla = as_vector(actual.nabla);
  if (!all_finite(nabla)) {
    require(actual.defect == Enclosure{-infinity, infinity}, "the defect of an infinite nabla is wrong");
    return;
  }
  const Rational along = test::dot(exact(nabla), step.delta);
  require_enclosure(actual.defect, along - expected.change, along - expected.change, "the defect");

  // A metric maps Delta to ybar, in doubles, iff dL + (the defect) < 0.
  Vector ybar = nabla, minus_theta = step.theta;
  for (double& element : ybar) element = -element;
  for (double& element : minus_theta) element = -element;
  const Gram gram = subject().gram_of_pair_and_doubles(PairSpan{step.theta_plus, minus_theta}, ybar);
  require((gram.judge().verdict == Verdict::effective) == (along < 0), "the verdict on (Delta, ybar)");
  const Vector delta = nearest(step.delta);
  if (all_finite(delta) && exact(delta) == step.delta) {
    require(subject().metric(delta, ybar, Alpha()).has_value() == (along < 0), "the metric of (Delta, ybar)");
  }
}

void gonzalez(Input& input) {
  const std::size_t n = 1 + input.below(4);
  const auto variant = input.below(8);
  const bool rests = variant == 6, level = variant == 7;
  const Vector theta = vector(input, n);
  Vector theta_plus = rests ? theta : vector(input, n);
  const Vector v = vector(input, n);
  if (theta == theta_plus && !rests)
    theta_plus[0] = std::nextafter(theta[0], theta[0] > 0 ? -infinity : infinity);
  const double before = input.number(), after = level ? before : input.number();
  input.note("losses", Vector{before, after});
  input.note("theta_plus", theta_plus);
  std::size_t call = 0;
  std::vector<Vector> points;
  const DiscreteGradient actual =
      subject().discrete_taylor.gonzalez([&](Doubles) { return call++ == 0 ? before : after; },
                                         [&](Doubles x, std::span<double> out) {
                                           points.emplace_back(x.begin(), x.end());
                                           std::copy(v.begin(), v.end(), out.begin());
                                         },
                                         theta, theta_plus);
  const Step step(theta, theta_plus);
  const Rational change = step.moved() ? Rational(exact(after) - exact(before)) : Rational(0);
  RationalVector expected = exact(v), middle;
  if (step.moved()) expected = test::taylor::gonzalez(exact(v), change, step.delta);
  for (std::size_t i = 0; i < n; ++i) middle.push_back((exact(theta[i]) + exact(theta_plus[i])) / 2);
  require(points.size() == 1, "one gradient, of the midpoint");
  require_same_elements(points[0], nearest(middle), "the midpoint");
  require_same_elements(actual.nabla, nearest(expected), "nabla");
  const bool vanishes =
      std::all_of(expected.begin(), expected.end(), [](const Rational& x) { return x == 0; });
  const std::uint64_t losses = step.moved() ? 2 : 1;
  require(call == losses, "the number of losses is wrong");
  require_consistent(actual, step, {DiscreteGradientKind::gonzalez, losses, 1, change, vanishes});
}

void itoh_abe(Input& input) {
  const std::size_t n = 1 + input.below(4);
  std::vector<std::size_t> order(n);
  std::iota(order.begin(), order.end(), std::size_t{0});
  const bool natural = input.one_in(4);
  for (std::size_t i = n; i > 1 && !natural; --i) std::swap(order[i - 1], order[i - 1 - input.below(i)]);
  const Step step = draw_step(input, n);
  Callbacks calls(input);
  const DiscreteGradient actual = subject().discrete_taylor.itoh_abe(
      calls.loss(), calls.gradient(), step.theta, step.theta_plus,
      natural ? std::span<const std::size_t>() : std::span<const std::size_t>(order));

  Vector point = step.theta, expected(n);
  std::size_t reached = 0, gradients = 0;
  bool known = false, vanishes = true;
  require(!calls.losses.empty() && calls.loss_points[0] == point, "the first loss is not that of theta");
  for (const std::size_t i : order) {
    if (step.delta[i] == 0) {
      if (!known) ++gradients;
      known = true;
      require(gradients <= calls.gradients.size(), "a gradient is missing");
      require(calls.gradient_points[gradients - 1] == point, "a gradient is that of another point");
      expected[i] = calls.gradients[gradients - 1][i];
    } else {
      point[i] = step.theta_plus[i];
      known = false;
      ++reached;
      require(reached < calls.losses.size(), "a loss is missing");
      require(calls.loss_points[reached] == point, "a loss is that of another point");
      const Rational secant =
          (exact(calls.losses[reached]) - exact(calls.losses[reached - 1])) / step.delta[i];
      expected[i] = test::nearest(secant);
      vanishes = vanishes && secant == 0;
    }
    vanishes = vanishes && expected[i] == 0;
  }
  require(calls.losses.size() == reached + 1 && calls.gradients.size() == gradients, "too many evaluations");
  require_same_elements(actual.nabla, expected, "nabla");
  require_consistent(actual, step,
                     {DiscreteGradientKind::itoh_abe, reached + 1, gradients, calls.change(), vanishes});
}

// ------------------------------------------------------------------------- the mean value

/// Gauss and Kronrod on [0, 1], from the doubles of Boost, each set of weights divided by its sum.
struct Rule {
  static constexpr std::size_t points = 15;
  RationalVector node, weight, gauss;
  Rational distance;  // int |x - F|, F the distribution of the weights

  Rule() {
    using Kronrod = boost::math::quadrature::gauss_kronrod<double, points>;
    using Gauss = boost::math::quadrature::gauss<double, 7>;
    std::vector<std::array<double, 3>> half;
    for (std::size_t k = 0; k < Kronrod::abscissa().size(); ++k) {
      half.push_back({Kronrod::abscissa()[k], Kronrod::weights()[k], 0});
      for (std::size_t j = 0; j < Gauss::abscissa().size(); ++j) {
        if (std::abs(Gauss::abscissa()[j] - half[k][0]) < 1e-9) half[k][2] = Gauss::weights()[j];
      }
    }
    for (const double side : {-1.0, 1.0}) {
      for (const auto& [x, w, v] : half) {
        if (x == 0 && side < 0) continue;
        node.push_back((1 + exact(side) * exact(x)) / 2);
        weight.push_back(exact(w));
        gauss.push_back(exact(v));
      }
    }
    std::vector<std::size_t> order(points);
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return node[a] < node[b]; });
    for (RationalVector* x : {&node, &weight, &gauss}) {
      const RationalVector unsorted = *x;
      for (std::size_t k = 0; k < points; ++k) (*x)[k] = unsorted[order[k]];
    }
    for (RationalVector* x : {&weight, &gauss}) {
      const Rational sum = std::accumulate(x->begin(), x->end(), Rational(0));
      for (Rational& element : *x) element /= sum;
    }
    Rational f = 0;
    for (std::size_t k = 0; k <= points; ++k) {
      const Rational left = k == 0 ? Rational(0) : node[k - 1], right = k == points ? Rational(1) : node[k];
      const Rational a = (left - f) * (left - f) / 2, b = (right - f) * (right - f) / 2;
      distance += f <= left ? Rational(b - a) : f >= right ? Rational(a - b) : Rational(a + b);
      if (k < points) f += weight[k];
    }
  }
};

/// A loss of which the gradient, its mean along a step and a Lipschitz constant are known exactly.
struct Smooth {
  bool polynomial = true;
  Polynomial loss;
  std::vector<Polynomial> derivative;
  double slope = 1;  // grad L = slope |x_i - kinks_i| otherwise
  Vector kinks;

  RationalVector gradient(Doubles x) const {
    RationalVector out;
    for (std::size_t i = 0; i < x.size(); ++i) {
      out.push_back(polynomial ? derivative[i](exact(x)) : exact(slope) * abs(exact(x[i]) - exact(kinks[i])));
    }
    return out;
  }
  RationalVector mean(const Step& step) const {
    if (polynomial) return test::taylor::mean_gradient(loss, exact(step.theta), exact(step.theta_plus));
    RationalVector out;
    for (std::size_t i = 0; i < kinks.size(); ++i) {
      // int |a + xi (b - a)| d xi = (b |b| - a |a|)/(2 (b - a))
      const Rational a = exact(step.theta[i]) - exact(kinks[i]), b = a + step.delta[i];
      out.push_back(exact(slope) * (a == b ? Rational(abs(a)) : (b * abs(b) - a * abs(a)) / (2 * (b - a))));
    }
    return out;
  }
  /// On the box of a step; nullopt if no double is one.
  std::optional<double> lipschitz(std::span<const Rational> corner) const {
    if (!polynomial) return slope;
    Rational squared = 0;
    for (const Polynomial& d : derivative) {
      for (std::size_t j = 0; j < corner.size(); ++j) {
        const Rational h = d.majorant().derivative(j)(corner);
        squared += h * h;
      }
    }
    const double k =
        test::taylor::least_double([&](const Rational& r) { return r >= 0 && r * r >= squared; });
    return std::isfinite(k) ? std::optional(k) : std::nullopt;
  }
};

Smooth draw_smooth(Input& input, std::size_t n, const Step& step, bool polynomial) {
  Smooth out;
  out.polynomial = polynomial;
  if (!polynomial) {
    out.slope = positive(input);
    for (std::size_t i = 0; i < n; ++i) {
      const int eighths = input.between(0, 8);
      out.kinks.push_back(finite(test::nearest(exact(step.theta[i]) + Rational(eighths, 8) * step.delta[i])));
    }
    input.note("kinks", out.kinks);
    return out;
  }
  out.loss.dimension = n;
  const auto count = 1 + input.below(3);
  const int scale = input.one_in(3) ? input.between(-1000, 900) : 0;
  for (std::uint64_t k = 0; k < count; ++k) {
    test::taylor::Monomial term{0, std::vector<unsigned>(n)};
    for (auto degree = 1 + input.below(4); degree > 0; --degree) ++term.powers[input.below(n)];
    const double coefficient = input.number(-4, 4);
    term.coefficient = exact(coefficient) * test::power_of_two(scale);
    std::string text;
    for (const unsigned power : term.powers) text += " " + std::to_string(power);
    input.note_text("powers", text);
    input.note("coefficient", std::ldexp(coefficient, scale));
    out.loss.terms.push_back(term);
  }
  for (std::size_t i = 0; i < n; ++i) out.derivative.push_back(out.loss.derivative(i));
  return out;
}

/// What is exactly known when no piece was halved: pieces of width 2^-depth, in order.
void require_quadrature(const DiscreteGradient& actual, const Step& step, const MeanValueOptions& options,
                        unsigned depth, const std::vector<Vector>& points,
                        const std::vector<Vector>& values) {
  static const Rule rule;
  const std::size_t n = step.theta.size(), pieces = std::size_t{1} << depth;
  RationalVector sum(n);
  const test::PrecisionScope precision(320);
  using test::Real;
  const auto norm = [](const RationalVector& x) { return Real(sqrt(test::real(test::dot(x, x)))); };
  Real roundings = 0, estimate = 0, scale = 0;
  bool within = true, beyond = false;
  const Real tolerance(options.tolerance), little = ldexp(Real(1), -45);
  for (std::size_t piece = 0; piece < pieces; ++piece) {
    RationalVector difference(n);
    for (std::size_t k = 0; k < Rule::points; ++k) {
      const std::size_t call = piece * Rule::points + k;
      const Rational xi = (piece + rule.node[k]) / pieces;
      RationalVector point, rounding;
      for (std::size_t i = 0; i < n; ++i) {
        const Rational value = exact(values[call][i]);
        point.push_back(exact(step.theta[i]) + xi * step.delta[i]);
        rounding.push_back(exact(points[call][i]) - point.back());
        sum[i] += rule.weight[k] / pieces * value;
        difference[i] += (rule.weight[k] - rule.gauss[k]) * value;
      }
      require_same_elements(points[call], nearest(point), "a point of the quadrature");
      if (options.lipschitz) roundings += test::real(rule.weight[k] / pieces) * norm(rounding);
      scale = std::max(scale, norm(exact(values[call])));
    }
    const Real error = norm(difference);
    estimate += error / static_cast<unsigned>(pieces);
    within = within && error <= tolerance * scale * (1 - little) - little * scale;
    beyond = beyond || error > tolerance * scale * (1 + little) + little * scale;
  }
  require_same_elements(actual.nabla, nearest(sum), "nabla");
  require(!(within && !actual.converged), "converged, and does not say so");
  require(!(beyond && actual.converged), "not converged, and does not say so");
  require(actual.converged || Rule::points * (pieces + 2) > options.max_evaluations,
          "a piece could still be halved");
  require(actual.error_estimate.has_value(), "no estimate");
  const Real tiny = ldexp(Real(1), -1074);
  if (std::isfinite(*actual.error_estimate)) {
    require(abs(Real(*actual.error_estimate) - estimate) <= ldexp(scale, -40) + tiny, "the estimate");
  } else {
    require(estimate > Real(largest) / 2, "the estimate is infinite");
  }

  if (!options.lipschitz || !all_finite(actual.nabla)) return;
  // K (|Delta| C sum h^2 + |rounding of points|) + |rounding of nabla|, up to the roundings of the bound.
  RationalVector rounding;
  for (std::size_t i = 0; i < n; ++i) rounding.push_back(exact(actual.nabla[i]) - sum[i]);
  const Real spread = norm(step.delta) * test::real(rule.distance / pieces);
  const Real bound = Real(*options.lipschitz) * (spread + roundings) + norm(rounding);
  const double given = actual.error_bound.value();
  require(std::isinf(given) || Real(given) >= bound * (1 - ldexp(Real(1), -200)), "the bound is too small");
  const Real most = bound * (1 + ldexp(Real(1), -50)) + tiny;
  require(std::isinf(given) ? most > Real(largest) : Real(given) <= most, "the bound is too large");
}

void mean_value(Input& input) {
  const auto source = input.below(4);  // a polynomial as often as not; gradients with kinks; any doubles
  const auto tolerance = input.below(4);
  const bool bounded = !input.one_in(4);
  MeanValueOptions options;
  options.max_evaluations = 15 * (1 + input.below(3)) + input.below(15);
  options.minimum_depth = static_cast<unsigned>(input.below(3));
  const std::size_t n = 1 + input.below(3);
  const Step step = draw_step(input, n);
  if (tolerance == 1) options.tolerance = 4;  // beyond any difference of the two rules
  if (tolerance == 2) options.tolerance = 0;
  if (tolerance == 3) options.tolerance = positive(input);

  const bool any = source == 3, polynomial = source < 2;
  Smooth smooth;
  std::vector<Vector> table;
  if (any) {
    const auto rows = 1 + input.below(5);
    for (std::uint64_t k = 0; k < rows; ++k) table.push_back(vector(input, n));
  } else {
    smooth = draw_smooth(input, n, step, polynomial);
  }
  RationalVector corner;
  for (std::size_t i = 0; i < n; ++i) {
    corner.push_back(std::max(abs(exact(step.theta[i])), abs(exact(step.theta_plus[i]))));
  }
  bool valid = false;
  if (bounded && any) options.lipschitz = positive(input);
  if (bounded && !any) {
    options.lipschitz = smooth.lipschitz(corner);
    valid = options.lipschitz.has_value();
  }
  input.note("max_evaluations", static_cast<double>(options.max_evaluations));
  input.note("minimum_depth", options.minimum_depth);
  if (options.lipschitz) input.note("lipschitz", *options.lipschitz);

  Callbacks calls(input);
  std::vector<Vector> points, values;
  Rational callback_rounding = 0;
  bool clamped = false;
  Vector losses;
  const LossFunction any_loss = calls.loss();
  const DiscreteGradient actual = subject().discrete_taylor.mean_value(
      [&](Doubles x) {
        losses.push_back(polynomial ? finite(test::taylor::loss(smooth.loss, x)) : any_loss(x));
        return losses.back();
      },
      [&](Doubles x, std::span<double> out) {
        points.emplace_back(x.begin(), x.end());
        if (any) {
          values.push_back(table[values.size() % table.size()]);
        } else {
          const RationalVector exactly = smooth.gradient(x);
          values.push_back(nearest(exactly));
          Rational sum = 0;
          for (std::size_t i = 0; i < n; ++i) {
            clamped = clamped || !std::isfinite(values.back()[i]);
            values.back()[i] = finite(values.back()[i]);
            sum += abs(exact(values.back()[i]) - exactly[i]);
          }
          callback_rounding = std::max(callback_rounding, sum);
        }
        std::copy(values.back().begin(), values.back().end(), out.begin());
      },
      step.theta, step.theta_plus, options);

  require(losses.size() == (step.moved() ? 2 : 1), "the number of losses is wrong");
  const bool all_zeros =
      std::all_of(values.begin(), values.end(), [](const Vector& v) { return all_zero(v); });
  // Gradients that cancel: whether their mean is said to be 0 is left open.
  std::optional<bool> vanishes = all_zeros;
  if (step.moved() && !all_zeros && all_zero(as_vector(actual.nabla))) vanishes = std::nullopt;
  require_consistent(actual, step,
                     {DiscreteGradientKind::mean_value, losses.size(), values.size(),
                      exact(losses.back()) - exact(losses.front()), vanishes});
  require(actual.error_bound.has_value() == options.lipschitz.has_value(), "a bound iff K is given");
  if (!step.moved()) {
    require(values.size() == 1, "one gradient, at theta");
    require_same_elements(actual.nabla, values[0], "nabla");
    require_same(actual.error_estimate, 0.0, "the estimate at rest");
    require_same(actual.error_bound.value_or(0), 0, "the bound at rest");
    return;
  }

  const std::uint64_t most = options.max_evaluations / Rule::points;
  unsigned depth = 0;
  while (depth < options.minimum_depth && std::uint64_t{2} << depth <= most) ++depth;
  const std::uint64_t fewest = std::uint64_t{Rule::points} << depth;
  require(values.size() >= fewest && values.size() <= options.max_evaluations && values.size() % 15 == 0,
          "the number of gradients is outside its limits");
  require(tolerance != 1 || (actual.converged && values.size() == fewest), "halved for no reason");
  if (values.size() == fewest) require_quadrature(actual, step, options, depth, points, values);

  if (any || !all_finite(actual.nabla)) return;
  const RationalVector mean = smooth.mean(step);
  if (valid && std::isfinite(*actual.error_bound)) {
    Rational squared = 0;
    for (std::size_t i = 0; i < n; ++i) {
      const Rational error = exact(actual.nabla[i]) - mean[i];
      squared += error * error;
    }
    const Rational bound = exact(*actual.error_bound) + callback_rounding;
    require(squared <= bound * bound, "the mean is further away than the bound");
  }
  // The rule is exact for these; nodes, points, weights and what the callback returns are rounded.
  if (polynomial && !clamped && std::all_of(corner.begin(), corner.end(), [](const Rational& x) {
        return x == 0 || x > test::power_of_two(-960);
      })) {
    const RationalVector sizes = smooth.loss.majorant().gradient(corner);
    for (std::size_t i = 0; i < n; ++i) {
      require(abs(exact(actual.nabla[i]) - mean[i]) <=
                  test::power_of_two(-47) * sizes[i] + test::power_of_two(-1073),
              "nabla is not the mean");
    }
  }
}

// ------------------------------------------------------------------------- the Taylor gradient

/// H(x) v = A v + (b_i + c_i x_i + d_i x_i^2) v_i in doubles, never infinite: the loss is what has it.
struct Hessian {
  arma::mat a;
  Vector b, c, d;

  void operator()(Doubles x, Doubles v, std::span<double> out) const {
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double curved = d[i] == 0 ? 0 : d[i] * x[i] * x[i],
                   diagonal = (b[i] + c[i] * x[i] + curved) * v[i];
      double dense = 0;
      for (std::size_t j = 0; j < x.size() && !a.empty(); ++j) dense += a(i, j) * v[j];
      out[i] = finite(diagonal + dense);
    }
  }
};

struct TaylorProblem {
  Hessian hessian;
  Vector theta, g, y;
  RationalVector exact_g, weight;  // g, eta^2/2 g
  Rational eta, change, descent;   // change: dL, descent: eta p

  Vector point(const Rational& t) const {
    Vector out;
    for (std::size_t i = 0; i < g.size(); ++i) {
      out.push_back(test::nearest(exact(theta[i]) + t * eta * exact_g[i]));
    }
    return out;
  }
  Vector product_at(const Vector& point) const {
    Vector out(g.size());
    hessian(point, g, out);
    return out;
  }
  /// eta^2/2 g.(H g)
  Rational bend(const Vector& product) const { return test::dot(weight, exact(product)); }
  /// dL + eta p - (eta^2/2) g.H g, of which a zero is looked for
  Rational rest(const Vector& product) const { return change + descent - bend(product); }
};

/// theta + eta g is made finite by a shorter step, then by one in the opposite direction.
void keep_in_range(Doubles theta, double& eta, Vector& g) {
  const auto outside = [&](std::size_t i) {
    return !std::isfinite(test::nearest(exact(theta[i]) + exact(eta) * exact(g[i])));
  };
  for (std::size_t i = 0; i < g.size(); ++i)
    if (outside(i)) eta = std::min(eta, 1.0);
  for (std::size_t i = 0; i < g.size(); ++i)
    if (outside(i)) g[i] = -g[i];
}

/// g.H g is monotone along the step, and so is what is computed: the best point is next to the one zero.
void require_neighbour(const TaylorProblem& problem, double t, const Rational& least) {
  const auto rest = [&](std::uint64_t rank) {
    return problem.rest(problem.product_at(problem.point(exact(std::bit_cast<double>(rank)))));
  };
  const std::uint64_t start = std::bit_cast<std::uint64_t>(t + 0.0), one = std::bit_cast<std::uint64_t>(1.0);
  const int sign = rest(0).sign();
  // From t in ever longer strides beyond the change of sign, then back.
  std::uint64_t low = start, high = start;
  if (rest(start).sign() == sign) {
    for (std::uint64_t stride = 1; low == high || rest(high).sign() == sign; stride *= 2) {
      require(high < one, "no change of sign");
      low = high;
      high = std::min(one, high + stride);
    }
  } else {
    for (std::uint64_t stride = 1; low == high || rest(low).sign() != sign; stride *= 2) {
      high = low;
      low -= std::min(low, stride);
    }
  }
  while (high - low > 1) {
    const std::uint64_t middle = low + (high - low) / 2;
    (rest(middle).sign() == sign ? low : high) = middle;
  }
  require(least == std::min(Rational(abs(rest(low))), Rational(abs(rest(high)))),
          "t is not next to the change of sign");
}

void taylor(Input& input) {
  const auto shape = input.below(4), aim = input.below(4);
  const bool defaults = input.one_in(8), moderate = !input.one_in(3);
  TaylorOptions options;
  if (!defaults) {
    options.grid = 1 + input.below(20);
    options.max_evaluations = 2 + input.below(70);
    const auto tolerance = input.below(3);
    if (tolerance == 1) options.tolerance = 0;
    if (tolerance == 2) options.tolerance = positive(input);
    input.note("grid", static_cast<double>(options.grid));
    input.note("max_evaluations", static_cast<double>(options.max_evaluations));
    input.note("tolerance", options.tolerance);
  }
  TaylorProblem problem;
  const Pair p = pair(input, 4);
  const std::size_t n = p.g.size();
  problem.theta = vector(input, n);
  problem.g = p.g;
  problem.y = p.y;
  double eta = positive(input);
  keep_in_range(problem.theta, eta, problem.g);
  input.note("g", problem.g);
  input.note("eta", eta);

  const auto number = [&] { return moderate ? input.number(-4, 4) : input.number(); };
  Hessian& h = problem.hessian;
  h.b.assign(n, 0);
  h.c.assign(n, 0);
  h.d.assign(n, 0);
  const bool falls = shape == 1 && input.one_in(2);
  for (std::size_t i = 0; i < n; ++i) {
    h.b[i] = number();
    // In shape 1 every term of g.H g grows along the step, or every one falls.
    if (shape >= 1) h.c[i] = number();
    if (shape == 1) h.c[i] = std::copysign(h.c[i], falls ? -problem.g[i] : problem.g[i]);
    if (shape == 2) h.d[i] = number();
  }
  if (shape == 3) {
    h.a.set_size(n, n);
    for (double& entry : h.a) entry = number();
  }
  input.note("b", h.b);
  input.note("c", h.c);
  input.note("d", h.d);
  input.note_matrix("A", h.a);

  problem.exact_g = exact(problem.g);
  problem.eta = exact(eta);
  for (const Rational& x : problem.exact_g) problem.weight.push_back(problem.eta * problem.eta / 2 * x);
  problem.descent = problem.eta * test::dot(problem.exact_g, exact(problem.y));
  double change = 0;
  if (aim == 3) {
    change = input.number();
  } else {
    // A zero at a point of the grid, at a fraction, or at one near 0.
    const Rational t = aim == 0   ? Rational(static_cast<int>(input.below(65)), 64)
                       : aim == 1 ? Rational(static_cast<int>(input.below(1000)), 999)
                                  : exact(std::fabs(input.number(-40, -1)));
    change = next_to(input, problem.bend(problem.product_at(problem.point(t))) - problem.descent, -largest);
  }
  problem.change = exact(change);
  input.note("delta_loss", change);

  struct Call {
    Vector point;
    Rational rest;
  };
  std::vector<Call> calls;
  bool same_direction = true;
  const HessianProduct product = [&](Doubles x, Doubles v, std::span<double> out) {
    same_direction = same_direction && std::equal(v.begin(), v.end(), problem.g.begin(), problem.g.end());
    calls.push_back({Vector(x.begin(), x.end()), 0});
    h(x, v, out);
    calls.back().rest = problem.rest(Vector(out.begin(), out.end()));
  };
  const auto result =
      defaults ? subject().discrete_taylor.taylor_gradient(product, problem.theta, problem.g, problem.y, eta,
                                                           change)
               : natgrad::taylor_gradient(product, problem.theta, problem.g, problem.y, eta, change, options);

  require(same_direction, "H times another vector than g");
  require(!calls.empty() && calls.size() <= options.max_evaluations, "the limit on evaluations is not kept");
  bool zero = false, above = false, below = false;
  Rational least = abs(calls[0].rest);
  for (const Call& call : calls) {
    zero = zero || call.rest == 0;
    above = above || call.rest > 0;
    below = below || call.rest < 0;
    if (abs(call.rest) < least) least = abs(call.rest);
  }
  const bool bracketed = zero || (above && below);
  const Rational tolerated = exact(options.tolerance) * (abs(problem.change) + abs(problem.descent));
  require(result.has_value() == (bracketed || least <= tolerated), "found, or not");
  if (!bracketed) {
    // All of the grid, as far as the limit goes.
    const std::uint64_t intervals = std::bit_ceil(options.grid);
    require(calls.size() == std::min(options.max_evaluations, intervals + 1), "part of the grid is left out");
    if (calls.size() == intervals + 1 && intervals <= 16) {
      std::vector<Vector> actual, expected;
      for (const Call& call : calls) actual.push_back(call.point);
      for (std::uint64_t k = 0; k <= intervals; ++k)
        expected.push_back(problem.point(Rational(k, intervals)));
      std::sort(actual.begin(), actual.end());
      std::sort(expected.begin(), expected.end());
      require(actual == expected, "the grid has other points");
    }
  }
  if (!result) return;

  require(result->evaluations == calls.size(), "the number of evaluations is wrong");
  require(result->bracketed == bracketed, "bracketed, or not");
  require(result->t >= 0 && result->t <= 1, "t is outside [0, 1]");
  const Vector at = problem.point(exact(result->t)), image = problem.product_at(at);
  require(std::any_of(calls.begin(), calls.end(), [&](const Call& call) { return call.point == at; }),
          "H was not evaluated at t");
  require(abs(problem.rest(image)) == least, "t is not the best of the points");
  RationalVector ybar;
  for (std::size_t i = 0; i < n; ++i) ybar.push_back(exact(problem.y[i]) - problem.eta / 2 * exact(image[i]));
  require_same_elements(result->ybar, nearest(ybar), "ybar");
  if (all_finite(result->ybar)) {
    const Rational defect =
        test::dot(exact(as_vector(result->ybar)), problem.exact_g) + problem.change / problem.eta;
    require_enclosure(result->defect, defect, defect, "the defect");
  } else {
    require(result->defect == Enclosure{-infinity, infinity}, "the defect of an infinite ybar is wrong");
  }
  if (shape <= 1 && above && below && calls.size() < options.max_evaluations) {
    require_neighbour(problem, result->t, least);
  }
}

// ------------------------------------------------------------------------- the estimate of K

void lipschitz(Input& input) {
  const bool by_steps = input.one_in(4);
  const std::size_t n = 1 + input.below(3), count = 2 + input.below(4);
  arma::mat theta(n, count), gradient(n, count);
  for (std::size_t k = 0; k < count; ++k) {
    const auto kind = k == 0 ? 5 : input.below(6);
    const bool same_point = kind <= 1, same_gradient = kind == 0 || kind == 2;
    const double factor = kind == 3 ? std::ldexp(1.0, input.between(-3, 3)) : 0;
    for (arma::mat* x : {&theta, &gradient}) {
      const bool same = x == &theta ? same_point : same_gradient;
      if (same) {
        x->col(k) = x->col(k - 1);
      } else if (kind == 3) {
        // The step before, longer or shorter, for both: the same quotient, if nothing is rounded.
        for (std::size_t i = 0; i < n; ++i) {
          const double step = k >= 2 ? (*x)(i, k - 1) - (*x)(i, k - 2) : (x == &theta ? 1 : 3);
          (*x)(i, k) = finite((*x)(i, k - 1) + factor * step);
        }
      } else if (kind == 4) {
        for (std::size_t i = 0; i < n; ++i) (*x)(i, k) = next_to(input, exact((*x)(i, k - 1)), -largest);
      } else {
        x->col(k) = arma::vec(vector(input, n));
      }
    }
  }
  arma::mat steps(n, count - 1);
  for (std::size_t k = 0; k + 1 < count; ++k)
    for (std::size_t i = 0; i < n; ++i) steps(i, k) = finite(theta(i, k + 1) - theta(i, k));
  input.note_matrix(by_steps ? "steps" : "theta", by_steps ? steps : theta);
  input.note_matrix("gradient", gradient);

  bool infinite = false;
  std::optional<std::uint64_t> step;
  std::uint64_t zero_steps = 0;
  Rational most = 0;
  for (std::size_t k = 0; k + 1 < count; ++k) {
    Rational dx = 0, dv = 0;
    for (std::size_t i = 0; i < n; ++i) {
      const Rational x =
          by_steps ? exact(steps(i, k)) : Rational(exact(theta(i, k + 1)) - exact(theta(i, k)));
      const Rational v = exact(gradient(i, k + 1)) - exact(gradient(i, k));
      dx += x * x;
      dv += v * v;
    }
    if (dx == 0 && dv == 0) {
      ++zero_steps;
    } else if (dx == 0) {
      if (!infinite) step = k;
      infinite = true;
    } else if (!infinite && (!step || dv / dx > most)) {
      most = dv / dx;
      step = k;
    }
  }
  const LipschitzEstimate actual = by_steps ? natgrad::estimate_lipschitz_from_steps(steps, gradient)
                                            : subject().discrete_taylor.estimate_lipschitz(theta, gradient);
  require_same(actual.lower_bound,
               infinite ? infinity : test::taylor::greatest_double([&](const Rational& r) {
                 return r <= 0 || r * r <= most;
               }),
               "the estimate of K");
  require(actual.step == step, "the steepest step is another");
  require(actual.zero_steps == zero_steps, "the number of zero steps is wrong");
}

// ------------------------------------------------------------------------- plausible mistakes

using S = test::DiscreteTaylorSubject;

template <class Member, class Replacement>
Canary replaced(const char* name, Member S::*member, Replacement replacement) {
  return {name, [=](test::Subject& s) { s.discrete_taylor.*member = replacement; }};
}

template <class Change>
Canary other_estimate(const char* name, Change change) {
  return replaced(name, &S::estimate_lipschitz, [=](const arma::mat& theta, const arma::mat& gradient) {
    LipschitzEstimate out = natgrad::estimate_lipschitz(theta, gradient);
    change(out, theta, gradient);
    return out;
  });
}

template <class Change>
Canary other_gonzalez(const char* name, Change change) {
  return replaced(
      name, &S::gonzalez,
      [=](const LossFunction& loss, const GradientFunction& gradient, Doubles theta, Doubles theta_plus) {
        DiscreteGradient out = gonzalez_gradient(loss, gradient, theta, theta_plus);
        change(out, theta, theta_plus);
        return out;
      });
}

template <class Change>
Canary other_itoh_abe(const char* name, Change change) {
  return replaced(name, &S::itoh_abe,
                  [=](const LossFunction& loss, const GradientFunction& gradient, Doubles theta,
                      Doubles theta_plus, std::span<const std::size_t> order) {
                    Vector losses;
                    const LossFunction spied = [&](Doubles x) {
                      losses.push_back(loss(x));
                      return losses.back();
                    };
                    DiscreteGradient out = itoh_abe_gradient(spied, gradient, theta, theta_plus, order);
                    change(out, losses, theta, theta_plus, order);
                    return out;
                  });
}

template <class Change>
Canary other_mean(const char* name, Change change) {
  return replaced(name, &S::mean_value,
                  [=](const LossFunction& loss, const GradientFunction& gradient, Doubles theta,
                      Doubles theta_plus, const MeanValueOptions& options) {
                    DiscreteGradient out = mean_value_gradient(loss, gradient, theta, theta_plus, options);
                    change(out);
                    return out;
                  });
}

template <class Change>
Canary other_taylor(const char* name, Change change) {
  return replaced(
      name, &S::taylor_gradient,
      [=](const HessianProduct& hessian, Doubles theta, Doubles g, Doubles y, double eta, double delta_loss) {
        Vector product;
        const HessianProduct spied = [&](Doubles x, Doubles v, std::span<double> out) {
          hessian(x, v, out);
          product.assign(out.begin(), out.end());
        };
        auto out = natgrad::taylor_gradient(spied, theta, g, y, eta, delta_loss);
        if (out) change(*out, product, y, eta);
        return out;
      });
}

template <class Change>
Canary other_judgement(const char* name, Change change) {
  return replaced(name, &S::judge_losses, [=](const StepLoss& loss) {
    StepJudgement out = judge_step(loss);
    change(out, loss);
    return out;
  });
}

std::vector<Canary> step_canaries() {
  return {
      other_judgement("a fall by just the errors is one",
                      [](StepJudgement& j, const StepLoss& loss) {
                        if (range(loss).high == 0) j.verdict = Verdict::effective;
                      }),
      other_judgement("the cancellation in doubles",
                      [](StepJudgement& j, const StepLoss& loss) {
                        if (!j.cancellation) return;
                        const double change = std::abs(loss.after - loss.before);
                        j.cancellation =
                            0x1p-53 * std::max(std::abs(loss.before), std::abs(loss.after)) / change;
                      }),
      other_judgement("errors added in doubles",
                      [](StepJudgement& j, StepLoss loss) {
                        loss.after_error = finite(loss.before_error + loss.after_error);
                        loss.before_error = 0;
                        j.loss_change = judge_step(loss).loss_change;
                      }),
      replaced("dL = 0 at most is a fall", &S::judge_gram,
               [](const Gram& gram, double eta, double lipschitz) {
                 StepJudgement out = judge_step(gram, eta, lipschitz);
                 if (out.verdict == Verdict::undetermined && out.loss_change.hi == 0)
                   out.verdict = Verdict::effective;
                 return out;
               }),
      replaced("a contradiction within the last place passed over", &S::judge_both,
               [](const Gram& gram, double eta, double lipschitz, const StepLoss& loss) {
                 const StepJudgement out = judge_step(gram, eta, lipschitz, loss);
                 const StepJudgement by_losses = judge_step(loss);
                 const Enclosure a = natgrad::loss_change_bounds(gram, eta, lipschitz),
                                 b = by_losses.loss_change;
                 const bool apart = a.hi < b.lo || b.hi < a.lo;
                 return out.reason == StepReason::contradiction && !apart ? by_losses : out;
               }),
      replaced("the losses have the last word", &S::judge_both,
               [](const Gram& gram, double eta, double lipschitz, const StepLoss& loss) {
                 StepJudgement out = judge_step(gram, eta, lipschitz, loss);
                 if (out.reason == StepReason::certified_decrease) out.verdict = judge_step(loss).verdict;
                 return out;
               }),
  };
}

std::vector<Canary> estimate_canaries() {
  return {
      other_estimate("the estimate in doubles",
                     [](LipschitzEstimate& e, const arma::mat& theta, const arma::mat& gradient) {
                       if (!e.step) return;
                       const auto k = static_cast<arma::uword>(*e.step);
                       const double dx = arma::norm(theta.col(k + 1) - theta.col(k));
                       if (dx > 0) e.lower_bound = arma::norm(gradient.col(k + 1) - gradient.col(k)) / dx;
                     }),
      other_estimate("the estimate to nearest",
                     [](LipschitzEstimate& e, const arma::mat&, const arma::mat&) {
                       if (e.lower_bound > 0 && e.lower_bound < largest)
                         e.lower_bound = std::nextafter(e.lower_bound, infinity);
                     }),
      other_estimate("the last of the steepest steps",
                     [](LipschitzEstimate& e, const arma::mat& theta, const arma::mat& gradient) {
                       for (arma::uword k = 0; e.step && k + 1 < theta.n_cols; ++k) {
                         const auto here =
                             natgrad::estimate_lipschitz(theta.cols(k, k + 1), gradient.cols(k, k + 1));
                         if (here.step && here.lower_bound == e.lower_bound) e.step = k;
                       }
                     }),
      other_estimate("a jump at rest is no information",
                     [](LipschitzEstimate& e, const arma::mat&, const arma::mat&) {
                       if (std::isinf(e.lower_bound)) ++e.zero_steps;
                     }),
  };
}

std::vector<Canary> gradient_canaries() {
  return {
      other_gonzalez("the verdict of the rounded nabla",
                     [](DiscreteGradient& out, Doubles theta, Doubles theta_plus) {
                       if (std::equal(theta.begin(), theta.end(), theta_plus.begin())) return;
                       if (!all_finite(out.nabla)) return;
                       const Rational along = test::dot(
                           exact(as_vector(out.nabla)),
                           Step({theta.begin(), theta.end()}, {theta_plus.begin(), theta_plus.end()}).delta);
                       if (along >= 0) out.judgement.verdict = Verdict::not_effective;
                     }),
      other_gonzalez("the defect to nearest",
                     [](DiscreteGradient& out, Doubles, Doubles) { out.defect.lo = out.defect.hi; }),
      other_gonzalez("the defect that it should have",
                     [](DiscreteGradient& out, Doubles, Doubles) {
                       out.defect = {0, 0};
                     }),
      replaced(
          "the midpoint rounded twice", &S::gonzalez,
          [](const LossFunction& loss, const GradientFunction& gradient, Doubles theta, Doubles theta_plus) {
            return gonzalez_gradient(
                loss,
                [&](Doubles x, std::span<double> out) {
                  Vector middle(x.size());
                  for (std::size_t i = 0; i < x.size(); ++i)
                    middle[i] = theta[i] + (theta_plus[i] - theta[i]) / 2;
                  gradient(middle, out);
                },
                theta, theta_plus);
          }),
      other_itoh_abe("secants in doubles",
                     [](DiscreteGradient& out, const Vector& losses, Doubles theta, Doubles theta_plus,
                        std::span<const std::size_t> order) {
                       std::size_t call = 1;
                       for (std::size_t k = 0; k < theta.size(); ++k) {
                         const std::size_t i = order.empty() ? k : order[k];
                         if (theta[i] == theta_plus[i]) continue;
                         out.nabla[i] = (losses[call] - losses[call - 1]) / (theta_plus[i] - theta[i]);
                         ++call;
                       }
                     }),
      other_itoh_abe("a gradient for each coordinate at rest",
                     [](DiscreteGradient& out, const Vector&, Doubles theta, Doubles theta_plus,
                        std::span<const std::size_t>) {
                       out.gradient_evaluations = 0;
                       for (std::size_t i = 0; i < theta.size(); ++i)
                         out.gradient_evaluations += theta[i] == theta_plus[i] ? 1 : 0;
                     }),
      other_itoh_abe(
          "the defect one place off",
          [](DiscreteGradient& out, const Vector&, Doubles, Doubles, std::span<const std::size_t>) {
            if (out.defect.lo != 0) out.defect.lo = std::nextafter(out.defect.lo, infinity);
          }),
      replaced(
          "the order is that of memory", &S::itoh_abe,
          [](const LossFunction& loss, const GradientFunction& gradient, Doubles theta, Doubles theta_plus,
             std::span<const std::size_t>) { return itoh_abe_gradient(loss, gradient, theta, theta_plus); }),
      other_itoh_abe(
          "equal losses are a zero gradient",
          [](DiscreteGradient& out, const Vector&, Doubles, Doubles, std::span<const std::size_t>) {
            if (out.judgement.reason == Reason::orthogonal) out.judgement.reason = Reason::zero_gradient;
          }),
  };
}

std::vector<Canary> quadrature_canaries() {
  return {
      other_mean("nabla one place off",
                 [](DiscreteGradient& out) {
                   if (out.nabla[0] != 0) out.nabla[0] = std::nextafter(out.nabla[0], 0.0);
                 }),
      other_mean("the bound without its last roundings",
                 [](DiscreteGradient& out) {
                   if (out.error_bound) *out.error_bound *= 1 - 0x1p-48;
                 }),
      other_mean("the bound a little wide",
                 [](DiscreteGradient& out) {
                   if (out.error_bound) *out.error_bound *= 1 + 0x1p-46;
                 }),
      other_mean("the estimate in place of the bound",
                 [](DiscreteGradient& out) {
                   if (out.error_bound) out.error_bound = out.error_estimate;
                 }),
      other_mean("always converged", [](DiscreteGradient& out) { out.converged = true; }),
      replaced("halved once too often", &S::mean_value,
               [](const LossFunction& loss, const GradientFunction& gradient, Doubles theta,
                  Doubles theta_plus, MeanValueOptions options) {
                 options.max_evaluations += 15;
                 return mean_value_gradient(loss, gradient, theta, theta_plus, options);
               }),
      replaced("the points in doubles", &S::mean_value,
               [](const LossFunction& loss, const GradientFunction& gradient, Doubles theta,
                  Doubles theta_plus, const MeanValueOptions& options) {
                 const auto rounded = [&](Doubles x, std::span<double> out) {
                   Vector point(x.begin(), x.end());
                   const double delta = theta_plus[0] - theta[0],
                                xi = delta == 0 ? 0 : (x[0] - theta[0]) / delta;
                   if (std::isfinite(xi * delta)) point[0] = finite(theta[0] + xi * delta);
                   gradient(point, out);
                 };
                 return mean_value_gradient(loss, rounded, theta, theta_plus, options);
               }),
  };
}

std::vector<Canary> taylor_canaries() {
  return {
      other_taylor("ybar in doubles",
                   [](TaylorGradient& out, const Vector& product, Doubles y, double eta) {
                     // Where the last point tried is the best, or as good.
                     const auto rounded = [&](std::size_t i) {
                       return test::nearest(exact(y[i]) - exact(eta) / 2 * exact(product[i]));
                     };
                     for (std::size_t i = 0; i < product.size(); ++i)
                       if (out.ybar[i] == rounded(i)) out.ybar[i] = y[i] - eta / 2 * product[i];
                   }),
      other_taylor("ybar of the last point tried",
                   [](TaylorGradient& out, const Vector& product, Doubles y, double eta) {
                     for (std::size_t i = 0; i < product.size(); ++i)
                       out.ybar[i] = test::nearest(exact(y[i]) - exact(eta) / 2 * exact(product[i]));
                   }),
      other_taylor("the defect of ybar to nearest", [](TaylorGradient& out, const Vector&, Doubles,
                                                       double) { out.defect.hi = out.defect.lo; }),
      other_taylor("t one place off",
                   [](TaylorGradient& out, const Vector&, Doubles, double) {
                     if (out.t > 0) out.t = std::nextafter(out.t, 0.0);
                   }),
      replaced("bisection to the last place of 1", &S::taylor_gradient,
               [](const HessianProduct& hessian, Doubles theta, Doubles g, Doubles y, double eta,
                  double delta_loss) {
                 TaylorOptions options;
                 options.max_evaluations = 54;
                 options.grid = 32;
                 return natgrad::taylor_gradient(hessian, theta, g, y, eta, delta_loss, options);
               }),
      replaced("the tolerance is never met without a change of sign", &S::taylor_gradient,
               [](const HessianProduct& hessian, Doubles theta, Doubles g, Doubles y, double eta,
                  double delta_loss) {
                 TaylorOptions options;
                 options.tolerance = 0;
                 return natgrad::taylor_gradient(hessian, theta, g, y, eta, delta_loss, options);
               }),
  };
}

}  // namespace

std::vector<Canary> canaries() {
  std::vector<Canary> all = {
      replaced("equality certified", &S::certifies_decrease,
               [](const Gram& gram, double eta, double lipschitz) {
                 return natgrad::certifies_decrease(gram, std::max(std::nextafter(eta, 0.0), smallest),
                                                    lipschitz);
               }),
      replaced("the upper end one place off", &S::loss_change_bounds,
               [](const Gram& gram, double eta, double lipschitz) {
                 Enclosure out = natgrad::loss_change_bounds(gram, eta, lipschitz);
                 out.hi = std::nextafter(out.hi, infinity);
                 return out;
               }),
      replaced("the angle one place too small", &S::angle_bound,
               [](const Gram& gram, double eta, double lipschitz, DiscreteGradientKind kind) {
                 auto out = natgrad::angle_bound(gram, eta, lipschitz, kind);
                 if (out && *out > 0) *out = std::nextafter(*out, 0.0);
                 return out;
               }),
      replaced("the first order of kappa rounded down", &S::condition_change_first_order,
               [](const Gram& gram, double eta, double lipschitz) {
                 auto out = natgrad::condition_change_first_order(gram, eta, lipschitz);
                 if (out && *out > 0) *out = std::nextafter(*out, 0.0);
                 return out;
               }),
      replaced("the first order of kappa without kappa", &S::condition_change_first_order,
               [](const Gram& gram, double eta, double lipschitz) -> std::optional<double> {
                 if (gram.judge().verdict != Verdict::effective) return std::nullopt;
                 return test::taylor::up(exact(eta) * exact(lipschitz) * value_of(gram.gg()) /
                                         value_of(gram.gy()));
               }),
  };
  for (const auto& more : {step_canaries(), estimate_canaries(), gradient_canaries(), quadrature_canaries(),
                           taylor_canaries()}) {
    all.insert(all.end(), more.begin(), more.end());
  }
  return all;
}

}  // namespace natgrad::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace natgrad::fuzz;
  Input input(data, size);
  switch (input.below(10)) {
    case 0:
      certificates(input);
      break;
    case 1:
      bounds(input);
      break;
    case 2:
      distances(input);
      break;
    case 3:
      gonzalez(input);
      break;
    case 4:
      verdict_by_losses(input);
      break;
    case 5:
      verdict_by_lipschitz(input);
      break;
    case 6:
      lipschitz(input);
      break;
    case 7:
      itoh_abe(input);
      break;
    case 8:
      mean_value(input);
      break;
    default:
      taylor(input);
  }
  return 0;
}
