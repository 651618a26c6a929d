// natgrad: the kernels, each one that this machine has, against sums in integers and elements in rationals:
// their certificates are true, and whatever path sums take, they are exact.
#include "kernels/kernels.hpp"

#include <gtest/gtest.h>
#include <omp.h>

#include <boost/multiprecision/cpp_int.hpp>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "kernels/table.hpp"
#include "natgrad/random.hpp"
#include "support/environment.hpp"
#include "support/exact.hpp"

namespace natgrad::kernels {
extern const Table portable;
#ifdef NATGRAD_X86_KERNELS
extern const Table avx2, avx512;
/// With certificates that are wrong, on purpose.
extern const Table canary_foot, canary_head, canary_low;
#endif
}  // namespace natgrad::kernels

namespace natgrad::test {
namespace {

using boost::multiprecision::cpp_int;
using kernels::Words;

// ------------------------------------------------------------------------------------------------ references

/// x as an integer in units of 2^-1074.
cpp_int units(double x) {
  int exponent = 0;
  const auto mantissa = static_cast<std::int64_t>(std::ldexp(std::frexp(x, &exponent), 53));
  const int shift = exponent - 53 + 1074;
  return shift >= 0 ? cpp_int(mantissa) << shift : cpp_int(mantissa) / (cpp_int(1) << -shift);
}

/// As two's complement words.
Words words_of(cpp_int value) {
  if (value < 0) value += cpp_int(1) << (64 * ExactSum::word_count);
  Words words;
  for (auto& word : words) {
    word = static_cast<std::uint64_t>(value & 0xffffffffffffffffu);
    value >>= 64;
  }
  return words;
}

template <class T>
Words dot_of(const T* x, const T* z, std::size_t n) {
  cpp_int sum = 0;
  for (std::size_t i = 0; i < n; ++i)
    sum += units(static_cast<double>(x[i])) * units(static_cast<double>(z[i]));
  return words_of(sum);
}

// -------------------------------------------------------------------------------------------------- data

struct Draw {
  Random random;
  explicit Draw(std::uint64_t seed) : random(seed) {}

  int between(int low, int high) {
    return low + static_cast<int>(random.next() % static_cast<std::uint64_t>(high - low + 1));
  }
  bool chance(int percent) { return between(1, 100) <= percent; }
  /// A random sign and mantissa, full or short, of exponent e.
  double number(int e) {
    double x = std::ldexp(1 + static_cast<double>(random.next() >> 12) * 0x1p-52, e);
    if (chance(20)) x = std::ldexp(1 + static_cast<double>(between(0, 7)) / 8, e);
    return chance(50) ? -x : x;
  }
  double wide(int bits) { return number(between(-bits, bits)); }
  double any() {
    for (;;) {
      const std::uint64_t pattern = random.next();
      double x;
      std::memcpy(&x, &pattern, sizeof x);
      if (std::isfinite(x)) return x;
    }
  }
};

/// A stretch of a vector: what real vectors are made of, and what makes a kernel change its mind.
template <class T>
void append_stretch(std::vector<T>& x, Draw& draw, std::size_t n) {
  const int kind = draw.between(0, 8), scale = draw.between(-100, 100);
  for (std::size_t i = 0; i < n; ++i) {
    double value = 0;
    if (kind == 0) value = draw.wide(1);
    if (kind == 1) value = std::ldexp(draw.wide(10), scale);
    if (kind == 2) value = std::ldexp(draw.wide(20), scale);
    if (kind == 3) value = std::ldexp(draw.wide(40), scale);
    if (kind == 4) value = draw.any();
    if (kind == 5) value = draw.chance(5) ? draw.wide(2) : (draw.chance(50) ? 0.0 : -0.0);
    if (kind == 6) value = std::ldexp(draw.wide(3), -1060);
    if (kind == 7) value = std::ldexp(draw.wide(1), 1020);
    if (kind == 8) value = std::ldexp(draw.wide(1), scale);
    const auto narrowed = static_cast<T>(value);
    x.push_back(std::isfinite(narrowed) ? narrowed : T(1));
  }
}

template <class T>
std::vector<T> stretches(Draw& draw, std::size_t n) {
  std::vector<T> x;
  while (x.size() < n)
    append_stretch(x, draw, std::min(n - x.size(), static_cast<std::size_t>(1) << draw.between(0, 13)));
  return x;
}

std::vector<const kernels::Table*> vector_tables() {
  std::vector<const kernels::Table*> tables;
#ifdef NATGRAD_X86_KERNELS
  for (const std::string_view name : kernels::available()) {
    if (name == "avx2") tables.push_back(&kernels::avx2);
    if (name == "avx512") tables.push_back(&kernels::avx512);
  }
#endif
  return tables;
}

// ------------------------------------------------------------------------------------------ certificates

/// (sum of bins, as words)
Words total(const kernels::BinTotals& totals, int top, unsigned bins, bool has_low) {
  cpp_int sum = 0;
  for (unsigned k = 0; k < bins; ++k) {
    const int high = top - kernels::bin_distance * static_cast<int>(k);
    sum += cpp_int(totals.high[k]) << (high + 2148);
    if (has_low) sum += cpp_int(totals.low[k]) << (high - kernels::low_row + 2148);
  }
  return words_of(sum);
}

struct Outcome {
  int certified = 0, refused = 0, wrong = 0;
};

/// A value next to what the certificate allows for squares under `top`.
double near_the_limits(Draw& draw, int top, unsigned bins) {
  const int most = (top + kernels::headroom) / 2;
  const int least = (top + kernels::footroom - kernels::bin_distance * (static_cast<int>(bins) - 2)) / 2;
  switch (draw.between(0, 9)) {
    case 0:
      return draw.number(most - draw.between(0, 4));
    case 1:
      return draw.number(least + draw.between(0, 2));
    case 2:
      return draw.chance(5) ? draw.number(least - 1) : 0.0;
    case 3:
      return draw.chance(5) ? draw.number(most) : 0.0;
    default:
      return draw.number(draw.between(least, most - 4));
  }
}

/// Blocks at the edges of their certificates: where a table certifies one, its totals are the exact sums.
template <class T>
Outcome try_gram(const kernels::Table& table, std::size_t cases, std::uint64_t seed) {
  Draw draw(seed);
  Outcome outcome;
  constexpr bool has_low = std::is_same_v<T, double>;
  for (std::size_t c = 0; c < cases; ++c) {
    const unsigned bins = kernels::bin_counts[draw.between(0, 3)];
    const int bound = has_low ? 650 : 60;
    const int tops[2] = {draw.between(-bound, bound) - 40, draw.between(-bound, bound) - 40};
    const int top[3] = {tops[0], (tops[0] + tops[1] + 1) >> 1, tops[1]};
    const auto n = static_cast<std::size_t>(draw.between(1, static_cast<int>(table.block)));
    std::vector<T> g(n), y(n);
    for (std::size_t i = 0; i < n; ++i) {
      g[i] = static_cast<T>(near_the_limits(draw, top[0], bins));
      y[i] = static_cast<T>(near_the_limits(draw, top[2], bins));
    }
    kernels::BinTotals totals[3] = {};
    std::size_t done = 0;
    if constexpr (has_low) done = table.gram_f64(g.data(), y.data(), n, bins, top, totals);
    if constexpr (!has_low) done = table.gram_f32(g.data(), y.data(), n, bins, top, totals);
    ++(done == n ? outcome.certified : outcome.refused);
    if (done != n) continue;
    const bool right = total(totals[0], top[0], bins, has_low) == dot_of(g.data(), g.data(), n) &&
                       total(totals[1], top[1], bins, has_low) == dot_of(g.data(), y.data(), n) &&
                       total(totals[2], top[2], bins, has_low) == dot_of(y.data(), y.data(), n);
    outcome.wrong += right ? 0 : 1;
  }
  return outcome;
}

Outcome try_dots(const kernels::Table& table, std::size_t cases, std::uint64_t seed) {
  Draw draw(seed);
  Outcome outcome;
  for (std::size_t c = 0; c < cases; ++c) {
    const unsigned bins = kernels::bin_counts[draw.between(0, 3)];
    const bool two = draw.chance(50);
    const int shift = draw.between(-300, 300);
    const int top[2] = {draw.between(-690, 690), draw.between(-690, 690)};
    const auto n = static_cast<std::size_t>(draw.between(1, static_cast<int>(table.block)));
    std::vector<double> a(n), b(n), x(n);
    for (std::size_t i = 0; i < n; ++i) {
      // Products next to the limits, however their factors share the exponent.
      const int tilt = shift + draw.between(-5, 5);
      x[i] = draw.chance(5) ? 0.0 : draw.number(tilt);
      // near_the_limits() is for squares: of its value the exponent is doubled, and shared with x.
      const auto factor = [&](int t) {
        const double root = near_the_limits(draw, t, bins);
        if (root == 0) return 0.0;
        int e = 0;
        const double mantissa = std::frexp(root, &e);
        return std::ldexp(mantissa, 2 * e - 1 - tilt);
      };
      a[i] = factor(top[0]);
      b[i] = factor(top[1]);
    }
    kernels::BinTotals totals[2] = {};
    const std::size_t done =
        table.dots_f64(a.data(), two ? b.data() : nullptr, x.data(), n, bins, top, totals);
    ++(done == n ? outcome.certified : outcome.refused);
    if (done != n) continue;
    bool right = total(totals[0], top[0], bins, true) == dot_of(a.data(), x.data(), n);
    if (two) right = right && total(totals[1], top[1], bins, true) == dot_of(b.data(), x.data(), n);
    outcome.wrong += right ? 0 : 1;
  }
  return outcome;
}

void expect_true_certificates(const Outcome& outcome, const char* what) {
  EXPECT_EQ(outcome.wrong, 0) << what;
  // Neither side of the limit is rare.
  EXPECT_GT(outcome.certified, outcome.refused / 50) << what;
  EXPECT_GT(outcome.refused, outcome.certified / 50) << what;
}

TEST(Certificates, AreTrue) {
  if (vector_tables().empty()) GTEST_SKIP() << "no vector kernel on this machine";
  for (const kernels::Table* table : vector_tables()) {
    SCOPED_TRACE(table->name);
    expect_true_certificates(try_gram<double>(*table, 4000, 1), "doubles");
    expect_true_certificates(try_gram<float>(*table, 4000, 2), "floats");
    expect_true_certificates(try_dots(*table, 4000, 3), "dots");
  }
}

#ifdef NATGRAD_X86_KERNELS
TEST(Certificates, WrongOnesAreFound) {
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) GTEST_SKIP() << "needs AVX2 and FMA";
  EXPECT_GT(try_gram<double>(kernels::canary_foot, 4000, 1).wrong, 0);
  EXPECT_GT(try_gram<double>(kernels::canary_head, 4000, 1).wrong, 0);
  EXPECT_GT(try_gram<double>(kernels::canary_low, 4000, 1).wrong, 0);
  EXPECT_GT(try_dots(kernels::canary_foot, 4000, 3).wrong, 0);
  EXPECT_GT(try_dots(kernels::canary_head, 4000, 3).wrong, 0);
}
#endif

// -------------------------------------------------------------------------------------------------- sums

template <class T>
void expect_exact(const std::vector<T>& g, const std::vector<T>& y) {
  Words gg{}, gy{}, yy{};
  ASSERT_EQ(kernels::gram(g.data(), y.data(), g.size(), {gg, gy, yy}), g.size());
  EXPECT_TRUE(gg == dot_of(g.data(), g.data(), g.size()));
  EXPECT_TRUE(gy == dot_of(g.data(), y.data(), g.size()));
  EXPECT_TRUE(yy == dot_of(y.data(), y.data(), g.size()));
}

TEST(Sums, OfShortVectorsAreExact) {
  Draw draw(11);
  for (int c = 0; c < 3000; ++c) {
    const auto n = static_cast<std::size_t>(draw.between(1, c % 10 == 0 ? 600 : 40));
    expect_exact(stretches<double>(draw, n), stretches<double>(draw, n));
    expect_exact(stretches<float>(draw, n), stretches<float>(draw, n));
  }
}

TEST(Sums, OfLongVectorsAreExactWhateverTheStretches) {
  Draw draw(12);
  for (int c = 0; c < 12; ++c) {
    const auto n = static_cast<std::size_t>(draw.between(30000, 60000));
    expect_exact(stretches<double>(draw, n), stretches<double>(draw, n));
    expect_exact(stretches<float>(draw, n), stretches<float>(draw, n));
  }
}

TEST(Sums, OfDotsAreExact) {
  Draw draw(13);
  for (int c = 0; c < 600; ++c) {
    const auto n = static_cast<std::size_t>(c < 590 ? draw.between(1, 600) : draw.between(10000, 30000));
    const auto a = stretches<double>(draw, n), b = stretches<double>(draw, n), x = stretches<double>(draw, n);
    Words ax{}, bx{}, alone{};
    ASSERT_EQ(kernels::dots(a.data(), b.data(), x.data(), n, ax, bx), n);
    ASSERT_EQ(kernels::dot(a.data(), x.data(), n, alone), n);
    EXPECT_TRUE(ax == dot_of(a.data(), x.data(), n));
    EXPECT_TRUE(bx == dot_of(b.data(), x.data(), n));
    EXPECT_TRUE(alone == ax);
    const auto floats = stretches<float>(draw, n);
    const std::vector<double> widened(floats.begin(), floats.end());
    Words af{}, bf{};
    ASSERT_EQ(kernels::dots(a.data(), b.data(), floats.data(), n, af, bf), n);
    EXPECT_TRUE(af == dot_of(a.data(), widened.data(), n));
    EXPECT_TRUE(bf == dot_of(b.data(), widened.data(), n));
  }
}

TEST(Sums, OfPairsAreExact) {
  Draw draw(14);
  for (int c = 0; c < 300; ++c) {
    const auto n = static_cast<std::size_t>(draw.between(1, c < 290 ? 100 : 5000));
    const auto theta = stretches<double>(draw, n), y = stretches<double>(draw, n);
    auto next = theta, minus = theta;
    for (std::size_t i = 0; i < n; ++i) {
      // Differences that are doubles, as those of successive parameters, and some that are not.
      next[i] = draw.chance(c % 3 == 0 ? 100 : 98) ? theta[i] * (1 + draw.wide(1) * 0x1p-10) : draw.any();
      if (!std::isfinite(next[i])) next[i] = theta[i];
      minus[i] = -theta[i];
    }
    Words gg{}, gy{}, yy{};
    const kernels::Operand g{next.data(), minus.data()};
    ASSERT_EQ(kernels::gram(g, {y.data(), nullptr}, n, {gg, gy, yy}), n);
    cpp_int expected_gg = 0, expected_gy = 0;
    for (std::size_t i = 0; i < n; ++i) {
      const cpp_int step = units(next[i]) - units(theta[i]);
      expected_gg += step * step;
      expected_gy += step * units(y[i]);
    }
    EXPECT_TRUE(gg == words_of(expected_gg));
    EXPECT_TRUE(gy == words_of(expected_gy));
    EXPECT_TRUE(yy == dot_of(y.data(), y.data(), n));
  }
}

TEST(Sums, DoNotDependOnThreadsOrAlignment) {
  Draw draw(15);
  const std::size_t n = (std::size_t{1} << 20) + 12345;
  const auto g = stretches<double>(draw, n + 8), y = stretches<double>(draw, n + 8);
  const int before = omp_get_max_threads();
  Words first[3] = {};
  for (const int threads : {1, 2, 3, 7}) {
    omp_set_num_threads(threads);
    Words gg{}, gy{}, yy{};
    ASSERT_EQ(kernels::gram(g.data(), y.data(), n, {gg, gy, yy}), n);
    if (threads == 1) {
      first[0] = gg, first[1] = gy, first[2] = yy;
    } else {
      EXPECT_TRUE(gg == first[0] && gy == first[1] && yy == first[2]) << threads;
    }
  }
  omp_set_num_threads(before);
  // In pieces of odd lengths and alignments.
  Words gg{}, gy{}, yy{};
  for (std::size_t i = 0; i < n;) {
    const std::size_t length = std::min(n - i, static_cast<std::size_t>(draw.between(1, 40000)));
    kernels::gram(g.data() + i, y.data() + i, length, {gg, gy, yy});
    i += length;
  }
  EXPECT_TRUE(gg == first[0] && gy == first[1] && yy == first[2]);
}

TEST(Sums, NameTheFirstElementThatIsNotFinite) {
  Draw draw(16);
  for (int c = 0; c < 400; ++c) {
    const auto n = static_cast<std::size_t>(c < 390 ? draw.between(1, 3000) : 600000);
    std::vector<double> g(n), y(n);
    for (std::size_t i = 0; i < n; ++i) g[i] = draw.wide(c % 30), y[i] = draw.wide(c % 30);
    const auto at = static_cast<std::size_t>(draw.random.next() % n);
    const auto later = at + static_cast<std::size_t>(draw.random.next() % (n - at));
    constexpr double infinity = std::numeric_limits<double>::infinity();
    (c % 2 == 0 ? g : y)[later] = -infinity;
    (c % 3 == 0 ? g : y)[at] = c % 5 == 0 ? infinity : std::numeric_limits<double>::quiet_NaN();
    Words gg{}, gy{}, yy{};
    EXPECT_EQ(kernels::gram(g.data(), y.data(), n, {gg, gy, yy}), at);
    EXPECT_EQ(kernels::dots(g.data(), g.data(), y.data(), n, gg, gy), at);
    EXPECT_EQ(kernels::gram({g.data(), y.data()}, {y.data(), nullptr}, n, {gg, gy, yy}), at);
    const std::vector<float> small_g(g.begin(), g.end()), small_y(y.begin(), y.end());
    EXPECT_EQ(kernels::gram(small_g.data(), small_y.data(), n, {gg, gy, yy}), at);
  }
}

#if defined(__SSE2__)
/// All of the state: flags that are up stay up, and no others are raised.
class ControlWord {
 public:
  explicit ControlWord(unsigned flags) : before_((_mm_getcsr() & ~0x3fU) | flags) { _mm_setcsr(before_); }
  bool unchanged() const { return _mm_getcsr() == before_; }

 private:
  unsigned before_;
};
constexpr unsigned flags_up[] = {0, 0x20, 0x3f};  // none, inexact, all
#else
struct ControlWord {
  explicit ControlWord(unsigned) {}
  bool unchanged() const { return std::fetestexcept(FE_ALL_EXCEPT) == 0; }
};
constexpr unsigned flags_up[] = {0};
#endif

template <class T>
void leaves_the_environment_alone(const std::vector<T>& g, const std::vector<T>& y) {
  const std::size_t n = g.size();
  Words expected[3] = {};
  kernels::gram(g.data(), y.data(), n, {expected[0], expected[1], expected[2]});
  for (const Environment environment : environments) {
    for (const unsigned flags : flags_up) {
      Words sums[3] = {};
      bool unchanged = false;
      {
        const EnvironmentScope scope(environment);
        const ControlWord word(flags);
        kernels::gram(g.data(), y.data(), n, {sums[0], sums[1], sums[2]});
        unchanged = word.unchanged();
      }
      for (int k = 0; k < 3; ++k) EXPECT_TRUE(sums[k] == expected[k]) << name(environment) << ", n = " << n;
      EXPECT_TRUE(unchanged) << name(environment) << ", n = " << n << ", flags " << flags;
    }
  }
}

TEST(Sums, DoNotDependOnTheFloatingPointEnvironmentAndLeaveItAlone) {
  Draw draw(17);
  for (const std::size_t n : {1u, 3u, 5u, 8u, 100u, 5000u, 600000u}) {
    leaves_the_environment_alone(stretches<double>(draw, n), stretches<double>(draw, n));
    leaves_the_environment_alone(stretches<float>(draw, n), stretches<float>(draw, n));
    std::vector<double> ones(n, 1.0), zeros(n, 1.0);
    zeros[n / 2] = 0;
    leaves_the_environment_alone(ones, zeros);
    leaves_the_environment_alone(std::vector<float>(n, 1e-40F), std::vector<float>(n, 1e-41F));
  }
}

// ------------------------------------------------------------------------------------------- combinations

/// Coefficients with real values high + low + error, |error| <= rho |high|, and vectors whose combinations
/// are next to midpoints of doubles (or of floats) more often than chance would have it.
struct Problem {
  kernels::Combination c{};
  Rational coefficients[3];
  std::vector<double> first, third;

  Problem(Draw& draw, double rho, std::size_t n, double relative_error) {
    c.relative_error = relative_error;
    for (int k = 0; k < 3; ++k) {
      if (draw.chance(10)) continue;
      c.high[k] =
          draw.chance(30) ? std::ldexp(1.0, draw.between(-3, 3)) : draw.wide(draw.chance(80) ? 3 : 60);
      if (draw.chance(70)) c.low[k] = std::ldexp(draw.random.uniform(-1, 1), std::ilogb(c.high[k]) - 54);
      const double error = rho * c.high[k] * draw.random.uniform(-1, 1);
      coefficients[k] = exact(c.high[k]) + exact(c.low[k]) + exact(error);
    }
    first.resize(n);
    third.resize(n);
  }
};

template <class T>
struct Certified {
  int wrong = 0, failed = 0, total = 0;
};

template <class T>
Certified<T> try_combine(const kernels::Table& table, double rho, double claimed, std::uint64_t seed) {
  Draw draw(seed);
  Certified<T> result;
  for (int c = 0; c < 300; ++c) {
    const auto n = static_cast<std::size_t>(draw.between(1, 200));
    Problem problem(draw, rho, n, claimed);
    std::vector<T> second(n), out(n, T(7));
    const int scale = draw.chance(80) ? draw.between(-5, 5) : draw.between(-1000, 1000);
    for (std::size_t i = 0; i < n; ++i) {
      const bool zero = draw.chance(3);
      problem.first[i] = zero ? 0.0 : std::ldexp(draw.wide(2), scale);
      // Half a unit in the last place of the first, and something much smaller.
      const int distance = draw.chance(50) ? draw.between(0, 3) : std::is_same_v<T, float> ? 24 : 53;
      second[i] = static_cast<T>(zero ? 0.0 : std::ldexp(draw.number(0), scale - distance));
      problem.third[i] = zero ? 0.0 : std::ldexp(draw.wide(1), scale - draw.between(0, 120));
      if (!std::isfinite(second[i])) second[i] = T(1);
    }
    std::vector<std::uint64_t> failed(n / 64 + 1);
    std::size_t failures = 0;
    if constexpr (std::is_same_v<T, float>) {
      failures = table.combine_f32(problem.c, problem.first.data(), second.data(), problem.third.data(),
                                   out.data(), n, failed.data());
    } else {
      failures = table.combine_f64(problem.c, problem.first.data(), second.data(), problem.third.data(),
                                   out.data(), n, failed.data());
    }
    std::size_t counted = 0;
    for (std::size_t i = 0; i < n; ++i) {
      ++result.total;
      if ((failed[i / 64] >> i % 64 & 1) != 0) {
        ++counted;
        if (out[i] != T(7)) ++result.wrong;  // must be left as it was
        continue;
      }
      const Rational sum = problem.coefficients[0] * exact(problem.first[i]) +
                           problem.coefficients[1] * exact(static_cast<double>(second[i])) +
                           problem.coefficients[2] * exact(problem.third[i]);
      T expected{};
      if constexpr (std::is_same_v<T, float>) {
        expected = nearest_float(sum);
      } else {
        expected = nearest(sum);
      }
      if (std::memcmp(&expected, &out[i], sizeof expected) != 0) ++result.wrong;
    }
    if (counted != failures) ++result.wrong;
    result.failed += static_cast<int>(failures);
  }
  return result;
}

std::vector<const kernels::Table*> all_tables() {
  auto tables = vector_tables();
  tables.push_back(&kernels::portable);
  return tables;
}

TEST(Combinations, CertifiedElementsAreCorrectlyRounded) {
  for (const kernels::Table* table : all_tables()) {
    SCOPED_TRACE(table->name);
    for (const double rho : {0.0, 0x1p-106, 0x1p-90, 0x1p-60}) {
      const auto doubles = try_combine<double>(*table, rho, rho, 21);
      EXPECT_EQ(doubles.wrong, 0) << rho;
      EXPECT_LT(doubles.failed, doubles.total / 3) << rho;
      const auto floats = try_combine<float>(*table, rho, rho, 22);
      EXPECT_EQ(floats.wrong, 0) << rho;
      EXPECT_LT(floats.failed, floats.total / 3) << rho;
    }
  }
}

TEST(Combinations, ClaimingLessErrorThanThereIsIsFound) {
  for (const kernels::Table* table : all_tables()) {
    EXPECT_GT(try_combine<double>(*table, 0x1p-60, 0x1p-106, 21).wrong, 0) << table->name;
    EXPECT_GT(try_combine<float>(*table, 0x1p-30, 0x1p-106, 22).wrong, 0) << table->name;
  }
}

TEST(Combinations, LeaveTheRestToTheExactFunction) {
  Draw draw(23);
  const std::size_t n = 700000;  // enough for threads
  std::vector<double> a(n), b(n), c(n), out(n);
  for (std::size_t i = 0; i < n; ++i) {
    a[i] = draw.wide(1);
    // Every thousandth sum is exactly a midpoint.
    b[i] = i % 1000 == 0 ? std::ldexp(a[i] < 0 ? -1.0 : 1.0, std::ilogb(a[i]) - 53) : draw.wide(1);
    c[i] = i % 1000 == 0 ? 0.0 : draw.wide(1);
  }
  const kernels::Combination ones{{1, 1, 1}, {0, 0, 0}, 0};
  const auto nearest_sum = [&](std::size_t i) { return nearest(exact(a[i]) + exact(b[i]) + exact(c[i])); };
  kernels::combine(ones, a.data(), b.data(), c.data(), out.data(), n, nearest_sum);
  for (std::size_t i = 0; i < n; ++i) ASSERT_EQ(out[i], nearest_sum(i)) << i;
  // In place, and without coefficients.
  std::vector<double> place = b;
  const auto of_place = [&](std::size_t i) { return nearest(exact(a[i]) + exact(place[i]) + exact(c[i])); };
  kernels::combine(ones, a.data(), place.data(), c.data(), place.data(), n, of_place);
  EXPECT_EQ(place, out);
  std::vector<double> alone(1000);
  kernels::combine(std::nullopt, a.data(), b.data(), c.data(), alone.data(), alone.size(), nearest_sum);
  for (std::size_t i = 0; i < alone.size(); ++i) ASSERT_EQ(alone[i], out[i]) << i;
}

}  // namespace
}  // namespace natgrad::test
