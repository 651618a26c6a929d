// natgrad: vectors and matrices from files: CSV, Armadillo binary, and the choice between them and HDF5.
#include "array_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <limits>
#include <new>
#include <optional>
#include <string_view>
#include <system_error>

#include "cli.hpp"
#include "natgrad/error.hpp"
#include "numbers.hpp"
#include "stream.hpp"

namespace natgrad::cli {
namespace {

static_assert(std::endian::native == std::endian::little, "Armadillo's binary files are little-endian");

// No double needs more digits than about 770; this leaves room for padding with zeros.
constexpr std::size_t longest_field = 1 << 16;

/// Bytes of a file, pipe or terminal, in order.
class Source {
 public:
  Source(std::string name, const std::string& path) : name_(std::move(name)) {
    descriptor_ = path == "-" ? ::dup(STDIN_FILENO) : ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (descriptor_ < 0) fail(fmt::format("cannot be opened: {}", std::strerror(errno)));
    struct stat status {};
    if (::fstat(descriptor_, &status) == 0 && S_ISDIR(status.st_mode)) {
      ::close(descriptor_);
      fail("is a directory");
    }
  }
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;
  ~Source() { ::close(descriptor_); }

  [[noreturn]] void fail(const std::string& what) const { throw InputError(name_ + ": " + what); }

  /// The next byte, or -1 at the end.
  int get() {
    if (next_ == last_ && !fill()) return -1;
    return static_cast<unsigned char>(buffer_[next_++]);
  }
  /// Up to `size` bytes; fewer only at the end.
  std::size_t read(char* to, std::size_t size) {
    std::size_t done = 0;
    while (done < size && (next_ < last_ || fill())) {
      const std::size_t n = std::min(size - done, last_ - next_);
      std::memcpy(to + done, buffer_.data() + next_, n);
      next_ += n;
      done += n;
    }
    return done;
  }
  /// The first bytes, up to `size`. To be called before anything else.
  std::string_view head(std::size_t size) {
    while (last_ < size && append()) {
    }
    return std::string_view(buffer_.data(), std::min(size, last_));
  }

 private:
  bool fill() {
    next_ = last_ = 0;
    return append();
  }
  bool append() {
    for (;;) {
      const ssize_t n = ::read(descriptor_, buffer_.data() + last_, buffer_.size() - last_);
      if (n >= 0) {
        last_ += static_cast<std::size_t>(n);
        return n > 0;
      }
      if (errno != EINTR) fail(fmt::format("cannot be read: {}", std::strerror(errno)));
    }
  }

  std::string name_;
  int descriptor_ = -1;
  std::vector<char> buffer_ = std::vector<char>(1 << 16);
  std::size_t next_ = 0, last_ = 0;
};

// ------------------------------------------------------------------------- CSV

class CsvReader {
 public:
  CsvReader(Source& source, const std::string& name, Form form) : source_(source), name_(name), form_(form) {}

  Array read() {
    // Spreadsheets put a byte order mark first.
    if (source_.head(3) == "\xef\xbb\xbf")
      for (int i = 0; i < 3; ++i) source_.get();
    for (;;) {
      int c = source_.get();
      ++column_;
      if (c == '\r') {
        // Only the end of a line may follow.
        c = source_.get();
        if (c != '\n' && c != -1) fail_at(column_, "a carriage return inside a line");
      }
      if (c == ',' || c == '\n' || c == -1) {
        end_of_field(c == ',');
        if (c != ',') end_of_line();
        if (c == -1) break;
      } else {
        if (field_.empty() && (c == ' ' || c == '\t')) continue;
        if (field_.empty()) field_column_ = column_;
        if (field_.size() == longest_field)
          fail_at(field_column_,
                  fmt::format("{} is longer than {} characters", in_quotes(field_), longest_field));
        field_ += static_cast<char>(c);
      }
    }
    if (underflows_ > 0)
      message(fmt::format(
          "warning: {}: {} number{} below half the smallest double {} read as 0, first in line {}", name_,
          underflows_, underflows_ == 1 ? "" : "s", underflows_ == 1 ? "was" : "were", underflow_line_));
    if (form_ == Form::vector) return {values_.size(), 1, std::move(values_)};
    return {rows_, widest_, std::move(values_)};
  }

 private:
  [[noreturn]] void fail_at(std::uint64_t column, const std::string& what) const {
    source_.fail(fmt::format("line {}, column {}: {}", line_, column, what));
  }

  void end_of_line() {
    if (form_ == Form::matrix && in_line_ > 0 && in_line_ != widest_)
      fail_at(1, fmt::format("the first row has {} number{}, this one has {}", widest_,
                             widest_ == 1 ? "" : "s", in_line_));
    ++line_;
    column_ = 0;
    in_line_ = 0;
  }

  void end_of_field(bool comma) {
    while (!field_.empty() && (field_.back() == ' ' || field_.back() == '\t')) field_.pop_back();
    if (field_.empty()) {
      if (!comma && in_line_ == 0) return;  // a blank line
      fail_at(column_, "a number is missing beside the comma");
    }
    // One row or one column: a table (an index beside each value, say) is not a vector.
    ++in_line_;
    if (in_line_ == 1) ++rows_;
    if (in_line_ > widest_ && (form_ == Form::vector || rows_ == 1)) widest_ = in_line_;
    if (form_ == Form::vector && rows_ > 1 && (widest_ > 1 || comma))
      fail_at(field_column_, "several numbers a line in several lines; a vector is one row or one column");

    const Number number = parse_number(field_);
    switch (number.kind) {
      case NumberKind::malformed:
        if (values_.empty() && field_.find_first_not_of("0123456789+-.eE \t") != std::string::npos)
          fail_at(field_column_,
                  fmt::format("{} is not a number; a file of numbers has no header", in_quotes(field_)));
        fail_at(field_column_, fmt::format("{} is not a number", in_quotes(field_)));
      case NumberKind::non_finite:
        fail_at(field_column_, fmt::format("element {} (from zero) is {}; every element must be finite",
                                           values_.size(), number_text(number.value)));
      case NumberKind::overflow:
        fail_at(field_column_, fmt::format("element {} (from zero) is {}, above the largest double",
                                           values_.size(), in_quotes(field_)));
      case NumberKind::underflow:
        if (underflows_++ == 0) underflow_line_ = line_;
        break;
      case NumberKind::finite:
        break;
    }
    values_.push_back(number.value);
    field_.clear();
  }

  Source& source_;
  const std::string& name_;
  Form form_;
  std::vector<double> values_;
  std::string field_;
  std::uint64_t line_ = 1, column_ = 0, field_column_ = 1, in_line_ = 0, rows_ = 0, widest_ = 0;
  std::uint64_t underflows_ = 0, underflow_line_ = 0;
};

// ------------------------------------------------------------------------- Armadillo

/// The next word of the header, up to one white space character.
std::string header_word(Source& source) {
  std::string word;
  for (int c = source.get(); c != -1 && c != ' ' && c != '\n' && c != '\t' && c != '\r'; c = source.get()) {
    word += static_cast<char>(c);
    if (word.size() > 32) break;
  }
  return word;
}

std::uint64_t header_count(Source& source, const char* what) {
  const std::string word = header_word(source);
  std::uint64_t count = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), count);
  if (error != std::errc() || end != word.data() + word.size())
    source.fail(fmt::format("Armadillo header: the number of {} is {}", what, in_quotes(word)));
  return count;
}

template <class T>
std::vector<double> armadillo_values(Source& source, std::uint64_t count) {
  std::vector<double> values;
  std::vector<T> block(8192);
  for (;;) {
    const std::size_t bytes = source.read(reinterpret_cast<char*>(block.data()), block.size() * sizeof(T));
    const std::size_t n = bytes / sizeof(T);
    if (n > count - values.size() || (n == count - values.size() && bytes % sizeof(T) != 0))
      source.fail(fmt::format("holds more bytes than its header's {} elements of {}", count, sizeof(T)));
    values.insert(values.end(), block.begin(), block.begin() + static_cast<std::ptrdiff_t>(n));
    if (bytes < block.size() * sizeof(T)) break;
  }
  if (values.size() != count)
    source.fail(fmt::format("is truncated: its header says {} elements, it holds {}", count, values.size()));
  return values;
}

Array read_armadillo(Source& source, Form form) {
  const std::string kind = header_word(source);
  if (kind != "ARMA_MAT_BIN_FN008" && kind != "ARMA_MAT_BIN_FN004")
    source.fail(fmt::format("Armadillo kind {}; ARMA_MAT_BIN_FN008 or ARMA_MAT_BIN_FN004 is needed",
                            in_quotes(kind)));
  const std::uint64_t rows = header_count(source, "rows"), columns = header_count(source, "columns");
  if (rows == 0 || columns == 0) source.fail("holds no numbers");
  if (form == Form::vector && rows != 1 && columns != 1)
    source.fail(fmt::format("is a matrix of {} x {}; a vector has one row or one column", rows, columns));
  if (rows > std::numeric_limits<std::uint64_t>::max() / columns)
    source.fail(fmt::format("declares {} x {} elements: too many", rows, columns));
  const std::uint64_t count = rows * columns;
  Array array{
      rows, columns,
      kind.back() == '8' ? armadillo_values<double>(source, count) : armadillo_values<float>(source, count)};
  if (rows == 1 || columns == 1) return array;
  // The file goes column by column.
  std::vector<double> by_rows(array.values.size());
  for (std::uint64_t j = 0; j < columns; ++j)
    for (std::uint64_t i = 0; i < rows; ++i) by_rows[i * columns + j] = array.values[j * rows + i];
  array.values = std::move(by_rows);
  return array;
}

// ------------------------------------------------------------------------- which of them

bool exists(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0;
}

/// The file and dataset of "a.h5:/x": split at the first ":/" before which there is a file, else at the
/// first.
struct DatasetName {
  std::string file, dataset;
};

std::optional<DatasetName> dataset_name(const std::string& argument) {
  if (argument == "-" || exists(argument)) return std::nullopt;
  std::optional<DatasetName> first;
  for (auto at = argument.find(":/"); at != std::string::npos; at = argument.find(":/", at + 1)) {
    DatasetName name{argument.substr(0, at), argument.substr(at + 1)};
    if (exists(name.file)) return name;
    if (!first) first = std::move(name);
  }
  return first;
}

Array read_values(const std::string& name, const std::string& argument, Form form) {
  if (const auto dataset = dataset_name(argument))
    return read_hdf5(name, dataset->file, dataset->dataset, form);

  Source source(name, argument);
  const std::string_view head = source.head(512);
  if (head.starts_with("\x89HDF\r\n\x1a\n"))
    source.fail(argument == "-"
                    ? "is an HDF5 file, which needs a name: FILE.h5:/DATASET"
                    : fmt::format("is an HDF5 file; name a dataset of it, as in {}:/gradient", name));
  if (head.starts_with("ARMA_")) return read_armadillo(source, form);
  if (head.find('\0') != std::string_view::npos)
    source.fail("is neither CSV nor Armadillo binary nor HDF5 (it begins with binary data)");
  return CsvReader(source, name, form).read();
}

}  // namespace

NamedArray read_array(const std::string& argument, Form form) {
  NamedArray array;
  array.name = argument == "-" ? "standard input" : argument;
  try {
    static_cast<Array&>(array) = read_values(array.name, argument, form);
  } catch (const std::bad_alloc&) {
    throw InputError(array.name + ": does not fit into memory");
  }
  if (array.values.empty()) throw InputError(array.name + ": holds no numbers");
  const auto bad =
      std::find_if_not(array.values.begin(), array.values.end(), [](double x) { return std::isfinite(x); });
  if (bad != array.values.end()) {
    const auto index = static_cast<std::uint64_t>(bad - array.values.begin());
    const std::string where =
        form == Form::vector
            ? fmt::format("element {} (from zero)", index)
            : fmt::format("element ({}, {}) (from zero)", index / array.columns, index % array.columns);
    throw InputError(
        fmt::format("{}: {} is {}; every element must be finite", array.name, where, number_text(*bad)));
  }
  return array;
}

bool names_dataset(const std::string& argument) {
  return dataset_name(argument).has_value();
}

void check_standard_input(const std::vector<std::string>& arguments) {
  if (std::count(arguments.begin(), arguments.end(), "-") > 1)
    throw UsageError("standard input (-) can be only one of the arguments");
}

void check_output(const std::string& option, const std::string& output,
                  const std::vector<std::string>& arguments) {
  for (const std::string& argument : arguments) {
    if (argument == "-") continue;
    const auto dataset = dataset_name(argument);
    std::error_code none;  // what does not exist is nobody's input
    if (std::filesystem::is_regular_file(output, none) &&
        std::filesystem::equivalent(output, dataset ? dataset->file : argument, none))
      throw UsageError(fmt::format("{}: {} is read as {}; it would be overwritten", option, in_quotes(output),
                                   in_quotes(argument)));
  }
}

std::vector<NamedArray> read_vectors(const std::vector<std::string>& arguments) {
  check_standard_input(arguments);
  std::vector<NamedArray> vectors;
  for (const std::string& argument : arguments) {
    vectors.push_back(read_array(argument, Form::vector));
    const NamedArray &first = vectors.front(), &last = vectors.back();
    if (last.values.size() != first.values.size())
      throw InputError(fmt::format("different lengths: {} has {} elements, {} has {}", first.name,
                                   first.values.size(), last.name, last.values.size()));
  }
  return vectors;
}

}  // namespace natgrad::cli
