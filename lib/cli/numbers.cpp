// natgrad: decimal text to doubles and back, the same in every locale.
#include "numbers.hpp"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <cstdlib>

namespace natgrad::cli {

Number parse_number(std::string_view text) {
  const bool negative = !text.empty() && text.front() == '-';
  std::string_view rest = text;
  if (negative || (!text.empty() && text.front() == '+')) rest.remove_prefix(1);
  auto format = std::chars_format::general;
  if (rest.size() > 2 && rest[0] == '0' && (rest[1] == 'x' || rest[1] == 'X')) {
    format = std::chars_format::hex;
    rest.remove_prefix(2);
  }
  // from_chars would take a sign of its own: "--1", "0x-1".
  if (rest.empty() || rest.front() == '-') return {};
  const auto begin = rest.data(), end = rest.data() + rest.size();
  double magnitude = 0;
  const auto result = std::from_chars(begin, end, magnitude, format);
  if (result.ptr != end || result.ec == std::errc::invalid_argument) return {};
  if (result.ec == std::errc::result_out_of_range) {
    // from_chars does not say on which side; strtod does (the program never leaves the C locale).
    const std::string copy(text);
    if (std::isinf(std::strtod(copy.c_str(), nullptr))) return {NumberKind::overflow, 0};
    return {NumberKind::underflow, negative ? -0.0 : 0.0};
  }
  if (!std::isfinite(magnitude)) {
    // "0xinf" is no number.
    if (format == std::chars_format::hex) return {};
    return {NumberKind::non_finite, negative ? -magnitude : magnitude};
  }
  return {NumberKind::finite, negative ? -magnitude : magnitude};
}

std::string number_text(double x) {
  if (std::isnan(x)) return "NaN";
  return fmt::format("{}", x);
}

std::string in_quotes(std::string_view text) {
  constexpr std::size_t limit = 40;
  return fmt::format("'{}{}'", text.substr(0, limit), text.size() > limit ? "…" : "");
}

}  // namespace natgrad::cli
