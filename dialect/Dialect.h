//===- Dialect.h - The BitNet dialect --------------------------*- C++ -*-===//
//
// What the rest of the compiler includes to see the dialect, its attributes
// and its operations.
//
//===----------------------------------------------------------------------===//
#ifndef BITNET_DIALECT_DIALECT_H
#define BITNET_DIALECT_DIALECT_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "dialect/Dialect.h.inc"
#include "dialect/Enums.h.inc"

#define GET_ATTRDEF_CLASSES
#include "dialect/Attributes.h.inc"

namespace mlir::bitnet {
/// The KV cache as a memory effect: appended to and attended over in order.
struct KVCacheResource : public SideEffects::Resource::Base<KVCacheResource> {
  StringRef getName() final { return "BitNetKVCache"; }
};

/// The weight that `ref` (`@record::@weight`) names as seen from `from`, or
/// null.
class WeightOp;
WeightOp lookupWeight(Operation *from, SymbolRefAttr ref);

/// What the planes stand for, if inputs of this kind are bits.
std::optional<BitQuant> bitQuantOf(InputQuant quant);
inline int64_t planesOf(BitQuant quant) {
  return quant == BitQuant::Int8 ? 8 : quant == BitQuant::Ternary ? 2 : 1;
}
/// How many sums a matmul takes for all columns, if it needs any: those of
/// codes are of the codes, others of each plane.
inline int64_t sumsOf(BitQuant quant) {
  return quant == BitQuant::Int8 ? 1 : planesOf(quant);
}
/// P of ?xPxK: of codes, bits, packed bits or dots.
inline int64_t planesOf(Type type) {
  return cast<RankedTensorType>(type).getDimSize(1);
}
/// Whether products of such weights and inputs need the number of ones in each
/// plane: of ternary weights, and with signs, the planes tell.
inline bool needsOnes(WeightQuant weight, BitQuant input) {
  return weight == WeightQuant::Binary && input != BitQuant::Sign;
}
/// Whether the input of a dot is packed bits, not codes.
inline bool isPacked(Type input) {
  return cast<RankedTensorType>(input).getElementType().isInteger(64);
}

/// Of columns that have a scale of their own in each token, by the type of the
/// scales: 1 for ? f32, G for ?xG f32.
inline int64_t groupsOf(Type tokenScale) {
  auto type = cast<RankedTensorType>(tokenScale);
  return type.getRank() == 2 ? type.getDimSize(1) : 1;
}
} // namespace mlir::bitnet

#define GET_OP_CLASSES
#include "dialect/Ops.h.inc"

#endif // BITNET_DIALECT_DIALECT_H
