// natgrad: what the commands of the command line share: exit codes, refusals, how a command is declared.
#ifndef NATGRAD_CLI_CLI_HPP
#define NATGRAD_CLI_CLI_HPP

#include <CLI/CLI.hpp>
#include <cstdint>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

namespace natgrad::cli {

/// The exit codes that scripts rely on.
enum ExitCode : int {
  done = 0,
  usage = 2,
  bad_input = 3,
  no_metric = 4,
  claim_failed = 5,
  internal_error = 70
};

/// The arguments make no sense: exit code 2. The message names the option and its value.
class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A subcommand and what to do once its arguments are parsed; returns the exit code.
struct Command {
  CLI::App* app = nullptr;
  std::function<int()> run;
};

Command add_metric(CLI::App& root);
Command add_check(CLI::App& root);
Command add_apply(CLI::App& root);
Command add_record(CLI::App& root);
Command add_analyze(CLI::App& root);
Command add_claims(CLI::App& root);

/// The value of an option that must be finite and > 0 (or >= 0). @throws UsageError naming the option
double positive_option(const std::string& option, const std::string& text);
double non_negative_option(const std::string& option, const std::string& text);
/// A whole number in lo .. hi. @throws UsageError naming the option
std::uint64_t count_option(const std::string& option, const std::string& text, std::uint64_t lo,
                           std::uint64_t hi);

/// "unknown rule 'adan' (did you mean adam?); known: gradient-descent, adam".
std::string unknown_name(const std::string& what, const std::string& name,
                         const std::vector<std::string>& known);

}  // namespace natgrad::cli

#endif
