// natgrad: standard output and error, output files that appear whole or not at all, progress, interrupts.
#include "stream.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "natgrad/error.hpp"
#include "utf8.hpp"

namespace natgrad::cli {
namespace {

using Clock = std::chrono::steady_clock;

bool sigpipe_was_default = false;

[[noreturn]] void fail(const std::string& path, int error) {
  throw InputError(fmt::format("{}: cannot be written: {}", path, std::strerror(error)));
}

void write_all(int descriptor, std::string_view bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(descriptor, bytes.data(), bytes.size());
    if (n < 0) {
      if (errno == EINTR) continue;
      if (errno == EPIPE) throw BrokenPipe{path};
      fail(path, errno);
    }
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
}

}  // namespace

void prepare_streams() {
  for (int fd = 0; fd <= 2; ++fd) {
    // Opened the wrong way round, so that using it fails as on the closed descriptor.
    if (::fcntl(fd, F_GETFD) == -1 && errno == EBADF)
      static_cast<void>(::open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY));
  }
  struct sigaction old {};
  ::sigaction(SIGPIPE, nullptr, &old);
  sigpipe_was_default = old.sa_handler == SIG_DFL;
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);  // a file too large is an error like any other
}

void die_of_broken_pipe() {
  if (!sigpipe_was_default) return;
  std::signal(SIGPIPE, SIG_DFL);
  std::raise(SIGPIPE);
}

void write_output(std::string_view text) {
  write_all(STDOUT_FILENO, text, "standard output");
}

void message(std::string_view text) {
  const std::string line = fmt::format("natgrad: {}\n", utf8::printable(text));
  std::fwrite(line.data(), 1, line.size(), stderr);
}

namespace {

/// A terminal that obeys escape sequences.
bool is_able_terminal(int descriptor) {
  const char* terminal = std::getenv("TERM");
  return ::isatty(descriptor) == 1 && terminal != nullptr && std::strcmp(terminal, "dumb") != 0;
}

}  // namespace

bool colour_wanted() {
  const char* no_colour = std::getenv("NO_COLOR");
  return is_able_terminal(STDOUT_FILENO) && (no_colour == nullptr || *no_colour == '\0');
}

namespace {

/// The descriptor that a name like /dev/stdout or /dev/fd/3 stands for; -1 for none.
int named_descriptor(std::string_view path) {
  if (path == "/dev/stdout") return STDOUT_FILENO;
  if (path == "/dev/stderr") return STDERR_FILENO;
  for (const std::string_view folder : {"/dev/fd/", "/proc/self/fd/"}) {
    if (!path.starts_with(folder)) continue;
    path.remove_prefix(folder.size());
    int descriptor = -1;
    const auto [end, error] = std::from_chars(path.data(), path.data() + path.size(), descriptor);
    return error == std::errc() && end == path.data() + path.size() ? descriptor : -1;
  }
  return -1;
}

bool is_special(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode);
}

}  // namespace

void OutputFile::check(const std::string& path) {
  if (named_descriptor(path) < 0 && !is_special(path)) const NewFile probe(path);
}

OutputFile::OutputFile(const std::string& path) : path_(path) {
  // Opened by name, a file that a descriptor goes to would be written from its beginning, or replaced.
  const int named = named_descriptor(path);
  if (named < 0 && !is_special(path)) {
    file_.emplace(path);
    return;
  }
  device_ =
      named >= 0 ? ::fcntl(named, F_DUPFD_CLOEXEC, 0) : ::open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NOCTTY);
  if (device_ < 0) fail(path, errno);
}

OutputFile::~OutputFile() {
  if (device_ >= 0) ::close(device_);
}

void OutputFile::write(std::string_view bytes) {
  if (file_)
    file_->write(bytes);
  else
    write_all(device_, bytes, path_);
}

void OutputFile::commit() {
  if (file_)
    file_->commit();
  else if (::close(std::exchange(device_, -1)) != 0)
    fail(path_, errno);
}

Progress::Progress(std::string what, bool asked)
    : what_(std::move(what)), terminal_(is_able_terminal(STDERR_FILENO)), asked_(asked) {}

Progress::~Progress() {
  if (drawn_) std::fputs("\r\033[K", stderr);
}

void Progress::update(std::uint64_t done, std::uint64_t total, std::string_view note) {
  const std::string line =
      fmt::format("{}: {} of {}{}{}", utf8::printable(what_), done, total, note.empty() ? "" : ", ", note);
  if (terminal_) {
    const auto now = Clock::now();
    if (drawn_ && now - last_ < std::chrono::milliseconds(100)) return;
    last_ = now;
    drawn_ = true;
    std::fputs(("\r\033[K" + line).c_str(), stderr);
  } else if (asked_) {
    const auto tenth =
        static_cast<std::uint64_t>(10.0 * static_cast<double>(done) / static_cast<double>(total));
    if (tenth == tenth_) return;
    tenth_ = tenth;
    message(line);
  }
}

namespace {

constexpr std::array<int, 3> interrupt_signals = {SIGINT, SIGTERM, SIGHUP};
std::array<struct sigaction, 3> old_actions;
volatile std::sig_atomic_t caught = 0;

void on_interrupt(int signal) {
  caught = signal;
}

}  // namespace

Interrupts::Interrupts() {
  for (std::size_t i = 0; i < interrupt_signals.size(); ++i) {
    ::sigaction(interrupt_signals[i], nullptr, &old_actions[i]);
    if (old_actions[i].sa_handler == SIG_IGN) continue;
    struct sigaction action {};
    action.sa_handler = on_interrupt;
    action.sa_flags = SA_RESTART;
    ::sigaction(interrupt_signals[i], &action, nullptr);
  }
}

Interrupts::~Interrupts() {
  for (std::size_t i = 0; i < interrupt_signals.size(); ++i)
    ::sigaction(interrupt_signals[i], &old_actions[i], nullptr);
}

void Interrupts::check() {
  if (caught != 0) throw Interrupted{caught};
}

}  // namespace natgrad::cli
