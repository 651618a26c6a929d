// natgrad: every scalar and enclosure against the exact oracle, on hostile pairs and on Grams of any
// integers.
#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "input.hpp"
#include "reference/library_comparison.hpp"
#include "reference/oracle.hpp"
#include "support/environment.hpp"
#include "support/exact.hpp"
#include "support/forge.hpp"
#include "target.hpp"

namespace natgrad::fuzz {

namespace {

using reference::cpp_int;
using reference::Dyadic;
using reference::ExactGram;
using reference::Field;
using reference::Oracle;

constexpr std::size_t max_dimension = 6;

// ------------------------------------------------------------------------- Grams

// The bytes of a Gram, which need not be that of vectors.
std::optional<Gram> forged(const ExactGram& e) {
  std::vector<std::byte> bytes;
  const auto append = [&bytes](std::uint64_t word) {
    for (int i = 0; i < 8; ++i) bytes.push_back(static_cast<std::byte>(word >> (8 * i)));
  };
  for (const char c : {'N', 'G', 'G', 'R', 'A', 'M', '\0', '\1'}) bytes.push_back(static_cast<std::byte>(c));
  append(e.dimension);
  for (const cpp_int& value : {e.gg, e.gy, e.yy}) {
    cpp_int rest = value < 0 ? (cpp_int(1) << (64 * ExactSum::word_count)) + value : value;
    for (std::size_t i = 0; i < ExactSum::word_count; ++i) {
      append(static_cast<std::uint64_t>(rest & ~std::uint64_t{0}));
      rest >>= 64;
    }
  }
  return Gram::deserialise(bytes);
}

struct Subjects {
  Gram gram;
  ExactGram exactly;
};

// A positive integer of few bits at any place, or of many.
cpp_int magnitude(Input& input) {
  const auto shift = static_cast<unsigned>(input.below(4196));
  cpp_int out = 1 + cpp_int(input.below(256));
  if (input.one_in(2)) out = (out << 64) + input.word();
  out <<= shift;
  // Below 2^4198 = 2^2050 in units of 2^-2148, for any D.
  const cpp_int limit = (cpp_int(1) << 4198) - 1;
  return out > limit ? limit : out;
}

// gg and yy of any integers, p anywhere up to sqrt(gg yy), or next to it, or next to 0.
Subjects draw_integers(Input& input) {
  ExactGram e;
  e.gg = magnitude(input);
  e.yy = input.one_in(3) ? e.gg : magnitude(input);
  const cpp_int root = boost::multiprecision::sqrt(cpp_int(e.gg * e.yy));
  switch (input.below(4)) {
    case 0:
      e.gy = root;
      break;
    case 1:
      e.gy = root - std::min(root, cpp_int(input.below(4)));
      break;
    case 2:
      e.gy = std::min(root, cpp_int(input.below(256)) << static_cast<unsigned>(input.below(2048)));
      break;
    default:
      e.gy = root - std::min(root, magnitude(input));
      break;
  }
  if (input.one_in(8)) e.gy = -e.gy;
  // For D = 1 the vectors are parallel.
  e.dimension = 2 + (input.one_in(2) ? input.below(4) : input.below(std::uint64_t{1} << 62));
  const Gram gram = *forged(e);
  input.note_text("gg", gram.gg().to_hex());
  input.note_text("p", gram.gy().to_hex());
  input.note_text("yy", gram.yy().to_hex());
  input.note("dimension (rounded)", static_cast<double>(e.dimension));
  return {gram, e};
}

// A pair, perhaps with coordinates that are zero in both vectors.
Subjects with_zeros(Input& input, const Pair& pair) {
  Subjects out{Gram::of(pair.g, pair.y), reference::exact_gram(pair.g, pair.y)};
  if (input.one_in(4)) {
    ExactGram zeros;
    zeros.dimension = input.one_in(2) ? 1 + input.below(5) : input.below(std::uint64_t{1} << 62);
    out.gram.merge(*forged(zeros));
    out.exactly.dimension += zeros.dimension;
    input.note("further zeros (rounded)", static_cast<double>(zeros.dimension));
  }
  return out;
}

// ------------------------------------------------------------------------- values

using Member = test::Subject::Scalar test::Subject::*;
constexpr Member members[] = {
    &test::Subject::cosine,    &test::Subject::sine,           &test::Subject::angle,
    &test::Subject::alpha,     &test::Subject::lambda_min,     &test::Subject::lambda_max,
    &test::Subject::condition, &test::Subject::sqrt_condition, &test::Subject::log_condition,
    &test::Subject::trace,     &test::Subject::log_det,        &test::Subject::frobenius_norm};
static_assert(std::size(members) == reference::all_fields.size());

std::optional<double> field_of(const Scalars& s, Field field) {
  const std::optional<double> fields[] = {s.cosine,        s.sine,       s.angle,     s.alpha,
                                          s.lambda_min,    s.lambda_max, s.condition, s.sqrt_condition,
                                          s.log_condition, s.trace,      s.log_det};
  return fields[static_cast<std::size_t>(field)];
}

void require_bits(std::optional<double> actual, std::optional<double> expected, const std::string& what) {
  if (reference::same(actual, expected)) return;
  mismatch(what + " is " + reference::hex(actual) + ", should be " + reference::hex(expected));
}

void value(Input& input, Field field) {
  const std::uint64_t kind = input.below(4);
  const auto environment = static_cast<test::Environment>(input.below(5));
  Subjects s;
  Alpha a;
  if (kind == 3) {
    s = draw_integers(input);
    if (input.one_in(2)) a = Alpha(positive(input));
  } else if (kind == 2) {
    const Pair any = pair(input, max_dimension);
    s = with_zeros(input, any);
    if (input.one_in(2)) a = Alpha(positive(input));
  } else {
    const Pair effective = effective_pair(input, max_dimension);
    a = alpha(input, effective);
    s = with_zeros(input, effective);
  }
  std::optional<double> alone;
  Scalars all;
  {
    const test::EnvironmentScope scope(environment);
    alone = (subject().*members[static_cast<std::size_t>(field)])(s.gram, a);
    if (kind % 2 == 0) all = subject().scalars(s.gram, a);
  }
  const Oracle oracle(s.exactly, a.value());
  const std::optional<double> expected = oracle.value(field);
  require_bits(alone, expected, reference::name(field));
  if (kind % 2 == 0) {
    if (field != Field::frobenius_norm) {
      require_bits(field_of(all, field), expected, std::string(reference::name(field)) + " of scalars()");
    }
    require(to_string(all.judgement.verdict) == oracle.verdict(), "the verdict");
    require(to_string(all.judgement.reason) == oracle.reason(), "the reason of the verdict");
    require_bits(all.gg, oracle.gg(), "gg");
    require_bits(all.gy, oracle.gy(), "p");
    require_bits(all.yy, oracle.yy(), "yy");
  }
}

// ------------------------------------------------------------------------- enclosures

std::optional<Enclosure> field_of(const ScalarEnclosures& s, Field field) {
  const std::optional<Enclosure> fields[] = {s.cosine,        s.sine,       s.angle,     s.alpha,
                                             s.lambda_min,    s.lambda_max, s.condition, s.sqrt_condition,
                                             s.log_condition, s.trace,      s.log_det};
  return fields[static_cast<std::size_t>(field)];
}

std::string text(const std::optional<Enclosure>& e) {
  return e ? "[" + test::hex(e->lo) + ", " + test::hex(e->hi) + "]" : "nothing";
}

// The exact value lies in the enclosure: its neighbours below and above do.
void require_inside(const std::optional<Enclosure>& enclosure,
                    const std::optional<reference::Rounded>& exactly, const char* what) {
  if (!exactly) return;
  if (enclosure && enclosure->lo <= exactly->down && exactly->up <= enclosure->hi) return;
  mismatch(std::string(what) + " of a pair within the radius, in [" + test::hex(exactly->down) + ", " +
           test::hex(exactly->up) + "], is enclosed by " + text(enclosure));
}

void require_inside(const Enclosure& enclosure, const cpp_int& units, const char* what) {
  const Dyadic exactly(units, ExactSum::unit_exponent);
  const bool above = enclosure.lo == -std::numeric_limits<double>::infinity() ||
                     (std::isfinite(enclosure.lo) && compare(Dyadic(enclosure.lo), exactly) <= 0);
  const bool below = enclosure.hi == std::numeric_limits<double>::infinity() ||
                     (std::isfinite(enclosure.hi) && compare(exactly, Dyadic(enclosure.hi)) <= 0);
  if (!above || !below)
    mismatch(std::string(what) + " of a pair within the radius is not in " + text(enclosure));
}

// From 2^k times the largest element down to far below.
double draw_radius(Input& input, const Pair& pair) {
  const std::vector<double>& x = input.one_in(2) ? pair.y : pair.g;
  double size = 0;
  for (const double element : x) size = std::max(size, std::fabs(element));
  const double leading = 1 + static_cast<double>(input.below(16)) / 16;
  const int exponent = input.one_in(4) ? input.between(-60, 4) : input.between(-5, 2);
  const double radius = std::ldexp(leading * size, exponent);
  const double kept = std::isfinite(radius) ? radius : std::numeric_limits<double>::max();
  input.note("radius", kept);
  return kept;
}

bool within(const std::vector<double>& offset, double radius) {
  test::Rational sum = 0;
  for (const double element : offset) sum += test::exact(element) * test::exact(element);
  return sum <= test::exact(radius) * test::exact(radius);
}

// x over its largest element, so that nothing below overflows.
std::vector<double> scaled_to_one(const std::vector<double>& x) {
  double size = 0;
  for (const double element : x) size = std::max(size, std::fabs(element));
  std::vector<double> out = x;
  if (size == 0) return out;
  for (double& element : out) element = std::ldexp(element, -std::ilogb(size));
  return out;
}

double norm(const std::vector<double>& x) {
  double sum = 0;
  for (const double element : x) sum += element * element;
  return std::sqrt(sum);
}

// An offset of length <= radius: none, along an axis, along x or z, across x in the plane of both, tangent
// from the origin to the ball around x (which turns x as far as the ball allows), or any.
std::vector<double> draw_offset(Input& input, const std::vector<double>& x, const std::vector<double>& z,
                                double radius) {
  const std::size_t n = x.size();
  std::vector<double> offset(n, 0.0);
  const std::uint64_t kind = input.below(7);
  const double sign = input.one_in(2) ? -1 : 1;
  if (kind == 0) return offset;
  if (kind == 1) {
    offset[input.below(n)] = sign * radius;
    input.note("offset", offset);
    return offset;
  }
  const std::vector<double> a = scaled_to_one(x), b = scaled_to_one(z);
  double ab = 0;
  for (std::size_t i = 0; i < n; ++i) ab += a[i] * b[i];
  std::vector<double> across(n, 0.0);
  const double aa = norm(a) * norm(a);
  for (std::size_t i = 0; i < n; ++i) across[i] = aa == 0 ? 0 : b[i] - ab / aa * a[i];
  std::vector<double> w(n, 0.0);
  if (kind == 2) {
    w = a;
  } else if (kind == 3) {
    w = b;
  } else if (kind == 4) {
    w = across;
  } else if (kind == 5 && aa > 0 && norm(across) > 0) {
    // radius/|x|, without overflow
    double size = 0;
    for (const double element : x) size = std::max(size, std::fabs(element));
    const double sine = std::ldexp(radius, -std::ilogb(size)) / norm(a);
    if (sine < 1) {
      const double cosine = std::sqrt(1 - sine * sine);
      for (std::size_t i = 0; i < n; ++i) {
        w[i] = -sine * a[i] / norm(a) + sign * cosine * across[i] / norm(across);
      }
    }
  } else {
    for (double& element : w) element = input.number(-8, 8);
  }
  const double length = norm(w);
  const double factor = kind == 5 ? 1 : sign;
  for (std::size_t i = 0; i < n && length > 0; ++i)
    offset[i] = factor * w[i] / length * (1 - 0x1p-40) * radius;
  if (!within(offset, radius)) offset.assign(n, 0.0);
  input.note("offset", offset);
  return offset;
}

void enclosure_contains(Input& input) {
  const auto field = static_cast<Field>(input.below(reference::all_fields.size() - 1));
  const Pair pair = fuzz::pair(input, max_dimension);
  const double radius = draw_radius(input, pair);
  const Alpha a = input.one_in(2) ? Alpha(positive(input)) : Alpha();
  const ScalarEnclosures enclosures = subject().enclose(Gram::of(pair.g, pair.y), radius, a);
  for (int member = 0; member < 2; ++member) {
    const std::vector<double> g = draw_offset(input, pair.g, pair.y, radius);
    const std::vector<double> y = draw_offset(input, pair.y, pair.g, radius);
    const ExactGram exactly = reference::exact_gram(pair.g, g, pair.y, y);
    const Oracle oracle(exactly, a.value());
    if (enclosures.judgement.verdict != Verdict::undetermined) {
      require(to_string(enclosures.judgement.verdict) == oracle.verdict(), "the verdict for all of the ball");
    }
    require_inside(enclosures.gg, exactly.gg, "gg");
    require_inside(enclosures.gy, exactly.gy, "p");
    require_inside(enclosures.yy, exactly.yy, "yy");
    require_inside(field_of(enclosures, field), oracle.rounded(field), reference::name(field));
  }
}

// Radius 0: the verdict of the pair, and enclosures of at most two units in the last place.
void exact_data(Input& input) {
  const auto field = static_cast<Field>(input.below(reference::all_fields.size() - 1));
  const Pair pair = fuzz::pair(input, max_dimension);
  const Alpha a = input.one_in(2) ? Alpha(positive(input)) : Alpha();
  const ScalarEnclosures enclosures = subject().enclose(Gram::of(pair.g, pair.y), 0, a);
  const ExactGram exactly = reference::exact_gram(pair.g, pair.y);
  const Oracle oracle(exactly, a.value());
  require(to_string(enclosures.judgement.verdict) == oracle.verdict(), "the verdict of exact data");
  require(to_string(enclosures.judgement.reason) == oracle.reason(), "the reason of exact data");
  require_inside(enclosures.gg, exactly.gg, "gg");
  require_inside(enclosures.gy, exactly.gy, "p");
  require_inside(enclosures.yy, exactly.yy, "yy");
  const auto around = field_of(enclosures, field);
  require(around.has_value() == oracle.value(field).has_value(), "an enclosure exists where the scalar does");
  require_inside(around, oracle.rounded(field), reference::name(field));
  constexpr double infinity = std::numeric_limits<double>::infinity();
  if (around && around->hi > std::nextafter(std::nextafter(around->lo, infinity), infinity)) {
    mismatch(std::string(reference::name(field)) + " of exact data is enclosed by " + text(around));
  }
}

// ------------------------------------------------------------------------- canaries

Canary changed(const char* name, Member member, double (*change)(double)) {
  return {name, [=](test::Subject& s) {
            const test::Subject::Scalar library = s.*member;
            s.*member = [=](const Gram& gram, Alpha a) {
              auto result = library(gram, a);
              if (result) result = change(*result);
              return result;
            };
          }};
}

// From the rounded entries of the Gram, in doubles, where that is close.
Canary in_doubles(const char* name, Member member, double (*formula)(double gg, double p, double yy)) {
  return {name, [=](test::Subject& s) {
            const test::Subject::Scalar library = s.*member;
            s.*member = [=](const Gram& gram, Alpha a) {
              const auto result = library(gram, a);
              const double naive =
                  formula(gram.gg().to_double(), gram.gy().to_double(), gram.yy().to_double());
              // A mistake of the last bits only: what is grossly wrong would be too easy to find.
              const bool close = result && std::isnormal(naive) && a.is_optimal() &&
                                 std::fabs(naive - *result) <= 4e-16 * std::fabs(*result);
              return close ? std::optional(naive) : result;
            };
          }};
}

// a* rounded to a double before it is used.
Canary rounded_star(const char* name, Member member) {
  return {name, [=](test::Subject& s) {
            const test::Subject::Scalar library = s.*member;
            s.*member = [=](const Gram& gram, Alpha a) {
              const auto star = natgrad::alpha(gram);
              const bool usable = a.is_optimal() && star && std::isfinite(*star) && *star > 0;
              return library(gram, usable ? Alpha(*star) : a);
            };
          }};
}

}  // namespace

std::vector<Canary> canaries() {
  return {
      in_doubles("cos in doubles, off by an ulp at most", &test::Subject::cosine,
                 [](double gg, double p, double yy) { return p / std::sqrt(gg * yy); }),
      in_doubles("sin in doubles, off by an ulp or two", &test::Subject::sine,
                 [](double gg, double p, double yy) { return std::sqrt((gg * yy - p * p) / (gg * yy)); }),
      in_doubles("angle by acos in doubles", &test::Subject::angle,
                 [](double gg, double p, double yy) { return std::acos(p / std::sqrt(gg * yy)); }),
      in_doubles("a* as the quotient of two rounded numbers", &test::Subject::alpha,
                 [](double, double p, double yy) { return yy / p; }),
      rounded_star("lambda_min at the rounded a*", &test::Subject::lambda_min),
      rounded_star("lambda_max at the rounded a*", &test::Subject::lambda_max),
      rounded_star("the norm at the rounded a*", &test::Subject::frobenius_norm),
      in_doubles("sqrt of kappa in doubles", &test::Subject::sqrt_condition,
                 [](double gg, double p, double yy) {
                   return (std::sqrt(gg * yy) + std::sqrt(gg * yy - p * p)) / p;
                 }),
      {"kappa as the square of its rounded root",
       [](test::Subject& s) {
         s.condition = [](const Gram& gram, Alpha a) -> std::optional<double> {
           const auto root = natgrad::sqrt_condition(gram, a);
           return root ? std::optional(*root * *root) : root;
         };
       }},
      {"ln kappa as the logarithm of a rounded number",
       [](test::Subject& s) {
         s.log_condition = [](const Gram& gram, Alpha a) -> std::optional<double> {
           const auto root = natgrad::sqrt_condition(gram, a);
           const auto exactly = natgrad::log_condition(gram, a);
           return root && std::isfinite(*root) ? std::optional(2 * std::log(*root)) : exactly;
         };
       }},
      changed("the trace is off by an ulp", &test::Subject::trace,
              [](double x) { return std::nextafter(x, 0.0); }),
      changed("0 as ln det comes out negative", &test::Subject::log_det,
              [](double x) { return x == 0 ? -0x1p-1074 : x; }),
      changed("subnormal lambda_min counts as zero", &test::Subject::lambda_min,
              [](double x) { return std::fabs(x) < std::numeric_limits<double>::min() ? 0.0 : x; }),
      changed("lambda_max stops at the largest double", &test::Subject::lambda_max,
              [](double x) { return std::min(x, std::numeric_limits<double>::max()); }),
      {"the radius is forgotten in the angle",
       [](test::Subject& s) {
         s.enclose = [](const Gram& gram, double radius, Alpha a) {
           ScalarEnclosures out = natgrad::enclose(gram, radius, a);
           out.angle = natgrad::enclose(gram, 0, a).angle;
           return out;
         };
       }},
      {"the angle turns with one of the vectors only",
       [](test::Subject& s) {
         s.enclose = [](const Gram& gram, double radius, Alpha a) {
           ScalarEnclosures out = natgrad::enclose(gram, radius, a);
           const auto inner = natgrad::enclose(gram, 0, a).angle;
           if (out.angle && inner) {
             out.angle = Enclosure{(out.angle->lo + inner->lo) / 2, (out.angle->hi + inner->hi) / 2};
           }
           return out;
         };
       }},
      {"the verdict of the centre is that of the ball",
       [](test::Subject& s) {
         s.enclose = [](const Gram& gram, double radius, Alpha a) {
           ScalarEnclosures out = natgrad::enclose(gram, radius, a);
           out.judgement = gram.judge();
           return out;
         };
       }},
  };
}

}  // namespace natgrad::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace natgrad::fuzz;
  namespace reference = natgrad::reference;
  Input input(data, size);
  const auto choice = input.below(16);
  if (choice < reference::all_fields.size()) {
    value(input, reference::all_fields[choice]);
  } else if (choice < 15) {
    enclosure_contains(input);
  } else {
    exact_data(input);
  }
  return 0;
}
