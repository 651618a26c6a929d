// natgrad: from the bytes of a fuzzer to hostile input, region by region, and what to do about a wrong
// answer.
//
// A target is one file, fuzz/<row>_fuzz.cpp:
//
//   #include "input.hpp"
//   #include "target.hpp"      // subject(), canaries()
//
//   extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
//     Input input(data, size);
//     const auto choice = input.below(3);              // first: which function to try
//     const Pair pair = effective_pair(input, 6);      // then the pair, then the rest
//     require_same(subject().<row>.f(...), reference(...), "f");
//     return 0;
//   }
//
// Every byte sequence decodes to valid input: what is missing reads as 0, which gives the simplest values.
// Nothing is drawn and thrown away. Choices come first and take one byte each, so that a fuzzer changes one
// thing at a time. The decoder shares nothing with the library.
#ifndef NATGRAD_FUZZ_INPUT_HPP
#define NATGRAD_FUZZ_INPUT_HPP

#include <armadillo>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "natgrad/scalars.hpp"

namespace natgrad::fuzz {

/// A kind of pair (g, y), the same kinds as those of the property suites.
enum class Region {
  generic,          ///< elements of moderate size
  wide,             ///< every element of any exponent
  subnormal,        ///< one or both vectors subnormal
  near_overflow,    ///< exponents 1000 to 1023
  sparse,           ///< mostly +-0
  cancelling,       ///< products that cancel but for their last bits
  one_ulp_off,      ///< orthogonal but for one unit in the last place of one element
  near_orthogonal,  ///< orthogonal but for one coordinate of any size
  near_parallel,    ///< parallel but for a few ulps, or for one coordinate of any size
  parallel,         ///< y = m g exactly
  midpoint,         ///< yy, a* and entries of M half way between doubles, or next to that
  orthogonal,       ///< p = 0 exactly; not among the effective ones
  zero              ///< g = 0, y = 0 or both; not among the effective ones
};
inline constexpr std::size_t region_count = 13;
inline constexpr std::size_t effective_region_count = 11;
const char* name(Region region);

/// The bytes of one case, read from the front. Records what was decoded, for mismatch().
class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size);
  ~Input();
  Input(const Input&) = delete;
  Input& operator=(const Input&) = delete;

  /// The next byte; 0 when there is none.
  std::uint8_t byte();
  /// The next eight bytes, little-endian.
  std::uint64_t word();
  /// 0 .. count-1, from as few bytes as needed; 0 from bytes that are 0. @pre count >= 1
  std::uint64_t below(std::uint64_t count);
  /// lo .. hi, both included; from bytes that are 0: the one closest to 0. @pre lo <= hi
  int between(int lo, int hi);
  /// True once in `count` byte values, not for 0.
  bool one_in(std::uint64_t count) { return below(count) + 1 == count; }
  /// Any finite double: +-0, powers of two, subnormal, huge, full and short mantissas, any bits. Simplest: 0.
  double number();
  /// +-m 2^e != 0 with 1 <= m < 2 and lo <= e <= hi; m is 1, short, next to a power of two, or full. Below
  /// e = -1022 m is cut to what is a double. Simplest: 1, or the exponent closest to it.
  /// @pre -1074 <= lo <= hi <= 1023
  double number(int lo, int hi);
  /// Bytes that are left.
  std::size_t remaining() const { return data_.size(); }
  /// Takes up to `count` bytes as they are.
  std::vector<std::byte> bytes(std::size_t count);

  /// Adds to what mismatch() prints. The functions below note what they decode.
  void note(std::string_view label, std::span<const double> values);
  void note(std::string_view label, double value) { note(label, std::span(&value, 1)); }
  void note_text(std::string_view label, std::string_view text);
  void note_matrix(std::string_view label, const arma::mat& values);

 private:
  friend void print_input();
  struct Note {
    std::string label, text;
    std::vector<double> values;
    std::size_t columns = 0;  // of a matrix
  };

  std::span<const std::uint8_t> data_;
  std::vector<Note> notes_;
};

// ------------------------------------------------------------------------- pairs and parameters

struct Pair {
  Region region = Region::generic;
  std::vector<double> g, y;
};

/// A pair of any region and any sign of p, 1 <= D <= max_dimension. A region that needs more dimensions than
/// there are falls back on a simpler one of its kind, generic in the end. @pre max_dimension >= 1
Pair pair(Input& input, std::size_t max_dimension);
/// A pair with p > 0 exactly, of every region that has some: what has p < 0 is turned round, what has p = 0
/// is moved by one ulp of one element.
Pair effective_pair(Input& input, std::size_t max_dimension);

/// A positive double: powers of two, any exponent, the least and the greatest. Simplest: 1.
double positive(Input& input);
/// a* (as often as not), the doubles around a*, p/gg and sqrt(yy/gg), or positive(). @pre p > 0
Alpha alpha(Input& input, const Pair& pair);
/// D finite doubles: moderate, of any exponent, sparse, or a unit vector.
std::vector<double> vector(Input& input, std::size_t dimension);
/// An argument for M(a) that is hard on it: vector(), g, y, g but for one ulp, and rounded M^-1 e_i and M
/// e_i, for which the terms of M x and M^-1 x cancel. @pre p > 0
std::vector<double> probe(Input& input, const Pair& pair, Alpha a);

// ------------------------------------------------------------------------- matrices

/// Entries of moderate size, of any exponent, or sparse.
arma::mat matrix(Input& input, std::size_t rows, std::size_t columns);
/// A nonsingular n x n matrix, exactly: products of triangular matrices of small integers, rows and columns
/// scaled by powers of two, rows exchanged; every entry is exact. Well or badly conditioned.
arma::mat nonsingular(Input& input, std::size_t n);
/// A symmetric positive definite n x n matrix, exactly: L E L^T with L unit lower triangular of small
/// integers, E of powers of two, scaled on both sides by powers of two; every entry is exact. Condition
/// numbers from 1 (the simplest: the identity) to far beyond 2^53.
arma::mat spd(Input& input, std::size_t n);
/// A basis of the orthogonal complement of x: D x (D - 1), independent columns, each exactly orthogonal to x,
/// of sizes that differ by powers of two. @pre x != 0
arma::mat complement(Input& input, std::span<const double> x);

// ------------------------------------------------------------------------- wrong answers

/// Prints the text and the decoded input in hexadecimal floats, and aborts (a fuzzer then keeps the input).
[[noreturn]] void mismatch(std::string_view text);
/// mismatch(text) unless `holds`.
inline void require(bool holds, const char* text) {
  if (!holds) mismatch(text);
}

/// The same value (0 and -0 are the same; a NaN is never right).
void require_same(double actual, double expected, std::string_view what);
void require_same(std::optional<double> actual, std::optional<double> expected, std::string_view what);
/// The same, element by element.
template <class Actual, class Expected>
void require_same_elements(const Actual& actual, const Expected& expected, std::string_view what) {
  require(actual.size() == expected.size(), "the length is wrong");
  for (std::size_t i = 0; i < expected.size(); ++i) {
    require_same(actual[i], expected[i], std::string(what) + "[" + std::to_string(i) + "]");
  }
}

/// Tries that a call throws E and nothing else.
template <class E, class Call>
void require_throws(Call call, const char* text) {
  bool thrown = false;
  try {
    call();
  } catch (const E&) {
    thrown = true;
  }
  require(thrown, text);
}

// ------------------------------------------------------------------------- for replay.cpp

/// From now on mismatch() ends the process with this status, without printing, in place of abort().
void set_mismatch_status(int status);
/// How many pairs of each region have been decoded so far.
std::span<const std::size_t> regions_met();

}  // namespace natgrad::fuzz

#endif
