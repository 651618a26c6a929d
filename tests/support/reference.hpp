// natgrad: the textbook formulas of the metric, in rationals and in self-checking multiprecision.
//
// They are written from the definitions (the BFGS update, the two-loop recursion, the 2 x 2 block on
// span(g, y), elimination), not from the closed forms that the library evaluates.
#ifndef NATGRAD_TESTS_SUPPORT_REFERENCE_HPP
#define NATGRAD_TESTS_SUPPORT_REFERENCE_HPP

#include <armadillo>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "exact.hpp"

namespace natgrad::test {

using RationalVector = std::vector<Rational>;
/// Rows of a square matrix.
using RationalMatrix = std::vector<RationalVector>;

/// The values of doubles, exactly.
RationalVector exact_vector(const arma::vec& x);
RationalMatrix exact_matrix(const arma::mat& m);

/// A pair (g, y) and the real parameter a, exactly.
struct ExactPair {
  RationalVector g, y;
  Rational gg, p, yy;
  Rational a;                  ///< yy/p unless given; meaningless for p <= 0
  std::uint64_t unstored = 0;  ///< further coordinates, zero in both vectors (for scalars only)

  ExactPair(std::span<const double> g, std::span<const double> y, std::optional<double> alpha = {});

  std::uint64_t dimension() const { return g.size() + unstored; }
  /// yy/p.
  Rational star() const { return yy / p; }
  /// sin^2 psi.
  Rational sine_squared() const { return 1 - p * p / (gg * yy); }
};

// ------------------------------------------------------------ scalars, correctly rounded

double cosine(const ExactPair& pair);
double sine(const ExactPair& pair);
double angle(const ExactPair& pair);
double alpha(const ExactPair& pair);
/// Roots of lambda^2 - (a + a*) lambda + a p/gg (y/g for D = 1).
double lambda_min(const ExactPair& pair);
double lambda_max(const ExactPair& pair);
/// lambda_max/lambda_min, its root and its logarithm.
double condition(const ExactPair& pair);
double sqrt_condition(const ExactPair& pair);
double log_condition(const ExactPair& pair);
double trace(const ExactPair& pair);
double log_det(const ExactPair& pair);
/// sqrt of the sum of squared eigenvalues.
double frobenius_norm(const ExactPair& pair);

/// The block of M on span(g, y) by its trace and (trace^2 - 4 det). D = 1: y/g twice.
struct Plane {
  Rational sum, discriminant;

  /// (smaller, larger) at the current precision.
  std::pair<Real, Real> eigenvalues() const;
};
Plane plane(const ExactPair& pair);

// ------------------------------------------------------------ matrices and operators, exactly

/// The BFGS update B - (B s s^T B)/(s^T B s) + z z^T/(z^T s) of any symmetric B with s = g, z = y.
RationalMatrix bfgs_update(const RationalMatrix& b, const ExactPair& pair);
/// M(a) as the BFGS update of a I.
RationalMatrix dense(const ExactPair& pair);
RationalVector multiply(const RationalMatrix& m, std::span<const Rational> x);
/// M(a) x without forming M.
RationalVector apply(const ExactPair& pair, std::span<const Rational> x);
/// M(a)^-1 x by the one-pair L-BFGS two-loop recursion with H_0 = I/a (Nocedal & Wright 2006, alg. 7.4).
RationalVector two_loop(const ExactPair& pair, std::span<const Rational> x);

/// Number of eigenvalues below zero, by elimination with symmetric pivoting (Sylvester's law).
std::size_t negative_eigenvalues(RationalMatrix m);

/// L diag(pivots) L^T by elimination without pivoting; L is unit lower triangular.
struct ExactLdl {
  RationalVector pivots;
  RationalMatrix l;
};
ExactLdl eliminate(RationalMatrix m);

// ------------------------------------------------------------ roots and factors

/// Elements of an exact result at the current precision, and the sum of the magnitudes of the terms of
/// each element in the formula of the library's header: what `root_bound` multiplies.
struct RootReference {
  std::vector<Real> value, terms;
};

/// M^1/2 x and M^-1/2 x from the 2 x 2 block of M on an orthonormal basis of span(g, y).
RootReference root(const ExactPair& pair, std::span<const Rational> x);
RootReference inverse_root(const ExactPair& pair, std::span<const Rational> x);
/// J x, J^T x, J^-1 x and J^-T x.
RootReference factor(const ExactPair& pair, std::span<const Rational> x);
RootReference factor_transpose(const ExactPair& pair, std::span<const Rational> x);
RootReference factor_inverse(const ExactPair& pair, std::span<const Rational> x);
RootReference factor_inverse_transpose(const ExactPair& pair, std::span<const Rational> x);

/// Calls a reference at p and 2p bits until the two agree to 2^-256 of each element's terms.
RootReference settled(const std::function<RootReference()>& reference);

}  // namespace natgrad::test

#endif
