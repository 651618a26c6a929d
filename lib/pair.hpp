// natgrad: the exact numbers behind a pair (g, y) and a parameter a. Private to the library.
#ifndef NATGRAD_LIB_PAIR_HPP
#define NATGRAD_LIB_PAIR_HPP

#include <cstdint>
#include <optional>
#include <utility>

#include "exact.hpp"
#include "natgrad/gram.hpp"
#include "natgrad/scalars.hpp"

namespace natgrad::exact {

/// The sufficient statistic of a pair, and S = gg yy - p^2, so that s^2 = S/(gg yy).
struct PairNumbers {
  explicit PairNumbers(const Gram& gram)
      : gg(Dyadic::from(gram.gg())),
        p(Dyadic::from(gram.gy())),
        yy(Dyadic::from(gram.yy())),
        gram_determinant(gg * yy - p * p),
        dimension(gram.dimension()) {}

  /// Of the pair (y, g).
  PairNumbers exchanged() const {
    PairNumbers other = *this;
    std::swap(other.gg, other.yy);
    return other;
  }

  Dyadic gg, p, yy;
  Dyadic gram_determinant;  ///< S >= 0
  std::uint64_t dimension;
};

/// The exact number a p = numerator/denominator: every formula of M(a) needs a only in this product or over
/// p.
struct AlphaTimesP {
  Dyadic numerator, denominator{std::uint64_t{1}};  ///< both > 0
};

/// a p of a parameter; of a* = yy/p for D = 1, where M = y/g whatever a is. nullopt if no a > 0 gives the
/// trace asked for. @pre p > 0
std::optional<AlphaTimesP> alpha_times_p(const PairNumbers& pair, const Alpha& a);

/// The metric M(a) of a pair with p > 0 by exact numbers, a p being A/K:
///   sum = K p (a + a*), discriminant = K^2 p^2 gg ((a - a*)^2 + 4 a a* s^2).
struct MetricNumbers {
  MetricNumbers(const PairNumbers& pair, AlphaTimesP alpha);

  const PairNumbers& v;
  AlphaTimesP ap;
  Dyadic sum, discriminant;
};

/// a, and scalars of M(a), correctly rounded: lib/scalars.cpp. Those of the eigenvalues are those of M(a)'s
/// block on span(g, y) as well, and (for D > 1 or a = a*) of no more than it.
double alpha_of(const MetricNumbers& m);
double lambda_of(const MetricNumbers& m, int sign);  ///< the larger eigenvalue for sign > 0, else the smaller
Surd condition_surd(const MetricNumbers& m);
double log_condition_of(const MetricNumbers& m);
/// ln det M(a) = 0, that is a^(D-1) = gg/p, decided in integers.
bool log_det_is_zero(const MetricNumbers& m);

/// base^n == value for base = numerator/denominator and value alike, all > 0, decided in integers.
bool power_equals(const Dyadic& numerator, const Dyadic& denominator, std::uint64_t n,
                  const Dyadic& value_numerator, const Dyadic& value_denominator);

}  // namespace natgrad::exact

#endif
