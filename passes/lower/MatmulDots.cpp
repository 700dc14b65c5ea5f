//===- MatmulDots.cpp - Inner loops of a matmul ---------------------------===//
//
// Exact integer dots of one block of rows with a tile of tokens, in registers.
//
//===----------------------------------------------------------------------===//

#include "passes/lower/Matmul.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::bitnet;

Dots MatmulLowering::dots(const Weight &w, Value block, Value t, int64_t tile,
                          Groups pass) {
  if (kernel.layout == Layout::Trit3R64)
    return tableDots(w, block, t, tile);
  if (bits)
    return w.scaleGroup ? groupedBitDots(w, block, t, tile)
                        : bitDots(w, block, t, tile);
  if (info.wordCols == 8)
    return pairDots(w, block, t, tile, pass);
  return w.scaleGroup ? groupedDots(w, block, t, tile)
                      : codeDots(w, block, t, tile);
}

void MatmulLowering::prefetchAhead(const Weight &w, Value block, Value step) {
  if (!prefetchBytes)
    return;
  Value ahead =
      e.addI(step, llvm::divideCeil(prefetchBytes, info.bytesPerStep));
  int64_t perElement = bits ? 8 : 1;
  for (int64_t line = 0; line < info.bytesPerStep; line += 64)
    e.prefetch(w.codes, {block, ahead, e.index(line / perElement)},
               prefetchLevel);
}

SmallVector<std::pair<Value, int64_t>> MatmulLowering::loadStep(const Weight &w,
                                                                Value block,
                                                                Value step,
                                                                Groups groups) {
  // Groups of 16 rows: one field, or two of 8 rows.
  int64_t fields = 16 / info.fieldRows();
  auto i8x64 = VectorType::get(64, e.b.getI8Type());
  auto bytesAt = [&](int64_t offset) {
    return e.load(i8x64, w.codes, {block, step, e.index(offset)});
  };
  SmallVector<std::pair<Value, int64_t>> operands;
  if (info.layout == Layout::Trit5R80) {
    auto forms = UnpackTrit5Op::create(e.b, e.loc, i8x64, i8x64, i8x64, i8x64,
                                       i8x64, bytesAt(0));
    for (auto [form, largest] : llvm::zip(forms.getResults(), kTrit5Largest))
      operands.push_back({form, largest});
    return operands;
  }
  Value bytes;
  for (int64_t part = 0; part < info.parts(); ++part) {
    if (!info.partShift(part)) {
      bytes = info.fieldBits ? bytesAt(info.partByte(part)) : Value();
    } else { // Bits that cross into the next byte are masked away.
      Value words = vector::BitCastOp::create(e.b, e.loc, e.i32x16(), bytes);
      words = arith::ShRUIOp::create(
          e.b, e.loc, words, e.splatI32(static_cast<int32_t>(info.partBits())));
      bytes = vector::BitCastOp::create(e.b, e.loc, i8x64, words);
    }
    int64_t first = groups.first * fields;
    for (int64_t g : llvm::seq(first, first + groups.count * fields)) {
      int64_t down = g * info.fieldBits - placeOf(g);
      int mask = ((1 << info.fieldBits) - 1) << (g * info.fieldBits);
      Value operand;
      if (!info.fieldBits)
        operand = bytesAt(g * 64);
      else if (down)
        operand = arith::ShRUIOp::create(e.b, e.loc, bytes, e.splatI8(down));
      else
        operand = arith::AndIOp::create(e.b, e.loc, bytes, e.splatI8(mask));
      operands.push_back({operand, info.largest(g) >> down});
    }
  }
  return operands;
}

SmallVector<Value> MatmulLowering::addSteps(const Weight &w, Value block,
                                            Value t, int64_t tile,
                                            Groups rowGroups, Value lo,
                                            Value hi, int64_t steps,
                                            bool columnSums) {
  OpBuilder &b = e.b;
  auto i8x64 = VectorType::get(64, b.getI8Type());
  int64_t groups = rowGroups.count, dots = tile * planes * groups;
  int64_t count = dots + (columnSums ? tile * planes : 0);
  int64_t sets = e.setsOfSums(count, steps);
  int64_t unroll = sets * e.stepsOfChain(steps / sets, tile);
  SmallVector<Value> init(count * sets, e.splatI32(0));

  auto body = [&](Value first, ValueRange carried) {
    SmallVector<Value> next(carried);
    for (int64_t u = 0; u < unroll; ++u) {
      Value step = e.addI(first, u);
      auto addTo = [&](int64_t at, Value codes, Value columns, int64_t bound) {
        Value &sum = next[u % sets * count + at];
        sum =
            DotU8I8Op::create(b, e.loc, e.i32x16(), sum, codes, columns, bound);
      };
      if (rowGroups.first == 0) // Later passes find it in a cache.
        prefetchAhead(w, block, step);
      auto operands = loadStep(w, block, step, rowGroups);
      for (int64_t part = 0; part < info.parts(); ++part) {
        auto fields = ArrayRef(operands).slice(part * groups, groups);
        Value at =
            info.parts() == 1 ? step : e.addI(e.mulI(step, info.parts()), part);
        for (int64_t i = 0; i < tile; ++i)
          for (int64_t p = 0; p < planes; ++p) {
            Value word = e.load(input, {e.addI(t, i), e.index(p), at});
            Value columns = vector::BitCastOp::create(
                b, e.loc, i8x64, e.broadcast(word, e.i32x16()));
            for (int64_t g = 0; g < groups; ++g)
              addTo((i * planes + p) * groups + g, fields[g].first, columns,
                    fields[g].second);
            if (columnSums)
              addTo(dots + i * planes + p, e.splatI8(1), columns, 1);
          }
      }
    }
    return next;
  };
  auto sums = e.loop(lo, hi, unroll, init, body);
  for (int64_t u = 1; u < sets; ++u)
    for (int64_t at = 0; at < count; ++at)
      sums[at] = e.add(sums[at], sums[u * count + at]);
  sums.resize(count);
  return sums;
}

/// Codes are stored with a spacing s and a zero point z, which the sum of the
/// columns takes away: sum_k (s w - z) q = s * sum_k w q - z * sum_k q.
///
/// Field g of a byte is taken by a mask in place, so its sums are too large by
/// its place in the byte and are shifted at the end (placeOf). The five forms
/// of unpack_trit5 mix trits; with S_i for their sums and T_g for those of the
/// trits:
///
///   T_0 = (S_0 - S_1) / 64,  T_1 = S_1 / 4 - 3 T_0
///   T_4 = (S_2 - S_3) / 16,  T_3 = (S_3 - S_4) / 4,  T_2 = S_4
///
/// Every division is exact.
SmallVector<Value> MatmulLowering::exactDots(ArrayRef<Value> sums,
                                             Value columnSum,
                                             int64_t firstGroup) {
  auto shifted = [&](Value sum, int64_t bits) -> Value {
    if (bits == 0)
      return sum;
    return arith::ShRSIOp::create(e.b, e.loc, sum,
                                  e.splatI32(static_cast<int32_t>(bits)));
  };
  SmallVector<Value> dots;
  if (info.layout == Layout::Trit5R80) {
    Value t0 = shifted(e.sub(sums[0], sums[1]), 6);
    Value t1 = e.sub(e.sub(shifted(sums[1], 2), t0), e.add(t0, t0));
    dots = {t0, t1, sums[4], shifted(e.sub(sums[3], sums[4]), 2),
            shifted(e.sub(sums[2], sums[3]), 4)};
  } else {
    for (auto [g, sum] : llvm::enumerate(sums))
      dots.push_back(shifted(sum, placeOf(firstGroup + g)));
  }
  for (Value &dot : dots)
    dot = withoutZero(dot, columnSum);
  return dots;
}

Value MatmulLowering::withoutZero(Value sum, Value columnSum) {
  if (info.spacing > 1)
    sum = e.mul(sum, e.splatI32(static_cast<int32_t>(info.spacing)));
  return e.sub(
      sum, e.mul(columnSum, e.splatI32(static_cast<int32_t>(info.zeroPoint))));
}

Value MatmulLowering::joinPlanes(ArrayRef<Value> dots) {
  auto toFloat = [&](Value sum) -> Value {
    return arith::SIToFPOp::create(e.b, e.loc, e.f32x16(), sum);
  };
  Value value = toFloat(dots[0]);
  for (Value low : dots.drop_front())
    value = e.fadd(e.fmul(value, e.splat(256.0f)), toFloat(low));
  return value;
}

int64_t MatmulLowering::groupsOfPass(int64_t tile) const {
  int64_t sums = tile * planes, room = e.vectorRegisters / 2;
  // The forms of unpack_trit5 belong together.
  if (tile == 1 || !room || !info.fieldBits || sums * info.groups <= room)
    return info.groups;
  return std::max<int64_t>(room / sums, 1);
}

Dots MatmulLowering::codeDots(const Weight &w, Value block, Value t,
                              int64_t tile) {
  Dots result(planes, info.groups);
  int64_t most = groupsOfPass(tile);
  for (int64_t first = 0; first < info.groups; first += most) {
    int64_t count = std::min(most, info.groups - first);
    auto sums = addSteps(w, block, t, tile, {first, count}, e.index(0),
                         e.index(w.steps), w.steps, /*columnSums=*/false);
    for (int64_t i = 0; i < tile; ++i)
      for (int64_t p = 0; p < planes; ++p) {
        Value columnSum = e.broadcast(
            e.load(planeSum, {e.addI(t, i), e.index(p)}), e.i32x16());
        auto exact =
            exactDots(ArrayRef(sums).slice((i * planes + p) * count, count),
                      columnSum, first);
        for (int64_t g = 0; g < count; ++g)
          result.at(i, p, first + g) = exact[g];
      }
  }
  return result;
}

Value MatmulLowering::groupScale(const Weight &w, ValueRange at) {
  bool half =
      cast<MemRefType>(w.scales.getType()).getElementType().isInteger(16);
  if (!half)
    return e.load(e.f32x16(), w.scales, at);
  auto i16x16 = VectorType::get(16, e.b.getI16Type());
  return ExtendF16Op::create(e.b, e.loc, e.f32x16(),
                             e.load(i16x16, w.scales, at));
}

/// With a scale for every group of columns the dots of a group are exact and
/// their products with the scales are added in rising order:
///   for group: y += value(dots of the group) * scale[row][group]
/// where a token that has a scale for each group too multiplies it with the
/// weight's. Such a token has the sums of the group's columns with it; those of
/// others are formed on the way (a fifth dot).
Dots MatmulLowering::groupedDots(const Weight &w, Value block, Value t,
                                 int64_t tile) {
  int64_t groups = info.groups, stepsOfGroup = w.scaleGroup / info.colStep;
  auto body = [&](Value group, ValueRange carried) {
    Value lo = e.mulI(group, stepsOfGroup);
    auto sums = addSteps(w, block, t, tile, {0, groups}, lo,
                         e.addI(lo, stepsOfGroup), stepsOfGroup,
                         /*columnSums=*/inputGroups == 1);
    SmallVector<Value> next;
    for (int64_t i = 0; i < tile; ++i) {
      Value token = e.addI(t, i), perGroup;
      if (inputGroups > 1)
        perGroup = e.broadcast(e.load(tokenScale, {token, group}), e.f32x16());
      SmallVector<SmallVector<Value>, 2> exact; // [plane][row group]
      for (int64_t p = 0; p < planes; ++p) {
        Value columnSum =
            inputGroups > 1
                ? e.broadcast(
                      e.load(planeSum, {token, e.addI(group, p * inputGroups)}),
                      e.i32x16())
                : sums[tile * planes * groups + i * planes + p];
        exact.push_back(
            exactDots(ArrayRef(sums).slice((i * planes + p) * groups, groups),
                      columnSum));
      }
      for (int64_t g = 0; g < groups; ++g) {
        SmallVector<Value, 2> dots;
        for (const auto &plane : exact)
          dots.push_back(plane[g]);
        Value scale = groupScale(w, {block, group, e.index(g * 16)});
        if (perGroup)
          scale = e.fmul(scale, perGroup);
        next.push_back(
            e.fadd(carried[i * groups + g], e.fmul(joinPlanes(dots), scale)));
      }
    }
    return next;
  };
  SmallVector<Value> zeros(tile * groups, e.splat(0.0f));
  auto sums =
      e.loop(e.index(0), e.index(w.cols / w.scaleGroup), 1, zeros, body);
  Dots result(1, groups);
  for (int64_t i = 0; i < tile; ++i)
    for (int64_t g = 0; g < groups; ++g)
      result.at(i, 0, g) = sums[i * groups + g];
  return result;
}

namespace {
/// Products of the weights of 8 rows and 64 columns and the bits of a token
/// that are not 0, as bits. Where their number is known otherwise, the negative
/// ones are enough.
struct Products {
  Value negative, positive;
};
} // namespace

/// As dot says. `w` and `p` are planes: of a binary weight, or the +1 and the
/// -1 of a ternary one; of the input.
static Products productsOf(Emitter &e, BitQuant quant, ArrayRef<Value> w,
                           ArrayRef<Value> p) {
  auto flip = [&](Value x, Value y) -> Value {
    return arith::XOrIOp::create(e.b, e.loc, x, y);
  };
  auto both = [&](Value x, Value y) -> Value {
    return arith::AndIOp::create(e.b, e.loc, x, y);
  };
  auto select = [&](Value bits, Value one, Value zero) {
    return flip(zero, both(bits, flip(zero, one)));
  };
  auto either = [&](Value x, Value y) -> Value {
    return arith::OrIOp::create(e.b, e.loc, x, y);
  };
  bool binary = w.size() == 1;
  switch (quant) {
  case BitQuant::Sign:
    return {binary ? flip(w[0], p[0]) : select(p[0], w[1], w[0]), {}};
  case BitQuant::Bit:
    if (binary) // p and not w
      return {flip(p[0], both(w[0], p[0])), {}};
    return {both(p[0], w[1]), both(p[0], w[0])};
  case BitQuant::Ternary:
    if (binary)
      return {select(w[0], p[1], p[0]), {}};
    return {either(both(p[1], w[0]), both(p[0], w[1])),
            either(both(p[0], w[0]), both(p[1], w[1]))};
  case BitQuant::Int8:
    break; // Each plane of its own, as a bit.
  }
  llvm_unreachable("quantiser of bits");
}

SmallVector<Value> MatmulLowering::countSteps(const Weight &w, Value block,
                                              Value t, int64_t tile, Value lo,
                                              Value hi, int64_t columns,
                                              Value group) {
  OpBuilder &b = e.b;
  BitQuant quant = op.getBitQuant();
  auto i64x8 = VectorType::get(8, b.getI64Type());
  auto count = [&](Value bits) -> Value {
    return math::CtPopOp::create(b, e.loc, bits);
  };
  int64_t weightPlanes = w.kind == WeightQuant::Ternary ? 2 : 1;
  // With signs, how many products are not 0 is for the rows to say.
  bool countWeights = weightPlanes == 2 && quant == BitQuant::Sign;
  auto splat = [&](int64_t value) -> Value {
    return arith::ConstantOp::create(b, e.loc,
                                     DenseElementsAttr::get(i64x8, value));
  };
  // Planes of codes weigh differently, so each is counted alone.
  int64_t counts = quant == BitQuant::Int8 ? planes : 1;
  // [token][half of the rows][count], and of the weights after them.
  SmallVector<Value> init((tile * counts + countWeights) * 2, splat(0));
  bool differences = false;
  auto sums = e.loop(lo, hi, 1, init, [&](Value step, ValueRange carried) {
    prefetchAhead(w, block, step);
    SmallVector<Value> halves[2];
    for (int64_t h = 0; h < 2; ++h)
      for (int64_t p = 0; p < weightPlanes; ++p)
        halves[h].push_back(
            e.load(i64x8, w.codes, {block, step, e.index(p * 16 + h * 8)}));
    SmallVector<Value> next;
    auto add = [&](Value term) {
      next.push_back(e.add(carried[next.size()], term));
    };
    for (int64_t i = 0; i < tile; ++i) {
      SmallVector<Value> words;
      for (int64_t p = 0; p < planes; ++p)
        words.push_back(e.broadcast(
            e.load(input, {e.addI(t, i), e.index(p), step}), i64x8));
      for (ArrayRef<Value> half : halves) {
        if (counts > 1) {
          for (Value word : words)
            add(count(productsOf(e, BitQuant::Bit, half, word).negative));
          continue;
        }
        auto [negative, positive] = productsOf(e, quant, half, words);
        differences = static_cast<bool>(positive);
        add(positive ? e.sub(count(positive), count(negative))
                     : count(negative));
      }
    }
    if (countWeights)
      for (ArrayRef<Value> half : halves)
        add(count(arith::OrIOp::create(b, e.loc, half[0], half[1])));
    return next;
  });

  // p_0 + 2 p_1 + .. + 64 p_6 - 128 p_7
  for (int64_t i = 0; counts > 1 && i < tile * 2; ++i) {
    Value all = sums[i * counts];
    for (int64_t p = 1; p < counts; ++p) {
      Value weighted =
          arith::ShLIOp::create(b, e.loc, sums[i * counts + p], splat(p));
      all = p + 1 < counts ? e.add(all, weighted) : e.sub(all, weighted);
    }
    sums[i] = all;
  }

  auto i32x8 = VectorType::get(8, b.getI32Type());
  SmallVector<int64_t> all = llvm::to_vector(llvm::seq<int64_t>(16));
  auto rowsOf = [&](int64_t i) -> Value {
    Value low = arith::TruncIOp::create(b, e.loc, i32x8, sums[2 * i]);
    Value high = arith::TruncIOp::create(b, e.loc, i32x8, sums[2 * i + 1]);
    return vector::ShuffleOp::create(b, e.loc, low, high, all);
  };
  SmallVector<Value> dots;
  for (int64_t i = 0; i < tile; ++i) {
    Value counts = rowsOf(i);
    if (differences) {
      dots.push_back(counts);
      continue;
    }
    Value products = e.splatI32(static_cast<int32_t>(columns));
    if (countWeights) {
      products = rowsOf(tile);
    } else if (planeSum) {
      Value ones = e.load(planeSum, {e.addI(t, i), group});
      int64_t groups = w.cols / columns;
      for (int64_t p = 1; p < sumsOf(quant); ++p)
        ones = e.add(
            ones, e.load(planeSum, {e.addI(t, i), e.addI(group, p * groups)}));
      products = e.broadcast(ones, e.i32x16());
    }
    dots.push_back(e.sub(products, e.add(counts, counts)));
  }
  return dots;
}

/// 64 columns are one word a row. Every product is 1, -1 or 0, so dots are
/// counted. Pad bits are 0 in weights and planes and never counted.
Dots MatmulLowering::bitDots(const Weight &w, Value block, Value t,
                             int64_t tile) {
  auto dots = countSteps(w, block, t, tile, e.index(0), e.index(w.steps),
                         w.cols, e.index(0));
  Dots result(1, 1);
  for (int64_t i = 0; i < tile; ++i)
    result.at(i, 0, 0) = dots[i];
  return result;
}

/// With groups each is counted alone; products with the scales are added in
/// rising order. Scales lie in blocks of 64 rows, four of these.
Dots MatmulLowering::groupedBitDots(const Weight &w, Value block, Value t,
                                    int64_t tile) {
  int64_t stepsOfGroup = w.scaleGroup / info.colStep;
  int64_t blocksOfScales = kRowPad / info.rowBlock;
  auto body = [&](Value group, ValueRange carried) {
    Value lo = e.mulI(group, stepsOfGroup);
    auto dots = countSteps(w, block, t, tile, lo, e.addI(lo, stepsOfGroup),
                           w.scaleGroup, group);
    Value scale =
        groupScale(w, {e.divI(block, blocksOfScales), group,
                       e.mulI(e.remI(block, blocksOfScales), info.rowBlock)});
    SmallVector<Value> next;
    for (int64_t i = 0; i < tile; ++i)
      next.push_back(e.fadd(carried[i], e.fmul(joinPlanes({dots[i]}), scale)));
    return next;
  };
  SmallVector<Value> zeros(tile, e.splat(0.0f));
  auto sums =
      e.loop(e.index(0), e.index(w.cols / w.scaleGroup), 1, zeros, body);
  Dots result(1, 1);
  for (int64_t i = 0; i < tile; ++i)
    result.at(i, 0, 0) = sums[i];
  return result;
}
