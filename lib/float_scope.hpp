// natgrad: the default floating-point environment for as long as an object lives. Private to the library.
#ifndef NATGRAD_LIB_FLOAT_SCOPE_HPP
#define NATGRAD_LIB_FLOAT_SCOPE_HPP

#include <cfenv>

#if defined(__SSE2__)
#include <xmmintrin.h>
#endif

namespace natgrad {

/// Round to nearest, subnormals kept, no traps; the caller's environment, flags included, is back on leaving.
class FloatScope {
 public:
  FloatScope() noexcept {
    std::fegetenv(&saved_);
    std::fesetenv(FE_DFL_ENV);
#if defined(__SSE2__)
    _mm_setcsr(0x1f80);  // not every C library clears flush-to-zero and denormals-are-zero
#endif
  }
  ~FloatScope() {
    std::fesetenv(&saved_);
#if defined(__SSE2__)
    _mm_setcsr(mxcsr_);
#endif
  }
  FloatScope(const FloatScope&) = delete;
  FloatScope& operator=(const FloatScope&) = delete;

 private:
#if defined(__SSE2__)
  unsigned mxcsr_ = _mm_getcsr();
#endif
  std::fenv_t saved_;
};

}  // namespace natgrad

#endif
