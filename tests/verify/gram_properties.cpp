// natgrad: laws of the exact Gram, against Boost's cpp_int.
#include <algorithm>
#include <bit>
#include <boost/multiprecision/cpp_int.hpp>
#include <cstring>
#include <limits>
#include <numeric>

#include "support/environment.hpp"
#include "support/forge.hpp"
#include "support/laws.hpp"
#include "support/reference.hpp"

namespace natgrad::test {

namespace {

using boost::multiprecision::cpp_int;
using Doubles = Subject::Doubles;

constexpr std::size_t max_dimension = 64;

// ------------------------------------------------------------------------- the reference

// x in units of 2^-1074.
cpp_int in_units(double x) {
  int exponent = 0;
  const double fraction = std::frexp(x, &exponent);
  const auto mantissa = static_cast<std::int64_t>(std::ldexp(fraction, 53));
  const int shift = exponent - 53 + 1074;
  // A subnormal's mantissa ends in as many zeros as the shift is below zero.
  return shift >= 0 ? cpp_int(mantissa) << static_cast<unsigned>(shift)
                    : cpp_int(mantissa / (std::int64_t{1} << -shift));
}

std::vector<cpp_int> in_units(Doubles x) {
  std::vector<cpp_int> out;
  for (const double element : x) out.push_back(in_units(element));
  return out;
}

std::vector<cpp_int> in_units(PairSpan x) {
  std::vector<cpp_int> out = in_units(x.first);
  for (std::size_t i = 0; i < out.size(); ++i) out[i] += in_units(x.second[i]);
  return out;
}

cpp_int dot(const std::vector<cpp_int>& x, const std::vector<cpp_int>& z) {
  return std::inner_product(x.begin(), x.end(), z.begin(), cpp_int(0));
}

// An ExactSum's integer.
cpp_int integer_of(const ExactSum& sum) {
  cpp_int out = 0;
  for (std::size_t i = ExactSum::word_count; i-- > 0;) out = (out << 64) + sum.words()[i];
  return sum.words().back() >> 63 ? out - (cpp_int(1) << (64 * ExactSum::word_count)) : out;
}

void require_equal(const ExactSum& actual, const cpp_int& expected, const std::string& what) {
  const cpp_int value = integer_of(actual);
  if (value != expected)
    fail(what + " is " + value.str() + ", should be " + expected.str() + " (times 2^-2148)");
}

void require_gram(const Gram& gram, const std::vector<cpp_int>& g, const std::vector<cpp_int>& y) {
  require_equal(gram.gg(), dot(g, g), "gg");
  require_equal(gram.gy(), dot(g, y), "p");
  require_equal(gram.yy(), dot(y, y), "yy");
  RC_ASSERT(gram.dimension() == g.size());
}

void require_equal(const Gram& actual, const Gram& expected) {
  require_equal(actual.gg(), integer_of(expected.gg()), "gg");
  require_equal(actual.gy(), integer_of(expected.gy()), "p");
  require_equal(actual.yy(), integer_of(expected.yy()), "yy");
  RC_ASSERT(actual.dimension() == expected.dimension());
}

// ------------------------------------------------------------------------- mistakes

double naive_dot(Doubles x, Doubles z) {
  double sum = 0;
  for (std::size_t i = 0; i < x.size(); ++i) sum += x[i] * z[i];
  return sum;
}

// Twice the working precision: the compensated dot product of Ogita, Rump and Oishi.
double compensated_dot(Doubles x, Doubles z) {
  double sum = 0, correction = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double product = x[i] * z[i];
    const double product_error = std::fma(x[i], z[i], -product);
    const double next = sum + product;
    const double back = next - sum;
    correction += ((sum - (next - back)) + (product - back)) + product_error;
    sum = next;
  }
  return sum + correction;
}

// The Gram of sums in floating point, where that is a Gram at all.
Gram from_dot(double (*dot_of)(Doubles, Doubles), Doubles g, Doubles y) {
  const double gg = dot_of(g, g), p = dot_of(g, y), yy = dot_of(y, y);
  if (!std::isfinite(gg) || !std::isfinite(p) || !std::isfinite(yy)) return Gram::of(g, y);
  return forge(exact(gg), exact(p), exact(yy), g.size()).value_or(Gram::of(g, y));
}

std::vector<double> without_subnormals(Doubles x) {
  std::vector<double> out(x.begin(), x.end());
  for (double& element : out) {
    if (std::fabs(element) < std::numeric_limits<double>::min()) element = 0;
  }
  return out;
}

Gram with_rounded_gradient_norm(Doubles g, Doubles y) {
  const Gram exactly = Gram::of(g, y);
  const double yy = exactly.yy().to_double();
  if (!std::isfinite(yy)) return exactly;
  return forge(value_of(exactly.gg()), value_of(exactly.gy()), exact(yy), g.size()).value_or(exactly);
}

const Canary naive = {"naive dot products", [](Subject& subject) {
                        subject.gram_of = [](Doubles g, Doubles y) { return from_dot(naive_dot, g, y); };
                        subject.exact_dot = [](Doubles x, Doubles z) {
                          const double sum = naive_dot(x, z);
                          return std::isfinite(sum) ? sum_of(exact(sum)) : natgrad::exact_dot(x, z);
                        };
                      }};
const Canary compensated = {"compensated dot products", [](Subject& subject) {
                              subject.gram_of = [](Doubles g, Doubles y) {
                                return from_dot(compensated_dot, g, y);
                              };
                              subject.exact_dot = [](Doubles x, Doubles z) {
                                const double sum = compensated_dot(x, z);
                                return std::isfinite(sum) ? sum_of(exact(sum)) : natgrad::exact_dot(x, z);
                              };
                            }};
const Canary flushed = {"subnormal elements count as zero", [](Subject& subject) {
                          subject.gram_of = [](Doubles g, Doubles y) {
                            return Gram::of(without_subnormals(g), without_subnormals(y));
                          };
                        }};
const Canary rounded_norm = {"yy rounded to a double",
                             [](Subject& subject) { subject.gram_of = with_rounded_gradient_norm; }};

// ------------------------------------------------------------------------- gram.exact

void sums(const Subject& subject) {
  const Pair pair = *pairs(max_dimension);
  classify(pair);
  require_gram(subject.gram_of(pair.g, pair.y), in_units(Doubles(pair.g)), in_units(Doubles(pair.y)));
}

void dots(const Subject& subject) {
  const Pair pair = *pairs(max_dimension);
  classify(pair);
  require_equal(subject.exact_dot(pair.g, pair.y), dot(in_units(Doubles(pair.g)), in_units(Doubles(pair.y))),
                "the dot product");
}

void unevaluated_pairs(const Subject& subject) {
  const Pair pair = *pairs(max_dimension / 4);
  classify(pair);
  const std::vector<double> g_second = *vectors(pair.g.size());
  const std::vector<double> y_second = *vectors(pair.g.size());
  const PairSpan g{pair.g, g_second}, y{pair.y, y_second};
  require_gram(subject.gram_of_pairs(g, y), in_units(g), in_units(y));
  require_gram(subject.gram_of_pair_and_doubles(g, pair.y), in_units(g), in_units(Doubles(pair.y)));
}

std::vector<float> floats(std::size_t dimension) {
  std::vector<float> out;
  for (std::size_t i = 0; i < dimension; ++i) {
    auto bits = static_cast<std::uint32_t>(*indices(std::uint64_t{1} << 32));
    if ((bits & 0x7f800000U) == 0x7f800000U) bits ^= 0x00800000U;  // finite
    out.push_back(std::bit_cast<float>(bits));
  }
  return out;
}

void widened_floats(const Subject& subject) {
  const std::size_t dimension = 1 + *indices(12);
  const std::vector<float> g = floats(dimension);
  const std::vector<float> y = floats(dimension);
  const std::vector<double> wide_g(g.begin(), g.end()), wide_y(y.begin(), y.end());
  require_gram(subject.gram_of_floats(g, y), in_units(Doubles(wide_g)), in_units(Doubles(wide_y)));
}

void permutation(const Subject& subject) {
  const Pair pair = *pairs(max_dimension);
  classify(pair);
  std::vector<double> g, y;
  std::vector<std::size_t> left(pair.g.size());
  std::iota(left.begin(), left.end(), std::size_t{0});
  while (!left.empty()) {
    const auto next = static_cast<std::ptrdiff_t>(*indices(left.size()));
    g.push_back(pair.g[left[static_cast<std::size_t>(next)]]);
    y.push_back(pair.y[left[static_cast<std::size_t>(next)]]);
    left.erase(left.begin() + next);
  }
  require_equal(subject.gram_of(g, y), subject.gram_of(pair.g, pair.y));
}

void exchange(const Subject& subject) {
  const Pair pair = *pairs(max_dimension);
  classify(pair);
  const Gram there = subject.gram_of(pair.g, pair.y), back = subject.gram_of(pair.y, pair.g);
  RC_ASSERT(there.gg() == back.yy());
  RC_ASSERT(there.yy() == back.gg());
  RC_ASSERT(there.gy() == back.gy());
}

void power_of_two_scaling(const Subject& subject) {
  const Pair pair = *pairs(max_dimension / 2);
  classify(pair);
  const auto [g_lo, g_hi] = exact_shifts(pair.g);
  const auto [y_lo, y_hi] = exact_shifts(pair.y);
  const int i = g_lo + static_cast<int>(*indices(static_cast<std::uint64_t>(g_hi - g_lo + 1)));
  const int j = y_lo + static_cast<int>(*indices(static_cast<std::uint64_t>(y_hi - y_lo + 1)));
  const Gram before = subject.gram_of(pair.g, pair.y);
  const Gram after = subject.gram_of(shifted(pair.g, i), shifted(pair.y, j));
  const auto require_shifted = [](const ExactSum& actual, const ExactSum& from, int shift, const char* what) {
    const cpp_int x = integer_of(actual), z = integer_of(from);
    const auto width = static_cast<unsigned>(std::abs(shift));
    if (shift >= 0 ? x != (z << width) : (x << width) != z) fail(std::string(what) + " is not shifted");
  };
  require_shifted(after.gg(), before.gg(), 2 * i, "gg");
  require_shifted(after.gy(), before.gy(), i + j, "p");
  require_shifted(after.yy(), before.yy(), 2 * j, "yy");
}

void any_environment(const Subject& subject) {
  const Pair pair = *pairs(max_dimension / 4);
  classify(pair);
  const Gram expected = subject.gram_of(pair.g, pair.y);
  const double rounded = subject.to_double(expected.yy());
  for (const Environment environment : environments) {
    const EnvironmentScope scope(environment);
    const Gram gram = subject.gram_of(pair.g, pair.y);
    const double again = subject.to_double(expected.yy());
    const EnvironmentScope back(Environment::standard);
    RC_ASSERT(gram == expected);
    require_same(again, rounded, std::string("yy as a double, ") + name(environment));
  }
}

// An exact sum with a bit pattern that is hard to round: a short mantissa, then half a unit, then little.
ExactSum hard_to_round() {
  const std::uint64_t mantissa = *indices(std::uint64_t{1} << 53);
  const auto tail = static_cast<int>(*indices(4));
  const auto shift = static_cast<unsigned>(*indices(4200));
  Rational value = 2 * Integer(mantissa) + 1;
  value *= power_of_two(static_cast<long>(shift));
  if (tail == 1) value += 1;
  if (tail == 2) value -= 1;
  if (tail == 3) value += power_of_two(static_cast<long>(shift) / 2);
  if (*indices(2) == 1) value = -value;
  return sum_of(value * power_of_two(ExactSum::unit_exponent));
}

void rounding(const Subject& subject) {
  const ExactSum sum = hard_to_round();
  require_same(subject.to_double(sum), nearest(value_of(sum)), "the rounded sum " + sum.to_hex());
}

void hexadecimal(const Subject& subject) {
  const ExactSum sum = hard_to_round();
  std::string text = subject.to_hex(sum);
  const bool negative = text.starts_with("-");
  if (negative) text.erase(0, 1);
  RC_ASSERT(text.starts_with("0x"));
  RC_ASSERT(text.find_first_not_of("0123456789abcdef", 2) == std::string::npos);
  RC_ASSERT(text == "0x0" || text[2] != '0');
  const cpp_int magnitude(text);
  RC_ASSERT(cpp_int(negative ? -magnitude : magnitude) == integer_of(sum));
}

void order(const Subject& subject) {
  const ExactSum a = hard_to_round();
  const ExactSum b = *indices(4) == 0 ? a : hard_to_round();
  const cpp_int x = integer_of(a), z = integer_of(b);
  const std::strong_ordering expected = x < z   ? std::strong_ordering::less
                                        : x > z ? std::strong_ordering::greater
                                                : std::strong_ordering::equal;
  RC_ASSERT(subject.compare(a, b) == expected);
  RC_ASSERT((subject.compare(a, ExactSum()) < 0) == (a.sign() < 0));
  RC_ASSERT((x < 0) == (a.sign() < 0));
}

void names_what_is_not_finite(const Subject& subject) {
  const Pair first = *pairs(8);
  const Pair second = *pairs(8);
  const auto index = *indices(second.g.size());
  const bool in_g = *indices(2) == 0;
  const std::uint64_t kind = *indices(3);
  const double value = kind == 0   ? std::numeric_limits<double>::quiet_NaN()
                       : kind == 1 ? std::numeric_limits<double>::infinity()
                                   : -std::numeric_limits<double>::infinity();
  std::vector<double> g = second.g, y = second.y;
  (in_g ? g : y)[index] = value;
  Gram gram = Gram::of(first.g, first.y);
  const Gram before = gram;
  try {
    subject.gram_add(gram, g, y);
    fail("a value that is not finite was accepted");
  } catch (const NonFiniteError& error) {
    RC_ASSERT(error.argument() == (in_g ? "g" : "y"));
    RC_ASSERT(error.index() == first.g.size() + index);
    RC_ASSERT(std::bit_cast<std::uint64_t>(error.value()) == std::bit_cast<std::uint64_t>(value));
  }
  RC_ASSERT(gram == before);
}

// ------------------------------------------------------------------------- gram.merge

void any_pieces(const Subject& subject) {
  const Pair pair = *pairs(max_dimension);
  classify(pair);
  // Every piece goes to one of a few accumulators, by add() or merge(); then those are merged in turn.
  std::vector<Gram> parts(1 + *indices(4));
  std::size_t start = 0;
  while (start < pair.g.size()) {
    const std::size_t length = *indices(pair.g.size() - start + 1);
    const Doubles g = Doubles(pair.g).subspan(start, length), y = Doubles(pair.y).subspan(start, length);
    Gram& part = parts[*indices(parts.size())];
    if (length > 0 && *indices(2) == 0) {
      subject.gram_merge(part, subject.gram_of(g, y));
    } else {
      subject.gram_add(part, g, y);
    }
    start += std::max<std::size_t>(length, 1);
    if (length == 0) {
      subject.gram_add(part, Doubles(pair.g).subspan(start - 1, 1), Doubles(pair.y).subspan(start - 1, 1));
    }
  }
  while (parts.size() > 1) {
    const std::size_t into = *indices(parts.size() - 1);
    subject.gram_merge(parts[into], parts.back());
    parts.pop_back();
  }
  require_gram(parts.front(), in_units(Doubles(pair.g)), in_units(Doubles(pair.y)));
}

void groups(const Subject& subject) {
  const Pair pair = *pairs(max_dimension);
  classify(pair);
  std::vector<std::uint64_t> sizes;
  for (std::size_t left = pair.g.size(); left > 0; left -= sizes.back()) sizes.push_back(1 + *indices(left));
  const std::vector<Gram> grams = subject.grams_of_groups(pair.g, pair.y, sizes);
  RC_ASSERT(grams.size() == sizes.size());
  std::size_t start = 0;
  for (std::size_t k = 0; k < sizes.size(); ++k) {
    require_gram(grams[k], in_units(Doubles(pair.g).subspan(start, sizes[k])),
                 in_units(Doubles(pair.y).subspan(start, sizes[k])));
    start += sizes[k];
  }
}

void commutative(const Subject& subject) {
  const Pair left = *pairs(16);
  const Pair right = *pairs(16);
  Gram one = Gram::of(left.g, left.y), other = Gram::of(right.g, right.y);
  const Gram a = one, b = other;
  subject.gram_merge(one, b);
  subject.gram_merge(other, a);
  require_equal(one, other);
  Gram neutral;
  subject.gram_merge(neutral, a);
  require_equal(neutral, a);
}

void dimension_limit(const Subject& subject) {
  const std::uint64_t spare = *indices(5);
  const std::uint64_t more = 1 + *indices(8);
  Gram gram = forge(0, 0, 0, Gram::max_dimension - spare).value();
  const Gram before = gram;
  const Gram other = forge(0, 0, 0, more).value();
  if (more <= spare) {
    subject.gram_merge(gram, other);
    RC_ASSERT(gram.dimension() == Gram::max_dimension - spare + more);
    return;
  }
  RC_ASSERT_THROWS_AS(subject.gram_merge(gram, other), ContractError);
  RC_ASSERT(gram == before);
}

// ------------------------------------------------------------------------- gram.serialise

std::vector<std::byte> encoded(const Gram& gram) {
  std::vector<std::byte> out;
  const auto append = [&out](std::uint64_t word) {
    for (int i = 0; i < 8; ++i) out.push_back(static_cast<std::byte>(word >> (8 * i)));
  };
  for (const char c : {'N', 'G', 'G', 'R', 'A', 'M', '\0', '\1'}) out.push_back(static_cast<std::byte>(c));
  append(gram.dimension());
  for (const ExactSum& sum : {gram.gg(), gram.gy(), gram.yy()}) {
    for (const std::uint64_t word : sum.words()) append(word);
  }
  return out;
}

void round_trip(const Subject& subject) {
  const Pair pair = *pairs(max_dimension);
  classify(pair);
  const Gram gram = Gram::of(pair.g, pair.y);
  const std::vector<std::byte> bytes = subject.serialise(gram);
  RC_ASSERT(bytes.size() == Gram::serialised_size);
  require_equal(subject.deserialise(bytes), gram);
}

void layout(const Subject& subject) {
  const Pair pair = *pairs(max_dimension);
  classify(pair);
  const Gram gram = Gram::of(pair.g, pair.y);
  RC_ASSERT(subject.serialise(gram) == encoded(gram));
}

void refuses_what_is_no_gram(const Subject& subject) {
  const Pair pair = *effective_pairs(16);
  const Gram gram = Gram::of(pair.g, pair.y);
  std::vector<std::byte> bytes = encoded(gram);
  const std::uint64_t kind = *indices(9);
  const Rational gg = value_of(gram.gg()), p = value_of(gram.gy()), yy = value_of(gram.yy());
  const Rational unit = power_of_two(ExactSum::unit_exponent);
  const std::uint64_t dimension = gram.dimension();
  switch (kind) {
    case 0: {  // a wrong byte of magic or version
      const std::size_t at = *indices(8);
      bytes[at] ^= static_cast<std::byte>(1 + *indices(255));
      break;
    }
    case 1:  // truncated
      bytes.resize(*indices(bytes.size()));
      break;
    case 2:  // longer than it should be
      bytes.resize(bytes.size() + 1 + *indices(8));
      break;
    case 3:  // p^2 > gg yy
      bytes = serialised(gg, gg + yy + unit, yy, std::max<std::uint64_t>(dimension, 2));
      break;
    case 4:  // p^2 < gg yy for D = 1
      bytes = serialised(gg + unit, p, yy + unit, 1);
      break;
    case 5:  // not zero for D = 0
      bytes = serialised(gg, p, yy, 0);
      break;
    case 6:  // a negative norm
      bytes = serialised(-gg, p, -yy, dimension);
      break;
    case 7:  // D > 2^63
      bytes = serialised(gg, p, yy, Gram::max_dimension + 1 + *indices(8));
      break;
    default:  // more than D products of pairs can sum to
      bytes = serialised(dimension * power_of_two(2050) + unit, 0, yy, std::max<std::uint64_t>(dimension, 2));
      if (dimension == 1) bytes = serialised(2 * power_of_two(2050) + unit, 0, yy, 2);
      break;
  }
  RC_TAG("kind " + std::to_string(kind));
  RC_ASSERT_THROWS_AS(subject.deserialise(bytes), InputError);
}

// ------------------------------------------------------------------------- gram.verdict

void sign_of_p(const Subject& subject) {
  const Pair pair = *pairs(max_dimension);
  classify(pair);
  const auto g = in_units(Doubles(pair.g)), y = in_units(Doubles(pair.y));
  const cpp_int gg = dot(g, g), p = dot(g, y), yy = dot(y, y);
  Judgement expected;
  if (gg == 0 && yy == 0) {
    expected = {Verdict::undetermined, Reason::stationary};
  } else if (gg == 0) {
    expected = {Verdict::not_effective, Reason::zero_update};
  } else if (yy == 0) {
    expected = {Verdict::not_effective, Reason::zero_gradient};
  } else if (p > 0) {
    expected = {Verdict::effective, Reason::descent};
  } else {
    expected = {Verdict::not_effective, p < 0 ? Reason::ascent : Reason::orthogonal};
  }
  const Judgement judgement = subject.judge(subject.gram_of(pair.g, pair.y));
  if (judgement != expected) {
    fail("judged " + std::string(to_string(judgement.reason)) + ", should be " +
         std::string(to_string(expected.reason)));
  }
}

// The existence theorem: effective means that an SPD M with M g = y is there to be shown.
void metric_exists(const Subject& subject) {
  const Pair pair = *pairs(5);
  classify(pair);
  if (subject.judge(subject.gram_of(pair.g, pair.y)).verdict != Verdict::effective) return;
  const ExactPair exactly(pair.g, pair.y, 1.0);
  RC_ASSERT(exactly.p > 0);
  const RationalMatrix m = dense(exactly);
  RC_ASSERT(multiply(m, exactly.g) == exactly.y);
  for (const Rational& pivot : eliminate(m).pivots) RC_ASSERT(pivot > 0);
}

// ------------------------------------------------------------------------- canaries of single laws

Gram merged_without_carries(const Gram& gram, const Gram& other) {
  const auto add = [](const ExactSum& a, const ExactSum& b) {
    ExactSum::Words words{};
    for (std::size_t i = 0; i < words.size(); ++i) words[i] = a.words()[i] + b.words()[i];
    return value_of(ExactSum(words));
  };
  Gram out = gram;
  out.merge(other);
  return forge(add(gram.gg(), other.gg()), add(gram.gy(), other.gy()), add(gram.yy(), other.yy()),
               out.dimension())
      .value_or(out);
}

Gram merged_in_doubles(const Gram& gram, const Gram& other) {
  Gram out = gram;
  out.merge(other);
  const double yy = gram.yy().to_double() + other.yy().to_double();
  if (!std::isfinite(yy)) return out;
  return forge(value_of(out.gg()), value_of(out.gy()), exact(yy), out.dimension()).value_or(out);
}

double rounded_away(const Rational& x) {
  // Ties go away from zero when the last bit is made sticky upwards.
  return x == 0 ? 0 : nearest(x * (1 + power_of_two(-4400)));
}

double truncated(const Rational& x) {
  const double rounded = nearest(x);
  return abs(exact(std::isinf(rounded) ? 0 : rounded)) > abs(x) || std::isinf(rounded)
             ? std::nextafter(rounded, 0.0)
             : rounded;
}

}  // namespace

std::vector<Property> gram_properties() {
  return {
      {"gram.exact", "sums", "gg, p, yy equal the sums of integers", sums, {naive, compensated, flushed}},
      {"gram.exact", "dot", "x.z equals the sum of integers", dots, {naive, compensated}},
      {"gram.exact",
       "pairs",
       "the Gram of unevaluated pairs is that of their exact sums",
       unevaluated_pairs,
       {{"pairs are summed to doubles first",
         [](Subject& subject) {
           const auto sum = [](PairSpan x) {
             std::vector<double> out(x.first.size());
             for (std::size_t i = 0; i < out.size(); ++i) {
               const double rounded = x.first[i] + x.second[i];
               out[i] = std::isfinite(rounded) ? rounded : 0;
             }
             return out;
           };
           subject.gram_of_pairs = [sum](PairSpan g, PairSpan y) { return Gram::of(sum(g), sum(y)); };
         }},
        {"the second parts of g are dropped beside a vector of doubles",
         [](Subject& subject) {
           subject.gram_of_pair_and_doubles = [](PairSpan g, Doubles y) { return Gram::of(g.first, y); };
         }}}},
      {"gram.exact",
       "floats",
       "the Gram of floats is that of the same numbers as doubles",
       widened_floats,
       {{"float products rounded to float",
         [](Subject& subject) {
           subject.gram_of_floats = [](Subject::Floats g, Subject::Floats y) {
             float gg = 0, p = 0, yy = 0;
             for (std::size_t i = 0; i < g.size(); ++i) {
               gg += g[i] * g[i];
               p += g[i] * y[i];
               yy += y[i] * y[i];
             }
             if (!std::isfinite(gg) || !std::isfinite(p) || !std::isfinite(yy)) return Gram::of(g, y);
             return forge(exact(gg), exact(p), exact(yy), g.size()).value_or(Gram::of(g, y));
           };
         }},
        {"subnormal floats count as zero",
         [](Subject& subject) {
           subject.gram_of_floats = [](Subject::Floats g, Subject::Floats y) {
             std::vector<float> x(g.begin(), g.end());
             for (float& element : x) {
               if (std::fabs(element) < std::numeric_limits<float>::min()) element = 0;
             }
             return Gram::of(Subject::Floats(x), y);
           };
         }}}},
      {"gram.exact",
       "permutation",
       "the order of the coordinates does not matter",
       permutation,
       {naive, compensated}},
      {"gram.exact", "exchange", "exchanging g and y exchanges gg and yy", exchange, {rounded_norm}},
      {"gram.exact",
       "scaling",
       "2^i g and 2^j y shift gg, p, yy by 2i, i + j, 2j",
       power_of_two_scaling,
       {flushed, rounded_norm}},
      {"gram.exact",
       "environment",
       "neither the rounding mode nor flush-to-zero changes a bit",
       any_environment,
       {naive,
        {"elements pass through the caller's arithmetic",
         [](Subject& subject) {
           subject.gram_of = [](Doubles g, Doubles y) {
             std::vector<double> through(g.begin(), g.end());
             for (volatile double& element : through) element = element * 1.0000000000000002;
             return all_finite(through) ? Gram::of(through, y) : Gram::of(g, y);
           };
         }}}},
      {"gram.exact",
       "rounding",
       "the double of an exact sum is the nearest, ties to even",
       rounding,
       {{"ties away from zero",
         [](Subject& subject) {
           subject.to_double = [](const ExactSum& sum) { return rounded_away(value_of(sum)); };
         }},
        {"truncation",
         [](Subject& subject) {
           subject.to_double = [](const ExactSum& sum) { return truncated(value_of(sum)); };
         }},
        {"the upper 64 bits decide",
         [](Subject& subject) {
           subject.to_double = [](const ExactSum& sum) {
             const Rational x = value_of(sum);
             if (x == 0) return 0.0;
             const long last = exponent_of(x) - 63;
             const Integer top(abs(x) * power_of_two(-last));
             return (x < 0 ? -1 : 1) * nearest(Rational(top) * power_of_two(last));
           };
         }}}},
      {"gram.exact",
       "hexadecimal",
       "the hexadecimal form is the integer",
       hexadecimal,
       {{"the sign is lost",
         [](Subject& subject) {
           subject.to_hex = [](const ExactSum& sum) {
             const std::string text = sum.to_hex();
             return text.starts_with("-") ? text.substr(1) : text;
           };
         }}}},
      {"gram.exact",
       "order",
       "exact sums are ordered as integers",
       order,
       {{"words compared without their sign",
         [](Subject& subject) {
           subject.compare = [](const ExactSum& a, const ExactSum& b) {
             return std::lexicographical_compare_three_way(a.words().rbegin(), a.words().rend(),
                                                           b.words().rbegin(), b.words().rend());
           };
         }},
        {"compared as doubles",
         [](Subject& subject) {
           subject.compare = [](const ExactSum& a, const ExactSum& b) {
             const double x = a.to_double(), z = b.to_double();
             return x < z   ? std::strong_ordering::less
                    : x > z ? std::strong_ordering::greater
                            : std::strong_ordering::equal;
           };
         }}}},
      {"gram.exact",
       "not finite",
       "NaN and infinities are refused by argument, index and value, and nothing changes",
       names_what_is_not_finite,
       {{"the index is that within the chunk",
         [](Subject& subject) {
           subject.gram_add = [](Gram& gram, Doubles g, Doubles y) { gram.merge(Gram::of(g, y)); };
         }},
        {"what is not finite counts as zero",
         [](Subject& subject) {
           subject.gram_add = [](Gram& gram, Doubles g, Doubles y) {
             std::vector<double> clean(g.begin(), g.end());
             for (double& element : clean) element = std::isfinite(element) ? element : 0;
             gram.add(clean, y);
           };
         }},
        {"part of the chunk is added before it is refused",
         [](Subject& subject) {
           subject.gram_add = [](Gram& gram, Doubles g, Doubles y) {
             gram.add(g.first(1), y.first(1));
             gram.add(g.subspan(1), y.subspan(1));
           };
         }}}},

      {"gram.merge",
       "any pieces",
       "any chunks, added or merged in any order, give the same bits",
       any_pieces,
       {{"merge drops the carries between words",
         [](Subject& subject) {
           subject.gram_merge = [](Gram& gram, const Gram& other) {
             gram = merged_without_carries(gram, other);
           };
         }},
        {"merge adds doubles",
         [](Subject& subject) {
           subject.gram_merge = [](Gram& gram, const Gram& other) { gram = merged_in_doubles(gram, other); };
         }},
        {"add forgets chunks of one element",
         [](Subject& subject) {
           subject.gram_add = [](Gram& gram, Doubles g, Doubles y) {
             if (g.size() != 1) gram.add(g, y);
           };
         }}}},
      {"gram.merge",
       "groups",
       "the Grams of consecutive groups, made in one call, are those of the groups alone",
       groups,
       {{"every group starts one element early",
         [](Subject& subject) {
           subject.grams_of_groups = [](Doubles g, Doubles y, std::span<const std::uint64_t> sizes) {
             std::vector<Gram> grams(sizes.size());
             for (std::size_t k = 0, start = 0; k < sizes.size(); start += sizes[k], ++k) {
               const std::size_t from = start > 0 ? start - 1 : 0;
               grams[k] = Gram::of(g.subspan(from, sizes[k]), y.subspan(from, sizes[k]));
             }
             return grams;
           };
         }},
        {"a group adds to the one before it",
         [](Subject& subject) {
           subject.grams_of_groups = [](Doubles g, Doubles y, std::span<const std::uint64_t> sizes) {
             std::vector<Gram> grams(sizes.size());
             Gram sum;
             for (std::size_t k = 0, start = 0; k < sizes.size(); start += sizes[k], ++k) {
               sum.add(g.subspan(start, sizes[k]), y.subspan(start, sizes[k]));
               grams[k] = sum;
             }
             return grams;
           };
         }}}},
      {"gram.merge",
       "commutative",
       "merging commutes, and the empty Gram is neutral",
       commutative,
       {{"merge drops the carries between words",
         [](Subject& subject) {
           subject.gram_merge = [](Gram& gram, const Gram& other) {
             // Asymmetric as such slips are: only the receiver's low words lose theirs.
             gram = gram.dimension() < other.dimension() ? merged_without_carries(gram, other)
                                                         : (gram.merge(other), gram);
           };
         }},
        {"merging into an empty Gram keeps its dimension",
         [](Subject& subject) {
           subject.gram_merge = [](Gram& gram, const Gram& other) {
             if (gram.dimension() > 0) gram.merge(other);
           };
         }}}},
      {"gram.merge",
       "dimension limit",
       "D beyond 2^63 is refused and nothing changes",
       dimension_limit,
       {{"the limit is one off",
         [](Subject& subject) {
           subject.gram_merge = [](Gram& gram, const Gram& other) {
             if (gram.dimension() + other.dimension() == Gram::max_dimension)
               throw ContractError("dimension");
             gram.merge(other);
           };
         }},
        {"the limit is not checked",
         [](Subject& subject) {
           subject.gram_merge = [](Gram& gram, const Gram& other) {
             if (gram.dimension() + other.dimension() <= Gram::max_dimension) gram.merge(other);
           };
         }}}},

      {"gram.serialise",
       "round trip",
       "what was serialised reads back the same",
       round_trip,
       {{"gg and yy exchanged",
         [](Subject& subject) {
           subject.deserialise = [](std::span<const std::byte> bytes) {
             const Gram gram = Gram::deserialise(bytes);
             return forge(value_of(gram.yy()), value_of(gram.gy()), value_of(gram.gg()), gram.dimension())
                 .value();
           };
         }},
        {"the sign of p is lost",
         [](Subject& subject) {
           subject.deserialise = [](std::span<const std::byte> bytes) {
             const Gram gram = Gram::deserialise(bytes);
             return forge(value_of(gram.gg()), abs(value_of(gram.gy())), value_of(gram.yy()),
                          gram.dimension())
                 .value();
           };
         }}}},
      {"gram.serialise",
       "layout",
       "the bytes are those of the documented little-endian layout",
       layout,
       {{"words in big-endian order",
         [](Subject& subject) {
           subject.serialise = [](const Gram& gram) {
             std::vector<std::byte> bytes = encoded(gram);
             for (std::size_t i = 8; i < bytes.size(); i += 8) {
               std::reverse(bytes.begin() + static_cast<std::ptrdiff_t>(i),
                            bytes.begin() + static_cast<std::ptrdiff_t>(i + 8));
             }
             return bytes;
           };
         }}}},
      {"gram.serialise",
       "refusals",
       "bytes that cannot be a Gram are refused",
       refuses_what_is_no_gram,
       {{"the version is not read",
         [](Subject& subject) {
           subject.deserialise = [](std::span<const std::byte> bytes) {
             std::vector<std::byte> copy(bytes.begin(), bytes.end());
             if (copy.size() > 7) copy[7] = std::byte{1};
             return Gram::deserialise(copy);
           };
         }},
        {"trailing bytes are ignored",
         [](Subject& subject) {
           subject.deserialise = [](std::span<const std::byte> bytes) {
             return Gram::deserialise(
                 bytes.first(std::min<std::size_t>(bytes.size(), Gram::serialised_size)));
           };
         }},
        {"the Cauchy-Schwarz inequality is not checked",
         [](Subject& subject) {
           subject.deserialise = [](std::span<const std::byte> bytes) {
             try {
               return Gram::deserialise(bytes);
             } catch (const InputError&) {
               if (bytes.size() != Gram::serialised_size || bytes[5] != std::byte{'M'}) throw;
               return Gram();
             }
           };
         }}}},

      {"gram.verdict",
       "sign of p",
       "the verdict follows the exact sign of p and which vectors vanish",
       sign_of_p,
       {{"the sign of a naive dot product",
         [](Subject& subject) {
           subject.gram_of = [](Doubles g, Doubles y) {
             const Gram exactly = Gram::of(g, y);
             const double p = naive_dot(g, y);
             if (!std::isfinite(p)) return exactly;
             return forge(value_of(exactly.gg()), exact(p), value_of(exactly.yy()), g.size())
                 .value_or(exactly);
           };
         }},
        {"the sign of p as a double",
         [](Subject& subject) {
           subject.judge = [](const Gram& gram) {
             const Judgement judgement = gram.judge();
             return gram.gy().to_double() == 0 && judgement.verdict == Verdict::effective
                        ? Judgement{Verdict::not_effective, Reason::orthogonal}
                        : judgement;
           };
         }},
        {"orthogonal counts as effective",
         [](Subject& subject) {
           subject.judge = [](const Gram& gram) {
             const Judgement judgement = gram.judge();
             return judgement.reason == Reason::orthogonal ? Judgement{Verdict::effective, Reason::descent}
                                                           : judgement;
           };
         }},
        {"both zero counts as a zero update",
         [](Subject& subject) {
           subject.judge = [](const Gram& gram) {
             const Judgement judgement = gram.judge();
             return judgement.reason == Reason::stationary
                        ? Judgement{Verdict::not_effective, Reason::zero_update}
                        : judgement;
           };
         }}}},
      {"gram.verdict",
       "existence",
       "where the verdict is effective, an SPD M with M g = y is constructed exactly",
       metric_exists,
       {{"orthogonal counts as effective",
         [](Subject& subject) {
           subject.judge = [](const Gram& gram) {
             return Judgement{gram.gy().sign() >= 0 ? Verdict::effective : Verdict::not_effective,
                              Reason::descent};
           };
         }}}},
  };
}

}  // namespace natgrad::test
