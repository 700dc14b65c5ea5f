//===- InterpreterOps.h - Arithmetic of the interpreter --------*- C++ -*-===//
//
// What each operation computes, on plain tensors, without IR. The callers find
// operands and weights and check that they fit; nothing is checked here.
//
//===----------------------------------------------------------------------===//
#ifndef BITNET_DIALECT_INTERPRETEROPS_H
#define BITNET_DIALECT_INTERPRETEROPS_H

#include "dialect/Interpreter.h"

namespace mlir::bitnet::scalar {

/// Reports at `op` if two of its operands have different numbers of rows.
LogicalResult sameRows(Operation *op, const Tensor &a, const Tensor &b);

struct Quantized {
  Tensor codes, scale, sum;
};

Tensor embed(ArrayRef<int32_t> tokens, const MatrixView &weight, int64_t width);
Tensor gatherRows(const Tensor &x, ArrayRef<int32_t> rows);
/// Rows minus their means.
Tensor centre(const Tensor &x);
/// An empty gain or bias is none.
Tensor rmsNorm(const Tensor &x, ArrayRef<float> gain, ArrayRef<float> bias,
               float eps);
/// x * gain in every row.
Tensor scaleColumns(const Tensor &x, ArrayRef<float> gain);
/// rms_norm of every head on its own.
Tensor headNorm(const Tensor &x, ArrayRef<float> gain, float eps,
                int64_t headDim);
Tensor rope(const Tensor &x, ArrayRef<int32_t> positions, ArrayRef<float> table,
            RopeKind kind, int64_t headDim);
Tensor activation(ActivationKind kind, const Tensor &x);
Tensor multiply(const Tensor &a, const Tensor &b);
Tensor add(const Tensor &a, const Tensor &b);

/// Every one of `groups` equal parts of a row on its own.
Quantized quantize(const Tensor &x, int64_t planes, CodeRange range,
                   int64_t groups = 1);
Tensor binarize(const Tensor &x, BitQuant quant);
/// sum|x| / K of every row.
Tensor meanAbs(const Tensor &x);
Tensor pack(const Tensor &bits);
/// In every plane of packed bits, or of each of `groups` equal parts of it.
Tensor countOnes(const Tensor &packed, int64_t groups);
/// Codes or packed bits times a weight of [n, k]; `quant` says what bits stand
/// for. `groups` equal parts of the columns are summed apart.
/// Bit p of each code as plane p.
Tensor packCodes(const Tensor &codes);
Tensor dot(const Tensor &input, BitQuant quant, ArrayRef<int8_t> weight,
           int64_t n, int64_t k, int64_t groups);
/// `tokenScale` is null for bits.
Tensor dequantize(const Tensor &dots, const Tensor *tokenScale,
                  ArrayRef<float> scales, bool grouped);

/// Stores one token's key and value.
void kvAppend(KVSequence &kv, int64_t position, ArrayRef<float> key,
              ArrayRef<float> value, int64_t headDim, KVForm form);
/// One token's attention: query and result are [heads][headDim]. Without a
/// score scale of each query head it is 1.
void attention(const KVSequence &kv, int64_t position, ArrayRef<float> query,
               int64_t heads, int64_t kvHeads, int64_t headDim,
               MutableArrayRef<float> result, ArrayRef<float> scoreScale = {});

} // namespace mlir::bitnet::scalar

#endif // BITNET_DIALECT_INTERPRETEROPS_H
