// natgrad: tests of the correctly rounded scalars and their enclosures, against the exact oracle.
#include "natgrad/scalars.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <fstream>
#include <functional>
#include <limits>
#include <map>
#include <numbers>
#include <string>
#include <thread>
#include <vector>

#include "reference/hostile_pairs.hpp"
#include "reference/library_comparison.hpp"
#include "reference/oracle.hpp"
#include "reference/worst_cases.hpp"
#include "support/environment.hpp"

#ifndef NATGRAD_TEST_DATA
#error "NATGRAD_TEST_DATA: the folder of the tests"
#endif

namespace {

using namespace natgrad;
using reference::cpp_int;
using reference::describe;
using reference::Dyadic;
using reference::exact_gram;
using reference::ExactGram;
using reference::Field;
using reference::Fields;
using reference::hex;
using reference::HostilePair;
using reference::Mismatch;
using reference::Oracle;
using reference::Random;

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double largest = std::numeric_limits<double>::max();
constexpr double least = std::numeric_limits<double>::denorm_min();

Gram gram_of(const HostilePair& pair) {
  return Gram::of(std::span(pair.g), std::span(pair.y));
}

Alpha alpha_of(const HostilePair& pair) {
  return pair.alpha ? Alpha(*pair.alpha) : Alpha();
}

Oracle oracle_of(const HostilePair& pair) {
  return Oracle(exact_gram(pair.g, pair.y), pair.alpha);
}

std::string report(const std::vector<Mismatch>& mismatches) {
  std::string text;
  for (const Mismatch& m : mismatches)
    text += "\n  " + m.field + ": got " + m.got + ", expected " + m.expected;
  return text;
}

// ------------------------------------------------------------------------------ against the oracle

TEST(Scalars, AgreeWithTheOracleOnHostilePairs) {
  std::map<std::string, int> seen;
  for (const auto& [seed, count, dimension] :
       {std::array<std::size_t, 3>{201, 4000, 200}, std::array<std::size_t, 3>{202, 1500, 3000},
        std::array<std::size_t, 3>{203, 802, 100000}}) {
    for (std::size_t i = 0; i < count; ++i) {
      const HostilePair pair = reference::hostile_pair(seed, i, dimension);
      const auto mismatches = reference::compare_library(pair, fields(oracle_of(pair)));
      ASSERT_TRUE(mismatches.empty())
          << "seed " << seed << " index " << i << ' ' << describe(pair) << report(mismatches);
      ++seen[pair.tag];
    }
  }
  for (const std::string& tag : reference::hostile_tags()) EXPECT_GE(seen[tag], 50) << tag;
}

TEST(Scalars, AgreeWithTheOracleInLargeDimensions) {
  // D = 1e5, where (D - 1) ln a amplifies, and log det = 0 must be seen without any power of that size.
  const std::size_t n = 100000;
  Random r(204);
  HostilePair pair{std::vector<double>(n), std::vector<double>(n), {}, "identical"};
  for (std::size_t i = 0; i < n; ++i) pair.g[i] = pair.y[i] = r.number(-30, 30);
  EXPECT_EQ(log_det(gram_of(pair)), 0.0);
  const auto check = [&](const char* tag) {
    pair.tag = tag;
    for (const std::optional<double> a :
         {std::optional<double>(), std::optional<double>(1.0), std::optional<double>(1 + 0x1p-52)}) {
      pair.alpha = a;
      const auto mismatches = reference::compare_library(pair, fields(oracle_of(pair)));
      EXPECT_TRUE(mismatches.empty()) << tag << ' ' << hex(a) << report(mismatches);
    }
  };
  check("identical");
  pair.y[5] = std::nextafter(pair.y[5], infinity);
  check("identical but for an ulp");
  pair.g[7] = pair.y[7] = 0;
  pair.y[7] = 0x1p-1000;
  check("and a tiny part");
}

TEST(Scalars, AgreeWithTheOracleInHugeDimensions) {
  // Doubling a Gram k times: 2^k copies of the vectors. exact_gram() is doubled in integers.
  for (const HostilePair& pair : reference::hostile_pairs(205, 150, 60)) {
    Gram gram = gram_of(pair);
    ExactGram exact = exact_gram(pair.g, pair.y);
    const std::uint64_t times = 63 - static_cast<std::uint64_t>(std::bit_width(exact.dimension - 1));
    for (std::uint64_t k = 0; k < times; ++k) {
      gram.merge(gram);
      exact = {2 * exact.gg, 2 * exact.gy, 2 * exact.yy, 2 * exact.dimension};
    }
    const Scalars got = scalars(gram, alpha_of(pair));
    const Fields expected = fields(Oracle(exact, pair.alpha));
    ASSERT_TRUE(reference::same(got.trace, expected[Field::trace])) << describe(pair) << hex(got.trace);
    ASSERT_TRUE(reference::same(got.log_det, expected[Field::log_det])) << describe(pair) << hex(got.log_det);
    ASSERT_TRUE(reference::same(got.lambda_min, expected[Field::lambda_min])) << describe(pair);
    ASSERT_TRUE(reference::same(got.log_condition, expected[Field::log_condition])) << describe(pair);
    ASSERT_TRUE(reference::same(frobenius_norm(gram, alpha_of(pair)), expected[Field::frobenius_norm]))
        << describe(pair);
  }
}

TEST(Scalars, AgreeWithTheWorstCases) {
  std::ifstream file(NATGRAD_TEST_DATA "/reference/worst_cases.csv");
  ASSERT_TRUE(file) << "tests/reference/worst_cases.csv cannot be read";
  const auto cases = reference::read_worst_cases(file);
  EXPECT_GE(cases.size(), 100U);
  for (const auto& [pair, expected] : cases) {
    const auto mismatches = reference::compare_library(pair, expected);
    EXPECT_TRUE(mismatches.empty()) << describe(pair) << report(mismatches);
    const auto stale = reference::differences(fields(oracle_of(pair)), expected);
    EXPECT_TRUE(stale.empty()) << "the file is not what the oracle says: " << describe(pair) << report(stale);
  }
  // The extreme pair: square root of the condition number 2^2098.
  const auto extreme = std::find_if(cases.begin(), cases.end(), [](const auto& c) {
    return c.pair.g == std::vector<double>{0x1p1023, least} && c.pair.y == std::vector<double>{0, 0x1p1023} &&
           !c.pair.alpha;
  });
  ASSERT_NE(extreme, cases.end());
  EXPECT_EQ(extreme->expected[Field::sqrt_condition], infinity);
  EXPECT_NEAR(*extreme->expected[Field::log_condition], 2 * 2098 * std::numbers::ln2, 1e-12 * 3000);
}

// ------------------------------------------------------------------------------ the tests of the tests

TEST(Reference, TagsAreTrue) {
  std::map<std::string, int> seen;
  for (const HostilePair& pair : reference::hostile_pairs(206, 2000, 500)) {
    ASSERT_TRUE(reference::tag_holds(pair)) << describe(pair);
    ASSERT_EQ(pair.g.size(), pair.y.size());
    ++seen[pair.tag];
  }
  for (const std::string& tag : reference::hostile_tags()) EXPECT_GE(seen[tag], 15) << tag;
  HostilePair lie = reference::hostile_pairs(206, 1, 10).front();
  lie.g.push_back(1);
  lie.y.push_back(1);
  EXPECT_EQ(lie.tag, "orthogonal");
  EXPECT_FALSE(reference::tag_holds(lie));
}

TEST(Reference, PairsDependOnSeedAndIndexAlone) {
  const auto all = reference::hostile_pairs(207, 500, 64);
  const auto again = reference::hostile_pair(207, 411, 64), other = reference::hostile_pair(208, 411, 64);
  EXPECT_TRUE(again.g == all[411].g && again.y == all[411].y && again.alpha == all[411].alpha);
  EXPECT_FALSE(other.g == again.g && other.y == again.y);
  std::uint64_t hash = 0xcbf29ce484222325;  // FNV-1a over words: the same pairs from every compiler
  for (const HostilePair& pair : all)
    for (const auto* v : {&pair.g, &pair.y})
      for (const double x : *v) hash = (hash ^ std::bit_cast<std::uint64_t>(x)) * 0x100000001b3;
  EXPECT_EQ(hash, 9541505004540248295U);
  for (const std::size_t limit : {std::size_t{1}, std::size_t{2}, std::size_t{3}, std::size_t{20}})
    for (const HostilePair& pair : reference::hostile_pairs(209, 300, limit)) ASSERT_LE(pair.g.size(), limit);
}

TEST(Reference, OneUlpInAnyFieldIsFound) {
  const HostilePair pair{{1, 2, 3}, {2, 1, 5}, 1.5, "plain"};
  const Fields right = fields(oracle_of(pair));
  EXPECT_TRUE(reference::compare_library(pair, right).empty());
  for (std::size_t i = 0; i < right.values.size(); ++i) {
    for (const std::optional<double> wrong :
         {std::optional<double>(std::nextafter(*right.values[i], infinity)),
          std::optional<double>(std::nextafter(*right.values[i], -infinity)), std::optional<double>()}) {
      Fields expected = right;
      expected.values[i] = wrong;
      EXPECT_EQ(reference::compare_library(pair, expected).size(), 1U) << name(reference::all_fields[i]);
    }
  }
  for (double Fields::*entry : {&Fields::gg, &Fields::gy, &Fields::yy}) {
    Fields expected = right;
    expected.*entry = std::nextafter(right.*entry, 0.0);
    EXPECT_EQ(reference::compare_library(pair, expected).size(), 1U);
  }
  EXPECT_FALSE(reference::same(0.0, -0.0));
  EXPECT_FALSE(reference::same(std::nullopt, 0.0));
}

TEST(Reference, OracleKnowsTheTextbook) {
  // Numbers that can be checked by hand: the 3-4-5 triangle, a* = 25/4, lambda = 10, 5/2.
  const Oracle o = oracle_of({{1, 0}, {4, 3}, {}, ""});
  EXPECT_EQ(o.value(Field::cosine), 0.8);
  EXPECT_EQ(o.value(Field::sine), 0.6);
  EXPECT_EQ(o.value(Field::alpha), 6.25);
  EXPECT_EQ(o.value(Field::lambda_min), 2.5);
  EXPECT_EQ(o.value(Field::lambda_max), 10.0);
  EXPECT_EQ(o.value(Field::condition), 4.0);
  EXPECT_EQ(o.value(Field::sqrt_condition), 2.0);
  EXPECT_EQ(o.value(Field::log_condition), 2 * std::numbers::ln2);
  EXPECT_EQ(o.value(Field::trace), 12.5);
  EXPECT_EQ(o.value(Field::log_det), 2 * std::log(5.0));
  EXPECT_EQ(o.placement(Field::lambda_min), reference::Placement::on_double);
  EXPECT_EQ(o.compare_with(Field::condition, Dyadic(4.0)), 0);
  EXPECT_EQ(o.compare_with(Field::cosine, Dyadic(0.8)), -1);  // the double is above 4/5
  // M(1) = y y^T/4 + (I - g g^T) = [[4, 3], [3, 13/4]]: trace 29/4, det 4.
  const Oracle at_one = oracle_of({{1, 0}, {4, 3}, 1.0, ""});
  EXPECT_EQ(at_one.value(Field::trace), 7.25);
  EXPECT_EQ(at_one.value(Field::log_det), 2 * std::numbers::ln2);
  EXPECT_EQ(at_one.value(Field::frobenius_norm), std::sqrt(16 + 18 + 3.25 * 3.25));
  EXPECT_NEAR(*at_one.value(Field::lambda_max), 3.625 + std::sqrt(3.625 * 3.625 - 4), 1e-14);
  EXPECT_NEAR(*at_one.value(Field::lambda_min), 3.625 - std::sqrt(3.625 * 3.625 - 4), 1e-14);
  EXPECT_EQ(oracle_of({{1, 1}, {0, 1}, {}, ""}).value(Field::angle), std::numbers::pi / 4);
  EXPECT_EQ(oracle_of({{1, 1}, {1, -1}, {}, ""}).value(Field::angle), std::numbers::pi / 2);
  EXPECT_EQ(oracle_of({{1, 1}, {-1, -1}, {}, ""}).value(Field::angle), std::numbers::pi);
  EXPECT_GT(oracle_of({{1}, {0x1.9476e304cd7c7p-384}, {}, ""}).hardness(Field::log_det), 60);  // published
}

// ------------------------------------------------------------------------------ contract

TEST(Alpha, HoldsAStarOrAPositiveNumber) {
  EXPECT_TRUE(Alpha().is_optimal());
  EXPECT_EQ(Alpha(), Alpha::optimal());
  EXPECT_EQ(Alpha().value(), std::nullopt);
  for (const double good : {1.0, least, largest, 0x1p-1022, 3.5}) {
    EXPECT_EQ(Alpha(good).value(), good);
    EXPECT_FALSE(Alpha(good).is_optimal());
    EXPECT_NE(Alpha(good), Alpha());
  }
  EXPECT_NE(Alpha(1.0), Alpha(2.0));
  const auto message = [](double x) -> std::string {
    try {
      const Alpha a(x);
      return a.is_optimal() ? "a*" : "accepted";
    } catch (const ContractError& e) {
      return e.what();
    }
  };
  for (const auto& [bad, text] : {std::pair<double, const char*>{0.0, "0"},
                                  {-0.0, "0"},
                                  {-1.5, "-1.5"},
                                  {-least, "e-324"},
                                  {infinity, "inf"},
                                  {-infinity, "-inf"},
                                  {std::numeric_limits<double>::quiet_NaN(), "nan"}}) {
    std::string got = message(bad);
    std::transform(got.begin(), got.end(), got.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    EXPECT_NE(got.find("alpha"), std::string::npos) << got;
    EXPECT_NE(got.find(text), std::string::npos) << got << " does not name " << text;
  }
}

TEST(Scalars, RefuseAnEmptyGram) {
  const Gram empty;
  EXPECT_THROW(scalars(empty), ContractError);
  EXPECT_THROW(enclose(empty, 0), ContractError);
  // One by one they merely do not exist, as for any g = y = 0.
  for (const auto f : {cosine, sine, angle}) EXPECT_EQ(f(empty), std::nullopt);
  for (const auto f : {alpha, lambda_min, lambda_max, condition, sqrt_condition, log_condition, trace,
                       log_det, frobenius_norm})
    EXPECT_EQ(f(empty, Alpha()), std::nullopt);
}

TEST(Scalars, PowersOfTwoOnlyMoveTheScale) {
  int moved = 0;
  for (const HostilePair& pair : reference::hostile_pairs(210, 800, 60)) {
    HostilePair scaled = pair;
    scaled.alpha.reset();
    const auto within = [](const std::vector<double>& v) {
      return std::all_of(v.begin(), v.end(), [](double x) {
        return x == 0 || (std::abs(x) > 0x1p-900 && std::abs(x) < 0x1p900);
      });
    };
    if (!within(pair.g) || !within(pair.y)) continue;
    for (double& x : scaled.g) x = std::ldexp(x, -57);
    for (double& x : scaled.y) x = std::ldexp(x, 41);
    const Gram before_gram = gram_of(pair), after_gram = gram_of(scaled);
    const Scalars before = scalars(before_gram), after = scalars(after_gram);
    EXPECT_EQ(before.judgement, after.judgement);
    EXPECT_EQ(before.cosine, after.cosine);
    EXPECT_EQ(before.sine, after.sine);
    EXPECT_EQ(before.angle, after.angle);
    EXPECT_EQ(before.condition, after.condition);
    EXPECT_EQ(before.sqrt_condition, after.sqrt_condition);
    EXPECT_EQ(before.log_condition, after.log_condition);
    if (before.alpha && *before.lambda_min > 0x1p-900 && *before.trace < 0x1p900) {
      EXPECT_EQ(std::ldexp(*before.alpha, 98), after.alpha);
      EXPECT_EQ(std::ldexp(*before.lambda_min, 98), after.lambda_min);
      EXPECT_EQ(std::ldexp(*before.lambda_max, 98), after.lambda_max);
      EXPECT_EQ(std::ldexp(*before.trace, 98), after.trace);
      EXPECT_EQ(std::ldexp(*frobenius_norm(before_gram), 98), frobenius_norm(after_gram));
      ++moved;
    }
  }
  EXPECT_GT(moved, 200);
}

// ------------------------------------------------------------------------------ environment and threads

std::vector<std::uint64_t> all_bits(const HostilePair& pair) {
  const Gram gram = gram_of(pair);
  const Alpha a = alpha_of(pair);
  std::vector<std::uint64_t> bits;
  const auto put = [&](std::optional<double> x) { bits.push_back(x ? std::bit_cast<std::uint64_t>(*x) : 1); };
  const auto put_interval = [&](const std::optional<Enclosure>& x) {
    put(x ? std::optional(x->lo) : std::nullopt);
    put(x ? std::optional(x->hi) : std::nullopt);
  };
  const Scalars s = scalars(gram, a);
  for (const auto x : {s.gg, s.gy, s.yy}) put(x);
  for (const auto& x : {s.cosine, s.sine, s.angle, s.alpha, s.lambda_min, s.lambda_max, s.condition,
                        s.sqrt_condition, s.log_condition, s.trace, s.log_det, frobenius_norm(gram, a)})
    put(x);
  for (const double radius : {0.0, 0x1p-1074, 0x1p-40, 0.125}) {
    const ScalarEnclosures e = enclose(gram, radius, a);
    bits.push_back(static_cast<std::uint64_t>(e.judgement.reason));
    for (const auto& x :
         {std::optional(e.gg), std::optional(e.gy), std::optional(e.yy), e.cosine, e.sine, e.angle, e.alpha,
          e.lambda_min, e.lambda_max, e.condition, e.sqrt_condition, e.log_condition, e.trace, e.log_det})
      put_interval(x);
  }
  return bits;
}

TEST(Scalars, DoNotDependOnTheFloatingPointEnvironment) {
  for (const HostilePair& pair : reference::hostile_pairs(211, 300, 64)) {
    const auto expected = all_bits(pair);
    for (const test::Environment environment : test::environments) {
      std::vector<std::uint64_t> got;
      {
        const test::EnvironmentScope scope(environment);
        got = all_bits(pair);
      }
      ASSERT_EQ(got, expected) << test::name(environment) << ' ' << describe(pair);
    }
  }
}

TEST(Scalars, DoNotDependOnOtherThreads) {
  const auto pairs = reference::hostile_pairs(212, 200, 64);
  std::vector<std::vector<std::uint64_t>> expected;
  for (const HostilePair& pair : pairs) expected.push_back(all_bits(pair));
  std::array<std::vector<std::vector<std::uint64_t>>, 4> got;
  std::vector<std::thread> threads;
  for (auto& mine : got)
    threads.emplace_back([&] {
      for (const HostilePair& pair : pairs) mine.push_back(all_bits(pair));
    });
  for (std::thread& t : threads) t.join();
  for (const auto& mine : got) EXPECT_EQ(mine, expected);
}

// ------------------------------------------------------------------------------ enclosures

using Member = std::optional<Enclosure> ScalarEnclosures::*;
constexpr std::array<std::pair<Field, Member>, 11> members = {
    {{Field::cosine, &ScalarEnclosures::cosine},
     {Field::sine, &ScalarEnclosures::sine},
     {Field::angle, &ScalarEnclosures::angle},
     {Field::alpha, &ScalarEnclosures::alpha},
     {Field::lambda_min, &ScalarEnclosures::lambda_min},
     {Field::lambda_max, &ScalarEnclosures::lambda_max},
     {Field::condition, &ScalarEnclosures::condition},
     {Field::sqrt_condition, &ScalarEnclosures::sqrt_condition},
     {Field::log_condition, &ScalarEnclosures::log_condition},
     {Field::trace, &ScalarEnclosures::trace},
     {Field::log_det, &ScalarEnclosures::log_det}}};

/// Doubles between two doubles.
std::int64_t steps(double lo, double hi) {
  const auto rank = [](double x) {
    const auto bits = std::bit_cast<std::int64_t>(x);
    return bits >= 0 ? bits : std::numeric_limits<std::int64_t>::min() - bits;
  };
  return rank(hi) - rank(lo);
}

TEST(Enclosure, OfRadiusZeroHoldsTheExactValue) {
  for (const HostilePair& pair : reference::hostile_pairs(213, 1200, 200)) {
    const ScalarEnclosures e = enclose(gram_of(pair), 0, alpha_of(pair));
    const Oracle oracle = oracle_of(pair);
    ASSERT_EQ(to_string(e.judgement.verdict), oracle.verdict()) << describe(pair);
    ASSERT_EQ(to_string(e.judgement.reason), oracle.reason()) << describe(pair);
    const ExactGram exact = exact_gram(pair.g, pair.y);
    for (const auto& [interval, entry] : {std::pair{e.gg, exact.gg}, {e.gy, exact.gy}, {e.yy, exact.yy}}) {
      const Dyadic x(entry, -2148);
      ASSERT_LE(interval.lo, reference::rounded_down(x)) << describe(pair);
      ASSERT_GE(interval.hi, -reference::rounded_down(-x)) << describe(pair);
      ASSERT_LE(steps(interval.lo, interval.hi), 4) << describe(pair);
    }
    for (const auto& [field, member] : members) {
      const auto value = oracle.rounded(field);
      const auto& interval = e.*member;
      ASSERT_EQ(value.has_value(), interval.has_value()) << name(field) << ' ' << describe(pair);
      if (!value) continue;
      ASSERT_LE(interval->lo, value->down) << name(field) << ' ' << describe(pair);
      ASSERT_GE(interval->hi, value->up) << name(field) << ' ' << describe(pair);
      // Neighbours, all but; an exact 0 may be a speck around 0.
      ASSERT_TRUE(steps(interval->lo, interval->hi) <= 4 || interval->hi - interval->lo < 0x1p-480)
          << name(field) << " [" << hex(interval->lo) << ", " << hex(interval->hi) << "] " << describe(pair);
    }
  }
}

/// |x - centre| <= radius, exactly.
bool in_ball(const std::vector<double>& x, const std::vector<double>& centre, double radius) {
  std::vector<double> minus = centre;
  for (double& c : minus) c = -c;
  const ExactGram difference = exact_gram(x, minus, x, minus);
  return difference.gg <= reference::product(radius, radius);
}

double norm(const std::vector<double>& v) {
  double largest_entry = 0, sum = 0;
  for (const double x : v) largest_entry = std::max(largest_entry, std::abs(x));
  if (largest_entry == 0) return 0;
  for (const double x : v) sum += (x / largest_entry) * (x / largest_entry);
  return largest_entry * std::sqrt(sum);
}

/// A point of the ball about x, on or near its surface more often than not: along +-x, along +-other, across
/// x so that the angle to x is the largest, or anywhere.
std::vector<double> point_in_ball(const std::vector<double>& x, const std::vector<double>& other,
                                  double radius, Random& r) {
  const std::size_t n = x.size();
  std::vector<double> direction(n), result = x;
  const double length = norm(x), other_length = norm(other);
  const auto kind = r.below(6);
  for (std::size_t i = 0; i < n; ++i) {
    const double along = length > 0 ? x[i] / length : 0,
                 towards = other_length > 0 ? other[i] / other_length : 0;
    direction[i] = kind == 0 ? along : kind == 1 ? towards : kind == 4 ? r.number(-3, 0) : 0;
  }
  if (kind == 5) direction[r.below(n)] = 1;
  if (kind == 2 || kind == 3) {  // turned by asin(radius/|x|) in the plane of x and the other
    double product = 0;
    for (std::size_t i = 0; i < n; ++i)
      product += length > 0 && other_length > 0 ? (x[i] / length) * (other[i] / other_length) : 0;
    const double ratio = length > 0 ? std::min(1.0, radius / length) : 1;
    for (std::size_t i = 0; i < n; ++i) {
      const double along = length > 0 ? x[i] / length : 0,
                   towards = other_length > 0 ? other[i] / other_length : 0;
      direction[i] = (towards - product * along) * (kind == 2 ? 1 : -1);
    }
    const double across = norm(direction);
    for (std::size_t i = 0; i < n; ++i) {
      const double along = length > 0 ? x[i] / length : 0;
      direction[i] =
          across > 0 ? direction[i] / across * std::sqrt(1 - ratio * ratio) - along * ratio : -along;
    }
  }
  const double size = norm(direction);
  if (size == 0) return result;
  double step = radius / size * (kind < 2 ? r.sign() : 1);
  if (r.once_in(2)) step *= r.uniform();
  for (int attempt = 0; attempt < 60;
       ++attempt, step *= attempt < 30 ? 1 - std::ldexp(1, attempt - 52) : 0.5) {
    for (std::size_t i = 0; i < n; ++i) result[i] = x[i] + step * direction[i];
    if (in_ball(result, x, radius)) return result;
  }
  return x;
}

struct BallCase {
  HostilePair pair;
  double radius;
};

std::vector<BallCase> ball_cases() {
  std::vector<BallCase> cases;
  Random r(214);
  for (int t = 0; t < 500; ++t) {
    const std::size_t n = 1 + r.below(5);
    HostilePair pair{std::vector<double>(n), std::vector<double>(n), {}, "ball"};
    const int spread = r.between(0, 6);
    for (double& x : pair.g) x = r.once_in(6) ? 0 : r.number(-spread, spread);
    for (double& x : pair.y) x = r.once_in(6) ? 0 : r.number(-spread, spread);
    if (r.once_in(4)) pair.y = pair.g;  // from here on: parallel, orthogonal, nearly so, zero
    if (r.once_in(6) && n >= 2) {
      std::fill(pair.y.begin(), pair.y.end(), 0);
      pair.y[0] = -pair.g[1];
      pair.y[1] = pair.g[0] + (r.once_in(2) ? std::ldexp(pair.g[1], -r.between(1, 60)) : 0);
    }
    if (r.once_in(30)) std::fill(pair.g.begin(), pair.g.end(), 0);
    if (r.once_in(30)) std::fill(pair.y.begin(), pair.y.end(), 0);
    if (r.once_in(2)) pair.alpha = std::abs(r.number(-8, 8));
    const double a = norm(pair.g), b = norm(pair.y), smaller = std::min(a, b);
    double radius = 0;
    switch (r.below(7)) {
      case 0:
        radius = smaller * std::ldexp(1, -r.between(1, 60));
        break;
      case 1:
        radius = smaller * r.uniform();
        break;
      case 2:
        radius = smaller;
        break;
      case 3:
        radius = std::max(a, b) * (0.5 + r.uniform());
        break;
      case 4: {  // where the verdict hangs on it: asin(r/|g|) + asin(r/|y|) about |pi/2 - psi|
        double p = 0;
        for (std::size_t i = 0; i < n; ++i) p += pair.g[i] * pair.y[i];
        const int digits = r.between(1, 55);
        radius = smaller > 0 ? std::abs(p) / (a + b) * (1 + std::ldexp(r.sign(), -digits)) : 1;
        break;
      }
      case 5:
        radius = least;
        break;
      default:
        radius = std::abs(r.number(-30, 3));
    }
    cases.push_back({pair, radius});
  }
  return cases;
}

TEST(Enclosure, HoldsEverySampledPair) {
  Random r(215);
  std::map<std::string, int> verdicts;
  std::array<int, members.size()> seen{};
  int at_zero = 0, contradicting = 0;
  for (const auto& [pair, radius] : ball_cases()) {
    const Gram gram = gram_of(pair);
    const ScalarEnclosures e = enclose(gram, radius, alpha_of(pair));
    const std::string where = describe(pair) + " radius " + hex(radius);
    ++verdicts[std::string(to_string(e.judgement.verdict))];
    bool effective = false, not_effective = false;
    for (int sample = 0; sample < 25; ++sample) {
      HostilePair moved = pair;
      if (sample > 0) moved.g = point_in_ball(pair.g, pair.y, radius, r);
      if (sample > 0) moved.y = point_in_ball(pair.y, sample % 2 == 0 ? pair.g : moved.g, radius, r);
      if (sample > 22) std::fill(moved.g.begin(), moved.g.end(), 0);  // zero, if that is in reach
      if (sample > 23) std::fill(moved.y.begin(), moved.y.end(), 0);
      if (!in_ball(moved.g, pair.g, radius) || !in_ball(moved.y, pair.y, radius)) continue;
      at_zero += sample > 22;
      const Oracle oracle = oracle_of(moved);
      const std::string sampled = where + "\n  sample " + describe(moved);
      effective |= oracle.verdict() == "effective";
      not_effective |= oracle.verdict() == "not_effective";
      if (e.judgement.verdict != Verdict::undetermined) {
        ASSERT_EQ(to_string(e.judgement.verdict), oracle.verdict()) << sampled;
      }
      ASSERT_TRUE(e.gg.contains(oracle.gg())) << sampled;
      ASSERT_TRUE(e.gy.contains(oracle.gy()))
          << hex(e.gy.lo) << ' ' << hex(e.gy.hi) << ' ' << hex(oracle.gy()) << ' ' << sampled;
      ASSERT_TRUE(e.yy.contains(oracle.yy())) << sampled;
      for (std::size_t k = 0; k < members.size(); ++k) {
        const auto& [field, member] = members[k];
        const auto value = oracle.value(field);
        if (!value) continue;
        const auto& interval = e.*member;
        ASSERT_TRUE(interval.has_value()) << name(field) << ' ' << sampled;
        ASSERT_TRUE(interval->contains(*value))
            << name(field) << " [" << hex(interval->lo) << ", " << hex(interval->hi) << "] without "
            << hex(value) << ' ' << sampled;
        ++seen[k];
      }
    }
    if (effective && not_effective) {
      ++contradicting;
      EXPECT_EQ(e.judgement, (Judgement{Verdict::undetermined, Reason::inexact})) << where;
    }
    if (radius > 0 && e.judgement.verdict != Verdict::undetermined) {
      EXPECT_EQ(e.judgement.reason,
                e.judgement.verdict == Verdict::effective ? Reason::descent : Reason::ascent)
          << where;
    }
  }
  for (const char* verdict : {"effective", "not_effective", "undetermined"})
    EXPECT_GT(verdicts[verdict], 40) << verdict;
  for (const int count : seen) EXPECT_GT(count, 1000);
  EXPECT_GT(contradicting, 30);
  EXPECT_GT(at_zero, 50);
}

TEST(Enclosure, IsSharpForTheAngleAndDecidesWhatCanBeDecided) {
  int decided = 0;
  for (const auto& [pair, radius] : ball_cases()) {
    const double a = norm(pair.g), b = norm(pair.y);
    if (a == 0 || b == 0 || radius >= a || radius >= b) continue;
    const ScalarEnclosures e = enclose(gram_of(pair), radius, alpha_of(pair));
    const double psi = *oracle_of(pair).value(Field::angle);
    const double turn = pair.g.size() == 1 ? 0 : std::asin(radius / a) + std::asin(radius / b);
    const double low = std::max(0.0, psi - turn), high = std::min(std::numbers::pi, psi + turn);
    const std::string where = describe(pair) + " radius " + hex(radius);
    ASSERT_NEAR(e.angle->lo, low, 1e-13) << where;
    ASSERT_NEAR(e.angle->hi, high, 1e-13) << where;
    if (high < std::numbers::pi / 2 - 1e-9) {
      EXPECT_EQ(e.judgement, (Judgement{Verdict::effective, Reason::descent})) << where;
      ++decided;
    } else if (low > std::numbers::pi / 2 + 1e-9) {
      EXPECT_EQ(e.judgement, (Judgement{Verdict::not_effective, Reason::ascent})) << where;
      ++decided;
    } else if (low < std::numbers::pi / 2 - 1e-9 && high > std::numbers::pi / 2 + 1e-9) {
      EXPECT_EQ(e.judgement, (Judgement{Verdict::undetermined, Reason::inexact})) << where;
    }
    if (e.judgement.verdict == Verdict::not_effective) {
      EXPECT_FALSE(e.alpha || e.condition || e.log_det) << where;
    }
  }
  EXPECT_GT(decided, 100);
}

Judgement judgement(std::vector<double> g, std::vector<double> y, double radius) {
  return enclose(Gram::of(std::span<const double>(g), std::span<const double>(y)), radius).judgement;
}

TEST(Enclosure, VerdictsByHand) {
  const Judgement effective{Verdict::effective, Reason::descent},
      ascent{Verdict::not_effective, Reason::ascent}, open{Verdict::undetermined, Reason::inexact};
  // 60 degrees between vectors of length 2: both may turn by asin(r/2), open from r = 2 sin 15 degrees on.
  const double h = std::sqrt(3.0), critical = 2 * std::sin(std::numbers::pi / 12);
  EXPECT_EQ(judgement({2, 0}, {1, h}, critical - 1e-12), effective);
  EXPECT_EQ(judgement({2, 0}, {1, h}, critical + 1e-12), open);
  EXPECT_EQ(judgement({2, 0}, {-1, h}, critical - 1e-12), ascent);
  EXPECT_EQ(judgement({2, 0}, {-1, h}, critical + 1e-12), open);
  // Orthogonal: any radius leaves it open, none decides.
  EXPECT_EQ(judgement({1, 0}, {0, 1}, 0), (Judgement{Verdict::not_effective, Reason::orthogonal}));
  EXPECT_EQ(judgement({1, 0}, {0, 1}, least), open);
  EXPECT_EQ(judgement({1, 0}, {0, 1}, 0x1p-60), open);
  // Parallel: effective until both can turn to 90 degrees together, asin(r/|g|) + asin(r/|y|) = 90: r =
  // sqrt(1/2).
  EXPECT_EQ(judgement({1, 0}, {1, 0}, std::sqrt(0.5) - 1e-12), effective);
  EXPECT_EQ(judgement({1, 0}, {1, 0}, std::sqrt(0.5) + 1e-12), open);
  // One dimension cannot turn: open from r = min(|g|, |y|) on, where one of them may be zero.
  EXPECT_EQ(judgement({1}, {3}, std::nextafter(1.0, 0.0)), effective);
  EXPECT_EQ(judgement({1}, {3}, 1), open);
  EXPECT_EQ(judgement({-1}, {3}, std::nextafter(1.0, 0.0)), ascent);
  EXPECT_EQ(judgement({1}, {3}, 2), open);
  EXPECT_EQ(judgement({1}, {3}, 100), open);
  // Zeros.
  EXPECT_EQ(judgement({0, 0}, {0, 0}, 0), (Judgement{Verdict::undetermined, Reason::stationary}));
  EXPECT_EQ(judgement({0, 0}, {0, 0}, 1), open);
  EXPECT_EQ(judgement({0, 0}, {1, 0}, 0), (Judgement{Verdict::not_effective, Reason::zero_update}));
  EXPECT_EQ(judgement({0, 0}, {1, 0}, 0.25), open);
  EXPECT_EQ(judgement({1, 0}, {0, 0}, 0), (Judgement{Verdict::not_effective, Reason::zero_gradient}));
  EXPECT_EQ(judgement({1, 0}, {0, 0}, 0.25), open);
  EXPECT_EQ(judgement({largest, 0}, {largest, 0}, largest), open);
  EXPECT_EQ(judgement({largest, 0}, {largest, 1}, 0x1p900), effective);
}

TEST(Enclosure, ContactWithTheRightAngleIsDecidedExactly) {
  const Judgement effective{Verdict::effective, Reason::descent},
      ascent{Verdict::not_effective, Reason::ascent}, open{Verdict::undetermined, Reason::inexact};
  // asin(12/20) + asin(12/15) = 90 degrees (3-4-5): the extreme pair is exactly orthogonal.
  for (const double scale : {1.0, 0x1p-500, 0x1p500}) {
    const double r = 12 * scale, below = std::nextafter(r, 0.0), above = std::nextafter(r, 2 * r);
    const std::vector<double> g = {20 * scale, 0}, y = {15 * scale, 0}, minus_y = {-15 * scale, 0};
    EXPECT_EQ(judgement(g, y, below), effective);
    EXPECT_EQ(judgement(g, y, r), open);  // p' = 0 for one pair, > 0 for the others
    EXPECT_EQ(judgement(g, y, above), open);
    EXPECT_EQ(judgement(g, minus_y, below), ascent);
    EXPECT_EQ(judgement(g, minus_y, r), ascent);  // p' <= 0 for all
    EXPECT_EQ(judgement(g, minus_y, above), open);
    // At contact the bounds that need an acute angle are open, and the others are not.
    const ScalarEnclosures e = enclose(Gram::of(std::span<const double>(g), std::span<const double>(y)), r);
    EXPECT_EQ(e.condition->hi, infinity);
    EXPECT_EQ(e.lambda_min->lo, 0);
    EXPECT_NEAR(e.angle->hi, std::numbers::pi / 2, 1e-15);
  }
  // Off contact by some 1000 and 2000 bits: vectors apart by that angle, and parallel but longer by that
  // much.
  EXPECT_EQ(judgement({20, 0x1p-1000}, {15, 0}, 12), open);
  EXPECT_EQ(judgement({20, 0x1p-1000}, {-15, 0}, 12), open);
  EXPECT_EQ(judgement({20, 4 * 0x1p-1000}, {15, 3 * 0x1p-1000}, 12), effective);
  EXPECT_EQ(judgement({20, 4 * 0x1p-1000}, {-15, -3 * 0x1p-1000}, 12), ascent);
}

TEST(Enclosure, GrowsWithTheRadius) {
  for (const auto& [pair, radius] : ball_cases()) {
    const Gram gram = gram_of(pair);
    const ScalarEnclosures inner = enclose(gram, radius, alpha_of(pair));
    const ScalarEnclosures outer = enclose(gram, radius * 1.5, alpha_of(pair));
    for (const auto& [field, member] : members) {
      if (!(inner.*member)) continue;
      ASSERT_TRUE(outer.*member) << name(field) << ' ' << describe(pair);
      // Each is an outer bound by itself: to a few bits of slack, the larger ball has the larger hull.
      const Enclosure in = *(inner.*member), out = *(outer.*member);
      const std::string where = std::string(name(field)) + ' ' + describe(pair) + " radius " + hex(radius);
      EXPECT_TRUE(out.lo <= in.lo || out.lo - in.lo <= 1e-12 * std::abs(in.lo))
          << out.lo << ' ' << in.lo << ' ' << where;
      EXPECT_TRUE(out.hi >= in.hi || in.hi - out.hi <= 1e-12 * std::abs(in.hi))
          << out.hi << ' ' << in.hi << ' ' << where;
    }
  }
}

TEST(Enclosure, RefusesABadRadius) {
  const Gram gram = Gram::of(std::span<const double>(std::vector<double>{1, 2}),
                             std::span<const double>(std::vector<double>{2, 1}));
  for (const double bad : {-1.0, -least, infinity, -infinity, std::numeric_limits<double>::quiet_NaN()}) {
    try {
      enclose(gram, bad);
      ADD_FAILURE() << bad << " was accepted";
    } catch (const ContractError& e) {
      EXPECT_NE(std::string(e.what()).find("radius"), std::string::npos) << e.what();
    }
  }
  EXPECT_EQ(enclose(gram, -0.0).condition, enclose(gram, 0.0).condition);
}

}  // namespace
