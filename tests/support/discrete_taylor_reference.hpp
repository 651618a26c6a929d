// natgrad: textbook formulas of discrete_taylor in rationals and self-checking multiprecision.
#ifndef NATGRAD_TESTS_SUPPORT_DISCRETE_TAYLOR_REFERENCE_HPP
#define NATGRAD_TESTS_SUPPORT_DISCRETE_TAYLOR_REFERENCE_HPP

#include "reference.hpp"

namespace natgrad::test {}  // namespace natgrad::test

#endif
