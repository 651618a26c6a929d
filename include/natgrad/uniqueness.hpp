// natgrad: the uniqueness theorem: which matrices are metrics of a pair, and their parameters.
//
// For g, y in R^D with p = y.g > 0 let M be symmetric with M g = y, and B = M - y y^T/p.
//
// (1) M is positive definite iff B is positive semidefinite with kernel span(g) (so of rank D - 1).
//     Proof. B g = y - y = 0 always. For every x let t = y.x/p and z = x - t g; then y.z = 0, B x = B z and
//     x^T M x = t^2 p + z^T M z = t^2 p + z^T B z (M g = y makes the mixed term t y.z = 0). If M is positive
//     definite, x^T B x = z^T B z = z^T M z >= 0, with equality only for z = 0, that is x = t g. Conversely
//     z^T B z >= 0, so x^T M x = 0 needs t = 0 and z in span(g) with y.z = 0, so z = 0 = x, as p > 0.
// (2) A factor U, D x (D - 1), with B = U U^T is unique up to U Q with Q orthogonal (D - 1) x (D - 1).
//     Proof. U has full column rank, and U U^T = V V^T makes |U^T x| = |V^T x| for all x, so U^T x -> V^T x
//     is a well-defined isometry of R^(D-1).
// (3) Let k be the first index of largest |g_k| and S the matrix B without row and column k. B g = 0 gives
//       b_ik = -sum_{j != k} b_ij g_j/g_k,   b_kk = sum_{i,j != k} b_ij g_i g_j/g_k^2,
//     that is B = E S E^T where E, D x (D - 1), is the identity but for its row k, -g_j/g_k. The columns of E
//     are a basis of g^perp, so B is positive semidefinite with kernel span(g) iff S is positive definite,
//     and S -> y y^T/p + E S E^T is a bijection from SPD(D - 1) to the metrics of (g, y): a family of
//     dimension D (D - 1)/2.
// (Paper: uniqueness theorem.)
#ifndef NATGRAD_UNIQUENESS_HPP
#define NATGRAD_UNIQUENESS_HPP

#include <armadillo>
#include <cstdint>
#include <optional>
#include <string_view>

#include "natgrad/enclosure.hpp"
#include "natgrad/gram.hpp"
#include "natgrad/random.hpp"
#include "natgrad/verdict.hpp"

namespace natgrad {

// ------------------------------------------------------------------------------- is M a metric of (g, y)?

/// Is a symmetric matrix positive definite, and why.
struct Definiteness {
  Answer answer = Answer::undetermined;
  Enclosure smallest_eigenvalue;     ///< lo >= 0 if yes, hi <= 0 if no
  arma::vec witness;                 ///< answer no: x != 0 with x^T M x <= 0, exactly; else empty
  Enclosure witness_quadratic_form;  ///< answer no: x^T M x, neighbouring doubles; else 0
};

/// Dimension up to which definiteness() decides by exact arithmetic where floating point cannot.
inline constexpr arma::uword exact_definiteness_limit = 64;

/// Is M, D x D and symmetric, positive definite? yes: proved by a floating-point Cholesky factorisation with
/// a rigorous bound (Rump 2006), or up to exact_definiteness_limit by interval and integer elimination. no:
/// with a witness, whose quadratic form was evaluated exactly. undetermined: neither was found. Up to
/// exact_definiteness_limit that needs a matrix that is singular or indefinite by so little that no vector of
/// doubles near the direction shows it (never for D <= 2), or whose elements span thousands of binary orders.
/// @pre m square and symmetric, D >= 1, finite
/// @throws ContractError naming position and value(s)
/// Cost: D^3/3 flops for the factorisation, about D^3 for its bound; a few times that where it is close.
/// @claim uniqueness.definiteness
NATGRAD_API Definiteness definiteness(const arma::mat& m);

/// Why a matrix is, or is not, a metric of a pair.
enum class CheckReason {
  metric,         ///< yes: symmetric, M g = y, positive definite
  not_symmetric,  ///< no
  wrong_image,    ///< no: M g != y (beyond the tolerance)
  not_definite,   ///< no: a vector x with x^T M x <= 0
  no_certificate  ///< undetermined: neither a proof nor a witness was found
};
/// "metric", "not_symmetric", "wrong_image", "not_definite" or "no_certificate".
NATGRAD_API std::string_view to_string(CheckReason reason) noexcept;

/// What check_metric() found. The reason is the first that applies, in the order of CheckReason; the other
/// fields are filled all the same.
struct MetricCheck {
  Answer answer = Answer::undetermined;
  CheckReason reason = CheckReason::no_certificate;
  bool symmetric = false;
  /// The first M_ij != M_ji, row > column, by columns; 0, 0 if there is none.
  arma::uword asymmetric_row = 0, asymmetric_column = 0;
  bool maps_exactly = false;      ///< M g = y, exactly
  arma::uword wrong_element = 0;  ///< the first i with (M g)_i != y_i; 0 if there is none
  Enclosure residual;             ///< |y - M g|, Euclidean: neighbouring doubles, or one
  /// |y - M g|/(‖M‖_F |g| + |y|) (Rigal & Gaches 1967), 0 where that is 0/0: neighbouring doubles, or one.
  Enclosure backward_error;
  Definiteness definiteness;  ///< of M; all zero and undetermined if M is not symmetric
};

/// Is M, D x D, a metric of (g, y): symmetric, M g = y and positive definite? M g is evaluated exactly.
/// tolerance 0 demands M g = y exactly; else backward_error <= tolerance, decided exactly. For g = y = 0
/// every positive definite M is one. (If M g = y, g != 0 and p <= 0, g itself is the witness.)
/// @pre m D x D, g and y of length D >= 1, all finite; tolerance finite and >= 0
/// @throws ContractError, NonFiniteError naming argument, position and value
/// Cost: D exact dot products on all threads, and definiteness(). @claim uniqueness.check
NATGRAD_API MetricCheck check_metric(const arma::mat& m, const arma::vec& g, const arma::vec& y,
                                     double tolerance = 0);

// ------------------------------------------------------------------------------------- the parameters of M

/// M = y y^T/p + B.
struct Decomposition {
  arma::vec y;   ///< M g, each element correctly rounded
  double p = 0;  ///< g^T M g, correctly rounded
  arma::mat b;   ///< B = M - y y^T/p for the exact y and p, D x D, each entry correctly rounded; symmetric
};

/// The decomposition of a symmetric M by a vector g; nullopt unless p = g^T M g > 0. M need not be positive
/// definite: it is iff B, exactly, is positive semidefinite of rank D - 1 (see the top of this file).
/// Numbers beyond the range of doubles are +-inf or 0.
/// @pre m square and symmetric, g of length D >= 1, all finite   @throws ContractError, NonFiniteError
/// Cost: D exact dot products, D^2/2 exact quotients, on all threads. @claim uniqueness.decomposition
NATGRAD_API std::optional<Decomposition> decompose(const arma::mat& m, const arma::vec& g);

/// The free parameters of a metric of a given pair.
struct MetricCoordinates {
  arma::mat s;            ///< S = B without row and column `pivot`, (D - 1) x (D - 1), symmetric
  arma::uword pivot = 0;  ///< the first index of largest |g_i|
};

/// S for a symmetric M, each entry correctly rounded; nullopt unless p = g^T M g > 0.
/// M is positive definite iff S, exactly, is. Numbers beyond the range of doubles are +-inf or 0.
/// @pre m square and symmetric, g of length D >= 1, all finite   @throws ContractError, NonFiniteError
/// Cost: as decompose(). @claim uniqueness.coordinates
NATGRAD_API std::optional<MetricCoordinates> coordinates(const arma::mat& m, const arma::vec& g);

/// The dense M = y y^T/p + E S E^T of the coordinates S, each entry the correctly rounded value of the exact
/// one; symmetric. nullopt unless p = y.g > 0. The exact M is a metric of (g, y) iff S is positive definite
/// (definiteness(s) tells). Numbers beyond the range of doubles are +-inf or 0.
/// @pre s (D - 1) x (D - 1) and symmetric, g and y of length D >= 1, all finite
/// @throws ContractError, NonFiniteError
/// Cost: D exact dot products, D^2/2 exact quotients, on all threads. @claim uniqueness.from_coordinates
NATGRAD_API std::optional<arma::mat> from_coordinates(const arma::mat& s, const arma::vec& g,
                                                      const arma::vec& y);

/// D (D - 1)/2, the dimension of the family of metrics of a pair in R^D.
/// @pre dimension >= 1, and the result fits   @throws ContractError
/// @claim uniqueness.dimension
NATGRAD_API std::uint64_t metric_family_dimension(std::uint64_t dimension);

/// U with B ~ U U^T.
struct MetricFactor {
  arma::mat u;               ///< D x (D - 1)
  double residual = 0;       ///< ‖B - U U^T‖_F is at most this, for the exact B
  double orthogonality = 0;  ///< max_j |g.u_j|/(|g||u_j|) is at most this
};

/// A factor of B, U = E L with S = L L^T (Cholesky); nullopt unless p = g^T M g > 0 and S is certified
/// positive definite in floating point (then M is positive definite). The residual is of the order of D u
/// ‖B‖_F, u = 2^-53; the orthogonality of the order of u.
/// @pre m square and symmetric, g of length D >= 1, all finite   @throws ContractError, NonFiniteError
/// Cost: coordinates(), D^3/3 flops for the factorisation, about 2 D^3 for the bounds.
/// @claim uniqueness.factor
NATGRAD_API std::optional<MetricFactor> factor(const arma::mat& m, const arma::vec& g);

/// The orthogonal Q that brings u closest to v.
struct FactorRotation {
  arma::mat q;               ///< r x r
  double residual = 0;       ///< ‖u Q - v‖_F is at most this
  double orthogonality = 0;  ///< ‖Q^T Q - I‖_F is at most this
  Enclosure difference;      ///< ‖u u^T - v v^T‖_F; lo > 0: certainly factors of different matrices
};

/// Q, the orthogonal polar factor of u^T v, which minimises ‖u Q - v‖_F (Higham 2008, theorem 8.6), for u and
/// v of the same shape D x r. The factors of the same B are u and v = u Q; then residual and difference are
/// as small as the rounding of u and v. Where D^2 r is at most 2^26, the sums are exact and the bounds are
/// within an ulp; else they allow for rounding errors of the order of r u ‖u‖_F^2.
/// @pre u and v of the same shape, at least one row, finite   @throws ContractError
/// Cost: a singular value decomposition of r x r, a few products of D x r. @claim uniqueness.rotation
NATGRAD_API FactorRotation rotation_between(const arma::mat& u, const arma::mat& v);

// ---------------------------------------------------------------------------------------- random metrics
//
// With mu = p/gg and nu = yy/gg, a metric of (g, y) with eigenvalues l_1 <= ... <= l_D exists iff (mu, nu)
// lies in the convex hull of the points (l_i, l_i^2):
//   l_1 <= mu <= l_D,   nu <= (l_1 + l_D) mu - l_1 l_D (Kantorovich),   and
//   nu >= (l_k + l_{k+1}) mu - l_k l_{k+1} for l_k <= mu <= l_{k+1}.
// Proof. Let w_i be the squares of the components of g/|g| in an eigenbasis of M: w_i >= 0, sum w_i = 1,
// sum w_i l_i = g.y/gg = mu, sum w_i l_i^2 = |y|^2/gg = nu, so (mu, nu) is a convex combination of the
// points. Conversely, given such w, v = (sqrt(w_i)) and L = diag(l_i) have |v| = 1, v.L v = mu, |L v|^2 = nu,
// the Gram matrix of g/|g| and y/|g|; so an orthogonal Q takes (v, L v) to (g/|g|, y/|g|), and M = Q L Q^T
// maps g to y. The points are on a parabola, so that their hull is bounded by the chords of neighbours from
// below and the chord of the extremes from above.

/// Does a metric of a pair with this Gram and exactly these D eigenvalues (in any order) exist? Decided
/// exactly. false for p <= 0.
/// @pre spectrum has gram.dimension() >= 1 elements, finite and > 0   @throws ContractError, NonFiniteError
/// Cost: sorting, and O(D) comparisons of exact numbers. @claim uniqueness.spectrum
NATGRAD_API bool spectrum_exists(const Gram& gram, const arma::vec& spectrum);

/// Does a metric of a pair with this Gram and exactly this condition number exist? For D >= 2 iff p > 0 and
/// (1 + K)^2 p^2 >= 4 K gg yy (K at least the smallest possible one); for D = 1 iff p > 0 and K = 1. Decided
/// exactly. Proof: the Kantorovich inequality above for l_D = K l_1 has a solution l_1 > 0 iff its
/// discriminant (1 + K)^2 mu^2 - 4 K nu >= 0; for D = 2 take its equality, whose roots l_1 have l_1 <= mu <=
/// K l_1; more eigenvalues may coincide with these.
/// @pre gram.dimension() >= 1, condition finite and >= 1   @throws ContractError
/// @claim uniqueness.condition
NATGRAD_API bool condition_exists(const Gram& gram, double condition);

/// A random metric, as a matrix of doubles with what can be said for certain about it.
struct RandomMetric {
  arma::mat m;               ///< D x D, exactly symmetric
  arma::vec spectrum;        ///< the eigenvalues it was made for, ascending
  Enclosure backward_error;  ///< |y - m g|/(‖m‖_F |g| + |y|), as in check_metric(): of the order of D u
  /// Of m as it is, each within about D u l_D (D^2 u l_D for D > 800) of the prescribed l_1 and l_D. So for
  /// l_D/l_1 > 1/(D u) the matrix of doubles may fail to be positive definite; smallest_eigenvalue.lo > 0
  /// proves that it is.
  Enclosure smallest_eigenvalue, largest_eigenvalue;
};

/// A random metric with the given eigenvalues (in any order); nullopt unless spectrum_exists(). Random are
/// the components of g in the eigenbasis, as far as they are free (for D <= 3 they are not), and the
/// eigenbasis given those, which is uniformly distributed. The same seed gives the same random numbers, but
/// the last bits of the result are LAPACK's.
/// @pre g and y of length D >= 1, finite; spectrum of length D, finite and > 0
/// @throws ContractError, NonFiniteError
/// Cost: about 10 D^3 flops, and the bounds of the extreme eigenvalues. @claim uniqueness.random
NATGRAD_API std::optional<RandomMetric> random_metric(const arma::vec& g, const arma::vec& y,
                                                      const arma::vec& spectrum, Random& random);

/// A random metric with the given condition number K; nullopt unless condition_exists(). Its eigenvalues are
/// l_1 in [((1+K) mu - d)/(2K), ((1+K) mu + d)/(2K)], d = sqrt((1+K)^2 mu^2 - 4 K nu) (for D = 2 one of the
/// two ends), l_D = K l_1, one between (l_D mu - nu)/(l_D - mu) and (nu - l_1 mu)/(mu - l_1), the others
/// anywhere in [l_1, l_D]. @pre condition finite and >= 1; else as above
NATGRAD_API std::optional<RandomMetric> random_metric(const arma::vec& g, const arma::vec& y,
                                                      double condition, Random& random);

/// A random metric through its coordinates: from_coordinates() of a random S, exactly positive definite, of
/// the size of a* = yy/p. The real matrix of which each entry of the result is the correctly rounded value is
/// a metric of (g, y) exactly. nullopt unless p > 0.
/// @pre g and y of length D >= 1, finite   @throws ContractError, NonFiniteError
NATGRAD_API std::optional<arma::mat> random_metric(const arma::vec& g, const arma::vec& y, Random& random);

/// A random symmetric positive definite S of n x n doubles, n >= 0: S = L L^T, exactly, for a random lower
/// triangular L of small dyadic numbers (so that it is positive definite without any doubt), times 2^scale.
/// @pre -1000 <= scale <= 1000   @throws ContractError
NATGRAD_API arma::mat random_coordinates(arma::uword n, int scale, Random& random);

}  // namespace natgrad

#endif
