// natgrad: the functions of canonical_form_general under test, behind a table that canaries replace.
#ifndef NATGRAD_TESTS_SUPPORT_CANONICAL_FORM_GENERAL_SUBJECT_HPP
#define NATGRAD_TESTS_SUPPORT_CANONICAL_FORM_GENERAL_SUBJECT_HPP

#include <functional>
#include <optional>

#include "natgrad/canonical_form.hpp"

namespace natgrad::test {

/// Every member behaves as the library does, unless a canary has replaced it.
struct CanonicalFormGeneralSubject {
  using Vector = arma::vec;
  using Matrix = arma::mat;

  std::function<std::optional<GeneralMetric>(const Vector& g, const Vector& y, const Matrix& u,
                                             double tolerance)>
      from_basis = &GeneralMetric::from_basis;
  std::function<BlockMetric(const Vector& g, const Vector& y, const Matrix& b, double tolerance)> from_block =
      &GeneralMetric::from_block;
  std::function<std::optional<GeneralMetric>(const Vector& g, const Vector& y, const Vector& d)>
      from_diagonal = &GeneralMetric::from_diagonal;

  using Operator = std::function<Vector(const GeneralMetric&, const Vector& x)>;
  using Box = std::function<EnclosedVector(const GeneralMetric&, const Vector& x)>;
  Operator apply = &GeneralMetric::apply;
  std::function<double(const GeneralMetric&, const Vector& x)> quadratic_form =
      &GeneralMetric::quadratic_form;
  Box solve = &GeneralMetric::solve;
  std::function<Matrix(const GeneralMetric&)> dense = &GeneralMetric::dense;
  Operator factor_apply = &GeneralMetric::factor_apply;
  Operator factor_transpose_apply = &GeneralMetric::factor_transpose_apply;
  Box factor_solve = &GeneralMetric::factor_solve;
};

}  // namespace natgrad::test

#endif
