// natgrad: an analysis as JSON, as text for a terminal, and as one HTML page with pictures.
#ifndef NATGRAD_REPORT_HPP
#define NATGRAD_REPORT_HPP

#include <cstdint>
#include <functional>
#include <string>

#include "natgrad/analysis.hpp"

namespace natgrad {

/// The JSON of `natgrad analyze --json`, indented by 2, ending in a newline. Doubles read back as the same
/// doubles; what is undefined or not finite is null. @claim report.json
NATGRAD_API std::string to_json(const Analysis& analysis);

/// A summary that fits one screen, ending in a newline; ANSI colours if `colour`.
NATGRAD_API std::string to_text(const Analysis& analysis, bool colour);

struct ReportFiles {
  std::string html, json;  ///< paths
  bool pictures = false;   ///< false: gnuplot was not found; the page says so
};

/// Writes DIR/index.html (self-contained) and DIR/analysis.json, creating DIR (and parents). Each file
/// appears complete or not at all. Pictures are drawn by gnuplot as SVG and embedded. `progress`, which may
/// be empty, is called every now and then with the number of pictures done and of all; what it throws
/// ends the work and leaves nothing behind.
/// @throws InputError naming the path if something cannot be written, or if gnuplot fails
NATGRAD_API ReportFiles
write_report(const Analysis& analysis, const std::string& directory,
             const std::function<void(std::uint64_t done, std::uint64_t total)>& progress = {});

}  // namespace natgrad

#endif
