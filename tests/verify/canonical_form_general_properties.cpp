// natgrad: laws of canonical_form_general.
#include "support/canonical_form_general_reference.hpp"
#include "support/laws.hpp"

namespace natgrad::test {

std::vector<Property> canonical_form_general_properties() {
  return {};
}

}  // namespace natgrad::test
