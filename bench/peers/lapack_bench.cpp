// natgrad: against LAPACK on the dense M. Argument: n.
#include <span>
#include <vector>

#include "../bench.hpp"
#include "../data.hpp"
#include "natgrad/canonical_form.hpp"

extern "C" {
void dposv_(const char* uplo, const int* n, const int* columns, double* a, const int* lda, double* b,
            const int* ldb, int* info);
void dsyev_(const char* jobz, const char* uplo, const int* n, double* a, const int* lda, double* w,
            double* work, const int* lwork, int* info);
void ilaver_(int* major, int* minor, int* patch);
}

int main(int argc, char** argv) {
  using namespace natgrad;
  bench::Program program(argc, argv);
  const std::size_t n = program.size(0, 1000);
  const bench::Pair<double> pair = bench::descending_pair(n);
  const bench::Vector<double> numbers = bench::normal_vector(n, 2);
  const std::span<const double> g(pair.g), y(pair.y), x(numbers);
  bench::Vector<double> out(n);
  int major = 0, minor = 0, patch = 0;
  ilaver_(&major, &minor, &patch);
  benchmark::AddCustomContext(
      "LAPACK", std::to_string(major) + '.' + std::to_string(minor) + '.' + std::to_string(patch));

  // From the vectors each time.
  program.time("solve", [&] { MetricView::make(g, y, Gram::of(g, y))->solve(x, out); });
  program.time("spectrum", [&] { return MetricView::make(g, y, Gram::of(g, y))->spectrum(); });

  const Gram gram = Gram::of(g, y);
  const double gg = gram.gg().to_double(), p = gram.gy().to_double(), a = gram.yy().to_double() / p;
  bench::Vector<double> m(n * n), copy(n * n), w(n), work(34 * n);
  const auto form = [&, gg, p, a] {
    for (std::size_t j = 0; j < n; ++j) {
      const double cy = y[j] / p, cg = -a * g[j] / gg;
      for (std::size_t i = 0; i < n; ++i) m[j * n + i] = cy * y[i] + cg * g[i];
      m[j * n + j] += a;
    }
  };
  form();
  const int size = static_cast<int>(n), one = 1, lwork = static_cast<int>(work.size());
  int info = 0;
  // LAPACK overwrites its matrix; the copies it needs are not counted.
  const auto lapack = [&](const char* name, auto call) {
    benchmark::RegisterBenchmark(name, [&, call](benchmark::State& state) {
      for (auto _ : state) {
        state.PauseTiming();
        copy = m;
        out.assign(x.begin(), x.end());
        state.ResumeTiming();
        call();
        benchmark::ClobberMemory();
        if (info != 0) state.SkipWithError("LAPACK failed");
      }
    });
  };
  program.time("forming M", form);
  lapack("dposv", [&] { dposv_("L", &size, &one, copy.data(), &size, out.data(), &size, &info); });
  lapack("dsyev", [&] { dsyev_("N", "L", &size, copy.data(), &size, w.data(), work.data(), &lwork, &info); });
  return program.run();
}
