// natgrad: running gnuplot without a shell.
#include "gnuplot.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
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
  explicit Scratch(const std::string& gnuplot) : file_(std::tmpfile()) {
    if (!file_) fail(gnuplot, std::string("no temporary file for it: ") + std::strerror(errno));
    fcntl(descriptor(), F_SETFD, FD_CLOEXEC);
  }
  int descriptor() const { return fileno(file_.get()); }

  bool write(const std::string& text) {
    return std::fwrite(text.data(), 1, text.size(), file_.get()) == text.size() &&
           std::fflush(file_.get()) == 0 && lseek(descriptor(), 0, SEEK_SET) == 0;
  }
  std::string read() {
    std::string text;
    std::rewind(file_.get());
    std::array<char, 1 << 16> buffer;
    while (const std::size_t n = std::fread(buffer.data(), 1, buffer.size(), file_.get()))
      text.append(buffer.data(), n);
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

std::string run_gnuplot(const std::string& gnuplot, const std::string& script) {
  Scratch in(gnuplot), out(gnuplot), err(gnuplot);
  if (!in.write(script)) fail(gnuplot, std::string("no temporary file for it: ") + std::strerror(errno));

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
  const int error = posix_spawn(&child, gnuplot.c_str(), &actions, nullptr, argv.data(), envp.data());
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) fail(gnuplot, std::string("cannot be started: ") + std::strerror(error));

  int status = 0;
  pid_t ended = 0;
  while ((ended = waitpid(child, &status, 0)) < 0 && errno == EINTR) {
  }
  // A caller that ignores SIGCHLD leaves no status to ask for; then the output alone must tell.
  const bool known = ended == child;
  const std::string svg = out.read();
  const bool failed = known && !(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  const std::size_t begin = svg.find("<svg"), end = svg.rfind("</svg>");
  if (!failed && begin != std::string::npos && end != std::string::npos && begin < end) return svg;

  std::string what = "did not draw a picture";
  if (known && WIFEXITED(status)) what += " (exit status " + std::to_string(WEXITSTATUS(status)) + ")";
  if (known && WIFSIGNALED(status)) what += " (killed by signal " + std::to_string(WTERMSIG(status)) + ")";
  const std::string words = err.read();
  fail(gnuplot, words.empty() ? what : what + ": " + report::printable(words, 500));
}

}  // namespace natgrad::plots
