// natgrad: the functions of uniqueness under test, behind a table that canaries replace.
#ifndef NATGRAD_TESTS_SUPPORT_UNIQUENESS_SUBJECT_HPP
#define NATGRAD_TESTS_SUPPORT_UNIQUENESS_SUBJECT_HPP

namespace natgrad::test {

/// Every member behaves as the library does, unless a canary has replaced it.
struct UniquenessSubject {};

}  // namespace natgrad::test

#endif
