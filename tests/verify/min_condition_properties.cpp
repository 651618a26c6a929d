// natgrad: laws of the minimum condition number: correctly rounded functions of the Gram against rationals
// and multiprecision, enclosures against exact matrices, verdicts against an exact criterion.
#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>

#include "support/environment.hpp"
#include "support/laws.hpp"
#include "support/min_condition_reference.hpp"

namespace natgrad::test {

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double largest_double = std::numeric_limits<double>::max();

// ------------------------------------------------------------------------- drawing

struct Draw {
  Pair pair;
  ExactPair exactly;
  Gram gram;
  arma::vec g, y;

  explicit Draw(Pair drawn)
      : pair(std::move(drawn)),
        exactly(pair.g, pair.y),
        gram(Gram::of(pair.g, pair.y)),
        g(pair.g),
        y(pair.y) {
    classify(pair);
  }

  std::size_t dimension() const { return pair.g.size(); }
  bool parallel() const { return exactly.p * exactly.p == exactly.gg * exactly.yy; }
};

Draw draw_any(std::size_t max_dimension) {
  return Draw(*pairs(max_dimension));
}
Draw draw_effective(std::size_t max_dimension) {
  return Draw(*effective_pairs(max_dimension));
}

int small_integer(int range) {
  return static_cast<int>(*indices(static_cast<std::uint64_t>(2 * range + 1))) - range;
}

double positive_part(double x) {
  if (!(x > 0)) return 0x1p-1074;
  return std::min(x, largest_double);
}

double some_ulps(double x) {
  for (int ulps = small_integer(2); ulps != 0; ulps += ulps > 0 ? -1 : 1)
    x = std::nextafter(x, ulps > 0 ? infinity : 0);
  return positive_part(x);
}

/// 0 < m <= l, mostly where the slack is next to 0.
struct Spectrum {
  double m = 1, l = 1;
};

Spectrum draw_spectrum(const Draw& d) {
  Spectrum e;
  e.m = *positive_doubles();
  e.l = *positive_doubles();
  const Rational ratio = d.exactly.gg == 0 ? Rational(1) : d.exactly.p / d.exactly.gg;
  switch (*indices(5)) {
    case 0:
      break;
    case 1:
      e.m = e.l;
      break;
    case 2:
      if (d.exactly.p > 0) {
        e.m = some_ulps(positive_part(natgrad::lambda_min(d.gram).value()));
        e.l = some_ulps(positive_part(natgrad::lambda_max(d.gram).value()));
      }
      break;
    default:
      // m below p/gg, and l where the slack changes its sign.
      if (ratio > 0) {
        e.m = positive_part(nearest(ratio * Rational(static_cast<int>(1 + *indices(63)), 64)));
        const Rational along = d.exactly.p - exact(e.m) * d.exactly.gg;
        if (along > 0)
          e.l = some_ulps(positive_part(nearest((d.exactly.yy - exact(e.m) * d.exactly.p) / along)));
      }
  }
  if (e.l < e.m) std::swap(e.m, e.l);
  return e;
}

/// Columns that are independent of g, y and each other, as doubles and exactly.
struct Columns {
  arma::mat doubles;
  std::vector<RationalVector> exactly;
};

Columns draw_columns(const Draw& d, std::size_t count) {
  const std::size_t n = d.dimension();
  Columns out;
  out.doubles.set_size(n, count);
  for (std::size_t j = 0; j < count; ++j) {
    std::vector<double> column = *vectors(n);
    for (std::size_t i = 0;; ++i) {
      std::vector<RationalVector> trial = out.exactly;
      trial.push_back(exact(column));
      if (test::minimiser(d.exactly, trial, {})) break;
      // Some unit vector is independent of the fewer than n others.
      column.assign(n, 0);
      column[i] = 1;
    }
    out.exactly.push_back(exact(column));
    for (std::size_t i = 0; i < n; ++i) out.doubles(i, j) = column[i];
  }
  return out;
}

/// x is in [lambda-, lambda+]: between the roots of x^2 - 2 a* x + yy/gg.
bool allowed(const Draw& d, double x) {
  if (!std::isfinite(x)) return false;
  const Rational v = exact(x);
  return v * v - 2 * d.exactly.star() * v + d.exactly.yy / d.exactly.gg <= 0;
}

/// A double in [lambda-, lambda+]: an end rounded inward, a* rounded, or something between; nullopt if none.
std::optional<double> draw_value(const Draw& d) {
  const double star = nearest(d.exactly.star());
  const double low = natgrad::lambda_min(d.gram).value(), high = natgrad::lambda_max(d.gram).value();
  const double weight = static_cast<double>(*indices(17)) / 16;
  const double inside = std::min(low, largest_double) +
                        weight * (std::min(high, largest_double) - std::min(low, largest_double));
  for (const double x : {inside, std::nextafter(inside, star), star})
    if (allowed(d, x)) return x;
  return std::nullopt;
}

struct DrawnMinimiser {
  Draw d;
  Columns columns;
  arma::vec values;
  RationalMatrix exactly;
};

DrawnMinimiser draw_minimiser(std::size_t max_dimension) {
  const Draw d = draw_effective(max_dimension);
  const std::size_t room = d.dimension() - std::min<std::size_t>(d.dimension(), d.parallel() ? 1 : 2);
  std::size_t count = *indices(room + 1);
  if (!draw_value(d)) count = 0;
  const Columns columns = draw_columns(d, count);
  arma::vec values(count);
  RationalVector exact_values;
  for (double& value : values) {
    value = draw_value(d).value();
    exact_values.push_back(exact(value));
  }
  RationalMatrix m = test::minimiser(d.exactly, columns.exactly, exact_values).value();
  return {d, columns, values, std::move(m)};
}

RationalVector exact(const arma::vec& x) {
  return RationalVector(x.begin(), x.end());
}
RationalMatrix exact(const arma::mat& m) {
  RationalMatrix out(m.n_rows, RationalVector(m.n_cols));
  for (arma::uword i = 0; i < m.n_rows; ++i)
    for (arma::uword j = 0; j < m.n_cols; ++j) out[i][j] = test::exact(m(i, j));
  return out;
}

// ------------------------------------------------------------------------- comparing

void require_in_box(const Rational& x, double value, double radius, const std::string& what) {
  if (!std::isfinite(value) || std::isnan(radius) || radius < 0) fail(what + " is not a box");
  if (radius < infinity && abs(x - test::exact(value)) > test::exact(radius))
    fail(what + " is " + hex(value) + " +- " + hex(radius) + ", should contain " + hex(nearest(x)));
}

void require_in_box(const RationalVector& x, const EnclosedVector& box, const std::string& what) {
  RC_ASSERT(box.value.n_elem == x.size());
  RC_ASSERT(box.radius.n_elem == x.size());
  for (std::size_t i = 0; i < x.size(); ++i)
    require_in_box(x[i], box.value[i], box.radius[i], what + "[" + std::to_string(i) + "]");
}

void require_in_box(const RationalMatrix& m, const EnclosedMatrix& box, const std::string& what) {
  RC_ASSERT(box.value.n_rows == m.size());
  RC_ASSERT(box.radius.n_rows == m.size());
  for (std::size_t i = 0; i < m.size(); ++i)
    for (std::size_t j = 0; j < m.size(); ++j) {
      require_in_box(m[i][j], box.value(i, j), box.radius(i, j),
                     what + "(" + std::to_string(i) + ", " + std::to_string(j) + ")");
      RC_ASSERT(box.value(i, j) == box.value(j, i));
      RC_ASSERT(box.radius(i, j) == box.radius(j, i));
    }
}

/// A radius of an ulp or two, but for what 2^-100 of the whole may hide, and beyond the range of doubles.
void require_narrow(const RationalVector& x, const EnclosedVector& box, const Rational& whole,
                    const std::string& what) {
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (!std::isfinite(nearest(2 * abs(x[i])))) continue;
    // Just below a power of two the distance to the next double is 4 half ulps; itself rounded up.
    const Rational bound = 5 * half_ulp(x[i]) + whole * power_of_two(-100);
    if (!(box.radius[i] < infinity) || test::exact(box.radius[i]) > bound)
      fail(what + "[" + std::to_string(i) + "] has radius " + hex(box.radius[i]) + " at " +
           hex(nearest(x[i])));
  }
}

void require_enclosed(const Real& x, const Enclosure& e, const std::string& what) {
  const Real slack = ldexp(Real(1), -4000) * abs(x);
  const bool inside = (e.lo == -infinity || real(test::exact(std::min(e.lo, largest_double))) <= x + slack) &&
                      (e.hi == infinity || real(test::exact(e.hi)) >= x - slack) && e.lo <= e.hi;
  if (!inside) fail(what + " is [" + hex(e.lo) + ", " + hex(e.hi) + "], should contain " + x.str(20));
}

/// At most four ulp wide where doubles are normal.
void require_tight(const Enclosure& e, const std::string& what) {
  if (!(e.hi < 0x1p1000) || !(e.lo > 0x1p-1000)) return;
  if (!(e.hi <= e.lo * (1 + 0x1p-50)))
    fail(what + " is [" + hex(e.lo) + ", " + hex(e.hi) + "], which is wide");
}

// ------------------------------------------------------------------------- functions of the Gram

template <MinConditionSubject::OfGram MinConditionSubject::*member, double (*reference)(const ExactPair&)>
void of_gram(const Subject& subject) {
  const Draw d = draw_any(8);
  std::optional<double> expected;
  if (d.exactly.p > 0) expected = reference(d.exactly);
  require_same((subject.min_condition.*member)(d.gram), expected, "value");
}

/// kappa* is the larger root of x^2 - (4/c^2 - 2) x + 1, sqrt(kappa*) = tan(pi/4 + psi/2), ln kappa* = 2
/// asinh(s/c), kappa* - 1 = 2 s (1 + s)/c^2.
void identities(const Subject& subject) {
  const Draw d = draw_effective(8);
  const ExactPair& e = d.exactly;
  const Rational cosine_squared = e.p * e.p / (e.gg * e.yy);
  if (d.parallel()) {
    require_same(subject.condition(d.gram, {}), 1.0, "kappa*");
    require_same(subject.log_condition(d.gram, {}), 0.0, "ln kappa*");
    return;
  }
  require_same(subject.condition(d.gram, {}), converged([&]() -> Real {
                 const Real half = real(2 / cosine_squared - 1);
                 return half + sqrt(half * half - 1);
               }),
               "kappa*");
  require_same(subject.sqrt_condition(d.gram, {}), converged([&]() -> Real {
                 return tan(acos(Real(-1)) / 4 + acos(sqrt(real(cosine_squared))) / 2);
               }),
               "sqrt(kappa*)");
  require_same(subject.log_condition(d.gram, {}),
               converged([&]() -> Real { return 2 * asinh(sqrt(real(e.sine_squared() / cosine_squared))); }),
               "ln kappa*");
  require_same(subject.min_condition.condition_minus_one(d.gram), converged([&]() -> Real {
                 const Real s = sqrt(real(e.sine_squared()));
                 return 2 * s * (1 + s) / real(cosine_squared);
               }),
               "kappa* - 1");
}

void slack_reference(const Subject& subject) {
  const Draw d = draw_any(8);
  const Spectrum e = draw_spectrum(d);
  require_same(subject.min_condition.spectrum_slack(d.gram, e.m, e.l),
               nearest(slack(d.exactly, test::exact(e.m), test::exact(e.l))), "slack");
}

/// Where it says yes, a metric with such a spectrum is built and checked; where no, g shows that there is
/// none.
void possible_witness(const Subject& subject) {
  const Draw d = draw_any(4);
  const Spectrum e = draw_spectrum(d);
  const Rational m = test::exact(e.m), l = test::exact(e.l);
  if (subject.min_condition.spectrum_is_possible(d.gram, e.m, e.l)) {
    RC_TAG("possible");
    RC_ASSERT((metric_within(d.exactly, m, l).has_value()));
  } else {
    // g^T (M - m)(l - M) g < 0 for every M with M g = y.
    RC_ASSERT((slack(d.exactly, m, l) < 0));
  }
}

void bound_reference(const Subject& subject) {
  const Draw d = draw_any(6);
  const Spectrum e = draw_spectrum(d);
  const Rational m = test::exact(e.m), l = test::exact(e.l);
  const CompetitorBound bound = subject.min_condition.competitor_bound(d.gram, e.m, e.l);
  require_same(bound.slack, nearest(slack(d.exactly, m, l)), "slack");
  RC_ASSERT(bound.possible == (slack(d.exactly, m, l) >= 0));
  require_same(bound.condition, nearest(l / m), "l/m");
  const Rational sum = (m + l) * d.exactly.p;
  require_same(bound.kantorovich, nearest(sum * sum - 4 * m * l * d.exactly.gg * d.exactly.yy),
               "Kantorovich's");
  std::optional<double> expected, least;
  if (d.exactly.p > 0) {
    expected = excess(d.exactly, m, l);
    least = test::condition(d.exactly);
  }
  require_same(bound.excess, expected, "excess");
  require_same(bound.least_condition, least, "kappa*");
  require_same(subject.min_condition.condition_excess(d.gram, e.m, e.l), expected, "condition_excess");
}

/// m I + u u^T/(u.g), u = y - m g, is a metric with the eigenvalues m and m + u.u/(u.g), exactly.
void never_below(const Subject& subject) {
  const Draw d = draw_effective(5);
  const ExactPair& e = d.exactly;
  const double m = positive_part(nearest(e.p / e.gg * Rational(static_cast<int>(1 + *indices(62)), 64)));
  const Rational along = e.p - test::exact(m) * e.gg;
  if (along <= 0) {
    RC_TAG("no double below p/gg");
    return;
  }
  RationalVector u;
  for (std::size_t i = 0; i < e.g.size(); ++i) u.push_back(e.y[i] - test::exact(m) * e.g[i]);
  const Rational greatest = test::exact(m) + dot(u, u) / along;
  double l = nearest(greatest);
  if (std::isfinite(l) && test::exact(l) < greatest) l = std::nextafter(l, infinity);
  if (!std::isfinite(l)) {
    RC_TAG("overflow");
    return;
  }
  const CompetitorBound bound = subject.min_condition.competitor_bound(d.gram, m, l);
  RC_ASSERT(bound.possible);
  RC_ASSERT(bound.slack >= 0);
  RC_ASSERT(bound.kantorovich >= 0);
  RC_ASSERT(*bound.excess >= 0);
  RC_ASSERT(*bound.least_condition <= std::nextafter(bound.condition, infinity));
}

void any_environment(const Subject& subject) {
  const Draw d = draw_effective(5);
  const Spectrum e = draw_spectrum(d);
  const auto results = [&] {
    const MinConditionSubject& s = subject.min_condition;
    std::vector<double> out{*s.condition_minus_one(d.gram), *s.log_condition_by_angle(d.gram),
                            *s.log_condition_by_log_cosine(d.gram), s.spectrum_slack(d.gram, e.m, e.l),
                            *s.condition_excess(d.gram, e.m, e.l)};
    const auto minimiser = s.minimiser(d.g, d.y, arma::mat(d.g.n_elem, 0), arma::vec());
    for (const EnclosedVector& box : {s.minimiser_apply(*minimiser, d.y), s.minimiser_solve(*minimiser, d.g)})
      for (const arma::vec& part : {box.value, box.radius}) out.insert(out.end(), part.begin(), part.end());
    return out;
  };
  const std::vector<double> expected = results();
  for (const Environment environment : environments) {
    std::vector<double> actual;
    {
      const EnvironmentScope scope(environment);
      actual = results();
    }
    require_same_elements(actual, expected, name(environment));
  }
}

// ------------------------------------------------------------------------- a dense competitor

/// Direct sums of [[a, b], [b, a]] and (a) have the eigenvalues a + b, a - b and a.
void competitor_contains(const Subject& subject) {
  const Draw d = draw_any(5);
  const std::size_t n = d.dimension();
  arma::mat m(n, n, arma::fill::zeros);
  RationalVector eigenvalues;
  const int spread = static_cast<int>(*indices(3)) * 20 + 1;
  const bool of_the_pair = *indices(2) == 0 && d.exactly.p > 0;
  const double star = of_the_pair ? positive_part(nearest(d.exactly.star())) : 1;
  const auto number = [&] {
    return std::ldexp(std::min(star, 0x1p900) * (1 + small_integer(15) / 32.0), small_integer(spread));
  };
  for (std::size_t i = 0; i < n;) {
    const double a = number();
    m(i, i) = a;
    if (i + 1 < n && *indices(2) == 0) {
      const double b = a * small_integer(16) / 16;
      m(i + 1, i + 1) = a;
      m(i, i + 1) = m(i + 1, i) = b;
      eigenvalues.push_back(test::exact(a) + test::exact(b));
      eigenvalues.push_back(test::exact(a) - test::exact(b));
      i += 2;
    } else {
      eigenvalues.push_back(test::exact(a));
      i += 1;
    }
  }
  const Rational least = *std::min_element(eigenvalues.begin(), eigenvalues.end()),
                 greatest = *std::max_element(eigenvalues.begin(), eigenvalues.end());
  const Competitor c = subject.min_condition.competitor(m, d.gram);
  const PrecisionScope precision(12000);
  require_enclosed(real(least), c.smallest_eigenvalue, "the smallest eigenvalue");
  require_enclosed(real(greatest), c.largest_eigenvalue, "the largest eigenvalue");
  require_enclosed(real(slack(d.exactly, least, greatest)), c.slack, "the slack");
  if (least > 0) {
    require_enclosed(real(greatest / least), c.condition, "the condition number");
    if (least > greatest / 1024 && least > power_of_two(-900)) {
      RC_ASSERT(c.condition.hi < infinity);
      RC_ASSERT(c.condition.hi <= c.condition.lo * (1 + 1e-9));
    }
  }
  RC_ASSERT(c.excess.has_value() == (d.exactly.p > 0));
  if (c.excess && least > 0) {
    const auto [low, high] = plane(d.exactly).eigenvalues();
    require_enclosed(real(greatest / least) - high / low, *c.excess, "the excess");
  }
  const bool possible = least > 0 && slack(d.exactly, least, greatest) >= 0;
  if (c.possible == Answer::yes) RC_ASSERT(possible);
  if (c.possible == Answer::no) RC_ASSERT(!possible);
}

// ------------------------------------------------------------------------- minimisers

void minimiser_apply(const Subject& subject) {
  const DrawnMinimiser m = draw_minimiser(5);
  const std::vector<double> x = *probes(m.d.pair, Alpha());
  const auto built = subject.min_condition.minimiser(m.d.g, m.d.y, m.columns.doubles, m.values);
  RC_ASSERT(built.has_value());
  const EnclosedVector box = subject.min_condition.minimiser_apply(*built, arma::vec(x));
  const RationalVector expected = multiply(m.exactly, test::exact(x));
  require_in_box(expected, box, "M x");
  Rational whole = 0;
  for (const double element : x) whole += abs(test::exact(element)) * 2 * m.d.exactly.star();
  require_narrow(expected, box, whole, "M x");
}

void minimiser_solve(const Subject& subject) {
  const DrawnMinimiser m = draw_minimiser(4);
  const std::vector<double> x = *probes(m.d.pair, Alpha());
  const auto built = subject.min_condition.minimiser(m.d.g, m.d.y, m.columns.doubles, m.values);
  RC_ASSERT(built.has_value());
  const EnclosedVector box = subject.min_condition.minimiser_solve(*built, arma::vec(x));
  const RationalVector expected = solved(m.exactly, test::exact(x));
  require_in_box(expected, box, "M^-1 x");
  Rational whole = 0;
  for (const double element : x) whole += abs(test::exact(element)) * 2 * m.d.exactly.gg / m.d.exactly.p;
  require_narrow(expected, box, whole, "M^-1 x");
}

/// The exact matrix in the box attains the bound, by the criterion without eigenvalues.
void minimiser_attains(const Subject& subject) {
  const DrawnMinimiser m = draw_minimiser(4);
  RC_ASSERT(is_minimiser(m.exactly, m.d.exactly));
  const auto built = subject.min_condition.minimiser(m.d.g, m.d.y, m.columns.doubles, m.values);
  RC_ASSERT(built.has_value());
  RC_ASSERT(built->rank() == m.values.n_elem);
  require_in_box(m.exactly, subject.min_condition.minimiser_dense(*built), "M");
}

/// values_j is accepted iff it is in [lambda-, lambda+], to the last bit.
void minimiser_interval(const Subject& subject) {
  const Draw d = draw_effective(5);
  if (d.dimension() < (d.parallel() ? 2U : 3U)) {
    RC_TAG("no complement");
    return;
  }
  const Columns columns = draw_columns(d, 1);
  const double end = *indices(2) == 0 ? *natgrad::lambda_min(d.gram) : *natgrad::lambda_max(d.gram);
  const double value = some_ulps(positive_part(end));
  bool accepted = true;
  try {
    accepted = subject.min_condition.minimiser(d.g, d.y, columns.doubles, arma::vec{value}).has_value();
  } catch (const ContractError&) {
    accepted = false;
  }
  RC_ASSERT(accepted == allowed(d, value));
}

void limited_memory(const Subject& subject) {
  const Draw d = draw_effective(12);
  const std::vector<double> x = *probes(d.pair, Alpha());
  const auto built = subject.min_condition.minimiser(d.g, d.y, arma::mat(d.g.n_elem, 0), arma::vec());
  RC_ASSERT(built.has_value());
  // H_0 = I/a* is Nocedal and Wright's scaling.
  const RationalVector expected = two_loop(d.exactly, test::exact(x));
  const EnclosedVector box = subject.min_condition.minimiser_solve(*built, arma::vec(x));
  require_in_box(expected, box, "H x");
  Rational whole = 0;
  for (const double element : x) whole += abs(test::exact(element)) * 2 * d.exactly.gg / d.exactly.p;
  require_narrow(expected, box, whole, "H x");
}

void projected_contains(const Subject& subject) {
  const Draw d = draw_effective(4);
  const std::size_t n = d.dimension();
  const double star = std::clamp(positive_part(nearest(d.exactly.star())), 0x1p-900, 0x1p900);
  const int closeness = static_cast<int>(*indices(4)) * 3;
  arma::mat c(n, n);
  for (std::size_t j = 0; j < n; ++j)
    for (std::size_t i = 0; i <= j; ++i)
      c(i, j) = c(j, i) = star * ((i == j ? 1 : 0) + std::ldexp(small_integer(16) / 16.0, -closeness));
  const auto built = subject.min_condition.project_to_minimiser(d.g, d.y, c);
  RC_ASSERT(built.has_value());
  const RationalMatrix expected = projected(d.exactly, exact(c));
  require_in_box(expected, built->matrix, "M");
  const bool truth = is_minimiser(expected, d.exactly);
  if (built->answer == Answer::yes) RC_ASSERT(truth);
  if (built->answer == Answer::no) {
    RC_ASSERT(!truth);
    // The witness is one: z^T C z/z^T z of the exact projection.
    const RationalVector z = multiply(complement_projector(d.exactly), exact(built->witness));
    const Rational quotient = dot(z, multiply(exact(c), z)) / dot(z, z);
    RC_ASSERT((quotient * quotient - 2 * d.exactly.star() * quotient + d.exactly.yy / d.exactly.gg > 0));
  }
}

// ------------------------------------------------------------------------- membership

/// g = Q e_1, y = Q (e_1 + w e_2) and M = Q (block on e_1, e_2 + B) Q^T with dyadic numbers throughout: Q is
/// a signed permutation, or for D = 4 a Hadamard matrix over 2.
struct DyadicMinimiser {
  arma::vec g, y;
  arma::mat m;
  double margin = 0;  ///< how far B's eigenvalues are from lambda-+, relative to a*; 1 if there are none
  bool exact_images = true;
};

DyadicMinimiser draw_dyadic() {
  const arma::uword n = 1 + *indices(4);
  const double w = n == 1 ? 0 : *indices(4) == 0 ? 0.75 : small_integer(24) / 16.0;
  const double star = 1 + w * w;
  const bool parallel = w == 0;
  arma::mat m(n, n, arma::fill::zeros);
  m(0, 0) = 1;
  if (n > 1) {
    m(0, 1) = m(1, 0) = w;
    m(1, 1) = 2 * star - 1;
  }
  DyadicMinimiser out;
  // B: [lambda-, lambda+] is a* -+ |w| sqrt(1 + w^2).
  const arma::uword first = n == 1 ? 1 : 2;
  const double reach = std::abs(w) * std::sqrt(star);
  arma::mat b(n - first, n - first, arma::fill::zeros);
  for (arma::uword i = 0; i < b.n_rows; ++i) {
    // For w = 3/4, reach = 15/16 exactly: ends of the interval occur.
    b(i, i) = star + (w == 0.75 ? 15.0 / 16 * small_integer(9) / 8
                                : std::floor(reach * 64) / 64 * small_integer(10) / 8);
    if (parallel && *indices(3) == 0) b(i, i) += small_integer(1) * 0x1p-20;
  }
  if (b.n_rows == 2 && *indices(2) == 0)
    b(0, 1) = b(1, 0) = small_integer(8) / 16.0 * std::floor(reach * 16) / 16;
  out.margin = 1;
  if (b.n_rows > 0) {
    const arma::vec eigenvalues = arma::eig_sym(b);
    for (const double x : eigenvalues)
      out.margin = std::min(out.margin, std::abs(std::abs(x - star) - reach) / star);
  }
  if (n > 2) m.submat(2, 2, n - 1, n - 1) = b;
  arma::mat q(n, n, arma::fill::zeros);
  if (n == 4 && *indices(2) == 0) {
    q = arma::mat{{1, 1, 1, 1}, {1, -1, 1, -1}, {1, 1, -1, -1}, {1, -1, -1, 1}} / 2;
  } else {
    const arma::uword shift = *indices(n);
    for (arma::uword i = 0; i < n; ++i) q(i, (i + shift) % n) = *indices(2) == 0 ? 1 : -1;
  }
  arma::vec y(n, arma::fill::zeros);
  y[0] = 1;
  if (n > 1) y[1] = w;
  const int scale_g = small_integer(100), scale_y = small_integer(100);
  out.g = q.col(0) * std::ldexp(1.0, scale_g);
  out.y = q * y * std::ldexp(1.0, scale_y);
  out.m = q * m * q.t() * std::ldexp(1.0, scale_y - scale_g);
  if (*indices(3) == 0) {
    const arma::uword i = *indices(n), j = *indices(n);
    const double change = std::ldexp(small_integer(3), scale_y - scale_g - static_cast<int>(*indices(12)));
    if (change != 0) {
      out.m(i, j) += change;
      if (i != j && *indices(4) != 0) out.m(j, i) += change;
      out.exact_images = false;
    }
  }
  return out;
}

void check_decides(const Subject& subject) {
  const DyadicMinimiser d = draw_dyadic();
  const ExactPair pair({d.g.memptr(), d.g.n_elem}, {d.y.memptr(), d.y.n_elem});
  const RationalMatrix m = exact(d.m);
  const auto check = subject.min_condition.check_minimiser(d.m, d.g, d.y, 0);
  RC_ASSERT(check.has_value());
  const bool truth = is_minimiser(m, pair);
  RC_CLASSIFY(truth);
  if (check->answer == Answer::yes) RC_ASSERT(truth);
  if (check->answer == Answer::no) RC_ASSERT(!truth);
  RC_ASSERT((check->answer == Answer::yes) == (check->reason == MinimiserReason::minimiser));
  // What is not next to an end is decided.
  if (d.exact_images && (d.margin > 1e-9 || d.g.n_elem <= 2 || pair.p * pair.p == pair.gg * pair.yy))
    RC_ASSERT(check->answer != Answer::undetermined);
  const bool maps = multiply(m, pair.g) == pair.y;
  RC_ASSERT(check->update.exact == maps);
  RationalVector image;
  for (std::size_t i = 0; i < pair.g.size(); ++i)
    image.push_back(2 * pair.star() * pair.y[i] - pair.yy / pair.gg * pair.g[i]);
  RC_ASSERT(check->descent.exact == (multiply(m, pair.y) == image));
  if (!check->symmetric || !maps || !check->descent.exact) RC_ASSERT(check->answer == Answer::no);
  if (check->reason == MinimiserReason::outside) {
    const RationalVector z = multiply(complement_projector(pair), exact(check->witness));
    const Rational quotient = dot(z, multiply(m, z)) / dot(z, z);
    RC_ASSERT((quotient * quotient - 2 * pair.star() * quotient + pair.yy / pair.gg > 0));
  }
}

/// The residuals and backward errors of both images, against rationals; tolerances on either side of them.
void check_backward_error(const Subject& subject) {
  const DyadicMinimiser d = draw_dyadic();
  const ExactPair pair({d.g.memptr(), d.g.n_elem}, {d.y.memptr(), d.y.n_elem});
  const RationalMatrix m = exact(d.m);
  const auto check = subject.min_condition.check_minimiser(d.m, d.g, d.y, 0);
  RationalVector image;
  for (std::size_t i = 0; i < pair.g.size(); ++i)
    image.push_back(2 * pair.star() * pair.y[i] - pair.yy / pair.gg * pair.g[i]);
  Rational frobenius = 0;
  for (const RationalVector& row : m) frobenius += dot(row, row);
  const PrecisionScope precision(12000);
  const auto require_image = [&](const ImageCheck& actual, const RationalVector& x,
                                 const RationalVector& wanted, const std::string& what) {
    const RationalVector mx = multiply(m, x);
    RationalVector off;
    for (std::size_t i = 0; i < x.size(); ++i) off.push_back(wanted[i] - mx[i]);
    const Real residual = sqrt(real(dot(off, off)));
    require_enclosed(residual, actual.residual, what + ": the residual");
    require_enclosed(
        residual / (sqrt(real(frobenius)) * sqrt(real(dot(x, x))) + sqrt(real(dot(wanted, wanted)))),
        actual.backward_error, what + ": the backward error");
    require_tight(actual.backward_error, what + ": the backward error");
  };
  require_image(check->update, pair.g, pair.y, "M g");
  require_image(check->descent, pair.y, image, "M y");
  const double tolerance = std::max(check->update.backward_error.hi, check->descent.backward_error.hi);
  const auto loose = subject.min_condition.check_minimiser(d.m, d.g, d.y, tolerance);
  RC_ASSERT(loose->reason != MinimiserReason::wrong_image_of_update);
  RC_ASSERT(loose->reason != MinimiserReason::wrong_image_of_descent);
  if (tolerance > 0 && check->symmetric) {
    const auto tight = subject.min_condition.check_minimiser(d.m, d.g, d.y, tolerance * (1 - 0x1p-40));
    RC_ASSERT((tight->reason == MinimiserReason::wrong_image_of_update ||
               tight->reason == MinimiserReason::wrong_image_of_descent));
  }
}

// ------------------------------------------------------------------------- relative to a metric

enum class Given { diagonal, metric, factor };

struct DrawnRelative {
  Draw d;
  Given given;
  arma::mat argument;
  RationalMatrix m0;
  std::optional<RelativeOptimum> built;
};

/// diag(d), or L L^T of a unit lower triangular L of small integers, or a product of two triangular factors,
/// rows (and columns) scaled by powers of two.
DrawnRelative draw_relative(const Subject& subject, std::size_t max_dimension) {
  const Draw d = draw_effective(max_dimension);
  const std::size_t n = d.dimension();
  const auto given = static_cast<Given>(*indices(3));
  arma::mat argument(n, n, arma::fill::zeros);
  const int range = static_cast<int>(*indices(2)) * 150;
  if (given == Given::diagonal) {
    for (std::size_t i = 0; i < n; ++i)
      argument(i, i) = range == 0 ? (1 + small_integer(15) / 16.0) * std::ldexp(1.0, small_integer(8))
                                  : *positive_doubles();
  } else {
    arma::mat lower(n, n, arma::fill::eye), upper(n, n, arma::fill::eye);
    for (std::size_t j = 0; j < n; ++j)
      for (std::size_t i = j + 1; i < n; ++i) {
        lower(i, j) = small_integer(3);
        upper(j, i) = small_integer(2);
      }
    argument = given == Given::factor ? arma::mat(lower * upper) : arma::mat(lower * lower.t());
    for (std::size_t i = 0; i < n; ++i) {
      const double scale = std::ldexp(1.0, small_integer(range));
      argument.row(i) *= scale;
      if (given == Given::metric) argument.col(i) *= scale;
    }
  }
  RationalMatrix m0 = exact(argument);
  if (given == Given::factor) m0 = m0 * transposed(m0);
  const MinConditionSubject& s = subject.min_condition;
  const auto& make = given == Given::diagonal ? s.with_diagonal
                     : given == Given::metric ? s.with_metric
                                              : s.with_factor;
  auto built = make(d.g, d.y, argument);
  if (!built) fail("no optimum relative to a metric of moderate condition number");
  RC_TAG(given == Given::diagonal ? "diagonal" : given == Given::metric ? "metric" : "factor");
  return {d, given, argument, std::move(m0), std::move(built)};
}

void relative_scalars(const Subject& subject) {
  const DrawnRelative m = draw_relative(subject, 5);
  const RelativeReference r(m.d.exactly, m.m0);
  const PrecisionScope precision(12000);
  const MinConditionSubject& s = subject.min_condition;
  const auto require = [&](const Real& x, const Enclosure& e, const char* what) {
    require_enclosed(x, e, what);
    require_tight(e, what);
  };
  require(real(r.alpha), s.relative_alpha(*m.built), "alpha");
  require(r.cosine(), s.relative_cosine(*m.built), "the cosine");
  require(r.condition(), s.relative_condition(*m.built), "kappa0");
  require(r.sqrt_condition(), s.relative_sqrt_condition(*m.built), "sqrt(kappa0)");
  require(r.log_condition(), s.relative_log_condition(*m.built), "ln kappa0");
}

void relative_apply(const Subject& subject) {
  const DrawnRelative m = draw_relative(subject, 5);
  const RelativeReference r(m.d.exactly, m.m0);
  const std::vector<double> x = *probes(m.d.pair, Alpha());
  const RationalVector expected = multiply(r.metric, test::exact(x));
  require_in_box(expected, subject.min_condition.relative_apply(*m.built, arma::vec(x)), "M x");
  require_in_box(m.d.exactly.y, subject.min_condition.relative_apply(*m.built, m.d.g), "M g");
}

void relative_solve(const Subject& subject) {
  const DrawnRelative m = draw_relative(subject, 4);
  const RelativeReference r(m.d.exactly, m.m0);
  const std::vector<double> x = *probes(m.d.pair, Alpha());
  const RationalVector expected = solved(r.metric, test::exact(x));
  require_in_box(expected, subject.min_condition.relative_solve(*m.built, arma::vec(x)), "M^-1 x");
  require_in_box(m.d.exactly.g, subject.min_condition.relative_solve(*m.built, m.d.y), "M^-1 y");
}

/// The exact matrix in the box attains kappa0, by the criterion without eigenvalues.
void relative_attains(const Subject& subject) {
  const DrawnRelative m = draw_relative(subject, 4);
  const RelativeReference r(m.d.exactly, m.m0);
  RC_ASSERT(multiply(r.metric, m.d.exactly.g) == m.d.exactly.y);
  RC_ASSERT(r.attains(r.metric, m.m0));
  require_in_box(r.metric, subject.min_condition.relative_dense(*m.built), "M");
}

/// With M0 = T T^T the condition number is the least one of the pair (T^T g, T^-1 y): T unimodular.
void relative_congruence(const Subject& subject) {
  const Draw d(
      *effective_pairs(4, {Region::generic, Region::sparse, Region::parallel, Region::near_parallel}));
  const std::size_t n = d.dimension();
  arma::mat t(n, n, arma::fill::eye);
  for (std::size_t j = 0; j < n; ++j)
    for (std::size_t i = j + 1; i < n; ++i) t(i, j) = small_integer(2);
  const RationalMatrix exact_t = exact(t);
  ExactPair moved = d.exactly;
  moved.g = multiply(transposed(exact_t), d.exactly.g);
  moved.y = solved(exact_t, d.exactly.y);
  moved.gg = dot(moved.g, moved.g);
  moved.yy = dot(moved.y, moved.y);
  moved.a = moved.star();
  RC_ASSERT((dot(moved.g, moved.y) == d.exactly.p));
  const auto built = subject.min_condition.with_metric(d.g, d.y, t * t.t());
  RC_ASSERT(built.has_value());
  const PrecisionScope precision(12000);
  const auto [least, greatest] = plane(moved).eigenvalues();
  require_enclosed(greatest / least, subject.min_condition.relative_condition(*built), "kappa0");
}

// ------------------------------------------------------------------------- canaries

using M = MinConditionSubject;

struct Naive {
  double gg, p, yy, c, s;

  explicit Naive(const Gram& gram)
      : gg(gram.gg().to_double()),
        p(gram.gy().to_double()),
        yy(gram.yy().to_double()),
        c(p / std::sqrt(gg * yy)),
        s(std::sqrt(1 - c * c)) {}
};

Canary of_gram_canary(const char* name, M::OfGram M::*member, double (*formula)(const Gram&)) {
  return {name, [member, formula](Subject& subject) {
            subject.min_condition.*member = [formula](const Gram& gram) -> std::optional<double> {
              if (gram.gy().sign() <= 0) return std::nullopt;
              return formula(gram);
            };
          }};
}

Canary scalar_canary(const char* name, Subject::Scalar Subject::*member, double (*formula)(const Gram&)) {
  return {name, [member, formula](Subject& subject) {
            subject.*member = [formula](const Gram& gram, Alpha) -> std::optional<double> {
              if (gram.gy().sign() <= 0) return std::nullopt;
              return formula(gram);
            };
          }};
}

Canary slack_canary(const char* name, double (*formula)(const Naive&, double, double)) {
  return {name, [formula](Subject& subject) {
            subject.min_condition.spectrum_slack = [formula](const Gram& gram, double m, double l) {
              return formula(Naive(gram), m, l);
            };
          }};
}

Canary possible_canary(const char* name, bool (*formula)(const Gram&, double, double)) {
  return {name, [formula](Subject& subject) { subject.min_condition.spectrum_is_possible = formula; }};
}

Canary bound_canary(const char* name, void (*change)(CompetitorBound&, const Gram&)) {
  return {name, [change](Subject& subject) {
            subject.min_condition.competitor_bound = [change](const Gram& gram, double m, double l) {
              CompetitorBound bound = natgrad::competitor_bound(gram, m, l);
              change(bound, gram);
              return bound;
            };
          }};
}

Canary competitor_canary(const char* name, void (*change)(Competitor&)) {
  return {name, [change](Subject& subject) {
            subject.min_condition.competitor = [change](const arma::mat& m, const Gram& gram) {
              Competitor c = natgrad::competitor(m, gram);
              change(c);
              return c;
            };
          }};
}

Canary vector_canary(const char* name,
                     std::function<EnclosedVector(const Minimiser&, const arma::vec&)> M::*member,
                     EnclosedVector (*formula)(const Minimiser&, const arma::vec&)) {
  return {name, [member, formula](Subject& subject) { subject.min_condition.*member = formula; }};
}

Canary make_canary(const char* name, std::optional<Minimiser> (*make)(const arma::vec&, const arma::vec&,
                                                                      const arma::mat&, const arma::vec&)) {
  return {name, [make](Subject& subject) { subject.min_condition.minimiser = make; }};
}

Canary values_around_star() {
  return make_canary("values reflected at a*",
                     [](const arma::vec& g, const arma::vec& y, const arma::mat& v, const arma::vec& values) {
                       const Gram gram = Gram::of({g.memptr(), g.n_elem}, {y.memptr(), y.n_elem});
                       arma::vec reflected = values;
                       for (double& x : reflected)
                         x = std::max(2 * *natgrad::alpha(gram) - x, *natgrad::lambda_min(gram));
                       try {
                         return Minimiser::make(g, y, v, reflected);
                       } catch (const ContractError&) {
                         return Minimiser::make(g, y, v, values);
                       }
                     });
}

Canary check_canary(const char* name, void (*change)(MinimiserCheck&)) {
  return {name, [change](Subject& subject) {
            subject.min_condition.check_minimiser = [change](const arma::mat& m, const arma::vec& g,
                                                             const arma::vec& y, double tolerance) {
              auto check = natgrad::check_minimiser(m, g, y, tolerance);
              if (check) change(*check);
              return check;
            };
          }};
}

Canary projected_canary(const char* name, void (*change)(ProjectedMinimiser&, const arma::mat& c)) {
  return {name, [change](Subject& subject) {
            subject.min_condition.project_to_minimiser = [change](const arma::vec& g, const arma::vec& y,
                                                                  const arma::mat& c) {
              auto m = natgrad::project_to_minimiser(g, y, c);
              if (m) change(*m, c);
              return m;
            };
          }};
}

Canary relative_canary(const char* name, M::RelativeScalar M::*member,
                       Enclosure (*formula)(const RelativeOptimum&)) {
  return {name, [member, formula](Subject& subject) { subject.min_condition.*member = formula; }};
}

Canary euclidean(const char* name) {
  return {name, [](Subject& subject) {
            const auto identity = [](const arma::vec& g, const arma::vec& y, const arma::mat&) {
              return RelativeOptimum::with_diagonal(g, y, arma::vec(g.n_elem, arma::fill::ones));
            };
            subject.min_condition.with_diagonal = identity;
            subject.min_condition.with_metric = identity;
            subject.min_condition.with_factor = identity;
          }};
}

Canary inverse_metric() {
  return {"1/d in place of d", [](Subject& subject) {
            subject.min_condition.with_diagonal = [](const arma::vec& g, const arma::vec& y,
                                                     const arma::mat& m0) {
              arma::vec d = 1 / m0.diag();
              for (double& x : d) x = positive_part(x);
              return RelativeOptimum::with_diagonal(g, y, d);
            };
          }};
}

Canary transposed_factor() {
  return {"J0^T in place of J0", [](Subject& subject) {
            subject.min_condition.with_factor = [](const arma::vec& g, const arma::vec& y,
                                                   const arma::mat& j0) {
              return RelativeOptimum::with_factor(g, y, j0.t());
            };
          }};
}

std::vector<Property> functions_of_the_gram() {
  return {
      {"min_condition.minus_one",
       "reference",
       "kappa* - 1 is correctly rounded, also where kappa* rounds to 1",
       of_gram<&M::condition_minus_one, test::condition_minus_one>,
       {of_gram_canary("the rounded kappa* less 1", &M::condition_minus_one,
                       [](const Gram& gram) { return *natgrad::condition(gram) - 1; }),
        of_gram_canary("2 s (1 + s)/c^2 of rounded s and c", &M::condition_minus_one,
                       [](const Gram& gram) {
                         const double s = *natgrad::sine(gram), c = *natgrad::cosine(gram);
                         return 2 * s * (1 + s) / (c * c);
                       }),
        of_gram_canary(
            "one ulp off", &M::condition_minus_one,
            [](const Gram& gram) { return std::nextafter(*natgrad::condition_minus_one(gram), infinity); })}},
      {"min_condition.minus_one",
       "identities",
       "kappa* = 4/c^2 - 2 - 1/kappa*, sqrt(kappa*) = tan(pi/4 + psi/2), ln kappa* = 2 asinh(s/c), kappa* - "
       "1 = "
       "2s(1 + s)/c^2",
       identities,
       {scalar_canary("kappa* as 4/c^2 - 2", &Subject::condition,
                      [](const Gram& gram) {
                        const double c = *natgrad::cosine(gram);
                        return 4 / (c * c) - 2;
                      }),
        scalar_canary("tan(pi/4 + psi) for the root", &Subject::sqrt_condition,
                      [](const Gram& gram) { return std::tan(std::acos(-1.0) / 4 + *natgrad::angle(gram)); }),
        scalar_canary("ln of the rounded kappa*", &Subject::log_condition,
                      [](const Gram& gram) { return std::log(*natgrad::condition(gram)); }),
        of_gram_canary("2 s/c^2", &M::condition_minus_one,
                       [](const Gram& gram) {
                         const double s = *natgrad::sine(gram), c = *natgrad::cosine(gram);
                         return 2 * s / (c * c);
                       })}},
      {"min_condition.conditioning",
       "by angle",
       "d ln kappa*/d psi = 2/c, correctly rounded",
       of_gram<&M::log_condition_by_angle, test::log_condition_by_angle>,
       {of_gram_canary("1/c", &M::log_condition_by_angle,
                       [](const Gram& gram) { return *natgrad::log_condition_by_angle(gram) / 2; }),
        of_gram_canary("2 over the rounded c", &M::log_condition_by_angle,
                       [](const Gram& gram) { return 2 / *natgrad::cosine(gram); })}},
      {"min_condition.conditioning",
       "by log cosine",
       "d ln kappa*/d ln c = -2/s, correctly rounded; -inf at s = 0",
       of_gram<&M::log_condition_by_log_cosine, test::log_condition_by_log_cosine>,
       {of_gram_canary("2/s", &M::log_condition_by_log_cosine,
                       [](const Gram& gram) { return -*natgrad::log_condition_by_log_cosine(gram); }),
        of_gram_canary("s from the rounded c", &M::log_condition_by_log_cosine,
                       [](const Gram& gram) {
                         const double c = *natgrad::cosine(gram);
                         return -2 / std::sqrt(1 - c * c);
                       }),
        of_gram_canary("-2 over the rounded s", &M::log_condition_by_log_cosine,
                       [](const Gram& gram) { return -2 / *natgrad::sine(gram); })}},
      {"min_condition.spectrum",
       "slack",
       "(m + l) p - m l gg - yy = (y - m g).(l g - y), correctly rounded",
       slack_reference,
       {slack_canary("in doubles",
                     [](const Naive& n, double m, double l) { return (m + l) * n.p - m * l * n.gg - n.yy; }),
        {"m forgotten",
         [](Subject& subject) {
           subject.min_condition.spectrum_slack = [](const Gram& gram, double m, double l) {
             return natgrad::spectrum_slack(gram, m, l) - m * gram.gy().to_double();
           };
         }},
        {"one ulp off",
         [](Subject& subject) {
           subject.min_condition.spectrum_slack = [](const Gram& gram, double m, double l) {
             return std::nextafter(natgrad::spectrum_slack(gram, m, l), infinity);
           };
         }}}},
      {"min_condition.spectrum",
       "witness",
       "a metric of the pair with spectrum in [m, l] exists (and is built) iff the slack is >= 0",
       possible_witness,
       {possible_canary("[m, l] must contain lambda- and lambda+",
                        [](const Gram& gram, double m, double l) {
                          return gram.gy().sign() > 0 && m <= *natgrad::lambda_min(gram) &&
                                 *natgrad::lambda_max(gram) <= l;
                        }),
        possible_canary("m <= p/gg <= l is enough",
                        [](const Gram& gram, double m, double l) {
                          const double r = gram.gy().to_double() / gram.gg().to_double();
                          return m <= r && r <= l;
                        }),
        possible_canary("by the sign of a sum in doubles",
                        [](const Gram& gram, double m, double l) {
                          const Naive n(gram);
                          return (m + l) * n.p - m * l * n.gg - n.yy >= 0;
                        }),
        possible_canary("l/m >= kappa* is enough",
                        [](const Gram& gram, double m, double l) {
                          const auto excess = natgrad::condition_excess(gram, m, l);
                          return excess && *excess >= 0;
                        })}},
      {"min_condition.bound",
       "reference",
       "l/m - kappa* and (m + l)^2 p^2 - 4 m l gg yy are correctly rounded, with everything beside them",
       bound_reference,
       {{"the difference of rounded numbers",
         [](Subject& subject) {
           subject.min_condition.condition_excess = [](const Gram& gram, double m, double l) {
             auto excess = natgrad::condition_excess(gram, m, l);
             if (excess) excess = l / m - *natgrad::condition(gram);
             return excess;
           };
         }},
        bound_canary("sqrt(kappa*) in place of kappa*",
                     [](CompetitorBound& bound, const Gram& gram) {
                       bound.least_condition = natgrad::sqrt_condition(gram);
                     }),
        bound_canary("m l without the 4", [](CompetitorBound& bound,
                                             const Gram&) { bound.kantorovich = bound.kantorovich / 4; })}},
      {"min_condition.bound",
       "never below",
       "no metric has a condition number below kappa*, up to those that have exactly two eigenvalues",
       never_below,
       {bound_canary("kappa* of half the sine",
                     [](CompetitorBound& bound, const Gram& gram) {
                       if (bound.least_condition) *bound.least_condition *= 1 + 0.25 * *natgrad::sine(gram);
                     }),
        bound_canary("possible only with some room",
                     [](CompetitorBound& bound, const Gram& gram) {
                       bound.possible = bound.slack > 1e-3 * gram.yy().to_double();
                     }),
        bound_canary("an excess that is too small",
                     [](CompetitorBound& bound, const Gram&) {
                       if (bound.excess) *bound.excess -= 1e-2 * *bound.least_condition;
                     })}},
      {"min_condition.bound",
       "environment",
       "no bit depends on the caller's rounding mode or flush-to-zero",
       any_environment,
       {{"a sum in doubles",
         [](Subject& subject) {
           subject.min_condition.spectrum_slack = [](const Gram& gram, double m, double l) {
             const Naive n(gram);
             const double slack = (m + l) * n.p - m * l * n.gg - n.yy;
             return std::isfinite(slack) ? slack : 0;
           };
         }}}},
  };
}

std::vector<Property> all_minimisers() {
  return {
      {"min_condition.competitor",
       "contains",
       "the eigenvalues, condition number, slack and excess of a matrix of known spectrum are in their "
       "enclosures",
       competitor_contains,
       {competitor_canary("the smallest eigenvalue rounded up",
                          [](Competitor& c) {
                            c.smallest_eigenvalue.lo = c.smallest_eigenvalue.hi =
                                std::nextafter(c.smallest_eigenvalue.hi, infinity);
                          }),
        competitor_canary("always possible", [](Competitor& c) { c.possible = Answer::yes; }),
        competitor_canary("never possible", [](Competitor& c) { c.possible = Answer::no; }),
        competitor_canary("the root of the condition number",
                          [](Competitor& c) {
                            c.condition = {std::sqrt(c.condition.lo), std::sqrt(c.condition.hi)};
                          })}},
      {"min_condition.minimiser",
       "apply",
       "M x is in its box, an ulp wide, for M built by Gram and Schmidt in rationals",
       minimiser_apply,
       {values_around_star(),
        make_canary("V not projected: values forgotten",
                    [](const arma::vec& g, const arma::vec& y, const arma::mat&, const arma::vec&) {
                      return Minimiser::make(g, y);
                    }),
        vector_canary("no radius", &M::minimiser_apply,
                      [](const Minimiser& m, const arma::vec& x) {
                        EnclosedVector box = m.apply(x);
                        box.radius.zeros();
                        return box;
                      }),
        vector_canary("a radius of 2^-40", &M::minimiser_apply,
                      [](const Minimiser& m, const arma::vec& x) {
                        EnclosedVector box = m.apply(x);
                        box.radius += 0x1p-40 * arma::abs(box.value);
                        return box;
                      })}},
      {"min_condition.minimiser",
       "solve",
       "M^-1 x is in its box, an ulp wide, for M^-1 by elimination",
       minimiser_solve,
       {values_around_star(),
        vector_canary("M in place of M^-1", &M::minimiser_solve,
                      [](const Minimiser& m, const arma::vec& x) { return m.apply(x); }),
        vector_canary("no radius", &M::minimiser_solve,
                      [](const Minimiser& m, const arma::vec& x) {
                        EnclosedVector box = m.solve(x);
                        box.radius.zeros();
                        return box;
                      })}},
      {"min_condition.minimiser",
       "attains",
       "M in its box satisfies M g = y and 2 a* M - M^2 - (yy/gg) I >= 0, exactly",
       minimiser_attains,
       {values_around_star(),
        {"a diagonal of a*",
         [](Subject& subject) {
           subject.min_condition.minimiser_dense = [](const Minimiser& m) {
             EnclosedMatrix box = m.dense();
             box.value.diag().fill(*natgrad::alpha(m.gram()));
             return box;
           };
         }},
        {"one entry an ulp off and certain",
         [](Subject& subject) {
           subject.min_condition.minimiser_dense = [](const Minimiser& m) {
             EnclosedMatrix box = m.dense();
             box.value(0, 0) = std::nextafter(box.value(0, 0), infinity);
             box.radius(0, 0) = 0;
             return box;
           };
         }}}},
      {"min_condition.minimiser",
       "interval",
       "an eigenvalue on the complement is accepted iff it is in [lambda-, lambda+], to the last bit",
       minimiser_interval,
       {make_canary("compared with the rounded ends",
                    [](const arma::vec& g, const arma::vec& y, const arma::mat&,
                       const arma::vec& values) -> std::optional<Minimiser> {
                      const Gram gram = Gram::of({g.memptr(), g.n_elem}, {y.memptr(), y.n_elem});
                      for (const double x : values)
                        if (x < *natgrad::lambda_min(gram) || x > *natgrad::lambda_max(gram))
                          return std::nullopt;
                      return Minimiser::make(g, y);
                    }),
        make_canary("anything goes", [](const arma::vec& g, const arma::vec& y, const arma::mat&,
                                        const arma::vec&) { return Minimiser::make(g, y); })}},
      {"min_condition.limited_memory",
       "two loops",
       "M(a*)^-1 x is the one-pair L-BFGS two-loop recursion with H_0 = (s.y/y.y) I",
       limited_memory,
       {vector_canary("H_0 = I", &M::minimiser_solve,
                      [](const Minimiser& m, const arma::vec& x) {
                        EnclosedVector box = m.solve(x);
                        box.value *= *natgrad::alpha(m.gram());
                        return box;
                      }),
        vector_canary("the first term only", &M::minimiser_solve,
                      [](const Minimiser& m, const arma::vec& x) {
                        EnclosedVector box = m.solve(x);
                        box.value = x / *natgrad::alpha(m.gram());
                        return box;
                      })}},
      {"min_condition.projected",
       "contains",
       "M(a*) + (I - Pi)(C - a* I)(I - Pi) is in its box, and the answer agrees with the exact criterion",
       projected_contains,
       {projected_canary("C itself", [](ProjectedMinimiser& m, const arma::mat& c) { m.matrix.value = c; }),
        projected_canary("always yes",
                         [](ProjectedMinimiser& m, const arma::mat&) { m.answer = Answer::yes; }),
        projected_canary("always no",
                         [](ProjectedMinimiser& m, const arma::mat&) {
                           if (m.answer == Answer::undetermined) return;
                           m.answer = Answer::no;
                           m.witness.ones(m.matrix.value.n_rows);
                         })}},
      {"min_condition.check",
       "decides",
       "the answer agrees with the exact criterion, and is none only next to lambda- or lambda+",
       check_decides,
       {check_canary("never sure",
                     [](MinimiserCheck& check) {
                       check.answer = Answer::undetermined;
                       check.reason = MinimiserReason::no_certificate;
                     }),
        check_canary("every metric is a minimiser",
                     [](MinimiserCheck& check) {
                       if (check.symmetric && check.update.exact) {
                         check.answer = Answer::yes;
                         check.reason = MinimiserReason::minimiser;
                       }
                     }),
        check_canary("the complement is not looked at",
                     [](MinimiserCheck& check) {
                       if (check.reason != MinimiserReason::outside) return;
                       check.answer = Answer::yes;
                       check.reason = MinimiserReason::minimiser;
                     })}},
      {"min_condition.check",
       "backward error",
       "residuals and backward errors are in their tight enclosures, and a tolerance is compared with them",
       check_backward_error,
       {check_canary("relative to the image alone",
                     [](MinimiserCheck& check) {
                       check.update.backward_error = {2 * check.update.backward_error.lo,
                                                      2 * check.update.backward_error.hi};
                     }),
        {"the tolerance ignored",
         [](Subject& subject) {
           subject.min_condition.check_minimiser = [](const arma::mat& m, const arma::vec& g,
                                                      const arma::vec& y, double) {
             return natgrad::check_minimiser(m, g, y, 0);
           };
         }},
        {"the tolerance doubled",
         [](Subject& subject) {
           subject.min_condition.check_minimiser = [](const arma::mat& m, const arma::vec& g,
                                                      const arma::vec& y, double tolerance) {
             return natgrad::check_minimiser(m, g, y, 2 * tolerance);
           };
         }}}},
  };
}

std::vector<Property> relative() {
  return {
      {"min_condition.relative",
       "scalars",
       "alpha, c0, kappa0, its root and its logarithm are in enclosures of a few ulp, for each kind of M0",
       relative_scalars,
       {euclidean("M0 ignored"), inverse_metric(), transposed_factor(),
        relative_canary("1/c0^2 for kappa0", &M::relative_condition,
                        [](const RelativeOptimum& m) {
                          const Enclosure c = m.cosine();
                          return Enclosure{1 / (c.hi * c.hi), 1 / (c.lo * c.lo)};
                        }),
        relative_canary("ln sqrt(kappa0)", &M::relative_log_condition,
                        [](const RelativeOptimum& m) {
                          const Enclosure e = m.log_condition();
                          return Enclosure{e.lo / 2, e.hi / 2};
                        }),
        relative_canary("a point", &M::relative_alpha,
                        [](const RelativeOptimum& m) {
                          return Enclosure{m.alpha().lo, m.alpha().lo};
                        })}},
      {"min_condition.relative",
       "apply",
       "M x, the BFGS update of at M0, is in its box, and so is M g = y",
       relative_apply,
       {euclidean("M0 ignored"),
        inverse_metric(),
        transposed_factor(),
        {"no radius",
         [](Subject& subject) {
           subject.min_condition.relative_apply = [](const RelativeOptimum& m, const arma::vec& x) {
             EnclosedVector box = m.apply(x);
             box.radius.zeros();
             return box;
           };
         }}}},
      {"min_condition.relative",
       "solve",
       "M^-1 x by elimination is in its box, and so is M^-1 y = g",
       relative_solve,
       {euclidean("M0 ignored"),
        transposed_factor(),
        {"M in place of M^-1",
         [](Subject& subject) {
           subject.min_condition.relative_solve = [](const RelativeOptimum& m, const arma::vec& x) {
             return m.apply(x);
           };
         }}}},
      {"min_condition.relative",
       "attains",
       "M in its box is a metric whose condition number relative to M0 is kappa0, by an exact criterion",
       relative_attains,
       {euclidean("M0 ignored"),
        {"not scaled by at",
         [](Subject& subject) {
           subject.min_condition.relative_dense = [](const RelativeOptimum& m) {
             EnclosedMatrix box = m.dense();
             box.value /= m.alpha().lo;
             return box;
           };
         }}}},
      {"min_condition.relative",
       "congruence",
       "kappa0 for M0 = T T^T is kappa* of the pair (T^T g, T^-1 y)",
       relative_congruence,
       {euclidean("M0 ignored"),
        {"M0 by its diagonal",
         [](Subject& subject) {
           subject.min_condition.with_metric = [](const arma::vec& g, const arma::vec& y,
                                                  const arma::mat& m0) {
             return RelativeOptimum::with_diagonal(g, y, arma::vec(m0.diag()));
           };
         }}}},
  };
}

}  // namespace

std::vector<Property> min_condition_properties() {
  std::vector<Property> all = functions_of_the_gram();
  for (Property& property : all_minimisers()) all.push_back(std::move(property));
  for (Property& property : relative()) all.push_back(std::move(property));
  return all;
}

}  // namespace natgrad::test
