// natgrad: RapidCheck generators of hostile input, built region by region, that shrink inside their region.
//
// RapidCheck's own doubles are an integer plus a fraction: never subnormal, huge or close to a midpoint.
// These draw integers only and build from them, so a seed gives the same values with every compiler.
#ifndef NATGRAD_TESTS_SUPPORT_GENERATORS_HPP
#define NATGRAD_TESTS_SUPPORT_GENERATORS_HPP

#include <rapidcheck.h>

#include <cstdint>
#include <iosfwd>
#include <span>
#include <vector>

#include "natgrad/scalars.hpp"

namespace natgrad::test {

/// A kind of pair (g, y). Every region is constructed; nothing is drawn and thrown away.
enum class Region {
  generic,          ///< elements of moderate size
  wide,             ///< every element of any exponent
  subnormal,        ///< one or both vectors subnormal
  near_overflow,    ///< exponents 1000 to 1023
  sparse,           ///< mostly +-0
  cancelling,       ///< products that cancel but for their last bits
  one_ulp_off,      ///< orthogonal but for one unit in the last place of one element
  near_orthogonal,  ///< orthogonal but for one coordinate of any size
  near_parallel,    ///< parallel but for one ulp, or for one coordinate of any size
  parallel,         ///< y = m g exactly
  midpoint,         ///< yy, a* and entries of M half way between doubles, or next to that
  orthogonal,       ///< p = 0 exactly
  zero              ///< g = 0, y = 0 or both
};
const char* name(Region region);

struct Pair {
  Region region = Region::generic;
  std::vector<double> g, y;
};
std::ostream& operator<<(std::ostream& stream, const Pair& pair);

/// Pairs of every region, any sign of p. D is from 1 to about `max_dimension`, growing with RapidCheck's
/// size.
rc::Gen<Pair> pairs(std::size_t max_dimension);
/// Pairs with p > 0, of every region that has some.
rc::Gen<Pair> effective_pairs(std::size_t max_dimension);
/// As effective_pairs, from the regions given.
rc::Gen<Pair> effective_pairs(std::size_t max_dimension, std::vector<Region> regions);

/// Finite doubles of every exponent, +-0 included; shrink to 1, 0.
rc::Gen<double> doubles();
/// Positive finite doubles of every exponent.
rc::Gen<double> positive_doubles();
/// Vectors of doubles(), moderate ones, sparse ones and unit vectors.
rc::Gen<std::vector<double>> vectors(std::size_t dimension);

/// The parameter of M(a): a*, the doubles around a*, powers of two and doubles of any exponent.
/// @pre p > 0
rc::Gen<Alpha> alphas(const Pair& pair);

/// Arguments for M(a) that are hard on it: vectors(), g, y, and rounded M^-1 e_i and M e_i, for which the
/// terms of M x and M^-1 x cancel.
rc::Gen<std::vector<double>> probes(const Pair& pair, Alpha a);

/// Uniform over [0, count).
rc::Gen<std::uint64_t> indices(std::uint64_t count);

/// Tags the case with its region, D = 1, and how close to 90 and 0 degrees it is (RC_TAG).
void classify(const Pair& pair);

/// The exponents e for which every 2^e x_i is a double, as [first, second].
std::pair<int, int> exact_shifts(std::span<const double> x);
std::vector<double> shifted(std::span<const double> x, int exponent);

}  // namespace natgrad::test

namespace natgrad {
/// For counterexamples.
void showValue(const Alpha& a, std::ostream& stream);
}  // namespace natgrad

#endif
