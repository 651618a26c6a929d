// natgrad: scalars and coefficients by double-word arithmetic with proven bounds, in nanoseconds, where those
// can tell the nearest double; the exact ways of lib/scalars.cpp and lib/canonical_form.cpp decide the rest.
// Private to the library.
#ifndef NATGRAD_LIB_FAST_HPP
#define NATGRAD_LIB_FAST_HPP

#include <utility>

#include "kernels/scalar_table.hpp"
#include "natgrad/scalars.hpp"

namespace natgrad::fast {

using kernels::Coefficient;
using kernels::Operator;
using kernels::Scalar;

constexpr unsigned bit(Scalar which) {
  return 1U << which;
}
/// Those of natgrad::AlgebraicScalars, and what natgrad::Scalars has besides.
constexpr unsigned algebraic = bit(kernels::cosine) | bit(kernels::sine) | bit(kernels::alpha) |
                               bit(kernels::lambda_min) | bit(kernels::lambda_max) | bit(kernels::condition) |
                               bit(kernels::sqrt_condition) | bit(kernels::trace);
constexpr unsigned transcendental = bit(kernels::angle) | bit(kernels::log_condition) | bit(kernels::log_det);

/// The leading bits of a Gram, and some of its scalars.
class Scalars {
 public:
  /// Those whose bits are in `wanted`, as far as they can be told.
  Scalars(const Gram& gram, const Alpha& a, unsigned wanted);

  int sign_of_p() const;
  bool has_angle() const;                     ///< g, y != 0
  double gg() const, gy() const, yy() const;  ///< correctly rounded

  /// nullptr if undecided, or if there is no such scalar.
  const double* find(Scalar which) const { return (decided_ >> which & 1) != 0 ? &values_[which] : nullptr; }

 private:
  void decide(const Alpha& a, unsigned wanted);

  kernels::GramLeading gram_;
  unsigned decided_ = 0;
  double values_[kernels::scalar_count];
};

/// What an operator needs of a Gram and a parameter, whatever x is.
class Coefficients {
 public:
  /// @pre p > 0
  Coefficients(const Gram& gram, const Alpha& a);

  /// The coefficients of y, x and g in that order, of which the operator's result is the sum, from g.x and
  /// y.x. False if it cannot tell, or if one (that is not 0) is beyond 2^-+400.
  bool of(Operator which, const ExactSum& gx, const ExactSum& yx, Coefficient (&out)[3]) const;

 private:
  kernels::GramLeading gram_;
  kernels::AlphaGiven alpha_;
};

}  // namespace natgrad::fast

#endif
