// natgrad: an exact oracle for the Gram of a pair of vectors and for every scalar of it.
//
// Written apart from the library, from the formulas alone: integers (Boost cpp_int) for what is exact,
// MPFR for the textbook formulas at P and 2P bits. A value is rounded only once an interval around it
// holds no rounding boundary; an algebraic value that stays next to one is compared with it in integers
// (both sides squared). Transcendental values that are rational (0) are found in integers first; all
// others differ from every boundary, so that raising P ends.
#ifndef NATGRAD_TESTS_REFERENCE_ORACLE_HPP
#define NATGRAD_TESTS_REFERENCE_ORACLE_HPP

#include <array>
#include <boost/multiprecision/cpp_int.hpp>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace natgrad::reference {

using boost::multiprecision::cpp_int;

/// The number m * 2^e.
struct Dyadic {
  cpp_int m = 0;
  std::int64_t e = 0;

  Dyadic() = default;
  Dyadic(cpp_int mantissa, std::int64_t exponent) : m(std::move(mantissa)), e(exponent) {}
  /// Exact. @pre x finite
  explicit Dyadic(double x);

  int sign() const { return m.sign(); }
  /// floor(log2 |x|). @pre not zero
  std::int64_t log2() const;
  /// The same number with m odd (or m = e = 0).
  Dyadic reduced() const;
};
Dyadic operator+(const Dyadic& a, const Dyadic& b);
Dyadic operator-(const Dyadic& a, const Dyadic& b);
Dyadic operator*(const Dyadic& a, const Dyadic& b);
Dyadic operator-(const Dyadic& a);
int compare(const Dyadic& a, const Dyadic& b);
/// a * 2^k.
Dyadic scaled(const Dyadic& a, std::int64_t k);

/// Nearest double, ties to even; +-inf from 2^1024 - 2^970 on, +-0 below 2^-1075 with the sign kept.
double nearest(const Dyadic& x);
/// Largest double <= x (-inf below the least double).
double rounded_down(const Dyadic& x);

/// gg, p, yy in units of 2^-2148, and D.
struct ExactGram {
  cpp_int gg = 0, gy = 0, yy = 0;
  std::uint64_t dimension = 0;

  friend bool operator==(const ExactGram&, const ExactGram&) = default;
};

/// x z as an integer in units of 2^-2148. @pre both finite
cpp_int product(double x, double z);
/// @pre g.size() == y.size(), all finite
ExactGram exact_gram(std::span<const double> g, std::span<const double> y);
/// Of the vectors g + g2 and y + y2 (as real numbers).
ExactGram exact_gram(std::span<const double> g, std::span<const double> g2, std::span<const double> y,
                     std::span<const double> y2);

enum class Field {
  cosine,
  sine,
  angle,
  alpha,
  lambda_min,
  lambda_max,
  condition,
  sqrt_condition,
  log_condition,
  trace,
  log_det,
  frobenius_norm
};
inline constexpr std::array<Field, 12> all_fields = {
    Field::cosine,        Field::sine,       Field::angle,     Field::alpha,
    Field::lambda_min,    Field::lambda_max, Field::condition, Field::sqrt_condition,
    Field::log_condition, Field::trace,      Field::log_det,   Field::frobenius_norm};
/// As in the JSON of `natgrad metric`: "cos", "lambda_min", ...
const char* name(Field field);
/// ln, acos of an algebraic number: never a rounding boundary, unless it is 0.
bool is_transcendental(Field field);

/// Where the exact value of an algebraic field lies.
enum class Placement {
  elsewhere,
  on_double,        ///< it is a double
  on_midpoint,      ///< it is halfway between two neighbouring doubles (or doubles and 2^1024)
  beside_midpoint,  ///< within 2^-60 ulp of such a midpoint, but not on it
};

/// The same of a dyadic number.
Placement placement(const Dyadic& x);

/// What a value is between: the nearest double and the doubles that enclose it.
struct Rounded {
  double nearest = 0;
  double down = 0, up = 0;  ///< equal iff the value is a double
};

/// Every scalar of one Gram and one alpha (nullopt: a* = yy/p).
class Oracle {
 public:
  /// @pre dimension >= 1, p^2 <= gg yy; alpha finite and > 0
  explicit Oracle(const ExactGram& gram, std::optional<double> alpha = std::nullopt);

  std::string verdict() const;  ///< "effective", "not_effective", "undetermined"
  std::string reason() const;   ///< "descent", "ascent", "orthogonal", "zero_update", ...
  double gg() const { return nearest(gg_); }
  double gy() const { return nearest(p_); }
  double yy() const { return nearest(yy_); }
  /// Correctly rounded; nullopt where it does not exist.
  std::optional<double> value(Field field) const;
  /// Correctly rounded in three directions; nullopt where it does not exist.
  std::optional<Rounded> rounded(Field field) const;
  /// @pre the field exists and is algebraic
  Placement placement(Field field) const;
  /// How near to a midpoint of doubles: -log2 of the distance in ulps, 1 to about 2 for most values;
  /// 0 if the value is 0 or infinite. @pre the field exists
  double hardness(Field field) const;
  /// The sign of (the exact value) - b. @pre the field exists and is algebraic
  int compare_with(Field field, const Dyadic& b) const;
  /// gg yy - p^2 and gg yy, exact.
  const Dyadic& sine_numerator() const { return n_; }
  const Dyadic& sine_denominator() const { return q_; }

 private:
  class Evaluator;
  bool exists(Field field) const;
  bool is_zero(Field field) const;
  bool is_log_det_zero() const;
  int compare_transcendental(Field field, const Dyadic& b) const;
  Dyadic approximate(Field field, long bits) const;

  Dyadic gg_, p_, yy_, n_, q_;
  std::optional<Dyadic> a_;
  std::optional<double> alpha_;
  std::uint64_t d_;
};

/// All of it at once, as `natgrad metric` reports it.
struct Fields {
  std::string verdict, reason;
  double gg = 0, gy = 0, yy = 0;
  std::array<std::optional<double>, all_fields.size()> values;  ///< by Field

  std::optional<double> operator[](Field field) const { return values[static_cast<std::size_t>(field)]; }
};
Fields fields(const Oracle& oracle);

}  // namespace natgrad::reference

#endif
