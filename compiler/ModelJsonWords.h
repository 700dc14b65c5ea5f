//===- ModelJsonWords.h - Words of model.json ------------------*- C++ -*-===//
//
// Shared by its reader and its writer.
//
//===----------------------------------------------------------------------===//
#ifndef BITNETC_COMPILER_MODELJSONWORDS_H
#define BITNETC_COMPILER_MODELJSONWORDS_H

#include "JsonFields.h"
#include "Model.h"

namespace bitnetc {

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
    {"sign", InputQuant::Sign},
    {"int8", InputQuant::Int8},
    {"none", InputQuant::None},
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
    {"bits", Packing::Bits},
    {"hf_2bit", Packing::HF2Bit},
    {"master", Packing::Master},
};

} // namespace bitnetc

#endif // BITNETC_COMPILER_MODELJSONWORDS_H
