#include "runtime/Sampler.h"
#include <cmath>
#include <gtest/gtest.h>
#include <map>

using namespace bitnet;

static SamplerOptions plain() {
  return {.temperature = 1, .topK = 0, .topP = 1, .minP = 0};
}

static std::map<int32_t, int> draw(const SamplerOptions &options,
                                   const std::vector<float> &logits,
                                   int count = 20000) {
  Sampler sampler(options);
  std::map<int32_t, int> seen;
  for (int i = 0; i < count; ++i)
    ++seen[sampler.sample(logits)];
  return seen;
}

TEST(Sampler, GreedyTakesTheBestAndTheLowerIdOfTies) {
  SamplerOptions greedy;
  greedy.temperature = 0;
  Sampler sampler(greedy);
  EXPECT_EQ(sampler.sample(std::vector<float>{1, 3, 2, 3}), 1);
}

TEST(Sampler, DrawsInProportion) {
  // Weights 1 : 2 : 5.
  auto seen = draw(plain(), {0.0f, std::log(2.0f), std::log(5.0f)});
  EXPECT_NEAR(seen[0], 2500, 200);
  EXPECT_NEAR(seen[1], 5000, 250);
  EXPECT_NEAR(seen[2], 12500, 300);
}

TEST(Sampler, TemperatureSharpens) {
  SamplerOptions options = plain();
  options.temperature = 0.5f; // 1 : 4
  auto seen = draw(options, {0.0f, std::log(2.0f)});
  EXPECT_NEAR(seen[0], 4000, 250);
}

TEST(Sampler, TopKKeepsTheBest) {
  SamplerOptions options = plain();
  options.topK = 2;
  auto seen = draw(options, {1, 4, 3, 4, 2});
  EXPECT_EQ(seen.size(), 2u);
  EXPECT_TRUE(seen.count(1) && seen.count(3));
}

TEST(Sampler, TopPKeepsTheSmallestSetThatHoldsP) {
  // Shares 0.5, 0.3, 0.2.
  std::vector<float> logits = {std::log(0.2f), std::log(0.5f), std::log(0.3f)};
  SamplerOptions options = plain();
  options.topP = 0.6f;
  auto seen = draw(options, logits);
  EXPECT_EQ(seen.size(), 2u);
  EXPECT_FALSE(seen.count(0));
  options.topP = 0.45f;
  EXPECT_EQ(draw(options, logits).size(), 1u);
}

TEST(Sampler, MinPIsRelativeToTheBest) {
  std::vector<float> logits = {std::log(0.2f), std::log(0.5f), std::log(0.3f)};
  SamplerOptions options = plain();
  options.minP = 0.5f; // 0.25 of the whole.
  auto seen = draw(options, logits);
  EXPECT_EQ(seen.size(), 2u);
  EXPECT_FALSE(seen.count(0));
}

TEST(Sampler, RepeatPenaltyPushesBothSignsDown) {
  SamplerOptions options;
  options.temperature = 0;
  options.repeatPenalty = 2;
  Sampler sampler(options);
  sampler.accept(1);
  EXPECT_EQ(sampler.sample(std::vector<float>{3, 4, 1}), 0);
  EXPECT_EQ(sampler.sample(std::vector<float>{-3, -2, -9}), 0);
  // Forgotten after the last n.
  options.repeatLastN = 1;
  Sampler forgetful(options);
  forgetful.accept(1);
  forgetful.accept(2);
  EXPECT_EQ(forgetful.sample(std::vector<float>{3, 4, 1}), 1);
}

TEST(Sampler, TheSameSeedDrawsTheSame) {
  std::vector<float> logits(100, 0.0f);
  auto sequence = [&](uint64_t seed) {
    SamplerOptions options = plain();
    options.seed = seed;
    Sampler sampler(options);
    std::vector<int32_t> ids;
    for (int i = 0; i < 8; ++i)
      ids.push_back(sampler.sample(logits));
    return ids;
  };
  EXPECT_EQ(sequence(1), sequence(1));
  EXPECT_NE(sequence(1), sequence(2));
  // The numbers themselves: they must be these on every machine.
  EXPECT_EQ(sequence(0), (std::vector<int32_t>{88, 43, 2, 97, 10, 32, 17, 77}));
}

TEST(Sampler, SurvivesNanAndInfinity) {
  const float inf = HUGE_VALF, nan = NAN;
  Sampler sampler(plain());
  EXPECT_EQ(sampler.sample(std::vector<float>{nan, nan}), 0);
  EXPECT_EQ(sampler.sample(std::vector<float>{nan, 1, nan}), 1);
  EXPECT_EQ(sampler.sample(std::vector<float>{1, inf, nan}), 1);
  EXPECT_EQ(sampler.sample(std::vector<float>{-inf, -inf}), 0);
  EXPECT_EQ(sampler.sample(std::vector<float>{-inf, 2, -inf}), 1);
}

TEST(Sampler, SaysHowManyLogitsItNeeds) {
  SamplerOptions options;
  EXPECT_EQ(logitsNeeded(options), 40u);
  options.topK = 0;
  EXPECT_EQ(logitsNeeded(options), 0u);
  options.topK = -3;
  EXPECT_EQ(logitsNeeded(options), 0u);
  options.temperature = 0;
  EXPECT_EQ(logitsNeeded(options), 1u);
  options.repeatPenalty = 1.1f;
  EXPECT_EQ(logitsNeeded(options), 0u);
  options.repeatLastN = 0;
  EXPECT_EQ(logitsNeeded(options), 1u);
}

/// Nothing but the best logits is looked at: the same tokens without the rest.
TEST(Sampler, TheNeededLogitsAreEnough) {
  std::vector<float> logits(300), few(300, -HUGE_VALF);
  for (size_t i = 0; i < logits.size(); ++i)
    logits[i] = static_cast<float>(i * 7919 % 300) * 0.01f;
  for (float temperature : {0.0f, 0.9f}) {
    SamplerOptions options;
    options.temperature = temperature;
    options.topK = 7;
    std::vector<Candidate> best;
    bestTokens(logits, logitsNeeded(options), best);
    std::fill(few.begin(), few.end(), -HUGE_VALF);
    for (const Candidate &candidate : best)
      few[candidate.id] = candidate.logit;
    Sampler all(options), some(options);
    for (int i = 0; i < 50; ++i)
      ASSERT_EQ(all.sample(logits), some.sample(few));
  }
}

TEST(Sampler, OpenAiPenaltiesCountSampledTokensOnly) {
  SamplerOptions options;
  options.temperature = 0;
  options.presencePenalty = 1;
  options.frequencyPenalty = 0.5f;
  EXPECT_EQ(logitsNeeded(options), 0u);
  Sampler sampler(options);
  const std::vector<float> logits{3, 1, 0.4f};
  sampler.accept(0, /*sampled=*/false);
  EXPECT_EQ(sampler.sample(logits), 0);
  sampler.accept(0); // 3 - 1 - 0.5
  EXPECT_EQ(sampler.sample(logits), 0);
  sampler.accept(0); // 3 - 1 - 2 * 0.5 is still not less than 1: a tie.
  EXPECT_EQ(sampler.sample(logits), 0);
  sampler.accept(0);
  EXPECT_EQ(sampler.sample(logits), 1);
  sampler.accept(1);
  EXPECT_EQ(sampler.sample(logits), 0);
  sampler.accept(0); // 3 - 1 - 4 * 0.5
  EXPECT_EQ(sampler.sample(logits), 2);
}

TEST(Sampler, BiasComesFirst) {
  SamplerOptions options;
  options.temperature = 0;
  Sampler sampler(options, {{2, 5}, {0, -100}, {77, 1}, {-1, 1}});
  EXPECT_EQ(sampler.needed(), 0u);
  EXPECT_EQ(sampler.sample(std::vector<float>{3, 1, 0}), 2);
  EXPECT_EQ(Sampler(options, {}).needed(), 1u);
}

/// The definition: everything sorted.
static std::vector<Candidate> sortedAndCut(const std::vector<float> &logits,
                                           double topP, double minP) {
  std::vector<Candidate> all;
  bestTokens(logits, logits.size(), all);
  double total = 0, sum = 0;
  auto weight = [&](const Candidate &c) {
    return std::exp(double{c.logit} - all.front().logit);
  };
  for (const Candidate &c : all)
    total += weight(c);
  size_t count = 0;
  while (count < all.size() && sum < topP * total)
    sum += weight(all[count++]);
  while (count > 1 && weight(all[count - 1]) < minP)
    --count;
  all.resize(count);
  return all;
}

TEST(Sampler, WithoutTopKCutsAsIfAllWereSorted) {
  std::vector<float> logits(150);
  for (float spread : {0.1f, 1.0f, 6.0f}) {
    for (size_t i = 0; i < logits.size(); ++i)
      logits[i] = spread * static_cast<float>(i * 7919 % 151) * 0.02f;
    logits[17] = NAN;
    logits[18] = -HUGE_VALF;
    for (float topP : {0.01f, 0.5f, 0.97f, 1.0f})
      for (float minP : {0.0f, 0.02f, 0.5f}) {
        SamplerOptions options = plain();
        options.topP = topP;
        options.minP = minP;
        options.temperature = 100; // All that is left gets its turn.
        const auto expected = sortedAndCut(logits, topP, minP);
        std::map<int32_t, int> seen = draw(options, logits, 2500);
        for (const auto &[id, times] : seen)
          EXPECT_TRUE(std::any_of(expected.begin(), expected.end(),
                                  [&](auto &c) { return c.id == id; }))
              << id;
        EXPECT_GE(seen.size() + 1, expected.size()) << topP << " " << minP;
      }
  }
}

TEST(BestTokens, OrderedWithTiesByIdAndNanLast) {
  std::vector<Candidate> best;
  bestTokens(std::vector<float>{1, 5, NAN, 5, 3}, 4, best);
  ASSERT_EQ(best.size(), 4u);
  EXPECT_EQ(best[0].id, 1);
  EXPECT_EQ(best[1].id, 3);
  EXPECT_EQ(best[2].id, 4);
  EXPECT_EQ(best[3].id, 0);
  bestTokens(std::vector<float>{1, 2}, 9, best);
  EXPECT_EQ(best.size(), 2u);
}
