// natgrad: the library against the oracle, field by field and bit by bit.
#ifndef NATGRAD_TESTS_REFERENCE_LIBRARY_COMPARISON_HPP
#define NATGRAD_TESTS_REFERENCE_LIBRARY_COMPARISON_HPP

#include <optional>
#include <string>
#include <vector>

#include "hostile_pairs.hpp"
#include "oracle.hpp"

namespace natgrad::reference {

struct Mismatch {
  std::string field, got, expected;
};

/// Same bits (so -0 is not 0), or neither is there.
bool same(std::optional<double> a, std::optional<double> b);

/// "0x1.8p+1", "inf", "null".
std::string hex(std::optional<double> x);
/// The pair in hexadecimal floats, one line; of many dimensions only the first nonzero entries.
std::string describe(const HostilePair& pair);

/// What differs between two sets of fields.
std::vector<Mismatch> differences(const Fields& got, const Fields& expected);

/// What the library makes of a pair: natgrad::scalars(), natgrad::frobenius_norm().
Fields library_fields(const HostilePair& pair);
/// library_fields() against an expectation, and each function of scalars.hpp against natgrad::scalars().
std::vector<Mismatch> compare_library(const HostilePair& pair, const Fields& expected);

}  // namespace natgrad::reference

#endif
