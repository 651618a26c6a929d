// natgrad: correctly rounded scalars of an exact Gram.
//
// Double-word arithmetic decides nearly all of them (lib/fast.hpp); what follows is for the rest. Algebraic
// scalars are brought to the form (A +- sqrt(B))/C, or its square root, over exact dyadic numbers and rounded
// from an integer floor with its remainder. Transcendental ones are enclosed ever more tightly; by the
// Hermite-Lindemann theorem e^x, cos x are transcendental for algebraic x != 0, so an angle or a logarithm
// here is a double or a midpoint only when it is 0, which integers decide.
#include "natgrad/scalars.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>

#include "doubles.hpp"
#include "exact.hpp"
#include "fast.hpp"
#include "pair.hpp"

namespace natgrad {
namespace {

using exact::Direction;
using exact::Dyadic;
using exact::Integer;
using exact::Interval;
using exact::MetricNumbers;
using exact::MpfrScope;
using exact::PairNumbers;
using exact::Surd;
using kernels::Scalar;

constexpr double infinity = std::numeric_limits<double>::infinity();

/// By bits: a comparison would take a subnormal for zero under denormals-are-zero.
bool is_positive(double x) {
  const auto bits = std::bit_cast<std::uint64_t>(x);
  return bits != 0 && (bits >> 63) == 0;
}

/// Order of finite or infinite doubles as integers: comparisons would depend on denormals-are-zero.
std::int64_t rank(double x) {
  const auto bits = std::bit_cast<std::int64_t>(x);
  return bits >= 0 ? bits : std::numeric_limits<std::int64_t>::min() - bits;
}
double greater_of(double a, double b) {
  return rank(a) < rank(b) ? b : a;
}
double lesser_of(double a, double b) {
  return rank(b) < rank(a) ? b : a;
}

// ------------------------------------------------------------------- numerator^n == ratio, exactly

struct Ratio {
  Integer numerator, denominator;  // positive, coprime
};

Ratio lowest_terms(const Dyadic& numerator, const Dyadic& denominator) {
  const std::int64_t unit = std::min(numerator.exponent(), denominator.exponent());
  Integer n = numerator.in_units(unit), d = denominator.in_units(unit);
  const Integer common = boost::multiprecision::gcd(n, d);
  return {n / common, d / common};
}

std::uint64_t bits(const Integer& x) {
  return boost::multiprecision::msb(x) + 1;
}

/// x^n == z for x >= 1: sizes first, so that no huge power is ever formed.
bool power_equals(const Integer& x, std::uint64_t n, const Integer& z) {
  if (x == 1) return z == 1;
  const std::uint64_t size = bits(x) - 1;  // x^n has at least n (bits(x) - 1) + 1 bits
  if (n != 0 && n > bits(z) / size) return false;
  return Integer(boost::multiprecision::pow(x, static_cast<unsigned>(n))) == z;
}

// ------------------------------------------------------------------------------- scalars of the angle

double cosine_of(const PairNumbers& v) {
  const double magnitude = exact::round_root(v.p * v.p, v.gg * v.yy);
  return v.p.sign() < 0 ? -magnitude : magnitude;
}

double sine_of(const PairNumbers& v) {
  return exact::round_root(v.gram_determinant, v.gg * v.yy);
}

/// psi = atan2(sqrt(S), p).
Interval angle_interval(const PairNumbers& v, mpfr_prec_t precision) {
  const Interval pi = Interval::pi(precision);
  if (v.p.is_zero()) return scaled(pi, -1);
  const Dyadic magnitude = v.p.sign() < 0 ? -v.p : v.p;
  const Interval tangent = sqrt(Interval(v.gram_determinant, precision)) / Interval(magnitude, precision);
  return v.p.sign() < 0 ? pi - atan(tangent) : atan(tangent);
}

double angle_of(const PairNumbers& v) {
  if (v.gram_determinant.is_zero() && v.p.sign() > 0) return 0;
  const MpfrScope scope;
  return exact::round_by_enclosure([&](mpfr_prec_t precision) { return angle_interval(v, precision); });
}

// ------------------------------------------------------------------------------- scalars of the metric

/// a* + (D - 1) a.
double trace_of(const MetricNumbers& m) {
  const auto& [numerator, denominator] = m.ap;
  return exact::round_quotient(m.v.yy * denominator + numerator * Dyadic(m.v.dimension - 1),
                               m.v.p * denominator);
}

/// sqrt(a*^2 + (D - 1) a^2 + 2 a a* s^2), its square over p^2 gg.
double frobenius_norm_of(const MetricNumbers& m) {
  const auto& v = m.v;
  const auto& [numerator, denominator] = m.ap;
  const Dyadic star = v.yy * denominator, scale = v.p * denominator;
  const Dyadic diagonal = star * star + numerator * numerator * Dyadic(v.dimension - 1);
  return exact::round_root(diagonal * v.gg + (numerator * denominator * v.gram_determinant).scaled(1),
                           scale * scale * v.gg);
}

/// (D - 1) ln a + ln p - ln gg.
double log_det_of(const MetricNumbers& m) {
  const auto& v = m.v;
  const Dyadic scale = m.ap.denominator * v.p;
  const MpfrScope scope;
  bool known_not_zero = false;
  for (mpfr_prec_t precision = 128;; precision *= 2) {
    const auto log_of = [&](const Dyadic& x) { return log(Interval(x, precision)); };
    const Interval value =
        Interval(Dyadic(v.dimension - 1), precision) * (log_of(m.ap.numerator) - log_of(scale)) +
        log_of(v.p) - log_of(v.gg);
    double result;
    if (value.round(result)) return result;
    if (value.contains_zero() && !known_not_zero) {
      if (exact::log_det_is_zero(m)) return 0;
      known_not_zero = true;
    }
  }
}

// ----------------------------------------------------------------------------------- the public face

bool has_angle(const PairNumbers& v) {
  return !v.gg.is_zero() && !v.yy.is_zero();
}

template <class F>
std::optional<double> of_angle(const Gram& gram, Scalar which, F f) {
  const fast::Scalars fast(gram, Alpha(), fast::bit(which));
  if (!fast.has_angle()) return std::nullopt;
  if (const double* const decided = fast.find(which)) return *decided;
  return f(PairNumbers(gram));
}

template <class F>
std::optional<double> of_metric(const Gram& gram, const Alpha& a, Scalar which, F f) {
  const fast::Scalars fast(gram, a, fast::bit(which));
  if (fast.sign_of_p() <= 0) return std::nullopt;
  if (const double* const decided = fast.find(which)) return *decided;
  const PairNumbers v(gram);
  const auto ap = exact::alpha_times_p(v, a);
  if (!ap) return std::nullopt;
  return f(MetricNumbers(v, *ap));
}

double alpha_of(const MetricNumbers& m, const Alpha& given) {
  return given.value() ? *given.value() : exact::alpha_of(m);
}

double lambda_min_of(const MetricNumbers& m) {
  return exact::lambda_of(m, -1);
}
double lambda_max_of(const MetricNumbers& m) {
  return exact::lambda_of(m, 1);
}

double condition_of(const MetricNumbers& m) {
  return exact::round(exact::condition_surd(m));
}

double sqrt_condition_of(const MetricNumbers& m) {
  return exact::round_root(exact::condition_surd(m));
}

}  // namespace

namespace exact {

std::optional<AlphaTimesP> alpha_times_p(const PairNumbers& pair, const Alpha& a) {
  if (a.trace()) {
    // a p = (T p - yy)/(D - 1)
    const Dyadic rest = Dyadic::from(*a.trace()) * pair.p - pair.yy;
    if (pair.dimension > 1 && rest.sign() > 0) return AlphaTimesP{rest, Dyadic(pair.dimension - 1)};
    if (pair.dimension > 1 || !rest.is_zero()) return std::nullopt;
  } else if (a.value() && pair.dimension > 1) {
    return AlphaTimesP{Dyadic::from(*a.value()) * pair.p};
  }
  return AlphaTimesP{pair.yy};
}

MetricNumbers::MetricNumbers(const PairNumbers& pair, AlphaTimesP alpha) : v(pair), ap(std::move(alpha)) {
  const Dyadic star = ap.denominator * v.yy;
  sum = ap.numerator + star;
  discriminant = (ap.numerator - star) * (ap.numerator - star) * v.gg +
                 (ap.numerator * ap.denominator * v.gram_determinant).scaled(2);
}

double alpha_of(const MetricNumbers& m) {
  return round_quotient(m.ap.numerator, m.ap.denominator * m.v.p);
}

/// (sum gg +- sqrt(discriminant gg))/(2 K p gg); at a*: (gg yy +- sqrt(gg yy S))/(p gg).
double lambda_of(const MetricNumbers& m, int sign) {
  const auto& v = m.v;
  return round(Surd{m.sum * v.gg, sign, m.discriminant * v.gg, (m.ap.denominator * v.p * v.gg).scaled(1)});
}

/// kappa = lambda_max^2/d with d = a p/gg: (sum gg + sqrt(discriminant gg))^2/(4 K p^2 gg A).
Surd condition_surd(const MetricNumbers& m) {
  const auto& v = m.v;
  const Dyadic x = m.sum * v.gg, y = m.discriminant * v.gg;
  return {x * x + y, 1, (x * x * y).scaled(2),
          (m.ap.denominator * v.p * v.p * v.gg * m.ap.numerator).scaled(2)};
}

/// ln kappa = 2 asinh((lambda_max - lambda_min)/(2 sqrt(d))), the argument squared being
/// discriminant/(4 p^2 K A); at a*: tan^2 psi.
double log_condition_of(const MetricNumbers& m) {
  if (m.discriminant.is_zero()) return 0;
  const Dyadic denominator = (m.v.p * m.v.p * m.ap.denominator * m.ap.numerator).scaled(2);
  const MpfrScope scope;
  return round_by_enclosure([&](mpfr_prec_t precision) {
    return scaled(asinh(sqrt(Interval(m.discriminant, precision) / Interval(denominator, precision))), 1);
  });
}

bool log_det_is_zero(const MetricNumbers& m) {
  return power_equals(m.ap.numerator, m.ap.denominator * m.v.p, m.v.dimension - 1, m.v.gg, m.v.p);
}

bool power_equals(const Dyadic& numerator, const Dyadic& denominator, std::uint64_t n,
                  const Dyadic& value_numerator, const Dyadic& value_denominator) {
  const Ratio base = lowest_terms(numerator, denominator);
  const Ratio value = lowest_terms(value_numerator, value_denominator);
  return natgrad::power_equals(base.numerator, n, value.numerator) &&
         natgrad::power_equals(base.denominator, n, value.denominator);
}

}  // namespace exact

Alpha::Alpha(double value) : value_(value) {
  if (!is_finite(value) || !is_positive(value)) {
    throw ContractError(fmt::format("alpha is {}; it must be finite and > 0", value));
  }
}

Alpha Alpha::of_trace(double trace) {
  if (!is_finite(trace) || !is_positive(trace)) {
    throw ContractError(fmt::format("the trace is {}; it must be finite and > 0", trace));
  }
  Alpha a;
  a.trace_ = trace;
  return a;
}

std::optional<double> cosine(const Gram& gram) {
  return of_angle(gram, Scalar::cosine, cosine_of);
}
std::optional<double> sine(const Gram& gram) {
  return of_angle(gram, Scalar::sine, sine_of);
}
std::optional<double> angle(const Gram& gram) {
  return of_angle(gram, Scalar::angle, angle_of);
}

std::optional<double> alpha(const Gram& gram, Alpha a) {
  return of_metric(gram, a, Scalar::alpha, [&](const MetricNumbers& m) { return alpha_of(m, a); });
}
std::optional<double> lambda_min(const Gram& gram, Alpha a) {
  return of_metric(gram, a, Scalar::lambda_min, lambda_min_of);
}
std::optional<double> lambda_max(const Gram& gram, Alpha a) {
  return of_metric(gram, a, Scalar::lambda_max, lambda_max_of);
}
std::optional<double> condition(const Gram& gram, Alpha a) {
  return of_metric(gram, a, Scalar::condition, condition_of);
}
std::optional<double> sqrt_condition(const Gram& gram, Alpha a) {
  return of_metric(gram, a, Scalar::sqrt_condition, sqrt_condition_of);
}
std::optional<double> log_condition(const Gram& gram, Alpha a) {
  return of_metric(gram, a, Scalar::log_condition, exact::log_condition_of);
}
std::optional<double> trace(const Gram& gram, Alpha a) {
  return of_metric(gram, a, Scalar::trace, trace_of);
}
std::optional<double> log_det(const Gram& gram, Alpha a) {
  return of_metric(gram, a, Scalar::log_det, log_det_of);
}
std::optional<double> frobenius_norm(const Gram& gram, Alpha a) {
  return of_metric(gram, a, Scalar::frobenius_norm, frobenius_norm_of);
}

namespace {

/// Scalars of one Gram: by the fast path, or from the exact numbers, made once one of them is needed.
class Decision {
 public:
  Decision(const Gram& gram, const Alpha& a, unsigned wanted) : gram_(gram), a_(a), fast_(gram, a, wanted) {}

  bool has_angle() const { return fast_.has_angle(); }
  bool has_metric() const { return fast_.sign_of_p() > 0; }

  // Numbers are put where they belong: a copy of an optional that was just written would wait for both parts.
  template <class F>
  void put_of_angle(std::optional<double>& to, Scalar which, F exactly) {
    if (const double* const decided = fast_.find(which)) {
      to = *decided;
    } else {
      to = exactly(pair());
    }
  }
  template <class F>
  void put_of_metric(std::optional<double>& to, Scalar which, F exactly) {
    if (const double* const decided = fast_.find(which)) {
      to = *decided;
    } else if (const MetricNumbers* const numbers = metric()) {
      to = exactly(*numbers);
    }
  }

  void put_algebraic(AlgebraicScalars& to) {
    to.judgement = gram_.judge();
    to.gg = fast_.gg();
    to.gy = fast_.gy();
    to.yy = fast_.yy();
    if (!has_angle()) return;
    put_of_angle(to.cosine, Scalar::cosine, cosine_of);
    put_of_angle(to.sine, Scalar::sine, sine_of);
    if (!has_metric()) return;
    put_of_metric(to.alpha, Scalar::alpha, [&](const MetricNumbers& m) { return alpha_of(m, a_); });
    put_of_metric(to.lambda_min, Scalar::lambda_min, lambda_min_of);
    put_of_metric(to.lambda_max, Scalar::lambda_max, lambda_max_of);
    put_of_metric(to.condition, Scalar::condition, condition_of);
    put_of_metric(to.sqrt_condition, Scalar::sqrt_condition, sqrt_condition_of);
    put_of_metric(to.trace, Scalar::trace, trace_of);
  }

 private:
  const PairNumbers& pair() {
    if (!pair_) pair_.emplace(gram_);
    return *pair_;
  }
  /// nullptr if no M(a) has the trace.
  const MetricNumbers* metric() {
    if (!metric_ && !none_) {
      auto ap = exact::alpha_times_p(pair(), a_);
      none_ = !ap;
      if (ap) metric_.emplace(pair(), std::move(*ap));
    }
    return metric_ ? &*metric_ : nullptr;
  }

  const Gram& gram_;
  const Alpha& a_;
  fast::Scalars fast_;
  std::optional<PairNumbers> pair_;
  std::optional<MetricNumbers> metric_;
  bool none_ = false;
};

}  // namespace

AlgebraicScalars algebraic_scalars(const Gram& gram, Alpha a) {
  AlgebraicScalars result;
  Decision(gram, a, fast::algebraic).put_algebraic(result);
  return result;
}

Scalars scalars(const Gram& gram, Alpha a) {
  Scalars result;
  Decision decision(gram, a, fast::algebraic | fast::transcendental);
  decision.put_algebraic(result);
  if (!decision.has_angle()) return result;
  decision.put_of_angle(result.angle, Scalar::angle, angle_of);
  if (!decision.has_metric()) return result;
  decision.put_of_metric(result.log_condition, Scalar::log_condition, exact::log_condition_of);
  decision.put_of_metric(result.log_det, Scalar::log_det, log_det_of);
  return result;
}

// ------------------------------------------------------------------------------------ inexact data

namespace {

/// The sign of 90 degrees - (psi + asin(radius/|g|) + asin(radius/|y|)), which subtracts the largest angle
/// within the radius; for (-g, y), with -p, the sign of the smallest angle minus 90 degrees.
/// @pre 0 < radius < |g|, |y|; D > 1, so that both angles occur
int right_angle_margin(const PairNumbers& v, const Dyadic& p, const Dyadic& radius) {
  const Dyadic square = radius * radius;
  if (v.gg * v.yy < square * (v.gg + v.yy)) return -1;  // the two arcs alone are more than 90 degrees
  if (p.sign() <= 0) return -1;
  // Sines of both sides of psi + arcs = 90 degrees, times |g| |y|: radius (sqrt(x) + sqrt(z)) against p.
  const Dyadic x = v.yy - square, z = v.gg - square;
  const Dyadic rest = p * p - square * (x + z);
  if (rest.sign() < 0) return -1;
  return (rest * rest - (square * square * x * z).scaled(2)).sign();
}

/// What holds for every pair within radius > 0, decided in integers.
struct BallVerdict {
  bool effective = false;      ///< p' > 0
  bool not_effective = false;  ///< p' <= 0, and g', y' are not both 0
  bool contact = false;        ///< an end of the angles' range is exactly 90 degrees

  BallVerdict(const PairNumbers& v, const Dyadic& radius) {
    const Dyadic square = radius * radius;
    const bool without_zero = square < v.gg && square < v.yy;
    if (v.dimension == 1) {
      effective = v.p.sign() > 0 && without_zero;
      const bool beyond = v.gg < square || v.yy < square;
      not_effective = v.p.sign() < 0 && !beyond && !(square == v.gg && square == v.yy);
    } else if (without_zero) {
      const int below = right_angle_margin(v, v.p, radius), above = right_angle_margin(v, -v.p, radius);
      effective = below > 0;
      not_effective = above >= 0;
      contact = below == 0 || above == 0;
    }
  }
};

/// The set of pairs within a radius, as the box of r' = |y'|/|g'| and psi' that contains it.
/// Each bound is a narrow interval around an exact number.
struct Box {
  Interval norm_g, norm_y, radius;
  Interval angle_low, angle_high;       // hull of psi', within [0, pi]
  bool angle_low_zero, angle_high_pi;   // exactly there
  bool reaches_zero_g, reaches_zero_y;  // radius >= |g|, |y|
};

/// Everything at one precision.
class Encloser {
 public:
  Encloser(const PairNumbers& v, const Dyadic& radius, mpfr_prec_t precision)
      : v_(v), exact_radius_(radius), precision_(precision), box_(make_box()) {}

  const Box& box() const { return box_; }
  Interval number(const Dyadic& x) const { return Interval(x, precision_); }
  Interval one() const { return number(Dyadic(std::uint64_t{1})); }
  Interval half_pi() const { return scaled(Interval::pi(precision_), -1); }

  /// The intervals tell on which side of 90 degrees each end of the angle's hull lies.
  bool sides_known() const {
    const bool low = box_.angle_low_zero || clear_of_zero(half_pi() - box_.angle_low);
    const bool high = box_.angle_high_pi || clear_of_zero(half_pi() - box_.angle_high);
    return low && high;
  }

  /// A lower bound of |g'| and of |y'|, exactly 0 where nothing better is certain.
  Interval least_norm_g() const { return positive_part(box_.norm_g - box_.radius); }
  Interval least_norm_y() const { return positive_part(box_.norm_y - box_.radius); }

  /// r' over the box: low end, and high end unless infinite.
  Interval ratio_low() const { return least_norm_y() / (box_.norm_g + box_.radius); }
  bool ratio_bounded() const { return (box_.norm_g - box_.radius).is_positive(); }
  Interval ratio_high() const { return (box_.norm_y + box_.radius) / (box_.norm_g - box_.radius); }

  /// Cosine and sine at an end of the angle's hull.
  Interval cosine_low_end() const { return box_.angle_low_zero ? one() : cos(box_.angle_low); }
  Interval sine_low_end() const { return box_.angle_low_zero ? number(Dyadic()) : sin(box_.angle_low); }
  Interval cosine_high_end() const {
    return box_.angle_high_pi ? number(Dyadic()) - one() : cos(box_.angle_high);
  }
  Interval sine_high_end() const { return box_.angle_high_pi ? number(Dyadic()) : sin(box_.angle_high); }

 private:
  Interval positive_part(const Interval& x) const { return x.is_positive() ? x : number(Dyadic()); }
  static bool clear_of_zero(const Interval& x) { return x.is_positive() || x.is_negative(); }

  Box make_box() const {
    const Dyadic square = exact_radius_ * exact_radius_;
    const bool zero_g = !(square < v_.gg), zero_y = !(square < v_.yy);
    const Interval norm_g = sqrt(number(v_.gg)), norm_y = sqrt(number(v_.yy));
    const Interval radius = number(exact_radius_), zero = number(Dyadic()), pi = Interval::pi(precision_);
    Box box{norm_g, norm_y, radius, zero, pi, true, true, zero_g, zero_y};
    // Where a ball holds 0 in its interior every direction occurs; on the boundary a half space of them,
    // whose hull with the other ball's cone we also take as everything.
    if (zero_g || zero_y) return box;
    const Interval nominal = angle_interval(v_, precision_);
    const bool parallel = v_.gram_determinant.is_zero();
    if (exact_radius_.is_zero() || v_.dimension == 1) {
      box.angle_low = box.angle_high = nominal;
      box.angle_low_zero = parallel && v_.p.sign() > 0;
      box.angle_high_pi = parallel && v_.p.sign() < 0;
      if (box.angle_low_zero) box.angle_high = zero;
      if (box.angle_high_pi) box.angle_low = pi;
      return box;
    }
    const Interval reach = asin(radius / norm_g) + asin(radius / norm_y);
    box.angle_low = nominal - reach;
    box.angle_high = nominal + reach;
    box.angle_low_zero = !box.angle_low.is_positive();
    box.angle_high_pi = !(pi - box.angle_high).is_positive();
    if (box.angle_low_zero) box.angle_low = zero;
    if (box.angle_high_pi) box.angle_high = pi;
    return box;
  }

  const PairNumbers& v_;
  const Dyadic& exact_radius_;
  mpfr_prec_t precision_;
  Box box_;
};

Enclosure between(const Interval& low, const Interval& high) {
  return {low.lower(), high.upper()};
}

/// Bits that survive the worst cancellation in this pair: angles next to 0 or 90 degrees, radii next to a
/// norm.
mpfr_prec_t precision_for(const PairNumbers& v) {
  std::int64_t precision = 512;
  if (!has_angle(v)) return precision;
  const std::int64_t product = (v.gg * v.yy).log2_floor();
  if (!v.p.is_zero()) precision += product - (v.p * v.p).log2_floor();
  if (!v.gram_determinant.is_zero()) precision += product - v.gram_determinant.log2_floor();
  return precision;
}

/// Scalars of M over the part of the box with p' > 0.
class MetricEncloser {
 public:
  MetricEncloser(const Encloser& e, std::uint64_t dimension, const Alpha& a)
      : e_(e),
        dimension_(dimension),
        a_(dimension == 1 ? Alpha() : a),
        c_low_(dimension == 1 ? e.one() : e.cosine_low_end()),
        s_low_(dimension == 1 ? e.number(Dyadic()) : e.sine_low_end()),
        right_angle_(dimension > 1 &&
                     (e.box().angle_high_pi || !(e.half_pi() - e.box().angle_high).is_positive())),
        c_high_(dimension == 1 ? c_low_ : (right_angle_ ? e.number(Dyadic()) : e.cosine_high_end())),
        s_high_(dimension == 1 ? s_low_ : (right_angle_ ? e.one() : e.sine_high_end())) {}

  /// False if no pair of the box is known to have p' > 0.
  bool any_effective() const { return c_low_.is_positive(); }

  void fill(ScalarEnclosures& out, const Alpha& given) const {
    const Interval r_low = e_.ratio_low();
    const bool bounded = e_.ratio_bounded();
    const Interval r_high = bounded ? e_.ratio_high() : e_.one();
    // M's scalars grow with r, and with psi where noted; an unbounded r or psi = 90 degrees gives inf or 0.
    const bool open = !bounded || right_angle_;
    const auto lift = [&](const Interval& low, auto&& high, bool unbounded) {
      return Enclosure{low.lower(), unbounded ? infinity : high().upper()};
    };
    const auto star = [](const Interval& r, const Interval& c) { return r / c; };
    const Dyadic count(dimension_), others(dimension_ - 1);

    if (given.is_optimal()) {
      out.alpha = lift(
          star(r_low, c_low_), [&] { return star(r_high, c_high_); }, open);
    } else {
      out.alpha = Enclosure{*given.value(), *given.value()};
    }

    if (a_.is_optimal()) {
      const auto largest = [&](const Interval& r, const Interval& c, const Interval& s) {
        return r * (e_.one() + s) / c;
      };
      const auto smallest = [&](const Interval& r, const Interval& c, const Interval& s) {
        return r * c / (e_.one() + s);
      };
      const auto root = [&](const Interval& c, const Interval& s) { return (e_.one() + s) / c; };
      const auto log_kappa = [&](const Interval& c, const Interval& s) { return scaled(asinh(s / c), 1); };
      out.lambda_max = lift(
          largest(r_low, c_low_, s_low_), [&] { return largest(r_high, c_high_, s_high_); }, open);
      out.lambda_min = lift(
          smallest(r_low, c_high_, s_high_), [&] { return smallest(r_high, c_low_, s_low_); }, !bounded);
      out.sqrt_condition = lift(
          root(c_low_, s_low_), [&] { return root(c_high_, s_high_); }, right_angle_);
      out.condition = lift(
          square(root(c_low_, s_low_)), [&] { return square(root(c_high_, s_high_)); }, right_angle_);
      out.log_condition = lift(
          log_kappa(c_low_, s_low_), [&] { return log_kappa(c_high_, s_high_); }, right_angle_);
      out.trace = lift(
          e_.number(count) * star(r_low, c_low_), [&] { return e_.number(count) * star(r_high, c_high_); },
          open);
      // D ln r - (D - 2) ln c: grows with psi for D > 2, c = 1 for D = 1.
      const auto log_det = [&](const Interval& r, const Interval& c) {
        const Interval by_ratio = e_.number(count) * log(r);
        if (dimension_ <= 2) return by_ratio;
        return by_ratio - e_.number(Dyadic(dimension_ - 2)) * log(c);
      };
      out.log_det =
          Enclosure{r_low.is_positive() ? log_det(r_low, c_low_).lower() : -infinity,
                    (dimension_ <= 2 ? !bounded : open) ? infinity : log_det(r_high, c_high_).upper()};
      return;
    }

    const Interval a = e_.number(Dyadic::from(*a_.value()));
    // With a* = r/c: lambda_max = (t + sqrt((a - a*)^2 + 4 a a* s^2))/2 grows with r and psi,
    // lambda_min = a r c/lambda_max grows with r and falls with psi, kappa grows with psi and has its least
    // value in r at r = a c.
    const auto largest = [&](const Interval& r, const Interval& c, const Interval& s) {
      const Interval a_star = star(r, c);
      const Interval root = sqrt(square(a - a_star) + scaled(a * a_star * square(s), 2));
      return scaled(a + a_star + root, -1);
    };
    const auto smallest = [&](const Interval& r, const Interval& c, const Interval& s) {
      return a * r * c / largest(r, c, s);
    };
    const auto root_kappa = [&](const Interval& r, const Interval& c, const Interval& s) {
      return largest(r, c, s) / sqrt(a * r * c);
    };
    const Interval zero = e_.number(Dyadic());
    out.lambda_max = lift(
        largest(r_low, c_low_, s_low_), [&] { return largest(r_high, c_high_, s_high_); }, open);
    // r -> inf: lambda_min tends to a c^2 from below.
    out.lambda_min =
        Enclosure{right_angle_ ? 0 : smallest(r_low, c_high_, s_high_).lower(),
                  bounded ? smallest(r_high, c_low_, s_low_).upper() : (a * square(c_low_)).upper()};
    const Interval turning = a * c_low_;
    Interval least = (e_.one() + s_low_) / c_low_;
    if ((r_low - turning).is_positive()) least = root_kappa(r_low, c_low_, s_low_);
    if (bounded && (turning - r_high).is_positive()) least = root_kappa(r_high, c_low_, s_low_);
    const bool open_kappa = open || !r_low.is_positive();
    const Interval low_end = open_kappa ? zero : root_kappa(r_low, c_high_, s_high_);
    const Interval high_end = open_kappa ? zero : root_kappa(r_high, c_high_, s_high_);
    const auto highest = [&](auto f) {
      return open_kappa ? infinity : greater_of(f(low_end).upper(), f(high_end).upper());
    };
    const auto same = [](const Interval& x) { return x; };
    const auto squared = [](const Interval& x) { return square(x); };
    const auto log_squared = [](const Interval& x) { return scaled(log(x), 1); };
    out.sqrt_condition = Enclosure{greater_of(1.0, least.lower()), highest(same)};
    out.condition = Enclosure{greater_of(1.0, square(least).lower()), highest(squared)};
    out.log_condition = Enclosure{greater_of(0.0, log_squared(least).lower()), highest(log_squared)};
    out.trace = lift(
        star(r_low, c_low_) + e_.number(others) * a,
        [&] { return star(r_high, c_high_) + e_.number(others) * a; }, open);
    const auto log_det = [&](const Interval& r, const Interval& c) {
      return e_.number(others) * log(a) + log(r * c);
    };
    out.log_det =
        Enclosure{r_low.is_positive() && !right_angle_ ? log_det(r_low, c_high_).lower() : -infinity,
                  bounded ? log_det(r_high, c_low_).upper() : infinity};
  }

 private:
  const Encloser& e_;
  std::uint64_t dimension_;
  Alpha a_;
  Interval c_low_, s_low_;
  bool right_angle_;  // psi' comes arbitrarily close to 90 degrees
  Interval c_high_, s_high_;
};

}  // namespace

ScalarEnclosures enclose(const Gram& gram, double radius, Alpha a) {
  if (!is_finite(radius) || (!is_positive(radius) && !Dyadic::from(radius).is_zero())) {
    throw ContractError(fmt::format("radius is {}; it must be finite and >= 0", radius));
  }
  if (a.trace()) {
    throw ContractError(
        fmt::format("alpha is that of the trace {}; enclosures are for a* and for given values", *a.trace()));
  }
  ScalarEnclosures out;
  out.judgement = gram.judge();  // checks the dimension
  const PairNumbers v(gram);
  const Dyadic exact_radius = Dyadic::from(radius);
  const bool exact_data = exact_radius.is_zero();
  const MpfrScope scope;

  mpfr_prec_t precision = precision_for(v);
  std::optional<Encloser> at_precision(std::in_place, v, exact_radius, precision);
  if (!exact_data) {
    const BallVerdict verdict(v, exact_radius);
    if (verdict.effective) {
      out.judgement = {Verdict::effective, Reason::descent};
    } else if (verdict.not_effective) {
      out.judgement = {Verdict::not_effective, Reason::ascent};
    } else {
      out.judgement = {Verdict::undetermined, Reason::inexact};
    }
    // Finite bounds need an angle that is known to be off 90 degrees. At contact none ever is.
    constexpr mpfr_prec_t most = 1 << 15;
    while (!verdict.contact && !at_precision->sides_known() && precision < most) {
      precision *= 2;
      at_precision.emplace(v, exact_radius, precision);
    }
  }

  const Encloser& e = *at_precision;
  const Box& box = e.box();
  const auto square_range = [&](const Interval& norm, bool reaches_zero) {
    return Enclosure{reaches_zero ? 0 : square(norm - box.radius).lower(), square(norm + box.radius).upper()};
  };
  if (exact_data) {
    const auto exactly = [](const Dyadic& x) {
      return Enclosure{exact::round(x, Direction::down), exact::round(x, Direction::up)};
    };
    out.gg = exactly(v.gg);
    out.gy = exactly(v.p);
    out.yy = exactly(v.yy);
    if (!has_angle(v)) return out;
  } else {
    out.gg = square_range(box.norm_g, box.reaches_zero_g);
    out.yy = square_range(box.norm_y, box.reaches_zero_y);
    // Two bounds, each rigorous: the triangle inequality, and norms times the cosine at the hull's ends.
    const Interval reach = box.radius * (box.norm_g + box.norm_y + box.radius);
    const Interval p = e.number(v.p);
    out.gy = between(p - reach, p + reach);
    const Interval most_product = (box.norm_g + box.radius) * (box.norm_y + box.radius);
    const Interval least_product = e.least_norm_g() * e.least_norm_y();
    const Interval low = e.cosine_high_end(), high = e.cosine_low_end();
    out.gy.lo = greater_of(out.gy.lo, ((low.is_positive() ? least_product : most_product) * low).lower());
    out.gy.hi = lesser_of(out.gy.hi, ((high.is_negative() ? least_product : most_product) * high).upper());
  }

  out.angle = between(box.angle_low, box.angle_high);
  out.cosine = between(e.cosine_high_end(), e.cosine_low_end());
  const bool through_right_angle =
      !(e.half_pi() - box.angle_high).is_positive() && !(box.angle_low - e.half_pi()).is_positive();
  out.sine = Enclosure{greater_of(0.0, lesser_of(e.sine_low_end().lower(), e.sine_high_end().lower())),
                       through_right_angle
                           ? 1.0
                           : lesser_of(1.0, greater_of(e.sine_low_end().upper(), e.sine_high_end().upper()))};
  out.cosine->lo = greater_of(-1.0, out.cosine->lo);
  out.cosine->hi = lesser_of(1.0, out.cosine->hi);
  // Where the angle is one exact number, sin pi = 0 and cos(pi/2) = 0 are better known than through pi.
  const bool one_angle = (exact_data || v.dimension == 1) && !box.reaches_zero_g && !box.reaches_zero_y;
  if (one_angle && v.gram_determinant.is_zero()) {
    out.cosine->lo = out.cosine->hi = v.p.sign() < 0 ? -1.0 : 1.0;
    out.sine = Enclosure{0.0, 0.0};
  } else if (one_angle && v.p.is_zero()) {
    out.cosine = Enclosure{0.0, 0.0};
    out.sine = Enclosure{1.0, 1.0};
  }

  if (out.judgement.verdict == Verdict::not_effective) return out;
  if (exact_data && v.p.sign() <= 0) return out;
  const MetricEncloser metric(e, v.dimension, a);
  if (metric.any_effective()) metric.fill(out, a);
  // Intervals never see that logarithms cancel exactly.
  if (exact_data && exact::log_det_is_zero(MetricNumbers(v, *exact::alpha_times_p(v, a))))
    out.log_det = Enclosure{0.0, 0.0};
  return out;
}

}  // namespace natgrad
