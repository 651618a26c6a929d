// natgrad: scalars and coefficients by double-word arithmetic with proven bounds, in nanoseconds, where those
// can tell the nearest double; the exact ways of lib/scalars.cpp and lib/canonical_form.cpp decide the rest.
// Private to the library.
#ifndef NATGRAD_LIB_FAST_HPP
#define NATGRAD_LIB_FAST_HPP

#include <optional>
#include <utility>

#include "kernels/scalar_table.hpp"
#include "natgrad/scalars.hpp"

namespace natgrad::fast {

using kernels::Coefficient;
using kernels::Operator;
using kernels::Scalar;

/// The leading bits of a Gram, and some of its scalars.
class Scalars {
 public:
  /// All that can be told.
  Scalars(const Gram& gram, const Alpha& a);
  /// One only.
  Scalars(const Gram& gram, const Alpha& a, Scalar which);

  int sign_of_p() const;
  bool has_angle() const;                     ///< g, y != 0
  double gg() const, gy() const, yy() const;  ///< correctly rounded

  /// nullopt if undecided, or if there is no such scalar.
  std::optional<double> operator[](Scalar which) const {
    return (decided_ >> which & 1) != 0 ? std::optional(values_[which]) : std::nullopt;
  }

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
