// natgrad: textbook formulas of uniqueness in rationals: dense products, elimination, brute force.
#ifndef NATGRAD_TESTS_SUPPORT_UNIQUENESS_REFERENCE_HPP
#define NATGRAD_TESTS_SUPPORT_UNIQUENESS_REFERENCE_HPP

#include <armadillo>

#include "reference.hpp"

namespace natgrad::test::uniqueness {

/// x^T M x.
Rational form(const RationalMatrix& m, const RationalVector& x);
/// Numbers of eigenvalues > 0 and < 0, by Sylvester's law of inertia.
struct Inertia {
  std::size_t positive = 0, negative = 0;
};
Inertia inertia(const RationalMatrix& m);
bool positive_definite(const RationalMatrix& m);
/// m - x I.
RationalMatrix shifted(RationalMatrix m, const Rational& x);
/// Rank by elimination, of any shape.
std::size_t rank(RationalMatrix a);
/// Sum of the squares of all entries.
Rational squared_norm(const RationalMatrix& m);

/// lo <= sqrt(square) <= hi, and no double between lo and hi.
bool encloses_root(double lo, double hi, const Rational& square);

/// M g, g^T M g and M - M g g^T M/(g^T M g) (only if g^T M g != 0).
struct Remainder {
  RationalVector y;
  Rational p;
  RationalMatrix b;
};
Remainder remainder(const RationalMatrix& m, const RationalVector& g);

/// The first index of largest |g_i|.
std::size_t pivot(const RationalVector& g);
/// The basis E of g^perp, D x (D - 1): unit vectors but for row k, -g_j/g_k.
RationalMatrix basis(const RationalVector& g);
/// y y^T/p + E S E^T by dense products.
RationalMatrix metric(const RationalMatrix& s, const RationalVector& g, const RationalVector& y);
/// E A E^T with |E| in place of E: how errors of S spread.
RationalMatrix spread(const RationalMatrix& errors, const RationalVector& g);

/// The dimension of {N symmetric: N g = 0}, by the rank of these equations.
std::size_t kernel_dimension(const RationalVector& g);

/// (mu, nu) is in the convex hull of the points (l, l^2): by trying all triples (Caratheodory).
bool in_hull(const Rational& mu, const Rational& nu, const RationalVector& l);

/// The square of |y - M g|, and |y - M g|/(‖M‖_F |g| + |y|) at the current precision (0 where it is 0/0).
Rational squared_residual(const RationalMatrix& m, const RationalVector& g, const RationalVector& y);
Real backward_error(const RationalMatrix& m, const RationalVector& g, const RationalVector& y);

}  // namespace natgrad::test::uniqueness

#endif
