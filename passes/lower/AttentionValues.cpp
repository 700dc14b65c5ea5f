//===- AttentionValues.cpp - Weights with f16 values ----------------------===//
//--------------------------===//
//
// The third phase of a chunk: the sum of its values by weight. A vector is 16
// dimensions, and the sums of a block of rows are in registers.
//
//===----------------------------------------------------------------------===//

#include "passes/lower/Attention.h"

using namespace mlir;
using namespace mlir::bitnet;

/// Pages whose values are weighed by one block of rows and columns after the
/// other, while they are in the first level.
static constexpr int64_t kGroupPages = 4;

void HalfAttention::keepWeights(Tile &tile, Value row, Value, Value page,
                                Value p, Value) {
  for (int64_t copy = 0; copy < tile.blocking.parts; ++copy)
    e.store(p, tile.s.scores, {e.index(copy), page, row, zero});
}

/// o = sum_j p[j] v[j] over the chunk, 16 columns a vector.
void HalfAttention::weighValues(Tile &tile, Value firstPage, Value pages) {
  const Blocking &blocking = tile.blocking;
  Scratch &s = tile.s;
  int64_t rowBlock = blocking.rowBlock, parts = blocking.parts;
  e.loop(zero, e.index(blocking.rows), 1, [&](Value row) {
    e.loop(zero, e.index(d), 16,
           [&](Value i) { e.store(e.splat(0.0f), s.o, {row, i}); });
  });
  int64_t width = blocking.repeated() ? 1 : kGroupPages;
  e.loop(zero, pages, width, [&](Value begin) {
    Value end = e.min(e.addI(begin, width), pages);
    if (blocking.repeated())
      widen(tile, 1, pageOf(tile, e.add(firstPage, begin)));
    e.loop(zero, e.index(blocking.rows), rowBlock, [&](Value row) {
      e.loop(zero, e.index(d), 16 * parts, [&](Value column) {
        auto place = [&](int64_t i) -> SmallVector<Value> {
          return {e.addI(row, i / parts), e.addI(column, i % parts * 16)};
        };
        SmallVector<Value> init;
        for (int64_t i = 0; i < rowBlock * parts; ++i)
          init.push_back(e.load(e.f32x16(), s.o, place(i)));
        auto sums =
            e.loop(begin, end, 1, init, [&](Value number, ValueRange carried) {
              return weighPage(tile, firstPage, pages, number, row, column,
                               carried);
            });
        for (int64_t i = 0; i < rowBlock * parts; ++i)
          e.store(sums[i], s.o, place(i));
      });
    });
  });
}

/// One page for a block of rows and columns.
SmallVector<Value> HalfAttention::weighPage(Tile &tile, Value firstPage,
                                            Value pages, Value number,
                                            Value row, Value column,
                                            ValueRange carried) {
  const Blocking &blocking = tile.blocking;
  int64_t rowBlock = blocking.rowBlock, parts = blocking.parts;
  Value page;
  if (!blocking.repeated())
    page = pageOf(tile, e.add(firstPage, number));
  std::optional<Ahead> next = ahead(tile, 1, firstPage, pages, number);
  return e.loop(zero, e.index(kPageTokens), kUnroll, carried,
                [&](Value j, ValueRange carried) {
                  SmallVector<Value> sums(carried);
                  for (int64_t u = 0; u < kUnroll; ++u) {
                    Value position = e.addI(j, u);
                    Value at = e.add(e.mulI(position, d), column);
                    SmallVector<Value> v;
                    for (int64_t i = 0; i < parts; ++i) {
                      Value part = e.addI(at, 16 * i);
                      // Two vectors of 16 halves are a cache line.
                      if (next && i % 2 == 0)
                        fetch(*next, part);
                      v.push_back(blocking.repeated()
                                      ? e.load(e.f32x16(), tile.s.wide, part)
                                      : element(1, page, tile.head, part));
                    }
                    for (int64_t r = 0; r < rowBlock; ++r)
                      for (int64_t i = 0; i < parts; ++i) {
                        Value p = splat(
                            e.load(tile.s.scores, {e.index(i), number,
                                                   e.addI(row, r), position}));
                        Value &sum = sums[r * parts + i];
                        sum = e.fadd(sum, e.fmul(p, v[i]));
                      }
                  }
                  return sums;
                });
}
