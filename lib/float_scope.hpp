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

/// The same where the only arithmetic is on floats and doubles and nothing else is called: on x86-64 that is
/// all SSE, whose state is a register of its own. Writing it is a hundred times cheaper than fesetenv, and
/// mostly not even needed: in the default environment only new flags make a difference. (BLAS is no such
/// code: some of it uses x87.) Compilers may move arithmetic across the ends of a scope: keep it in functions
/// of other files, or behind pointers.
#if defined(__x86_64__)
class DoubleScope {
 public:
  DoubleScope() noexcept {
    if ((saved_ & ~flags) != (normal & ~flags)) _mm_setcsr(normal);
  }
  ~DoubleScope() {
    if (_mm_getcsr() != saved_) _mm_setcsr(saved_);
  }
  DoubleScope(const DoubleScope&) = delete;
  DoubleScope& operator=(const DoubleScope&) = delete;

 private:
  static constexpr unsigned normal = 0x1f80, flags = 0x3f;
  unsigned saved_ = _mm_getcsr();
};
#else
using DoubleScope = FloatScope;
#endif

}  // namespace natgrad

#endif
