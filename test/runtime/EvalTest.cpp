#include "runtime/Eval.h"
#include "FakeModel.h"
#include <cmath>
#include <gtest/gtest.h>

using namespace bitnet;
using namespace bitnet::test;

static std::vector<int32_t> someTokens(size_t count) {
  std::vector<int32_t> ids(count);
  for (size_t i = 0; i < count; ++i)
    ids[i] = static_cast<int32_t>(i * 31 % 264);
  return ids;
}

static EvalResult evalWith(unsigned threads, uint32_t chunk, uint32_t context,
                           const std::vector<int32_t> &ids) {
  std::string error;
  EvalResult result;
  auto session = Session::create(
      program_model,
      {.threads = threads, .contextLength = context, .maxTokens = chunk},
      &error);
  EXPECT_TRUE(session) << error;
  EXPECT_TRUE(
      evaluate(*session, ids, {.hashLogits = true, .top = 2}, result, &error))
      << error;
  return result;
}

TEST(Eval, LikelihoodIsThatOfSoftmax) {
  std::vector<float> logits = {1.5f, -2, 0.25f, 3};
  double sum = 0;
  for (float logit : logits)
    sum += std::exp(double{logit});
  for (int32_t id = 0; id < 4; ++id)
    EXPECT_NEAR(negativeLogLikelihood(logits, id),
                -std::log(std::exp(double{logits[id]}) / sum), 1e-12);
  // Far below the best one, and shifted far away.
  EXPECT_NEAR(negativeLogLikelihood(std::vector<float>{0, -5000}, 1), 5000,
              1e-9);
  EXPECT_NEAR(negativeLogLikelihood(std::vector<float>{1e30f, 1e30f}, 1),
              std::log(2.0), 1e-12);
  EXPECT_TRUE(std::isnan(negativeLogLikelihood(std::vector<float>{0, NAN}, 0)));
}

TEST(Eval, DoesNotDependOnChunksOrThreads) {
  const auto ids = someTokens(60);
  const EvalResult expected = evalWith(1, 1, 0, ids);
  EXPECT_EQ(expected.scored, 59u);
  EXPECT_EQ(expected.windows, 1u);
  EXPECT_EQ(expected.top.size(), 60u);
  for (unsigned threads : {1u, 3u})
    for (uint32_t chunk : {5u, 64u}) {
      const EvalResult result = evalWith(threads, chunk, 0, ids);
      EXPECT_EQ(result.logitsHash, expected.logitsHash);
      EXPECT_EQ(result.nllSum, expected.nllSum);
    }
  auto other = ids;
  other[0] = 5;
  EXPECT_NE(evalWith(1, 64, 0, other).logitsHash, expected.logitsHash);
}

TEST(Eval, LongTextsAreCutIntoWindows) {
  const auto ids = someTokens(25);
  const EvalResult result = evalWith(2, 64, 10, ids);
  EXPECT_EQ(result.windows, 3u);
  EXPECT_EQ(result.positions, 25u);
  EXPECT_EQ(result.scored, 22u);
  double sum = 0;
  for (auto [first, last] : {std::pair(0, 10), {10, 20}, {20, 25}})
    sum +=
        evalWith(1, 64, 10, {ids.begin() + first, ids.begin() + last}).nllSum;
  EXPECT_NEAR(result.nllSum, sum, 1e-9);
}

TEST(Eval, ComparesTheScreenedHead) {
  const auto ids = someTokens(25);
  std::string error;
  EvalResult result, plain;
  auto session =
      Session::create(program_model, {.threads = 2, .maxTokens = 7}, &error);
  ASSERT_TRUE(evaluate(*session, ids, {.hashLogits = true, .screenTop = 20},
                       result, &error));
  ASSERT_TRUE(evaluate(*session, ids, {.hashLogits = true}, plain, &error));
  EXPECT_EQ(result.logitsHash, plain.logitsHash);
  EXPECT_EQ(result.nllSum, plain.nllSum);
  EXPECT_EQ(result.screen.positions, 25u);
  EXPECT_EQ(result.screen.missedPositions, 0u);
  EXPECT_EQ(result.screen.wrongLogits, 0u);
  EXPECT_GT(result.screen.computed, 25u * 90);
  EXPECT_LT(result.screen.computed, 25u * 170);
  EXPECT_EQ(plain.screen.positions, 0u);

  ScreenResult missed;
  compareScreened(std::vector<float>{1, 4, 3, 2},
                  std::vector<float>{1, -HUGE_VALF, 3, 2.5f}, 2, missed);
  EXPECT_EQ(missed.missedBest, 1u);
  EXPECT_EQ(missed.missedPositions, 1u);
  EXPECT_EQ(missed.missedTokens, 1u);
  EXPECT_EQ(missed.wrongLogits, 1u);
  EXPECT_EQ(missed.computed, 3u);
}

TEST(Eval, KnowsTheStory) {
  std::vector<int32_t> ids = {beginToken};
  for (unsigned char c : story)
    ids.push_back(c + firstByteToken);
  const EvalResult result = evalWith(1, 256, 0, ids);
  EXPECT_LT(result.meanNll(), 1e-4);
  EXPECT_EQ(result.top[0][0].id, 'O' + firstByteToken);
  EXPECT_EQ(result.top.back()[0].id, endToken);
}

TEST(Eval, ReadsIds) {
  std::vector<std::vector<int32_t>> lists;
  std::string error;
  EXPECT_TRUE(parseIds(" [1, 2,\n3] ", lists, &error));
  EXPECT_EQ(lists, (std::vector<std::vector<int32_t>>{{1, 2, 3}}));
  lists.clear();
  EXPECT_TRUE(parseIds("[[1],[],[ 2 , -3 ]]", lists, &error));
  EXPECT_EQ(lists, (std::vector<std::vector<int32_t>>{{1}, {}, {2, -3}}));
  lists.clear();
  EXPECT_TRUE(parseIds("[]", lists, &error));
  for (const char *bad :
       {"", "1", "[1", "[1,]", "[1] 2", "[[1]", "[[1],2]", "[\"a\"]",
        "[99999999999]", "[[1] [2]]", "{\"ids\": [1]}"}) {
    lists.clear();
    error.clear();
    EXPECT_FALSE(parseIds(bad, lists, &error)) << bad;
    EXPECT_NE(error.find("JSON array"), std::string::npos);
  }
}
