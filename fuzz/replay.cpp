// natgrad: a fuzz target without a fuzzer: runs it on files, then checks that they give its canaries away.
//
//   <row>_replay FILE-OR-FOLDER ...   passes when every input does, the inputs reach every region of pairs,
//                                     and every canary is noticed; no input at all is a failure
//   <row>_replay --seeds FOLDER       writes a seed corpus, the same on every machine
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "input.hpp"
#include "target.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

namespace fs = std::filesystem;
using namespace natgrad::fuzz;

using Bytes = std::vector<std::uint8_t>;

struct File {
  std::string path;
  Bytes bytes;
};

constexpr int noticed = 99;
constexpr unsigned longest_seconds = 60;

const char* running = "";

// What a crash, an abort or a hang leaves behind: the name of the input.
extern "C" void report(int signal) {
  const auto write_text = [](const char* text) {
    [[maybe_unused]] const auto written = write(2, text, std::strlen(text));
  };
  write_text(signal == SIGALRM ? "\nreplay: takes too long: " : "\nreplay: fails on ");
  write_text(running);
  write_text("\n");
  std::_Exit(1);
}

std::vector<File> read(const std::vector<std::string>& arguments) {
  std::vector<std::string> paths;
  for (const std::string& argument : arguments) {
    if (!fs::is_directory(argument)) {
      paths.push_back(argument);
      continue;
    }
    for (const fs::directory_entry& entry : fs::directory_iterator(argument)) {
      if (entry.is_regular_file() && entry.path().filename().string().front() != '.') {
        paths.push_back(entry.path().string());
      }
    }
  }
  std::sort(paths.begin(), paths.end());
  std::vector<File> files;
  for (const std::string& path : paths) {
    std::ifstream stream(path, std::ios::binary);
    if (!stream) {
      std::fprintf(stderr, "replay: cannot read %s\n", path.c_str());
      std::exit(1);
    }
    files.push_back({path, Bytes(std::istreambuf_iterator<char>(stream), {})});
  }
  return files;
}

void run(const std::vector<File>& files) {
  for (const File& file : files) {
    running = file.path.c_str();
    alarm(longest_seconds);
    // A copy of its own, so that a checker of memory sees a read beyond it.
    const Bytes bytes = file.bytes;
    LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
  }
  alarm(0);
}

bool notices(const Canary& canary, const std::vector<File>& files) {
  std::fflush(nullptr);
  const pid_t child = fork();
  if (child == 0) {
    set_mismatch_status(noticed);
    canary.sabotage(subject());
    run(files);
    std::_Exit(0);
  }
  int status = 0;
  return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) &&
         WEXITSTATUS(status) == noticed;
}

int replay(const std::vector<std::string>& arguments) {
  const std::vector<File> files = read(arguments);
  if (files.empty()) {
    std::fputs("replay: no input\n", stderr);
    return 1;
  }
  for (const int signal : {SIGABRT, SIGALRM, SIGBUS, SIGFPE, SIGILL, SIGSEGV}) std::signal(signal, report);
  run(files);
  std::printf("%zu inputs pass\n", files.size());

  bool good = true;
  for (std::size_t i = 0; i < region_count; ++i) {
    std::printf("%6zu pairs: %s\n", regions_met()[i], name(static_cast<Region>(i)));
    if (i < effective_region_count && regions_met()[i] == 0) {
      std::puts("        no input reaches this region");
      good = false;
    }
  }
  const std::vector<Canary> all = canaries();
  if (all.empty()) {
    std::puts("there is no canary: this target has not been seen to fail");
    good = false;
  }
  for (const Canary& canary : all) {
    const bool found = notices(canary, files);
    std::printf("%s: %s\n", found ? "noticed" : "NOT NOTICED", canary.name.c_str());
    good = good && found;
  }
  return good ? 0 : 1;
}

// splitmix64 (Steele, Lea and Flood 2014).
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }

 private:
  std::uint64_t state_;
};

// The first two bytes, which choose the function and the region, in every combination that matters; then
// bytes at random, from few to many.
int write_seeds(const fs::path& folder) {
  fs::create_directories(folder);
  Random random(2409'16422);
  std::size_t count = 0;
  for (unsigned choice = 0; choice < 24; ++choice) {
    for (unsigned region = 0; region < region_count * effective_region_count; region += 4) {
      Bytes bytes = {static_cast<std::uint8_t>(choice), static_cast<std::uint8_t>(region)};
      for (std::size_t left = 8 + random.next() % 120; left > 0; --left) {
        bytes.push_back(static_cast<std::uint8_t>(random.next()));
      }
      char name[32];
      std::snprintf(name, sizeof name, "seed-%04zu", count++);
      std::ofstream stream(folder / name, std::ios::binary);
      stream.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
      if (!stream.flush()) {
        std::fprintf(stderr, "replay: cannot write %s\n", (folder / name).c_str());
        return 1;
      }
    }
  }
  std::printf("%zu seeds\n", count);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments.size() == 2 && arguments[0] == "--seeds") return write_seeds(arguments[1]);
  if (arguments.empty() || arguments[0].starts_with("--")) {
    std::fprintf(stderr, "usage: %s FILE-OR-FOLDER ... | --seeds FOLDER\n", argv[0]);
    return 2;
  }
  return replay(arguments);
}
