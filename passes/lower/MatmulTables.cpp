//===- MatmulTables.cpp - Matmuls that look sums of columns up ------------===//
//
// Three trits of a row and the codes q of three columns give one of 27 sums, of
// which 14 are left when a number and its negative share one: a table of 16
// entries, which one instruction looks up for every row (layout trit3_r64).
// Exact as dots are, with fewer instructions and bytes than a multiplication of
// 2-bit fields takes on AVX2 (targets/README.md).
//
// A sum has up to 384 in size, more than a byte holds:
//
//   sum = 26 high + low,  |low| <= 15,  |high| <= 15
//
// Tables of low and of high are looked up apart. Eight of each are added in
// bytes, a step; those of some steps in 16 bits, and these in 32.
//
//===----------------------------------------------------------------------===//

#include "passes/lower/Matmul.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::bitnet;

/// Threes of columns of a step.
static constexpr int64_t kThrees = 8;
static constexpr int64_t kHigh = 26, kUp = 15;
static_assert(kThrees * 15 < 128, "bytes hold a step");
/// Steps whose sums 16 bits hold.
static constexpr int64_t kStepsOfWords = 8;
static_assert(kStepsOfWords * kThrees * 384 < 1 << 15);

/// Entry n of a table is the sum of the balanced ternary digits of n times the
/// codes. Every step of every token is an item of work of its own; columns
/// behind the row belong to weights of zero, so any code will do.
void MatmulLowering::buildTables() {
  OpBuilder &b = e.b;
  auto i16x16 = VectorType::get(16, b.getI16Type());
  auto splat = [&](int16_t value) -> Value {
    return arith::ConstantOp::create(b, e.loc,
                                     DenseElementsAttr::get(i16x16, value));
  };
  SmallVector<Value> digits;
  for (int divisor : {1, 3, 9}) {
    SmallVector<int16_t> values(16, 0);
    for (int n = 0; n <= 13; ++n)
      values[n] = static_cast<int16_t>((n + 13) / divisor % 3 - 1);
    digits.push_back(arith::ConstantOp::create(
        b, e.loc, DenseElementsAttr::get(i16x16, ArrayRef(values))));
  }
  const Weight &w = weights[0];
  Value codes = e.buffer(op.getInput());
  int64_t columns = cast<MemRefType>(codes.getType()).getShape().back();
  tables = e.scratch(op, {ShapedType::kDynamic, w.steps, kThrees, 2, 16},
                     b.getI8Type());
  e.parallel(e.mulI(rows, w.steps), [&](Value item) {
    Value t = e.divI(item, w.steps), step = e.remI(item, w.steps);
    for (int64_t three = 0; three < kThrees; ++three) {
      Value sum;
      for (int64_t i = 0; i < 3; ++i) {
        Value at = e.addI(e.mulI(step, info.colStep), three * 3 + i);
        if (w.steps * info.colStep > columns)
          at = e.min(at, e.index(columns - 1));
        Value code = arith::ExtSIOp::create(b, e.loc, b.getI16Type(),
                                            e.load(codes, {t, e.index(0), at}));
        Value term = e.mul(e.broadcast(code, i16x16), digits[i]);
        sum = sum ? e.add(sum, term) : term;
      }
      // About (sum + 13) / 26, in 16 bits without a sign.
      Value positive = e.add(sum, splat(kHigh * kUp + kHigh / 2));
      Value quotient = arith::ShRUIOp::create(
          b, e.loc, e.mul(positive, splat(79)), splat(11));
      Value high = e.sub(quotient, splat(kUp));
      Value low = e.sub(sum, e.mul(high, splat(kHigh)));
      auto storePart = [&](int64_t part, Value values) {
        Value bytes = arith::TruncIOp::create(
            b, e.loc, VectorType::get(16, b.getI8Type()), values);
        e.store(bytes, tables,
                {t, step, e.index(three), e.index(part), e.index(0)});
      };
      storePart(0, low);
      storePart(1, high);
    }
  });
}

/// for some steps:
///   for step of them:
///     for three of the step:
///       low += flip(lookup(table of low)), high likewise    64 rows in bytes
///     even += low + 26 high of even bytes, odd likewise     in 16 bits
///   sums of four groups of rows += halves of even and odd   in 32 bits
Dots MatmulLowering::tableDots(const Weight &w, Value block, Value t,
                               int64_t tile) {
  OpBuilder &b = e.b;
  auto i8x16 = VectorType::get(16, b.getI8Type());
  auto i8x64 = VectorType::get(64, b.getI8Type());
  auto i16x32 = VectorType::get(32, b.getI16Type());
  auto splat16 = [&](int16_t value) -> Value {
    return arith::ConstantOp::create(b, e.loc,
                                     DenseElementsAttr::get(i16x32, value));
  };
  auto left = [&](Value v, Value by) -> Value {
    return arith::ShLIOp::create(b, e.loc, v, by);
  };
  auto right = [&](Value v, Value by) -> Value {
    return arith::ShRSIOp::create(b, e.loc, v, by);
  };
  auto addStep = [&](Value step, ValueRange carried) {
    prefetchAhead(w, block, step);
    auto bytesAt = [&](int64_t offset) {
      return e.load(i8x64, w.codes, {block, step, e.index(offset)});
    };
    // Flipping wants signs that are not 0: the lowest bit is set, and again
    // when the sign that was there is the highest. What shifts bring in from a
    // neighbour does no harm.
    Value signs = bytesAt(kThrees / 2 * 64);
    auto notZero = [&](Value v) -> Value {
      return arith::OrIOp::create(b, e.loc, v, e.splatI8(1));
    };
    auto shifted = [&](Value v, int64_t by) -> Value {
      v = vector::BitCastOp::create(b, e.loc, i16x32, v);
      return vector::BitCastOp::create(b, e.loc, i8x64, left(v, splat16(by)));
    };
    Value someSigns = notZero(signs);
    SmallVector<std::pair<Value, Value>> sums(tile);
    Value pair;
    for (int64_t three = 0; three < kThrees; ++three) {
      Value indices;
      if (three % 2 == 0) {
        indices = pair = bytesAt(three / 2 * 64);
      } else {
        indices = arith::ShRUIOp::create(
            b, e.loc, vector::BitCastOp::create(b, e.loc, i16x32, pair),
            splat16(4));
        indices = vector::BitCastOp::create(b, e.loc, i8x64, indices);
      }
      indices = arith::AndIOp::create(b, e.loc, indices, e.splatI8(15));
      Value flips = three == 0            ? someSigns
                    : three < kThrees - 1 ? shifted(someSigns, three)
                                          : notZero(shifted(signs, three));
      for (int64_t i = 0; i < tile; ++i) {
        auto addPart = [&](Value &sum, int64_t part) {
          Value table = e.load(
              i8x16, tables,
              {e.addI(t, i), step, e.index(three), e.index(part), e.index(0)});
          Value found = LookupOp::create(b, e.loc, i8x64, table, indices);
          found = FlipSignsOp::create(b, e.loc, i8x64, found, flips);
          sum = sum ? e.add(sum, found) : found;
        };
        addPart(sums[i].first, 0);
        addPart(sums[i].second, 1);
      }
    }
    SmallVector<Value> next;
    for (int64_t i = 0; i < tile; ++i) {
      Value low = vector::BitCastOp::create(b, e.loc, i16x32, sums[i].first);
      Value high = vector::BitCastOp::create(b, e.loc, i16x32, sums[i].second);
      auto both = [&](auto half) {
        Value sum = e.add(half(low), e.mul(half(high), splat16(kHigh)));
        next.push_back(e.add(carried[next.size()], sum));
      };
      both([&](Value v) { return right(left(v, splat16(8)), splat16(8)); });
      both([&](Value v) { return right(v, splat16(8)); });
    }
    return next;
  };
  SmallVector<Value> zeros(tile * 4, e.splatI32(0));
  auto sums = e.loop(
      e.index(0), e.index(w.steps), kStepsOfWords, zeros,
      [&](Value first, ValueRange carried) {
        Value end = e.min(e.addI(first, kStepsOfWords), e.index(w.steps));
        SmallVector<Value> none(tile * 2, splat16(0));
        auto words = e.loop(first, end, 1, none, addStep);
        SmallVector<Value> next;
        for (int64_t i = 0; i < tile; ++i) {
          Value even =
              vector::BitCastOp::create(b, e.loc, e.i32x16(), words[2 * i]);
          Value odd =
              vector::BitCastOp::create(b, e.loc, e.i32x16(), words[2 * i + 1]);
          Value by = e.splatI32(16);
          for (Value group :
               {right(left(even, by), by), right(left(odd, by), by),
                right(even, by), right(odd, by)})
            next.push_back(e.add(carried[next.size()], group));
        }
        return next;
      });
  Dots result(1, info.groups);
  for (int64_t i = 0; i < tile; ++i)
    for (int64_t g = 0; g < info.groups; ++g)
      result.at(i, 0, g) = sums[i * info.groups + g];
  return result;
}
