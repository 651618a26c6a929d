// natgrad: textbook formulas of least_change in rationals and self-checking multiprecision.
#ifndef NATGRAD_TESTS_SUPPORT_LEAST_CHANGE_REFERENCE_HPP
#define NATGRAD_TESTS_SUPPORT_LEAST_CHANGE_REFERENCE_HPP

#include "reference.hpp"

namespace natgrad::test {}  // namespace natgrad::test

#endif
