// natgrad: eigenvalues of small symmetric matrices in any number type, by Jacobi's rotations.
#ifndef NATGRAD_TESTS_SUPPORT_JACOBI_HPP
#define NATGRAD_TESTS_SUPPORT_JACOBI_HPP

#include <cstddef>
#include <vector>

namespace natgrad::test {

/// The eigenvalues, in no order, of a symmetric positive definite matrix; rotations stop where every
/// |a_pq| <= enough sqrt(a_pp a_qq), which makes each eigenvalue good to about `enough`, relatively.
template <class T>
std::vector<T> symmetric_eigenvalues(std::vector<std::vector<T>> a, const T& enough) {
  const std::size_t n = a.size();
  for (int sweep = 0; sweep < 60; ++sweep) {
    bool rotated = false;
    for (std::size_t p = 0; p < n; ++p) {
      for (std::size_t q = p + 1; q < n; ++q) {
        if (abs(a[p][q]) <= enough * sqrt(abs(a[p][p] * a[q][q]))) continue;
        rotated = true;
        const T theta = (a[q][q] - a[p][p]) / (2 * a[p][q]);
        const T t = (theta >= 0 ? 1 : -1) / (abs(theta) + sqrt(theta * theta + 1));
        const T c = 1 / sqrt(t * t + 1), s = t * c, cross = a[p][q];
        a[p][p] -= t * cross;
        a[q][q] += t * cross;
        a[p][q] = a[q][p] = 0;
        for (std::size_t k = 0; k < n; ++k) {
          if (k == p || k == q) continue;
          const T x = a[k][p], z = a[k][q];
          a[k][p] = a[p][k] = c * x - s * z;
          a[k][q] = a[q][k] = s * x + c * z;
        }
      }
    }
    if (!rotated) break;
  }
  std::vector<T> out;
  for (std::size_t i = 0; i < n; ++i) out.push_back(a[i][i]);
  return out;
}

}  // namespace natgrad::test

#endif
