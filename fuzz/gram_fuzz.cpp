// natgrad: the exact Gram against integers (Boost cpp_int), on hostile pairs, pieces and bytes.
#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "input.hpp"
#include "reference/oracle.hpp"
#include "support/environment.hpp"
#include "support/exact.hpp"
#include "support/forge.hpp"
#include "target.hpp"

namespace natgrad::fuzz {

namespace {

using reference::cpp_int;
using reference::ExactGram;
using test::Rational;

constexpr std::size_t max_dimension = 6;

cpp_int integer_of(const ExactSum& sum) {
  cpp_int out = 0;
  for (std::size_t i = ExactSum::word_count; i-- > 0;) out = (out << 64) + sum.words()[i];
  return sum.words().back() >> 63 != 0 ? out - (cpp_int(1) << (64 * ExactSum::word_count)) : out;
}

ExactSum sum_of(const cpp_int& value) {
  cpp_int rest = value < 0 ? (cpp_int(1) << (64 * ExactSum::word_count)) + value : value;
  ExactSum::Words words{};
  for (std::uint64_t& word : words) {
    word = static_cast<std::uint64_t>(rest & ~std::uint64_t{0});
    rest >>= 64;
  }
  return ExactSum(words);
}

void require_gram(const Gram& actual, const ExactGram& expected, const char* what) {
  require(integer_of(actual.gg()) == expected.gg, what);
  require(integer_of(actual.gy()) == expected.gy, what);
  require(integer_of(actual.yy()) == expected.yy, what);
  require(actual.dimension() == expected.dimension, what);
}

std::vector<double> numbers(Input& input, const char* label, std::size_t count) {
  std::vector<double> out(count);
  for (double& element : out) element = input.number();
  input.note(label, out);
  return out;
}

// ------------------------------------------------------------------------- sums

void vectors(Input& input) {
  const Pair pair = fuzz::pair(input, max_dimension);
  const ExactGram expected = reference::exact_gram(pair.g, pair.y);
  const auto environment = static_cast<test::Environment>(input.below(5));
  Gram gram;
  ExactSum dot;
  Judgement judgement;
  double rounded = 0;
  {
    const test::EnvironmentScope scope(environment);
    gram = subject().gram_of(pair.g, pair.y);
    dot = subject().exact_dot(pair.g, pair.y);
    judgement = subject().judge(gram);
    rounded = subject().to_double(gram.gy());
  }
  require_gram(gram, expected, "the Gram of two vectors");
  require(integer_of(dot) == expected.gy, "the dot product");
  const reference::Oracle oracle(expected);
  require(to_string(judgement.verdict) == oracle.verdict(), "the verdict");
  require(to_string(judgement.reason) == oracle.reason(), "the reason of the verdict");
  require_same(rounded, oracle.gy(), "p as a double");
}

void unevaluated_pairs(Input& input) {
  const Pair pair = fuzz::pair(input, max_dimension);
  std::vector<double> g_second = numbers(input, "second part of g", pair.g.size());
  const std::vector<double> y_second = numbers(input, "second part of y", pair.g.size());
  // The difference of neighbours: what a step of a learning rule is.
  if (input.one_in(3)) {
    for (std::size_t i = 0; i < g_second.size(); ++i) g_second[i] = -std::nextafter(pair.g[i], 0.0);
  }
  const std::vector<double> none(pair.g.size(), 0.0);
  require_gram(subject().gram_of_pairs({pair.g, g_second}, {pair.y, y_second}),
               reference::exact_gram(pair.g, g_second, pair.y, y_second), "the Gram of unevaluated pairs");
  require_gram(subject().gram_of_pair_and_doubles({pair.g, g_second}, pair.y),
               reference::exact_gram(pair.g, g_second, pair.y, none), "the Gram of a pair and a vector");
}

void floats(Input& input) {
  const std::size_t n = 1 + input.below(max_dimension);
  std::vector<float> g, y;
  for (std::size_t i = 0; i < n; ++i) {
    for (std::vector<float>* x : {&g, &y}) {
      auto bits = static_cast<std::uint32_t>(input.word());
      if ((bits & 0x7f800000U) == 0x7f800000U) bits ^= 0x00800000U;
      x->push_back(std::bit_cast<float>(bits));
    }
  }
  const std::vector<double> wide_g(g.begin(), g.end()), wide_y(y.begin(), y.end());
  input.note("g", wide_g);
  input.note("y", wide_y);
  require_gram(subject().gram_of_floats(g, y), reference::exact_gram(wide_g, wide_y), "the Gram of floats");
}

// Pieces in any order, through add() and merge(), on several accumulators.
void pieces(Input& input) {
  const Pair pair = fuzz::pair(input, max_dimension);
  std::vector<Gram> parts(1 + input.below(3));
  std::size_t start = 0;
  while (start < pair.g.size()) {
    const std::size_t length = 1 + input.below(pair.g.size() - start);
    const auto g = std::span(pair.g).subspan(start, length), y = std::span(pair.y).subspan(start, length);
    Gram& part = parts[input.below(parts.size())];
    if (input.one_in(2)) {
      subject().gram_merge(part, subject().gram_of(g, y));
    } else {
      subject().gram_add(part, g, y);
    }
    start += length;
  }
  while (parts.size() > 1) {
    subject().gram_merge(parts[input.below(parts.size() - 1)], parts.back());
    parts.pop_back();
  }
  require_gram(parts.front(), reference::exact_gram(pair.g, pair.y), "a Gram put together from pieces");
}

// NaN or infinity somewhere: refused by name, index and value, and nothing changes.
void not_finite(Input& input) {
  const Pair before = fuzz::pair(input, 3), pair = fuzz::pair(input, max_dimension);
  const std::size_t index = input.below(pair.g.size());
  const bool in_g = input.one_in(2);
  const std::uint64_t payload = input.word();
  const double bad = std::bit_cast<double>(payload | 0x7ff0000000000000);
  std::vector<double> g = pair.g, y = pair.y;
  (in_g ? g : y)[index] = bad;
  Gram gram = Gram::of(before.g, before.y);
  const Gram copy = gram;
  bool refused = false;
  try {
    subject().gram_add(gram, g, y);
  } catch (const NonFiniteError& error) {
    refused = true;
    require(error.argument() == (in_g ? "g" : "y"), "the argument that is not finite");
    require(error.index() == before.g.size() + index, "the index of what is not finite");
    require(std::bit_cast<std::uint64_t>(error.value()) == std::bit_cast<std::uint64_t>(bad),
            "the value that is not finite");
  }
  require(refused, "a value that is not finite was accepted");
  require(gram == copy, "a refused chunk changed the Gram");
}

// ------------------------------------------------------------------------- exact sums

// A short mantissa, then half a unit, then little or nothing; or any words at all.
cpp_int hard_to_round(Input& input) {
  if (input.one_in(4)) {
    ExactSum::Words words{};
    for (std::uint64_t& word : words) {
      const std::uint64_t kind = input.below(4);
      word = kind == 0 ? 0 : kind == 1 ? ~std::uint64_t{0} : input.word();
    }
    return integer_of(ExactSum(words));
  }
  const auto shift = static_cast<unsigned>(input.below(4200));
  cpp_int value = (cpp_int(input.word() >> 11) * 2 + 1) << shift;
  switch (input.below(4)) {
    case 1:
      value += 1;
      break;
    case 2:
      value -= 1;
      break;
    case 3:
      value += cpp_int(1) << (shift / 2);
      break;
    default:
      break;
  }
  return input.one_in(2) ? cpp_int(-value) : value;
}

void sums(Input& input) {
  const cpp_int x = hard_to_round(input);
  const cpp_int z = input.one_in(4) ? x : hard_to_round(input);
  const ExactSum a = sum_of(x), b = sum_of(z);
  input.note_text("a", a.to_hex());
  input.note_text("b", b.to_hex());
  require_same(subject().to_double(a), reference::nearest(reference::Dyadic(x, ExactSum::unit_exponent)),
               "the rounded sum");
  require(a.sign() == x.sign(), "the sign of a sum");
  const auto expected = x < z   ? std::strong_ordering::less
                        : x > z ? std::strong_ordering::greater
                                : std::strong_ordering::equal;
  require(subject().compare(a, b) == expected, "the order of two sums");
  std::string text = subject().to_hex(a);
  const bool negative = text.starts_with("-");
  if (negative) text.erase(0, 1);
  require(text.starts_with("0x") && (text == "0x0" || text[2] != '0'), "the form of the hexadecimal integer");
  require(cpp_int(negative ? -cpp_int(text) : cpp_int(text)) == x, "the hexadecimal integer");
  // Modulo 2^4288, as the integers of this type are.
  ExactSum total = a;
  total += b;
  const cpp_int modulus = cpp_int(1) << (64 * ExactSum::word_count);
  const cpp_int difference = x + z - integer_of(total);
  require(difference % modulus == 0, "the sum of two sums");
}

// ------------------------------------------------------------------------- bytes

// Little-endian two's complement of 536 bytes.
cpp_int integer_of(std::span<const std::byte> bytes) {
  cpp_int out = 0;
  for (std::size_t i = bytes.size(); i-- > 0;) out = (out << 8) + std::to_integer<unsigned>(bytes[i]);
  const bool negative = (bytes.back() & std::byte{0x80}) != std::byte{0};
  return negative ? out - (cpp_int(1) << (8 * bytes.size())) : out;
}

// What the bytes say, if they can be a Gram: the rules of the header, word by word.
std::optional<ExactGram> parse(std::span<const std::byte> bytes) {
  constexpr std::size_t width = 8 * ExactSum::word_count;
  constexpr char magic[8] = {'N', 'G', 'G', 'R', 'A', 'M', '\0', '\1'};
  if (bytes.size() != 16 + 3 * width) return {};
  for (std::size_t i = 0; i < 8; ++i) {
    if (bytes[i] != static_cast<std::byte>(magic[i])) return {};
  }
  ExactGram gram;
  for (std::size_t i = 8; i-- > 0;) {
    gram.dimension = gram.dimension << 8 | std::to_integer<std::uint64_t>(bytes[8 + i]);
  }
  gram.gg = integer_of(bytes.subspan(16, width));
  gram.gy = integer_of(bytes.subspan(16 + width, width));
  gram.yy = integer_of(bytes.subspan(16 + 2 * width, width));
  if (gram.dimension > std::uint64_t{1} << 63 || gram.gg < 0 || gram.yy < 0) return {};
  const cpp_int square = gram.gy * gram.gy, product = gram.gg * gram.yy;
  if (square > product || (gram.dimension == 1 && square != product)) return {};
  const cpp_int limit = cpp_int(gram.dimension) << (2050 - ExactSum::unit_exponent);
  if (gram.gg > limit || gram.yy > limit) return {};
  return gram;
}

std::vector<std::byte> forged(const cpp_int& gg, const cpp_int& p, const cpp_int& yy,
                              std::uint64_t dimension) {
  std::vector<std::byte> out;
  const auto append = [&out](std::uint64_t word) {
    for (int i = 0; i < 8; ++i) out.push_back(static_cast<std::byte>(word >> (8 * i)));
  };
  for (const char c : {'N', 'G', 'G', 'R', 'A', 'M', '\0', '\1'}) out.push_back(static_cast<std::byte>(c));
  append(dimension);
  for (const cpp_int& value : {gg, p, yy}) {
    const ExactSum sum = sum_of(value);
    for (const std::uint64_t word : sum.words()) append(word);
  }
  return out;
}

void deserialise(std::span<const std::byte> bytes) {
  const std::optional<ExactGram> expected = parse(bytes);
  std::optional<Gram> actual;
  try {
    actual = subject().deserialise(bytes);
  } catch (const InputError&) {
  }
  require(actual.has_value() == expected.has_value(),
          expected ? "bytes of a Gram were refused" : "bytes that cannot be a Gram were accepted");
  if (!actual) return;
  require_gram(*actual, *expected, "the Gram read from bytes");
  const auto again = subject().serialise(*actual);
  require(std::equal(again.begin(), again.end(), bytes.begin(), bytes.end()), "the bytes written again");
}

void round_trip(Input& input) {
  const Pair pair = fuzz::pair(input, max_dimension);
  const ExactGram exactly = reference::exact_gram(pair.g, pair.y);
  const std::vector<std::byte> bytes = subject().serialise(Gram::of(pair.g, pair.y));
  require(bytes == forged(exactly.gg, exactly.gy, exactly.yy, exactly.dimension), "the serialised bytes");
  deserialise(bytes);
}

// Bytes of a Gram that are changed here and there: in the header, in one integer, in length.
void hostile_bytes(Input& input) {
  const Pair pair = fuzz::pair(input, max_dimension);
  const ExactGram e = reference::exact_gram(pair.g, pair.y);
  std::vector<std::byte> bytes = forged(e.gg, e.gy, e.yy, e.dimension);
  switch (input.below(7)) {
    case 0:
      for (std::uint64_t changes = 1 + input.below(4); changes > 0; --changes) {
        bytes[input.below(bytes.size())] ^= std::byte{input.byte()};
      }
      break;
    case 1:
      bytes[input.below(16)] ^= std::byte{input.byte()};
      break;
    case 2:
      bytes.resize(input.below(2 * bytes.size()));
      break;
    case 3: {  // next to p^2 = gg yy and next to the largest norm
      const cpp_int root = boost::multiprecision::sqrt(cpp_int(e.gg * e.yy));
      bytes = forged(e.gg, root + input.between(-1, 1), e.yy, input.below(4));
      break;
    }
    case 4: {
      const std::uint64_t dimension = input.one_in(2) ? input.below(8) : input.word();
      const cpp_int limit = cpp_int(dimension) << (2050 - ExactSum::unit_exponent);
      bytes =
          forged(limit + input.between(-1, 1), input.between(-1, 1), limit + input.between(-1, 1), dimension);
      break;
    }
    case 5:
      bytes = forged(-e.gg, e.gy, input.one_in(2) ? cpp_int(-e.yy) : e.yy, e.dimension);
      break;
    default:  // three integers of any bits
      bytes = forged(hard_to_round(input), hard_to_round(input), hard_to_round(input), input.below(3));
      break;
  }
  deserialise(bytes);
}

void any_bytes(Input& input) {
  const std::vector<std::byte> bytes = input.bytes(2 * Gram::serialised_size);
  deserialise(bytes);
}

// ------------------------------------------------------------------------- canaries

double naive_dot(std::span<const double> x, std::span<const double> z) {
  double sum = 0;
  for (std::size_t i = 0; i < x.size(); ++i) sum += x[i] * z[i];
  return sum;
}

double truncated(const ExactSum& sum) {
  const double rounded = sum.to_double();
  const Rational exactly =
      Rational(0) + test::Integer(integer_of(sum).str()) * test::power_of_two(ExactSum::unit_exponent);
  const bool beyond = !std::isfinite(rounded) || abs(test::exact(rounded)) > abs(exactly);
  return beyond ? std::nextafter(rounded, 0.0) : rounded;
}

}  // namespace

std::vector<Canary> canaries() {
  using Doubles = std::span<const double>;
  return {
      {"dot products in doubles",
       [](test::Subject& s) {
         s.exact_dot = [](Doubles x, Doubles z) {
           const double sum = naive_dot(x, z);
           return std::isfinite(sum) ? test::sum_of(test::exact(sum)) : natgrad::exact_dot(x, z);
         };
       }},
      {"the verdict of p as a double",
       [](test::Subject& s) {
         s.judge = [](const Gram& gram) {
           const Judgement judgement = gram.judge();
           return gram.gy().to_double() == 0 && judgement.verdict == Verdict::effective
                      ? Judgement{Verdict::not_effective, Reason::orthogonal}
                      : judgement;
         };
       }},
      {"subnormal elements count as zero",
       [](test::Subject& s) {
         s.gram_of = [](Doubles g, Doubles y) {
           std::vector<double> flushed(g.begin(), g.end());
           for (double& element : flushed) {
             if (std::fabs(element) < std::numeric_limits<double>::min()) element = 0;
           }
           return Gram::of(flushed, y);
         };
       }},
      {"a sum is truncated, not rounded", [](test::Subject& s) { s.to_double = truncated; }},
      {"differences are rounded first",
       [](test::Subject& s) {
         s.gram_of_pairs = [](PairSpan g, PairSpan y) {
           std::vector<double> first(g.first.size());
           for (std::size_t i = 0; i < first.size(); ++i) {
             first[i] = g.first[i] + g.second[i];
             if (!std::isfinite(first[i])) return Gram::of(g, y);
           }
           const std::vector<double> none(first.size(), 0.0);
           return Gram::of(PairSpan{first, none}, y);
         };
       }},
      {"a piece of one element is forgotten",
       [](test::Subject& s) {
         s.gram_add = [](Gram& gram, Doubles g, Doubles y) {
           if (g.size() != 1) gram.add(g, y);
         };
       }},
      {"p^2 = gg yy is not asked of D = 1",
       [](test::Subject& s) {
         s.deserialise = [](std::span<const std::byte> bytes) {
           try {
             return Gram::deserialise(bytes);
           } catch (const InputError&) {
             std::vector<std::byte> two(bytes.begin(), bytes.end());
             if (two.size() != Gram::serialised_size || two[8] != std::byte{1}) throw;
             two[8] = std::byte{2};
             return Gram::deserialise(two);
           }
         };
       }},
      {"sums are ordered by their doubles",
       [](test::Subject& s) {
         s.compare = [](const ExactSum& a, const ExactSum& b) {
           const double x = a.to_double(), z = b.to_double();
           return x < z   ? std::strong_ordering::less
                  : x > z ? std::strong_ordering::greater
                          : std::strong_ordering::equal;
         };
       }},
  };
}

}  // namespace natgrad::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace natgrad::fuzz;
  Input input(data, size);
  constexpr void (*tries[])(Input&) = {vectors, unevaluated_pairs, floats,        pieces,   not_finite,
                                       sums,    round_trip,        hostile_bytes, any_bytes};
  tries[input.below(std::size(tries))](input);
  return 0;
}
