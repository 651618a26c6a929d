// natgrad metric: verdict, Gram and scalars of a pair of vectors.
#include <fmt/format.h>

#include <array>
#include <cmath>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "apart.hpp"
#include "array_file.hpp"
#include "cli.hpp"
#include "json.hpp"
#include "natgrad/gram.hpp"
#include "natgrad/least_change.hpp"
#include "natgrad/scalars.hpp"
#include "numbers.hpp"
#include "stream.hpp"

namespace natgrad::cli {
namespace {

struct MetricOptions {
  std::string g, y;
  std::optional<std::string> alpha, radius, optimum, trace, certificate;
  bool json = false, exact = false;
};

/// What is known of the metric that is asked for: M(a), or an optimum.
struct Answers {
  Scalars scalars;  ///< those of the metric are the optimum's
  Judgement judgement;
  std::optional<ScalarEnclosures> enclosures;
  std::optional<Optimum> optimum;
  OptimumScalars of_optimum;  ///< if there is one

  /// There is a metric to speak of.
  bool metric() const {
    return judgement.verdict == Verdict::effective &&
           (!optimum || of_optimum.existence == Existence::attained);
  }
};

/// A scalar of the table: where it is in both structs, and what it is.
struct Row {
  const char* key;
  std::optional<double> Scalars::*value;
  std::optional<Enclosure> ScalarEnclosures::*enclosure;
  bool of_metric;  ///< exists only with a metric
  const char* meaning;
};

constexpr std::array<Row, 11> rows = {{
    {"cos", &Scalars::cosine, &ScalarEnclosures::cosine, false, "of the angle ψ between g and y"},
    {"sin", &Scalars::sine, &ScalarEnclosures::sine, false, "of ψ"},
    {"angle", &Scalars::angle, &ScalarEnclosures::angle, false, "ψ in radians"},
    {"alpha", &Scalars::alpha, &ScalarEnclosures::alpha, true, ""},  // filled in: α* or given
    {"lambda_min", &Scalars::lambda_min, &ScalarEnclosures::lambda_min, true, "smallest eigenvalue of M(α)"},
    {"lambda_max", &Scalars::lambda_max, &ScalarEnclosures::lambda_max, true, "largest eigenvalue of M(α)"},
    {"condition", &Scalars::condition, &ScalarEnclosures::condition, true, "κ = λ₊/λ₋"},
    {"sqrt_condition", &Scalars::sqrt_condition, &ScalarEnclosures::sqrt_condition, true, "√κ"},
    {"log_condition", &Scalars::log_condition, &ScalarEnclosures::log_condition, true, "ln κ"},
    {"trace", &Scalars::trace, &ScalarEnclosures::trace, true, "sum of the eigenvalues"},
    {"log_det", &Scalars::log_det, &ScalarEnclosures::log_det, true, "ln of the determinant"},
}};

Json json_enclosure(const std::optional<Enclosure>& e) {
  return e ? Json::array({json_number(e->lo), json_number(e->hi)}) : Json(nullptr);
}

/// One sentence, without the colour.
std::string in_words(const Answers& answers, const MetricOptions& options) {
  switch (answers.judgement.reason) {
    case Reason::descent:
      if (answers.optimum && answers.of_optimum.existence == Existence::infeasible)
        return fmt::format(
            "effective: y·g > 0, but no metric of the pair has the trace {}: it must be greater than y·y/y·g "
            "(for D = 1 equal to it)",
            options.trace.value_or(""));
      if (answers.optimum && !answers.metric())
        return fmt::format("effective: y·g > 0, but no metric is optimal for '{}': the bound is not attained",
                           to_string(*answers.optimum));
      if (answers.optimum)
        return fmt::format("effective: y·g > 0, so g = −M⁻¹∇L for the metric M that is optimal for '{}'",
                           to_string(*answers.optimum));
      return options.radius ? fmt::format(
                                  "effective: y·g > 0 whatever the error within radius {}, so g = −M⁻¹∇L "
                                  "for the metric M(α)",
                                  *options.radius)
                            : "effective: y·g > 0, so g = −M⁻¹∇L for the metric M(α)";
    case Reason::ascent:
      return "not effective: y·g < 0, so no symmetric positive definite M has M g = y";
    case Reason::orthogonal:
      return "not effective: y·g = 0 exactly, so no symmetric positive definite M has M g = y";
    case Reason::zero_update:
      return "not effective: g = 0 but y is not, so no M has M g = y";
    case Reason::zero_gradient:
      return "not effective: y = 0 but g is not, so no invertible M has M g = y";
    case Reason::stationary:
      return "undetermined: g = y = 0, so every metric works and none is determined";
    case Reason::inexact:
      return fmt::format("undetermined: with errors up to radius {} the sign of y·g is open",
                         options.radius.value_or("0"));
  }
  return "undetermined";
}

std::string to_json(const MetricOptions& options, const Gram& gram, const Answers& answers) {
  const Scalars& scalars = answers.scalars;
  const Judgement& judgement = answers.judgement;
  const auto& enclosures = answers.enclosures;
  Json json;
  json["version"] = version();
  json["dimension"] = gram.dimension();
  json["verdict"] = to_string(judgement.verdict);
  if (judgement.verdict == Verdict::undetermined) json["reason"] = to_string(judgement.reason);
  json["gram"] = {
      {"gg", json_number(scalars.gg)}, {"gy", json_number(scalars.gy)}, {"yy", json_number(scalars.yy)}};
  if (options.exact) {
    json["exact_gram"] = {{"unit", fmt::format("2^{}", ExactSum::unit_exponent)},
                          {"gg", gram.gg().to_hex()},
                          {"gy", gram.gy().to_hex()},
                          {"yy", gram.yy().to_hex()}};
  }
  for (const Row& row : rows)
    json[row.key] = row.of_metric && !answers.metric() ? Json(nullptr) : json_number(scalars.*row.value);
  if (answers.optimum) {
    json["optimum"] = to_string(*answers.optimum);
    json["attained"] = answers.metric();
    json["existence"] = to_string(answers.of_optimum.existence);
    json["block_alpha"] = json_number(answers.of_optimum.block_alpha);
    json["complement"] = json_number(answers.of_optimum.complement);
    json["objective"] = json_number(answers.of_optimum.objective);
  }
  if (enclosures) {
    Json& out = json["enclosure"];
    out["gg"] = json_enclosure(enclosures->gg);
    out["gy"] = json_enclosure(enclosures->gy);
    out["yy"] = json_enclosure(enclosures->yy);
    for (const Row& row : rows) out[row.key] = json_enclosure((*enclosures).*row.enclosure);
  }
  return json.dump(2) + "\n";
}

std::string to_text(const MetricOptions& options, const Gram& gram, const Answers& answers, bool colour) {
  const Scalars& scalars = answers.scalars;
  const Judgement& judgement = answers.judgement;
  const std::optional<ScalarEnclosures>& enclosures = answers.enclosures;
  const std::optional<Optimum>& optimum = answers.optimum;
  struct Line {
    std::string name, value, enclosure, meaning;
  };
  std::vector<Line> lines;
  if (enclosures) lines.push_back({"", "as given", "within the radius", ""});
  const auto add = [&](const char* name, const std::optional<double>& value,
                       const std::optional<Enclosure>& enclosure, const std::string& meaning) {
    lines.push_back({name, value ? number_text(*value) : "-",
                     !enclosures ? ""
                     : enclosure
                         ? fmt::format("[{}, {}]", number_text(enclosure->lo), number_text(enclosure->hi))
                         : "-",
                     meaning});
  };
  using E = std::optional<Enclosure>;
  lines.push_back({"dimension", fmt::format("{}", gram.dimension()), "", "D, the number of parameters"});
  add("gg", scalars.gg, enclosures ? E(enclosures->gg) : E(), "g·g, g the update");
  add("gy", scalars.gy, enclosures ? E(enclosures->gy) : E(), "y·g, y = −∇L: the descent to first order");
  add("yy", scalars.yy, enclosures ? E(enclosures->yy) : E(), "y·y");
  for (const Row& row : rows) {
    std::string meaning = row.meaning;
    if (meaning.empty())
      meaning = optimum         ? "α, where the optimum is one of the M(α)"
                : options.alpha ? "α as given"
                                : "α* = y·y/y·g, which makes κ least over all metrics";
    if (optimum && meaning.ends_with(" of M(α)"))
      meaning.resize(meaning.size() - std::string_view(" of M(α)").size());
    add(row.key, row.of_metric && !answers.metric() ? std::nullopt : scalars.*row.value,
        enclosures ? (*enclosures).*row.enclosure : E(), meaning);
  }
  if (optimum) {
    add("block_alpha", answers.of_optimum.block_alpha, E(), "on span(g, y) it is the M(α) of this α");
    add("complement", answers.of_optimum.complement, E(), "beside span(g, y) it is this times the identity");
    add("objective", answers.of_optimum.objective, E(),
        answers.metric() || !answers.of_optimum.objective
            ? std::string(describe(*optimum))
            : fmt::format("infimum, not attained: {}", describe(*optimum)));
  }

  std::size_t name_width = 0, value_width = 0, enclosure_width = 0;
  for (const Line& line : lines) {
    name_width = std::max(name_width, line.name.size());
    value_width = std::max(value_width, line.value.size());
    enclosure_width = std::max(enclosure_width, line.enclosure.size());
  }
  const char* paint = !colour                                       ? ""
                      : judgement.verdict == Verdict::effective     ? "\033[1;32m"
                      : judgement.verdict == Verdict::not_effective ? "\033[1;31m"
                                                                    : "\033[1;33m";
  std::string text = fmt::format("{}{}{}\n\n", paint, in_words(answers, options), colour ? "\033[0m" : "");
  for (const Line& line : lines) {
    text += fmt::format("{:<{}}  {:<{}}  ", line.name, name_width, line.value, value_width);
    if (enclosures) text += fmt::format("{:<{}}  ", line.enclosure, enclosure_width);
    text += line.meaning;
    text.erase(text.find_last_not_of(' ') + 1);
    text += '\n';
  }
  if (options.exact) {
    text += fmt::format("\nexactly, in units of 2^{}:\ngg  {}\ngy  {}\nyy  {}\n", ExactSum::unit_exponent,
                        gram.gg().to_hex(), gram.gy().to_hex(), gram.yy().to_hex());
  }
  return text;
}

/// A double as text that says which: C hexadecimal, or inf.
Json certified_number(const std::optional<double>& value) {
  if (!value) return nullptr;
  return std::isinf(*value) ? (*value < 0 ? "-inf" : "inf") : fmt::format("{:a}", *value);
}

/// The certificate: every claim about the pair and its M(a*), with the exact Gram.
std::string to_certificate(const Gram& gram, const Scalars& scalars) {
  const auto exact = [](const ExactSum& sum) {
    std::string mantissa = sum.to_hex();
    int exponent = ExactSum::unit_exponent;
    for (; mantissa.ends_with("00"); exponent += 8) mantissa.resize(mantissa.size() - 2);
    return Json{{"mantissa", mantissa}, {"exponent", exponent}};
  };
  Json json;
  json["format"] = "natgrad-certificate";
  json["version"] = 1;
  json["dimension"] = gram.dimension();
  json["verdict"] = to_string(scalars.judgement.verdict);
  json["gram"] = {{"gg", exact(gram.gg())}, {"gy", exact(gram.gy())}, {"yy", exact(gram.yy())}};
  Json& out = json["scalars"];
  const bool metric = scalars.judgement.verdict == Verdict::effective;
  for (const Row& row : rows)
    out[row.key] = row.of_metric && !metric ? Json(nullptr) : certified_number(scalars.*row.value);
  return json.dump(2) + "\n";
}

/// The optimum by its name, with its parameter. @throws UsageError
struct NamedOptimum {
  Optimum optimum;
  std::optional<double> parameter;
};

std::optional<NamedOptimum> named_optimum(const MetricOptions& options) {
  if (!options.optimum) {
    if (options.trace) throw UsageError("--trace is the parameter of --optimum determinant");
    return std::nullopt;
  }
  const auto optimum = optimum_named(*options.optimum);
  if (!optimum) {
    std::vector<std::string> names;
    for (const Optimum known : all_optima()) names.emplace_back(to_string(known));
    throw UsageError("--optimum: " + unknown_name("optimum", *options.optimum, names));
  }
  if (options.radius) throw UsageError("--radius encloses the scalars of M(a), not those of an --optimum");
  NamedOptimum result{*optimum, std::nullopt};
  if (options.alpha && *optimum != Optimum::bfgs)
    throw UsageError(fmt::format("--alpha is a parameter of --optimum bfgs, not of {}", *options.optimum));
  if (options.trace && *optimum != Optimum::determinant)
    throw UsageError(
        fmt::format("--trace is a parameter of --optimum determinant, not of {}", *options.optimum));
  if (*optimum == Optimum::determinant && !options.trace)
    throw UsageError("--optimum determinant needs --trace T, the trace that the metric is to have");
  if (options.alpha) result.parameter = positive_option("--alpha", *options.alpha);
  if (options.trace) result.parameter = positive_option("--trace", *options.trace);
  return result;
}

int run_metric(const MetricOptions& options) {
  const auto optimum = named_optimum(options);
  const Alpha alpha = options.alpha && !optimum ? Alpha(positive_option("--alpha", *options.alpha)) : Alpha();
  if (options.certificate) {
    for (const auto& [name, given] : {std::pair("--alpha", options.alpha.has_value()),
                                      std::pair("--optimum", options.optimum.has_value()),
                                      std::pair("--radius", options.radius.has_value())})
      if (given)
        throw UsageError(fmt::format("--certificate is of M(a*) and exact vectors: not with {}", name));
    if (*options.certificate == "-")
      throw UsageError("--certificate: standard output is taken by the results; name a file");
    check_output("--certificate", *options.certificate, {options.g, options.y});
    OutputFile::check(*options.certificate);
  }
  const double radius = options.radius ? non_negative_option("--radius", *options.radius) : 0;
  const auto vectors = read_vectors({options.g, options.y});

  const Gram gram = Gram::of(vectors[0].values, vectors[1].values);
  Answers answers;
  answers.scalars = scalars(gram, alpha);
  answers.judgement = answers.scalars.judgement;
  if (options.radius) {
    answers.enclosures = enclose(gram, radius, alpha);
    answers.judgement = answers.enclosures->judgement;
  }
  if (optimum) {
    answers.optimum = optimum->optimum;
    answers.of_optimum = optimum_scalars(optimum->optimum, gram, optimum->parameter);
    const OptimumScalars& of = answers.of_optimum;
    Scalars& s = answers.scalars;
    std::tie(s.alpha, s.lambda_min, s.lambda_max) = std::tie(of.alpha, of.lambda_min, of.lambda_max);
    std::tie(s.condition, s.sqrt_condition, s.log_condition) =
        std::tie(of.condition, of.sqrt_condition, of.log_condition);
    std::tie(s.trace, s.log_det) = std::tie(of.trace, of.log_det);
  }

  if (options.certificate) {
    const Interrupts interrupts;
    OutputFile file(*options.certificate);
    file.write(to_certificate(gram, answers.scalars));
    Interrupts::check();
    file.commit();
  }
  const bool effective = answers.judgement.verdict == Verdict::effective;
  if (options.json) {
    write_output(to_json(options, gram, answers));
    if (!effective || !answers.metric()) message(in_words(answers, options));
  } else {
    write_output(to_text(options, gram, answers, colour_wanted()));
  }
  const bool none = answers.judgement.verdict == Verdict::not_effective || (effective && !answers.metric());
  return none ? no_metric : done;
}

std::string optima_text() {
  std::string text;
  for (const Optimum optimum : all_optima())
    text += fmt::format("  {:<12} {}\n", to_string(optimum), describe(optimum));
  return text;
}

}  // namespace

Command add_metric(CLI::App& root) {
  const auto options = std::make_shared<MetricOptions>();
  CLI::App* app = root.add_subcommand("metric", "Verdict, angle and metric of an update g and y = -gradient");
  app->add_option("G", options->g, "the update g: a file, FILE.h5:/DATASET, or - for standard input")
      ->required()
      ->type_name("");
  app->add_option("Y", options->y, "y = -(gradient of the loss), likewise")->required()->type_name("");
  app->add_option("--alpha", options->alpha,
                  "a > 0 of M(a), without it a* = y.y/y.g; or of --optimum bfgs, without it 1")
      ->type_name("A");
  app->add_option("--optimum", options->optimum,
                  "instead of M(a) the metric that is optimal in another sense, listed below")
      ->type_name("NAME");
  app->add_option("--trace", options->trace, "the trace T that --optimum determinant holds fixed")
      ->type_name("T");
  app->add_option("--radius", options->radius, "g and y are known up to this Euclidean distance")
      ->type_name("R");
  app->add_flag("--exact", options->exact,
                "also the exact Gram, as hexadecimal integers in units of 2^-2148");
  app->add_option("--certificate", options->certificate,
                  "also write a certificate of M(a*), exact text that natgrad-check checks")
      ->type_name("FILE");
  app->add_flag("--json", options->json, "JSON instead of a table");
  app->footer(R"(Vectors are CSV (one number a line, or one row), Armadillo binary files of one
row or column, or datasets of HDF5 files (float16 to float64). In JSON a number is
null where it does not exist, and where it is beyond the range of doubles.

Exit codes: 0 done (effective or undetermined), 2 usage, 3 bad input,
4 no metric exists (not effective), or the optimum is not attained.

Optima, by what they make least (all metrics M have M g = y; p is y.g, yy is y.y;
bfgs takes its parameter from --alpha, determinant from --trace). Each is the block
of M(block_alpha) on span(g, y), beside complement times the identity:
)" + optima_text() +
              R"(
Example:
  printf '3\n1\n' > g.csv
  printf '2\n4\n' > y.csv
  natgrad metric g.csv y.csv
  natgrad metric g.csv y.csv --optimum dfp)");
  return {app, [options] {
            const auto run = [&] { return run_metric(*options); };
            const bool apart = names_dataset(options->g) || names_dataset(options->y);
            return apart ? run_apart(run) : run();
          }};
}

}  // namespace natgrad::cli
