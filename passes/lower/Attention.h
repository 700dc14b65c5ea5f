//===- Attention.h - Attention over pages of keys and values ---*- C++ -*-===//
//
// A work item is a tile of tokens, one KV head and a range of chunks of
// positions. The rows of a tile are all (token, query head) pairs that read
// this KV head; keys and values are read once for a block of rows that fits
// into registers, and the sums of different rows are the independent chains
// that keep the adders busy (of an f16 cache each sum alone runs in rising
// order, as the interpreter defines it).
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
// Private to the Attention*.cpp files:
//
//   Attention.cpp         who computes what: tiles, splits, their combination
//   AttentionPages.cpp    what is read ahead of its use
//   AttentionSoftmax.cpp  scores to weights, and how chunks mix
//   AttentionScores.cpp   f16: queries with keys
//   AttentionValues.cpp   f16: weights with values
//   AttentionCodes.cpp    i8: both, as dots of integers
//   AttentionBits.cpp     b1: both, by their signs
//
//===----------------------------------------------------------------------===//
#ifndef BITNET_PASSES_LOWER_ATTENTION_H
#define BITNET_PASSES_LOWER_ATTENTION_H

#include "passes/Planning.h"
#include "passes/lower/KVCache.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include <optional>

namespace mlir::bitnet {

constexpr int64_t kChunkPages = kChunkTokens / kPageTokens;
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
  /// Several blocks of rows read a page.
  bool repeated() const { return rows > rowBlock; }

  /// A row has `planes` sums for every vector of keys or values.
  Blocking(int64_t tokens, int64_t group, int64_t headParts, int64_t registers,
           int64_t planes)
      : tokens(tokens) {
    // The other registers hold keys or values and products.
    int64_t sums = std::max<int64_t>(1, registers * 5 / 8 / planes);
    int64_t blocks = llvm::divideCeil(tokens * group, sums);
    rowBlock = llvm::divideCeil(tokens * group, blocks);
    rows = rowBlock * blocks;
    int64_t chains = std::max<int64_t>(1, kChains / planes);
    int64_t spare = std::max<int64_t>(1, std::min(sums, chains) / rowBlock);
    pages =
        repeated() ? 1 : std::min<int64_t>(4, llvm::bit_floor(uint64_t(spare)));
    parts = std::min(spare, headParts);
    while (headParts % parts)
      --parts;
  }
};

/// What the forms of the cache share.
class AttentionLowering {
public:
  AttentionLowering(Emitter &e, AttentionOp op, int64_t planes);
  virtual ~AttentionLowering() = default;
  void run();

protected:
  /// Memory of one thread for a tile.
  struct Scratch {
    Value scores; ///< [copies][pages of a chunk][rows][16], then weights
    Value o;      ///< [rows][d], of this chunk
    Value outAll; ///< [rows][d], of all chunks so far
    Value maxAll, sumAll; ///< [rows], of all chunks so far
    Value before, now;    ///< [rows], factors of outAll and o

    // Of f16. A copy of queries and weights for each vector that an element is
    // multiplied with: what the multiplication broadcasts itself costs nothing
    // on Zen, what is broadcast once for several multiplications costs more
    // than these loads.
    Value q;    ///< [Blocking::pages][rows][d]
    Value wide; ///< [16 d], one page of keys or values

    // Of i8: codes, four to an i32.
    Value qCodes;              ///< [planes][rows][d / 4]
    Value weightCodes;         ///< [pages of a chunk][planes][rows][4]
    Value qZero, weightZero;   ///< [rows] i32, what zero points add to dots
    Value qScale, weightScale; ///< [rows]

    // Of b1, which has a qScale too.
    Value qBits; ///< [rows][d / 32] i32
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

  // What a form does its own way.
  virtual void addScratch(Scratch &s, const Blocking &blocking) = 0;
  /// Row `row` of the tile is the query at `column` of `token`.
  virtual void readQuery(Tile &tile, Value row, Value token, Value column) = 0;
  virtual void scorePages(Tile &tile, Value firstPage, Value pages) = 0;
  /// p of 16 positions, which is 0 where they are not `seen`.
  virtual void keepWeights(Tile &tile, Value row, Value firstPage, Value page,
                           Value p, Value seen) = 0;
  /// All weights of a row have been kept.
  virtual void closeWeights(Tile &tile, Value row, Value pages) {}
  virtual void weighValues(Tile &tile, Value firstPage, Value pages) = 0;

  void attend(Tile &tile, Value chunkBegin, Value chunkEnd, Value splits,
              Value split);
  void softmax(Tile &tile, Value firstPage, Value pages);
  void store(Tile &tile, Value splits, Value split);
  void combineSplits(Value splits);
  void clearPadding();

  /// How many chunks the batch is divided by, if it is worth while and fits.
  Value countSplits();
  Value isTile(Value token, int64_t tokens);
  Scratch makeScratch(const Blocking &blocking);
  Value pageOf(const Tile &tile, Value number) {
    return kvPage(e, shape, tile.token, number);
  }
  /// What a thread reads some pages later: keys of a chunk, values of it, keys
  /// of the next.
  struct Ahead {
    Value page, head, half;
  };
  /// Keys are half 0 of a page, values half 1.
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
  int64_t d, heads, kvHeads, group, planes;
  Value query, out, partial, tokens, zero, lanes;
  int64_t capacity = 0; ///< rows of `partial`
  bool prefetch = false;
};

/// Keys and values in f16: products and sums in f32.
class HalfAttention : public AttentionLowering {
public:
  HalfAttention(Emitter &e, AttentionOp op) : AttentionLowering(e, op, 1) {}

private:
  void addScratch(Scratch &s, const Blocking &blocking) override;
  void readQuery(Tile &tile, Value row, Value token, Value column) override;
  void scorePages(Tile &tile, Value firstPage, Value pages) override;
  void keepWeights(Tile &tile, Value row, Value firstPage, Value page, Value p,
                   Value seen) override;
  void weighValues(Tile &tile, Value firstPage, Value pages) override;

  SmallVector<Value> weighPage(Tile &tile, Value firstPage, Value pages,
                               Value number, Value row, Value column,
                               ValueRange carried);
  /// 16 elements of a page, widened.
  Value element(int64_t half, Value page, Value head, Value at);
  /// A page that several blocks of rows read, once for all of them.
  void widen(Tile &tile, int64_t half, Value page);
};

/// Keys and values in i8: queries and weights become codes of two planes, and
/// products are dots of bytes.
class CodeAttention : public AttentionLowering {
public:
  CodeAttention(Emitter &e, AttentionOp op) : AttentionLowering(e, op, 2) {}

private:
  void addScratch(Scratch &s, const Blocking &blocking) override;
  void readQuery(Tile &tile, Value row, Value token, Value column) override;
  void scorePages(Tile &tile, Value firstPage, Value pages) override;
  void keepWeights(Tile &tile, Value row, Value firstPage, Value page, Value p,
                   Value seen) override;
  void closeWeights(Tile &tile, Value row, Value pages) override;
  void weighValues(Tile &tile, Value firstPage, Value pages) override;

  /// 64 codes of a page from element `at`.
  Value codes(int64_t half, Value page, Value head, Value at);
  /// Scales of the 16 positions of a page.
  Value scales(int64_t half, Value page, Value head);
  /// Codes of x, whose planes go to `store`; returns the codes in i32.
  Value encode(Value x, Value factor,
               function_ref<void(int64_t plane, Value words)> store);
  /// Adds the dot of `bytes` with the four bytes at `at`, in all lanes.
  Value dot(Value sum, Value bytes, Value words, ValueRange at);
  /// (256 hi + lo - zero) in f32.
  Value join(ArrayRef<Value> sums, Value zero);
};

/// Signs of keys and values: scores are counts of bits, and a value adds or
/// subtracts its weight.
class BitAttention : public AttentionLowering {
public:
  BitAttention(Emitter &e, AttentionOp op);

private:
  void addScratch(Scratch &s, const Blocking &blocking) override;
  void readQuery(Tile &tile, Value row, Value token, Value column) override;
  void scorePages(Tile &tile, Value firstPage, Value pages) override;
  void keepWeights(Tile &tile, Value row, Value firstPage, Value page, Value p,
                   Value seen) override;
  void weighValues(Tile &tile, Value firstPage, Value pages) override;

  /// Bytes of a page's head as a vector.
  Value bytes(VectorType type, Value page, Value head, Value at);
  /// The sign bit in the lanes of 16 values that are positive.
  Value signs(Value page, Value head, Value at);

  Value scoreScale; ///< [heads], or none
};

} // namespace mlir::bitnet

#endif // BITNET_PASSES_LOWER_ATTENTION_H
