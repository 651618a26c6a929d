// natgrad: laws of run files.
#include "support/laws.hpp"
#include "support/runs.hpp"

namespace natgrad::test {

namespace {

void require_steps(const std::vector<RunStep>& steps, const RunData& run, std::size_t first) {
  for (std::size_t k = 0; k < steps.size(); ++k) {
    const Pair pair = pair_of(run, first + k);
    RC_ASSERT(steps[k].index == first + k);
    const std::vector<ParameterGroup> groups =
        run.header.groups.empty() ? std::vector<ParameterGroup>{{"all", run.header.dimension}}
                                  : run.header.groups;
    RC_ASSERT(steps[k].grams.size() == groups.size());
    std::size_t start = 0;
    for (std::size_t i = 0; i < groups.size(); ++i) {
      const auto slice = [&](const std::vector<double>& x) {
        return Subject::Doubles(x).subspan(start, groups[i].size);
      };
      RC_ASSERT((steps[k].grams[i] == Gram::of(slice(pair.g), slice(pair.y))));
      start += groups[i].size;
    }
    require_same(steps[k].learning_rate, run.header.learning_rate, "the learning rate");
    RC_ASSERT(!steps[k].radius);
  }
}

void round_trip(const Subject& subject) {
  const RunData run = draw_run();
  const ScratchFile file;
  subject.write_run(file.path(), run);
  const RunReader reader(file.path());
  const RunInfo& info = reader.info();
  RC_ASSERT(info.rule == run.header.rule);
  RC_ASSERT(!info.problem);
  RC_ASSERT((info.seed == run.header.seed));
  RC_ASSERT(info.steps == run.updates.size());
  RC_ASSERT(info.losses == run.losses.size());
  RC_ASSERT(info.dimension == run.header.dimension);
  RC_ASSERT(info.named_groups == !run.header.groups.empty());
  if (info.named_groups) RC_ASSERT((info.groups == run.header.groups));
  RC_ASSERT(info.has_learning_rate == run.header.learning_rate.has_value());
  require_same_elements(reader.losses(0, info.losses), run.losses, "loss");
  const std::vector<RunStep> steps = subject.read_steps(reader, 0, info.steps);
  RC_ASSERT(steps.size() == info.steps);
  require_steps(steps, run, 0);
}

void parts(const Subject& subject) {
  const RunData run = draw_run();
  const ScratchFile file;
  subject.write_run(file.path(), run);
  const RunReader reader(file.path());
  const std::uint64_t first = *indices(run.updates.size() + 1);
  const std::uint64_t last = first + *indices(run.updates.size() - first + 1);
  const std::vector<RunStep> steps = subject.read_steps(reader, first, last);
  RC_ASSERT(steps.size() == last - first);
  require_steps(steps, run, first);
}

}  // namespace

std::vector<Property> run_properties() {
  return {
      {"run.round_trip",
       "write and read",
       "what was recorded reads back as the same Grams, losses, groups and attributes",
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
