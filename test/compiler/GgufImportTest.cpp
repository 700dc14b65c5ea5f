//===- GgufImportTest.cpp - Models in GGUF files --------------------------===//
//
// Tiny files of each architecture, as llama.cpp's converters name and lay out
// things, and every way in which they may be something else. One long list of
// small cases over the same few helpers.
//
//===----------------------------------------------------------------------===//
#include "GgufEncode.h"
#include "TestFiles.h"
#include "compiler/WeightReader.h"
#include <cmath>
#include <fstream>
#include <functional>

using namespace bitnetc;
using namespace bitnetc::test;

namespace {

constexpr Half one = {0x3c00, 1.0f}, two = {0x4000, 2.0f}, zero = {0, 0.0f};
constexpr size_t width = 256, inner = 512, headDim = 64, vocab = 8;

struct Matrix {
  std::vector<uint64_t> shape;
  uint32_t type = 0;
  std::string bytes;
};

std::string floats(const std::vector<float> &values) { return bytesOf(values); }

/// An F32 vector with the same value everywhere.
Matrix constant(size_t size, float value) {
  return {{size}, 0, floats(std::vector<float>(size, value))};
}
Matrix i2s(size_t rows, size_t cols, const Codes &codes, float scale) {
  return {{rows, cols}, 36, encodeI2S(codes, scale)};
}

/// A complete model: tensors by name, keys by name, in the order of the names.
struct Checkpoint {
  explicit Checkpoint(const std::string &arch, bool subNorms = false)
      : arch(arch) {
    GgufWriter k;
    integer(".block_count", 1);
    integer(".context_length", 128);
    integer(".embedding_length", width);
    integer(".feed_forward_length", inner);
    integer(".attention.head_count", 4);
    integer(".attention.head_count_kv", 2);
    integer(".vocab_size", vocab);
    keys[arch + ".attention.layer_norm_rms_epsilon"] = {6,
                                                        GgufWriter::raw(1e-5f)};
    keys[arch + ".rope.freq_base"] = {6, GgufWriter::raw(500000.0f)};
    integer(".rope.dimension_count", headDim);
    tensors["token_embd.weight"] = {
        {vocab, width}, 0, floats(std::vector<float>(vocab * width, 0.25f))};
    tensors["output_norm.weight"] = constant(width, 1);
    tensors["blk.0.attn_norm.weight"] = constant(width, 1);
    tensors["blk.0.ffn_norm.weight"] = constant(width, 1);
    if (subNorms) {
      tensors["blk.0.attn_sub_norm.weight"] = constant(width, 1);
      tensors["blk.0.ffn_sub_norm.weight"] = constant(inner, 1);
    }
    linear("attn_q", 256, width);
    linear("attn_k", 128, width);
    linear("attn_v", 128, width);
    linear("attn_output", width, 256);
    linear("ffn_gate", inner, width);
    linear("ffn_up", inner, width);
    linear("ffn_down", width, inner);
  }

  void integer(const std::string &name, uint32_t value) {
    keys[arch + name] = {4, GgufWriter::raw(value)};
  }
  void string(const std::string &name, const std::string &value) {
    keys[name] = {8, GgufWriter::text(value)};
  }
  /// I2_S with known codes.
  void linear(const std::string &name, size_t rows, size_t cols) {
    tensors["blk.0." + name + ".weight"] =
        i2s(rows, cols, someCodes(rows * cols, -1, 1), 0.5f);
  }
  /// Each linear, by its name with ".weight".
  void eachLinear(
      const std::function<void(Matrix &, size_t rows, size_t cols)> &change) {
    for (auto &[name, t] : tensors)
      if (name.starts_with("blk.") && t.shape.size() == 2)
        change(t, t.shape[0], t.shape[1]);
  }

  std::string file() const {
    GgufWriter w;
    w.string("general.architecture", arch);
    for (const auto &[name, value] : keys)
      w.key(name, value.first, value.second);
    for (const auto &[name, t] : tensors)
      w.tensor(name, t.shape, t.type, t.bytes);
    return w.file();
  }

  std::string arch;
  std::map<std::string, std::pair<uint32_t, std::string>> keys;
  std::map<std::string, Matrix> tensors;
};

class GgufImport : public testing::Test {
protected:
  Model import(const Checkpoint &c) {
    return valueOf(importModel(dir.write("tiny.gguf", c.file())));
  }
  std::string refuse(const Checkpoint &c) {
    std::string message =
        messageOf(importModel(dir.write("tiny.gguf", c.file())));
    EXPECT_NE(message.find("tiny.gguf: "), std::string::npos) << message;
    return message;
  }
  TempDir dir;
};

const std::string q = "model.layers.0.self_attn.q_proj";
const std::string up = "model.layers.0.mlp.up_proj";

TEST_F(GgufImport, BitNet) {
  Checkpoint c("bitnet", true);
  c.tensors["blk.0.attn_q.scale"] = constant(1, 3.0f);
  Model m = import(c);
  EXPECT_EQ(m.name, "tiny");
  EXPECT_EQ(m.vocabSize, int64_t(vocab));
  EXPECT_EQ(m.hiddenSize, int64_t(width));
  EXPECT_EQ(m.intermediateSize, int64_t(inner));
  EXPECT_EQ(m.numLayers, 1);
  EXPECT_EQ(m.numHeads, 4);
  EXPECT_EQ(m.numKVHeads, 2);
  EXPECT_EQ(m.headDim, int64_t(headDim));
  EXPECT_EQ(m.maxPosition, 128);
  EXPECT_EQ(m.normEps, 1e-5f);
  EXPECT_EQ(m.ropeTheta, 500000.0);
  EXPECT_EQ(m.rope, RopeKind::Half);
  EXPECT_EQ(m.activation, Activation::SiLU);
  EXPECT_TRUE(m.attentionSubNorm && m.ffnSubNorm && m.tiedHead && m.gatedFFN);
  EXPECT_EQ(m.quant.weight, WeightQuant::Ternary);
  EXPECT_EQ(m.quant.scale, ScaleKind::Tensor);
  EXPECT_EQ(m.tokenizerFile, "");
  EXPECT_TRUE(m.unusedTensors.empty());

  WeightReader reader(m);
  QuantizedMatrix matrix = valueOf(reader.readLinear(q));
  EXPECT_EQ(matrix.codes, someCodes(256 * width, -1, 1));
  EXPECT_EQ(matrix.scale, std::vector<float>{1.5f}); // Its own, times 3.
  EXPECT_EQ(valueOf(reader.readLinear(up)).scale, std::vector<float>{0.5f});
}

TEST_F(GgufImport, BitNet158) {
  for (const char *arch : {"bitnet-b1.58", "bitnet-25"}) {
    Checkpoint c(arch, true);
    Model m = import(c);
    EXPECT_EQ(m.activation, Activation::ReLU2);
    EXPECT_TRUE(m.attentionSubNorm && m.ffnSubNorm && m.tiedHead);
    c.tensors["output.weight"] = c.tensors["token_embd.weight"];
    EXPECT_FALSE(import(c).tiedHead);
  }
}

/// As llama.cpp's converter: w.reshape(heads, 2, d/2, K).swapaxes(1, 2).
Codes permuted(const Codes &w, size_t rows, size_t cols) {
  Codes out(w.size());
  size_t to = 0;
  for (size_t head = 0; head < rows / headDim; ++head)
    for (size_t i = 0; i < headDim / 2; ++i)
      for (size_t half = 0; half < 2; ++half, ++to)
        std::copy_n(&w[(head * headDim + half * headDim / 2 + i) * cols], cols,
                    &out[to * cols]);
  return out;
}

// Rows of q and k come back in Hugging Face's order, so that rope stays the
// half-split one and logits are those of the directory it was made from.
TEST_F(GgufImport, LlamaUndoesThePermutation) {
  Checkpoint c("llama");
  Codes codes = someCodes(256 * width, -1, 1);
  c.tensors["blk.0.attn_q.weight"] =
      i2s(256, width, permuted(codes, 256, width), 0.5f);
  Model m = import(c);
  EXPECT_EQ(m.rope, RopeKind::Half);
  EXPECT_EQ(m.activation, Activation::SiLU);
  EXPECT_FALSE(m.attentionSubNorm || m.ffnSubNorm);
  EXPECT_EQ(valueOf(WeightReader(m).readLinear(q)).codes, codes);
  EXPECT_EQ(valueOf(WeightReader(m).readLinear(up)).codes,
            someCodes(inner * width, -1, 1));

  // With a scale a row, and as floats.
  std::string bytes, halves;
  Codes stored = permuted(codes, 256, width);
  for (size_t r = 0; r < 256; ++r) {
    const size_t in = r % headDim;
    const size_t row = r - in + in / 2 + in % 2 * (headDim / 2);
    bytes += GgufWriter::raw(float(row + 1));
    for (size_t k = 0; k < width; k += 64)
      bytes += encodeIQ2BN(&stored[r * width + k], one);
  }
  c.tensors["blk.0.attn_q.weight"] = {{256, width}, 135, bytes};
  m = import(c);
  EXPECT_EQ(m.quant.scale, ScaleKind::Row);
  QuantizedMatrix matrix = valueOf(WeightReader(m).readLinear(q));
  EXPECT_EQ(matrix.codes, codes);
  ASSERT_EQ(matrix.scale.size(), 256u);
  for (size_t r = 0; r < 256; ++r)
    EXPECT_EQ(matrix.scale[r], float(r + 1));

  std::vector<float> w(stored.begin(), stored.end());
  c.tensors["blk.0.attn_q.weight"] = {{256, width}, 0, floats(w)};
  m = import(c);
  matrix = valueOf(WeightReader(m).readLinear(q));
  EXPECT_EQ(matrix.codes, codes);
  EXPECT_EQ(matrix.scale, std::vector<float>{1.0f});
}

TEST_F(GgufImport, Qwen3) {
  Checkpoint c("qwen3");
  expectParts(refuse(c), {"\"blk.0.attn_q_norm.weight\" is missing"});
  c.tensors["blk.0.attn_q_norm.weight"] = constant(headDim, 1);
  c.tensors["blk.0.attn_k_norm.weight"] = constant(headDim, 2);
  Model m = import(c);
  EXPECT_TRUE(m.headNorm);
  EXPECT_EQ(m.rope, RopeKind::Half);
  EXPECT_EQ(valueOf(WeightReader(m).readFloat(
                "model.layers.0.self_attn.k_norm.weight")),
            std::vector<float>(headDim, 2));
  // Its rows are in Hugging Face's order already.
  EXPECT_EQ(valueOf(WeightReader(m).readLinear(q)).codes,
            someCodes(256 * width, -1, 1));
  c.tensors["blk.0.attn_k_norm.weight"] = constant(width, 2);
  expectParts(refuse(c), {"k_norm.weight", "[64]", "[256]"});
  Checkpoint llama("llama");
  llama.tensors["blk.0.attn_q_norm.weight"] = constant(headDim, 1);
  expectParts(refuse(llama), {"attn_q_norm", "not understood"});
}

//===----------------------------------------------------------------------===//
// Scales
//===----------------------------------------------------------------------===//

TEST_F(GgufImport, GroupScales) {
  struct Type {
    uint32_t id;
    size_t block;
    std::string (*encode)(const int8_t *, Half);
  };
  for (Type t : {Type{34, 256, encodeTQ1}, Type{35, 256, encodeTQ2},
                 Type{42, 64, encodeQ2<64>}, Type{42, 128, encodeQ2<128>}}) {
    Checkpoint c("bitnet", true);
    Codes codes = someCodes(inner * width, -1, 1);
    Matrix &m = c.tensors["blk.0.ffn_up.weight"];
    m.type = t.id;
    auto encode = [&](auto scaleOf) {
      m.bytes = encodeRows(codes, width, t.block, t.encode, scaleOf);
    };
    encode([](size_t, size_t) { return two; });
    Model model = import(c);
    EXPECT_EQ(model.quant.scale, ScaleKind::Tensor);
    QuantizedMatrix matrix = valueOf(WeightReader(model).readLinear(up));
    EXPECT_EQ(matrix.codes, codes);
    EXPECT_EQ(matrix.scale, std::vector<float>{2.0f});

    encode([](size_t row, size_t) { return row % 2 ? one : two; });
    model = import(c);
    EXPECT_EQ(model.quant.scale, ScaleKind::Row);
    matrix = valueOf(WeightReader(model).readLinear(up));
    ASSERT_EQ(matrix.scale.size(), inner);
    EXPECT_EQ(matrix.scale[0], 2.0f);
    EXPECT_EQ(matrix.scale[511], 1.0f);
    // So have the other matrices then.
    EXPECT_EQ(valueOf(WeightReader(model).readLinear(q)).scale,
              std::vector<float>(256, 0.5f));

    // A group of zeros has the scale 0, whatever its codes.
    encode([](size_t row, size_t) { return row == 3 ? zero : two; });
    model = import(c);
    EXPECT_EQ(model.quant.scale, ScaleKind::Tensor);
    std::fill_n(codes.begin() + 3 * width, width, 0);
    EXPECT_EQ(valueOf(WeightReader(model).readLinear(up)).codes, codes);

    Codes down = someCodes(width * inner, -1, 1);
    Matrix &d = c.tensors["blk.0.ffn_down.weight"];
    d.type = t.id;
    d.bytes = encodeRows(down, inner, t.block, t.encode,
                         [](size_t row, size_t block) {
                           return row == 7 && block == 1 ? one : two;
                         });
    model = import(c);
    EXPECT_EQ(model.quant.scale, ScaleKind::Group);
    EXPECT_EQ(model.quant.group, int64_t(t.block));
    EXPECT_FALSE(model.quant.halfScales); // I2_S has an f32.
    WeightReader reader(model);
    matrix = valueOf(reader.readLinear("model.layers.0.mlp.down_proj"));
    EXPECT_EQ(matrix.codes, down);
    const size_t groups = inner / t.block;
    ASSERT_EQ(matrix.scale.size(), width * groups);
    for (size_t i = 0; i < matrix.scale.size(); ++i)
      EXPECT_EQ(matrix.scale[i], i == 7 * groups + 1 ? 1.0f : 2.0f) << i;
    EXPECT_EQ(valueOf(reader.readLinear(q)).scale,
              std::vector<float>(256 * width / t.block, 0.5f));
  }
}

TEST_F(GgufImport, Binary) {
  Checkpoint c("llama");
  Codes codes;
  c.eachLinear([&](Matrix &m, size_t rows, size_t cols) {
    codes = someCodes(rows * cols, 0, 1);
    for (int8_t &code : codes)
      code = code ? 1 : -1;
    m.type = 41;
    m.bytes = encodeRows(codes, cols, 128, encodeQ1<128>,
                         [](size_t, size_t) { return two; });
  });
  Model m = import(c);
  EXPECT_EQ(m.quant.weight, WeightQuant::Binary);
  // Who quantises weights only has 16-bit activations.
  EXPECT_EQ(m.quant.input, InputQuant::Int16);
  // The last linear by name is ffn_up.
  EXPECT_EQ(valueOf(WeightReader(m).readLinear(up)).codes, codes);
  c.linear("attn_q", 256, width);
  EXPECT_EQ(import(c).quant.weight, WeightQuant::Ternary);
}

TEST_F(GgufImport, EmbeddingOfFewBits) {
  Checkpoint c("bitnet", true);
  Codes codes = someCodes(vocab * width, 0, 1);
  for (int8_t &code : codes)
    code = code ? 1 : -1;
  auto scaleOf = [](size_t row, size_t block) { return half(row + block); };
  c.tensors["token_embd.weight"] = {
      {vocab, width},
      41,
      encodeRows(codes, width, 128, encodeQ1<128>, scaleOf)};
  Model m = import(c);
  ASSERT_TRUE(m.embedding && m.tiedHead && !m.head);
  EXPECT_EQ(m.embedding->weight, WeightQuant::Binary);
  EXPECT_EQ(m.embedding->scale, ScaleKind::Group);
  EXPECT_EQ(m.embedding->group, 128);
  EXPECT_EQ(m.embedding->input, InputQuant::Int16);
  EXPECT_TRUE(m.embedding->halfScales);
  EXPECT_EQ(m.quant.input, InputQuant::Int8); // Of the layers.
  QuantizedMatrix rows =
      valueOf(WeightReader(m).readLinear("model.embed_tokens", 2, 5));
  EXPECT_EQ(rows.rows, 3);
  EXPECT_EQ(rows.codes,
            Codes(codes.begin() + 2 * width, codes.begin() + 5 * width));
  for (size_t i = 0; i < 6; ++i)
    EXPECT_EQ(rows.scale[i], half(2 + i / 2 + i % 2).value);

  // A head of another kind, with one scale.
  Codes head = someCodes(vocab * width, -1, 1);
  c.tensors["output.weight"] = i2s(vocab, width, head, 0.25f);
  m = import(c);
  ASSERT_TRUE(m.head && !m.tiedHead);
  EXPECT_EQ(m.head->weight, WeightQuant::Ternary);
  EXPECT_EQ(m.head->scale, ScaleKind::Tensor);
  EXPECT_EQ(valueOf(WeightReader(m).readLinear("lm_head")).codes, head);

  c.tensors["output.weight"].bytes[9] = char(0xff);
  expectParts(messageOf(WeightReader(import(c)).readLinear("lm_head")),
              {"\"lm_head.weight\"", "invalid code 3 in row 0, column 9"});
  c.tensors["token_embd.weight"].bytes[19] = 0x7e; // NaN
  expectParts(refuse(c), {"\"token_embd.weight\"",
                          "scale of row 0, column 128 is not finite"});
}

// The file does not say which it is.
TEST_F(GgufImport, LayoutsOfI2S) {
  Checkpoint c("bitnet", true);
  Codes codes = someCodes(inner * width, -1, 1);
  Matrix &m = c.tensors["blk.0.ffn_up.weight"];
  for (auto [layout, bytes] :
       {std::pair(gguf::I2SLayout::Blocks64, encodeI2S(codes, 0.5f, 16)),
        {gguf::I2SLayout::Rows, encodeI2SRows(codes, width, 0.5f)}}) {
    m.bytes = bytes;
    ImportOptions options;
    options.i2sLayout = layout;
    Model model =
        valueOf(importModel(dir.write("tiny.gguf", c.file()), options));
    EXPECT_EQ(valueOf(WeightReader(model).readLinear(up)).codes, codes);
    EXPECT_NE(valueOf(WeightReader(import(c)).readLinear(up)).codes, codes);
  }
}

// Groups of 256, 128 and 64 columns in one model: all get the smallest.
TEST_F(GgufImport, GroupsOfSeveralSizes) {
  Checkpoint c("bitnet", true);
  auto byGroup = [](size_t row, size_t group) { return half(row + group); };
  Codes binary = someCodes(inner * width, 0, 1);
  for (int8_t &code : binary)
    code = code ? 1 : -1;
  c.eachLinear([&](Matrix &m, size_t rows, size_t cols) {
    m.type = 41;
    m.bytes = encodeRows(binary, cols, 128, encodeQ1,
                         [](size_t, size_t) { return one; });
    m.bytes.resize(rows * cols / 128 * 18);
  });
  Codes ternary = someCodes(inner * width, -1, 1);
  c.tensors["blk.0.ffn_up.weight"].bytes =
      encodeRows(binary, width, 128, encodeQ1, byGroup);
  EXPECT_EQ(import(c).quant.group, 128);
  EXPECT_TRUE(import(c).quant.halfScales);
  EXPECT_EQ(import(c).quant.weight, WeightQuant::Binary);
  c.tensors["blk.0.ffn_down.weight"] = {
      {width, inner}, 35, encodeRows(ternary, inner, 256, encodeTQ2, byGroup)};
  c.tensors["blk.0.ffn_gate.weight"] = {
      {inner, width}, 42, encodeRows(ternary, width, 64, encodeQ2, byGroup)};
  Model m = import(c);
  EXPECT_EQ(m.quant.group, 64);
  EXPECT_TRUE(m.quant.halfScales);
  EXPECT_EQ(m.quant.weight, WeightQuant::Ternary);
  struct {
    const char *name;
    size_t cols, group;
  } cases[] = {{"up_proj", width, 128},
               {"down_proj", inner, 256},
               {"gate_proj", width, 64}};
  for (auto [name, cols, group] : cases) {
    auto matrix = valueOf(
        WeightReader(m).readLinear(std::string("model.layers.0.mlp.") + name));
    ASSERT_EQ(matrix.scale.size(), matrix.codes.size() / 64) << name;
    for (size_t i = 0; i < matrix.scale.size(); ++i) {
      const size_t row = i / (cols / 64), col = i % (cols / 64) * 64;
      ASSERT_EQ(matrix.scale[i], half(row + col / group).value) << name << i;
    }
  }
}

TEST_F(GgufImport, InvalidValues) {
  Checkpoint c("bitnet", true);
  Codes codes = someCodes(inner * width, -1, 1);
  codes[5 * width + 9] = 2;
  c.tensors["blk.0.ffn_up.weight"] = i2s(inner, width, codes, 1);
  expectParts(messageOf(WeightReader(import(c)).readLinear(up)),
              {"invalid code 3 in row 5, column 9"});
  codes[5 * width + 9] = 0;
  for (float scale : {INFINITY, NAN}) {
    c.tensors["blk.0.ffn_up.weight"] = i2s(inner, width, codes, scale);
    expectParts(refuse(c), {"\"blk.0.ffn_up.weight\"", "scale", "not finite"});
  }
  c.tensors["blk.0.ffn_up.weight"] = i2s(inner, width, codes, 1);
  c.tensors["blk.0.ffn_up.scale"] = constant(1, NAN);
  expectParts(messageOf(WeightReader(import(c)).readLinear(up)),
              {"up_proj.weight_scale", "not finite"});
}

//===----------------------------------------------------------------------===//
// Floats
//===----------------------------------------------------------------------===//

TEST_F(GgufImport, MasterWeights) {
  Checkpoint c("bitnet", true);
  std::vector<float> w(inner * width);
  for (size_t i = 0; i < w.size(); ++i)
    w[i] = float(int(i % 7) - 3); // mean|W| is about 12 / 7.
  c.tensors["blk.0.ffn_up.weight"] = {{inner, width}, 0, floats(w)};
  QuantizedMatrix m = valueOf(WeightReader(import(c)).readLinear(up));
  EXPECT_NEAR(m.scale[0], 12.0f / 7, 1e-3);
  EXPECT_EQ(Codes(m.codes.begin(), m.codes.begin() + 7),
            (Codes{-1, -1, -1, 0, 1, 1, 1}));
  // Ternary already: not to be quantised by their mean.
  for (size_t i = 0; i < w.size(); ++i)
    w[i] = 0.75f * float(int(i % 3) - 1);
  c.tensors["blk.0.ffn_up.weight"] = {{inner, width}, 0, floats(w)};
  m = valueOf(WeightReader(import(c)).readLinear(up));
  EXPECT_EQ(m.scale, std::vector<float>{0.75f});
  EXPECT_EQ(Codes(m.codes.begin(), m.codes.begin() + 3), (Codes{-1, 0, 1}));
  Checkpoint llama("llama");
  llama.tensors["blk.0.ffn_up.weight"] = c.tensors["blk.0.ffn_up.weight"];
  import(llama);
  // Two values that differ are enough.
  w.back() = 0.5f;
  llama.tensors["blk.0.ffn_up.weight"].bytes = floats(w);
  expectParts(refuse(llama),
              {"\"blk.0.ffn_up.weight\"", "F32", "not a 1-bit model"});
}

TEST_F(GgufImport, OtherTypes) {
  // Q8_0 is fine for an embedding, not for a linear.
  Checkpoint c("bitnet", true);
  Codes codes = someCodes(vocab * width, -128, 127);
  std::string bytes = encodeRows(codes, width, 32, encodeQ8,
                                 [](size_t, size_t) { return two; });
  c.tensors["token_embd.weight"] = {{vocab, width}, 8, bytes};
  Model m = import(c);
  auto rows =
      valueOf(WeightReader(m).readRows("model.embed_tokens.weight", 3, 5));
  ASSERT_EQ(rows.size(), 2 * width);
  for (size_t i = 0; i < rows.size(); ++i)
    ASSERT_EQ(rows[i], 2.0f * codes[3 * width + i]);
  // F16 and BF16.
  c.tensors["token_embd.weight"] = {
      {vocab, width}, 1, bytesOf(std::vector<uint16_t>(vocab * width, 0x4000))};
  EXPECT_EQ(valueOf(WeightReader(import(c)).readFloat(
                "model.embed_tokens.weight"))[9],
            2.0f);
  c.tensors["token_embd.weight"].type = 30;
  EXPECT_EQ(valueOf(WeightReader(import(c)).readFloat(
                "model.embed_tokens.weight"))[9],
            2.0f);
  c.tensors["token_embd.weight"] = {
      {vocab, width}, 13, std::string(vocab * 176, '\0')};
  expectParts(refuse(c), {"\"token_embd.weight\"", "Q5_K", "not supported",
                          "F32, F16, BF16, Q8_0"});
  c = Checkpoint("bitnet", true);
  c.tensors["blk.0.ffn_up.weight"] = {
      {inner, width}, 8, std::string(inner * width / 32 * 34, '\0')};
  expectParts(refuse(c), {"\"blk.0.ffn_up.weight\"",
                          "expected ternary or binary weights, found Q8_0"});
}

//===----------------------------------------------------------------------===//
// Rope
//===----------------------------------------------------------------------===//

TEST_F(GgufImport, RopeScaling) {
  Checkpoint c("llama");
  std::vector<float> plain = import(c).ropeInvFreq;
  ASSERT_EQ(plain.size(), headDim / 2);
  EXPECT_EQ(plain[0], 1.0f);
  c.string("llama.rope.scaling.type", "linear");
  c.keys["llama.rope.scaling.factor"] = {6, GgufWriter::raw(4.0f)};
  EXPECT_EQ(import(c).ropeInvFreq[5], plain[5] / 4);
  c.string("llama.rope.scaling.type", "longrope");
  expectParts(refuse(c), {"llama.rope.scaling.type", "\"longrope\""});
  c.string("llama.rope.scaling.type", "yarn");
  c.integer(".rope.scaling.original_context_length", 32);
  Model yarn = import(c);
  EXPECT_EQ(yarn.ropeInvFreq[0], plain[0]);
  EXPECT_FLOAT_EQ(yarn.ropeInvFreq[20], plain[20] / 4);
  EXPECT_FLOAT_EQ(yarn.ropeMagnitude, 1.1386294f);

  c = Checkpoint("llama");
  std::vector<float> factors(headDim / 2, 1);
  factors[3] = 8;
  c.tensors["rope_freqs.weight"] = {{factors.size()}, 0, floats(factors)};
  EXPECT_EQ(import(c).ropeInvFreq[3], plain[3] / 8);
  EXPECT_EQ(import(c).ropeInvFreq[4], plain[4]);
  factors[3] = 0;
  c.tensors["rope_freqs.weight"].bytes = floats(factors);
  expectParts(refuse(c), {"rope_freqs.weight", "factor 3"});
  c = Checkpoint("llama");
  c.integer(".rope.dimension_count", 32);
  expectParts(refuse(c), {"llama.rope.dimension_count", "64", "32"});
}

//===----------------------------------------------------------------------===//
// Refusals
//===----------------------------------------------------------------------===//

TEST_F(GgufImport, Keys) {
  auto with = [](std::function<void(Checkpoint &)> change) {
    Checkpoint c("bitnet", true);
    change(c);
    return c;
  };
  expectParts(refuse(Checkpoint("mamba")),
              {"general.architecture", "\"qwen3\"", "\"mamba\""});
  expectParts(refuse(with([](auto &c) { c.keys.erase("bitnet.block_count"); })),
              {"key \"bitnet.block_count\": is missing"});
  expectParts(refuse(with([](auto &c) { c.integer(".block_count", 0); })),
              {"bitnet.block_count", "from 1 to", "u32 0"});
  expectParts(refuse(with([](auto &c) { c.integer(".block_count", 2); })),
              {"tensor \"blk.1.attn_norm.weight\" is missing"});
  expectParts(
      refuse(with([](auto &c) { c.string("bitnet.context_length", "long"); })),
      {"bitnet.context_length", "integer", "the string \"long\""});
  expectParts(refuse(with([](auto &c) { c.integer(".vocab_size", 9); })),
              {"bitnet.vocab_size", "8 rows", "found 9"});
  expectParts(refuse(with([](auto &c) { c.integer(".logit_scale", 9); })),
              {"bitnet.logit_scale", "not understood"});
  expectParts(refuse(with([](auto &c) { c.integer(".expert_count", 8); })),
              {"bitnet.expert_count"});
  expectParts(refuse(with([](auto &c) {
                c.keys["split.count"] = {2, GgufWriter::raw<uint16_t>(3)};
              })),
              {"split.count", "several files"});
  // One value a layer, if they are all the same.
  Checkpoint c("bitnet", true);
  c.keys["bitnet.attention.head_count_kv"] = {
      9, GgufWriter::raw(5u) + GgufWriter::raw<uint64_t>(2) +
             GgufWriter::raw(2u) + GgufWriter::raw(2u)};
  EXPECT_EQ(import(c).numKVHeads, 2);
  c.keys["bitnet.attention.head_count_kv"].second.back() = 1;
  expectParts(refuse(c), {"head_count_kv", "layers of different shapes"});
}

TEST_F(GgufImport, Tensors) {
  Checkpoint good("bitnet", true);
  for (const auto &[name, matrix] : good.tensors) {
    Checkpoint c = good;
    c.tensors.erase(name);
    expectParts(refuse(c), {"\"" + name + "\"", "missing"});
  }
  auto extra = [&](const std::string &name) {
    Checkpoint c = good;
    c.tensors[name] = constant(width, 1);
    expectParts(refuse(c), {"\"" + name + "\""});
  };
  for (const char *name :
       {"blk.1.attn_norm.weight", "blk.00.attn_norm.weight",
        "blk.0.ffn_gate_inp.weight", "blk.0.attn_q.bias", "blk.x", "extra"})
    extra(name);
  Checkpoint llama("llama");
  llama.tensors["blk.0.attn_sub_norm.weight"] = constant(width, 1);
  expectParts(refuse(llama), {"attn_sub_norm", "not understood"});
  Checkpoint c = good;
  c.linear("ffn_up", width, width);
  expectParts(refuse(c),
              {"\"blk.0.ffn_up.weight\"", "[512, 256]", "[256, 256]"});
  c = good;
  c.tensors["output_norm.weight"] = constant(64, 1);
  expectParts(refuse(c), {"[256]", "[64]"});
}

TEST_F(GgufImport, Tokenizer) {
  Checkpoint c("bitnet", true);
  auto strings = [](const std::vector<std::string> &values) {
    std::string bytes = GgufWriter::raw(8u) + GgufWriter::raw(values.size());
    for (const std::string &value : values)
      bytes += GgufWriter::text(value);
    return bytes;
  };
  std::vector<std::string> tokens = {"<unk>", "<s>", "</s>", "a",
                                     "b",     "c",   "d",    "e"};
  std::string scores = GgufWriter::raw(6u) + GgufWriter::raw<uint64_t>(8) +
                       floats(std::vector<float>(8));
  c.string("tokenizer.ggml.model", "llama");
  c.keys["tokenizer.ggml.tokens"] = {9, strings(tokens)};
  c.keys["tokenizer.ggml.scores"] = {9, scores};
  c.keys["tokenizer.ggml.eos_token_id"] = {4, GgufWriter::raw(5u)};
  c.string("tokenizer.chat_template", "{{ messages }}");
  Model m = import(c);
  EXPECT_EQ(m.tokenizerFile, dir.file("tiny.gguf"));
  EXPECT_EQ(m.bosToken, 1);
  EXPECT_EQ(m.eosTokens, std::vector<int32_t>{5});
  EXPECT_EQ(m.chatTemplate, "{{ messages }}");
  c.keys["tokenizer.ggml.add_bos_token"] = {7, std::string(1, '\0')};
  m = import(c);
  EXPECT_EQ(m.bosToken, -1);
  EXPECT_EQ(m.templateTokens,
            (std::map<std::string, std::string>{{"bos_token", "<s>"},
                                                {"eos_token", "c"},
                                                {"unk_token", "<unk>"}}));
  tokens.pop_back();
  c.keys["tokenizer.ggml.tokens"] = {9, strings(tokens)};
  expectParts(refuse(c), {"tokenizer.ggml.scores"});
  c.keys["tokenizer.ggml.scores"] = {9, GgufWriter::raw(6u) +
                                            GgufWriter::raw<uint64_t>(7) +
                                            floats(std::vector<float>(7))};
  expectParts(refuse(c), {"tokenizer.ggml.tokens", "8 tokens", "found 7"});
}

// The whole importer on files that end too early.
TEST_F(GgufImport, Cut) {
  const std::string bytes = Checkpoint("bitnet", true).file();
  for (size_t size = 4; size < bytes.size(); size += 1 + size / 40)
    expectParts(
        messageOf(importModel(dir.write("cut.gguf", bytes.substr(0, size)))),
        {"cut.gguf: "});
  expectParts(messageOf(importModel(dir.write("cut.gguf", std::string("GGU")))),
              {"a GGUF file"});
}

TEST(GgufRealModel, Imports) {
  std::string folder = std::string(BITNETC_SHARED_DATA) +
                       "/models/bitllama-tinystories-3M-gguf/";
  if (!std::ifstream(folder + "bitllama-tinystories-3M-I2_S.gguf"))
    GTEST_SKIP() << "no models in " << BITNETC_SHARED_DATA;
  Model hf = valueOf(importModel(std::string(BITNETC_SHARED_DATA) +
                                 "/models/bitllama-tinystories-3M-hf-"
                                 "autobitlinear"));
  WeightReader expected(hf);
  for (const char *type : {"I2_S", "TQ1_0", "TQ2_0"}) {
    Model m = valueOf(
        importModel(folder + "bitllama-tinystories-3M-" + type + ".gguf"));
    EXPECT_EQ(m.vocabSize, hf.vocabSize);
    EXPECT_EQ(m.ropeInvFreq, hf.ropeInvFreq);
    EXPECT_EQ(m.bosToken, hf.bosToken);
    EXPECT_EQ(m.eosTokens, hf.eosTokens);
    WeightReader reader(m);
    for (int64_t i = 0; i < m.numLayers; ++i)
      for (const LinearShape &l : layerLinears(m)) {
        QuantizedMatrix a = valueOf(reader.readLinear(layerName(i, l.name)));
        QuantizedMatrix b = valueOf(expected.readLinear(layerName(i, l.name)));
        EXPECT_EQ(a.codes, b.codes) << type << " " << i << " " << l.name;
        EXPECT_EQ(a.scale, b.scale) << type << " " << i << " " << l.name;
      }
  }
}

} // namespace
