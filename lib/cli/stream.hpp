// natgrad: standard output and error, output files that appear whole or not at all, progress, interrupts.
#ifndef NATGRAD_CLI_STREAM_HPP
#define NATGRAD_CLI_STREAM_HPP

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "new_file.hpp"

namespace natgrad::cli {

/// The reader of a pipe has gone.
struct BrokenPipe {
  std::string path;
};

/// To be called first: keeps descriptors 0 to 2 from being given to a file when the caller closed them, and
/// turns SIGPIPE into BrokenPipe and SIGXFSZ into an error, so that clean-up happens.
void prepare_streams();

/// Ends the program as SIGPIPE would have, unless the caller ignores that signal: then returns.
void die_of_broken_pipe();

/// Writes everything to standard output at once. @throws InputError with the reason, BrokenPipe
void write_output(std::string_view text);

/// One line to standard error, "natgrad: " before it, made printable. Never fails.
void message(std::string_view text);

/// Standard output is a terminal that shows colours, and NO_COLOR is not set.
bool colour_wanted();

/// Where a result goes. A regular file appears under its name, complete, when commit() succeeds; otherwise
/// nothing is left, and one that was there before is unharmed. A device or a pipe is written directly.
class OutputFile {
 public:
  /// Throws what the constructor would, so that a bad name is known before the work; leaves nothing.
  static void check(const std::string& path);

  /// @throws InputError naming the path and the reason
  explicit OutputFile(const std::string& path);
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;
  ~OutputFile();

  /// @throws InputError, BrokenPipe
  void write(std::string_view bytes);
  void commit();

 private:
  std::string path_;
  std::optional<NewFile> file_;
  int device_ = -1;
};

/// Progress on standard error: a line that is overwritten if that is a terminal, else, and only if asked
/// for, a line per tenth.
class Progress {
 public:
  Progress(std::string what, bool asked);
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  ~Progress();

  void update(std::uint64_t done, std::uint64_t total, std::string_view note = {});

 private:
  std::string what_;
  bool terminal_, asked_;
  bool drawn_ = false;
  std::uint64_t tenth_ = 0;
  std::chrono::steady_clock::time_point last_;
};

/// Thrown by Interrupts::check.
struct Interrupted {
  int signal = 0;
};

/// While one lives, SIGINT, SIGTERM and SIGHUP only make check() throw, so that temporary files are removed.
class Interrupts {
 public:
  Interrupts();
  Interrupts(const Interrupts&) = delete;
  Interrupts& operator=(const Interrupts&) = delete;
  ~Interrupts();

  /// @throws Interrupted after one of the signals
  static void check();
};

}  // namespace natgrad::cli

#endif
