// natgrad: JSON of the command line.
#ifndef NATGRAD_CLI_JSON_HPP
#define NATGRAD_CLI_JSON_HPP

#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>

namespace natgrad::cli {

using Json = nlohmann::ordered_json;

/// What nlohmann would do by itself for NaN and infinity, said openly.
inline Json json_number(double x) {
  return std::isfinite(x) ? Json(x) : Json(nullptr);
}
inline Json json_number(const std::optional<double>& x) {
  return x ? json_number(*x) : Json(nullptr);
}

}  // namespace natgrad::cli

#endif
