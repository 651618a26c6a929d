// natgrad: the page of a report.
#include "report_html.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <vector>

#include "report_format.hpp"

namespace natgrad::report {
namespace {

constexpr const char* style = R"css(
:root{--page:#fff;--card:#f5f7f9;--ink:#1b1f24;--soft:#57606a;--rule:#d5dae0;--blue:#0072b2;--orange:#c65400;--grey:#6e7681}
@media screen and (prefers-color-scheme:dark){:root{--page:#14171b;--card:#1e2329;--ink:#e8eaed;--soft:#a4acb6;--rule:#3a424c;--blue:#4fa9de;--orange:#f08a3c;--grey:#a4acb6}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;text-size-adjust:100%}
body{margin:0;background:var(--page);color:var(--ink);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans","Liberation Sans",sans-serif;overflow-wrap:break-word}
main{max-width:1120px;margin:0 auto;padding:20px 16px 40px}
h1{font-size:1.7rem;line-height:1.2;margin:0 0 .6rem;overflow-wrap:anywhere}
h2{font-size:1.25rem;line-height:1.25;margin:0 0 .4rem}
p{margin:0 0 .7rem}
a{color:var(--blue)}
.kicker{color:var(--soft);font-size:.9rem;margin-bottom:.3rem}
.lede{font-size:1.12rem;max-width:46rem}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(230px,1fr));gap:12px;margin:1.2rem 0}
.card{background:var(--card);border-radius:8px;padding:14px 16px;break-inside:avoid}
.card h2{font-size:.9rem;font-weight:600;color:var(--soft);margin:0}
.card .value{font-size:1.6rem;font-weight:650;line-height:1.25;margin:.1rem 0 .3rem;font-variant-numeric:tabular-nums}
.card .value small{font-size:.95rem;font-weight:400;color:var(--soft);white-space:nowrap}
.card p:last-child{margin:0;font-size:.92rem}
.limits{border-left:4px solid var(--orange);padding:2px 0 2px 14px;margin:1.2rem 0;max-width:52rem;break-inside:avoid}
.limits p{margin:.2rem 0}
section{margin-top:2.2rem;padding-top:1.2rem;border-top:1px solid var(--rule)}
section>p{max-width:52rem}
.pair{display:grid;grid-template-columns:minmax(0,1fr);gap:14px 32px;align-items:start}
figure{margin:0;break-inside:avoid}
figure svg{display:block;width:100%;height:auto;overflow:visible}
figure svg text,figure svg tspan{font-family:inherit}
figcaption{color:var(--soft);font-size:.9rem;margin-top:.4rem}
figcaption p{margin:0 0 .35rem}
.key{display:inline-block;white-space:nowrap;margin-right:1em;color:var(--ink)}
.key i{display:inline-block;width:1.1em;height:.8em;margin-right:.35em;border-radius:2px;vertical-align:-.02em;print-color-adjust:exact;-webkit-print-color-adjust:exact}
.ramp{display:flex;height:14px;margin:.4rem 0 .1rem;print-color-adjust:exact;-webkit-print-color-adjust:exact}
.ramp i{flex:1}
.scale{display:flex;justify-content:space-between;color:var(--ink);font-size:.85rem;margin-bottom:.3rem}
.wide{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:.9rem;line-height:1.35;font-variant-numeric:tabular-nums}
caption{text-align:left;color:var(--soft);font-size:.9rem;padding-bottom:.3rem}
th,td{padding:4px 6px;text-align:right;vertical-align:top;border-bottom:1px solid var(--rule)}
th:first-child,td:first-child{padding-left:0;text-align:left}
th:last-child,td:last-child{padding-right:0}
thead th{font-weight:600;color:var(--soft);vertical-align:bottom}
tbody th{font-weight:400}
td{white-space:nowrap}
td.left{white-space:normal}
.left{text-align:left}
.name{text-align:left;overflow-wrap:anywhere;min-width:8.5em}
td small,th small{display:block;color:var(--soft);font-size:.82rem}
.stack small{white-space:nowrap}
@media print,(min-width:800px){section>.wide small{display:inline;margin-left:.6em}section>.wide br{display:none}section>.wide .name{width:50%}
section>.wide td:nth-child(n+4) small{display:inline-block;width:6.5em;margin:0}}
thead small{font-weight:400}
.no{color:var(--orange);font-weight:600}
.open{color:var(--grey);font-weight:600}
dl{display:grid;grid-template-columns:max-content minmax(0,1fr);gap:2px 16px;margin:0 0 1rem}
dt{color:var(--soft)}
dd{margin:0;overflow-wrap:anywhere}
.missing{background:var(--card);border-radius:8px;padding:14px 16px;margin:0}
.math{white-space:nowrap}
@media screen and (max-width:599px){th,td{padding:4px 5px}.stack .name small{display:inline;margin-left:.6em}
.stack,.stack caption,.stack thead,.stack tbody{display:block}
.stack tr{display:grid;grid-template-columns:repeat(3,minmax(0,1fr));column-gap:4px;border-bottom:1px solid var(--rule);padding:3px 0}
.stack tr.numbered{grid-template-columns:2.2em repeat(3,minmax(0,1fr))}
.stack th,.stack td{border:0;padding:1px 0;min-width:0}
.stack tr>:first-child,.stack .numbered>:nth-child(2){grid-column:1/-1}.stack .numbered>:first-child{grid-column:1}.stack .numbered>:nth-child(2){grid-column:2/-1}.stack .numbered>:nth-child(3){grid-column:2}}
@media (min-width:800px){main{padding:32px 28px 60px}.pair{grid-template-columns:minmax(0,1.15fr) minmax(0,1fr)}h1{font-size:2.1rem}}
@media print{@page{size:A4;margin:10mm}
html{font-size:8.5pt}figcaption,caption{font-size:.85rem}body{font-size:1rem;line-height:1.3}p{margin-bottom:.5rem}main{max-width:none;padding:0}h1{font-size:1.7rem}
.cards{grid-template-columns:repeat(4,1fr);gap:8px;margin:.8rem 0}.card{border:1px solid var(--rule);padding:8px 10px;background:none}.card .value{font-size:1.35rem}
.pair{grid-template-columns:minmax(0,.68fr) minmax(0,1fr);gap:6px 18px}.key{margin-right:.6em}
section{margin-top:7pt;padding-top:4pt}.pair{break-inside:avoid}.many .pair{break-inside:auto}.lede,section>p,.limits{max-width:none}.limits{margin:.8rem 0}
tr,dl{break-inside:avoid}h2,caption,thead{break-after:avoid}
tbody tr:nth-child(-n+3):not(:last-child){break-after:avoid}tbody tr:nth-last-child(-n+4):not(:first-child){break-before:avoid}
.wide{overflow:visible}
table{font-size:.85rem;line-height:1.25}th,td{padding:1.2px 4px}td small,th small{display:inline;margin-left:.4em}.pair .stack small{display:block;margin:0}dl{grid-template-columns:repeat(2,max-content minmax(0,1fr))}a{color:inherit}}
)css";

constexpr const char* metric_words = "symmetric positive definite";

std::string note_list(const std::vector<std::string>& notes) {
  std::string html;
  for (const std::string& note : notes) html += "<p>" + escape_html(note) + "</p>\n";
  return html;
}

std::string verdict_cell(Verdict verdict) {
  switch (verdict) {
    case Verdict::effective:
      return "<td class=\"left\">effective</td>";
    case Verdict::not_effective:
      return "<td class=\"left no\">not effective</td>";
    case Verdict::undetermined:
      break;
  }
  return "<td class=\"left open\">undetermined</td>";
}

std::string cell(const std::string& text) {
  return "<td>" + escape_html(text) + "</td>";
}
std::string cell(const std::string& text, const std::string& below) {
  return "<td>" + escape_html(text) + "<small>" + escape_html(below) + "</small></td>";
}

constexpr const char* others_in_json = "; the others are in analysis.json";

/// Which items of a series the table beside a picture shows: all of a short run; of a longer one its ends,
/// seven between, and what stands out.
class Selection {
 public:
  Selection(const Analysis& a, std::uint64_t n) : n_(n) {
    if (n == 0) return;
    const std::uint64_t last = n - 1, parts = a.steps.size() <= 12 ? std::max<std::uint64_t>(last, 1) : 8;
    for (std::uint64_t j = 0; j <= parts; ++j) rows_[last / parts * j + last % parts * j / parts];
  }
  void mark(std::uint64_t index, const std::string& note) {
    std::string& notes = rows_[index];
    notes += (notes.empty() ? "" : ", ") + note;
  }
  /// Marks the first of the smallest and largest values.
  template <class ValueAt>
  void mark_extremes(ValueAt value_at, const std::string& what = "") {
    std::optional<std::uint64_t> least, most;
    for (std::uint64_t i = 0; i < n_; ++i) {
      const std::optional<double> v = value_at(i);
      if (!v || std::isnan(*v)) continue;
      if (!least || *v < *value_at(*least)) least = i;
      if (!most || *v > *value_at(*most)) most = i;
    }
    if (!least || least == most) return;
    mark(*least, "smallest" + what);
    mark(*most, "largest" + what);
  }
  const std::map<std::uint64_t, std::string>& rows() const { return rows_; }
  /// "every step", or "9 of 700 steps" and where the others are.
  std::string of(const char* noun, const char* others) const {
    return rows_.size() == n_ ? std::string("every ") + noun
                              : fmt::format("{} of {}{}", rows_.size(), counted(n_, noun), others);
  }

 private:
  std::uint64_t n_;
  std::map<std::uint64_t, std::string> rows_;
};

std::string step_cell(std::uint64_t step, const std::string& note) {
  return fmt::format("<th scope=\"row\">{}{}</th>", step,
                     note.empty() ? "" : "<small>" + escape_html(note) + "</small>");
}

std::string table(const std::string& caption, const std::vector<std::string>& head, const std::string& body,
                  bool stacked = false) {
  std::string html = "<div class=\"wide\"><table" + std::string(stacked ? " class=\"stack\"" : "") +
                     ">\n<caption>" + caption + "</caption>\n<thead><tr" +
                     (head.front() == "no." ? " class=\"numbered\"" : "") + ">";
  for (const std::string& h : head) {
    const bool words = h == "verdict" || h == "group" || h == "effective";
    html += fmt::format("<th scope=\"col\"{}>{}</th>", words ? " class=\"left\"" : "", h);
  }
  return html + "</tr></thead>\n<tbody>\n" + body + "</tbody></table></div>\n";
}

/// Picture, its caption and its numbers.
std::string pair(const plots::Pictures& pictures, const plots::Picture& picture, const std::string& caption,
                 const std::string& nothing, const std::string& numbers) {
  std::string html = "<div class=\"pair\">\n";
  if (!picture.svg.empty()) {
    html += "<figure>\n" + picture.svg + "\n<figcaption>" + caption + note_list(picture.notes) +
            "</figcaption></figure>\n";
  } else if (pictures.available) {
    html += "<div class=\"missing\"><p>" + nothing + "</p>" + note_list(picture.notes) + "</div>\n";
  } else {
    html += "<p class=\"missing\">No picture: gnuplot was not found when this page was written.</p>\n";
  }
  return html + numbers + "</div>\n";
}

/// Only a radius leaves a verdict open where there is an angle.
template <class Steps>
bool undetermined_with_angle(const Steps& steps) {
  return std::any_of(steps.begin(), steps.end(), [](const auto& step) {
    return step.angle && step.judgement.verdict == Verdict::undetermined;
  });
}

/// Digits that tell the losses apart where they differ late: 4 to 12.
int telling_digits(const std::vector<double>& losses) {
  const auto [lo, hi] = std::minmax_element(losses.begin(), losses.end());
  if (losses.empty() || !(*lo < *hi)) return 4;
  const double magnitude = std::max(std::abs(*lo), std::abs(*hi));
  // The difference may overflow: the logarithm is then -inf.
  return static_cast<int>(std::clamp(std::log10(magnitude / (*hi - *lo)), 0.0, 8.0)) + 4;
}

std::string loss_section(const Analysis& a, const plots::Pictures& pictures) {
  Selection selection(a, a.losses.size());
  selection.mark_extremes([&](std::uint64_t i) { return std::optional(a.losses[i]); });
  const auto is_bad = [](const StepAnalysis& s) { return s.judgement.verdict == Verdict::not_effective; };
  const auto first = std::find_if(a.steps.begin(), a.steps.end(), is_bad);
  const auto last = std::find_if(a.steps.rbegin(), a.steps.rend(), is_bad);
  if (first != a.steps.end()) {
    const auto begin = static_cast<std::uint64_t>(first - a.steps.begin());
    const auto end = static_cast<std::uint64_t>(a.steps.rend() - last) - 1;
    selection.mark(begin, begin == end ? "the one not effective" : "first not effective");
    if (begin != end) selection.mark(end, "last not effective");
  }
  std::string body;
  const int digits = telling_digits(a.losses);
  for (const auto& [i, note] : selection.rows()) {
    body += "<tr>" + step_cell(a.first_step + i, note) + cell(number(a.losses[i], digits)) +
            (i < a.steps.size() ? verdict_cell(a.steps[i].judgement.verdict)
                                : "<td class=\"left\">after the last step</td>") +
            "</tr>\n";
  }
  const std::string caption =
      "<p><span class=\"key\"><i style=\"background:#0072b2\"></i>yes: effective</span>"
      "<span class=\"key\"><i style=\"background:#d55e00\"></i>no: not effective</span>"
      "<span class=\"key\"><i style=\"background:#808080\"></i>?: undetermined</span></p>"
      "<p>The loss before each step, with the step’s verdict shaded behind it and marked in the strip "
      "below.</p>";
  return "<section>\n<h2>Loss and verdict</h2>\n" +
         pair(
             pictures, pictures.loss, caption, "No loss to draw.",
             table("The loss: " + selection.of("value", others_in_json), {"step", "loss", "verdict"}, body)) +
         "</section>\n";
}

std::string angle_section(const Analysis& a, const plots::Pictures& pictures) {
  const auto value = [&](std::uint64_t i) { return a.steps[i].angle; };
  Selection selection(a, a.steps.size());
  selection.mark_extremes(value);
  std::string body;
  for (const auto& [i, note] : selection.rows())
    body += "<tr>" + step_cell(a.steps[i].step, note) + cell(degrees(value(i))) +
            verdict_cell(a.steps[i].judgement.verdict) + "</tr>\n";
  return "<section>\n<h2>Angle between the step and −∇L</h2>\n" +
         pair(pictures, pictures.angle,
              std::string("<p>Below the dashed line at 90° a metric exists; on it and above it, none does.") +
                  (undetermined_with_angle(a.steps)
                       ? " The line is for the vectors as given: a step near it is undetermined where the "
                         "radius leaves the sign of y·g open."
                       : "") +
                  "</p>",
              "No step has an angle: it needs a step and a gradient that are not zero.",
              table("The angle in degrees at " + selection.of("step", others_in_json),
                    {"step", "angle", "verdict"}, body)) +
         "</section>\n";
}

std::string condition_section(const Analysis& a, const plots::Pictures& pictures) {
  const auto value = [&](std::uint64_t i) { return a.steps[i].condition; };
  Selection selection(a, a.steps.size());
  selection.mark_extremes(value);
  std::string body;
  for (const auto& [i, note] : selection.rows())
    body += "<tr>" + step_cell(a.steps[i].step, note) + cell(number(value(i))) +
            verdict_cell(a.steps[i].judgement.verdict) + "</tr>\n";
  return "<section>\n<h2>Smallest condition number κ*</h2>\n" +
         pair(
             pictures, pictures.condition,
             "<p>No metric with Mg = y has a smaller condition number. κ* = 1 when the step is parallel "
             "to −∇L, and grows without bound as the angle nears 90°. Gaps: steps that are not effective, or "
             "undetermined; they have no κ*.</p>",
             "Nothing to draw.",
             table("κ* at " + selection.of("step", others_in_json), {"step", "κ*", "verdict"}, body)) +
         "</section>\n";
}

std::string spectrum_section(const Analysis& a, const plots::Pictures& pictures) {
  const bool with_rate = std::any_of(a.steps.begin(), a.steps.end(),
                                     [](const StepAnalysis& s) { return s.scaled_alpha.has_value(); });
  Selection selection(a, a.steps.size());
  selection.mark_extremes([&](std::uint64_t i) { return a.steps[i].alpha; }, " α*");
  std::string body;
  for (const auto& [i, note] : selection.rows()) {
    const StepAnalysis& s = a.steps[i];
    body += "<tr>" + step_cell(s.step, note) + cell(number(s.lambda_min)) + cell(number(s.alpha)) +
            cell(number(s.lambda_max)) + (with_rate ? cell(number(s.scaled_alpha)) : "") + "</tr>\n";
  }
  std::vector<std::string> head{"step", "λ₋", "α*", "λ₊"};
  if (with_rate) head.push_back("α*η");
  const std::string rate = with_rate ? "<p>α*η belongs to the step divided by the learning rate η.</p>" : "";
  return "<section>\n<h2>Eigenvalues of the metric</h2>\n" +
         pair(pictures, pictures.spectrum,
              "<p>M(α*) has smallest and largest eigenvalues λ₋ and λ₊, one each, and α* for all others; "
              "κ* = λ₊/λ₋. Its scale is that of −∇L over that of the step.</p>" +
                  rate,
              "Nothing to draw.",
              table("Eigenvalues at " + selection.of("step", "; α* of the others is in analysis.json"), head,
                    body)) +
         "</section>\n";
}

/// A name that may break after its punctuation; what is too long to be read at a glance is whole in its
/// title.
std::string name_of(const std::string& name) {
  constexpr std::size_t most = 160;
  const std::string whole = escape_html(printable(name, std::string::npos)),
                    shown = escape_html(printable(name, most));
  std::string html = "<bdi" + (shown == whole ? "" : " title=\"" + whole + "\"") + ">";
  for (const char c : shown) {
    html += c;
    if (c == '.' || c == '_' || c == '/' || c == ':') html += "<wbr>";
  }
  return html + "</bdi>";
}

std::string group_table(const Analysis& a, const std::vector<std::size_t>& shown, bool numbered,
                        const std::string& caption) {
  std::string body;
  for (const std::size_t g : shown) {
    const GroupAnalysis& group = a.groups[g];
    body += numbered ? fmt::format("<tr class=\"numbered\"><td>{}</td>", g + 1) : "<tr>";
    body += fmt::format("<th scope=\"row\" class=\"name\">{}<small>{}</small></th>", name_of(group.name),
                        counted(group.size, "parameter"));
    const std::uint64_t n =
        group.verdicts.effective + group.verdicts.not_effective + group.verdicts.undetermined;
    body += fmt::format("<td class=\"left\">{}<small>{} of {}</small></td>",
                        escape_html(percent(group.verdicts.effective, n)), group.verdicts.effective, n);
    body += cell(degrees(group.angle.median), degrees(group.angle.max)) +
            cell(number(group.condition.median), number(group.condition.max)) + "</tr>\n";
  }
  std::vector<std::string> head;
  if (numbered) head.push_back("no.");
  for (const char* words : {"group", "effective", "angle<small>median<br> largest</small>",
                            "κ*<small>median<br> largest</small>"})
    head.emplace_back(words);
  return table(caption, head, body, true);
}

std::string groups_section(const Analysis& a, const plots::Pictures& pictures) {
  constexpr std::size_t beside = 12, most = 500;
  std::vector<std::size_t> all(a.groups.size());
  for (std::size_t g = 0; g < all.size(); ++g) all[g] = g;
  const bool many = all.size() > beside, numbered = !plots::names_groups(a);
  const bool open = std::any_of(a.groups.begin(), a.groups.end(), [](const GroupAnalysis& group) {
    return undetermined_with_angle(group.steps);
  });
  std::string ramp = "<div class=\"ramp\" aria-hidden=\"true\">";
  for (int l = 0; l < plots::angle_levels; ++l)
    ramp += "<i style=\"background:" + plots::angle_colour(l) + "\"></i>";
  ramp +=
      "</div><div class=\"scale\"><span>0°</span><span>45°</span><span>90°</span><span>135°</span>"
      "<span>180°</span></div>";
  const std::string caption = ramp +
                              "<p>The angle by group and step: blue below 90°, where the group’s own part "
                              "of the step is effective; orange and struck through where it is not; "
                              "hatched where there is no angle, since one of the vectors is zero." +
                              (open ? " An undetermined part has the colour of its angle." : "") + "</p>";

  std::vector<std::size_t> shown = all;
  std::string title = "Each group by itself, over all steps";
  if (many) {
    const auto key = [&](std::size_t g) { return a.groups[g].angle.max.value_or(-1); };
    std::stable_sort(shown.begin(), shown.end(),
                     [&](std::size_t x, std::size_t y) { return key(x) > key(y); });
    shown.resize(beside);
    title = fmt::format("The {} groups with the largest angles, each by itself, over all steps", beside);
  }
  std::string html =
      "<section" + std::string(many ? " class=\"many\"" : "") + ">\n<h2>By group of parameters</h2>\n" +
      pair(pictures, pictures.groups, caption, "No group to draw.", group_table(a, shown, numbered, title)) +
      "</section>\n";
  if (many) {
    std::string all_title = fmt::format("All {} groups, each by itself, over all steps", all.size());
    if (all.size() > most) {
      all_title = fmt::format("The first {} of {} groups; the others are in analysis.json", most, all.size());
      all.resize(most);
    }
    html += "<section>\n<h2>Table of groups</h2>\n" + group_table(a, all, true, all_title) + "</section>\n";
  }
  return html;
}

std::string card(const std::string& title, const std::string& value, const std::string& beside,
                 const std::string& sentence) {
  return fmt::format(
      "<div class=\"card\"><h2>{}</h2><p class=\"value\">{} <small>{}</small></p><p>{}</p></div>\n", title,
      escape_html(value), escape_html(beside), sentence);
}

std::string summary(const Analysis& a) {
  const std::uint64_t n = a.steps.size();
  const VerdictCounts& v = a.verdicts;
  std::string lede;
  if (v.effective == 0) {
    lede = fmt::format("<strong>{} effective</strong>{}.",
                       n == 1 ? "The only step is not" : "None of the " + counted(n, "step") + " is",
                       v.not_effective == n ? fmt::format(": no {} M turns −∇L into {}", metric_words,
                                                          n == 1 ? "it" : "any of them")
                                            : "");
  } else {
    lede = fmt::format(
        "<strong>{} {} effective</strong>: y·g &gt; 0, so the step is natural gradient descent, "
        "<span class=\"math\">g = −M⁻¹∇L</span>, in some metric, a {} matrix M.",
        v.effective == n ? (n == 1 ? "The only step" : "All " + counted(n, "step"))
                         : fmt::format("{} of {} ({})", v.effective, counted(n, "step"),
                                       escape_html(percent(v.effective, n))),
        v.effective == 1 || n == 1 ? "is" : "are", metric_words);
  }
  std::string html = "<p class=\"lede\">" + lede + " Here g is the step the rule took and y = −∇L.</p>\n";
  const auto others = [&](std::uint64_t count, const char* what, Verdict verdict, const char* so) {
    if (count == 0) return;
    html +=
        fmt::format("<p>{} ({}) {} {}, {}{}.</p>\n", counted(count, "step"), escape_html(percent(count, n)),
                    count == 1 ? "is" : "are", what, escape_html(reasons(a, verdict)), so);
  };
  others(v.not_effective, "not effective", Verdict::not_effective, ": no metric exists there");
  others(v.undetermined, "undetermined", Verdict::undetermined, "");

  html += "<div class=\"cards\">\n";
  html += card("Effective steps", percent(v.effective, n), fmt::format("{} of {}", v.effective, n),
               "Effective: y·g &gt; 0, so the step is natural gradient descent in some metric.");
  const std::uint64_t used = a.window.used;
  const std::string share =
      a.window.effective_fraction && a.window.minimal != used
          ? fmt::format(" The loss is lower {} later in {} of the cases.", counted(used, "step"),
                        escape_html(percent(a.window.effective_fraction)))
          : "";
  if (a.window.minimal) {
    const std::uint64_t m = *a.window.minimal;
    html +=
        card("Smallest improving window", std::to_string(m), m == 1 ? "step" : "steps",
             (m == 1 ? std::string("Every step lowers the loss.")
                     : fmt::format("From any step, the loss is lower {} steps later: its running mean over "
                                   "{} steps always falls.",
                                   m, m)) +
                 share);
  } else {
    html += card("Smallest improving window", "none", "",
                 a.losses.size() < 2
                     ? "A window needs two losses."
                     : "There is no m such that the loss is lower m steps later from every step." + share);
  }
  html += card("Median angle", degrees(a.angle.median) + (a.angle.median ? "°" : ""),
               a.angle.max ? "largest " + degrees(a.angle.max) + "°" : "",
               "Between the step and −∇L: 0° is plain gradient descent, and a metric exists below 90° only.");
  html += card(
      "Median κ*", number(a.condition.median), a.condition.max ? "largest " + number(a.condition.max) : "",
      "The smallest condition number among all metrics that explain the step; 1 is the best possible.");
  return html + "</div>\n";
}

std::string facts(const Analysis& a) {
  const RunInfo& info = a.info;
  std::string html = "<section>\n<h2>About this run and this page</h2>\n<dl>\n";
  const auto fact = [&](const char* name, const std::string& value) {
    html += fmt::format("<dt>{}</dt><dd><bdi>{}</bdi></dd>\n", name, escape_html(value));
  };
  fact("File", printable(info.path, 300));
  fact("Rule", info.rule ? printable(*info.rule, 200) : "not named in the file");
  fact("Problem", info.problem ? printable(*info.problem, 200) : "not named in the file");
  if (info.seed) fact("Seed", std::to_string(*info.seed));
  fact("Parameters", fmt::format("{} in {}", info.dimension, counted(a.groups.size(), "group")));
  fact("Steps",
       fmt::format("{} in the file, {} analysed", info.steps, a.steps.size()) +
           (a.steps.empty() ? "" : fmt::format(" ({} to {})", a.steps.front().step, a.steps.back().step)));
  fact("Losses", std::to_string(info.losses));
  fact("Learning rate",
       info.has_learning_rate ? "in the file; the table of eigenvalues has α*η" : "not in the file");
  fact("Radius", info.has_radius
                     ? "in the file: a verdict holds for every pair of vectors within it, and is "
                       "undetermined where the sign of y·g is not certain; angles and κ* are those of the "
                       "vectors as given"
                     : "none: the vectors are taken as exact");
  fact("Written by", "natgrad " NATGRAD_VERSION);
  return html +
         "</dl>\n"
         "<p><a href=\"analysis.json\">analysis.json</a> beside this page has, for every step, its number, "
         "loss, "
         "verdict, angle (in radians, not degrees), α* (<code>alpha</code>) and κ* (<code>condition</code>), "
         "<code>null</code> where undefined or above the range of a double; and, for the run and for each "
         "group, the "
         "counts of verdicts and the median and largest angle and κ*. Not in it: λ₋ and λ₊, which are α*(1 ∓ "
         "sin of "
         "the angle), α*η, the loss after the last step, and the groups step by step.</p>\n"
         "<p>The verdicts are decided by integer arithmetic, and each angle, α* and κ* of a step in that "
         "file is "
         "the double nearest to its exact value. The tables here round: to four significant digits (losses "
         "to "
         "more where they differ late), and angles to hundredths of a degree (next to 90, to 90 plus or "
         "minus the "
         "rest).</p>\n"
         "<p>To cite: L. Shoji, K. Suzuki, L. Kozachkov, <cite>Is All Learning (Natural) Gradient "
         "Descent?</cite>, <a href=\"https://arxiv.org/abs/2409.16422\">arXiv:2409.16422</a> (2024), and "
         "natgrad " NATGRAD_VERSION ".</p>\n</section>\n";
}

}  // namespace

std::string html_page(const Analysis& a, const plots::Pictures& pictures) {
  std::string html =
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta name=\"color-scheme\" content=\"light dark\">\n";
  html += "<title>" + escape_html(title(a.info, 100)) + " · natgrad report</title>\n<style>" + style +
          "</style>\n</head>\n<body>\n<main>\n<header>\n";
  html += fmt::format("<p class=\"kicker\">natgrad report · {} · {}</p>\n<h1><bdi>{}</bdi></h1>\n",
                      counted(a.steps.size(), "step"), counted(a.info.dimension, "parameter"),
                      escape_html(title(a.info, 100)));
  html += summary(a);
  html +=
      "<div class=\"limits\"><p><strong>What this does not say.</strong> M is not unique: with more than "
      "one parameter every effective step has infinitely many metrics, and M is not the Fisher metric. Nor "
      "is an effective step promised to lower the loss: y·g &gt; 0 speaks of the direction, not of the "
      "length of the step.</p></div>\n</header>\n";
  if (!pictures.available)
    html +=
        "<p class=\"missing\">This page has no pictures: gnuplot was not found when it was written. With "
        "gnuplot on the PATH the same command draws them.</p>\n";
  if (!a.steps.empty()) {
    html += loss_section(a, pictures) + angle_section(a, pictures);
    html += a.verdicts.effective > 0 ? condition_section(a, pictures) + spectrum_section(a, pictures)
                                     : "<section>\n<h2>Condition number and eigenvalues</h2>\n<p>No step is "
                                       "effective, so there is no metric to describe.</p>\n</section>\n";
    html += groups_section(a, pictures);
  }
  return html + facts(a) + "</main>\n</body>\n</html>\n";
}

}  // namespace natgrad::report
