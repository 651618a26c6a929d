// natgrad: laws of general metrics: dense rational projectors and elimination for what is correctly rounded
// or boxed, integers for the theorem itself.
#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <utility>

#include "support/canonical_form_general_reference.hpp"
#include "support/environment.hpp"
#include "support/laws.hpp"

namespace natgrad::test {

namespace {

using Table = CanonicalFormGeneralSubject;
using Form = GeneralMetric::Form;

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double default_tolerance = GeneralMetric::default_tolerance;

// ------------------------------------------------------------------------- drawing

arma::vec column_of(const std::vector<double>& x) {
  return arma::vec(x);
}

int integer(int lo, int hi) {
  return lo + static_cast<int>(*indices(static_cast<std::uint64_t>(hi - lo + 1)));
}

std::size_t largest_element(const std::vector<double>& g) {
  std::size_t k = 0;
  for (std::size_t i = 1; i < g.size(); ++i)
    if (std::abs(g[i]) > std::abs(g[k])) k = i;
  return k;
}

enum class Kind { generic, scaled, nearly_dependent, oblique };

struct Basis {
  arma::mat u;
  double tolerance = default_tolerance;
};

// P x_j for x_j = sum_i T_ij e_i over i != k, T unit triangular: independent because P e_i, i != k, are, k
// being the largest element of g. Each element is rounded once, so that the cosine with g is a few 2^-53.
Basis draw_basis(const ExactPair& pair, std::size_t k, Kind kind) {
  const std::size_t n = pair.g.size();
  Basis basis{arma::mat(n, n - 1), kind == Kind::oblique ? 0.5 : default_tolerance};
  std::vector<std::size_t> others;
  for (std::size_t i = 0; i < n; ++i)
    if (i != k) others.push_back(i);
  const int scale = integer(-200, 200);
  for (std::size_t j = 0; j + 1 < n; ++j) {
    RationalVector x(n);
    for (std::size_t i = 0; i < j; ++i) x[others[i]] = integer(-2, 2);
    x[others[j]] = 1;
    if (kind == Kind::nearly_dependent && j > 0) {
      for (Rational& element : x) element *= power_of_two(-integer(20, 40));
      x[others[0]] += 1;
    }
    x = project(pair, x);
    if (kind == Kind::oblique) x[k] += power_of_two(-6);
    const long e = kind == Kind::scaled ? integer(-200, 200) : scale;
    for (std::size_t i = 0; i < n; ++i) basis.u(i, j) = nearest(x[i] * power_of_two(e));
  }
  return basis;
}

Kind draw_kind() {
  return static_cast<Kind>(integer(0, 3));
}

struct Block {
  arma::mat b;
  double tolerance = default_tolerance;
};

Block draw_block(const ExactPair& pair, std::size_t k) {
  const std::size_t n = pair.g.size();
  const bool oblique = integer(0, 2) == 0;
  const Basis basis = draw_basis(pair, k, integer(0, 2) == 0 ? Kind::oblique : Kind::generic);
  Block block{arma::mat(n, n, arma::fill::zeros), oblique ? 1.0 : default_tolerance};
  RationalMatrix b(n, RationalVector(n));
  for (const RationalVector& column : columns_of(basis.u)) {
    const RationalVector w = project(pair, column);
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t j = 0; j < n; ++j) b[i][j] += w[i] * w[j];
  }
  // Not at all zero on g, but positive definite: |B g| <= ‖B‖_F |g| holds for any B.
  if (oblique)
    for (std::size_t i = 0; i < n; ++i)
      b[i][i] += n == 1 ? Rational(1) : b[(i + 1) % n][(i + 1) % n] + b[i][i] / 2;
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < n; ++j) block.b(i, j) = nearest(b[i][j]);
  if (n == 1 && !oblique) block.b(0, 0) = 0;
  return block;
}

arma::vec draw_diagonal(std::size_t n) {
  arma::vec d(n);
  const int kind = integer(0, 2);
  const double same = *positive_doubles();
  for (double& element : d) {
    if (kind == 0) element = same;
    if (kind == 1) element = std::ldexp(1 + integer(0, 255) / 256.0, integer(-40, 40));
    if (kind == 2) element = *positive_doubles();
  }
  return d;
}

struct Draw {
  Pair pair;
  ExactPair exact_pair;
  arma::vec g, y;
  GeneralMetric metric;
  RationalMatrix matrix;              // M by the reference
  std::vector<RationalVector> basis;  // the columns of U, if it is a basis
};

// Fails the case if a canary refuses what must be accepted.
template <class Maybe>
auto present(Maybe metric) {
  if (!metric) fail("no metric was made of a pair with p > 0");
  return *metric;
}

Draw draw(const Subject& subject, std::size_t max_dimension, Form form) {
  const Pair pair = *effective_pairs(max_dimension);
  classify(pair);
  const ExactPair e(pair.g, pair.y);
  const std::size_t n = pair.g.size(), k = largest_element(pair.g);
  const arma::vec g = column_of(pair.g), y = column_of(pair.y);
  const Table& table = subject.general;
  switch (form) {
    case Form::basis: {
      const Basis basis = draw_basis(e, k, draw_kind());
      const auto columns = columns_of(basis.u);
      return {pair,
              e,
              g,
              y,
              present(table.from_basis(g, y, basis.u, basis.tolerance)),
              metric_of_basis(e, columns),
              columns};
    }
    case Form::block: {
      const Block block = draw_block(e, k);
      const BlockMetric made = table.from_block(g, y, block.b, block.tolerance);
      if (made.answer != Answer::yes)
        fail("a definite block gave the answer " + std::string(to_string(made.answer)));
      return {pair, e, g, y, present(made.metric), metric_of_block(e, exact_matrix(block.b)), {}};
    }
    case Form::diagonal:
      break;
  }
  const arma::vec d = draw_diagonal(n);
  return {pair, e, g, y, present(table.from_diagonal(g, y, d)), metric_of_diagonal(e, exact_vector(d)), {}};
}

Form draw_form() {
  return static_cast<Form>(integer(0, 2));
}

arma::vec draw_argument(const Draw& d) {
  return column_of(*probes(d.pair, Alpha()));
}

std::vector<double> nearest(const RationalVector& x) {
  std::vector<double> out;
  for (const Rational& element : x) out.push_back(test::nearest(element));
  return out;
}

void require_same_elements(const arma::vec& actual, const std::vector<double>& expected,
                           const std::string& what) {
  test::require_same_elements(doubles_of(actual), expected, what);
}

// ------------------------------------------------------------------------- apply, forms, dense

// Columns of M, and g, which must give y whatever the rounding of what M was made from.
void is_the_metric(const Subject& subject, Form form) {
  const Draw d = draw(subject, 7, form);
  const std::size_t n = d.pair.g.size();
  RC_ASSERT(positive_definite(d.matrix));
  RC_ASSERT((multiply(d.matrix, d.exact_pair.g) == d.exact_pair.y));
  RC_ASSERT(d.metric.form() == form);
  RC_ASSERT(d.metric.dimension() == n);
  RC_ASSERT(d.metric.gram() == Gram::of(d.pair.g, d.pair.y));
  require_same_elements(d.metric.g(), d.pair.g, "g");
  require_same_elements(d.metric.y(), d.pair.y, "y");
  require_same_elements(subject.general.apply(d.metric, d.g), d.pair.y, "M g");
  for (std::size_t j = 0; j < n; ++j) {
    arma::vec e(n, arma::fill::zeros);
    e[j] = 1;
    require_same_elements(subject.general.apply(d.metric, e), nearest(d.matrix[j]),
                          "M e_" + std::to_string(j));
  }
}

void apply_reference(const Subject& subject) {
  const Draw d = draw(subject, 7, draw_form());
  const arma::vec x = draw_argument(d);
  require_same_elements(subject.general.apply(d.metric, x), nearest(multiply(d.matrix, exact_vector(x))),
                        "M x");
}

void quadratic_form_reference(const Subject& subject) {
  const Draw d = draw(subject, 7, draw_form());
  const arma::vec x = draw_argument(d);
  const Rational expected = dot(exact_vector(x), multiply(d.matrix, exact_vector(x)));
  RC_ASSERT((expected > 0) == arma::any(x != 0));
  require_same(subject.general.quadratic_form(d.metric, x), test::nearest(expected), "x^T M x");
}

void dense_reference(const Subject& subject) {
  const Draw d = draw(subject, 7, draw_form());
  const arma::mat actual = subject.general.dense(d.metric);
  const std::size_t n = d.pair.g.size();
  RC_ASSERT(actual.n_rows == n);
  RC_ASSERT(actual.n_cols == n);
  for (std::size_t j = 0; j < n; ++j)
    for (std::size_t i = 0; i < n; ++i)
      require_same(actual(i, j), test::nearest(d.matrix[i][j]), "M_" + std::to_string(i) + std::to_string(j));
}

void any_environment(const Subject& subject) {
  const Draw d = draw(subject, 4, draw_form());
  const arma::vec x = draw_argument(d);
  const Table& t = subject.general;
  const auto results = [&] {
    std::vector<std::vector<double>> out{doubles_of(t.apply(d.metric, x)), {t.quadratic_form(d.metric, x)}};
    const arma::mat dense = t.dense(d.metric);
    out.emplace_back(dense.begin(), dense.end());
    if (d.metric.form() == Form::basis) {
      out.push_back(doubles_of(t.factor_apply(d.metric, x)));
      out.push_back(doubles_of(t.factor_transpose_apply(d.metric, x)));
    }
    if (d.metric.form() == Form::diagonal) {
      const EnclosedVector box = t.solve(d.metric, x);
      out.push_back(doubles_of(box.value));
      out.push_back(doubles_of(box.radius));
    }
    return out;
  };
  const auto expected = results();
  const RationalVector solution = solve_linear(d.matrix, exact_vector(x));
  for (const Environment environment : environments) {
    std::vector<std::vector<double>> actual;
    EnclosedVector box;
    {
      const EnvironmentScope scope(environment);
      actual = results();
      box = t.solve(d.metric, x);
    }
    for (std::size_t i = 0; i < expected.size(); ++i)
      test::require_same_elements(actual[i], expected[i],
                                  std::string("result ") + std::to_string(i) + ", " + name(environment));
    for (std::size_t i = 0; i < solution.size(); ++i)
      if (std::isfinite(box.radius[i]))
        RC_ASSERT((abs(solution[i] - exact(box.value[i])) <= exact(box.radius[i])));
  }
}

// ------------------------------------------------------------------------- solving

// A radius is a double: half of the least subnormal is not.
Rational wanted_radius(double value) {
  return std::max(Rational(2 * half_ulp(exact(value)) * (Rational(1, 2) + power_of_two(-19))),
                  power_of_two(-1074));
}

void require_box(const EnclosedVector& box, const RationalVector& expected, std::size_t first = 0) {
  RC_ASSERT(box.value.n_elem == expected.size());
  RC_ASSERT(box.radius.n_elem == expected.size());
  for (std::size_t i = first; i < expected.size(); ++i) {
    const double value = box.value[i], radius = box.radius[i];
    RC_ASSERT(std::isfinite(value));
    RC_ASSERT(radius >= 0);
    if (std::abs(value) == std::numeric_limits<double>::max()) RC_TAG("overflow");
    if (std::isfinite(radius) && abs(expected[i] - exact(value)) > exact(radius))
      fail("element " + std::to_string(i) + " of the box is " + hex(value) + " +- " + hex(radius) +
           ", should hold " + hex(test::nearest(expected[i])));
    if (std::abs(value) < std::numeric_limits<double>::max() &&
        !(std::isfinite(radius) && exact(radius) <= wanted_radius(value)))
      fail("element " + std::to_string(i) + " of the box, " + hex(value) + ", has the radius " + hex(radius));
  }
}

void solve_box(const Subject& subject) {
  const Draw d = draw(subject, 7, draw_form());
  const arma::vec x = draw_argument(d);
  require_box(subject.general.solve(d.metric, x), solve_linear(d.matrix, exact_vector(x)));
}

void solve_maps_y_to_g(const Subject& subject) {
  const Draw d = draw(subject, 8, draw_form());
  const EnclosedVector box = subject.general.solve(d.metric, d.y);
  require_same_elements(box.value, d.pair.g, "M^-1 y");
  for (const double radius : box.radius) require_same(radius, 0, "its radius");
}

// ------------------------------------------------------------------------- the factor

void factor_reference(const Subject& subject) {
  const Draw d = draw(subject, 7, Form::basis);
  const arma::vec z = draw_argument(d);
  require_same_elements(subject.general.factor_apply(d.metric, z),
                        factor_times(d.exact_pair, d.basis, exact_vector(z)), "J z");
}

void factor_transpose_reference(const Subject& subject) {
  const Draw d = draw(subject, 7, Form::basis);
  const arma::vec x = draw_argument(d);
  require_same_elements(subject.general.factor_transpose_apply(d.metric, x),
                        factor_transpose_times(d.exact_pair, d.basis, exact_vector(x)), "J^T x");
}

void factor_solve_box(const Subject& subject) {
  const Draw d = draw(subject, 7, Form::basis);
  const arma::vec x = draw_argument(d);
  const RationalVector expected = factor_inverse_times(d.exact_pair, d.basis, exact_vector(x));
  const EnclosedVector box = subject.general.factor_solve(d.metric, x);
  require_box(box, expected, 1);
  RC_ASSERT(std::isfinite(box.value[0]));
  if (std::abs(box.value[0]) < std::numeric_limits<double>::max())
    RC_ASSERT((exact(box.radius[0]) <= wanted_radius(box.value[0])));
  if (std::isfinite(box.radius[0]))
    RC_ASSERT(root_within(d.exact_pair.p, expected[0], box.value[0], box.radius[0]));
}

// ------------------------------------------------------------------------- the theorem

// U -> U Q changes no bit: Q a signed permutation, and half a Hadamard matrix on four columns, on which U Q
// is exact when U is integers.
void invariant_under_rotation(const Subject& subject) {
  const bool hadamard = integer(0, 1) == 0;
  arma::vec g, y;
  Basis basis;
  if (hadamard) {
    // An integer basis of g^perp, g = (1, a_2, ...): columns a_i e_1 - e_i, times 4.
    const std::size_t n = 5 + static_cast<std::size_t>(integer(0, 2));
    g.zeros(n);
    y.zeros(n);
    basis = {arma::mat(n, n - 1, arma::fill::zeros), 0};
    g[0] = y[0] = 1;
    for (std::size_t i = 1; i < n; ++i) {
      g[i] = integer(-3, 3);
      y[i] = g[i] + (i == 1 ? 0 : g[i] * integer(0, 2));
      basis.u(0, i - 1) = 4 * g[i];
      basis.u(i, i - 1) = -4;
    }
  } else {
    const Pair pair = *effective_pairs(6);
    classify(pair);
    g = column_of(pair.g);
    y = column_of(pair.y);
    basis = draw_basis(ExactPair(pair.g, pair.y), largest_element(pair.g), draw_kind());
  }
  arma::mat other = basis.u;
  for (arma::uword j = 0; j < other.n_cols; ++j) {
    other.swap_cols(j, j + *indices(other.n_cols - j));
    if (integer(0, 1) == 0) other.col(j) *= -1;
  }
  if (hadamard) {
    const arma::mat half = {{.5, .5, .5, .5}, {.5, -.5, .5, -.5}, {.5, .5, -.5, -.5}, {.5, -.5, -.5, .5}};
    other.head_cols(4) = other.head_cols(4) * half;
  }
  const Table& t = subject.general;
  const auto one = present(t.from_basis(g, y, basis.u, basis.tolerance));
  const auto two = present(t.from_basis(g, y, other, basis.tolerance));
  const arma::vec x = column_of(*vectors(g.n_elem));
  require_same_elements(t.apply(two, x), doubles_of(t.apply(one, x)), "M x with U Q");
  require_same(t.quadratic_form(two, x), t.quadratic_form(one, x), "x^T M x with U Q");
  const arma::mat a = t.dense(one), b = t.dense(two);
  for (arma::uword i = 0; i < a.n_elem; ++i) require_same(b[i], a[i], "an entry of M with U Q");
}

// A basis spoilt in one column is refused, and the column is named.
void refusals(const Subject& subject) {
  const Pair pair = *effective_pairs(7);
  const ExactPair e(pair.g, pair.y);
  const std::size_t n = pair.g.size();
  if (n == 1) {
    RC_TAG("D = 1");
    return;
  }
  Basis basis =
      draw_basis(e, largest_element(pair.g), integer(0, 1) == 0 ? Kind::scaled : Kind::nearly_dependent);
  const arma::vec g = column_of(pair.g);
  const arma::uword j = *indices(n - 1);
  const int how = integer(0, 3);
  std::string expected = "column " + std::to_string(j) + " of U ";
  if (how == 0) {
    basis.u.col(j).zeros();
    expected += "is zero";
  } else if (how == 1) {
    basis.u.col(j) = g;
    expected += "is not orthogonal to g";
  } else if (how == 2 && j > 0) {
    // A multiple of a column before it: exactly dependent, for nothing of it underflows.
    basis.u.col(j) = basis.u.col(*indices(j)) * -4;
    expected += "depends on";
  } else if (how == 3) {
    // g itself, with a tolerance that lets it pass.
    basis.u.col(j) = g;
    basis.tolerance = 1;
    expected += "depends on";
  } else {
    basis.u.col(j) += g / arma::abs(g).max() * (arma::abs(basis.u.col(j)).max() / 4);
    expected += "is not orthogonal to g";
  }
  try {
    subject.general.from_basis(g, column_of(pair.y), basis.u, basis.tolerance);
  } catch (const ContractError& error) {
    if (!std::string(error.what()).starts_with(expected))
      fail("refused with \"" + std::string(error.what()) + "\", should begin with \"" + expected + "\"");
    return;
  }
  fail("accepted, should be refused with \"" + expected + "\"");
}

// No metric unless p > 0, by any of the three ways.
void necessity(const Subject& subject) {
  const Pair pair = *pairs(6);
  const ExactPair e(pair.g, pair.y);
  const std::size_t n = pair.g.size();
  const arma::vec g = column_of(pair.g), y = column_of(pair.y);
  const bool exists = e.p > 0;
  RC_CLASSIFY(exists, "p > 0");
  // For g = 0, anything is orthogonal to g.
  const Basis basis = e.gg == 0 ? Basis{arma::mat(n, n - 1, arma::fill::eye), 0}
                                : draw_basis(e, largest_element(pair.g), Kind::generic);
  arma::mat identity(n, n, arma::fill::eye);
  const Table& t = subject.general;
  RC_ASSERT(t.from_basis(g, y, basis.u, basis.tolerance).has_value() == exists);
  RC_ASSERT(t.from_diagonal(g, y, arma::vec(n, arma::fill::ones)).has_value() == exists);
  const BlockMetric made = t.from_block(g, y, identity, 1);
  RC_ASSERT(made.metric.has_value() == exists);
  RC_ASSERT((made.answer == Answer::yes) == exists);
  if (!exists) RC_ASSERT(made.reason == BlockReason::no_descent);
}

struct IntegerMetric {
  arma::vec g, y;
  arma::mat m;
};

// M symmetric with small integers, g integers, scaled so that M g = y and B = M - y y^T/p are integers as
// well: from S g = z with p = g.z, M = p S, y = p z, B = p S - z z^T.
IntegerMetric draw_integer_metric(bool definite) {
  const std::size_t n = static_cast<std::size_t>(integer(1, 7));
  IntegerMetric out{arma::vec(n), arma::vec(n), arma::mat(n, n)};
  arma::mat l(n, n, arma::fill::zeros);
  for (std::size_t j = 0; j < n; ++j)
    for (std::size_t i = j; i < n; ++i) l(i, j) = i == j ? integer(1, 3) : integer(-2, 2);
  out.m = l * l.t();
  if (!definite && integer(0, 1) == 0) {
    // A kernel of dimension two, so that it meets g^perp.
    for (const std::size_t j : {std::size_t{0}, n / 2}) l.col(j).zeros();
    out.m = l * l.t();
  } else if (!definite) {
    // Perhaps indefinite.
    const arma::uword k = *indices(n);
    arma::vec v(n);
    for (double& x : v) x = integer(-2, 2);
    out.m(k, k) -= integer(0, 12);
    out.m -= v * v.t() * integer(0, 2);
  }
  for (double& x : out.g) x = integer(-3, 3);
  if (!arma::any(out.g != 0)) out.g[0] = 1;
  out.y = out.m * out.g;
  return out;
}

// Every positive definite M with M g = y comes back from its own B = M - y y^T/p, which has rank D - 1 and
// the kernel span(g).
void round_trip(const Subject& subject) {
  const IntegerMetric s = draw_integer_metric(true);
  const std::size_t n = s.g.n_elem;
  const double p = arma::dot(s.g, s.y);
  const arma::mat m = p * s.m, b = m - s.y * s.y.t();
  const arma::vec y = p * s.y;
  RC_ASSERT(positive_definite(exact_matrix(m)));
  RC_ASSERT(rank_of(exact_matrix(b)) == n - 1);
  RC_ASSERT((multiply(exact_matrix(b), exact_vector(s.g)) == RationalVector(n)));
  const Table& t = subject.general;
  const BlockMetric made = t.from_block(s.g, y, b, 0);
  RC_ASSERT(made.answer == Answer::yes);
  RC_ASSERT(made.reason == BlockReason::metric);
  const GeneralMetric metric = present(made.metric);
  for (std::size_t j = 0; j < n; ++j) {
    arma::vec e(n, arma::fill::zeros);
    e[j] = 1;
    require_same_elements(t.apply(metric, e), doubles_of(m.col(j)), "M e_" + std::to_string(j));
  }
  const arma::mat dense = t.dense(metric);
  for (arma::uword i = 0; i < m.n_elem; ++i) require_same(dense[i], m[i], "an entry of M");
}

// Is P B P positive definite on g^perp? Up to exact_limit there is always an answer, and it is right.
void definiteness_of_block(const Subject& subject) {
  const IntegerMetric s = draw_integer_metric(integer(0, 2) == 0);
  const std::size_t n = s.g.n_elem;
  const ExactPair e(doubles_of(s.g), doubles_of(s.g));
  // Sometimes nearly singular on g^perp, by one part in 2^46.
  arma::mat b = s.m;
  if (integer(0, 1) == 0) {
    b *= 0x1p46;
    b(0, 0) += integer(-1, 1);
  }
  RationalMatrix whole = product(product(projector(e), exact_matrix(b)), projector(e));
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < n; ++j) whole[i][j] += e.g[i] * e.g[j];
  const bool definite = positive_definite(whole);
  RC_CLASSIFY(definite, "definite");
  const BlockMetric made = subject.general.from_block(s.g, s.g, b, 1);
  if (definite) {
    RC_ASSERT(made.answer == Answer::yes);
    RC_ASSERT(made.metric.has_value());
    RC_ASSERT(made.witness.is_empty());
    return;
  }
  RC_ASSERT(made.answer == Answer::no);
  RC_ASSERT(made.reason == BlockReason::not_definite);
  RC_ASSERT(!made.metric.has_value());
  if (made.witness.is_empty()) {
    RC_TAG("no witness");
    return;
  }
  const RationalVector x = project(e, exact_vector(made.witness));
  RC_ASSERT((dot(x, x) > 0));
  RC_ASSERT((dot(x, multiply(exact_matrix(b), x)) <= 0));
}

// diag(a, ..., a) is the family M(a).
void diagonal_is_the_family(const Subject& subject) {
  const Pair pair = *effective_pairs(24);
  classify(pair);
  const double a = *positive_doubles();
  const arma::vec g = column_of(pair.g), y = column_of(pair.y);
  const auto metric = present(subject.general.from_diagonal(g, y, arma::vec(g.n_elem, arma::fill::value(a))));
  const Metric family = Metric::make(g, y, Alpha(a)).value();
  const arma::vec x = column_of(*probes(pair, Alpha(a)));
  require_same_elements(subject.general.apply(metric, x), doubles_of(family.apply(x)), "M(a) x");
  require_same(subject.general.quadratic_form(metric, x), family.quadratic_form(x), "x^T M(a) x");
  const EnclosedVector box = subject.general.solve(metric, x);
  const arma::vec solution = family.solve(x);
  for (arma::uword i = 0; i < solution.n_elem; ++i) {
    if (!std::isfinite(solution[i]) || !std::isfinite(box.radius[i])) {
      RC_TAG("overflow");
      continue;
    }
    RC_ASSERT((abs(exact(box.value[i]) - exact(solution[i])) <=
               exact(box.radius[i]) + half_ulp(exact(solution[i])) * 2));
  }
}

// ------------------------------------------------------------------------- mistakes

Canary dense_times_x() {
  return {"the dense copy times x", [](Subject& subject) {
            subject.general.apply = [](const GeneralMetric& m, const arma::vec& x) {
              return arma::vec(m.dense() * x);
            };
          }};
}

Canary last_element_off(Table::Operator Table::*member) {
  return {"the last element one ulp off", [member](Subject& subject) {
            const auto library = subject.general.*member;
            subject.general.*member = [library](const GeneralMetric& m, const arma::vec& x) {
              arma::vec out = library(m, x);
              out[out.n_elem - 1] = std::nextafter(out[out.n_elem - 1], infinity);
              return out;
            };
          }};
}

// Keeps C of the last metric made, and applies it with fewer projectors.
Canary fewer_projectors(const char* name, bool left, bool right) {
  return {
      name, [left, right](Subject& subject) {
        const auto core = std::make_shared<RationalMatrix>();
        Table& t = subject.general;
        t.from_basis = [core](const arma::vec& g, const arma::vec& y, const arma::mat& u, double tolerance) {
          *core = product(exact_matrix(u), transpose(exact_matrix(u)));
          if (u.n_cols == 0) *core = {{Rational(0)}};
          return GeneralMetric::from_basis(g, y, u, tolerance);
        };
        t.from_block = [core](const arma::vec& g, const arma::vec& y, const arma::mat& b, double tolerance) {
          *core = exact_matrix(b);
          return GeneralMetric::from_block(g, y, b, tolerance);
        };
        t.from_diagonal = [core](const arma::vec& g, const arma::vec& y, const arma::vec& d) {
          *core = exact_matrix(arma::mat(arma::diagmat(d)));
          return GeneralMetric::from_diagonal(g, y, d);
        };
        t.apply = [core, left, right](const GeneralMetric& m, const arma::vec& x) {
          const ExactPair e(doubles_of(m.g()), doubles_of(m.y()));
          RationalVector z = exact_vector(x);
          const Rational yx = dot(e.y, z);
          if (right) z = project(e, z);
          z = multiply(*core, z);
          if (left) z = project(e, z);
          for (std::size_t i = 0; i < z.size(); ++i) z[i] += e.y[i] * yx / e.p;
          return column_of(nearest(z));
        };
      }};
}

Canary other_basis(const char* name,
                   std::function<arma::mat(const arma::vec& g, const arma::mat& u)> change) {
  return {name, [change](Subject& subject) {
            subject.general.from_basis = [change](const arma::vec& g, const arma::vec& y, const arma::mat& u,
                                                  double tolerance) {
              const arma::mat other = u.n_cols == 0 ? u : change(g, u);
              return GeneralMetric::from_basis(g, y, other.is_finite() ? other : u, std::max(tolerance, 0.5));
            };
          }};
}

Canary normalised_columns() {
  return other_basis("the columns are normalised first",
                     [](const arma::vec&, const arma::mat& u) { return arma::mat(arma::normalise(u)); });
}

Canary rounded_projection() {
  return other_basis("P U rounded to doubles", [](const arma::vec& g, const arma::mat& u) {
    const ExactPair e(doubles_of(g), doubles_of(g));
    arma::mat out = u;
    for (arma::uword j = 0; j < u.n_cols; ++j)
      out.col(j) = column_of(nearest(project(e, exact_vector(arma::vec(u.col(j))))));
    return out;
  });
}

Canary block_of_basis() {
  return {"U U^T formed in doubles", [](Subject& subject) {
            subject.general.from_basis = [](const arma::vec& g, const arma::vec& y, const arma::mat& u,
                                            double tolerance) {
              const auto plain = GeneralMetric::from_basis(g, y, u, tolerance);
              const arma::mat b = u * u.t();
              if (!plain || !b.is_finite()) return plain;
              const BlockMetric made = GeneralMetric::from_block(g, y, (b + b.t()) / 2, 1);
              return made.metric ? made.metric : plain;
            };
          }};
}

Canary other_block(const char* name,
                   std::function<arma::mat(const arma::vec& g, const arma::mat& b)> change) {
  return {name, [change](Subject& subject) {
            subject.general.from_block = [change](const arma::vec& g, const arma::vec& y, const arma::mat& b,
                                                  double) {
              const arma::mat other = change(g, b);
              return GeneralMetric::from_block(g, y, other.is_finite() ? other : b, 1);
            };
          }};
}

Canary shifted_block() {
  return other_block("B + 2^-30 ‖B‖ I, to be on the safe side", [](const arma::vec&, const arma::mat& b) {
    arma::mat out = b;
    out.diag() += 0x1p-30 * arma::abs(b).max();
    return out;
  });
}

Canary block_by_eigenvalues() {
  return {"definiteness by eigenvalues in doubles", [](Subject& subject) {
            subject.general.from_block = [](const arma::vec& g, const arma::vec& y, const arma::mat& b,
                                            double t) {
              BlockMetric made = GeneralMetric::from_block(g, y, b, t);
              const arma::mat p = arma::eye(b.n_rows, b.n_rows) - g * g.t() / arma::dot(g, g);
              arma::mat a = p * b * p + g * g.t();
              a = (a + a.t()) / 2;
              arma::vec values;
              if (!a.is_finite() || !arma::eig_sym(values, a)) return made;
              made.answer = values.min() > 0 ? Answer::yes : Answer::no;
              return made;
            };
          }};
}

Canary useless_witness() {
  return {"g as the witness", [](Subject& subject) {
            subject.general.from_block = [](const arma::vec& g, const arma::vec& y, const arma::mat& b,
                                            double t) {
              BlockMetric made = GeneralMetric::from_block(g, y, b, t);
              if (made.answer == Answer::no) made.witness = g;
              return made;
            };
          }};
}

Canary root_of_diagonal() {
  return {"sqrt(d) in place of d", [](Subject& subject) {
            subject.general.from_diagonal = [](const arma::vec& g, const arma::vec& y, const arma::vec& d) {
              return GeneralMetric::from_diagonal(g, y, arma::sqrt(d));
            };
          }};
}

Canary reversed_diagonal() {
  return {"d in reverse", [](Subject& subject) {
            subject.general.from_diagonal = [](const arma::vec& g, const arma::vec& y, const arma::vec& d) {
              return GeneralMetric::from_diagonal(g, y, arma::reverse(d));
            };
          }};
}

Canary negated() {
  return {"|p| in place of p", [](Subject& subject) {
            const auto direction = [](const arma::vec& g, const arma::vec& y) {
              return Gram::of(doubles_of(g), doubles_of(y)).gy().sign() < 0 ? arma::vec(-y) : y;
            };
            Table& t = subject.general;
            t.from_basis = [=](const arma::vec& g, const arma::vec& y, const arma::mat& u, double tolerance) {
              return GeneralMetric::from_basis(g, direction(g, y), u, tolerance);
            };
            t.from_diagonal = [=](const arma::vec& g, const arma::vec& y, const arma::vec& d) {
              return GeneralMetric::from_diagonal(g, direction(g, y), d);
            };
          }};
}

Canary sign_in_doubles() {
  return {"the sign of p in doubles", [](Subject& subject) {
            subject.general.from_diagonal = [](const arma::vec& g, const arma::vec& y, const arma::vec& d) {
              auto made = GeneralMetric::from_diagonal(g, y, d);
              double p = 0;
              for (arma::uword i = 0; i < g.n_elem; ++i) p += g[i] * y[i];
              if (!(p > 0)) made.reset();
              return made;
            };
          }};
}

Canary any_tolerance() {
  return {"any angle with g will do", [](Subject& subject) {
            subject.general.from_basis = [](const arma::vec& g, const arma::vec& y, const arma::mat& u,
                                            double) { return GeneralMetric::from_basis(g, y, u, 1); };
          }};
}

Canary rank_by_jitter() {
  return {"a dependent column is moved a little", [](Subject& subject) {
            subject.general.from_basis = [](const arma::vec& g, const arma::vec& y, const arma::mat& u,
                                            double tolerance) {
              try {
                return GeneralMetric::from_basis(g, y, u, tolerance);
              } catch (const ContractError&) {
                const arma::mat p =
                    arma::eye(u.n_rows, u.n_rows) - arma::normalise(g) * arma::normalise(g).t();
                return GeneralMetric::from_basis(g, y, p.tail_cols(u.n_cols), 1);
              }
            };
          }};
}

Canary replaced_box(
    const char* name, Table::Box Table::*member,
    std::function<EnclosedVector(const GeneralMetric&, const arma::vec&, EnclosedVector)> mistake) {
  return {name, [=](Subject& subject) {
            const auto library = subject.general.*member;
            subject.general.*member = [=](const GeneralMetric& m, const arma::vec& x) {
              return mistake(m, x, library(m, x));
            };
          }};
}

Canary box_off_centre(Table::Box Table::*member) {
  return replaced_box("the centre one ulp off", member,
                      [](const GeneralMetric&, const arma::vec&, EnclosedVector box) {
                        double& last = box.value[box.value.n_elem - 1];
                        if (std::abs(last) < 1e300) last = std::nextafter(last, infinity);
                        return box;
                      });
}
Canary no_radius(Table::Box Table::*member) {
  return replaced_box("radius 0", member, [](const GeneralMetric&, const arma::vec&, EnclosedVector box) {
    box.radius.zeros();
    return box;
  });
}
Canary wide_radius(Table::Box Table::*member) {
  return replaced_box("a radius of 2 ulp to be safe", member,
                      [](const GeneralMetric&, const arma::vec&, EnclosedVector box) {
                        box.radius += 0x1p-51 * arma::abs(box.value) + 0x1p-1073;
                        return box;
                      });
}

Canary lapack_solve() {
  return replaced_box("LAPACK on the dense copy, with a bound by its residual", &Table::solve,
                      [](const GeneralMetric& m, const arma::vec& x, EnclosedVector box) {
                        const arma::mat dense = m.dense();
                        arma::vec z;
                        if (!dense.is_finite() ||
                            !arma::solve(z, dense, x, arma::solve_opts::fast + arma::solve_opts::no_approx))
                          return box;
                        if (!z.is_finite()) return box;
                        box.value = z;
                        return box;
                      });
}

Canary forgets_g() {
  return replaced_box("without g g^T/p", &Table::solve,
                      [](const GeneralMetric& m, const arma::vec& x, EnclosedVector box) {
                        const double p = m.gram().gy().to_double(),
                                     gx = natgrad::exact_dot(doubles_of(m.g()), doubles_of(x)).to_double();
                        const arma::vec value = box.value - m.g() * (gx / p);
                        if (value.is_finite()) box.value = value;
                        return box;
                      });
}

Canary transposed_factor() {
  return {"J and J^T exchanged", [](Subject& subject) {
            std::swap(subject.general.factor_apply, subject.general.factor_transpose_apply);
          }};
}

Canary factor_in_doubles() {
  return {"y/sqrt(p) rounded first", [](Subject& subject) {
            subject.general.factor_apply = [](const GeneralMetric& m, const arma::vec& z) {
              arma::vec first = z, rest = z;
              rest[0] = 0;
              const arma::vec across = m.factor_apply(rest);
              return arma::vec(m.y() / std::sqrt(m.gram().gy().to_double()) * first[0] + across);
            };
          }};
}

Canary factor_without_root() {
  return {"1/p in place of 1/sqrt(p)", [](Subject& subject) {
            subject.general.factor_transpose_apply = [](const GeneralMetric& m, const arma::vec& x) {
              arma::vec out = m.factor_transpose_apply(x);
              out[0] /= std::sqrt(m.gram().gy().to_double());
              return out;
            };
          }};
}

Canary rounded_form(const char* name) {
  return {name, [](Subject& subject) {
            subject.general.quadratic_form = [](const GeneralMetric& m, const arma::vec& x) {
              const arma::vec mx = m.apply(x);
              return mx.is_finite() ? natgrad::exact_dot(doubles_of(x), doubles_of(mx)).to_double()
                                    : m.quadratic_form(x);
            };
          }};
}

std::vector<Property> making() {
  const auto metric_of = [](Form form) {
    return [form](const Subject& subject) { is_the_metric(subject, form); };
  };
  return {
      {"canonical_form.basis",
       "metric",
       "M is positive definite, M g == y whatever the rounding of U, and M = y y^T/p + (P U)(P U)^T, column "
       "by "
       "column, correctly rounded",
       metric_of(Form::basis),
       {block_of_basis(), normalised_columns(), rounded_projection(),
        fewer_projectors("no projector", false, false)}},
      {"canonical_form.basis",
       "rotation",
       "U Q gives the bits of U: signed permutations, and Hadamard's rotation of integers",
       invariant_under_rotation,
       {other_basis("the first column counts twice",
                    [](const arma::vec&, const arma::mat& u) {
                      arma::mat out = u;
                      out.col(0) *= 2;
                      return out;
                    }),
        block_of_basis()}},
      {"canonical_form.basis",
       "refusals",
       "a column that is zero, oblique, or dependent on g and those before it is refused by its number",
       refusals,
       {any_tolerance(), rank_by_jitter()}},
      {"canonical_form.basis",
       "necessity",
       "a basis, a block or a diagonal gives a metric iff p > 0",
       necessity,
       {negated(), sign_in_doubles()}},
      {"canonical_form.block",
       "metric",
       "M is positive definite, M g == y whatever the rounding of B, and M = y y^T/p + P B P, column by "
       "column, "
       "correctly rounded",
       metric_of(Form::block),
       {shifted_block(), fewer_projectors("no projector", false, false),
        fewer_projectors("P B in place of P B P", true, false)}},
      {"canonical_form.block",
       "round trip",
       "every positive definite integer M with M g = y comes back, bit by bit, from B = M - y y^T/p, of rank "
       "D - 1 "
       "and kernel span(g)",
       round_trip,
       {shifted_block(),
        other_block("the diagonal of B only",
                    [](const arma::vec&, const arma::mat& b) { return arma::mat(arma::diagmat(b)); })}},
      {"canonical_form.block",
       "definiteness",
       "whether P B P is positive definite on g^perp is always decided, and rightly; a witness is one",
       definiteness_of_block,
       {block_by_eigenvalues(), shifted_block(), useless_witness()}},
      {"canonical_form.diagonal",
       "metric",
       "M is positive definite, M g == y, and M = y y^T/p + P diag(d) P, column by column, correctly rounded",
       metric_of(Form::diagonal),
       {root_of_diagonal(), reversed_diagonal(),
        fewer_projectors("diag(d) P in place of P diag(d) P", false, true)}},
      {"canonical_form.diagonal",
       "family",
       "with d_i = a it is M(a): the same bits of M x and x^T M x, and M(a)^-1 x in the box",
       diagonal_is_the_family,
       {root_of_diagonal(), last_element_off(&Table::apply)}},
  };
}

std::vector<Property> operations() {
  return {
      {"canonical_form.general_apply",
       "reference",
       "every element of M x is that of the dense rational M, correctly rounded",
       apply_reference,
       {dense_times_x(), last_element_off(&Table::apply),
        fewer_projectors("P C in place of P C P", true, false)}},
      {"canonical_form.general_apply",
       "environment",
       "neither the rounding mode nor flush-to-zero changes a bit of what is correctly rounded; boxes hold",
       any_environment,
       {dense_times_x(),
        {"the quadratic form touched in the caller's arithmetic",
         [](Subject& subject) {
           subject.general.quadratic_form = [](const GeneralMetric& m, const arma::vec& x) {
             return m.quadratic_form(x) * 1.0000000000000002;
           };
         }}}},
      {"canonical_form.general_quadratic_form",
       "reference",
       "x^T M x, positive for x != 0, correctly rounded",
       quadratic_form_reference,
       {rounded_form("x.(M x) from the rounded elements"),
        {"x.(M x) with the dense copy",
         [](Subject& subject) {
           subject.general.quadratic_form = [](const GeneralMetric& m, const arma::vec& x) {
             return arma::dot(x, m.dense() * x);
           };
         }}}},
      {"canonical_form.general_solve",
       "box",
       "the box holds M^-1 x by rational elimination, and no radius is above (1/2 + 2^-19) ulp",
       solve_box,
       {lapack_solve(), forgets_g(), box_off_centre(&Table::solve), no_radius(&Table::solve),
        wide_radius(&Table::solve)}},
      {"canonical_form.general_solve",
       "maps y to g",
       "M^-1 y is g with radius 0",
       solve_maps_y_to_g,
       {lapack_solve(), wide_radius(&Table::solve)}},
      {"canonical_form.general_dense",
       "reference",
       "every entry is correctly rounded",
       dense_reference,
       {{"the columns M e_j in doubles from J",
         [](Subject& subject) {
           subject.general.dense = [](const GeneralMetric& m) {
             arma::mat out = m.dense();
             if (m.form() != Form::basis) return out;
             arma::mat j(out.n_rows, out.n_cols);
             for (arma::uword k = 0; k < j.n_cols; ++k) {
               arma::vec e(j.n_rows, arma::fill::zeros);
               e[k] = 1;
               j.col(k) = m.factor_apply(e);
             }
             return arma::mat(j * j.t());
           };
         }},
        {"the corner one ulp off",
         [](Subject& subject) {
           subject.general.dense = [](const GeneralMetric& m) {
             arma::mat out = m.dense();
             double& corner = out(0, out.n_cols - 1);
             corner = std::nextafter(corner, infinity);
             return out;
           };
         }}}},
      {"canonical_form.general_factor",
       "reference",
       "J z is that of its definition, correctly rounded",
       factor_reference,
       {factor_in_doubles(), transposed_factor(), last_element_off(&Table::factor_apply)}},
      {"canonical_form.general_factor",
       "transpose reference",
       "J^T x is that of its definition, correctly rounded",
       factor_transpose_reference,
       {factor_without_root(), transposed_factor(), last_element_off(&Table::factor_transpose_apply)}},
      {"canonical_form.general_factor_solve",
       "box",
       "the box holds J^-1 x by rational elimination, and no radius is above (1/2 + 2^-19) ulp",
       factor_solve_box,
       {box_off_centre(&Table::factor_solve), no_radius(&Table::factor_solve),
        wide_radius(&Table::factor_solve),
        replaced_box("(P U)^T x in place of (P U)^+ x", &Table::factor_solve,
                     [](const GeneralMetric& m, const arma::vec& x, EnclosedVector box) {
                       const arma::vec transposed = m.factor_transpose_apply(x);
                       for (arma::uword j = 1; j < x.n_elem; ++j)
                         if (std::isfinite(transposed[j])) box.value[j] = transposed[j];
                       return box;
                     })}},
  };
}

}  // namespace

std::vector<Property> canonical_form_general_properties() {
  std::vector<Property> all = making();
  for (Property& property : operations()) all.push_back(std::move(property));
  return all;
}

}  // namespace natgrad::test
