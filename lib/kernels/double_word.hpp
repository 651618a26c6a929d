// natgrad: double-word arithmetic with an error bound that goes along. Text that is included inside an
// unnamed namespace, once for every instruction set, after <cstdint>; with NATGRAD_FUSED there is a fused
// multiply-add.
//
// u = 2^-53; round to nearest, no flush-to-zero. A DoubleWord stands for a real number X off x = hi + lo by
// at most error, where hi is the double nearest to hi + lo, so that |lo| <= u |hi|. (Scaling may make a lo
// underflow; the slack covers that.) The operations' own errors are argued below; compare Joldes, Muller,
// Popescu, ACM Trans. Math. Softw. 44 (2017), and Muller, Rideau, ibid. 48 (2022), whose bounds are tighter
// but each for its own variant. Machine-checked, for a model of these functions with the error that they
// carry, their ranges and the formulas made of them: proofs/Scalars.v, Transcendental.v, Coefficients.v.
//
// Range: every hi that is not 0 is within 2^-+100, so nothing overflows, and no product of two hi has bits
// below 2^-400. A product with a lo may underflow: it is then off by 2^-1075, which is nothing to the slack
// below.
//
// Bounds are themselves computed in doubles: sums, products and quotients of a few terms >= 0, each operation
// off by a factor of 1 + u at most, fewer than 64 of them. The factor `slack` covers that, the terms of
// higher order in u, and |x| <= (1 + u)|hi|.

#define NATGRAD_INLINE static inline __attribute__((always_inline))

static constexpr double unit_roundoff = 0x1p-53;
static constexpr double square_of_unit = 0x1p-106;
static constexpr double slack = 1 + 0x1p-40;
static constexpr double infinite = __builtin_inf();

struct DoubleWord {
  double hi, lo, error;
};

NATGRAD_INLINE double magnitude(double x) {
  return __builtin_fabs(x);
}

/// 2^k. @pre -1022 <= k <= 1023
NATGRAD_INLINE double power_of_two(std::int64_t k) {
  const std::uint64_t bits = static_cast<std::uint64_t>(k + 1023) << 52;
  double x;
  __builtin_memcpy(&x, &bits, sizeof x);
  return x;
}

/// floor(log2 |x|). @pre x normal
NATGRAD_INLINE std::int64_t exponent_of(double x) {
  std::uint64_t bits;
  __builtin_memcpy(&bits, &x, sizeof bits);
  return static_cast<std::int64_t>(bits >> 52 & 0x7ff) - 1023;
}

/// a + b = hi + lo exactly (Knuth).
NATGRAD_INLINE DoubleWord two_sum(double a, double b) {
  const double sum = a + b;
  const double b_part = sum - a;
  return {sum, (a - (sum - b_part)) + (b - b_part), 0};
}

/// a + b = hi + lo exactly (Dekker). @pre |a| >= |b| or a = 0
NATGRAD_INLINE DoubleWord fast_two_sum(double a, double b) {
  const double sum = a + b;
  return {sum, b - (sum - a), 0};
}

/// a b = hi + lo exactly.
NATGRAD_INLINE DoubleWord two_product(double a, double b) {
  const double product = a * b;
#if NATGRAD_FUSED
  return {product, __builtin_fma(a, b, -product), 0};
#else
  // Veltkamp's splitting into 26 and 26 bits, Dekker's product.
  const double a_scaled = 0x1.0000002p27 * a, b_scaled = 0x1.0000002p27 * b;
  const double a_high = a_scaled - (a_scaled - a), b_high = b_scaled - (b_scaled - b);
  const double a_low = a - a_high, b_low = b - b_high;
  return {product, ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low, 0};
#endif
}

/// Joldes, Muller, Popescu's algorithm 6, for any signs: off by 3u^2/(1 - 4u) of the result (their
/// theorem 3.1, which Muller and Rideau proved formally).
NATGRAD_INLINE DoubleWord add(DoubleWord x, DoubleWord y) {
  const DoubleWord s = two_sum(x.hi, y.hi), t = two_sum(x.lo, y.lo);
  const DoubleWord v = fast_two_sum(s.hi, s.lo + t.hi);
  DoubleWord z = fast_two_sum(v.hi, t.lo + v.lo);
  z.error = slack * (x.error + y.error + 3 * square_of_unit * magnitude(z.hi));
  return z;
}

NATGRAD_INLINE DoubleWord negated(DoubleWord x) {
  return {-x.hi, -x.lo, x.error};
}

/// In units of |x.hi y.hi|: each of x.hi y.lo and x.lo y.hi is at most u and off by u^2; their sum is at most
/// 2u and off by 2u^2; with the rest of x.hi y.hi (at most u) it is at most 3u and off by 3u^2; x.lo y.lo <=
/// u^2 is left out. Together 8u^2. X Y - x y = x dY + y dX + dX dY.
NATGRAD_INLINE DoubleWord multiply(DoubleWord x, DoubleWord y) {
  const DoubleWord p = two_product(x.hi, y.hi);
  DoubleWord z = fast_two_sum(p.hi, p.lo + (x.hi * y.lo + x.lo * y.hi));
  z.error = slack * (magnitude(x.hi) * y.error + magnitude(y.hi) * x.error + x.error * y.error +
                     8 * square_of_unit * magnitude(p.hi));
  return z;
}

/// By a double that is exact: as before without x.hi y.lo and its sum: u^2 + 2u^2.
NATGRAD_INLINE DoubleWord multiply(DoubleWord x, double y) {
  const DoubleWord p = two_product(x.hi, y);
  DoubleWord z = fast_two_sum(p.hi, p.lo + x.lo * y);
  z.error = slack * (magnitude(y) * x.error + 3 * square_of_unit * magnitude(p.hi));
  return z;
}

/// q = x.hi/y.hi (rounded) leaves x.hi - q y.hi, which is a double (so the differences below are exact: the
/// first by Sterbenz's lemma) of at most u |x.hi|. In units of |x.hi|: q y.lo is off by u^2; x.lo - q y.lo is
/// at most 2u and off by 2u^2; with the remainder at most 3u and off by 3u^2: 6u^2. Multiplied by 1/y.hi
/// (rounded) it is off by 3u^2 for either rounding, and by another 3u^2 as y is (1 +- u) y.hi. Together 15u^2
/// in units of |x.hi/y.hi|. X/Y - x/y = (dX - (x/y) dY)/Y, and |Y| >= (1 - 2^-20) |y.hi| - u |y.hi| if |dY|
/// <= 2^-20 |y.hi|.
NATGRAD_INLINE DoubleWord divide(DoubleWord x, DoubleWord y) {
  const double q = x.hi / y.hi, reciprocal = 1 / y.hi;
  const DoubleWord p = two_product(q, y.hi);
  const double rest = ((x.hi - p.hi) - p.lo) + (x.lo - q * y.lo);
  DoubleWord z = fast_two_sum(q, rest * reciprocal);
  z.error = slack * ((1 + 0x1p-19) * magnitude(reciprocal) * (x.error + magnitude(q) * y.error) +
                     15 * square_of_unit * magnitude(q));
  if (!(y.error <= 0x1p-20 * magnitude(y.hi))) z.error = infinite;
  return z;
}

/// Of a number X >= 0. s = sqrt(x.hi) (rounded) leaves x.hi - s^2, which is a double (Boldo, Daumas, ARITH
/// 2003) of at most 2u x.hi; with x.lo at most 3u x.hi and off by 3u^2 x.hi. In units of sqrt(x.hi): halved
/// and multiplied by 1/s (rounded) that is 1.5u, off by 1.5u^2 and by 1.5u^2 for either rounding; the next
/// term of the series, r^2/(8 s^3), is at most 1.125u^2. Together 5.625u^2. |sqrt(X) - sqrt(x)| =
/// |dX|/(sqrt(X) + sqrt(x)) is at most sqrt(|dX|), and where |dX| <= 2^-10 x at most |dX|/((2 - 2^-10)
/// sqrt(x)).
NATGRAD_INLINE DoubleWord square_root(DoubleWord x) {
  if (!(x.hi > 0)) return {0, 0, slack * __builtin_sqrt(x.error)};  // 0 <= X <= error
  const double s = __builtin_sqrt(x.hi);
  const double reciprocal = 1 / s;
  const DoubleWord p = two_product(s, s);
  const double rest = ((x.hi - p.hi) - p.lo) + x.lo;
  DoubleWord z = fast_two_sum(s, 0.5 * rest * reciprocal);
  const double inherited =
      x.error <= 0x1p-11 * x.hi ? (0.5 + 0x1p-11) * x.error * reciprocal : __builtin_sqrt(x.error);
  z.error = slack * (inherited + 5.625 * square_of_unit * s);
  return z;
}

// ---------------------------------------------------------------------------------------- scaled

/// X 2^exponent. Of each hi, let d be how many binary digits it is from 1 at most, if it is not 0. Made from
/// integers or doubles: d = 1. Sums: d = 8, or the larger d and two more. Products and quotients: both d and
/// one more. Roots: less than before. No formula comes to d = 100.
struct Approximation {
  DoubleWord number;
  std::int64_t exponent;
};

NATGRAD_INLINE DoubleWord scaled(DoubleWord x, double power) {
  return {x.hi * power, x.lo * power, x.error * power};
}

/// The same with hi in [1, 2), or as it is if hi = 0. @pre hi is 0 or normal
NATGRAD_INLINE Approximation normalised(Approximation x) {
  if (x.number.hi == 0) return x;
  const std::int64_t k = exponent_of(x.number.hi);
  return {scaled(x.number, power_of_two(-k)), x.exponent + k};
}

NATGRAD_INLINE bool is_exact_zero(const Approximation& x) {
  return x.number.hi == 0 && x.number.error == 0;
}

/// Beyond 2^-128 the smaller one is nothing but an error. So an addition makes bounds that are not 0 smaller
/// by 2^-130 at most, and they stay far from underflow: no formula nests more than six, nor multiplies what
/// nests more than two.
NATGRAD_INLINE Approximation operator+(Approximation x, Approximation y) {
  const std::int64_t exponent = x.exponent < y.exponent ? y.exponent : x.exponent;
  const std::int64_t below_x = x.exponent - exponent, below_y = y.exponent - exponent;  // one of them is 0
  if (__builtin_expect(below_x + below_y < -128, 0)) {
    if (is_exact_zero(x)) return y;
    if (is_exact_zero(y)) return x;
    DoubleWord large = below_x == 0 ? x.number : y.number;
    const DoubleWord small = below_x == 0 ? y.number : x.number;
    large.error = slack * (large.error + 0x1p-128 * (magnitude(small.hi) + small.error));
    return {large, exponent};
  }
  const DoubleWord sum =
      add(scaled(x.number, power_of_two(below_x)), scaled(y.number, power_of_two(below_y)));
  if (__builtin_expect(magnitude(sum.hi) < 0x1p-8, 0)) {
    // Errors are never that much smaller than what they belong to, so that this is undecided anyway.
    if (sum.hi != 0 && magnitude(sum.hi) < 0x1p-800) return {{0, 0, infinite}, 0};
    return normalised({sum, exponent});
  }
  return {sum, exponent};
}

NATGRAD_INLINE Approximation operator-(Approximation x) {
  return {negated(x.number), x.exponent};
}

NATGRAD_INLINE Approximation operator-(Approximation x, Approximation y) {
  return x + -y;
}

NATGRAD_INLINE Approximation operator*(Approximation x, Approximation y) {
  return {multiply(x.number, y.number), x.exponent + y.exponent};
}

NATGRAD_INLINE Approximation operator/(Approximation x, Approximation y) {
  return {divide(x.number, y.number), x.exponent - y.exponent};
}

/// Of a number >= 0.
NATGRAD_INLINE Approximation square_root(Approximation x) {
  const std::int64_t odd = x.exponent & 1;
  return {square_root(scaled(x.number, power_of_two(odd))), (x.exponent - odd) / 2};
}

/// X 2^k
NATGRAD_INLINE Approximation scaled(Approximation x, std::int64_t k) {
  return {x.number, x.exponent + k};
}

/// @pre finite, not negative
NATGRAD_INLINE Approximation from(double x) {
  const double in_range = x < 0x1p-900 ? x * 0x1p150 : x;  // makes subnormals normal
  if (in_range == 0) return {{0, 0, 0}, 0};
  const std::int64_t k = exponent_of(in_range);
  // In two steps: 2^-1023 is no normal number.
  return {{in_range * power_of_two(-k / 2) * power_of_two(k / 2 - k), 0, 0}, x < 0x1p-900 ? k - 150 : k};
}

/// Exact: 53 bits and the others.
NATGRAD_INLINE Approximation from(std::uint64_t n) {
  return normalised({fast_two_sum(static_cast<double>(static_cast<std::int64_t>(n >> 11)) * 0x1p11,
                                  static_cast<double>(static_cast<std::int64_t>(n & 0x7ff))),
                     0});
}

/// In units of 2^191, so that hi is in [1, 2]: 53 bits are exact; the next 63, below 2^-52, are off by 2^-53
/// of that when rounded to a double, 2^-106 at most as they are a multiple of 2^-115; what is left is below
/// 2^-115. `error` is in units of the last of 192 bits.
NATGRAD_INLINE Approximation from(const Leading& x, double error) {
  const auto first = static_cast<std::int64_t>(x.words[2] >> 11);
  const auto next = static_cast<std::int64_t>((x.words[2] & 0x7ff) << 52 | x.words[1] >> 12);
  DoubleWord number =
      fast_two_sum(static_cast<double>(first) * 0x1p-52, static_cast<double>(next) * 0x1p-115);
  number.error = slack * (error * 0x1p-191 + (first != 0 ? 0x1p-106 + 0x1p-115 : 0));
  return {x.negative ? negated(number) : number, x.exponent + 191};
}

NATGRAD_INLINE Approximation from(const Leading& x) {
  return from(x, 0);  // the remainder is below 2^-192 of 2^-115 already
}

NATGRAD_INLINE Approximation from(const EnclosedLeading& x) {
  return from(x.leading, x.error);
}

/// The nearest double of X if every number within the error rounds to it (the rounding test of Ziv, ACM
/// Trans. Math. Softw. 17, 1991): lo -+ margin, off by u (|lo| + margin), enclose lo -+ error; and rounding
/// is monotone. Only for normal numbers, 2^-1021 and more, and for 0. False if in doubt.
NATGRAD_INLINE bool round(const Approximation& x, double& out) {
  const DoubleWord& n = x.number;
  const double margin = slack * (n.error + 2 * unit_roundoff * magnitude(n.lo));
  const double down = n.hi + (n.lo - margin), up = n.hi + (n.lo + margin);
  if (!(down == up)) return false;  // or NaN
  if (down == 0) {
    out = 0;
    return true;  // margin = 0 then
  }
  const std::int64_t exponent = exponent_of(down) + x.exponent;
  if (exponent < -1021 || exponent > 1023) return false;
  std::uint64_t bits;
  __builtin_memcpy(&bits, &down, sizeof bits);
  bits += static_cast<std::uint64_t>(x.exponent) << 52;
  __builtin_memcpy(&out, &bits, sizeof bits);
  return true;
}
