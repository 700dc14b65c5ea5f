//===- UnigramTest.cpp - Unigram models -----------------------------------===//
//
// Against the definition on small random vocabularies, and against
// SentencePiece itself where Python has it, on models made here; published ones
// are compared in test/reference.
//
//===----------------------------------------------------------------------===//

#include "SentencePieceProto.h"
#include "TokenizerHelper.h"
#include "compiler/tokenizer/SentencePiece.h"
#include "runtime/Utf8.h"
#include "test/compiler/GgufWriter.h"
#include <fstream>
#include <gtest/gtest.h>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <sys/wait.h>
#include <unistd.h>

using namespace bitnet::test;
using bitnetc::TokenizerSpec;
using Json = nlohmann::json;
namespace fs = std::filesystem;

namespace {
/// Random pieces of the letters a-d with few different scores, so that sums are
/// often equal.
struct RandomUnigram {
  explicit RandomUnigram(uint32_t seed) : state(seed) {
    spec.model = BITNET_TOKENIZER_UNIGRAM;
    spec.unknownId = 0;
    spec.tokens.push_back({"<unk>", BITNET_TOKEN_SPECIAL, false, -20});
    for (int i = 0; i < 16; ++i) {
      std::string text;
      for (uint32_t length = 1 + next() % 4; length > 0; --length)
        text += static_cast<char>('a' + next() % 4);
      if (!scores.count(text)) {
        scores[text] = -static_cast<float>(1 + next() % 4);
        spec.tokens.push_back({text, BITNET_TOKEN_NORMAL, true, scores[text]});
      }
    }
  }

  uint32_t next() {
    state = state * 1664525 + 1013904223;
    return state >> 8;
  }

  /// The best sum of `text`: every first piece, then the best of the rest.
  double best(const std::string &text) {
    if (text.empty())
      return 0;
    double found = -1e30;
    if (!scores.count(text.substr(0, 1)))
      found = -20 + best(text.substr(1));
    for (const auto &[piece, score] : scores)
      if (text.starts_with(piece))
        found = std::max(found, score + best(text.substr(piece.size())));
    return found;
  }

  TokenizerSpec spec;
  std::map<std::string, float> scores;
  uint32_t state;
};

std::vector<std::string> readLines(const fs::path &path) {
  std::ifstream file(path, std::ios::binary);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);)
    if (bitnet::isValidUtf8(line))
      lines.push_back(line);
  return lines;
}

class SentencePieceReference : public testing::Test {
protected:
  void SetUp() override {
    folder =
        fs::path(testing::TempDir()) /
        ("unigram-" +
         std::string(
             testing::UnitTest::GetInstance()->current_test_info()->name()));
    fs::remove_all(folder);
    fs::create_directories(folder);
  }
  void TearDown() override { fs::remove_all(folder); }

  /// Every text must have the ids that SentencePiece gives it.
  void compare(const std::string &model,
               const std::vector<std::string> &texts) {
    LoadedTokenizer tokenizer = loadTokenizer(model);
    ASSERT_TRUE(tokenizer) << tokenizer.error;
    {
      std::ofstream file(folder / "texts");
      for (const std::string &text : texts)
        file << Json(text).dump() << "\n";
    }
    const std::string command = std::string(SYSTEM_PYTHON) +
                                " " BITNETC_SOURCE_DIR
                                "/test/reference/sentencepiece_reference.py"
                                " --no-bos --tokenizer " +
                                model + " < " + (folder / "texts").string() +
                                " > " + (folder / "ids").string();
    const int status = std::system(command.c_str());
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
      GTEST_SKIP() << "no sentencepiece for " << SYSTEM_PYTHON;
    ASSERT_EQ(status, 0) << command;
    const auto lines = readLines(folder / "ids");
    ASSERT_EQ(lines.size(), texts.size());
    size_t same = 0, tokens = 0;
    for (size_t i = 0; i < texts.size(); ++i) {
      const auto expected = Json::parse(lines[i]).get<std::vector<int32_t>>();
      // SentencePiece takes no special pieces from text.
      const auto got = tokenizer.encode(texts[i], false, false);
      EXPECT_EQ(got, expected) << Json(texts[i]).dump();
      same += got == expected;
      tokens += got.size();
      if (HasFailure() && i - same > 5)
        break;
    }
    std::cout << fs::path(model).filename().string() << ": " << same << " of "
              << texts.size() << " texts, " << tokens << " tokens\n";
  }
  fs::path folder;
};
} // namespace

TEST(Unigram, EqualsTheSlowDefinition) {
  for (uint32_t seed = 1; seed <= 40; ++seed) {
    RandomUnigram unigram(seed);
    std::string blob, error;
    ASSERT_TRUE(bitnetc::writeTokenizerBlob(unigram.spec, blob, error))
        << error;
    LoadedTokenizer tokenizer = openBlob(blob);
    ASSERT_TRUE(tokenizer) << tokenizer.error;
    for (int i = 0; i < 25; ++i) {
      std::string text;
      for (uint32_t length = unigram.next() % 12; length > 0; --length)
        text += static_cast<char>('a' + unigram.next() % 4);
      double sum = 0;
      size_t at = 0;
      for (int32_t id : tokenizer.encode(text)) {
        const TokenizerSpec::Token &token = unigram.spec.tokens[id];
        if (id > 0)
          EXPECT_EQ(text.substr(at, token.text.size()), token.text);
        sum += token.score;
        at += id > 0 ? token.text.size() : 1;
      }
      EXPECT_EQ(at, text.size());
      EXPECT_EQ(sum, unigram.best(text)) << text;
    }
  }
}

TEST(Unigram, OfTokenizerJson) {
  const Json file = {
      {"pre_tokenizer", {{"type", "Metaspace"}, {"replacement", "▁"}}},
      {"decoder", {{"type", "Metaspace"}, {"replacement", "▁"}}},
      {"added_tokens", {{{"id", 0}, {"content", "<unk>"}, {"special", true}}}},
      {"model",
       {{"type", "Unigram"},
        {"unk_id", 0},
        {"byte_fallback", true},
        {"vocab", Json::parse(R"([["<unk>", 0.0], ["▁", -3.0], ["a", -2.0],
                                  ["▁a", -2.5], ["ab", -3.5], ["b", -1.5],
                                  ["<0x7A>", -6.0], ["<0xC3>", -6.0]])")}}}};
  LoadedTokenizer tokenizer = fromJson(file.dump());
  ASSERT_TRUE(tokenizer) << tokenizer.error;
  // "ab" and "a", "b" have the same sum: the longest last token wins.
  EXPECT_EQ(tokenizer.encode("ab"), (std::vector<int32_t>{3, 5}));
  EXPECT_EQ(tokenizer.encode("bab"), (std::vector<int32_t>{1, 5, 4}));
  // Bytes where all have tokens, else one unknown token for the run.
  EXPECT_EQ(tokenizer.encode("azza"), (std::vector<int32_t>{3, 6, 6, 2}));
  EXPECT_EQ(tokenizer.encode("aéyb"), (std::vector<int32_t>{3, 0, 5}));
  EXPECT_EQ(tokenizer.decode({3, 6, 5, 1, 2}), "azb a");

  auto error = [&](const char *pointer, Json value) {
    Json bad = file;
    bad[Json::json_pointer(pointer)] = std::move(value);
    return fromJson(bad.dump()).error;
  };
  EXPECT_EQ(error("/model/unk_id", 8),
            "field \"model.unk_id\" is not a token of the vocabulary");
  EXPECT_EQ(error("/model/vocab/2", "a"),
            "field \"model.vocab[2]\" is not a text and a score");
  EXPECT_EQ(error("/model/vocab", "a"),
            "field \"model.vocab\" is not an array");
  EXPECT_EQ(error("/normalizer", {{"type", "Precompiled"}}),
            "field \"normalizer.precompiled_charsmap\" is missing");
}

/// The same vocabulary in the keys of a GGUF file.
static std::string ggufOf(const bitnetc::sentencepiece::Fields &model) {
  std::vector<std::string> tokens;
  std::vector<float> scores;
  std::vector<int32_t> types;
  uint32_t unknown = 0;
  for (const auto &piece : model.pieces) {
    if (piece.type == bitnetc::sentencepiece::Unknown)
      unknown = static_cast<uint32_t>(tokens.size());
    tokens.push_back(piece.text);
    scores.push_back(piece.score);
    types.push_back(static_cast<int32_t>(piece.type));
  }
  using bitnetc::test::GgufWriter;
  GgufWriter writer;
  writer.string("tokenizer.ggml.model", "t5")
      .strings("tokenizer.ggml.tokens", tokens)
      .array("tokenizer.ggml.scores", scores)
      .array("tokenizer.ggml.token_type", types)
      .integer("tokenizer.ggml.unknown_token_id", unknown)
      .boolean("tokenizer.ggml.add_eos_token", false)
      .boolean("tokenizer.ggml.add_space_prefix", model.dummyPrefix)
      .boolean("tokenizer.ggml.remove_extra_whitespaces",
               model.removeExtraSpaces);
  if (!model.charsmap.empty())
    writer.key("tokenizer.ggml.precompiled_charsmap", 9,
               GgufWriter::raw<uint32_t>(0) + GgufWriter::text(model.charsmap));
  return writer.file();
}

/// The same ids from both files for all texts.
static void expectSameFromGguf(const std::string &proto,
                               const std::vector<std::string> &texts) {
  const fs::path folder = fs::path(testing::TempDir()) /
                          ("unigram-gguf-" + std::to_string(::getpid()));
  fs::create_directories(folder);
  bitnetc::sentencepiece::Fields fields;
  ASSERT_TRUE(bitnetc::sentencepiece::parse(proto, fields));
  std::ofstream(folder / "a.gguf", std::ios::binary) << ggufOf(fields);
  std::ofstream(folder / "a.model", std::ios::binary) << proto;
  LoadedTokenizer gguf = loadTokenizer((folder / "a.gguf").string());
  LoadedTokenizer model = loadTokenizer((folder / "a.model").string());
  fs::remove_all(folder);
  ASSERT_TRUE(gguf) << gguf.error;
  ASSERT_TRUE(model) << model.error;
  size_t tokens = 0;
  for (const std::string &text : texts) {
    const auto ids = model.encode(text, /*addTemplate=*/false);
    ASSERT_EQ(gguf.encode(text, /*addTemplate=*/true), ids)
        << Json(text).dump();
    ASSERT_EQ(gguf.decode(ids), model.decode(ids)) << Json(text).dump();
    tokens += ids.size();
  }
  EXPECT_GT(tokens, texts.size());
}

TEST(UnigramGguf, SameAsSentencePiece) {
  for (int variant = 0; variant < 8; ++variant) {
    SentencePieceProto proto(/*modelType=*/1);
    proto.byteFallback = variant & 1;
    proto.dummyPrefix = variant & 2;
    proto.removeExtraSpaces = variant & 4;
    proto.add("<pad>", 0, 3).add("</s>", 0, 3).add("<unk>", 0, 2);
    if (proto.byteFallback)
      proto.addBytes();
    proto.add("▁", -3, 1).add("a", -2, 1).add("▁a", -2.25, 1).add("b", -2.5, 1);
    proto.add("ab", -4.5, 1).add("é", -6, 1).add("<x>", 0, 4).add("d", -1, 5);
    expectSameFromGguf(proto.bytes(),
                       {"", "a", "  ab ", "<x>a é<unk>b</s>", "dad", "a  b",
                        "zz", "▁ a", "中a", "abababab bbb aaa"});
    if (HasFailure())
      return;
  }
}

TEST(UnigramGguf, PublishedModel) {
  const std::string path = sharedData("tokenizers/spm-tests/test_model.model");
  if (path.empty())
    GTEST_SKIP() << "no models in " << BITNETC_SHARED_DATA;
  std::ifstream file(path, std::ios::binary);
  const std::string proto((std::istreambuf_iterator<char>(file)), {});
  std::vector<std::string> texts;
  for (const auto &entry : fs::directory_iterator(sharedData("text")))
    for (std::string &line : readLines(entry.path()))
      texts.push_back(std::move(line));
  texts.push_back("ﬁ Ａ　①  é e\u0301");
  expectSameFromGguf(proto, texts);
}

TEST(UnigramGguf, Errors) {
  bitnetc::sentencepiece::Fields fields;
  fields.pieces = {{"<unk>", 0, 2}, {"a", -1, 1}, {"b", -1, 1}};
  const fs::path path = fs::path(testing::TempDir()) /
                        ("unigram-" + std::to_string(::getpid()) + ".gguf");
  auto error = [&](const std::string &bytes) {
    std::ofstream(path, std::ios::binary) << bytes;
    const std::string text = loadTokenizer(path.string()).error;
    fs::remove(path);
    return text.substr(std::min(text.size(), path.string().size() + 2));
  };
  EXPECT_EQ(error(ggufOf(fields)), "");
  fields.charsmap = "x";
  EXPECT_EQ(error(ggufOf(fields)),
            "SentencePiece field 'precompiled_charsmap' is damaged");
  fields.charsmap.clear();
  fields.pieces[0].type = 1;
  EXPECT_EQ(error(ggufOf(fields)),
            "the SentencePiece model has 0 unknown pieces, not one");
  fields.pieces[2].type = 2;
  std::string wrong = ggufOf(fields);
  const std::string key = "tokenizer.ggml.unknown_token_id";
  wrong[wrong.find(key) + key.size() + 4] = 1;
  EXPECT_EQ(error(wrong), "key \"" + key +
                              "\": expected 2, the token of type unknown, "
                              "found 1");
}

TEST_F(SentencePieceReference, SmallModels) {
  for (int variant = 0; variant < 8; ++variant) {
    SentencePieceProto proto(/*modelType=*/1);
    proto.byteFallback = variant & 1;
    proto.dummyPrefix = variant & 2;
    proto.removeExtraSpaces = variant & 4;
    proto.add("<unk>", 0, 2).add("<s>", 0, 3).add("</s>", 0, 3);
    if (proto.byteFallback)
      proto.addBytes();
    proto.add("▁", -3, 1).add("a", -2, 1).add("b", -2.5, 1).add("▁a", -2.25, 1);
    proto.add("ab", -4.5, 1).add("ba", -4.5, 1).add("aba", -5.1f, 1);
    proto.add("é", -6, 1).add("中", -7, 1).add("d", -1, 5).add("dd", -3, 5);
    proto.add("<x>", 0, 4).add("bb", 0, 4).add("ddd", -9, 1);
    const std::string model = (folder / "tokenizer.model").string();
    std::ofstream(model, std::ios::binary) << proto.bytes();
    std::vector<std::string> texts = {"",    " ",     "   ",  "▁",   " ▁ ▁ ",
                                      "<s>", "<unk>", "<x>",  "a<x", "\ta\n",
                                      "a ▁", "z",     "z z",  "é中", "中文字",
                                      "dd",  "dddd",  "d d d"};
    RandomUnigram random(7);
    static constexpr const char *parts[] = {"a", "b",   "a",  "b", " ", "  ",
                                            "é", "<x>", "z",  "▁", "d", "中",
                                            "b", "aba", "🦙", ">", "<"};
    for (int i = 0; i < 300; ++i) {
      std::string text;
      for (uint32_t length = random.next() % 20; length > 0; --length)
        text += parts[random.next() % std::size(parts)];
      texts.push_back(text);
    }
    compare(model, texts);
    if (HasFailure() || IsSkipped())
      return;
  }
}
