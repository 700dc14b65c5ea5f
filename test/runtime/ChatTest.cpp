//===- ChatTest.cpp - Conversations with the fake model -------------------===//
//
// The fake model says byte p of its story at position p, so that an answer
// tells how many tokens came before it: those of the prompt, each byte one.
//
//===----------------------------------------------------------------------===//

#include "FakeModel.h"
#include "runtime/Cli.h"
#include "runtime/Conversation.h"
#include <cstdio>
#include <gtest/gtest.h>
#include <sys/wait.h>

using namespace bitnet;
using namespace bitnet::test;

namespace {
struct Answer {
  std::string text, error;
  TurnStatistics statistics;
};

class Chat : public testing::Test {
protected:
  void SetUp() override {
    std::string error;
    session = Session::create(program_model, {.threads = 2}, &error);
    tokenizer = openTokenizer(program_model, &error);
    conversation = Conversation::create(*session, *tokenizer, &error);
    ASSERT_TRUE(conversation) << error;
  }
  Answer ask(const std::string &text, uint64_t maxTokens) {
    SamplerOptions greedy;
    greedy.temperature = 0;
    Answer answer;
    conversation->answer(
        text, greedy, maxTokens,
        [&](std::string_view part) {
          answer.text += part;
          return true;
        },
        answer.statistics, &answer.error);
    return answer;
  }
  std::unique_ptr<Session> session;
  std::unique_ptr<Tokenizer> tokenizer;
  std::unique_ptr<Conversation> conversation;
};

struct Result {
  int exit;
  std::string out; ///< Both standard output and standard error.
};

Result shell(const std::string &command) {
  FILE *pipe = popen(("{ " + command + "; } 2>&1").c_str(), "r");
  Result result{-1, ""};
  char buffer[4096];
  while (size_t count = fread(buffer, 1, sizeof(buffer), pipe))
    result.out.append(buffer, count);
  int status = pclose(pipe);
  result.exit = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return result;
}

const std::string program = "'" FAKE_PROGRAM "' ";
} // namespace

TEST_F(Chat, BeginsOnceAndKeepsTheCache) {
  // <begin> U:hi <end> A: are 8 tokens; the template writes the first one.
  Answer first = ask("hi", 4);
  EXPECT_EQ(first.error, "");
  EXPECT_EQ(first.statistics.promptTokens, 8u);
  EXPECT_EQ(first.statistics.cachedTokens, 0u);
  EXPECT_EQ(first.text, story.substr(7, 4));
  EXPECT_STREQ(first.statistics.stopped, "max tokens");
  // Then the answer, <end> U:yo <end> A:, of which the first 12 are known.
  Answer second = ask("yo", 3);
  EXPECT_EQ(second.statistics.promptTokens, 20u);
  EXPECT_EQ(second.statistics.cachedTokens, 12u);
  EXPECT_EQ(second.text, story.substr(19, 3));
  EXPECT_EQ(contractErrors(), 0u);
}

TEST_F(Chat, SystemPromptAndReset) {
  conversation->reset("S");
  EXPECT_EQ(ask("hi", 2).statistics.promptTokens, 12u);
  conversation->reset("S");
  Answer again = ask("hi", 2);
  // All but the last token, which gives the logits.
  EXPECT_EQ(again.statistics.promptTokens, 12u);
  EXPECT_EQ(again.statistics.cachedTokens, 11u);
  conversation->reset("");
  EXPECT_EQ(ask("hi", 2).statistics.cachedTokens, 1u);
}

TEST_F(Chat, StopsAtTheEndOfATurn) {
  EXPECT_EQ(conversation->stopTokens(), std::vector<int32_t>{endToken});
  Answer all = ask("hi", 1000);
  EXPECT_EQ(all.text, story.substr(7));
  EXPECT_STREQ(all.statistics.stopped, "end of turn");
}

TEST_F(Chat, ATurnThatDoesNotFitIsForgotten) {
  Answer tooLong = ask(std::string(200, 'x'), 5);
  EXPECT_NE(tooLong.error.find("does not fit into the context of 96"),
            std::string::npos)
      << tooLong.error;
  EXPECT_EQ(ask("hi", 4).text, story.substr(7, 4));
}

/// A model whose eos is not what its template writes after an answer.
TEST(ChatModel, TurnEndComesFromTheTemplate) {
  bitnet_model model = program_model;
  model.num_eos_tokens = 0;
  std::string error;
  auto session = Session::create(model, {.threads = 1}, &error);
  auto tokenizer = openTokenizer(model, &error);
  auto conversation = Conversation::create(*session, *tokenizer, &error);
  ASSERT_TRUE(conversation) << error;
  EXPECT_EQ(conversation->stopTokens(), std::vector<int32_t>{endToken});
}

TEST(ChatModel, WithoutTemplate) {
  bitnet_model model = program_model;
  model.chat_template = {nullptr, 0};
  testing::internal::CaptureStderr();
  EXPECT_EQ(chatCommand(model, "program", {"--once", "hi"}), ExitError);
  EXPECT_EQ(testing::internal::GetCapturedStderr(),
            "error: this model has no chat template, so it cannot chat; 'run' "
            "continues a text\n");
}

TEST(ChatProgram, Once) {
  Result r = shell(program + "chat --greedy -n 4 --once hi");
  EXPECT_EQ(r.exit, 0);
  EXPECT_EQ(r.out, std::string(story.substr(7, 4)) + "\n");
  EXPECT_EQ(shell(program + "chat extra").exit, 2);
}

TEST(ChatProgram, LinesAreTurns) {
  Result r = shell("printf 'hi\\n\\nyo\\n/clear\\nhi' | " + program +
                   "chat --greedy -n 4");
  EXPECT_EQ(r.exit, 0);
  const std::string hi(story.substr(7, 4));
  EXPECT_EQ(r.out,
            hi + "\n" + std::string(story.substr(19, 4)) + "\n" + hi + "\n");
}

TEST(ChatProgram, InterruptStopsTheAnswerOnly) {
  // The first answer would take seconds.
  Result r = shell("printf 'hi\\nyo\\n' | FAKE_DELAY_US=100000 timeout "
                   "--preserve-status -s INT 1 " +
                   program + "chat --greedy -n 30 --stats");
  EXPECT_EQ(r.exit, 0) << r.out;
  EXPECT_NE(r.out.find("stopped: interrupted"), std::string::npos) << r.out;
  EXPECT_NE(r.out.rfind("stopped: "), r.out.find("stopped: ")) << r.out;
}

TEST(ChatProgram, InfoNamesTheTemplate) {
  Result r = shell(program + "info");
  EXPECT_NE(r.out.find("chat template             Jinja, "), std::string::npos)
      << r.out;
}
