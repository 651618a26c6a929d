// natgrad: questions about doubles, answered from their bits, and views of columns. Private to the library.
//
// A comparison would take a subnormal for zero where the caller has set denormals-are-zero.
#ifndef NATGRAD_LIB_DOUBLES_HPP
#define NATGRAD_LIB_DOUBLES_HPP

#include <armadillo>
#include <bit>
#include <cstdint>
#include <span>

namespace natgrad {

inline std::uint64_t bits_of(double x) {
  return std::bit_cast<std::uint64_t>(x);
}
inline bool is_finite(double x) {
  return (bits_of(x) >> 52 & 0x7ff) != 0x7ff;
}
inline bool is_finite(float x) {
  return (std::bit_cast<std::uint32_t>(x) >> 23 & 0xff) != 0xff;
}
/// 0 or -0.
inline bool is_zero(double x) {
  return bits_of(x) << 1 == 0;
}
inline bool is_negative(double x) {
  return bits_of(x) >> 63 != 0 && !is_zero(x);
}
inline double negate(double x) {
  return std::bit_cast<double>(bits_of(x) ^ std::uint64_t{1} << 63);
}

inline std::span<const double> as_span(const arma::vec& x) {
  return {x.memptr(), x.n_elem};
}

}  // namespace natgrad

#endif
