// natgrad: least_change.
#ifndef NATGRAD_LEAST_CHANGE_HPP
#define NATGRAD_LEAST_CHANGE_HPP

#include "natgrad/scalars.hpp"

namespace natgrad {}  // namespace natgrad

#endif
