// natgrad: what most sources of the library include, compiled once. Only a saving of time: sources include what
// they use, and -Db_pch=false builds without.
#include <fmt/format.h>

#include <algorithm>
#include <armadillo>
#include <boost/multiprecision/gmp.hpp>
#include <cmath>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>
