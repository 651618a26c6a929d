// natgrad: floating-point environments that a caller might leave behind.
#ifndef NATGRAD_TESTS_SUPPORT_ENVIRONMENT_HPP
#define NATGRAD_TESTS_SUPPORT_ENVIRONMENT_HPP

#include <array>
#include <cfenv>

#if defined(__SSE2__)
#include <xmmintrin.h>
#endif

namespace natgrad::test {

enum class Environment { standard, upward, downward, toward_zero, flush_to_zero };

/// All but the standard one. Flush-to-zero (with denormals-are-zero) does nothing where there is no SSE.
inline constexpr std::array environments = {Environment::upward, Environment::downward,
                                            Environment::toward_zero, Environment::flush_to_zero};

inline const char* name(Environment environment) {
  switch (environment) {
    case Environment::standard:
      return "rounding to nearest";
    case Environment::upward:
      return "rounding upward";
    case Environment::downward:
      return "rounding downward";
    case Environment::toward_zero:
      return "rounding toward zero";
    case Environment::flush_to_zero:
      return "flushing to zero";
  }
  return "?";
}

/// Sets an environment for a scope. Nothing but calls to the library belongs inside.
class EnvironmentScope {
 public:
  explicit EnvironmentScope(Environment environment) {
    std::fegetenv(&saved_);
    std::fesetenv(FE_DFL_ENV);
#if defined(__SSE2__)
    _mm_setcsr(environment == Environment::flush_to_zero ? 0x9fc0U : 0x1f80U);
#endif
    if (environment == Environment::upward) std::fesetround(FE_UPWARD);
    if (environment == Environment::downward) std::fesetround(FE_DOWNWARD);
    if (environment == Environment::toward_zero) std::fesetround(FE_TOWARDZERO);
  }
  ~EnvironmentScope() {
    std::fesetenv(&saved_);
#if defined(__SSE2__)
    _mm_setcsr(mxcsr_);
#endif
  }
  EnvironmentScope(const EnvironmentScope&) = delete;
  EnvironmentScope& operator=(const EnvironmentScope&) = delete;

 private:
#if defined(__SSE2__)
  unsigned mxcsr_ = _mm_getcsr();
#endif
  std::fenv_t saved_;
};

}  // namespace natgrad::test

#endif
