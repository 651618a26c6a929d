// natgrad: laws of the family M(a): exact rationals for what is correctly rounded, multiprecision for roots.
#include <algorithm>
#include <array>
#include <bit>
#include <limits>

#include "support/environment.hpp"
#include "support/forge.hpp"
#include "support/laws.hpp"
#include "support/reference.hpp"

namespace natgrad::test {

namespace {

using Doubles = Subject::Doubles;
using Floats = Subject::Floats;
using Operator = Subject::Operator;
using OperatorOfFloats = Subject::OperatorOfFloats;
using OperatorOfColumns = Subject::OperatorOfColumns;

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr float largest_float = std::numeric_limits<float>::max();

// ------------------------------------------------------------------------- drawing and comparing

struct Draw {
  Pair pair;
  Alpha a;
  ExactPair exactly;
  Metric metric;
};

Draw draw(const Subject& subject, std::size_t max_dimension) {
  const Pair pair = *effective_pairs(max_dimension);
  classify(pair);
  const Alpha a = *alphas(pair);
  // For D = 1, M = y/g = a* whatever a is.
  const std::optional<double> parameter = pair.g.size() == 1 ? std::nullopt : a.value();
  return {pair, a, ExactPair(pair.g, pair.y, parameter), subject.metric(pair.g, pair.y, a).value()};
}

std::vector<double> nearest(const RationalVector& x) {
  std::vector<double> out;
  for (const Rational& element : x) out.push_back(test::nearest(element));
  return out;
}

std::vector<double> widened(Floats x) {
  return {x.begin(), x.end()};
}

// x, its exponent brought into the range of floats.
float folded(double x) {
  int exponent = 0;
  const double fraction = std::frexp(x, &exponent);
  if (exponent < -148 || exponent > 128) exponent %= 128;
  const float nearby = nearest_float(exact(std::ldexp(fraction, exponent)));
  return std::isfinite(nearby) ? nearby : std::copysign(largest_float, nearby);
}

std::vector<float> folded(Doubles x) {
  std::vector<float> out;
  for (const double element : x) out.push_back(folded(element));
  return out;
}

// |x| as an exact bound on the error of correct roundings: half an ulp each.
RationalVector rounding_errors(const RationalVector& x) {
  RationalVector out;
  for (const Rational& element : x) out.push_back(half_ulp(element));
  return out;
}

// |M| applied to a vector of errors, |M| the matrix of absolute values of the terms of M(a).
RationalVector spread_by_metric(const ExactPair& pair, const RationalVector& errors) {
  Rational along_y = 0, along_g = 0;
  for (std::size_t i = 0; i < errors.size(); ++i) {
    along_y += abs(pair.y[i]) * errors[i];
    along_g += abs(pair.g[i]) * errors[i];
  }
  RationalVector out;
  for (std::size_t i = 0; i < errors.size(); ++i) {
    out.push_back(abs(pair.y[i]) * along_y / pair.p +
                  pair.a * (errors[i] + abs(pair.g[i]) * along_g / pair.gg));
  }
  return out;
}

Real half_ulp_of(const Real& x) {
  if (x == 0) return ldexp(Real(1), -1075);
  int exponent = 0;
  frexp(x, &exponent);
  return ldexp(Real(1), std::max(exponent - 53, -1074) - 1);
}

// The stated componentwise bound of roots and factors.
std::vector<Real> stated_bound(const RootReference& reference) {
  std::vector<Real> out;
  for (std::size_t i = 0; i < reference.value.size(); ++i) {
    out.push_back(half_ulp_of(reference.value[i]) +
                  real(exact(MetricOperator::root_bound)) * reference.terms[i]);
  }
  return out;
}

void require_close(const std::vector<double>& actual, const std::vector<Real>& expected,
                   const std::vector<Real>& bound, const char* what) {
  RC_ASSERT(actual.size() == expected.size());
  const Real overflow = ldexp(Real(1), 1024) - ldexp(Real(1), 970);
  for (std::size_t i = 0; i < expected.size(); ++i) {
    // An infinity stands for what is beyond the overflow threshold on its side.
    const bool near =
        std::isfinite(actual[i])
            ? abs(real(exact(actual[i])) - expected[i]) <= bound[i]
            : std::isinf(actual[i]) && (actual[i] > 0 ? 1 : -1) * expected[i] + bound[i] >= overflow;
    if (!near) {
      fail(std::string(what) + "[" + std::to_string(i) + "] is " + hex(actual[i]) + ", should be within " +
           bound[i].str(3) + " of " + hex(expected[i].convert_to<double>()));
    }
  }
}

void require_close(const std::vector<double>& actual, const RationalVector& expected,
                   const RationalVector& bound, const char* what) {
  for (std::size_t i = 0; i < expected.size(); ++i) {
    if (!(std::isfinite(actual[i]) && abs(exact(actual[i]) - expected[i]) <= bound[i])) {
      fail(std::string(what) + "[" + std::to_string(i) + "] is " + hex(actual[i]) + ", should be within " +
           hex(test::nearest(bound[i])) + " of " + hex(test::nearest(expected[i])));
    }
  }
}

// ------------------------------------------------------------------------- apply and solve

// B - B s s^T B/(s^T B s) + z z^T/(z^T s) of B = a I, formed densely.
void apply_is_bfgs(const Subject& subject) {
  const Draw d = draw(subject, 8);
  const std::vector<double> x = *probes(d.pair, d.a);
  require_same_elements(subject.apply(d.metric, x), nearest(multiply(dense(d.exactly), exact(x))), "M x");
}

void apply_reference(const Subject& subject) {
  const Draw d = draw(subject, 24);
  const std::vector<double> x = *probes(d.pair, d.a);
  require_same_elements(subject.apply(d.metric, x), nearest(test::apply(d.exactly, exact(x))), "M x");
}

void maps_g_to_y(const Subject& subject) {
  const Draw d = draw(subject, 64);
  require_same_elements(subject.apply(d.metric, d.pair.g), d.pair.y, "M g");
}

void maps_y_to_g(const Subject& subject) {
  const Draw d = draw(subject, 64);
  require_same_elements(subject.solve(d.metric, d.pair.y), d.pair.g, "M^-1 y");
}

void solve_is_two_loop(const Subject& subject) {
  const Draw d = draw(subject, 24);
  const std::vector<double> x = *probes(d.pair, d.a);
  require_same_elements(subject.solve(d.metric, x), nearest(two_loop(d.exactly, exact(x))), "M^-1 x");
}

// z = M^-1 x rounded is off by half an ulp each, M z by |M| times that and its own rounding.
void apply_undoes_solve(const Subject& subject) {
  const Draw d = draw(subject, 12);
  const std::vector<double> x = *probes(d.pair, d.a);
  const std::vector<double> z = subject.solve(d.metric, x);
  if (!all_finite(z)) {
    RC_TAG("overflow");
    return;
  }
  const RationalVector spread = spread_by_metric(d.exactly, rounding_errors(two_loop(d.exactly, exact(x))));
  const std::vector<double> back = subject.apply(d.metric, z);
  RationalVector bound = spread;
  for (std::size_t i = 0; i < bound.size(); ++i) bound[i] += half_ulp(abs(exact(x[i])) + spread[i]);
  if (!all_finite(back)) {
    RC_TAG("overflow");
    return;
  }
  require_close(back, exact(x), bound, "M M^-1 x");
}

// |z.(M x) - x.(M z)| <= the roundings of M x and M z, weighted.
void symmetric(const Subject& subject) {
  const Draw d = draw(subject, 12);
  const std::vector<double> x = *probes(d.pair, d.a);
  const std::vector<double> z = *probes(d.pair, d.a);
  const std::vector<double> mx = subject.apply(d.metric, x), mz = subject.apply(d.metric, z);
  if (!all_finite(mx) || !all_finite(mz)) {
    RC_TAG("overflow");
    return;
  }
  Rational difference = 0, bound = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    difference += exact(z[i]) * exact(mx[i]) - exact(x[i]) * exact(mz[i]);
    // An ulp of the rounded value is at least the half ulp of the exact one.
    bound += 2 * (abs(exact(z[i])) * half_ulp(exact(mx[i])) + abs(exact(x[i])) * half_ulp(exact(mz[i])));
  }
  RC_ASSERT((abs(difference) <= bound));
}

void same_view(const Subject& subject) {
  const Draw d = draw(subject, 16);
  const std::vector<double> x = *probes(d.pair, d.a);
  const auto view = subject.view(d.pair.g, d.pair.y, Gram::of(d.pair.g, d.pair.y), d.a);
  const auto plain = MetricView::make(d.pair.g, d.pair.y, d.a);
  for (const MetricOperator* other :
       {static_cast<const MetricOperator*>(&*view), static_cast<const MetricOperator*>(&*plain)}) {
    require_same_elements(subject.apply(*other, x), subject.apply(d.metric, x), "M x of a view");
    require_same_elements(subject.solve(*other, x), subject.solve(d.metric, x), "M^-1 x of a view");
    RC_ASSERT(other->scalars() == natgrad::scalars(Gram::of(d.pair.g, d.pair.y), d.a));
  }
}

void in_place(const Subject& subject) {
  const Draw d = draw(subject, 16);
  const std::vector<double> x = *probes(d.pair, d.a);
  require_same_elements(subject.apply_in_place(d.metric, x), subject.apply(d.metric, x), "M x in place");
  require_same_elements(subject.solve_in_place(d.metric, x), subject.solve(d.metric, x), "M^-1 x in place");
}

void any_environment(const Subject& subject) {
  const Draw d = draw(subject, 6);
  const std::vector<double> x = *probes(d.pair, d.a);
  const std::vector<float> floats = folded(x);
  const arma::mat columns = arma::join_rows(arma::vec(x), arma::vec(d.pair.g));
  struct Results {
    std::vector<std::vector<double>> doubles;
    std::vector<std::vector<float>> floats;
  };
  const auto results = [&] {
    Results out;
    for (const Operator& f :
         {subject.apply, subject.solve, subject.root_apply, subject.root_solve, subject.factor_apply,
          subject.factor_transpose_apply, subject.factor_solve, subject.factor_transpose_solve}) {
      out.doubles.push_back(f(d.metric, x));
    }
    out.doubles.push_back({subject.quadratic_form(d.metric, x), subject.inverse_quadratic_form(d.metric, x)});
    const LdlFactor ldl = subject.ldl(d.metric);
    for (const arma::vec& part : {ldl.pivots, ldl.u, ldl.v})
      out.doubles.emplace_back(part.begin(), part.end());
    for (const OperatorOfColumns& f : {subject.apply_columns, subject.solve_columns}) {
      const arma::mat image = f(d.metric, columns);
      out.doubles.emplace_back(image.begin(), image.end());
    }
    for (const OperatorOfFloats& f : {subject.apply_floats, subject.solve_floats}) {
      out.floats.emplace_back(floats.size());
      f(d.metric, floats, out.floats.back());
    }
    return out;
  };
  const Results expected = results();
  for (const Environment environment : environments) {
    Results actual;
    {
      const EnvironmentScope scope(environment);
      actual = results();
    }
    for (std::size_t i = 0; i < expected.doubles.size(); ++i) {
      require_same_elements(actual.doubles[i], expected.doubles[i],
                            std::string("result ") + std::to_string(i) + ", " + name(environment));
    }
    for (std::size_t i = 0; i < expected.floats.size(); ++i) {
      require_same_elements(widened(actual.floats[i]), widened(expected.floats[i]),
                            std::string("result of floats ") + std::to_string(i) + ", " + name(environment));
    }
  }
}

// ------------------------------------------------------------------------- floats and columns

// M or M^-1: of doubles, of floats, of the columns of a matrix, and of rationals.
struct Way {
  Operator Subject::*doubles;
  OperatorOfFloats Subject::*floats;
  OperatorOfColumns Subject::*columns;
  RationalVector (*reference)(const ExactPair&, std::span<const Rational>);
  bool inverse;
};
constexpr Way forward = {&Subject::apply, &Subject::apply_floats, &Subject::apply_columns, test::apply,
                         false};
constexpr Way backward = {&Subject::solve, &Subject::solve_floats, &Subject::solve_columns, two_loop, true};

constexpr std::uint32_t bits_of_largest = std::bit_cast<std::uint32_t>(largest_float);

// x with three bits to spare at both ends: its multiples by 1, 3, 5 and 7 are floats.
double with_bits_to_spare(float x) {
  const float nearer = std::fabs(x) >= 0x1p124F ? x * 0x1p-4F : x;
  return static_cast<double>(std::bit_cast<float>(std::bit_cast<std::uint32_t>(nearer) & ~7U));
}

// Half way from the finite float >= 0 with these bits to the next, or to 2^128, where infinity begins.
Rational half_way_above(std::uint32_t bits) {
  const auto value = [](std::uint32_t of) {
    return of > bits_of_largest ? power_of_two(128) : exact(static_cast<double>(std::bit_cast<float>(of)));
  };
  return (value(bits) + value(bits + 1)) / 2;
}

// Floats of every exponent >= 0, with more of the least and of the greatest.
std::uint32_t draw_bits_of_float() {
  const std::uint64_t kind = *indices(6);
  if (kind == 0) return static_cast<std::uint32_t>(*indices(16));
  if (kind == 1) return bits_of_largest - static_cast<std::uint32_t>(*indices(16));
  return static_cast<std::uint32_t>(*indices(std::uint64_t{bits_of_largest} + 1));
}

// The double a for which element i is next to half way between two floats, if there is one. Element i is
// constant + slope a (of M^-1 x: slope/a), and half the last place of a changes it by about as much as the
// last place of a double, which is what a rounding to double on the way would lose.
std::optional<Alpha> parameter_for_half_way(const Pair& pair, std::span<const Rational> x, std::size_t i,
                                            std::uint32_t bits, const Way& way) {
  const auto element = [&](double a) { return way.reference(ExactPair(pair.g, pair.y, a), x)[i]; };
  const Rational at_one = element(1), slope = element(way.inverse ? 0.5 : 2) - at_one;
  const Rational constant = at_one - slope;
  if (slope == 0) return {};
  // A sum that cancels would not be that close.
  Rational target = half_way_above(bits);
  if (target <= abs(constant)) {
    const float above = nearest_float(2 * abs(constant));
    if (!std::isfinite(above)) return {};
    target = half_way_above(std::bit_cast<std::uint32_t>(above));
  }
  const Rational factor = ((slope < 0 ? Rational(-target) : target) - constant) / slope;
  const double a = test::nearest(way.inverse ? Rational(1 / factor) : factor);
  if (!(std::isfinite(a) && a > 0)) return {};
  return Alpha(a);
}

struct FloatDraw {
  Pair pair;
  Alpha a;
  std::vector<float> x;
};

// M (c g) = c y, M^-1 (c y) = c g: one vector of floats, the other such that c times it is half way
// between floats, or as close to that as doubles can be for c > 1.
FloatDraw image_draw(Pair pair, Alpha a, const Way& way) {
  std::vector<double>&from = way.inverse ? pair.y : pair.g, &to = way.inverse ? pair.g : pair.y;
  const int c = 1 + 2 * static_cast<int>(*indices(4));
  for (double& element : from) element = with_bits_to_spare(folded(element));
  for (double& element : to) {
    if (element == 0) continue;
    const Rational target = half_way_above(std::bit_cast<std::uint32_t>(std::fabs(folded(element))));
    element = std::copysign(test::nearest(Rational(target / c)), element);
  }
  Rational p = dot(exact(pair.g), exact(pair.y));
  if (p == 0) {
    from.push_back(1);
    to.push_back(1);
    p = 1;
  }
  if (p < 0) {
    for (double& element : to) element = -element;
  }
  std::vector<float> x;
  for (const double element : from) x.push_back(static_cast<float>(c * element));
  return {pair, a, x};
}

FloatDraw draw_floats(const Way& way) {
  const Pair pair = *effective_pairs(12);
  const Alpha a = *alphas(pair);
  const std::uint64_t kind = *indices(4);
  if (kind == 3) return image_draw(pair, a, way);
  FloatDraw out{pair, a, folded(*probes(pair, a))};
  if (kind > 0) {
    const std::size_t i = *indices(pair.g.size());
    const std::uint32_t bits = draw_bits_of_float();
    out.a = parameter_for_half_way(pair, exact(widened(out.x)), i, bits, way).value_or(a);
  }
  return out;
}

RationalVector exact_image(const FloatDraw& d, const Way& way) {
  const std::optional<double> parameter = d.pair.g.size() == 1 ? std::nullopt : d.a.value();
  return way.reference(ExactPair(d.pair.g, d.pair.y, parameter), exact(widened(d.x)));
}

void floats_rounded_once(const Subject& subject, const Way& way) {
  const FloatDraw d = draw_floats(way);
  classify(d.pair);
  std::vector<float> expected;
  bool tie = false, twice = false, subnormal = false, overflow = false;
  for (const Rational& element : exact_image(d, way)) {
    expected.push_back(nearest_float(element));
    const double nearby = test::nearest(element);
    twice = twice || (std::isfinite(nearby) && nearest_float(exact(nearby)) != expected.back());
    tie = tie || (element != 0 && nearest_float(element * (1 + power_of_two(-80))) !=
                                      nearest_float(element * (1 - power_of_two(-80))));
    subnormal = subnormal || std::fpclassify(expected.back()) == FP_SUBNORMAL;
    overflow = overflow || std::isinf(expected.back());
  }
  if (twice) RC_TAG("two roundings differ");
  if (tie) RC_TAG("half way");
  if (subnormal) RC_TAG("subnormal float");
  if (overflow) RC_TAG("float overflow");
  const Metric metric = subject.metric(d.pair.g, d.pair.y, d.a).value();
  std::vector<float> out(d.x.size(), 7), both = d.x;
  (subject.*way.floats)(metric, d.x, out);
  require_same_elements(widened(out), widened(expected), "of floats: element");
  (subject.*way.floats)(metric, both, both);
  require_same_elements(widened(both), widened(expected), "of floats in place: element");
}

// Probes, some as large or as small as they can be made exactly, some zero.
arma::mat draw_columns(const Pair& pair, Alpha a, std::size_t columns) {
  arma::mat x(pair.g.size(), columns);
  for (arma::uword k = 0; k < columns; ++k) {
    const std::uint64_t kind = *indices(8);
    std::vector<double> column = *probes(pair, a);
    const auto [lo, hi] = exact_shifts(column);
    if (kind == 5) column = shifted(column, hi);
    if (kind == 6) column = shifted(column, lo);
    if (kind == 7) std::fill(column.begin(), column.end(), *indices(2) == 0 ? 0.0 : -0.0);
    std::copy(column.begin(), column.end(), x.begin_col(k));
  }
  return x;
}

void require_same_bits(const arma::mat& actual, const arma::mat& expected) {
  RC_ASSERT(actual.n_rows == expected.n_rows);
  RC_ASSERT(actual.n_cols == expected.n_cols);
  for (arma::uword k = 0; k < expected.n_cols; ++k) {
    for (arma::uword i = 0; i < expected.n_rows; ++i) {
      if (std::bit_cast<std::uint64_t>(actual(i, k)) != std::bit_cast<std::uint64_t>(expected(i, k))) {
        fail("element " + std::to_string(i) + " of column " + std::to_string(k) + " is " + hex(actual(i, k)) +
             "; the column alone gives " + hex(expected(i, k)));
      }
    }
  }
}

// Columns go in groups of sixteen and rows in strips of 4096.
void columns_are_those_of_each(const Subject& subject, const Way& way) {
  Pair pair = *effective_pairs(12);
  classify(pair);
  const Alpha a = *alphas(pair);
  const bool tall = *indices(64) == 63;
  arma::mat x = draw_columns(pair, a, tall ? 2 + *indices(3) : *indices(40));
  if (tall) {
    RC_TAG("several strips");
    const std::size_t times = 4096 / pair.g.size() + 1;
    x = arma::repmat(x, times, 1);
    for (std::vector<double>* vector : {&pair.g, &pair.y}) {
      const std::vector<double> once = *vector;
      for (std::size_t k = 1; k < times; ++k) vector->insert(vector->end(), once.begin(), once.end());
    }
  }
  if (x.n_cols > 16) RC_TAG("several groups");
  const Metric metric = subject.metric(pair.g, pair.y, a).value();
  arma::mat expected(x.n_rows, x.n_cols);
  for (arma::uword k = 0; k < x.n_cols; ++k) {
    const std::vector<double> column = (subject.*way.doubles)(metric, Doubles(x.colptr(k), x.n_rows));
    std::copy(column.begin(), column.end(), expected.begin_col(k));
  }
  require_same_bits((subject.*way.columns)(metric, x), expected);
}

// The element that a refusal names; "refused" if it is about no element.
template <class Function>
std::string refusal(Function function) {
  try {
    function();
  } catch (const NonFiniteError& error) {
    return error.argument() + "[" + std::to_string(error.index()) + "] = " + hex(error.value());
  } catch (const ContractError&) {
    return "refused";
  }
  return "accepted";
}

void require_refusal(const std::string& actual, const std::string& expected, const char* what) {
  if (actual != expected) fail(std::string(what) + ": " + actual + ", should be: " + expected);
}

void refuses_bad_floats(const Subject& subject, const Way& way) {
  const Draw d = draw(subject, 12);
  const std::size_t n = d.pair.g.size();
  std::vector<float> x = folded(*probes(d.pair, d.a)), out(n, 7);
  const std::vector<float> untouched = out;
  const auto call = [&](Floats in, std::span<float> to) {
    return refusal([&] { (subject.*way.floats)(d.metric, in, to); });
  };
  // Too short (nothing at all included), or too long.
  std::vector<float> other = x;
  other.resize(*indices(2) == 0 ? *indices(n) : n + 1 + *indices(3), 7.0F);
  const std::vector<float> other_before = other;
  require_refusal(call(other, out), "refused", "x of another length");
  require_refusal(call(x, other), "refused", "out of another length");
  RC_ASSERT((other == other_before));
  // x and out, overlapping in part.
  const std::size_t shift = 1 + *indices(n);
  if (shift < n) {
    std::vector<float> memory = x;
    memory.resize(n + shift, 7.0F);
    const std::vector<float> before = memory;
    const std::span<float> first = std::span(memory).first(n), last = std::span(memory).last(n);
    require_refusal(call(first, last), "refused", "out that begins inside x");
    require_refusal(call(last, first), "refused", "out that ends inside x");
    RC_ASSERT((memory == before));
  }
  // Two bad elements, or one twice: the first is named.
  const std::array<float, 3> bad = {std::numeric_limits<float>::infinity(),
                                    -std::numeric_limits<float>::infinity(),
                                    std::numeric_limits<float>::quiet_NaN()};
  const std::size_t one = *indices(n), two = *indices(n), first = std::min(one, two);
  x[std::max(one, two)] = bad[*indices(3)];
  x[first] = bad[*indices(3)];
  const double named = static_cast<double>(x[first]);
  require_refusal(call(x, out), "x[" + std::to_string(first) + "] = " + hex(named), "bad elements");
  RC_ASSERT((out == untouched));
}

void refuses_bad_columns(const Subject& subject, const Way& way) {
  const Pair pair = *effective_pairs(12);
  const Alpha a = *alphas(pair);
  const Metric metric = subject.metric(pair.g, pair.y, a).value();
  arma::mat x = draw_columns(pair, a, 1 + *indices(20));
  const auto call = [&](const arma::mat& in) { return refusal([&] { (subject.*way.columns)(metric, in); }); };
  // Without columns, too, the rows have to fit.
  const arma::uword columns = *indices(2) * x.n_cols;
  const arma::uword rows = *indices(2) == 0 ? *indices(x.n_rows) : x.n_rows + 1 + *indices(3);
  require_refusal(call(arma::mat(rows, columns, arma::fill::ones)), "refused", "another number of rows");
  // Two bad elements: the first, column by column, is named.
  const std::array<double, 3> bad = {infinity, -infinity, std::numeric_limits<double>::quiet_NaN()};
  const arma::uword one = *indices(x.n_elem), two = *indices(x.n_elem), first = std::min(one, two);
  x[std::max(one, two)] = bad[*indices(3)];
  x[first] = bad[*indices(3)];
  require_refusal(call(x),
                  "x.col(" + std::to_string(first / x.n_rows) + ")[" + std::to_string(first % x.n_rows) +
                      "] = " + hex(x[first]),
                  "bad elements");
}

// ------------------------------------------------------------------------- quadratic forms

void quadratic_form_reference(const Subject& subject) {
  const Draw d = draw(subject, 16);
  const std::vector<double> x = *probes(d.pair, d.a);
  const RationalVector exact_x = exact(x);
  require_same(subject.quadratic_form(d.metric, x),
               test::nearest(dot(exact_x, multiply(dense(d.exactly), exact_x))), "x^T M x");
}

void inverse_quadratic_form_reference(const Subject& subject) {
  const Draw d = draw(subject, 16);
  const std::vector<double> x = *probes(d.pair, d.a);
  const RationalVector exact_x = exact(x);
  require_same(subject.inverse_quadratic_form(d.metric, x),
               test::nearest(dot(exact_x, two_loop(d.exactly, exact_x))), "x^T M^-1 x");
}

// Positive for x != 0, and between the extreme eigenvalues times x.x.
template <Subject::Form Subject::*form, bool inverse>
void positive(const Subject& subject) {
  const Draw d = draw(subject, 16);
  const std::vector<double> x = *probes(d.pair, d.a);
  const double value = (subject.*form)(d.metric, x);
  const Rational square = dot(exact(x), exact(x));
  const PrecisionScope precision(12000);
  const auto [least, greatest] = plane(d.exactly).eigenvalues();
  // The slack keeps a bound that is itself a midpoint from rounding the wrong way.
  const Real slack = ldexp(Real(1), -3000);
  const Real lower = real(square) * (inverse ? Real(1 / greatest) : least) * (1 - slack);
  const Real upper = real(square) * (inverse ? Real(1 / least) : greatest) * (1 + slack);
  RC_ASSERT(value >= 0);
  RC_ASSERT((value >= lower.convert_to<double>()));
  RC_ASSERT((value <= upper.convert_to<double>()));
}

// ------------------------------------------------------------------------- roots and factors

template <Operator Subject::*member, RootReference (*reference)(const ExactPair&, std::span<const Rational>)>
void within_stated_bound(const Subject& subject) {
  const Draw d = draw(subject, 10);
  const std::vector<double> x = *probes(d.pair, d.a);
  const RootReference expected = settled([&] { return reference(d.exactly, exact(x)); });
  require_close((subject.*member)(d.metric, x), expected.value, stated_bound(expected), "element");
}

// Norm bound: an error e of the first factor becomes at most |second|_2 |e|_2 in any element.
struct Chained {
  Operator Subject::*first;
  RootReference (*first_reference)(const ExactPair&, std::span<const Rational>);
  Operator Subject::*second;
  RootReference (*second_reference)(const ExactPair&, std::span<const Rational>);
  bool second_inverse;  // |second|_2 = 1/sqrt(lambda_min) in place of sqrt(lambda_max)
  bool product;         // the two together are M; else the identity
};

void chained(const Subject& subject, const Chained& chain) {
  const Draw d = draw(subject, 8);
  const std::vector<double> x = *probes(d.pair, d.a);
  const std::vector<double> z = (subject.*chain.first)(d.metric, x);
  if (!all_finite(z)) {
    RC_TAG("overflow");
    return;
  }
  const RootReference middle = settled([&] { return chain.first_reference(d.exactly, exact(x)); });
  const RootReference last = settled([&] { return chain.second_reference(d.exactly, exact(z)); });
  const PrecisionScope precision(12000);
  const auto [least, greatest] = plane(d.exactly).eigenvalues();
  const Real norm = chain.second_inverse ? Real(1 / sqrt(least)) : Real(sqrt(greatest));
  Real error = 0;
  for (const Real& element : stated_bound(middle)) error += element * element;
  error = norm * sqrt(error);
  std::vector<Real> bound = stated_bound(last);
  for (Real& element : bound) element += error;
  const RationalVector exactly = chain.product ? test::apply(d.exactly, exact(x)) : exact(x);
  std::vector<Real> expected;
  for (const Rational& element : exactly) expected.push_back(real(element));
  require_close((subject.*chain.second)(d.metric, z), expected, bound, "element");
}

// ------------------------------------------------------------------------- LDL^T, dense, spectrum

void ldl_is_elimination(const Subject& subject) {
  const Draw d = draw(subject, 6);
  const ExactPair& e = d.exactly;
  const std::size_t n = e.g.size();
  const ExactLdl expected = eliminate(dense(e));
  const LdlFactor actual = subject.ldl(d.metric);
  require_same_elements(std::vector<double>(actual.pivots.begin(), actual.pivots.end()),
                        nearest(expected.pivots), "pivot");
  require_same_elements(std::vector<double>(actual.g.begin(), actual.g.end()), d.pair.g, "g");
  require_same_elements(std::vector<double>(actual.y.begin(), actual.y.end()), d.pair.y, "y");
  // u_j and v_j by their definition; that they give L is checked against the elimination.
  const Rational ap = e.a * e.p;
  Rational big_y = 0, big_g = 0, tail = e.gg;
  RationalVector u(n), v(n);
  for (std::size_t j = 0; j < n; ++j) {
    const Rational before_y = big_y, before_g = big_g, before_tail = tail;
    big_y += e.y[j] * e.y[j];
    big_g += e.g[j] * e.y[j];
    tail -= e.g[j] * e.g[j];
    const Rational nj = (ap + big_y) * tail + big_g * big_g;
    u[j] = (before_tail * e.y[j] + before_g * e.g[j]) / nj;
    v[j] = (before_g * e.y[j] - (ap + before_y) * e.g[j]) / nj;
    for (std::size_t i = j + 1; i < n; ++i) RC_ASSERT((e.y[i] * u[j] + e.g[i] * v[j] == expected.l[i][j]));
  }
  require_same_elements(std::vector<double>(actual.u.begin(), actual.u.end()), nearest(u), "u");
  require_same_elements(std::vector<double>(actual.v.begin(), actual.v.end()), nearest(v), "v");
}

void dense_l_reference(const Subject& subject) {
  const Draw d = draw(subject, 6);
  const RationalMatrix expected = eliminate(dense(d.exactly)).l;
  const arma::mat actual = subject.dense_l(subject.ldl(d.metric));
  RC_ASSERT(actual.n_rows == expected.size());
  RC_ASSERT(actual.n_cols == expected.size());
  for (std::size_t j = 0; j < expected.size(); ++j) {
    for (std::size_t i = 0; i < expected.size(); ++i) {
      require_same(actual(i, j), test::nearest(expected[i][j]), "L_" + std::to_string(i) + std::to_string(j));
    }
  }
}

// Correctly rounded quotients of positive numbers are not negative, whatever the angle; their product is det
// M.
void pivots_are_positive(const Subject& subject) {
  const Draw d = draw(subject, 40);
  const LdlFactor ldl = subject.ldl(d.metric);
  for (const double pivot : ldl.pivots) {
    RC_ASSERT(pivot >= 0);
    RC_ASSERT(!std::isnan(pivot));
  }
  if (std::all_of(ldl.pivots.begin(), ldl.pivots.end(), [](double pivot) { return std::isnormal(pivot); })) {
    Rational product = 1;
    for (const double pivot : ldl.pivots) product *= exact(pivot);
    Rational determinant = d.exactly.p / d.exactly.gg;
    for (std::size_t i = 1; i < d.pair.g.size(); ++i) determinant *= d.exactly.a;
    const Rational relative = abs(product / determinant - 1);
    RC_ASSERT((relative <= Rational(d.pair.g.size()) * power_of_two(-52)));
  }
}

void dense_reference(const Subject& subject) {
  const Draw d = draw(subject, 8);
  const arma::mat actual = subject.dense(d.metric);
  const RationalMatrix expected = test::dense(d.exactly);
  RC_ASSERT(actual.n_rows == expected.size());
  RC_ASSERT(actual.n_cols == expected.size());
  for (std::size_t j = 0; j < expected.size(); ++j) {
    for (std::size_t i = 0; i < expected.size(); ++i) {
      require_same(actual(i, j), test::nearest(expected[i][j]), "M_" + std::to_string(i) + std::to_string(j));
      require_same(actual(i, j), actual(j, i), "the transposed entry");
    }
  }
}

// Eigenvalues of M in [lo, hi] and in (lo, hi), by Sylvester's law of inertia on M - lo I and M - hi I.
std::pair<std::size_t, std::size_t> eigenvalues_between(const RationalMatrix& m, const Rational& lo,
                                                        const Rational& hi) {
  const auto shifted_by = [&](const Rational& shift, int sign) {
    RationalMatrix out = m;
    for (std::size_t i = 0; i < out.size(); ++i) {
      out[i][i] -= shift;
      for (Rational& entry : out[i]) entry *= sign;
    }
    return out;
  };
  const std::size_t n = m.size();
  const std::size_t below_lo = negative_eigenvalues(shifted_by(lo, 1));
  const std::size_t above_hi = negative_eigenvalues(shifted_by(hi, -1));
  const std::size_t up_to_lo = n - negative_eigenvalues(shifted_by(lo, -1));
  const std::size_t from_hi = n - negative_eigenvalues(shifted_by(hi, 1));
  return {n - below_lo - above_hi, n - std::min(n, up_to_lo + from_hi)};
}

void spectrum_by_inertia(const Subject& subject) {
  const Draw d = draw(subject, 5);
  const std::vector<Eigenvalue> spectrum = subject.spectrum(d.metric);
  const RationalMatrix m = test::dense(d.exactly);
  const Rational largest = exact(std::numeric_limits<double>::max()), overflow = power_of_two(1024);
  const auto value_or_overflow = [&](double x) { return std::isinf(x) ? overflow : exact(x); };
  std::size_t i = 0;
  while (i < spectrum.size()) {
    const double value = spectrum[i].value;
    std::size_t multiplicity = 0;
    for (; i < spectrum.size() && spectrum[i].value == value; ++i) multiplicity += spectrum[i].multiplicity;
    RC_ASSERT(!std::isnan(value));
    const Rational lo = std::isinf(value)
                            ? Rational((largest + overflow) / 2)
                            : Rational((exact(value) + exact(std::nextafter(value, -infinity))) / 2);
    // Beyond the trace there is no eigenvalue.
    Rational hi = lo + 1;
    if (std::isinf(value)) {
      for (std::size_t k = 0; k < m.size(); ++k) hi += abs(m[k][k]);
    } else {
      hi = (exact(value) + value_or_overflow(std::nextafter(value, infinity))) / 2;
    }
    const auto [closed, open] = eigenvalues_between(m, lo, hi);
    if (multiplicity > closed || multiplicity < open) {
      fail("eigenvalue " + hex(value) + " has multiplicity " + std::to_string(multiplicity) +
           ", but that many round to it: " + std::to_string(closed));
    }
  }
}

void spectrum_shape(const Subject& subject) {
  const Draw d = draw(subject, 24);
  const std::vector<Eigenvalue> spectrum = subject.spectrum(d.metric);
  const std::size_t n = d.pair.g.size();
  const Gram gram = Gram::of(d.pair.g, d.pair.y);
  std::uint64_t total = 0;
  for (std::size_t i = 0; i < spectrum.size(); ++i) {
    total += spectrum[i].multiplicity;
    RC_ASSERT(spectrum[i].multiplicity >= 1U);
    if (i > 0) RC_ASSERT(spectrum[i - 1].value <= spectrum[i].value);
  }
  RC_ASSERT(total == n);
  require_same(spectrum.front().value, *natgrad::lambda_min(gram, d.a), "the least eigenvalue");
  require_same(spectrum.back().value, *natgrad::lambda_max(gram, d.a), "the greatest eigenvalue");
  // Distinct as reals: for s = 0 they are yy/p = |y|/|g| once and a (D - 1 times).
  const bool parallel = d.exactly.sine_squared() == 0;
  const std::size_t distinct = n == 1                                        ? 1
                               : parallel && d.exactly.a == d.exactly.star() ? 1
                               : parallel || n == 2                          ? 2
                                                                             : 3;
  RC_ASSERT(spectrum.size() == distinct);
  if (distinct == 3) {
    require_same(spectrum[1].value, *natgrad::alpha(gram, d.a), "the middle eigenvalue");
    RC_ASSERT(spectrum[1].multiplicity == n - 2);
  }
}

// ------------------------------------------------------------------------- mistakes

double naive_dot(Doubles x, Doubles z) {
  double sum = 0;
  for (std::size_t i = 0; i < x.size(); ++i) sum += x[i] * z[i];
  return sum;
}

// The textbook formulas in doubles.
struct Naive {
  Doubles g, y;
  double gg, p, yy, a, star;

  explicit Naive(const MetricOperator& m)
      : g(m.g()),
        y(m.y()),
        gg(naive_dot(g, g)),
        p(naive_dot(g, y)),
        yy(naive_dot(y, y)),
        a(m.alpha().value().value_or(yy / p)),
        star(yy / p) {}

  std::vector<double> apply(Doubles x) const {
    const double gx = naive_dot(g, x), yx = naive_dot(y, x);
    std::vector<double> out(x.size());
    for (std::size_t i = 0; i < x.size(); ++i) out[i] = y[i] * (yx / p) + a * (x[i] - g[i] * (gx / gg));
    return out;
  }
  std::vector<double> solve(Doubles x) const {
    const double gx = naive_dot(g, x), yx = naive_dot(y, x);
    std::vector<double> out(x.size());
    for (std::size_t i = 0; i < x.size(); ++i) {
      out[i] = x[i] / a - (g[i] * yx + y[i] * gx) / (a * p) + (yy / (a * p * p) + 1 / p) * g[i] * gx;
    }
    return out;
  }
};

Canary replaced(const char* name, Operator Subject::*member,
                std::function<std::vector<double>(const MetricOperator&, Doubles)> mistake) {
  return {name, [=](Subject& subject) { subject.*member = mistake; }};
}

Canary naive_apply() {
  return replaced("M x in doubles", &Subject::apply,
                  [](const MetricOperator& m, Doubles x) { return Naive(m).apply(x); });
}
Canary naive_solve() {
  return replaced("M^-1 x in doubles", &Subject::solve,
                  [](const MetricOperator& m, Doubles x) { return Naive(m).solve(x); });
}

Canary one_ulp_off(Operator Subject::*member) {
  return {"the last element one ulp off", [member](Subject& subject) {
            const Operator library = subject.*member;
            subject.*member = [library](const MetricOperator& m, Doubles x) {
              std::vector<double> out = library(m, x);
              out.back() = std::nextafter(out.back(), infinity);
              return out;
            };
          }};
}

// Exact dot products, but coefficients of g and y rounded to doubles before use.
Canary rounded_coefficients(bool inverse) {
  return {"coefficients rounded to doubles", [inverse](Subject& subject) {
            const auto combine = [inverse](const MetricOperator& m, Doubles x) {
              const ExactPair e(m.g(), m.y(), m.alpha().value());
              const RationalVector exact_x = exact(x);
              const Rational gx = dot(e.g, exact_x), yx = dot(e.y, exact_x);
              const double of_x = test::nearest(inverse ? Rational(1 / e.a) : e.a);
              const double of_y = test::nearest(inverse ? Rational(-gx / (e.a * e.p)) : Rational(yx / e.p));
              const double of_g = test::nearest(
                  inverse ? Rational(-yx / (e.a * e.p) + (e.yy / (e.a * e.p * e.p) + 1 / e.p) * gx)
                          : Rational(-e.a * gx / e.gg));
              std::vector<double> out(x.size());
              for (std::size_t i = 0; i < x.size(); ++i) {
                out[i] = std::fma(of_x, x[i], std::fma(of_y, m.y()[i], of_g * m.g()[i]));
              }
              return out;
            };
            (inverse ? subject.solve : subject.apply) = combine;
          }};
}

// M(a) with a* replaced by its rounded double.
Canary rounded_star() {
  return {"a* rounded to a double first", [](Subject& subject) {
            subject.metric = [](Doubles g, Doubles y, Alpha a) {
              const auto star = natgrad::alpha(Gram::of(g, y));
              const bool usable = a.is_optimal() && star && std::isfinite(*star) && *star > 0;
              return Metric::make(g, y, usable ? Alpha(*star) : a);
            };
          }};
}

// The rank-one term of BFGS subtracted once too often, or added.
Canary bfgs_with_wrong_sign() {
  return replaced("the wrong sign before B s s^T B/(s^T B s)", &Subject::apply,
                  [](const MetricOperator& m, Doubles x) {
                    const ExactPair e(m.g(), m.y(), m.alpha().value());
                    const RationalVector exact_x = exact(x);
                    RationalVector out = test::apply(e, exact_x);
                    const Rational twice = 2 * e.a * dot(e.g, exact_x) / e.gg;
                    for (std::size_t i = 0; i < out.size(); ++i) out[i] += twice * e.g[i];
                    return nearest(out);
                  });
}

Canary doubly_rounded(Operator Subject::*member, bool inverse) {
  return replaced("rounded to 60 bits, then to 53", member, [inverse](const MetricOperator& m, Doubles x) {
    const ExactPair e(m.g(), m.y(), m.alpha().value());
    RationalVector out = inverse ? two_loop(e, exact(x)) : test::apply(e, exact(x));
    for (Rational& element : out) {
      if (element == 0) continue;
      const long last = exponent_of(element) - 59;
      const Rational scaled = abs(element) * power_of_two(-last) + Rational(1, 2);
      const Rational top = Rational(Integer(numerator(scaled) / denominator(scaled))) * power_of_two(last);
      element = element < 0 ? Rational(-top) : top;
    }
    return nearest(out);
  });
}

// DFP in place of BFGS: also maps g to y.
Canary dfp() {
  return replaced("DFP in place of BFGS", &Subject::apply, [](const MetricOperator& m, Doubles x) {
    const ExactPair e(m.g(), m.y(), m.alpha().value());
    // a (I - y g^T/p)(I - g y^T/p) x + y y^T x/p
    RationalVector z = exact(x);
    const Rational yx = dot(e.y, z);
    for (std::size_t i = 0; i < z.size(); ++i) z[i] -= e.g[i] * yx / e.p;
    const Rational gz = dot(e.g, z);
    for (std::size_t i = 0; i < z.size(); ++i) z[i] = e.a * (z[i] - e.y[i] * gz / e.p) + e.y[i] * yx / e.p;
    return nearest(z);
  });
}

Canary unscaled_two_loop() {
  return replaced("H_0 = I in place of I/a", &Subject::solve, [](const MetricOperator& m, Doubles x) {
    return nearest(two_loop(ExactPair(m.g(), m.y(), 1.0), exact(x)));
  });
}

// a (x - y (g.x)/p): the projector onto the wrong complement, not symmetric.
Canary oblique_projector() {
  return replaced("an oblique projector", &Subject::apply, [](const MetricOperator& m, Doubles x) {
    const ExactPair e(m.g(), m.y(), m.alpha().value());
    RationalVector z = exact(x);
    const Rational yx = dot(e.y, z), gx = dot(e.g, z);
    for (std::size_t i = 0; i < z.size(); ++i) z[i] = e.y[i] * yx / e.p + e.a * (z[i] - e.y[i] * gx / e.p);
    return nearest(z);
  });
}

Canary of_floats(const char* name, const Way& way,
                 std::function<void(const MetricOperator&, Floats, std::span<float>)> mistake) {
  return {name, [=](Subject& subject) { subject.*way.floats = mistake; }};
}

// What the mistake makes of the library's floats.
Canary after_floats(const char* name, const Way& way, float (*mistake)(float)) {
  return {name, [=](Subject& subject) {
            const OperatorOfFloats library = subject.*way.floats;
            subject.*way.floats = [=](const MetricOperator& m, Floats x, std::span<float> out) {
              library(m, x, out);
              for (float& element : out) element = mistake(element);
            };
          }};
}

std::vector<Canary> wrong_floats(const Way& way) {
  const auto exactly = [way](const MetricOperator& m, Floats x) {
    const ExactPair e(m.g(), m.y(), m.g().size() == 1 ? std::nullopt : m.alpha().value());
    return way.reference(e, exact(widened(x)));
  };
  return {
      {"rounded to double, then to float",
       [way](Subject& subject) {
         subject.*way.floats = [wide = subject.*way.doubles](const MetricOperator& m, Floats x,
                                                             std::span<float> out) {
           const std::vector<double> rounded = wide(m, widened(x));
           std::copy(rounded.begin(), rounded.end(), out.begin());
         };
       }},
      of_floats("the textbook formula in doubles, rounded to float", way,
                [way](const MetricOperator& m, Floats x, std::span<float> out) {
                  const std::vector<double> wide = widened(x);
                  const std::vector<double> rounded =
                      way.inverse ? Naive(m).solve(wide) : Naive(m).apply(wide);
                  std::copy(rounded.begin(), rounded.end(), out.begin());
                }),
      of_floats("ties away from zero", way,
                [exactly](const MetricOperator& m, Floats x, std::span<float> out) {
                  const RationalVector all = exactly(m, x);
                  const Rational away = 1 + power_of_two(-3000);
                  for (std::size_t i = 0; i < all.size(); ++i) out[i] = nearest_float(all[i] * away);
                }),
      after_floats("subnormal floats flushed to zero", way,
                   [](float x) { return std::fabs(x) < std::numeric_limits<float>::min() ? 0.0F : x; }),
      after_floats("the largest float in place of infinity", way,
                   [](float x) { return std::clamp(x, -largest_float, largest_float); }),
      {"the argument is read after it was overwritten",
       [way](Subject& subject) {
         subject.*way.floats = [library = subject.*way.floats](const MetricOperator& m, Floats x,
                                                               std::span<float> out) {
           std::vector<float> elements(x.size());
           for (std::size_t i = 0; i < x.size(); ++i) {
             library(m, x, elements);
             out[i] = elements[i];
             if (!std::isfinite(out[i])) {
               std::copy(elements.begin(), elements.end(), out.begin());
               return;
             }
           }
         };
       }},
  };
}

Canary of_columns(
    const char* name, const Way& way,
    std::function<arma::mat(const OperatorOfColumns&, const MetricOperator&, const arma::mat&)> mistake) {
  return {name, [=](Subject& subject) {
            subject.*way.columns = [=, library = subject.*way.columns](const MetricOperator& m,
                                                                       const arma::mat& x) {
              return mistake(library, m, x);
            };
          }};
}

std::vector<Canary> wrong_columns(const Way& way) {
  return {
      of_columns("the coefficients of the first column for all", way,
                 [way](const OperatorOfColumns& library, const MetricOperator& m, const arma::mat& x) {
                   arma::mat out = library(m, x);
                   if (x.n_cols < 2) return out;
                   const ExactPair e(m.g(), m.y(), m.g().size() == 1 ? std::nullopt : m.alpha().value());
                   const RationalVector first = exact(Doubles(x.colptr(0), x.n_rows));
                   const RationalVector image = way.reference(e, first);
                   const Rational of_x = way.inverse ? Rational(1 / e.a) : e.a;
                   for (arma::uword k = 1; k < x.n_cols; ++k) {
                     for (arma::uword i = 0; i < x.n_rows; ++i) {
                       out(i, k) = test::nearest(image[i] + of_x * (exact(x(i, k)) - first[i]));
                     }
                   }
                   return out;
                 }),
      of_columns("every group of sixteen columns is the first", way,
                 [](const OperatorOfColumns& library, const MetricOperator& m, const arma::mat& x) {
                   arma::mat out = library(m, x);
                   for (arma::uword k = 16; k < x.n_cols; ++k) out.col(k) = out.col(k % 16);
                   return out;
                 }),
      of_columns("rows after the first strip are the first column's", way,
                 [](const OperatorOfColumns& library, const MetricOperator& m, const arma::mat& x) {
                   arma::mat out = library(m, x);
                   for (arma::uword k = 1; k < x.n_cols; ++k) {
                     for (arma::uword i = 4096; i < x.n_rows; ++i) out(i, k) = out(i, 0);
                   }
                   return out;
                 }),
      of_columns("the formula in doubles", way,
                 [way](const OperatorOfColumns&, const MetricOperator& m, const arma::mat& x) {
                   arma::mat out(x.n_rows, x.n_cols);
                   const Naive naive(m);
                   for (arma::uword k = 0; k < x.n_cols; ++k) {
                     const Doubles column(x.colptr(k), x.n_rows);
                     const auto image = way.inverse ? naive.solve(column) : naive.apply(column);
                     std::copy(image.begin(), image.end(), out.begin_col(k));
                   }
                   return out;
                 }),
      of_columns("zeros lose their sign", way,
                 [](const OperatorOfColumns& library, const MetricOperator& m, const arma::mat& x) {
                   return arma::mat(library(m, x) + 0.0);
                 }),
  };
}

std::vector<Canary> accepted_floats(const Way& way) {
  const auto around = [way](const char* name, auto mistake) {
    return Canary{name, [=](Subject& subject) {
                    subject.*way.floats = [=, library = subject.*way.floats](const MetricOperator& m,
                                                                             Floats x, std::span<float> out) {
                      mistake(library, m, x, out);
                    };
                  }};
  };
  using Library = const OperatorOfFloats&;
  using M = const MetricOperator&;
  using Out = std::span<float>;
  return {
      around("cleared before the argument is looked at",
             [](Library library, M m, Floats x, Out out) {
               const std::vector<float> copy(x.begin(), x.end());
               std::fill(out.begin(), out.end(), 0.0F);
               library(m, out.data() == x.data() ? Floats(copy) : x, out);
             }),
      around("NaN and infinity count as zero",
             [](Library library, M m, Floats x, Out out) {
               std::vector<float> copy(x.begin(), x.end());
               for (float& element : copy) element = std::isfinite(element) ? element : 0.0F;
               library(m, copy, out);
             }),
      around("the last bad element is named",
             [](Library library, M m, Floats x, Out out) {
               for (std::size_t i = x.size(); i-- > 0;) {
                 if (!std::isfinite(x[i])) throw NonFiniteError("x", i, static_cast<double>(x[i]));
               }
               library(m, x, out);
             }),
      around("missing elements count as zero",
             [](Library library, M m, Floats x, Out out) {
               std::vector<float> padded(x.begin(), x.end());
               padded.resize(m.g().size());
               library(m, padded, out);
             }),
      around("as many elements as fit",
             [](Library library, M m, Floats x, Out out) {
               std::vector<float> all(m.g().size());
               library(m, x, all);
               std::copy_n(all.begin(), std::min(all.size(), out.size()), out.begin());
             }),
      around("an overlap in part is not noticed",
             [](Library library, M m, Floats x, Out out) {
               const std::vector<float> copy(x.begin(), x.end());
               library(m, copy, out);
             }),
  };
}

std::vector<Canary> accepted_columns(const Way& way) {
  return {
      of_columns("NaN and infinity count as zero", way,
                 [](const OperatorOfColumns& library, const MetricOperator& m, const arma::mat& x) {
                   arma::mat copy = x;
                   for (double& element : copy) element = std::isfinite(element) ? element : 0.0;
                   return library(m, copy);
                 }),
      of_columns("the element is counted from the first of the matrix", way,
                 [](const OperatorOfColumns& library, const MetricOperator& m, const arma::mat& x) {
                   for (arma::uword i = 0; i < x.n_elem && x.n_rows == m.g().size(); ++i) {
                     if (!std::isfinite(x[i])) {
                       throw NonFiniteError("x.col(" + std::to_string(i / x.n_rows) + ")", i, x[i]);
                     }
                   }
                   return library(m, x);
                 }),
      of_columns("the column is refused without its name", way,
                 [](const OperatorOfColumns& library, const MetricOperator& m, const arma::mat& x) {
                   try {
                     return library(m, x);
                   } catch (const NonFiniteError& error) {
                     throw NonFiniteError("x", error.index(), error.value());
                   }
                 }),
      of_columns("missing rows count as zero", way,
                 [](const OperatorOfColumns& library, const MetricOperator& m, const arma::mat& x) {
                   arma::mat padded = x;
                   if (padded.n_rows < m.g().size()) padded.resize(m.g().size(), x.n_cols);
                   return library(m, padded);
                 }),
      of_columns("rows are counted only where there are columns", way,
                 [](const OperatorOfColumns& library, const MetricOperator& m, const arma::mat& x) {
                   return x.n_cols == 0 ? x : library(m, x);
                 }),
  };
}

Canary form_in_doubles(const char* name, Subject::Form Subject::*member,
                       double (*form)(const Naive&, Doubles)) {
  return {name, [=](Subject& subject) {
            subject.*member = [form](const MetricOperator& m, Doubles x) { return form(Naive(m), x); };
          }};
}

double expanded_form(const Naive& n, Doubles x) {
  const double gx = naive_dot(n.g, x), yx = naive_dot(n.y, x);
  return yx * yx / n.p + n.a * (naive_dot(x, x) - gx * gx / n.gg);
}
double expanded_inverse_form(const Naive& n, Doubles x) {
  const double gx = naive_dot(n.g, x), yx = naive_dot(n.y, x);
  return naive_dot(x, x) / n.a - 2 * gx * yx / (n.a * n.p) + (n.yy / (n.a * n.p * n.p) + 1 / n.p) * gx * gx;
}
double form_by_apply(const Naive& n, Doubles x) {
  return naive_dot(x, n.apply(x));
}
double form_by_solve(const Naive& n, Doubles x) {
  return naive_dot(x, n.solve(x));
}

// The closed forms of roots and factors in doubles.
std::vector<double> naive_root(const MetricOperator& m, Doubles x) {
  const Naive n(m);
  const double d = n.a * n.p / n.gg, delta = std::sqrt(d), tau = std::sqrt(n.a + n.star + 2 * delta);
  const double c = n.p / std::sqrt(n.gg * n.yy), gx = naive_dot(n.g, x), yx = naive_dot(n.y, x);
  const double k = n.a * n.star / (tau * (n.a + delta + std::sqrt(n.a) * tau)),
               cross = c / std::sqrt(n.gg * n.yy);
  std::vector<double> out(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    out[i] = std::sqrt(n.a) * x[i] + (n.y[i] * yx / n.p - n.a * n.g[i] * gx / n.gg) / tau -
             k * (n.g[i] * gx / n.gg + n.y[i] * yx / n.yy - cross * (n.g[i] * yx + n.y[i] * gx));
  }
  return out;
}

std::vector<double> naive_inverse_root(const MetricOperator& m, Doubles x) {
  const Naive n(m);
  const double d = n.a * n.p / n.gg, delta = std::sqrt(d), tau = std::sqrt(n.a + n.star + 2 * delta);
  const double c = n.p / std::sqrt(n.gg * n.yy), gx = naive_dot(n.g, x), yx = naive_dot(n.y, x);
  const double root_a = std::sqrt(n.a), cross = c / std::sqrt(n.gg * n.yy);
  const double k = n.a * n.star * (n.star + 2 * delta) /
                   (tau * root_a * delta * (root_a * (n.star + delta) + tau * delta));
  std::vector<double> out(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    out[i] = x[i] / root_a - (n.y[i] * yx / n.p - n.a * n.g[i] * gx / n.gg) / (tau * delta) +
             k * (n.g[i] * gx / n.gg + n.y[i] * yx / n.yy - cross * (n.g[i] * yx + n.y[i] * gx));
  }
  return out;
}

template <bool inverse, bool transpose>
std::vector<double> naive_factor(const MetricOperator& m, Doubles x) {
  const Naive n(m);
  const double delta = std::sqrt(n.a * n.p / n.gg), root_a = std::sqrt(n.a);
  const double gx = naive_dot(n.g, x), yx = naive_dot(n.y, x);
  const double weight = inverse ? -1 / (root_a * n.p) : 1 / std::sqrt(n.p * n.gg);
  std::vector<double> out(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double part = transpose ? n.g[i] * (yx - delta * gx) : (n.y[i] - delta * n.g[i]) * gx;
    out[i] = (inverse ? x[i] / root_a : root_a * x[i]) + weight * part;
  }
  return out;
}

// J and J^T exchanged: both have the same shape.
Canary transposed(Operator Subject::*member, Operator Subject::*other) {
  return {"J^T in place of J", [=](Subject& subject) { subject.*member = subject.*other; }};
}

// d = a* p/gg in place of a p/gg.
Canary wrong_root_parameter(Operator Subject::*member, bool inverse) {
  return replaced("the root of M(a*) whatever a is", member, [inverse](const MetricOperator& m, Doubles x) {
    const Metric optimal = Metric::make(m.g(), m.y()).value();
    std::vector<double> out(x.size());
    if (inverse) {
      optimal.root_solve(x, out);
    } else {
      optimal.root_apply(x, out);
    }
    return out;
  });
}

LdlFactor changed_ldl(const MetricOperator& m, const std::function<void(LdlFactor&)>& change) {
  LdlFactor ldl = m.ldl();
  change(ldl);
  return ldl;
}

// The recursion of a 2 x 2 downdate in doubles, which MATHEMATICS calls wrong by 400% at c = 1e-8.
Canary naive_pivots() {
  return {"pivots by the recursion in doubles", [](Subject& subject) {
            subject.ldl = [](const MetricOperator& m) {
              return changed_ldl(m, [&m](LdlFactor& ldl) {
                const Naive n(m);
                double t11 = 1 / n.p, t12 = 0, t22 = -n.a / n.gg;
                for (arma::uword j = 0; j < ldl.pivots.n_elem; ++j) {
                  const double y = n.y[j], g = n.g[j];
                  const double wy = t11 * y + t12 * g, wg = t12 * y + t22 * g;
                  const double pivot = n.a + y * wy + g * wg;
                  ldl.pivots[j] = pivot;
                  t11 -= wy * wy / pivot;
                  t12 -= wy * wg / pivot;
                  t22 -= wg * wg / pivot;
                }
              });
            };
          }};
}

Canary cholesky_of_dense() {
  return {"pivots by elimination in the dense matrix of doubles", [](Subject& subject) {
            subject.ldl = [](const MetricOperator& m) {
              return changed_ldl(m, [&m](LdlFactor& ldl) {
                arma::mat dense = m.dense();
                for (arma::uword k = 0; k < dense.n_rows; ++k) {
                  ldl.pivots[k] = dense(k, k);
                  for (arma::uword i = k + 1; i < dense.n_rows; ++i) {
                    for (arma::uword j = k + 1; j < dense.n_rows; ++j) {
                      dense(i, j) -= dense(i, k) * dense(k, j) / dense(k, k);
                    }
                  }
                }
              });
            };
          }};
}

std::vector<Property> operators() {
  return {
      {"canonical_form.apply",
       "bfgs",
       "M x, M formed densely as the BFGS update of a I in rationals, correctly rounded",
       apply_is_bfgs,
       {naive_apply(), bfgs_with_wrong_sign(), dfp(), rounded_star()}},
      {"canonical_form.apply",
       "reference",
       "every element of M x is correctly rounded",
       apply_reference,
       {rounded_coefficients(false), one_ulp_off(&Subject::apply), doubly_rounded(&Subject::apply, false)}},
      {"canonical_form.apply",
       "maps g to y",
       "M g == y, element by element",
       maps_g_to_y,
       {naive_apply(), rounded_coefficients(false)}},
      {"canonical_form.apply",
       "symmetric",
       "z.(M x) = x.(M z) up to the rounding of the elements",
       symmetric,
       {oblique_projector(), naive_apply()}},
      {"canonical_form.apply",
       "view",
       "views, with and without a Gram, give the bits of the owning operator",
       same_view,
       {{"the view forgets the parameter",
         [](Subject& subject) {
           subject.view = [](Doubles g, Doubles y, const Gram& gram, Alpha) {
             return MetricView::make(g, y, gram);
           };
         }}}},
      {"canonical_form.apply",
       "in place",
       "the result may overwrite the argument",
       in_place,
       {replaced("the argument is read after it was overwritten", &Subject::apply_in_place,
                 [](const MetricOperator& m, Doubles x) {
                   std::vector<double> both(x.begin(), x.end()), out(x.size());
                   for (std::size_t i = 0; i < x.size(); ++i) {
                     m.apply(both, out);
                     if (!std::isfinite(out[i])) return out;
                     both[i] = out[i];
                   }
                   return both;
                 })}},
      {"canonical_form.apply",
       "environment",
       "neither the rounding mode nor flush-to-zero changes a bit",
       any_environment,
       {naive_apply(),
        {"floats rounded in the caller's rounding mode",
         [](Subject& subject) {
           subject.apply_floats = [](const MetricOperator& m, Floats x, std::span<float> out) {
             const std::vector<double> wide = widened(x);
             std::vector<double> image(x.size());
             m.apply(wide, image);
             std::copy(image.begin(), image.end(), out.begin());
           };
         }},
        {"the quadratic form in the caller's arithmetic",
         [](Subject& subject) {
           subject.quadratic_form = [](const MetricOperator& m, Doubles x) {
             return m.quadratic_form(x) * 1.0000000000000002;
           };
         }}}},
      {"canonical_form.solve",
       "two-loop",
       "M^-1 x is the one-pair L-BFGS recursion with H_0 = I/a (at a*: the usual scaling), correctly rounded",
       solve_is_two_loop,
       {naive_solve(), unscaled_two_loop(), rounded_coefficients(true), rounded_star(),
        one_ulp_off(&Subject::solve), doubly_rounded(&Subject::solve, true)}},
      {"canonical_form.solve",
       "maps y to g",
       "M^-1 y == g, element by element",
       maps_y_to_g,
       {naive_solve(), rounded_coefficients(true)}},
      {"canonical_form.solve",
       "inverts apply",
       "M (M^-1 x) = x within the spread of one rounding",
       apply_undoes_solve,
       {naive_solve(), naive_apply()}},
      {"canonical_form.quadratic_form",
       "reference",
       "x^T M x with M formed densely, correctly rounded",
       quadratic_form_reference,
       {form_in_doubles("expanded in doubles", &Subject::quadratic_form, expanded_form),
        form_in_doubles("x.(M x) in doubles", &Subject::quadratic_form, form_by_apply),
        {"x.(M x) from the rounded elements",
         [](Subject& subject) {
           subject.quadratic_form = [](const MetricOperator& m, Doubles x) {
             std::vector<double> mx(x.size());
             m.apply(x, mx);
             return all_finite(mx) ? natgrad::exact_dot(x, mx).to_double() : m.quadratic_form(x);
           };
         }}}},
      {"canonical_form.quadratic_form",
       "positive",
       "0 <= x^T M x between the extreme eigenvalues times x.x",
       positive<&Subject::quadratic_form, false>,
       {form_in_doubles("expanded in doubles", &Subject::quadratic_form, expanded_form)}},
      {"canonical_form.inverse_quadratic_form",
       "reference",
       "x^T M^-1 x by the two-loop recursion, correctly rounded",
       inverse_quadratic_form_reference,
       {form_in_doubles("expanded in doubles", &Subject::inverse_quadratic_form, expanded_inverse_form),
        form_in_doubles("x.(M^-1 x) in doubles", &Subject::inverse_quadratic_form, form_by_solve)}},
      {"canonical_form.inverse_quadratic_form",
       "positive",
       "0 <= x^T M^-1 x between the extreme eigenvalues times x.x",
       positive<&Subject::inverse_quadratic_form, true>,
       {form_in_doubles("expanded in doubles", &Subject::inverse_quadratic_form, expanded_inverse_form)}},
  };
}

std::vector<Property> floats_and_columns() {
  std::vector<Property> all;
  for (const Way& way : {forward, backward}) {
    const std::string claim = way.inverse ? "canonical_form.solve" : "canonical_form.apply";
    const std::string image = way.inverse ? "M^-1 x" : "M x";
    const auto add = [&](const char* law, const std::string& statement,
                         void (*body)(const Subject&, const Way&), std::vector<Canary> canaries) {
      all.push_back(
          {claim, law, statement, [=](const Subject& subject) { body(subject, way); }, std::move(canaries)});
    };
    add("floats",
        "every element of " + image + " of floats is the exact one rounded once to float, in place too",
        floats_rounded_once, wrong_floats(way));
    add("columns", image + " of every column of a matrix has the bits of the column alone",
        columns_are_those_of_each, wrong_columns(way));
    add("bad floats", "wrong lengths, overlaps in part, NaN and infinity are refused, and nothing is written",
        refuses_bad_floats, accepted_floats(way));
    add("bad columns", "wrong numbers of rows, NaN and infinity are refused; the first bad element is named",
        refuses_bad_columns, accepted_columns(way));
  }
  return all;
}

std::vector<Property> roots() {
  const auto law = [](const Chained& chain) {
    return [chain](const Subject& subject) { chained(subject, chain); };
  };
  return {
      {"canonical_form.root",
       "reference",
       "M^1/2 x is within root_bound of the root by an orthonormal basis of span(g, y)",
       within_stated_bound<&Subject::root_apply, root>,
       {replaced("the closed form in doubles", &Subject::root_apply, naive_root),
        one_ulp_off(&Subject::root_apply), wrong_root_parameter(&Subject::root_apply, false)}},
      {"canonical_form.root",
       "squared",
       "M^1/2 M^1/2 x = M x within the derived bound",
       law({&Subject::root_apply, root, &Subject::root_apply, root, false, true}),
       {replaced("the closed form in doubles", &Subject::root_apply, naive_root),
        wrong_root_parameter(&Subject::root_apply, false)}},
      {"canonical_form.inverse_root",
       "reference",
       "M^-1/2 x is within root_bound of the inverse root by an orthonormal basis",
       within_stated_bound<&Subject::root_solve, inverse_root>,
       {replaced("the closed form in doubles", &Subject::root_solve, naive_inverse_root),
        one_ulp_off(&Subject::root_solve), wrong_root_parameter(&Subject::root_solve, true)}},
      {"canonical_form.inverse_root",
       "inverts the root",
       "M^1/2 M^-1/2 x = x within the derived bound",
       law({&Subject::root_solve, inverse_root, &Subject::root_apply, root, false, false}),
       {replaced("the closed form in doubles", &Subject::root_solve, naive_inverse_root),
        wrong_root_parameter(&Subject::root_solve, true)}},
      {"canonical_form.factor",
       "reference",
       "J x is within root_bound of its definition",
       within_stated_bound<&Subject::factor_apply, factor>,
       {replaced("in doubles", &Subject::factor_apply, naive_factor<false, false>),
        transposed(&Subject::factor_apply, &Subject::factor_transpose_apply),
        one_ulp_off(&Subject::factor_apply)}},
      {"canonical_form.factor",
       "transpose reference",
       "J^T x is within root_bound of its definition",
       within_stated_bound<&Subject::factor_transpose_apply, factor_transpose>,
       {replaced("in doubles", &Subject::factor_transpose_apply, naive_factor<false, true>),
        transposed(&Subject::factor_transpose_apply, &Subject::factor_apply)}},
      {"canonical_form.factor",
       "product",
       "J J^T x = M x within the derived bound",
       law({&Subject::factor_transpose_apply, factor_transpose, &Subject::factor_apply, factor, false, true}),
       {transposed(&Subject::factor_apply, &Subject::factor_transpose_apply),
        replaced("in doubles", &Subject::factor_apply, naive_factor<false, false>)}},
      {"canonical_form.factor_solve",
       "reference",
       "J^-1 x is within root_bound of its definition",
       within_stated_bound<&Subject::factor_solve, factor_inverse>,
       {replaced("in doubles", &Subject::factor_solve, naive_factor<true, false>),
        transposed(&Subject::factor_solve, &Subject::factor_transpose_solve),
        one_ulp_off(&Subject::factor_solve)}},
      {"canonical_form.factor_solve",
       "transpose reference",
       "J^-T x is within root_bound of its definition",
       within_stated_bound<&Subject::factor_transpose_solve, factor_inverse_transpose>,
       {replaced("in doubles", &Subject::factor_transpose_solve, naive_factor<true, true>),
        transposed(&Subject::factor_transpose_solve, &Subject::factor_solve)}},
      {"canonical_form.factor_solve",
       "inverse",
       "J (J^-1 x) = x within the derived bound",
       law({&Subject::factor_solve, factor_inverse, &Subject::factor_apply, factor, false, false}),
       {transposed(&Subject::factor_solve, &Subject::factor_transpose_solve),
        replaced("in doubles", &Subject::factor_solve, naive_factor<true, false>)}},
      {"canonical_form.factor_solve",
       "transpose inverse",
       "J^T (J^-T x) = x within the derived bound",
       law({&Subject::factor_transpose_solve, factor_inverse_transpose, &Subject::factor_transpose_apply,
            factor_transpose, false, false}),
       {transposed(&Subject::factor_transpose_solve, &Subject::factor_solve)}},
  };
}

std::vector<Property> matrices() {
  return {
      {"canonical_form.ldl",
       "elimination",
       "pivots, u and v are correctly rounded, and y_i u_j + g_i v_j is the L of exact elimination",
       ldl_is_elimination,
       {naive_pivots(),
        cholesky_of_dense(),
        {"u_D one ulp off",
         [](Subject& subject) {
           subject.ldl = [](const MetricOperator& m) {
             return changed_ldl(m, [](LdlFactor& ldl) { ldl.u[ldl.u.n_elem - 1] *= 1 + 0x1p-52; });
           };
         }},
        {"v with the wrong sign",
         [](Subject& subject) {
           subject.ldl = [](const MetricOperator& m) {
             return changed_ldl(m, [](LdlFactor& ldl) { ldl.v = -ldl.v; });
           };
         }}}},
      {"canonical_form.ldl",
       "dense L",
       "every entry of L is that of exact elimination, correctly rounded",
       dense_l_reference,
       {{"y_i u_j + g_i v_j from the rounded u and v",
         [](Subject& subject) {
           subject.dense_l = [](const LdlFactor& ldl) {
             arma::mat l(ldl.g.n_elem, ldl.g.n_elem, arma::fill::eye);
             for (arma::uword j = 0; j < l.n_cols; ++j) {
               for (arma::uword i = j + 1; i < l.n_rows; ++i) {
                 l(i, j) = std::fma(ldl.y[i], ldl.u[j], ldl.g[i] * ldl.v[j]);
               }
             }
             return l;
           };
         }},
        {"L^T in place of L",
         [](Subject& subject) {
           subject.dense_l = [](const LdlFactor& ldl) { return arma::mat(ldl.dense_l().t()); };
         }}}},
      {"canonical_form.ldl",
       "positive",
       "pivots are never negative, and their product is det M",
       pivots_are_positive,
       {naive_pivots(), cholesky_of_dense()}},
      {"canonical_form.dense",
       "reference",
       "every entry is correctly rounded, and M_ij == M_ji",
       dense_reference,
       {{"evaluated in doubles",
         [](Subject& subject) {
           subject.dense = [](const MetricOperator& m) {
             const Naive n(m);
             arma::mat out(n.g.size(), n.g.size());
             for (arma::uword i = 0; i < out.n_rows; ++i) {
               for (arma::uword j = 0; j < out.n_cols; ++j) {
                 out(i, j) = n.y[i] * n.y[j] / n.p + n.a * ((i == j ? 1 : 0) - n.g[i] * n.g[j] / n.gg);
               }
             }
             return out;
           };
         }},
        {"the upper triangle rounded up",
         [](Subject& subject) {
           subject.dense = [](const MetricOperator& m) {
             arma::mat out = m.dense();
             const arma::uword last = out.n_rows - 1;
             out(0, last) = std::nextafter(out(0, last), infinity);
             return out;
           };
         }},
        rounded_star()}},
      {"canonical_form.spectrum",
       "inertia",
       "as many eigenvalues of the exact M round to each value as its multiplicity says (Sylvester)",
       spectrum_by_inertia,
       {{"eigenvalues of the dense matrix of doubles",
         [](Subject& subject) {
           subject.spectrum = [](const MetricOperator& m) {
             std::vector<Eigenvalue> out;
             arma::vec values;
             const arma::mat dense = m.dense();
             if (!dense.is_finite() || !arma::eig_sym(values, dense)) return m.spectrum();
             for (const double value : values) out.push_back({value, 1});
             return out;
           };
         }},
        {"a* (1 -+ s) in doubles",
         [](Subject& subject) {
           subject.spectrum = [](const MetricOperator& m) {
             std::vector<Eigenvalue> out = m.spectrum();
             const Naive n(m);
             const double c = n.p / std::sqrt(n.gg * n.yy), s = std::sqrt(1 - c * c);
             if (m.alpha().is_optimal() && std::isfinite(n.star * (1 - s)))
               out.front().value = n.star * (1 - s);
             return out;
           };
         }},
        {"one value half as often",
         [](Subject& subject) {
           subject.spectrum = [](const MetricOperator& m) {
             std::vector<Eigenvalue> out = m.spectrum();
             out.back().multiplicity += 1;
             return out;
           };
         }}}},
      {"canonical_form.spectrum",
       "shape",
       "multiplicities sum to D, values ascend, equal real eigenvalues are one entry",
       spectrum_shape,
       {{"a has multiplicity D - 1",
         [](Subject& subject) {
           subject.spectrum = [](const MetricOperator& m) {
             std::vector<Eigenvalue> out = m.spectrum();
             if (out.size() == 3) out[1].multiplicity += 1;
             return out;
           };
         }},
        {"three entries even when g and y are parallel",
         [](Subject& subject) {
           subject.spectrum = [](const MetricOperator& m) {
             std::vector<Eigenvalue> out = m.spectrum();
             if (out.back().multiplicity > 1) {
               out.back().multiplicity -= 1;
               out.push_back({out.back().value, 1});
             }
             return out;
           };
         }}}},
  };
}

}  // namespace

std::vector<Property> canonical_form_properties() {
  std::vector<Property> all = operators();
  for (auto more : {floats_and_columns, roots, matrices}) {
    for (Property& property : more()) all.push_back(std::move(property));
  }
  return all;
}

}  // namespace natgrad::test
