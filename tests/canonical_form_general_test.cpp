// natgrad: tests of canonical_form_general.
#include <gtest/gtest.h>

#include "natgrad/natgrad.hpp"
