//===- HeadScreen.cpp - Logits of the best tokens only --------------------===//
//
// The caller wants the best k logits of a row; the others may be -infinity. The
// sketch of the head (dialect/Sketch.h) is a quarter of its bytes:
//
//   1. score every row by its sketch and the high plane of the input; keep the
//      best score of every 16 rows (a unit)
//   2. score exactly the rows above the m-th best unit, m a few times k; keep
//      the best exact logit of every unit. The k-th best of those is a lower
//      bound T of the k-th best logit
//   3. score exactly every row whose sketched score comes within z standard
//      deviations of T; all others are -infinity
//
// Each of these is a phase of work: it needs all that was found in the one
// before. Exact means the very operations of the full product (RowDots.h), so a
// logit that is computed is the same to the bit; which ones are does not depend
// on the threads. Bounds are found by every thread on its own, outside of
// items, where a late thread may find nonsense: it then gets no items. Phases 2
// and 3 are for eight tokens at a time.
//
// Scores of phase 1 wait in the caller's row of logits for phase 3. Best scores
// are kept as integers of the same order.
//
// It is one file because the phases hand each other everything they find.
//
//===----------------------------------------------------------------------===//

#include "dialect/Sketch.h"
#include "passes/Planning.h"
#include "passes/lower/Emitter.h"
#include "passes/lower/RowDots.h"
#include "targets/Kernels.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

#include <limits>

using namespace mlir;
using namespace mlir::bitnet;

static constexpr int64_t kUnit = 16;  ///< Rows that share a best score.
static constexpr int64_t kBlock = 64; ///< Rows of a block of the sketch.
/// A piece of phase 2 or 3: small, because candidates lie close together.
static constexpr int64_t kCandidateBlocks = 16;
/// Tokens that look together: a row that several want is read once.
static constexpr int64_t kTogether = 8;
/// Candidates are fetched so many rows ahead, into the second level of cache:
/// the first has too few places to wait in for a row of kilobytes.
static constexpr int64_t kRowsAhead = 2;
static constexpr int32_t kLowest = std::numeric_limits<int32_t>::min();

namespace {
class HeadScreen {
public:
  HeadScreen(Emitter &e, MatmulOp op, int64_t tokenTile);
  void lower();

private:
  void sketchBlock(Value block, Value r, int64_t tile);
  /// Units that only fill up a vector are never the best.
  void clearPadding();
  Value field(Value bytes, int64_t group);
  /// By how many bits the field of row group `group` is too high.
  int64_t placeOf(int64_t group) const {
    return group < 3 ? 2 * group : e.shiftsBytes ? 0 : 4;
  }
  void scoreUnits(Value r, Value bound, Value lo, Value hi);
  /// What a candidate of phase 3 reaches, 16 times each.
  struct Limits {
    Value margin;       ///< z standard deviations for an error of 1.
    Value score, logit; ///< Keys: one of the two.
  };
  Value candidatesOf(Value block, Value r, const Limits &limits);
  void scoreCandidates(Value token, Value count, Value lo, Value hi);
  /// Phases 2 and 3 of `count` tokens from `token` on.
  void rescore(Value token, Value count);
  Value margin(Value r);

  /// The integers of the order of floats: x < y iff key(x) < key(y).
  Value key(Value x);
  /// The largest integer that at least `count` keys of plane `plane` reach; the
  /// lowest of all if there are fewer keys.
  Value kthBest(Value r, int64_t plane, Value count);
  /// value = body(lane, value) for the lanes of a mask of up to 64 bits.
  Value eachLane(Value bits, Value init,
                 function_ref<Value(Value lane, Value value)> body);
  Value laneMask(Value vector16xi1, Type wide);
  Value compare(arith::CmpIPredicate predicate, Value a, Value b) {
    return arith::CmpIOp::create(e.b, e.loc, predicate, a, b);
  }

  Emitter &e;
  OpBuilder &b;
  MatmulOp op;
  int64_t tokenTile, rows, padded, steps, blocks, units, paddedUnits,
      blockBytes;
  int64_t prefetchBytes = 0;
  RowDots exact;
  Value tokens, logits, keys, sketch, sketchScales, inputWords, inputBytes,
      tokenScale, planeSum;
  /// Of the tokens that look for candidates: [token] the limits, and [token]
  /// [block] which of a block's rows; the rows that are any token's.
  Value margins, bounds, limits, masks, list;
};
} // namespace

HeadScreen::HeadScreen(Emitter &e, MatmulOp op, int64_t tokenTile)
    : e(e), b(e.b), op(op), tokenTile(tokenTile > 1 ? 4 : 1),
      exact(e, cast<SymbolRefAttr>(op.getWeights()[0]), op.getInput(),
            op.getScale(), op.getSum()) {
  WeightOp weight = e.weight(*op.getSketch());
  rows = weight.getRows();
  padded = llvm::alignTo(weight.getCols(), kRowPad);
  const LayoutInfo &info = getLayoutInfo(Layout::U2R64);
  steps = llvm::divideCeil(weight.getCols(), info.colStep);
  blocks = llvm::divideCeil(rows, kBlock);
  blockBytes = steps * info.bytesPerStep;
  units = blocks * (kBlock / kUnit);
  paddedUnits = llvm::alignTo(units, 16);
  prefetchBytes = e.prefetchBytes;

  tokens = e.rowsOf(op.getInput());
  logits = e.buffer(op.getResult(0));
  sketch = e.weightWindow(*op.getSketch(), {blocks, steps, info.bytesPerStep},
                          b.getI8Type());
  sketchScales = e.window(e.get(Env::Weights),
                          e.weightOffset(*op.getSketch(), /*scales=*/true),
                          {2, blocks * kBlock}, b.getF32Type());
  inputWords = e.codesAsWords(op.getInput());
  inputBytes = e.buffer(op.getInput());
  tokenScale = e.buffer(op.getScale());
  planeSum = e.buffer(op.getSum());
  keys = e.scratch(op, {ShapedType::kDynamic, 2, paddedUnits}, b.getI32Type());
  margins = e.stack({kTogether}, b.getF32Type());
  bounds = e.stack({kTogether}, b.getI32Type());
  limits = e.stack({kTogether}, b.getI32Type());
  masks = e.stack({kTogether, kCandidateBlocks}, b.getI64Type());
  list = e.stack({kCandidateBlocks * kBlock}, b.getI32Type());
}

//===----------------------------------------------------------------------===//
// Small parts
//===----------------------------------------------------------------------===//

Value HeadScreen::key(Value x) {
  auto like = [&](int32_t value) -> Value {
    return isa<VectorType>(x.getType()) ? e.splatI32(value) : e.i32(value);
  };
  Type type = isa<VectorType>(x.getType()) ? Type(e.i32x16()) : b.getI32Type();
  Value bits = arith::BitcastOp::create(b, e.loc, type, x);
  Value sign = arith::ShRSIOp::create(b, e.loc, bits, like(31));
  Value flip = arith::AndIOp::create(b, e.loc, sign, like(0x7fffffff));
  return arith::XOrIOp::create(b, e.loc, bits, flip);
}

/// for bit = 31 .. 0: take the bit if enough keys are still reached
Value HeadScreen::kthBest(Value r, int64_t plane, Value count) {
  Value planeIndex = e.index(plane);
  SmallVector<Value> init{e.i32(kLowest), e.i32(kLowest)}; // bound, bit 31
  auto result =
      e.loop(e.index(0), e.index(32), 1, init, [&](Value, ValueRange carried) {
        Value tried = e.add(carried[0], carried[1]);
        Value wide = e.broadcast(tried, e.i32x16());
        auto reached = e.loop(
            e.index(0), e.index(paddedUnits), 16, {e.splatI32(0)},
            [&](Value unit, ValueRange sums) -> SmallVector<Value> {
              Value these = e.load(e.i32x16(), keys, {r, planeIndex, unit});
              Value enough = compare(arith::CmpIPredicate::sge, these, wide);
              return {e.sub(sums[0], arith::ExtSIOp::create(
                                         b, e.loc, e.i32x16(), enough))};
            });
        Value enough =
            compare(arith::CmpIPredicate::sge, e.sumI32(reached[0]), count);
        Value bound =
            arith::SelectOp::create(b, e.loc, enough, tried, carried[0]);
        Value bit = arith::ShRUIOp::create(b, e.loc, carried[1], e.i32(1));
        return SmallVector<Value>{bound, bit};
      });
  return result[0];
}

Value HeadScreen::laneMask(Value lanes, Type wide) {
  auto word = VectorType::get(1, b.getIntegerType(16));
  Value bits = vector::BitCastOp::create(b, e.loc, word, lanes);
  bits = vector::ExtractOp::create(b, e.loc, bits, ArrayRef<int64_t>{0});
  return arith::ExtUIOp::create(b, e.loc, wide, bits);
}

Value HeadScreen::eachLane(Value bits, Value init,
                           function_ref<Value(Value lane, Value value)> body) {
  Value zero = arith::ConstantIntOp::create(b, e.loc, 0, 64);
  Value one = arith::ConstantIntOp::create(b, e.loc, 1, 64);
  auto loop = scf::WhileOp::create(
      b, e.loc, TypeRange{bits.getType(), init.getType()},
      ValueRange{bits, init},
      [&](OpBuilder &, Location loc, ValueRange carried) {
        Value more = compare(arith::CmpIPredicate::ne, carried[0], zero);
        scf::ConditionOp::create(b, loc, more, carried);
      },
      [&](OpBuilder &, Location loc, ValueRange carried) {
        Value lane =
            e.toIndex(math::CountTrailingZerosOp::create(b, loc, carried[0]));
        Value left =
            arith::AndIOp::create(b, loc, carried[0], e.sub(carried[0], one));
        scf::YieldOp::create(b, loc, ValueRange{left, body(lane, carried[1])});
      });
  b.setInsertionPointAfter(loop);
  return loop.getResult(1);
}

//===----------------------------------------------------------------------===//
// 1. Scores by the sketch
//===----------------------------------------------------------------------===//

/// The field of row group `group`, in place where its sums stay small enough
/// for every instruction set (DotU8I8Op's bound).
Value HeadScreen::field(Value bytes, int64_t group) {
  if (group == 3 && e.shiftsBytes)
    return arith::ShRUIOp::create(b, e.loc, bytes, e.splatI8(6));
  if (group == 3) {
    bytes = arith::ShRUIOp::create(b, e.loc, bytes, e.splatI8(2));
    group = 2;
  }
  return arith::AndIOp::create(b, e.loc, bytes, e.splatI8(3 << (2 * group)));
}

/// Codes c of 0..3 stand for (c - 3/2) step, and the high plane weighs 256:
///   a = f32(2 sum c q - 3 sum q) * (step * (128 token_scale))
void HeadScreen::sketchBlock(Value block, Value r, int64_t tile) {
  auto i8x64 = VectorType::get(64, b.getI8Type());
  int64_t count = tile * 4;
  int64_t sets = e.setsOfSums(count, steps);
  int64_t unroll = sets * e.stepsOfChain(steps / sets, tile);
  SmallVector<Value> init(count * sets, e.splatI32(0));
  auto sums = e.loop(
      e.index(0), e.index(steps), unroll, init,
      [&](Value first, ValueRange carried) {
        SmallVector<Value> next(carried);
        for (int64_t u = 0; u < unroll; ++u) {
          Value step = e.addI(first, u);
          Value *sum = &next[u % sets * count];
          if (prefetchBytes)
            e.prefetch(sketch,
                       {block, e.addI(step, prefetchBytes / 64), e.index(0)});
          Value bytes = e.load(i8x64, sketch, {block, step, e.index(0)});
          SmallVector<Value> fields;
          for (int64_t g = 0; g < 4; ++g)
            fields.push_back(field(bytes, g));
          for (int64_t i = 0; i < tile; ++i) {
            Value word = e.load(inputWords, {e.addI(r, i), e.index(0), step});
            Value columns = vector::BitCastOp::create(
                b, e.loc, i8x64, e.broadcast(word, e.i32x16()));
            for (int64_t g = 0; g < 4; ++g, ++sum)
              *sum = DotU8I8Op::create(b, e.loc, e.i32x16(), *sum, fields[g],
                                       columns, int64_t(3) << placeOf(g));
          }
        }
        return next;
      });

  Value firstRow = e.mulI(block, kBlock);
  for (int64_t i = 0; i < tile; ++i) {
    Value token = e.addI(r, i);
    Value columnSum = e.mul(e.load(planeSum, {token, e.index(0)}), e.i32(3));
    columnSum = e.broadcast(columnSum, e.i32x16());
    Value perToken =
        e.broadcast(e.fmul(e.load(tokenScale, token), e.f32(128)), e.f32x16());
    for (int64_t g = 0; g < 4; ++g) {
      Value sum = sums[i * 4 + g];
      for (int64_t u = 1; u < sets; ++u)
        sum = e.add(sum, sums[u * count + i * 4 + g]);
      // Twice the sum of the codes, out of the place of their field.
      int64_t shift = placeOf(g) - 1;
      sum = shift < 0
                ? e.add(sum, sum)
                : Value(arith::ShRSIOp::create(
                      b, e.loc, sum, e.splatI32(static_cast<int32_t>(shift))));
      Value row = e.addI(firstRow, g * kUnit);
      Value score =
          arith::SIToFPOp::create(b, e.loc, e.f32x16(), e.sub(sum, columnSum));
      Value step = e.load(e.f32x16(), sketchScales, {e.index(0), row});
      score = e.fmul(score, e.fmul(step, perToken));
      if (rows % kBlock) { // Rows that do not exist are never the best.
        Value lanes = arith::ConstantOp::create(
            b, e.loc,
            DenseElementsAttr::get(
                e.i32x16(), ArrayRef(llvm::to_vector(llvm::seq<int32_t>(16)))));
        Value left = arith::IndexCastOp::create(b, e.loc, b.getI32Type(),
                                                e.sub(e.index(rows), row));
        Value exists = compare(arith::CmpIPredicate::slt, lanes,
                               e.broadcast(left, e.i32x16()));
        score = arith::SelectOp::create(
            b, e.loc, exists, score,
            e.splat(-std::numeric_limits<float>::infinity()));
      }
      e.store(score, logits, {token, row});
      Value unit = e.addI(e.mulI(block, kBlock / kUnit), g);
      e.store(key(e.max16(score)), keys, {token, e.index(0), unit});
    }
  }
}

void HeadScreen::clearPadding() {
  e.loop(e.index(0), tokens, 1, [&](Value r) {
    for (int64_t plane = 0; plane < 2; ++plane)
      for (int64_t unit = units; unit < paddedUnits; ++unit)
        e.store(e.i32(kLowest), keys, {r, e.index(plane), e.index(unit)});
  });
}

//===----------------------------------------------------------------------===//
// 2. Exact logits of the likeliest rows
//===----------------------------------------------------------------------===//

void HeadScreen::scoreUnits(Value r, Value bound, Value lo, Value hi) {
  Type i64 = b.getI64Type();
  Value wide = e.broadcast(bound, e.i32x16());
  Value none = e.f32(-std::numeric_limits<float>::infinity());
  auto scoreUnit = [&](Value unit) {
    Value best = e.load(keys, {r, e.index(0), unit});
    Value any = compare(arith::CmpIPredicate::sge, best, bound);
    auto found = scf::IfOp::create(
        b, e.loc, any,
        [&](OpBuilder &, Location loc) {
          Value row = e.mulI(unit, kUnit);
          Value scores = e.load(e.f32x16(), logits, {r, row});
          Value good = compare(arith::CmpIPredicate::sge, key(scores), wide);
          Value most =
              eachLane(laneMask(good, i64), none, [&](Value lane, Value most) {
                Value y = exact.products(e, e.add(row, lane), 1, r, 1, 0)[0];
                return e.fmax(y, most);
              });
          scf::YieldOp::create(b, loc, key(most));
        },
        [&](OpBuilder &, Location loc) {
          scf::YieldOp::create(b, loc, e.i32(kLowest));
        });
    e.store(found.getResult(0), keys, {r, e.index(1), unit});
  };
  constexpr int64_t unitsOfBlock = kBlock / kUnit;
  e.loop(e.mulI(lo, unitsOfBlock), e.mulI(hi, unitsOfBlock), 1, scoreUnit);
}

//===----------------------------------------------------------------------===//
// 3. Exact logits of all rows that may be among the best
//===----------------------------------------------------------------------===//

/// z times the standard deviation of a score whose row has error 1:
///   z * token_scale * sqrt(sum x^2 + kSketchRatio^2 sum low^2)
/// for codes x of 16 bits, of which the sketch has seen x - low.
Value HeadScreen::margin(Value r) {
  auto i8x16 = VectorType::get(16, b.getI8Type());
  Value shift = e.splatI32(8);
  auto sums =
      e.loop(e.index(0), e.index(padded), 16, {e.splat(0.0f), e.splat(0.0f)},
             [&](Value column, ValueRange carried) -> SmallVector<Value> {
               Value planes[2];
               for (int64_t p = 0; p < 2; ++p)
                 planes[p] = arith::ExtSIOp::create(
                     b, e.loc, e.i32x16(),
                     e.load(i8x16, inputBytes, {r, e.index(p), column}));
               Value high = arith::ShLIOp::create(b, e.loc, planes[0], shift);
               auto square = [&](Value x) {
                 Value f = arith::SIToFPOp::create(b, e.loc, e.f32x16(), x);
                 return e.fmul(f, f);
               };
               return {e.fadd(carried[0], square(e.add(high, planes[1]))),
                       e.fadd(carried[1], square(planes[1]))};
             });
  Value low = e.fmul(e.sum16(sums[1]), e.f32(kSketchRatio * kSketchRatio));
  Value norm = math::SqrtOp::create(b, e.loc, e.fadd(e.sum16(sums[0]), low));
  float z = op.getZ()->convertToFloat();
  return e.fmul(norm, e.fmul(e.load(tokenScale, r), e.f32(z)));
}

/// Which rows of `block` may be among the best; all become -infinity.
Value HeadScreen::candidatesOf(Value block, Value r, const Limits &limits) {
  Type i64 = b.getI64Type();
  Value none = e.splat(-std::numeric_limits<float>::infinity());
  Value mask;
  for (int64_t g = 0; g < kBlock / kUnit; ++g) {
    Value row = e.addI(e.mulI(block, kBlock), g * kUnit);
    Value score = e.load(e.f32x16(), logits, {r, row});
    Value error = e.load(e.f32x16(), sketchScales, {e.index(1), row});
    Value most = e.fadd(score, e.fmul(error, limits.margin));
    Value good = arith::OrIOp::create(
        b, e.loc, compare(arith::CmpIPredicate::sge, key(score), limits.score),
        compare(arith::CmpIPredicate::sge, key(most), limits.logit));
    e.store(none, logits, {r, row});
    Value lanes = laneMask(good, i64);
    if (g)
      lanes = arith::ShLIOp::create(
          b, e.loc, lanes,
          arith::ConstantIntOp::create(b, e.loc, g * kUnit, 64));
    mask = mask ? arith::OrIOp::create(b, e.loc, mask, lanes) : lanes;
  }
  return mask;
}

/// Of blocks [lo, hi), at most kCandidateBlocks. Rows lie far apart and each is
/// too short for the machine's own prefetching, so they are written down first:
/// then it is known which come next.
void HeadScreen::scoreCandidates(Value token, Value count, Value lo, Value hi) {
  Type i64 = b.getI64Type();
  auto wide = [&](Value array, Value i) {
    Value value = e.load(array, i);
    return e.broadcast(value,
                       value.getType().isF32() ? e.f32x16() : e.i32x16());
  };
  Value none = arith::ConstantIntOp::create(b, e.loc, 0, 64);
  auto found = e.loop(
      lo, hi, 1, {e.index(0)},
      [&](Value block, ValueRange before) -> SmallVector<Value> {
        Value place = e.sub(block, lo);
        auto any =
            e.loop(e.index(0), count, 1, {none},
                   [&](Value i, ValueRange others) -> SmallVector<Value> {
                     Value mask = candidatesOf(
                         block, e.add(token, i),
                         {wide(margins, i), wide(bounds, i), wide(limits, i)});
                     e.store(mask, masks, {i, place});
                     return {arith::OrIOp::create(b, e.loc, others[0], mask)};
                   });
        Value first = e.mulI(block, kBlock);
        return {eachLane(any[0], before[0], [&](Value lane, Value rows) {
          Value row = arith::IndexCastOp::create(b, e.loc, b.getI32Type(),
                                                 e.add(first, lane));
          e.store(row, list, rows);
          return e.addI(rows, 1);
        })};
      });
  Value last = e.sub(found[0], e.index(1));
  e.loop(e.index(0), found[0], 1, [&](Value i) {
    Value next = e.toIndex(e.load(list, e.min(e.addI(i, kRowsAhead), last)));
    for (int64_t line = 0; line < padded; line += 64)
      e.prefetch(exact.getCodes(), {next, e.index(line)}, /*locality=*/2);
    Value row = e.toIndex(e.load(list, i));
    Value place = e.sub(e.divI(row, kBlock), lo);
    Value lane = arith::IndexCastOp::create(b, e.loc, i64, e.remI(row, kBlock));
    e.loop(e.index(0), count, 1, [&](Value t) {
      Value wanted = arith::TruncIOp::create(
          b, e.loc, b.getI1Type(),
          arith::ShRUIOp::create(b, e.loc, e.load(masks, {t, place}), lane));
      e.onlyIf(wanted, [&] {
        Value r = e.add(token, t);
        e.store(exact.products(e, row, 1, r, 1, 0)[0], logits, {r, row});
      });
    });
  });
}

/// What the phases go by is found by every thread for itself, outside of items.
void HeadScreen::rescore(Value token, Value count) {
  Value topK =
      arith::IndexCastOp::create(b, e.loc, b.getI32Type(), e.get(Env::TopK));
  // Some of the rows that the sketch likes best are not that good: the k-th
  // best of 8 k is nearly the k-th best of all.
  Value likely = arith::ShLIOp::create(b, e.loc, topK, e.i32(3));
  auto each = [&](function_ref<void(Value i, Value r)> body) {
    e.loop(e.index(0), count, 1, [&](Value i) { body(i, e.add(token, i)); });
  };
  Value blockCount = e.index(blocks), grain = e.index(kCandidateBlocks);

  each([&](Value i, Value r) { e.store(kthBest(r, 0, likely), bounds, i); });
  e.phase(blockCount, grain, [&](Value lo, Value hi) {
    each([&](Value i, Value r) { scoreUnits(r, e.load(bounds, i), lo, hi); });
  });
  each([&](Value i, Value r) {
    e.store(kthBest(r, 1, topK), limits, i);
    e.store(margin(r), margins, i);
  });
  e.phase(blockCount, grain, [&](Value lo, Value hi) {
    e.loop(lo, hi, kCandidateBlocks, [&](Value first) {
      scoreCandidates(token, count, first,
                      e.min(e.addI(first, kCandidateBlocks), hi));
    });
  });
}

//===----------------------------------------------------------------------===//
// All of it
//===----------------------------------------------------------------------===//

void HeadScreen::lower() {
  e.weightPhase(blocks, blocks * blockBytes, tokens, [&](Value lo, Value hi) {
    e.loop(lo, hi, 1, [&](Value block) {
      Value rest = e.remI(tokens, tokenTile), tiled = e.sub(tokens, rest);
      e.loop(e.index(0), tiled, tokenTile,
             [&](Value r) { sketchBlock(block, r, tokenTile); });
      e.eachCase(rest, tokenTile, [&](int64_t count) {
        if (count)
          sketchBlock(block, tiled, count);
      });
      if (paddedUnits > units)
        e.onlyIf(compare(arith::CmpIPredicate::eq, block, e.index(blocks - 1)),
                 [&] { clearPadding(); });
    });
  });
  e.loop(e.index(0), tokens, kTogether, [&](Value token) {
    rescore(token, e.min(e.sub(tokens, token), e.index(kTogether)));
  });
}

void mlir::bitnet::lowerHeadScreen(Emitter &e, MatmulOp op, int64_t tokenTile) {
  HeadScreen(e, op, tokenTile).lower();
}
