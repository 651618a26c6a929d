// natgrad: the page of a report. Private to the library.
#ifndef NATGRAD_LIB_REPORT_HTML_HPP
#define NATGRAD_LIB_REPORT_HTML_HPP

#include <string>

#include "natgrad/analysis.hpp"
#include "plots.hpp"

namespace natgrad::report {

/// One self-contained page: nothing is loaded from elsewhere, there are no scripts and no dates.
std::string html_page(const Analysis& analysis, const plots::Pictures& pictures);

}  // namespace natgrad::report

#endif
