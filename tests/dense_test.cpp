// natgrad: the private toolbox of dense matrices: every box contains the exact result, every certificate is
// true.
#include "dense.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "natgrad/error.hpp"
#include "natgrad/random.hpp"
#include "support/environment.hpp"
#include "support/exact.hpp"
#include "support/reference.hpp"

namespace natgrad::test {
namespace {

namespace dense = natgrad::dense;

constexpr double infinity = std::numeric_limits<double>::infinity();

struct Draw {
  Random random;
  explicit Draw(std::uint64_t seed) : random(seed) {}

  double number(int range) {
    return std::ldexp(random.uniform(-1, 1), static_cast<int>(random.next() % (2 * range + 1)) - range);
  }
  arma::mat matrix(arma::uword rows, arma::uword columns, int range) {
    arma::mat m(rows, columns);
    for (double& x : m) x = number(range);
    return m;
  }
  arma::mat symmetric(arma::uword n, int range) {
    arma::mat m = matrix(n, n, range);
    return arma::symmatu(m);
  }
  /// G^T G rounded, its diagonal stretched by 1 + margin, rows and columns scaled by powers of two.
  arma::mat nearly_singular(arma::uword n, double margin, int range) {
    const arma::mat g = matrix(n > 1 ? n - 1 : 1, n, 0);
    arma::mat m = arma::symmatu(g.t() * g);
    m.diag() *= 1 + margin;
    std::vector<int> e(n);
    for (int& x : e) x = static_cast<int>(random.next() % (2 * range + 1)) - range;
    for (arma::uword i = 0; i < n; ++i)
      for (arma::uword j = 0; j < n; ++j) m(i, j) = std::ldexp(m(i, j), e[i] + e[j]);
    return m;
  }
};

bool in_box(const Rational& x, double value, double radius) {
  return !(radius < infinity) || abs(x - exact(value)) <= exact(radius);
}

/// All eigenvalues > 0, by elimination: no pivot is 0 or negative.
bool positive_definite(const RationalMatrix& m) {
  RationalMatrix a = m;
  for (std::size_t k = 0; k < a.size(); ++k) {
    if (a[k][k] <= 0) return false;
    for (std::size_t i = k + 1; i < a.size(); ++i) {
      const Rational factor = a[i][k] / a[k][k];
      for (std::size_t j = k; j < a.size(); ++j) a[i][j] -= factor * a[k][j];
    }
  }
  return true;
}

RationalMatrix shifted(RationalMatrix m, const Rational& by) {
  for (std::size_t i = 0; i < m.size(); ++i) m[i][i] -= by;
  return m;
}

RationalMatrix negated(RationalMatrix m) {
  for (auto& row : m)
    for (auto& x : row) x = -x;
  return m;
}

TEST(Dense, ProductsAreInTheirBoxes) {
  Draw draw(1);
  for (int round = 0; round < 200; ++round) {
    const arma::uword n = 1 + draw.random.next() % 7, k = 1 + draw.random.next() % 9,
                      m = 1 + draw.random.next() % 6;
    const int range = round % 3 == 0 ? 300 : 3;
    const bool boxes = round % 2 == 0;
    const EnclosedMatrix a{draw.matrix(n, k, range), boxes ? arma::abs(draw.matrix(n, k, 3)) : arma::mat()};
    const EnclosedMatrix b{draw.matrix(k, m, range), boxes ? arma::abs(draw.matrix(k, m, 3)) : arma::mat()};
    const EnclosedMatrix c = dense::multiply(a, b);
    // A matrix at a corner of each box.
    const auto corner = [&](const EnclosedMatrix& box) {
      RationalMatrix out = exact_matrix(box.value);
      if (boxes)
        for (arma::uword i = 0; i < box.value.n_rows; ++i)
          for (arma::uword j = 0; j < box.value.n_cols; ++j)
            out[i][j] += exact(box.radius(i, j)) * (draw.random.next() % 2 == 0 ? 1 : -1);
      return out;
    };
    const RationalMatrix left = corner(a), right = corner(b);
    for (arma::uword i = 0; i < n; ++i)
      for (arma::uword j = 0; j < m; ++j) {
        Rational sum = 0;
        for (arma::uword l = 0; l < k; ++l) sum += left[i][l] * right[l][j];
        ASSERT_TRUE(in_box(sum, c.value(i, j), c.radius(i, j))) << round;
        if (!boxes && range == 3) {
          ASSERT_LT(c.radius(i, j), 1e-11);
        }
      }
    const EnclosedMatrix g = dense::gram({a.value, {}}), o = dense::outer_gram({a.value, {}});
    const RationalMatrix exact_a = exact_matrix(a.value);
    for (arma::uword i = 0; i < k; ++i)
      for (arma::uword j = 0; j < k; ++j) {
        Rational sum = 0;
        for (arma::uword l = 0; l < n; ++l) sum += exact_a[l][i] * exact_a[l][j];
        ASSERT_TRUE(in_box(sum, g.value(i, j), g.radius(i, j)));
      }
    for (arma::uword i = 0; i < n; ++i)
      for (arma::uword j = 0; j < n; ++j)
        ASSERT_TRUE(in_box(dot(exact_a[i], exact_a[j]), o.value(i, j), o.radius(i, j)));
  }
}

// Sylvester's law counts those below a number exactly.
TEST(Dense, EigenvaluesAreInTheirEnclosures) {
  Draw draw(12);
  for (int round = 0; round < 150; ++round) {
    const arma::uword n = 1 + draw.random.next() % 6;
    arma::mat m =
        round % 3 == 0 ? draw.nearly_singular(n, 1e-12, 2) : draw.symmetric(n, round % 3 == 1 ? 2 : 40);
    if (round % 5 == 4) m *= round % 2 == 0 ? 0x1p-1060 : 0x1p900;
    if (round == 7) m.eye();  // equal ones
    const double size = arma::abs(m).max();
    const std::vector<Enclosure> bounds = dense::eigenvalues(m);
    ASSERT_EQ(bounds.size(), n);
    for (arma::uword k = 0; k < n; ++k) {
      ASSERT_LE(bounds[k].lo, bounds[k].hi);
      // At most k lie below lambda_k, at least k + 1 up to it.
      ASSERT_LE(negative_eigenvalues(shifted(exact_matrix(m), exact(bounds[k].lo))), k) << round;
      const std::size_t above = negative_eigenvalues(negated(shifted(exact_matrix(m), exact(bounds[k].hi))));
      ASSERT_LE(above, n - 1 - k) << round;
      ASSERT_LE(bounds[k].hi - bounds[k].lo, 1e-13 * static_cast<double>(n * n) * size + 0x1p-1070) << round;
    }
  }
  for (const Enclosure& zero : dense::eigenvalues(arma::mat(3, 3, arma::fill::zeros)))
    EXPECT_EQ(zero, (Enclosure{0, 0}));
}

TEST(Dense, LongProductsAreInTheirBoxes) {
  Draw draw(2);
  for (const arma::uword k : {255u, 256u, 257u, 1500u}) {
    const arma::mat a = draw.matrix(5, k, 4), b = draw.matrix(k, 3, 4);
    const EnclosedMatrix c = dense::multiply(EnclosedMatrix{a, {}}, EnclosedMatrix{b, {}});
    const RationalMatrix left = exact_matrix(a), right = exact_matrix(b.t());
    for (arma::uword i = 0; i < 5; ++i)
      for (arma::uword j = 0; j < 3; ++j) {
        const Rational sum = dot(left[i], right[j]);
        ASSERT_TRUE(in_box(sum, c.value(i, j), c.radius(i, j)));
        ASSERT_FALSE(in_box(sum + 1, c.value(i, j), c.radius(i, j)));  // and the box says something
      }
  }
}

TEST(Dense, DefinitenessIsCertifiedOnlyWhereItHolds) {
  Draw draw(3);
  for (int round = 0; round < 1500; ++round) {
    const arma::uword n = 1 + draw.random.next() % 6;
    double margin = std::ldexp(draw.random.uniform(0.5, 1), -static_cast<int>(draw.random.next() % 60));
    if (round % 2 == 0) margin = -margin;
    const arma::mat m = draw.nearly_singular(n, round % 7 == 0 ? 0 : margin, round % 3 ? 200 : 2);
    const bool truth = positive_definite(exact_matrix(m));
    const bool yes = dense::certainly_positive_definite(m);
    const auto witness = dense::nonpositive_direction(m);
    ASSERT_FALSE(yes && !truth) << round << "\n" << m;
    ASSERT_FALSE(witness && truth) << round << "\n" << m;
    if (witness) {
      Rational form = 0;
      const RationalMatrix r = exact_matrix(m);
      for (arma::uword i = 0; i < n; ++i)
        for (arma::uword j = 0; j < n; ++j) form += r[i][j] * exact((*witness)[i]) * exact((*witness)[j]);
      ASSERT_LE(form, 0);
      ASSERT_TRUE(arma::any(*witness != 0));
    }
    // Only what is singular to within rounding stays open.
    if (n > 1 && round % 7 != 0 && std::abs(margin) > 0x1p-44) {
      // One row less than columns, so that there is a kernel for the margin to act on.
      ASSERT_EQ(yes, margin > 0) << round << "\n" << m;
      ASSERT_EQ(witness.has_value(), margin < 0) << round << "\n" << m;
    }
  }
}

TEST(Dense, DefinitenessOfAnySymmetricMatrix) {
  Draw draw(8);
  for (int round = 0; round < 500; ++round) {
    const arma::mat m = draw.symmetric(1 + draw.random.next() % 5, round % 2 ? 2 : 400);
    const bool truth = positive_definite(exact_matrix(m));
    const auto witness = dense::nonpositive_direction(m);
    ASSERT_FALSE(truth && witness);
    ASSERT_TRUE(truth || witness) << m;  // none of these is singular to within rounding
    ASSERT_FALSE(!truth && dense::certainly_positive_definite(m));
  }
}

TEST(Dense, ABoxIsDefiniteOnlyIfAllOfItIs) {
  const arma::mat m = {{2, 1}, {1, 2}};  // smallest eigenvalue 1
  EXPECT_TRUE(
      dense::certainly_positive_definite(EnclosedMatrix{m, arma::mat(2, 2, arma::fill::value(0.49))}));
  EXPECT_FALSE(
      dense::certainly_positive_definite(EnclosedMatrix{m, arma::mat(2, 2, arma::fill::value(0.5))}));
  EXPECT_FALSE(
      dense::certainly_positive_definite(EnclosedMatrix{m, arma::mat(2, 2, arma::fill::value(infinity))}));
}

TEST(Dense, ExtremeEigenvaluesAreEnclosed) {
  Draw draw(4);
  double widest = 0;
  for (int round = 0; round < 200; ++round) {
    const arma::uword n = 1 + draw.random.next() % 6;
    const arma::mat m =
        round % 3 == 0 ? draw.symmetric(n, 1) : draw.nearly_singular(n, 1e-3, round % 2 ? 30 : 0);
    const RationalMatrix r = exact_matrix(m);
    for (const int sign : {1, -1}) {
      const Enclosure e = sign > 0 ? dense::smallest_eigenvalue({m, {}}) : dense::largest_eigenvalue({m, {}});
      ASSERT_LE(e.lo, e.hi);
      // The eigenvalue is < t iff M - t I has a negative direction.
      const double outside = sign > 0 ? e.lo : e.hi, inside = sign > 0 ? e.hi : e.lo;
      const RationalMatrix a = sign > 0 ? r : negated(r);
      ASSERT_EQ(negative_eigenvalues(shifted(a, sign * exact(outside))), 0u) << round << "\n" << m;
      const double past = std::nextafter(inside, sign * infinity);
      ASSERT_GT(negative_eigenvalues(shifted(a, sign * exact(past))), 0u) << round << "\n" << m;
      if (round % 2 == 0) widest = std::max(widest, (e.hi - e.lo) / arma::norm(m, "fro"));
    }
  }
  EXPECT_LT(widest, 1e-12);
}

// Beyond the dimension up to which all eigenvectors are computed, too.
TEST(Dense, ExtremeEigenvaluesAreTightInLargeDimensions) {
  Draw draw(13);
  for (const arma::uword n : {430u, 850u}) {
    const double few = n <= 800 ? 20 : 20 * static_cast<double>(n);  // of D u ‖M‖
    arma::mat factor(n, n - 1);
    for (double& x : factor) x = static_cast<double>(draw.random.next() % 9) - 4;
    const arma::mat singular = factor * factor.t();  // of integers: exact
    const double size = arma::norm(singular, "fro");
    for (const double t : {0.0, 1.0, -3.0}) {
      arma::mat m = singular;
      m.diag() -= t;
      const Enclosure low = dense::smallest_eigenvalue({m, {}}), high = dense::largest_eigenvalue({m, {}});
      EXPECT_LE(low.lo, -t) << n;
      EXPECT_GE(low.hi, -t) << n;
      EXPECT_LE(low.hi - low.lo, few * static_cast<double>(n) * 0x1p-53 * size) << n << ", " << t;
      EXPECT_LE(high.hi - high.lo, few * static_cast<double>(n) * 0x1p-53 * size) << n << ", " << t;
    }
    // A dense spectrum, where Lanczos' method alone is slow.
    arma::mat even(n, n, arma::fill::zeros);
    for (arma::uword i = 0; i < n; ++i) even(i, i) = 1 + 7 * static_cast<double>(i) / static_cast<double>(n);
    const arma::vec v = arma::normalise(draw.matrix(n, 1, 0));
    arma::mat m = even;
    m -= 2 * v * (v.t() * even);
    m -= 2 * (m * v) * v.t();
    m = arma::symmatu(m);
    for (const Enclosure& e : {dense::smallest_eigenvalue({m, {}}), dense::largest_eigenvalue({m, {}})})
      EXPECT_LE(e.hi - e.lo, few * static_cast<double>(n) * 0x1p-53 * 8) << n;
  }
}

TEST(Dense, SolutionsAndDeterminantsAreEnclosed) {
  Draw draw(5);
  double widest = 0;
  for (int round = 0; round < 200; ++round) {
    const arma::uword n = 1 + draw.random.next() % 5;
    const arma::mat m = draw.nearly_singular(n, 0.01, round % 2 ? 100 : 0), b = draw.matrix(n, 2, 3);
    const auto factor = dense::PositiveDefinite::make({m, {}});
    if (!factor) continue;
    const EnclosedMatrix x = factor->solve(EnclosedMatrix{b, {}});
    // Cramer-free: eliminate [M | b].
    RationalMatrix a = exact_matrix(m), right = exact_matrix(b);
    Rational determinant = 1;
    for (std::size_t k = 0; k < n; ++k) {
      determinant *= a[k][k];
      for (std::size_t i = 0; i < n; ++i) {
        if (i == k) continue;
        const Rational f = a[i][k] / a[k][k];
        for (std::size_t j = k; j < n; ++j) a[i][j] -= f * a[k][j];
        for (std::size_t j = 0; j < 2; ++j) right[i][j] -= f * right[k][j];
      }
    }
    for (arma::uword i = 0; i < n; ++i)
      for (arma::uword j = 0; j < 2; ++j) {
        const Rational solution = right[i][j] / a[i][i];
        ASSERT_TRUE(in_box(solution, x.value(i, j), x.radius(i, j))) << round;
        if (round % 2 == 0) widest = std::max(widest, x.radius(i, j) / arma::norm(x.value.col(j)));
      }
    const PrecisionScope scope(300);
    const Real log_det = log(real(determinant));
    const Enclosure e = factor->log_det();
    ASSERT_TRUE(real(exact(e.lo)) <= log_det && log_det <= real(exact(e.hi))) << round;
    ASSERT_LT(e.hi - e.lo, 1e-3) << m;
  }
  EXPECT_LT(widest, 1e-10);
}

TEST(Dense, RankIsDecided) {
  Draw draw(6);
  for (int round = 0; round < 100; ++round) {
    const arma::uword rows = 2 + draw.random.next() % 8, columns = 1 + draw.random.next() % (rows - 1);
    arma::mat a = draw.matrix(rows, columns, round % 2 ? 100 : 2);
    EXPECT_TRUE(dense::certainly_full_rank(a)) << a;
    if (columns < 2) continue;
    // One column a sum of others with small integer weights, exactly.
    a = arma::round(1000 * draw.matrix(rows, columns, 0));
    const arma::uword j = 1 + draw.random.next() % (columns - 1);
    a.col(j).zeros();
    for (arma::uword i = 0; i < j; ++i) a.col(j) += static_cast<double>(i + 1) * a.col(i);
    for (arma::uword i = 0; i < rows; ++i)
      for (arma::uword l = 0; l < columns; ++l) a(i, l) = std::ldexp(a(i, l), static_cast<int>(i) * 40);
    arma::uword dependent = 0;
    EXPECT_FALSE(dense::certainly_full_rank(a, &dependent));
    EXPECT_LE(dependent, j);
    if (columns <= 5) {
      EXPECT_EQ(dependent, j);
    }
  }
  // Regular, however close to singular, and where a power of two is 1 modulo 2^61 - 1 or 2^31 - 1.
  EXPECT_TRUE(dense::certainly_full_rank(arma::mat{{1, 1}, {1, std::nextafter(1, 2)}}));
  EXPECT_TRUE(dense::certainly_full_rank(arma::mat{{1, 0x1p61}, {1, 1}}));
  EXPECT_TRUE(dense::certainly_full_rank(arma::mat{{1, 0x1p31}, {1, 1}}));
  EXPECT_TRUE(dense::certainly_full_rank(arma::mat{{0x1p-1074, 0x1p1023}, {0, 0x1p-1074}}));
  EXPECT_FALSE(dense::certainly_full_rank(arma::mat{{1, 2}, {2, 4}}));
  EXPECT_FALSE(dense::certainly_full_rank(arma::mat(3, 2, arma::fill::zeros)));
}

TEST(Dense, TheCallersEnvironmentDoesNotMatter) {
  Draw draw(7);
  for (const Environment environment : environments) {
    const arma::mat m = draw.nearly_singular(5, 1e-9, 5);
    const Enclosure before = dense::smallest_eigenvalue({m, {}});
    Enclosure inside;
    {
      const EnvironmentScope scope(environment);
      inside = dense::smallest_eigenvalue({m, {}});
    }
    EXPECT_EQ(before, inside) << name(environment);
  }
}

TEST(Dense, ArgumentsAreCheckedByName) {
  arma::mat m = {{1, 2}, {3, 4}};
  EXPECT_EQ(dense::first_asymmetry(m)->row, 1u);
  EXPECT_FALSE(dense::first_asymmetry(arma::mat{{1, 0.0}, {-0.0, 1}}));
  EXPECT_NO_THROW(dense::check_shape(m, 2, 2, "M"));
  EXPECT_THROW(dense::check_shape(m, 3, 2, "M"), ContractError);
  m(0, 1) = std::nan("");
  try {
    dense::check_finite(m, "M");
    FAIL();
  } catch (const ContractError& error) {
    EXPECT_STREQ(error.what(), "M(0, 1) is NaN; every element must be finite");
  }
}

}  // namespace
}  // namespace natgrad::test
