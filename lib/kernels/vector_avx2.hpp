// natgrad: the vector operations that the kernels are written in, for AVX2 and FMA. Only avx2.cpp includes it, inside
// an unnamed namespace.

constexpr unsigned lanes = 4;
/// Whether there are registers for the bins of three products at once.
constexpr bool fused = false;

using Doubles = __m256d;
using Integers = __m256i;
using Mask = __m256d;  // all bits of a lane, or none

INLINE Doubles all(double x) { return _mm256_set1_pd(x); }
INLINE Integers all(std::int64_t x) { return _mm256_set1_epi64x(x); }
INLINE Doubles load(const double* from) { return _mm256_loadu_pd(from); }
INLINE Doubles load(const float* from) { return _mm256_cvtps_pd(_mm_loadu_ps(from)); }
constexpr std::int64_t part_masks[] = {-1, -1, -1, -1, 0, 0, 0, 0};
constexpr std::int32_t part_masks_f32[] = {-1, -1, -1, -1, 0, 0, 0, 0};
/// The first `count` elements, and zeros. @pre count < lanes
INLINE Doubles load_part(const double* from, unsigned count) {
  const auto* mask = reinterpret_cast<const __m256i*>(part_masks + lanes - count);
  return _mm256_maskload_pd(from, _mm256_loadu_si256(mask));
}
INLINE Doubles load_part(const float* from, unsigned count) {
  const auto* mask = reinterpret_cast<const __m128i*>(part_masks_f32 + lanes - count);
  return _mm256_cvtps_pd(_mm_maskload_ps(from, _mm_loadu_si128(mask)));
}
INLINE void store(double* to, Doubles x) { _mm256_storeu_pd(to, x); }
INLINE void store(std::int64_t* to, Integers x) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), x); }

INLINE Doubles add(Doubles a, Doubles b) { return _mm256_add_pd(a, b); }
INLINE Doubles sub(Doubles a, Doubles b) { return _mm256_sub_pd(a, b); }
INLINE Doubles mul(Doubles a, Doubles b) { return _mm256_mul_pd(a, b); }
INLINE Doubles fma(Doubles a, Doubles b, Doubles c) { return _mm256_fmadd_pd(a, b, c); }
/// a b - c
INLINE Doubles fms(Doubles a, Doubles b, Doubles c) { return _mm256_fmsub_pd(a, b, c); }
/// c - a b
INLINE Doubles fnma(Doubles a, Doubles b, Doubles c) { return _mm256_fnmadd_pd(a, b, c); }
INLINE Doubles abs(Doubles a) { return _mm256_andnot_pd(all(-0.0), a); }
/// b where either is NaN.
INLINE Doubles min(Doubles a, Doubles b) { return _mm256_min_pd(a, b); }
INLINE Doubles max(Doubles a, Doubles b) { return _mm256_max_pd(a, b); }

INLINE Integers bits(Doubles a) { return _mm256_castpd_si256(a); }
INLINE Integers add(Integers a, Integers b) { return _mm256_add_epi64(a, b); }
INLINE Integers sub(Integers a, Integers b) { return _mm256_sub_epi64(a, b); }

INLINE Mask not_zero(Doubles a) { return _mm256_cmp_pd(a, _mm256_setzero_pd(), _CMP_NEQ_UQ); }
INLINE Mask both(Mask a, Mask b) { return _mm256_and_pd(a, b); }
/// min(a, b) where `valid`, b elsewhere.
INLINE Doubles min_where(Mask valid, Doubles a, Doubles b) {
  return _mm256_min_pd(_mm256_blendv_pd(b, a, valid), b);
}

/// All lanes; false where either is NaN.
INLINE bool all_at_most(Doubles a, Doubles b) {
  return _mm256_movemask_pd(_mm256_cmp_pd(a, b, _CMP_LE_OQ)) == 0xf;
}

INLINE std::int64_t sum_of_lanes(Integers a) {
  const __m128i half = _mm_add_epi64(_mm256_castsi256_si128(a), _mm256_extracti128_si256(a, 1));
  return _mm_cvtsi128_si64(half) + _mm_extract_epi64(half, 1);
}
/// NaN where there is one.
INLINE double most_of_lanes(Doubles a) {
  if (_mm256_movemask_pd(_mm256_cmp_pd(a, a, _CMP_UNORD_Q)) != 0) return __builtin_nan("");
  const __m128d half = _mm_max_pd(_mm256_castpd256_pd128(a), _mm256_extractf128_pd(a, 1));
  return _mm_cvtsd_f64(_mm_max_pd(half, _mm_unpackhi_pd(half, half)));
}
INLINE double least_of_lanes(Doubles a) {
  const __m128d half = _mm_min_pd(_mm256_castpd256_pd128(a), _mm256_extractf128_pd(a, 1));
  return _mm_cvtsd_f64(_mm_min_pd(half, _mm_unpackhi_pd(half, half)));
}
