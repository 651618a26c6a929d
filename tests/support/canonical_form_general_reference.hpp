// natgrad: textbook formulas of canonical_form_general in rationals and self-checking multiprecision: dense
// projectors, dense products, Gaussian elimination.
#ifndef NATGRAD_TESTS_SUPPORT_CANONICAL_FORM_GENERAL_REFERENCE_HPP
#define NATGRAD_TESTS_SUPPORT_CANONICAL_FORM_GENERAL_REFERENCE_HPP

#include <armadillo>
#include <vector>

#include "reference.hpp"

namespace natgrad::test {

std::vector<double> doubles_of(const arma::vec& x);
/// The values of its columns, exactly.
std::vector<RationalVector> columns_of(const arma::mat& u);

/// P = I - g g^T/gg.
RationalMatrix projector(const ExactPair& pair);
/// A B, and A^T.
RationalMatrix product(const RationalMatrix& a, const RationalMatrix& b);
RationalMatrix transpose(const RationalMatrix& a);
/// P x.
RationalVector project(const ExactPair& pair, const RationalVector& x);

/// y y^T/p + sum over the columns of (P u_j)(P u_j)^T.
RationalMatrix metric_of_basis(const ExactPair& pair, const std::vector<RationalVector>& columns);
/// y y^T/p + P B P.
RationalMatrix metric_of_block(const ExactPair& pair, const RationalMatrix& b);
/// y y^T/p + P diag(d) P.
RationalMatrix metric_of_diagonal(const ExactPair& pair, const RationalVector& d);

/// A^-1 b by Gaussian elimination with row exchanges; empty if A is singular.
RationalVector solve_linear(RationalMatrix a, RationalVector b);
/// Rank by elimination, of any shape.
std::size_t rank_of(RationalMatrix a);
/// Symmetric elimination meets positive pivots only.
bool positive_definite(RationalMatrix a);

/// y sqrt(1/p) z_0 + sum_j z_j P u_j, correctly rounded, element by element.
std::vector<double> factor_times(const ExactPair& pair, const std::vector<RationalVector>& columns,
                                 const RationalVector& z);
/// (y.x/sqrt(p), (P u_j).x), correctly rounded.
std::vector<double> factor_transpose_times(const ExactPair& pair, const std::vector<RationalVector>& columns,
                                           const RationalVector& x);
/// J^-1 x as (w, c) with J^-1 x = (sqrt(p) w, c): the solution of [y, P U] (w, c) = x.
RationalVector factor_inverse_times(const ExactPair& pair, const std::vector<RationalVector>& columns,
                                    const RationalVector& x);
/// sqrt(p) w - value, its magnitude at most the bound?
bool root_within(const Rational& p, const Rational& w, double value, double bound);

}  // namespace natgrad::test

#endif
