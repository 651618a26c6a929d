// natgrad: what a fuzz target calls, behind the table of the property suites, and the mistakes it must
// notice.
#ifndef NATGRAD_FUZZ_TARGET_HPP
#define NATGRAD_FUZZ_TARGET_HPP

#include <functional>
#include <string>
#include <vector>

#include "support/subject.hpp"

namespace natgrad::fuzz {

/// A deliberate, plausible mistake. The corpus of the target must hold an input that gives it away.
struct Canary {
  std::string name;
  std::function<void(test::Subject&)> sabotage;
};

/// Defined by every target, next to LLVMFuzzerTestOneInput: its canaries, at least one. Mistakes of the last
/// bit are the ones worth having.
std::vector<Canary> canaries();

/// The functions that a target tries: those of the library, unless a canary has been let in. With the name of
/// a canary in the environment variable NATGRAD_FUZZ_CANARY, that one: a fuzzer must then find it.
test::Subject& subject();

}  // namespace natgrad::fuzz

#endif
