// natgrad: textbook formulas of canonical_form_general in rationals and self-checking multiprecision.
#ifndef NATGRAD_TESTS_SUPPORT_CANONICAL_FORM_GENERAL_REFERENCE_HPP
#define NATGRAD_TESTS_SUPPORT_CANONICAL_FORM_GENERAL_REFERENCE_HPP

#include "reference.hpp"

namespace natgrad::test {}  // namespace natgrad::test

#endif
