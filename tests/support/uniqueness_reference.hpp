// natgrad: textbook formulas of uniqueness in rationals and self-checking multiprecision.
#ifndef NATGRAD_TESTS_SUPPORT_UNIQUENESS_REFERENCE_HPP
#define NATGRAD_TESTS_SUPPORT_UNIQUENESS_REFERENCE_HPP

#include "reference.hpp"

namespace natgrad::test {}  // namespace natgrad::test

#endif
