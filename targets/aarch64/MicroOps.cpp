//===- MicroOps.cpp - Micro-ops on 64-bit Arm -----------------------------===//
//
// Every such processor has byte products in 16 bits (smull), additions of
// neighbours into wider sums (addp, sadalp) and conversions of halves (fcvtl,
// fcvtn); those with dotprod sum four products of bytes by one instruction
// (sdot). Both kinds of products are of signed bytes, and codes are not; those
// with i8mm have products of both kinds of bytes (usdot).
//
//===----------------------------------------------------------------------===//

#include "dialect/Dialect.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Matchers.h"
#include "targets/Isa.h"

using namespace mlir;
using namespace mlir::bitnet;

namespace {

/// Vectors of 128 bits.
struct Emit {
  OpBuilder &b;
  Location loc;

  VectorType i8() { return VectorType::get({16}, b.getI8Type()); }
  VectorType i16() { return VectorType::get({8}, b.getI16Type()); }
  VectorType i32() { return VectorType::get({4}, b.getI32Type()); }

  Value splat(VectorType type, int64_t value) {
    return arith::ConstantOp::create(
        b, loc,
        DenseElementsAttr::get(type,
                               b.getIntegerAttr(type.getElementType(), value)));
  }
  Value slice(Value v, int64_t offset, int64_t size) {
    return vector::ExtractStridedSliceOp::create(
        b, loc, v, ArrayRef<int64_t>{offset}, ArrayRef<int64_t>{size},
        ArrayRef<int64_t>{1});
  }
  Value call(VectorType type, StringRef name, ValueRange operands) {
    return LLVM::CallIntrinsicOp::create(b, loc, type, b.getStringAttr(name),
                                         operands)
        .getResult(0);
  }
  Value add(Value x, Value y) { return arith::AddIOp::create(b, loc, x, y); }
  Value mul(Value x, Value y) { return arith::MulIOp::create(b, loc, x, y); }
  Value shl(Value x, Value y) { return arith::ShLIOp::create(b, loc, x, y); }
  Value shr(Value x, Value y) { return arith::ShRSIOp::create(b, loc, x, y); }
  /// `v`, of which LLVM knows nothing: it finds smull2 only where it does not
  /// know that the high half is the same as the low one, as in most columns.
  Value opaque(Value v) {
    auto f32 = VectorType::get({4}, b.getF32Type());
    Value bits = vector::BitCastOp::create(b, loc, f32, v);
    return vector::BitCastOp::create(
        b, loc, cast<VectorType>(v.getType()),
        call(f32, "llvm.arithmetic.fence.v4f32", bits));
  }
  /// Sums of neighbours, added to `sum`: sadalp.
  Value addPairs(Value sum, Value x) {
    return add(sum, call(i32(), "llvm.aarch64.neon.saddlp.v4i32.v8i16", x));
  }
};

/// What is known of the codes: all are at most `bound`, and their last `zeros`
/// bits are zero.
struct Codes {
  int64_t bound;
  int64_t zeros;
};

/// Fields of weights are masked in place.
int64_t zeroBits(Value codes) {
  auto masked = codes.getDefiningOp<arith::AndIOp>();
  DenseElementsAttr mask;
  if (!masked || !matchPattern(masked.getRhs(), m_Constant(&mask)) ||
      !mask.isSplat())
    return 0;
  return mask.getSplatValue<APInt>().countr_zero();
}

/// A dot product of 16 bytes.
using DotOf16 = Value (*)(Emit &, Value acc, Value a, Value b, Codes codes);

/// A dot product of 64 bytes as four of them.
template <DotOf16 dot> struct DotByQuarters : OpRewritePattern<DotU8I8Op> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(DotU8I8Op op,
                                PatternRewriter &rewriter) const override {
    Emit e{rewriter, op.getLoc()};
    Codes codes{static_cast<int64_t>(op.getBound()), zeroBits(op.getA())};
    Value result = op.getAcc();
    for (int64_t q = 0; q < 4; ++q) {
      Value sums =
          dot(e, e.slice(op.getAcc(), q * 4, 4), e.slice(op.getA(), q * 16, 16),
              e.slice(op.getB(), q * 16, 16), codes);
      result = vector::InsertStridedSliceOp::create(
          rewriter, e.loc, sums, result, ArrayRef<int64_t>{q * 4},
          ArrayRef<int64_t>{1});
    }
    rewriter.replaceOp(op, result);
    return success();
  }
};

/// Codes up to 127 are signed bytes too, and two products fit into 16 bits:
///
///   smull   p, a, b     low 8 bytes  -> 8 x i16
///   smull2  q, a, b     high 8 bytes -> 8 x i16
///   addp    p, p, q     neighbours   -> 8 x i16
///   sadalp  acc, p      neighbours   -> 4 x i32
///
/// Others in even and odd bytes, each with its neighbour's zeros or sign. One
/// product fits into 16 bits, two do up to 128 (twice 128 times -128 is
/// -32768):
///
///   mul p, even(a), even(b)     sadalp acc, p
///   mul q, odd(a), odd(b)       sadalp acc, q      up to 128: mla, one sadalp
///
/// Columns (b) are split once for all the rows that they are multiplied with.
Value dotNeon(Emit &e, Value acc, Value a, Value b, Codes codes) {
  int64_t shift = codes.bound <= 127 ? 0 : codes.zeros;
  if (codes.bound <= 127 || (codes.bound <= 128 && shift > 0)) {
    if (shift)
      a = arith::ShRUIOp::create(e.b, e.loc, a, e.splat(e.i8(), shift));
    b = e.opaque(b);
    auto product = [&](int64_t half) {
      return e.call(e.i16(), "llvm.aarch64.neon.smull.v8i16",
                    {e.slice(a, half * 8, 8), e.slice(b, half * 8, 8)});
    };
    Value low = product(0), high = product(1);
    Value pairs = e.call(e.i16(), "llvm.aarch64.neon.addp.v8i16", {low, high});
    return e.addPairs(acc,
                      shift ? e.shl(pairs, e.splat(e.i16(), shift)) : pairs);
  }
  Value eight = e.splat(e.i16(), 8);
  a = vector::BitCastOp::create(e.b, e.loc, e.i16(), a);
  b = vector::BitCastOp::create(e.b, e.loc, e.i16(), b);
  Value even =
      e.mul(arith::AndIOp::create(e.b, e.loc, a, e.splat(e.i16(), 255)),
            e.shr(e.shl(b, eight), eight));
  Value odd =
      e.mul(arith::ShRUIOp::create(e.b, e.loc, a, eight), e.shr(b, eight));
  return e.addPairs(e.addPairs(acc, even), odd);
}

/// Codes up to 127 are what sdot takes. Others are taken less 128, which is a
/// flip of the highest bit, and 128 times the sum of b makes up for it: once
/// for all the rows that b is multiplied with.
///
///   sdot acc, a, b        or        sdot acc, a ^ 128, b
///                                   add  acc, acc, sdot(0, 64, b) << 1
Value dotSdot(Emit &e, Value acc, Value a, Value b, Codes codes) {
  constexpr StringLiteral sdot = "llvm.aarch64.neon.sdot.v4i32.v16i8";
  if (codes.bound <= 127)
    return e.call(e.i32(), sdot, {acc, a, b});
  Value half =
      e.call(e.i32(), sdot, {e.splat(e.i32(), 0), e.splat(e.i8(), 64), b});
  Value flipped = arith::XOrIOp::create(e.b, e.loc, a, e.splat(e.i8(), -128));
  return e.add(e.call(e.i32(), sdot, {acc, flipped, b}),
               e.shl(half, e.splat(e.i32(), 1)));
}

/// usdot takes codes as they are.
Value dotUsdot(Emit &e, Value acc, Value a, Value b, Codes) {
  return e.call(e.i32(), "llvm.aarch64.neon.usdot.v4i32.v16i8", {acc, a, b});
}

/// fcvtn overflows to infinity, so values are clamped first, by fminnm and
/// fmaxnm.
struct TruncateFcvtn : OpRewritePattern<TruncateF16Op> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(TruncateF16Op op,
                                PatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    VectorType f32 = op.getInput().getType();
    auto limit = [&](float value) -> Value {
      return arith::ConstantOp::create(
          rewriter, loc,
          DenseElementsAttr::get(f32, rewriter.getF32FloatAttr(value)));
    };
    Value x =
        arith::MinNumFOp::create(rewriter, loc, op.getInput(), limit(65504.0f));
    x = arith::MaxNumFOp::create(rewriter, loc, x, limit(-65504.0f));
    auto f16 = VectorType::get({16}, rewriter.getF16Type());
    Value half = arith::TruncFOp::create(rewriter, loc, f16, x);
    rewriter.replaceOpWithNewOp<arith::BitcastOp>(op, op.getType(), half);
    return success();
  }
};

} // namespace

static constexpr MicroOpRow kRows[] = {
    {"neon", addExtendF16},
    {"neon", addMicroOps<DotByQuarters<dotNeon>, TruncateFcvtn>},
    {"dotprod", addMicroOps<DotByQuarters<dotSdot>>},
    {"i8mm", addMicroOps<DotByQuarters<dotUsdot>>},
};

void mlir::bitnet::populateAArch64MicroOps(const Cpu &cpu,
                                           RewritePatternSet &patterns) {
  populateMicroOpRows(cpu, kRows, patterns);
}
