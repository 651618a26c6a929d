// natgrad: the fast paths of scalars and coefficients for CPUs with a fused multiply-add. Compiled for them
// whatever the rest is compiled for; calls nothing but itself.
#include "kernels/scalar_table.hpp"

#define NATGRAD_FUSED 1

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

extern const ScalarTable scalars_fma;
const ScalarTable scalars_fma = {decide_scalars, decide_coefficients};

}  // namespace natgrad::kernels
