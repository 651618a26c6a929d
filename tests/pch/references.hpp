// natgrad: what most references include, compiled once; see lib/pch/library.hpp.
#include <algorithm>
#include <armadillo>
#include <boost/multiprecision/gmp.hpp>
#include <boost/multiprecision/mpfr.hpp>
#include <cmath>
#include <functional>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <vector>
