// natgrad: finite steps against their inequalities in rationals, and discrete gradients of whatever doubles
// the callbacks return.
#include <algorithm>
#include <cmath>
#include <limits>

#include "input.hpp"
#include "support/discrete_taylor_reference.hpp"
#include "target.hpp"

namespace natgrad::fuzz {

namespace {

using test::exact;
using test::Rational;
using test::RationalVector;
using test::taylor::Kind;
using test::taylor::Numbers;
using Vector = std::vector<double>;

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double largest = std::numeric_limits<double>::max();
constexpr double smallest = std::numeric_limits<double>::denorm_min();

double next_to(Input& input, const Rational& x, double low) {
  const int places = input.between(-2, 2);
  double out = std::clamp(test::nearest(x), low, largest);
  for (int k = 0; k < std::abs(places); ++k) out = std::nextafter(out, places < 0 ? -infinity : infinity);
  return std::clamp(out, low, largest);
}

struct Draw {
  Gram gram;
  double eta = 1, lipschitz = 1;
  Numbers exactly;
};

/// eta often at the largest certified step, or next to it.
Draw draw(Input& input) {
  const bool critical = !input.one_in(4), none = input.one_in(8);
  const Pair p = pair(input, 5);
  Draw out;
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
  require(s.certifies_effective(d.gram, change, d.eta, d.lipschitz) ==
              test::taylor::certifies_effective(d.exactly, exact(change)),
          "certifies_effective is wrong");
  require(s.certifies_decrease(d.gram, d.eta, d.lipschitz) == test::taylor::certifies_decrease(d.exactly),
          "certifies_decrease is wrong");
  require_same(s.largest_step(d.gram, d.lipschitz).value_or(0), test::taylor::largest_step(d.exactly),
               "largest_step");
}

void bounds(Input& input) {
  const double curvature = input.number();
  const Draw d = draw(input);
  const auto& s = subject().discrete_taylor;
  const auto first = test::taylor::loss_change(d.exactly);
  const Enclosure actual = s.loss_change_bounds(d.gram, d.eta, d.lipschitz);
  require_same(actual.lo, first.lo, "loss_change_bounds.lo");
  require_same(actual.hi, first.hi, "loss_change_bounds.hi");
  const auto second = test::taylor::second_order(d.exactly, exact(curvature), d.exactly.k);
  const Enclosure cubic = s.second_order_bounds(d.gram, d.eta, curvature, d.lipschitz);
  require_same(cubic.lo, second.lo, "second_order_bounds.lo");
  require_same(cubic.hi, second.hi, "second_order_bounds.hi");
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
}

void gonzalez(Input& input) {
  const std::size_t n = 1 + input.below(4);
  Vector theta = vector(input, n), theta_plus = vector(input, n);
  const Vector v = vector(input, n);
  if (theta == theta_plus) theta_plus[0] = std::nextafter(theta[0], theta[0] > 0 ? -infinity : infinity);
  const double before = input.number(), after = input.number();
  input.note("losses", Vector{before, after});
  std::size_t call = 0;
  const DiscreteGradient actual = subject().discrete_taylor.gonzalez(
      [&](std::span<const double>) { return call++ == 0 ? before : after; },
      [&](std::span<const double>, std::span<double> out) { std::copy(v.begin(), v.end(), out.begin()); },
      theta, theta_plus);
  RationalVector delta;
  for (std::size_t i = 0; i < n; ++i) delta.push_back(exact(theta_plus[i]) - exact(theta[i]));
  const Rational change = exact(after) - exact(before);
  const RationalVector expected = test::taylor::gonzalez(exact(v), change, delta);
  for (std::size_t i = 0; i < n; ++i) require_same(actual.nabla[i], test::nearest(expected[i]), "nabla");
  require((actual.judgement.verdict == Verdict::effective) == (change < 0), "the verdict is wrong");
}

}  // namespace

std::vector<Canary> canaries() {
  using S = test::DiscreteTaylorSubject;
  const auto replaced = [](const char* name, auto member, auto replacement) {
    return Canary{name, [=](test::Subject& s) { s.discrete_taylor.*member = replacement; }};
  };
  return {
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
  };
}

}  // namespace natgrad::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace natgrad::fuzz;
  Input input(data, size);
  switch (input.below(4)) {
    case 0:
      certificates(input);
      break;
    case 1:
      bounds(input);
      break;
    case 2:
      distances(input);
      break;
    default:
      gonzalez(input);
  }
  return 0;
}
