// natgrad: the kernels, written in the vector operations of one instruction set. Included inside an unnamed
// namespace by avx2.cpp and avx512.cpp: nothing here, inline or template, is shared between them. See
// table.hpp for what is computed and why it is exact.

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

/// f(0) ... f(N - 1), written out: arrays of vectors whose indices are known stay in registers.
template <unsigned N, class F>
INLINE void each(F f) {
  static_assert(N <= 7);
  if constexpr (N > 0) f(0u);
  if constexpr (N > 1) f(1u);
  if constexpr (N > 2) f(2u);
  if constexpr (N > 3) f(3u);
  if constexpr (N > 4) f(4u);
  if constexpr (N > 5) f(5u);
  if constexpr (N > 6) f(6u);
}

/// Both rows of bins of one product. Half of them are idle for floats, and optimised away.
template <unsigned K>
struct Bins {
  Doubles high[K], low[K];
};

/// What makes x 2^top of x, added to its bits. @pre both are normal numbers
INLINE Integers shift_of(int top) {
  return all(static_cast<std::int64_t>(top) * (std::int64_t{1} << 52));
}
INLINE Doubles shifted(double x, Integers shift) {
  return doubles(add(bits(all(x)), shift));
}

/// What an empty bin holds: 1.5 2^(52 + quantum).
template <unsigned K>
INLINE Bins<K> empty_bins(int top) {
  const Integers shift = shift_of(top);
  Bins<K> bins;
  each<K>([&](unsigned k) ALWAYS_INLINE {
    const int quantum = -bin_distance * static_cast<int>(k);
    bins.high[k] = shifted(1.5 * power(52 + quantum), shift);
    bins.low[k] = shifted(1.5 * power(52 + quantum - low_row), shift);
  });
  return bins;
}

/// 1, which the compiler does not know. Additions of the form x 1 + y go to the multipliers, which would be
/// idle most of the time while the adders of some processors are busy; the result is the same.
INLINE Doubles opaque_one() {
  return pinned(all(1.0));
}

/// Adds x to a bin and leaves the rest in x.
INLINE void pour(Doubles& bin, Doubles& x, Doubles one) {
  const Doubles sum = add(bin, x);
  x = fnma(sub(sum, bin), one, x);
  bin = sum;
}

/// Adds x to a row but for its last bin, and leaves the rest in x.
template <unsigned K>
INLINE void pour_all(Doubles (&row)[K], Doubles& x, Doubles one) {
  each<K - 1>([&](unsigned k) ALWAYS_INLINE { pour(row[k], x, one); });
}

/// Adds a b. Returns its high part.
template <bool has_low, unsigned K>
INLINE Doubles add_product(Bins<K>& bins, Doubles a, Doubles b, Doubles one) {
  const Doubles high = mul(a, b);
  Doubles rest = high;
  pour_all(bins.high, rest, one);
  bins.high[K - 1] = fma(rest, one, bins.high[K - 1]);
  if constexpr (has_low) {
    Doubles low = fms(a, b, high);
    pour_all(bins.low, low, one);
    bins.low[K - 1] = add(bins.low[K - 1], low);
  }
  return high;
}

/// Sums of bins over blocks, as integers in every lane: at most 2^51 a block.
template <unsigned K>
struct LaneTotals {
  Integers high[K], low[K];
};

template <unsigned K>
INLINE void clear(LaneTotals<K>& totals) {
  each<K>([&](unsigned k) ALWAYS_INLINE { totals.high[k] = totals.low[k] = all(std::int64_t{0}); });
}

/// Within a binade, bit patterns differ as the numbers do.
template <bool has_low, unsigned K>
INLINE void collect(LaneTotals<K>& totals, const Bins<K>& bins, const Bins<K>& empty) {
  each<K>([&](unsigned k) ALWAYS_INLINE {
    totals.high[k] = add(totals.high[k], sub(bits(bins.high[k]), bits(empty.high[k])));
    if constexpr (has_low) totals.low[k] = add(totals.low[k], sub(bits(bins.low[k]), bits(empty.low[k])));
  });
}

template <unsigned K>
INLINE void finish_row(std::int64_t (&sums)[row_size], const Integers (&row)[K]) {
  const Integers none = all(std::int64_t{0});
  const auto bin = [&](unsigned k) ALWAYS_INLINE { return k < K ? row[k < K ? k : 0] : none; };
  add_lanes(bin(0), bin(1), bin(2), bin(3), sums);
  if constexpr (K > 4) add_lanes(bin(4), bin(5), bin(6), bin(7), sums + 4);
}

template <bool has_low, unsigned K>
INLINE void finish(BinTotals& to, const LaneTotals<K>& from) {
  finish_row(to.high, from.high);
  if constexpr (has_low) finish_row(to.low, from.low);
}

template <bool has_low>
INLINE ShortTotals finish(const LaneTotals<2>& from) {
  const Integers none = all(std::int64_t{0});
  std::int64_t sums[4] = {};
  add_lanes(from.high[0], from.high[1], has_low ? from.low[0] : none, has_low ? from.low[1] : none, sums);
  return {{sums[0], sums[1]}, {sums[2], sums[3]}};
}

/// The least top that (1) of the certificate allows for sums below 2^(exponent + 1).
INLINE int lowest_top(int exponent) {
  const int top = exponent + 1 - headroom;
  return top < -most_top ? -most_top : top;
}

INLINE Doubles least(int top, unsigned bins) {
  return shifted(power(footroom - bin_distance * (static_cast<int>(bins) - 2)), shift_of(top));
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

/// Three products in one loop.
template <unsigned K, class T>
INLINE void add_gram_fused(const T* g, const T* y, std::size_t n, Bins<K> (&bins)[3],
                           Doubles (&smallest)[2]) {
  constexpr bool low = HasLow<T>::value;
  const Doubles one = opaque_one();
  const auto step = [&](Doubles a, Doubles b) ALWAYS_INLINE {
    smallest[0] = min_but(is_zero(a), add_product<low>(bins[0], a, a, one), smallest[0]);
    add_product<low>(bins[1], a, b, one);
    smallest[1] = min_but(is_zero(b), add_product<low>(bins[2], b, b, one), smallest[1]);
  };
  std::size_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    prefetch(g + i);
    prefetch(y + i);
    step(pinned(load(g + i)), pinned(load(y + i)));
  }
  if (i != n) {
    const auto rest = static_cast<unsigned>(n - i);
    step(load_part(g + i, rest), load_part(y + i, rest));
  }
}

/// One product, into two sets of bins by turns. The block is in the first-level cache when it comes round
/// again.
template <bool square, unsigned K, class T>
INLINE void add_one_product(const T* x, const T* z, std::size_t n, Bins<K>& even, Bins<K>& odd,
                            Doubles& smallest) {
  constexpr bool low = HasLow<T>::value;
  const Doubles one = opaque_one();
  Doubles least_even = smallest, least_odd = smallest;
  const auto step = [&](Doubles a, Doubles b, Bins<K>& bins, Doubles& least) ALWAYS_INLINE {
    const Doubles high = add_product<low>(bins, a, b, one);
    if constexpr (square) least = min_but(is_zero(a), high, least);
  };
  const auto load_both = [&](std::size_t i, Bins<K>& bins, Doubles& least) ALWAYS_INLINE {
    const Doubles a = pinned(load(x + i));
    step(a, square ? a : pinned(load(z + i)), bins, least);
  };
  std::size_t i = 0;
  for (; i + 2 * lanes <= n; i += 2 * lanes) {
    if constexpr (square) prefetch(x + i);
    load_both(i, even, least_even);
    load_both(i + lanes, odd, least_odd);
  }
  if (i + lanes <= n) {
    load_both(i, even, least_even);
    i += lanes;
  }
  if (i != n) {
    const auto rest = static_cast<unsigned>(n - i);
    step(load_part(x + i, rest), load_part(z + i, rest), odd, least_odd);
  }
  smallest = min_but(is_zero(all(1.0)), least_even, least_odd);
}

/// The bins of one block of g and y.
template <unsigned K>
struct GramBins {
  Bins<K> bins[ways][3];
  Doubles smallest[2];

  INLINE_MEMBER explicit GramBins(const Bins<K> (&empty)[3]) {
    each<ways>([&](unsigned way)
                   ALWAYS_INLINE { each<3>([&](unsigned p) ALWAYS_INLINE { bins[way][p] = empty[p]; }); });
    smallest[0] = smallest[1] = all(infinity());
  }

  template <class T>
  INLINE_MEMBER void add_block(const T* g, const T* y, std::size_t n) {
    if constexpr (fused) {
      add_gram_fused(g, y, n, bins[0], smallest);
    } else {
      add_one_product<true>(g, g, n, bins[0][0], bins[ways - 1][0], smallest[0]);
      add_one_product<true>(y, y, n, bins[0][2], bins[ways - 1][2], smallest[1]);
      add_one_product<false>(g, y, n, bins[0][1], bins[ways - 1][1], smallest[0]);
    }
  }

  /// `most`: what the first bin of squares may hold.
  INLINE_MEMBER bool certified(Doubles most_gg, Doubles most_yy, Doubles least_gg, Doubles least_yy) const {
    bool result = all_at_most(least_gg, smallest[0]) && all_at_most(least_yy, smallest[1]);
    each<ways>([&](unsigned way) ALWAYS_INLINE {
      result =
          result && all_at_most(bins[way][0].high[0], most_gg) && all_at_most(bins[way][2].high[0], most_yy);
    });
    return result;
  }

  template <bool has_low>
  INLINE_MEMBER void collect_into(LaneTotals<K> (&totals)[3], const Bins<K> (&empty)[3]) const {
    each<ways>([&](unsigned way) ALWAYS_INLINE {
      each<3>([&](unsigned p) ALWAYS_INLINE { collect<has_low>(totals[p], bins[way][p], empty[p]); });
    });
  }
};

/// The first bin once it holds 2^headroom quanta.
INLINE Doubles most(int top) {
  return shifted(1.5 * power(52) + power(headroom), shift_of(top));
}

template <unsigned K, class T>
std::size_t run_gram(const T* g, const T* y, std::size_t n, const int (&top)[3], BinTotals (&totals)[3]) {
  constexpr bool low = HasLow<T>::value;
  Bins<K> empty[3];
  LaneTotals<K> lane_totals[3];
  each<3>([&](unsigned p) ALWAYS_INLINE {
    empty[p] = empty_bins<K>(top[p]);
    clear(lane_totals[p]);
  });
  const Doubles most_gg = most(top[0]), most_yy = most(top[2]);
  const Doubles least_gg = least(top[0], K), least_yy = least(top[2], K);
  std::size_t done = 0;
  while (done < n) {
    const std::size_t length = n - done < block ? n - done : block;
    GramBins<K> bins(empty);
    bins.add_block(g + done, y + done, length);
    if (!bins.certified(most_gg, most_yy, least_gg, least_yy)) break;
    bins.template collect_into<low>(lane_totals, empty);
    done += length;
  }
  if (done != 0) each<3>([&](unsigned p) ALWAYS_INLINE { finish<low>(totals[p], lane_totals[p]); });
  return done;
}

/// Sums of squares, lane by lane, and the least squares of what is not zero.
struct Squares {
  Doubles sum[2], smallest[2];

  template <class T>
  INLINE_MEMBER Squares(const T* g, const T* y, std::size_t n) {
    sum[0] = sum[1] = all(0.0);
    smallest[0] = smallest[1] = all(infinity());
    const auto step = [&](Doubles a, Doubles b) ALWAYS_INLINE {
      const Doubles aa = mul(a, a), bb = mul(b, b);
      sum[0] = add(sum[0], aa);
      sum[1] = add(sum[1], bb);
      smallest[0] = min_but(is_zero(a), aa, smallest[0]);
      smallest[1] = min_but(is_zero(b), bb, smallest[1]);
    };
    std::size_t i = 0;
    for (; i + lanes <= n; i += lanes) step(pinned(load(g + i)), pinned(load(y + i)));
    if (i != n) {
      const auto rest = static_cast<unsigned>(n - i);
      step(load_part(g + i, rest), load_part(y + i, rest));
    }
  }
};

/// floor(log2 x) of a normal number; -1023 for zero and subnormal numbers, 1024 for what is not finite.
INLINE int exponent(double x) {
  std::uint64_t pattern;
  __builtin_memcpy(&pattern, &x, sizeof x);
  return static_cast<int>(pattern >> 52 & 0x7ff) - 1023;
}

/// The quanta are guessed from the first elements: the sums of n squares in `lanes` lanes are taken to be at
/// most eight times what these would make of them. The certificate tells if that was wrong.
template <class T>
bool small_gram(const T* g, const T* y, std::size_t n, int (&top)[3], ShortTotals (&totals)[3]) {
  constexpr bool low = HasLow<T>::value;
  const auto first = static_cast<unsigned>(n);
  const Doubles a = n < lanes ? load_part(g, first) : load(g), b = n < lanes ? load_part(y, first) : load(y);
  const double gg = sum_of_lanes(mul(a, a)), yy = sum_of_lanes(mul(b, b));
  const int steps = 64 - __builtin_clzll(n / lanes + 1);
  top[0] = lowest_top(exponent(gg)) + steps + 3;
  top[2] = lowest_top(exponent(yy)) + steps + 3;
  if (top[0] > most_top || top[2] > most_top) return false;
  top[1] = (top[0] + top[2] + 1) >> 1;
  const Bins<2> empty[3] = {empty_bins<2>(top[0]), empty_bins<2>(top[1]), empty_bins<2>(top[2])};
  GramBins<2> bins(empty);
  bins.add_block(g, y, n);
  if (!bins.certified(most(top[0]), most(top[2]), least(top[0], 2), least(top[2], 2))) return false;
  LaneTotals<2> lane_totals[3];
  each<3>([&](unsigned p) ALWAYS_INLINE { clear(lane_totals[p]); });
  bins.template collect_into<low>(lane_totals, empty);
  each<3>([&](unsigned p) ALWAYS_INLINE { totals[p] = finish<low>(lane_totals[p]); });
  return true;
}

template <class T>
std::size_t gram(const T* g, const T* y, std::size_t n, unsigned bins, const int (&top)[3],
                 BinTotals (&totals)[3]) {
  if (bins == 2) return run_gram<2>(g, y, n, top, totals);
  if (bins == 3) return run_gram<3>(g, y, n, top, totals);
  if (bins == 4) return run_gram<4>(g, y, n, top, totals);
  return run_gram<7>(g, y, n, top, totals);
}

template <class T>
void look_gram(const T* g, const T* y, std::size_t n, Extent (&extents)[2]) {
  const Squares squares(g, y, n);
  each<2>([&](unsigned p) ALWAYS_INLINE {
    extents[p] = {most_of_lanes(squares.sum[p]), least_of_lanes(squares.smallest[p])};
  });
}

/// Sums of a x and b x over one block, with what their certificates need.
template <unsigned K, unsigned N>
INLINE void add_dots(const double* const (&factors)[2], const double* x, std::size_t n, Bins<K> (&bins)[N],
                     Doubles (&sum)[N], Doubles (&smallest)[N]) {
  const Doubles one = opaque_one();
  const auto product = [&](Doubles a, Doubles b, Mask b_zero, unsigned p) ALWAYS_INLINE {
    const Doubles high = abs(add_product<true>(bins[p], a, b, one));
    sum[p] = add(sum[p], high);
    smallest[p] = min_but(either(is_zero(a), b_zero), high, smallest[p]);
  };
  std::size_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    prefetch(x + i);
    prefetch(factors[0] + i);
    const Doubles b = pinned(load(x + i));
    const Mask zero = is_zero(b);
    product(pinned(load(factors[0] + i)), b, zero, 0);
    if constexpr (N > 1) {
      prefetch(factors[1] + i);
      product(pinned(load(factors[1] + i)), b, zero, 1);
    }
  }
  if (i != n) {
    const auto rest = static_cast<unsigned>(n - i);
    const Doubles b = load_part(x + i, rest);
    const Mask zero = is_zero(b);
    product(load_part(factors[0] + i, rest), b, zero, 0);
    if constexpr (N > 1) product(load_part(factors[1] + i, rest), b, zero, 1);
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
  constexpr std::size_t one_set = block_steps * lanes;
  std::size_t done = 0;
  while (done < n) {
    const std::size_t length = n - done < one_set ? n - done : one_set;
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
    if (bins == 4) return run_dots<4, 1>(factors, x, n, top, totals);
    return run_dots<7, 1>(factors, x, n, top, totals);
  }
  if (bins == 2) return run_dots<2, 2>(factors, x, n, top, totals);
  if (bins == 3) return run_dots<3, 2>(factors, x, n, top, totals);
  if (bins == 4) return run_dots<4, 2>(factors, x, n, top, totals);
  return run_dots<7, 2>(factors, x, n, top, totals);
}

void look_dots(const double* a, const double* b, const double* x, std::size_t n, Extent (&extents)[2]) {
  const double* const factors[2] = {a, b};
  for (unsigned p = 0; p < (b == nullptr ? 1u : 2u); ++p) {
    Doubles sum = all(0.0), smallest = all(infinity());
    const auto step = [&](Doubles u, Doubles v) ALWAYS_INLINE {
      const Doubles high = abs(mul(u, v));
      sum = add(sum, high);
      smallest = min_but(either(is_zero(u), is_zero(v)), high, smallest);
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
