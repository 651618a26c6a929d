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

#include "natgrad/gram.hpp"
#include "natgrad/scalars.hpp"

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
/// @throws ContractError for a wrong length or an overlap, NonFiniteError for NaN or infinity in x (name "x")
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
  /// Cost: two exact dot products (2 passes), one pass of elements. @claim canonical_form.apply
  void apply(std::span<const double> x, std::span<double> out) const;
  arma::vec apply(const arma::vec& x) const;

  /// M^-1 x = x/a - (g (y.x) + y (g.x))/(a p) + (yy/(a p^2) + 1/p) g (g.x), each element correctly rounded.
  /// solve(y) == g and apply(g) == y hold exactly. @claim canonical_form.solve
  void solve(std::span<const double> x, std::span<double> out) const;
  arma::vec solve(const arma::vec& x) const;

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
  /// M(a) for the pair (g, y); nullopt unless p = y.g > 0 (Gram::of(g, y).judge() says why).
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

}  // namespace natgrad

#endif
