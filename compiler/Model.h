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
/// How a linear quantises its input: not at all, int8 per token, or its sign.
enum class InputQuant { None, Int8, Sign };
/// What shares a scale: all of a matrix, a row, or a group of columns of a row.
enum class ScaleKind { Tensor, Row, Group };
/// y = dot * scale (Multiply) or y = dot / scale (Divide).
enum class ScaleOp { Multiply, Divide };
/// How weight values lie in the file.
///   HF2Bit  U8 [N/4, K], row i*N/4 + r in bits 2i of byte [r][c], code w + 1
///   Bits    U8 [N, K/8], bit c%8 of byte [n][c/8] set for +1
///   Master  float [N, K], quantised at compile time (absmean or sign)
///   Gguf    each tensor in a type of its own, see TensorRef::format; floats
///   are
///           ternary already, or else master weights
enum class Packing { HF2Bit, Bits, Master, Gguf };

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
  ScaleKind scale = ScaleKind::Tensor;
  ScaleOp scaleOp = ScaleOp::Multiply;
  Packing packing = Packing::HF2Bit;
  /// Binary master weights: +1 if above their mean. The scale is mean|W| still.
  bool centred = false;
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
  bool normBias = false; ///< Norms before linears add a learned bias: the
                         ///< threshold of a sign that follows.
  bool attentionSubNorm = false; ///< RMSNorm between attention and o_proj.
  bool ffnSubNorm = false;       ///< RMSNorm between activation and down_proj.
  bool headNorm = false;   ///< RMSNorm of each head of q and k, before rope.
  bool linearNorm = false; ///< RMSNorm of its own before each linear.
  float linearNormEps = 1e-6f;
  Activation activation = Activation::SiLU;
  bool gatedFFN = true;

  RopeKind rope = RopeKind::Half;
  double ropeTheta = 10000.0;
  /// Inverse frequencies theta^(-2i/d), i < headDim/2, already scaled as
  /// rope_scaling says (llama3), in f32 as the reference computes them.
  std::vector<float> ropeInvFreq;

  bool tiedHead = false;
  Quantization quant;

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

/// A norm of one layer: "input_layernorm" and its width. Each has a weight;
/// those before linears a bias, if the model says so.
struct NormShape {
  std::string name;
  int64_t width = 0;
  bool beforeLinear = true;
};
std::vector<NormShape> layerNorms(const Model &model);

/// "model.layers.3." + name
std::string layerName(int64_t layer, llvm::StringRef name);

/// Reads a model.json, a directory that holds one, a Hugging Face directory
/// (config.json + safetensors) or a GGUF file. Every error names the file and
/// the field or tensor, what was expected and what was found. On success all
/// tensors that the architecture needs are present with the right dtype and
/// shape.
llvm::Expected<Model> importModel(llvm::StringRef path);

} // namespace bitnetc

#endif // BITNETC_COMPILER_MODEL_H
