//===- Model.h - What every importer produces ------------------*- C++ -*-===//
//
// One normalised description of a model: orthogonal architecture features, how
// each linear layer is quantised, and where every tensor lies in a file. It is
// the in-memory form of model.json (compiler/model.schema.json); importers for
// Hugging Face directories and GGUF files produce the same thing. Tensor bytes
// are not read here: see WeightReader.h.
//
//===----------------------------------------------------------------------===//
#ifndef BITNETC_COMPILER_MODEL_H
#define BITNETC_COMPILER_MODEL_H

#include "gguf/Types.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace bitnetc {

/// The first three are what floats may be, U8 what packed weights must be. The
/// others only occur in tensors that no architecture here asks for.
enum class DType {
  F32,
  F16,
  BF16,
  I8,
  U8,
  F64,
  I16,
  U16,
  I32,
  U32,
  I64,
  U64,
  Bool,
  F8E4M3,
  F8E5M2,
  F8E8M0,
  C64
};
/// GELU is the exact (erf) form, as Hugging Face's "gelu".
enum class Activation { SiLU, ReLU2, GELU };
enum class RopeKind { None, Half, Interleaved };
enum class WeightQuant { Binary, Ternary, Float };
/// How a linear quantises its input: not at all, int8 per token; to -1 and 1
/// (its sign), 0 and 1 (bit), or -1, 0 and 1 (ternary) by comparisons; or, for
/// models that know no such quantisation (their activations are 16-bit
/// floats), int16 or int8 for each group of columns that shares a scale in the
/// weight (int16 per token if none does).
enum class InputQuant { None, Int8, Int16, Int8Groups, Sign, Bit, Ternary };
/// Whether such an input is planes of bits.
constexpr bool isBits(InputQuant quant) { return quant >= InputQuant::Sign; }
/// What max|x| becomes in int8: 127, or 128 and saturating (the first BitNet).
enum class CodeRange { Signed127, Signed128 };
/// What shares a scale: all of a matrix, a row, or a group of columns of a row.
enum class ScaleKind { Tensor, Row, Group };
/// How keys and values are kept: as halves, or as 8-bit codes with a scale for
/// each position and head; or what is kept of them by models that are trained
/// so, signs, with a scale for each position and head of values.
enum class KVForm { F16, I8, B1 };
/// y = dot * scale (Multiply) or y = dot / scale (Divide).
enum class ScaleOp { Multiply, Divide };
/// How weight values lie in the file.
///   HF2Bit  U8 [N/4, K], row i*N/4 + r in bits 2i of byte [r][c], code w + 1
///   Bits    U8 [N, ceil(K/8)], bit c%8 of byte [n][c/8] set for +1
///   Master  float [N, K], quantised at compile time (absmean or sign)
///   Exact   float [N, K] whose groups hold nothing but -s, 0 and s already
///   Mlx     U32 [N, K bits/32], lowest bits first, 1 bit (binary) or 2
///           (ternary), and .scales and .biases [N, K/group] beside it: the
///           value is code * scale + bias, which must be -s, 0 or s
///   Gguf    each tensor in a type of its own, see TensorRef::format; floats
///           are ternary already, or else master weights
enum class Packing { HF2Bit, Bits, Master, Exact, Mlx, Gguf };

/// Where a tensor's bytes lie. `shape` is row-major, as in the file.
struct TensorRef {
  std::string file;
  uint64_t offset = 0;
  uint64_t bytes = 0;
  DType dtype = DType::F32;
  std::vector<int64_t> shape;
  /// The blocks of a tensor in a GGUF file that is not of floats. `shape` then
  /// counts its elements, and dtype is U8.
  gguf::Format format = gguf::Format::None;
  gguf::I2SLayout i2sLayout = gguf::I2SLayout::Blocks128;
  /// If not 0, rows lie in heads of so many, and in each as interleaved rope
  /// pairs them; they are read in the order that half-split rope needs.
  int64_t interleavedHead = 0;
};

/// Names as in safetensors: "F32", "BF16".
llvm::StringRef dtypeName(DType dtype);
std::optional<DType> dtypeFromName(llvm::StringRef name);
uint64_t dtypeBytes(DType dtype);
bool isFloat(DType dtype); ///< One that WeightReader widens to f32.
/// "BF16", or the type of its blocks: "Q8_0".
llvm::StringRef typeName(const TensorRef &tensor);
/// Has values that WeightReader gives as f32: floats, or blocks.
bool hasFloatValues(const TensorRef &tensor);
/// "[64, 256]"
std::string shapeText(llvm::ArrayRef<int64_t> shape);

struct Quantization {
  WeightQuant weight = WeightQuant::Ternary;
  InputQuant input = InputQuant::Int8;
  /// In place of `input`, of linears by the end of their name: "q_proj".
  std::map<std::string, InputQuant> inputs;
  bool tokenScale = false; ///< Inputs of bits have a scale a token: mean|x|.
  ScaleKind scale = ScaleKind::Tensor;
  ScaleOp scaleOp = ScaleOp::Multiply;
  Packing packing = Packing::HF2Bit;
  CodeRange range = CodeRange::Signed127;
  /// Master weights by their sign about their mean: binary ones are -1 where
  /// they equal it, ternary ones 0. The scale is mean|W| still.
  bool centred = false;
  /// The scale is divided by the columns, which makes of the RMSNorm before the
  /// linear one that divides by sqrt(K) |x| (SimpleRMSNorm).
  bool overColumns = false;
  int64_t group = 0;       ///< Columns, if scales are for groups of them.
  bool halfScales = false; ///< Every scale for a group is an f16 number.
};

struct Model {
  std::string path; ///< What the user named; for diagnostics.
  std::string name;

  int64_t vocabSize = 0;
  int64_t hiddenSize = 0;
  int64_t intermediateSize = 0;
  int64_t numLayers = 0;
  int64_t numHeads = 0;
  int64_t numKVHeads = 0;
  int64_t headDim = 0;
  int64_t maxPosition = 0;

  float normEps = 1e-5f;
  bool layerNorm = false; ///< All norms but those of linears subtract the mean.
  bool normBias = false;  ///< Norms before linears add a learned bias: that of
                          ///< a LayerNorm (the final one has it too then), or
                          ///< the threshold of a sign that follows.
  bool blockNorms = true; ///< Norms before attention and feed-forward block.
  bool attentionSubNorm = false; ///< RMSNorm between attention and o_proj.
  bool ffnSubNorm = false;       ///< RMSNorm between activation and down_proj.
  bool headNorm = false;   ///< RMSNorm of each head of q and k, before rope.
  bool linearNorm = false; ///< RMSNorm of its own before each linear.
  float linearNormEps = 1e-6f;
  bool linearNormGain = true;   ///< It has a learned gain.
  bool linearLayerNorm = false; ///< It subtracts the mean.
  bool headInputNorm = false;   ///< The head has one too: lm_head.norm.
  float headInputNormEps = 1e-6f;
  /// gate_proj, whose output meets the non-linearity, quantises x - min x.
  bool shiftedGate = false;
  Activation activation = Activation::SiLU;
  bool gatedFFN = true;

  RopeKind rope = RopeKind::Half;
  double ropeTheta = 10000.0;
  /// Inverse frequencies theta^(-2i/d), i < headDim/2, already scaled as
  /// rope_scaling says (llama3), in f32 as the reference computes them.
  std::vector<float> ropeInvFreq;
  float ropeMagnitude = 1; ///< Of cosines and sines (YaRN).

  bool tiedHead = false;
  KVForm kvForm = KVForm::F16;
  bool scoreScale = false; ///< A factor of scores for each query head; of B1.
  Quantization quant;      ///< Of the linears of the layers.
  /// Of embedding and head, where these are of few bits too. The others are
  /// floats, kept as int8 rows. A tied head has what the embedding has.
  std::optional<Quantization> embedding, head;

  /// Tensors by Hugging Face name, e.g.
  /// "model.layers.3.self_attn.q_proj.weight".
  std::map<std::string, TensorRef> tensors;
  /// Tensors of the files that the architecture does not use; for -v.
  std::vector<std::string> unusedTensors;

  std::string tokenizerFile;               ///< Path, or empty.
  std::optional<std::string> chatTemplate; ///< Jinja source.
  /// What the template finds as bos_token, eos_token and so on: the texts of
  /// the tokenizer, whether or not it puts them around a prompt.
  std::map<std::string, std::string> templateTokens;
  int32_t bosToken = -1; ///< Put before a prompt; -1: none is.
  std::vector<int32_t> eosTokens;
};

/// A linear of one layer: "self_attn.q_proj" and its (out, in) shape.
struct LinearShape {
  std::string name;
  int64_t rows = 0, cols = 0;
};
/// The linears of each layer, in the order of the forward pass.
std::vector<LinearShape> layerLinears(const Model &model);
/// How the linear ("q_proj", "self_attn.q_proj") quantises its input.
InputQuant inputOf(const Quantization &quant, llvm::StringRef linear);

/// A matrix of few bits, by its name without suffix:
/// "model.layers.3.mlp.up_proj", "model.embed_tokens", "lm_head".
struct QuantizedSource {
  int64_t rows = 0, cols = 0;
  Quantization quant;
};
std::optional<QuantizedSource> quantizedSource(const Model &model,
                                               llvm::StringRef name);

/// A norm of one layer: "input_layernorm" and its width. Those with a gain have
/// a weight, those before linears a bias, if the model says so.
struct NormShape {
  std::string name;
  int64_t width = 0;
  bool beforeLinear = true;
  bool gain = true;
};
std::vector<NormShape> layerNorms(const Model &model);

/// "model.layers.3." + name
std::string layerName(int64_t layer, llvm::StringRef name);

/// Reads a model.json, a directory that holds one, a Hugging Face directory
/// (config.json + safetensors) or a GGUF file. Every error names the file and
/// the field or tensor, what was expected and what was found. On success all
/// tensors that the architecture needs are present with the right dtype and
/// shape.
struct ImportOptions {
  gguf::I2SLayout i2sLayout = gguf::I2SLayout::Blocks128;
  /// Activations of a model that quantises weights only: Int16 or Int8Groups.
  InputQuant weightsOnlyInput = InputQuant::Int16;
  /// Fields of a config.json that are no error though nothing reads them.
  std::vector<std::string> ignoredFields;
  std::optional<KVForm> kvForm = {}; ///< In place of what the model says.
};
llvm::Expected<Model> importModel(llvm::StringRef path,
                                  const ImportOptions &options = {});

} // namespace bitnetc

#endif // BITNETC_COMPILER_MODEL_H
