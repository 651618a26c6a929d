// natgrad: dense linear algebra with proofs.
#include "dense.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "doubles.hpp"
#include "float_scope.hpp"
#include "kernels/kernels.hpp"
#include "natgrad/error.hpp"
#include "parallel.hpp"

namespace natgrad::dense {
namespace {

using exact::Direction;
using exact::Dyadic;

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double tiny = 0x1p-1074;
constexpr double unit = 0x1p-53;  // half an ulp of 1: the relative error of one operation

std::string number(double x) {
  return std::isnan(x) ? "NaN" : fmt::format("{}", x);
}

/// The next double, for x >= 0; NaN becomes inf.
double next_up(double x) {
  if (!(x < infinity)) return infinity;
  return std::bit_cast<double>(std::bit_cast<std::uint64_t>(x) + 1);
}

std::span<const double> column(const arma::mat& m, std::size_t j) {
  return {m.colptr(j), m.n_rows};
}

// ------------------------------------------------------------------------------------- dot products
//
// Sums of n products in this file may be taken in any order: every term passes through at most n roundings,
// so the error is at most gamma_n sum |x_i z_i| (Higham 2002, section 3.1), and tiny for every product below
// the normal range. An accumulator that begins at zero adds no error.

using Lanes = double __attribute__((vector_size(16)));

/// Two neighbours, at any address.
Lanes load(const double* from) {
  Lanes lanes;
  std::memcpy(&lanes, from, sizeof lanes);
  return lanes;
}

/// c(i, j) += a(.., i).b(.., j) over rows first .. last-1, for four columns of a and two of b.
void tile(const double* const* a, const double* const* b, std::size_t first, std::size_t last, double* sums) {
  Lanes s[4][2] = {};
  std::size_t k = first;
  for (; k + 2 <= last; k += 2) {
    Lanes x[4], z[2];
    for (int i = 0; i < 4; ++i) x[i] = load(a[i] + k);
    for (int j = 0; j < 2; ++j) z[j] = load(b[j] + k);
    for (int i = 0; i < 4; ++i)
      for (int j = 0; j < 2; ++j) s[i][j] += x[i] * z[j];
  }
  for (int i = 0; i < 4; ++i)
    for (int j = 0; j < 2; ++j) {
      double sum = s[i][j][0] + s[i][j][1];
      if (k < last) sum += a[i][k] * b[j][k];
      sums[2 * i + j] += sum;
    }
}

enum class Shape {
  full,        ///< every entry
  symmetric,   ///< a and b are the same: the upper triangle is computed and mirrored
  triangular,  ///< as symmetric, and column j is zero below row j
};

/// A^T B in plain sums.
arma::mat transpose_product(const arma::mat& a, const arma::mat& b, Shape shape) {
  arma::mat c(a.n_cols, b.n_cols, arma::fill::zeros);
  if (c.is_empty()) return c;
  constexpr std::size_t width = 32, depth = 1024;
  const std::size_t panels = (b.n_cols + width - 1) / width;
  parallel_for(panels, [&](std::size_t panel) {
    const FloatScope scope;
    const std::size_t j_first = panel * width, j_last = std::min<std::size_t>(b.n_cols, j_first + width);
    const std::size_t i_last = shape == Shape::full ? a.n_cols : j_last;
    for (std::size_t k_first = 0; k_first < a.n_rows; k_first += depth) {
      const std::size_t k_last = std::min<std::size_t>(a.n_rows, k_first + depth);
      for (std::size_t i = 0; i < i_last; i += 4) {
        // Below the last row of a triangle's columns there is nothing to add.
        const std::size_t k_end = shape == Shape::triangular ? std::min<std::size_t>(k_last, i + 4) : k_last;
        if (k_first >= k_end) continue;
        for (std::size_t j = j_first; j < j_last; j += 2) {
          const double* x[4];
          const double* z[2];
          double sums[8] = {};
          for (std::size_t t = 0; t < 4; ++t) x[t] = a.colptr(std::min<std::size_t>(i + t, a.n_cols - 1));
          for (std::size_t t = 0; t < 2; ++t) z[t] = b.colptr(std::min<std::size_t>(j + t, b.n_cols - 1));
          tile(x, z, k_first, k_end, sums);
          for (std::size_t s = 0; s < 4 && i + s < a.n_cols; ++s)
            for (std::size_t t = 0; t < 2 && j + t < j_last; ++t) c(i + s, j + t) += sums[2 * s + t];
        }
      }
    }
  });
  if (shape != Shape::full)
    for (arma::uword j = 0; j < c.n_cols; ++j)
      for (arma::uword i = 0; i < j; ++i) c(j, i) = c(i, j);
  return c;
}

arma::mat magnitude(const arma::mat& m) {
  return arma::abs(m);
}

arma::mat radius_of(const EnclosedMatrix& a) {
  return a.radius.is_empty() ? arma::mat(a.value.n_rows, a.value.n_cols, arma::fill::zeros) : a.radius;
}

bool has_radius(const EnclosedMatrix& a) {
  return std::any_of(a.radius.begin(), a.radius.end(), [](double x) { return x != 0; });
}

/// Upper bounds of the Euclidean norms of the columns.
arma::vec column_norms_up(const arma::mat& m) {
  arma::vec norms(m.n_cols);
  for (arma::uword j = 0; j < m.n_cols; ++j) {
    const double largest = m.n_rows == 0 ? 0 : arma::abs(m.col(j)).max();
    if (!(largest < infinity)) {
      norms[j] = infinity;
      continue;
    }
    if (largest == 0) {
      norms[j] = 0;
      continue;
    }
    const int e = std::ilogb(largest);
    double sum = 0;
    for (const double x : column(m, j)) {
      const double y = next_up(std::ldexp(std::abs(x), -e));
      sum = add_up(sum, mul_up(y, y));
    }
    norms[j] = next_up(std::ldexp(sqrt_up(sum), e));
  }
  return norms;
}

/// The largest inner dimension for which |A|^T |B| is formed; above, Cauchy and Schwarz bound it by norms.
constexpr std::size_t small_inner = 256;

/// Entrywise upper bounds of |A|^T |B|.
arma::mat magnitude_product_up(const arma::mat& a, const arma::mat& b) {
  const std::size_t n = a.n_rows;
  arma::mat bound;
  if (n <= small_inner) {
    bound = transpose_product(magnitude(a), magnitude(b), Shape::full);
    const double factor = add_up(1, gamma_up(2 * n + 4));
    for (double& x : bound) x = add_up(mul_up(x, factor), mul_up(static_cast<double>(n + 1), 2 * tiny));
  } else {
    const arma::vec p = column_norms_up(a), q = column_norms_up(b);
    bound.set_size(a.n_cols, b.n_cols);
    for (arma::uword j = 0; j < bound.n_cols; ++j)
      for (arma::uword i = 0; i < bound.n_rows; ++i) bound(i, j) = mul_up(p[i], q[j]);
  }
  for (double& x : bound)
    if (!(x < infinity)) x = infinity;
  return bound;
}

/// The box of A^T B, at and b by columns.
EnclosedMatrix enclosed_transpose_product(const EnclosedMatrix& at, const EnclosedMatrix& b, Shape shape) {
  const FloatScope scope;
  const std::size_t n = at.value.n_rows;
  EnclosedMatrix c{transpose_product(at.value, b.value, shape), magnitude_product_up(at.value, b.value)};
  const double relative = gamma_up(n + 4), absolute = mul_up(static_cast<double>(n + 1), 2 * tiny);
  for (double& x : c.radius) x = add_up(mul_up(x, relative), absolute);
  if (has_radius(at)) {
    const arma::mat more = magnitude_product_up(radius_of(at), magnitude(b.value) + radius_of(b));
    // |B| + rB was rounded once.
    const double factor = add_up(1, 4 * unit);
    for (arma::uword i = 0; i < more.n_elem; ++i) c.radius[i] = add_up(c.radius[i], mul_up(more[i], factor));
  }
  if (has_radius(b)) {
    const arma::mat more = magnitude_product_up(at.value, radius_of(b));
    for (arma::uword i = 0; i < more.n_elem; ++i) c.radius[i] = add_up(c.radius[i], more[i]);
  }
  for (arma::uword i = 0; i < c.value.n_elem; ++i)
    if (!std::isfinite(c.value[i])) {
      c.value[i] = 0;
      c.radius[i] = infinity;
    }
  return c;
}

// ------------------------------------------------------------------------------- compensated residuals

/// x z = product + error, exactly, barring under- and overflow (Veltkamp, Dekker 1971).
void two_product(double x, double z, double& product, double& error) {
  constexpr double splitter = 0x1p27 + 1;
  const double a = splitter * x, x_high = a - (a - x), x_low = x - x_high;
  const double b = splitter * z, z_high = b - (b - z), z_low = z - z_high;
  product = x * z;
  error = x_low * z_low - (((product - x_high * z_high) - x_low * z_high) - x_high * z_low);
}

/// start - x.z by the compensated scheme Dot2 (Ogita, Rump, Oishi 2005): the error is at most
/// unit |result| + gamma_{n+1}^2 (|start| + |x|.|z|) and some tiny for each product.
double compensated_residual(double start, const double* x, const double* z, std::size_t n) {
  double sum = start, correction = 0;
  for (std::size_t k = 0; k < n; ++k) {
    double product, error;
    two_product(-x[k], z[k], product, error);
    const double next = sum + product, part = next - sum;
    correction += ((sum - (next - part)) + (product - part)) + error;
    sum = next;
  }
  return sum + correction;
}

// ----------------------------------------------------------------------------------------- Cholesky

/// The matrix s_i s_j a_ij with s = 2^exponents, diagonal in [1, 4), and a bound of the 2-norm of what is
/// unknown of it. Not usable if the diagonal is not positive or something does not fit.
struct Scaled {
  bool usable = false;
  arma::mat value;
  std::vector<int> exponents;
  double spread = 0;
};

Scaled scale(const EnclosedMatrix& a) {
  Scaled s;
  const std::size_t n = a.value.n_rows;
  for (std::size_t i = 0; i < n; ++i) {
    const double d = a.value(i, i);
    if (!(d > 0) || !(d < infinity)) return s;
    const int e = std::ilogb(d);
    s.exponents.push_back(-(e >> 1));  // the shift rounds down
  }
  s.value.set_size(n, n);
  const bool box = has_radius(a);
  for (std::size_t j = 0; j < n; ++j) {
    double sum = 0;
    for (std::size_t i = 0; i < n; ++i) {
      const int e = s.exponents[i] + s.exponents[j];
      const double x = std::ldexp(a.value(i, j), e);
      if (!std::isfinite(x)) return s;
      s.value(i, j) = x;
      if (box) sum = add_up(sum, next_up(std::ldexp(a.radius(i, j), e)));
    }
    // What underflowed is off by at most tiny.
    s.spread = std::max(s.spread, add_up(sum, mul_up(static_cast<double>(n), tiny)));
  }
  s.usable = s.spread < infinity;
  return s;
}

/// LAPACK's upper Cholesky factor of the symmetric m, zeros below; or the number of rows of the leading block
/// that it takes not to be positive definite. An approximation, in either case.
struct Factor {
  arma::mat r;
  arma::uword failed = 0;
};

Factor cholesky(const arma::mat& m) {
  Factor f{m, 0};
  arma::blas_int n = static_cast<arma::blas_int>(m.n_rows), info = 0;
  char uplo = 'U';
  if (n > 0) arma::lapack::potrf(&uplo, &n, f.r.memptr(), &n, &info);
  for (arma::uword j = 0; j < m.n_cols; ++j)
    for (arma::uword i = j + 1; i < m.n_rows; ++i) f.r(i, j) = 0;
  f.failed = info > 0 ? static_cast<arma::uword>(info) : 0;
  if (info == 0 && !f.r.is_finite()) f.failed = m.n_rows;
  return f;
}

/// R^-1 B or, transposed, R^-T B, approximately; not finite where R is singular.
arma::mat triangular_solve(const arma::mat& r, bool transposed, arma::mat b) {
  char uplo = 'U', trans = transposed ? 'T' : 'N', diagonal = 'N';
  arma::blas_int n = static_cast<arma::blas_int>(r.n_cols), columns = static_cast<arma::blas_int>(b.n_cols),
                 info = 0;
  arma::blas_int rows = static_cast<arma::blas_int>(r.n_rows);
  if (n > 0 && columns > 0)
    arma::lapack::trtrs(&uplo, &trans, &diagonal, &n, &columns, r.memptr(), &rows, b.memptr(), &rows, &info);
  if (info != 0) b.fill(infinity);
  return b;
}

/// (R^T R)^-1 x, approximately.
arma::vec solved(const Factor& f, const arma::vec& x) {
  return triangular_solve(f.r, false, triangular_solve(f.r, true, x));
}

/// Upper bound of ‖B - R^T R‖_2 for any upper triangular R whatever. @pre entries of moderate size
double residual_norm(const arma::mat& b, const arma::mat& r, bool compensated) {
  const std::size_t n = b.n_rows;
  // The bound of the errors, gamma |R|^T |R|, has entries up to |r_i||r_j|, a matrix of norm sum |r_i|^2.
  const arma::vec norms = column_norms_up(r);
  double trace = 0;
  for (const double x : norms) trace = add_up(trace, mul_up(x, x));
  const double count = static_cast<double>(n);
  double squares = 0, relative = 0;
  if (compensated) {
    std::vector<double> sums(n, 0.0);
    const std::size_t block = n < 64 ? n : 8;  // not worth other threads when there is little to do
    parallel_for((n + block - 1) / block, [&](std::size_t part) {
      const FloatScope scope;
      for (std::size_t j = part * block; j < std::min(n, (part + 1) * block); ++j)
        for (std::size_t i = 0; i <= j; ++i) {
          const double e = std::abs(compensated_residual(b(i, j), r.colptr(i), r.colptr(j), i + 1));
          const double with_error = mul_up(e, 1 + 4 * unit);
          sums[j] = add_up(sums[j], mul_up(i == j ? 1 : 2, mul_up(with_error, with_error)));
        }
    });
    for (const double sum : sums) squares = add_up(squares, sum);
    const double gamma = gamma_up(n + 2);
    relative = mul_up(gamma, gamma);
    // |start| is at most 4 here for every entry of a scaled matrix that has a chance; bounded in any case:
    const double start = frobenius_norm_up(b);
    return add_up(add_up(sqrt_up(squares), mul_up(relative, add_up(trace, start))),
                  mul_up(mul_up(count, count), 16 * count * tiny));
  }
  const arma::mat product = transpose_product(r, r, Shape::triangular);
  for (arma::uword i = 0; i < b.n_elem; ++i) {
    const double e = next_up(std::abs(b[i] - product[i]));
    squares = add_up(squares, mul_up(e, e));
  }
  relative = gamma_up(n + 4);
  return add_up(add_up(sqrt_up(squares), mul_up(relative, trace)),
                mul_up(mul_up(count, count), 4 * count * tiny));
}

/// Dimension up to which the costlier residual is affordable.
constexpr std::size_t compensated_limit = 800;

/// A number sigma > 0 for which A' - sigma I is positive semidefinite for every A' in the scaled box, as
/// large as the attempt gives; 0 if it fails. Proof: with B <= A' - c I (the diagonal rounded down) and B =
/// R^T R + E, A' >= (c - ‖E‖) I + R^T R, and what is unknown of A' takes off at most `spread`.
double definite_by(const Scaled& s, double c, bool compensated) {
  arma::mat b = s.value;
  for (arma::uword i = 0; i < b.n_rows; ++i) b(i, i) = sub_down(b(i, i), c);
  const Factor f = cholesky(b);
  if (f.failed != 0) return 0;
  const double lost = add_up(residual_norm(b, f.r, compensated), s.spread);
  return std::max(0.0, sub_down(c, lost));
}

/// A shift that outweighs the bound of the residual's error.
double first_shift(const Scaled& s) {
  const auto n = static_cast<double>(s.value.n_rows);
  double trace = 0;
  for (arma::uword i = 0; i < s.value.n_rows; ++i) trace = add_up(trace, s.value(i, i));
  return add_up(mul_up(1.25, s.spread), add_up(mul_up(2 * gamma_up(s.value.n_rows + 4), trace), n * 0x1p-50));
}
double second_shift(const Scaled& s) {
  return add_up(mul_up(1.001, s.spread), static_cast<double>(s.value.n_rows) * 0x1p-50);
}

double certified(const Scaled& s) {
  if (!s.usable) return 0;
  if (s.value.n_rows == 0) return infinity;
  double sigma = definite_by(s, first_shift(s), false);
  if (sigma == 0 && s.value.n_rows <= compensated_limit) sigma = definite_by(s, second_shift(s), true);
  return sigma;
}

// ---------------------------------------------------------------------------------- extreme eigenvalues

/// x^T A x/x^T x of a vector, rounded in the direction given; exact but for that.
double rayleigh(const arma::mat& a, const arma::vec& x, Direction direction) {
  const std::span<const double> v(x.memptr(), x.n_elem);
  const Dyadic xx = dot(v, v);
  if (xx.is_zero()) return direction == Direction::up ? infinity : -infinity;
  return exact::round_quotient(quadratic_form(a, v), xx, direction);
}

arma::vec normalised(arma::vec x) {
  const double largest = x.is_empty() ? 0 : arma::abs(x).max();
  if (!(largest > 0) || !(largest < infinity)) return arma::vec(x.n_elem, arma::fill::ones);
  const int e = -std::ilogb(largest);
  for (double& element : x) element = std::ldexp(element, e);
  return x;
}

/// Some vector that is rich in every direction.
arma::vec start_vector(arma::uword n) {
  arma::vec x(n);
  for (arma::uword i = 0; i < n; ++i) x[i] = 1 + 0.5 * std::cos(static_cast<double>(3 * i + 1));
  return x;
}

constexpr arma::uword eigen_limit = 400;

/// The Ritz vector of the largest eigenvalue of a symmetric operator, by Lanczos' method from x with
/// reorthogonalisation.
template <class Operator>
arma::vec top_vector(arma::vec x, arma::uword steps, Operator apply) {
  const arma::uword n = x.n_elem;
  const arma::vec start = x;
  steps = std::min(steps, n);
  arma::mat basis(n, steps);
  arma::mat projected(steps, steps, arma::fill::zeros);
  arma::uword count = 0;
  for (; count < steps; ++count) {
    const double length = arma::norm(x);
    if (!(length > 0) || !(length < infinity)) break;
    if (count > 0) projected(count - 1, count) = projected(count, count - 1) = length;
    basis.col(count) = x / length;
    const arma::mat done(basis.memptr(), n, count + 1, false, true);
    x = apply(basis.col(count));
    if (!x.is_finite()) break;
    projected(count, count) = arma::dot(basis.col(count), x);
    for (int twice = 0; twice < 2; ++twice) x -= done * (done.t() * x);
  }
  arma::vec values;
  arma::mat vectors;
  if (count == 0 || !arma::eig_sym(values, vectors, arma::mat(projected.submat(0, 0, count - 1, count - 1))))
    return start;
  return basis.head_cols(count) * vectors.col(count - 1);
}

/// A better eigenvector of the smallest eigenvalue of b, from a Ritz vector x of it: by Lanczos' method for
/// the inverse of b - sigma I, with sigma ever closer below x^T b x, yet so far that this can be factored.
arma::vec polished(const arma::mat& b, arma::vec x, double size) {
  const double resolution = std::sqrt(static_cast<double>(b.n_rows)) * unit * size;
  double gap = infinity, lowest = infinity, least = infinity;
  for (int round = 0; round < 12; ++round) {
    const double length = arma::norm(x);
    if (!(length > 0) || !(length < infinity)) return x;
    x /= length;
    const arma::vec image = b * x;
    const double theta = arma::dot(x, image), rest = arma::norm(image - theta * x);
    // What is left may be all that doubles resolve; the eigenvalue is off by no more.
    if (rest <= resolution || (rest >= least / 2 && theta >= lowest - resolution)) return x;
    least = std::min(least, rest);
    lowest = std::min(lowest, theta);
    gap = std::max(std::min(4 * rest, gap / 16), 4 * resolution);
    Factor f;
    f.failed = 1;
    for (int trial = 0; trial < 8 && f.failed != 0; ++trial) {
      if (trial > 0) gap *= 16;
      arma::mat shifted = b;
      shifted.diag() -= theta - gap;
      f = cholesky(shifted);
    }
    if (f.failed != 0) return x;
    const arma::vec next = top_vector(x, 12, [&](const arma::vec& v) { return solved(f, v); });
    if (!next.is_finite()) return x;
    x = next;
  }
  return x;
}

/// An eigenvector of the smallest (sign +1) or largest (sign -1) eigenvalue. An approximation only: nothing
/// is claimed of it.
arma::vec extreme_vector(const arma::mat& a, int sign) {
  const arma::uword n = a.n_rows;
  const double size = a.is_empty() ? 0 : arma::abs(a).max();
  if (!(size > 0) || !(size < infinity)) return start_vector(n);
  arma::mat scaled = a;
  const int e = -std::ilogb(size);
  for (double& x : scaled) x = std::ldexp(x, e);
  arma::vec values;
  arma::mat vectors;
  if (n <= eigen_limit && arma::eig_sym(values, vectors, scaled)) return vectors.col(sign > 0 ? 0 : n - 1);
  if (sign < 0) scaled = -scaled;
  const double norm = arma::norm(scaled, "inf");
  const Factor f = cholesky(scaled);
  const arma::vec x = top_vector(start_vector(n), 40, [&](const arma::vec& v) {
    return f.failed == 0 ? solved(f, v) : arma::vec(-(scaled * v));
  });
  return polished(scaled, x, norm);
}

/// A number that no eigenvalue of A' in the box (sign +1), or of -A' (sign -1), lies below, close to `guess`.
double eigenvalue_bound(const EnclosedMatrix& a, int sign, double guess) {
  const arma::uword n = a.value.n_rows;
  const double norm = frobenius_norm_up(a.value), spread = frobenius_norm_up(radius_of(a));
  const double trivial = -add_up(norm, spread);
  if (!std::isfinite(trivial) || !std::isfinite(guess)) return -infinity;
  EnclosedMatrix shifted{sign > 0 ? a.value : arma::mat(-a.value), a.radius};
  const arma::mat start = shifted.value;
  const auto holds = [&](double sigma) {
    for (arma::uword i = 0; i < n; ++i) shifted.value(i, i) = sub_down(start(i, i), sigma);
    return certified(scale(shifted)) > 0;
  };
  double largest = 0;
  for (arma::uword i = 0; i < n; ++i) largest = std::max(largest, std::abs(start(i, i)));
  // First steps off the guess: what the certificate loses to rounding, seen from a diagonal of ordinary size;
  // then, for a matrix of entries of very different sizes, relative to the guess itself.
  const double absolute =
      static_cast<double>(n) * (n <= compensated_limit ? 0x1p-49 : 8 * gamma_up(n)) * largest;
  const double size = std::abs(guess);
  std::vector<double> steps;
  for (const double relative : {0x1p-46, 0x1p-38, 0x1p-28, 0x1p-16, 0x1p-6, 0.5})
    if (n <= compensated_limit || relative * size >= absolute / 64) steps.push_back(relative * size);
  for (double step = std::max(absolute, 0x1p-1000); step < norm + spread; step *= 32) steps.push_back(step);
  if (guess > 0) steps.push_back(guess);  // is it positive at all?
  std::sort(steps.begin(), steps.end());
  if (n > compensated_limit)  // each trial takes a while
    steps.erase(steps.begin(),
                std::lower_bound(steps.begin(), steps.end(), std::min(absolute / 8, size / 2)));
  for (const double step : steps) {
    const double sigma = sub_down(guess, add_up(step, spread));
    if (sigma <= trivial) break;
    if (holds(sigma)) return sigma;
  }
  return trivial;
}

}  // namespace

// ---------------------------------------------------------------------------------- checks of arguments

void check_shape(const arma::mat& m, std::size_t rows, std::size_t columns, const char* name) {
  if (m.n_rows != rows || m.n_cols != columns)
    throw ContractError(
        fmt::format("{} is {} x {}; it must be {} x {}", name, m.n_rows, m.n_cols, rows, columns));
}

void check_finite(const arma::mat& m, const char* name) {
  for (arma::uword j = 0; j < m.n_cols; ++j)
    for (arma::uword i = 0; i < m.n_rows; ++i)
      if (!is_finite(m(i, j)))
        throw ContractError(
            fmt::format("{}({}, {}) is {}; every element must be finite", name, i, j, number(m(i, j))));
}

std::optional<Position> first_asymmetry(const arma::mat& m) {
  for (arma::uword j = 0; j < m.n_cols; ++j)
    for (arma::uword i = j + 1; i < m.n_rows; ++i) {
      const auto a = std::bit_cast<std::uint64_t>(m(i, j)), b = std::bit_cast<std::uint64_t>(m(j, i));
      // By bits, but that 0 and -0 are the same number.
      if (a != b && (a << 1 | b << 1) != 0) return Position{i, j};
    }
  return std::nullopt;
}

void check_vector(const arma::vec& x, std::size_t n, const char* name) {
  if (x.n_elem != n)
    throw ContractError(fmt::format("{} has {} elements; it must have {}", name, x.n_elem, n));
  for (arma::uword i = 0; i < x.n_elem; ++i)
    if (!is_finite(x[i])) throw NonFiniteError(name, i, x[i]);
}

void check_symmetric(const arma::mat& m, std::size_t n, const char* name) {
  check_shape(m, n, n, name);
  check_finite(m, name);
  if (const auto where = first_asymmetry(m))
    throw ContractError(fmt::format("{0}({1}, {2}) is {3} and {0}({2}, {1}) is {4}; it must be symmetric",
                                    name, where->row, where->column, m(where->row, where->column),
                                    m(where->column, where->row)));
}

// -------------------------------------------------------------------------- upper and lower bounds

double add_up(double a, double b) {
  if (a == 0 || b == 0) return a + b < infinity ? a + b : infinity;
  return next_up(a + b);
}
double mul_up(double a, double b) {
  if (a == 0 || b == 0) return 0;
  return next_up(a * b);
}
double div_up(double a, double b) {
  if (a == 0) return 0;
  return next_up(a / b);
}
double sqrt_up(double a) {
  if (a == 0) return 0;
  return next_up(std::sqrt(a));
}
double sub_down(double a, double b) {
  const double difference = a - b;
  if (std::isnan(difference)) return -infinity;
  return std::nextafter(difference, -infinity);
}
double sub_up(double a, double b) {
  return -sub_down(b, a);
}

double gamma_up(std::size_t n) {
  const double nu = static_cast<double>(n) * unit;  // exact below 2^53
  if (!(nu < 0.5)) return infinity;
  return div_up(nu, sub_down(1, nu));
}

double frobenius_norm_up(const arma::mat& m) {
  const arma::vec norms = column_norms_up(m);
  return norms.is_empty() ? 0 : column_norms_up(arma::mat(norms))[0];
}

double two_norm_up(const arma::mat& m) {
  double by_columns = 0, by_rows = 0;
  std::vector<double> rows(m.n_rows, 0.0);
  for (arma::uword j = 0; j < m.n_cols; ++j) {
    double sum = 0;
    for (arma::uword i = 0; i < m.n_rows; ++i) {
      sum = add_up(sum, std::abs(m(i, j)));
      rows[i] = add_up(rows[i], std::abs(m(i, j)));
    }
    by_columns = std::max(by_columns, sum);
  }
  for (const double sum : rows) by_rows = std::max(by_rows, sum);
  return mul_up(sqrt_up(by_columns), sqrt_up(by_rows));
}

// ------------------------------------------------------------------------------------------ exact sums

exact::Dyadic dot(std::span<const double> x, std::span<const double> z) {
  ExactSum::Words words{};
  kernels::dot(x.data(), z.data(), x.size(), words);
  return Dyadic::from(ExactSum(words));
}

std::vector<exact::Dyadic> multiply(const arma::mat& m, std::span<const double> x) {
  const arma::mat by_rows = m.t();
  std::vector<Dyadic> result(m.n_rows);
  constexpr std::size_t block = 16;
  parallel_for((m.n_rows + block - 1) / block, [&](std::size_t b) {
    for (std::size_t i = b * block; i < std::min<std::size_t>(m.n_rows, (b + 1) * block); ++i)
      result[i] = dot(column(by_rows, i), x);
  });
  return result;
}

exact::Dyadic quadratic_form(const arma::mat& m, std::span<const double> x) {
  const std::vector<Dyadic> mx = multiply(m, x);
  Dyadic sum;
  for (std::size_t i = 0; i < x.size(); ++i) sum = sum + mx[i] * Dyadic::from(x[i]);
  return sum;
}

// --------------------------------------------------------------------------------------- products

EnclosedMatrix multiply(const EnclosedMatrix& a, const EnclosedMatrix& b) {
  const EnclosedMatrix at{a.value.t(), a.radius.t()};
  return enclosed_transpose_product(at, b, Shape::full);
}
EnclosedMatrix gram(const EnclosedMatrix& a) {
  EnclosedMatrix g = enclosed_transpose_product(a, a, Shape::symmetric);
  for (arma::uword j = 0; j < g.value.n_cols; ++j)
    for (arma::uword i = 0; i < j; ++i)
      g.radius(j, i) = g.radius(i, j) = std::max(g.radius(i, j), g.radius(j, i));
  return g;
}
EnclosedMatrix outer_gram(const EnclosedMatrix& a) {
  return gram(EnclosedMatrix{a.value.t(), a.radius.t()});
}

EnclosedVector multiply(const EnclosedMatrix& a, const EnclosedVector& x) {
  const EnclosedMatrix result = multiply(
      a, EnclosedMatrix{arma::mat(x.value), x.radius.is_empty() ? arma::mat() : arma::mat(x.radius)});
  return {result.value.col(0), result.radius.col(0)};
}
EnclosedVector multiply_transpose(const EnclosedMatrix& a, const EnclosedVector& x) {
  const EnclosedMatrix result = enclosed_transpose_product(
      a, EnclosedMatrix{arma::mat(x.value), x.radius.is_empty() ? arma::mat() : arma::mat(x.radius)},
      Shape::full);
  return {result.value.col(0), result.radius.col(0)};
}

// ------------------------------------------------------------------------------------ definiteness

bool certainly_positive_definite(const EnclosedMatrix& a) {
  const FloatScope scope;
  return certified(scale(a)) > 0;
}
bool certainly_positive_definite(const arma::mat& a) {
  return certainly_positive_definite(EnclosedMatrix{a, {}});
}

std::optional<arma::vec> nonpositive_direction(const arma::mat& a) {
  const FloatScope scope;
  const arma::uword n = a.n_rows;
  const auto is_witness = [&](const arma::vec& x) {
    return x.is_finite() && arma::any(x != 0) && quadratic_form(a, {x.memptr(), x.n_elem}).sign() <= 0;
  };
  for (arma::uword i = 0; i < n; ++i) {
    if (!(a(i, i) <= 0)) continue;
    arma::vec x(n, arma::fill::zeros);
    x[i] = 1;
    return x;
  }
  const Scaled s = scale({a, {}});
  // Something does not fit: an off-diagonal element outweighs its two diagonal ones by far.
  if (!s.usable) {
    for (arma::uword j = 0; j < n; ++j)
      for (arma::uword i = j + 1; i < n; ++i) {
        const Dyadic off = Dyadic::from(a(i, j));
        if ((Dyadic::from(a(i, i)) * Dyadic::from(a(j, j)) - off * off).sign() > 0) continue;
        // x = (a_ij, -a_jj): x^T A x = a_jj (a_ii a_jj - a_ij^2), scaled to fit.
        arma::vec x(n, arma::fill::zeros);
        const int e = std::max(std::ilogb(std::abs(a(i, j))), std::ilogb(a(j, j)));
        x[j] = std::ldexp(a(i, j), -e);
        x[i] = -std::ldexp(a(j, j), -e);
        if (is_witness(x)) return x;
        x[i] = a(i, j) > 0 ? -1 : 1;
        x[j] = 1;
        if (is_witness(x)) return x;
      }
    return std::nullopt;
  }
  const auto unscaled = [&](const arma::vec& x) {
    const arma::vec y = normalised(x);
    int most = std::numeric_limits<int>::min();
    for (arma::uword i = 0; i < n; ++i)
      if (y[i] != 0) most = std::max(most, std::ilogb(y[i]) + s.exponents[i]);
    arma::vec z(n);
    for (arma::uword i = 0; i < n; ++i) z[i] = std::ldexp(y[i], s.exponents[i] - most);
    return z;
  };
  std::vector<arma::vec> candidates;
  const Factor f = cholesky(s.value);
  if (f.failed != 0) {
    // The last Schur complement of the leading block is its value at (-A11^-1 a, 1).
    const arma::uword k = f.failed - 1;
    arma::vec x(n, arma::fill::zeros);
    x[k] = 1;
    if (k > 0) {
      const arma::mat r = f.r.submat(0, 0, k - 1, k - 1), above = s.value.submat(0, k, k - 1, k);
      x.head(k) = -triangular_solve(r, false, triangular_solve(r, true, above));
    }
    candidates.push_back(x);
  }
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    const arma::vec x = unscaled(candidates[i]);
    if (is_witness(x)) return x;
  }
  // An eigenvector, and for matrices of simple numbers its neighbour of simple numbers.
  const arma::vec v = normalised(extreme_vector(s.value, 1));
  candidates.assign(1, v);
  const arma::vec x = unscaled(v);
  if (is_witness(x)) return x;
  const arma::uword top = arma::abs(x).index_max();
  for (const double bits : {0x1p0, 0x1p8, 0x1p20, 0x1p36}) {
    arma::vec rounded = x / x[top];
    for (double& element : rounded) element = std::round(element * bits) / bits;
    if (is_witness(rounded)) return rounded;
  }
  return std::nullopt;
}

Enclosure smallest_eigenvalue(const EnclosedMatrix& a) {
  const FloatScope scope;
  if (a.value.is_empty()) return {infinity, infinity};
  const arma::vec x = extreme_vector(a.value, 1);
  const double above = rayleigh(a.value, x, Direction::up);
  const double spread = has_radius(a) ? two_norm_up(a.radius) : 0;
  return {eigenvalue_bound(a, 1, above), spread == 0 ? above : sub_up(above, -spread)};
}

Enclosure largest_eigenvalue(const EnclosedMatrix& a) {
  const FloatScope scope;
  if (a.value.is_empty()) return {-infinity, -infinity};
  const arma::vec x = extreme_vector(a.value, -1);
  const double below = rayleigh(a.value, x, Direction::down);
  const double spread = has_radius(a) ? two_norm_up(a.radius) : 0;
  return {spread == 0 ? below : sub_down(below, spread), -eigenvalue_bound(a, -1, -below)};
}

Enclosure condition_number(const Enclosure& smallest, const Enclosure& largest) {
  const auto ratio = [](double a, double b, Direction direction) {
    return exact::round_quotient(Dyadic::from(a), Dyadic::from(b), direction);
  };
  return {std::max(1.0, ratio(largest.lo, smallest.hi, Direction::down)),
          ratio(largest.hi, smallest.lo, Direction::up)};
}

std::vector<Enclosure> eigenvalues(const arma::mat& a) {
  const FloatScope scope;
  const arma::uword n = a.n_rows;
  std::vector<Enclosure> result(n, {-infinity, infinity});
  const double size = a.is_empty() ? 0 : arma::abs(a).max();
  if (size == 0) return std::vector<Enclosure>(n, {0, 0});
  const int e = std::ilogb(size);
  arma::mat scaled = a;
  for (double& x : scaled) x = std::ldexp(x, -e);
  arma::vec values;
  arma::mat x;
  if (!arma::eig_sym(values, x, scaled) || !x.is_finite() || !values.is_finite()) return result;
  // |box - diagonal|, and a bound of its 2-norm.
  const auto distance = [&](EnclosedMatrix box, const auto& diagonal) {
    for (arma::uword j = 0; j < n; ++j)
      for (arma::uword i = 0; i < n; ++i) {
        const double value = box.value(i, j), expected = i == j ? diagonal(i) : 0;
        box.value(i, j) =
            add_up(std::max(sub_up(value, expected), sub_up(expected, value)), box.radius(i, j));
      }
    return two_norm_up(box.value);
  };
  const double delta = distance(gram(EnclosedMatrix{x, {}}), [](arma::uword) { return 1.0; });
  // Elements that underflowed when the matrix was scaled: |x_i| <= 1 + delta.
  const double lost = mul_up(static_cast<double>(n), 8 * tiny);
  const EnclosedMatrix vectors{x, {}}, transposed{arma::mat(x.t()), {}};
  const EnclosedMatrix rotated = multiply(transposed, multiply(EnclosedMatrix{scaled, {}}, vectors));
  const double epsilon = add_up(distance(rotated, values), lost);
  const double low = sub_down(1, delta), high = add_up(1, delta);
  if (!(low > 0.5) || !(epsilon < infinity)) return result;
  const auto divided = [&](double value, double by, Direction direction) {
    return exact::round_quotient(Dyadic::from(value).scaled(e), Dyadic::from(by), direction);
  };
  for (arma::uword k = 0; k < n; ++k) {
    const double below = sub_down(values[k], epsilon), above = sub_up(values[k], -epsilon);
    if (!std::isfinite(below) || !std::isfinite(above)) continue;
    result[k] = {divided(below, below < 0 ? low : high, Direction::down),
                 divided(above, above < 0 ? high : low, Direction::up)};
  }
  return result;
}

// ------------------------------------------------------------------------------------------- solving

std::optional<PositiveDefinite> PositiveDefinite::make(const EnclosedMatrix& a) {
  const FloatScope scope;
  const Scaled s = scale(a);
  if (!s.usable) return std::nullopt;
  PositiveDefinite result;
  result.scaled_ = s.value;
  result.exponents_ = s.exponents;
  result.scaled_radius_ = arma::mat();
  if (has_radius(a)) {
    result.scaled_radius_ = a.radius;
    for (arma::uword j = 0; j < a.radius.n_cols; ++j)
      for (arma::uword i = 0; i < a.radius.n_rows; ++i)
        result.scaled_radius_(i, j) = next_up(std::ldexp(a.radius(i, j), s.exponents[i] + s.exponents[j]));
  }
  result.spread_ = s.spread;
  const arma::uword n = s.value.n_rows;
  if (n == 0) {
    result.smallest_ = 1;
    return result;
  }
  const Factor f = cholesky(s.value);
  if (f.failed != 0) return std::nullopt;
  result.factor_ = f.r;
  const bool compensated = n <= compensated_limit;
  // The larger the shift that survives, the better the bound; near lambda_min/2 it is as good as any.
  const double guess = rayleigh(s.value, extreme_vector(s.value, 1), Direction::down);
  for (double c = guess / 2; c > second_shift(s) && result.smallest_ == 0; c /= 16)
    result.smallest_ = definite_by(s, c, compensated);
  if (result.smallest_ == 0) result.smallest_ = certified(s);
  if (result.smallest_ == 0) return std::nullopt;
  result.residual_ = residual_norm(s.value, f.r, compensated);
  return result;
}

EnclosedMatrix PositiveDefinite::solve(const EnclosedMatrix& b) const {
  const FloatScope scope;
  const arma::uword n = scaled_.n_rows, columns = b.value.n_cols;
  EnclosedMatrix result{arma::mat(n, columns, arma::fill::zeros), arma::mat(n, columns, arma::fill::zeros)};
  if (n == 0 || columns == 0) return result;
  // S b, column by column to a common power of two.
  arma::mat right(n, columns), right_radius(n, columns, arma::fill::zeros);
  std::vector<int> shift(columns, 0);
  for (arma::uword j = 0; j < columns; ++j) {
    int most = std::numeric_limits<int>::min();
    for (arma::uword i = 0; i < n; ++i)
      if (b.value(i, j) != 0 && std::isfinite(b.value(i, j)))
        most = std::max(most, std::ilogb(b.value(i, j)) + exponents_[i]);
    shift[j] = most == std::numeric_limits<int>::min() ? 0 : -most;
    for (arma::uword i = 0; i < n; ++i) {
      right(i, j) = std::ldexp(b.value(i, j), exponents_[i] + shift[j]);
      right_radius(i, j) = tiny;  // of an underflow
      if (!b.radius.is_empty() && b.radius(i, j) != 0)
        right_radius(i, j) = add_up(tiny, next_up(std::ldexp(b.radius(i, j), exponents_[i] + shift[j])));
    }
  }
  const auto approximate = [&](const arma::mat& of) {
    arma::mat whole = triangular_solve(factor_, false, triangular_solve(factor_, true, of));
    if (!whole.is_finite()) whole.zeros();
    return whole;
  };
  // |b - A z| elementwise, from exact sums where they are affordable.
  const auto residual = [&](const arma::mat& z, arma::mat& r, arma::mat& error) {
    r.set_size(n, columns);
    error.zeros(n, columns);
    const bool exactly = columns <= 4 || n * columns <= 4096;
    if (exactly) {
      for (arma::uword j = 0; j < columns; ++j) {
        const std::vector<Dyadic> product = dense::multiply(scaled_, column(z, j));
        for (arma::uword i = 0; i < n; ++i) {
          r(i, j) = exact::round(Dyadic::from(right(i, j)) - product[i]);
          error(i, j) = add_up(mul_up(std::abs(r(i, j)), 2 * unit), tiny);
        }
      }
    } else {
      const EnclosedMatrix product = dense::multiply(EnclosedMatrix{scaled_, {}}, EnclosedMatrix{z, {}});
      for (arma::uword i = 0; i < r.n_elem; ++i) {
        r[i] = right[i] - product.value[i];
        error[i] = add_up(product.radius[i], add_up(mul_up(std::abs(r[i]), 2 * unit), tiny));
      }
    }
  };
  arma::mat z = approximate(right), r, error;
  residual(z, r, error);
  const arma::mat better = z + approximate(r);
  if (better.is_finite()) z = better;
  residual(z, r, error);
  for (arma::uword j = 0; j < columns; ++j) {
    arma::vec off(n);
    for (arma::uword i = 0; i < n; ++i)
      off[i] = add_up(add_up(std::abs(r(i, j)), error(i, j)), right_radius(i, j));
    if (!scaled_radius_.is_empty()) {
      arma::vec more(n, arma::fill::zeros);
      for (arma::uword k = 0; k < n; ++k)
        for (arma::uword i = 0; i < n; ++i)
          more[i] = add_up(more[i], mul_up(scaled_radius_(i, k), std::abs(z(k, j))));
      for (arma::uword i = 0; i < n; ++i) off[i] = add_up(off[i], more[i]);
    }
    // What underflowed when the matrix was scaled.
    double sum = 0;
    for (arma::uword i = 0; i < n; ++i) sum = add_up(sum, std::abs(z(i, j)));
    for (arma::uword i = 0; i < n; ++i) off[i] = add_up(off[i], mul_up(sum, tiny));
    const double distance = div_up(frobenius_norm_up(arma::mat(off)), smallest_);
    for (arma::uword i = 0; i < n; ++i) {
      const int e = exponents_[i] - shift[j];
      const double value = std::ldexp(z(i, j), e);
      const double radius = add_up(next_up(std::ldexp(distance, e)), tiny);
      result.value(i, j) = std::isfinite(value) ? value : 0;
      result.radius(i, j) = std::isfinite(value) && radius < infinity ? radius : infinity;
    }
  }
  return result;
}

EnclosedVector PositiveDefinite::solve(const EnclosedVector& b) const {
  const EnclosedMatrix result =
      solve(EnclosedMatrix{arma::mat(b.value), b.radius.is_empty() ? arma::mat() : arma::mat(b.radius)});
  return {result.value.col(0), result.radius.col(0)};
}

Enclosure PositiveDefinite::log_det() const {
  const FloatScope scope;
  const arma::uword n = scaled_.n_rows;
  if (n == 0) return {0, 0};
  // A = R^T R + E: the eigenvalues of R^-T E R^-1 are at most eta in size, so that ln det(I + R^-T E R^-1) is
  // between n ln(1 - eta) and n ln(1 + eta).
  const double lost = add_up(residual_, spread_);
  const double below = sub_down(smallest_, lost);
  if (!(below > 0)) return {-infinity, infinity};
  const double eta = div_up(lost, below);
  if (!(eta < 1)) return {-infinity, infinity};
  const exact::MpfrScope mpfr;
  constexpr mpfr_prec_t precision = 128;
  const auto number_of = [](double x) { return exact::Interval(Dyadic::from(x), precision); };
  exact::Interval sum = number_of(0);
  std::int64_t exponents = 0;
  for (arma::uword i = 0; i < n; ++i) {
    if (!(factor_(i, i) > 0)) return {-infinity, infinity};
    sum = sum + log(number_of(factor_(i, i)));
    exponents -= exponents_[i];
  }
  const exact::Interval two(Dyadic(std::uint64_t{2}), precision);
  exact::Integer count = exponents;
  sum = scaled(sum + exact::Interval(Dyadic(count, 0), precision) * log(two), 1);
  const exact::Interval size(Dyadic(std::uint64_t{n}), precision), one(Dyadic(std::uint64_t{1}), precision);
  const exact::Interval low = sum + size * log(one - number_of(eta)),
                        high = sum + size * log(one + number_of(eta));
  return {low.lower(), high.upper()};
}

// ---------------------------------------------------------------------------------------------- rank

namespace {

/// Numbers modulo a prime, in which 2 has an inverse: every double has its residue.
template <std::uint64_t prime>
struct Residues {
  static std::uint64_t power(std::uint64_t base, std::uint64_t exponent) {
    std::uint64_t result = 1;
    for (; exponent != 0; exponent >>= 1) {
      if ((exponent & 1) != 0) result = result * base % prime;
      base = base * base % prime;
    }
    return result;
  }
  static std::uint64_t inverse(std::uint64_t x) { return power(x, prime - 2); }
  static std::uint64_t from(double x) {
    const auto bits = std::bit_cast<std::uint64_t>(x);
    const auto field = static_cast<std::int64_t>(bits >> 52 & 0x7ff);
    const std::uint64_t fraction = bits & 0xfffffffffffff;
    const std::uint64_t mantissa = (field == 0 ? fraction : fraction | std::uint64_t{1} << 52) % prime;
    const std::int64_t exponent = std::max<std::int64_t>(field, 1) - 1075;
    const std::uint64_t scale = exponent >= 0 ? power(2, static_cast<std::uint64_t>(exponent))
                                              : inverse(power(2, static_cast<std::uint64_t>(-exponent)));
    const std::uint64_t value = mantissa * scale % prime;
    return (bits >> 63) != 0 && value != 0 ? prime - value : value;
  }
  /// The first column that depends on those before it modulo the prime; the number of columns if none does.
  static arma::uword first_dependent(const arma::mat& a) {
    std::vector<std::vector<std::uint64_t>> columns(a.n_cols, std::vector<std::uint64_t>(a.n_rows));
    constexpr std::size_t chunk = 16;
    parallel_for((a.n_cols + chunk - 1) / chunk, [&](std::size_t part) {
      for (std::size_t j = part * chunk; j < std::min<std::size_t>(a.n_cols, (part + 1) * chunk); ++j)
        for (std::size_t i = 0; i < a.n_rows; ++i) columns[j][i] = from(a(i, j));
    });
    std::vector<bool> used(a.n_rows, false);
    for (std::size_t j = 0; j < columns.size(); ++j) {
      auto& pivot_column = columns[j];
      std::size_t pivot = 0;
      while (pivot < a.n_rows && (used[pivot] || pivot_column[pivot] == 0)) ++pivot;
      if (pivot == a.n_rows) return j;
      used[pivot] = true;
      const std::uint64_t scale = inverse(pivot_column[pivot]);
      // Rows already used need not be kept up to date: their entries are not looked at again.
      std::vector<std::size_t> rows;
      for (std::size_t i = 0; i < a.n_rows; ++i)
        if (!used[i] && pivot_column[i] != 0) rows.push_back(i);
      // Not worth other threads when there is little to do.
      const std::size_t block_size = 1 + (std::size_t{1} << 16) / (rows.size() + 1);
      parallel_for((columns.size() - j - 1 + block_size - 1) / block_size, [&](std::size_t block) {
        const std::size_t first = j + 1 + block_size * block,
                          last = std::min(columns.size(), first + block_size);
        for (std::size_t l = first; l < last; ++l) {
          const std::uint64_t factor = prime - columns[l][pivot] * scale % prime;
          if (factor == prime) continue;
          for (const std::size_t i : rows)
            columns[l][i] = (columns[l][i] + factor * pivot_column[i] % prime) % prime;
        }
      });
    }
    return a.n_cols;
  }
};

/// ‖I - X A‖ < 1 for an approximate left inverse X, from an orthogonal factorisation of the scaled columns.
bool has_left_inverse(const arma::mat& a) {
  arma::mat scaled = a;
  for (arma::uword j = 0; j < a.n_cols; ++j) {
    const double largest = arma::abs(a.col(j)).max();
    if (!(largest > 0)) return false;
    const int e = -std::ilogb(largest);
    for (arma::uword i = 0; i < a.n_rows; ++i) scaled(i, j) = std::ldexp(a(i, j), e);
  }
  arma::mat q, r;
  if (!arma::qr_econ(q, r, scaled)) return false;
  const arma::mat x = triangular_solve(r, false, q.t());
  if (!x.is_finite()) return false;
  // Scaling lost what underflowed: at most tiny for every element.
  const EnclosedMatrix box{scaled, arma::mat(a.n_rows, a.n_cols, arma::fill::value(tiny))};
  EnclosedMatrix product = multiply(EnclosedMatrix{x, {}}, box);
  arma::mat off(product.value.n_rows, product.value.n_cols);
  for (arma::uword j = 0; j < off.n_cols; ++j)
    for (arma::uword i = 0; i < off.n_rows; ++i) {
      const double e = next_up(std::abs(product.value(i, j) - (i == j ? 1 : 0)));
      off(i, j) = add_up(e, product.radius(i, j));
    }
  return two_norm_up(off) < 1;
}

}  // namespace

bool certainly_full_rank(const arma::mat& a, arma::uword* dependent) {
  if (dependent != nullptr) *dependent = a.n_cols;
  if (a.n_cols == 0) return true;
  if (a.n_cols <= a.n_rows) {
    const FloatScope scope;
    if (has_left_inverse(a)) return true;
  }
  const arma::uword first = Residues<4294967291>::first_dependent(a);
  if (first == a.n_cols) return true;
  const arma::uword second = Residues<4294967279>::first_dependent(a);
  if (second == a.n_cols) return true;
  // A column that depends on others does so modulo every prime.
  if (dependent != nullptr) *dependent = std::max(first, second);
  return false;
}

}  // namespace natgrad::dense
