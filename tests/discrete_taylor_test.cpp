// natgrad: tests of discrete_taylor.
#include <gtest/gtest.h>

#include "natgrad/natgrad.hpp"
