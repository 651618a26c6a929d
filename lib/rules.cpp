// natgrad: the standard learning rules.
#include "natgrad/rules.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

namespace natgrad {

static_assert(FLT_EVAL_METHOD == 0, "natgrad: double arithmetic must round every operation to double");

// -------------------------------------------------------------------------------------- rules

namespace {

// Every rule's input is checked here, once, so that a bad value is named and not spread.
void check_input(const char* rule, const RuleInput& input, std::span<double> step) {
  const std::string prefix = std::string(rule) + ": ";
  if (input.gradient.empty()) throw ContractError(prefix + "gradient is empty");
  const auto check_length = [&](const char* argument, std::size_t length) {
    if (length != input.gradient.size())
      throw ContractError(prefix + argument + " has length " + std::to_string(length) + ", gradient " +
                          std::to_string(input.gradient.size()));
  };
  check_length("theta", input.theta.size());
  check_length("step", step.size());
  if (!(std::isfinite(input.learning_rate) && input.learning_rate > 0))
    throw ContractError(prefix + "learning_rate must be finite and > 0, not " +
                        fmt::format("{}", input.learning_rate));
  for (std::size_t i = 0; i < input.gradient.size(); ++i)
    if (!std::isfinite(input.gradient[i])) throw NonFiniteError("gradient", i, input.gradient[i]);
}

// A rule's memory, zero at its first step; its length then stays.
void prepare_memory(const char* rule, std::vector<double>& memory, std::size_t dimension) {
  if (memory.empty()) memory.assign(dimension, 0.0);
  if (memory.size() != dimension)
    throw ContractError(std::string(rule) + ": gradient has length " + std::to_string(dimension) +
                        ", but had length " + std::to_string(memory.size()) + " at the rule's first step");
}

void gradient_descent(const RuleInput& input, std::span<double> step) {
  check_input("gradient-descent", input, step);
  for (std::size_t i = 0; i < step.size(); ++i) step[i] = -(input.learning_rate * input.gradient[i]);
}

void sign_descent(const RuleInput& input, std::span<double> step) {
  check_input("sign-descent", input, step);
  for (std::size_t i = 0; i < step.size(); ++i) {
    const double slope = input.gradient[i];
    step[i] = slope > 0 ? -input.learning_rate : slope < 0 ? input.learning_rate : 0.0;
  }
}

void feedback_alignment(const RuleInput& input, std::span<double> step) {
  check_input("feedback-alignment", input, step);
  if (!input.problem.feedback_direction(input.theta, step))
    throw ContractError("feedback-alignment needs a problem with layers: linear-teacher or mlp");
  for (double& element : step) element = input.learning_rate * element;
}

class HeavyBall {
 public:
  void operator()(const RuleInput& input, std::span<double> step) {
    check_input("heavy-ball", input, step);
    prepare_memory("heavy-ball", velocity_, step.size());
    for (std::size_t i = 0; i < step.size(); ++i) {
      velocity_[i] = 0.9 * velocity_[i] - input.learning_rate * input.gradient[i];
      step[i] = velocity_[i];
    }
  }

 private:
  std::vector<double> velocity_;
};

class Adam {
 public:
  void operator()(const RuleInput& input, std::span<double> step) {
    check_input("adam", input, step);
    prepare_memory("adam", first_moment_, step.size());
    prepare_memory("adam", second_moment_, step.size());
    beta1_power_ *= beta1;
    beta2_power_ *= beta2;
    for (std::size_t i = 0; i < step.size(); ++i) {
      const double slope = input.gradient[i];
      first_moment_[i] = beta1 * first_moment_[i] + (1 - beta1) * slope;
      second_moment_[i] = beta2 * second_moment_[i] + (1 - beta2) * (slope * slope);
      const double mean = first_moment_[i] / (1 - beta1_power_);
      const double square = second_moment_[i] / (1 - beta2_power_);
      step[i] = -(input.learning_rate * mean / (std::sqrt(square) + epsilon));
    }
  }

 private:
  static constexpr double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;
  std::vector<double> first_moment_, second_moment_;
  double beta1_power_ = 1, beta2_power_ = 1;  // beta^t, by t multiplications
};

}  // namespace

RuleSet RuleSet::standard() {
  RuleSet set;
  set.add(
      {"gradient-descent", "step = -eta grad L", "quadratic", 0.001, [] { return Rule(gradient_descent); }});
  set.add({"heavy-ball", "d <- 0.9 d - eta grad L, step = d (Polyak 1964)", "rosenbrock", 0.0005,
           [] { return Rule(HeavyBall()); }});
  set.add({"adam",
           "m <- 0.9 m + 0.1 grad L, v <- 0.999 v + 0.001 (grad L)^2, "
           "step = -eta (m/(1 - 0.9^t))/(sqrt(v/(1 - 0.999^t)) + 1e-8) (Kingma & Ba 2015)",
           "mlp", 0.001, [] { return Rule(Adam()); }});
  set.add({"sign-descent", "step = -eta sign(grad L), sign(0) = 0", "logistic-regression", 0.001,
           [] { return Rule(sign_descent); }});
  set.add({"feedback-alignment",
           "step = -eta grad L with fixed random B in place of the transposed weights of the backward pass "
           "(Lillicrap et al. 2016)",
           "linear-teacher", 0.02, [] { return Rule(feedback_alignment); }});
  return set;
}

void RuleSet::add(RuleEntry entry) {
  if (entry.name.empty()) throw ContractError("RuleSet::add: name is empty");
  if (find(entry.name)) throw ContractError("RuleSet::add: rule \"" + entry.name + "\" is already there");
  if (!entry.make) throw ContractError("RuleSet::add: rule \"" + entry.name + "\" has no make");
  entries_.push_back(std::move(entry));
}

const RuleEntry* RuleSet::find(const std::string& name) const noexcept {
  const auto found = std::ranges::find(entries_, name, &RuleEntry::name);
  return found == entries_.end() ? nullptr : &*found;
}

}  // namespace natgrad
