// natgrad: what most tests include, compiled once; see lib/pch/library.hpp.
#include <gtest/gtest.h>

#include "references.hpp"
