//===- MicroOps.cpp - Micro-ops on x86 ------------------------------------===//
//
// One instruction each: vpdpbusd (AVX-512 VNNI), vcvtph2ps and vcvtps2ph
// (F16C); two for small codes on AVX2 (vpmaddubsw, vpmaddwd); seven for five
// times 64 trits (vpermb, AVX-512 VBMI). The 16-bit
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

/// Two look-ups and four ANDs and additions for 320 trits:
///
///   high = T1[w >> 2]             w >> 2 is 7 p + (0 .. 6): knows p, and so
///   t_0 low3 = T2[(w + high) mod 64]  28 p + 4 p = 32 p, so the low five bits
///   of
///                                 the sum are t_2 + 3 t_3 + 9 t_4
///   pair = high & 63,  low2 = low3 & 15,  low1 = low3 & 3
///
/// vpermb looks at the low six bits of an index only: bits that a shift of
/// 16-bit words brings in from the neighbour and carries do no harm.
struct UnpackTrit5VBMI : OpRewritePattern<UnpackTrit5Op> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(UnpackTrit5Op op,
                                PatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    auto bytes = op.getInput().getType();
    auto words = VectorType::get({32}, rewriter.getI16Type());
    auto splat = [&](int8_t value) -> Value {
      return arith::ConstantOp::create(rewriter, loc,
                                       DenseElementsAttr::get(bytes, value));
    };
    auto lookUp = [&](function_ref<int(int)> entry, Value at) -> Value {
      SmallVector<int8_t> table;
      for (int i = 0; i < 64; ++i)
        table.push_back(static_cast<int8_t>(entry(i)));
      Value values = arith::ConstantOp::create(
          rewriter, loc, DenseElementsAttr::get(bytes, ArrayRef(table)));
      return LLVM::CallIntrinsicOp::create(
                 rewriter, loc, bytes,
                 rewriter.getStringAttr("llvm.x86.avx512.permvar.qi.512"),
                 ValueRange{values, at})
          .getResult(0);
    };
    Value two = arith::ConstantOp::create(
        rewriter, loc, DenseElementsAttr::get(words, int16_t(2)));
    Value w = op.getInput();
    Value shifted = arith::ShRUIOp::create(
        rewriter, loc, vector::BitCastOp::create(rewriter, loc, words, w), two);
    Value high =
        lookUp([](int i) { return i / 7 * 4 + i / 21 * 64; },
               vector::BitCastOp::create(rewriter, loc, bytes, shifted));
    Value low3 = lookUp(
        [](int i) {
          int rest = i % 32;
          return rest % 3 + rest / 3 % 3 * 4 + rest / 9 * 16;
        },
        arith::AddIOp::create(rewriter, loc, w, high));
    auto masked = [&](Value v, int8_t mask) -> Value {
      return arith::AndIOp::create(rewriter, loc, v, splat(mask));
    };
    rewriter.replaceOp(
        op, {high, masked(high, 63), low3, masked(low3, 15), masked(low3, 3)});
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
    {"avx512vbmi", add<UnpackTrit5VBMI>},
    {"f16c", add<ExtendF16C, TruncateF16C>},
};

void mlir::bitnet::populateX86MicroOps(const Cpu &cpu,
                                       RewritePatternSet &patterns) {
  for (auto [i, row] : llvm::enumerate(kRows))
    if (cpu.hasFeature(row.feature))
      row.add(patterns, PatternBenefit(kIsaBenefit + i));
}
