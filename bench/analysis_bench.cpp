// natgrad: analysing a run file, against reading its data with the HDF5 library. Arguments:
// updates|parameters, K, D.
#include <hdf5.h>
#include <stdlib.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "bench.hpp"
#include "data.hpp"
#include "natgrad/analysis.hpp"
#include "natgrad/run.hpp"

namespace natgrad::bench {
namespace {

/// A folder that is removed with what is in it.
struct Folder {
  std::string path = (std::filesystem::temp_directory_path() / "natgrad-bench-XXXXXX").string();

  Folder() {
    if (::mkdtemp(path.data()) == nullptr) throw std::runtime_error("no temporary folder " + path);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() { std::filesystem::remove_all(path); }
};

void write_run(const std::string& path, RunContent content, std::uint64_t steps, std::size_t n) {
  RunHeader header;
  header.dimension = n;
  header.content = content;
  RunWriter writer(path, header);
  Vector<double> gradient = normal_vector(n, 1), other = normal_vector(n, 2);
  for (std::uint64_t k = 0; k < steps; ++k) {
    writer.append(static_cast<double>(steps - k), gradient, other);
    std::rotate(gradient.begin(), gradient.begin() + 1, gradient.end());
    // Parameters move by small steps, as those of a learning rule do.
    if (content == RunContent::parameters)
      for (std::size_t i = 0; i < n; ++i) other[i] -= 1e-3 * gradient[i];
  }
  if (content == RunContent::parameters)
    writer.finish(0, other);
  else
    writer.finish(0);
}

/// Every row of a dataset into the same buffer, with the dataset opened once.
void read_rows(hid_t file, const char* name, std::span<double> row) {
  const hid_t dataset = H5Dopen2(file, name, H5P_DEFAULT), space = H5Dget_space(dataset);
  hsize_t extent[2] = {0, 0};
  H5Sget_simple_extent_dims(space, extent, nullptr);
  const hsize_t count[2] = {1, extent[1]};
  const hid_t memory = H5Screate_simple(2, count, nullptr);
  for (hsize_t k = 0; k < extent[0]; ++k) {
    const hsize_t start[2] = {k, 0};
    H5Sselect_hyperslab(space, H5S_SELECT_SET, start, nullptr, count, nullptr);
    if (extent[1] != row.size() ||
        H5Dread(dataset, H5T_NATIVE_DOUBLE, memory, space, H5P_DEFAULT, row.data()) < 0)
      throw std::runtime_error(std::string("cannot read ") + name);
  }
  H5Sclose(memory);
  H5Sclose(space);
  H5Dclose(dataset);
}

int run(Program& program) {
  const std::string kind = program.argument(0, "updates");
  const bool parameters = kind == "parameters";
  const std::size_t steps = program.size(1, 20), n = program.size(2, 1'000'000);
  const Folder folder;
  const std::string path = folder.path + "/run.h5";
  write_run(path, parameters ? RunContent::parameters : RunContent::updates, steps, n);

  program.time("analyze", [&] { return analyze(RunReader(path)); });
  std::vector<double> row(n);
  program.time("H5Dread", [&] {
    const hid_t file = H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
    for (const char* name : {"/gradient", parameters ? "/theta" : "/update"}) read_rows(file, name, row);
    H5Fclose(file);
  });
  return program.run();
}

}  // namespace
}  // namespace natgrad::bench

int main(int argc, char** argv) {
  natgrad::bench::Program program(argc, argv);
  return natgrad::bench::run(program);
}
