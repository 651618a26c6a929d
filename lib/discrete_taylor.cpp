// natgrad: discrete_taylor.
#include "natgrad/discrete_taylor.hpp"

namespace natgrad {}  // namespace natgrad
