// natgrad: running gnuplot without a shell. Private to the library.
#ifndef NATGRAD_LIB_GNUPLOT_HPP
#define NATGRAD_LIB_GNUPLOT_HPP

#include <functional>
#include <optional>
#include <string>

namespace natgrad::plots {

/// Absolute path of gnuplot on PATH; nullopt if there is none. Relative entries of PATH are not followed.
std::optional<std::string> find_gnuplot();

/// A gnuplot to run, and what to call every now and then while it is at work; empty for nothing.
struct Gnuplot {
  std::string path;
  std::function<void()> poll;
};

/// What gnuplot writes to its standard output for a script, in the C locale, without the user's start-up
/// files. Nothing is left on disk.
/// @throws InputError with gnuplot's exit status and its own words; what `poll` throws, gnuplot being killed
/// then
std::string run_gnuplot(const Gnuplot& gnuplot, const std::string& script);

}  // namespace natgrad::plots

#endif
