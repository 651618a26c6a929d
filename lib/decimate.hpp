// natgrad: how a long series becomes few points without losing an extreme. Private to the library.
#ifndef NATGRAD_LIB_DECIMATE_HPP
#define NATGRAD_LIB_DECIMATE_HPP

#include <cstdint>
#include <vector>

#include "natgrad/analysis.hpp"

namespace natgrad::plots {

/// Column c of `columns` over n items is [n c/columns, n (c+1)/columns): no column is empty for n >= columns.
/// @pre c <= columns <= n < 2^32, or columns == n
inline std::uint64_t column_begin(std::uint64_t n, std::uint64_t columns, std::uint64_t c) {
  return columns == n ? c : n / columns * c + n % columns * c / columns;
}

struct Sample {
  std::uint64_t index = 0;
  double value = 0;

  friend bool operator==(const Sample&, const Sample&) = default;
};

/// Pieces of a polyline: of every column the first, smallest, largest and last defined value in the order of
/// their indices. Drawn at `columns` pixels it looks like the whole series. A column without a defined value
/// ends a piece. `value_at(i)` is a std::optional<double>, 0 <= i < n.
template <class ValueAt>
std::vector<std::vector<Sample>> envelope(std::uint64_t n, std::uint64_t columns, ValueAt value_at) {
  std::vector<std::vector<Sample>> pieces;
  bool open = false;
  for (std::uint64_t c = 0; c < columns; ++c) {
    bool any = false;
    Sample first, smallest, largest, last;
    const std::uint64_t end = column_begin(n, columns, c + 1);
    for (std::uint64_t i = column_begin(n, columns, c); i < end; ++i) {
      const auto value = value_at(i);
      if (!value) continue;
      last = {i, *value};
      if (!any) first = smallest = largest = last;
      if (last.value < smallest.value) smallest = last;
      if (last.value > largest.value) largest = last;
      any = true;
    }
    if (any && !open) pieces.emplace_back();
    open = any;
    if (!any) continue;
    const bool rising = smallest.index < largest.index;
    for (const Sample& s : {first, rising ? smallest : largest, rising ? largest : smallest, last})
      if (pieces.back().empty() || pieces.back().back().index < s.index) pieces.back().push_back(s);
  }
  return pieces;
}

/// Neighbouring columns with the same counts are one run: [begin, end) in items.
struct VerdictRun {
  std::uint64_t begin = 0, end = 0;
  VerdictCounts counts;  ///< of the first column of the run
};

/// Counts the verdicts of every column and merges columns that agree: unanimous ones, or equal mixtures.
template <class VerdictAt>
std::vector<VerdictRun> verdict_runs(std::uint64_t n, std::uint64_t columns, VerdictAt verdict_at) {
  std::vector<VerdictRun> runs;
  const auto unanimous = [](const VerdictCounts& v) {
    return (v.effective != 0) + (v.not_effective != 0) + (v.undetermined != 0) == 1;
  };
  for (std::uint64_t c = 0; c < columns; ++c) {
    VerdictRun run{column_begin(n, columns, c), column_begin(n, columns, c + 1), {}};
    for (std::uint64_t i = run.begin; i < run.end; ++i) {
      const Verdict verdict = verdict_at(i);
      ++(verdict == Verdict::effective       ? run.counts.effective
         : verdict == Verdict::not_effective ? run.counts.not_effective
                                             : run.counts.undetermined);
    }
    if (!runs.empty()) {
      VerdictCounts& before = runs.back().counts;
      const bool alike = unanimous(before) && unanimous(run.counts) &&
                         (before.effective != 0) == (run.counts.effective != 0) &&
                         (before.not_effective != 0) == (run.counts.not_effective != 0);
      if (alike || before == run.counts) {
        runs.back().end = run.end;
        continue;
      }
    }
    runs.push_back(run);
  }
  return runs;
}

}  // namespace natgrad::plots

#endif
