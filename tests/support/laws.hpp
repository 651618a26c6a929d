// natgrad: what a property and its canaries are, and the assertions that properties share.
#ifndef NATGRAD_TESTS_SUPPORT_LAWS_HPP
#define NATGRAD_TESTS_SUPPORT_LAWS_HPP

#include <rapidcheck.h>

#include <cmath>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "exact.hpp"
#include "forge.hpp"
#include "generators.hpp"
#include "subject.hpp"

namespace natgrad::test {

/// A deliberate, plausible mistake. The property must fail on a subject that makes it.
struct Canary {
  std::string name;
  std::function<void(Subject&)> sabotage;
};

/// A law that holds for all input. `body` draws its input with RapidCheck and asserts with RC_ASSERT
/// or the functions below; it must depend on nothing but what it draws.
struct Property {
  std::string claim;      ///< id in proofs/claims.toml
  std::string law;        ///< short name, unique within the claim
  std::string statement;  ///< one line
  std::function<void(const Subject&)> body;
  std::vector<Canary> canaries;
  int divisor = 1;  ///< runs cases/divisor cases: for laws that touch files

  std::string name() const { return claim + "/" + law; }
};

std::vector<Property> gram_properties();
std::vector<Property> scalars_properties();
std::vector<Property> canonical_form_properties();
std::vector<Property> canonical_form_general_properties();
std::vector<Property> uniqueness_properties();
std::vector<Property> min_condition_properties();
std::vector<Property> least_change_properties();
std::vector<Property> discrete_taylor_properties();
std::vector<Property> rules_properties();
std::vector<Property> run_properties();
std::vector<Property> analysis_properties();
std::vector<Property> report_properties();

// ------------------------------------------------------------------------- assertions

/// Fails the case.
[[noreturn]] inline void fail(const std::string& message) {
  throw rc::detail::CaseResult(rc::detail::CaseResult::Type::Failure, message);
}

/// Same value (0 and -0 are the same).
inline void require_same(double actual, double expected, const std::string& what) {
  if (!(actual == expected)) {
    fail(what + " is " + hex(actual) + ", should be " + hex(expected));
  }
}

inline void require_same(std::optional<double> actual, std::optional<double> expected,
                         const std::string& what) {
  if (actual && expected) {
    require_same(*actual, *expected, what);
  } else if (actual || expected) {
    fail(what + (actual ? " is " + hex(*actual) + ", should be undefined"
                        : " is undefined, should be " + hex(*expected)));
  }
}

template <class Actual, class Expected>
void require_same_elements(const Actual& actual, const Expected& expected, const std::string& what) {
  if (actual.size() != expected.size()) {
    fail(what + " has length " + std::to_string(actual.size()) + ", should have " +
         std::to_string(expected.size()));
  }
  for (std::size_t i = 0; i < expected.size(); ++i) {
    require_same(actual[i], expected[i], what + "[" + std::to_string(i) + "]");
  }
}

template <class Vector>
bool all_finite(const Vector& x) {
  for (const double element : x) {
    if (!std::isfinite(element)) return false;
  }
  return true;
}

}  // namespace natgrad::test

#endif
