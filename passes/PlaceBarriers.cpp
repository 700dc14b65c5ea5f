//===- PlaceBarriers.cpp - Barriers only where a value crosses threads ----===//
//
// All threads run the whole program (SPMD); each takes its share of every
// operation. A barrier is needed between two operations if they touch the same
// bytes, at least one writes, and the thread that touches a byte in the first
// need not be the one that touches it in the second. Bytes are compared, not
// values, so that reused slots are safe too.
//
//===----------------------------------------------------------------------===//

#include "passes/Passes.h"
#include "passes/Planning.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"

namespace mlir::bitnet {
#define GEN_PASS_DEF_PLACEBARRIERS
#include "passes/Passes.h.inc"
} // namespace mlir::bitnet

using namespace mlir;
using namespace mlir::bitnet;

namespace {

/// Which thread touches which part. Equal shares of a slot touch the same bytes
/// from the same threads; `whole` is every byte from every thread and equals
/// nothing.
struct Share {
  enum Kind { Whole, Tokens, Heads } kind = Whole;
  int64_t count = 0; ///< Heads: how many a token has.
  bool overlaps(const Share &other) const {
    return kind == Whole || other.kind == Whole || kind != other.kind ||
           count != other.count;
  }
};

struct Access {
  int64_t begin, end; ///< Bytes per token in the workspace.
  bool write;
  Share share;
};

/// The KV cache as a range that no slot reaches, and the logits as another.
constexpr int64_t kCacheBegin = int64_t(1) << 60;
constexpr int64_t kLogitsBegin = int64_t(1) << 61;

/// How `op` divides its work, for the operands it reads (`operand` >= 0) or the
/// results it writes (-1).
Share shareOf(Operation *op, int operand) {
  if (isa<NormQuantizeOp, QuantizeOp, SignPackOp, NormSignPackOp, RMSNormOp,
          AddOp, MulOp, ActivationOp>(op))
    return {Share::Tokens};
  if (isa<EmbedOp>(op) && operand < 0)
    return {Share::Tokens};
  if (auto rope = dyn_cast<RopeOp>(op))
    return {Share::Heads,
            rope.getType().getDimSize(1) / int64_t(rope.getHeadDim())};
  if (auto norm = dyn_cast<HeadNormOp>(op))
    return {Share::Heads,
            norm.getType().getDimSize(1) / int64_t(norm.getHeadDim())};
  if (auto append = dyn_cast<KVAppendOp>(op))
    if (operand >= 0)
      return {Share::Heads, append.getKey().getType().getDimSize(1) /
                                int64_t(append.getHeadDim())};
  // matmul: rows for results, everything for inputs; attention, gather: reads
  // of other threads' rows.
  return {};
}

SmallVector<Access> accessesOf(Operation *op) {
  SmallVector<Access> accesses;
  auto add = [&](Value value, bool write, Share share) {
    int64_t begin = slotOf(value);
    int64_t size = bytesPerToken(cast<RankedTensorType>(value.getType()));
    if (begin == kLogitsSlot)
      begin = kLogitsBegin;
    accesses.push_back({begin, begin + size, write, share});
  };
  for (auto [i, operand] : llvm::enumerate(op->getOperands()))
    add(operand, false, shareOf(op, i));
  for (Value result : op->getResults())
    add(result, true, shareOf(op, -1));
  if (auto scratch = op->getAttrOfType<IntegerAttr>(kScratchAttr))
    accesses.push_back(
        {scratch.getInt(), scratch.getInt() + scratchPerToken(op), true, {}});
  if (isa<KVAppendOp>(op))
    accesses.push_back({kCacheBegin, kCacheBegin + 1, true, {}});
  if (isa<AttentionOp>(op))
    accesses.push_back({kCacheBegin, kCacheBegin + 1, false, {}});
  return accesses;
}

/// A slot holds the rows of all tokens one after the other, so equal shares are
/// equal bytes only in the very same slot: where a slot was reused for rows of
/// another size, a token's bytes are other tokens' bytes.
bool conflict(const Access &a, const Access &b) {
  bool same = a.begin == b.begin && a.end == b.end;
  return (a.write || b.write) && a.begin < b.end && b.begin < a.end &&
         (!same || a.share.overlaps(b.share));
}

/// before: %q, %s, %sum = bitnet.norm_quantize %h …
///         %y = bitnet.matmul %q scale %s sum %sum, [@w]
/// after:  %q, %s, %sum = bitnet.norm_quantize %h …
///         bitnet.barrier
///         %y = bitnet.matmul %q scale %s sum %sum, [@w]
///
/// None between rope(k) and kv_append, which divide their work alike.
LogicalResult placeIn(func::FuncOp function, bool isLayer) {
  SmallVector<Access> pending;
  // A layer starts while others may still write the previous one.
  if (isLayer)
    pending.push_back({0, kCacheBegin, true, {}});
  for (Operation &op : llvm::make_early_inc_range(function.getBody().front())) {
    if (isa<func::ReturnOp, BarrierOp>(op))
      continue;
    if (!op.hasAttr(kSlotsAttr))
      return op.emitOpError("has no slots; plan memory first");
    SmallVector<Access> accesses = accessesOf(&op);
    // The layers of a repeat place their own; before it everything must be
    // there, after it anything may still be written.
    bool repeat = isa<RepeatOp>(op);
    bool needed =
        repeat ? false : llvm::any_of(accesses, [&](const Access &access) {
          return llvm::any_of(
              pending, [&](auto &before) { return conflict(access, before); });
        });
    if (needed) {
      OpBuilder builder(&op);
      BarrierOp::create(builder, op.getLoc());
      pending.clear();
    }
    llvm::append_range(pending, accesses);
    if (repeat)
      pending.push_back({0, kCacheBegin, true, {}});
  }
  return success();
}

struct PlaceBarriersPass : bitnet::impl::PlaceBarriersBase<PlaceBarriersPass> {
  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (failed(placeIn(function, function.getSymName() != "step")))
        return signalPassFailure();
  }
};
} // namespace
