// natgrad: when this process is inside the HDF5 library. Private to the library and its command line.
#ifndef NATGRAD_LIB_HDF5_ACTIVITY_HPP
#define NATGRAD_LIB_HDF5_ACTIVITY_HPP

#include "natgrad/config.hpp"

namespace natgrad::hdf5 {

/// Called with true when the library enters HDF5 and with false when it leaves it. For who watches over this
/// process: HDF5 crashes on some damaged files, and no other crash is a file's fault. Null by default.
NATGRAD_API extern void (*on_activity)(bool);

}  // namespace natgrad::hdf5

#endif
