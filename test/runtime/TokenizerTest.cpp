#include "SentencePieceProto.h"
#include "TokenizerHelper.h"
#include "runtime/Utf8.h"
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

using namespace bitnet;
using namespace bitnet::test;
using Ids = std::vector<int32_t>;
using Json = nlohmann::json;

/// A SentencePiece-like tokenizer: 0 <unk>, 1 <s>, 2 </s>, bytes from 3 on,
/// then letters and some words.
static Json spm() {
  Json vocab = {{"<unk>", 0}, {"<s>", 1}, {"</s>", 2}};
  for (int byte = 0; byte < 256; ++byte)
    vocab[byteToken(byte)] = 3 + byte;
  int next = 259;
  for (const char *text : {"▁", "a", "b", "h", "i", "▁h", "▁hi", "ab", "▁▁"})
    vocab[text] = next++;
  return {
      {"model",
       {{"type", "BPE"},
        {"unk_token", "<unk>"},
        {"fuse_unk", true},
        {"byte_fallback", true},
        {"vocab", vocab},
        {"merges", {"▁ h", "▁h i", "a b", "▁ ▁"}}}},
      {"normalizer",
       {{"type", "Sequence"},
        {"normalizers",
         {{{"type", "Prepend"}, {"prepend", "▁"}},
          {{"type", "Replace"},
           {"pattern", {{"String", " "}}},
           {"content", "▁"}}}}}},
      {"decoder",
       {{"type", "Sequence"},
        {"decoders",
         {{{"type", "Replace"},
           {"pattern", {{"String", "▁"}}},
           {"content", " "}},
          {{"type", "ByteFallback"}},
          {{"type", "Fuse"}},
          {{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}}}}}},
      {"added_tokens",
       {{{"id", 0}, {"content", "<unk>"}, {"special", true}},
        {{"id", 1}, {"content", "<s>"}, {"special", true}},
        {{"id", 2}, {"content", "</s>"}, {"special", true}}}}};
}

enum : int32_t { Space = 259, A, B, H, I, SpaceH, SpaceHi, AB, TwoSpaces };

static void addToken(Json &json, int id, const char *content,
                     std::vector<const char *> flags) {
  Json token = {{"id", id}, {"content", content}};
  for (const char *flag : flags)
    token[flag] = true;
  json["added_tokens"].push_back(token);
}

TEST(Tokenizer, ByteFallbackAndSpaces) {
  LoadedTokenizer t = fromJson(spm().dump());
  ASSERT_TRUE(t) << t.error;
  EXPECT_EQ(t.encode("hi ab"), (Ids{SpaceHi, Space, AB}));
  EXPECT_EQ(t.decode({SpaceHi, Space, AB}), "hi ab");
  // "é" is not in the vocabulary: C3 A9.
  EXPECT_EQ(t.encode("é"), (Ids{Space, 3 + 0xC3, 3 + 0xA9}));
  EXPECT_EQ(t.decode(t.encode("a\né☕b")), "a\né☕b");
  EXPECT_EQ(t.encode(""), Ids{});
}

TEST(Tokenizer, UnknownCharactersFuseWithoutBytes) {
  Json json = spm();
  json["model"]["byte_fallback"] = false;
  LoadedTokenizer t = fromJson(json.dump());
  ASSERT_TRUE(t) << t.error;
  EXPECT_EQ(t.encode("aéüb"), (Ids{Space, A, 0, B}));
  json["model"]["fuse_unk"] = false;
  EXPECT_EQ(fromJson(json.dump()).encode("aéüb"), (Ids{Space, A, 0, 0, B}));
  json["model"].erase("unk_token");
  EXPECT_EQ(fromJson(json.dump()).encode("aéüb"), (Ids{Space, AB}));
}

TEST(Tokenizer, SpecialTokensAreCutOutOrPlainText) {
  LoadedTokenizer t = fromJson(spm().dump());
  EXPECT_EQ(t.encode("<s>a</s>"), (Ids{1, Space, A, 2}));
  Ids plain = t.encode("<s>a", false, /*parseSpecial=*/false);
  EXPECT_EQ(std::count(plain.begin(), plain.end(), 1), 0);
  EXPECT_EQ(t.decode(plain), "<s>a");
  // Special tokens are left out of text, unless wanted.
  EXPECT_EQ(t.decode({1, SpaceHi, 2}), "hi");
  EXPECT_EQ(t->decode({1, SpaceHi, 2}, false), "<s> hi</s>");
}

TEST(Tokenizer, AddedTokensTakeWhiteSpaceAlong) {
  Json json = spm();
  addToken(json, 300, "<L>", {"lstrip"});
  addToken(json, 301, "<R>", {"rstrip"});
  LoadedTokenizer t = fromJson(json.dump());
  ASSERT_TRUE(t) << t.error;
  EXPECT_EQ(t.encode("a \xE3\x80\x80 <L> b"),
            (Ids{Space, A, 300, TwoSpaces, B}));
  EXPECT_EQ(t.encode("a <R> \n b"), (Ids{Space, A, Space, 301, Space, B}));
  EXPECT_EQ(t.encode("<R>  <L>"), (Ids{301, 300}));
}

TEST(Tokenizer, LongestAddedTokenWins) {
  Json json = spm();
  addToken(json, 300, "<x>", {});
  addToken(json, 301, "<x><y>", {});
  LoadedTokenizer t = fromJson(json.dump());
  EXPECT_EQ(t.encode("<x><y><x>"), (Ids{301, 300}));
}

TEST(Tokenizer, SingleWordsStandAlone) {
  Json json = spm();
  addToken(json, 300, "ab", {"single_word"});
  LoadedTokenizer t = fromJson(json.dump());
  EXPECT_EQ(t.encode("ab"), (Ids{300}));
  EXPECT_EQ(t.encode("-ab."), (Ids{Space, 3 + '-', 300, Space, 3 + '.'}));
  EXPECT_EQ(t.encode("aab"), (Ids{Space, A, AB}));
  EXPECT_EQ(t.encode("abé"), (Ids{Space, AB, 3 + 0xC3, 3 + 0xA9}));
}

TEST(Tokenizer, NormalizedTokensAreSearchedInNormalizedText) {
  Json json = spm();
  // Its own normal form begins with U+2581, as Hugging Face's does.
  addToken(json, 300, "a b", {"normalized"});
  LoadedTokenizer t = fromJson(json.dump());
  ASSERT_TRUE(t) << t.error;
  EXPECT_EQ(t.encode("h a b"), (Ids{SpaceH, 300}));
}

TEST(Tokenizer, LegacyMetaspace) {
  Json json = spm();
  json["normalizer"] = nullptr;
  json["pre_tokenizer"] = {
      {"type", "Metaspace"}, {"replacement", "▁"}, {"add_prefix_space", true}};
  json["decoder"] = {{"type", "Metaspace"}, {"replacement", "▁"}};
  LoadedTokenizer t = fromJson(json.dump());
  ASSERT_TRUE(t) << t.error;
  EXPECT_EQ(t.encode("hi ab"), (Ids{SpaceHi, Space, AB}));
  EXPECT_EQ(t.encode(" hi"), (Ids{SpaceHi}));
  EXPECT_EQ(t.decode({SpaceHi, Space, AB}), "hi ab");
  json["pre_tokenizer"] = {{"type", "Metaspace"},
                           {"replacement", "▁"},
                           {"prepend_scheme", "first"},
                           {"split", false}};
  LoadedTokenizer first = fromJson(json.dump());
  EXPECT_EQ(first.encode("hi<s>hi"), (Ids{SpaceHi, 1, H, I}));
}

TEST(Tokenizer, TemplatesGoAround) {
  Json json = spm();
  json["post_processor"] = {
      {"type", "TemplateProcessing"},
      {"single",
       {{{"SpecialToken", {{"id", "<s>"}}}},
        {{"Sequence", {{"id", "A"}}}},
        {{"SpecialToken", {{"id", "</s>"}}}}}},
      {"special_tokens", {{"<s>", {{"ids", {1}}}}, {"</s>", {{"ids", {2}}}}}}};
  LoadedTokenizer t = fromJson(json.dump());
  ASSERT_TRUE(t) << t.error;
  EXPECT_EQ(t.encode("hi", true), (Ids{1, SpaceHi, 2}));
  EXPECT_EQ(t.encode("hi", false), (Ids{SpaceHi}));
}

static const std::string fakeTokenizer =
    std::string(BITNETC_SOURCE_DIR) + "/test/runtime/fake-tokenizer.json";

TEST(Tokenizer, ByteLevel) {
  LoadedTokenizer t = loadTokenizer(fakeTokenizer);
  ASSERT_TRUE(t) << t.error;
  // "the" and " the" are tokens 259 and 260, " and" is 263.
  EXPECT_EQ(t.encode("the the and"), (Ids{259, 260, 263}));
  EXPECT_EQ(t.encode("an", true), (Ids{0, 261}));
  EXPECT_EQ(t.decode({259, 260, 263}), "the the and");
}

TEST(Tokenizer, BytesThatAreNotUtf8ComeThrough) {
  LoadedTokenizer level = loadTokenizer(fakeTokenizer);
  LoadedTokenizer fallback = fromJson(spm().dump());
  std::string all;
  for (int byte = 0; byte < 256; ++byte)
    all += static_cast<char>(byte);
  for (std::string text : {all,
                           std::string("a\xFF\xFE"
                                       "b"),
                           std::string("\xE2\x98"), std::string("<s>\xC3<s>"),
                           std::string("\xF0\x9F\x98\x80\x80")}) {
    for (LoadedTokenizer *t : {&level, &fallback}) {
      std::string bytes;
      for (int32_t id : t->encode(text, false, false))
        t->tokenizer->appendTokenBytes(id, false, false, bytes);
      if (t == &fallback && bytes.starts_with(" "))
        bytes.erase(0, 1);
      EXPECT_EQ(bytes, text);
      EXPECT_TRUE(isValidUtf8(t->decode(t->encode(text))));
    }
  }
}

TEST(Tokenizer, IgnoreMergesTakesWholePieces) {
  Json json = spm();
  json["model"]["ignore_merges"] = true;
  json["model"]["vocab"]["▁hab"] = 300;
  EXPECT_EQ(fromJson(json.dump()).encode("hab"), (Ids{300}));
}

TEST(StreamDecoder, NeverGivesHalfACharacter) {
  LoadedTokenizer t = loadTokenizer(fakeTokenizer);
  const std::string text = "café ☕ 😀 ok";
  StreamDecoder decoder(*t.tokenizer, true, true);
  std::string whole;
  for (unsigned char byte : text) {
    std::string part = decoder.push(2 + byte);
    EXPECT_TRUE(isValidUtf8(part));
    whole += part;
  }
  EXPECT_EQ(whole + decoder.finish(), text);
}

TEST(StreamDecoder, ReplacesWhatIsBroken) {
  LoadedTokenizer t = loadTokenizer(fakeTokenizer);
  auto decode = [&](std::string_view bytes) {
    Ids ids;
    for (unsigned char byte : bytes)
      ids.push_back(2 + byte);
    return t.decode(ids);
  };
  EXPECT_EQ(decode("a\xE2\x98"), "a\uFFFD");
  EXPECT_EQ(decode("\xE2\x98z"), "\uFFFDz");
  EXPECT_EQ(decode("\xFF\xC3\xA9"), "\uFFFDé");
}

TEST(StreamDecoder, DropsTheSpaceOnlyAtTheStartOfAText) {
  LoadedTokenizer t = fromJson(spm().dump());
  StreamDecoder start(*t.tokenizer, true, true);
  EXPECT_EQ(start.push(SpaceHi) + start.push(SpaceHi), "hi hi");
  StreamDecoder inside(*t.tokenizer, false, true);
  EXPECT_EQ(inside.push(SpaceHi), " hi");
  // Ids that do not exist say nothing.
  EXPECT_EQ(inside.push(-5) + inside.push(1 << 30), "");
}

// The first token alone loses what stands for spaces.
TEST(StreamDecoder, MetaspaceDecoder) {
  Json json = spm();
  json["decoder"] = {{"type", "Metaspace"}, {"replacement", "▁"}};
  addToken(json, 300, "  ", {});
  LoadedTokenizer t = fromJson(json.dump());
  ASSERT_TRUE(t) << t.error;
  EXPECT_EQ(t.decode({TwoSpaces, SpaceHi}), " hi");
  EXPECT_EQ(t.decode({1, SpaceHi, SpaceHi}), "hi hi");
  EXPECT_EQ(t->decode({1, SpaceHi}, false), "<s> hi");
  EXPECT_EQ(t.decode({300, SpaceHi}), "   hi");
  json["decoder"]["prepend_scheme"] = "never";
  EXPECT_EQ(fromJson(json.dump()).decode({SpaceHi}), " hi");
}

TEST(Tokenizer, SingleWordsEndAtMarksAndJoiners) {
  Json json = spm();
  addToken(json, 300, "hi", {"single_word"});
  LoadedTokenizer t = fromJson(json.dump());
  ASSERT_TRUE(t) << t.error;
  auto isCut = [&](const std::string &text) {
    const Ids ids = t.encode(text);
    return std::count(ids.begin(), ids.end(), 300) == 1;
  };
  for (const char *text : {"hi", "½hi", "hi²", "hi-", "…hi", "\u180Ehi"})
    EXPECT_TRUE(isCut(text)) << text;
  for (const char *text :
       {"ahi", "hi\u0301", "\u0947hi", "hi\u200D", "hi_", "٣hi", "‿hi", "中hi"})
    EXPECT_FALSE(isCut(text)) << text;
}
