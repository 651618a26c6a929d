// natgrad: what a run says about its learning rule.
#include "natgrad/analysis.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "exact.hpp"
#include "float_scope.hpp"
#include "parallel.hpp"

namespace natgrad {
namespace {

// Steps wait for their scalars in batches that neither hold many Grams nor take long; enclosures within a
// radius can need thousands of bits each.
constexpr std::uint64_t batch_grams = 4096, batch_grams_with_radius = 256;
constexpr std::uint64_t batch_elements = std::uint64_t{1} << 24;

void count(VerdictCounts& counts, Verdict verdict) {
  switch (verdict) {
    case Verdict::effective:
      ++counts.effective;
      break;
    case Verdict::not_effective:
      ++counts.not_effective;
      break;
    case Verdict::undetermined:
      ++counts.undetermined;
      break;
  }
}

Judgement judge(const Gram& gram, const std::optional<double>& radius) {
  return radius ? enclose(gram, *radius).judgement : gram.judge();
}

/// a* eta = yy eta/p, rounded once. A step of rate 0, as warm-up schedules begin with, has no rule behind it.
std::optional<double> scaled_alpha(const Gram& gram, double learning_rate) {
  using exact::Dyadic;
  const Dyadic rate = Dyadic::from(learning_rate);
  if (rate.is_zero()) return std::nullopt;
  return exact::round_quotient(Dyadic::from(gram.yy()) * rate, Dyadic::from(gram.gy()));
}

GroupStep analyze_group(const Gram& gram, const RunStep& step) {
  GroupStep result;
  result.judgement = judge(gram, step.radius);
  result.angle = angle(gram);
  if (result.judgement.verdict == Verdict::effective) result.condition = condition(gram);
  return result;
}

/// One step as a whole and by group.
struct StepResult {
  StepAnalysis whole;
  std::vector<GroupStep> groups;
};

StepResult analyze_step(const RunStep& step) {
  StepResult result;
  Gram gram;
  for (const Gram& part : step.grams) gram.merge(part);
  const GroupStep common = analyze_group(gram, step);
  StepAnalysis& whole = result.whole;
  whole.step = step.index;
  whole.judgement = common.judgement;
  whole.angle = common.angle;
  whole.condition = common.condition;
  if (whole.judgement.verdict == Verdict::effective) {
    whole.alpha = alpha(gram);
    whole.lambda_min = lambda_min(gram);
    whole.lambda_max = lambda_max(gram);
    if (step.learning_rate) whole.scaled_alpha = scaled_alpha(gram, *step.learning_rate);
  }
  if (step.grams.size() == 1) {
    result.groups.push_back(common);
  } else {
    for (const Gram& part : step.grams) result.groups.push_back(analyze_group(part, step));
  }
  return result;
}

std::vector<StepResult> analyze_batch(const std::vector<RunStep>& batch) {
  std::vector<StepResult> results(batch.size());
  parallel_for(batch.size(), [&](std::size_t i) { results[i] = analyze_step(batch[i]); });
  return results;
}

template <class Steps, class Member>
Summary summarise_member(const Steps& steps, Member member) {
  std::vector<double> values;
  for (const auto& step : steps)
    if (const std::optional<double>& value = step.*member) values.push_back(*value);
  return summarise(std::move(values));
}

/// The results grow with steps x groups, whatever the file's size: a small file can promise many steps.
void refuse_without_memory(const RunInfo& info, std::uint64_t steps) {
  const double each = static_cast<double>(sizeof(StepAnalysis) + sizeof(double)) +
                      static_cast<double>(info.groups.size()) * static_cast<double>(sizeof(GroupStep));
  const double memory =
      static_cast<double>(::sysconf(_SC_PHYS_PAGES)) * static_cast<double>(::sysconf(_SC_PAGESIZE));
  const double needed = each * static_cast<double>(steps);
  if (memory > 0 && needed > memory)
    throw InputError(
        fmt::format("{}: to analyse {} steps of {} groups takes {:.1f} GiB of memory and this machine "
                    "has {:.1f}; use --steps 0:{} to analyse a part",
                    info.path, steps, info.groups.size(), needed / 0x1p30, memory / 0x1p30,
                    static_cast<std::uint64_t>(memory / each / 2)));
}

/// Those of the part; the loss that its last step leads to is one of them if it is there. In the middle of
/// a run it may be what is wrong with the rest, and is then left out.
std::vector<double> losses_of(const RunReader& run, std::uint64_t first, std::uint64_t last) {
  const RunInfo& info = run.info();
  try {
    if (last == info.steps) return run.losses(first, info.losses);
    std::vector<double> losses = run.losses(first, last);
    try {
      losses.push_back(run.losses(last, last + 1).front());
    } catch (const RunValueError&) {
    }
    return losses;
  } catch (const RunValueError& error) {
    // Only the first bad step is worth naming: one before it may have bad vectors.
    if (error.step() > first) run.for_each_step(first, error.step(), [](const RunStep&) {});
    throw;
  }
}

}  // namespace

Summary summarise(std::vector<double> values) {
  const FloatScope float_scope;
  if (values.empty()) return {};
  for (std::size_t i = 0; i < values.size(); ++i)
    if (std::isnan(values[i]) || values[i] == -std::numeric_limits<double>::infinity())
      throw NonFiniteError("values", i, values[i]);
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  double median = *middle;
  // std::midpoint rounds once and does not overflow.
  if (values.size() % 2 == 0) median = std::midpoint(*std::max_element(values.begin(), middle), median);
  return {median, *std::max_element(middle, values.end())};
}

WindowAnalysis analyze_window(std::span<const double> losses, std::optional<std::uint64_t> window) {
  const FloatScope float_scope;
  const std::size_t n = losses.size();
  for (std::size_t k = 0; k < n; ++k)
    if (!std::isfinite(losses[k])) throw NonFiniteError("losses", k, losses[k]);
  if (window && (*window < 1 || *window >= n))
    throw ContractError(
        n < 2 ? fmt::format("window is {}; with fewer than 2 losses there is none", *window)
              : fmt::format("window is {}; it must lie in 1 .. {} for {} losses", *window, n - 1, n));

  WindowAnalysis result;
  result.used = window.value_or(1);
  if (n < 2) return result;
  std::size_t improving = 0;
  for (std::size_t k = 0; k + result.used < n; ++k) improving += losses[k + result.used] < losses[k] ? 1 : 0;
  result.effective_fraction =
      static_cast<double>(improving) / static_cast<double>(n - static_cast<std::size_t>(result.used));

  // Every m tried and found wanting has a worst pair; its low start and its high end also rule out most of
  // the other m, so that few are tried.
  std::vector<char> ruled_out(n, 0);
  for (std::size_t m = 1; m < n; ++m) {
    if (ruled_out[m]) continue;
    std::size_t worst = n;
    double worst_rise = 0;
    for (std::size_t k = 0; k + m < n; ++k) {
      if (losses[k + m] < losses[k]) continue;
      const double rise = losses[k + m] - losses[k];
      if (worst == n || rise > worst_rise) {
        worst = k;
        worst_rise = rise;
      }
    }
    if (worst == n) {
      result.minimal = m;
      break;
    }
    const std::size_t end = worst + m;
    for (std::size_t j = end + 1; j < n; ++j)
      if (!(losses[j] < losses[worst])) ruled_out[j - worst] = 1;
    for (std::size_t k = 0; k < worst; ++k)
      if (!(losses[end] < losses[k])) ruled_out[end - k] = 1;
  }
  return result;
}

Analysis analyze(const RunReader& run, const AnalyzeOptions& options) {
  const FloatScope float_scope;
  const RunInfo& info = run.info();
  const std::uint64_t first = options.first, last = options.last.value_or(info.steps);
  if (last > info.steps)
    throw ContractError(
        fmt::format("steps {}:{} reach beyond the run, which has {} steps", first, last, info.steps));
  if (first >= last)
    throw ContractError(fmt::format("steps {}:{} are none; the run has {}", first, last, info.steps));
  refuse_without_memory(info, last - first);

  Analysis result;
  result.info = info;
  result.first_step = first;
  result.losses = losses_of(run, first, last);
  result.window = analyze_window(result.losses, options.window);
  for (const ParameterGroup& group : info.groups) result.groups.emplace_back().name = group.name;
  for (std::size_t i = 0; i < info.groups.size(); ++i) result.groups[i].size = info.groups[i].size;

  std::vector<RunStep> batch;
  const std::uint64_t most_grams = info.has_radius ? batch_grams_with_radius : batch_grams;
  const std::uint64_t batch_size =
      std::max<std::uint64_t>(1, std::min(most_grams / info.groups.size(), batch_elements / info.dimension));
  const auto finish_batch = [&] {
    for (StepResult& step : analyze_batch(batch)) {
      step.whole.loss = result.losses[step.whole.step - first];
      count(result.verdicts, step.whole.judgement.verdict);
      for (std::size_t i = 0; i < step.groups.size(); ++i) {
        count(result.groups[i].verdicts, step.groups[i].judgement.verdict);
        result.groups[i].steps.push_back(step.groups[i]);
      }
      result.steps.push_back(step.whole);
    }
    batch.clear();
    if (options.progress) options.progress(result.steps.size(), last - first);
  };
  run.for_each_step(first, last, [&](const RunStep& step) {
    batch.push_back(step);
    if (batch.size() == batch_size) finish_batch();
  });
  if (!batch.empty()) finish_batch();

  result.angle = summarise_member(result.steps, &StepAnalysis::angle);
  result.condition = summarise_member(result.steps, &StepAnalysis::condition);
  for (GroupAnalysis& group : result.groups) {
    group.angle = summarise_member(group.steps, &GroupStep::angle);
    group.condition = summarise_member(group.steps, &GroupStep::condition);
  }
  return result;
}

}  // namespace natgrad
