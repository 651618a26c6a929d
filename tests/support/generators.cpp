// natgrad: RapidCheck generators of hostile input, built region by region.
#include "generators.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <ostream>
#include <utility>

#include "reference.hpp"

namespace natgrad::test {

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

class Source {
 public:
  explicit Source(const rc::Random& random) : random_(random) {}

  std::uint64_t bits() { return random_.next(); }
  std::uint64_t below(std::uint64_t count) { return bits() % count; }
  int between(int lo, int hi) {
    return lo + static_cast<int>(below(static_cast<std::uint64_t>(hi - lo + 1)));
  }
  bool one_in(std::uint64_t count) { return below(count) == 0; }

 private:
  rc::Random random_;
};

// mantissa 2^(exponent - 52) for a mantissa in [2^52, 2^53), cut where it would not be a double.
double compose(std::uint64_t mantissa, int exponent, bool negative) {
  const int excess = std::max(0, -1022 - exponent);
  mantissa = mantissa >> excess << excess;
  const double magnitude = std::ldexp(static_cast<double>(mantissa), exponent - 52);
  return negative ? -magnitude : magnitude;
}

// The mantissa in [2^52, 2^53) and the exponent of x != 0.
std::pair<std::uint64_t, int> decompose(double x) {
  int exponent = 0;
  const double fraction = std::frexp(std::fabs(x), &exponent);
  return {static_cast<std::uint64_t>(std::ldexp(fraction, 53)), exponent - 1};
}

constexpr std::uint64_t leading_one = std::uint64_t{1} << 52;

// A non-zero double with lo <= exponent <= hi; mantissas full, short, just below and just above a power.
double draw(Source& source, int lo, int hi) {
  std::uint64_t fraction = source.bits() >> 12;
  switch (source.below(6)) {
    case 0:
    case 1: {
      const int dropped = source.between(44, 52);
      fraction = fraction >> dropped << dropped;
      break;
    }
    case 2:
      fraction = leading_one - 1 - source.below(4);
      break;
    case 3:
      fraction = source.below(4);
      break;
    default:
      break;
  }
  const int exponent = source.between(lo, hi);
  return compose(leading_one | fraction, exponent, source.one_in(2));
}

// Non-zero doubles that are simpler than x != 0, with lo <= exponent <= hi.
std::vector<double> simpler(double x, int lo, int hi) {
  std::vector<double> out;
  const auto [mantissa, exponent] = decompose(x);
  const bool negative = x < 0;
  const auto offer = [&](std::uint64_t m, int e, bool sign) {
    const double candidate = compose(m, e, sign);
    if (candidate != x) out.push_back(candidate);
  };
  const int target = std::clamp(0, lo, hi);
  offer(leading_one, target, false);
  offer(mantissa, target, negative);
  offer(mantissa, exponent + (target - exponent) / 2, negative);
  if (exponent != target) offer(mantissa, exponent + (target > exponent ? 1 : -1), negative);
  offer(leading_one, exponent, negative);
  const int significant = 53 - std::countr_zero(mantissa);
  const int dropped = 53 - significant / 2;
  if (significant > 1) {
    offer(mantissa >> dropped << dropped, exponent, negative);
    offer(mantissa & (mantissa - 1), exponent, negative);
  }
  if (negative) offer(mantissa, exponent, false);
  return out;
}

// x.z in units of 2^-2252: 104 bits more than the product of two smallest subnormals.
Integer scaled_dot(std::span<const double> x, std::span<const double> z) {
  Integer sum = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (x[i] == 0 || z[i] == 0) continue;
    const auto [mx, ex] = decompose(x[i]);
    const auto [mz, ez] = decompose(z[i]);
    Integer product = Integer(mx) * Integer(mz);
    product <<= static_cast<unsigned long>(ex + ez + 2148);
    if ((x[i] < 0) != (z[i] < 0)) {
      sum -= product;
    } else {
      sum += product;
    }
  }
  return sum;
}

int largest_exponent(std::span<const double> x) {
  int largest = std::numeric_limits<int>::min();
  for (const double element : x) {
    if (element != 0) largest = std::max(largest, decompose(element).second);
  }
  return largest == std::numeric_limits<int>::min() ? 0 : largest;
}

double nudged(double x, int ulps) {
  for (; ulps > 0; --ulps) x = std::nextafter(x, infinity);
  for (; ulps < 0; ++ulps) x = std::nextafter(x, -infinity);
  return x;
}

// ------------------------------------------------------------------------------- pairs

// What a pair is built from. Shrinking works on this, so the region stays by construction.
struct Recipe {
  Region region = Region::generic;
  bool effective = false;
  std::vector<double> a, b;  // same length >= 1; zeros only in Region::sparse
  int shift_g = 0, shift_y = 0;
  int distance = 0;  // how far from orthogonal or parallel
  unsigned variant = 0;
};

std::pair<int, int> exponent_range(Region region) {
  switch (region) {
    case Region::wide:
      return {-1074, 1023};
    case Region::subnormal:
      return {-1074, -1023};
    case Region::near_overflow:
      return {1000, 1023};
    default:
      return {-8, 8};
  }
}

bool has_shift(Region region) {
  return region != Region::wide && region != Region::subnormal && region != Region::near_overflow;
}

// p = 0 exactly: rotated pairs of coordinates, or small integers with a balancing last coordinate.
void build_orthogonal(const Recipe& recipe, std::vector<double>& g, std::vector<double>& y) {
  const auto& a = recipe.a;
  const auto& b = recipe.b;
  if (a.size() == 1) {
    g = {a[0], 0.0};
    y = {0.0, b[0]};
  } else if (recipe.variant % 2 == 0) {
    for (std::size_t i = 0; i + 1 < a.size(); i += 2) {
      const double factor = std::ldexp(b[i] < 0 ? -1.0 : 1.0, decompose(b[i]).second);
      g.insert(g.end(), {a[i], a[i + 1]});
      y.insert(y.end(), {-factor * a[i + 1], factor * a[i]});
    }
    if (a.size() % 2 == 1) {
      g.push_back(a.back());
      y.push_back(0.0);
    }
  } else {
    const auto integer = [](double x) {
      return std::copysign(static_cast<double>((decompose(x).first >> 37)), x);
    };
    double sum = 0;
    for (std::size_t i = 0; i + 1 < a.size(); ++i) {
      g.push_back(integer(a[i]));
      y.push_back(integer(b[i]));
      sum += g.back() * y.back();
    }
    g.push_back(std::copysign(1.0, a.back()));
    y.push_back(-sum * g.back());
  }
}

void build_cancelling(const Recipe& recipe, std::vector<double>& g, std::vector<double>& y) {
  const auto& a = recipe.a;
  const auto& b = recipe.b;
  for (std::size_t i = 0; i + 1 < a.size(); i += 2) {
    g.insert(g.end(), {a[i], a[i + 1]});
    y.insert(y.end(), {b[i], nudged(-(a[i] * b[i] / a[i + 1]), recipe.distance % 3 - 1)});
  }
  if (a.size() % 2 == 1) {
    g.push_back(a.back());
    y.push_back(std::ldexp(b.back(), -recipe.distance % 64));
  }
}

void build_near_parallel(const Recipe& recipe, std::vector<double>& g, std::vector<double>& y) {
  const double factor = std::ldexp(1.0, decompose(recipe.b[0]).second);
  g = recipe.a;
  for (const double element : g) y.push_back(factor * element);
  const double tiny = std::ldexp(1.0, -recipe.distance % 1000);
  switch (recipe.variant % 3) {
    case 0:
      y.front() = nudged(y.front(), 1 + recipe.distance % 4);
      break;
    case 1:
      g.push_back(0.0);
      y.push_back(tiny);
      break;
    default:
      g.push_back(-tiny);
      y.push_back(0.0);
      break;
  }
}

// Sums and quotients that end in a single bit below the last place of a double, or next to that.
void build_midpoint(const Recipe& recipe, std::vector<double>& g, std::vector<double>& y) {
  const auto odd27 = [](double x) {
    return static_cast<double>((decompose(x).first >> 26 | 1) & ((std::uint64_t{1} << 27) - 1));
  };
  if (recipe.variant % 4 < 2) {
    // yy = 1 + k^2 2^-52 + 2^-53
    const double k =
        static_cast<double>((decompose(recipe.a[0]).first >> 26) & ((std::uint64_t{1} << 26) - 1));
    y = {k * 0x1p-26, 0x1p-27, 0x1p-27, 1.0};
    g = {0.0, 0.0, 0.0, 1.0};
    // yy/p just above the midpoint, or just below it
    if (recipe.distance % 3 > 0) {
      y.push_back(std::ldexp(1.0, -30 - recipe.distance % 500));
      g.push_back(recipe.distance % 3 == 1 ? 0.0 : y.back());
    }
  } else {
    // y_1 y_2 is an odd integer of 53 or 54 bits
    y = {odd27(recipe.a[0]), odd27(recipe.b[0]), 1.0};
    g = {0.0, 0.0, 1.0};
  }
  if (recipe.variant % 2 == 1) g.swap(y);
}

std::vector<double> shift_within(std::span<const double> x, int exponent) {
  const auto [lo, hi] = exact_shifts(x);
  return shifted(x, std::clamp(exponent, lo, hi));
}

Pair build(const Recipe& recipe) {
  Pair pair;
  pair.region = recipe.region;
  auto& g = pair.g;
  auto& y = pair.y;
  switch (recipe.region) {
    case Region::generic:
    case Region::wide:
    case Region::near_overflow:
      g = recipe.a;
      y = recipe.b;
      break;
    case Region::subnormal:
      g = recipe.a;
      y = recipe.b;
      // Both, or one of them beside a vector of ordinary size.
      if (recipe.variant % 3 == 1) y = shifted(y, 1040);
      if (recipe.variant % 3 == 2) g = shifted(g, 1040);
      break;
    case Region::sparse:
      g = recipe.a;
      y = recipe.b;
      if (std::all_of(g.begin(), g.end(), [](double x) { return x == 0; })) g.front() = 1.0;
      if (std::all_of(y.begin(), y.end(), [](double x) { return x == 0; })) y.back() = 1.0;
      break;
    case Region::cancelling:
      build_cancelling(recipe, g, y);
      break;
    case Region::orthogonal:
      build_orthogonal(recipe, g, y);
      break;
    case Region::one_ulp_off: {
      build_orthogonal(recipe, g, y);
      std::size_t i = 0;
      while (g[i] == 0) ++i;
      y[i] = nudged(y[i], recipe.distance % 2 == 0 ? 1 : -1);
      break;
    }
    case Region::near_orthogonal: {
      build_orthogonal(recipe, g, y);
      const int half = std::min(recipe.distance / 2, 1000);
      g.push_back(std::ldexp(1.0, -half));
      y.push_back(std::ldexp(1.0, -std::min(recipe.distance - half, 1000)));
      break;
    }
    case Region::near_parallel:
      build_near_parallel(recipe, g, y);
      break;
    case Region::parallel: {
      const double factor = std::ldexp(1 + recipe.distance % 7, decompose(recipe.b[0]).second);
      for (const double element : recipe.a) {
        const auto [mantissa, exponent] = decompose(element);
        g.push_back(compose(mantissa >> 4 << 4, exponent, element < 0));
        y.push_back(factor * g.back());
      }
      break;
    }
    case Region::midpoint:
      build_midpoint(recipe, g, y);
      break;
    case Region::zero:
      g.assign(recipe.a.size(), recipe.variant % 3 == 0 ? 1.0 : 0.0);
      y.assign(recipe.a.size(), recipe.variant % 3 == 1 ? -1.0 : -0.0);
      break;
  }
  if (recipe.effective) {
    const Integer p = scaled_dot(g, y);
    if (p < 0) {
      for (double& element : y) element = -element;
    } else if (p == 0) {
      g.push_back(std::ldexp(1.0, largest_exponent(g)));
      y.push_back(std::ldexp(1.0, largest_exponent(y)));
    }
  }
  if (has_shift(recipe.region)) {
    g = shift_within(g, recipe.shift_g);
    y = shift_within(y, recipe.shift_y);
  }
  return pair;
}

Recipe draw_recipe(Source& source, Region region, bool effective, std::size_t max_dimension, int size) {
  Recipe recipe;
  recipe.region = region;
  recipe.effective = effective;
  const std::size_t bound = 1 + (max_dimension - 1) * static_cast<std::size_t>(std::min(size, 100)) / 100;
  const std::size_t n = source.one_in(8) ? 1 : 1 + source.below(bound);
  const auto [lo, hi] = exponent_range(region);
  for (std::size_t i = 0; i < n; ++i) {
    recipe.a.push_back(draw(source, lo, hi));
    recipe.b.push_back(draw(source, lo, hi));
    if (region == Region::sparse) {
      if (!source.one_in(3)) recipe.a.back() = std::copysign(0.0, recipe.a.back());
      if (!source.one_in(3)) recipe.b.back() = std::copysign(0.0, recipe.b.back());
    }
  }
  const auto shift = [&source] {
    const std::uint64_t kind = source.below(4);
    return kind < 2 ? 0 : kind == 2 ? source.between(-40, 40) : source.between(-2200, 2200);
  };
  recipe.shift_g = shift();
  recipe.shift_y = shift();
  recipe.distance = source.one_in(2) ? source.between(0, 100) : source.between(0, 2000);
  recipe.variant = static_cast<unsigned>(source.below(12));
  return recipe;
}

std::vector<Recipe> simpler_recipes(const Recipe& recipe) {
  std::vector<Recipe> out;
  const auto offer = [&](auto change) {
    out.push_back(recipe);
    change(out.back());
  };
  const std::size_t n = recipe.a.size();
  for (std::size_t chunk = n / 2; chunk >= 1; chunk /= 2) {
    for (std::size_t start = 0; start + chunk <= n && chunk < n; start += chunk) {
      offer([&](Recipe& r) {
        const auto from = static_cast<std::ptrdiff_t>(start), to = static_cast<std::ptrdiff_t>(start + chunk);
        r.a.erase(r.a.begin() + from, r.a.begin() + to);
        r.b.erase(r.b.begin() + from, r.b.begin() + to);
      });
    }
  }
  for (int Recipe::*field : {&Recipe::shift_g, &Recipe::shift_y, &Recipe::distance}) {
    if (recipe.*field == 0) continue;
    offer([&](Recipe& r) { r.*field = 0; });
    if (std::abs(recipe.*field) > 1) offer([&](Recipe& r) { r.*field /= 2; });
    offer([&](Recipe& r) { r.*field -= r.*field > 0 ? 1 : -1; });
  }
  const auto [lo, hi] = exponent_range(recipe.region);
  for (std::vector<double> Recipe::*vector : {&Recipe::a, &Recipe::b}) {
    for (std::size_t i = 0; i < n; ++i) {
      const double element = (recipe.*vector)[i];
      if (element == 0) continue;
      if (recipe.region == Region::sparse) offer([&](Recipe& r) { (r.*vector)[i] = 0.0; });
      for (const double candidate : simpler(element, lo, hi)) {
        offer([&](Recipe& r) { (r.*vector)[i] = candidate; });
      }
    }
  }
  return out;
}

template <class T, class Simpler>
rc::Shrinkable<T> shrinking(T value, Simpler simpler_values) {
  return rc::shrinkable::shrinkRecur(std::move(value), [simpler_values](const T& current) {
    return rc::seq::fromContainer(simpler_values(current));
  });
}

rc::Gen<Pair> pairs_of(std::vector<Region> regions, bool effective, std::size_t max_dimension) {
  return [=](const rc::Random& random, int size) {
    Source source(random);
    const Region region = regions[source.below(regions.size())];
    return rc::shrinkable::map(
        shrinking(draw_recipe(source, region, effective, max_dimension, size), simpler_recipes), build);
  };
}

const std::vector<Region>& effective_regions() {
  static const std::vector<Region> regions = {
      Region::generic,       Region::wide,       Region::subnormal,   Region::near_overflow,
      Region::sparse,        Region::cancelling, Region::one_ulp_off, Region::near_orthogonal,
      Region::near_parallel, Region::parallel,   Region::midpoint};
  return regions;
}

}  // namespace

const char* name(Region region) {
  switch (region) {
    case Region::generic:
      return "generic";
    case Region::wide:
      return "wide";
    case Region::subnormal:
      return "subnormal";
    case Region::near_overflow:
      return "near overflow";
    case Region::sparse:
      return "sparse";
    case Region::cancelling:
      return "cancelling";
    case Region::one_ulp_off:
      return "one ulp off orthogonal";
    case Region::near_orthogonal:
      return "near-orthogonal";
    case Region::near_parallel:
      return "near-parallel";
    case Region::parallel:
      return "parallel";
    case Region::midpoint:
      return "midpoint";
    case Region::orthogonal:
      return "orthogonal";
    case Region::zero:
      return "zero";
  }
  return "?";
}

std::ostream& operator<<(std::ostream& stream, const Pair& pair) {
  const auto list = [&stream](const char* label, const std::vector<double>& x) {
    stream << label << " = [";
    for (std::size_t i = 0; i < x.size(); ++i) stream << (i == 0 ? "" : ", ") << hex(x[i]);
    stream << "]";
  };
  stream << name(pair.region) << ": ";
  list("g", pair.g);
  list(", y", pair.y);
  return stream;
}

rc::Gen<Pair> pairs(std::size_t max_dimension) {
  std::vector<Region> regions = effective_regions();
  regions.insert(regions.end(), {Region::orthogonal, Region::zero});
  return pairs_of(std::move(regions), false, max_dimension);
}

rc::Gen<Pair> effective_pairs(std::size_t max_dimension) {
  return pairs_of(effective_regions(), true, max_dimension);
}

rc::Gen<Pair> effective_pairs(std::size_t max_dimension, std::vector<Region> regions) {
  return pairs_of(std::move(regions), true, max_dimension);
}

// ------------------------------------------------------------------------------- the rest

namespace {

std::vector<double> simpler_doubles(double x) {
  if (x == 0) return {};
  std::vector<double> out = {0.0};
  const std::vector<double> nonzero = simpler(x, -1074, 1023);
  out.insert(out.end(), nonzero.begin(), nonzero.end());
  return out;
}

std::vector<double> draw_vector(Source& source, std::size_t dimension) {
  std::vector<double> x(dimension);
  const std::uint64_t kind = source.below(4);
  const auto [lo, hi] = kind == 0 ? std::pair(-1074, 1023) : std::pair(-8, 8);
  for (double& element : x) element = source.one_in(kind == 2 ? 2 : 16) ? 0.0 : draw(source, lo, hi);
  if (kind == 3) {
    std::fill(x.begin(), x.end(), 0.0);
    x[source.below(dimension)] = 1.0;
  }
  return x;
}

std::vector<std::vector<double>> simpler_vectors(const std::vector<double>& x) {
  std::vector<std::vector<double>> out;
  for (std::size_t i = 0; i < x.size(); ++i) {
    for (const double candidate : simpler_doubles(x[i])) {
      out.push_back(x);
      out.back()[i] = candidate;
    }
  }
  return out;
}

std::vector<double> rounded_or_unit(const RationalVector& x, std::size_t unit) {
  std::vector<double> out;
  for (const Rational& element : x) out.push_back(nearest(element));
  if (std::any_of(out.begin(), out.end(), [](double element) { return !std::isfinite(element); })) {
    std::fill(out.begin(), out.end(), 0.0);
    out[unit] = 1.0;
  }
  return out;
}

}  // namespace

rc::Gen<double> doubles() {
  return [](const rc::Random& random, int) {
    Source source(random);
    const double x = source.one_in(16) ? (source.one_in(2) ? 0.0 : -0.0) : draw(source, -1074, 1023);
    return shrinking(x, simpler_doubles);
  };
}

rc::Gen<double> positive_doubles() {
  return [](const rc::Random& random, int) {
    Source source(random);
    return shrinking(std::fabs(draw(source, -1074, 1023)), [](double x) { return simpler(x, -1074, 1023); });
  };
}

rc::Gen<std::vector<double>> vectors(std::size_t dimension) {
  return [dimension](const rc::Random& random, int) {
    Source source(random);
    return shrinking(draw_vector(source, dimension), simpler_vectors);
  };
}

rc::Gen<Alpha> alphas(const Pair& pair) {
  return [pair](const rc::Random& random, int) {
    Source source(random);
    const std::uint64_t kind = source.below(8);
    Alpha a;
    if (kind >= 4) {
      double value = std::ldexp(1.0, source.between(-60, 60));
      if (kind == 4) {
        const double star = nearest(Rational(scaled_dot(pair.y, pair.y), scaled_dot(pair.g, pair.y)));
        const double near_star = nudged(star, source.between(-2, 2));
        if (std::isfinite(near_star) && near_star > 0) value = near_star;
      } else if (kind == 5) {
        value = std::fabs(draw(source, -1074, 1023));
      }
      a = Alpha(value);
    }
    return shrinking(a, [](const Alpha& current) {
      std::vector<Alpha> out;
      if (current.is_optimal()) return out;
      out.push_back(Alpha());
      for (const double candidate : simpler(*current.value(), -1074, 1023)) out.push_back(Alpha(candidate));
      return out;
    });
  };
}

rc::Gen<std::vector<double>> probes(const Pair& pair, Alpha a) {
  return [pair, a](const rc::Random& random, int) {
    Source source(random);
    const std::size_t n = pair.g.size();
    const std::uint64_t kind = source.below(10);
    const std::size_t i = source.below(n);
    std::vector<double> x = draw_vector(source, n);
    if (kind == 5) x = pair.g;
    if (kind == 6) x = pair.y;
    if (kind == 7) {
      x = pair.g;
      const double neighbour = nudged(x[i], source.one_in(2) ? 1 : -1);
      if (std::isfinite(neighbour)) x[i] = neighbour;
    }
    if (kind >= 8) {
      const ExactPair exactly(pair.g, pair.y, a.value());
      RationalVector unit(n);
      unit[i] = 1;
      x = rounded_or_unit(kind == 8 ? two_loop(exactly, unit) : test::apply(exactly, unit), i);
    }
    return shrinking(x, simpler_vectors);
  };
}

rc::Gen<std::uint64_t> indices(std::uint64_t count) {
  return [count](const rc::Random& random, int) {
    return shrinking(Source(random).below(count), [](std::uint64_t x) {
      std::vector<std::uint64_t> out;
      if (x > 0) out = {0, x / 2, x - 1};
      return out;
    });
  };
}

void classify(const Pair& pair) {
  RC_TAG(name(pair.region));
  if (pair.g.size() == 1) RC_TAG("D = 1");
  const Integer gg = scaled_dot(pair.g, pair.g), yy = scaled_dot(pair.y, pair.y);
  const Integer p = scaled_dot(pair.g, pair.y);
  if (gg == 0 || yy == 0) return;
  if (p == 0) {
    RC_TAG("p = 0");
    return;
  }
  if (p < 0) RC_TAG("p < 0");
  const Integer product = gg * yy, square = p * p;
  const Integer rest = product - square;
  const auto smaller = [](const Integer& x, const Integer& of, unsigned bits) { return (x << bits) < of; };
  if (smaller(square, product, 1000)) {
    RC_TAG("c < 2^-500");
  } else if (smaller(square, product, 53)) {
    RC_TAG("c < 2^-26");
  }
  if (rest == 0) {
    RC_TAG("s = 0");
  } else if (smaller(rest, product, 1000)) {
    RC_TAG("s < 2^-500");
  } else if (smaller(rest, product, 53)) {
    RC_TAG("s < 2^-26");
  }
}

std::pair<int, int> exact_shifts(std::span<const double> x) {
  int lo = -4000, hi = 4000;
  for (const double element : x) {
    if (element == 0) continue;
    const auto [mantissa, exponent] = decompose(element);
    lo = std::max(lo, -1074 - (exponent - 52 + std::countr_zero(mantissa)));
    hi = std::min(hi, 1023 - exponent);
  }
  return {lo, hi};
}

std::vector<double> shifted(std::span<const double> x, int exponent) {
  std::vector<double> out;
  for (const double element : x) out.push_back(std::ldexp(element, exponent));
  return out;
}

}  // namespace natgrad::test

namespace natgrad {

void showValue(const Alpha& a, std::ostream& stream) {
  stream << (a.is_optimal() ? std::string("a*") : test::hex(*a.value()));
}

}  // namespace natgrad
