// natgrad: exact numbers and self-checking multiprecision for tests.
#include "exact.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <stdexcept>

namespace natgrad::test {

Rational exact(double x) {
  if (!std::isfinite(x)) throw std::domain_error("exact(" + hex(x) + "): not a finite number");
  return Rational(x);
}

std::vector<Rational> exact(std::span<const double> x) {
  return {x.begin(), x.end()};
}

Rational power_of_two(long exponent) {
  const Integer power = Integer(1) << static_cast<unsigned long>(std::labs(exponent));
  return exponent >= 0 ? Rational(power) : Rational(Integer(1), power);
}

Rational dot(std::span<const Rational> x, std::span<const Rational> z) {
  Rational sum = 0;
  for (std::size_t i = 0; i < x.size(); ++i) sum += x[i] * z[i];
  return sum;
}

long exponent_of(const Rational& x) {
  const Integer n = abs(numerator(x)), d = denominator(x);
  const long e = static_cast<long>(msb(n)) - static_cast<long>(msb(d));
  const bool reached =
      e >= 0 ? n >= (d << static_cast<unsigned long>(e)) : (n << static_cast<unsigned long>(-e)) >= d;
  return reached ? e : e - 1;
}

namespace {

// Exponent of the last place of the double (of `digits` bits, multiples of 2^least) nearest to x != 0.
long last_place(const Rational& x, long digits = 53, long least = -1074) {
  return std::max(exponent_of(x) - digits + 1, least);
}

// |x|/2^last to the nearest integer, ties to even.
std::uint64_t nearest_multiple(const Rational& x, long last) {
  Integer n = abs(numerator(x)), d = denominator(x);
  if (last >= 0) {
    d <<= static_cast<unsigned long>(last);
  } else {
    n <<= static_cast<unsigned long>(-last);
  }
  Integer quotient, remainder;
  divide_qr(n, d, quotient, remainder);
  const Integer twice = 2 * remainder;
  if (twice > d || (twice == d && bit_test(quotient, 0))) ++quotient;
  return quotient.convert_to<std::uint64_t>();
}

// multiple 2^last with the sign of x: exact, or +-inf beyond the range of T.
template <class T>
T composed(const Rational& x, std::uint64_t multiple, long last) {
  const T magnitude = std::ldexp(static_cast<T>(multiple), static_cast<int>(std::min(last, 2000L)));
  return x < 0 ? -magnitude : magnitude;
}

}  // namespace

double nearest(const Rational& x) {
  if (x == 0) return 0;
  const long last = last_place(x);
  return composed<double>(x, nearest_multiple(x, last), last);
}

float nearest_float(const Rational& x) {
  if (x == 0) return 0;
  const long last = last_place(x, 24, -149);
  return composed<float>(x, nearest_multiple(x, last), last);
}

Rational half_ulp(const Rational& x) {
  return power_of_two((x == 0 ? -1074 : last_place(x)) - 1);
}

PrecisionScope::PrecisionScope(unsigned bits) : before_(Real::default_precision()) {
  Real::default_precision(bits * 301 / 1000 + 1);
}
PrecisionScope::~PrecisionScope() {
  Real::default_precision(before_);
}

Real real(const Rational& x) {
  return Real(x);
}

double converged(const std::function<Real()>& formula) {
  constexpr unsigned last_bits = 16384;
  for (unsigned bits = 256;; bits *= 4) {
    const auto at = [&](unsigned precision) {
      const PrecisionScope scope(precision);
      return Real(formula());
    };
    const Real coarse = at(bits), fine = at(2 * bits);
    const PrecisionScope scope(2 * bits);
    const Real tolerance = ldexp(Real(1), -static_cast<int>(bits / 2));
    if (isfinite(coarse) && isfinite(fine) && fine != 0 && abs(coarse - fine) <= tolerance * abs(fine)) {
      const double below = Real(fine * (1 - tolerance)).convert_to<double>();
      const double above = Real(fine * (1 + tolerance)).convert_to<double>();
      if (below == above) return above;
      if (bits == last_bits) {
        Real tie = fine;
        mpfr_prec_round(tie.backend().data(), bits / 2, MPFR_RNDN);
        return tie.convert_to<double>();
      }
    } else if (bits == last_bits) {
      if (isfinite(fine) && abs(fine) < tolerance) return 0;
      throw std::logic_error("the multiprecision reference did not converge");
    }
  }
}

std::string hex(double x) {
  char text[40];
  std::snprintf(text, sizeof text, "%a", x);
  return text;
}

}  // namespace natgrad::test
