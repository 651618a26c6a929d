// natgrad: a seeded generator of hostile pairs (g, y), each of them exactly what its tag says.
#ifndef NATGRAD_TESTS_REFERENCE_HOSTILE_PAIRS_HPP
#define NATGRAD_TESTS_REFERENCE_HOSTILE_PAIRS_HPP

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace natgrad::reference {

/// splitmix64 (Steele, Lea and Flood 2014), and the draws that the generator is made of.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next();
  /// 0 .. n-1 (its bias is of no interest here). @pre n > 0
  std::uint64_t below(std::uint64_t n) { return next() % n; }
  /// lo .. hi, both included.
  int between(int lo, int hi) {
    return lo + static_cast<int>(below(static_cast<std::uint64_t>(static_cast<std::int64_t>(hi) - lo + 1)));
  }
  /// True once in n.
  bool once_in(std::uint64_t n) { return below(n) == 0; }
  double sign() { return once_in(2) ? -1.0 : 1.0; }
  /// In [0, 1).
  double uniform();
  /// +-m * 2^e with 1 <= m < 2, mostly of 53 random bits, sometimes of a few; lo <= e <= hi. Exponents
  /// below -1022 give subnormals; never 0. @pre -1074 <= lo <= hi <= 1023
  double number(int lo, int hi);

 private:
  std::uint64_t state_;
};

/// Two vectors of the same length, perhaps a parameter of M(a), and what is special about them.
struct HostilePair {
  std::vector<double> g, y;
  std::optional<double> alpha;
  std::string tag;
};

/// The i-th pair of a seed: it depends on nothing but the three arguments. The regions take turns, so that
/// any few hundred pairs in a row hold every region; mostly small dimensions, now and then (once in 401)
/// one near the largest. Regions that need more dimensions than allowed are passed over.
/// @pre max_dimension >= 1
HostilePair hostile_pair(std::uint64_t seed, std::uint64_t index, std::size_t max_dimension);

/// hostile_pair(seed, 0 .. count-1, max_dimension).
std::vector<HostilePair> hostile_pairs(std::uint64_t seed, std::size_t count, std::size_t max_dimension);

/// All tags.
std::vector<std::string> hostile_tags();

/// Whether a pair is what its tag says, decided by the oracle's exact arithmetic.
bool tag_holds(const HostilePair& pair);

}  // namespace natgrad::reference

#endif
