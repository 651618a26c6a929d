// natgrad: the functions under test, behind a table, so that a canary can replace one by a plausible mistake.
#ifndef NATGRAD_TESTS_SUPPORT_SUBJECT_HPP
#define NATGRAD_TESTS_SUPPORT_SUBJECT_HPP

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "canonical_form_general_subject.hpp"
#include "discrete_taylor_subject.hpp"
#include "least_change_subject.hpp"
#include "min_condition_subject.hpp"
#include "natgrad/natgrad.hpp"
#include "uniqueness_subject.hpp"

namespace natgrad::test {

/// A run as it is handed to a recorder: K updates (or K + 1 parameters, if the header says so), K gradients,
/// K + 1 losses, and K radii if there are any.
struct RunData {
  RunHeader header;
  std::vector<std::vector<double>> updates, gradients;
  std::vector<double> losses, radii;
};

/// The exact Grams of step k, one per group.
std::vector<Gram> grams_of(const RunData& run, std::size_t k);

/// Every member behaves as the library does, unless a canary has replaced it.
struct Subject {
  using Doubles = std::span<const double>;
  using Floats = std::span<const float>;

  // gram
  std::function<Gram(Doubles g, Doubles y)> gram_of;
  std::function<Gram(Floats g, Floats y)> gram_of_floats;
  std::function<Gram(PairSpan g, PairSpan y)> gram_of_pairs;
  std::function<Gram(PairSpan g, Doubles y)> gram_of_pair_and_doubles;
  std::function<void(Gram& gram, Doubles g, Doubles y)> gram_add;
  std::function<void(Gram& gram, const Gram& other)> gram_merge;
  std::function<std::vector<Gram>(Doubles g, Doubles y, std::span<const std::uint64_t> sizes)>
      grams_of_groups;
  std::function<std::vector<std::byte>(const Gram&)> serialise;
  std::function<Gram(std::span<const std::byte>)> deserialise;
  std::function<Judgement(const Gram&)> judge;
  std::function<ExactSum(Doubles x, Doubles z)> exact_dot;
  std::function<double(const ExactSum&)> to_double;
  std::function<std::string(const ExactSum&)> to_hex;
  std::function<std::strong_ordering(const ExactSum&, const ExactSum&)> compare;

  // scalars; those of the angle ignore the parameter
  using Scalar = std::function<std::optional<double>(const Gram&, Alpha)>;
  Scalar cosine, sine, angle, alpha, lambda_min, lambda_max, condition, sqrt_condition, log_condition, trace,
      log_det, frobenius_norm;
  std::function<AlgebraicScalars(const Gram&, Alpha)> algebraic_scalars;
  std::function<Scalars(const Gram&, Alpha)> scalars;
  std::function<ScalarEnclosures(const Gram&, double radius, Alpha)> enclose;

  // canonical_form
  std::function<std::optional<Metric>(Doubles g, Doubles y, Alpha)> metric;
  std::function<std::optional<MetricView>(Doubles g, Doubles y, const Gram&, Alpha)> view;
  using Operator = std::function<std::vector<double>(const MetricOperator&, Doubles x)>;
  Operator apply, solve, root_apply, root_solve;
  Operator factor_apply, factor_transpose_apply, factor_solve, factor_transpose_solve;
  Operator apply_in_place, solve_in_place;
  using OperatorOfFloats = std::function<void(const MetricOperator&, Floats x, std::span<float> out)>;
  OperatorOfFloats apply_floats, solve_floats;
  using OperatorOfColumns = std::function<arma::mat(const MetricOperator&, const arma::mat& x)>;
  OperatorOfColumns apply_columns, solve_columns;
  using Form = std::function<double(const MetricOperator&, Doubles x)>;
  Form quadratic_form, inverse_quadratic_form;
  std::function<LdlFactor(const MetricOperator&)> ldl;
  std::function<arma::mat(const LdlFactor&)> dense_l;
  std::function<arma::mat(const MetricOperator&)> dense;
  std::function<std::vector<Eigenvalue>(const MetricOperator&)> spectrum;

  // the theorems, one table each
  CanonicalFormGeneralSubject general;
  UniquenessSubject uniqueness;
  MinConditionSubject min_condition;
  LeastChangeSubject least_change;
  DiscreteTaylorSubject discrete_taylor;

  // rules
  std::function<std::vector<std::uint64_t>(std::uint64_t seed, std::size_t count)> random_words;
  std::function<double(Random&, double lo, double hi)> uniform;
  std::function<Rule(const std::string& name)> make_rule;
  std::function<double(const Problem&, Doubles theta, std::span<double> gradient)> loss_and_gradient;
  std::function<bool(const Problem&, Doubles theta, std::span<double> direction)> feedback_direction;

  // run, analysis, report
  std::function<void(const std::string& path, const RunData&)> write_run;
  std::function<std::vector<RunStep>(const RunReader&, std::uint64_t first, std::uint64_t last)> read_steps;
  std::function<Summary(std::vector<double>)> summarise;
  std::function<WindowAnalysis(Doubles losses, std::optional<std::uint64_t> window)> analyze_window;
  std::function<Analysis(const RunReader&, const AnalyzeOptions&)> analyze;
  std::function<std::string(const Analysis&)> to_json;

  /// The library itself.
  Subject();
};

}  // namespace natgrad::test

#endif
