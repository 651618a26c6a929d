// natgrad: a command in a process of its own, because the HDF5 library crashes
// on some damaged files, and on others never comes to an end.
#include "apart.hpp"

#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <stdexcept>

#include "natgrad/error.hpp"

namespace natgrad::cli {
namespace {

constexpr std::size_t note_size = 4096;
char* note = nullptr;  // the file being read, in memory shared by child and parent; empty for none
pid_t child = 0;

/// Processor seconds after which SIGPROF ends this process; 0 for no limit.
void limit_time(time_t seconds) {
  const itimerval limit = {{0, 0}, {seconds, 0}};
  ::setitimer(ITIMER_PROF, &limit, nullptr);
}

void pass_on(int signal) {
  ::kill(child, signal);
}

}  // namespace

int run_apart(const std::function<int()>& body) {
  void* const shared = ::mmap(nullptr, note_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) return body();
  note = static_cast<char*>(shared);

  constexpr std::array<int, 3> requests = {SIGINT, SIGTERM, SIGHUP};
  sigset_t set, old;
  ::sigemptyset(&set);
  for (const int signal : requests) ::sigaddset(&set, signal);
  ::sigprocmask(SIG_BLOCK, &set, &old);  // none gets lost before there is somebody to pass it on to
  child = ::fork();
  if (child <= 0) {
    ::sigprocmask(SIG_SETMASK, &old, nullptr);
    if (child == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGTERM);
      const rlimit no_core = {0, 0};
      ::setrlimit(RLIMIT_CORE, &no_core);
    }
    return body();
  }
  for (const int signal : requests) {
    struct sigaction action {};
    ::sigaction(signal, nullptr, &action);
    if (action.sa_handler == SIG_IGN) continue;
    action.sa_handler = pass_on;
    ::sigaction(signal, &action, nullptr);
  }
  ::sigprocmask(SIG_SETMASK, &old, nullptr);

  int status = 0;
  while (::waitpid(child, &status, 0) < 0)
    if (errno != EINTR) throw std::runtime_error(fmt::format("waitpid: {}", std::strerror(errno)));
  if (WIFEXITED(status)) return WEXITSTATUS(status);
  const int signal = WTERMSIG(status);
  const bool crash = signal == SIGSEGV || signal == SIGFPE || signal == SIGBUS || signal == SIGABRT;
  if (!crash && signal != SIGPROF) {
    std::signal(signal, SIG_DFL);
    std::raise(signal);
  }
  const std::string what = crash ? ::strsignal(signal) : "no end in sight";
  if (*note == '\0') throw std::runtime_error(what);
  throw InputError(fmt::format("{}: is damaged: the HDF5 library failed on it ({})", note, what));
}

Reading::Reading(const std::string& file) {
  if (note == nullptr) return;
  note[file.copy(note, note_size - 1)] = '\0';
  // A file of chunks of one element, the slowest kind, needs one second for 10 MB.
  struct stat status {};
  const off_t megabytes = ::stat(file.c_str(), &status) == 0 ? status.st_size / 1'000'000 : 0;
  limit_time(5 + megabytes / 2);
}

void Reading::values() {
  if (note != nullptr) limit_time(0);
}

Reading::~Reading() {
  if (note == nullptr) return;
  limit_time(0);
  *note = '\0';
}

}  // namespace natgrad::cli
