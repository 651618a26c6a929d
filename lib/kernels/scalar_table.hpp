// natgrad: what goes into and comes out of the fast paths, which exist once for every instruction set, behind
// one table.
//
// No functions here: a file compiled for one instruction set must not share inline symbols with another.
#ifndef NATGRAD_LIB_KERNELS_SCALAR_TABLE_HPP
#define NATGRAD_LIB_KERNELS_SCALAR_TABLE_HPP

#include <cstdint>

namespace natgrad::kernels {

/// The leading 192 bits of a number: its magnitude is (w + r) 2^exponent with w = words (least significant
/// first), whose top bit is set unless the number is 0, and 0 <= r < 1; r = 0 if exact.
struct Leading {
  std::uint64_t words[3];
  std::int64_t exponent;
  bool negative, exact;
};

/// A number that is +-(w + r) 2^exponent, - if negative, with |r| <= error instead.
struct EnclosedLeading {
  Leading leading;
  double error;
};

/// What the scalars of a Gram are made of.
struct GramLeading {
  Leading gg, p, yy;
  EnclosedLeading product;      ///< gg yy
  EnclosedLeading determinant;  ///< S = gg yy - p^2 >= 0
  std::uint64_t dimension;
};

enum Scalar : unsigned {
  cosine,
  sine,
  angle,
  alpha,
  lambda_min,
  lambda_max,
  condition,
  sqrt_condition,
  log_condition,
  trace,
  log_det,
  frobenius_norm,
  scalar_count
};

/// The parameter a of M(a): a* = yy/p, a number > 0, or that with which M(a) has a trace.
enum class AlphaKind { optimal, value, trace };
struct AlphaGiven {
  AlphaKind kind;
  double number;  ///< finite and > 0, unless optimal
};

enum class Operator {
  apply,
  solve,
  root_apply,
  root_solve,
  factor_apply,
  factor_transpose_apply,
  factor_solve,
  factor_transpose_solve
};

/// A real number off hi + lo by at most error. |lo| <= 2^-53 |hi|.
struct Coefficient {
  double hi, lo, error;
};

/// The products of x with the pair, and for roots of M what
/// x's projection onto span(g, y) is made of: (y_part y + g_part g)/(gg yy).
struct ProductsLeading {
  Leading gx, yx;
  EnclosedLeading y_part;  ///< gg yx - p gx
  EnclosedLeading g_part;  ///< yy gx - p yx
};

struct ScalarTable {
  /// Puts the nearest double of each scalar whose bit 1 << Scalar is in `wanted` into out, if it can tell
  /// which double that is; returns the bits of those. Nothing else of out is written.
  /// @pre gg, yy > 0; p > 0 for scalars of the metric
  unsigned (*scalars)(const GramLeading& gram, AlphaGiven alpha, unsigned wanted, double* out);
  /// The coefficients of y, x and g in that order, of which the operator's result is the sum. False if it
  /// cannot tell, or if one (that is not 0) is beyond 2^-+400.
  /// @pre gg, yy, p > 0
  bool (*coefficients)(const GramLeading& gram, AlphaGiven alpha, const ProductsLeading& x, Operator which,
                       Coefficient (&out)[3]);
};

extern const ScalarTable scalars_portable;
extern const ScalarTable scalars_fma;

}  // namespace natgrad::kernels

#endif
