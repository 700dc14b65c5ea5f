//===- PackerTest.cpp - The packed weights file ---------------------------===//
//
// Records are written by hand with the places that the passes would give; the
// file is read back through the layouts and compared with what the reader says.
//
//===----------------------------------------------------------------------===//

#include "compiler/Packer.h"
#include "compiler/Safetensors.h"
#include "dialect/Layouts.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "test/compiler/TestFiles.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/SHA256.h"
#include <cmath>

using namespace bitnetc;
using namespace bitnetc::test;
using mlir::bitnet::codeBytes;
using mlir::bitnet::Layout;
using mlir::bitnet::unpackCode;

namespace {

class Packer : public testing::Test {
protected:
  Packer() {
    context.loadDialect<mlir::bitnet::BitNetDialect>();
    model.path = "model";
    model.numLayers = 2;
    model.numHeads = model.numKVHeads = 1;
    model.headDim = 16;
    model.hiddenSize = 72;
    model.intermediateSize = 80;
    model.ropeInvFreq = {1.0f, 0.1f, 0.01f, 0.001f, 0.5f, 0.25f, 2.0f, 0.3f};
  }

  /// up_proj of both layers, with per-row scales if `scales` is 80.
  void addLinears(size_t scales) {
    for (int layer = 0; layer < 2; ++layer) {
      std::string name = layerName(layer, "mlp.up_proj");
      std::string bytes;
      for (int i = 0; i < 20 * 72; ++i) // Fields 0, 1, 2 only.
        bytes += static_cast<char>((i * 7 + layer) % 3 << 6 | i % 3 << 4 |
                                   (i / 5) % 3 << 2 | (i / 11 + layer) % 3);
      tensors.push_back({name + ".weight", "U8", {20, 72}, bytes});
      std::vector<float> values(scales);
      for (size_t i = 0; i < scales; ++i)
        values[i] = 0.5f + layer + i;
      tensors.push_back({name + ".weight_scale",
                         "F32",
                         {static_cast<int64_t>(scales)},
                         bytesOf(values)});
    }
    if (scales > 1)
      model.quant.scale = ScaleKind::Row;
  }

  void pack(const std::string &text, bool expectSuccess = true) {
    model.tensors = valueOf(
        readSafetensors(dir.write("w.safetensors", safetensors(tensors))));
    module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
    ASSERT_TRUE(module);
    reader = std::make_unique<WeightReader>(model);
    std::string file = dir.file("packed");
    uint64_t lastDone = 0;
    llvm::Error error = packWeights(*module, model, *reader, file, hash,
                                    [&](uint64_t done, uint64_t total) {
                                      EXPECT_GT(done, lastDone);
                                      if (expectSuccess)
                                        EXPECT_LE(done, total);
                                      lastDone = done;
                                    });
    message = llvm::toString(std::move(error));
    EXPECT_EQ(message.empty(), expectSuccess) << message;
    auto buffer = llvm::MemoryBuffer::getFile(file);
    ASSERT_TRUE(static_cast<bool>(buffer));
    bytes.assign((*buffer)->getBufferStart(), (*buffer)->getBufferEnd());
  }

  float floatAt(uint64_t offset) {
    float value;
    std::memcpy(&value, bytes.data() + offset, sizeof value);
    return value;
  }
  bool zeros(uint64_t begin, uint64_t end) {
    return std::all_of(bytes.begin() + begin, bytes.begin() + end,
                       [](uint8_t byte) { return byte == 0; });
  }
  void expectCodes(Layout layout, uint64_t offset, const QuantizedMatrix &m) {
    llvm::ArrayRef<uint8_t> codes(bytes.data() + offset,
                                  codeBytes(layout, m.rows, m.cols));
    for (int64_t r = 0; r < m.rows; ++r)
      for (int64_t c = 0; c < m.cols; ++c)
        ASSERT_EQ(unpackCode(layout, codes, m.rows, m.cols, r, c),
                  m.codes[r * m.cols + c])
            << r << " " << c;
  }

  TempDir dir;
  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  Model model;
  std::vector<Tensor> tensors;
  std::unique_ptr<WeightReader> reader;
  std::array<uint8_t, 32> hash;
  std::string message;
  std::vector<uint8_t> bytes;
};

// 80 rows are two blocks of 64, 72 columns are 18 steps: 2304 bytes.
const char *const kLayers = R"mlir(
bitnet.record @layer count 2 attributes {offset = 128 : i64, stride = 4096 : i64} {
  bitnet.weight @up quant ternary shape [80, 72]
    source "model.layers.{}.mlp.up_proj" layout trit2_r64 at 64 scale_at 2368
}
)mlir";

TEST_F(Packer, InstancesLieAtTheirStride) {
  addLinears(1);
  pack(kLayers);
  ASSERT_EQ(bytes.size(), 128u + 2 * 4096);
  for (int layer = 0; layer < 2; ++layer) {
    uint64_t base = 128 + 4096 * layer;
    expectCodes(Layout::Trit2R64, base + 64,
                valueOf(reader->readLinear(layerName(layer, "mlp.up_proj"))));
    EXPECT_EQ(floatAt(base + 2368), 0.5f + layer);
    EXPECT_TRUE(zeros(base + 2372, base + 4096));
  }
  EXPECT_TRUE(zeros(0, 192));
}

TEST_F(Packer, HashIsOfTheFile) {
  addLinears(1);
  pack(kLayers);
  EXPECT_EQ(hash, llvm::SHA256::hash(bytes));
  EXPECT_EQ(packedSize(*module), bytes.size());
}

TEST_F(Packer, ScalesOfRowsArePaddedToTheBlock) {
  addLinears(80);
  std::string text = kLayers;
  text.replace(text.find("source"), 0, "scale_rows 80 ");
  pack(text);
  for (int row = 0; row < 80; ++row)
    EXPECT_EQ(floatAt(128 + 2368 + 4 * row), 0.5f + row);
  EXPECT_TRUE(zeros(128 + 2368 + 320, 128 + 2368 + 512));
}

TEST_F(Packer, OneScaleIsRepeatedForRowsThatWantTheirOwn) {
  addLinears(1);
  std::string text = kLayers;
  text.replace(text.find("source"), 0, "scale_rows 80 ");
  pack(text);
  for (int row = 0; row < 80; ++row)
    EXPECT_EQ(floatAt(128 + 2368 + 4 * row), 0.5f);
  EXPECT_TRUE(zeros(128 + 2368 + 320, 128 + 2368 + 512));
}

TEST_F(Packer, ScalesMayLieBeforeCodes) {
  addLinears(1);
  pack(R"mlir(
bitnet.record @layer count 1 attributes {offset = 0 : i64, stride = 2368 : i64} {
  bitnet.weight @up quant ternary shape [80, 72]
    source "model.layers.{}.mlp.up_proj" layout trit2_r64 at 64 scale_at 0
}
)mlir");
  EXPECT_EQ(floatAt(0), 0.5f);
  expectCodes(Layout::Trit2R64, 64,
              valueOf(reader->readLinear(layerName(0, "mlp.up_proj"))));
}

TEST_F(Packer, FloatsArePaddedToRowsOf64) {
  tensors.push_back(
      floatTensor("gain", {72}, [](size_t i) { return 1.0f + i; }));
  tensors.push_back(
      floatTensor("table", {3, 16}, [](size_t i) { return -1.0f - i; }));
  pack(R"mlir(
bitnet.record @globals count 1 attributes {offset = 0 : i64, stride = 1280 : i64} {
  bitnet.weight @gain quant float shape [72] source "gain" layout f32 at 0
  bitnet.weight @table quant float shape [3, 16] source "table" layout f32 at 512
}
)mlir");
  ASSERT_EQ(bytes.size(), 1280u);
  for (int i = 0; i < 72; ++i)
    EXPECT_EQ(floatAt(4 * i), 1.0f + i);
  EXPECT_TRUE(zeros(288, 512));
  for (int i = 0; i < 48; ++i)
    EXPECT_EQ(floatAt(512 + 256 * (i / 16) + 4 * (i % 16)), -1.0f - i);
}

//===----------------------------------------------------------------------===//
// Embeddings and tables
//===----------------------------------------------------------------------===//

const char *const kEmbed = R"mlir(
bitnet.record @globals count 1 attributes {offset = 0 : i64, stride = 4352 : i64} {
  bitnet.weight @embed quant int8 shape [5, 3] scale_rows 5
    source "embed" layout u8_row at 0 scale_at 4096
}
)mlir";

TEST_F(Packer, EmbeddingsAreQuantisedByRow) {
  const std::vector<float> values = {1,     -0.5f, 0.25f,  0,    0,
                                     0,     127,   2.5f,   3.5f, -3e30f,
                                     1e30f, 0,     1e-44f, 0,    0};
  tensors.push_back({"embed", "F32", {5, 3}, bytesOf(values)});
  pack(kEmbed);
  EXPECT_EQ(floatAt(4096), 1.0f / 127);
  EXPECT_EQ(floatAt(4100), 0.0f);
  EXPECT_EQ(floatAt(4104), 1.0f);
  EXPECT_EQ(floatAt(4108), 3e30f / 127);
  EXPECT_TRUE(zeros(4116, 4352));
  llvm::ArrayRef<uint8_t> codes(bytes.data(), 4096);
  // Ties go to the even code; a row too small for a scale is zero.
  const int8_t expected[] = {127, -64,  32, 0, 0, 0, 127, 2,
                             4,   -127, 42, 0, 0, 0, 0};
  for (int i = 0; i < 15; ++i)
    EXPECT_EQ(unpackCode(Layout::U8Row, codes, 5, 3, i / 3, i % 3), expected[i])
        << i;
}

/// A sketch is made of the int8 codes, and its steps and errors count in the
/// units of the tensor.
TEST_F(Packer, SketchesAreDerivedFromEmbeddings) {
  tensors.push_back(floatTensor("embed", {70, 8}, [](size_t i) {
    // 127 and 42 times row / 127: levels of a step of 2 / 3 * row.
    float size = i % 2 ? 1.0f : 42.0f / 127;
    return (i / 8) * (i % 4 < 2 ? size : -size);
  }));
  pack(R"mlir(
bitnet.record @globals count 1 attributes {offset = 0 : i64, stride = 1280 : i64} {
  bitnet.weight @sketch quant sketch shape [70, 8] scale_rows 70
    source "@sketch:embed" layout u2_r64 at 0 scale_at 256
}
)mlir");
  llvm::ArrayRef<uint8_t> codes(bytes.data(), 256);
  const int8_t expected[] = {0, 1, -1, -2};
  for (int row : {1, 2, 63, 64, 69}) {
    for (int col = 0; col < 8; ++col)
      EXPECT_EQ(unpackCode(Layout::U2R64, codes, 70, 8, row, col),
                expected[col % 4])
          << row << "," << col;
    EXPECT_NEAR(floatAt(256 + 4 * row), 2.0f / 3 * row, 0.01f * row);
    float error = floatAt(256 + 4 * (128 + row));
    EXPECT_GT(error, 0.1f * row);
    EXPECT_LT(error, 0.3f * row);
  }
  EXPECT_EQ(floatAt(256), 0.0f);
  EXPECT_TRUE(zeros(256 + 4 * 70, 256 + 4 * 128));
  EXPECT_TRUE(zeros(256 + 4 * 198, 1280));
}

TEST_F(Packer, LargeEmbeddingsAreCutIntoBlocks) {
  tensors.push_back(floatTensor("embed", {2100, 3}, [](size_t i) {
    return static_cast<float>(i / 3 % 2 ? 127 : i % 128);
  }));
  pack(R"mlir(
bitnet.record @globals count 1 attributes {offset = 0 : i64, stride = 143616 : i64} {
  bitnet.weight @embed quant int8 shape [2100, 3] scale_rows 2100
    source "embed" layout u8_row at 0 scale_at 135168
}
)mlir");
  llvm::ArrayRef<uint8_t> codes(bytes.data(), 135168);
  for (int row = 1; row < 2100; row += 2)
    EXPECT_EQ(unpackCode(Layout::U8Row, codes, 2100, 3, row, 1), 127);
  EXPECT_EQ(floatAt(135168 + 4 * 2099), 1.0f);
}

TEST_F(Packer, RopeIsCosinesThenSines) {
  pack(R"mlir(
bitnet.record @globals count 1 attributes {offset = 0 : i64, stride = 2560 : i64} {
  bitnet.weight @rope quant float shape [10, 16] source "@rope" layout f32 at 0
}
)mlir");
  for (int position : {0, 1, 9})
    for (int i = 0; i < 8; ++i) {
      float angle = static_cast<float>(position) * model.ropeInvFreq[i];
      EXPECT_EQ(floatAt(256 * position + 4 * i),
                static_cast<float>(std::cos(static_cast<double>(angle))));
      EXPECT_EQ(floatAt(256 * position + 32 + 4 * i),
                static_cast<float>(std::sin(static_cast<double>(angle))));
    }
}

//===----------------------------------------------------------------------===//
// Errors
//===----------------------------------------------------------------------===//

TEST_F(Packer, NamesTheTensorOfTheWrongShape) {
  addLinears(1);
  pack(R"mlir(
bitnet.record @layer count 1 attributes {offset = 0 : i64, stride = 8192 : i64} {
  bitnet.weight @up quant ternary shape [64, 72]
    source "model.layers.{}.mlp.up_proj" layout trit2_r64 at 0 scale_at 4096
}
)mlir",
       /*expectSuccess=*/false);
  expectParts(message, {"model.layers.0.mlp.up_proj", "[64, 72]", "[80, 72]"});
}

TEST_F(Packer, NamesTheTensorThatIsMissing) {
  pack(kEmbed, /*expectSuccess=*/false);
  expectParts(message, {"embed", "missing"});
}

TEST_F(Packer, RefusesRowsThatAreNotFinite) {
  std::vector<float> values(15, 1.0f);
  values[7] = NAN;
  tensors.push_back({"embed", "F32", {5, 3}, bytesOf(values)});
  pack(kEmbed, /*expectSuccess=*/false);
  expectParts(message, {"embed", "row 2", "not finite"});
}

TEST_F(Packer, RefusesWeightsThatOverlap) {
  tensors.push_back(floatTensor("gain", {72}));
  pack(R"mlir(
bitnet.record @globals count 1 attributes {offset = 0 : i64, stride = 1280 : i64} {
  bitnet.weight @a quant float shape [72] source "gain" layout f32 at 0
  bitnet.weight @b quant float shape [72] source "gain" layout f32 at 256
}
)mlir",
       /*expectSuccess=*/false);
  expectParts(message, {"@b", "overlaps"});
}

TEST_F(Packer, RefusesARecordThatOutgrowsItsStride) {
  tensors.push_back(floatTensor("gain", {72}));
  pack(R"mlir(
bitnet.record @globals count 1 attributes {offset = 0 : i64, stride = 256 : i64} {
  bitnet.weight @a quant float shape [72] source "gain" layout f32 at 0
}
)mlir",
       /*expectSuccess=*/false);
  expectParts(message, {"@globals", "stride"});
}

TEST_F(Packer, RefusesWeightsWithoutPlace) {
  tensors.push_back(floatTensor("gain", {72}));
  module = mlir::parseSourceString<mlir::ModuleOp>(R"mlir(
bitnet.record @globals count 1 {
  bitnet.weight @a quant float shape [72] source "gain"
}
)mlir",
                                                   &context);
  WeightReader none(model);
  EXPECT_EQ(messageOf(packWeights(*module, model, none, dir.file("packed"),
                                  hash, [](uint64_t, uint64_t) {})),
            "record @globals has no place");
}

} // namespace
