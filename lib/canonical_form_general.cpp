// natgrad: general metrics of the canonical form.
#include "natgrad/canonical_form.hpp"

namespace natgrad {}  // namespace natgrad
