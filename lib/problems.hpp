// natgrad: elementary functions of doubles, correctly rounded, for the problems (private header).
#ifndef NATGRAD_LIB_PROBLEMS_HPP
#define NATGRAD_LIB_PROBLEMS_HPP

#include <mpfr.h>

namespace natgrad::detail {

/// While it lives, MPFR's exponent range is that of double; then the caller's range and flags are back.
class DoubleExponentRange {
 public:
  DoubleExponentRange() noexcept : emin_(mpfr_get_emin()), emax_(mpfr_get_emax()), flags_(mpfr_flags_save()) {
    mpfr_set_emin(-1073);  // MPFR's significands lie in [1/2, 1)
    mpfr_set_emax(1024);
  }
  ~DoubleExponentRange() {
    mpfr_set_emin(emin_);
    mpfr_set_emax(emax_);
    mpfr_flags_restore(flags_, MPFR_FLAGS_ALL);
  }
  DoubleExponentRange(const DoubleExponentRange&) = delete;
  DoubleExponentRange& operator=(const DoubleExponentRange&) = delete;

 private:
  mpfr_exp_t emin_, emax_;
  mpfr_flags_t flags_;
};

/// f(x) to the nearest double (ties to even), subnormals and overflow as IEEE rounds them.
/// Cost: one to a few microseconds.
inline double correctly_rounded(int (*f)(mpfr_ptr, mpfr_srcptr, mpfr_rnd_t), double x) {
  const DoubleExponentRange range;
  mpfr_t value;
  mpfr_init2(value, 53);
  mpfr_set_d(value, x, MPFR_RNDN);
  const int direction = f(value, value, MPFR_RNDN);
  mpfr_subnormalize(value, direction, MPFR_RNDN);
  const double result = mpfr_get_d(value, MPFR_RNDN);
  mpfr_clear(value);
  return result;
}

inline double exp(double x) {
  return correctly_rounded(mpfr_exp, x);
}
inline double log1p(double x) {
  return correctly_rounded(mpfr_log1p, x);
}
inline double tanh(double x) {
  return correctly_rounded(mpfr_tanh, x);
}

}  // namespace natgrad::detail

#endif
