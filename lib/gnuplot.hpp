// natgrad: running gnuplot without a shell. Private to the library.
#ifndef NATGRAD_LIB_GNUPLOT_HPP
#define NATGRAD_LIB_GNUPLOT_HPP

#include <optional>
#include <string>

namespace natgrad::plots {

/// Absolute path of gnuplot on PATH; nullopt if there is none. Relative entries of PATH are not followed.
std::optional<std::string> find_gnuplot();

/// What gnuplot writes to its standard output for a script, in the C locale, without the user's start-up
/// files. Nothing is left on disk.
/// @throws InputError with gnuplot's exit status and its own words
std::string run_gnuplot(const std::string& gnuplot, const std::string& script);

}  // namespace natgrad::plots

#endif
