// natgrad: the functions of least_change under test, behind a table that canaries replace.
#ifndef NATGRAD_TESTS_SUPPORT_LEAST_CHANGE_SUBJECT_HPP
#define NATGRAD_TESTS_SUPPORT_LEAST_CHANGE_SUBJECT_HPP

#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "natgrad/least_change.hpp"

namespace natgrad::test {

/// Every member behaves as the library does, unless a canary has replaced it.
struct LeastChangeSubject {
  using Doubles = std::span<const double>;
  using Parameter = std::optional<double>;

  std::function<Existence(Optimum, const Gram&, Parameter)> existence = natgrad::existence;
  std::function<std::optional<double>(Optimum, const Gram&, Parameter)> objective = natgrad::objective;
  std::function<OptimumScalars(Optimum, const Gram&, Parameter)> scalars = natgrad::optimum_scalars;
  std::function<std::optional<Certificate>(Optimum, const Gram&, Parameter)> certificate =
      natgrad::certificate;
  std::function<std::optional<Extremum>(const Gram&)> infimum_lambda_max = natgrad::infimum_lambda_max;
  std::function<std::optional<Extremum>(const Gram&)> supremum_lambda_min = natgrad::supremum_lambda_min;
  std::function<std::optional<Extremum>(const Gram&)> infimum_trace = natgrad::infimum_trace;

  using Competes = std::function<OptimumCompetitor(Optimum, const arma::mat&, const Gram&, Parameter)>;
  Competes competitor = [](Optimum optimum, const arma::mat& m, const Gram& gram, Parameter parameter) {
    return natgrad::optimum_competitor(optimum, m, gram, parameter);
  };

  std::function<std::optional<OptimalMetric>(Optimum, Doubles g, Doubles y, Parameter)> make =
      [](Optimum optimum, Doubles g, Doubles y, Parameter parameter) {
        return OptimalMetric::make(optimum, g, y, parameter);
      };
  using Operator = std::function<std::vector<double>(const OptimalMetric&, Doubles x)>;
  Operator apply = [](const OptimalMetric& m, Doubles x) {
    std::vector<double> out(x.size());
    m.apply(x, out);
    return out;
  };
  Operator solve = [](const OptimalMetric& m, Doubles x) {
    std::vector<double> out(x.size());
    m.solve(x, out);
    return out;
  };
  std::function<double(const OptimalMetric&, Doubles x)> quadratic_form =
      [](const OptimalMetric& m, Doubles x) { return m.quadratic_form(x); };
  std::function<arma::mat(const OptimalMetric&)> dense = [](const OptimalMetric& m) { return m.dense(); };
  std::function<std::vector<Eigenvalue>(const OptimalMetric&)> spectrum = [](const OptimalMetric& m) {
    return m.spectrum();
  };
};

}  // namespace natgrad::test

#endif
