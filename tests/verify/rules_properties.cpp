// natgrad: laws of random numbers, learning rules and problems.
#include <boost/multiprecision/cpp_int.hpp>
#include <map>
#include <memory>
#include <numeric>

#include "support/laws.hpp"

namespace natgrad::test {

namespace {

using Doubles = Subject::Doubles;

// ------------------------------------------------------------------------- random.sequence

// The published generator on one 256-bit integer: word i of the state is its bits 64 i .. 64 i + 63.
std::vector<std::uint64_t> reference_words(std::uint64_t seed, std::size_t count) {
  using boost::multiprecision::cpp_int;
  const cpp_int modulus = cpp_int(1) << 64;
  std::vector<cpp_int> s;
  cpp_int counter = seed;
  for (int i = 0; i < 4; ++i) {
    counter = (counter + cpp_int("0x9e3779b97f4a7c15")) % modulus;
    cpp_int z = counter;
    z = (z ^ (z >> 30)) * cpp_int("0xbf58476d1ce4e5b9") % modulus;
    z = (z ^ (z >> 27)) * cpp_int("0x94d049bb133111eb") % modulus;
    s.push_back(z ^ (z >> 31));
  }
  const auto rotated = [&](const cpp_int& x, unsigned k) {
    return cpp_int(((x << k) % modulus) | (x >> (64 - k)));
  };
  std::vector<std::uint64_t> out;
  for (std::size_t i = 0; i < count; ++i) {
    out.push_back(static_cast<std::uint64_t>(rotated(s[1] * 5 % modulus, 7) * 9 % modulus));
    const cpp_int t = (s[1] << 17) % modulus;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotated(s[3], 45);
  }
  return out;
}

void published_generator(const Subject& subject) {
  const std::uint64_t seed = *indices(~std::uint64_t{0});
  RC_ASSERT(subject.random_words(seed, 16) == reference_words(seed, 16));
}

// lo + u (hi - lo), one rounding per operation, u the upper 53 bits.
void uniform_map(const Subject& subject) {
  const std::uint64_t seed = *indices(~std::uint64_t{0});
  const double a = static_cast<double>(*indices(1000)) / 64,
               width = static_cast<double>(1 + *indices(1000)) / 7;
  const double lo = a - 8, hi = lo + width;
  Random random(seed);
  for (const std::uint64_t word : reference_words(seed, 8)) {
    const Rational u = Rational(Integer(word >> 11)) * power_of_two(-53);
    const double scaled = nearest(u * exact(nearest(exact(hi) - exact(lo))));
    require_same(subject.uniform(random, lo, hi), nearest(exact(lo) + exact(scaled)), "a uniform number");
  }
}

// ------------------------------------------------------------------------- rules.standard

const char* const problem_names[] = {"quadratic", "rosenbrock", "logistic-regression", "linear-teacher",
                                     "mlp"};

std::unique_ptr<Problem> draw_problem(std::size_t count = std::size(problem_names)) {
  const char* name = problem_names[*indices(count)];
  RC_TAG(std::string(name));
  return ProblemSet::standard().find(name)->make(*indices(1000));
}

// A point around the start.
std::vector<double> draw_point(const Problem& problem) {
  std::vector<double> theta(problem.dimension());
  problem.initial_parameters(theta);
  Random random(*indices(std::uint64_t{1} << 32));
  for (double& element : theta) element += random.uniform(-0.5, 0.5);
  return theta;
}

// A rule's steps for given gradients, on a problem whose content it does not look at.
std::vector<std::vector<double>> steps_of(const Rule& rule, const std::vector<std::vector<double>>& gradients,
                                          double learning_rate) {
  const auto problem = ProblemSet::standard().find("quadratic")->make(1);
  std::vector<std::vector<double>> out;
  for (const auto& gradient : gradients) {
    const std::vector<double> theta(gradient.size(), 0.0);
    std::vector<double> step(gradient.size());
    rule({out.size(), learning_rate, theta, gradient, *problem}, step);
    out.push_back(step);
  }
  return out;
}

// Gradients of moderate size, with zeros.
std::vector<std::vector<double>> draw_gradients() {
  const std::size_t dimension = 1 + *indices(4), count = 1 + *indices(12);
  std::vector<std::vector<double>> out;
  for (std::size_t k = 0; k < count; ++k) {
    std::vector<double> gradient;
    for (std::size_t i = 0; i < dimension; ++i) {
      const auto integer = static_cast<std::int64_t>(*indices(2001)) - 1000;
      gradient.push_back(*indices(8) == 0 ? 0.0 : static_cast<double>(integer) / 7);
    }
    out.push_back(gradient);
  }
  return out;
}

double draw_learning_rate() {
  return static_cast<double>(1 + *indices(1000)) / 1024;
}

double times(double x, double z) {
  return nearest(exact(x) * exact(z));
}

void gradient_descent(const Subject& subject) {
  const auto gradients = draw_gradients();
  const double rate = draw_learning_rate();
  const auto steps = steps_of(subject.make_rule("gradient-descent"), gradients, rate);
  for (std::size_t k = 0; k < steps.size(); ++k) {
    for (std::size_t i = 0; i < steps[k].size(); ++i)
      require_same(steps[k][i], -times(rate, gradients[k][i]), "step");
  }
}

void sign_descent(const Subject& subject) {
  const auto gradients = draw_gradients();
  const double rate = draw_learning_rate();
  const auto steps = steps_of(subject.make_rule("sign-descent"), gradients, rate);
  for (std::size_t k = 0; k < steps.size(); ++k) {
    for (std::size_t i = 0; i < steps[k].size(); ++i) {
      const double slope = gradients[k][i];
      require_same(steps[k][i], slope > 0 ? -rate : slope < 0 ? rate : 0.0, "step");
    }
  }
}

// d_k = -eta sum_j 0.9^(k-j) grad_j: the recursion's sum, to the rounding of its terms.
void heavy_ball(const Subject& subject) {
  const auto gradients = draw_gradients();
  const double rate = draw_learning_rate();
  const auto steps = steps_of(subject.make_rule("heavy-ball"), gradients, rate);
  for (std::size_t k = 0; k < steps.size(); ++k) {
    for (std::size_t i = 0; i < steps[k].size(); ++i) {
      Rational sum = 0, size = 0, weight = exact(rate);
      for (std::size_t j = k + 1; j-- > 0;) {
        sum -= weight * exact(gradients[j][i]);
        size += weight * abs(exact(gradients[j][i]));
        weight *= exact(0.9);
      }
      RC_ASSERT((abs(exact(steps[k][i]) - sum) <= size * static_cast<int>(2 * k + 3) * power_of_two(-53)));
    }
  }
}

// -eta m/(sqrt v + 1e-8) with m and v the bias-corrected weighted means, evaluated exactly.
void adam(const Subject& subject) {
  const auto gradients = draw_gradients();
  const double rate = draw_learning_rate();
  const auto steps = steps_of(subject.make_rule("adam"), gradients, rate);
  const PrecisionScope precision(200);
  for (std::size_t k = 0; k < steps.size(); ++k) {
    for (std::size_t i = 0; i < steps[k].size(); ++i) {
      Rational mean = 0, size = 0, square = 0, power1 = 1, power2 = 1;
      for (std::size_t j = k + 1; j-- > 0;) {
        const Rational slope = exact(gradients[j][i]);
        mean += power1 * (1 - exact(0.9)) * slope;
        size += power1 * (1 - exact(0.9)) * abs(slope);
        square += power2 * (1 - exact(0.999)) * slope * slope;
        power1 *= exact(0.9);
        power2 *= exact(0.999);
      }
      const Real scale = real(exact(rate)) / (sqrt(real(square / (1 - power2))) + real(exact(1e-8)));
      const Real expected = -scale * real(mean / (1 - power1));
      // Every operation has a relative error of 2^-53; 1 - 0.999^t loses 10 bits of its own.
      const Real bound = scale * real(size / (1 - power1)) * ldexp(Real(static_cast<int>(8 * k + 40)), -43);
      RC_ASSERT((abs(real(exact(steps[k][i])) - expected) <= bound));
    }
  }
}

// Two rules of the same name, stepping in turn, do as each does alone.
void no_shared_memory(const Subject& subject) {
  const char* name = *indices(2) == 0 ? "heavy-ball" : "adam";
  const auto one = draw_gradients();
  auto other = draw_gradients();
  const double rate = draw_learning_rate();
  const auto alone = steps_of(subject.make_rule(name), one, rate);
  const Rule first = subject.make_rule(name), second = subject.make_rule(name);
  for (auto& gradient : other) gradient.resize(one.front().size(), 1.0);
  const auto problem = ProblemSet::standard().find("quadratic")->make(1);
  for (std::size_t k = 0; k < one.size(); ++k) {
    const std::vector<double> theta(one[k].size(), 0.0);
    std::vector<double> step(one[k].size()), ignored(one[k].size());
    first({k, rate, theta, one[k], *problem}, step);
    second({k, rate, theta, other[k % other.size()], *problem}, ignored);
    require_same_elements(step, alone[k], "step");
  }
}

// The gradient is the slope of the loss, by a symmetric difference quotient along a random direction.
void gradient_is_slope(const Subject& subject) {
  const auto problem = draw_problem();
  const std::vector<double> theta = draw_point(*problem);
  // Directions within one group find a wrong layer.
  const std::vector<ParameterGroup> groups = problem->groups();
  const std::size_t group = *indices(groups.size());
  std::size_t start = 0;
  for (std::size_t i = 0; i < group; ++i) start += groups[i].size;
  Random random(*indices(std::uint64_t{1} << 32));
  std::vector<double> gradient(theta.size()), ignored(theta.size()), forward = theta, backward = theta;
  const double loss = subject.loss_and_gradient(*problem, theta, gradient);
  constexpr double h = 0x1p-17;
  double slope = 0, size = 0;
  for (std::size_t i = start; i < start + groups[group].size; ++i) {
    const double direction = random.uniform(-1, 1);
    forward[i] += h * direction;
    backward[i] -= h * direction;
    slope += gradient[i] * direction;
    size += std::fabs(gradient[i]);
  }
  const double quotient = (subject.loss_and_gradient(*problem, forward, ignored) -
                           subject.loss_and_gradient(*problem, backward, ignored)) /
                          (2 * h);
  RC_ASSERT(std::fabs(quotient - slope) <= 1e-6 * (size + std::fabs(loss)) + 1e-9);
}

// The last layer's direction is minus the gradient; the first layer's does not know W2 but through the error:
// with W1 = 0 the error is T whatever W2 is, and so is B E.
void feedback_of_linear_teacher(const Subject& subject) {
  const auto problem = make_linear_teacher(*indices(1000), 0.1);
  std::vector<double> theta = draw_point(*problem);
  const std::size_t first = problem->groups().front().size, dimension = theta.size();
  std::vector<double> gradient(dimension), direction(dimension), other(dimension);
  problem->loss_and_gradient(theta, gradient);
  RC_ASSERT(subject.feedback_direction(*problem, theta, direction));
  for (std::size_t i = first; i < dimension; ++i)
    require_same(direction[i], -gradient[i], "the second layer");
  std::fill(theta.begin(), theta.begin() + static_cast<std::ptrdiff_t>(first), 0.0);
  RC_ASSERT(subject.feedback_direction(*problem, theta, direction));
  for (std::size_t i = first; i < dimension; ++i) theta[i] = -2 * theta[i] + 0.25;
  RC_ASSERT(subject.feedback_direction(*problem, theta, other));
  for (std::size_t i = 0; i < first; ++i) require_same(other[i], direction[i], "the first layer");
}

Canary rule_becomes(const char* name, const char* rule,
                    std::function<void(const RuleInput&, std::span<double>)> mistake) {
  return {name, [rule = std::string(rule), mistake](Subject& subject) {
            subject.make_rule = [rule, mistake](const std::string& wanted) {
              return wanted == rule ? Rule(mistake) : RuleSet::standard().find(wanted)->make();
            };
          }};
}

}  // namespace

std::vector<Property> rules_properties() {
  return {
      {"random.sequence",
       "published",
       "the words are those of xoshiro256** seeded by splitmix64",
       published_generator,
       {{"the seed fills the state directly",
         [](Subject& subject) {
           subject.random_words = [](std::uint64_t seed, std::size_t count) {
             auto words = reference_words(seed, count + 1);
             words.erase(words.begin());
             return words;
           };
         }}}},
      {"random.sequence",
       "uniform",
       "uniform numbers are lo + u (hi - lo), one rounding per operation",
       uniform_map,
       {{"32 bits in place of 53",
         [](Subject& subject) {
           subject.uniform = [](Random& random, double lo, double hi) {
             return lo + static_cast<double>(random.next() >> 32) * 0x1p-32 * (hi - lo);
           };
         }},
        {"lo (1 - u) + hi u",
         [](Subject& subject) {
           subject.uniform = [](Random& random, double lo, double hi) {
             const double u = static_cast<double>(random.next() >> 11) * 0x1p-53;
             return lo * (1 - u) + hi * u;
           };
         }}}},
      {"rules.standard",
       "gradient descent",
       "the step is -eta grad L, rounded once",
       gradient_descent,
       {rule_becomes("the gradient's sign is lost", "gradient-descent",
                     [](const RuleInput& input, std::span<double> step) {
                       for (std::size_t i = 0; i < step.size(); ++i)
                         step[i] = input.learning_rate * input.gradient[i];
                     })}},
      {"rules.standard",
       "sign descent",
       "the step is -eta sign(grad L)",
       sign_descent,
       {rule_becomes("a zero slope steps", "sign-descent",
                     [](const RuleInput& input, std::span<double> step) {
                       for (std::size_t i = 0; i < step.size(); ++i) {
                         step[i] = input.gradient[i] > 0 ? -input.learning_rate : input.learning_rate;
                       }
                     })}},
      {"rules.standard",
       "heavy ball",
       "the step is -eta times the gradients weighted by powers of 0.9",
       heavy_ball,
       {rule_becomes(
           "an average in place of a sum", "heavy-ball",
           [velocity = std::vector<double>()](const RuleInput& input, std::span<double> step) mutable {
             velocity.resize(step.size());
             for (std::size_t i = 0; i < step.size(); ++i) {
               velocity[i] = 0.9 * velocity[i] - 0.1 * input.learning_rate * input.gradient[i];
               step[i] = velocity[i];
             }
           })}},
      {"rules.standard",
       "adam",
       "the step is -eta m/(sqrt v + 1e-8) with bias-corrected means",
       adam,
       {rule_becomes("no bias correction", "adam",
                     [m = std::vector<double>(), v = std::vector<double>()](const RuleInput& input,
                                                                            std::span<double> step) mutable {
                       m.resize(step.size());
                       v.resize(step.size());
                       for (std::size_t i = 0; i < step.size(); ++i) {
                         m[i] = 0.9 * m[i] + 0.1 * input.gradient[i];
                         v[i] = 0.999 * v[i] + 0.001 * input.gradient[i] * input.gradient[i];
                         step[i] = -input.learning_rate * m[i] / (std::sqrt(v[i]) + 1e-8);
                       }
                     }),
        rule_becomes("epsilon under the root", "adam",
                     [m = std::vector<double>(), v = std::vector<double>(), t = 0](
                         const RuleInput& input, std::span<double> step) mutable {
                       m.resize(step.size());
                       v.resize(step.size());
                       ++t;
                       for (std::size_t i = 0; i < step.size(); ++i) {
                         m[i] = 0.9 * m[i] + 0.1 * input.gradient[i];
                         v[i] = 0.999 * v[i] + 0.001 * input.gradient[i] * input.gradient[i];
                         const double mean = m[i] / (1 - std::pow(0.9, t)),
                                      square = v[i] / (1 - std::pow(0.999, t));
                         step[i] = -input.learning_rate * mean / std::sqrt(square + 1e-8);
                       }
                     })}},
      {"rules.standard",
       "fresh",
       "rules of one name share no memory",
       no_shared_memory,
       {{"one memory for all",
         [](Subject& subject) {
           const auto shared = std::make_shared<std::map<std::string, Rule>>();
           subject.make_rule = [shared](const std::string& name) {
             if (!shared->contains(name)) (*shared)[name] = RuleSet::standard().find(name)->make();
             return Rule([shared, name](const RuleInput& input, std::span<double> step) {
               shared->at(name)(input, step);
             });
           };
         }}}},
      {"rules.standard",
       "gradient",
       "the gradient of each problem is the slope of its loss",
       gradient_is_slope,
       {{"the last group's gradient has the wrong sign",
         [](Subject& subject) {
           subject.loss_and_gradient = [](const Problem& problem, Doubles theta, std::span<double> gradient) {
             const double loss = problem.loss_and_gradient(theta, gradient);
             const std::size_t size = problem.groups().back().size;
             for (double& element : gradient.last(size)) element = -element;
             return loss;
           };
         }},
        {"the factor 2 of the square forgotten",
         [](Subject& subject) {
           subject.loss_and_gradient = [](const Problem& problem, Doubles theta, std::span<double> gradient) {
             return 2 * problem.loss_and_gradient(theta, gradient);
           };
         }}},
       10},
      {"rules.standard",
       "feedback",
       "the last layer follows the gradient, the first the error through a fixed matrix",
       feedback_of_linear_teacher,
       {{"the gradient in place of the feedback",
         [](Subject& subject) {
           subject.feedback_direction = [](const Problem& problem, Doubles theta,
                                           std::span<double> direction) {
             problem.loss_and_gradient(theta, direction);
             for (double& element : direction) element = -element;
             return true;
           };
         }},
        {"ascent in place of descent",
         [](Subject& subject) {
           subject.feedback_direction = [](const Problem& problem, Doubles theta,
                                           std::span<double> direction) {
             problem.feedback_direction(theta, direction);
             for (double& element : direction) element = -element;
             return true;
           };
         }}},
       10},
  };
}

}  // namespace natgrad::test
