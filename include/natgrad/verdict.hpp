// natgrad: the three-valued verdict on a pair (g, y).
#ifndef NATGRAD_VERDICT_HPP
#define NATGRAD_VERDICT_HPP

#include <string_view>

#include "natgrad/config.hpp"

namespace natgrad {

/// Does a symmetric positive definite M with M g = y exist that the pair determines?
enum class Verdict {
  effective,      ///< p = y.g > 0: metrics exist, in the canonical form
  not_effective,  ///< no SPD M maps g to y
  undetermined    ///< every M works (g = y = 0), or the data leave the sign of p open
};

/// Why the verdict is what it is.
enum class Reason {
  descent,        ///< effective: p > 0
  ascent,         ///< not effective: p < 0
  orthogonal,     ///< not effective: p = 0 with both vectors non-zero
  zero_update,    ///< not effective: g = 0, y != 0
  zero_gradient,  ///< not effective: y = 0, g != 0
  stationary,     ///< undetermined: g = y = 0, every SPD M works
  inexact         ///< undetermined: the stated radius leaves the verdict open
};

/// The answer of a decision procedure about given data: proved, refuted, or neither.
enum class Answer { yes, no, undetermined };

/// A verdict with its reason.
struct Judgement {
  Verdict verdict = Verdict::undetermined;
  Reason reason = Reason::stationary;

  friend bool operator==(const Judgement&, const Judgement&) = default;
};

/// "effective", "not_effective" or "undetermined".
NATGRAD_API std::string_view to_string(Verdict verdict) noexcept;
/// "yes", "no" or "undetermined".
NATGRAD_API std::string_view to_string(Answer answer) noexcept;
/// "descent", "ascent", "orthogonal", "zero_update", "zero_gradient", "stationary" or "inexact".
NATGRAD_API std::string_view to_string(Reason reason) noexcept;

}  // namespace natgrad

#endif
