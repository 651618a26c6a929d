// natgrad: vectors and matrices from files: CSV, Armadillo binary, or a dataset of an HDF5 file.
#ifndef NATGRAD_CLI_ARRAY_FILE_HPP
#define NATGRAD_CLI_ARRAY_FILE_HPP

#include <cstdint>
#include <string>
#include <vector>

namespace natgrad::cli {

enum class Form {
  vector,  ///< one row or one column
  matrix   ///< any rows of equal length
};

/// Numbers of a rectangle, row by row.
struct Array {
  std::uint64_t rows = 0, columns = 0;
  std::vector<double> values;
};

/// An array as the command line names it, every element finite.
struct NamedArray : Array {
  std::string name;  ///< for messages: the argument, or "standard input"
};

/// Reads `argument`, which is
///  - a file (or - for standard input) of decimal or C hexadecimal numbers: a vector is one a line or one row
///  with
///    commas, a matrix a row a line; blank lines are skipped; each number becomes the nearest double,
///  - an Armadillo binary file (ARMA_MAT_BIN_FN008 or FN004); a vector has one row or one column,
///  - FILE:/DATASET, a float16, float32 or float64 dataset of an HDF5 file with one or two dimensions.
/// A file of the whole name comes before that last form; what a file holds is decided by its content.
/// A number that is not zero but rounds to zero is reported on standard error.
/// Memory is taken for what the file holds, never for what its header declares.
/// @throws InputError naming the file, the place and what is wrong
NamedArray read_array(const std::string& argument, Form form);

/// Whether read_array would use the HDF5 library, on which see run_apart.
bool names_dataset(const std::string& argument);

/// Vectors, all of the same length. @throws UsageError if more than one is -, InputError naming files and
/// lengths
std::vector<NamedArray> read_vectors(const std::vector<std::string>& arguments);

/// @throws UsageError if more than one of the arguments is -
void check_standard_input(const std::vector<std::string>& arguments);

/// @throws UsageError if an output names a file that one of the arguments is read from, by whatever name
void check_output(const std::string& option, const std::string& output,
                  const std::vector<std::string>& arguments);

/// The dataset of an HDF5 file, not yet checked to be finite; messages begin with `name`.
Array read_hdf5(const std::string& name, const std::string& file, const std::string& dataset, Form form);

}  // namespace natgrad::cli

#endif
