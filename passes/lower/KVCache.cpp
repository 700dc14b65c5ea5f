//===- KVCache.cpp - RoPE and the pages of the KV cache -------------------===//
//
// What happens to queries, keys and values between their matmul and attention.
//
//===----------------------------------------------------------------------===//

#include "passes/lower/KVCache.h"
#include "passes/Planning.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::bitnet;

KVPageShape mlir::bitnet::kvPageShape(ModuleOp module) {
  KVPageShape shape{1, 0, 0};
  module.walk([&](Operation *op) {
    if (auto repeat = dyn_cast<RepeatOp>(op))
      shape.layers = repeat.getCount();
    if (auto append = dyn_cast<KVAppendOp>(op)) {
      shape.headDim = append.getHeadDim();
      shape.kvHeads = append.getKey().getType().getDimSize(1) / shape.headDim;
    }
  });
  return shape;
}

/// Rotates pairs of 16 (or 8) lanes: half pairs (i, i + d/2), interleaved pairs
/// (2i, 2i + 1).
void mlir::bitnet::lowerRope(Emitter &e, RopeOp op) {
  OpBuilder &b = e.b;
  int64_t d = op.getHeadDim(), half = d / 2;
  int64_t lanes = half % 16 ? 8 : 16;
  auto type = VectorType::get(lanes, b.getF32Type());
  auto wide = VectorType::get(2 * lanes, b.getF32Type());
  bool interleaved = op.getKind() == RopeKind::Interleaved;
  WeightOp table = e.weight(op.getTable());
  Value angles = e.weightWindow(
      op.getTable(),
      {table.getRows(), int64_t(llvm::alignTo(table.getCols(), kRowPad))},
      b.getF32Type());
  Value in = e.buffer(op.getInput()), out = e.buffer(op.getResult());
  int64_t columns = op.getType().getDimSize(1), heads = columns / d;

  SmallVector<int64_t> even, odd, merge;
  for (int64_t i = 0; i < lanes; ++i) {
    even.push_back(2 * i);
    odd.push_back(2 * i + 1);
    llvm::append_range(merge, ArrayRef<int64_t>{i, lanes + i});
  }
  Value rows = e.rowsOf(op.getInput());
  e.parallel(e.mulI(rows, heads), [&](Value item) {
    Value t = e.divI(item, heads);
    Value base = e.mulI(e.remI(item, heads), d);
    Value position = e.toIndex(e.load(e.get(Env::Position), t));
    for (int64_t i = 0; i < half; i += lanes) {
      Value cos = e.load(type, angles, {position, e.index(i)});
      Value sin = e.load(type, angles, {position, e.index(half + i)});
      Value x, y, both;
      Value first = e.addI(base, interleaved ? 2 * i : i);
      Value second = e.addI(base, half + i);
      if (interleaved) {
        both = e.load(wide, in, {t, first});
        x = vector::ShuffleOp::create(b, e.loc, both, both, even);
        y = vector::ShuffleOp::create(b, e.loc, both, both, odd);
      } else {
        x = e.load(type, in, {t, first});
        y = e.load(type, in, {t, second});
      }
      Value rx = e.fsub(e.fmul(x, cos), e.fmul(y, sin));
      Value ry = e.fadd(e.fmul(y, cos), e.fmul(x, sin));
      if (interleaved) {
        e.store(vector::ShuffleOp::create(b, e.loc, rx, ry, merge), out,
                {t, first});
      } else {
        e.store(rx, out, {t, first});
        e.store(ry, out, {t, second});
      }
    }
  });
}

Value mlir::bitnet::kvPage(Emitter &e, const KVPageShape &shape, Value t,
                           Value pageNumber) {
  Value sequence = e.toIndex(e.load(e.get(Env::Sequence), t));
  Value entry =
      e.add(e.mul(sequence, e.get(Env::PagesPerSequence)), pageNumber);
  Value page = e.toIndex(e.load(e.get(Env::PageTable), entry));
  return e.window(e.get(Env::KVPages), e.mulI(page, shape.bytes()),
                  {shape.layers, shape.kvHeads, 2, shape.headDim * kPageTokens},
                  e.b.getI16Type());
}

void mlir::bitnet::lowerKVAppend(Emitter &e, KVAppendOp op) {
  OpBuilder &b = e.b;
  KVPageShape shape = kvPageShape(
      e.b.getInsertionBlock()->getParentOp()->getParentOfType<ModuleOp>());
  int64_t d = shape.headDim;
  Value keys = e.buffer(op.getKey()), values = e.buffer(op.getValue());
  auto i16x16 = VectorType::get(16, b.getI16Type());
  Value rows = e.rowsOf(op.getKey());
  e.parallel(e.mulI(rows, shape.kvHeads), [&](Value item) {
    Value t = e.divI(item, shape.kvHeads), head = e.remI(item, shape.kvHeads);
    Value position = e.toIndex(e.load(e.get(Env::Position), t));
    Value page = kvPage(e, shape, t, e.divI(position, kPageTokens));
    Value inPage = e.remI(position, kPageTokens);
    auto narrow = [&](Value buffer, Value i) -> Value {
      Value x = e.load(e.f32x16(), buffer, {t, e.add(e.mulI(head, d), i)});
      return TruncateF16Op::create(b, e.loc, i16x16, x);
    };
    Value layer = e.get(Env::Layer);
    e.loop(e.index(0), e.index(d), 16, [&](Value i) {
      Value k = narrow(keys, i);
      for (int64_t lane = 0; lane < 16; ++lane) {
        Value at = e.add(e.mulI(e.addI(i, lane), kPageTokens), inPage);
        Value bits =
            vector::ExtractOp::create(b, e.loc, k, ArrayRef<int64_t>{lane});
        e.store(bits, page, {layer, head, e.index(0), at});
      }
      e.store(narrow(values, i), page,
              {layer, head, e.index(1), e.add(e.mulI(inPage, d), i)});
    });
  });
}
