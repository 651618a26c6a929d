// natgrad: laws of the correctly rounded scalars, against multiprecision evaluations of textbook formulas.
#include <algorithm>
#include <limits>

#include "support/environment.hpp"
#include "support/forge.hpp"
#include "support/laws.hpp"
#include "support/reference.hpp"

namespace natgrad::test {

namespace {

constexpr std::size_t max_dimension = 24;
constexpr double infinity = std::numeric_limits<double>::infinity();

using Member = Subject::Scalar Subject::*;

struct Named {
  const char* name;
  Member member;
};
constexpr Named of_angle[] = {{"cos", &Subject::cosine}, {"sin", &Subject::sine}, {"angle", &Subject::angle}};
constexpr Named of_metric[] = {{"alpha", &Subject::alpha},
                               {"lambda_min", &Subject::lambda_min},
                               {"lambda_max", &Subject::lambda_max},
                               {"condition", &Subject::condition},
                               {"sqrt_condition", &Subject::sqrt_condition},
                               {"log_condition", &Subject::log_condition},
                               {"trace", &Subject::trace},
                               {"log_det", &Subject::log_det},
                               {"frobenius_norm", &Subject::frobenius_norm}};

// Coordinates that are zero in both vectors: none, a few, or more than could be stored.
std::uint64_t unstored() {
  switch (*indices(6)) {
    case 0:
      return 1 + *indices(5);
    case 1:
      return *indices(std::uint64_t{1} << 62);
    default:
      return 0;
  }
}

Gram with_zeros(Gram gram, std::uint64_t count) {
  if (count > 0) gram.merge(forge(0, 0, 0, count).value());
  return gram;
}

// ------------------------------------------------------------------------- references

using Reference = double (*)(const ExactPair&);

std::function<void(const Subject&)> angle_equals(Member member, Reference reference, const char* what) {
  return [=](const Subject& subject) {
    const Pair pair = *pairs(max_dimension);
    classify(pair);
    const ExactPair exactly(pair.g, pair.y);
    const std::optional<double> actual = (subject.*member)(Gram::of(pair.g, pair.y), Alpha());
    if (exactly.gg == 0 || exactly.yy == 0) {
      require_same(actual, std::nullopt, what);
    } else {
      require_same(actual, reference(exactly), what);
    }
  };
}

std::function<void(const Subject&)> metric_equals(Member member, Reference reference, const char* what) {
  return [=](const Subject& subject) {
    const Pair pair = *effective_pairs(max_dimension);
    classify(pair);
    const Alpha a = *alphas(pair);
    if (a.is_optimal()) RC_TAG("a = a*");
    ExactPair exactly(pair.g, pair.y, a.value());
    exactly.unstored = unstored();
    const Gram gram = with_zeros(Gram::of(pair.g, pair.y), exactly.unstored);
    require_same((subject.*member)(gram, a), reference(exactly), what);
  };
}

// ------------------------------------------------------------------------- laws

void symmetric(const Subject& subject) {
  const Pair pair = *pairs(max_dimension);
  classify(pair);
  const Gram gram = Gram::of(pair.g, pair.y), exchanged = Gram::of(pair.y, pair.g);
  std::vector<double> opposite = pair.y;
  for (double& element : opposite) element = -element;
  const Gram negated = Gram::of(pair.g, opposite);
  const Alpha a;
  for (const auto& [what, member] : of_angle) {
    require_same((subject.*member)(exchanged, a), (subject.*member)(gram, a), what);
  }
  // kappa* and its functions belong to the angle alone.
  for (const Member member : {&Subject::condition, &Subject::sqrt_condition, &Subject::log_condition}) {
    require_same((subject.*member)(exchanged, a), (subject.*member)(gram, a), "kappa* of the exchanged pair");
  }
  require_same(subject.sine(negated, a), subject.sine(gram, a), "sin of (g, -y)");
  if (const auto c = subject.cosine(gram, a)) require_same(subject.cosine(negated, a), -*c, "cos of (g, -y)");
}

void invariant_under_scaling(const Subject& subject) {
  const Pair pair = *pairs(max_dimension);
  classify(pair);
  const auto [g_lo, g_hi] = exact_shifts(pair.g);
  const auto [y_lo, y_hi] = exact_shifts(pair.y);
  const int i = g_lo + static_cast<int>(*indices(static_cast<std::uint64_t>(g_hi - g_lo + 1)));
  const int j = y_lo + static_cast<int>(*indices(static_cast<std::uint64_t>(y_hi - y_lo + 1)));
  const Gram before = Gram::of(pair.g, pair.y), after = Gram::of(shifted(pair.g, i), shifted(pair.y, j));
  const Alpha a;
  for (const auto& [what, member] : of_angle) {
    require_same((subject.*member)(after, a), (subject.*member)(before, a), what);
  }
  for (const Member member : {&Subject::condition, &Subject::sqrt_condition, &Subject::log_condition}) {
    require_same((subject.*member)(after, a), (subject.*member)(before, a), "kappa* after scaling");
  }
  for (const Member member : {&Subject::alpha, &Subject::lambda_min, &Subject::lambda_max}) {
    const auto x = (subject.*member)(before, a), z = (subject.*member)(after, a);
    RC_ASSERT(x.has_value() == z.has_value());
    const auto normal = [](double value) { return std::isnormal(value); };
    if (x && normal(*x) && normal(*z)) require_same(*z, std::ldexp(*x, j - i), "an eigenvalue after scaling");
  }
}

void invariant_under_zeros(const Subject& subject) {
  const Pair pair = *effective_pairs(max_dimension);
  classify(pair);
  const Gram before = with_zeros(Gram::of(pair.g, pair.y), 1);
  const Gram after = with_zeros(before, 1 + *indices(1000));
  const Alpha a = *alphas(pair);
  for (const Member member :
       {&Subject::cosine, &Subject::sine, &Subject::angle, &Subject::alpha, &Subject::lambda_min,
        &Subject::lambda_max, &Subject::condition, &Subject::sqrt_condition, &Subject::log_condition}) {
    require_same((subject.*member)(after, a), (subject.*member)(before, a), "a scalar of the padded pair");
  }
}

// Neighbours in angle: y with one element moved by an ulp. What is monotone exactly stays so when rounded.
void monotone(const Subject& subject) {
  const Pair pair = *effective_pairs(max_dimension);
  classify(pair);
  const std::size_t i = *indices(pair.y.size());
  std::vector<double> moved = pair.y;
  moved[i] = std::nextafter(moved[i], *indices(2) == 0 ? 0.0 : std::copysign(infinity, moved[i]));
  if (!std::isfinite(moved[i])) moved[i] = pair.y[i];
  const ExactPair one(pair.g, pair.y), other(pair.g, moved);
  if (other.p <= 0) return;
  // Larger cosine first.
  const bool in_order = one.p * one.p * other.yy >= other.p * other.p * one.yy;
  const Gram near = Gram::of(pair.g, in_order ? pair.y : moved),
             far = Gram::of(pair.g, in_order ? moved : pair.y);
  const Alpha a;
  RC_ASSERT((subject.cosine(near, a) >= subject.cosine(far, a)));
  RC_ASSERT((subject.sine(near, a) <= subject.sine(far, a)));
  RC_ASSERT((subject.angle(near, a) <= subject.angle(far, a)));
  RC_ASSERT((subject.condition(near, a) <= subject.condition(far, a)));
  RC_ASSERT((subject.sqrt_condition(near, a) <= subject.sqrt_condition(far, a)));
  RC_ASSERT((subject.log_condition(near, a) <= subject.log_condition(far, a)));
}

void vanishes_only_when_parallel(const Subject& subject) {
  const Pair pair = *effective_pairs(max_dimension);
  classify(pair);
  const ExactPair exactly(pair.g, pair.y);
  const Gram gram = Gram::of(pair.g, pair.y);
  const bool parallel = exactly.gg * exactly.yy == exactly.p * exactly.p;
  // s >= 2^-1074 or so would be needed; a smaller one may round to zero.
  const bool representable = parallel || exponent_of(exactly.sine_squared()) > -2000;
  if (parallel || representable) {
    RC_ASSERT((*subject.sine(gram, {}) == 0) == parallel);
    RC_ASSERT((*subject.angle(gram, {}) == 0) == parallel);
    RC_ASSERT((*subject.log_condition(gram, {}) == 0) == parallel);
  }
}

void midpoints(const Subject& subject) {
  const Pair pair = *effective_pairs(4, {Region::midpoint});
  require_same(subject.alpha(Gram::of(pair.g, pair.y), {}), alpha(ExactPair(pair.g, pair.y)), "alpha");
}

void undefined_only_where_it_should_be(const Subject& subject) {
  const Pair pair = *pairs(max_dimension);
  classify(pair);
  const ExactPair exactly(pair.g, pair.y);
  const Gram gram = Gram::of(pair.g, pair.y);
  const Alpha a = *indices(2) == 0 ? Alpha() : Alpha(*positive_doubles());
  for (const auto& [what, member] : of_angle) {
    RC_ASSERT((subject.*member)(gram, a).has_value() == (exactly.gg != 0 && exactly.yy != 0));
  }
  for (const auto& [what, member] : of_metric) {
    const auto value = (subject.*member)(gram, a);
    RC_ASSERT(value.has_value() == (exactly.p > 0));
    RC_ASSERT(!value || !std::isnan(*value));
  }
}

void all_at_once(const Subject& subject) {
  const Pair pair = *pairs(max_dimension);
  classify(pair);
  const Gram gram = Gram::of(pair.g, pair.y);
  const Alpha a = *indices(2) == 0 ? Alpha() : Alpha(*positive_doubles());
  const Scalars all = subject.scalars(gram, a);
  RC_ASSERT(subject.algebraic_scalars(gram, a) == static_cast<const AlgebraicScalars&>(all));
  RC_ASSERT(all.judgement == subject.judge(gram));
  require_same(all.gg, subject.to_double(gram.gg()), "gg");
  require_same(all.gy, subject.to_double(gram.gy()), "p");
  require_same(all.yy, subject.to_double(gram.yy()), "yy");
  require_same(all.cosine, subject.cosine(gram, a), "cos");
  require_same(all.sine, subject.sine(gram, a), "sin");
  require_same(all.angle, subject.angle(gram, a), "angle");
  require_same(all.alpha, subject.alpha(gram, a), "alpha");
  require_same(all.lambda_min, subject.lambda_min(gram, a), "lambda_min");
  require_same(all.lambda_max, subject.lambda_max(gram, a), "lambda_max");
  require_same(all.condition, subject.condition(gram, a), "condition");
  require_same(all.sqrt_condition, subject.sqrt_condition(gram, a), "sqrt_condition");
  require_same(all.log_condition, subject.log_condition(gram, a), "log_condition");
  require_same(all.trace, subject.trace(gram, a), "trace");
  require_same(all.log_det, subject.log_det(gram, a), "log_det");
}

void any_environment(const Subject& subject) {
  const Pair pair = *effective_pairs(8);
  classify(pair);
  const Gram gram = Gram::of(pair.g, pair.y);
  const Alpha a = *alphas(pair);
  const Scalars expected = subject.scalars(gram, a);
  const std::optional<double> norm = subject.frobenius_norm(gram, a), cosine = subject.cosine(gram, a);
  for (const Environment environment : environments) {
    Scalars actual;
    std::optional<double> actual_norm, actual_cosine;
    {
      const EnvironmentScope scope(environment);
      actual = subject.scalars(gram, a);
      actual_norm = subject.frobenius_norm(gram, a);
      actual_cosine = subject.cosine(gram, a);
    }
    RC_ASSERT(actual == expected);
    require_same(actual_norm, norm, "the Frobenius norm");
    require_same(actual_cosine, cosine, "cos");
  }
}

// p/gg and yy/p are Rayleigh quotients of M(a), and a an eigenvalue for D >= 3.
void between_extremes(const Subject& subject) {
  const Pair pair = *effective_pairs(max_dimension);
  classify(pair);
  const Alpha a = *alphas(pair);
  const Gram gram = Gram::of(pair.g, pair.y);
  const ExactPair exactly(pair.g, pair.y);
  const double least = *subject.lambda_min(gram, a), greatest = *subject.lambda_max(gram, a);
  RC_ASSERT(least <= nearest(exactly.p / exactly.gg));
  RC_ASSERT(greatest >= nearest(exactly.p / exactly.gg));
  // y^T M^-1 y = p, so p/yy lies in the spectrum of the inverse.
  RC_ASSERT(least <= nearest(exactly.star()));
  RC_ASSERT(greatest >= nearest(exactly.star()));
  if (pair.g.size() > 1) {
    const double value = *subject.alpha(gram, a);
    RC_ASSERT(least <= value);
    RC_ASSERT(value <= greatest);
  }
}

void least_in_the_family(const Subject& subject) {
  const Pair pair = *effective_pairs(max_dimension);
  classify(pair);
  const Alpha a = *alphas(pair);
  const Gram gram = Gram::of(pair.g, pair.y);
  RC_ASSERT(*subject.condition(gram, {}) <= *subject.condition(gram, a));
  RC_ASSERT(*subject.sqrt_condition(gram, {}) <= *subject.sqrt_condition(gram, a));
  RC_ASSERT(*subject.log_condition(gram, {}) <= *subject.log_condition(gram, a));
}

// Extreme eigenvalues of a small symmetric matrix by Jacobi's rotations at the current precision.
std::pair<Real, Real> jacobi(std::vector<std::vector<Real>> m, unsigned bits) {
  const std::size_t n = m.size();
  const Real negligible = ldexp(Real(1), -static_cast<int>(bits));
  for (;;) {
    Real off = 0, on = 0;
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t j = 0; j < n; ++j) (i == j ? on : off) += m[i][j] * m[i][j];
    }
    if (off <= negligible * negligible * on) break;
    for (std::size_t p = 0; p < n; ++p) {
      for (std::size_t q = p + 1; q < n; ++q) {
        if (m[p][q] == 0) continue;
        const Real theta = (m[q][q] - m[p][p]) / (2 * m[p][q]);
        const Real t = (theta < 0 ? -1 : 1) / (abs(theta) + sqrt(theta * theta + 1));
        const Real c = 1 / sqrt(t * t + 1), s = t * c;
        for (std::size_t k = 0; k < n; ++k) {
          const Real a = m[k][p], b = m[k][q];
          m[k][p] = c * a - s * b;
          m[k][q] = s * a + c * b;
        }
        for (std::size_t k = 0; k < n; ++k) {
          const Real a = m[p][k], b = m[q][k];
          m[p][k] = c * a - s * b;
          m[q][k] = s * a + c * b;
        }
      }
    }
  }
  Real least = m[0][0], greatest = m[0][0];
  for (std::size_t i = 1; i < n; ++i) {
    if (m[i][i] < least) least = m[i][i];
    if (m[i][i] > greatest) greatest = m[i][i];
  }
  return {least, greatest};
}

// Any SPD M with M g = y is y y^T/p + P S P with P the projector on g^perp and S SPD: here S = a*(I + 2^-k R
// R^T) times a power of two, with random integer R, so that many are close to the optimum.
void least_of_all_metrics(const Subject& subject) {
  const Pair pair = *effective_pairs(3, {Region::generic, Region::sparse, Region::cancelling,
                                         Region::parallel, Region::near_parallel, Region::one_ulp_off});
  classify(pair);
  const std::size_t n = pair.g.size();
  const ExactPair exactly(pair.g, pair.y);
  std::vector<std::vector<int>> r(n, std::vector<int>(n));
  for (auto& row : r) {
    for (int& entry : row) entry = static_cast<int>(*indices(7)) - 3;
  }
  const int closeness = static_cast<int>(*indices(60)), scale = static_cast<int>(*indices(3)) - 1;

  // The condition number is about 4/c^2, and the least eigenvalue must be known to 100 bits relative to it.
  const long log2_c2 = exponent_of(exactly.p * exactly.p / (exactly.gg * exactly.yy));
  const auto bits = static_cast<unsigned>(256 - 2 * log2_c2);
  const PrecisionScope precision(2 * bits);
  std::vector<std::vector<Real>> s(n, std::vector<Real>(n)), m = s, p = s;
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j) {
      int sum = 0;
      for (std::size_t k = 0; k < n; ++k) sum += r[i][k] * r[j][k];
      s[i][j] = real(exactly.star()) * ldexp((i == j ? 1 : 0) + ldexp(Real(sum), -closeness), scale);
      p[i][j] = real((i == j ? 1 : 0) - exactly.g[i] * exactly.g[j] / exactly.gg);
    }
  }
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j) {
      m[i][j] = real(exactly.y[i] * exactly.y[j] / exactly.p);
      for (std::size_t k = 0; k < n; ++k) {
        for (std::size_t l = 0; l < n; ++l) m[i][j] += p[i][k] * s[k][l] * p[l][j];
      }
    }
  }
  const auto [least, greatest] = jacobi(m, bits);
  const Real condition = greatest / least;
  const double bound = Real(condition * (1 + ldexp(Real(1), -60))).convert_to<double>();
  RC_ASSERT(least > 0);
  RC_ASSERT(*subject.condition(Gram::of(pair.g, pair.y), {}) <= bound);
}

// ------------------------------------------------------------------------- enclosures

double norm_exponent(const std::vector<double>& x) {
  Rational sum = 0;
  for (const double element : x) sum += exact(element) * exact(element);
  return sum == 0 ? 0 : static_cast<double>(exponent_of(sum)) / 2;
}

// Around the size of the vectors down to far below it.
double draw_radius(const Pair& pair) {
  const std::uint64_t kind = *indices(8);
  if (kind == 0) return *positive_doubles();
  const double scale = kind % 2 == 0 ? norm_exponent(pair.g) : norm_exponent(pair.y);
  const double leading = 1.0 + static_cast<double>(*indices(8)) / 8;
  const int below = static_cast<int>(*indices(kind < 5 ? 6 : 60));
  const double radius = std::ldexp(leading, static_cast<int>(scale) - below + 1);
  return std::isfinite(radius) ? radius : std::numeric_limits<double>::max();
}

bool within(const std::vector<double>& offset, double radius) {
  Rational sum = 0;
  for (const double element : offset) sum += exact(element) * exact(element);
  return sum <= exact(radius) * exact(radius);
}

// An offset of length <= radius: along one axis, spread over the axes, against `other`, or turning x away
// from or towards `other` as far as a ball of that radius allows.
std::vector<double> draw_offset(const std::vector<double>& x, const std::vector<double>& other,
                                double radius) {
  const std::size_t n = x.size();
  std::vector<double> offset(n, 0.0);
  const std::uint64_t kind = *indices(6);
  const std::uint64_t i = *indices(n);
  const bool negative = *indices(2) == 1;
  if (kind == 0) return offset;
  if (kind == 1) {
    offset[i] = negative ? -radius : radius;
    return offset;
  }
  if (kind == 2) {
    int halvings = 0;
    while (std::size_t{1} << (2 * halvings) < n) ++halvings;
    for (double& element : offset) {
      element = std::ldexp(static_cast<double>(static_cast<int>(*indices(3)) - 1) * radius, -halvings);
    }
    if (!within(offset, radius)) offset.assign(n, 0.0);
    return offset;
  }
  const ExactPair exactly(x, other);
  if (exactly.gg == 0 || exactly.yy == 0) return offset;
  const PrecisionScope precision(256);
  const Real almost = real(exact(radius)) * (1 - ldexp(Real(1), -40)) * (negative ? -1 : 1);
  const Real norm = sqrt(real(exactly.gg)), other_norm = sqrt(real(exactly.yy));
  if (kind == 3) {
    for (std::size_t k = 0; k < n; ++k) {
      offset[k] = Real(almost * real(exactly.y[k]) / other_norm).convert_to<double>();
    }
  } else {
    // The tangent from the origin to the ball: offset = r(-sin ghat +- cos what), sin = r/|x|.
    const Rational slope = exactly.p / exactly.gg;
    RationalVector w(n);
    for (std::size_t k = 0; k < n; ++k) w[k] = exactly.y[k] - slope * exactly.g[k];
    const Rational ww = dot(w, w);
    const Real sine = abs(almost) / norm;
    if (ww == 0 || sine >= 1) return offset;
    const Real cosine = sqrt(1 - sine * sine), w_norm = sqrt(real(ww));
    for (std::size_t k = 0; k < n; ++k) {
      offset[k] =
          Real(-abs(almost) * sine * real(exactly.g[k]) / norm + almost * cosine * real(w[k]) / w_norm)
              .convert_to<double>();
    }
  }
  if (!all_finite(offset) || !within(offset, radius)) offset.assign(n, 0.0);
  return offset;
}

void require_inside(const std::optional<Enclosure>& enclosure, std::optional<double> value,
                    const char* what) {
  if (!value) return;
  if (!enclosure || !enclosure->contains(*value)) {
    fail(std::string(what) + " = " + hex(*value) + " of a pair within the radius is not in " +
         (enclosure ? "[" + hex(enclosure->lo) + ", " + hex(enclosure->hi) + "]" : "any enclosure"));
  }
}

void contains_members(const Subject& subject) {
  const Pair pair = *pairs(6);
  classify(pair);
  const double radius = draw_radius(pair);
  const Alpha a = *indices(2) == 0 ? Alpha() : Alpha(std::ldexp(1.0, static_cast<int>(*indices(80)) - 40));
  const ScalarEnclosures enclosure = subject.enclose(Gram::of(pair.g, pair.y), radius, a);
  RC_TAG(std::string(to_string(enclosure.judgement.reason)));
  for (int member = 0; member < 4; ++member) {
    const std::vector<double> g_offset = draw_offset(pair.g, pair.y, radius);
    const std::vector<double> y_offset = draw_offset(pair.y, pair.g, radius);
    const Gram gram = Gram::of(PairSpan{pair.g, g_offset}, PairSpan{pair.y, y_offset});
    const Verdict verdict = gram.judge().verdict;
    if (enclosure.judgement.verdict != Verdict::undetermined)
      RC_ASSERT(verdict == enclosure.judgement.verdict);
    require_inside(enclosure.gg, gram.gg().to_double(), "gg");
    require_inside(enclosure.gy, gram.gy().to_double(), "p");
    require_inside(enclosure.yy, gram.yy().to_double(), "yy");
    require_inside(enclosure.cosine, subject.cosine(gram, a), "cos");
    require_inside(enclosure.sine, subject.sine(gram, a), "sin");
    require_inside(enclosure.angle, subject.angle(gram, a), "angle");
    require_inside(enclosure.alpha, subject.alpha(gram, a), "alpha");
    require_inside(enclosure.lambda_min, subject.lambda_min(gram, a), "lambda_min");
    require_inside(enclosure.lambda_max, subject.lambda_max(gram, a), "lambda_max");
    require_inside(enclosure.condition, subject.condition(gram, a), "condition");
    require_inside(enclosure.sqrt_condition, subject.sqrt_condition(gram, a), "sqrt_condition");
    require_inside(enclosure.log_condition, subject.log_condition(gram, a), "log_condition");
    require_inside(enclosure.trace, subject.trace(gram, a), "trace");
    require_inside(enclosure.log_det, subject.log_det(gram, a), "log_det");
  }
}

// The angle's enclosure is the hull of psi -+ (asin(r/|g|) + asin(r/|y|)), and the verdict that of the hull.
void sharp_angle(const Subject& subject) {
  const Pair pair = *effective_pairs(6);
  classify(pair);
  const double radius = draw_radius(pair);
  const ExactPair exactly(pair.g, pair.y);
  const Rational square = exact(radius) * exact(radius);
  const ScalarEnclosures enclosure = subject.enclose(Gram::of(pair.g, pair.y), radius, {});
  if (square >= exactly.gg || square >= exactly.yy) {
    RC_TAG("the ball reaches 0");
    RC_ASSERT(enclosure.judgement.verdict == Verdict::undetermined);
    return;
  }
  if (pair.g.size() == 1) {
    RC_ASSERT(enclosure.judgement.verdict == Verdict::effective);
    require_same(enclosure.angle->lo, 0, "the least angle");
    require_same(enclosure.angle->hi, 0, "the greatest angle");
    return;
  }
  const auto end = [&](int sign) {
    return [&, sign]() -> Real {
      const Real r = real(exact(radius));
      const Real turn = asin(r / sqrt(real(exactly.gg))) + asin(r / sqrt(real(exactly.yy)));
      return asin(sqrt(real(exactly.sine_squared()))) + sign * turn;
    };
  };
  const double low = std::max(0.0, converged(end(-1)));
  const double high = std::min(converged(end(1)), std::acos(-1.0));
  RC_ASSERT(enclosure.angle->lo <= low);
  RC_ASSERT(enclosure.angle->lo >= low - 2 * (std::nextafter(low, infinity) - low));
  RC_ASSERT(enclosure.angle->hi >= high);
  RC_ASSERT(enclosure.angle->hi <= high + 2 * (std::nextafter(high, infinity) - high));
  // Sure of the sign of p: |p| > r(|g| + |y|) + r^2 is not needed, the hull must stay below 90 degrees.
  if (high < 1.5707963267948961) RC_ASSERT(enclosure.judgement.verdict == Verdict::effective);
  if (high > 1.5707963267948970) RC_ASSERT(enclosure.judgement.verdict == Verdict::undetermined);
}

void exact_data(const Subject& subject) {
  const Pair pair = *pairs(8);
  classify(pair);
  const Gram gram = Gram::of(pair.g, pair.y);
  const Alpha a = *indices(2) == 0 ? Alpha() : Alpha(*positive_doubles());
  const ScalarEnclosures enclosure = subject.enclose(gram, 0, a);
  RC_ASSERT(enclosure.judgement == gram.judge());
  const auto require_tight = [](const std::optional<Enclosure>& around, std::optional<double> value,
                                const char* what) {
    RC_ASSERT(around.has_value() == value.has_value());
    require_inside(around, value, what);
    if (around && around->hi > std::nextafter(std::nextafter(around->lo, infinity), infinity)) {
      fail(std::string(what) + " of exact data is enclosed in [" + hex(around->lo) + ", " + hex(around->hi) +
           "]");
    }
  };
  require_tight(enclosure.gg, gram.gg().to_double(), "gg");
  require_tight(enclosure.gy, gram.gy().to_double(), "p");
  require_tight(enclosure.yy, gram.yy().to_double(), "yy");
  require_tight(enclosure.cosine, subject.cosine(gram, a), "cos");
  require_tight(enclosure.sine, subject.sine(gram, a), "sin");
  require_tight(enclosure.angle, subject.angle(gram, a), "angle");
  require_tight(enclosure.alpha, subject.alpha(gram, a), "alpha");
  require_tight(enclosure.lambda_min, subject.lambda_min(gram, a), "lambda_min");
  require_tight(enclosure.lambda_max, subject.lambda_max(gram, a), "lambda_max");
  require_tight(enclosure.condition, subject.condition(gram, a), "condition");
  require_tight(enclosure.sqrt_condition, subject.sqrt_condition(gram, a), "sqrt_condition");
  require_tight(enclosure.log_condition, subject.log_condition(gram, a), "log_condition");
  require_tight(enclosure.trace, subject.trace(gram, a), "trace");
  require_tight(enclosure.log_det, subject.log_det(gram, a), "log_det");
}

// ------------------------------------------------------------------------- mistakes

// What one would write in double precision from the rounded Gram.
struct Naive {
  double gg, p, yy, dimension, c, s, star, a, t, root;

  Naive(const Gram& gram, Alpha alpha)
      : gg(gram.gg().to_double()),
        p(gram.gy().to_double()),
        yy(gram.yy().to_double()),
        dimension(static_cast<double>(gram.dimension())),
        c(p / std::sqrt(gg * yy)),
        s(std::sqrt(1 - c * c)),
        star(yy / p),
        a(alpha.value().value_or(star)),
        t(a + star),
        root(std::sqrt((a - star) * (a - star) + 4 * a * star * s * s)) {}
};

using Formula = double (*)(const Naive&);

Canary in_doubles(const char* name, Member member, Formula formula) {
  return {name, [=](Subject& subject) {
            const Subject::Scalar library = subject.*member;
            subject.*member = [=](const Gram& gram, Alpha a) -> std::optional<double> {
              if (!library(gram, a)) return {};
              return formula(Naive(gram, a));
            };
          }};
}

// The value of the library changed by `change`.
Canary changed(const char* name, Member member, double (*change)(double)) {
  return {name, [=](Subject& subject) {
            const Subject::Scalar library = subject.*member;
            subject.*member = [=](const Gram& gram, Alpha a) {
              auto value = library(gram, a);
              if (value) value = change(*value);
              return value;
            };
          }};
}

double next_up(double x) {
  return std::nextafter(x, infinity);
}

// a* rounded to a double before it is used.
Canary rounded_star(Member member) {
  return {"a* rounded to a double first", [=](Subject& subject) {
            const Subject::Scalar library = subject.*member;
            subject.*member = [=](const Gram& gram, Alpha a) {
              const auto star = natgrad::alpha(gram);
              const bool usable = a.is_optimal() && star && std::isfinite(*star) && *star > 0;
              return library(gram, usable ? Alpha(*star) : a);
            };
          }};
}

// Rounded twice: to extended precision, then to double.
Canary rounded_twice(Member member) {
  return {"rounded to 64 bits, then to 53", [=](Subject& subject) {
            subject.*member = [=](const Gram& gram, Alpha a) -> std::optional<double> {
              if (gram.gy().sign() <= 0) return {};
              if (!a.is_optimal()) return *a.value();
              const Rational x = value_of(gram.yy()) / value_of(gram.gy());
              const long last = exponent_of(x) - 63;
              const Rational scaled = x * power_of_two(-last) + Rational(1, 2);
              const Integer top = numerator(scaled) / denominator(scaled);
              return nearest(Rational(top) * power_of_two(last));
            };
          }};
}

Canary ties_away(Member member) {
  return {"ties away from zero", [=](Subject& subject) {
            subject.*member = [=](const Gram& gram, Alpha a) -> std::optional<double> {
              if (gram.gy().sign() <= 0) return {};
              if (!a.is_optimal()) return *a.value();
              const Rational x = value_of(gram.yy()) / value_of(gram.gy());
              return nearest(x * (1 + power_of_two(-9000)));
            };
          }};
}

// |y|/|g|, which also has the units of an eigenvalue, in place of a* = yy/p.
Canary geometric_parameter(const char* name, Member member) {
  return {name, [=](Subject& subject) {
            const Subject::Scalar library = subject.*member;
            subject.*member = [=](const Gram& gram, Alpha a) {
              if (!a.is_optimal() || gram.gy().sign() <= 0) return library(gram, a);
              const double ratio = std::sqrt(nearest(value_of(gram.yy()) / value_of(gram.gg())));
              return library(gram, std::isnormal(ratio) ? Alpha(ratio) : a);
            };
          }};
}

Canary everything_naive() {
  return {
      "evaluated in doubles from the rounded Gram", [](Subject& subject) {
        for (const Canary& canary : {
                 in_doubles("", &Subject::cosine, [](const Naive& n) { return n.c; }),
                 in_doubles("", &Subject::sine, [](const Naive& n) { return n.s; }),
                 in_doubles("", &Subject::angle, [](const Naive& n) { return std::acos(n.c); }),
                 in_doubles("", &Subject::alpha, [](const Naive& n) { return n.a; }),
                 in_doubles("", &Subject::lambda_min, [](const Naive& n) { return (n.t - n.root) / 2; }),
                 in_doubles("", &Subject::lambda_max, [](const Naive& n) { return (n.t + n.root) / 2; }),
                 in_doubles("", &Subject::condition, [](const Naive& n) { return (1 + n.s) / (1 - n.s); }),
                 in_doubles("", &Subject::sqrt_condition, [](const Naive& n) { return (1 + n.s) / n.c; }),
                 in_doubles("", &Subject::log_condition,
                            [](const Naive& n) { return std::log((1 + n.s) / (1 - n.s)); }),
             }) {
          canary.sabotage(subject);
        }
      }};
}

Canary enclosing(const char* name, std::function<ScalarEnclosures(const Gram&, double, Alpha)> enclose) {
  return {name, [enclose](Subject& subject) { subject.enclose = enclose; }};
}

std::vector<Property> references() {
  return {
      {"scalars.cosine",
       "reference",
       "cos psi is p/sqrt(gg yy), correctly rounded",
       angle_equals(&Subject::cosine, cosine, "cos"),
       {in_doubles("p/sqrt(gg yy) in doubles", &Subject::cosine, [](const Naive& n) { return n.c; }),
        changed("one ulp up", &Subject::cosine, next_up)}},
      {"scalars.sine",
       "reference",
       "sin psi is sqrt(1 - cos^2), correctly rounded",
       angle_equals(&Subject::sine, sine, "sin"),
       {in_doubles("sqrt(1 - c^2) in doubles", &Subject::sine, [](const Naive& n) { return n.s; }),
        in_doubles("sin(acos c) in doubles", &Subject::sine,
                   [](const Naive& n) { return std::sin(std::acos(n.c)); }),
        changed("one ulp up", &Subject::sine, next_up)}},
      {"scalars.angle",
       "reference",
       "psi is acos(p/sqrt(gg yy)), correctly rounded",
       angle_equals(&Subject::angle, angle, "angle"),
       {in_doubles("acos of the rounded cosine", &Subject::angle,
                   [](const Naive& n) { return std::acos(n.c); }),
        {"asin of the rounded sine, wrong beyond 90 degrees",
         [](Subject& subject) {
           subject.angle = [](const Gram& gram, Alpha) {
             auto value = natgrad::sine(gram);
             if (value) value = std::asin(*value);
             return value;
           };
         }}}},
      {"scalars.alpha",
       "reference",
       "alpha is yy/p, correctly rounded, or the value given",
       metric_equals(&Subject::alpha, alpha, "alpha"),
       {in_doubles("quotient of the rounded yy and p", &Subject::alpha, [](const Naive& n) { return n.a; })}},
      {"scalars.lambda_min",
       "reference",
       "lambda_min is the smaller root of the block's characteristic polynomial",
       metric_equals(&Subject::lambda_min, lambda_min, "lambda_min"),
       {in_doubles("(t - root)/2 in doubles", &Subject::lambda_min,
                   [](const Naive& n) { return (n.t - n.root) / 2; }),
        rounded_star(&Subject::lambda_min), changed("one ulp up", &Subject::lambda_min, next_up)}},
      {"scalars.lambda_max",
       "reference",
       "lambda_max is the larger root of the block's characteristic polynomial",
       metric_equals(&Subject::lambda_max, lambda_max, "lambda_max"),
       {in_doubles("(t + root)/2 in doubles", &Subject::lambda_max,
                   [](const Naive& n) { return (n.t + n.root) / 2; }),
        rounded_star(&Subject::lambda_max), changed("one ulp up", &Subject::lambda_max, next_up)}},
      {"scalars.condition",
       "reference",
       "kappa is lambda_max/lambda_min, correctly rounded",
       metric_equals(&Subject::condition, condition, "condition"),
       {in_doubles("(1 + s)/(1 - s) in doubles", &Subject::condition,
                   [](const Naive& n) { return (1 + n.s) / (1 - n.s); }),
        {"quotient of the rounded eigenvalues",
         [](Subject& subject) {
           subject.condition = [](const Gram& gram, Alpha a) {
             auto value = natgrad::lambda_max(gram, a);
             if (value) *value /= *natgrad::lambda_min(gram, a);
             return value;
           };
         }},
        changed("one ulp up", &Subject::condition, next_up)}},
      {"scalars.sqrt_condition",
       "reference",
       "sqrt(kappa), correctly rounded",
       metric_equals(&Subject::sqrt_condition, sqrt_condition, "sqrt_condition"),
       {{"square root of the rounded kappa",
         [](Subject& subject) {
           subject.sqrt_condition = [](const Gram& gram, Alpha a) {
             auto value = natgrad::condition(gram, a);
             if (value) value = std::sqrt(*value);
             return value;
           };
         }},
        changed("one ulp up", &Subject::sqrt_condition, next_up)}},
      {"scalars.log_condition",
       "reference",
       "ln kappa, correctly rounded and finite",
       metric_equals(&Subject::log_condition, log_condition, "log_condition"),
       {{"logarithm of the rounded kappa",
         [](Subject& subject) {
           subject.log_condition = [](const Gram& gram, Alpha a) {
             auto value = natgrad::condition(gram, a);
             if (value) value = std::log(*value);
             return value;
           };
         }},
        in_doubles("2 asinh(s/c) in doubles", &Subject::log_condition,
                   [](const Naive& n) { return 2 * std::asinh(n.s / n.c); })}},
      {"scalars.trace",
       "reference",
       "trace M(a) is a* + (D - 1) a, correctly rounded",
       metric_equals(&Subject::trace, trace, "trace"),
       {in_doubles("a* + (D - 1) a in doubles", &Subject::trace,
                   [](const Naive& n) { return n.star + (n.dimension - 1) * n.a; }),
        rounded_star(&Subject::trace),
        {"D in place of D - 1",
         [](Subject& subject) {
           subject.trace = [](const Gram& gram, Alpha a) { return natgrad::trace(with_zeros(gram, 1), a); };
         }}}},
      {"scalars.log_det",
       "reference",
       "ln det M(a) is (D - 1) ln a + ln p - ln gg, correctly rounded",
       metric_equals(&Subject::log_det, log_det, "log_det"),
       {in_doubles("sum of logarithms in doubles", &Subject::log_det,
                   [](const Naive& n) { return (n.dimension - 1) * std::log(n.a) + std::log(n.p / n.gg); }),
        rounded_star(&Subject::log_det)}},
      {"scalars.frobenius_norm",
       "reference",
       "the Frobenius norm is the root of the sum of squared eigenvalues, correctly rounded",
       metric_equals(&Subject::frobenius_norm, frobenius_norm, "frobenius_norm"),
       {in_doubles("in doubles", &Subject::frobenius_norm,
                   [](const Naive& n) {
                     return std::sqrt(n.star * n.star + (n.dimension - 1) * n.a * n.a +
                                      2 * n.a * n.star * n.s * n.s);
                   }),
        rounded_star(&Subject::frobenius_norm)}},
  };
}

std::vector<Property> laws() {
  return {
      {"scalars.cosine",
       "symmetry",
       "exchanging g and y changes nothing of the angle; (g, -y) negates the cosine",
       symmetric,
       {in_doubles("(p/gg) sqrt(gg/yy)", &Subject::cosine,
                   [](const Naive& n) { return n.p / n.gg * std::sqrt(n.gg / n.yy); }),
        in_doubles("kappa from lambda_max/(p/gg)", &Subject::condition,
                   [](const Naive& n) { return n.star * (1 + n.s) * (1 + n.s) / (n.p / n.gg); })}},
      {"scalars.cosine",
       "scaling",
       "powers of two leave the angle and kappa alone and scale the eigenvalues",
       invariant_under_scaling,
       {everything_naive()}},
      {"scalars.cosine",
       "zeros",
       "coordinates that are zero in both vectors change no angle and no extreme eigenvalue",
       invariant_under_zeros,
       {{"the angle per coordinate",
         [](Subject& subject) {
           subject.condition = [](const Gram& gram, Alpha a) {
             auto value = natgrad::condition(gram, a);
             if (value) *value *= 1 + 1e-3 * static_cast<double>(gram.dimension());
             return value;
           };
         }}}},
      {"scalars.cosine",
       "environment",
       "neither the rounding mode nor flush-to-zero changes a bit",
       any_environment,
       {in_doubles("p/sqrt(gg yy) in the caller's arithmetic", &Subject::cosine,
                   [](const Naive& n) { return n.c; })}},
      {"scalars.angle",
       "monotone",
       "pairs ordered by their exact angle have ordered cosines, sines, angles and condition numbers",
       monotone,
       {everything_naive(),
        in_doubles("sqrt(1 - c^2) in doubles", &Subject::sine, [](const Naive& n) { return n.s; })}},
      {"scalars.sine",
       "vanishes",
       "sin psi, psi and ln kappa* are zero exactly when g and y are parallel",
       vanishes_only_when_parallel,
       {in_doubles("sqrt(1 - c^2) in doubles", &Subject::sine, [](const Naive& n) { return n.s; }),
        in_doubles("acos in doubles", &Subject::angle,
                   [](const Naive& n) { return std::acos(std::min(n.c, 1.0)); })}},
      {"scalars.alpha",
       "midpoints",
       "yy/p on and next to midpoints of doubles rounds to nearest, ties to even",
       midpoints,
       {rounded_twice(&Subject::alpha), ties_away(&Subject::alpha)}},
      {"scalars.alpha",
       "undefined",
       "scalars are undefined exactly where p <= 0 or a vector vanishes, and never NaN",
       undefined_only_where_it_should_be,
       {{"zero in place of undefined",
         [](Subject& subject) {
           subject.cosine = [](const Gram& gram, Alpha) {
             return std::optional<double>(natgrad::cosine(gram).value_or(0));
           };
         }},
        {"|p| in place of p",
         [](Subject& subject) {
           subject.condition = [](const Gram& gram, Alpha a) {
             return natgrad::condition(
                 forge(value_of(gram.gg()), abs(value_of(gram.gy())), value_of(gram.yy()), gram.dimension())
                     .value(),
                 a);
           };
         }}}},
      {"scalars.alpha",
       "all at once",
       "scalars() and algebraic_scalars() equal the functions one by one",
       all_at_once,
       {{"the algebraic ones alone are those at a*",
         [](Subject& subject) {
           subject.algebraic_scalars = [](const Gram& gram, Alpha) {
             return natgrad::algebraic_scalars(gram);
           };
         }},
        {"the parameter is ignored",
         [](Subject& subject) {
           subject.scalars = [](const Gram& gram, Alpha) { return natgrad::scalars(gram); };
         }},
        {"gg is one ulp off",
         [](Subject& subject) {
           subject.scalars = [](const Gram& gram, Alpha a) {
             Scalars all = natgrad::scalars(gram, a);
             all.gg = next_up(all.gg);
             return all;
           };
         }}}},
      {"scalars.lambda_min",
       "between extremes",
       "lambda_min <= p/gg, a*, a <= lambda_max",
       between_extremes,
       {in_doubles("(p/gg)(1 + s): a product for a quotient", &Subject::lambda_min,
                   [](const Naive& n) { return n.p / n.gg * (1 + n.s); }),
        in_doubles("a*(1 - s)(1 + s)", &Subject::lambda_max,
                   [](const Naive& n) { return n.star * (1 - n.s * n.s); }),
        {"the extremes exchanged",
         [](Subject& subject) {
           subject.lambda_min = [](const Gram& gram, Alpha a) { return natgrad::lambda_max(gram, a); };
         }}}},
      {"scalars.condition",
       "least in the family",
       "kappa* <= kappa(M(a)) for every a",
       least_in_the_family,
       {geometric_parameter("kappa at a = |y|/|g|", &Subject::condition),
        geometric_parameter("ln kappa at a = |y|/|g|", &Subject::log_condition)}},
      {"scalars.condition",
       "least of all metrics",
       "kappa* <= kappa(M) for any SPD M with M g = y, built from the uniqueness theorem",
       least_of_all_metrics,
       {geometric_parameter("kappa at a = |y|/|g|", &Subject::condition),
        changed("2^-20 too large", &Subject::condition, [](double x) { return x * (1 + 0x1p-20); })}},
      {"scalars.enclosure",
       "members",
       "every pair within the radius has its verdict and scalars inside the enclosures",
       contains_members,
       {enclosing("the radius ignored",
                  [](const Gram& gram, double, Alpha a) { return natgrad::enclose(gram, 0, a); }),
        enclosing("half the radius", [](const Gram& gram, double radius,
                                        Alpha a) { return natgrad::enclose(gram, radius / 2, a); }),
        enclosing("the value's own enclosure of kappa",
                  [](const Gram& gram, double radius, Alpha a) {
                    ScalarEnclosures out = natgrad::enclose(gram, radius, a);
                    out.condition = natgrad::enclose(gram, 0, a).condition;
                    return out;
                  }),
        enclosing("a verdict in spite of the radius",
                  [](const Gram& gram, double radius, Alpha a) {
                    ScalarEnclosures out = natgrad::enclose(gram, radius, a);
                    out.judgement = gram.judge();
                    return out;
                  })}},
      {"scalars.enclosure",
       "sharp angle",
       "the angle's ends are psi -+ (asin(r/|g|) + asin(r/|y|)) within 2 ulp, and the verdict is that of the "
       "hull",
       sharp_angle,
       {enclosing("twice the radius", [](const Gram& gram, double radius,
                                         Alpha a) { return natgrad::enclose(gram, 2 * radius, a); }),
        enclosing("never sure",
                  [](const Gram& gram, double radius, Alpha a) {
                    ScalarEnclosures out = natgrad::enclose(gram, radius, a);
                    out.judgement = {Verdict::undetermined, Reason::inexact};
                    return out;
                  }),
        enclosing("asin(r/|y|) forgotten",
                  [](const Gram& gram, double radius, Alpha a) {
                    ScalarEnclosures out = natgrad::enclose(gram, radius, a);
                    const auto psi = natgrad::angle(gram);
                    if (out.angle && psi) {
                      const double turn = std::asin(std::min(1.0, radius / std::sqrt(gram.gg().to_double())));
                      out.angle = Enclosure{std::max(0.0, *psi - turn), *psi + turn};
                    }
                    return out;
                  })}},
      {"scalars.enclosure",
       "exact data",
       "radius 0 gives the exact verdict and encloses each value within 2 ulp",
       exact_data,
       {enclosing("a radius of one ulp of 1 in place of 0",
                  [](const Gram& gram, double, Alpha a) { return natgrad::enclose(gram, 0x1p-52, a); }),
        enclosing("a stationary pair called inexact",
                  [](const Gram& gram, double radius, Alpha a) {
                    ScalarEnclosures out = natgrad::enclose(gram, radius, a);
                    if (out.judgement.reason == Reason::stationary) out.judgement.reason = Reason::inexact;
                    return out;
                  })}},
  };
}

}  // namespace

std::vector<Property> scalars_properties() {
  std::vector<Property> all = references();
  for (Property& property : laws()) all.push_back(std::move(property));
  return all;
}

}  // namespace natgrad::test
