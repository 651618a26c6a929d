// natgrad: a vector or a matrix from a dataset of an HDF5 file.
#include <fcntl.h>
#include <fmt/format.h>
#include <hdf5.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <limits>
#include <utility>

#include "apart.hpp"
#include "array_file.hpp"
#include "natgrad/error.hpp"
#include "numbers.hpp"

namespace natgrad::cli {
namespace {

/// Owner of an HDF5 identifier.
class Handle {
 public:
  Handle(hid_t id, herr_t (*close)(hid_t)) : id_(id), close_(close) {}
  Handle(Handle&& other) noexcept : id_(std::exchange(other.id_, -1)), close_(other.close_) {}
  Handle& operator=(Handle&&) = delete;
  ~Handle() {
    if (id_ >= 0) close_(id_);
  }
  operator hid_t() const noexcept { return id_; }

 private:
  hid_t id_;
  herr_t (*close_)(hid_t);
};

/// HDF5's own words for what went wrong last, the innermost first.
std::string hdf5_reason() {
  std::string reason;
  H5Ewalk2(
      H5E_DEFAULT, H5E_WALK_UPWARD,
      [](unsigned n, const H5E_error2_t* error, void* to) -> herr_t {
        if (n == 0 && error->desc != nullptr) *static_cast<std::string*>(to) = error->desc;
        return 0;
      },
      &reason);
  return reason.empty() ? "unknown error" : reason;
}

/// The first names in a file's root, for a message.
std::string root_names(hid_t file) {
  std::string names;
  H5Literate(
      file, H5_INDEX_NAME, H5_ITER_INC, nullptr,
      [](hid_t, const char* name, const H5L_info_t*, void* to) -> herr_t {
        auto& list = *static_cast<std::string*>(to);
        if (list.size() > 200) {
          list += ", …";
          return 1;
        }
        list += (list.empty() ? "/" : ", /") + std::string(name);
        return 0;
      },
      &names);
  return names.empty() ? "nothing" : names;
}

Handle float16(bool big_endian) {
  Handle type(H5Tcopy(big_endian ? H5T_IEEE_F32BE : H5T_IEEE_F32LE), H5Tclose);
  H5Tset_fields(type, 15, 10, 5, 0, 10);
  H5Tset_size(type, 2);
  H5Tset_ebias(type, 15);
  return type;
}

bool is_float(hid_t type) {
  for (const hid_t known : {H5T_IEEE_F64LE, H5T_IEEE_F64BE, H5T_IEEE_F32LE, H5T_IEEE_F32BE})
    if (H5Tequal(type, known) > 0) return true;
  return H5Tequal(type, float16(false)) > 0 || H5Tequal(type, float16(true)) > 0;
}

/// Following a link to another file is refused: an array is in the file that was named.
herr_t refuse_external(const char*, const char*, const char*, const char*, unsigned*, hid_t, void* seen) {
  *static_cast<bool*>(seen) = true;
  return -1;
}

}  // namespace

Array read_hdf5(const std::string& name, const std::string& file_name, const std::string& dataset,
                Form form) {
  const auto fail = [&](const std::string& what) { throw InputError(name + ": " + what); };
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);  // reasons go into our messages

  // Opened once by ourselves for the system's reason; without waiting should it be a pipe.
  const int descriptor = ::open(file_name.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (descriptor < 0) fail(fmt::format("{} cannot be opened: {}", file_name, std::strerror(errno)));
  struct stat status {};
  const bool known = ::fstat(descriptor, &status) == 0;
  ::close(descriptor);
  if (known && S_ISDIR(status.st_mode)) fail(file_name + " is a directory");
  if (!known || !S_ISREG(status.st_mode)) fail(file_name + " is not a regular file");
  Reading reading(file_name);
  const InHdf5 inside;
  if (H5Fis_hdf5(file_name.c_str()) <= 0) fail(file_name + " is not an HDF5 file");

  const Handle file(H5Fopen(file_name.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT), H5Fclose);
  if (file < 0)
    fail(fmt::format("{} is damaged, truncated or in use as an HDF5 file: {}", file_name, hdf5_reason()));

  bool external = false;
  const Handle access(H5Pcreate(H5P_DATASET_ACCESS), H5Pclose);
  H5Pset_elink_cb(access, refuse_external, &external);
  const Handle data(H5Dopen2(file, dataset.c_str(), access), H5Dclose);
  if (data < 0) {
    const std::string reason = hdf5_reason();
    if (external) fail("is a link to another file; name that file");
    external = false;
    const Handle link_access(H5Pcreate(H5P_LINK_ACCESS), H5Pclose);
    H5Pset_elink_cb(link_access, refuse_external, &external);
    const Handle object(H5Oopen(file, dataset.c_str(), link_access), H5Oclose);
    if (object >= 0 && H5Iget_type(object) != H5I_DATASET) fail("is a group or a type, not a dataset");
    if (object >= 0 || H5Lexists(file, dataset.c_str(), H5P_DEFAULT) > 0)
      fail("is damaged or a link to nothing: " + reason);
    fail(fmt::format("there is no dataset {}; {} holds {}", dataset, file_name, root_names(file)));
  }

  const Handle type(H5Dget_type(data), H5Tclose);
  if (!is_float(type))
    fail(fmt::format("holds elements of {} bytes that are not float16, float32 or float64",
                     static_cast<hid_t>(type) < 0 ? 0 : H5Tget_size(type)));

  const Handle space(H5Dget_space(data), H5Sclose);
  const int rank = H5Sget_simple_extent_ndims(space);
  std::array<hsize_t, 2> shape = {1, 1};
  if (H5Sget_simple_extent_type(space) != H5S_SIMPLE || rank < 1 || rank > 2)
    fail(fmt::format("has {} dimensions; {}", rank,
                     form == Form::vector ? "a vector has one" : "a matrix has two"));
  H5Sget_simple_extent_dims(space, shape.data(), nullptr);
  if (shape[0] == 0 || shape[1] == 0) fail("holds no numbers");
  if (form == Form::vector && shape[0] != 1 && shape[1] != 1)
    fail(fmt::format("is a matrix of {} x {}; a vector has one row or one column", shape[0], shape[1]));
  if (shape[0] > std::numeric_limits<hsize_t>::max() / shape[1])
    fail(fmt::format("declares {} x {} elements: too many", shape[0], shape[1]));
  const hsize_t count = shape[0] * shape[1];

  // The declared size is only believed as far as there are bytes for it.
  const Handle creation(H5Dget_create_plist(data), H5Pclose);
  const H5D_layout_t layout = H5Pget_layout(creation);
  if (layout == H5D_VIRTUAL || H5Pget_external_count(creation) > 0)
    fail("keeps its data in another file; name that file");
  const hsize_t stored = H5Dget_storage_size(data);
  if (layout == H5D_CHUNKED) {
    std::array<hsize_t, 2> chunk = {1, 1};
    hsize_t written = 0;
    if (H5Pget_chunk(creation, rank, chunk.data()) != rank || H5Dget_num_chunks(data, space, &written) < 0)
      fail("is damaged: " + hdf5_reason());
    const auto pieces = [](hsize_t n, hsize_t size) { return n / size + (n % size != 0 ? 1 : 0); };
    const hsize_t chunks = pieces(shape[0], chunk[0]) * pieces(shape[1], chunk[1]);
    if (written < chunks)
      fail(
          fmt::format("declares {} elements in {} chunks, but only {} were written", count, chunks, written));
  } else if (stored / H5Tget_size(type) < count) {
    fail(fmt::format("declares {} elements, but {} were written", count, stored / H5Tget_size(type)));
  }
  const long pages = ::sysconf(_SC_PHYS_PAGES), page = ::sysconf(_SC_PAGESIZE);
  const hsize_t memory = pages > 0 && page > 0 ? static_cast<hsize_t>(pages) * static_cast<hsize_t>(page) : 0;
  if (stored > static_cast<hsize_t>(status.st_size) || (memory > 0 && count > memory / sizeof(double)))
    fail(fmt::format("declares {} elements: more than the file or the memory of this machine can hold",
                     count));

  reading.values();
  Array array{shape[0], shape[1], std::vector<double>(count)};
  if (H5Dread(data, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, array.values.data()) < 0)
    fail("cannot be read: " + hdf5_reason());
  return array;
}

}  // namespace natgrad::cli
