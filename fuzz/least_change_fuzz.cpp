// natgrad: the other optimal metrics of hostile pairs, against the updates of the literature in rationals.
#include "natgrad/least_change.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
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
constexpr unsigned search_bits = 700;

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

// ------------------------------------------------------------------------- numbers, in multiprecision

std::optional<double> of(const BestMetric& best, bool defined, const std::function<test::Real()>& formula) {
  if (!defined || best.found() != Found::attained) return {};
  return test::converged(formula);
}

void check_objective(const LeastChangeSubject& f, Optimum optimum, const Gram& gram, const BestMetric& best,
                     Parameter parameter) {
  std::optional<double> expected;
  if (best.found() != Found::infeasible) expected = test::converged([&] { return best.measure(); });
  require_same(f.objective(optimum, gram, parameter), expected, "the objective");
}

void check_scalars(const LeastChangeSubject& f, Optimum optimum, const Gram& gram, const BestMetric& best,
                   Parameter parameter) {
  const OptimumScalars s = f.scalars(optimum, gram, parameter);
  const bool plane = best.dimension() > 1;
  require_same(s.lambda_min, of(best, true, [&] { return best.least(); }), "lambda_min");
  require_same(s.lambda_max, of(best, true, [&] { return best.greatest(); }), "lambda_max");
  require_same(s.log_condition,
               of(best, true, [&] { return test::Real(log(best.greatest() / best.least())); }),
               "log_condition");
  require_same(s.trace, of(best, true, [&] { return best.trace(); }), "the trace");
  require_same(s.log_det, of(best, true, [&] { return best.log_det(); }), "log_det");
  require_same(s.block_alpha, of(best, plane, [&] { return best.block_alpha(); }), "block_alpha");
  require_same(s.complement, of(best, plane, [&] { return best.complement(); }), "the complement");
}

void check_dense(const LeastChangeSubject& f, Optimum optimum, const Pair& pair, const BestMetric& best,
                 Parameter parameter) {
  const auto m = f.make(optimum, pair.g, pair.y, parameter);
  if (!m) return;
  const arma::mat actual = f.dense(*m);
  const std::size_t n = pair.g.size();
  require(actual.n_rows == n && actual.n_cols == n, "the shape is wrong");
  std::vector<double> expected;
  if (best.rational()) {
    for (const RationalVector& row : *best.rational())
      for (const Rational& entry : row) expected.push_back(test::nearest(entry));
  } else {
    expected = test::converged_elements(
        [&] {
          std::vector<test::Real> all;
          for (const auto& row : best.matrix()) all.insert(all.end(), row.begin(), row.end());
          return all;
        },
        best.enough_bits());
  }
  require_same_elements(std::vector<double>(actual.begin(), actual.end()), expected, "M");
}

void check_spectrum(const LeastChangeSubject& f, Optimum optimum, const Pair& pair, const BestMetric& best,
                    Parameter parameter) {
  const auto m = f.make(optimum, pair.g, pair.y, parameter);
  if (!m) return;
  const std::vector<Eigenvalue> actual = f.spectrum(*m);
  std::uint64_t total = 0;
  for (const Eigenvalue& eigenvalue : actual) total += eigenvalue.multiplicity;
  require(total == pair.g.size(), "the multiplicities do not add up to D");
  require(std::is_sorted(actual.begin(), actual.end(),
                         [](const auto& a, const auto& b) { return a.value < b.value; }),
          "the eigenvalues are not in ascending order");
  std::size_t parts = 0;
  {
    const test::PrecisionScope precision(64);
    parts = best.spectrum().size();
  }
  if (actual.size() != parts)
    require(best.parallel() && parts == 2 && actual.size() == 1, "too few or too many eigenvalues");
  for (std::size_t i = 0; i < parts; ++i) {
    std::uint64_t count = 0;
    const double value = test::converged([&] {
      const auto all = best.spectrum();
      count = all[i].second;
      return all[i].first;
    });
    // Some entry has this value; with this multiplicity unless equal ones are together.
    bool found = false;
    for (const Eigenvalue& eigenvalue : actual)
      found = found ||
              (eigenvalue.value == value && (actual.size() != parts || eigenvalue.multiplicity == count));
    require(found, "an eigenvalue is missing");
  }
}

void check_certificate(const LeastChangeSubject& f, Optimum optimum, const Pair& pair, const Gram& gram,
                       const BestMetric& best, Parameter parameter) {
  const auto actual = f.certificate(optimum, gram, parameter);
  require(actual.has_value() == (best.found() == Found::attained), "a certificate of nothing, or none");
  if (!actual || best.parallel() || pair.g.size() == 1) return;
  const auto part = [&](std::size_t i) { return test::converged([&] { return best.multiplier()[i]; }); };
  require_same(actual->mu, optimum == Optimum::determinant ? part(0) : 0.0, "mu");
  require_same(actual->along_g, part(1), "the part of v along g");
  require_same(actual->along_y, part(2), "the part of v along y");
}

void check_extrema(const LeastChangeSubject& f, const Gram& gram, const test::ExactPair& e) {
  const bool none = e.p <= 0;
  const auto top = f.infimum_lambda_max(gram), bottom = f.supremum_lambda_min(gram),
             sum = f.infimum_trace(gram);
  require(top.has_value() == !none && bottom.has_value() == !none && sum.has_value() == !none,
          "an extremum of nothing, or none");
  if (none) return;
  const bool parallel = e.p * e.p == e.gg * e.yy;
  require_same(top->value, test::nearest(e.star()), "inf lambda_max");
  require_same(bottom->value, test::nearest(e.p / e.gg), "sup lambda_min");
  require_same(sum->value, test::nearest(e.star()), "inf tr");
  require(top->attained == parallel && bottom->attained == parallel, "attained for parallel vectors");
  require(sum->attained == (e.g.size() == 1), "inf tr is attained for D = 1");
}

// A positive definite matrix of doubles by every measure, and against the optimum of the pair.
void check_competitor(Input& input, const LeastChangeSubject& f, Optimum optimum, const Pair& pair,
                      const Gram& gram, const BestMetric& best, Parameter parameter) {
  const arma::mat m = spd(input, pair.g.size());
  const OptimumCompetitor c = f.competitor(optimum, m, gram, parameter);
  const test::PrecisionScope precision(4000);
  const test::Real value = test::measure_of(static_cast<Best>(optimum), test::exact_matrix(m), parameter);
  const auto require_inside = [](const test::Real& x, const Enclosure& e, const char* text) {
    const test::Real slack = ldexp(test::Real(1), -1000) * (1 + abs(x));
    require(e.lo <= e.hi && (e.lo == -infinity || test::Real(e.lo) <= x + slack) &&
                (e.hi == infinity || test::Real(e.hi) >= x - slack),
            text);
  };
  require_inside(value, c.measure, "the measure is not in its enclosure");
  require(c.excess.has_value() == (best.found() == Found::attained || best.found() == Found::not_attained),
          "an excess over nothing, or none");
  if (!c.excess) return;
  const test::Real other = best.measure();
  require_inside(optimum == Optimum::determinant ? test::Real(other - value) : test::Real(value - other),
                 *c.excess, "the excess is not in its enclosure");
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
      {"the objective one ulp off",
       [](test::Subject& subject) {
         subject.least_change.objective = [](Optimum optimum, const Gram& gram, Parameter parameter) {
           auto out = natgrad::objective(optimum, gram, parameter);
           if (out && optimum == Optimum::ray) out = std::nextafter(*out, infinity);
           return out;
         };
       }},
      {"the entry in the corner one ulp off",
       [](test::Subject& subject) {
         subject.least_change.dense = [](const OptimalMetric& m) {
           arma::mat out = m.dense();
           out(0, 0) = std::nextafter(out(0, 0), infinity);
           return out;
         };
       }},
      {"a* beside every block",
       [](test::Subject& subject) {
         subject.least_change.spectrum = [](const OptimalMetric& m) {
           auto out = m.spectrum();
           if (out.size() == 3)
             out[1].value = std::clamp(*natgrad::alpha(m.gram()), out[0].value, out[2].value);
           return out;
         };
       }},
      {"v one ulp off",
       [](test::Subject& subject) {
         subject.least_change.certificate = [](Optimum optimum, const Gram& gram, Parameter parameter) {
           auto out = natgrad::certificate(optimum, gram, parameter);
           if (out) out->along_y = std::nextafter(out->along_y, infinity);
           return out;
         };
       }},
      {"inf lambda_max is always attained",
       [](test::Subject& subject) {
         subject.least_change.infimum_lambda_max = [](const Gram& gram) {
           auto out = natgrad::infimum_lambda_max(gram);
           if (out) out->attained = true;
           return out;
         };
       }},
      {"the measure of a competitor without its width",
       [](test::Subject& subject) {
         subject.least_change.competitor = [](Optimum optimum, const arma::mat& m, const Gram& gram,
                                              Parameter parameter) {
           auto out = natgrad::optimum_competitor(optimum, m, gram, parameter);
           out.measure.hi = out.measure.lo;
           return out;
         };
       }},
  };
}

}  // namespace natgrad::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace natgrad;
  using namespace natgrad::fuzz;
  Input input(data, size);
  const auto choice = input.below(8);
  Optimum optimum = all_optima()[input.below(all_optima().size())];
  const auto& f = subject().least_change;
  if (choice == 7) {
    const Pair any = pair(input, 6);
    check_extrema(f, Gram::of(any.g, any.y), test::ExactPair(any.g, any.y));
    return 0;
  }
  // What takes a search in multiprecision is tried in small.
  const bool irrational = optimum == Optimum::ray || optimum == Optimum::identity;
  const Pair pair = effective_pair(input, choice <= 1 ? 6 : irrational ? 3 : 5);
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
  if (choice <= 1) {
    if (irrational) {
      check_irrational(input, f, optimum, pair);
    } else {
      check_rational(input, f, optimum, pair, parameter);
    }
    return 0;
  }
  // The reference of identity is a search, which at high precision takes seconds, and which ends near a root
  // of simple form, as for gg = yy, not at it: there the identity is the closest point of the ray.
  const test::ExactPair e(pair.g, pair.y);
  test::Best reference = static_cast<test::Best>(optimum);
  if (optimum == Optimum::identity && e.gg == e.yy) {
    reference = test::Best::ray;
  } else if (optimum == Optimum::identity &&
             test::BestMetric(test::Best::identity, pair.g, pair.y).enough_bits() > search_bits) {
    optimum = Optimum::ray;
    reference = test::Best::ray;
  }
  const Gram gram = Gram::of(pair.g, pair.y);
  const test::BestMetric best(reference, pair.g, pair.y, parameter);
  switch (choice) {
    case 2:
      check_objective(f, optimum, gram, best, parameter);
      break;
    case 3:
      check_scalars(f, optimum, gram, best, parameter);
      break;
    case 4:
      check_dense(f, optimum, pair, best, parameter);
      break;
    case 5:
      check_spectrum(f, optimum, pair, best, parameter);
      check_certificate(f, optimum, pair, gram, best, parameter);
      break;
    default:
      check_competitor(input, f, optimum, pair, gram, best, parameter);
  }
  return 0;
}
