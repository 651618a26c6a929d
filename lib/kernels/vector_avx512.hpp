// natgrad: the vector operations that the kernels are written in, for AVX-512 F and DQ. Only avx512.cpp includes
// it, inside an unnamed namespace.

constexpr unsigned lanes = 8;
/// Whether there are registers for the bins of three products at once.
constexpr bool fused = true;

using Doubles = __m512d;
using Integers = __m512i;
using Mask = __mmask8;

INLINE Doubles all(double x) { return _mm512_set1_pd(x); }
INLINE Integers all(std::int64_t x) { return _mm512_set1_epi64(x); }
INLINE Doubles load(const double* from) { return _mm512_loadu_pd(from); }
INLINE Doubles load(const float* from) { return _mm512_cvtps_pd(_mm256_loadu_ps(from)); }
/// The first `count` elements, and zeros. @pre count < lanes
INLINE Doubles load_part(const double* from, unsigned count) {
  return _mm512_maskz_loadu_pd(static_cast<__mmask8>((1u << count) - 1), from);
}
INLINE Doubles load_part(const float* from, unsigned count) {
  const auto mask = static_cast<__mmask16>((1u << count) - 1);
  return _mm512_cvtps_pd(_mm512_castps512_ps256(_mm512_maskz_loadu_ps(mask, from)));
}
INLINE void store(double* to, Doubles x) { _mm512_storeu_pd(to, x); }
INLINE void store(std::int64_t* to, Integers x) { _mm512_storeu_si512(to, x); }

INLINE Doubles add(Doubles a, Doubles b) { return _mm512_add_pd(a, b); }
INLINE Doubles sub(Doubles a, Doubles b) { return _mm512_sub_pd(a, b); }
INLINE Doubles mul(Doubles a, Doubles b) { return _mm512_mul_pd(a, b); }
INLINE Doubles fma(Doubles a, Doubles b, Doubles c) { return _mm512_fmadd_pd(a, b, c); }
/// a b - c
INLINE Doubles fms(Doubles a, Doubles b, Doubles c) { return _mm512_fmsub_pd(a, b, c); }
/// c - a b
INLINE Doubles fnma(Doubles a, Doubles b, Doubles c) { return _mm512_fnmadd_pd(a, b, c); }
INLINE Doubles abs(Doubles a) { return _mm512_abs_pd(a); }
/// b where either is NaN.
INLINE Doubles min(Doubles a, Doubles b) { return _mm512_min_pd(a, b); }
INLINE Doubles max(Doubles a, Doubles b) { return _mm512_max_pd(a, b); }

INLINE Integers bits(Doubles a) { return _mm512_castpd_si512(a); }
INLINE Integers add(Integers a, Integers b) { return _mm512_add_epi64(a, b); }
INLINE Integers sub(Integers a, Integers b) { return _mm512_sub_epi64(a, b); }

INLINE Mask not_zero(Doubles a) { return _mm512_cmp_pd_mask(a, _mm512_setzero_pd(), _CMP_NEQ_UQ); }
INLINE Mask both(Mask a, Mask b) { return static_cast<Mask>(a & b); }
/// min(a, b) where `valid`, b elsewhere.
INLINE Doubles min_where(Mask valid, Doubles a, Doubles b) { return _mm512_mask_min_pd(b, valid, a, b); }

/// All lanes; false where either is NaN.
INLINE bool all_at_most(Doubles a, Doubles b) { return _mm512_cmp_pd_mask(a, b, _CMP_LE_OQ) == 0xff; }

INLINE std::int64_t sum_of_lanes(Integers a) { return _mm512_reduce_add_epi64(a); }
/// NaN where there is one.
INLINE double most_of_lanes(Doubles a) {
  return _mm512_cmp_pd_mask(a, a, _CMP_UNORD_Q) != 0 ? __builtin_nan("") : _mm512_reduce_max_pd(a);
}
INLINE double least_of_lanes(Doubles a) { return _mm512_reduce_min_pd(a); }
