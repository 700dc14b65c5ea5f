//===- WeightReaderTest.cpp - Codes, scales and floats --------------------===//
//
// Models here are made by hand, without an importer: one linear whose bytes are
// known, in each packing.
//
//===----------------------------------------------------------------------===//
#include "compiler/WeightReader.h"
#include "TestFiles.h"
#include "compiler/Safetensors.h"
#include <bit>
#include <cmath>

using namespace bitnetc;
using namespace bitnetc::test;

namespace {

const std::string up = "model.layers.0.mlp.up_proj";

class Weights : public testing::Test {
protected:
  Weights() {
    model.path = "model";
    model.numLayers = model.numHeads = model.numKVHeads = 1;
    model.headDim = 16;
  }
  /// up_proj as rows x cols.
  void shape(int64_t rows, int64_t cols) {
    model.intermediateSize = rows;
    model.hiddenSize = cols;
  }
  void load(const std::vector<Tensor> &tensors) {
    model.tensors = valueOf(
        readSafetensors(dir.write("w.safetensors", safetensors(tensors))));
  }
  QuantizedMatrix read() { return valueOf(WeightReader(model).readLinear(up)); }
  std::string refuse() { return messageOf(WeightReader(model).readLinear(up)); }
  static Tensor bytes(std::vector<int64_t> shape, const std::string &data) {
    return {up + ".weight", "U8", std::move(shape), data};
  }
  static Tensor floats(const std::string &name, std::vector<int64_t> shape,
                       const std::vector<float> &values) {
    return {name, "F32", std::move(shape), bytesOf(values)};
  }
  static Tensor scale(const std::vector<float> &values) {
    return floats(up + ".weight_scale", {int64_t(values.size())}, values);
  }

  TempDir dir;
  Model model;
};

using Codes = std::vector<int8_t>;

TEST_F(Weights, HF2BitVector) {
  shape(8, 2);
  load({bytes({2, 2}, "\xa1\x18\x90\x0a"), scale({0.5f})});
  QuantizedMatrix m = read();
  EXPECT_EQ(m.rows, 8);
  EXPECT_EQ(m.cols, 2);
  EXPECT_EQ(m.codes,
            (Codes{0, -1, -1, 1, -1, 1, -1, 1, 1, 0, 0, -1, 1, -1, 1, -1}));
  EXPECT_EQ(m.scale, (std::vector<float>{0.5f}));
  model.quant.scaleOp = ScaleOp::Divide;
  EXPECT_EQ(read().scale, (std::vector<float>{2.0f}));
}

TEST_F(Weights, HF2BitRowsNotAMultipleOfFour) {
  // Six rows in two packed rows; what would be rows 6 and 7 is not looked at.
  shape(6, 2);
  load({bytes({2, 2}, "\xe1\xd8\xd0\xca"), scale({1})});
  EXPECT_EQ(read().codes, (Codes{0, -1, -1, 1, -1, 1, -1, 1, 1, 0, 0, -1}));
}

TEST_F(Weights, HF2BitInvalidCodeIsLocated) {
  shape(8, 2);
  load({bytes({2, 2}, std::string("\x00\x00\x00\x30", 4)), scale({1})});
  expectParts(refuse(),
              {"w.safetensors", up + ".weight", "code 3", "row 5", "column 1"});
}

TEST_F(Weights, BitsWithRowScales) {
  model.quant.weight = WeightQuant::Binary;
  model.quant.packing = Packing::Bits;
  model.quant.scale = ScaleKind::Row;
  shape(2, 16);
  load({bytes({2, 2}, std::string("\x01\x80\xfe\x00", 4)), scale({2, 3})});
  QuantizedMatrix m = read();
  EXPECT_EQ(m.codes, (Codes{1,  -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
                            -1, -1, -1, -1, 1,  -1, 1,  1,  1,  1,  1,
                            1,  1,  -1, -1, -1, -1, -1, -1, -1, -1}));
  EXPECT_EQ(m.scale, (std::vector<float>{2, 3}));
  load({bytes({2, 2}, "abcd"), scale({2})});
  expectParts(refuse(), {up + ".weight_scale", "expected 2 values, found 1"});
}

TEST_F(Weights, BadScalesAreRefused) {
  shape(8, 2);
  Tensor weight = bytes({2, 2}, std::string(4, '\0'));
  load({weight, scale({NAN})});
  expectParts(refuse(), {up + ".weight_scale", "not finite"});
  model.quant.scaleOp = ScaleOp::Divide;
  load({weight, scale({0})});
  expectParts(refuse(), {up + ".weight_scale", "is 0, but is divided by"});
  load({weight, scale({1e-45f})}); // Its inverse is infinite.
  expectParts(refuse(), {up + ".weight_scale", "not finite"});
  load({weight, scale({INFINITY})});
  expectParts(refuse(), {up + ".weight_scale", "not finite"});
  load({weight});
  expectParts(refuse(), {up + ".weight_scale", "is missing"});
}

TEST_F(Weights, MasterAbsmean) {
  model.quant.packing = Packing::Master;
  shape(2, 4);
  // mean|W| = 1; halves round to even, as torch.round does.
  load({floats(up + ".weight", {2, 4},
               {0.5f, -0.5f, 0.75f, -0.75f, 1.5f, -3.0f, 1.0f, 0.0f})});
  QuantizedMatrix m = read();
  EXPECT_EQ(m.scale, (std::vector<float>{1.0f}));
  EXPECT_EQ(m.codes, (Codes{0, 0, 1, -1, 1, -1, 1, 0}));
  // Tiny weights: the scale does not go below 1e-5.
  load({floats(up + ".weight", {2, 4}, std::vector<float>(8, 1e-6f))});
  EXPECT_EQ(read().scale, (std::vector<float>{1e-5f}));
  EXPECT_EQ(read().codes, Codes(8, 0));
  load({floats(up + ".weight", {2, 4}, {1, NAN, 1, 1, 1, 1, 1, 1})});
  expectParts(refuse(), {up + ".weight", "not finite"});
}

TEST_F(Weights, MasterMeanIsAccurate) {
  // A float sum of these would lose the small ones.
  model.quant.packing = Packing::Master;
  shape(1024, 1024);
  std::vector<float> values(1 << 20, 1e-4f);
  values[0] = 1e4f;
  load({floats(up + ".weight", {1024, 1024}, values)});
  double expected = (1e4 + double(1e-4f) * ((1 << 20) - 1)) / (1 << 20);
  EXPECT_NEAR(read().scale[0] / expected, 1, 1e-7);
}

TEST_F(Weights, MasterBinary) {
  model.quant.weight = WeightQuant::Binary;
  model.quant.packing = Packing::Master;
  shape(2, 2);
  load({floats(up + ".weight", {2, 2}, {0.0f, -0.0f, -4.0f, 8.0f})});
  QuantizedMatrix m = read();
  EXPECT_EQ(m.codes, (Codes{1, 1, -1, 1}));
  EXPECT_EQ(m.scale, (std::vector<float>{3.0f}));
  model.quant.scale = ScaleKind::Row;
  EXPECT_EQ(read().scale, (std::vector<float>{0.0f, 6.0f}));
}

TEST_F(Weights, MasterCentred) {
  model.quant.weight = WeightQuant::Binary;
  model.quant.packing = Packing::Master;
  model.quant.centred = true;
  shape(2, 2);
  // mean W = 1.5, which itself is not above it; mean|W| = 3.5.
  load({floats(up + ".weight", {2, 2}, {1.5f, -4.0f, 1.0f, 7.5f})});
  EXPECT_EQ(read().codes, (Codes{-1, -1, -1, 1}));
  EXPECT_EQ(read().scale, (std::vector<float>{3.5f}));
  model.quant.scale = ScaleKind::Row; // Each row has a mean of its own.
  EXPECT_EQ(read().codes, (Codes{1, -1, -1, 1}));
  EXPECT_EQ(read().scale, (std::vector<float>{2.75f, 4.25f}));
}

TEST_F(Weights, Groups) {
  model.quant.scale = ScaleKind::Group;
  model.quant.group = 4;
  shape(4, 8);
  load({bytes({1, 8}, std::string(8, '\x92')),
        floats(up + ".weight_scale", {4, 2}, {1, 2, 3, 4, 5, 6, 7, 8})});
  EXPECT_EQ(read().scale, (std::vector<float>{1, 2, 3, 4, 5, 6, 7, 8}));
  load({bytes({1, 8}, std::string(8, '\x92')), scale({1})});
  expectParts(refuse(), {up + ".weight_scale", "expected 8 values, found 1"});
  model.quant.packing = Packing::Master;
  shape(1, 8);
  load({floats(up + ".weight", {1, 8}, {1, -1, 1, -1, 4, 8, 0, -8})});
  EXPECT_EQ(read().codes, (Codes{1, -1, 1, -1, 1, 1, 0, -1}));
  EXPECT_EQ(read().scale, (std::vector<float>{1, 5}));
}

TEST_F(Weights, WrongRequestsAreRefused) {
  shape(8, 2);
  load({bytes({4, 1}, "abcd"), scale({1}), floats("a.b", {2}, {1, 2})});
  expectParts(refuse(), {up, "U8 of shape [2, 2]", "[4, 1]"});
  WeightReader reader(model);
  expectParts(messageOf(reader.readLinear("model.layers.9.mlp.up_proj")),
              {"model.layers.9.mlp.up_proj.weight", "is missing"});
  expectParts(messageOf(reader.readFloat(up + ".weight")),
              {"F32, F16 or BF16", "found U8"});
  expectParts(messageOf(reader.readFloat("none")), {"\"none\"", "missing"});
  expectParts(messageOf(reader.readRows("a.b", 0, 1)), {"\"a.b\"", "[2]"});
  model.quant.weight = WeightQuant::Float;
  expectParts(refuse(), {"is a float matrix"});
}

TEST_F(Weights, FileThatShrankIsRefused) {
  shape(8, 2);
  load({bytes({2, 2}, "\xa1\x18\x90\x0a"), scale({1})});
  dir.write("w.safetensors", std::string("short"));
  expectParts(refuse(), {"w.safetensors", "outside the file"});
}

TEST_F(Weights, Rows) {
  load({floats("e", {3, 2}, {0, 1, 2, 3, 4, 5})});
  WeightReader reader(model);
  EXPECT_EQ(valueOf(reader.readRows("e", 1, 3)),
            (std::vector<float>{2, 3, 4, 5}));
  EXPECT_TRUE(valueOf(reader.readRows("e", 3, 3)).empty());
  for (auto [begin, end] : {std::pair(-1, 1), {2, 1}, {0, 4}})
    expectParts(messageOf(reader.readRows("e", begin, end)), {"[3, 2]"});
}

/// Every half, against arithmetic on its fields; odd offsets in the file.
TEST_F(Weights, WideningIsExact) {
  std::vector<uint16_t> all(1 << 16);
  for (size_t i = 0; i < all.size(); ++i)
    all[i] = uint16_t(i);
  load({{"pad", "U8", {1}, "x"},
        {"half", "F16", {1 << 16}, bytesOf(all)},
        {"brain", "BF16", {1 << 16}, bytesOf(all)}});
  WeightReader reader(model);
  std::vector<float> half = valueOf(reader.readFloat("half"));
  std::vector<float> brain = valueOf(reader.readFloat("brain"));
  for (uint32_t i = 0; i < all.size(); ++i) {
    ASSERT_EQ(std::bit_cast<uint32_t>(brain[i]), i << 16);
    int exponent = (i >> 10) & 31, mantissa = i & 1023;
    ASSERT_EQ(std::signbit(half[i]), (i >> 15) != 0) << i;
    if (exponent == 31 && mantissa) {
      ASSERT_TRUE(std::isnan(half[i])) << i;
      continue;
    }
    double expected = exponent == 31 ? INFINITY
                      : exponent ? std::ldexp(1024 + mantissa, exponent - 25)
                                 : std::ldexp(mantissa, -24);
    ASSERT_EQ(std::fabs(half[i]), expected) << i;
  }
}

} // namespace
