// natgrad record: runs a learning rule on a problem and writes the run file.
#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "cli.hpp"
#include "json.hpp"
#include "natgrad/run.hpp"
#include "numbers.hpp"
#include "stream.hpp"
#include "utf8.hpp"

namespace natgrad::cli {
namespace {

struct RecordArguments {
  std::optional<std::string> rule, problem, steps, learning_rate, seed, output;
  bool list = false, json = false, progress = false;
};

template <class Set>
std::vector<std::string> names(const Set& set) {
  std::vector<std::string> out;
  for (const auto& entry : set.entries()) out.push_back(entry.name);
  return out;
}

/// @throws UsageError with the known names if `name` is none of them
template <class Set>
void check_name(const Set& set, const char* what, const std::string& name) {
  if (set.find(name) == nullptr) throw UsageError(unknown_name(what, name, names(set)));
}

int list(bool json) {
  const RuleSet rules = RuleSet::standard();
  const ProblemSet problems = ProblemSet::standard();
  if (json) {
    Json out;
    out["version"] = version();
    out["rules"] = Json::array();
    for (const RuleEntry& rule : rules.entries())
      out["rules"].push_back({{"name", rule.name},
                              {"description", rule.description},
                              {"default_problem", rule.default_problem},
                              {"default_learning_rate", rule.default_learning_rate}});
    out["problems"] = Json::array();
    for (const ProblemEntry& problem : problems.entries())
      out["problems"].push_back({{"name", problem.name}, {"description", problem.description}});
    write_output(out.dump(2) + "\n");
    return done;
  }
  std::size_t width = 0;
  for (const auto& name : names(rules)) width = std::max(width, name.size());
  for (const auto& name : names(problems)) width = std::max(width, name.size());
  std::string text = "Rules\n";
  for (const RuleEntry& rule : rules.entries())
    text += fmt::format("  {:<{}}  {}\n  {:<{}}  by default on {} with learning rate {}\n", rule.name, width,
                        rule.description, "", width, rule.default_problem,
                        number_text(rule.default_learning_rate));
  text += "\nProblems\n";
  for (const ProblemEntry& problem : problems.entries())
    text += fmt::format("  {:<{}}  {}\n", problem.name, width, problem.description);
  write_output(text);
  return done;
}

/// The rules, each step of which first asks whether the user has had enough.
RuleSet interruptible_rules() {
  const RuleSet standard = RuleSet::standard();
  RuleSet rules;
  for (RuleEntry entry : standard.entries()) {
    entry.make = [make = entry.make]() -> Rule {
      return [rule = make()](const RuleInput& input, std::span<double> step) {
        Interrupts::check();
        rule(input, step);
      };
    };
    rules.add(std::move(entry));
  }
  return rules;
}

int run_record(const RecordArguments& arguments) {
  if (arguments.list) {
    if (arguments.rule || arguments.output || arguments.problem || arguments.steps ||
        arguments.learning_rate || arguments.seed)
      throw UsageError("--list goes with no rule, output or other option but --json");
    return list(arguments.json);
  }
  if (!arguments.rule) throw UsageError("a rule is needed; natgrad record --list shows them");
  RecordOptions options;
  options.rule = *arguments.rule;
  options.problem = arguments.problem;
  check_name(RuleSet::standard(), "rule", options.rule);
  if (options.problem) check_name(ProblemSet::standard(), "problem", *options.problem);
  if (arguments.steps)
    options.steps = count_option("--steps", *arguments.steps, 1, std::numeric_limits<std::int64_t>::max());
  if (arguments.seed)
    options.seed = count_option("--seed", *arguments.seed, 0, std::numeric_limits<std::int64_t>::max());
  if (arguments.learning_rate)
    options.learning_rate = positive_option("--learning-rate", *arguments.learning_rate);
  if (!arguments.output) throw UsageError("an output is needed: -o RUN.h5");
  if (*arguments.output == "-") throw UsageError("-o -: a run file cannot go to standard output");
  RecordSummary summary;
  {
    const Interrupts interrupts;
    Progress progress("recording " + options.rule, arguments.progress);
    options.progress = [&](std::uint64_t step, std::uint64_t steps, double loss) {
      progress.update(step, steps, fmt::format("loss {:.6g}", loss));
    };
    try {
      summary = record(options, *arguments.output, interruptible_rules());
    } catch (const ContractError& error) {
      throw UsageError(error.what());  // everything that record() is given are options
    }
  }

  if (arguments.json) {
    Json out;
    out["version"] = version();
    out["rule"] = summary.rule;
    out["problem"] = summary.problem;
    out["seed"] = options.seed;
    out["learning_rate"] = summary.learning_rate;
    out["dimension"] = summary.dimension;
    out["steps"] = summary.steps;
    out["stopped_early"] = summary.stopped_early;
    out["first_loss"] = summary.first_loss;
    out["last_loss"] = summary.last_loss;
    out["file"] = *arguments.output;
    write_output(out.dump(2, ' ', true, Json::error_handler_t::replace) + "\n");
  } else {
    write_output(fmt::format(
        "{}: {} on {}, {} steps{} of dimension {}, learning rate {}, seed {}, loss {} -> {}\n",
        utf8::printable(*arguments.output), summary.rule, summary.problem, summary.steps,
        summary.stopped_early ? " (converged)" : "", summary.dimension, number_text(summary.learning_rate),
        options.seed, number_text(summary.first_loss), number_text(summary.last_loss)));
  }
  return done;
}

}  // namespace

Command add_record(CLI::App& root) {
  const auto arguments = std::make_shared<RecordArguments>();
  CLI::App* app = root.add_subcommand("record", "Run a learning rule on a problem and write the run file");
  app->add_option("RULE", arguments->rule, "the learning rule; see --list")->type_name("");
  app->add_option("-o,--output", arguments->output, "the run file to write (HDF5)")->type_name("RUN.h5");
  app->add_option("--problem", arguments->problem, "the problem; without it the rule's own choice")
      ->type_name("P");
  app->add_option("--steps", arguments->steps, "at most so many steps (1000)")->type_name("N");
  app->add_option("--learning-rate", arguments->learning_rate, "without it the rule's own choice")
      ->type_name("E");
  app->add_option("--seed", arguments->seed, "of the problem's random numbers (1)")->type_name("S");
  app->add_flag("--list", arguments->list, "show the rules and problems");
  app->add_flag("--progress", arguments->progress, "progress on standard error even if that is no terminal");
  app->add_flag("--json", arguments->json, "the summary, or the list, as JSON");
  app->footer(R"(The file appears when the run is complete; a run that does not get there leaves
nothing.

Exit codes: 0 done, 2 usage (or the run diverged), 3 cannot be written.

Example:
  natgrad record adam --steps 200 -o run.h5)");
  return {app, [arguments] { return run_record(*arguments); }};
}

}  // namespace natgrad::cli
