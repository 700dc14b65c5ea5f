#include "runtime/server/PrefixCache.h"
#include <gtest/gtest.h>

using namespace bitnet;
using bitnet::server::PrefixCache;

namespace {
class PrefixCacheTest : public testing::Test {
protected:
  void SetUp() override {
    model.kv_page_tokens = 2;
    model.kv_page_bytes = 64;
    std::string error;
    ASSERT_TRUE(kv.init(model, 2, 16, 0, &error)) << error;
    sequence = kv.createSequence();
    ASSERT_TRUE(kv.prepareWrite(sequence, 0, 16));
  }
  int32_t insert(int32_t parent, std::vector<int32_t> tokens, uint32_t page) {
    return cache.insert(parent, tokens, kv.pageAt(sequence, page));
  }
  int32_t find(int32_t parent, std::vector<int32_t> tokens) {
    return cache.find(parent, tokens);
  }
  bitnet_model model{};
  KVCache kv;
  PrefixCache cache{kv};
  int32_t sequence = -1;
};
} // namespace

TEST_F(PrefixCacheTest, FindsByAllThatWasBefore) {
  const int32_t a = insert(PrefixCache::root, {1, 2}, 0);
  const int32_t b = insert(a, {3, 4}, 1);
  const int32_t c = insert(PrefixCache::root, {3, 4}, 2);
  EXPECT_EQ(find(PrefixCache::root, {1, 2}), a);
  EXPECT_EQ(find(a, {3, 4}), b);
  EXPECT_EQ(find(PrefixCache::root, {3, 4}), c);
  EXPECT_EQ(find(b, {3, 4}), PrefixCache::none);
  EXPECT_EQ(find(PrefixCache::root, {2, 1}), PrefixCache::none);
  EXPECT_EQ(cache.page(b), kv.pageAt(sequence, 1));
}

TEST_F(PrefixCacheTest, GivesBackLeavesUnusedLongest) {
  const int32_t a = insert(PrefixCache::root, {1, 1}, 0);
  const int32_t b = insert(a, {2, 2}, 1), c = insert(a, {3, 3}, 2);
  cache.acquire(a); // Both ways go through it.
  EXPECT_FALSE(cache.evict());
  cache.release(b);
  cache.release(a);
  EXPECT_EQ(cache.unused(), 1u);
  cache.release(c);
  cache.release(a);
  EXPECT_EQ(cache.unused(), 3u);
  // Used again, so that c is the oldest now.
  cache.acquire(a);
  cache.acquire(b);
  cache.release(b);
  cache.release(a);
  kv.release(sequence);
  EXPECT_EQ(kv.pagesInUse(), 3u);
  EXPECT_TRUE(cache.evict());
  EXPECT_EQ(find(a, {3, 3}), PrefixCache::none);
  EXPECT_TRUE(cache.evict());
  EXPECT_EQ(find(a, {2, 2}), PrefixCache::none);
  EXPECT_EQ(find(PrefixCache::root, {1, 1}), a);
  EXPECT_TRUE(cache.evict());
  EXPECT_FALSE(cache.evict());
  EXPECT_EQ(cache.size(), 0u);
  EXPECT_EQ(kv.pagesInUse(), 0u);
}
