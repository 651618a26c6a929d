// natgrad: the bound, the minimisers and the relative optimum against rationals and multiprecision.
#include <algorithm>
#include <cmath>
#include <limits>

#include "input.hpp"
#include "support/min_condition_reference.hpp"
#include "target.hpp"

namespace natgrad::fuzz {

namespace {

using test::exact;
using test::exact_matrix;
using test::operator*;
using test::ExactPair;
using test::nearest;
using test::Rational;
using test::RationalMatrix;
using test::RationalVector;
using test::Real;

constexpr double infinity = std::numeric_limits<double>::infinity();

void require_in_box(const Rational& x, double value, double radius, const char* what) {
  require(radius >= 0 && std::isfinite(value), "a box is none");
  if (radius < infinity) require(abs(x - exact(value)) <= exact(radius), what);
}
void require_in_box(const RationalVector& x, const EnclosedVector& box, const char* what) {
  require(box.value.n_elem == x.size() && box.radius.n_elem == x.size(), "the length is wrong");
  for (std::size_t i = 0; i < x.size(); ++i) require_in_box(x[i], box.value[i], box.radius[i], what);
}
void require_in_box(const RationalMatrix& m, const EnclosedMatrix& box, const char* what) {
  for (std::size_t i = 0; i < m.size(); ++i)
    for (std::size_t j = 0; j < m.size(); ++j)
      require_in_box(m[i][j], box.value(i, j), box.radius(i, j), what);
}

void require_enclosed(const Real& x, const Enclosure& e, const char* what) {
  const Real slack = ldexp(Real(1), -4000) * abs(x);
  require(e.lo <= e.hi, "an enclosure is none");
  if (std::isfinite(e.lo)) require(test::real(exact(e.lo)) <= x + slack, what);
  if (std::isfinite(e.hi)) require(test::real(exact(e.hi)) >= x - slack, what);
}

arma::vec column(const std::vector<double>& x) {
  return arma::vec(x);
}

/// x is in [lambda-, lambda+], between the roots of x^2 - 2 a* x + yy/gg.
bool allowed(const ExactPair& pair, const Rational& x) {
  return x * x - 2 * pair.star() * x + pair.yy / pair.gg <= 0;
}

// ------------------------------------------------------------------------- functions of the Gram

void try_gram(Input& input) {
  const Pair p = pair(input, 6);
  const ExactPair e(p.g, p.y);
  const Gram gram = Gram::of(p.g, p.y);
  const test::MinConditionSubject& s = subject().min_condition;
  std::optional<double> minus_one, by_angle, by_cosine;
  if (e.p > 0) {
    minus_one = test::condition_minus_one(e);
    by_angle = test::log_condition_by_angle(e);
    by_cosine = test::log_condition_by_log_cosine(e);
  }
  require_same(s.condition_minus_one(gram), minus_one, "kappa* - 1");
  require_same(s.log_condition_by_angle(gram), by_angle, "2/c");
  require_same(s.log_condition_by_log_cosine(gram), by_cosine, "-2/s");
}

void try_bound(Input& input) {
  const auto kind = input.below(3);
  const Pair p = pair(input, 5);
  const ExactPair e(p.g, p.y);
  const Gram gram = Gram::of(p.g, p.y);
  double m = positive(input), l = positive(input);
  if (kind != 0 && e.p > 0) {
    // m below p/gg, and l where the slack changes its sign, or an ulp off.
    const double below = nearest(e.p / e.gg * Rational(static_cast<int>(1 + input.below(63)), 64));
    if (below > 0 && std::isfinite(below)) m = below;
    const Rational along = e.p - exact(m) * e.gg;
    if (along > 0) {
      double end = nearest((e.yy - exact(m) * e.p) / along);
      if (kind == 2) end = std::nextafter(end, infinity);
      if (end > 0 && std::isfinite(end)) l = end;
    }
  }
  if (l < m) std::swap(m, l);
  input.note("m", m);
  input.note("l", l);
  const Rational slack = test::slack(e, exact(m), exact(l));
  const test::MinConditionSubject& s = subject().min_condition;
  require_same(s.spectrum_slack(gram, m, l), nearest(slack), "the slack");
  const bool possible = s.spectrum_is_possible(gram, m, l);
  require(possible == (slack >= 0), "possible, or not");
  if (possible && p.g.size() <= 3)
    require(test::metric_within(e, exact(m), exact(l)).has_value(), "possible, but there is no such metric");
  const CompetitorBound bound = s.competitor_bound(gram, m, l);
  std::optional<double> excess;
  if (e.p > 0) excess = test::excess(e, exact(m), exact(l));
  require_same(bound.excess, excess, "the excess");
  require_same(s.condition_excess(gram, m, l), excess, "condition_excess");
  const Rational sum = (exact(m) + exact(l)) * e.p;
  require_same(bound.kantorovich, nearest(sum * sum - 4 * exact(m) * exact(l) * e.gg * e.yy),
               "Kantorovich's");
  require(!possible || !excess || *excess >= 0, "a metric better than the best");
}

void try_competitor(Input& input) {
  const bool definite = input.below(2) == 0;
  const Pair p = pair(input, 4);
  const std::size_t n = p.g.size();
  arma::mat m = definite ? spd(input, n) : matrix(input, n, n);
  m = arma::symmatu(m);
  input.note_matrix("M", m);
  const Competitor c = subject().min_condition.competitor(m, Gram::of(p.g, p.y));
  const RationalMatrix exactly = exact_matrix(m), one = test::identity(n);
  const auto below = [&](double x) {  // eigenvalues < x
    return test::negative_eigenvalues(test::plus(exactly, -exact(x), one));
  };
  const auto above = [&](double x) {
    return test::negative_eigenvalues(test::plus(test::plus(exactly, -2, exactly), exact(x), one));
  };
  if (std::isfinite(c.smallest_eigenvalue.lo))
    require(below(c.smallest_eigenvalue.lo) == 0, "an eigenvalue below");
  if (std::isfinite(c.smallest_eigenvalue.hi))
    require(above(c.smallest_eigenvalue.hi) < n, "no eigenvalue up to");
  if (std::isfinite(c.largest_eigenvalue.hi))
    require(above(c.largest_eigenvalue.hi) == 0, "an eigenvalue above");
  if (std::isfinite(c.largest_eigenvalue.lo))
    require(below(c.largest_eigenvalue.lo) < n, "no eigenvalue from");
}

// ------------------------------------------------------------------------- minimisers

void try_minimiser(Input& input) {
  const auto fewer = input.below(3);
  const Pair p = effective_pair(input, 4);
  const ExactPair e(p.g, p.y);
  const Gram gram = Gram::of(p.g, p.y);
  const std::size_t n = p.g.size();
  const bool parallel = e.p * e.p == e.gg * e.yy;
  const std::size_t room = n - std::min<std::size_t>(n, parallel ? 1 : 2);
  const std::size_t count = room - std::min<std::size_t>(fewer, room);
  std::vector<RationalVector> columns;
  arma::mat v(n, count);
  arma::vec values(count);
  RationalVector exact_values;
  for (std::size_t j = 0; j < count; ++j) {
    std::vector<double> x = vector(input, n);
    for (std::size_t i = 0;; ++i) {
      auto trial = columns;
      trial.push_back(exact(x));
      if (test::minimiser(e, trial, {})) break;
      x.assign(n, 0);
      x[i] = 1;
    }
    columns.push_back(exact(x));
    v.col(j) = column(x);
    // An end rounded and an ulp on either side of it, or a* rounded.
    const auto choice = input.below(7);
    double value = choice < 3   ? *natgrad::lambda_min(gram)
                   : choice < 6 ? *natgrad::lambda_max(gram)
                                : nearest(e.star());
    if (choice % 3 == 1) value = std::nextafter(value, infinity);
    if (choice % 3 == 2) value = std::nextafter(value, 0);
    if (!std::isfinite(value)) value = std::numeric_limits<double>::max();
    values[j] = value;
    exact_values.push_back(exact(value));
  }
  input.note_matrix("V", v);
  input.note("values", std::span<const double>(values.memptr(), count));
  const std::vector<double> x = probe(input, p, Alpha());
  const test::MinConditionSubject& s = subject().min_condition;
  const bool valid =
      std::all_of(exact_values.begin(), exact_values.end(), [&](const Rational& t) { return allowed(e, t); });
  std::optional<Minimiser> m;
  bool refused = false;
  try {
    m = s.minimiser(column(p.g), column(p.y), v, values);
  } catch (const ContractError&) {
    refused = true;
  }
  require(refused == !valid, "values in the interval, or not");
  if (refused) return;
  const RationalMatrix expected = *test::minimiser(e, columns, exact_values);
  require(test::is_minimiser(expected, e), "the reference is no minimiser");
  require_in_box(test::multiply(expected, exact(x)), s.minimiser_apply(*m, column(x)), "M x");
  require_in_box(test::solved(expected, exact(x)), s.minimiser_solve(*m, column(x)), "M^-1 x");
  if (count == 0)
    require_in_box(test::two_loop(e, exact(x)), s.minimiser_solve(*m, column(x)), "the two loops");
}

void require_outside(const ExactPair& e, const RationalMatrix& c, const arma::vec& witness) {
  const RationalVector z =
      test::multiply(test::complement_projector(e), RationalVector(witness.begin(), witness.end()));
  require(test::dot(z, z) > 0, "the witness is in the plane");
  require(!allowed(e, test::dot(z, test::multiply(c, z)) / test::dot(z, z)), "the witness is none");
}

void try_projected(Input& input) {
  const bool near = input.below(2) == 0;
  const Pair p = effective_pair(input, 4);
  const ExactPair e(p.g, p.y);
  const std::size_t n = p.g.size();
  arma::mat c = arma::symmatu(near ? spd(input, n) : matrix(input, n, n));
  const double star = nearest(e.star());
  if (near && std::isfinite(star) && (star * c).is_finite()) c *= star;
  input.note_matrix("C", c);
  const auto m = subject().min_condition.project_to_minimiser(column(p.g), column(p.y), c);
  require(m.has_value(), "no answer");
  const RationalMatrix expected = test::projected(e, exact_matrix(c));
  require_in_box(expected, m->matrix, "M");
  const bool truth = test::is_minimiser(expected, e);
  require(m->answer != Answer::yes || truth, "yes, but it is none");
  require(m->answer != Answer::no || !truth, "no, but it is one");
  if (m->answer == Answer::no) require_outside(e, exact_matrix(c), m->witness);

  // The rounded matrix, as a candidate.
  arma::mat rounded = m->matrix.value;
  const auto check = subject().min_condition.check_minimiser(rounded, column(p.g), column(p.y), 0);
  const RationalMatrix candidate = exact_matrix(rounded);
  const bool is_one = test::is_minimiser(candidate, e);
  require(check->answer != Answer::yes || is_one, "check: yes, but it is none");
  require(check->answer != Answer::no || !is_one, "check: no, but it is one");
  require(check->update.exact == (test::multiply(candidate, e.g) == e.y), "M g = y, or not");
  if (check->reason == MinimiserReason::outside) require_outside(e, candidate, check->witness);
}

// ------------------------------------------------------------------------- relative to a metric

void try_relative(Input& input) {
  const auto kind = input.below(3);
  const Pair p = effective_pair(input, 4);
  const ExactPair e(p.g, p.y);
  const std::size_t n = p.g.size();
  arma::mat argument(n, n, arma::fill::zeros);
  if (kind == 0)
    for (std::size_t i = 0; i < n; ++i) argument(i, i) = positive(input);
  else
    argument = kind == 1 ? spd(input, n) : nonsingular(input, n);
  input.note_matrix("M0, or J0", argument);
  const std::vector<double> x = probe(input, p, Alpha());
  RationalMatrix m0 = exact_matrix(argument);
  if (kind == 2) m0 = m0 * test::transposed(m0);
  const test::MinConditionSubject& s = subject().min_condition;
  const auto& make = kind == 0 ? s.with_diagonal : kind == 1 ? s.with_metric : s.with_factor;
  const auto m = make(column(p.g), column(p.y), argument);
  require(m.has_value() || kind != 0, "no optimum relative to a diagonal metric");
  if (!m) return;  // too badly conditioned to certify
  const test::RelativeReference r(e, m0);
  {
    const test::PrecisionScope precision(12000);
    require_enclosed(test::real(r.alpha), s.relative_alpha(*m), "alpha");
    require_enclosed(r.cosine(), s.relative_cosine(*m), "the cosine");
    require_enclosed(r.condition(), s.relative_condition(*m), "kappa0");
    require_enclosed(r.sqrt_condition(), s.relative_sqrt_condition(*m), "sqrt(kappa0)");
    require_enclosed(r.log_condition(), s.relative_log_condition(*m), "ln kappa0");
  }
  require_in_box(test::multiply(r.metric, exact(x)), s.relative_apply(*m, column(x)), "M x");
  require_in_box(test::solved(r.metric, exact(x)), s.relative_solve(*m, column(x)), "M^-1 x");
  require_in_box(r.metric, s.relative_dense(*m), "M");
}

}  // namespace

std::vector<Canary> canaries() {
  using test::Subject;
  return {
      {"kappa* - 1 an ulp off",
       [](Subject& table) {
         table.min_condition.condition_minus_one = [](const Gram& gram) {
           auto x = natgrad::condition_minus_one(gram);
           if (x && *x > 0 && *x < 1e-3) x = std::nextafter(*x, 0);
           return x;
         };
       }},
      {"-2 over the rounded s",
       [](Subject& table) {
         table.min_condition.log_condition_by_log_cosine = [](const Gram& gram) {
           auto x = natgrad::log_condition_by_log_cosine(gram);
           if (x && std::isfinite(*x)) x = -2 / *natgrad::sine(gram);
           return x;
         };
       }},
      {"a slack of 0 is not enough",
       [](Subject& table) {
         table.min_condition.spectrum_is_possible = [](const Gram& gram, double m, double l) {
           return natgrad::spectrum_slack(gram, m, l) > 0;
         };
       }},
      {"the excess as a difference of doubles",
       [](Subject& table) {
         table.min_condition.condition_excess = [](const Gram& gram, double m, double l) {
           auto x = natgrad::condition_excess(gram, m, l);
           if (x) x = l / m - *natgrad::condition(gram);
           return x;
         };
       }},
      {"values compared with the rounded ends",
       [](Subject& table) {
         table.min_condition.minimiser = [](const arma::vec& g, const arma::vec& y, const arma::mat& v,
                                            const arma::vec& values) {
           const Gram gram = Gram::of({g.memptr(), g.n_elem}, {y.memptr(), y.n_elem});
           for (const double x : values)
             if (x < *natgrad::lambda_min(gram) || x > *natgrad::lambda_max(gram))
               throw ContractError("values");
           try {
             return Minimiser::make(g, y, v, values);
           } catch (const ContractError&) {
             return Minimiser::make(g, y);
           }
         };
       }},
      {"M^-1 x without its radius",
       [](Subject& table) {
         table.min_condition.minimiser_solve = [](const Minimiser& m, const arma::vec& x) {
           EnclosedVector box = m.solve(x);
           box.radius.zeros();
           return box;
         };
       }},
      {"the transposed factor",
       [](Subject& table) {
         table.min_condition.with_factor = [](const arma::vec& g, const arma::vec& y, const arma::mat& j0) {
           return RelativeOptimum::with_factor(g, y, j0.t());
         };
       }},
      {"kappa0 to within 2^-52 but for an ulp",
       [](Subject& table) {
         table.min_condition.relative_condition = [](const RelativeOptimum& m) {
           const Enclosure e = m.condition();
           return Enclosure{e.hi, e.hi};
         };
       }},
      {"the smallest eigenvalue without its error",
       [](Subject& table) {
         table.min_condition.competitor = [](const arma::mat& m, const Gram& gram) {
           Competitor c = natgrad::competitor(m, gram);
           c.smallest_eigenvalue.lo = c.smallest_eigenvalue.hi;
           return c;
         };
       }},
      {"every answer is yes",
       [](Subject& table) {
         table.min_condition.project_to_minimiser = [](const arma::vec& g, const arma::vec& y,
                                                       const arma::mat& c) {
           auto m = natgrad::project_to_minimiser(g, y, c);
           if (m) m->answer = Answer::yes;
           return m;
         };
       }},
  };
}

}  // namespace natgrad::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace natgrad::fuzz;
  Input input(data, size);
  switch (input.below(6)) {
    case 0:
      try_gram(input);
      break;
    case 1:
      try_bound(input);
      break;
    case 2:
      try_competitor(input);
      break;
    case 3:
      try_minimiser(input);
      break;
    case 4:
      try_projected(input);
      break;
    default:
      try_relative(input);
  }
  return 0;
}
