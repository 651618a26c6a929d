// natgrad: the vector operations that the kernels are written in, for AVX2 and FMA. Only avx2.cpp includes
// it, inside an unnamed namespace.

constexpr unsigned lanes = 4;
constexpr unsigned all_lanes = 0xf;
/// Whether there are registers for the bins of three products at once. If not, products come one after the
/// other,
constexpr bool fused = false;
/// each with this many sets of bins, so that additions need not wait for each other.
constexpr unsigned ways = 2;

using Doubles = __m256d;
using Integers = __m256i;
using Mask = __m256d;  // all bits of a lane, or none

/// The same in a register: the compiler neither knows what it is nor loads it again.
INLINE Doubles pinned(Doubles a) {
  __asm__("" : "+x"(a));
  return a;
}
INLINE Doubles all(double x) {
  return _mm256_set1_pd(x);
}
INLINE Integers all(std::int64_t x) {
  return _mm256_set1_epi64x(x);
}
INLINE Doubles load(const double* from) {
  return _mm256_loadu_pd(from);
}
INLINE Doubles load(const float* from) {
  return _mm256_cvtps_pd(_mm_loadu_ps(from));
}
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
INLINE void store(double* to, Doubles x) {
  _mm256_storeu_pd(to, x);
}
INLINE void store(float* to, Doubles x) {
  _mm_storeu_ps(to, _mm256_cvtpd_ps(x));
}
/// The lanes whose bits are set.
INLINE void store_part(double* to, Doubles x, unsigned mask) {
  double all_of_them[lanes];
  _mm256_storeu_pd(all_of_them, x);
  for (unsigned k = 0; k < lanes; ++k)
    if ((mask >> k & 1) != 0) to[k] = all_of_them[k];
}
INLINE void store_part(float* to, Doubles x, unsigned mask) {
  float all_of_them[lanes];
  _mm_storeu_ps(all_of_them, _mm256_cvtpd_ps(x));
  for (unsigned k = 0; k < lanes; ++k)
    if ((mask >> k & 1) != 0) to[k] = all_of_them[k];
}

INLINE Doubles add(Doubles a, Doubles b) {
  return _mm256_add_pd(a, b);
}
INLINE Doubles sub(Doubles a, Doubles b) {
  return _mm256_sub_pd(a, b);
}
INLINE Doubles mul(Doubles a, Doubles b) {
  return _mm256_mul_pd(a, b);
}
INLINE Doubles fma(Doubles a, Doubles b, Doubles c) {
  return _mm256_fmadd_pd(a, b, c);
}
/// a b - c
INLINE Doubles fms(Doubles a, Doubles b, Doubles c) {
  return _mm256_fmsub_pd(a, b, c);
}
/// a b - product
INLINE Doubles product_error(Doubles a, Doubles b, Doubles product) {
  return fms(a, b, product);
}
/// c - a b
INLINE Doubles fnma(Doubles a, Doubles b, Doubles c) {
  return _mm256_fnmadd_pd(a, b, c);
}
INLINE Doubles abs(Doubles a) {
  return _mm256_andnot_pd(all(-0.0), a);
}

INLINE Integers bits(Doubles a) {
  return _mm256_castpd_si256(a);
}
INLINE Doubles doubles(Integers a) {
  return _mm256_castsi256_pd(a);
}
INLINE Integers add(Integers a, Integers b) {
  return _mm256_add_epi64(a, b);
}
INLINE Integers sub(Integers a, Integers b) {
  return _mm256_sub_epi64(a, b);
}

INLINE Mask is_zero(Doubles a) {
  return _mm256_cmp_pd(a, _mm256_setzero_pd(), _CMP_EQ_OQ);
}
INLINE Mask either(Mask a, Mask b) {
  return _mm256_or_pd(a, b);
}
INLINE Mask both(Mask a, Mask b) {
  return _mm256_and_pd(a, b);
}
INLINE Mask equal(Doubles a, Doubles b) {
  return _mm256_cmp_pd(a, b, _CMP_EQ_OQ);
}
INLINE unsigned mask_bits(Mask a) {
  return static_cast<unsigned>(_mm256_movemask_pd(a));
}
/// b where `skipped`, min(a, b) elsewhere: all bits set are a NaN, and the minimum of NaN and b is b.
INLINE Doubles min_but(Mask skipped, Doubles a, Doubles b) {
  return _mm256_min_pd(_mm256_or_pd(a, skipped), b);
}

/// All lanes; false where either is NaN.
INLINE bool all_at_most(Doubles a, Doubles b) {
  return _mm256_movemask_pd(_mm256_cmp_pd(a, b, _CMP_LE_OQ)) == 0xf;
}

/// Whether both round to the same float, -0 and 0 being different.
INLINE Mask same_floats(Doubles a, Doubles b) {
  const __m128i x = _mm_castps_si128(_mm256_cvtpd_ps(a)), y = _mm_castps_si128(_mm256_cvtpd_ps(b));
  const __m256d same = _mm256_castsi256_pd(_mm256_cvtepi32_epi64(_mm_cmpeq_epi32(x, y)));
  return both(same, both(equal(a, a), equal(b, b)));
}

/// Adds to each of four numbers the sum of the lanes of one vector.
INLINE void add_lanes(Integers a, Integers b, Integers c, Integers d, std::int64_t* to) {
  const Integers ab = add(_mm256_unpacklo_epi64(a, b), _mm256_unpackhi_epi64(a, b));
  const Integers cd = add(_mm256_unpacklo_epi64(c, d), _mm256_unpackhi_epi64(c, d));
  const Integers sums = add(_mm256_permute2x128_si256(ab, cd, 0x20), _mm256_permute2x128_si256(ab, cd, 0x31));
  auto* const where = reinterpret_cast<__m256i*>(to);
  _mm256_storeu_si256(where, add(_mm256_loadu_si256(where), sums));
}
INLINE double sum_of_lanes(Doubles a) {
  const __m128d half = _mm_add_pd(_mm256_castpd256_pd128(a), _mm256_extractf128_pd(a, 1));
  return _mm_cvtsd_f64(_mm_add_pd(half, _mm_unpackhi_pd(half, half)));
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
