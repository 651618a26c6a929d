// natgrad: correctly rounded scalars against plain formulas. Arguments: optimal|given, the parameter a.
#include <optional>
#include <span>
#include <vector>

#include "baseline.hpp"
#include "bench.hpp"
#include "data.hpp"
#include "natgrad/scalars.hpp"

namespace natgrad::bench {
namespace {

constexpr std::size_t n = 1000, count = 64;

/// The next of the Grams at each call, so that no branch is learned from one of them.
template <class T, class F>
auto in_turn(const std::vector<T>& grams, F f) {
  return [&grams, f, i = std::size_t{0}]() mutable { return f(grams[i++ % count]); };
}

}  // namespace
}  // namespace natgrad::bench

int main(int argc, char** argv) {
  using namespace natgrad;
  using namespace natgrad::bench;
  Program program(argc, argv);
  // A given a of the size of a*, which is about sqrt(n) here.
  const double given = program.argument(0, "optimal") == "given" ? 20.5 : 0;
  const Alpha a = given > 0 ? Alpha(given) : Alpha();

  std::vector<Gram> grams;
  std::vector<PlainGram> plain;
  const Vector<double> numbers = normal_vector(2 * n * count, 3);
  for (std::size_t i = 0; i < count; ++i) {
    const std::span<const double> g(&numbers[2 * n * i], n), y(&numbers[2 * n * i + n], n);
    grams.push_back(Gram::of(g, y));
    if (grams.back().gy().sign() < 0) {
      Vector<double> minus(y.begin(), y.end());
      for (double& element : minus) element = -element;
      grams.back() = Gram::of(g, minus);
    }
    const Gram& gram = grams.back();
    plain.push_back({gram.gg().to_double(), gram.gy().to_double(), gram.yy().to_double(), n});
  }

  program.time("all", in_turn(grams, [a](const Gram& m) { return scalars(m, a); }));
  program.time("algebraic", in_turn(grams, [a](const Gram& m) { return algebraic_scalars(m, a); }));
  program.time("angle", in_turn(grams, [](const Gram& m) { return angle(m); }));
  program.time("log_condition", in_turn(grams, [a](const Gram& m) { return log_condition(m, a); }));
  program.time("log_det", in_turn(grams, [a](const Gram& m) { return log_det(m, a); }));

  program.time("plain all", in_turn(plain, [given](const PlainGram& m) { return plain_scalars(m, given); }));
  program.time("plain algebraic",
               in_turn(plain, [given](const PlainGram& m) { return plain_algebraic(m, given); }));
  program.time("plain angle", in_turn(plain, plain_angle));
  program.time("plain log_condition",
               in_turn(plain, [given](const PlainGram& m) { return plain_log_condition(m, given); }));
  program.time("plain log_det",
               in_turn(plain, [given](const PlainGram& m) { return plain_log_det(m, given); }));
  return program.run();
}
