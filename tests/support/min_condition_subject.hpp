// natgrad: the functions of min_condition under test, behind a table that canaries replace.
#ifndef NATGRAD_TESTS_SUPPORT_MIN_CONDITION_SUBJECT_HPP
#define NATGRAD_TESTS_SUPPORT_MIN_CONDITION_SUBJECT_HPP

#include <functional>
#include <optional>

#include "natgrad/min_condition.hpp"

namespace natgrad::test {

/// Every member behaves as the library does, unless a canary has replaced it.
struct MinConditionSubject {
  using OfGram = std::function<std::optional<double>(const Gram&)>;
  OfGram condition_minus_one = natgrad::condition_minus_one;
  OfGram log_condition_by_angle = natgrad::log_condition_by_angle;
  OfGram log_condition_by_log_cosine = natgrad::log_condition_by_log_cosine;

  std::function<double(const Gram&, double m, double l)> spectrum_slack = natgrad::spectrum_slack;
  std::function<bool(const Gram&, double m, double l)> spectrum_is_possible = natgrad::spectrum_is_possible;
  std::function<std::optional<double>(const Gram&, double m, double l)> condition_excess =
      natgrad::condition_excess;
  std::function<CompetitorBound(const Gram&, double m, double l)> competitor_bound =
      natgrad::competitor_bound;
  std::function<Competitor(const arma::mat&, const Gram&)> competitor = natgrad::competitor;

  std::function<std::optional<Minimiser>(const arma::vec& g, const arma::vec& y, const arma::mat& v,
                                         const arma::vec& values)>
      minimiser = [](const arma::vec& g, const arma::vec& y, const arma::mat& v, const arma::vec& values) {
        return Minimiser::make(g, y, v, values);
      };
  std::function<EnclosedVector(const Minimiser&, const arma::vec& x)> minimiser_apply =
      [](const Minimiser& m, const arma::vec& x) { return m.apply(x); };
  std::function<EnclosedVector(const Minimiser&, const arma::vec& x)> minimiser_solve =
      [](const Minimiser& m, const arma::vec& x) { return m.solve(x); };
  std::function<EnclosedMatrix(const Minimiser&)> minimiser_dense = [](const Minimiser& m) {
    return m.dense();
  };

  std::function<std::optional<ProjectedMinimiser>(const arma::vec& g, const arma::vec& y, const arma::mat& c)>
      project_to_minimiser = natgrad::project_to_minimiser;
  std::function<std::optional<MinimiserCheck>(const arma::mat& m, const arma::vec& g, const arma::vec& y,
                                              double tolerance)>
      check_minimiser = natgrad::check_minimiser;

  using Relative = std::function<std::optional<RelativeOptimum>(const arma::vec& g, const arma::vec& y,
                                                                const arma::mat& m0)>;
  Relative with_diagonal = [](const arma::vec& g, const arma::vec& y, const arma::mat& m0) {
    return RelativeOptimum::with_diagonal(g, y, arma::vec(m0.diag()));
  };
  Relative with_metric = [](const arma::vec& g, const arma::vec& y, const arma::mat& m0) {
    return RelativeOptimum::with_metric(g, y, m0);
  };
  Relative with_factor = [](const arma::vec& g, const arma::vec& y, const arma::mat& j0) {
    return RelativeOptimum::with_factor(g, y, j0);
  };
  using RelativeScalar = std::function<Enclosure(const RelativeOptimum&)>;
  RelativeScalar relative_alpha = [](const RelativeOptimum& m) { return m.alpha(); };
  RelativeScalar relative_cosine = [](const RelativeOptimum& m) { return m.cosine(); };
  RelativeScalar relative_condition = [](const RelativeOptimum& m) { return m.condition(); };
  RelativeScalar relative_sqrt_condition = [](const RelativeOptimum& m) { return m.sqrt_condition(); };
  RelativeScalar relative_log_condition = [](const RelativeOptimum& m) { return m.log_condition(); };
  std::function<EnclosedVector(const RelativeOptimum&, const arma::vec& x)> relative_apply =
      [](const RelativeOptimum& m, const arma::vec& x) { return m.apply(x); };
  std::function<EnclosedVector(const RelativeOptimum&, const arma::vec& x)> relative_solve =
      [](const RelativeOptimum& m, const arma::vec& x) { return m.solve(x); };
  std::function<EnclosedMatrix(const RelativeOptimum&)> relative_dense = [](const RelativeOptimum& m) {
    return m.dense();
  };
};

}  // namespace natgrad::test

#endif
