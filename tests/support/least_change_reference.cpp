#include "least_change_reference.hpp"
