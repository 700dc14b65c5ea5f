#include "TokenizerHelper.h"
#include <gtest/gtest.h>
#include <map>

using namespace bitnet::test;
using bitnetc::TokenizerSpec;

namespace {
/// Random merges over the letters a-d, some of them on top of others.
struct RandomBpe {
  explicit RandomBpe(uint32_t seed) : state(seed) {
    spec.model = BITNET_TOKENIZER_BPE_CHARS;
    for (char c = 'a'; c <= 'd'; ++c)
      add(std::string(1, c));
    for (uint32_t rank = 0; rank < 24; ++rank) {
      uint32_t left = next() % spec.tokens.size();
      uint32_t right = next() % spec.tokens.size();
      std::string text = spec.tokens[left].text + spec.tokens[right].text;
      if (text.size() > 8 || pairs.count({left, right}))
        continue;
      uint32_t result = ids.count(text) ? ids[text] : add(text);
      pairs[{left, right}] = {rank, result};
      spec.merges.push_back({left, right, result, rank});
    }
  }

  uint32_t add(const std::string &text) {
    auto id = static_cast<uint32_t>(spec.tokens.size());
    spec.tokens.push_back({text, BITNET_TOKEN_NORMAL, true});
    return ids[text] = id;
  }

  uint32_t next() {
    state = state * 1664525 + 1013904223;
    return state >> 8;
  }

  /// Merge the best pair, again and again: the definition.
  std::vector<int32_t> slow(const std::string &text) {
    std::vector<int32_t> symbols;
    for (char c : text)
      symbols.push_back(c - 'a');
    while (true) {
      size_t best = 0;
      std::pair<uint32_t, uint32_t> merge{UINT32_MAX, 0};
      for (size_t i = 0; i + 1 < symbols.size(); ++i) {
        auto found = pairs.find({symbols[i], symbols[i + 1]});
        if (found != pairs.end() && found->second.first < merge.first) {
          merge = found->second;
          best = i;
        }
      }
      if (merge.first == UINT32_MAX)
        return symbols;
      symbols[best] = static_cast<int32_t>(merge.second);
      symbols.erase(symbols.begin() + best + 1);
    }
  }

  TokenizerSpec spec;
  std::map<std::string, uint32_t> ids;
  std::map<std::pair<int32_t, int32_t>, std::pair<uint32_t, uint32_t>> pairs;
  uint32_t state;
};
} // namespace

TEST(Bpe, EqualsTheSlowDefinition) {
  for (uint32_t seed = 1; seed <= 40; ++seed) {
    RandomBpe bpe(seed);
    std::string blob, error;
    ASSERT_TRUE(bitnetc::writeTokenizerBlob(bpe.spec, blob, error)) << error;
    LoadedTokenizer tokenizer = openBlob(blob);
    ASSERT_TRUE(tokenizer) << tokenizer.error;
    for (int i = 0; i < 25; ++i) {
      std::string text;
      for (uint32_t length = bpe.next() % 40; length > 0; --length)
        text += static_cast<char>('a' + bpe.next() % 4);
      ASSERT_EQ(tokenizer.encode(text), bpe.slow(text)) << text;
    }
  }
}

TEST(Bpe, ABookInOnePieceIsFast) {
  RandomBpe bpe(7);
  std::string blob, error, text;
  ASSERT_TRUE(bitnetc::writeTokenizerBlob(bpe.spec, blob, error)) << error;
  LoadedTokenizer tokenizer = openBlob(blob);
  // 2 million characters: quadratic merging would take hours.
  for (int i = 0; i < 2'000'000; ++i)
    text += static_cast<char>('a' + bpe.next() % 4);
  auto ids = tokenizer.encode(text);
  EXPECT_EQ(tokenizer.decode(ids), text);
  EXPECT_LT(ids.size(), text.size());
}
