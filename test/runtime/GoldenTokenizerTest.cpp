//===- GoldenTokenizerTest.cpp - Ids of published tokenizers --------------===//
//
// Every string of the golden files must give the same ids as Hugging Face's
// library, and decode to the same text.
//
//===----------------------------------------------------------------------===//

#include "TokenizerHelper.h"
#include <fstream>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <sstream>

using namespace bitnet::test;
using Json = nlohmann::json;

static std::string readText(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

static std::string show(const std::string &text) {
  return Json(text).dump(-1, ' ', true, Json::error_handler_t::replace);
}

class HuggingFaceGolden : public testing::TestWithParam<const char *> {};

TEST_P(HuggingFaceGolden, SameIdsAndText) {
  const std::string name = GetParam();
  const std::string golden = sharedData("expected/tokenize-golden.json");
  const std::string folder = sharedData("tokenizers/" + name);
  if (golden.empty() || folder.empty())
    GTEST_SKIP() << "no golden data in " << BITNETC_SHARED_DATA;
  LoadedTokenizer tokenizer = loadTokenizer(folder + "/tokenizer.json");
  ASSERT_TRUE(tokenizer) << tokenizer.error;
  const Json expected = Json::parse(readText(golden));
  size_t matches = 0, decoded = 0;
  const Json &strings = expected.at("strings"), &rows = expected.at(name);
  for (size_t i = 0; i < rows.size(); ++i) {
    const std::string text = strings.at(i);
    const auto ids = rows[i].at("ids").get<std::vector<int32_t>>();
    auto got = tokenizer.encode(text);
    EXPECT_EQ(got, ids) << show(text);
    matches += got == ids;
    EXPECT_EQ(tokenizer.encode(text, true).size(),
              ids.size() + rows[i].at("n_special").get<size_t>())
        << show(text);
    const std::string back = rows[i].at("decoded");
    const std::string gotBack = tokenizer->decode(ids, /*skipSpecial=*/false);
    EXPECT_EQ(show(gotBack), show(back));
    decoded += gotBack == back;
  }
  RecordProperty("ids", std::to_string(matches));
  std::cout << name << ": " << matches << " of " << rows.size()
            << " texts have the same ids, " << decoded
            << " decode to the same text\n";
}

INSTANTIATE_TEST_SUITE_P(All, HuggingFaceGolden,
                         testing::Values("llama3-hf", "llama2-hf",
                                         "phi3-mini-hf", "falcon7b-hf",
                                         "phi2-hf", "minimind-hf",
                                         "tinystories512-spm"),
                         [](const auto &info) {
                           std::string name = info.param;
                           std::erase(name, '-');
                           return name;
                         });

// SentencePiece's or tiktoken's own file must do what the tokenizer.json
// derived from it does.
class SentencePieceGolden
    : public testing::TestWithParam<std::pair<const char *, const char *>> {};

TEST_P(SentencePieceGolden, SameIdsAsJson) {
  const auto [file, name] = GetParam();
  const std::string golden = sharedData("expected/tokenize-golden.json");
  const std::string model = sharedData("tokenizers/" + std::string(file));
  if (golden.empty() || model.empty())
    GTEST_SKIP() << "no golden data in " << BITNETC_SHARED_DATA;
  LoadedTokenizer tokenizer = loadTokenizer(model);
  ASSERT_TRUE(tokenizer) << tokenizer.error;
  const Json expected = Json::parse(readText(golden));
  size_t matches = 0;
  for (size_t i = 0; i < expected.at(name).size(); ++i) {
    const std::string text = expected.at("strings").at(i);
    auto ids = expected.at(name)[i].at("ids").get<std::vector<int32_t>>();
    auto got = tokenizer.encode(text);
    EXPECT_EQ(got, ids) << show(text);
    matches += got == ids;
  }
  std::cout << file << ": " << matches << " of " << expected.at(name).size()
            << "\n";
}

INSTANTIATE_TEST_SUITE_P(
    All, SentencePieceGolden,
    testing::Values(std::pair("llama2-spm/tokenizer.model", "llama2-hf"),
                    std::pair("llama3-tiktoken/tokenizer.model", "llama3-hf"),
                    std::pair("tinystories512-spm/tokenizer.model",
                              "tinystories512-spm")),
    [](const auto &info) {
      std::string name = info.param.second;
      std::erase(name, '-');
      return name;
    });

// One long text in the form of swift-transformers' tests.
class SwiftGolden
    : public testing::TestWithParam<std::pair<const char *, const char *>> {};

TEST_P(SwiftGolden, SameIds) {
  const auto [file, folder] = GetParam();
  const std::string golden =
      sharedData("expected/swift-transformers-" + std::string(file));
  const std::string path = sharedData("tokenizers/" + std::string(folder));
  if (golden.empty() || path.empty())
    GTEST_SKIP() << "no golden data in " << BITNETC_SHARED_DATA;
  LoadedTokenizer tokenizer = loadTokenizer(path);
  ASSERT_TRUE(tokenizer) << tokenizer.error;
  const Json expected = Json::parse(readText(golden));
  EXPECT_EQ(tokenizer.encode(expected.at("text").get<std::string>(), true),
            expected.at("token_ids").get<std::vector<int32_t>>());
}

INSTANTIATE_TEST_SUITE_P(
    All, SwiftGolden,
    testing::Values(std::pair("falcon_encoded.json", "falcon7b-hf"),
                    std::pair("gpt2_encoded_tokens.json", "gpt2"),
                    std::pair("llama_3.2_encoded.json", "llama3-hf"),
                    std::pair("llama_encoded.json", "llama2-hf")),
    [](const auto &info) {
      std::string name = info.param.second;
      std::erase(name, '-');
      return name;
    });

// Many short texts of the same project.
class SwiftCases
    : public testing::TestWithParam<std::pair<const char *, const char *>> {};

TEST_P(SwiftCases, SameIds) {
  const auto [model, folder] = GetParam();
  const std::string golden =
      sharedData("expected/swift-transformers-tokenizer_tests.json");
  const std::string path = sharedData("tokenizers/" + std::string(folder));
  if (golden.empty() || path.empty())
    GTEST_SKIP() << "no golden data in " << BITNETC_SHARED_DATA;
  LoadedTokenizer tokenizer = loadTokenizer(path);
  ASSERT_TRUE(tokenizer) << tokenizer.error;
  const Json cases = Json::parse(readText(golden)).at(model);
  size_t matches = 0;
  for (const Json &item : cases) {
    const std::string text = item.at("input");
    auto ids = item.at("encoded").at("input_ids").get<std::vector<int32_t>>();
    auto got = tokenizer.encode(text, true);
    EXPECT_EQ(got, ids) << show(text);
    matches += got == ids;
  }
  std::cout << model << ": " << matches << " of " << cases.size() << "\n";
}

INSTANTIATE_TEST_SUITE_P(
    All, SwiftCases,
    testing::Values(
        std::pair("distilgpt2", "gpt2"),
        std::pair("tiiuae/falcon-7b", "falcon7b-hf"),
        std::pair("coreml-projects/Llama-2-7b-chat-coreml", "llama2-hf"),
        std::pair("pcuenq/Llama-3.2-1B-Instruct-tokenizer", "llama3-hf")),
    [](const auto &info) {
      std::string name = info.param.second;
      std::erase(name, '-');
      return name;
    });

// llama.cpp's vocabulary tests: texts between markers, ids a line.
class GgufVocab
    : public testing::TestWithParam<std::pair<const char *, const char *>> {};

TEST_P(GgufVocab, SameIds) {
  const auto [vocab, folder] = GetParam();
  const std::string base = "gguf-vocab/ggml-vocab-" + std::string(vocab);
  const std::string inputs = sharedData(base + ".gguf.inp");
  const std::string outputs = sharedData(base + ".gguf.out");
  const std::string path = sharedData("tokenizers/" + std::string(folder));
  if (inputs.empty() || outputs.empty() || path.empty())
    GTEST_SKIP() << "no golden data in " << BITNETC_SHARED_DATA;
  LoadedTokenizer tokenizer = loadTokenizer(path);
  ASSERT_TRUE(tokenizer) << tokenizer.error;
  const std::string all = readText(inputs), marker = "\n__ggml_vocab_test__\n";
  std::istringstream lines(readText(outputs));
  std::string line;
  size_t matches = 0, count = 0;
  for (size_t at = 0; at < all.size() && std::getline(lines, line);) {
    const size_t end = std::min(all.find(marker, at), all.size());
    const std::string text = all.substr(at, end - at);
    at = end + marker.size();
    std::vector<int32_t> ids;
    std::istringstream numbers(line);
    for (int32_t id; numbers >> id;)
      ids.push_back(id);
    auto got = tokenizer.encode(text);
    EXPECT_EQ(got, ids) << show(text);
    matches += got == ids;
    ++count;
  }
  EXPECT_GT(count, 20u);
  std::cout << vocab << ": " << matches << " of " << count << "\n";
}

INSTANTIATE_TEST_SUITE_P(All, GgufVocab,
                         testing::Values(std::pair("gpt-2", "gpt2"),
                                         std::pair("falcon", "falcon7b-hf"),
                                         std::pair("llama-bpe", "llama3-hf"),
                                         std::pair("llama-spm", "llama2-spm"),
                                         std::pair("phi-3", "phi3-mini-hf")),
                         [](const auto &info) {
                           std::string name = info.param.second;
                           std::erase(name, '-');
                           return name;
                         });
