// natgrad: the library against the oracle, field by field and bit by bit.
#include "library_comparison.hpp"

#include <bit>
#include <cstdio>

#include "natgrad/scalars.hpp"

namespace natgrad::reference {

bool same(std::optional<double> a, std::optional<double> b) {
  if (!a || !b) return !a && !b;
  return std::bit_cast<std::uint64_t>(*a) == std::bit_cast<std::uint64_t>(*b);
}

std::string hex(std::optional<double> x) {
  if (!x) return "null";
  char text[48];
  std::snprintf(text, sizeof text, "%a", *x);
  return text;
}

std::string describe(const HostilePair& pair) {
  std::string text = "[" + pair.tag + "] D=" + std::to_string(pair.g.size());
  const bool all = pair.g.size() <= 128;
  for (const auto* v : {&pair.g, &pair.y}) {
    text += v == &pair.g ? " g=(" : " y=(";
    std::size_t printed = 0;
    for (std::size_t i = 0; i < v->size() && printed < 128; ++i) {
      if (!all && (*v)[i] == 0) continue;
      if (printed++ > 0) text += ' ';
      if (!all) text.append(std::to_string(i)).append(":");
      text += hex((*v)[i]);
    }
    text += printed == 128 && !all ? " ...)" : ")";
  }
  return text + " alpha=" + (pair.alpha ? hex(pair.alpha) : "optimal");
}

std::vector<Mismatch> differences(const Fields& got, const Fields& expected) {
  std::vector<Mismatch> result;
  if (got.verdict != expected.verdict) result.push_back({"verdict", got.verdict, expected.verdict});
  if (got.reason != expected.reason) result.push_back({"reason", got.reason, expected.reason});
  const auto check = [&](const char* field, std::optional<double> a, std::optional<double> b) {
    if (!same(a, b)) result.push_back({field, hex(a), hex(b)});
  };
  check("gg", got.gg, expected.gg);
  check("gy", got.gy, expected.gy);
  check("yy", got.yy, expected.yy);
  for (const Field field : all_fields) check(name(field), got[field], expected[field]);
  return result;
}

namespace {

Alpha alpha_of(const HostilePair& pair) {
  return pair.alpha ? Alpha(*pair.alpha) : Alpha::optimal();
}

}  // namespace

Fields library_fields(const HostilePair& pair) {
  const Gram gram = Gram::of(std::span(pair.g), std::span(pair.y));
  const Alpha a = alpha_of(pair);
  const Scalars s = scalars(gram, a);
  return {std::string(to_string(s.judgement.verdict)),
          std::string(to_string(s.judgement.reason)),
          s.gg,
          s.gy,
          s.yy,
          {s.cosine, s.sine, s.angle, s.alpha, s.lambda_min, s.lambda_max, s.condition, s.sqrt_condition,
           s.log_condition, s.trace, s.log_det, frobenius_norm(gram, a)}};
}

std::vector<Mismatch> compare_library(const HostilePair& pair, const Fields& expected) {
  const Fields got = library_fields(pair);
  std::vector<Mismatch> result = differences(got, expected);
  const Gram gram = Gram::of(std::span(pair.g), std::span(pair.y));
  const Alpha a = alpha_of(pair);
  const Fields alone{got.verdict,
                     got.reason,
                     gram.gg().to_double(),
                     gram.gy().to_double(),
                     gram.yy().to_double(),
                     {cosine(gram), sine(gram), angle(gram), natgrad::alpha(gram, a), lambda_min(gram, a),
                      lambda_max(gram, a), condition(gram, a), sqrt_condition(gram, a),
                      log_condition(gram, a), trace(gram, a), log_det(gram, a), got[Field::frobenius_norm]}};
  for (Mismatch m : differences(alone, got)) {
    m.field += " (alone against scalars())";
    result.push_back(std::move(m));
  }
  return result;
}

}  // namespace natgrad::reference
