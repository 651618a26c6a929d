// natgrad: how reports write numbers and strings from files. Private to the library.
#ifndef NATGRAD_LIB_REPORT_FORMAT_HPP
#define NATGRAD_LIB_REPORT_FORMAT_HPP

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "natgrad/analysis.hpp"

namespace natgrad::report {

/// A string from a file as one line of valid UTF-8: invalid bytes, control and direction characters become
/// U+FFFD, and what is wider than `columns` terminal columns is cut and ends in an ellipsis.
std::string printable(std::string_view text, std::size_t columns);
/// Terminal columns of valid UTF-8 without control characters.
std::size_t display_width(std::string_view text);
/// & < > " ' as entities.
std::string escape_html(std::string_view text);

/// So many significant digits, never more: 0.001234 .. 9999, or 1.234e-7; a dash for nullopt, "> 1.797e308"
/// for +inf.
std::string number(std::optional<double> value, int digits = 4);
/// An angle in degrees with two decimals; closer to 90 as "90 - 1.2e-9", so that its side is never lost.
std::string degrees(std::optional<double> radians);
/// "99.0 %"; never 0.0 or 100.0 for a share that is not; "-" of nothing.
std::string percent(std::uint64_t part, std::uint64_t whole);
std::string percent(std::optional<double> share);
/// "1 step", "700 steps".
std::string counted(std::uint64_t n, std::string_view noun);
/// How many of n items each of `columns` columns holds: "50 steps", "50 or 51 steps".
std::string per_column(std::uint64_t n, std::uint64_t columns, std::string_view noun);

/// "rule on problem, seed 1", as far as the file says it; "unnamed rule" if it does not.
std::string title(const RunInfo& info, std::size_t columns);
/// Why steps have this verdict: "5 with y·g < 0, 1 with y = 0", or just "with y·g < 0"; empty if none.
std::string reasons(const Analysis& analysis, Verdict verdict);

}  // namespace natgrad::report

#endif
