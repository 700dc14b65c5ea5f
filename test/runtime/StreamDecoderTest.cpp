//===- StreamDecoderTest.cpp - What is printed while tokens arrive --------===//
//
// Properties on random texts and random ids, of a byte-level model and of one
// with byte tokens: whatever the ids are, every part that is given out is whole
// characters, nothing is held back that could be shown, and the parts are the
// text that decoding all at once gives.
//
//===----------------------------------------------------------------------===//

#include "SentencePieceProto.h"
#include "TokenizerHelper.h"
#include "runtime/Utf8.h"
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <random>

using namespace bitnet;
using namespace bitnet::test;
using Ids = std::vector<int32_t>;
using Json = nlohmann::json;

static constexpr std::string_view replacement = "\xEF\xBF\xBD";

/// Byte tokens 3 to 258, some characters, and what decoders of Llama do.
static LoadedTokenizer withByteTokens() {
  Json vocab = {{"<unk>", 0}, {"<s>", 1}, {"</s>", 2}};
  for (int byte = 0; byte < 256; ++byte)
    vocab[byteToken(byte)] = 3 + byte;
  int next = 259;
  for (const char *text : {"▁", "a", "é", "中", "😀", "▁a", "▁▁"})
    vocab[text] = next++;
  auto replace = [](const char *what, const char *with) {
    return Json{{"type", "Replace"},
                {"pattern", {{"String", what}}},
                {"content", with}};
  };
  Json special = Json::array();
  for (const char *text : {"<unk>", "<s>", "</s>"})
    special.push_back(
        {{"id", vocab[text]}, {"content", text}, {"special", true}});
  return fromJson(Json{
      {"model",
       {{"type", "BPE"},
        {"byte_fallback", true},
        {"vocab", vocab},
        {"merges", {"▁ a", "▁ ▁"}}}},
      {"normalizer",
       {{"type", "Sequence"},
        {"normalizers",
         {Json{{"type", "Prepend"}, {"prepend", "▁"}}, replace(" ", "▁")}}}},
      {"decoder",
       {{"type", "Sequence"},
        {"decoders",
         {replace("▁", " "), Json{{"type", "ByteFallback"}},
          Json{{"type", "Strip"}, {"content", " "}, {"start", 1}}}}}},
      {"added_tokens",
       special}}.dump());
}

static LoadedTokenizer byteLevel() {
  return loadTokenizer(BITNETC_SOURCE_DIR "/test/runtime/fake-tokenizer.json");
}

/// Characters of one to four bytes, equally often; not U+2581, which byte-token
/// models read as a space.
static std::string randomText(std::mt19937 &random) {
  static constexpr char32_t limits[] = {1, 0x80, 0x800, 0x10000, 0x110000};
  std::string text;
  for (size_t length = random() % 20; length > 0; --length) {
    const size_t bytes = random() % 4;
    const char32_t c =
        limits[bytes] + random() % (limits[bytes + 1] - limits[bytes]);
    if ((c < 0xD800 || c >= 0xE000) && c != 0x2581)
      appendUtf8(text, c);
  }
  return text;
}

/// Streams `ids` and checks every part; returns all of them.
static std::string stream(const LoadedTokenizer &t, const Ids &ids,
                          bool skipSpecial) {
  StreamDecoder decoder(*t.tokenizer, /*atStart=*/true, skipSpecial);
  std::string whole, raw;
  for (int32_t id : ids) {
    const std::string part = decoder.push(id);
    EXPECT_TRUE(isValidUtf8(part));
    whole += part;
    // Up to three bytes of a character may have to wait, not more.
    raw.clear();
    t->appendTokenBytes(id, skipSpecial, /*isFirst=*/false, raw);
    if (!raw.empty() && static_cast<unsigned char>(raw.back()) < 0x80)
      EXPECT_TRUE(part.ends_with(raw.back()) || part.empty());
  }
  std::string rest = decoder.finish();
  EXPECT_LE(rest.size(), 3 * replacement.size());
  whole += rest;
  for (; rest.starts_with(replacement); rest.erase(0, replacement.size())) {
  }
  EXPECT_EQ(rest, "") << "held back without need";
  return whole;
}

class StreamProperties : public testing::TestWithParam<bool> {
protected:
  LoadedTokenizer tokenizer = GetParam() ? byteLevel() : withByteTokens();
  std::mt19937 random{1};
};

TEST_P(StreamProperties, TextComesBackInWholeCharacters) {
  ASSERT_TRUE(tokenizer) << tokenizer.error;
  for (int i = 0; i < 2000; ++i) {
    const std::string text = randomText(random);
    const Ids ids = tokenizer.encode(text);
    EXPECT_EQ(stream(tokenizer, ids, /*skipSpecial=*/true), text);
  }
}

TEST_P(StreamProperties, AnyIdsGiveWholeCharacters) {
  ASSERT_TRUE(tokenizer) << tokenizer.error;
  const auto size = static_cast<int32_t>(tokenizer->blob().vocabSize());
  for (int i = 0; i < 4000; ++i) {
    Ids ids;
    for (size_t length = random() % 24; length > 0; --length)
      // Mostly bytes; sometimes ids that do not exist.
      ids.push_back(static_cast<int32_t>(random() % (i % 2 ? size + 2 : 259)) -
                    (i % 3 ? 0 : 1));
    const bool skipSpecial = i % 2;
    EXPECT_EQ(stream(tokenizer, ids, skipSpecial),
              tokenizer->decode(ids, skipSpecial));
  }
}

// Every prefix of every encoded character, followed by everything.
TEST_P(StreamProperties, CutCharactersAreReplaced) {
  ASSERT_TRUE(tokenizer) << tokenizer.error;
  const int32_t first = GetParam() ? 2 : 3;
  auto bytes = [&](std::string_view text) {
    Ids ids;
    for (unsigned char byte : text)
      ids.push_back(first + byte);
    return ids;
  };
  for (std::string_view c : {"é", "中", "😀", "\xF4\x8F\xBF\xBF"})
    for (size_t cut = 1; cut < c.size(); ++cut)
      for (std::string_view after : {"a", "é", "中", "😀"}) {
        // Byte-level models replace the cut character, byte tokens are replaced
        // one by one, as the libraries that these models come from do it.
        std::string expected;
        for (size_t n = GetParam() ? 1 : cut; n > 0; --n)
          expected += replacement;
        expected += after;
        std::string given(c.substr(0, cut));
        given += after;
        EXPECT_EQ(stream(tokenizer, bytes(given), true), expected);
      }
}

INSTANTIATE_TEST_SUITE_P(All, StreamProperties, testing::Bool(),
                         [](const auto &info) {
                           return info.param ? "ByteLevel" : "ByteTokens";
                         });
