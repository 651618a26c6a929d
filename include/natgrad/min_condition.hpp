// natgrad: the minimum condition number: the bound that every metric of a pair obeys, all metrics that attain
// it, and the optimum relative to another metric.
//
// Notation: gg, p, yy, D from the Gram; c = cos psi = p/sqrt(gg yy), s = sin psi, S = gg yy - p^2, a* = yy/p;
// lambda+- = a*(1 +- s), kappa* = lambda+/lambda- = ((1 + s)/c)^2; Pi the projector on span(g, y). A metric
// of the pair is a symmetric positive definite (SPD) M with M g = y.
//
// The bound. If m I <= M <= l I and M g = y, then (M - m I)(l I - M) >= 0, and at g this says
//   (y - m g).(l g - y) = (m + l) p - m l gg - yy >= 0.
// By the inequality of the means m l gg + yy >= 2 sqrt(m l gg yy), so (m + l)/(2 sqrt(m l)) >= 1/c, that is
// l/m >= kappa* (Wielandt, Kantorovich). Conversely let 0 < m <= l and the slack (y - m g).(l g - y) be >= 0,
// and put u = y - m g. If u = 0, M = m I will do. Else u.g > 0 (for m < l since (l - m) u.g = |u|^2 + the
// slack, and for m = l the slack is -|u|^2), and M = m I + u u^T/(u.g) is a metric with the eigenvalues m and
// m + |u|^2/(u.g) <= l. So the slack decides, in any dimension (for D = 1 it says m <= y/g <= l).
//
// All minimisers. Let l/m = kappa*. Then the inequality of the means is an equality, so m l = yy/gg, which
// with l/m = kappa* leaves only m = lambda-, l = lambda+, and the slack is 0: with N = (M - m I)(l I - M) >=
// 0, g^T N g = 0 and so N g = 0, that is M y = (m + l) y - m l g = 2 a* y - (yy/gg) g. So span(g, y) is
// invariant and M agrees there with M(a*); on the complement M is any symmetric operator with its spectrum in
// [lambda-, lambda+]. For D = 2 with s > 0, and for s = 0 (where M = (p/gg) I), nothing is left to choose.
#ifndef NATGRAD_MIN_CONDITION_HPP
#define NATGRAD_MIN_CONDITION_HPP

#include <armadillo>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "natgrad/enclosure.hpp"
#include "natgrad/gram.hpp"
#include "natgrad/scalars.hpp"
#include "natgrad/verdict.hpp"

namespace natgrad {

// ------------------------------------------------------------------------------ functions of the Gram
//
// All correctly rounded (nearest double, ties to even, +-inf and 0 where IEEE rounding says so), independent
// of the caller's floating-point environment. Cost: O(1) in D, a few operations on integers.

/// kappa* - 1 = 2 s (1 + s)/c^2: accurate also where kappa* rounds to 1. nullopt unless p > 0; 0 iff s = 0.
/// Obeys kappa* = 4/c^2 - 2 - 1/kappa*, sqrt(kappa*) = tan(pi/4 + psi/2) and ln kappa* = 2 asinh(s/c).
/// @claim min_condition.minus_one
NATGRAD_API std::optional<double> condition_minus_one(const Gram& gram);

/// d ln kappa*/d psi = 2/c, per radian: the conditioning of ln kappa* with respect to the angle; at psi = 0
/// the one-sided derivative, 2. nullopt unless p > 0. @claim min_condition.conditioning
NATGRAD_API std::optional<double> log_condition_by_angle(const Gram& gram);
/// d ln kappa*/d ln c = -2/s: the relative condition number of kappa* as a function of c. At s = 0 the
/// one-sided derivative, -infinity: there kappa* - 1 grows like the root of 1 - c. nullopt unless p > 0.
/// @claim min_condition.conditioning
NATGRAD_API std::optional<double> log_condition_by_log_cosine(const Gram& gram);

/// (m + l) p - m l gg - yy: >= 0 for every metric of the pair with its spectrum in [m, l]. The sign is exact.
/// @pre m, l finite, 0 < m <= l, gram.dimension() >= 1   @throws ContractError naming the argument
/// @claim min_condition.spectrum
NATGRAD_API double spectrum_slack(const Gram& gram, double m, double l);
/// Does a metric of the pair with its spectrum in [m, l] exist? Iff the slack is >= 0 (proof above), decided
/// exactly. False whenever the pair has no metric; true for g = y = 0.
/// @pre as spectrum_slack
NATGRAD_API bool spectrum_is_possible(const Gram& gram, double m, double l);

/// l/m - kappa* for the real quotient l/m: >= 0 for every metric of the pair with its spectrum in [m, l]. The
/// sign is exact. nullopt unless p > 0. @pre as spectrum_slack   @claim min_condition.bound
NATGRAD_API std::optional<double> condition_excess(const Gram& gram, double m, double l);

/// What the bound says of a competitor with its spectrum in [m, l].
struct CompetitorBound {
  bool possible = false;   ///< spectrum_is_possible
  double slack = 0;        ///< spectrum_slack
  double condition = 1;    ///< l/m
  double kantorovich = 0;  ///< (m + l)^2 p^2 - 4 m l gg yy, for p > 0 of the sign of the excess
  std::optional<double> least_condition;  ///< kappa*; nullopt unless p > 0
  std::optional<double> excess;           ///< condition_excess; nullopt unless p > 0

  friend bool operator==(const CompetitorBound&, const CompetitorBound&) = default;
};
/// Every number correctly rounded. @pre as spectrum_slack   @claim min_condition.bound
NATGRAD_API CompetitorBound competitor_bound(const Gram& gram, double m, double l);

// --------------------------------------------------------------------------------- a dense competitor

/// Enclosures of what a dense symmetric matrix is as a competitor.
struct Competitor {
  Enclosure smallest_eigenvalue, largest_eigenvalue;
  Enclosure condition;              ///< largest/smallest; [1, inf] unless M is certified positive definite
  Enclosure slack;                  ///< spectrum_slack at the extreme eigenvalues
  std::optional<Enclosure> excess;  ///< condition - kappa*; nullopt unless p > 0
  /// Can M be a metric of the pair, by the bound? no: its spectrum rules it out, whatever M g is. yes: a
  /// metric with this spectrum's ends exists (M itself need not be one: that M g = y the Gram cannot tell).
  Answer possible = Answer::undetermined;
};
/// Eigenvalues certified from M alone (LAPACK only guesses), to a few D u ‖M‖ up to D = 800, a few
/// D^2 u ‖M‖ beyond (entries above 2^-900 or so).
/// @pre M symmetric, D x D with D = gram.dimension() >= 1, all finite   @throws ContractError
/// Cost: O(D^3), a few Cholesky factorisations. @claim min_condition.competitor
NATGRAD_API Competitor competitor(const arma::mat& m, const Gram& gram);

// ----------------------------------------------------------------------------------- all minimisers

struct MinimiserState;

/// M = M(a*) + sum_j (values_j - a*) v_j v_j^T, where v_1 .. v_k is the orthonormal basis that the
/// Gram-Schmidt process makes from the projections of the columns of V on the complement of span(g, y). Every
/// such M is a metric of the pair with condition number kappa*, and every metric with this condition number
/// is one, with k = D - 2. Kept in factors: O(D k) storage.
///
/// v_j is the exact real vector, and results are enclosures of the exact M x: the factors are exact, their
/// coefficients are made by interval arithmetic at a precision that grows until each element is known to an
/// ulp, to 2^-256 of its largest term (and to 2^-128), or to 2^-1140, far below the smallest double.
/// Immutable; copies share their state; const members may run concurrently. @claim min_condition.minimiser
class NATGRAD_API Minimiser {
 public:
  /// nullopt unless p = y.g > 0.
  /// @pre g, y, values finite; V is D x k and finite, k = values.n_elem; k <= D - 2 (D - 1 where s = 0)
  /// @pre g, y and the columns of V are linearly independent (g and V where s = 0). What is accepted is so; a
  ///   column is refused if it depends on those before it modulo two primes near 2^32, which for independent
  ///   data is an accident of probability 2^-60.
  /// @pre lambda- <= values_j <= lambda+, decided exactly (for s = 0 that leaves values_j = p/gg)
  /// @throws ContractError naming the argument, the offending index and for values the interval
  /// Cost: (k + 2)^2/2 exact dot products of length D.
  static std::optional<Minimiser> make(const arma::vec& g, const arma::vec& y, const arma::mat& v,
                                       const arma::vec& values);
  /// M(a*) itself, k = 0: the inverse of the one-pair L-BFGS matrix H = (I - rho g y^T)(I/a*)(I - rho y g^T)
  /// + rho g g^T, rho = 1/p, with the usual scaling s.y/y.y = 1/a* (Nocedal & Wright 2006, eq. 7.20).
  static std::optional<Minimiser> make(const arma::vec& g, const arma::vec& y);

  std::uint64_t dimension() const noexcept;
  std::uint64_t rank() const noexcept;  ///< k
  const Gram& gram() const noexcept;

  /// M x. @pre x of length D, finite   @throws ContractError   Cost: O(D k) + O(k^3)
  EnclosedVector apply(const arma::vec& x) const;
  /// M^-1 x. @claim min_condition.limited_memory
  EnclosedVector solve(const arma::vec& x) const;
  /// M, D x D, symmetric. Cost: O(D^2 k).
  EnclosedMatrix dense() const;

 private:
  explicit Minimiser(std::shared_ptr<const MinimiserState> state);

  std::shared_ptr<const MinimiserState> state_;
};

/// M = M(a*) + (I - Pi)(C - a* I)(I - Pi) with what is known of its spectrum.
struct ProjectedMinimiser {
  /// Is M a minimiser, that is: is the spectrum of C's compression to the complement of span(g, y) within
  /// [lambda-, lambda+]? Near the ends, or on them: undetermined. yes for D = 2 with s > 0.
  Answer answer = Answer::undetermined;
  /// Extreme eigenvalues of the compression, hulled with a*.
  Enclosure smallest_eigenvalue, largest_eigenvalue;
  EnclosedMatrix matrix;  ///< M
  arma::vec witness;      ///< answer no: x; its projection on the complement has the Rayleigh quotient below
  Enclosure witness_quotient;
};
/// nullopt unless p = y.g > 0. @pre C symmetric, D x D, all finite; g, y finite   @throws ContractError
/// Cost: O(D^3). @claim min_condition.projected
NATGRAD_API std::optional<ProjectedMinimiser> project_to_minimiser(const arma::vec& g, const arma::vec& y,
                                                                   const arma::mat& c);

/// Why a matrix is, or is not, of minimum condition number among the metrics of a pair.
enum class MinimiserReason {
  minimiser,               ///< yes
  not_symmetric,           ///< no
  wrong_image_of_update,   ///< no: M g != y, beyond the tolerance
  wrong_image_of_descent,  ///< no: M y != 2 a* y - (yy/gg) g, beyond the tolerance
  outside,                 ///< no: a Rayleigh quotient on the complement is outside [lambda-, lambda+]
  no_certificate           ///< undetermined
};
/// "minimiser", "not_symmetric", "wrong_image_of_update", "wrong_image_of_descent", "outside" or
/// "no_certificate".
NATGRAD_API std::string_view to_string(MinimiserReason reason) noexcept;

/// Where the image of a vector should be and is not.
struct ImageCheck {
  bool exact = false;               ///< equal in every row
  std::uint64_t wrong_element = 0;  ///< the first row that differs, unless exact
  Enclosure residual;               ///< Euclidean norm of the difference
  Enclosure backward_error;         ///< residual/(‖M‖_F |x| + |image|) (Rigal & Gaches 1967)
};

struct MinimiserCheck {
  Answer answer = Answer::undetermined;
  MinimiserReason reason = MinimiserReason::no_certificate;
  bool symmetric = false;
  arma::uword asymmetric_row = 0, asymmetric_column = 0;  ///< the first M_ij != M_ji, row > column
  ImageCheck update;                                      ///< M g = y
  ImageCheck descent;                                     ///< M y = 2 a* y - (yy/gg) g
  /// Extreme eigenvalues of the compression of M to the complement of span(g, y), hulled with a*. Zero if the
  /// answer was no before.
  Enclosure smallest_eigenvalue, largest_eigenvalue;
  arma::vec witness;  ///< reason outside: x; its projection on the complement has the Rayleigh quotient below
  Enclosure witness_quotient;
};

/// Is M a metric of the pair with condition number kappa*? yes iff M is symmetric, M g = y and M y = 2 a* y -
/// (yy/gg) g (each row decided exactly, or with a tolerance: up to that relative backward error), and the
/// spectrum of its compression to the complement is in [lambda-, lambda+] (the tolerance does not loosen
/// this; strictly inside is certifiable, on the ends undetermined; for s = 0 it is decided exactly: M =
/// (p/gg) I). nullopt unless p = y.g > 0.
/// @pre M is D x D, g and y of length D, all finite; tolerance finite, >= 0   @throws ContractError
/// Cost: O(D^3) if the images are right, else O(D^2). @claim min_condition.check
NATGRAD_API std::optional<MinimiserCheck> check_minimiser(const arma::mat& m, const arma::vec& g,
                                                          const arma::vec& y, double tolerance = 0);

// ------------------------------------------------------------------- relative to another metric

struct RelativeState;

/// The metric of the pair closest in shape to a given metric M0: of all M that are SPD with M g = y it has
/// the smallest kappa(M0^-1/2 M M0^-1/2) (the condition number of M x = lambda M0 x):
///   M = y y^T/p + at (M0 - M0 g g^T M0/(g^T M0 g)),  at = y^T M0^-1 y/p,
///   M^-1 = (I - g y^T/p)(M0^-1/at)(I - y g^T/p) + g g^T/p,
///   kappa0 = ((1 + s0)/c0)^2,  c0 = p/sqrt(g^T M0 g . y^T M0^-1 y),  s0 = sqrt(1 - c0^2).
/// Proof: with M0 = J J^T the congruence M' = J^-1 M J^-T maps the metrics of (g, y) onto those of
/// (J^T g, J^-1 y), and M' is similar to M0^-1 M; the optimum there is M(a*). M0 = I gives M(a*); M0 and t M0
/// give the same M.
///
/// Scalars are enclosures: y^T M0^-1 y is found from approximate solutions of M0 z = y by
///   y^T M0^-1 y = z.y + z.r + r^T M0^-1 r,  r = y - M0 z,
/// with z.y, z.r and r exact, and the last term bounded; z is refined until the enclosures are two or three
/// ulp wide, or for M0 at the limit of what can be certified as narrow as it goes. Immutable; copies share
/// their state; const members may run concurrently. @claim min_condition.relative
class NATGRAD_API RelativeOptimum {
 public:
  /// M0 = diag(d), as in Adam or AdaGrad. O(D) storage and operations.
  /// nullopt unless p = y.g > 0. @pre d of length D, finite, > 0   @throws ContractError
  static std::optional<RelativeOptimum> with_diagonal(const arma::vec& g, const arma::vec& y,
                                                      const arma::vec& d);
  /// M0 dense. nullopt unless p > 0 and M0 is certified positive definite (scaled to unit diagonal, up to
  /// condition numbers of about 1/(D u)). @pre M0 symmetric, D x D, finite   @throws ContractError
  /// Cost: O(D^3).
  static std::optional<RelativeOptimum> with_metric(const arma::vec& g, const arma::vec& y,
                                                    const arma::mat& m0);
  /// M0 = J0 J0^T. nullopt unless p > 0 and J0 is certified nonsingular with a bound of its inverse.
  /// @pre J0 D x D, finite   @throws ContractError   Cost: O(D^3).
  static std::optional<RelativeOptimum> with_factor(const arma::vec& g, const arma::vec& y,
                                                    const arma::mat& j0);

  std::uint64_t dimension() const noexcept;
  const Gram& gram() const noexcept;

  Enclosure alpha() const;           ///< at
  Enclosure cosine() const;          ///< c0
  Enclosure condition() const;       ///< kappa0; [1, 1] exactly if y is a multiple of M0 g
  Enclosure sqrt_condition() const;  ///< (1 + s0)/c0
  Enclosure log_condition() const;   ///< ln kappa0 = 2 asinh(s0/c0)

  /// M x. @pre x of length D, finite   @throws ContractError   Cost: one product with M0.
  EnclosedVector apply(const arma::vec& x) const;
  /// M^-1 x. Cost: a solution with M0.
  EnclosedVector solve(const arma::vec& x) const;
  /// M, D x D, symmetric. Cost: O(D^2), with a factor O(D^3).
  EnclosedMatrix dense() const;

 private:
  explicit RelativeOptimum(std::shared_ptr<const RelativeState> state);

  std::shared_ptr<const RelativeState> state_;
};

}  // namespace natgrad

#endif
