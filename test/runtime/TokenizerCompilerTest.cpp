#include "SentencePieceProto.h"
#include "TokenizerHelper.h"
#include <cmath>
#include <fstream>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

using namespace bitnet::test;
namespace fs = std::filesystem;

namespace {
class TokenizerCompiler : public testing::Test {
protected:
  void SetUp() override {
    folder =
        fs::path(testing::TempDir()) /
        ("tokenizer-" +
         std::string(
             testing::UnitTest::GetInstance()->current_test_info()->name()));
    fs::remove_all(folder);
    fs::create_directories(folder);
  }
  void TearDown() override { fs::remove_all(folder); }

  std::string write(const std::string &name, const std::string &text) {
    std::ofstream(folder / name, std::ios::binary) << text;
    return (folder / name).string();
  }
  static std::string errorOf(const std::string &path) {
    auto compiled = bitnetc::compileTokenizerFile(path);
    EXPECT_TRUE(compiled.blob.empty());
    return compiled.error;
  }
  fs::path folder;
};
} // namespace

TEST_F(TokenizerCompiler, NamesTheFileAndThePart) {
  nlohmann::json good = {{"model",
                          {{"type", "BPE"},
                           {"vocab", {{"a", 0}, {"b", 1}, {"ab", 2}}},
                           {"merges", {"a b"}}}}};
  EXPECT_EQ(
      bitnetc::compileTokenizerFile(write("tokenizer.json", good.dump())).error,
      "");
  auto expectError = [&](const char *pointer, nlohmann::json value,
                         const std::string &expected) {
    nlohmann::json bad = good;
    bad[nlohmann::json::json_pointer(pointer)] = std::move(value);
    const std::string path = write("tokenizer.json", bad.dump());
    EXPECT_EQ(errorOf(path), path + ": " + expected);
  };
  expectError("/normalizer", {{"type", "Bert"}},
              "normalizer type 'Bert' is not supported");
  expectError("/pre_tokenizer", {{"type", "UnicodeScripts"}},
              "pre_tokenizer type 'UnicodeScripts' is not supported");
  expectError("/decoder", {{"type", "WordPiece"}},
              "decoder type 'WordPiece' is not supported");
  expectError("/post_processor", {{"type", "BertProcessing"}},
              "post_processor type 'BertProcessing' is not supported");
  expectError("/model/type", "WordPiece",
              "model type 'WordPiece' is not supported");
  expectError("/model/dropout", 0.1, "model field 'dropout' is not supported");
  expectError("/model/end_of_word_suffix", "</w>",
              "model field 'end_of_word_suffix' is not supported");
  expectError("/model/unk_token", "<unk>",
              "the unknown token '<unk>' is not in the vocabulary");
  expectError("/model/merges/0", "a c",
              "merge 0 needs token 'c', which is not in the vocabulary");
  expectError("/model/merges/0", "ab", "merge 0 is not a pair");
  expectError("/pre_tokenizer",
              {{"type", "Split"},
               {"pattern", {{"Regex", "(a"}}},
               {"behavior", "Isolated"}},
              "pattern '(a': missing closing parenthesis at offset 2");
  expectError(
      "/pre_tokenizer",
      {{"type", "Split"}, {"pattern", {{"String", "a"}}}, {"behavior", "Odd"}},
      "split behavior 'Odd' is not supported");
}

// What Oniguruma understands differently from PCRE2.
TEST(TokenizerPatterns, AreThoseOfOniguruma) {
  auto translated = [](std::string pattern) {
    std::string error;
    return bitnetc::translatePattern(pattern, error) ? pattern : error;
  };
  EXPECT_EQ(translated("\\s+(?!\\S)"), "\\p{White_Space}+(?!\\P{White_Space})");
  EXPECT_EQ(translated("[^\\s\\p{L}]\\\\s"), "[^\\p{White_Space}\\p{L}]\\\\s");
  EXPECT_EQ(translated("\\h[\\h]"), "[0-9A-Fa-f][0-9A-Fa-f]");
  EXPECT_EQ(translated("[\\b]"), "[\\x08]");
  EXPECT_EQ(translated("^a|[^$]"), "(?m)^a|[^$]");
  EXPECT_EQ(translated("[]^a]\\^"), "[]^a]\\^");
  EXPECT_EQ(translated("a\\"), "a\\");
  EXPECT_EQ(translated("[a[b]]"),
            "pattern '[a[b]]': a class in a class is not supported");
  EXPECT_EQ(translated("[\\w&&[^a]]"),
            "pattern '[\\w&&[^a]]': && in a class is not supported");
  EXPECT_EQ(translated("[[:alpha:]]"),
            "pattern '[[:alpha:]]': a POSIX class is not supported");
  EXPECT_EQ(translated("[\\W]"),
            "pattern '[\\W]': \\W in a class is not supported");
}

TEST(TokenizerPatterns, SplitAtWhatTheyMean) {
  auto pieces = [](const char *pattern, const char *behavior,
                   const std::string &text) {
    nlohmann::json json = {
        {"pre_tokenizer",
         {{"type", "Split"},
          {"pattern", {{"Regex", pattern}}},
          {"behavior", behavior}}},
        {"model",
         {{"type", "BPE"},
          {"unk_token", "?"},
          {"vocab",
           {{"?", 0}, {"a", 1}, {"b", 2}, {"ab", 3}, {" ", 4}, {"\n", 5}}},
          {"merges",
           nlohmann::json::array({nlohmann::json::array({"a", "b"})})}}}};
    return fromJson(json.dump()).encode(text);
  };
  using Ids = std::vector<int32_t>;
  // U+180E is no white space any more.
  EXPECT_EQ(pieces("\\s", "Removed", "a\u180Eb a"), (Ids{1, 0, 2, 1}));
  // A number that is no digit is no part of a word, but those of Latin-1 are; a
  // mark is.
  EXPECT_EQ(pieces("\\w", "Removed", "⅓½a\u0301٣Ⓐ"), (Ids{0}));
  // Matches without text part what is around them.
  EXPECT_EQ(pieces("(?=b)", "Isolated", "ab"), (Ids{1, 2}));
  EXPECT_EQ(pieces("(?=b)", "Contiguous", "ab"), (Ids{1, 2}));
  EXPECT_EQ(pieces("(?=c)", "Isolated", "ab"), (Ids{3}));
  // Lines have ends of their own.
  EXPECT_EQ(pieces("^b", "Removed", "a\nb"), (Ids{1, 5}));
}

TEST_F(TokenizerCompiler, NamesTheField) {
  const std::pair<const char *, const char *> cases[] = {
      {"", "it is not valid JSON: line 1, byte 0"},
      {"{\n\"a\"", "it is not valid JSON: line 2, byte 5"},
      {"[]", "it is not a JSON object"},
      {R"({"model": {"type": "BPE", "vocab": {"a": 0, "b": 0}}})",
       "field \"model.vocab\" gives id 0 to two tokens"},
      {R"({"a": {"b": 1, "b": 2}})", "\"b\" is there twice in one object"},
      {R"({"normalizer": {"type": "Precompiled",
           "precompiled_charsmap": "//8="}})",
       "field \"normalizer.precompiled_charsmap\" is damaged"},
      {"{}", "field \"model\" is missing"},
      {R"({"model": 3})", "field \"model\" is not an object"},
      {R"({"model": {"type": 3}})", "field \"model.type\" is not a string"},
      {R"({"model": {"type": "BPE"}})", "field \"model.vocab\" is missing"},
      {R"({"model": {"type": "BPE", "vocab": []}})",
       "field \"model.vocab\" is not an object"},
      {R"({"model": {"type": "BPE", "vocab": {}}})",
       "field \"model.merges\" is missing"},
      {R"({"model": {"type": "BPE", "vocab": {}, "merges": [3]}})",
       "merge 0 is not a pair"},
      {R"({"normalizer": {}})", "field \"normalizer.type\" is missing"},
      {R"({"normalizer": 3})", "field \"normalizer\" is not an object"},
      {R"({"normalizer": {"type": "Replace", "pattern": {}}})",
       "field \"normalizer.pattern.Regex\" is missing"},
      {R"({"pre_tokenizer": {"type": "Sequence", "pretokenizers": 3}})",
       "field \"pre_tokenizer.pretokenizers\" is not an array"},
      {R"({"decoder": {"type": "Strip", "content": " ", "start": "1"}})",
       "field \"decoder.start\" is not an integer of 32 bits"},
      {R"({"decoder": {"type": "Strip", "content": " ", "start": 1e30}})",
       "field \"decoder.start\" is not an integer of 32 bits"},
      {R"({"decoder": {"type": "Strip", "content": " ", "start": 4294967297}})",
       "field \"decoder.start\" is not an integer of 32 bits"},
      {R"({"model": {"type": "BPE", "vocab": {}, "merges": []},
           "added_tokens": [{"id": 0, "content": "a"}, {"id": 1}]})",
       "field \"added_tokens[1].content\" is missing"},
      {R"({"model": {"type": "BPE", "vocab": {}, "merges": []},
           "post_processor": {"type": "TemplateProcessing",
           "single": [{"SpecialToken": {"id": "s"}}], "special_tokens": {}}})",
       "field \"post_processor.special_tokens.s\" is missing"},
      {R"({"model": {"type": "BPE", "vocab": {}, "merges": []},
           "truncation": null, "added_tokens": 3})",
       "field \"added_tokens\" is not an array"}};
  for (const auto &[text, expected] : cases) {
    const std::string path = write("tokenizer.json", text);
    EXPECT_EQ(errorOf(path), path + ": " + expected) << text;
  }
}

TEST_F(TokenizerCompiler, BrokenFilesAreErrors) {
  for (const char *text : {"", "{", "[]", "{}", "{\"model\": 3}",
                           "{\"model\": {\"type\": \"BPE\"}}"}) {
    const std::string path = write("tokenizer.json", text);
    EXPECT_EQ(errorOf(path).find(path + ": "), 0u) << text;
  }
  for (std::string text : {std::string(""), std::string("noise"),
                           std::string("\x0A\xFF\xFF\xFF\xFF\x7F", 6)}) {
    const std::string path = write("tokenizer.model", text);
    EXPECT_EQ(errorOf(path), path + ": it is not a SentencePiece model");
  }
  const std::string tiktoken = write("tokenizer.model", "IQ== 0\nIg== 1\n");
  EXPECT_NE(errorOf(tiktoken).find("a tiktoken vocabulary of 2 tokens"),
            std::string::npos);
  write("tokenizer.model", "IQ== 0\nIg=! 1\n");
  EXPECT_EQ(errorOf(tiktoken), tiktoken + ": line 2: no token in base64");
  write("tokenizer.model", "IQ== 0\nIg== 2\n");
  EXPECT_EQ(errorOf(tiktoken), tiktoken + ": line 2: the rank is not 1");
  EXPECT_EQ(errorOf("/nowhere/tokenizer.json"),
            "/nowhere/tokenizer.json: cannot read it");
}

TEST_F(TokenizerCompiler, LooksIntoDirectories) {
  EXPECT_EQ(errorOf(folder.string()),
            folder.string() +
                ": it holds neither tokenizer.json nor tokenizer.model");
  write("vocab.json", R"({"a": 0, "b": 1, "ab": 2, "<|endoftext|>": 3})");
  write("merges.txt", "#version: 0.2\na b\n");
  LoadedTokenizer tokenizer = loadTokenizer(folder.string());
  ASSERT_TRUE(tokenizer) << tokenizer.error;
  EXPECT_EQ(tokenizer.encode("abb<|endoftext|>a"),
            (std::vector<int32_t>{2, 1, 3, 0}));
}

/// Protobuf by hand: SentencePiece's BPE of a few pieces.
static std::string sentencePiece(uint64_t modelType, float score = -5) {
  auto field = [](int number, const std::string &bytes) {
    return std::string(1, static_cast<char>(number << 3 | 2)) +
           static_cast<char>(bytes.size()) + bytes;
  };
  auto piece = [&](const std::string &text, float score, char type) {
    std::string bytes = field(1, text) + static_cast<char>(2 << 3 | 5);
    bytes.append(reinterpret_cast<const char *>(&score), 4);
    return field(1, bytes + static_cast<char>(3 << 3) + type);
  };
  return piece("<unk>", 0, 2) + piece("<s>", 0, 3) + piece("</s>", 0, 3) +
         piece("▁", -4, 1) + piece("a", score, 1) + piece("aa", -1, 1) +
         piece("▁a", -2, 1) + piece("<u>", 0, 4) +
         field(2, std::string(1, static_cast<char>(3 << 3)) +
                      static_cast<char>(modelType));
}

TEST_F(TokenizerCompiler, SentencePieceMergesByScore) {
  const std::string path = write("tokenizer.model", sentencePiece(2));
  LoadedTokenizer tokenizer = loadTokenizer(path);
  ASSERT_TRUE(tokenizer) << tokenizer.error;
  EXPECT_EQ(tokenizer.encode("aaa", true), (std::vector<int32_t>{1, 3, 5, 4}));
  // User-defined pieces keep the space before every text out of the rest.
  EXPECT_EQ(tokenizer.encode("a<u>a"), (std::vector<int32_t>{6, 7, 4}));
  EXPECT_EQ(tokenizer.encode("  a  "), (std::vector<int32_t>{6}));
  EXPECT_EQ(tokenizer.encode("azz"), (std::vector<int32_t>{6, 0}));
  write("tokenizer_config.json", R"({"add_bos_token": false})");
  EXPECT_EQ(loadTokenizer(path).encode("a", true), (std::vector<int32_t>{6}));
}

TEST_F(TokenizerCompiler, OtherSentencePieceModelsAreNamed) {
  const std::string path = write("tokenizer.model", sentencePiece(3));
  EXPECT_EQ(errorOf(path),
            path + ": SentencePiece model type 'word' is not supported");
}

TEST_F(TokenizerCompiler, DamagedSentencePieceModelsAreNamed) {
  auto with = [&](const std::string &text, const std::string &charsmap) {
    SentencePieceProto proto(/*modelType=*/2);
    proto.add("<unk>", 0, 2).add("a", -1, 1).add(text, -2, 1);
    proto.charsmap = charsmap;
    return write("tokenizer.model", proto.bytes());
  };
  const std::string path = with("b", "");
  EXPECT_TRUE(loadTokenizer(path));
  with("a", "");
  EXPECT_EQ(errorOf(path), path + ": SentencePiece piece 'a' is there twice");
  with("\xFF", "");
  EXPECT_EQ(errorOf(path), path + ": SentencePiece piece '\xFF' is not UTF-8");
  // Shorter than its size, and not a whole number of units.
  for (const char *map : {"AA",
                          "\xFF\xFF\xFF\x7F"
                          "abcd",
                          "\5***abcde***"}) {
    with("b", map);
    EXPECT_EQ(errorOf(path),
              path + ": SentencePiece field 'precompiled_charsmap' is damaged");
  }
}

// Inputs that cost time, memory or stack out of proportion to their size.
TEST_F(TokenizerCompiler, HostileFilesAreErrors) {
  const std::string path =
      write("tokenizer.json", "{\"normalizer\":" + std::string(100000, '[') +
                                  std::string(100000, ']') + ",\"model\":{}}");
  EXPECT_EQ(errorOf(path), path + ": its JSON is nested too deeply");
  for (const char *id : {"16000000", "-1", "1.5", "4294967296", "[0]"}) {
    const std::string vocab = std::string("{\"a\":") + id + "}";
    write("tokenizer.json",
          R"({"model":{"type":"BPE","vocab":)" + vocab + R"(,"merges":[]}})");
    EXPECT_EQ(errorOf(path), path + ": token id " + id + " is out of range");
    write("tokenizer.json", std::string(R"({"added_tokens":[{"id":)") + id +
                                R"(,"content":"b"}],"model":{"type":"BPE",)"
                                R"("vocab":{"a":0},"merges":[]}})");
    EXPECT_EQ(errorOf(path), path + ": token id " + id + " is out of range");
  }
  const std::string model =
      write("tokenizer.model", sentencePiece(2, std::nanf("")));
  EXPECT_EQ(errorOf(model),
            model + ": the score of SentencePiece piece 'a' is not a number");
}

TEST_F(TokenizerCompiler, LongPiecesTakeLinearTime) {
  auto varint = [](size_t value) {
    std::string bytes;
    for (; value > 127; value >>= 7)
      bytes += static_cast<char>((value & 127) | 128);
    return bytes + static_cast<char>(value);
  };
  // Would take minutes if both halves were looked up at every cut.
  std::string text(2'000'000, 'a');
  text = "\x0A" + varint(text.size()) + text;
  const std::string path =
      write("tokenizer.model",
            "\x0A" + varint(text.size()) + text + sentencePiece(2));
  EXPECT_EQ(bitnetc::compileTokenizerFile(path).error, "");
}

TEST(ExampleTokenizers, CompileAndRoundTrip) {
  const fs::path examples = fs::path(BITNETC_SOURCE_DIR) / "examples";
  int seen = 0;
  for (const auto &entry : fs::directory_iterator(examples)) {
    const fs::path file = entry.path() / "tokenizer.json";
    if (!fs::exists(file))
      continue;
    ++seen;
    LoadedTokenizer tokenizer = loadTokenizer(file.string());
    ASSERT_TRUE(tokenizer) << tokenizer.error;
    const std::string text = "Once upon a time, there was a cat named Tom.";
    EXPECT_EQ(tokenizer.decode(tokenizer.encode(text)), text) << file;
  }
  if (!seen)
    GTEST_SKIP() << "no example has a tokenizer.json";
}
