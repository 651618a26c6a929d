// natgrad: logarithm and angle in double-word arithmetic. Text that is included inside an unnamed namespace
// after double_word.hpp and elementary_tables.hpp. Machine-checked, for a model of these functions:
// proofs/Elementary.v, Logarithm.v, Arctangent.v; the tables: proofs/ElementaryTables.v.

/// hi and lo are the two leading doubles, so what is left is at most u |lo| <= u^2 |hi|.
NATGRAD_INLINE DoubleWord constant(const double (&entry)[2]) {
  return {entry[0], entry[1], square_of_unit * magnitude(entry[0])};
}

NATGRAD_INLINE DoubleWord ln_2() {
  return constant(constants[0]);
}
NATGRAD_INLINE Approximation half_pi() {
  return {constant(constants[1]), 0};
}
NATGRAD_INLINE Approximation pi() {
  return {constant(constants[2]), 0};
}

/// A difference that cancelled: what is left below 2^-90 is nothing but an error.
NATGRAD_INLINE DoubleWord unless_tiny(DoubleWord x) {
  if (x.hi == 0 || magnitude(x.hi) >= 0x1p-90) return x;
  return {0, 0, slack * (x.error + (magnitude(x.hi) + 0x1p-200))};
}

/// atanh t or atan t as t alone, for hi within 2^-46 (2^-47 times an |hi| <= 2): off by |T|^3/3 (1 + ...)
/// <= 4/3 (|t|^3 + error^3) < 2^-91 |hi| + 2^-43 error, as |error| <= 2^-22 then.
NATGRAD_INLINE DoubleWord first_term(DoubleWord t) {
  t.error = slack * (t.error + 0x1p-90 * magnitude(t.hi));
  return t;
}

/// atanh t, or atan t for sign -1: with z = +-t^2, t + t z (1/3 + z (1/5 + z (1/7 + z/9 + z^2/11))).
/// |hi| <= 2^-9 (1 + 2^-20). What is left out is at most |t| |z|^6/13/(1 - |z|) < 2^-111 |t|. The innermost
/// sum takes z.hi for z (off by u) and three rounded constants (1/7 by u/2 only): in doubles, with terms that
/// fall by 2^-18 each, it is off by less than 4u of itself. That z and t are off what they stand for changes
/// both by 2^-47 error at most, which the slack covers.
NATGRAD_INLINE DoubleWord odd_series(DoubleWord t, int sign) {
  if (!(t.error <= 0x1p-22)) return {0, 0, infinite};
  if (magnitude(t.hi) < 0x1p-47) return first_term(t);
  DoubleWord z = multiply(t, t);
  if (sign < 0) z = negated(z);
  const double inner = z.hi * (1.0 / 7 + z.hi * (1.0 / 9 + z.hi * (1.0 / 11)));
  DoubleWord sum = add(constant(constants[4]), {inner, 0, 4 * unit_roundoff * magnitude(inner)});
  sum = add(constant(constants[3]), multiply(z, sum));
  sum = add(t, multiply(t, multiply(z, sum)));
  sum.error = slack * (sum.error + 0x1p-111 * magnitude(t.hi));
  return sum;
}

/// The same for any exponent. |hi| <= 2, and |t| <= 2^-9 (1 + 2^-20).
NATGRAD_INLINE Approximation odd_series(Approximation t, int sign) {
  if (is_exact_zero(t)) return t;
  if (t.exponent > 0 || !(t.number.error <= 0x1p20)) return {{0, 0, infinite}, 0};
  if (t.exponent < -46) return {first_term(t.number), t.exponent};
  return {odd_series(scaled(t.number, power_of_two(t.exponent)), sign), 0};
}

/// ln x of a number x > 0. With m in [1, 2), f the middle of m's interval of width 2^-7:
/// ln x = k ln 2 + ln f + 2 atanh t, t = (m - f)/(m + f), |t| <= 2^-8/(2 + 2^-8).
/// The derivative of ln at numbers off m by e <= 2^-10 is at most 1/(1 - 2^-10).
NATGRAD_INLINE DoubleWord logarithm(Approximation x) {
  x = normalised(x);
  const DoubleWord m = x.number;
  if (!(m.hi > 0 && m.error <= 0x1p-10)) return {0, 0, infinite};
  if (x.exponent < -0x100000 || x.exponent > 0x100000) return {0, 0, infinite};
  const auto i = static_cast<int>((m.hi - 1) * 128);
  const double f = 1 + (2 * i + 1) * 0x1p-8;
  // m - f is exact: m.hi - f by Sterbenz's lemma.
  DoubleWord t = divide(unless_tiny(two_sum(m.hi - f, m.lo)), add({m.hi, m.lo, 0}, {f, 0, 0}));
  t = odd_series(t, 1);
  DoubleWord sum = add(constant(log_table[i]), scaled(t, 2));
  sum = add(multiply(ln_2(), static_cast<double>(x.exponent)), sum);
  sum.error = slack * (sum.error + (1 + 0x1p-9) * m.error);
  return unless_tiny(sum);
}

/// ln((1 + t)/(1 - t)) = 2 atanh t for 0 <= t < 1, where `quotient` is (1 + t)/(1 - t).
NATGRAD_INLINE Approximation log_quotient(Approximation t, Approximation quotient) {
  t = normalised(t);
  if (is_exact_zero(t)) return t;
  if (t.exponent < -9) return scaled(odd_series(t, 1), 1);
  return {logarithm(quotient), 0};
}

/// atan(y/x) for x, y >= 0, not both 0. With q about y/x <= 1, f the multiple of 2^-8 nearest to q:
/// atan(y/x) = atan f + atan t, t = (y - f x)/(x + f y), |t| <= 2^-9 (1 + 2^-20). For y > x, pi/2 -
/// atan(x/y).
NATGRAD_INLINE Approximation arctangent(Approximation y, Approximation x) {
  x = normalised(x);
  y = normalised(y);
  const bool exchange =
      x.number.hi == 0 || (y.number.hi != 0 && (y.exponent > x.exponent ||
                                                (y.exponent == x.exponent && y.number.hi > x.number.hi)));
  if (exchange) {
    const Approximation kept = x;
    x = y;
    y = kept;
  }
  const std::int64_t shift = y.exponent - x.exponent;  // <= 0 unless y = 0
  int i = 0;
  if (shift > -12 && y.number.hi != 0)
    i = static_cast<int>(y.number.hi * power_of_two(shift) / x.number.hi * 256 + 0.5);
  Approximation result;
  if (i == 0) {
    result = odd_series(y / x, -1);
  } else {
    const DoubleWord aligned = scaled(y.number, power_of_two(shift));
    const double f = i * 0x1p-8;
    const DoubleWord difference = add(aligned, negated(multiply(x.number, f)));
    const DoubleWord t = divide(unless_tiny(difference), add(x.number, multiply(aligned, f)));
    result = {add(constant(atan_table[i]), odd_series(t, -1)), 0};
  }
  return exchange ? half_pi() - result : result;
}

/// The angle of (x, y) with y >= 0, from 0 to pi; not both 0.
NATGRAD_INLINE Approximation angle_of(Approximation y, Approximation x) {
  if (x.number.hi < 0) return pi() - arctangent(y, -x);
  return arctangent(y, x);
}
