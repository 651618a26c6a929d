#include "discrete_taylor_reference.hpp"
