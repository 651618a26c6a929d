// natgrad: discrete_taylor.
#ifndef NATGRAD_DISCRETE_TAYLOR_HPP
#define NATGRAD_DISCRETE_TAYLOR_HPP

#include "natgrad/scalars.hpp"

namespace natgrad {}  // namespace natgrad

#endif
