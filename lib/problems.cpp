// natgrad: the standard problems. Sums run in the order of the indices, one rounding per operation.
#include "problems.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "natgrad/rules.hpp"

namespace natgrad {

Problem::~Problem() = default;

bool Problem::feedback_direction(std::span<const double> /*theta*/, std::span<double> /*direction*/) const {
  return false;
}

namespace {

using ConstSpan = std::span<const double>;
using Span = std::span<double>;

// Row-major matrices. C += A B, the inner sum in the order of k: the loops are ordered for the cache.
void add_product(Span c, ConstSpan a, ConstSpan b, std::size_t rows, std::size_t inner, std::size_t columns) {
  for (std::size_t i = 0; i < rows; ++i)
    for (std::size_t k = 0; k < inner; ++k)
      for (std::size_t j = 0; j < columns; ++j) c[i * columns + j] += a[i * inner + k] * b[k * columns + j];
}

std::vector<double> transposed(ConstSpan a, std::size_t rows, std::size_t columns) {
  std::vector<double> result(a.size());
  for (std::size_t i = 0; i < rows; ++i)
    for (std::size_t j = 0; j < columns; ++j) result[j * rows + i] = a[i * columns + j];
  return result;
}

void negate(Span values) {
  for (double& value : values) value = -value;
}

std::vector<double> uniform_vector(Random& random, std::size_t size, double lo, double hi) {
  std::vector<double> result(size);
  for (double& value : result) value = random.uniform(lo, hi);
  return result;
}

void append(std::vector<double>& all, const std::vector<double>& part) {
  all.insert(all.end(), part.begin(), part.end());
}

// What the standard problems share: named groups, a starting point made by the constructor, checks.
class StandardProblem : public Problem {
 public:
  std::string name() const override { return name_; }
  std::size_t dimension() const override { return dimension_; }
  std::vector<ParameterGroup> groups() const override { return groups_; }

  void initial_parameters(Span theta) const override {
    check_length("theta", theta.size());
    std::ranges::copy(start_, theta.begin());
  }

  double loss_and_gradient(ConstSpan theta, Span gradient) const override {
    check_point(theta);
    check_length("gradient", gradient.size());
    return evaluate(theta, gradient);
  }

 protected:
  StandardProblem(std::string name, std::vector<ParameterGroup> groups)
      : name_(std::move(name)), groups_(std::move(groups)) {
    for (const ParameterGroup& group : groups_) dimension_ += static_cast<std::size_t>(group.size);
    start_.reserve(dimension_);
  }

  void check_point(ConstSpan theta) const {
    check_length("theta", theta.size());
    for (std::size_t i = 0; i < theta.size(); ++i)
      if (!std::isfinite(theta[i])) throw NonFiniteError("theta", i, theta[i]);
  }

  void check_length(const char* argument, std::size_t length) const {
    if (length != dimension_)
      throw ContractError(name_ + ": " + argument + " has length " + std::to_string(length) + ", not " +
                          std::to_string(dimension_));
  }

  std::vector<double> start_;

 private:
  virtual double evaluate(ConstSpan theta, Span gradient) const = 0;

  std::string name_;
  std::vector<ParameterGroup> groups_;
  std::size_t dimension_ = 0;
};

// L = sum_i lambda_i theta_i^2/2 with lambda_i = 2^(i/2), i = 0..19. theta_0 ~ U(-1, 1).
class Quadratic : public StandardProblem {
 public:
  explicit Quadratic(std::uint64_t seed) : StandardProblem("quadratic", {{"flat", 10}, {"stiff", 10}}) {
    Random random(seed);
    start_ = uniform_vector(random, dimension(), -1, 1);
    for (std::size_t i = 0; i < dimension(); ++i)
      curvature_.push_back(std::sqrt(static_cast<double>(std::uint64_t{1} << i)));
  }

 private:
  double evaluate(ConstSpan theta, Span gradient) const override {
    double loss = 0;
    for (std::size_t i = 0; i < theta.size(); ++i) {
      gradient[i] = curvature_[i] * theta[i];
      loss += 0.5 * (gradient[i] * theta[i]);
    }
    return loss;
  }

  std::vector<double> curvature_;
};

// L = sum_i 100 (theta_{i+1} - theta_i^2)^2 + (1 - theta_i)^2, i = 0..8.
// theta_0 = (-1.2, 1, -1.2, 1, ...) + U(-0.1, 0.1).
class Rosenbrock : public StandardProblem {
 public:
  explicit Rosenbrock(std::uint64_t seed) : StandardProblem("rosenbrock", {{"theta", 10}}) {
    Random random(seed);
    start_ = uniform_vector(random, dimension(), -0.1, 0.1);
    for (std::size_t i = 0; i < dimension(); ++i) start_[i] += i % 2 == 0 ? -1.2 : 1.0;
  }

 private:
  double evaluate(ConstSpan theta, Span gradient) const override {
    double loss = 0;
    std::ranges::fill(gradient, 0.0);
    for (std::size_t i = 0; i + 1 < theta.size(); ++i) {
      const double valley = theta[i + 1] - theta[i] * theta[i];
      const double distance = 1 - theta[i];
      loss += 100 * (valley * valley) + distance * distance;
      gradient[i] += -400 * (theta[i] * valley) - 2 * distance;
      gradient[i + 1] += 200 * valley;
    }
    return loss;
  }
};

// L = (1/64) sum_n log(1 + exp(-t_n (w.x_n + b))) + |w|^2/200 on 64 samples x_n ~ U(-1, 1)^10 with labels
// t_n = +-1, the sign of w*.x_n + b* + U(-1, 1). Drawn in this order: w* ~ U(-2, 2), b* ~ U(-1, 1), for each
// sample x_n and its noise, then w and b ~ U(-1, 1).
class LogisticRegression : public StandardProblem {
 public:
  explicit LogisticRegression(std::uint64_t seed)
      : StandardProblem("logistic-regression", {{"weights", features}, {"bias", 1}}) {
    Random random(seed);
    const std::vector<double> true_weights = uniform_vector(random, features, -2, 2);
    const double true_bias = random.uniform(-1, 1);
    for (std::size_t n = 0; n < samples; ++n) {
      const std::vector<double> x = uniform_vector(random, features, -1, 1);
      const double noise = random.uniform(-1, 1);
      labels_.push_back(affine(true_weights, true_bias, x) + noise > 0 ? 1.0 : -1.0);
      append(inputs_, x);
    }
    start_ = uniform_vector(random, dimension(), -1, 1);
  }

 private:
  static constexpr std::size_t features = 10, samples = 64;
  static constexpr double penalty = 0.01;

  static double affine(ConstSpan weights, double bias, ConstSpan x) {
    double sum = bias;
    for (std::size_t i = 0; i < x.size(); ++i) sum += weights[i] * x[i];
    return sum;
  }

  double evaluate(ConstSpan theta, Span gradient) const override {
    const ConstSpan weights = theta.first(features);
    std::ranges::fill(gradient, 0.0);
    double loss = 0;
    for (std::size_t n = 0; n < samples; ++n) {
      const ConstSpan x = ConstSpan(inputs_).subspan(n * features, features);
      const double margin = labels_[n] * affine(weights, theta[features], x);
      const double decay = detail::exp(-std::fabs(margin));  // never overflows
      loss += detail::log1p(decay) + (margin < 0 ? -margin : 0.0);
      const double slope = -labels_[n] * ((margin < 0 ? 1.0 : decay) / (1 + decay)) / double{samples};
      for (std::size_t i = 0; i < features; ++i) gradient[i] += slope * x[i];
      gradient[features] += slope;
    }
    double square = 0;
    for (std::size_t i = 0; i < features; ++i) {
      square += weights[i] * weights[i];
      gradient[i] += penalty * weights[i];
    }
    return loss / double{samples} + 0.5 * penalty * square;
  }

  std::vector<double> inputs_, labels_;
};

// L = tr(E E^T)/2, E = T - W2 W1. Drawn in the order T, B, W1, W2, each row by row.
class LinearTeacher : public StandardProblem {
 public:
  LinearTeacher(std::uint64_t seed, double scale)
      : StandardProblem("linear-teacher", {{"W1", hidden * inputs}, {"W2", outputs * hidden}}) {
    if (!(std::isfinite(scale) && scale >= 0))
      throw ContractError("linear-teacher: scale must be finite and >= 0, not " + fmt::format("{}", scale));
    Random random(seed);
    teacher_ = uniform_vector(random, outputs * inputs, -1, 1);
    feedback_ = uniform_vector(random, hidden * outputs, -0.5, 0.5);
    start_ = uniform_vector(random, dimension(), -scale, scale);
  }

  double stop_ratio() const override { return 1e-12; }

  bool feedback_direction(ConstSpan theta, Span direction) const override {
    check_point(theta);
    check_length("direction", direction.size());
    backward(theta, residual(theta), feedback_, direction);
    return true;
  }

 private:
  static constexpr std::size_t inputs = 30, hidden = 20, outputs = 10;

  // E = T - W2 W1
  std::vector<double> residual(ConstSpan theta) const {
    std::vector<double> result(outputs * inputs);
    add_product(result, theta.subspan(hidden * inputs), theta.first(hidden * inputs), outputs, hidden,
                inputs);
    for (std::size_t i = 0; i < result.size(); ++i) result[i] = teacher_[i] - result[i];
    return result;
  }

  // (R E, E W1^T): minus the gradient for R = W2^T, feedback alignment for R = B.
  static void backward(ConstSpan theta, ConstSpan residual, ConstSpan back, Span direction) {
    std::ranges::fill(direction, 0.0);
    const std::vector<double> first_transposed = transposed(theta.first(hidden * inputs), hidden, inputs);
    add_product(direction.first(hidden * inputs), back, residual, hidden, outputs, inputs);
    add_product(direction.subspan(hidden * inputs), residual, first_transposed, outputs, inputs, hidden);
  }

  double evaluate(ConstSpan theta, Span gradient) const override {
    const std::vector<double> error = residual(theta);
    backward(theta, error, transposed(theta.subspan(hidden * inputs), outputs, hidden), gradient);
    negate(gradient);
    double loss = 0;
    for (const double e : error) loss += e * e;
    return 0.5 * loss;
  }

  std::vector<double> teacher_, feedback_;
};

// A net 4-8-6-2, h_l = tanh(W_l h_{l-1} + b_l) for l = 1, 2 and o = W_3 h_2 + b_3; L is the mean over 16
// samples of |o - t|^2/2, with t = tanh(A x). Drawn in this order: A ~ U(-1, 1), the inputs x ~ U(-1, 1), the
// feedback matrices B_2, B_3 ~ U(-1/2, 1/2) in place of W_2^T, W_3^T, then W_l ~ U(-1/sqrt(its columns),
// 1/sqrt(its columns)); b_l = 0.
class Mlp : public StandardProblem {
 public:
  explicit Mlp(std::uint64_t seed)
      : StandardProblem("mlp", {{"W1", widths[0] * widths[1]},
                                {"b1", widths[1]},
                                {"W2", widths[1] * widths[2]},
                                {"b2", widths[2]},
                                {"W3", widths[2] * widths[3]},
                                {"b3", widths[3]}}) {
    Random random(seed);
    const std::vector<double> teacher = uniform_vector(random, widths[3] * widths[0], -1, 1);
    inputs_ = uniform_vector(random, samples * widths[0], -1, 1);
    targets_.assign(samples * widths[3], 0.0);
    add_product(targets_, inputs_, transposed(teacher, widths[3], widths[0]), samples, widths[0], widths[3]);
    for (double& target : targets_) target = detail::tanh(target);
    for (std::size_t l = 1; l < layers; ++l)
      feedback_[l] = uniform_vector(random, widths[l] * widths[l + 1], -0.5, 0.5);
    for (std::size_t l = 0; l < layers; ++l) {
      const double bound = 1 / std::sqrt(static_cast<double>(widths[l]));
      append(start_, uniform_vector(random, widths[l + 1] * widths[l], -bound, bound));
      append(start_, std::vector<double>(widths[l + 1], 0.0));
    }
  }

  bool feedback_direction(ConstSpan theta, Span direction) const override {
    check_point(theta);
    check_length("direction", direction.size());
    backpropagate(theta, true, direction);
    negate(direction);
    return true;
  }

 private:
  static constexpr std::size_t layers = 3, samples = 16;
  static constexpr std::array<std::size_t, layers + 1> widths = {4, 8, 6, 2};

  double evaluate(ConstSpan theta, Span gradient) const override {
    return backpropagate(theta, false, gradient);
  }

  // L, and its gradient, or what stands in for it with the feedback matrices in the backward pass.
  double backpropagate(ConstSpan theta, bool with_feedback, Span gradient) const {
    std::array<ConstSpan, layers> weights, biases;
    std::array<Span, layers> weight_slopes, bias_slopes;
    std::array<std::vector<double>, layers> back;  // widths[l] x widths[l + 1]
    std::size_t at = 0;
    for (std::size_t l = 0; l < layers; ++l) {
      const std::size_t size = widths[l + 1] * widths[l];
      weights[l] = theta.subspan(at, size);
      biases[l] = theta.subspan(at + size, widths[l + 1]);
      weight_slopes[l] = gradient.subspan(at, size);
      bias_slopes[l] = gradient.subspan(at + size, widths[l + 1]);
      back[l] = with_feedback ? feedback_[l] : transposed(weights[l], widths[l + 1], widths[l]);
      at += size + widths[l + 1];
    }

    std::ranges::fill(gradient, 0.0);
    double loss = 0;
    std::array<std::vector<double>, layers + 1> activity;
    for (std::size_t n = 0; n < samples; ++n) {
      const ConstSpan x = ConstSpan(inputs_).subspan(n * widths[0], widths[0]);
      activity[0].assign(x.begin(), x.end());
      for (std::size_t l = 0; l < layers; ++l) {
        activity[l + 1].assign(biases[l].begin(), biases[l].end());
        add_product(activity[l + 1], weights[l], activity[l], widths[l + 1], widths[l], 1);
        if (l + 1 < layers)
          for (double& value : activity[l + 1]) value = detail::tanh(value);
      }
      std::vector<double> delta(widths[layers]);
      for (std::size_t i = 0; i < delta.size(); ++i) {
        delta[i] = activity[layers][i] - targets_[n * widths[layers] + i];
        loss += 0.5 * (delta[i] * delta[i]);
      }
      for (std::size_t l = layers; l-- > 0;) {
        add_product(weight_slopes[l], delta, activity[l], widths[l + 1], 1, widths[l]);
        for (std::size_t i = 0; i < delta.size(); ++i) bias_slopes[l][i] += delta[i];
        if (l == 0) break;
        std::vector<double> below(widths[l], 0.0);
        add_product(below, back[l], delta, widths[l], widths[l + 1], 1);
        for (std::size_t i = 0; i < below.size(); ++i) below[i] *= 1 - activity[l][i] * activity[l][i];
        delta = std::move(below);
      }
    }
    for (double& slope : gradient) slope /= double{samples};
    return loss / double{samples};
  }

  std::vector<double> inputs_, targets_;
  std::array<std::vector<double>, layers> feedback_;  // of layer l + 1 into layer l; none into the input
};

template <class T>
std::unique_ptr<Problem> make(std::uint64_t seed) {
  return std::make_unique<T>(seed);
}

}  // namespace

std::unique_ptr<Problem> make_linear_teacher(std::uint64_t seed, double scale) {
  return std::make_unique<LinearTeacher>(seed, scale);
}

ProblemSet ProblemSet::standard() {
  ProblemSet set;
  set.add({"quadratic", "sum lambda_i theta_i^2/2, lambda_i = 2^(i/2), D = 20, condition number 724",
           make<Quadratic>});
  set.add({"rosenbrock", "sum 100 (theta_{i+1} - theta_i^2)^2 + (1 - theta_i)^2, D = 10", make<Rosenbrock>});
  set.add({"logistic-regression", "64 random samples of 10 features, with penalty |w|^2/200, D = 11",
           make<LogisticRegression>});
  set.add({"linear-teacher", "linear net 30-20-10, tr(E E^T)/2 with E = T - W2 W1, D = 800",
           [](std::uint64_t seed) { return make_linear_teacher(seed, 0.01); }});
  set.add({"mlp", "tanh net 4-8-6-2, mean squared error on 16 random samples, D = 108", make<Mlp>});
  return set;
}

void ProblemSet::add(ProblemEntry entry) {
  if (entry.name.empty()) throw ContractError("ProblemSet::add: name is empty");
  if (find(entry.name))
    throw ContractError("ProblemSet::add: problem \"" + entry.name + "\" is already there");
  if (!entry.make) throw ContractError("ProblemSet::add: problem \"" + entry.name + "\" has no make");
  entries_.push_back(std::move(entry));
}

const ProblemEntry* ProblemSet::find(const std::string& name) const noexcept {
  const auto found = std::ranges::find(entries_, name, &ProblemEntry::name);
  return found == entries_.end() ? nullptr : &*found;
}

}  // namespace natgrad
