//===- MatmulPairs.cpp - Inner loops by products of matrices --------------===//
//
// Layouts with 8 columns of a row side by side (trit2_r32, bit1_r32) are for
// instructions that multiply some rows of 8 columns with two tokens (mma_u8i8).
// Of 8 rows, with a_r for the columns of row r and t_i for those of token i:
//
//   one token:       sum[2r + h] += a_r . t_0 in half h of the 8 columns
//   pairs of tokens: sum[2r + i] += a_r . t_i
//
// Where two tokens share a sum they are parted at the end, where halves do they
// are added. A step has 16 columns, which a token's loads are of.
//
//===----------------------------------------------------------------------===//

#include "passes/lower/Matmul.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::bitnet;

SmallVector<Value> MatmulLowering::addPairs(const Weight &w, Value block,
                                            Value t, int64_t tile,
                                            Groups groups) {
  assert(planes == 1 && info.parts() == 2 && "kernels take int8 inputs");
  OpBuilder &b = e.b;
  auto i8x16 = VectorType::get(16, b.getI8Type());
  auto i8x64 = VectorType::get(64, b.getI8Type());
  auto i64x8 = VectorType::get(8, b.getI64Type());
  int64_t fields = groups.count * 16 / info.fieldRows();
  int64_t pairs = llvm::divideCeil(tile, 2);
  Value codes = tile > 1 ? e.buffer(op.getInput()) : input;

  // Of the columns of each part: one token's in every row, or two tokens'.
  auto columnsOf = [&](Value step, int64_t pair) -> SmallVector<Value, 2> {
    if (tile == 1) {
      auto part = [&](int64_t h) -> Value {
        Value word = e.load(codes, {t, e.index(0), e.addI(e.mulI(step, 2), h)});
        return vector::BitCastOp::create(b, e.loc, i8x64,
                                         e.broadcast(word, i64x8));
      };
      return {part(0), part(1)};
    }
    SmallVector<Value, 2> tokens;
    for (int64_t i = 2 * pair; i < 2 * pair + 2; ++i) // An odd one is doubled.
      tokens.push_back(e.load(i8x16, codes,
                              {e.addI(t, std::min(i, tile - 1)), e.index(0),
                               e.mulI(step, info.colStep)}));
    auto part = [&](int64_t h) -> Value {
      SmallVector<int64_t> lanes;
      for (int64_t i = 0; i < 16; ++i)
        lanes.push_back(i / 8 * 16 + h * 8 + i % 8);
      return vector::ShuffleOp::create(b, e.loc, tokens[0], tokens[1], lanes);
    };
    return {part(0), part(1)};
  };

  int64_t unroll = tile == 1 ? e.stepsOfChain(w.steps, tile) : 1;
  SmallVector<Value> init(pairs * fields, e.splatI32(0));
  auto body = [&](Value first, ValueRange carried) {
    SmallVector<Value> sums(carried);
    for (int64_t u = 0; u < unroll; ++u) {
      Value step = e.addI(first, u);
      if (groups.first == 0) // Later passes find it in a cache.
        prefetchAhead(w, block, step);
      auto operands = loadStep(w, block, step, groups);
      SmallVector<SmallVector<Value, 2>> columns; // [pair][part]
      for (int64_t pair = 0; pair < pairs; ++pair)
        columns.push_back(columnsOf(step, pair));
      for (int64_t part = 0; part < info.parts(); ++part)
        for (int64_t f = 0; f < fields; ++f) {
          auto [field, bound] = operands[part * fields + f];
          for (int64_t pair = 0; pair < pairs; ++pair) {
            Value &sum = sums[pair * fields + f];
            Value tokens = columns[pair][part];
            if (tile == 1)
              sum = DotU8I8Op::create(b, e.loc, e.i32x16(), sum, field, tokens,
                                      bound);
            else
              sum = MmaU8I8Op::create(b, e.loc, e.i32x16(), sum, field, tokens);
          }
        }
    }
    return sums;
  };
  return e.loop(e.index(0), e.index(w.steps), unroll, init, body);
}

Dots MatmulLowering::pairDots(const Weight &w, Value block, Value t,
                              int64_t tile, Groups pass) {
  auto [first, count] = pass;
  int64_t perGroup = 16 / info.fieldRows(), fields = count * perGroup;
  auto sums = addPairs(w, block, t, tile, pass);
  for (auto [i, sum] : llvm::enumerate(sums))
    if (int64_t place = placeOf(first * perGroup + i % fields))
      sum = arith::ShRSIOp::create(e.b, e.loc, sum,
                                   e.splatI32(static_cast<int32_t>(place)));
  // Every second lane of the two fields that a group of 16 rows is.
  auto lanesOf = [&](ArrayRef<Value> fields, int64_t first) -> Value {
    SmallVector<int64_t> lanes;
    for (int64_t r = 0; r < 16; ++r)
      lanes.push_back(2 * r + first);
    return vector::ShuffleOp::create(e.b, e.loc, fields[0], fields[1], lanes);
  };
  Dots result(planes, info.groups);
  for (int64_t i = 0; i < tile; ++i) {
    Value columnSum =
        e.broadcast(e.load(planeSum, {e.addI(t, i), e.index(0)}), e.i32x16());
    for (int64_t g = 0; g < count; ++g) {
      auto two = ArrayRef(sums).slice(i / 2 * fields + g * perGroup, perGroup);
      Value dot = lanesOf(two, i % 2);
      if (tile == 1)
        dot = e.add(dot, lanesOf(two, 1));
      result.at(i, 0, first + g) = withoutZero(dot, columnSum);
    }
  }
  return result;
}
