//===- MicroOps.cpp - Micro-ops on x86 ------------------------------------===//
//
// One instruction each: vpdpbusd (AVX-512 VNNI), vcvtph2ps and vcvtps2ph
// (F16C). The multiply-add of SSE2 and AVX2 needs no pattern here: LLVM finds
// it in the generic form.
//
//===----------------------------------------------------------------------===//

#include "dialect/Dialect.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "targets/Isa.h"

using namespace mlir;
using namespace mlir::bitnet;

namespace {

struct DotVNNI : OpRewritePattern<DotU8I8Op> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(DotU8I8Op op,
                                PatternRewriter &rewriter) const override {
    // It wraps like the addition of the generic form: not the saturating
    // vpdpbusds.
    rewriter.replaceOpWithNewOp<LLVM::CallIntrinsicOp>(
        op, op.getType(),
        rewriter.getStringAttr("llvm.x86.avx512.vpdpbusd.512"),
        ValueRange{op.getAcc(), op.getA(), op.getB()});
    return success();
  }
};

struct ExtendF16C : OpRewritePattern<ExtendF16Op> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(ExtendF16Op op,
                                PatternRewriter &rewriter) const override {
    auto f16 = VectorType::get({16}, rewriter.getF16Type());
    Value half =
        arith::BitcastOp::create(rewriter, op.getLoc(), f16, op.getInput());
    rewriter.replaceOpWithNewOp<arith::ExtFOp>(op, op.getType(), half);
    return success();
  }
};

struct TruncateF16C : OpRewritePattern<TruncateF16Op> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(TruncateF16Op op,
                                PatternRewriter &rewriter) const override {
    // The instruction overflows to infinity, so values are clamped first.
    // Compare and select is minps/maxps; what it makes of NaN is of no
    // interest.
    Location loc = op.getLoc();
    VectorType f32 = op.getInput().getType();
    Value x = op.getInput();
    auto clamp = [&](float limit, arith::CmpFPredicate keep) {
      Value bound = arith::ConstantOp::create(
          rewriter, loc,
          DenseElementsAttr::get(f32, rewriter.getF32FloatAttr(limit)));
      Value inside = arith::CmpFOp::create(rewriter, loc, keep, x, bound);
      x = arith::SelectOp::create(rewriter, loc, inside, x, bound);
    };
    clamp(65504.0f, arith::CmpFPredicate::OLT);
    clamp(-65504.0f, arith::CmpFPredicate::OGT);
    auto f16 = VectorType::get({16}, rewriter.getF16Type());
    Value half = arith::TruncFOp::create(rewriter, loc, f16, x);
    rewriter.replaceOpWithNewOp<arith::BitcastOp>(op, op.getType(), half);
    return success();
  }
};

/// Which pattern needs which features.
struct Row {
  llvm::StringLiteral feature;
  void (*add)(RewritePatternSet &);
};

template <typename... Patterns> void add(RewritePatternSet &patterns) {
  patterns.add<Patterns...>(patterns.getContext(), kIsaBenefit);
}

} // namespace

static constexpr Row kRows[] = {
    {"avx512vnni", add<DotVNNI>},
    {"f16c", add<ExtendF16C, TruncateF16C>},
};

void mlir::bitnet::populateX86MicroOps(const Cpu &cpu,
                                       RewritePatternSet &patterns) {
  for (const Row &row : kRows)
    if (cpu.hasFeature(row.feature))
      row.add(patterns);
}
