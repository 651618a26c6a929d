// natgrad: textbook formulas of least_change in rationals and self-checking multiprecision.
//
// The optima are written as the updates of the literature (BFGS, DFP, PSB of a multiple of I), as a
// projection (ray), or as the result of a search (identity); measures and gradients follow from eigenvalues.
#ifndef NATGRAD_TESTS_SUPPORT_LEAST_CHANGE_REFERENCE_HPP
#define NATGRAD_TESTS_SUPPORT_LEAST_CHANGE_REFERENCE_HPP

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "reference.hpp"

namespace natgrad::test {

/// The measures, in the library's order.
enum class Best { condition, omega, bfgs, determinant, dfp, psb, ray, identity };
/// Whether there is an optimum, in the library's order.
enum class Found { attained, not_attained, infeasible, no_metric };

using RealMatrix = std::vector<std::vector<Real>>;

class BestMetric {
 public:
  /// @param parameter a of bfgs, T of determinant
  BestMetric(Best best, std::span<const double> g, std::span<const double> y,
             std::optional<double> parameter = {});

  Found found() const { return found_; }
  const ExactPair& pair() const { return pair_; }
  std::uint64_t dimension() const { return pair_.dimension(); }
  bool parallel() const { return ww_ == 0; }

  /// Bits that no entry of the matrix loses, nor an element of it times x.
  unsigned enough_bits(std::span<const double> x = {}) const;

  /// The optimum where it is rational: all but ray and identity. @pre attained
  const std::optional<RationalMatrix>& rational() const { return rational_; }

  // At the current precision; @pre attained, but for measure(), which then is the infimum.
  RealMatrix matrix() const;
  /// Distinct eigenvectors' eigenvalues with multiplicities: of the plane first, the smaller one first.
  std::vector<std::pair<Real, std::uint64_t>> spectrum() const;
  Real least() const;
  Real greatest() const;
  Real trace() const;
  Real log_det() const;
  /// What the optimum is the optimum of.
  Real measure() const;
  /// The a for which M(a) has this block on span(g, y), and the eigenvalue beside it. @pre D > 1
  Real block_alpha() const;
  Real complement() const;

  /// The gradient of the measure in orthonormal coordinates of span(g, y), the first one along g (for dfp: of
  /// the measure as a function of M^-1, the first one along y), and its eigenvalue beside the plane.
  struct Gradient {
    Real e11, e12, e22, beside;
  };
  /// @pre attained, not parallel
  Gradient gradient() const;
  /// mu, along_g, along_y with gradient = mu I + g v^T + v g^T. @pre as gradient()
  std::vector<Real> multiplier() const;

 private:
  struct Block {
    Real b11, b12, b22, determinant;

    std::pair<Real, Real> eigenvalues() const;
  };
  Block block() const;
  Real searched_excess() const;

  Best best_;
  ExactPair pair_;
  std::optional<double> parameter_;
  Found found_ = Found::no_metric;
  RationalVector w_;
  Rational ww_;
  std::optional<RationalMatrix> rational_;
  Rational b22_, tau_;  // of rational ones
  mutable std::optional<Real> guess_;
};

/// The measure of any symmetric positive definite matrix, at the current precision: trace, determinant and
/// inverse by elimination in rationals, eigenvalues by Jacobi's rotations.
Real measure_of(Best best, const RationalMatrix& m, std::optional<double> parameter = {});

/// M^-1 by elimination.
RationalMatrix inverse(RationalMatrix m);

/// Nearest doubles of the elements of a vector given by a formula, as converged(), from `first_bits` on: sums
/// of entries of which some are lost at p and 2p bits alike would agree on a wrong value.
std::vector<double> converged_elements(const std::function<std::vector<Real>()>& formula,
                                       unsigned first_bits = 256);

}  // namespace natgrad::test

#endif
