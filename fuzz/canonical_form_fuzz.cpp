// natgrad: the operator M(a) against its textbook formulas: the BFGS update, the two-loop recursion and
// elimination in rationals, roots and factors in self-checking multiprecision.
#include <algorithm>
#include <cmath>
#include <limits>

#include "input.hpp"
#include "support/environment.hpp"
#include "support/reference.hpp"
#include "target.hpp"

namespace natgrad::fuzz {

namespace {

using test::ExactPair;
using test::Rational;
using test::RationalMatrix;
using test::RationalVector;
using test::Real;
using test::RootReference;
using Operator = test::Subject::Operator;
using Form = test::Subject::Form;

struct Draw {
  Pair pair;
  Alpha a;
  ExactPair exactly;
  Metric metric;
};

Draw draw(Input& input, std::size_t max_dimension) {
  const Pair pair = effective_pair(input, max_dimension);
  const Alpha a = alpha(input, pair);
  std::optional<Metric> metric = subject().metric(pair.g, pair.y, a);
  if (!metric) mismatch("a pair with p > 0 has no metric");
  // For D = 1, M = y/g = a* whatever a is.
  const std::optional<double> parameter = pair.g.size() == 1 ? std::nullopt : a.value();
  return {pair, a, ExactPair(pair.g, pair.y, parameter), *metric};
}

std::vector<double> nearest(const RationalVector& x) {
  std::vector<double> out;
  for (const Rational& element : x) out.push_back(test::nearest(element));
  return out;
}

std::vector<double> in_environment(Input& input, const Operator& f, const MetricOperator& m,
                                   const std::vector<double>& x) {
  const test::EnvironmentScope scope(static_cast<test::Environment>(input.below(5)));
  return f(m, x);
}

// ------------------------------------------------------------------------- apply, solve, forms

void apply(Input& input) {
  const Draw d = draw(input, 6);
  const std::vector<double> x = probe(input, d.pair, d.a);
  const std::vector<double> expected = nearest(test::multiply(test::dense(d.exactly), test::exact(x)));
  require_same_elements(in_environment(input, subject().apply, d.metric, x), expected, "M x");
  require_same_elements(subject().apply_in_place(d.metric, x), expected, "M x in place");
}

void solve(Input& input) {
  const Draw d = draw(input, 6);
  const std::vector<double> x = probe(input, d.pair, d.a);
  const std::vector<double> expected = nearest(test::two_loop(d.exactly, test::exact(x)));
  require_same_elements(in_environment(input, subject().solve, d.metric, x), expected, "M^-1 x");
  require_same_elements(subject().solve_in_place(d.metric, x), expected, "M^-1 x in place");
}

void exchanges_g_and_y(Input& input) {
  const Draw d = draw(input, 6);
  require_same_elements(subject().apply(d.metric, d.pair.g), d.pair.y, "M g");
  require_same_elements(subject().solve(d.metric, d.pair.y), d.pair.g, "M^-1 y");
}

void quadratic_forms(Input& input) {
  const Draw d = draw(input, 6);
  const std::vector<double> x = probe(input, d.pair, d.a);
  const RationalVector exactly = test::exact(x);
  require_same(subject().quadratic_form(d.metric, x),
               test::nearest(test::dot(exactly, test::apply(d.exactly, exactly))), "x^T M x");
  require_same(subject().inverse_quadratic_form(d.metric, x),
               test::nearest(test::dot(exactly, test::two_loop(d.exactly, exactly))), "x^T M^-1 x");
}

void view(Input& input) {
  const Draw d = draw(input, 6);
  const std::vector<double> x = probe(input, d.pair, d.a);
  const auto view = subject().view(d.pair.g, d.pair.y, Gram::of(d.pair.g, d.pair.y), d.a);
  if (!view) mismatch("a pair with p > 0 has no metric");
  require_same_elements(subject().apply(*view, x), nearest(test::apply(d.exactly, test::exact(x))),
                        "M x of a view");
}

// No metric unless p > 0.
void existence(Input& input) {
  const Pair pair = fuzz::pair(input, 6);
  const Alpha a = input.one_in(2) ? Alpha(positive(input)) : Alpha();
  const bool exists = test::dot(test::exact(pair.g), test::exact(pair.y)) > 0;
  require(subject().metric(pair.g, pair.y, a).has_value() == exists, "a metric exists iff p > 0");
}

// ------------------------------------------------------------------------- roots and factors

Real half_ulp_of(const Real& x) {
  if (x == 0) return ldexp(Real(1), -1075);
  int exponent = 0;
  frexp(x, &exponent);
  return ldexp(Real(1), std::max(exponent - 53, -1074) - 1);
}

// Half an ulp and root_bound times the magnitudes of the terms.
void require_within_bound(const std::vector<double>& actual, const RootReference& expected,
                          const char* what) {
  require(actual.size() == expected.value.size(), "the length is wrong");
  const Real overflow = ldexp(Real(1), 1024) - ldexp(Real(1), 970);
  for (std::size_t i = 0; i < actual.size(); ++i) {
    const Real& value = expected.value[i];
    const Real bound =
        half_ulp_of(value) + test::real(test::exact(MetricOperator::root_bound)) * expected.terms[i];
    // An infinity stands for what is beyond the overflow threshold on its side.
    const bool near = std::isfinite(actual[i])
                          ? abs(test::real(test::exact(actual[i])) - value) <= bound
                          : std::isinf(actual[i]) && (actual[i] > 0 ? 1 : -1) * value + bound >= overflow;
    if (!near) {
      mismatch(std::string(what) + "[" + std::to_string(i) + "] is " + test::hex(actual[i]) +
               ", should be within " + bound.str(3) + " of " + test::hex(value.convert_to<double>()));
    }
  }
}

template <Operator test::Subject::*member,
          RootReference (*reference)(const ExactPair&, std::span<const Rational>)>
void within_bound(Input& input) {
  const Draw d = draw(input, 5);
  const std::vector<double> x = probe(input, d.pair, d.a);
  const RootReference expected = test::settled([&] { return reference(d.exactly, test::exact(x)); });
  require_within_bound(in_environment(input, subject().*member, d.metric, x), expected, "element");
}

// ------------------------------------------------------------------------- ldl, dense, spectrum

void ldl(Input& input) {
  const Draw d = draw(input, 5);
  const std::size_t n = d.pair.g.size();
  const test::ExactLdl expected = test::eliminate(test::dense(d.exactly));
  const LdlFactor actual = subject().ldl(d.metric);
  require_same_elements(std::vector<double>(actual.pivots.begin(), actual.pivots.end()),
                        nearest(expected.pivots), "pivot");
  const arma::mat l = subject().dense_l(actual);
  require(l.n_rows == n && l.n_cols == n, "the shape of L");
  for (std::size_t j = 0; j < n; ++j) {
    for (std::size_t i = 0; i < n; ++i) require_same(l(i, j), test::nearest(expected.l[i][j]), "L_ij");
  }
  // u_j and v_j from the elimination where two rows below j determine them, from their definition elsewhere.
  const ExactPair& e = d.exactly;
  const Rational ap = e.a * e.p;
  Rational big_y = 0, big_g = 0, tail = e.gg;
  for (std::size_t j = 0; j < n; ++j) {
    const Rational before_y = big_y, before_g = big_g, before_tail = tail;
    big_y += e.y[j] * e.y[j];
    big_g += e.g[j] * e.y[j];
    tail -= e.g[j] * e.g[j];
    const Rational nj = (ap + big_y) * tail + big_g * big_g;
    const Rational u = (before_tail * e.y[j] + before_g * e.g[j]) / nj;
    const Rational v = (before_g * e.y[j] - (ap + before_y) * e.g[j]) / nj;
    for (std::size_t i = j + 1; i < n; ++i) {
      require(e.y[i] * u + e.g[i] * v == expected.l[i][j], "the two references disagree");
    }
    require_same(actual.u(j), test::nearest(u), "u");
    require_same(actual.v(j), test::nearest(v), "v");
  }
}

void dense(Input& input) {
  const Draw d = draw(input, 6);
  const RationalMatrix expected = test::dense(d.exactly);
  const arma::mat actual = subject().dense(d.metric);
  require(actual.n_rows == expected.size() && actual.n_cols == expected.size(), "the shape of M");
  for (std::size_t j = 0; j < expected.size(); ++j) {
    for (std::size_t i = 0; i < expected.size(); ++i) {
      require_same(actual(i, j), test::nearest(expected[i][j]), "M_ij");
    }
  }
}

void spectrum(Input& input) {
  const Draw d = draw(input, 6);
  const std::size_t n = d.pair.g.size();
  const std::vector<Eigenvalue> actual = subject().spectrum(d.metric);
  // Both eigenvalues of the plane of g and y, and a for what is orthogonal to it; equal ones together.
  const ExactPair& e = d.exactly;
  const bool parallel = e.gg * e.yy == e.p * e.p;
  std::vector<Eigenvalue> expected;
  if (n == 1 || (parallel && e.a == e.star())) {
    expected = {{test::nearest(e.star()), n}};
  } else if (parallel) {
    expected = {{test::nearest(e.star()), 1}, {test::nearest(e.a), n - 1}};
    if (e.a < e.star()) std::swap(expected[0], expected[1]);
  } else {
    expected = {{test::lambda_min(e), 1}, {test::nearest(e.a), n - 2}, {test::lambda_max(e), 1}};
    if (n == 2) expected.erase(expected.begin() + 1);
  }
  require(actual.size() == expected.size(), "the number of distinct eigenvalues");
  for (std::size_t i = 0; i < expected.size(); ++i) {
    require_same(actual[i].value, expected[i].value, "an eigenvalue");
    require(actual[i].multiplicity == expected[i].multiplicity, "the multiplicity of an eigenvalue");
  }
}

// ------------------------------------------------------------------------- canaries

double naive_dot(std::span<const double> x, std::span<const double> z) {
  double sum = 0;
  for (std::size_t i = 0; i < x.size(); ++i) sum += x[i] * z[i];
  return sum;
}

// Off by an ulp, where the result is an ordinary number that is not one of the simplest.
double off_by_an_ulp(double x) {
  return std::isnormal(x) && x != std::trunc(x) ? std::nextafter(x, 0.0) : x;
}

Canary off(const char* name, Operator test::Subject::*member) {
  return {name, [=](test::Subject& s) {
            const Operator library = s.*member;
            s.*member = [=](const MetricOperator& m, std::span<const double> x) {
              std::vector<double> out = library(m, x);
              out.back() = off_by_an_ulp(out.back());
              return out;
            };
          }};
}

Canary off(const char* name, Form test::Subject::*member) {
  return {name, [=](test::Subject& s) {
            const Form library = s.*member;
            s.*member = [=](const MetricOperator& m, std::span<const double> x) {
              return off_by_an_ulp(library(m, x));
            };
          }};
}

}  // namespace

std::vector<Canary> canaries() {
  using Doubles = std::span<const double>;
  return {
      {"M x in doubles, where that is off by an ulp or two",
       [](test::Subject& s) {
         s.apply = [](const MetricOperator& m, Doubles x) {
           std::vector<double> out(x.size());
           m.apply(x, out);
           const double yx = naive_dot(m.y(), x), gx = naive_dot(m.g(), x), p = m.gram().gy().to_double(),
                        gg = m.gram().gg().to_double(), a = *m.scalars().alpha;
           for (std::size_t i = 0; i < x.size(); ++i) {
             const double naive = m.y()[i] * (yx / p) + a * (x[i] - m.g()[i] * (gx / gg));
             if (std::fabs(naive - out[i]) <= 4e-16 * std::fabs(out[i])) out[i] = naive;
           }
           return out;
         };
       }},
      {"M^-1 with the rounded a*",
       [](test::Subject& s) {
         const Operator library = s.solve;
         s.solve = [=](const MetricOperator& m, Doubles x) {
           const double a = *m.scalars().alpha;
           if (!m.alpha().is_optimal() || !std::isnormal(a) || x.size() == 1) return library(m, x);
           return library(*Metric::make(m.g(), m.y(), Alpha(a)), x);
         };
       }},
      off("M x in place is off by an ulp", &test::Subject::apply_in_place),
      off("M^-1 x is off by an ulp", &test::Subject::solve),
      off("M^1/2 x is off by an ulp", &test::Subject::root_apply),
      off("M^-1/2 x is off by an ulp", &test::Subject::root_solve),
      off("J x is off by an ulp", &test::Subject::factor_apply),
      off("J^T x is off by an ulp", &test::Subject::factor_transpose_apply),
      off("J^-1 x is off by an ulp", &test::Subject::factor_solve),
      off("J^-T x is off by an ulp", &test::Subject::factor_transpose_solve),
      off("x^T M x is off by an ulp", &test::Subject::quadratic_form),
      off("x^T M^-1 x is off by an ulp", &test::Subject::inverse_quadratic_form),
      {"M^1/2 x is multiplied by a factor of 1 + 2^-52",
       [](test::Subject& s) {
         const Operator library = s.root_apply;
         s.root_apply = [=](const MetricOperator& m, Doubles x) {
           std::vector<double> out = library(m, x);
           for (double& element : out) element *= 1 + 0x1p-52;
           return out;
         };
       }},
      {"L from the rounded u and v",
       [](test::Subject& s) {
         s.dense_l = [](const LdlFactor& f) {
           arma::mat l = f.dense_l();
           for (arma::uword j = 0; j < l.n_cols; ++j) {
             for (arma::uword i = j + 1; i < l.n_rows; ++i) {
               const double naive = f.y(i) * f.u(j) + f.g(i) * f.v(j);
               if (std::fabs(naive - l(i, j)) <= 1e-15 * std::fabs(l(i, j))) l(i, j) = naive;
             }
           }
           return l;
         };
       }},
      {"the last pivot is off by an ulp",
       [](test::Subject& s) {
         s.ldl = [](const MetricOperator& m) {
           LdlFactor f = m.ldl();
           f.pivots.back() = off_by_an_ulp(f.pivots.back());
           return f;
         };
       }},
      {"M is symmetric but for an ulp",
       [](test::Subject& s) {
         s.dense = [](const MetricOperator& m) {
           arma::mat out = m.dense();
           if (out.n_rows > 1) out(0, 1) = off_by_an_ulp(out(0, 1));
           return out;
         };
       }},
      {"equal eigenvalues are listed apart",
       [](test::Subject& s) {
         s.spectrum = [](const MetricOperator& m) {
           std::vector<Eigenvalue> out = m.spectrum();
           if (out.size() == 1 && out[0].multiplicity > 1) {
             out.push_back({out[0].value, 1});
             --out[0].multiplicity;
           }
           return out;
         };
       }},
      {"orthogonal counts as effective",
       [](test::Subject& s) {
         s.metric = [](Doubles g, Doubles y, Alpha a) {
           const Gram gram = Gram::of(g, y);
           if (gram.judge().reason == Reason::orthogonal) {
             const std::vector<double> unit(g.size(), 1.0);
             return Metric::make(unit, unit, a);
           }
           return Metric::make(g, y, a);
         };
       }},
  };
}

}  // namespace natgrad::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace natgrad::fuzz;
  namespace test = natgrad::test;
  using test::Subject;
  Input input(data, size);
  constexpr void (*tries[])(Input&) = {
      apply,
      solve,
      exchanges_g_and_y,
      quadratic_forms,
      view,
      existence,
      within_bound<&Subject::root_apply, test::root>,
      within_bound<&Subject::root_solve, test::inverse_root>,
      within_bound<&Subject::factor_apply, test::factor>,
      within_bound<&Subject::factor_transpose_apply, test::factor_transpose>,
      within_bound<&Subject::factor_solve, test::factor_inverse>,
      within_bound<&Subject::factor_transpose_solve, test::factor_inverse_transpose>,
      ldl,
      dense,
      spectrum,
  };
  tries[input.below(std::size(tries))](input);
  return 0;
}
