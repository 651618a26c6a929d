// natgrad: an analysis as JSON.
#include <nlohmann/json.hpp>

#include "float_scope.hpp"
#include "natgrad/report.hpp"
#include "report_format.hpp"

namespace natgrad {
namespace {

using Json = nlohmann::ordered_json;

/// Undefined is null; the library writes what is not finite as null, too.
Json optional(const std::optional<double>& value) {
  return value ? Json(*value) : Json();
}

Json counts(const VerdictCounts& verdicts) {
  return {{"effective", verdicts.effective},
          {"not_effective", verdicts.not_effective},
          {"undetermined", verdicts.undetermined}};
}

Json summary(const Summary& values) {
  return {{"median", optional(values.median)}, {"max", optional(values.max)}};
}

/// Invalid UTF-8 becomes U+FFFD.
std::string dump(const Json& json) {
  return json.dump(2, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

std::string to_json(const Analysis& analysis) {
  const FloatScope scope;
  Json head;
  head["version"] = NATGRAD_VERSION;
  head["rule"] = analysis.info.rule ? Json(*analysis.info.rule) : Json();
  head["dimension"] = analysis.info.dimension;
  head["steps"] = analysis.steps.size();
  head["verdicts"] = counts(analysis.verdicts);
  head["window"] = {{"minimal", analysis.window.minimal ? Json(*analysis.window.minimal) : Json()},
                    {"effective_fraction", optional(analysis.window.effective_fraction)}};
  head["angle"] = summary(analysis.angle);
  head["condition"] = summary(analysis.condition);
  head["groups"] = Json::array();
  for (const GroupAnalysis& group : analysis.groups) {
    head["groups"].push_back({{"name", group.name},
                              {"size", group.size},
                              {"verdicts", counts(group.verdicts)},
                              {"angle", summary(group.angle)},
                              {"condition", summary(group.condition)}});
  }

  // The steps are written one by one: a tree of a million of them would take gigabytes.
  std::string text = dump(head);
  text.resize(text.size() - 2);  // "\n}"
  text += ",\n  \"per_step\": [";
  for (const StepAnalysis& step : analysis.steps) {
    const Json row = {{"step", step.step},
                      {"loss", step.loss},
                      {"verdict", std::string(to_string(step.judgement.verdict))},
                      {"angle", optional(step.angle)},
                      {"alpha", optional(step.alpha)},
                      {"condition", optional(step.condition)}};
    text += &step == analysis.steps.data() ? "\n    " : ",\n    ";
    for (const char c : dump(row)) {
      text += c;
      if (c == '\n') text += "    ";
    }
  }
  text += analysis.steps.empty() ? "]\n}\n" : "\n  ]\n}\n";
  return text;
}

}  // namespace natgrad
