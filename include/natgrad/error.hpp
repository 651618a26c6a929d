// natgrad: the two kinds of refusal. Outcomes ("no metric exists") are returned, never thrown.
#ifndef NATGRAD_ERROR_HPP
#define NATGRAD_ERROR_HPP

#include <cstdint>
#include <stdexcept>
#include <string>

#include "natgrad/config.hpp"

namespace natgrad {

/// The caller broke a precondition: wrong length, empty vector, NaN or infinity, alpha <= 0.
/// The message names the argument, the index and the value. Nothing was changed.
class NATGRAD_API ContractError : public std::invalid_argument {
 public:
  using std::invalid_argument::invalid_argument;
  ~ContractError() override;
};

/// A ContractError about one element of one vector that is NaN or infinite.
class NATGRAD_API NonFiniteError : public ContractError {
 public:
  NonFiniteError(std::string argument, std::uint64_t index, double value);
  ~NonFiniteError() override;

  /// Name of the argument, e.g. "g".
  const std::string& argument() const noexcept { return argument_; }
  /// Zero-based index of the first offending element (over all chunks added so far).
  std::uint64_t index() const noexcept { return index_; }
  /// The offending value: NaN or an infinity.
  double value() const noexcept { return value_; }

 private:
  std::string argument_;
  std::uint64_t index_;
  double value_;
};

/// Bytes or a file that are not what they claim to be, or that cannot be read or written.
/// The message names the file, the field and the value.
class NATGRAD_API InputError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
  ~InputError() override;
};

}  // namespace natgrad

#endif
