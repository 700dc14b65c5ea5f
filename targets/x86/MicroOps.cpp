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
#include "targets/DotChain.h"
#include "targets/Isa.h"

using namespace mlir;
using namespace mlir::bitnet;

namespace {

/// An operation on vectors of 64 bytes in parts of one register each.
template <typename Op> struct InParts : OpRewritePattern<Op> {
  InParts(MLIRContext *context, PatternBenefit benefit, int64_t bits)
      : OpRewritePattern<Op>(context, benefit), bytes(bits / 8) {}

protected:
  /// Part `i` of a vector: `bytes` bytes.
  Value part(Value v, int64_t i, PatternRewriter &rewriter) const {
    auto type = cast<VectorType>(v.getType());
    int64_t size = bytes * 8 / type.getElementTypeBitWidth();
    return size == type.getDimSize(0)
               ? v
               : vector::ExtractStridedSliceOp::create(
                     rewriter, v.getLoc(), v, ArrayRef<int64_t>{i * size},
                     ArrayRef<int64_t>{size}, ArrayRef<int64_t>{1})
                     .getResult();
  }

  /// The vector whose parts `valueOf` gives.
  Value byParts(Location loc, PatternRewriter &rewriter,
                function_ref<Value(int64_t part)> valueOf) const {
    SmallVector<Value> values;
    for (int64_t i = 0; i < 64 / bytes; ++i)
      values.push_back(valueOf(i));
    // Neighbours are joined until one is left.
    while (values.size() > 1) {
      SmallVector<Value> pairs;
      for (size_t i = 0; i < values.size(); i += 2) {
        int64_t lanes = cast<VectorType>(values[i].getType()).getDimSize(0);
        pairs.push_back(vector::ShuffleOp::create(
            rewriter, loc, values[i], values[i + 1],
            llvm::to_vector(llvm::seq<int64_t>(2 * lanes))));
      }
      values = pairs;
    }
    return values[0];
  }

  static Value call(Location loc, PatternRewriter &rewriter, Type type,
                    StringRef name, ValueRange operands) {
    return LLVM::CallIntrinsicOp::create(rewriter, loc, type,
                                         rewriter.getStringAttr(name), operands)
        .getResult(0);
  }

  int64_t bytes;
};
using DotParts = InParts<DotU8I8Op>;

/// One pshufb a part; the table is the same in every 128 bits.
template <int64_t Bits> struct LookupShuffle : InParts<LookupOp> {
  LookupShuffle(MLIRContext *context, PatternBenefit benefit)
      : InParts(context, benefit, Bits) {}

  LogicalResult matchAndRewrite(LookupOp op,
                                PatternRewriter &rewriter) const override {
    constexpr StringLiteral name =
        Bits == 512   ? StringLiteral("llvm.x86.avx512.pshuf.b.512")
        : Bits == 256 ? StringLiteral("llvm.x86.avx2.pshuf.b")
                      : StringLiteral("llvm.x86.ssse3.pshuf.b.128");
    Location loc = op.getLoc();
    SmallVector<int64_t> lanes;
    for (int64_t i = 0; i < bytes; ++i)
      lanes.push_back(i % 16);
    Value table = vector::ShuffleOp::create(rewriter, loc, op.getTable(),
                                            op.getTable(), lanes);
    rewriter.replaceOp(op, byParts(loc, rewriter, [&](int64_t i) {
                         return call(
                             loc, rewriter, table.getType(), name,
                             {table, part(op.getIndices(), i, rewriter)});
                       }));
    return success();
  }
};

/// One psignb a part.
template <int64_t Bits> struct FlipBySign : InParts<FlipSignsOp> {
  FlipBySign(MLIRContext *context, PatternBenefit benefit)
      : InParts(context, benefit, Bits) {}

  LogicalResult matchAndRewrite(FlipSignsOp op,
                                PatternRewriter &rewriter) const override {
    constexpr StringLiteral name =
        Bits == 256 ? StringLiteral("llvm.x86.avx2.psign.b")
                    : StringLiteral("llvm.x86.ssse3.psign.b.128");
    Location loc = op.getLoc();
    rewriter.replaceOp(op, byParts(loc, rewriter, [&](int64_t i) {
                         Value values = part(op.getValues(), i, rewriter);
                         return call(
                             loc, rewriter, values.getType(), name,
                             {values, part(op.getSigns(), i, rewriter)});
                       }));
    return success();
  }
};

/// One vpdpbusd a part. It wraps like the addition of the generic form: not the
/// saturating vpdpbusds.
template <int64_t Bits> struct DotVNNI : DotParts {
  DotVNNI(MLIRContext *context, PatternBenefit benefit)
      : DotParts(context, benefit, Bits) {}

  LogicalResult matchAndRewrite(DotU8I8Op op,
                                PatternRewriter &rewriter) const override {
    std::string name = "llvm.x86.avx512.vpdpbusd." + std::to_string(Bits);
    rewriter.replaceOp(op, byParts(op.getLoc(), rewriter, [&](int64_t i) {
                         Value acc = part(op.getAcc(), i, rewriter);
                         return call(op.getLoc(), rewriter, acc.getType(), name,
                                     {acc, part(op.getA(), i, rewriter),
                                      part(op.getB(), i, rewriter)});
                       }));
    return success();
  }
};

/// Codes up to 128: products are added in pairs to 16 bits, which is exact (128
/// times -128 twice is -32768), and pairs of those to 32. The second step is
/// shared by the dots of a chain, as many as have bounds of 128 together; a
/// field that is masked in place is shifted down for that if it must be.
///
///   pmaddubsw  a, b     2n bytes -> n x i16
///   paddw      ., .     with the next one of the chain
///   pmaddwd    ., 1     n x i16  -> n/2 x i32
template <int64_t Bits> struct DotMaddubs : DotParts {
  DotMaddubs(MLIRContext *context, PatternBenefit benefit)
      : DotParts(context, benefit, Bits) {}

  LogicalResult matchAndRewrite(DotU8I8Op op,
                                PatternRewriter &rewriter) const override {
    if (op.getBound() > kMostBounds)
      return failure();
    DotChain chain = chainAround(op);
    if (llvm::any_of(
            chain, [](DotU8I8Op dot) { return dot.getBound() > kMostBounds; }))
      chain = {op};
    DotU8I8Op last = chain.back();
    rewriter.setInsertionPoint(last);
    SmallVector<Term> terms;
    for (DotU8I8Op dot : chain)
      terms.push_back(termOf(dot, chain.size(), rewriter));
    Value sums = byParts(last.getLoc(), rewriter, [&](int64_t i) {
      Value sum = part(chain.front().getAcc(), i, rewriter);
      for (ArrayRef<Term> rest = terms; !rest.empty();) {
        int64_t bounds = 0;
        ArrayRef<Term> together = rest.take_while([&](const Term &term) {
          bounds += term.bound;
          return bounds <= kMostBounds && term.shift == rest.front().shift;
        });
        sum = addTogether(sum, together, i, rewriter);
        rest = rest.drop_front(together.size());
      }
      return sum;
    });
    rewriter.replaceOp(last, sums);
    chain.pop_back();
    for (DotU8I8Op dot : llvm::reverse(chain))
      rewriter.eraseOp(dot);
    return success();
  }

private:
  /// (a << shift) . b
  struct Term {
    Value a, b;
    int64_t bound, shift;
  };

  /// Shifted down as little as lets `sharers` such codes share a sum.
  static Term termOf(DotU8I8Op dot, int64_t sharers,
                     PatternRewriter &rewriter) {
    Term term{dot.getA(), dot.getB(), int64_t(dot.getBound()), 0};
    auto masked = dot.getA().template getDefiningOp<arith::AndIOp>();
    const int64_t mask =
        masked ? splatOf(masked.getRhs()).value_or(0) & 255 : 0;
    const int64_t most =
        mask ? llvm::countr_zero(static_cast<uint64_t>(mask)) : 0;
    while (term.bound * sharers > kMostBounds && term.shift < most) {
      term.bound /= 2;
      ++term.shift;
    }
    if (!term.shift)
      return term;
    Location loc = dot.getLoc();
    Value source = masked.getLhs();
    auto bytes = cast<VectorType>(source.getType());
    auto words = VectorType::get({32}, rewriter.getI16Type());
    Value by = arith::ConstantOp::create(
        rewriter, loc, DenseElementsAttr::get(words, int16_t(term.shift)));
    Value low = arith::ConstantOp::create(
        rewriter, loc,
        DenseElementsAttr::get(bytes, static_cast<int8_t>(mask >> term.shift)));
    // Bits that cross into the next byte are masked away.
    Value shifted = arith::ShRUIOp::create(
        rewriter, loc, vector::BitCastOp::create(rewriter, loc, words, source),
        by);
    term.a = arith::AndIOp::create(
        rewriter, loc, vector::BitCastOp::create(rewriter, loc, bytes, shifted),
        low);
    return term;
  }

  Value addTogether(Value sum, ArrayRef<Term> terms, int64_t i,
                    PatternRewriter &rewriter) const {
    constexpr StringLiteral bytePairs =
        Bits == 512   ? StringLiteral("llvm.x86.avx512.pmaddubs.w.512")
        : Bits == 256 ? StringLiteral("llvm.x86.avx2.pmadd.ub.sw")
                      : StringLiteral("llvm.x86.ssse3.pmadd.ub.sw.128");
    constexpr StringLiteral wordPairs =
        Bits == 512   ? StringLiteral("llvm.x86.avx512.pmaddw.d.512")
        : Bits == 256 ? StringLiteral("llvm.x86.avx2.pmadd.wd")
                      : StringLiteral("llvm.x86.sse2.pmadd.wd");
    Location loc = sum.getLoc();
    auto words = VectorType::get({Bits / 16}, rewriter.getI16Type());
    Value ones = arith::ConstantOp::create(
        rewriter, loc, DenseElementsAttr::get(words, int16_t(1)));
    Value pairs;
    for (const Term &term : terms) {
      Value next = call(loc, rewriter, words, bytePairs,
                        {part(term.a, i, rewriter), part(term.b, i, rewriter)});
      pairs = pairs ? arith::AddIOp::create(rewriter, loc, pairs, next) : next;
    }
    Type type = sum.getType();
    Value wide = call(loc, rewriter, type, wordPairs, {pairs, ones});
    if (int64_t shift = terms.front().shift)
      wide = arith::ShLIOp::create(
          rewriter, loc, wide,
          arith::ConstantOp::create(
              rewriter, loc,
              DenseElementsAttr::get(cast<ShapedType>(type), int32_t(shift))));
    return arith::AddIOp::create(rewriter, loc, sum, wide);
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
    {"ssse3",
     addMicroOps<DotMaddubs<128>, LookupShuffle<128>, FlipBySign<128>>},
    {"avx2", addMicroOps<DotMaddubs<256>, LookupShuffle<256>, FlipBySign<256>>},
    {"avxvnni", addMicroOps<DotVNNI<256>>},
    {"avx512bw", addMicroOps<DotMaddubs<512>, LookupShuffle<512>>},
    {"avx512bw", addFlipSigns},
    {"avx512vnni", addMicroOps<DotVNNI<512>>},
    {"avx512vbmi", addMicroOps<UnpackTrit5VBMI>},
    {"f16c", addExtendF16},
    {"f16c", addMicroOps<TruncateF16C>},
};

int64_t mlir::bitnet::dotChainOfX86(const Cpu &cpu, bool severalTokens) {
  bool inOne = cpu.hasFeature("avxvnni") || cpu.hasFeature("avx512vnni");
  return severalTokens && cpu.hasFeature("avx2") && !inOne ? 4 : 1;
}

void mlir::bitnet::populateX86MicroOps(const Cpu &cpu,
                                       RewritePatternSet &patterns) {
  populateMicroOpRows(cpu, kRows, patterns);
}
