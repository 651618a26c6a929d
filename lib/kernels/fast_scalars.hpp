// natgrad: scalars of a Gram and coefficients of operators in double-word arithmetic. Text that is included
// inside an unnamed namespace after elementary.hpp. Where the formulas come from: lib/scalars.cpp and
// lib/canonical_form.cpp.

template <class... Scalars>
static constexpr unsigned bits_of(Scalars... scalars) {
  return ((1U << scalars) | ...);
}

struct Decisions {
  unsigned wanted;
  double* out;
  unsigned decided = 0;

  bool want(unsigned bits) const { return (wanted & bits) != 0; }
  void exactly(Scalar which, double value) {
    if (!want(bits_of(which))) return;
    out[which] = value;
    decided |= bits_of(which);
  }
  void put(Scalar which, const Approximation& x) {
    if (want(bits_of(which)) && round(x, out[which])) decided |= bits_of(which);
  }
};

NATGRAD_INLINE Approximation square(Approximation x) {
  return x * x;
}

/// What scalars of the angle are made of, and others can use; only what is needed.
struct Direction {
  Approximation cosine, sine, sine_squared;
};

static Direction scalars_of_angle(const GramLeading& gram, unsigned needed, bool sine_squared,
                                  Decisions& to) {
  Direction out{};
  const Approximation p = from(gram.p), product = from(gram.product), determinant = from(gram.determinant);
  if ((needed & bits_of(cosine)) != 0) {
    out.cosine = p / square_root(product);
    to.put(cosine, out.cosine);
  }
  if (sine_squared || (needed & bits_of(sine)) != 0) out.sine_squared = determinant / product;
  if ((needed & bits_of(sine)) != 0) {
    out.sine = square_root(out.sine_squared);
    to.put(sine, out.sine);
  }
  if (to.want(bits_of(angle))) to.put(angle, angle_of(square_root(determinant), p));
  return out;
}

/// No difference occurs.
static void scalars_at_optimum(const GramLeading& gram, const Direction& direction, Decisions& to) {
  const Approximation p = from(gram.p), s = direction.sine;
  const Approximation a = from(gram.yy) / p, ratio = p / from(gram.gg);
  to.put(alpha, a);
  if (to.want(bits_of(lambda_min, lambda_max, condition, sqrt_condition, log_condition))) {
    const Approximation one_and_s = from(1.0) + s;
    to.put(lambda_max, a * one_and_s);
    if (to.want(bits_of(lambda_min))) to.put(lambda_min, ratio / one_and_s);
    if (to.want(bits_of(condition, sqrt_condition, log_condition))) {
      const Approximation root = one_and_s / direction.cosine;
      const Approximation kappa = square(root);
      to.put(sqrt_condition, root);
      to.put(condition, kappa);
      if (to.want(bits_of(log_condition))) to.put(log_condition, log_quotient(s, kappa));
    }
  }
  if (to.want(bits_of(trace, frobenius_norm))) {
    const Approximation count = from(gram.dimension);
    to.put(trace, count * a);
    if (to.want(bits_of(frobenius_norm)))
      to.put(frobenius_norm, a * square_root(count + scaled(direction.sine_squared, 1)));
  }
  if (to.want(bits_of(log_det))) {
    const Approximation others = from(gram.dimension - 1);
    to.put(log_det, others * Approximation{logarithm(a), 0} + Approximation{logarithm(ratio), 0});
  }
}

/// d = a p/gg is the product of the extreme eigenvalues, so that only a - a* is a difference.
static void scalars_in_general(const GramLeading& gram, const Direction& direction, Approximation a,
                               Decisions& to) {
  const Approximation star = from(gram.yy) / from(gram.p), ratio = from(gram.p) / from(gram.gg);
  const Approximation mixed = a * star * direction.sine_squared;
  to.put(alpha, a);
  if (to.want(bits_of(lambda_min, lambda_max, condition, sqrt_condition, log_condition))) {
    const Approximation sum = a + star, product = a * ratio;
    const Approximation root = square_root(square(a - star) + scaled(mixed, 2));  // lambda_max - lambda_min
    const Approximation largest = scaled(sum + root, -1);
    to.put(lambda_max, largest);
    if (to.want(bits_of(lambda_min))) to.put(lambda_min, product / largest);
    if (to.want(bits_of(sqrt_condition))) to.put(sqrt_condition, largest / square_root(product));
    if (to.want(bits_of(condition, log_condition))) {
      const Approximation kappa = square(largest) / product;
      to.put(condition, kappa);
      if (to.want(bits_of(log_condition))) to.put(log_condition, log_quotient(root / sum, kappa));
    }
  }
  if (to.want(bits_of(trace, log_det, frobenius_norm))) {
    const Approximation others = from(gram.dimension - 1);
    to.put(trace, star + others * a);
    if (to.want(bits_of(frobenius_norm)))
      to.put(frobenius_norm, square_root(square(star) + others * square(a) + scaled(mixed, 1)));
    if (to.want(bits_of(log_det)))
      to.put(log_det, others * Approximation{logarithm(a), 0} + Approximation{logarithm(ratio), 0});
  }
}

NATGRAD_INLINE bool is_certainly_positive(const Approximation& x) {
  return x.number.hi > 2 * x.number.error;
}

/// (T - a*)/(D - 1) > 0 of a trace T. @pre D > 1
NATGRAD_INLINE Approximation alpha_of_trace(const GramLeading& gram, double given) {
  return (from(given) - from(gram.yy) / from(gram.p)) / from(gram.dimension - 1);
}

static unsigned decide_scalars(const GramLeading& gram, AlphaGiven given, unsigned wanted, double* out) {
  constexpr unsigned of_angle = bits_of(cosine, sine, angle);
  constexpr unsigned from_cosine = bits_of(condition, sqrt_condition, log_condition);
  constexpr unsigned from_sine = from_cosine | bits_of(lambda_min, lambda_max);
  const bool optimal =
      given.kind == AlphaKind::optimal || (gram.dimension == 1 && given.kind == AlphaKind::value);
  Decisions to{wanted, out};
  unsigned needed = wanted;
  if (optimal && to.want(from_cosine)) needed |= bits_of(cosine);
  if (optimal && to.want(from_sine)) needed |= bits_of(sine);
  const Direction direction =
      scalars_of_angle(gram, needed, to.want(from_sine | bits_of(frobenius_norm)), to);
  if (given.kind == AlphaKind::value) {
    to.exactly(alpha, given.number);
    to.wanted &= ~bits_of(alpha);
  }
  if (!to.want(~of_angle)) return to.decided;
  if (optimal) {
    scalars_at_optimum(gram, direction, to);
  } else if (given.kind == AlphaKind::value) {
    scalars_in_general(gram, direction, from(given.number), to);
  } else if (gram.dimension > 1) {
    const Approximation a = alpha_of_trace(gram, given.number);
    if (!is_certainly_positive(a)) return to.decided;
    to.exactly(trace, given.number);
    to.wanted &= ~bits_of(trace);
    scalars_in_general(gram, direction, a, to);
  }
  return to.decided;
}

// --------------------------------------------------------------------------------------- operators

/// Doubles without an exponent of their own. False beyond 2^-+400, or if the error would come near underflow.
NATGRAD_INLINE bool put(Approximation x, Coefficient& out) {
  x = normalised(x);
  if (!(x.number.error < infinite)) return false;
  if (is_exact_zero(x)) {
    out = {0, 0, 0};
    return true;
  }
  if (x.exponent < -400 || x.exponent > 400) return false;
  const DoubleWord n = scaled(x.number, power_of_two(x.exponent));
  out = {n.hi, n.lo, n.error};
  return x.number.error == 0 || n.error >= 0x1p-1000;
}

static bool decide_coefficients(const GramLeading& gram, AlphaGiven given, const ProductsLeading& x,
                                Operator which, Coefficient (&out)[3]) {
  const Approximation gg = from(gram.gg), p = from(gram.p), yy = from(gram.yy), gx = from(x.gx),
                      yx = from(x.yx);
  const Approximation star = yy / p, zero{{0, 0, 0}, 0}, one = from(1.0);
  const bool optimal = given.kind == AlphaKind::optimal || gram.dimension == 1;
  if (given.kind == AlphaKind::trace && gram.dimension == 1) return false;
  const Approximation a = optimal                          ? star
                          : given.kind == AlphaKind::value ? from(given.number)
                                                           : alpha_of_trace(gram, given.number);
  if (!is_certainly_positive(a)) return false;
  const auto give = [&out](Approximation of_y, Approximation of_x, Approximation of_g) {
    return put(of_y, out[0]) && put(of_x, out[1]) && put(of_g, out[2]);
  };

  if (which == Operator::apply) return give(yx / p, a, -(a * gx / gg));
  const Approximation ap = optimal ? yy : a * p;
  if (which == Operator::solve) return give(-(gx / ap), one / a, ((star + a) * gx - yx) / ap);

  // The numbers of RootNumbers in lib/canonical_form.cpp.
  const Approximation root_a = square_root(a), delta = square_root(ap / gg);
  switch (which) {
    case Operator::factor_apply: {
      const Approximation weight = gx / square_root(p * gg);
      return give(weight, root_a, -(delta * weight));
    }
    case Operator::factor_transpose_apply:
      return give(zero, root_a, (yx - delta * gx) / square_root(p * gg));
    case Operator::factor_solve: {
      const Approximation weight = gx / (p * root_a);
      return give(-weight, one / root_a, delta * weight);
    }
    case Operator::factor_transpose_solve:
      return give(zero, one / root_a, (delta * gx - yx) / (p * root_a));
    default:
      break;
  }

  const Approximation tau = square_root(a + star + scaled(delta, 1));
  const Approximation product = from(gram.product), y_part = from(x.y_part) / product,
                      g_part = from(x.g_part) / product;
  if (which == Operator::root_apply) {
    const Approximation k = a * star / (tau * (a + delta + root_a * tau));
    return give(yx / (p * tau) - k * y_part, root_a, -(a * gx / (gg * tau)) - k * g_part);
  }
  const Approximation td = tau * delta;
  const Approximation k =
      a * star * (star + scaled(delta, 1)) / (td * root_a * (root_a * (star + delta) + td));
  return give(k * y_part - yx / (p * td), one / root_a, a * gx / (gg * td) + k * g_part);
}
