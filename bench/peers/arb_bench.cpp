// natgrad: against Arb, ball arithmetic of any precision. Argument: n.
#include <arb.h>

#include <span>

#include "../bench.hpp"
#include "../data.hpp"
#include "natgrad/scalars.hpp"

namespace {

// Enough for standard normal vectors: the sums are exact.
constexpr slong sum_bits = 256;
// Enough for a double to be rounded correctly, but for cases too rare to be met.
constexpr slong scalar_bits = 128;

/// All scalars at a* from gg, p, yy. Temporaries are kept.
class ArbScalars {
 public:
  explicit ArbScalars(slong dimension) : rest_(dimension - 1) {
    for (arb_struct& v : values_) arb_init(&v);
  }
  ~ArbScalars() {
    for (arb_struct& v : values_) arb_clear(&v);
  }
  ArbScalars(const ArbScalars&) = delete;
  ArbScalars& operator=(const ArbScalars&) = delete;

  void compute(const arb_t gg, const arb_t p, const arb_t yy) {
    const slong bits = scalar_bits;
    auto& [squares, cosine, sine, angle, alpha, lambda_min, lambda_max, condition, root, logarithm, trace,
           det, scratch] = values_;
    arb_mul(&squares, gg, yy, bits);
    arb_rsqrt(&scratch, &squares, bits);
    arb_mul(&cosine, p, &scratch, bits);
    arb_mul(&sine, p, p, bits);
    arb_sub(&sine, &squares, &sine, bits);
    arb_sqrt(&sine, &sine, bits);
    arb_mul(&sine, &sine, &scratch, bits);
    arb_acos(&angle, &cosine, bits);
    arb_div(&alpha, yy, p, bits);
    arb_add_ui(&scratch, &sine, 1, bits);
    arb_mul(&lambda_max, &alpha, &scratch, bits);
    arb_div(&root, &scratch, &cosine, bits);
    arb_mul(&condition, &root, &root, bits);
    arb_div(&lambda_min, &lambda_max, &condition, bits);
    arb_log(&logarithm, &condition, bits);
    arb_mul_si(&trace, &alpha, rest_ + 1, bits);
    arb_log(&det, &alpha, bits);
    arb_mul_si(&det, &det, rest_, bits);
    arb_div(&scratch, p, gg, bits);
    arb_log(&scratch, &scratch, bits);
    arb_add(&det, &det, &scratch, bits);
  }

 private:
  slong rest_;
  arb_struct values_[13];
};

}  // namespace

int main(int argc, char** argv) {
  using namespace natgrad;
  bench::Program program(argc, argv);
  const std::size_t n = program.size(0, 10'000);
  const bench::Pair<double> pair = bench::descending_pair(n);
  const std::span<const double> g(pair.g), y(pair.y);
  const auto length = static_cast<slong>(n);
  benchmark::AddCustomContext("Arb", arb_version);

  arb_ptr arb_g = _arb_vec_init(length), arb_y = _arb_vec_init(length), sums = _arb_vec_init(3);
  for (std::size_t i = 0; i < n; ++i) {
    arb_set_d(arb_g + i, g[i]);
    arb_set_d(arb_y + i, y[i]);
  }
  const Gram gram = Gram::of(g, y);
  ArbScalars arb_scalars(length);

  program.time("exact", [&] { return Gram::of(g, y); });
  program.time("Arb triple", [&] {
    arb_dot(sums, nullptr, 0, arb_g, 1, arb_g, 1, length, sum_bits);
    arb_dot(sums + 1, nullptr, 0, arb_y, 1, arb_g, 1, length, sum_bits);
    arb_dot(sums + 2, nullptr, 0, arb_y, 1, arb_y, 1, length, sum_bits);
  });
  arb_dot(sums, nullptr, 0, arb_g, 1, arb_g, 1, length, sum_bits);
  arb_dot(sums + 1, nullptr, 0, arb_y, 1, arb_g, 1, length, sum_bits);
  arb_dot(sums + 2, nullptr, 0, arb_y, 1, arb_y, 1, length, sum_bits);
  program.time("scalars", [&] { return scalars(gram); });
  program.time("Arb scalars", [&] { arb_scalars.compute(sums, sums + 1, sums + 2); });
  const int code = program.run();

  _arb_vec_clear(arb_g, length);
  _arb_vec_clear(arb_y, length);
  _arb_vec_clear(sums, 3);
  flint_cleanup();
  return code;
}
