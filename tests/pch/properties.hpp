// natgrad: what most properties include, compiled once; see lib/pch/library.hpp.
#include <rapidcheck.h>

#include "references.hpp"
