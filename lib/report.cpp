// natgrad: writing a report to a directory.
#include "natgrad/report.hpp"

#include <unistd.h>

#include <filesystem>
#include <vector>

#include "float_scope.hpp"
#include "natgrad/error.hpp"
#include "new_file.hpp"
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
        if (error == std::errc::file_exists) error = std::make_error_code(std::errc::not_a_directory);
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

}  // namespace

ReportFiles write_report(const Analysis& analysis, const std::string& directory,
                         const std::function<void(std::uint64_t, std::uint64_t)>& progress) {
  const FloatScope scope;
  NewDirectory target(directory);
  const std::string base = directory + (directory.back() == '/' ? "" : "/");
  ReportFiles files{base + "index.html", base + "analysis.json", false};
  for (const std::string& file : {files.json, files.html})
    if (std::error_code ignored; fs::equivalent(file, analysis.info.path, ignored))
      fail(file, "it is the run that the report is about");
  NewFile json(files.json), html(files.html);
  const plots::Pictures pictures = plots::draw(analysis, progress);
  files.pictures = pictures.available;
  json.write(to_json(analysis));
  html.write(report::html_page(analysis, pictures));
  json.finish();
  html.finish();
  json.commit();
  html.commit();
  target.keep();
  return files;
}

}  // namespace natgrad
