// natgrad: uniqueness.
#include "natgrad/uniqueness.hpp"

namespace natgrad {}  // namespace natgrad
