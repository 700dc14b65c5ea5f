//===- AttentionCodes.cpp - Attention over 8-bit keys and values ----------===//
//
// Products of codes are exact, so sums run in whatever order is fast: four
// dimensions (of keys) or four positions (of values) at a time, as the dot of
// bytes adds them. Keys and values lie in pages so that 64 bytes are 16 lanes
// of such fours, with a zero point of 128; queries and weights are broadcast,
// as two planes of signed bytes:
//
//   sum (256 hi + lo) (c - 128) = 256 (hi . c) + (lo . c) - 128 sum (256 hi +
//   lo)
//
//===----------------------------------------------------------------------===//

#include "passes/lower/Attention.h"

#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include <cmath>

using namespace mlir;
using namespace mlir::bitnet;

/// Bytes that a dot adds in a lane.
static constexpr int64_t kFour = 4;
static constexpr int64_t kPageFours = kPageTokens / kFour;

void CodeAttention::addScratch(Scratch &s, const Blocking &blocking) {
  int64_t rows = blocking.rows;
  Type i32 = e.b.getI32Type();
  s.scores = e.stack({1, kChunkPages, rows, kPageTokens});
  s.qCodes = e.stack({planes, rows, d / kFour}, i32);
  s.weightCodes = e.stack({kChunkPages, planes, rows, kPageFours}, i32);
  s.qZero = e.stack({rows}, i32);
  s.weightZero = e.stack({rows}, i32);
  s.qScale = e.stack({rows});
  s.weightScale = e.stack({rows});
}

Value CodeAttention::codes(int64_t half, Value page, Value head, Value at) {
  return e.load(VectorType::get(64, e.b.getI8Type()), page,
                {e.get(Env::Layer), head, e.index(half), at});
}

Value CodeAttention::scales(int64_t half, Value page, Value head) {
  Value bytes = codes(half, page, head, e.index(shape.scaleAt()));
  return vector::BitCastOp::create(e.b, e.loc, e.f32x16(), bytes);
}

Value CodeAttention::encode(Value x, Value factor,
                            function_ref<void(int64_t, Value)> store) {
  Value code = e.roundToEvenInt(e.fmul(x, factor));
  auto words = VectorType::get(16 / kFour, e.b.getI32Type());
  for (auto [plane, part] : llvm::enumerate(e.planesOf(code, planes)))
    store(plane, vector::BitCastOp::create(e.b, e.loc, words, part.bytes));
  return code;
}

Value CodeAttention::dot(Value sum, Value bytes, Value words, ValueRange at) {
  Value four = e.broadcast(e.load(words, at), e.i32x16());
  four = vector::BitCastOp::create(e.b, e.loc,
                                   VectorType::get(64, e.b.getI8Type()), four);
  return DotU8I8Op::create(e.b, e.loc, e.i32x16(), sum, bytes, four,
                           int64_t(255));
}

Value CodeAttention::join(ArrayRef<Value> sums, Value zeroSum) {
  Value high = arith::ShLIOp::create(e.b, e.loc, sums[0], e.splatI32(8));
  Value total = e.sub(e.add(high, sums[1]), e.broadcast(zeroSum, e.i32x16()));
  return arith::SIToFPOp::create(e.b, e.loc, e.f32x16(), total);
}

void CodeAttention::readQuery(Tile &tile, Value row, Value token,
                              Value column) {
  Scratch &s = tile.s;
  auto read = [&](Value i) {
    return e.load(e.f32x16(), query, {token, e.add(column, i)});
  };
  Value a = e.fmax(e.absMax(zero, e.index(d), read), e.f32(kMinCacheMax));
  Value factor = splat(e.fdiv(e.f32(kPeak16), a));
  Value sum = e.loop(
      zero, e.index(d), 16, e.splatI32(0),
      [&](Value i, ValueRange sum) -> SmallVector<Value> {
        Value code = encode(read(i), factor, [&](int64_t plane, Value words) {
          e.store(words, s.qCodes, {e.index(plane), row, e.divI(i, kFour)});
        });
        return {e.add(sum[0], code)};
      })[0];
  float root = 1.0f / std::sqrt(static_cast<float>(d));
  e.store(e.fmul(e.fdiv(a, e.f32(kPeak16)), e.f32(root)), s.qScale, row);
  e.store(e.mul(e.sumI32(sum), e.i32(kCacheZero)), s.qZero, row);
}

/// s[j] = (q . k[j]) * (scale of q * scale of k[j]), 16 positions a vector.
void CodeAttention::scorePages(Tile &tile, Value firstPage, Value pages) {
  const Blocking &blocking = tile.blocking;
  Scratch &s = tile.s;
  int64_t rowBlock = blocking.rowBlock, width = blocking.pages;
  // Whole blocks of pages: a page behind the last one is the last one again,
  // and what it scores is not visible.
  Value last = e.addI(e.add(firstPage, pages), -1);
  e.loop(zero, pages, width, [&](Value first) {
    SmallVector<Value> refs, keyScales;
    SmallVector<std::optional<Ahead>> next;
    for (int64_t p = 0; p < width; ++p) {
      Value number = e.add(firstPage, e.addI(first, p));
      refs.push_back(pageOf(tile, e.min(number, last)));
      keyScales.push_back(scales(0, refs[p], tile.head));
      next.push_back(ahead(tile, 0, firstPage, pages, e.addI(first, p)));
      if (next[p])
        fetch(*next[p], e.index(shape.scaleAt()));
    }
    e.loop(zero, e.index(blocking.rows), rowBlock, [&](Value row) {
      SmallVector<Value> init(rowBlock * width * planes, e.splatI32(0));
      auto sums =
          e.loop(zero, e.index(d / kFour), kUnroll, init,
                 [&](Value i, ValueRange carried) {
                   SmallVector<Value> sums(carried);
                   for (int64_t u = 0; u < kUnroll; ++u) {
                     Value four = e.addI(i, u);
                     Value at = e.mulI(four, kPageTokens * kFour);
                     for (int64_t p = 0; p < width; ++p) {
                       if (next[p])
                         fetch(*next[p], at);
                       Value k = codes(0, refs[p], tile.head, at);
                       for (int64_t r = 0; r < rowBlock; ++r)
                         for (int64_t plane = 0; plane < planes; ++plane) {
                           Value &sum = sums[(r * width + p) * planes + plane];
                           sum = dot(sum, k, s.qCodes,
                                     {e.index(plane), e.addI(row, r), four});
                         }
                     }
                   }
                   return sums;
                 });
      for (int64_t p = 0; p < width; ++p) {
        Value inChunk = e.addI(first, p);
        for (int64_t r = 0; r < rowBlock; ++r) {
          Value at = e.addI(row, r);
          Value x = join(ArrayRef(sums).slice((r * width + p) * planes, planes),
                         e.load(s.qZero, at));
          Value scale = e.fmul(splat(e.load(s.qScale, at)), keyScales[p]);
          Value seen = visible(tile, at, e.add(firstPage, inChunk));
          e.store(select(seen, e.fmul(x, scale), kSoftmaxStart), s.scores,
                  {zero, inChunk, at, zero});
        }
      }
    });
  });
}

/// w = p * scale of v, which must not be NaN where a page is not yet written.
void CodeAttention::keepWeights(Tile &tile, Value row, Value firstPage,
                                Value number, Value p, Value seen) {
  Value ref = pageOf(tile, e.add(firstPage, number));
  Value w = e.fmul(p, scales(1, ref, tile.head));
  e.store(select(seen, w, 0.0f), tile.s.scores, {zero, number, row, zero});
}

void CodeAttention::closeWeights(Tile &tile, Value row, Value pages) {
  Scratch &s = tile.s;
  auto read = [&](Value page) {
    return e.load(e.f32x16(), s.scores, {zero, page, row, zero});
  };
  Value peak = e.loop(zero, pages, 1, e.splat(0.0f),
                      [&](Value page, ValueRange most) -> SmallVector<Value> {
                        return {e.fmax(read(page), most[0])};
                      })[0];
  Value a = e.fmax(e.max16(peak), e.f32(kMinCacheMax));
  Value factor = splat(e.fdiv(e.f32(kPeak16), a));
  Value sum = e.loop(
      zero, pages, 1, e.splatI32(0),
      [&](Value page, ValueRange sum) -> SmallVector<Value> {
        Value code =
            encode(read(page), factor, [&](int64_t plane, Value words) {
              e.store(words, s.weightCodes, {page, e.index(plane), row, zero});
            });
        return {e.add(sum[0], code)};
      })[0];
  e.store(e.fdiv(a, e.f32(kPeak16)), s.weightScale, row);
  e.store(e.mul(e.sumI32(sum), e.i32(kCacheZero)), s.weightZero, row);
}

/// o = (sum_j w[j] v[j]) * scale over the chunk, 16 columns a vector.
void CodeAttention::weighValues(Tile &tile, Value firstPage, Value pages) {
  const Blocking &blocking = tile.blocking;
  Scratch &s = tile.s;
  int64_t rowBlock = blocking.rowBlock, parts = blocking.parts;
  e.loop(zero, e.index(blocking.rows), rowBlock, [&](Value row) {
    e.loop(zero, e.index(d), 16 * parts, [&](Value column) {
      SmallVector<Value> init(rowBlock * parts * planes, e.splatI32(0));
      auto sums =
          e.loop(zero, pages, 1, init, [&](Value number, ValueRange carried) {
            SmallVector<Value> sums(carried);
            Value ref = pageOf(tile, e.add(firstPage, number));
            std::optional<Ahead> next =
                ahead(tile, 1, firstPage, pages, number);
            for (int64_t four = 0; four < kPageFours; ++four)
              for (int64_t i = 0; i < parts; ++i) {
                Value at = e.mulI(e.addI(column, four * d + 16 * i), kFour);
                if (next)
                  fetch(*next, at);
                Value v = codes(1, ref, tile.head, at);
                for (int64_t r = 0; r < rowBlock; ++r)
                  for (int64_t plane = 0; plane < planes; ++plane) {
                    Value &sum = sums[(r * parts + i) * planes + plane];
                    sum = dot(sum, v, s.weightCodes,
                              {number, e.index(plane), e.addI(row, r),
                               e.index(four)});
                  }
              }
            return sums;
          });
      for (int64_t r = 0; r < rowBlock; ++r) {
        Value at = e.addI(row, r);
        Value zeroSum = e.load(s.weightZero, at);
        Value scale = splat(e.load(s.weightScale, at));
        for (int64_t i = 0; i < parts; ++i) {
          Value x = join(ArrayRef(sums).slice((r * parts + i) * planes, planes),
                         zeroSum);
          e.store(e.fmul(x, scale), s.o, {at, e.addI(column, 16 * i)});
        }
      }
    });
  });
}
