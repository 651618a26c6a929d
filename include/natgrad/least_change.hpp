// natgrad: the other optimal metrics: of all SPD M with M g = y, the one that is best by each of eight
// measures.
//
// Notation: g the update, y = -grad L, gg = g.g, p = y.g > 0, yy = y.y, c = cos psi, s = sin psi, a* = yy/p,
//   r = |y|/|g|, S = gg yy - p^2, gh, yh the unit vectors of g and y, Pi the projector on span(g, y),
//   M(a) = y y^T/p + a (I - g g^T/gg).
// Every optimum is the block of some M(a) on span(g, y), beside tau times the identity on the complement:
//   M = Pi M(a) Pi + tau (I - Pi),
//
//   optimum      least value of                            a                       tau
//   condition    kappa                                     a*                      a*
//   omega        (tr M/D)/det^(1/D)                        a*                      a*
//   bfgs         tr M - a ln det M                         a, given (1)            a
//   determinant  -ln det M subject to tr M = T             (T - a*)/(D - 1)        a
//   dfp          tr M^-1 + ln det M                        gg yy/p^2               1
//   psb          |M - I|_F                                 1 - S/(p gg)            1
//   ray          affine-invariant distance to {b I, b > 0} a*                      r
//   identity     affine-invariant distance to I            a* e^(2 h), see below   1
//
// (affine-invariant distance: |ln(A^-1/2 M A^-1/2)|_F). For identity h is the root of h + ln r + u q = 0 with
// u = asinh(t/c), q = sinh(h)/t, t = sqrt(sinh(h)^2 + s^2); the left side grows with h at a rate of at
// least 1. psb is definite, and so attained, iff S < p gg; then and in every other row but condition the
// minimiser is unique (in omega up to no scale, because M g = y fixes it; condition and its further
// minimisers: see condition()). D = 1: every M is y/g. s = 0: M = r on g and tau beside it, whatever a.
//
// Sources: Dennis & Wolkowicz 1993 (omega), Fletcher 1991 (tr M - ln det M), Powell 1970 (psb), Nocedal &
// Wright 2006, sections 6.1-6.2 (bfgs, dfp); ray and identity follow from the slice {M : M g = y} being
// totally geodesic in the affine-invariant geometry of SPD matrices: M^-1/2 N M^-1/2 fixes M^1/2 g, and so do
// its powers.
#ifndef NATGRAD_LEAST_CHANGE_HPP
#define NATGRAD_LEAST_CHANGE_HPP

#include <armadillo>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "natgrad/canonical_form.hpp"
#include "natgrad/enclosure.hpp"
#include "natgrad/scalars.hpp"

namespace natgrad {

/// The measure that a metric is optimal for.
enum class Optimum { condition, omega, bfgs, determinant, dfp, psb, ray, identity };

/// "condition", "omega", "bfgs", "determinant", "dfp", "psb", "ray" or "identity".
NATGRAD_API std::string_view to_string(Optimum optimum) noexcept;
/// The optimum of that name; nullopt if there is none.
NATGRAD_API std::optional<Optimum> optimum_named(std::string_view name) noexcept;
/// All, in the order of the enumeration.
NATGRAD_API std::span<const Optimum> all_optima() noexcept;
/// One line: what is least, and the parameter if there is one.
NATGRAD_API std::string_view describe(Optimum optimum) noexcept;

/// Whether the optimum exists.
enum class Existence {
  attained,      ///< by one SPD M
  not_attained,  ///< psb with S >= p gg: the infimum is that of a singular M
  infeasible,    ///< determinant: no SPD M with M g = y has the trace T (T <= a*; for D = 1, T != a*)
  no_metric      ///< p <= 0: no SPD M maps g to y, or g = y = 0 and all do
};

/// "attained", "not_attained", "infeasible" or "no_metric".
NATGRAD_API std::string_view to_string(Existence existence) noexcept;

/// Decided exactly, in integers.
/// @param parameter a for bfgs (1 unless given), T for determinant (required), none for the others
/// @pre dimension >= 1; a parameter is finite, > 0 and one that the optimum takes
/// @throws ContractError naming the optimum and the value
/// @claim least_change.existence
NATGRAD_API Existence existence(Optimum optimum, const Gram& gram, std::optional<double> parameter = {});

/// The least value of what the optimum is the optimum of, correctly rounded: kappa(M), omega(M), tr M - a ln
/// det M, ln det M (the greatest), tr M^-1 + ln det M, |M - I|_F, and the two distances. Where it is not
/// attained, the infimum: for psb sqrt((a* - 1)^2 + 1), that of y y^T/p + (I - Pi). nullopt if infeasible or
/// there is no metric. Closed forms: kappa* = ((1 + s)/c)^2; c^(-2/D); a* + (D-1) a - a ln det M(a); ln det
/// M((T - a*)/(D-1)); gg/p + D - 1 + ln a*; sqrt((p - gg)^2 + 2 S)/gg; sqrt(2) ln((1 + s)/c); sqrt(2) u
/// sqrt(1 + q^2).
/// @pre, @throws as existence()   @claim least_change.objective
NATGRAD_API std::optional<double> objective(Optimum optimum, const Gram& gram,
                                            std::optional<double> parameter = {});

/// Scalars of an optimal metric: functions of the Gram, correctly rounded, as those of struct Scalars.
/// nullopt if the metric is not attained, except `objective`.
///
/// Those of identity are functions of the root of a transcendental equation; what they round to is decided by
/// enclosures, except that a value within 2^-8192 of its size of a double, or of a midpoint of two, is taken
/// to lie on it: no exact case is known but S = 0 and gg = yy, which integers decide.
struct OptimumScalars {
  Existence existence = Existence::no_metric;
  std::optional<double> objective;  ///< see natgrad::objective
  std::optional<double> alpha;  ///< a, where M is M(a) for every pair: condition, omega, bfgs, determinant
  std::optional<double> block_alpha;  ///< the a of the block on span(g, y); nullopt for D = 1
  std::optional<double> complement;   ///< tau; nullopt for D = 1
  std::optional<double> lambda_min, lambda_max;
  std::optional<double> condition, sqrt_condition, log_condition;
  std::optional<double> trace, log_det;

  friend bool operator==(const OptimumScalars&, const OptimumScalars&) = default;
};

/// Members of the family (condition, omega, bfgs, determinant) have the bits of natgrad::scalars(gram, a).
/// Cost: O(1) in D.
/// @pre, @throws as existence()   @claim least_change.scalars
NATGRAD_API OptimumScalars optimum_scalars(Optimum optimum, const Gram& gram,
                                           std::optional<double> parameter = {});

/// A greatest lower (least upper) bound over all SPD M with M g = y, and whether some M has it.
struct Extremum {
  double value = 0;  ///< correctly rounded
  bool attained = false;

  friend bool operator==(const Extremum&, const Extremum&) = default;
};
/// inf lambda_max(M) = yy/p, attained iff s = 0 (by r I). nullopt unless p > 0. @claim least_change.extrema
NATGRAD_API std::optional<Extremum> infimum_lambda_max(const Gram& gram);
/// sup lambda_min(M) = p/gg, attained iff s = 0. nullopt unless p > 0.
NATGRAD_API std::optional<Extremum> supremum_lambda_min(const Gram& gram);
/// inf tr M = yy/p, attained iff D = 1. nullopt unless p > 0.
NATGRAD_API std::optional<Extremum> infimum_trace(const Gram& gram);

/// The multiplier of the first-order condition, which is sufficient because each measure is convex (kappa,
/// omega: quasiconvex; distances: geodesically convex) on the slice {M : M g = y}:
///   grad f(M) = mu I + g v^T + v g^T,   v = along_g g + along_y y,
/// f being ln kappa (with the subgradient u+ u+^T/lambda+ - u- u-^T/lambda- of its extreme unit
/// eigenvectors), ln omega, tr M - a ln det M, ln det M (mu = 1/a), |M - I|^2/2, distance^2/2 (gradient M^-1
/// ln M, or M^-1 ln(M/r)); and for dfp in the space of the inverses, H = M^-1 with H y = g, f = tr H - ln det
/// H:
///   grad f(H) = I - M = y v^T + v y^T.
/// mu = 0 but for determinant. Correctly rounded.
struct Certificate {
  double mu = 0, along_g = 0, along_y = 0;

  friend bool operator==(const Certificate&, const Certificate&) = default;
};
/// v = (y/yy - g/p) times 1/s, 1/D, asinh(s/c)/s for condition, omega, ray (0 for condition with s = 0, where
/// kappa = 1 is least because it always is); y/p - (yy/p^2 + a/p) g/2 for bfgs; -1/a times that for
/// determinant; g/p - (gg + p) y/(2 p^2) for dfp; y/gg - (gg + p) g/(2 gg^2) for psb; (u/t)(e^-h y/yy -
/// cosh(h) g/p) for identity (ln(r)/(2 p) g for s = 0). nullopt unless attained.
/// @pre, @throws as existence()   @claim least_change.certificate
NATGRAD_API std::optional<Certificate> certificate(Optimum optimum, const Gram& gram,
                                                   std::optional<double> parameter = {});

// ---------------------------------------------------------------------------- a dense competitor

/// What a dense symmetric matrix is by the measure of an optimum.
struct OptimumCompetitor {
  /// f(M), the measure that `objective` is the least (for determinant: the greatest) value of. The whole line
  /// where M is not certified positive definite; psb's |M - I|_F needs no certificate.
  Enclosure measure{-std::numeric_limits<double>::infinity(), std::numeric_limits<double>::infinity()};
  /// How much worse than the optimum: f(M) - f(M*), for determinant f(M*) - f(M), M* being the optimum, or
  /// where it is not attained its infimum. >= 0 for every metric of the pair (for determinant: of trace T),
  /// so that hi < 0 proves that M is none. nullopt where there is no M*: p <= 0, or infeasible.
  std::optional<Enclosure> excess;
};
/// Rigorous enclosures for M as it stands: it need not map g to y. Trace and |M - I|_F are exact but for one
/// rounding, ln det M and tr M^-1 come from a Cholesky factorisation with bounds, the condition number from
/// bounds of the extreme eigenvalues, and the two distances from an eigendecomposition whose residual and
/// orthogonality are bounded (Weyl, Ostrowski). Widths grow like D^3 u kappa(M) (dfp and the two distances,
/// sums over D numbers) or less, u = 2^-53.
/// @pre m symmetric, D x D with D = gram.dimension() >= 1, all finite; parameter as existence()
/// @throws ContractError naming argument, position and value
/// Cost: O(D^2) for psb, else O(D^3): a few factorisations, for the distances an eigendecomposition and three
/// products. @claim least_change.competitor
NATGRAD_API OptimumCompetitor optimum_competitor(Optimum optimum, const arma::mat& m, const Gram& gram,
                                                 std::optional<double> parameter = {});

struct OptimalState;

/// An optimal metric as an operator kept in factors; owns a copy of g and y. Immutable; copies are cheap
/// (they share their state) and may be used from several threads at once.
///
/// Every element of every result is the correctly rounded value of the exact one (for identity with the
/// exception stated at OptimumScalars). apply(g) == y and solve(y) == g hold exactly. Vectors in and out have
/// length D; out may be the same memory as x, but may not overlap it in part. Cost: two exact dot products (2
/// passes), then one pass of elements; O(D) memory.
/// @throws ContractError for a wrong length or an overlap, NonFiniteError for NaN or infinity in x (name "x")
class NATGRAD_API OptimalMetric {
 public:
  /// nullopt unless the optimum is attained: existence(optimum, Gram::of(g, y), parameter) says why.
  /// @pre g.size() == y.size() >= 1, all finite; parameter as existence()   @throws ContractError,
  /// NonFiniteError
  static std::optional<OptimalMetric> make(Optimum optimum, std::span<const double> g,
                                           std::span<const double> y, std::optional<double> parameter = {});
  static std::optional<OptimalMetric> make(Optimum optimum, const arma::vec& g, const arma::vec& y,
                                           std::optional<double> parameter = {});
  static std::optional<OptimalMetric> make(Optimum optimum, const std::vector<double>& g,
                                           const std::vector<double>& y,
                                           std::optional<double> parameter = {}) {
    return make(optimum, std::span(g), std::span(y), parameter);
  }

  /// A move is a copy: what was moved from goes on working.
  OptimalMetric(const OptimalMetric&) = default;
  OptimalMetric& operator=(const OptimalMetric&) = default;
  ~OptimalMetric() = default;

  Optimum optimum() const noexcept;
  /// As given; 1 for bfgs if none was.
  std::optional<double> parameter() const noexcept;
  const Gram& gram() const noexcept;
  std::uint64_t dimension() const noexcept;
  std::span<const double> g() const noexcept;
  std::span<const double> y() const noexcept;

  /// M x. dfp: M = (I - y g^T/p)(I - g y^T/p) + y y^T/p, the inverse of M(1) of the exchanged pair (y, g);
  /// psb: M = I + (z g^T + g z^T)/gg - (g.z) g g^T/gg^2 with z = y - g;
  /// ray: M = r (I + (2+c)/(c(1+c)) yh yh^T - (gh gh^T + gh yh^T + yh gh^T)/(1+c)), whose inverse is that of
  /// (y, g).
  /// @claim least_change.apply
  void apply(std::span<const double> x, std::span<double> out) const;
  arma::vec apply(const arma::vec& x) const;
  /// M^-1 x. @claim least_change.solve
  void solve(std::span<const double> x, std::span<double> out) const;
  arma::vec solve(const arma::vec& x) const;
  /// x^T M x (may round to +inf). @claim least_change.quadratic_form
  double quadratic_form(std::span<const double> x) const;
  double quadratic_form(const arma::vec& x) const;
  double quadratic_form(const std::vector<double>& x) const { return quadratic_form(std::span(x)); }

  /// The dense D x D matrix. Cost: O(D^2). @claim least_change.dense
  arma::mat dense() const;
  /// Eigenvalues in ascending order with multiplicities; equal real eigenvalues are one entry: lambda_min,
  /// tau (D - 2 times), lambda_max. @claim least_change.spectrum
  std::vector<Eigenvalue> spectrum() const;

  /// optimum_scalars(optimum(), gram(), parameter()).
  OptimumScalars scalars() const;

 private:
  explicit OptimalMetric(std::shared_ptr<const OptimalState> state);

  std::shared_ptr<const OptimalState> state_;
};

}  // namespace natgrad

#endif
