// natgrad: worst cases kept as data: small vectors with every scalar in hexadecimal floats.
#ifndef NATGRAD_TESTS_REFERENCE_WORST_CASES_HPP
#define NATGRAD_TESTS_REFERENCE_WORST_CASES_HPP

#include <iosfwd>
#include <string>
#include <vector>

#include "hostile_pairs.hpp"
#include "oracle.hpp"

namespace natgrad::reference {

struct WorstCase {
  HostilePair pair;  ///< its tag is the name of the case, without commas
  Fields expected;
};

/// The collection: edge cases by hand, published ones, one of each region of hostile_pairs(), and the
/// hardest to round among some millions of random pairs. Takes about half a minute.
std::vector<WorstCase> find_worst_cases();

/// One line a case: name, g, y, alpha, verdict, reason, gg, gy, yy, the fields; vectors separated by
/// spaces, "null" for what does not exist. Lines that begin with # are comments.
void write_worst_cases(std::ostream& out, const std::vector<WorstCase>& cases);

/// @throws std::runtime_error naming the line
std::vector<WorstCase> read_worst_cases(std::istream& in);

}  // namespace natgrad::reference

#endif
