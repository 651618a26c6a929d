// natgrad: the functions of discrete_taylor under test, behind a table that canaries replace.
#ifndef NATGRAD_TESTS_SUPPORT_DISCRETE_TAYLOR_SUBJECT_HPP
#define NATGRAD_TESTS_SUPPORT_DISCRETE_TAYLOR_SUBJECT_HPP

#include <functional>
#include <optional>
#include <span>

#include "natgrad/discrete_taylor.hpp"

namespace natgrad::test {

/// Every member behaves as the library does, unless a canary has replaced it.
struct DiscreteTaylorSubject {
  using Doubles = std::span<const double>;

  std::function<bool(const Gram&, double delta_loss, double eta, double lipschitz)> certifies_effective =
      [](const Gram& gram, double delta_loss, double eta, double lipschitz) {
        return natgrad::certifies_effective(gram.gg(), delta_loss, eta, lipschitz);
      };
  std::function<bool(const Gram&, double eta, double lipschitz)> certifies_decrease =
      [](const Gram& gram, double eta, double lipschitz) {
        return natgrad::certifies_decrease(gram, eta, lipschitz);
      };
  std::function<std::optional<double>(const Gram&, double lipschitz)> largest_step =
      [](const Gram& gram, double lipschitz) { return natgrad::largest_step(gram, lipschitz); };
  std::function<Enclosure(const Gram&, double eta, double lipschitz)> loss_change_bounds =
      [](const Gram& gram, double eta, double lipschitz) {
        return natgrad::loss_change_bounds(gram, eta, lipschitz);
      };
  std::function<Enclosure(const Gram&, double eta, double curvature, double rho)> second_order_bounds =
      [](const Gram& gram, double eta, double curvature, double rho) {
        return natgrad::second_order_bounds(gram, eta, curvature, rho);
      };
  std::function<std::optional<TaylorGradient>(const HessianProduct&, Doubles theta, Doubles g, Doubles y,
                                              double eta, double delta_loss)>
      taylor_gradient =
          [](const HessianProduct& hessian, Doubles theta, Doubles g, Doubles y, double eta,
             double delta_loss) { return natgrad::taylor_gradient(hessian, theta, g, y, eta, delta_loss); };

  using MakeGradient = std::function<DiscreteGradient(const LossFunction&, const GradientFunction&,
                                                      Doubles theta, Doubles theta_plus)>;
  MakeGradient gonzalez = [](const LossFunction& loss, const GradientFunction& gradient, Doubles theta,
                             Doubles theta_plus) {
    return natgrad::gonzalez_gradient(loss, gradient, theta, theta_plus);
  };
  std::function<DiscreteGradient(const LossFunction&, const GradientFunction&, Doubles theta,
                                 Doubles theta_plus, const MeanValueOptions&)>
      mean_value = [](const LossFunction& loss, const GradientFunction& gradient, Doubles theta,
                      Doubles theta_plus, const MeanValueOptions& options) {
        return natgrad::mean_value_gradient(loss, gradient, theta, theta_plus, options);
      };
  std::function<DiscreteGradient(const LossFunction&, const GradientFunction&, Doubles theta,
                                 Doubles theta_plus, std::span<const std::size_t> order)>
      itoh_abe = [](const LossFunction& loss, const GradientFunction& gradient, Doubles theta,
                    Doubles theta_plus, std::span<const std::size_t> order) {
        return natgrad::itoh_abe_gradient(loss, gradient, theta, theta_plus, order);
      };

  std::function<double(DiscreteGradientKind, const Gram&, double eta, double lipschitz)> distance_bound =
      [](DiscreteGradientKind kind, const Gram& gram, double eta, double lipschitz) {
        return natgrad::distance_bound(kind, gram, eta, lipschitz);
      };
  using AngleBound =
      std::function<std::optional<double>(const Gram&, double eta, double lipschitz, DiscreteGradientKind)>;
  AngleBound angle_bound = [](const Gram& gram, double eta, double lipschitz, DiscreteGradientKind kind) {
    return natgrad::angle_bound(gram, eta, lipschitz, kind);
  };
  AngleBound condition_bound = [](const Gram& gram, double eta, double lipschitz, DiscreteGradientKind kind) {
    return natgrad::condition_bound(gram, eta, lipschitz, kind);
  };
  std::function<std::optional<double>(const Gram&, double eta, double lipschitz)>
      condition_change_first_order = [](const Gram& gram, double eta, double lipschitz) {
        return natgrad::condition_change_first_order(gram, eta, lipschitz);
      };

  std::function<StepJudgement(const StepLoss&)> judge_losses = [](const StepLoss& loss) {
    return natgrad::judge_step(loss);
  };
  std::function<StepJudgement(const Gram&, double eta, double lipschitz)> judge_gram =
      [](const Gram& gram, double eta, double lipschitz) {
        return natgrad::judge_step(gram, eta, lipschitz);
      };
  std::function<StepJudgement(const Gram&, double eta, double lipschitz, const StepLoss&)> judge_both =
      [](const Gram& gram, double eta, double lipschitz, const StepLoss& loss) {
        return natgrad::judge_step(gram, eta, lipschitz, loss);
      };
  std::function<LipschitzEstimate(const arma::mat& theta, const arma::mat& gradient)> estimate_lipschitz =
      [](const arma::mat& theta, const arma::mat& gradient) {
        return natgrad::estimate_lipschitz(theta, gradient);
      };
};

}  // namespace natgrad::test

#endif
