//===- PlaceBarriers.cpp - Where all threads must have finished -----------===//
//
// All threads run the whole program (SPMD). The work between two barriers is a
// phase: threads claim items of it until all are done, and nobody knows before
// who takes which. So an operation shares a phase with the one before it only
// if an item touches the same bytes in both (or nobody writes them): whoever
// takes an item does both for it. Otherwise a barrier comes first: everything
// before it is done. Bytes are compared, not values, so that reused slots are
// safe too.
//
//===----------------------------------------------------------------------===//

#include "passes/Passes.h"
#include "passes/Planning.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include <numeric>

namespace mlir::bitnet {
#define GEN_PASS_DEF_PLACEBARRIERS
#include "passes/Passes.h.inc"
} // namespace mlir::bitnet

using namespace mlir;
using namespace mlir::bitnet;

bool mlir::bitnet::hasLogitRows(Value tensor) {
  while (Operation *op = tensor.getDefiningOp()) {
    if (isa<GatherLogitsOp>(op))
      return true;
    if (op->getNumOperands() == 0 || isa<RepeatOp>(op))
      return false;
    tensor = op->getOperand(0);
  }
  return false;
}

int64_t mlir::bitnet::itemsPerRow(Operation *op) {
  if (isa<NormQuantizeOp, QuantizeOp, PackBitsOp, NormPackBitsOp, PackCodesOp,
          RMSNormOp, AddOp, MulOp, ActivationOp, EmbedOp, GatherLogitsOp>(op))
    return 1;
  if (auto rope = dyn_cast<RopeOp>(op))
    return rope.getType().getDimSize(1) / int64_t(rope.getHeadDim());
  if (auto norm = dyn_cast<HeadNormOp>(op))
    return norm.getType().getDimSize(1) / int64_t(norm.getHeadDim());
  if (auto append = dyn_cast<KVAppendOp>(op))
    return append.getKey().getType().getDimSize(1) /
           int64_t(append.getHeadDim());
  return 0;
}

int64_t mlir::bitnet::commonItems(int64_t a, int64_t b) {
  if (a == b)
    return a;
  int64_t common = std::gcd(a, b);
  return common > 1 ? common : 0; // one item a row would leave threads idle
}

namespace {

struct Access {
  int64_t begin, end; ///< Bytes per row in the workspace.
  bool write;
  bool byItem; ///< An item touches its part of its row and nothing else.
};

SmallVector<Access> accessesOf(Operation *op) {
  SmallVector<Access> accesses;
  auto add = [&](Value value, bool write, bool byItem) {
    int64_t begin = slotOf(value);
    int64_t size = bytesPerToken(cast<RankedTensorType>(value.getType()));
    accesses.push_back({begin, begin + size, write, byItem});
  };
  for (Value operand : op->getOperands())
    add(operand, false, !isa<GatherLogitsOp>(op));
  for (Value result : op->getResults())
    add(result, true, true);
  return accesses;
}

/// A slot holds all rows one after the other, so equal parts are equal bytes
/// only in the very same slot: where it was reused for rows of another size, a
/// row's bytes were other rows' bytes.
bool conflict(const Access &a, const Access &b) {
  bool sameParts = a.byItem && b.byItem && a.begin == b.begin && a.end == b.end;
  return (a.write || b.write) && a.begin < b.end && b.begin < a.end &&
         !sameParts;
}

/// The operations since the last barrier.
struct Phase {
  int64_t items = 0; ///< A row; 0: no other operation can join.
  bool logitRows = false;
  SmallVector<Access> accesses;

  /// False if `op` needs a phase of its own.
  bool join(Operation *op) {
    int64_t opItems = itemsPerRow(op);
    bool opLogitRows = hasLogitRows(op->getNumResults() ? op->getResult(0)
                                                        : op->getOperand(0));
    int64_t common = items && opItems && logitRows == opLogitRows
                         ? commonItems(items, opItems)
                         : 0;
    SmallVector<Access> own = accessesOf(op);
    if (!common || llvm::any_of(own, [&](const Access &access) {
          return llvm::any_of(accesses, [&](const Access &before) {
            return conflict(access, before);
          });
        })) {
      items = opItems;
      logitRows = opLogitRows;
      accesses = std::move(own);
      return false;
    }
    items = common;
    llvm::append_range(accesses, own);
    return true;
  }
};

/// before: %q, %s, %sum = bitnet.norm_quantize %h …
///         %y = bitnet.matmul %q scale %s sum %sum, [@w]
/// after:  %q, %s, %sum = bitnet.norm_quantize %h …
///         bitnet.barrier
///         %y = bitnet.matmul %q scale %s sum %sum, [@w]
///
/// None between rope(k) and kv_append, whose items are the same heads. A
/// function begins and ends with a barrier that nobody writes down.
LogicalResult placeIn(func::FuncOp function) {
  Phase phase;
  bool begins = true;
  for (Operation &op : llvm::make_early_inc_range(function.getBody().front())) {
    if (isa<func::ReturnOp, BarrierOp>(op))
      continue;
    if (!op.hasAttr(kSlotsAttr))
      return op.emitOpError("has no slots; plan memory first");
    bool repeat = isa<RepeatOp>(op);
    if (!repeat && !phase.join(&op) && !begins) {
      OpBuilder builder(&op);
      BarrierOp::create(builder, op.getLoc());
    }
    if (repeat)
      phase = {};
    begins = repeat;
  }
  return success();
}

struct PlaceBarriersPass : bitnet::impl::PlaceBarriersBase<PlaceBarriersPass> {
  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (failed(placeIn(function)))
        return signalPassFailure();
  }
};
} // namespace
