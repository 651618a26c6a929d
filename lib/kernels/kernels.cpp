// natgrad: exact sums of products: which kernel, which threads, and what to do where a kernel has no
// certificate.
#include "kernels/kernels.hpp"

#include <omp.h>

#include <algorithm>
#include <bit>
#include <cfloat>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "float_scope.hpp"
#include "kernels/superaccumulator.hpp"
#include "kernels/table.hpp"
#include "parallel.hpp"

namespace natgrad::kernels {

extern const Table portable, exact_only;
#ifdef NATGRAD_X86_KERNELS
extern const Table avx2, avx512;
#endif

namespace {

// ------------------------------------------------------------------------------------------- which kernel

/// The fastest first.
std::vector<const Table*> tables_of_this_machine() {
  std::vector<const Table*> tables;
#ifdef NATGRAD_X86_KERNELS
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq")) tables.push_back(&avx512);
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) tables.push_back(&avx2);
#endif
  if (FLT_EVAL_METHOD == 0) tables.push_back(&portable);  // not with the excess precision of x87
  tables.push_back(&exact_only);
  return tables;
}

const Table& choose() {
  const std::vector<const Table*> tables = tables_of_this_machine();
  const char* const wanted = std::getenv("NATGRAD_KERNEL");
  if (wanted == nullptr || *wanted == '\0') return *tables.front();
  std::string names;
  for (const Table* table : tables) {
    if (std::string_view(table->name) == wanted) return *table;
    names += (names.empty() ? "" : ", ") + std::string(table->name);
  }
  throw ContractError("NATGRAD_KERNEL is \"" + std::string(wanted) + "\"; this machine has " + names);
}

const Table& table() {
  static const Table& chosen = choose();
  return chosen;
}

// ----------------------------------------------------------------------------------- what is to be summed

/// Lowest and highest exponent field, for a superaccumulator; the position is one less but for subnormals.
struct Positions {
  unsigned low = 0x7ff, high = 0;

  template <class T>
  void include(const T* x, std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) {
      __builtin_prefetch(reinterpret_cast<const char*>(x + i) + 2048);
      const unsigned field = exponent_field(x[i]);
      low = std::min(low, field);
      high = std::max(high, field);
    }
  }
  bool finite() const { return high != 0x7ff; }
};

template <class T>
constexpr unsigned position_offset = 0;
template <>
constexpr unsigned position_offset<float> = 1074 - 149;

/// Index of the first element that is not finite, or n.
template <class T>
std::size_t first_non_finite(const T* x, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i)
    if (exponent_field(x[i]) == 0x7ff) return i;
  return n;
}

/// gg, gy, yy of two vectors.
template <class T>
struct GramSource {
  static constexpr std::size_t sums = 3;
  static constexpr std::size_t extent_count = 2;
  static constexpr bool has_low = std::is_same_v<T, double>;

  const T *g, *y;

  GramSource from(std::size_t i) const { return {g + i, y + i}; }

  /// The first quantum of every sum, from those of squares.
  static void tops(const int (&chosen)[2], int (&top)[3]) {
    top[0] = chosen[0];
    top[1] = (chosen[0] + chosen[1] + 1) >> 1;
    top[2] = chosen[1];
  }
  std::size_t run(const Table& table, std::size_t n, unsigned bins, const int (&top)[3],
                  BinTotals (&totals)[3]) const {
    if constexpr (has_low) return table.gram_f64(g, y, n, bins, top, totals);
    if constexpr (!has_low) return table.gram_f32(g, y, n, bins, top, totals);
  }
  void look(const Table& table, std::size_t n, Extent (&extents)[2]) const {
    if constexpr (has_low) table.look_gram_f64(g, y, n, extents);
    if constexpr (!has_low) table.look_gram_f32(g, y, n, extents);
  }
  bool small(const Table& table, std::size_t n, int (&top)[3], ShortTotals (&totals)[3]) const {
    if constexpr (has_low) return table.small_gram_f64(g, y, n, top, totals);
    if constexpr (!has_low) return table.small_gram_f32(g, y, n, top, totals);
  }
  std::size_t bad(std::size_t n) const { return std::min(first_non_finite(g, n), first_non_finite(y, n)); }
  Positions positions(std::size_t n) const {
    Positions positions;
    positions.include(g, n);
    positions.include(y, n);
    return positions;
  }
  static constexpr unsigned offset = position_offset<T>;
  template <bool all_normal>
  void deposit(Superaccumulator<3>& into, std::size_t n) const {
    for (std::size_t i = 0; i < n; ++i) {
      const Decoded a = decode<all_normal>(g[i]), b = decode<all_normal>(y[i]);
      into.deposit(0, a, a);
      into.deposit(1, a, b);
      into.deposit(2, b, b);
    }
  }
};

/// a.x, and b.x if there are two.
template <std::size_t N>
struct DotSource {
  static constexpr std::size_t sums = N;
  static constexpr std::size_t extent_count = N;
  static constexpr bool has_low = true;
  static constexpr unsigned offset = 0;

  const double *a, *b, *x;

  DotSource from(std::size_t i) const { return {a + i, N == 1 ? nullptr : b + i, x + i}; }

  static void tops(const int (&chosen)[N], int (&top)[N]) { std::copy(chosen, chosen + N, top); }
  std::size_t run(const Table& table, std::size_t n, unsigned bins, const int (&top)[N],
                  BinTotals (&totals)[N]) const {
    int tops[2] = {};
    std::copy(top, top + N, tops);
    BinTotals both[2] = {};
    std::copy(totals, totals + N, both);
    const std::size_t done = table.dots_f64(a, b, x, n, bins, tops, both);
    std::copy(both, both + N, totals);
    return done;
  }
  void look(const Table& table, std::size_t n, Extent (&extents)[N]) const {
    Extent both[2] = {};
    table.look_dots_f64(a, b, x, n, both);
    std::copy(both, both + N, extents);
  }
  std::size_t bad(std::size_t n) const {
    std::size_t first = std::min(first_non_finite(a, n), first_non_finite(x, n));
    if constexpr (N == 2) first = std::min(first, first_non_finite(b, n));
    return first;
  }
  Positions positions(std::size_t n) const {
    Positions positions;
    positions.include(a, n);
    if constexpr (N == 2) positions.include(b, n);
    positions.include(x, n);
    return positions;
  }
  template <bool all_normal>
  void deposit(Superaccumulator<N>& into, std::size_t n) const {
    for (std::size_t i = 0; i < n; ++i) {
      const Decoded c = decode<all_normal>(x[i]);
      into.deposit(0, decode<all_normal>(a[i]), c);
      if constexpr (N == 2) into.deposit(1, decode<all_normal>(b[i]), c);
    }
  }
};

// ------------------------------------------------------------------------------------------------ the sums

/// floor(log2 x) of a normal number; -1023 for zero and subnormal numbers, 1024 for what is not finite.
int log2_floor(double x) {
  return static_cast<int>(exponent_field(x)) - 1023;
}

/// Quanta within which the certificate of table.hpp holds for a block: those of the first bins from `low` to
/// `high` + 46 (bins - 2).
struct Range {
  int low, high;

  explicit Range(const Extent& extent)
      : low(std::max(log2_floor(extent.sum) + 1 - headroom, -most_top)),
        high(log2_floor(extent.least) - footroom) {}
  int highest(unsigned bins) const {
    return std::min(high + bin_distance * static_cast<int>(bins - least_bins), most_top);
  }
  bool contains(int top, unsigned bins) const { return low <= top && top <= highest(bins); }
};

unsigned position_of(int quantum) {
  return static_cast<unsigned>(quantum - ExactSum::unit_exponent);
}

/// high 2^46 + low, of two bins next to each other.
struct TwoBins {
  std::uint64_t low;
  std::int64_t high;

  TwoBins(std::int64_t high_bin, std::int64_t low_bin)
      : low(static_cast<std::uint64_t>(high_bin) << bin_distance), high(high_bin >> (64 - bin_distance)) {
    high += (low_bin >> 63) + add_with_carry(low, static_cast<std::uint64_t>(low_bin), false);
  }
};

/// One sum of products in rows of two bins: below 2^164, so that one addition does.
template <bool has_low>
void add_totals(Words& words, const ShortTotals& totals, int top) {
  const TwoBins high(totals.high[0], totals.high[1]);
  if constexpr (has_low) {
    const TwoBins low(totals.low[0], totals.low[1]);
    // low + high 2^53
    const auto upper = static_cast<std::uint64_t>(high.high);
    std::uint64_t sum[] = {high.low << low_row, upper << low_row | high.low >> (64 - low_row),
                           static_cast<std::uint64_t>(high.high >> (64 - low_row))};
    bool carry = add_with_carry(sum[0], low.low, false);
    carry = add_with_carry(sum[1], static_cast<std::uint64_t>(low.high), carry);
    add_with_carry(sum[2], static_cast<std::uint64_t>(low.high >> 63), carry);
    add_shifted(words, sum, position_of(top - low_row - bin_distance));
  } else {
    add_shifted(words, {high.low, static_cast<std::uint64_t>(high.high)}, position_of(top - bin_distance));
  }
}

template <bool has_low>
void add_totals(Words& words, const BinTotals& totals, int top) {
  for (unsigned k = 0; k < row_size; k += 2) {
    const ShortTotals two = {{totals.high[k], totals.high[k + 1]}, {totals.low[k], totals.low[k + 1]}};
    if (k == 0 || (two.high[0] | two.high[1] | two.low[0] | two.low[1]) != 0)
      add_totals<has_low>(words, two, top - bin_distance * static_cast<int>(k));
  }
}

/// Sums of products over any number of stretches of vectors.
///
/// The kernels sum block by block. The first quanta of their bins are chosen by a look at one block and kept
/// until a block has no certificate for them. Then that block is looked at, and summed with more bins, or
/// with other quanta, or by the superaccumulator where neither helps. What helped is kept for some blocks,
/// the longer the more often it was needed. Whatever is chosen, the sums are exact: choices are only about
/// time.
template <class Source>
class Summation {
 public:
  static constexpr std::size_t N = Source::sums;
  static constexpr std::size_t E = Source::extent_count;

  Summation(const Table& table, Words* const (&words)[N]) : table_(table) {
    std::copy(words, words + N, words_);
  }

  /// Adds n elements; returns n, or the first element that is not finite.
  std::size_t add(const Source& source, std::size_t n) {
    std::size_t done = 0;
    while (done < n) {
      const Source rest = source.from(done);
      const std::size_t left = n - done;
      std::size_t added = 0;
      if (table_.block == 0 || patience_ > 0) {
        const std::size_t length = std::min(left, chunk);
        if (patience_ > 0) --patience_;
        if (!add_exactly(rest, length)) return done + rest.bad(length);
        added = length;
      } else {
        if (have_tops_) added = run(rest, left);
        if (added == 0 && !add_difficult_block(rest, std::min(left, table_.block), added))
          return done + rest.bad(left);
      }
      done += added;
    }
    return n;
  }

  void finish() {
    flush_bins();
    superaccumulator_.flush_into(words_);
  }

  Superaccumulator<N>& superaccumulator() { return superaccumulator_; }
  Words* const (&words())[N] { return words_; }

 private:
  static constexpr std::size_t chunk = 256;            // a superaccumulator's batch
  static constexpr std::size_t longest_run = 1 << 15;  // of one call of a kernel
  // Of 4 lanes or of 8: 256 blocks and those of one more run stay below 2^63, at 2^51 a lane and block.
  static constexpr std::size_t blocks_before_flush = 256;
  // A block that needs more bins than are tried first costs about as much as four that do not lose by having
  // too many: more are kept when more than one block of four needed them.
  static constexpr std::size_t strain_of_one = 4, first_hold = 32, last_hold = 1024;

  /// Sums as many blocks as have certificates.
  std::size_t run(const Source& source, std::size_t left) {
    std::size_t length = std::min(left, longest_run);
    if (bins_ > least_bins) length = std::min(length, hold_left_ * table_.block);
    const std::size_t done = source.run(table_, length, bins_, top_, totals_);
    const std::size_t blocks = (done + table_.block - 1) / table_.block;
    count_blocks(blocks);
    strain_ -= std::min(strain_, blocks);
    if (bins_ > least_bins) {
      hold_left_ -= std::min(hold_left_, blocks);
      if (hold_left_ == 0) {
        bins_ = least_bins;
        strain_ = strain_of_one;
      }
    } else if (strain_ == 0) {
      hold_ = first_hold;
    }
    return done;
  }

  void count_blocks(std::size_t blocks) {
    blocks_ += blocks;
    if (blocks_ > blocks_before_flush) flush_bins();
  }

  /// False if the block holds what is not finite.
  bool add_difficult_block(const Source& source, std::size_t length, std::size_t& added) {
    added = length;
    Extent extents[E];
    source.look(table_, length, extents);
    if (const unsigned bins = settle(extents); bins != 0) {
      const std::size_t done = source.run(table_, length, bins, top_, totals_);
      count_blocks(1);
      if (done == length) {
        patience_given_ = 0;
        if (bins <= bins_) return true;
        strain_ += strain_of_one;
        if (strain_ > strain_of_one) {
          bins_ = bins;
          hold_left_ = hold_;
          hold_ = std::min(2 * hold_, last_hold);
          strain_ = 0;
        }
        return true;
      }
    }
    // The more blocks in a row need this, the more are not even looked at.
    patience_ = patience_given_;
    patience_given_ = std::min(patience_given_ + 4, 64u);
    return add_exactly(source, length);
  }

  /// Keeps or changes the quanta so that a block of these extents can be summed, and returns with how many
  /// bins; 0 if it cannot.
  unsigned settle(const Extent (&extents)[E]) {
    const auto fewest = [](auto fits) -> unsigned {
      for (const unsigned bins : bin_counts)
        if (fits(bins)) return bins;
      return 0;
    };
    if (have_tops_) {
      const unsigned bins = fewest([&](unsigned count) {
        bool fits = true;
        for (std::size_t e = 0; e < E; ++e) fits = fits && Range(extents[e]).contains(tops_[e], count);
        return fits;
      });
      if (bins != 0) return bins;
    }
    const unsigned bins = fewest([&](unsigned count) {
      bool fits = true;
      for (std::size_t e = 0; e < E; ++e)
        fits = fits && Range(extents[e]).low <= Range(extents[e]).highest(count);
      return fits;
    });
    if (bins == 0) return 0;
    flush_bins();
    for (std::size_t e = 0; e < E; ++e) {
      const Range range(extents[e]);
      if (have_tops_ && range.low > tops_[e]) margin_ = std::min(margin_ + 3, 60);
      tops_[e] = range.low + std::min(margin_, (range.highest(bins) - range.low) / 2);
    }
    have_tops_ = true;
    Source::tops(tops_, top_);
    return bins;
  }

  bool add_exactly(const Source& source, std::size_t length) {
    const Positions positions = source.positions(length);
    if (!positions.finite()) return false;
    const auto position = [](unsigned field) { return Source::offset + (field == 0 ? 0 : field - 1); };
    superaccumulator_.announce(static_cast<std::uint32_t>(length), 2 * position(positions.low),
                               2 * position(positions.high), words_);
    if (positions.low > 0) {
      source.template deposit<true>(superaccumulator_, length);
    } else {
      source.template deposit<false>(superaccumulator_, length);
    }
    return true;
  }

  void flush_bins() {
    if (blocks_ == 0) return;
    blocks_ = 0;
    for (std::size_t n = 0; n < N; ++n) {
      add_totals<Source::has_low>(*words_[n], totals_[n], top_[n]);
      totals_[n] = {};
    }
  }

  const Table& table_;
  Words* words_[N];
  BinTotals totals_[N] = {};
  std::size_t blocks_ = 0;
  bool have_tops_ = false;
  int tops_[E] = {}, top_[N] = {};
  int margin_ = 2;
  unsigned bins_ = least_bins, patience_ = 0, patience_given_ = 0;
  std::size_t hold_ = first_hold, hold_left_ = 0, strain_ = 0;
  Superaccumulator<N> superaccumulator_;
};

// --------------------------------------------------------------------------------------------- threads

constexpr std::size_t least_per_thread = std::size_t{1} << 17;

/// A function of its own, as clang calls its OpenMP library at the start of one with a parallel region, which
/// computes when it is called first.
template <std::size_t N, class Part>
[[gnu::noinline]] std::size_t share_among(std::size_t threads, std::size_t n, Words* const (&words)[N],
                                          Part& part) {
  std::size_t bad = n;
#pragma omp parallel num_threads(static_cast <int>(threads))
  {
    const DoubleScope scope;
    const auto count = static_cast<std::size_t>(omp_get_num_threads());
    const auto index = static_cast<std::size_t>(omp_get_thread_num());
    // Whole pages to everyone but the last.
    constexpr std::size_t page = 4096 / sizeof(double);
    const std::size_t each = n / count / page * page;
    const std::size_t first = index * each, length = index + 1 == count ? n - first : each;
    std::array<Words, N> sums{};
    Words* own[N];
    for (std::size_t k = 0; k < N; ++k) own[k] = &sums[k];
    const std::size_t done = part(first, length, own);
#pragma omp critical(natgrad_exact_sums)
    {
      if (done != length) bad = std::min(bad, first + done);
      for (std::size_t k = 0; k < N; ++k) add(*words[k], sums[k]);
    }
  }
  return bad;
}

/// Calls part(first, length, words) for stretches that make up 0 .. n-1, each on a thread of its own if there
/// is enough work, and adds up what each of them adds to its words. Returns the least of first + (what it
/// returned) over the parts that did not return their length, or n.
template <std::size_t N, class Part>
std::size_t share(std::size_t n, Words* const (&words)[N], Part part) {
  const DoubleScope scope;
  std::size_t threads = 1;
  if (n >= 2 * least_per_thread && omp_in_parallel() == 0)
    threads = std::min(n / least_per_thread, static_cast<std::size_t>(omp_get_max_threads()));
  return threads <= 1 ? part(0, n, words) : share_among(threads, n, words, part);
}

template <class Source>
std::size_t sum(const Source& source, std::size_t n, Words* const (&words)[Source::sums]) {
  const Table& kernel = table();
  if constexpr (Source::sums == 3) {
    if (0 < n && n <= kernel.block) {
      const DoubleScope scope;
      int top[3];
      ShortTotals totals[3];
      if (source.small(kernel, n, top, totals)) {
        for (std::size_t k = 0; k < 3; ++k) add_totals<Source::has_low>(*words[k], totals[k], top[k]);
        return n;
      }
    }
  }
  return share(n, words, [&](std::size_t first, std::size_t length, auto& own) {
    Summation<Source> summation(kernel, own);
    const std::size_t done = summation.add(source.from(first), length);
    summation.finish();
    return done;
  });
}

// ------------------------------------------------------------------- floats, and pairs of doubles

// Not inlined: no arithmetic may leave the scope of the environment.
[[gnu::noinline]] void widen(const float* x, std::size_t n, double* to) {
  std::copy(x, x + n, to);
}

/// Pairs as nearest doubles and what these are off by, whose sums they are: differences of successive
/// parameters mostly are doubles.
struct Split {
  bool finite = true, exact = true;  ///< nothing overflowed; all that is left is 0
};
[[gnu::noinline]] Split split(Operand x, std::size_t n, double* to, double* left) {
  if (x.second == nullptr) {
    std::copy(x.first, x.first + n, to);
    std::fill(left, left + n, 0.0);
    return {};
  }
  // Knuth's TwoSum, which is exact unless it overflows.
  std::uint64_t inexact = 0, overflow = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const double a = x.first[i], b = x.second[i], sum = a + b, rest = sum - a;
    const double error = (a - (sum - rest)) + (b - rest);
    to[i] = sum;
    left[i] = error;
    inexact |= std::bit_cast<std::uint64_t>(error) << 1;
    overflow |= (exponent_field(sum) == 0x7ff || exponent_field(error) == 0x7ff ? 1 : 0);
  }
  return {overflow == 0, inexact == 0};
}

/// Deposits the products of (g + g_rest, y + y_rest) with itself but g g, g y and y y.
void deposit_rest(Superaccumulator<3>& into, const Decoded& g, const Decoded& g_rest, const Decoded& y,
                  const Decoded& y_rest) {
  into.deposit(0, g, g_rest, 1);
  into.deposit(0, g_rest, g_rest);
  into.deposit(1, g, y_rest);
  into.deposit(1, g_rest, y);
  into.deposit(1, g_rest, y_rest);
  into.deposit(2, y, y_rest, 1);
  into.deposit(2, y_rest, y_rest);
}

/// Deposits every product of the parts.
void deposit_pairs(Superaccumulator<3>& into, Operand g, Operand y, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) {
    const Decoded zero{0, 0};
    const Decoded g1 = decode(g.first[i]), g2 = g.second == nullptr ? zero : decode(g.second[i]);
    const Decoded y1 = decode(y.first[i]), y2 = y.second == nullptr ? zero : decode(y.second[i]);
    into.deposit(0, g1, g1);
    into.deposit(1, g1, y1);
    into.deposit(2, y1, y1);
    deposit_rest(into, g1, g2, y1, y2);
  }
}

Operand from(Operand x, std::size_t i) {
  return {x.first + i, x.second == nullptr ? nullptr : x.second + i};
}

std::size_t add_pairs(Summation<GramSource<double>>& summation, Operand g, Operand y, std::size_t n) {
  constexpr std::size_t chunk = 1024;
  double g_sums[chunk], y_sums[chunk], g_left[chunk], y_left[chunk];
  for (std::size_t done = 0; done < n; done += chunk) {
    const std::size_t length = std::min(chunk, n - done);
    const Operand g_rest = from(g, done), y_rest = from(y, done);
    const auto announce = [&](std::size_t deposits) {
      summation.superaccumulator().announce(static_cast<std::uint32_t>(deposits), 0, 2 * 2045 + 1,
                                            summation.words());
    };
    if (FLT_EVAL_METHOD == 0) {
      const Split of_g = split(g_rest, length, g_sums, g_left), of_y = split(y_rest, length, y_sums, y_left);
      if (of_g.finite && of_y.finite) {
        const std::size_t added = summation.add({g_sums, y_sums}, length);
        if (added != length) return done + added;  // of a vector that is no pair
        if (of_g.exact && of_y.exact) continue;
        announce(3 * length);
        for (std::size_t i = 0; i < length; ++i)
          if (g_left[i] != 0 || y_left[i] != 0)
            deposit_rest(summation.superaccumulator(), decode(g_sums[i]), decode(g_left[i]),
                         decode(y_sums[i]), decode(y_left[i]));
        continue;
      }
    }
    std::size_t bad = length;
    for (const double* part : {g_rest.first, g_rest.second, y_rest.first, y_rest.second})
      if (part != nullptr) bad = std::min(bad, first_non_finite(part, length));
    if (bad != length) return done + bad;
    announce(4 * length);
    deposit_pairs(summation.superaccumulator(), g_rest, y_rest, length);
  }
  return n;
}

// ------------------------------------------------------------------------------------------- columns

/// Columns that are taken together, and rows: those of three vectors fit into the second-level cache.
constexpr std::size_t column_group = 16, row_strip = 4096;

/// Calls f(first, last) for groups of columns of n elements, on all threads if there is enough work.
template <class F>
void for_column_groups(std::size_t n, std::size_t columns, F f) {
  const bool alone = omp_in_parallel() != 0 || n * columns < 2 * least_per_thread;
  const auto threads = static_cast<std::size_t>(alone ? 1 : omp_get_max_threads());
  const std::size_t group = std::clamp((columns + threads - 1) / threads, std::size_t{1}, column_group);
  const std::size_t groups = (columns + group - 1) / group;
  const auto do_group = [&](std::size_t i) {
    const DoubleScope scope;
    f(i * group, std::min(columns, (i + 1) * group));
  };
  if (threads > 1) {
    parallel_for(groups, do_group);
  } else {
    for (std::size_t i = 0; i < groups; ++i) do_group(i);
  }
}

// --------------------------------------------------------------------------------------- combinations

/// Whether c x = 0. A coefficient of 0 is exact.
template <class T>
bool vanishes(double c, T x) {
  return c == 0 || x == T{0};
}

template <class T, class Kernel>
void combine_strip(Kernel kernel, const std::optional<Combination>& c, const double* first, const T* second,
                   const double* third, T* out, std::size_t begin, std::size_t end,
                   const std::function<T(std::size_t)>& exact) {
  constexpr std::size_t strip = 2048;
  for (std::size_t i = begin; i < end; i += strip) {
    const std::size_t length = std::min(strip, end - i);
    std::uint64_t failed[strip / 64] = {};
    if (!c) {
      for (std::size_t k = i; k < i + length; ++k) out[k] = exact(k);
      continue;
    }
    if (kernel(*c, first + i, second + i, third + i, out + i, length, failed) == 0) continue;
    for (std::size_t word = 0; word < strip / 64; ++word)
      for (; failed[word] != 0; failed[word] &= failed[word] - 1) {
        const std::size_t k = i + 64 * word + static_cast<std::size_t>(std::countr_zero(failed[word]));
        // The kernels cannot tell 0 from underflow.
        const bool zero = vanishes(c->high[0], first[k]) && vanishes(c->high[1], second[k]) &&
                          vanishes(c->high[2], third[k]);
        out[k] = zero ? T{0} : exact(k);
      }
  }
}

/// In pieces, each on whatever thread is free: exact elements take long.
template <class T, class Kernel>
void combine_all(Kernel kernel, const std::optional<Combination>& c, const double* first, const T* second,
                 const double* third, T* out, std::size_t n, const std::function<T(std::size_t)>& exact) {
  constexpr std::size_t piece = std::size_t{1} << 16;
  if (n < 4 * piece || omp_in_parallel() != 0) {
    const DoubleScope scope;
    combine_strip(kernel, c, first, second, third, out, 0, n, exact);
    return;
  }
  parallel_for((n + piece - 1) / piece, [&](std::size_t i) {
    const DoubleScope scope;
    combine_strip(kernel, c, first, second, third, out, i * piece, std::min(n, (i + 1) * piece), exact);
  });
}

}  // namespace

std::size_t dots(const double* a, const double* b, const float* x, std::size_t n, Words& ax, Words& bx) {
  const Table& kernel = table();
  return share<2>(n, {&ax, &bx}, [&](std::size_t first, std::size_t length, auto& own) {
    Summation<DotSource<2>> summation(kernel, own);
    constexpr std::size_t chunk = 1024;
    double widened[chunk];
    std::size_t done = 0;
    while (done < length) {
      const std::size_t i = first + done, part = std::min(chunk, length - done);
      widen(x + i, part, widened);
      const std::size_t added = summation.add({a + i, b + i, widened}, part);
      done += added;
      if (added != part) break;
    }
    summation.finish();
    return done;
  });
}

std::size_t dots_of_columns(const double* a, const double* b, const double* x, std::size_t n,
                            std::size_t columns, Words* ax, Words* bx) {
  const Table& kernel = table();
  std::vector<char> finite(columns, 1);
  for_column_groups(n, columns, [&](std::size_t first, std::size_t last) {
    std::vector<Summation<DotSource<2>>> sums;
    sums.reserve(last - first);
    for (std::size_t column = first; column < last; ++column) {
      Words* const words[2] = {&ax[column], &bx[column]};
      sums.emplace_back(kernel, words);
    }
    for (std::size_t row = 0; row < n; row += row_strip) {
      const std::size_t length = std::min(row_strip, n - row);
      for (std::size_t column = first; column < last; ++column)
        if (finite[column] != 0 &&
            sums[column - first].add({a + row, b + row, x + column * n + row}, length) != length)
          finite[column] = 0;
    }
    for (auto& sum : sums) sum.finish();
  });
  return static_cast<std::size_t>(std::ranges::find(finite, 0) - finite.begin());
}

void combine_columns(const std::optional<Combination>* c, const double* first, const double* second,
                     const double* third, double* out, std::size_t n, std::size_t columns,
                     const std::function<double(std::size_t, std::size_t)>& exact) {
  const auto kernel = table().combine_f64;
  for_column_groups(n, columns, [&](std::size_t begin, std::size_t end) {
    for (std::size_t row = 0; row < n; row += row_strip)
      for (std::size_t column = begin; column < end; ++column) {
        const std::function<double(std::size_t)> of_column = [&](std::size_t i) { return exact(i, column); };
        combine_strip(kernel, c[column], first, second + column * n, third, out + column * n, row,
                      std::min(n, row + row_strip), of_column);
      }
  });
}

void combine(const std::optional<Combination>& c, const double* first, const double* second,
             const double* third, double* out, std::size_t n,
             const std::function<double(std::size_t)>& exact) {
  combine_all(table().combine_f64, c, first, second, third, out, n, exact);
}

void combine(const std::optional<Combination>& c, const double* first, const float* second,
             const double* third, float* out, std::size_t n, const std::function<float(std::size_t)>& exact) {
  combine_all(table().combine_f32, c, first, second, third, out, n, exact);
}

void add(Words& to, const Words& from) {
  bool carry = false;
  for (std::size_t i = 0; i < to.size(); ++i) carry = add_with_carry(to[i], from[i], carry);
}

std::size_t gram(const double* g, const double* y, std::size_t n, GramSums sums) {
  return sum(GramSource<double>{g, y}, n, {&sums.gg, &sums.gy, &sums.yy});
}

std::size_t gram(const float* g, const float* y, std::size_t n, GramSums sums) {
  return sum(GramSource<float>{g, y}, n, {&sums.gg, &sums.gy, &sums.yy});
}

std::size_t gram(Operand g, Operand y, std::size_t n, GramSums sums) {
  const Table& kernel = table();
  return share<3>(n, {&sums.gg, &sums.gy, &sums.yy}, [&](std::size_t first, std::size_t length, auto& own) {
    Summation<GramSource<double>> summation(kernel, own);
    const std::size_t done = add_pairs(summation, from(g, first), from(y, first), length);
    summation.finish();
    return done;
  });
}

std::size_t dot(const double* x, const double* z, std::size_t n, Words& words) {
  return sum(DotSource<1>{x, nullptr, z}, n, {&words});
}

std::size_t dots(const double* a, const double* b, const double* x, std::size_t n, Words& ax, Words& bx) {
  return sum(DotSource<2>{a, b, x}, n, {&ax, &bx});
}

std::string_view active() {
  return table().name;
}

std::vector<std::string_view> available() {
  std::vector<std::string_view> names;
  for (const Table* table : tables_of_this_machine()) names.emplace_back(table->name);
  return names;
}

}  // namespace natgrad::kernels
