#include "dense.hpp"
