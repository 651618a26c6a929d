// natgrad: how a benchmark program is made. A process times one case: its arguments name it, its data are
// made once, and its contenders and baselines are benchmarks, which Google Benchmark runs in random order,
// repetition by repetition.
#ifndef NATGRAD_BENCH_BENCH_HPP
#define NATGRAD_BENCH_BENCH_HPP

#include <benchmark/benchmark.h>
#include <omp.h>

#include <cstddef>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace natgrad::bench {

/// Reads Google Benchmark's options and keeps what is left, the case. One thread unless a contender wants
/// more.
class Program {
 public:
  Program(int argc, char** argv);

  /// Argument i of the case, or what stands for it.
  std::string argument(std::size_t i, const std::string& otherwise) const;
  std::size_t size(std::size_t i, std::size_t otherwise) const;

  /// Names `f` a contender, or a baseline. Only f() is timed; its result, if it has one, counts as used. What
  /// f refers to must live until run().
  template <class F>
  void time(const char* name, F f, int threads = 1) {
    benchmark::RegisterBenchmark(name, [f = std::move(f), threads](benchmark::State& state) mutable {
      omp_set_num_threads(threads);
      for (auto _ : state) {
        if constexpr (std::is_void_v<decltype(f())>) {
          f();
        } else {
          auto result = f();
          benchmark::DoNotOptimize(result);
        }
        benchmark::ClobberMemory();
      }
      omp_set_num_threads(1);
    });
  }

  /// The exit code.
  int run();

 private:
  std::vector<std::string> arguments_;
};

}  // namespace natgrad::bench

#endif
