//===- RowDots.cpp - Dots with rows of bytes ------------------------------===//
//
// Sums run along K in 16 lanes of i32, 64 columns a step, and cross lanes once
// at the end of a row: exact, so in whatever order.
//
//===----------------------------------------------------------------------===//

#include "passes/lower/RowDots.h"
#include "passes/Planning.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace mlir::bitnet;

RowDots::RowDots(Emitter &e, SymbolRefAttr symbol, Value inputTensor,
                 Value scaleTensor, Value sumTensor)
    : input(e.buffer(inputTensor)), scales(e.scaleWindow(symbol)),
      tokenScale(e.buffer(scaleTensor)), planeSum(e.buffer(sumTensor)) {
  WeightOp weight = e.weight(symbol);
  const LayoutInfo &info = getLayoutInfo(Layout::U8Row);
  auto type = cast<RankedTensorType>(inputTensor.getType());
  planes = type.getDimSize(1);
  padded = paddedColumns(type);
  zeroPoint = info.zeroPoint;
  oneScale = weight.getScaleRows() == 1;
  int64_t rows = llvm::alignTo(weight.getRows(), info.rowBlock);
  codes = e.weightWindow(symbol, {rows, padded}, e.b.getI8Type());
}

SmallVector<Value> RowDots::products(Emitter &e, Value row, int64_t rows,
                                     Value t, int64_t tokens,
                                     int64_t prefetchBytes) const {
  OpBuilder &b = e.b;
  auto i8x64 = VectorType::get(64, b.getI8Type());
  int64_t count = rows * tokens * planes;
  // Few sums are one chain of dots each; two sets hide their latency.
  int64_t unroll = count <= 4 && padded % 128 == 0 ? 2 : 1;
  auto body = [&](Value first, ValueRange carried) {
    SmallVector<Value> next;
    for (int64_t u = 0; u < unroll; ++u) {
      Value column = e.addI(first, u * 64);
      SmallVector<Value> weights;
      for (int64_t r = 0; r < rows; ++r) {
        Value at = e.addI(row, r);
        if (prefetchBytes)
          e.prefetch(codes, {at, e.addI(column, prefetchBytes)});
        weights.push_back(e.load(i8x64, codes, {at, column}));
      }
      for (int64_t i = 0; i < tokens; ++i)
        for (int64_t p = 0; p < planes; ++p) {
          Value columns =
              e.load(i8x64, input, {e.addI(t, i), e.index(p), column});
          for (Value weight : weights)
            next.push_back(DotU8I8Op::create(b, e.loc, e.i32x16(),
                                             carried[next.size()], weight,
                                             columns, int64_t(255)));
        }
    }
    return next;
  };
  SmallVector<Value> init(count * unroll, e.splatI32(0));
  auto sums = e.loop(e.index(0), e.index(padded), unroll * 64, init, body);

  // sum_k (w - z) q = sum_k w q - z * sum_k q, then as dequantize says.
  SmallVector<Value> result(rows * tokens);
  for (int64_t i = 0; i < tokens; ++i) {
    Value token = e.addI(t, i);
    Value perToken = e.load(tokenScale, token);
    SmallVector<Value> zeros;
    for (int64_t p = 0; p < planes; ++p)
      zeros.push_back(e.mul(e.load(planeSum, {token, e.index(p)}),
                            e.i32(static_cast<int32_t>(zeroPoint))));
    for (int64_t r = 0; r < rows; ++r) {
      Value value;
      for (int64_t p = 0; p < planes; ++p) {
        int64_t at = (i * planes + p) * rows + r;
        Value sum = sums[at];
        for (int64_t u = 1; u < unroll; ++u)
          sum = e.add(sum, sums[u * count + at]);
        Value dot = arith::SIToFPOp::create(b, e.loc, b.getF32Type(),
                                            e.sub(e.sumI32(sum), zeros[p]));
        value = p ? e.fadd(e.fmul(value, e.f32(256.0f)), dot) : dot;
      }
      Value scale = e.load(scales, oneScale ? e.index(0) : e.addI(row, r));
      result[r * tokens + i] = e.fmul(value, e.fmul(scale, perToken));
    }
  }
  return result;
}
