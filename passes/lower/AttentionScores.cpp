//===- AttentionScores.cpp - Queries with f16 keys ------------------------===//
//
// The first phase of a chunk: the scores of its positions for all rows of a
// tile. A vector is 16 positions, so that a score needs no sum across lanes.
//
//===----------------------------------------------------------------------===//

#include "passes/lower/Attention.h"

#include <cmath>

using namespace mlir;
using namespace mlir::bitnet;

void HalfAttention::addScratch(Scratch &s, const Blocking &blocking) {
  int64_t rows = blocking.rows;
  s.q = e.stack({blocking.pages, rows, d});
  s.scores = e.stack({blocking.parts, kChunkPages, rows, kPageTokens});
  if (blocking.repeated())
    s.wide = e.stack({d * kPageTokens});
}

void HalfAttention::readQuery(Tile &tile, Value row, Value token,
                              Value column) {
  e.loop(zero, e.index(d), 16, [&](Value i) {
    Value q = e.load(e.f32x16(), query, {token, e.add(column, i)});
    for (int64_t copy = 0; copy < tile.blocking.pages; ++copy)
      e.store(q, tile.s.q, {e.index(copy), row, i});
  });
}

Value HalfAttention::element(int64_t half, Value page, Value head, Value at) {
  auto bits = VectorType::get(16, e.b.getI16Type());
  Value loaded =
      e.load(bits, page, {e.get(Env::Layer), head, e.index(half), at});
  return ExtendF16Op::create(e.b, e.loc, e.f32x16(), loaded);
}

void HalfAttention::widen(Tile &tile, int64_t half, Value page) {
  e.loop(zero, e.index(d * kPageTokens), 16 * kUnroll, [&](Value i) {
    for (int64_t u = 0; u < kUnroll; ++u) {
      Value at = e.addI(i, 16 * u);
      e.store(element(half, page, tile.head, at), tile.s.wide, {at});
    }
  });
}

/// s[j] = (sum_i q[i] k[i][j]) / sqrt(d), 16 positions a vector; positions
/// behind a row's own get the start of the maximum.
void HalfAttention::scorePages(Tile &tile, Value firstPage, Value pages) {
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
      page.push_back(pageOf(tile, e.min(number, last)));
      next.push_back(ahead(tile, 0, firstPage, pages, e.addI(first, p)));
    }
    if (blocking.repeated())
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
                k.push_back(blocking.repeated()
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
