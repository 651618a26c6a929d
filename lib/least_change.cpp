// natgrad: the other optimal metrics. Each is a block M(a) on span(g, y) beside tau on the complement; what
// is rational, or in the field of sqrt(gg yy), is rounded from integers, the rest from enclosures.
#include "natgrad/least_change.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <mutex>
#include <string>
#include <utility>

#include "combination.hpp"
#include "dense.hpp"
#include "doubles.hpp"
#include "exact.hpp"
#include "float_scope.hpp"
#include "pair.hpp"

namespace natgrad {
namespace {

using exact::AlphaTimesP;
using exact::Dyadic;
using exact::Integer;
using exact::Interval;
using exact::MetricNumbers;
using exact::MpfrScope;
using exact::PairNumbers;
using exact::Surd;

Dyadic whole(std::uint64_t value) {
  return Dyadic(value);
}

// ----------------------------------------------------------------------------------------- names

struct Entry {
  Optimum optimum;
  std::string_view name, description;
};

constexpr std::array entries = {
    Entry{Optimum::condition, "condition", "least condition number kappa(M)"},
    Entry{Optimum::omega, "omega", "least (tr M/D)/det(M)^(1/D) (Dennis & Wolkowicz)"},
    Entry{Optimum::bfgs, "bfgs",
          "least tr M - a ln det M, closest to a I in the Kullback-Leibler sense; parameter a (default 1)"},
    Entry{Optimum::determinant, "determinant", "greatest det M with tr M = T; parameter T > yy/p"},
    Entry{Optimum::dfp, "dfp", "least tr M^-1 + ln det M"},
    Entry{Optimum::psb, "psb", "least |M - I| in the Frobenius norm; need not be attained"},
    Entry{Optimum::ray, "ray", "least affine-invariant distance to the multiples of I"},
    Entry{Optimum::identity, "identity", "least affine-invariant distance to I"},
};

const Entry& entry(Optimum optimum) {
  static constexpr Entry unknown{Optimum::condition, "unknown", "unknown"};
  const auto index = static_cast<std::size_t>(optimum);
  return index < entries.size() ? entries[index] : unknown;
}

// ----------------------------------------------------------------------------------- parameters

bool is_positive_and_finite(double x) {
  const auto bits = std::bit_cast<std::uint64_t>(x);
  return bits != 0 && bits < std::uint64_t{0x7ff} << 52;
}

/// The parameter that the optimum takes, checked; 1 for bfgs where none is given.
std::optional<double> checked(Optimum optimum, std::optional<double> parameter) {
  if (static_cast<std::size_t>(optimum) >= entries.size())
    throw ContractError(fmt::format("there is no optimum of number {}", static_cast<int>(optimum)));
  const bool takes_one = optimum == Optimum::bfgs || optimum == Optimum::determinant;
  if (!takes_one) {
    if (!parameter) return {};
    throw ContractError(
        fmt::format("the parameter is {}; the optimum {} takes none", *parameter, to_string(optimum)));
  }
  if (!parameter && optimum == Optimum::bfgs) return 1.0;
  if (!parameter) throw ContractError("the optimum determinant needs a parameter, the trace T of the metric");
  if (!is_positive_and_finite(*parameter)) {
    throw ContractError(fmt::format("the parameter {} of the optimum {} is {}; it must be finite and > 0",
                                    optimum == Optimum::bfgs ? "a" : "T", to_string(optimum), *parameter));
  }
  return parameter;
}

bool in_family(Optimum optimum) {
  return optimum == Optimum::condition || optimum == Optimum::omega || optimum == Optimum::bfgs ||
         optimum == Optimum::determinant;
}

/// The a of a member of the family.
Alpha family_alpha(Optimum optimum, const std::optional<double>& parameter) {
  if (optimum == Optimum::bfgs) return Alpha(*parameter);
  if (optimum == Optimum::determinant) return Alpha::of_trace(*parameter);
  return Alpha();
}

Existence existence_of(Optimum optimum, const PairNumbers& v, const std::optional<double>& parameter) {
  if (v.p.sign() <= 0) return Existence::no_metric;
  if (optimum == Optimum::determinant && !exact::alpha_times_p(v, Alpha::of_trace(*parameter)))
    return Existence::infeasible;
  if (optimum == Optimum::psb && !(v.gram_determinant < v.p * v.gg)) return Existence::not_attained;
  return Existence::attained;
}

/// a p of the block on span(g, y), where a is rational: always but for identity with S > 0 and gg != yy.
/// For D = 1 a* stands for a, as everywhere. @pre attained
std::optional<AlphaTimesP> rational_block(Optimum optimum, const PairNumbers& v,
                                          const std::optional<double>& parameter) {
  if (in_family(optimum)) return exact::alpha_times_p(v, family_alpha(optimum, parameter));
  if (optimum == Optimum::ray || v.dimension == 1) return AlphaTimesP{v.yy};
  if (optimum == Optimum::dfp) return AlphaTimesP{v.gg * v.yy, v.p};
  if (optimum == Optimum::psb) return AlphaTimesP{v.p * v.gg - v.gram_determinant, v.gg};
  if (v.gram_determinant.is_zero()) return AlphaTimesP{v.p};
  if (v.gg == v.yy) return AlphaTimesP{v.yy};
  return {};
}

// ------------------------------------------------------------------------------------- rounding

/// (u + v sqrt(n))/denominator, for any signs. @pre n >= 0, denominator > 0
double round_in_field(const Dyadic& u, const Dyadic& v, const Dyadic& n, const Dyadic& denominator) {
  const Dyadic square = v * v * n;
  if (square.is_zero()) return exact::round_quotient(u, denominator);
  const Dyadic magnitude = u.sign() < 0 ? -u : u;
  if (u.is_zero() || u.sign() == v.sign()) {
    const double value = exact::round(Surd{magnitude, 1, square, denominator});
    return v.sign() < 0 ? negate(value) : value;
  }
  if (!(u * u < square)) {
    const double value = exact::round(Surd{magnitude, -1, square, denominator});
    return u.sign() < 0 ? negate(value) : value;
  }
  // sqrt(b) - |u| is the root of b + u^2 - 2 |u| sqrt(b).
  const double value =
      exact::round_root(Surd{square + u * u, -1, (u * u * square).scaled(2), denominator * denominator});
  return v.sign() < 0 ? negate(value) : value;
}

Interval function(const Interval& x, int (*f)(mpfi_ptr, mpfi_srcptr)) {
  Interval result(x.precision());
  f(result.get(), x.get());
  return result;
}
Interval exp(const Interval& x) {
  return function(x, mpfi_exp);
}

/// ln(numerator/denominator), accurate near 0 too. @pre both > 0
Interval log_of_ratio(const Dyadic& numerator, const Dyadic& denominator, mpfr_prec_t precision) {
  const Dyadic difference = numerator - denominator;
  const Interval scale(denominator, precision);
  const Dyadic magnitude = difference.sign() < 0 ? -difference : difference;
  if (magnitude.scaled(1) < denominator) return function(Interval(difference, precision) / scale, mpfi_log1p);
  return log(Interval(numerator, precision) / scale);
}

/// ln(numerator/denominator) times weight/2: 0 or transcendental.
double round_half_log(const Dyadic& numerator, const Dyadic& denominator, std::uint64_t weight) {
  if (numerator == denominator) return 0;
  const MpfrScope scope;
  return exact::round_by_enclosure([&](mpfr_prec_t precision) {
    return scaled(Interval(whole(weight), precision) * log_of_ratio(numerator, denominator, precision), -1);
  });
}

/// Precision at which a number that nothing is known of is taken to be a double or a midpoint of two, if it
/// still may be one.
constexpr mpfr_prec_t last_precision = 1 << 14;

/// The nearest double of a real number that may happen to be a double or a midpoint.
template <class Enclose>
double round_bounded(Enclose enclose, mpfr_prec_t first = 128, mpfr_prec_t last = last_precision) {
  for (mpfr_prec_t precision = first;; precision *= 2) {
    const Interval value = enclose(precision);
    double result;
    if (value.round(result)) return result;
    if (precision < last) continue;
    if (value.contains_zero()) return 0;
    mpfr_t middle;
    mpfr_init2(middle, precision / 2);
    mpfr_set(middle, &value.get()->left, MPFR_RNDN);
    Integer mantissa;
    const mpfr_exp_t exponent = mpfr_get_z_2exp(mantissa.backend().data(), middle);
    mpfr_clear(middle);
    return exact::round(Dyadic(std::move(mantissa), exponent));
  }
}

// ------------------------------------------------------------- the root h of the optimum identity

/// With R = |ln r| and the sign of -ln r: h = sign * the root of x + u q = R, u = asinh(t/c), q = sinh(x)/t,
/// t = sqrt(sinh(x)^2 + s^2); for x > 0 everything is positive, so that nothing cancels.
/// @pre S > 0, gg != yy
class IdentityRoot {
 public:
  /// Everything at one precision; of the signed h.
  struct At {
    int sign;           ///< of h
    Interval h, t, u;   ///< |h|, t, u
    Interval q, q_gap;  ///< |q| and 1 - |q|
    Interval e2h;       ///< e^(2 h), signed
  };

  explicit IdentityRoot(const PairNumbers& v) : v_(v), sign_(v.yy < v.gg ? 1 : -1) {}

  /// @pre an MpfrScope is alive
  const At& at(mpfr_prec_t precision) {
    const auto known = known_.find(precision);
    if (known != known_.end()) return known->second;
    const Interval h = solve(precision);
    Parts parts = parts_at(h);
    Interval e2h = exp(scaled(sign_ > 0 ? h : Interval(Dyadic(), precision) - h, 1));
    return known_
        .emplace(precision, At{sign_, h, std::move(parts.t), std::move(parts.u), std::move(parts.q),
                               std::move(parts.q_gap), std::move(e2h)})
        .first->second;
  }

  /// a = a* e^(2h)
  Interval alpha(mpfr_prec_t precision) {
    return Interval(v_.yy, precision) / Interval(v_.p, precision) * at(precision).e2h;
  }

 private:
  struct Parts {
    Interval sinh, t, u, q, q_gap, s2;
  };

  Parts parts_at(const Interval& h) const {
    const mpfr_prec_t precision = h.precision();
    const Interval n(v_.gg * v_.yy, precision);
    const Interval s2 = Interval(v_.gram_determinant, precision) / n;
    const Interval sinh = function(h, mpfi_sinh);
    const Interval t = sqrt(square(sinh) + s2);
    const Interval u = asinh(t * sqrt(n) / Interval(v_.p, precision));
    return {sinh, t, u, sinh / t, s2 / (t * (t + sinh)), s2};
  }

  /// Newton's method within a bracket; the function grows at a rate of at least 1, so that its value at any
  /// point bounds the distance to the root.
  Interval solve(mpfr_prec_t precision) {
    Interval target = log_of_ratio(v_.yy, v_.gg, precision);
    target = scaled(sign_ > 0 ? Interval(Dyadic(), precision) - target : target, -1);
    const Interval one(whole(1), precision);
    Dyadic low, high = target.left().scaled(1);
    if (guess_.is_zero()) guess_ = target.left().scaled(-1);
    for (int step = 0;; ++step) {
      const Interval h(guess_, precision);
      const Parts parts = parts_at(h);
      Interval value = h + parts.u * parts.q - target;
      const bool found = value.contains_zero();
      if (!found) (value.is_negative() ? low : high) = guess_;
      const Interval slope =
          one + square(parts.q) + parts.u * function(h, mpfi_cosh) * parts.s2 / (parts.t * square(parts.t));
      Dyadic next = (h - value / slope).left();
      if (!(low < next && next < high)) next = Interval((low + high).scaled(-1), precision).left();
      if (found || next == guess_ || step == 500) {
        mpfi_put_si(value.get(), 0);
        return h - value;
      }
      guess_ = next;
    }
  }

  const PairNumbers& v_;
  int sign_;
  Dyadic guess_;
  std::map<mpfr_prec_t, At> known_;
};

/// sign * x
Interval with_sign(const Interval& x, int sign) {
  return sign > 0 ? x : Interval(Dyadic(), x.precision()) - x;
}

// ------------------------------------------------------------------------------------ objectives

/// (gg yy/p^2)^(1/D): algebraic; a double or midpoint m where m^D is the exact ratio.
double round_omega(const PairNumbers& v) {
  if (v.gram_determinant.is_zero()) return 1;
  const Dyadic numerator = v.gg * v.yy, denominator = v.p * v.p;
  const MpfrScope scope;
  for (mpfr_prec_t precision = 128;; precision *= 2) {
    const Interval value =
        exp(log_of_ratio(numerator, denominator, precision) / Interval(whole(v.dimension), precision));
    double result;
    if (value.round(result)) return result;
    // The candidate: the number of 54 bits next to the interval.
    mpfr_t near;
    mpfr_init2(near, 54);
    mpfr_set(near, &value.get()->left, MPFR_RNDN);
    Integer mantissa;
    const mpfr_exp_t exponent = mpfr_get_z_2exp(mantissa.backend().data(), near);
    mpfr_clear(near);
    const Dyadic candidate(std::move(mantissa), exponent);
    if (exact::power_equals(candidate, whole(1), v.dimension, numerator, denominator))
      return exact::round(candidate);
  }
}

/// tr M(a) - a ln det M(a): rational where det M = 1, and transcendental elsewhere.
double round_kullback_leibler(const MetricNumbers& m, double a) {
  const auto& v = m.v;
  const Dyadic trace = v.yy * m.ap.denominator + m.ap.numerator * whole(v.dimension - 1);
  const Dyadic scale = v.p * m.ap.denominator;
  if (exact::log_det_is_zero(m)) return exact::round_quotient(trace, scale);
  const MpfrScope scope;
  return exact::round_by_enclosure([&](mpfr_prec_t precision) {
    const auto number = [&](const Dyadic& x) { return Interval(x, precision); };
    const Interval log_det = number(whole(v.dimension - 1)) * log_of_ratio(m.ap.numerator, scale, precision) +
                             log_of_ratio(v.p, v.gg, precision);
    return number(trace) / number(scale) - number(Dyadic::from(a)) * log_det;
  });
}

/// tr M^-1 + ln det M of dfp: gg/p + D - 1 + ln(yy/p).
double round_dfp(const PairNumbers& v) {
  const Dyadic trace = v.gg + whole(v.dimension - 1) * v.p;
  if (v.yy == v.p) return exact::round_quotient(trace, v.p);
  const MpfrScope scope;
  return exact::round_by_enclosure([&](mpfr_prec_t precision) {
    return Interval(trace, precision) / Interval(v.p, precision) + log_of_ratio(v.yy, v.p, precision);
  });
}

/// u = asinh(sqrt(S)/p) = ln((1 + s)/c).
Interval half_log_condition(const PairNumbers& v, mpfr_prec_t precision) {
  return asinh(sqrt(Interval(v.gram_determinant, precision)) / Interval(v.p, precision));
}

/// sqrt(2) ln((1 + s)/c).
double round_ray_distance(const PairNumbers& v) {
  if (v.gram_determinant.is_zero()) return 0;
  const MpfrScope scope;
  return exact::round_by_enclosure([&](mpfr_prec_t precision) {
    return sqrt(Interval(whole(2), precision)) * half_log_condition(v, precision);
  });
}

double magnitude_of(double x) {
  return std::bit_cast<double>(std::bit_cast<std::uint64_t>(x) & ~(std::uint64_t{1} << 63));
}

double round_identity_distance(const PairNumbers& v) {
  if (v.gram_determinant.is_zero()) return magnitude_of(round_half_log(v.p, v.gg, 2));
  if (v.gg == v.yy) return round_ray_distance(v);
  const MpfrScope scope;
  IdentityRoot root(v);
  return round_bounded([&](mpfr_prec_t precision) {
    const auto& at = root.at(precision);
    return at.u * sqrt(scaled(Interval(whole(1), precision) + square(at.q), 1));
  });
}

double objective_of(Optimum optimum, const Gram& gram, const PairNumbers& v,
                    const std::optional<double>& parameter) {
  switch (optimum) {
    case Optimum::condition:
      return *condition(gram);
    case Optimum::omega:
      return round_omega(v);
    case Optimum::bfgs:
      return round_kullback_leibler(MetricNumbers(v, *exact::alpha_times_p(v, Alpha(*parameter))),
                                    *parameter);
    case Optimum::determinant:
      return *log_det(gram, Alpha::of_trace(*parameter));
    case Optimum::dfp:
      return round_dfp(v);
    case Optimum::psb: {
      if (v.gram_determinant < v.p * v.gg) {
        const Dyadic gap = v.p - v.gg;
        return exact::round_root(gap * gap + v.gram_determinant.scaled(1), v.gg * v.gg);
      }
      const Dyadic gap = v.yy - v.p;
      return exact::round_root(gap * gap + v.p * v.p, v.p * v.p);
    }
    case Optimum::ray:
      return round_ray_distance(v);
    case Optimum::identity:
      break;
  }
  return round_identity_distance(v);
}

// --------------------------------------------------------------------------------------- scalars

/// A rational block beside tau = 1.
void fill_beside_identity(OptimumScalars& out, const MetricNumbers& m) {
  const auto& v = m.v;
  const Surd kappa = exact::condition_surd(m);
  out.lambda_min = exact::lambda_of(m, -1);
  out.lambda_max = exact::lambda_of(m, 1);
  out.condition = exact::round(kappa);
  out.sqrt_condition = exact::round_root(kappa);
  out.log_condition = exact::log_condition_of(m);
  if (v.dimension == 1) {
    out.trace = exact::round_quotient(v.yy, v.p);
    out.log_det = round_half_log(v.p, v.gg, 2);
    return;
  }
  const Dyadic scale = m.ap.denominator * v.p;
  out.block_alpha = exact::alpha_of(m);
  out.complement = 1.0;
  out.trace =
      exact::round_quotient(m.ap.denominator * v.yy + m.ap.numerator + whole(v.dimension - 2) * scale, scale);
  out.log_det = round_half_log(m.ap.numerator, m.ap.denominator * v.gg, 2);
}

/// The block M(a*) beside tau = r.
void fill_ray(OptimumScalars& out, const Gram& gram, const PairNumbers& v) {
  const Scalars best = scalars(gram);
  out.lambda_min = best.lambda_min;
  out.lambda_max = best.lambda_max;
  out.condition = best.condition;
  out.sqrt_condition = best.sqrt_condition;
  out.log_condition = best.log_condition;
  out.log_det = round_half_log(v.yy, v.gg, v.dimension);
  if (v.dimension == 1) {
    out.trace = best.alpha;
    return;
  }
  out.block_alpha = best.alpha;
  out.complement = exact::round_root(v.yy, v.gg);
  // 2 a* + (D - 2) r
  out.trace = round_in_field((v.yy * v.gg).scaled(1), whole(v.dimension - 2) * v.p, v.gg * v.yy, v.p * v.gg);
}

/// The block of identity, whose a is the root of a transcendental equation: ln lambda = u (+-1 - q).
void fill_identity(OptimumScalars& out, const PairNumbers& v) {
  const MpfrScope scope;
  IdentityRoot root(v);
  const auto rounded = [&](auto&& formula) {
    return round_bounded([&](mpfr_prec_t precision) { return formula(root.at(precision), precision); });
  };
  using At = IdentityRoot::At;
  // sign > 0 for the larger one; 1 - |q| where the two terms cancel.
  const auto lambda = [](int sign) {
    return [sign](const At& at, mpfr_prec_t precision) {
      const Interval one(whole(1), precision);
      return exp(with_sign(at.u * (at.sign == sign ? at.q_gap : one + at.q), sign));
    };
  };
  out.block_alpha = round_bounded([&](mpfr_prec_t precision) { return root.alpha(precision); });
  out.complement = 1.0;
  out.lambda_min = rounded(lambda(-1));
  out.lambda_max = rounded(lambda(1));
  out.condition = rounded([](const At& at, mpfr_prec_t) { return exp(scaled(at.u, 1)); });
  out.sqrt_condition = rounded([](const At& at, mpfr_prec_t) { return exp(at.u); });
  out.log_condition = rounded([](const At& at, mpfr_prec_t) { return scaled(at.u, 1); });
  out.log_det =
      rounded([](const At& at, mpfr_prec_t) { return with_sign(scaled(at.u * at.q, 1), -at.sign); });
  out.trace = round_bounded([&](mpfr_prec_t precision) {
    return root.alpha(precision) + Interval(v.yy, precision) / Interval(v.p, precision) +
           Interval(whole(v.dimension - 2), precision);
  });
}

OptimumScalars scalars_of(Optimum optimum, const Gram& gram, const PairNumbers& v,
                          const std::optional<double>& parameter) {
  OptimumScalars out;
  out.existence = existence_of(optimum, v, parameter);
  if (out.existence == Existence::no_metric || out.existence == Existence::infeasible) return out;
  out.objective = objective_of(optimum, gram, v, parameter);
  if (out.existence == Existence::not_attained) return out;
  if (in_family(optimum)) {
    const Scalars of_family = scalars(gram, family_alpha(optimum, parameter));
    out.alpha = of_family.alpha;
    if (v.dimension > 1) out.block_alpha = out.complement = out.alpha;
    out.lambda_min = of_family.lambda_min;
    out.lambda_max = of_family.lambda_max;
    out.condition = of_family.condition;
    out.sqrt_condition = of_family.sqrt_condition;
    out.log_condition = of_family.log_condition;
    out.trace = of_family.trace;
    out.log_det = of_family.log_det;
  } else if (optimum == Optimum::ray) {
    fill_ray(out, gram, v);
  } else if (const auto block = rational_block(optimum, v, parameter)) {
    fill_beside_identity(out, MetricNumbers(v, *block));
  } else {
    fill_identity(out, v);
  }
  return out;
}

template <class F>
std::optional<Extremum> of_effective(const Gram& gram, F f) {
  if (gram.judge().verdict != Verdict::effective) return {};
  return f(PairNumbers(gram));
}

// ---------------------------------------------------------------------------------- certificates

/// u/s times (-1/p, 1/yy), u = asinh(s/c).
Certificate ray_certificate(const PairNumbers& v) {
  if (v.gram_determinant.is_zero())
    return {0, exact::round_quotient(-whole(1), v.p), exact::round_quotient(whole(1), v.yy)};
  const MpfrScope scope;
  const auto over = [&](const Dyadic& scale) {
    return exact::round_by_enclosure([&](mpfr_prec_t precision) {
      const Interval weight =
          sqrt(Interval(v.gg * v.yy, precision) / Interval(v.gram_determinant, precision));
      return half_log_condition(v, precision) * weight / Interval(scale, precision);
    });
  };
  return {0, negate(over(v.p)), over(v.yy)};
}

Certificate identity_certificate(const PairNumbers& v) {
  const MpfrScope scope;
  if (v.gram_determinant.is_zero()) {
    if (v.p == v.gg) return {};
    const double along_g = exact::round_by_enclosure([&](mpfr_prec_t precision) {
      return log_of_ratio(v.p, v.gg, precision) / Interval(v.p.scaled(1), precision);
    });
    return {0, along_g, 0};
  }
  if (v.gg == v.yy) return ray_certificate(v);
  IdentityRoot root(v);
  const double along_y = round_bounded([&](mpfr_prec_t precision) {
    const auto& at = root.at(precision);
    return at.u / at.t * exp(with_sign(at.h, -at.sign)) / Interval(v.yy, precision);
  });
  const double along_g = round_bounded([&](mpfr_prec_t precision) {
    const auto& at = root.at(precision);
    return at.u / at.t * function(at.h, mpfi_cosh) / Interval(v.p, precision);
  });
  return {0, negate(along_g), along_y};
}

Certificate certificate_of(Optimum optimum, const PairNumbers& v, const std::optional<double>& parameter) {
  const Dyadic one = whole(1);
  switch (optimum) {
    case Optimum::condition:
      if (v.gram_determinant.is_zero()) return {};
      return {0, negate(exact::round_root(v.gg * v.yy, v.gram_determinant * v.p * v.p)),
              exact::round_root(v.gg, v.gram_determinant * v.yy)};
    case Optimum::omega: {
      const Dyadic d = whole(v.dimension);
      return {0, exact::round_quotient(-one, d * v.p), exact::round_quotient(one, d * v.yy)};
    }
    case Optimum::bfgs:
      return {0, exact::round_quotient(-(v.yy + Dyadic::from(*parameter) * v.p), (v.p * v.p).scaled(1)),
              exact::round_quotient(one, v.p)};
    case Optimum::determinant: {
      const AlphaTimesP ap = *exact::alpha_times_p(v, Alpha::of_trace(*parameter));
      return {exact::round_quotient(ap.denominator * v.p, ap.numerator),
              exact::round_quotient(ap.denominator * v.yy + ap.numerator, (ap.numerator * v.p).scaled(1)),
              exact::round_quotient(-ap.denominator, ap.numerator)};
    }
    case Optimum::dfp:
      return {0, exact::round_quotient(one, v.p),
              exact::round_quotient(-(v.gg + v.p), (v.p * v.p).scaled(1))};
    case Optimum::psb:
      return {0, exact::round_quotient(-(v.gg + v.p), (v.gg * v.gg).scaled(1)),
              exact::round_quotient(one, v.gg)};
    case Optimum::ray:
      return ray_certificate(v);
    case Optimum::identity:
      break;
  }
  return identity_certificate(v);
}

}  // namespace

// ------------------------------------------------------------------------------- the public face

std::string_view to_string(Optimum optimum) noexcept {
  return entry(optimum).name;
}
std::string_view describe(Optimum optimum) noexcept {
  return entry(optimum).description;
}

std::optional<Optimum> optimum_named(std::string_view name) noexcept {
  for (const Entry& e : entries)
    if (e.name == name) return e.optimum;
  return {};
}

std::span<const Optimum> all_optima() noexcept {
  static constexpr std::array all = [] {
    std::array<Optimum, entries.size()> out{};
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = entries[i].optimum;
    return out;
  }();
  return all;
}

std::string_view to_string(Existence existence) noexcept {
  switch (existence) {
    case Existence::attained:
      return "attained";
    case Existence::not_attained:
      return "not_attained";
    case Existence::infeasible:
      return "infeasible";
    case Existence::no_metric:
      break;
  }
  return "no_metric";
}

Existence existence(Optimum optimum, const Gram& gram, std::optional<double> parameter) {
  const auto value = checked(optimum, parameter);
  static_cast<void>(gram.judge());  // checks the dimension
  return existence_of(optimum, PairNumbers(gram), value);
}

std::optional<double> objective(Optimum optimum, const Gram& gram, std::optional<double> parameter) {
  const auto value = checked(optimum, parameter);
  static_cast<void>(gram.judge());
  const PairNumbers v(gram);
  const Existence exists = existence_of(optimum, v, value);
  if (exists == Existence::no_metric || exists == Existence::infeasible) return {};
  return objective_of(optimum, gram, v, value);
}

OptimumScalars optimum_scalars(Optimum optimum, const Gram& gram, std::optional<double> parameter) {
  const auto value = checked(optimum, parameter);
  static_cast<void>(gram.judge());
  return scalars_of(optimum, gram, PairNumbers(gram), value);
}

std::optional<Certificate> certificate(Optimum optimum, const Gram& gram, std::optional<double> parameter) {
  const auto value = checked(optimum, parameter);
  static_cast<void>(gram.judge());
  const PairNumbers v(gram);
  if (existence_of(optimum, v, value) != Existence::attained) return {};
  return certificate_of(optimum, v, value);
}

std::optional<Extremum> infimum_lambda_max(const Gram& gram) {
  return of_effective(gram, [](const PairNumbers& v) {
    return Extremum{exact::round_quotient(v.yy, v.p), v.gram_determinant.is_zero()};
  });
}
std::optional<Extremum> supremum_lambda_min(const Gram& gram) {
  return of_effective(gram, [](const PairNumbers& v) {
    return Extremum{exact::round_quotient(v.p, v.gg), v.gram_determinant.is_zero()};
  });
}
std::optional<Extremum> infimum_trace(const Gram& gram) {
  return of_effective(gram, [](const PairNumbers& v) {
    return Extremum{exact::round_quotient(v.yy, v.p), v.dimension == 1};
  });
}

// ------------------------------------------------------------------------------ a dense competitor

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr mpfr_prec_t competitor_precision = 128;

Interval interval(const Dyadic& x) {
  return Interval(x, competitor_precision);
}
/// @pre bounds.lo finite
Interval interval(const Enclosure& bounds) {
  Interval result = interval(Dyadic::from(bounds.lo));
  mpfi_put_d(result.get(), bounds.hi);
  return result;
}
Enclosure outward(const Interval& x) {
  return {x.lower(), x.upper()};
}

Dyadic trace_of(const arma::mat& m) {
  const arma::vec diagonal = m.diag(), ones(m.n_rows, arma::fill::ones);
  return dense::dot({diagonal.memptr(), diagonal.n_elem}, {ones.memptr(), ones.n_elem});
}

/// (X, e) with M = 2^e X exactly, X large enough for eigenvalues to have all their digits.
std::pair<arma::mat, int> out_of_the_subnormal(const arma::mat& m) {
  const double size = arma::abs(m).max();
  if (size == 0 || size > 0x1p-500) return {m, 0};
  const int e = std::ilogb(size);
  arma::mat x = m;
  for (double& element : x) element = std::ldexp(element, -e);
  return {x, e};
}

/// For 2^exponent M: |ln M|_F, or its distance to the multiples of I: sqrt(sum (l_i - b)^2 - D (mean - b)^2)
/// for any b.
Enclosure log_distance(const arma::mat& m, int exponent, bool to_ray) {
  std::vector<Interval> logs;
  double middle = 0;
  for (const Enclosure& lambda : dense::eigenvalues(m)) {
    if (!(lambda.lo > 0) || !(lambda.hi < infinity)) return {-infinity, infinity};
    logs.push_back(log(scaled(interval(lambda), exponent)));
    middle += logs.back().upper();
  }
  const Interval count = interval(whole(logs.size()));
  const Interval b = interval(Dyadic::from(to_ray ? middle / static_cast<double>(logs.size()) : 0));
  Interval sum = interval(Dyadic()), squares = sum;
  for (const Interval& l : logs) {
    sum = sum + (l - b);
    squares = squares + square(l - b);
  }
  if (to_ray) squares = squares - square(sum) / count;
  const double above = squares.upper();
  if (!(above > 0)) return {0, 0};
  // Rounding may have taken the lower end below 0.
  return outward(sqrt(interval(Enclosure{std::max(0.0, squares.lower()), above})));
}

/// @pre an MpfrScope and a FloatScope are alive
Enclosure measure_of(Optimum optimum, const arma::mat& m, const std::optional<double>& parameter) {
  const Enclosure anything{-infinity, infinity};
  const Dyadic n = whole(m.n_rows);
  switch (optimum) {
    case Optimum::psb: {
      const std::span<const double> all(m.memptr(), m.n_elem);
      return outward(sqrt(interval(dense::dot(all, all) - trace_of(m).scaled(1) + n)));
    }
    case Optimum::condition: {
      const arma::mat x = out_of_the_subnormal(m).first;
      const Enclosure low = dense::smallest_eigenvalue({x, {}}), high = dense::largest_eigenvalue({x, {}});
      if (!(low.lo > 0) || !(high.hi < infinity)) return anything;
      return dense::condition_number(low, high);
    }
    case Optimum::ray:
    case Optimum::identity: {
      const auto [x, exponent] = out_of_the_subnormal(m);
      return log_distance(x, exponent, optimum == Optimum::ray);
    }
    default:
      break;
  }
  const auto factored = dense::PositiveDefinite::make({m, {}});
  if (!factored) return anything;
  const Enclosure bounds = factored->log_det();
  if (!(bounds.lo > -infinity) || !(bounds.hi < infinity)) return anything;
  const Interval log_det = interval(bounds);
  switch (optimum) {
    case Optimum::omega: {
      const Interval mean = interval(trace_of(m)) / interval(n);
      return outward(exp(log(mean) - log_det / interval(n)));
    }
    case Optimum::bfgs:
      return outward(interval(trace_of(m)) - interval(Dyadic::from(*parameter)) * log_det);
    case Optimum::determinant:
      return bounds;
    default:
      break;
  }
  const EnclosedMatrix inverse =
      factored->solve(EnclosedMatrix{arma::mat(arma::size(m), arma::fill::eye), {}});
  Interval sum = log_det;
  for (arma::uword i = 0; i < m.n_rows; ++i) {
    const double value = inverse.value(i, i), radius = inverse.radius(i, i);
    if (!(radius < infinity)) return anything;
    const Dyadic middle = Dyadic::from(value), width = Dyadic::from(radius);
    Interval box = interval(middle - width);
    mpfi_put(box.get(), interval(middle + width).get());
    sum = sum + box;
  }
  return outward(sum);
}

}  // namespace

OptimumCompetitor optimum_competitor(Optimum optimum, const arma::mat& m, const Gram& gram,
                                     std::optional<double> parameter) {
  const auto value = checked(optimum, parameter);
  static_cast<void>(gram.judge());
  dense::check_symmetric(m, gram.dimension(), "m");
  const FloatScope floats;
  const MpfrScope scope;
  OptimumCompetitor result;
  result.measure = measure_of(optimum, m, value);
  const auto best = objective(optimum, gram, parameter);
  if (!best) return result;
  Enclosure excess{-infinity, infinity};
  if (std::isfinite(*best)) {
    // f(M*) lies between the doubles next to its rounding.
    const double below = std::nextafter(*best, -infinity), above = std::nextafter(*best, infinity);
    Enclosure f = result.measure;
    double from = above, to = below;
    if (optimum == Optimum::determinant) {
      f = {-f.hi, -f.lo};
      from = -below;
      to = -above;
    }
    if (f.lo > -infinity) excess.lo = dense::sub_down(f.lo, from);
    if (f.hi < infinity) excess.hi = dense::sub_up(f.hi, to);
  }
  result.excess = excess;
  return result;
}

// ---------------------------------------------------------------------------------- the operator

namespace {

/// x I + gg g g^T + gy (g y^T + y g^T) + yy y y^T
struct Form {
  Dyadic x, gg, gy, yy;
};

/// x x_i + g g_i + y y_i
struct Row {
  Dyadic x, g, y;

  Dyadic element(const Dyadic& xi, const Dyadic& gi, const Dyadic& yi) const {
    return x * xi + g * gi + y * yi;
  }
};

/// The irrational number theta of an operator.
enum class Theta {
  none,          ///< 0
  root,          ///< sqrt(gg yy)
  alpha,         ///< the a of the block of identity
  inverse_alpha  ///< 1/a
};

/// (constant + theta * factor)/denominator
struct Operator {
  Form constant, factor;
  Dyadic denominator;
  Theta theta = Theta::none;
};

/// M(a), a p = A/K: from y y^T/p + a (I - g g^T/gg).
Operator family_operator(const PairNumbers& v, const AlphaTimesP& ap) {
  const auto& [a, k] = ap;
  return {{a * v.gg, -a, Dyadic(), k * v.gg}, {}, k * v.p * v.gg};
}
/// M(a)^-1 = I/a - (g y^T + y g^T)/(a p) + (yy/(a p^2) + 1/p) g g^T.
Operator family_inverse(const PairNumbers& v, const AlphaTimesP& ap) {
  const auto& [a, k] = ap;
  return {{k * v.p * v.p, k * v.yy + a, -(k * v.p), Dyadic()}, {}, a * v.p};
}

Operator psb_operator(const PairNumbers& v) {
  return {{v.gg * v.gg, -(v.gg + v.p), v.gg, Dyadic()}, {}, v.gg * v.gg};
}
/// With Q = p gg - S > 0, gg^2 times the determinant of the block.
Operator psb_inverse(const PairNumbers& v) {
  const Dyadic q = v.p * v.gg - v.gram_determinant;
  return {{q, v.yy + v.gg + v.p, -(v.p + v.gg), v.gg}, {}, q};
}

/// ray of the pair with Gram (gg, p, yy), n = sqrt(gg yy):
///   [p gg yy I - p yy g g^T + p gg y y^T + n (p^2 I - p (g y^T + y g^T) + 2 gg y y^T)]/(gg p (n + p)),
/// extended by n - p, (n + p)(n - p) being S; r I for S = 0.
Operator ray_operator(const Dyadic& gg, const Dyadic& p, const Dyadic& yy, const Dyadic& s) {
  const Dyadic n2 = gg * yy;
  if (s.is_zero()) return {{}, {whole(1), {}, {}, {}}, gg, Theta::root};
  const Form u{p * n2, -(p * yy), {}, p * gg}, v{p * p, {}, -p, gg.scaled(1)};
  const auto combine = [](const Dyadic& a, const Form& f, const Dyadic& b, const Form& g) {
    return Form{a * f.x - b * g.x, a * f.gg - b * g.gg, a * f.gy - b * g.gy, a * f.yy - b * g.yy};
  };
  return {combine(n2, v, p, u), combine(whole(1), u, p, v), gg * p * s, Theta::root};
}

/// The operator of the pair (g, y) from that of (y, g).
Operator exchanged(Operator o) {
  std::swap(o.constant.gg, o.constant.yy);
  std::swap(o.factor.gg, o.factor.yy);
  return o;
}

/// r on g and 1 beside it. @pre S = 0
Operator stretch(const Dyadic& gg, const Dyadic& p) {
  return {{gg * gg, p - gg, {}, {}}, {}, gg * gg};
}
Operator inverse_stretch(const Dyadic& gg, const Dyadic& p) {
  return {{p * gg, gg - p, {}, {}}, {}, p * gg};
}

/// I - Pi + y y^T/p + a w w^T/|w|^2, w = y - (p/gg) g; over p gg S.
Operator identity_operator(const PairNumbers& v) {
  const auto &gg = v.gg, &p = v.p, &yy = v.yy, &s = v.gram_determinant;
  return {{p * gg * s, -(p * gg * yy), p * p * gg, gg * s - p * gg * gg},
          {Dyadic(), p * p * p, -(p * p * gg), p * gg * gg},
          p * gg * s,
          Theta::alpha};
}
/// I - Pi + g g^T/p + (1/a) z z^T gg/(p^2 S), z = yy g - p y; over p^2 S.
Operator identity_inverse(const PairNumbers& v) {
  const auto &gg = v.gg, &p = v.p, &yy = v.yy, &s = v.gram_determinant;
  return {{p * p * s, p * s - p * p * yy, p * p * p, -(p * p * gg)},
          {Dyadic(), gg * yy * yy, -(p * gg * yy), p * p * gg},
          p * p * s,
          Theta::inverse_alpha};
}

}  // namespace

struct OptimalState {
  OptimalState(Optimum optimum_in, std::span<const double> g_in, std::span<const double> y_in,
               const Gram& gram_in, PairNumbers pair_in, std::optional<double> parameter_in)
      : optimum(optimum_in),
        g(g_in.begin(), g_in.end()),
        y(y_in.begin(), y_in.end()),
        gram(gram_in),
        pair(std::move(pair_in)),
        parameter(parameter_in) {
    const auto& v = pair;
    const auto block = rational_block(optimum, v, parameter);
    const bool parallel = v.gram_determinant.is_zero();
    if (in_family(optimum)) {
      metric = family_operator(v, *block);
      inverse = family_inverse(v, *block);
    } else if (optimum == Optimum::dfp) {
      // The inverse of M(1) of the exchanged pair, whose a p is p.
      const PairNumbers other = v.exchanged();
      metric = exchanged(family_inverse(other, AlphaTimesP{v.p}));
      inverse = exchanged(family_operator(other, AlphaTimesP{v.p}));
    } else if (optimum == Optimum::psb) {
      metric = psb_operator(v);
      inverse = psb_inverse(v);
    } else if (optimum == Optimum::identity && parallel) {
      metric = stretch(v.gg, v.p);
      inverse = inverse_stretch(v.gg, v.p);
    } else if (optimum == Optimum::ray || v.gg == v.yy) {
      metric = ray_operator(v.gg, v.p, v.yy, v.gram_determinant);
      inverse = exchanged(ray_operator(v.yy, v.p, v.gg, v.gram_determinant));
    } else {
      metric = identity_operator(v);
      inverse = identity_inverse(v);
    }
  }

  Optimum optimum;
  std::vector<double> g, y;
  Gram gram;
  PairNumbers pair;
  std::optional<double> parameter;
  Operator metric, inverse;
};

namespace {

/// Rounds (constant + theta factor)/denominator.
class Rounder {
 public:
  Rounder(const OptimalState& m, const Operator& o) : m_(m), o_(o), root_(m.pair) {}

  double operator()(const Dyadic& constant, const Dyadic& factor) {
    if (o_.theta == Theta::none || factor.is_zero()) return exact::round_quotient(constant, o_.denominator);
    if (o_.theta == Theta::root)
      return round_in_field(constant, factor, m_.pair.gg * m_.pair.yy, o_.denominator);
    const auto& v = m_.pair;
    const auto lost = (v.gg * v.yy).log2_floor() - v.gram_determinant.log2_floor() + 1;
    const mpfr_prec_t first = 128 + std::max<std::int64_t>(0, lost);
    return round_bounded(
        [&](mpfr_prec_t precision) {
          const Interval a = root_.alpha(precision), x(factor, precision);
          return (Interval(constant, precision) + (o_.theta == Theta::alpha ? x * a : x / a)) /
                 Interval(o_.denominator, precision);
        },
        first, std::max(last_precision, 4 * first));
  }

 private:
  const OptimalState& m_;
  const Operator& o_;
  MpfrScope scope_;
  IdentityRoot root_;
};

void check_length(const OptimalState& m, std::size_t size, const char* name) {
  if (size != m.g.size()) {
    throw ContractError(
        fmt::format("{} has {} elements; the metric has dimension {}", name, size, m.g.size()));
  }
}

/// g.x and y.x. A non-finite element of x is refused by name.
std::pair<Dyadic, Dyadic> dots(const OptimalState& m, std::span<const double> x) {
  check_length(m, x.size(), "x");
  ExactSum::Words g_words{}, y_words{};
  const std::size_t bad = kernels::dots(m.g.data(), m.y.data(), x.data(), x.size(), g_words, y_words);
  if (bad != x.size()) throw NonFiniteError("x", bad, x[bad]);
  return {Dyadic::from(ExactSum(g_words)), Dyadic::from(ExactSum(y_words))};
}

void evaluate(const OptimalState& m, const Operator& o, std::span<const double> x, std::span<double> out) {
  const auto products = dots(m, x);
  const Dyadic &gx = products.first, &yx = products.second;
  check_length(m, out.size(), "out");
  const std::less<const double*> before;
  if (x.data() != out.data() && before(x.data(), out.data() + out.size()) &&
      before(out.data(), x.data() + x.size())) {
    throw ContractError("out overlaps x in part; it may be the same memory, or apart");
  }
  const auto row = [&](const Form& f) { return Row{f.x, f.gg * gx + f.gy * yx, f.gy * gx + f.yy * yx}; };
  const Row constant = row(o.constant), factor = row(o.factor);
  Rounder round(m, o);
  const std::array<const Dyadic*, 3> constants = {&constant.y, &constant.x, &constant.g};
  const std::array<const Dyadic*, 3> factors = {&factor.y, &factor.x, &factor.g};
  const auto fast = in_twice_the_precision(
      [&](int k, double h) { return round(*constants[k] - Dyadic::from(h) * o.denominator, *factors[k]); },
      [&](int k) { return constants[k]->is_zero() && factors[k]->is_zero(); });
  std::mutex one_at_a_time;  // MPFR's range is that of a thread, and the root found so far is shared
  kernels::combine(fast, m.y.data(), x.data(), m.g.data(), out.data(), out.size(), [&](std::size_t i) {
    const std::lock_guard lock(one_at_a_time);
    const MpfrScope scope;
    const Dyadic xi = Dyadic::from(x[i]), gi = Dyadic::from(m.g[i]), yi = Dyadic::from(m.y[i]);
    return round(constant.element(xi, gi, yi), factor.element(xi, gi, yi));
  });
}

}  // namespace

OptimalMetric::OptimalMetric(std::shared_ptr<const OptimalState> state) : state_(std::move(state)) {}

std::optional<OptimalMetric> OptimalMetric::make(Optimum optimum, std::span<const double> g,
                                                 std::span<const double> y, std::optional<double> parameter) {
  const auto value = checked(optimum, parameter);
  const Gram gram = Gram::of(g, y);
  PairNumbers pair(gram);
  if (existence_of(optimum, pair, value) != Existence::attained) return {};
  return OptimalMetric(std::make_shared<OptimalState>(optimum, g, y, gram, std::move(pair), value));
}

std::optional<OptimalMetric> OptimalMetric::make(Optimum optimum, const arma::vec& g, const arma::vec& y,
                                                 std::optional<double> parameter) {
  return make(optimum, as_span(g), as_span(y), parameter);
}

Optimum OptimalMetric::optimum() const noexcept {
  return state_->optimum;
}
std::optional<double> OptimalMetric::parameter() const noexcept {
  return state_->parameter;
}
const Gram& OptimalMetric::gram() const noexcept {
  return state_->gram;
}
std::uint64_t OptimalMetric::dimension() const noexcept {
  return state_->gram.dimension();
}
std::span<const double> OptimalMetric::g() const noexcept {
  return state_->g;
}
std::span<const double> OptimalMetric::y() const noexcept {
  return state_->y;
}

void OptimalMetric::apply(std::span<const double> x, std::span<double> out) const {
  evaluate(*state_, state_->metric, x, out);
}
void OptimalMetric::solve(std::span<const double> x, std::span<double> out) const {
  evaluate(*state_, state_->inverse, x, out);
}
arma::vec OptimalMetric::apply(const arma::vec& x) const {
  arma::vec out(x.n_elem, arma::fill::none);
  apply(as_span(x), std::span<double>(out.memptr(), out.n_elem));
  return out;
}
arma::vec OptimalMetric::solve(const arma::vec& x) const {
  arma::vec out(x.n_elem, arma::fill::none);
  solve(as_span(x), std::span<double>(out.memptr(), out.n_elem));
  return out;
}

double OptimalMetric::quadratic_form(std::span<const double> x) const {
  const auto& m = *state_;
  check_length(m, x.size(), "x");
  const auto products = dots(m, x);
  const Dyadic &gx = products.first, &yx = products.second;
  const Dyadic xx = Dyadic::from(exact_dot(x, x));
  const auto form = [&](const Form& f) {
    return f.x * xx + f.gg * gx * gx + (f.gy * gx * yx).scaled(1) + f.yy * yx * yx;
  };
  return Rounder(m, m.metric)(form(m.metric.constant), form(m.metric.factor));
}
double OptimalMetric::quadratic_form(const arma::vec& x) const {
  return quadratic_form(as_span(x));
}

arma::mat OptimalMetric::dense() const {
  const auto& m = *state_;
  const std::size_t n = m.g.size();
  arma::mat dense(n, n, arma::fill::none);
  Rounder round(m, m.metric);
  for (std::size_t j = 0; j < n; ++j) {
    const Dyadic gj = Dyadic::from(m.g[j]), yj = Dyadic::from(m.y[j]);
    const auto row = [&](const Form& f) { return Row{f.x, f.gg * gj + f.gy * yj, f.gy * gj + f.yy * yj}; };
    const Row constant = row(m.metric.constant), factor = row(m.metric.factor);
    for (std::size_t i = j; i < n; ++i) {
      const Dyadic delta = i == j ? whole(1) : Dyadic();
      const Dyadic gi = Dyadic::from(m.g[i]), yi = Dyadic::from(m.y[i]);
      dense(i, j) = dense(j, i) = round(constant.element(delta, gi, yi), factor.element(delta, gi, yi));
    }
  }
  return dense;
}

std::vector<Eigenvalue> OptimalMetric::spectrum() const {
  const auto& v = state_->pair;
  const std::uint64_t n = v.dimension;
  const OptimumScalars s = scalars();
  if (n == 1) return {{*s.lambda_min, 1}};
  if (!v.gram_determinant.is_zero()) {
    // tau lies strictly between the two eigenvalues of the block.
    if (n == 2) return {{*s.lambda_min, 1}, {*s.lambda_max, 1}};
    return {{*s.lambda_min, 1}, {*s.complement, n - 2}, {*s.lambda_max, 1}};
  }
  // r once, tau elsewhere.
  int above = 0;  // the sign of r - tau
  if (in_family(state_->optimum)) {
    const AlphaTimesP ap = *rational_block(state_->optimum, v, state_->parameter);
    above = (v.yy * ap.denominator - ap.numerator).sign();
  } else if (state_->optimum != Optimum::ray) {
    above = (v.p - v.gg).sign();
  }
  const double ratio = exact::round_quotient(v.p, v.gg);
  if (above == 0) return {{ratio, n}};
  if (above > 0) return {{*s.complement, n - 1}, {ratio, 1}};
  return {{ratio, 1}, {*s.complement, n - 1}};
}

OptimumScalars OptimalMetric::scalars() const {
  return scalars_of(state_->optimum, state_->gram, state_->pair, state_->parameter);
}

}  // namespace natgrad
