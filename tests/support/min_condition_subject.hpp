// natgrad: the functions of min_condition under test, behind a table that canaries replace.
#ifndef NATGRAD_TESTS_SUPPORT_MIN_CONDITION_SUBJECT_HPP
#define NATGRAD_TESTS_SUPPORT_MIN_CONDITION_SUBJECT_HPP

namespace natgrad::test {

/// Every member behaves as the library does, unless a canary has replaced it.
struct MinConditionSubject {};

}  // namespace natgrad::test

#endif
