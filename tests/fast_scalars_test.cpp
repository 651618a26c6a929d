// natgrad: tests of the fast paths: each operation's bound against multiprecision, tables, and decisions
// against the exact ways alone.
//
// lib/scalars.cpp is compiled into this program with a fast::Scalars that decides nothing (below), so that
// here the functions of scalars.hpp are exact arithmetic only.
#include "fast.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdio>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "kernels/leading.hpp"
#include "reference/hostile_pairs.hpp"
#include "support/exact.hpp"
#include "support/forge.hpp"

namespace natgrad::fast {

Scalars::Scalars(const Gram& gram, const Alpha&, unsigned) : gram_(kernels::leading(gram, false)) {}
int Scalars::sign_of_p() const {
  return kernels::sign_of(gram_.p);
}
bool Scalars::has_angle() const {
  return !kernels::is_zero(gram_.gg) && !kernels::is_zero(gram_.yy);
}
double Scalars::gg() const {
  return kernels::nearest(gram_.gg);
}
double Scalars::gy() const {
  return kernels::nearest(gram_.p);
}
double Scalars::yy() const {
  return kernels::nearest(gram_.yy);
}

}  // namespace natgrad::fast

// The arithmetic of either table. Without -mfma a fused multiply-add is a call of the C library.
namespace natgrad::kernels {
namespace {
namespace portable_text {

#define NATGRAD_FUSED 0
#include "kernels/double_word.hpp"
//
#include "kernels/elementary_tables.hpp"
//
#include "kernels/elementary.hpp"

}  // namespace portable_text
namespace fused_text {

#undef NATGRAD_FUSED
#define NATGRAD_FUSED 1
#include "kernels/double_word.hpp"
//
#include "kernels/elementary_tables.hpp"
//
#include "kernels/elementary.hpp"

}  // namespace fused_text
}  // namespace
}  // namespace natgrad::kernels

namespace natgrad::test {
namespace {

using kernels::AlphaGiven;
using kernels::AlphaKind;
using kernels::Coefficient;
using kernels::EnclosedLeading;
using kernels::GramLeading;
using kernels::Leading;
using kernels::Operator;
using kernels::ProductsLeading;
using kernels::Scalar;
using kernels::ScalarTable;
using reference::HostilePair;
using reference::Random;

constexpr double unit_roundoff = 0x1p-53;
constexpr unsigned bits = 400;  // of references

Real real(double x) {
  return Real(x);
}

Real power(std::int64_t k) {
  return ldexp(Real(1), static_cast<int>(k));
}

// ------------------------------------------------------------------------------------ operations

/// A hi that rounding finds hard: random bits, few bits, next to a power of two.
double hard_mantissa(Random& r) {
  double x = 1 + r.uniform();
  switch (r.below(6)) {
    case 0:
      x = 1 + static_cast<double>(r.below(16)) / 16;
      break;
    case 1:
      x = 1 + static_cast<double>(r.below(8)) * 0x1p-52;
      break;
    case 2:
      x = 2 - static_cast<double>(1 + r.below(8)) * 0x1p-52;
      break;
    default:
      break;
  }
  return x;
}

/// A double-word of magnitude 2^-+range, with an error or without.
template <class DoubleWord>
DoubleWord draw(Random& r, int range, bool with_error, bool negative_too) {
  DoubleWord x{};
  x.hi = std::ldexp(hard_mantissa(r), r.between(-range, range));
  const double half_ulp = std::ldexp(1.0, std::ilogb(x.hi) - 53);
  switch (r.below(5)) {
    case 0:
      break;
    case 1:
      x.lo = r.sign() * half_ulp * (1 - 0x1p-53);
      break;
    case 2:
      x.lo = r.sign() * half_ulp * std::ldexp(1 + r.uniform(), -r.between(1, 80));
      break;
    default:
      x.lo = r.sign() * half_ulp * r.uniform();
  }
  if (x.hi + x.lo != x.hi) x.lo = 0;  // below a power of two
  if (negative_too && r.once_in(2)) {
    x.hi = -x.hi;
    x.lo = -x.lo;
  }
  if (with_error) x.error = x.hi == 0 ? 0 : std::ldexp(std::fabs(x.hi), -r.between(25, 120));
  return x;
}

template <class DoubleWord>
Real value(const DoubleWord& x) {
  return real(x.hi) + real(x.lo);
}
template <class DoubleWord>
Real value_at_end(const DoubleWord& x, double end) {
  return value(x) + real(end) * real(x.error);
}

/// The greatest |result - reference|/error seen; infinity if an error of 0 was exceeded.
struct Worst {
  double ratio = 0;
  template <class DoubleWord>
  void see(const DoubleWord& got, const Real& expected) {
    const Real distance = abs(Real(value(got) - expected));
    if (distance == 0) return;
    ratio = std::max(ratio, got.error > 0 ? static_cast<double>(Real(distance / real(got.error)))
                                          : std::numeric_limits<double>::infinity());
  }
};

/// Of operands known exactly, and of operands that are as far off as their errors allow.
struct WorstPair {
  Worst exact, inexact;

  void expect_true_and_useful(const char* name) const {
    EXPECT_LE(exact.ratio, 1) << name;
    EXPECT_GE(exact.ratio, 1.0 / 16) << name;
    EXPECT_LE(inexact.ratio, 1) << name;
    EXPECT_GE(inexact.ratio, 1.0 / 2) << name;
  }
  bool is_caught() const { return exact.ratio > 1 || inexact.ratio > 1; }
};

template <class DoubleWord, class Operation, class Reference>
WorstPair worst_of(Operation operation, Reference reference, bool negative_too, std::uint64_t seed) {
  const PrecisionScope precision(bits);
  Random r(seed);
  WorstPair worst;
  for (int i = 0; i < 40000; ++i) {
    const bool with_error = i % 2 != 0;
    const int range = i % 3 == 0 ? 40 : 1;
    const auto x = draw<DoubleWord>(r, range, with_error, negative_too);
    auto y = draw<DoubleWord>(r, range, with_error && r.once_in(2), negative_too);
    if (r.once_in(4)) {  // cancellation, nearly a square, nearly a quotient of 1
      y.hi = (negative_too && r.once_in(2) ? -1 : 1) * std::fabs(x.hi);
      if (y.hi + y.lo != y.hi) y.lo = 0;
    }
    const DoubleWord z = operation(x, y);
    for (const double end_x : {-1.0, 1.0})
      for (const double end_y : {-1.0, 1.0})
        (with_error ? worst.inexact : worst.exact)
            .see(z, reference(value_at_end(x, end_x), value_at_end(y, end_y)));
    if (!(std::fabs(z.lo) <= unit_roundoff * std::fabs(z.hi))) worst.exact.ratio = 1e9;
  }
  return worst;
}

const auto sum = [](const Real& x, const Real& y) { return Real(x + y); };
const auto product = [](const Real& x, const Real& y) { return Real(x * y); };
const auto quotient = [](const Real& x, const Real& y) { return Real(x / y); };
const auto root = [](const Real& x, const Real&) { return Real(sqrt(x)); };

template <class DoubleWord>
void check_operations(std::uint64_t seed) {
  worst_of<DoubleWord>([](auto x, auto y) { return add(x, y); }, sum, true, seed)
      .expect_true_and_useful("sum");
  worst_of<DoubleWord>([](auto x, auto y) { return multiply(x, y); }, product, true, seed + 1)
      .expect_true_and_useful("product");
  worst_of<DoubleWord>([](auto x, auto y) { return divide(x, y); }, quotient, true, seed + 2)
      .expect_true_and_useful("quotient");
  worst_of<DoubleWord>([](auto x, auto) { return square_root(x); }, root, false, seed + 3)
      .expect_true_and_useful("root");
  double factor = 0;
  worst_of<DoubleWord>(
      [&](auto x, auto y) {
        factor = y.hi;
        return multiply(x, factor);
      },
      [&](const Real& x, const Real&) { return Real(x * real(factor)); }, true, seed + 4)
      .expect_true_and_useful("product with a double");
}

TEST(DoubleWord, BoundsOfThePortableOperationsHoldAndAreUseful) {
  check_operations<kernels::portable_text::DoubleWord>(10);
}

TEST(DoubleWord, BoundsOfTheFusedOperationsHoldAndAreUseful) {
  check_operations<kernels::fused_text::DoubleWord>(20);
}

TEST(DoubleWord, CanariesAreCaught) {
  using DoubleWord = kernels::portable_text::DoubleWord;
  const auto less_sure = [](DoubleWord z, double factor) {
    z.error *= factor;
    return z;
  };
  EXPECT_TRUE(worst_of<DoubleWord>([&](auto x, auto y) { return less_sure(add(x, y), 0.25); }, sum, true, 30)
                  .is_caught());
  EXPECT_TRUE(
      worst_of<DoubleWord>([&](auto x, auto y) { return less_sure(multiply(x, y), 0.25); }, product, true, 31)
          .is_caught());
  EXPECT_TRUE(
      worst_of<DoubleWord>([&](auto x, auto y) { return less_sure(divide(x, y), 0.25); }, quotient, true, 32)
          .is_caught());
  EXPECT_TRUE(
      worst_of<DoubleWord>([&](auto x, auto) { return less_sure(square_root(x), 0.25); }, root, false, 33)
          .is_caught());
  // A term forgotten.
  EXPECT_TRUE(worst_of<DoubleWord>(
                  [&](auto x, auto y) {
                    auto z = multiply(x, y);
                    y.lo = 0;
                    z.lo = multiply(x, y).lo;
                    return z;
                  },
                  product, true, 34)
                  .is_caught());
  // Of the errors that come in, one forgotten.
  EXPECT_TRUE(worst_of<DoubleWord>(
                  [&](auto x, auto y) {
                    x.error = 0;
                    return divide(x, y);
                  },
                  quotient, true, 35)
                  .is_caught());
}

TEST(DoubleWord, ProductsOfTwoDoublesAreExact) {
  Random r(40);
  for (int i = 0; i < 100000; ++i) {
    const double a = r.sign() * std::ldexp(hard_mantissa(r), r.between(-100, 100));
    const double b = std::ldexp(hard_mantissa(r), r.between(-100, 100));
    const auto portable = kernels::portable_text::two_product(a, b);
    const auto fused = kernels::fused_text::two_product(a, b);
    ASSERT_EQ(portable.hi, fused.hi);
    ASSERT_EQ(portable.lo, fused.lo) << hex(a) << ' ' << hex(b);
    ASSERT_EQ(exact(portable.hi) + exact(portable.lo), exact(a) * exact(b));
  }
}

// ----------------------------------------------------------------------------------------- scaled

template <class Approximation>
Real value(const Approximation& x, std::int64_t) {
  return value(x.number) * power(x.exponent);
}

template <class Approximation>
Approximation draw_scaled(Random& r, bool with_error, bool negative_too) {
  Approximation x{};
  x.number = draw<decltype(x.number)>(r, 3, with_error, negative_too);
  x.exponent = r.once_in(3) ? r.between(-4000, 4000) : r.between(-130, 130);
  if (r.once_in(20)) x.number.hi = x.number.lo = 0;
  if (r.once_in(20)) x.number = {0, 0, 0};
  return x;
}

template <class Approximation>
void check_scaled(std::uint64_t seed) {
  const PrecisionScope precision(9000);  // sums of anything, exactly
  Random r(seed);
  const auto expect_holds = [](const Approximation& z, const Real& expected) {
    ASSERT_LE(abs(Real(value(z, 0) - expected)), real(z.number.error) * power(z.exponent));
  };
  for (int i = 0; i < 20000; ++i) {
    const auto x = draw_scaled<Approximation>(r, r.once_in(2), true);
    auto y = draw_scaled<Approximation>(r, r.once_in(2), true);
    if (r.once_in(4)) y.exponent = x.exponent;
    if (r.once_in(8)) y.number.hi = -x.number.hi, y.number.lo = 0;
    const Real a = value(x, 0) + real(x.number.error) * power(x.exponent);
    const Real b = value(y, 0) - real(y.number.error) * power(y.exponent);
    const Approximation total = x + y;
    expect_holds(total, a + b);
    const double hi = std::fabs(total.number.hi);
    ASSERT_TRUE(hi == 0 || (hi >= 0x1p-8 && hi <= 0x1p5));
    expect_holds(x - y, a - b);
    expect_holds(normalised(x), a);
    expect_holds(x * y, a * b);
    if (y.number.hi != 0) expect_holds(x / y, a / b);
    if (a >= 0 && x.number.hi >= 0) expect_holds(square_root(x), sqrt(a));
  }
}

TEST(Approximation, OperationsHoldAtAnyExponents) {
  check_scaled<kernels::portable_text::Approximation>(50);
  check_scaled<kernels::fused_text::Approximation>(51);
}

TEST(Approximation, RootsOfWhatMayBeZero) {
  using namespace kernels::portable_text;
  const DoubleWord below = square_root(DoubleWord{-0x1p-100, 0, 0x1p-99});  // in [0, 2^-100]
  EXPECT_EQ(below.hi, 0);
  EXPECT_GE(below.error, 0x1p-50);
  const DoubleWord none = square_root(DoubleWord{0, 0, 0});
  EXPECT_EQ(none.error, 0);
  EXPECT_EQ(divide(DoubleWord{1, 0, 0}, DoubleWord{1, 0, 2}).error, std::numeric_limits<double>::infinity());
}

TEST(Approximation, IsMadeFromDoublesAndIntegers) {
  using namespace kernels::portable_text;
  Random r(52);
  for (int i = 0; i < 20000; ++i) {
    const double x = std::fabs(r.number(-1074, 1023));
    const Approximation a = from(x);
    EXPECT_EQ(exact(a.number.hi) * power_of_two(static_cast<long>(a.exponent)), exact(x)) << hex(x);
    EXPECT_TRUE(a.number.hi >= 1 && a.number.hi < 2);
    const std::uint64_t n = i == 0 ? 0 : r.next() >> r.below(64);
    const Approximation b = from(n);
    EXPECT_EQ((exact(b.number.hi) + exact(b.number.lo)) * test::power_of_two(static_cast<long>(b.exponent)),
              Rational(n));
    EXPECT_EQ(b.number.error, 0);
  }
}

TEST(Approximation, RoundsOnlyWhatIsCertain) {
  using namespace kernels::portable_text;
  Random r(53);
  int decided = 0;
  for (int i = 0; i < 100000; ++i) {
    Approximation x{draw<DoubleWord>(r, 1, false, true), r.between(-1100, 1100)};
    if (r.once_in(4)) x.number.lo = r.sign() * std::ldexp(0.5, std::ilogb(x.number.hi) - 52);  // a midpoint
    if (r.once_in(2)) x.number.error = std::ldexp(1.0, -r.between(50, 110));
    double got;
    if (!round(x, got)) continue;
    ++decided;
    for (const int end : {-1, 0, 1})
      ASSERT_EQ(got, nearest((exact(x.number.hi) + exact(x.number.lo) + end * exact(x.number.error)) *
                             test::power_of_two(static_cast<long>(x.exponent))));
  }
  EXPECT_GT(decided, 50000);
  double got = 1;
  EXPECT_TRUE(round(Approximation{{0, 0, 0}, -5000}, got));
  EXPECT_EQ(std::bit_cast<std::uint64_t>(got), 0U);
  EXPECT_FALSE(round(Approximation{{0, 0, 0x1p-100}, 0}, got));
  EXPECT_FALSE(round(Approximation{{1, 0, std::numeric_limits<double>::infinity()}, 0}, got));
  EXPECT_FALSE(round(Approximation{{1, 0, std::numeric_limits<double>::quiet_NaN()}, 0}, got));
  EXPECT_TRUE(round(Approximation{{1.5, 0, 0x1p-100}, 1023}, got));
  EXPECT_FALSE(round(Approximation{{1.5, 0, 0x1p-100}, 1024}, got));
  EXPECT_FALSE(round(Approximation{{1.5, 0, 0x1p-100}, -1022}, got));
}

// ------------------------------------------------------------------------------------ leading bits

/// A sum of few or of many bits anywhere.
Rational hard_sum(Random& r) {
  if (r.once_in(30)) return 0;
  Rational x = 0;
  const int terms = 1 + static_cast<int>(r.below(4));
  const int middle = r.once_in(3) ? r.between(-1000, 1000) : r.between(-30, 30);
  for (int i = 0; i < terms; ++i)
    x += exact(r.number(middle, middle)) * exact(r.number(-20, 20)) *
         power_of_two(-static_cast<long>(r.below(r.once_in(2) ? 60 : 400)));
  const Rational unit = power_of_two(ExactSum::unit_exponent);
  return Rational(Integer(numerator(Rational(x / unit)) / denominator(Rational(x / unit)))) * unit;
}

Rational value(const Leading& x) {
  Integer w = 0;
  for (int i = 2; i >= 0; --i) w = (w << 64) + x.words[i];
  return (x.negative ? -1 : 1) * Rational(w) * power_of_two(static_cast<long>(x.exponent));
}

TEST(Leading, IsTheFloorOfTheMagnitude) {
  Random r(60);
  for (int i = 0; i < 30000; ++i) {
    Rational x = hard_sum(r);
    if (i < 4288 / 8)
      x = (i % 2 == 0 ? 1 : -1) * power_of_two(std::min(i * 8, 4286) + ExactSum::unit_exponent);
    const Leading got = kernels::leading(sum_of(x).words());
    ASSERT_EQ(kernels::sign_of(got), x.sign());
    if (x == 0) continue;
    ASSERT_EQ(got.words[2] >> 63, 1U);
    const Rational rest = abs(x) - abs(value(got));
    ASSERT_GE(rest, 0);
    ASSERT_LT(rest, power_of_two(static_cast<long>(got.exponent)));
    ASSERT_EQ(got.exact, rest == 0);
    ASSERT_EQ(kernels::nearest(got), nearest(x));
    const auto a = kernels::portable_text::from(got);
    ASSERT_LE(
        abs((exact(a.number.hi) + exact(a.number.lo)) * power_of_two(static_cast<long>(a.exponent)) - x),
        exact(a.number.error) * power_of_two(static_cast<long>(a.exponent)));
  }
}

TEST(Leading, RoundsMidpointsAndSubnormals) {
  for (const Rational& x :
       {exact(1.0) + power_of_two(-53), exact(1.0) + 3 * power_of_two(-53),
        exact(1.0) + power_of_two(-53) + power_of_two(-900), power_of_two(-1075),
        power_of_two(-1075) + power_of_two(-2148), 3 * power_of_two(-1075), power_of_two(-1076),
        power_of_two(1024) - power_of_two(970), power_of_two(1024) - power_of_two(969),
        power_of_two(1024) - power_of_two(970) - power_of_two(-2000), power_of_two(2000),
        power_of_two(-1022) - power_of_two(-1075), power_of_two(-1022) - power_of_two(-1076)})
    for (const int sign : {-1, 1})
      EXPECT_EQ(kernels::nearest(kernels::leading(sum_of(sign * x).words())), nearest(sign * x));
}

TEST(Leading, EnclosesDifferencesOfProducts) {
  Random r(61);
  int exactly = 0;
  for (int i = 0; i < 30000; ++i) {
    const Rational a = hard_sum(r), b = hard_sum(r);
    Rational c = r.once_in(2) ? a : hard_sum(r), d = r.once_in(2) ? b : hard_sum(r);
    if (r.once_in(4)) d += (r.once_in(2) ? 1 : -1) * power_of_two(r.between(-2148, 100));
    const auto leading = [](const Rational& x) { return kernels::leading(sum_of(x).words()); };
    const EnclosedLeading got = kernels::difference(leading(a), leading(b), leading(c), leading(d));
    const Rational unit = power_of_two(static_cast<long>(got.leading.exponent));
    const Rational distance = abs(value(got.leading) - (a * b - c * d));
    ASSERT_LE(distance, exact(got.error) * unit);
    if (got.error == 0) ++exactly;
    // 2^-188 of the larger product, or of the result.
    const Rational larger = std::max(abs(a * b), abs(c * d));
    ASSERT_LE(exact(got.error) * unit, larger * power_of_two(-186));
    const EnclosedLeading both = kernels::enclosed(kernels::product(leading(a), leading(b)));
    ASSERT_LE(abs(value(both.leading) - a * b),
              exact(both.error) * power_of_two(static_cast<long>(both.leading.exponent)));
  }
  EXPECT_GT(exactly, 2000);
}

// ------------------------------------------------------------------------------ elementary functions

TEST(Elementary, TablesAreWhatMpfrComputes) {
  const PrecisionScope precision(300);
  using namespace kernels::portable_text;
  const auto expect_pair = [](const double(&entry)[2], const Real& expected, const std::string& name) {
    EXPECT_EQ(entry[0], static_cast<double>(expected)) << name;
    EXPECT_EQ(entry[1], static_cast<double>(Real(expected - real(entry[0])))) << name;
  };
  const Real one = 1;
  expect_pair(constants[0], log(Real(2)), "ln 2");
  expect_pair(constants[1], 2 * atan(one), "pi/2");
  expect_pair(constants[2], 4 * atan(one), "pi");
  expect_pair(constants[3], one / 3, "1/3");
  expect_pair(constants[4], one / 5, "1/5");
  for (int i = 0; i < 128; ++i)
    expect_pair(log_table[i], log(one + Real(2 * i + 1) / 256), "ln " + std::to_string(i));
  for (int i = 0; i < 257; ++i) expect_pair(atan_table[i], atan(Real(i) / 256), "atan " + std::to_string(i));
}

/// Worst of a function over arguments of which `exponent_range` exponents are drawn.
template <class Approximation, class Function, class Reference>
Worst worst_function(Function function, Reference reference, int low, int high, bool with_error,
                     std::uint64_t seed) {
  const PrecisionScope precision(bits);
  Random r(seed);
  Worst worst;
  for (int i = 0; i < 15000; ++i) {
    Approximation x{};
    x.number = draw<decltype(x.number)>(r, 0, with_error, false);
    x.exponent = r.between(low, high);
    if (r.once_in(3)) {  // where one entry of a table ends
      x.number.hi = 1 + static_cast<double>(r.below(512)) / 512;
      x.number.lo = (r.once_in(2) ? 0 : r.sign()) * 0x1p-54 * r.uniform();
      if (x.number.hi + x.number.lo != x.number.hi) x.number.lo = 0;
    }
    const Approximation z = function(x);
    for (const double end : {-1.0, 1.0}) {
      const Real argument = value_at_end(x.number, end) * power(x.exponent);
      worst.see(z.number, Real(reference(argument) / power(z.exponent)));
    }
  }
  return worst;
}

template <class Approximation>
void check_elementary(std::uint64_t seed) {
  const auto check = [&](const char* name, auto function, auto reference, int low, int high) {
    const Worst exactly = worst_function<Approximation>(function, reference, low, high, false, seed++);
    EXPECT_LE(exactly.ratio, 1) << name;
    EXPECT_GE(exactly.ratio, 1.0 / 16) << name;
    const Worst inexactly = worst_function<Approximation>(function, reference, low, high, true, seed++);
    EXPECT_LE(inexactly.ratio, 1) << name;
    EXPECT_GE(inexactly.ratio, 1.0 / 4) << name;
  };
  const Approximation one{{1, 0, 0}, 0};
  const auto ln = [](Approximation x) { return Approximation{logarithm(x), 0}; };
  check(
      "ln", ln, [](const Real& x) { return Real(log(x)); }, 0, 0);
  check(
      "ln of any", ln, [](const Real& x) { return Real(log(x)); }, -4000, 4000);
  check(
      "2 atanh", [&](Approximation t) { return log_quotient(t, (one + t) / (one - t)); },
      [](const Real& t) { return Real(2 * atanh(t)); }, -12, -1);
  check(
      "2 atanh of small", [&](Approximation t) { return log_quotient(t, one); },
      [](const Real& t) { return Real(2 * atanh(t)); }, -100, -10);
  check(
      "angle", [&](Approximation t) { return angle_of(t, one); }, [](const Real& t) { return Real(atan(t)); },
      -15, 15);
  check(
      "angle of small", [&](Approximation t) { return angle_of(t, one); },
      [](const Real& t) { return Real(atan(t)); }, -90, -10);
  check(
      "obtuse angle", [&](Approximation t) { return angle_of(t, -one); },
      [](const Real& t) { return Real(4 * atan(Real(1)) - atan(t)); }, -15, 15);
  // Arguments far from 1, where nothing but the exponent matters.
  const PrecisionScope precision(6000);
  const Approximation tiny{{1.5, 0, 0}, -2000};
  const Real reference = 2 * atan(Real(1)) - real(1.5) * power(-2000);
  const Approximation near_right = angle_of(one, tiny);
  EXPECT_LE(abs(Real(value(near_right, 0) - reference)), real(near_right.number.error));
  EXPECT_LE(near_right.number.error, 0x1p-100);
  const Approximation zero{{0, 0, 0}, 0};
  EXPECT_EQ(angle_of(zero, one).number.hi, 0);
  EXPECT_EQ(angle_of(zero, one).number.error, 0);
  EXPECT_EQ(angle_of(zero, -one).number.hi, 0x1.921fb54442d18p+1);
  EXPECT_EQ(angle_of(one, zero).number.hi, 0x1.921fb54442d18p+0);
  EXPECT_EQ(log_quotient(zero, one).number.error, 0);
  EXPECT_EQ(logarithm(Approximation{{1, 0, 0.5}, 0}).error, std::numeric_limits<double>::infinity());
}

TEST(Elementary, BoundsHoldAndAreUseful) {
  check_elementary<kernels::portable_text::Approximation>(70);
  check_elementary<kernels::fused_text::Approximation>(90);
}

/// Numbers of which too little is known, or so far apart that nothing is left.
template <class Approximation>
void check_limits() {
  constexpr double infinite = std::numeric_limits<double>::infinity();
  const PrecisionScope precision(2000);
  const Approximation one{{1, 0, 0}, 0};
  // An exponent beyond those of doubles, of a number that is nothing but an error.
  for (const std::int64_t exponent : {1, 1000, 1030, 2046, 5000}) {
    const Approximation unknown{{0, 0, 1}, exponent}, zero{{0, 0, 0}, exponent};
    EXPECT_EQ(angle_of(unknown, one).number.error, infinite) << exponent;
    EXPECT_EQ(angle_of(zero, one).number.hi, 0) << exponent;
    EXPECT_EQ(angle_of(zero, one).number.error, 0) << exponent;
    EXPECT_EQ(log_quotient(zero, one).number.error, 0) << exponent;
  }
  EXPECT_EQ(angle_of(Approximation{{0, 0, 0x1p30}, -50}, one).number.error, infinite);
  EXPECT_EQ(angle_of(Approximation{{1, 0, 0x1p-10}, -1}, one).number.error, infinite);
  EXPECT_EQ(logarithm(Approximation{{1.5, 0, 0}, 0x100001}).error, infinite);
  EXPECT_EQ(logarithm(Approximation{{1.5, 0, 0}, -0x100001}).error, infinite);
  EXPECT_LT(logarithm(Approximation{{1.5, 0, 0}, -0x100000}).error, 0x1p-80);
  // Sums that leave less than 2^-800, or nothing.
  EXPECT_EQ((Approximation{{1, 0x1p-801, 0}, 0} - one).number.error, infinite);
  EXPECT_LT((Approximation{{1, 0x1p-799, 0}, 0} - one).number.error, 0x1p-100);
  EXPECT_EQ((one - one).number.error, 0);
  // Differences that are tiny before or after the series.
  for (const double rest : {0.0, 0x1p-54, 0x1p-89, 0x1p-90, 0x1p-91, -0x1p-95, 0x1p-300, -0x1p-1000}) {
    const auto expect_holds = [&](const auto& got, const Real& expected, double most) {
      EXPECT_LE(abs(Real(value(got) - expected)), real(got.error)) << rest;
      EXPECT_LE(got.error, most) << rest;
    };
    expect_holds(logarithm(Approximation{{1 + 0x1p-8, rest, 0}, 0}), log(real(1 + 0x1p-8) + real(rest)),
                 0x1p-88);
    expect_holds(logarithm(Approximation{{1, rest, 0}, 0}), log(real(1) + real(rest)),
                 rest == 0 ? 0x1p-108 : 0x1p-88);
    const Approximation y{{1, rest, 0}, -1};
    expect_holds(angle_of(y, one).number, atan((real(1) + real(rest)) / 2), 0x1p-88);
    expect_holds(angle_of(one, Approximation{{1, rest, 0}, -1}).number, atan(2 / (real(1) + real(rest))),
                 0x1p-88);
  }
}

TEST(Elementary, KnowsItsLimits) {
  check_limits<kernels::portable_text::Approximation>();
  check_limits<kernels::fused_text::Approximation>();
}

/// 1 - 2^-600: nothing but what is cut off is wrong, in units far below the last of 192 bits.
TEST(Leading, ErrorsOfDifferencesAreNoneOrAtLeastOne) {
  const Leading one{{0, 0, std::uint64_t{1} << 63}, -191, false, true};
  const Leading small{{0, 0, std::uint64_t{1} << 63}, -491, false, true};
  EXPECT_GE(kernels::difference(one, one, small, small).error, 1);
  const Leading half{{0, 0, std::uint64_t{1} << 63}, -192, false, true};
  EXPECT_EQ(kernels::difference(one, one, one, half).error, 0);
}

TEST(Elementary, ACanaryIsCaught) {
  using Approximation = kernels::portable_text::Approximation;
  const auto shorter = [](Approximation x) {  // one term less
    Approximation z{logarithm(x), 0};
    z.number.lo -= 0x1p-101;
    return z;
  };
  EXPECT_GT(worst_function<Approximation>(
                shorter, [](const Real& x) { return Real(log(x)); }, 0, 0, false, 99)
                .ratio,
            1);
}

// ------------------------------------------------------------------------------------- decisions

const std::vector<std::pair<const char*, const ScalarTable*>>& tables() {
  static const std::vector<std::pair<const char*, const ScalarTable*>> all = [] {
    std::vector<std::pair<const char*, const ScalarTable*>> found = {
        {"portable", &kernels::scalars_portable}};
#if defined(NATGRAD_X86_SCALARS)
    if (__builtin_cpu_supports("fma")) found.push_back({"fma", &kernels::scalars_fma});
#endif
    return found;
  }();
  return all;
}

constexpr unsigned all_scalars = (1U << kernels::scalar_count) - 1;
constexpr unsigned angle_scalars = 1U << kernels::cosine | 1U << kernels::sine | 1U << kernels::angle;

using Values = std::array<std::optional<double>, kernels::scalar_count>;

Values exact_values(const Gram& gram, const Alpha& a) {
  return {cosine(gram),           sine(gram),          angle(gram),        alpha(gram, a),
          lambda_min(gram, a),    lambda_max(gram, a), condition(gram, a), sqrt_condition(gram, a),
          log_condition(gram, a), trace(gram, a),      log_det(gram, a),   frobenius_norm(gram, a)};
}

const char* name(unsigned which) {
  constexpr std::array<const char*, kernels::scalar_count> names = {
      "cosine",    "sine",           "angle",         "alpha", "lambda_min", "lambda_max",
      "condition", "sqrt_condition", "log_condition", "trace", "log_det",    "frobenius_norm"};
  return names[which];
}

AlphaGiven given(const Alpha& a) {
  if (a.value()) return {AlphaKind::value, *a.value()};
  if (a.trace()) return {AlphaKind::trace, *a.trace()};
  return {AlphaKind::optimal, 0};
}

struct Count {
  std::array<std::size_t, kernels::scalar_count> asked{}, decided{};
};

/// Every decision of every table against the exact value; all at once and one at a time. False if one
/// differs.
bool agree(const Gram& gram, const Alpha& a, Count& count, std::string& why) {
  const GramLeading leading = kernels::leading(gram, true);
  if (kernels::is_zero(leading.gg) || kernels::is_zero(leading.yy)) return true;
  const unsigned wanted = kernels::sign_of(leading.p) > 0 ? all_scalars : angle_scalars;
  const Values expected = exact_values(gram, a);
  for (const auto& [table_name, table] : tables()) {
    double out[kernels::scalar_count];
    const unsigned decided = table->scalars(leading, given(a), wanted, out);
    for (unsigned i = 0; i < kernels::scalar_count; ++i) {
      const unsigned bit = 1U << i;
      if ((wanted & bit) == 0) continue;
      if (expected[i]) ++count.asked[i];
      double alone = 0;
      double values[kernels::scalar_count];
      const unsigned one = table->scalars(leading, given(a), bit, values);
      if ((one & ~bit) != 0 || one != (decided & bit)) {
        why = std::string(table_name) + ' ' + name(i) + " alone is decided otherwise";
        return false;
      }
      if (one == 0) continue;
      alone = values[i];
      ++count.decided[i];
      const auto same = [](double x, double y) {
        return std::bit_cast<std::uint64_t>(x) == std::bit_cast<std::uint64_t>(y);
      };
      if (!expected[i] || !same(*expected[i], out[i]) || !same(*expected[i], alone)) {
        why = std::string(table_name) + ' ' + name(i) + ": " + hex(out[i]) + ", alone " + hex(alone) +
              ", exactly " + (expected[i] ? hex(*expected[i]) : "none");
        return false;
      }
    }
  }
  return true;
}

void report(const char* title, const Count& count) {
  std::printf("%s: decided\n", title);
  for (unsigned i = 0; i < kernels::scalar_count; ++i)
    std::printf("  %-15s %zu of %zu\n", name(i), count.decided[i], count.asked[i]);
}

TEST(FastScalars, DecideNearlyAllRandomGramsRightly) {
  Random r(100);
  Count count;
  std::string why;
  for (int i = 0; i < 6000; ++i) {
    const std::size_t n = 2 + r.below(40);
    std::vector<double> g(n), y(n);
    const double mixed = std::ldexp(1.0, -r.between(0, 12));
    for (std::size_t k = 0; k < n; ++k) {
      g[k] = r.number(-6, 6);
      y[k] = g[k] + mixed * r.number(-6, 6);
    }
    const Gram gram = Gram::of(std::span<const double>(g), std::span<const double>(y));
    const double value = std::fabs(r.number(-4, 4));
    for (const Alpha& a : {Alpha(), Alpha(value), Alpha::of_trace(64 * static_cast<double>(n) * value)})
      ASSERT_TRUE(agree(gram, a, count, why)) << i << ": " << why;
  }
  report("random Grams", count);
  for (unsigned i = 0; i < kernels::scalar_count; ++i)
    EXPECT_GT(static_cast<double>(count.decided[i]), 0.999 * static_cast<double>(count.asked[i])) << name(i);
}

TEST(FastScalars, DecideHostileGramsRightly) {
  Count count;
  std::string why;
  Random r(101);
  for (std::size_t i = 0; i < 6000; ++i) {
    const HostilePair pair = reference::hostile_pair(301, i, 60);
    Gram gram = Gram::of(std::span<const double>(pair.g), std::span<const double>(pair.y));
    if (i % 7 == 0)
      for (int k = 0; k < 40; ++k) gram.merge(gram);
    std::vector<Alpha> alphas = {Alpha()};
    if (pair.alpha) alphas.emplace_back(*pair.alpha);
    alphas.emplace_back(std::fabs(r.number(-1074, 1023)));
    if (gram.gy().sign() > 0) {
      const double star = *alpha(gram);
      for (const double near : {star, std::nextafter(star, 0.0), 2 * star}) {
        if (!(near > 0) || std::isinf(near)) continue;
        alphas.emplace_back(near);
        alphas.push_back(Alpha::of_trace(near));
      }
      const double whole = *trace(gram);
      if (whole > 0 && !std::isinf(whole)) alphas.push_back(Alpha::of_trace(whole));
    }
    for (const Alpha& a : alphas)
      ASSERT_TRUE(agree(gram, a, count, why)) << i << ' ' << pair.tag << ": " << why;
  }
  report("hostile Grams", count);
}

TEST(FastScalars, DecideParallelPairs) {
  // Steps of gradient descent: y = g/rate, exactly parallel.
  Random r(102);
  Count count;
  std::string why;
  for (int i = 0; i < 500; ++i) {
    std::vector<double> g(8), y(8);
    for (std::size_t k = 0; k < 8; ++k) y[k] = 4 * (g[k] = r.number(-3, 3));
    const Gram gram = Gram::of(std::span<const double>(g), std::span<const double>(y));
    ASSERT_TRUE(agree(gram, Alpha(), count, why)) << why;
  }
  for (unsigned i = 0; i < kernels::scalar_count; ++i) EXPECT_EQ(count.decided[i], count.asked[i]) << name(i);
}

TEST(FastScalars, ACanaryIsCaught) {
  // Leading bits that are off by 2^-60: some decision is wrong.
  Random r(103);
  std::string why;
  int wrong = 0;
  for (int i = 0; i < 300; ++i) {
    std::vector<double> g(9), y(9);
    for (std::size_t k = 0; k < 9; ++k) y[k] = (g[k] = r.number(-3, 3)) + r.number(-3, 3);
    const Gram gram = Gram::of(std::span<const double>(g), std::span<const double>(y));
    GramLeading leading = kernels::leading(gram, true);
    if (kernels::sign_of(leading.p) <= 0) continue;
    leading.p.words[2] ^= 1U << 9;
    double out[kernels::scalar_count];
    kernels::scalars_portable.scalars(leading, {AlphaKind::optimal, 0}, 1U << kernels::alpha, out);
    if (out[kernels::alpha] != *alpha(gram)) ++wrong;
  }
  EXPECT_GT(wrong, 10);
}

// ------------------------------------------------------------------------------------ coefficients

constexpr std::array operators = {Operator::apply,        Operator::solve,
                                  Operator::root_apply,   Operator::root_solve,
                                  Operator::factor_apply, Operator::factor_transpose_apply,
                                  Operator::factor_solve, Operator::factor_transpose_solve};

/// The coefficients of y, x and g by the formulas of lib/canonical_form.cpp in multiprecision.
std::array<Real, 3> exact_coefficients(Operator which, const Rational& gg_in, const Rational& p_in,
                                       const Rational& yy_in, const Rational& gx_in, const Rational& yx_in,
                                       const Rational& a_in) {
  const Real gg = test::real(gg_in), p = test::real(p_in), yy = test::real(yy_in), gx = test::real(gx_in),
             yx = test::real(yx_in), a = test::real(a_in);
  const Real star = yy / p, root_a = sqrt(a), delta = sqrt(Real(a * p / gg));
  const Real tau = sqrt(Real(a + star + 2 * delta)), td = tau * delta;
  const Real k_y = yx / yy - p * gx / (gg * yy), k_g = gx / gg - p * yx / (gg * yy);
  switch (which) {
    case Operator::apply:
      return {yx / p, a, -a * gx / gg};
    case Operator::solve:
      return {-gx / (a * p), 1 / a, ((yy + a * p) * gx - p * yx) / (a * p * p)};
    case Operator::root_apply: {
      const Real k = a * star / (tau * (a + delta + root_a * tau));
      return {yx / (p * tau) - k * k_y, root_a, -a * gx / (gg * tau) - k * k_g};
    }
    case Operator::root_solve: {
      const Real k = a * star * (star + 2 * delta) / (td * root_a * (root_a * (star + delta) + td));
      return {k * k_y - yx / (p * td), 1 / root_a, a * gx / (gg * td) + k * k_g};
    }
    case Operator::factor_apply: {
      const Real weight = gx / sqrt(Real(p * gg));
      return {weight, root_a, -delta * weight};
    }
    case Operator::factor_transpose_apply:
      return {Real(0), root_a, (yx - delta * gx) / sqrt(Real(p * gg))};
    case Operator::factor_solve: {
      const Real weight = gx / (p * root_a);
      return {-weight, 1 / root_a, delta * weight};
    }
    case Operator::factor_transpose_solve:
      break;
  }
  return {Real(0), 1 / root_a, (delta * gx - yx) / (p * root_a)};
}

TEST(FastCoefficients, EncloseTheExactOnes) {
  const PrecisionScope precision(12000);
  Random r(110);
  std::size_t asked = 0, told = 0, accurate = 0;
  for (std::size_t i = 0; i < 700; ++i) {
    HostilePair pair = reference::hostile_pair(302, i, 12);
    const bool hostile = i % 2 == 0;
    if (!hostile)
      for (std::size_t k = 0; k < pair.g.size(); ++k)
        pair.y[k] = (pair.g[k] = r.number(-6, 6)) + r.number(-6, 6);
    const Gram gram = Gram::of(std::span<const double>(pair.g), std::span<const double>(pair.y));
    if (gram.gy().sign() <= 0) continue;
    std::vector<double> x(pair.g.size());
    for (double& element : x) element = r.once_in(8) ? 0 : r.number(-6, 6);
    if (r.once_in(6)) x = pair.g;
    if (r.once_in(6)) x = pair.y;
    const ExactSum gx = exact_dot(std::span<const double>(pair.g), std::span<const double>(x));
    const ExactSum yx = exact_dot(std::span<const double>(pair.y), std::span<const double>(x));
    const Rational gg = value_of(gram.gg()), p = value_of(gram.gy()), yy = value_of(gram.yy());
    const GramLeading leading = kernels::leading(gram, true);
    ProductsLeading products{kernels::leading(gx.words()), kernels::leading(yx.words()), {}, {}};
    products.y_part = kernels::difference(leading.gg, products.yx, leading.p, products.gx);
    products.g_part = kernels::difference(leading.yy, products.gx, leading.p, products.yx);
    const double value = std::fabs(r.number(-8, 8)), whole = 1e3 * value;
    const bool single = gram.dimension() == 1;
    struct Case {
      Alpha alpha;
      Rational a;
    };
    const Rational star = yy / p,
                   of_trace = (exact(whole) - star) / Integer(single ? 1 : gram.dimension() - 1);
    for (const Case& c : {Case{Alpha(), star}, Case{Alpha(value), single ? star : exact(value)},
                          Case{Alpha::of_trace(whole), of_trace}}) {
      for (const Operator which : operators) {
        for (const auto& [table_name, table] : tables()) {
          Coefficient out[3];
          const bool known = table->coefficients(leading, given(c.alpha), products, which, out);
          if (!hostile) ++asked;
          if (!known) continue;
          ASSERT_GT(c.a, 0);
          const auto expected = exact_coefficients(which, gg, p, yy, value_of(gx), value_of(yx), c.a);
          for (std::size_t k = 0; k < 3; ++k) {
            ASSERT_LE(abs(Real(real(out[k].hi) + real(out[k].lo) - expected[k])), real(out[k].error))
                << table_name << ' ' << static_cast<int>(which) << ' ' << k << ' ' << pair.tag;
            ASSERT_LE(std::fabs(out[k].lo), unit_roundoff * std::fabs(out[k].hi));
          }
          if (hostile) continue;
          ++told;
          bool all = true;
          for (const Coefficient& k : out) all = all && k.error <= 0x1p-96 * std::fabs(k.hi);
          accurate += all ? 1 : 0;
        }
      }
    }
  }
  std::printf("coefficients of random pairs: known %zu of %zu, to 2^-96 %zu\n", told, asked, accurate);
  EXPECT_GT(told, 1000U);
  EXPECT_GT(static_cast<double>(accurate), 0.9 * static_cast<double>(told));
}

}  // namespace
}  // namespace natgrad::test
