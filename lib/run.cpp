// natgrad: run files, read as a stream and written by a recorder.
#include "natgrad/run.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <functional>
#include <memory>
#include <new>
#include <numeric>
#include <span>
#include <string_view>
#include <utility>

#include "float_scope.hpp"
#include "hdf5.hpp"
#include "hdf5_output.hpp"
#include "new_file.hpp"
#include "parallel.hpp"
#include "utf8.hpp"

namespace natgrad {

void (*hdf5::on_activity)(bool) = nullptr;

RunValueError::RunValueError(const std::string& message, std::uint64_t step, std::uint64_t first)
    : InputError(message + (step > first ? fmt::format("; the last good step is {}: use --steps {}:{} to "
                                                       "analyse up to there",
                                                       step - 1, first, step)
                            : first > 0  ? fmt::format("; there is no good step from {} on", first)
                                         : std::string("; there is no good step"))),
      step_(step) {}

RunValueError::~RunValueError() = default;

namespace {

using hdf5::Handle;
using hdf5::Session;

constexpr std::string_view format_name = "natgrad-run";
constexpr std::int64_t format_version = 1;

// Bounds that keep memory constant, and hostile files from asking for more.
// Elements of one dataset that are read at once: what the caches hold, but whole chunks up to the most.
constexpr std::uint64_t block_elements = std::uint64_t{1} << 18, most_block_elements = std::uint64_t{1} << 20;
constexpr std::uint64_t block_grams = 10000;                        // 16 MiB
constexpr std::uint64_t block_chunks = 4096;                        // HDF5 takes about a kilobyte for each
constexpr std::uint64_t segment_elements = std::uint64_t{1} << 15;  // of a row that threads share
constexpr hsize_t max_filtered_chunk = hsize_t{256} << 20;          // bytes; has to be decompressed whole
constexpr hsize_t max_chunk_cache = hsize_t{32} << 20;              // bytes
constexpr std::uint64_t max_groups = std::uint64_t{1} << 16;
constexpr std::size_t max_text = 4096;  // bytes

std::string describe(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  return fmt::format("{}", value);
}

/// Why a string cannot stand in a report; empty if it can. Control characters could drive a terminal.
std::string text_defect(std::string_view text) {
  if (text.size() > max_text) return fmt::format("is longer than {} bytes", max_text);
  for (std::string_view rest = text; !rest.empty();) {
    const std::size_t at = text.size() - rest.size();
    const std::optional<char32_t> c = utf8::next(rest);
    if (!c) return fmt::format("is not UTF-8 at byte {}", at);
    if (utf8::is_control(*c))
      return fmt::format("has a control character (U+{:04X}) at byte {}", static_cast<std::uint32_t>(*c), at);
  }
  return {};
}

[[noreturn]] void refuse(const std::string& path, const std::string& what) {
  throw InputError(path + ": " + what);
}

/// A part of a dataset that cannot be read; the caller knows which step it spoils.
struct ReadFailure {
  std::string message;
};

/// A step that cannot be used; the caller knows from which step on it wanted them.
struct BadStep {
  std::string message;
  std::uint64_t step;
};

// ------------------------------------------------------------------------------------- types

enum class Real { half, single, wide };

Handle half_type(H5T_order_t order) {
  Handle type(H5Tcopy(H5T_IEEE_F32LE), H5Tclose);
  H5Tset_fields(type.get(), 15, 10, 5, 0, 10);
  H5Tset_size(type.get(), 2);
  H5Tset_ebias(type.get(), 15);
  H5Tset_order(type.get(), order);
  return type;
}

std::optional<Real> real_kind(hid_t type) {
  const auto equal = [type](hid_t other) { return H5Tequal(type, other) > 0; };
  if (equal(H5T_IEEE_F64LE) || equal(H5T_IEEE_F64BE)) return Real::wide;
  if (equal(H5T_IEEE_F32LE) || equal(H5T_IEEE_F32BE)) return Real::single;
  if (equal(half_type(H5T_ORDER_LE).get()) || equal(half_type(H5T_ORDER_BE).get())) return Real::half;
  return std::nullopt;
}

std::string describe_type(hid_t type) {
  const std::size_t size = H5Tget_size(type);
  switch (H5Tget_class(type)) {
    case H5T_INTEGER:
      return fmt::format("{}-byte integers", size);
    case H5T_FLOAT:
      return fmt::format("{}-byte floats", size);
    case H5T_STRING:
      return "strings";
    case H5T_OPAQUE:
      return fmt::format("opaque elements of {} bytes", size);
    case H5T_COMPOUND:
      return "compound elements (complex numbers?)";
    case H5T_ENUM:
      return "enumerated elements (booleans?)";
    case H5T_VLEN:
      return "elements of variable length";
    case H5T_ARRAY:
      return "array elements";
    default:
      return "elements of another type";
  }
}

std::string describe_shape(const std::vector<hsize_t>& dims) {
  if (dims.empty()) return "a scalar";
  return fmt::format("of shape ({}{})", fmt::join(dims, ", "), dims.size() == 1 ? "," : "");
}

// ------------------------------------------------------------------------------------ datasets

/// A dataset seen as rows x columns: a vector is one column, a scalar one row of one.
class Matrix {
 public:
  Matrix(std::string name, Handle dataset, std::vector<hsize_t> dims)
      : name_(std::move(name)), dataset_(std::move(dataset)), dims_(std::move(dims)) {
    type_ = Handle(H5Dget_type(dataset_.get()), H5Tclose);
    const std::optional<Real> kind = real_kind(type_.get());
    narrow_ = kind == Real::single || kind == Real::half;
  }

  const std::string& name() const { return name_; }
  const std::vector<hsize_t>& dims() const { return dims_; }
  std::size_t rank() const { return dims_.size(); }
  std::uint64_t rows() const { return dims_.empty() ? 1 : dims_[0]; }
  std::uint64_t columns() const { return dims_.size() < 2 ? 1 : dims_[1]; }
  /// 1 x 1 where the dataset is not chunked.
  std::uint64_t chunk_rows() const { return chunk_.empty() ? 1 : chunk_[0]; }
  std::uint64_t chunk_columns() const { return chunk_.size() < 2 ? 1 : chunk_[1]; }
  bool chunked() const { return !chunk_.empty(); }
  hid_t type() const { return type_.get(); }
  /// Whether floats hold every element.
  bool narrow() const { return narrow_; }
  hid_t id() const { return dataset_.get(); }

  void set_chunk(std::vector<hsize_t> chunk) { chunk_ = std::move(chunk); }

  /// "/gradient[12, 3]"
  std::string element(std::uint64_t row, std::uint64_t column) const {
    if (rank() == 0) return name_;
    if (rank() == 1) return fmt::format("{}[{}]", name_, row);
    return fmt::format("{}[{}, {}]", name_, row, column);
  }

  /// Rows x columns from (row, column) on, row by row.
  void read(std::uint64_t row, std::uint64_t rows, std::uint64_t column, std::uint64_t columns,
            hid_t memory_type, void* out) const {
    if (rows == 0 || columns == 0) return;
    const Session session;
    refuse_unwritten(row, rows, column, columns);
    const hsize_t start[] = {row, column}, count[] = {rows, columns};
    const Handle file_space(H5Dget_space(dataset_.get()), H5Sclose);
    const int space_rank = std::max(1, static_cast<int>(rank()));
    const Handle memory_space(H5Screate_simple(space_rank, count, nullptr), H5Sclose);
    const bool selected = rank() == 0 || H5Sselect_hyperslab(file_space.get(), H5S_SELECT_SET, start, nullptr,
                                                             count, nullptr) >= 0;
    if (!selected ||
        H5Dread(dataset_.get(), memory_type, memory_space.get(), file_space.get(), H5P_DEFAULT, out) < 0)
      throw ReadFailure{fmt::format("{} cannot be read ({})", element(row, column), hdf5::last_error())};
  }

  void read(std::uint64_t row, std::uint64_t rows, std::uint64_t column, std::uint64_t columns,
            double* out) const {
    read(row, rows, column, columns, H5T_NATIVE_DOUBLE, out);
  }
  void read(std::uint64_t row, std::uint64_t rows, std::uint64_t column, std::uint64_t columns,
            float* out) const {
    read(row, rows, column, columns, H5T_NATIVE_FLOAT, out);
  }

  /// A chunk that was never written would read as zeros: steps that nobody made.
  void refuse_unwritten(std::uint64_t row, std::uint64_t rows, std::uint64_t column,
                        std::uint64_t columns) const {
    if (!chunked()) return;
    const std::uint64_t last_row = row + (rows - 1), last_column = column + (columns - 1);
    for (std::uint64_t i = row / chunk_rows(); i <= last_row / chunk_rows(); ++i) {
      for (std::uint64_t j = column / chunk_columns(); j <= last_column / chunk_columns(); ++j) {
        const hsize_t corner[] = {i * chunk_rows(), j * chunk_columns()};
        hsize_t bytes = 0;
        if (H5Dget_chunk_storage_size(dataset_.get(), corner, &bytes) < 0 || bytes == 0)
          throw ReadFailure{fmt::format(
              "{} was never written",
              element(std::max<std::uint64_t>(row, corner[0]), std::max<std::uint64_t>(column, corner[1])))};
      }
    }
  }

 private:
  std::string name_;
  Handle dataset_, type_;
  bool narrow_ = false;
  std::vector<hsize_t> dims_, chunk_;
};

// ---------------------------------------------------------------------------------------- files

/// An external link would let a run file read any other file.
herr_t refuse_external_link(const char*, const char*, const char*, const char*, unsigned*, hid_t, void*) {
  return -1;
}

class InputFile {
 public:
  explicit InputFile(const std::string& path) : path_(path) {
    if (path.find('\0') != std::string::npos) refuse(path.c_str(), "the name has a zero byte");
    struct stat status {};
    const int descriptor = ::stat(path.c_str(), &status) != 0 ? -1
                           : !S_ISREG(status.st_mode)         ? 0
                                                              : ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) refuse(path, std::string("cannot be opened: ") + std::strerror(errno));
    if (descriptor == 0) refuse(path, S_ISDIR(status.st_mode) ? "is a directory" : "is not a regular file");
    ::close(descriptor);

    const Session session;
    if (H5Fis_hdf5(path.c_str()) <= 0) refuse(path, "is not an HDF5 file");
    const Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
    H5Pset_file_locking(access.get(), true, true);  // where the file system has locks
    file_ = Handle(H5Fopen(path.c_str(), H5F_ACC_RDONLY, access.get()), H5Fclose);
    if (!file_) refuse(path, "cannot be opened as HDF5 (" + hdf5::last_error() + ")");
    links_ = Handle(H5Pcreate(H5P_LINK_ACCESS), H5Pclose);
    H5Pset_elink_cb(links_.get(), refuse_external_link, nullptr);
  }

  const std::string& path() const { return path_; }

  /// Is there a link of this name? `name` is absolute; a group on the way may be missing.
  bool has(const std::string& name) const {
    const Session session;
    for (std::size_t end = name.find('/', 1);; end = name.find('/', end + 1)) {
      const std::string part = name.substr(0, end);
      const htri_t exists = H5Lexists(file_.get(), part.c_str(), links_.get());
      if (exists < 0) refuse(path_, name + " cannot be looked up (" + hdf5::last_error() + ")");
      if (exists == 0) return false;
      if (end == std::string::npos) return true;
      open(part, H5I_GROUP);
    }
  }

  /// Opens a dataset of one of the two ranks and checks all but the values. @pre has(name)
  Matrix matrix(const std::string& name, std::size_t least_rank, std::size_t most_rank,
                const char* lacking = "there are no steps to read") const {
    const Session session;
    Handle dataset = open(name, H5I_DATASET);
    const Handle creation(H5Dget_create_plist(dataset.get()), H5Pclose);
    const H5D_layout_t layout = H5Pget_layout(creation.get());
    // Before anything looks at the extent, which for a virtual dataset would open its sources.
    if (layout == H5D_VIRTUAL || H5Pget_external_count(creation.get()) > 0)
      refuse(path_, name + " keeps its data in other files; a run file must hold them itself");

    const Handle space(H5Dget_space(dataset.get()), H5Sclose);
    if (!space || H5Sget_simple_extent_type(space.get()) == H5S_NULL) refuse(path_, name + " is empty");
    const int rank = std::max(0, H5Sget_simple_extent_ndims(space.get()));
    std::vector<hsize_t> dims(static_cast<std::size_t>(rank)), most(dims.size());
    H5Sget_simple_extent_dims(space.get(), dims.data(), most.data());
    if (dims.size() < least_rank || dims.size() > most_rank)
      refuse(path_, fmt::format("{} is {}; {} dimension{} needed", name, describe_shape(dims), most_rank,
                                most_rank == 1 ? " is" : "s are"));
    for (const hsize_t length : dims)
      if (length == 0)
        refuse(path_, fmt::format("{} is empty ({}): {}", name, describe_shape(dims), lacking));

    std::vector<hsize_t> chunk;
    if (layout == H5D_CHUNKED) {
      chunk.resize(dims.size());
      const int chunk_rank = H5Pget_chunk(creation.get(), static_cast<int>(chunk.size()), chunk.data());
      bool fits = chunk_rank == static_cast<int>(chunk.size());
      for (std::size_t i = 0; i < chunk.size(); ++i) fits = fits && chunk[i] > 0 && chunk[i] <= most[i];
      if (!fits)
        refuse(path_, fmt::format("{} ({}) has chunks that are {}", name, describe_shape(dims),
                                  describe_shape(chunk)));
      dataset = with_chunk_cache(name, std::move(dataset), creation, dims, chunk);
    } else {
      check_stored(name, dataset, dims);
    }
    Matrix result(name, std::move(dataset), std::move(dims));
    result.set_chunk(std::move(chunk));
    try {
      result.refuse_unwritten(0, 1, 0, 1);
    } catch (const ReadFailure& failure) {
      refuse(path_, failure.message);
    }
    return result;
  }

  /// A matrix of float16, float32 or float64.
  Matrix real_matrix(const std::string& name, std::size_t least_rank, std::size_t most_rank) const {
    Matrix result = matrix(name, least_rank, most_rank);
    const Session session;
    if (!real_kind(result.type()))
      refuse(path_, name + " holds " + describe_type(result.type()) +
                        "; IEEE float16, float32 or float64 is needed");
    return result;
  }

  /// The names and the sizes of groups.
  std::vector<std::string> names(const std::string& name) const {
    const Session session;
    const Matrix matrix = group_vector(name);
    return read_strings(name, matrix.type(), matrix.rows(), [&](hid_t type, void* out) {
      return H5Dread(matrix.id(), type, H5S_ALL, H5S_ALL, H5P_DEFAULT, out);
    });
  }
  std::vector<std::uint64_t> sizes(const std::string& name) const;

  bool has_attribute(const char* name) const {
    const Session session;
    return H5Aexists(file_.get(), name) > 0;
  }
  std::string string_attribute(const char* name) const {
    const Session session;
    const Handle attribute = open_attribute(name);
    const Handle type(H5Aget_type(attribute.get()), H5Tclose);
    return read_strings(fmt::format("attribute {}", name), type.get(), 1,
                        [&](hid_t memory, void* out) { return H5Aread(attribute.get(), memory, out); })
        .front();
  }
  std::int64_t integer_attribute(const char* name) const;

 private:
  Handle open(const std::string& name, H5I_type_t kind) const {
    H5L_info_t link;
    if (H5Lget_info(file_.get(), name.c_str(), &link, links_.get()) >= 0 && link.type == H5L_TYPE_EXTERNAL)
      refuse(path_, name + " is a link to another file; a run file must hold its data itself");
    Handle object(H5Oopen(file_.get(), name.c_str(), links_.get()), H5Oclose);
    if (!object) refuse(path_, name + " cannot be opened (" + hdf5::last_error() + ")");
    if (H5Iget_type(object.get()) != kind)
      refuse(path_, name + (kind == H5I_GROUP ? " is not a group" : " is not a dataset"));
    return object;
  }

  Handle open_attribute(const char* name) const {
    Handle attribute(H5Aopen(file_.get(), name, H5P_DEFAULT), H5Aclose);
    if (!attribute)
      refuse(path_, fmt::format("attribute {} cannot be opened ({})", name, hdf5::last_error()));
    const Handle space(H5Aget_space(attribute.get()), H5Sclose);
    if (H5Sget_simple_extent_npoints(space.get()) != 1)
      refuse(path_, fmt::format("attribute {} must have exactly one element", name));
    return attribute;
  }

  Matrix group_vector(const std::string& name) const {
    Matrix result = matrix(name, 1, 1, "there are no groups");
    if (result.rows() > max_groups)
      refuse(path_, fmt::format("{} has {} elements; at most {} groups can be analysed", name, result.rows(),
                                max_groups));
    try {
      result.refuse_unwritten(0, result.rows(), 0, 1);
    } catch (const ReadFailure& failure) {
      refuse(path_, failure.message);
    }
    return result;
  }

  /// A dataset in one piece is as long as its shape says.
  void check_stored(const std::string& name, const Handle& dataset, const std::vector<hsize_t>& dims) const {
    const Handle type(H5Dget_type(dataset.get()), H5Tclose);
    const hsize_t stored = H5Dget_storage_size(dataset.get());
    if (stored == 0)
      refuse(path_, fmt::format("{} ({}) was never written: it holds no data", name, describe_shape(dims)));
    if (H5Tis_variable_str(type.get()) > 0) return;  // its text lies elsewhere in the file
    hsize_t left = stored;
    for (const hsize_t length : dims) left /= length;
    if (left != H5Tget_size(type.get()))
      refuse(path_, fmt::format("{} ({}) has only {} bytes of data", name, describe_shape(dims), stored));
  }

  /// Reopens a chunked dataset with a cache that holds a row of chunks, or two, where that is small.
  Handle with_chunk_cache(const std::string& name, Handle dataset, const Handle& creation,
                          const std::vector<hsize_t>& dims, const std::vector<hsize_t>& chunk) const;

  template <class Read>
  std::vector<std::string> read_strings(const std::string& name, hid_t type, std::size_t count,
                                        Read read) const;

  std::string path_;
  Handle file_, links_;
};

Handle InputFile::with_chunk_cache(const std::string& name, Handle dataset, const Handle& creation,
                                   const std::vector<hsize_t>& dims,
                                   const std::vector<hsize_t>& chunk) const {
  const int filters = H5Pget_nfilters(creation.get());
  for (int i = 0; i < filters; ++i) {
    unsigned flags = 0, config = 0;
    std::size_t parameters = 0;
    char filter_name[64] = "";
    const H5Z_filter_t filter = H5Pget_filter2(creation.get(), static_cast<unsigned>(i), &flags, &parameters,
                                               nullptr, sizeof filter_name, filter_name, &config);
    if (H5Zfilter_avail(filter) <= 0)
      refuse(path_,
             fmt::format("{} is compressed with filter {} ({}), which this HDF5 library does not have; "
                         "save it with gzip or without compression",
                         name, filter, text_defect(filter_name).empty() ? filter_name : "?"));
  }
  const Handle type(H5Dget_type(dataset.get()), H5Tclose);
  hsize_t bytes = H5Tget_size(type.get());
  for (const hsize_t length : chunk) {
    if (bytes > (hsize_t{1} << 32) / length) refuse(path_, name + " has chunks of 4 GiB or more");
    bytes *= length;
  }
  if (filters > 0 && bytes > max_filtered_chunk)
    refuse(path_, fmt::format("{} has compressed chunks of {} bytes; at most {} can be read", name, bytes,
                              max_filtered_chunk));
  if (filters == 0 && H5Tis_variable_str(type.get()) <= 0) {
    // HDF5 trusts the shape of chunks over their size in the file, and would read past their end.
    const std::vector<hsize_t> origin(dims.size(), 0);
    haddr_t address = HADDR_UNDEF;
    hsize_t stored = 0;
    if (H5Dget_chunk_info_by_coord(dataset.get(), origin.data(), nullptr, &address, &stored) >= 0 &&
        address != HADDR_UNDEF && stored != bytes)
      refuse(path_, fmt::format("{} has a chunk of {} bytes where its shape says {}", name, stored, bytes));
  }
  hsize_t row_of_chunks = bytes;
  if (dims.size() == 2) {
    const hsize_t across = dims[1] / chunk[1] + 1;
    row_of_chunks = across > max_chunk_cache / std::max<hsize_t>(bytes, 1) ? max_chunk_cache : bytes * across;
  }
  constexpr hsize_t least = hsize_t{1} << 20;
  const hsize_t cache =
      std::max(std::clamp(2 * row_of_chunks, least, max_chunk_cache), filters > 0 ? bytes : 0);
  const Handle access(H5Pcreate(H5P_DATASET_ACCESS), H5Pclose);
  H5Pset_chunk_cache(access.get(), 12421, cache, 1.0);  // slots: a prime; 1.0: read chunks go first
  H5Pset_elink_cb(access.get(), refuse_external_link, nullptr);
  dataset.close();
  Handle reopened(H5Dopen2(file_.get(), name.c_str(), access.get()), H5Dclose);
  if (!reopened) refuse(path_, name + " cannot be opened (" + hdf5::last_error() + ")");
  return reopened;
}

template <class Read>
std::vector<std::string> InputFile::read_strings(const std::string& name, hid_t type, std::size_t count,
                                                 Read read) const {
  if (H5Tget_class(type) != H5T_STRING)
    refuse(path_, name + " holds " + describe_type(type) + ", not strings");
  const Handle memory(H5Tcopy(H5T_C_S1), H5Tclose);
  H5Tset_cset(memory.get(), H5Tget_cset(type));
  const auto failed = [&] { refuse(path_, name + " cannot be read (" + hdf5::last_error() + ")"); };
  std::vector<std::string> result;
  if (H5Tis_variable_str(type) > 0) {
    H5Tset_size(memory.get(), H5T_VARIABLE);
    std::vector<char*> texts(count, nullptr);
    if (read(memory.get(), static_cast<void*>(texts.data())) < 0) failed();
    for (char* text : texts) {
      result.emplace_back(text == nullptr ? "" : std::string(text, ::strnlen(text, max_text + 1)));
      H5free_memory(text);
    }
  } else {
    const std::size_t size = H5Tget_size(type);
    if (size > max_text)
      refuse(path_, fmt::format("{} holds strings of {} bytes; at most {} are read", name, size, max_text));
    H5Tset_size(memory.get(), size);
    H5Tset_strpad(memory.get(), H5Tget_strpad(type));
    std::string texts(size * count, '\0');
    if (read(memory.get(), static_cast<void*>(texts.data())) < 0) failed();
    for (std::size_t i = 0; i < count; ++i) {
      std::string text = texts.substr(i * size, size);
      text.resize(std::min(text.size(), text.find('\0')));
      if (H5Tget_strpad(type) == H5T_STR_SPACEPAD) text.resize(text.find_last_not_of(' ') + 1);
      result.push_back(std::move(text));
    }
  }
  for (std::size_t i = 0; i < count; ++i)
    if (const std::string defect = text_defect(result[i]); !defect.empty())
      refuse(path_, count == 1 ? name + " " + defect : fmt::format("{}[{}] {}", name, i, defect));
  return result;
}

std::vector<std::uint64_t> InputFile::sizes(const std::string& name) const {
  const Session session;
  const Matrix matrix = group_vector(name);
  if (H5Tget_class(matrix.type()) != H5T_INTEGER)
    refuse(path_, name + " holds " + describe_type(matrix.type()) + ", not integers");
  // Read as signed where they are, lest HDF5 turns -1 into 0.
  const bool is_signed = H5Tget_sign(matrix.type()) != H5T_SGN_NONE;
  std::vector<std::uint64_t> result(matrix.rows());
  try {
    matrix.read(0, result.size(), 0, 1, is_signed ? H5T_NATIVE_INT64 : H5T_NATIVE_UINT64, result.data());
  } catch (const ReadFailure& failure) {
    refuse(path_, failure.message);
  }
  for (std::size_t i = 0; i < result.size(); ++i) {
    const bool negative = is_signed && result[i] >> 63 != 0;
    if (result[i] == 0 || negative)
      refuse(path_, fmt::format("{} is {}; a group has at least one parameter", matrix.element(i, 0),
                                static_cast<std::int64_t>(result[i])));
  }
  return result;
}

std::int64_t InputFile::integer_attribute(const char* name) const {
  const Session session;
  const Handle attribute = open_attribute(name);
  const Handle type(H5Aget_type(attribute.get()), H5Tclose);
  if (H5Tget_class(type.get()) != H5T_INTEGER)
    refuse(path_, fmt::format("attribute {} holds {}, not an integer", name, describe_type(type.get())));
  const bool is_signed = H5Tget_sign(type.get()) != H5T_SGN_NONE;
  std::uint64_t value = 0;
  if (H5Aread(attribute.get(), is_signed ? H5T_NATIVE_INT64 : H5T_NATIVE_UINT64, &value) < 0)
    refuse(path_, fmt::format("attribute {} cannot be read ({})", name, hdf5::last_error()));
  if (!is_signed && value >> 63 != 0)
    refuse(path_, fmt::format("attribute {} is {}; it must be below 2^63", name, value));
  return static_cast<std::int64_t>(value);
}

/// The shape of the blocks that a pass reads: `columns` < D only where a few rows are too much at once.
struct Plan {
  std::uint64_t rows = 1, columns = 1;
};

Plan plan_blocks(const std::vector<const Matrix*>& matrices, std::uint64_t dimension, std::uint64_t groups) {
  std::uint64_t chunk_rows = 1, chunk_columns = 1;
  for (const Matrix* matrix : matrices) {
    chunk_rows = std::max(chunk_rows, matrix->chunk_rows());
    chunk_columns = std::max(chunk_columns, matrix->chunk_columns());
  }
  const std::uint64_t most_rows = std::max<std::uint64_t>(1, block_grams / groups);
  const std::uint64_t chunk =
      chunk_rows < most_block_elements / chunk_columns ? chunk_rows * chunk_columns : most_block_elements;
  const std::uint64_t elements = std::max(chunk, block_elements);
  Plan plan;
  plan.rows = std::min({chunk_rows, most_rows, elements});
  plan.columns = std::min(dimension, elements / plan.rows);
  if (plan.columns == dimension) plan.rows = std::min(most_rows, elements / dimension);
  const auto chunks = [&] {
    std::uint64_t most = 0;
    for (const Matrix* matrix : matrices)
      if (matrix->chunked())
        most = std::max(
            most, (plan.rows / matrix->chunk_rows() + 1) * (plan.columns / matrix->chunk_columns() + 1));
    return most;
  };
  while (chunks() > block_chunks) {
    if (plan.rows > chunk_rows) {
      plan.rows = std::max(chunk_rows, plan.rows / 2);
    } else if (plan.columns > 1) {
      plan.columns /= 2;
    } else {
      plan.rows /= 2;
    }
  }
  // Whole chunks, so that none is decompressed twice.
  if (plan.rows > chunk_rows) plan.rows -= plan.rows % chunk_rows;
  if (plan.columns < dimension && plan.columns > chunk_columns) plan.columns -= plan.columns % chunk_columns;
  return plan;
}

/// Memory that is kept from block to block: fresh pages take longer than sums of what is read into them.
template <class T>
class Buffer {
 public:
  T* get(std::size_t n) {
    if (n > size_) {
      data_ = std::make_unique_for_overwrite<T[]>(n);
      size_ = n;
    }
    return data_.get();
  }

 private:
  std::unique_ptr<T[]> data_;
  std::size_t size_ = 0;
};

struct Buffers {
  Buffer<double> g, y, minus_theta;
  Buffer<float> narrow_g, narrow_y;
};

/// The default environment: elsewhere a subnormal float might become 0.
[[gnu::noinline]] void widen(const float* x, std::size_t n, double* to) {
  std::copy(x, x + n, to);
}

/// Consecutive columns of one group.
struct Segment {
  std::size_t group;
  std::uint64_t begin, end;
};

}  // namespace

// ---------------------------------------------------------------------------------------- reader

struct RunReader::Impl {
  explicit Impl(const std::string& path) : file(path) {
    info.path = path;
    read_header();
    open_datasets();
    read_groups();
    plan = gram ? Plan{std::max<std::uint64_t>(1, block_grams / info.groups.size()), 1}
                : plan_blocks({&*gradient, theta ? &*theta : &*update}, info.dimension, info.groups.size());
  }

  void read_header();
  void open_datasets();
  void open_per_step();
  void read_groups();

  [[noreturn]] void refuse(const std::string& what) const { natgrad::refuse(info.path, what); }
  std::string defect(const Matrix& matrix, std::uint64_t row, std::uint64_t column, double value,
                     const char* rule) const {
    return info.path + ": " + matrix.element(row, column) + " is " + describe(value) + "; " + rule;
  }

  /// Runs read(first, count); where a part of it cannot be read, one row at a time, to name the first bad
  /// one.
  template <class Read>
  void by_rows_if_need_be(std::uint64_t first, std::uint64_t count, Read read) const;
  /// Reads count values from `first` on; returns how many come before the first that is not `good`.
  template <class Good>
  std::uint64_t values(const Matrix& matrix, std::uint64_t first, std::uint64_t count, double* out, Good good,
                       const char* rule, std::string& message) const;
  /// The parts of the groups among columns begin .. end-1.
  std::vector<Segment> segments(std::uint64_t begin, std::uint64_t end) const;
  /// Grams of at most `count` steps; how many come before the first bad one, of which `message` speaks.
  template <class T>
  std::uint64_t vector_grams(std::uint64_t first, std::uint64_t count, std::vector<Gram>& grams,
                             std::string& message, Buffers& buffers) const;
  std::uint64_t serialised_grams(std::uint64_t first, std::uint64_t count, std::vector<Gram>& grams,
                                 std::string& message) const;
  void steps(std::uint64_t first, std::uint64_t count, Buffers& buffers,
             const std::function<void(const RunStep&)>& sink) const;

  InputFile file;
  RunInfo info;
  std::optional<Matrix> gradient, update, theta, gram, loss, radius, learning_rate;
  std::vector<std::uint64_t> offsets;  // of the groups, and D
  bool single = false;                 // all vectors fit float
  Plan plan;
};

void RunReader::Impl::read_header() {
  for (const char* name : {"format", "version"})
    if (!file.has_attribute(name))
      refuse(fmt::format("the root attribute {} is missing: not a natgrad run file", name));
  if (const std::string format = file.string_attribute("format"); format != format_name)
    refuse(fmt::format("attribute format is \"{}\", not \"{}\"", format, format_name));
  if (const std::int64_t version = file.integer_attribute("version"); version != format_version)
    refuse(fmt::format("attribute version is {}; this natgrad reads version {}", version, format_version));
  if (file.has_attribute("rule")) info.rule = file.string_attribute("rule");
  if (file.has_attribute("problem")) info.problem = file.string_attribute("problem");
  if (file.has_attribute("seed")) info.seed = file.integer_attribute("seed");
}

void RunReader::Impl::open_datasets() {
  if (file.has("/gram")) {
    for (const char* other : {"/gradient", "/update", "/theta"})
      if (file.has(other))
        refuse(
            fmt::format("holds both /gram and {}; /gram stands in for the vectors, so only one can count: "
                        "remove the other",
                        other));
    gram = file.matrix("/gram", 2, 2);
    const Session session;
    if (H5Tget_class(gram->type()) != H5T_OPAQUE || H5Tget_size(gram->type()) != Gram::serialised_size)
      refuse(fmt::format("/gram holds {}; opaque elements of {} bytes are needed",
                         describe_type(gram->type()), Gram::serialised_size));
    info.steps = gram->rows();
  } else {
    if (!file.has("/gradient")) refuse("/gradient is missing (and there is no /gram)");
    const bool has_update = file.has("/update"), has_theta = file.has("/theta");
    if (has_update && has_theta)
      refuse("holds both /update and /theta, which may disagree on what the steps are: remove one of them");
    if (!has_update && !has_theta) refuse("/update is missing (and there is no /theta)");
    gradient = file.real_matrix("/gradient", 2, 2);
    info.steps = gradient->rows();
    info.dimension = gradient->columns();
    if (info.dimension > Gram::max_dimension)
      refuse(fmt::format("/gradient has {} columns; at most 2^63 are possible", info.dimension));
    auto& other = has_update ? update : theta;
    other = file.real_matrix(has_update ? "/update" : "/theta", 2, 2);
    if (other->columns() != info.dimension || other->rows() - (has_theta ? 1 : 0) != info.steps)
      refuse(fmt::format("{} is {} and /gradient {}; {} is needed", other->name(),
                         describe_shape(other->dims()), describe_shape(gradient->dims()),
                         describe_shape({info.steps + (has_theta ? 1 : 0), info.dimension})));
    single = has_update && gradient->narrow() && update->narrow();
  }

  if (!file.has("/loss")) refuse("/loss is missing");
  loss = file.real_matrix("/loss", 1, 1);
  info.losses = loss->rows();
  if (info.losses != info.steps && info.losses - 1 != info.steps)
    refuse(fmt::format("/loss has {} elements; {} (one for each step) or {} are needed", info.losses,
                       info.steps, info.steps + 1));
  open_per_step();
}

void RunReader::Impl::open_per_step() {
  const auto check = [&](const Matrix& matrix) {
    if (matrix.rank() == 1 && matrix.rows() != info.steps)
      refuse(fmt::format("{} has {} elements; {} (one for each step) are needed", matrix.name(),
                         matrix.rows(), info.steps));
  };
  if (file.has("/radius")) check(radius.emplace(file.real_matrix("/radius", 1, 1)));
  if (file.has("/learning_rate")) check(learning_rate.emplace(file.real_matrix("/learning_rate", 0, 1)));
  info.has_radius = radius.has_value();
  info.has_learning_rate = learning_rate.has_value();
}

void RunReader::Impl::read_groups() {
  if (file.has("/groups")) {
    for (const char* name : {"/groups/name", "/groups/size"})
      if (!file.has(name)) refuse(fmt::format("{} is missing (there is /groups)", name));
    const auto names = file.names("/groups/name");
    const auto sizes = file.sizes("/groups/size");
    if (names.size() != sizes.size())
      refuse(fmt::format("/groups/name has {} elements and /groups/size {}; they must agree", names.size(),
                         sizes.size()));
    std::uint64_t total = 0;
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (sizes[i] > Gram::max_dimension - total)
        refuse(fmt::format("/groups/size adds up to more than 2^63 at element {}", i));
      total += sizes[i];
      info.groups.push_back({names[i], sizes[i]});
    }
    if (gram) {
      if (gram->columns() != names.size())
        refuse(fmt::format("/gram has {} columns and /groups/name {} elements; they must agree",
                           gram->columns(), names.size()));
      info.dimension = total;
    } else if (total != info.dimension) {
      refuse(fmt::format("/groups/size adds up to {}, but D is {}", total, info.dimension));
    }
    info.named_groups = true;
  } else {
    if (gram) {
      if (gram->columns() != 1)
        refuse(fmt::format("/gram has {} columns, but there is no /groups to name them", gram->columns()));
      info.groups.push_back({"all", 0});  // any size will do for the first
      std::vector<Gram> first(1);
      std::string message;
      try {
        if (serialised_grams(0, 1, first, message) == 0) throw RunValueError(message, 0, 0);
      } catch (const ReadFailure& failure) {
        refuse(failure.message);
      }
      info.groups.clear();
      info.dimension = first[0].dimension();
    }
    info.groups.push_back({"all", info.dimension});
  }
  offsets.push_back(0);
  for (const ParameterGroup& group : info.groups) offsets.push_back(offsets.back() + group.size);
}

template <class Read>
void RunReader::Impl::by_rows_if_need_be(std::uint64_t first, std::uint64_t count, Read read) const {
  try {
    read(first, count);
  } catch (const ReadFailure& failure) {
    if (count == 1) throw BadStep{info.path + ": " + failure.message, std::min(first, info.steps - 1)};
    for (std::uint64_t i = 0; i < count; ++i) by_rows_if_need_be(first + i, 1, read);
  }
}

template <class Good>
std::uint64_t RunReader::Impl::values(const Matrix& matrix, std::uint64_t first, std::uint64_t count,
                                      double* out, Good good, const char* rule, std::string& message) const {
  if (matrix.rank() == 0) {
    matrix.read(0, 1, 0, 1, out);
    std::fill(out + 1, out + count, out[0]);
  } else {
    matrix.read(first, count, 0, 1, out);
  }
  const auto bad = static_cast<std::uint64_t>(std::find_if_not(out, out + count, good) - out);
  if (bad < count) message = defect(matrix, first + bad, 0, out[bad], rule);
  return bad;
}

std::vector<Segment> RunReader::Impl::segments(std::uint64_t begin, std::uint64_t end) const {
  std::vector<Segment> result;
  auto group =
      static_cast<std::size_t>(std::upper_bound(offsets.begin(), offsets.end(), begin) - offsets.begin() - 1);
  while (begin < end) {
    const std::uint64_t stop = std::min({end, offsets[group + 1], begin + segment_elements});
    result.push_back({group, begin, stop});
    begin = stop;
    if (begin == offsets[group + 1]) ++group;
  }
  return result;
}

template <class T>
std::uint64_t RunReader::Impl::vector_grams(std::uint64_t first, std::uint64_t count,
                                            std::vector<Gram>& grams, std::string& message,
                                            Buffers& buffers) const {
  const std::size_t group_count = info.groups.size();
  const bool pairs = theta.has_value();
  const Matrix& source = pairs ? *theta : *update;
  const std::uint64_t most_columns = std::min(plan.columns, info.dimension);
  const std::size_t rows_of_g = count + (pairs ? 1 : 0);
  float* const narrow_g = buffers.narrow_g.get(source.narrow() ? rows_of_g * most_columns : 0);
  float* const narrow_y = buffers.narrow_y.get(gradient->narrow() ? count * most_columns : 0);
  T *g, *y, *minus_theta = nullptr;
  if constexpr (std::is_same_v<T, double>) {
    g = buffers.g.get(rows_of_g * most_columns);
    y = buffers.y.get(count * most_columns);
    if (pairs) minus_theta = buffers.minus_theta.get(count * most_columns);
  } else {
    g = narrow_g;
    y = narrow_y;
  }
  const auto read = [&](const Matrix& matrix, std::uint64_t rows, std::uint64_t begin, std::uint64_t width,
                        float* narrow, T* out) {
    if (!matrix.narrow() || std::is_same_v<T, float>) return matrix.read(first, rows, begin, width, out);
    if constexpr (std::is_same_v<T, double>) {  // faster than HDF5 does it
      matrix.read(first, rows, begin, width, narrow);
      const DoubleScope scope;
      widen(narrow, rows * width, out);
    }
  };
  std::uint64_t good = count;
  for (std::uint64_t begin = 0; begin < info.dimension && good > 0; begin += most_columns) {
    const std::uint64_t width = std::min(most_columns, info.dimension - begin);
    read(source, good + (pairs ? 1 : 0), begin, width, narrow_g, g);
    read(*gradient, good, begin, width, narrow_y, y);

    // y is minus the gradient, and theta_{k+1} - theta_k is the pair (theta_{k+1}, -theta_k), exactly.
    const auto add = [&](Gram& to, std::uint64_t row, const Segment& segment) {
      const std::size_t at = row * width + (segment.begin - begin), n = segment.end - segment.begin;
      std::transform(y + at, y + at + n, y + at, std::negate<>());
      const std::span<const T> row_y(&y[at], n);
      if constexpr (std::is_same_v<T, double>) {
        if (pairs) {
          std::transform(g + at, g + at + n, minus_theta + at, std::negate<>());
          return to.add(PairSpan{{&g[at + width], n}, {&minus_theta[at], n}}, row_y);
        }
      }
      to.add(std::span<const T>(&g[at], n), row_y);
    };
    const std::vector<Segment> parts = segments(begin, begin + width);
    std::vector<char> bad(good, 0);
    if (good >= 8) {
      parallel_for(good, [&](std::size_t row) {
        try {
          for (const Segment& part : parts) add(grams[row * group_count + part.group], row, part);
        } catch (const NonFiniteError&) {
          bad[row] = 1;
        }
      });
    } else {
      std::vector<Gram> sums(good * parts.size());
      std::vector<char> bad_part(sums.size(), 0);
      parallel_for(sums.size(), [&](std::size_t i) {
        try {
          add(sums[i], i / parts.size(), parts[i % parts.size()]);
        } catch (const NonFiniteError&) {
          bad_part[i] = 1;
        }
      });
      for (std::size_t i = 0; i < sums.size(); ++i) {
        const std::size_t row = i / parts.size();
        bad[row] = static_cast<char>(bad[row] | bad_part[i]);
        grams[row * group_count + parts[i % parts.size()].group].merge(sums[i]);
      }
    }

    const auto first_bad = static_cast<std::uint64_t>(std::ranges::find(bad, 1) - bad.begin());
    if (first_bad == good) continue;
    good = first_bad;
    constexpr const char* rule = "every value must be finite";
    for (std::uint64_t i = 0; i < width; ++i) {
      const std::size_t at = good * width + i;
      const std::uint64_t row = first + good, column = begin + i;
      if (!std::isfinite(g[at])) {
        message = defect(source, row, column, g[at], rule);
      } else if (pairs && !std::isfinite(g[at + width])) {
        message = defect(source, row + 1, column, g[at + width], rule);
      } else if (!std::isfinite(y[at])) {
        message = defect(*gradient, row, column, -y[at], rule);
      } else {
        continue;
      }
      break;
    }
  }
  return good;
}

std::uint64_t RunReader::Impl::serialised_grams(std::uint64_t first, std::uint64_t count,
                                                std::vector<Gram>& grams, std::string& message) const {
  const std::size_t group_count = info.groups.size();
  std::vector<std::byte> bytes(count * group_count * Gram::serialised_size);
  gram->read(first, count, 0, group_count, gram->type(), bytes.data());
  std::vector<std::string> defects(grams.size());
  parallel_for(count * group_count, [&](std::size_t i) {
    try {
      grams[i] =
          Gram::deserialise(std::span(bytes).subspan(i * Gram::serialised_size, Gram::serialised_size));
      const std::uint64_t size = info.groups[i % group_count].size, dimension = grams[i].dimension();
      if (dimension == 0) defects[i] = "has dimension 0";
      if (size != 0 && dimension != size)
        defects[i] = fmt::format("has dimension {}, not the {} of its group", dimension, size);
    } catch (const InputError& error) {
      defects[i] = error.what();
    }
  });
  for (std::size_t i = 0; i < count * group_count; ++i) {
    if (defects[i].empty()) continue;
    message = info.path + ": " + gram->element(first + i / group_count, i % group_count) + ": " + defects[i];
    return i / group_count;
  }
  return count;
}

void RunReader::Impl::steps(std::uint64_t first, std::uint64_t count, Buffers& buffers,
                            const std::function<void(const RunStep&)>& sink) const {
  std::string message;
  std::uint64_t good = count;
  std::vector<double> radii, rates;
  if (radius) {
    radii.resize(good);
    good = values(
        *radius, first, good, radii.data(), [](double r) { return r >= 0 && std::isfinite(r); },
        "a radius must be finite and not negative", message);
  }
  if (learning_rate && good > 0) {
    rates.resize(good);
    good = values(
        *learning_rate, first, good, rates.data(), [](double e) { return e >= 0 && std::isfinite(e); },
        "a learning rate must be finite and not negative", message);
  }
  const std::size_t group_count = info.groups.size();
  std::vector<Gram> grams(good * group_count);
  if (good > 0) {
    good = gram     ? serialised_grams(first, good, grams, message)
           : single ? vector_grams<float>(first, good, grams, message, buffers)
                    : vector_grams<double>(first, good, grams, message, buffers);
  }
  RunStep step;
  for (std::uint64_t i = 0; i < good; ++i) {
    step.index = first + i;
    const auto begin = grams.begin() + static_cast<std::ptrdiff_t>(i * group_count);
    step.grams.assign(begin, begin + static_cast<std::ptrdiff_t>(group_count));
    if (radius) step.radius = radii[i];
    if (learning_rate) step.learning_rate = rates[i];
    sink(step);
  }
  if (good < count) throw BadStep{message, first + good};
}

RunReader::RunReader(const std::string& path) : impl_(std::make_unique<Impl>(path)) {}
RunReader::RunReader(RunReader&&) noexcept = default;
RunReader& RunReader::operator=(RunReader&&) noexcept = default;
RunReader::~RunReader() = default;

namespace {

/// What the object holds, unless it was moved from.
template <class Impl>
Impl& alive(const std::unique_ptr<Impl>& impl, const char* what) {
  if (!impl) throw ContractError(fmt::format("{}: this object was moved from", what));
  return *impl;
}

void check_range(std::uint64_t first, std::uint64_t last, std::uint64_t size, const char* what) {
  if (first > last || last > size)
    throw ContractError(fmt::format("{} {} to {} were asked for; the run has {}", what, first, last, size));
}

}  // namespace

const RunInfo& RunReader::info() const {
  return alive(impl_, "info").info;
}

std::vector<double> RunReader::losses(std::uint64_t first, std::uint64_t last) const {
  const Impl& run = alive(impl_, "losses");
  check_range(first, last, run.info.losses, "losses");
  std::vector<double> result;  // grows as values come: a file can promise more than there is
  constexpr std::uint64_t block = std::uint64_t{1} << 16;
  const auto read = [&](std::uint64_t from, std::uint64_t count) {
    std::vector<double> values(count);
    std::string message;
    const std::uint64_t good = run.values(
        *run.loss, from, count, values.data(), [](double loss) { return std::isfinite(loss); },
        "every loss must be finite", message);
    // The last of K+1 losses is what the last step led to.
    if (good < count) throw BadStep{message, std::min(from + good, run.info.steps - 1)};
    result.insert(result.end(), values.begin(), values.end());
  };
  try {
    for (std::uint64_t from = first; from < last; from += std::min(block, last - from))
      run.by_rows_if_need_be(from, std::min(block, last - from), read);
  } catch (const BadStep& bad) {
    throw RunValueError(bad.message, bad.step, first);
  }
  return result;
}

void RunReader::for_each_step(std::uint64_t first, std::uint64_t last,
                              const std::function<void(const RunStep&)>& sink) const {
  const Impl& run = alive(impl_, "for_each_step");
  check_range(first, last, run.info.steps, "steps");
  const std::uint64_t block = run.plan.rows;
  Buffers buffers;
  try {
    for (std::uint64_t from = first; from < last;) {
      const std::uint64_t count = std::min(last - from, block - from % block);  // ends where chunks end
      run.by_rows_if_need_be(
          from, count, [&](std::uint64_t begin, std::uint64_t n) { run.steps(begin, n, buffers, sink); });
      from += count;
    }
  } catch (const BadStep& bad) {
    throw RunValueError(bad.message, bad.step, first);
  }
}

// ---------------------------------------------------------------------------------------- writer

namespace {

[[noreturn]] void refuse_output(const std::string& path, const std::string& why) {
  throw InputError(path + ": cannot be written: " + why);
}

void check_text(const char* field, const std::string& text) {
  if (const std::string defect = text_defect(text); !defect.empty())
    throw ContractError(fmt::format("{} {}", field, defect));
}

void check_header(const RunHeader& header) {
  if (header.dimension == 0 || header.dimension > Gram::max_dimension)
    throw ContractError(fmt::format("dimension is {}; it must lie in 1 .. 2^63", header.dimension));
  if (header.content != RunContent::updates && header.content != RunContent::parameters &&
      header.content != RunContent::grams)
    throw ContractError(
        fmt::format("content is {}; there is no such RunContent", static_cast<int>(header.content)));
  if (header.rule) check_text("rule", *header.rule);
  if (header.problem) check_text("problem", *header.problem);
  if (header.learning_rate && !(*header.learning_rate >= 0 && std::isfinite(*header.learning_rate)))
    throw ContractError("learning_rate is " + describe(*header.learning_rate) +
                        "; it must be finite and not negative");
  if (header.groups.empty()) return;
  if (header.groups.size() > max_groups)
    throw ContractError(
        fmt::format("groups has {} elements; at most {} are possible", header.groups.size(), max_groups));
  std::uint64_t rest = header.dimension;
  for (std::size_t i = 0; i < header.groups.size(); ++i) {
    const ParameterGroup& group = header.groups[i];
    check_text(fmt::format("groups[{}].name", i).c_str(), group.name);
    if (group.size == 0) throw ContractError(fmt::format("groups[{}] (\"{}\") has size 0", i, group.name));
    if (group.size > rest)
      throw ContractError(fmt::format("groups add up to more than the dimension {} at groups[{}] (\"{}\")",
                                      header.dimension, i, group.name));
    rest -= group.size;
  }
  if (rest != 0)
    throw ContractError(fmt::format("groups add up to {}, but the dimension is {}", header.dimension - rest,
                                    header.dimension));
}

}  // namespace

namespace {

constexpr std::uint64_t block_bytes = std::uint64_t{1} << 16;       // of whole rows
constexpr std::uint64_t chunk_bytes_most = std::uint64_t{1} << 20;  // of a longer row
constexpr std::uint64_t scalar_chunk = 1024;

/// A dataset that grows by rows, which wait in a buffer.
struct Rows {
  Handle dataset, type;      // of an element in memory
  std::vector<hsize_t> row;  // its shape: empty for a number
  std::uint64_t on_disk = 0;
  std::vector<std::byte> buffer;

  std::uint64_t row_bytes() const {
    return std::accumulate(row.begin(), row.end(), static_cast<std::uint64_t>(H5Tget_size(type.get())),
                           std::multiplies<>());
  }
  void add(std::span<const std::byte> bytes) { buffer.insert(buffer.end(), bytes.begin(), bytes.end()); }
  void add(std::span<const double> values) { add(std::as_bytes(values)); }
  void add(double value) { add(std::span<const double>(&value, 1)); }
};

}  // namespace

struct RunWriter::Impl {
  Impl(const std::string& path, const RunHeader& header);
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  ~Impl() { close(); }

  [[noreturn]] void failed(const char* what) const {
    if (output->error != 0) refuse_output(path, std::strerror(output->error));
    refuse_output(path, fmt::format("{} ({})", what, hdf5::last_error()));
  }
  Handle checked(Handle handle, const char* what) const {
    if (!handle || output->error != 0) failed(what);
    return handle;
  }
  void check(herr_t status, const char* what) const {
    if (status < 0 || output->error != 0) failed(what);
  }
  void write_header();
  void write_attribute(const char* name, const std::string& value);
  void write_attribute(const char* name, std::int64_t value);
  /// An extendible dataset with no rows yet.
  Rows create_rows(const char* name, hid_t file_type, hid_t memory_type, std::vector<hsize_t> row,
                   std::uint64_t rows_per_chunk);
  /// Appends to a dataset what waits in its buffer.
  void flush(Rows& rows);
  void flush();
  /// @throws ContractError, NonFiniteError for what does not fit the header
  void check_step(const char* what, bool of_grams, double loss, const std::optional<double>& radius) const;
  void end_step(double loss, const std::optional<double>& radius);
  /// Closes what HDF5 has open; false if that fails, or if something was not written before.
  bool close() noexcept;

  [[nodiscard]] const char* vectors_name() const {
    return header.content == RunContent::parameters ? "theta" : "update";
  }

  std::string path;
  RunHeader header;
  std::optional<NewFile> place;  // none once the file is finished
  std::shared_ptr<hdf5::Output> output = std::make_shared<hdf5::Output>();
  Handle file;
  std::optional<Rows> vectors, gradients, grams, radii;
  Rows losses;
  std::uint64_t steps = 0, steps_per_block = 1;
};

RunWriter::Impl::Impl(const std::string& run_path, const RunHeader& run_header)
    : path(run_path), header(run_header) {
  check_header(header);
  const Session session;
  output->descriptor = place.emplace(path).descriptor();
  try {
    const Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
    hdf5::Output* const info = output.get();
    check(H5Pset_driver(access.get(), hdf5::driver::id(), &info), "the file cannot be created");
    file = checked(
        Handle(H5Fcreate(place->temporary().c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, access.get()), H5Fclose),
        "the file cannot be created");
    const auto rows = [&](const char* name, hid_t file_type, hid_t memory_type, hsize_t columns) {
      steps_per_block = std::max<std::uint64_t>(1, block_bytes / H5Tget_size(memory_type) / columns);
      return create_rows(name, file_type, memory_type, {columns}, steps_per_block);
    };
    if (header.content == RunContent::grams) {
      const Handle type(H5Tcreate(H5T_OPAQUE, Gram::serialised_size), H5Tclose);
      grams = rows("gram", type.get(), type.get(), std::max<std::size_t>(1, header.groups.size()));
    } else {
      vectors = rows(vectors_name(), H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, header.dimension);
      gradients = rows("gradient", H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, header.dimension);
    }
    losses = create_rows("loss", H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, {}, scalar_chunk);
    if (header.radius) radii = create_rows("radius", H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, {}, scalar_chunk);
    write_header();
  } catch (...) {
    close();
    throw;
  }
}

void RunWriter::Impl::write_header() {
  write_attribute("format", std::string(format_name));
  write_attribute("version", format_version);
  if (header.rule) write_attribute("rule", *header.rule);
  if (header.problem) write_attribute("problem", *header.problem);
  if (header.seed) write_attribute("seed", *header.seed);

  const Handle creation(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
  H5Pset_obj_track_times(creation.get(), false);
  const auto write = [&](const char* name, hid_t file_type, hid_t memory, const Handle& space,
                         const void* data) {
    const Handle dataset = checked(
        Handle(H5Dcreate2(file.get(), name, file_type, space.get(), H5P_DEFAULT, creation.get(), H5P_DEFAULT),
               H5Dclose),
        name);
    check(H5Dwrite(dataset.get(), memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, data), name);
  };
  if (header.learning_rate)
    write("learning_rate", H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, Handle(H5Screate(H5S_SCALAR), H5Sclose),
          &*header.learning_rate);
  if (header.groups.empty()) return;
  const Handle group_creation(H5Pcreate(H5P_GROUP_CREATE), H5Pclose);
  H5Pset_obj_track_times(group_creation.get(), false);
  const Handle group = checked(
      Handle(H5Gcreate2(file.get(), "groups", H5P_DEFAULT, group_creation.get(), H5P_DEFAULT), H5Gclose),
      "groups");
  std::vector<const char*> names;
  std::vector<std::uint64_t> sizes;
  for (const ParameterGroup& parameters : header.groups) {
    names.push_back(parameters.name.c_str());
    sizes.push_back(parameters.size);
  }
  const hsize_t count = names.size();
  const Handle space(H5Screate_simple(1, &count, nullptr), H5Sclose);
  const Handle text(H5Tcopy(H5T_C_S1), H5Tclose);
  H5Tset_size(text.get(), H5T_VARIABLE);
  H5Tset_cset(text.get(), H5T_CSET_UTF8);
  write("groups/name", text.get(), text.get(), space, names.data());
  write("groups/size", H5T_STD_U64LE, H5T_NATIVE_UINT64, space, sizes.data());
}

void RunWriter::Impl::write_attribute(const char* name, const std::string& value) {
  const Handle type(H5Tcopy(H5T_C_S1), H5Tclose);
  H5Tset_size(type.get(), H5T_VARIABLE);
  H5Tset_cset(type.get(), H5T_CSET_UTF8);
  const Handle space(H5Screate(H5S_SCALAR), H5Sclose);
  const Handle attribute = checked(
      Handle(H5Acreate2(file.get(), name, type.get(), space.get(), H5P_DEFAULT, H5P_DEFAULT), H5Aclose),
      name);
  const char* text = value.c_str();
  check(H5Awrite(attribute.get(), type.get(), &text), name);
}

void RunWriter::Impl::write_attribute(const char* name, std::int64_t value) {
  const Handle space(H5Screate(H5S_SCALAR), H5Sclose);
  const Handle attribute = checked(
      Handle(H5Acreate2(file.get(), name, H5T_STD_I64LE, space.get(), H5P_DEFAULT, H5P_DEFAULT), H5Aclose),
      name);
  check(H5Awrite(attribute.get(), H5T_NATIVE_INT64, &value), name);
}

Rows RunWriter::Impl::create_rows(const char* name, hid_t file_type, hid_t memory_type,
                                  std::vector<hsize_t> row, std::uint64_t rows_per_chunk) {
  Rows rows{{}, Handle(H5Tcopy(memory_type), H5Tclose), std::move(row), 0, {}};
  std::vector<hsize_t> dims = {0}, most = {H5S_UNLIMITED}, chunk = {rows_per_chunk};
  for (const hsize_t columns : rows.row) {
    const std::uint64_t pieces = (columns - 1) / (chunk_bytes_most / H5Tget_size(memory_type)) + 1;
    dims.push_back(columns);
    most.push_back(columns);
    chunk.push_back((columns - 1) / pieces + 1);
  }
  const int rank = static_cast<int>(dims.size());
  const Handle space(H5Screate_simple(rank, dims.data(), most.data()), H5Sclose);
  const Handle creation(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
  H5Pset_chunk(creation.get(), rank, chunk.data());
  H5Pset_obj_track_times(creation.get(), false);  // the same run gives the same bytes
  const std::vector<std::byte> zero(H5Tget_size(memory_type));
  H5Pset_fill_value(creation.get(), memory_type, zero.data());  // no stray memory in the last chunk
  rows.dataset = checked(
      Handle(H5Dcreate2(file.get(), name, file_type, space.get(), H5P_DEFAULT, creation.get(), H5P_DEFAULT),
             H5Dclose),
      name);
  return rows;
}

void RunWriter::Impl::flush(Rows& rows) {
  const std::uint64_t added = rows.buffer.size() / rows.row_bytes();
  if (added == 0) return;
  std::vector<hsize_t> count = {added}, extent = {rows.on_disk + added}, offset = {rows.on_disk};
  for (const hsize_t columns : rows.row) {
    count.push_back(columns);
    extent.push_back(columns);
    offset.push_back(0);
  }
  const Handle memory(H5Screate_simple(static_cast<int>(count.size()), count.data(), nullptr), H5Sclose);
  check(H5Dset_extent(rows.dataset.get(), extent.data()), "a dataset cannot grow");
  const Handle space = checked(Handle(H5Dget_space(rows.dataset.get()), H5Sclose), "a dataset cannot grow");
  check(H5Sselect_hyperslab(space.get(), H5S_SELECT_SET, offset.data(), nullptr, count.data(), nullptr),
        "a dataset cannot grow");
  check(H5Dwrite(rows.dataset.get(), rows.type.get(), memory.get(), space.get(), H5P_DEFAULT,
                 rows.buffer.data()),
        "the data cannot be stored");
  rows.on_disk += added;
  rows.buffer.clear();
}

void RunWriter::Impl::flush() {
  const Session session;
  for (std::optional<Rows>* rows : {&vectors, &gradients, &grams, &radii})
    if (*rows) flush(**rows);
  flush(losses);
}

bool RunWriter::Impl::close() noexcept {
  bool closed = losses.dataset.close();
  for (std::optional<Rows>* rows : {&vectors, &gradients, &grams, &radii})
    if (*rows) closed = (*rows)->dataset.close() && closed;
  closed = file.close() && closed;
  output->descriptor = -1;
  if (closed) return output->error == 0;
  if (output->error == 0) output->error = EIO;
  new (std::nothrow) std::shared_ptr<hdf5::Output>(output);  // HDF5 may still use it, to no effect
  return false;
}

RunWriter::RunWriter(const std::string& path, const RunHeader& header)
    : impl_(std::make_unique<Impl>(path, header)) {}
RunWriter::RunWriter(RunWriter&&) noexcept = default;
RunWriter& RunWriter::operator=(RunWriter&&) noexcept = default;
RunWriter::~RunWriter() = default;

namespace {

void check_finite_values(const char* name, std::uint64_t dimension, std::span<const double> values) {
  if (values.size() != dimension)
    throw ContractError(
        fmt::format("{} has {} elements; the dimension is {}", name, values.size(), dimension));
  for (std::size_t i = 0; i < values.size(); ++i)
    if (!std::isfinite(values[i])) throw NonFiniteError(name, i, values[i]);
}

}  // namespace

void RunWriter::Impl::check_step(const char* what, bool of_grams, double loss,
                                 const std::optional<double>& radius) const {
  if (!place) throw ContractError(fmt::format("{}: the run file is finished", what));
  if (of_grams != (header.content == RunContent::grams))
    throw ContractError(fmt::format("{}: the header promises {}", what, of_grams ? "vectors" : "Grams"));
  if (!std::isfinite(loss)) throw NonFiniteError("loss", steps, loss);
  if (radius.has_value() != header.radius)
    throw ContractError(fmt::format("{}: the header promises {} radius", what, header.radius ? "a" : "no"));
  if (radius && !(*radius >= 0 && std::isfinite(*radius)))
    throw ContractError("radius is " + describe(*radius) + "; it must be finite and not negative");
}

void RunWriter::Impl::end_step(double loss, const std::optional<double>& radius) {
  losses.add(loss);
  if (radius) radii->add(*radius);
  if (++steps % steps_per_block == 0) flush();
}

void RunWriter::append(double loss, std::span<const double> gradient, std::span<const double> update_or_theta,
                       std::optional<double> radius) {
  Impl& run = alive(impl_, "append");
  run.check_step("append", false, loss, radius);
  check_finite_values("gradient", run.header.dimension, gradient);
  check_finite_values(run.vectors_name(), run.header.dimension, update_or_theta);
  run.gradients->add(gradient);
  run.vectors->add(update_or_theta);
  run.end_step(loss, radius);
}

void RunWriter::append(double loss, std::span<const Gram> grams, std::optional<double> radius) {
  Impl& run = alive(impl_, "append");
  run.check_step("append", true, loss, radius);
  const auto& groups = run.header.groups;
  if (const std::size_t count = std::max<std::size_t>(1, groups.size()); grams.size() != count)
    throw ContractError(
        fmt::format("grams has {} elements; {} (one for each group) are needed", grams.size(), count));
  for (std::size_t i = 0; i < grams.size(); ++i)
    if (const std::uint64_t size = groups.empty() ? run.header.dimension : groups[i].size;
        grams[i].dimension() != size)
      throw ContractError(
          fmt::format("grams[{}] has dimension {}, not the {} of its group", i, grams[i].dimension(), size));
  for (const Gram& gram : grams) run.grams->add(gram.serialise());
  run.end_step(loss, radius);
}

void RunWriter::finish(double final_loss, std::span<const double> final_theta) {
  Impl& run = alive(impl_, "finish");
  if (!run.place) throw ContractError("finish: the run file is finished");
  if (run.steps == 0) throw ContractError("finish: no step was appended");
  if (!std::isfinite(final_loss)) throw NonFiniteError("loss", run.steps, final_loss);
  if (run.header.content == RunContent::parameters) {
    check_finite_values("final_theta", run.header.dimension, final_theta);
    run.vectors->add(final_theta);
  } else if (!final_theta.empty()) {
    throw ContractError("finish: final_theta goes with RunContent::parameters only");
  }
  run.losses.add(final_loss);
  const Session session;
  run.flush();
  run.check(H5Fflush(run.file.get(), H5F_SCOPE_GLOBAL), "the file cannot be flushed");
  if (!run.close()) run.failed("the file cannot be closed");
  run.place->commit();
  run.place.reset();
}

// -------------------------------------------------------------------------------------- recorder

namespace {

template <class Entry>
std::string known_names(const std::vector<Entry>& entries) {
  std::string names;
  for (const Entry& entry : entries) names += (names.empty() ? "" : ", ") + entry.name;
  return names;
}

[[noreturn]] void refuse_divergence(const RecordOptions& options, std::uint64_t step,
                                    const std::string& what) {
  throw ContractError(
      fmt::format("{} diverged at step {}: {}; a smaller learning rate may help", options.rule, step, what));
}

void check_finite(const RecordOptions& options, std::uint64_t step, const char* name,
                  std::span<const double> values) {
  for (std::size_t i = 0; i < values.size(); ++i)
    if (!std::isfinite(values[i]))
      refuse_divergence(options, step, fmt::format("{}[{}] is {}", name, i, describe(values[i])));
}

}  // namespace

RecordSummary record(const RecordOptions& options, const std::string& path, const RuleSet& rules,
                     const ProblemSet& problems) {
  const FloatScope float_scope;
  const RuleEntry* rule_entry = rules.find(options.rule);
  if (rule_entry == nullptr)
    throw ContractError(
        fmt::format("unknown rule \"{}\"; known: {}", options.rule, known_names(rules.entries())));
  const std::string problem_name = options.problem.value_or(rule_entry->default_problem);
  const ProblemEntry* problem_entry = problems.find(problem_name);
  if (problem_entry == nullptr)
    throw ContractError(
        fmt::format("unknown problem \"{}\"; known: {}", problem_name, known_names(problems.entries())));
  if (options.steps == 0) throw ContractError("steps is 0; at least one is needed");
  const double learning_rate = options.learning_rate.value_or(rule_entry->default_learning_rate);
  if (!(std::isfinite(learning_rate) && learning_rate > 0))
    throw ContractError("learning_rate is " + describe(learning_rate) + "; it must be finite and > 0");
  if (options.seed >> 63 != 0)
    throw ContractError(fmt::format("seed is {}; it must be below 2^63", options.seed));

  const std::unique_ptr<Problem> problem = problem_entry->make(options.seed);
  const Rule rule = rule_entry->make();
  if (!problem) throw ContractError(fmt::format("problem \"{}\": make() returned none", problem_name));
  if (!rule) throw ContractError(fmt::format("rule \"{}\": make() returned none", options.rule));
  RunHeader header;
  header.rule = options.rule;
  header.problem = problem_name;
  header.seed = static_cast<std::int64_t>(options.seed);
  header.learning_rate = learning_rate;
  header.dimension = problem->dimension();
  header.groups = problem->groups();
  RunWriter writer(path, header);

  std::vector<double> theta(problem->dimension()), gradient(theta.size()), update(theta.size());
  problem->initial_parameters(theta);
  double loss = problem->loss_and_gradient(theta, gradient);
  const auto check_point = [&](std::uint64_t step) {
    check_finite(options, step, "theta", theta);
    if (!std::isfinite(loss)) refuse_divergence(options, step, "the loss is " + describe(loss));
    check_finite(options, step, "gradient", gradient);
  };
  check_point(0);

  RecordSummary summary{options.rule, problem_name, 0, header.dimension, learning_rate, loss, loss, false};
  const std::uint64_t progress_stride = std::max<std::uint64_t>(1, options.steps / 1000);
  for (std::uint64_t step = 0; step < options.steps && !summary.stopped_early; ++step) {
    rule(RuleInput{step, learning_rate, theta, gradient, *problem}, update);
    check_finite(options, step, "update", update);
    writer.append(loss, gradient, update);
    for (std::size_t i = 0; i < theta.size(); ++i) theta[i] += update[i];
    loss = problem->loss_and_gradient(theta, gradient);
    check_point(step);
    summary.steps = step + 1;
    summary.last_loss = loss;
    summary.stopped_early = problem->stop_ratio() > 0 && loss < problem->stop_ratio() * summary.first_loss;
    if (options.progress && (summary.steps % progress_stride == 0 || summary.stopped_early))
      options.progress(summary.steps, options.steps, loss);
  }
  writer.finish(loss);
  return summary;
}

}  // namespace natgrad
