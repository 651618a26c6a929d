// natgrad: textbook formulas of discrete_taylor in rationals and self-checking multiprecision.
//
// What is rounded in a direction is found by bisection over all doubles with the defining inequality, in
// rationals; angles and what is made of them, by trigonometric functions at p and 2p bits that must agree.
// Losses are polynomials with rational coefficients, of which gradients, Hessians and means along a segment
// are known exactly.
#ifndef NATGRAD_TESTS_SUPPORT_DISCRETE_TAYLOR_REFERENCE_HPP
#define NATGRAD_TESTS_SUPPORT_DISCRETE_TAYLOR_REFERENCE_HPP

#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "reference.hpp"

namespace natgrad::test::taylor {

// ------------------------------------------------------------------------ rounding in a direction

/// The least double, infinities included, that satisfies a monotone predicate (inf if no finite one does).
double least_double(const std::function<bool(const Rational&)>& predicate);
/// The greatest finite double that satisfies a predicate that holds up to some number; -inf if none does.
double greatest_double(const std::function<bool(const Rational&)>& predicate);
/// Rounds to the least double >= x, and to the greatest <= x.
double up(const Rational& x);
double down(const Rational& x);
/// The least double >= a real number given by a formula, evaluated at p and 2p bits until both round alike.
/// What still touches a double at the end is taken to be equal to it.
double up(const std::function<Real()>& formula);

// ------------------------------------------------------------------------------ bounds, certificates

/// gg, p, yy and the parameters of a step, exactly.
struct Numbers {
  Rational gg, p, yy, eta, k;
  std::uint64_t dimension = 1;
};
Numbers numbers(std::span<const double> g, std::span<const double> y, double eta, double lipschitz);

bool certifies_effective(const Numbers& n, const Rational& delta_loss);
bool certifies_decrease(const Numbers& n);
/// 0 if no positive double is certified.
double largest_step(const Numbers& n);
struct Bounds {
  double lo, hi;
};
Bounds loss_change(const Numbers& n);
/// What dL can be: the same bounds exactly, and from losses with errors.
struct Range {
  Rational low, high;
};
Range loss_change_range(const Numbers& n);
Range loss_change(double before, double after, double before_error, double after_error);
Bounds second_order(const Numbers& n, const Rational& curvature, const Rational& rho);

/// (|ybar - y|/|y|)^2 at most: factor (eta K)^2 gg/yy with factor 1/4, 1/2 or D.
enum class Kind { gonzalez, mean_value, itoh_abe };
Rational factor(Kind kind, std::uint64_t dimension);
double distance(const Numbers& n, Kind kind);
/// acos(cos psi) + asin(x), x = the distance over |y|, at the current precision.
Real angle_sum(const Numbers& n, Kind kind);
std::optional<double> angle(const Numbers& n, Kind kind);
/// eta kappa K gg/p with kappa = tan(pi/4 + psi/2)^2. @pre p > 0
double condition_first_order(const Numbers& n);
/// tan(pi/4 + phi/2)^2; nullopt unless phi < pi/2. @pre p > 0
std::optional<double> condition(const Numbers& n, Kind kind);

// -------------------------------------------------------------------------------------- polynomials

struct Monomial {
  Rational coefficient;
  std::vector<unsigned> powers;  ///< one per variable
};

/// A sum of monomials in D variables.
struct Polynomial {
  std::size_t dimension = 1;
  std::vector<Monomial> terms;

  Rational operator()(std::span<const Rational> x) const;
  Polynomial derivative(std::size_t i) const;
  RationalVector gradient(std::span<const Rational> x) const;
  RationalVector hessian_product(std::span<const Rational> x, std::span<const Rational> v) const;
  /// All coefficients made positive.
  Polynomial majorant() const;
};

/// The nearest doubles of L, grad L and H v at doubles.
double loss(const Polynomial& p, std::span<const double> x);
void gradient(const Polynomial& p, std::span<const double> x, std::span<double> out);
void hessian_product(const Polynomial& p, std::span<const double> x, std::span<const double> v,
                     std::span<double> out);

/// int_0^1 grad L(theta + xi Delta) d xi by Boole's rule, which is exact for L of degree <= 6.
RationalVector mean_gradient(const Polynomial& p, std::span<const Rational> theta,
                             std::span<const Rational> theta_plus);
/// v + (dL - v.Delta) Delta/|Delta|^2
RationalVector gonzalez(std::span<const Rational> v, const Rational& delta_loss,
                        std::span<const Rational> delta);
/// (L after - L before)/Delta_i, coordinate after coordinate in an order; d_i L where Delta_i = 0.
RationalVector itoh_abe(const Polynomial& p, std::span<const Rational> theta,
                        std::span<const Rational> theta_plus, std::span<const std::size_t> order);

}  // namespace natgrad::test::taylor

#endif
