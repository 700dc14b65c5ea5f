#include "TokenizerHelper.h"
#include "runtime/Charsmap.h"
#include "runtime/Nfc.h"
#include "runtime/Utf8.h"
#include <gtest/gtest.h>

using namespace bitnet;
using namespace bitnet::test;
using bitnetc::TokenizerSpec;
using Strings = std::vector<std::string>;

/// The pieces that one step makes of a text.
static Strings apply(std::vector<TokenizerSpec::Op> ops,
                     const std::string &text, bool normalizer = false,
                     Place place = Place::Start) {
  TokenizerSpec spec;
  (normalizer ? spec.normalizer : spec.splitter) = std::move(ops);
  spec.tokens.resize(1);
  std::string blob, error;
  if (!bitnetc::writeTokenizerBlob(spec, blob, error))
    return {"error: " + error};
  LoadedTokenizer holder = openBlob(blob);
  TextPipeline pipeline;
  if (!holder || !pipeline.open(holder->blob(), &error))
    return {"error: " + error};
  Pieces pieces;
  pieces.reset(text);
  bool good = normalizer ? pipeline.normalize(pieces, place, &error)
                         : pipeline.split(pieces, place, &error);
  if (!good)
    return {"error: " + error};
  Strings result;
  size_t begin = 0;
  for (size_t end : pieces.ends) {
    result.push_back(pieces.text.substr(begin, end - begin));
    begin = end;
  }
  return result;
}

static Strings split(uint32_t flags, const std::string &pattern,
                     const std::string &text) {
  return apply({{BITNET_OP_SPLIT, flags, pattern, ""}}, text);
}

TEST(TextPipeline, SplitBehaviors) {
  // The examples of Hugging Face's documentation.
  const std::string text = "the-final--countdown";
  EXPECT_EQ(split(BITNET_SPLIT_REMOVED, "-", text),
            (Strings{"the", "final", "countdown"}));
  EXPECT_EQ(split(BITNET_SPLIT_ISOLATED, "-", text),
            (Strings{"the", "-", "final", "-", "-", "countdown"}));
  EXPECT_EQ(split(BITNET_SPLIT_MERGED_WITH_PREVIOUS, "-", text),
            (Strings{"the-", "final-", "-", "countdown"}));
  EXPECT_EQ(split(BITNET_SPLIT_MERGED_WITH_NEXT, "-", text),
            (Strings{"the", "-final", "-", "-countdown"}));
  EXPECT_EQ(split(BITNET_SPLIT_CONTIGUOUS, "-", text),
            (Strings{"the", "-", "final", "--", "countdown"}));
  EXPECT_EQ(split(BITNET_SPLIT_REMOVED | BITNET_SPLIT_INVERT, "-", text),
            (Strings{"-", "-", "-"}));
}

TEST(TextPipeline, EmptyMatchesDoNotLoop) {
  EXPECT_EQ(split(BITNET_SPLIT_ISOLATED, "x*", "axé"),
            (Strings{"a", "x", "é"}));
  // As Hugging Face's library: a match without text splits too.
  EXPECT_EQ(split(BITNET_SPLIT_ISOLATED, "", "ab"), (Strings{"a", "b"}));
}

TEST(TextPipeline, PatternsCanSeeBytesAsCharacters) {
  // "½" is C2 BD, and BD as a character is ½, a number.
  EXPECT_EQ(split(BITNET_SPLIT_ISOLATED | BITNET_SPLIT_ON_BYTE_CHARS, "\\p{N}",
                  "a½b"),
            (Strings{"a\xC2", "\xBD", "b"}));
  // Halves of characters are not for patterns on characters.
  constexpr uint32_t chars = BITNET_SPLIT_ISOLATED,
                     bytes = chars | BITNET_SPLIT_ON_BYTE_CHARS;
  auto both = [](uint32_t first, uint32_t second) {
    return apply({{BITNET_OP_SPLIT, first, "\\p{N}", ""},
                  {BITNET_OP_SPLIT, second, "b", ""}},
                 "a½b");
  };
  EXPECT_EQ(both(bytes, bytes), (Strings{"a\xC2", "\xBD", "b"}));
  EXPECT_EQ(both(chars, bytes), (Strings{"a", "½", "b"}));
  const Strings refused = both(bytes, chars);
  ASSERT_EQ(refused.size(), 1u);
  EXPECT_NE(refused[0].find("on characters after one on bytes"),
            std::string::npos)
      << refused[0];
}

TEST(TextPipeline, Prefixes) {
  auto prefix = [](uint32_t flags, const std::string &text, Place place) {
    return apply({{BITNET_OP_PREFIX, flags, "", "_"},
                  {BITNET_OP_SPLIT, BITNET_SPLIT_MERGED_WITH_NEXT, "_", ""}},
                 text, false, place);
  };
  EXPECT_EQ(prefix(0, "a_b", Place::AfterToken), (Strings{"_a", "_b"}));
  EXPECT_EQ(prefix(0, "_b", Place::AfterToken), (Strings{"_b"}));
  EXPECT_EQ(prefix(BITNET_PREFIX_FIRST_ONLY, "a", Place::AfterToken),
            (Strings{"a"}));
  EXPECT_EQ(prefix(BITNET_PREFIX_FIRST_ONLY, "a", Place::Start),
            (Strings{"_a"}));
  EXPECT_EQ(prefix(0, "a_b", Place::Inside), (Strings{"a", "_b"}));
}

TEST(TextPipeline, Normalizers) {
  EXPECT_EQ(apply({{BITNET_OP_PREPEND, 0, "", "_"},
                   {BITNET_OP_REPLACE, 0, " ", "_"},
                   {BITNET_OP_REPLACE_REGEX, 0, "_{3,}", "~"}},
                  "a b   c", true),
            (Strings{"_a_b~c"}));
  EXPECT_EQ(apply({{BITNET_OP_PREPEND, 0, "", "_"}}, "", true), Strings{});
  EXPECT_EQ(apply({{BITNET_OP_REPLACE_REGEX, 0, "\\A\\s+|\\s+\\z", ""}}, " \n ",
                  true),
            Strings{});
}

TEST(TextPipeline, LongTextsDoNotExhaustThePattern) {
  const std::string gpt2 = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| "
                           "?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";
  EXPECT_EQ(split(BITNET_SPLIT_ISOLATED, gpt2, std::string(1 << 20, ' ') + "x")
                .size(),
            2u);
  EXPECT_EQ(
      split(BITNET_SPLIT_ISOLATED, gpt2, std::string(1 << 20, 'x')).size(), 1u);
  // A pattern that explodes ends in an error, not in a hang.
  EXPECT_EQ(split(BITNET_SPLIT_ISOLATED, "(a+)+(a+)+(a+)+$",
                  std::string(5000, 'a') + "b")[0]
                .substr(0, 6),
            "error:");
}

TEST(Nfc, ComposesLikeUnicode) {
  auto nfc = [](std::string_view text) {
    std::string out;
    appendNfc(text, out);
    return out;
  };
  EXPECT_EQ(nfc("plain"), "plain");
  EXPECT_EQ(nfc("e\xCC\x81"), "\xC3\xA9");               // e + acute
  EXPECT_EQ(nfc("s\xCC\x87\xCC\xA3"), "\xE1\xB9\xA9");   // dots: ṩ
  EXPECT_EQ(nfc("\xE2\x84\xAB"), "\xC3\x85");            // Angstrom sign
  EXPECT_EQ(nfc("\xE1\x84\x92\xE1\x85\xA1\xE1\x86\xAB"), // Hangul jamo
            "\xED\x95\x9C");
  EXPECT_EQ(nfc("\xED\x95\x9C"), "\xED\x95\x9C");
  // Marks in canonical order, and only those that compose.
  EXPECT_EQ(nfc("q\xCC\x87\xCC\xA3"), "q\xCC\xA3\xCC\x87");
  EXPECT_EQ(nfc("\xE0\xA5\x98"), "\xE0\xA4\x95\xE0\xA4\xBC"); // excluded
  EXPECT_EQ(nfc("\xCC\x81"), "\xCC\x81");
}

TEST(Charsmap, DamagedMapsLeaveTheTextAlone) {
  auto map = [](std::string_view charsmap) {
    std::string out;
    appendCharsmapped(charsmap, "añb", out);
    return out;
  };
  EXPECT_EQ(map(""), "añb");
  EXPECT_EQ(map("\xFF\xFF\xFF\xFF"), "añb");
  std::string noise("\x40\0\0\0", 4);
  for (int i = 0; i < 400; ++i)
    noise += static_cast<char>(i * 73);
  EXPECT_TRUE(isValidUtf8(map(noise)));
}
