//===- GgufReaderTest.cpp - Header of GGUF files, right and wrong ---------===//
//
// Files that lie about their contents must give one clear error, at once and
// without memory for what is not there.
//
//===----------------------------------------------------------------------===//
#include "GgufWriter.h"
#include "TestFiles.h"
#include "compiler/gguf/Gguf.h"
#include "compiler/gguf/Vocabulary.h"

using namespace bitnetc;
using namespace bitnetc::gguf;
using namespace bitnetc::test;

namespace {

std::string raw32(uint32_t value) { return GgufWriter::raw(value); }
std::string raw64(uint64_t value) { return GgufWriter::raw(value); }

/// The error that `bytes` gives.
std::string refuse(const std::string &bytes) {
  gguf::File file;
  std::string error;
  EXPECT_FALSE(parse(bytes, file, error));
  EXPECT_NE(error, "");
  EXPECT_EQ(error.find('\n'), std::string::npos);
  return error;
}

/// A file with every type of value and two tensors.
GgufWriter sample() {
  GgufWriter w;
  w.string("general.architecture", "llama").integer("general.alignment", 32);
  const std::string eight("\1\0\0\0\0\0\0\x80", 8);
  for (uint32_t type : {0u, 1u, 7u})
    w.key("one" + std::to_string(type), type, eight.substr(0, 1));
  for (uint32_t type : {2u, 3u})
    w.key("two" + std::to_string(type), type, eight.substr(6, 2));
  for (uint32_t type : {5u, 6u})
    w.key("four" + std::to_string(type), type, eight.substr(4, 4));
  for (uint32_t type : {10u, 11u, 12u})
    w.key("eight" + std::to_string(type), type, eight);
  w.strings("names", {"a", "", "bcd"}).array<int32_t>("ids", {1, -2});
  w.array<float>("scores", {0.5f, -1});
  w.key("nested", 9,
        raw32(9) + raw64(1) + raw32(0) + raw64(2) + std::string("ab"));
  w.tensor("first", {3, 4}, 0, std::string(48, 'x'));
  w.tensor("second", {2, 256}, 34, std::string(108, 'y'));
  return w;
}

TEST(GgufReader, Values) {
  const std::string bytes = sample().file();
  gguf::File file;
  std::string error;
  ASSERT_TRUE(parse(bytes, file, error)) << error;
  EXPECT_EQ(file.version, 3u);
  auto integer = [&](const char *key) { return file.find(key)->integer(); };
  EXPECT_EQ(integer("one0"), 1);
  EXPECT_EQ(file.find("one7")->boolean(), true);
  EXPECT_EQ(integer("one7"), std::nullopt);
  EXPECT_EQ(integer("two2"), 0x8000);
  EXPECT_EQ(integer("two3"), -0x8000);
  EXPECT_EQ(integer("four5"), INT32_MIN);
  EXPECT_EQ(file.find("four6")->number(), -0.0);
  EXPECT_EQ(integer("eight10"), std::nullopt); // Above INT64_MAX.
  EXPECT_EQ(integer("eight11"), INT64_MIN + 1);
  EXPECT_EQ(file.find("general.architecture")->string(), "llama");
  using Names = std::vector<std::string_view>;
  EXPECT_EQ(*file.find("names")->strings(), (Names{"a", "", "bcd"}));
  EXPECT_EQ(*file.find("ids")->integers(), (std::vector<int64_t>{1, -2}));
  EXPECT_EQ(*file.find("scores")->floats(), (std::vector<float>{0.5f, -1}));
  EXPECT_EQ(file.find("nested")->strings(), std::nullopt);
  EXPECT_EQ(file.find("absent"), nullptr);

  ASSERT_EQ(file.tensors.size(), 2u);
  EXPECT_EQ(file.tensors[0].shape, (std::vector<uint64_t>{3, 4}));
  EXPECT_EQ(file.tensors[1].bytes, 108u);
  EXPECT_EQ(bytes.substr(file.tensors[0].offset, 48), std::string(48, 'x'));
  EXPECT_EQ(bytes.substr(file.tensors[1].offset), std::string(108, 'y'));
}

TEST(GgufReader, CutAtEveryByte) {
  const GgufWriter w = sample();
  const std::string bytes = w.file();
  for (size_t size = 0; size < bytes.size(); ++size)
    refuse(bytes.substr(0, size));
}

// Each byte of the header, changed: an error or another valid file, never a
// tensor outside the file.
TEST(GgufReader, EveryByteChanged) {
  const GgufWriter w = sample();
  const std::string bytes = w.file();
  for (size_t at = 0; at < w.header().size(); ++at)
    for (int value : {0, 1, 0x7f, 0x80, 0xff}) {
      std::string changed = bytes;
      changed[at] = char(value);
      gguf::File file;
      std::string error;
      if (!parse(changed, file, error)) {
        EXPECT_NE(error, "");
        continue;
      }
      for (const gguf::Tensor &tensor : file.tensors) {
        ASSERT_LE(tensor.offset, changed.size());
        ASSERT_LE(tensor.bytes, changed.size() - tensor.offset);
      }
      for (const auto &[key, value] : file.keys) {
        value.strings();
        value.integers();
        value.floats();
        value.describe();
      }
    }
}

TEST(GgufReader, Header) {
  expectParts(refuse("GGML"), {"not a GGUF file"});
  expectParts(refuse("GGUF" + raw32(1)), {"version 1", "only 2 and 3"});
  expectParts(refuse("GGUF" + std::string("\0\0\0\3", 4)), {"big-endian"});
  expectParts(refuse("GGUF" + raw32(3) + raw64(0) + raw64(1ull << 60)),
              {"1152921504606846976 keys", "past the end"});
  expectParts(refuse("GGUF" + raw32(3) + raw64(~0ull) + raw64(0)),
              {"18446744073709551615 tensors", "past the end"});
}

TEST(GgufReader, Keys) {
  auto one = [](uint32_t type, const std::string &value) {
    return refuse(GgufWriter().key("k", type, value).file());
  };
  expectParts(one(13, ""), {"key \"k\"", "unknown type 13"});
  expectParts(one(8, raw64(1ull << 62)), {"key \"k\"", "past the end"});
  expectParts(one(9, raw32(4) + raw64(1ull << 62)),
              {"key \"k\"", "4611686018427387904 u32", "past the end"});
  expectParts(one(9, raw32(8) + raw64(2) + raw64(0) + raw64(5000)),
              {"string 1 of the array"});
  expectParts(one(9, raw32(99) + raw64(0)), {"type 99 of array elements"});
  std::string deep = raw32(0) + raw64(0);
  for (int i = 0; i < 2000; ++i)
    deep = raw32(9) + raw64(1) + deep;
  expectParts(one(9, deep), {"nested deeper than 4"});
  expectParts(refuse(GgufWriter().integer("k", 1).integer("k", 2).file()),
              {"key \"k\" occurs twice"});
  for (uint32_t alignment : {0u, 3u, 1u << 31})
    expectParts(
        refuse(GgufWriter().integer("general.alignment", alignment).file()),
        {"general.alignment", "power of two", std::to_string(alignment)});
}

TEST(GgufReader, Tensors) {
  auto tensor = [](std::vector<uint64_t> shape, uint32_t type, uint64_t offset,
                   size_t bytes) {
    return refuse(
        GgufWriter()
            .info("t", std::move(shape), type, offset, std::string(bytes, '\0'))
            .file());
  };
  expectParts(tensor({4, 4}, 0, 32, 64),
              {"tensor \"t\"", "[4, 4]", "takes 64", "ends after 32"});
  expectParts(tensor({4}, 0, 8, 64), {"offset 8", "alignment 32"});
  expectParts(tensor({4}, 0, 1ull << 40, 64), {"outside the file"});
  expectParts(tensor({4}, 5, 0, 64), {"unknown type number 5"});
  expectParts(tensor({1, 1, 1, 1, 1}, 0, 0, 64), {"5 dimensions"});
  expectParts(tensor({0}, 0, 0, 64), {"positive extent, found 0"});
  expectParts(tensor({1ull << 40, 1ull << 40}, 0, 0, 64), {"not possible"});
  expectParts(tensor({100}, 34, 0, 64), {"[100]", "not possible", "TQ1_0"});
  const std::string data(32, '\0');
  expectParts(refuse(GgufWriter()
                         .tensor("a", {8}, 0, data)
                         .tensor("a", {8}, 0, data)
                         .file()),
              {"\"a\" occurs twice"});
  expectParts(refuse(GgufWriter()
                         .info("a", {16}, 0, 0, data)
                         .info("b", {8}, 0, 32, data)
                         .file()),
              {"\"a\" and \"b\" overlap"});
}

const TypeRow *typeFound(const std::string &bytes) {
  static std::string error;
  gguf::File file;
  if (!parse(bytes, file, error)) {
    ADD_FAILURE() << error;
    return nullptr;
  }
  return file.tensors[0].type;
}

// Numbers that forks use for different types: sizes decide.
TEST(GgufReader, NumbersWithSeveralMeanings) {
  auto file = [](uint32_t type, size_t bytes) {
    return GgufWriter()
        .tensor("t", {16, 256}, type, std::string(bytes, '\0'))
        .tensor("next", {8}, 0, std::string(32, '\0'))
        .file();
  };
  EXPECT_EQ(typeFound(file(36, 1056))->format, Format::I2_S);
  EXPECT_STREQ(typeFound(file(36, 2304))->name, "IQ4_NL_4_4");
  EXPECT_EQ(typeFound(file(41, 576))->format, Format::Q1_0);
  EXPECT_EQ(typeFound(file(42, 1152))->format, Format::Q2_0);
  EXPECT_EQ(typeFound(file(42, 1088))->format, Format::Q2_0G128);
  EXPECT_STREQ(typeFound(file(39, 2176))->name, "MXFP4");
  EXPECT_EQ(typeFound(file(40, 768))->format, Format::Q1_0G32);
  EXPECT_EQ(typeFound(file(134, 16 * 54))->format, Format::IQ1_BN);
  EXPECT_EQ(typeFound(file(135, 16 * 68))->format, Format::IQ2_BN);
  expectParts(refuse(file(42, 1024)),
              {"tensor \"t\"", "type number 42 means", "1152 bytes",
               "1088 bytes", "it has 1024 bytes"});
  expectParts(refuse(file(134, 16 * 58)), {"IQ1_BN", "864", "928"});

  // I2_S as a build for Arm writes it, which is not the usual layout either.
  expectParts(
      refuse(
          GgufWriter().tensor("t", {3, 64}, 36, std::string(80, '\0')).file()),
      {"I2_S", "multiple of 128 elements", "it has 80 bytes"});

  // So small that padding hides the difference, unless another tensor of the
  // same type tells.
  auto small = GgufWriter().tensor("t", {1, 128}, 42, std::string(36, '\0'));
  expectParts(refuse(small.tensor("n", {8}, 0, std::string(32, '\0')).file()),
              {"type number 42 is ambiguous", "llama.cpp", "PrismML"});
  small.tensor("u", {16, 256}, 42, std::string(1152, '\0'));
  EXPECT_EQ(typeFound(small.file())->format, Format::Q2_0);
}

//===----------------------------------------------------------------------===//
// The vocabulary's keys
//===----------------------------------------------------------------------===//

GgufWriter vocabulary() {
  GgufWriter w;
  w.string("tokenizer.ggml.model", "llama");
  w.strings("tokenizer.ggml.tokens", {"<unk>", "<s>", "</s>", "<|eot_id|>"});
  w.array<float>("tokenizer.ggml.scores", {0, 0, 0, 0});
  return w.array<int32_t>("tokenizer.ggml.token_type", {2, 3, 3, 3});
}

std::string vocabularyError(const GgufWriter &w) {
  const std::string bytes = w.file();
  gguf::File file;
  std::string error;
  EXPECT_TRUE(parse(bytes, file, error)) << error;
  Vocabulary v;
  EXPECT_FALSE(readVocabulary(file, v, error));
  return error;
}

TEST(GgufVocabulary, Defaults) {
  const std::string bytes = vocabulary().file();
  gguf::File file;
  std::string error;
  Vocabulary v;
  ASSERT_TRUE(parse(bytes, file, error)) << error;
  ASSERT_TRUE(readVocabulary(file, v, error)) << error;
  EXPECT_FALSE(v.byteLevel);
  EXPECT_TRUE(v.addBos && !v.addEos && v.addSpacePrefix);
  EXPECT_EQ(v.bos, 1);
  EXPECT_EQ(v.stops, (std::vector<int32_t>{2, 3}));
}

TEST(GgufVocabulary, Errors) {
  expectParts(vocabularyError(GgufWriter()),
              {"tokenizer.ggml.model", "missing"});
  expectParts(
      vocabularyError(GgufWriter().string("tokenizer.ggml.model", "bert")),
      {"tokenizer.ggml.model", "\"llama\", \"gpt2\" or \"t5\"", "\"bert\""});
  expectParts(
      vocabularyError(vocabulary().integer("tokenizer.ggml.bos_token_id", 4)),
      {"bos_token_id", "below 4", "u32 4"});
  expectParts(
      vocabularyError(vocabulary().integer("tokenizer.ggml.eot_token_id", 9)),
      {"eot_token_id", "below 4", "u32 9"});
  expectParts(vocabularyError(
                  vocabulary().string("tokenizer.ggml.add_bos_token", "no")),
              {"add_bos_token", "bool", "\"no\""});
  GgufWriter bytes;
  bytes.string("tokenizer.ggml.model", "gpt2");
  bytes.strings("tokenizer.ggml.tokens", {"a"});
  expectParts(vocabularyError(bytes), {"tokenizer.ggml.merges", "missing"});
  bytes.strings("tokenizer.ggml.merges", {});
  bytes.string("tokenizer.ggml.pre", "none such");
  expectParts(vocabularyError(bytes),
              {"tokenizer.ggml.pre", "\"none such\"", "not supported"});
  GgufWriter types;
  types.string("tokenizer.ggml.model", "llama");
  types.strings("tokenizer.ggml.tokens", {"a", "b"});
  types.array<int32_t>("tokenizer.ggml.token_type", {1});
  expectParts(vocabularyError(types), {"token_type", "array of 1 i32"});
}

} // namespace
