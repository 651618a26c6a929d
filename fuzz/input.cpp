// natgrad: from the bytes of a fuzzer to hostile input.
#include "input.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <utility>

#include "support/reference.hpp"

namespace natgrad::fuzz {

namespace {

using test::exact;
using test::Rational;

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double largest = std::numeric_limits<double>::max();
constexpr std::uint64_t leading_one = std::uint64_t{1} << 52;

Input* current = nullptr;
int mismatch_status = 0;
std::array<std::size_t, region_count> met{};

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

double power_of_two(int exponent) {
  return std::ldexp(1.0, exponent);
}

// Stays finite.
double nudged(double x, int ulps) {
  for (; ulps > 0 && x < largest; --ulps) x = std::nextafter(x, infinity);
  for (; ulps < 0 && x > -largest; ++ulps) x = std::nextafter(x, -infinity);
  return x;
}

bool all_zero(std::span<const double> x) {
  return std::all_of(x.begin(), x.end(), [](double element) { return element == 0; });
}

// 2^exponent x, or the nearest exponent for which that is exact.
void shift_within(std::vector<double>& x, int exponent) {
  int lo = -4000, hi = 4000;
  for (const double element : x) {
    if (element == 0) continue;
    const auto [mantissa, e] = decompose(element);
    lo = std::max(lo, -1074 - (e - 52 + std::countr_zero(mantissa)));
    hi = std::min(hi, 1023 - e);
  }
  exponent = std::clamp(exponent, lo, hi);
  for (double& element : x) element = std::ldexp(element, exponent);
}

int sign_of_dot(std::span<const double> g, std::span<const double> y) {
  Rational sum = 0;
  for (std::size_t i = 0; i < g.size(); ++i) {
    if (g[i] != 0 && y[i] != 0) sum += exact(g[i]) * exact(y[i]);
  }
  return sum.sign();
}

}  // namespace

const char* name(Region region) {
  constexpr std::array<const char*, region_count> names = {"generic",
                                                           "wide",
                                                           "subnormal",
                                                           "near overflow",
                                                           "sparse",
                                                           "cancelling",
                                                           "one ulp off orthogonal",
                                                           "near-orthogonal",
                                                           "near-parallel",
                                                           "parallel",
                                                           "midpoint",
                                                           "orthogonal",
                                                           "zero"};
  return names[static_cast<std::size_t>(region)];
}

// ------------------------------------------------------------------------- Input

Input::Input(const std::uint8_t* data, std::size_t size) : data_(data, size) {
  current = this;
}

Input::~Input() {
  current = nullptr;
}

std::uint8_t Input::byte() {
  if (data_.empty()) return 0;
  const std::uint8_t first = data_.front();
  data_ = data_.subspan(1);
  return first;
}

std::uint64_t Input::word() {
  std::uint64_t out = 0;
  for (int i = 0; i < 8; ++i) out |= std::uint64_t{byte()} << (8 * i);
  return out;
}

std::uint64_t Input::below(std::uint64_t count) {
  if (count <= 1) return 0;
  if (count <= 256) return byte() % count;
  if (count <= 65536) {
    const std::uint64_t low = byte();
    return (low | std::uint64_t{byte()} << 8) % count;
  }
  return word() % count;
}

int Input::between(int lo, int hi) {
  const auto count = static_cast<std::uint64_t>(static_cast<std::int64_t>(hi) - lo + 1);
  const auto start = static_cast<std::uint64_t>(static_cast<std::int64_t>(std::clamp(0, lo, hi)) - lo);
  return lo + static_cast<int>((start + below(count)) % count);
}

double Input::number() {
  const std::uint8_t kind = byte();
  const bool negative = (kind & 0x80) != 0;
  switch (kind & 7) {
    case 0:
      return negative ? -0.0 : 0.0;
    case 1: {
      const double x = power_of_two(between(-1074, 1023));
      return negative ? -x : x;
    }
    case 2:
      return number(-1074, -1023);
    case 3:
      return number(1000, 1023);
    case 4: {
      std::uint64_t bits = word();
      if ((bits & 0x7ff0000000000000) == 0x7ff0000000000000) bits ^= 0x0010000000000000;
      return std::bit_cast<double>(bits);
    }
    case 5:
      return number(-8, 8);
    default:
      return number(-1074, 1023);
  }
}

double Input::number(int lo, int hi) {
  const std::uint8_t kind = byte();
  const int exponent = between(lo, hi);
  std::uint64_t fraction = 0;
  switch (kind & 7) {
    case 0:
      break;
    case 1:
      fraction = std::uint64_t{byte()} << 44;
      break;
    case 2:
      fraction = leading_one - 1 - (byte() & 7);
      break;
    case 3:
      fraction = byte();
      break;
    case 4:  // 27 bits: its square is a double, or just not
      fraction = ((std::uint64_t{byte()} | std::uint64_t{byte()} << 8 | std::uint64_t{byte()} << 16) << 28) |
                 (std::uint64_t{1} << 26);
      break;
    default:
      fraction = word() >> 12;
      break;
  }
  return compose(leading_one | fraction, exponent, (kind & 0x80) != 0);
}

std::vector<std::byte> Input::bytes(std::size_t count) {
  std::vector<std::byte> out(std::min(count, data_.size()));
  for (std::byte& element : out) element = std::byte{byte()};
  return out;
}

void Input::note(std::string_view label, std::span<const double> values) {
  notes_.push_back({std::string(label), "", {values.begin(), values.end()}, 0});
}

void Input::note_text(std::string_view label, std::string_view text) {
  notes_.push_back({std::string(label), std::string(text), {}, 0});
}

void Input::note_matrix(std::string_view label, const arma::mat& values) {
  Note note{std::string(label), "", {}, values.n_cols};
  for (std::size_t i = 0; i < values.n_rows; ++i) {
    for (std::size_t j = 0; j < values.n_cols; ++j) note.values.push_back(values(i, j));
  }
  notes_.push_back(std::move(note));
}

// ------------------------------------------------------------------------- pairs

namespace {

// What a pair is built from.
struct Recipe {
  Region region = Region::generic;
  std::vector<double> a, b;  // 1 or more elements each; zeros only in Region::sparse
  int distance = 0;          // how far from orthogonal or parallel
  unsigned variant = 0;
  std::size_t max_dimension = 1;
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
      const double factor = std::copysign(power_of_two(decompose(b[i]).second), b[i]);
      g.insert(g.end(), {a[i], a[i + 1]});
      y.insert(y.end(), {-factor * a[i + 1], factor * a[i]});
    }
    if (a.size() % 2 == 1) {
      g.push_back(a.back());
      y.push_back(0.0);
    }
  } else {
    const auto integer = [](double x) {
      return std::copysign(static_cast<double>(decompose(x).first >> 37), x);
    };
    double sum = 0;  // of at most a few products of 16 bits by 16: exact
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
    y.push_back(std::ldexp(b.back(), -(recipe.distance % 64)));
  }
}

void build_near_parallel(const Recipe& recipe, std::vector<double>& g, std::vector<double>& y) {
  const double factor = power_of_two(decompose(recipe.b[0]).second);
  g = recipe.a;
  for (const double element : g) y.push_back(factor * element);
  const double tiny = power_of_two(-(recipe.distance % 1000));
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
  const auto bits27 = [](double x) { return decompose(x).first >> 26; };  // in [2^26, 2^27)
  if (recipe.variant % 4 < 2 && recipe.max_dimension >= 5) {
    // yy = 1 + k^2 2^-52 + 2^-53
    const auto k = static_cast<double>(bits27(recipe.a[0]) - (std::uint64_t{1} << 26));
    y = {k * 0x1p-26, 0x1p-27, 0x1p-27, 1.0};
    g = {0.0, 0.0, 0.0, 1.0};
    // yy/p just above the midpoint, or just below it
    if (recipe.distance % 3 > 0) {
      y.push_back(power_of_two(-30 - recipe.distance % 500));
      g.push_back(recipe.distance % 3 == 1 ? 0.0 : y.back());
    }
  } else if (recipe.max_dimension >= 3) {
    // y_1 y_2 is an odd integer of 53 or 54 bits
    y = {static_cast<double>(bits27(recipe.a[0]) | 1), static_cast<double>(bits27(recipe.b[0]) | 1), 1.0};
    g = {0.0, 0.0, 1.0};
  } else {
    // yy/p is the square of an odd integer of 27 bits, over a power of two
    y = {static_cast<double>(bits27(recipe.a[0]) | 1)};
    g = {power_of_two(recipe.distance % 60) / y[0]};
  }
  if (recipe.variant % 2 == 1) g.swap(y);
}

void build(const Recipe& recipe, std::vector<double>& g, std::vector<double>& y) {
  switch (recipe.region) {
    case Region::generic:
    case Region::wide:
    case Region::near_overflow:
      g = recipe.a;
      y = recipe.b;
      break;
    case Region::subnormal:
      // Both, or one of them beside a vector of ordinary size.
      g = recipe.a;
      y = recipe.b;
      for (double& element : y) element = std::ldexp(element, recipe.variant % 3 == 1 ? 1040 : 0);
      for (double& element : g) element = std::ldexp(element, recipe.variant % 3 == 2 ? 1040 : 0);
      break;
    case Region::sparse:
      g = recipe.a;
      y = recipe.b;
      if (all_zero(g)) g.front() = 1.0;
      if (all_zero(y)) y.back() = 1.0;
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
      g.push_back(power_of_two(-half));
      y.push_back(power_of_two(-std::min(recipe.distance - half, 1000)));
      break;
    }
    case Region::near_parallel:
      build_near_parallel(recipe, g, y);
      break;
    case Region::parallel: {
      const double factor = std::ldexp(1.0 + recipe.distance % 7, decompose(recipe.b[0]).second);
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
      g = recipe.a;
      y = recipe.b;
      if (recipe.variant % 3 != 0) g.assign(g.size(), 0.0);
      if (recipe.variant % 3 != 1) y.assign(y.size(), -0.0);
      break;
  }
}

// The least number of dimensions, and of those that it adds to its elements.
std::pair<std::size_t, std::size_t> needs(Region region) {
  switch (region) {
    case Region::cancelling:
    case Region::one_ulp_off:
    case Region::orthogonal:
      return {2, 0};
    case Region::near_parallel:
      return {2, 1};
    case Region::near_orthogonal:
      return {3, 1};
    default:
      return {1, 0};
  }
}

void make_effective(std::vector<double>& g, std::vector<double>& y) {
  if (all_zero(g)) g.front() = 1.0;
  int sign = sign_of_dot(g, y);
  if (sign == 0) {
    const auto i = static_cast<std::size_t>(
        std::find_if(g.begin(), g.end(), [](double x) { return x != 0; }) - g.begin());
    y[i] = y[i] == 0 ? 1.0 : std::nextafter(y[i], 0.0);
    sign = sign_of_dot(g, y);
  }
  if (sign < 0) {
    for (double& element : y) element = -element;
  }
}

Pair make_pair(Input& input, std::size_t max_dimension, bool effective) {
  Pair pair;
  Recipe recipe;
  recipe.max_dimension = max_dimension;
  recipe.region = static_cast<Region>(input.below(effective ? effective_region_count : region_count));
  pair.region = recipe.region;
  if (needs(recipe.region).first > max_dimension) {
    recipe.region = recipe.region == Region::near_orthogonal && max_dimension == 2 ? Region::one_ulp_off
                                                                                   : Region::generic;
  }
  const auto [least, added] = needs(recipe.region);
  const std::size_t fewest = least - added;
  const std::size_t n = fewest + input.below(max_dimension - added - fewest + 1);
  recipe.variant = static_cast<unsigned>(input.below(12));
  recipe.distance = input.one_in(3) ? input.between(0, 2000) : input.between(0, 100);
  const auto shift = [&input] {
    const std::uint64_t kind = input.below(4);
    return kind < 2 ? 0 : kind == 2 ? input.between(-40, 40) : input.between(-2200, 2200);
  };
  const int shift_g = shift(), shift_y = shift();
  const auto [lo, hi] = exponent_range(recipe.region);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::vector<double>* x : {&recipe.a, &recipe.b}) {
      const bool zero = recipe.region == Region::sparse && !input.one_in(3);
      x->push_back(zero ? std::copysign(0.0, input.one_in(2) ? -1.0 : 1.0) : input.number(lo, hi));
    }
  }
  build(recipe, pair.g, pair.y);
  if (effective) make_effective(pair.g, pair.y);
  if (has_shift(recipe.region)) {
    shift_within(pair.g, shift_g);
    shift_within(pair.y, shift_y);
  }
  ++met[static_cast<std::size_t>(pair.region)];
  input.note_text("region", name(pair.region));
  input.note("g", pair.g);
  input.note("y", pair.y);
  return pair;
}

}  // namespace

Pair pair(Input& input, std::size_t max_dimension) {
  return make_pair(input, max_dimension, false);
}

Pair effective_pair(Input& input, std::size_t max_dimension) {
  return make_pair(input, max_dimension, true);
}

// ------------------------------------------------------------------------- parameters

double positive(Input& input) {
  double x = 1;
  switch (input.below(5)) {
    case 0:
      x = power_of_two(input.between(-60, 60));
      break;
    case 1:
      x = power_of_two(input.between(-1074, 1023));
      break;
    case 2:
      x = input.one_in(2) ? largest : 0x1p-1074;
      break;
    default:
      x = std::fabs(input.number(-1074, 1023));
      break;
  }
  input.note("positive", x);
  return x;
}

Alpha alpha(Input& input, const Pair& pair) {
  const std::uint64_t kind = input.below(8);
  if (kind < 4) {
    input.note_text("alpha", "a*");
    return Alpha();
  }
  double value = 0;
  if (kind < 7) {
    const Rational gg = test::dot(exact(pair.g), exact(pair.g)), p = test::dot(exact(pair.g), exact(pair.y)),
                   yy = test::dot(exact(pair.y), exact(pair.y));
    value = kind == 4   ? test::nearest(yy / p)
            : kind == 5 ? test::nearest(p / gg)
                        : std::sqrt(test::nearest(yy / gg));
    value = nudged(value, input.between(-2, 2));
  }
  if (!(std::isfinite(value) && value > 0)) value = positive(input);
  input.note("alpha", value);
  return Alpha(value);
}

namespace {

std::vector<double> draw_vector(Input& input, std::size_t dimension) {
  std::vector<double> x(dimension, 0.0);
  switch (input.below(4)) {
    case 0:
      x[input.below(dimension)] = 1.0;
      break;
    case 1:
      for (double& element : x) element = input.number(-8, 8);
      break;
    case 2:
      for (double& element : x) {
        if (input.one_in(2)) element = input.number(-8, 8);
      }
      break;
    default:
      for (double& element : x) element = input.number();
      break;
  }
  return x;
}

}  // namespace

std::vector<double> vector(Input& input, std::size_t dimension) {
  std::vector<double> x = draw_vector(input, dimension);
  input.note("vector", x);
  return x;
}

std::vector<double> probe(Input& input, const Pair& pair, Alpha a) {
  const std::size_t n = pair.g.size();
  const std::uint64_t kind = input.below(10);
  std::vector<double> x;
  if (kind < 5) {
    x = draw_vector(input, n);
  } else if (kind == 5) {
    x = pair.g;
  } else if (kind == 6) {
    x = pair.y;
  } else {
    const std::size_t i = input.below(n);
    if (kind == 7) {
      x = pair.g;
      x[i] = nudged(x[i], input.one_in(2) ? 1 : -1);
    } else {
      const test::ExactPair exactly(pair.g, pair.y, n == 1 ? std::nullopt : a.value());
      test::RationalVector unit(n);
      unit[i] = 1;
      for (const Rational& element : kind == 8 ? test::two_loop(exactly, unit) : test::apply(exactly, unit)) {
        x.push_back(test::nearest(element));
      }
      if (!std::all_of(x.begin(), x.end(), [](double element) { return std::isfinite(element); })) {
        x.assign(n, 0.0);
        x[i] = 1.0;
      }
    }
  }
  input.note("x", x);
  return x;
}

// ------------------------------------------------------------------------- matrices

namespace {

// Lower triangular of integers -4 .. 4 with the diagonal 1.
arma::mat unit_lower(Input& input, std::size_t n) {
  arma::mat l(n, n, arma::fill::eye);
  for (std::size_t j = 0; j < n; ++j) {
    for (std::size_t i = j + 1; i < n; ++i) l(i, j) = input.between(-4, 4);
  }
  return l;
}

// The exponents of a diagonal: all 0, a little apart, or far apart.
std::vector<int> exponents(Input& input, std::size_t n, int narrow, int broad) {
  const std::uint64_t kind = input.below(3);
  std::vector<int> out(n, 0);
  if (kind == 0) return out;
  const int reach = kind == 1 ? narrow : broad;
  for (int& e : out) e = input.between(-reach, reach);
  return out;
}

// a diag(2^e) b^T with each product and sum exact: integers below 2^6, n < 2^10, exponents within +-12.
arma::mat weighted_product(const arma::mat& a, const std::vector<int>& e, const arma::mat& b) {
  arma::mat out(a.n_rows, b.n_rows, arma::fill::zeros);
  for (std::size_t j = 0; j < out.n_cols; ++j) {
    for (std::size_t i = 0; i < out.n_rows; ++i) {
      for (std::size_t k = 0; k < e.size(); ++k) out(i, j) += a(i, k) * b(j, k) * power_of_two(e[k]);
    }
  }
  return out;
}

}  // namespace

arma::mat matrix(Input& input, std::size_t rows, std::size_t columns) {
  arma::mat m(rows, columns, arma::fill::zeros);
  const std::uint64_t kind = input.below(3);
  for (double& entry : m) {
    if (kind == 1 && !input.one_in(2)) continue;
    entry = kind == 2 ? input.number() : input.number(-8, 8);
  }
  input.note_matrix("matrix", m);
  return m;
}

arma::mat nonsingular(Input& input, std::size_t n) {
  const arma::mat l = unit_lower(input, n), u = unit_lower(input, n);
  arma::mat m = weighted_product(l, exponents(input, n, 3, 12), u);
  const std::vector<int> rows = exponents(input, n, 8, 60), columns = exponents(input, n, 8, 60);
  for (std::size_t j = 0; j < n; ++j) {
    for (std::size_t i = 0; i < n; ++i) m(i, j) = std::ldexp(m(i, j), rows[i] + columns[j]);
  }
  for (std::size_t i = n; i-- > 1;) m.swap_rows(i, i - input.below(i + 1));
  input.note_matrix("nonsingular", m);
  return m;
}

arma::mat spd(Input& input, std::size_t n) {
  const arma::mat l = unit_lower(input, n);
  arma::mat m = weighted_product(l, exponents(input, n, 3, 12), l);
  const std::vector<int> scale = exponents(input, n, 8, 60);
  for (std::size_t j = 0; j < n; ++j) {
    for (std::size_t i = 0; i < n; ++i) m(i, j) = std::ldexp(m(i, j), scale[i] + scale[j]);
  }
  input.note_matrix("spd", m);
  return m;
}

arma::mat complement(Input& input, std::span<const double> x) {
  // Columns x_k e_i - x_i e_k with x_k != 0, each times a power of two that keeps it exact.
  const std::size_t n = x.size();
  std::vector<std::size_t> nonzero;
  for (std::size_t i = 0; i < n; ++i) {
    if (x[i] != 0) nonzero.push_back(i);
  }
  const std::size_t k = nonzero[input.below(nonzero.size())];
  const std::vector<int> scale = exponents(input, n, 8, 200);
  arma::mat u(n, n - 1, arma::fill::zeros);
  for (std::size_t i = 0, j = 0; i < n; ++i) {
    if (i == k) continue;
    std::vector<double> column = {x[k], -x[i]};
    shift_within(column, scale[i]);
    u(i, j) = column[0];
    u(k, j) = column[1];
    ++j;
  }
  input.note_matrix("complement", u);
  return u;
}

// ------------------------------------------------------------------------- wrong answers

void print_input() {
  if (current == nullptr) return;
  for (const Input::Note& note : current->notes_) {
    std::fprintf(stderr, "  %s = %s", note.label.c_str(), note.text.c_str());
    if (note.text.empty()) {
      std::fputs(note.values.size() == 1 ? "" : "[", stderr);
      for (std::size_t i = 0; i < note.values.size(); ++i) {
        const bool row_ends = note.columns > 0 && i % note.columns == 0;
        std::fprintf(stderr, "%s%a", i == 0 ? "" : row_ends ? "; " : ", ", note.values[i]);
      }
      std::fputs(note.values.size() == 1 ? "" : "]", stderr);
    }
    std::fputc('\n', stderr);
  }
}

void mismatch(std::string_view text) {
  if (mismatch_status != 0) std::_Exit(mismatch_status);
  std::fprintf(stderr, "\nMISMATCH: %.*s\n", static_cast<int>(text.size()), text.data());
  print_input();
  std::fflush(stderr);
  std::abort();
}

void require_same(double actual, double expected, std::string_view what) {
  if (actual == expected) return;
  mismatch(std::string(what) + " is " + test::hex(actual) + ", should be " + test::hex(expected));
}

void require_same(std::optional<double> actual, std::optional<double> expected, std::string_view what) {
  if (actual && expected) {
    require_same(*actual, *expected, what);
  } else if (actual || expected) {
    mismatch(std::string(what) + (actual ? " is " + test::hex(*actual) + ", should not exist"
                                         : " does not exist, should be " + test::hex(*expected)));
  }
}

void set_mismatch_status(int status) {
  mismatch_status = status;
}

std::span<const std::size_t> regions_met() {
  return met;
}

}  // namespace natgrad::fuzz
