// natgrad: a program that links the library. It is the README's example for C++.
#include <iostream>
#include <natgrad/natgrad.hpp>

int main() {
  const arma::vec update = {0.9, -0.1, 0.3};    // g, the step of some learning rule
  const arma::vec descent = {1.0, 0.0, 0.5};    // y = -grad L at the same point
  const auto metric = natgrad::Metric::make(update, descent);
  if (!metric) {
    std::cout << "no metric: the update does not descend\n";
    return 1;
  }
  const natgrad::Scalars s = metric->scalars();
  std::cout.precision(17);
  std::cout << "angle " << *s.angle << " rad, kappa " << *s.condition << '\n';
  std::cout << "M g == y: " << std::boolalpha << arma::approx_equal(metric->apply(update), descent, "absdiff", 0)
            << '\n';
  metric->solve(arma::vec{1, 1, 1}).print("M^-1 (1, 1, 1) =");
}
