//===- Norm.cpp - Norms, quantisation and bits of a row -------------------===//
//
// A row belongs to one thread and stays in its first-level cache while it is
// read two or three times: once for the sum of squares, once for the largest
// absolute value, once for the result. Nothing in between is stored.
//
//===----------------------------------------------------------------------===//

#include "passes/Planning.h"
#include "passes/lower/Emitter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include <limits>

using namespace mlir;
using namespace mlir::bitnet;

/// 1 / sqrt(sum / count + eps) in all lanes.
static Value rootScale(Emitter &e, Value sum, int64_t count, float eps) {
  Value mean = e.fdiv(sum, e.f32(static_cast<float>(count)));
  Value root = math::SqrtOp::create(e.b, e.loc, e.fadd(mean, e.f32(eps)));
  return e.broadcast(e.fdiv(e.f32(1.0f), root), e.f32x16());
}

namespace {
/// Reads 16 columns of a row of the input, normalised if the operation has a
/// norm. `columns` is the true width; what lies beyond it reads as zero.
/// Buffers are padded with zeros, but a mean is subtracted from these too, and
/// a scale that is infinite makes NaN of them, which no sum of the row may
/// meet.
class RowReader {
public:
  RowReader(Emitter &e, Value input)
      : e(e), in(e.buffer(input)),
        columns(cast<RankedTensorType>(input.getType()).getDimSize(1)) {}

  template <typename NormOp> void setNorm(NormOp op) {
    normed = true;
    if constexpr (requires { op.getUnscaled(); })
      scaled = !op.getUnscaled();
    centred = op.getCentred();
    eps = op.getEps().convertToFloat();
    auto vector = [&](SymbolRefAttr ref) {
      return e.weightWindow(ref, {int64_t(llvm::alignTo(columns, kRowPad))},
                            e.b.getF32Type());
    };
    if (op.getGain())
      gain = vector(*op.getGain());
    if (op.getBias())
      bias = vector(*op.getBias());
  }

  /// [m = sum(x) / K,] r = 1 / sqrt(sum((x - m)^2) / K + eps) of row t.
  void startRow(Value t) {
    if (!normed || !scaled)
      return;
    mean = Value();
    if (centred) {
      Value total = sum(t, [](Value x) { return x; });
      mean = e.broadcast(e.fdiv(total, e.f32(static_cast<float>(columns))),
                         e.f32x16());
    }
    scale = rootScale(e, sum(t, [&](Value x) { return e.fmul(x, x); }), columns,
                      eps);
    minusScale = arith::NegFOp::create(e.b, e.loc, scale);
  }

  /// ((x - m) * r) [* gain] [+ bias], or x.
  Value read(Value t, Value column) {
    Value x = load(t, column);
    if (!normed)
      return x;
    x = product(x, scale, column);
    if (bias)
      x = e.fadd(x, e.load(e.f32x16(), bias, column));
    return inside(x, column);
  }

  /// Which columns are >= 0, for the 16 bits of a sign; those beyond the row's
  /// width are whatever they are. Of y + bias >= 0 one comparison is left, with
  /// the factor's sign turned: y * -1 <= bias. A sum of two floats rounds to
  /// the sign that it has, and both forms are false for NaN, so these are the
  /// same.
  Value signs(Value t, Value column) {
    if (!bias)
      return e.planeBits(read(t, column), BitQuant::Sign)[0];
    Value opposite = product(load(t, column), minusScale, column);
    return e.bitsOf(arith::CmpFOp::create(e.b, e.loc, arith::CmpFPredicate::OLE,
                                          opposite,
                                          e.load(e.f32x16(), bias, column)));
  }

  int64_t width() const { return columns; }

private:
  /// (x [* factor]) [* gain]
  Value product(Value x, Value factor, Value column) {
    if (scaled)
      x = e.fmul(x, factor);
    return gain ? e.fmul(x, e.load(e.f32x16(), gain, column)) : x;
  }
  Value load(Value t, Value column) {
    Value x = e.load(e.f32x16(), in, {t, column});
    return inside(mean ? e.fsub(x, mean) : x, column);
  }
  /// x, zero beyond the row's width.
  Value inside(Value x, Value column) {
    if (columns % 16 == 0)
      return x;
    Value mask = vector::CreateMaskOp::create(
        e.b, e.loc, VectorType::get(16, e.b.getI1Type()),
        e.sub(e.index(columns), column));
    return arith::SelectOp::create(e.b, e.loc, mask, x, e.splat(0.0f));
  }
  Value sum(Value t, function_ref<Value(Value)> term) {
    Value lanes = e.loop(e.index(0), e.index(llvm::alignTo(columns, 16)), 16,
                         e.splat(0.0f), [&](Value column, ValueRange carried) {
                           return SmallVector<Value>{
                               e.fadd(carried[0], term(load(t, column)))};
                         })[0];
    return e.sum16(lanes);
  }

  Emitter &e;
  Value in;
  int64_t columns;
  bool normed = false, scaled = true, centred = false;
  Value gain, bias, mean, scale, minusScale;
  float eps = 0;
};
} // namespace

void mlir::bitnet::lowerRMSNorm(Emitter &e, RMSNormOp op) {
  RowReader reader(e, op.getInput());
  reader.setNorm(op);
  Value out = e.buffer(op.getResult());
  e.parallel(e.rowsOf(op.getInput()), [&](Value t) {
    reader.startRow(t);
    int64_t whole = llvm::alignTo(reader.width(), 16);
    e.loop(e.index(0), e.index(whole), 16, [&](Value column) {
      e.store(reader.read(t, column), out, {t, column});
    });
    for (int64_t pad = whole; pad < paddedColumns(op.getType()); pad += 16)
      e.store(e.splat(0.0f), out, {t, e.index(pad)});
  });
}

/// A head is a row of its own, with its own root mean square:
///   y = (x * r) * gain,  r = 1 / sqrt(sum(x^2) / d + eps)
void mlir::bitnet::lowerHeadNorm(Emitter &e, HeadNormOp op) {
  int64_t d = op.getHeadDim(), heads = op.getType().getDimSize(1) / d;
  Value in = e.buffer(op.getInput()), out = e.buffer(op.getResult());
  Value gain = e.weightWindow(
      op.getGain(), {int64_t(llvm::alignTo(d, kRowPad))}, e.b.getF32Type());
  Value rows = e.rowsOf(op.getInput());
  e.parallel(e.mulI(rows, heads), [&](Value item) {
    Value t = e.divI(item, heads);
    Value base = e.mulI(e.remI(item, heads), d);
    SmallVector<Value> x;
    Value sum = e.splat(0.0f);
    for (int64_t i = 0; i < d; i += 16) {
      x.push_back(e.load(e.f32x16(), in, {t, e.addI(base, i)}));
      sum = e.fadd(sum, e.fmul(x.back(), x.back()));
    }
    Value scale = rootScale(e, e.sum16(sum), d, op.getEps().convertToFloat());
    for (int64_t i = 0; i < d; i += 16) {
      Value y = e.fmul(e.fmul(x[i / 16], scale),
                       e.load(e.f32x16(), gain, e.index(i)));
      e.store(y, out, {t, e.addI(base, i)});
    }
  });
}

/// Codes, scale and plane sums of every row, or of every group of its columns.
/// Sums are needed by kernels whose weight codes are stored with a zero point.
template <typename OpTy>
static void quantizeRows(Emitter &e, RowReader &reader, OpTy op) {
  OpBuilder &b = e.b;
  auto codesType = cast<RankedTensorType>(op.getCodes().getType());
  int64_t planes = codesType.getDimSize(1);
  int64_t padded = paddedColumns(codesType);
  bool shifted = op.getRange() == CodeRange::Shifted128;
  float peakCode = planes == 2                             ? 32512.0f
                   : op.getRange() == CodeRange::Signed127 ? 127.0f
                                                           : 128.0f;
  Value low = e.splatI32(planes == 2 ? -32512 : shifted ? 0 : -128);
  Value high = e.splatI32(planes == 2 ? 32512 : 127);
  auto i8x16 = VectorType::get(16, b.getI8Type());
  Value codesOut = e.buffer(op.getCodes()), scaleOut = e.buffer(op.getScale()),
        sumOut = e.buffer(op.getSum());
  int64_t groups = groupsOf(op.getScale().getType());
  Value padOfCodes = arith::ConstantOp::create(
      b, e.loc, DenseElementsAttr::get(i8x16, static_cast<int8_t>(0)));

  e.parallel(e.rowsOf(op.getInput()), [&](Value t) {
    reader.startRow(t);
    // Columns [lo, hi), multiples of 16, whose scale is at `to`; group g.
    auto part = [&](Value lo, Value hi, ValueRange to, Value g) {
      Value shift; // min x, as -max(-x)
      auto read = [&](Value column) {
        Value x = reader.read(t, column);
        return shift ? e.fsub(x, shift) : x;
      };
      if (shifted) {
        Value most =
            e.loop(lo, hi, 16, e.splat(-std::numeric_limits<float>::infinity()),
                   [&](Value column, ValueRange carried) {
                     Value x = arith::NegFOp::create(b, e.loc, read(column));
                     return SmallVector<Value>{e.fmax(x, carried[0])};
                   })[0];
        shift = e.broadcast(arith::NegFOp::create(b, e.loc, e.max16(most)),
                            e.f32x16());
      }
      Value a = e.fmax(e.absMax(lo, hi, read), e.f32(kMinAbsMax));
      e.store(e.fdiv(a, e.f32(peakCode)), scaleOut, to);
      Value factor = e.broadcast(e.fdiv(e.f32(peakCode), a), e.f32x16());

      SmallVector<Value> sums(planes, e.splatI32(0));
      sums = e.loop(lo, hi, 16, sums, [&](Value column, ValueRange carried) {
        Value q = e.roundToEvenInt(e.fmul(read(column), factor));
        q = arith::MinSIOp::create(b, e.loc, q, high);
        q = arith::MaxSIOp::create(b, e.loc, q, low);
        SmallVector<Value> next;
        for (auto [p, plane] : llvm::enumerate(e.planesOf(q, planes))) {
          e.store(plane.bytes, codesOut, {t, e.index(p), column});
          next.push_back(e.add(carried[p], plane.values));
        }
        return next;
      });
      for (int64_t p = 0; p < planes; ++p)
        e.store(e.sumI32(sums[p]), sumOut, {t, e.addI(g, p * groups)});
    };
    int64_t whole = llvm::alignTo(reader.width(), 16);
    if (groups == 1) {
      part(e.index(0), e.index(whole), t, e.index(0));
    } else {
      int64_t columns = reader.width() / groups;
      e.loop(e.index(0), e.index(groups), 1, [&](Value g) {
        Value lo = e.mulI(g, columns);
        part(lo, e.addI(lo, columns), {t, g}, g);
      });
    }
    for (int64_t p = 0; p < planes; ++p)
      for (int64_t pad = whole; pad < padded; pad += 16)
        e.store(padOfCodes, codesOut, {t, e.index(p), e.index(pad)});
  });
}

void mlir::bitnet::lowerQuantize(Emitter &e, QuantizeOp op) {
  RowReader reader(e, op.getInput());
  quantizeRows(e, reader, op);
}

void mlir::bitnet::lowerNormQuantize(Emitter &e, NormQuantizeOp op) {
  RowReader reader(e, op.getInput());
  reader.setNorm(op);
  quantizeRows(e, reader, op);
}

/// 64 columns to a word of each plane: four masks of 16 lanes, the first
/// lowest. Bits beyond the row's width are cleared, so that no popcount sees
/// them.
template <typename OpTy>
static void packRows(Emitter &e, RowReader &reader, OpTy op) {
  OpBuilder &b = e.b;
  auto i64 = [&](uint64_t value) {
    return arith::ConstantIntOp::create(b, e.loc, static_cast<int64_t>(value),
                                        64);
  };
  Value out = e.buffer(op.getResult());
  Value sumOut = op.getSum() ? e.buffer(op.getSum()) : Value();
  Value scaleOut = op.getScale() ? e.buffer(op.getScale()) : Value();
  int64_t planes = planesOf(op.getBitQuant());
  int64_t groups = sumOut ? planesOf(op.getSum().getType()) / planes : 1;

  // Stores the words at `index`, of `columns`; returns `sums` with theirs
  // added: the ones of each plane, and 16 lanes of |x|, as far as they are
  // wanted.
  auto pack = [&](Value t, Value index, int64_t columns, ValueRange sums) {
    SmallVector<Value> words(planes);
    Value lanes = scaleOut ? sums.back() : Value();
    for (int64_t part = 0; part * 16 < columns; ++part) {
      Value column = e.addI(e.mulI(index, 64), part * 16);
      SmallVector<Value, 2> halves;
      if (op.getBitQuant() == BitQuant::Sign && !lanes) {
        halves = {reader.signs(t, column)};
      } else {
        Value x = reader.read(t, column);
        if (lanes)
          lanes = e.fadd(lanes, math::AbsFOp::create(b, e.loc, x));
        halves = e.planeBits(x, op.getBitQuant());
      }
      for (auto [bits, word] : llvm::zip(halves, words)) {
        Value mask = arith::ExtUIOp::create(b, e.loc, b.getI64Type(), bits);
        if (part)
          mask = arith::ShLIOp::create(b, e.loc, mask, i64(part * 16));
        word = word ? arith::OrIOp::create(b, e.loc, word, mask) : mask;
      }
    }
    SmallVector<Value> next;
    for (auto [p, word] : llvm::enumerate(words)) {
      if (columns < 64)
        word = arith::AndIOp::create(b, e.loc, word,
                                     i64((uint64_t(1) << columns) - 1));
      e.store(word, out, {t, e.index(p), index});
      if (sumOut)
        next.push_back(e.add(sums[p], math::CtPopOp::create(b, e.loc, word)));
    }
    if (lanes)
      next.push_back(lanes);
    return next;
  };
  int64_t full = reader.width() / 64, rest = reader.width() % 64;
  e.parallel(e.rowsOf(op.getInput()), [&](Value t) {
    reader.startRow(t);
    // Words [lo, hi) and those that are not full, which are group g; `lanes`
    // are those of |x| so far, or nothing.
    auto part = [&](Value lo, Value hi, int64_t rest, Value g,
                    ValueRange lanes) {
      SmallVector<Value> sums(sumOut ? planes : 0, i64(0));
      llvm::append_range(sums, lanes);
      sums = e.loop(lo, hi, 1, sums, [&](Value index, ValueRange carried) {
        return pack(t, index, 64, carried);
      });
      if (rest)
        sums = pack(t, hi, rest, sums);
      for (int64_t p = 0; sumOut && p < planes; ++p)
        e.store(arith::TruncIOp::create(b, e.loc, b.getI32Type(), sums[p]),
                sumOut, {t, e.addI(g, p * groups)});
      return SmallVector<Value>(ArrayRef(sums).take_back(lanes.size()));
    };
    SmallVector<Value> lanes;
    if (scaleOut)
      lanes.push_back(e.splat(0.0f));
    if (groups == 1)
      lanes = part(e.index(0), e.index(full), rest, e.index(0), lanes);
    else
      lanes =
          e.loop(e.index(0), e.index(groups), 1, lanes,
                 [&](Value g, ValueRange carried) {
                   Value lo = e.mulI(g, full / groups);
                   return part(lo, e.addI(lo, full / groups), 0, g, carried);
                 });
    if (scaleOut)
      e.store(
          e.fdiv(e.sum16(lanes[0]), e.f32(static_cast<float>(reader.width()))),
          scaleOut, t);
  });
}

void mlir::bitnet::lowerPackBits(Emitter &e, PackBitsOp op) {
  RowReader reader(e, op.getInput());
  packRows(e, reader, op);
}

void mlir::bitnet::lowerNormPackBits(Emitter &e, NormPackBitsOp op) {
  RowReader reader(e, op.getInput());
  reader.setNorm(op);
  packRows(e, reader, op);
}

/// 64 codes to a word of each plane, whose bits are tests of one bit each.
/// Codes that pad a row are 0.
void mlir::bitnet::lowerPackCodes(Emitter &e, PackCodesOp op) {
  OpBuilder &b = e.b;
  auto i8x64 = VectorType::get(64, b.getI8Type());
  Value in = e.buffer(op.getInput()), out = e.buffer(op.getResult());
  Value none = e.splatI8(0);
  e.parallel(e.rowsOf(op.getInput()), [&](Value t) {
    e.loop(e.index(0), e.index(op.getType().getDimSize(2)), 1, [&](Value word) {
      Value codes = e.load(i8x64, in, {t, e.index(0), e.mulI(word, 64)});
      for (int64_t p = 0; p < planesOf(BitQuant::Int8); ++p) {
        Value bit = arith::AndIOp::create(b, e.loc, codes, e.splatI8(1 << p));
        Value mask = arith::CmpIOp::create(b, e.loc, arith::CmpIPredicate::ne,
                                           bit, none);
        Value words = vector::BitCastOp::create(
            b, e.loc, VectorType::get(1, b.getI64Type()), mask);
        e.store(
            vector::ExtractOp::create(b, e.loc, words, ArrayRef<int64_t>{0}),
            out, {t, e.index(p), word});
      }
    });
  });
}
