// natgrad: laws of uniqueness.
#include "support/uniqueness_reference.hpp"
#include "support/laws.hpp"

namespace natgrad::test {

std::vector<Property> uniqueness_properties() {
  return {};
}

}  // namespace natgrad::test
