// natgrad: rigorous enclosures of real numbers, vectors and matrices.
#ifndef NATGRAD_ENCLOSURE_HPP
#define NATGRAD_ENCLOSURE_HPP

#include <armadillo>

#include "natgrad/config.hpp"

namespace natgrad {

/// A closed interval; lo rounded down and hi rounded up; hi (lo) may be infinite.
struct Enclosure {
  double lo = 0, hi = 0;

  bool contains(double x) const noexcept { return lo <= x && x <= hi; }
  friend bool operator==(const Enclosure&, const Enclosure&) = default;
};

/// A real vector known to lie in a box: |exact_i - value_i| <= radius_i. A radius may be infinite (nothing is
/// known of that element), but is never NaN.
struct EnclosedVector {
  arma::vec value;   ///< D
  arma::vec radius;  ///< D, >= 0
};

/// A real matrix known to lie in a box: |exact_ij - value_ij| <= radius_ij.
struct EnclosedMatrix {
  arma::mat value;
  arma::mat radius;  ///< of the same shape, >= 0
};

}  // namespace natgrad

#endif
