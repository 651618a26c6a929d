// natgrad: the uniqueness theorem. What is decided is decided by integers or with rigorous bounds; LAPACK
// supplies approximations.
#include "natgrad/uniqueness.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <numeric>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "dense.hpp"
#include "doubles.hpp"
#include "exact.hpp"
#include "float_scope.hpp"
#include "pair.hpp"
#include "parallel.hpp"

namespace natgrad {
namespace {

using exact::Direction;
using exact::Dyadic;
using exact::Integer;
using exact::Interval;

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double tiny = std::numeric_limits<double>::denorm_min();

// ---------------------------------------------------------------------------------- checks of arguments

void check_square(const arma::mat& m, const char* name) {
  if (m.n_rows != m.n_cols)
    throw ContractError(fmt::format("{} is {} x {}; it must be square", name, m.n_rows, m.n_cols));
  if (m.n_rows == 0) throw ContractError(fmt::format("{} is empty; it needs at least one row", name));
  dense::check_finite(m, name);
}

/// All elements of a matrix, for sums over them.
std::span<const double> elements(const arma::mat& m) {
  return {m.memptr(), m.n_elem};
}

bool all_zero(const arma::vec& x) {
  return std::all_of(x.begin(), x.end(), is_zero);
}

Gram gram_of(const arma::vec& g, const arma::vec& y) {
  return Gram::of(as_span(g), as_span(y));
}

// ------------------------------------------------------------------------------------------- enclosures

double next_up(double x) {
  return std::nextafter(x, infinity);
}

Enclosure enclose(const Dyadic& value) {
  return {exact::round(value, Direction::down), exact::round(value, Direction::up)};
}

/// sqrt(value): neighbouring doubles, or one.
Enclosure enclose_root(const Dyadic& value) {
  const double nearest = exact::round_root(value, Dyadic(std::uint64_t{1}));
  if (!is_finite(nearest)) return {std::numeric_limits<double>::max(), infinity};
  const Dyadic root = Dyadic::from(nearest), square = root * root;
  if (square == value) return {nearest, nearest};
  // Doubles >= 0 are in the order of their bits.
  const auto bits = std::bit_cast<std::uint64_t>(nearest);
  if (square < value) return {nearest, std::bit_cast<double>(bits + 1)};
  return {std::bit_cast<double>(bits - 1), nearest};
}

Interval interval(const Dyadic& value, mpfr_prec_t precision) {
  return Interval(value, precision);
}

/// The right end, exactly.
Dyadic right_of(const Interval& x) {
  return -(interval(Dyadic(), x.precision()) - x).left();
}

/// e = |r|/(‖M‖_F |g| + |y|) from the squares of its four norms; 0 where it is 0/0. It is at most 1.
struct BackwardError {
  Dyadic rr, mm, gg, yy;

  /// The sign of e - t, exactly: e <= t iff rr - t^2 (mm gg + yy) <= 2 t^2 sqrt(mm gg yy). @pre t >= 0
  int compare(double t) const {
    if (rr.is_zero()) return Dyadic::from(t).is_zero() ? 0 : -1;
    const Dyadic tt = Dyadic::from(t) * Dyadic::from(t), mg = mm * gg;
    const Dyadic left = rr - tt * (mg + yy);
    if (left.sign() < 0) return -1;
    return (left * left - (tt * tt * mg * yy).scaled(2)).sign();
  }
  /// Neighbouring doubles, or one.
  Enclosure enclosure() const {
    if (rr.is_zero()) return {0, 0};
    const exact::MpfrScope scope;
    const auto norm = [](const Dyadic& square) { return sqrt(interval(square, 128)); };
    const Interval value = norm(rr) / (norm(mm * gg) + norm(yy));
    Enclosure result{value.lower(), value.upper()};
    while (next_up(result.lo) < result.hi) {
      const double middle = next_up(result.lo);
      (compare(middle) >= 0 ? result.lo : result.hi) = middle;
    }
    if (compare(result.lo) == 0) result.hi = result.lo;
    if (compare(result.hi) == 0) result.lo = result.hi;
    return result;
  }
};

struct Image {
  std::vector<Dyadic> mg, residual;  // M g and y - M g
  BackwardError error;
};

Image image(const arma::mat& m, const arma::vec& g, const arma::vec& y) {
  Image result;
  result.mg = dense::multiply(m, as_span(g));
  for (std::size_t i = 0; i < y.n_elem; ++i) {
    result.residual.push_back(Dyadic::from(y[i]) - result.mg[i]);
    result.error.rr = result.error.rr + result.residual[i] * result.residual[i];
  }
  result.error.mm = dense::dot(elements(m), elements(m));
  result.error.gg = dense::dot(as_span(g), as_span(g));
  result.error.yy = dense::dot(as_span(y), as_span(y));
  return result;
}

// -------------------------------------------------------------------------- definiteness, beyond doubles

/// A symmetric matrix of exact numbers; only i >= j is looked at.
using ExactMatrix = std::vector<std::vector<Dyadic>>;

/// 2^(s_i + s_j) a_ij, with a diagonal in [1, 4): a congruence. @pre the diagonal is positive
struct ScaledExactly {
  ExactMatrix a;
  std::vector<std::int64_t> exponents;
};

ScaledExactly scale_exactly(const arma::mat& m, const Dyadic& shift = Dyadic()) {
  const std::size_t n = m.n_rows;
  ScaledExactly s;
  for (std::size_t i = 0; i < n; ++i) {
    std::vector<Dyadic> row;
    for (std::size_t j = 0; j <= i; ++j) row.push_back(Dyadic::from(m(i, j)));
    row[i] = row[i] - shift;
    if (row[i].sign() <= 0) return {};
    s.exponents.push_back(-(row[i].log2_floor() >> 1));
    for (std::size_t j = 0; j <= i; ++j) row[j] = row[j].scaled(s.exponents[i] + s.exponents[j]);
    s.a.push_back(std::move(row));
  }
  return s;
}

/// What an elimination found: the sign of the first pivot that is not positive, and a vector of the leading
/// block at which the quadratic form of A takes that pivot's sign; or that all are positive.
struct Elimination {
  Answer definite = Answer::undetermined;
  std::vector<Dyadic> direction;
};

/// L D L^T by rows in intervals.
Elimination eliminate(const ExactMatrix& a, mpfr_prec_t precision) {
  const exact::MpfrScope scope;
  const std::size_t n = a.size();
  std::vector<std::vector<Interval>> l(n);
  std::vector<Interval> pivots;
  for (std::size_t k = 0; k < n; ++k) {
    std::vector<Interval> w;  // row k of L D
    Interval pivot = interval(a[k][k], precision);
    for (std::size_t j = 0; j < k; ++j) {
      Interval sum = interval(a[k][j], precision);
      for (std::size_t i = 0; i < j; ++i) sum = sum - l[j][i] * w[i];
      l[k].push_back(sum / pivots[j]);
      pivot = pivot - l[k][j] * sum;
      w.push_back(std::move(sum));
    }
    if (!pivot.is_positive()) {
      Elimination result;
      if (!pivot.is_negative()) return result;
      result.definite = Answer::no;
      // L^-T e_k
      std::vector<Interval> x(k + 1, interval(Dyadic(), precision));
      x[k] = interval(Dyadic(std::uint64_t{1}), precision);
      for (std::size_t j = k; j-- > 0;)
        for (std::size_t i = j + 1; i <= k; ++i) x[j] = x[j] - l[i][j] * x[i];
      for (const Interval& element : x) result.direction.push_back(element.left());
      return result;
    }
    pivots.push_back(std::move(pivot));
  }
  return {Answer::yes, {}};
}

/// Bits of the integers that an exact elimination works on, at most.
constexpr std::int64_t exact_bits = 40000;

/// Fraction-free Gauss-Jordan elimination in integers (Bareiss 1968): after k steps, entry (k, k) is the
/// minor of order k + 1, and column k above it the minor of order k times A_k^-1 a.
Elimination eliminate_exactly(const ExactMatrix& a) {
  const std::size_t n = a.size();
  std::int64_t unit = 0;
  for (const auto& row : a)
    for (const Dyadic& entry : row)
      if (!entry.is_zero()) unit = std::min(unit, entry.exponent());
  if (static_cast<std::int64_t>(n) * (4 - unit) > exact_bits) return {};
  std::vector<std::vector<Integer>> b(n, std::vector<Integer>(n));
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j <= i; ++j) b[i][j] = b[j][i] = a[i][j].in_units(unit);
  Integer previous = 1;
  for (std::size_t k = 0; k < n; ++k) {
    const Integer pivot = b[k][k];
    if (pivot.sign() <= 0) {
      Elimination result{Answer::no, {}};
      for (std::size_t i = 0; i < k; ++i) result.direction.emplace_back(-b[i][k], 0);
      result.direction.emplace_back(previous, 0);
      return result;
    }
    for (std::size_t i = 0; i < n; ++i) {
      if (i == k) continue;
      const Integer factor = b[i][k];
      for (std::size_t j = k; j < n; ++j) b[i][j] = (pivot * b[i][j] - factor * b[k][j]) / previous;
    }
    previous = pivot;
  }
  return {Answer::yes, {}};
}

/// Divides by the common odd factor, and unscales.
std::vector<Dyadic> primitive(std::vector<Dyadic> x, const std::vector<std::int64_t>& exponents) {
  Integer common = 0;
  for (const Dyadic& element : x) common = gcd(common, element.mantissa());
  for (std::size_t i = 0; i < x.size(); ++i)
    if (!x[i].is_zero()) x[i] = Dyadic(x[i].mantissa() / common, x[i].exponent()).scaled(exponents[i]);
  return x;
}

/// The nearest vector of doubles to multiple * x, moved by a power of two into their range.
arma::vec rounded(const std::vector<Dyadic>& x, std::uint64_t multiple, arma::uword n) {
  std::int64_t top = std::numeric_limits<std::int64_t>::min(), bottom = 0;
  std::vector<Dyadic> scaled;
  for (const Dyadic& element : x) {
    scaled.push_back(element * Dyadic(multiple));
    if (!element.is_zero()) top = std::max(top, scaled.back().log2_floor());
  }
  for (Dyadic& element : scaled) {
    element = element.scaled(-top);
    if (!element.is_zero()) bottom = std::min(bottom, element.exponent());
  }
  const std::int64_t up = std::clamp<std::int64_t>(-1074 - bottom, 0, 1000);
  arma::vec result(n, arma::fill::zeros);
  for (std::size_t i = 0; i < x.size(); ++i) result[i] = exact::round(scaled[i].scaled(up));
  return result;
}

bool is_witness(const arma::mat& m, const arma::vec& x) {
  if (all_zero(x)) return false;
  for (const double element : x)
    if (!is_finite(element)) return false;
  return dense::quadratic_form(m, as_span(x)).sign() <= 0;
}

/// Rounding moves the direction, and so may lose the sign; some multiple may round better.
std::optional<arma::vec> witness_along(const arma::mat& m, const std::vector<Dyadic>& x) {
  for (std::uint64_t multiple = 1; multiple < 128; multiple += 2) {
    const arma::vec candidate = rounded(x, multiple, m.n_rows);
    if (is_witness(m, candidate)) return candidate;
  }
  return std::nullopt;
}

/// A 2 x 2 minor that is not positive: its adjugate gives a witness of doubles as they are.
std::optional<arma::vec> witness_of_two(const arma::mat& m) {
  for (arma::uword j = 0; j < m.n_cols; ++j) {
    const Dyadic d = Dyadic::from(m(j, j));
    arma::vec x(m.n_rows, arma::fill::zeros);
    x[j] = 1;
    if (d.sign() <= 0) return x;
    for (arma::uword i = j + 1; i < m.n_rows; ++i) {
      const Dyadic off = Dyadic::from(m(i, j));
      if ((d * Dyadic::from(m(i, i)) - off * off).sign() > 0) continue;
      x[j] = -m(i, j);
      x[i] = m(j, j);
      return x;  // d (d m_ii - off^2) <= 0
    }
  }
  return std::nullopt;
}

constexpr mpfr_prec_t precisions[] = {128, 512, 2048};

/// Positive definite for certain, M - shift I?
bool definite_in_intervals(const arma::mat& m, const Dyadic& shift) {
  const ScaledExactly s = scale_exactly(m, shift);
  if (s.a.empty()) return false;
  for (const mpfr_prec_t precision : precisions) {
    const Elimination e = eliminate(s.a, precision);
    if (e.definite != Answer::undetermined) return e.definite == Answer::yes;
  }
  return false;
}

void refuse(const arma::mat& m, const arma::vec& x, Definiteness& result) {
  const Dyadic value = dense::quadratic_form(m, as_span(x)), xx = dense::dot(as_span(x), as_span(x));
  result.answer = Answer::no;
  result.witness = x;
  result.witness_quadratic_form = enclose(value);
  const double above = exact::round_quotient(value, xx, Direction::up);
  if (result.smallest_eigenvalue.hi > above) result.smallest_eigenvalue.hi = above;
}

/// The answer up to exact_definiteness_limit where floating point gave none.
void decide(const arma::mat& m, Definiteness& result) {
  if (const auto x = witness_of_two(m)) return refuse(m, *x, result);
  const ScaledExactly s = scale_exactly(m);
  Elimination e;
  for (const mpfr_prec_t precision : precisions) {
    e = eliminate(s.a, precision);
    if (e.definite != Answer::undetermined) break;
  }
  if (e.definite == Answer::undetermined) e = eliminate_exactly(s.a);
  if (e.definite == Answer::no) {
    if (const auto x = witness_along(m, primitive(e.direction, s.exponents))) refuse(m, *x, result);
  }
  if (e.definite == Answer::yes) result.answer = Answer::yes;
}

/// A positive lower bound of the smallest eigenvalue of a definite matrix, where floating point gave none.
void improve_lower_bound(const arma::mat& m, Definiteness& result) {
  Enclosure& bound = result.smallest_eigenvalue;
  bound.lo = 0;
  if (!is_finite(bound.hi)) return;
  // The upper bound, a Rayleigh quotient, may be far above: halve the exponents between what fails and holds.
  const Dyadic start = Dyadic::from(bound.hi);
  const auto holds = [&](std::int64_t k) { return definite_in_intervals(m, start.scaled(-k)); };
  std::int64_t fails = 0, works = 1;
  while (!holds(works)) {
    if (works > 4096) return;
    fails = works;
    works *= 2;
  }
  while (works - fails > 1) {
    const std::int64_t middle = fails + (works - fails) / 2;
    (holds(middle) ? works : fails) = middle;
  }
  bound.lo = exact::round(start.scaled(-works), Direction::down);
}

// --------------------------------------------------------------------------------------- coordinates

/// The exact numbers of a symmetric M along g.
struct Split {
  std::vector<Dyadic> y;  // M g
  Dyadic p;               // g^T M g
};

Split split(const arma::mat& m, const arma::vec& g) {
  Split s;
  s.y = dense::multiply(m, as_span(g));
  for (std::size_t i = 0; i < g.n_elem; ++i) s.p = s.p + s.y[i] * Dyadic::from(g[i]);
  return s;
}

/// Runs f(i) for i = 0 .. n-1 on all threads, eight at a time: a few are not worth other threads.
template <class F>
void in_blocks(std::size_t n, F f) {
  constexpr std::size_t block = 8;
  parallel_for((n + block - 1) / block, [&](std::size_t part) {
    for (std::size_t i = part * block; i < std::min(n, (part + 1) * block); ++i) f(i);
  });
}

/// A symmetric n x n matrix from its lower triangle, on all threads.
template <class Entry>
arma::mat symmetric_matrix(arma::uword n, Entry entry) {
  arma::mat result(n, n, arma::fill::none);
  in_blocks(n, [&](arma::uword j) {
    for (arma::uword i = j; i < n; ++i) result(i, j) = result(j, i) = entry(i, j);
  });
  return result;
}

/// (m_ij p - y_i y_j)/p, rounded.
double remainder_entry(const arma::mat& m, const Split& s, arma::uword i, arma::uword j) {
  return exact::round_quotient(Dyadic::from(m(i, j)) * s.p - s.y[i] * s.y[j], s.p);
}

arma::uword pivot_of(const arma::vec& g) {
  arma::uword pivot = 0;
  const auto magnitude = [&g](arma::uword i) { return std::bit_cast<std::uint64_t>(g[i]) << 1; };
  for (arma::uword i = 1; i < g.n_elem; ++i)
    if (magnitude(i) > magnitude(pivot)) pivot = i;
  return pivot;
}

arma::vec without(const arma::vec& x, arma::uword k) {
  arma::vec result(x.n_elem - 1);
  for (arma::uword i = 0; i < result.n_elem; ++i) result[i] = x[i < k ? i : i + 1];
  return result;
}

arma::mat without(const arma::mat& m, arma::uword k) {
  arma::mat result(m.n_rows - 1, m.n_cols - 1);
  for (arma::uword j = 0; j < result.n_cols; ++j)
    for (arma::uword i = 0; i < result.n_rows; ++i) result(i, j) = m(i < k ? i : i + 1, j < k ? j : j + 1);
  return result;
}

/// Half an ulp at a correctly rounded x, or a little more.
double rounding_radius(double x) {
  if (!std::isfinite(x)) return infinity;
  return dense::add_up(dense::mul_up(std::abs(x), 0x1p-53), tiny);
}

arma::mat rounding_radii(const arma::mat& m) {
  arma::mat radius = m;
  radius.transform(rounding_radius);
  return radius;
}

/// The lower triangular factor of a positive definite matrix, approximately; nullopt if LAPACK finds none.
std::optional<arma::mat> lower_cholesky(const arma::mat& s) {
  const arma::uword n = s.n_rows;
  if (n == 0) return arma::mat(0, 0);
  std::vector<int> e;
  for (arma::uword i = 0; i < n; ++i) {
    if (!(s(i, i) > 0) || !std::isfinite(s(i, i))) return std::nullopt;
    e.push_back(std::ilogb(s(i, i)) >> 1);
  }
  arma::mat scaled(n, n), l;
  for (arma::uword j = 0; j < n; ++j)
    for (arma::uword i = 0; i < n; ++i) scaled(i, j) = std::ldexp(s(i, j), -e[i] - e[j]);
  if (!scaled.is_finite() || !arma::chol(l, scaled, "lower") || !l.is_finite()) return std::nullopt;
  for (arma::uword j = 0; j < n; ++j)
    for (arma::uword i = 0; i < n; ++i) l(i, j) = i < j ? 0 : std::ldexp(l(i, j), e[i]);
  return l;
}

// ------------------------------------------------------------------------------ norms of differences

/// Products up to which sums are exact.
constexpr double exact_work = 0x1p26;

/// sqrt of the sum of the squares of entry(i, j) over a rows x columns matrix, exact Dyadics.
template <class Entry>
Enclosure exact_norm(arma::uword rows, arma::uword columns, Entry entry) {
  std::vector<Dyadic> sums(columns);
  in_blocks(columns, [&](std::size_t j) {
    for (arma::uword i = 0; i < rows; ++i) {
      const Dyadic x = entry(i, static_cast<arma::uword>(j));
      sums[j] = sums[j] + x * x;
    }
  });
  Dyadic sum;
  for (const Dyadic& part : sums) sum = sum + part;
  return enclose_root(sum);
}

/// An upper bound of x 2^e for x >= 0.
double scaled_up(double x, int e) {
  return x == 0 ? 0 : dense::add_up(next_up(std::ldexp(x, e)), tiny);
}
double scaled_down(double x, int e) {
  return std::max(0.0, std::nextafter(std::ldexp(x, e), 0.0));
}

/// Bounds of ‖A - B‖_F over two boxes.
Enclosure norm_of_difference(const EnclosedMatrix& a, const EnclosedMatrix& b) {
  arma::mat most(a.value.n_rows, a.value.n_cols);
  Dyadic least;
  for (arma::uword i = 0; i < most.n_elem; ++i) {
    const double radius =
        dense::add_up(a.radius.is_empty() ? 0 : a.radius[i], b.radius.is_empty() ? 0 : b.radius[i]);
    const double difference = std::abs(a.value[i] - b.value[i]);
    most[i] = dense::add_up(next_up(difference), radius);
    if (difference == 0) most[i] = radius;  // then the values are the same
    const double gap = dense::sub_down(std::nextafter(difference, 0.0), radius);
    if (gap > 0 && std::isfinite(gap)) {
      const Dyadic exactly = Dyadic::from(gap);
      least = least + exactly * exactly;
    }
  }
  return {enclose_root(least).lo, dense::frobenius_norm_up(most)};
}

/// Moves a matrix near 1, so that its products neither overflow nor vanish; what underflows is in the radius.
EnclosedMatrix moved(const arma::mat& m, int e) {
  EnclosedMatrix result{m, {}};
  if (e == 0) return result;
  for (double& x : result.value) x = std::ldexp(x, e);
  result.radius = arma::mat(m.n_rows, m.n_cols, arma::fill::value(tiny));
  return result;
}

int exponent_of_largest(const arma::mat& a, const arma::mat& b) {
  const double largest =
      std::max(a.is_empty() ? 0 : arma::abs(a).max(), b.is_empty() ? 0 : arma::abs(b).max());
  if (!(largest > 0)) return 0;
  const int e = std::ilogb(largest);
  return std::abs(e) < 300 ? 0 : -e;
}

// ----------------------------------------------------------------------------------- random metrics

/// Standard exponential.
double exponential(Random& random) {
  return -std::log(1 - random.uniform(0, 1));
}

/// Standard normal, by the polar method.
double normal(Random& random) {
  for (;;) {
    const double x = random.uniform(-1, 1), z = random.uniform(-1, 1), square = x * x + z * z;
    if (square > 0 && square < 1) return x * std::sqrt(-2 * std::log(square) / square);
  }
}

using Spectrum = std::vector<Dyadic>;  // ascending

/// gg times the mean of (l - a)(l - b) over the weights: its sign says on which side of the chord of (a, a^2)
/// and (b, b^2) the point (mu, nu) lies: positive above.
Dyadic chord(const exact::PairNumbers& n, const Dyadic& a, const Dyadic& b) {
  return n.yy - (a + b) * n.p + a * b * n.gg;
}

bool in_hull(const exact::PairNumbers& n, const Spectrum& l) {
  if (n.p.sign() <= 0) return false;
  const Dyadic &first = l.front(), &last = l.back();
  if (n.p < first * n.gg || last * n.gg < n.p) return false;
  if (chord(n, first, last).sign() > 0) return false;
  for (std::size_t k = 0; k + 1 < l.size(); ++k) {
    if (n.p < l[k] * n.gg || l[k + 1] * n.gg < n.p) continue;
    if (chord(n, l[k], l[k + 1]).sign() < 0) return false;
  }
  return l.size() > 1 || chord(n, first, first).is_zero();
}

void check_spectrum(const arma::vec& spectrum, std::uint64_t dimension) {
  if (dimension == 0) throw ContractError("the Gram is empty (D = 0); add vectors first");
  dense::check_vector(spectrum, dimension, "spectrum");
  for (arma::uword i = 0; i < spectrum.n_elem; ++i)
    if (Dyadic::from(spectrum[i]).sign() <= 0)
      throw ContractError(fmt::format("spectrum[{}] is {}; it must be > 0", i, spectrum[i]));
}

Spectrum ascending(const arma::vec& spectrum) {
  Spectrum l;
  for (const double x : spectrum) l.push_back(Dyadic::from(x));
  std::sort(l.begin(), l.end(), [](const Dyadic& a, const Dyadic& b) { return a < b; });
  return l;
}

void check_condition(double condition) {
  if (!is_finite(condition) || Dyadic::from(condition) < Dyadic(std::uint64_t{1}))
    throw ContractError(fmt::format("condition is {}; it must be finite and >= 1", condition));
}

/// (1 + K)^2 p^2 - 4 K gg yy
Dyadic discriminant(const exact::PairNumbers& n, const Dyadic& k) {
  const Dyadic b = (k + Dyadic(std::uint64_t{1})) * n.p;
  return b * b - (k * n.gg * n.yy).scaled(2);
}

bool condition_exists(const exact::PairNumbers& n, const Dyadic& k) {
  if (n.p.sign() <= 0) return false;
  if (n.dimension == 1) return k == Dyadic(std::uint64_t{1});
  return discriminant(n, k).sign() >= 0;
}

/// Random weights on distinct eigenvalues with the moments of the pair: the mean, with random weights, of the
/// barycentric coordinates of (mu, nu) in one triangle of each fan triangulation of the hull.
std::vector<double> distinct_weights(const exact::PairNumbers& n, const Spectrum& l, Random& random) {
  const std::size_t m = l.size();
  std::vector<double> w(m, 0.0);
  // Two eigenvalues: the first moment is enough.
  const auto two = [&](std::size_t a, std::size_t b) {
    const Dyadic width = (l[b] - l[a]) * n.gg;
    w[a] = std::max(0.0, exact::round_quotient(l[b] * n.gg - n.p, width));
    w[b] = std::max(0.0, exact::round_quotient(n.p - l[a] * n.gg, width));
  };
  const auto magnitude = [](const Dyadic& x) { return x.sign() < 0 ? -x : x; };
  if (m == 1 || n.gram_determinant.is_zero()) {
    // y = mu g: g is an eigenvector.
    std::size_t nearest = 0;
    for (std::size_t i = 1; i < m; ++i)
      if (magnitude(l[i] * n.gg - n.p) < magnitude(l[nearest] * n.gg - n.p)) nearest = i;
    w[nearest] = 1;
    return w;
  }
  if (m == 2) {
    two(0, 1);
    return w;
  }
  constexpr std::size_t most_fans = 64;
  bool any = false;
  for (std::size_t fan = 0; fan < std::min(m, most_fans); ++fan) {
    const std::size_t a = m <= most_fans ? fan : static_cast<std::size_t>(random.next() % m);
    const double share = exponential(random);
    std::vector<int> side(m, 0);
    for (std::size_t b = 0; b < m; ++b) side[b] = b == a ? 0 : chord(n, l[a], l[b]).sign();
    for (std::size_t b = 0; b < m; ++b) {
      const std::size_t c = (b + 1) % m;
      if (b == a || c == a) continue;
      const bool inside = a < b && b < c ? side[b] >= 0 && side[c] <= 0
                          : c < b        ? side[b] >= 0 && side[c] >= 0
                                         : side[b] <= 0 && side[c] >= 0;
      if (!inside) continue;
      const std::size_t corner[3] = {a, b, c};
      for (std::size_t i = 0; i < 3; ++i) {
        const Dyadic &x = l[corner[i]], &u = l[corner[(i + 1) % 3]], &v = l[corner[(i + 2) % 3]];
        Dyadic above = chord(n, u, v), below = n.gg * (x - u) * (x - v);
        if (below.sign() < 0) {
          above = -above;
          below = -below;
        }
        w[corner[i]] += share * std::max(0.0, exact::round_quotient(above, below));
      }
      any = true;
      break;
    }
  }
  // Eigenvalues that were rounded from real ones can leave the point outside by as little.
  if (!any) {
    if (chord(n, l.front(), l.back()).sign() >= 0) {
      two(0, m - 1);
    } else {
      std::size_t k = 0;
      while (k + 2 < m && l[k + 1] * n.gg < n.p) ++k;
      two(k, k + 1);
    }
  }
  return w;
}

/// Components of g/|g| in an eigenbasis, with random signs, weights of multiple eigenvalues being shared out.
arma::vec components(const exact::PairNumbers& n, const Spectrum& l, Random& random) {
  std::vector<std::size_t> first;  // of every run of equal eigenvalues
  Spectrum distinct;
  for (std::size_t i = 0; i < l.size(); ++i)
    if (i == 0 || !(l[i] == l[i - 1])) {
      first.push_back(i);
      distinct.push_back(l[i]);
    }
  const std::vector<double> w = distinct_weights(n, distinct, random);
  first.push_back(l.size());
  arma::vec v(l.size(), arma::fill::zeros);
  for (std::size_t r = 0; r < w.size(); ++r) {
    const std::size_t count = first[r + 1] - first[r];
    std::vector<double> share(count, 1.0);
    if (count > 1)
      for (double& x : share) x = exponential(random) + 0x1p-60;
    const double sum = std::accumulate(share.begin(), share.end(), 0.0);
    for (std::size_t i = 0; i < count; ++i) v[first[r] + i] = std::sqrt(w[r] * (share[i] / sum));
  }
  const double length = arma::norm(v);
  for (double& x : v) x = (random.next() >> 63) != 0 ? -x / length : x / length;
  return v;
}

/// x/|x| for any x that is not 0.
arma::vec unit_vector(arma::vec x) {
  const double largest = arma::abs(x).max();
  const int e = -std::ilogb(largest);
  for (double& element : x) element = std::ldexp(element, e);
  return x / arma::norm(x);
}

/// An orthogonal matrix that begins with the given orthonormal columns; the rest is uniformly distributed if
/// `random` is given.
arma::mat completed(const arma::mat& columns, Random* random) {
  const arma::uword n = columns.n_rows, k = columns.n_cols;
  arma::mat start = columns, q, r;
  if (random != nullptr) {
    start.resize(n, n);
    for (arma::uword j = k; j < n; ++j)
      for (arma::uword i = 0; i < n; ++i) start(i, j) = normal(*random);
  }
  if (!arma::qr(q, r, start)) return arma::mat(n, n, arma::fill::eye);
  for (arma::uword j = 0; j < k; ++j)
    if (r(j, j) < 0) q.col(j) = -q.col(j);
  return q;
}

double signed_root(const Dyadic& x, const Dyadic& denominator) {
  const double root = exact::round_root(x * x, denominator);
  return x.sign() < 0 ? -root : root;
}

/// M = Q L Q^T with Q v = g/|g| and Q (L - mu) v along y - mu g.
RandomMetric with_spectrum(const exact::PairNumbers& n, const arma::vec& g, const arma::vec& y,
                           const Spectrum& l, Random& random) {
  const arma::uword d = g.n_elem;
  RandomMetric result;
  result.spectrum.set_size(d);
  for (arma::uword i = 0; i < d; ++i) result.spectrum[i] = exact::round(l[i]);
  const std::int64_t e = l.back().log2_floor();
  const arma::vec v = components(n, l, random);
  if (l.front() == l.back()) {
    result.m = arma::diagmat(result.spectrum);
  } else {
    // Everything relative to the largest eigenvalue. What would cancel is exact: l - mu, and gg y - p g.
    arma::vec eigenvalues(d), off(d), along(d), across(d, arma::fill::zeros);
    for (arma::uword i = 0; i < d; ++i) {
      eigenvalues[i] = exact::round(l[i].scaled(-e));
      off[i] = v[i] * exact::round_quotient((l[i] * n.gg - n.p).scaled(-e), n.gg);
      along[i] = signed_root(Dyadic::from(g[i]), n.gg);
      const Dyadic rest = Dyadic::from(y[i]) * n.gg - Dyadic::from(g[i]) * n.p;
      if (!rest.is_zero()) across[i] = signed_root(rest, n.gg * n.gram_determinant);
    }
    const bool plane = arma::any(off != 0) && arma::any(across != 0);
    arma::mat from(d, plane ? 2 : 1), to(d, plane ? 2 : 1);
    from.col(0) = v;
    to.col(0) = along;
    if (plane) {
      from.col(1) = unit_vector(off);
      to.col(1) = unit_vector(across);
    }
    const arma::mat q = completed(to, nullptr) * completed(from, &random).t();
    arma::mat half = q;
    for (arma::uword j = 0; j < d; ++j) half.col(j) *= std::sqrt(eigenvalues[j]);
    result.m = half * half.t();
    for (arma::uword j = 0; j < d; ++j)
      for (arma::uword i = j; i < d; ++i)
        result.m(i, j) = result.m(j, i) = std::ldexp(result.m(i, j), static_cast<int>(e));
  }
  for (double& x : result.m)
    if (!is_finite(x)) x = std::copysign(std::numeric_limits<double>::max(), x);
  result.backward_error = image(result.m, g, y).error.enclosure();
  result.smallest_eigenvalue = dense::smallest_eigenvalue(EnclosedMatrix{result.m, {}});
  result.largest_eigenvalue = dense::largest_eigenvalue(EnclosedMatrix{result.m, {}});
  return result;
}

/// A random number between two others, never outside.
Dyadic between(const Dyadic& lo, const Dyadic& hi, Random& random) {
  const Dyadic u(Integer(random.next() >> 11), -53);
  return hi < lo ? (lo + hi).scaled(-1) : lo + (hi - lo) * u;
}

/// Eigenvalues of a metric with condition number K, to far more bits than a double has.
Spectrum random_spectrum(const exact::PairNumbers& n, const Dyadic& k, Random& random) {
  const std::size_t d = n.dimension;
  const Dyadic one(std::uint64_t{1}), b = (k + one) * n.p, root = discriminant(n, k);
  // As much more as the interval of l_1 or that of the inner eigenvalue is narrower than they are large.
  std::int64_t lost = 0;
  if (!root.is_zero()) lost = std::max(lost, (b * b).log2_floor() - root.log2_floor());
  if (!n.gram_determinant.is_zero())
    lost = std::max(lost, (n.gg * n.yy).log2_floor() - n.gram_determinant.log2_floor());
  const mpfr_prec_t precision = 512 + 2 * lost + 2 * k.log2_floor();
  const exact::MpfrScope scope;
  const auto number = [&](const Dyadic& x) { return interval(x, precision); };
  const Interval half = number(b), d_root = sqrt(number(root)), below = scaled(number(k * n.gg), 1);
  const Interval low = (half - d_root) / below, high = (half + d_root) / below;
  Dyadic first;
  if (n.gram_determinant.is_zero() && k == one) {
    first = (number(n.p) / number(n.gg)).left();
  } else if (d == 2 || root.is_zero()) {
    first = ((random.next() >> 63) != 0 ? low : high).left();
  } else {
    first = between(right_of(low), high.left(), random);
  }
  const Dyadic last = first * k;
  Spectrum l{first};
  if (d > 2) {
    // The inner one keeps (mu, nu) above the chords of its neighbours.
    const Interval lo = (number(last * n.p - n.yy)) / number(last * n.gg - n.p),
                   hi = (number(n.yy - first * n.p)) / number(n.p - first * n.gg);
    const bool ends = (last * n.gg - n.p).sign() <= 0 || (n.p - first * n.gg).sign() <= 0;
    if (ends) {
      l.push_back(between(first, last, random));
    } else {
      Dyadic inner = between(right_of(lo), hi.left(), random);
      l.push_back(std::clamp(inner, first, last, [](const Dyadic& x, const Dyadic& z) { return x < z; }));
    }
    for (std::size_t i = 3; i < d; ++i) l.push_back(between(first, last, random));
  }
  if (d > 1) l.push_back(last);
  std::sort(l.begin(), l.end(), [](const Dyadic& x, const Dyadic& z) { return x < z; });
  return l;
}

}  // namespace

// ------------------------------------------------------------------------------------ is it a metric?

Definiteness definiteness(const arma::mat& m) {
  check_square(m, "m");
  dense::check_symmetric(m, m.n_rows, "m");
  const FloatScope scope;
  Definiteness result;
  result.smallest_eigenvalue = dense::smallest_eigenvalue(EnclosedMatrix{m, {}});
  const bool small = m.n_rows <= exact_definiteness_limit;
  if (dense::certainly_positive_definite(m)) {
    result.answer = Answer::yes;
  } else if (const auto x = dense::nonpositive_direction(m)) {
    refuse(m, *x, result);
  } else if (small) {
    decide(m, result);
  }
  if (result.answer == Answer::yes && !(result.smallest_eigenvalue.lo > 0)) {
    if (small)
      improve_lower_bound(m, result);
    else
      result.smallest_eigenvalue.lo = 0;
  }
  return result;
}

std::string_view to_string(CheckReason reason) noexcept {
  switch (reason) {
    case CheckReason::metric:
      return "metric";
    case CheckReason::not_symmetric:
      return "not_symmetric";
    case CheckReason::wrong_image:
      return "wrong_image";
    case CheckReason::not_definite:
      return "not_definite";
    case CheckReason::no_certificate:
      return "no_certificate";
  }
  return "?";
}

MetricCheck check_metric(const arma::mat& m, const arma::vec& g, const arma::vec& y, double tolerance) {
  check_square(m, "m");
  dense::check_vector(g, m.n_rows, "g");
  dense::check_vector(y, m.n_rows, "y");
  if (!is_finite(tolerance) || Dyadic::from(tolerance).sign() < 0)
    throw ContractError(fmt::format("tolerance is {}; it must be finite and >= 0", tolerance));
  const FloatScope scope;
  MetricCheck check;
  const auto asymmetry = dense::first_asymmetry(m);
  check.symmetric = !asymmetry;
  if (asymmetry) {
    check.asymmetric_row = asymmetry->row;
    check.asymmetric_column = asymmetry->column;
  }
  const Image found = image(m, g, y);
  const auto wrong = std::find_if(found.residual.begin(), found.residual.end(),
                                  [](const Dyadic& r) { return !r.is_zero(); });
  check.maps_exactly = wrong == found.residual.end();
  if (!check.maps_exactly) check.wrong_element = static_cast<arma::uword>(wrong - found.residual.begin());
  check.residual = enclose_root(found.error.rr);
  check.backward_error = found.error.enclosure();
  const bool maps = found.error.compare(tolerance) <= 0;
  if (check.symmetric) {
    Dyadic form;
    for (std::size_t i = 0; i < g.n_elem; ++i) form = form + found.mg[i] * Dyadic::from(g[i]);
    if (!all_zero(g) && form.sign() <= 0) {
      check.definiteness.smallest_eigenvalue = dense::smallest_eigenvalue(EnclosedMatrix{m, {}});
      refuse(m, g, check.definiteness);
    } else {
      check.definiteness = natgrad::definiteness(m);
    }
  }
  check.answer = Answer::no;
  if (!check.symmetric) {
    check.reason = CheckReason::not_symmetric;
  } else if (!maps) {
    check.reason = CheckReason::wrong_image;
  } else if (check.definiteness.answer == Answer::no) {
    check.reason = CheckReason::not_definite;
  } else if (check.definiteness.answer == Answer::yes) {
    check.answer = Answer::yes;
    check.reason = CheckReason::metric;
  } else {
    check.answer = Answer::undetermined;
    check.reason = CheckReason::no_certificate;
  }
  return check;
}

// --------------------------------------------------------------------------------------- coordinates

namespace {

void check_symmetric_and_vector(const arma::mat& m, const arma::vec& g) {
  check_square(m, "m");
  dense::check_symmetric(m, m.n_rows, "m");
  dense::check_vector(g, m.n_rows, "g");
}

}  // namespace

std::optional<Decomposition> decompose(const arma::mat& m, const arma::vec& g) {
  check_symmetric_and_vector(m, g);
  const Split s = split(m, g);
  if (s.p.sign() <= 0) return std::nullopt;
  Decomposition result;
  result.y.set_size(g.n_elem);
  for (arma::uword i = 0; i < g.n_elem; ++i) result.y[i] = exact::round(s.y[i]);
  result.p = exact::round(s.p);
  result.b =
      symmetric_matrix(g.n_elem, [&](arma::uword i, arma::uword j) { return remainder_entry(m, s, i, j); });
  return result;
}

std::optional<MetricCoordinates> coordinates(const arma::mat& m, const arma::vec& g) {
  check_symmetric_and_vector(m, g);
  const Split s = split(m, g);
  if (s.p.sign() <= 0) return std::nullopt;
  MetricCoordinates result;
  const arma::uword k = result.pivot = pivot_of(g);
  result.s = symmetric_matrix(g.n_elem - 1, [&](arma::uword i, arma::uword j) {
    return remainder_entry(m, s, i < k ? i : i + 1, j < k ? j : j + 1);
  });
  return result;
}

std::optional<arma::mat> from_coordinates(const arma::mat& s, const arma::vec& g, const arma::vec& y) {
  if (g.n_elem == 0) throw ContractError("g is empty; it needs at least one element");
  dense::check_vector(g, g.n_elem, "g");
  dense::check_vector(y, g.n_elem, "y");
  const arma::uword n = g.n_elem - 1;
  dense::check_shape(s, n, n, "s");
  dense::check_finite(s, "s");
  dense::check_symmetric(s, s.n_rows, "s");
  const Dyadic p = dense::dot(as_span(g), as_span(y));
  if (p.sign() <= 0) return std::nullopt;
  const arma::uword k = pivot_of(g);
  const arma::vec others = without(g, k);
  const std::vector<Dyadic> sg = n == 0 ? std::vector<Dyadic>() : dense::multiply(s, as_span(others));
  Dyadic form;
  for (arma::uword i = 0; i < n; ++i) form = form + sg[i] * Dyadic::from(others[i]);
  const Dyadic gk = Dyadic::from(g[k]), yk = Dyadic::from(y[k]), square = p * gk * gk;
  // Over the positive denominator p gk^2 for row k.
  return symmetric_matrix(g.n_elem, [&](arma::uword i, arma::uword j) {
    const Dyadic yi = Dyadic::from(y[i]), yj = Dyadic::from(y[j]);
    if (i != k && j != k) {
      const double sij = s(i < k ? i : i - 1, j < k ? j : j - 1);
      return exact::round_quotient(Dyadic::from(sij) * p + yi * yj, p);
    }
    if (i == k && j == k) return exact::round_quotient(yk * yk * gk * gk + p * form, square);
    const arma::uword other = i == k ? j : i;
    return exact::round_quotient(yi * yj * gk * gk - p * gk * sg[other < k ? other : other - 1], square);
  });
}

std::uint64_t metric_family_dimension(std::uint64_t dimension) {
  if (dimension == 0) throw ContractError("dimension is 0; it must be at least 1");
  const std::uint64_t half = dimension % 2 == 0 ? dimension / 2 : dimension,
                      other = dimension % 2 == 0 ? dimension - 1 : (dimension - 1) / 2;
  std::uint64_t product = 0;
  if (__builtin_mul_overflow(half, other, &product))
    throw ContractError(fmt::format("dimension is {}; D (D - 1)/2 does not fit 64 bits", dimension));
  return product;
}

std::optional<MetricFactor> factor(const arma::mat& m, const arma::vec& g) {
  check_symmetric_and_vector(m, g);
  const Split s = split(m, g);
  if (s.p.sign() <= 0) return std::nullopt;
  const FloatScope scope;
  const arma::uword d = g.n_elem, n = d - 1, k = pivot_of(g);
  const arma::mat b =
      symmetric_matrix(d, [&](arma::uword i, arma::uword j) { return remainder_entry(m, s, i, j); });
  const arma::mat coordinates = without(b, k);
  if (!coordinates.is_finite() ||
      !dense::certainly_positive_definite(EnclosedMatrix{coordinates, rounding_radii(coordinates)}))
    return std::nullopt;
  const auto l = lower_cholesky(coordinates);
  if (!l) return std::nullopt;
  MetricFactor result;
  result.u.set_size(d, n);
  // Row k is -sum g_j l_j/g_k, rounded once, so that the columns are as orthogonal to g as doubles allow.
  const arma::vec others = without(g, k);
  const Dyadic gg = dense::dot(as_span(g), as_span(g)), gk = Dyadic::from(g[k]);
  std::vector<double> angles(n, 0.0);
  in_blocks(n, [&](std::size_t j) {
    for (arma::uword i = 0; i < n; ++i) result.u(i < k ? i : i + 1, j) = (*l)(i, j);
    const Dyadic sum = dense::dot(as_span(others), {l->colptr(j), n});
    result.u(k, j) = exact::round_quotient(gk.sign() > 0 ? -sum : sum, gk.sign() > 0 ? gk : -gk);
    if (!is_finite(result.u(k, j))) result.u(k, j) = 0;  // the residual tells
    const std::span<const double> column{result.u.colptr(j), d};
    const Dyadic gu = dense::dot(as_span(g), column), uu = dense::dot(column, column);
    if (gu.is_zero()) return;
    const exact::MpfrScope mpfr;
    angles[j] = sqrt(interval(gu * gu, 128) / interval(gg * uu, 128)).upper();
  });
  for (const double angle : angles) result.orthogonality = std::max(result.orthogonality, angle);
  result.residual = n == 0 ? rounding_radius(b(0, 0))
                           : norm_of_difference({b, rounding_radii(b)}, dense::outer_gram({result.u, {}})).hi;
  if (d == 1) result.residual = 0;  // B = 0
  return result;
}

FactorRotation rotation_between(const arma::mat& u, const arma::mat& v) {
  if (u.n_rows == 0) throw ContractError("u is empty; it needs at least one row");
  dense::check_shape(v, u.n_rows, u.n_cols, "v");
  dense::check_finite(u, "u");
  dense::check_finite(v, "v");
  const FloatScope scope;
  const arma::uword d = u.n_rows, r = u.n_cols;
  FactorRotation result;
  result.q = arma::mat(r, r, arma::fill::eye);
  if (r == 0) return result;
  // Each moved near 1 on its own: Q does not depend on their sizes.
  arma::mat a = u, b = v;
  for (arma::mat* x : {&a, &b}) {
    const double largest = arma::abs(*x).max();
    if (!(largest > 0)) continue;
    const int e = -std::ilogb(largest);
    for (double& element : *x) element = std::ldexp(element, e);
  }
  arma::mat left, right;
  arma::vec values;
  if (arma::svd(left, values, right, arma::mat(a.t() * b))) {
    const arma::mat q = left * right.t();
    if (q.is_finite()) result.q = q;
  }
  const arma::mat& q = result.q;
  const double work = static_cast<double>(d) * static_cast<double>(d) * static_cast<double>(r);
  if (work <= exact_work &&
      static_cast<double>(r) * static_cast<double>(r) * static_cast<double>(d) <= exact_work) {
    const arma::mat ut = u.t(), vt = v.t();
    const auto column = [](const arma::mat& m, arma::uword j) {
      return std::span<const double>(m.colptr(j), m.n_rows);
    };
    result.residual = exact_norm(d, r, [&](arma::uword i, arma::uword j) {
                        return dense::dot(column(ut, i), column(q, j)) - Dyadic::from(v(i, j));
                      }).hi;
    result.orthogonality = exact_norm(r, r, [&](arma::uword i, arma::uword j) {
                             const Dyadic one(std::uint64_t{i == j ? 1U : 0U});
                             return dense::dot(column(q, i), column(q, j)) - one;
                           }).hi;
    result.difference = exact_norm(d, d, [&](arma::uword i, arma::uword j) {
      return dense::dot(column(ut, i), column(ut, j)) - dense::dot(column(vt, i), column(vt, j));
    });
    return result;
  }
  const int e = exponent_of_largest(u, v);
  const EnclosedMatrix mu = moved(u, e), mv = moved(v, e);
  result.residual = scaled_up(norm_of_difference(dense::multiply(mu, EnclosedMatrix{q, {}}), mv).hi, -e);
  result.orthogonality = norm_of_difference(dense::gram({q, {}}), {arma::mat(r, r, arma::fill::eye), {}}).hi;
  const Enclosure apart = norm_of_difference(dense::outer_gram(mu), dense::outer_gram(mv));
  result.difference = {e == 0 ? apart.lo : scaled_down(apart.lo, -2 * e),
                       e == 0 ? apart.hi : scaled_up(apart.hi, -2 * e)};
  return result;
}

// ------------------------------------------------------------------------------------- random metrics

bool spectrum_exists(const Gram& gram, const arma::vec& spectrum) {
  check_spectrum(spectrum, gram.dimension());
  return in_hull(exact::PairNumbers(gram), ascending(spectrum));
}

bool condition_exists(const Gram& gram, double condition) {
  if (gram.dimension() == 0) throw ContractError("the Gram is empty (D = 0); add vectors first");
  check_condition(condition);
  return condition_exists(exact::PairNumbers(gram), Dyadic::from(condition));
}

namespace {

void check_pair(const arma::vec& g, const arma::vec& y) {
  if (g.n_elem == 0) throw ContractError("g is empty; it needs at least one element");
  dense::check_vector(g, g.n_elem, "g");
  dense::check_vector(y, g.n_elem, "y");
}

}  // namespace

std::optional<RandomMetric> random_metric(const arma::vec& g, const arma::vec& y, const arma::vec& spectrum,
                                          Random& random) {
  check_pair(g, y);
  check_spectrum(spectrum, g.n_elem);
  const FloatScope scope;
  const exact::PairNumbers n(gram_of(g, y));
  const Spectrum l = ascending(spectrum);
  if (!in_hull(n, l)) return std::nullopt;
  return with_spectrum(n, g, y, l, random);
}

std::optional<RandomMetric> random_metric(const arma::vec& g, const arma::vec& y, double condition,
                                          Random& random) {
  check_pair(g, y);
  check_condition(condition);
  const FloatScope scope;
  const exact::PairNumbers n(gram_of(g, y));
  const Dyadic k = Dyadic::from(condition);
  if (!condition_exists(n, k)) return std::nullopt;
  return with_spectrum(n, g, y, random_spectrum(n, k, random), random);
}

std::optional<arma::mat> random_metric(const arma::vec& g, const arma::vec& y, Random& random) {
  check_pair(g, y);
  const exact::PairNumbers n(gram_of(g, y));
  if (n.p.sign() <= 0) return std::nullopt;
  const std::int64_t size = n.yy.log2_floor() - n.p.log2_floor();
  const int scale = static_cast<int>(std::clamp<std::int64_t>(size, -1000, 1000));
  return from_coordinates(random_coordinates(g.n_elem - 1, scale, random), g, y);
}

arma::mat random_coordinates(arma::uword n, int scale, Random& random) {
  if (scale < -1000 || scale > 1000)
    throw ContractError(fmt::format("scale is {}; it must be between -1000 and 1000", scale));
  const FloatScope scope;
  // Multiples of 2^-q that small give sums that are exact in any order.
  const int q = 4 + (static_cast<int>(std::bit_width(n)) + 1) / 2;
  arma::mat l(n, n, arma::fill::zeros);
  const auto below = [&random](std::uint64_t count) { return static_cast<double>(random.next() % count); };
  for (arma::uword j = 0; j < n; ++j) {
    l(j, j) = (16 + below(17)) / 16;
    for (arma::uword i = j + 1; i < n; ++i) l(i, j) = std::ldexp(below(17) - 8, -q);
  }
  arma::mat s = l * l.t();
  for (double& x : s) x = std::ldexp(x, scale);
  return s;
}

}  // namespace natgrad
