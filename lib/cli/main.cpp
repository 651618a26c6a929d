// natgrad: the command line. Exit codes: 0 done, 2 usage, 3 bad input, 4 no metric exists, 5 a claim failed,
// 70 internal error. Results on standard output, everything else on standard error.
#include <fmt/format.h>
#include <hdf5.h>

#include <algorithm>
#include <charconv>
#include <csignal>
#include <cstdint>
#include <exception>
#include <new>
#include <numeric>
#include <span>
#include <string>
#include <vector>

#include "cli.hpp"
#include "natgrad/error.hpp"
#include "natgrad/gram.hpp"
#include "numbers.hpp"
#include "stream.hpp"

namespace natgrad::cli {
namespace {

double number_option(const std::string& option, const std::string& text) {
  const Number number = parse_number(text);
  switch (number.kind) {
    case NumberKind::finite:
      return number.value;
    case NumberKind::malformed:
      throw UsageError(fmt::format("{}: {} is not a number", option, in_quotes(text)));
    case NumberKind::underflow:
      throw UsageError(fmt::format("{}: {} is too small for a double", option, in_quotes(text)));
    default:
      throw UsageError(fmt::format("{}: {} must be finite", option, in_quotes(text)));
  }
}

std::size_t edit_distance(const std::string& a, const std::string& b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t changed = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, changed});
    }
  }
  return row.back();
}

}  // namespace

double positive_option(const std::string& option, const std::string& text) {
  const double value = number_option(option, text);
  if (!(value > 0)) throw UsageError(fmt::format("{}: {} must be > 0", option, in_quotes(text)));
  return value;
}

double non_negative_option(const std::string& option, const std::string& text) {
  const double value = number_option(option, text);
  if (!(value >= 0)) throw UsageError(fmt::format("{}: {} must be >= 0", option, in_quotes(text)));
  return value;
}

std::uint64_t count_option(const std::string& option, const std::string& text, std::uint64_t lo,
                           std::uint64_t hi) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < lo || value > hi)
    throw UsageError(
        fmt::format("{}: {} is not a whole number of {} to {}", option, in_quotes(text), lo, hi));
  return value;
}

std::string unknown_name(const std::string& what, const std::string& name,
                         const std::vector<std::string>& known) {
  std::string nearest, list;
  std::size_t least = name.size() / 3 + 2;  // farther ones are no help
  for (const std::string& candidate : known) {
    list += (list.empty() ? "" : ", ") + candidate;
    // The beginning of a name is near it, however long the rest.
    const std::size_t distance =
        name.size() > 1 && candidate.starts_with(name) ? 1 : edit_distance(name, candidate);
    if (distance < least) {
      least = distance;
      nearest = candidate;
    }
  }
  if (!nearest.empty()) nearest = " (did you mean " + nearest + "?)";
  return fmt::format("unknown {} {}{}; known: {}", what, in_quotes(name), nearest, list);
}

namespace {

/// Whether a kernel can be chosen: said here, where it cannot be taken for a fault of the input.
bool has_kernel() {
  const double one[] = {1};
  try {
    Gram::of(std::span(one), std::span(one));
    return true;
  } catch (const ContractError& error) {
    message(error.what());
    return false;
  }
}

int run(int argc, char** argv) {
  CLI::App app(
      "Every effective learning rule is natural gradient descent: the metric, its spectrum and a\n"
      "verdict that can be trusted at any scale, from vectors or from a recorded run.\n",
      "natgrad");
  app.set_help_flag("-h,--help", "this help");
  app.set_version_flag("--version", fmt::format("natgrad {}", version()), "the version");
  app.require_subcommand(0, 1);  // "a command is needed" comes after what is wrong with the options
  app.get_formatter()->label("REQUIRED", "");
  app.footer(R"(natgrad COMMAND --help explains a command and gives an example.

Example:
  natgrad record feedback-alignment --steps 200 -o run.h5
  natgrad analyze run.h5)");
  const std::vector<Command> commands = {add_metric(app), add_check(app),   add_apply(app),
                                         add_record(app), add_analyze(app), add_claims(app)};

  std::string hint = "natgrad --help";
  try {
    if (argc > 1 && argv[1][0] != '-') {
      const std::string name = argv[1];
      std::vector<std::string> names;
      for (const Command& command : commands) names.push_back(command.app->get_name());
      if (std::find(names.begin(), names.end(), name) == names.end())
        throw UsageError(unknown_name("command", name, names));
      hint = fmt::format("natgrad {} --help", name);
    }
    try {
      app.parse(argc, argv);
    } catch (const CLI::CallForVersion&) {
      write_output(fmt::format("natgrad {}\n", version()));
      return done;
    } catch (const CLI::Success&) {
      write_output(app.help());
      return done;
    } catch (const CLI::ParseError& error) {
      throw UsageError(error.what());
    }
    for (const Command& command : commands)
      if (command.app->parsed()) return has_kernel() ? command.run() : usage;
    throw UsageError("a command is needed");
  } catch (const UsageError& error) {
    message(error.what());
    message(fmt::format("try {}", hint));
    return usage;
  }
}

}  // namespace
}  // namespace natgrad::cli

int main(int argc, char** argv) {
  using namespace natgrad::cli;
  prepare_streams();
  ::H5dont_atexit();  // after a damaged file it would complain there, and all that matters is closed by then
  try {
    return run(argc, argv);
  } catch (const natgrad::InputError& error) {
    message(error.what());
    return bad_input;
  } catch (const natgrad::ContractError& error) {
    message(error.what());
    return bad_input;
  } catch (const BrokenPipe& pipe) {
    die_of_broken_pipe();
    message(pipe.path + ": cannot be written: the reader has gone");
    return bad_input;
  } catch (const Interrupted& interrupted) {
    message("interrupted; nothing was written");
    std::signal(interrupted.signal, SIG_DFL);
    std::raise(interrupted.signal);
    return internal_error;
  } catch (const std::bad_alloc&) {
    message("internal error: out of memory");
    return internal_error;
  } catch (const std::exception& error) {
    message(fmt::format("internal error: {}", error.what()));
    return internal_error;
  } catch (...) {
    message("internal error: an unknown exception");
    return internal_error;
  }
}
