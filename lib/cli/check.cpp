// natgrad check: is a dense matrix a metric of a pair, which one, and how far from optimal.
#include <fmt/format.h>

#include <algorithm>
#include <armadillo>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "apart.hpp"
#include "array_file.hpp"
#include "cli.hpp"
#include "json.hpp"
#include "natgrad/error.hpp"
#include "natgrad/min_condition.hpp"
#include "natgrad/uniqueness.hpp"
#include "numbers.hpp"
#include "stream.hpp"

namespace natgrad::cli {
namespace {

struct CheckOptions {
  std::string m, g, y;
  std::optional<std::string> tolerance, coordinates;
  bool json = false;
};

struct Findings {
  std::uint64_t dimension = 0;
  Judgement judgement;
  Scalars scalars;  ///< of the pair, at a*
  MetricCheck check;
  std::optional<Competitor> competitor;          ///< of a symmetric M
  std::optional<MinimiserCheck> minimiser;       ///< of a pair that has metrics
  std::optional<MetricCoordinates> coordinates;  ///< of a symmetric M with g·Mg > 0

  /// Within a tolerance M may pass for a pair that has no metric.
  bool of_no_pair() const {
    return judgement.verdict == Verdict::not_effective && check.answer != Answer::no;
  }
  Answer answer() const { return of_no_pair() ? Answer::no : check.answer; }
};

Json json_enclosure(const Enclosure& e) {
  return Json::array({json_number(e.lo), json_number(e.hi)});
}
std::string text_of(const Enclosure& e) {
  return e.lo == e.hi ? number_text(e.lo) : fmt::format("[{}, {}]", number_text(e.lo), number_text(e.hi));
}
Json json_vector(const arma::vec& x) {
  Json out = Json::array();
  for (const double element : x) out.push_back(json_number(element));
  return out;
}

/// One sentence.
std::string in_words(const Findings& f, const CheckOptions& options) {
  const MetricCheck& c = f.check;
  if (f.judgement.verdict == Verdict::not_effective)
    return "no: the pair is not effective, so that no symmetric positive definite matrix maps g to y" +
           (f.of_no_pair() ? fmt::format(", though M does within tolerance {}", *options.tolerance) : "");
  switch (c.reason) {
    case CheckReason::metric:
      return c.maps_exactly
                 ? "yes: M is symmetric, positive definite, and M g = y exactly: a metric of the pair"
                 : fmt::format(
                       "yes, within tolerance {}: M is symmetric, positive definite, and M g = y up to a "
                       "relative backward error of {}",
                       *options.tolerance, number_text(c.backward_error.hi));
    case CheckReason::not_symmetric:
      return fmt::format("no: M is not symmetric: M({}, {}) and M({}, {}) differ", c.asymmetric_row,
                         c.asymmetric_column, c.asymmetric_column, c.asymmetric_row);
    case CheckReason::wrong_image:
      return fmt::format(
          "no: M g is not y, first in element {} (from zero); the relative backward error is {}",
          c.wrong_element, number_text(c.backward_error.hi));
    case CheckReason::not_definite:
      return "no: M is not positive definite: there is an x with xᵀM x <= 0 (--json gives it)";
    case CheckReason::no_certificate:
      break;
  }
  return "undetermined: neither a proof that M is positive definite nor a witness against it was found";
}

std::string to_json(const Findings& f) {
  const MetricCheck& c = f.check;
  Json json;
  json["version"] = version();
  json["dimension"] = f.dimension;
  json["verdict"] = to_string(f.judgement.verdict);
  json["answer"] = to_string(f.answer());
  json["reason"] = f.of_no_pair() ? "no_metric" : to_string(c.reason);
  json["symmetric"] = c.symmetric;
  json["asymmetric_at"] = c.symmetric ? Json(nullptr) : Json::array({c.asymmetric_row, c.asymmetric_column});
  json["maps_exactly"] = c.maps_exactly;
  json["wrong_element"] = c.maps_exactly ? Json(nullptr) : Json(c.wrong_element);
  json["residual"] = json_enclosure(c.residual);
  json["backward_error"] = json_enclosure(c.backward_error);
  Json& definite = json["definiteness"];
  const Definiteness& d = c.definiteness;
  definite["answer"] = to_string(d.answer);
  definite["smallest_eigenvalue"] = c.symmetric ? json_enclosure(d.smallest_eigenvalue) : Json(nullptr);
  definite["witness"] = d.answer == Answer::no ? json_vector(d.witness) : Json(nullptr);
  definite["witness_quadratic_form"] =
      d.answer == Answer::no ? json_enclosure(d.witness_quadratic_form) : Json(nullptr);
  const auto enclosure_of = [&](Enclosure Competitor::*member) {
    return f.competitor ? json_enclosure((*f.competitor).*member) : Json(nullptr);
  };
  json["smallest_eigenvalue"] = enclosure_of(&Competitor::smallest_eigenvalue);
  json["largest_eigenvalue"] = enclosure_of(&Competitor::largest_eigenvalue);
  json["condition"] = enclosure_of(&Competitor::condition);
  json["least_condition"] = json_number(f.scalars.condition);
  json["excess"] =
      f.competitor && f.competitor->excess ? json_enclosure(*f.competitor->excess) : Json(nullptr);
  if (f.minimiser) {
    json["minimiser"] = {{"answer", to_string(f.minimiser->answer)},
                         {"reason", to_string(f.minimiser->reason)}};
  } else {
    json["minimiser"] = nullptr;
  }
  json["pivot"] = f.coordinates ? Json(f.coordinates->pivot) : Json(nullptr);
  return json.dump(2) + "\n";
}

std::string to_text(const Findings& f, const CheckOptions& options, bool colour) {
  const MetricCheck& c = f.check;
  struct Line {
    std::string name, value, meaning;
  };
  std::vector<Line> lines;
  const auto add = [&](const char* name, std::string value, std::string meaning) {
    lines.push_back({name, std::move(value), std::move(meaning)});
  };
  add("dimension", fmt::format("{}", f.dimension), "D; M is D x D");
  add("verdict", std::string(to_string(f.judgement.verdict)), "of the pair: metrics exist iff effective");
  add("symmetric", c.symmetric ? "yes" : "no", "M = Mᵀ, every entry");
  add("maps_exactly", c.maps_exactly ? "yes" : "no", "M g = y, decided in exact arithmetic");
  add("residual", text_of(c.residual), "|y − M g|");
  add("backward_error", text_of(c.backward_error), "|y − M g|/(‖M‖_F |g| + |y|)");
  if (c.symmetric) {
    add("definiteness", std::string(to_string(c.definiteness.answer)), "M positive definite, certified");
    add("smallest_eigenvalue", text_of(f.competitor->smallest_eigenvalue), "of M, enclosed");
    add("largest_eigenvalue", text_of(f.competitor->largest_eigenvalue), "of M, enclosed");
    add("condition", text_of(f.competitor->condition), "κ(M), enclosed");
  }
  add("least_condition", f.scalars.condition ? number_text(*f.scalars.condition) : "-",
      "κ*, the least of any metric of the pair");
  if (f.competitor && f.competitor->excess)
    add("excess", text_of(*f.competitor->excess), "κ(M) − κ*: how far M is from optimal");
  if (f.minimiser)
    add("minimiser", std::string(to_string(f.minimiser->answer)),
        fmt::format("a metric with κ = κ*{} ({})", options.tolerance ? ", within the tolerance" : "",
                    to_string(f.minimiser->reason)));
  if (f.coordinates)
    add("pivot", fmt::format("{}", f.coordinates->pivot),
        "what --coordinates leaves out: this row and column of M − yyᵀ/(y·g)");

  std::size_t name_width = 0, value_width = 0;
  for (const Line& line : lines) {
    name_width = std::max(name_width, line.name.size());
    value_width = std::max(value_width, line.value.size());
  }
  const char* paint = !colour                     ? ""
                      : f.answer() == Answer::yes ? "\033[1;32m"
                      : f.answer() == Answer::no  ? "\033[1;31m"
                                                  : "\033[1;33m";
  std::string text = fmt::format("{}{}{}\n\n", paint, in_words(f, options), colour ? "\033[0m" : "");
  for (const Line& line : lines)
    text += fmt::format("{:<{}}  {:<{}}  {}\n", line.name, name_width, line.value, value_width, line.meaning);
  return text;
}

/// S, row by row.
void write_coordinates(const std::string& path, const arma::mat& s) {
  const Interrupts interrupts;
  OutputFile file(path);
  std::string block;
  if (path.ends_with(".bin")) {
    file.write(fmt::format("ARMA_MAT_BIN_FN008\n{} {}\n", s.n_rows, s.n_cols));
    file.write({reinterpret_cast<const char*>(s.memptr()), s.n_elem * sizeof(double)});
  } else {
    for (arma::uword i = 0; i < s.n_rows; ++i) {
      for (arma::uword j = 0; j < s.n_cols; ++j) block += (j == 0 ? "" : ",") + number_text(s(i, j));
      block += '\n';
      if (block.size() < (1 << 16)) continue;
      file.write(block);
      block.clear();
    }
    file.write(block);
  }
  Interrupts::check();
  file.commit();
}

int run_check(const CheckOptions& options) {
  const double tolerance = options.tolerance ? non_negative_option("--tolerance", *options.tolerance) : 0;
  if (options.coordinates) {
    for (const char* ending : {".h5", ".hdf5"})
      if (options.coordinates->ends_with(ending))
        throw UsageError(
            fmt::format("--coordinates: {}: HDF5 is not written; OUT.bin is Armadillo binary, the rest CSV",
                        in_quotes(*options.coordinates)));
    if (*options.coordinates == "-")
      throw UsageError("--coordinates: standard output is taken by the report; name a file");
    check_output("--coordinates", *options.coordinates, {options.m, options.g, options.y});
  }
  check_standard_input({options.m, options.g, options.y});
  NamedArray matrix = read_array(options.m, Form::matrix);
  const auto vectors = read_vectors({options.g, options.y});
  const arma::vec g(vectors[0].values), y(vectors[1].values);
  if (matrix.rows != g.n_elem || matrix.columns != g.n_elem)
    throw InputError(fmt::format("{} is {} x {}; for {} of {} elements it must be {} x {}", matrix.name,
                                 matrix.rows, matrix.columns, vectors[0].name, g.n_elem, g.n_elem, g.n_elem));
  if (options.coordinates) OutputFile::check(*options.coordinates);
  // By rows in the array, by columns in the matrix.
  const arma::mat m = arma::mat(matrix.values.data(), g.n_elem, g.n_elem, false, true).t();
  matrix.values = {};

  Findings f;
  const Gram gram = Gram::of({g.memptr(), g.n_elem}, {y.memptr(), y.n_elem});
  f.dimension = gram.dimension();
  f.judgement = gram.judge();
  f.scalars = scalars(gram);
  f.check = check_metric(m, g, y, tolerance);
  if (f.check.symmetric) {
    f.competitor = competitor(m, gram);
    // Both hold.
    const Enclosure &one = f.check.definiteness.smallest_eigenvalue,
                    &other = f.competitor->smallest_eigenvalue;
    f.competitor->smallest_eigenvalue = {std::max(one.lo, other.lo), std::min(one.hi, other.hi)};
    f.minimiser = check_minimiser(m, g, y, tolerance);
    f.coordinates = coordinates(m, g);
  }
  if (options.json) {
    write_output(to_json(f));
    if (f.answer() != Answer::yes) message(in_words(f, options));
  } else {
    write_output(to_text(f, options, colour_wanted()));
  }
  if (options.coordinates) {
    if (f.coordinates) {
      write_coordinates(*options.coordinates, f.coordinates->s);
    } else {
      message("no coordinates were written: M is not symmetric, or g·Mg is not > 0");
    }
  }
  if (f.answer() != Answer::no) return done;
  return f.judgement.verdict == Verdict::not_effective ? no_metric : claim_failed;
}

}  // namespace

Command add_check(CLI::App& root) {
  const auto options = std::make_shared<CheckOptions>();
  CLI::App* app =
      root.add_subcommand("check", "Is a dense matrix M a metric of g and y, and how far from optimal");
  app->add_option("M", options->m, "the matrix: a file, FILE.h5:/DATASET, or - for standard input")
      ->required()
      ->type_name("");
  app->add_option("G", options->g, "the update g, likewise")->required()->type_name("");
  app->add_option("Y", options->y, "y = -(gradient of the loss), likewise")->required()->type_name("");
  app->add_option("--tolerance", options->tolerance,
                  "accept M g = y up to this relative backward error; without it exactly")
      ->type_name("T");
  app->add_option("--coordinates", options->coordinates,
                  "write the free parameters of M there: CSV, or Armadillo binary for OUT.bin")
      ->type_name("OUT");
  app->add_flag("--json", options->json, "JSON instead of a table");
  app->footer(R"(A matrix is CSV (one row a line), an Armadillo binary file or a dataset of an HDF5
file (float16 to float64). Whether M g = y is decided in exact arithmetic; "positive definite" is a
proof, and "not" comes with a vector x, x'Mx <= 0. Intervals are rigorous. In JSON
a bound that is infinite is null.

Exit codes: 0 yes or undetermined, 2 usage, 3 bad input, 4 no (the pair has no
metric at all, whatever the tolerance), 5 no.

Example:
  printf '1\n0\n' > g.csv
  printf '2\n1\n' > y.csv
  printf '2,1\n1,3\n' > m.csv
  natgrad check m.csv g.csv y.csv)");
  return {app, [options] {
            const auto run = [&] { return run_check(*options); };
            const bool apart =
                names_dataset(options->m) || names_dataset(options->g) || names_dataset(options->y);
            return apart ? run_apart(run) : run();
          }};
}

}  // namespace natgrad::cli
