// natgrad: finite steps. From first-order descent to the loss really falling, and back.
//
// theta+ = theta + eta g, y = -grad L(theta), dL = L(theta+) - L(theta), Delta = theta+ - theta; gg, p, yy, D
// from the Gram of (g, y). K bounds the Lipschitz constant of grad L, rho that of its Hessian, in the
// Euclidean norm. Then
//   |dL/eta + p| <= eta K gg/2,    |dL/eta + p - (eta/2) g.H g| <= eta^2 rho |g|^3/6    (Taylor),
// so a large enough fall of L proves p > 0, and a small enough step makes L fall. A discrete gradient nabla,
// nabla.Delta = dL, makes any step that lowers L, however long, natural gradient descent exactly: with
// ybar = -nabla, ybar.g = -dL/eta > 0. (Paper: discrete-time theorem; discrete gradients: McLachlan, Quispel
// & Robidoux 1999, Phil. Trans. R. Soc. A 357, 1021.) It is a representation, not an algorithm: ybar needs
// theta+.
//
// g and eta enter only as eta g: for a step of which theta and theta+ are known take g = Delta and eta = 1,
// with Gram::of(PairSpan{theta_plus, minus_theta}, y), because the rounded theta+ is not theta + eta g.
//
// Functions of the Gram and of doubles decide exactly, and round correctly in the stated direction: the same
// bits on every machine. Cost O(1) in D, unless said otherwise. Throughout: eta finite and > 0; K
// (`lipschitz`), rho (`hessian_lipschitz`) finite and >= 0; losses finite; else ContractError naming argument
// and value.
#ifndef NATGRAD_DISCRETE_TAYLOR_HPP
#define NATGRAD_DISCRETE_TAYLOR_HPP

#include <armadillo>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string_view>

#include "natgrad/enclosure.hpp"
#include "natgrad/gram.hpp"
#include "natgrad/scalars.hpp"

namespace natgrad {

// ------------------------------------------------------------------------------------- certificates

/// after - before, exactly.
/// @pre both finite   @throws ContractError
NATGRAD_API ExactSum loss_difference(double before, double after);

/// True iff -dL > eta^2 K gg/2 and g != 0: this proves p > 0 without y. Decided exactly.
/// @pre gg >= 0   @throws ContractError
/// @claim discrete_taylor.certificate
NATGRAD_API bool certifies_effective(const ExactSum& gg, const ExactSum& delta_loss, double eta,
                                     double lipschitz);
NATGRAD_API bool certifies_effective(const ExactSum& gg, double delta_loss, double eta, double lipschitz);
/// With gg = g.g. Cost: one pass. @throws as Gram::of
NATGRAD_API bool certifies_effective(std::span<const double> g, double delta_loss, double eta,
                                     double lipschitz);

/// True iff eta K gg < 2 p: this proves dL < 0. Decided exactly.
/// @pre gram.dimension() >= 1
/// @claim discrete_taylor.certificate
NATGRAD_API bool certifies_decrease(const Gram& gram, double eta, double lipschitz);
/// Cost: one pass over g and y. @throws as Gram::of
NATGRAD_API bool certifies_decrease(std::span<const double> g, std::span<const double> y, double eta,
                                    double lipschitz);

/// The largest double eta for which certifies_decrease holds: strictly below 2 p/(K gg), and the largest
/// finite double where that is beyond it or K = 0. nullopt unless p > 0, and where even the smallest double
/// is not certified.
/// @pre gram.dimension() >= 1
/// @claim discrete_taylor.largest_step
NATGRAD_API std::optional<double> largest_step(const Gram& gram, double lipschitz);
NATGRAD_API std::optional<double> largest_step(std::span<const double> g, std::span<const double> y,
                                               double lipschitz);

/// [-eta p - eta^2 K gg/2, -eta p + eta^2 K gg/2], which holds dL; each end correctly rounded outward. Sharp:
/// L = -y.(theta' - theta) +- (K/2)|theta' - theta|^2 attains the ends.
/// @pre gram.dimension() >= 1
/// @claim discrete_taylor.loss_change
NATGRAD_API Enclosure loss_change_bounds(const Gram& gram, double eta, double lipschitz);
NATGRAD_API Enclosure loss_change_bounds(std::span<const double> g, std::span<const double> y, double eta,
                                         double lipschitz);

/// [b - r, b + r], b = -eta p + (eta^2/2) h, r = eta^3 rho |g|^3/6, which holds dL for h = g.H g with the
/// Hessian H at theta; each end correctly rounded outward. Sharp: cubics along g attain the ends.
/// @pre gram.dimension() >= 1; curvature finite
/// @claim discrete_taylor.second_order
NATGRAD_API Enclosure second_order_bounds(const Gram& gram, double eta, const ExactSum& curvature,
                                          double hessian_lipschitz);
NATGRAD_API Enclosure second_order_bounds(const Gram& gram, double eta, double curvature,
                                          double hessian_lipschitz);
/// With h = g.(H g) exactly, from the vector H g. Cost: one pass. @throws as Gram::of
NATGRAD_API Enclosure second_order_bounds(std::span<const double> g, std::span<const double> y,
                                          std::span<const double> hessian_g, double eta,
                                          double hessian_lipschitz);

// -------------------------------------------------------------------------------- the Taylor gradient

/// out = H(theta) v.
using HessianProduct =
    std::function<void(std::span<const double> theta, std::span<const double> v, std::span<double> out)>;

struct TaylorOptions {
  std::uint64_t grid = 64;  ///< intervals of the grid on [0, 1]; >= 1; rounded up to a power of two
  std::uint64_t max_evaluations = 256;  ///< of H; >= 2
  /// Without a change of sign, accepted is |dL + eta p - (eta^2/2) g.H g| <= tolerance (|dL| + eta |p|); >=
  /// 0.
  double tolerance = 0x1p-40;
};

/// ybar = y - (eta/2) H(theta + t eta g) g.
struct TaylorGradient {
  double t = 0;            ///< in [0, 1]
  arma::vec ybar;          ///< D; each element correctly rounded, given what the callback returned
  Enclosure defect;        ///< of ybar.g + dL/eta for the doubles in ybar; ends correctly rounded
  bool bracketed = false;  ///< g.H g - 2 (dL + eta p)/eta^2 was seen to change sign, or to vanish at t
  std::uint64_t evaluations = 0;
};

/// Finds t in [0, 1] with g.H(theta + t eta g) g = 2 (dL + eta p)/eta^2, for which ybar.g = -dL/eta: the
/// update is natural gradient descent for the gradient plus a Hessian term. Such a t exists whenever L is
/// twice differentiable on the segment (Lagrange), and where H is continuous the difference of the two sides
/// either vanishes throughout or changes sign: its mean with weight 1 - t is 0. Its sign is exact at each
/// point; a dyadic grid looks for a change, bisection follows it to neighbouring doubles. (g.H g, being a
/// derivative, has the intermediate value property.)
///
/// nullopt if no sign changed within the limits and no point was within the tolerance: the grid was too
/// coarse, or dL is not that of this Hessian. Points theta + t eta g are rounded once, element by element.
/// @pre all lengths equal, >= 1; all finite; theta + eta g finite   @throws ContractError; NonFiniteError
/// naming the
///   callback and t if it returns NaN or infinity; what the callback throws
/// Cost: at most max_evaluations products and as many exact dots.
/// @claim discrete_taylor.taylor_gradient
NATGRAD_API std::optional<TaylorGradient> taylor_gradient(
    const HessianProduct& hessian, std::span<const double> theta, std::span<const double> g,
    std::span<const double> y, double eta, double delta_loss, const TaylorOptions& options = {});

// -------------------------------------------------------------------------------- discrete gradients

using LossFunction = std::function<double(std::span<const double> theta)>;
/// out = grad L(theta).
using GradientFunction = std::function<void(std::span<const double> theta, std::span<double> out)>;

enum class DiscreteGradientKind { gonzalez, mean_value, itoh_abe };
/// "gonzalez", "mean_value" or "itoh_abe".
NATGRAD_API std::string_view to_string(DiscreteGradientKind kind) noexcept;

/// A discrete gradient of L from theta to theta+, which is what the callbacks' doubles make it: L and grad L
/// are taken to be exactly what was returned.
/// @claim discrete_taylor.representation
struct DiscreteGradient {
  DiscreteGradientKind kind = DiscreteGradientKind::gonzalez;
  arma::vec nabla;           ///< D; ybar = -nabla
  ExactSum loss_difference;  ///< dL = L(theta+) - L(theta), exactly
  /// Of nabla.Delta - dL for the doubles in nabla, ends correctly rounded: rounding, and for mean_value
  /// quadrature.
  Enclosure defect;
  /// Of the exact discrete gradient, ybar.Delta = -dL: effective (descent) iff dL < 0; dL > 0: not effective
  /// (ascent); dL = 0: not effective (orthogonal; zero_gradient if nabla = 0, for mean_value if every
  /// gradient met was 0). Delta = 0: zero_update, or stationary.
  Judgement judgement;
  std::uint64_t loss_evaluations = 0, gradient_evaluations = 0;

  /// mean_value only: an ESTIMATE of |nabla - exact mean|, from two quadrature rules. Not a bound.
  std::optional<double> error_estimate;
  /// mean_value with K given: a bound of |nabla - exact mean|, all roundings included, if K holds (see
  /// there).
  std::optional<double> error_bound;
  bool converged = true;  ///< mean_value: the estimate met the tolerance within the limits
};

/// Gonzalez (1996): v + (dL - v.Delta) Delta/|Delta|^2 with v = grad L(m), m the midpoint, rounded. For any v
/// whatever, so also for a rounded midpoint and an inexact gradient, nabla.Delta = dL holds exactly for the
/// rational vector; each element is its correctly rounded value (infinite beyond the range of doubles, and
/// then the defect is the whole line). Delta = 0: grad L(theta).
/// @pre theta.size() == theta_plus.size() >= 1, all finite   @throws ContractError; NonFiniteError or
/// ContractError
///   naming the callback and the point if it returns NaN or infinity; what a callback throws
/// Cost: two losses, one gradient, three exact dots, one pass of exact elements.
/// @claim discrete_taylor.gonzalez
NATGRAD_API DiscreteGradient gonzalez_gradient(const LossFunction& loss, const GradientFunction& gradient,
                                               std::span<const double> theta,
                                               std::span<const double> theta_plus);

struct MeanValueOptions {
  double tolerance = 0x1p-40;               ///< of the estimate, relative to the largest gradient met; >= 0
  std::uint64_t max_evaluations = 15 * 64;  ///< of grad L; >= 15
  unsigned minimum_depth = 0;  ///< pieces of at most 2^-minimum_depth (if the limit allows); <= 30
  /// A bound of the Lipschitz constant of grad L on the box spanned by theta and theta+ (where the rounded
  /// points of evaluation lie), for error_bound.
  std::optional<double> lipschitz;
};

/// The mean value (average vector field) int_0^1 grad L(theta + xi Delta) d xi by adaptive quadrature: 15
/// points of Gauss-Kronrod on each of ever more pieces, halved until the difference to the 7 points of Gauss
/// is within the tolerance, breadth first. Points are rounded once, element by element; each element of nabla
/// is the correctly rounded value of the quadrature sum. Only the exact mean has nabla.Delta = dL: `defect`
/// is what is missing.
///
/// `error_bound` is K |Delta| C sum h^2 over the pieces, plus the roundings of points and sums: C is the
/// Wasserstein distance int_0^1 |x - F(x)| dx of the rule's weights, F their distribution, from the uniform
/// one, the least constant with |int_0^1 f - sum w_k f(x_k)| <= C Lip(f) for all f (Kantorovich-Rubinstein);
/// about 1/49.
/// @pre, @throws as gonzalez_gradient
/// Cost: two losses, at most max_evaluations gradients, for each about two exact products per element; 15 D
/// doubles of memory.
/// @claim discrete_taylor.mean_value, discrete_taylor.quadrature_bound
NATGRAD_API DiscreteGradient mean_value_gradient(const LossFunction& loss, const GradientFunction& gradient,
                                                 std::span<const double> theta,
                                                 std::span<const double> theta_plus,
                                                 const MeanValueOptions& options = {});

/// Itoh & Abe (1988): coordinates move from theta_i to theta+_i one after the other, and nabla_i is the
/// secant (change of L)/Delta_i, correctly rounded; where Delta_i = 0, d_i L at the point reached. The
/// changes telescope, so that nabla.Delta = dL exactly before rounding. Depends on the order: `order` is a
/// permutation of 0..D-1, the natural one if empty.
/// @pre, @throws as gonzalez_gradient; ContractError unless order is empty or a permutation
/// Cost: at most D + 1 losses, and a gradient for each run of coordinates with Delta_i = 0.
/// @claim discrete_taylor.itoh_abe
NATGRAD_API DiscreteGradient itoh_abe_gradient(const LossFunction& loss, const GradientFunction& gradient,
                                               std::span<const double> theta,
                                               std::span<const double> theta_plus,
                                               std::span<const std::size_t> order = {});

// ------------------------------------------------------------------ how far ybar is from y, a priori

/// A bound of |ybar - y|: eta K |g|/2 (mean_value, K on the segment), eta K |g|/sqrt 2 (gonzalez at the exact
/// midpoint, K on the segment), sqrt(D) eta K |g| (itoh_abe, crude, K on the box). The least double that is
/// not below it.
/// @pre gram.dimension() >= 1
/// @claim discrete_taylor.distance
NATGRAD_API double distance_bound(DiscreteGradientKind kind, const Gram& gram, double eta, double lipschitz);

/// psi + asin(b/|y|), b the distance bound of the kind: the angle between g and ybar is at most that
/// (radians; at most pi). The least double that is not below it. nullopt if b > |y|, where nothing follows,
/// or g = 0 or y = 0. For mean_value the exact bound is below pi/2 iff eta < 2 p/(K gg), that is iff
/// certifies_decrease().
/// @pre gram.dimension() >= 1
/// @claim discrete_taylor.angle
NATGRAD_API std::optional<double> angle_bound(const Gram& gram, double eta, double lipschitz,
                                              DiscreteGradientKind kind = DiscreteGradientKind::mean_value);

/// To FIRST ORDER in eta, for mean_value: |kappa(ybar) - kappa(y)| <= eta kappa K gg/p, kappa = ((1+s)/c)^2
/// at a*. The least double that is not below eta kappa K gg/p. Not a bound for finite eta: that is
/// condition_bound(). nullopt unless p > 0.
/// @pre gram.dimension() >= 1
/// @claim discrete_taylor.condition_first_order
NATGRAD_API std::optional<double> condition_change_first_order(const Gram& gram, double eta,
                                                               double lipschitz);

/// A bound of the condition number kappa(ybar) of the metric M(a*) of (g, ybar): ((1 + sin phi)/cos phi)^2
/// with phi = psi + asin(b/|y|), the angle bound. The least double that is not below it, +inf beyond the
/// range. nullopt unless phi < pi/2 (for mean_value, iff certifies_decrease()).
/// @pre gram.dimension() >= 1
/// @claim discrete_taylor.condition_bound
NATGRAD_API std::optional<double> condition_bound(
    const Gram& gram, double eta, double lipschitz,
    DiscreteGradientKind kind = DiscreteGradientKind::mean_value);

// ---------------------------------------------------------------------------- the verdict on a step

/// Why the verdict on a finite step is what it is.
enum class StepReason {
  decrease,               ///< effective: the losses say dL < 0
  no_decrease,            ///< not effective: the losses say dL >= 0
  certified_decrease,     ///< effective: K says dL < 0
  certified_no_decrease,  ///< not effective: K says dL >= 0
  zero_step,              ///< undetermined: Delta = 0, where the discrete gradient is grad L
  inexact,                ///< undetermined: neither the losses, with their errors, nor K decide
  contradiction  ///< undetermined: no dL is within the errors of the losses and of K; one of them is wrong
};
/// The name of the enumerator.
NATGRAD_API std::string_view to_string(StepReason reason) noexcept;

/// Values of the loss before and after a step, each with a bound of its absolute error (finite, >= 0).
struct StepLoss {
  double before = 0, after = 0;
  double before_error = 0, after_error = 0;
};

struct StepJudgement {
  Verdict verdict = Verdict::undetermined;
  StepReason reason = StepReason::inexact;
  Enclosure loss_change;  ///< of dL, from all that was given; ends correctly rounded; {inf, -inf} for a
                          ///< contradiction
  /// u max(|L|, |L+|)/|dL|, u = 2^-53, correctly rounded: the error of dL, relative, that rounding the losses
  /// alone may cause. nullopt without losses, and for equal ones.
  std::optional<double> cancellation;

  friend bool operator==(const StepJudgement&, const StepJudgement&) = default;
};

/// Is the step, at its length, natural gradient descent for a discrete gradient? Effective iff certainly dL <
/// 0, not effective iff certainly dL >= 0 and Delta != 0, else undetermined. Decided exactly.
///
/// Delta != 0 is the caller's word.
/// @claim discrete_taylor.step_verdict
NATGRAD_API StepJudgement judge_step(const StepLoss& loss);
/// Compares theta and theta+ first. @throws ContractError, NonFiniteError. Cost: one pass.
NATGRAD_API StepJudgement judge_step(std::span<const double> theta, std::span<const double> theta_plus,
                                     const StepLoss& loss);
/// Without losses: by loss_change_bounds(), from K. @pre gram.dimension() >= 1
NATGRAD_API StepJudgement judge_step(const Gram& gram, double eta, double lipschitz);
/// By the losses and by K. @pre gram.dimension() >= 1
NATGRAD_API StepJudgement judge_step(const Gram& gram, double eta, double lipschitz, const StepLoss& loss);

// ------------------------------------------------------------------------------------ a guess at K

/// An ESTIMATE of K from gradients along a path. It is a LOWER bound of the Lipschitz constant, and a
/// certificate made with it in place of K proves nothing.
struct LipschitzEstimate {
  /// max |grad_{k+1} - grad_k|/|theta_{k+1} - theta_k|, rounded down correctly; +inf if gradients differ at
  /// one point.
  double lower_bound = 0;
  std::optional<std::uint64_t> step;  ///< k of the maximum (the first); nullopt if every step is zero
  std::uint64_t zero_steps =
      0;  ///< steps of length zero, with the same gradient at both ends: no information
};

/// From N points and the gradients there, one a column, in order; differences and comparisons are exact.
/// @pre same shape D x N, D >= 1, N >= 2, all finite   @throws ContractError, NonFiniteError (index = that of
/// memory) Cost: two passes.
/// @claim discrete_taylor.lipschitz_estimate
NATGRAD_API LipschitzEstimate estimate_lipschitz(const arma::mat& theta, const arma::mat& gradient);
/// From N steps (D x N) and the N + 1 gradients (D x (N + 1)) before, between and after them.
NATGRAD_API LipschitzEstimate estimate_lipschitz_from_steps(const arma::mat& steps,
                                                            const arma::mat& gradient);

}  // namespace natgrad

#endif
