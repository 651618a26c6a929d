// natgrad: tests of uniqueness.
#include <gtest/gtest.h>

#include "natgrad/natgrad.hpp"
