//===- HuggingFaceLinears.h - How a directory quantises --------*- C++ -*-===//
//
// Private to the importer of Hugging Face directories: what config.json says of
// the linears, and what that means for the description of the model.
//
//===----------------------------------------------------------------------===//
#ifndef BITNETC_COMPILER_HUGGINGFACELINEARS_H
#define BITNETC_COMPILER_HUGGINGFACELINEARS_H

#include "JsonFields.h"
#include "Model.h"

namespace bitnetc {

/// Whose code computes a family's linears, where the config does not tell.
enum class LinearCode {
  Transformers, ///< As quantization_config says; without one, plain linears.
  OneBitLLM,    ///< 1bitLLM's BitnetForCausalLM: master weights, always.
  BitLlama,     ///< mybitnet's BitLlamaForCausalLM: bitnet_type says which.
};

/// The forms of a linear; HuggingFaceLinears.cpp has a row for each.
enum class LinearForm {
  BitLinear,     ///< transformers: packed, divides by the scale
  AutoBitLinear, ///< transformers: packed or master, multiplies
  OneBitLLM,
  BitLlama1b,   ///< the first BitNet: centred signs, 8 bits to 128
  BitLlama158b, ///< ternary, 8 bits to 128
  Kyegomez,     ///< SimpleRMSNorm, centred signs
  BitLlama2c,   ///< SimpleRMSNorm, ternary
  Mlx,          ///< MLX: groups with scale and bias, 1 or 2 bits
  Floats,       ///< floats that are -s, 0 and s in groups
};

struct LinearConfig {
  LinearForm form = LinearForm::BitLinear;
  std::optional<bool> norm; ///< use_rms_norm
  double normEps = 1e-6;
  int64_t bits = 0, group = 0; ///< Of MLX.
};

LinearConfig readLinearConfig(JsonFields &config, LinearCode code);

/// Gives tensors the names that the rest of the compiler knows, and sets what
/// the model does in its linears, embedding and head.
llvm::Error setLinears(Model &model, const LinearConfig &linears,
                       llvm::StringRef configFile);

} // namespace bitnetc

#endif // BITNETC_COMPILER_HUGGINGFACELINEARS_H
