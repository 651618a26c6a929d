// natgrad: how reports write numbers and strings from files.
#include "report_format.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <numbers>
#include <vector>

#include "utf8.hpp"

namespace natgrad::report {
namespace {

constexpr char32_t replacement = 0xFFFD;

char32_t next_character(std::string_view& rest) {
  return utf8::next(rest).value_or(replacement);
}

void append_utf8(std::string& out, char32_t c) {
  const auto put = [&](char32_t bits) { out += static_cast<char>(static_cast<unsigned char>(bits)); };
  if (c < 0x80) {
    put(c);
  } else if (c < 0x800) {
    put(0xC0 | (c >> 6U));
    put(0x80 | (c & 0x3FU));
  } else if (c < 0x10000) {
    put(0xE0 | (c >> 12U));
    put(0x80 | ((c >> 6U) & 0x3FU));
    put(0x80 | (c & 0x3FU));
  } else {
    put(0xF0 | (c >> 18U));
    put(0x80 | ((c >> 12U) & 0x3FU));
    put(0x80 | ((c >> 6U) & 0x3FU));
    put(0x80 | (c & 0x3FU));
  }
}

/// Characters that move the cursor, hide, or turn the direction of what follows.
bool misleads(char32_t c) {
  return utf8::is_control(c) || (c >= 0x200B && c <= 0x200F) || (c >= 0x2028 && c <= 0x202E) ||
         (c >= 0x2060 && c <= 0x206F) || c == 0x61C || c == 0xFEFF || (c >= 0xFFF9 && c <= 0xFFFB) ||
         (c & 0xFFFE) == 0xFFFE || (c >= 0xFDD0 && c <= 0xFDEF) || (c >= 0xE0000 && c <= 0xE0FFF);
}

std::size_t width(char32_t c) {
  if ((c >= 0x300 && c <= 0x36F) || (c >= 0x20D0 && c <= 0x20FF) || (c >= 0xFE00 && c <= 0xFE0F)) return 0;
  const bool wide = (c >= 0x1100 && c <= 0x115F) || (c >= 0x2E80 && c <= 0xA4CF) ||
                    (c >= 0xAC00 && c <= 0xD7A3) || (c >= 0xF900 && c <= 0xFAFF) ||
                    (c >= 0xFE30 && c <= 0xFE6F) || (c >= 0xFF00 && c <= 0xFF60) ||
                    (c >= 0x1F300 && c <= 0x1FAFF) || (c >= 0x20000 && c <= 0x3FFFD);
  return wide ? 2 : 1;
}

std::string fixed(double value, int decimals) {
  std::array<char, 400> buffer;
  const auto end =
      std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, std::chars_format::fixed, decimals);
  return {buffer.data(), end.ptr};
}

/// d.ddde-7 with `decimals` decimals and a short exponent.
std::string scientific(double value, int decimals) {
  std::array<char, 64> buffer;
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value,
                                 std::chars_format::scientific, decimals);
  std::string text(buffer.data(), end.ptr);
  const std::size_t e = text.find('e');
  const int exponent = std::stoi(text.substr(e + 1));
  return text.substr(0, e + 1) + std::to_string(exponent);
}

std::string percent_of(double share, bool none, bool all) {
  std::string text = fixed(100 * share, 1);
  if (!none && text == "0.0") text = "< 0.1";
  if (!all && text == "100.0") text = "> 99.9";
  return text + " %";
}

}  // namespace

std::string printable(std::string_view text, std::size_t columns) {
  std::string out;
  std::size_t used = 0, combining = 0;
  std::size_t before_last = 0;  // length of `out` when one column was still free
  while (!text.empty()) {
    char32_t c = next_character(text);
    if (misleads(c)) c = replacement;
    const std::size_t w = width(c);
    combining = w == 0 ? combining + 1 : 0;
    if (combining > 4) continue;  // piles of accents reach into other lines
    if (used + w > columns) {
      out.resize(before_last);
      return out + "…";
    }
    used += w;
    append_utf8(out, c);
    if (used + 1 <= columns) before_last = out.size();
  }
  return out;
}

std::size_t display_width(std::string_view text) {
  std::size_t sum = 0;
  while (!text.empty()) sum += width(next_character(text));
  return sum;
}

std::string escape_html(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string number(std::optional<double> value, int digits) {
  if (!value || std::isnan(*value)) return "–";
  if (std::isinf(*value)) return *value > 0 ? "> 1.797e308" : "< -1.797e308";
  if (*value == 0) return "0";
  const std::string text = scientific(*value, digits - 1);
  const int exponent = std::stoi(text.substr(text.find('e') + 1));
  return exponent < -3 || exponent >= digits ? text : fixed(*value, std::max(0, digits - 1 - exponent));
}

std::string degrees(std::optional<double> radians) {
  constexpr double right_angle = std::numbers::pi / 2;
  if (!radians || !std::isfinite(*radians)) return "–";
  const std::string text = fixed(*radians * (180 / std::numbers::pi), 2);
  if (text != "90.00" || *radians == right_angle) return text;
  const double off = (*radians - right_angle) * (180 / std::numbers::pi);
  return (off < 0 ? "90 − " : "90 + ") + scientific(std::abs(off), 1);
}

std::string percent(std::uint64_t part, std::uint64_t whole) {
  if (whole == 0) return "–";
  return percent_of(static_cast<double>(part) / static_cast<double>(whole), part == 0, part == whole);
}

std::string percent(std::optional<double> share) {
  if (!share || !std::isfinite(*share)) return "–";
  return percent_of(*share, *share == 0, *share == 1);
}

std::string counted(std::uint64_t n, std::string_view noun) {
  return std::to_string(n) + " " + std::string(noun) + (n == 1 ? "" : "s");
}

std::string per_column(std::uint64_t n, std::uint64_t columns, std::string_view noun) {
  const std::uint64_t few = n / columns;
  return n % columns == 0 ? counted(few, noun) : std::to_string(few) + " or " + counted(few + 1, noun);
}

std::string title(const RunInfo& info, std::size_t columns) {
  std::string text = info.rule ? *info.rule : "unnamed rule";
  if (info.problem) text += " on " + *info.problem;
  const std::string seed = info.seed ? ", seed " + std::to_string(*info.seed) : "";
  return printable(text, columns - seed.size()) + seed;
}

std::string reasons(const Analysis& analysis, Verdict verdict) {
  struct Kind {
    Reason reason;
    const char* words;
  };
  constexpr std::array<Kind, 6> kinds{{{Reason::ascent, "y·g < 0"},
                                       {Reason::orthogonal, "y·g = 0"},
                                       {Reason::zero_update, "g = 0"},
                                       {Reason::zero_gradient, "y = 0"},
                                       {Reason::stationary, "g = y = 0, where every metric works"},
                                       {Reason::inexact, "y·g of uncertain sign"}}};
  std::vector<std::string> found;
  std::string last;
  for (const Kind& kind : kinds) {
    std::uint64_t count = 0;
    for (const StepAnalysis& step : analysis.steps)
      count += step.judgement.verdict == verdict && step.judgement.reason == kind.reason;
    if (count == 0) continue;
    last = kind.words;
    found.push_back(std::to_string(count) + " with " + last);
  }
  if (found.size() < 2) return found.empty() ? "" : "with " + last;
  std::string text;
  for (const std::string& kind : found) text += (text.empty() ? "" : ", ") + kind;
  return text;
}

}  // namespace natgrad::report
