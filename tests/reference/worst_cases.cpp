// natgrad: worst cases kept as data: small vectors with every scalar in hexadecimal floats.
#include "worst_cases.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <istream>
#include <limits>
#include <ostream>
#include <sstream>
#include <stdexcept>
#include <utility>

#include "library_comparison.hpp"

namespace natgrad::reference {

namespace {

Fields oracle_fields(const HostilePair& pair) {
  return fields(Oracle(exact_gram(pair.g, pair.y), pair.alpha));
}

std::vector<HostilePair> by_hand() {
  constexpr double max = std::numeric_limits<double>::max(), tiny = 0x1p-1074, one_up = 1 + 0x1p-52;
  return {
      // Square root of the condition number 2^2098: only its logarithm is finite.
      {{0x1p1023, tiny}, {0, 0x1p1023}, {}, "largest condition number"},
      {{0x1p1023, tiny}, {0, 0x1p1023}, tiny, "largest condition number at the least alpha"},
      {{0x1p1023, tiny}, {0, 0x1p1023}, max, "largest condition number at the largest alpha"},
      {{0x1p1023, tiny}, {0, 0x1p1023}, 1.0, "largest condition number at alpha 1"},
      {{0x1p1023, -tiny}, {0, 0x1p1023}, {}, "least negative cosine"},
      {{0x1p511, 0x1p-512}, {0, 1}, {}, "square root of the condition number 2^1024"},
      {{0x1p511, 0x1p-511}, {0, 1}, {}, "square root of the condition number 2^1023"},
      {{1, 0x1p-512}, {0, 1}, {}, "condition number 2^1026"},
      {{1, 0x1p-511}, {0, 1}, {}, "condition number just below 2^1024"},
      {{1, 1e-154}, {0, 1}, {}, "cosine 1e-154"},
      {{1, 1e-8}, {0, 1}, {}, "cosine 1e-8"},
      {{1, 1e-8}, {1, 2e-8}, {}, "sine 1e-8"},
      {{1, 0x1p-27}, {1, 0}, {}, "sine 2^-27"},
      {{1, tiny}, {1, 0}, {}, "least sine of a pair near 1"},
      {{max, tiny}, {max, 0}, {}, "least sine"},
      {{max, tiny}, {max, 0}, 1.0, "least sine at alpha 1"},
      {{max, tiny}, {-max, 0}, {}, "angle nearest to pi"},
      {{1, one_up}, {one_up, -1}, {}, "orthogonal"},
      {{1, one_up}, {one_up, -1 + 0x1p-53}, {}, "orthogonal but for an ulp"},
      {{1, one_up}, {one_up, -1 - 0x1p-52}, {}, "orthogonal but for an ulp the other way"},
      {{1, 1}, {1, 1}, {}, "identical"},
      {{1, 1}, {1, 1}, one_up, "identical at alpha 1 and an ulp"},
      {{1, 1}, {-1, -1}, {}, "opposite"},
      {{1, 2, 3}, {2, 4, 6}, 2.0, "parallel at alpha*"},
      {{1, 2, 3}, {2, 4, 6}, 3.0, "parallel away from alpha*"},
      {{3}, {7}, {}, "one dimension"},
      {{3}, {7}, 5.0, "one dimension at an alpha"},
      {{3}, {-7}, {}, "one dimension opposite"},
      {{tiny}, {tiny}, {}, "one dimension of the least numbers"},
      {{max}, {max}, {}, "one dimension of the largest numbers"},
      {{tiny}, {max}, {}, "alpha overflows"},
      {{max}, {tiny}, {}, "alpha underflows"},
      {{0x1p537}, {0x1p-537}, {}, "alpha the least number"},
      {{0x1p537}, {0x1p-538}, {}, "alpha half the least number: to even"},
      {{0x1p537}, {0x1.8p-537}, {}, "alpha 3/2 of the least number: to even"},
      {{0x1p537}, {0x1.0000000000001p-538}, {}, "alpha just above half the least number"},
      {{max, 0}, {0, max}, {}, "orthogonal and huge"},
      {{tiny, 0}, {0, tiny}, {}, "orthogonal and tiny"},
      {{tiny, tiny}, {tiny, 0}, {}, "the least numbers at 45 degrees"},
      {{0, 0}, {1, 2}, {}, "zero update"},
      {{1, 2}, {-0.0, 0}, {}, "zero gradient"},
      {{0, -0.0}, {0, 0}, {}, "stationary"},
      {{1, 0}, {4, 3}, {}, "3-4-5"},
      {{1, 0}, {-4, 3}, {}, "3-4-5 obtuse"},
      {{2, 1}, {2, -1}, {}, "condition number 9"},
      {{3, -1, 0}, {1, -3, 0}, {}, "alpha 5/3"},
      // The doubles whose logarithms are the hardest to round (Lefevre and Muller): next to a midpoint, or to
      // a double, for 60 bits and more.
      {{1}, {0x1.9476e304cd7c7p-384}, {}, "logarithm next to a midpoint"},
      {{1}, {0x1.613955dc802f8p-35}, {}, "logarithm next to another midpoint"},
      {{1}, {0x1.ea71d85cee02p-509}, {}, "logarithm next to a double"},
      {{1}, {0x1.26e9c4d32796p-232}, {}, "logarithm next to another double"},
      {{1}, {0x1.62a88613629b5p+678}, {}, "logarithm next to a large double"},
  };
}

/// The hardest of some candidates that extended precision picks out of `tries` draws.
template <class Draw, class Approximate>
std::vector<HostilePair> hardest(std::uint64_t seed, int tries, std::size_t keep, Field field, Draw draw,
                                 Approximate approximate) {
  Random r(seed);
  std::vector<std::pair<double, HostilePair>> found;
  for (int i = 0; i < tries; ++i) {
    const HostilePair pair = draw(r);
    const long double v = approximate(pair);
    const double d = static_cast<double>(v);
    const double unit = std::nextafter(d, std::numeric_limits<double>::infinity()) - d;
    if (std::abs(std::abs(static_cast<double>(v - static_cast<long double>(d)) / unit) - 0.5) > 0x1p-10)
      continue;
    const Oracle oracle(exact_gram(pair.g, pair.y), pair.alpha);
    found.emplace_back(oracle.hardness(field), pair);
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  std::vector<HostilePair> result;
  for (std::size_t i = 0; i < std::min(keep, found.size()); ++i) result.push_back(found[i].second);
  return result;
}

std::vector<HostilePair> by_search() {
  constexpr int tries = 1 << 20;
  std::vector<HostilePair> result;
  const auto add = [&](const std::vector<HostilePair>& pairs) {
    result.insert(result.end(), pairs.begin(), pairs.end());
  };
  for (const int range : {1, 30, 300}) {
    const std::string where = " with exponents to " + std::to_string(range);
    const auto plane = [=](const char* what) {
      return [=](Random& r) {
        return HostilePair{
            {1, 0}, {std::abs(r.number(-range, range)), r.number(-range, range)}, {}, what + where};
      };
    };
    add(hardest(11, tries, 3, Field::angle, plane("angle hard to round"), [](const HostilePair& p) {
      return std::atan2(std::abs(static_cast<long double>(p.y[1])), static_cast<long double>(p.y[0]));
    }));
    add(hardest(
        12, tries, 3, Field::log_condition, plane("log_condition hard to round"), [](const HostilePair& p) {
          return 2 *
                 std::asinh(std::abs(static_cast<long double>(p.y[1])) / static_cast<long double>(p.y[0]));
        }));
    add(hardest(
        13, tries, 3, Field::log_det,
        [=](Random& r) {
          return HostilePair{{1, 0, 0},
                             {std::abs(r.number(-range, range)), r.number(-range, range), 0},
                             std::abs(r.number(-range, range)),
                             "log_det hard to round" + where};
        },
        [](const HostilePair& p) {
          return 2 * std::log(static_cast<long double>(*p.alpha)) +
                 std::log(static_cast<long double>(p.y[0]));
        }));
  }
  return result;
}

std::vector<HostilePair> by_region() {
  std::vector<HostilePair> result;
  const auto tags = hostile_tags();
  for (std::size_t t = 0; t < tags.size(); ++t) {
    HostilePair best;
    for (std::uint64_t i = t; i < 12 * tags.size(); i += tags.size()) {
      HostilePair pair = hostile_pair(2, i, 60);
      if (pair.tag == tags[t] && (best.g.empty() || pair.g.size() < best.g.size())) best = std::move(pair);
    }
    if (!best.g.empty()) result.push_back(std::move(best));
  }
  return result;
}

}  // namespace

std::vector<WorstCase> find_worst_cases() {
  std::vector<WorstCase> cases;
  for (const auto& part : {by_hand(), by_search(), by_region()})
    for (const HostilePair& pair : part) cases.push_back({pair, oracle_fields(pair)});
  return cases;
}

void write_worst_cases(std::ostream& out, const std::vector<WorstCase>& cases) {
  out << "# natgrad: worst cases with every scalar correctly rounded, as the oracle has it.\n"
         "# Regenerate: natgrad-oracle worst > tests/reference/worst_cases.csv\n"
         "# name,g,y,alpha,verdict,reason,gg,gy,yy";
  for (const Field field : all_fields) out << ',' << name(field);
  out << '\n';
  for (const auto& [pair, expected] : cases) {
    out << pair.tag;
    for (const auto* v : {&pair.g, &pair.y})
      for (std::size_t i = 0; i < v->size(); ++i) out << (i == 0 ? ',' : ' ') << hex((*v)[i]);
    out << ',' << hex(pair.alpha) << ',' << expected.verdict << ',' << expected.reason << ','
        << hex(expected.gg) << ',' << hex(expected.gy) << ',' << hex(expected.yy);
    for (const Field field : all_fields) out << ',' << hex(expected[field]);
    out << '\n';
  }
}

namespace {

std::optional<double> parse(const std::string& text) {
  if (text == "null") return std::nullopt;
  char* end = nullptr;
  const double x = std::strtod(text.c_str(), &end);
  if (text.empty() || *end != 0 || std::isnan(x)) throw std::runtime_error("not a number: \"" + text + "\"");
  return x;
}

std::vector<double> parse_vector(const std::string& text) {
  std::istringstream in(text);
  std::vector<double> v;
  for (std::string entry; in >> entry;) v.push_back(parse(entry).value());
  return v;
}

}  // namespace

std::vector<WorstCase> read_worst_cases(std::istream& in) {
  std::vector<WorstCase> cases;
  std::size_t number = 0;
  for (std::string line; std::getline(in, line);) {
    ++number;
    if (line.empty() || line.front() == '#') continue;
    std::vector<std::string> cells;
    std::istringstream text(line);
    for (std::string cell; std::getline(text, cell, ',');) cells.push_back(cell);
    try {
      if (cells.size() != 9 + all_fields.size()) throw std::runtime_error("wrong number of cells");
      WorstCase c;
      c.pair = {parse_vector(cells[1]), parse_vector(cells[2]), parse(cells[3]), cells[0]};
      c.expected = {
          cells[4], cells[5], parse(cells[6]).value(), parse(cells[7]).value(), parse(cells[8]).value(), {}};
      for (std::size_t i = 0; i < all_fields.size(); ++i) c.expected.values[i] = parse(cells[9 + i]);
      cases.push_back(std::move(c));
    } catch (const std::exception& e) {
      throw std::runtime_error("worst cases, line " + std::to_string(number) + ": " + e.what());
    }
  }
  return cases;
}

}  // namespace natgrad::reference
