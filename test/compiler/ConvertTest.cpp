//===- ConvertTest.cpp - Model directories that are written ---------------===//
//
// What is written must read as what was imported: encoders against decoders,
// and model.json field by field. That a converted directory compiles to the
// same program is a matter of lit/e2e/convert.test.
//
//===----------------------------------------------------------------------===//
#include "compiler/Convert.h"
#include "TestFiles.h"
#include "compiler/WeightDecode.h"
#include "compiler/WeightEncode.h"
#include <cmath>
#include <gtest/gtest.h>
#include <random>

using namespace bitnetc;
using namespace bitnetc::test;

static Model importTiny(const TempDir &dir) {
  dir.write("model.json", tinyModelJson());
  dir.write("model.safetensors", safetensors(tinyTensors()));
  return valueOf(importModel(dir.path));
}

static QuantizedMatrix randomMatrix(int64_t rows, int64_t cols, bool binary) {
  std::minstd_rand random(1);
  QuantizedMatrix m;
  m.rows = rows;
  m.cols = cols;
  for (int64_t i = 0; i < rows * cols; ++i)
    m.codes.push_back(binary ? int(random() % 2) * 2 - 1
                             : int(random() % 3) - 1);
  return m;
}

TEST(Convert, CodesReadBack) {
  for (int64_t rows : {1, 4, 6, 8, 31}) {
    QuantizedMatrix m = randomMatrix(rows, 16, /*binary=*/false), back = m;
    std::fill(back.codes.begin(), back.codes.end(), int8_t(7));
    EXPECT_FALSE(decode2Bit(encode2Bit(m).data(), rows, 0, back));
    EXPECT_EQ(back.codes, m.codes);
    m = randomMatrix(rows, 24, /*binary=*/true);
    back = m;
    std::fill(back.codes.begin(), back.codes.end(), int8_t(7));
    decodeBits(encodeBits(m).data(), back);
    EXPECT_EQ(back.codes, m.codes);
  }
}

TEST(Convert, EveryHalfAndBrainFloatFits) {
  for (DType dtype : {DType::F16, DType::BF16})
    for (uint32_t bits = 0; bits < 0x10000; ++bits) {
      const uint8_t bytes[2] = {uint8_t(bits), uint8_t(bits >> 8)};
      std::vector<float> value(1);
      widen(bytes, dtype, value);
      if (!std::isfinite(value[0]))
        continue;
      ASSERT_TRUE(fits(value, dtype)) << value[0];
      ASSERT_EQ(narrow(value, dtype), std::vector<uint8_t>(bytes, bytes + 2));
    }
  // One bit too many, too large, too small.
  EXPECT_FALSE(fits({1 + 0x1p-11f}, DType::F16));
  EXPECT_FALSE(fits({65536.0f}, DType::F16));
  EXPECT_FALSE(fits({0x1p-25f}, DType::F16));
  EXPECT_FALSE(fits({0x1.8p-24f}, DType::F16));
  EXPECT_FALSE(fits({1 + 0x1p-8f}, DType::BF16));
  EXPECT_TRUE(fits({1 + 0x1p-8f, 0x1p-149f}, DType::F32));
}

TEST(Convert, EveryFieldReadsBack) {
  TempDir dir;
  Model m = importTiny(dir);
  m.name = "a \"name\"";
  m.normEps = 1e-5f;
  m.linearNormEps = 3e-7f;
  m.ropeInvFreq[1] *= 1.0000001f;
  m.ropeMagnitude = 1.1386294f;
  m.quant.inputs = {{"down_proj", InputQuant::Bit},
                    {"q_proj", InputQuant::Sign}};
  m.quant.tokenScale = true;
  m.bosToken = -1;
  m.eosTokens = {1, 2};
  m.templateTokens = {{"bos_token", "<s>"}, {"pad_token", ""}};
  m.chatTemplate = "{{ messages }}\n";
  TempDir out;
  llvm::Error error =
      writeModelDirectory(m, out.path, {}, [](uint64_t, uint64_t) {});
  ASSERT_FALSE(bool(error)) << messageOf(std::move(error));
  Model back = valueOf(importModel(out.path));
  EXPECT_EQ(back.name, m.name);
  EXPECT_EQ(back.normEps, m.normEps);
  EXPECT_EQ(back.linearNormEps, m.linearNormEps);
  EXPECT_EQ(back.ropeInvFreq, m.ropeInvFreq);
  EXPECT_EQ(back.ropeMagnitude, m.ropeMagnitude);
  EXPECT_EQ(back.bosToken, -1);
  EXPECT_EQ(back.eosTokens, m.eosTokens);
  EXPECT_EQ(back.templateTokens, m.templateTokens);
  EXPECT_EQ(back.chatTemplate, m.chatTemplate);
  EXPECT_EQ(back.vocabSize, m.vocabSize);
  EXPECT_EQ(back.maxPosition, m.maxPosition);
  EXPECT_EQ(back.quant.packing, m.quant.packing);
  EXPECT_EQ(back.quant.inputs, m.quant.inputs);
  EXPECT_TRUE(back.quant.tokenScale);
  EXPECT_EQ(back.quant.scaleOp, m.quant.scaleOp);
  EXPECT_EQ(back.unusedTensors, std::vector<std::string>());
  for (const auto &[name, ref] : back.tensors) {
    EXPECT_EQ(ref.dtype, m.tensors.at(name).dtype) << name;
    EXPECT_EQ(ref.shape, m.tensors.at(name).shape) << name;
  }
}

TEST(Convert, LinkPointsAtTheOriginal) {
  TempDir dir;
  Model model = importTiny(dir);
  TempDir out;
  llvm::Error error = writeModelDirectory(model, out.path, {.link = true},
                                          [](uint64_t, uint64_t) {});
  ASSERT_FALSE(bool(error)) << messageOf(std::move(error));
  Model back = valueOf(importModel(out.path));
  for (const auto &[name, ref] : back.tensors)
    EXPECT_EQ(ref.file, model.tensors.at(name).file) << name;
}

TEST(Convert, TensorsThatAreCutAreAnError) {
  TempDir dir;
  Model model = importTiny(dir);
  model.tensors["model.norm.weight"].offset = 1 << 30;
  TempDir out;
  expectParts(messageOf(writeModelDirectory(model, out.path, {},
                                            [](uint64_t, uint64_t) {})),
              {"\"model.norm.weight\"", "lies outside the file"});
}
