// natgrad: tests of run files: every form of the format, every refusal, streaming, the writer, the recorder.
#include "natgrad/run.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cfenv>
#include <chrono>
#include <cmath>
#include <fstream>
#include <limits>
#include <memory>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <thread>
#include <utility>

#include "natgrad/analysis.hpp"
#include "support/run_files.hpp"

#if defined(__SSE2__)
#include <xmmintrin.h>
#endif

namespace {

using namespace natgrad;
using natgrad::test::cpp_int;
using natgrad::test::ExpectedGram;
using natgrad::test::integer;
using natgrad::test::RawRun;
using natgrad::test::TemporaryDirectory;

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double inf = std::numeric_limits<double>::infinity();

// ------------------------------------------------------------------ the run of make_runs.py, said again

constexpr std::uint64_t K = 23, D = 12;
const std::vector<ParameterGroup> named = {{"W1", 5}, {"W\u00f6rter", 4}, {"b", 3}};
const std::vector<ParameterGroup> unnamed = {{"all", D}};

std::int64_t scaled_value(std::uint64_t k, std::uint64_t d, std::uint64_t salt) {
  if (k == 4 || (k == 3 && salt == 1)) return 0;
  const auto base = static_cast<std::int64_t>((31 * k + 17 * d * d + salt * (k + 1)) % 101) - 50;
  return base * (std::int64_t{1} << (k + d + salt) % 4);
}

/// Of step k and columns begin .. end-1; values are the integers above times 2^-6.
ExpectedGram expected_gram(std::uint64_t k, std::uint64_t begin, std::uint64_t end) {
  ExpectedGram result;
  for (std::uint64_t d = begin; d < end; ++d)
    result.add(cpp_int(scaled_value(k, d, 1)) << 1068, cpp_int(-scaled_value(k, d, 2)) << 1068);
  return result;
}

double expected_loss(std::uint64_t k) {
  return (static_cast<double>(7 * k % 11) + 20 - static_cast<double>(k) / 2) / 4;
}

/// Every file of make_runs.py, written once.
class Forms : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    directory_ = new TemporaryDirectory;
    status_ = natgrad::test::make_runs(directory_->path().string(), "forms");
  }
  static void TearDownTestSuite() { delete std::exchange(directory_, nullptr); }
  void SetUp() override {
    if (status_ == 77) GTEST_SKIP() << "python3 with h5py is not installed";
    if (status_ != 0) {
      const auto log = natgrad::test::file_bytes(*directory_ / "log");
      FAIL() << "make_runs.py failed: " << std::string(log.begin(), log.end());
    }
  }
  static std::string path(const std::string& name) { return *directory_ / (name + ".h5"); }

  static TemporaryDirectory* directory_;
  static int status_;
};

TemporaryDirectory* Forms::directory_ = nullptr;
int Forms::status_ = 0;

std::vector<RunStep> all_steps(const RunReader& run) {
  std::vector<RunStep> steps;
  run.for_each_step(0, run.info().steps, [&](const RunStep& step) { steps.push_back(step); });
  return steps;
}

/// The message of the error that f throws.
template <class Error, class F>
std::string message_of(F f) {
  try {
    f();
  } catch (const Error& error) {
    return error.what();
  } catch (const std::exception& error) {
    return std::string("another error: ") + error.what();
  }
  return "no error";
}

#define EXPECT_HAS(text, part) EXPECT_PRED_FORMAT2(::testing::IsSubstring, part, text)

TEST_F(Forms, EveryFormHoldsTheSameSteps) {
  const std::vector<std::string> names = {
      "type-little-f8", "type-big-f8",   "type-little-f4", "type-big-f4",     "type-little-f2",
      "type-big-f2",    "mixed-f4-f8",   "mixed-f8-f4",    "mixed-f2-f8",     "mixed-f2-f4",
      "gzip",           "shuffle",       "chunk-rows",     "chunk-columns",   "chunk-odd",
      "chunk-single",   "unlimited",     "chunk-both",     "theta-little-f8", "theta-little-f4",
      "theta-big-f4",   "loss-per-step", "scalar-rate",    "vector-rate",     "radius",
      "variable-named", "fixed-named",   "utf8-named",     "theta-named",     "gram",
      "gram-named",     "attributes",    "latest",         "user-block",      "soft-link",
      "compact"};
  for (const std::string& name : names) {
    SCOPED_TRACE(name);
    const RunReader run(path(name));
    const RunInfo& info = run.info();
    const bool has_names = name.ends_with("-named"), has_rate = name.ends_with("-rate");
    EXPECT_EQ(info.path, path(name));
    ASSERT_EQ(info.steps, K);
    EXPECT_EQ(info.dimension, D);
    EXPECT_EQ(info.losses, name == "loss-per-step" ? K : K + 1);
    EXPECT_EQ(info.named_groups, has_names);
    EXPECT_EQ(info.groups, has_names ? named : unnamed);
    EXPECT_EQ(info.has_learning_rate, has_rate);
    EXPECT_EQ(info.has_radius, name == "radius");
    EXPECT_EQ(info.rule, name == "attributes" ? std::optional<std::string>("r\u00e8gle") : std::nullopt);
    EXPECT_EQ(info.problem, name == "attributes" ? std::optional<std::string>("quadratic") : std::nullopt);
    EXPECT_EQ(info.seed, name == "attributes" ? std::optional<std::int64_t>(-5) : std::nullopt);

    const std::vector<double> losses = run.losses(0, info.losses);
    ASSERT_EQ(losses.size(), info.losses);
    for (std::uint64_t k = 0; k < losses.size(); ++k) EXPECT_EQ(losses[k], expected_loss(k));
    EXPECT_EQ(run.losses(3, 5), (std::vector<double>{expected_loss(3), expected_loss(4)}));

    const std::vector<RunStep> steps = all_steps(run);
    ASSERT_EQ(steps.size(), K);
    for (std::uint64_t k = 0; k < K; ++k) {
      EXPECT_EQ(steps[k].index, k);
      ASSERT_EQ(steps[k].grams.size(), info.groups.size());
      std::uint64_t begin = 0;
      for (std::size_t i = 0; i < info.groups.size(); ++i) {
        EXPECT_TRUE(expected_gram(k, begin, begin + info.groups[i].size) == steps[k].grams[i])
            << "step " << k << " group " << i;
        begin += info.groups[i].size;
      }
      EXPECT_EQ(steps[k].radius,
                name == "radius" ? std::optional<double>(static_cast<double>(k % 3) * 0.5) : std::nullopt);
      EXPECT_EQ(steps[k].learning_rate,
                !has_rate ? std::nullopt
                          : std::optional<double>(name == "scalar-rate" ? 0.25
                                                                        : 0.25 + static_cast<double>(k) / 8));
    }

    std::vector<std::uint64_t> indices;
    run.for_each_step(7, 9, [&](const RunStep& step) {
      indices.push_back(step.index);
      EXPECT_EQ(step.grams, steps[step.index].grams);
    });
    EXPECT_EQ(indices, (std::vector<std::uint64_t>{7, 8}));
  }
  EXPECT_FALSE(expected_gram(5, 0, D) == all_steps(RunReader(path("gzip")))[6].grams[0]);  // it can fail
}

// ----------------------------------------------------- every bit pattern reads as what it stands for

std::uint64_t mix(std::uint64_t i) {
  std::uint64_t z = (i + 1) * 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

/// A finite binary float of the given layout, in units of 2^-1074.
cpp_int decode(std::uint64_t bits, int exponent_bits, int fraction_bits) {
  const std::uint64_t fraction = bits & ((std::uint64_t{1} << fraction_bits) - 1);
  const auto field = static_cast<int>(bits >> fraction_bits & ((std::uint64_t{1} << exponent_bits) - 1));
  const int bias = (1 << (exponent_bits - 1)) - 1;
  cpp_int value = field == 0 ? fraction : fraction | std::uint64_t{1} << fraction_bits;
  value <<= 1074 + std::max(field, 1) - bias - fraction_bits;
  return bits >> (exponent_bits + fraction_bits) != 0 ? -value : value;
}

std::vector<cpp_int> halves() {
  std::vector<cpp_int> values;
  for (std::uint64_t bits = 0; bits < 1 << 16; ++bits)
    if ((bits >> 10 & 31) != 31) values.push_back(decode(bits, 5, 10));
  return values;
}

std::vector<cpp_int> singles() {
  std::vector<cpp_int> values;
  for (std::uint64_t i = 0; i < 4096; ++i) {
    std::uint64_t bits = mix(i) & 0xffffffff;
    if (i % 3 == 0) bits &= 0x807fffff;
    if ((bits >> 23 & 0xff) == 0xff) bits ^= 1 << 30;
    values.push_back(decode(bits, 8, 23));
  }
  return values;
}

std::vector<cpp_int> wides() {
  std::vector<cpp_int> values;
  for (std::uint64_t i = 0; i < 4096; ++i) {
    std::uint64_t bits = mix(i + 4096);
    if (i % 3 == 0) bits &= 0x800fffffffffffff;
    if ((bits >> 52 & 0x7ff) == 0x7ff) bits ^= std::uint64_t{1} << 62;
    values.push_back(decode(bits, 11, 52));
  }
  return values;
}

ExpectedGram expected_gram(const std::vector<cpp_int>& update, const std::vector<cpp_int>& gradient) {
  ExpectedGram result;
  for (std::size_t i = 0; i < update.size(); ++i) result.add(update[i], -gradient[i]);
  return result;
}

void expect_bits(const std::string& path, const ExpectedGram& expected) {
  SCOPED_TRACE(path);
  const std::vector<RunStep> steps = all_steps(RunReader(path));
  ASSERT_EQ(steps.size(), 1u);
  EXPECT_TRUE(expected == steps[0].grams[0]);
}

TEST_F(Forms, EveryFiniteHalfAndRandomPatternsOfFloatAndDouble) {
  for (const auto& [name, values] : {std::pair{"half", halves()}, {"single", singles()}, {"wide", wides()}}) {
    const std::vector<cpp_int> reversed(values.rbegin(), values.rend());
    for (const char* order : {"-little", "-big"})
      expect_bits(path(std::string("bits-") + name + order), expected_gram(values, reversed));
  }
  expect_bits(path("bits-single-wide"), expected_gram(singles(), wides()));
}

/// A hostile floating-point environment: any rounding, subnormals flushed where the machine can.
class HostileEnvironment {
 public:
  explicit HostileEnvironment(int rounding) {
    std::fegetenv(&saved_);
    std::fesetround(rounding);
#if defined(__SSE2__)
    _mm_setcsr(_mm_getcsr() | 0x8040);  // flush to zero, denormals are zero
    during_ = _mm_getcsr();
#endif
    rounding_ = rounding;
  }
  ~HostileEnvironment() {
    std::fesetenv(&saved_);
#if defined(__SSE2__)
    _mm_setcsr(mxcsr_);
#endif
  }
  HostileEnvironment(const HostileEnvironment&) = delete;
  HostileEnvironment& operator=(const HostileEnvironment&) = delete;

  bool untouched() const {
#if defined(__SSE2__)
    if (_mm_getcsr() != during_) return false;
#endif
    return std::fegetround() == rounding_;
  }

 private:
  std::fenv_t saved_;
  int rounding_;
#if defined(__SSE2__)
  unsigned mxcsr_ = _mm_getcsr(), during_ = 0;
#endif
};

TEST_F(Forms, TheFloatingPointEnvironmentDoesNotMatter) {
  const ExpectedGram expected = expected_gram(singles(), wides()),
                     half = expected_gram(halves(), [] {
                       std::vector<cpp_int> values = halves();
                       std::reverse(values.begin(), values.end());
                       return values;
                     }());
  for (const int rounding : {FE_TONEAREST, FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO}) {
    std::vector<RunStep> mixed_steps, half_steps;
    bool untouched = false;
    {
      const HostileEnvironment hostile(rounding);
      mixed_steps = all_steps(RunReader(path("bits-single-wide")));
      half_steps = all_steps(RunReader(path("bits-half-big")));
      untouched = hostile.untouched();
    }
    EXPECT_TRUE(untouched);
    EXPECT_TRUE(expected == mixed_steps[0].grams[0]);
    EXPECT_TRUE(half == half_steps[0].grams[0]);
  }
}

#if defined(__SSE2__)
TEST(Canary, TheHostileEnvironmentLosesSubnormals) {
  volatile float subnormal = 1e-40f;
  const HostileEnvironment hostile(FE_TONEAREST);
  volatile double widened = subnormal;
  EXPECT_EQ(widened, 0);
}
#endif

// ---------------------------------------------------------------------------------- refusals

TEST_F(Forms, EveryRefusalNamesTheFileAndWhatIsWrongWithIt) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"no-format", "the root attribute format is missing"},
      {"no-version", "the root attribute version is missing"},
      {"format", "attribute format is \"natgrad-walk\", not \"natgrad-run\""},
      {"format-number", "attribute format holds 8-byte integers, not strings"},
      {"format-list", "attribute format must have exactly one element"},
      {"format-empty", "attribute format must have exactly one element"},
      {"format-long", "attribute format is longer than 4096 bytes"},
      {"version", "attribute version is 2; this natgrad reads version 1"},
      {"version-float", "attribute version holds 8-byte floats, not an integer"},
      {"version-text", "attribute version holds strings, not an integer"},
      {"version-bool", "attribute version holds enumerated elements (booleans?), not an integer"},
      {"rule-number", "attribute rule holds 8-byte integers, not strings"},
      {"rule-escape", "attribute rule has a control character (U+001B) at byte 0"},
      {"rule-bytes", "attribute rule is not UTF-8 at byte 0"},
      {"seed-big", "attribute seed is 9223372036854775808; it must be below 2^63"},
      {"seed-float", "attribute seed holds 8-byte floats, not an integer"},
      {"no-gradient", "/gradient is missing (and there is no /gram)"},
      {"no-update", "/update is missing (and there is no /theta)"},
      {"no-loss", "/loss is missing"},
      {"no-groups-name", "/groups/name is missing (there is /groups)"},
      {"no-groups-size", "/groups/size is missing (there is /groups)"},
      {"both", "holds both /update and /theta"},
      {"gram-too", "holds both /gram and /gradient"},
      {"gradient-group", "/gradient is not a dataset"},
      {"groups-dataset", "/groups is not a group"},
      {"type", "/loss is not a dataset"},
      {"gradient-rank", "/gradient is of shape (12,); 2 dimensions are needed"},
      {"gradient-rank3", "/gradient is of shape (1, 23, 12); 2 dimensions are needed"},
      {"gradient-scalar", "/gradient is a scalar; 2 dimensions are needed"},
      {"gradient-null", "/gradient is empty"},
      {"no-steps", "/gradient is empty (of shape (0, 12))"},
      {"no-parameters", "/gradient is empty (of shape (23, 0))"},
      {"update-rows", "/update is of shape (22, 12) and /gradient of shape (23, 12)"},
      {"update-columns", "/update is of shape (23, 11) and /gradient of shape (23, 12)"},
      {"theta-rows", "/theta is of shape (23, 12) and /gradient of shape (23, 12); of shape (24, 12)"},
      {"loss-short", "/loss has 22 elements; 23 (one for each step) or 24 are needed"},
      {"loss-long", "/loss has 25 elements; 23 (one for each step) or 24 are needed"},
      {"loss-rank", "/loss is of shape (24, 1); 1 dimension is needed"},
      {"loss-scalar", "/loss is a scalar; 1 dimension is needed"},
      {"radius-short", "/radius has 22 elements; 23 (one for each step) are needed"},
      {"radius-scalar", "/radius is a scalar; 1 dimension is needed"},
      {"rate-one", "/learning_rate has 1 elements; 23 (one for each step) are needed"},
      {"rate-rank", "/learning_rate is of shape (23, 1)"},
      {"gradient-integer", "/gradient holds 8-byte integers; IEEE float16, float32 or float64 is needed"},
      {"gradient-longdouble", "/gradient holds 16-byte floats; IEEE float16, float32 or float64 is needed"},
      {"gradient-bfloat16", "/gradient holds 2-byte floats; IEEE float16, float32 or float64 is needed"},
      {"gradient-complex", "/gradient holds compound elements"},
      {"gradient-boolean", "/gradient holds enumerated elements"},
      {"gradient-text", "/gradient holds strings"},
      {"groups-sum", "/groups/size adds up to 11, but D is 12"},
      {"groups-overflow", "/groups/size adds up to more than 2^63 at element 1"},
      {"groups-zero", "/groups/size[2] is 0; a group has at least one parameter"},
      {"groups-negative", "/groups/size[2] is -1; a group has at least one parameter"},
      {"groups-count", "/groups/name has 3 elements and /groups/size 2"},
      {"groups-float", "/groups/size holds 8-byte floats, not integers"},
      {"groups-rank", "/groups/size is of shape (1, 3); 1 dimension is needed"},
      {"names-number", "/groups/name holds 8-byte integers, not strings"},
      {"names-bytes", "/groups/name[1] is not UTF-8 at byte 0"},
      {"names-control", "/groups/name[2] has a control character (U+0007) at byte 1"},
      {"names-long", "/groups/name[2] is longer than 4096 bytes"},
      {"names-wide", "/groups/name holds strings of 5000 bytes"},
      {"names-many", "/groups/name[0] was never written"},
      {"external-link", "/gradient is a link to another file"},
      {"external-group", "/groups is a link to another file"},
      {"soft-external", "/gradient cannot be opened"},
      {"soft-nowhere", "/gradient cannot be opened"},
      {"soft-loop", "/gradient cannot be opened (too many links)"},
      {"external-storage", "/gradient keeps its data in other files"},
      {"virtual", "/gradient keeps its data in other files"},
      {"lzf", "/gradient is compressed with filter 32000 (lzf)"},
      {"big-chunk", "/gradient has compressed chunks of 536870912 bytes"},
      {"huge-chunked", "/gram[0, 0] was never written"},
      {"huge-contiguous", "/gram[0, 0] was never written"},
      {"gram-groups", "/gram has 2 columns and /groups/name 3 elements"},
      {"gram-unnamed", "/gram has 2 columns, but there is no /groups to name them"},
      {"gram-size", "/gram holds opaque elements of 1600 bytes; opaque elements of 1624 bytes are needed"},
      {"gram-bytes", "/gram holds 1-byte integers"},
      {"gram-first", "/gram[0, 0]: serialised Gram: does not start with \"NGGRAM\"; there is no good step"},
  };
  for (const auto& [name, part] : cases) {
    SCOPED_TRACE(name);
    const std::string message = message_of<InputError>([&, n = name] { RunReader run(path("bad-" + n)); });
    EXPECT_TRUE(message.starts_with(path("bad-" + name) + ": ")) << message;
    EXPECT_HAS(message, part);
  }
  // The files differ from good ones in that one thing.
  EXPECT_EQ(all_steps(RunReader(path("bad-elsewhere"))).size(), K);
}

TEST_F(Forms, AbsurdExtentsAreRefusedAtOnce) {
  const auto start = std::chrono::steady_clock::now();
  for (const char* name : {"bad-huge-loss", "bad-huge-theta", "bad-huge-wide"}) {
    SCOPED_TRACE(name);
    const RunReader run(path(name));
    const std::string message =
        message_of<InputError>([&] { run.for_each_step(0, run.info().steps, [](const RunStep&) {}); });
    EXPECT_HAS(message, "was never written");
  }
  const RunReader loss(path("bad-huge-loss"));
  EXPECT_EQ(loss.info().losses, std::uint64_t{1} << 50);
  const std::string message = message_of<RunValueError>([&] { loss.losses(0, loss.info().losses); });
  EXPECT_HAS(message, "/loss[1024] was never written; the last good step is 1023: use --steps 0:1024");
  EXPECT_HAS(message_of<InputError>([&] { analyze(loss); }), "GiB of memory");
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20));
}

TEST_F(Forms, ARunThatGoesBadIsReadUpToThere) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"unwritten-gradient", "/gradient[9, 0] was never written"},
      {"unwritten-update", "/update[9, 0] was never written"},
      {"corrupt-gradient", "/gradient[9, 0] cannot be read"},
      {"corrupt-update", "/update[9, 0] cannot be read"},
      {"theta", "/theta[10, 0] was never written"},
      {"gram", "/gram[9, 0]: serialised Gram: "},
      {"gram-dimension", "/gram[9, 0]: has dimension 11, not the 12 of its group"},
  };
  for (const auto& [name, part] : cases) {
    SCOPED_TRACE(name);
    const RunReader run(path("late-" + name));
    for (const std::uint64_t first : {0, 5, 9}) {
      std::vector<RunStep> steps;
      try {
        run.for_each_step(first, K, [&](const RunStep& step) { steps.push_back(step); });
        ADD_FAILURE() << "no error";
      } catch (const RunValueError& error) {
        EXPECT_EQ(error.step(), 9u);
        EXPECT_HAS(std::string(error.what()), part);
        EXPECT_HAS(std::string(error.what()), first == 9
                                                  ? std::string("; there is no good step from 9 on")
                                                  : "; the last good step is 8: use --steps " +
                                                        std::to_string(first) + ":9 to analyse up to there");
      }
      ASSERT_EQ(steps.size(), 9 - first);
      for (std::uint64_t i = 0; i < steps.size(); ++i) {
        EXPECT_EQ(steps[i].index, first + i);
        EXPECT_TRUE(expected_gram(first + i, 0, D) == steps[i].grams[0]);
      }
    }
    EXPECT_NO_THROW(run.for_each_step(0, 9, [](const RunStep&) {}));
  }
  for (const char* name : {"late-unwritten-loss", "late-corrupt-loss"}) {
    const RunReader run(path(name));
    EXPECT_HAS(message_of<RunValueError>([&] { run.losses(0, K); }), "/loss[9]");
    EXPECT_EQ(run.losses(0, 9).size(), 9u);
  }
}

TEST_F(Forms, ATruncatedFileIsRefusedWhereverItEnds) {
  const std::vector<char> bytes = natgrad::test::file_bytes(path("chunk-odd"));
  ASSERT_GT(bytes.size(), 2000u);
  const TemporaryDirectory directory;
  const std::string cut = directory / "cut.h5";
  for (std::size_t size = 0; size < bytes.size(); size += size + 61 < bytes.size() ? 61 : 1) {
    std::ofstream(cut, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(size));
    const std::string message = message_of<InputError>([&] { RunReader run{cut}; });
    EXPECT_TRUE(message.starts_with(cut + ": ")) << size << ": " << message;
  }
  std::ofstream(cut, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  EXPECT_NO_THROW(RunReader{cut});
}

TEST(RunReader, WhatIsNoHdf5FileIsRefused) {
  const TemporaryDirectory directory;
  const auto message = [](const std::string& path) {
    return message_of<InputError>([&] { RunReader run(path); });
  };
  EXPECT_EQ(message(directory / "none.h5"),
            (directory / "none.h5") + ": cannot be opened: No such file or directory");
  EXPECT_EQ(message(directory.path().string()), directory.path().string() + ": is a directory");
  EXPECT_EQ(message("/dev/null"), "/dev/null: is not a regular file");
  EXPECT_HAS(message(""), "cannot be opened");
  EXPECT_HAS(message(std::string("a\0b", 3)), "the name has a zero byte");
  std::ofstream(directory / "empty.h5");
  EXPECT_EQ(message(directory / "empty.h5"), (directory / "empty.h5") + ": is not an HDF5 file");
  std::ofstream(directory / "text.h5") << "1,2,3\n";
  EXPECT_EQ(message(directory / "text.h5"), (directory / "text.h5") + ": is not an HDF5 file");
  ASSERT_EQ(::mkfifo((directory / "fifo.h5").c_str(), 0600), 0);  // nobody writes to it: opening would hang
  EXPECT_EQ(message(directory / "fifo.h5"), (directory / "fifo.h5") + ": is not a regular file");
  if (::geteuid() != 0) {
    std::ofstream(directory / "secret.h5") << "x";
    ASSERT_EQ(::chmod((directory / "secret.h5").c_str(), 0), 0);
    EXPECT_HAS(message(directory / "secret.h5"), "cannot be opened: Permission denied");
  }
}

TEST(RunReader, RangesAreChecked) {
  const TemporaryDirectory directory;
  const std::string path = directory / "run.h5";
  RawRun(path).put("update", {2, 1}, {1, 2}).put("gradient", {2, 1}, {1, 2}).put("loss", {2}, {2, 1});
  const RunReader run(path);
  const auto ignore = [](const RunStep&) { FAIL(); };
  EXPECT_THROW(run.for_each_step(0, 3, ignore), ContractError);
  EXPECT_THROW(run.for_each_step(2, 1, ignore), ContractError);
  EXPECT_THROW(run.losses(0, 3), ContractError);
  EXPECT_THROW(run.losses(2, 1), ContractError);
  EXPECT_NO_THROW(run.for_each_step(2, 2, ignore));
  EXPECT_TRUE(run.losses(1, 1).empty());
}

TEST(RunReader, HandlesHdf5ErrorsQuietlyAndGivesTheHandlerBack) {
  static int calls = 0;
  H5E_auto2_t old = nullptr;
  void* old_data = nullptr;
  H5Eget_auto2(H5E_DEFAULT, &old, &old_data);
  H5Eset_auto2(
      H5E_DEFAULT,
      [](hid_t, void*) -> herr_t {
        ++calls;
        return 0;
      },
      nullptr);
  calls = 0;
  const TemporaryDirectory directory;
  std::ofstream(directory / "text.h5") << "text";
  EXPECT_THROW(RunReader{directory / "text.h5"}, InputError);
  EXPECT_EQ(calls, 0);
  H5Fopen("/nowhere", H5F_ACC_RDONLY, H5P_DEFAULT);
  EXPECT_EQ(calls, 1);
  H5Eset_auto2(H5E_DEFAULT, old, old_data);
}

// -------------------------------------------------------------------------- theta and its differences

TEST(RunReader, DifferencesOfThetaAreExact) {
  const TemporaryDirectory directory;
  const std::string path = directory / "run.h5";
  std::mt19937_64 random(7);
  constexpr std::size_t steps = 30, dimension = 9;
  std::vector<double> theta, gradient;
  const auto draw = [&] {
    return std::ldexp(static_cast<double>(random() >> 11) - 0x1p52, static_cast<int>(random() % 200) - 100);
  };
  for (std::size_t i = 0; i < (steps + 1) * dimension; ++i) theta.push_back(draw());
  for (std::size_t i = 0; i < steps * dimension; ++i) gradient.push_back(draw());
  theta[0] = std::numeric_limits<double>::max();  // the difference overflows a double
  theta[dimension] = -std::numeric_limits<double>::max();
  theta[1] = std::numeric_limits<double>::denorm_min();
  RawRun(path)
      .put("theta", {steps + 1, dimension}, theta, H5T_IEEE_F64BE, {4, 3})
      .put("gradient", {steps, dimension}, gradient)
      .put("loss", {steps}, std::vector<double>(steps, 1.0))
      .groups({2, 7});
  const std::vector<RunStep> read = all_steps(RunReader(path));
  ASSERT_EQ(read.size(), steps);
  bool rounding_shows = false;
  for (std::size_t k = 0; k < steps; ++k) {
    ExpectedGram expected[2];
    Gram rounded;
    for (std::size_t d = 0; d < dimension; ++d) {
      const double from = theta[k * dimension + d], to = theta[(k + 1) * dimension + d];
      expected[d < 2 ? 0 : 1].add(integer(to) - integer(from), -integer(gradient[k * dimension + d]));
      const double difference = to - from, y = -gradient[k * dimension + d];
      if (d >= 2) rounded.add(std::span(&difference, 1), std::span(&y, 1));
    }
    EXPECT_TRUE(expected[0] == read[k].grams[0]) << k;
    EXPECT_TRUE(expected[1] == read[k].grams[1]) << k;
    rounding_shows = rounding_shows || rounded != read[k].grams[1];
  }
  EXPECT_TRUE(rounding_shows);
}

// --------------------------------------------------------------------------------- bad values

struct Spoil {
  const char* dataset;
  std::uint64_t row, column;
  double value;
};

TEST(RunReader, TheFirstBadStepIsNamedWhateverTheThreads) {
  const TemporaryDirectory directory;
  const std::string path = directory / "run.h5";
  std::mt19937_64 random(11);
  constexpr std::size_t steps = 40, dimension = 7;
  const double values[] = {nan, inf, -inf};
  for (int trial = 0; trial < 120; ++trial) {
    const bool theta = trial % 3 == 0;
    const char* source = theta ? "theta" : "update";
    const bool single = trial % 2 == 1;
    const char* names[] = {source, "gradient", "radius", "learning_rate"};
    std::vector<Spoil> spoils;
    for (std::size_t i = 0; i <= random() % 4; ++i) {
      const char* name = names[random() % 4];
      const std::size_t rows = steps + (std::string(name) == "theta" ? 1 : 0);
      double value = values[random() % 3];
      if (std::string(name) == "radius" && random() % 2 == 0) value = -1;
      spoils.push_back({name, random() % rows, random() % dimension, value});
    }
    const auto data = [&](const std::string& name, std::size_t rows, std::size_t columns) {
      std::vector<double> result(rows * columns, 0.5);
      for (const Spoil& spoil : spoils)
        if (name == spoil.dataset)
          result[spoil.row * columns + (columns == 1 ? 0 : spoil.column)] = spoil.value;
      return result;
    };
    const hid_t type = single ? H5T_IEEE_F32LE : H5T_IEEE_F64LE;
    RawRun(path)
        .put(source, {steps + theta, dimension}, data(source, steps + theta, dimension), type)
        .put("gradient", {steps, dimension}, data("gradient", steps, dimension), type, {3, 2})
        .put("radius", {steps}, data("radius", steps, 1))
        .put("learning_rate", {steps}, data("learning_rate", steps, 1), H5T_IEEE_F32LE)
        .put("loss", {steps}, std::vector<double>(steps, 1.0));

    std::uint64_t first_bad = steps;
    for (const Spoil& spoil : spoils) {
      const bool is_theta = std::string(spoil.dataset) == "theta";
      first_bad = std::min(first_bad, is_theta && spoil.row > 0 ? spoil.row - 1 : spoil.row);
    }
    const RunReader run(path);
    std::string first_message;
    for (const int threads : {1, 2, 5}) {
      natgrad::test::set_threads(threads);
      std::uint64_t seen = 0;
      try {
        run.for_each_step(0, steps, [&](const RunStep& step) { EXPECT_EQ(step.index, seen++); });
        ADD_FAILURE() << "no error";
      } catch (const RunValueError& error) {
        EXPECT_EQ(error.step(), first_bad);
        const std::string message = error.what();
        if (threads == 1) first_message = message;
        EXPECT_EQ(message, first_message);
        const bool is_named = std::ranges::any_of(spoils, [&](const Spoil& spoil) {
          std::string place = std::string("/") + spoil.dataset + "[" + std::to_string(spoil.row);
          if (spoil.dataset == std::string(source) || spoil.dataset == std::string("gradient"))
            place += ", " + std::to_string(spoil.column);
          const std::string value = std::isnan(spoil.value) ? "NaN"
                                    : spoil.value > 0       ? "inf"
                                    : spoil.value < -1      ? "-inf"
                                                            : "-1";
          return message.find(place + "] is " + value + "; ") != std::string::npos;
        });
        EXPECT_TRUE(is_named) << message;
        EXPECT_HAS(message, first_bad == 0 ? std::string("; there is no good step")
                                           : "; the last good step is " + std::to_string(first_bad - 1) +
                                                 ": use --steps 0:" + std::to_string(first_bad) + " to");
      }
      EXPECT_EQ(seen, first_bad);
    }
  }
  natgrad::test::set_threads(2);
}

TEST(RunReader, RowsTooLongToReadAtOnceAreReadInPieces) {
  const TemporaryDirectory directory;
  const std::string path = directory / "run.h5";
  constexpr std::size_t steps = 3, dimension = (std::size_t{1} << 21) + 5;
  std::vector<double> update(steps * dimension), gradient(steps * dimension);
  ExpectedGram expected[steps][3];
  const std::vector<std::uint64_t> sizes = {3, (1 << 20) + 1, dimension - 3 - (1 << 20) - 1};
  for (std::size_t k = 0; k < steps; ++k) {
    std::int64_t sums[3][3] = {};
    for (std::size_t d = 0; d < dimension; ++d) {
      const auto g = static_cast<std::int64_t>(mix(k * dimension + d) % 2001) - 1000;
      const auto y = static_cast<std::int64_t>(mix(~(k * dimension + d)) % 2001) - 1000;
      update[k * dimension + d] = static_cast<double>(g);
      gradient[k * dimension + d] = static_cast<double>(-y);
      auto& sum = sums[d < 3 ? 0 : d < 3 + sizes[1] ? 1 : 2];
      sum[0] += g * g;
      sum[1] += g * y;
      sum[2] += y * y;
    }
    for (int i = 0; i < 3; ++i)
      expected[k][i] = {cpp_int(sums[i][0]) << 2148, cpp_int(sums[i][1]) << 2148, cpp_int(sums[i][2]) << 2148,
                        sizes[static_cast<std::size_t>(i)]};
  }
  for (const std::vector<hsize_t>& chunk : std::vector<std::vector<hsize_t>>{{}, {2, 70000}, {1, 1 << 20}}) {
    for (const bool single : {false, true}) {
      const hid_t type = single ? H5T_IEEE_F32LE : H5T_IEEE_F64LE;
      RawRun(path)
          .put("update", {steps, dimension}, update, type, chunk)
          .put("gradient", {steps, dimension}, gradient, type)
          .put("loss", {steps}, {3, 2, 1})
          .groups(sizes);
      for (const int threads : {1, 3}) {
        natgrad::test::set_threads(threads);
        const std::vector<RunStep> read = all_steps(RunReader(path));
        for (std::size_t k = 0; k < steps; ++k)
          for (std::size_t i = 0; i < 3; ++i)
            EXPECT_TRUE(expected[k][i] == read[k].grams[i]) << k << ' ' << i;
      }
    }
  }
  natgrad::test::set_threads(2);

  update[2 * dimension + 1] = nan;  // found first, but of a later step
  gradient[1 * dimension + dimension - 1] = -inf;
  RawRun(path)
      .put("update", {steps, dimension}, update)
      .put("gradient", {steps, dimension}, gradient, H5T_IEEE_F64LE, {3, 4096})
      .put("loss", {steps}, {3, 2, 1});
  std::uint64_t seen = 0;
  const std::string message = message_of<RunValueError>(
      [&] { RunReader(path).for_each_step(0, steps, [&](const RunStep&) { ++seen; }); });
  EXPECT_HAS(message, "/gradient[1, " + std::to_string(dimension - 1) + "] is -inf");
  EXPECT_EQ(seen, 1u);
}

TEST(RunReader, ABadLossNamesTheStepFromWhichNothingHolds) {
  const TemporaryDirectory directory;
  const std::string path = directory / "run.h5";
  for (const std::size_t losses : {5u, 6u}) {
    for (std::size_t bad = 0; bad < losses; ++bad) {
      std::vector<double> loss(losses, 1.0);
      loss[bad] = bad % 2 == 0 ? nan : -inf;
      RawRun(path)
          .put("update", {5, 1}, {1, 1, 1, 1, 1})
          .put("gradient", {5, 1}, {1, 1, 1, 1, 1})
          .put("loss", {losses}, loss);
      const RunReader run(path);
      try {
        run.losses(0, losses);
        ADD_FAILURE() << "no error";
      } catch (const RunValueError& error) {
        EXPECT_EQ(error.step(), std::min<std::size_t>(bad, 4));
        EXPECT_HAS(std::string(error.what()),
                   "/loss[" + std::to_string(bad) + "] is " + (bad % 2 == 0 ? "NaN" : "-inf"));
      }
      EXPECT_EQ(run.losses(0, bad).size(), bad);
    }
  }
}

// ----------------------------------------------------------------------------- threads and memory

TEST(RunReader, SeveralReadersAndThreadsAtOnce) {
  const TemporaryDirectory directory;
  std::vector<std::string> paths;
  for (int i = 0; i < 2; ++i) {
    paths.push_back(directory / ("run" + std::to_string(i) + ".h5"));
    std::vector<double> values(500 * 3);
    for (std::size_t j = 0; j < values.size(); ++j)
      values[j] = static_cast<double>(j % 17 + static_cast<std::size_t>(i));
    RawRun(paths.back())
        .put("update", {500, 3}, values, H5T_IEEE_F64LE, {7, 2})
        .put("gradient", {500, 3}, values, H5T_IEEE_F32LE)
        .put("loss", {500}, std::vector<double>(500, 1.0));
  }
  const RunReader shared(paths[0]);
  const auto once = [](const RunReader& run) {
    Gram sum;
    run.for_each_step(0, 500, [&](const RunStep& step) { sum.merge(step.grams[0]); });
    return sum;
  };
  const Gram expected[] = {once(shared), once(RunReader(paths[1]))};
  EXPECT_NE(expected[0], expected[1]);
  std::vector<std::thread> threads;
  std::vector<char> same(6, 0);
  for (std::size_t t = 0; t < same.size(); ++t)
    threads.emplace_back([&, t] {
      bool good = true;
      for (int repeat = 0; repeat < 5; ++repeat)
        good = good && (t % 2 == 0 ? once(shared) == expected[0] : once(RunReader(paths[1])) == expected[1]);
      same[t] = good ? 1 : 0;
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(same, std::vector<char>(6, 1));
}

// Runs in a process of its own, started by the next test.
TEST(LargeRun, DISABLED_Analyse) {
  const char* path = std::getenv("NATGRAD_TEST_LARGE_RUN");
  ASSERT_NE(path, nullptr);
  const Analysis analysis = analyze(RunReader(path));
  EXPECT_EQ(analysis.steps.size(), analysis.info.steps);
  const bool moves = std::string(path).ends_with("long.h5");
  EXPECT_EQ(analysis.verdicts.effective, moves ? analysis.info.steps : 0);
  EXPECT_EQ(analysis.verdicts.not_effective, moves ? 0 : analysis.info.steps);
}

// Sanitizers keep what is freed.
#if defined(__SANITIZE_ADDRESS__)
#define NATGRAD_SANITIZED
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define NATGRAD_SANITIZED
#endif
#endif

TEST(LargeRun, MemoryDoesNotGrowWithTheRun) {
  const TemporaryDirectory directory;
  const int made = natgrad::test::make_runs(directory.path().string(), "large");
  if (made == 77) GTEST_SKIP() << "python3 with h5py is not installed";
  ASSERT_EQ(made, 0);
  for (const char* name : {"large-long.h5", "large-wide.h5"}) {
    SCOPED_TRACE(name);
    ASSERT_EQ(::setenv("NATGRAD_TEST_LARGE_RUN", (directory / name).c_str(), 1), 0);
    const pid_t child = ::fork();
    if (child == 0) {
      ::execl("/proc/self/exe", "run_test", "--gtest_filter=LargeRun.DISABLED_Analyse",
              "--gtest_also_run_disabled_tests", "--gtest_brief=1", static_cast<char*>(nullptr));
      ::_exit(127);
    }
    ASSERT_GT(child, 0);
    int status = 0;
    rusage usage{};
    ASSERT_EQ(::wait4(child, &status, 0, &usage), child);
    EXPECT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 0);
#if !defined(NATGRAD_SANITIZED)
    EXPECT_LT(usage.ru_maxrss, 300 * 1024) << "kilobytes, for a gigabyte";
#endif
  }
}

// ------------------------------------------------------------------------------------- writer

RunHeader small_header() {
  RunHeader header;
  header.rule = "adam";
  header.problem = "mlp";
  header.seed = -3;
  header.learning_rate = 0.125;
  header.dimension = 3;
  header.groups = {{"W", 2}, {"\u03b2", 1}};
  return header;
}

void write_small(const std::string& path, std::size_t steps, const RunHeader& header = small_header()) {
  RunWriter writer(path, header);
  std::vector<double> gradient(header.dimension), update(header.dimension);
  for (std::size_t k = 0; k < steps; ++k) {
    for (std::size_t d = 0; d < gradient.size(); ++d) {
      gradient[d] = static_cast<double>(mix(k * 7919 + d) >> 12) - 0x1p51;
      update[d] = std::ldexp(gradient[d], -60) + static_cast<double>(d);
    }
    writer.append(1 / static_cast<double>(k + 1), gradient, update);
  }
  writer.finish(1e-300);
}

TEST(RunWriter, WhatIsWrittenIsReadBack) {
  const TemporaryDirectory directory;
  const std::string path = directory / "run.h5";
  for (const std::size_t steps : {std::size_t{1}, std::size_t{2}, std::size_t{2729}, std::size_t{2730},
                                  std::size_t{2731}, std::size_t{9000}}) {
    SCOPED_TRACE(steps);
    write_small(path, steps);
    EXPECT_EQ(directory.names(), std::vector<std::string>{"run.h5"});
    const RunReader run(path);
    EXPECT_EQ(run.info().steps, steps);
    EXPECT_EQ(run.info().dimension, 3u);
    EXPECT_EQ(run.info().rule, "adam");
    EXPECT_EQ(run.info().problem, "mlp");
    EXPECT_EQ(run.info().seed, -3);
    EXPECT_EQ(run.info().groups, small_header().groups);
    EXPECT_TRUE(run.info().named_groups);
    const std::vector<double> losses = run.losses(0, steps + 1);
    for (std::size_t k = 0; k < steps; ++k) ASSERT_EQ(losses[k], 1 / static_cast<double>(k + 1));
    EXPECT_EQ(losses.back(), 1e-300);
    const std::vector<double> gradient = natgrad::test::read_dataset(path, "gradient");
    const std::vector<double> update = natgrad::test::read_dataset(path, "update");
    ASSERT_EQ(gradient.size(), steps * 3);
    ASSERT_EQ(update.size(), steps * 3);
    for (std::size_t i = 0; i < gradient.size(); ++i) {
      ASSERT_EQ(gradient[i], static_cast<double>(mix(i / 3 * 7919 + i % 3) >> 12) - 0x1p51);
      ASSERT_EQ(update[i], std::ldexp(gradient[i], -60) + static_cast<double>(i % 3));
    }
    for (const RunStep& step : all_steps(run)) ASSERT_EQ(step.learning_rate, 0.125);
  }
}

/// Integers and halves, so that textbook sums of products are exact.
double small(std::size_t i) {
  return static_cast<double>(mix(i) >> 58) / 2 - 16;
}

TEST(RunWriter, ParametersGramsAndRadii) {
  const TemporaryDirectory directory;
  const std::string path = directory / "run.h5";
  for (const RunContent content : {RunContent::updates, RunContent::parameters, RunContent::grams}) {
    for (const std::size_t steps : {std::size_t{1}, std::size_t{30}, std::size_t{2731}}) {
      SCOPED_TRACE(std::to_string(static_cast<int>(content)) + ", " + std::to_string(steps));
      RunHeader header = small_header();
      header.content = content;
      header.radius = true;
      RunWriter writer(path, header);
      struct Sums {
        double gg = 0, gy = 0, yy = 0;
      };
      std::vector<std::array<Sums, 2>> expected(steps);
      for (std::size_t k = 0; k < steps; ++k) {
        std::vector<double> theta(3), step(3), gradient(3), y(3);
        for (std::size_t d = 0; d < 3; ++d) {
          theta[d] = small(3 * k + d);
          step[d] = small(3 * (k + 1) + d) - theta[d];
          gradient[d] = small(7919 * k + d);
          y[d] = -gradient[d];
          Sums& sums = expected[k][d / 2];
          sums.gg += step[d] * step[d];
          sums.gy += step[d] * y[d];
          sums.yy += y[d] * y[d];
        }
        const double radius = static_cast<double>(k) / 4;
        if (content == RunContent::grams) {
          const auto part = [](const std::vector<double>& x, std::size_t i) {
            return std::span<const double>(x).subspan(2 * i, 2 - i);
          };
          const std::array grams = {Gram::of(part(step, 0), part(y, 0)), Gram::of(part(step, 1), part(y, 1))};
          writer.append(0.5, grams, radius);
        } else {
          writer.append(0.5, gradient, content == RunContent::parameters ? theta : step, radius);
        }
      }
      std::vector<double> last;
      if (content == RunContent::parameters)
        for (std::size_t d = 0; d < 3; ++d) last.push_back(small(3 * steps + d));
      writer.finish(0.25, last);

      const RunReader run(path);
      EXPECT_EQ(run.info().steps, steps);
      EXPECT_EQ(run.info().dimension, 3u);
      EXPECT_TRUE(run.info().has_radius);
      EXPECT_EQ(run.losses(0, steps + 1).back(), 0.25);
      const std::vector<RunStep> read = all_steps(run);
      ASSERT_EQ(read.size(), steps);
      for (std::size_t k = 0; k < steps; ++k) {
        ASSERT_EQ(read[k].radius, static_cast<double>(k) / 4);
        ASSERT_EQ(read[k].grams.size(), 2u);
        for (std::size_t i = 0; i < 2; ++i) {
          ASSERT_EQ(read[k].grams[i].dimension(), 2 - i);
          ASSERT_EQ(read[k].grams[i].gg().to_double(), expected[k][i].gg);
          ASSERT_EQ(read[k].grams[i].gy().to_double(), expected[k][i].gy);
          ASSERT_EQ(read[k].grams[i].yy().to_double(), expected[k][i].yy);
        }
      }
    }
  }
}

TEST(RunWriter, RefusesWhatItsHeaderDoesNotPromise) {
  const TemporaryDirectory directory;
  const std::vector<double> x = {1, 2, 3};
  const std::span<const double> two(x.data(), 2), one(x.data(), 1);
  const std::vector<Gram> grams = {Gram::of(two, two), Gram::of(one, one)};
  RunHeader header = small_header();
  header.content = RunContent::grams;
  {
    RunWriter writer(directory / "grams.h5", header);
    const auto refusal = [&](auto call) { return message_of<ContractError>(call); };
    EXPECT_HAS(refusal([&] { writer.append(1, x, x); }), "the header promises Grams");
    EXPECT_HAS(refusal([&] { writer.append(1, std::span(grams).first(1)); }), "grams has 1 elements; 2");
    const std::vector<Gram> swapped = {grams[1], grams[0]};
    EXPECT_HAS(refusal([&] { writer.append(1, swapped); }),
               "grams[0] has dimension 1, not the 2 of its group");
    EXPECT_HAS(refusal([&] { writer.append(1, grams, 0.5); }), "the header promises no radius");
    writer.append(1, grams);
    EXPECT_HAS(refusal([&] { writer.finish(1, x); }), "final_theta");
    writer.finish(0.5);
    EXPECT_EQ(all_steps(RunReader(directory / "grams.h5")).size(), 1u);  // the refused left no trace
  }
  header.content = RunContent::parameters;
  header.radius = true;
  RunWriter writer(directory / "theta.h5", header);
  const auto refusal = [&](auto call) { return message_of<ContractError>(call); };
  EXPECT_HAS(refusal([&] { writer.append(1, grams, 0.5); }), "the header promises vectors");
  EXPECT_HAS(refusal([&] { writer.append(1, x, x); }), "the header promises a radius");
  EXPECT_HAS(refusal([&] { writer.append(1, x, x, -1.0); }), "radius is -1");
  EXPECT_HAS(refusal([&] { writer.append(1, x, x, nan); }), "radius is NaN");
  EXPECT_HAS(refusal([&] { writer.append(1, x, two, 0.5); }), "theta has 2 elements");
  writer.append(1, x, x, 0.5);
  EXPECT_HAS(refusal([&] { writer.finish(1); }), "final_theta has 0 elements");
  writer.finish(1, x);
  EXPECT_EQ(all_steps(RunReader(directory / "theta.h5")).size(), 1u);
}

TEST(RunWriter, AbsurdDimensionsAndContents) {
  const TemporaryDirectory directory;
  for (int power = 40; power < 64; ++power) {
    RunHeader header;
    header.dimension = std::uint64_t{1} << power;
    try {
      RunWriter writer(directory / "run.h5", header);  // with no step, nothing comes of it
    } catch (const InputError& error) {
      EXPECT_HAS(std::string(error.what()), "cannot be written");
    }
    EXPECT_TRUE(directory.names().empty()) << power;
  }
  RunHeader header = small_header();
  header.content = static_cast<RunContent>(7);
  EXPECT_HAS(message_of<ContractError>([&] { RunWriter(directory / "run.h5", header); }), "content is 7");
}

TEST(RunWriter, MovedFromObjectsSaySo) {
  const TemporaryDirectory directory;
  const std::vector<double> x = {1, 2, 3};
  RunWriter first(directory / "run.h5", small_header());
  RunWriter writer = std::move(first);
  EXPECT_HAS(message_of<ContractError>([&] { first.append(1, x, x); }), "moved from");
  EXPECT_HAS(message_of<ContractError>([&] { first.append(1, std::vector<Gram>(2)); }), "moved from");
  EXPECT_HAS(message_of<ContractError>([&] { first.finish(1); }), "moved from");
  writer.append(1, x, x);
  writer.finish(0);
  RunReader gone(directory / "run.h5");
  const RunReader run = std::move(gone);
  EXPECT_EQ(run.info().steps, 1u);
  EXPECT_HAS(message_of<ContractError>([&] { (void)gone.info(); }), "moved from");
  EXPECT_HAS(message_of<ContractError>([&] { (void)gone.losses(0, 1); }), "moved from");
  EXPECT_HAS(message_of<ContractError>([&] { gone.for_each_step(0, 1, [](const RunStep&) {}); }),
             "moved from");
}

TEST(RunWriter, LongRowsAndBareHeaders) {
  const TemporaryDirectory directory;
  const std::string path = directory / "run.h5";
  RunHeader header;
  header.dimension = 300001;
  write_small(path, 2, header);
  const RunReader run(path);
  EXPECT_EQ(run.info().dimension, 300001u);
  EXPECT_EQ(run.info().rule, std::nullopt);
  EXPECT_EQ(run.info().seed, std::nullopt);
  EXPECT_FALSE(run.info().named_groups);
  EXPECT_FALSE(run.info().has_learning_rate);
  EXPECT_EQ(all_steps(run).size(), 2u);
}

TEST(RunWriter, TheSameRunGivesTheSameBytes) {
  const TemporaryDirectory directory;
  write_small(directory / "a.h5", 100);
  std::this_thread::sleep_for(std::chrono::milliseconds(1100));  // HDF5's time stamps are in seconds
  std::vector<char> litter(1 << 20, 'x');                        // what the heap holds must not come through
  litter.clear();
  write_small(directory / "b.h5", 100);
  const std::vector<char> a = natgrad::test::file_bytes(directory / "a.h5");
  EXPECT_EQ(a, natgrad::test::file_bytes(directory / "b.h5"));
  write_small(directory / "b.h5", 101);
  EXPECT_NE(a, natgrad::test::file_bytes(directory / "b.h5"));
}

TEST(RunWriter, NothingIsThereBeforeItIsFinished) {
  const TemporaryDirectory directory;
  const std::string path = directory / "run.h5";
  std::ofstream(path) << "precious";
  {
    RunWriter writer(path, small_header());
    const std::vector<double> v = {1, 2, 3};
    writer.append(1, v, v);
    EXPECT_EQ(natgrad::test::file_bytes(path).size(), 8u);
    EXPECT_EQ(directory.names().size(), 2u);  // the other is temporary
    RunWriter moved = std::move(writer);
    moved.append(1, v, v);
  }
  EXPECT_EQ(directory.names(), std::vector<std::string>{"run.h5"});
  EXPECT_EQ(natgrad::test::file_bytes(path).size(), 8u);
  write_small(path, 3);
  EXPECT_EQ(RunReader(path).info().steps, 3u);
}

TEST(RunWriter, TwoWritersToOnePlaceDoNotMix) {
  const TemporaryDirectory directory;
  const std::string path = directory / "run.h5";
  const std::vector<double> v = {1, 2, 3};
  RunWriter first(path, small_header()), second(path, small_header());
  first.append(1, v, v);
  second.append(1, v, v);
  second.append(1, v, v);
  second.finish(0);
  EXPECT_EQ(RunReader(path).info().steps, 2u);
  first.finish(0);
  EXPECT_EQ(RunReader(path).info().steps, 1u);
  EXPECT_EQ(directory.names(), std::vector<std::string>{"run.h5"});
}

TEST(RunWriter, FollowsLinksAndTheUmask) {
  const TemporaryDirectory directory;
  std::ofstream(directory / "target.h5") << "old";
  std::filesystem::create_symlink("target.h5", directory / "link.h5");
  const mode_t mask = ::umask(027);
  write_small(directory / "link.h5", 1);
  write_small(directory / "new.h5", 1);
  ::umask(mask);
  EXPECT_TRUE(std::filesystem::is_symlink(directory / "link.h5"));
  EXPECT_EQ(RunReader(directory / "target.h5").info().steps, 1u);
  struct stat status {};
  ASSERT_EQ(::stat((directory / "new.h5").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0640u);
}

TEST(RunWriter, RefusesWhatBreaksTheContract) {
  const TemporaryDirectory directory;
  const std::string path = directory / "run.h5";
  const auto refusal = [&](auto change) {
    RunHeader header = small_header();
    change(header);
    return message_of<ContractError>([&] { RunWriter writer(path, header); });
  };
  EXPECT_HAS(refusal([](RunHeader& h) { h.dimension = 0; }), "dimension is 0");
  EXPECT_HAS(refusal([](RunHeader& h) { h.groups[1].size = 2; }), "more than the dimension 3 at groups[1]");
  EXPECT_HAS(refusal([](RunHeader& h) { h.groups.pop_back(); }),
             "groups add up to 2, but the dimension is 3");
  EXPECT_HAS(refusal([](RunHeader& h) {
               h.groups.push_back({"none", 0});
             }),
             "groups[2] (\"none\") has size 0");
  EXPECT_HAS(refusal([](RunHeader& h) { h.groups[0].size = ~std::uint64_t{0}; }), "groups[0]");
  EXPECT_HAS(refusal([](RunHeader& h) { h.groups[1].name = "\xff"; }), "groups[1].name is not UTF-8");
  EXPECT_HAS(refusal([](RunHeader& h) { h.rule = "a\nb"; }), "rule has a control character");
  EXPECT_HAS(refusal([](RunHeader& h) { h.rule = "a\u009b"; }), "rule has a control character (U+009B)");
  // Overlong, a surrogate, beyond the last code point, cut off.
  for (const char* text : {"\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82"})
    EXPECT_HAS(refusal([=](RunHeader& h) { h.rule = text; }), "rule is not UTF-8 at byte 0");
  EXPECT_EQ(refusal([](RunHeader& h) { h.rule = "\u00e9\u20ac\U0001f600\U0010ffff"; }), "no error");
  EXPECT_HAS(refusal([](RunHeader& h) { h.problem = std::string(5000, 'x'); }), "problem is longer than");
  EXPECT_HAS(refusal([](RunHeader& h) { h.learning_rate = nan; }), "learning_rate is NaN");
  EXPECT_HAS(refusal([](RunHeader& h) { h.learning_rate = -0.5; }), "learning_rate is -0.5");
  EXPECT_TRUE(directory.names().empty());

  RunWriter writer(path, small_header());
  const std::vector<double> good = {1, 2, 3}, shorter = {1, 2}, broken = {1, inf, 3};
  EXPECT_THROW(writer.finish(0), ContractError);
  EXPECT_THROW(writer.append(nan, good, good), NonFiniteError);
  EXPECT_HAS(message_of<ContractError>([&] { writer.append(1, shorter, good); }),
             "gradient has 2 elements; the dimension is 3");
  EXPECT_HAS(message_of<ContractError>([&] { writer.append(1, good, shorter); }), "update has 2 elements");
  EXPECT_HAS(message_of<NonFiniteError>([&] { writer.append(1, broken, good); }), "gradient[1] is inf");
  EXPECT_HAS(message_of<NonFiniteError>([&] { writer.append(1, good, broken); }), "update[1] is inf");
  writer.append(1, good, good);
  EXPECT_THROW(writer.finish(inf), NonFiniteError);
  writer.finish(0.5);
  EXPECT_EQ(RunReader(path).losses(0, 2), (std::vector<double>{1, 0.5}));  // the refused left no trace
  EXPECT_THROW(writer.append(1, good, good), ContractError);
  EXPECT_THROW(writer.finish(0), ContractError);
}

TEST(RunWriter, OutputThatCannotBeWritten) {
  const TemporaryDirectory directory;
  const auto message = [](const std::string& path) {
    return message_of<InputError>([&] { RunWriter writer(path, small_header()); });
  };
  EXPECT_EQ(message(directory / "none/run.h5"),
            (directory / "none/run.h5") + ": cannot be written: No such file or directory");
  EXPECT_EQ(message(directory.path().string()),
            directory.path().string() + ": cannot be written: Is a directory");
  EXPECT_EQ(message(directory / "none/"), (directory / "none/") + ": cannot be written: it names no file");
  ASSERT_EQ(::mkfifo((directory / "fifo").c_str(), 0600), 0);
  EXPECT_EQ(message(directory / "fifo"),
            (directory / "fifo") + ": cannot be written: it is not a regular file");
  EXPECT_HAS(message(""), "it names no file");
  EXPECT_HAS(message(std::string("a\0b", 3)), "the name has a zero byte");
  EXPECT_HAS(message(directory / std::string(300, 'x') + "/run.h5"), "File name too long");
  std::ofstream(directory / "file") << "x";
  EXPECT_HAS(message(directory / "file/run.h5"), "Not a directory");
  if (::geteuid() != 0) {
    std::filesystem::create_directory(directory / "closed");
    ASSERT_EQ(::chmod((directory / "closed").c_str(), 0500), 0);
    EXPECT_HAS(message(directory / "closed/run.h5"), "Permission denied");
    ASSERT_EQ(::chmod((directory / "file").c_str(), 0400), 0);
    EXPECT_HAS(message(directory / "file"), "Permission denied");
  }
}

/// A disk that is full after so many bytes.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    ::getrlimit(RLIMIT_FSIZE, &saved_);
    const rlimit limit{bytes, saved_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    handler_ = ::signal(SIGXFSZ, SIG_IGN);
  }
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &saved_);
    ::signal(SIGXFSZ, handler_);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  rlimit saved_{};
  void (*handler_)(int) = nullptr;
};

TEST(RunWriter, AFullDiskLeavesNothingBehind) {
  const TemporaryDirectory directory;
  const std::string path = directory / "run.h5";
  write_small(path, 4000);
  const std::size_t size = natgrad::test::file_bytes(path).size();
  std::filesystem::remove(path);
  for (std::size_t limit = 0; limit < size; limit += 1 + size / 40) {
    SCOPED_TRACE(limit);
    std::string message;
    {
      const FileSizeLimit full(limit);
      message = message_of<InputError>([&] { write_small(path, 4000); });
    }
    EXPECT_EQ(message, path + ": cannot be written: File too large");
    EXPECT_TRUE(directory.names().empty());
  }
  {
    const FileSizeLimit enough(size);
    write_small(path, 4000);
  }
  EXPECT_EQ(RunReader(path).info().steps, 4000u);
}

// ----------------------------------------------------------------------------------- recorder

/// L = sum of w_i theta_i^2 / 2 from theta = (1, ..., 1).
class Bowl : public Problem {
 public:
  explicit Bowl(double ratio) : ratio_(ratio) {}
  std::string name() const override { return "bowl"; }
  std::size_t dimension() const override { return 3; }
  std::vector<ParameterGroup> groups() const override { return {{"a", 1}, {"b", 2}}; }
  void initial_parameters(std::span<double> theta) const override { std::ranges::fill(theta, 1.0); }
  double loss_and_gradient(std::span<const double> theta, std::span<double> gradient) const override {
    double loss = 0;
    for (std::size_t i = 0; i < 3; ++i) {
      const double w = static_cast<double>(i + 1);
      gradient[i] = w * theta[i];
      loss += w * theta[i] * theta[i] / 2;
    }
    return loss;
  }
  double stop_ratio() const override { return ratio_; }

 private:
  double ratio_;
};

struct Sets {
  RuleSet rules = RuleSet::standard();
  ProblemSet problems = ProblemSet::standard();

  Sets() {
    problems.add({"bowl", "", [](std::uint64_t) { return std::make_unique<Bowl>(0); }});
    problems.add({"bowl-stop", "", [](std::uint64_t) { return std::make_unique<Bowl>(1e-3); }});
    const auto descend = [](const RuleInput& in, std::span<double> step) {
      for (std::size_t i = 0; i < step.size(); ++i) step[i] = -(in.learning_rate * in.gradient[i]);
    };
    rules.add({"descend", "", "bowl", 0.25, [descend] { return Rule(descend); }});
    rules.add({"explode", "", "bowl", 0.25, [descend] {
                 return Rule([descend](const RuleInput& in, std::span<double> step) {
                   descend(in, step);
                   if (in.index == 7) step[1] = nan;
                 });
               }});
  }
};

RecordOptions options_for(const std::string& rule, std::uint64_t steps) {
  RecordOptions options;
  options.rule = rule;
  options.steps = steps;
  return options;
}

TEST(Record, WritesTheStepsThatTheRuleTook) {
  const TemporaryDirectory directory;
  const std::string path = directory / "run.h5";
  const Sets sets;
  RecordOptions options = options_for("descend", 50);
  options.seed = 42;
  std::vector<std::uint64_t> progress;
  options.progress = [&](std::uint64_t step, std::uint64_t steps, double loss) {
    progress.push_back(step);
    EXPECT_EQ(steps, 50u);
    EXPECT_TRUE(std::isfinite(loss));
  };
  const RecordSummary summary = record(options, path, sets.rules, sets.problems);
  EXPECT_EQ(summary.rule, "descend");
  EXPECT_EQ(summary.problem, "bowl");
  EXPECT_EQ(summary.steps, 50u);
  EXPECT_EQ(summary.dimension, 3u);
  EXPECT_EQ(summary.learning_rate, 0.25);
  EXPECT_FALSE(summary.stopped_early);
  ASSERT_FALSE(progress.empty());
  EXPECT_EQ(progress.back(), 50u);

  const RunReader run(path);
  EXPECT_EQ(run.info().rule, "descend");
  EXPECT_EQ(run.info().problem, "bowl");
  EXPECT_EQ(run.info().seed, 42);
  EXPECT_EQ(run.info().groups, (std::vector<ParameterGroup>{{"a", 1}, {"b", 2}}));
  EXPECT_EQ(run.info().losses, 51u);
  const std::vector<double> gradient = natgrad::test::read_dataset(path, "gradient");
  const std::vector<double> update = natgrad::test::read_dataset(path, "update");
  const std::vector<double> losses = run.losses(0, 51);
  EXPECT_EQ(natgrad::test::read_dataset(path, "learning_rate"), std::vector<double>{0.25});
  EXPECT_EQ(losses.front(), summary.first_loss);
  EXPECT_EQ(losses.back(), summary.last_loss);
  double theta[] = {1, 1, 1};
  for (std::size_t k = 0; k < 50; ++k) {
    double loss = 0;
    for (std::size_t i = 0; i < 3; ++i) {
      const double w = static_cast<double>(i + 1), slope = w * theta[i];
      loss += w * theta[i] * theta[i] / 2;
      ASSERT_EQ(gradient[3 * k + i], slope);
      ASSERT_EQ(update[3 * k + i], -(0.25 * slope));
      theta[i] += -(0.25 * slope);
    }
    ASSERT_EQ(losses[k], loss);
  }
}

/// Falls for ever: its ratio of 0 never stops it.
class Slope : public Bowl {
 public:
  Slope() : Bowl(0) {}
  double loss_and_gradient(std::span<const double> theta, std::span<double> gradient) const override {
    std::ranges::fill(gradient, 1.0);
    return theta[0] + theta[1] + theta[2] - 10;
  }
};

TEST(Record, ANegativeLossIsNoReasonToStop) {
  const TemporaryDirectory directory;
  Sets sets;
  sets.problems.add({"slope", "", [](std::uint64_t) { return std::make_unique<Slope>(); }});
  RecordOptions options = options_for("descend", 10);
  options.problem = "slope";
  const RecordSummary summary = record(options, directory / "run.h5", sets.rules, sets.problems);
  EXPECT_EQ(summary.steps, 10u);
  EXPECT_FALSE(summary.stopped_early);
  EXPECT_LT(summary.last_loss, 0);
}

TEST(Record, StopsWhereTheProblemIsSolved) {
  const TemporaryDirectory directory;
  const std::string path = directory / "run.h5";
  const Sets sets;
  RecordOptions options = options_for("descend", 1000);
  options.problem = "bowl-stop";
  const RecordSummary summary = record(options, path, sets.rules, sets.problems);
  EXPECT_TRUE(summary.stopped_early);
  ASSERT_LT(summary.steps, 1000u);
  const RunReader run(path);
  ASSERT_EQ(run.info().steps, summary.steps);
  const std::vector<double> losses = run.losses(0, summary.steps + 1);
  EXPECT_LT(losses.back(), 1e-3 * losses.front());
  EXPECT_GE(losses[summary.steps - 1], 1e-3 * losses.front());
}

TEST(Record, EveryRuleRunsOnItsProblemAndTheSeedDecidesTheBytes) {
  const TemporaryDirectory directory;
  const RuleSet rules = RuleSet::standard();
  for (const RuleEntry& entry : rules.entries()) {
    SCOPED_TRACE(entry.name);
    RecordOptions options = options_for(entry.name, 5);
    const RecordSummary summary = record(options, directory / "a.h5");
    EXPECT_EQ(summary.problem, entry.default_problem);
    EXPECT_EQ(all_steps(RunReader(directory / "a.h5")).size(), summary.steps);
    for (const int rounding : {FE_TONEAREST, FE_UPWARD, FE_TOWARDZERO}) {
      bool untouched = false;
      {
        const HostileEnvironment hostile(rounding);
        record(options, directory / "b.h5");
        untouched = hostile.untouched();
      }
      EXPECT_TRUE(untouched);
      EXPECT_EQ(natgrad::test::file_bytes(directory / "a.h5"), natgrad::test::file_bytes(directory / "b.h5"));
    }
    options.seed = 2;
    record(options, directory / "b.h5");
    EXPECT_NE(natgrad::test::file_bytes(directory / "a.h5"), natgrad::test::file_bytes(directory / "b.h5"));
  }
}

TEST(Record, RefusesAndLeavesNothingBehind) {
  const TemporaryDirectory directory;
  const std::string path = directory / "run.h5";
  const Sets sets;
  const auto refusal = [&](const RecordOptions& options) {
    return message_of<ContractError>([&] { record(options, path, sets.rules, sets.problems); });
  };
  EXPECT_HAS(refusal(options_for("nothing", 5)), "unknown rule \"nothing\"; known: gradient-descent, ");
  RecordOptions options = options_for("descend", 5);
  options.problem = "none";
  EXPECT_HAS(refusal(options), "unknown problem \"none\"; known: quadratic, ");
  EXPECT_HAS(refusal(options_for("descend", 0)), "steps is 0");
  for (const double rate : {0.0, -1.0, nan, inf}) {
    options = options_for("descend", 5);
    options.learning_rate = rate;
    EXPECT_HAS(refusal(options), "learning_rate is ");
  }
  options = options_for("descend", 5);
  options.seed = std::uint64_t{1} << 63;
  EXPECT_HAS(refusal(options), "seed is 9223372036854775808");
  RuleSet rules = sets.rules;
  rules.add({"empty", "a rule that is none", "quadratic", 0.1, [] { return Rule(); }});
  ProblemSet problems = sets.problems;
  problems.add({"empty", "a problem that is none", [](std::uint64_t) { return std::unique_ptr<Problem>(); }});
  EXPECT_HAS(message_of<ContractError>([&] { record(options_for("empty", 5), path, rules, problems); }),
             "rule \"empty\": make() returned none");
  options = options_for("descend", 5);
  options.problem = "empty";
  EXPECT_HAS(message_of<ContractError>([&] { record(options, path, rules, problems); }),
             "problem \"empty\": make() returned none");
  EXPECT_HAS(refusal(options_for("explode", 20)), "explode diverged at step 7: update[1] is NaN");
  options = options_for("descend", 100000);
  options.learning_rate = 10;  // grows by 29 a step, overflows
  EXPECT_HAS(refusal(options), "descend diverged at step ");
  options = options_for("feedback-alignment", 5);
  options.problem = "quadratic";
  EXPECT_HAS(refusal(options), "feedback-alignment needs a problem with layers");
  EXPECT_TRUE(directory.names().empty());
  const std::string nowhere = directory / "none/run.h5";
  EXPECT_HAS(
      message_of<InputError>([&] { record(options_for("descend", 5), nowhere, sets.rules, sets.problems); }),
      nowhere + ": cannot be written: No such file or directory");
}

}  // namespace
