// natgrad: random runs, and files for them that vanish when the scope ends.
#ifndef NATGRAD_TESTS_SUPPORT_RUNS_HPP
#define NATGRAD_TESTS_SUPPORT_RUNS_HPP

#include <unistd.h>

#include <filesystem>
#include <string>

#include "generators.hpp"
#include "subject.hpp"

namespace natgrad::test {

/// A path for one file, which is removed with this object.
class ScratchFile {
 public:
  ScratchFile() {
    static unsigned count = 0;
    path_ = std::filesystem::temp_directory_path() /
            ("natgrad-verify-" + std::to_string(::getpid()) + "-" + std::to_string(count++) + ".h5");
  }
  ~ScratchFile() {
    std::error_code ignored;
    std::filesystem::remove(path_, ignored);
  }
  ScratchFile(const ScratchFile&) = delete;
  ScratchFile& operator=(const ScratchFile&) = delete;

  std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

/// Losses with trends, plateaus, bumps and ties; any finite doubles now and then.
inline std::vector<double> draw_losses(std::size_t count) {
  std::vector<double> losses;
  const std::uint64_t kind = *indices(4);
  const std::uint64_t slope = *indices(5), period = 1 + *indices(6), height = *indices(20),
                      dent = *indices(count);
  for (std::size_t k = 0; k < count; ++k) {
    double loss = 100 - static_cast<double>(slope * k);
    if (kind == 0) loss = *doubles();
    if (kind == 1) loss += static_cast<double>(*indices(5));
    if (kind >= 2 && k % period == 0) loss += static_cast<double>(height);
    if (kind == 3 && k == dent) loss -= 10;
    losses.push_back(loss);
  }
  return losses;
}

/// Runs of 1 to 6 steps with 1 to 4 groups; every step a hostile pair, some with p <= 0 or zero vectors.
inline RunData draw_run() {
  RunData run;
  const std::size_t steps = 1 + *indices(6), dimension = 1 + *indices(8);
  const std::size_t group_count = 1 + *indices(std::min<std::size_t>(dimension, 4));
  for (std::size_t k = 0; k < steps; ++k) {
    Pair pair = *pairs(dimension);
    // The length is that of the run: what is missing is zero.
    pair.g.resize(dimension, 0.0);
    pair.y.resize(dimension, 0.0);
    for (double& element : pair.y) element = -element;
    if (*indices(6) == 0) {
      // At rest: every metric works.
      pair.g.assign(dimension, 0.0);
      pair.y.assign(dimension, 0.0);
    }
    run.updates.push_back(pair.g);
    run.gradients.push_back(pair.y);
  }
  run.losses = draw_losses(steps + 1);
  run.header.dimension = dimension;
  run.header.rule = "rule";
  run.header.seed = static_cast<std::int64_t>(*indices(1000));
  if (*indices(2) == 0) run.header.learning_rate = std::ldexp(1.0, -static_cast<int>(*indices(20)));
  if (*indices(4) > 0) {
    std::uint64_t left = dimension;
    for (std::size_t i = 0; i + 1 < group_count; ++i) {
      const std::uint64_t size = 1 + *indices(left - (group_count - 1 - i));
      run.header.groups.push_back({"group " + std::to_string(i), size});
      left -= size;
    }
    run.header.groups.push_back({"group " + std::to_string(group_count - 1), left});
  }
  return run;
}

/// The update and minus the gradient of step k, as the analysis takes them.
inline Pair pair_of(const RunData& run, std::size_t k) {
  Pair pair{Region::generic, run.updates[k], run.gradients[k]};
  for (double& element : pair.y) element = -element;
  return pair;
}

}  // namespace natgrad::test

#endif
