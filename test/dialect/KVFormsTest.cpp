//===- KVFormsTest.cpp - Keys and values as halves, codes and signs -------===//
//
// What the forms of the KV cache mean, on numbers that are known beforehand.
// That programs compute the same is for test/lit/e2e/kv-i8.test and kv-b1.test.
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

TEST(KVForms, SignsOfARow) {
  constexpr int64_t kHeadDim = 16;
  std::vector<float> key(2 * kHeadDim, 1.0f), value(2 * kHeadDim, -3.0f);
  key[0] = -0.0f; // >= 0
  key[1] = -1e-30f;
  key[2] = std::nanf("");
  value[0] = 5.0f;
  value[kHeadDim] = 0.0f;
  KVSequence kv;
  scalar::kvAppend(kv, 1, key, value, kHeadDim, KVForm::B1);
  const int8_t *codes = &kv.keys.codes[2 * kHeadDim];
  EXPECT_EQ(codes[0], 1);
  EXPECT_EQ(codes[1], -1);
  EXPECT_EQ(codes[2], -1);
  EXPECT_EQ(codes[3], 1);
  codes = &kv.values.codes[2 * kHeadDim];
  EXPECT_EQ(codes[0], 1);
  EXPECT_EQ(codes[1], -1);
  EXPECT_EQ(codes[kHeadDim], 1);
  ASSERT_EQ(kv.values.scales.size(), 2u * 2);
  EXPECT_EQ(kv.values.scales[2], (5.0f + 15 * 3.0f) / 16);
  EXPECT_EQ(kv.values.scales[3], 15 * 3.0f / 16);
}

/// Two positions whose keys agree with the query in all and in 12 dimensions.
TEST(KVForms, AttentionOfSigns) {
  constexpr int64_t kHeadDim = 16;
  std::vector<float> query(2 * kHeadDim), key(kHeadDim), value(kHeadDim, 2.0f);
  for (int64_t i = 0; i < kHeadDim; ++i)
    query[i] = query[kHeadDim + i] = key[i] = i % 3 ? 0.5f : -7.0f;
  KVSequence kv;
  scalar::kvAppend(kv, 0, key, value, kHeadDim, KVForm::B1);
  for (int64_t i = 0; i < 4; ++i)
    key[i] = -key[i];
  value[1] = -2.0f;
  scalar::kvAppend(kv, 1, key, value, kHeadDim, KVForm::B1);
  std::vector<float> out(2 * kHeadDim);
  // Scores 16 / 4 and (16 - 2 * 4) / 4, times 1 and times 3.
  for (float c : {1.0f, 3.0f}) {
    scalar::attention(kv, 1, query, 2, 1, kHeadDim, out, {c, c});
    float p = expf_bitnet(2.0f * c - 4.0f * c), sum = 1.0f + p;
    EXPECT_EQ(out[0], (2.0f + p * 2.0f) / sum);
    EXPECT_EQ(out[1], (2.0f - p * 2.0f) / sum);
  }
  std::vector<float> plain(out.size());
  scalar::attention(kv, 1, query, 2, 1, kHeadDim, plain);
  scalar::attention(kv, 1, query, 2, 1, kHeadDim, out, {1.0f, 3.0f});
  EXPECT_EQ(plain[0], out[0]);
  EXPECT_EQ(plain[kHeadDim + 1], plain[1]);
  EXPECT_GT(out[kHeadDim + 1], plain[1]); // The second position weighs less.
}
