// natgrad: the vector operations that the kernels are written in, for AVX-512 F and DQ. Only avx512.cpp
// includes it, inside an unnamed namespace.

constexpr unsigned lanes = 8;
constexpr unsigned all_lanes = 0xff;
/// Whether there are registers for the bins of three products at once.
constexpr bool fused = true;
constexpr unsigned ways = 1;

using Doubles = __m512d;
using Integers = __m512i;
using Mask = __mmask8;

/// The same in a register: the compiler neither knows what it is nor loads it again.
INLINE Doubles pinned(Doubles a) {
  __asm__("" : "+v"(a));
  return a;
}
INLINE Doubles all(double x) {
  return _mm512_set1_pd(x);
}
INLINE Integers all(std::int64_t x) {
  return _mm512_set1_epi64(x);
}
INLINE Doubles load(const double* from) {
  return _mm512_loadu_pd(from);
}
INLINE Doubles load(const float* from) {
  return _mm512_cvtps_pd(_mm256_loadu_ps(from));
}
/// The first `count` elements, and zeros. @pre count < lanes
INLINE Doubles load_part(const double* from, unsigned count) {
  return _mm512_maskz_loadu_pd(static_cast<__mmask8>((1u << count) - 1), from);
}
INLINE Doubles load_part(const float* from, unsigned count) {
  const auto mask = static_cast<__mmask16>((1u << count) - 1);
  return _mm512_cvtps_pd(_mm512_castps512_ps256(_mm512_maskz_loadu_ps(mask, from)));
}
INLINE void store(double* to, Doubles x) {
  _mm512_storeu_pd(to, x);
}
INLINE void store(float* to, Doubles x) {
  _mm256_storeu_ps(to, _mm512_cvtpd_ps(x));
}
/// The lanes whose bits are set.
INLINE void store_part(double* to, Doubles x, unsigned mask) {
  _mm512_mask_storeu_pd(to, static_cast<__mmask8>(mask), x);
}
INLINE void store_part(float* to, Doubles x, unsigned mask) {
  _mm512_mask_storeu_ps(to, static_cast<__mmask16>(mask), _mm512_castps256_ps512(_mm512_cvtpd_ps(x)));
}

INLINE Doubles add(Doubles a, Doubles b) {
  return _mm512_add_pd(a, b);
}
INLINE Doubles sub(Doubles a, Doubles b) {
  return _mm512_sub_pd(a, b);
}
INLINE Doubles mul(Doubles a, Doubles b) {
  return _mm512_mul_pd(a, b);
}
INLINE Doubles fma(Doubles a, Doubles b, Doubles c) {
  return _mm512_fmadd_pd(a, b, c);
}
/// a b - c
INLINE Doubles fms(Doubles a, Doubles b, Doubles c) {
  return _mm512_fmsub_pd(a, b, c);
}
/// a b - product
INLINE Doubles product_error(Doubles a, Doubles b, Doubles product) {
  return fms(a, b, product);
}
/// c - a b
INLINE Doubles fnma(Doubles a, Doubles b, Doubles c) {
  return _mm512_fnmadd_pd(a, b, c);
}
INLINE Doubles abs(Doubles a) {
  return _mm512_abs_pd(a);
}

INLINE Integers bits(Doubles a) {
  return _mm512_castpd_si512(a);
}
INLINE Doubles doubles(Integers a) {
  return _mm512_castsi512_pd(a);
}
INLINE Integers add(Integers a, Integers b) {
  return _mm512_add_epi64(a, b);
}
INLINE Integers sub(Integers a, Integers b) {
  return _mm512_sub_epi64(a, b);
}

INLINE Mask is_zero(Doubles a) {
  return _mm512_cmp_pd_mask(a, _mm512_setzero_pd(), _CMP_EQ_OQ);
}
INLINE Mask either(Mask a, Mask b) {
  return static_cast<Mask>(a | b);
}
INLINE Mask both(Mask a, Mask b) {
  return static_cast<Mask>(a & b);
}
INLINE Mask equal(Doubles a, Doubles b) {
  return _mm512_cmp_pd_mask(a, b, _CMP_EQ_OQ);
}
INLINE unsigned mask_bits(Mask a) {
  return a;
}
/// b where `skipped`, min(a, b) elsewhere.
INLINE Doubles min_but(Mask skipped, Doubles a, Doubles b) {
  return _mm512_mask_min_pd(b, static_cast<Mask>(~skipped), a, b);
}

/// All lanes; false where either is NaN.
INLINE bool all_at_most(Doubles a, Doubles b) {
  return _mm512_cmp_pd_mask(a, b, _CMP_LE_OQ) == 0xff;
}

/// Whether both round to the same float, -0 and 0 being different.
INLINE Mask same_floats(Doubles a, Doubles b) {
  const __m512i x = _mm512_castsi256_si512(_mm256_castps_si256(_mm512_cvtpd_ps(a)));
  const __m512i y = _mm512_castsi256_si512(_mm256_castps_si256(_mm512_cvtpd_ps(b)));
  return static_cast<Mask>(_mm512_cmpeq_epi32_mask(x, y)) & equal(a, a) & equal(b, b);
}

/// Adds to each of four numbers the sum of the lanes of one vector.
INLINE void add_lanes(Integers a, Integers b, Integers c, Integers d, std::int64_t* to) {
  const Integers ab = add(_mm512_unpacklo_epi64(a, b), _mm512_unpackhi_epi64(a, b));
  const Integers cd = add(_mm512_unpacklo_epi64(c, d), _mm512_unpackhi_epi64(c, d));
  const __m256i ab_half = _mm256_add_epi64(_mm512_castsi512_si256(ab), _mm512_extracti64x4_epi64(ab, 1));
  const __m256i cd_half = _mm256_add_epi64(_mm512_castsi512_si256(cd), _mm512_extracti64x4_epi64(cd, 1));
  const __m256i sums = _mm256_add_epi64(_mm256_permute2x128_si256(ab_half, cd_half, 0x20),
                                        _mm256_permute2x128_si256(ab_half, cd_half, 0x31));
  auto* const where = reinterpret_cast<__m256i*>(to);
  _mm256_storeu_si256(where, _mm256_add_epi64(_mm256_loadu_si256(where), sums));
}
INLINE double sum_of_lanes(Doubles a) {
  return _mm512_reduce_add_pd(a);
}
/// NaN where there is one.
INLINE double most_of_lanes(Doubles a) {
  return _mm512_cmp_pd_mask(a, a, _CMP_UNORD_Q) != 0 ? __builtin_nan("") : _mm512_reduce_max_pd(a);
}
INLINE double least_of_lanes(Doubles a) {
  return _mm512_reduce_min_pd(a);
}
