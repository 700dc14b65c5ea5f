//===- Attention.cpp - Who computes what of attention ---------------------===//
//
// Tiles of tokens, their chunks one after the other or apart, and the
// combination of chunks. Attention.h says how the work is divided.
//
//===----------------------------------------------------------------------===//

#include "passes/lower/Attention.h"

using namespace mlir;
using namespace mlir::bitnet;

/// Rows of a tile of several tokens, about: enough to hide latencies.
static constexpr int64_t kTileRows = 16;

AttentionLowering::AttentionLowering(Emitter &e, AttentionOp op, int64_t planes)
    : e(e), op(op), d(op.getHeadDim()), heads(op.getHeads()),
      kvHeads(op.getKvHeads()), group(heads / kvHeads), planes(planes) {
  auto module = op->getParentOfType<ModuleOp>();
  shape = kvPageShape(module);
  query = e.buffer(op.getQuery());
  out = e.buffer(op.getResult());
  tokens = e.rowsOf(op.getQuery());
  zero = e.index(0);
  SmallVector<int32_t> numbers = llvm::to_vector(llvm::seq<int32_t>(16));
  lanes = arith::ConstantOp::create(
      e.b, e.loc, DenseElementsAttr::get(e.i32x16(), ArrayRef(numbers)));
  capacity = module->getAttrOfType<IntegerAttr>(kFixedWorkspaceAttr).getInt() /
             attentionRowBytes(op);
  int64_t slots = module->getAttrOfType<IntegerAttr>(kWorkspaceAttr).getInt();
  partial =
      e.window(e.get(Env::Workspace), e.mulI(e.get(Env::MaxTokens), slots),
               {capacity, heads, d + kLanes}, e.b.getF32Type());
  prefetch = e.prefetchBytes > 0;
}

AttentionLowering::Scratch
AttentionLowering::makeScratch(const Blocking &blocking) {
  int64_t rows = blocking.rows;
  Scratch s;
  addScratch(s, blocking);
  s.o = e.stack({rows, d});
  s.outAll = e.stack({rows, d});
  s.maxAll = e.stack({rows});
  s.sumAll = e.stack({rows});
  s.before = e.stack({rows});
  s.now = e.stack({rows});
  return s;
}

/// Output, maximum and sum of a row over the chunks done: the result, or with
/// several splits what combineSplits() reads.
void AttentionLowering::store(Tile &tile, Value splits, Value split) {
  Scratch &s = tile.s;
  e.loop(zero, e.index(tile.blocking.tokens * group), 1, [&](Value row) {
    Value token = e.add(tile.token, e.divI(row, group));
    Value head = e.add(e.mulI(tile.head, group), e.remI(row, group));
    Value sum = splat(e.load(s.sumAll, row));
    auto all = [&](Value i) { return e.load(e.f32x16(), s.outAll, {row, i}); };
    e.ifElse(
        equal(splits, e.index(1)),
        [&] {
          e.loop(zero, e.index(d), 16, [&](Value i) {
            e.store(e.fdiv(all(i), sum), out,
                    {token, e.add(e.mulI(head, d), i)});
          });
        },
        [&] {
          Value at = e.add(e.mul(token, splits), split);
          e.loop(zero, e.index(d), 16,
                 [&](Value i) { e.store(all(i), partial, {at, head, i}); });
          e.store(e.load(s.maxAll, row), partial, {at, head, e.index(d)});
          e.store(e.load(s.sumAll, row), partial, {at, head, e.index(d + 1)});
        });
  });
}

/// One tile over the chunks from `begin` to `end`.
void AttentionLowering::attend(Tile &tile, Value begin, Value end, Value splits,
                               Value split) {
  Scratch &s = tile.s;
  int64_t tokenRow = group * d, rows = tile.blocking.rows;
  Value first = e.mulI(tile.head, tokenRow);
  e.loop(zero, e.index(rows * d), 16, [&](Value i) {
    e.store(e.splat(0.0f), s.outAll, {e.divI(i, d), e.remI(i, d)});
  });
  e.loop(zero, e.index(rows), 1, [&](Value row) {
    e.store(e.f32(kSoftmaxStart), s.maxAll, row);
    e.store(e.f32(0.0f), s.sumAll, row);
    // Rows that fill the last block repeat the last one.
    Value real = e.min(row, e.index(tile.blocking.tokens * group - 1));
    Value token = e.add(tile.token, e.divI(real, group));
    Value column = e.add(first, e.mulI(e.remI(real, group), d));
    readQuery(tile, row, token, column);
  });
  Value lastPage = lastPageOf(tile);
  Value afterHead = tile.nextHead, afterPage = tile.nextPage;
  e.loop(begin, end, 1, [&](Value chunk) {
    Value firstPage = e.mulI(chunk, kChunkPages);
    Value pages =
        e.min(e.index(kChunkPages), e.sub(e.addI(lastPage, 1), firstPage));
    Value isLast = equal(e.addI(chunk, 1), end);
    tile.nextHead = choose(isLast, afterHead, tile.head);
    tile.nextPage = choose(isLast, afterPage, e.addI(firstPage, kChunkPages));
    scorePages(tile, firstPage, pages);
    softmax(tile, firstPage, pages);
    weighValues(tile, firstPage, pages);
    e.loop(zero, e.index(rows), 1, [&](Value row) {
      Value before = splat(e.load(s.before, row));
      Value now = splat(e.load(s.now, row));
      e.loop(zero, e.index(d), 16, [&](Value i) {
        Value x = e.load(e.f32x16(), s.outAll, {row, i});
        Value y = e.load(e.f32x16(), s.o, {row, i});
        e.store(mix(x, before, y, now), s.outAll, {row, i});
      });
    });
  });
  store(tile, splits, split);
}

void AttentionLowering::combineSplits(Value splits) {
  int64_t parts = d / 16;
  e.parallel(e.mulI(tokens, heads), [&](Value item) {
    Value token = e.divI(item, heads), head = e.remI(item, heads);
    Value chunks = e.addI(e.divI(positionOf(token), kChunkTokens), 1);
    SmallVector<Value> init{e.f32(kSoftmaxStart), e.f32(0.0f)};
    init.append(parts, e.splat(0.0f));
    auto all = e.loop(zero, chunks, 1, init, [&](Value chunk, ValueRange old) {
      Value at = e.add(e.mul(token, splits), chunk);
      Merge merged = merge(old[0], e.load(partial, {at, head, e.index(d)}));
      SmallVector<Value> next{merged.max};
      next.push_back(mix(old[1], merged.before,
                         e.load(partial, {at, head, e.index(d + 1)}),
                         merged.now));
      Value before = splat(merged.before), now = splat(merged.now);
      for (int64_t i = 0; i < parts; ++i)
        next.push_back(
            mix(old[2 + i], before,
                e.load(e.f32x16(), partial, {at, head, e.index(16 * i)}), now));
      return next;
    });
    Value sum = splat(all[1]);
    for (int64_t i = 0; i < parts; ++i)
      e.store(e.fdiv(all[2 + i], sum), out,
              {token, e.addI(e.mulI(head, d), 16 * i)});
  });
}

Value AttentionLowering::countSplits() {
  Value chunks = e.loop(
      zero, tokens, 1, e.index(1),
      [&](Value t, ValueRange most) -> SmallVector<Value> {
        return {e.max(most[0], e.addI(e.divI(positionOf(t), kChunkTokens), 1))};
      })[0];
  Value fits = e.lessThan(e.mul(chunks, tokens), e.index(capacity + 1));
  return choose(fits, chunks, e.index(1));
}

/// Whether the next `count` tokens are of one sequence, in consecutive order.
Value AttentionLowering::isTile(Value token, int64_t count) {
  Value is = e.lessThan(e.addI(token, count - 1), tokens);
  Value last = e.addI(tokens, -1);
  auto sequence = [&](Value t) { return e.load(e.get(Env::Sequence), t); };
  for (int64_t i = 1; i < count; ++i) {
    Value other = e.min(e.addI(token, i), last);
    Value same = equal(sequence(other), sequence(token));
    Value next = equal(positionOf(other), e.addI(positionOf(token), i));
    is = arith::AndIOp::create(e.b, e.loc, is,
                               arith::AndIOp::create(e.b, e.loc, same, next));
  }
  return is;
}

void AttentionLowering::clearPadding() {
  int64_t columns = op.getType().getDimSize(1);
  int64_t padded = paddedColumns(op.getType());
  if (columns < padded)
    e.parallel(tokens, [&](Value t) {
      for (int64_t column = columns; column < padded; column += 16)
        e.store(e.splat(0.0f), out, {t, e.index(column)});
    });
}

void AttentionLowering::run() {
  int64_t registers = e.vectorRegisters;
  int64_t tileTokens = std::max<int64_t>(1, kTileRows / group);
  Blocking one(1, group, d / 16, registers, planes);
  Blocking many(tileTokens, group, d / 16, registers, planes);
  Scratch oneScratch = makeScratch(one);
  Scratch manyScratch = tileTokens > 1 ? makeScratch(many) : Scratch();

  Value splits = countSplits();
  Value tiles = ceilDiv(tokens, tileTokens);
  Value perHead = e.mul(tiles, splits);
  e.parallel(e.mulI(perHead, kvHeads), [&](Value item) {
    Value head = e.div(item, perHead), inHead = e.rem(item, perHead);
    Value split = e.rem(inHead, splits), order = e.div(inHead, splits);
    // A late tile sees more than an early one: they take turns, from both
    // ends, so that equal shares of items are equal shares of work.
    Value half = e.divI(order, 2);
    Value isOdd = equal(e.remI(order, 2), e.index(1));
    Value number = choose(isOdd, e.sub(e.addI(tiles, -1), half), half);
    Value token = e.mulI(number, tileTokens);
    auto attendTile = [&](const Blocking &blocking, const Scratch &scratch,
                          Value token) {
      Value position = positionOf(token);
      // The next item's keys, if it is of the same token.
      Value isLast = equal(e.addI(split, 1), splits);
      Value otherHead = e.min(e.addI(head, 1), e.index(kvHeads - 1));
      Value nextHead = choose(isLast, otherHead, head);
      Value nextPage =
          choose(isLast, zero, e.mulI(e.addI(split, 1), kChunkPages));
      Tile tile{blocking, scratch, token, position, head, nextHead, nextPage};
      Value chunks = e.addI(
          e.divI(e.addI(position, blocking.tokens - 1), kChunkTokens), 1);
      // All chunks, or the one of this split if there is one.
      Value end = choose(equal(splits, e.index(1)), chunks,
                         e.min(e.addI(split, 1), chunks));
      e.onlyIf(e.lessThan(split, end),
               [&] { attend(tile, split, end, splits, split); });
    };
    auto attendEach = [&] {
      Value end = e.min(e.addI(token, tileTokens), tokens);
      e.loop(token, end, 1, [&](Value t) { attendTile(one, oneScratch, t); });
    };
    if (tileTokens == 1)
      return attendEach();
    e.ifElse(
        isTile(token, tileTokens),
        [&] { attendTile(many, manyScratch, token); }, attendEach);
  });
  e.onlyIf(e.lessThan(e.index(1), splits), [&] { combineSplits(splits); });
  clearPadding();
}

void mlir::bitnet::lowerAttention(Emitter &e, AttentionOp op) {
  if (op.getForm() == KVForm::I8)
    return CodeAttention(e, op).run();
  if (op.getForm() == KVForm::B1)
    return BitAttention(e, op).run();
  HalfAttention(e, op).run();
}
