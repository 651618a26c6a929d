// natgrad: the functions under test, as the library has them.
#include "subject.hpp"

namespace natgrad::test {

namespace {

using Doubles = Subject::Doubles;

Subject::Operator elementwise(void (MetricOperator::*method)(Doubles, std::span<double>) const) {
  return [method](const MetricOperator& m, Doubles x) {
    std::vector<double> out(x.size());
    (m.*method)(x, out);
    return out;
  };
}

Subject::Operator in_place(void (MetricOperator::*method)(Doubles, std::span<double>) const) {
  return [method](const MetricOperator& m, Doubles x) {
    std::vector<double> both(x.begin(), x.end());
    (m.*method)(both, both);
    return both;
  };
}

Subject::Scalar of_angle(std::optional<double> (*function)(const Gram&)) {
  return [function](const Gram& gram, Alpha) { return function(gram); };
}

void write(const std::string& path, const RunData& run) {
  RunWriter writer(path, run.header);
  for (std::size_t k = 0; k < run.gradients.size(); ++k) {
    const auto radius = run.radii.empty() ? std::nullopt : std::optional<double>(run.radii[k]);
    if (run.header.content == RunContent::grams) {
      writer.append(run.losses[k], grams_of(run, k), radius);
    } else {
      writer.append(run.losses[k], run.gradients[k], run.updates[k], radius);
    }
  }
  if (run.header.content == RunContent::parameters) {
    writer.finish(run.losses.back(), run.updates.back());
  } else {
    writer.finish(run.losses.back());
  }
}

}  // namespace

std::vector<Gram> grams_of(const RunData& run, std::size_t k) {
  const auto negative = [](std::vector<double> x) {
    for (double& element : x) element = -element;
    return x;
  };
  const bool parameters = run.header.content == RunContent::parameters;
  const std::vector<double> y = negative(run.gradients[k]);
  const std::vector<double>& g = run.updates[parameters ? k + 1 : k];
  const std::vector<double> minus_theta =
      parameters ? negative(run.updates[k]) : std::vector<double>(y.size());
  const std::vector<ParameterGroup> groups = run.header.groups.empty()
                                                 ? std::vector<ParameterGroup>{{"all", run.header.dimension}}
                                                 : run.header.groups;
  std::vector<Gram> grams;
  std::size_t start = 0;
  for (const ParameterGroup& group : groups) {
    const auto slice = [&](const std::vector<double>& x) {
      return std::span<const double>(x).subspan(start, group.size);
    };
    grams.push_back(Gram::of(PairSpan{slice(g), slice(minus_theta)}, slice(y)));
    start += group.size;
  }
  return grams;
}

Subject::Subject()
    : gram_of([](Doubles g, Doubles y) { return Gram::of(g, y); }),
      gram_of_floats([](Floats g, Floats y) { return Gram::of(g, y); }),
      gram_of_pairs([](PairSpan g, PairSpan y) { return Gram::of(g, y); }),
      gram_of_pair_and_doubles([](PairSpan g, Doubles y) { return Gram::of(g, y); }),
      gram_add([](Gram& gram, Doubles g, Doubles y) { gram.add(g, y); }),
      gram_merge([](Gram& gram, const Gram& other) { gram.merge(other); }),
      grams_of_groups([](Doubles g, Doubles y, std::span<const std::uint64_t> sizes) {
        std::vector<Gram> grams(sizes.size());
        Gram::of_groups(g, y, sizes, grams);
        return grams;
      }),
      serialise([](const Gram& gram) {
        const Gram::Bytes bytes = gram.serialise();
        return std::vector<std::byte>(bytes.begin(), bytes.end());
      }),
      deserialise(&Gram::deserialise),
      judge([](const Gram& gram) { return gram.judge(); }),
      exact_dot(natgrad::exact_dot),
      to_double([](const ExactSum& sum) { return sum.to_double(); }),
      to_hex([](const ExactSum& sum) { return sum.to_hex(); }),
      compare([](const ExactSum& a, const ExactSum& b) { return a <=> b; }),
      cosine(of_angle(natgrad::cosine)),
      sine(of_angle(natgrad::sine)),
      angle(of_angle(natgrad::angle)),
      alpha(natgrad::alpha),
      lambda_min(natgrad::lambda_min),
      lambda_max(natgrad::lambda_max),
      condition(natgrad::condition),
      sqrt_condition(natgrad::sqrt_condition),
      log_condition(natgrad::log_condition),
      trace(natgrad::trace),
      log_det(natgrad::log_det),
      frobenius_norm(natgrad::frobenius_norm),
      algebraic_scalars(natgrad::algebraic_scalars),
      scalars(natgrad::scalars),
      enclose(natgrad::enclose),
      metric([](Doubles g, Doubles y, Alpha a) { return Metric::make(g, y, a); }),
      view([](Doubles g, Doubles y, const Gram& gram, Alpha a) { return MetricView::make(g, y, gram, a); }),
      apply(elementwise(&MetricOperator::apply)),
      solve(elementwise(&MetricOperator::solve)),
      root_apply(elementwise(&MetricOperator::root_apply)),
      root_solve(elementwise(&MetricOperator::root_solve)),
      factor_apply(elementwise(&MetricOperator::factor_apply)),
      factor_transpose_apply(elementwise(&MetricOperator::factor_transpose_apply)),
      factor_solve(elementwise(&MetricOperator::factor_solve)),
      factor_transpose_solve(elementwise(&MetricOperator::factor_transpose_solve)),
      apply_in_place(in_place(&MetricOperator::apply)),
      solve_in_place(in_place(&MetricOperator::solve)),
      apply_floats([](const MetricOperator& m, Floats x, std::span<float> out) { m.apply(x, out); }),
      solve_floats([](const MetricOperator& m, Floats x, std::span<float> out) { m.solve(x, out); }),
      apply_columns(&MetricOperator::apply_columns),
      solve_columns(&MetricOperator::solve_columns),
      quadratic_form([](const MetricOperator& m, Doubles x) { return m.quadratic_form(x); }),
      inverse_quadratic_form([](const MetricOperator& m, Doubles x) { return m.inverse_quadratic_form(x); }),
      ldl([](const MetricOperator& m) { return m.ldl(); }),
      dense_l([](const LdlFactor& factors) { return factors.dense_l(); }),
      dense([](const MetricOperator& m) { return m.dense(); }),
      spectrum([](const MetricOperator& m) { return m.spectrum(); }),
      random_words([](std::uint64_t seed, std::size_t count) {
        Random random(seed);
        std::vector<std::uint64_t> words(count);
        for (std::uint64_t& word : words) word = random.next();
        return words;
      }),
      uniform([](Random& random, double lo, double hi) { return random.uniform(lo, hi); }),
      make_rule([](const std::string& name) { return RuleSet::standard().find(name)->make(); }),
      loss_and_gradient([](const Problem& problem, Doubles theta, std::span<double> gradient) {
        return problem.loss_and_gradient(theta, gradient);
      }),
      feedback_direction([](const Problem& problem, Doubles theta, std::span<double> direction) {
        return problem.feedback_direction(theta, direction);
      }),
      write_run(write),
      read_steps([](const RunReader& run, std::uint64_t first, std::uint64_t last) {
        std::vector<RunStep> steps;
        run.for_each_step(first, last, [&steps](const RunStep& step) { steps.push_back(step); });
        return steps;
      }),
      summarise(natgrad::summarise),
      analyze_window(natgrad::analyze_window),
      analyze(natgrad::analyze),
      to_json(natgrad::to_json) {}

}  // namespace natgrad::test
