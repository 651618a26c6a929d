// natgrad: M(a) as an operator. Every result is an exact linear combination of g, y and x (with coefficients
// that are exact, or for roots and factors known to many bits), rounded once per element.
#include "natgrad/canonical_form.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "combination.hpp"
#include "doubles.hpp"
#include "exact.hpp"
#include "fast.hpp"
#include "float_scope.hpp"
#include "kernels/kernels.hpp"
#include "pair.hpp"

namespace natgrad {

using exact::Dyadic;
using exact::Integer;
using exact::Interval;

struct MetricState {
  MetricState(std::span<const double> g_in, std::span<const double> y_in, Gram gram_in, Alpha alpha_in,
              exact::PairNumbers pair_in, exact::AlphaTimesP ap_in)
      : g(g_in),
        y(y_in),
        gram(gram_in),
        alpha(alpha_in),
        pair(std::move(pair_in)),
        ap(std::move(ap_in.numerator)),
        k(std::move(ap_in.denominator)),
        fast(gram, alpha) {}

  std::vector<double> owned_g, owned_y;  // empty for views
  std::span<const double> g, y;
  Gram gram;
  Alpha alpha;
  exact::PairNumbers pair;
  Dyadic ap, k;  // a p = ap/k, k = 1 unless a is that of a trace; for D = 1, M = y/g, that of a*
  fast::Coefficients fast;
};

namespace {

void check_length(const MetricState& m, std::size_t size, const char* name) {
  if (size != m.g.size()) {
    throw ContractError(std::string(name) + " has " + std::to_string(size) +
                        " elements; the metric has dimension " + std::to_string(m.g.size()));
  }
}

/// Elements are made one after the other: with an overlap in part, some would be read after they were
/// replaced.
template <class T>
void check_output(const MetricState& m, std::span<const T> x, std::span<const T> out) {
  check_length(m, out.size(), "out");
  const std::less<const void*> before;
  const auto overlaps_in_part = [&](auto in) {
    const void* const begin = in.data();
    const bool same = begin == out.data() && sizeof(*in.data()) == sizeof(T);
    return !same && before(begin, out.data() + out.size()) && before(out.data(), in.data() + in.size());
  };
  const auto refuse = [](const char* name) {
    throw ContractError(std::string("out overlaps ") + name +
                        " in part; it may be the same memory, or apart");
  };
  if (overlaps_in_part(x)) refuse("x");
  if (overlaps_in_part(m.g)) refuse("g");
  if (overlaps_in_part(m.y)) refuse("y");
}

/// x.x. @pre x is finite
Dyadic squared_norm(std::span<const double> x) {
  ExactSum::Words words{};
  kernels::dot(x.data(), x.data(), x.size(), words);
  return Dyadic::from(ExactSum(words));
}

/// The exact products of x with the pair.
struct Dots {
  /// A non-finite element of x is refused by name.
  template <class T>
  Dots(const MetricState& m, std::span<const T> x) {
    check_length(m, x.size(), "x");
    ExactSum::Words g_words{}, y_words{};
    const std::size_t bad = kernels::dots(m.g.data(), m.y.data(), x.data(), x.size(), g_words, y_words);
    if (bad != x.size()) throw NonFiniteError("x", bad, x[bad]);
    gx = ExactSum(g_words);
    yx = ExactSum(y_words);
  }
  Dots(const ExactSum& gx_in, const ExactSum& yx_in) : gx(gx_in), yx(yx_in) {}

  ExactSum gx, yx;
};

/// out_i = (y y_i + x x_i + g g_i)/denominator.
struct Combination {
  Dyadic y, x, g, denominator{std::uint64_t{1}};
};

/// Elements of a combination for whoever wants one: the combination is made when the first is wanted.
template <class T, class Make>
class ExactElements {
 public:
  ExactElements(const MetricState& m, std::span<const T> x, Make make) : m_(m), x_(x), make_(make) {}

  const Combination& combination() {
    std::call_once(made_, [this] { combination_ = make_(); });
    return combination_;
  }

  T operator()(std::size_t i) {
    const Combination& c = combination();
    const Dyadic sum = c.y * Dyadic::from(m_.y[i]) + c.x * Dyadic::from(static_cast<double>(x_[i])) +
                       c.g * Dyadic::from(m_.g[i]);
    if constexpr (std::is_same_v<T, float>) {
      return exact::round_quotient_to_float(sum, c.denominator);
    } else {
      return exact::round_quotient(sum, c.denominator);
    }
  }

 private:
  const MetricState& m_;
  std::span<const T> x_;
  Make make_;
  std::once_flag made_;
  Combination combination_;
};

/// Coefficients that are good enough for nearly all elements, from double-word arithmetic.
std::optional<kernels::Combination> fast_coefficients(const MetricState& m, fast::Operator which,
                                                      const Dots& dots) {
  // Less accurate ones, after cancellation, would leave too many elements to exact arithmetic.
  constexpr double good_enough = 0x1p-85;
  kernels::Coefficient found[3];
  if (!m.fast.of(which, dots.gx, dots.yx, found)) return std::nullopt;
  kernels::Combination c{};
  for (int k = 0; k < 3; ++k) {
    c.high[k] = found[k].hi;
    c.low[k] = found[k].lo;
    if (is_zero(found[k].error)) continue;
    const double relative = found[k].error / std::abs(found[k].hi) * (1 + 0x1p-40);
    if (!(relative <= good_enough)) return std::nullopt;
    c.relative_error = std::max(c.relative_error, relative);
  }
  return c;
}

/// Coefficients that are as accurate as two doubles can be, from the exact ones.
std::optional<kernels::Combination> best_coefficients(const Combination& c) {
  const std::array<const Dyadic*, 3> numerators = {&c.y, &c.x, &c.g};
  return in_twice_the_precision(
      [&](int k, double h) {
        return exact::round_quotient(*numerators[k] - Dyadic::from(h) * c.denominator, c.denominator);
      },
      [&](int k) { return numerators[k]->is_zero(); });
}

/// out = the operator's result, each element correctly rounded. `make(dots)` gives the exact combination.
template <class T, class Make>
void evaluate(const MetricState& m, fast::Operator which, std::span<const T> x, std::span<T> out, Make make) {
  const DoubleScope float_scope;
  const Dots dots(m, x);
  check_output<T>(m, x, out);
  ExactElements<T, std::function<Combination()>> exact(m, x, [&] { return make(dots); });
  std::optional<kernels::Combination> c = fast_coefficients(m, which, dots);
  if (!c) c = best_coefficients(exact.combination());
  kernels::combine(c, m.y.data(), x.data(), m.g.data(), out.data(), out.size(),
                   std::function<T(std::size_t)>(std::ref(exact)));
}

/// Likewise for every column of x.
template <class Make>
arma::mat evaluate_columns(const MetricState& m, fast::Operator which, const arma::mat& x, Make make) {
  check_length(m, x.n_rows, "a column of x");
  const DoubleScope float_scope;
  std::vector<ExactSum::Words> gx(x.n_cols), yx(x.n_cols);
  const std::size_t bad =
      kernels::dots_of_columns(m.g.data(), m.y.data(), x.memptr(), x.n_rows, x.n_cols, gx.data(), yx.data());
  if (bad != x.n_cols) {
    const double* const column = x.colptr(bad);
    const auto row = static_cast<std::size_t>(
        std::find_if(column, column + x.n_rows, [](double e) { return !is_finite(e); }) - column);
    throw NonFiniteError("x.col(" + std::to_string(bad) + ")", row, column[row]);
  }
  using Exact = ExactElements<double, std::function<Combination()>>;
  std::vector<std::optional<kernels::Combination>> coefficients(x.n_cols);
  std::vector<std::unique_ptr<Exact>> exact(x.n_cols);
  for (std::size_t k = 0; k < x.n_cols; ++k) {
    const Dots dots{ExactSum(gx[k]), ExactSum(yx[k])};
    exact[k] =
        std::make_unique<Exact>(m, std::span(x.colptr(k), x.n_rows), [&make, dots] { return make(dots); });
    coefficients[k] = fast_coefficients(m, which, dots);
    if (!coefficients[k]) coefficients[k] = best_coefficients(exact[k]->combination());
  }
  arma::mat out(x.n_rows, x.n_cols, arma::fill::none);
  kernels::combine_columns(coefficients.data(), m.y.data(), x.memptr(), m.g.data(), out.memptr(), x.n_rows,
                           x.n_cols, [&](std::size_t i, std::size_t column) { return (*exact[column])(i); });
  return out;
}

/// Coefficients of y, x and g that are irrational, as enclosures.
struct EnclosedCombination {
  Interval y, x, g;
};

/// The irrational numbers that roots and factors are made of, at one precision.
struct RootNumbers {
  RootNumbers(const MetricState& m, const Dots& dots, mpfr_prec_t precision)
      : precision_(precision),
        gg(number(m.pair.gg)),
        p(number(m.pair.p)),
        yy(number(m.pair.yy)),
        gx(number(Dyadic::from(dots.gx))),
        yx(number(Dyadic::from(dots.yx))),
        a(number(m.ap) / number(m.k * m.pair.p)),
        a_star(yy / p),
        root_a(sqrt(a)),
        delta(sqrt(number(m.ap) / number(m.k * m.pair.gg))),
        tau(sqrt(a + a_star + scaled(delta, 1))),
        // K x = k_y y + k_g g
        k_y(yx / yy - p * gx / (gg * yy)),
        k_g(gx / gg - p * yx / (gg * yy)) {}

  Interval number(const Dyadic& x) const { return Interval(x, precision_); }
  Interval one() const { return number(Dyadic(std::uint64_t{1})); }

  mpfr_prec_t precision_;
  Interval gg, p, yy, gx, yx, a, a_star, root_a, delta, tau, k_y, k_g;
};

/// Exact stand-ins for coefficients that `formula(RootNumbers)` encloses. Their relative accuracy grows with
/// 1/c^2, because that is how much the three terms of an element can cancel.
template <class Formula>
Combination stand_ins(const MetricState& m, const Dots& dots, Formula formula) {
  const auto& v = m.pair;
  const std::int64_t cancellation = (v.gg * v.yy).log2_floor() - (v.p * v.p).log2_floor() + 1;
  const long wanted =
      MetricOperator::coefficient_bits + static_cast<long>(std::max<std::int64_t>(0, cancellation));
  const exact::MpfrScope scope;
  // A coefficient that is exactly 0 although its parts are not never becomes accurate: hence the bound.
  const mpfr_prec_t most = 16 * (wanted + 64);
  for (mpfr_prec_t precision = wanted + 64;; precision *= 2) {
    const EnclosedCombination c = formula(RootNumbers(m, dots, precision));
    const bool accurate = c.y.accurate_to(wanted) && c.x.accurate_to(wanted) && c.g.accurate_to(wanted);
    if (accurate || precision >= most) return {c.y.left(), c.x.left(), c.g.left()};
  }
}

template <class Formula>
void evaluate_enclosed(const MetricState& m, fast::Operator which, std::span<const double> x,
                       std::span<double> out, Formula formula) {
  evaluate<double>(m, which, x, out, [&](const Dots& dots) { return stand_ins(m, dots, formula); });
}

template <class Operation>
arma::vec on_column(const arma::vec& x, Operation operation) {
  arma::vec out(x.n_elem, arma::fill::none);
  operation(std::span<const double>(x.memptr(), x.n_elem), std::span<double>(out.memptr(), out.n_elem));
  return out;
}

std::shared_ptr<MetricState> view_state(std::span<const double> g, std::span<const double> y,
                                        const Gram& gram, Alpha a) {
  if (gram.judge().verdict != Verdict::effective) return nullptr;
  exact::PairNumbers pair(gram);
  auto ap = exact::alpha_times_p(pair, a);
  if (!ap) return nullptr;
  return std::make_shared<MetricState>(g, y, gram, a, std::move(pair), std::move(*ap));
}

/// Copies the vectors, widening floats exactly.
template <class T>
std::shared_ptr<MetricState> owning_state(std::span<const T> g, std::span<const T> y, Alpha a) {
  auto state = view_state({}, {}, Gram::of(g, y), a);
  if (!state) return nullptr;
  state->owned_g.assign(g.begin(), g.end());
  state->owned_y.assign(y.begin(), y.end());
  state->g = state->owned_g;
  state->y = state->owned_y;
  return state;
}

}  // namespace

MetricOperator::MetricOperator(std::shared_ptr<const MetricState> state) : state_(std::move(state)) {}

std::uint64_t MetricOperator::dimension() const noexcept {
  return state_->gram.dimension();
}
const Gram& MetricOperator::gram() const noexcept {
  return state_->gram;
}
Alpha MetricOperator::alpha() const noexcept {
  return state_->alpha;
}
std::span<const double> MetricOperator::g() const noexcept {
  return state_->g;
}
std::span<const double> MetricOperator::y() const noexcept {
  return state_->y;
}
Scalars MetricOperator::scalars() const {
  return natgrad::scalars(gram(), alpha());
}

// ------------------------------------------------------------------------- rational: correctly rounded

namespace {

/// (k gg (y.x) y + ap gg x - ap (g.x) g)/(k p gg)
auto apply_combination(const MetricState& m) {
  return [&m](const Dots& d) -> Combination {
    const auto& v = m.pair;
    const Dyadic gx = Dyadic::from(d.gx), yx = Dyadic::from(d.yx);
    return {m.k * v.gg * yx, m.ap * v.gg, -(m.ap * gx), m.k * v.p * v.gg};
  };
}

/// (k p^2 x - k p (g.x) y + ((k yy + ap)(g.x) - k p (y.x)) g)/(ap p)
auto solve_combination(const MetricState& m) {
  return [&m](const Dots& d) -> Combination {
    const auto& v = m.pair;
    const Dyadic gx = Dyadic::from(d.gx), yx = Dyadic::from(d.yx), kp = m.k * v.p;
    return {-(kp * gx), kp * v.p, (m.k * v.yy + m.ap) * gx - kp * yx, m.ap * v.p};
  };
}

}  // namespace

void MetricOperator::apply(std::span<const double> x, std::span<double> out) const {
  evaluate<double>(*state_, fast::Operator::apply, x, out, apply_combination(*state_));
}
void MetricOperator::apply(std::span<const float> x, std::span<float> out) const {
  evaluate<float>(*state_, fast::Operator::apply, x, out, apply_combination(*state_));
}
arma::mat MetricOperator::apply_columns(const arma::mat& x) const {
  return evaluate_columns(*state_, fast::Operator::apply, x, apply_combination(*state_));
}

void MetricOperator::solve(std::span<const double> x, std::span<double> out) const {
  evaluate<double>(*state_, fast::Operator::solve, x, out, solve_combination(*state_));
}
void MetricOperator::solve(std::span<const float> x, std::span<float> out) const {
  evaluate<float>(*state_, fast::Operator::solve, x, out, solve_combination(*state_));
}
arma::mat MetricOperator::solve_columns(const arma::mat& x) const {
  return evaluate_columns(*state_, fast::Operator::solve, x, solve_combination(*state_));
}

double MetricOperator::quadratic_form(std::span<const double> x) const {
  const auto& m = *state_;
  const auto& v = m.pair;
  const Dots d(m, x);
  const Dyadic gx = Dyadic::from(d.gx), yx = Dyadic::from(d.yx), xx = squared_norm(x);
  return exact::round_quotient(m.k * yx * yx * v.gg + m.ap * (xx * v.gg - gx * gx), m.k * v.p * v.gg);
}

double MetricOperator::inverse_quadratic_form(std::span<const double> x) const {
  const auto& m = *state_;
  const auto& v = m.pair;
  const Dots d(m, x);
  const Dyadic gx = Dyadic::from(d.gx), yx = Dyadic::from(d.yx), xx = squared_norm(x);
  const Dyadic kp = m.k * v.p;
  return exact::round_quotient(kp * v.p * xx - (kp * gx * yx).scaled(1) + (m.k * v.yy + m.ap) * gx * gx,
                               m.ap * v.p);
}

// ------------------------------------------------------------------------------------ roots and factors

void MetricOperator::root_apply(std::span<const double> x, std::span<double> out) const {
  evaluate_enclosed(*state_, fast::Operator::root_apply, x, out, [](const RootNumbers& n) {
    const Interval k = n.a * n.a_star / (n.tau * (n.a + n.delta + n.root_a * n.tau));
    return EnclosedCombination{n.yx / (n.p * n.tau) - k * n.k_y, n.root_a,
                               n.number(Dyadic()) - n.a * n.gx / (n.gg * n.tau) - k * n.k_g};
  });
}

void MetricOperator::root_solve(std::span<const double> x, std::span<double> out) const {
  evaluate_enclosed(*state_, fast::Operator::root_solve, x, out, [](const RootNumbers& n) {
    const Interval td = n.tau * n.delta;
    const Interval k = n.a * n.a_star * (n.a_star + scaled(n.delta, 1)) /
                       (td * n.root_a * (n.root_a * (n.a_star + n.delta) + td));
    return EnclosedCombination{k * n.k_y - n.yx / (n.p * td), n.one() / n.root_a,
                               n.a * n.gx / (n.gg * td) + k * n.k_g};
  });
}

void MetricOperator::factor_apply(std::span<const double> x, std::span<double> out) const {
  evaluate_enclosed(*state_, fast::Operator::factor_apply, x, out, [](const RootNumbers& n) {
    const Interval weight = n.gx / sqrt(n.p * n.gg);
    return EnclosedCombination{weight, n.root_a, n.number(Dyadic()) - n.delta * weight};
  });
}

void MetricOperator::factor_transpose_apply(std::span<const double> x, std::span<double> out) const {
  evaluate_enclosed(*state_, fast::Operator::factor_transpose_apply, x, out, [](const RootNumbers& n) {
    return EnclosedCombination{n.number(Dyadic()), n.root_a, (n.yx - n.delta * n.gx) / sqrt(n.p * n.gg)};
  });
}

void MetricOperator::factor_solve(std::span<const double> x, std::span<double> out) const {
  evaluate_enclosed(*state_, fast::Operator::factor_solve, x, out, [](const RootNumbers& n) {
    const Interval weight = n.gx / (n.p * n.root_a);
    return EnclosedCombination{n.number(Dyadic()) - weight, n.one() / n.root_a, n.delta * weight};
  });
}

void MetricOperator::factor_transpose_solve(std::span<const double> x, std::span<double> out) const {
  evaluate_enclosed(*state_, fast::Operator::factor_transpose_solve, x, out, [](const RootNumbers& n) {
    return EnclosedCombination{n.number(Dyadic()), n.one() / n.root_a,
                               (n.delta * n.gx - n.yx) / (n.p * n.root_a)};
  });
}

namespace {

/// Runs the factorisation: calls `column(j, u, v, current, previous)` with k times the exact numerators of
/// u_j and v_j, N_j and N_{j-1}. No term of N is negative.
template <class Column>
void factorise(const MetricState& m, Column column) {
  Dyadic shifted_y = m.ap, cross, tail = m.pair.gg, previous = m.ap * m.pair.gg;
  for (std::size_t j = 0; j < m.g.size(); ++j) {
    const Dyadic g = Dyadic::from(m.g[j]), y = Dyadic::from(m.y[j]);
    const Dyadic u = m.k * (tail * y + cross * g), v = m.k * cross * y - shifted_y * g;
    shifted_y = shifted_y + m.k * y * y;
    cross = cross + g * y;
    tail = tail - g * g;
    const Dyadic current = shifted_y * tail + m.k * cross * cross;
    column(j, u, v, current, previous);
    previous = current;
  }
}

}  // namespace

LdlFactor::LdlFactor(std::shared_ptr<const MetricState> metric)
    : pivots(metric->g.size()),
      u(metric->g.size()),
      v(metric->g.size()),
      g(metric->g.data(), metric->g.size()),
      y(metric->y.data(), metric->y.size()),
      metric_(std::move(metric)) {
  factorise(*metric_, [this](std::size_t j, const Dyadic& u_j, const Dyadic& v_j, const Dyadic& current,
                             const Dyadic& previous) {
    pivots[j] = exact::round_quotient(metric_->ap * current, metric_->k * metric_->pair.p * previous);
    u[j] = exact::round_quotient(u_j, current);
    v[j] = exact::round_quotient(v_j, current);
  });
}

arma::mat LdlFactor::dense_l() const {
  if (!metric_) throw ContractError("dense_l: this LdlFactor was moved from");
  const auto& m = *metric_;
  arma::mat l(m.g.size(), m.g.size(), arma::fill::eye);
  factorise(m,
            [&](std::size_t j, const Dyadic& u_j, const Dyadic& v_j, const Dyadic& current, const Dyadic&) {
              for (std::size_t i = j + 1; i < m.g.size(); ++i) {
                const Dyadic entry = Dyadic::from(m.y[i]) * u_j + Dyadic::from(m.g[i]) * v_j;
                l(i, j) = exact::round_quotient(entry, current);
              }
            });
  return l;
}

LdlFactor MetricOperator::ldl() const {
  return LdlFactor(state_);
}

arma::mat MetricOperator::dense() const {
  const auto& m = *state_;
  const auto& v = m.pair;
  const std::size_t n = m.g.size();
  arma::mat dense(n, n, arma::fill::none);
  const Dyadic denominator = m.k * v.p * v.gg, diagonal = m.ap * v.gg, k_gg = m.k * v.gg;
  for (std::size_t j = 0; j < n; ++j) {
    const Dyadic by_y = k_gg * Dyadic::from(m.y[j]), by_g = m.ap * Dyadic::from(m.g[j]);
    for (std::size_t i = j; i < n; ++i) {
      Dyadic entry = by_y * Dyadic::from(m.y[i]) - by_g * Dyadic::from(m.g[i]);
      if (i == j) entry = entry + diagonal;
      dense(i, j) = dense(j, i) = exact::round_quotient(entry, denominator);
    }
  }
  return dense;
}

std::vector<Eigenvalue> MetricOperator::spectrum() const {
  const auto& v = state_->pair;
  const std::uint64_t n = dimension();
  const double low = *lambda_min(gram(), alpha()), high = *lambda_max(gram(), alpha());
  if (n == 1) return {{low, 1}};
  const bool parallel = v.gram_determinant.is_zero();
  const Dyadic star = state_->k * v.yy;
  if (parallel && state_->ap == star) return {{low, n}};
  // s = 0: r once and a elsewhere; otherwise a lies strictly between the two on the plane of g and y.
  if (parallel && state_->ap < star) return {{low, n - 1}, {high, 1}};
  if (parallel) return {{low, 1}, {high, n - 1}};
  if (n == 2) return {{low, 1}, {high, 1}};
  return {{low, 1}, {*natgrad::alpha(gram(), alpha()), n - 2}, {high, 1}};
}

// --------------------------------------------------------------------------------- Armadillo columns

arma::vec MetricOperator::apply(const arma::vec& x) const {
  return on_column(x, [&](auto in, auto out) { apply(in, out); });
}
arma::vec MetricOperator::solve(const arma::vec& x) const {
  return on_column(x, [&](auto in, auto out) { solve(in, out); });
}
double MetricOperator::quadratic_form(const arma::vec& x) const {
  return quadratic_form(as_span(x));
}
double MetricOperator::inverse_quadratic_form(const arma::vec& x) const {
  return inverse_quadratic_form(as_span(x));
}
arma::vec MetricOperator::root_apply(const arma::vec& x) const {
  return on_column(x, [&](auto in, auto out) { root_apply(in, out); });
}
arma::vec MetricOperator::root_solve(const arma::vec& x) const {
  return on_column(x, [&](auto in, auto out) { root_solve(in, out); });
}
arma::vec MetricOperator::factor_apply(const arma::vec& x) const {
  return on_column(x, [&](auto in, auto out) { factor_apply(in, out); });
}
arma::vec MetricOperator::factor_transpose_apply(const arma::vec& x) const {
  return on_column(x, [&](auto in, auto out) { factor_transpose_apply(in, out); });
}
arma::vec MetricOperator::factor_solve(const arma::vec& x) const {
  return on_column(x, [&](auto in, auto out) { factor_solve(in, out); });
}
arma::vec MetricOperator::factor_transpose_solve(const arma::vec& x) const {
  return on_column(x, [&](auto in, auto out) { factor_transpose_solve(in, out); });
}

// ------------------------------------------------------------------------------------------ factories

std::optional<Metric> Metric::make(std::span<const double> g, std::span<const double> y, Alpha a) {
  auto state = owning_state(g, y, a);
  if (!state) return std::nullopt;
  return Metric(std::move(state));
}

std::optional<Metric> Metric::make(std::span<const float> g, std::span<const float> y, Alpha a) {
  auto state = owning_state(g, y, a);
  if (!state) return std::nullopt;
  return Metric(std::move(state));
}

std::optional<Metric> Metric::make(const arma::vec& g, const arma::vec& y, Alpha a) {
  return make(as_span(g), as_span(y), a);
}

std::optional<MetricView> MetricView::make(std::span<const double> g, std::span<const double> y, Alpha a) {
  return make(g, y, Gram::of(g, y), a);
}

std::optional<MetricView> MetricView::make(std::span<const double> g, std::span<const double> y,
                                           const Gram& gram, Alpha a) {
  if (g.size() != y.size() || g.size() != gram.dimension()) {
    throw ContractError("g has " + std::to_string(g.size()) + " elements, y has " + std::to_string(y.size()) +
                        " and their Gram has dimension " + std::to_string(gram.dimension()) +
                        "; they must agree");
  }
  auto state = view_state(g, y, gram, a);
  if (!state) return std::nullopt;
  return MetricView(std::move(state));
}

}  // namespace natgrad
