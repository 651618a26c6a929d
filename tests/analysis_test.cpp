// natgrad: tests of the analysis of runs, against brute force in exact and 100-digit arithmetic.
#include "natgrad/analysis.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <boost/multiprecision/cpp_bin_float.hpp>
#include <cfenv>
#include <chrono>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>
#include <string>

#include "support/run_files.hpp"

#if defined(__SSE2__)
#include <xmmintrin.h>
#endif

namespace {

using namespace natgrad;
using natgrad::test::RawRun;
using natgrad::test::TemporaryDirectory;
using Real = boost::multiprecision::cpp_bin_float_100;

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double inf = std::numeric_limits<double>::infinity();

/// The message of the error that f throws.
template <class Error, class F>
std::string message_of(F f) {
  try {
    f();
  } catch (const Error& error) {
    return error.what();
  } catch (const std::exception& error) {
    return std::string("another error: ") + error.what();
  }
  return "no error";
}

#define EXPECT_HAS(text, part) EXPECT_PRED_FORMAT2(::testing::IsSubstring, part, text)

// ---------------------------------------------------------------------------------- windows

std::optional<std::uint64_t> brute_force_window(const std::vector<double>& losses) {
  for (std::size_t m = 1; m < losses.size(); ++m) {
    bool always = true;
    for (std::size_t k = 0; k + m < losses.size(); ++k) always = always && losses[k + m] < losses[k];
    if (always) return m;
  }
  return std::nullopt;
}

std::optional<double> brute_force_fraction(const std::vector<double>& losses, std::size_t m) {
  if (losses.size() < 2) return std::nullopt;
  int better = 0;
  const auto all = static_cast<int>(losses.size() - m);
  for (std::size_t k = 0; k + m < losses.size(); ++k) better += losses[k + m] < losses[k] ? 1 : 0;
  return static_cast<double>(Real(better) / all);
}

/// Losses of many shapes: falling, noisy, in steps, with plateaus, spikes and dips, subnormal and huge.
std::vector<double> random_losses(std::mt19937_64& random) {
  const std::size_t n = random() % 60;
  const double noise = std::ldexp(1.0, static_cast<int>(random() % 8) - 2);
  const std::uint64_t levels = random() % 3 == 0 ? 2 + random() % 3 : 0;
  const int exponent = random() % 5 == 0 ? (random() % 2 == 0 ? -1074 : 1000) : 0;
  std::vector<double> losses(n);
  for (std::size_t k = 0; k < n; ++k) {
    double value = 100 - static_cast<double>(k) + std::floor(noise * static_cast<double>(random() % 16));
    if (levels != 0) value = static_cast<double>(random() % levels);
    if (random() % 40 == 0) value += random() % 2 == 0 ? 50 : -50;
    losses[k] = std::ldexp(value, exponent);
  }
  return losses;
}

TEST(Window, EqualsBruteForceOnEveryShape) {
  std::mt19937_64 random(1);
  int found = 0, none = 0, long_ones = 0;
  for (int trial = 0; trial < 20000; ++trial) {
    const std::vector<double> losses = random_losses(random);
    const WindowAnalysis window = analyze_window(losses, std::nullopt);
    const auto minimal = brute_force_window(losses);
    ASSERT_EQ(window.minimal, minimal) << trial;
    ASSERT_EQ(window.effective_fraction, brute_force_fraction(losses, 1));
    ASSERT_EQ(window.used, 1u);
    found += minimal ? 1 : 0;
    none += minimal ? 0 : 1;
    long_ones += minimal && *minimal > 5 ? 1 : 0;
    if (losses.size() >= 2) {
      const std::uint64_t m = 1 + random() % (losses.size() - 1);
      const WindowAnalysis chosen = analyze_window(losses, m);
      ASSERT_EQ(chosen.minimal, minimal);
      ASSERT_EQ(chosen.used, m);
      ASSERT_EQ(chosen.effective_fraction, brute_force_fraction(losses, m));
    }
  }
  EXPECT_GT(found, 1000);
  EXPECT_GT(none, 1000);
  EXPECT_GT(long_ones, 1000);
}

TEST(Window, KnownCases) {
  const auto minimal = [](std::vector<double> losses) {
    return analyze_window(losses, std::nullopt).minimal;
  };
  EXPECT_EQ(minimal({}), std::nullopt);
  EXPECT_EQ(minimal({1}), std::nullopt);
  EXPECT_EQ(minimal({2, 1}), 1u);
  EXPECT_EQ(minimal({1, 1}), std::nullopt);  // equal is no improvement
  EXPECT_EQ(minimal({0.0, -0.0}), std::nullopt);
  EXPECT_EQ(minimal({3, 4, 2, 3, 1, 2}), 2u);
  EXPECT_EQ(minimal({5, 9, 8, 7, 4}), 4u);
  EXPECT_EQ(analyze_window({}, std::nullopt).effective_fraction, std::nullopt);
  EXPECT_EQ(analyze_window(std::vector<double>{1}, std::nullopt).effective_fraction, std::nullopt);
}

TEST(Window, RefusesWhatIsNoWindow) {
  const std::vector<double> losses = {3, 2, 1};
  EXPECT_HAS(message_of<ContractError>([&] { analyze_window(losses, 0); }),
             "window is 0; it must lie in 1 .. 2");
  EXPECT_HAS(message_of<ContractError>([&] { analyze_window(losses, 3); }),
             "window is 3; it must lie in 1 .. 2");
  EXPECT_THROW(analyze_window(std::vector<double>{1}, 1), ContractError);
  EXPECT_THROW(analyze_window({}, 1), ContractError);
  EXPECT_NO_THROW(analyze_window(losses, 2));
  EXPECT_HAS(message_of<NonFiniteError>([] {
               analyze_window(std::vector<double>{3, nan}, std::nullopt);
             }),
             "losses[1] is NaN");
  EXPECT_THROW(analyze_window(std::vector<double>{inf, 1}, std::nullopt), NonFiniteError);
}

TEST(Window, LongRunsTakeNoTimeToSpeakOf) {
  constexpr std::size_t n = 200000;
  std::mt19937_64 random(3);
  std::normal_distribution<double> normal;
  const auto start = std::chrono::steady_clock::now();
  std::vector<double> losses(n);
  for (std::size_t k = 0; k < n; ++k)  // converges, with noise
    losses[k] = std::exp(-static_cast<double>(k) / 2e4) * (1 + 0.3 * normal(random));
  const auto noisy = analyze_window(losses, std::nullopt).minimal;
  ASSERT_TRUE(noisy);
  bool holds = true, needed = false;
  for (std::size_t k = 0; k + *noisy < n; ++k) holds = holds && losses[k + *noisy] < losses[k];
  for (std::size_t k = 0; k + *noisy - 1 < n; ++k) needed = needed || !(losses[k + *noisy - 1] < losses[k]);
  EXPECT_TRUE(holds);
  EXPECT_TRUE(needed);
  for (std::size_t k = 0; k < n; ++k) losses[k] = 1 + 0.1 * normal(random);  // gets nowhere
  analyze_window(losses, std::nullopt);
  for (std::size_t k = 0; k < n; ++k) losses[k] = static_cast<double>(n - k);  // falls, but for one spike
  losses[n - 5] = n + 1;
  EXPECT_EQ(analyze_window(losses, std::nullopt).minimal, n - 4);
  std::fill(losses.begin(), losses.end(), 1.0);  // a plateau
  EXPECT_EQ(analyze_window(losses, std::nullopt).minimal, std::nullopt);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(60));
}

// -------------------------------------------------------------------------------- summaries

TEST(Summary, MedianAndMaximum) {
  EXPECT_EQ(summarise({}), (Summary{}));
  EXPECT_EQ(summarise({3}), (Summary{3, 3}));
  EXPECT_EQ(summarise({3, 1}), (Summary{2, 3}));
  EXPECT_EQ(summarise({3, 1, 7}), (Summary{3, 7}));
  const double most = std::numeric_limits<double>::max(), least = std::numeric_limits<double>::denorm_min();
  EXPECT_EQ(summarise({most, most}), (Summary{most, most}));
  EXPECT_EQ(summarise({least, 0}), (Summary{0, least}));                      // 1/2 ulp: to even
  EXPECT_EQ(summarise({least, 2 * least}), (Summary{2 * least, 2 * least}));  // 3/2 ulp: to even
  EXPECT_EQ(summarise({1, 1 + 0x1p-52}), (Summary{1, 1 + 0x1p-52}));
  EXPECT_EQ(summarise({1, inf, 2}), (Summary{2, inf}));
  EXPECT_EQ(summarise({inf, 1}), (Summary{inf, inf}));
  EXPECT_EQ(summarise({inf, inf, 1}), (Summary{inf, inf}));
  EXPECT_THROW(summarise({1, nan}), NonFiniteError);
  EXPECT_THROW(summarise({-inf, inf}), NonFiniteError);
  std::mt19937_64 random(5);
  for (int trial = 0; trial < 2000; ++trial) {
    std::vector<double> values(1 + random() % 9);
    for (double& value : values)
      value = std::ldexp(static_cast<double>(random() >> 11), static_cast<int>(random() % 5));
    const Summary summary = summarise(values);
    std::sort(values.begin(), values.end());
    const std::size_t half = values.size() / 2;
    const Real middle =
        values.size() % 2 == 1 ? Real(values[half]) : (Real(values[half - 1]) + values[half]) / 2;
    ASSERT_EQ(summary.median, static_cast<double>(middle));
    ASSERT_EQ(summary.max, values.back());
  }
}

// ------------------------------------------------------------------------------ whole analyses

/// A run in memory, written as doubles.
struct SmallRun {
  std::size_t steps = 0, dimension = 0;
  std::vector<double> update, gradient, losses, radius, rate;
  std::vector<std::uint64_t> sizes;  // of the groups

  void write(const std::string& path) const {
    RawRun file(path);
    file.put("update", {steps, dimension}, update);
    file.put("gradient", {steps, dimension}, gradient);
    file.put("loss", {losses.size()}, losses);
    if (!radius.empty()) file.put("radius", {steps}, radius);
    if (!rate.empty()) file.put("learning_rate", {steps}, rate);
    if (!sizes.empty()) file.groups(sizes);
  }
};

/// The scalars of columns begin .. end-1 of step k at 100 digits, rounded once.
struct Reference {
  Judgement judgement;
  std::optional<double> angle, alpha, condition, lambda_min, lambda_max, scaled_alpha;

  Reference(const SmallRun& run, std::size_t k, std::size_t begin, std::size_t end) {
    Real gg = 0, p = 0, yy = 0;  // exact: small integers times powers of two
    for (std::size_t d = begin; d < end; ++d) {
      const Real g = run.update[k * run.dimension + d], y = -Real(run.gradient[k * run.dimension + d]);
      gg += g * g;
      p += g * y;
      yy += y * y;
    }
    const bool exact = run.radius.empty() || run.radius[k] == 0;
    if (gg == 0 || yy == 0) {
      judgement = !exact    ? Judgement{Verdict::undetermined, Reason::inexact}
                  : gg != 0 ? Judgement{Verdict::not_effective, Reason::zero_gradient}
                  : yy != 0 ? Judgement{Verdict::not_effective, Reason::zero_update}
                            : Judgement{Verdict::undetermined, Reason::stationary};
      return;
    }
    const Real c = p / sqrt(gg * yy), s = sqrt((gg * yy - p * p) / (gg * yy));
    angle = static_cast<double>(atan2(s, c));
    judgement = p > 0   ? Judgement{Verdict::effective, Reason::descent}
                : p < 0 ? Judgement{Verdict::not_effective, Reason::ascent}
                        : Judgement{Verdict::not_effective, Reason::orthogonal};
    if (!exact) {
      // The pair (g', y') can have y'.g' of either sign unless the angle stays on one side of 90 degrees.
      const Real r = run.radius[k];
      const bool reach = r >= sqrt(gg) || r >= sqrt(yy);
      const Real turn = reach ? Real(4) : asin(r / sqrt(gg)) + asin(r / sqrt(yy));
      const Real right = atan2(Real(1), Real(0)), psi = atan2(s, c);
      // On a line the signs cannot change before a ball reaches beyond 0; at p < 0 one ball may touch it.
      const bool beyond = r * r > gg || r * r > yy, both = r * r >= gg && r * r >= yy;
      if (end - begin == 1 && (p > 0 ? !reach : !beyond && !both)) {
        judgement.reason = p > 0 ? Reason::descent : Reason::ascent;
      } else if (psi + turn < right) {
        judgement = {Verdict::effective, Reason::descent};
      } else if (psi - turn > right) {
        judgement = {Verdict::not_effective, Reason::ascent};
      } else {
        judgement = {Verdict::undetermined, Reason::inexact};
      }
    }
    if (judgement.verdict != Verdict::effective) return;
    const Real a = yy / p;
    const bool line = end - begin == 1;
    alpha = static_cast<double>(a);
    lambda_min = static_cast<double>(line ? a : (p / gg) / (1 + s));
    lambda_max = static_cast<double>(line ? a : a * (1 + s));
    condition = static_cast<double>(line ? Real(1) : ((1 + s) / c) * ((1 + s) / c));
    if (!run.rate.empty() && run.rate[k] != 0) scaled_alpha = static_cast<double>(a * run.rate[k]);
  }
};

SmallRun random_run(std::mt19937_64& random) {
  SmallRun run;
  run.steps = 1 + random() % 20;
  run.sizes.resize(1 + random() % 3);
  for (auto& size : run.sizes) size = 1 + random() % 4;
  run.dimension = std::accumulate(run.sizes.begin(), run.sizes.end(), std::size_t{0});
  if (run.sizes.size() == 1 && random() % 2 == 0) run.sizes.clear();
  const auto draw = [&] {
    return std::ldexp(static_cast<double>(random() % 13) - 6, static_cast<int>(random() % 9) - 4);
  };
  for (std::size_t k = 0; k < run.steps; ++k) {
    const std::uint64_t kind = random() % 9;
    for (std::size_t d = 0; d < run.dimension; ++d) {
      const double g = draw();
      run.update.push_back(kind == 0 || kind == 1 ? 0 : g);
      run.gradient.push_back(kind == 1 || kind == 2 || kind == 8 ? 0 : kind < 6 ? -g + draw() / 4 : draw());
    }
    if (kind == 8 && run.dimension > 1) {  // orthogonal
      const std::size_t first = k * run.dimension;
      run.gradient[first] = run.update[first + 1];
      run.gradient[first + 1] = -run.update[first];
    }
  }
  for (std::size_t k = 0; k < run.steps + random() % 2; ++k) run.losses.push_back(draw());
  for (std::size_t k = 0; k < run.steps; ++k) {
    if (run.steps % 3 == 0)
      run.radius.push_back(random() % 4 == 0 ? 0 : std::ldexp(1.0, 1 - static_cast<int>(random() % 6)));
    if (run.steps % 2 == 0) run.rate.push_back(std::ldexp(static_cast<double>(random() % 1000), -10));
  }
  return run;
}

VerdictCounts counts(const std::vector<Judgement>& judgements) {
  const auto of = [&](Verdict verdict) {
    return static_cast<std::uint64_t>(std::ranges::count(judgements, verdict, &Judgement::verdict));
  };
  return {of(Verdict::effective), of(Verdict::not_effective), of(Verdict::undetermined)};
}

Summary summary_of(const std::vector<std::optional<double>>& values) {
  std::vector<double> defined;
  for (const auto& value : values)
    if (value) defined.push_back(*value);
  if (defined.empty()) return {};
  std::sort(defined.begin(), defined.end());
  const std::size_t half = defined.size() / 2;
  const double median = defined.size() % 2 == 1
                            ? defined[half]
                            : static_cast<double>((Real(defined[half - 1]) + Real(defined[half])) / 2);
  return {median, defined.back()};
}

TEST(Analyze, EveryNumberEqualsTheReference) {
  const TemporaryDirectory directory;
  const std::string path = directory / "run.h5";
  std::mt19937_64 random(9);
  std::uint64_t effective = 0, inexact = 0, stationary = 0, orthogonal = 0, scaled = 0;
  for (int trial = 0; trial < 150; ++trial) {
    SCOPED_TRACE(trial);
    const SmallRun run = random_run(random);
    run.write(path);
    AnalyzeOptions options;
    options.first = random() % run.steps;
    const std::size_t last = options.first + 1 + random() % (run.steps - options.first);
    if (last < run.steps || random() % 2 == 0) options.last = last;
    const std::size_t end = options.last.value_or(run.steps), count = end - options.first;
    const Analysis analysis = analyze(RunReader(path), options);

    EXPECT_EQ(analysis.info.steps, run.steps);
    EXPECT_EQ(analysis.first_step, options.first);
    ASSERT_EQ(analysis.steps.size(), count);
    const auto from = run.losses.begin() + static_cast<std::ptrdiff_t>(options.first);
    const auto to = run.losses.begin() + static_cast<std::ptrdiff_t>(std::min(end + 1, run.losses.size()));
    const std::vector<double> losses(from, to);
    EXPECT_EQ(analysis.losses, losses);
    EXPECT_EQ(analysis.window.minimal, brute_force_window(losses));
    EXPECT_EQ(analysis.window.effective_fraction, brute_force_fraction(losses, 1));

    std::vector<Judgement> judgements;
    std::vector<std::optional<double>> angles, conditions;
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t k = options.first + i;
      const Reference expected(run, k, 0, run.dimension);
      const StepAnalysis& step = analysis.steps[i];
      EXPECT_EQ(step.step, k);
      EXPECT_EQ(step.loss, run.losses[k]);
      EXPECT_EQ(step.judgement, expected.judgement) << k;
      EXPECT_EQ(step.angle, expected.angle);
      EXPECT_EQ(step.alpha, expected.alpha);
      EXPECT_EQ(step.condition, expected.condition);
      EXPECT_EQ(step.lambda_min, expected.lambda_min);
      EXPECT_EQ(step.lambda_max, expected.lambda_max);
      EXPECT_EQ(step.scaled_alpha, expected.scaled_alpha);
      judgements.push_back(expected.judgement);
      angles.push_back(expected.angle);
      conditions.push_back(expected.condition);
      effective += expected.judgement.verdict == Verdict::effective ? 1 : 0;
      inexact += expected.judgement.reason == Reason::inexact ? 1 : 0;
      stationary += expected.judgement.reason == Reason::stationary ? 1 : 0;
      orthogonal += expected.judgement.reason == Reason::orthogonal ? 1 : 0;
      scaled += expected.scaled_alpha ? 1 : 0;
    }
    EXPECT_EQ(analysis.verdicts, counts(judgements));
    EXPECT_EQ(analysis.angle, summary_of(angles));
    EXPECT_EQ(analysis.condition, summary_of(conditions));

    const std::vector<std::uint64_t> sizes =
        run.sizes.empty() ? std::vector<std::uint64_t>{run.dimension} : run.sizes;
    ASSERT_EQ(analysis.groups.size(), sizes.size());
    std::size_t begin = 0;
    for (std::size_t g = 0; g < sizes.size(); ++g) {
      const GroupAnalysis& group = analysis.groups[g];
      EXPECT_EQ(group.name, run.sizes.empty() ? "all" : std::string(1, static_cast<char>('a' + g)));
      EXPECT_EQ(group.size, sizes[g]);
      ASSERT_EQ(group.steps.size(), count);
      judgements.clear();
      angles.clear();
      conditions.clear();
      for (std::size_t i = 0; i < count; ++i) {
        const Reference expected(run, options.first + i, begin, begin + sizes[g]);
        EXPECT_EQ(group.steps[i].judgement, expected.judgement) << g << ' ' << i;
        EXPECT_EQ(group.steps[i].angle, expected.angle);
        EXPECT_EQ(group.steps[i].condition, expected.condition);
        judgements.push_back(expected.judgement);
        angles.push_back(expected.angle);
        conditions.push_back(expected.condition);
      }
      EXPECT_EQ(group.verdicts, counts(judgements));
      EXPECT_EQ(group.angle, summary_of(angles));
      EXPECT_EQ(group.condition, summary_of(conditions));
      begin += sizes[g];
    }
  }
  EXPECT_GT(effective, 100u);  // every kind was there
  EXPECT_GT(inexact, 20u);
  EXPECT_GT(stationary, 20u);
  EXPECT_GT(orthogonal, 20u);
  EXPECT_GT(scaled, 50u);
}

TEST(Analyze, OverflowAndUnderflowOfTheScalars) {
  const TemporaryDirectory directory;
  const std::string path = directory / "run.h5";
  SmallRun run;
  run.steps = 3;
  run.dimension = 2;
  run.update = {0x1p1023, 0x1p-1074, 1, 0, 1, 0};
  run.gradient = {0, -0x1p1023, -1, 0, -0x1p-1074, 0};
  run.losses = {3, 2, 1};
  run.rate = {1, 0, 0.75};
  run.write(path);
  const Analysis analysis = analyze(RunReader(path));
  EXPECT_EQ(analysis.verdicts, (VerdictCounts{3, 0, 0}));
  EXPECT_EQ(analysis.steps[0].condition, inf);
  EXPECT_EQ(analysis.steps[1].condition, 1);
  EXPECT_EQ(analysis.condition, (Summary{1, inf}));
  EXPECT_EQ(analysis.steps[1].scaled_alpha, std::nullopt);  // nothing over 0
  // a* = 2^-1074, times 3/4: rounded once, to 2^-1074.
  EXPECT_EQ(analysis.steps[2].scaled_alpha, 0x1p-1074);
}

TEST(Analyze, TheLossAfterAPartIsLeftOutOnlyWhereItIsBad) {
  const TemporaryDirectory directory;
  const std::string path = directory / "run.h5";
  SmallRun run;
  run.steps = 6;
  run.dimension = 1;
  run.update.assign(6, 1);
  run.gradient.assign(6, -1);
  run.losses = {9, 8, 7, nan, 5, 4, inf};
  run.write(path);
  const RunReader reader(path);
  const auto part = [&](std::uint64_t first, std::optional<std::uint64_t> last) {
    AnalyzeOptions options;
    options.first = first;
    options.last = last;
    return analyze(reader, options).losses;
  };
  EXPECT_EQ(part(0, 2), (std::vector<double>{9, 8, 7}));
  EXPECT_EQ(part(0, 3), (std::vector<double>{9, 8, 7}));
  EXPECT_EQ(part(4, 5), (std::vector<double>{5, 4}));
  for (const auto last :
       {std::optional<std::uint64_t>(4), std::optional<std::uint64_t>(6), std::optional<std::uint64_t>()})
    EXPECT_HAS(message_of<RunValueError>([&] { part(0, last); }),
               "/loss[3] is NaN; every loss must be finite; the last good step is 2: use --steps 0:3");
  // The loss that the whole run ends with belongs to its last step.
  EXPECT_HAS(message_of<RunValueError>([&] { part(4, std::nullopt); }),
             "/loss[6] is inf; every loss must be finite; the last good step is 4: use --steps 4:5");
}

TEST(Analyze, NamesTheFirstBadStepEvenIfALaterLossIsBad) {
  const TemporaryDirectory directory;
  const std::string path = directory / "run.h5";
  for (std::size_t bad_loss = 0; bad_loss < 7; ++bad_loss) {
    for (std::size_t bad_vector = 0; bad_vector < 6; ++bad_vector) {
      SmallRun run;
      run.steps = 6;
      run.dimension = 2;
      run.update.assign(12, 1);
      run.gradient.assign(12, -1);
      run.losses = {9, 8, 7, 6, 5, 4, 3};
      run.losses[bad_loss] = nan;
      run.gradient[2 * bad_vector + 1] = inf;
      run.write(path);
      const RunReader reader(path);
      const std::uint64_t expected = std::min<std::uint64_t>({bad_loss, 5, bad_vector});
      try {
        analyze(reader);
        ADD_FAILURE() << "no error";
      } catch (const RunValueError& error) {
        EXPECT_EQ(error.step(), expected) << error.what();
        if (expected > 0) {  // what the message advises works
          EXPECT_HAS(std::string(error.what()), "use --steps 0:" + std::to_string(expected) + " to");
          AnalyzeOptions options;
          options.last = expected;
          EXPECT_EQ(analyze(reader, options).steps.size(), expected);
        } else {
          EXPECT_HAS(std::string(error.what()), "there is no good step");
        }
      }
    }
  }
}

TEST(Analyze, RefusesImpossibleRanges) {
  const TemporaryDirectory directory;
  const std::string path = directory / "run.h5";
  SmallRun run;
  run.steps = 4;
  run.dimension = 1;
  run.update = run.gradient = {1, 2, 3, 4};
  run.losses = {4, 3, 2, 1, 0};
  run.write(path);
  const RunReader reader(path);
  const auto refusal = [&](std::uint64_t first, std::optional<std::uint64_t> last,
                           std::optional<std::uint64_t> window) {
    AnalyzeOptions options;
    options.first = first;
    options.last = last;
    options.window = window;
    return message_of<ContractError>([&] { analyze(reader, options); });
  };
  EXPECT_HAS(refusal(0, 5, {}), "steps 0:5 reach beyond the run, which has 4 steps");
  EXPECT_HAS(refusal(2, 2, {}), "steps 2:2 are none");
  EXPECT_HAS(refusal(3, 1, {}), "steps 3:1 are none");
  EXPECT_HAS(refusal(7, {}, {}), "steps 7:4 are none");
  EXPECT_HAS(refusal(0, {}, 0), "window is 0; it must lie in 1 .. 4");
  EXPECT_HAS(refusal(0, {}, 5), "window is 5; it must lie in 1 .. 4");
  EXPECT_HAS(refusal(1, 3, 3), "window is 3; it must lie in 1 .. 2");
  EXPECT_EQ(refusal(0, {}, 4), "no error");
}

TEST(Analyze, AGroupThatIsTheWholeEqualsIt) {
  const TemporaryDirectory directory;
  const std::string path = directory / "run.h5";
  std::mt19937_64 random(17);
  SmallRun run = random_run(random);
  run.sizes.clear();
  run.write(path);
  const Analysis analysis = analyze(RunReader(path));
  ASSERT_EQ(analysis.groups.size(), 1u);
  EXPECT_EQ(analysis.groups[0].verdicts, analysis.verdicts);
  EXPECT_EQ(analysis.groups[0].angle, analysis.angle);
  EXPECT_EQ(analysis.groups[0].condition, analysis.condition);
}

/// Everything that an analysis says, bit by bit (infinities included).
std::vector<std::uint64_t> bits(const Analysis& analysis) {
  std::vector<std::uint64_t> result;
  const auto number = [&](double x) {
    std::uint64_t word;
    std::memcpy(&word, &x, sizeof word);
    result.push_back(word);
  };
  const auto maybe = [&](const std::optional<double>& x) {
    result.push_back(x.has_value());
    number(x.value_or(0));
  };
  const auto judgement = [&](const Judgement& j) {
    result.push_back(static_cast<std::uint64_t>(j.verdict) * 100 + static_cast<std::uint64_t>(j.reason));
  };
  for (const StepAnalysis& step : analysis.steps) {
    result.push_back(step.step);
    number(step.loss);
    judgement(step.judgement);
    for (const auto& x :
         {step.angle, step.alpha, step.condition, step.lambda_min, step.lambda_max, step.scaled_alpha})
      maybe(x);
  }
  for (const GroupAnalysis& group : analysis.groups) {
    for (const GroupStep& step : group.steps) {
      judgement(step.judgement);
      maybe(step.angle);
      maybe(step.condition);
    }
    for (const auto& x : {group.angle.median, group.angle.max, group.condition.median, group.condition.max})
      maybe(x);
  }
  for (const auto& x : {analysis.angle.median, analysis.angle.max, analysis.condition.median,
                        analysis.condition.max, analysis.window.effective_fraction})
    maybe(x);
  result.push_back(analysis.window.minimal.value_or(0));
  return result;
}

/// Any rounding, and subnormals flushed where the machine can; the caller's own again at the end.
template <class F>
auto in_hostile_environment(int rounding, F f) {
  std::fenv_t saved;
  std::fegetenv(&saved);
  std::fesetround(rounding);
#if defined(__SSE2__)
  const unsigned mxcsr = _mm_getcsr();
  _mm_setcsr(mxcsr | 0x8040);
#endif
  const auto result = f();
  bool kept = std::fegetround() == rounding;
#if defined(__SSE2__)
  kept = kept && (_mm_getcsr() & 0x8040) == 0x8040;
  _mm_setcsr(mxcsr);
#endif
  std::fesetenv(&saved);
  EXPECT_TRUE(kept);
  return result;
}

TEST(Window, SubnormalLossesAreToldApartWhateverTheEnvironment) {
  const std::vector<double> losses = {3 * 0x1p-1074, 2 * 0x1p-1074, 0x1p-1074};
  const WindowAnalysis window =
      in_hostile_environment(FE_UPWARD, [&] { return analyze_window(losses, std::nullopt); });
  EXPECT_EQ(window.minimal, 1u);
  EXPECT_EQ(window.effective_fraction, 1);
  const std::vector<double> thirds = {3, 2, 1, 1};
  EXPECT_EQ(in_hostile_environment(FE_UPWARD, [&] { return analyze_window(thirds, 1); }).effective_fraction,
            2.0 / 3);
  EXPECT_EQ(in_hostile_environment(FE_UPWARD,
                                   [&] {
                                     return summarise({losses[0], losses[1]});
                                   }),
            (Summary{2 * 0x1p-1074, 3 * 0x1p-1074}));
}

TEST(Analyze, NeitherThreadsNorTheFloatingPointEnvironmentMatter) {
  const TemporaryDirectory directory;
  const std::string path = directory / "run.h5";
  std::mt19937_64 random(21);
  for (int trial = 0; trial < 10; ++trial) {
    SmallRun run = random_run(random);
    run.losses[0] = 0x1p-1070;  // subnormal losses are told apart
    if (run.losses.size() > 1) run.losses[1] = 0x1p-1071;
    for (double& x : run.update) x *= 0x1p-1060;
    run.write(path);
    natgrad::test::set_threads(1);
    const std::vector<std::uint64_t> expected = bits(analyze(RunReader(path)));
    for (const int threads : {2, 5}) {
      natgrad::test::set_threads(threads);
      EXPECT_EQ(bits(analyze(RunReader(path))), expected);
    }
    for (const int rounding : {FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO}) {
      const Analysis analysis = in_hostile_environment(rounding, [&] { return analyze(RunReader(path)); });
      EXPECT_EQ(bits(analysis), expected);
    }
  }
  natgrad::test::set_threads(2);
}

TEST(Analyze, TellsHowFarItIs) {
  const TemporaryDirectory directory;
  const std::string path = directory / "run.h5";
  SmallRun run;
  run.steps = 10000;
  run.dimension = 1;
  run.update.assign(run.steps, 1);
  run.gradient.assign(run.steps, -1);
  run.losses.assign(run.steps, 1);
  run.write(path);
  AnalyzeOptions options;
  options.first = 10;
  std::vector<std::uint64_t> seen;
  options.progress = [&](std::uint64_t done, std::uint64_t total) {
    EXPECT_EQ(total, 9990u);
    seen.push_back(done);
  };
  analyze(RunReader(path), options);
  ASSERT_FALSE(seen.empty());
  EXPECT_TRUE(std::is_sorted(seen.begin(), seen.end()));
  EXPECT_EQ(seen.back(), 9990u);
  EXPECT_LT(seen.size(), 100u);
}

TEST(Analyze, ARecordedRunIsEffectiveWhereTheRuleDescends) {
  const TemporaryDirectory directory;
  const std::string path = directory / "run.h5";
  RecordOptions options;
  options.rule = "gradient-descent";
  options.steps = 20;
  record(options, path);
  const Analysis analysis = analyze(RunReader(path));
  EXPECT_EQ(analysis.info.rule, "gradient-descent");
  EXPECT_EQ(analysis.verdicts, (VerdictCounts{analysis.steps.size(), 0, 0}));
  ASSERT_TRUE(analysis.angle.max);
  EXPECT_LT(*analysis.angle.max, 1e-7);  // the step is -eta grad L, each element rounded
  for (const StepAnalysis& step : analysis.steps) {
    ASSERT_TRUE(step.scaled_alpha);
    EXPECT_NEAR(*step.scaled_alpha, 1, 1e-12);  // the metric of Delta theta/eta is the identity
  }
}

}  // namespace
