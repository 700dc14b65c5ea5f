//===- Matmul.cpp - Integer matrix products and their epilogue ------------===//
//
// One thread takes a contiguous range of row blocks, so it reads its weights as
// one stream; a block is multiplied with `tokenTile` tokens at a time, whose
// sums stay in registers:
//
//   for block in share(blocks of all weights):
//     for t in tokens, tile by tile, the rest one by one:
//       dots[tile][planes][groups] = 0
//       for step in columns / colStep:
//         load the step's weights once, each token's columns as one broadcast
//       scale, add the residual or gate, store
//
// Every lane is a row. Dots are exact, so neither the tile nor the share can
// change a result.
//
//===----------------------------------------------------------------------===//

#include "passes/Planning.h"
#include "passes/lower/Emitter.h"
#include "targets/Kernels.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::bitnet;

namespace {

/// Sums of a tile: [token][plane][group], each vector<16xi32>.
class Dots {
public:
  Dots(int64_t planes, int64_t groups) : planes(planes), groups(groups) {}
  Value &at(int64_t token, int64_t plane, int64_t group) {
    size_t i = (token * planes + plane) * groups + group;
    if (values.size() <= i)
      values.resize(i + 1);
    return values[i];
  }

private:
  int64_t planes, groups;
  SmallVector<Value> values;
};

class MatmulLowering {
public:
  MatmulLowering(Emitter &e, MatmulOp op, const Kernel &kernel)
      : e(e), op(op), kernel(kernel), info(getLayoutInfo(kernel.layout)),
        rows(e.rowsOf(op.getInput())) {
    auto type = cast<RankedTensorType>(op.getInput().getType());
    bits = kernel.layout == Layout::Bit1R16;
    planes = bits ? 1 : type.getDimSize(1);
    input = bits ? e.buffer(op.getInput()) : e.codesAsWords(op.getInput());
    if (!bits) {
      tokenScale = e.buffer(op.getScale());
      planeSum = e.buffer(op.getSum());
    }
    if (op.getResidual())
      residual = e.buffer(op.getResidual());
    for (Attribute ref : op.getWeights()) {
      auto symbol = cast<SymbolRefAttr>(ref);
      WeightOp weight = e.weight(symbol);
      int64_t steps = llvm::divideCeil(weight.getCols(), info.colStep);
      int64_t blocks = llvm::divideCeil(weight.getRows(), info.rowBlock);
      Value codes =
          bits ? e.weightWindow(symbol, {blocks, steps, 16}, e.b.getI64Type())
               : e.weightWindow(symbol, {blocks, steps, info.bytesPerStep},
                                e.b.getI8Type());
      weights.push_back({weight.getRows(), weight.getCols(),
                         weight.getScaleRows() == 1, codes,
                         e.scaleWindow(symbol), blocks, steps});
    }
  }

  void lower();

private:
  struct Weight {
    int64_t rows, cols;
    bool oneScale;
    Value codes, scales;
    int64_t blocks, steps;
  };

  Dots dots(const Weight &w, Value block, Value t, int64_t tile);
  Dots codeDots(const Weight &w, Value block, Value t, int64_t tile);
  Dots bitDots(const Weight &w, Value block, Value t, int64_t tile);
  Value scaled(const Weight &w, Dots &sums, Value block, Value t, int64_t token,
               int64_t group);
  void tileOf(ArrayRef<Weight> together, Value out, Value block, Value t,
              int64_t tile);
  void clearPads(const Weight &w, Value out);

  Emitter &e;
  MatmulOp op;
  const Kernel &kernel;
  const LayoutInfo &info;
  Value rows, input, tokenScale, planeSum, residual;
  bool bits;
  int64_t planes;
  SmallVector<Weight> weights;
};
} // namespace

Dots MatmulLowering::dots(const Weight &w, Value block, Value t, int64_t tile) {
  return bits ? bitDots(w, block, t, tile) : codeDots(w, block, t, tile);
}

/// Codes stored with a zero point z in fields of a byte: field g is taken by a
/// mask in place, so its sums are 4^g too large and are shifted at the end:
///   sum_k (w - z) q = (sum_k field q >> shift) - z * sum_k q
Dots MatmulLowering::codeDots(const Weight &w, Value block, Value t,
                              int64_t tile) {
  OpBuilder &b = e.b;
  auto i8x64 = VectorType::get(64, b.getI8Type());
  int64_t groups = info.groups, count = tile * planes * groups;
  // One token has few independent sums; two sets hide the latency of the dot.
  int64_t unroll = count <= 8 && w.steps % 2 == 0 ? 2 : 1;
  SmallVector<Value> init(count * unroll, e.splatI32(0));

  auto sums = e.loop(
      e.index(0), e.index(w.steps), unroll, init,
      [&](Value first, ValueRange carried) {
        SmallVector<Value> next;
        for (int64_t u = 0; u < unroll; ++u) {
          Value step = e.addI(first, u);
          SmallVector<Value> fields;
          Value bytes;
          for (int64_t g = 0; g < groups; ++g) {
            if (!info.fieldBits || g == 0)
              bytes = e.load(i8x64, w.codes, {block, step, e.index(g * 64)});
            if (!info.fieldBits) {
              fields.push_back(bytes);
              continue;
            }
            int mask = ((1 << info.fieldBits) - 1) << (g * info.fieldBits);
            Value maskVector = arith::ConstantOp::create(
                b, e.loc,
                DenseElementsAttr::get(i8x64, static_cast<int8_t>(mask)));
            fields.push_back(
                arith::AndIOp::create(b, e.loc, bytes, maskVector));
          }
          for (int64_t i = 0; i < tile; ++i)
            for (int64_t p = 0; p < planes; ++p) {
              Value word = e.load(input, {e.addI(t, i), e.index(p), step});
              Value columns = vector::BitCastOp::create(
                  b, e.loc, i8x64, e.broadcast(word, e.i32x16()));
              for (int64_t g = 0; g < groups; ++g) {
                Value acc = carried[next.size()];
                next.push_back(DotU8I8Op::create(b, e.loc, e.i32x16(), acc,
                                                 fields[g], columns));
              }
            }
        }
        return next;
      });

  Dots result(planes, groups);
  for (int64_t i = 0; i < tile; ++i)
    for (int64_t p = 0; p < planes; ++p) {
      Value sum = e.load(planeSum, {e.addI(t, i), e.index(p)});
      Value offset = e.broadcast(
          e.mul(sum, e.i32(static_cast<int32_t>(info.zeroPoint))), e.i32x16());
      for (int64_t g = 0; g < groups; ++g) {
        int64_t at = (i * planes + p) * groups + g;
        Value acc = sums[at];
        for (int64_t u = 1; u < unroll; ++u)
          acc = e.add(acc, sums[u * count + at]);
        if (int64_t shift = g * info.fieldBits)
          acc = arith::ShRSIOp::create(b, e.loc, acc,
                                       e.splatI32(static_cast<int32_t>(shift)));
        result.at(i, p, g) = e.sub(acc, offset);
      }
    }
  return result;
}

/// 64 columns are one word a row: K - 2 popcount(w xor q). Pad bits are 0 in
/// both and never counted.
Dots MatmulLowering::bitDots(const Weight &w, Value block, Value t,
                             int64_t tile) {
  OpBuilder &b = e.b;
  auto i64x8 = VectorType::get(8, b.getI64Type());
  Value zero = arith::ConstantOp::create(
      b, e.loc, DenseElementsAttr::get(i64x8, static_cast<int64_t>(0)));
  SmallVector<Value> init(tile * 2, zero);
  auto sums = e.loop(
      e.index(0), e.index(w.steps), 1, init,
      [&](Value step, ValueRange carried) {
        Value halves[2];
        for (int64_t h = 0; h < 2; ++h)
          halves[h] = e.load(i64x8, w.codes, {block, step, e.index(h * 8)});
        SmallVector<Value> next;
        for (int64_t i = 0; i < tile; ++i) {
          Value word = e.broadcast(e.load(input, {e.addI(t, i), step}), i64x8);
          for (Value half : halves) {
            Value differ = arith::XOrIOp::create(b, e.loc, half, word);
            Value counts = math::CtPopOp::create(b, e.loc, differ);
            next.push_back(e.add(carried[next.size()], counts));
          }
        }
        return next;
      });
  Dots result(1, 1);
  auto i32x8 = VectorType::get(8, b.getI32Type());
  SmallVector<int64_t> both = llvm::to_vector(llvm::seq<int64_t>(16));
  for (int64_t i = 0; i < tile; ++i) {
    Value low = arith::TruncIOp::create(b, e.loc, i32x8, sums[2 * i]);
    Value high = arith::TruncIOp::create(b, e.loc, i32x8, sums[2 * i + 1]);
    Value counts = vector::ShuffleOp::create(b, e.loc, low, high, both);
    result.at(i, 0, 0) =
        e.sub(e.splatI32(static_cast<int32_t>(w.cols)), e.add(counts, counts));
  }
  return result;
}

/// dequantize: 16 rows of one token as floats.
Value MatmulLowering::scaled(const Weight &w, Dots &sums, Value block, Value t,
                             int64_t token, int64_t group) {
  auto toFloat = [&](Value dots) -> Value {
    return arith::SIToFPOp::create(e.b, e.loc, e.f32x16(), dots);
  };
  Value value = toFloat(sums.at(token, 0, group));
  for (int64_t p = 1; p < planes; ++p)
    value = e.fadd(e.fmul(value, e.splat(256.0f)),
                   toFloat(sums.at(token, p, group)));
  Value row = e.addI(e.mulI(block, info.rowBlock), group * 16);
  Value scale = w.oneScale
                    ? e.broadcast(e.load(w.scales, e.index(0)), e.f32x16())
                    : e.load(e.f32x16(), w.scales, row);
  if (!bits)
    scale = e.fmul(
        scale, e.broadcast(e.load(tokenScale, e.addI(t, token)), e.f32x16()));
  return e.fmul(value, scale);
}

void MatmulLowering::tileOf(ArrayRef<Weight> together, Value out, Value block,
                            Value t, int64_t tile) {
  SmallVector<Dots> sums;
  for (const Weight &w : together)
    sums.push_back(dots(w, block, t, tile));
  for (int64_t i = 0; i < tile; ++i)
    for (int64_t g = 0; g < info.groups; ++g) {
      Value y = scaled(together[0], sums[0], block, t, i, g);
      if (op.getGlu())
        y = e.fmul(e.activation(*op.getGlu(), y),
                   scaled(together[1], sums[1], block, t, i, g));
      Value token = e.addI(t, i);
      Value column = e.addI(e.mulI(block, info.rowBlock), g * 16);
      if (residual)
        y = e.fadd(y, e.load(e.f32x16(), residual, {token, column}));
      e.store(y, out, {token, column});
    }
}

/// Columns that pad a row to kRowPad but belong to no block must read as zero.
void MatmulLowering::clearPads(const Weight &w, Value out) {
  int64_t covered = w.blocks * info.rowBlock;
  int64_t padded = llvm::alignTo(w.rows, kRowPad);
  if (covered >= padded)
    return;
  e.parallel(rows, [&](Value t) {
    for (int64_t column = covered; column < padded; column += 16)
      e.store(e.splat(0.0f), out, {t, e.index(column)});
  });
}

void MatmulLowering::lower() {
  // With a gate both weights are walked together, block by block.
  SmallVector<ArrayRef<Weight>> walks;
  if (op.getGlu())
    walks.push_back(weights);
  else
    for (size_t i = 0; i < weights.size(); ++i)
      walks.push_back(ArrayRef(weights).slice(i, 1));

  int64_t total = 0;
  for (ArrayRef<Weight> walk : walks)
    total += walk[0].blocks;
  auto [lo, hi] = e.share(e.index(total));
  int64_t begin = 0;
  for (auto [i, walk] : llvm::enumerate(walks)) {
    int64_t blocks = walk[0].blocks;
    auto clamp = [&](Value bound) -> Value {
      Value low = arith::MaxSIOp::create(
          e.b, e.loc, e.sub(bound, e.index(begin)), e.index(0));
      return arith::MinSIOp::create(e.b, e.loc, low, e.index(blocks));
    };
    Value out = e.buffer(op.getResult(i));
    int64_t tile = kernel.tokenTile;
    e.loop(clamp(lo), clamp(hi), 1, [&, walk = walk](Value block) {
      Value tiled = e.index(0);
      if (tile > 1) {
        tiled = e.sub(rows, e.remI(rows, tile));
        e.loop(e.index(0), tiled, tile,
               [&](Value t) { tileOf(walk, out, block, t, tile); });
      }
      e.loop(tiled, rows, 1, [&](Value t) { tileOf(walk, out, block, t, 1); });
    });
    clearPads(walk[0], out);
    begin += blocks;
  }
}

LogicalResult mlir::bitnet::lowerMatmul(Emitter &e, MatmulOp op) {
  const Kernel *kernel =
      op.getKernel() ? lookupKernel(*op.getKernel()) : nullptr;
  if (!kernel)
    return op.emitOpError("has no kernel; select kernels first");
  MatmulLowering(e, op, *kernel).lower();
  return success();
}
