// natgrad: decimal text to doubles and back, the same in every locale.
#ifndef NATGRAD_CLI_NUMBERS_HPP
#define NATGRAD_CLI_NUMBERS_HPP

#include <string>
#include <string_view>

namespace natgrad::cli {

enum class NumberKind {
  finite,
  underflow,   ///< not zero, but rounds to zero: value is 0
  overflow,    ///< finite as written, but above the largest double
  non_finite,  ///< written as nan or inf
  malformed
};

struct Number {
  NumberKind kind = NumberKind::malformed;
  double value = 0;
};

/// The nearest double of a decimal number ("-1.5e-3") or a C hexadecimal one ("0x1.8p+1"); a leading + is
/// allowed, anything before or after the number is not.
Number parse_number(std::string_view text);

/// The shortest decimal that reads back as the same double; "inf", "-inf" and "NaN" otherwise.
std::string number_text(double x);

/// 'text' for a message: quoted, long text cut.
std::string in_quotes(std::string_view text);

}  // namespace natgrad::cli

#endif
