// natgrad: the operations that combine.hpp is written in, one number at a time and without fused
// multiply-adds. Only portable.cpp includes it, inside an unnamed namespace.

constexpr unsigned lanes = 1;
constexpr unsigned all_lanes = 1;

using Doubles = double;
using Mask = bool;

INLINE Doubles all(double x) {
  return x;
}
INLINE Doubles load(const double* from) {
  return *from;
}
INLINE Doubles load(const float* from) {
  return static_cast<double>(*from);
}
template <class T>
INLINE Doubles load_part(const T*, unsigned) {
  return 0;  // there are no parts of one
}
template <class T>
INLINE void store(T* to, Doubles x) {
  *to = static_cast<T>(x);
}
template <class T>
INLINE void store_part(T* to, Doubles x, unsigned mask) {
  if (mask != 0) *to = static_cast<T>(x);
}

INLINE Doubles add(Doubles a, Doubles b) {
  return a + b;
}
INLINE Doubles sub(Doubles a, Doubles b) {
  return a - b;
}
INLINE Doubles mul(Doubles a, Doubles b) {
  return a * b;
}
INLINE Doubles abs(Doubles a) {
  return a < 0 ? -a : a;
}

/// a b - product, by Dekker's product of halves: exact unless something over- or underflows.
INLINE Doubles product_error(Doubles a, Doubles b, Doubles product) {
  constexpr double splitter = 0x1p27 + 1;
  const double a_scaled = splitter * a, b_scaled = splitter * b;
  const double a_high = a_scaled - (a_scaled - a), b_high = b_scaled - (b_scaled - b);
  const double a_low = a - a_high, b_low = b - b_high;
  return a_low * b_low - (((product - a_high * b_high) - a_low * b_high) - a_high * b_low);
}
/// a b + c, rounded twice.
INLINE Doubles fma(Doubles a, Doubles b, Doubles c) {
  return a * b + c;
}

INLINE Mask is_zero(Doubles a) {
  return a == 0;
}
INLINE Mask both(Mask a, Mask b) {
  return a && b;
}
INLINE Mask equal(Doubles a, Doubles b) {
  return a == b;
}
INLINE unsigned mask_bits(Mask a) {
  return a ? 1 : 0;
}
/// Whether both round to the same float, -0 and 0 being different.
INLINE Mask same_floats(Doubles a, Doubles b) {
  const auto x = static_cast<float>(a), y = static_cast<float>(b);
  return x == y && __builtin_signbit(x) == __builtin_signbit(y);
}
