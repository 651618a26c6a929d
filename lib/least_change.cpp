// natgrad: least_change.
#include "natgrad/least_change.hpp"

namespace natgrad {}  // namespace natgrad
