// natgrad: textbook formulas of min_condition in rationals and self-checking multiprecision.
//
// That M is a minimiser is decided here without eigenvalues, square roots or projections: lambda- and lambda+
// are the roots of x^2 - 2 a* x + yy/gg, so a symmetric M with M g = y is one iff 2 a* M - M^2 - (yy/gg) I >=
// 0, which elimination decides in rationals.
#ifndef NATGRAD_TESTS_SUPPORT_MIN_CONDITION_REFERENCE_HPP
#define NATGRAD_TESTS_SUPPORT_MIN_CONDITION_REFERENCE_HPP

#include <optional>
#include <span>
#include <vector>

#include "reference.hpp"

namespace natgrad::test {

RationalMatrix identity(std::size_t n);
RationalMatrix operator*(const RationalMatrix& a, const RationalMatrix& b);
/// a + factor b
RationalMatrix plus(const RationalMatrix& a, const Rational& factor, const RationalMatrix& b);
RationalMatrix transposed(const RationalMatrix& a);
/// x of A x = b by elimination with pivoting. @pre A is regular
RationalVector solved(RationalMatrix a, RationalVector b);
/// x x^T
RationalMatrix outer(const RationalVector& x);

/// lambda_max/lambda_min - 1, rounded.
double condition_minus_one(const ExactPair& pair);
/// 2/c and -2/s (-infinity at s = 0), rounded.
double log_condition_by_angle(const ExactPair& pair);
double log_condition_by_log_cosine(const ExactPair& pair);

/// (y - m g).(l g - y)
Rational slack(const ExactPair& pair, const Rational& m, const Rational& l);
/// l/m - lambda_max^2/(lambda_min lambda_max), rounded. @pre p > 0
double excess(const ExactPair& pair, const Rational& m, const Rational& l);
/// Is every eigenvalue of the symmetric matrix in [m, l]?
bool spectrum_within(const RationalMatrix& a, const Rational& m, const Rational& l);
/// A metric of the pair with its spectrum in [m, l]; nullopt if what should be one is not (which is checked).
std::optional<RationalMatrix> metric_within(const ExactPair& pair, const Rational& m, const Rational& l);

/// yy^T/p + sum_j (P u_j)(P u_j)^T for the columns u_j of U, P = I - g g^T/gg: a metric if U has full rank on
/// the complement of g.
RationalMatrix metric_from(const ExactPair& pair, const RationalMatrix& columns);

/// Is the symmetric M a metric with the least condition number?
bool is_minimiser(const RationalMatrix& m, const ExactPair& pair);
/// M(a*) + sum_j (values_j - a*) q_j q_j^T/q_j.q_j, q_j by Gram and Schmidt from g, y and the columns;
/// nullopt if they are dependent (y is skipped where it is parallel to g).
std::optional<RationalMatrix> minimiser(const ExactPair& pair, const std::vector<RationalVector>& columns,
                                        const RationalVector& values);
/// I - Pi.
RationalMatrix complement_projector(const ExactPair& pair);
/// M(a*) + (I - Pi)(C - a* I)(I - Pi)
RationalMatrix projected(const ExactPair& pair, const RationalMatrix& c);

/// The optimum relative to M0: the BFGS update of at M0, and its numbers.
struct RelativeReference {
  RelativeReference(const ExactPair& pair, const RationalMatrix& m0);

  RationalMatrix metric;
  Rational alpha, gmg, ymy, p;  ///< at, g^T M0 g, y^T M0^-1 y

  /// c0, kappa0, sqrt(kappa0), ln kappa0 at the current precision.
  Real cosine() const, condition() const, sqrt_condition() const, log_condition() const;
  /// Is the generalised spectrum of (M, M0) within the ends that kappa0 belongs to?
  bool attains(const RationalMatrix& m, const RationalMatrix& m0) const;
};

}  // namespace natgrad::test

#endif
