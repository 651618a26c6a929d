// natgrad: matrices and their parameters against elimination and dense products in rationals.
#include <algorithm>
#include <cmath>
#include <limits>

#include "input.hpp"
#include "support/uniqueness_reference.hpp"
#include "target.hpp"

namespace natgrad::fuzz {

namespace {

namespace ref = test::uniqueness;
using test::exact;
using test::Rational;
using test::RationalMatrix;
using test::RationalVector;

constexpr double infinity = std::numeric_limits<double>::infinity();

// ------------------------------------------------------------------------- matrices

/// Symmetric: definite by construction, any, the dense metric of a hostile pair; the last two after a change
/// of one entry or of the least eigenvalue.
arma::mat symmetric(Input& input, std::size_t max_dimension) {
  const auto kind = input.below(4);
  if (kind == 3) {
    const Pair pair = effective_pair(input, max_dimension);
    arma::mat m = Metric::make(pair.g, pair.y)->dense();
    for (double& x : m)
      if (!std::isfinite(x)) x = std::copysign(std::numeric_limits<double>::max(), x);
    input.note_matrix("M", m);
    return m;
  }
  const std::size_t n = 1 + input.below(max_dimension);
  if (kind == 2) {
    arma::mat m = matrix(input, n, n);
    for (std::size_t j = 0; j < n; ++j)
      for (std::size_t i = 0; i < j; ++i) m(i, j) = m(j, i);
    input.note_matrix("M", m);
    return m;
  }
  arma::mat m = spd(input, n);
  if (kind == 1) {
    // Singular: a row and column repeated, an ulp more or less of its diagonal.
    const std::size_t i = input.below(n), j = input.below(n);
    for (std::size_t k = 0; k < n; ++k) m(i, k) = m(j, k);
    for (std::size_t k = 0; k < n; ++k) m(k, i) = m(k, j);
    m(i, i) = m(j, j);
    const auto change = input.below(3);
    if (change != 0) m(i, i) = std::nextafter(m(i, i), change == 1 ? infinity : 0);
  }
  input.note_matrix("M", m);
  return m;
}

arma::vec vector_of(Input& input, std::size_t n) {
  return arma::vec(vector(input, n));
}

void require_witness(const Definiteness& d, const arma::mat& m) {
  const RationalMatrix exactly = test::exact_matrix(m);
  const bool definite = ref::positive_definite(exactly);
  require(d.answer != Answer::yes || definite, "yes, but it is not definite");
  require(d.answer != Answer::no || !definite, "no, but it is definite");
  require(d.answer != Answer::undetermined || m.n_rows > 2, "undetermined in dimension 1 or 2");
  if (d.answer == Answer::no) {
    require(d.witness.n_elem == m.n_rows && arma::any(d.witness != 0) && d.witness.is_finite(),
            "the witness is no vector");
    const Rational value = ref::form(exactly, test::exact_vector(d.witness));
    require(value <= 0, "the witness is none");
    const Enclosure e = d.witness_quadratic_form;
    require(!std::isfinite(e.lo) || exact(e.lo) <= value, "the form is below its lower bound");
    require(!std::isfinite(e.hi) || exact(e.hi) >= value, "the form is above its upper bound");
  }
  const Enclosure least = d.smallest_eigenvalue;
  if (std::isfinite(least.lo))
    require(ref::inertia(ref::shifted(exactly, exact(least.lo))).negative == 0,
            "an eigenvalue below the bound");
  if (std::isfinite(least.hi))
    require(ref::inertia(ref::shifted(exactly, exact(least.hi))).positive < m.n_rows,
            "no eigenvalue up to the bound");
}

void try_definiteness(Input& input) {
  const arma::mat m = symmetric(input, 4);
  require_witness(subject().uniqueness.definiteness(m), m);
}

void try_check(Input& input) {
  arma::mat m = symmetric(input, 4);
  const arma::vec g = vector_of(input, m.n_rows);
  arma::vec y = vector_of(input, m.n_rows);
  const RationalMatrix exactly = test::exact_matrix(m);
  const RationalVector exact_g = test::exact_vector(g), mg = test::multiply(exactly, exact_g);
  if (input.below(2) == 0) {
    // The rounded image, an ulp of one element off, or not.
    for (std::size_t i = 0; i < y.n_elem; ++i) {
      const double rounded = test::nearest(mg[i]);
      if (std::isfinite(rounded)) y[i] = rounded;
    }
    if (input.below(2) == 1) {
      const std::size_t i = input.below(y.n_elem);
      if (std::abs(y[i]) < std::numeric_limits<double>::max()) y[i] = std::nextafter(y[i], infinity);
    }
  }
  input.note("y", std::span<const double>(y.memptr(), y.n_elem));
  const RationalVector exact_y = test::exact_vector(y);
  const MetricCheck c = subject().uniqueness.check_metric(m, g, y, 0);
  std::size_t wrong = 0;
  while (wrong < mg.size() && mg[wrong] == exact_y[wrong]) ++wrong;
  const bool maps = wrong == mg.size();
  require(c.maps_exactly == maps, "M g = y, or not");
  require(c.wrong_element == (maps ? 0 : wrong), "the wrong element");
  require(ref::encloses_root(c.residual.lo, c.residual.hi, ref::squared_residual(exactly, exact_g, exact_y)),
          "the residual");
  require((c.reason == CheckReason::wrong_image) == !maps, "the image, and the reason");
  require(c.answer != Answer::yes || maps, "yes, without M g = y");
  require_witness(c.definiteness, m);
}

void require_entries(const arma::mat& actual, const RationalMatrix& expected, const char* what) {
  require(actual.n_rows == expected.size() && actual.n_cols == expected.size(), "the shape is wrong");
  for (std::size_t i = 0; i < expected.size(); ++i)
    for (std::size_t j = 0; j < expected.size(); ++j)
      require_same(actual(i, j), test::nearest(expected[i][j]),
                   std::string(what) + "(" + std::to_string(i) + ", " + std::to_string(j) + ")");
}

void try_coordinates(Input& input) {
  const arma::mat m = symmetric(input, 5);
  const arma::vec g = vector_of(input, m.n_rows);
  const RationalVector exact_g = test::exact_vector(g);
  const ref::Remainder r = ref::remainder(test::exact_matrix(m), exact_g);
  const auto d = subject().uniqueness.decompose(m, g);
  const auto c = subject().uniqueness.coordinates(m, g);
  require(d.has_value() == (r.p > 0) && c.has_value() == (r.p > 0), "p > 0, or not");
  if (!d || !c) return;
  require_same(d->p, test::nearest(r.p), "p");
  for (std::size_t i = 0; i < g.n_elem; ++i) require_same(d->y[i], test::nearest(r.y[i]), "y");
  require_entries(d->b, r.b, "B");
  const std::size_t k = ref::pivot(exact_g);
  require(c->pivot == k, "the pivot");
  RationalMatrix s;
  for (std::size_t i = 0; i < r.b.size(); ++i) {
    if (i == k) continue;
    s.emplace_back();
    for (std::size_t j = 0; j < r.b.size(); ++j)
      if (j != k) s.back().push_back(r.b[i][j]);
  }
  require_entries(c->s, s, "S");
}

void try_from_coordinates(Input& input) {
  const Pair x = pair(input, 5);
  const std::size_t n = x.g.size() - 1;
  arma::mat s = n == 0 ? arma::mat(0, 0) : matrix(input, n, n);
  for (std::size_t j = 0; j < n; ++j)
    for (std::size_t i = 0; i < j; ++i) s(i, j) = s(j, i);
  input.note_matrix("S", s);
  const RationalVector g = exact(x.g), y = exact(x.y);
  const auto m = subject().uniqueness.from_coordinates(s, arma::vec(x.g), arma::vec(x.y));
  const bool exists = test::dot(g, y) > 0;
  require(m.has_value() == exists, "p > 0, or not");
  if (exists) require_entries(*m, ref::metric(test::exact_matrix(s), g, y), "M");
}

void try_factor(Input& input) {
  const arma::mat m = symmetric(input, 4);
  const arma::vec g = vector_of(input, m.n_rows);
  const auto f = subject().uniqueness.factor(m, g);
  if (!f) return;
  const RationalMatrix exactly = test::exact_matrix(m), u = test::exact_matrix(f->u);
  const RationalVector exact_g = test::exact_vector(g);
  require(ref::positive_definite(exactly), "a factor of what is not definite");
  const ref::Remainder r = ref::remainder(exactly, exact_g);
  Rational sum = 0;
  for (std::size_t i = 0; i < u.size(); ++i)
    for (std::size_t j = 0; j < u.size(); ++j) {
      const Rational e = r.b[i][j] - test::dot(u[i], u[j]);
      sum += e * e;
    }
  require(!std::isfinite(f->residual) || sum <= exact(f->residual) * exact(f->residual), "the residual");
  for (std::size_t j = 0; j + 1 < u.size(); ++j) {
    Rational gu = 0, uu = 0;
    for (std::size_t i = 0; i < u.size(); ++i) {
      gu += exact_g[i] * u[i][j];
      uu += u[i][j] * u[i][j];
    }
    require(gu * gu <= exact(f->orthogonality) * exact(f->orthogonality) * test::dot(exact_g, exact_g) * uu,
            "the orthogonality");
  }
}

void try_spectrum(Input& input) {
  const Pair x = effective_pair(input, 4);
  const RationalVector g = exact(x.g), y = exact(x.y);
  const Rational gg = test::dot(g, g), p = test::dot(g, y), yy = test::dot(y, y);
  arma::vec spectrum(x.g.size());
  for (double& l : spectrum) {
    const auto kind = input.below(3);
    l = kind == 0 ? positive(input) : test::nearest(kind == 1 ? Rational(p / gg) : Rational(yy / p));
    const int e = input.between(-2, 2);
    l = std::clamp(std::ldexp(l, e), std::numeric_limits<double>::denorm_min(),
                   std::numeric_limits<double>::max());
  }
  input.note("spectrum", std::span<const double>(spectrum.memptr(), spectrum.n_elem));
  const Gram gram = Gram::of(x.g, x.y);
  require(subject().uniqueness.spectrum_exists(gram, spectrum) ==
              ref::in_hull(p / gg, yy / gg, test::exact_vector(spectrum)),
          "the hull");
  const double k = std::max(1.0, spectrum.max());
  const Rational big = exact(k), ss = 1 - p * p / (gg * yy);
  const bool exists = x.g.size() == 1 ? big == 1 : ss * (big + 1) * (big + 1) <= (big - 1) * (big - 1);
  require(subject().uniqueness.condition_exists(gram, k) == exists, "the condition number");
}

}  // namespace

std::vector<Canary> canaries() {
  return {
      {"the residual in doubles",
       [](test::Subject& s) {
         s.uniqueness.check_metric = [](const arma::mat& m, const arma::vec& g, const arma::vec& y,
                                        double t) {
           MetricCheck c = check_metric(m, g, y, t);
           const double r = arma::norm(arma::vec(y - m * g));
           if (std::isfinite(r)) c.residual = {r, r};
           return c;
         };
       }},
      {"LAPACK's smallest eigenvalue decides",
       [](test::Subject& s) {
         s.uniqueness.definiteness = [](const arma::mat& m) {
           Definiteness d = definiteness(m);
           arma::vec values;
           if (arma::eig_sym(values, m)) d.answer = values[0] > 0 ? Answer::yes : Answer::no;
           return d;
         };
       }},
      {"B in doubles",
       [](test::Subject& s) {
         s.uniqueness.decompose = [](const arma::mat& m, const arma::vec& g) {
           auto d = decompose(m, g);
           if (d) d->b = m - d->y * d->y.t() / d->p;
           return d;
         };
       }},
      {"the last of the largest elements",
       [](test::Subject& s) {
         s.uniqueness.coordinates = [](const arma::mat& m, const arma::vec& g) {
           auto c = coordinates(m, g);
           if (c)
             for (arma::uword i = c->pivot; i < g.n_elem; ++i)
               if (std::abs(g[i]) == std::abs(g[c->pivot])) c->pivot = i;
           return c;
         };
       }},
      {"an ulp off",
       [](test::Subject& s) {
         s.uniqueness.from_coordinates = [](const arma::mat& c, const arma::vec& g, const arma::vec& y) {
           auto m = from_coordinates(c, g, y);
           if (m) (*m)(m->n_rows - 1, 0) = std::nextafter((*m)(m->n_rows - 1, 0), infinity);
           return m;
         };
       }},
      {"Kantorovich's inequality alone",
       [](test::Subject& s) {
         s.uniqueness.spectrum_exists = [](const Gram& gram, const arma::vec& l) {
           return spectrum_exists(gram, l) || condition(gram) <= l.max() / l.min();
         };
       }},
  };
}

}  // namespace natgrad::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace natgrad::fuzz;
  Input input(data, size);
  switch (input.below(6)) {
    case 0:
      try_definiteness(input);
      break;
    case 1:
      try_check(input);
      break;
    case 2:
      try_coordinates(input);
      break;
    case 3:
      try_from_coordinates(input);
      break;
    case 4:
      try_factor(input);
      break;
    default:
      try_spectrum(input);
      break;
  }
  return 0;
}
