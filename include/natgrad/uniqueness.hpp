// natgrad: the uniqueness theorem: which matrices are metrics of a pair, and their parameters.
#ifndef NATGRAD_UNIQUENESS_HPP
#define NATGRAD_UNIQUENESS_HPP

#include <armadillo>
#include <optional>
#include <span>
#include <string_view>

#include "natgrad/enclosure.hpp"
#include "natgrad/gram.hpp"
#include "natgrad/random.hpp"
#include "natgrad/verdict.hpp"

namespace natgrad {

/// Is a symmetric matrix positive definite, and why.
struct Definiteness {
  Answer answer = Answer::undetermined;
  Enclosure smallest_eigenvalue;
  arma::vec witness;                 ///< answer no: x with x^T M x <= 0, exactly; else empty
  Enclosure witness_quadratic_form;  ///< x^T M x
};

NATGRAD_API Definiteness definiteness(const arma::mat& m);

/// Why a matrix is, or is not, a metric of a pair.
enum class CheckReason {
  metric,         ///< yes: symmetric, M g = y, positive definite
  not_symmetric,  ///< no
  wrong_image,    ///< no: M g != y (beyond the tolerance)
  not_definite,   ///< no: a vector x with x^T M x <= 0
  no_certificate  ///< undetermined: neither a proof nor a witness was found
};
NATGRAD_API std::string_view to_string(CheckReason reason) noexcept;

struct MetricCheck {
  Answer answer = Answer::undetermined;
  CheckReason reason = CheckReason::no_certificate;
  bool symmetric = false;
  arma::uword asymmetric_row = 0, asymmetric_column = 0;  ///< the first M_ij != M_ji, row > column
  bool maps_exactly = false;                              ///< M g = y, exactly
  arma::uword wrong_element = 0;                          ///< the first i with (M g)_i != y_i
  Enclosure residual;                                     ///< |y - M g|, Euclidean
  Enclosure backward_error;   ///< |y - M g|/(‖M‖_F |g| + |y|) (Rigal & Gaches 1967)
  Definiteness definiteness;  ///< of M; all zero if M is not symmetric
};

NATGRAD_API MetricCheck check_metric(const arma::mat& m, const arma::vec& g, const arma::vec& y,
                                     double tolerance = 0);

}  // namespace natgrad

#endif
