// natgrad: the default floating-point environment for as long as an object lives. Private to the library.
#ifndef NATGRAD_LIB_FLOAT_SCOPE_HPP
#define NATGRAD_LIB_FLOAT_SCOPE_HPP

#if defined(__x86_64__)
#include <xmmintrin.h>
#else
#include <cfenv>
#endif

namespace natgrad {

/// Round to nearest, subnormals kept, no traps; the caller's environment, flags included, is back on leaving.
/// Compilers may move arithmetic across its ends: keep it in functions of other files, or behind pointers.
class FloatScope {
 public:
#if defined(__x86_64__)
  // All arithmetic on doubles is SSE's, which has a register of its own. Writing it is a hundred times
  // cheaper than fesetenv, and mostly not even needed: in the default environment only new flags make a
  // difference.
  FloatScope() noexcept {
    if ((saved_ & ~flags) != (normal & ~flags)) _mm_setcsr(normal);
  }
  ~FloatScope() {
    if (_mm_getcsr() != saved_) _mm_setcsr(saved_);
  }
#else
  FloatScope() noexcept {
    std::fegetenv(&saved_);
    std::fesetenv(FE_DFL_ENV);
  }
  ~FloatScope() {
    std::fesetenv(&saved_);
  }
#endif
  FloatScope(const FloatScope&) = delete;
  FloatScope& operator=(const FloatScope&) = delete;

 private:
#if defined(__x86_64__)
  static constexpr unsigned normal = 0x1f80, flags = 0x3f;
  unsigned saved_ = _mm_getcsr();
#else
  std::fenv_t saved_;
#endif
};

}  // namespace natgrad

#endif
