// natgrad analyze: what a run file says about its learning rule.
#include <fmt/format.h>

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>

#include "apart.hpp"
#include "cli.hpp"
#include "natgrad/analysis.hpp"
#include "natgrad/report.hpp"
#include "numbers.hpp"
#include "stream.hpp"

namespace natgrad::cli {
namespace {

struct AnalyzeArguments {
  std::string run;
  std::optional<std::string> window, steps, report;
  bool json = false, progress = false;
};

/// "A:B", ":B", "A:" or ":".
void parse_steps(const std::string& text, AnalyzeOptions& options) {
  const auto colon = text.find(':');
  if (colon == std::string::npos)
    throw UsageError(fmt::format("--steps: {} is not of the form A:B", in_quotes(text)));
  constexpr auto most = std::numeric_limits<std::int64_t>::max();
  const std::string first = text.substr(0, colon), last = text.substr(colon + 1);
  if (!first.empty()) options.first = count_option("--steps", first, 0, most);
  if (!last.empty()) options.last = count_option("--steps", last, 0, most);
}

int run_analyze(const AnalyzeArguments& arguments) {
  AnalyzeOptions options;
  if (arguments.window && *arguments.window != "auto")
    options.window = count_option("--window", *arguments.window, 1, std::numeric_limits<std::int64_t>::max());
  if (arguments.steps) parse_steps(*arguments.steps, options);
  if (arguments.report && arguments.report->empty()) throw UsageError("--report: the name is empty");

  Analysis analysis;
  {
    Reading reading(arguments.run);
    const RunReader run(arguments.run);
    reading.values();
    if (run.info().steps == 0) throw InputError(arguments.run + ": a run of no steps");
    const Interrupts interrupts;
    Progress progress("analysing " + arguments.run, arguments.progress);
    options.progress = [&](std::uint64_t done, std::uint64_t total) {
      Interrupts::check();
      progress.update(done, total);
    };
    try {
      analysis = analyze(run, options);
    } catch (const ContractError& error) {
      throw UsageError(fmt::format("{}: {}", arguments.run, error.what()));  // --window or --steps
    }
  }

  if (arguments.report) {
    const Interrupts interrupts;
    Progress progress("drawing the report", arguments.progress);
    ReportFiles files;
    try {
      files = write_report(analysis, *arguments.report, [&](std::uint64_t done, std::uint64_t total) {
        Interrupts::check();
        progress.update(done, total, "pictures");
      });
    } catch (const InputError&) {
      Interrupts::check();  // Ctrl-C reaches gnuplot as well
      throw;
    }
    if (!files.pictures) message("warning: gnuplot was not found, so the report has no pictures");
    message(fmt::format("report: {} ({})", files.html, files.json));
  }
  write_output(arguments.json ? to_json(analysis) : to_text(analysis, colour_wanted()));
  return done;
}

}  // namespace

Command add_analyze(CLI::App& root) {
  const auto arguments = std::make_shared<AnalyzeArguments>();
  CLI::App* app = root.add_subcommand("analyze", "Verdict, angle and metric of every step of a run");
  app->add_option("RUN", arguments->run, "the run file (HDF5)")->required()->type_name("");
  app->add_option("--window", arguments->window, "the window M of effective_fraction; auto is 1")
      ->type_name("auto|M");
  app->add_option("--steps", arguments->steps, "only steps A up to B-1; either may be left out")
      ->type_name("A:B");
  app->add_option("--report", arguments->report, "write DIR/index.html with pictures, and DIR/analysis.json")
      ->type_name("DIR");
  app->add_flag("--progress", arguments->progress, "progress on standard error even if that is no terminal");
  app->add_flag("--json", arguments->json, "JSON instead of a summary");
  app->footer(R"(Exit codes: 0 done (whatever the verdicts), 2 usage, 3 bad input.

Example:
  natgrad record heavy-ball --steps 200 -o run.h5
  natgrad analyze run.h5 --report report)");
  return {app, [arguments] { return run_apart([&] { return run_analyze(*arguments); }); }};
}

}  // namespace natgrad::cli
