#include "uniqueness_reference.hpp"
