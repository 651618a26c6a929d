// natgrad: the functions of least_change under test, behind a table that canaries replace.
#ifndef NATGRAD_TESTS_SUPPORT_LEAST_CHANGE_SUBJECT_HPP
#define NATGRAD_TESTS_SUPPORT_LEAST_CHANGE_SUBJECT_HPP

namespace natgrad::test {

/// Every member behaves as the library does, unless a canary has replaced it.
struct LeastChangeSubject {};

}  // namespace natgrad::test

#endif
