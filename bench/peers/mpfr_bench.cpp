// natgrad: against MPFR. Argument: n.
#include <mpfr.h>

#include <deque>
#include <span>

#include "../bench.hpp"
#include "../data.hpp"
#include "natgrad/scalars.hpp"

namespace {

// As for Arb: exact sums of standard normal vectors, and scalars that are hardly ever rounded wrongly.
constexpr mpfr_prec_t sum_bits = 256;
constexpr mpfr_prec_t scalar_bits = 128;

class Number {
 public:
  explicit Number(mpfr_prec_t bits) { mpfr_init2(value_, bits); }
  ~Number() { mpfr_clear(value_); }
  Number(const Number&) = delete;
  Number& operator=(const Number&) = delete;
  operator mpfr_ptr() { return value_; }

 private:
  mpfr_t value_;
};

/// All scalars at a* from gg, p, yy. Temporaries are kept.
struct MpfrScalars {
  long rest;
  Number squares{scalar_bits}, cosine{scalar_bits}, sine{scalar_bits}, angle{scalar_bits}, alpha{scalar_bits},
      lambda_min{scalar_bits}, lambda_max{scalar_bits}, condition{scalar_bits}, root{scalar_bits},
      logarithm{scalar_bits}, trace{scalar_bits}, det{scalar_bits}, scratch{scalar_bits};

  void compute(mpfr_ptr gg, mpfr_ptr p, mpfr_ptr yy) {
    const mpfr_rnd_t nearest = MPFR_RNDN;
    mpfr_mul(squares, gg, yy, nearest);
    mpfr_sqrt(scratch, squares, nearest);
    mpfr_div(cosine, p, scratch, nearest);
    mpfr_sqr(sine, p, nearest);
    mpfr_sub(sine, squares, sine, nearest);
    mpfr_sqrt(sine, sine, nearest);
    mpfr_div(sine, sine, scratch, nearest);
    mpfr_acos(angle, cosine, nearest);
    mpfr_div(alpha, yy, p, nearest);
    mpfr_add_ui(scratch, sine, 1, nearest);
    mpfr_mul(lambda_max, alpha, scratch, nearest);
    mpfr_div(root, scratch, cosine, nearest);
    mpfr_sqr(condition, root, nearest);
    mpfr_div(lambda_min, lambda_max, condition, nearest);
    mpfr_log(logarithm, condition, nearest);
    mpfr_mul_si(trace, alpha, rest + 1, nearest);
    mpfr_log(det, alpha, nearest);
    mpfr_mul_si(det, det, rest, nearest);
    mpfr_div(scratch, p, gg, nearest);
    mpfr_log(scratch, scratch, nearest);
    mpfr_add(det, det, scratch, nearest);
  }
};

}  // namespace

int main(int argc, char** argv) {
  using namespace natgrad;
  bench::Program program(argc, argv);
  const std::size_t n = program.size(0, 10'000);
  const bench::Pair<double> pair = bench::descending_pair(n);
  const std::span<const double> g(pair.g), y(pair.y);
  benchmark::AddCustomContext("MPFR", mpfr_get_version());

  std::deque<Number> mpfr_g, mpfr_y;
  for (std::size_t i = 0; i < n; ++i) {
    mpfr_set_d(mpfr_g.emplace_back(53), g[i], MPFR_RNDN);
    mpfr_set_d(mpfr_y.emplace_back(53), y[i], MPFR_RNDN);
  }
  Number gg(sum_bits), p(sum_bits), yy(sum_bits);
  const auto triple = [&] {
    for (mpfr_ptr sum : {mpfr_ptr(gg), mpfr_ptr(p), mpfr_ptr(yy)}) mpfr_set_zero(sum, 1);
    for (std::size_t i = 0; i < n; ++i) {
      mpfr_fma(gg, mpfr_g[i], mpfr_g[i], gg, MPFR_RNDN);
      mpfr_fma(p, mpfr_y[i], mpfr_g[i], p, MPFR_RNDN);
      mpfr_fma(yy, mpfr_y[i], mpfr_y[i], yy, MPFR_RNDN);
    }
  };
  triple();
  const Gram gram = Gram::of(g, y);
  MpfrScalars mpfr_scalars{static_cast<long>(n) - 1};

  program.time("exact", [&] { return Gram::of(g, y); });
  program.time("MPFR triple", triple);
  program.time("scalars", [&] { return scalars(gram); });
  program.time("MPFR scalars", [&] { mpfr_scalars.compute(gg, p, yy); });
  return program.run();
}
