// natgrad: verified metrics of learning rules.
// Compile-time conditions that every translation unit must meet, and the version.
#ifndef NATGRAD_CONFIG_HPP
#define NATGRAD_CONFIG_HPP

#if defined(__FAST_MATH__)
#error "natgrad: -ffast-math breaks exactness tests and NaN detection; compile without it"
#endif

#if defined(__GNUC__)
#define NATGRAD_API __attribute__((visibility("default")))
#else
#define NATGRAD_API
#endif

#define NATGRAD_VERSION "0.1.0"

namespace natgrad {

/// Version of the library that is linked, e.g. "0.1.0". Never null.
NATGRAD_API const char* version() noexcept;

}  // namespace natgrad

#endif
