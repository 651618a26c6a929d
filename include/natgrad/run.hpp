// natgrad: run files (HDF5, format "natgrad-run", version 1), read as a stream and written by a recorder.
//
// Root attributes: format = "natgrad-run", version = 1, optional rule, problem (strings), seed (integer).
// Datasets, float16, float32 or float64: /gradient (K x D, grad L at theta_k), /loss (K or K+1), and
// /update (K x D, the step Delta theta_k) or /theta (K+1 x D; steps are its exact differences).
// Optional: /learning_rate (K or scalar), /groups/name (G strings), /groups/size (G integers summing to
// D), /radius (K). A learning rate or a radius is finite and not negative. /gram (K x G opaque,
// Gram::serialise) may stand in for /gradient and /update.
//
// HDF5 is not thread-safe: calls into this header are serialised by a lock of the library. Where a file is
// damaged, the HDF5 library itself may crash (1.10.8 does on some); `natgrad analyze` reads in a process of
// its own for that reason, and a program that reads files from strangers should do so too.
#ifndef NATGRAD_RUN_HPP
#define NATGRAD_RUN_HPP

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "natgrad/gram.hpp"
#include "natgrad/rules.hpp"

namespace natgrad {

/// What a run file says of itself.
struct RunInfo {
  std::string path;
  std::optional<std::string> rule, problem;
  std::optional<std::int64_t> seed;
  std::uint64_t steps = 0;             ///< K
  std::uint64_t dimension = 0;         ///< D
  std::uint64_t losses = 0;            ///< N, K or K + 1
  std::vector<ParameterGroup> groups;  ///< one group "all" of size D where the file names none
  bool named_groups = false;
  bool has_radius = false;
  bool has_learning_rate = false;
};

/// One step as the analysis needs it.
struct RunStep {
  std::uint64_t index = 0;
  std::vector<Gram> grams;       ///< one per group, in order
  std::optional<double> radius;  ///< on each of g and y, Euclidean norm
  std::optional<double> learning_rate;
};

/// Thrown for a value inside a run that cannot be used (NaN, infinity, negative radius): everything
/// before `step` is sound, as far as it was asked for.
class NATGRAD_API RunValueError : public InputError {
 public:
  /// The message gets a sentence that names the last good step from `first`, the first asked for, on.
  RunValueError(const std::string& message, std::uint64_t step, std::uint64_t first);
  ~RunValueError() override;
  /// Zero-based index of the first bad step.
  std::uint64_t step() const noexcept { return step_; }

 private:
  std::uint64_t step_;
};

/// Reads a run as a stream: memory does not grow with K x D. An object that was moved from throws
/// ContractError. @claim run.round_trip
class NATGRAD_API RunReader {
 public:
  /// Opens and checks everything but the values.
  /// @throws InputError naming the file, the dataset or attribute, and what is wrong with it
  explicit RunReader(const std::string& path);
  RunReader(RunReader&&) noexcept;
  RunReader& operator=(RunReader&&) noexcept;
  ~RunReader();

  const RunInfo& info() const;

  /// Losses L_first .. L_{last-1}. @pre first <= last <= info().losses
  /// @throws RunValueError for NaN or infinity; L_K spoils step K-1, which leads to it
  std::vector<double> losses(std::uint64_t first, std::uint64_t last) const;

  /// Calls `sink` with steps first .. last-1 in order. Grams of a block of steps are computed in
  /// parallel (OpenMP); the result does not depend on the number of threads.
  /// @pre first <= last <= info().steps
  /// @throws RunValueError for NaN, infinity, a bad Gram, or data that are damaged or were never written,
  ///   after `sink` got every step before it
  void for_each_step(std::uint64_t first, std::uint64_t last,
                     const std::function<void(const RunStep&)>& sink) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// What a run file holds of each step.
enum class RunContent {
  updates,     ///< /gradient and /update, the step as the rule made it
  parameters,  ///< /gradient and /theta: the steps are exact differences
  grams        ///< /gram: an exact Gram per group, where vectors are too much to keep
};

/// What a recorder knows before the first step.
struct RunHeader {
  std::optional<std::string> rule, problem;
  std::optional<std::int64_t> seed;
  std::optional<double> learning_rate;  ///< finite and not negative
  std::uint64_t dimension = 0;
  std::vector<ParameterGroup> groups;  ///< may be empty: no /groups is written, all parameters are one
  RunContent content = RunContent::updates;
  bool radius = false;  ///< each step comes with a radius: /radius
};

/// Writes a run file. It appears under its name only when finish() has succeeded; until then, and if it never
/// does, nothing is left there. An object that was moved from throws ContractError.
class NATGRAD_API RunWriter {
 public:
  /// @throws InputError if the file cannot be created; ContractError for groups that do not add up
  RunWriter(const std::string& path, const RunHeader& header);
  RunWriter(RunWriter&&) noexcept;
  RunWriter& operator=(RunWriter&&) noexcept;
  ~RunWriter();

  /// Step k: L(theta_k), grad L(theta_k), and Delta theta_k, or theta_k for RunContent::parameters; `radius`
  /// exactly where the header says so.
  /// @throws ContractError / NonFiniteError for wrong lengths, non-finite values or a negative radius, or if
  ///   the header promises other content; InputError on I/O
  void append(double loss, std::span<const double> gradient, std::span<const double> update_or_theta,
              std::optional<double> radius = {});
  /// Step k for RunContent::grams: one Gram per group of (Delta theta_k, -grad L(theta_k)), in order.
  /// @throws as above; ContractError for a Gram whose dimension is not its group's size
  void append(double loss, std::span<const Gram> grams, std::optional<double> radius = {});
  /// L(theta_K), and theta_K for RunContent::parameters; then moves the file to its place.
  /// @throws ContractError if no step was appended; as append(); InputError on I/O
  void finish(double final_loss, std::span<const double> final_theta = {});

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// One recording of a rule on a problem.
struct RecordOptions {
  std::string rule;
  std::optional<std::string> problem;   ///< the rule's default
  std::uint64_t steps = 1000;           ///< at most; fewer if the problem's stop_ratio is reached
  std::optional<double> learning_rate;  ///< the rule's default
  std::uint64_t seed = 1;
  std::function<void(std::uint64_t step, std::uint64_t steps, double loss)> progress;  ///< may be empty
};

struct RecordSummary {
  std::string rule, problem;
  std::uint64_t steps = 0, dimension = 0;
  double learning_rate = 0, first_loss = 0, last_loss = 0;
  bool stopped_early = false;  ///< stop_ratio was reached
};

/// Runs the rule and writes the run file.
/// @throws ContractError for an unknown rule or problem (listing the known ones), a learning rate that is
///   not finite and > 0, steps == 0, or a rule that the problem does not support; InputError on I/O; and a
///   ContractError naming the step if the run diverges to NaN or infinity (nothing is left behind)
NATGRAD_API RecordSummary record(const RecordOptions& options, const std::string& path,
                                 const RuleSet& rules = RuleSet::standard(),
                                 const ProblemSet& problems = ProblemSet::standard());

}  // namespace natgrad

#endif
