// natgrad: standard output and error, output files that appear whole or not at all, progress, interrupts.
#include "stream.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
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

std::string printable(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    std::string_view rest = text;
    const std::optional<char32_t> c = utf8::next(rest);
    const std::string_view bytes = text.substr(0, text.size() - rest.size());
    if (c && !utf8::is_control(*c))
      out += bytes;
    else
      for (const char byte : bytes) out += fmt::format("\\x{:02x}", static_cast<unsigned char>(byte));
    text = rest;
  }
  return out;
}

void message(std::string_view text) {
  const std::string line = fmt::format("natgrad: {}\n", printable(text));
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

OutputFile::OutputFile(const std::string& path) : path_(path) {
  struct stat status {};
  const bool device =
      ::stat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode);
  if (device) {
    device_ = ::open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NOCTTY);
    if (device_ < 0) fail(path, errno);
  } else {
    file_.emplace(path);
  }
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
      fmt::format("{}: {} of {}{}{}", printable(what_), done, total, note.empty() ? "" : ", ", note);
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
