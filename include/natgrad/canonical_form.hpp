// natgrad: the one-parameter family M(a) = y y^T/p + a (I - g g^T/gg) as an operator kept in factors.
//
// For p = y.g > 0 every a > 0 gives a symmetric positive definite metric with M(a) g = y, so that the
// update is natural gradient descent: g = -M(a)^-1 grad L. M(a) is the canonical form of the paper with
// {u_i} an orthonormal basis of g^perp scaled by sqrt(a), and the BFGS update of a I with the pair
// (g, y) (Nocedal & Wright 2006, eq. 6.19). a = a* = yy/p has the smallest possible condition number.
#ifndef NATGRAD_CANONICAL_FORM_HPP
#define NATGRAD_CANONICAL_FORM_HPP

#include <armadillo>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "natgrad/enclosure.hpp"
#include "natgrad/gram.hpp"
#include "natgrad/scalars.hpp"
#include "natgrad/verdict.hpp"

namespace natgrad {

/// One eigenvalue, correctly rounded, with its multiplicity.
struct Eigenvalue {
  double value = 0;
  std::uint64_t multiplicity = 0;

  friend bool operator==(const Eigenvalue&, const Eigenvalue&) = default;
};

struct MetricState;

/// M = L diag(pivots) L^T with L unit lower triangular and L_ij = y_i u_j + g_i v_j for i > j.
/// With N_j = (a p + Y_j) T_j + G_j^2 and N_0 = a p gg, where Y_j = sum_{i<=j} y_i^2,
/// G_j = sum_{i<=j} g_i y_i, T_j = sum_{i>j} g_i^2:
///   pivots_j = a N_j/N_{j-1}, u_j = (T_{j-1} y_j + G_{j-1} g_j)/N_j,
///   v_j = (G_{j-1} y_j - (a p + Y_{j-1}) g_j)/N_j.
/// (for D = 1, a stands for a*). Every stored number is correctly rounded (so +-inf or 0 beyond the range of
/// doubles).
class NATGRAD_API LdlFactor {
 public:
  arma::vec pivots;  ///< D, all > 0 as real numbers
  arma::vec u, v;    ///< D each
  arma::vec g, y;    ///< D each, the pair

  /// The dense L, D x D, each entry the correctly rounded value of the exact one (not of y_i u_j + g_i v_j
  /// with rounded u and v). Cost: O(D^2). The metric's vectors must still be alive if it is a view.
  arma::mat dense_l() const;

 private:
  friend class MetricOperator;
  explicit LdlFactor(std::shared_ptr<const MetricState> metric);

  std::shared_ptr<const MetricState> metric_;
};

/// The operator M(a) for a pair with p > 0. Immutable; copies are cheap (they share their state) and may be
/// used from several threads at once.
///
/// Vectors in and out have length D; out may be the same memory as x, but overlap neither it nor g and y in
/// part. All elements of x must be finite.
/// Every operation is linear in D in time and memory: nothing D x D is formed unless asked for by dense().
/// For D = 1, where M = y/g whatever a is, a stands for a* = y/g in every formula below.
/// apply, solve and the quadratic forms return the correctly rounded value of each element of the exact
/// result; roots and factors are exact combinations of the vectors with coefficients known to
/// `coefficient_bits` bits, rounded once: see `root_bound`. All bits are the same on every machine.
/// Where y.x/p, g.x/gg or another coefficient of the result is beyond 2^-+900, or elements are nearly
/// subnormal, integers compute elements, in the order of a microsecond each; one huge x_i is enough. From
/// 2^18 elements on, threads share the work as in Gram::of.
/// @throws ContractError for a wrong length or an overlap; NonFiniteError for NaN or infinity in x, naming
///   "x" and the element, or "x.col(k)" and the row
class NATGRAD_API MetricOperator {
 public:
  /// A move is a copy: what was moved from goes on working.
  MetricOperator(const MetricOperator&) = default;
  MetricOperator& operator=(const MetricOperator&) = default;
  ~MetricOperator() = default;

  /// Bits to which the coefficients of roots and factors are known, relative to their largest part.
  static constexpr int coefficient_bits = 192;
  /// |computed - exact|_i <= ulp(exact_i)/2 + root_bound * (sum of the magnitudes of the terms of element i),
  /// the terms being those of the formula at each function. Tests use this bound.
  static constexpr double root_bound = 0x1p-180;

  std::uint64_t dimension() const noexcept;
  const Gram& gram() const noexcept;
  Alpha alpha() const noexcept;
  std::span<const double> g() const noexcept;
  std::span<const double> y() const noexcept;

  /// M x = y (y.x)/p + a (x - g (g.x)/gg), each element correctly rounded.
  /// Cost: two passes, one of the exact dot products and one of the elements. @claim canonical_form.apply
  void apply(std::span<const double> x, std::span<double> out) const;
  arma::vec apply(const arma::vec& x) const;
  /// Of floats, each element the float nearest to the exact one.
  void apply(std::span<const float> x, std::span<float> out) const;
  /// M times every column of x (D x any). A thread reads g and y once for up to sixteen columns.
  arma::mat apply_columns(const arma::mat& x) const;

  /// M^-1 x = x/a - (g (y.x) + y (g.x))/(a p) + (yy/(a p^2) + 1/p) g (g.x), each element correctly rounded.
  /// solve(y) == g and apply(g) == y hold exactly. @claim canonical_form.solve
  void solve(std::span<const double> x, std::span<double> out) const;
  arma::vec solve(const arma::vec& x) const;
  void solve(std::span<const float> x, std::span<float> out) const;
  arma::mat solve_columns(const arma::mat& x) const;

  /// x^T M x = (y.x)^2/p + a (x.x - (g.x)^2/gg), correctly rounded (may round to +inf).
  /// @claim canonical_form.quadratic_form
  double quadratic_form(std::span<const double> x) const;
  double quadratic_form(const arma::vec& x) const;
  double quadratic_form(const std::vector<double>& x) const { return quadratic_form(std::span(x)); }
  /// x^T M^-1 x = x.x/a - 2 (g.x)(y.x)/(a p) + (yy/(a p^2) + 1/p)(g.x)^2, correctly rounded.
  /// @claim canonical_form.inverse_quadratic_form
  double inverse_quadratic_form(std::span<const double> x) const;
  double inverse_quadratic_form(const arma::vec& x) const;
  double inverse_quadratic_form(const std::vector<double>& x) const {
    return inverse_quadratic_form(std::span(x));
  }

  /// M^1/2 x, the symmetric positive definite root: sqrt(a) x + W x/tau - K x a a*/(tau (a + delta +
  /// sqrt(a) tau)), with d = a p/gg, delta = sqrt(d), tau = sqrt(a + a* + 2 delta),
  /// W = y y^T/p - a gh gh^T, K = gh gh^T + yh yh^T - c (gh yh^T + yh gh^T), gh = g/|g|, yh = y/|y|.
  /// Terms of element i: sqrt(a) x_i, and every part of the coefficients of y_i and g_i.
  /// @claim canonical_form.root
  void root_apply(std::span<const double> x, std::span<double> out) const;
  arma::vec root_apply(const arma::vec& x) const;
  /// M^-1/2 x = x/sqrt(a) - W x/(tau delta) + K x a a* (a* + 2 delta)/(tau sqrt(a) delta (sqrt(a)
  /// (a* + delta) + tau delta)). @claim canonical_form.inverse_root
  void root_solve(std::span<const double> x, std::span<double> out) const;
  arma::vec root_solve(const arma::vec& x) const;

  /// J x with M = J J^T, J = sqrt(a) I + (y - delta g) g^T/sqrt(p gg). @claim canonical_form.factor
  /// J z with z standard normal has covariance M.
  void factor_apply(std::span<const double> x, std::span<double> out) const;
  arma::vec factor_apply(const arma::vec& x) const;
  /// J^T x.
  void factor_transpose_apply(std::span<const double> x, std::span<double> out) const;
  arma::vec factor_transpose_apply(const arma::vec& x) const;
  /// J^-1 x = (x - (y - delta g)(g.x)/p)/sqrt(a). @claim canonical_form.factor_solve
  void factor_solve(std::span<const double> x, std::span<double> out) const;
  arma::vec factor_solve(const arma::vec& x) const;
  /// J^-T x.
  void factor_transpose_solve(std::span<const double> x, std::span<double> out) const;
  arma::vec factor_transpose_solve(const arma::vec& x) const;

  /// The triangular factorisation in O(D), from exact prefix sums. @claim canonical_form.ldl
  LdlFactor ldl() const;

  /// The dense D x D matrix, each entry correctly rounded. Below c = 1e-8 it may be indefinite as a
  /// matrix of doubles: keep the operator. Cost: O(D^2) time and memory. @claim canonical_form.dense
  arma::mat dense() const;

  /// Eigenvalues in ascending order with multiplicities; equal real eigenvalues are one entry.
  /// {lambda_min, a (D - 2 times), lambda_max}; {r} for D = 1. @claim canonical_form.spectrum
  std::vector<Eigenvalue> spectrum() const;

  /// natgrad::scalars(gram(), alpha()).
  Scalars scalars() const;

 protected:
  explicit MetricOperator(std::shared_ptr<const MetricState> state);

 private:
  std::shared_ptr<const MetricState> state_;
};

/// An operator that owns a copy of g and y.
class NATGRAD_API Metric : public MetricOperator {
 public:
  /// M(a) for the pair (g, y); nullopt unless p = y.g > 0 (Gram::of(g, y).judge() says why), or if no M(a)
  /// has the trace asked for (Alpha::of_trace).
  /// @pre g.size() == y.size() >= 1, all finite   @throws ContractError, NonFiniteError
  static std::optional<Metric> make(std::span<const double> g, std::span<const double> y, Alpha a = {});
  static std::optional<Metric> make(std::span<const float> g, std::span<const float> y, Alpha a = {});
  static std::optional<Metric> make(const arma::vec& g, const arma::vec& y, Alpha a = {});
  static std::optional<Metric> make(const std::vector<double>& g, const std::vector<double>& y,
                                    Alpha a = {}) {
    return make(std::span(g), std::span(y), a);
  }

 private:
  using MetricOperator::MetricOperator;
};

/// An operator on memory that the caller keeps alive and unchanged; copies nothing.
class NATGRAD_API MetricView : public MetricOperator {
 public:
  /// As Metric::make. g and y must outlive the view and all its copies.
  static std::optional<MetricView> make(std::span<const double> g, std::span<const double> y, Alpha a = {});
  /// With the Gram of the same g and y already known: no pass over the vectors.
  /// @pre gram == Gram::of(g, y) (the lengths are checked, the rest is the caller's word)
  static std::optional<MetricView> make(std::span<const double> g, std::span<const double> y,
                                        const Gram& gram, Alpha a = {});

 private:
  using MetricOperator::MetricOperator;
};

// --------------------------------------------------------------------------------- every metric of a pair

struct GeneralMetricState;
struct BlockMetric;

/// Any metric of a pair with p > 0: M = y y^T/p + P C P, with P = I - g g^T/gg the projector onto g^perp and
/// C positive definite on g^perp. Immutable; copies share their state; may be used from several threads at
/// once.
///
/// C is U U^T for a basis U of g^perp (the canonical form of the paper), a symmetric matrix B, or diag(d). A
/// U or B of doubles is hardly ever exactly orthogonal to g; the two projectors make it so, exactly: M g = y
/// holds for the real matrix M, whatever the rounding of U and B. Where g^T U = 0 or B g = 0 exactly, they
/// change nothing. Conversely every symmetric positive definite M with M g = y has this form, with C = M - y
/// y^T/p. (Paper: existence theorem, canonical form; the converse is its uniqueness theorem.)
///
/// Vectors have length D. apply, the quadratic form, dense, factor_apply and factor_transpose_apply are
/// correctly rounded, element by element; solve and factor_solve return rigorous boxes. For D = 1, M = y/g.
/// @throws ContractError for a wrong length, NonFiniteError for NaN or infinity in an argument
class NATGRAD_API GeneralMetric {
 public:
  /// What C was given as.
  enum class Form { basis, block, diagonal };

  /// How far columns of U may be from orthogonal to g, as a cosine, and B from B g = 0: a few thousand
  /// roundings.
  static constexpr double default_tolerance = 0x1p-40;
  /// Up to this dimension solutions and definiteness that floating point cannot settle are settled by
  /// elimination in integers.
  static constexpr arma::uword exact_limit = 12;

  /// M = y y^T/p + (P U)(P U)^T. The columns of U, D x (D - 1), are any basis of g^perp up to the tolerance;
  /// they need be neither orthonormal nor of similar length. Nullopt unless p = y.g > 0 (Gram::of(g,
  /// y).judge() says why), and then only shapes, finiteness and the tolerance have been checked.
  ///
  /// P U has rank D - 1 iff [g U] has rank D (P U c = 0 iff U c is a multiple of g). That is certified from
  /// an approximate inverse X of [g U] with its columns scaled, if |I - X [g U]| < 1, or else by elimination
  /// modulo two 32-bit primes, to which a refusal is left as well.
  /// @pre g.size() == y.size() = D >= 1, all elements finite, tolerance finite and >= 0;
  ///   |g.u_j| <= tolerance |g||u_j| for every column (decided exactly; 0 demands orthogonality), rank(P U) =
  ///   D - 1
  /// @throws ContractError naming the column: the first that is zero, or oblique (with its cosine), or that
  ///   depends on g and the columns before it; the shape; the position of an element that is not finite
  /// Cost: D^3 floating-point operations, some ten times over, and one exact pass over U.
  /// @claim canonical_form.basis
  static std::optional<GeneralMetric> from_basis(const arma::vec& g, const arma::vec& y, const arma::mat& u,
                                                 double tolerance = default_tolerance);

  /// M = y y^T/p + P B P. That P B P is positive definite on g^perp is decided, and the outcome says how.
  /// @pre as from_basis; B is D x D, exactly symmetric, |B g| <= tolerance ‖B‖_F |g| (decided exactly)
  /// @throws ContractError naming the shape, |B g|/(‖B‖_F |g|), or the position of the first B_ij != B_ji or
  ///   of an element that is not finite
  /// Cost: D^3 floating-point operations, some ten times over, and one exact pass over B.
  /// @claim canonical_form.block
  static BlockMetric from_block(const arma::vec& g, const arma::vec& y, const arma::mat& b,
                                double tolerance = default_tolerance);

  /// M = y y^T/p + P diag(d) P; O(D) in time and memory. d = a for all i is M(a). Nullopt unless p > 0.
  /// @pre all d_i finite and > 0   @throws ContractError naming the element of d
  /// @claim canonical_form.diagonal
  static std::optional<GeneralMetric> from_diagonal(const arma::vec& g, const arma::vec& y,
                                                    const arma::vec& d);

  /// A move is a copy: what was moved from goes on working.
  GeneralMetric(const GeneralMetric&) = default;
  GeneralMetric& operator=(const GeneralMetric&) = default;
  ~GeneralMetric() = default;

  std::uint64_t dimension() const noexcept;
  const Gram& gram() const noexcept;
  Form form() const noexcept;
  const arma::vec& g() const noexcept;
  const arma::vec& y() const noexcept;

  /// M x = y (y.x)/p + P C P x, each element correctly rounded; apply(g) == y.
  /// Cost: an exact pass over B, two over U, or O(D). @claim canonical_form.general_apply
  arma::vec apply(const arma::vec& x) const;

  /// x^T M x = (y.x)^2/p + (P x)^T C (P x), correctly rounded (may round to +inf). Cost: an exact pass.
  /// @claim canonical_form.general_quadratic_form
  double quadratic_form(const arma::vec& x) const;

  /// A box of M^-1 x = v + g (g.x - y.v)/p, where P C P v = x - y (g.x)/p; solve(y) is g, with radius 0.
  ///
  /// v is found by iterative refinement with exact residuals; its error is at most the exact residual over a
  /// certified lower bound of C on g^perp. For a diagonal, by interval arithmetic of growing precision.
  /// Wanted is |exact_i - value_i| <= (1/2 + 2^-20) ulp(value_i); the radius, rounded up to a double, says
  /// what was reached. It is larger only for D > exact_limit, where the refinement stops short: for a nearly
  /// singular C (infinite where no bound of C is known), and for elements that are much smaller than others.
  /// Where an element overflows, value is the largest double and the radius may be infinite.
  ///
  /// Cost: that of three to ten apply.
  /// @claim canonical_form.general_solve
  EnclosedVector solve(const arma::vec& x) const;

  /// The dense D x D matrix, each entry correctly rounded and M_ij == M_ji. As a matrix of doubles it may be
  /// indefinite and does not map g to y: keep the operator.
  /// Cost: D^2 rounded quotients, for a basis also D^3/2 exact products. @claim canonical_form.general_dense
  arma::mat dense() const;

  /// J z with M = J J^T, J = [y/sqrt(p), P U] (D x D): each element correctly rounded. J z with z standard
  /// normal has covariance M. Cost: an exact pass over U.
  /// @pre form() is basis   @throws ContractError   @claim canonical_form.general_factor
  arma::vec factor_apply(const arma::vec& z) const;
  /// J^T x = [y.x/sqrt(p); (P U)^T x], each element correctly rounded. @pre form() is basis
  arma::vec factor_transpose_apply(const arma::vec& x) const;
  /// A box of J^-1 x = [g.x/sqrt(p); c], where U c + g c_0 = x - y (g.x)/p, c = (P U)^+ (x - y (g.x)/p); as
  /// solve().
  /// @pre form() is basis   @throws ContractError   @claim canonical_form.general_factor_solve
  EnclosedVector factor_solve(const arma::vec& x) const;

 private:
  explicit GeneralMetric(std::shared_ptr<const GeneralMetricState> state);

  std::shared_ptr<const GeneralMetricState> state_;
};

/// Why from_block has, or has not, made a metric.
enum class BlockReason {
  metric,         ///< yes
  no_descent,     ///< no: p <= 0, no metric of the pair exists
  not_definite,   ///< no: P B P is not positive definite on g^perp
  no_certificate  ///< undetermined: neither a proof nor a witness was found; only for D > exact_limit
};

/// The outcome of GeneralMetric::from_block.
struct BlockMetric {
  Answer answer = Answer::undetermined;
  BlockReason reason = BlockReason::no_certificate;
  std::optional<GeneralMetric> metric;  ///< if and only if the answer is yes
  /// For not_definite, x with P x != 0 and (P x)^T B (P x) <= 0, exactly; empty if elimination alone refuted.
  arma::vec witness;
};

}  // namespace natgrad

#endif
