// natgrad: the way into the fast paths: leading bits, the default floating-point environment, the CPU's
// table.
#include "fast.hpp"

#include <cfloat>

#include "float_scope.hpp"
#include "kernels/kernels.hpp"
#include "kernels/leading.hpp"

namespace natgrad::fast {
namespace {

using kernels::AlphaGiven;
using kernels::AlphaKind;
using kernels::ScalarTable;

const ScalarTable& table() {
#if defined(NATGRAD_X86_SCALARS)
  // AVX means that the operating system keeps its registers, too.
  static const bool fused = kernels::active() != "portable" && __builtin_cpu_supports("avx") != 0 &&
                            __builtin_cpu_supports("fma") != 0;
  if (fused) return kernels::scalars_fma;
#endif
  return kernels::scalars_portable;
}

/// The bounds count on doubles being rounded to 53 bits after each operation, as elsewhere than on x87.
bool usable() {
  static const bool result = FLT_EVAL_METHOD == 0 && kernels::active() != "exact";
  return result;
}

AlphaGiven given(const Alpha& a) {
  if (a.value()) return {AlphaKind::value, *a.value()};
  if (a.trace()) return {AlphaKind::trace, *a.trace()};
  return {AlphaKind::optimal, 0};
}

constexpr unsigned of_angle = bit(kernels::cosine) | bit(kernels::sine) | bit(kernels::angle);
constexpr unsigned without_products = bit(kernels::alpha) | bit(kernels::trace) | bit(kernels::log_det);

}  // namespace

Scalars::Scalars(const Gram& gram, const Alpha& a, unsigned wanted)
    : gram_(kernels::leading(gram, (wanted & ~without_products) != 0)) {
  decide(a, wanted);
}

void Scalars::decide(const Alpha& a, unsigned wanted) {
  if (!has_angle()) return;
  if (sign_of_p() <= 0) wanted &= of_angle;
  if (!usable() || wanted == 0) return;
  const DoubleScope scope;
  decided_ = table().scalars(gram_, given(a), wanted, values_);
}

int Scalars::sign_of_p() const {
  return kernels::sign_of(gram_.p);
}
bool Scalars::has_angle() const {
  return !kernels::is_zero(gram_.gg) && !kernels::is_zero(gram_.yy);
}
double Scalars::gg() const {
  return kernels::nearest(gram_.gg);
}
double Scalars::gy() const {
  return kernels::nearest(gram_.p);
}
double Scalars::yy() const {
  return kernels::nearest(gram_.yy);
}

Coefficients::Coefficients(const Gram& gram, const Alpha& a)
    : gram_(kernels::leading(gram, true)), alpha_(given(a)) {}

bool Coefficients::of(Operator which, const ExactSum& gx, const ExactSum& yx, Coefficient (&out)[3]) const {
  if (!usable()) return false;
  kernels::ProductsLeading x{kernels::leading(gx.words()), kernels::leading(yx.words()), {}, {}};
  if (which == Operator::root_apply || which == Operator::root_solve) {
    x.y_part = kernels::difference(gram_.gg, x.yx, gram_.p, x.gx);
    x.g_part = kernels::difference(gram_.yy, x.gx, gram_.p, x.yx);
  }
  const DoubleScope scope;
  return table().coefficients(gram_, alpha_, x, which, out);
}

}  // namespace natgrad::fast
