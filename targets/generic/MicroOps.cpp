//===- MicroOps.cpp - Micro-ops in plain vector arithmetic ----------------===//
//
// Fits every CPU. The forms are chosen so that LLVM finds the good instruction
// where there is one (pmaddwd), and so that no library function is needed:
// generated objects link without one.
//
//===----------------------------------------------------------------------===//

#include "dialect/Dialect.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "targets/Isa.h"

using namespace mlir;
using namespace mlir::bitnet;

namespace {

/// Writes vector arithmetic as expressions.
struct Emit {
  OpBuilder &b;
  Location loc;

  Value constant(VectorType type, int64_t bits) {
    return arith::ConstantOp::create(
        b, loc,
        DenseElementsAttr::get(type,
                               b.getIntegerAttr(type.getElementType(), bits)));
  }
  VectorType i32() { return VectorType::get({16}, b.getI32Type()); }
  VectorType f32() { return VectorType::get({16}, b.getF32Type()); }
  Value int32(int64_t bits) { return constant(i32(), bits); }
  Value asFloat(Value v) { return arith::BitcastOp::create(b, loc, f32(), v); }
  Value asInt(Value v) { return arith::BitcastOp::create(b, loc, i32(), v); }
  Value float32(int64_t bits) { return asFloat(int32(bits)); }

  Value band(Value x, Value y) { return arith::AndIOp::create(b, loc, x, y); }
  Value bor(Value x, Value y) { return arith::OrIOp::create(b, loc, x, y); }
  Value bxor(Value x, Value y) { return arith::XOrIOp::create(b, loc, x, y); }
  Value add(Value x, Value y) { return arith::AddIOp::create(b, loc, x, y); }
  Value sub(Value x, Value y) { return arith::SubIOp::create(b, loc, x, y); }
  Value shl(Value x, Value y) { return arith::ShLIOp::create(b, loc, x, y); }
  Value lshr(Value x, Value y) { return arith::ShRUIOp::create(b, loc, x, y); }
  Value ashr(Value x, Value y) { return arith::ShRSIOp::create(b, loc, x, y); }
  Value fadd(Value x, Value y) { return arith::AddFOp::create(b, loc, x, y); }
  Value fsub(Value x, Value y) { return arith::SubFOp::create(b, loc, x, y); }
  /// The second one if either is NaN: minps.
  Value minimum(Value x, Value y) {
    Value less = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OLT, x, y);
    return arith::SelectOp::create(b, loc, less, x, y);
  }
  Value select(arith::CmpIPredicate p, Value x, Value y, Value t, Value f) {
    Value cond = arith::CmpIOp::create(b, loc, p, x, y);
    return arith::SelectOp::create(b, loc, cond, t, f);
  }
};

/// Even and odd bytes become i16, and each i32 lane is the sum of two products
/// of i16. Written as one multiplication of twice the lanes whose neighbours
/// are added, LLVM makes one pmaddwd of it on SSE2 and AVX2: u8 x i8 in i16
/// never overflows, which pmaddubsw would.
struct DotU8I8 : OpRewritePattern<DotU8I8Op> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(DotU8I8Op op,
                                PatternRewriter &rewriter) const override {
    Emit e{rewriter, op.getLoc()};
    auto i16 = VectorType::get({32}, rewriter.getI16Type());
    Value a = vector::BitCastOp::create(rewriter, e.loc, i16, op.getA());
    Value b = vector::BitCastOp::create(rewriter, e.loc, i16, op.getB());
    Value eight = e.constant(i16, 8);
    Value even = pairSums(e, e.band(a, e.constant(i16, 255)),
                          e.ashr(e.shl(b, eight), eight));
    Value odd = pairSums(e, e.lshr(a, eight), e.ashr(b, eight));
    rewriter.replaceOp(op, e.add(e.add(op.getAcc(), even), odd));
    return success();
  }

  static Value pairSums(Emit &e, Value x, Value y) {
    auto wide = VectorType::get({32}, e.b.getI32Type());
    Value product = arith::MulIOp::create(
        e.b, e.loc, arith::ExtSIOp::create(e.b, e.loc, wide, x),
        arith::ExtSIOp::create(e.b, e.loc, wide, y));
    SmallVector<int64_t> first, second;
    for (int64_t i = 0; i < 16; ++i) {
      first.push_back(2 * i);
      second.push_back(2 * i + 1);
    }
    return e.add(
        vector::ShuffleOp::create(e.b, e.loc, product, product, first),
        vector::ShuffleOp::create(e.b, e.loc, product, product, second));
  }
};

/// Dots of four columns each, of one token after the other:
///
///   %d = dot_u8i8 0, %a, columns of token t in every row   [row][half]
///   %t = even lanes of %d + odd lanes of %d                [row]
///   acc + [row][%0, %1]
struct MmaU8I8 : OpRewritePattern<MmaU8I8Op> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(MmaU8I8Op op,
                                PatternRewriter &rewriter) const override {
    Emit e{rewriter, op.getLoc()};
    auto shuffle = [&](Value x, Value y, int64_t count, auto at) -> Value {
      SmallVector<int64_t> mask =
          llvm::map_to_vector(llvm::seq<int64_t>(count), at);
      return vector::ShuffleOp::create(rewriter, e.loc, x, y, mask);
    };
    Value sums[2];
    for (int64_t t = 0; t < 2; ++t) {
      Value columns = shuffle(op.getB(), op.getB(), 64,
                              [&](int64_t i) { return 8 * t + i % 8; });
      Value halves = DotU8I8Op::create(rewriter, e.loc, e.i32(), e.int32(0),
                                       op.getA(), columns);
      sums[t] = e.add(
          shuffle(halves, halves, 8, [](int64_t r) { return 2 * r; }),
          shuffle(halves, halves, 8, [](int64_t r) { return 2 * r + 1; }));
    }
    Value both = shuffle(sums[0], sums[1], 16,
                         [](int64_t i) { return i / 2 + i % 2 * 8; });
    rewriter.replaceOp(op, e.add(op.getAcc(), both));
    return success();
  }
};

/// By division in 16 bits: the quotients and remainders that the layout names.
struct UnpackTrit5 : OpRewritePattern<UnpackTrit5Op> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(UnpackTrit5Op op,
                                PatternRewriter &rewriter) const override {
    Emit e{rewriter, op.getLoc()};
    auto i16 = VectorType::get({64}, rewriter.getI16Type());
    auto div = [&](Value x, int64_t y) -> Value {
      return arith::DivUIOp::create(rewriter, e.loc, x, e.constant(i16, y));
    };
    auto times = [&](Value x, int64_t y) -> Value {
      return arith::MulIOp::create(rewriter, e.loc, x, e.constant(i16, y));
    };
    Value w = arith::ExtUIOp::create(rewriter, e.loc, i16, op.getInput());
    Value p = div(w, 28), rest = e.sub(w, times(p, 28));
    Value pair = times(p, 4), high = e.add(pair, times(div(p, 3), 64));
    Value t4 = div(rest, 9), rest2 = e.sub(rest, times(t4, 9));
    Value t3 = div(rest2, 3), t2 = e.sub(rest2, times(t3, 3));
    Value low2 = e.add(t2, times(t3, 4)), low3 = e.add(low2, times(t4, 16));
    SmallVector<Value> forms;
    for (Value form : {high, pair, low3, low2, t2})
      forms.push_back(arith::TruncIOp::create(rewriter, e.loc,
                                              op.getInput().getType(), form));
    rewriter.replaceOp(op, forms);
    return success();
  }
};

/// One selection for each entry.
struct Lookup : OpRewritePattern<LookupOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(LookupOp op,
                                PatternRewriter &rewriter) const override {
    Emit e{rewriter, op.getLoc()};
    VectorType type = op.getType();
    Value result;
    for (int64_t i = 0; i < 16; ++i) {
      Value entry = vector::ExtractOp::create(rewriter, e.loc, op.getTable(),
                                              ArrayRef<int64_t>{i});
      entry = vector::BroadcastOp::create(rewriter, e.loc, type, entry);
      result = result ? e.select(arith::CmpIPredicate::eq, op.getIndices(),
                                 e.constant(type, i), entry, result)
                      : entry;
    }
    rewriter.replaceOp(op, result);
    return success();
  }
};

struct FlipSigns : OpRewritePattern<FlipSignsOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(FlipSignsOp op,
                                PatternRewriter &rewriter) const override {
    Emit e{rewriter, op.getLoc()};
    Value zero = e.constant(op.getType(), 0);
    rewriter.replaceOp(op,
                       e.select(arith::CmpIPredicate::slt, op.getSigns(), zero,
                                e.sub(zero, op.getValues()), op.getValues()));
    return success();
  }
};

/// Moves exponent and mantissa into place and adds the difference of the
/// biases, twice for infinities, whose largest exponent stays the largest. The
/// smallest exponent (zeros and denormals) is given an implicit one that a
/// subtraction takes away again. No intermediate is a denormal f32, so the
/// result does not depend on how the CPU is set to treat those.
///
/// Each correction is a term that is zero for most elements: and-ing with the
/// mask of a comparison costs one instruction on SSE2, choosing between two
/// values costs three.
struct ExtendF16 : OpRewritePattern<ExtendF16Op> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(ExtendF16Op op,
                                PatternRewriter &rewriter) const override {
    Emit e{rewriter, op.getLoc()};
    constexpr int64_t kLargestExponent = 0x7c00 << 13;
    constexpr int64_t kBias = (127 - 15) << 23;
    constexpr int64_t kOne = 1 << 23;
    Value bits =
        arith::ExtUIOp::create(rewriter, e.loc, e.i32(), op.getInput());
    Value sign = e.shl(e.band(bits, e.int32(0x8000)), e.int32(16));
    Value body = e.shl(e.band(bits, e.int32(0x7fff)), e.int32(13));
    auto termIf = [&](arith::CmpIPredicate predicate, int64_t bound,
                      int64_t term) {
      return e.select(predicate, body, e.int32(bound), e.int32(term),
                      e.int32(0));
    };
    Value infinite =
        termIf(arith::CmpIPredicate::sgt, kLargestExponent - 1, kBias);
    Value implicit = termIf(arith::CmpIPredicate::slt, kOne, kOne);
    Value tooMuch = termIf(arith::CmpIPredicate::slt, kOne, kBias + kOne);
    Value size = e.add(e.add(body, e.int32(kBias)), e.add(infinite, implicit));
    size = e.fsub(e.asFloat(size), e.asFloat(tooMuch));
    rewriter.replaceOp(op, e.asFloat(e.bor(e.asInt(size), sign)));
    return success();
  }
};

/// Rounds by adding half a unit, less one unless the result would be odd. For
/// results that are denormal in f16 an addition of 0.5 does the rounding: the
/// last bit of its sum weighs as much as theirs.
struct TruncateF16 : OpRewritePattern<TruncateF16Op> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(TruncateF16Op op,
                                PatternRewriter &rewriter) const override {
    Emit e{rewriter, op.getLoc()};
    constexpr int64_t kLargest = 0x477fe000;       // 65504
    constexpr int64_t kSmallestNormal = 113 << 23; // 2^-14
    constexpr int64_t kHalf = 126 << 23;           // 0.5
    constexpr int64_t kBias = (127 - 15) << 23;
    Value bits = e.asInt(op.getInput());
    Value sign = e.band(bits, e.int32(0x80000000));
    Value size =
        e.asInt(e.minimum(e.asFloat(e.bxor(bits, sign)), e.float32(kLargest)));
    Value odd = e.band(e.lshr(size, e.int32(13)), e.int32(1));
    Value normal =
        e.lshr(e.add(e.add(size, e.int32(0xfff - kBias)), odd), e.int32(13));
    Value denormal = e.sub(e.asInt(e.fadd(e.asFloat(size), e.float32(kHalf))),
                           e.int32(kHalf));
    Value result = e.select(arith::CmpIPredicate::slt, size,
                            e.int32(kSmallestNormal), denormal, normal);
    result = e.bor(result, e.lshr(sign, e.int32(16)));
    auto i16 = VectorType::get({16}, rewriter.getI16Type());
    rewriter.replaceOpWithNewOp<arith::TruncIOp>(op, i16, result);
    return success();
  }
};

} // namespace

void mlir::bitnet::addFlipSigns(RewritePatternSet &patterns,
                                PatternBenefit benefit) {
  patterns.add<FlipSigns>(patterns.getContext(), benefit);
}

void mlir::bitnet::populateGenericMicroOps(RewritePatternSet &patterns) {
  patterns.add<DotU8I8, MmaU8I8, UnpackTrit5, Lookup, FlipSigns, ExtendF16,
               TruncateF16>(patterns.getContext(), kGenericBenefit);
}
