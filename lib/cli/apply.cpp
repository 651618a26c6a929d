// natgrad apply: M x, its inverse, root and inverse root.
#include <fmt/format.h>

#include <cmath>
#include <memory>
#include <optional>
#include <string>

#include "apart.hpp"
#include "array_file.hpp"
#include "cli.hpp"
#include "json.hpp"
#include "natgrad/canonical_form.hpp"
#include "numbers.hpp"
#include "stream.hpp"

namespace natgrad::cli {
namespace {

struct ApplyOptions {
  std::string g, y, x;
  std::optional<std::string> output, alpha;
  bool inverse = false, root = false, json = false;

  bool to_standard_output() const { return !output || *output == "-"; }
};

/// Where the result goes: standard output, or a file, which an interrupt removes.
class Target {
 public:
  explicit Target(const ApplyOptions& options) {
    if (options.to_standard_output()) return;
    interrupts_.emplace();
    file_.emplace(*options.output);
  }
  void write(std::string_view bytes) {
    if (file_) {
      Interrupts::check();
      file_->write(bytes);
    } else {
      write_output(bytes);
    }
  }
  void commit() {
    if (!file_) return;
    Interrupts::check();
    file_->commit();
  }

 private:
  std::optional<Interrupts> interrupts_;
  std::optional<OutputFile> file_;
};

void write_csv(Target& target, const std::vector<double>& values) {
  std::string block;
  for (const double x : values) {
    block += number_text(x);
    block += '\n';
    if (block.size() > (1 << 16)) {
      target.write(block);
      block.clear();
    }
  }
  target.write(block);
}

void write_armadillo(Target& target, const std::vector<double>& values) {
  target.write(fmt::format("ARMA_MAT_BIN_FN008\n{} 1\n", values.size()));
  target.write({reinterpret_cast<const char*>(values.data()), values.size() * sizeof(double)});
}

std::string no_metric_reason(Reason reason) {
  switch (reason) {
    case Reason::ascent:
      return "no metric: y·g < 0";
    case Reason::orthogonal:
      return "no metric: y·g = 0 exactly";
    case Reason::zero_update:
      return "no metric: g = 0 but y is not";
    case Reason::zero_gradient:
      return "no metric: y = 0 but g is not";
    default:
      return "no metric is determined: g = y = 0, so every metric works";
  }
}

/// What --json prints; without a metric alpha and result are null.
Json to_json(const ApplyOptions& options, const Gram& gram, Alpha alpha, const std::vector<double>* result) {
  Json json;
  json["version"] = version();
  json["dimension"] = gram.dimension();
  json["verdict"] = to_string(gram.judge().verdict);
  json["operation"] =
      options.root ? (options.inverse ? "root_solve" : "root_apply") : (options.inverse ? "solve" : "apply");
  json["alpha"] = json_number(natgrad::alpha(gram, alpha));
  json["result"] = nullptr;
  if (result != nullptr) {
    json["result"] = Json::array();
    for (const double element : *result) json["result"].push_back(json_number(element));
  }
  return json;
}

int run_apply(const ApplyOptions& options) {
  const Alpha alpha = options.alpha ? Alpha(positive_option("--alpha", *options.alpha)) : Alpha();
  const bool binary = options.output && options.output->ends_with(".bin");
  if (binary && options.json)
    throw UsageError("--json cannot go to the Armadillo binary file " + *options.output);
  for (const char* ending : {".h5", ".hdf5"})
    if (options.output && options.output->ends_with(ending))
      throw UsageError(
          fmt::format("--output: {}: HDF5 is not written; OUT.bin is Armadillo binary, the rest CSV",
                      in_quotes(*options.output)));
  const auto vectors = read_vectors({options.g, options.y, options.x});
  const std::vector<double>&g = vectors[0].values, &y = vectors[1].values, &x = vectors[2].values;

  const Gram gram = Gram::of(g, y);
  const auto metric = MetricView::make(g, y, gram, alpha);
  if (!metric) {
    // Only to standard output: a file of results is not made, or replaced, by there being none.
    if (options.json && options.to_standard_output())
      write_output(to_json(options, gram, alpha, nullptr).dump(2) + "\n");
    message(no_metric_reason(gram.judge().reason));
    return no_metric;
  }

  if (!options.to_standard_output()) OutputFile::check(*options.output);
  std::vector<double> out(x.size());
  if (options.root)
    options.inverse ? metric->root_solve(x, out) : metric->root_apply(x, out);
  else
    options.inverse ? metric->solve(x, out) : metric->apply(x, out);

  Target target(options);
  std::size_t infinite = 0;
  for (const double element : out) infinite += std::isfinite(element) ? 0 : 1;
  if (options.json) {
    target.write(to_json(options, gram, alpha, &out).dump(2) + "\n");
  } else if (binary) {
    write_armadillo(target, out);
  } else {
    write_csv(target, out);
  }
  target.commit();
  if (infinite > 0)
    message(fmt::format("warning: {} of {} elements are above the largest double and were written as {}",
                        infinite, out.size(), options.json ? "null" : "inf or -inf"));
  return done;
}

}  // namespace

Command add_apply(CLI::App& root) {
  const auto options = std::make_shared<ApplyOptions>();
  CLI::App* app =
      root.add_subcommand("apply", "M x for the metric M of g and y, its inverse, root, inverse root");
  app->add_option("G", options->g, "the update g: a file, FILE.h5:/DATASET, or - for standard input")
      ->required()
      ->type_name("");
  app->add_option("Y", options->y, "y = -(gradient of the loss), likewise")->required()->type_name("");
  app->add_option("X", options->x, "the vector x, likewise")->required()->type_name("");
  app->add_option("-o,--output", options->output,
                  "write there: CSV, or Armadillo binary for OUT.bin; - for standard output")
      ->type_name("OUT");
  app->add_flag("--inverse", options->inverse, "M^-1 x instead of M x");
  app->add_flag("--root", options->root, "the symmetric root: M^1/2 x, with --inverse M^-1/2 x");
  app->add_option("--alpha", options->alpha, "the parameter a > 0 of M(a); without it a* = y.y/y.g")
      ->type_name("A");
  app->add_flag("--json", options->json, "a JSON object instead of numbers");
  app->footer(R"(One number a line, the shortest decimal that reads back as the same double. Each
is the correctly rounded element of the exact result (of roots, within a bound).
What is above the largest double is written as inf, with a warning.

Exit codes: 0 done, 2 usage, 3 bad input, 4 no metric exists (y·g <= 0), or
none is determined (g = y = 0).

Example:
  printf '3\n1\n' > g.csv
  printf '2\n4\n' > y.csv
  printf '1\n0\n' > x.csv
  natgrad apply g.csv y.csv x.csv --inverse)");
  return {app, [options] {
            const auto run = [&] { return run_apply(*options); };
            const bool apart =
                names_dataset(options->g) || names_dataset(options->y) || names_dataset(options->x);
            return apart ? run_apart(run) : run();
          }};
}

}  // namespace natgrad::cli
