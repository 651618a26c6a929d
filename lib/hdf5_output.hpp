// natgrad: an HDF5 file driver on a file descriptor that never reports a failed write to HDF5, which (as of
// 1.10) crashes when it closes a file on a full disk. The writer asks for the error instead. Private to
// run.cpp.
#ifndef NATGRAD_LIB_HDF5_OUTPUT_HPP
#define NATGRAD_LIB_HDF5_OUTPUT_HPP

#include <hdf5.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>

namespace natgrad::hdf5 {

/// What a file is written to. Must outlive the file.
struct Output {
  int descriptor = -1;
  int error = 0;  ///< errno of the first failure; nothing is written after it
};

namespace driver {

struct File : H5FD_t {
  Output* output = nullptr;
  haddr_t end_of_allocation = 0, end_of_file = 0;
};

inline File& self(H5FD_t* file) {
  return *static_cast<File*>(file);
}
inline const File& self(const H5FD_t* file) {
  return *static_cast<const File*>(file);
}

inline H5FD_t* open(const char*, unsigned, hid_t access, haddr_t) {
  const void* info = H5Pget_driver_info(access);
  File* file = info == nullptr ? nullptr : new (std::nothrow) File();
  if (file != nullptr) file->output = *static_cast<Output* const*>(info);
  return file;
}

inline herr_t close(H5FD_t* file) {
  delete &self(file);
  return 0;
}

/// The features of HDF5's own POSIX driver, so that the bytes are laid out alike.
inline herr_t query(const H5FD_t*, unsigned long* features) {
  *features = H5FD_FEAT_AGGREGATE_METADATA | H5FD_FEAT_ACCUMULATE_METADATA | H5FD_FEAT_DATA_SIEVE |
              H5FD_FEAT_AGGREGATE_SMALLDATA | H5FD_FEAT_DEFAULT_VFD_COMPATIBLE;
  return 0;
}

inline haddr_t get_eoa(const H5FD_t* file, H5FD_mem_t) {
  return self(file).end_of_allocation;
}
inline herr_t set_eoa(H5FD_t* file, H5FD_mem_t, haddr_t address) {
  self(file).end_of_allocation = address;
  return 0;
}
inline haddr_t get_eof(const H5FD_t* file, H5FD_mem_t) {
  return self(file).end_of_file;
}

inline herr_t read(H5FD_t* file, H5FD_mem_t, hid_t, haddr_t address, size_t size, void* buffer) {
  Output& output = *self(file).output;
  auto* to = static_cast<char*>(buffer);
  while (size > 0 && output.error == 0) {
    const ssize_t got = ::pread(output.descriptor, to, size, static_cast<off_t>(address));
    if (got == 0) break;
    if (got < 0) {
      if (errno != EINTR) output.error = errno;
      continue;
    }
    to += got;
    address += static_cast<haddr_t>(got);
    size -= static_cast<size_t>(got);
  }
  std::memset(to, 0, size);
  return 0;
}

inline herr_t write(H5FD_t* file, H5FD_mem_t, hid_t, haddr_t address, size_t size, const void* buffer) {
  File& me = self(file);
  const auto* from = static_cast<const char*>(buffer);
  me.end_of_file = std::max(me.end_of_file, address + size);
  while (size > 0 && me.output->error == 0) {
    const ssize_t put = ::pwrite(me.output->descriptor, from, size, static_cast<off_t>(address));
    if (put < 0) {
      if (errno != EINTR) me.output->error = errno;
      continue;
    }
    from += put;
    address += static_cast<haddr_t>(put);
    size -= static_cast<size_t>(put);
  }
  return 0;
}

inline herr_t truncate(H5FD_t* file, hid_t, hbool_t) {
  File& me = self(file);
  if (me.end_of_file == me.end_of_allocation) return 0;
  if (me.output->error == 0 &&
      ::ftruncate(me.output->descriptor, static_cast<off_t>(me.end_of_allocation)) != 0)
    me.output->error = errno;
  me.end_of_file = me.end_of_allocation;
  return 0;
}

/// The driver's identifier. @pre a Session is alive
inline hid_t id() {
  static hid_t registered = H5I_INVALID_HID;
  if (H5Iis_valid(registered) > 0) return registered;
  H5FD_class_t driver{};
#if H5_VERSION_GE(1, 13, 0)
  driver.version = H5FD_CLASS_VERSION;
  driver.value = 600;  // an unregistered number of the user's range
#endif
  driver.name = "natgrad";
  driver.maxaddr = HADDR_MAX >> 1;
  driver.fc_degree = H5F_CLOSE_WEAK;
  driver.fapl_size = sizeof(Output*);
  driver.open = open;
  driver.close = close;
  driver.query = query;
  driver.get_eoa = get_eoa;
  driver.set_eoa = set_eoa;
  driver.get_eof = get_eof;
  driver.read = read;
  driver.write = write;
  driver.truncate = truncate;
  constexpr H5FD_mem_t map[] = H5FD_FLMAP_DICHOTOMY;
  std::copy(std::begin(map), std::end(map), driver.fl_map);
  return registered = H5FDregister(&driver);
}

}  // namespace driver
}  // namespace natgrad::hdf5

#endif
