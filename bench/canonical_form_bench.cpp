// natgrad: the metric as an operator against plain floating point. Arguments: apply|solve|root_apply, n.
#include <cstdio>
#include <span>

#include "baseline.hpp"
#include "bench.hpp"
#include "data.hpp"
#include "natgrad/canonical_form.hpp"

#ifdef NATGRAD_BENCH_BLAS
#include <cblas.h>
#endif

int main(int argc, char** argv) {
  using namespace natgrad;
  bench::Program program(argc, argv);
  const std::string operation = program.argument(0, "apply");
  const std::size_t n = program.size(1, 1'000'000);
  const bench::Pair<double> pair = bench::descending_pair(n);
  const bench::Vector<double> x = bench::normal_vector(n, 2);
  bench::Vector<double> out(n);
  const std::span<const double> g(pair.g), y(pair.y);

  const Gram gram = Gram::of(g, y);
  const auto metric = MetricView::make(g, y, gram);
  const double gg = gram.gg().to_double(), p = gram.gy().to_double(), yy = gram.yy().to_double();
  const bench::PlainMetric plain{g.data(), y.data(), n, gg, p, yy, yy / p};

  if (operation == "apply") {
    program.time("exact", [&] { metric->apply(x, out); });
    program.time("plain", [&] { plain_apply(plain, x.data(), out.data()); });
    program.time("plain elements", [&] { plain_elements(plain, x.data(), 1.5, 0.5, -0.5, out.data()); });
#ifdef NATGRAD_BENCH_BLAS
    program.time("BLAS", [&] {
      const auto length = static_cast<blasint>(n);
      const double yx = cblas_ddot(length, y.data(), 1, x.data(), 1);
      const double gx = cblas_ddot(length, g.data(), 1, x.data(), 1);
      cblas_dcopy(length, x.data(), 1, out.data(), 1);
      cblas_dscal(length, plain.a, out.data(), 1);
      cblas_daxpy(length, yx / p, y.data(), 1, out.data(), 1);
      cblas_daxpy(length, -plain.a * gx / gg, g.data(), 1, out.data(), 1);
    });
#endif
  } else if (operation == "solve") {
    program.time("exact", [&] { metric->solve(x, out); });
    program.time("plain", [&] { plain_solve(plain, x.data(), out.data()); });
  } else if (operation == "root_apply") {
    // A root in floating point is another combination of the same three vectors: it takes as long as plain
    // apply.
    program.time("exact", [&] { metric->root_apply(x, out); });
    program.time("plain", [&] { plain_apply(plain, x.data(), out.data()); });
  } else {
    std::fprintf(stderr, "no such operation: %s\n", operation.c_str());
    return 2;
  }
  return program.run();
}
