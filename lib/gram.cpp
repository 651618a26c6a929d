// natgrad: the exact Gram.
#include "natgrad/gram.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>
#include <vector>

#include "doubles.hpp"
#include "exact.hpp"
#include "kernels/kernels.hpp"
#include "kernels/leading.hpp"
#include "parallel.hpp"

namespace natgrad {
namespace {

using Words = ExactSum::Words;

std::string lengths(std::size_t g, std::size_t y) {
  return "g has " + std::to_string(g) + " elements and y has " + std::to_string(y);
}

void check_lengths(std::size_t g, std::size_t y) {
  if (g != y) throw ContractError(lengths(g, y) + "; they must have the same length");
}

template <class T>
struct Vector {
  std::span<const T> first, second;  // second is empty for plain vectors

  std::size_t size() const { return first.size(); }
  /// The first non-finite part of element i, if any.
  void refuse(const char* name, std::size_t i, std::uint64_t offset) const {
    if (!is_finite(first[i])) throw NonFiniteError(name, offset + i, first[i]);
    if (!second.empty() && !is_finite(second[i])) throw NonFiniteError(name, offset + i, second[i]);
  }
};

Vector<double> as_vector(PairSpan x, const char* name) {
  if (x.first.size() != x.second.size()) {
    throw ContractError(std::string(name) + ".first has " + std::to_string(x.first.size()) +
                        " elements and " + name + ".second has " + std::to_string(x.second.size()) +
                        "; they must have the same length");
  }
  return {x.first, x.second};
}

kernels::Operand operand(const Vector<double>& x) {
  return {x.first.data(), x.second.empty() ? nullptr : x.second.data()};
}

std::size_t sum(const Vector<double>& g, const Vector<double>& y, kernels::GramSums sums) {
  if (g.second.empty() && y.second.empty())
    return kernels::gram(g.first.data(), y.first.data(), g.size(), sums);
  return kernels::gram(operand(g), operand(y), g.size(), sums);
}

std::size_t sum(const Vector<float>& g, const Vector<float>& y, kernels::GramSums sums) {
  return kernels::gram(g.first.data(), y.first.data(), g.size(), sums);
}

void require_nonempty(std::size_t g, std::size_t y) {
  check_lengths(g, y);
  if (g == 0) throw ContractError("g and y are empty; they need at least one element");
}

void put_words(std::byte* to, const Words& words) {
  for (const std::uint64_t word : words)
    for (int b = 0; b < 8; ++b) *to++ = static_cast<std::byte>(word >> (8 * b));
}

std::uint64_t get_word(const std::byte* from) {
  std::uint64_t word = 0;
  for (int b = 7; b >= 0; --b) word = word << 8 | std::to_integer<std::uint64_t>(from[b]);
  return word;
}

ExactSum get_sum(const std::byte* from) {
  Words words;
  for (auto& word : words) {
    word = get_word(from);
    from += 8;
  }
  return ExactSum(words);
}

constexpr std::array<unsigned char, 8> magic = {'N', 'G', 'G', 'R', 'A', 'M', 0, 1};
constexpr std::size_t sum_bytes = 8 * ExactSum::word_count;

}  // namespace

int ExactSum::sign() const noexcept {
  if ((words_.back() >> 63) != 0) return -1;
  // Sums of numbers of moderate size have their leading bits in the middle.
  if (words_[word_count / 2] != 0) return 1;
  return std::any_of(words_.begin(), words_.end(), [](std::uint64_t w) { return w != 0; }) ? 1 : 0;
}

double ExactSum::to_double() const noexcept {
  return kernels::nearest(kernels::leading(words_));
}

std::string ExactSum::to_hex() const {
  const exact::Integer integer = exact::Dyadic::from(*this).in_units(unit_exponent);
  const std::string digits = boost::multiprecision::abs(integer).str(0, std::ios_base::hex);
  return (integer.sign() < 0 ? "-0x" : "0x") + digits;
}

ExactSum& ExactSum::operator+=(const ExactSum& other) noexcept {
  kernels::add(words_, other.words_);
  return *this;
}

std::strong_ordering operator<=>(const ExactSum& a, const ExactSum& b) noexcept {
  constexpr std::uint64_t top = std::uint64_t{1} << 63;  // two's complement to biased order
  if (const auto order = (a.words_.back() ^ top) <=> (b.words_.back() ^ top); order != 0) return order;
  for (std::size_t i = ExactSum::word_count - 1; i-- > 0;)
    if (const auto order = a.words_[i] <=> b.words_[i]; order != 0) return order;
  return std::strong_ordering::equal;
}

template <class V>
void Gram::accumulate(const V& g, const V& y, std::uint64_t offset) {
  check_lengths(g.size(), y.size());
  if (g.size() > max_dimension - offset) throw ContractError("the dimension would exceed 2^63");
  const std::size_t bad = sum(g, y, {gg_.words_, gy_.words_, yy_.words_});
  if (bad != g.size()) {
    g.refuse("g", bad, offset);
    y.refuse("y", bad, offset);
  }
  dimension_ += g.size();
}

template <class V>
void Gram::append(const V& g, const V& y) {
  Gram chunk;  // an exception leaves this one as it was
  chunk.accumulate(g, y, dimension_);
  merge(chunk);
}

Gram Gram::of(std::span<const double> g, std::span<const double> y) {
  require_nonempty(g.size(), y.size());
  Gram result;
  result.accumulate(Vector<double>{g, {}}, Vector<double>{y, {}}, 0);
  return result;
}

Gram Gram::of(std::span<const float> g, std::span<const float> y) {
  require_nonempty(g.size(), y.size());
  Gram result;
  result.accumulate(Vector<float>{g, {}}, Vector<float>{y, {}}, 0);
  return result;
}

Gram Gram::of(PairSpan g, PairSpan y) {
  require_nonempty(g.first.size(), y.first.size());
  Gram result;
  result.accumulate(as_vector(g, "g"), as_vector(y, "y"), 0);
  return result;
}

Gram Gram::of(PairSpan g, std::span<const double> y) {
  require_nonempty(g.first.size(), y.size());
  Gram result;
  result.accumulate(as_vector(g, "g"), Vector<double>{y, {}}, 0);
  return result;
}

template <class T>
void Gram::accumulate_groups(std::span<const T> g, std::span<const T> y, std::span<const std::uint64_t> sizes,
                             std::span<Gram> out) {
  check_lengths(g.size(), y.size());
  if (sizes.size() != out.size()) {
    throw ContractError("there are " + std::to_string(sizes.size()) + " sizes and room for " +
                        std::to_string(out.size()) + " Grams; there must be as many");
  }
  std::uint64_t total = 0;
  for (std::size_t k = 0; k < sizes.size(); ++k) {
    if (sizes[k] == 0)
      throw ContractError("sizes[" + std::to_string(k) + "] is 0; every group needs an element");
    if (sizes[k] > g.size() - total) {
      throw ContractError("the sizes up to sizes[" + std::to_string(k) + "] add up to more than the " +
                          std::to_string(g.size()) + " elements of g and y");
    }
    total += sizes[k];
  }
  if (total != g.size()) {
    throw ContractError("the sizes add up to " + std::to_string(total) + " and g and y have " +
                        std::to_string(g.size()) + " elements; they must agree");
  }

  std::size_t bad = g.size();
  const auto one = [&](std::size_t k, std::size_t begin) {
    Gram& gram = out[k];
    gram = Gram();
    const std::size_t done = kernels::gram(g.data() + begin, y.data() + begin, sizes[k],
                                           {gram.gg_.words_, gram.gy_.words_, gram.yy_.words_});
    gram.dimension_ = sizes[k];
    return done == sizes[k] ? g.size() : begin + done;
  };
  // Threads take whole runs of groups; long groups are shared between threads by themselves.
  constexpr std::size_t least_per_thread = std::size_t{1} << 17, least_groups = 64;
  const std::size_t pieces =
      sizes.empty() ? 0
                    : std::min({g.size() / least_per_thread, sizes.size() / least_groups, std::size_t{256}});
  if (pieces < 2) {
    for (std::size_t k = 0, begin = 0; k < sizes.size(); begin += sizes[k], ++k)
      bad = std::min(bad, one(k, begin));
  } else {
    std::vector<std::pair<std::size_t, std::size_t>> starts;  // group and element
    for (std::size_t k = 0, begin = 0; k < sizes.size(); begin += sizes[k], ++k)
      if (begin >= starts.size() * (g.size() / pieces)) starts.emplace_back(k, begin);
    std::vector<std::size_t> bad_of(starts.size(), g.size());
    parallel_for(starts.size(), [&](std::size_t piece) {
      auto [k, begin] = starts[piece];
      const std::size_t end = piece + 1 < starts.size() ? starts[piece + 1].first : sizes.size();
      for (; k < end; begin += sizes[k], ++k) bad_of[piece] = std::min(bad_of[piece], one(k, begin));
    });
    bad = *std::ranges::min_element(bad_of);
  }
  if (bad != g.size()) {
    std::ranges::fill(out, Gram());
    Vector<T>{g, {}}.refuse("g", bad, 0);
    Vector<T>{y, {}}.refuse("y", bad, 0);
  }
}

void Gram::of_groups(std::span<const double> g, std::span<const double> y,
                     std::span<const std::uint64_t> sizes, std::span<Gram> out) {
  accumulate_groups(g, y, sizes, out);
}

void Gram::of_groups(std::span<const float> g, std::span<const float> y, std::span<const std::uint64_t> sizes,
                     std::span<Gram> out) {
  accumulate_groups(g, y, sizes, out);
}

void Gram::add(std::span<const double> g, std::span<const double> y) {
  append(Vector<double>{g, {}}, Vector<double>{y, {}});
}

void Gram::add(std::span<const float> g, std::span<const float> y) {
  append(Vector<float>{g, {}}, Vector<float>{y, {}});
}

void Gram::add(PairSpan g, PairSpan y) {
  append(as_vector(g, "g"), as_vector(y, "y"));
}

void Gram::add(PairSpan g, std::span<const double> y) {
  append(as_vector(g, "g"), Vector<double>{y, {}});
}

void Gram::merge(const Gram& other) {
  if (other.dimension_ > max_dimension - dimension_) throw ContractError("the dimension would exceed 2^63");
  gg_ += other.gg_;
  gy_ += other.gy_;
  yy_ += other.yy_;
  dimension_ += other.dimension_;
}

Judgement Gram::judge() const {
  if (dimension_ == 0) throw ContractError("the Gram is empty (D = 0); add vectors first");
  const bool zero_g = gg_.sign() == 0, zero_y = yy_.sign() == 0;
  if (zero_g && zero_y) return {Verdict::undetermined, Reason::stationary};
  if (zero_g) return {Verdict::not_effective, Reason::zero_update};
  if (zero_y) return {Verdict::not_effective, Reason::zero_gradient};
  const int sign = gy_.sign();
  if (sign > 0) return {Verdict::effective, Reason::descent};
  return {Verdict::not_effective, sign < 0 ? Reason::ascent : Reason::orthogonal};
}

Gram::Bytes Gram::serialise() const noexcept {
  Bytes bytes;
  for (std::size_t i = 0; i < magic.size(); ++i) bytes[i] = static_cast<std::byte>(magic[i]);
  for (unsigned b = 0; b < 8; ++b) bytes[8 + b] = static_cast<std::byte>(dimension_ >> (8 * b));
  put_words(&bytes[16], gg_.words());
  put_words(&bytes[16 + sum_bytes], gy_.words());
  put_words(&bytes[16 + 2 * sum_bytes], yy_.words());
  return bytes;
}

Gram Gram::deserialise(std::span<const std::byte> bytes) {
  const auto refuse = [](const std::string& why) -> void { throw InputError("serialised Gram: " + why); };
  if (bytes.size() != serialised_size) {
    refuse("has " + std::to_string(bytes.size()) + " bytes, expected " + std::to_string(serialised_size));
  }
  for (std::size_t i = 0; i + 1 < magic.size(); ++i)
    if (std::to_integer<unsigned char>(bytes[i]) != magic[i]) refuse("does not start with \"NGGRAM\"");
  if (const auto v = std::to_integer<unsigned>(bytes[7]); v != magic[7])
    refuse("is of version " + std::to_string(v) + ", expected 1");

  Gram result;
  result.dimension_ = get_word(&bytes[8]);
  result.gg_ = get_sum(&bytes[16]);
  result.gy_ = get_sum(&bytes[16 + sum_bytes]);
  result.yy_ = get_sum(&bytes[16 + 2 * sum_bytes]);
  const std::uint64_t dimension = result.dimension_;
  if (dimension > max_dimension) refuse("dimension " + std::to_string(dimension) + " exceeds 2^63");
  if (result.gg_.sign() < 0) refuse("gg is negative");
  if (result.yy_.sign() < 0) refuse("yy is negative");
  using exact::Dyadic;
  const Dyadic gg = Dyadic::from(result.gg_), p = Dyadic::from(result.gy_), yy = Dyadic::from(result.yy_);
  const Dyadic bound(exact::Integer(dimension), 2050);
  if (bound < gg) refuse("gg is too large for dimension " + std::to_string(dimension));
  if (bound < yy) refuse("yy is too large for dimension " + std::to_string(dimension));
  const int slack = (gg * yy - p * p).sign();
  if (slack < 0) refuse("gy^2 exceeds gg yy (Cauchy-Schwarz)");
  if (dimension == 1 && slack != 0) refuse("gy^2 differs from gg yy in dimension 1");
  return result;
}

ExactSum exact_dot(std::span<const double> x, std::span<const double> z) {
  if (x.size() != z.size()) {
    throw ContractError("x has " + std::to_string(x.size()) + " elements and z has " +
                        std::to_string(z.size()) + "; they must have the same length");
  }
  if (x.empty()) throw ContractError("x and z are empty; they need at least one element");
  Words words{};
  const std::size_t bad = kernels::dot(x.data(), z.data(), x.size(), words);
  if (bad != x.size()) {
    Vector<double>{x, {}}.refuse("x", bad, 0);
    Vector<double>{z, {}}.refuse("z", bad, 0);
  }
  return ExactSum(words);
}

}  // namespace natgrad
