// natgrad: an analysis as one screen of text.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "decimate.hpp"
#include "float_scope.hpp"
#include "natgrad/report.hpp"
#include "report_format.hpp"

namespace natgrad {
namespace {

using report::counted;
using report::degrees;
using report::number;
using report::percent;
using report::printable;

constexpr std::uint64_t chart_columns = 60;

std::string left(const std::string& text, std::size_t columns) {
  const std::size_t used = report::display_width(text);
  return text + std::string(used < columns ? columns - used : 0, ' ');
}
std::string right(const std::string& text, std::size_t columns) {
  const std::size_t used = report::display_width(text);
  return std::string(used < columns ? columns - used : 0, ' ') + text;
}

/// Lines of at most 78 columns, broken after commas.
std::string wrapped(std::string text) {
  std::string lines;
  while (report::display_width(text) > 78) {
    std::size_t cut = std::string::npos;
    for (std::size_t at = text.find(", "); at != std::string::npos; at = text.find(", ", at + 1))
      if (report::display_width(text.substr(0, at + 1)) <= 78) cut = at;
    if (cut == std::string::npos) break;
    lines += text.substr(0, cut + 1) + "\n";
    text = " " + text.substr(cut + 1);
  }
  return lines + text + "\n";
}

/// One bar per column of `steps` steps, as high as the largest value in it; a blank where none is defined. A
/// value after the last step has a column of its own if there is room, else it belongs to the last one.
template <class ValueAt>
std::string bars(std::uint64_t steps, std::uint64_t values, double lo, double hi, ValueAt value_at) {
  constexpr std::array<const char*, 8> blocks{"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  const std::uint64_t n = values <= chart_columns ? values : steps, columns = std::min(n, chart_columns);
  std::string chart;
  for (std::uint64_t c = 0; c < columns; ++c) {
    std::optional<double> largest;
    const std::uint64_t end = c + 1 == columns ? values : plots::column_begin(n, columns, c + 1);
    for (std::uint64_t i = plots::column_begin(n, columns, c); i < end; ++i) {
      const std::optional<double> v = value_at(i);
      if (v && std::isfinite(*v) && (!largest || *v > *largest)) largest = v;
    }
    if (!largest) {
      chart += ' ';
      continue;
    }
    const double height = hi > lo ? (*largest - lo) / (hi - lo) : 0.5;
    chart += blocks[static_cast<std::size_t>(std::clamp(height * 8, 0.0, 7.0))];
  }
  return chart;
}

std::string loss_bars(std::uint64_t steps, const std::vector<double>& losses, bool& logarithmic) {
  double lo = losses.front(), hi = lo, least = 0;
  for (const double v : losses) {
    lo = std::min(lo, v);
    hi = std::max(hi, v);
    if (v > 0) least = least == 0 ? v : std::min(least, v);
  }
  logarithmic = lo >= 0 && least > 0 && hi / 100 >= least;
  if (!logarithmic)  // halved: the range of doubles may be wider than a double
    return bars(steps, losses.size(), lo / 2, hi / 2,
                [&](std::uint64_t i) { return std::optional(losses[i] / 2); });
  return bars(steps, losses.size(), std::log10(least), std::log10(hi), [&](std::uint64_t i) {
    return losses[i] > 0 ? std::optional(std::log10(losses[i])) : std::nullopt;
  });
}

/// The verdict of each column, or that its steps have different ones; and what the marks mean that occur.
struct VerdictRow {
  std::string marks, legend;
};
VerdictRow verdict_row(const Analysis& a, const char* good, const char* bad, const char* open,
                       const char* mixed, const char* reset) {
  struct Mark {
    const char *colour, *glyph, *words;
    bool used = false;
  };
  std::array<Mark, 4> marks{{{good, "·", "effective"},
                             {bad, "×", "not effective"},
                             {open, "?", "undetermined"},
                             {mixed, "~", "mixed"}}};
  const std::uint64_t n = a.steps.size(), columns = std::min(n, chart_columns);
  VerdictRow row;
  for (std::uint64_t c = 0; c < columns; ++c) {
    const auto mark_of = [&](std::uint64_t i) -> std::size_t {
      const Verdict verdict = a.steps[i].judgement.verdict;
      return verdict == Verdict::effective ? 0 : verdict == Verdict::not_effective ? 1 : 2;
    };
    const std::uint64_t begin = plots::column_begin(n, columns, c),
                        end = plots::column_begin(n, columns, c + 1);
    std::size_t which = mark_of(begin);
    for (std::uint64_t i = begin + 1; i < end && which != 3; ++i) which = mark_of(i) == which ? which : 3;
    marks[which].used = true;
    row.marks += marks[which].colour + std::string(marks[which].glyph) + reset;
  }
  for (const Mark& mark : marks) {
    if (!mark.used) continue;
    row.legend += (row.legend.empty() ? "" : "  ") + std::string(mark.glyph) + " " + mark.words;
  }
  return row;
}

}  // namespace

std::string to_text(const Analysis& a, bool colour) {
  const FloatScope scope;
  const auto ansi = [&](const char* code) { return colour ? code : ""; };
  const char *bold = ansi("\x1b[1m"), *good = ansi("\x1b[36m"), *bad = ansi("\x1b[1;33m"),
             *open = ansi("\x1b[35m"), *mixed = ansi("\x1b[33m"), *reset = ansi("\x1b[0m");
  const std::uint64_t n = a.steps.size();
  const VerdictCounts& v = a.verdicts;

  std::string text = fmt::format("{}{}{}\n", bold, report::title(a.info, 78), reset);
  const std::string part =
      n > 0 && n < a.info.steps
          ? fmt::format("steps {} to {} of {}", a.steps.front().step, a.steps.back().step, a.info.steps)
          : counted(n, "step");
  text += fmt::format("{}, {} in {}\n\n", part, counted(a.info.dimension, "parameter"),
                      counted(a.groups.size(), "group"));

  text += fmt::format("{}{} of {} effective{} ({})", good, v.effective, counted(n, "step"), reset,
                      percent(v.effective, n));
  // y and g appear below only where a step is not effective, and above all here.
  text += v.effective == 0
              ? "; here g is the step and y = −∇L\n"
              : fmt::format(
                    ":\n  y·g > 0, with g the step and y = −∇L, so {} natural gradient descent,\n"
                    "  g = −M⁻¹∇L, in some metric: a symmetric positive definite matrix M\n",
                    v.effective == 1 ? "it is" : "each is");
  const auto others = [&](std::uint64_t count, const char* what, const char* code, Verdict verdict) {
    if (count == 0) return;
    const std::string why = report::reasons(a, verdict);
    text += fmt::format("{}{} {}{} ({})", code, count, what, reset, percent(count, n));
    text += why.find(", ") == std::string::npos ? ": " + why + "\n" : ":\n" + wrapped("  " + why);
  };
  others(v.not_effective, "not effective", bad, Verdict::not_effective);
  others(v.undetermined, "undetermined", open, Verdict::undetermined);
  text += '\n';

  const auto line = [&](const char* name, const std::string& value) { text += left(name, 9) + value + "\n"; };
  const auto median_and_max = [](const std::string& median, const std::string& max) {
    return left("median " + left(median, 11) + "  max " + max, 35) + " ";
  };
  if (n > 0) {
    line("angle",
         median_and_max(degrees(a.angle.median), degrees(a.angle.max)) + "degrees from the step to −∇L");
    line("κ*", median_and_max(number(a.condition.median), number(a.condition.max)) +
                   "smallest condition number of M");
  }
  const std::size_t losses = a.losses.size();
  if (a.window.minimal == 1U) {
    line("window", "1 step: every step lowers the loss");
  } else if (a.window.minimal) {
    const std::string m = counted(*a.window.minimal, "step");
    line("window", m + ": from any step, the loss is lower " + m + " later");
  } else {
    line("window", losses < 2 ? "none: it needs two losses"
                              : "none: there is no m such that m steps later the loss is always lower");
  }
  std::string course = losses == 0 ? "–" : number(a.losses.front());
  if (losses > 1) course += " → " + number(a.losses.back());
  if (a.window.effective_fraction && a.window.minimal != a.window.used)
    course += fmt::format("; {} later it is lower in {} of the cases", counted(a.window.used, "step"),
                          percent(a.window.effective_fraction));
  line("loss", course);

  if (n > 1 && losses > 1) {
    bool logarithmic = false;
    const std::string chart = loss_bars(n, a.losses, logarithmic);
    const VerdictRow verdicts = verdict_row(a, good, bad, open, mixed, reset);
    text += '\n';
    line(logarithmic ? "log loss" : "loss", chart);
    line("angle", bars(n, n, 0, 1.6, [&](std::uint64_t i) { return a.steps[i].angle; }));
    line("verdict", verdicts.marks);
    line("", verdicts.legend);
    line("", n <= chart_columns ? "a column is one step"
                                : "a column is " + report::per_column(n, chart_columns, "step") +
                                      ", with their largest loss and largest angle");
  }

  constexpr std::size_t most = 12, name_columns = 24;
  if (a.groups.size() > 1) {
    text += fmt::format("\n{}{}{}{}{}{}{}\n", bold, left("group", name_columns), right("size", 10),
                        right("effective", 11), right("angle", 12), right("κ*", 12), reset);
    for (std::size_t g = 0; g < std::min(most, a.groups.size()); ++g) {
      const GroupAnalysis& group = a.groups[g];
      const std::uint64_t steps =
          group.verdicts.effective + group.verdicts.not_effective + group.verdicts.undetermined;
      text += left(printable(group.name, name_columns), name_columns) +
              right(std::to_string(group.size), 10) + right(percent(group.verdicts.effective, steps), 11) +
              right(degrees(group.angle.median), 12) + right(number(group.condition.median), 12) + "\n";
    }
    if (a.groups.size() > most) text += fmt::format("… and {} more\n", a.groups.size() - most);
    text += "angle and κ* are medians over the steps\n";
  }
  return text;
}

}  // namespace natgrad
