// natgrad: running gnuplot without a shell.
#include "gnuplot.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <memory>
#include <string_view>
#include <vector>

#include "natgrad/error.hpp"
#include "report_format.hpp"

extern char** environ;

namespace natgrad::plots {
namespace {

[[noreturn]] void fail(const std::string& gnuplot, const std::string& what) {
  throw InputError(gnuplot + ": " + what);
}

/// A file without a name: gone when closed, even if this process is killed.
class Scratch {
 public:
  explicit Scratch(const std::string& path) : file_(std::tmpfile()) {
    if (!file_) fail(path, std::string("no temporary file for it: ") + std::strerror(errno));
    fcntl(descriptor(), F_SETFD, FD_CLOEXEC);
  }
  int descriptor() const { return fileno(file_.get()); }

  bool write(const std::string& text) {
    return std::fwrite(text.data(), 1, text.size(), file_.get()) == text.size() &&
           std::fflush(file_.get()) == 0 && lseek(descriptor(), 0, SEEK_SET) == 0;
  }
  /// The beginning: a program that misbehaves may have written without end.
  std::string read(std::size_t most) {
    std::string text;
    std::rewind(file_.get());
    std::array<char, 1 << 16> buffer;
    while (text.size() < most) {
      const std::size_t n =
          std::fread(buffer.data(), 1, std::min(buffer.size(), most - text.size()), file_.get());
      if (n == 0) break;
      text.append(buffer.data(), n);
    }
    return text;
  }

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  std::unique_ptr<std::FILE, Close> file_;
};

/// The caller's environment with the C locale and without gnuplot's own variables.
std::vector<std::string> environment() {
  std::vector<std::string> variables{"LC_ALL=C"};
  for (char** variable = environ; variable && *variable; ++variable) {
    const std::string_view v = *variable;
    if (!v.starts_with("LC_") && !v.starts_with("GNU") && !v.starts_with("GDFONTPATH"))
      variables.emplace_back(v);
  }
  return variables;
}

}  // namespace

std::optional<std::string> find_gnuplot() {
  const char* path = std::getenv("PATH");
  std::string_view rest = path ? path : "/usr/local/bin:/usr/bin:/bin";
  while (!rest.empty()) {
    const std::string_view directory = rest.substr(0, rest.find(':'));
    rest.remove_prefix(std::min(rest.size(), directory.size() + 1));
    if (!directory.starts_with('/')) continue;
    const std::string candidate = std::string(directory) + "/gnuplot";
    struct stat status {};
    if (stat(candidate.c_str(), &status) == 0 && S_ISREG(status.st_mode) &&
        access(candidate.c_str(), X_OK) == 0)
      return candidate;
  }
  return std::nullopt;
}

std::string run_gnuplot(const Gnuplot& gnuplot, const std::string& script) {
  const std::string& path = gnuplot.path;
  Scratch in(path), out(path), err(path);
  if (!in.write(script)) fail(path, std::string("no temporary file for it: ") + std::strerror(errno));

  std::vector<std::string> variables = environment();
  std::vector<char*> envp;
  for (std::string& variable : variables) envp.push_back(variable.data());
  envp.push_back(nullptr);
  std::array<std::string, 2> arguments{"gnuplot", "-d"};  // -d: no gnuplotrc, no ~/.gnuplot
  std::array<char*, 3> argv{arguments[0].data(), arguments[1].data(), nullptr};

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in.descriptor(), STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, out.descriptor(), STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, err.descriptor(), STDERR_FILENO);
  pid_t child = 0;
  const int error = posix_spawn(&child, path.c_str(), &actions, nullptr, argv.data(), envp.data());
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) fail(path, std::string("cannot be started: ") + std::strerror(error));

  int status = 0;
  pid_t ended = 0;
  const auto wait = [&](int options) {
    while ((ended = waitpid(child, &status, options)) < 0 && errno == EINTR) {
    }
  };
  try {
    // Soon at first: most pictures take a few hundredths of a second.
    for (long pause = 1'000'000; wait(WNOHANG), ended == 0; pause = std::min(2 * pause, 50'000'000L)) {
      if (gnuplot.poll) gnuplot.poll();
      const timespec time{0, pause};
      nanosleep(&time, nullptr);
    }
  } catch (...) {
    kill(child, SIGKILL);
    wait(0);
    throw;
  }
  // A caller that ignores SIGCHLD leaves no status to ask for; then the output alone must tell.
  const bool known = ended == child;
  const std::string svg = out.read(std::size_t{1} << 28);
  const bool failed = known && !(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  const std::size_t begin = svg.find("<svg"), end = svg.rfind("</svg>");
  if (!failed && begin != std::string::npos && end != std::string::npos && begin < end) return svg;

  std::string what = begin == std::string::npos || failed
                         ? "did not draw a picture"
                         : "drew a picture that is cut off; is the folder for "
                           "temporary files full, or the size of files limited?";
  if (known && WIFEXITED(status)) what += " (exit status " + std::to_string(WEXITSTATUS(status)) + ")";
  if (known && WIFSIGNALED(status)) what += " (killed by signal " + std::to_string(WTERMSIG(status)) + ")";
  const std::string words = err.read(4096);
  fail(path, words.empty() ? what : what + ": " + report::printable(words, 500));
}

}  // namespace natgrad::plots
