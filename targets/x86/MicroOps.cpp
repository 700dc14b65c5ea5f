//===- MicroOps.cpp - Micro-ops on x86 ------------------------------------===//
//
// One instruction each: vpdpbusd (VNNI), vcvtph2ps and vcvtps2ph (F16C); two
// for small codes (pmaddubsw and pmaddwd, since SSSE3); seven for five times 64
// trits (vpermb, AVX-512 VBMI). The 16-bit multiply-add for full bytes needs no
// pattern here: LLVM finds it in the generic form.
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

/// The 64 bytes of a dot product in parts of one register each.
struct DotParts : OpRewritePattern<DotU8I8Op> {
  DotParts(MLIRContext *context, PatternBenefit benefit, int64_t bits)
      : OpRewritePattern(context, benefit), bytes(bits / 8) {}

protected:
  /// dot(acc, a, b) of each part of `bytes` bytes and as many i32 lanes / 4.
  void
  replaceByParts(DotU8I8Op op, PatternRewriter &rewriter,
                 function_ref<Value(Value acc, Value a, Value b)> dot) const {
    Location loc = op.getLoc();
    auto part = [&](Value v, int64_t i, int64_t size) -> Value {
      return size == cast<VectorType>(v.getType()).getDimSize(0)
                 ? v
                 : vector::ExtractStridedSliceOp::create(
                       rewriter, loc, v, ArrayRef<int64_t>{i * size},
                       ArrayRef<int64_t>{size}, ArrayRef<int64_t>{1})
                       .getResult();
    };
    SmallVector<Value> sums;
    for (int64_t i = 0; i < 64 / bytes; ++i)
      sums.push_back(dot(part(op.getAcc(), i, bytes / 4),
                         part(op.getA(), i, bytes), part(op.getB(), i, bytes)));
    // Neighbours are joined until one is left.
    while (sums.size() > 1) {
      SmallVector<Value> pairs;
      for (size_t i = 0; i < sums.size(); i += 2) {
        int64_t lanes = cast<VectorType>(sums[i].getType()).getDimSize(0);
        pairs.push_back(vector::ShuffleOp::create(
            rewriter, loc, sums[i], sums[i + 1],
            llvm::to_vector(llvm::seq<int64_t>(2 * lanes))));
      }
      sums = pairs;
    }
    rewriter.replaceOp(op, sums[0]);
  }

  Value call(DotU8I8Op op, PatternRewriter &rewriter, Type type, StringRef name,
             ValueRange operands) const {
    return LLVM::CallIntrinsicOp::create(rewriter, op.getLoc(), type,
                                         rewriter.getStringAttr(name), operands)
        .getResult(0);
  }

  int64_t bytes;
};

/// One vpdpbusd a part. It wraps like the addition of the generic form: not the
/// saturating vpdpbusds.
template <int64_t Bits> struct DotVNNI : DotParts {
  DotVNNI(MLIRContext *context, PatternBenefit benefit)
      : DotParts(context, benefit, Bits) {}

  LogicalResult matchAndRewrite(DotU8I8Op op,
                                PatternRewriter &rewriter) const override {
    std::string name = "llvm.x86.avx512.vpdpbusd." + std::to_string(Bits);
    replaceByParts(op, rewriter, [&](Value acc, Value a, Value b) {
      return call(op, rewriter, acc.getType(), name, {acc, a, b});
    });
    return success();
  }
};

/// Codes up to 128: products are added in pairs to 16 bits, which is exact (128
/// times -128 twice is -32768), and pairs of those to 32.
///
///   pmaddubsw  a, b     2n bytes -> n x i16
///   pmaddwd    ., 1     n x i16  -> n/2 x i32
template <int64_t Bits> struct DotMaddubs : DotParts {
  DotMaddubs(MLIRContext *context, PatternBenefit benefit)
      : DotParts(context, benefit, Bits) {}

  LogicalResult matchAndRewrite(DotU8I8Op op,
                                PatternRewriter &rewriter) const override {
    if (op.getBound() > 128)
      return failure();
    constexpr StringLiteral bytePairs =
        Bits == 512   ? StringLiteral("llvm.x86.avx512.pmaddubs.w.512")
        : Bits == 256 ? StringLiteral("llvm.x86.avx2.pmadd.ub.sw")
                      : StringLiteral("llvm.x86.ssse3.pmadd.ub.sw.128");
    constexpr StringLiteral wordPairs =
        Bits == 512   ? StringLiteral("llvm.x86.avx512.pmaddw.d.512")
        : Bits == 256 ? StringLiteral("llvm.x86.avx2.pmadd.wd")
                      : StringLiteral("llvm.x86.sse2.pmadd.wd");
    auto words = VectorType::get({Bits / 16}, rewriter.getI16Type());
    Value ones = arith::ConstantOp::create(
        rewriter, op.getLoc(), DenseElementsAttr::get(words, int16_t(1)));
    replaceByParts(op, rewriter, [&](Value acc, Value a, Value b) -> Value {
      Value pairs = call(op, rewriter, words, bytePairs, {a, b});
      Value sums = call(op, rewriter, acc.getType(), wordPairs, {pairs, ones});
      return arith::AddIOp::create(rewriter, op.getLoc(), acc, sums);
    });
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

} // namespace

static constexpr MicroOpRow kRows[] = {
    {"ssse3", addMicroOps<DotMaddubs<128>>},
    {"avx2", addMicroOps<DotMaddubs<256>>},
    {"avxvnni", addMicroOps<DotVNNI<256>>},
    {"avx512bw", addMicroOps<DotMaddubs<512>>},
    {"avx512vnni", addMicroOps<DotVNNI<512>>},
    {"avx512vbmi", addMicroOps<UnpackTrit5VBMI>},
    {"f16c", addExtendF16},
    {"f16c", addMicroOps<TruncateF16C>},
};

void mlir::bitnet::populateX86MicroOps(const Cpu &cpu,
                                       RewritePatternSet &patterns) {
  populateMicroOpRows(cpu, kRows, patterns);
}
