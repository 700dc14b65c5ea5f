#include "runtime/KVCache.h"
#include <gtest/gtest.h>

using namespace bitnet;

namespace {
class KVCacheTest : public testing::Test {
protected:
  void SetUp() override {
    model.kv_page_tokens = 4;
    model.kv_page_bytes = 64;
    std::string error;
    ASSERT_TRUE(cache.init(model, 3, 10, 0, &error)) << error;
  }
  int32_t pageAt(int32_t sequence, uint32_t index) {
    return cache.pageAt(sequence, index);
  }
  uint8_t *bytesAt(int32_t sequence, uint32_t index) {
    return cache.pages() + pageAt(sequence, index) * 64;
  }
  bitnet_model model{};
  KVCache cache;
};
} // namespace

TEST_F(KVCacheTest, PagesComeZeroedWhenWritten) {
  int32_t s = cache.createSequence();
  EXPECT_EQ(cache.pagesPerSequence(), 3u);
  EXPECT_EQ(cache.pagesInUse(), 0u);
  ASSERT_TRUE(cache.prepareWrite(s, 0, 5));
  EXPECT_EQ(cache.pagesInUse(), 2u);
  EXPECT_EQ(pageAt(s, 2), -1);
  for (int i = 0; i < 64; ++i)
    EXPECT_EQ(bytesAt(s, 1)[i], 0);
}

TEST_F(KVCacheTest, RefusesMoreThanTheContext) {
  int32_t s = cache.createSequence();
  EXPECT_TRUE(cache.prepareWrite(s, 0, 10));
  EXPECT_FALSE(cache.prepareWrite(s, 10, 11));
}

TEST_F(KVCacheTest, SequencesRunOutAndComeBack) {
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(cache.createSequence(), i);
  EXPECT_EQ(cache.createSequence(), -1);
  cache.prepareWrite(1, 0, 10);
  cache.release(1);
  EXPECT_EQ(cache.pagesInUse(), 0u);
  EXPECT_EQ(cache.createSequence(), 1);
}

TEST_F(KVCacheTest, ForkSharesWholePagesAndCopiesTheRest) {
  int32_t a = cache.createSequence();
  cache.prepareWrite(a, 0, 6);
  bytesAt(a, 0)[0] = 11;
  bytesAt(a, 1)[0] = 22;
  int32_t b = cache.fork(a, 6);
  EXPECT_EQ(pageAt(b, 0), pageAt(a, 0));
  EXPECT_NE(pageAt(b, 1), pageAt(a, 1));
  EXPECT_EQ(bytesAt(b, 1)[0], 22);
  EXPECT_EQ(cache.pagesInUse(), 3u);
  // The shared page outlives its first owner.
  cache.release(a);
  EXPECT_EQ(bytesAt(b, 0)[0], 11);
  EXPECT_EQ(cache.pagesInUse(), 2u);
}

TEST_F(KVCacheTest, WritingToASharedPageCopiesIt) {
  int32_t a = cache.createSequence();
  cache.prepareWrite(a, 0, 4);
  bytesAt(a, 0)[0] = 11;
  int32_t b = cache.fork(a, 4);
  cache.truncate(b, 2);
  ASSERT_EQ(pageAt(b, 0), pageAt(a, 0));
  ASSERT_TRUE(cache.prepareWrite(b, 2, 3));
  ASSERT_NE(pageAt(b, 0), pageAt(a, 0));
  EXPECT_EQ(bytesAt(b, 0)[0], 11);
  bytesAt(b, 0)[0] = 33;
  EXPECT_EQ(bytesAt(a, 0)[0], 11);
}

TEST_F(KVCacheTest, EverySequenceCanForkAndFillUp) {
  int32_t a = cache.createSequence();
  cache.prepareWrite(a, 0, 10);
  int32_t b = cache.fork(a, 10), c = cache.fork(a, 9);
  for (int32_t s : {a, b, c})
    EXPECT_TRUE(cache.prepareWrite(s, 0, 10));
  EXPECT_EQ(cache.pagesInUse(), 9u);
}

TEST_F(KVCacheTest, TruncateFreesOnlyWholePages) {
  int32_t a = cache.createSequence();
  cache.prepareWrite(a, 0, 10);
  cache.truncate(a, 5);
  EXPECT_EQ(cache.pagesInUse(), 2u);
  cache.truncate(a, 4);
  EXPECT_EQ(cache.pagesInUse(), 1u);
}

TEST_F(KVCacheTest, FewerPagesThanWholeContexts) {
  std::string error;
  ASSERT_TRUE(cache.init(model, 3, 10, 4 * 64 + 63, &error)) << error;
  EXPECT_EQ(cache.pagesTotal(), 4u);
  int32_t a = cache.createSequence(), b = cache.createSequence();
  EXPECT_TRUE(cache.prepareWrite(a, 0, 10));
  EXPECT_FALSE(cache.prepareWrite(b, 0, 5)); // Gets one page of two.
  EXPECT_EQ(cache.pagesInUse(), 4u);
  EXPECT_EQ(cache.fork(a, 9), -1);
  EXPECT_EQ(cache.createSequence(), 2); // The failed fork left none behind.
  cache.truncate(a, 8);
  EXPECT_TRUE(cache.prepareWrite(b, 0, 5));
}

TEST_F(KVCacheTest, AHeldPageOutlivesItsSequence) {
  int32_t a = cache.createSequence();
  ASSERT_TRUE(cache.prepareWrite(a, 0, 4));
  bytesAt(a, 0)[0] = 11;
  const int32_t page = pageAt(a, 0);
  cache.hold(page);
  cache.release(a);
  EXPECT_EQ(cache.pagesInUse(), 1u);
  int32_t b = cache.createSequence();
  cache.map(b, 0, page);
  cache.drop(page);
  EXPECT_EQ(bytesAt(b, 0)[0], 11);
  // Mapping over an entry gives the old page back.
  ASSERT_TRUE(cache.prepareWrite(b, 4, 8));
  cache.map(b, 1, page);
  EXPECT_EQ(cache.pagesInUse(), 1u);
  cache.release(b);
  EXPECT_EQ(cache.pagesInUse(), 0u);
}
