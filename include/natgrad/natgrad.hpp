// natgrad: everything.
#ifndef NATGRAD_NATGRAD_HPP
#define NATGRAD_NATGRAD_HPP

#include "natgrad/analysis.hpp"
#include "natgrad/canonical_form.hpp"
#include "natgrad/config.hpp"
#include "natgrad/discrete_taylor.hpp"
#include "natgrad/enclosure.hpp"
#include "natgrad/error.hpp"
#include "natgrad/gram.hpp"
#include "natgrad/least_change.hpp"
#include "natgrad/min_condition.hpp"
#include "natgrad/random.hpp"
#include "natgrad/report.hpp"
#include "natgrad/rules.hpp"
#include "natgrad/run.hpp"
#include "natgrad/scalars.hpp"
#include "natgrad/uniqueness.hpp"
#include "natgrad/verdict.hpp"

#endif
