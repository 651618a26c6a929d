// natgrad: finite steps: certificates, discrete gradients, and how far they are from the gradient.
//
// Everything but the error estimate of the quadrature is exact until it is rounded once. No scope for
// floating-point settings is alive while a callback runs: it finds its caller's.
#include "natgrad/discrete_taylor.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <boost/math/quadrature/gauss_kronrod.hpp>
#include <cmath>
#include <deque>
#include <limits>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "doubles.hpp"
#include "exact.hpp"
#include "float_scope.hpp"
#include "pair.hpp"

namespace natgrad {
namespace {

using exact::Direction;
using exact::Dyadic;
using exact::Integer;
using exact::Interval;
using exact::MpfrScope;
using exact::PairNumbers;
using Doubles = std::span<const double>;

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

// ------------------------------------------------------------ doubles by their bits, and checks of arguments

/// Equal values; a comparison would take subnormals for zero under denormals-are-zero.
bool same(double x, double z) {
  return bits_of(x) == bits_of(z) || (is_zero(x) && is_zero(z));
}
/// The neighbour towards 0 of a finite x > 0, and the neighbour away from it of x >= 0.
double toward_zero(double x) {
  return std::bit_cast<double>(bits_of(x) - 1);
}
double away_from_zero(double x) {
  return std::bit_cast<double>(bits_of(x) + 1);
}

void require_finite(double x, const char* name) {
  if (!is_finite(x)) throw ContractError(fmt::format("{} is {}; it must be finite", name, x));
}
void require_non_negative(double x, const char* name) {
  if (!is_finite(x) || is_negative(x)) {
    throw ContractError(fmt::format("{} is {}; it must be finite and >= 0", name, x));
  }
}
void require_positive(double x, const char* name) {
  if (!is_finite(x) || is_negative(x) || is_zero(x)) {
    throw ContractError(fmt::format("{} is {}; it must be finite and > 0", name, x));
  }
}
void require_dimension(const Gram& gram) {
  if (gram.dimension() == 0) throw ContractError("gram has dimension 0; it must be at least 1");
}
void require_step(const Gram& gram, double eta, double lipschitz) {
  require_dimension(gram);
  require_positive(eta, "eta");
  require_non_negative(lipschitz, "lipschitz");
}
void require_finite_elements(Doubles x, const char* name) {
  for (std::size_t i = 0; i < x.size(); ++i)
    if (!is_finite(x[i])) throw NonFiniteError(name, i, x[i]);
}
void require_same_length(Doubles x, const char* x_name, Doubles z, const char* z_name) {
  if (x.size() != z.size()) {
    throw ContractError(fmt::format("{} has {} elements and {} has {}", x_name, x.size(), z_name, z.size()));
  }
}
void require_points(Doubles theta, Doubles theta_plus) {
  require_same_length(theta, "theta", theta_plus, "theta_plus");
  if (theta.empty()) throw ContractError("theta is empty");
  require_finite_elements(theta, "theta");
  require_finite_elements(theta_plus, "theta_plus");
}

// ------------------------------------------------------------------------------ exact numbers, rounded

Dyadic number(double x) {
  return Dyadic::from(x);
}
Dyadic absolute(const Dyadic& x) {
  return x.sign() < 0 ? -x : x;
}
Enclosure outward(const Dyadic& low, const Dyadic& high,
                  const Dyadic& denominator = Dyadic(std::uint64_t{1})) {
  return {exact::round_quotient(low, denominator, Direction::down),
          exact::round_quotient(high, denominator, Direction::up)};
}

/// The root of b where it is dyadic. @pre b >= 0
std::optional<Dyadic> exact_root(const Dyadic& b) {
  if (b.is_zero()) return b;
  // The mantissa is odd, so b is a square iff its mantissa is one and its exponent is even.
  if ((b.exponent() & 1) != 0 || mpz_perfect_square_p(b.mantissa().backend().data()) == 0)
    return std::nullopt;
  return Dyadic(boost::multiprecision::sqrt(b.mantissa()), b.exponent() / 2);
}

/// A number of 64 bits or so that is >= sqrt(b), by less than 2^-60 of it. @pre b >= 0
Dyadic root_above(const Dyadic& b) {
  if (const auto root = exact_root(b)) return *root;
  std::int64_t unit = std::min(b.exponent(), b.log2_floor() - 128);
  if ((unit & 1) != 0) --unit;
  return Dyadic(boost::multiprecision::sqrt(b.in_units(unit)) + 1, unit / 2);
}

/// Rounds an irrational number in a direction: never a double, so the two ends agree in the end.
template <class Enclose>
double round_irrational(Direction direction, Enclose enclose) {
  const MpfrScope scope;
  for (mpfr_prec_t precision = 128;; precision *= 2) {
    const Interval value = enclose(precision);
    const Dyadic right = -(Interval(Dyadic(), precision) - value).left();
    const double low = exact::round(value.left(), direction), high = exact::round(right, direction);
    if (bits_of(low) == bits_of(high)) return low;
  }
}

/// (a + sign sqrt(b))/c, rounded in a direction. @pre b >= 0, c > 0; a of any sign
double round_surd(const Dyadic& a, int sign, const Dyadic& b, const Dyadic& c, Direction direction) {
  if (const auto root = exact_root(b)) {
    return exact::round_quotient(sign > 0 ? a + *root : a - *root, c, direction);
  }
  return round_irrational(direction, [&](mpfr_prec_t precision) {
    const Interval root = sqrt(Interval(b, precision)), offset(a, precision);
    return (sign > 0 ? offset + root : offset - root) / Interval(c, precision);
  });
}

bool all_finite(Doubles x) {
  return std::all_of(x.begin(), x.end(), [](double element) { return is_finite(element); });
}
std::vector<double> negated(Doubles x) {
  std::vector<double> out(x.size());
  std::transform(x.begin(), x.end(), out.begin(), negate);
  return out;
}

Doubles column(const arma::mat& m, arma::uword j) {
  return {m.colptr(j), m.n_rows};
}

// ---------------------------------------------------------------------------------------- bounds of dL

struct Range {
  Dyadic low, high;

  bool negative() const { return high.sign() < 0; }
  bool non_negative() const { return low.sign() >= 0; }
};

/// -eta p -+ eta^2 K gg/2
Range range_by_lipschitz(const PairNumbers& v, double eta_value, double lipschitz) {
  const Dyadic eta = number(eta_value), middle = -(eta * v.p);
  const Dyadic radius = (eta * eta * number(lipschitz) * v.gg).scaled(-1);
  return {middle - radius, middle + radius};
}

Dyadic twice(const Dyadic& x) {
  return x.scaled(1);
}

/// |ybar - y|^2 <= factor (eta K)^2 gg.
Dyadic squared_factor(DiscreteGradientKind kind, std::uint64_t dimension) {
  const Dyadic one(std::uint64_t{1});
  switch (kind) {
    case DiscreteGradientKind::gonzalez:
      return one.scaled(-1);
    case DiscreteGradientKind::mean_value:
      return one.scaled(-2);
    case DiscreteGradientKind::itoh_abe:
      return Dyadic(dimension);
  }
  throw ContractError(fmt::format("kind is {}, which is no DiscreteGradientKind", static_cast<int>(kind)));
}

Dyadic squared_distance(DiscreteGradientKind kind, const PairNumbers& v, double eta, double lipschitz) {
  const Dyadic reach = number(eta) * number(lipschitz);
  return squared_factor(kind, v.dimension) * reach * reach * v.gg;
}

/// psi = atan2(sqrt(S), p)
Interval angle_interval(const PairNumbers& v, mpfr_prec_t precision) {
  const Interval pi = Interval::pi(precision);
  if (v.p.is_zero()) return scaled(pi, -1);
  const Interval tangent = sqrt(Interval(v.gram_determinant, precision)) / Interval(absolute(v.p), precision);
  return v.p.sign() < 0 ? pi - atan(tangent) : atan(tangent);
}

/// asin sqrt(n/m), 0 <= n <= m
Interval arc_sine_of_root(const Dyadic& n, const Dyadic& m, mpfr_prec_t precision) {
  if (n == m) return scaled(Interval::pi(precision), -1);
  return atan(sqrt(Interval(n, precision) / Interval(m - n, precision)));
}

// ------------------------------------------------------------------------------------------ callbacks

template <class Function>
void require_callable(const Function& f, const char* name) {
  if (!f) throw ContractError(std::string(name) + " is empty");
}

/// Counts what it evaluates and refuses what is not finite, naming the point.
class Losses {
 public:
  explicit Losses(const LossFunction& loss) : loss_(loss) { require_callable(loss, "loss"); }

  double operator()(Doubles point, const std::string& name) {
    const double value = loss_(point);
    ++count_;
    if (!is_finite(value)) {
      throw ContractError(fmt::format("loss at {} is {}; it must be finite", name, value));
    }
    return value;
  }
  std::uint64_t count() const { return count_; }

 private:
  const LossFunction& loss_;
  std::uint64_t count_ = 0;
};

class Gradients {
 public:
  explicit Gradients(const GradientFunction& gradient) : gradient_(gradient) {
    require_callable(gradient, "gradient");
  }

  /// `name` makes the name of the point, when it is needed.
  template <class Name>
  void operator()(Doubles point, std::span<double> out, Name name) {
    std::fill(out.begin(), out.end(), nan);  // an element left unwritten is noticed
    gradient_(point, out);
    ++count_;
    for (std::size_t i = 0; i < out.size(); ++i)
      if (!is_finite(out[i])) throw NonFiniteError("gradient at " + std::string(name()), i, out[i]);
  }
  std::uint64_t count() const { return count_; }

 private:
  const GradientFunction& gradient_;
  std::uint64_t count_ = 0;
};

/// theta and Delta = theta+ - theta, an unevaluated pair of doubles each.
struct Step {
  Step(Doubles theta_in, Doubles theta_plus_in)
      : theta(theta_in), theta_plus(theta_plus_in), minus_theta(negated(theta_in)) {}

  PairSpan delta() const { return {theta_plus, minus_theta}; }
  Dyadic delta(std::size_t i) const { return number(theta_plus[i]) - number(theta[i]); }
  bool is_zero() const { return std::equal(theta.begin(), theta.end(), theta_plus.begin(), same); }

  Doubles theta, theta_plus;
  std::vector<double> minus_theta;
};

/// `vanishes`: the discrete gradient is exactly zero.
Judgement judge(int loss_sign, bool zero_step, bool vanishes) {
  if (zero_step) {
    return vanishes ? Judgement{Verdict::undetermined, Reason::stationary}
                    : Judgement{Verdict::not_effective, Reason::zero_update};
  }
  if (loss_sign < 0) return {Verdict::effective, Reason::descent};
  if (loss_sign > 0) return {Verdict::not_effective, Reason::ascent};
  return {Verdict::not_effective, vanishes ? Reason::zero_gradient : Reason::orthogonal};
}

/// nabla.Delta - dL
Enclosure defect_of(const Step& step, const arma::vec& nabla, const Dyadic& delta_loss) {
  const Doubles elements(nabla.memptr(), nabla.n_elem);
  if (!all_finite(elements)) return {-infinity, infinity};
  const Dyadic defect = Dyadic::from(Gram::of(step.delta(), elements).gy()) - delta_loss;
  return outward(defect, defect);
}

/// What the three have in common where Delta = 0: nabla = grad L(theta).
DiscreteGradient at_rest(DiscreteGradientKind kind, Losses& losses, Gradients& gradients, Doubles theta) {
  DiscreteGradient out;
  out.kind = kind;
  losses(theta, "theta");
  out.nabla.set_size(theta.size());
  gradients(theta, {out.nabla.memptr(), theta.size()}, [] { return "theta"; });
  out.judgement = judge(0, true, std::all_of(out.nabla.begin(), out.nabla.end(), is_zero));
  out.loss_evaluations = losses.count();
  out.gradient_evaluations = gradients.count();
  if (kind == DiscreteGradientKind::mean_value) out.error_estimate = 0;
  return out;
}

// ----------------------------------------------------------------------------------------- quadrature

/// Gauss-Kronrod with 7 and 15 points on [0, 1]; the doubles of Boost stand for themselves, and weights are
/// divided by their exact sum.
struct Rule {
  static constexpr std::size_t points = 15;

  Rule() {
    using Kronrod = boost::math::quadrature::gauss_kronrod<double, points>;
    using Gauss = boost::math::quadrature::gauss<double, 7>;
    const auto& nodes = Kronrod::abscissa();  // from the middle outward; those of even index are Gauss's
    const Dyadic one(std::uint64_t{1});
    for (std::size_t k = 0; k < points; ++k) {
      const std::size_t from_middle = k < 7 ? 7 - k : k - 7;
      const Dyadic offset = number(nodes[from_middle]);
      node[k] = (k < 7 ? one - offset : one + offset).scaled(-1);
      weight[k] = Kronrod::weights()[from_middle];
      weight_sum = weight_sum + number(weight[k]);
      const double gauss = from_middle % 2 == 0 ? Gauss::weights()[from_middle / 2] : 0;
      difference[k] = (weight[k] - gauss) / 2;
    }
    // C = int |x - F|, weight_sum^2 times it: between neighbouring nodes F is constant.
    Dyadic cumulated, total;
    for (std::size_t k = 0; k <= points; ++k) {
      const Dyadic left = (k == 0 ? Dyadic() : node[k - 1]) * weight_sum - cumulated;
      const Dyadic right = (k == points ? one : node[k]) * weight_sum - cumulated;
      // int |x| over [left, right] = (right |right| - left |left|)/2
      total = total + (right * absolute(right) - left * absolute(left)).scaled(-1);
      if (k < points) cumulated = cumulated + number(weight[k]);
    }
    distance_from_uniform = number(exact::round_quotient(total, weight_sum * weight_sum, Direction::up));
  }

  std::array<Dyadic, points> node;
  std::array<double, points> weight{}, difference{};
  Dyadic weight_sum, distance_from_uniform;
};

const Rule& rule() {
  static const Rule instance = [] {
    const FloatScope scope;  // of `difference`
    return Rule();
  }();
  return instance;
}

/// |x| in doubles. @pre elements of about 1 at most
double norm(Doubles x) {
  double sum = 0;
  for (const double element : x) sum += element * element;
  return std::sqrt(sum);
}

/// Pieces index 2^-depth + [0, 2^-depth] of [0, 1].
struct Piece {
  std::uint64_t index = 0;
  int depth = 0;
};

/// Quadrature of grad L along a step, all sums exact.
class MeanValue {
 public:
  MeanValue(const Step& step, Gradients& gradients, bool bounded)
      : step_(step),
        gradients_(gradients),
        bounded_(bounded),
        values_(Rule::points, std::vector<double>(step.theta.size())),
        point_(step.theta.size()),
        sums_(step.theta.size()) {}

  /// Evaluates the piece; an estimate of the error of its mean.
  Dyadic evaluate(const Piece& piece) {
    point_error_ = Dyadic();
    for (std::size_t k = 0; k < Rule::points; ++k) {
      const Dyadic xi = (Dyadic(piece.index) + rule().node[k]).scaled(-piece.depth);
      Dyadic squared_error;
      for (std::size_t i = 0; i < point_.size(); ++i) {
        const Dyadic exactly = number(step_.theta[i]) + xi * step_.delta(i);
        point_[i] = exact::round(exactly);
        if (!bounded_) continue;
        const Dyadic error = number(point_[i]) - exactly;
        squared_error = squared_error + error * error;
      }
      if (bounded_) point_error_ = point_error_ + number(rule().weight[k]) * root_above(squared_error);
      gradients_(point_, values_[k],
                 [&] { return fmt::format("theta + {} (theta_plus - theta)", exact::round(xi)); });
    }
    return compare_rules();
  }

  bool within(const Dyadic& error, double tolerance) const { return !(number(tolerance) * scale_ < error); }

  /// Takes the piece that was evaluated last into the sum.
  void accept(const Piece& piece, const Dyadic& error) {
    for (std::size_t i = 0; i < sums_.size(); ++i) {
      Dyadic sum;
      for (std::size_t k = 0; k < Rule::points; ++k) {
        sum = sum + number(rule().weight[k]) * number(values_[k][i]);
        vanishes_ = vanishes_ && is_zero(values_[k][i]);
      }
      sums_[i] = sums_[i] + sum.scaled(-piece.depth);
    }
    squared_widths_ = squared_widths_ + Dyadic(std::uint64_t{1}).scaled(-2 * piece.depth);
    weighted_point_error_ = weighted_point_error_ + point_error_.scaled(-piece.depth);
    estimate_ = estimate_ + error.scaled(-piece.depth);
  }

  double element(std::size_t i) const { return exact::round_quotient(sums_[i], rule().weight_sum); }
  double estimate() const { return exact::round(estimate_, Direction::up); }
  /// Every gradient met was zero.
  bool vanishes() const { return vanishes_; }

  /// K (|Delta| C sum h^2 + sum h w |rounding of the point|) + |rounding of nabla|
  double bound(double lipschitz, const arma::vec& nabla) const {
    const Dyadic& total = rule().weight_sum;
    Dyadic squared_length, squared_rounding;
    for (std::size_t i = 0; i < sums_.size(); ++i) {
      if (!is_finite(nabla[i])) return infinity;
      const Dyadic delta = step_.delta(i), rounding = number(nabla[i]) * total - sums_[i];
      squared_length = squared_length + delta * delta;
      squared_rounding = squared_rounding + rounding * rounding;
    }
    const Dyadic spread = root_above(squared_length) * rule().distance_from_uniform * squared_widths_ * total;
    return exact::round_quotient(
        number(lipschitz) * (spread + weighted_point_error_) + root_above(squared_rounding), total,
        Direction::up);
  }

 private:
  /// |mean by 15 points - mean by 7|, in doubles scaled to about 1; updates the largest gradient met.
  Dyadic compare_rules() {
    const FloatScope scope;
    int exponent = std::numeric_limits<int>::min();
    for (const auto& value : values_)
      for (const double element : value)
        if (!is_zero(element)) exponent = std::max(exponent, std::ilogb(element));
    if (exponent == std::numeric_limits<int>::min()) return Dyadic();
    std::vector<double>& scaled = point_;
    std::vector<double> error(point_.size());
    double largest = 0;
    for (std::size_t k = 0; k < Rule::points; ++k) {
      for (std::size_t i = 0; i < scaled.size(); ++i) {
        scaled[i] = std::scalbn(values_[k][i], -exponent);
        error[i] += rule().difference[k] * scaled[i];
      }
      largest = std::max(largest, norm(scaled));
    }
    const Dyadic met = number(largest).scaled(exponent);
    if (scale_ < met) scale_ = met;
    return number(norm(error)).scaled(exponent);
  }

  const Step& step_;
  Gradients& gradients_;
  bool bounded_;
  std::vector<std::vector<double>> values_;  // of grad L, at the points of the last piece
  std::vector<double> point_;
  std::vector<Dyadic> sums_;
  Dyadic point_error_, weighted_point_error_, squared_widths_;
  Dyadic scale_, estimate_;
  bool vanishes_ = true;
};

}  // namespace

// --------------------------------------------------------------------------------------- certificates

ExactSum loss_difference(double before, double after) {
  require_finite(before, "before");
  require_finite(after, "after");
  const std::array<double, 2> values = {after, before};
  static constexpr std::array<double, 2> signs = {1, -1};
  return exact_dot(values, signs);
}

bool certifies_effective(const ExactSum& gg, const ExactSum& delta_loss, double eta, double lipschitz) {
  if (gg.sign() < 0) throw ContractError(fmt::format("gg is {}; it must be >= 0", gg.to_double()));
  require_positive(eta, "eta");
  require_non_negative(lipschitz, "lipschitz");
  if (gg.sign() == 0) return false;
  const Dyadic step = number(eta);
  return step * step * number(lipschitz) * Dyadic::from(gg) < twice(-Dyadic::from(delta_loss));
}

bool certifies_effective(const ExactSum& gg, double delta_loss, double eta, double lipschitz) {
  require_finite(delta_loss, "delta_loss");
  return certifies_effective(gg, loss_difference(0, delta_loss), eta, lipschitz);
}

bool certifies_effective(Doubles g, double delta_loss, double eta, double lipschitz) {
  return certifies_effective(Gram::of(g, g).gg(), delta_loss, eta, lipschitz);
}

bool certifies_decrease(const Gram& gram, double eta, double lipschitz) {
  require_step(gram, eta, lipschitz);
  const PairNumbers v(gram);
  return number(eta) * number(lipschitz) * v.gg < twice(v.p);
}

bool certifies_decrease(Doubles g, Doubles y, double eta, double lipschitz) {
  return certifies_decrease(Gram::of(g, y), eta, lipschitz);
}

std::optional<double> largest_step(const Gram& gram, double lipschitz) {
  require_dimension(gram);
  require_non_negative(lipschitz, "lipschitz");
  if (gram.gy().sign() <= 0) return std::nullopt;
  const PairNumbers v(gram);
  const Dyadic slope = number(lipschitz) * v.gg;
  if (slope.is_zero()) return std::numeric_limits<double>::max();
  double step = exact::round_quotient(twice(v.p), slope, Direction::down);
  if (is_zero(step)) return std::nullopt;
  if (number(step) * slope == twice(v.p)) step = toward_zero(step);
  if (is_zero(step)) return std::nullopt;
  return step;
}

std::optional<double> largest_step(Doubles g, Doubles y, double lipschitz) {
  return largest_step(Gram::of(g, y), lipschitz);
}

Enclosure loss_change_bounds(const Gram& gram, double eta, double lipschitz) {
  require_step(gram, eta, lipschitz);
  const Range range = range_by_lipschitz(PairNumbers(gram), eta, lipschitz);
  return outward(range.low, range.high);
}

Enclosure loss_change_bounds(Doubles g, Doubles y, double eta, double lipschitz) {
  return loss_change_bounds(Gram::of(g, y), eta, lipschitz);
}

Enclosure second_order_bounds(const Gram& gram, double eta_value, const ExactSum& curvature,
                              double hessian_lipschitz) {
  require_dimension(gram);
  require_positive(eta_value, "eta");
  require_non_negative(hessian_lipschitz, "hessian_lipschitz");
  const PairNumbers v(gram);
  const Dyadic eta = number(eta_value), six(std::uint64_t{6}), three(std::uint64_t{3});
  // 6 (-eta p + eta^2 h/2) -+ sqrt(eta^6 rho^2 gg^3), over 6
  const Dyadic middle = three * eta * (eta * Dyadic::from(curvature) - twice(v.p));
  const Dyadic cubic = eta * eta * eta * number(hessian_lipschitz);
  const Dyadic radius_squared = cubic * cubic * v.gg * v.gg * v.gg;
  return {round_surd(middle, -1, radius_squared, six, Direction::down),
          round_surd(middle, 1, radius_squared, six, Direction::up)};
}

Enclosure second_order_bounds(const Gram& gram, double eta, double curvature, double hessian_lipschitz) {
  require_finite(curvature, "curvature");
  return second_order_bounds(gram, eta, loss_difference(0, curvature), hessian_lipschitz);
}

Enclosure second_order_bounds(Doubles g, Doubles y, Doubles hessian_g, double eta, double hessian_lipschitz) {
  const Gram gram = Gram::of(g, y);
  require_same_length(g, "g", hessian_g, "hessian_g");
  require_finite_elements(hessian_g, "hessian_g");
  return second_order_bounds(gram, eta, exact_dot(g, hessian_g), hessian_lipschitz);
}

// ------------------------------------------------------------------------------------ Taylor gradient

namespace {

/// g.H(theta + t eta g) g against what Lagrange's t has.
class TaylorSearch {
 public:
  TaylorSearch(const HessianProduct& hessian, Doubles theta, Doubles g, Doubles y, double eta,
               double delta_loss, const TaylorOptions& options)
      : hessian_(hessian),
        theta_(theta),
        g_(g),
        y_(y),
        options_(options),
        eta_(number(eta)),
        delta_loss_(number(delta_loss)),
        descent_(eta_ * Dyadic::from(Gram::of(g, y).gy())),
        point_(g.size()),
        product_(g.size()) {
    make_point(1);
  }

  std::optional<TaylorGradient> run() {
    search();
    const Dyadic tolerated = number(options_.tolerance) * (absolute(delta_loss_) + absolute(descent_));
    const bool near = !(tolerated < absolute(best_rest_));
    if (!bracketed_ && !near) return std::nullopt;
    TaylorGradient out;
    out.t = best_t_;
    out.bracketed = bracketed_;
    out.evaluations = evaluations_;
    out.ybar.set_size(g_.size());
    for (std::size_t i = 0; i < g_.size(); ++i) {
      out.ybar[i] = exact::round(number(y_[i]) - (eta_ * number(best_product_[i])).scaled(-1));
    }
    const Doubles ybar(out.ybar.memptr(), out.ybar.n_elem);
    if (all_finite(ybar)) {
      const Dyadic defect = eta_ * Dyadic::from(exact_dot(ybar, g_)) + delta_loss_;
      out.defect = outward(defect, defect, eta_);
    } else {
      out.defect = {-infinity, infinity};
    }
    return out;
  }

 private:
  /// theta + t eta g, each element rounded once.
  void make_point(double t) {
    const Dyadic length = number(t) * eta_;
    for (std::size_t i = 0; i < g_.size(); ++i) {
      point_[i] = exact::round(number(theta_[i]) + length * number(g_[i]));
      if (!is_finite(point_[i])) throw NonFiniteError("theta + eta g", i, point_[i]);
    }
  }

  /// Sign of dL + eta p - (eta^2/2) g.H g.
  int evaluate(double t) {
    make_point(t);
    std::fill(product_.begin(), product_.end(), nan);
    hessian_(point_, g_, product_);
    ++evaluations_;
    for (std::size_t i = 0; i < product_.size(); ++i) {
      if (!is_finite(product_[i])) {
        throw NonFiniteError(fmt::format("hessian product at theta + {} eta g", t), i, product_[i]);
      }
    }
    const Dyadic rest =
        delta_loss_ + descent_ - (eta_ * eta_ * Dyadic::from(exact_dot(g_, product_))).scaled(-1);
    if (evaluations_ == 1 || absolute(rest) < absolute(best_rest_)) {
      best_rest_ = rest;
      best_t_ = t;
      best_product_ = product_;
    }
    return rest.sign();
  }

  bool exhausted() const { return evaluations_ >= options_.max_evaluations; }

  void search() {
    std::map<double, int> signs;
    /// True if the search has come to its end.
    const auto visit = [&](double t) {
      const int sign = evaluate(t);
      bracketed_ = bracketed_ || sign == 0;
      if (sign == 0) return true;
      const auto here = signs.emplace(t, sign).first;
      if (here != signs.begin() && std::prev(here)->second != sign) {
        bisect(std::prev(here)->first, t, std::prev(here)->second);
        return true;
      }
      const auto next = std::next(here);
      if (next != signs.end() && next->second != sign) {
        bisect(t, next->first, sign);
        return true;
      }
      return exhausted();
    };
    if (visit(0) || visit(1)) return;
    for (std::uint64_t count = 2;; count *= 2) {
      if (count / 2 >= options_.grid) return;
      for (std::uint64_t k = 1; k < count; k += 2) {
        if (visit(exact::round_quotient(Dyadic(k), Dyadic(count)))) return;
      }
    }
  }

  void bisect(double low, double high, int sign_at_low) {
    bracketed_ = true;
    while (!exhausted()) {
      const double middle = exact::round((number(low) + number(high)).scaled(-1));
      if (same(middle, low) || same(middle, high)) return;
      const int sign = evaluate(middle);
      if (sign == 0) return;
      (sign == sign_at_low ? low : high) = middle;
    }
  }

  const HessianProduct& hessian_;
  Doubles theta_, g_, y_;
  const TaylorOptions& options_;
  Dyadic eta_, delta_loss_, descent_;
  std::vector<double> point_, product_, best_product_;
  Dyadic best_rest_;
  double best_t_ = 0;
  bool bracketed_ = false;
  std::uint64_t evaluations_ = 0;
};

}  // namespace

std::optional<TaylorGradient> taylor_gradient(const HessianProduct& hessian, Doubles theta, Doubles g,
                                              Doubles y, double eta, double delta_loss,
                                              const TaylorOptions& options) {
  require_callable(hessian, "hessian");
  require_same_length(theta, "theta", g, "g");
  require_same_length(theta, "theta", y, "y");
  if (theta.empty()) throw ContractError("theta is empty");
  require_finite_elements(theta, "theta");
  require_positive(eta, "eta");
  require_finite(delta_loss, "delta_loss");
  require_non_negative(options.tolerance, "tolerance");
  if (options.grid == 0) throw ContractError("grid is 0; it must be at least 1");
  if (options.max_evaluations < 2) {
    throw ContractError(fmt::format("max_evaluations is {}; it must be at least 2", options.max_evaluations));
  }
  return TaylorSearch(hessian, theta, g, y, eta, delta_loss, options).run();
}

// ---------------------------------------------------------------------------------- discrete gradients

std::string_view to_string(DiscreteGradientKind kind) noexcept {
  switch (kind) {
    case DiscreteGradientKind::gonzalez:
      return "gonzalez";
    case DiscreteGradientKind::mean_value:
      return "mean_value";
    case DiscreteGradientKind::itoh_abe:
      return "itoh_abe";
  }
  return "?";
}

DiscreteGradient gonzalez_gradient(const LossFunction& loss, const GradientFunction& gradient, Doubles theta,
                                   Doubles theta_plus) {
  Losses losses(loss);
  Gradients gradients(gradient);
  require_points(theta, theta_plus);
  const Step step(theta, theta_plus);
  if (step.is_zero()) return at_rest(DiscreteGradientKind::gonzalez, losses, gradients, theta);

  DiscreteGradient out;
  out.kind = DiscreteGradientKind::gonzalez;
  const double before = losses(theta, "theta"), after = losses(theta_plus, "theta_plus");
  out.loss_difference = loss_difference(before, after);
  std::vector<double> middle(theta.size()), v(theta.size());
  for (std::size_t i = 0; i < middle.size(); ++i) {
    middle[i] = exact::round((number(theta[i]) + number(theta_plus[i])).scaled(-1));
  }
  gradients(middle, v, [] { return "the midpoint of theta and theta_plus"; });

  // (v |Delta|^2 + (dL - v.Delta) Delta)/|Delta|^2
  const Gram gram = Gram::of(step.delta(), v);
  const Dyadic squared_length = Dyadic::from(gram.gg()), delta_loss = Dyadic::from(out.loss_difference);
  const Dyadic missing = delta_loss - Dyadic::from(gram.gy());
  out.nabla.set_size(theta.size());
  bool vanishes = true;
  for (std::size_t i = 0; i < theta.size(); ++i) {
    const Dyadic numerator = number(v[i]) * squared_length + missing * step.delta(i);
    vanishes = vanishes && numerator.is_zero();
    out.nabla[i] = exact::round_quotient(numerator, squared_length);
  }
  out.judgement = judge(out.loss_difference.sign(), false, vanishes);
  out.defect = defect_of(step, out.nabla, delta_loss);
  out.loss_evaluations = losses.count();
  out.gradient_evaluations = gradients.count();
  return out;
}

DiscreteGradient mean_value_gradient(const LossFunction& loss, const GradientFunction& gradient,
                                     Doubles theta, Doubles theta_plus, const MeanValueOptions& options) {
  constexpr int deepest = 40;
  Losses losses(loss);
  Gradients gradients(gradient);
  require_points(theta, theta_plus);
  require_non_negative(options.tolerance, "tolerance");
  if (options.max_evaluations < Rule::points) {
    throw ContractError(
        fmt::format("max_evaluations is {}; it must be at least {}", options.max_evaluations, Rule::points));
  }
  if (options.minimum_depth > 30) {
    throw ContractError(fmt::format("minimum_depth is {}; it must be at most 30", options.minimum_depth));
  }
  if (options.lipschitz) require_non_negative(*options.lipschitz, "lipschitz");
  const Step step(theta, theta_plus);
  if (step.is_zero()) {
    DiscreteGradient out = at_rest(DiscreteGradientKind::mean_value, losses, gradients, theta);
    if (options.lipschitz) out.error_bound = 0;
    return out;
  }

  DiscreteGradient out;
  out.kind = DiscreteGradientKind::mean_value;
  const double before = losses(theta, "theta"), after = losses(theta_plus, "theta_plus");
  out.loss_difference = loss_difference(before, after);

  MeanValue mean(step, gradients, options.lipschitz.has_value());
  const std::uint64_t most_pieces = options.max_evaluations / Rule::points;
  std::deque<Piece> pieces;
  const int depth =
      std::min(static_cast<int>(options.minimum_depth), static_cast<int>(std::bit_width(most_pieces)) - 1);
  for (std::uint64_t k = 0; k < std::uint64_t{1} << depth; ++k) pieces.push_back({k, depth});
  std::uint64_t evaluated = 0;
  while (!pieces.empty()) {
    const Piece piece = pieces.front();
    pieces.pop_front();
    const Dyadic error = mean.evaluate(piece);
    ++evaluated;
    if (!mean.within(error, options.tolerance)) {
      if (piece.depth < deepest && evaluated + pieces.size() + 2 <= most_pieces) {
        pieces.push_back({2 * piece.index, piece.depth + 1});
        pieces.push_back({2 * piece.index + 1, piece.depth + 1});
        continue;
      }
      out.converged = false;
    }
    mean.accept(piece, error);
  }

  out.nabla.set_size(theta.size());
  for (std::size_t i = 0; i < theta.size(); ++i) out.nabla[i] = mean.element(i);
  out.error_estimate = mean.estimate();
  if (options.lipschitz) out.error_bound = mean.bound(*options.lipschitz, out.nabla);
  out.judgement = judge(out.loss_difference.sign(), false, mean.vanishes());
  out.defect = defect_of(step, out.nabla, Dyadic::from(out.loss_difference));
  out.loss_evaluations = losses.count();
  out.gradient_evaluations = gradients.count();
  return out;
}

DiscreteGradient itoh_abe_gradient(const LossFunction& loss, const GradientFunction& gradient, Doubles theta,
                                   Doubles theta_plus, std::span<const std::size_t> order) {
  Losses losses(loss);
  Gradients gradients(gradient);
  require_points(theta, theta_plus);
  if (!order.empty()) {
    if (order.size() != theta.size()) {
      throw ContractError(fmt::format("order has {} elements and theta has {}", order.size(), theta.size()));
    }
    std::vector<bool> seen(order.size(), false);
    for (std::size_t k = 0; k < order.size(); ++k) {
      if (order[k] >= order.size() || seen[order[k]]) {
        throw ContractError(fmt::format("order[{}] is {}; order must be a permutation", k, order[k]));
      }
      seen[order[k]] = true;
    }
  }
  const Step step(theta, theta_plus);
  if (step.is_zero()) return at_rest(DiscreteGradientKind::itoh_abe, losses, gradients, theta);

  DiscreteGradient out;
  out.kind = DiscreteGradientKind::itoh_abe;
  std::vector<double> point(theta.begin(), theta.end()), derivative(theta.size());
  const double before = losses(point, "theta");
  double reached = before;
  bool derivative_known = false, vanishes = true;
  out.nabla.set_size(theta.size());
  for (std::size_t k = 0; k < point.size(); ++k) {
    const std::size_t i = order.empty() ? k : order[k];
    const auto name = [&] { return fmt::format("the point with {} coordinates moved", k); };
    if (same(theta[i], theta_plus[i])) {
      if (!derivative_known) gradients(point, derivative, name);
      derivative_known = true;
      out.nabla[i] = derivative[i];
      vanishes = vanishes && is_zero(derivative[i]);
      continue;
    }
    point[i] = theta_plus[i];
    derivative_known = false;
    const double next = losses(point, fmt::format("the point with {} coordinates moved", k + 1));
    Dyadic change = number(next) - number(reached), delta = step.delta(i);
    if (delta.sign() < 0) {
      change = -change;
      delta = -delta;
    }
    vanishes = vanishes && change.is_zero();
    out.nabla[i] = exact::round_quotient(change, delta);
    reached = next;
  }
  out.loss_difference = loss_difference(before, reached);
  out.judgement = judge(out.loss_difference.sign(), false, vanishes);
  out.defect = defect_of(step, out.nabla, Dyadic::from(out.loss_difference));
  out.loss_evaluations = losses.count();
  out.gradient_evaluations = gradients.count();
  return out;
}

// ------------------------------------------------------------------------------------------- distances

double distance_bound(DiscreteGradientKind kind, const Gram& gram, double eta, double lipschitz) {
  require_step(gram, eta, lipschitz);
  const Dyadic one(std::uint64_t{1});
  return round_surd(Dyadic(), 1, squared_distance(kind, PairNumbers(gram), eta, lipschitz), one,
                    Direction::up);
}

std::optional<double> angle_bound(const Gram& gram, double eta, double lipschitz, DiscreteGradientKind kind) {
  require_step(gram, eta, lipschitz);
  const PairNumbers v(gram);
  const Dyadic squared = squared_distance(kind, v, eta, lipschitz);
  if (v.gg.is_zero() || v.yy.is_zero() || v.yy < squared) return std::nullopt;
  if (squared.is_zero() && v.gram_determinant.is_zero() && v.p.sign() > 0) return 0;
  // Cosines of both angles are algebraic, so their sum, not being 0, is transcendental.
  const double sum = round_irrational(Direction::up, [&](mpfr_prec_t precision) {
    return angle_interval(v, precision) + arc_sine_of_root(squared, v.yy, precision);
  });
  constexpr double pi_above = 0x1.921fb54442d19p+1;
  return sum < pi_above ? sum : pi_above;
}

std::optional<double> condition_change_first_order(const Gram& gram, double eta, double lipschitz) {
  require_step(gram, eta, lipschitz);
  if (gram.gy().sign() <= 0) return std::nullopt;
  const PairNumbers v(gram);
  // kappa = (gg yy + S + 2 sqrt(gg yy S))/p^2
  const Dyadic product = v.gg * v.yy, slope = number(eta) * number(lipschitz) * v.gg;
  return round_surd((product + v.gram_determinant) * slope, 1,
                    (product * v.gram_determinant * slope * slope).scaled(2), v.p * v.p * v.p, Direction::up);
}

std::optional<double> condition_bound(const Gram& gram, double eta, double lipschitz,
                                      DiscreteGradientKind kind) {
  require_step(gram, eta, lipschitz);
  if (gram.gy().sign() <= 0) return std::nullopt;
  const PairNumbers v(gram);
  const Dyadic squared = squared_distance(kind, v, eta, lipschitz);
  // phi < pi/2 iff b/|y| < cos psi
  if (!(squared * v.gg < v.p * v.p)) return std::nullopt;
  // With x = b/|y|: sin phi = s sqrt(1 - x^2) + c x = (sqrt(a) + sqrt(b))/sqrt(c),
  // cos phi = c sqrt(1 - x^2) - s x.
  const Dyadic rest = v.yy - squared, c = v.gg * v.yy * v.yy;
  const Dyadic a = v.gram_determinant * rest, b = v.p * v.p * squared;
  const Dyadic one(std::uint64_t{1}), four_ab = (a * b).scaled(2);
  // kappa <= r iff sin phi <= (r - 1)/(r + 1), squared twice.
  const auto is_bound = [&](double r_value) {
    const Dyadic r = number(r_value), less = (r - one) * (r - one), more = (r + one) * (r + one);
    if (r < one) return false;
    const Dyadic left = c * less - (a + b) * more;
    return left.sign() >= 0 && !(left * left < four_ab * more * more);
  };
  const MpfrScope scope;
  for (mpfr_prec_t precision = 128;; precision *= 2) {
    const auto root = [&](const Dyadic& x) { return sqrt(Interval(x, precision)); };
    const Interval sine = root(a) + root(b);
    const Interval cosine = Interval(v.p, precision) * root(rest) - root(v.gram_determinant * squared);
    if (!cosine.is_positive()) continue;
    const Interval kappa = square((sine + root(c)) / cosine);
    const double low = exact::round(kappa.left(), Direction::up), high = kappa.upper();
    if (bits_of(low) == bits_of(high)) return low;
    if (bits_of(away_from_zero(low)) == bits_of(high)) return is_bound(low) ? low : high;
  }
}

// ---------------------------------------------------------------------------------- verdict on a step

std::string_view to_string(StepReason reason) noexcept {
  switch (reason) {
    case StepReason::decrease:
      return "decrease";
    case StepReason::no_decrease:
      return "no_decrease";
    case StepReason::certified_decrease:
      return "certified_decrease";
    case StepReason::certified_no_decrease:
      return "certified_no_decrease";
    case StepReason::zero_step:
      return "zero_step";
    case StepReason::inexact:
      return "inexact";
    case StepReason::contradiction:
      return "contradiction";
  }
  return "?";
}

namespace {

Range range_of(const StepLoss& loss) {
  require_finite(loss.before, "loss.before");
  require_finite(loss.after, "loss.after");
  require_non_negative(loss.before_error, "loss.before_error");
  require_non_negative(loss.after_error, "loss.after_error");
  const Dyadic difference = number(loss.after) - number(loss.before);
  const Dyadic error = number(loss.before_error) + number(loss.after_error);
  return {difference - error, difference + error};
}

std::optional<double> cancellation_of(const StepLoss& loss) {
  const Dyadic before = absolute(number(loss.before)), after = absolute(number(loss.after));
  const Dyadic difference = absolute(number(loss.after) - number(loss.before));
  if (difference.is_zero()) return std::nullopt;
  return exact::round_quotient((before < after ? after : before).scaled(-53), difference);
}

StepJudgement judge_ranges(const Range* by_losses, const Range* by_lipschitz, bool zero_step) {
  StepJudgement out;
  const Range zero;
  Range all = by_losses != nullptr ? *by_losses : *by_lipschitz;
  for (const Range* other : {by_lipschitz, zero_step ? &zero : nullptr}) {
    if (other == nullptr) continue;
    if (all.low < other->low) all.low = other->low;
    if (other->high < all.high) all.high = other->high;
  }
  if (all.high < all.low) {
    out.reason = StepReason::contradiction;
    out.loss_change = {infinity, -infinity};
    return out;
  }
  out.loss_change = outward(all.low, all.high);
  const auto set = [&](Verdict verdict, StepReason reason) {
    out.verdict = verdict;
    out.reason = reason;
  };
  if (zero_step) {
    set(Verdict::undetermined, StepReason::zero_step);
  } else if (by_losses != nullptr && by_losses->negative()) {
    set(Verdict::effective, StepReason::decrease);
  } else if (by_losses != nullptr && by_losses->non_negative()) {
    set(Verdict::not_effective, StepReason::no_decrease);
  } else if (by_lipschitz != nullptr && by_lipschitz->negative()) {
    set(Verdict::effective, StepReason::certified_decrease);
  } else if (by_lipschitz != nullptr && by_lipschitz->non_negative()) {
    set(Verdict::not_effective, StepReason::certified_no_decrease);
  }
  return out;
}

}  // namespace

StepJudgement judge_step(const StepLoss& loss) {
  const Range range = range_of(loss);
  StepJudgement out = judge_ranges(&range, nullptr, false);
  out.cancellation = cancellation_of(loss);
  return out;
}

StepJudgement judge_step(Doubles theta, Doubles theta_plus, const StepLoss& loss) {
  require_points(theta, theta_plus);
  const Range range = range_of(loss);
  const bool zero_step = std::equal(theta.begin(), theta.end(), theta_plus.begin(), same);
  StepJudgement out = judge_ranges(&range, nullptr, zero_step);
  out.cancellation = cancellation_of(loss);
  return out;
}

StepJudgement judge_step(const Gram& gram, double eta, double lipschitz) {
  require_step(gram, eta, lipschitz);
  const PairNumbers v(gram);
  const Range range = range_by_lipschitz(v, eta, lipschitz);
  return judge_ranges(nullptr, &range, v.gg.is_zero());
}

StepJudgement judge_step(const Gram& gram, double eta, double lipschitz, const StepLoss& loss) {
  require_step(gram, eta, lipschitz);
  const PairNumbers v(gram);
  const Range by_losses = range_of(loss), by_lipschitz = range_by_lipschitz(v, eta, lipschitz);
  StepJudgement out = judge_ranges(&by_losses, &by_lipschitz, v.gg.is_zero());
  out.cancellation = cancellation_of(loss);
  return out;
}

// ------------------------------------------------------------------------------------- estimate of K

namespace {

/// The maximum of |change of the gradient|/|step|, step by step.
class SteepestStep {
 public:
  void add(const ExactSum& squared_step, const ExactSum& squared_change) {
    const std::uint64_t k = count_++;
    const Dyadic step = Dyadic::from(squared_step), change = Dyadic::from(squared_change);
    if (step.is_zero() && change.is_zero()) {
      ++estimate_.zero_steps;
      return;
    }
    // Cross-multiplied; a change over a step of length zero is infinite, and more than any other.
    if (!estimate_.step || best_change_ * step < change * best_step_) {
      estimate_.step = k;
      best_step_ = step;
      best_change_ = change;
    }
  }

  LipschitzEstimate result() const {
    LipschitzEstimate out = estimate_;
    if (!out.step) return out;
    out.lower_bound = best_step_.is_zero()
                          ? infinity
                          : round_surd(Dyadic(), 1, best_change_ * best_step_, best_step_, Direction::down);
    return out;
  }

 private:
  LipschitzEstimate estimate_;
  Dyadic best_step_, best_change_;
  std::uint64_t count_ = 0;
};

void require_columns(const arma::mat& first, const char* first_name, const arma::mat& gradient,
                     arma::uword extra) {
  if (first.n_rows != gradient.n_rows || first.n_cols + extra != gradient.n_cols) {
    throw ContractError(fmt::format("{} is {} x {} and gradient is {} x {}", first_name, first.n_rows,
                                    first.n_cols, gradient.n_rows, gradient.n_cols));
  }
  if (gradient.n_rows == 0 || gradient.n_cols < 2) {
    throw ContractError(
        fmt::format("gradient is {} x {}; it needs a row and two columns", gradient.n_rows, gradient.n_cols));
  }
  require_finite_elements({first.memptr(), first.n_elem}, first_name);
  require_finite_elements({gradient.memptr(), gradient.n_elem}, "gradient");
}

template <class StepOf>
LipschitzEstimate steepest(const arma::mat& gradient, StepOf squared_step) {
  SteepestStep steepest;
  for (arma::uword k = 0; k + 1 < gradient.n_cols; ++k) {
    const std::vector<double> minus = negated(column(gradient, k));
    const PairSpan change{column(gradient, k + 1), minus};
    steepest.add(squared_step(k), Gram::of(change, change).gg());
  }
  return steepest.result();
}

}  // namespace

LipschitzEstimate estimate_lipschitz(const arma::mat& theta, const arma::mat& gradient) {
  require_columns(theta, "theta", gradient, 0);
  return steepest(gradient, [&](arma::uword k) {
    const std::vector<double> minus = negated(column(theta, k));
    const PairSpan step{column(theta, k + 1), minus};
    return Gram::of(step, step).gg();
  });
}

LipschitzEstimate estimate_lipschitz_from_steps(const arma::mat& steps, const arma::mat& gradient) {
  require_columns(steps, "steps", gradient, 1);
  return steepest(gradient, [&](arma::uword k) { return exact_dot(column(steps, k), column(steps, k)); });
}

}  // namespace natgrad
