// natgrad: a loop on all threads. Private to the library.
#ifndef NATGRAD_LIB_PARALLEL_HPP
#define NATGRAD_LIB_PARALLEL_HPP

#include <mpfr.h>
#include <omp.h>

#include <algorithm>
#include <cstddef>
#include <exception>

#include "float_scope.hpp"

namespace natgrad {

/// The loop of parallel_for.
template <class F>
[[gnu::noinline]] void parallel_loop(std::size_t n, F& f) {
  std::exception_ptr failure;
  const int threads =
      static_cast<int>(std::min<std::size_t>(n, static_cast<std::size_t>(omp_get_max_threads())));
#pragma omp parallel num_threads(threads)
  {
#pragma omp for schedule(dynamic)
    for (std::size_t i = 0; i < n; ++i) {
      try {
        f(i);
      } catch (...) {
#pragma omp critical(natgrad_parallel_failure)
        failure = std::current_exception();
      }
    }
    // MPFR keeps constants for every thread, and loses them with it.
    if (omp_get_thread_num() != 0) mpfr_free_cache2(MPFR_FREE_LOCAL_CACHE);
  }
  if (failure) std::rethrow_exception(failure);
}

/// Runs f(i) for i = 0 .. n-1, in no particular order, on as many threads as OpenMP is told to use but no
/// more than there is work for. The first exception comes out on the calling thread.
template <class F>
void parallel_for(std::size_t n, F f) {
  if (n == 0) return;
  const DoubleScope scope;  // OpenMP libraries compute when they are called first
  parallel_loop(n, f);
}

}  // namespace natgrad

#endif
