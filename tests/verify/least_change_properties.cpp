// natgrad: laws of least_change.
#include "support/least_change_reference.hpp"
#include "support/laws.hpp"

namespace natgrad::test {

std::vector<Property> least_change_properties() {
  return {};
}

}  // namespace natgrad::test
