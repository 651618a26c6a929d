// natgrad: min_condition.
#include "natgrad/min_condition.hpp"

namespace natgrad {}  // namespace natgrad
