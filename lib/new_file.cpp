// natgrad: output files that appear whole or not at all.
#include "new_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "natgrad/error.hpp"

namespace natgrad {
namespace {

constexpr int most_links = 40;  // as many as Linux follows

[[noreturn]] void refuse(const std::string& path, const std::string& why) {
  throw InputError(path + ": cannot be written: " + why);
}

/// What the name stands for at the end of a chain of symbolic links, whether that exists or not.
std::filesystem::path follow_links(const std::string& path) {
  namespace fs = std::filesystem;
  fs::path target = path;
  std::error_code error;
  for (int i = 0; fs::is_symlink(fs::symlink_status(target, error)); ++i) {
    if (i == most_links) refuse(path, std::strerror(ELOOP));
    // The kernel's links to what is open (/dev/stdout) are no names: replacing their target would lose it.
    if (target.string().starts_with("/proc/")) refuse(path, "it is not a regular file");
    target = target.parent_path() / fs::read_symlink(target, error);
    if (error) refuse(path, error.message());
  }
  return target;
}

}  // namespace

NewFile::NewFile(const std::string& path) : path_(path) {
  if (path.find('\0') != std::string::npos) refuse(path.c_str(), "the name has a zero byte");
  if (path.empty()) refuse("''", "it names no file");
  const std::filesystem::path target = follow_links(path);
  target_ = target.string();
  struct stat status {};
  const bool exists = ::stat(target_.c_str(), &status) == 0;
  if (exists) {
    if (S_ISDIR(status.st_mode)) fail(EISDIR);
    if (!S_ISREG(status.st_mode)) refuse(path, "it is not a regular file");
    if (::access(target_.c_str(), W_OK) != 0) fail(errno);
  } else if (errno != ENOENT) {
    fail(errno);
  }
  if (target.filename().empty()) refuse(path, "it names no file");
  static std::atomic<unsigned> counter{0};
  do {
    const std::string name = ".natgrad-" + std::to_string(::getpid()) + "-" + std::to_string(counter++);
    temporary_ = (target.parent_path() / name).string();
    descriptor_ = ::open(temporary_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  } while (descriptor_ < 0 && errno == EEXIST);
  if (descriptor_ < 0) {
    temporary_.clear();
    fail(errno);
  }
  if (exists) {
    // Only root may give a file away; else it is the user's from now on.
    if (::fchown(descriptor_, status.st_uid, status.st_gid) != 0) errno = 0;
    static_cast<void>(::fchmod(descriptor_, status.st_mode & 07777));
  }
}

NewFile::~NewFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void NewFile::fail(int error) const {
  refuse(path_, std::strerror(error));
}

void NewFile::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(descriptor_, bytes.data(), bytes.size());
    if (n >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(n));
    } else if (errno != EINTR) {
      fail(errno);
    }
  }
}

void NewFile::finish() {
  if (descriptor_ < 0) return;
  // Some file systems cannot do it, and have then nothing to lose.
  if (::fsync(descriptor_) != 0 && errno != EINVAL && errno != ENOTSUP) fail(errno);
  if (::close(std::exchange(descriptor_, -1)) != 0 && errno != EINTR) fail(errno);
}

void NewFile::commit() {
  finish();
  if (::rename(temporary_.c_str(), target_.c_str()) != 0) fail(errno);
  temporary_.clear();
}

}  // namespace natgrad
