//===- Matmul.cpp - Integer matrix products and their epilogue ------------===//
//
// Threads take row blocks from contiguous runs of their own, so each reads its
// weights as one stream; a block is multiplied with `tokenTile` tokens at a
// time, whose sums stay in registers:
//
//   for block in this thread's pieces of the blocks of all weights:
//     for t in tokens, tile by tile, the rest as one smaller tile:
//       dots[tile][planes][groups] = 0
//       for step in columns / colStep:
//         load the step's weights once, each token's columns as one broadcast
//       scale, add the residual or gate, store
//
// A gate and what it gates are walked together, block by block: act(gate) is
// stored and read back for the product. Keeping it in registers instead leaves
// too few for the sums of the second.
//
// Every lane is a row. Dots are exact, so neither the tile nor the share can
// change a result.
//
//===----------------------------------------------------------------------===//

#include "passes/lower/Matmul.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace mlir::bitnet;

/// Weights of a piece of work: some microseconds of reading, so that a thread
/// which has lost its core with one in hand can be helped out soon, and a
/// hundred times what claiming it costs.
constexpr int64_t kPieceBytes = 128 << 10;

/// dequantize: 16 rows of one token as floats.
Value MatmulLowering::scaled(const Weight &w, Dots &sums, Value block, Value t,
                             int64_t token, int64_t group) {
  Value perToken;
  if (!bits)
    perToken = e.broadcast(e.load(tokenScale, e.addI(t, token)), e.f32x16());
  if (w.scaleGroup)
    return e.fmul(sums.at(token, 0, group), perToken);
  SmallVector<Value, 2> dots;
  for (int64_t p = 0; p < planes; ++p)
    dots.push_back(sums.at(token, p, group));
  Value value = joinPlanes(dots);
  Value row = e.addI(e.mulI(block, info.rowBlock), group * 16);
  Value scale = w.oneScale
                    ? e.broadcast(e.load(w.scales, e.index(0)), e.f32x16())
                    : e.load(e.f32x16(), w.scales, row);
  return e.fmul(value, bits ? scale : e.fmul(scale, perToken));
}

void MatmulLowering::tileOf(const Weight &w, Value out, Value block, Value t,
                            int64_t tile) {
  Dots sums = dots(w, block, t, tile);
  int64_t padded = llvm::alignTo(w.rows, kRowPad);
  int64_t lastBlock = (w.blocks - 1) * info.rowBlock;
  for (int64_t g = 0; g < info.groups; ++g) {
    Value column = e.addI(e.mulI(block, info.rowBlock), g * 16);
    auto epilogue = [&] {
      for (int64_t i = 0; i < tile; ++i) {
        Value token = e.addI(t, i);
        Value y = scaled(w, sums, block, t, i, g);
        if (w.part == Part::Gate)
          y = e.activation(*op.getGlu(), y);
        if (w.part == Part::Up)
          y = e.fmul(e.load(e.f32x16(), out, {token, column}), y);
        if (residual)
          y = e.fadd(y, e.load(e.f32x16(), residual, {token, column}));
        e.store(y, out, {token, column});
      }
    };
    // The last block may reach beyond the padded row.
    if (lastBlock + g * 16 < padded)
      epilogue();
    else
      e.onlyIf(e.lessThan(column, e.index(padded)), epilogue);
  }
}

void MatmulLowering::blockOf(const Weight &w, Value out, Value block) {
  int64_t tile = kernel.tokenTile;
  Value rest = e.remI(rows, tile), tiled = e.sub(rows, rest);
  e.loop(e.index(0), tiled, tile,
         [&](Value t) { tileOf(w, out, block, t, tile); });
  e.eachCase(rest, tile, [&](int64_t count) {
    if (count)
      tileOf(w, out, block, tiled, count);
  });
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

  int64_t total = 0, bytes = 0;
  for (ArrayRef<Weight> walk : walks) {
    total += walk[0].blocks;
    for (const Weight &w : walk)
      bytes += w.blocks * w.steps * info.bytesPerStep;
  }
  // Without rows (no logits wanted) there is no work.
  Value some = arith::MinUIOp::create(e.b, e.loc, rows, e.index(1));
  Value grain = arith::DivUIOp::create(
      e.b, e.loc, e.index(kPieceBytes * total / bytes),
      arith::MaxUIOp::create(e.b, e.loc, rows, e.index(1)));
  grain = arith::MaxUIOp::create(e.b, e.loc, grain, e.index(1));
  e.phase(e.mulI(some, total), grain, [&](Value lo, Value hi) {
    int64_t begin = 0;
    for (auto [i, walk] : llvm::enumerate(walks)) {
      int64_t blocks = walk[0].blocks;
      auto clamp = [&](Value bound) -> Value {
        Value low = arith::MaxSIOp::create(
            e.b, e.loc, e.sub(bound, e.index(begin)), e.index(0));
        return arith::MinSIOp::create(e.b, e.loc, low, e.index(blocks));
      };
      Value out = e.buffer(op.getResult(i));
      e.loop(clamp(lo), clamp(hi), 1, [&, walk = walk](Value block) {
        for (const Weight &w : walk)
          blockOf(w, out, block);
      });
      begin += blocks;
    }
  });
  for (auto [i, walk] : llvm::enumerate(walks))
    clearPads(walk[0], e.buffer(op.getResult(i)));
}

LogicalResult mlir::bitnet::lowerMatmul(Emitter &e, MatmulOp op) {
  const Kernel *kernel =
      op.getKernel() ? lookupKernel(*op.getKernel()) : nullptr;
  if (!kernel)
    return op.emitOpError("has no kernel; select kernels first");
  MatmulLowering(e, op, *kernel).lower();
  return success();
}
