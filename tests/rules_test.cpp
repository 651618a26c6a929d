// natgrad: random numbers, rules and problems against independent references, and their bits.
#include "natgrad/rules.hpp"

#include <gtest/gtest.h>
#include <mpfr.h>

#include <algorithm>
#include <bit>
#include <boost/multiprecision/cpp_bin_float.hpp>
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "../lib/problems.hpp"
#include "support/environment.hpp"

namespace {

using natgrad::ContractError;
using natgrad::NonFiniteError;
using natgrad::Problem;
using natgrad::ProblemSet;
using natgrad::Random;
using natgrad::RuleSet;
using Real = boost::multiprecision::cpp_bin_float_50;
using Reals = std::vector<Real>;
using Vector = std::vector<double>;

constexpr double nan_value = std::numeric_limits<double>::quiet_NaN();
constexpr double infinity = std::numeric_limits<double>::infinity();

/// Relative error allowed to sums in double of up to a few hundred terms, against the largest entry.
constexpr double rounding_allowance = 1e-13;

/// What `action` says when it refuses; empty if it does not.
template <class Error = ContractError>
std::string refusal(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

Vector uniform_vector(Random& random, std::size_t size, double lo, double hi) {
  Vector values(size);
  for (double& value : values) value = random.uniform(lo, hi);
  return values;
}

std::unique_ptr<Problem> standard_problem(const std::string& name, std::uint64_t seed) {
  return ProblemSet::standard().find(name)->make(seed);
}

natgrad::Rule standard_rule(const std::string& name) {
  return RuleSet::standard().find(name)->make();
}

Vector start_of(const Problem& problem) {
  Vector theta(problem.dimension());
  problem.initial_parameters(theta);
  return theta;
}

void expect_close(const Vector& actual, const Reals& expected) {
  ASSERT_EQ(actual.size(), expected.size());
  Real largest = 0;
  for (const Real& e : expected) largest = std::max<Real>(largest, abs(e));
  for (std::size_t i = 0; i < actual.size(); ++i)
    EXPECT_LE(abs(Real(actual[i]) - expected[i]), rounding_allowance * largest)
        << "[" << i << "] " << actual[i] << " is not " << expected[i];
}

// ------------------------------------------------------------------------------- random numbers

TEST(RandomNumbers, AreThePublishedXoshiro) {
  // From a transcription in Python integers of the published splitmix64 and xoshiro256**, itself checked
  // against their authors' vectors (seed 1234567 and state {1, 2, 3, 4}).
  const std::map<std::uint64_t, std::vector<std::uint64_t>> expected = {
      {0, {0x99ec5f36cb75f2b4, 0xbf6e1f784956452a, 0x1a5f849d4933e6e0, 0x6aa594f1262d2d2c}},
      {1, {0xb3f2af6d0fc710c5, 0x853b559647364cea, 0x92f89756082a4514, 0x642e1c7bc266a3a7}},
      {~std::uint64_t{0}, {0x8f5520d52a7ead08, 0xc476a018caa1802d, 0x81de31c0d260469e, 0xbf658d7e065f3c2f}}};
  for (const auto& [seed, values] : expected) {
    Random random(seed);
    for (const std::uint64_t value : values) EXPECT_EQ(random.next(), value) << "seed " << seed;
  }
}

TEST(RandomNumbers, UniformIsTheDocumentedMap) {
  // 0xb3f2af6d0fc710c5 >> 11 and 0x853b559647364cea >> 11, by hand
  Random unit(1);
  EXPECT_EQ(unit.uniform(0, 1), 0x167e55eda1f8e2p-53);
  EXPECT_EQ(unit.uniform(0, 1), 0x10a76ab2c8e6c9p-53);
  Random symmetric(1);
  EXPECT_EQ(symmetric.uniform(-1, 1), 0x167e55eda1f8e2p-52 - 1);
  const auto rounded = [] { return Random(5).uniform(0.1, 0.7); };
  const double nearest = rounded();
  for (const natgrad::test::Environment environment : natgrad::test::environments) {
    const natgrad::test::EnvironmentScope scope(environment);
    EXPECT_EQ(rounded(), nearest) << name(environment);
  }
  Random draws(7);
  for (int i = 0; i < 1000; ++i) {
    const double u = draws.uniform(-0.01, 0.01);
    EXPECT_GE(u, -0.01);
    EXPECT_LE(u, 0.01);
  }
}

// --------------------------------------------------------------------------- elementary functions

using Wide = boost::multiprecision::cpp_bin_float_100;

Wide exact_value(double x) {
  return Wide(x);
}

/// `result` is a double nearest to `exact` (ties cannot happen: the values are irrational).
void expect_nearest(double result, const Wide& exact, const char* name, double x) {
  if (std::isinf(result)) {
    EXPECT_GE(abs(exact), ldexp(Wide(1), 1024) - ldexp(Wide(1), 970)) << name << "(" << x << ")";
    return;
  }
  const Wide error = abs(exact_value(result) - exact);
  for (const double towards : {-infinity, infinity}) {
    const double neighbour = std::nextafter(result, towards);
    if (std::isfinite(neighbour)) {
      EXPECT_LT(error, abs(exact_value(neighbour) - exact)) << name << "(" << x << ") = " << result;
    }
  }
}

TEST(ElementaryFunctions, AreCorrectlyRounded) {
  std::vector<double> arguments = {1,      -1,     0.5,     1e-3,    -1e-3,    1e-8,    -1e-8,  1e-17,
                                   1e-160, 5e-324, -5e-324, 19.0,    -19.1,    709.78,  709.79, 710,
                                   -708.3, -708.4, -720.25, -744.44, -745.132, -745.14, -746};
  Random random(11);
  for (int i = 0; i < 300; ++i) arguments.push_back(random.uniform(-4, 4));
  for (int i = 0; i < 100; ++i) arguments.push_back(random.uniform(-745, -708));  // subnormal exp
  // Just below the normal range, where rounding to 53 bits first and then to fewer goes wrong most often.
  for (int i = 0; i < 100; ++i) arguments.push_back(random.uniform(-710, -708.4));
  for (const double x : arguments) {
    const Wide wide = exact_value(x);
    expect_nearest(natgrad::detail::exp(x), exp(wide), "exp", x);
    if (std::fabs(x) < 1e-15) continue;  // 100 digits do not tell 1 + x from 1 there
    if (x > -1) expect_nearest(natgrad::detail::log1p(x), log(1 + wide), "log1p", x);
    const Wide square = exp(2 * wide);
    if (std::fabs(x) < 100) expect_nearest(natgrad::detail::tanh(x), (square - 1) / (square + 1), "tanh", x);
  }
  for (const double tiny : {1e-17, -1e-200, 5e-324, 0.0}) {
    EXPECT_EQ(natgrad::detail::log1p(tiny), tiny);
    EXPECT_EQ(natgrad::detail::tanh(tiny), tiny);
  }
  EXPECT_EQ(natgrad::detail::exp(0), 1);
  EXPECT_EQ(natgrad::detail::tanh(800), 1);
  EXPECT_EQ(natgrad::detail::exp(-800), 0);
}

TEST(ElementaryFunctions, NeitherSeeNorChangeTheCallersMpfr) {
  const mpfr_exp_t emin = mpfr_get_emin(), emax = mpfr_get_emax();
  const double expected = natgrad::detail::exp(-300);
  mpfr_set_emin(-10);
  mpfr_set_emax(10);
  mpfr_clear_flags();
  mpfr_set_erangeflag();
  const double result = natgrad::detail::exp(-300);
  const mpfr_exp_t emin_after = mpfr_get_emin(), emax_after = mpfr_get_emax();
  const bool inexact = mpfr_inexflag_p() != 0, range = mpfr_erangeflag_p() != 0;
  mpfr_clear_flags();
  mpfr_set_emin(emin);
  mpfr_set_emax(emax);
  EXPECT_EQ(result, expected);
  EXPECT_GT(result, 0);
  EXPECT_EQ(emin_after, -10);
  EXPECT_EQ(emax_after, 10);
  EXPECT_FALSE(inexact);
  EXPECT_TRUE(range);
}

// ---------------------------------------------------------------- problems: references in 50 digits

struct Matrix {
  std::size_t rows = 0, columns = 0;
  Reals values;  // by row
  const Real& operator()(std::size_t i, std::size_t j) const { return values[i * columns + j]; }
};

template <class T>
Matrix matrix(std::size_t rows, std::size_t columns, const std::vector<T>& values, std::size_t offset = 0) {
  const auto first = values.begin() + static_cast<std::ptrdiff_t>(offset);
  return {rows, columns, Reals(first, first + static_cast<std::ptrdiff_t>(rows * columns))};
}

Matrix drawn(Random& random, std::size_t rows, std::size_t columns, double bound) {
  return matrix(rows, columns, uniform_vector(random, rows * columns, -bound, bound));
}

Matrix operator*(const Matrix& a, const Matrix& b) {
  Matrix result{a.rows, b.columns, Reals(a.rows * b.columns)};
  for (std::size_t i = 0; i < a.rows; ++i)
    for (std::size_t j = 0; j < b.columns; ++j)
      for (std::size_t k = 0; k < a.columns; ++k) result.values[i * b.columns + j] += a(i, k) * b(k, j);
  return result;
}

Matrix transpose(const Matrix& a) {
  Matrix result{a.columns, a.rows, Reals(a.values.size())};
  for (std::size_t i = 0; i < a.rows; ++i)
    for (std::size_t j = 0; j < a.columns; ++j) result.values[j * a.rows + i] = a(i, j);
  return result;
}

Real tanh_of(const Real& x) {
  return (exp(x) - exp(-x)) / (exp(x) + exp(-x));
}

using Loss = std::function<Real(const Reals&)>;

// Each loss is written from the problem's documentation; data are drawn again in the documented order.
Loss reference_quadratic(std::uint64_t) {
  return [](const Reals& theta) {
    Real sum = 0;
    for (std::size_t i = 0; i < 20; ++i) sum += pow(Real(2), Real(i) / 2) * theta[i] * theta[i];
    return Real(sum / 2);
  };
}

Loss reference_rosenbrock(std::uint64_t) {
  return [](const Reals& theta) {
    Real sum = 0;
    for (std::size_t i = 0; i < 9; ++i)
      sum += 100 * pow(theta[i + 1] - theta[i] * theta[i], 2) + pow(1 - theta[i], 2);
    return sum;
  };
}

Loss reference_logistic_regression(std::uint64_t seed) {
  Random random(seed);
  const Vector weights = uniform_vector(random, 10, -2, 2);
  const double bias = random.uniform(-1, 1);
  std::vector<Vector> inputs;
  std::vector<int> labels;
  for (int n = 0; n < 64; ++n) {
    inputs.push_back(uniform_vector(random, 10, -1, 1));
    Real score = Real(bias) + random.uniform(-1, 1);
    for (std::size_t i = 0; i < 10; ++i) score += Real(weights[i]) * inputs.back()[i];
    labels.push_back(score > 0 ? 1 : -1);
  }
  return [inputs, labels](const Reals& theta) {
    Real sum = 0, penalty = 0;
    for (std::size_t n = 0; n < 64; ++n) {
      Real score = theta[10];
      for (std::size_t i = 0; i < 10; ++i) score += theta[i] * inputs[n][i];
      sum += log(1 + exp(-labels[n] * score));
    }
    for (std::size_t i = 0; i < 10; ++i) penalty += theta[i] * theta[i];
    return Real(sum / 64 + penalty / 200);
  };
}

struct TeacherData {
  Matrix teacher, feedback;
};

TeacherData teacher_data(std::uint64_t seed) {
  Random random(seed);
  Matrix teacher = drawn(random, 10, 30, 1);
  return {std::move(teacher), drawn(random, 20, 10, 0.5)};
}

Matrix teacher_error(const TeacherData& data, const Matrix& w1, const Matrix& w2) {
  Matrix error = w2 * w1;
  for (std::size_t i = 0; i < error.values.size(); ++i)
    error.values[i] = data.teacher.values[i] - error.values[i];
  return error;
}

Loss reference_linear_teacher(std::uint64_t seed) {
  return [data = teacher_data(seed)](const Reals& theta) {
    const Matrix error = teacher_error(data, matrix(20, 30, theta), matrix(10, 20, theta, 600));
    Real sum = 0;
    for (const Real& e : error.values) sum += e * e;
    return Real(sum / 2);
  };
}

// Samples are columns here.
struct MlpData {
  Matrix inputs, targets, feedback2, feedback3;
};

MlpData mlp_data(std::uint64_t seed) {
  Random random(seed);
  MlpData data;
  const Matrix teacher = drawn(random, 2, 4, 1);
  data.inputs = transpose(drawn(random, 16, 4, 1));
  data.targets = teacher * data.inputs;
  for (Real& target : data.targets.values) target = tanh_of(target);
  data.feedback2 = drawn(random, 8, 6, 0.5);
  data.feedback3 = drawn(random, 6, 2, 0.5);
  return data;
}

struct MlpState {
  Matrix hidden1, hidden2, error;
};

MlpState mlp_forward(const MlpData& data, const Reals& theta) {
  const auto layer = [](const Matrix& w, const Matrix& b, const Matrix& input, bool bend) {
    Matrix result = w * input;
    for (std::size_t i = 0; i < result.rows; ++i)
      for (std::size_t n = 0; n < result.columns; ++n) {
        Real& value = result.values[i * result.columns + n];
        value += b.values[i];
        if (bend) value = tanh_of(value);
      }
    return result;
  };
  MlpState state;
  state.hidden1 = layer(matrix(8, 4, theta), matrix(8, 1, theta, 32), data.inputs, true);
  state.hidden2 = layer(matrix(6, 8, theta, 40), matrix(6, 1, theta, 88), state.hidden1, true);
  state.error = layer(matrix(2, 6, theta, 94), matrix(2, 1, theta, 106), state.hidden2, false);
  for (std::size_t i = 0; i < state.error.values.size(); ++i) state.error.values[i] -= data.targets.values[i];
  return state;
}

Loss reference_mlp(std::uint64_t seed) {
  return [data = mlp_data(seed)](const Reals& theta) {
    const MlpState state = mlp_forward(data, theta);
    Real sum = 0;
    for (const Real& e : state.error.values) sum += e * e;
    return Real(sum / 32);
  };
}

struct Case {
  std::string problem;
  std::function<Loss(std::uint64_t)> loss;
  std::size_t stride;  // of the coordinates that are differentiated
};

class ProblemReference : public testing::TestWithParam<Case> {};

TEST_P(ProblemReference, LossAndGradientAgree) {
  const Case& c = GetParam();
  for (const std::uint64_t seed : {1, 2, 3}) {
    const std::unique_ptr<Problem> problem = standard_problem(c.problem, seed);
    const Loss reference = c.loss(seed);
    const std::size_t dimension = problem->dimension();
    const Vector start = start_of(*problem);
    Random random(seed + 1000);
    for (const double distance : {0.0, 0.7}) {
      Vector theta = start;
      for (double& value : theta) value += random.uniform(-distance, distance);
      Vector gradient(dimension, nan_value);
      const double loss = problem->loss_and_gradient(theta, gradient);

      Reals point(theta.begin(), theta.end());
      const Real expected = reference(point);
      EXPECT_LE(abs(loss - expected), rounding_allowance * expected) << "seed " << seed;

      // Central differences at 50 digits: good to about 30.
      const Real h("1e-16");
      Vector actual;
      Reals slopes;
      for (std::size_t i = seed % c.stride; i < dimension; i += c.stride) {
        const Real centre = point[i];
        point[i] = centre + h;
        const Real above = reference(point);
        point[i] = centre - h;
        const Real below = reference(point);
        point[i] = centre;
        slopes.push_back((above - below) / (2 * h));
        actual.push_back(gradient[i]);
      }
      expect_close(actual, slopes);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Standard, ProblemReference,
                         testing::Values(Case{"quadratic", reference_quadratic, 1},
                                         Case{"rosenbrock", reference_rosenbrock, 1},
                                         Case{"logistic-regression", reference_logistic_regression, 1},
                                         Case{"linear-teacher", reference_linear_teacher, 17},
                                         Case{"mlp", reference_mlp, 3}),
                         [](const auto& parameter) {
                           std::string name = parameter.param.problem;
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

TEST(Problems, FeedbackDirectionOfTheLinearTeacher) {
  const std::unique_ptr<Problem> problem = natgrad::make_linear_teacher(5, 0.3);
  const Vector theta = start_of(*problem);
  Vector direction(800, nan_value);
  ASSERT_TRUE(problem->feedback_direction(theta, direction));

  const TeacherData data = teacher_data(5);
  const Matrix w1 = matrix(20, 30, theta), w2 = matrix(10, 20, theta, 600);
  const Matrix error = teacher_error(data, w1, w2);
  Reals expected = (data.feedback * error).values;
  const Reals second = (error * transpose(w1)).values;
  expected.insert(expected.end(), second.begin(), second.end());
  expect_close(direction, expected);
}

TEST(Problems, FeedbackDirectionOfTheMlp) {
  const std::unique_ptr<Problem> problem = standard_problem("mlp", 5);
  const MlpData data = mlp_data(5);
  Vector theta = start_of(*problem);
  Random random(1);
  for (double& value : theta) value += random.uniform(-0.5, 0.5);
  Vector direction(108, nan_value);
  ASSERT_TRUE(problem->feedback_direction(theta, direction));

  const MlpState state = mlp_forward(data, Reals(theta.begin(), theta.end()));
  const auto back = [](const Matrix& feedback, const Matrix& delta, const Matrix& hidden) {
    Matrix result = feedback * delta;
    for (std::size_t i = 0; i < result.values.size(); ++i)
      result.values[i] *= 1 - hidden.values[i] * hidden.values[i];
    return result;
  };
  const Matrix delta2 = back(data.feedback3, state.error, state.hidden2);
  const Matrix delta1 = back(data.feedback2, delta2, state.hidden1);
  Reals expected;
  const auto add_layer = [&](const Matrix& delta, const Matrix& input) {
    for (const Real& slope : (delta * transpose(input)).values) expected.push_back(-slope / 16);
    for (std::size_t i = 0; i < delta.rows; ++i) {
      Real sum = 0;
      for (std::size_t n = 0; n < 16; ++n) sum += delta(i, n);
      expected.push_back(-sum / 16);
    }
  };
  add_layer(delta1, data.inputs);
  add_layer(delta2, state.hidden1);
  add_layer(state.error, state.hidden2);
  expect_close(direction, expected);
}

TEST(Problems, FeedbackThroughTheTransposedWeightsIsTheGradient) {
  const auto check = [](const Problem& problem, const Vector& theta) {
    Vector gradient(theta.size()), direction(theta.size());
    problem.loss_and_gradient(theta, gradient);
    ASSERT_TRUE(problem.feedback_direction(theta, direction));
    for (std::size_t i = 0; i < theta.size(); ++i) EXPECT_EQ(direction[i], -gradient[i]) << i;
  };
  const auto put_transpose = [](const Matrix& feedback, Vector& theta, std::size_t offset) {
    for (const Real& value : transpose(feedback).values) theta[offset++] = value.convert_to<double>();
  };
  const std::unique_ptr<Problem> teacher = standard_problem("linear-teacher", 9);
  Vector theta = start_of(*teacher);
  put_transpose(teacher_data(9).feedback, theta, 600);
  check(*teacher, theta);

  const std::unique_ptr<Problem> mlp = standard_problem("mlp", 9);
  theta = start_of(*mlp);
  put_transpose(mlp_data(9).feedback2, theta, 40);
  put_transpose(mlp_data(9).feedback3, theta, 94);
  check(*mlp, theta);
}

TEST(Problems, SayWhatTheyAre) {
  const std::map<std::string, std::vector<natgrad::ParameterGroup>> groups = {
      {"quadratic", {{"flat", 10}, {"stiff", 10}}},
      {"rosenbrock", {{"theta", 10}}},
      {"logistic-regression", {{"weights", 10}, {"bias", 1}}},
      {"linear-teacher", {{"W1", 600}, {"W2", 200}}},
      {"mlp", {{"W1", 32}, {"b1", 8}, {"W2", 48}, {"b2", 6}, {"W3", 12}, {"b3", 2}}}};
  const ProblemSet set = ProblemSet::standard();
  EXPECT_EQ(set.entries().size(), groups.size());
  for (const auto& entry : set.entries()) {
    const std::unique_ptr<Problem> problem = entry.make(3);
    EXPECT_EQ(problem->name(), entry.name);
    EXPECT_EQ(problem->groups(), groups.at(entry.name));
    std::uint64_t total = 0;
    for (const auto& group : problem->groups()) total += group.size;
    EXPECT_EQ(problem->dimension(), total);
    EXPECT_EQ(problem->stop_ratio(), entry.name == "linear-teacher" ? 1e-12 : 0);
    EXPECT_NE(start_of(*problem), start_of(*entry.make(4))) << "the seed must matter";
    EXPECT_EQ(start_of(*problem), start_of(*entry.make(3)));

    Vector direction(problem->dimension(), 42);
    const bool layers = problem->feedback_direction(start_of(*problem), direction);
    EXPECT_EQ(layers, entry.name == "linear-teacher" || entry.name == "mlp") << entry.name;
    if (!layers) {
      EXPECT_EQ(direction, Vector(problem->dimension(), 42));
    }
  }
}

TEST(Problems, LinearTeacherStartsAtItsScale) {
  for (const double scale : {0.01, 0.1}) {
    const Vector theta = start_of(*natgrad::make_linear_teacher(1, scale));
    const auto [lo, hi] = std::ranges::minmax(theta);
    EXPECT_GE(lo, -scale);
    EXPECT_LE(hi, scale);
    EXPECT_LT(lo, -0.98 * scale);
    EXPECT_GT(hi, 0.98 * scale);
  }
  EXPECT_EQ(start_of(*natgrad::make_linear_teacher(1, 0.01)),
            start_of(*standard_problem("linear-teacher", 1)));
  // At zero weights y = 0, yet the update is not.
  const std::unique_ptr<Problem> flat = natgrad::make_linear_teacher(1, 0);
  Vector gradient(800), direction(800);
  flat->loss_and_gradient(start_of(*flat), gradient);
  EXPECT_EQ(gradient, Vector(800, 0));
  flat->feedback_direction(start_of(*flat), direction);
  EXPECT_NE(direction, Vector(800, 0));
}

TEST(Problems, RefuseBadInput) {
  const ProblemSet problems = ProblemSet::standard();
  for (const auto& entry : problems.entries()) {
    const std::unique_ptr<Problem> problem = entry.make(1);
    const std::size_t dimension = problem->dimension();
    const std::string wanted = ", not " + std::to_string(dimension);
    Vector theta = start_of(*problem), gradient(dimension), small(dimension - 1);
    EXPECT_EQ(refusal([&] { problem->initial_parameters(small); }),
              entry.name + ": theta has length " + std::to_string(dimension - 1) + wanted);
    EXPECT_EQ(refusal([&] { problem->loss_and_gradient(small, gradient); }),
              entry.name + ": theta has length " + std::to_string(dimension - 1) + wanted);
    EXPECT_EQ(refusal([&] { problem->loss_and_gradient(theta, small); }),
              entry.name + ": gradient has length " + std::to_string(dimension - 1) + wanted);
    EXPECT_EQ(refusal([&] { problem->loss_and_gradient({}, {}); }),
              entry.name + ": theta has length 0" + wanted);
    for (const double bad : {nan_value, infinity, -infinity}) {
      theta[dimension / 2] = bad;
      const std::string message =
          refusal<NonFiniteError>([&] { problem->loss_and_gradient(theta, gradient); });
      EXPECT_EQ(message.find("theta[" + std::to_string(dimension / 2) + "] is "), 0) << message;
    }
  }
  for (const char* name : {"linear-teacher", "mlp"}) {
    const std::unique_ptr<Problem> problem = standard_problem(name, 1);
    Vector theta = start_of(*problem), direction(problem->dimension()), small(3);
    EXPECT_EQ(refusal([&] { problem->feedback_direction(theta, small); }),
              std::string(name) + ": direction has length 3, not " + std::to_string(problem->dimension()));
    EXPECT_NE(refusal([&] { problem->feedback_direction(small, direction); }).find("theta has length 3"),
              std::string::npos);
    theta[1] = nan_value;
    EXPECT_EQ(refusal<NonFiniteError>([&] {
                problem->feedback_direction(theta, direction);
              }).find("theta[1] is NaN"),
              0);
  }
  EXPECT_EQ(refusal([] { natgrad::make_linear_teacher(1, -0.5); }),
            "linear-teacher: scale must be finite and >= 0, not -0.5");
  EXPECT_EQ(refusal([] { natgrad::make_linear_teacher(1, nan_value); }),
            "linear-teacher: scale must be finite and >= 0, not nan");
  EXPECT_EQ(refusal([] { natgrad::make_linear_teacher(1, infinity); }),
            "linear-teacher: scale must be finite and >= 0, not inf");
}

// ------------------------------------------------------------------------- rules: closed-form references

/// A user's problem: no layers, any dimension.
class Flat : public Problem {
 public:
  explicit Flat(std::size_t dimension) : dimension_(dimension) {}
  std::string name() const override { return "flat"; }
  std::size_t dimension() const override { return dimension_; }
  std::vector<natgrad::ParameterGroup> groups() const override { return {{"all", dimension_}}; }
  void initial_parameters(std::span<double> theta) const override { std::ranges::fill(theta, 1.0); }
  double loss_and_gradient(std::span<const double>, std::span<double> gradient) const override {
    std::ranges::fill(gradient, 0.0);
    return 1;
  }

 private:
  std::size_t dimension_;
};

// Gradients of many sizes and signs, zeros among them.
std::vector<Vector> some_gradients() {
  Random random(99);
  std::vector<Vector> gradients;
  for (int t = 0; t < 12; ++t) {
    gradients.push_back(uniform_vector(random, 6, -1, 1));
    gradients.back()[1] *= 1e-9;
    gradients.back()[2] *= 1e9;
    gradients.back()[3] = 0;
    if (t % 2 == 0) gradients.back()[4] = 0;
  }
  return gradients;
}

std::vector<Vector> steps_of(const std::string& name, double learning_rate,
                             const std::vector<Vector>& gradients) {
  const natgrad::Rule rule = standard_rule(name);
  std::vector<Vector> steps;
  for (std::size_t t = 0; t < gradients.size(); ++t) {
    const std::size_t dimension = gradients[t].size();
    const Flat problem(dimension);
    const Vector theta(dimension, 1);
    steps.emplace_back(dimension, nan_value);
    rule({t, learning_rate, theta, gradients[t], problem}, steps.back());
  }
  return steps;
}

TEST(Rules, GradientDescentAndSignDescent) {
  const std::vector<Vector> gradients = some_gradients();
  const std::vector<Vector> descent = steps_of("gradient-descent", 0.3, gradients);
  const std::vector<Vector> sign = steps_of("sign-descent", 0.3, gradients);
  for (std::size_t t = 0; t < gradients.size(); ++t)
    for (std::size_t i = 0; i < 6; ++i) {
      EXPECT_EQ(descent[t][i], (Real(gradients[t][i]) * -Real(0.3)).convert_to<double>());
      EXPECT_EQ(sign[t][i], gradients[t][i] > 0 ? -0.3 : gradients[t][i] < 0 ? 0.3 : 0);
    }
}

void expect_relative(double actual, const Real& expected, std::size_t t, std::size_t i) {
  EXPECT_LE(abs(actual - expected), rounding_allowance * abs(expected)) << "step " << t << " element " << i;
}

// d_t = -eta sum_{j <= t} 0.9^{t-j} grad_j
TEST(Rules, HeavyBallIsItsGeometricSum) {
  std::vector<Vector> gradients = some_gradients();
  for (Vector& gradient : gradients)
    for (double& slope : gradient) slope = std::fabs(slope);  // no cancellation
  const std::vector<Vector> steps = steps_of("heavy-ball", 0.05, gradients);
  for (std::size_t t = 0; t < gradients.size(); ++t)
    for (std::size_t i = 0; i < 6; ++i) {
      Real sum = 0;
      for (std::size_t j = 0; j <= t; ++j) sum += pow(Real(0.9), static_cast<int>(t - j)) * gradients[j][i];
      expect_relative(steps[t][i], -Real(0.05) * sum, t, i);
    }
}

// Kingma & Ba, with the moments as their weighted sums; beta and epsilon are the doubles 0.9, 0.999, 1e-8.
TEST(Rules, AdamIsItsWeightedSums) {
  std::vector<Vector> gradients = some_gradients();
  for (Vector& gradient : gradients)
    for (double& slope : gradient) slope = std::fabs(slope);
  const std::vector<Vector> steps = steps_of("adam", 0.001, gradients);
  const Real beta1 = 0.9, beta2 = 0.999;
  for (std::size_t t = 1; t <= gradients.size(); ++t)
    for (std::size_t i = 0; i < 6; ++i) {
      Real mean = 0, square = 0;
      for (std::size_t j = 1; j <= t; ++j) {
        mean += pow(beta1, static_cast<int>(t - j)) * gradients[j - 1][i];
        square += pow(beta2, static_cast<int>(t - j)) * Real(gradients[j - 1][i]) * gradients[j - 1][i];
      }
      mean *= (1 - beta1) / (1 - pow(beta1, static_cast<int>(t)));
      square *= (1 - beta2) / (1 - pow(beta2, static_cast<int>(t)));
      expect_relative(steps[t - 1][i], -Real(0.001) * mean / (sqrt(square) + Real(1e-8)), t, i);
    }
}

TEST(Rules, AdamsFirstStepIsNearlyTheSign) {
  const Vector step = steps_of("adam", 0.001, {{3.0, -1e200, 1e100, -1e-4}})[0];
  // |grad| 1e200 has an infinite square: the step is 0 there, never NaN.
  EXPECT_NEAR(step[0], -0.001, 1e-10);
  EXPECT_EQ(step[1], 0);
  EXPECT_NEAR(step[2], -0.001, 1e-10);
  EXPECT_NEAR(step[3], 0.001 / (1 + 1e-4), 1e-10);
}

TEST(Rules, FeedbackAlignmentIsTheFeedbackDirection) {
  const std::unique_ptr<Problem> problem = standard_problem("mlp", 2);
  const Vector theta = start_of(*problem), unused(theta.size(), 7);
  Vector direction(theta.size()), step(theta.size());
  problem->feedback_direction(theta, direction);
  standard_rule("feedback-alignment")({0, 0.02, theta, unused, *problem}, step);
  for (std::size_t i = 0; i < step.size(); ++i) EXPECT_EQ(step[i], 0.02 * direction[i]);
}

// W1 W1^T - B W2 - W2^T B^T is constant along the flow; a step adds exactly (Delta W1)(Delta W1)^T to it.
TEST(Rules, FeedbackAlignmentKeepsItsInvariant) {
  const std::uint64_t seed = 4;
  const std::unique_ptr<Problem> problem = standard_problem("linear-teacher", seed);
  const Matrix feedback = teacher_data(seed).feedback;
  const natgrad::Rule rule = standard_rule("feedback-alignment");
  const auto invariant = [&](const Reals& theta) {
    const Matrix w1 = matrix(20, 30, theta), bw = feedback * matrix(10, 20, theta, 600);
    Matrix result = w1 * transpose(w1);
    for (std::size_t i = 0; i < 20; ++i)
      for (std::size_t j = 0; j < 20; ++j) result.values[i * 20 + j] -= bw(i, j) + bw(j, i);
    return result;
  };
  Vector theta = start_of(*problem), gradient(800), step(800);
  for (std::uint64_t k = 0; k < 3; ++k) {
    rule({k, 0.02, theta, gradient, *problem}, step);
    Reals before(theta.begin(), theta.end()), after = before;
    for (std::size_t i = 0; i < 800; ++i) after[i] += step[i];
    const Matrix change = matrix(20, 30, step) * transpose(matrix(20, 30, step));
    const Matrix was = invariant(before), is = invariant(after);
    for (std::size_t i = 0; i < 400; ++i)
      EXPECT_LE(abs(is.values[i] - was.values[i] - change.values[i]), 1e-15)
          << "step " << k << " entry " << i;
    for (std::size_t i = 0; i < 800; ++i) theta[i] += step[i];
  }
}

TEST(Rules, FreshOnesRememberNothing) {
  const std::vector<Vector> gradients = some_gradients();
  for (const char* name : {"heavy-ball", "adam"}) {
    const std::vector<Vector> first = steps_of(name, 0.1, gradients);
    EXPECT_EQ(steps_of(name, 0.1, gradients), first);
    EXPECT_NE(steps_of(name, 0.1, {gradients[1]})[0], first[1]) << name << " must have memory";
  }
}

TEST(Rules, RefuseBadInput) {
  const Flat problem(3);
  const Vector theta(3, 1), gradient(3, 1), small(2, 1);
  Vector step(3);
  const RuleSet rules = RuleSet::standard();
  for (const auto& entry : rules.entries()) {
    const std::string prefix = entry.name + ": ";
    const auto call = [&](const natgrad::Rule& rule, double learning_rate, const Vector& point,
                          const Vector& slope, std::span<double> out) {
      return refusal([&] { rule({0, learning_rate, point, slope, problem}, out); });
    };
    const natgrad::Rule rule = entry.make();
    EXPECT_EQ(call(rule, 0.1, small, gradient, step), prefix + "theta has length 2, gradient 3");
    EXPECT_EQ(call(rule, 0.1, theta, gradient, std::span(step).first(1)),
              prefix + "step has length 1, gradient 3");
    EXPECT_EQ(call(rule, 0.1, {}, {}, {}), prefix + "gradient is empty");
    EXPECT_EQ(call(rule, -1e-9, theta, gradient, step),
              prefix + "learning_rate must be finite and > 0, not -1e-09");
    EXPECT_EQ(call(rule, 0, theta, gradient, step), prefix + "learning_rate must be finite and > 0, not 0");
    EXPECT_EQ(call(rule, nan_value, theta, gradient, step),
              prefix + "learning_rate must be finite and > 0, not nan");
    EXPECT_EQ(call(rule, infinity, theta, gradient, step),
              prefix + "learning_rate must be finite and > 0, not inf");
    EXPECT_EQ(refusal<NonFiniteError>([&] {
                rule({0, 0.1, theta, Vector{1, 2, -infinity}, problem}, step);
              }).find("gradient[2] is -inf"),
              0);
    if (entry.name == "heavy-ball" || entry.name == "adam") {
      EXPECT_EQ(call(rule, 0.1, theta, gradient, step), "");
      Vector short_step(2);
      EXPECT_EQ(call(rule, 0.1, small, small, short_step),
                prefix + "gradient has length 2, but had length 3 at the rule's first step");
    }
  }
  EXPECT_EQ(refusal([&] {
              standard_rule("feedback-alignment")({0, 0.1, theta, gradient, problem}, step);
            }),
            "feedback-alignment needs a problem with layers: linear-teacher or mlp");
}

// ------------------------------------------------------------------------------------------- sets

TEST(Sets, HoldTheStandardNamesInOrder) {
  const RuleSet rules = RuleSet::standard();
  const ProblemSet problems = ProblemSet::standard();
  std::vector<std::string> rule_names, problem_names;
  for (const auto& entry : rules.entries()) {
    rule_names.push_back(entry.name);
    EXPECT_GT(entry.default_learning_rate, 0);
    EXPECT_TRUE(problems.find(entry.default_problem)) << entry.default_problem;
    EXPECT_FALSE(entry.description.empty());
    EXPECT_EQ(entry.description.find('\n'), std::string::npos);
    EXPECT_EQ(rules.find(entry.name), &entry);
  }
  for (const auto& entry : problems.entries()) {
    problem_names.push_back(entry.name);
    EXPECT_FALSE(entry.description.empty());
    EXPECT_EQ(entry.description.find('\n'), std::string::npos);
    EXPECT_EQ(problems.find(entry.name), &entry);
  }
  EXPECT_EQ(rule_names, (std::vector<std::string>{"gradient-descent", "heavy-ball", "adam", "sign-descent",
                                                  "feedback-alignment"}));
  EXPECT_EQ(problem_names, (std::vector<std::string>{"quadratic", "rosenbrock", "logistic-regression",
                                                     "linear-teacher", "mlp"}));
  EXPECT_EQ(rules.find("feedback-alignment")->default_problem, "linear-teacher");
  EXPECT_EQ(rules.find("feedback-alignment")->default_learning_rate, 0.02);
  EXPECT_EQ(rules.find("Adam"), nullptr);
  EXPECT_EQ(rules.find(""), nullptr);
  EXPECT_EQ(problems.find("Mlp"), nullptr);
}

TEST(Sets, TakeAUsersOwn) {
  RuleSet rules = RuleSet::standard();
  const RuleSet untouched = rules;
  rules.add({"half-step", "step = -grad L/2", "flat", 1, [] {
               return natgrad::Rule([](const natgrad::RuleInput& input, std::span<double> step) {
                 for (std::size_t i = 0; i < step.size(); ++i) step[i] = -input.gradient[i] / 2;
               });
             }});
  ASSERT_TRUE(rules.find("half-step"));
  EXPECT_EQ(untouched.find("half-step"), nullptr);
  Vector step(2);
  rules.find("half-step")->make()({0, 1, Vector{0, 0}, Vector{4, -6}, Flat(2)}, step);
  EXPECT_EQ(step, (Vector{-2, 3}));

  ProblemSet problems = ProblemSet::standard();
  problems.add({"flat", "constant", [](std::uint64_t seed) { return std::make_unique<Flat>(seed); }});
  EXPECT_EQ(problems.find("flat")->make(5)->dimension(), 5);
  EXPECT_EQ(problems.entries().back().name, "flat");
  EXPECT_EQ(problems.find("flat")->make(5)->stop_ratio(), 0);
}

TEST(Sets, RefuseBadEntries) {
  RuleSet rules = RuleSet::standard();
  const auto make_rule = [] { return natgrad::Rule(); };
  EXPECT_EQ(refusal([&] { rules.add({"", "", "quadratic", 1, make_rule}); }), "RuleSet::add: name is empty");
  EXPECT_EQ(refusal([&] {
              rules.add({"adam", "", "quadratic", 1, make_rule});
            }),
            "RuleSet::add: rule \"adam\" is already there");
  EXPECT_EQ(refusal([&] {
              rules.add({"mine", "", "quadratic", 1, {}});
            }),
            "RuleSet::add: rule \"mine\" has no make");
  EXPECT_EQ(rules.entries().size(), 5);

  ProblemSet problems = ProblemSet::standard();
  const auto make_problem = [](std::uint64_t) { return std::make_unique<Flat>(1); };
  EXPECT_EQ(refusal([&] { problems.add({"", "", make_problem}); }), "ProblemSet::add: name is empty");
  EXPECT_EQ(refusal([&] {
              problems.add({"mlp", "", make_problem});
            }),
            "ProblemSet::add: problem \"mlp\" is already there");
  EXPECT_EQ(refusal([&] {
              problems.add({"mine", "", {}});
            }),
            "ProblemSet::add: problem \"mine\" has no make");
  EXPECT_EQ(problems.entries().size(), 5);
}

// ------------------------------------------------------------------------------------ the same bits
// everywhere

/// FNV-1a over the bits of loss, gradient and step of the first 20 steps of a run with seed 1.
std::uint64_t fingerprint(const natgrad::RuleEntry& rule_entry, const natgrad::ProblemEntry& problem_entry) {
  std::uint64_t hash = 0xcbf29ce484222325;
  const auto mix = [&hash](double value) {
    const std::uint64_t bits = std::bit_cast<std::uint64_t>(value);
    for (int shift = 0; shift < 64; shift += 8) hash = (hash ^ ((bits >> shift) & 0xff)) * 0x100000001b3;
  };
  const std::unique_ptr<Problem> problem = problem_entry.make(1);
  const natgrad::Rule rule = rule_entry.make();
  Vector theta = start_of(*problem), gradient(theta.size()), step(theta.size());
  for (std::uint64_t k = 0; k < 20; ++k) {
    mix(problem->loss_and_gradient(theta, gradient));
    rule({k, rule_entry.default_learning_rate, theta, gradient, *problem}, step);
    for (std::size_t i = 0; i < theta.size(); ++i) {
      mix(gradient[i]);
      mix(step[i]);
      theta[i] += step[i];
    }
  }
  return hash;
}

TEST(Determinism, TheFirstStepsHaveTheseBits) {
  const std::map<std::string, std::map<std::string, std::uint64_t>> expected = {
      {"gradient-descent",
       {{"quadratic", 0x7de00855cf4f0741},
        {"rosenbrock", 0x48d419c60774d977},
        {"logistic-regression", 0xb0528ea52295dd48},
        {"linear-teacher", 0x88163051bfb0a480},
        {"mlp", 0xddf8cf429d694060}}},
      {"heavy-ball",
       {{"quadratic", 0x87e90c4ecf5cff18},
        {"rosenbrock", 0x6ed531e7294b4c20},
        {"logistic-regression", 0x0d467ddfb9e04fbe},
        {"linear-teacher", 0x1d5636b11c222bf6},
        {"mlp", 0x022de25a6f8b1f84}}},
      {"adam",
       {{"quadratic", 0x1e97bbb6f95062ac},
        {"rosenbrock", 0x93c275ab9a1b0d9f},
        {"logistic-regression", 0xdb74dcf183ba137c},
        {"linear-teacher", 0xeb0c549323a1378a},
        {"mlp", 0xd33926ee0e6cee75}}},
      {"sign-descent",
       {{"quadratic", 0xbaedcf38fec6dbc7},
        {"rosenbrock", 0xd59f0629f09b82bb},
        {"logistic-regression", 0xe8df280c6868eb0c},
        {"linear-teacher", 0x853cc77c570d00bd},
        {"mlp", 0xb80bff4f253c18e2}}},
      {"feedback-alignment", {{"linear-teacher", 0xed5c8aedc14e2f87}, {"mlp", 0x883fade259adc3be}}}};
  const RuleSet rules = RuleSet::standard();
  const ProblemSet problems = ProblemSet::standard();
  for (const auto& rule : rules.entries())
    for (const auto& problem : problems.entries()) {
      const auto& row = expected.at(rule.name);
      if (rule.name == "feedback-alignment" && !row.contains(problem.name)) {
        EXPECT_THROW(fingerprint(rule, problem), ContractError);
        continue;
      }
      EXPECT_EQ(fingerprint(rule, problem), row.at(problem.name))
          << rule.name << " on " << problem.name << std::hex << ": 0x" << fingerprint(rule, problem);
    }
}

}  // namespace
