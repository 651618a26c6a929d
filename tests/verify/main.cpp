// natgrad: natgrad-verify, the property suites as one program.
//
// Every property is a law of one claim of proofs/claims.toml. It is run on the library, and again on copies
// of the library with one deliberate mistake each (its canaries), which it has to reject.
#include <rapidcheck.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <iostream>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <random>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "natgrad/error.hpp"
#include "natgrad/gram.hpp"
#include "support/laws.hpp"
#include "utf8.hpp"

namespace {

using natgrad::test::Canary;
using natgrad::test::Property;
using natgrad::test::Subject;
using Json = nlohmann::ordered_json;

constexpr int exit_usage = 2, exit_bad_output = 3, exit_claim_failed = 5;
// With fewer cases than this a canary of a rare region could live by luck.
constexpr int least_canary_cases = 1000;

struct Options {
  bool list = false, json = false;
  std::vector<std::string> claims;
  int cases = 1000;
  std::uint64_t seed = 0;
};

class Silent : public rc::detail::TestListener {
 public:
  void onTestCaseFinished(const rc::detail::CaseDescription&) override { ++cases; }
  void onShrinkTried(const rc::detail::CaseDescription&, bool) override {}
  void onTestFinished(const rc::detail::TestMetadata&, const rc::detail::TestResult&) override {}

  int cases = 0;
};

// A property's own seed: the same whichever other properties run.
std::uint64_t seed_of(std::uint64_t seed, const std::string& name) {
  std::uint64_t hash = 0xcbf29ce484222325;  // FNV-1a
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return seed ^ hash;
}

struct Run {
  rc::detail::TestResult result;
  int cases = 0;
};

Run run(const Property& property, const Subject& subject, std::uint64_t seed, int cases, bool shrink) {
  rc::detail::TestParams parameters;
  parameters.seed = seed;
  parameters.maxSuccess = cases;
  parameters.disableShrinking = !shrink;
  rc::detail::TestMetadata metadata;
  metadata.id = metadata.description = property.name();
  Silent listener;
  const auto result =
      rc::detail::checkTestable([&] { property.body(subject); }, metadata, parameters, listener,
                                std::unordered_map<std::string, rc::detail::Reproduce>());
  return {result, listener.cases};
}

struct CanaryOutcome {
  std::string name;
  bool killed = false;
  int cases = 0;  // until it was rejected
};

struct Outcome {
  const Property* property = nullptr;
  bool holds = false;
  int cases = 0;
  std::map<std::string, int> classes;  // coverage: how many cases carried each tag
  std::string failure;
  std::vector<std::pair<std::string, std::string>> counterexample;
  std::vector<CanaryOutcome> canaries;

  bool passed() const {
    return holds &&
           std::all_of(canaries.begin(), canaries.end(), [](const auto& canary) { return canary.killed; });
  }
};

Outcome check(const Property& property, const Options& options) {
  Outcome outcome;
  outcome.property = &property;
  const std::uint64_t seed = seed_of(options.seed, property.name());
  const Run on_library = run(property, Subject(), seed, std::max(1, options.cases / property.divisor), true);
  rc::detail::SuccessResult success;
  rc::detail::FailureResult failure;
  rc::detail::GaveUpResult gave_up;
  if (on_library.result.match(success)) {
    outcome.holds = true;
    outcome.cases = success.numSuccess;
    for (const auto& [tags, count] : success.distribution) {
      // RapidCheck has put strings in quotes.
      for (const std::string& tag : tags) {
        outcome.classes[tag.starts_with('"') ? tag.substr(1, tag.size() - 2) : tag] += count;
      }
    }
  } else if (on_library.result.match(failure)) {
    outcome.cases = failure.numSuccess + 1;
    outcome.failure = failure.description;
    outcome.counterexample = failure.counterExample;
  } else if (on_library.result.match(gave_up)) {
    outcome.cases = gave_up.numSuccess;
    outcome.failure = "gave up: " + gave_up.description;
  } else {
    outcome.failure = rc::toString(on_library.result);
  }
  for (const Canary& canary : property.canaries) {
    Subject subject;
    canary.sabotage(subject);
    const int cases = std::max(least_canary_cases, options.cases) / property.divisor;
    const Run on_canary = run(property, subject, seed, cases, false);
    outcome.canaries.push_back(
        {canary.name, on_canary.result.is<rc::detail::FailureResult>(), on_canary.cases});
  }
  return outcome;
}

std::string rerun_command(const Property& property, const Options& options) {
  return "natgrad-verify --claim " + property.claim + " --cases " + std::to_string(options.cases) +
         " --seed " + std::to_string(options.seed);
}

void print(const Outcome& outcome, const Options& options) {
  const Property& property = *outcome.property;
  const auto killed = std::count_if(outcome.canaries.begin(), outcome.canaries.end(),
                                    [](const CanaryOutcome& canary) { return canary.killed; });
  std::cout << (outcome.passed() ? "pass  " : "FAIL  ") << property.name() << "  " << outcome.cases
            << " cases, " << killed << "/" << outcome.canaries.size() << " canaries killed";
  std::vector<std::pair<int, std::string>> classes;
  for (const auto& [tag, count] : outcome.classes) classes.emplace_back(-count, tag);
  std::sort(classes.begin(), classes.end());
  const char* separator = "  [";
  for (const auto& [count, tag] : classes) {
    std::cout << separator << tag << " " << (-count * 100 + outcome.cases / 2) / outcome.cases << "%";
    separator = ", ";
  }
  std::cout << (classes.empty() ? "" : "]") << "\n";
  if (!outcome.holds) {
    std::cout << "  law: " << property.statement << "\n  falsified after " << outcome.cases << " cases:\n";
    std::cout << outcome.failure << "\n";
    for (const auto& [type, value] : outcome.counterexample)
      std::cout << "  " << type << ":\n    " << value << "\n";
  }
  for (const CanaryOutcome& canary : outcome.canaries) {
    if (!canary.killed) {
      std::cout << "  canary alive: \"" << canary.name << "\" was not rejected in " << canary.cases
                << " cases\n";
    }
  }
  if (!outcome.passed()) std::cout << "  again: " << rerun_command(property, options) << "\n";
  std::cout << std::flush;
}

Json to_json(const Outcome& outcome, const Options& options) {
  const Property& property = *outcome.property;
  Json json = {{"claim", property.claim}, {"property", property.name()}, {"holds", outcome.holds},
               {"cases", outcome.cases},  {"classes", outcome.classes},  {"canaries", Json::array()}};
  for (const CanaryOutcome& canary : outcome.canaries) {
    json["canaries"].push_back({{"name", canary.name}, {"killed", canary.killed}, {"cases", canary.cases}});
  }
  if (!outcome.holds) {
    json["failure"] = outcome.failure;
    json["counterexample"] = Json::array();
    for (const auto& [type, value] : outcome.counterexample) {
      json["counterexample"].push_back({{"type", type}, {"value", value}});
    }
  }
  if (!outcome.passed()) json["again"] = rerun_command(property, options);
  return json;
}

std::vector<Property> all_properties() {
  std::vector<Property> all;
  for (const auto& row :
       {natgrad::test::gram_properties, natgrad::test::scalars_properties,
        natgrad::test::canonical_form_properties, natgrad::test::canonical_form_general_properties,
        natgrad::test::uniqueness_properties, natgrad::test::min_condition_properties,
        natgrad::test::least_change_properties, natgrad::test::discrete_taylor_properties,
        natgrad::test::rules_properties, natgrad::test::run_properties, natgrad::test::analysis_properties,
        natgrad::test::report_properties}) {
    for (Property& property : row()) all.push_back(std::move(property));
  }
  return all;
}

void list(const std::vector<Property>& properties, bool json) {
  if (!json) {
    for (const Property& property : properties) {
      std::cout << property.name() << "  " << property.statement << "\n";
      for (const Canary& canary : property.canaries) std::cout << "    canary: " << canary.name << "\n";
    }
    return;
  }
  Json out = {{"version", NATGRAD_VERSION}, {"properties", Json::array()}};
  for (const Property& property : properties) {
    Json entry = {
        {"claim", property.claim}, {"property", property.name()}, {"statement", property.statement}};
    entry["canaries"] = Json::array();
    for (const Canary& canary : property.canaries) entry["canaries"].push_back(canary.name);
    out["properties"].push_back(entry);
  }
  std::cout << out.dump(2) << "\n";
}

// "gram.exact" is of the claim gram.exact, and of the row gram.
bool belongs(const Property& property, const std::string& claim_or_row) {
  return property.claim == claim_or_row || property.claim.starts_with(claim_or_row + ".");
}

// Exit code 2 for a claim that no property belongs to.
int select(std::vector<Property>& properties, const std::vector<std::string>& claims) {
  for (const std::string& claim : claims) {
    if (std::any_of(properties.begin(), properties.end(),
                    [&](const Property& property) { return belongs(property, claim); }))
      continue;
    std::cerr << "natgrad-verify: --claim " << natgrad::utf8::printable(claim)
              << ": no property belongs to such a claim or row. Known:\n";
    std::set<std::string> listed;
    for (const Property& property : properties)
      if (listed.insert(property.claim).second) std::cerr << "  " << property.claim << "\n";
    return exit_usage;
  }
  if (!claims.empty()) {
    std::erase_if(properties, [&](const Property& property) {
      return std::none_of(claims.begin(), claims.end(),
                          [&](const std::string& claim) { return belongs(property, claim); });
    });
  }
  return 0;
}

int verify(const std::vector<Property>& properties, const Options& options) {
  if (!options.json) std::cout << "seed " << options.seed << "\n" << std::flush;
  Json report = {{"version", NATGRAD_VERSION},
                 {"seed", options.seed},
                 {"cases", options.cases},
                 {"passed", true},
                 {"properties", Json::array()}};
  int failed = 0;
  std::size_t canaries = 0;
  for (const Property& property : properties) {
    if (options.json) std::cerr << "natgrad-verify: " << property.name() << "\n";
    const Outcome outcome = check(property, options);
    if (!outcome.passed()) ++failed;
    canaries += outcome.canaries.size();
    if (options.json) {
      report["properties"].push_back(to_json(outcome, options));
    } else {
      print(outcome, options);
    }
  }
  if (options.json) {
    report["passed"] = failed == 0;
    std::cout << report.dump(2) << "\n";
  } else {
    std::cout << properties.size() - static_cast<std::size_t>(failed) << " properties passed, " << failed
              << " failed; " << canaries << " canaries; seed " << options.seed << "\n";
  }
  return failed == 0 ? 0 : exit_claim_failed;
}

std::uint64_t random_seed() {
  return std::random_device()();
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  options.seed = random_seed();
  CLI::App app(
      "Checks the properties of natgrad: every claim on random hostile input, and that each check\n"
      "rejects its canaries (deliberate mistakes). Prints the seed; the same seed gives the same cases.",
      "natgrad-verify");
  app.footer(
      "Example: natgrad-verify --claim gram.exact --cases 100000 --seed 7\n"
      "Exit codes: 0 all hold; 2 usage; 3 the output cannot be written;\n5 a claim fell or a canary lived.");
  app.set_version_flag("--version", "natgrad-verify " NATGRAD_VERSION);
  app.add_flag("--list", options.list, "List the properties and their canaries; check nothing");
  app.add_option("--claim", options.claims,
                 "Only the properties of this claim, or of this row (gram); may be repeated")
      ->type_name("ID");
  app.add_option("--cases", options.cases,
                 "Cases per property (slow laws run a half to a tenth of them; canaries: at least 1000)")
      ->type_name("N")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000000000));
  std::optional<std::string> seed;
  app.add_option("--seed", seed, "Seed, a whole number below 2^64 (default: random)")->type_name("S");
  app.add_flag("--json", options.json, "Print JSON");
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& success) {
    return app.exit(success);
  } catch (const CLI::ParseError& error) {
    std::cerr << "natgrad-verify: " << natgrad::utf8::printable(error.what())
              << "\nnatgrad-verify: try natgrad-verify --help\n";
    return exit_usage;
  }
  if (seed) {
    const char *const begin = seed->data(), *const end = begin + seed->size();
    if (const auto [last, error] = std::from_chars(begin, end, options.seed);
        error != std::errc() || last != end) {
      std::cerr << "natgrad-verify: --seed: '" << natgrad::utf8::printable(*seed)
                << "' is not a whole number of 0 to " << std::numeric_limits<std::uint64_t>::max() << "\n";
      return exit_usage;
    }
  }
  try {
    const double one[] = {1};
    natgrad::Gram::of(std::span(one), std::span(one));
  } catch (const natgrad::ContractError& error) {  // NATGRAD_KERNEL is not one: no property's fault
    std::cerr << "natgrad-verify: " << natgrad::utf8::printable(error.what()) << "\n";
    return exit_usage;
  }
  std::vector<Property> properties = all_properties();
  if (const int code = select(properties, options.claims); code != 0) return code;
  int code = 0;
  if (options.list)
    list(properties, options.json);
  else
    code = verify(properties, options);
  if (!std::cout.flush()) {
    std::cerr << "natgrad-verify: standard output cannot be written\n";
    return exit_bad_output;
  }
  return code;
}
