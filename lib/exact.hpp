// natgrad: exact dyadic numbers, correct rounding of algebraic expressions in them, and enclosures of
// transcendental ones. Private to the library.
#ifndef NATGRAD_LIB_EXACT_HPP
#define NATGRAD_LIB_EXACT_HPP

#include <mpfi.h>
#include <mpfr.h>

#include <boost/multiprecision/gmp.hpp>
#include <cstdint>
#include <utility>

#include "natgrad/gram.hpp"

namespace natgrad::exact {

using Integer = boost::multiprecision::number<boost::multiprecision::gmp_int, boost::multiprecision::et_off>;

/// mantissa * 2^exponent, with an odd mantissa, or 0 * 2^0.
class Dyadic {
 public:
  Dyadic() = default;
  Dyadic(Integer mantissa, std::int64_t exponent) : mantissa_(std::move(mantissa)), exponent_(exponent) {
    normalise();
  }
  explicit Dyadic(std::uint64_t value) : Dyadic(Integer(value), 0) {}
  /// @pre finite
  static Dyadic from(double value);
  static Dyadic from(const ExactSum& sum);

  const Integer& mantissa() const { return mantissa_; }
  std::int64_t exponent() const { return exponent_; }
  int sign() const { return mantissa_.sign(); }
  bool is_zero() const { return sign() == 0; }
  /// floor(log2 |value|). @pre not zero
  std::int64_t log2_floor() const;
  /// Value * 2^k.
  Dyadic scaled(std::int64_t k) const { return is_zero() ? *this : Dyadic(mantissa_, exponent_ + k); }
  /// mantissa * 2^(exponent - unit) as an integer. @pre unit <= exponent, or zero
  Integer in_units(std::int64_t unit) const;

  Dyadic operator-() const;
  friend Dyadic operator+(const Dyadic& a, const Dyadic& b);
  friend Dyadic operator-(const Dyadic& a, const Dyadic& b) { return a + (-b); }
  friend Dyadic operator*(const Dyadic& a, const Dyadic& b);
  friend bool operator==(const Dyadic& a, const Dyadic& b) {
    return a.exponent_ == b.exponent_ && a.mantissa_ == b.mantissa_;
  }
  friend bool operator<(const Dyadic& a, const Dyadic& b) { return (a - b).sign() < 0; }

 private:
  void normalise();

  Integer mantissa_ = 0;
  std::int64_t exponent_ = 0;
};

enum class Direction { nearest, down, up };

/// Rounds numerator/denominator. @pre denominator > 0
double round_quotient(const Dyadic& numerator, const Dyadic& denominator,
                      Direction direction = Direction::nearest);
/// The nearest float of numerator/denominator, not by way of the nearest double, which could be a midpoint of
/// floats.
/// @pre denominator > 0, the default floating-point environment
float round_quotient_to_float(const Dyadic& numerator, const Dyadic& denominator);
/// Rounds an exact number.
double round(const Dyadic& value, Direction direction = Direction::nearest);

/// (a + sign sqrt(b))/c with a, b >= 0, c > 0, sign = +-1 and a non-negative value.
struct Surd {
  Dyadic a;
  int sign = 1;
  Dyadic b;
  Dyadic c;
};
/// Nearest double of the surd, and of its square root: exact integer square roots, floors and remainders.
double round(const Surd& value);
double round_root(const Surd& value);
/// sqrt(numerator/denominator). @pre numerator >= 0, denominator > 0
double round_root(const Dyadic& numerator, const Dyadic& denominator);

/// Saves the calling thread's MPFR exponent range and flags, sets the widest range, restores on leaving.
class MpfrScope {
 public:
  MpfrScope();
  ~MpfrScope();
  MpfrScope(const MpfrScope&) = delete;
  MpfrScope& operator=(const MpfrScope&) = delete;

 private:
  mpfr_exp_t emin_, emax_;
  mpfr_flags_t flags_;
};

/// An interval with endpoints of a given precision that encloses a real number. Every operation rounds
/// outward (MPFI). @pre an MpfrScope is alive
class Interval {
 public:
  explicit Interval(mpfr_prec_t precision) { mpfi_init2(value_, precision); }
  Interval(const Dyadic& exact, mpfr_prec_t precision);
  Interval(const Interval& other);
  Interval& operator=(const Interval& other);
  ~Interval() { mpfi_clear(value_); }

  mpfr_prec_t precision() const { return mpfi_get_prec(value_); }
  mpfi_ptr get() { return value_; }
  mpfi_srcptr get() const { return value_; }

  bool contains_zero() const { return mpfi_has_zero(value_) != 0; }
  bool is_positive() const { return mpfi_is_strictly_pos(value_) != 0; }
  bool is_negative() const { return mpfi_is_strictly_neg(value_) != 0; }
  double lower() const;  ///< left end, rounded down
  double upper() const;  ///< right end, rounded up
  /// The double to which every number in the interval rounds; false if there is none.
  bool round(double& result) const;
  /// floor(log2) bounds of the width over the magnitude: true if width <= 2^-bits * magnitude.
  bool accurate_to(long bits) const;
  /// Some exact number within the interval: its left end.
  Dyadic left() const;

  friend Interval operator+(const Interval& a, const Interval& b) { return binary(a, b, mpfi_add); }
  friend Interval operator-(const Interval& a, const Interval& b) { return binary(a, b, mpfi_sub); }
  friend Interval operator*(const Interval& a, const Interval& b) { return binary(a, b, mpfi_mul); }
  friend Interval operator/(const Interval& a, const Interval& b) { return binary(a, b, mpfi_div); }
  friend Interval sqrt(const Interval& a) { return unary(a, mpfi_sqrt); }
  friend Interval square(const Interval& a) { return unary(a, mpfi_sqr); }
  friend Interval log(const Interval& a) { return unary(a, mpfi_log); }
  friend Interval asinh(const Interval& a) { return unary(a, mpfi_asinh); }
  friend Interval atan(const Interval& a) { return unary(a, mpfi_atan); }
  friend Interval asin(const Interval& a) { return unary(a, mpfi_asin); }
  friend Interval cos(const Interval& a) { return unary(a, mpfi_cos); }
  friend Interval sin(const Interval& a) { return unary(a, mpfi_sin); }
  /// a * 2^k
  friend Interval scaled(const Interval& a, long k);
  static Interval pi(mpfr_prec_t precision);

 private:
  static Interval binary(const Interval& a, const Interval& b, int (*f)(mpfi_ptr, mpfi_srcptr, mpfi_srcptr));
  static Interval unary(const Interval& a, int (*f)(mpfi_ptr, mpfi_srcptr));

  mpfi_t value_;
};

/// Nearest double of a real number that is known not to be a double nor a midpoint of two: calls
/// `enclose(precision)` with growing precision until both ends round alike.
template <class Enclose>
double round_by_enclosure(Enclose enclose) {
  for (mpfr_prec_t precision = 128;; precision *= 2) {
    double result;
    if (enclose(precision).round(result)) return result;
  }
}

}  // namespace natgrad::exact

#endif
