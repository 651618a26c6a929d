// natgrad: textbook formulas of discrete_taylor in rationals and self-checking multiprecision.
#include "discrete_taylor_reference.hpp"

#include <bit>
#include <boost/math/constants/constants.hpp>
#include <cmath>
#include <limits>
#include <stdexcept>

namespace natgrad::test::taylor {

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

/// The doubles in order, as integers.
double from_rank(std::int64_t rank) {
  return rank >= 0 ? std::bit_cast<double>(rank) : -std::bit_cast<double>(-rank);
}
constexpr std::int64_t infinite_rank = 0x7ff0000000000000;

}  // namespace

double least_double(const std::function<bool(const Rational&)>& predicate) {
  std::int64_t fails = -infinite_rank, holds = infinite_rank;
  const auto gap = [&] { return static_cast<std::uint64_t>(holds) - static_cast<std::uint64_t>(fails); };
  while (gap() > 1) {
    const std::int64_t middle = fails + static_cast<std::int64_t>(gap() / 2);
    (predicate(exact(from_rank(middle))) ? holds : fails) = middle;
  }
  return from_rank(holds);
}

double greatest_double(const std::function<bool(const Rational&)>& predicate) {
  const double least = least_double([&](const Rational& x) { return !predicate(x); });
  if (least == infinity) return std::numeric_limits<double>::max();
  return std::nextafter(least, -infinity);
}

double up(const Rational& x) {
  return least_double([&](const Rational& r) { return r >= x; });
}

double down(const Rational& x) {
  return greatest_double([&](const Rational& r) { return r <= x; });
}

double up(const std::function<Real()>& formula) {
  constexpr unsigned last_bits = 16384;
  const auto above = [](const Real& x) { return mpfr_get_d(x.backend().data(), MPFR_RNDU); };
  for (unsigned bits = 256;; bits *= 4) {
    const auto at = [&](unsigned precision) {
      const PrecisionScope scope(precision);
      return Real(formula());
    };
    const Real coarse = at(bits), fine = at(2 * bits);
    const PrecisionScope scope(2 * bits);
    const Real tolerance = ldexp(Real(1), -static_cast<int>(bits / 2));
    if (isfinite(coarse) && isfinite(fine) && abs(coarse - fine) <= tolerance * abs(fine)) {
      const double low = above(Real(fine * (1 - tolerance))), high = above(Real(fine * (1 + tolerance)));
      if (low == high) return high;
      if (bits == last_bits) return low;
    } else if (bits == last_bits) {
      throw std::logic_error("the multiprecision reference did not converge");
    }
  }
}

// ----------------------------------------------------------------------------------------- bounds

Numbers numbers(std::span<const double> g, std::span<const double> y, double eta, double lipschitz) {
  const ExactPair pair(g, y);
  return {pair.gg, pair.p, pair.yy, exact(eta), exact(lipschitz), pair.dimension()};
}

bool certifies_effective(const Numbers& n, const Rational& delta_loss) {
  // The least p that the Taylor bound allows.
  return n.gg > 0 && -delta_loss / n.eta - n.eta * n.k * n.gg / 2 > 0;
}

bool certifies_decrease(const Numbers& n) {
  // The greatest dL that it allows.
  return -n.eta * n.p + n.eta * n.eta * n.k * n.gg / 2 < 0;
}

double largest_step(const Numbers& n) {
  if (n.p <= 0) return 0;
  return greatest_double([&](const Rational& eta) { return eta <= 0 || eta * n.k * n.gg < 2 * n.p; });
}

Range loss_change_range(const Numbers& n) {
  const Rational middle = -n.eta * n.p, radius = n.eta * n.eta * n.k * n.gg / 2;
  return {middle - radius, middle + radius};
}

Range loss_change(double before, double after, double before_error, double after_error) {
  const Rational change = exact(after) - exact(before), error = exact(before_error) + exact(after_error);
  return {change - error, change + error};
}

Bounds loss_change(const Numbers& n) {
  const Range range = loss_change_range(n);
  return {down(range.low), up(range.high)};
}

Bounds second_order(const Numbers& n, const Rational& curvature, const Rational& rho) {
  const Rational middle = -n.eta * n.p + n.eta * n.eta * curvature / 2;
  const Rational part = n.eta * n.eta * n.eta * rho / 6, squared = part * part * n.gg * n.gg * n.gg;
  return {greatest_double([&](const Rational& r) {
            const Rational below = middle - r;
            return below >= 0 && below * below >= squared;
          }),
          least_double([&](const Rational& r) {
            const Rational above = r - middle;
            return above >= 0 && above * above >= squared;
          })};
}

Rational factor(Kind kind, std::uint64_t dimension) {
  switch (kind) {
    case Kind::gonzalez:
      return Rational(1, 2);
    case Kind::mean_value:
      return Rational(1, 4);
    case Kind::itoh_abe:
      return Rational(dimension);
  }
  throw std::logic_error("no such kind");
}

double distance(const Numbers& n, Kind kind) {
  const Rational squared = factor(kind, n.dimension) * n.eta * n.eta * n.k * n.k * n.gg;
  return least_double([&](const Rational& r) { return r >= 0 && r * r >= squared; });
}

namespace {

Rational squared_sine(const Numbers& n, Kind kind) {
  return factor(kind, n.dimension) * n.eta * n.eta * n.k * n.k * n.gg / n.yy;
}

// By whichever of sine and cosine is the smaller: acos and asin next to 1 lose half their digits.
Real psi(const Numbers& n) {
  const Rational square = n.p * n.p / (n.gg * n.yy);
  const Real pi = boost::math::constants::pi<Real>();
  if (square > Rational(1, 2)) {
    const Real small = asin(sqrt(real(1 - square)));
    return n.p < 0 ? Real(pi - small) : small;
  }
  return acos(n.p < 0 ? Real(-sqrt(real(square))) : Real(sqrt(real(square))));
}
Real reach(const Numbers& n, Kind kind) {
  const Rational square = squared_sine(n, kind);
  return square > Rational(1, 2) ? Real(acos(sqrt(real(1 - square)))) : Real(asin(sqrt(real(square))));
}

Real condition_at(const Real& angle) {
  const Real root = tan(boost::math::constants::pi<Real>() / 4 + angle / 2);
  return root * root;
}

}  // namespace

Real angle_sum(const Numbers& n, Kind kind) {
  return psi(n) + reach(n, kind);
}

std::optional<double> angle(const Numbers& n, Kind kind) {
  if (n.gg == 0 || n.yy == 0 || squared_sine(n, kind) > 1) return std::nullopt;
  return up([&]() -> Real {
    const Real sum = angle_sum(n, kind), pi = boost::math::constants::pi<Real>();
    return sum < pi ? sum : pi;
  });
}

double condition_first_order(const Numbers& n) {
  return up([&]() -> Real { return condition_at(psi(n)) * real(n.eta * n.k * n.gg / n.p); });
}

std::optional<double> condition(const Numbers& n, Kind kind) {
  // phi = pi/2 iff asin(x) is the complement of psi: x = cos psi.
  if (squared_sine(n, kind) * n.gg * n.yy >= n.p * n.p) return std::nullopt;
  return up([&]() -> Real { return condition_at(angle_sum(n, kind)); });
}

// ------------------------------------------------------------------------------------- polynomials

Rational Polynomial::operator()(std::span<const Rational> x) const {
  Rational sum = 0;
  for (const Monomial& term : terms) {
    Rational product = term.coefficient;
    for (std::size_t i = 0; i < dimension; ++i)
      for (unsigned k = 0; k < term.powers[i]; ++k) product *= x[i];
    sum += product;
  }
  return sum;
}

Polynomial Polynomial::derivative(std::size_t i) const {
  Polynomial out{dimension, {}};
  for (Monomial term : terms) {
    if (term.powers[i] == 0) continue;
    term.coefficient *= term.powers[i]--;
    out.terms.push_back(term);
  }
  return out;
}

RationalVector Polynomial::gradient(std::span<const Rational> x) const {
  RationalVector out;
  for (std::size_t i = 0; i < dimension; ++i) out.push_back(derivative(i)(x));
  return out;
}

RationalVector Polynomial::hessian_product(std::span<const Rational> x, std::span<const Rational> v) const {
  RationalVector out;
  for (std::size_t i = 0; i < dimension; ++i) {
    Rational sum = 0;
    for (std::size_t j = 0; j < dimension; ++j) sum += derivative(i).derivative(j)(x) * v[j];
    out.push_back(sum);
  }
  return out;
}

Polynomial Polynomial::majorant() const {
  Polynomial out = *this;
  for (Monomial& term : out.terms) term.coefficient = abs(term.coefficient);
  return out;
}

double loss(const Polynomial& p, std::span<const double> x) {
  return nearest(p(exact(x)));
}

void gradient(const Polynomial& p, std::span<const double> x, std::span<double> out) {
  const RationalVector exactly = p.gradient(exact(x));
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = nearest(exactly[i]);
}

void hessian_product(const Polynomial& p, std::span<const double> x, std::span<const double> v,
                     std::span<double> out) {
  const RationalVector exactly = p.hessian_product(exact(x), exact(v));
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = nearest(exactly[i]);
}

RationalVector mean_gradient(const Polynomial& p, std::span<const Rational> theta,
                             std::span<const Rational> theta_plus) {
  const int weights[] = {7, 32, 12, 32, 7};
  RationalVector sum(theta.size(), 0);
  for (int k = 0; k < 5; ++k) {
    RationalVector point;
    for (std::size_t i = 0; i < theta.size(); ++i) {
      point.push_back(theta[i] + Rational(k, 4) * (theta_plus[i] - theta[i]));
    }
    const RationalVector here = p.gradient(point);
    for (std::size_t i = 0; i < theta.size(); ++i) sum[i] += Rational(weights[k], 90) * here[i];
  }
  return sum;
}

RationalVector gonzalez(std::span<const Rational> v, const Rational& delta_loss,
                        std::span<const Rational> delta) {
  const Rational weight = (delta_loss - dot(v, delta)) / dot(delta, delta);
  RationalVector out;
  for (std::size_t i = 0; i < v.size(); ++i) out.push_back(v[i] + weight * delta[i]);
  return out;
}

RationalVector itoh_abe(const Polynomial& p, std::span<const Rational> theta,
                        std::span<const Rational> theta_plus, std::span<const std::size_t> order) {
  RationalVector point(theta.begin(), theta.end()), out(theta.size());
  for (const std::size_t i : order) {
    if (theta[i] == theta_plus[i]) {
      out[i] = p.derivative(i)(point);
      continue;
    }
    const Rational before = p(point);
    point[i] = theta_plus[i];
    out[i] = (p(point) - before) / (theta_plus[i] - theta[i]);
  }
  return out;
}

}  // namespace natgrad::test::taylor
