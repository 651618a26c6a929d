// natgrad: correctly rounded scalars of an exact Gram.
//
// Notation: gg, p, yy, D from the Gram; a the parameter of M(a) = y y^T/p + a (I - g g^T/gg);
//   c = cos psi = p/sqrt(gg yy), s = sin psi = sqrt((gg yy - p^2)/(gg yy)), a* = yy/p.
//
// Every function returns the nearest double (ties to even, subnormals included, +-inf and 0 where IEEE
// rounding says so) of the exact real value of its formula. In doubt algebraic scalars are decided by integer
// arithmetic; angle, log_condition and log_det by enclosures of increasing precision after their exact
// cases (which are the only ones: the other values are transcendental) have been decided. So the same
// Gram gives the same bits on every machine, whatever the rounding mode or flush-to-zero.
//
// A scalar that does not exist is std::nullopt, never NaN: functions of the metric when p <= 0 or when no
// M(a) has the trace asked for, and functions of the angle when g = 0 or y = 0. Cost of each: O(1) in D, no
// pass over vectors. Double-double arithmetic with a proven bound decides nearly all of them, in the order of
// a hundred nanoseconds; the rest costs a few operations on integers of a few hundred bits, at most a few ten
// thousand.
#ifndef NATGRAD_SCALARS_HPP
#define NATGRAD_SCALARS_HPP

#include <optional>

#include "natgrad/enclosure.hpp"
#include "natgrad/gram.hpp"

namespace natgrad {

/// The parameter a of M(a): the real number a* = yy/p (never its rounded double), a given double, or the real
/// number for which M(a) has a given trace.
class NATGRAD_API Alpha {
 public:
  /// a* = yy/p, which minimises the condition number over all metrics. (Paper: minimum condition number.)
  constexpr Alpha() = default;
  static constexpr Alpha optimal() { return Alpha(); }
  /// A given value.
  /// @pre finite and > 0   @throws ContractError
  explicit Alpha(double value);
  /// a = (T - a*)/(D - 1), never rounded: M(a) has the trace T, and the largest determinant of all metrics
  /// that have it. There is none (everything about M(a) is nullopt) unless T > a*; for D = 1 unless T is a*,
  /// which is y/g.
  /// @pre trace finite and > 0   @throws ContractError
  static Alpha of_trace(double trace);

  bool is_optimal() const noexcept { return !value_ && !trace_; }
  /// The given value; nullopt for a* and for a given trace.
  std::optional<double> value() const noexcept { return value_; }
  /// The given trace; nullopt for a* and for a given value.
  std::optional<double> trace() const noexcept { return trace_; }

  friend bool operator==(const Alpha&, const Alpha&) = default;

 private:
  std::optional<double> value_, trace_;
};

/// cos psi = p/sqrt(gg yy), in [-1, 1]. nullopt if g = 0 or y = 0. @claim scalars.cosine
NATGRAD_API std::optional<double> cosine(const Gram& gram);
/// sin psi = sqrt((gg yy - p^2)/(gg yy)), in [0, 1]. nullopt if g = 0 or y = 0. @claim scalars.sine
NATGRAD_API std::optional<double> sine(const Gram& gram);
/// psi in radians, in [0, pi]. nullopt if g = 0 or y = 0. @claim scalars.angle
NATGRAD_API std::optional<double> angle(const Gram& gram);

/// a: the rounded a* = yy/p, the given value, or of a trace the rounded (T - a*)/(D - 1), y/g for D = 1.
/// nullopt unless p > 0. @claim scalars.alpha
NATGRAD_API std::optional<double> alpha(const Gram& gram, Alpha a = {});

/// Smallest eigenvalue of M(a). At a*: a*(1 - s) = (p/gg)/(1 + s); in general
/// (t - sqrt((a-a*)^2 + 4 a a* s^2))/2 with t = a + a*; y/g for D = 1. @claim scalars.lambda_min
NATGRAD_API std::optional<double> lambda_min(const Gram& gram, Alpha a = {});
/// Largest eigenvalue of M(a). At a*: a*(1 + s); in general (t + sqrt((a-a*)^2 + 4 a a* s^2))/2;
/// y/g for D = 1. @claim scalars.lambda_max
NATGRAD_API std::optional<double> lambda_max(const Gram& gram, Alpha a = {});
/// kappa = lambda_max/lambda_min; at a*: (1 + s)/(1 - s), the least over all metrics; 1 for D = 1.
/// @claim scalars.condition
NATGRAD_API std::optional<double> condition(const Gram& gram, Alpha a = {});
/// sqrt(kappa); at a*: (1 + s)/c. Finite over twice the exponent range. @claim scalars.sqrt_condition
NATGRAD_API std::optional<double> sqrt_condition(const Gram& gram, Alpha a = {});
/// ln kappa; at a*: 2 asinh(s/c). Always finite. @claim scalars.log_condition
NATGRAD_API std::optional<double> log_condition(const Gram& gram, Alpha a = {});
/// trace M(a) = a* + (D - 1) a. @claim scalars.trace
NATGRAD_API std::optional<double> trace(const Gram& gram, Alpha a = {});
/// ln det M(a) = (D - 1) ln a + ln p - ln gg. Always finite. @claim scalars.log_det
NATGRAD_API std::optional<double> log_det(const Gram& gram, Alpha a = {});
/// Frobenius norm sqrt(a*^2 + (D - 1) a^2 + 2 a a* s^2). @claim scalars.frobenius_norm
NATGRAD_API std::optional<double> frobenius_norm(const Gram& gram, Alpha a = {});

/// The algebraic ones at once, with the verdict.
struct AlgebraicScalars {
  Judgement judgement;
  double gg = 0, gy = 0, yy = 0;  ///< rounded entries of the Gram
  std::optional<double> cosine, sine;
  std::optional<double> alpha, lambda_min, lambda_max;
  std::optional<double> condition, sqrt_condition;
  std::optional<double> trace;

  friend bool operator==(const AlgebraicScalars&, const AlgebraicScalars&) = default;
};

/// The transcendental ones, too.
struct Scalars : AlgebraicScalars {
  std::optional<double> angle, log_condition, log_det;

  friend bool operator==(const Scalars&, const Scalars&) = default;
};

/// One conversion of the Gram for all of them: as many calls of the functions above take several times as
/// long. @pre gram.dimension() >= 1   @throws ContractError
NATGRAD_API AlgebraicScalars algebraic_scalars(const Gram& gram, Alpha a = {});
NATGRAD_API Scalars scalars(const Gram& gram, Alpha a = {});

// ------------------------------------------------------------------------- inexact data

/// Enclosures of every scalar over all pairs (g', y') with |g' - g| <= radius and |y' - y| <= radius.
///
/// Those of the metric range over the pairs with p' > 0, and are nullopt when there are none; those of
/// the angle range over the pairs with g', y' != 0.
struct ScalarEnclosures {
  Judgement judgement;  ///< what holds for every pair in the balls, or undetermined (inexact)
  Enclosure gg, gy, yy;
  std::optional<Enclosure> cosine, sine, angle;
  std::optional<Enclosure> alpha, lambda_min, lambda_max;
  std::optional<Enclosure> condition, sqrt_condition, log_condition;
  std::optional<Enclosure> trace, log_det;
};

/// Rigorous enclosures for data known up to a Euclidean radius.
///
/// The angle's is the hull of psi -+ (asin(r/|g|) + asin(r/|y|)) within [0, pi] (sharp for D >= 2; for
/// D = 1 the angle cannot change while r < |g|, |y|), and the verdict follows from it; the others are
/// interval evaluations from |g'| in |g| -+ r, |y'| in |y| -+ r and that angle. Radius 0 gives the exact
/// verdict and the enclosure of each exact value.
/// @pre gram.dimension() >= 1, radius finite and >= 0, a not of a given trace   @throws ContractError
/// @claim scalars.enclosure
NATGRAD_API ScalarEnclosures enclose(const Gram& gram, double radius, Alpha a = {});

}  // namespace natgrad

#endif
