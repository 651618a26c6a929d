// natgrad: the exact Gram against plain floating point. Arguments: double|float, kind of data (data.hpp), n.
#include <cstdlib>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "baseline.hpp"
#include "bench.hpp"
#include "data.hpp"
#include "natgrad/gram.hpp"
#include "operations.hpp"

#ifdef NATGRAD_BENCH_BLAS
#include <cblas.h>
#endif

namespace natgrad::bench {
namespace {

template <class T>
Gram exact(const Pair<T>& pair) {
  return Gram::of(std::span<const T>(pair.g), std::span<const T>(pair.y));
}

template <class T>
int run(Program& program) {
  const std::string kind = program.argument(1, "normal");
  const std::size_t n = program.size(2, 1'000'000);
  const Pair<T> pair = make_pair<T>(kind, n);
  const T *g = pair.g.data(), *y = pair.y.data();

  program.time("exact", [&] { return exact(pair); });
  program.time("naive", [=] { return naive_triple(g, y, n); });
  program.time("read", [=] { return read(g, y, n); });
  if (kind == "normal" && n >= 1'000'000)
    program.time(
        "exact on 2 threads", [&] { return exact(pair); }, 2);
  if constexpr (std::is_same_v<T, double>) {
    const char* const forced = std::getenv("NATGRAD_KERNEL");
    const std::string kernel = forced == nullptr ? "" : forced;
    if (kernel_operations(kernel, 0))
      program.time("operations", [=] { return kernel_operations(kernel, n); });
  }
#ifdef NATGRAD_BENCH_BLAS
  if constexpr (std::is_same_v<T, double>) {
    const auto length = static_cast<blasint>(n);
    program.time("3 ddot", [=] {
      return Triple{cblas_ddot(length, g, 1, g, 1), cblas_ddot(length, y, 1, g, 1),
                    cblas_ddot(length, y, 1, y, 1)};
    });
  }
#endif
  // The angle must not matter: the same on a pair that is not nearly orthogonal.
  std::optional<Pair<T>> normal;
  if (kind.starts_with("cos")) {
    normal = make_pair<T>("normal", n);
    program.time("exact on a normal pair", [&] { return exact(*normal); });
  }
  return program.run();
}

}  // namespace
}  // namespace natgrad::bench

int main(int argc, char** argv) {
  natgrad::bench::Program program(argc, argv);
  return program.argument(0, "double") == "float" ? natgrad::bench::run<float>(program)
                                                  : natgrad::bench::run<double>(program);
}
