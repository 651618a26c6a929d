// natgrad: the kernels, written in the vector operations of one instruction set. Included inside an unnamed namespace
// by avx2.cpp and avx512.cpp: nothing here, inline or template, is shared between them. See table.hpp for what is
// computed and why it is exact.

/// 2^e. @pre -1022 <= e <= 1023
INLINE double power(int e) {
  const std::uint64_t pattern = static_cast<std::uint64_t>(1023 + e) << 52;
  double result;
  __builtin_memcpy(&result, &pattern, sizeof result);
  return result;
}

INLINE double infinity() {
  return __builtin_inf();
}

/// Both rows of bins of one product. Half of them are idle for floats, and optimised away.
template <unsigned K>
struct Bins {
  Doubles high[K], low[K];
};

/// What an empty bin holds: 1.5 2^(52 + quantum).
template <unsigned K>
INLINE Bins<K> empty_bins(int top) {
  Bins<K> bins;
  for (unsigned k = 0; k < K; ++k) {
    const int quantum = top - bin_distance * static_cast<int>(k);
    bins.high[k] = all(1.5 * power(52 + quantum));
    bins.low[k] = all(1.5 * power(52 + quantum - low_row));
  }
  return bins;
}

/// 1, which the compiler does not know. Additions of the form x 1 + y go to the multipliers, which would be idle most
/// of the time while the adders of some processors are busy; the result is the same.
INLINE Doubles opaque_one() {
  Doubles one = all(1.0);
  __asm__("" : "+v"(one));
  return one;
}

/// Adds x to a bin and leaves the rest in x.
INLINE void pour(Doubles& bin, Doubles& x, Doubles one) {
  const Doubles sum = add(bin, x);
  x = fnma(sub(sum, bin), one, x);
  bin = sum;
}

template <unsigned K>
INLINE void pour_all(Doubles (&row)[K], Doubles x, Doubles one) {
  static_assert(2 <= K && K <= 4);
  pour(row[0], x, one);
  if constexpr (K > 2) pour(row[1], x, one);
  if constexpr (K > 3) pour(row[2], x, one);
  row[K - 1] = fma(x, one, row[K - 1]);
}

/// Adds a b. Returns its high part.
template <bool has_low, unsigned K>
INLINE Doubles add_product(Bins<K>& bins, Doubles a, Doubles b, Doubles one) {
  const Doubles high = mul(a, b);
  pour_all(bins.high, high, one);
  if constexpr (has_low) pour_all(bins.low, fms(a, b, high), one);
  return high;
}

/// Sums of bins over blocks, as integers in every lane: at most 2^51 a block.
template <unsigned K>
struct LaneTotals {
  Integers high[K], low[K];
};

template <unsigned K>
INLINE void clear(LaneTotals<K>& totals) {
  for (unsigned k = 0; k < K; ++k) totals.high[k] = totals.low[k] = all(std::int64_t{0});
}

/// Within a binade, bit patterns differ as the numbers do.
template <bool has_low, unsigned K>
INLINE void collect(LaneTotals<K>& totals, const Bins<K>& bins, const Bins<K>& empty) {
  for (unsigned k = 0; k < K; ++k) {
    totals.high[k] = add(totals.high[k], sub(bits(bins.high[k]), bits(empty.high[k])));
    if constexpr (has_low) totals.low[k] = add(totals.low[k], sub(bits(bins.low[k]), bits(empty.low[k])));
  }
}

template <bool has_low, unsigned K>
INLINE void finish(BinTotals& to, const LaneTotals<K>& from) {
  for (unsigned k = 0; k < K; ++k) {
    to.high[k] += sum_of_lanes(from.high[k]);
    if constexpr (has_low) to.low[k] += sum_of_lanes(from.low[k]);
  }
}

INLINE Doubles least(int top, unsigned bins) {
  return all(power(top + footroom - bin_distance * (static_cast<int>(bins) - 2)));
}

template <class T>
struct HasLow;
template <>
struct HasLow<double> {
  static constexpr bool value = true;
};
template <>
struct HasLow<float> {
  static constexpr bool value = false;
};

/// Prefetching this many bytes ahead hides most of the latency of memory.
constexpr std::size_t ahead = 2048;

template <class T>
INLINE void prefetch(const T* from) {
  __builtin_prefetch(reinterpret_cast<const char*>(from) + ahead);
}

/// Sums of squares of x and of y, and of their products, over one block. Where registers are few, one product after
/// the other: the block is in the first-level cache.
template <unsigned K, class T>
INLINE void add_gram(const T* g, const T* y, std::size_t n, Bins<K> (&bins)[3], Doubles (&smallest)[2]) {
  constexpr bool low = HasLow<T>::value;
  const Doubles one = opaque_one();
  const auto square = [&](Doubles x, Bins<K>& into, Doubles& least) ALWAYS_INLINE {
    const Doubles high = add_product<low>(into, x, x, one);
    least = min_where(not_zero(x), high, least);
  };
  if constexpr (fused) {
    const auto step = [&](Doubles a, Doubles b) ALWAYS_INLINE {
      square(a, bins[0], smallest[0]);
      add_product<low>(bins[1], a, b, one);
      square(b, bins[2], smallest[1]);
    };
    std::size_t i = 0;
    for (; i + lanes <= n; i += lanes) {
      prefetch(g + i);
      prefetch(y + i);
      step(load(g + i), load(y + i));
    }
    if (i != n) {
      const auto rest = static_cast<unsigned>(n - i);
      step(load_part(g + i, rest), load_part(y + i, rest));
    }
  } else {
    const std::size_t whole = n - n % lanes;
    const auto rest = static_cast<unsigned>(n - whole);
    const auto squares = [&](const T* x, Bins<K>& into, Doubles& least) ALWAYS_INLINE {
      for (std::size_t i = 0; i < whole; i += lanes) {
        prefetch(x + i);
        square(load(x + i), into, least);
      }
      if (rest != 0) square(load_part(x + whole, rest), into, least);
    };
    squares(g, bins[0], smallest[0]);
    squares(y, bins[2], smallest[1]);
    for (std::size_t i = 0; i < whole; i += lanes) add_product<low>(bins[1], load(g + i), load(y + i), one);
    if (rest != 0) add_product<low>(bins[1], load_part(g + whole, rest), load_part(y + whole, rest), one);
  }
}

template <unsigned K, class T>
std::size_t run_gram(const T* g, const T* y, std::size_t n, const int (&top)[3], BinTotals (&totals)[3]) {
  constexpr bool low = HasLow<T>::value;
  Bins<K> empty[3];
  LaneTotals<K> lane_totals[3];
  Doubles most[2];  // what the first bin of squares may hold
  for (unsigned p = 0; p < 3; ++p) {
    empty[p] = empty_bins<K>(top[p]);
    clear(lane_totals[p]);
    if (p != 1) most[p / 2] = add(empty[p].high[0], all(power(top[p] + headroom)));
  }
  const Doubles least_gg = least(top[0], K), least_yy = least(top[2], K);
  std::size_t done = 0;
  while (done < n) {
    const std::size_t length = n - done < block ? n - done : block;
    Bins<K> bins[3] = {empty[0], empty[1], empty[2]};
    Doubles smallest[2] = {all(infinity()), all(infinity())};
    add_gram(g + done, y + done, length, bins, smallest);
    const bool certified = all_at_most(bins[0].high[0], most[0]) && all_at_most(bins[2].high[0], most[1]) &&
                           all_at_most(least_gg, smallest[0]) && all_at_most(least_yy, smallest[1]);
    if (!certified) break;
    for (unsigned p = 0; p < 3; ++p) collect<low>(lane_totals[p], bins[p], empty[p]);
    done += length;
  }
  if (done != 0)
    for (unsigned p = 0; p < 3; ++p) finish<low>(totals[p], lane_totals[p]);
  return done;
}

template <class T>
std::size_t gram(const T* g, const T* y, std::size_t n, unsigned bins, const int (&top)[3],
                 BinTotals (&totals)[3]) {
  if (bins == 2) return run_gram<2>(g, y, n, top, totals);
  if (bins == 3) return run_gram<3>(g, y, n, top, totals);
  return run_gram<4>(g, y, n, top, totals);
}

template <class T>
void look_gram(const T* g, const T* y, std::size_t n, Extent (&extents)[2]) {
  Doubles sum[2] = {all(0.0), all(0.0)}, smallest[2] = {all(infinity()), all(infinity())};
  const auto step = [&](Doubles a, Doubles b) ALWAYS_INLINE {
    const Doubles aa = mul(a, a), bb = mul(b, b);
    sum[0] = add(sum[0], aa);
    sum[1] = add(sum[1], bb);
    smallest[0] = min_where(not_zero(a), aa, smallest[0]);
    smallest[1] = min_where(not_zero(b), bb, smallest[1]);
  };
  std::size_t i = 0;
  for (; i + lanes <= n; i += lanes) step(load(g + i), load(y + i));
  if (i != n) {
    const auto rest = static_cast<unsigned>(n - i);
    step(load_part(g + i, rest), load_part(y + i, rest));
  }
  for (unsigned p = 0; p < 2; ++p) extents[p] = {most_of_lanes(sum[p]), least_of_lanes(smallest[p])};
}

/// Sums of a x and b x over one block, with what their certificates need.
template <unsigned K, unsigned N>
INLINE void add_dots(const double* const (&factors)[2], const double* x, std::size_t n, Bins<K> (&bins)[N],
                     Doubles (&sum)[N], Doubles (&smallest)[N]) {
  const Doubles one = opaque_one();
  const auto product = [&](Doubles a, Doubles b, Mask b_not_zero, unsigned p) ALWAYS_INLINE {
    const Doubles high = abs(add_product<true>(bins[p], a, b, one));
    sum[p] = add(sum[p], high);
    smallest[p] = min_where(both(not_zero(a), b_not_zero), high, smallest[p]);
  };
  std::size_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    prefetch(x + i);
    prefetch(factors[0] + i);
    const Doubles b = load(x + i);
    const Mask valid = not_zero(b);
    product(load(factors[0] + i), b, valid, 0);
    if constexpr (N > 1) {
      prefetch(factors[1] + i);
      product(load(factors[1] + i), b, valid, 1);
    }
  }
  if (i != n) {
    const auto rest = static_cast<unsigned>(n - i);
    const Doubles b = load_part(x + i, rest);
    const Mask valid = not_zero(b);
    product(load_part(factors[0] + i, rest), b, valid, 0);
    if constexpr (N > 1) product(load_part(factors[1] + i, rest), b, valid, 1);
  }
}

template <unsigned K, unsigned N>
std::size_t run_dots(const double* const (&factors)[2], const double* x, std::size_t n, const int (&top)[2],
                     BinTotals (&totals)[2]) {
  Bins<K> empty[N];
  LaneTotals<K> lane_totals[N];
  Doubles most[N], fewest[N];
  for (unsigned p = 0; p < N; ++p) {
    empty[p] = empty_bins<K>(top[p]);
    clear(lane_totals[p]);
    most[p] = all(power(top[p] + headroom));
    fewest[p] = least(top[p], K);
  }
  std::size_t done = 0;
  while (done < n) {
    const std::size_t length = n - done < block ? n - done : block;
    Bins<K> bins[N];
    Doubles sum[N], smallest[N];
    const double* from[2] = {};
    for (unsigned p = 0; p < N; ++p) {
      bins[p] = empty[p];
      sum[p] = all(0.0);
      smallest[p] = all(infinity());
      from[p] = factors[p] + done;
    }
    add_dots<K, N>(from, x + done, length, bins, sum, smallest);
    bool certified = true;
    for (unsigned p = 0; p < N; ++p)
      certified = certified && all_at_most(sum[p], most[p]) && all_at_most(fewest[p], smallest[p]);
    if (!certified) break;
    for (unsigned p = 0; p < N; ++p) collect<true>(lane_totals[p], bins[p], empty[p]);
    done += length;
  }
  if (done != 0)
    for (unsigned p = 0; p < N; ++p) finish<true>(totals[p], lane_totals[p]);
  return done;
}

std::size_t dots(const double* a, const double* b, const double* x, std::size_t n, unsigned bins,
                 const int (&top)[2], BinTotals (&totals)[2]) {
  const double* const factors[2] = {a, b};
  if (b == nullptr) {
    if (bins == 2) return run_dots<2, 1>(factors, x, n, top, totals);
    if (bins == 3) return run_dots<3, 1>(factors, x, n, top, totals);
    return run_dots<4, 1>(factors, x, n, top, totals);
  }
  if (bins == 2) return run_dots<2, 2>(factors, x, n, top, totals);
  if (bins == 3) return run_dots<3, 2>(factors, x, n, top, totals);
  return run_dots<4, 2>(factors, x, n, top, totals);
}

void look_dots(const double* a, const double* b, const double* x, std::size_t n, Extent (&extents)[2]) {
  const double* const factors[2] = {a, b};
  for (unsigned p = 0; p < (b == nullptr ? 1u : 2u); ++p) {
    Doubles sum = all(0.0), smallest = all(infinity());
    const auto step = [&](Doubles u, Doubles v) ALWAYS_INLINE {
      const Doubles high = abs(mul(u, v));
      sum = add(sum, high);
      smallest = min_where(both(not_zero(u), not_zero(v)), high, smallest);
    };
    std::size_t i = 0;
    for (; i + lanes <= n; i += lanes) step(load(factors[p] + i), load(x + i));
    if (i != n) {
      const auto rest = static_cast<unsigned>(n - i);
      step(load_part(factors[p] + i, rest), load_part(x + i, rest));
    }
    extents[p] = {most_of_lanes(sum), least_of_lanes(smallest)};
  }
}
