// natgrad: min_condition.
#ifndef NATGRAD_MIN_CONDITION_HPP
#define NATGRAD_MIN_CONDITION_HPP

#include "natgrad/scalars.hpp"

namespace natgrad {}  // namespace natgrad

#endif
