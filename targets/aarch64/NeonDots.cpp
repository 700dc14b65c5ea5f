//===- NeonDots.cpp - Dots without an instruction for them ----------------===//
//
// Processors without dotprod multiply bytes in 16 bits and add neighbours in a
// second and third instruction. Those two are shared by the dots of a chain,
// each of which adds to the one before it, as far as sums of 16 bits reach:
//
//   %1 = bitnet.dot_u8i8 %0, %a0, %b0 bound 32     for each 16 of 64 bytes:
//   %2 = bitnet.dot_u8i8 %1, %a1, %b1 bound 32
//                                                  smull  p, a0, b0
//                                                  smull2 q, a0, b0
//                                                  smlal  p, a1, b1
//                                                  smlal2 q, a1, b1
//                                                  addp   p, p, q
//                                                  sadalp acc, p
//
// A chain has more operands than there are registers, so 16 bytes of all of
// them are taken after the other, and LLVM, whose scheduler would bring the
// loads together again and spill, is kept from that.
//
//===----------------------------------------------------------------------===//

#include "targets/DotChain.h"
#include "targets/aarch64/Emit.h"
#include "llvm/ADT/MapVector.h"

using namespace mlir;
using namespace mlir::bitnet;
using namespace mlir::bitnet::aarch64;

//===----------------------------------------------------------------------===//
// Chains
//===----------------------------------------------------------------------===//

/// `chain` and the chains of its block that have the same columns, if nothing
/// in the block needs their sums before its end: rows of one load of weights.
static SmallVector<DotChain> chainsBeside(DotChain chain) {
  SmallVector<DotChain> chains{chain};
  auto isLast = [](DotU8I8Op op) {
    return llvm::all_of(op->getUsers(), [&](Operation *user) {
      return user->getBlock() != op->getBlock() ||
             user->hasTrait<OpTrait::IsTerminator>();
    });
  };
  auto sameColumns = [](DotU8I8Op x, DotU8I8Op y) {
    return x.getB() == y.getB() && x->getBlock() == y->getBlock();
  };
  if (chain.size() == 1 || !isLast(chain.back()))
    return chains;
  for (Operation *user : chain.front().getB().getUsers()) {
    auto dot = dyn_cast<DotU8I8Op>(user);
    if (!dot || dot == chain.front())
      continue;
    DotChain other = chainAround(dot);
    if (other.front() == dot && isLast(other.back()) &&
        llvm::equal(chain, other, sameColumns))
      chains.push_back(other);
  }
  return chains;
}

//===----------------------------------------------------------------------===//
// 16 of 64 bytes
//===----------------------------------------------------------------------===//

namespace {
/// Takes codes apart, 16 of 64 bytes at a time.
class Quarters {
public:
  /// `end` is where code is written; `late`: bytes are read where they are
  /// used, instead of all before.
  Quarters(Emit &e, Operation *end, bool late) : e(e), end(end), late(late) {}

  /// Another 16 bytes, after which those before are not needed any more.
  void begin(int64_t quarter) {
    q = quarter;
    known.clear();
  }

  /// The bytes of `v`, and what they are made of as far as it is read or
  /// shifted.
  Value of(Value v) {
    auto type = cast<VectorType>(v.getType());
    int64_t size = type.getNumElements() / 4;
    auto part = VectorType::get({size}, type.getElementType());
    if (late) {
      if (auto it = known.find(v); it != known.end())
        return it->second;
      if (auto cast = v.getDefiningOp<vector::BitCastOp>())
        return e.as(part, of(cast.getSource()));
      if (auto shifted = v.getDefiningOp<arith::ShRUIOp>())
        if (auto by = splatOf(shifted.getRhs())) {
          Value source = of(shifted.getLhs());
          return known[v] = e.lshr(source, e.splat(part, *by));
        }
      if (auto load = v.getDefiningOp<vector::LoadOp>(); load && sinks(load)) {
        SmallVector<Value> at(load.getIndices());
        at.back() = e.add(at.back(),
                          arith::ConstantIndexOp::create(e.b, e.loc, q * size));
        return known[v] =
                   vector::LoadOp::create(e.b, e.loc, part, load.getBase(), at);
      }
    }
    return e.slice(v, q * size, size);
  }

  /// Sums are ready before anything that is made of these bytes later, and
  /// before others are read: an empty instruction that seems to change all of
  /// them and memory.
  Value pin(Value sums) {
    if (!late)
      return sums;
    SmallVector<Value> values{sums};
    for (auto &[key, value] : known)
      values.push_back(value);
    std::string outputs, inputs;
    for (size_t i = 0; i < values.size(); ++i) {
      outputs += "=w,";
      inputs += std::to_string(i) + ",";
    }
    SmallVector<Type> types = llvm::to_vector(ValueRange(values).getTypes());
    Type type = types.size() == 1
                    ? types.front()
                    : LLVM::LLVMStructType::getLiteral(e.b.getContext(), types);
    Value pinned =
        LLVM::InlineAsmOp::create(
            e.b, e.loc, type, values, "", outputs + inputs + "~{memory}",
            /*has_side_effects=*/true, /*is_align_stack=*/false,
            LLVM::tailcallkind::TailCallKind::None, LLVM::AsmDialectAttr(),
            ArrayAttr())
            .getResult(0);
    if (types.size() == 1)
      return pinned;
    int64_t i = 1;
    for (auto &[key, value] : known)
      value = LLVM::ExtractValueOp::create(e.b, e.loc, pinned, i++);
    return LLVM::ExtractValueOp::create(e.b, e.loc, pinned, 0);
  }

private:
  /// Whether it makes no difference that `load` reads at `end`.
  bool sinks(vector::LoadOp load) {
    Operation *op = load;
    if (op->getBlock() != end->getBlock())
      return false;
    while ((op = op->getNextNode()) != end) {
      auto effects = dyn_cast<MemoryEffectOpInterface>(op);
      bool reads = effects && !effects.hasEffect<MemoryEffects::Write>();
      // What is written here has no effects, though it seems to.
      bool ours = isa<LLVM::InlineAsmOp, LLVM::CallIntrinsicOp>(op);
      if (!ours && !reads && !isMemoryEffectFree(op))
        return false;
    }
    return true;
  }

  Emit &e;
  Operation *end;
  bool late;
  int64_t q = 0;
  llvm::MapVector<Value, Value> known;
};
} // namespace

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

namespace {
/// Of a dot: (field << up) . b, where the field is `mask` of a >> down.
struct Factors {
  Value a, b;
  int64_t mask, down, up;
  int64_t bound; ///< Of the field.

  /// Codes up to 127 are signed bytes too. Fields that are masked in place and
  /// reach 128 are shifted down, and their sums up again.
  static Factors of(Emit &e, DotU8I8Op dot) {
    Factors f{dot.getA(), dot.getB(), 255, 0, 0, int64_t(dot.getBound())};
    if (auto masked = f.a.getDefiningOp<arith::AndIOp>()) {
      if (auto mask = splatOf(masked.getRhs())) {
        f.a = masked.getLhs();
        f.mask = *mask;
      }
    } else if (auto shifted = f.a.getDefiningOp<arith::ShRUIOp>()) {
      if (auto down = splatOf(shifted.getRhs())) {
        f.a = shifted.getLhs();
        f.down = *down;
        f.mask = 255 >> *down;
      }
    }
    if (f.bound == kMostBounds && f.mask != 0 && f.down == 0) {
      f.down = f.up = llvm::countr_zero(static_cast<uint64_t>(f.mask));
      f.mask >>= f.down;
      f.bound >>= f.down;
    }
    if (f.narrow())
      f.b = opaque(e, f.b);
    return f;
  }
  bool narrow() const { return bound <= 127; }

  Value field(Emit &e, Quarters &quarters) const {
    Value bytes = quarters.of(a);
    if (down)
      bytes = e.lshr(bytes, e.splat(e.i8(), down));
    bool all = mask == 255 >> down; // A shift of the highest bits leaves it.
    return all ? bytes : e.band(bytes, e.splat(e.i8(), mask));
  }

private:
  /// 64 bytes of which LLVM knows nothing: it finds smull2 only where it does
  /// not know that the high half is the same as the low one, as in most
  /// columns.
  static Value opaque(Emit &e, Value v) {
    auto f32 = VectorType::get({16}, e.b.getF32Type());
    return e.as(cast<VectorType>(v.getType()),
                e.call(f32, "llvm.arithmetic.fence.v16f32", e.as(f32, v)));
  }
};
} // namespace

/// How many of `factors` share sums of 16 bits with the first one.
static size_t countSharers(ArrayRef<Factors> factors) {
  const Factors &first = factors.front();
  int64_t bounds = first.bound;
  size_t n = 1;
  while (n < factors.size() && first.narrow() && factors[n].narrow() &&
         factors[n].up == first.up && bounds + factors[n].bound <= kMostBounds)
    bounds += factors[n++].bound;
  return n;
}

/// Sums of neighbours of i16: saddlp, and sadalp where they are added.
static Value pairSums(Emit &e, Value x) {
  return e.call(e.i32(), "llvm.aarch64.neon.saddlp.v4i32.v8i16", x);
}

/// As the head of this file shows.
static Value addNarrow(Emit &e, Value acc, ArrayRef<Factors> factors,
                       Quarters &quarters) {
  Value low, high;
  int64_t bounds = 0;
  for (const Factors &f : factors) {
    Value a = f.field(e, quarters), b = quarters.of(f.b);
    auto add = [&](Value &sum, int64_t first) {
      Value product = e.call(e.i16(), "llvm.aarch64.neon.smull.v8i16",
                             {e.slice(a, first, 8), e.slice(b, first, 8)});
      sum = sum ? e.add(sum, product) : product;
    };
    add(low, 0);
    add(high, 8);
    bounds += f.bound;
  }
  Value pairs = e.call(e.i16(), "llvm.aarch64.neon.addp.v8i16", {low, high});
  int64_t up = factors.front().up;
  if (bounds << up > kMostBounds)
    return e.add(acc, e.shl(pairSums(e, pairs), e.splat(e.i32(), up)));
  if (up)
    pairs = e.shl(pairs, e.splat(e.i16(), up));
  return e.add(acc, pairSums(e, pairs));
}

/// Of full bytes only one product fits into 16 bits. Even and odd bytes are
/// taken apart, each with its neighbour's zeros or sign:
///
///   mul p, even(a), even(b)     sadalp acc, p
///   mul q, odd(a), odd(b)       sadalp acc, q
///
/// Columns (b) are split once for all the rows that they are multiplied with.
static Value addWide(Emit &e, Value acc, const Factors &f, Quarters &quarters) {
  Value eight = e.splat(e.i16(), 8);
  Value a = e.as(e.i16(), f.field(e, quarters));
  Value b = e.as(e.i16(), quarters.of(f.b));
  Value even =
      e.mul(e.band(a, e.splat(e.i16(), 255)), e.shr(e.shl(b, eight), eight));
  Value odd = e.mul(e.lshr(a, eight), e.shr(b, eight));
  return e.add(e.add(acc, pairSums(e, even)), pairSums(e, odd));
}

namespace {
struct NeonDots : OpRewritePattern<DotU8I8Op> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(DotU8I8Op op,
                                PatternRewriter &rewriter) const override {
    SmallVector<DotChain> chains = chainsBeside(chainAround(op));
    Operation *end = chains.front().back();
    for (const DotChain &chain : chains)
      if (end->isBeforeInBlock(chain.back()))
        end = chain.back();
    rewriter.setInsertionPoint(end);
    Emit e{rewriter, end->getLoc()};
    SmallVector<SmallVector<Factors>> factors;
    SmallVector<Value> results;
    for (DotChain &chain : chains) {
      results.push_back(chain.front().getAcc());
      factors.emplace_back();
      for (DotU8I8Op dot : chain)
        factors.back().push_back(Factors::of(e, dot));
    }
    Quarters quarters(e, end, /*late=*/chains.front().size() > 1);
    for (int64_t q = 0; q < 4; ++q) {
      quarters.begin(q);
      for (auto [chain, terms, result] : llvm::zip(chains, factors, results)) {
        Value sums = e.slice(chain.front().getAcc(), q * 4, 4);
        for (ArrayRef<Factors> rest = terms; !rest.empty();) {
          ArrayRef<Factors> together = rest.take_front(countSharers(rest));
          sums = together.front().narrow()
                     ? addNarrow(e, sums, together, quarters)
                     : addWide(e, sums, together.front(), quarters);
          rest = rest.drop_front(together.size());
        }
        result = e.insert(quarters.pin(sums), result, q * 4);
      }
    }
    for (auto [chain, result] : llvm::zip(chains, results)) {
      rewriter.replaceOp(chain.pop_back_val(), result);
      for (DotU8I8Op dot : llvm::reverse(chain))
        rewriter.eraseOp(dot);
    }
    return success();
  }
};
} // namespace

void mlir::bitnet::aarch64::addNeonDots(RewritePatternSet &patterns,
                                        PatternBenefit benefit) {
  patterns.add<NeonDots>(patterns.getContext(), benefit);
}
