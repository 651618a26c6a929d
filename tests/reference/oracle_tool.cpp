// natgrad: natgrad-oracle, which compares the library, or the command line, with the exact oracle, and has
// the library's certificates checked.
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>

#include "hostile_pairs.hpp"
#include "library_comparison.hpp"
#include "oracle.hpp"
#include "worst_cases.hpp"

extern char** environ;

namespace {

using namespace natgrad::reference;
using Json = nlohmann::json;
namespace fs = std::filesystem;

constexpr const char* usage =
    "natgrad-oracle cases N SEED [MAXDIM]   compare the library, in process, on N hostile pairs\n"
    "natgrad-oracle cli NATGRAD N SEED [MAXDIM]   the same through `NATGRAD metric G.csv Y.csv --json`\n"
    "natgrad-oracle certificates NATGRAD NATGRAD_CHECK N SEED [MAXDIM]   have certificates of pairs checked\n"
    "natgrad-oracle worst                   print the worst cases with every scalar\n"
    "MAXDIM is 100000 unless given. Exits 1 if anything differs, 2 on wrong usage, 77 if there is no "
    "NATGRAD_CHECK.\n";
constexpr int workers = 2;

Fields expected_fields(const HostilePair& pair) {
  return fields(Oracle(exact_gram(pair.g, pair.y), pair.alpha));
}

struct Tally {
  std::uint64_t pairs = 0, wrong = 0, largest = 0;
};

/// Runs compare(pair, worker) for every pair, on two threads; prints what differs and a table of regions.
int compare_all(std::uint64_t count, std::uint64_t seed, std::size_t max_dimension,
                const std::function<std::vector<Mismatch>(const HostilePair&, int)>& compare) {
  std::atomic<std::uint64_t> next{0};
  std::mutex mutex;
  std::map<std::string, Tally> tallies;
  std::exception_ptr failure;
  const auto work = [&](int worker) {
    try {
      for (std::uint64_t i = next++; i < count; i = next++) {
        const HostilePair pair = hostile_pair(seed, i, max_dimension);
        std::vector<Mismatch> wrong;
        if (!tag_holds(pair)) wrong.push_back({"tag", "not what it says", pair.tag});
        for (Mismatch& m : compare(pair, worker)) wrong.push_back(std::move(m));
        const std::lock_guard lock(mutex);
        Tally& tally = tallies[pair.tag];
        ++tally.pairs;
        tally.wrong += !wrong.empty();
        tally.largest = std::max<std::uint64_t>(tally.largest, pair.g.size());
        if (!wrong.empty()) {
          std::cout << "MISMATCH seed " << seed << " index " << i << ' ' << describe(pair) << '\n';
          for (const Mismatch& m : wrong)
            std::cout << "  " << m.field << ": got " << m.got << ", expected " << m.expected << '\n';
        }
        if ((i + 1) % 1000 == 0) std::cerr << i + 1 << " of " << count << " pairs\n";
      }
    } catch (...) {
      const std::lock_guard lock(mutex);
      failure = std::current_exception();
      next = count;
    }
  };
  std::vector<std::thread> threads;
  for (int w = 0; w < workers; ++w) threads.emplace_back(work, w);
  for (std::thread& t : threads) t.join();
  if (failure) std::rethrow_exception(failure);

  Tally total;
  for (const std::string& tag : hostile_tags()) {
    const Tally& t = tallies[tag];
    std::printf("%-45s %7llu pairs %7llu wrong   D to %llu\n", tag.c_str(),
                static_cast<unsigned long long>(t.pairs), static_cast<unsigned long long>(t.wrong),
                static_cast<unsigned long long>(t.largest));
    total.pairs += t.pairs;
    total.wrong += t.wrong;
    total.largest = std::max(total.largest, t.largest);
  }
  std::printf("seed %llu: %llu pairs, D to %llu, %llu wrong\n", static_cast<unsigned long long>(seed),
              static_cast<unsigned long long>(total.pairs), static_cast<unsigned long long>(total.largest),
              static_cast<unsigned long long>(total.wrong));
  return total.wrong == 0 && total.pairs == count ? 0 : 1;
}

// --------------------------------------------------------------------------- the command line

std::string decimal(double x) {
  char text[64];
  const auto end = std::to_chars(text, text + sizeof text, x).ptr;
  return {text, end};
}

/// One number a line, or all in a row.
void write_csv(const fs::path& file, const std::vector<double>& v, bool row) {
  std::ofstream out(file);
  for (std::size_t i = 0; i < v.size(); ++i) out << (i == 0 ? "" : row ? "," : "\n") << decimal(v[i]);
  out << '\n';
  if (!out.flush()) throw std::runtime_error("cannot write " + file.string());
}

std::string read_file(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

struct Outcome {
  int status = -1;  ///< exit code, or 128 + signal
  std::string out, err;
};

Outcome run(const std::vector<std::string>& arguments, const fs::path& folder) {
  const fs::path out = folder / "out", err = folder / "err";
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 1, out.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  posix_spawn_file_actions_addopen(&actions, 2, err.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  std::vector<char*> argv;
  for (const std::string& a : arguments) argv.push_back(const_cast<char*>(a.c_str()));
  argv.push_back(nullptr);
  pid_t child = 0;
  const int error = posix_spawn(&child, argv[0], &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) throw std::runtime_error("cannot run " + arguments[0]);
  int status = 0;
  if (waitpid(child, &status, 0) != child) throw std::runtime_error("waitpid failed");
  return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), read_file(out), read_file(err)};
}

/// JSON has no infinities: null stands for them too.
std::optional<double> as_json(std::optional<double> x) {
  return x && std::isfinite(*x) ? x : std::nullopt;
}

std::vector<Mismatch> compare_json(const HostilePair& pair, const Outcome& outcome) {
  std::vector<Mismatch> wrong;
  const Fields expected = expected_fields(pair);
  const int status = expected.verdict == "not_effective" ? 4 : 0;
  if (outcome.status != status)
    wrong.push_back(
        {"exit code", std::to_string(outcome.status) + " " + outcome.err, std::to_string(status)});
  Json json;
  try {
    json = Json::parse(outcome.out);
  } catch (const Json::exception& e) {
    wrong.push_back({"JSON", e.what(), "JSON"});
    return wrong;
  }
  const auto check_text = [&](const char* key, const std::string& want) {
    if (!json.contains(key) || json[key] != want)
      wrong.push_back({key, json.contains(key) ? json[key].dump() : "absent", want});
  };
  const auto check_number = [&](const Json& parent, const std::string& key, std::optional<double> want) {
    std::optional<double> got;
    if (!parent.contains(key) || !(parent[key].is_null() || parent[key].is_number())) {
      wrong.push_back({key, parent.contains(key) ? parent[key].dump() : "absent", hex(want)});
      return;
    }
    if (!parent[key].is_null()) got = parent[key].get<double>();
    if (!same(got, want)) wrong.push_back({key, hex(got), hex(want)});
  };
  check_text("verdict", expected.verdict);
  if (!json.contains("version") || json["version"].is_null())
    wrong.push_back({"version", "absent", "present"});
  if (!json.contains("dimension") || json["dimension"] != pair.g.size())
    wrong.push_back({"dimension", json.value("dimension", Json()).dump(), std::to_string(pair.g.size())});
  // Required where it says more than the verdict; elsewhere it may be left out, but not be wrong.
  if (expected.reason == "stationary" || (json.contains("reason") && !json["reason"].is_null()))
    check_text("reason", expected.reason);
  if (expected.reason == "stationary" && outcome.err.empty())
    wrong.push_back({"message", "none", "every metric works"});
  if (json.contains("enclosure") && !json["enclosure"].is_null())
    wrong.push_back({"enclosure", json["enclosure"].dump(), "absent without a radius"});
  const Json gram = json.value("gram", Json::object());
  check_number(gram, "gg", as_json(expected.gg));
  check_number(gram, "gy", as_json(expected.gy));
  check_number(gram, "yy", as_json(expected.yy));
  for (const Field field : all_fields)
    if (field != Field::frobenius_norm || json.contains(name(field)))
      check_number(json, name(field), as_json(expected[field]));
  return wrong;
}

/// A folder that goes with its files.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern = (fs::temp_directory_path() / "natgrad-oracle-XXXXXX").string();
    if (!mkdtemp(pattern.data())) throw std::runtime_error("cannot make a temporary folder");
    path_ = pattern;
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

int compare_cli(const std::string& program, std::uint64_t count, std::uint64_t seed,
                std::size_t max_dimension) {
  const TemporaryFolder folder;
  for (int w = 0; w < workers; ++w) fs::create_directory(folder.path() / std::to_string(w));
  return compare_all(count, seed, max_dimension, [&](const HostilePair& pair, int worker) {
    const fs::path here = folder.path() / std::to_string(worker), g = here / "g.csv", y = here / "y.csv";
    write_csv(g, pair.g, pair.g.size() % 2 == 0);
    write_csv(y, pair.y, pair.g.size() % 3 == 0);
    std::vector<std::string> arguments = {program, "metric", g.string(), y.string(), "--json"};
    if (pair.alpha) arguments.insert(arguments.end(), {"--alpha", decimal(*pair.alpha)});
    return compare_json(pair, run(arguments, here));
  });
}

/// The certificate that natgrad writes of each pair must be accepted.
int check_certificates(const std::string& program, const std::string& checker, std::uint64_t count,
                       std::uint64_t seed, std::size_t max_dimension) {
  if (!fs::exists(checker)) {
    std::cerr << "natgrad-oracle: there is no " << checker << "; ./dev proofs builds it\n";
    return 77;
  }
  const TemporaryFolder folder;
  for (int w = 0; w < workers; ++w) fs::create_directory(folder.path() / std::to_string(w));
  return compare_all(count, seed, max_dimension, [&](const HostilePair& pair, int worker) {
    const fs::path here = folder.path() / std::to_string(worker);
    const std::string g = here / "g.csv", y = here / "y.csv", certificate = here / "certificate.json";
    write_csv(g, pair.g, pair.g.size() % 2 == 0);
    write_csv(y, pair.y, pair.g.size() % 3 == 0);
    std::vector<Mismatch> wrong;
    fs::remove(certificate);
    const Outcome written = run({program, "metric", g, y, "--certificate", certificate, "--json"}, here);
    if (written.status != 0 && written.status != 4)
      wrong.push_back({"natgrad metric", std::to_string(written.status) + " " + written.err, "0 or 4"});
    const Outcome checked = run({checker, g, y, certificate}, here);
    if (checked.status != 0)
      wrong.push_back(
          {"natgrad-check", std::to_string(checked.status) + " " + checked.out + checked.err, "0"});
    return wrong;
  });
}

std::uint64_t number(const std::string& text, const char* what, std::uint64_t least) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < least)
    throw std::invalid_argument(std::string(what) + ": \"" + text + "\"");
  return value;
}

int dispatch(const std::vector<std::string>& arguments) {
  const std::string mode = arguments.empty() ? "" : arguments[0];
  const std::size_t n = arguments.size();
  if (mode == "cases" && (n == 3 || n == 4)) {
    return compare_all(number(arguments[1], "N", 1), number(arguments[2], "SEED", 0),
                       n == 4 ? number(arguments[3], "MAXDIM", 1) : 100000, [](const HostilePair& pair, int) {
                         return compare_library(pair, expected_fields(pair));
                       });
  }
  if (mode == "cli" && (n == 4 || n == 5)) {
    return compare_cli(arguments[1], number(arguments[2], "N", 1), number(arguments[3], "SEED", 0),
                       n == 5 ? number(arguments[4], "MAXDIM", 1) : 100000);
  }
  if (mode == "certificates" && (n == 5 || n == 6)) {
    return check_certificates(arguments[1], arguments[2], number(arguments[3], "N", 1),
                              number(arguments[4], "SEED", 0),
                              n == 6 ? number(arguments[5], "MAXDIM", 1) : 100000);
  }
  if (mode == "worst" && n == 1) {
    write_worst_cases(std::cout, find_worst_cases());
    return 0;
  }
  throw std::invalid_argument("which mode?");
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return dispatch({argv + 1, argv + argc});
  } catch (const std::invalid_argument& e) {
    std::cerr << "natgrad-oracle: " << e.what() << '\n' << usage;
    return 2;
  } catch (const std::exception& e) {
    std::cerr << "natgrad-oracle: " << e.what() << '\n';
    return 70;
  }
}
