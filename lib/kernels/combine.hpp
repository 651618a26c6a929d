// natgrad: elements of a linear combination of three vectors, correctly rounded wherever that can be
// certified. Included inside an unnamed namespace by the file of every instruction set, after its vector
// operations.
//
// Wanted is the double nearest to v = c1 v1 + c2 v2 + c3 v3 with real c_k = h_k + l_k + e_k, |l_k| <= u
// |h_k|, |e_k| <= r |h_k|, u = 2^-53 (Combination::relative_error is r). Computed is
//   p_k + q_k = h_k v_k, q_k the error of the product p_k; t_k = l_k v_k + q_k, fused;
//   s + d1 = p_1 + p_2, S + d2 = s + p_3 (Knuth's TwoSum); R = ((t_1 + t_2) + t_3) + (d1 + d2);
//   hi = S + R, lo = R - (hi - S).
// (Where multiply-adds are not fused, t_k is off by another u |l_k v_k| <= u^2 |p_k|: u^2 P more.)
// With P = |p_1| + |p_2| + |p_3|, and but for factors 1 + 4 u: |t_k| <= 2 u |p_k|, off by u |t_k|: 2 u^2 P in
// all. |t_1 + t_2| and |t_1 + t_2 + t_3| are at most 2 u P, each off by 2 u^2 P; |d1| + |d2| <= 2 u P, their
// sum off by 2 u^2 P; |R| <= 4 u P, off by 4 u^2 P. So S + R differs from the sum of (h_k + l_k) v_k by at
// most 12 u^2 P, and from v by at most (12 u^2 + r) P. If |S| >= |R|, then hi + lo = S + R exactly (Dekker),
// and v lies within E' = (12 u^2 + r) P of hi + lo. With E = (16 u^2 + r) P (1 + 2^-40) + 2^-1060: if hi +
// (lo - E) and hi + (lo + E) both round to hi, then so does v. For E exceeds E' by more than the roundings of
// lo +- E, u |lo| <= u^2 |hi| <= 2 u^2 P, and those of E itself; and 2^-1060 exceeds all errors by underflow,
// together at most 2^-1069. If |S| < |R|, then |hi| < 8 u P, and E > 16 u^2 P > u |hi| is so large that hi
// cannot be certified. Overflow makes hi or E infinite or NaN, which is not certified either. For floats, see
// certified(). Machine-checked, underflow included: proofs/Elements.v, element_certified and what stands
// before it.

/// Prefetching this many bytes ahead hides most of the latency of memory.
constexpr std::size_t ahead = 4096;

template <class T>
INLINE void prefetch(const T* from) {
  __builtin_prefetch(reinterpret_cast<const char*>(from) + ahead);
}

/// Whether every number within `error` of high + low rounds to one double, and that double is `high`.
INLINE Mask certified(Doubles high, Doubles low, Doubles error, double) {
  return both(equal(add(high, add(low, error)), high), equal(add(high, sub(low, error)), high));
}

/// Likewise to one float, that nearest to `high`: [high - w, high + w], w = error + 2 |low| + 2^-51 |high|,
/// holds them all, whatever its ends are rounded to and whichever of |S| and |R| is larger, and rounding to
/// float is monotonic. Ends beyond the largest float are the same infinity, which is right.
INLINE Mask certified(Doubles high, Doubles low, Doubles error, float) {
  const Doubles width = add(fma(abs(low), all(2.0), error), mul(abs(high), all(0x1p-51)));
  return same_floats(sub(high, width), add(high, width));
}

struct Term {
  Doubles high, low;
};

/// h v as p and t.
INLINE Term term(Doubles h, Doubles l, Doubles v) {
  const Doubles product = mul(h, v);
  return {product, fma(l, v, product_error(h, v, product))};
}

/// sum and its error.
INLINE Term two_sum(Doubles a, Doubles b) {
  const Doubles sum = add(a, b), rest = sub(sum, a);
  return {sum, add(sub(a, sub(sum, rest)), sub(b, rest))};
}

template <class T>
std::size_t combine(const Combination& c, const double* first, const T* second, const double* third, T* out,
                    std::size_t n, std::uint64_t* failed) {
  constexpr double u = 0x1p-53;
  const Doubles relative = all((16 * u * u + c.relative_error) * (1 + 0x1p-40)), least = all(0x1p-1060);
  const Doubles h1 = all(c.high[0]), h2 = all(c.high[1]), h3 = all(c.high[2]);
  const Doubles l1 = all(c.low[0]), l2 = all(c.low[1]), l3 = all(c.low[2]);
  std::size_t failures = 0;
  const auto step = [&](Doubles v1, Doubles v2, Doubles v3, std::size_t i, unsigned valid) ALWAYS_INLINE {
    const Term t1 = term(h1, l1, v1), t2 = term(h2, l2, v2), t3 = term(h3, l3, v3);
    const Term s1 = two_sum(t1.high, t2.high), s2 = two_sum(s1.high, t3.high);
    const Doubles rest = add(add(add(t1.low, t2.low), t3.low), add(s1.low, s2.low));
    const Doubles high = add(s2.high, rest), low = sub(rest, sub(high, s2.high));
    const Doubles magnitude = add(add(abs(t1.high), abs(t2.high)), abs(t3.high));
    const Doubles error = fma(relative, magnitude, least);
    const unsigned good = mask_bits(certified(high, low, error, T())) & valid;
    if (good == all_lanes) {
      store(out + i, high);
      return;
    }
    // Where all elements are zero, so is the sum.
    const unsigned zero = mask_bits(both(both(is_zero(v1), is_zero(v2)), is_zero(v3))) & valid;
    store_part(out + i, high, good & ~zero);
    store_part(out + i, all(0.0), zero);
    const unsigned bad = valid & ~(good | zero);
    failed[i / 64] |= static_cast<std::uint64_t>(bad) << i % 64;
    failures += static_cast<std::size_t>(__builtin_popcount(bad));
  };
  std::size_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    prefetch(first + i);
    prefetch(second + i);
    prefetch(third + i);
    step(load(first + i), load(second + i), load(third + i), i, all_lanes);
  }
  if (i != n) {
    const auto rest = static_cast<unsigned>(n - i);
    step(load_part(first + i, rest), load_part(second + i, rest), load_part(third + i, rest), i,
         (1u << rest) - 1);
  }
  return failures;
}
