// Many requests over the fake model: whoever else is there, whatever is shared,
// cut into chunks or computed again, a request gets what it gets alone.
#include "runtime/server/Engine.h"
#include "FakeModel.h"
#include "runtime/server/JsonConstraint.h"
#include <atomic>
#include <cctype>
#include <cmath>
#include <condition_variable>
#include <gtest/gtest.h>
#include <mutex>
#include <random>
#include <thread>

using namespace bitnet;
using namespace bitnet::server;
using namespace bitnet::test;

namespace {
/// Joins the events of one request.
class Collector final : public Listener {
public:
  void on(Event event) override {
    std::lock_guard lock(mutex);
    EXPECT_EQ(all.finish, Finish::None);
    event.text.insert(0, all.text);
    event.tokens.insert(event.tokens.begin(), all.tokens.begin(),
                        all.tokens.end());
    event.logprobs.insert(event.logprobs.begin(), all.logprobs.begin(),
                          all.logprobs.end());
    event.promptLogprobs.insert(event.promptLogprobs.begin(),
                                all.promptLogprobs.begin(),
                                all.promptLogprobs.end());
    all = std::move(event);
    changed.notify_all();
  }
  Event wait() {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return all.finish != Finish::None; });
    return all;
  }
  /// Until there are this many tokens or the end.
  void waitForTokens(size_t count) {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] {
      return all.finish != Finish::None || all.tokens.size() >= count;
    });
  }

private:
  std::mutex mutex;
  std::condition_variable changed;
  Event all;
};

void expectSame(const std::vector<TokenLogprob> &a,
                const std::vector<TokenLogprob> &b) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t t = 0; t < a.size(); ++t) {
    EXPECT_EQ(a[t].id, b[t].id);
    if (!std::isnan(a[t].logprob) || !std::isnan(b[t].logprob))
      EXPECT_EQ(a[t].logprob, b[t].logprob) << t;
    ASSERT_EQ(a[t].best.size(), b[t].best.size());
    for (size_t i = 0; i < a[t].best.size(); ++i)
      EXPECT_EQ(a[t].best[i].logit, b[t].best[i].logit);
  }
}

class EngineTest : public testing::Test {
protected:
  void SetUp() override {
    std::string error;
    tokenizer = Tokenizer::open(program_model.tokenizer.data,
                                program_model.tokenizer.size, &error);
    ASSERT_TRUE(tokenizer) << error;
  }
  void TearDown() override { EXPECT_EQ(contractErrors(), 0u); }
  std::unique_ptr<Engine> make(EngineOptions options) {
    if (options.threads == 0)
      options.threads = 2;
    std::string error;
    auto engine = Engine::create(program_model, *tokenizer, options, &error);
    EXPECT_TRUE(engine) << error;
    return engine;
  }
  static std::shared_ptr<Collector> start(Engine &engine, Request request,
                                          uint64_t *id = nullptr) {
    auto collector = std::make_shared<Collector>();
    EXPECT_EQ(engine.submit(std::move(request), collector, id),
              Admission::Accepted);
    return collector;
  }
  static Event runAlone(Engine &engine, Request request) {
    return start(engine, std::move(request))->wait();
  }
  std::unique_ptr<Tokenizer> tokenizer;
};

/// Draws that depend on every logit of the noise.
Request noisy(std::vector<int32_t> prompt, uint64_t seed) {
  Request request;
  request.prompt = std::move(prompt);
  request.sampling = {.temperature = 20, .topK = 0, .topP = 1, .minP = 0};
  request.sampling.seed = seed;
  request.ignoreEos = true;
  return request;
}

Request greedy(std::vector<int32_t> prompt) {
  Request request;
  request.prompt = std::move(prompt);
  request.sampling.temperature = 0;
  return request;
}

std::vector<int32_t> somePrompt(size_t count, int32_t salt) {
  std::vector<int32_t> ids(count);
  for (size_t i = 0; i < count; ++i)
    ids[i] = static_cast<int32_t>((i * 37 + i * i * salt) % 264);
  return ids;
}
} // namespace

TEST_F(EngineTest, TellsTheStory) {
  auto engine = make({});
  const Event event = runAlone(*engine, greedy({beginToken}));
  EXPECT_EQ(event.text, story);
  EXPECT_EQ(event.finish, Finish::Stop);
  EXPECT_EQ(event.promptTokens, 1u);
  EXPECT_EQ(event.tokens.size(), story.size());
  EXPECT_EQ(event.generatedTokens, story.size() + 1); // And the end token.
  const EngineStatistics numbers = engine->statistics();
  EXPECT_EQ(numbers.requests, 1u);
  EXPECT_EQ(numbers.finished, 1u);
  EXPECT_EQ(numbers.running + numbers.waiting, 0u);
}

TEST_F(EngineTest, NobodyMattersToAnother) {
  // Prompts of all lengths, some with common beginnings, some the same.
  const auto tokens =
      std::make_shared<TokenTable>(*tokenizer, program_model.vocab_size);
  const auto object = JsonSchema::anyObject();
  auto makeRequest = [&](uint32_t i) {
    auto prompt = somePrompt(1 + i * 7 % 60, static_cast<int32_t>(i % 3));
    Request request = noisy(prompt, i % 5);
    request.maxTokens = 1 + i * 11 % 40;
    if (i % 4 == 1) { // The screened head is enough for this one.
      request.sampling.topK = 8;
      request.sampling.temperature = 2;
    }
    if (i % 7 == 2)
      request.topLogprobs = 3;
    if (i % 10 == 7) {
      request.topLogprobs = 2;
      request.promptLogprobs = true;
    }
    if (i % 6 == 3)
      request.sampling.frequencyPenalty = 3;
    if (i % 9 == 4)
      request.logitBias = {{7, 15}, {8, -100}};
    if (i % 8 == 6)
      request.constraint = std::make_shared<JsonConstraint>(object, tokens);
    return request;
  };
  constexpr uint32_t kRequests = 40;
  std::vector<Event> alone;
  for (uint32_t i = 0; i < kRequests; ++i)
    alone.push_back(
        runAlone(*make({.threads = 1, .parallel = 1}), makeRequest(i)));
  struct Case {
    unsigned threads;
    uint32_t parallel, pages, chunk;
  };
  for (const Case &c : {Case{2, 8, 0, 0}, Case{3, 40, 0, 1}, Case{2, 4, 30, 3},
                        Case{1, 16, 24, 16}}) {
    auto engine = make({.threads = c.threads,
                        .parallel = c.parallel,
                        .kvBytes = c.pages * program_model.kv_page_bytes,
                        .chunkTokens = c.chunk});
    std::vector<std::shared_ptr<Collector>> collectors;
    for (uint32_t i = 0; i < kRequests; ++i)
      collectors.push_back(start(*engine, makeRequest(i)));
    for (size_t i = 0; i < kRequests; ++i) {
      const Event event = collectors[i]->wait();
      EXPECT_EQ(event.tokens, alone[i].tokens) << i;
      EXPECT_EQ(event.text, alone[i].text) << i;
      EXPECT_EQ(event.finish, alone[i].finish) << i;
      expectSame(event.logprobs, alone[i].logprobs);
      expectSame(event.promptLogprobs, alone[i].promptLogprobs);
    }
    const EngineStatistics numbers = engine->statistics();
    EXPECT_EQ(numbers.finished, kRequests);
    EXPECT_GT(numbers.cachedTokens, 0u);
    EXPECT_EQ(numbers.preemptions > 0, c.pages > 0);
    if (c.pages) {
      EXPECT_EQ(numbers.pagesTotal, c.pages);
    }
    EXPECT_EQ(numbers.pagesInUse, 0u);
  }
}

TEST_F(EngineTest, PromptsAreScoredAsAnswersAre) {
  auto engine = make({});
  Request answer = greedy({beginToken});
  answer.topLogprobs = 4;
  const Event told = runAlone(*engine, answer);
  // The same tokens as a prompt; its pages are there, and cannot be used.
  Request request = answer;
  request.prompt.insert(request.prompt.end(), told.tokens.begin(),
                        told.tokens.end());
  request.promptLogprobs = request.onlyPrompt = true;
  const Event scored = runAlone(*engine, request);
  EXPECT_EQ(scored.finish, Finish::Length);
  EXPECT_EQ(scored.generatedTokens, 0u);
  EXPECT_EQ(scored.cachedTokens, 0u);
  EXPECT_TRUE(scored.tokens.empty() && scored.text.empty());
  ASSERT_EQ(scored.promptLogprobs.size(), request.prompt.size());
  EXPECT_TRUE(std::isnan(scored.promptLogprobs[0].logprob));
  expectSame({scored.promptLogprobs.begin() + 1, scored.promptLogprobs.end()},
             told.logprobs);
  request.prompt.resize(1);
  EXPECT_EQ(runAlone(*engine, request).promptLogprobs.size(), 1u);
}

TEST_F(EngineTest, SharesBeginnings) {
  auto engine = make({});
  const auto prompt = somePrompt(41, 0);
  EXPECT_EQ(runAlone(*engine, greedy(prompt)).cachedTokens, 0u);
  // All but one token are in full pages; that one is computed.
  EXPECT_EQ(runAlone(*engine, greedy(prompt)).cachedTokens, 40u);
  auto other = prompt;
  other[22] = 5;
  EXPECT_EQ(runAlone(*engine, greedy(other)).cachedTokens, 20u);
  // What was answered is there too, as in the next turn of a chat.
  const Event first = runAlone(*engine, greedy(prompt));
  auto longer = prompt;
  longer.insert(longer.end(), first.tokens.begin(), first.tokens.end());
  longer.push_back(9);
  EXPECT_EQ(runAlone(*engine, greedy(longer)).cachedTokens,
            (longer.size() - 2) / 4 * 4);
}

TEST_F(EngineTest, StopTextsAreNeverShown) {
  auto engine = make({});
  Request request = greedy({beginToken});
  request.stop = {"small", "sma"};
  Event event = runAlone(*engine, request);
  EXPECT_EQ(event.text, "Once upon a time there was a ");
  EXPECT_EQ(event.finish, Finish::Stop);
  EXPECT_EQ(event.stopText, "sma");
  request.stop = {"The end.!"};
  event = runAlone(*engine, request);
  EXPECT_EQ(event.text, story);
  EXPECT_EQ(event.stopText, "");
  request.stopTokens = {firstByteToken + 'p'};
  event = runAlone(*engine, request);
  EXPECT_EQ(event.text, "Once u");
  EXPECT_EQ(event.finish, Finish::Stop);
}

TEST_F(EngineTest, EndsWithMaxTokensAndTheContext) {
  auto engine = make({.contextLength = 20});
  Request request = greedy({beginToken});
  request.maxTokens = 3;
  Event event = runAlone(*engine, request);
  EXPECT_EQ(event.text, "Onc");
  EXPECT_EQ(event.finish, Finish::Length);
  request.maxTokens = 0;
  event = runAlone(*engine, request);
  EXPECT_EQ(event.tokens.size(), 19u);
  EXPECT_EQ(event.finish, Finish::Length);
  // Half a character at the end is shown as what it is.
  request.prompt = somePrompt(39, 1);
  request.maxTokens = 1;
  event = runAlone(*make({}), request);
  EXPECT_EQ(event.text, "\xEF\xBF\xBD");
}

TEST_F(EngineTest, RefusesWhatCannotBe) {
  auto engine = make({.contextLength = 20});
  auto submit = [&](Request request) {
    return engine->submit(std::move(request), std::make_shared<Collector>(),
                          nullptr);
  };
  EXPECT_EQ(submit(greedy({})), Admission::BadRequest);
  EXPECT_EQ(submit(greedy({264})), Admission::BadRequest);
  EXPECT_EQ(submit(greedy({-1})), Admission::BadRequest);
  EXPECT_EQ(submit(greedy(somePrompt(20, 0))), Admission::TooLong);
  EXPECT_EQ(submit(greedy(somePrompt(19, 0))), Admission::Accepted);
  EXPECT_TRUE(engine->drain(10));
  EXPECT_EQ(submit(greedy({1})), Admission::Stopping);
  std::string error;
  EXPECT_FALSE(Engine::create(program_model, *tokenizer,
                              {.contextLength = 96, .kvBytes = 24 * 64 - 1},
                              &error));
  EXPECT_EQ(error, "a context of 96 tokens needs 1536 bytes for keys and "
                   "values, they may have 1535");
  // Nobody said how long it has to be.
  EXPECT_EQ(make({.kvBytes = 10 * 64})->contextLength(), 40u);
}

TEST_F(EngineTest, ConstraintsShapeTheText) {
  auto engine = make({});
  const auto tokens =
      std::make_shared<TokenTable>(*tokenizer, program_model.vocab_size);
  std::string error;
  const auto schema = JsonSchema::compile(
      R"({"properties": {"a": {"enum": ["Once", 5]}}, "required": ["a"],
          "additionalProperties": false})",
      &error);
  ASSERT_TRUE(schema) << error;
  for (uint64_t seed : {1, 2, 3, 4}) {
    Request request = noisy({beginToken}, seed);
    request.constraint = std::make_shared<JsonConstraint>(schema, tokens);
    const Event event = runAlone(*engine, request);
    EXPECT_EQ(event.finish, Finish::Stop);
    std::string text = event.text;
    std::erase_if(text, [](char c) { return std::isspace(c); });
    EXPECT_TRUE(text == R"({"a":"Once"})" || text == R"({"a":5})") << text;
  }
  // Without a token for what has to come, the request fails, not the schema.
  Request request = noisy({beginToken}, 1);
  request.constraint = std::make_shared<JsonConstraint>(
      schema, std::make_shared<TokenTable>(*tokenizer, 20));
  const Event event = runAlone(*engine, request);
  EXPECT_EQ(event.finish, Finish::Error);
  EXPECT_EQ(event.error, "no token of the model fits the constraint here");
  EXPECT_EQ(engine->statistics().failed, 1u);
}

TEST_F(EngineTest, TheQueueIsBounded) {
  stepDelay = 2000;
  auto engine = make({.parallel = 2, .maxQueued = 3});
  std::vector<std::shared_ptr<Collector>> collectors;
  for (int i = 0; i < 5; ++i)
    collectors.push_back(start(*engine, greedy({beginToken})));
  EXPECT_EQ(engine->submit(greedy({beginToken}), nullptr, nullptr),
            Admission::QueueFull);
  EXPECT_EQ(engine->statistics().refused, 1u);
  collectors[0]->wait();
  stepDelay = 0;
  for (auto &collector : collectors)
    EXPECT_EQ(collector->wait().text, story);
}

TEST_F(EngineTest, CancelEndsWaitingAndRunningRequests) {
  stepDelay = 2000;
  auto engine = make({.parallel = 1});
  uint64_t runs, waits, stays;
  auto running = start(*engine, greedy({beginToken}), &runs);
  auto waiting = start(*engine, greedy({beginToken}), &waits);
  auto staying = start(*engine, greedy({beginToken}), &stays);
  running->waitForTokens(2);
  engine->cancel(waits);
  EXPECT_EQ(waiting->wait().finish, Finish::Cancelled);
  engine->cancel(runs);
  const Event event = running->wait();
  EXPECT_EQ(event.finish, Finish::Cancelled);
  EXPECT_LT(event.tokens.size(), 20u);
  engine->cancel(runs);
  engine->cancel(12345);
  stepDelay = 0;
  EXPECT_EQ(staying->wait().text, story);
  EXPECT_EQ(engine->statistics().cancelled, 2u);
}

TEST_F(EngineTest, DrainWaitsAndTheDestructorDoesNot) {
  stepDelay = 1000;
  auto engine = make({.parallel = 2});
  auto slow = start(*engine, greedy({beginToken}));
  EXPECT_FALSE(engine->drain(0.001));
  EXPECT_EQ(engine->submit(greedy({beginToken}), nullptr, nullptr),
            Admission::Stopping);
  EXPECT_TRUE(engine->drain(10));
  EXPECT_EQ(slow->wait().text, story);

  engine = make({.parallel = 2});
  std::vector<std::shared_ptr<Collector>> collectors;
  for (int i = 0; i < 5; ++i)
    collectors.push_back(start(*engine, greedy({beginToken})));
  engine.reset();
  stepDelay = 0;
  for (auto &collector : collectors)
    EXPECT_EQ(collector->wait().finish, Finish::Cancelled);
}

// Many clients at once that stay, leave early or ask for what cannot be, with
// too few pages for all of them. For the sanitizers above all.
TEST_F(EngineTest, Stress) {
  auto engine = make({.threads = 3,
                      .parallel = 12,
                      .kvBytes = 60 * program_model.kv_page_bytes,
                      .maxQueued = 6});
  const auto tokens =
      std::make_shared<TokenTable>(*tokenizer, program_model.vocab_size);
  const auto object = JsonSchema::anyObject();
  std::vector<std::vector<int32_t>> expected(8);
  auto makeRequest = [&](uint32_t kind) {
    Request request = noisy(somePrompt(5 + kind * 9, kind % 2), kind);
    request.maxTokens = 20;
    if (kind % 4 == 3)
      request.topLogprobs = 2;
    return request;
  };
  for (uint32_t kind = 0; kind < expected.size(); ++kind)
    expected[kind] = runAlone(*engine, makeRequest(kind)).tokens;

  std::atomic<unsigned> complete{0}, refused{0};
  auto client = [&](uint32_t number) {
    std::minstd_rand random(number + 1);
    for (int round = 0; round < 60; ++round) {
      const auto kind = static_cast<uint32_t>(random() % expected.size());
      Request request = makeRequest(kind);
      const bool isConstrained = random() % 8 == 0;
      if (isConstrained)
        request.constraint = std::make_shared<JsonConstraint>(object, tokens);
      auto collector = std::make_shared<Collector>();
      uint64_t id = 0;
      const Admission admission = engine->submit(request, collector, &id);
      if (admission == Admission::QueueFull) {
        ++refused;
        std::this_thread::yield();
        continue;
      }
      ASSERT_EQ(admission, Admission::Accepted);
      if (random() % 3 == 0) {
        collector->waitForTokens(random() % 20);
        engine->cancel(id);
      }
      const Event event = collector->wait();
      if (event.finish == Finish::Cancelled || isConstrained)
        continue;
      EXPECT_EQ(event.finish, Finish::Length);
      EXPECT_EQ(event.tokens, expected[kind]);
      ++complete;
      engine->statistics();
    }
  };
  std::vector<std::thread> clients;
  for (uint32_t i = 0; i < 24; ++i)
    clients.emplace_back(client, i);
  for (std::thread &thread : clients)
    thread.join();
  EXPECT_TRUE(engine->drain(10));
  const EngineStatistics numbers = engine->statistics();
  EXPECT_GT(complete, 100u);
  EXPECT_EQ(numbers.refused, refused);
  EXPECT_EQ(numbers.requests,
            numbers.finished + numbers.cancelled + numbers.failed);
  EXPECT_EQ(numbers.running + numbers.waiting, 0u);
  EXPECT_EQ(numbers.pagesInUse, 0u);
  EXPECT_GT(numbers.preemptions, 0u);
}
