//===- ModelImport.h - What the importers share ----------------*- C++ -*-===//
//
// Private to the importers: one function per form a model comes in, and the
// checks and computations that all of them end with.
//
//===----------------------------------------------------------------------===//
#ifndef BITNETC_COMPILER_MODELIMPORT_H
#define BITNETC_COMPILER_MODELIMPORT_H

#include "JsonFields.h"
#include "Model.h"

namespace bitnetc {

/// Upper limits of the sizes in a description. They keep products of two or
/// three of them far from overflow; no known model comes near.
namespace limits {
constexpr int64_t vocab = 1 << 22;
constexpr int64_t width = 1 << 17; ///< hidden and heads * head_dim
constexpr int64_t intermediate = 1 << 19;
constexpr int64_t layers = 1024;
constexpr int64_t heads = 1024;
constexpr int64_t headDim = 1024;
/// Of a KV cache in i8, whose dots must fit into 32 bits.
constexpr int64_t codedHeadDim = 512;
constexpr int64_t positions = 1 << 24;
} // namespace limits

/// The words of hidden_act; the same in model.json and Hugging Face's config.
llvm::ArrayRef<Choice<Activation>> activationChoices();

/// Stretching of the low frequencies for contexts that are longer than the
/// original: Llama 3's, or YaRN's (which also makes cosines and sines larger).
struct RopeScaling {
  enum class Kind { Llama3, Yarn } kind = Kind::Llama3;
  double factor = 1;
  int64_t originalMaxPosition = 8192;
  double lowFreqFactor = 1, highFreqFactor = 4; ///< Llama 3
  double betaFast = 32, betaSlow = 1;           ///< YaRN
  std::optional<double> attentionFactor;        ///< YaRN, if not its default
};
/// Reads the fields of a "scaling" object of that rope_type. YaRN's original
/// context may be left out: then it is `maxPosition`.
RopeScaling readRopeScaling(JsonFields &fields, RopeScaling::Kind kind,
                            int64_t maxPosition);
/// Fills model.ropeInvFreq.
void setRopeFrequencies(Model &model,
                        const std::optional<RopeScaling> &scaling);

/// Adds the tensors of one safetensors file.
llvm::Error addSafetensors(Model &model, llvm::StringRef file);
/// Adds those of the files that an index (model.safetensors.index.json) names.
llvm::Error addShardedSafetensors(Model &model, llvm::StringRef index);

/// Decides which scales for groups are all f16 numbers, from the types of the
/// tensors that hold them.
void setHalfScales(Model &model);

/// A model.json, given the file itself.
llvm::Expected<Model> readModelJson(llvm::StringRef file);

/// A directory with a Hugging Face config.json.
llvm::Expected<Model> importHuggingFace(llvm::StringRef directory,
                                        const ImportOptions &options);
/// What templates of transformers may find: "bos_token", "eos_token", ...
llvm::ArrayRef<llvm::StringRef> templateTokenNames();
/// Its tokenizer file, chat template, bos and eos.
llvm::Error importHuggingFaceTokenizer(Model &model, llvm::StringRef directory,
                                       JsonFields &config);

/// A GGUF file.
llvm::Expected<Model> importGguf(llvm::StringRef file,
                                 const ImportOptions &options);

/// What every importer ends with: sizes the kernels can work with, and every
/// tensor of the architecture present with the right dtype and shape. Notes
/// the tensors that are left over.
llvm::Error verifyModel(Model &model);

/// The fields that the reader of model.json accepts, for the schema's test.
std::vector<AcceptedField> modelJsonFields();

} // namespace bitnetc

#endif // BITNETC_COMPILER_MODELIMPORT_H
