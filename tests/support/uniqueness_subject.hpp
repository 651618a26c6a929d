// natgrad: the functions of uniqueness under test, behind a table that canaries replace.
#ifndef NATGRAD_TESTS_SUPPORT_UNIQUENESS_SUBJECT_HPP
#define NATGRAD_TESTS_SUPPORT_UNIQUENESS_SUBJECT_HPP

#include <armadillo>
#include <cstdint>
#include <functional>
#include <optional>

#include "natgrad/uniqueness.hpp"

namespace natgrad::test {

/// Every member behaves as the library does, unless a canary has replaced it.
struct UniquenessSubject {
  using Vec = const arma::vec&;
  using Mat = const arma::mat&;

  std::function<Definiteness(Mat m)> definiteness = natgrad::definiteness;
  std::function<MetricCheck(Mat m, Vec g, Vec y, double tolerance)> check_metric = natgrad::check_metric;
  std::function<std::optional<Decomposition>(Mat m, Vec g)> decompose = natgrad::decompose;
  std::function<std::optional<MetricCoordinates>(Mat m, Vec g)> coordinates = natgrad::coordinates;
  std::function<std::optional<arma::mat>(Mat s, Vec g, Vec y)> from_coordinates = natgrad::from_coordinates;
  std::function<std::uint64_t(std::uint64_t)> metric_family_dimension = natgrad::metric_family_dimension;
  std::function<std::optional<MetricFactor>(Mat m, Vec g)> factor = natgrad::factor;
  std::function<FactorRotation(Mat u, Mat v)> rotation_between = natgrad::rotation_between;
  std::function<bool(const Gram&, Vec spectrum)> spectrum_exists = natgrad::spectrum_exists;
  std::function<bool(const Gram&, double condition)> condition_exists = natgrad::condition_exists;
  std::function<std::optional<RandomMetric>(Vec g, Vec y, Vec spectrum, Random&)> random_with_spectrum =
      [](Vec g, Vec y, Vec spectrum, Random& random) { return random_metric(g, y, spectrum, random); };
  std::function<std::optional<RandomMetric>(Vec g, Vec y, double condition, Random&)> random_with_condition =
      [](Vec g, Vec y, double condition, Random& random) { return random_metric(g, y, condition, random); };
  std::function<std::optional<arma::mat>(Vec g, Vec y, Random&)> random_exact =
      [](Vec g, Vec y, Random& random) { return random_metric(g, y, random); };
};

}  // namespace natgrad::test

#endif
