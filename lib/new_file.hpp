// natgrad: output files that appear whole or not at all. Private to the library and its command line.
#ifndef NATGRAD_LIB_NEW_FILE_HPP
#define NATGRAD_LIB_NEW_FILE_HPP

#include <string>
#include <string_view>

namespace natgrad {

/// A file under a temporary name beside its own, which it gets when it is complete. Until then, and if that
/// never happens, nothing is left and a file that was there before is unharmed.
class NewFile {
 public:
  /// Symbolic links are followed, those to nothing too: it is their target that is made or replaced, with
  /// the permissions and, for root, the owner that it had. @throws InputError naming the path and the reason;
  /// also for a directory, and for what is not a regular file, which renaming would replace
  explicit NewFile(const std::string& path);
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;
  ~NewFile();

  /// Open for reading and writing until finish().
  int descriptor() const noexcept { return descriptor_; }
  const std::string& temporary() const noexcept { return temporary_; }

  /// @throws InputError
  void write(std::string_view bytes);
  /// Brings everything to the disk and closes: what can still fail is the renaming. @throws InputError
  void finish();
  /// finish(), and puts the file in its place. @throws InputError
  void commit();

 private:
  [[noreturn]] void fail(int error) const;

  std::string path_, target_, temporary_;
  int descriptor_ = -1;
};

}  // namespace natgrad

#endif
