// natgrad: the other optimal metrics of hostile pairs, against the updates of the literature in rationals.
#include "natgrad/least_change.hpp"

#include <cmath>
#include <limits>

#include "input.hpp"
#include "support/least_change_reference.hpp"
#include "target.hpp"

namespace natgrad::fuzz {

namespace {

using test::Best;
using test::BestMetric;
using test::Found;
using test::LeastChangeSubject;
using test::Rational;
using test::RationalVector;
using Parameter = std::optional<double>;

constexpr double infinity = std::numeric_limits<double>::infinity();

std::vector<double> nearest(const RationalVector& x) {
  std::vector<double> out;
  for (const Rational& element : x) out.push_back(test::nearest(element));
  return out;
}

// The numbers of a rational optimum that are rational themselves.
void check_rational(Input& input, const LeastChangeSubject& f, Optimum optimum, const Pair& pair,
                    Parameter parameter) {
  const Gram gram = Gram::of(pair.g, pair.y);
  const BestMetric best(static_cast<Best>(optimum), pair.g, pair.y, parameter);
  const OptimumScalars s = f.scalars(optimum, gram, parameter);
  require(static_cast<int>(s.existence) == static_cast<int>(best.found()), "existence is wrong");
  const auto m = f.make(optimum, pair.g, pair.y, parameter);
  require(m.has_value() == (best.found() == Found::attained),
          "there is a metric where there is none, or none");
  if (!m) return;
  const auto& exactly = *best.rational();
  const std::vector<double> x = probe(input, pair, Alpha());
  const RationalVector exact_x = test::exact(x);
  require_same_elements(f.apply(*m, x), nearest(test::multiply(exactly, exact_x)), "M x");
  require_same_elements(f.solve(*m, x), nearest(test::multiply(test::inverse(exactly), exact_x)), "M^-1 x");
  require_same(f.quadratic_form(*m, x), test::nearest(test::dot(exact_x, test::multiply(exactly, exact_x))),
               "x^T M x");
  Rational trace = 0;
  for (std::size_t i = 0; i < exactly.size(); ++i) trace += exactly[i][i];
  require_same(s.trace, test::nearest(trace), "the trace");
}

// What holds of ray and identity without any search: the secant equation, and the block by its determinant.
void check_irrational(Input& input, const LeastChangeSubject& f, Optimum optimum, const Pair& pair) {
  const auto m = f.make(optimum, pair.g, pair.y, {});
  require(m.has_value(), "there is no metric where there is one");
  require_same_elements(f.apply(*m, pair.g), pair.y, "M g");
  require_same_elements(f.solve(*m, pair.y), pair.g, "M^-1 y");
  if (optimum == Optimum::identity) return;
  const std::vector<double> x = probe(input, pair, Alpha());
  const auto exchanged = f.make(optimum, pair.y, pair.g, {});
  require_same_elements(f.solve(*m, x), f.apply(*exchanged, x), "M(g, y)^-1 x and M(y, g) x");
}

}  // namespace

std::vector<Canary> canaries() {
  return {
      {"the last element of M x one ulp off",
       [](test::Subject& subject) {
         const auto library = subject.least_change.apply;
         subject.least_change.apply = [library](const OptimalMetric& m, std::span<const double> x) {
           std::vector<double> out = library(m, x);
           out.back() = std::nextafter(out.back(), infinity);
           return out;
         };
       }},
      {"PSB is always attained",
       [](test::Subject& subject) {
         subject.least_change.scalars = [](Optimum optimum, const Gram& gram, Parameter parameter) {
           OptimumScalars out = natgrad::optimum_scalars(optimum, gram, parameter);
           if (out.existence == Existence::not_attained) out.existence = Existence::attained;
           return out;
         };
       }},
      {"M in place of M^-1",
       [](test::Subject& subject) { subject.least_change.solve = subject.least_change.apply; }},
  };
}

}  // namespace natgrad::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace natgrad;
  using namespace natgrad::fuzz;
  Input input(data, size);
  const Optimum optimum = all_optima()[input.below(all_optima().size())];
  const Pair pair = effective_pair(input, 6);
  const auto& f = subject().least_change;
  std::optional<double> parameter;
  if (optimum == Optimum::bfgs) parameter = positive(input);
  if (optimum == Optimum::determinant) {
    // About a*, or anything.
    const double star = test::nearest(test::ExactPair(pair.g, pair.y).star());
    const double near[] = {2 * star, star, std::nextafter(star, std::numeric_limits<double>::infinity()),
                           positive(input)};
    const double t = near[input.below(4)];
    parameter = std::isfinite(t) && t > 0 ? t : 1.0;
  }
  if (optimum == Optimum::ray || optimum == Optimum::identity) {
    check_irrational(input, f, optimum, pair);
  } else {
    check_rational(input, f, optimum, pair, parameter);
  }
  return 0;
}
