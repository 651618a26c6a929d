// natgrad: tests of the exact Gram against integers, bytes and hostile input.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "natgrad/gram.hpp"
#include "reference/hostile_pairs.hpp"
#include "reference/library_comparison.hpp"
#include "reference/oracle.hpp"
#include "support/environment.hpp"

namespace {

using namespace natgrad;
using reference::cpp_int;
using reference::Dyadic;
using reference::exact_gram;
using reference::ExactGram;
using reference::HostilePair;
using reference::Random;

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
constexpr double largest = std::numeric_limits<double>::max();
constexpr std::size_t sum_bytes = 8 * ExactSum::word_count;

Gram gram_of(const HostilePair& pair) {
  return Gram::of(std::span(pair.g), std::span(pair.y));
}

Gram gram_of(const std::vector<double>& g, const std::vector<double>& y) {
  return Gram::of(std::span(g), std::span(y));
}

// ------------------------------------------------------------------------------ an independent codec

/// The integer of a sum, from its words.
cpp_int integer(const ExactSum& sum) {
  cpp_int value = 0;
  for (std::size_t i = ExactSum::word_count; i-- > 0;) value = (value << 64) | cpp_int(sum.words()[i]);
  if ((sum.words().back() >> 63) != 0) value -= cpp_int(1) << (64 * ExactSum::word_count);
  return value;
}

ExactSum sum_of(cpp_int value) {
  if (value < 0) value += cpp_int(1) << (64 * ExactSum::word_count);
  ExactSum::Words words{};
  for (auto& word : words) {
    word = static_cast<std::uint64_t>(value & std::numeric_limits<std::uint64_t>::max());
    value >>= 64;
  }
  return ExactSum(words);
}

ExactGram integers(const Gram& gram) {
  return {integer(gram.gg()), integer(gram.gy()), integer(gram.yy()), gram.dimension()};
}

void encode(std::vector<std::byte>& to, cpp_int value, std::size_t size) {
  if (value < 0) value += cpp_int(1) << (8 * size);
  for (std::size_t i = 0; i < size; ++i, value >>= 8)
    to.push_back(static_cast<std::byte>(static_cast<unsigned>(value & 0xff)));
}

/// The documented layout, written from the documentation.
std::vector<std::byte> encode(const ExactGram& gram) {
  std::vector<std::byte> bytes;
  for (const unsigned char c : {'N', 'G', 'G', 'R', 'A', 'M', '\0', '\1'})
    bytes.push_back(static_cast<std::byte>(c));
  encode(bytes, cpp_int(gram.dimension), 8);
  encode(bytes, gram.gg, sum_bytes);
  encode(bytes, gram.gy, sum_bytes);
  encode(bytes, gram.yy, sum_bytes);
  return bytes;
}

std::string refusal(const std::vector<std::byte>& bytes) {
  try {
    Gram::deserialise(bytes);
  } catch (const InputError& e) {
    return e.what();
  }
  return "";
}

#define EXPECT_REFUSED(bytes, word)                                                           \
  do {                                                                                        \
    const std::string message = refusal(bytes);                                               \
    EXPECT_NE(message, "") << "was accepted";                                                 \
    EXPECT_NE(message.find(word), std::string::npos) << message << " does not name " << word; \
  } while (false)

template <class F>
void expect_non_finite(F statement, const std::string& name, std::uint64_t position, double value) {
  try {
    statement();
    ADD_FAILURE() << "was accepted";
  } catch (const NonFiniteError& e) {
    EXPECT_EQ(e.argument(), name);
    EXPECT_EQ(e.index(), position);
    EXPECT_TRUE(std::isnan(value) ? std::isnan(e.value()) : e.value() == value) << e.value();
    const std::string message = e.what();
    for (const std::string& part :
         {name, std::to_string(position), std::string(std::isnan(value) ? "NaN" : "inf")})
      EXPECT_NE(message.find(part), std::string::npos) << message;
  }
}

#define EXPECT_NON_FINITE(statement, name, position, value)       \
  do {                                                            \
    SCOPED_TRACE(#statement);                                     \
    expect_non_finite([&] { statement; }, name, position, value); \
  } while (false)

std::vector<HostilePair> pairs(std::uint64_t seed, std::size_t count = 1500,
                               std::size_t max_dimension = 700) {
  return reference::hostile_pairs(seed, count, max_dimension);
}

// ------------------------------------------------------------------------------ exactness

TEST(Gram, EqualsIntegerArithmetic) {
  for (const HostilePair& pair : pairs(101, 4000, 20000)) {
    const Gram gram = gram_of(pair);
    ASSERT_EQ(integers(gram), exact_gram(pair.g, pair.y)) << reference::describe(pair);
    ASSERT_EQ(integer(exact_dot(pair.g, pair.y)), exact_gram(pair.g, pair.y).gy) << reference::describe(pair);
  }
}

TEST(Gram, SumsOfExtremesAreExact) {
  const std::size_t n = 100000;
  const std::vector<double> big(n, largest), small(n, 0x1p-1074), negative(n, -largest);
  EXPECT_EQ(integers(gram_of(big, negative)), exact_gram(big, negative));
  EXPECT_EQ(integers(gram_of(big, small)), exact_gram(big, small));
  EXPECT_EQ(integer(gram_of(small, small).gg()), n);
}

TEST(Gram, FloatsArePromotedExactly) {
  Random r(102);
  constexpr float least = std::numeric_limits<float>::denorm_min(), most = std::numeric_limits<float>::max();
  for (int t = 0; t < 300; ++t) {
    std::vector<float> g, y;
    const std::size_t n = 1 + r.below(200);
    for (std::size_t i = 0; i < n; ++i) {
      for (auto* v : {&g, &y}) {
        const auto kind = r.below(12);
        v->push_back(kind == 0   ? 0.0F
                     : kind == 1 ? -least
                     : kind == 2 ? most
                                 : static_cast<float>(r.number(-149, 126)));
      }
    }
    const std::vector<double> wide_g(g.begin(), g.end()), wide_y(y.begin(), y.end());
    ASSERT_EQ(integers(Gram::of(std::span<const float>(g), std::span<const float>(y))),
              exact_gram(wide_g, wide_y));
  }
}

TEST(Gram, PairsAreSummedExactly) {
  Random r(103);
  bool moderate = false;  // nothing overflows
  const auto entry = [&] {
    const auto kind = r.below(10);
    return kind == 0   ? 0.0
           : moderate  ? r.number(-30, 30)
           : kind == 1 ? r.sign() * largest
           : kind == 2 ? r.sign() * 0x1p-1074
                       : r.number(-1074, 1023);
  };
  for (int t = 0; t < 400; ++t) {
    moderate = r.once_in(2);
    const std::size_t n = 1 + r.below(r.once_in(20) ? 5000 : 60);
    std::vector<double> g1(n), g2(n), y1(n), y2(n), zero(n);
    for (std::size_t i = 0; i < n; ++i) {
      g1[i] = entry();
      g2[i] = r.once_in(5) ? -g1[i] : entry();  // exact cancellation within an element
      y1[i] = entry();
      y2[i] = entry();
      zero[i] = std::copysign(0.0, r.sign());
    }
    const PairSpan g{g1, g2}, y{y1, y2};
    ASSERT_EQ(integers(Gram::of(g, y)), exact_gram(g1, g2, y1, y2));
    ASSERT_EQ(integers(Gram::of(g, std::span<const double>(y1))), exact_gram(g1, g2, y1, zero));
    ASSERT_EQ(Gram::of(PairSpan{g1, zero}, PairSpan{zero, y1}), gram_of(g1, y1));
    Gram chunked;
    const std::size_t cut = r.below(n + 1);
    const auto head = [&](const std::vector<double>& v) { return std::span(v).first(cut); };
    const auto tail = [&](const std::vector<double>& v) { return std::span(v).subspan(cut); };
    chunked.add(PairSpan{tail(g1), tail(g2)}, PairSpan{tail(y1), tail(y2)});
    chunked.add(PairSpan{head(g1), head(g2)}, PairSpan{head(y1), head(y2)});
    ASSERT_EQ(chunked, Gram::of(g, y));
    chunked.add(g, std::span<const double>(y1));
    ASSERT_EQ(chunked.dimension(), 2 * n);
  }
}

// ------------------------------------------------------------------------------ merging

TEST(Gram, AnyOrderAndChunkingGivesTheSameBits) {
  Random r(104);
  for (const HostilePair& pair : pairs(104, 600)) {
    const Gram whole = gram_of(pair);
    std::vector<Gram> parts;
    Gram streamed;
    for (std::size_t i = 0; i < pair.g.size();) {
      const std::size_t n = std::min<std::size_t>(pair.g.size() - i, r.below(40));
      const auto g = std::span(pair.g).subspan(i, n), y = std::span(pair.y).subspan(i, n);
      streamed.add(g, y);
      if (n > 0) parts.push_back(Gram::of(g, y));
      if (r.once_in(4)) parts.emplace_back();  // the neutral element
      i += n;
    }
    ASSERT_EQ(streamed, whole) << reference::describe(pair);
    while (parts.size() > 1) {  // a random tree
      const std::size_t a = r.below(parts.size());
      Gram taken = parts[a];
      parts.erase(parts.begin() + static_cast<std::ptrdiff_t>(a));
      Gram& other = parts[r.below(parts.size())];
      Gram commuted = taken;
      commuted.merge(other);
      other.merge(taken);
      ASSERT_EQ(other, commuted);
    }
    ASSERT_EQ(parts.at(0), whole);
    ASSERT_EQ(parts.at(0).serialise(), whole.serialise());
    std::vector<double> g(pair.g.rbegin(), pair.g.rend()), y(pair.y.rbegin(), pair.y.rend());
    ASSERT_EQ(gram_of(g, y), whole);
    // y.g = g.y, and the roles of g and y are exchanged otherwise.
    const Gram swapped = gram_of(pair.y, pair.g);
    ASSERT_TRUE(swapped.gg() == whole.yy() && swapped.gy() == whole.gy() && swapped.yy() == whole.gg());
  }
}

TEST(Groups, AreThoseOfTheirElements) {
  Random r(105);
  for (const std::size_t groups : {0u, 1u, 3u, 100u, 20000u}) {
    std::vector<std::uint64_t> sizes(groups);
    std::vector<double> g, y;
    for (auto& size : sizes) {
      size = 1 + r.below(groups == 20000 ? 40 : 300);
      for (std::uint64_t i = 0; i < size; ++i) {
        g.push_back(std::ldexp(static_cast<double>(r.below(1 << 20)) - 5e5, static_cast<int>(r.below(60))));
        y.push_back(static_cast<double>(r.below(1000)) - 499.5);
      }
    }
    const std::vector<float> small_g(g.begin(), g.end()), small_y(y.begin(), y.end());
    std::vector<Gram> of_doubles(groups), of_floats(groups);
    Gram::of_groups(g, y, sizes, of_doubles);
    Gram::of_groups(small_g, small_y, sizes, of_floats);
    std::size_t start = 0;
    for (std::size_t k = 0; k < groups; ++k) {
      const auto part = [&](const auto& x) { return std::span(x).subspan(start, sizes[k]); };
      ASSERT_EQ(of_doubles[k], Gram::of(part(g), part(y))) << k;
      ASSERT_EQ(of_floats[k], Gram::of(part(small_g), part(small_y))) << k;
      start += sizes[k];
    }
  }
}

TEST(Groups, RefuseSizesThatDoNotFitAndNameWhatIsNotFinite) {
  std::vector<double> g = {1, 2, 3, 4, 5}, y = {1, 1, 1, 1, 1};
  std::vector<Gram> out(2, Gram::of(g, y));
  const auto message = [&](std::vector<std::uint64_t> sizes, std::size_t room) -> std::string {
    try {
      Gram::of_groups(g, y, sizes, std::span(out).first(room));
    } catch (const ContractError& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_EQ(message({2, 3}, 1), "there are 2 sizes and room for 1 Grams; there must be as many");
  EXPECT_EQ(message({5, 0}, 2), "sizes[1] is 0; every group needs an element");
  EXPECT_EQ(message({2, ~std::uint64_t{0}}, 2),
            "the sizes up to sizes[1] add up to more than the 5 elements of g and y");
  EXPECT_EQ(message({2, 2}, 2), "the sizes add up to 4 and g and y have 5 elements; they must agree");
  EXPECT_EQ(out[0], Gram::of(g, y));  // so far nothing has happened
  y[3] = std::numeric_limits<double>::infinity();
  EXPECT_EQ(message({2, 3}, 2), "y[3] is inf; every element must be finite");
  EXPECT_EQ(out[0], Gram());
  EXPECT_EQ(out[1], Gram());
  y.pop_back();
  EXPECT_EQ(message({2, 3}, 2), "g has 5 elements and y has 4; they must have the same length");
}

TEST(Gram, MergesWithItself) {
  Gram gram = gram_of({1.5, -2, 0x1p-1074}, {largest, 3, 0x1p-1074});
  const ExactGram before = integers(gram);
  gram.merge(gram);
  EXPECT_EQ(integers(gram), (ExactGram{2 * before.gg, 2 * before.gy, 2 * before.yy, 6}));
}

TEST(Gram, DimensionStopsAtTheLimit) {
  Gram gram = gram_of({largest}, {-largest});
  ExactGram expected = integers(gram);
  for (int i = 0; i < 63; ++i) {  // 2^63 of the largest products, by doubling
    gram.merge(gram);
    expected = {2 * expected.gg, 2 * expected.gy, 2 * expected.yy, 2 * expected.dimension};
  }
  ASSERT_EQ(gram.dimension(), Gram::max_dimension);
  EXPECT_EQ(integers(gram), expected);
  EXPECT_EQ(Gram::deserialise(gram.serialise()), gram);
  EXPECT_EQ(gram.judge(), (Judgement{Verdict::not_effective, Reason::ascent}));
  const Gram full = gram;
  const std::vector<double> one = {1};
  const std::vector<float> narrow = {1};
  EXPECT_THROW(gram.merge(gram_of({1}, {1})), ContractError);
  EXPECT_THROW(gram.merge(gram), ContractError);
  EXPECT_THROW(gram.add(std::span(one), std::span(one)), ContractError);
  EXPECT_THROW(gram.add(std::span(narrow), std::span(narrow)), ContractError);
  EXPECT_THROW(gram.add(PairSpan{one, one}, PairSpan{one, one}), ContractError);
  EXPECT_THROW(gram.add(PairSpan{one, one}, std::span(one)), ContractError);
  EXPECT_EQ(gram, full);
  gram.merge(Gram());
  gram.add(std::span<const double>(), std::span<const double>());
  EXPECT_EQ(gram, full);
}

// ------------------------------------------------------------------------------ judgement

TEST(Gram, JudgesTheExactSign) {
  std::array<int, 7> seen{};
  for (const HostilePair& pair : pairs(105)) {
    const ExactGram exact = exact_gram(pair.g, pair.y);
    const Judgement expected = exact.gg == 0 && exact.yy == 0
                                   ? Judgement{Verdict::undetermined, Reason::stationary}
                               : exact.gg == 0 ? Judgement{Verdict::not_effective, Reason::zero_update}
                               : exact.yy == 0 ? Judgement{Verdict::not_effective, Reason::zero_gradient}
                               : exact.gy > 0  ? Judgement{Verdict::effective, Reason::descent}
                               : exact.gy < 0  ? Judgement{Verdict::not_effective, Reason::ascent}
                                               : Judgement{Verdict::not_effective, Reason::orthogonal};
    ASSERT_EQ(gram_of(pair).judge(), expected) << reference::describe(pair);
    ++seen[static_cast<std::size_t>(expected.reason)];
  }
  for (const Reason reason : {Reason::descent, Reason::ascent, Reason::orthogonal, Reason::zero_update,
                              Reason::zero_gradient, Reason::stationary})
    EXPECT_GT(seen[static_cast<std::size_t>(reason)], 0) << to_string(reason);
  EXPECT_THROW(Gram().judge(), ContractError);
}

TEST(Verdict, HasNames) {
  EXPECT_EQ(to_string(Verdict::effective), "effective");
  EXPECT_EQ(to_string(Verdict::not_effective), "not_effective");
  EXPECT_EQ(to_string(Verdict::undetermined), "undetermined");
  EXPECT_EQ(to_string(Reason::descent), "descent");
  EXPECT_EQ(to_string(Reason::ascent), "ascent");
  EXPECT_EQ(to_string(Reason::orthogonal), "orthogonal");
  EXPECT_EQ(to_string(Reason::zero_update), "zero_update");
  EXPECT_EQ(to_string(Reason::zero_gradient), "zero_gradient");
  EXPECT_EQ(to_string(Reason::stationary), "stationary");
  EXPECT_EQ(to_string(Reason::inexact), "inexact");
}

// ------------------------------------------------------------------------------ bytes

TEST(Gram, SerialisedBytesAreThese) {
  static_assert(Gram::serialised_size == 1624);
  // g = (1, -2), y = (3, 1/2): gg = 5, p = 2, yy = 37/4; then y negated, p = -2. 2^2148 is bit 4 of byte 268.
  const std::array<unsigned char, 16> header = {0x4e, 0x47, 0x47, 0x52, 0x41, 0x4d, 0, 1,
                                                2,    0,    0,    0,    0,    0,    0, 0};
  std::array<unsigned char, 1624> expected{};
  std::copy(header.begin(), header.end(), expected.begin());
  expected[16 + 268] = 0x50;
  expected[16 + 536 + 268] = 0x20;
  expected[16 + 2 * 536 + 268] = 0x94;
  const auto raw = [](const Gram& gram) {
    std::array<unsigned char, 1624> result{};
    const Gram::Bytes bytes = gram.serialise();
    std::transform(bytes.begin(), bytes.end(), result.begin(),
                   [](std::byte b) { return std::to_integer<unsigned char>(b); });
    return result;
  };
  EXPECT_EQ(raw(gram_of({1, -2}, {3, 0.5})), expected);
  expected[16 + 536 + 268] = 0xe0;  // -2 in two's complement
  std::fill(expected.begin() + 16 + 536 + 269, expected.begin() + 16 + 2 * 536,
            static_cast<unsigned char>(0xff));
  EXPECT_EQ(raw(gram_of({1, -2}, {-3, -0.5})), expected);
  // The least unit and D = 0.
  expected.fill(0);
  std::copy(header.begin(), header.begin() + 8, expected.begin());
  EXPECT_EQ(raw(Gram()), expected);
  expected[8] = expected[16] = expected[16 + 536] = expected[16 + 2 * 536] = 1;
  EXPECT_EQ(raw(gram_of({0x1p-1074}, {0x1p-1074})), expected);
}

TEST(Gram, SerialisesAndReadsBack) {
  for (const HostilePair& pair : pairs(106)) {
    const Gram gram = gram_of(pair);
    const Gram::Bytes bytes = gram.serialise();
    const std::vector<std::byte> independent = encode(exact_gram(pair.g, pair.y));
    ASSERT_TRUE(std::equal(bytes.begin(), bytes.end(), independent.begin(), independent.end()))
        << reference::describe(pair);
    ASSERT_EQ(Gram::deserialise(independent), gram);
  }
  EXPECT_EQ(Gram::deserialise(Gram().serialise()), Gram());
}

TEST(Gram, RefusesOtherLengths) {
  const Gram::Bytes bytes = gram_of({1, 2}, {3, 4}).serialise();
  std::vector<std::byte> more(bytes.begin(), bytes.end());
  for (std::size_t n = 0; n < bytes.size(); ++n)
    ASSERT_NE(refusal({bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(n)}), "") << n;
  EXPECT_EQ(refusal(more), "");
  more.push_back(std::byte{0});
  EXPECT_REFUSED(more, "1625");
  more.resize(2 * bytes.size());
  EXPECT_REFUSED(more, "3248");
}

TEST(Gram, RefusesAnotherMagicOrVersion) {
  const std::vector<std::byte> good =
      encode(exact_gram(std::vector<double>{1, 2}, std::vector<double>{3, 4}));
  for (std::size_t i = 0; i < 8; ++i) {
    for (const unsigned flip : {1U, 2U, 0x20U, 0x80U, 0xffU}) {
      std::vector<std::byte> bad = good;
      bad[i] ^= static_cast<std::byte>(flip);
      EXPECT_NE(refusal(bad), "") << i;
    }
  }
  std::vector<std::byte> next = good;
  next[7] = std::byte{2};
  EXPECT_REFUSED(next, "version 2");
}

TEST(Gram, RefusesWhatNoVectorsHave) {
  const cpp_int one = cpp_int(1) << 2148, unit = 1, bound = cpp_int(1) << (2148 + 2050);
  EXPECT_REFUSED(encode({-unit, 0, one, 3}), "gg");
  EXPECT_REFUSED(encode({one, 0, -unit, 3}), "yy");
  EXPECT_REFUSED(encode({-bound, 0, -bound, 3}), "gg");
  // Cauchy-Schwarz, to the last unit.
  EXPECT_EQ(refusal(encode({4 * one, 2 * one, one, 3})), "");
  EXPECT_EQ(refusal(encode({4 * one, -2 * one, one, 3})), "");
  EXPECT_REFUSED(encode({4 * one, 2 * one + unit, one, 3}), "Cauchy");
  EXPECT_REFUSED(encode({4 * one, -2 * one - unit, one, 3}), "Cauchy");
  EXPECT_REFUSED(encode({4 * one - unit, 2 * one, one, 3}), "Cauchy");
  EXPECT_REFUSED(encode({0, unit, one, 3}), "Cauchy");
  EXPECT_REFUSED(encode({one, -unit, 0, 3}), "Cauchy");
  // Dimension one: p^2 = gg yy.
  EXPECT_EQ(refusal(encode({4 * one, 2 * one, one, 1})), "");
  EXPECT_EQ(refusal(encode({4 * one, -2 * one, one, 1})), "");
  EXPECT_REFUSED(encode({4 * one, 2 * one - unit, one, 1}), "dimension 1");
  EXPECT_REFUSED(encode({4 * one, 0, one, 1}), "dimension 1");
  // Dimension zero: nothing.
  EXPECT_EQ(refusal(encode({0, 0, 0, 0})), "");
  EXPECT_NE(refusal(encode({unit, 0, 0, 0})), "");
  EXPECT_NE(refusal(encode({0, unit, 0, 0})), "");
  EXPECT_NE(refusal(encode({0, 0, unit, 0})), "");
  EXPECT_NE(refusal(encode({unit, unit, unit, 0})), "");
  // Larger than D pairs of the largest doubles.
  for (const std::uint64_t d :
       {std::uint64_t{1}, std::uint64_t{2}, std::uint64_t{1000}, Gram::max_dimension}) {
    EXPECT_EQ(refusal(encode({bound * d, 0, 0, d})), "") << d;
    EXPECT_EQ(refusal(encode({0, 0, bound * d, d})), "") << d;
    EXPECT_REFUSED(encode({bound * d + unit, 0, 0, d}), "gg");
    EXPECT_REFUSED(encode({0, 0, bound * d + unit, d}), "yy");
  }
  EXPECT_REFUSED(encode({one, 0, one, Gram::max_dimension + 1}), "9223372036854775809");
  EXPECT_REFUSED(encode({one, 0, one, std::numeric_limits<std::uint64_t>::max()}), "18446744073709551615");
}

TEST(Gram, RandomBytesAreRefusedOrReadBack) {
  Random r(107);
  int accepted = 0;
  for (int t = 0; t < 20000; ++t) {
    const auto range = [&] { return cpp_int(r.next()) << static_cast<unsigned>(r.below(4290)); };
    const auto sign = [&] { return r.once_in(2) ? -1 : 1; };
    const ExactGram any{range(), range() * sign(), range(),
                        r.once_in(3) ? r.below(3) : r.next() >> r.below(64)};
    std::vector<std::byte> bytes = encode(any);
    if (r.once_in(2)) bytes[r.below(bytes.size())] ^= static_cast<std::byte>(1 + r.below(255));
    try {
      const Gram gram = Gram::deserialise(bytes);
      const Gram::Bytes again = gram.serialise();
      ASSERT_TRUE(std::equal(again.begin(), again.end(), bytes.begin(), bytes.end()));
      ++accepted;
    } catch (const InputError&) {
    }
  }
  EXPECT_GT(accepted, 100);
  EXPECT_LT(accepted, 19000);
}

// ------------------------------------------------------------------------------ contract

TEST(Gram, NamesWhatIsNotFinite) {
  for (const std::size_t n :
       {std::size_t{1}, std::size_t{7}, std::size_t{64}, std::size_t{1000}, std::size_t{70000}}) {
    for (const std::size_t i : {std::size_t{0}, n / 2, n - 1}) {
      for (const double what : {not_a_number, infinity, -infinity}) {
        std::vector<double> g(n, 1.5), y(n, -2);
        Gram gram = gram_of(g, y);
        const Gram before = gram;
        y[i] = what;
        EXPECT_NON_FINITE(gram_of(g, y), "y", i, what);
        EXPECT_NON_FINITE(gram.add(std::span(g), std::span(y)), "y", n + i, what);
        EXPECT_NON_FINITE(exact_dot(g, y), "z", i, what);
        EXPECT_NON_FINITE(gram.add(PairSpan{g, g}, std::span(y)), "y", n + i, what);
        EXPECT_NON_FINITE(gram.add(PairSpan{g, g}, PairSpan{y, g}), "y", n + i, what);
        EXPECT_NON_FINITE(gram.add(PairSpan{g, g}, PairSpan{g, y}), "y", n + i, what);
        std::swap(g, y);
        EXPECT_NON_FINITE(gram_of(g, y), "g", i, what);
        EXPECT_NON_FINITE(gram.add(std::span(g), std::span(y)), "g", n + i, what);
        EXPECT_NON_FINITE(exact_dot(g, y), "x", i, what);
        EXPECT_NON_FINITE(gram.add(PairSpan{g, y}, std::span(y)), "g", n + i, what);
        EXPECT_NON_FINITE(gram.add(PairSpan{y, g}, PairSpan{y, y}), "g", n + i, what);
        const std::vector<float> narrow_g(g.begin(), g.end()), narrow_y(y.begin(), y.end());
        EXPECT_NON_FINITE(gram.add(std::span(narrow_g), std::span(narrow_y)), "g", n + i, what);
        EXPECT_NON_FINITE(Gram::of(std::span(narrow_y), std::span(narrow_g)), "y", i, what);
        EXPECT_EQ(gram, before);  // the strong guarantee
      }
    }
  }
}

TEST(Gram, NamesTheFirstOfSeveral) {
  std::vector<double> g(100, 1), y(100, 1);
  g[60] = infinity;
  y[40] = not_a_number;
  y[80] = -infinity;
  EXPECT_NON_FINITE(gram_of(g, y), "y", 40, not_a_number);
  EXPECT_NON_FINITE(gram_of(y, g), "g", 40, not_a_number);
  g[40] = -infinity;
  EXPECT_NON_FINITE(gram_of(g, y), "g", 40, -infinity);
}

TEST(Gram, InfinitiesThatWouldCancelAreFound) {
  EXPECT_NON_FINITE(gram_of({infinity, -infinity}, {1, 1}), "g", 0, infinity);
  EXPECT_NON_FINITE(gram_of({0, 0}, {1, infinity}), "y", 1, infinity);
  const std::vector<double> up = {infinity}, down = {-infinity}, one = {1};
  EXPECT_NON_FINITE(Gram::of(PairSpan{up, down}, std::span(one)), "g", 0, infinity);
}

template <class F>
std::string contract_message(F f) {
  try {
    f();
  } catch (const ContractError& e) {
    return e.what();
  }
  return "nothing was thrown";
}

TEST(Gram, NamesLengths) {
  const std::vector<double> two(2, 1), three(3, 1), none;
  const std::vector<float> narrow_two(2, 1), narrow_three(3, 1), narrow_none;
  Gram gram = gram_of(two, two);
  const Gram before = gram;
  const std::vector<std::string> messages = {
      contract_message([&] { gram_of(two, three); }),
      contract_message([&] { gram.add(std::span(two), std::span(three)); }),
      contract_message([&] { Gram::of(std::span(narrow_two), std::span(narrow_three)); }),
      contract_message([&] { gram.add(std::span(narrow_two), std::span(narrow_three)); }),
      contract_message([&] {
        Gram::of(PairSpan{two, two}, PairSpan{three, three});
      }),
      contract_message([&] {
        gram.add(PairSpan{two, two}, std::span(three));
      }),
      contract_message([&] {
        gram.add(PairSpan{two, three}, std::span(two));
      }),
      contract_message([&] {
        gram.add(PairSpan{two, two}, PairSpan{two, three});
      }),
      contract_message([&] { exact_dot(two, three); }),
  };
  for (const std::string& message : messages) {
    EXPECT_NE(message.find('2'), std::string::npos) << message;
    EXPECT_NE(message.find('3'), std::string::npos) << message;
  }
  EXPECT_THROW(gram_of(none, none), ContractError);
  EXPECT_THROW(gram_of(two, none), ContractError);
  EXPECT_THROW(Gram::of(std::span(narrow_none), std::span(narrow_none)), ContractError);
  EXPECT_THROW(Gram::of(PairSpan{none, none}, PairSpan{none, none}), ContractError);
  EXPECT_THROW(Gram::of(PairSpan{none, none}, std::span(none)), ContractError);
  EXPECT_THROW(exact_dot(none, none), ContractError);
  gram.add(std::span(none), std::span(none));
  gram.add(std::span(narrow_none), std::span(narrow_none));
  gram.add(PairSpan{none, none}, PairSpan{none, none});
  EXPECT_EQ(gram, before);
}

// ------------------------------------------------------------------------------ exact sums

/// Integers whose doubles are ties, subnormal, on the overflow boundary, or anything else.
std::vector<cpp_int> sums() {
  std::vector<cpp_int> result = {0, 1, -1};
  Random r(108);
  const auto both = [&](const cpp_int& x) {
    for (const int d : {-1, 0, 1}) {
      result.push_back(x + d);
      result.push_back(-x - d);
    }
  };
  const cpp_int least = cpp_int(1) << 1074;  // the least subnormal; half of it is the tie with 0
  for (const int odd : {1, 3, 5, 7}) both((least >> 1) * odd);
  both(((cpp_int(1) << 54) - 1) << (970 + 2148));  // 2^1024 - 2^970
  both(cpp_int(1) << (1024 + 2148));
  both(((cpp_int(1) << 53) - 1) << (971 + 2148));  // the largest double
  both(cpp_int(1) << (2148 - 1022));
  for (int t = 0; t < 4000; ++t) {
    const auto bits = static_cast<unsigned>(r.below(4280));
    cpp_int x = cpp_int(r.next() >> 9) << bits;       // 55 bits
    if (r.once_in(3)) x = ((x >> bits) | 1) << bits;  // often a tie
    if (r.once_in(3)) x += cpp_int(r.next()) << r.below(bits + 1);
    both(x);
  }
  const cpp_int limit = cpp_int(1) << (64 * ExactSum::word_count - 1);
  std::erase_if(result, [&](const cpp_int& x) { return x >= limit || x < -limit; });
  result.push_back(limit - 1);
  result.push_back(-limit);
  return result;
}

TEST(ExactSum, RoundsToTheNearestDouble) {
  EXPECT_EQ(sum_of(cpp_int(1) << 2148).to_double(), 1.0);
  EXPECT_EQ(sum_of(cpp_int(1) << 1073).to_double(), 0.0);
  EXPECT_EQ(sum_of((cpp_int(1) << 1073) + 1).to_double(), 0x1p-1074);
  EXPECT_EQ(sum_of(cpp_int(3) << 1073).to_double(), 0x1p-1073);
  EXPECT_EQ(sum_of((cpp_int(1) << 2148) + (cpp_int(1) << 2095)).to_double(), 1.0);
  EXPECT_EQ(sum_of((cpp_int(1) << 2148) + (cpp_int(1) << 2095) + 1).to_double(), 1 + 0x1p-52);
  EXPECT_EQ(sum_of((cpp_int(1) << 2148) + (cpp_int(3) << 2095)).to_double(), 1 + 0x1p-51);
  const cpp_int boundary = ((cpp_int(1) << 54) - 1) << (970 + 2148);
  EXPECT_EQ(sum_of(boundary).to_double(), infinity);
  EXPECT_EQ(sum_of(boundary - 1).to_double(), largest);
  EXPECT_EQ(sum_of(-boundary).to_double(), -infinity);
  for (const cpp_int& x : sums()) {
    const double expected = reference::nearest(Dyadic(x, -2148));
    ASSERT_TRUE(reference::same(sum_of(x).to_double(), expected))
        << x.str(0, std::ios_base::hex) << ": " << sum_of(x).to_double() << " for " << expected;
  }
}

TEST(ExactSum, HasSignOrderSumAndHexadecimals) {
  const std::vector<cpp_int> all = sums();
  Random r(109);
  for (const cpp_int& x : all) {
    const ExactSum a = sum_of(x);
    ASSERT_EQ(integer(a), x);
    ASSERT_EQ(a.sign(), x.sign());
    const std::string digits = cpp_int(abs(x)).str(0, std::ios_base::hex);
    ASSERT_EQ(a.to_hex(), std::string(x < 0 ? "-0x" : "0x").append(digits));
    const cpp_int& z = all[r.below(all.size())];
    ASSERT_EQ(a < sum_of(z), x < z);
    ASSERT_EQ(a > sum_of(z), x > z);
    ASSERT_EQ(a == sum_of(z), x == z);
    if (msb(cpp_int(abs(x) + 1)) > 4280 || msb(cpp_int(abs(z) + 1)) > 4280) continue;
    ExactSum sum = a;
    sum += sum_of(z);
    ASSERT_EQ(integer(sum), x + z);
  }
  EXPECT_EQ(ExactSum().to_hex(), "0x0");
  EXPECT_EQ(sum_of(31).to_hex(), "0x1f");
  EXPECT_EQ(sum_of(-31).to_hex(), "-0x1f");
  EXPECT_EQ(ExactSum().sign(), 0);
}

// ------------------------------------------------------------------------------ the caller's environment

TEST(Gram, DoesNotDependOnTheFloatingPointEnvironment) {
  const std::vector<HostilePair> all = pairs(110, 400);
  const std::vector<cpp_int> values = sums();
  for (const test::Environment environment : test::environments) {
    for (const HostilePair& pair : all) {
      const Gram expected = gram_of(pair);
      const ExactSum dot = exact_dot(pair.g, pair.y);
      Gram got;
      ExactSum got_dot;
      Judgement judgement;
      {
        const test::EnvironmentScope scope(environment);
        got = Gram::of(std::span(pair.g), std::span(pair.y));
        got_dot = exact_dot(pair.g, pair.y);
        judgement = got.judge();
      }
      ASSERT_EQ(got, expected) << test::name(environment) << ' ' << reference::describe(pair);
      ASSERT_EQ(got_dot, dot);
      ASSERT_EQ(judgement, expected.judge());
    }
    for (std::size_t i = 0; i < values.size(); i += 10) {
      const ExactSum sum = sum_of(values[i]);
      const double expected = reference::nearest(Dyadic(values[i], -2148));
      std::uint64_t bits = 0;
      {
        const test::EnvironmentScope scope(environment);
        bits = std::bit_cast<std::uint64_t>(sum.to_double());
      }
      ASSERT_EQ(bits, std::bit_cast<std::uint64_t>(expected)) << test::name(environment);
    }
    bool refused = false;
    {
      const test::EnvironmentScope scope(environment);
      try {
        gram_of({1, 2}, {0, not_a_number});
      } catch (const NonFiniteError&) {
        refused = true;
      }
    }
    EXPECT_TRUE(refused) << test::name(environment);
  }
}

TEST(Gram, PairsAndFloatsDoNotDependOnTheEnvironment) {
  const std::vector<double> g = {0x1p-1074, -0x1.8p-1040, 1, largest},
                            second = {0x1p-1070, 0x1p-1074, 0x1p-60, -1};
  const std::vector<float> narrow = {0x1p-149F, -0x1.8p-130F, 1, 0x1p127F};
  const std::vector<double> zero(4, 0), wide(narrow.begin(), narrow.end());
  for (const test::Environment environment : test::environments) {
    Gram pair, single;
    {
      const test::EnvironmentScope scope(environment);
      pair = Gram::of(PairSpan{g, second}, PairSpan{second, g});
      single = Gram::of(std::span(narrow), std::span(narrow));
    }
    EXPECT_EQ(integers(pair), exact_gram(g, second, second, g)) << test::name(environment);
    EXPECT_EQ(integers(single), exact_gram(wide, wide)) << test::name(environment);
  }
}

TEST(Gram, LeavesTheEnvironmentAsItWas) {
  const std::vector<double> g = {1, 0x1p-1074}, y = {3, 0x1p-1074};
  for (const test::Environment environment : test::environments) {
    const test::EnvironmentScope scope(environment);
    const int rounding = std::fegetround();
#if defined(__SSE2__)
    const unsigned control = _mm_getcsr() & 0xffc0U;
#endif
    const Gram gram = Gram::of(std::span(g), std::span(y));
    const volatile double rounded = gram.gg().to_double();
    static_cast<void>(rounded);
    EXPECT_EQ(std::fegetround(), rounding);
#if defined(__SSE2__)
    EXPECT_EQ(_mm_getcsr() & 0xffc0U, control);
#endif
  }
}

}  // namespace
