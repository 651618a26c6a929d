// natgrad: how a benchmark program is made.
#include "bench.hpp"

#include "natgrad/config.hpp"

#ifdef NATGRAD_BENCH_BLAS
#include <cblas.h>
#endif

namespace natgrad::bench {

Program::Program(int argc, char** argv) {
  omp_set_num_threads(1);
  benchmark::Initialize(&argc, argv);
  arguments_.assign(argv + 1, argv + argc);
  benchmark::AddCustomContext("natgrad", version());
#ifdef NATGRAD_BENCH_BLAS
  openblas_set_num_threads(1);
  benchmark::AddCustomContext("OpenBLAS", openblas_get_config());
#endif
}

std::string Program::argument(std::size_t i, const std::string& otherwise) const {
  return i < arguments_.size() ? arguments_[i] : otherwise;
}

std::size_t Program::size(std::size_t i, std::size_t otherwise) const {
  return i < arguments_.size() ? std::stoul(arguments_[i]) : otherwise;
}

int Program::run() {
  const bool ran = benchmark::RunSpecifiedBenchmarks() > 0;
  benchmark::Shutdown();
  return ran ? 0 : 1;
}

}  // namespace natgrad::bench
