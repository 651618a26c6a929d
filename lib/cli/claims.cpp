// natgrad claims: the ledger, what stands behind each claim.
#include <fmt/format.h>

#include <toml++/toml.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "cli.hpp"
#include "json.hpp"
#include "ledger.hpp"
#include "natgrad/error.hpp"
#include "stream.hpp"

namespace natgrad::cli {
namespace {

struct ClaimsOptions {
  std::vector<std::string> names;
  bool json = false;
};

/// What the theorems of a file are about, in the order of the ledger's table [proofs].
struct Kind {
  std::string name;
  std::vector<std::string> files;
};

struct Proof {
  std::string theorem;  ///< FILE.NAME
  std::string about;    ///< a kind's name
};

struct Claim {
  std::string id, paper, statement, symbol, fuzz, reason;
  std::vector<std::string> scope, properties, reference;
  std::vector<Proof> proofs;

  std::string row() const { return id.substr(0, id.find('.')); }
};

struct Ledger {
  std::vector<Kind> kinds;
  std::vector<Claim> claims;
};

std::vector<std::string> texts(const toml::node_view<const toml::node>& node) {
  std::vector<std::string> list;
  if (const toml::array* array = node.as_array())
    for (const toml::node& element : *array) list.push_back(element.value_or(std::string()));
  return list;
}

/// The ledger that was compiled in; tests/ledger_test.py keeps its shape.
Ledger read_ledger() {
  Ledger ledger;
  std::string text;
  for (const char* part : ledger_parts) text += part;
  const toml::table document = toml::parse(text);
  for (const char* kind : {"mathematics", "arithmetic", "checker"})
    ledger.kinds.push_back({kind, texts(document["proofs"][kind])});
  const auto kind_of = [&](const std::string& theorem) {
    const std::string file = theorem.substr(0, theorem.find('.'));
    for (const Kind& kind : ledger.kinds)
      if (std::find(kind.files.begin(), kind.files.end(), file) != kind.files.end()) return kind.name;
    throw std::logic_error(fmt::format("the ledger does not say what {}.v is about", file));
  };
  for (const toml::node& node : *document["claim"].as_array()) {
    const toml::table& row = *node.as_table();
    const auto value = [&row](const char* key) { return row[key].value_or(std::string()); };
    Claim claim{value("id"),
                value("paper"),
                value("statement"),
                value("symbol"),
                value("fuzz"),
                value("reason"),
                texts(row["scope"]),
                texts(row["properties"]),
                texts(row["reference"]),
                {}};
    for (const std::string& theorem : texts(row["coq"])) claim.proofs.push_back({theorem, kind_of(theorem)});
    ledger.claims.push_back(std::move(claim));
  }
  return ledger;
}

/// The claims that are named, by id or by row, in the ledger's order. @throws UsageError
std::vector<Claim> chosen(const std::vector<Claim>& claims, const std::vector<std::string>& names) {
  if (names.empty()) return claims;
  for (const std::string& name : names) {
    const std::string row = name.substr(0, name.find('.'));
    std::vector<std::string> rows, ids;  // ids of the row that is meant: all would be too long to read
    bool found = false;
    for (const Claim& claim : claims) {
      found |= name == claim.id || name == claim.row();
      if (rows.empty() || rows.back() != claim.row()) rows.push_back(claim.row());
      if (claim.row() == row) ids.push_back(claim.id);
    }
    if (!found) throw UsageError(unknown_name("claim", name, ids.empty() ? rows : ids));
  }
  std::vector<Claim> kept;
  for (const Claim& claim : claims)
    if (std::any_of(names.begin(), names.end(),
                    [&](const std::string& name) { return name == claim.id || name == claim.row(); }))
      kept.push_back(claim);
  return kept;
}

std::string to_json(const std::vector<Claim>& claims) {
  Json json;
  json["version"] = version();
  json["claims"] = Json::array();
  for (const Claim& claim : claims) {
    Json entry;
    entry["id"] = claim.id;
    entry["paper"] = claim.paper;
    entry["statement"] = claim.statement;
    entry["symbol"] = claim.symbol == "none" ? Json(nullptr) : Json(claim.symbol);
    entry["scope"] = claim.scope;
    entry["proofs"] = Json::array();
    for (const Proof& proof : claim.proofs)
      entry["proofs"].push_back({{"theorem", proof.theorem}, {"about", proof.about}});
    entry["properties"] = claim.properties;
    entry["reference"] = claim.reference;
    entry["fuzz"] = claim.fuzz == "none" ? Json(nullptr) : Json(claim.fuzz);
    entry["reason"] = claim.reason.empty() ? Json(nullptr) : Json(claim.reason);
    json["claims"].push_back(std::move(entry));
  }
  return json.dump(2) + "\n";
}

std::vector<std::string> words_of(const std::string& text) {
  std::vector<std::string> words;
  for (std::size_t from = 0; from < text.size();) {
    const std::size_t to = std::min(text.find(' ', from), text.size());
    words.push_back(text.substr(from, to - from));
    from = to + 1;
  }
  return words;
}

/// With a comma after each but the last.
std::vector<std::string> list_of(std::vector<std::string> items) {
  for (std::size_t i = 0; i + 1 < items.size(); ++i) items[i] += ',';
  return items;
}

/// Pieces that stay whole, in lines that end before `width`, with a name before the first line and `indent`
/// before the others.
std::string paragraph(const std::string& name, const std::vector<std::string>& pieces, std::size_t indent,
                      std::size_t width) {
  std::string out = fmt::format("{:<{}}", name, indent);
  std::size_t column = indent;
  for (const std::string& piece : pieces) {
    if (column > indent && column + 1 + piece.size() > width) {
      out += "\n" + std::string(indent, ' ');
      column = indent;
    } else if (column > indent) {
      out += ' ';
      ++column;
    }
    out += piece;
    column += piece.size();
  }
  return out + "\n";
}

std::string to_text(const Ledger& ledger, const std::vector<Claim>& claims, bool colour) {
  constexpr std::size_t indent = 15, width = 110;
  std::string out;
  const auto add = [&out](const char* name, const std::vector<std::string>& pieces) {
    if (!pieces.empty()) out += paragraph(fmt::format("  {}", name), pieces, indent, width);
  };
  const auto add_list = [&add](const char* name, const std::vector<std::string>& items) {
    add(name, items.empty() ? std::vector<std::string>{"none"} : list_of(items));
  };
  std::array<std::size_t, 3> proved{};
  std::size_t tested = 0, fuzzed = 0;
  for (const Claim& claim : claims) {
    out += fmt::format("{}{}{}\n", colour ? "\033[1m" : "", claim.id, colour ? "\033[0m" : "");
    add("", words_of(claim.statement));
    add("paper", words_of(claim.paper));
    add_list("scope", claim.scope);
    add("symbol", {claim.symbol});
    if (claim.proofs.empty()) add("proof", {"none"});
    for (std::size_t k = 0; k < ledger.kinds.size(); ++k) {
      std::vector<std::string> theorems;
      for (const Proof& proof : claim.proofs)
        if (proof.about == ledger.kinds[k].name) theorems.push_back(proof.theorem);
      if (theorems.empty()) continue;
      ++proved[k];
      add_list(ledger.kinds[k].name.c_str(), theorems);
    }
    add_list("properties", claim.properties);
    add_list("reference", claim.reference);
    add("fuzz", {claim.fuzz});
    add("left out", words_of(claim.reason));
    out += '\n';
    tested += !claim.properties.empty() && !claim.reference.empty();
    fuzzed += claim.fuzz != "none";
  }
  out += paragraph(
      "",
      words_of(fmt::format(
          "{} claim{}. With theorems about the mathematics (real numbers, not code): {}; about a model of "
          "the arithmetic in the code: {}; about the checker, which decides the numbers of a certificate: "
          "{}. Tested by properties and against an independent reference: {}; fuzzed: {}.",
          claims.size(), claims.size() == 1 ? "" : "s", proved[0], proved[1], proved[2], tested, fuzzed)),
      0, width);
  return out;
}

int run_claims(const ClaimsOptions& options) {
  const Ledger ledger = read_ledger();
  const std::vector<Claim> claims = chosen(ledger.claims, options.names);
  write_output(options.json ? to_json(claims) : to_text(ledger, claims, colour_wanted()));
  return done;
}

}  // namespace

Command add_claims(CLI::App& root) {
  const auto options = std::make_shared<ClaimsOptions>();
  CLI::App* app =
      root.add_subcommand("claims", "The ledger: what is claimed, and what stands behind each claim");
  app->add_option("CLAIM", options->names, "only these claims, or those of these rows")->type_name("");
  app->add_flag("--json", options->json, "JSON instead of text");
  app->footer(R"(Of each claim: its place in the paper, what it is about (real: the mathematics;
float: rounding and bits; code: files and bookkeeping), the C++ symbol, theorems
in Coq (FILE.NAME in proofs/; a theorem about the mathematics says nothing of the
code), properties of natgrad-verify, comparisons with independent references, the
fuzz target, and the reason wherever one of these is none or leaves a part out.

Example:
  natgrad claims min_condition
  natgrad claims gram.exact scalars.alpha --json)");
  return {app, [options] { return run_claims(*options); }};
}

}  // namespace natgrad::cli
