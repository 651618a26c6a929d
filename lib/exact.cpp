// natgrad: exact dyadic numbers and correct rounding. Doubles are made from integer bit patterns, so neither
// the rounding mode nor flush-to-zero of the caller can touch them.
#include "exact.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <stdexcept>

#include "doubles.hpp"

namespace natgrad::exact {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

std::int64_t bit_length(const Integer& x) {
  return x.is_zero() ? 0 : static_cast<std::int64_t>(mpz_sizeinbase(x.backend().data(), 2));
}

Integer shifted(const Integer& x, std::int64_t k) {
  if (k >= 0) return x << static_cast<std::size_t>(k);
  return x >> static_cast<std::size_t>(-k);
}

struct Root {
  Integer floor;
  bool exact = false;
};

Root integer_root(const Integer& x) {
  Integer remainder, root;
  mpz_sqrtrem(root.backend().data(), remainder.backend().data(), x.backend().data());
  return {root, remainder.is_zero()};
}

/// floor(numerator/denominator) and whether it is exact. @pre denominator > 0, numerator >= 0
Root integer_quotient(const Integer& numerator, const Integer& denominator) {
  Integer quotient, remainder;
  mpz_fdiv_qr(quotient.backend().data(), remainder.backend().data(), numerator.backend().data(),
              denominator.backend().data());
  return {quotient, remainder.is_zero()};
}

/// Rounds a v >= 0 of which floor = floor(v 2^k) and whether that is exact are known.
/// @pre floor has at least 55 bits, or is exact
double round_floor(const Root& value, std::int64_t k, Direction direction) {
  const std::int64_t bits = bit_length(value.floor);
  if (bits == 0) {
    if (value.exact || direction != Direction::up) return 0;
    return std::numeric_limits<double>::denorm_min();
  }
  const std::int64_t exponent = bits - 1 - k;
  if (exponent > 1023) return direction == Direction::down ? std::numeric_limits<double>::max() : infinity;
  const std::int64_t unit = std::max<std::int64_t>(exponent - 52, -1074);  // of the last kept bit
  const std::int64_t drop = unit + k;
  std::uint64_t kept = 0;
  bool half = false, rest = !value.exact;
  if (drop <= 0) {
    kept = static_cast<std::uint64_t>(shifted(value.floor, -drop));
  } else {
    const auto* z = value.floor.backend().data();
    const auto low = static_cast<mp_bitcnt_t>(drop);
    if (drop <= bits) {
      kept = static_cast<std::uint64_t>(shifted(value.floor, -drop));
      half = mpz_tstbit(z, low - 1) != 0;
    }
    rest = rest || mpz_scan1(z, 0) < low - 1;
  }
  bool up = false;
  switch (direction) {
    case Direction::nearest:
      up = half && (rest || (kept & 1) != 0);
      break;
    case Direction::up:
      up = half || rest;
      break;
    case Direction::down:
      break;
  }
  // The hidden bit carries into the exponent field by itself, and so does a rounding up; overflow is inf.
  return std::bit_cast<double>((static_cast<std::uint64_t>(unit + 1074) << 52) + kept + (up ? 1 : 0));
}

Direction opposite(Direction direction) {
  if (direction == Direction::nearest) return direction;
  return direction == Direction::up ? Direction::down : Direction::up;
}

/// A surd over integers: value = (a + sign sqrt(b))/c * 2^scale.
struct IntegerSurd {
  Integer a, b, c;
  int sign;
  std::int64_t scale;
};

IntegerSurd over_integers(const Surd& s) {
  // A common unit 2^e for a and sqrt(b).
  std::int64_t e = std::numeric_limits<std::int64_t>::max();
  if (!s.a.is_zero()) e = s.a.exponent();
  if (!s.b.is_zero()) e = std::min(e, s.b.exponent() >> 1);
  if (s.a.is_zero() && s.b.is_zero()) e = 0;
  return {s.a.in_units(e), s.b.in_units(2 * e), s.c.mantissa(), s.sign, e - s.c.exponent()};
}

/// Lower bound of log2 of (a + sign sqrt(b))/c, close to it. @pre the value is positive
std::int64_t log2_estimate(const IntegerSurd& s) {
  const std::int64_t sum = std::max(bit_length(s.a), (bit_length(s.b) + 1) / 2);
  if (s.sign > 0 || s.b.is_zero()) return sum - 2 - bit_length(s.c);
  // By the conjugate: (a^2 - b)/(c (a + sqrt b)).
  return bit_length(s.a * s.a - s.b) - 2 - (sum + 1) - bit_length(s.c);
}

/// floor of (a + sign sqrt(b))/c * 2^k.
Root floor_scaled(const IntegerSurd& s, std::int64_t k) {
  const std::int64_t up = std::max<std::int64_t>(k, 0), down = std::max<std::int64_t>(-k, 0);
  Root root = integer_root(shifted(s.b, 2 * up));
  Integer numerator = shifted(s.a, up);
  if (s.sign > 0) {
    numerator += root.floor;
  } else {
    numerator -= root.floor;
    if (!root.exact) --numerator;
  }
  Root quotient = integer_quotient(numerator, shifted(s.c, down));
  quotient.exact = quotient.exact && root.exact;
  return quotient;
}

bool is_zero(const IntegerSurd& s) {
  if (s.sign > 0) return s.a.is_zero() && s.b.is_zero();
  return s.a * s.a == s.b;
}

constexpr std::int64_t wanted_bits = 64;

}  // namespace

void Dyadic::normalise() {
  if (mantissa_.is_zero()) {
    exponent_ = 0;
    return;
  }
  const auto zeros = mpz_scan1(mantissa_.backend().data(), 0);
  if (zeros == 0) return;
  mantissa_ >>= zeros;
  exponent_ += static_cast<std::int64_t>(zeros);
}

Dyadic Dyadic::from(double value) {
  const auto bits = std::bit_cast<std::uint64_t>(value);
  const auto field = static_cast<std::int64_t>((bits >> 52) & 0x7ff);
  const std::uint64_t fraction = bits & 0xfffffffffffff;
  Integer mantissa(field == 0 ? fraction : fraction | std::uint64_t{1} << 52);
  if ((bits >> 63) != 0) mantissa = -mantissa;
  return Dyadic(std::move(mantissa), std::max<std::int64_t>(field, 1) - 1075);
}

Dyadic Dyadic::from(const ExactSum& sum) {
  ExactSum::Words words = sum.words();
  const bool negative = sum.sign() < 0;
  if (negative) {
    std::uint64_t carry = 1;
    for (auto& word : words) {
      word = ~word + carry;
      carry = carry != 0 && word == 0 ? 1 : 0;
    }
  }
  Integer mantissa;
  mpz_import(mantissa.backend().data(), words.size(), -1, sizeof(words[0]), 0, 0, words.data());
  if (negative) mantissa = -mantissa;
  return Dyadic(std::move(mantissa), ExactSum::unit_exponent);
}

std::int64_t Dyadic::log2_floor() const {
  return bit_length(mantissa_) - 1 + exponent_;
}

Integer Dyadic::in_units(std::int64_t unit) const {
  return is_zero() ? Integer(0) : shifted(mantissa_, exponent_ - unit);
}

Dyadic Dyadic::operator-() const {
  Dyadic result = *this;
  result.mantissa_ = -result.mantissa_;
  return result;
}

Dyadic operator+(const Dyadic& a, const Dyadic& b) {
  if (a.is_zero()) return b;
  if (b.is_zero()) return a;
  const std::int64_t unit = std::min(a.exponent_, b.exponent_);
  return Dyadic(a.in_units(unit) + b.in_units(unit), unit);
}

Dyadic operator*(const Dyadic& a, const Dyadic& b) {
  Dyadic result;  // a product of odd mantissas is odd
  if (a.is_zero() || b.is_zero()) return result;
  result.mantissa_ = a.mantissa_ * b.mantissa_;
  result.exponent_ = a.exponent_ + b.exponent_;
  return result;
}

double round_quotient(const Dyadic& numerator, const Dyadic& denominator, Direction direction) {
  if (numerator.is_zero()) return 0;
  if (numerator.sign() < 0) return negate(round_quotient(-numerator, denominator, opposite(direction)));
  const std::int64_t scale = numerator.exponent() - denominator.exponent();
  const std::int64_t k = std::max<std::int64_t>(
      0, wanted_bits + bit_length(denominator.mantissa()) - bit_length(numerator.mantissa()));
  const Root quotient = integer_quotient(shifted(numerator.mantissa(), k), denominator.mantissa());
  return round_floor(quotient, k - scale, direction);
}

float round_quotient_to_float(const Dyadic& numerator, const Dyadic& denominator) {
  // Rounding to odd keeps what the second rounding needs to know (Boldo and Melquiond, IEEE Trans. Comput.
  // 57, 2008).
  const double down = round_quotient(numerator, denominator, Direction::down);
  if ((std::bit_cast<std::uint64_t>(down) & 1) != 0) return static_cast<float>(down);
  return static_cast<float>(round_quotient(numerator, denominator, Direction::up));
}

double round(const Dyadic& value, Direction direction) {
  if (value.sign() < 0) return negate(round(-value, opposite(direction)));
  return round_floor({value.mantissa(), true}, -value.exponent(), direction);
}

double round(const Surd& value) {
  const IntegerSurd s = over_integers(value);
  if (is_zero(s)) return 0;
  const std::int64_t k = wanted_bits - log2_estimate(s);
  return round_floor(floor_scaled(s, k), k - s.scale, Direction::nearest);
}

double round_root(const Surd& value) {
  IntegerSurd s = over_integers(value);
  if (is_zero(s)) return 0;
  if ((s.scale & 1) != 0) {
    s.a <<= 1;
    s.b <<= 2;
    s.scale -= 1;
  }
  const std::int64_t k = wanted_bits - (log2_estimate(s) >> 1);
  const Root inner = floor_scaled(s, 2 * k);
  Root root = integer_root(inner.floor);
  root.exact = root.exact && inner.exact;
  return round_floor(root, k - s.scale / 2, Direction::nearest);
}

double round_root(const Dyadic& numerator, const Dyadic& denominator) {
  return round_root(Surd{numerator, 1, Dyadic(), denominator});
}

// ------------------------------------------------------------------------------------- intervals

MpfrScope::MpfrScope() : emin_(mpfr_get_emin()), emax_(mpfr_get_emax()), flags_(mpfr_flags_save()) {
  // MPFR keeps pi and logarithms for each thread and leaves them behind when it ends.
  struct CacheRelease {
    ~CacheRelease() { mpfr_free_cache2(MPFR_FREE_LOCAL_CACHE); }
  };
  static thread_local CacheRelease release;
  static_cast<void>(release);
  mpfr_set_emin(mpfr_get_emin_min());
  mpfr_set_emax(mpfr_get_emax_max());
}

MpfrScope::~MpfrScope() {
  mpfr_set_emin(emin_);
  mpfr_set_emax(emax_);
  mpfr_flags_restore(flags_, MPFR_FLAGS_ALL);
}

namespace {

Dyadic exact_value(mpfr_srcptr x) {
  if (mpfr_zero_p(x) != 0) return Dyadic();
  Integer mantissa;
  const mpfr_exp_t exponent = mpfr_get_z_2exp(mantissa.backend().data(), x);
  return Dyadic(std::move(mantissa), exponent);
}

double round_endpoint(mpfr_srcptr x, Direction direction) {
  if (mpfr_nan_p(x) != 0) throw std::logic_error("natgrad: an enclosure is not a number");
  if (mpfr_inf_p(x) != 0) return mpfr_sgn(x) > 0 ? infinity : -infinity;
  return round(exact_value(x), direction);
}

}  // namespace

Interval::Interval(const Dyadic& exact, mpfr_prec_t precision) : Interval(precision) {
  mpfi_set_z(value_, exact.mantissa().backend().data());
  mpfi_mul_2si(value_, value_, static_cast<long>(exact.exponent()));
}

Interval::Interval(const Interval& other) : Interval(other.precision()) {
  mpfi_set(value_, other.value_);
}

Interval& Interval::operator=(const Interval& other) {
  if (this != &other) {
    mpfi_set_prec(value_, other.precision());
    mpfi_set(value_, other.value_);
  }
  return *this;
}

double Interval::lower() const {
  return round_endpoint(&value_->left, Direction::down);
}
double Interval::upper() const {
  return round_endpoint(&value_->right, Direction::up);
}

bool Interval::round(double& result) const {
  const double left = round_endpoint(&value_->left, Direction::nearest);
  const double right = round_endpoint(&value_->right, Direction::nearest);
  result = left;
  return std::bit_cast<std::uint64_t>(left) == std::bit_cast<std::uint64_t>(right);
}

bool Interval::accurate_to(long bits) const {
  const Dyadic left = exact_value(&value_->left), right = exact_value(&value_->right);
  const Dyadic width = right - left;
  if (width.is_zero()) return true;
  if (left.sign() * right.sign() <= 0) return false;
  const Dyadic& smaller = left.sign() > 0 ? left : right;
  return width.log2_floor() + 1 + bits <= smaller.log2_floor();
}

Dyadic Interval::left() const {
  return exact_value(&value_->left);
}

Interval scaled(const Interval& a, long k) {
  Interval result(a.precision());
  mpfi_mul_2si(result.value_, a.value_, k);
  return result;
}

Interval Interval::pi(mpfr_prec_t precision) {
  Interval result(precision);
  mpfi_const_pi(result.value_);
  return result;
}

Interval Interval::binary(const Interval& a, const Interval& b,
                          int (*f)(mpfi_ptr, mpfi_srcptr, mpfi_srcptr)) {
  Interval result(std::max(a.precision(), b.precision()));
  f(result.value_, a.value_, b.value_);
  return result;
}

Interval Interval::unary(const Interval& a, int (*f)(mpfi_ptr, mpfi_srcptr)) {
  Interval result(a.precision());
  f(result.value_, a.value_);
  return result;
}

}  // namespace natgrad::exact
