//===- KVCache.cpp - RoPE and the pages of the KV cache -------------------===//
//
// What happens to queries, keys and values between their matmul and attention.
//
//===----------------------------------------------------------------------===//

#include "passes/lower/KVCache.h"
#include "passes/Planning.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::bitnet;

KVPageShape mlir::bitnet::kvPageShape(ModuleOp module) {
  KVPageShape shape;
  module.walk([&](Operation *op) {
    if (auto repeat = dyn_cast<RepeatOp>(op))
      shape.layers = repeat.getCount();
    if (auto append = dyn_cast<KVAppendOp>(op)) {
      shape.form = append.getForm();
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
  return e.window(
      e.get(Env::KVPages), e.mulI(page, shape.bytes()),
      {shape.layers, shape.kvHeads, shape.halves(), shape.halfElements()},
      e.b.getIntegerType(8 * shape.elementBytes()));
}

Value mlir::bitnet::signWord(Emitter &e, Value i, int64_t columns,
                             function_ref<Value(Value)> read) {
  auto part = [&](int64_t offset) -> Value {
    return arith::ExtUIOp::create(
        e.b, e.loc, e.b.getI32Type(),
        e.planeBits(read(e.addI(i, offset)), BitQuant::Sign)[0]);
  };
  Value low = part(0);
  if (columns == 16)
    return low;
  Value high = arith::ShLIOp::create(e.b, e.loc, part(16), e.i32(16));
  return arith::OrIOp::create(e.b, e.loc, low, high);
}

namespace {
/// Keys and values of one token and KV head on their way into a page.
struct HeadRow {
  Emitter &e;
  const KVPageShape &shape;
  Value t, head, page, inPage;

  Value read(Value rows, Value i) const {
    return e.load(e.f32x16(), rows, {t, e.add(e.mulI(head, shape.headDim), i)});
  }
  void write(Value x, int64_t half, Value at) const {
    e.store(x, page, {e.get(Env::Layer), head, e.index(half), at});
  }
  void storeHalves(Value keys, Value values) const;
  void storeCodes(Value rows, int64_t half) const;
  void storeSigns(Value keys, Value values) const;

private:
  /// `scalar` as four bytes of the page.
  void writeWord(Value scalar, int64_t half, Value at) const {
    Value word = e.broadcast(scalar, VectorType::get(1, scalar.getType()));
    auto bytes = VectorType::get(4, e.b.getI8Type());
    write(vector::BitCastOp::create(e.b, e.loc, bytes, word), half, at);
  }
};
} // namespace

void HeadRow::storeHalves(Value keys, Value values) const {
  auto i16x16 = VectorType::get(16, e.b.getI16Type());
  auto narrow = [&](Value rows, Value i) -> Value {
    return TruncateF16Op::create(e.b, e.loc, i16x16, read(rows, i));
  };
  e.loop(e.index(0), e.index(shape.headDim), 16, [&](Value i) {
    Value k = narrow(keys, i);
    for (int64_t lane = 0; lane < 16; ++lane) {
      Value at = e.add(e.mulI(e.addI(i, lane), kPageTokens), inPage);
      write(vector::ExtractOp::create(e.b, e.loc, k, ArrayRef<int64_t>{lane}),
            0, at);
    }
    write(narrow(values, i), 1, e.add(e.mulI(inPage, shape.headDim), i));
  });
}

/// a = max(max|x|, kMinCacheMax), round(x * (127 / a)), scale a / 127.
void HeadRow::storeCodes(Value rows, int64_t half) const {
  OpBuilder &b = e.b;
  Location loc = e.loc;
  int64_t d = shape.headDim;
  Value peak =
      e.absMax(e.index(0), e.index(d), [&](Value i) { return read(rows, i); });
  Value a = e.fmax(peak, e.f32(kMinCacheMax));
  Value factor = e.broadcast(e.fdiv(e.f32(127.0f), a), e.f32x16());
  auto bytes = VectorType::get(16, b.getI8Type());
  Value inFour = e.remI(inPage, 4), four = e.divI(inPage, 4);
  e.loop(e.index(0), e.index(d), 16, [&](Value i) {
    Value code = e.roundToEvenInt(e.fmul(read(rows, i), factor));
    code = arith::TruncIOp::create(b, loc, bytes,
                                   e.add(code, e.splatI32(kCacheZero)));
    if (half == 0) { // [d / 4][16][4], four bytes at a time
      for (int64_t lane = 0; lane < 16; lane += 4)
        write(vector::ExtractStridedSliceOp::create(
                  b, loc, code, ArrayRef<int64_t>{lane}, ArrayRef<int64_t>{4},
                  ArrayRef<int64_t>{1}),
              half,
              e.add(e.mulI(e.addI(i, lane), kPageTokens), e.mulI(inPage, 4)));
      return;
    }
    for (int64_t lane = 0; lane < 16; ++lane) { // [4][d][4]
      Value column = e.add(e.mulI(four, d), e.addI(i, lane));
      write(vector::ExtractOp::create(b, loc, code, ArrayRef<int64_t>{lane}),
            half, e.add(e.mulI(column, 4), inFour));
    }
  });
  writeWord(e.fdiv(a, e.f32(127.0f)), half,
            e.addI(e.mulI(inPage, 4), shape.scaleAt()));
}

/// Bits x >= 0 of both, and sum|v| / d.
void HeadRow::storeSigns(Value keys, Value values) const {
  OpBuilder &b = e.b;
  int64_t d = shape.headDim, whole = d / 32 * 32;
  Value inWord = e.mulI(inPage, 4);
  auto word = [&](Value rows, Value i, int64_t columns) {
    return signWord(e, i, columns, [&](Value i) { return read(rows, i); });
  };
  auto keyAt = [&](Value i) {
    return e.add(e.mulI(e.divI(i, 32), kPageTokens * 4), inWord);
  };
  auto valueAt = [&](Value i) {
    Value row = e.addI(e.mulI(inPage, d / 8), shape.bitValuesAt());
    return e.add(row, e.divI(i, 8));
  };
  e.loop(e.index(0), e.index(whole), 32, [&](Value i) {
    writeWord(word(keys, i, 32), 0, keyAt(i));
    writeWord(word(values, i, 32), 0, valueAt(i));
  });
  if (whole < d) {
    Value i = e.index(whole);
    writeWord(word(keys, i, 16), 0, keyAt(i));
    Value bits = e.planeBits(read(values, i), BitQuant::Sign)[0];
    bits = e.broadcast(bits, VectorType::get(1, b.getI16Type()));
    auto bytes = VectorType::get(2, b.getI8Type());
    write(vector::BitCastOp::create(b, e.loc, bytes, bits), 0, valueAt(i));
  }
  Value sum =
      e.loop(e.index(0), e.index(d), 16, e.splat(0.0f),
             [&](Value i, ValueRange sum) -> SmallVector<Value> {
               return {e.fadd(sum[0],
                              math::AbsFOp::create(b, e.loc, read(values, i)))};
             })[0];
  writeWord(e.fdiv(e.sum16(sum), e.f32(static_cast<float>(d))), 0,
            e.addI(inWord, shape.scaleAt()));
}

void mlir::bitnet::lowerKVAppend(Emitter &e, KVAppendOp op) {
  KVPageShape shape = kvPageShape(
      e.b.getInsertionBlock()->getParentOp()->getParentOfType<ModuleOp>());
  Value keys = e.buffer(op.getKey()), values = e.buffer(op.getValue());
  Value rows = e.rowsOf(op.getKey());
  e.parallel(e.mulI(rows, shape.kvHeads), [&](Value item) {
    Value t = e.divI(item, shape.kvHeads), head = e.remI(item, shape.kvHeads);
    Value position = e.toIndex(e.load(e.get(Env::Position), t));
    Value page = kvPage(e, shape, t, e.divI(position, kPageTokens));
    HeadRow row{e, shape, t, head, page, e.remI(position, kPageTokens)};
    if (shape.form == KVForm::F16)
      return row.storeHalves(keys, values);
    if (shape.form == KVForm::B1)
      return row.storeSigns(keys, values);
    row.storeCodes(keys, 0);
    row.storeCodes(values, 1);
  });
}
