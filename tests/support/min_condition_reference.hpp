// natgrad: textbook formulas of min_condition in rationals and self-checking multiprecision.
#ifndef NATGRAD_TESTS_SUPPORT_MIN_CONDITION_REFERENCE_HPP
#define NATGRAD_TESTS_SUPPORT_MIN_CONDITION_REFERENCE_HPP

#include "reference.hpp"

namespace natgrad::test {}  // namespace natgrad::test

#endif
