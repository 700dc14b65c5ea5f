//===- Attention.cpp - RoPE, the KV cache and attention -------------------===//
//
// A page of the KV cache holds 16 positions. Keys lie transposed (d x 16), so
// that a vector is 16 positions of one dimension: scores need no sum across
// lanes. Values lie as 16 rows of d. Both are f16.
//
// Work is divided by (token, KV head): the query heads that share a KV head are
// taken together, so a page is read and widened once for all of them, and their
// score sums are independent chains.
//
//===----------------------------------------------------------------------===//

#include "passes/Planning.h"
#include "passes/lower/Emitter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include <cmath>

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

/// The page of the KV cache that holds `position` (a multiple of 16 or not) of
/// the sequence of token t, seen as [layers][kv heads][2][16 d] f16 bits.
static Value pageOf(Emitter &e, const KVPageShape &shape, Value t,
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
    Value page = pageOf(e, shape, t, e.divI(position, kPageTokens));
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

/// Streamed softmax over pages, per query head:
///   s[j] = (sum_d q[d] k[d][j]) / sqrt(d)      16 positions at a time
///   m' = max(m, max s), c = exp(m - m'), p = exp(s - m') (0 where masked)
///   l = l c + sum p,  o = o c + sum_j p[j] v[j],  result o / l
void mlir::bitnet::lowerAttention(Emitter &e, AttentionOp op) {
  OpBuilder &b = e.b;
  KVPageShape shape = kvPageShape(
      e.b.getInsertionBlock()->getParentOp()->getParentOfType<ModuleOp>());
  int64_t d = op.getHeadDim(), kvHeads = op.getKvHeads();
  int64_t group = op.getHeads() / kvHeads, parts = d / 16;
  auto i16x16 = VectorType::get(16, b.getI16Type());
  Value query = e.buffer(op.getQuery()), out = e.buffer(op.getResult());
  Value layer = e.get(Env::Layer);
  Value rootScale = e.splat(1.0f / std::sqrt(static_cast<float>(d)));
  SmallVector<int32_t> laneNumbers = llvm::to_vector(llvm::seq<int32_t>(16));
  Value lanes = arith::ConstantOp::create(
      b, e.loc, DenseElementsAttr::get(e.i32x16(), ArrayRef(laneNumbers)));
  auto widen = [&](Value page, Value head, int64_t half, Value at) -> Value {
    Value bits = e.load(i16x16, page, {layer, head, e.index(half), at});
    return ExtendF16Op::create(b, e.loc, e.f32x16(), bits);
  };

  e.parallel(e.mulI(e.rowsOf(op.getQuery()), kvHeads), [&](Value item) {
    Value t = e.divI(item, kvHeads), head = e.remI(item, kvHeads);
    Value position = e.toIndex(e.load(e.get(Env::Position), t));
    Value firstColumn = e.mulI(head, group * d);

    // Per query head: m, l, then the parts of o.
    int64_t stride = 2 + parts;
    SmallVector<Value> init;
    for (int64_t h = 0; h < group; ++h) {
      init.push_back(e.f32(kSoftmaxStart));
      init.push_back(e.f32(0.0f));
      init.append(parts, e.splat(0.0f));
    }
    Value pages = e.addI(e.divI(position, kPageTokens), 1);
    auto state = e.loop(
        e.index(0), pages, 1, init, [&](Value number, ValueRange carried) {
          Value page = pageOf(e, shape, t, number);
          SmallVector<Value> zeros(group, e.splat(0.0f));
          auto scores = e.loop(
              e.index(0), e.index(d), 1, zeros, [&](Value i, ValueRange sums) {
                Value k = widen(page, head, 0, e.mulI(i, kPageTokens));
                SmallVector<Value> next;
                for (int64_t h = 0; h < group; ++h) {
                  Value column = e.add(e.addI(firstColumn, h * d), i);
                  Value q = e.broadcast(e.load(query, {t, column}), e.f32x16());
                  next.push_back(e.fadd(sums[h], e.fmul(q, k)));
                }
                return next;
              });
          Value last = e.sub(position, e.mulI(number, kPageTokens));
          last = arith::IndexCastOp::create(b, e.loc, b.getI32Type(), last);
          Value valid =
              arith::CmpIOp::create(b, e.loc, arith::CmpIPredicate::sle, lanes,
                                    e.broadcast(last, e.i32x16()));
          auto select = [&](Value x, float otherwise) -> Value {
            return arith::SelectOp::create(b, e.loc, valid, x,
                                           e.splat(otherwise));
          };
          SmallVector<Value> next;
          for (int64_t h = 0; h < group; ++h) {
            ValueRange old = carried.slice(h * stride, stride);
            Value s = select(e.fmul(scores[h], rootScale), kSoftmaxStart);
            Value m = e.fmax(old[0], e.max16(s));
            Value correction = e.exp(e.fsub(old[0], m));
            Value p =
                select(e.exp(e.fsub(s, e.broadcast(m, e.f32x16()))), 0.0f);
            next.push_back(m);
            next.push_back(e.fadd(e.fmul(old[1], correction), e.sum16(p)));
            Value factor = e.broadcast(correction, e.f32x16());
            SmallVector<Value> o;
            for (int64_t i = 0; i < parts; ++i)
              o.push_back(e.fmul(old[2 + i], factor));
            for (int64_t j = 0; j < kPageTokens; ++j) {
              Value weight = e.broadcast(
                  vector::ExtractOp::create(b, e.loc, p, ArrayRef<int64_t>{j}),
                  e.f32x16());
              for (int64_t i = 0; i < parts; ++i) {
                Value v = widen(page, head, 1, e.index(j * d + i * 16));
                o[i] = e.fadd(o[i], e.fmul(weight, v));
              }
            }
            next.append(o);
          }
          return next;
        });
    for (int64_t h = 0; h < group; ++h) {
      Value l = e.broadcast(state[h * stride + 1], e.f32x16());
      for (int64_t i = 0; i < parts; ++i)
        e.store(e.fdiv(state[h * stride + 2 + i], l), out,
                {t, e.addI(firstColumn, h * d + i * 16)});
    }
  });

  // Columns that pad the row must read as zero.
  int64_t columns = op.getType().getDimSize(1);
  int64_t padded = paddedColumns(op.getType());
  if (columns < padded)
    e.parallel(e.rowsOf(op.getQuery()), [&](Value t) {
      for (int64_t column = columns; column < padded; column += 16)
        e.store(e.splat(0.0f), out, {t, e.index(column)});
    });
}
