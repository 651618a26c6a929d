// natgrad: an exact oracle for the Gram of a pair of vectors and for every scalar of it.
#include "oracle.hpp"

#include <mpfr.h>

#include <cmath>
#include <cstdlib>
#include <limits>
#include <stdexcept>

namespace natgrad::reference {

// ------------------------------------------------------------------------------------ dyadic numbers

Dyadic::Dyadic(double x) {
  int exponent = 0;
  const double fraction = std::frexp(x, &exponent);
  m = static_cast<std::int64_t>(std::ldexp(fraction, 53));
  e = exponent - 53;
  *this = reduced();
}

std::int64_t Dyadic::log2() const {
  return static_cast<std::int64_t>(msb(abs(m))) + e;
}

Dyadic Dyadic::reduced() const {
  if (m == 0) return {};
  const auto zeros = lsb(abs(m));
  return {m >> zeros, e + static_cast<std::int64_t>(zeros)};
}

Dyadic operator+(const Dyadic& a, const Dyadic& b) {
  if (a.sign() == 0) return b;
  if (b.sign() == 0) return a;
  if (a.e < b.e) return b + a;
  return {(a.m << static_cast<std::size_t>(a.e - b.e)) + b.m, b.e};
}

Dyadic operator-(const Dyadic& a) {
  return {-a.m, a.e};
}

Dyadic operator-(const Dyadic& a, const Dyadic& b) {
  return a + (-b);
}

Dyadic operator*(const Dyadic& a, const Dyadic& b) {
  if (a.sign() == 0 || b.sign() == 0) return {};
  return {a.m * b.m, a.e + b.e};
}

int compare(const Dyadic& a, const Dyadic& b) {
  if (a.sign() != b.sign() || a.sign() == 0) return a.sign() < b.sign() ? -1 : a.sign() > b.sign();
  if (a.log2() != b.log2()) return (a.log2() < b.log2()) == (a.sign() > 0) ? -1 : 1;
  return (a - b).sign();
}

Dyadic scaled(const Dyadic& a, std::int64_t k) {
  return a.sign() == 0 ? a : Dyadic(a.m, a.e + k);
}

double nearest(const Dyadic& x) {
  if (x.sign() == 0) return 0.0;
  const double one = x.sign() < 0 ? -1.0 : 1.0;
  const std::int64_t top = x.log2();
  if (top > 1023) return one * std::numeric_limits<double>::infinity();
  if (top < -1075) return one * 0.0;
  const std::int64_t unit = std::max<std::int64_t>(top - 52, -1074);
  cpp_int kept = abs(x.m);
  if (x.e >= unit) {
    kept <<= static_cast<std::size_t>(x.e - unit);
  } else {
    const auto lost_bits = static_cast<std::size_t>(unit - x.e);
    const cpp_int lost = kept & ((cpp_int(1) << lost_bits) - 1);
    const int against_half = lost.compare(cpp_int(1) << (lost_bits - 1));
    kept >>= lost_bits;
    if (against_half > 0 || (against_half == 0 && (kept & 1) != 0)) ++kept;
  }
  return one * std::ldexp(static_cast<double>(static_cast<std::uint64_t>(kept)), static_cast<int>(unit));
}

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

/// As a boundary between intervals, +-inf stands for +-2^1024.
Dyadic grid_point(double x) {
  if (std::isinf(x)) return {x > 0 ? 1 : -1, 1024};
  return Dyadic(x);
}

Dyadic midpoint(double a, double b) {
  return scaled(grid_point(a) + grid_point(b), -1);
}

/// The sign of s1 sqrt(x1) - s2 sqrt(x2), by squaring.
int compare_roots(int s1, const Dyadic& x1, int s2, const Dyadic& x2) {
  const int left = x1.sign() == 0 ? 0 : s1;
  const int right = x2.sign() == 0 ? 0 : s2;
  if (left != right) return left < right ? -1 : 1;
  return left == 0 ? 0 : left * compare(x1, x2);
}

Dyadic square(const Dyadic& x) {
  return x * x;
}

}  // namespace

double rounded_down(const Dyadic& x) {
  const double d = nearest(x);
  if (d == -infinity || compare(grid_point(d), x) <= 0) return d;
  return std::nextafter(d, -infinity);
}

// ------------------------------------------------------------------------------------ exact Gram

namespace {

struct Split {
  std::int64_t mantissa;
  int exponent;  // >= -1074
};

Split split(double x) {
  int exponent = 0;
  const double fraction = std::frexp(x, &exponent);
  int unit = exponent - 53;
  auto mantissa = static_cast<std::int64_t>(std::ldexp(fraction, 53));
  if (mantissa == 0) return {0, 0};
  if (unit < -1074) {
    mantissa /= std::int64_t{1} << (-1074 - unit);
    unit = -1074;
  }
  return {mantissa, unit};
}

void add_product(cpp_int& sum, double x, double z) {
  const Split a = split(x), b = split(z);
  if (a.mantissa == 0 || b.mantissa == 0) return;
  sum += (cpp_int(a.mantissa) * b.mantissa) << (a.exponent + b.exponent + 2148);
}

}  // namespace

cpp_int product(double x, double z) {
  cpp_int result = 0;
  add_product(result, x, z);
  return result;
}

ExactGram exact_gram(std::span<const double> g, std::span<const double> y) {
  ExactGram gram;
  gram.dimension = g.size();
  for (std::size_t i = 0; i < g.size(); ++i) {
    add_product(gram.gg, g[i], g[i]);
    add_product(gram.gy, g[i], y[i]);
    add_product(gram.yy, y[i], y[i]);
  }
  return gram;
}

ExactGram exact_gram(std::span<const double> g, std::span<const double> g2, std::span<const double> y,
                     std::span<const double> y2) {
  ExactGram gram;
  gram.dimension = g.size();
  for (std::size_t i = 0; i < g.size(); ++i) {
    for (const double a : {g[i], g2[i]}) {
      for (const double b : {g[i], g2[i]}) add_product(gram.gg, a, b);
      for (const double b : {y[i], y2[i]}) add_product(gram.gy, a, b);
    }
    for (const double a : {y[i], y2[i]})
      for (const double b : {y[i], y2[i]}) add_product(gram.yy, a, b);
  }
  return gram;
}

// ------------------------------------------------------------------------------------ fields

const char* name(Field field) {
  static constexpr std::array<const char*, all_fields.size()> names = {
      "cos",           "sin",        "angle",     "alpha",
      "lambda_min",    "lambda_max", "condition", "sqrt_condition",
      "log_condition", "trace",      "log_det",   "frobenius_norm"};
  return names[static_cast<std::size_t>(field)];
}

bool is_transcendental(Field field) {
  return field == Field::angle || field == Field::log_condition || field == Field::log_det;
}

namespace {

/// MPFR keeps constants for each thread; they are to go with it.
struct ThreadCache {
  ~ThreadCache() { mpfr_free_cache2(MPFR_FREE_LOCAL_CACHE); }
};

/// An MPFR number; results take the precision of the left operand.
class Real {
 public:
  explicit Real(mpfr_prec_t bits) { mpfr_init2(x_, bits); }
  Real(const Real& other) : Real(other.bits()) { mpfr_set(x_, other.x_, MPFR_RNDN); }
  Real& operator=(const Real&) = delete;
  ~Real() { mpfr_clear(x_); }

  mpfr_prec_t bits() const { return mpfr_get_prec(x_); }
  mpfr_ptr get() { return x_; }
  mpfr_srcptr get() const { return x_; }

  friend Real operator+(const Real& a, const Real& b) { return make(mpfr_add, a, b); }
  friend Real operator-(const Real& a, const Real& b) { return make(mpfr_sub, a, b); }
  friend Real operator*(const Real& a, const Real& b) { return make(mpfr_mul, a, b); }
  friend Real operator/(const Real& a, const Real& b) { return make(mpfr_div, a, b); }
  friend Real sqrt(const Real& a) { return make(mpfr_sqrt, a); }
  friend Real log(const Real& a) { return make(mpfr_log, a); }
  friend Real acos(const Real& a) { return make(mpfr_acos, a); }

 private:
  template <class F>
  static Real make(F f, const Real& a, const Real& b) {
    Real r(a.bits());
    f(r.x_, a.x_, b.x_, MPFR_RNDN);
    return r;
  }
  template <class F>
  static Real make(F f, const Real& a) {
    Real r(a.bits());
    f(r.x_, a.x_, MPFR_RNDN);
    return r;
  }
  mpfr_t x_;
};

Real to_real(const Dyadic& x, mpfr_prec_t bits) {
  std::vector<std::uint64_t> words;
  export_bits(cpp_int(abs(x.m)), std::back_inserter(words), 64, false);
  mpz_t z;
  mpz_init(z);
  mpz_import(z, words.size(), -1, sizeof(std::uint64_t), 0, 0, words.data());
  if (x.sign() < 0) mpz_neg(z, z);
  Real r(bits);
  mpfr_set_z_2exp(r.get(), z, static_cast<mpfr_exp_t>(x.e), MPFR_RNDN);
  mpz_clear(z);
  return r;
}

Dyadic to_dyadic(const Real& x) {
  if (mpfr_zero_p(x.get())) return {};
  mpz_t z;
  mpz_init(z);
  const auto exponent = static_cast<std::int64_t>(mpfr_get_z_2exp(z, x.get()));
  std::vector<std::uint64_t> words((mpz_sizeinbase(z, 2) + 63) / 64);
  mpz_export(words.data(), nullptr, -1, sizeof(std::uint64_t), 0, 0, z);
  cpp_int m;
  import_bits(m, words.begin(), words.end(), 64, false);
  if (mpz_sgn(z) < 0) m = -m;
  mpz_clear(z);
  return Dyadic(m, exponent).reduced();
}

}  // namespace

/// The formulas of the mathematics, at one precision.
class Oracle::Evaluator {
 public:
  Evaluator(const Oracle& o, mpfr_prec_t bits)
      : o_(o),
        gg(to_real(o.gg_, bits)),
        p(to_real(o.p_, bits)),
        yy(to_real(o.yy_, bits)),
        n(to_real(o.n_, bits)) {}

  Real operator()(Field field) const {
    switch (field) {
      case Field::cosine:
        return cosine();
      case Field::sine:
        return sine();
      case Field::angle:
        return acos(cosine());
      case Field::alpha:
        return a_star();
      case Field::lambda_min:
        return lambda(-1);
      case Field::lambda_max:
        return lambda(1);
      case Field::condition:
        return lambda(1) / lambda(-1);
      case Field::sqrt_condition:
        return sqrt(lambda(1) / lambda(-1));
      case Field::log_condition:
        return log(lambda(1) / lambda(-1));
      case Field::trace:
        return a_star() + number(o_.d_ - 1) * a();
      case Field::log_det:
        return number(o_.d_ - 1) * log(a()) + log(p) - log(gg);
      case Field::frobenius_norm: {
        const Real s = sine();
        return sqrt(a_star() * a_star() + number(o_.d_ - 1) * a() * a() + number(2) * a() * a_star() * s * s);
      }
    }
    std::abort();
  }

 private:
  Real number(std::uint64_t k) const { return to_real(Dyadic(cpp_int(k), 0), gg.bits()); }
  Real cosine() const {
    if (o_.n_.sign() == 0)
      return to_real(Dyadic(o_.p_.sign(), 0), gg.bits());  // rounding might leave [-1, 1]
    return p / sqrt(gg * yy);
  }
  Real sine() const { return sqrt(n / (gg * yy)); }
  Real a_star() const { return yy / p; }
  Real a() const { return o_.a_ ? to_real(*o_.a_, gg.bits()) : a_star(); }
  Real lambda(int sign) const {
    if (o_.d_ == 1) return a_star();
    if (!o_.a_) return sign > 0 ? a_star() * (number(1) + sine()) : a_star() * (number(1) - sine());
    const Real t = a() + a_star(), difference = a() - a_star(), s = sine();
    const Real root = sqrt(difference * difference + number(4) * a() * a_star() * s * s);
    return (sign > 0 ? t + root : t - root) / number(2);
  }

  const Oracle& o_;
  Real gg, p, yy, n;
};

Oracle::Oracle(const ExactGram& gram, std::optional<double> alpha)
    : gg_(Dyadic(gram.gg, -2148).reduced()),
      p_(Dyadic(gram.gy, -2148).reduced()),
      yy_(Dyadic(gram.yy, -2148).reduced()),
      q_(gg_ * yy_),
      alpha_(alpha),
      d_(gram.dimension) {
  n_ = (q_ - p_ * p_).reduced();
  if (d_ == 0 || n_.sign() < 0 || gg_.sign() < 0 || yy_.sign() < 0 || (d_ == 1 && n_.sign() != 0))
    throw std::invalid_argument("oracle: not the Gram of two vectors");
  if (alpha) {
    if (!std::isfinite(*alpha) || *alpha <= 0) throw std::invalid_argument("oracle: alpha");
    a_ = Dyadic(*alpha);
  }
}

std::string Oracle::verdict() const {
  if (gg_.sign() == 0 && yy_.sign() == 0) return "undetermined";
  return p_.sign() > 0 ? "effective" : "not_effective";
}

std::string Oracle::reason() const {
  if (gg_.sign() == 0) return yy_.sign() == 0 ? "stationary" : "zero_update";
  if (yy_.sign() == 0) return "zero_gradient";
  return p_.sign() > 0 ? "descent" : p_.sign() < 0 ? "ascent" : "orthogonal";
}

bool Oracle::exists(Field field) const {
  if (field == Field::cosine || field == Field::sine || field == Field::angle) return q_.sign() > 0;
  return p_.sign() > 0;
}

bool Oracle::is_zero(Field field) const {
  switch (field) {
    case Field::cosine:
      return p_.sign() == 0;
    case Field::sine:
      return n_.sign() == 0;
    case Field::angle:
      return n_.sign() == 0 && p_.sign() > 0;
    case Field::log_condition:
      return d_ == 1 || (n_.sign() == 0 && (!a_ || compare(*a_ * p_, yy_) == 0));
    case Field::log_det:
      return is_log_det_zero();
    default:
      return false;
  }
}

namespace {

/// base^exponent == value, without computing a power that is longer than value. @pre base, value odd, > 0
bool power_equals(const cpp_int& base, std::uint64_t exponent, const cpp_int& value) {
  if (base == 1 || exponent == 0) return value == 1;
  if (exponent > msb(value) / msb(base)) return false;
  return boost::multiprecision::pow(base, static_cast<unsigned>(exponent)) == value;
}

struct OddFraction {
  cpp_int numerator, denominator;
  std::int64_t exponent;  // the number is numerator/denominator * 2^exponent, lowest terms, both odd
};

OddFraction lowest_terms(const Dyadic& a, const Dyadic& b) {
  const cpp_int common = gcd(a.m, b.m);
  return {a.m / common, b.m / common, a.e - b.e};
}

}  // namespace

bool Oracle::is_log_det_zero() const {
  // a^(D-1) = gg/p. Unless the logarithm nearly vanishes there is nothing to decide: its error at 256
  // bits is below 2^-256 (D - 1) 2^12 < 2^-170.
  const Dyadic v = to_dyadic(Evaluator(*this, 256)(Field::log_det));
  if (v.sign() != 0 && v.log2() > -150) return false;
  const OddFraction a = a_ ? lowest_terms(a_->reduced(), Dyadic(1, 0)) : lowest_terms(yy_, p_);
  const OddFraction ratio = lowest_terms(gg_, p_);
  return cpp_int(a.exponent) * cpp_int(d_ - 1) == ratio.exponent &&
         power_equals(a.numerator, d_ - 1, ratio.numerator) &&
         power_equals(a.denominator, d_ - 1, ratio.denominator);
}

/// The value to a relative error of 2^-bits: P grows until P and 2P agree to that. @pre not zero
Dyadic Oracle::approximate(Field field, long bits) const {
  static const thread_local ThreadCache cache;
  // What the textbook formulas are known to lose: 1 - s, t - sqrt(..) when c is small or a far from a*,
  // acos and ln near 1 when s is small.
  const std::int64_t c_bits = p_.sign() > 0 ? q_.log2() - 2 * p_.log2() + 2 : 0;
  const std::int64_t s_bits = n_.sign() > 0 ? q_.log2() - n_.log2() + 2 : 0;
  std::int64_t slack = 0;
  switch (field) {
    case Field::angle:
      slack = s_bits;
      break;
    case Field::lambda_min:
    case Field::condition:
    case Field::sqrt_condition:
    case Field::log_condition:
      slack = c_bits + (field == Field::log_condition ? s_bits : 0);
      if (a_) slack += std::abs(a_->log2() - yy_.log2() + p_.log2()) + 2;
      break;
    default:
      break;
  }
  long p = bits + 96 + static_cast<long>(slack);
  Real coarse = Evaluator(*this, p)(field);
  while (p < (1L << 22)) {
    p *= 2;
    const Real fine = Evaluator(*this, p)(field);
    if (!mpfr_number_p(fine.get())) throw std::logic_error("oracle: not a number");
    const Real difference = fine - coarse;
    if (!mpfr_zero_p(fine.get()) && (mpfr_zero_p(difference.get()) ||
                                     mpfr_get_exp(difference.get()) < mpfr_get_exp(fine.get()) - bits - 16)) {
      return to_dyadic(fine);
    }
    mpfr_set_prec(coarse.get(), p);
    mpfr_set(coarse.get(), fine.get(), MPFR_RNDN);
  }
  throw std::runtime_error(std::string("oracle: no agreement on ") + name(field));
}

std::optional<double> Oracle::value(Field field) const {
  if (!exists(field)) return std::nullopt;
  if (field == Field::alpha && alpha_) return alpha_;
  if (is_zero(field)) return 0.0;
  for (long bits = 160;; bits *= 2) {
    const Dyadic v = approximate(field, bits);
    const Dyadic error(1, v.log2() + 1 - bits);
    const double low = nearest(v - error), high = nearest(v + error);
    if (low == high) return low;
    if (is_transcendental(field)) continue;
    const Dyadic boundary = midpoint(low, high);
    const int side = compare_with(field, boundary);
    return side < 0 ? low : side > 0 ? high : nearest(boundary);
  }
}

int Oracle::compare_transcendental(Field field, const Dyadic& b) const {
  if (is_zero(field)) return -b.sign();
  for (long bits = 160;; bits *= 2) {
    const Dyadic v = approximate(field, bits);
    const Dyadic error(1, v.log2() + 1 - bits);
    if (compare(v - error, b) > 0) return 1;
    if (compare(v + error, b) < 0) return -1;
  }
}

std::optional<Rounded> Oracle::rounded(Field field) const {
  const std::optional<double> d = value(field);
  if (!d) return std::nullopt;
  const int side = is_transcendental(field) ? compare_transcendental(field, grid_point(*d))
                                            : compare_with(field, grid_point(*d));
  if (std::isinf(*d)) return Rounded{*d, std::numeric_limits<double>::max(), infinity};
  return Rounded{*d, side < 0 ? std::nextafter(*d, -infinity) : *d,
                 side > 0 ? std::nextafter(*d, infinity) : *d};
}

namespace {

/// d = nearest(v), v the value or close to it; equals(b): whether the value is b.
template <class Equals>
Placement placement_of(double d, const Dyadic& v, Equals equals) {
  if (std::isfinite(d) && equals(Dyadic(d))) return Placement::on_double;
  for (const double neighbour : {std::nextafter(d, -infinity), std::nextafter(d, infinity)}) {
    if (neighbour == d) continue;
    const Dyadic boundary = midpoint(d, neighbour);
    if (equals(boundary)) return Placement::on_midpoint;
    const Dyadic distance = v - boundary, gap = grid_point(d) - grid_point(neighbour);
    if (distance.sign() == 0 || distance.log2() < gap.log2() - 60) return Placement::beside_midpoint;
  }
  return Placement::elsewhere;
}

}  // namespace

Placement placement(const Dyadic& x) {
  return placement_of(nearest(x), x, [&](const Dyadic& b) { return compare(x, b) == 0; });
}

Placement Oracle::placement(Field field) const {
  if (is_zero(field)) return Placement::on_double;
  const Dyadic v = field == Field::alpha && a_ ? *a_ : approximate(field, 320);
  return placement_of(*value(field), v, [&](const Dyadic& b) { return compare_with(field, b) == 0; });
}

double Oracle::hardness(Field field) const {
  const double d = *value(field);
  if (d == 0 || std::isinf(d)) return 0;
  const Dyadic v = approximate(field, 320);
  double result = 0;
  for (const double neighbour : {std::nextafter(d, -infinity), std::nextafter(d, infinity)}) {
    const Dyadic distance = v - midpoint(d, neighbour), gap = grid_point(d) - grid_point(neighbour);
    if (distance.sign() == 0) return infinity;
    const double ratio = nearest(scaled(distance, -distance.log2())) / nearest(scaled(gap, -gap.log2()));
    result = std::max(result, static_cast<double>(gap.log2() - distance.log2()) - std::log2(std::abs(ratio)));
  }
  return result;
}

int Oracle::compare_with(Field field, const Dyadic& b) const {
  const Dyadic one(1, 0), two(2, 0), d1(cpp_int(d_ - 1), 0);
  if (field != Field::cosine && b.sign() <= 0) return b.sign() < 0 || !is_zero(field);
  switch (field) {
    case Field::cosine:  // p/sqrt(gg yy)
      return compare_roots(p_.sign(), p_ * p_, b.sign(), square(b) * q_);
    case Field::sine:  // sqrt(n/q)
      return compare(n_, square(b) * q_);
    case Field::alpha:
      return a_ ? compare(*a_, b) : compare(yy_, b * p_);
    case Field::lambda_min:
    case Field::lambda_max: {
      if (d_ == 1) return compare(yy_, b * p_);
      const int sign = field == Field::lambda_max ? 1 : -1;
      if (!a_) {  // +-sqrt(n/q) against (b p - yy)/yy
        const Dyadic z = b * p_ - yy_;
        return compare_roots(sign, n_ * square(yy_), z.sign(), square(z) * q_);
      }
      // +-sqrt(r/(p^2 q)) against (2 b p - a p - yy)/p
      const Dyadic r = square(*a_ * p_ - yy_) * q_ + Dyadic(4, 0) * *a_ * yy_ * p_ * n_;
      const Dyadic z = two * b * p_ - *a_ * p_ - yy_;
      return compare_roots(sign, r, z.sign(), square(z) * q_);
    }
    case Field::condition:
    case Field::sqrt_condition: {
      const Dyadic k = field == Field::condition ? b : square(b);
      if (d_ == 1 || compare(k, one) < 0) return compare(one, k);
      if (!a_) return compare(n_ * square(k + one), square(k - one) * q_);  // s (1 + k) against k - 1
      const Dyadic r = square(*a_ * p_ - yy_) * q_ + Dyadic(4, 0) * *a_ * yy_ * p_ * n_;
      return compare(r * square(k + one), square(*a_ * p_ + yy_) * square(k - one) * q_);
    }
    case Field::trace:
      return a_ ? compare(yy_ + d1 * *a_ * p_, b * p_) : compare((d1 + one) * yy_, b * p_);
    case Field::frobenius_norm: {
      const Dyadic left = a_ ? square(yy_) * q_ + d1 * square(*a_ * p_) * q_ + two * *a_ * yy_ * p_ * n_
                             : square(yy_) * ((d1 + one) * q_ + two * n_);
      return compare(left, square(b * p_) * q_);
    }
    default:
      throw std::invalid_argument("oracle: not algebraic");
  }
}

Fields fields(const Oracle& oracle) {
  Fields result{oracle.verdict(), oracle.reason(), oracle.gg(), oracle.gy(), oracle.yy(), {}};
  for (const Field field : all_fields) result.values[static_cast<std::size_t>(field)] = oracle.value(field);
  return result;
}

}  // namespace natgrad::reference
