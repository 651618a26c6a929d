// natgrad: laws of the analysis of runs.
#include <algorithm>
#include <limits>
#include <numeric>

#include "support/laws.hpp"
#include "support/reference.hpp"
#include "support/runs.hpp"

namespace natgrad::test {

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
using Doubles = Subject::Doubles;

// ------------------------------------------------------------------------- analysis.window

bool improves_everywhere(Doubles losses, std::size_t m) {
  for (std::size_t k = 0; k + m < losses.size(); ++k) {
    if (!(losses[k + m] < losses[k])) return false;
  }
  return true;
}

void brute_force_window(const Subject& subject) {
  const std::vector<double> losses = draw_losses(1 + *indices(40));
  const std::size_t n = losses.size();
  std::optional<std::uint64_t> window;
  if (n > 1 && *indices(2) == 0) window = 1 + *indices(n - 1);
  const WindowAnalysis actual = subject.analyze_window(losses, window);
  std::optional<std::uint64_t> minimal;
  for (std::size_t m = 1; m < n && !minimal; ++m) {
    if (improves_everywhere(losses, m)) minimal = m;
  }
  RC_TAG(std::string(!minimal ? "no window" : *minimal == 1 ? "window 1" : "window > 1"));
  RC_ASSERT((actual.minimal == minimal));
  const std::size_t m = window.value_or(1);
  RC_ASSERT(actual.used == m);
  if (n < 2) {
    RC_ASSERT(!actual.effective_fraction);
    return;
  }
  std::int64_t improving = 0;
  for (std::size_t k = 0; k + m < n; ++k) improving += losses[k + m] < losses[k] ? 1 : 0;
  require_same(actual.effective_fraction, nearest(Rational(improving) / static_cast<std::int64_t>(n - m)),
               "fraction");
}

// ------------------------------------------------------------------------- analysis.summary

Summary reference_summary(std::vector<double> values) {
  if (values.empty()) return {};
  std::sort(values.begin(), values.end());
  const std::size_t n = values.size();
  double median = values[n / 2];
  if (n % 2 == 0) {
    const double below = values[n / 2 - 1];
    if (std::isfinite(below) && std::isfinite(median)) {
      median = nearest((exact(below) + exact(median)) / 2);
    } else {
      median = infinity;
    }
  }
  return {median, values.back()};
}

void median_and_maximum(const Subject& subject) {
  const std::vector<double> drawn = *vectors(1 + *indices(20));
  std::vector<double> values;
  for (const double value : drawn) values.push_back(std::fabs(value));
  if (*indices(4) == 0) {
    for (double& value : values) value = std::ldexp(1 + static_cast<double>(*indices(8)) / 8, 1023);
  }
  if (*indices(4) == 0) values[*indices(values.size())] = infinity;
  if (*indices(16) == 0) values.clear();
  const Summary expected = reference_summary(values), actual = subject.summarise(values);
  require_same(actual.median, expected.median, "median");
  require_same(actual.max, expected.max, "maximum");
}

// ------------------------------------------------------------------------- analysis.steps

// One step by the textbook; the whole run is summarised from these.
struct ReferenceStep {
  Judgement judgement;
  std::optional<double> angle, alpha, condition, lambda_min, lambda_max, scaled_alpha;
};

ReferenceStep reference_step(Doubles g, Doubles y, std::optional<double> learning_rate) {
  ReferenceStep out;
  const ExactPair pair(g, y);
  out.judgement = Gram::of(g, y).judge();
  if (pair.gg != 0 && pair.yy != 0) out.angle = angle(pair);
  if (pair.p > 0) {
    out.alpha = alpha(pair);
    out.condition = condition(pair);
    out.lambda_min = lambda_min(pair);
    out.lambda_max = lambda_max(pair);
    if (learning_rate) out.scaled_alpha = nearest(pair.star() * exact(*learning_rate));
  }
  return out;
}

template <class Step>
void require_summary(const Summary& actual, const std::vector<Step>& steps,
                     std::optional<double> Step::*member, const char* what) {
  std::vector<double> values;
  for (const Step& step : steps) {
    if (step.*member) values.push_back(*(step.*member));
  }
  const Summary expected = reference_summary(values);
  require_same(actual.median, expected.median, std::string("median of ") + what);
  require_same(actual.max, expected.max, std::string("maximum of ") + what);
}

template <class Step>
VerdictCounts counts(const std::vector<Step>& steps) {
  VerdictCounts out;
  for (const Step& step : steps) {
    const Verdict verdict = step.judgement.verdict;
    ++(verdict == Verdict::effective       ? out.effective
       : verdict == Verdict::not_effective ? out.not_effective
                                           : out.undetermined);
  }
  return out;
}

void steps_by_the_textbook(const Subject& subject) {
  const RunData run = draw_run();
  const ScratchFile file;
  subject.write_run(file.path(), run);
  const RunReader reader(file.path());
  AnalyzeOptions options;
  options.first = *indices(run.updates.size());
  options.last = options.first + 1 + *indices(run.updates.size() - options.first);
  const Analysis analysis = subject.analyze(reader, options);
  RC_ASSERT(analysis.first_step == options.first);
  RC_ASSERT(analysis.steps.size() == *options.last - options.first);
  std::vector<ReferenceStep> expected;
  for (std::size_t k = 0; k < analysis.steps.size(); ++k) {
    const Pair pair = pair_of(run, options.first + k);
    expected.push_back(reference_step(pair.g, pair.y, run.header.learning_rate));
    const StepAnalysis& step = analysis.steps[k];
    RC_ASSERT(step.step == options.first + k);
    require_same(step.loss, run.losses[options.first + k], "loss");
    RC_ASSERT((step.judgement == expected[k].judgement));
    require_same(step.angle, expected[k].angle, "angle");
    require_same(step.alpha, expected[k].alpha, "alpha");
    require_same(step.condition, expected[k].condition, "condition");
    require_same(step.lambda_min, expected[k].lambda_min, "lambda_min");
    require_same(step.lambda_max, expected[k].lambda_max, "lambda_max");
    require_same(step.scaled_alpha, expected[k].scaled_alpha, "alpha eta");
  }
  RC_ASSERT((analysis.verdicts == counts(expected)));
  require_summary(analysis.angle, expected, &ReferenceStep::angle, "angle");
  require_summary(analysis.condition, expected, &ReferenceStep::condition, "condition");
  std::size_t start = 0;
  for (const GroupAnalysis& group : analysis.groups) {
    std::vector<ReferenceStep> of_group;
    for (std::size_t k = 0; k < analysis.steps.size(); ++k) {
      const Pair pair = pair_of(run, options.first + k);
      of_group.push_back(reference_step(Doubles(pair.g).subspan(start, group.size),
                                        Doubles(pair.y).subspan(start, group.size), {}));
      RC_ASSERT((group.steps[k].judgement == of_group[k].judgement));
      require_same(group.steps[k].angle, of_group[k].angle, "a group's angle");
      require_same(group.steps[k].condition, of_group[k].condition, "a group's condition");
    }
    RC_ASSERT((group.verdicts == counts(of_group)));
    require_summary(group.angle, of_group, &ReferenceStep::angle, "a group's angle");
    require_summary(group.condition, of_group, &ReferenceStep::condition, "a group's condition");
    start += group.size;
  }
  RC_ASSERT(start == run.header.dimension);
}

// Regrouping the coordinates, or leaving the groups out, changes nothing of the whole.
void groups_do_not_matter(const Subject& subject) {
  const RunData run = draw_run();
  RunData other = run;
  other.header.groups.clear();
  if (*indices(2) == 0) {
    // Turned by one coordinate, in groups of one.
    for (auto* rows : {&other.updates, &other.gradients}) {
      for (auto& row : *rows) std::rotate(row.begin(), row.begin() + 1, row.end());
    }
    for (std::uint64_t i = 0; i < run.header.dimension; ++i) {
      other.header.groups.push_back({"coordinate " + std::to_string(i), 1});
    }
  }
  const ScratchFile file, other_file;
  subject.write_run(file.path(), run);
  subject.write_run(other_file.path(), other);
  const Analysis one = subject.analyze(RunReader(file.path()), {});
  const Analysis two = subject.analyze(RunReader(other_file.path()), {});
  RC_ASSERT((one.verdicts == two.verdicts));
  RC_ASSERT((one.angle == two.angle));
  RC_ASSERT((one.condition == two.condition));
  for (std::size_t k = 0; k < one.steps.size(); ++k) {
    RC_ASSERT((one.steps[k].judgement == two.steps[k].judgement));
    require_same(one.steps[k].angle, two.steps[k].angle, "angle");
    require_same(one.steps[k].condition, two.steps[k].condition, "condition");
  }
}

Canary analysing(const char* name, void (*change)(Analysis&)) {
  return {name, [change](Subject& subject) {
            subject.analyze = [change](const RunReader& run, const AnalyzeOptions& options) {
              Analysis analysis = natgrad::analyze(run, options);
              change(analysis);
              return analysis;
            };
          }};
}

Canary window_found_by(const char* name, bool (*works)(Doubles, std::size_t)) {
  return {name, [works](Subject& subject) {
            subject.analyze_window = [works](Doubles losses, std::optional<std::uint64_t> window) {
              WindowAnalysis out = natgrad::analyze_window(losses, window);
              out.minimal.reset();
              for (std::size_t m = 1; m < losses.size() && !out.minimal; ++m) {
                if (works(losses, m)) out.minimal = m;
              }
              return out;
            };
          }};
}

}  // namespace

std::vector<Property> analysis_properties() {
  return {
      {"analysis.window",
       "brute force",
       "the minimal window and the effective fraction are those of their definitions",
       brute_force_window,
       {window_found_by("a plateau counts as improvement",
                        [](Doubles losses, std::size_t m) {
                          for (std::size_t k = 0; k + m < losses.size(); ++k) {
                            if (!(losses[k + m] <= losses[k])) return false;
                          }
                          return true;
                        }),
        window_found_by("only the first window is looked at",
                        [](Doubles losses, std::size_t m) { return losses[m] < losses[0]; }),
        window_found_by("windows that overlap are left out",
                        [](Doubles losses, std::size_t m) {
                          for (std::size_t k = 0; k + m < losses.size(); k += m) {
                            if (!(losses[k + m] < losses[k])) return false;
                          }
                          return true;
                        }),
        {"the fraction at m = 1 whatever the window",
         [](Subject& subject) {
           subject.analyze_window = [](Doubles losses, std::optional<std::uint64_t> window) {
             WindowAnalysis out = natgrad::analyze_window(losses, window);
             out.effective_fraction = natgrad::analyze_window(losses, {}).effective_fraction;
             return out;
           };
         }}}},
      {"analysis.summary",
       "definition",
       "the median (the rounded mean of the middle two when even) and the maximum, in any order",
       median_and_maximum,
       {{"the upper of the middle two",
         [](Subject& subject) {
           subject.summarise = [](std::vector<double> values) {
             std::sort(values.begin(), values.end());
             return values.empty() ? Summary{} : Summary{values[values.size() / 2], values.back()};
           };
         }},
        {"the mean of the middle two overflows",
         [](Subject& subject) {
           subject.summarise = [](std::vector<double> values) {
             std::sort(values.begin(), values.end());
             const std::size_t n = values.size();
             if (n == 0) return Summary{};
             return Summary{(values[(n - 1) / 2] + values[n / 2]) / 2, values.back()};
           };
         }}}},
      {"analysis.steps",
       "textbook",
       "every step, group, count and summary equals the multiprecision reference",
       steps_by_the_textbook,
       {analysing("what is undefined counts as zero",
                  [](Analysis& analysis) {
                    std::vector<double> values;
                    for (const StepAnalysis& step : analysis.steps)
                      values.push_back(step.condition.value_or(0));
                    analysis.condition = natgrad::summarise(values);
                  }),
        analysing("undetermined steps count as not effective",
                  [](Analysis& analysis) {
                    analysis.verdicts.not_effective += analysis.verdicts.undetermined;
                    analysis.verdicts.undetermined = 0;
                  }),
        analysing("the groups' verdicts are the whole's",
                  [](Analysis& analysis) {
                    for (GroupAnalysis& group : analysis.groups) group.verdicts = analysis.verdicts;
                  }),
        analysing("alpha* eta rounded twice",
                  [](Analysis& analysis) {
                    for (StepAnalysis& step : analysis.steps) {
                      if (step.scaled_alpha) step.scaled_alpha = step.lambda_max;
                    }
                  })},
       10},
      {"analysis.steps",
       "groups",
       "regrouping or permuting the coordinates changes nothing of the whole",
       groups_do_not_matter,
       {analysing("the whole is its first group",
                  [](Analysis& analysis) {
                    for (std::size_t k = 0; k < analysis.steps.size(); ++k) {
                      analysis.steps[k].judgement = analysis.groups.front().steps[k].judgement;
                      analysis.steps[k].angle = analysis.groups.front().steps[k].angle;
                    }
                  })},
       10},
  };
}

}  // namespace natgrad::test
