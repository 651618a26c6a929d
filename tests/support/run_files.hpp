// natgrad: run files for tests, written and read with plain HDF5 calls, and by make_runs.py with h5py.
#ifndef NATGRAD_TESTS_SUPPORT_RUN_FILES_HPP
#define NATGRAD_TESTS_SUPPORT_RUN_FILES_HPP

#include <dlfcn.h>
#include <hdf5.h>
#include <stdlib.h>
#include <sys/wait.h>

#include <boost/multiprecision/cpp_int.hpp>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <vector>

#include "natgrad/gram.hpp"

namespace natgrad::test {

using boost::multiprecision::cpp_int;

/// A directory of its own, removed at the end.
class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string pattern = (std::filesystem::temp_directory_path() / "natgrad-test-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary directory");
    path_ = pattern;
  }
  ~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  std::string operator/(const std::string& name) const { return (path_ / name).string(); }
  const std::filesystem::path& path() const { return path_; }
  /// Names of everything in it, hidden files too.
  std::vector<std::string> names() const {
    std::vector<std::string> result;
    for (const auto& entry : std::filesystem::directory_iterator(path_))
      result.push_back(entry.path().filename());
    return result;
  }

 private:
  std::filesystem::path path_;
};

inline std::vector<char> file_bytes(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// Writes a run file with plain HDF5 calls, so that it may hold what the recorder refuses.
class RawRun {
 public:
  explicit RawRun(const std::string& path)
      : file_(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT)) {
    const hid_t type = H5Tcopy(H5T_C_S1), scalar = H5Screate(H5S_SCALAR);
    H5Tset_size(type, 11);
    H5Tset_strpad(type, H5T_STR_NULLPAD);
    const hid_t format = H5Acreate2(file_, "format", type, scalar, H5P_DEFAULT, H5P_DEFAULT);
    H5Awrite(format, type, "natgrad-run");
    H5Aclose(format);
    const std::int64_t one = 1;
    const hid_t version = H5Acreate2(file_, "version", H5T_STD_I64LE, scalar, H5P_DEFAULT, H5P_DEFAULT);
    H5Awrite(version, H5T_NATIVE_INT64, &one);
    H5Aclose(version);
    H5Sclose(scalar);
    H5Tclose(type);
  }
  ~RawRun() { H5Fclose(file_); }
  RawRun(const RawRun&) = delete;
  RawRun& operator=(const RawRun&) = delete;

  /// A dataset of doubles, stored as `type`. `chunk` empty: contiguous.
  RawRun& put(const char* name, const std::vector<hsize_t>& dims, const std::vector<double>& values,
              hid_t type = H5T_IEEE_F64LE, const std::vector<hsize_t>& chunk = {}) {
    return put(name, dims, values.data(), H5T_NATIVE_DOUBLE, type, chunk);
  }
  RawRun& groups(const std::vector<std::uint64_t>& sizes) {
    std::string names;
    for (std::size_t i = 0; i < sizes.size(); ++i) names += static_cast<char>('a' + i);
    const hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, 1);
    H5Tset_strpad(type, H5T_STR_NULLPAD);
    const hid_t group = H5Gcreate2(file_, "groups", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    put("groups/name", {sizes.size()}, names.data(), type, type, {});
    put("groups/size", {sizes.size()}, sizes.data(), H5T_NATIVE_UINT64, H5T_STD_U64LE, {});
    H5Gclose(group);
    H5Tclose(type);
    return *this;
  }

 private:
  RawRun& put(const char* name, const std::vector<hsize_t>& dims, const void* values, hid_t memory,
              hid_t type, const std::vector<hsize_t>& chunk) {
    const hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
    if (!chunk.empty()) H5Pset_chunk(creation, static_cast<int>(chunk.size()), chunk.data());
    const hid_t space = H5Screate_simple(static_cast<int>(dims.size()), dims.data(), nullptr);
    const hid_t dataset = H5Dcreate2(file_, name, type, space, H5P_DEFAULT, creation, H5P_DEFAULT);
    if (H5Dwrite(dataset, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) < 0)
      throw std::runtime_error(std::string("cannot write ") + name);
    H5Dclose(dataset);
    H5Sclose(space);
    H5Pclose(creation);
    return *this;
  }

  hid_t file_;
};

/// All values of a dataset, as doubles.
inline std::vector<double> read_dataset(const std::string& path, const char* name) {
  const hid_t file = H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
  const hid_t dataset = H5Dopen2(file, name, H5P_DEFAULT), space = H5Dget_space(dataset);
  std::vector<double> values(static_cast<std::size_t>(H5Sget_simple_extent_npoints(space)));
  const herr_t status = H5Dread(dataset, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data());
  H5Sclose(space);
  H5Dclose(dataset);
  H5Fclose(file);
  if (status < 0) throw std::runtime_error(std::string("cannot read ") + name);
  return values;
}

/// What make_runs.py says: 0 done, 77 no h5py, else failed.
inline int make_runs(const std::string& directory, const std::string& what) {
  int code = 77;
  for (const char* python : {"/usr/bin/python3", "python3"}) {
    const std::string command = std::string(python) + " " + NATGRAD_TEST_DATA + "/support/make_runs.py " +
                                directory + " " + what + " >" + directory + "/log 2>&1";
    const int status = std::system(command.c_str());
    const int got = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    if (got == 0) return 0;
    if (got != 77 && got != 127) code = got;
  }
  return code;
}

/// The integer of an exact sum, in units of 2^-2148.
inline cpp_int integer(const ExactSum& sum) {
  cpp_int value;
  for (std::size_t i = ExactSum::word_count; i-- > 0;) value = (value << 64) + sum.words()[i];
  if (sum.words().back() >> 63 != 0) value -= cpp_int(1) << (64 * ExactSum::word_count);
  return value;
}

/// A finite double as an integer in units of 2^-1074.
inline cpp_int integer(double x) {
  std::uint64_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  const unsigned exponent = static_cast<unsigned>(bits >> 52) & 0x7ff;
  const std::uint64_t fraction = bits & 0xfffffffffffff;
  cpp_int value = exponent == 0 ? fraction : fraction | std::uint64_t{1} << 52;
  if (exponent > 1) value <<= exponent - 1;
  return bits >> 63 != 0 ? -value : value;
}

/// The sums of a pair over integers in units of 2^-1074: independent of the library's own arithmetic.
struct ExpectedGram {
  cpp_int gg, gy, yy;
  std::uint64_t dimension = 0;

  void add(const cpp_int& g, const cpp_int& y) {
    gg += g * g;
    gy += g * y;
    yy += y * y;
    ++dimension;
  }
  friend bool operator==(const ExpectedGram& expected, const Gram& gram) {
    return expected.dimension == gram.dimension() && expected.gg == integer(gram.gg()) &&
           expected.gy == integer(gram.gy()) && expected.yy == integer(gram.yy());
  }
};

/// Sets the number of OpenMP threads, if the library has OpenMP.
inline bool set_threads(int n) {
  using Set = void (*)(int);
  const auto set = reinterpret_cast<Set>(dlsym(RTLD_DEFAULT, "omp_set_num_threads"));
  if (set != nullptr) set(n);
  return set != nullptr;
}

}  // namespace natgrad::test

#endif
