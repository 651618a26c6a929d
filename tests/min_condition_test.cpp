// natgrad: tests of min_condition.
#include <gtest/gtest.h>

#include "natgrad/natgrad.hpp"
