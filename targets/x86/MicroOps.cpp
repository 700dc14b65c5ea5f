//===- MicroOps.cpp - Micro-ops on x86 ------------------------------------===//
//
// One instruction each: vpdpbusd (AVX-512 VNNI), vcvtph2ps and vcvtps2ph
// (F16C); two for small codes on AVX2 (vpmaddubsw, vpmaddwd). The 16-bit
// multiply-add of SSE2, and of AVX2 for full bytes, needs no pattern here: LLVM
// finds it in the generic form.
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

/// Codes up to 128: products are added in pairs to 16 bits, which is exact (128
/// times -128 twice is -32768), and pairs of those to 32.
///
///   vpmaddubsw  a, b     32 bytes -> 16 x i16
///   vpmaddwd    ., 1     16 x i16 ->  8 x i32
struct DotAVX2 : OpRewritePattern<DotU8I8Op> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(DotU8I8Op op,
                                PatternRewriter &rewriter) const override {
    if (op.getBound() > 128)
      return failure();
    Location loc = op.getLoc();
    auto i16x16 = VectorType::get({16}, rewriter.getI16Type());
    auto i32x8 = VectorType::get({8}, rewriter.getI32Type());
    Value ones = arith::ConstantOp::create(
        rewriter, loc, DenseElementsAttr::get(i16x16, int16_t(1)));
    Value halves[2];
    for (int64_t h = 0; h < 2; ++h) {
      auto half = [&](Value v) -> Value {
        return vector::ExtractStridedSliceOp::create(
            rewriter, loc, v, ArrayRef<int64_t>{h * 32}, ArrayRef<int64_t>{32},
            ArrayRef<int64_t>{1});
      };
      auto call = [&](Type type, const char *name, Value x, Value y) -> Value {
        return LLVM::CallIntrinsicOp::create(rewriter, loc, type,
                                             rewriter.getStringAttr(name),
                                             ValueRange{x, y})
            .getResult(0);
      };
      Value pairs = call(i16x16, "llvm.x86.avx2.pmadd.ub.sw", half(op.getA()),
                         half(op.getB()));
      halves[h] = call(i32x8, "llvm.x86.avx2.pmadd.wd", pairs, ones);
    }
    SmallVector<int64_t> both = llvm::to_vector(llvm::seq<int64_t>(16));
    Value sums =
        vector::ShuffleOp::create(rewriter, loc, halves[0], halves[1], both);
    rewriter.replaceOpWithNewOp<arith::AddIOp>(op, op.getAcc(), sums);
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

/// Which pattern needs which features. Of two that fit the later one is taken.
struct Row {
  llvm::StringLiteral feature;
  void (*add)(RewritePatternSet &, PatternBenefit);
};

template <typename... Patterns>
void add(RewritePatternSet &patterns, PatternBenefit benefit) {
  patterns.add<Patterns...>(patterns.getContext(), benefit);
}

} // namespace

static constexpr Row kRows[] = {
    {"avx2", add<DotAVX2>},
    {"avx512vnni", add<DotVNNI>},
    {"f16c", add<ExtendF16C, TruncateF16C>},
};

void mlir::bitnet::populateX86MicroOps(const Cpu &cpu,
                                       RewritePatternSet &patterns) {
  for (auto [i, row] : llvm::enumerate(kRows))
    if (cpu.hasFeature(row.feature))
      row.add(patterns, PatternBenefit(kIsaBenefit + i));
}
