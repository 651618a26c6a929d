// natgrad: UTF-8, one character at a time. Private to the library and its command line.
#ifndef NATGRAD_LIB_UTF8_HPP
#define NATGRAD_LIB_UTF8_HPP

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace natgrad::utf8 {

/// Drops the first character from `rest` and returns it; nullopt for a byte that begins none, which is
/// dropped alone. @pre !rest.empty()
inline std::optional<char32_t> next(std::string_view& rest) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(rest[i]); };
  const unsigned char lead = byte(0);
  const std::size_t length = lead < 0x80 ? 1 : lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  char32_t value = lead;
  bool valid = lead < 0x80 || (lead >= 0xC2 && lead <= 0xF4 && rest.size() >= length);
  if (valid && length > 1) {
    value = lead & (0xFFU >> (length + 1));
    for (std::size_t i = 1; i < length; ++i) {
      valid = valid && (byte(i) & 0xC0U) == 0x80;
      value = (value << 6U) | (byte(i) & 0x3FU);
    }
    constexpr std::array<char32_t, 5> least{0, 0, 0x80, 0x800, 0x10000};
    valid = valid && value >= least[length] && value <= 0x10FFFF && (value < 0xD800 || value > 0xDFFF);
  }
  rest.remove_prefix(valid ? length : 1);
  if (!valid) return std::nullopt;
  return value;
}

/// C0, delete and C1: what drives a terminal.
inline bool is_control(char32_t c) {
  return c < 0x20 || (c >= 0x7F && c < 0xA0);
}

/// The text with what could drive a terminal (control characters in the name of a file, say) or turn the
/// direction of a line, and bytes that are not UTF-8, as \x1b.
inline std::string printable(std::string_view text) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string out;
  while (!text.empty()) {
    std::string_view rest = text;
    const std::optional<char32_t> c = next(rest);
    const std::string_view bytes = text.substr(0, text.size() - rest.size());
    const bool turns = c && ((*c >= 0x202A && *c <= 0x202E) || (*c >= 0x2066 && *c <= 0x2069));
    if (c && !is_control(*c) && !turns) {
      out += bytes;
    } else {
      for (const char byte : bytes) {
        out += "\\x";
        out += digits[static_cast<unsigned char>(byte) >> 4];
        out += digits[static_cast<unsigned char>(byte) & 0xF];
      }
    }
    text = rest;
  }
  return out;
}

}  // namespace natgrad::utf8

#endif
