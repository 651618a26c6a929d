// natgrad: a seeded generator of hostile pairs (g, y), each of them exactly what its tag says.
#include "hostile_pairs.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>
#include <stdexcept>

#include "oracle.hpp"

namespace natgrad::reference {

std::uint64_t Random::next() {
  std::uint64_t z = (state_ += 0x9e3779b97f4a7c15);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

double Random::uniform() {
  return static_cast<double>(next() >> 11) * 0x1p-53;
}

double Random::number(int lo, int hi) {
  const int exponent = between(lo, hi);
  std::uint64_t mantissa = (next() >> 12) | (std::uint64_t{1} << 52);
  if (once_in(4)) mantissa &= ~std::uint64_t{0} << between(30, 52);
  return sign() * std::ldexp(static_cast<double>(mantissa), exponent - 52);
}

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

/// A pair under construction. alpha: nullopt where the caller may choose one; optimal_only where none may be.
struct Draft {
  std::vector<double> g, y;
  std::optional<double> alpha;
  bool optimal_only = false;

  /// Braces, as in push({a, b}), order the draws in a and b; the arguments of a call would not be ordered.
  void push(std::array<double, 2> entries) {
    g.push_back(entries[0]);
    y.push_back(entries[1]);
  }
  std::size_t size() const { return g.size(); }
};
using Maybe = std::optional<Draft>;

void shuffle(Draft& d, Random& r) {
  for (std::size_t i = d.size(); i > 1; --i) {
    const std::size_t j = r.below(i);
    std::swap(d.g[i - 1], d.g[j]);
    std::swap(d.y[i - 1], d.y[j]);
  }
}

/// Appends coordinates that are zero, of any sign, up to the dimension, and shuffles.
Draft padded(Draft d, std::size_t dimension, Random& r) {
  while (d.size() < dimension) d.push({std::copysign(0.0, r.sign()), std::copysign(0.0, r.sign())});
  shuffle(d, r);
  return d;
}

bool is_double(const Dyadic& x) {
  const double d = nearest(x);
  return std::isfinite(d) && compare(Dyadic(d), x) == 0;
}

/// g * 2^i and y * 2^j (and alpha * 2^(j-i)); nullopt unless that is exact.
Maybe rescaled(const Draft& d, int i, int j) {
  Draft result = d;
  const auto scale = [](double& x, int k) {
    const double z = std::ldexp(x, k);
    const bool exact = std::isfinite(z) && std::ldexp(z, -k) == x;
    x = z;
    return exact;
  };
  for (double& x : result.g)
    if (!scale(x, i)) return std::nullopt;
  for (double& x : result.y)
    if (!scale(x, j)) return std::nullopt;
  if (result.alpha && !scale(*result.alpha, j - i)) return std::nullopt;
  return result;
}

/// Scales g and y at random so that y/g is multiplied by 2^shift.
Maybe shifted(const Draft& d, int shift, Random& r) {
  for (int attempt = 0; attempt < 12; ++attempt) {
    const int i = attempt == 11 ? -shift / 2 : -shift / 2 + r.between(-300, 300) / (attempt + 1);
    if (Maybe result = rescaled(d, i, i + shift)) return result;
  }
  return std::nullopt;
}

// --------------------------------------------------------------------------- exactly prescribed sums

/// The first 53 bits of x.
double truncated(const Dyadic& x) {
  const Dyadic v(abs(x.m), x.e);
  const std::int64_t drop = v.log2() - 52 - v.e;
  const Dyadic top = drop > 0 ? Dyadic(v.m >> static_cast<std::size_t>(drop), v.e + drop) : v;
  return std::copysign(nearest(top), x.sign());
}

/// Doubles with the given sum of squares, by repeated square roots of 53 bits. @pre sum >= 0
std::optional<std::vector<double>> squares(Dyadic sum) {
  std::vector<double> result;
  while (sum.sign() > 0) {
    if (result.size() == 150) return std::nullopt;
    if (sum.e % 2 != 0) sum = Dyadic(sum.m << 1, sum.e - 1);
    std::int64_t drop = std::max<std::int64_t>(0, sum.log2() - sum.e - 104);
    drop += drop % 2;
    const Dyadic root(sqrt(cpp_int(sum.m >> static_cast<std::size_t>(drop))), (sum.e + drop) / 2);
    if (!is_double(root)) return std::nullopt;
    result.push_back(nearest(root));
    sum = (sum - root * root).reduced();
  }
  return result;
}

/// A pair with gg = 16, and p and yy as given. @pre 0 < p, p^2 <= 12 yy
Maybe realised(const Dyadic& p, const Dyadic& yy) {
  if (p.sign() <= 0 || yy.sign() <= 0) return std::nullopt;
  Draft d;
  const double base = truncated(Dyadic((p.m << 64) / 12, p.e - 64));
  for (int i = 0; i < 12; ++i) d.push({1, base});
  Dyadic rest = p - Dyadic(12, 0) * Dyadic(base);
  for (int i = 0; i < 4; ++i) {
    const double part = rest.sign() != 0 ? truncated(rest) : 0.0;
    d.push({1, part});
    rest = rest - Dyadic(part);
  }
  if (rest.sign() != 0) return std::nullopt;
  Dyadic remainder = yy;
  for (const double x : d.y) remainder = remainder - Dyadic(x) * Dyadic(x);
  if (remainder.sign() < 0) return std::nullopt;
  const auto parts = squares(remainder.reduced());
  if (!parts) return std::nullopt;
  for (const double x : *parts) d.push({0, x});
  return d;
}

/// One coordinate more (in place of a zero one, if there is one) that changes gg, p, yy by a unit: of
/// 2^-2148, or of something else far below the last bit of any scalar.
Maybe nudged(Draft d, Random& r) {
  const ExactGram gram = exact_gram(d.g, d.y);
  const Dyadic gg(gram.gg, -2148), p(abs(gram.gy), -2148), yy(gram.yy, -2148);
  const Dyadic q = gg * yy, n = q - p * p;
  std::int64_t least = std::min({gg.log2(), p.sign() != 0 ? p.log2() : gg.log2(), yy.log2()});
  if (n.sign() > 0) least += n.log2() - q.log2();
  const auto largest = static_cast<int>((least - 100) / 2);
  if (largest < -1074) return std::nullopt;
  const double unit = std::ldexp(1.0, r.once_in(2) ? -1074 : r.between(-1074, std::min(largest, 1000)));
  const std::array<std::array<double, 2>, 4> changes = {{{0, unit}, {unit, 0}, {unit, unit}, {unit, -unit}}};
  const auto& change = changes[r.below(4)];
  for (std::size_t i = 0; i < d.size(); ++i) {
    if (d.g[i] != 0 || d.y[i] != 0) continue;
    d.g[i] = change[0];
    d.y[i] = change[1];
    return d;
  }
  d.push({change[0], change[1]});
  return d;
}

// --------------------------------------------------------------------------- regions by geometry

/// One coordinate of g and y each, exactly orthogonal in all; p = 0.
Draft orthogonal_pair(Random& r, std::size_t dimension, int range) {
  Draft d;
  const std::size_t n = std::max<std::size_t>(dimension, 2);
  if (r.once_in(3)) {  // disjoint supports
    d.push({r.number(-range, range), std::copysign(0.0, r.sign())});
    d.push({0, r.number(-range, range)});
    while (d.size() < n)
      r.once_in(2) ? d.push({r.number(-range, range), 0}) : d.push({0, r.number(-range, range)});
  } else if (r.once_in(2) && n >= 3) {  // an integer vector and its product with an antisymmetric matrix
    for (std::size_t i = 0; i + 2 < n; i += 3) {
      std::array<double, 3> a{}, b{};
      for (double& x : a) x = r.between(-4000, 4000);
      for (double& x : b) x = r.between(-4000, 4000);
      const int k = r.between(-20, 20);
      for (std::size_t j = 0; j < 3; ++j) {
        const std::size_t u = (j + 1) % 3, v = (j + 2) % 3;
        d.push({std::ldexp(a[j], k), a[u] * b[v] - a[v] * b[u]});
      }
    }
    d.push({1, 0});  // neither vector may vanish
    d.push({0, 1});
  } else {  // (a, b) and (-b, a) 2^k
    while (d.size() + 1 < n) {
      const double a = r.number(-range, range), b = r.number(-range, range);
      const int k = r.between(-9, 9);
      d.push({a, std::ldexp(-b, k)});
      d.push({b, std::ldexp(a, k)});
    }
    if (d.size() < n) d.push({0, r.number(-range, range)});
  }
  shuffle(d, r);
  return d;
}

/// +-m 2^e with 1 <= m <= largest, |e| <= range.
double scaled_integer(Random& r, int largest, int range) {
  const int exponent = r.between(-range, range), m = r.between(1, largest);
  return r.sign() * std::ldexp(m, exponent);
}

/// y = k g exactly; the first coordinate is not zero.
Draft parallel_pair(Random& r, std::size_t dimension, double sign) {
  Draft d;
  const bool power = r.once_in(2);
  const double factor = power ? sign * std::ldexp(1.0, r.between(-60, 60)) : sign * r.between(1, 1 << 25);
  for (std::size_t i = 0; i < dimension; ++i) {
    double x = power ? r.number(-400, 400) : scaled_integer(r, 1 << 27, 400);
    if (i > 0 && r.once_in(5)) x = 0;
    d.push({x, x * factor});
  }
  return d;
}

/// A coordinate with both entries nonzero; d.size() if there is none.
std::size_t common_coordinate(const Draft& d, Random& r) {
  const std::size_t start = r.below(d.size());
  for (std::size_t i = 0; i < d.size(); ++i) {
    const std::size_t k = (start + i) % d.size();
    if (d.g[k] != 0 && d.y[k] != 0) return k;
  }
  return d.size();
}

Maybe orthogonal_plus_ulp(Random& r, std::size_t dimension) {
  Draft d = orthogonal_pair(r, dimension, 40);
  const std::size_t k = common_coordinate(d, r);
  if (k == d.size()) return std::nullopt;
  double& x = r.once_in(2) ? d.g[k] : d.y[k];
  x = std::nextafter(x, r.sign() * infinity);
  return d;
}

Maybe parallel_plus_ulp(Random& r, std::size_t dimension) {
  Draft d = parallel_pair(r, std::max<std::size_t>(dimension, 2), 1);
  if (d.y[1] == 0) d.g[1] = d.g[0], d.y[1] = d.y[0];
  const std::size_t k = common_coordinate(d, r);
  d.y[k] = std::nextafter(d.y[k], r.sign() * infinity);
  return d;
}

Maybe small_cosine(Random& r, std::size_t dimension) {
  Draft d;  // coordinate 0 common, the others in g or in y
  const std::size_t n = std::max<std::size_t>(dimension, 2);
  d.push({r.number(-3, 3), 0});
  d.push({0, r.number(-3, 3)});
  while (d.size() < n) r.once_in(2) ? d.push({r.number(-3, 3), 0}) : d.push({0, r.number(-3, 3)});
  double gg = 0, yy = 0;
  for (const double x : d.g) gg += x * x;
  for (const double x : d.y) yy += x * x;
  const double cosine = std::abs(r.number(-996, -4));  // 1.5e-300 to 0.12
  d.y[0] = cosine * std::sqrt(gg) * std::sqrt(yy) / d.g[0];
  shuffle(d, r);
  const int i = r.between(-400, 400), j = r.between(0, 400);
  return rescaled(d, i, j);
}

Maybe cosine_underflow(Random& r, std::size_t dimension) {
  Draft d;
  const double sign = r.once_in(4) ? -1.0 : 1.0;
  const double large_g = r.number(900, 1023), large_y = r.number(900, 1023);
  const double small_g = r.once_in(3) ? 0.0 : sign * std::copysign(r.number(-1074, -200), large_y);
  const double small_y =
      small_g != 0 && r.once_in(3) ? 0.0 : sign * std::copysign(r.number(-1074, -200), large_g);
  d.push({large_g, small_g == 0 || r.once_in(2) ? small_y : 0.0});
  d.push({small_g != 0 ? std::copysign(small_g, sign * large_y) : 0.0, large_y});
  return padded(d, dimension, r);
}

Maybe nearly_parallel(Random& r, std::size_t dimension) {
  Draft d = parallel_pair(r, std::max<std::size_t>(dimension, 2) - 1, 1);
  double norm = 0;
  for (const double x : d.y) norm = std::max(norm, std::abs(x));
  const double part = norm * r.number(-996, -4);
  if (part == 0) return std::nullopt;
  d.push({0, part});
  shuffle(d, r);
  return d;
}

Maybe cancelling(Random& r, std::size_t dimension) {
  Draft d;
  const std::size_t n = std::max<std::size_t>(dimension, 3);
  if (r.once_in(2)) {  // mirrored terms and a small rest
    const int range = r.between(1, 300);
    while (d.size() + 2 < n) {
      const double a = r.number(-range, range), b = r.number(-range, range);
      d.push({a, b});
      r.once_in(2) ? d.push({a, -b}) : d.push({-a, b});
    }
    double largest = 0;
    for (std::size_t i = 0; i < d.size(); ++i) largest = std::max(largest, std::abs(d.g[i] * d.y[i]));
    const double rest = largest * std::ldexp(1.0, -r.between(40, 300));
    const double factor = std::ldexp(1.0, r.between(-20, 20));
    d.push({factor, (r.once_in(4) ? -1.0 : 1.0) * rest / factor});
  } else {  // random terms and one that cancels their rounded sum
    double sum = 0;
    while (d.size() + 1 < n) {
      d.push({r.number(-20, 20), r.number(-20, 20)});
      sum += d.g.back() * d.y.back();
    }
    const double last = r.number(-2, 2);
    if (sum == 0) return std::nullopt;
    d.push({last, -sum / last});
    if (exact_gram(d.g, d.y).gy == 0) return std::nullopt;
  }
  shuffle(d, r);
  return d;
}

/// Independent entries; p > 0 three times out of four.
template <class G, class Y>
Draft independent(Random& r, std::size_t dimension, G g_entry, Y y_entry) {
  Draft d;
  const double wanted = r.once_in(4) ? 0.0 : 1.0;
  for (std::size_t i = 0; i < dimension; ++i) {
    const double a = g_entry(), b = y_entry();
    d.push({a, wanted != 0 && a * b < 0 && !r.once_in(4) ? -b : b});
  }
  return d;
}

Draft within(Random& r, std::size_t dimension, int g_lo, int g_hi, int y_lo, int y_hi) {
  return independent(
      r, dimension, [&] { return r.number(g_lo, g_hi); }, [&] { return r.number(y_lo, y_hi); });
}

double lognormal(Random& r, double sigma) {
  double normal = -6;
  for (int i = 0; i < 12; ++i) normal += r.uniform();
  const double magnitude = std::ldexp(1 + r.uniform(), static_cast<int>(std::lround(sigma * normal)));
  return r.sign() * magnitude;
}

// --------------------------------------------------------------------------- log det = 0

/// Small integer pairs of dimension 3 and 4 with yy^(D-1) = p^(D-2) gg, p > 0 and g != y.
const std::vector<Draft>& unit_determinants() {
  static const std::vector<Draft> found = [] {
    std::vector<Draft> result;
    for (const int n : {3, 4}) {
      const int bound = n == 3 ? 3 : 2, base = 2 * bound + 1;
      int count = 1;
      for (int i = 0; i < n; ++i) count *= base;
      for (int a = 0; a < count; ++a) {
        for (int b = 0; b < count; ++b) {
          if (a == b) continue;
          Draft d;
          int gg = 0, p = 0, yy = 0;
          for (int i = 0, u = a, v = b; i < n; ++i, u /= base, v /= base) {
            const int x = u % base - bound, z = v % base - bound;
            d.push({static_cast<double>(x), static_cast<double>(z)});
            gg += x * x;
            p += x * z;
            yy += z * z;
          }
          if (p <= 0 || (n == 3 ? yy * yy != p * gg : yy * yy * yy != p * p * gg)) continue;
          if (result.size() < 4000 || (a + b) % 7 == 0) result.push_back(d);
        }
      }
    }
    return result;
  }();
  return found;
}

Maybe log_det_zero(Random& r, std::size_t) {
  Draft d;
  if (r.once_in(3)) {  // D = 2: gg = yy
    const double a = std::abs(r.number(-300, 300)), b = std::abs(r.number(-300, 300));
    d.push({a, b});
    d.push({r.once_in(2) ? b : -b, 0});
    d.y[1] = std::copysign(a, d.g[1]);
    if (a == b) return std::nullopt;
  } else if (r.once_in(2)) {
    const auto& all = unit_determinants();
    d = all[r.below(all.size())];
    const int k = r.between(-1000, 1000);
    const Maybe moved = rescaled(d, k, k);
    if (!moved) return std::nullopt;
    d = *moved;
  } else {  // a* = 2^k: g = (x, 0, ...), y = (x a^(1-D), x a^(1-D) sqrt(a^D - 1) split into squares)
    const int k = r.between(1, 4);
    const auto parts_of = [&](int n) { return squares(Dyadic((cpp_int(1) << (k * n)) - 1, 0)); };
    const int n = r.between(5, 40);
    const auto parts = parts_of(n);
    if (!parts || parts->size() + 1 > static_cast<std::size_t>(n)) return std::nullopt;
    const double x = r.between(1, 1 << 20), small = std::ldexp(x, -k * (n - 1));
    d.push({x, small});
    for (const double part : *parts) d.push({0, part * small});
    while (d.size() < static_cast<std::size_t>(n)) d.push({0, 0});
    // The parts have up to k n / 2 bits each.
    for (std::size_t i = 1; i < d.size(); ++i)
      if (!is_double(Dyadic(small) * Dyadic(i <= parts->size() ? (*parts)[i - 1] : 0.0)) ||
          (i <= parts->size() && compare(Dyadic(small) * Dyadic((*parts)[i - 1]), Dyadic(d.y[i])) != 0))
        return std::nullopt;
  }
  d.optimal_only = true;
  shuffle(d, r);
  return d;
}

Maybe log_det_zero_at_alpha(Random& r, std::size_t dimension) {
  // p = gg a^(1-D): y = a^(1-D) g and anything orthogonal to g.
  const std::size_t n = std::max<std::size_t>(dimension, 2);
  const int k =
      n > 900 || r.once_in(2) ? 0 : r.between(-static_cast<int>(900 / n), static_cast<int>(900 / n));
  Draft d;
  d.push({r.number(-30, 30), 0});
  d.push({0, r.number(-1000, 1000)});
  while (d.size() < n) r.once_in(2) ? d.push({r.number(-30, 30), 0}) : d.push({0, r.number(-1000, 1000)});
  for (std::size_t i = 0; i < n; ++i)
    if (d.g[i] != 0) d.y[i] = std::ldexp(d.g[i], -k * static_cast<int>(n - 1));
  d.alpha = std::ldexp(1.0, k);
  shuffle(d, r);
  return d;
}

Maybe log_det_near_zero(Random& r, std::size_t dimension) {
  Draft d;
  const std::size_t n = std::max<std::size_t>(dimension, 2);
  for (std::size_t i = 0; i + 1 < n; ++i) {
    const double x = r.number(-3, 3);
    d.push({x, x});
  }
  const int digits = r.between(30, 1074);
  const double tiny = std::ldexp(r.sign(), -digits);
  switch (r.below(3)) {
    case 0:
      d.push({0, tiny});
      d.optimal_only = true;
      break;
    case 1:
      d.push({tiny, 0});
      d.optimal_only = true;
      break;
    default:
      d.push({0, r.number(-3, 3)});
      d.alpha = std::nextafter(1.0, r.once_in(2) ? 0.0 : 2.0);
  }
  shuffle(d, r);
  return d;
}

Maybe pythagorean(Random& r, std::size_t dimension) {
  const int bits = r.between(2, 25);
  const double m = r.between(2, 1 << bits), n = r.between(1, static_cast<int>(m) - 1);
  const double t = std::ldexp(1.0, r.between(-400, 400));
  double a = 2 * m * n, b = m * m - n * n;
  if (r.once_in(2)) std::swap(a, b);
  Draft d;
  d.push({r.number(-400, 400), 0});
  d.y[0] = std::copysign(a * t, (r.once_in(4) ? -1.0 : 1.0) * d.g[0]);
  d.push({0, r.sign() * b * t});
  return padded(d, dimension, r);
}

// --------------------------------------------------------------------------- rounding boundaries

enum class Place { midpoint, beside, exact };

/// A value of a scalar that lies on a midpoint (or, for Place::exact, on a double): m * 2^unit.
struct Goal {
  cpp_int m;
  int unit;
  Dyadic value() const { return {m, unit}; }
};

/// An odd integer of exactly so many bits.
cpp_int odd_integer(Random& r, int bits) {
  if (bits == 1) return 1;
  const std::uint64_t top = std::uint64_t{1} << (bits - 1);
  return top | (r.next() & (top - 1)) | 1;
}

/// 2^lo <= value < 2^hi in the normal range, at times subnormal or the overflow boundary if in reach.
Goal draw_goal(Random& r, Place place, int lo, int hi) {
  const int bits = place == Place::exact ? 53 : 54, least = place == Place::exact ? -1074 : -1075;
  if (lo < -1022 && r.once_in(5)) return {odd_integer(r, r.between(1, bits - 1)), least};
  if (hi > 1023 && r.once_in(5)) return {(cpp_int(1) << bits) - 1, 1024 - bits};
  const int top = r.once_in(2) ? r.between(std::max(lo, -10), std::min(hi, 11) - 1) : r.between(lo, hi - 1);
  return {odd_integer(r, bits), std::max(top + 1 - bits, least)};
}

/// The goal as a number in [1/2, 1), and the power of two that was taken away.
Dyadic normalised(const Goal& goal, int& shift) {
  const int bits = static_cast<int>(msb(goal.m)) + 1;
  shift = goal.unit + bits;
  return {goal.m, -bits};
}

Maybe goal_gram(Random& r, Place place, std::size_t dimension) {
  Draft d;
  const Goal goal = draw_goal(r, place, -1074, 1024);
  const auto which = r.below(3);
  if (which == 2) {
    int shift = 0;
    const Maybe base = realised(normalised(goal, shift), Dyadic(4, 0));
    if (!base) return std::nullopt;
    const int i = shift / 2 + r.between(-200, 200) / 2;
    return rescaled(padded(*base, dimension, r), i, shift - i);
  }
  const auto parts = squares(goal.value());
  if (!parts) return std::nullopt;
  for (const double x : *parts) d.push({x * r.sign(), r.number(-30, 30)});
  if (which == 1) std::swap(d.g, d.y);
  return padded(d, dimension, r);
}

Maybe goal_cosine(Random& r, Place place, std::size_t dimension) {
  const Goal goal = draw_goal(r, place, -1074, 0);
  const int k = std::min<int>(500, static_cast<int>(-goal.value().log2()) + r.between(0, 20));
  const Maybe d = realised(scaled(goal.value(), k + 2), Dyadic(1, 2 * k));
  if (!d) return std::nullopt;
  return padded(*d, dimension, r);
}

Maybe goal_sine(Random& r, Place place, std::size_t dimension) {
  // y = g + w with |w| = B |y|, w orthogonal to g.
  const Goal goal = draw_goal(r, place, -1074, 0);
  const int k = goal.unit < -600 ? 500 : r.between(0, 100);
  const Dyadic w2 = scaled(goal.value() * goal.value(), 2 * k);
  const auto w = squares(w2), g = squares(Dyadic(1, 2 * k) - w2);
  if (!w || !g) return std::nullopt;
  Draft d;
  for (const double x : *g) d.push({x, x});
  for (const double x : *w) d.push({0, x * r.sign()});
  return padded(d, dimension, r);
}

Maybe goal_alpha(Random& r, Place place, std::size_t dimension) {
  int shift = 0;
  const Dyadic b = normalised(draw_goal(r, place, -1074, 1024), shift);
  const Dyadic p(1, b.log2() - r.between(-1, 60));
  const Maybe d = realised(p, b * p);
  if (!d) return std::nullopt;
  return shifted(padded(*d, dimension, r), shift, r);
}

Maybe goal_lambda(Random& r, Place place, std::size_t dimension) {
  // y = t (2m, m^2 - 1), g = (1, 0): lambda_max = t (m^2 + 1) m, lambda_min = t (m^2 + 1)/m.
  const int j = r.between(1, 3), m = 1 << j;
  const int bits = place == Place::exact ? 53 : 54;
  const bool subnormal = r.once_in(5);
  cpp_int t = 0;
  if (subnormal) {
    t = odd_integer(r, r.between(1, 45));
  } else {
    const auto lo = static_cast<std::uint64_t>(((cpp_int(1) << (bits - 1)) + m * m) / (m * m + 1));
    const auto hi = std::min(static_cast<std::uint64_t>(((cpp_int(1) << bits) - 1) / (m * m + 1)),
                             static_cast<std::uint64_t>((cpp_int(1) << 53) / (m * m - 1)));
    t = (lo + r.below(hi - lo)) | 1;
  }
  Draft d;
  d.push({1, nearest(Dyadic(t * 2 * m, 0))});
  d.push({0, nearest(Dyadic(t * (m * m - 1), 0))});
  d.optimal_only = true;
  // lambda_max = (t (m^2 + 1)) 2^j: its last bit is to be the last but one of a double.
  const int shift = subnormal ? (place == Place::exact ? -1074 : -1075) - j : r.between(-1000, 950);
  return shifted(padded(d, dimension, r), shift, r);
}

Maybe with_condition(Random& r, const Dyadic& kappa, std::size_t dimension) {
  const std::int64_t w = -kappa.log2();
  const Dyadic k1 = kappa + Dyadic(1, 0);
  const Maybe d = realised(scaled(kappa, 1 + w), scaled(kappa * k1 * k1, 2 * w - 4));
  if (!d) return std::nullopt;
  Draft result = padded(*d, dimension, r);
  result.optimal_only = true;
  return result;
}

Maybe goal_condition(Random& r, Place place, std::size_t dimension) {
  return with_condition(r, draw_goal(r, place, 2, 1024).value(), dimension);
}

Maybe goal_sqrt_condition(Random& r, Place place, std::size_t dimension) {
  const Dyadic b = draw_goal(r, place, 1, 900).value();
  return with_condition(r, b * b, dimension);
}

/// M(a) has the eigenvalues given, a = 2^e between them.
Maybe with_eigenvalues(Random& r, const Dyadic& low, const Dyadic& high, std::int64_t e,
                       std::size_t dimension) {
  if (std::abs(e) > 1000 || low.log2() >= e || high.log2() < e) return std::nullopt;
  const Dyadic p = scaled(low * high, 4 - e);
  const Maybe d = realised(p, p * (low + high - Dyadic(1, e)));
  if (!d) return std::nullopt;
  Draft result = padded(*d, dimension, r);
  result.alpha = std::ldexp(1.0, static_cast<int>(e));
  return result;
}

Maybe goal_lambda_min_at_alpha(Random& r, Place place, std::size_t dimension) {
  int shift = 0;
  const Dyadic low = normalised(draw_goal(r, place, -1074, 1000), shift);
  const int e = r.between(1, 12), more = r.between(0, 20);
  const Maybe d = with_eigenvalues(r, low, Dyadic(r.between(3, 255), e + more), e, dimension);
  return d ? shifted(*d, shift, r) : std::nullopt;
}

Maybe goal_lambda_max_at_alpha(Random& r, Place place, std::size_t dimension) {
  int shift = 0;
  const Dyadic high = normalised(draw_goal(r, place, -1000, 1024), shift);
  const int e = -r.between(1, 12), less = r.between(0, 20);
  const Maybe d = with_eigenvalues(r, Dyadic(r.between(1, 127), e - 8 - less), high, e, dimension);
  return d ? shifted(*d, shift, r) : std::nullopt;
}

Maybe with_condition_at_alpha(Random& r, const Dyadic& kappa, std::size_t dimension) {
  const std::int64_t half = kappa.log2() / 2;
  return with_eigenvalues(r, Dyadic(1, -half), scaled(kappa, -half),
                          kappa.log2() < 4 ? 1 - half : r.between(-1, 1), dimension);
}

Maybe goal_condition_at_alpha(Random& r, Place place, std::size_t dimension) {
  return with_condition_at_alpha(r, draw_goal(r, place, 3, 1024).value(), dimension);
}

Maybe goal_sqrt_condition_at_alpha(Random& r, Place place, std::size_t dimension) {
  const Dyadic b = draw_goal(r, place, 2, 1024).value();
  return with_condition_at_alpha(r, b * b, dimension);
}

/// Room for what realised() makes, and a coordinate to spare.
std::size_t roomy(Random& r, std::size_t dimension) {
  return std::max<std::size_t>(dimension, 40 + r.below(30));
}

Maybe exactly(Maybe d, std::size_t dimension, Random& r) {
  if (!d || d->size() >= dimension) return std::nullopt;
  return padded(*d, dimension, r);
}

Maybe goal_trace(Random& r, Place place, std::size_t dimension) {
  // D a* = B: with D = k 2^z, B = k m and a* = m 2^-z.
  const std::size_t n = roomy(r, dimension);
  std::size_t odd = n;
  int z = 0;
  for (; odd % 2 == 0; odd /= 2) ++z;
  const int bits = place == Place::exact ? 53 : 54;
  const bool subnormal = r.once_in(5);
  const cpp_int low = (cpp_int(1) << (bits - 1)) / odd + 1, span = (cpp_int(1) << (bits - 1)) / odd - 2;
  cpp_int m = subnormal ? odd_integer(r, r.between(1, 30)) : (low + r.next() % span) | 1;
  if (static_cast<int>(msb(cpp_int(m * odd))) + 1 > bits) m -= 2;
  const Dyadic a_star(m, -z);
  const Dyadic p(1, a_star.log2() - r.between(-1, 60));
  Maybe d = exactly(realised(p, a_star * p), n, r);
  if (!d) return std::nullopt;
  d->optimal_only = true;
  return shifted(*d, subnormal ? (place == Place::exact ? -1074 : -1075) : r.between(-1000, 900), r);
}

Maybe goal_trace_at_alpha(Random& r, Place place, std::size_t dimension) {
  const std::size_t n = roomy(r, dimension);
  int shift = 0;
  const Dyadic b = normalised(draw_goal(r, place, -1050, 1024), shift);
  const std::int64_t e = -2 - Dyadic(cpp_int(n), 0).log2() - r.between(0, 30);
  const Dyadic a_star = b - scaled(Dyadic(cpp_int(n - 1), 0), e);
  const Dyadic p(1, a_star.log2() - r.between(-1, 60));
  Maybe d = exactly(realised(p, a_star * p), n, r);
  if (!d) return std::nullopt;
  d->alpha = std::ldexp(1.0, static_cast<int>(e));
  return shifted(*d, shift, r);
}

/// A number of the required number of bits near x.
Dyadic goal_near(double x, int bits) {
  const int e = std::ilogb(x) + 1 - bits;
  return {static_cast<cpp_int>(static_cast<std::uint64_t>(std::ldexp(x, -e))) | 1, e};
}

Maybe goal_frobenius(Random& r, Place place, std::size_t dimension) {
  // a* = 1: D + 2 s^2 = B^2, c^2 = (D + 2 - B^2)/2 = p/gg.
  const std::size_t n = roomy(r, dimension);
  const bool subnormal = r.once_in(5);
  const int bits = subnormal ? r.between(20, 45) : place == Place::exact ? 53 : 54;
  const Dyadic b = goal_near(std::sqrt(static_cast<double>(n) + 0.6 + 1.3 * r.uniform()), bits);
  const Dyadic p = scaled(Dyadic(cpp_int(n + 2), 0) - b * b, 3);
  Maybe d = exactly(realised(p, p), n, r);
  if (!d) return std::nullopt;
  d->optimal_only = true;
  const int least = place == Place::exact ? -1074 : -1075;
  return shifted(*d, subnormal ? least - static_cast<int>(b.e) : r.between(-1000, 900), r);
}

Maybe goal_frobenius_at_alpha(Random& r, Place place, std::size_t dimension) {
  // a*^2 + (D - 1) a^2 + 2 a a* - 2 a p/gg = B^2.
  const std::size_t n = roomy(r, dimension);
  const int e = r.between(-12, 3);
  const double a = std::ldexp(1.0, e), a_star = r.between(1, 255);
  const double s2 = 0.3 + 0.6 * r.uniform();
  const Dyadic b =
      goal_near(std::sqrt(a_star * a_star + static_cast<double>(n - 1) * a * a + 2 * a * a_star * s2),
                place == Place::exact ? 53 : 54);
  const Dyadic rest =
      Dyadic(a_star) * Dyadic(a_star) + Dyadic(cpp_int(n - 1), 2 * e) + scaled(Dyadic(a_star), e + 1) - b * b;
  const Dyadic p = scaled(rest, 3 - e);
  Maybe d = exactly(realised(p, Dyadic(a_star) * p), n, r);
  if (!d) return std::nullopt;
  d->alpha = a;
  return shifted(*d, r.between(-900, 900), r);
}

// --------------------------------------------------------------------------- the table of regions

using Check = std::function<bool(const HostilePair&, const Oracle&)>;
struct Region {
  std::string tag;
  std::function<Maybe(Random&, std::size_t)> make;
  Check check;
};

bool any_nonzero(const std::vector<double>& v) {
  return std::any_of(v.begin(), v.end(), [](double x) { return x != 0; });
}

bool all_within(const std::vector<double>& v, double low, double high) {
  return std::all_of(v.begin(), v.end(),
                     [&](double x) { return x == 0 || (std::abs(x) >= low && std::abs(x) < high); });
}

/// 0 < s^2 <= 2^k.
bool sine_squared_at_most(const Oracle& o, int k) {
  return o.sine_numerator().sign() > 0 && compare(o.sine_numerator(), scaled(o.sine_denominator(), k)) <= 0;
}

bool is_square(const Dyadic& x) {
  const Dyadic v = x.reduced();
  if (v.sign() < 0 || v.e % 2 != 0) return v.sign() == 0;
  const cpp_int root = sqrt(v.m);
  return root * root == v.m;
}

void add_goal(std::vector<Region>& table, const std::string& what, Maybe (*make)(Random&, Place, std::size_t),
              const std::function<Placement(const HostilePair&, const Oracle&, Placement)>& placement_of) {
  struct Kind {
    const char* prefix;
    Place place;
    Placement wanted;
  };
  for (const Kind kind : {Kind{"on a midpoint: ", Place::midpoint, Placement::on_midpoint},
                          Kind{"beside a midpoint: ", Place::beside, Placement::beside_midpoint},
                          Kind{"on a double: ", Place::exact, Placement::on_double}}) {
    const Check check = [=](const HostilePair& pair, const Oracle& o) {
      return placement_of(pair, o, kind.wanted) == kind.wanted;
    };
    table.push_back({kind.prefix + what,
                     [=](Random& r, std::size_t dimension) -> Maybe {
                       const Maybe d = make(r, kind.place, dimension);
                       if (!d || kind.place != Place::beside) return d;
                       for (int attempt = 0; attempt < 10;
                            ++attempt) {  // some changes leave this scalar alone
                         const Maybe moved = nudged(*d, r);
                         if (!moved) continue;
                         const HostilePair pair{moved->g, moved->y, moved->alpha, {}};
                         if (check(pair, Oracle(exact_gram(pair.g, pair.y), pair.alpha))) return moved;
                       }
                       return std::nullopt;
                     },
                     check});
  }
}

void add_goal(std::vector<Region>& table, const std::string& what, Maybe (*make)(Random&, Place, std::size_t),
              Field field) {
  add_goal(table, what, make,
           [field](const HostilePair&, const Oracle& o, Placement) { return o.placement(field); });
}

Placement gram_placement(const HostilePair& pair, const Oracle&, Placement wanted) {
  const ExactGram gram = exact_gram(pair.g, pair.y);
  for (const cpp_int& entry : {gram.gg, gram.gy, gram.yy})
    if (placement(Dyadic(entry, -2148)) == wanted) return wanted;
  return Placement::elsewhere;
}

std::vector<Region> make_table() {
  std::vector<Region> table;
  const auto add = [&](const char* tag, std::function<Maybe(Random&, std::size_t)> make, Check check) {
    table.push_back({tag, std::move(make), std::move(check)});
  };
  const auto p_sign = [](const Oracle& o) {
    return o.reason() == "descent" ? 1 : o.reason() == "ascent" ? -1 : 0;
  };

  add(
      "orthogonal", [](Random& r, std::size_t n) { return orthogonal_pair(r, n, 450); },
      [](const HostilePair&, const Oracle& o) { return o.reason() == "orthogonal"; });
  add("orthogonal but for an ulp", orthogonal_plus_ulp, [=](const HostilePair&, const Oracle& o) {
    return p_sign(o) != 0 && std::abs(*o.value(Field::cosine)) <= 0x1p-50;
  });
  add("small cosine", small_cosine, [](const HostilePair&, const Oracle& o) {
    const double c = *o.value(Field::cosine);
    return c > 1e-300 && c < 0.13;
  });
  add("cosine underflows", cosine_underflow, [=](const HostilePair&, const Oracle& o) {
    return p_sign(o) != 0 && std::abs(*o.value(Field::cosine)) < 0x1p-1022;
  });
  add(
      "parallel", [](Random& r, std::size_t n) { return parallel_pair(r, n, 1); },
      [=](const HostilePair&, const Oracle& o) { return p_sign(o) > 0 && o.sine_numerator().sign() == 0; });
  add(
      "antiparallel", [](Random& r, std::size_t n) { return parallel_pair(r, n, -1); },
      [=](const HostilePair&, const Oracle& o) { return p_sign(o) < 0 && o.sine_numerator().sign() == 0; });
  add("parallel but for an ulp", parallel_plus_ulp,
      [=](const HostilePair&, const Oracle& o) { return p_sign(o) > 0 && sine_squared_at_most(o, -100); });
  add("nearly parallel", nearly_parallel,
      [=](const HostilePair&, const Oracle& o) { return p_sign(o) > 0 && sine_squared_at_most(o, -6); });
  add("cancelling", cancelling, [=](const HostilePair& pair, const Oracle& o) {
    cpp_int sum = 0, magnitudes = 0;
    for (std::size_t i = 0; i < pair.g.size(); ++i) {
      sum += product(pair.g[i], pair.y[i]);
      magnitudes += abs(product(pair.g[i], pair.y[i]));
    }
    return p_sign(o) != 0 && magnitudes >= abs(sum) << 30;
  });
  add(
      "subnormal entries", [](Random& r, std::size_t n) { return within(r, n, -1074, -1024, -1074, -1024); },
      [](const HostilePair& p, const Oracle&) {
        return all_within(p.g, 0, 0x1p-1022) && all_within(p.y, 0, 0x1p-1022) && any_nonzero(p.g) &&
               any_nonzero(p.y);
      });
  add(
      "huge entries", [](Random& r, std::size_t n) { return within(r, n, 1000, 1023, 1000, 1023); },
      [](const HostilePair& p, const Oracle&) {
        return all_within(p.g, 0x1p1000, infinity) && all_within(p.y, 0x1p1000, infinity);
      });
  add(
      "any exponents", [](Random& r, std::size_t n) { return within(r, n, -1074, 1023, -1074, 1023); },
      [](const HostilePair& p, const Oracle&) { return any_nonzero(p.g) && any_nonzero(p.y); });
  add(
      "huge update and tiny gradient",
      [](Random& r, std::size_t n) { return within(r, n, 900, 1023, -1074, -900); },
      [](const HostilePair& p, const Oracle&) {
        return all_within(p.g, 0x1p900, infinity) && all_within(p.y, 0, 0x1p-899);
      });
  add(
      "tiny update and huge gradient",
      [](Random& r, std::size_t n) { return within(r, n, -1074, -900, 900, 1023); },
      [](const HostilePair& p, const Oracle&) {
        return all_within(p.y, 0x1p900, infinity) && all_within(p.g, 0, 0x1p-899);
      });
  add(
      "signed zeros",
      [](Random& r, std::size_t n) {
        const auto entry = [&] {
          return r.once_in(3) ? scaled_integer(r, 9, 0) : std::copysign(0.0, r.sign());
        };
        Draft d = independent(r, n, entry, entry);
        d.push({-0.0, r.sign() * 0.0});
        return d;
      },
      [](const HostilePair& p, const Oracle&) {
        return std::any_of(p.g.begin(), p.g.end(), [](double x) { return x == 0 && std::signbit(x); });
      });
  add(
      "sparse",
      [](Random& r, std::size_t n) {
        const auto entry = [&] { return r.once_in(12) ? r.number(-40, 40) : 0.0; };
        Draft d = independent(r, std::max<std::size_t>(n, 20), entry, entry);
        d.g[0] = r.number(-40, 40);
        d.y[0] = std::copysign(r.number(-40, 40), d.g[0]);
        return d;
      },
      [](const HostilePair& p, const Oracle&) {
        return any_nonzero(p.g) && any_nonzero(p.y) && std::count(p.g.begin(), p.g.end(), 0.0) > 0;
      });
  add(
      "lognormal",
      [](Random& r, std::size_t n) {
        const double sigma = r.between(1, 40);
        const auto entry = [&] { return lognormal(r, sigma); };
        return independent(r, n, entry, entry);
      },
      [](const HostilePair& p, const Oracle&) { return any_nonzero(p.g) && any_nonzero(p.y); });
  add(
      "plain", [](Random& r, std::size_t n) { return within(r, n, -2, 2, -2, 2); },
      [](const HostilePair& p, const Oracle&) {
        return all_within(p.g, 0.25, 8) && all_within(p.y, 0.25, 8);
      });
  add(
      "dimension one",
      [](Random& r, std::size_t) {
        const bool narrow = r.once_in(2);
        return narrow ? within(r, 1, -30, 30, -30, 30) : within(r, 1, -1074, 1023, -1074, 1023);
      },
      [](const HostilePair& p, const Oracle& o) {
        return p.g.size() == 1 && o.sine_numerator().sign() == 0;
      });
  const auto zero_or = [](Random& r, std::size_t n, bool g, bool y) {
    Draft d;
    for (std::size_t i = 0; i < n; ++i)
      d.push({g ? r.number(-1074, 1023) : std::copysign(0.0, r.sign()),
              y ? r.number(-1074, 1023) : std::copysign(0.0, r.sign())});
    return d;
  };
  add(
      "zero update", [=](Random& r, std::size_t n) { return zero_or(r, n, false, true); },
      [](const HostilePair&, const Oracle& o) { return o.reason() == "zero_update"; });
  add(
      "zero gradient", [=](Random& r, std::size_t n) { return zero_or(r, n, true, false); },
      [](const HostilePair&, const Oracle& o) { return o.reason() == "zero_gradient"; });
  add(
      "stationary", [=](Random& r, std::size_t n) { return zero_or(r, n, false, false); },
      [](const HostilePair&, const Oracle& o) { return o.reason() == "stationary"; });
  add(
      "identical",
      [](Random& r, std::size_t n) {
        Draft d;
        for (std::size_t i = 0; i < n; ++i) {
          const double x = r.number(-1074, 1023);
          d.push({x, x});
        }
        return d;
      },
      [](const HostilePair& p, const Oracle& o) {
        return p.g == p.y && *o.value(Field::cosine) == 1 && (p.alpha || *o.value(Field::log_det) == 0);
      });
  add("log det zero", log_det_zero, [](const HostilePair& p, const Oracle& o) {
    return p.g != p.y && !p.alpha && o.value(Field::log_det) == 0;
  });
  add("log det zero at alpha", log_det_zero_at_alpha,
      [](const HostilePair& p, const Oracle& o) { return p.alpha && o.value(Field::log_det) == 0; });
  add("log det nearly zero", log_det_near_zero, [](const HostilePair&, const Oracle& o) {
    const Rounded v = *o.rounded(Field::log_det);
    return v.down < v.up && std::abs(v.nearest) < 0x1p-20;
  });
  add("pythagorean", pythagorean, [](const HostilePair&, const Oracle& o) {
    return is_square(o.sine_denominator()) && is_square(o.sine_numerator()) && o.sine_numerator().sign() > 0;
  });

  add_goal(table, "gram", goal_gram, gram_placement);
  add_goal(table, "cosine", goal_cosine, Field::cosine);
  add_goal(table, "sine", goal_sine, Field::sine);
  add_goal(table, "alpha", goal_alpha, [](const HostilePair& pair, const Oracle&, Placement) {
    return Oracle(exact_gram(pair.g, pair.y)).placement(Field::alpha);  // a*, whatever alpha is given
  });
  add_goal(table, "lambda", goal_lambda, [](const HostilePair&, const Oracle& o, Placement wanted) {
    const Placement high = o.placement(Field::lambda_max);
    return high == wanted ? high : o.placement(Field::lambda_min);
  });
  add_goal(table, "condition", goal_condition, Field::condition);
  add_goal(table, "sqrt_condition", goal_sqrt_condition, Field::sqrt_condition);
  add_goal(table, "trace", goal_trace, Field::trace);
  add_goal(table, "frobenius_norm", goal_frobenius, Field::frobenius_norm);
  add_goal(table, "lambda_min at alpha", goal_lambda_min_at_alpha, Field::lambda_min);
  add_goal(table, "lambda_max at alpha", goal_lambda_max_at_alpha, Field::lambda_max);
  add_goal(table, "condition at alpha", goal_condition_at_alpha, Field::condition);
  add_goal(table, "sqrt_condition at alpha", goal_sqrt_condition_at_alpha, Field::sqrt_condition);
  add_goal(table, "trace at alpha", goal_trace_at_alpha, Field::trace);
  add_goal(table, "frobenius_norm at alpha", goal_frobenius_at_alpha, Field::frobenius_norm);
  return table;
}

const std::vector<Region>& table() {
  static const std::vector<Region> regions = make_table();
  return regions;
}

std::size_t draw_dimension(Random& r, std::size_t max_dimension) {
  const auto kind = r.below(100);
  const std::size_t n = kind < 65 ? 1 + r.below(7) : kind < 92 ? 8 + r.below(56) : 64 + r.below(600);
  return std::min(n, max_dimension);
}

std::optional<double> draw_alpha(Random& r, const Draft& d) {
  if (r.once_in(2)) return std::nullopt;
  double gg = 0, p = 0, yy = 0;
  for (std::size_t i = 0; i < d.size(); ++i) {
    gg += d.g[i] * d.g[i];
    p += d.g[i] * d.y[i];
    yy += d.y[i] * d.y[i];
  }
  double a = 0;
  switch (r.below(6)) {
    case 0:  // a* or its neighbours
      a = yy / p;
      if (r.once_in(2)) a = std::nextafter(a, r.once_in(2) ? 0.0 : infinity);
      break;
    case 1:
      a = yy / p * std::abs(r.number(-40, 40));
      break;
    case 2:  // where lambda_min and lambda_max are the farthest apart from a
      a = r.once_in(2) ? p / gg : std::sqrt(yy / gg);
      break;
    case 3:
      a = 1;
      break;
    case 4:
      a = r.once_in(2) ? 0x1p-1074 : std::numeric_limits<double>::max();
      break;
    default:
      break;
  }
  if (std::isfinite(a) && a > 0) return a;
  return std::abs(r.number(-1074, 1023));
}

}  // namespace

HostilePair hostile_pair(std::uint64_t seed, std::uint64_t index, std::size_t max_dimension) {
  Random r(Random(seed).next() ^ (index * 0xd1342543de82ef95));
  const auto& regions = table();
  const std::size_t dimension =
      index % 401 == 400 ? max_dimension - r.below(max_dimension / 4 + 1) : draw_dimension(r, max_dimension);
  // A construction may miss (something would not be exact): draw again, and in the end take the next region;
  // soon, if it needs more dimensions than there are.
  for (std::size_t misses = 0;;) {
    const Region& region = regions[(index + misses / 20) % regions.size()];
    Maybe d = region.make(r, dimension);
    if (!d || d->size() > max_dimension) {
      misses += d ? 10 : 1;
      continue;
    }
    if (!d->alpha && !d->optimal_only) d->alpha = draw_alpha(r, *d);
    return {std::move(d->g), std::move(d->y), d->alpha, region.tag};
  }
}

std::vector<HostilePair> hostile_pairs(std::uint64_t seed, std::size_t count, std::size_t max_dimension) {
  std::vector<HostilePair> pairs;
  pairs.reserve(count);
  for (std::size_t i = 0; i < count; ++i) pairs.push_back(hostile_pair(seed, i, max_dimension));
  return pairs;
}

std::vector<std::string> hostile_tags() {
  std::vector<std::string> tags;
  for (const Region& region : table()) tags.push_back(region.tag);
  return tags;
}

bool tag_holds(const HostilePair& pair) {
  for (const Region& region : table())
    if (region.tag == pair.tag) return region.check(pair, Oracle(exact_gram(pair.g, pair.y), pair.alpha));
  return false;
}

}  // namespace natgrad::reference
