//===- Attention.cpp - Attention over pages of keys and values ------------===//
//
// A work item is a tile of tokens, one KV head and a range of chunks of
// positions. The rows of a tile are all (token, query head) pairs that read
// this KV head; keys and values are read and widened once for a block of rows
// that fits into registers, and the sums of different rows are the independent
// chains that keep the adders busy (each sum alone runs in rising order, as the
// interpreter defines it).
//
// A chunk (kChunkTokens positions) has three phases: scores of its pages, its
// softmax, weighted values. Chunks are combined in rising order. With few
// tokens and many chunks, threads take chunks apart, leave each one's output,
// maximum and sum behind, and the same combination runs in a next phase: the
// same arithmetic, so the result does not know who computed what.
//
// A tile is several tokens of one sequence at consecutive positions (prefill,
// checks of drafts), or else tokens one by one.
//
//===----------------------------------------------------------------------===//

#include "passes/Planning.h"
#include "passes/lower/KVCache.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include <cmath>

using namespace mlir;
using namespace mlir::bitnet;

namespace {

constexpr int64_t kChunkPages = kChunkTokens / kPageTokens;
/// Rows of a tile of several tokens, about: enough to hide latencies.
constexpr int64_t kTileRows = 16;
/// How far ahead of its use a page is fetched.
constexpr int64_t kPagesAhead = 8;
/// Pages whose values are weighed by one block of rows and columns after the
/// other, while they are in the first level.
constexpr int64_t kGroupPages = 4;
/// Independent sums that hide the latency of an addition.
constexpr int64_t kChains = 8;
/// Steps of inner loops that are unrolled.
constexpr int64_t kUnroll = 4;

/// What of a tile lies in registers together.
struct Blocking {
  int64_t tokens;   ///< of a tile
  int64_t rows;     ///< of a tile, with those that fill the last block
  int64_t rowBlock; ///< rows whose sums are in registers
  int64_t pages;    ///< whose scores are in registers
  int64_t parts;    ///< 16-lane parts of values whose sums are in registers
  /// Several blocks of rows read a page: it is widened to f32 once, before.
  bool widened() const { return rows > rowBlock; }

  Blocking(int64_t tokens, int64_t group, int64_t headParts, int64_t registers)
      : tokens(tokens) {
    // The other registers hold keys or values and products.
    int64_t sums = std::max<int64_t>(1, registers * 5 / 8);
    int64_t blocks = llvm::divideCeil(tokens * group, sums);
    rowBlock = llvm::divideCeil(tokens * group, blocks);
    rows = rowBlock * blocks;
    int64_t spare = std::max<int64_t>(1, std::min(sums, kChains) / rowBlock);
    pages =
        widened() ? 1 : std::min<int64_t>(4, llvm::bit_floor(uint64_t(spare)));
    parts = std::min(spare, headParts);
    while (headParts % parts)
      --parts;
  }
};

class AttentionLowering {
public:
  AttentionLowering(Emitter &e, AttentionOp op);
  void run();

private:
  /// Memory of one thread for a tile.
  struct Scratch {
    // A copy for each vector that an element is multiplied with: what the
    // multiplication broadcasts itself costs nothing on Zen, what is broadcast
    // once for several multiplications costs more than these loads.
    Value q;      ///< [Blocking::pages][rows][d]
    Value scores; ///< [Blocking::parts][pages of a chunk][rows][16], then p
    Value wide;   ///< [16 d], one page of keys or values
    Value o;      ///< [rows][d], of this chunk
    Value outAll; ///< [rows][d], of all chunks so far
    Value maxAll, sumAll; ///< [rows], of all chunks so far
    Value before, now;    ///< [rows], factors of outAll and o
  };
  /// A tile, a KV head and a chunk, while their code is written.
  struct Tile {
    const Blocking &blocking;
    Scratch s;
    Value token;    ///< the first
    Value position; ///< of the first
    Value head;
    /// The keys that this thread reads after this chunk.
    Value nextHead, nextPage;
  };

  void attend(Tile &tile, Value chunkBegin, Value chunkEnd, Value splits,
              Value split);
  void scorePages(Tile &tile, Value firstPage, Value pages);
  void softmax(Tile &tile, Value firstPage, Value pages);
  SmallVector<Value> weighPage(Tile &tile, Value firstPage, Value pages,
                               Value number, Value row, Value column,
                               ValueRange carried);
  void weighValues(Tile &tile, Value firstPage, Value pages);
  void store(Tile &tile, Value splits, Value split);
  void combineSplits(Value splits);
  void clearPadding();

  /// How many chunks the batch is divided by, if it is worth while and fits.
  Value countSplits();
  Value isTile(Value token, int64_t tokens);
  Scratch makeScratch(const Blocking &blocking);
  /// 16 elements of a page, widened: keys (half 0) or values (1).
  Value element(int64_t half, Value page, Value head, Value at);
  void widen(Tile &tile, int64_t half, Value page);
  /// What a thread reads kPagesAhead pages later: keys of a chunk, values of
  /// it, keys of the next.
  struct Ahead {
    Value page, head, half;
  };
  std::optional<Ahead> ahead(Tile &tile, int64_t half, Value firstPage,
                             Value pages, Value number);
  /// Which lanes of a page row r may see.
  Value visible(Tile &tile, Value row, Value page);
  /// m' = max(m, now) and the factors of what was there and what is new.
  struct Merge {
    Value max, before, now;
  };
  Merge merge(Value max, Value now) {
    Value m = e.fmax(max, now);
    return {m, e.exp(e.fsub(max, m)), e.exp(e.fsub(now, m))};
  }
  Value mix(Value x, Value before, Value y, Value now) {
    return e.fadd(e.fmul(x, before), e.fmul(y, now));
  }
  Value select(Value mask, Value x, float otherwise) {
    return arith::SelectOp::create(e.b, e.loc, mask, x, e.splat(otherwise));
  }
  Value equal(Value x, Value y) {
    return arith::CmpIOp::create(e.b, e.loc, arith::CmpIPredicate::eq, x, y);
  }
  Value choose(Value condition, Value x, Value y) {
    return arith::SelectOp::create(e.b, e.loc, condition, x, y);
  }
  Value lastPageOf(const Tile &tile) {
    return e.divI(e.addI(tile.position, tile.blocking.tokens - 1), kPageTokens);
  }
  /// Into the second level: it has more places to wait in than the first.
  void fetch(const Ahead &ahead, Value at) {
    e.prefetch(ahead.page, {e.get(Env::Layer), ahead.head, ahead.half, at},
               /*locality=*/2);
  }
  Value ceilDiv(Value x, int64_t y) { return e.divI(e.addI(x, y - 1), y); }
  Value positionOf(Value token) {
    return e.toIndex(e.load(e.get(Env::Position), token));
  }
  Value splat(Value x) { return e.broadcast(x, e.f32x16()); }

  Emitter &e;
  AttentionOp op;
  KVPageShape shape;
  int64_t d, heads, kvHeads, group;
  Value query, out, partial, tokens, zero, lanes;
  int64_t capacity = 0; ///< rows of `partial`
  bool prefetch = false;
};
} // namespace

AttentionLowering::AttentionLowering(Emitter &e, AttentionOp op)
    : e(e), op(op), d(op.getHeadDim()), heads(op.getHeads()),
      kvHeads(op.getKvHeads()), group(heads / kvHeads) {
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
  if (auto ahead = module->getAttrOfType<IntegerAttr>(kPrefetchAttr))
    prefetch = ahead.getInt() > 0;
}

AttentionLowering::Scratch
AttentionLowering::makeScratch(const Blocking &blocking) {
  int64_t rows = blocking.rows;
  Scratch s;
  s.q = e.stack({blocking.pages, rows, d});
  s.scores = e.stack({blocking.parts, kChunkPages, rows, kPageTokens});
  if (blocking.widened())
    s.wide = e.stack({d * kPageTokens});
  s.o = e.stack({rows, d});
  s.outAll = e.stack({rows, d});
  s.maxAll = e.stack({rows});
  s.sumAll = e.stack({rows});
  s.before = e.stack({rows});
  s.now = e.stack({rows});
  return s;
}

Value AttentionLowering::element(int64_t half, Value page, Value head,
                                 Value at) {
  auto bits = VectorType::get(16, e.b.getI16Type());
  Value loaded =
      e.load(bits, page, {e.get(Env::Layer), head, e.index(half), at});
  return ExtendF16Op::create(e.b, e.loc, e.f32x16(), loaded);
}

void AttentionLowering::widen(Tile &tile, int64_t half, Value page) {
  e.loop(zero, e.index(d * kPageTokens), 16 * kUnroll, [&](Value i) {
    for (int64_t u = 0; u < kUnroll; ++u) {
      Value at = e.addI(i, 16 * u);
      e.store(element(half, page, tile.head, at), tile.s.wide, {at});
    }
  });
}

std::optional<AttentionLowering::Ahead>
AttentionLowering::ahead(Tile &tile, int64_t half, Value firstPage, Value pages,
                         Value number) {
  // Tiles share pages with their neighbours and find them in the cache.
  if (!prefetch || tile.blocking.widened() || tile.blocking.tokens > 1)
    return std::nullopt;
  Value later = e.addI(number, kPagesAhead);
  Value here = e.lessThan(later, pages), behind = e.sub(later, pages);
  Value afterPage = half ? tile.nextPage : firstPage;
  Value page = choose(here, e.add(firstPage, later), e.add(afterPage, behind));
  page = kvPage(e, shape, tile.token, e.min(page, lastPageOf(tile)));
  Value head = half ? choose(here, tile.head, tile.nextHead) : tile.head;
  return Ahead{page, head, choose(here, e.index(half), e.index(1 - half))};
}

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
                 for (int64_t copy = 0; copy < tile.blocking.parts; ++copy)
                   e.store(p, s.scores, {e.index(copy), page, row, zero});
                 return {e.fadd(l[0], p)};
               })[0];
    Merge merged = merge(e.load(s.maxAll, row), m);
    Value sum = mix(e.load(s.sumAll, row), merged.before, e.sum16(lanesSum),
                    merged.now);
    e.store(merged.max, s.maxAll, row);
    e.store(sum, s.sumAll, row);
    e.store(merged.before, s.before, row);
    e.store(merged.now, s.now, row);
  });
}

/// o = sum_j p[j] v[j] over the chunk, 16 columns a vector.
void AttentionLowering::weighValues(Tile &tile, Value firstPage, Value pages) {
  const Blocking &blocking = tile.blocking;
  Scratch &s = tile.s;
  int64_t rowBlock = blocking.rowBlock, parts = blocking.parts;
  e.loop(zero, e.index(blocking.rows), 1, [&](Value row) {
    e.loop(zero, e.index(d), 16,
           [&](Value i) { e.store(e.splat(0.0f), s.o, {row, i}); });
  });
  int64_t width = blocking.widened() ? 1 : kGroupPages;
  e.loop(zero, pages, width, [&](Value begin) {
    Value end = e.min(e.addI(begin, width), pages);
    if (blocking.widened())
      widen(tile, 1, kvPage(e, shape, tile.token, e.add(firstPage, begin)));
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
SmallVector<Value> AttentionLowering::weighPage(Tile &tile, Value firstPage,
                                                Value pages, Value number,
                                                Value row, Value column,
                                                ValueRange carried) {
  const Blocking &blocking = tile.blocking;
  int64_t rowBlock = blocking.rowBlock, parts = blocking.parts;
  Value page;
  if (!blocking.widened())
    page = kvPage(e, shape, tile.token, e.add(firstPage, number));
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
                      v.push_back(blocking.widened()
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
    e.loop(zero, e.index(d), 16, [&](Value i) {
      Value q = e.load(e.f32x16(), query, {token, e.add(column, i)});
      for (int64_t copy = 0; copy < tile.blocking.pages; ++copy)
        e.store(q, s.q, {e.index(copy), row, i});
    });
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
  int64_t registers = op->getParentOfType<ModuleOp>()
                          ->getAttrOfType<IntegerAttr>(kVectorRegistersAttr)
                          .getInt();
  int64_t tileTokens = std::max<int64_t>(1, kTileRows / group);
  Blocking one(1, group, d / 16, registers);
  Blocking many(tileTokens, group, d / 16, registers);
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
  AttentionLowering(e, op).run();
}
