// natgrad: laws of discrete_taylor.
#include "support/discrete_taylor_reference.hpp"
#include "support/laws.hpp"

namespace natgrad::test {

std::vector<Property> discrete_taylor_properties() {
  return {};
}

}  // namespace natgrad::test
