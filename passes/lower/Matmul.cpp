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
// Every lane is a row; of rows of bytes, which are summed along K, a few at a
// time are taken. Dots are exact, so neither the tile nor the share can change
// a result.
//
//===----------------------------------------------------------------------===//

#include "passes/lower/Matmul.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace mlir::bitnet;

/// dequantize: 16 rows of one token as floats.
Value MatmulLowering::scaled(const Weight &w, Dots &sums, Value block, Value t,
                             int64_t token, int64_t group) {
  if (inputGroups > 1)
    return sums.at(token, 0, group);
  Value perToken;
  if (tokenScale)
    perToken = e.broadcast(e.load(tokenScale, e.addI(t, token)), e.f32x16());
  if (w.scaleGroup)
    return perToken ? e.fmul(sums.at(token, 0, group), perToken)
                    : sums.at(token, 0, group);
  SmallVector<Value, 2> dots;
  for (int64_t p = 0; p < (bits ? 1 : planes); ++p)
    dots.push_back(sums.at(token, p, group));
  Value value = joinPlanes(dots);
  Value row = e.addI(e.mulI(block, info.rowBlock), group * 16);
  Value scale = w.oneScale
                    ? e.broadcast(e.load(w.scales, e.index(0)), e.f32x16())
                    : e.load(e.f32x16(), w.scales, row);
  return e.fmul(value, perToken ? e.fmul(scale, perToken) : scale);
}

/// An activated gate has to lie somewhere, if not where the product goes.
Value MatmulLowering::rowsOut(unsigned i) {
  if (Value result = op.getRows(i))
    return e.buffer(result);
  if (!op.getGlu())
    return {};
  int64_t padded = llvm::alignTo(weights[0].rows, kRowPad);
  return e.scratch(op, {ShapedType::kDynamic, padded}, e.b.getF32Type(),
                   tablesPerToken(op));
}

/// Bits of 16 rows, of which those that do not exist are 0.
void MatmulLowering::packLanes(const Weight &w, Value y, ValueRange at) {
  Value half = e.divI(at[1], 16);
  for (auto [p, bits] : llvm::enumerate(e.planeBits(y, *op.getPacks()))) {
    if (w.blocks * info.rowBlock > w.rows) {
      Value left = arith::MinSIOp::create(
          e.b, e.loc,
          arith::MaxSIOp::create(e.b, e.loc, e.sub(e.index(w.rows), at[1]),
                                 e.index(0)),
          e.index(16));
      left = arith::IndexCastOp::create(e.b, e.loc, e.b.getI32Type(), left);
      Value exist =
          e.sub(arith::ShLIOp::create(e.b, e.loc, e.i32(1), left), e.i32(1));
      bits = arith::AndIOp::create(
          e.b, e.loc, bits,
          arith::TruncIOp::create(e.b, e.loc, bits.getType(), exist));
    }
    e.store(bits, bitsOut, {at[0], e.index(p), half});
  }
}

/// Applies activation, gate and residual to a product of scalars or vectors
/// alike and stores it.
void MatmulLowering::finish(const Weight &w, Value y, Value out,
                            ValueRange at) {
  auto load = [&](Value from) {
    auto type = dyn_cast<VectorType>(y.getType());
    return type ? e.load(type, from, at) : e.load(from, at);
  };
  if (w.part == Part::Gate)
    y = e.activation(*op.getGlu(), y);
  if (w.part == Part::Up)
    y = e.fmul(load(out), y);
  if (residual)
    y = e.fadd(y, load(residual));
  if (w.part == Part::Gate || op.getRows())
    e.store(y, out, at);
  if (w.part != Part::Gate && bitsOut)
    packLanes(w, y, at);
}

/// One token reads rows one by one, as one stream; several share four rows,
/// which with their sums fill the registers.
void MatmulLowering::rowTileOf(const Weight &w, Value out, Value block, Value t,
                               int64_t tile) {
  int64_t rowsAtATime = tile == 1 ? 1 : 4;
  Value first = e.mulI(block, info.rowBlock);
  e.loop(first, e.addI(first, info.rowBlock), rowsAtATime, [&](Value row) {
    auto y = w.byRow->products(e, row, rowsAtATime, t, tile,
                               tile == 1 ? prefetchBytes : 0);
    for (int64_t r = 0; r < rowsAtATime; ++r)
      for (int64_t i = 0; i < tile; ++i)
        finish(w, y[r * tile + i], out, {e.addI(t, i), e.addI(row, r)});
  });
}

void MatmulLowering::tileOf(const Weight &w, Value out, Value block, Value t,
                            int64_t tile) {
  if (w.byRow)
    return rowTileOf(w, out, block, t, tile);
  int64_t padded = llvm::alignTo(w.rows, kRowPad);
  int64_t lastBlock = (w.blocks - 1) * info.rowBlock;
  // Each pass over pairs ends with its epilogue, so that its sums leave the
  // registers; AVX2's gain nothing by that (targets/README.md).
  int64_t most = info.wordCols == 8 ? groupsOfPass(tile) : info.groups;
  for (int64_t first = 0; first < info.groups; first += most) {
    Groups pass{first, std::min(most, info.groups - first)};
    Dots sums = dots(w, block, t, tile, pass);
    for (int64_t g : llvm::seq(first, first + pass.count)) {
      Value column = e.addI(e.mulI(block, info.rowBlock), g * 16);
      auto epilogue = [&] {
        for (int64_t i = 0; i < tile; ++i)
          finish(w, scaled(w, sums, block, t, i, g), out,
                 {e.addI(t, i), column});
      };
      // The last block may reach beyond the padded row.
      if (lastBlock + g * 16 < padded)
        epilogue();
      else
        e.onlyIf(e.lessThan(column, e.index(padded)), epilogue);
    }
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
  Value noBits = arith::ConstantIntOp::create(e.b, e.loc, 0, 16);
  e.parallel(rows, [&](Value t) {
    for (int64_t column = covered; column < padded; column += 16) {
      if (out)
        e.store(e.splat(0.0f), out, {t, e.index(column)});
      for (int64_t p = 0; bitsOut && p < planesOf(*op.getPacks()); ++p)
        e.store(noBits, bitsOut, {t, e.index(p), e.index(column / 16)});
    }
  });
}

void MatmulLowering::lower() {
  if (kernel.layout == Layout::Trit3R64)
    buildTables();
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
  e.weightPhase(total, bytes, rows, [&](Value lo, Value hi) {
    int64_t begin = 0;
    for (auto [i, walk] : llvm::enumerate(walks)) {
      int64_t blocks = walk[0].blocks;
      auto clamp = [&](Value bound) -> Value {
        Value low = arith::MaxSIOp::create(
            e.b, e.loc, e.sub(bound, e.index(begin)), e.index(0));
        return arith::MinSIOp::create(e.b, e.loc, low, e.index(blocks));
      };
      Value out = rowsOut(i);
      e.loop(clamp(lo), clamp(hi), 1, [&, walk = walk](Value block) {
        for (const Weight &w : walk)
          blockOf(w, out, block);
      });
      begin += blocks;
    }
  });
  for (auto [i, walk] : llvm::enumerate(walks))
    clearPads(walk[0], op.getRows(i) ? e.buffer(op.getRows(i)) : Value());
}

LogicalResult mlir::bitnet::lowerMatmul(Emitter &e, MatmulOp op) {
  const Kernel *kernel =
      op.getKernel() ? lookupKernel(*op.getKernel()) : nullptr;
  if (!kernel)
    return op.emitOpError("has no kernel; select kernels first");
  if (!op.getSketch()) {
    MatmulLowering(e, op, *kernel).lower();
    return success();
  }
  // Either all logits are wanted or the best few.
  Value topK = e.get(Env::TopK);
  Value few = arith::AndIOp::create(
      e.b, e.loc,
      arith::CmpIOp::create(e.b, e.loc, arith::CmpIPredicate::ne, topK,
                            e.index(0)),
      arith::CmpIOp::create(e.b, e.loc, arith::CmpIPredicate::ule, topK,
                            e.index(kMaxTopK)));
  auto either = scf::IfOp::create(e.b, e.loc, few, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(e.b);
  e.b.setInsertionPointToStart(either.thenBlock());
  lowerHeadScreen(e, op, kernel->tokenTile);
  e.b.setInsertionPointToStart(either.elseBlock());
  MatmulLowering(e, op, *kernel).lower();
  return success();
}
