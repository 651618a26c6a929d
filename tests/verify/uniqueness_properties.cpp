// natgrad: laws of uniqueness: matrices of exact numbers whose nature is known by elimination in rationals.
#include <algorithm>
#include <cmath>
#include <limits>

#include "support/laws.hpp"
#include "support/uniqueness_reference.hpp"

namespace natgrad::test {

namespace {

namespace ref = uniqueness;

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double largest = std::numeric_limits<double>::max();

// ------------------------------------------------------------------------------------------- drawing

int draw_between(int lo, int hi) {
  return lo + static_cast<int>(*indices(static_cast<std::uint64_t>(hi - lo + 1)));
}

double nudged(double x, int ulps) {
  for (; ulps > 0; --ulps) x = std::nextafter(x, infinity);
  for (; ulps < 0; ++ulps) x = std::nextafter(x, -infinity);
  return x;
}

enum class Kind { definite, singular, indefinite, nudged_singular, rounded_metric };

struct Symmetric {
  Kind kind = Kind::definite;
  arma::mat m;
  std::vector<int>
      exponents;  // M = S I S with S = 2^exponents and I of integers (but for the last two kinds)
};

// L diag L^T of small integers, scaled on both sides by powers of two: exact in doubles.
Symmetric draw_integers(std::size_t d, Kind kind) {
  Symmetric result{kind, arma::mat(d, d, arma::fill::zeros), {}};
  arma::mat l(d, d, arma::fill::eye);
  arma::vec pivots(d);
  for (std::size_t j = 0; j < d; ++j) {
    pivots[j] = std::ldexp(1.0, draw_between(0, 3));
    for (std::size_t i = j + 1; i < d; ++i) l(i, j) = draw_between(-2, 2);
  }
  if (kind == Kind::singular || kind == Kind::nudged_singular) pivots[*indices(d)] = 0;
  if (kind == Kind::indefinite) pivots[*indices(d)] = -1;
  const int range = draw_between(0, 3) == 0 ? 300 : draw_between(0, 20);
  for (std::size_t i = 0; i < d; ++i) result.exponents.push_back(draw_between(-range, range));
  for (std::size_t i = 0; i < d; ++i)
    for (std::size_t j = 0; j < d; ++j) {
      for (std::size_t k = 0; k < d; ++k) result.m(i, j) += l(i, k) * pivots[k] * l(j, k);
      result.m(i, j) = std::ldexp(result.m(i, j), result.exponents[i] + result.exponents[j]);
    }
  if (kind == Kind::nudged_singular) {
    const std::size_t i = *indices(d);
    result.m(i, i) = nudged(result.m(i, i), draw_between(0, 1) == 0 ? 1 : -1);
  }
  return result;
}

// The dense M(a*) of a hostile pair, its entries rounded: definite, or not, by a hair.
arma::mat draw_rounded_metric(std::size_t max_dimension) {
  const Pair pair = *effective_pairs(max_dimension);
  arma::mat m = Metric::make(pair.g, pair.y)->dense();
  for (double& x : m)
    if (!std::isfinite(x)) x = std::copysign(largest, x);
  return m;
}

Symmetric draw_symmetric(std::size_t max_dimension) {
  const Kind kinds[] = {Kind::definite, Kind::singular, Kind::indefinite, Kind::nudged_singular,
                        Kind::rounded_metric};
  const Kind kind = kinds[*indices(5)];
  if (kind == Kind::rounded_metric) return {kind, draw_rounded_metric(max_dimension), {}};
  return draw_integers(1 + *indices(max_dimension), kind);
}

// A matrix with vectors of small integers, likewise scaled, so that y = M g exactly.
struct Triple {
  Symmetric symmetric;
  arma::vec g, y;
};

Triple draw_triple(std::size_t max_dimension, Kind kind, bool zero_allowed) {
  Triple t{draw_integers(1 + *indices(max_dimension), kind), {}, {}};
  const std::size_t d = t.symmetric.m.n_rows;
  t.g.set_size(d);
  const std::size_t some = *indices(d);
  for (std::size_t i = 0; i < d; ++i) {
    t.g[i] = draw_between(-3, 3);
    if (i == some && t.g[i] == 0 && !zero_allowed) t.g[i] = 1;
    t.g[i] = std::ldexp(t.g[i], -t.symmetric.exponents[i]);
  }
  const RationalVector y = multiply(exact_matrix(t.symmetric.m), exact_vector(t.g));
  t.y.set_size(d);
  for (std::size_t i = 0; i < d; ++i) t.y[i] = nearest(y[i]);
  return t;
}

// Any symmetric matrix with any vector.
struct MatrixAndVector {
  arma::mat m;
  arma::vec g;
};

MatrixAndVector draw_matrix_and_vector(std::size_t max_dimension) {
  MatrixAndVector result;
  if (draw_between(0, 2) == 0) {
    const Pair pair = *effective_pairs(max_dimension);
    result.g = arma::vec(pair.g);
    result.m = Metric::make(pair.g, pair.y)->dense();
    for (double& x : result.m)
      if (!std::isfinite(x)) x = std::copysign(largest, x);
  } else {
    result.m = draw_symmetric(max_dimension).m;
    result.g = arma::vec(*vectors(result.m.n_rows));
  }
  return result;
}

arma::vec column(const std::vector<double>& x) {
  return arma::vec(x);
}

void require_matrix(const arma::mat& actual, const RationalMatrix& expected, const char* what) {
  RC_ASSERT(actual.n_rows == expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i)
    for (std::size_t j = 0; j < expected.size(); ++j)
      require_same(actual(i, j), nearest(expected[i][j]),
                   std::string(what) + "(" + std::to_string(i) + ", " + std::to_string(j) + ")");
}

RationalMatrix without(const RationalMatrix& m, std::size_t k) {
  RationalMatrix result;
  for (std::size_t i = 0; i < m.size(); ++i) {
    if (i == k) continue;
    result.emplace_back();
    for (std::size_t j = 0; j < m.size(); ++j)
      if (j != k) result.back().push_back(m[i][j]);
  }
  return result;
}

// ------------------------------------------------------------------------------------- definiteness

void require_definiteness(const Definiteness& d, const RationalMatrix& m) {
  const ref::Inertia inertia = ref::inertia(m);
  const bool definite = inertia.positive == m.size();
  if (d.answer == Answer::yes) {
    RC_ASSERT(definite);
    RC_ASSERT(d.witness.is_empty());
    RC_ASSERT(d.smallest_eigenvalue.lo >= 0);
  }
  if (d.answer == Answer::no) {
    RC_ASSERT(!definite);
    RC_ASSERT(d.witness.n_elem == m.size());
    RC_ASSERT(d.witness.is_finite());
    RC_ASSERT(arma::any(d.witness != 0));
    const Rational value = ref::form(m, exact_vector(d.witness));
    RC_ASSERT((value <= 0));
    if (std::isfinite(d.witness_quadratic_form.lo)) RC_ASSERT((exact(d.witness_quadratic_form.lo) <= value));
    if (std::isfinite(d.witness_quadratic_form.hi)) RC_ASSERT((exact(d.witness_quadratic_form.hi) >= value));
    RC_ASSERT(d.smallest_eigenvalue.hi <= 0);
  }
}

void definiteness_is_sound(const Subject& subject) {
  const Symmetric s = draw_symmetric(5);
  require_definiteness(subject.uniqueness.definiteness(s.m), exact_matrix(s.m));
}

// Matrices of small numbers, and all of dimension 1 and 2, leave no doubt; a wide one neither.
void definiteness_decides(const Subject& subject) {
  const bool small = draw_between(0, 1) == 0;
  const Symmetric s = small ? draw_symmetric(2)
                            : draw_integers(1 + *indices(6), draw_between(0, 1) == 0   ? Kind::definite
                                                             : draw_between(0, 1) == 0 ? Kind::singular
                                                                                       : Kind::indefinite);
  const Definiteness d = subject.uniqueness.definiteness(s.m);
  RC_ASSERT(d.answer != Answer::undetermined);
  require_definiteness(d, exact_matrix(s.m));
}

void require_eigenvalue_bounds(const Enclosure& bounds, const RationalMatrix& m, bool smallest) {
  RC_ASSERT(bounds.lo <= bounds.hi);
  const std::size_t n = m.size();
  if (std::isfinite(bounds.lo)) {
    const ref::Inertia at = ref::inertia(ref::shifted(m, exact(bounds.lo)));
    if (smallest) {
      RC_ASSERT(at.negative == 0U);
    } else {
      RC_ASSERT(at.negative < n);
    }
  }
  if (std::isfinite(bounds.hi)) {
    const ref::Inertia at = ref::inertia(ref::shifted(m, exact(bounds.hi)));
    if (smallest) {
      RC_ASSERT(at.positive < n);
    } else {
      RC_ASSERT(at.positive == 0U);
    }
  }
}

void eigenvalue_bounds_hold(const Subject& subject) {
  const Symmetric s = draw_symmetric(4);
  const Definiteness d = subject.uniqueness.definiteness(s.m);
  require_eigenvalue_bounds(d.smallest_eigenvalue, exact_matrix(s.m), true);
  if (s.kind == Kind::definite && d.answer == Answer::yes) RC_ASSERT(d.smallest_eigenvalue.lo > 0);
}

// --------------------------------------------------------------------------------------- check_metric

void require_check(const MetricCheck& c, const arma::mat& m, const arma::vec& g, const arma::vec& y) {
  const RationalMatrix exact_m = exact_matrix(m);
  const RationalVector exact_g = exact_vector(g), exact_y = exact_vector(y);
  const RationalVector mg = multiply(exact_m, exact_g);
  std::size_t wrong = 0;
  while (wrong < mg.size() && mg[wrong] == exact_y[wrong]) ++wrong;
  RC_ASSERT(c.maps_exactly == (wrong == mg.size()));
  RC_ASSERT(c.wrong_element == (wrong == mg.size() ? 0 : wrong));
  RC_ASSERT(
      ref::encloses_root(c.residual.lo, c.residual.hi, ref::squared_residual(exact_m, exact_g, exact_y)));
  bool symmetric = true;
  for (std::size_t j = 0; j < g.n_elem && symmetric; ++j)
    for (std::size_t i = j + 1; i < g.n_elem && symmetric; ++i)
      if (m(i, j) != m(j, i)) {
        symmetric = false;
        RC_ASSERT(c.asymmetric_row == i);
        RC_ASSERT(c.asymmetric_column == j);
      }
  RC_ASSERT(c.symmetric == symmetric);
  if (!symmetric) {
    RC_ASSERT(c.answer == Answer::no);
    RC_ASSERT(c.reason == CheckReason::not_symmetric);
    RC_ASSERT(c.definiteness.answer == Answer::undetermined);
    return;
  }
  require_definiteness(c.definiteness, exact_m);
  switch (c.reason) {
    case CheckReason::metric:
      RC_ASSERT(c.answer == Answer::yes);
      RC_ASSERT(c.definiteness.answer == Answer::yes);
      break;
    case CheckReason::not_symmetric:
      fail("not symmetric, it says");
    case CheckReason::wrong_image:
      RC_ASSERT(c.answer == Answer::no);
      RC_ASSERT(!c.maps_exactly);
      break;
    case CheckReason::not_definite:
      RC_ASSERT(c.answer == Answer::no);
      RC_ASSERT(c.definiteness.answer == Answer::no);
      break;
    case CheckReason::no_certificate:
      RC_ASSERT(c.answer == Answer::undetermined);
      break;
  }
}

void check_exactly(const Subject& subject) {
  const Kind kinds[] = {Kind::definite, Kind::definite, Kind::singular, Kind::indefinite};
  Triple t = draw_triple(5, kinds[*indices(4)], true);
  const std::size_t d = t.g.n_elem;
  switch (draw_between(0, 4)) {
    case 0: {
      const std::size_t i = *indices(d);
      t.y[i] = nudged(t.y[i], draw_between(0, 1) == 0 ? 1 : -1);
      break;
    }
    case 1: {
      const std::size_t i = *indices(d), j = *indices(d);
      t.symmetric.m(i, j) = nudged(t.symmetric.m(i, j), 1);
      break;
    }
    default:
      break;
  }
  const MetricCheck c = subject.uniqueness.check_metric(t.symmetric.m, t.g, t.y, 0);
  require_check(c, t.symmetric.m, t.g, t.y);
  if (c.symmetric && !c.maps_exactly) RC_ASSERT(c.reason == CheckReason::wrong_image);
  if (c.symmetric && c.maps_exactly && c.definiteness.answer == Answer::yes)
    RC_ASSERT(c.reason == CheckReason::metric);
}

// A definite matrix that maps g to y proves p > 0: with p <= 0 and M g = y the answer is no.
void check_hostile(const Subject& subject) {
  const MatrixAndVector x = draw_matrix_and_vector(5);
  const arma::vec y = draw_between(0, 1) == 0 ? column(*vectors(x.g.n_elem)) : arma::vec(-x.g);
  require_check(subject.uniqueness.check_metric(x.m, x.g, y, 0), x.m, x.g, y);
}

void backward_error_is_enclosed(const Subject& subject) {
  const bool hostile = draw_between(0, 1) == 0;
  arma::mat m;
  arma::vec g, y;
  if (hostile) {
    const MatrixAndVector x = draw_matrix_and_vector(5);
    m = x.m;
    g = x.g;
    y = column(*vectors(g.n_elem));
  } else {
    const Triple t = draw_triple(5, Kind::definite, false);
    m = t.symmetric.m;
    g = t.g;
    y = t.y;
    const std::size_t i = *indices(y.n_elem);
    y[i] = nudged(y[i], draw_between(0, 3));
  }
  const Enclosure e = subject.uniqueness.check_metric(m, g, y, 0).backward_error;
  const PrecisionScope precision(12000);
  const Real value = ref::backward_error(exact_matrix(m), exact_vector(g), exact_vector(y));
  const Real slack = ldexp(Real(1), -3000);
  RC_ASSERT((real(exact(e.lo)) * (1 - slack) <= value));
  RC_ASSERT((real(exact(e.hi)) * (1 + slack) >= value));
  RC_ASSERT((e.hi == e.lo || std::nextafter(e.lo, infinity) == e.hi));
}

void tolerance_is_respected(const Subject& subject) {
  Triple t = draw_triple(4, Kind::definite, false);
  const std::size_t i = *indices(t.y.n_elem);
  t.y[i] = nudged(t.y[i], draw_between(1, 3));
  Real value;
  {
    const PrecisionScope precision(2000);
    value = ref::backward_error(exact_matrix(t.symmetric.m), exact_vector(t.g), exact_vector(t.y));
  }
  const double near = std::max(0.0, nudged(value.convert_to<double>(), draw_between(-2, 2)));
  const double tolerance = draw_between(0, 3) == 0 ? 1e-10 : near;
  const MetricCheck c = subject.uniqueness.check_metric(t.symmetric.m, t.g, t.y, tolerance);
  const PrecisionScope precision(2000);
  const bool within = value <= real(exact(tolerance));
  RC_ASSERT(c.reason == (within ? CheckReason::metric : CheckReason::wrong_image));
}

// ---------------------------------------------------------------------------------------- coordinates

void decomposition_reference(const Subject& subject) {
  const MatrixAndVector x = draw_matrix_and_vector(6);
  const ref::Remainder expected = ref::remainder(exact_matrix(x.m), exact_vector(x.g));
  const auto actual = subject.uniqueness.decompose(x.m, x.g);
  RC_ASSERT(actual.has_value() == (expected.p > 0));
  if (!actual) return;
  require_same(actual->p, nearest(expected.p), "p");
  for (std::size_t i = 0; i < x.g.n_elem; ++i) require_same(actual->y[i], nearest(expected.y[i]), "y");
  require_matrix(actual->b, expected.b, "B");
}

// M is positive definite iff B is positive semidefinite with kernel span(g), iff S is positive definite.
void characterisation(const Subject& subject) {
  const Kind kinds[] = {Kind::definite, Kind::singular, Kind::indefinite, Kind::nudged_singular};
  const Triple t = draw_triple(5, kinds[*indices(4)], false);
  const RationalMatrix m = exact_matrix(t.symmetric.m);
  const RationalVector g = exact_vector(t.g);
  const ref::Remainder r = ref::remainder(m, g);
  RC_ASSERT(subject.uniqueness.decompose(t.symmetric.m, t.g).has_value() == (r.p > 0));
  const Answer definite = subject.uniqueness.definiteness(t.symmetric.m).answer;
  if (!(r.p > 0)) {
    RC_ASSERT(definite != Answer::yes);
    return;
  }
  for (const Rational& element : multiply(r.b, g)) RC_ASSERT((element == 0));
  const std::size_t n = g.size() - 1;
  const ref::Inertia of_b = ref::inertia(r.b), of_s = ref::inertia(without(r.b, ref::pivot(g)));
  const bool semidefinite = of_b.positive == n && of_b.negative == 0;
  RC_ASSERT(semidefinite == (of_s.positive == n));
  if (definite != Answer::undetermined) RC_ASSERT(semidefinite == (definite == Answer::yes));
  // The rounded B has no sign against it: an exact zero stays zero, and B is symmetric.
  const auto actual = subject.uniqueness.decompose(t.symmetric.m, t.g);
  RC_ASSERT(arma::approx_equal(actual->b, actual->b.t(), "absdiff", 0));
}

void coordinates_reference(const Subject& subject) {
  const MatrixAndVector x = draw_matrix_and_vector(6);
  const RationalVector g = exact_vector(x.g);
  const ref::Remainder expected = ref::remainder(exact_matrix(x.m), g);
  const auto actual = subject.uniqueness.coordinates(x.m, x.g);
  RC_ASSERT(actual.has_value() == (expected.p > 0));
  if (!actual) return;
  RC_ASSERT(actual->pivot == ref::pivot(g));
  require_matrix(actual->s, without(expected.b, ref::pivot(g)), "S");
}

void from_coordinates_reference(const Subject& subject) {
  const Pair pair = *pairs(6);
  const std::size_t d = pair.g.size();
  arma::mat s(d - 1, d - 1);
  const int kind = draw_between(0, 1);
  if (d > 1 && kind == 0) {
    s = draw_integers(d - 1, Kind::definite).m;
  } else {
    const std::vector<double> entries = *vectors(d * d);
    for (std::size_t i = 0; i + 1 < d; ++i)
      for (std::size_t j = 0; j <= i; ++j) s(i, j) = s(j, i) = entries[i * d + j];
  }
  const RationalVector g = exact(pair.g), y = exact(pair.y);
  const auto actual = subject.uniqueness.from_coordinates(s, column(pair.g), column(pair.y));
  const bool exists = dot(g, y) > 0;
  RC_ASSERT(actual.has_value() == exists);
  if (exists) require_matrix(*actual, ref::metric(exact_matrix(s), g, y), "M");
}

// With p = 1 and a pivot of +-1 everything is an integer, and both ways are exact.
void bijection(const Subject& subject) {
  const std::size_t d = 1 + *indices(6), k = *indices(d);
  arma::vec g(d), y(d);
  double sum = 0;
  for (std::size_t i = 0; i < d; ++i) {
    // Later ones may be as large as the pivot.
    g[i] = i < k ? 0 : draw_between(-1, 1);
    y[i] = draw_between(-5, 5);
    if (i != k) sum += g[i] * y[i];
  }
  g[k] = draw_between(0, 1) == 0 ? 1 : -1;
  y[k] = g[k] * (1 - sum);
  const arma::mat s = d == 1 ? arma::mat(0, 0) : [&] {
    Symmetric integers = draw_integers(d - 1, draw_between(0, 1) == 0 ? Kind::definite : Kind::indefinite);
    for (std::size_t i = 0; i + 1 < d; ++i)
      for (std::size_t j = 0; j + 1 < d; ++j)
        integers.m(i, j) = std::ldexp(integers.m(i, j), -integers.exponents[i] - integers.exponents[j]);
    return integers.m;
  }();
  const auto m = subject.uniqueness.from_coordinates(s, g, y);
  RC_ASSERT(m.has_value());
  const auto back = subject.uniqueness.coordinates(*m, g);
  RC_ASSERT(back.has_value());
  RC_ASSERT(back->pivot == k);
  for (std::size_t i = 0; i + 1 < d; ++i)
    for (std::size_t j = 0; j + 1 < d; ++j) require_same(back->s(i, j), s(i, j), "S");
  for (const Rational& x : [&] {
         RationalVector difference = multiply(exact_matrix(*m), exact_vector(g));
         for (std::size_t i = 0; i < d; ++i) difference[i] -= exact(y[i]);
         return difference;
       }())
    RC_ASSERT((x == 0));
  // M is positive definite iff S is.
  const bool definite = d == 1 || ref::positive_definite(exact_matrix(s));
  RC_ASSERT(ref::positive_definite(exact_matrix(*m)) == definite);
}

// Rounding S moves M by no more than |E| (half an ulp of S) |E|^T and its own rounding.
void round_trip(const Subject& subject) {
  const Triple t = draw_triple(5, Kind::definite, false);
  const auto c = subject.uniqueness.coordinates(t.symmetric.m, t.g);
  RC_ASSERT(c.has_value());
  const auto back = subject.uniqueness.from_coordinates(c->s, t.g, t.y);
  RC_ASSERT(back.has_value());
  RationalMatrix errors = exact_matrix(c->s);
  for (RationalVector& row : errors)
    for (Rational& entry : row) entry = 2 * half_ulp(entry);
  const RationalMatrix bound = ref::spread(errors, exact_vector(t.g));
  for (std::size_t i = 0; i < t.g.n_elem; ++i)
    for (std::size_t j = 0; j < t.g.n_elem; ++j) {
      const Rational off = abs(exact((*back)(i, j)) - exact(t.symmetric.m(i, j)));
      RC_ASSERT((off <= bound[i][j] + half_ulp(exact((*back)(i, j)))));
    }
}

// The symmetric N with N g = 0 have as many dimensions, and E E_ij E^T are as many independent ones.
void dimension_by_rank(const Subject& subject) {
  const std::size_t d = 1 + *indices(5);
  RationalVector g(d);
  for (Rational& element : g) element = draw_between(-3, 3);
  const std::size_t some = *indices(d);
  if (g[some] == 0) g[some] = 1;
  const std::uint64_t actual = subject.uniqueness.metric_family_dimension(d);
  RC_ASSERT(actual == ref::kernel_dimension(g));
  RationalMatrix directions;
  const RationalVector y = g;
  const RationalMatrix zero(d - 1, RationalVector(d - 1));
  const RationalMatrix origin = ref::metric(zero, g, y);
  for (std::size_t i = 0; i + 1 < d; ++i)
    for (std::size_t j = 0; j <= i; ++j) {
      RationalMatrix s = zero;
      s[i][j] = s[j][i] = 1;
      const RationalMatrix m = ref::metric(s, g, y);
      directions.emplace_back();
      for (std::size_t r = 0; r < d; ++r)
        for (std::size_t l = 0; l < d; ++l) directions.back().push_back(m[r][l] - origin[r][l]);
    }
  RC_ASSERT(actual == ref::rank(directions));
}

// -------------------------------------------------------------------------------------------- factors

// ‖B - U U^T‖_F^2, exactly.
Rational squared_error(const RationalMatrix& b, const RationalMatrix& u) {
  Rational sum = 0;
  for (std::size_t i = 0; i < b.size(); ++i)
    for (std::size_t j = 0; j < b.size(); ++j) {
      const Rational e = b[i][j] - dot(u[i], u[j]);
      sum += e * e;
    }
  return sum;
}

void factor_bounds(const Subject& subject) {
  const bool hostile = draw_between(0, 1) == 0;
  MatrixAndVector x;
  if (hostile) {
    x = draw_matrix_and_vector(5);
  } else {
    const Triple t = draw_triple(5, Kind::definite, false);
    x = {t.symmetric.m, t.g};
  }
  const auto actual = subject.uniqueness.factor(x.m, x.g);
  const RationalVector g = exact_vector(x.g);
  const RationalMatrix m = exact_matrix(x.m);
  if (!hostile) RC_ASSERT(actual.has_value());
  if (!actual) return;
  RC_ASSERT(ref::positive_definite(m));
  const ref::Remainder r = ref::remainder(m, g);
  const std::size_t d = g.size();
  RC_ASSERT(actual->u.n_rows == d);
  RC_ASSERT(actual->u.n_cols == d - 1);
  RC_ASSERT(actual->u.is_finite());
  RC_ASSERT(actual->residual >= 0);
  const RationalMatrix u = exact_matrix(actual->u);
  if (std::isfinite(actual->residual))
    RC_ASSERT((squared_error(r.b, u) <= exact(actual->residual) * exact(actual->residual)));
  for (std::size_t j = 0; j + 1 < d; ++j) {
    Rational gu = 0, uu = 0;
    for (std::size_t i = 0; i < d; ++i) {
      gu += g[i] * u[i][j];
      uu += u[i][j] * u[i][j];
    }
    RC_ASSERT((gu * gu <= exact(actual->orthogonality) * exact(actual->orthogonality) * dot(g, g) * uu));
  }
  // And they are good ones.
  if (!hostile) {
    const Rational good = Rational(d * d) * power_of_two(-48);
    RC_ASSERT((exact(actual->residual) * exact(actual->residual) <=
               good * good * (ref::squared_norm(r.b) + power_of_two(-1000))));
    RC_ASSERT((exact(actual->orthogonality) <= Rational(d) * power_of_two(-50)));
  }
}

// v = u times a signed permutation, exactly.
struct TwoFactors {
  arma::mat u, v, q;
};

TwoFactors draw_factors() {
  const std::size_t d = 1 + *indices(6), r = 1 + *indices(d);
  TwoFactors f{arma::mat(d, r), arma::mat(d, r), arma::mat(r, r, arma::fill::zeros)};
  const int e = draw_between(0, 3) == 0 ? draw_between(-480, 480) : 0;
  for (double& x : f.u) x = std::ldexp(draw_between(-64, 64), e);
  std::vector<std::size_t> order(r);
  for (std::size_t i = 0; i < r; ++i) order[i] = i;
  for (std::size_t i = r; i > 1; --i) std::swap(order[i - 1], order[*indices(i)]);
  for (std::size_t j = 0; j < r; ++j) f.q(order[j], j) = draw_between(0, 1) == 0 ? 1 : -1;
  f.v = f.u * f.q;
  return f;
}

Rational squared_gap(const arma::mat& u, const arma::mat& q, const arma::mat& v) {
  const RationalMatrix a = exact_matrix(u), b = exact_matrix(q.t()), c = exact_matrix(v);
  Rational sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    for (std::size_t j = 0; j < b.size(); ++j) {
      const Rational e = dot(a[i], b[j]) - c[i][j];
      sum += e * e;
    }
  return sum;
}

void require_rotation_bounds(const FactorRotation& f, const arma::mat& u, const arma::mat& v) {
  RC_ASSERT(f.q.n_rows == u.n_cols);
  RC_ASSERT(f.q.n_cols == u.n_cols);
  RC_ASSERT(f.q.is_finite());
  if (std::isfinite(f.residual)) RC_ASSERT((squared_gap(u, f.q, v) <= exact(f.residual) * exact(f.residual)));
  const arma::mat identity(u.n_cols, u.n_cols, arma::fill::eye);
  RC_ASSERT((squared_gap(f.q.t(), f.q, identity) <= exact(f.orthogonality) * exact(f.orthogonality)));
  RC_ASSERT(f.orthogonality <= 0x1p-40);
  RationalMatrix difference = exact_matrix(u);
  const RationalMatrix a = exact_matrix(u), b = exact_matrix(v);
  Rational sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    for (std::size_t j = 0; j < a.size(); ++j) {
      const Rational e = dot(a[i], a[j]) - dot(b[i], b[j]);
      sum += e * e;
    }
  RC_ASSERT(ref::encloses_root(f.difference.lo, f.difference.hi, sum));
}

void rotation_bounds(const Subject& subject) {
  TwoFactors f = draw_factors();
  const bool same = draw_between(0, 1) == 0;
  if (!same) {
    const std::size_t i = *indices(f.v.n_elem);
    f.v[i] = draw_between(0, 1) == 0 ? nudged(f.v[i], 1) : -f.v[i] + 1;
  }
  const FactorRotation r = subject.uniqueness.rotation_between(f.u, f.v);
  require_rotation_bounds(r, f.u, f.v);
  if (same) {
    RC_ASSERT(r.difference == (Enclosure{0, 0}));
    // u Q = v to rounding.
    const Rational good = Rational(f.u.n_rows) * power_of_two(-44);
    RC_ASSERT((exact(r.residual) * exact(r.residual) <= good * good * ref::squared_norm(exact_matrix(f.u))));
  }
}

// No signed permutation brings u closer to v, but for rounding.
void rotation_is_closest(const Subject& subject) {
  const TwoFactors f = draw_factors();
  const arma::mat v =
      f.v + arma::mat(f.v.n_rows, f.v.n_cols, arma::fill::value(f.v.n_elem == 0 ? 0 : f.v[0]));
  const FactorRotation r = subject.uniqueness.rotation_between(f.u, v);
  require_rotation_bounds(r, f.u, v);
  const Rational scale = ref::squared_norm(exact_matrix(f.u)) + ref::squared_norm(exact_matrix(v));
  for (const arma::mat& other : {f.q, arma::mat(arma::size(f.q), arma::fill::eye), arma::mat(f.q.t())})
    RC_ASSERT((squared_gap(f.u, r.q, v) <= squared_gap(f.u, other, v) + scale * power_of_two(-38)));
}

// -------------------------------------------------------------------------------------------- spectra

struct PairAndSpectrum {
  Pair pair;
  arma::vec spectrum;
};

// Integers and their ties, so that the point is often exactly on the border of the hull.
PairAndSpectrum draw_spectrum(bool hostile) {
  PairAndSpectrum result;
  if (hostile) {
    result.pair = *effective_pairs(5);
    const ExactPair e(result.pair.g, result.pair.y);
    result.spectrum.set_size(result.pair.g.size());
    const double middle = nearest(e.p / e.gg), star = nearest(e.star());
    for (double& x : result.spectrum) {
      x = draw_between(0, 1) == 0 ? middle : star;
      x = std::min(std::ldexp(x, draw_between(-2, 2)), largest) *
          (1 + std::ldexp(draw_between(-4, 4), -draw_between(2, 52)));
      x = std::clamp(x, std::numeric_limits<double>::denorm_min(), largest);
    }
    return result;
  }
  // M diagonal in a signed basis: the true spectrum, changed now and then.
  const std::size_t d = 1 + *indices(5);
  result.spectrum.set_size(d);
  result.pair.g.resize(d);
  result.pair.y.resize(d);
  for (std::size_t i = 0; i < d; ++i) {
    result.spectrum[i] = draw_between(1, 8);
    result.pair.g[i] = draw_between(-2, 2);
    result.pair.y[i] = result.spectrum[i] * result.pair.g[i];
  }
  if (draw_between(0, 2) == 0) {
    const std::size_t i = *indices(d);
    result.spectrum[i] = std::max(0.5, result.spectrum[i] + draw_between(-2, 2));
  }
  for (std::size_t i = d; i > 1; --i) std::swap(result.spectrum[i - 1], result.spectrum[*indices(i)]);
  return result;
}

void spectrum_by_triples(const Subject& subject) {
  const PairAndSpectrum x = draw_spectrum(draw_between(0, 2) == 0);
  const ExactPair e(x.pair.g, x.pair.y);
  const bool actual = subject.uniqueness.spectrum_exists(Gram::of(x.pair.g, x.pair.y), x.spectrum);
  const bool expected = e.p > 0 && ref::in_hull(e.p / e.gg, e.yy / e.gg, exact_vector(x.spectrum));
  RC_ASSERT(actual == expected);
}

// kappa* = (1 + s)/(1 - s) <= K iff s <= (K - 1)/(K + 1).
void condition_by_sine(const Subject& subject) {
  const Pair pair = *pairs(6);
  const Gram gram = Gram::of(pair.g, pair.y);
  const ExactPair e(pair.g, pair.y);
  double k = 1;
  if (e.p > 0 && draw_between(0, 3) != 0) {
    const double least = natgrad::condition(gram).value();
    k = std::min(nudged(least, draw_between(-1, 1)), largest);
  } else {
    k = 1 + std::ldexp(1.0, draw_between(-52, 60));
  }
  k = std::max(k, 1.0);
  const Rational big = exact(k);
  bool expected = false;
  if (e.p > 0)
    expected =
        pair.g.size() == 1 ? big == 1 : e.sine_squared() * (big + 1) * (big + 1) <= (big - 1) * (big - 1);
  RC_ASSERT(subject.uniqueness.condition_exists(gram, k) == expected);
}

void require_random_metric(const RandomMetric& r, const Pair& pair) {
  const std::size_t d = pair.g.size();
  RC_ASSERT(r.m.n_rows == d);
  RC_ASSERT(r.m.n_cols == d);
  RC_ASSERT(r.m.is_finite());
  for (std::size_t i = 0; i < d; ++i)
    for (std::size_t j = 0; j < i; ++j) require_same(r.m(i, j), r.m(j, i), "the transposed entry");
  const RationalMatrix m = exact_matrix(r.m);
  {
    const PrecisionScope precision(12000);
    const Real value = ref::backward_error(m, exact(pair.g), exact(pair.y)), slack = ldexp(Real(1), -3000);
    RC_ASSERT((real(exact(r.backward_error.lo)) * (1 - slack) <= value));
    RC_ASSERT((real(exact(r.backward_error.hi)) * (1 + slack) >= value));
  }
  require_eigenvalue_bounds(r.smallest_eigenvalue, m, true);
  require_eigenvalue_bounds(r.largest_eigenvalue, m, false);
}

// The eigenvalues of m are those prescribed, within tolerance * the largest: by counting (Sylvester).
void require_spectrum(const RandomMetric& r, double tolerance) {
  const RationalMatrix m = exact_matrix(r.m);
  const std::size_t d = m.size();
  const Rational width = exact(tolerance) * exact(r.spectrum[d - 1]);
  for (std::size_t i = 0; i < d; ++i) {
    // At least i + 1 eigenvalues below l_i + width, at least d - i above l_i - width.
    RC_ASSERT(ref::inertia(ref::shifted(m, exact(r.spectrum[i]) + width)).negative >= i + 1);
    RC_ASSERT(ref::inertia(ref::shifted(m, exact(r.spectrum[i]) - width)).positive >= d - i);
  }
}

constexpr double lapack_error = 0x1p-42;

void random_spectrum_law(const Subject& subject) {
  const PairAndSpectrum x = draw_spectrum(false);
  Random random(*indices(1000));
  const auto r =
      subject.uniqueness.random_with_spectrum(column(x.pair.g), column(x.pair.y), x.spectrum, random);
  RC_ASSERT(r.has_value() == natgrad::spectrum_exists(Gram::of(x.pair.g, x.pair.y), x.spectrum));
  if (!r) return;
  require_random_metric(*r, x.pair);
  const arma::vec sorted = arma::sort(x.spectrum);
  for (std::size_t i = 0; i < sorted.n_elem; ++i) require_same(r->spectrum[i], sorted[i], "the spectrum");
  RC_ASSERT(r->backward_error.hi <= lapack_error);
  require_spectrum(*r, lapack_error);
}

void random_condition_law(const Subject& subject) {
  const Pair pair = *effective_pairs(4);
  const Gram gram = Gram::of(pair.g, pair.y);
  const double least = natgrad::condition(gram).value();
  const double k =
      pair.g.size() == 1 ? 1 : std::min(least * (1 + std::ldexp(1.0, -draw_between(-3, 50))), largest);
  Random random(*indices(1000));
  const auto r = subject.uniqueness.random_with_condition(column(pair.g), column(pair.y), k, random);
  RC_ASSERT(r.has_value() == natgrad::condition_exists(gram, k));
  if (!r) return;
  const std::size_t d = pair.g.size();
  // Out of the range of doubles nothing is promised.
  const double first = r->spectrum[0], last = r->spectrum[d - 1];
  if (!(first > 0x1p-900) || !(last < 0x1p900)) {
    RC_TAG("out of range");
    return;
  }
  require_random_metric(*r, pair);
  RC_ASSERT((abs(exact(last) - exact(k) * exact(first)) <= exact(last) * power_of_two(-50)));
  RC_ASSERT(r->backward_error.hi <= lapack_error);
  require_spectrum(*r, lapack_error);
}

void random_exact_law(const Subject& subject) {
  const Pair pair = *pairs(5);
  const std::uint64_t seed = *indices(1000);
  Random random(seed), again(seed);
  const arma::vec g = column(pair.g), y = column(pair.y);
  const auto m = subject.uniqueness.random_exact(g, y, random);
  const ExactPair e(pair.g, pair.y);
  RC_ASSERT(m.has_value() == (e.p > 0));
  if (!m) return;
  const long size = std::clamp(static_cast<long>(exponent_of(e.yy) - exponent_of(e.p)), -1000L, 1000L);
  const arma::mat s = random_coordinates(g.n_elem - 1, static_cast<int>(size), again);
  RC_ASSERT((g.n_elem == 1 || ref::positive_definite(exact_matrix(s))));
  require_matrix(*m, ref::metric(exact_matrix(s), e.g, e.y), "M");
}

// ------------------------------------------------------------------------------------------ mistakes

// Changes the result of a function.
template <class Result, class... Arguments, class Change>
Canary changed(const std::string& name, std::function<Result(Arguments...)> UniquenessSubject::*member,
               Change change) {
  return {name, [member, change](Subject& subject) {
            const auto original = subject.uniqueness.*member;
            subject.uniqueness.*member = [original, change](Arguments... arguments) -> Result {
              Result result = original(arguments...);
              change(result, arguments...);
              return result;
            };
          }};
}

using Vec = UniquenessSubject::Vec;
using Mat = UniquenessSubject::Mat;

std::vector<Property> checks() {
  using U = UniquenessSubject;
  const auto lapack_decides =
      changed("LAPACK's smallest eigenvalue decides", &U::definiteness, [](Definiteness& d, Mat m) {
        arma::vec values;
        if (!arma::eig_sym(values, m)) return;
        d.answer = values[0] > 0 ? Answer::yes : Answer::no;
      });
  return {
      {"uniqueness.definiteness",
       "sound",
       "yes and no agree with the inertia by exact elimination; a witness is one; bounds have the right sign",
       definiteness_is_sound,
       {lapack_decides,
        changed("a Cholesky factorisation that succeeds is a proof", &U::definiteness,
                [](Definiteness& d, Mat m) {
                  arma::mat l;
                  if (!arma::chol(l, m)) return;
                  d = Definiteness();
                  d.answer = Answer::yes;
                }),
        changed("LAPACK's eigenvector is the witness", &U::definiteness,
                [](Definiteness& d, Mat m) {
                  arma::vec values;
                  arma::mat vectors;
                  if (d.answer == Answer::no && arma::eig_sym(values, vectors, m)) d.witness = vectors.col(0);
                })}},
      {"uniqueness.definiteness",
       "decided",
       "D <= 2 and matrices of small integers, scaled by powers of two, are never undetermined",
       definiteness_decides,
       {lapack_decides,
        changed("floating point only", &U::definiteness,
                [](Definiteness& d, Mat m) {
                  arma::vec values;
                  if (!arma::eig_sym(values, m)) return;
                  const double error = 1e-15 * arma::abs(m).max();
                  if (std::abs(values[0]) <= error) d.answer = Answer::undetermined;
                }),
        changed("semidefinite is definite", &U::definiteness,
                [](Definiteness& d, Mat) {
                  if (d.answer == Answer::no && d.witness_quadratic_form == Enclosure{0, 0})
                    d.answer = Answer::yes;
                })}},
      {"uniqueness.definiteness",
       "eigenvalue",
       "the smallest eigenvalue is within its bounds (Sylvester), and positive where small integers say so",
       eigenvalue_bounds_hold,
       {changed("LAPACK's eigenvalue, an ulp to either side", &U::definiteness,
                [](Definiteness& d, Mat m) {
                  arma::vec values;
                  if (!arma::eig_sym(values, m)) return;
                  d.smallest_eigenvalue = {nudged(values[0], -1), nudged(values[0], 1)};
                }),
        changed("the lower bound at the upper", &U::definiteness,
                [](Definiteness& d, Mat) { d.smallest_eigenvalue.lo = d.smallest_eigenvalue.hi; })},
       2},
      {"uniqueness.check",
       "exact",
       "every field agrees with the exact M g - y, and yes, no and their reasons with it",
       check_exactly,
       {changed("M g in doubles", &U::check_metric,
                [](MetricCheck& c, Mat m, Vec g, Vec y, double) {
                  const arma::vec r = y - m * g;
                  c.maps_exactly = arma::norm(r) <= 1e-15 * arma::norm(y);
                }),
        changed("symmetry to 1e-12", &U::check_metric,
                [](MetricCheck& c, Mat m, Vec, Vec, double) { c.symmetric = m.is_symmetric(1e-12); }),
        changed("definiteness not looked at", &U::check_metric,
                [](MetricCheck& c, Mat, Vec, Vec, double) {
                  if (c.symmetric && c.maps_exactly) {
                    c.answer = Answer::yes;
                    c.reason = CheckReason::metric;
                  }
                })}},
      {"uniqueness.check",
       "hostile",
       "the same for any matrix and any vectors",
       check_hostile,
       {changed("the residual in doubles", &U::check_metric,
                [](MetricCheck& c, Mat m, Vec g, Vec y, double) {
                  const double r = arma::norm(arma::vec(y - m * g));
                  if (std::isfinite(r)) c.residual = {r, r};
                }),
        changed("the last wrong element", &U::check_metric,
                [](MetricCheck& c, Mat m, Vec g, Vec y, double) {
                  for (arma::uword i = 0; i < y.n_elem; ++i)
                    if (arma::dot(m.row(i), g) != y[i]) c.wrong_element = i;
                })}},
      {"uniqueness.check",
       "backward error",
       "the backward error is between neighbouring doubles",
       backward_error_is_enclosed,
       {changed("relative to y alone", &U::check_metric,
                [](MetricCheck& c, Mat, Vec, Vec y, double) {
                  const double e = c.residual.lo / arma::norm(y);
                  if (std::isfinite(e)) c.backward_error = {e, nudged(e, 1)};
                }),
        changed("one ulp up", &U::check_metric,
                [](MetricCheck& c, Mat, Vec, Vec, double) {
                  if (c.backward_error.lo == 0) return;
                  c.backward_error = {c.backward_error.hi, nudged(c.backward_error.hi, 1)};
                })}},
      {"uniqueness.check",
       "tolerance",
       "the backward error is compared with the tolerance exactly",
       tolerance_is_respected,
       {changed("the lower end is compared", &U::check_metric,
                [](MetricCheck& c, Mat, Vec, Vec, double tolerance) {
                  c.reason =
                      c.backward_error.lo <= tolerance ? CheckReason::metric : CheckReason::wrong_image;
                }),
        changed("the tolerance is for the residual", &U::check_metric,
                [](MetricCheck& c, Mat, Vec, Vec, double tolerance) {
                  c.reason = c.residual.lo <= tolerance ? CheckReason::metric : CheckReason::wrong_image;
                })}},
  };
}

arma::mat remainder_in_doubles(Mat m, Vec g) {
  const arma::vec y = m * g;
  return m - y * y.t() / arma::dot(y, g);
}

std::vector<Property> parameters() {
  using U = UniquenessSubject;
  return {
      {"uniqueness.decomposition",
       "reference",
       "y, p and every entry of B are correctly rounded; none without p > 0",
       decomposition_reference,
       {changed("in doubles", &U::decompose,
                [](std::optional<Decomposition>& d, Mat m, Vec g) {
                  if (d) d->b = remainder_in_doubles(m, g);
                }),
        changed("from the rounded y and p", &U::decompose,
                [](std::optional<Decomposition>& d, Mat m, Vec) {
                  if (d && d->p > 0 && std::isfinite(d->p) && d->y.is_finite())
                    for (arma::uword i = 0; i < m.n_rows; ++i)
                      for (arma::uword j = 0; j < m.n_cols; ++j)
                        d->b(i, j) =
                            nearest(exact(m(i, j)) - Rational(exact(d->y[i]) * exact(d->y[j])) / exact(d->p));
                }),
        changed("p = 0 will do", &U::decompose,
                [](std::optional<Decomposition>& d, Mat m, Vec) {
                  if (!d) d = Decomposition{arma::vec(m.n_rows), 0, m};
                })}},
      {"uniqueness.decomposition",
       "characterisation",
       "M is positive definite iff B is semidefinite with kernel span(g), iff its block S is definite",
       characterisation,
       {changed("semidefinite is definite", &U::definiteness,
                [](Definiteness& d, Mat) {
                  if (d.answer == Answer::no && d.witness_quadratic_form == Enclosure{0, 0})
                    d.answer = Answer::yes;
                }),
        changed("B in doubles, unsymmetrically", &U::decompose,
                [](std::optional<Decomposition>& d, Mat m, Vec g) {
                  if (!d) return;
                  const arma::vec y = m * g;
                  const arma::vec z = y / arma::dot(y, g);
                  d->b = m - y * z.t();
                })}},
      {"uniqueness.coordinates",
       "reference",
       "S is B without the pivot's row and column, correctly rounded; the pivot is the first largest element",
       coordinates_reference,
       {changed("the last of the largest elements", &U::coordinates,
                [](std::optional<MetricCoordinates>& c, Mat, Vec g) {
                  if (!c) return;
                  for (arma::uword i = 0; i < g.n_elem; ++i)
                    if (std::abs(g[i]) == std::abs(g[c->pivot]) && i > c->pivot) c->pivot = i;
                }),
        changed("in doubles", &U::coordinates,
                [](std::optional<MetricCoordinates>& c, Mat m, Vec g) {
                  if (!c) return;
                  c->s = remainder_in_doubles(m, g);
                  c->s.shed_row(c->pivot);
                  c->s.shed_col(c->pivot);
                })}},
      {"uniqueness.from_coordinates",
       "reference",
       "every entry is that of y y^T/p + E S E^T, correctly rounded; none without p > 0",
       from_coordinates_reference,
       {changed("the pivot's element g_k^2 times too large", &U::from_coordinates,
                [](std::optional<arma::mat>& m, Mat, Vec g, Vec) {
                  if (!m) return;
                  const arma::uword k = ref::pivot(exact_vector(g));
                  (*m)(k, k) *= g[k] * g[k];
                }),
        changed("the pivot's row with the wrong sign", &U::from_coordinates,
                [](std::optional<arma::mat>& m, Mat, Vec g, Vec y) {
                  if (!m) return;
                  const arma::uword k = ref::pivot(exact_vector(g));
                  for (arma::uword i = 0; i < m->n_rows; ++i)
                    if (i != k) (*m)(i, k) = (*m)(k, i) = 2 * y[i] * y[k] / arma::dot(g, y) - (*m)(i, k);
                }),
        changed("the last row one ulp off", &U::from_coordinates,
                [](std::optional<arma::mat>& m, Mat, Vec, Vec) {
                  if (m) (*m)(m->n_rows - 1, 0) = nudged((*m)(m->n_rows - 1, 0), 1);
                })}},
      {"uniqueness.from_coordinates",
       "bijection",
       "S -> M -> S is the identity where all is exact, M g = y, and M is definite iff S is",
       bijection,
       {changed("the last of the largest elements", &U::coordinates,
                [](std::optional<MetricCoordinates>& c, Mat, Vec g) {
                  if (!c) return;
                  for (arma::uword i = 0; i < g.n_elem; ++i)
                    if (std::abs(g[i]) == std::abs(g[c->pivot]) && i > c->pivot) c->pivot = i;
                }),
        changed("y y^T in place of y y^T/p, B g = 0 forgotten", &U::from_coordinates,
                [](std::optional<arma::mat>& m, Mat, Vec g, Vec) {
                  if (!m) return;
                  const arma::uword k = ref::pivot(exact_vector(g));
                  (*m)(k, k) += 1;
                })}},
      {"uniqueness.from_coordinates",
       "round trip",
       "M -> S -> M is off by no more than the roundings of S and M",
       round_trip,
       {changed("S in single precision", &U::coordinates,
                [](std::optional<MetricCoordinates>& c, Mat, Vec) {
                  if (!c) return;
                  for (double& x : c->s) x *= 1 + 0x1p-24;
                })}},
      {"uniqueness.dimension",
       "rank",
       "the directions along which M g = y keeps holding have as many dimensions (rank of the equations)",
       dimension_by_rank,
       {changed("of all symmetric matrices", &U::metric_family_dimension,
                [](std::uint64_t& n, std::uint64_t d) { n = d * (d + 1) / 2; }),
        changed("without halving", &U::metric_family_dimension,
                [](std::uint64_t& n, std::uint64_t d) { n = d * (d - 1); })}},
      {"uniqueness.factor",
       "bounds",
       "B - U U^T and the angles of U's columns to g are within their bounds, and M is definite if U exists",
       factor_bounds,
       {changed("a residual in doubles", &U::factor,
                [](std::optional<MetricFactor>& f, Mat m, Vec g) {
                  if (!f) return;
                  const arma::mat e = remainder_in_doubles(m, g) - f->u * f->u.t();
                  f->residual = arma::norm(e, "fro");
                }),
        changed("the pivot's row in doubles, said to be exact", &U::factor,
                [](std::optional<MetricFactor>& f, Mat, Vec) {
                  if (f) f->orthogonality = 0;
                }),
        changed("a column with the size of another", &U::factor,
                [](std::optional<MetricFactor>& f, Mat, Vec) {
                  if (f && f->u.n_cols > 0) f->u.col(0) *= 1 + 0x1p-20;
                })}},
      {"uniqueness.rotation",
       "bounds",
       "u Q - v, Q^T Q - I and u u^T - v v^T are within their bounds, which are close; the same B is "
       "recognised",
       rotation_bounds,
       {changed("Q transposed", &U::rotation_between,
                [](FactorRotation& f, Mat, Mat) { f.q = arma::mat(f.q.t()); }),
        changed("the residual in doubles", &U::rotation_between,
                [](FactorRotation& f, Mat u, Mat v) {
                  f.residual = arma::norm(arma::mat(u * f.q - v), "fro") * (1 - 0x1p-40);
                }),
        changed("the difference of the factors", &U::rotation_between,
                [](FactorRotation& f, Mat u, Mat v) {
                  const double x = arma::norm(arma::mat(u - v), "fro");
                  f.difference = {x, x};
                })}},
      {"uniqueness.rotation",
       "closest",
       "no other orthogonal matrix that was tried brings u closer to v",
       rotation_is_closest,
       {changed("the identity", &U::rotation_between,
                [](FactorRotation& f, Mat u, Mat) {
                  f.q = arma::mat(u.n_cols, u.n_cols, arma::fill::eye);
                  f.residual = infinity;
                  f.orthogonality = 0;
                }),
        changed("a reflection more", &U::rotation_between,
                [](FactorRotation& f, Mat, Mat) {
                  f.q.col(0) = -f.q.col(0);
                  f.residual = infinity;
                })}},
  };
}

std::vector<Property> spectra() {
  using U = UniquenessSubject;
  return {
      {"uniqueness.spectrum",
       "triples",
       "a spectrum exists iff (mu, nu) is in a triangle of three points (l, l^2), by trying all",
       spectrum_by_triples,
       {changed("Kantorovich's inequality alone", &U::spectrum_exists,
                [](bool& exists, const Gram& gram, Vec l) {
                  const double gg = gram.gg().to_double(), p = gram.gy().to_double(),
                               yy = gram.yy().to_double(), a = l.min(), b = l.max();
                  exists = p > 0 && a * gg <= p && p <= b * gg && yy <= (a + b) * p - a * b * gg;
                }),
        changed("in doubles", &U::spectrum_exists,
                [](bool& exists, const Gram& gram, Vec l) {
                  const double gg = gram.gg().to_double(), p = gram.gy().to_double(),
                               yy = gram.yy().to_double();
                  const arma::vec s = arma::sort(l);
                  const double mu = p / gg, nu = yy / gg;
                  exists = s.front() <= mu && mu <= s.back() &&
                           nu <= (s.front() + s.back()) * mu - s.front() * s.back();
                  for (arma::uword k = 0; k + 1 < s.n_elem; ++k)
                    if (s[k] <= mu && mu <= s[k + 1] && nu < (s[k] + s[k + 1]) * mu - s[k] * s[k + 1])
                      exists = false;
                }),
        changed("the border left out", &U::spectrum_exists,
                [](bool& exists, const Gram& gram, Vec l) {
                  if (exists && l.n_elem > 1) exists = natgrad::condition(gram).value() < l.max() / l.min();
                })}},
      {"uniqueness.condition",
       "sine",
       "a condition number K exists iff sin psi <= (K - 1)/(K + 1)",
       condition_by_sine,
       {changed("compared with the rounded kappa*", &U::condition_exists,
                [](bool& exists, const Gram& gram, double k) {
                  const auto least = natgrad::condition(gram);
                  exists = least && *least <= k;
                }),
        changed("the least one left out", &U::condition_exists,
                [](bool& exists, const Gram& gram, double k) {
                  if (natgrad::condition(gram) == k) exists = false;
                })}},
      {"uniqueness.random",
       "spectrum",
       "symmetric, g to y within its enclosed backward error, the prescribed eigenvalues by counting",
       random_spectrum_law,
       {changed("any rotation of the spectrum", &U::random_with_spectrum,
                [](std::optional<RandomMetric>& r, Vec, Vec, Vec, Random&) {
                  if (r) r->m = arma::diagmat(r->spectrum);
                }),
        changed("one eigenvalue off by 1e-9", &U::random_with_spectrum,
                [](std::optional<RandomMetric>& r, Vec, Vec, Vec, Random&) {
                  if (!r) return;
                  r->m *= 1 + 1e-9;
                })},
       2},
      {"uniqueness.random",
       "condition",
       "the same, and the prescribed condition number",
       random_condition_law,
       {changed("the least one in any case", &U::random_with_condition,
                [](std::optional<RandomMetric>& r, Vec g, Vec y, double, Random&) {
                  if (!r) return;
                  const auto m = Metric::make(g, y);
                  r->m = m->dense();
                  r->spectrum[0] = *m->scalars().lambda_min;
                  r->spectrum[g.n_elem - 1] = *m->scalars().lambda_max;
                }),
        changed("the square root of it", &U::random_with_condition,
                [](std::optional<RandomMetric>& r, Vec, Vec, double k, Random&) {
                  if (r) r->spectrum[0] *= std::sqrt(k);
                })},
       2},
      {"uniqueness.random",
       "coordinates",
       "every entry is that of y y^T/p + E S E^T for an S that is definite by elimination, correctly rounded",
       random_exact_law,
       {changed("another S", &U::random_exact,
                [](std::optional<arma::mat>& m, Vec g, Vec y, Random& random) {
                  if (m) m = random_metric(g, y, random);
                }),
        changed("an ulp off", &U::random_exact,
                [](std::optional<arma::mat>& m, Vec, Vec, Random&) {
                  if (m) (*m)(0, 0) = nudged((*m)(0, 0), 1);
                })}},
  };
}

}  // namespace

std::vector<Property> uniqueness_properties() {
  std::vector<Property> all = checks();
  for (Property& property : parameters()) all.push_back(std::move(property));
  for (Property& property : spectra()) all.push_back(std::move(property));
  return all;
}

}  // namespace natgrad::test
