// natgrad: exact numbers and self-checking multiprecision for tests (Boost.Multiprecision).
//
// Nothing here calls the library: references must not share its arithmetic or its closed forms.
#ifndef NATGRAD_TESTS_SUPPORT_EXACT_HPP
#define NATGRAD_TESTS_SUPPORT_EXACT_HPP

#include <boost/multiprecision/gmp.hpp>
#include <boost/multiprecision/mpfr.hpp>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace natgrad::test {

// Without expression templates: a lambda may then return an expression.
template <class Backend>
using Number = boost::multiprecision::number<Backend, boost::multiprecision::et_off>;
using Integer = Number<boost::multiprecision::gmp_int>;
using Rational = Number<boost::multiprecision::gmp_rational>;
/// A float of run-time precision; every value of one computation has the precision of the innermost
/// PrecisionScope.
using Real = Number<boost::multiprecision::mpfr_float_backend<0>>;

/// The value of a finite double, exactly.
Rational exact(double x);
std::vector<Rational> exact(std::span<const double> x);
/// 2^exponent.
Rational power_of_two(long exponent);

Rational dot(std::span<const Rational> x, std::span<const Rational> z);

/// floor(log2 |x|) for x != 0.
long exponent_of(const Rational& x);
/// Nearest double, ties to even, subnormals included, +-inf from 2^1024 - 2^970 on: integers only.
double nearest(const Rational& x);
/// Nearest float, likewise (+-inf from 2^128 - 2^103 on), rounded once: not by way of a double.
float nearest_float(const Rational& x);
/// Half the distance between neighbouring doubles at x: the error of a correct rounding is at most this.
Rational half_ulp(const Rational& x);

/// Sets the precision of new Reals for a scope.
class PrecisionScope {
 public:
  explicit PrecisionScope(unsigned bits);
  ~PrecisionScope();
  PrecisionScope(const PrecisionScope&) = delete;
  PrecisionScope& operator=(const PrecisionScope&) = delete;

 private:
  unsigned before_;
};

Real real(const Rational& x);

/// The nearest double of a real number given by a formula, evaluated at p and 2p bits for growing p until
/// the two agree and the rounding is unambiguous. What is still within 2^-8192 of a midpoint (of 0) at the
/// end is taken to lie on it: the algebraic numbers met here are separated by more than that.
double converged(const std::function<Real()>& formula);

/// "0x1.8p+1", nan and inf included.
std::string hex(double x);

}  // namespace natgrad::test

#endif
