// natgrad: general metrics against dense rational projectors, elimination and self-checking multiprecision.
#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "input.hpp"
#include "support/canonical_form_general_reference.hpp"
#include "support/environment.hpp"
#include "target.hpp"

namespace natgrad::fuzz {

namespace {

using test::columns_of;
using test::dot;
using test::doubles_of;
using test::exact;
using test::exact_matrix;
using test::exact_vector;
using test::ExactPair;
using test::multiply;
using test::product;
using test::Rational;
using test::RationalMatrix;
using test::RationalVector;
using test::solve_linear;
using Form = GeneralMetric::Form;
using Table = test::CanonicalFormGeneralSubject;

constexpr double largest = std::numeric_limits<double>::max();

std::vector<double> nearest(const RationalVector& x) {
  std::vector<double> out;
  for (const Rational& element : x) out.push_back(test::nearest(element));
  return out;
}

struct Draw {
  ExactPair exactly;
  GeneralMetric metric;
  RationalMatrix matrix;
  std::vector<RationalVector> basis;
};

/// Is the matrix positive definite on the complement of g?
bool definite_across(const ExactPair& pair, const RationalMatrix& b) {
  RationalMatrix whole = product(product(test::projector(pair), b), test::projector(pair));
  for (std::size_t i = 0; i < whole.size(); ++i)
    for (std::size_t j = 0; j < whole.size(); ++j) whole[i][j] += pair.g[i] * pair.g[j];
  return test::positive_definite(whole);
}

/// Does the outcome of from_block agree with elimination? True if there is a metric.
bool check_block(const BlockMetric& made, const ExactPair& pair, const RationalMatrix& b) {
  const bool definite = definite_across(pair, b);
  require((made.answer == Answer::yes) == definite, "definite on the complement of g, or not");
  require(made.metric.has_value() == definite, "a metric goes with the answer yes");
  if (definite) return true;
  require(made.answer == Answer::no && made.reason == BlockReason::not_definite, "the reason is wrong");
  if (made.witness.is_empty()) return false;
  const RationalVector x = project(pair, exact_vector(made.witness));
  require(dot(x, x) > 0 && dot(x, multiply(b, x)) <= 0, "the witness is none");
  return false;
}

/// A metric of any form; nullopt where a block was rightly found not to be definite.
std::optional<Draw> draw(Input& input) {
  const auto form = static_cast<Form>(input.below(3));
  const std::uint64_t kind = input.below(4);
  const Pair pair = effective_pair(input, 4);
  const ExactPair e(pair.g, pair.y);
  const arma::vec g(pair.g), y(pair.y);
  const std::size_t n = pair.g.size();
  const Table& table = subject().general;
  if (form == Form::basis) {
    arma::mat u;
    double tolerance = 0;
    if (kind == 0) {
      u = complement(input, pair.g);
    } else {
      // Any columns that are independent of g and each other: a nonsingular matrix less a column.
      u = nonsingular(input, n).head_cols(n - 1);
      tolerance = 1;
    }
    input.note_matrix("U", u);
    RationalMatrix whole = exact_matrix(u);
    for (std::size_t i = 0; i < n; ++i) whole[i].insert(whole[i].begin(), e.g[i]);
    const bool independent = test::rank_of(whole) == n;
    try {
      const auto made = table.from_basis(g, y, u, tolerance);
      require(made.has_value(), "a pair with p > 0 has no metric");
      require(independent, "a dependent column was accepted");
      return Draw{e, *made, metric_of_basis(e, columns_of(u)), columns_of(u)};
    } catch (const ContractError& error) {
      require(!independent, error.what());
      return std::nullopt;
    }
  }
  if (form == Form::block) {
    arma::mat b = kind == 0 ? spd(input, n) : matrix(input, n, n);
    if (kind == 1) b = arma::symmatu(b);
    // Positive semidefinite, and perhaps singular: exact for small numbers only, but symmetric always.
    if (kind >= 2) b = arma::symmatu(b * b.t());
    for (double& x : b)
      if (!std::isfinite(x)) x = 1;
    input.note_matrix("B", b);
    const BlockMetric made = table.from_block(g, y, b, 1);
    if (!check_block(made, e, exact_matrix(b))) return std::nullopt;
    return Draw{e, *made.metric, metric_of_block(e, exact_matrix(b)), {}};
  }
  arma::vec d(n);
  for (double& x : d) x = positive(input);
  input.note("d", doubles_of(d));
  const auto made = table.from_diagonal(g, y, d);
  require(made.has_value(), "a pair with p > 0 has no metric");
  return Draw{e, *made, metric_of_diagonal(e, exact_vector(d)), {}};
}

void check_element(const Rational& expected, double value, double radius) {
  require(std::isfinite(value) && radius >= 0, "a box that is none");
  if (std::isfinite(radius))
    require(abs(expected - exact(value)) <= exact(radius), "the solution is not in its box");
  if (std::abs(value) == largest) return;
  const Rational wanted = 2 * test::half_ulp(exact(value)) * (Rational(1, 2) + test::power_of_two(-19));
  require(std::isfinite(radius) && (exact(radius) <= wanted || radius == 0x1p-1074),
          "the radius is too large");
}

void check_box(const EnclosedVector& box, const RationalVector& expected, std::size_t first) {
  require(box.value.n_elem == expected.size() && box.radius.n_elem == expected.size(), "the length is wrong");
  for (std::size_t i = first; i < expected.size(); ++i)
    check_element(expected[i], box.value[i], box.radius[i]);
}

double off_by_an_ulp(double x) {
  return std::isfinite(x) ? std::nextafter(x, x > 0 ? 0 : 1) : x;
}

Canary off(const char* name, Table::Operator Table::*member) {
  return {name, [member](test::Subject& s) {
            const auto library = s.general.*member;
            s.general.*member = [library](const GeneralMetric& m, const arma::vec& x) {
              arma::vec out = library(m, x);
              out[out.n_elem - 1] = off_by_an_ulp(out[out.n_elem - 1]);
              return out;
            };
          }};
}

Canary box_off(const char* name, Table::Box Table::*member) {
  return {name, [member](test::Subject& s) {
            const auto library = s.general.*member;
            s.general.*member = [library](const GeneralMetric& m, const arma::vec& x) {
              EnclosedVector out = library(m, x);
              out.value[out.value.n_elem - 1] = off_by_an_ulp(out.value[out.value.n_elem - 1]);
              return out;
            };
          }};
}

Canary tight_box(const char* name, Table::Box Table::*member) {
  return {name, [member](test::Subject& s) {
            const auto library = s.general.*member;
            s.general.*member = [library](const GeneralMetric& m, const arma::vec& x) {
              EnclosedVector out = library(m, x);
              out.radius *= 0.5;
              return out;
            };
          }};
}

}  // namespace

std::vector<Canary> canaries() {
  return {
      off("M x is off by an ulp", &Table::apply),
      off("J z is off by an ulp", &Table::factor_apply),
      off("J^T x is off by an ulp", &Table::factor_transpose_apply),
      box_off("M^-1 x is off by an ulp", &Table::solve),
      box_off("J^-1 x is off by an ulp", &Table::factor_solve),
      tight_box("half the radius of M^-1 x", &Table::solve),
      tight_box("half the radius of J^-1 x", &Table::factor_solve),
      {"x^T M x from the rounded elements of M x",
       [](test::Subject& s) {
         s.general.quadratic_form = [](const GeneralMetric& m, const arma::vec& x) {
           const arma::vec mx = m.apply(x);
           return mx.is_finite() ? exact_dot(doubles_of(x), doubles_of(mx)).to_double() : m.quadratic_form(x);
         };
       }},
      {"an entry of M is off by an ulp",
       [](test::Subject& s) {
         s.general.dense = [](const GeneralMetric& m) {
           arma::mat out = m.dense();
           out[out.n_elem - 1] = off_by_an_ulp(out[out.n_elem - 1]);
           return out;
         };
       }},
      {"semidefinite counts as definite",
       [](test::Subject& s) {
         s.general.from_block = [](const arma::vec& g, const arma::vec& y, const arma::mat& b,
                                   double tolerance) {
           BlockMetric made = GeneralMetric::from_block(g, y, b, tolerance);
           if (made.reason != BlockReason::not_definite) return made;
           arma::mat other = b;
           other.diag() += 0x1p-60 * arma::abs(b).max() + 0x1p-1074;
           return GeneralMetric::from_block(g, y, other, tolerance);
         };
       }},
      {"U is normalised",
       [](test::Subject& s) {
         s.general.from_basis = [](const arma::vec& g, const arma::vec& y, const arma::mat& u, double) {
           const arma::mat other = u.n_cols == 0 ? u : arma::mat(arma::normalise(u));
           return GeneralMetric::from_basis(g, y, other.is_finite() ? other : u, 1);
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
  const auto d = draw(input);
  if (!d) return 0;
  const Table& t = subject().general;
  const std::size_t n = d->exactly.g.size();
  const bool basis = d->metric.form() == Form::basis;
  const arma::vec x(fuzz::vector(input, n));
  input.note("x", doubles_of(x));
  const RationalVector exact_x = exact_vector(x);
  require_same_elements(t.apply(d->metric, d->metric.g()), doubles_of(d->metric.y()), "M g");
  if (choice == 0) {
    require_same_elements(t.apply(d->metric, x), nearest(multiply(d->matrix, exact_x)), "M x");
  } else if (choice == 1) {
    require_same(t.quadratic_form(d->metric, x), test::nearest(dot(exact_x, multiply(d->matrix, exact_x))),
                 "x^T M x");
  } else if (choice == 2) {
    const arma::mat dense = t.dense(d->metric);
    for (std::size_t j = 0; j < n; ++j)
      for (std::size_t i = 0; i < n; ++i) require_same(dense(i, j), test::nearest(d->matrix[i][j]), "M_ij");
  } else if (choice == 3 || (choice >= 5 && !basis)) {
    check_box(t.solve(d->metric, x), solve_linear(d->matrix, exact_x), 0);
  } else if (choice == 4) {
    EnclosedVector box;
    {
      const test::EnvironmentScope scope(test::environments[input.below(test::environments.size())]);
      box = t.solve(d->metric, x);
    }
    check_box(box, solve_linear(d->matrix, exact_x), 0);
  } else if (choice == 5) {
    require_same_elements(t.factor_apply(d->metric, x), factor_times(d->exactly, d->basis, exact_x), "J z");
  } else if (choice == 6) {
    require_same_elements(t.factor_transpose_apply(d->metric, x),
                          factor_transpose_times(d->exactly, d->basis, exact_x), "J^T x");
  } else {
    const RationalVector expected = factor_inverse_times(d->exactly, d->basis, exact_x);
    const EnclosedVector box = t.factor_solve(d->metric, x);
    check_box(box, expected, 1);
    require(!std::isfinite(box.radius[0]) ||
                test::root_within(d->exactly.p, expected[0], box.value[0], box.radius[0]),
            "the first element is not in its box");
  }
  return 0;
}
