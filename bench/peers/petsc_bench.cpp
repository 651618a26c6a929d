// natgrad: against PETSc's limited-memory BFGS matrix with one pair and a scalar initial matrix, which is
// M(a*) in floating point. Argument: n.
#include <petscksp.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <span>

#include "../bench.hpp"
#include "../data.hpp"
#include "natgrad/canonical_form.hpp"

namespace {

void must(PetscErrorCode error) {
  if (error) PETSCABORT(PETSC_COMM_SELF, error);
}

Vec wrap(const double* data, std::size_t n) {
  Vec out = nullptr;
  must(VecCreateSeqWithArray(PETSC_COMM_SELF, 1, static_cast<PetscInt>(n), data, &out));
  return out;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace natgrad;
  bench::Program program(argc, argv);
  const std::size_t n = program.size(0, 1'000'000);
  const bench::Pair<double> pair = bench::descending_pair(n);
  const bench::Vector<double> numbers = bench::normal_vector(n, 2);
  const std::span<const double> g(pair.g), y(pair.y), x(numbers);
  bench::Vector<double> out(n);

  // Neither program's arguments nor options of the environment: the matrix is as it is said here.
  must(PetscInitializeNoArguments());
  char version[256];
  must(PetscGetVersion(version, sizeof version));
  benchmark::AddCustomContext("PETSc", version);

  const auto metric = MetricView::make(g, y);
  program.time("update", [&] { return MetricView::make(g, y, Gram::of(g, y)); });
  program.time("apply", [&] { metric->apply(x, out); });
  program.time("solve", [&] { metric->solve(x, out); });

  // PETSc wants points and gradients. From (0, 0) to (g, y) and back: the pairs are (g, y) and (-g, -y).
  Vec from_x = nullptr, from_f = nullptr, to_x = wrap(g.data(), n), to_f = wrap(y.data(), n);
  must(VecDuplicate(to_x, &from_x));
  must(VecDuplicate(to_f, &from_f));
  must(VecSet(from_x, 0));
  must(VecSet(from_f, 0));
  Vec in = wrap(x.data(), n), result = wrap(out.data(), n);
  const auto make = [&] {
    const auto length = static_cast<PetscInt>(n);
    Mat b = nullptr;
    must(MatCreateLMVMBFGS(PETSC_COMM_SELF, length, length, &b));
    must(MatLMVMSetHistorySize(b, 1));
    must(MatLMVMSymBroydenSetScaleType(b, MAT_LMVM_SYMBROYDEN_SCALE_SCALAR));
    must(MatSetUp(b));
    must(MatLMVMUpdate(b, from_x, from_f));
    must(MatLMVMUpdate(b, to_x, to_f));
    return b;
  };
  Mat updated = make(), b = make();
  // What it prepares at the first product after an update is not counted.
  must(MatMult(b, in, result));
  must(MatSolve(b, in, result));
  must(MatMult(b, in, result));
  bench::Vector<double> expected(n);
  metric->apply(x, expected);
  double difference = 0, size = 0;
  for (std::size_t i = 0; i < n; ++i) {
    difference = std::max(difference, std::abs(out[i] - expected[i]));
    size = std::max(size, std::abs(expected[i]));
  }
  if (!(difference <= 1e-10 * size)) {
    std::fprintf(stderr, "PETSc's matrix is not M(a*): the products differ by %g of %g\n", difference, size);
    return 1;
  }

  bool back = true;
  program.time("PETSc update", [&] {
    must(back ? MatLMVMUpdate(updated, from_x, from_f) : MatLMVMUpdate(updated, to_x, to_f));
    back = !back;
  });
  program.time("PETSc MatMult", [&] { must(MatMult(b, in, result)); });
  program.time("PETSc MatSolve", [&] { must(MatSolve(b, in, result)); });
  const int code = program.run();

  for (Mat* m : {&updated, &b}) must(MatDestroy(m));
  for (Vec* v : {&from_x, &from_f, &to_x, &to_f, &in, &result}) must(VecDestroy(v));
  must(PetscFinalize());
  return code;
}
