// natgrad: tests of least_change.
#include <gtest/gtest.h>

#include "natgrad/natgrad.hpp"
