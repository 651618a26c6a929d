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
#include <new>
#include <stdexcept>

#include "hdf5_activity.hpp"
#include "natgrad/error.hpp"

namespace natgrad::cli {
namespace {

/// What the parent has to know of a child that crashed.
struct Note {
  std::array<char, 4096> file;  // being read; empty for none
  volatile bool in_hdf5;
};
Note* note = nullptr;  // in memory shared by child and parent
pid_t child = 0;

/// Processor seconds after which SIGPROF ends this process; 0 for no limit.
void limit_time(time_t seconds) {
  const itimerval limit = {{0, 0}, {seconds, 0}};
  ::setitimer(ITIMER_PROF, &limit, nullptr);
}

void on_hdf5(bool active) {
  if (note != nullptr) note->in_hdf5 = active;
}

void pass_on(int signal) {
  ::kill(child, signal);
}

}  // namespace

int run_apart(const std::function<int()>& body) {
  void* const shared =
      ::mmap(nullptr, sizeof(Note), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) return body();
  note = ::new (shared) Note();
  hdf5::on_activity = on_hdf5;
  std::signal(SIGCHLD, SIG_DFL);  // ignored by the caller, it would leave no exit code to wait for

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
  if (WIFEXITED(status)) {
    // 1 is nobody's but OpenMP's, which has said why.
    if (WEXITSTATUS(status) == 1) throw std::runtime_error("no threads; OMP_NUM_THREADS=1 may help");
    return WEXITSTATUS(status);
  }
  const int signal = WTERMSIG(status);
  const bool crash = signal == SIGSEGV || signal == SIGFPE || signal == SIGBUS || signal == SIGABRT;
  if (!crash && signal != SIGPROF) {
    std::signal(signal, SIG_DFL);
    std::raise(signal);
  }
  const std::string what = crash ? ::strsignal(signal) : "no end in sight";
  if (note->file[0] == '\0' || !note->in_hdf5) throw std::runtime_error(what);
  throw InputError(
      fmt::format("{}: is damaged: the HDF5 library failed on it ({})", note->file.data(), what));
}

Reading::Reading(const std::string& file) {
  if (note == nullptr) return;
  note->file[file.copy(note->file.data(), note->file.size() - 1)] = '\0';
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
  note->file[0] = '\0';
}

InHdf5::InHdf5() {
  on_hdf5(true);
}

InHdf5::~InHdf5() {
  on_hdf5(false);
}

}  // namespace natgrad::cli
