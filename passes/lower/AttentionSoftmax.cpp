//===- AttentionSoftmax.cpp - Scores to weights ---------------------------===//
//
// The second phase of a chunk: its own softmax, and in which proportion its
// output will mix with that of the chunks before.
//
//===----------------------------------------------------------------------===//

#include "passes/lower/Attention.h"

using namespace mlir;
using namespace mlir::bitnet;

Value AttentionLowering::visible(Tile &tile, Value row, Value page) {
  Value position = e.add(tile.position, e.divI(row, group));
  Value last = e.sub(position, e.mulI(page, kPageTokens));
  last = arith::IndexCastOp::create(e.b, e.loc, e.b.getI32Type(), last);
  return arith::CmpIOp::create(e.b, e.loc, arith::CmpIPredicate::sle, lanes,
                               e.broadcast(last, e.i32x16()));
}

/// m = max s, p = exp(s - m) (0 where not visible), l = sum p; then the maximum
/// and sum of all chunks so far, and in which proportion their outputs mix.
void AttentionLowering::softmax(Tile &tile, Value firstPage, Value pages) {
  Scratch &s = tile.s;
  e.loop(zero, e.index(tile.blocking.rows), 1, [&](Value row) {
    Value most =
        e.loop(zero, pages, 1, e.splat(kSoftmaxStart),
               [&](Value page, ValueRange m) -> SmallVector<Value> {
                 return {e.fmax(m[0], e.load(e.f32x16(), s.scores,
                                             {zero, page, row, zero}))};
               })[0];
    Value m = e.max16(most);
    Value lanesSum =
        e.loop(zero, pages, 1, e.splat(0.0f),
               [&](Value page, ValueRange l) -> SmallVector<Value> {
                 Value x =
                     e.load(e.f32x16(), s.scores, {zero, page, row, zero});
                 Value seen = visible(tile, row, e.add(firstPage, page));
                 Value p = select(seen, e.exp(e.fsub(x, splat(m))), 0.0f);
                 keepWeights(tile, row, firstPage, page, p, seen);
                 return {e.fadd(l[0], p)};
               })[0];
    closeWeights(tile, row, pages);
    Merge merged = merge(e.load(s.maxAll, row), m);
    Value sum = mix(e.load(s.sumAll, row), merged.before, e.sum16(lanesSum),
                    merged.now);
    e.store(merged.max, s.maxAll, row);
    e.store(sum, s.sumAll, row);
    e.store(merged.before, s.before, row);
    e.store(merged.now, s.now, row);
  });
}
