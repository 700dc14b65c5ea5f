//===- ModelJsonWords.h - Words of model.json ------------------*- C++ -*-===//
//
// Shared by its reader and its writer.
//
//===----------------------------------------------------------------------===//
#ifndef BITNETC_COMPILER_MODELJSONWORDS_H
#define BITNETC_COMPILER_MODELJSONWORDS_H

#include "JsonFields.h"
#include "ModelImport.h"
#include "llvm/Support/ErrorHandling.h"

namespace bitnetc {

enum class NormKind { RMS, Layer };
constexpr Choice<NormKind> normKinds[] = {{"rms_norm", NormKind::RMS},
                                          {"layer_norm", NormKind::Layer}};
constexpr Choice<CodeRange> codeRanges[] = {
    {"signed127", CodeRange::Signed127},
    {"signed128", CodeRange::Signed128},
};
constexpr Choice<RopeScaling::Kind> scalingTypes[] = {
    {"llama3", RopeScaling::Kind::Llama3},
    {"yarn", RopeScaling::Kind::Yarn},
};
constexpr Choice<RopeKind> ropeKinds[] = {
    {"half", RopeKind::Half},
    {"interleaved", RopeKind::Interleaved},
    {"none", RopeKind::None},
};
constexpr Choice<WeightQuant> weightQuants[] = {
    {"binary", WeightQuant::Binary},
    {"ternary", WeightQuant::Ternary},
    {"float", WeightQuant::Float},
};
constexpr Choice<InputQuant> inputQuants[] = {
    {"sign", InputQuant::Sign},       {"bit", InputQuant::Bit},
    {"ternary", InputQuant::Ternary}, {"int8", InputQuant::Int8},
    {"int16", InputQuant::Int16},     {"int8_groups", InputQuant::Int8Groups},
    {"none", InputQuant::None},
};
/// Linears whose activations may be quantised in a way of their own.
constexpr llvm::StringLiteral linearNames[] = {
    "q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj",
};
constexpr Choice<KVForm> kvForms[] = {
    {"f16", KVForm::F16},
    {"i8", KVForm::I8},
    {"b1", KVForm::B1},
};
constexpr Choice<ScaleKind> scaleKinds[] = {
    {"row", ScaleKind::Row},
    {"tensor", ScaleKind::Tensor},
    {"group", ScaleKind::Group},
};
constexpr Choice<ScaleOp> scaleOps[] = {
    {"multiply", ScaleOp::Multiply},
    {"divide", ScaleOp::Divide},
};
constexpr Choice<Packing> packings[] = {
    {"bits", Packing::Bits},     {"hf_2bit", Packing::HF2Bit},
    {"master", Packing::Master}, {"exact", Packing::Exact},
    {"mlx", Packing::Mlx},
};

/// The word of a value that has one.
template <typename E, size_t N>
std::string word(const Choice<E> (&choices)[N], E value) {
  for (const Choice<E> &choice : choices)
    if (choice.value == value)
      return choice.word.str();
  llvm_unreachable("every value has a word");
}

} // namespace bitnetc

#endif // BITNETC_COMPILER_MODELJSONWORDS_H
