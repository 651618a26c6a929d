// natgrad: reports: JSON keys and values, hostile strings, decimation, pictures with and without gnuplot,
// files.
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bit>
#include <cfenv>
#include <cmath>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <numbers>
#include <random>
#include <regex>
#include <set>
#include <sstream>

#include "../lib/decimate.hpp"
#include "natgrad/error.hpp"
#include "natgrad/report.hpp"

namespace natgrad {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double pi = std::numbers::pi;

const std::vector<std::string> hostile{
    "\"; system \"touch /tmp/natgrad-report-test-was-here\"; \"",
    "'; system 'touch /tmp/natgrad-report-test-was-here'; '",
    "`touch /tmp/natgrad-report-test-was-here`",
    "$(touch /tmp/natgrad-report-test-was-here)",
    "<script>alert(1)</script>",
    "</style></svg></title></main><img src=x onerror=alert(1)>",
    "&amp;&lt;\"'",
    "two\nlines\r\tand \x1b[31mred\x07",
    "\xff\xfe\xc0\x80 \xed\xa0\x80 \xf4\x90\x80\x80 \xe2\x82",
    std::string("nul\0in the middle", 17),
    "\u202Eright to left",
    "NATGRADNAME0001",
    "EOD",
    "重み行列の層",
    "",
    std::string(10000, 'x'),
};

std::string read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream content;
  content << file.rdbuf();
  return content.str();
}

/// A directory that is gone at the end of the test.
class Directory {
 public:
  Directory() {
    std::string name = (fs::temp_directory_path() / "natgrad-report-XXXXXX").string();
    if (!mkdtemp(name.data())) throw std::runtime_error("mkdtemp");
    path_ = name;
  }
  ~Directory() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  const std::string& path() const { return path_; }
  std::set<std::string> names() const {
    std::set<std::string> found;
    for (const auto& entry : fs::recursive_directory_iterator(path_))
      found.insert(fs::relative(entry.path(), path_).string());
    return found;
  }

 private:
  std::string path_;
};

/// PATH for as long as it lives.
class Path {
 public:
  explicit Path(const std::string& value) : saved_(std::getenv("PATH")) { setenv("PATH", value.c_str(), 1); }
  ~Path() { setenv("PATH", saved_.c_str(), 1); }

 private:
  std::string saved_;
};

bool have_gnuplot() {
  std::istringstream path(std::getenv("PATH"));
  for (std::string directory; std::getline(path, directory, ':');)
    if (!directory.empty() && access((directory + "/gnuplot").c_str(), X_OK) == 0) return true;
  return false;
}

/// A stand-in for gnuplot, found on a PATH with the usual tools behind it.
Path fake_gnuplot(const Directory& directory, const std::string& script) {
  const std::string name = directory / "bin/gnuplot";
  fs::create_directory(directory / "bin");
  std::ofstream(name) << "#!/bin/sh\n" << script;
  chmod(name.c_str(), 0755);
  return Path(directory / "bin" + ":/usr/bin:/bin");
}

/// A run whose angle falls from `first` to `last` degrees, with everything that follows from it.
Analysis sample(std::uint64_t steps, std::size_t groups, double first = 95, double last = 25) {
  Analysis a;
  a.info.path = "run.h5";
  a.info.rule = "feedback-alignment";
  a.info.problem = "linear-teacher";
  a.info.seed = 7;
  a.info.steps = steps;
  a.info.losses = steps + 1;
  a.info.dimension = 10 * groups;
  a.groups.resize(groups);
  for (std::size_t g = 0; g < groups; ++g) {
    a.groups[g].name = "W" + std::to_string(g + 1);
    a.groups[g].size = 10;
  }
  const auto add = [](VerdictCounts& counts, Verdict v) {
    ++(v == Verdict::effective       ? counts.effective
       : v == Verdict::not_effective ? counts.not_effective
                                     : counts.undetermined);
  };
  std::vector<double> angles, conditions;
  for (std::uint64_t k = 0; k < steps; ++k) {
    const double t = static_cast<double>(k) / static_cast<double>(std::max<std::uint64_t>(1, steps - 1));
    const double angle = (last + (first - last) * std::exp(-8 * t)) * pi / 180;
    StepAnalysis step;
    step.step = k;
    step.loss = 50 * std::exp(-20 * t);
    step.angle = angle;
    step.judgement = angle < pi / 2 ? Judgement{Verdict::effective, Reason::descent}
                                    : Judgement{Verdict::not_effective, Reason::ascent};
    if (angle < pi / 2) {
      const double s = std::sin(angle), c = std::cos(angle);
      step.alpha = 40 / c;
      step.lambda_min = *step.alpha * (1 - s);
      step.lambda_max = *step.alpha * (1 + s);
      step.condition = (1 + s) / (1 - s);
      conditions.push_back(*step.condition);
    }
    angles.push_back(angle);
    add(a.verdicts, step.judgement.verdict);
    for (GroupAnalysis& group : a.groups) {
      group.steps.push_back({step.judgement, step.angle, step.condition});
      add(group.verdicts, step.judgement.verdict);
    }
    a.losses.push_back(step.loss);
    a.steps.push_back(step);
  }
  a.losses.push_back(40 * std::exp(-20.0));
  const auto summary = [](std::vector<double> v) {
    std::sort(v.begin(), v.end());
    return v.empty() ? Summary{} : Summary{v[v.size() / 2], v.back()};
  };
  a.angle = summary(angles);
  a.condition = summary(conditions);
  for (GroupAnalysis& group : a.groups) {
    group.angle = a.angle;
    group.condition = a.condition;
  }
  a.window.minimal = 1;
  a.window.effective_fraction = 1;
  return a;
}

std::size_t count(const std::string& text, const std::string& what) {
  std::size_t found = 0;
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++found;
  return found;
}

std::vector<std::string> keys(const Json& object) {
  std::vector<std::string> names;
  for (const auto& item : object.items()) names.push_back(item.key());
  return names;
}

using Names = std::vector<std::string>;

// ----------------------------------------------------------------------------------------- JSON

TEST(ReportJson, KeysInOrder) {
  const Json json = Json::parse(to_json(sample(5, 2)));
  EXPECT_EQ(keys(json), (Names{"version", "rule", "dimension", "steps", "verdicts", "window", "angle",
                               "condition", "groups", "per_step"}));
  const Names verdicts{"effective", "not_effective", "undetermined"}, summary{"median", "max"};
  EXPECT_EQ(keys(json["verdicts"]), verdicts);
  EXPECT_EQ(keys(json["window"]), (Names{"minimal", "effective_fraction"}));
  EXPECT_EQ(keys(json["angle"]), summary);
  EXPECT_EQ(keys(json["condition"]), summary);
  ASSERT_EQ(json["groups"].size(), 2U);
  for (const Json& group : json["groups"]) {
    EXPECT_EQ(keys(group), (Names{"name", "size", "verdicts", "angle", "condition"}));
    EXPECT_EQ(keys(group["verdicts"]), verdicts);
    EXPECT_EQ(keys(group["angle"]), summary);
    EXPECT_EQ(keys(group["condition"]), summary);
  }
  ASSERT_EQ(json["per_step"].size(), 5U);
  for (const Json& step : json["per_step"])
    EXPECT_EQ(keys(step), (Names{"step", "loss", "verdict", "angle", "alpha", "condition"}));
}

TEST(ReportJson, Values) {
  Analysis a = sample(4, 1);
  a.first_step = 100;
  a.info.steps = 999;  // of which four were analysed
  for (std::size_t k = 0; k < 4; ++k) a.steps[k].step = 100 + k;
  a.info.dimension = 18446744073709551615U;
  a.window = {3, 0.75, 1};
  a.steps[3].judgement = {Verdict::undetermined, Reason::stationary};
  const Json json = Json::parse(to_json(a));
  EXPECT_EQ(json["version"], NATGRAD_VERSION);
  EXPECT_EQ(json["rule"], "feedback-alignment");
  EXPECT_EQ(json["dimension"], 18446744073709551615U);
  EXPECT_EQ(json["steps"], 4);
  EXPECT_EQ(json["verdicts"]["effective"], a.verdicts.effective);
  EXPECT_EQ(json["verdicts"]["not_effective"], a.verdicts.not_effective);
  EXPECT_EQ(json["window"]["minimal"], 3);
  EXPECT_EQ(json["window"]["effective_fraction"], 0.75);
  EXPECT_EQ(json["groups"][0]["name"], "W1");
  EXPECT_EQ(json["groups"][0]["size"], 10);
  EXPECT_EQ(json["per_step"][0]["step"], 100);
  EXPECT_EQ(json["per_step"][0]["verdict"], "not_effective");
  EXPECT_EQ(json["per_step"][2]["verdict"], "effective");
  EXPECT_EQ(json["per_step"][3]["verdict"], "undetermined");
}

TEST(ReportJson, UndefinedAndNotFiniteAreNull) {
  Analysis a = sample(3, 1);
  a.info.rule.reset();
  a.window = {};
  a.angle = {};
  a.condition = {2.5, infinity};
  a.groups[0].condition = {infinity, infinity};
  a.steps[1].condition = infinity;
  a.steps[1].alpha = std::nan("");
  a.steps[2].angle.reset();
  const Json json = Json::parse(to_json(a));
  EXPECT_TRUE(json["rule"].is_null());
  EXPECT_TRUE(json["window"]["minimal"].is_null());
  EXPECT_TRUE(json["window"]["effective_fraction"].is_null());
  EXPECT_TRUE(json["angle"]["median"].is_null());
  EXPECT_TRUE(json["angle"]["max"].is_null());
  EXPECT_EQ(json["condition"]["median"], 2.5);
  EXPECT_TRUE(json["condition"]["max"].is_null());
  EXPECT_TRUE(json["groups"][0]["condition"]["median"].is_null());
  EXPECT_TRUE(json["per_step"][0]["alpha"].is_null());  // not effective
  EXPECT_TRUE(json["per_step"][0]["condition"].is_null());
  EXPECT_TRUE(json["per_step"][1]["condition"].is_null());
  EXPECT_TRUE(json["per_step"][1]["alpha"].is_null());
  EXPECT_TRUE(json["per_step"][2]["angle"].is_null());
  EXPECT_TRUE(json["per_step"][1]["angle"].is_number());
}

TEST(ReportJson, DoublesReadBackBitForBit) {
  std::mt19937_64 bits(20240916);
  Analysis a = sample(4000, 1);
  const std::vector<double> special{
      0.0, -0.0, 0x1p-1074,          -0x1p-1074, 0x1.fffffffffffffp1023, 0x1p-1022, 0x0.fffffffffffffp-1022,
      0.1, 1e23, 9007199254740993.0, 5e-324};
  for (std::size_t k = 0; k < a.steps.size(); ++k) {
    double value = k < special.size() ? special[k] : std::bit_cast<double>(bits());
    if (!std::isfinite(value)) value = 1;
    a.steps[k].loss = value;
    a.steps[k].alpha = value;
  }
  const Json json = Json::parse(to_json(a));
  for (std::size_t k = 0; k < a.steps.size(); ++k) {
    ASSERT_EQ(std::bit_cast<std::uint64_t>(json["per_step"][k]["loss"].get<double>()),
              std::bit_cast<std::uint64_t>(a.steps[k].loss))
        << k;
    ASSERT_EQ(std::bit_cast<std::uint64_t>(json["per_step"][k]["alpha"].get<double>()),
              std::bit_cast<std::uint64_t>(*a.steps[k].alpha))
        << k;
  }
}

TEST(ReportJson, IndentedByTwo) {
  for (const std::uint64_t steps : {0, 1, 3}) {
    const std::string text = to_json(sample(steps, 2));
    EXPECT_EQ(text, Json::parse(text).dump(2) + "\n");
  }
}

TEST(ReportJson, HostileStrings) {
  Analysis a = sample(2, hostile.size());
  for (std::size_t g = 0; g < hostile.size(); ++g) a.groups[g].name = hostile[g];
  for (const std::string& name : hostile) {
    a.info.rule = name;
    const Json json = Json::parse(to_json(a));
    // What is valid UTF-8 reads back unchanged; a byte that is not becomes U+FFFD.
    if (name.find('\xff') == std::string::npos) {
      EXPECT_EQ(json["rule"], name);
    } else {
      EXPECT_EQ(json["rule"].get<std::string>().rfind("\uFFFD\uFFFD", 0), 0U);
    }
  }
}

// ------------------------------------------------------------------------------------ environment

class RoundingAndFlushing {
 public:
  RoundingAndFlushing() {
    std::fesetround(FE_UPWARD);
#if defined(__SSE2__)
    saved_ = __builtin_ia32_stmxcsr();
    __builtin_ia32_ldmxcsr(saved_ | 0x8040U);  // flush to zero, denormals are zero
#endif
  }
  ~RoundingAndFlushing() {
#if defined(__SSE2__)
    __builtin_ia32_ldmxcsr(saved_);
#endif
    std::fesetround(FE_TONEAREST);
  }

 private:
#if defined(__SSE2__)
  unsigned saved_ = 0;
#endif
};

TEST(Report, SameBytesUnderAnyFloatEnvironment) {
  Analysis a = sample(50, 2);
  for (std::size_t k = 0; k < 50; ++k) {
    a.steps[k].loss = a.losses[k] = std::ldexp(1.0 + 0.01 * static_cast<double>(k), -1040);
    a.steps[k].alpha = 5e-324;
  }
  Directory directory;
  const bool drawn = have_gnuplot();
  const std::string json = to_json(a), text = to_text(a, true);
  const ReportFiles files = write_report(a, directory / "nearest");
  ReportFiles others;
  std::string other_json, other_text;
  {
    const RoundingAndFlushing environment;
    other_json = to_json(a);
    other_text = to_text(a, true);
    others = write_report(a, directory / "upward");
    EXPECT_EQ(std::fegetround(), FE_UPWARD);
  }
  EXPECT_EQ(json, other_json);
  EXPECT_EQ(text, other_text);
  EXPECT_EQ(read(files.json), read(others.json));
  EXPECT_EQ(read(files.html), read(others.html));
  EXPECT_EQ(others.pictures, drawn);
  EXPECT_NE(json.find("5e-324"), std::string::npos);
}

// ------------------------------------------------------------------------------------------ text

std::size_t characters(const std::string& line) {
  return static_cast<std::size_t>(std::count_if(
      line.begin(), line.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

std::vector<std::string> lines(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> all;
  for (std::string line; std::getline(stream, line);) all.push_back(line);
  return all;
}

TEST(ReportText, OneScreen) {
  std::vector<Analysis> all{sample(1, 1), sample(700, 2), sample(40, 300), sample(30, 3, 120, 100),
                            sample(0, 0)};
  all.push_back(sample(3000, 2, 89.9999999999, 89.99999999999));
  all.back().first_step = 12345678;
  all.back().info.steps = 1000000000;
  for (StepAnalysis& step : all.back().steps) step.step += 12345678;
  for (std::size_t k = 0; k < 6; ++k) {
    const std::vector<Judgement> kinds{
        {Verdict::not_effective, Reason::ascent},      {Verdict::not_effective, Reason::orthogonal},
        {Verdict::not_effective, Reason::zero_update}, {Verdict::not_effective, Reason::zero_gradient},
        {Verdict::undetermined, Reason::stationary},   {Verdict::undetermined, Reason::inexact}};
    for (std::size_t j = k; j < 2400; j += 6) all.back().steps[j].judgement = kinds[k];
  }
  all.back().verdicts = {600, 1600, 800};
  all.back().condition = {infinity, infinity};
  for (const Analysis& a : all) {
    const std::string text = to_text(a, false);
    EXPECT_EQ(text.back(), '\n');
    EXPECT_LE(lines(text).size(), 40U);
    for (const std::string& line : lines(text)) EXPECT_LE(characters(line), 78U) << line;
    EXPECT_EQ(text.find('\x1b'), std::string::npos);
    // Colour adds escape sequences and nothing else.
    EXPECT_EQ(std::regex_replace(to_text(a, true), std::regex("\x1b\\[[0-9;]*m"), ""), text);
  }
  EXPECT_NE(to_text(all[1], true).find('\x1b'), std::string::npos);
}

TEST(ReportText, SaysWhatWasFound) {
  const Analysis a = sample(700, 300);
  const std::string text = to_text(a, false);
  EXPECT_NE(text.find("feedback-alignment on linear-teacher, seed 7"), std::string::npos);
  EXPECT_NE(text.find(std::to_string(a.verdicts.effective) + " of 700 steps effective"), std::string::npos);
  EXPECT_NE(text.find(std::to_string(a.verdicts.not_effective) + " not effective"), std::string::npos);
  EXPECT_NE(text.find("with y·g < 0"), std::string::npos);
  EXPECT_NE(text.find("g = −M⁻¹∇L"), std::string::npos);
  EXPECT_NE(text.find("W12 "), std::string::npos);
  EXPECT_EQ(text.find("W13 "), std::string::npos);
  EXPECT_NE(text.find("… and 288 more"), std::string::npos);
  EXPECT_EQ(to_text(sample(5, 1, 120, 110), false).find("M⁻¹"), std::string::npos);
}

/// The line that begins with this name.
std::string line_of(const std::string& text, const std::string& name) {
  for (const std::string& line : lines(text))
    if (line.rfind(name, 0) == 0) return line;
  return "";
}

std::string times(std::size_t n, const std::string& glyph) {
  std::string text;
  while (n-- > 0) text += glyph;
  return text;
}

void judge(Analysis& a, std::uint64_t begin, std::uint64_t end, std::uint64_t every, Judgement judgement) {
  for (std::uint64_t k = begin; k < end; k += every) a.steps[k].judgement = judgement;
}

TEST(ReportText, AColumnOfDifferentVerdictsHasAMarkOfItsOwn) {
  constexpr Judgement bad{Verdict::not_effective, Reason::ascent},
      open{Verdict::undetermined, Reason::inexact};
  Analysis a = sample(3000, 2, 80, 20);
  EXPECT_EQ(line_of(to_text(a, false), "verdict"), "verdict  " + times(60, "·"));
  EXPECT_NE(to_text(a, false).find("\n         · effective\n"), std::string::npos);
  judge(a, 1, 3000, 2, bad);  // half of them, everywhere
  EXPECT_EQ(line_of(to_text(a, false), "verdict"), "verdict  " + times(60, "~"));
  EXPECT_NE(to_text(a, false).find("\n         ~ mixed\n"), std::string::npos);
  judge(a, 0, 1000, 1, bad);
  judge(a, 1000, 2000, 1, open);
  judge(a, 2000, 3000, 1, {Verdict::effective, Reason::descent});
  a.steps[2999].judgement = bad;
  const std::string text = to_text(a, false);
  EXPECT_EQ(line_of(text, "verdict"), "verdict  " + times(20, "×") + times(20, "?") + times(19, "·") + "~");
  EXPECT_NE(text.find("\n         · effective  × not effective  ? undetermined  ~ mixed\n"),
            std::string::npos);
  EXPECT_LE(lines(text).size(), 23U);
}

TEST(ReportText, SaysWhatAColumnIs) {
  EXPECT_NE(to_text(sample(60, 1), false).find("a column is one step\n"), std::string::npos);
  const std::string text = to_text(sample(3000, 1), false);
  EXPECT_NE(text.find("a column is 50 steps, with their largest loss and largest angle\n"),
            std::string::npos);
  EXPECT_NE(to_text(sample(100, 1), false).find("a column is 1 or 2 steps,"), std::string::npos);
  // The columns of all three lines hold the same steps: a peak of the loss stands where its verdict does.
  for (const std::uint64_t steps : {61, 100, 3000}) {
    Analysis a = sample(steps, 1, 80, 20);
    for (double& loss : a.losses) loss = 1;
    a.losses.back() = 0.5;
    for (const std::uint64_t k : {std::uint64_t{0}, steps / 2, steps - 1}) {
      Analysis peaked = a;
      peaked.losses[k] = 2;
      peaked.steps[k].judgement = {Verdict::not_effective, Reason::ascent};
      const std::string chart = to_text(peaked, false);
      const std::string verdict = line_of(chart, "verdict");
      std::string bars;
      for (const std::string& line : lines(chart))
        if (line.rfind("loss", 0) == 0 && line.find("█") != std::string::npos) bars = line;
      const std::size_t bad = std::min(verdict.find("×"), verdict.find("~"));
      ASSERT_NE(bad, std::string::npos);
      EXPECT_EQ(characters(bars.substr(0, bars.find("█"))), characters(verdict.substr(0, bad))) << chart;
      EXPECT_EQ(characters(bars), 9U + 60U);
    }
  }
}

TEST(ReportText, SentencesForEveryKindOfWindow) {
  Analysis a = sample(40, 1);
  EXPECT_EQ(line_of(to_text(a, false), "window"), "window   1 step: every step lowers the loss");
  a.window = {2, 0.975, 1};
  EXPECT_EQ(line_of(to_text(a, false), "window"),
            "window   2 steps: from any step, the loss is lower 2 steps later");
  EXPECT_NE(to_text(a, false).find("; 1 step later it is lower in 97.5 % of the cases\n"), std::string::npos);
  a.window = {std::nullopt, 0.5, 1};
  EXPECT_EQ(line_of(to_text(a, false), "window"),
            "window   none: there is no m such that m steps later the loss is always lower");
}

TEST(ReportText, OneLossHasNoWindowAndNoCourse) {
  Analysis a = sample(1, 1, 30, 30);
  a.losses = {1};
  a.info.losses = 1;
  a.window = {};
  const std::string text = to_text(a, false);
  EXPECT_EQ(line_of(text, "window"), "window   none: it needs two losses");
  EXPECT_EQ(line_of(text, "loss"), "loss     1.000");
}

TEST(ReportText, NeitherHidesNorInventsASmallShare) {
  Analysis a = sample(1, 1);
  a.verdicts = {999999, 1, 0};
  a.steps.resize(1000000, a.steps[0]);
  EXPECT_NE(to_text(a, false).find("(> 99.9 %)"), std::string::npos);
  EXPECT_NE(to_text(a, false).find("(< 0.1 %)"), std::string::npos);
}

TEST(ReportText, AnglesNextToNinetyDegreesKeepTheirSide) {
  Analysis a = sample(1, 1);
  a.angle = {std::nextafter(pi / 2, 0), std::nextafter(pi / 2, 2)};
  EXPECT_NE(to_text(a, false).find("90 − 1.3e-14"), std::string::npos);
  EXPECT_NE(to_text(a, false).find("90 + 1.3e-14"), std::string::npos);
  a.angle = {pi / 2, pi / 2};
  EXPECT_NE(to_text(a, false).find("max 90.00"), std::string::npos);
}

TEST(ReportText, HostileStringsCannotReachTheTerminal) {
  Analysis a = sample(2, 12);
  for (const std::string& name : hostile) {
    a.info.rule = a.info.problem = a.groups[5].name = name;
    for (const char c : to_text(a, false))
      ASSERT_TRUE(c == '\n' || static_cast<unsigned char>(c) >= 0x20) << name.substr(0, 40);
    EXPECT_LE(lines(to_text(a, false)).size(), 40U);
    EXPECT_EQ(to_text(a, false).find("\u202E"), std::string::npos);
    EXPECT_NO_THROW(Json(to_text(a, false)).dump());  // throws for invalid UTF-8
  }
}

TEST(ReportText, EveryInvalidByteIsReplaced) {
  struct Case {
    const char* name;
    std::size_t replaced;
  };
  Analysis a = sample(2, 1);
  for (const Case& c : {Case{"ok/é/∇/𝛼", 0}, Case{"\xc1\xaf", 2}, Case{"\xe0\x80\xaf", 3},
                        Case{"\xf0\x80\x80\xaf", 4}, Case{"\xed\xa0\x80", 3}, Case{"\xf4\x90\x80\x80", 4},
                        Case{"\xe2\x88", 2}, Case{"\x80x\xbf", 2}, Case{"\xc3(", 1}}) {
    a.info.rule = c.name;
    EXPECT_EQ(count(to_text(a, false), "\uFFFD"), c.replaced) << c.replaced;
  }
  a.info.rule = "ok/é/∇/𝛼";
  EXPECT_NE(to_text(a, false).find("ok/é/∇/𝛼"), std::string::npos);
}

// ------------------------------------------------------------------------------------- decimation

TEST(Decimation, ColumnsCoverEveryItemOnce) {
  for (const std::uint64_t n : {1, 7, 500, 501, 999, 1000000}) {
    for (const std::uint64_t columns : {1, 3, 7, 500}) {
      if (columns > n) continue;
      EXPECT_EQ(plots::column_begin(n, columns, 0), 0U);
      EXPECT_EQ(plots::column_begin(n, columns, columns), n);
      for (std::uint64_t c = 0; c < columns; ++c) {
        const std::uint64_t size =
            plots::column_begin(n, columns, c + 1) - plots::column_begin(n, columns, c);
        ASSERT_TRUE(size == n / columns || size == n / columns + 1);
      }
    }
  }
}

TEST(Decimation, KeepsEndsAndExtremesOfEveryColumn) {
  std::mt19937_64 random(1);
  std::vector<std::optional<double>> values(10007);
  for (auto& v : values) {
    if (random() % 5 != 0) v = static_cast<double>(random() % 1000);
  }
  constexpr std::uint64_t columns = 37;
  const auto pieces = plots::envelope(values.size(), columns, [&](std::uint64_t i) { return values[i]; });
  std::map<std::uint64_t, double> kept;
  std::uint64_t previous = 0;
  for (const auto& piece : pieces) {
    for (const plots::Sample& s : piece) {
      EXPECT_TRUE(kept.empty() || s.index > previous);
      previous = s.index;
      ASSERT_EQ(values.at(s.index), s.value);
      kept[s.index] = s.value;
    }
  }
  EXPECT_LE(kept.size(), 4 * columns);
  for (std::uint64_t c = 0; c < columns; ++c) {
    double lo = infinity, hi = -infinity, kept_lo = infinity, kept_hi = -infinity;
    std::optional<std::uint64_t> first, last;
    for (std::uint64_t i = plots::column_begin(values.size(), columns, c);
         i < plots::column_begin(values.size(), columns, c + 1); ++i) {
      if (!values[i]) continue;
      if (!first) first = i;
      last = i;
      lo = std::min(lo, *values[i]);
      hi = std::max(hi, *values[i]);
      if (!kept.contains(i)) continue;
      kept_lo = std::min(kept_lo, kept[i]);
      kept_hi = std::max(kept_hi, kept[i]);
    }
    EXPECT_EQ(kept_lo, lo);
    EXPECT_EQ(kept_hi, hi);
    EXPECT_TRUE(kept.contains(*first) && kept.contains(*last));
  }
}

TEST(Decimation, KeepsEverythingWhereThereIsRoomAndBreaksAtGaps) {
  const std::vector<std::optional<double>> values{1, 2, std::nullopt, 2, std::nullopt, std::nullopt, -3, 4};
  const auto pieces = plots::envelope(8, 8, [&](std::uint64_t i) { return values[i]; });
  using Piece = std::vector<plots::Sample>;
  EXPECT_EQ(pieces, (std::vector<Piece>{{{0, 1}, {1, 2}}, {{3, 2}}, {{6, -3}, {7, 4}}}));
  EXPECT_TRUE(plots::envelope(5, 5, [](std::uint64_t) { return std::optional<double>(); }).empty());
}

TEST(Decimation, VerdictRunsMergeEqualNeighboursAndLoseNone) {
  std::vector<Verdict> verdicts(1000, Verdict::effective);
  for (std::size_t k = 300; k < 400; ++k) verdicts[k] = Verdict::not_effective;
  verdicts[777] = Verdict::undetermined;
  const auto at = [&](std::uint64_t i) { return verdicts[i]; };
  const auto exact = plots::verdict_runs(1000, 1000, at);
  ASSERT_EQ(exact.size(), 5U);
  EXPECT_EQ(exact[1].begin, 300U);
  EXPECT_EQ(exact[1].end, 400U);
  EXPECT_EQ(exact[3].begin, 777U);
  EXPECT_EQ(exact[3].end, 778U);
  const auto merged = plots::verdict_runs(1000, 10, at);
  ASSERT_EQ(merged.size(), 5U);
  EXPECT_EQ(merged[3].begin, 700U);
  EXPECT_EQ(merged[3].end, 800U);
  EXPECT_EQ(merged[3].counts, (VerdictCounts{99, 0, 1}));
  EXPECT_EQ(merged.back().end, 1000U);
}

// ------------------------------------------------------------------------------------------ pages

/// Every tag closed in order, no attribute without quotes, entities only where they belong.
::testing::AssertionResult well_formed(const std::string& html) {
  const std::set<std::string> empty{"meta", "br", "img", "wbr"};
  std::vector<std::string> open;
  for (std::size_t at = html.find('<'); at != std::string::npos; at = html.find('<', at + 1)) {
    if (html.compare(at, 2, "<!") == 0) continue;
    const std::size_t end = html.find('>', at);
    if (end == std::string::npos) return ::testing::AssertionFailure() << "tag without end";
    const std::string tag = html.substr(at + 1, end - at - 1);
    if (tag.find('<') != std::string::npos) return ::testing::AssertionFailure() << "< inside <" << tag;
    const std::string name = tag.substr(0, tag.find_first_of(" \n\t/", 1));
    if (tag[0] == '/') {
      if (open.empty() || "/" + open.back() != name)
        return ::testing::AssertionFailure()
               << "<" << tag << "> closes " << (open.empty() ? "nothing" : open.back());
      open.pop_back();
      continue;
    }
    if (!std::isalpha(static_cast<unsigned char>(tag[0])))
      return ::testing::AssertionFailure() << "stray <" << tag;
    if (tag.back() == '/' || empty.contains(name)) continue;
    open.push_back(name);
    if (name == "style") at = html.find("</style>", at) - 1;
  }
  if (!open.empty()) return ::testing::AssertionFailure() << open.back() << " is never closed";
  return ::testing::AssertionSuccess();
}

/// What stands between `before` and the next of the characters `after`, wherever it does.
std::vector<std::string> all_between(const std::string& text, const std::string& before, const char* after) {
  std::vector<std::string> found;
  for (std::size_t at = text.find(before); at != std::string::npos; at = text.find(before, at)) {
    at += before.size();
    found.push_back(text.substr(at, text.find_first_of(after, at) - at));
  }
  return found;
}

/// Values of an attribute, in either kind of quotes.
std::vector<std::string> values_of(const std::string& html, const std::string& attribute) {
  std::vector<std::string> found = all_between(html, attribute + "=\"", "\"");
  for (std::string& value : all_between(html, attribute + "='", "'")) found.push_back(std::move(value));
  return found;
}

void expect_sound_page(const std::string& html) {
  EXPECT_TRUE(well_formed(html));
  EXPECT_LT(html.size(), 2000000U);
  EXPECT_EQ(html.find("<script"), std::string::npos);
  EXPECT_EQ(html.find("<img"), std::string::npos);
  const std::vector<std::string> ids = values_of(html, " id"), references = values_of(html, "href"),
                                 paints = all_between(html, "url(", ")");
  const std::set<std::string> unique(ids.begin(), ids.end());
  EXPECT_EQ(unique.size(), ids.size());
  EXPECT_TRUE(values_of(html, "src").empty());
  for (const std::string& to : references)
    EXPECT_TRUE(to == "analysis.json" || to == "https://arxiv.org/abs/2409.16422" ||
                (to[0] == '#' && unique.contains(to.substr(1))))
        << to;
  for (const std::string& to : paints) EXPECT_TRUE(to[0] == '#' && unique.contains(to.substr(1))) << to;
}

std::size_t pictures_in(const std::string& html) {
  return count(html, "<svg");
}

TEST(ReportPage, DrawsAllKindsOfRuns) {
  if (!have_gnuplot()) GTEST_SKIP() << "gnuplot is not on PATH";
  Directory directory;
  struct Case {
    const char* name;
    Analysis analysis;
    std::size_t pictures;
  };
  Analysis alternating = sample(400, 2), scales = sample(300, 2), flat = sample(20, 1), still = sample(10, 1),
           overflow = sample(20, 1);
  for (std::size_t k = 0; k < 400; k += 2) {
    alternating.steps[k].judgement = {Verdict::undetermined, Reason::inexact};
    alternating.steps[k].condition.reset();
    alternating.groups[0].steps[k].angle.reset();
  }
  for (std::size_t k = 0; k < 300; ++k) {
    scales.losses[k] = k % 2 == 0 ? 1.7e308 : -1.7e308;
    scales.steps[k].condition = k % 2 == 0 ? 1 : 1.7e308;
    scales.steps[k].lambda_min = 5e-324;
    scales.steps[k].lambda_max = 1.7e308;
  }
  for (double& loss : flat.losses) loss = 0;
  for (StepAnalysis& step : still.steps) {
    step = StepAnalysis{step.step, step.loss, {Verdict::undetermined, Reason::stationary}, {}, {}, {}, {},
                        {},        {}};
    still.groups[0].steps[step.step] = {};
  }
  still.verdicts = {0, 0, 10};
  for (StepAnalysis& step : overflow.steps) step.condition = infinity;
  const std::vector<Case> cases{{"usual", sample(700, 2), 5},
                                {"one step", sample(1, 1, 30, 30), 5},
                                {"one bad step", sample(1, 1), 3},
                                {"no effective step", sample(50, 2, 120, 100), 3},
                                {"many groups", sample(1000, 300), 5},
                                {"many steps", sample(200000, 3), 5},
                                {"alternating", alternating, 5},
                                {"scales", scales, 5},
                                {"flat", flat, 5},
                                {"still", still, 2},
                                {"overflow", overflow, 4},
                                {"nothing", Analysis{}, 0}};
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    const ReportFiles files = write_report(c.analysis, directory / c.name);
    EXPECT_TRUE(files.pictures);
    const std::string html = read(files.html);
    expect_sound_page(html);
    EXPECT_EQ(pictures_in(html), c.pictures);
    EXPECT_EQ(count(html, "<svg role=\"img\" aria-label=\""), c.pictures);
    EXPECT_EQ(read(files.json), to_json(c.analysis));
    EXPECT_EQ(html.find("NATGRADNAME"), std::string::npos);
    // Nothing of gnuplot's own numbers fails: no coordinate is NaN or infinite.
    for (const std::string& path : values_of(html, " d"))
      ASSERT_TRUE(path.find("nan") == std::string::npos && path.find("inf") == std::string::npos) << path;
  }
}

/// The bodies of the tables whose captions begin like this.
std::vector<std::string> tables(const std::string& html, const std::string& caption) {
  std::vector<std::string> found;
  for (const std::string& rest : all_between(html, "<caption>" + caption, "")) {
    const std::size_t begin = rest.find("<tbody>");
    found.push_back(rest.substr(begin, rest.find("</tbody>", begin) - begin));
  }
  return found;
}

std::string page(const Analysis& a) {
  Directory directory;
  return read(write_report(a, directory / "page").html);
}

TEST(ReportPage, TablesOfShortRunsAreWholeAndOthersSayWhatTheyLeaveOut) {
  const Path path("");
  const std::vector<std::string> captions{"The loss: ", "The angle in degrees at ", "κ* at ",
                                          "Eigenvalues at "};
  for (const std::uint64_t steps : {1, 2, 8, 10, 12}) {
    const std::string html = page(sample(steps, 1, 80, 20));
    for (const std::string& caption : captions) {
      const auto found = tables(html, caption + "every ");
      ASSERT_EQ(found.size(), 1U) << caption << steps;
      for (std::uint64_t k = 0; k < steps + (caption == captions[0]); ++k)
        EXPECT_EQ(count(found[0], "<th scope=\"row\">" + std::to_string(k) + "<"), 1U)
            << caption << steps << " " << k;
    }
  }
  const std::string html = page(sample(700, 1, 80, 20));
  for (const std::string& caption : captions) {
    const auto found = tables(html, caption);
    ASSERT_EQ(found.size(), 1U);
    const std::size_t rows = count(found[0], "<tr>");
    EXPECT_LE(rows, 14U);
    EXPECT_NE(html.find("<caption>" + caption + std::to_string(rows) + " of 70"), std::string::npos)
        << caption;
  }
  EXPECT_EQ(count(html, "; the others are in analysis.json</caption>"), 3U);
}

TEST(ReportPage, NumbersHaveTheDigitsThatThePagePromises) {
  const Path path("");
  Analysis a = sample(9, 2, 80, 20);
  const std::vector<std::pair<double, const char*>> numbers{
      {11242, "1.124e4"},      {99999, "1.000e5"},  {9999.6, "1.000e4"},
      {9999.4, "9999"},        {113.2345, "113.2"}, {1.63649, "1.636"},
      {0.0012345, "0.001234"}, {1e-7, "1.000e-7"},  {1.7e308, "1.700e308"}};
  for (std::size_t k = 0; k < numbers.size(); ++k) {
    a.steps[k].condition = numbers[k].first;
    a.steps[k].alpha = a.steps[k].lambda_min = a.steps[k].lambda_max = numbers[k].first;
  }
  a.steps[0].angle = 113.2345 * pi / 180;
  a.condition = {11242.0, 99999.0};
  const std::string html = page(a);
  EXPECT_NE(html.find("to four significant digits"), std::string::npos);
  EXPECT_NE(html.find("angles to hundredths of a degree"), std::string::npos);
  for (const auto& [value, text] : numbers)
    EXPECT_EQ(count(html, "<td>" + std::string(text) + "</td>"), 4U) << value;
  EXPECT_NE(html.find("<td>113.23</td>"), std::string::npos);
  EXPECT_EQ(html.find("11242"), std::string::npos);
  EXPECT_NE(to_text(a, false).find("median 1.124e4 "), std::string::npos);
}

TEST(ReportPage, SaysWhatTheJsonHolds) {
  const Path path("");
  const Analysis a = sample(20, 2);
  const std::string html = page(a);
  EXPECT_EQ(html.find("All numbers"), std::string::npos);
  EXPECT_NE(
      html.find("angle (in radians, not degrees), α* (<code>alpha</code>) and κ* (<code>condition</code>)"),
      std::string::npos);
  // What it is said not to have, and how the eigenvalues follow from what it has.
  const Json step = Json::parse(to_json(a))["per_step"].back();
  for (const char* key : {"lambda_min", "lambda_max", "scaled_alpha", "groups"})
    EXPECT_FALSE(step.contains(key));
  EXPECT_NE(
      html.find(
          "Not in it: λ₋ and λ₊, which are α*(1 ∓ sin of the angle), α*η, the loss after the last step, "
          "and the groups step by step."),
      std::string::npos);
  EXPECT_NEAR(step["alpha"].get<double>() * (1 - std::sin(step["angle"].get<double>())),
              *a.steps.back().lambda_min, 1e-12);
}

TEST(ReportPage, LongNamesAreWholeSomewhereAndBreakAfterPunctuation) {
  const Path path("");
  Analysis a = sample(3, 4);
  const std::string usual = "layer0.weight", long_one = std::string(90, 'x'),
                    huge = std::string(300, 'y') + "<&\"'>";
  a.groups[0].name = usual;
  a.groups[1].name = long_one;
  a.groups[2].name = huge;
  a.groups[3].name = "a/b_c:<d>.e";
  const std::string html = page(a);
  expect_sound_page(html);
  EXPECT_NE(html.find("<bdi>layer0.<wbr>weight</bdi>"), std::string::npos);
  EXPECT_NE(html.find("<bdi>" + long_one + "</bdi>"), std::string::npos);
  EXPECT_NE(html.find("title=\"" + std::string(300, 'y') + "&lt;&amp;&quot;&#39;&gt;\">" +
                      std::string(159, 'y') + "…</bdi>"),
            std::string::npos);
  EXPECT_NE(html.find("<bdi>a/<wbr>b_<wbr>c:<wbr>&lt;d&gt;.<wbr>e</bdi>"), std::string::npos);
}

TEST(ReportPage, UndeterminedStepsHaveAnAngleAndNoConditionNumber) {
  if (!have_gnuplot()) GTEST_SKIP() << "gnuplot is not on PATH";  // the captions are those of pictures
  Analysis a = sample(20, 2, 80, 20);
  const std::string certain = page(a);
  EXPECT_NE(certain.find("they have no κ*."), std::string::npos);
  EXPECT_EQ(certain.find("for the vectors as given"), std::string::npos);
  EXPECT_EQ(certain.find("An undetermined part"), std::string::npos);
  a.info.has_radius = true;
  a.steps[3].judgement = a.groups[0].steps[3].judgement = {Verdict::undetermined, Reason::inexact};
  a.steps[3].condition.reset();
  a.groups[0].steps[3].condition.reset();
  const std::string html = page(a);
  EXPECT_EQ(html.find("without a metric"), std::string::npos);
  EXPECT_NE(html.find("Gaps: steps that are not effective, or undetermined; they have no κ*."),
            std::string::npos);
  EXPECT_NE(html.find("The line is for the vectors as given"), std::string::npos);
  EXPECT_NE(html.find("An undetermined part has the colour of its angle."), std::string::npos);
}

TEST(ReportPage, RunningMeanOfTheWindow) {
  const Path path("");
  Analysis a = sample(20, 1, 80, 20);
  a.window = {2, 0.95, 1};
  EXPECT_NE(page(a).find(
                "From any step, the loss is lower 2 steps later: its running mean over 2 steps always falls. "
                "The loss is lower 1 step later in 95.0 % of the cases."),
            std::string::npos);
  a.window = {2, 1, 2};
  EXPECT_EQ(page(a).find("of the cases"), std::string::npos);
  a.window = {1, 1, 1};
  EXPECT_NE(page(a).find("<p>Every step lowers the loss.</p>"), std::string::npos);
}

TEST(ReportPage, LabelsOfTheLossKeepTheirDistance) {
  if (!have_gnuplot()) GTEST_SKIP() << "gnuplot is not on PATH";
  Analysis linear = sample(20, 1, 80, 20);
  for (std::size_t k = 0; k < linear.losses.size(); ++k)
    linear.losses[k] = 1.2 - 0.01 * static_cast<double>(k);
  for (const Analysis& a : {linear, sample(700, 2)}) {
    const std::string html = page(a),
                      svg = html.substr(html.find("<svg"), html.find("</svg>") - html.find("<svg"));
    // Labels of the vertical axis end where "yes" ends.
    const std::regex label("translate\\(([0-9.]+),([0-9.]+)\\)\"[^>]*text-anchor=\"end\"");
    std::vector<double> heights;
    for (std::sregex_iterator it(svg.begin(), svg.end(), label), end; it != end; ++it) {
      if (std::stod((*it)[1]) > 100) continue;  // of the horizontal axis
      heights.push_back(std::stod((*it)[2]));
    }
    ASSERT_GE(heights.size(), 6U);
    std::sort(heights.begin(), heights.end());
    // "yes", "no", "?" are the lowest three; above them the axis keeps more than a line of 15 pixels and a
    // half.
    EXPECT_GE(heights[heights.size() - 3] - heights[heights.size() - 4], 22.5);
    for (std::size_t k = 1; k < heights.size(); ++k) EXPECT_GE(heights[k] - heights[k - 1], 15) << k;
  }
}

TEST(ReportPage, SameBytesTwice) {
  Directory directory;
  const Analysis a = sample(300, 20);
  const ReportFiles one = write_report(a, directory / "one"), two = write_report(a, directory / "two");
  EXPECT_EQ(read(one.html), read(two.html));
  EXPECT_EQ(read(one.json), read(two.json));
  EXPECT_FALSE(read(one.html).empty());
  // Over an older report, too.
  write_report(sample(5, 1), directory / "two");
  write_report(a, directory / "two");
  EXPECT_EQ(read(one.html), read(two.html));
}

TEST(ReportPage, HostileStringsStayText) {
  if (!have_gnuplot()) GTEST_SKIP() << "gnuplot is not on PATH";
  Directory directory;
  Analysis a = sample(30, hostile.size());
  for (std::size_t g = 0; g < hostile.size(); ++g) a.groups[g].name = hostile[g];
  Analysis few = sample(30, 3);  // whose names are written into the picture
  few.groups[0].name = "<b>&\"'";
  few.groups[1].name = "NATGRADNAME";
  few.groups[2].name = "\xff\x1b[1m";
  for (const std::string& name : hostile) {
    a.info.rule = a.info.problem = a.info.path = name;
    const std::string html = read(write_report(a, directory / "many").html);
    expect_sound_page(html);
    EXPECT_EQ(pictures_in(html), 5U);
    EXPECT_NO_THROW(Json(html).dump());  // throws for invalid UTF-8
    EXPECT_EQ(html.find('\x1b'), std::string::npos);
  }
  const std::string html = read(write_report(few, directory / "few").html);
  expect_sound_page(html);
  EXPECT_GE(count(html, "&lt;b&gt;&amp;&quot;&#39;"), 2U);  // the picture and the table
  EXPECT_FALSE(fs::exists("/tmp/natgrad-report-test-was-here"));
}

TEST(ReportPage, WithoutGnuplot) {
  Directory directory;
  const Path path("");
  const ReportFiles files = write_report(sample(50, 20), directory / "plain");
  EXPECT_FALSE(files.pictures);
  const std::string html = read(files.html);
  expect_sound_page(html);
  EXPECT_EQ(pictures_in(html), 0U);
  EXPECT_NE(html.find("gnuplot was not found"), std::string::npos);
  EXPECT_GE(count(html, "<table"), 6U);  // the numbers are there
  EXPECT_EQ(read(files.json), to_json(sample(50, 20)));
}

TEST(ReportPage, RelativeEntriesOfPathAreNotFollowed) {
  Directory directory;
  fs::create_directory(directory / "bin");
  std::ofstream(directory / "bin/gnuplot") << "#!/bin/sh\nexit 1\n";
  chmod((directory / "bin/gnuplot").c_str(), 0755);
  const fs::path here = fs::current_path();
  fs::current_path(directory / "bin");
  bool pictures = true;
  {
    const Path path(":.:../bin");
    pictures = write_report(sample(5, 1), directory / "out").pictures;
  }
  fs::current_path(here);
  EXPECT_FALSE(pictures);
}

TEST(ReportPage, WhatGnuplotIsGiven) {
  Directory directory;
  setenv("LC_NUMERIC", "de_DE.UTF-8", 1);
  setenv("GNUTERM", "nonsense", 1);
  Analysis a = sample(123456, 3);
  a.steps[98765].condition = 1e30;  // one step in a hundred thousand
  a.groups[0].name = a.groups[1].name = "Mallory";
  a.info.rule = a.info.problem = a.info.path = "Mallory";
  {
    const Path path = fake_gnuplot(
        directory, "{ echo \"args:$*\"; env; cat; } >> '" + (directory / "log") + "'\necho '<svg></svg>'\n");
    EXPECT_TRUE(write_report(a, directory / "out").pictures);
  }
  unsetenv("LC_NUMERIC");
  unsetenv("GNUTERM");
  const std::string log = read(directory / "log");
  EXPECT_EQ(log.find("Mallory"), std::string::npos);
  EXPECT_EQ(log.find("GNUTERM"), std::string::npos);
  EXPECT_EQ(log.find("LC_NUMERIC"), std::string::npos);
  EXPECT_EQ(count(log, "\nLC_ALL=C\n"), 5U);
  EXPECT_EQ(count(log, "args:-d\n"), 5U);
  EXPECT_NE(log.find("\n98765 "), std::string::npos) << "the extreme is not drawn";
  EXPECT_LT(log.size(), 2000000U);
}

TEST(ReportPage, GnuplotThatFails) {
  struct Case {
    const char *script, *words;
  };
  for (const Case& c : {Case{"echo 'no such terminal' >&2; exit 3", "exit status 3.*no such terminal"},
                        Case{"echo '<svg></svg>'; exit 3", "exit status 3"}, Case{"kill -9 $$", "signal 9"},
                        Case{"exit 0", "did not draw"}, Case{"echo '</svg>'", "did not draw"}}) {
    Directory directory;
    const Path path = fake_gnuplot(directory, c.script);
    try {
      write_report(sample(5, 1), directory / "a/b");
      ADD_FAILURE() << c.script;
    } catch (const InputError& error) {
      EXPECT_TRUE(std::regex_search(error.what(), std::regex(c.words))) << error.what();
      EXPECT_NE(std::string(error.what()).find(directory / "bin/gnuplot"), std::string::npos);
    }
    EXPECT_EQ(directory.names(), (std::set<std::string>{"bin", "bin/gnuplot"}));
  }
}

TEST(ReportPage, LeavesNoTemporaryFilesAndNoChildren) {
  if (!have_gnuplot()) GTEST_SKIP() << "gnuplot is not on PATH";
  Directory directory;
  write_report(sample(20, 2), directory / "out/");
  EXPECT_EQ(directory.names(), (std::set<std::string>{"out", "out/analysis.json", "out/index.html"}));
  // A caller that ignores SIGCHLD gets its report, too.
  std::signal(SIGCHLD, SIG_IGN);
  EXPECT_TRUE(write_report(sample(20, 2), directory / "out").pictures);
  std::signal(SIGCHLD, SIG_DFL);
}

// ------------------------------------------------------------------------------------------ files

std::string message_of(const std::string& directory) {
  try {
    write_report(sample(5, 1), directory);
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

TEST(ReportFilesTest, MakesParentsAndNamesItsFiles) {
  Directory directory;
  const Path path("");
  const ReportFiles files = write_report(sample(5, 1), directory / "a/b/c");
  EXPECT_EQ(files.html, directory / "a/b/c/index.html");
  EXPECT_EQ(files.json, directory / "a/b/c/analysis.json");
  struct stat status {};
  ASSERT_EQ(stat(files.html.c_str(), &status), 0);
  const mode_t mask = umask(0);
  umask(mask);
  EXPECT_EQ(status.st_mode & 0777U, 0666U & ~mask);
}

TEST(ReportFilesTest, RefusedPathsAreNamedAndNothingIsLeft) {
  const Path path("");
  Directory directory;
  std::ofstream(directory / "file") << "x";
  fs::create_directories(directory / "taken/index.html");
  fs::create_directories(directory / "taken too/analysis.json");
  const auto before = directory.names();
  EXPECT_EQ(message_of(directory / "file").find(directory / "file"), 0U);
  EXPECT_EQ(message_of(directory / "file/below").find(directory / "file"), 0U);
  EXPECT_EQ(message_of(directory / "new/" + std::string(300, 'n')).find(directory / "new/"), 0U);
  EXPECT_EQ(message_of(directory / "taken").find(directory / "taken/index.html: cannot be written"), 0U);
  EXPECT_EQ(
      message_of(directory / "taken too").find(directory / "taken too/analysis.json: cannot be written"), 0U);
  EXPECT_NE(message_of(""), "");
  EXPECT_EQ(directory.names(), before);
}

TEST(ReportFilesTest, UnwritableDirectory) {
  const Path path("");
  Directory directory;
  chmod(directory.path().c_str(), 0755);
  fs::create_directory(directory / "closed");
  chmod((directory / "closed").c_str(), 0555);
  // Root may write anywhere, so it becomes nobody for a moment.
  const bool root = geteuid() == 0;
  if (root && seteuid(65534) != 0) GTEST_SKIP() << "cannot give up the rights of root";
  const std::string inside = message_of(directory / "closed"), below = message_of(directory / "closed/new");
  ASSERT_TRUE(!root || seteuid(0) == 0);
  chmod((directory / "closed").c_str(), 0755);
  EXPECT_EQ(inside.find(directory / "closed/analysis.json: cannot be written: Permission denied"), 0U)
      << inside;
  EXPECT_EQ(below.find(directory / "closed/new: cannot be written: Permission denied"), 0U) << below;
  EXPECT_EQ(directory.names(), std::set<std::string>{"closed"});
}

TEST(ReportFilesTest, FullDiskLeavesNothingAndKeepsTheOlderReport) {
  const Path path("");
  Directory directory;
  const ReportFiles older = write_report(sample(3, 1), directory / "old");
  const std::string html = read(older.html), json = read(older.json);
  // A file may not grow beyond 3000 bytes, which is what a full disk looks like to write().
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit saved{};
  getrlimit(RLIMIT_FSIZE, &saved);
  const rlimit small{3000, saved.rlim_max};
  setrlimit(RLIMIT_FSIZE, &small);
  const std::string fresh = message_of(directory / "new/report"), over = message_of(directory / "old");
  setrlimit(RLIMIT_FSIZE, &saved);
  std::signal(SIGXFSZ, SIG_DFL);
  EXPECT_EQ(fresh.find(directory / "new/report/index.html: cannot be written"), 0U) << fresh;
  EXPECT_EQ(over.find(directory / "old/index.html: cannot be written"), 0U) << over;
  EXPECT_EQ(directory.names(), (std::set<std::string>{"old", "old/analysis.json", "old/index.html"}));
  EXPECT_EQ(read(older.html), html);
  EXPECT_EQ(read(older.json), json);
}

}  // namespace
}  // namespace natgrad
