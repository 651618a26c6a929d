// natgrad: laws of min_condition.
#include "support/min_condition_reference.hpp"
#include "support/laws.hpp"

namespace natgrad::test {

std::vector<Property> min_condition_properties() {
  return {};
}

}  // namespace natgrad::test
