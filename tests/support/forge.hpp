// natgrad: exact sums and Grams of any content, built through their public bytes.
#ifndef NATGRAD_TESTS_SUPPORT_FORGE_HPP
#define NATGRAD_TESTS_SUPPORT_FORGE_HPP

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "exact.hpp"
#include "natgrad/gram.hpp"

namespace natgrad::test {

/// The value of an exact sum.
inline Rational value_of(const ExactSum& sum) {
  ExactSum::Words words = sum.words();
  const bool negative = (words.back() >> 63) != 0;
  Integer magnitude = 0;
  std::uint64_t carry = 1;
  for (std::uint64_t& word : words) {
    if (!negative) continue;
    word = ~word + carry;
    carry = carry != 0 && word == 0 ? 1 : 0;
  }
  for (std::size_t i = words.size(); i-- > 0;) magnitude = (magnitude << 64) + words[i];
  return (negative ? -1 : 1) * Rational(magnitude) * power_of_two(ExactSum::unit_exponent);
}

/// @pre value is a multiple of 2^-2148 and fits
inline ExactSum sum_of(const Rational& value) {
  const Rational scaled = value * power_of_two(-ExactSum::unit_exponent);
  Integer rest = abs(numerator(scaled));
  ExactSum::Words words{};
  for (std::uint64_t& word : words) {
    word = Integer(rest & Integer(~std::uint64_t{0})).convert_to<std::uint64_t>();
    rest >>= 64;
  }
  if (scaled < 0) {
    std::uint64_t carry = 1;
    for (std::uint64_t& word : words) {
      word = ~word + carry;
      carry = carry != 0 && word == 0 ? 1 : 0;
    }
  }
  return ExactSum(words);
}

/// The bytes of a Gram with these entries, whether or not vectors with such a Gram exist.
inline std::vector<std::byte> serialised(const Rational& gg, const Rational& p, const Rational& yy,
                                         std::uint64_t dimension) {
  std::vector<std::byte> out;
  const auto append = [&out](std::uint64_t word) {
    for (int i = 0; i < 8; ++i) out.push_back(static_cast<std::byte>(word >> (8 * i)));
  };
  for (const char c : {'N', 'G', 'G', 'R', 'A', 'M', '\0', '\1'}) out.push_back(static_cast<std::byte>(c));
  append(dimension);
  for (const Rational& value : {gg, p, yy}) {
    const ExactSum sum = sum_of(value);
    for (const std::uint64_t word : sum.words()) append(word);
  }
  return out;
}

/// A Gram with these entries; nullopt if the library refuses it.
inline std::optional<Gram> forge(const Rational& gg, const Rational& p, const Rational& yy,
                                 std::uint64_t dimension) {
  const auto is_sum = [](const Rational& x) {
    return denominator(Rational(x * power_of_two(-ExactSum::unit_exponent))) == 1;
  };
  if (!is_sum(gg) || !is_sum(p) || !is_sum(yy)) return {};
  try {
    return Gram::deserialise(serialised(gg, p, yy, dimension));
  } catch (const InputError&) {
    return {};
  }
}

}  // namespace natgrad::test

#endif
