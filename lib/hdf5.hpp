// natgrad: the HDF5 C API with lock, handles and errors in order. Private to run.cpp.
#ifndef NATGRAD_LIB_HDF5_HPP
#define NATGRAD_LIB_HDF5_HPP

#include <hdf5.h>

#include <mutex>
#include <string>
#include <utility>

#include "float_scope.hpp"
#include "hdf5_activity.hpp"

namespace natgrad::hdf5 {

/// While one lives, this thread alone is in HDF5 (which is not thread-safe), HDF5 prints nothing, and the
/// floating-point environment is the default one (HDF5 widens with plain conversions). They nest.
class Session {
 public:
  Session() : lock_(mutex()) {
    if (depth()++ == 0 && on_activity != nullptr) on_activity(true);
    H5Eget_auto2(H5E_DEFAULT, &handler_, &data_);
    H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
  }
  ~Session() {
    H5Eset_auto2(H5E_DEFAULT, handler_, data_);
    if (--depth() == 0 && on_activity != nullptr) on_activity(false);
  }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

 private:
  static std::recursive_mutex& mutex() {
    static auto* const instance = new std::recursive_mutex;  // outlives every static object
    return *instance;
  }

  static int& depth() {
    static int instance = 0;
    return instance;
  }

  std::lock_guard<std::recursive_mutex> lock_;
  FloatScope float_scope_;
  H5E_auto2_t handler_ = nullptr;
  void* data_ = nullptr;
};

/// Owns an identifier; empty if the call that made it failed.
class Handle {
 public:
  using Close = herr_t (*)(hid_t);

  Handle() = default;
  Handle(hid_t id, Close closer) noexcept : id_(id), close_(closer) {}
  Handle(Handle&& other) noexcept : id_(std::exchange(other.id_, H5I_INVALID_HID)), close_(other.close_) {}
  Handle& operator=(Handle&& other) noexcept {
    std::swap(id_, other.id_);
    std::swap(close_, other.close_);
    return *this;
  }
  ~Handle() { close(); }

  explicit operator bool() const noexcept { return id_ >= 0; }
  hid_t get() const noexcept { return id_; }
  /// Closes now; false if HDF5 could not.
  bool close() noexcept {
    if (id_ < 0) return true;
    const Session session;
    return close_(std::exchange(id_, H5I_INVALID_HID)) >= 0;
  }

 private:
  hid_t id_ = H5I_INVALID_HID;
  Close close_ = nullptr;
};

/// What HDF5 says about the innermost cause of the last failed call.
inline std::string last_error() {
  std::string cause;
  H5Ewalk2(
      H5E_DEFAULT, H5E_WALK_UPWARD,
      [](unsigned n, const H5E_error2_t* error, void* out) -> herr_t {
        if (n == 0 && error->desc != nullptr) *static_cast<std::string*>(out) = error->desc;
        return 0;
      },
      &cause);
  return cause.empty() ? "unknown HDF5 error" : cause;
}

}  // namespace natgrad::hdf5

#endif
