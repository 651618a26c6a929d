// natgrad: vectors from files: CSV, Armadillo binary, or a dataset of an HDF5 file.
#ifndef NATGRAD_CLI_VECTOR_FILE_HPP
#define NATGRAD_CLI_VECTOR_FILE_HPP

#include <string>
#include <vector>

namespace natgrad::cli {

/// A vector as the command line names it, every element finite.
struct NamedVector {
  std::string name;  ///< for messages: the argument, or "standard input"
  std::vector<double> values;
};

/// Reads `argument`, which is
///  - a file (or - for standard input) of decimal or C hexadecimal numbers, one a line or one row with
///    commas; blank lines are skipped; each number becomes the nearest double,
///  - an Armadillo binary file (ARMA_MAT_BIN_FN008 or FN004) of one row or one column,
///  - FILE:/DATASET, a float16, float32 or float64 dataset of an HDF5 file with one dimension, row or column.
/// A file of the whole name comes before that last form; what a file holds is decided by its content.
/// A number that is not zero but rounds to zero is reported on standard error.
/// Memory is taken for what the file holds, never for what its header declares.
/// @throws InputError naming the file, the place and what is wrong
NamedVector read_vector(const std::string& argument);

/// Whether read_vector would use the HDF5 library, on which see run_apart.
bool names_dataset(const std::string& argument);

/// read_vector of each, all of the same length.
/// @throws UsageError if more than one is -, InputError naming both files and lengths
std::vector<NamedVector> read_vectors(const std::vector<std::string>& arguments);

/// The dataset of an HDF5 file, not yet checked to be finite; messages begin with `name`.
std::vector<double> read_hdf5(const std::string& name, const std::string& file, const std::string& dataset);

}  // namespace natgrad::cli

#endif
