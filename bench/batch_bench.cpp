// natgrad: the exact Grams of many small pairs. Arguments: n, number of pairs.
#include <cstdint>
#include <span>
#include <vector>

#include "baseline.hpp"
#include "bench.hpp"
#include "data.hpp"
#include "natgrad/gram.hpp"

int main(int argc, char** argv) {
  using namespace natgrad;
  bench::Program program(argc, argv);
  const std::size_t n = program.size(0, 100), pairs = program.size(1, 10'000);
  const bench::Pair<double> data = bench::make_pair<double>("normal", n * pairs);
  const std::span<const double> g(data.g), y(data.y);
  std::vector<Gram> grams(pairs);
  std::vector<bench::Triple> triples(pairs);

  const std::vector<std::uint64_t> sizes(pairs, n);
  program.time("exact", [&] { Gram::of_groups(g, y, sizes, grams); });
  program.time("naive", [&] {
    for (std::size_t i = 0; i < pairs; ++i) triples[i] = bench::naive_triple(&g[i * n], &y[i * n], n);
  });
  return program.run();
}
