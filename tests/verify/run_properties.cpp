// natgrad: laws of run files.
#include "support/laws.hpp"
#include "support/runs.hpp"

namespace natgrad::test {

namespace {

void require_steps(const std::vector<RunStep>& steps, const RunData& run, std::size_t first) {
  for (std::size_t k = 0; k < steps.size(); ++k) {
    RC_ASSERT(steps[k].index == first + k);
    RC_ASSERT((steps[k].grams == grams_of(run, first + k)));
    require_same(steps[k].learning_rate, run.header.learning_rate, "the learning rate");
    RC_ASSERT(steps[k].radius.has_value() == run.header.radius);
    if (run.header.radius) RC_ASSERT(*steps[k].radius == run.radii[first + k]);
  }
}

/// A run in one of the three forms, with or without radii.
RunData draw_form() {
  RunData run = draw_run();
  run.header.content = static_cast<RunContent>(*indices(3));
  run.header.radius = *indices(2) == 0;
  if (run.header.content == RunContent::parameters) {
    run.updates.push_back(run.updates.front());
    for (double& element : run.updates.back()) element = *doubles();
  }
  if (run.header.radius)
    for (std::size_t k = 0; k < run.gradients.size(); ++k)
      run.radii.push_back(*indices(3) == 0 ? 0.0 : *positive_doubles());
  RC_TAG(std::string(run.header.content == RunContent::updates      ? "updates"
                     : run.header.content == RunContent::parameters ? "parameters"
                                                                    : "grams"));
  return run;
}

void round_trip(const Subject& subject) {
  const RunData run = draw_form();
  const ScratchFile file;
  subject.write_run(file.path(), run);
  const RunReader reader(file.path());
  const RunInfo& info = reader.info();
  RC_ASSERT(info.rule == run.header.rule);
  RC_ASSERT(!info.problem);
  RC_ASSERT((info.seed == run.header.seed));
  RC_ASSERT(info.steps == run.gradients.size());
  RC_ASSERT(info.losses == run.losses.size());
  RC_ASSERT(info.dimension == run.header.dimension);
  RC_ASSERT(info.named_groups == !run.header.groups.empty());
  if (info.named_groups) RC_ASSERT((info.groups == run.header.groups));
  RC_ASSERT(info.has_learning_rate == run.header.learning_rate.has_value());
  RC_ASSERT(info.has_radius == run.header.radius);
  require_same_elements(reader.losses(0, info.losses), run.losses, "loss");
  const std::vector<RunStep> steps = subject.read_steps(reader, 0, info.steps);
  RC_ASSERT(steps.size() == info.steps);
  require_steps(steps, run, 0);
}

void parts(const Subject& subject) {
  const RunData run = draw_form();
  const ScratchFile file;
  subject.write_run(file.path(), run);
  const RunReader reader(file.path());
  const std::uint64_t first = *indices(run.gradients.size() + 1);
  const std::uint64_t last = first + *indices(run.gradients.size() - first + 1);
  const std::vector<RunStep> steps = subject.read_steps(reader, first, last);
  RC_ASSERT(steps.size() == last - first);
  require_steps(steps, run, first);
}

}  // namespace

std::vector<Property> run_properties() {
  return {
      {"run.round_trip",
       "write and read",
       "what was recorded, as steps, parameters or Grams, reads back as the same Grams, losses, radii, "
       "groups and "
       "attributes",
       round_trip,
       {{"vectors stored as float",
         [](Subject& subject) {
           subject.write_run = [write = subject.write_run](const std::string& path, RunData run) {
             for (auto& update : run.updates) {
               for (double& element : update) {
                 const auto narrow = static_cast<double>(static_cast<float>(element));
                 element = std::isfinite(narrow) ? narrow : element;
               }
             }
             write(path, run);
           };
         }},
        {"the gradient's sign is lost",
         [](Subject& subject) {
           subject.write_run = [write = subject.write_run](const std::string& path, RunData run) {
             for (auto& gradient : run.gradients) {
               for (double& element : gradient) element = -element;
             }
             write(path, run);
           };
         }},
        {"differences of parameters are rounded",
         [](Subject& subject) {
           subject.write_run = [write = subject.write_run](const std::string& path, RunData run) {
             if (run.header.content == RunContent::parameters) {
               for (std::size_t k = 0; k + 1 < run.updates.size(); ++k) {
                 for (std::size_t i = 0; i < run.updates[k].size(); ++i) {
                   const double step = run.updates[k + 1][i] - run.updates[k][i];
                   if (std::isfinite(step)) run.updates[k][i] = step;
                 }
               }
               run.updates.pop_back();
               run.header.content = RunContent::updates;
             }
             write(path, run);
           };
         }},
        {"Grams of the previous step",
         [](Subject& subject) {
           subject.read_steps = [read = subject.read_steps](const RunReader& run, std::uint64_t first,
                                                            std::uint64_t last) {
             std::vector<RunStep> steps = read(run, first, last);
             for (std::size_t k = steps.size(); k-- > 1;) steps[k].grams = steps[k - 1].grams;
             return steps;
           };
         }},
        {"radii are stored as float",
         [](Subject& subject) {
           subject.write_run = [write = subject.write_run](const std::string& path, RunData run) {
             for (double& radius : run.radii) {
               const auto narrow = static_cast<double>(static_cast<float>(radius));
               radius = std::isfinite(narrow) ? narrow : radius;
             }
             write(path, run);
           };
         }},
        {"one group only",
         [](Subject& subject) {
           subject.read_steps = [read = subject.read_steps](const RunReader& run, std::uint64_t first,
                                                            std::uint64_t last) {
             std::vector<RunStep> steps = read(run, first, last);
             for (RunStep& step : steps) {
               for (std::size_t i = 1; i < step.grams.size(); ++i) step.grams.front().merge(step.grams[i]);
               step.grams.resize(1);
             }
             return steps;
           };
         }}},
       10},
      {"run.round_trip",
       "parts",
       "any range of steps reads as it does within the whole",
       parts,
       {{"a part starts at the first step",
         [](Subject& subject) {
           subject.read_steps = [read = subject.read_steps](const RunReader& run, std::uint64_t first,
                                                            std::uint64_t last) {
             std::vector<RunStep> steps = read(run, 0, last - first);
             for (RunStep& step : steps) step.index += first;
             return steps;
           };
         }}},
       10},
  };
}

}  // namespace natgrad::test
