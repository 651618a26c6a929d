// natgrad: a command in a process of its own, because the HDF5 library crashes
// on some damaged files, and on others never comes to an end.
#ifndef NATGRAD_CLI_APART_HPP
#define NATGRAD_CLI_APART_HPP

#include <functional>
#include <string>

namespace natgrad::cli {

/// Runs `body` in a child process, which goes on to return from here as if nothing had happened; the parent
/// waits and returns the child's exit code. Signals that ask to end are passed on, and that of which the
/// child died ends the parent too, except for a crash.
/// @throws InputError, in the parent, if the child crashed or took too long while a Reading lived
int run_apart(const std::function<int()>& body);

/// While one lives, the HDF5 library is at work on `file`: at first on what describes the data, for which
/// the processor time is limited (generously, by the file's size), after values() on the data.
class Reading {
 public:
  explicit Reading(const std::string& file);
  void values();
  Reading(const Reading&) = delete;
  Reading& operator=(const Reading&) = delete;
  ~Reading();
};

}  // namespace natgrad::cli

#endif
