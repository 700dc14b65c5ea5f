//===- ProgramTest.cpp - The command line of a whole program --------------===//

#include "FakeModel.h"
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <fstream>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <sys/wait.h>
#include <unistd.h>

using namespace bitnet::test;
using nlohmann::json;

namespace {
struct Result {
  int exit = -1;
  std::string out, err;
};

struct Start {
  std::vector<std::string> arguments;
  std::string input = {};
  std::vector<std::pair<std::string, std::string>> environment = {};
  int interruptAfterMs = 0;
};

std::string readAll(int fd) {
  std::string text;
  char buffer[4096];
  ssize_t count;
  while ((count = read(fd, buffer, sizeof(buffer))) > 0)
    text.append(buffer, static_cast<size_t>(count));
  close(fd);
  return text;
}

Result runProgram(const Start &start) {
  // Small outputs: the pipes hold them until they are read.
  int in[2], out[2], err[2];
  if (pipe(in) || pipe(out) || pipe(err))
    return {};
  pid_t child = fork();
  if (child == 0) {
    dup2(in[0], 0);
    dup2(out[1], 1);
    dup2(err[1], 2);
    for (int fd : {in[0], in[1], out[0], out[1], err[0], err[1]})
      close(fd);
    for (const auto &[name, value] : start.environment)
      setenv(name.c_str(), value.c_str(), 1);
    std::vector<char *> argv = {const_cast<char *>("fake")};
    for (const std::string &argument : start.arguments)
      argv.push_back(const_cast<char *>(argument.c_str()));
    argv.push_back(nullptr);
    execv(FAKE_PROGRAM, argv.data());
    _exit(99);
  }
  close(in[0]);
  close(out[1]);
  close(err[1]);
  if (!start.input.empty())
    EXPECT_EQ(write(in[1], start.input.data(), start.input.size()),
              static_cast<ssize_t>(start.input.size()));
  close(in[1]);
  if (start.interruptAfterMs) {
    usleep(static_cast<useconds_t>(start.interruptAfterMs) * 1000);
    kill(child, SIGINT);
  }
  Result result;
  result.out = readAll(out[0]);
  result.err = readAll(err[0]);
  int status = 0;
  waitpid(child, &status, 0);
  result.exit = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  return result;
}

Result runProgram(std::vector<std::string> arguments) {
  return runProgram(Start{std::move(arguments)});
}

/// A file that is gone after the test.
class TempFile {
public:
  explicit TempFile(const std::string &text) {
    path = testing::TempDir() + "program-test-XXXXXX";
    int fd = mkstemp(path.data());
    EXPECT_EQ(write(fd, text.data(), text.size()),
              static_cast<ssize_t>(text.size()));
    close(fd);
  }
  ~TempFile() { unlink(path.c_str()); }
  std::string path;
};

std::string storyIds() {
  std::string ids = "[0";
  for (unsigned char c : story)
    ids += ", " + std::to_string(c + firstByteToken);
  return ids + "]";
}
} // namespace

TEST(Program, RunTellsTheStoryToItsEnd) {
  Result r = runProgram({"run", "--greedy", "Once"});
  EXPECT_EQ(r.exit, 0);
  EXPECT_EQ(r.out, std::string(story) + "\n");
  EXPECT_EQ(r.err, "");
}

TEST(Program, RunReadsStandardInput) {
  for (auto arguments : {std::vector<std::string>{"run"},
                         std::vector<std::string>{"run", "-"}}) {
    Result r = runProgram(Start{arguments, "Once\n"});
    EXPECT_EQ(r.exit, 0);
    EXPECT_EQ(r.out, std::string(story) + "\n");
  }
}

TEST(Program, RunStopsAtMaxTokens) {
  EXPECT_EQ(runProgram({"run", "-n", "5", "Once"}).out, "Once upon\n");
  EXPECT_EQ(runProgram({"run", "-n", "0", "Once"}).out, "Once\n");
  EXPECT_EQ(runProgram({"run", "--max-tokens=-1", "Once"}).out,
            std::string(story) + "\n");
  EXPECT_EQ(runProgram({"run", "--no-echo", "-n", "5", "Once"}).out, " upon\n");
  // Half a character at the end is shown as such.
  EXPECT_EQ(runProgram({"run", "-n", "39", ""}).out,
            "Once upon a time there was a small caf\uFFFD\n");
}

TEST(Program, RunStopsWhenTheContextIsFull) {
  Result r = runProgram({"run", "--ctx", "8", "--stats", "Once"});
  EXPECT_EQ(r.exit, 0);
  EXPECT_EQ(r.out, "Once upo\n");
  EXPECT_NE(r.err.find("stopped: context full"), std::string::npos);
  r = runProgram({"run", "--ctx", "4", "Once"});
  EXPECT_EQ(r.exit, 1);
  EXPECT_EQ(r.err, "error: the prompt has 5 tokens, the context holds 4\n");
}

TEST(Program, RunReportsSpeed) {
  Result r = runProgram({"run", "--stats", "Once"});
  EXPECT_EQ(r.err.find("prompt: 5 tokens, "), 0u) << r.err;
  EXPECT_NE(r.err.find("stopped: end of text"), std::string::npos);
}

TEST(Program, RunIsTheSameForEveryThreadCount) {
  const std::vector<std::string> hot = {
      "run", "--temp", "30", "--top-k", "0",  "--top-p", "1", "--min-p",
      "0",   "--seed", "5",  "-n",      "20", "Once",    "-t"};
  std::string expected;
  for (const char *threads : {"1", "2", "5"}) {
    auto arguments = hot;
    arguments.push_back(threads);
    Result r = runProgram(arguments);
    EXPECT_EQ(r.exit, 0);
    if (expected.empty())
      expected = r.out;
    EXPECT_EQ(r.out, expected);
  }
  auto other = hot;
  other[10] = "6";
  other.push_back("1");
  EXPECT_NE(runProgram(other).out, expected);
}

TEST(Program, InterruptEndsTheLine) {
  Start start{{"run", "Once"}};
  start.environment = {{"FAKE_DELAY_US", "20000"}};
  start.interruptAfterMs = 300;
  Result r = runProgram(start);
  EXPECT_EQ(r.exit, 130);
  EXPECT_TRUE(r.out.starts_with("Once ")) << r.out;
  EXPECT_TRUE(r.out.ends_with("\n"));
  EXPECT_LT(r.out.size(), story.size());
}

TEST(Program, RefusesACpuThatLacksAFeature) {
#if defined(__x86_64__)
  Start start{{"run", "Once"}};
  start.environment = {{"BITNET_CPU_MASK", "sse2"}};
  Result r = runProgram(start);
  EXPECT_EQ(r.exit, 3);
  EXPECT_EQ(r.out, "");
  EXPECT_EQ(r.err,
            "error: this program was compiled for x86-64 and needs sse2, which "
            "this CPU lacks; compile it with --target=generic, or with "
            "--target=native on this machine\n");
#else
  GTEST_SKIP() << "the fake model needs no feature here";
#endif
}

TEST(Program, HelpAndVersion) {
  Result r = runProgram({"--help"});
  EXPECT_EQ(r.exit, 0);
  for (const char *command : {"run", "bench", "info", "tokenize", "eval"}) {
    EXPECT_NE(r.out.find(command), std::string::npos);
    Result help = runProgram({command, "--help"});
    EXPECT_EQ(help.exit, 0);
    EXPECT_EQ(help.err, "");
    EXPECT_EQ(help.out.find("usage: fake " + std::string(command)), 0u);
    EXPECT_NE(help.out.find("examples:"), std::string::npos);
    EXPECT_NE(help.out.find("--help"), std::string::npos);
  }
  r = runProgram({"--version"});
  EXPECT_EQ(r.out, "fake, compiled by bitnetc 0.0 for x86-64\n");
}

TEST(Program, WrongUsageIsOneSentenceAndTwo) {
  const std::pair<std::vector<std::string>, const char *> cases[] = {
      {{"frobnicate"},
       "error: unknown command 'frobnicate'; 'fake --help' lists the "
       "commands\n"},
      {{"--frob"},
       "error: unknown option '--frob'; 'fake --help' lists the commands\n"},
      {{"run", "--frob"},
       "error: unknown option '--frob'; 'fake run --help' lists the "
       "options\n"},
      {{"run", "a", "b"},
       "error: unexpected argument 'b'; 'fake run --help' lists the "
       "options\n"},
      {{"run", "--ctx", "97", "a"},
       "error: option '--ctx' takes a whole number from 1 to 96, not '97'; "
       "'fake run --help' lists the options\n"},
      {{"eval"}, "error: eval needs either --text FILE or --ids FILE\n"},
  };
  for (const auto &[arguments, expected] : cases) {
    Result r = runProgram(arguments);
    EXPECT_EQ(r.exit, 2);
    EXPECT_EQ(r.err, expected);
    EXPECT_EQ(r.out, "");
  }
  EXPECT_EQ(runProgram(std::vector<std::string>{}).exit, 2);
}

TEST(Program, ThreadsComeFromTheEnvironmentToo) {
  Start start{{"bench", "--json", "--repeat", "1"}};
  start.environment = {{"BITNET_THREADS", "3"}};
  EXPECT_EQ(json::parse(runProgram(start).out).at("threads"), 3);
  start.arguments.insert(start.arguments.end(), {"--threads", "2"});
  EXPECT_EQ(json::parse(runProgram(start).out).at("threads"), 2);
  start.environment = {{"BITNET_THREADS", "many"}};
  Result r = runProgram(start);
  EXPECT_EQ(r.exit, 1);
  EXPECT_EQ(r.err,
            "error: BITNET_THREADS is 'many', not a number from 1 to 4096\n");
}

TEST(Program, BenchMeasures) {
  Result r = runProgram({"bench", "--json", "--prompt", "10", "--gen", "4",
                         "--depth", "3", "--repeat", "3"});
  ASSERT_EQ(r.exit, 0) << r.err;
  const json bench = json::parse(r.out);
  for (const char *name :
       {"load_ms", "first_token_ms", "prefill_tokens_per_second",
        "decode_tokens_per_second"}) {
    const json &spread = bench.at(name);
    EXPECT_GT(spread.at("min"), 0.0) << name;
    EXPECT_LE(spread.at("min"), spread.at("median"));
    EXPECT_LE(spread.at("median"), spread.at("max"));
  }
  EXPECT_GT(bench.at("peak_memory_bytes"), 100000);
  EXPECT_EQ(bench.at("weight_bytes_per_token"), 64);
  EXPECT_EQ(bench.at("kv_bytes_per_token"), 16);
  // The sampler of run takes the best 40, which the fake model screens.
  EXPECT_EQ(bench.at("head_screened"), true);
  double computed = bench.at("logits_computed_per_step");
  EXPECT_GT(computed, 90);
  EXPECT_LT(computed, 170);
  EXPECT_EQ(bench.at("bytes_read_per_step"), 32 + computed);
  EXPECT_EQ(bench.at("prompt_tokens"), 10);
  r = runProgram(
      {"bench", "--json", "--top-k", "0", "--gen", "4", "--repeat", "1"});
  const json all = json::parse(r.out);
  EXPECT_EQ(all.at("head_screened"), false);
  EXPECT_EQ(all.at("logits_computed_per_step"), 264);
  EXPECT_EQ(all.at("bytes_read_per_step"), 64);
  // The fake model has two operations a token.
  r = runProgram({"bench", "--json", "--prompt", "10", "--gen", "4", "--repeat",
                  "1", "--threads", "2"});
  ASSERT_EQ(r.exit, 0) << r.err;
  EXPECT_EQ(json::parse(r.out).at("barriers_per_token"), 2);
  r = runProgram({"bench", "--repeat", "1"});
  EXPECT_EQ(r.exit, 0);
  EXPECT_NE(r.out.find("tokens/s"), std::string::npos);
  r = runProgram({"bench", "--prompt", "90", "--gen", "7"});
  EXPECT_EQ(r.exit, 1);
  EXPECT_EQ(r.err, "error: --depth, --prompt and --gen need 97 tokens, the "
                   "context holds 96\n");
}

TEST(Program, InfoDescribes) {
  const json info = json::parse(runProgram({"info", "--json"}).out);
  EXPECT_EQ(info.at("name"), "fake");
  EXPECT_EQ(info.at("abi_version"), BITNET_ABI_VERSION);
  EXPECT_EQ(info.at("context_length"), 96);
  EXPECT_EQ(info.at("weights_bytes"), 64);
  EXPECT_EQ(info.at("kv_bytes_per_token"), 16);
  EXPECT_EQ(info.at("model_hash"), std::string(64, '0'));
  EXPECT_EQ(info.at("tokenizer"), "byte-level BPE, 264 tokens");
  Result r = runProgram({"info"});
  EXPECT_NE(r.out.find("model hash                0000"), std::string::npos);
}

TEST(Program, TokenizeBothWays) {
  EXPECT_EQ(runProgram({"tokenize", "--ids-only", "the the"}).out,
            "[0, 259, 260]\n");
  EXPECT_EQ(runProgram({"tokenize", "--ids-only", "--no-bos", "the"}).out,
            "[259]\n");
  EXPECT_EQ(runProgram(Start{{"tokenize", "--ids-only"}, "the\n"}).out,
            "[0, 259]\n");
  const json tokens =
      json::parse(runProgram({"tokenize", "--json", "the é\""}).out);
  EXPECT_EQ(tokens.at("ids").size(), tokens.at("tokens").size());
  EXPECT_EQ(tokens.at("tokens").at(1), "the");
  EXPECT_EQ(runProgram({"tokenize", "x"}).out,
            "       0  \"<|begin|>\"\n     122  \"x\"\n");
  EXPECT_EQ(runProgram({"tokenize", "--decode", "[259, 260]"}).out,
            "the the\n");
  EXPECT_EQ(runProgram({"tokenize", "--decode", "259 260"}).out, "the the\n");
  Result r = runProgram({"tokenize", "--decode", "264"});
  EXPECT_EQ(r.exit, 1);
  EXPECT_EQ(r.err, "error: '264' is not a token id from 0 to 263\n");
  EXPECT_EQ(runProgram({"tokenize", "--ids-only", "<|end|>"}).out, "[0, 1]\n");
  EXPECT_EQ(
      runProgram({"tokenize", "--ids-only", "--no-special", "--no-bos", "<|"})
          .out,
      "[62, 126]\n");
}

TEST(Program, EvalScores) {
  TempFile ids(storyIds());
  Result r = runProgram({"eval", "--ids", ids.path, "--json", "--logits-hash"});
  ASSERT_EQ(r.exit, 0) << r.err;
  const json whole = json::parse(r.out);
  EXPECT_LT(whole.at("nll"), 1e-4);
  EXPECT_NEAR(whole.at("perplexity"), 1.0, 1e-4);
  EXPECT_EQ(whole.at("tokens"), story.size() + 1);
  EXPECT_EQ(whole.at("scored"), story.size());
  EXPECT_EQ(whole.at("logits_hash").get<std::string>().size(), 16u);
  for (const char *chunk : {"1", "7"})
    EXPECT_EQ(
        json::parse(runProgram({"eval", "--ids", ids.path, "--json",
                                "--logits-hash", "--chunk", chunk, "-t", "3"})
                        .out),
        whole);

  const json top =
      json::parse(runProgram({"eval", "--ids", ids.path, "--top", "3"}).out);
  EXPECT_EQ(top.at("top").size(), story.size() + 1);
  EXPECT_EQ(top.at("top")[0].size(), 3u);
  EXPECT_EQ(top.at("top")[0][0][0], 'O' + firstByteToken);

  const json screen = json::parse(runProgram({"eval", "--ids", ids.path,
                                              "--screen", "5", "--json"})
                                      .out)
                          .at("screen");
  EXPECT_EQ(screen.at("positions"), story.size() + 1);
  EXPECT_EQ(screen.at("missed_positions"), 0);
  EXPECT_EQ(screen.at("wrong_logits"), 0);
  EXPECT_EQ(runProgram({"eval", "--ids", ids.path, "--screen", "65"}).exit, 2);

  r = runProgram({"eval", "--ids", ids.path, "--ctx", "20"});
  EXPECT_NE(r.out.find("windows of 20 tokens: 3"), std::string::npos) << r.out;
}

TEST(Program, EvalReadsTextAndNamesBadFiles) {
  TempFile text("The end.");
  const json result =
      json::parse(runProgram({"eval", "--text", text.path, "--json"}).out);
  EXPECT_EQ(result.at("tokens"), 9); // With begin.
  EXPECT_GT(result.at("nll"), 1.0);
  Result r = runProgram({"eval", "--text", "/nowhere"});
  EXPECT_EQ(r.exit, 1);
  EXPECT_EQ(r.err,
            "error: cannot read '/nowhere': No such file or directory\n");
  TempFile bad("[1, 2"), outside("[1, 264]"), none("[]");
  r = runProgram({"eval", "--ids", bad.path});
  EXPECT_EQ(r.exit, 1);
  EXPECT_NE(r.err.find("expected ',' or ']' at byte 5"), std::string::npos);
  r = runProgram({"eval", "--ids", outside.path});
  EXPECT_EQ(r.err, "error: token 264 is not in the vocabulary of 264 tokens\n");
  r = runProgram({"eval", "--ids", none.path});
  EXPECT_EQ(r.err, "error: there are no tokens to score\n");
}
