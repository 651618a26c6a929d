// natgrad: what a run says about its learning rule: verdicts, angles, metrics, windows, per group.
#ifndef NATGRAD_ANALYSIS_HPP
#define NATGRAD_ANALYSIS_HPP

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "natgrad/run.hpp"
#include "natgrad/scalars.hpp"

namespace natgrad {

struct VerdictCounts {
  std::uint64_t effective = 0, not_effective = 0, undetermined = 0;
  friend bool operator==(const VerdictCounts&, const VerdictCounts&) = default;
};

/// Over the steps where the value is defined; nullopt where it never is. The median of an even number of
/// values is the rounded mean of the middle two. A condition number that overflows counts as +inf.
struct Summary {
  std::optional<double> median, max;
  friend bool operator==(const Summary&, const Summary&) = default;
};

/// One step (or one group of one step) in numbers: all correctly rounded functions of its exact Gram.
struct StepAnalysis {
  std::uint64_t step = 0;
  double loss = 0;  ///< L(theta_k)
  Judgement judgement;
  std::optional<double> angle;                                     ///< radians, defined whenever g, y != 0
  std::optional<double> alpha, condition, lambda_min, lambda_max;  ///< at a*, if effective
  std::optional<double> scaled_alpha;                              ///< a* eta, where the file has a rate > 0
};

struct GroupStep {
  Judgement judgement;
  std::optional<double> angle, condition;
};

struct GroupAnalysis {
  std::string name;
  std::uint64_t size = 0;
  VerdictCounts verdicts;
  Summary angle, condition;
  std::vector<GroupStep> steps;  ///< one per analysed step
};

struct WindowAnalysis {
  /// Smallest m, 1 <= m <= N - 1, with L(k+m) < L(k) for every k in the run; nullopt if none.
  std::optional<std::uint64_t> minimal;
  /// Share of k with L(k+m) < L(k) at m = `used`; nullopt with fewer than 2 losses.
  std::optional<double> effective_fraction;
  std::uint64_t used = 1;
};

struct Analysis {
  RunInfo info;
  std::uint64_t first_step = 0;  ///< analysed: first_step .. first_step + steps.size() - 1
  VerdictCounts verdicts;
  WindowAnalysis window;
  Summary angle, condition;
  std::vector<GroupAnalysis> groups;
  std::vector<StepAnalysis> steps;
  std::vector<double> losses;  ///< of the analysed part: as many as steps, or one more
};

struct AnalyzeOptions {
  std::optional<std::uint64_t> window;  ///< M; nullopt for auto (effective_fraction at m = 1)
  std::uint64_t first = 0;              ///< steps first .. last-1
  std::optional<std::uint64_t> last;    ///< nullopt: all
  std::function<void(std::uint64_t done, std::uint64_t total)> progress;  ///< may be empty
};

/// Median (mean of the middle two when even) and maximum. Order of the input does not matter.
/// @claim analysis.summary
NATGRAD_API Summary summarise(std::vector<double> values);

/// minimal and effective_fraction of a sequence of losses, per WindowAnalysis. @claim analysis.window
/// @pre all finite; window, if given, in 1 .. N-1   @throws ContractError
NATGRAD_API WindowAnalysis analyze_window(std::span<const double> losses,
                                          std::optional<std::uint64_t> window);

/// @claim analysis.steps
/// Analyses a run, or the part first .. last of it (with its losses first .. last, or last - 1 where the file
/// has no more or, in the middle of a run, the next one is not finite: `--steps 0:k` reads a run that goes
/// bad at step k).
/// @throws ContractError for an empty or impossible range of steps, or a window outside 1 .. N-1;
///   InputError / RunValueError for what is wrong with the file
NATGRAD_API Analysis analyze(const RunReader& run, const AnalyzeOptions& options = {});

}  // namespace natgrad

#endif
