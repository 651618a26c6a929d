// natgrad: learning rules and the problems they are run on.
//
// A rule is a callable that turns (theta, gradient) into the step Delta theta; users add their own to a
// RuleSet. Everything here is a fixed sequence of + - x / sqrt and correctly rounded exp, log, tanh
// (MPFR), with the library's own random numbers, so a seed gives the same bits on every machine.
#ifndef NATGRAD_RULES_HPP
#define NATGRAD_RULES_HPP

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "natgrad/config.hpp"
#include "natgrad/error.hpp"
#include "natgrad/random.hpp"

namespace natgrad {

/// A named block of consecutive parameters (a layer's weights, say).
struct ParameterGroup {
  std::string name;
  std::uint64_t size = 0;

  friend bool operator==(const ParameterGroup&, const ParameterGroup&) = default;
};

/// A differentiable loss with a starting point. Implementations are immutable after construction.
class NATGRAD_API Problem {
 public:
  virtual ~Problem();

  virtual std::string name() const = 0;
  virtual std::size_t dimension() const = 0;
  /// Sizes sum to dimension(); at least one group.
  virtual std::vector<ParameterGroup> groups() const = 0;
  /// theta_0. @pre theta.size() == dimension()
  virtual void initial_parameters(std::span<double> theta) const = 0;
  /// L(theta), and its gradient into `gradient` (length dimension()).
  virtual double loss_and_gradient(std::span<const double> theta, std::span<double> gradient) const = 0;
  /// Writes the descent direction of feedback alignment (the gradient's negative with the transposed
  /// forward weights of the backward pass replaced by fixed random ones; Lillicrap et al. 2016).
  /// Returns false, leaving `direction` alone, where the problem has no layers to do so.
  virtual bool feedback_direction(std::span<const double> theta, std::span<double> direction) const;
  /// A run is over once L < stop_ratio() * L_0; 0 for never.
  virtual double stop_ratio() const { return 0; }
};

/// What a rule sees at step `index`.
struct RuleInput {
  std::uint64_t index = 0;
  double learning_rate = 0;
  std::span<const double> theta;
  std::span<const double> gradient;
  const Problem& problem;
};

/// Writes the step Delta theta (length D). Keeps its own state (momentum, moments) between calls.
using Rule = std::function<void(const RuleInput&, std::span<double> step)>;

/// A rule's entry in a RuleSet.
struct RuleEntry {
  std::string name;
  std::string description;  ///< one line, with the formula
  std::string default_problem;
  double default_learning_rate = 0;
  std::function<Rule()> make;  ///< a fresh rule, with no memory of other runs
};

/// A problem's entry in a ProblemSet.
struct ProblemEntry {
  std::string name;
  std::string description;
  std::function<std::unique_ptr<Problem>(std::uint64_t seed)> make;
};

/// Named entries in a fixed order. Value types: adding to one copy does not change another.
class NATGRAD_API RuleSet {
 public:
  /// gradient-descent, heavy-ball, adam, sign-descent, feedback-alignment. @claim rules.standard
  static RuleSet standard();
  /// @throws ContractError for an empty or known name, or a missing `make`
  void add(RuleEntry entry);
  /// nullptr if unknown.
  const RuleEntry* find(const std::string& name) const noexcept;
  const std::vector<RuleEntry>& entries() const& noexcept { return entries_; }
  const std::vector<RuleEntry>& entries() const&& = delete;  // would dangle in a range-for

 private:
  std::vector<RuleEntry> entries_;
};

class NATGRAD_API ProblemSet {
 public:
  /// quadratic, rosenbrock, logistic-regression, linear-teacher, mlp.
  static ProblemSet standard();
  /// @throws ContractError for an empty or known name, or a missing `make`
  void add(ProblemEntry entry);
  /// nullptr if unknown.
  const ProblemEntry* find(const std::string& name) const noexcept;
  const std::vector<ProblemEntry>& entries() const& noexcept { return entries_; }
  const std::vector<ProblemEntry>& entries() const&& = delete;  // would dangle in a range-for

 private:
  std::vector<ProblemEntry> entries_;
};

/// The reference experiment on feedback alignment: a linear net 30-20-10, E = T - W2 W1,
/// L = tr(E E^T)/2, T ~ U(-1, 1), B ~ U(-1/2, 1/2), W ~ U(-scale, scale). Groups W1 and W2.
/// `scale` is 0.01 for "linear-teacher". @claim rules.feedback_alignment
NATGRAD_API std::unique_ptr<Problem> make_linear_teacher(std::uint64_t seed, double scale);

}  // namespace natgrad

#endif
