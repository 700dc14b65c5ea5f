//===- MicroOps.cpp - Micro-ops on 64-bit Arm -----------------------------===//
//
// Every such processor has byte products in 16 bits (NeonDots.cpp) and
// conversions of halves (fcvtl, fcvtn); those with dotprod sum four products of
// bytes by one instruction (sdot). Both kinds of products are of signed bytes,
// and codes are not; those with i8mm have products of both kinds of bytes
// (usdot) and of small matrices of them (usmmla).
//
//===----------------------------------------------------------------------===//

#include "targets/Isa.h"
#include "targets/aarch64/Emit.h"

using namespace mlir;
using namespace mlir::bitnet;
using namespace mlir::bitnet::aarch64;

namespace {

/// A dot product of 16 bytes.
using DotOf16 = Value (*)(Emit &, Value acc, Value a, Value b, int64_t bound);

/// `acc` with each quarter replaced by what `sums` makes of it.
Value byQuarters(Emit &e, Value acc,
                 function_ref<Value(Value acc, int64_t q)> sums) {
  Value result = acc;
  for (int64_t q = 0; q < 4; ++q)
    result = e.insert(sums(e.slice(acc, q * 4, 4), q), result, q * 4);
  return result;
}

/// A dot product of 64 bytes as four of them.
template <DotOf16 dot> struct DotByQuarters : OpRewritePattern<DotU8I8Op> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(DotU8I8Op op,
                                PatternRewriter &rewriter) const override {
    Emit e{rewriter, op.getLoc()};
    rewriter.replaceOp(
        op, byQuarters(e, op.getAcc(), [&](Value acc, int64_t q) {
          return dot(e, acc, e.slice(op.getA(), q * 16, 16),
                     e.slice(op.getB(), q * 16, 16), op.getBound());
        }));
    return success();
  }
};

/// Codes up to 127 are what sdot takes. Others are taken less 128, which is a
/// flip of the highest bit, and 128 times the sum of b makes up for it: once
/// for all the rows that b is multiplied with.
///
///   sdot acc, a, b        or        sdot acc, a ^ 128, b
///                                   add  acc, acc, sdot(0, 64, b) << 1
Value dotSdot(Emit &e, Value acc, Value a, Value b, int64_t bound) {
  constexpr StringLiteral sdot = "llvm.aarch64.neon.sdot.v4i32.v16i8";
  if (bound <= 127)
    return e.call(e.i32(), sdot, {acc, a, b});
  Value half =
      e.call(e.i32(), sdot, {e.splat(e.i32(), 0), e.splat(e.i8(), 64), b});
  Value flipped = arith::XOrIOp::create(e.b, e.loc, a, e.splat(e.i8(), -128));
  return e.add(e.call(e.i32(), sdot, {acc, flipped, b}),
               e.shl(half, e.splat(e.i32(), 1)));
}

/// usdot takes codes as they are.
Value dotUsdot(Emit &e, Value acc, Value a, Value b, int64_t) {
  return e.call(e.i32(), "llvm.aarch64.neon.usdot.v4i32.v16i8", {acc, a, b});
}

/// Two rows of 8 columns by two tokens are one usmmla.
struct MmaByUsmmla : OpRewritePattern<MmaU8I8Op> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(MmaU8I8Op op,
                                PatternRewriter &rewriter) const override {
    Emit e{rewriter, op.getLoc()};
    rewriter.replaceOp(
        op, byQuarters(e, op.getAcc(), [&](Value acc, int64_t q) {
          return e.call(e.i32(), "llvm.aarch64.neon.usmmla.v4i32.v16i8",
                        {acc, e.slice(op.getA(), q * 16, 16), op.getB()});
        }));
    return success();
  }
};

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
    {"neon", addNeonDots},
    {"neon", addMicroOps<TruncateFcvtn>},
    {"dotprod", addMicroOps<DotByQuarters<dotSdot>>},
    {"i8mm", addMicroOps<DotByQuarters<dotUsdot>, MmaByUsmmla>},
};

/// sdot has nothing to share.
int64_t mlir::bitnet::dotChainOfAArch64(const Cpu &cpu, bool) {
  return cpu.hasFeature("dotprod") ? 1 : kNeonDotChain;
}

void mlir::bitnet::populateAArch64MicroOps(const Cpu &cpu,
                                           RewritePatternSet &patterns) {
  populateMicroOpRows(cpu, kRows, patterns);
}
