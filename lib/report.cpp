// natgrad: writing a report to a directory.
#include "natgrad/report.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <vector>

#include "float_scope.hpp"
#include "natgrad/error.hpp"
#include "plots.hpp"
#include "report_format.hpp"
#include "report_html.hpp"

namespace natgrad {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(const std::string& path, const std::string& what) {
  throw InputError(path + ": cannot be written: " + what);
}

/// Makes a directory and its parents; unless kept, removes those that it made if they are empty.
class NewDirectory {
 public:
  explicit NewDirectory(const std::string& path) {
    if (path.empty()) throw InputError("report directory: the path is empty");
    try {
      fs::path part;
      for (const fs::path& name : fs::path(path)) {
        part /= name;
        std::error_code error;
        if (fs::create_directory(part, error)) made_.push_back(part);
        if (error) fail(part.string(), error.message());
      }
    } catch (...) {
      remove();
      throw;
    }
  }
  ~NewDirectory() {
    if (!kept_) remove();
  }
  NewDirectory(const NewDirectory&) = delete;
  NewDirectory& operator=(const NewDirectory&) = delete;

  void keep() { kept_ = true; }

 private:
  void remove() {
    for (auto part = made_.rbegin(); part != made_.rend(); ++part) ::rmdir(part->c_str());
  }

  std::vector<fs::path> made_;
  bool kept_ = false;
};

/// A file under a temporary name beside its own. Unless kept, nothing of it stays.
class NewFile {
 public:
  NewFile(std::string path, const std::string& content) : path_(std::move(path)) {
    struct stat status {};
    existed_ = ::lstat(path_.c_str(), &status) == 0;
    if (existed_ && S_ISDIR(status.st_mode)) fail(path_, std::strerror(EISDIR));
    static std::atomic<unsigned> counter{0};
    int descriptor = -1;
    do {
      temporary_ = path_ + ".part-" + std::to_string(::getpid()) + "-" + std::to_string(counter++);
      descriptor = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    } while (descriptor < 0 && errno == EEXIST);
    if (descriptor < 0) fail(path_, std::strerror(errno));
    int error = 0;
    for (std::size_t done = 0; done < content.size() && error == 0;) {
      const ssize_t n = ::write(descriptor, content.data() + done, content.size() - done);
      if (n > 0) done += static_cast<std::size_t>(n);
      if (n < 0 && errno != EINTR) error = errno;
    }
    if (error == 0 && ::fsync(descriptor) != 0 && errno != EINVAL && errno != ENOTSUP) error = errno;
    if (::close(descriptor) != 0 && error == 0 && errno != EINTR) error = errno;
    if (error != 0) {
      ::unlink(temporary_.c_str());
      fail(path_, std::strerror(error));
    }
  }
  ~NewFile() {
    if (!moved_) ::unlink(temporary_.c_str());
    if (moved_ && !kept_ && !existed_) ::unlink(path_.c_str());
  }
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;

  void move_to_place() {
    if (::rename(temporary_.c_str(), path_.c_str()) != 0) fail(path_, std::strerror(errno));
    moved_ = true;
  }
  void keep() { kept_ = true; }

 private:
  std::string path_, temporary_;
  bool existed_ = false, moved_ = false, kept_ = false;
};

}  // namespace

ReportFiles write_report(const Analysis& analysis, const std::string& directory) {
  const FloatScope scope;
  NewDirectory target(directory);
  const std::string base = directory + (directory.back() == '/' ? "" : "/");
  ReportFiles files{base + "index.html", base + "analysis.json", false};
  NewFile json(files.json, to_json(analysis));
  const plots::Pictures pictures = plots::draw(analysis);
  files.pictures = pictures.available;
  NewFile html(files.html, report::html_page(analysis, pictures));
  json.move_to_place();
  html.move_to_place();
  json.keep();
  html.keep();
  target.keep();
  return files;
}

}  // namespace natgrad
