//===- Emit.h - Writing code of 64-bit Arm ---------------------*- C++ -*-===//
//
// Arithmetic on vectors of 128 bits as expressions, for the micro-ops of this
// folder.
//
//===----------------------------------------------------------------------===//
#ifndef BITNET_TARGETS_AARCH64_EMIT_H
#define BITNET_TARGETS_AARCH64_EMIT_H

#include "dialect/Dialect.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/PatternMatch.h"

namespace mlir::bitnet::aarch64 {

struct Emit {
  OpBuilder &b;
  Location loc;

  VectorType i8() { return VectorType::get({16}, b.getI8Type()); }
  VectorType i16() { return VectorType::get({8}, b.getI16Type()); }
  VectorType i32() { return VectorType::get({4}, b.getI32Type()); }

  Value splat(VectorType type, int64_t value) {
    return arith::ConstantOp::create(
        b, loc,
        DenseElementsAttr::get(type,
                               b.getIntegerAttr(type.getElementType(), value)));
  }
  Value slice(Value v, int64_t offset, int64_t size) {
    return vector::ExtractStridedSliceOp::create(
        b, loc, v, ArrayRef<int64_t>{offset}, ArrayRef<int64_t>{size},
        ArrayRef<int64_t>{1});
  }
  /// `v` with `part` at `offset`.
  Value insert(Value part, Value v, int64_t offset) {
    return vector::InsertStridedSliceOp::create(
        b, loc, part, v, ArrayRef<int64_t>{offset}, ArrayRef<int64_t>{1});
  }
  Value as(VectorType type, Value v) {
    return vector::BitCastOp::create(b, loc, type, v);
  }
  Value call(VectorType type, StringRef name, ValueRange operands) {
    return LLVM::CallIntrinsicOp::create(b, loc, type, b.getStringAttr(name),
                                         operands)
        .getResult(0);
  }
  Value add(Value x, Value y) { return arith::AddIOp::create(b, loc, x, y); }
  Value mul(Value x, Value y) { return arith::MulIOp::create(b, loc, x, y); }
  Value band(Value x, Value y) { return arith::AndIOp::create(b, loc, x, y); }
  Value shl(Value x, Value y) { return arith::ShLIOp::create(b, loc, x, y); }
  Value shr(Value x, Value y) { return arith::ShRSIOp::create(b, loc, x, y); }
  Value lshr(Value x, Value y) { return arith::ShRUIOp::create(b, loc, x, y); }
};

/// Chains of bitnet.dot_u8i8 as products of bytes in 16 bits (NeonDots.cpp).
void addNeonDots(RewritePatternSet &patterns, PatternBenefit benefit);

/// How many dots of a chain addNeonDots makes cheaper together.
constexpr int64_t kNeonDotChain = 4;

} // namespace mlir::bitnet::aarch64

#endif // BITNET_TARGETS_AARCH64_EMIT_H
