// natgrad: the pictures of a report, drawn by gnuplot as SVG.
//
// Values are mapped to the unit square here and the ticks are chosen here, so gnuplot never sees a number
// that it could overflow on, and no text but ours. Names of groups are put in after it has drawn.
#include "plots.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <limits>
#include <numbers>
#include <utility>

#include "decimate.hpp"
#include "gnuplot.hpp"
#include "natgrad/error.hpp"
#include "report_format.hpp"

namespace natgrad::plots {
namespace {

// Okabe & Ito's palette, told apart by the colour-blind, too.
constexpr const char* blue = "#0072B2";
constexpr const char* orange = "#D55E00";
constexpr const char* green = "#009E73";
constexpr const char* grey = "#808080";
constexpr const char* ink = "#010203";  // becomes the colour of the page's text

// Pixels of the picture's own coordinate system; the page scales them.
constexpr double width = 480, usual_left = 72, right = 14, bottom = 50;
constexpr std::size_t longest_name = 12;  // terminal columns, of a row of the heat map
constexpr std::uint64_t most_points = 1000, columns_of_many = 500;

std::uint64_t columns_for(std::uint64_t n) {
  return n <= most_points ? n : columns_of_many;
}

// ---------------------------------------------------------------------------------------- axes

struct Tic {
  double at;  // 0 .. 1
  std::string label;
};

struct Axis {
  std::string title;
  std::vector<Tic> tics;
  std::function<double(double)> place;  // value -> 0 .. 1
};

/// 1, 2 or 5 times a power of ten, at least `step`.
double nice_step(double step) {
  const double unit = std::pow(10, std::floor(std::log10(step)));
  for (const double factor : {1.0, 2.0, 5.0})
    if (factor * unit >= step * (1 - 1e-9)) return factor * unit;
  return 10 * unit;
}

int decimals_of(double step) {
  return std::max(0, static_cast<int>(-std::floor(std::log10(step) + 1e-9)));
}

/// value * 10^-exponent, where 10^-exponent alone could overflow.
double scaled(double value, int exponent) {
  if (exponent < -300) return value * 1e300 * std::pow(10, -exponent - 300);
  return value / std::pow(10, exponent);
}

Axis linear_axis(double lo, double hi, const std::string& title) {
  Axis axis;
  axis.title = title;
  const double magnitude = std::max(std::abs(lo), std::abs(hi));
  // A long common beginning is taken off, else every label would repeat it.
  const double base = hi > lo && hi / 4 - lo / 4 < 1e-4 / 4 * magnitude ? lo : 0;
  if (base != 0) axis.title += fmt::format(" − {}{}", base < 0 ? "−" : "", std::abs(base));
  const double extent = std::max(std::abs(lo - base), std::abs(hi - base));
  int exponent = extent > 0 ? static_cast<int>(std::floor(std::log10(extent))) : 0;
  if (exponent >= -3 && exponent < 5) exponent = 0;
  if (exponent != 0) axis.title += fmt::format(" (units of 10^{{{}}})", exponent);
  double from = scaled(lo - base, exponent), to = scaled(hi - base, exponent);
  if (from == to) {
    const double pad = from == 0 ? 1 : std::abs(from) / 10;
    from -= pad;
    to += pad;
  }
  const double step = nice_step((to - from) / 4);
  const double first = std::floor(from / step), last = std::ceil(to / step);
  for (double k = first; k <= last; ++k)
    axis.tics.push_back(
        {(k - first) / (last - first), fmt::format("{:.{}f}", k * step + 0.0, decimals_of(step))});
  axis.place = [=](double v) { return (scaled(v - base, exponent) / step - first) / (last - first); };
  return axis;
}

/// 10^exponent as 0.02, 20 or 2·10^{7}; as a bare power of ten if `powers`.
std::string log_label(double exponent, bool powers) {
  const double decade = std::floor(exponent + 1e-12);
  if (powers) return decade == 0 ? "1" : decade == 1 ? "10" : fmt::format("10^{{{}}}", decade);
  if (decade >= -3 && decade < 5) return fmt::format("{:.6g}", std::pow(10, exponent));
  const std::string mantissa = fmt::format("{:.4g}", std::pow(10, exponent - decade));
  return mantissa == "1" ? fmt::format("10^{{{}}}", decade) : fmt::format("{}·10^{{{}}}", mantissa, decade);
}

/// @pre 0 < lo <= hi
Axis log_axis(double lo, double hi, const std::string& title) {
  Axis axis;
  axis.title = title;
  double from = std::log10(lo), to = std::log10(hi);
  if (to - from < 0.1) {
    const double middle = (from + to) / 2;
    from = middle - 0.05;
    to = middle + 0.05;
  }
  std::vector<double> exponents;  // of the ticks
  bool powers = false;            // one look for all labels of a wide range
  if (to - from >= 2.5) {
    const double step = std::max(1.0, nice_step((to - from) / 7));
    for (double k = std::ceil(from / step); k * step <= to; ++k) exponents.push_back(k * step);
    powers = from < -3 || to > 4;
  } else if (to - from >= 1) {
    for (double decade = std::floor(from); decade <= to; ++decade)
      for (const double m : {1.0, 2.0, 5.0}) exponents.push_back(decade + std::log10(m));
  } else {
    const int decade = static_cast<int>(std::floor(from));
    const double least = std::pow(10, from - decade), most = std::pow(10, to - decade);
    const double step = nice_step((most - least) / 6);
    for (double k = std::ceil(least / step); k * step <= most; ++k)
      exponents.push_back(std::log10(k * step) + decade);
  }
  const double pad = 0.02 * (to - from);
  from -= pad;
  to += pad;
  axis.place = [=](double v) { return (std::log10(v) - from) / (to - from); };
  for (const double e : exponents) {
    const double at = (e - from) / (to - from);
    if (at >= 0 && at <= 1) axis.tics.push_back({at, log_label(e, powers)});
  }
  return axis;
}

// -------------------------------------------------------------------------------------- scripts

/// One gnuplot script. Horizontal coordinate: item, 0 .. n - 1; vertical: 0 .. 1, or less for strips below.
class Script {
 public:
  Script(double height, double top, double from, double to, double lowest, double left = usual_left)
      : height_(height), plot_height_(height - top - bottom), lowest_(lowest), left_(left) {
    line("set encoding utf8");
    line("set terminal svg size {},{} dynamic enhanced font 'sans-serif,15'", width, height);
    line("set lmargin at screen {:.6g}", left / width);
    line("set rmargin at screen {:.6g}", 1 - right / width);
    line("set tmargin at screen {:.6g}", 1 - top / height);
    line("set bmargin at screen {:.6g}", bottom / height);
    line("unset key\nset xtics out scale 0.6 nomirror\nset ytics out scale 0.6 nomirror");
    line("set border 3 lc rgb '{}' lw 1", grey);
    // A little room on the left keeps the first step clear of the axis.
    column_pixels_ = (width - left - right - 4) / (to - from);
    line("set xrange [{:.17g}:{:.17g}]\nset yrange [{:.6g}:1]", from - 4 / column_pixels_, to, lowest);
  }

  template <class... Args>
  void line(fmt::format_string<Args...> format, Args&&... args) {
    fmt::format_to(std::back_inserter(text_), format, std::forward<Args>(args)...);
    text_ += '\n';
  }

  void title(const std::string& text) {
    line("set label '{}' at screen {:.6g},{:.6g} left tc rgb '{}'", text, 8 / width, 1 - 14 / height_, ink);
  }
  /// Ticks at whole steps: item 0 is step `first`. As many as have room.
  void x_tics(std::uint64_t first, std::uint64_t n) {
    line("set label 'step' at screen {:.6g},{:.6g} right tc rgb '{}'", 1 - right / width, 11 / height_, ink);
    const double label = 9 * static_cast<double>(std::to_string(first + n).size());
    const double room = std::max(1.0, std::min(6.0, (width - left_ - right) / (label + 18)));
    const auto step = static_cast<std::uint64_t>(std::max(1.0, nice_step(static_cast<double>(n) / room)));
    std::vector<Tic> tics;
    for (std::uint64_t i = (step - first % step) % step; i < n; i += step)
      if (static_cast<double>(n - i) * column_pixels_ + right > label / 2)
        tics.push_back({static_cast<double>(i), std::to_string(first + i)});
    if (tics.empty()) tics.push_back({0, std::to_string(first)});
    tic_list("x", tics);
  }
  void y_tics(const std::vector<Tic>& tics, bool grid = true) {
    tic_list("y", tics);
    if (grid) line("set grid ytics back lt 1 lc rgb '#B0808080' lw 1");
  }

  /// Data that belongs to the next `plot`; `with` says how it is drawn.
  void add(const std::string& data, const std::string& with) {
    if (data.empty()) return;
    const std::size_t index = elements_.size();
    line("$d{} << EOD\n{}EOD", index, data);
    elements_.push_back(fmt::format("$d{} {}", index, with));
  }
  /// A polyline, its lone points as dots (a line of one point would be invisible).
  void add_series(const std::vector<std::vector<Sample>>& pieces, const std::function<double(double)>& place,
                  const std::string& style, bool marks) {
    std::string lines, dots;
    for (const auto& piece : pieces) {
      for (const Sample& s : piece) {
        const std::string point =
            fmt::format("{} {:.6g}\n", s.index, std::clamp(place(s.value), lowest_, 1.0));
        if (piece.size() > 1) lines += point;
        if (piece.size() == 1 || marks) dots += point;
      }
      if (piece.size() > 1) lines += '\n';
    }
    add(lines, "with lines " + style);
    add(dots,
        (marks ? "with points pt 7 ps 0.5 " : "with points pt 7 ps 0.35 ") + style.substr(style.find("lc")));
  }
  /// A box in the coordinates of the plot.
  static std::string box(double x0, double x1, double y0, double y1) {
    return fmt::format("{:.9g} {:.6g} {:.9g} {:.9g} {:.6g} {:.6g}\n", (x0 + x1) / 2, (y0 + y1) / 2, x0, x1,
                       y0, y1);
  }
  /// A horizontal bar, a thick line: a hundred of them are one path.
  static std::string bar(double x0, double x1, double y) {
    return fmt::format("{:.9g} {:.6g}\n{:.9g} {:.6g}\n\n", x0, y, x1, y);
  }
  /// Line width in pixels of a bar that is `fraction` of the unit of y thick.
  double thickness(double fraction) const { return fraction * plot_height_ / (1 - lowest_); }
  double column_pixels() const { return column_pixels_; }

  std::string finish() {
    if (elements_.empty()) line("plot NaN");
    for (std::size_t i = 0; i < elements_.size(); ++i)
      line("{}{}{}", i == 0 ? "plot " : "  ", elements_[i], i + 1 < elements_.size() ? ", \\" : "");
    return text_;
  }

 private:
  void tic_list(const char* axis, const std::vector<Tic>& tics) {
    std::string list;
    for (const Tic& tic : tics)
      list += fmt::format("{}'{}' {:.17g}", list.empty() ? "" : ", ", tic.label, tic.at);
    line("set {}tics ({}) tc rgb '{}'{}", axis, list, ink, *axis == 'x' ? " offset 0,0.4" : "");
  }

  std::string text_;
  std::vector<std::string> elements_;
  double height_, plot_height_, lowest_, left_, column_pixels_ = 1;
};

// ------------------------------------------------------------------------------------------ SVG

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
}

void erase_elements(std::string& text, std::string_view open, std::string_view close) {
  for (std::size_t at = text.find(open); at != std::string::npos; at = text.find(open, at)) {
    const std::size_t end = text.find(close, at);
    if (end == std::string::npos) return;
    text.erase(at, end + close.size() - at);
  }
}

constexpr std::string_view name_mark = "NATGRADNAME";

/// gnuplot's file as an element of an HTML page: ids unique on the page, the page's colour of text,
/// a description for those who cannot see it, and names of groups in place of their marks.
std::string embed(std::string svg, const std::string& id, const std::string& description,
                  const std::vector<std::string>& names = {}) {
  svg.erase(0, svg.find("<svg"));
  svg.erase(svg.rfind("</svg>") + 6);
  erase_elements(svg, "<title>", "</title>");
  erase_elements(svg, "<desc>", "</desc>");
  for (const char* before : {" id='", " id=\"", "'#", "\"#", "(#"})
    replace_all(svg, before, before + id + "-");
  replace_all(svg, " color=\"black\"", "");
  for (const char* before : {"rgb(  1,   2,   3)", "rgb(1,2,3)"}) replace_all(svg, before, "currentColor");
  svg.insert(4, fmt::format(" role=\"img\" aria-label=\"{}\"", report::escape_html(description)));
  if (names.empty()) return svg;

  std::string result;
  std::string_view rest = svg;
  for (std::size_t at = rest.find(name_mark); at != std::string_view::npos; at = rest.find(name_mark)) {
    result += rest.substr(0, at);
    rest.remove_prefix(at + name_mark.size());
    const std::size_t index = std::stoul(std::string(rest.substr(0, 4)));
    rest.remove_prefix(4);
    result += report::escape_html(names.at(index));
  }
  return result + std::string(rest);
}

/// Smallest and largest finite value; false if there is none.
template <class ValueAt>
bool range_of(std::uint64_t n, ValueAt value_at, double& lo, double& hi) {
  bool any = false;
  for (std::uint64_t i = 0; i < n; ++i) {
    const std::optional<double> v = value_at(i);
    if (!v) continue;
    lo = any ? std::min(lo, *v) : *v;
    hi = any ? std::max(hi, *v) : *v;
    any = true;
  }
  return any;
}

std::optional<double> finite(const std::optional<double>& v) {
  return v && std::isfinite(*v) ? v : std::nullopt;
}
std::optional<double> positive(const std::optional<double>& v) {
  return v && std::isfinite(*v) && *v > 0 ? v : std::nullopt;
}

void add_merging_note(Picture& picture, std::uint64_t n, const char* noun) {
  const std::uint64_t columns = columns_for(n);
  if (columns == n) return;
  picture.notes.push_back(fmt::format(
      "Drawn in {} columns of {}; the line passes through the first, smallest, largest and last value "
      "of each, so that no extreme is lost.",
      columns, report::per_column(n, columns, noun)));
}

// ------------------------------------------------------------------------------------- pictures

Picture draw_loss(const Gnuplot& gnuplot, const Analysis& analysis) {
  const std::uint64_t n = analysis.losses.size(), steps = analysis.steps.size();
  const auto any = [&](std::uint64_t i) { return finite(analysis.losses[i]); };
  const auto above = [&](std::uint64_t i) { return positive(analysis.losses[i]); };
  double lo = 0, hi = 0, smallest = 0, largest = 0;
  Picture picture;
  if (!range_of(n, any, lo, hi)) return picture;
  // Logarithmic where no loss is negative and the positive ones span two decades or more.
  const bool logarithmic = lo >= 0 && range_of(n, above, smallest, largest) && largest / 100 >= smallest;
  const Axis axis =
      logarithmic ? log_axis(smallest, largest, "loss, log scale") : linear_axis(lo, hi, "loss");
  if (logarithmic && lo == 0) {
    const auto zeros = std::count(analysis.losses.begin(), analysis.losses.end(), 0.0);
    picture.notes.push_back(
        fmt::format("Losses of exactly 0 ({} of {}) have no place on a log scale.", zeros, n));
  }

  // The strips keep clear of the lowest label of the axis above them.
  constexpr double height = 376, lane = 0.06, lowest = -0.40;
  const double last = static_cast<double>(std::max(n, steps)) - 0.5;
  Script script(height, 38, -0.5, last, lowest);
  script.title(axis.title);
  script.x_tics(analysis.first_step, std::max(n, steps));
  constexpr std::array<double, 3> lanes{-0.15, -0.245, -0.34};
  std::vector<Tic> tics = axis.tics;
  tics.push_back({lanes[0], "yes"});
  tics.push_back({lanes[1], "no"});
  tics.push_back({lanes[2], "?"});
  script.y_tics(tics, false);
  for (const Tic& tic : axis.tics)
    script.line(
        "set arrow from graph 0,first {0:.6g} to graph 1,first {0:.6g} nohead back lt 1 lc rgb "
        "'#B0808080' lw 1",
        tic.at);

  const std::uint64_t columns = columns_for(steps);
  const auto runs =
      verdict_runs(steps, columns, [&](std::uint64_t i) { return analysis.steps[i].judgement.verdict; });
  std::array<std::string, 3> shade, bars;
  const double thinnest = 3 / script.column_pixels();
  for (const VerdictRun& run : runs) {
    const std::array<std::uint64_t, 3> counts{run.counts.effective, run.counts.not_effective,
                                              run.counts.undetermined};
    const auto whole = static_cast<double>(counts[0] + counts[1] + counts[2]);
    const double x0 = static_cast<double>(run.begin) - 0.5, x1 = static_cast<double>(run.end) - 0.5;
    const double wider = std::max(0.0, (thinnest - (x1 - x0)) / 2);
    double y = 0;
    for (std::size_t v = 0; v < 3; ++v) {
      if (counts[v] == 0) continue;
      const double share = static_cast<double>(counts[v]) / whole;
      shade[v] += Script::box(x0, x1, y, y + share);
      bars[v] += Script::bar(std::max(-0.5, x0 - wider), std::min(last, x1 + wider), lanes[v]);
      y += share;
    }
  }
  const std::array<std::string, 3> tints{"#E0" + std::string(blue + 1), "#A0" + std::string(orange + 1),
                                         "#A0" + std::string(grey + 1)};
  const std::array<const char*, 3> colours{blue, orange, grey};
  for (std::size_t v = 0; v < 3; ++v)
    script.add(shade[v], fmt::format("with boxxyerror fs solid noborder lc rgb '{}'", tints[v]));
  for (std::size_t v = 0; v < 3; ++v)
    script.add(bars[v], fmt::format("with lines lw {:.4g} lc rgb '{}'", script.thickness(lane), colours[v]));
  script.add_series(envelope(n, columns_for(n), logarithmic ? std::function(above) : std::function(any)),
                    axis.place, fmt::format("lw 2 lc rgb '{}'", ink), n <= 60);
  add_merging_note(picture, n, "value");
  if (columns != steps)
    picture.notes.push_back(
        "Where a column holds different verdicts its shading is split by their shares; the "
        "strip marks every verdict that occurs.");
  picture.svg =
      embed(run_gnuplot(gnuplot, script.finish()), "ng-loss",
            fmt::format("Loss over steps on a {} scale, from {} to {}, shaded by verdict: {} effective, {} "
                        "not effective, {} undetermined.",
                        logarithmic ? "logarithmic" : "linear", report::number(analysis.losses.front()),
                        report::number(analysis.losses.back()), analysis.verdicts.effective,
                        analysis.verdicts.not_effective, analysis.verdicts.undetermined));
  return picture;
}

Picture draw_angle(const Gnuplot& gnuplot, const Analysis& analysis) {
  const std::uint64_t n = analysis.steps.size();
  const auto value = [&](std::uint64_t i) { return finite(analysis.steps[i].angle); };
  double lo = 0, hi = 0;
  Picture picture;
  if (!range_of(n, value, lo, hi)) return picture;
  constexpr double degree = 180 / std::numbers::pi;
  const double top = std::min(180.0, std::max(105.0, 15 * std::ceil(hi * degree / 15)));

  constexpr double height = 300;
  Script script(height, 38, -0.5, static_cast<double>(n) - 0.5, 0);
  script.title("angle");
  script.x_tics(analysis.first_step, n);
  std::vector<Tic> tics;
  for (int t = 0; t <= top; t += 30) tics.push_back({t / top, fmt::format("{}°", t)});
  script.y_tics(tics);
  script.line("set label 'shaded: no metric' at screen {:.6g},{:.6g} right tc rgb '{}'", 1 - right / width,
              1 - 14 / height, ink);
  script.add(Script::box(-0.5, static_cast<double>(n) - 0.5, 90 / top, 1),
             fmt::format("with boxxyerror fs solid noborder lc rgb '#D0{}'", orange + 1));
  script.add(Script::bar(-0.5, static_cast<double>(n) - 0.5, 90 / top),
             fmt::format("with lines lw 1.5 dt (6,4) lc rgb '{}'", orange));
  script.add_series(
      envelope(n, columns_for(n), value), [=](double v) { return v * degree / top; },
      fmt::format("lw 2 lc rgb '{}'", blue), n <= 60);
  add_merging_note(picture, n, "step");
  picture.svg =
      embed(run_gnuplot(gnuplot, script.finish()), "ng-angle",
            fmt::format("Angle between the step and the negative gradient over steps: median {} degrees, "
                        "largest {} degrees; a line at 90 degrees.",
                        report::degrees(analysis.angle.median), report::degrees(analysis.angle.max)));
  return picture;
}

Picture draw_condition(const Gnuplot& gnuplot, const Analysis& analysis) {
  const std::uint64_t n = analysis.steps.size();
  const auto value = [&](std::uint64_t i) { return positive(analysis.steps[i].condition); };
  double lo = 1, hi = 1;
  Picture picture;
  const auto overflowing =
      std::count_if(analysis.steps.begin(), analysis.steps.end(),
                    [](const StepAnalysis& s) { return s.condition && std::isinf(*s.condition); });
  if (overflowing > 0)
    picture.notes.push_back(fmt::format("At {} κ* is above the range of a double and not drawn.",
                                        report::counted(overflowing, "step")));
  if (!range_of(n, value, lo, hi)) return picture;
  const Axis axis = log_axis(lo < 100 ? 1 : lo, hi, "κ*, log scale");

  constexpr double height = 300;
  Script script(height, 38, -0.5, static_cast<double>(n) - 0.5, 0);
  script.title(axis.title);
  script.x_tics(analysis.first_step, n);
  script.y_tics(axis.tics);
  script.add_series(envelope(n, columns_for(n), value), axis.place, fmt::format("lw 2 lc rgb '{}'", blue),
                    n <= 60);
  add_merging_note(picture, n, "step");
  picture.svg =
      embed(run_gnuplot(gnuplot, script.finish()), "ng-condition",
            fmt::format("Smallest condition number over steps on a logarithmic scale: median {}, largest {}.",
                        report::number(analysis.condition.median), report::number(analysis.condition.max)));
  return picture;
}

Picture draw_spectrum(const Gnuplot& gnuplot, const Analysis& analysis) {
  struct Curve {
    std::optional<double> StepAnalysis::*member;
    const char *name, *dashes, *colour;
  };
  const std::array<Curve, 3> curves{{{&StepAnalysis::lambda_max, "λ_+", "dt (7,4) ", orange},
                                     {&StepAnalysis::alpha, "α*", "", blue},
                                     {&StepAnalysis::lambda_min, "λ_−", "dt (2,3) ", green}}};
  const std::uint64_t n = analysis.steps.size();
  const auto value = [&](const Curve& curve) {
    return [&, member = curve.member](std::uint64_t i) { return positive(analysis.steps[i].*member); };
  };
  double lo = std::numeric_limits<double>::infinity(), hi = 0;
  Picture picture;
  std::uint64_t outside = 0;
  for (const Curve& curve : curves) {
    double low = 0, high = 0;
    if (range_of(n, value(curve), low, high)) {
      lo = std::min(lo, low);
      hi = std::max(hi, high);
    }
    for (const StepAnalysis& step : analysis.steps)
      outside += step.*curve.member && !positive(step.*curve.member);
  }
  if (outside > 0)
    picture.notes.push_back(
        fmt::format("{} outside the range of a double and not drawn.",
                    outside == 1 ? "1 value is" : std::to_string(outside) + " values are"));
  if (hi == 0) return picture;
  const Axis axis = log_axis(lo, hi, "eigenvalues, log scale");

  constexpr double height = 300;
  Script script(height, 38, -0.5, static_cast<double>(n) - 0.5, 0);
  script.title(axis.title);
  script.x_tics(analysis.first_step, n);
  script.y_tics(axis.tics);
  double x = 0.60;
  for (const Curve& curve : curves) {
    const std::string style = fmt::format("lw 2 {}lc rgb '{}'", curve.dashes, curve.colour);
    script.line("set arrow from screen {0:.6g},{2:.6g} to screen {1:.6g},{2:.6g} nohead lt 1 {3}", x,
                x + 0.06, 1 - 14 / height, style);
    script.line("set label '{}' at screen {:.6g},{:.6g} left tc rgb '{}'", curve.name, x + 0.07,
                1 - 14 / height, ink);
    script.add_series(envelope(n, columns_for(n), value(curve)), axis.place, style, n <= 60);
    x += 0.135;
  }
  add_merging_note(picture, n, "step");
  picture.svg = embed(
      run_gnuplot(gnuplot, script.finish()), "ng-spectrum",
      fmt::format("Largest eigenvalue, alpha star and smallest eigenvalue of the metric over steps on a "
                  "logarithmic scale, between {} and {}.",
                  report::number(lo), report::number(hi)));
  return picture;
}

Picture draw_groups(const Gnuplot& gnuplot, const Analysis& analysis) {
  Picture picture;
  const std::uint64_t groups = analysis.groups.size(), n = analysis.steps.size();
  if (groups == 0) return picture;
  const std::uint64_t rows = groups <= 60 ? groups : (groups + (groups + 59) / 60 - 1) / ((groups + 59) / 60);
  const std::uint64_t most = std::clamp<std::uint64_t>(18000 / rows, 1, 400);
  const std::uint64_t columns = std::min(n, most);

  const bool named = names_groups(analysis);
  std::size_t longest = 0;
  for (std::uint64_t g = 0; named && g < groups; ++g)
    longest =
        std::max(longest, report::display_width(report::printable(analysis.groups[g].name, longest_name)));
  const double left = std::max(usual_left, 22 + 8.6 * static_cast<double>(longest));
  const double plot_height = std::clamp(static_cast<double>(rows) * 26, 44.0, 360.0);
  const double height = plot_height + 60;
  Script script(height, 10, -0.5, static_cast<double>(n) - 0.5, 0, left);
  script.x_tics(analysis.first_step, n);

  // Of every cell the largest angle and its side of 90 degrees; -1 where no angle is defined.
  std::array<std::string, angle_levels> cells;
  std::string struck;
  for (std::uint64_t r = 0; r < rows; ++r) {
    const double y = 1 - (static_cast<double>(r) + 0.5) / static_cast<double>(rows);
    int level = -1;
    std::uint64_t begin = 0;
    const auto close = [&](std::uint64_t end) {
      if (level < 0) return;
      const double x0 = static_cast<double>(begin) - 0.5, x1 = static_cast<double>(end) - 0.5;
      const double seam = end < n ? 0.4 / script.column_pixels() : 0;  // else the page shines through
      cells[static_cast<std::size_t>(level)] += Script::bar(x0, x1 + seam, y);
      if (level >= angle_levels / 2) struck += Script::bar(x0, x1, y);
    };
    for (std::uint64_t c = 0; c < columns; ++c) {
      const std::uint64_t from = column_begin(n, columns, c), to = column_begin(n, columns, c + 1);
      int here = -1;
      double largest = -1;
      for (std::uint64_t g = column_begin(groups, rows, r); g < column_begin(groups, rows, r + 1); ++g) {
        for (std::uint64_t i = from; i < to; ++i) {
          const GroupStep& step = analysis.groups[g].steps.at(i);
          if (!step.angle || !(*step.angle > largest)) continue;
          largest = *step.angle;
          const int bin = static_cast<int>(largest / std::numbers::pi * angle_levels);
          const Verdict verdict = step.judgement.verdict;
          here = verdict == Verdict::effective       ? std::clamp(bin, 0, angle_levels / 2 - 1)
                 : verdict == Verdict::not_effective ? std::clamp(bin, angle_levels / 2, angle_levels - 1)
                                                     : std::clamp(bin, 0, angle_levels - 1);
        }
      }
      if (here != level) {
        close(from);
        level = here;
        begin = from;
      }
    }
    close(n);
  }

  std::vector<Tic> tics;
  std::vector<std::string> names;
  const std::uint64_t every = (rows + 13) / 14;
  for (std::uint64_t r = 0; r < rows; r += every) {
    names.push_back(named ? report::printable(analysis.groups[r].name, longest_name)
                          : std::to_string(column_begin(groups, rows, r) + 1));
    tics.push_back({1 - (static_cast<double>(r) + 0.5) / static_cast<double>(rows),
                    fmt::format("{}{:04}", name_mark, names.size() - 1)});
  }
  script.y_tics(tics, false);
  const double row_pixels = plot_height / static_cast<double>(rows);
  const double gap = row_pixels > 8 ? 1 : 0;
  for (std::uint64_t r = 0; r < rows; ++r) {
    const double y = 1 - (static_cast<double>(r) + 0.5) / static_cast<double>(rows);
    const double half = (row_pixels - gap) / 2 / plot_height;
    script.line(
        "set object rectangle from first -0.5,{:.6g} to graph 1,{:.6g} behind fs pattern 4 noborder fc rgb "
        "'{}'",
        y - half, y + half, grey);
  }
  for (int l = 0; l < angle_levels; ++l)
    script.add(cells[static_cast<std::size_t>(l)],
               fmt::format("with lines lw {:.4g} lc rgb '{}'", row_pixels - gap, angle_colour(l)));
  script.add(struck, fmt::format("with lines lw {:.3g} lc rgb '#000000'", std::min(1.5, row_pixels / 4)));

  if (!named) picture.notes.push_back("Rows are numbered as in the table of groups.");
  if (rows != groups)
    picture.notes.push_back(
        fmt::format("Each row shows the largest angle of {}.", report::per_column(groups, rows, "group")));
  if (columns != n)
    picture.notes.push_back(
        fmt::format("Each column shows the largest angle of {}.", report::per_column(n, columns, "step")));
  picture.svg =
      embed(run_gnuplot(gnuplot, script.finish()), "ng-groups",
            fmt::format("Heat map of the angle by group and step: {} groups, {} steps.", groups, n), names);
  return picture;
}

}  // namespace

bool names_groups(const Analysis& analysis) {
  return analysis.groups.size() <= 14 &&
         std::all_of(analysis.groups.begin(), analysis.groups.end(), [](const GroupAnalysis& group) {
           return group.name.size() <= 4 * longest_name &&
                  report::display_width(report::printable(group.name, 4 * longest_name)) <= longest_name;
         });
}

std::string angle_colour(int level) {
  struct Stop {
    double degrees;
    std::array<int, 3> rgb;
  };
  // Lightest at 90 degrees from both sides: blue is effective, orange is not.
  constexpr std::array<Stop, 6> stops{{{0, {8, 69, 148}},
                                       {60, {107, 174, 214}},
                                       {90, {206, 224, 240}},
                                       {90, {253, 212, 158}},
                                       {135, {230, 85, 13}},
                                       {180, {127, 39, 4}}}};
  const double at = (level + 0.5) * 180 / angle_levels;
  std::size_t k = 0;
  while (k + 2 < stops.size() && at > stops[k + 1].degrees) ++k;
  const double t = (at - stops[k].degrees) / (stops[k + 1].degrees - stops[k].degrees);
  std::string colour = "#";
  for (std::size_t i = 0; i < 3; ++i)
    colour += fmt::format(
        "{:02x}",
        static_cast<int>(std::lround(stops[k].rgb[i] + t * (stops[k + 1].rgb[i] - stops[k].rgb[i]))));
  return colour;
}

Pictures draw(const Analysis& analysis, const std::function<void(std::uint64_t, std::uint64_t)>& progress) {
  Pictures pictures;
  const std::optional<std::string> path = find_gnuplot();
  if (!path) return pictures;
  pictures.available = true;
  if (analysis.steps.empty()) return pictures;
  using Draw = Picture (*)(const Gnuplot&, const Analysis&);
  constexpr std::array<std::pair<Picture Pictures::*, Draw>, 5> all{{{&Pictures::loss, draw_loss},
                                                                     {&Pictures::angle, draw_angle},
                                                                     {&Pictures::condition, draw_condition},
                                                                     {&Pictures::spectrum, draw_spectrum},
                                                                     {&Pictures::groups, draw_groups}}};
  for (std::size_t i = 0; i < all.size(); ++i) {
    const auto poll = [&] {
      if (progress) progress(i, all.size());
    };
    poll();
    pictures.*all[i].first = all[i].second({*path, poll}, analysis);
  }
  if (progress) progress(all.size(), all.size());
  return pictures;
}

}  // namespace natgrad::plots
