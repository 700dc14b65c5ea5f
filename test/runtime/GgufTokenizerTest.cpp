//===- GgufTokenizerTest.cpp - Tokenizers in GGUF files -------------------===//
//
// The vocabularies of llama.cpp's own tests, each with texts and the ids that
// its tokenizer gives; and the same tokenizer as a GGUF file and as the file it
// was made from.
//
//===----------------------------------------------------------------------===//

#include "TokenizerHelper.h"
#include "test/compiler/GgufWriter.h"
#include <fstream>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <sstream>
#include <unistd.h>

using namespace bitnet::test;
using Json = nlohmann::json;

static std::string readText(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

static std::vector<std::string> splitAt(const std::string &text,
                                        const std::string &separator) {
  std::vector<std::string> parts;
  for (size_t at = 0;;) {
    size_t end = text.find(separator, at);
    parts.push_back(text.substr(at, end - at));
    if (end == std::string::npos)
      return parts;
    at = end + separator.size();
  }
}

/// Compares every text of `name`.inp with its line of `name`.out.
static void expectGolden(const std::string &name, LoadedTokenizer &tokenizer) {
  const std::string base = sharedData("gguf-vocab") + "/ggml-vocab-" + name;
  auto texts = splitAt(readText(base + ".gguf.inp"), "\n__ggml_vocab_test__\n");
  auto lines = splitAt(readText(base + ".gguf.out"), "\n");
  ASSERT_EQ(texts.size(), lines.size());
  ASSERT_EQ(texts.back() + lines.back(), ""); // Both end in a separator.
  texts.pop_back();
  size_t matches = 0;
  for (size_t i = 0; i < texts.size(); ++i) {
    std::istringstream line(lines[i]);
    std::vector<int32_t> ids;
    for (int32_t id = 0; line >> id;)
      ids.push_back(id);
    auto got = tokenizer.encode(texts[i], /*addTemplate=*/false,
                                /*parseSpecial=*/false);
    EXPECT_EQ(got, ids) << texts[i];
    matches += got == ids;
  }
  EXPECT_GT(matches, 0u);
  std::cout << name << ": " << matches << " of " << texts.size()
            << " texts have the same ids\n";
}

class GgufGolden : public testing::TestWithParam<const char *> {};

TEST_P(GgufGolden, SameIds) {
  const std::string name = GetParam();
  const std::string path =
      sharedData("gguf-vocab/ggml-vocab-" + name + ".gguf");
  if (path.empty())
    GTEST_SKIP() << "no golden data in " << BITNETC_SHARED_DATA;
  LoadedTokenizer tokenizer = loadTokenizer(path);
  ASSERT_TRUE(tokenizer) << tokenizer.error;
  expectGolden(name, tokenizer);
}

INSTANTIATE_TEST_SUITE_P(All, GgufGolden,
                         testing::Values("falcon", "gpt-2", "llama-spm",
                                         "phi-3"),
                         [](const auto &info) {
                           std::string name = info.param;
                           std::erase(name, '-');
                           return name;
                         });

/// A GGUF file with the vocabulary of a byte-level tokenizer.json.
static std::string ggufFromJson(const std::string &path,
                                const std::string &pre) {
  const Json json = Json::parse(readText(path));
  std::vector<std::string> tokens, merges;
  std::vector<int32_t> types;
  auto put = [&](size_t id, const std::string &text, int32_t type) {
    if (id >= tokens.size()) {
      tokens.resize(id + 1);
      types.resize(id + 1, 5); // Unused.
    }
    tokens[id] = text;
    types[id] = type;
  };
  for (const auto &[text, id] : json.at("model").at("vocab").items())
    put(id, text, 1);
  for (const Json &added : json.at("added_tokens"))
    put(added.at("id"), added.at("content"), 3);
  for (const Json &merge : json.at("model").at("merges"))
    merges.push_back(merge.is_string() ? merge.get<std::string>()
                                       : merge[0].get<std::string>() + " " +
                                             merge[1].get<std::string>());
  return bitnetc::test::GgufWriter()
      .string("tokenizer.ggml.model", "gpt2")
      .string("tokenizer.ggml.pre", pre)
      .strings("tokenizer.ggml.tokens", tokens)
      .array("tokenizer.ggml.token_type", types)
      .strings("tokenizer.ggml.merges", merges)
      .integer("tokenizer.ggml.bos_token_id", 128000)
      .file();
}

// Of this one there are texts and ids, but the vocabulary only in another form.
TEST(GgufTokenizer, LlamaBpe) {
  const std::string path = sharedData("tokenizers/llama3-hf/tokenizer.json");
  if (path.empty() || sharedData("gguf-vocab").empty())
    GTEST_SKIP() << "no golden data in " << BITNETC_SHARED_DATA;
  const std::string file =
      (std::filesystem::path(testing::TempDir()) /
       ("llama-bpe-" + std::to_string(::getpid()) + ".gguf"))
          .string();
  std::ofstream(file, std::ios::binary) << ggufFromJson(path, "llama-bpe");
  LoadedTokenizer tokenizer = loadTokenizer(file);
  std::filesystem::remove(file);
  ASSERT_TRUE(tokenizer) << tokenizer.error;
  expectGolden("llama-bpe", tokenizer);
  // Its name alone says that texts begin with bos.
  EXPECT_EQ(tokenizer.encode("", /*addTemplate=*/true),
            std::vector<int32_t>{128000});
}

// A model's own tokenizer in both forms.
TEST(GgufTokenizer, SameAsSentencePiece) {
  const std::string gguf = sharedData("models/bitllama-tinystories-3M-gguf/"
                                      "bitllama-tinystories-3M-I2_S.gguf");
  const std::string model =
      sharedData("models/bitllama-tinystories-3M-hf-bitlinear/tokenizer.model");
  const std::string text = sharedData("text/tinystories_sample.txt");
  if (gguf.empty() || model.empty() || text.empty())
    GTEST_SKIP() << "no golden data in " << BITNETC_SHARED_DATA;
  LoadedTokenizer a = loadTokenizer(gguf), b = loadTokenizer(model);
  ASSERT_TRUE(a) << a.error;
  ASSERT_TRUE(b) << b.error;
  const std::string whole = readText(text);
  for (const std::string &line : splitAt(whole, "\n")) {
    if (line.find("  ") != std::string::npos || line.starts_with(" ") ||
        line.ends_with(" "))
      continue; // SentencePiece drops such spaces, a GGUF tokenizer does not.
    auto ids = a.encode(line, /*addTemplate=*/true);
    EXPECT_EQ(ids, b.encode(line, /*addTemplate=*/true)) << line;
    EXPECT_EQ(a.decode(ids), line);
  }
}
