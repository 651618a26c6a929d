// natgrad: the minimum condition number. Functions of the Gram are rounded from integers; metrics in factors
// are exact numbers with coefficients made by interval arithmetic; dense matrices are judged by certificates.
#include "natgrad/min_condition.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <span>
#include <utility>
#include <vector>

#include "dense.hpp"
#include "doubles.hpp"
#include "exact.hpp"
#include "float_scope.hpp"
#include "natgrad/error.hpp"
#include "pair.hpp"
#include "parallel.hpp"

namespace natgrad {
namespace {

using exact::Direction;
using exact::Dyadic;
using exact::Integer;
using exact::Interval;
using exact::MpfrScope;
using exact::PairNumbers;
using exact::Surd;

using Dyadics = std::vector<Dyadic>;

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double tiny = 0x1p-1074;
constexpr double unit = 0x1p-53;

Dyadic magnitude(const Dyadic& x) {
  return x.sign() < 0 ? -x : x;
}

void check_dimension(const Gram& gram) {
  if (gram.dimension() == 0) throw ContractError("the Gram has dimension 0; it must be at least 1");
}

Interval number(const Dyadic& x, mpfr_prec_t precision) {
  return Interval(x, precision);
}

Dyadic right_end(const Interval& x) {
  return -(number(Dyadic(), x.precision()) - x).left();
}

/// The narrowest interval from low to high.
Interval hull(const Dyadic& low, const Dyadic& high, mpfr_prec_t precision) {
  Interval result = number(low, precision);
  mpfi_union(result.get(), result.get(), number(high, precision).get());
  return result;
}

Enclosure enclosure(const Interval& x) {
  return {x.lower(), x.upper()};
}

/// A double and how far it may be off, at most an ulp more than the interval is wide.
void enclose(const Interval& x, double& value, double& radius) {
  const double low = x.lower(), high = x.upper();
  if (!is_finite(low) || !is_finite(high)) {
    value = 0;
    radius = infinity;
    return;
  }
  x.round(value);  // where both ends do not round alike, the left one's
  radius = low == high ? 0 : std::max(dense::sub_up(high, value), dense::sub_up(value, low));
}

// -------------------------------------------------------------------------------- functions of the Gram

/// (a - sqrt(b))/c, rounded, for a of any sign, b >= 0, c > 0. Where b is not a square of a rational, the
/// value is a quadratic irrationality, never a double nor a midpoint of two.
double round_difference(const Dyadic& a, const Dyadic& b, const Dyadic& c) {
  if (b.is_zero()) return exact::round_quotient(a, c);
  if ((b.exponent() & 1) == 0 && mpz_perfect_square_p(b.mantissa().backend().data()) != 0)
    return exact::round_quotient(a - Dyadic(boost::multiprecision::sqrt(b.mantissa()), b.exponent() / 2), c);
  const MpfrScope scope;
  return exact::round_by_enclosure([&](mpfr_prec_t precision) {
    return (number(a, precision) - sqrt(number(b, precision))) / number(c, precision);
  });
}

/// The ends of a spectrum and the bound at them, exactly.
struct Ends {
  Ends(const Gram& gram, double least, double greatest) : v(gram) {
    check_dimension(gram);
    const auto positive = [](double x) {
      const auto bits = std::bit_cast<std::uint64_t>(x);
      return bits != 0 && bits >> 63 == 0 && is_finite(x);
    };
    if (!positive(least)) throw ContractError(fmt::format("m is {}; it must be finite and > 0", least));
    if (!positive(greatest)) throw ContractError(fmt::format("l is {}; it must be finite and > 0", greatest));
    m = Dyadic::from(least);
    l = Dyadic::from(greatest);
    if (l < m) throw ContractError(fmt::format("m is {} and l is {}; m must not exceed l", least, greatest));
    slack = (m + l) * v.p - m * l * v.gg - v.yy;
  }

  /// l/m - kappa* = (l p^2 - m (G + S) - 2 m sqrt(G S))/(m p^2), G = gg yy. @pre p > 0
  double excess() const {
    const Dyadic product = v.gg * v.yy, square = v.p * v.p;
    return round_difference(l * square - m * (product + v.gram_determinant),
                            (m * m * product * v.gram_determinant).scaled(2), m * square);
  }

  PairNumbers v;
  Dyadic m, l, slack;
};

template <class F>
std::optional<double> of_effective(const Gram& gram, F f) {
  if (gram.gy().sign() <= 0) return std::nullopt;
  return f(PairNumbers(gram));
}

}  // namespace

std::optional<double> condition_minus_one(const Gram& gram) {
  // 2 (s + s^2)/c^2 = (2 S + sqrt(4 S gg yy))/p^2
  return of_effective(gram, [](const PairNumbers& v) {
    return exact::round(
        Surd{v.gram_determinant.scaled(1), 1, (v.gram_determinant * v.gg * v.yy).scaled(2), v.p * v.p});
  });
}

std::optional<double> log_condition_by_angle(const Gram& gram) {
  return of_effective(
      gram, [](const PairNumbers& v) { return exact::round_root((v.gg * v.yy).scaled(2), v.p * v.p); });
}

std::optional<double> log_condition_by_log_cosine(const Gram& gram) {
  return of_effective(gram, [](const PairNumbers& v) {
    if (v.gram_determinant.is_zero()) return -infinity;
    return -exact::round_root((v.gg * v.yy).scaled(2), v.gram_determinant);
  });
}

double spectrum_slack(const Gram& gram, double m, double l) {
  return exact::round(Ends(gram, m, l).slack);
}

bool spectrum_is_possible(const Gram& gram, double m, double l) {
  return Ends(gram, m, l).slack.sign() >= 0;
}

std::optional<double> condition_excess(const Gram& gram, double m, double l) {
  const Ends ends(gram, m, l);
  if (ends.v.p.sign() <= 0) return std::nullopt;
  return ends.excess();
}

CompetitorBound competitor_bound(const Gram& gram, double m, double l) {
  const Ends e(gram, m, l);
  CompetitorBound result;
  result.possible = e.slack.sign() >= 0;
  result.slack = exact::round(e.slack);
  result.condition = exact::round_quotient(e.l, e.m);
  const Dyadic sum = (e.m + e.l) * e.v.p;
  result.kantorovich = exact::round(sum * sum - (e.m * e.l * e.v.gg * e.v.yy).scaled(2));
  if (e.v.p.sign() > 0) {
    result.least_condition = natgrad::condition(gram);
    result.excess = e.excess();
  }
  return result;
}

// --------------------------------------------------------------------------------- a dense competitor

Competitor competitor(const arma::mat& m, const Gram& gram) {
  check_dimension(gram);
  dense::check_symmetric(m, gram.dimension(), "m");
  const FloatScope scope;
  Competitor result;
  result.smallest_eigenvalue = dense::smallest_eigenvalue({m, {}});
  result.largest_eigenvalue = dense::largest_eigenvalue({m, {}});
  const Enclosure &low = result.smallest_eigenvalue, &high = result.largest_eigenvalue;
  const PairNumbers v(gram);
  result.condition = {1, infinity};
  const bool definite = low.lo > 0;
  // The condition number of what is not certified to be definite may be anything.
  if (definite && is_finite(high.hi)) result.condition = dense::condition_number(low, high);
  // The slack is linear in each of m and l, so that its extremes over the box are at corners.
  result.slack = {-infinity, infinity};
  int least_sign = -1, greatest_sign = 1;
  if (is_finite(low.lo) && is_finite(low.hi) && is_finite(high.lo) && is_finite(high.hi)) {
    std::optional<Dyadic> least, greatest;
    for (const double a : {low.lo, low.hi})
      for (const double b : {high.lo, high.hi}) {
        const Dyadic x = Dyadic::from(a), z = Dyadic::from(b), slack = (x + z) * v.p - x * z * v.gg - v.yy;
        if (!least || slack < *least) least = slack;
        if (!greatest || *greatest < slack) greatest = slack;
      }
    result.slack = {exact::round(*least, Direction::down), exact::round(*greatest, Direction::up)};
    least_sign = least->sign();
    greatest_sign = greatest->sign();
  }
  if (v.p.sign() > 0) {
    // kappa* between the doubles next to its rounding.
    const double kappa = *natgrad::condition(gram);
    Enclosure excess{-infinity, infinity};
    if (is_finite(kappa)) {
      excess.lo = dense::sub_down(result.condition.lo, std::nextafter(kappa, infinity));
      if (is_finite(result.condition.hi))
        excess.hi = dense::sub_up(result.condition.hi, std::max(1.0, std::nextafter(kappa, 0)));
    }
    result.excess = excess;
  }
  if (low.hi <= 0 || greatest_sign < 0) result.possible = Answer::no;
  if (definite && least_sign >= 0) result.possible = Answer::yes;
  return result;
}

// ----------------------------------------------------------------------------- minimisers in factors

namespace {

/// Is x, a sum of terms below 2^terms, known to an ulp, or else to 2^-256 of the largest term (but at least
/// to 2^-128, so that an element that is exactly 0 is not lost among terms beyond the range of doubles), or
/// to far less than the smallest double: of a coefficient that is exactly 0 no precision shows the size.
bool known_well(const Interval& x, mpfr_exp_t terms) {
  if (x.accurate_to(56)) return true;
  mpfr_t width;
  mpfr_init2(width, 32);
  mpfi_diam_abs(width, x.get());
  const bool small =
      mpfr_zero_p(width) != 0 ||
      (mpfr_regular_p(width) != 0 &&
       mpfr_get_exp(width) < std::max<mpfr_exp_t>(std::min<mpfr_exp_t>(terms, 128) - 256, -1140));
  mpfr_clear(width);
  return small;
}

/// Exponent of the larger end, or the smallest one for 0.
mpfr_exp_t size_of(const Interval& x) {
  mpfr_exp_t e = mpfr_get_emin_min();
  for (mpfr_srcptr end : {&x.get()->left, &x.get()->right})
    if (mpfr_regular_p(end) != 0) e = std::max(e, mpfr_get_exp(end));
  return e;
}

}  // namespace

struct MinimiserState {
  MinimiserState(const arma::vec& g_in, const arma::vec& y_in, const arma::mat& v_in,
                 const arma::vec& values_in, const Gram& gram_in)
      : g(g_in), y(y_in), v(v_in), values(values_in), gram(gram_in), pair(gram) {
    columns.push_back(as_span(g));
    if (!parallel()) columns.push_back(as_span(y));
    first = columns.size();
    for (arma::uword j = 0; j < v.n_cols; ++j) columns.push_back({v.colptr(j), v.n_rows});
    products.resize(columns.size());
    for (std::size_t i = 0; i < columns.size(); ++i)
      for (std::size_t j = 0; j <= i; ++j) products[i].push_back(dense::dot(columns[i], columns[j]));
  }
  MinimiserState(const MinimiserState&) = delete;  // columns point into it
  MinimiserState& operator=(const MinimiserState&) = delete;

  bool parallel() const { return pair.gram_determinant.is_zero(); }

  arma::vec g, y;
  arma::mat v;
  arma::vec values;
  Gram gram;
  PairNumbers pair;
  std::vector<std::span<const double>> columns;  // g, y unless parallel, then those of v
  std::size_t first = 0;                         // of v
  std::vector<Dyadics> products;                 // columns[i].columns[j], j <= i
};

namespace {

/// M or M^-1 at one precision: coefficients of x, y and the columns.
class MinimiserNumbers {
 public:
  MinimiserNumbers(const MinimiserState& m, bool inverse, mpfr_prec_t precision)
      : m_(m), inverse_(inverse), precision_(precision) {
    // products = L L^T, so that columns L^-T is the basis that the Gram-Schmidt process makes.
    const std::size_t n = m.columns.size();
    l_.assign(n, {});
    for (std::size_t i = 0; i < n && usable_; ++i)
      for (std::size_t j = 0; j <= i && usable_; ++j) {
        Interval sum = number(m.products[i][j]);
        for (std::size_t k = 0; k < j; ++k) sum = sum - l_[i][k] * l_[j][k];
        if (i == j) usable_ = sum.is_positive();
        if (usable_) l_[i].push_back(i == j ? sqrt(sum) : sum / l_[j][j]);
      }
    const Interval star = number(m.pair.yy) / number(m.pair.p);
    for (const double value : m.values) {
      const Interval lambda = number(Dyadic::from(value));
      weights_.push_back(inverse ? number(m.pair.p) / number(m.pair.yy) : star);
      weights_.back() = (inverse ? number(Dyadic(std::uint64_t{1})) / lambda : lambda) - weights_.back();
    }
  }

  bool usable() const { return usable_; }

  /// Coefficients for the x with these exact products with g, y and the columns.
  struct Coefficients {
    Interval x, y;
    std::vector<Interval> columns;
  };
  Coefficients coefficients(const Dyadic& gx, const Dyadic& yx, const Dyadics& dots) const {
    const PairNumbers& v = m_.pair;
    const std::size_t n = m_.columns.size();
    std::vector<Interval> u;
    for (std::size_t i = 0; i < n; ++i) {
      Interval sum = number(dots[i]);
      for (std::size_t k = 0; k < i; ++k) sum = sum - l_[i][k] * u[k];
      u.push_back(sum / l_[i][i]);
    }
    for (std::size_t i = 0; i < n; ++i)
      u[i] = i < m_.first ? number(Dyadic()) : u[i] * weights_[i - m_.first];
    for (std::size_t i = n; i-- > 0;) {
      for (std::size_t k = i + 1; k < n; ++k) u[i] = u[i] - l_[k][i] * u[k];
      u[i] = u[i] / l_[i][i];
    }
    if (inverse_) {
      // M(a*)^-1 x = (p/yy) x - (gx/yy) y + (2 gx/p - yx/yy) g
      u[0] = u[0] + number(gx.scaled(1)) / number(v.p) - number(yx) / number(v.yy);
      return {number(v.p) / number(v.yy), number(-gx) / number(v.yy), std::move(u)};
    }
    // M(a*) x = (yy/p) x + (yx/p) y - (yy gx/(p gg)) g
    u[0] = u[0] - number(v.yy * gx) / number(v.p * v.gg);
    return {number(v.yy) / number(v.p), number(yx) / number(v.p), std::move(u)};
  }

  /// Element i of the result for an x with element x_i; false unless it is known well.
  bool element(const Coefficients& c, std::size_t i, double x, Interval& sum) const {
    sum = number(Dyadic());
    mpfr_exp_t terms = mpfr_get_emin_min();
    Interval term(precision_);
    const auto add = [&](const Interval& coefficient, double by) {
      if (by == 0) return;
      mpfi_mul_d(term.get(), coefficient.get(), by);
      terms = std::max(terms, size_of(term));
      mpfi_add(sum.get(), sum.get(), term.get());
    };
    add(c.x, x);
    add(c.y, m_.y[i]);
    for (std::size_t j = 0; j < c.columns.size(); ++j) add(c.columns[j], m_.columns[j][i]);
    return known_well(sum, terms);
  }

 private:
  Interval number(const Dyadic& x) const { return Interval(x, precision_); }

  const MinimiserState& m_;
  bool inverse_, usable_ = true;
  mpfr_prec_t precision_;
  std::vector<std::vector<Interval>> l_;
  std::vector<Interval> weights_;
};

/// Runs `attempt(numbers)` at growing precision until it is content; at the last one it must take what it
/// gets.
template <class Attempt>
void at_growing_precision(const MinimiserState& m, bool inverse, Attempt attempt) {
  // Independent columns of doubles have Gram-Schmidt pivots of 4300 bits (times their number) at the least.
  const mpfr_prec_t last = 1 << 20;
  const std::int64_t cancellation =
      std::max<std::int64_t>(0, (m.pair.gg * m.pair.yy).log2_floor() - (m.pair.p * m.pair.p).log2_floor());
  for (auto precision = static_cast<mpfr_prec_t>(192 + cancellation);; precision *= 2) {
    const MinimiserNumbers numbers(m, inverse, precision);
    if (numbers.usable() && attempt(numbers, precision > last)) return;
  }
}

EnclosedVector evaluate(const MinimiserState& m, bool inverse, const arma::vec& x) {
  dense::check_vector(x, m.g.n_elem, "x");
  const FloatScope scope;
  const MpfrScope mpfr;
  const Dyadic gx = dense::dot(as_span(m.g), as_span(x)), yx = dense::dot(as_span(m.y), as_span(x));
  Dyadics dots;
  for (const auto& column : m.columns) dots.push_back(dense::dot(column, as_span(x)));
  EnclosedVector result{arma::vec(x.n_elem), arma::vec(x.n_elem)};
  at_growing_precision(m, inverse, [&](const MinimiserNumbers& numbers, bool last) {
    const auto c = numbers.coefficients(gx, yx, dots);
    Interval sum(2);
    for (arma::uword i = 0; i < x.n_elem; ++i) {
      if (!numbers.element(c, i, x[i], sum) && !last) return false;
      enclose(sum, result.value[i], result.radius[i]);
    }
    return true;
  });
  return result;
}

}  // namespace

Minimiser::Minimiser(std::shared_ptr<const MinimiserState> state) : state_(std::move(state)) {}

std::optional<Minimiser> Minimiser::make(const arma::vec& g, const arma::vec& y, const arma::mat& v,
                                         const arma::vec& values) {
  const Gram gram = Gram::of(as_span(g), as_span(y));
  const arma::uword n = g.n_elem, k = values.n_elem;
  dense::check_shape(v, n, k, "v");
  dense::check_finite(v, "v");
  dense::check_vector(values, k, "values");
  if (gram.gy().sign() <= 0) return std::nullopt;
  const FloatScope scope;
  const PairNumbers pair(gram);
  const bool parallel = pair.gram_determinant.is_zero();
  const arma::uword occupied = parallel ? 1 : 2;
  if (k > n - occupied)
    throw ContractError(
        fmt::format("v has {} columns; the complement of span(g, y) has dimension {}", k, n - occupied));
  // |value p gg - G| <= sqrt(G S)
  const Dyadic product = pair.gg * pair.yy, square = product * pair.gram_determinant,
               scale = pair.p * pair.gg;
  for (arma::uword j = 0; j < k; ++j) {
    const Dyadic off = Dyadic::from(values[j]) * scale - product;
    if (square < off * off)
      throw ContractError(
          fmt::format("values[{}] is {}; it must be in [lambda-, lambda+], which rounded is [{}, {}]", j,
                      values[j], *lambda_min(gram), *lambda_max(gram)));
  }
  if (k > 0) {
    const arma::mat basis = parallel ? arma::join_rows(arma::mat(g), v) : arma::join_rows(g, y, v);
    arma::uword dependent = 0;
    if (!dense::certainly_full_rank(basis, &dependent))
      throw ContractError(fmt::format("column {} of v depends on g, y and the columns before it",
                                      dependent < occupied ? 0 : dependent - occupied));
  }
  return Minimiser(std::make_shared<const MinimiserState>(g, y, v, values, gram));
}

std::optional<Minimiser> Minimiser::make(const arma::vec& g, const arma::vec& y) {
  return make(g, y, arma::mat(g.n_elem, 0), arma::vec());
}

std::uint64_t Minimiser::dimension() const noexcept {
  return state_->g.n_elem;
}
std::uint64_t Minimiser::rank() const noexcept {
  return state_->values.n_elem;
}
const Gram& Minimiser::gram() const noexcept {
  return state_->gram;
}

EnclosedVector Minimiser::apply(const arma::vec& x) const {
  return evaluate(*state_, false, x);
}
EnclosedVector Minimiser::solve(const arma::vec& x) const {
  return evaluate(*state_, true, x);
}

EnclosedMatrix Minimiser::dense() const {
  const MinimiserState& m = *state_;
  const FloatScope scope;
  const MpfrScope mpfr;
  const arma::uword n = m.g.n_elem;
  EnclosedMatrix result{arma::mat(n, n), arma::mat(n, n)};
  at_growing_precision(m, false, [&](const MinimiserNumbers& numbers, bool last) {
    Interval sum(2);
    for (arma::uword j = 0; j < n; ++j) {
      Dyadics dots;
      for (const auto& column : m.columns) dots.push_back(Dyadic::from(column[j]));
      const auto c = numbers.coefficients(Dyadic::from(m.g[j]), Dyadic::from(m.y[j]), dots);
      for (arma::uword i = j; i < n; ++i) {
        if (!numbers.element(c, i, i == j ? 1 : 0, sum) && !last) return false;
        enclose(sum, result.value(i, j), result.radius(i, j));
        result.value(j, i) = result.value(i, j);
        result.radius(j, i) = result.radius(i, j);
      }
    }
    return true;
  });
  return result;
}

// ------------------------------------------------------------------- the complement of span(g, y)

namespace {

/// A symmetric matrix C seen from the complement of span(g, y).
class Complement {
 public:
  Complement(const arma::mat& c, const arma::vec& g, const arma::vec& y, const PairNumbers& pair)
      : c_(c),
        g_(g),
        y_(y),
        v_(pair),
        parallel_(pair.gram_determinant.is_zero()),
        cg_(dense::multiply(c, as_span(g))),
        cy_(dense::multiply(c, as_span(y))),
        gcg_(sum_of_products(cg_, g)),
        gcy_(sum_of_products(cg_, y)),
        ycy_(sum_of_products(cy_, y)) {}

  const Dyadics& image_of_g() const { return cg_; }
  const Dyadics& image_of_y() const { return cy_; }
  bool parallel() const { return parallel_; }
  /// Has the complement no direction?
  bool empty() const { return g_.n_elem == (parallel_ ? 1U : 2U); }

  /// (I - Pi) C (I - Pi) + a* Pi, and with `whole` the metric (I - Pi) C (I - Pi) + y y^T/p + a* e2 e2^T.
  EnclosedMatrix compression(bool whole) const {
    // With the orthonormal e1 = g/|g|, e2 = (gg y - p g)/sqrt(gg S) of the plane and symmetric b_kl = e_k.C
    // e_l: the compression is C - sum_k (e_k A_k^T + A_k e_k^T) with A_k = C e_k - sum_l b_kl e_l/2.
    const arma::uword n = g_.n_elem, count = parallel_ ? 1 : 2;
    const MpfrScope mpfr;
    const mpfr_prec_t precision = 192;
    const Interval norm_g = sqrt(number(v_.gg, precision)),
                   norm_w = sqrt(number(v_.gg * v_.gram_determinant, precision)),
                   star = number(v_.yy, precision) / number(v_.p, precision);
    const Interval b11 = number(gcg_, precision) / number(v_.gg, precision);
    Interval b12(precision), b22(precision);
    if (!parallel_) {
      b12 = number(v_.gg * gcy_ - v_.p * gcg_, precision) / (norm_g * norm_w);
      b22 = number(v_.gg * v_.gg * ycy_ - (v_.gg * v_.p * gcy_).scaled(1) + v_.p * v_.p * gcg_, precision) /
            square(norm_w);
    }
    const arma::uword columns = 2 * count + (whole ? 1 : 0);
    EnclosedMatrix left{arma::mat(n, columns), arma::mat(n, columns)};
    EnclosedMatrix right{arma::mat(columns, n), arma::mat(columns, n)};
    for (arma::uword i = 0; i < n; ++i) {
      const Dyadic g = Dyadic::from(g_[i]), y = Dyadic::from(y_[i]);
      const Interval e1 = number(g, precision) / norm_g, c1 = number(cg_[i], precision) / norm_g;
      const auto put = [&](arma::uword l, arma::uword r, const Interval& x) {
        enclose(x, left.value(i, l), left.radius(i, l));
        right.value(r, i) = left.value(i, l);
        right.radius(r, i) = left.radius(i, l);
      };
      Interval a1 = c1 - scaled(b11 * e1, -1);
      if (!parallel_) {
        const Interval e2 = number(v_.gg * y - v_.p * g, precision) / norm_w,
                       c2 = number(v_.gg * cy_[i] - v_.p * cg_[i], precision) / norm_w;
        a1 = a1 - scaled(b12 * e2, -1);
        const Interval a2 = c2 - scaled(b12 * e1 + b22 * e2, -1) - scaled(star * e2, -1);
        put(2, 3, e2);
        put(3, 2, a2);
      }
      if (!whole) a1 = a1 - scaled(star * e1, -1);
      put(0, 1, e1);
      put(1, 0, a1);
      if (whole) {
        left.value(i, columns - 1) = y_[i];
        left.radius(i, columns - 1) = 0;
        enclose(number(-y, precision) / number(v_.p, precision), right.value(columns - 1, i),
                right.radius(columns - 1, i));
      }
    }
    const EnclosedMatrix product = dense::multiply(left, right);
    EnclosedMatrix result{arma::mat(n, n), arma::mat(n, n)};
    for (arma::uword j = 0; j < n; ++j)
      for (arma::uword i = j; i < n; ++i) {
        double value = c_(i, j) - product.value(i, j);
        double radius =
            dense::add_up(product.radius(i, j), dense::add_up(dense::mul_up(std::abs(value), unit), tiny));
        if (!is_finite(value)) {
          value = 0;
          radius = infinity;
        }
        result.value(i, j) = result.value(j, i) = value;
        result.radius(i, j) = result.radius(j, i) = radius;
      }
    return result;
  }

  /// What is known of the spectrum of the compression: within [lambda-, lambda+]?
  struct Judgement {
    Answer answer = Answer::undetermined;
    Enclosure smallest, largest;
    arma::vec witness;
    Enclosure quotient;
  };
  Judgement judge() const {
    const MpfrScope mpfr;
    const mpfr_prec_t precision = 256;
    const auto n = [&](const Dyadic& x) { return number(x, precision); };
    const Interval star = n(v_.yy) / n(v_.p);
    const Interval one = n(Dyadic(std::uint64_t{1}));
    const Interval s = sqrt(n(v_.gram_determinant) / (n(v_.gg) * n(v_.yy)));
    const Interval low = n(v_.p) / n(v_.gg) / (one + s), high = star * (one + s);
    Judgement result;
    if (empty()) {
      result.answer = Answer::yes;
      result.smallest = result.largest = enclosure(star);
      return result;
    }
    if (parallel_) {
      // The compression must be a* times the identity.
      if (!decide_parallel(result)) return result;
      result.smallest = result.largest = enclosure(star);
      return result;
    }
    const EnclosedMatrix h = compression(false);
    result.smallest = dense::smallest_eigenvalue(h);
    result.largest = dense::largest_eigenvalue(h);
    if (low.upper() <= result.smallest.lo && result.largest.hi <= high.lower()) {
      result.answer = Answer::yes;
      return result;
    }
    if (!h.value.is_finite()) return result;
    for (const bool below : {true, false}) {
      const double end = below ? low.lower() : high.upper();
      if (!is_finite(end)) continue;
      arma::mat shifted = below ? h.value : arma::mat(-h.value);
      for (arma::uword i = 0; i < shifted.n_rows; ++i) shifted(i, i) += below ? -end : end;
      if (!shifted.is_finite()) continue;
      const auto x = dense::nonpositive_direction(shifted);
      if (x && refutes(*x, result)) return result;
    }
    return result;
  }

 private:
  static Dyadic sum_of_products(const Dyadics& x, const arma::vec& z) {
    Dyadic sum;
    for (std::size_t i = 0; i < x.size(); ++i) sum = sum + x[i] * Dyadic::from(z[i]);
    return sum;
  }

  /// The Rayleigh quotient of the exact projection of x, and whether it is outside [lambda-, lambda+].
  bool refutes(const arma::vec& x, Judgement& result) const {
    const Dyadic gx = dense::dot(as_span(g_), as_span(x)), yx = dense::dot(as_span(y_), as_span(x)),
                 xx = dense::dot(as_span(x), as_span(x)), xcx = dense::quadratic_form(c_, as_span(x)),
                 xcg = sum_of_products(cg_, x), xcy = sum_of_products(cy_, x);
    // z = k x + a g + b y is k times the projection of x.
    const Dyadic k = parallel_ ? v_.gg : v_.gram_determinant;
    const Dyadic a = parallel_ ? -gx : v_.p * yx - v_.yy * gx,
                 b = parallel_ ? Dyadic() : v_.p * gx - v_.gg * yx;
    const Dyadic zz = k * (k * xx + a * gx + b * yx);
    const Dyadic zcz =
        k * k * xcx + (k * (a * xcg + b * xcy) + a * b * gcy_).scaled(1) + a * a * gcg_ + b * b * ycy_;
    if (zz.sign() <= 0) return false;
    // |quotient p gg - G| > sqrt(G S)
    const Dyadic product = v_.gg * v_.yy, off = zcz * v_.p * v_.gg - product * zz;
    if (!(product * v_.gram_determinant * zz * zz < off * off)) return false;
    result.answer = Answer::no;
    result.witness = x;
    result.quotient = {exact::round_quotient(zcz, zz, Direction::down),
                       exact::round_quotient(zcz, zz, Direction::up)};
    return true;
  }

  /// y = r g: is (I - Pi)(C - r I)(I - Pi) = 0? Over gg^3: N = gg C - p I, gg^2 N - gg (g b^T + b g^T) + h g
  /// g^T with b = N g, h = g.b. True if so; else the answer is no with a witness.
  bool decide_parallel(Judgement& result) const {
    const arma::uword n = g_.n_elem;
    Dyadics g, b;
    Dyadic h;
    for (arma::uword i = 0; i < n; ++i) {
      g.push_back(Dyadic::from(g_[i]));
      b.push_back(v_.gg * cg_[i] - v_.p * g[i]);
      h = h + g[i] * b[i];
    }
    const Dyadic square = v_.gg * v_.gg;
    const auto entry = [&](arma::uword i, arma::uword j) {
      Dyadic x = v_.gg * Dyadic::from(c_(i, j));
      if (i == j) x = x - v_.p;
      return square * x - v_.gg * (g[i] * b[j] + b[i] * g[j]) + h * g[i] * g[j];
    };
    // Diagonal first: if it is 0, an element off it shows at e_i + e_j.
    for (arma::uword i = 0; i < n; ++i) {
      if (entry(i, i).is_zero()) continue;
      arma::vec x(n, arma::fill::zeros);
      x[i] = 1;
      if (!refutes(x, result)) throw std::logic_error("natgrad: a diagonal element refutes nothing");
      result.smallest = result.largest = {-infinity, infinity};
      return false;
    }
    for (arma::uword j = 0; j < n; ++j)
      for (arma::uword i = j + 1; i < n; ++i) {
        if (entry(i, j).is_zero()) continue;
        arma::vec x(n, arma::fill::zeros);
        x[i] = x[j] = 1;
        if (!refutes(x, result)) throw std::logic_error("natgrad: an element refutes nothing");
        result.smallest = result.largest = {-infinity, infinity};
        return false;
      }
    result.answer = Answer::yes;
    return true;
  }

  const arma::mat& c_;
  const arma::vec &g_, &y_;
  const PairNumbers& v_;
  bool parallel_;
  Dyadics cg_, cy_;
  Dyadic gcg_, gcy_, ycy_;
};

}  // namespace

std::optional<ProjectedMinimiser> project_to_minimiser(const arma::vec& g, const arma::vec& y,
                                                       const arma::mat& c) {
  const Gram gram = Gram::of(as_span(g), as_span(y));
  dense::check_symmetric(c, g.n_elem, "c");
  if (gram.gy().sign() <= 0) return std::nullopt;
  const FloatScope scope;
  const PairNumbers pair(gram);
  const Complement complement(c, g, y, pair);
  const Complement::Judgement judgement = complement.judge();
  return ProjectedMinimiser{judgement.answer,  judgement.smallest,
                            judgement.largest, complement.compression(true),
                            judgement.witness, judgement.quotient};
}

std::string_view to_string(MinimiserReason reason) noexcept {
  switch (reason) {
    case MinimiserReason::minimiser:
      return "minimiser";
    case MinimiserReason::not_symmetric:
      return "not_symmetric";
    case MinimiserReason::wrong_image_of_update:
      return "wrong_image_of_update";
    case MinimiserReason::wrong_image_of_descent:
      return "wrong_image_of_descent";
    case MinimiserReason::outside:
      return "outside";
    case MinimiserReason::no_certificate:
      return "no_certificate";
  }
  return "?";
}

namespace {

/// Compares the exact image with (2 a* y - (yy/gg) g or y) given over a common denominator.
ImageCheck check_image(const Dyadics& image, const Dyadics& wanted, const Dyadic& denominator,
                       const Dyadic& frobenius_squared, const Dyadic& x_squared,
                       const Dyadic& wanted_squared) {
  const MpfrScope mpfr;
  ImageCheck result{true, 0, {}, {}};
  Dyadic squares;
  for (std::size_t i = 0; i < image.size(); ++i) {
    const Dyadic off = wanted[i] - image[i] * denominator;
    if (off.is_zero()) continue;
    if (result.exact) result.wrong_element = i;
    result.exact = false;
    squares = squares + off * off;
  }
  const mpfr_prec_t precision = 192;
  const auto n = [&](const Dyadic& x) { return number(x, precision); };
  const Interval residual = sqrt(n(squares)) / n(denominator);
  result.residual = enclosure(residual);
  const Interval size = sqrt(n(frobenius_squared) * n(x_squared)) + sqrt(n(wanted_squared)) / n(denominator);
  result.backward_error = enclosure(residual / size);
  return result;
}

Answer within(const ImageCheck& image, double tolerance) {
  if (image.exact || image.backward_error.hi <= tolerance) return Answer::yes;
  return image.backward_error.lo > tolerance ? Answer::no : Answer::undetermined;
}

}  // namespace

std::optional<MinimiserCheck> check_minimiser(const arma::mat& m, const arma::vec& g, const arma::vec& y,
                                              double tolerance) {
  const Gram gram = Gram::of(as_span(g), as_span(y));
  dense::check_shape(m, g.n_elem, g.n_elem, "m");
  dense::check_finite(m, "m");
  const auto bits = std::bit_cast<std::uint64_t>(tolerance);
  if (!is_finite(tolerance) || (bits >> 63 != 0 && bits << 1 != 0))
    throw ContractError(fmt::format("tolerance is {}; it must be finite and >= 0", tolerance));
  if (gram.gy().sign() <= 0) return std::nullopt;
  const FloatScope scope;
  MinimiserCheck result;
  if (const auto where = dense::first_asymmetry(m)) {
    result.asymmetric_row = where->row;
    result.asymmetric_column = where->column;
  } else {
    result.symmetric = true;
  }
  const PairNumbers v(gram);
  const Complement complement(m, g, y, v);
  const Dyadic frobenius = dense::dot({m.memptr(), m.n_elem}, {m.memptr(), m.n_elem});
  Dyadics update, descent;
  Dyadic descent_squared;
  // M y = (2 yy gg y - yy p g)/(p gg)
  const Dyadic by_y = (v.yy * v.gg).scaled(1), by_g = v.yy * v.p;
  for (arma::uword i = 0; i < g.n_elem; ++i) {
    update.push_back(Dyadic::from(y[i]));
    descent.push_back(by_y * update.back() - by_g * Dyadic::from(g[i]));
    descent_squared = descent_squared + descent.back() * descent.back();
  }
  result.update =
      check_image(complement.image_of_g(), update, Dyadic(std::uint64_t{1}), frobenius, v.gg, v.yy);
  result.descent =
      check_image(complement.image_of_y(), descent, v.p * v.gg, frobenius, v.yy, descent_squared);
  const auto refuse = [&](MinimiserReason reason) {
    result.answer = Answer::no;
    result.reason = reason;
    return result;
  };
  if (!result.symmetric) return refuse(MinimiserReason::not_symmetric);
  const Answer first = within(result.update, tolerance), second = within(result.descent, tolerance);
  if (first == Answer::no) return refuse(MinimiserReason::wrong_image_of_update);
  if (second == Answer::no) return refuse(MinimiserReason::wrong_image_of_descent);
  const Complement::Judgement judgement = complement.judge();
  result.smallest_eigenvalue = judgement.smallest;
  result.largest_eigenvalue = judgement.largest;
  result.witness = judgement.witness;
  result.witness_quotient = judgement.quotient;
  if (judgement.answer == Answer::no) return refuse(MinimiserReason::outside);
  if (judgement.answer == Answer::yes && first == Answer::yes && second == Answer::yes) {
    result.answer = Answer::yes;
    result.reason = MinimiserReason::minimiser;
  }
  return result;
}

// ------------------------------------------------------------------- relative to another metric

namespace {

/// The exact vector center up to radius in each element.
struct Ball {
  Dyadics center, radius;

  Interval element(std::size_t i, mpfr_prec_t precision) const {
    return hull(center[i] - radius[i], center[i] + radius[i], precision);
  }
};

/// Doubles times 2^exponent that are next to exact numbers, the largest of them about 1.
struct Rounded {
  explicit Rounded(const Dyadics& x) : value(x.size()), radius(x.size()) {
    bool first = true;
    for (const Dyadic& element : x) {
      if (element.is_zero()) continue;
      exponent = first ? element.log2_floor() : std::max(exponent, element.log2_floor());
      first = false;
    }
    zero = first;
    for (std::size_t i = 0; i < x.size(); ++i) {
      value[i] = exact::round(x[i].scaled(-exponent));
      radius[i] = x[i].is_zero() ? 0 : dense::add_up(dense::mul_up(std::abs(value[i]), 2 * unit), tiny);
    }
  }

  arma::vec value, radius;
  std::int64_t exponent = 0;
  bool zero = true;
};

Dyadic largest(const Dyadics& x) {
  Dyadic result;
  for (const Dyadic& element : x)
    if (result < magnitude(element)) result = magnitude(element);
  return result;
}

/// radius <= 2^-bits of the largest element of the center?
bool narrow(const Ball& x, long bits) {
  return !(largest(x.center) < largest(x.radius).scaled(bits));
}

Dyadic inner(const Dyadics& x, const Dyadics& z) {
  Dyadic sum;
  for (std::size_t i = 0; i < x.size(); ++i) sum = sum + x[i] * z[i];
  return sum;
}
Dyadic inner(const Dyadics& x, const arma::vec& z) {
  Dyadic sum;
  for (std::size_t i = 0; i < x.size(); ++i) sum = sum + x[i] * Dyadic::from(z[i]);
  return sum;
}

Dyadics exactly(const arma::vec& x) {
  Dyadics result;
  for (const double element : x) result.push_back(Dyadic::from(element));
  return result;
}

/// Iterations stop at this accuracy, or when they no longer gain.
constexpr long solution_bits = 110;
constexpr int most_refinements = 12;
constexpr mpfr_prec_t relative_precision = 256;

/// The metric M0.
class ReferenceMetric {
 public:
  ReferenceMetric() = default;
  ReferenceMetric(const ReferenceMetric&) = delete;
  ReferenceMetric& operator=(const ReferenceMetric&) = delete;
  virtual ~ReferenceMetric() = default;

  /// M0 x, exactly.
  virtual Dyadics multiply(const arma::vec& x) const = 0;
  /// M0^-1 b; nullopt where no bound is found.
  virtual std::optional<Ball> solve(const Dyadics& b) const = 0;
  /// M0^-1 b and b^T M0^-1 b.
  struct Form {
    Ball solution;
    Interval value;
  };
  virtual std::optional<Form> form(const Dyadics& b) const = 0;
  /// M0, D x D, symmetric.
  virtual EnclosedMatrix dense() const = 0;
};

class DiagonalReference final : public ReferenceMetric {
 public:
  explicit DiagonalReference(arma::vec d) : d_(std::move(d)) {}

  Dyadics multiply(const arma::vec& x) const override {
    Dyadics result;
    for (arma::uword i = 0; i < d_.n_elem; ++i) result.push_back(Dyadic::from(d_[i]) * Dyadic::from(x[i]));
    return result;
  }
  std::optional<Ball> solve(const Dyadics& b) const override {
    Ball result;
    for (arma::uword i = 0; i < d_.n_elem; ++i) {
      const Interval x = quotient(b[i], i);
      result.center.push_back(x.left());
      result.radius.push_back(right_end(x) - x.left());
    }
    return result;
  }
  std::optional<Form> form(const Dyadics& b) const override {
    // Nothing cancels.
    Interval sum = number(Dyadic(), relative_precision);
    for (arma::uword i = 0; i < d_.n_elem; ++i)
      sum = sum + number(b[i], relative_precision) * quotient(b[i], i);
    return Form{*solve(b), sum};
  }
  EnclosedMatrix dense() const override {
    return {arma::diagmat(d_), arma::mat(d_.n_elem, d_.n_elem, arma::fill::zeros)};
  }

 private:
  Interval quotient(const Dyadic& b, arma::uword i) const {
    return number(b, relative_precision) / number(Dyadic::from(d_[i]), relative_precision);
  }

  arma::vec d_;
};

class DenseReference final : public ReferenceMetric {
 public:
  DenseReference(arma::mat m, dense::PositiveDefinite factor)
      : m_(std::move(m)), factor_(std::move(factor)) {}

  Dyadics multiply(const arma::vec& x) const override { return dense::multiply(m_, as_span(x)); }

  std::optional<Ball> solve(const Dyadics& b) const override {
    auto solved = form(b);
    if (!solved) return std::nullopt;
    return std::move(solved->solution);
  }

  /// With z the sum of approximations, r = b - M0 z exactly, and M0^-1 r in a box: M0^-1 b = z + M0^-1 r and
  /// b^T M0^-1 b = z.b + z.r + r^T M0^-1 r.
  std::optional<Form> form(const Dyadics& b) const override {
    const std::size_t n = b.size();
    Dyadics z(n), r = b;
    for (int step = 0;; ++step) {
      const Rounded right(r);
      if (right.zero) return Form{{z, Dyadics(n)}, number(inner(z, b), relative_precision)};
      const EnclosedVector box = factor_.solve(EnclosedVector{right.value, right.radius});
      if (!box.value.is_finite() || !box.radius.is_finite()) return std::nullopt;
      Ball solution{z, Dyadics(n)};
      Dyadic middle = inner(z, b) + inner(z, r), spread;
      for (std::size_t i = 0; i < n; ++i) {
        const Dyadic more = Dyadic::from(box.value[i]).scaled(right.exponent);
        solution.center[i] = z[i] + more;
        solution.radius[i] = Dyadic::from(box.radius[i]).scaled(right.exponent);
        middle = middle + r[i] * more;
        spread = spread + magnitude(r[i]) * solution.radius[i];
      }
      if (narrow(solution, solution_bits) || step == most_refinements) {
        Dyadic low = middle - spread;
        if (low.sign() < 0) low = Dyadic();
        return Form{std::move(solution), hull(low, middle + spread, relative_precision)};
      }
      const Dyadics image = dense::multiply(m_, as_span(box.value));
      z = std::move(solution.center);
      for (std::size_t i = 0; i < n; ++i) r[i] = r[i] - image[i].scaled(right.exponent);
    }
  }

  EnclosedMatrix dense() const override { return {m_, arma::mat(m_.n_rows, m_.n_cols, arma::fill::zeros)}; }

 private:
  arma::mat m_;
  dense::PositiveDefinite factor_;
};

class FactorReference final : public ReferenceMetric {
 public:
  /// nullptr unless the inverse is bounded.
  static std::unique_ptr<FactorReference> make(const arma::mat& j) {
    const arma::uword n = j.n_rows;
    auto result = std::unique_ptr<FactorReference>(new FactorReference(j));
    // Rows, then columns, scaled by powers of two: J' = S1 J S2.
    arma::mat scaled = j;
    for (arma::uword i = 0; i < n; ++i) {
      const double size = arma::abs(j.row(i)).max();
      if (!(size > 0)) return nullptr;
      result->rows_.push_back(-std::ilogb(size));
    }
    bool lost = false;
    for (arma::uword k = 0; k < n; ++k) {
      // Twice in range: an element is at most its row's largest.
      double size = 0;
      for (arma::uword i = 0; i < n; ++i)
        size = std::max(size, std::abs(std::ldexp(j(i, k), result->rows_[i])));
      if (!(size > 0)) return nullptr;
      result->columns_.push_back(-std::ilogb(size));
      for (arma::uword i = 0; i < n; ++i) {
        const int e = result->rows_[i] + result->columns_[k];
        scaled(i, k) = std::ldexp(j(i, k), e);
        lost = lost || std::ldexp(scaled(i, k), -e) != j(i, k);
      }
    }
    if (!scaled.is_finite() || !arma::inv(result->inverse_, scaled) || !result->inverse_.is_finite())
      return nullptr;
    // What is lost by underflow is at most tiny in each element.
    const EnclosedMatrix box{scaled, lost ? arma::mat(n, n, arma::fill::value(tiny)) : arma::mat()};
    const EnclosedMatrix product = dense::multiply(EnclosedMatrix{result->inverse_, {}}, box);
    arma::mat off(n, n);
    for (arma::uword k = 0; k < n; ++k)
      for (arma::uword i = 0; i < n; ++i) {
        const double e = product.value(i, k) - (i == k ? 1 : 0);
        off(i, k) = dense::add_up(dense::add_up(std::abs(e), dense::mul_up(std::abs(e), 2 * unit)),
                                  product.radius(i, k));
      }
    const double theta = dense::two_norm_up(off);
    if (!(theta < 1)) return nullptr;
    // ‖J'^-1‖ <= ‖X‖/(1 - theta), since J'^-1 = (X J')^-1 X.
    result->bound_ = dense::div_up(dense::two_norm_up(result->inverse_), dense::sub_down(1, theta));
    if (!is_finite(result->bound_)) return nullptr;
    return result;
  }

  Dyadics multiply(const arma::vec& x) const override {
    return product(dense::multiply(transposed_, as_span(x)));
  }

  std::optional<Ball> solve(const Dyadics& b) const override {
    auto solved = form(b);
    if (!solved) return std::nullopt;
    return std::move(solved->solution);
  }

  /// f = J^-1 b, b^T M0^-1 b = |f|^2, M0^-1 b = J^-T f.
  std::optional<Form> form(const Dyadics& b) const override {
    const Ball f = refine(b, false);
    Interval value = number(Dyadic(), relative_precision);
    for (std::size_t i = 0; i < b.size(); ++i) value = value + square(f.element(i, relative_precision));
    Ball h = refine(f.center, true);
    // What is unknown of f: |S1 J'^-T S2 e| <= S1 ‖J'^-1‖ |S2 e|.
    add_bound(h, f.radius, true);
    return Form{std::move(h), std::move(value)};
  }

  EnclosedMatrix dense() const override { return dense::outer_gram({j_, {}}); }

 private:
  explicit FactorReference(const arma::mat& j) : j_(j), transposed_(j.t()) {}

  /// J x.
  Dyadics product(const Dyadics& x) const {
    Dyadics result(x.size());
    constexpr std::size_t block = 16;
    parallel_for((x.size() + block - 1) / block, [&](std::size_t part) {
      for (std::size_t i = part * block; i < std::min(x.size(), (part + 1) * block); ++i)
        for (std::size_t k = 0; k < x.size(); ++k) result[i] = result[i] + Dyadic::from(j_(i, k)) * x[k];
    });
    return result;
  }

  /// Adds to the radius a bound of J^-1 e (J^-T e if transposed) for |e_i| <= error_i.
  void add_bound(Ball& ball, const Dyadics& error, bool transposed) const {
    const auto &into = transposed ? columns_ : rows_, &out = transposed ? rows_ : columns_;
    Dyadic sum;  // >= the Euclidean norm
    for (std::size_t i = 0; i < error.size(); ++i) sum = sum + magnitude(error[i]).scaled(into[i]);
    const Dyadic norm = sum * Dyadic::from(bound_);
    for (std::size_t i = 0; i < error.size(); ++i) ball.radius[i] = ball.radius[i] + norm.scaled(out[i]);
  }

  /// J^-1 b (J^-T b if transposed): corrections by the approximate inverse of exact residuals; what is left
  /// of the residual bounds the error.
  Ball refine(const Dyadics& b, bool transposed) const {
    const auto &into = transposed ? columns_ : rows_, &out = transposed ? rows_ : columns_;
    const std::size_t n = b.size();
    Ball result{Dyadics(n), Dyadics(n)};
    Dyadics r = b;
    std::optional<Ball> best;
    for (int step = 0;; ++step) {
      result.radius.assign(n, Dyadic());
      add_bound(result, r, transposed);
      if (best && !(largest(result.radius) < largest(best->radius))) return *best;  // no gain
      best = result;
      if (step == most_refinements || (step > 0 && narrow(result, solution_bits))) return result;
      Dyadics scaled = r;
      for (std::size_t i = 0; i < n; ++i) scaled[i] = scaled[i].scaled(into[i]);
      const Rounded right(scaled);
      if (right.zero) return result;
      arma::vec x = transposed ? arma::vec(inverse_.t() * right.value) : arma::vec(inverse_ * right.value);
      if (!x.is_finite()) return result;
      // Doubles that J can be applied to: x is scaled by the exponents of its elements only afterwards.
      Dyadics step_exact(n);
      int most = std::numeric_limits<int>::min();
      for (std::size_t i = 0; i < n; ++i)
        if (x[i] != 0) most = std::max(most, std::ilogb(x[i]) + out[i]);
      if (most == std::numeric_limits<int>::min()) return result;
      for (std::size_t i = 0; i < n; ++i) x[i] = std::ldexp(x[i], out[i] - most);
      const Dyadics image = dense::multiply(transposed ? transposed_ : j_, as_span(x));
      for (std::size_t i = 0; i < n; ++i) {
        result.center[i] = result.center[i] + Dyadic::from(x[i]).scaled(right.exponent + most);
        r[i] = r[i] - image[i].scaled(right.exponent + most);
      }
    }
  }

  arma::mat j_, transposed_, inverse_;  // of the scaled matrix, approximately
  std::vector<int> rows_, columns_;     // exponents of S1 and S2
  double bound_ = 0;                    // of ‖(S1 J S2)^-1‖
};

}  // namespace

struct RelativeState {
  RelativeState(const arma::vec& g_in, const arma::vec& y_in, const Gram& gram_in,
                std::unique_ptr<ReferenceMetric> m0_in)
      : g(g_in), y(y_in), gram(gram_in), pair(gram), m0(std::move(m0_in)), rest(relative_precision) {}

  /// False where M0 n cannot be solved.
  bool prepare() {
    m0g = m0->multiply(g);
    gmg = inner(m0g, g);
    Dyadics n;
    parallel = true;
    for (arma::uword i = 0; i < g.n_elem; ++i) {
      n.push_back(Dyadic::from(y[i]) * gmg - pair.p * m0g[i]);
      parallel = parallel && n.back().is_zero();
    }
    if (parallel) {
      solution = {Dyadics(g.n_elem), Dyadics(g.n_elem)};
      rest = number(Dyadic());
      return true;
    }
    auto form = m0->form(n);
    if (!form) return false;
    solution = std::move(form->solution);
    rest = form->value;
    return true;
  }

  Interval number(const Dyadic& x) const { return Interval(x, relative_precision); }

  /// at = y^T M0^-1 y/p = p/gmg + rest/(gmg^2 p)
  Interval alpha() const {
    return number(pair.p) / number(gmg) + rest / (number(gmg) * number(gmg) * number(pair.p));
  }
  /// tan^2 of the angle: rest/(gmg p^2)
  Interval tangent_squared() const { return rest / (number(gmg) * number(pair.p * pair.p)); }
  /// M0^-1 y = (solution + p g)/gmg
  Interval descent(std::size_t i) const {
    return (solution.element(i, relative_precision) + number(pair.p * Dyadic::from(g[i]))) / number(gmg);
  }

  arma::vec g, y;
  Gram gram;
  PairNumbers pair;
  std::unique_ptr<ReferenceMetric> m0;
  Dyadics m0g;    // M0 g
  Dyadic gmg;     // g^T M0 g
  Ball solution;  // M0^-1 n, n = gmg y - p M0 g
  Interval rest;  // n^T M0^-1 n = gmg (gmg y^T M0^-1 y - p^2): nothing cancels
  bool parallel = false;
};

RelativeOptimum::RelativeOptimum(std::shared_ptr<const RelativeState> state) : state_(std::move(state)) {}

namespace {

std::shared_ptr<const RelativeState> relative_state(const arma::vec& g, const arma::vec& y, const Gram& gram,
                                                    std::unique_ptr<ReferenceMetric> m0) {
  if (!m0) return nullptr;
  const MpfrScope mpfr;
  auto state = std::make_shared<RelativeState>(g, y, gram, std::move(m0));
  if (!state->prepare()) return nullptr;
  return state;
}

}  // namespace

std::optional<RelativeOptimum> RelativeOptimum::with_diagonal(const arma::vec& g, const arma::vec& y,
                                                              const arma::vec& d) {
  const Gram gram = Gram::of(as_span(g), as_span(y));
  dense::check_vector(d, g.n_elem, "d");
  for (arma::uword i = 0; i < d.n_elem; ++i)
    if (Dyadic::from(d[i]).sign() <= 0)
      throw ContractError(fmt::format("d[{}] is {}; every element must be > 0", i, d[i]));
  if (gram.gy().sign() <= 0) return std::nullopt;
  const FloatScope scope;
  return RelativeOptimum(relative_state(g, y, gram, std::make_unique<DiagonalReference>(d)));
}

std::optional<RelativeOptimum> RelativeOptimum::with_metric(const arma::vec& g, const arma::vec& y,
                                                            const arma::mat& m0) {
  const Gram gram = Gram::of(as_span(g), as_span(y));
  dense::check_symmetric(m0, g.n_elem, "m0");
  if (gram.gy().sign() <= 0) return std::nullopt;
  const FloatScope scope;
  auto factor = dense::PositiveDefinite::make({m0, {}});
  if (!factor) return std::nullopt;
  auto state = relative_state(g, y, gram, std::make_unique<DenseReference>(m0, std::move(*factor)));
  if (!state) return std::nullopt;
  return RelativeOptimum(std::move(state));
}

std::optional<RelativeOptimum> RelativeOptimum::with_factor(const arma::vec& g, const arma::vec& y,
                                                            const arma::mat& j0) {
  const Gram gram = Gram::of(as_span(g), as_span(y));
  dense::check_shape(j0, g.n_elem, g.n_elem, "j0");
  dense::check_finite(j0, "j0");
  if (gram.gy().sign() <= 0) return std::nullopt;
  const FloatScope scope;
  auto state = relative_state(g, y, gram, FactorReference::make(j0));
  if (!state) return std::nullopt;
  return RelativeOptimum(std::move(state));
}

std::uint64_t RelativeOptimum::dimension() const noexcept {
  return state_->g.n_elem;
}
const Gram& RelativeOptimum::gram() const noexcept {
  return state_->gram;
}

Enclosure RelativeOptimum::alpha() const {
  const MpfrScope mpfr;
  return enclosure(state_->alpha());
}

Enclosure RelativeOptimum::cosine() const {
  const MpfrScope mpfr;
  const Interval one = state_->number(Dyadic(std::uint64_t{1}));
  Enclosure result = enclosure(one / sqrt(one + state_->tangent_squared()));
  result.hi = std::min(result.hi, 1.0);
  return result;
}

Enclosure RelativeOptimum::sqrt_condition() const {
  const MpfrScope mpfr;
  const Interval one = state_->number(Dyadic(std::uint64_t{1})), square = state_->tangent_squared();
  return enclosure(sqrt(one + square) + sqrt(square));
}

Enclosure RelativeOptimum::condition() const {
  const MpfrScope mpfr;
  const Interval one = state_->number(Dyadic(std::uint64_t{1})), tangent = state_->tangent_squared();
  return enclosure(square(sqrt(one + tangent) + sqrt(tangent)));
}

Enclosure RelativeOptimum::log_condition() const {
  const MpfrScope mpfr;
  if (state_->parallel) return {0, 0};
  return enclosure(scaled(asinh(sqrt(state_->tangent_squared())), 1));
}

EnclosedVector RelativeOptimum::apply(const arma::vec& x) const {
  const RelativeState& m = *state_;
  dense::check_vector(x, m.g.n_elem, "x");
  const FloatScope scope;
  const MpfrScope mpfr;
  const Dyadics m0x = m.m0->multiply(x);
  const Dyadic along_y = inner(exactly(m.y), x), along_g = inner(m.m0g, x);
  const Interval alpha = m.alpha(), gmg = m.number(m.gmg), p = m.number(m.pair.p);
  EnclosedVector result{arma::vec(x.n_elem), arma::vec(x.n_elem)};
  for (arma::uword i = 0; i < x.n_elem; ++i) {
    const Interval of_y = m.number(Dyadic::from(m.y[i]) * along_y) / p;
    const Interval of_m0 = alpha * m.number(m0x[i] * m.gmg - m.m0g[i] * along_g) / gmg;
    enclose(of_y + of_m0, result.value[i], result.radius[i]);
  }
  return result;
}

EnclosedVector RelativeOptimum::solve(const arma::vec& x) const {
  const RelativeState& m = *state_;
  dense::check_vector(x, m.g.n_elem, "x");
  const FloatScope scope;
  const MpfrScope mpfr;
  EnclosedVector result{arma::vec(x.n_elem, arma::fill::zeros), arma::vec(x.n_elem)};
  const auto solved = m.m0->solve(exactly(x));
  if (!solved) {
    result.radius.fill(infinity);
    return result;
  }
  const Dyadic gx = inner(exactly(m.g), x);
  // (M0^-1 x - (M0^-1 y) gx/p)/at + g (2 gx - (M0^-1 y).x/at)/p
  const Interval alpha = m.alpha(), p = m.number(m.pair.p);
  Interval along = m.number(m.pair.p * gx);
  for (arma::uword i = 0; i < x.n_elem; ++i)
    along = along + m.solution.element(i, relative_precision) * m.number(Dyadic::from(x[i]));
  along = along / m.number(m.gmg);
  const Interval of_g = (m.number(gx.scaled(1)) - along / alpha) / p, ratio = m.number(gx) / p;
  for (arma::uword i = 0; i < x.n_elem; ++i) {
    const Interval element = (solved->element(i, relative_precision) - m.descent(i) * ratio) / alpha +
                             of_g * m.number(Dyadic::from(m.g[i]));
    enclose(element, result.value[i], result.radius[i]);
  }
  return result;
}

EnclosedMatrix RelativeOptimum::dense() const {
  const RelativeState& m = *state_;
  const FloatScope scope;
  const MpfrScope mpfr;
  const arma::uword n = m.g.n_elem;
  const Interval alpha = m.alpha(), p = m.number(m.pair.p), gmg = m.number(m.gmg);
  EnclosedMatrix left{arma::mat(n, 2), arma::mat(n, 2)}, right{arma::mat(2, n), arma::mat(2, n)};
  for (arma::uword i = 0; i < n; ++i) {
    left.value(i, 0) = m.y[i];
    left.radius(i, 0) = 0;
    enclose(m.number(Dyadic::from(m.y[i])) / p, right.value(0, i), right.radius(0, i));
    enclose(m.number(m.m0g[i]), left.value(i, 1), left.radius(i, 1));
    enclose(m.number(-m.m0g[i]) * alpha / gmg, right.value(1, i), right.radius(1, i));
  }
  const EnclosedMatrix product = dense::multiply(left, right);
  EnclosedMatrix result = m.m0->dense();
  double scale = 0, scale_radius = 0;
  enclose(alpha, scale, scale_radius);
  for (arma::uword j = 0; j < n; ++j)
    for (arma::uword i = j; i < n; ++i) {
      using dense::add_up, dense::mul_up;
      const double part = scale * result.value(i, j), value = part + product.value(i, j);
      double radius = add_up(mul_up(add_up(std::abs(scale), scale_radius), result.radius(i, j)),
                             mul_up(scale_radius, std::abs(result.value(i, j))));
      radius = add_up(add_up(radius, product.radius(i, j)),
                      add_up(mul_up(std::abs(part) + std::abs(value), 2 * unit), 2 * tiny));
      const bool known = is_finite(value) && is_finite(radius);
      result.value(i, j) = result.value(j, i) = known ? value : 0;
      result.radius(i, j) = result.radius(j, i) = known ? radius : infinity;
    }
  return result;
}

}  // namespace natgrad
