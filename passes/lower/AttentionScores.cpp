//===- AttentionScores.cpp - Queries with keys ----------------------------===//
//
// The first phase of a chunk: the scores of its positions for all rows of a
// tile. A vector is 16 positions, so that a score needs no sum across lanes.
//
//===----------------------------------------------------------------------===//

#include "passes/lower/Attention.h"

#include <cmath>

using namespace mlir;
using namespace mlir::bitnet;

Value AttentionLowering::visible(Tile &tile, Value row, Value page) {
  Value position = e.add(tile.position, e.divI(row, group));
  Value last = e.sub(position, e.mulI(page, kPageTokens));
  last = arith::IndexCastOp::create(e.b, e.loc, e.b.getI32Type(), last);
  return arith::CmpIOp::create(e.b, e.loc, arith::CmpIPredicate::sle, lanes,
                               e.broadcast(last, e.i32x16()));
}

/// s[j] = (sum_i q[i] k[i][j]) / sqrt(d), 16 positions a vector; positions
/// behind a row's own get the start of the maximum.
void AttentionLowering::scorePages(Tile &tile, Value firstPage, Value pages) {
  const Blocking &blocking = tile.blocking;
  int64_t rowBlock = blocking.rowBlock, width = blocking.pages;
  Value rootScale = e.splat(1.0f / std::sqrt(static_cast<float>(d)));
  // Whole blocks of pages: a page behind the last one is the last one again,
  // and what it scores is not visible.
  Value last = e.addI(e.add(firstPage, pages), -1);
  e.loop(zero, pages, width, [&](Value first) {
    SmallVector<Value> page;
    SmallVector<std::optional<Ahead>> next;
    for (int64_t p = 0; p < width; ++p) {
      Value number = e.add(firstPage, e.addI(first, p));
      page.push_back(kvPage(e, shape, tile.token, e.min(number, last)));
      next.push_back(ahead(tile, 0, firstPage, pages, e.addI(first, p)));
    }
    if (blocking.widened())
      widen(tile, 0, page[0]);
    e.loop(zero, e.index(blocking.rows), rowBlock, [&](Value row) {
      SmallVector<Value> init(rowBlock * width, e.splat(0.0f));
      auto sums = e.loop(
          zero, e.index(d), kUnroll, init, [&](Value i, ValueRange carried) {
            SmallVector<Value> sums(carried);
            for (int64_t u = 0; u < kUnroll; ++u) {
              Value column = e.addI(i, u);
              Value at = e.mulI(column, kPageTokens);
              // Two rows of 16 halves are a cache line.
              if (u % 2 == 0)
                for (std::optional<Ahead> &page : next)
                  if (page)
                    fetch(*page, at);
              SmallVector<Value> k;
              for (int64_t p = 0; p < width; ++p)
                k.push_back(blocking.widened()
                                ? e.load(e.f32x16(), tile.s.wide, {at})
                                : element(0, page[p], tile.head, at));
              for (int64_t r = 0; r < rowBlock; ++r) {
                for (int64_t p = 0; p < width; ++p) {
                  Value q = splat(
                      e.load(tile.s.q, {e.index(p), e.addI(row, r), column}));
                  Value &sum = sums[r * width + p];
                  sum = e.fadd(sum, e.fmul(q, k[p]));
                }
              }
            }
            return sums;
          });
      for (int64_t p = 0; p < width; ++p) {
        Value inChunk = e.addI(first, p);
        for (int64_t r = 0; r < rowBlock; ++r) {
          Value at = e.addI(row, r);
          Value seen = visible(tile, at, e.add(firstPage, inChunk));
          Value s = e.fmul(sums[r * width + p], rootScale);
          e.store(select(seen, s, kSoftmaxStart), tile.s.scores,
                  {zero, inChunk, at, zero});
        }
      }
    });
  });
}
