//===- AttentionBits.cpp - Attention over signs of keys and values --------===//
//
// A word has 32 dimensions of a key, and a vector of words 16 positions, so the
// bits that differ from a query's are counted for 16 positions at once and
// their sums need no step across lanes:
//
//   q . k = d - 2 popcount(q xor k)
//
// Bits behind a head's width are zero in both. A value is a bit a dimension: 16
// of them are the mask of a vector, and where it is set a weight, kept with a
// minus, has its sign flipped before it is added. Weights have the values'
// scales in them.
//
//===----------------------------------------------------------------------===//

#include "passes/lower/Attention.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include <cmath>

using namespace mlir;
using namespace mlir::bitnet;

/// Bytes of a cache line.
static constexpr int64_t kLine = 64;

BitAttention::BitAttention(Emitter &e, AttentionOp op)
    : AttentionLowering(e, op, 1) {
  if (op.getScoreScale())
    scoreScale = e.weightWindow(*op.getScoreScale(),
                                {int64_t(llvm::alignTo(heads, kRowPad))},
                                e.b.getF32Type());
}

void BitAttention::addScratch(Scratch &s, const Blocking &blocking) {
  int64_t rows = blocking.rows;
  s.scores = e.stack({1, kChunkPages, rows, kPageTokens});
  s.qBits = e.stack({rows, shape.keyWords()}, e.b.getI32Type());
  s.qScale = e.stack({rows});
}

Value BitAttention::bytes(VectorType type, Value page, Value head, Value at) {
  int64_t count = type.getNumElements() * type.getElementTypeBitWidth() / 8;
  Value loaded = e.load(VectorType::get(count, e.b.getI8Type()), page,
                        {e.get(Env::Layer), head, zero, at});
  return vector::BitCastOp::create(e.b, e.loc, type, loaded);
}

Value BitAttention::signs(Value page, Value head, Value at) {
  Value mask = bytes(VectorType::get(16, e.b.getI1Type()), page, head, at);
  return arith::SelectOp::create(e.b, e.loc, mask, e.splatI32(INT32_MIN),
                                 e.splatI32(0));
}

/// Bits of a query, and c / sqrt(d) of its head.
void BitAttention::readQuery(Tile &tile, Value row, Value token, Value column) {
  Scratch &s = tile.s;
  for (int64_t word = 0; word < shape.keyWords(); ++word) {
    Value bits = signWord(
        e, e.addI(column, word * 32), d - word * 32 < 32 ? 16 : 32,
        [&](Value i) { return e.load(e.f32x16(), query, {token, i}); });
    e.store(bits, s.qBits, {row, e.index(word)});
  }
  Value c = scoreScale ? e.load(scoreScale, e.divI(column, d)) : e.f32(1.0f);
  float root = std::sqrt(static_cast<float>(d));
  e.store(e.fdiv(c, e.f32(root)), s.qScale, row);
}

/// s[j] = f32(d - 2 popcount(q xor k[j])) * (c / sqrt(d)), 16 positions a
/// vector.
void BitAttention::scorePages(Tile &tile, Value firstPage, Value pages) {
  const Blocking &blocking = tile.blocking;
  Scratch &s = tile.s;
  int64_t rowBlock = blocking.rowBlock, width = blocking.pages;
  // Whole blocks of pages: a page behind the last one is the last one again,
  // and what it scores is not visible.
  Value last = e.addI(e.add(firstPage, pages), -1);
  e.loop(zero, pages, width, [&](Value first) {
    SmallVector<Value> refs;
    for (int64_t p = 0; p < width; ++p)
      refs.push_back(
          pageOf(tile, e.min(e.add(firstPage, e.addI(first, p)), last)));
    e.loop(zero, e.index(blocking.rows), rowBlock, [&](Value row) {
      SmallVector<Value> init(rowBlock * width, e.splatI32(0));
      auto counts = e.loop(
          zero, e.index(shape.keyWords()), 1, init,
          [&](Value word, ValueRange carried) {
            SmallVector<Value> counts(carried);
            for (int64_t p = 0; p < width; ++p) {
              Value k = bytes(e.i32x16(), refs[p], tile.head,
                              e.mulI(word, kPageTokens * 4));
              for (int64_t r = 0; r < rowBlock; ++r) {
                Value q = e.broadcast(e.load(s.qBits, {e.addI(row, r), word}),
                                      e.i32x16());
                Value differ = arith::XOrIOp::create(e.b, e.loc, k, q);
                Value &count = counts[r * width + p];
                count = e.add(count, math::CtPopOp::create(e.b, e.loc, differ));
              }
            }
            return counts;
          });
      for (int64_t p = 0; p < width; ++p) {
        Value inChunk = e.addI(first, p);
        for (int64_t r = 0; r < rowBlock; ++r) {
          Value at = e.addI(row, r), count = counts[r * width + p];
          Value dot =
              e.sub(e.splatI32(static_cast<int32_t>(d)), e.add(count, count));
          Value x = arith::SIToFPOp::create(e.b, e.loc, e.f32x16(), dot);
          Value scale = splat(e.load(s.qScale, at));
          Value seen = visible(tile, at, e.add(firstPage, inChunk));
          e.store(select(seen, e.fmul(x, scale), kSoftmaxStart), s.scores,
                  {zero, inChunk, at, zero});
        }
      }
    });
  });
}

/// -w = -(p * scale of v), which must not be NaN where a page is not yet
/// written.
void BitAttention::keepWeights(Tile &tile, Value row, Value firstPage,
                               Value number, Value p, Value seen) {
  Value ref = pageOf(tile, e.add(firstPage, number));
  Value scales = bytes(e.f32x16(), ref, tile.head, e.index(shape.scaleAt()));
  Value minus = arith::NegFOp::create(e.b, e.loc, e.fmul(p, scales));
  e.store(select(seen, minus, 0.0f), tile.s.scores, {zero, number, row, zero});
}

/// o = sum_j +-w[j] over the chunk, positions in rising order, 16 columns a
/// vector.
void BitAttention::weighValues(Tile &tile, Value firstPage, Value pages) {
  const Blocking &blocking = tile.blocking;
  Scratch &s = tile.s;
  int64_t rowBlock = blocking.rowBlock, parts = blocking.parts;
  // The next chunk's keys and values are one run of lines.
  e.loop(zero, pages, 1, [&](Value number) {
    if (auto next = ahead(tile, 1, firstPage, pages, number))
      for (int64_t at = 0; at < shape.halfElements(); at += kLine)
        fetch({next->page, next->head, zero}, e.index(at));
  });
  e.loop(zero, e.index(blocking.rows), rowBlock, [&](Value row) {
    e.loop(zero, e.index(d), 16 * parts, [&](Value column) {
      SmallVector<Value> init(rowBlock * parts, e.splat(0.0f));
      Value inRow = e.divI(column, 8);
      auto sums =
          e.loop(zero, pages, 1, init, [&](Value number, ValueRange carried) {
            SmallVector<Value> sums(carried);
            Value ref = pageOf(tile, e.add(firstPage, number));
            for (int64_t j = 0; j < kPageTokens; ++j) {
              SmallVector<Value> flips;
              for (int64_t i = 0; i < parts; ++i)
                flips.push_back(signs(
                    ref, tile.head,
                    e.addI(inRow, shape.bitValuesAt() + j * d / 8 + 2 * i)));
              for (int64_t r = 0; r < rowBlock; ++r) {
                Value w = splat(e.load(
                    s.scores, {zero, number, e.addI(row, r), e.index(j)}));
                w = arith::BitcastOp::create(e.b, e.loc, e.i32x16(), w);
                for (int64_t i = 0; i < parts; ++i) {
                  Value v = arith::XOrIOp::create(e.b, e.loc, w, flips[i]);
                  v = arith::BitcastOp::create(e.b, e.loc, e.f32x16(), v);
                  Value &sum = sums[r * parts + i];
                  sum = e.fadd(sum, v);
                }
              }
            }
            return sums;
          });
      for (int64_t i = 0; i < rowBlock * parts; ++i)
        e.store(sums[i], s.o,
                {e.addI(row, i / parts), e.addI(column, i % parts * 16)});
    });
  });
}
