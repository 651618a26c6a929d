// natgrad: the fast paths of scalars and coefficients for any CPU.
#include "kernels/scalar_table.hpp"

#define NATGRAD_FUSED 0

namespace natgrad::kernels {
namespace {

#include "kernels/double_word.hpp"
//
#include "kernels/elementary_tables.hpp"
//
#include "kernels/elementary.hpp"
//
#include "kernels/fast_scalars.hpp"

}  // namespace

extern const ScalarTable scalars_portable;
const ScalarTable scalars_portable = {decide_scalars, decide_coefficients};

}  // namespace natgrad::kernels
