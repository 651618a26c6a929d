// natgrad: laws of the JSON report.
#include <limits>
#include <nlohmann/json.hpp>

#include "support/laws.hpp"

namespace natgrad::test {

namespace {

using Json = nlohmann::json;

std::optional<double> draw_optional() {
  switch (*indices(8)) {
    case 0:
      return {};
    case 1:
      return std::numeric_limits<double>::infinity();
    default:
      return *doubles();
  }
}

Judgement draw_judgement() {
  constexpr Judgement all[] = {{Verdict::effective, Reason::descent},
                               {Verdict::not_effective, Reason::ascent},
                               {Verdict::not_effective, Reason::orthogonal},
                               {Verdict::undetermined, Reason::inexact},
                               {Verdict::undetermined, Reason::stationary}};
  return all[*indices(std::size(all))];
}

Summary draw_summary() {
  Summary summary;
  summary.median = draw_optional();
  summary.max = draw_optional();
  return summary;
}

// Any content, consistent or not: the report must say what it is given.
Analysis draw_analysis() {
  Analysis analysis;
  if (*indices(2) == 0)
    analysis.info.rule = "rule \"\\\n\t" + std::string(1, static_cast<char>(1 + *indices(126)));
  analysis.info.dimension = *indices(std::uint64_t{1} << 60);
  analysis.verdicts = {*indices(100), *indices(100), *indices(100)};
  if (*indices(2) == 0) analysis.window.minimal = 1 + *indices(100);
  if (*indices(2) == 0) analysis.window.effective_fraction = static_cast<double>(*indices(8)) / 7;
  analysis.angle = draw_summary();
  analysis.condition = draw_summary();
  const std::size_t group_count = 1 + *indices(3), steps = *indices(4);
  for (std::size_t i = 0; i < group_count; ++i) {
    GroupAnalysis group;
    group.name = "group " + std::to_string(i);
    group.size = *indices(std::uint64_t{1} << 60);
    group.verdicts = {*indices(100), *indices(100), *indices(100)};
    group.angle = draw_summary();
    group.condition = draw_summary();
    analysis.groups.push_back(group);
  }
  for (std::size_t k = 0; k < steps; ++k) {
    StepAnalysis step;
    step.step = *indices(std::uint64_t{1} << 60);
    step.loss = *doubles();
    step.judgement = draw_judgement();
    step.angle = draw_optional();
    step.alpha = draw_optional();
    step.condition = draw_optional();
    analysis.steps.push_back(step);
    analysis.losses.push_back(step.loss);
  }
  return analysis;
}

void require_number(const Json& json, std::optional<double> expected, const char* what) {
  if (!expected || !std::isfinite(*expected)) {
    RC_ASSERT(json.is_null());
  } else {
    RC_ASSERT(json.is_number());
    require_same(json.get<double>(), *expected, what);
  }
}

void require_summary(const Json& json, const Summary& expected) {
  require_number(json.at("median"), expected.median, "median");
  require_number(json.at("max"), expected.max, "maximum");
}

void require_counts(const Json& json, const VerdictCounts& expected) {
  RC_ASSERT(json.at("effective").get<std::uint64_t>() == expected.effective);
  RC_ASSERT(json.at("not_effective").get<std::uint64_t>() == expected.not_effective);
  RC_ASSERT(json.at("undetermined").get<std::uint64_t>() == expected.undetermined);
}

void reads_back(const Subject& subject) {
  const Analysis analysis = draw_analysis();
  const std::string text = subject.to_json(analysis);
  RC_ASSERT(text.ends_with("}\n"));
  const Json json = Json::parse(text);
  RC_ASSERT(json.at("version").get<std::string>() == NATGRAD_VERSION);
  if (analysis.info.rule) {
    RC_ASSERT(json.at("rule").get<std::string>() == *analysis.info.rule);
  } else {
    RC_ASSERT(json.at("rule").is_null());
  }
  RC_ASSERT(json.at("dimension").get<std::uint64_t>() == analysis.info.dimension);
  RC_ASSERT(json.at("steps").get<std::uint64_t>() == analysis.steps.size());
  require_counts(json.at("verdicts"), analysis.verdicts);
  const Json& window = json.at("window");
  if (analysis.window.minimal) {
    RC_ASSERT(window.at("minimal").get<std::uint64_t>() == *analysis.window.minimal);
  } else {
    RC_ASSERT(window.at("minimal").is_null());
  }
  require_number(window.at("effective_fraction"), analysis.window.effective_fraction, "fraction");
  require_summary(json.at("angle"), analysis.angle);
  require_summary(json.at("condition"), analysis.condition);
  RC_ASSERT(json.at("groups").size() == analysis.groups.size());
  for (std::size_t i = 0; i < analysis.groups.size(); ++i) {
    const Json& group = json.at("groups").at(i);
    RC_ASSERT(group.at("name").get<std::string>() == analysis.groups[i].name);
    RC_ASSERT(group.at("size").get<std::uint64_t>() == analysis.groups[i].size);
    require_counts(group.at("verdicts"), analysis.groups[i].verdicts);
    require_summary(group.at("angle"), analysis.groups[i].angle);
    require_summary(group.at("condition"), analysis.groups[i].condition);
  }
  RC_ASSERT(json.at("per_step").size() == analysis.steps.size());
  for (std::size_t k = 0; k < analysis.steps.size(); ++k) {
    const Json& step = json.at("per_step").at(k);
    const StepAnalysis& expected = analysis.steps[k];
    RC_ASSERT(step.at("step").get<std::uint64_t>() == expected.step);
    require_number(step.at("loss"), expected.loss, "loss");
    RC_ASSERT(step.at("verdict").get<std::string>() == std::string(to_string(expected.judgement.verdict)));
    require_number(step.at("angle"), expected.angle, "angle");
    require_number(step.at("alpha"), expected.alpha, "alpha");
    require_number(step.at("condition"), expected.condition, "condition");
  }
}

// The library's text with every number of `key` printed by `format`.
Canary printing(const char* name, const char* format) {
  return {name, [format = std::string(format)](Subject& subject) {
            subject.to_json = [format](const Analysis& analysis) {
              nlohmann::ordered_json json = nlohmann::ordered_json::parse(natgrad::to_json(analysis));
              for (auto& step : json.at("per_step")) {
                if (!step.at("loss").is_number()) continue;
                char text[64];
                std::snprintf(text, sizeof text, format.c_str(), step.at("loss").get<double>());
                step["loss"] = std::stod(text);
              }
              return json.dump(2) + "\n";
            };
          }};
}

}  // namespace

std::vector<Property> report_properties() {
  return {
      {"report.json",
       "reads back",
       "every number reads back as the same double, and what is undefined or not finite is null",
       reads_back,
       {printing("15 digits", "%.14e"),
        {"infinity as the largest double",
         [](Subject& subject) {
           subject.to_json = [](Analysis analysis) {
             for (StepAnalysis& step : analysis.steps) {
               if (step.condition && std::isinf(*step.condition))
                 step.condition = std::numeric_limits<double>::max();
             }
             return natgrad::to_json(analysis);
           };
         }},
        {"undefined as zero",
         [](Subject& subject) {
           subject.to_json = [](Analysis analysis) {
             for (StepAnalysis& step : analysis.steps) step.angle = step.angle.value_or(0);
             return natgrad::to_json(analysis);
           };
         }}}},
  };
}

}  // namespace natgrad::test
