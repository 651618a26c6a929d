// natgrad: general metrics of the canonical form, M = y y^T/p + P C P. With h = C g and q = g.h, all exact,
//   M x = y (y.x)/p + C x - g (h.x)/gg - h (g.x)/gg + g q (g.x)/gg^2,
// so that one exact product C x makes every element a quotient of integers, whatever C is.
#include <fmt/format.h>
#include <gmp.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "dense.hpp"
#include "exact.hpp"
#include "float_scope.hpp"
#include "natgrad/canonical_form.hpp"
#include "pair.hpp"
#include "parallel.hpp"

namespace natgrad {

using exact::Direction;
using exact::Dyadic;
using exact::Integer;
using exact::Interval;

namespace {

using Dyadics = std::vector<Dyadic>;

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double largest = std::numeric_limits<double>::max();

std::span<const double> span_of(const arma::vec& x) {
  return {x.memptr(), x.n_elem};
}
std::span<const double> column(const arma::mat& m, arma::uword j) {
  return {m.colptr(j), m.n_rows};
}

std::string text(double x) {
  return fmt::format("{}", x);
}

Dyadic dot(std::span<const double> v, const Dyadics& x) {
  Dyadic sum;
  for (std::size_t i = 0; i < v.size(); ++i) sum = sum + Dyadic::from(v[i]) * x[i];
  return sum;
}

/// x 2^k of doubles.
struct ScaledVector {
  arma::vec x;
  std::int64_t k = 0;
};

/// An x 2^k with elements of at most about 1, correctly rounded. All zero if x is.
ScaledVector normalised(const Dyadics& x) {
  ScaledVector result{arma::vec(x.size(), arma::fill::zeros), 0};
  bool any = false;
  for (const Dyadic& element : x) {
    if (element.is_zero()) continue;
    result.k = any ? std::max(result.k, element.log2_floor()) : element.log2_floor();
    any = true;
  }
  for (std::size_t i = 0; i < x.size(); ++i) result.x[i] = exact::round(x[i].scaled(-result.k));
  return result;
}

// ------------------------------------------------------------- upper bounds that neither over- nor underflow

/// >= a/b. @pre a >= 0, b > 0
Dyadic quotient_up(const Dyadic& a, const Dyadic& b) {
  if (a.is_zero()) return a;
  const std::int64_t ka = a.log2_floor(), kb = b.log2_floor();
  return Dyadic::from(exact::round_quotient(a.scaled(-ka), b.scaled(-kb), Direction::up)).scaled(ka - kb);
}

/// >= sqrt(a). @pre a >= 0
Dyadic root_up(const Dyadic& a) {
  if (a.is_zero()) return a;
  const std::int64_t k = a.log2_floor() >> 1;
  // The nearest double is less than an ulp below, and the root is in [1, 2].
  const double root = exact::round_root(a.scaled(-2 * k), Dyadic(std::uint64_t{1}));
  return (Dyadic::from(root) + Dyadic(Integer(1), -52)).scaled(k);
}

Dyadic magnitude(const Dyadic& x) {
  return x.sign() < 0 ? -x : x;
}

Dyadic square_sum(const Dyadics& x) {
  Dyadic sum;
  for (const Dyadic& element : x) sum = sum + element * element;
  return sum;
}

// -------------------------------------------------------------------------------------- exact products

struct Parts {
  std::int64_t mantissa;
  std::int64_t exponent;
};

Parts parts_of(double x) {
  const auto bits = std::bit_cast<std::uint64_t>(x);
  const auto field = static_cast<std::int64_t>((bits >> 52) & 0x7ff);
  const auto fraction = static_cast<std::int64_t>(bits & 0xfffffffffffff);
  const std::int64_t mantissa = field == 0 ? fraction : fraction | std::int64_t{1} << 52;
  return {(bits >> 63) != 0 ? -mantissa : mantissa, std::max<std::int64_t>(field, 1) - 1075};
}

/// The smallest exponent of an element that is not zero; 0 if all are.
std::int64_t smallest_exponent(const arma::mat& m) {
  std::int64_t least = std::numeric_limits<std::int64_t>::max();
  for (const double x : m) {
    const Parts parts = parts_of(x);
    if (parts.mantissa != 0) least = std::min(least, parts.exponent);
  }
  return least == std::numeric_limits<std::int64_t>::max() ? 0 : least;
}

/// sum_j s_j m_j, exactly, m_j the columns and `unit` the smallest exponent of an element of m.
Dyadics combine(const arma::mat& m, const Dyadics& s, std::int64_t unit) {
  Dyadics result(m.n_rows);
  std::int64_t least = std::numeric_limits<std::int64_t>::max();
  for (const Dyadic& x : s)
    if (!x.is_zero()) least = std::min(least, x.exponent());
  if (least == std::numeric_limits<std::int64_t>::max()) return result;
  constexpr std::size_t block = 64;
  parallel_for((m.n_rows + block - 1) / block, [&](std::size_t b) {
    const std::size_t first = b * block, last = std::min<std::size_t>(m.n_rows, first + block);
    std::vector<Integer> sums(last - first);
    Integer term;
    mpz_ptr t = term.backend().data();
    for (arma::uword j = 0; j < m.n_cols; ++j) {
      if (s[j].is_zero()) continue;
      mpz_srcptr factor = s[j].mantissa().backend().data();
      const double* x = m.colptr(j);
      for (std::size_t i = first; i < last; ++i) {
        const Parts parts = parts_of(x[i]);
        if (parts.mantissa == 0) continue;
        mpz_mul_si(t, factor, parts.mantissa);
        const auto shift = static_cast<mp_bitcnt_t>(parts.exponent + s[j].exponent() - unit - least);
        if (shift != 0) mpz_mul_2exp(t, t, shift);
        mpz_ptr sum = sums[i - first].backend().data();
        mpz_add(sum, sum, t);
      }
    }
    for (std::size_t i = first; i < last; ++i) result[i] = Dyadic(std::move(sums[i - first]), unit + least);
  });
  return result;
}

/// m_j . x for every column.
Dyadics column_dots(const arma::mat& m, std::span<const double> x) {
  Dyadics result(m.n_cols);
  constexpr std::size_t block = 16;
  parallel_for((m.n_cols + block - 1) / block, [&](std::size_t b) {
    for (std::size_t j = b * block; j < std::min<std::size_t>(m.n_cols, (b + 1) * block); ++j)
      result[j] = dense::dot(column(m, j), x);
  });
  return result;
}

// -------------------------------------------------------------------------------- elimination in integers

using ExactMatrix = std::vector<Dyadics>;  // rows

/// K^-1 r = numerators/determinant, by Bareiss' fraction-free elimination (1968) with rows and columns scaled
/// by powers of two. The determinant is that of a scaled K, and positive; nullopt if K is singular.
struct ExactSolution {
  Dyadics numerators;
  Dyadic determinant;
};

std::optional<ExactSolution> eliminate(const ExactMatrix& matrix, const Dyadics& right) {
  const std::size_t n = matrix.size();
  constexpr std::int64_t none = std::numeric_limits<std::int64_t>::max();
  std::vector<std::int64_t> row(n, none), col(n, none);
  std::int64_t last = none;
  for (std::size_t i = 0; i < n; ++i) {
    for (const Dyadic& x : matrix[i])
      if (!x.is_zero()) row[i] = std::min(row[i], x.exponent());
    if (row[i] == none) return std::nullopt;
    if (!right[i].is_zero()) last = std::min(last, right[i].exponent() - row[i]);
    for (std::size_t j = 0; j < n; ++j)
      if (!matrix[i][j].is_zero()) col[j] = std::min(col[j], matrix[i][j].exponent() - row[i]);
  }
  if (last == none) last = 0;
  std::vector<std::vector<Integer>> a(n, std::vector<Integer>(n + 1));
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j)
      if (!matrix[i][j].is_zero()) a[i][j] = matrix[i][j].in_units(row[i] + col[j]);
    a[i][n] = right[i].in_units(row[i] + last);
  }
  Integer previous = 1;
  for (std::size_t k = 0; k < n; ++k) {
    std::size_t pivot = k;
    while (pivot < n && a[pivot][k].is_zero()) ++pivot;
    if (pivot == n) return std::nullopt;
    if (pivot != k) {
      std::swap(a[pivot], a[k]);
      for (Integer& x : a[k]) x = -x;
    }
    for (std::size_t i = k + 1; i < n; ++i) {
      for (std::size_t j = k + 1; j <= n; ++j) {
        Integer x = a[k][k] * a[i][j] - a[i][k] * a[k][j];
        mpz_divexact(x.backend().data(), x.backend().data(), previous.backend().data());
        a[i][j] = std::move(x);
      }
    }
    previous = a[k][k];
  }
  const Integer determinant = a[n - 1][n - 1];
  std::vector<Integer> z(n);
  for (std::size_t i = n; i-- > 0;) {
    Integer x = determinant * a[i][n];
    for (std::size_t j = i + 1; j < n; ++j) x -= a[i][j] * z[j];
    mpz_divexact(x.backend().data(), x.backend().data(), a[i][i].backend().data());
    z[i] = std::move(x);
  }
  const bool negative = determinant.sign() < 0;
  ExactSolution result;
  for (std::size_t j = 0; j < n; ++j)
    result.numerators.emplace_back(negative ? Integer(-z[j]) : z[j], last - col[j]);
  result.determinant = Dyadic(negative ? Integer(-determinant) : determinant, 0);
  return result;
}

/// Are all leading principal minors of a symmetric matrix positive?
bool all_minors_positive(const ExactMatrix& matrix) {
  const std::size_t n = matrix.size();
  std::int64_t unit = std::numeric_limits<std::int64_t>::max();
  for (const Dyadics& r : matrix)
    for (const Dyadic& x : r)
      if (!x.is_zero()) unit = std::min(unit, x.exponent());
  std::vector<std::vector<Integer>> a(n, std::vector<Integer>(n));
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < n; ++j) a[i][j] = matrix[i][j].in_units(unit);
  Integer previous = 1;
  for (std::size_t k = 0; k < n; ++k) {
    if (a[k][k].sign() <= 0) return false;
    for (std::size_t i = k + 1; i < n; ++i)
      for (std::size_t j = i; j < n; ++j) {
        Integer x = a[k][k] * a[i][j] - a[k][i] * a[k][j];
        mpz_divexact(x.backend().data(), x.backend().data(), previous.backend().data());
        a[i][j] = std::move(x);
      }
    previous = a[k][k];
  }
  return true;
}

}  // namespace

// --------------------------------------------------------------------------------------------- the state

struct GeneralMetricState {
  GeneralMetricState(const arma::vec& g_in, const arma::vec& y_in, const Gram& gram_in,
                     GeneralMetric::Form form_in, arma::mat core)
      : g(g_in), y(y_in), gram(gram_in), pair(gram), form(form_in), c(std::move(core)) {
    if (form != GeneralMetric::Form::diagonal) unit = smallest_exponent(c);
    if (form == GeneralMetric::Form::basis) ug = column_dots(c, span_of(g));
    h = product(span_of(g));
    q = dot(span_of(g), h);
  }

  /// C x.
  Dyadics product(std::span<const double> x) const {
    switch (form) {
      case GeneralMetric::Form::basis:
        return combine(c, column_dots(c, x), unit);
      case GeneralMetric::Form::block:
        return column_dots(c, x);  // symmetric
      case GeneralMetric::Form::diagonal:
        break;
    }
    Dyadics result(x.size());
    for (std::size_t i = 0; i < x.size(); ++i) result[i] = Dyadic::from(c[i]) * Dyadic::from(x[i]);
    return result;
  }

  /// gg^2 P C P x.
  Dyadics projected_product(std::span<const double> x) const {
    Dyadics result = product(x);
    const Dyadic gx = dense::dot(span_of(g), x), hx = dot(x, h);
    const Dyadic of_g = pair.gg * hx - q * gx, of_h = pair.gg * gx, of_c = pair.gg * pair.gg;
    for (std::size_t i = 0; i < result.size(); ++i)
      result[i] = of_c * result[i] - Dyadic::from(g[i]) * of_g - h[i] * of_h;
    return result;
  }

  arma::vec g, y;
  Gram gram;
  exact::PairNumbers pair;
  GeneralMetric::Form form;
  arma::mat c;            // U, B, or d as a column
  std::int64_t unit = 0;  // smallest exponent in c
  Dyadics ug;             // U^T g
  Dyadics h;              // C g
  Dyadic q;               // g.C g

  // An approximate inverse, and what is certain of C on g^perp.
  arma::mat inverse;  // basis: of [g U] with columns scaled by 2^-exponents; block: of scaled A
  std::vector<std::int64_t> exponents;  // basis: of the columns of [g U]
  std::int64_t scale = 0;               // block: A = 2^-scale P B P + t g g^T/gg
  Dyadic least_value;  // basis: lower bound of the smallest singular value of the scaled [g U]
  Dyadic floor;        // P C P >= floor P; 0 if nothing is known
};

namespace {

using State = GeneralMetricState;
using Form = GeneralMetric::Form;

void check_argument(const State& m, const arma::vec& x, const char* name) {
  if (x.n_elem != m.g.n_elem)
    throw ContractError(std::string(name) + " has " + std::to_string(x.n_elem) +
                        " elements; the metric has dimension " + std::to_string(m.g.n_elem));
  for (arma::uword i = 0; i < x.n_elem; ++i)
    if ((std::bit_cast<std::uint64_t>(x[i]) >> 52 & 0x7ff) == 0x7ff) throw NonFiniteError(name, i, x[i]);
}

void check_basis(const State& m, const char* what) {
  if (m.form != Form::basis)
    throw ContractError(std::string(what) +
                        ": the metric was not made from a basis; it has no factor J = [y/sqrt(p), P U]");
}

void check_tolerance(double tolerance) {
  const auto bits = std::bit_cast<std::uint64_t>(tolerance);
  if ((bits >> 52 & 0x7ff) == 0x7ff || ((bits >> 63) != 0 && (bits << 1) != 0))
    throw ContractError("tolerance is " + text(tolerance) + "; it must be finite and >= 0");
}

// ------------------------------------------------------------------------------------- certificates

std::int64_t top_exponent(std::span<const double> x) {
  std::int64_t top = std::numeric_limits<std::int64_t>::min();
  for (const double element : x) {
    const Parts parts = parts_of(element);
    const auto size = static_cast<std::uint64_t>(std::abs(parts.mantissa));
    if (size != 0) top = std::max(top, parts.exponent + static_cast<std::int64_t>(std::bit_width(size)) - 1);
  }
  return top == std::numeric_limits<std::int64_t>::min() ? 0 : top;
}

/// For N = [g U] scaled and X ~ N^-1 with |I - X N| <= e < 1: |N c| >= (1 - e)|c|/|X|. And as |P U c| is the
/// least |U c + t g| over t, the same holds for P U with its columns scaled alike, so that
/// P U U^T P >= least_value^2 2^(2 min exponents) P.
void certify_basis(State& m) {
  const FloatScope scope;
  const arma::uword n = m.g.n_elem;
  arma::mat scaled(n, n), lost(n, n, arma::fill::zeros);
  for (arma::uword j = 0; j < n; ++j) {
    const std::span<const double> from = j == 0 ? span_of(m.g) : column(m.c, j - 1);
    const std::int64_t e = top_exponent(from);
    m.exponents.push_back(e);
    for (arma::uword i = 0; i < n; ++i) {
      scaled(i, j) = std::ldexp(from[i], static_cast<int>(-e));
      if (std::abs(scaled(i, j)) < 0x1p-1022 && from[i] != 0) lost(i, j) = 0x1p-1074;  // perhaps
    }
  }
  arma::mat x;
  if (!arma::inv(x, scaled) || !x.is_finite()) return;
  const EnclosedMatrix product = dense::multiply(EnclosedMatrix{x, {}}, EnclosedMatrix{scaled, lost});
  arma::mat off(n, n);
  for (arma::uword j = 0; j < n; ++j)
    for (arma::uword i = 0; i < n; ++i) {
      const double identity = i == j ? 1 : 0;
      const double e = std::max(dense::sub_up(product.value(i, j), identity),
                                dense::sub_up(identity, product.value(i, j)));
      off(i, j) = dense::add_up(std::max(e, 0.0), product.radius(i, j));
    }
  const double missing = std::min(dense::two_norm_up(off), dense::frobenius_norm_up(off));
  m.inverse = std::move(x);
  const double left = dense::sub_down(1, missing);
  if (!(left > 0)) return;
  const double norm = std::min(dense::two_norm_up(m.inverse), dense::frobenius_norm_up(m.inverse));
  const double bound = exact::round_quotient(Dyadic::from(left), Dyadic::from(norm), Direction::down);
  m.least_value = Dyadic::from(bound);
  std::int64_t least = std::numeric_limits<std::int64_t>::max();
  for (arma::uword j = 1; j < n; ++j) least = std::min(least, m.exponents[j]);
  m.floor = n == 1 ? Dyadic(std::uint64_t{1}) : (m.least_value * m.least_value).scaled(2 * least);
}

/// A = 2^-scale P B P + g g^T/gg in a box: for B of size about 1 after scaling, A is positive definite iff P
/// B P is on g^perp, and its smallest eigenvalue is the smaller of that and 1.
EnclosedMatrix projected_block(const State& m) {
  const arma::uword n = m.g.n_elem;
  const std::int64_t e = top_exponent(span_of(m.g));
  arma::vec g(n), f(n), g_lost(n), f_lost(n);
  // 2^-scale P B P + g g^T/gg = 2^-scale B - g f^T - f g^T, f = (2^-scale (h - q g/(2 gg)) - g/2)/gg
  const Dyadic half_q = m.q.scaled(-1 - m.scale) + m.pair.gg.scaled(-1);
  for (arma::uword i = 0; i < n; ++i) {
    const Dyadic gi = Dyadic::from(m.g[i]);
    g[i] = exact::round(gi.scaled(-e));
    g_lost[i] = Dyadic::from(g[i]) == gi.scaled(-e) ? 0 : 0x1p-1074;
    f[i] = exact::round_quotient((m.h[i].scaled(-m.scale) * m.pair.gg - half_q * gi).scaled(e),
                                 m.pair.gg * m.pair.gg);
    f_lost[i] = dense::add_up(dense::mul_up(std::abs(f[i]), 0x1p-53), 0x1p-1074);
  }
  EnclosedMatrix a{arma::mat(n, n), arma::mat(n, n)};
  for (arma::uword j = 0; j < n; ++j) {
    for (arma::uword i = 0; i <= j; ++i) {
      const double b = std::ldexp(m.c(i, j), static_cast<int>(-m.scale));
      const double one = g[i] * f[j], two = f[i] * g[j], sum = b - one, value = sum - two;
      // Half an ulp for each of the four operations; then what g and f are off.
      double radius = dense::mul_up(0x1p-53, std::abs(one));
      radius = dense::add_up(radius, dense::mul_up(0x1p-53, std::abs(two)));
      radius = dense::add_up(radius, dense::mul_up(0x1p-53, std::abs(sum)));
      radius = dense::add_up(radius, dense::mul_up(0x1p-53, std::abs(value)));
      for (const auto& [k, l] : {std::pair{i, j}, std::pair{j, i}}) {
        radius = dense::add_up(radius, dense::mul_up(dense::add_up(std::abs(g[k]), g_lost[k]), f_lost[l]));
        radius = dense::add_up(radius, dense::mul_up(g_lost[k], std::abs(f[l])));
      }
      radius = dense::add_up(radius, 8 * 0x1p-1074);
      a.value(i, j) = a.value(j, i) = value;
      a.radius(i, j) = a.radius(j, i) = radius;
    }
  }
  return a;
}

/// gg^2 P C P, exactly.
ExactMatrix exact_projected(const State& m) {
  const arma::uword n = m.g.n_elem;
  ExactMatrix result(n, Dyadics(n));
  for (arma::uword j = 0; j < n; ++j) {
    arma::vec e(n, arma::fill::zeros);
    e[j] = 1;
    result[j] = m.projected_product(span_of(e));
  }
  return result;
}

bool refutes(const State& m, const arma::vec& x) {
  if (!x.is_finite()) return false;
  const Dyadic gx = dense::dot(span_of(m.g), span_of(x)), xx = dense::dot(span_of(x), span_of(x));
  if ((xx * m.pair.gg - gx * gx).is_zero()) return false;
  return dot(span_of(x), m.projected_product(span_of(x))).sign() <= 0;
}

/// An x that refutes() accepts; empty if none was found.
arma::vec find_witness(const State& m, const EnclosedMatrix& a) {
  const arma::uword n = m.g.n_elem;
  // Directions P e_i, then what a factorisation or an eigenvector suggests.
  for (arma::uword i = 0; i < std::min<arma::uword>(n, 64); ++i) {
    arma::vec x(n, arma::fill::zeros);
    x[i] = 1;
    if (refutes(m, x)) return x;
  }
  if (!a.value.is_finite()) return {};
  if (const auto x = dense::nonpositive_direction(a.value); x && refutes(m, *x)) return *x;
  arma::vec values;
  arma::mat vectors;
  if (n <= 2000 && arma::eig_sym(values, vectors, a.value))
    for (arma::uword k = 0; k < std::min<arma::uword>(n, 2); ++k) {
      const arma::vec v = vectors.col(k);
      if (refutes(m, v)) return v;
      const double top = arma::abs(v).max();
      for (const double bits : {0x1p0, 0x1p8, 0x1p20, 0x1p36}) {
        arma::vec x = v / top;
        for (double& element : x) element = std::round(element * bits) / bits;
        if (refutes(m, x)) return x;
      }
    }
  return {};
}

// ------------------------------------------------------------------------------------------- boxes

/// num/den within a further error, as a double and a radius.
void enclose(const Dyadic& numerator, const Dyadic& denominator, const Dyadic& error, double& value,
             double& radius) {
  value = exact::round_quotient(numerator, denominator);
  if (std::abs(value) > largest) value = value > 0 ? largest : -largest;
  const Dyadic off = magnitude(numerator - Dyadic::from(value) * denominator);
  radius = exact::round(quotient_up(off, denominator) + error, Direction::up);
}

Dyadic ulp(double x) {
  const Dyadic d = Dyadic::from(x);
  const std::int64_t last = d.is_zero() ? -1074 : std::max<std::int64_t>(d.log2_floor() - 52, -1074);
  return Dyadic(Integer(1), last);
}

constexpr int wanted_bits = 20;  // of an ulp
constexpr int most_refinements = 8;

bool tight(double value, const Dyadic& error) {
  return error.is_zero() || !(ulp(value).scaled(-wanted_bits) < error);
}

EnclosedVector no_box(arma::uword n) {
  return {arma::vec(n, arma::fill::zeros), arma::vec(n, arma::fill::value(infinity))};
}

/// Approximately z with P C P z = r, times a power of two; not finite where that fails. r about 1 in size.
ScaledVector approximate(const State& m, const arma::vec& r) {
  if (m.form == Form::block) return {arma::vec(m.inverse * r), -m.scale};
  // With N = [g U] and c = N^-1 r, N^T z = (0, c).
  arma::vec c = m.inverse * r;
  std::int64_t least = std::numeric_limits<std::int64_t>::max();
  for (std::size_t j = 1; j < m.exponents.size(); ++j) least = std::min(least, m.exponents[j]);
  c[0] = 0;
  for (arma::uword j = 1; j < c.n_elem; ++j)
    c[j] = std::ldexp(c[j], static_cast<int>(std::max<std::int64_t>(-4000, 2 * (least - m.exponents[j]))));
  return {arma::vec(m.inverse.t() * c), -2 * least};
}

/// The box of M^-1 x, by integers. @pre a small dimension
EnclosedVector solve_exactly(const State& m, const Dyadics& right, const Dyadic& gx) {
  // C v + g lambda = p x - y (g.x), g.v = 0
  const arma::uword n = m.g.n_elem;
  ExactMatrix k(n + 1, Dyadics(n + 1));
  for (arma::uword j = 0; j < n; ++j) {
    arma::vec e(n, arma::fill::zeros);
    e[j] = 1;
    const Dyadics c = m.product(span_of(e));
    for (arma::uword i = 0; i < n; ++i) k[i][j] = c[i];
    k[n][j] = k[j][n] = Dyadic::from(m.g[j]);
  }
  Dyadics rhs = right;
  rhs.emplace_back();
  const auto s = eliminate(k, rhs);
  if (!s) return no_box(n);
  EnclosedVector box{arma::vec(n), arma::vec(n)};
  Dyadics v(s->numerators.begin(), s->numerators.end() - 1);
  const Dyadic along = gx * s->determinant * m.pair.p - dot(span_of(m.y), v);
  const Dyadic denominator = s->determinant * m.pair.p * m.pair.p;
  for (arma::uword i = 0; i < n; ++i)
    enclose(m.pair.p * v[i] + Dyadic::from(m.g[i]) * along, denominator, Dyadic(), box.value[i],
            box.radius[i]);
  return box;
}

EnclosedVector solve_diagonal(const State& m, const Dyadics& right, const Dyadic& gx) {
  // p v_i = (right_i + lambda g_i)/d_i with lambda such that g.v = 0; x = v + g (g.x - y.v)/p
  const exact::MpfrScope scope;
  const arma::uword n = m.g.n_elem;
  EnclosedVector box{arma::vec(n), arma::vec(n)};
  for (mpfr_prec_t precision = 256;; precision *= 2) {
    const auto number = [precision](const Dyadic& x) { return Interval(x, precision); };
    const auto element = [precision](double x) { return Interval(Dyadic::from(x), precision); };
    Interval rg = number(Dyadic()), gg = rg, yv = rg;
    for (arma::uword i = 0; i < n; ++i) {
      if (m.g[i] == 0) continue;
      const Interval scaled_g = element(m.g[i]) / element(m.c[i]);
      rg = rg + scaled_g * number(right[i]);
      gg = gg + scaled_g * element(m.g[i]);
    }
    const Interval lambda = rg / gg;
    std::vector<Interval> v;
    for (arma::uword i = 0; i < n; ++i) {
      v.push_back((number(right[i]) - lambda * element(m.g[i])) / element(m.c[i]));
      yv = yv + v.back() * element(m.y[i]);
    }
    const Interval p = number(m.pair.p), weight = number(gx) - yv / p, zero = number(Dyadic());
    bool settled = true;
    for (arma::uword i = 0; i < n; ++i) {
      const Interval x = (v[i] + element(m.g[i]) * weight) / p;
      const Dyadic left = x.left(), right_end = -(zero - x).left();
      const Dyadic middle = (left + right_end).scaled(-1), half = (right_end - left).scaled(-1);
      enclose(middle, Dyadic(std::uint64_t{1}), half, box.value[i], box.radius[i]);
      settled = settled && tight(box.value[i], half);
    }
    // Only elements of very different sizes, or that vanish by cancellation, ask for more than 1024 bits.
    const bool affordable =
        precision < 1024 || (precision < 65536 && n * static_cast<arma::uword>(precision) < 1u << 25);
    if (settled || !affordable) return box;
  }
}

}  // namespace

// ------------------------------------------------------------------------------------------- factories

GeneralMetric::GeneralMetric(std::shared_ptr<const GeneralMetricState> state) : state_(std::move(state)) {}

std::optional<GeneralMetric> GeneralMetric::from_basis(const arma::vec& g, const arma::vec& y,
                                                       const arma::mat& u, double tolerance) {
  const Gram gram = Gram::of(span_of(g), span_of(y));
  const arma::uword n = g.n_elem;
  dense::check_shape(u, n, n - 1, "U");
  dense::check_finite(u, "U");
  check_tolerance(tolerance);
  if (gram.judge().verdict != Verdict::effective) return std::nullopt;
  const auto state = std::make_shared<State>(g, y, gram, Form::basis, u);
  const Dyadic factor = Dyadic::from(tolerance), limit = factor * factor * state->pair.gg;
  for (arma::uword j = 0; j < u.n_cols; ++j) {
    const Dyadic uu = dense::dot(column(u, j), column(u, j));
    if (uu.is_zero()) throw ContractError("column " + std::to_string(j) + " of U is zero");
    if (limit * uu < state->ug[j] * state->ug[j])
      throw ContractError("column " + std::to_string(j) + " of U is not orthogonal to g: its cosine is " +
                          text(*cosine(Gram::of(span_of(g), column(u, j)))) + ", and the tolerance " +
                          text(tolerance));
  }
  certify_basis(*state);
  if (state->floor.is_zero()) {
    arma::uword dependent = 0;
    const arma::mat whole = arma::join_rows(arma::mat(g), u);
    if (!dense::certainly_full_rank(whole, &dependent))
      throw ContractError("column " + std::to_string(std::max<arma::uword>(dependent, 1) - 1) +
                          " of U depends on g and the columns before it; U must be a basis of g^perp");
  }
  return GeneralMetric(state);
}

BlockMetric GeneralMetric::from_block(const arma::vec& g, const arma::vec& y, const arma::mat& b,
                                      double tolerance) {
  const Gram gram = Gram::of(span_of(g), span_of(y));
  const arma::uword n = g.n_elem;
  dense::check_shape(b, n, n, "B");
  dense::check_finite(b, "B");
  check_tolerance(tolerance);
  if (const auto at = dense::first_asymmetry(b))
    throw ContractError("B(" + std::to_string(at->row) + ", " + std::to_string(at->column) + ") is " +
                        text(b(at->row, at->column)) + ", but B(" + std::to_string(at->column) + ", " +
                        std::to_string(at->row) + ") is " + text(b(at->column, at->row)) +
                        "; B must be symmetric");
  if (gram.judge().verdict != Verdict::effective) return {Answer::no, BlockReason::no_descent, {}, {}};
  const auto state = std::make_shared<State>(g, y, gram, Form::block, b);
  State& m = *state;
  Dyadic norm;
  for (arma::uword j = 0; j < n; ++j) norm = norm + dense::dot(column(b, j), column(b, j));
  const Dyadic factor = Dyadic::from(tolerance), image = square_sum(m.h), most = norm * m.pair.gg;
  if (factor * factor * most < image)
    throw ContractError("|B g| is " + text(exact::round_root(image, most)) +
                        " of the Frobenius norm of B times |g|, and the tolerance is " + text(tolerance));
  const auto yes = [&] { return BlockMetric{Answer::yes, BlockReason::metric, GeneralMetric(state), {}}; };
  if (n == 1) {
    m.inverse = arma::mat(1, 1, arma::fill::zeros);
    m.floor = Dyadic(std::uint64_t{1});
    return yes();
  }
  const FloatScope scope;
  m.scale = top_exponent({b.memptr(), b.n_elem});
  const EnclosedMatrix a = projected_block(m);
  const double least = a.value.is_finite() ? dense::smallest_eigenvalue(a).lo : -infinity;
  if (least > 0) {
    m.floor = Dyadic::from(least).scaled(m.scale);
    if (!arma::inv(m.inverse, a.value) || !m.inverse.is_finite()) m.inverse.reset();
    return yes();
  }
  // A B that is positive definite is so on g^perp; its own scaling may show what that of P B P hides.
  if (n > exact_limit && dense::certainly_positive_definite(b)) {
    const double whole = dense::smallest_eigenvalue(EnclosedMatrix{b, {}}).lo;
    if (whole > 0) m.floor = Dyadic::from(whole);
    if (!a.value.is_finite() || !arma::inv(m.inverse, a.value) || !m.inverse.is_finite()) m.inverse.reset();
    return yes();
  }
  if (arma::vec x = find_witness(m, a); !x.is_empty())
    return {Answer::no, BlockReason::not_definite, {}, std::move(x)};
  if (n > exact_limit) return {Answer::undetermined, BlockReason::no_certificate, {}, {}};
  // gg^2 P B P + a positive multiple of g g^T is positive definite iff P B P is on g^perp. The multiple is of
  // the size of the other term, so that the integers stay short.
  ExactMatrix whole = exact_projected(m);
  for (arma::uword i = 0; i < n; ++i)
    for (arma::uword j = 0; j < n; ++j)
      whole[i][j] = whole[i][j] + (m.pair.gg * Dyadic::from(g[i]) * Dyadic::from(g[j])).scaled(m.scale);
  if (!all_minors_positive(whole)) return {Answer::no, BlockReason::not_definite, {}, {}};
  return yes();
}

std::optional<GeneralMetric> GeneralMetric::from_diagonal(const arma::vec& g, const arma::vec& y,
                                                          const arma::vec& d) {
  const Gram gram = Gram::of(span_of(g), span_of(y));
  if (d.n_elem != g.n_elem)
    throw ContractError("d has " + std::to_string(d.n_elem) + " elements; g and y have " +
                        std::to_string(g.n_elem));
  for (arma::uword i = 0; i < d.n_elem; ++i) {
    const auto bits = std::bit_cast<std::uint64_t>(d[i]);
    if ((bits >> 52 & 0x7ff) == 0x7ff) throw NonFiniteError("d", i, d[i]);
    if ((bits >> 63) != 0 || bits == 0)
      throw ContractError("d[" + std::to_string(i) + "] is " + text(d[i]) + "; it must be > 0");
  }
  if (gram.judge().verdict != Verdict::effective) return std::nullopt;
  return GeneralMetric(std::make_shared<State>(g, y, gram, Form::diagonal, arma::mat(d)));
}

// ---------------------------------------------------------------------------------------------- members

std::uint64_t GeneralMetric::dimension() const noexcept {
  return state_->gram.dimension();
}
const Gram& GeneralMetric::gram() const noexcept {
  return state_->gram;
}
GeneralMetric::Form GeneralMetric::form() const noexcept {
  return state_->form;
}
const arma::vec& GeneralMetric::g() const noexcept {
  return state_->g;
}
const arma::vec& GeneralMetric::y() const noexcept {
  return state_->y;
}

arma::vec GeneralMetric::apply(const arma::vec& x) const {
  const State& m = *state_;
  check_argument(m, x, "x");
  const auto& v = m.pair;
  const Dyadics cx = m.product(span_of(x));
  const Dyadic gx = dense::dot(span_of(m.g), span_of(x)), yx = dense::dot(span_of(m.y), span_of(x));
  const Dyadic hx = dot(span_of(x), m.h);
  const Dyadic of_y = v.gg * v.gg * yx, of_c = v.p * v.gg * v.gg, of_g = v.p * (v.gg * hx - m.q * gx),
               of_h = v.p * v.gg * gx;
  arma::vec out(x.n_elem);
  for (arma::uword i = 0; i < x.n_elem; ++i)
    out[i] = exact::round_quotient(
        of_y * Dyadic::from(m.y[i]) + of_c * cx[i] - of_g * Dyadic::from(m.g[i]) - of_h * m.h[i], of_c);
  return out;
}

double GeneralMetric::quadratic_form(const arma::vec& x) const {
  const State& m = *state_;
  check_argument(m, x, "x");
  const auto& v = m.pair;
  const Dyadic gx = dense::dot(span_of(m.g), span_of(x)), yx = dense::dot(span_of(m.y), span_of(x));
  const Dyadic hx = dot(span_of(x), m.h);
  const Dyadic xcx = m.form == Form::basis ? square_sum(column_dots(m.c, span_of(x)))
                                           : dot(span_of(x), m.product(span_of(x)));
  const Dyadic gg2 = v.gg * v.gg;
  return exact::round_quotient(yx * yx * gg2 + v.p * (gg2 * xcx - (v.gg * gx * hx).scaled(1) + gx * gx * m.q),
                               v.p * gg2);
}

EnclosedVector GeneralMetric::solve(const arma::vec& x) const {
  const State& m = *state_;
  check_argument(m, x, "x");
  const FloatScope scope;
  const auto& pair = m.pair;
  const arma::uword n = x.n_elem;
  const Dyadic gx = dense::dot(span_of(m.g), span_of(x));
  Dyadics right(n);  // p (x - y (g.x)/p), in g^perp
  for (arma::uword i = 0; i < n; ++i) right[i] = pair.p * Dyadic::from(x[i]) - gx * Dyadic::from(m.y[i]);
  EnclosedVector box = no_box(n);
  if (std::all_of(right.begin(), right.end(), [](const Dyadic& r) { return r.is_zero(); })) {
    // x is a multiple of y.
    for (arma::uword i = 0; i < n; ++i)
      enclose(Dyadic::from(m.g[i]) * gx, pair.p, Dyadic(), box.value[i], box.radius[i]);
    return box;
  }
  if (m.form == Form::diagonal) return solve_diagonal(m, right, gx);

  Dyadics v(n), residual(n);  // residual: p gg^2 ((x - y (g.x)/p) - P C P v)
  for (arma::uword i = 0; i < n; ++i) residual[i] = pair.gg * pair.gg * right[i];
  Dyadic squares = square_sum(residual);
  const Dyadic y_across = root_up(quotient_up(pair.gram_determinant, pair.gg));  // |P y|
  const Dyadic one(std::uint64_t{1});
  for (int refinements = 0;; ++refinements) {
    bool settled = true;
    if (squares.is_zero() || !m.floor.is_zero()) {
      // An error w of v in g^perp becomes w - g (y.w)/p.
      const Dyadic off =
          squares.is_zero() ? Dyadic() : quotient_up(root_up(squares), pair.p * pair.gg * pair.gg * m.floor);
      const Dyadic along = gx - dot(span_of(m.y), v);
      for (arma::uword i = 0; i < n; ++i) {
        const Dyadic gi = Dyadic::from(m.g[i]);
        const Dyadic error = off * (one + quotient_up(magnitude(gi) * y_across, pair.p));
        enclose(pair.p * v[i] + gi * along, pair.p, error, box.value[i], box.radius[i]);
        settled = settled && tight(box.value[i], error);
      }
    } else {
      settled = false;
    }
    if (settled) return box;
    if (refinements == most_refinements || m.inverse.is_empty()) break;
    const ScaledVector r = normalised(residual);
    ScaledVector step = approximate(m, r.x);
    if (!step.x.is_finite() || !arma::any(step.x != 0)) break;
    // residual/(p gg^2) = 2^k r; p gg^2 is divided out to a double, which is as good as it needs to be.
    const Dyadic denominator = pair.p * pair.gg * pair.gg;
    const std::int64_t by = denominator.log2_floor();
    const double fraction = exact::round(denominator.scaled(-by));
    step.x /= fraction;
    step.k += r.k - by;
    const Dyadics image = m.projected_product(span_of(step.x));
    Dyadics next(n);
    for (arma::uword i = 0; i < n; ++i) next[i] = residual[i] - (pair.p * image[i]).scaled(step.k);
    const Dyadic next_squares = square_sum(next);
    if (!(next_squares.scaled(4) < squares)) break;
    residual = std::move(next);
    squares = next_squares;
    for (arma::uword i = 0; i < n; ++i) v[i] = v[i] + Dyadic::from(step.x[i]).scaled(step.k);
  }
  if (n <= exact_limit) return solve_exactly(m, right, gx);
  // An element that vanishes is never reached, but a solution in doubles can be recognised.
  arma::vec guess = box.value;
  for (arma::uword i = 0; i < n; ++i)
    if (std::abs(guess[i]) <= box.radius[i]) guess[i] = 0;
  if (!(dense::dot(span_of(m.y), span_of(guess)) == gx)) return box;
  const Dyadics image = m.projected_product(span_of(guess));
  for (arma::uword i = 0; i < n; ++i)
    if (!(pair.gg * pair.gg * right[i] == pair.p * image[i])) return box;
  return {guess, arma::vec(n, arma::fill::zeros)};
}

arma::mat GeneralMetric::dense() const {
  const State& m = *state_;
  const auto& v = m.pair;
  const arma::uword n = m.g.n_elem;
  const Dyadic gg2 = v.gg * v.gg, denominator = v.p * gg2;
  // gg^2 y_i y_j + p gg^2 C_ij - g_i f_j - f_i g_j, f = p (gg h - q g/2)
  Dyadics f(n), y(n);
  for (arma::uword i = 0; i < n; ++i) {
    f[i] = v.p * (v.gg * m.h[i] - m.q.scaled(-1) * Dyadic::from(m.g[i]));
    y[i] = gg2 * Dyadic::from(m.y[i]);
  }
  const arma::mat rows = m.form == Form::basis ? arma::mat(m.c.t()) : arma::mat();
  arma::mat out(n, n);
  parallel_for(n, [&](std::size_t j) {
    for (std::size_t i = j; i < n; ++i) {
      Dyadic c;
      if (m.form == Form::basis) c = dense::dot(column(rows, i), column(rows, j));
      if (m.form == Form::block) c = Dyadic::from(m.c(i, j));
      if (m.form == Form::diagonal && i == j) c = Dyadic::from(m.c[i]);
      const Dyadic entry = y[i] * Dyadic::from(m.y[j]) + denominator * c - Dyadic::from(m.g[i]) * f[j] -
                           f[i] * Dyadic::from(m.g[j]);
      out(i, j) = out(j, i) = exact::round_quotient(entry, denominator);
    }
  });
  return out;
}

// ------------------------------------------------------------------------------------------ the factor

namespace {

/// sqrt(p) if it is dyadic.
std::optional<Dyadic> exact_root(const Dyadic& p) {
  if ((p.exponent() & 1) != 0 || mpz_perfect_square_p(p.mantissa().backend().data()) == 0)
    return std::nullopt;
  Integer root;
  mpz_sqrt(root.backend().data(), p.mantissa().backend().data());
  return Dyadic(std::move(root), p.exponent() / 2);
}

/// z/sqrt(p) correctly rounded.
double over_root(const Dyadic& z, const Dyadic& p) {
  const double result = exact::round_root(z * z, p);
  return z.sign() < 0 ? std::bit_cast<double>(std::bit_cast<std::uint64_t>(result) ^ std::uint64_t{1} << 63)
                      : result;
}

}  // namespace

arma::vec GeneralMetric::factor_apply(const arma::vec& z) const {
  const State& m = *state_;
  check_basis(m, "factor_apply");
  check_argument(m, z, "z");
  const auto& v = m.pair;
  const arma::uword n = z.n_elem;
  Dyadics c(n - 1);
  Dyadic along;
  for (arma::uword j = 1; j < n; ++j) {
    c[j - 1] = Dyadic::from(z[j]);
    along = along + m.ug[j - 1] * c[j - 1];
  }
  const Dyadics uc = combine(m.c, c, m.unit);
  const Dyadic first = Dyadic::from(z[0]);
  const auto root = exact_root(v.p);
  const exact::MpfrScope scope;
  arma::vec out(n);
  for (arma::uword i = 0; i < n; ++i) {
    const Dyadic across = v.gg * uc[i] - Dyadic::from(m.g[i]) * along;  // gg (P U c)_i
    const Dyadic by_y = Dyadic::from(m.y[i]) * first;
    if (by_y.is_zero()) {
      out[i] = exact::round_quotient(across, v.gg);
    } else if (root) {
      out[i] = exact::round_quotient(across * *root + by_y * v.gg, v.gg * *root);
    } else {  // irrational
      out[i] = exact::round_by_enclosure([&](mpfr_prec_t precision) {
        return Interval(by_y, precision) / sqrt(Interval(v.p, precision)) +
               Interval(across, precision) / Interval(v.gg, precision);
      });
    }
  }
  return out;
}

arma::vec GeneralMetric::factor_transpose_apply(const arma::vec& x) const {
  const State& m = *state_;
  check_basis(m, "factor_transpose_apply");
  check_argument(m, x, "x");
  const Dyadic gx = dense::dot(span_of(m.g), span_of(x));
  const Dyadics ux = column_dots(m.c, span_of(x));
  arma::vec out(x.n_elem);
  out[0] = over_root(dense::dot(span_of(m.y), span_of(x)), m.pair.p);
  for (arma::uword j = 1; j < x.n_elem; ++j)
    out[j] = exact::round_quotient(m.pair.gg * ux[j - 1] - m.ug[j - 1] * gx, m.pair.gg);
  return out;
}

EnclosedVector GeneralMetric::factor_solve(const arma::vec& x) const {
  const State& m = *state_;
  check_basis(m, "factor_solve");
  check_argument(m, x, "x");
  const FloatScope scope;
  const auto& p = m.pair.p;
  const arma::uword n = x.n_elem;
  const Dyadic gx = dense::dot(span_of(m.g), span_of(x));
  EnclosedVector box = no_box(n);
  const double first = over_root(gx, p);
  const auto head = [&] {
    box.value[0] = std::abs(first) > largest ? std::copysign(largest, first) : first;
    // Half an ulp, the rounding being correct.
    box.radius[0] = gx.is_zero()                ? 0
                    : std::abs(first) > largest ? infinity
                                                : exact::round(ulp(first).scaled(-1), Direction::up);
  };
  head();
  if (n == 1) return box;
  // [g U] c = x - y (g.x)/p, all times p.
  Dyadics residual(n), c(n);
  for (arma::uword i = 0; i < n; ++i) residual[i] = p * Dyadic::from(x[i]) - gx * Dyadic::from(m.y[i]);
  const Dyadics right = residual;
  Dyadic squares = square_sum(residual);
  const std::int64_t by = p.log2_floor();
  const double fraction = exact::round(p.scaled(-by));
  for (int refinements = 0;; ++refinements) {
    bool settled = true;
    if (squares.is_zero() || !m.least_value.is_zero()) {
      const Dyadic off = squares.is_zero() ? Dyadic() : quotient_up(root_up(squares), p * m.least_value);
      for (arma::uword j = 1; j < n; ++j) {
        const Dyadic error = off.scaled(-m.exponents[j]);
        enclose(c[j], Dyadic(std::uint64_t{1}), error, box.value[j], box.radius[j]);
        settled = settled && tight(box.value[j], error);
      }
    } else {
      settled = false;
    }
    if (settled) return box;
    if (refinements == most_refinements || m.inverse.is_empty()) break;
    const ScaledVector r = normalised(residual);
    const arma::vec step = m.inverse * r.x / fraction;
    if (!step.is_finite() || !arma::any(step != 0)) break;
    Dyadics moved(n);
    for (arma::uword j = 0; j < n; ++j) moved[j] = Dyadic::from(step[j]).scaled(r.k - by - m.exponents[j]);
    const Dyadics image = combine(m.c, Dyadics(moved.begin() + 1, moved.end()), m.unit);
    Dyadics next(n);
    for (arma::uword i = 0; i < n; ++i)
      next[i] = residual[i] - p * (image[i] + Dyadic::from(m.g[i]) * moved[0]);
    const Dyadic next_squares = square_sum(next);
    if (!(next_squares.scaled(4) < squares)) break;
    residual = std::move(next);
    squares = next_squares;
    for (arma::uword j = 0; j < n; ++j) c[j] = c[j] + moved[j];
  }
  if (n > exact_limit) return box;
  ExactMatrix whole(n, Dyadics(n));
  for (arma::uword i = 0; i < n; ++i)
    for (arma::uword j = 0; j < n; ++j) whole[i][j] = Dyadic::from(j == 0 ? m.g[i] : m.c(i, j - 1));
  const auto s = eliminate(whole, right);
  if (!s) return box;
  for (arma::uword j = 1; j < n; ++j)
    enclose(s->numerators[j], s->determinant * p, Dyadic(), box.value[j], box.radius[j]);
  return box;
}

}  // namespace natgrad
