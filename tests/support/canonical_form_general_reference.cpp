#include "canonical_form_general_reference.hpp"
