// natgrad: vectors for benchmarks.
#include "data.hpp"

#include <bit>
#include <cmath>
#include <cstdint>
#include <functional>
#include <random>
#include <stdexcept>
#include <type_traits>

namespace natgrad::bench {
namespace {

using Engine = std::mt19937_64;

/// The number behind a prefix: 20 of "exponents20".
bool parameter(const std::string& kind, const std::string& prefix, double& out) {
  if (!kind.starts_with(prefix) || kind.size() == prefix.size()) return false;
  std::size_t used = 0;
  out = std::stod(kind.substr(prefix.size()), &used);
  return used == kind.size() - prefix.size();
}

template <class T>
T random_bits(Engine& engine) {
  using Bits = std::conditional_t<sizeof(T) == 8, std::uint64_t, std::uint32_t>;
  T out;
  do out = std::bit_cast<T>(static_cast<Bits>(engine()));
  while (!std::isfinite(out));
  return out;
}

template <class T>
std::function<T(Engine&)> generator(const std::string& kind) {
  double value = 0;
  if (kind == "normal" || kind.starts_with("cos"))
    return [normal = std::normal_distribution<double>()](Engine& engine) mutable {
      return static_cast<T>(normal(engine));
    };
  if (kind == "bits") return random_bits<T>;
  if (parameter(kind, "exponents", value)) {
    const int most = static_cast<int>(value);
    return [exponent = std::uniform_int_distribution<int>(-most, most),
            mantissa = std::uniform_real_distribution<double>(1, 2)](Engine& engine) mutable {
      const double size = std::ldexp(mantissa(engine), exponent(engine));
      return static_cast<T>(engine() >> 63 ? -size : size);
    };
  }
  if (parameter(kind, "lognormal", value))
    return [size = std::lognormal_distribution<double>(0, value)](Engine& engine) mutable {
      const double element = size(engine);
      return static_cast<T>(engine() >> 63 ? -element : element);
    };
  throw std::invalid_argument("no such kind of data: " + kind);
}

/// Brings y to the angle of the given cosine: the component along g, taken from an exact product, is
/// replaced.
void turn(const Vector<double>& g, Vector<double>& y, double cosine) {
  const Gram gram = Gram::of(std::span<const double>(g), std::span<const double>(y));
  const double gg = gram.gg().to_double(), gy = gram.gy().to_double(), yy = gram.yy().to_double();
  const double factor = cosine * std::sqrt(yy / gg) - gy / gg;
  for (std::size_t i = 0; i < y.size(); ++i) y[i] += factor * g[i];
}

}  // namespace

template <class T>
Pair<T> make_pair(const std::string& kind, std::size_t n) {
  Engine engine(1);
  const auto next = generator<T>(kind);
  Pair<T> out{Vector<T>(n), Vector<T>(n)};
  for (T& element : out.g) element = next(engine);
  for (T& element : out.y) element = next(engine);
  if constexpr (std::is_same_v<T, double>) {
    double cosine = 0;
    if (parameter(kind, "cos", cosine)) turn(out.g, out.y, cosine);
  }
  return out;
}

template Pair<double> make_pair(const std::string&, std::size_t);
template Pair<float> make_pair(const std::string&, std::size_t);

Pair<double> descending_pair(std::size_t n) {
  Pair<double> out = make_pair<double>("normal", n);
  if (Gram::of(std::span<const double>(out.g), std::span<const double>(out.y)).gy().sign() < 0)
    for (double& element : out.y) element = -element;
  return out;
}

Vector<double> normal_vector(std::size_t n, unsigned seed) {
  Engine engine(seed);
  std::normal_distribution<double> normal;
  Vector<double> out(n);
  for (double& element : out) element = normal(engine);
  return out;
}

}  // namespace natgrad::bench
