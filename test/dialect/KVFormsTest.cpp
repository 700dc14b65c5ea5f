//===- KVFormsTest.cpp - Keys and values as halves and as codes -----------===//
//
// What the forms of the KV cache mean, on numbers that are known beforehand.
// That programs compute the same is for test/lit/e2e/kv-i8.test.
//
//===----------------------------------------------------------------------===//

#include "dialect/InterpreterOps.h"
#include "dialect/ScalarMath.h"

#include <cmath>
#include <gtest/gtest.h>
#include <random>

using namespace mlir::bitnet;

TEST(KVForms, CodesOfARow) {
  constexpr int64_t kHeadDim = 16;
  std::vector<float> key(2 * kHeadDim, 0.0f), value(2 * kHeadDim, 1e-20f);
  key[0] = 1.0f;
  key[1] = -2.0f;
  key[2] = 1.6f / 63.5f;
  KVSequence kv;
  scalar::kvAppend(kv, 3, key, value, kHeadDim, KVForm::I8);
  EXPECT_EQ(kv.present, std::vector<bool>({false, false, false, true}));
  const int8_t *codes = &kv.keys.codes[3 * 2 * kHeadDim];
  EXPECT_EQ(codes[0], 64); // 63.5, to even
  EXPECT_EQ(codes[1], -127);
  EXPECT_EQ(codes[2], 2);
  EXPECT_EQ(codes[3], 0);
  ASSERT_EQ(kv.keys.scales.size(), 4u * 2);
  EXPECT_EQ(kv.keys.scales[3 * 2], 2.0f / 127);
  // Nothing is divided by nothing.
  EXPECT_EQ(kv.keys.scales[3 * 2 + 1], kMinCacheMax / 127);
  EXPECT_EQ(kv.values.codes[3 * 2 * kHeadDim], 0);
}

/// Three chunks of positions, two query heads to a KV head.
TEST(KVForms, AttentionOfCodesIsNearThatOfHalves) {
  constexpr int64_t kHeadDim = 32, kHeads = 4, kKVHeads = 2, kPositions = 600;
  std::mt19937 random(5);
  std::normal_distribution<float> normal;
  auto row = [&](int64_t size) {
    std::vector<float> x(size);
    for (float &v : x)
      v = normal(random);
    return x;
  };
  KVSequence halves, codes;
  for (int64_t i = 0; i < kPositions; ++i) {
    auto key = row(kKVHeads * kHeadDim), value = row(kKVHeads * kHeadDim);
    scalar::kvAppend(halves, i, key, value, kHeadDim, KVForm::F16);
    scalar::kvAppend(codes, i, key, value, kHeadDim, KVForm::I8);
  }
  auto query = row(kHeads * kHeadDim);
  std::vector<float> expected(query.size()), got(query.size());
  scalar::attention(halves, kPositions - 1, query, kHeads, kKVHeads, kHeadDim,
                    expected);
  scalar::attention(codes, kPositions - 1, query, kHeads, kKVHeads, kHeadDim,
                    got);
  float worst = 0, largest = 0;
  for (size_t i = 0; i < got.size(); ++i) {
    worst = std::max(worst, std::fabs(got[i] - expected[i]));
    largest = std::max(largest, std::fabs(expected[i]));
  }
  EXPECT_GT(worst, 0.0f);
  EXPECT_LT(worst, 0.02f * largest);
}
