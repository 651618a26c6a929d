// natgrad: dense linear algebra with proofs: LAPACK computes, bounds made here verify. Private to the
// library.
//
// Nothing that is claimed rests on BLAS or LAPACK being right, on their rounding mode, or on flush-to-zero:
// they only supply approximations (a factor, an eigenvector), and what follows from those is established by
// this file's own sums, whose error bounds hold in any order of summation, or by exact arithmetic.
#ifndef NATGRAD_LIB_DENSE_HPP
#define NATGRAD_LIB_DENSE_HPP

#include <armadillo>
#include <optional>
#include <span>
#include <vector>

#include "exact.hpp"
#include "natgrad/enclosure.hpp"

namespace natgrad::dense {

// ---------------------------------------------------------------------------------- checks of arguments

/// @throws ContractError naming the argument if m is not rows x columns (shapes in the message)
void check_shape(const arma::mat& m, std::size_t rows, std::size_t columns, const char* name);
/// @throws ContractError naming argument, row, column and value of the first element that is NaN or infinite
void check_finite(const arma::mat& m, const char* name);
/// First (row, column), row > column, with m(row, column) != m(column, row); nullopt if symmetric. @pre
/// square
struct Position {
  arma::uword row = 0, column = 0;
};
std::optional<Position> first_asymmetry(const arma::mat& m);

/// @throws ContractError unless x has n elements, NonFiniteError unless all are finite
void check_vector(const arma::vec& x, std::size_t n, const char* name);
/// @throws ContractError unless m is n x n, finite and symmetric
void check_symmetric(const arma::mat& m, std::size_t n, const char* name);

// -------------------------------------------------------------------- upper and lower bounds in doubles

/// Each is >= the exact value for arguments >= 0 (never NaN: inf where the bound is lost). @pre FloatScope
/// alive
double add_up(double a, double b);
double mul_up(double a, double b);
double div_up(double a, double b);
double sqrt_up(double a);
/// <= the exact a - b (of any signs).
double sub_down(double a, double b);
double sub_up(double a, double b);

/// Upper bound of n u/(1 - n u), u = 2^-53: the relative error of a sum of n - 1 products in any order.
double gamma_up(std::size_t n);

/// Upper bounds of norms of a matrix of entries >= 0 in absolute value.
double frobenius_norm_up(const arma::mat& m);
/// sqrt(‖|A|‖_1 ‖|A|‖_inf) >= ‖A‖_2
double two_norm_up(const arma::mat& m);

// ------------------------------------------------------------------------------------------ exact sums

/// x . z as a Dyadic. @pre finite, same length
exact::Dyadic dot(std::span<const double> x, std::span<const double> z);
/// (M x)_i, exactly, for i = 0 .. rows-1, on all threads.
std::vector<exact::Dyadic> multiply(const arma::mat& m, std::span<const double> x);
/// x^T M x, exactly. Cost O(D^2).
exact::Dyadic quadratic_form(const arma::mat& m, std::span<const double> x);

// --------------------------------------------------------------------------------------- products

/// The box of A B over all matrices in the boxes of A and B (an empty radius stands for zero). Cost: two
/// (four with radii) products of this file's own.
EnclosedMatrix multiply(const EnclosedMatrix& a, const EnclosedMatrix& b);
/// A^T A and A A^T, symmetric.
EnclosedMatrix gram(const EnclosedMatrix& a);        ///< A^T A
EnclosedMatrix outer_gram(const EnclosedMatrix& a);  ///< A A^T
EnclosedVector multiply(const EnclosedMatrix& a, const EnclosedVector& x);
EnclosedVector multiply_transpose(const EnclosedMatrix& a, const EnclosedVector& x);

// ------------------------------------------------------------------------------------ definiteness

/// True only if every symmetric matrix in the box is positive definite (a proof by a floating-point Cholesky
/// factorisation of a shifted and diagonally scaled matrix, after Rump 2006, with its residual bounded here).
/// @pre value and radius exactly symmetric
bool certainly_positive_definite(const EnclosedMatrix& a);
bool certainly_positive_definite(const arma::mat& a);

/// A vector x != 0 with x^T A x <= 0 exactly; nullopt if none was found. @pre symmetric, finite
std::optional<arma::vec> nonpositive_direction(const arma::mat& a);

/// Bounds of the smallest and largest eigenvalue over all symmetric matrices in the box; tight to a few D u
/// ‖A‖ up to D = 800, a few D^2 u ‖A‖ beyond. The lower bound of the smallest one is found by
/// certainly_positive_definite of A - sigma I, its upper bound is a Rayleigh quotient.
Enclosure smallest_eigenvalue(const EnclosedMatrix& a);
Enclosure largest_eigenvalue(const EnclosedMatrix& a);

/// Bounds of the condition number from those of the extreme eigenvalues. @pre smallest.lo > 0, largest.hi <
/// inf
Enclosure condition_number(const Enclosure& smallest, const Enclosure& largest);

/// Bounds of all eigenvalues of a symmetric matrix, in ascending order, to about D u ‖A‖ each: from an
/// approximate eigendecomposition X. The eigenvalues of X^T A X are those on its diagonal up to the norm of
/// the rest (Weyl), and those of A up to the factors of X^T X (Ostrowski).
std::vector<Enclosure> eigenvalues(const arma::mat& a);

// ------------------------------------------------------------------------------------------- solving

/// Cholesky factor of a certified positive definite matrix, for solving with error bounds.
class PositiveDefinite {
 public:
  /// nullopt unless every symmetric matrix in the box is certified positive definite.
  static std::optional<PositiveDefinite> make(const EnclosedMatrix& a);
  /// Boxes of A^-1 b and of A^-1 B: approximations improved once by exact residuals; the radius comes from
  /// the residual and the certified lower bound of the smallest eigenvalue (after diagonal scaling).
  EnclosedVector solve(const EnclosedVector& b) const;
  EnclosedMatrix solve(const EnclosedMatrix& b) const;
  /// Enclosure of ln det A.
  Enclosure log_det() const;

 private:
  PositiveDefinite() = default;

  arma::mat scaled_, scaled_radius_;  // s_i s_j a_ij with s = 2^exponents_: a diagonal in [1, 4)
  std::vector<int> exponents_;
  arma::mat factor_;     // of scaled_, approximately
  double spread_ = 0;    // bound of the 2-norm of what is unknown of scaled_
  double residual_ = 0;  // bound of the 2-norm of scaled_ - R^T R
  double smallest_ = 0;  // lower bound of the smallest eigenvalue in the scaled box
};

/// A proof that the columns of a (rows >= columns) are linearly independent: true only if they are. First by
/// an approximate inverse, then by elimination modulo primes (a minor that is not zero modulo a prime is not
/// zero). If false, `dependent` (when not null) is the first column that depends on those before it modulo
/// two primes, or the number of columns if there is none.
bool certainly_full_rank(const arma::mat& a, arma::uword* dependent = nullptr);

}  // namespace natgrad::dense

#endif
