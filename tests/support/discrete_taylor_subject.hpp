// natgrad: the functions of discrete_taylor under test, behind a table that canaries replace.
#ifndef NATGRAD_TESTS_SUPPORT_DISCRETE_TAYLOR_SUBJECT_HPP
#define NATGRAD_TESTS_SUPPORT_DISCRETE_TAYLOR_SUBJECT_HPP

namespace natgrad::test {

/// Every member behaves as the library does, unless a canary has replaced it.
struct DiscreteTaylorSubject {};

}  // namespace natgrad::test

#endif
