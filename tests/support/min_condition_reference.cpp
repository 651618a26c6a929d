#include "min_condition_reference.hpp"
