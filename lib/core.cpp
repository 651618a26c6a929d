// natgrad: version, errors and verdicts.
#include <cmath>
#include <utility>

#include "natgrad/config.hpp"
#include "natgrad/error.hpp"
#include "natgrad/verdict.hpp"

namespace natgrad {
namespace {

const char* describe(double value) {
  if (std::isnan(value)) return "NaN";
  return value > 0 ? "inf" : "-inf";
}

}  // namespace

const char* version() noexcept {
  return NATGRAD_VERSION;
}

ContractError::~ContractError() = default;
InputError::~InputError() = default;
NonFiniteError::~NonFiniteError() = default;

NonFiniteError::NonFiniteError(std::string argument, std::uint64_t index, double value)
    : ContractError(argument + "[" + std::to_string(index) + "] is " + describe(value) +
                    "; every element must be finite"),
      argument_(std::move(argument)),
      index_(index),
      value_(value) {}

std::string_view to_string(Verdict verdict) noexcept {
  switch (verdict) {
    case Verdict::effective:
      return "effective";
    case Verdict::not_effective:
      return "not_effective";
    case Verdict::undetermined:
      break;
  }
  return "undetermined";
}

std::string_view to_string(Answer answer) noexcept {
  switch (answer) {
    case Answer::yes:
      return "yes";
    case Answer::no:
      return "no";
    case Answer::undetermined:
      break;
  }
  return "undetermined";
}

std::string_view to_string(Reason reason) noexcept {
  switch (reason) {
    case Reason::descent:
      return "descent";
    case Reason::ascent:
      return "ascent";
    case Reason::orthogonal:
      return "orthogonal";
    case Reason::zero_update:
      return "zero_update";
    case Reason::zero_gradient:
      return "zero_gradient";
    case Reason::stationary:
      return "stationary";
    case Reason::inexact:
      break;
  }
  return "inexact";
}

}  // namespace natgrad
