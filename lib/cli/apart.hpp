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
/// @throws InputError, in the parent, if the child crashed in the HDF5 library or took too long there
int run_apart(const std::function<int()>& body);

/// While one lives, a crash inside the HDF5 library is the fault of `file`. At first, while what describes
/// the data is read, the processor time is limited too (generously, by the file's size); after values() it is
/// not.
class Reading {
 public:
  explicit Reading(const std::string& file);
  void values();
  Reading(const Reading&) = delete;
  Reading& operator=(const Reading&) = delete;
  ~Reading();
};

/// The command line itself, not the library of natgrad, is inside the HDF5 library while one lives.
class InHdf5 {
 public:
  InHdf5();
  InHdf5(const InHdf5&) = delete;
  InHdf5& operator=(const InHdf5&) = delete;
  ~InHdf5();
};

}  // namespace natgrad::cli

#endif
