// natgrad: the functions of canonical_form_general under test, behind a table that canaries replace.
#ifndef NATGRAD_TESTS_SUPPORT_CANONICAL_FORM_GENERAL_SUBJECT_HPP
#define NATGRAD_TESTS_SUPPORT_CANONICAL_FORM_GENERAL_SUBJECT_HPP

namespace natgrad::test {

/// Every member behaves as the library does, unless a canary has replaced it.
struct CanonicalFormGeneralSubject {};

}  // namespace natgrad::test

#endif
