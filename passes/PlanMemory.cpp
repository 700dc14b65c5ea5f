//===- PlanMemory.cpp - A place in the workspace for every tensor ---------===//
//
// Tensors live in one workspace. A slot is an offset in bytes per token of
// batch, so the plan holds for any batch size. Lifetimes are linear: a function
// is one block, and a value is dead after its last reader. A layer function
// starts behind everything that is alive where it is called.
//
//===----------------------------------------------------------------------===//

#include "passes/Passes.h"
#include "passes/Planning.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"

namespace mlir::bitnet {
#define GEN_PASS_DEF_PLANMEMORY
#include "passes/Passes.h.inc"
} // namespace mlir::bitnet

using namespace mlir;
using namespace mlir::bitnet;

int64_t mlir::bitnet::slotOf(Value value) {
  if (auto arg = dyn_cast<BlockArgument>(value)) {
    auto function = cast<func::FuncOp>(arg.getOwner()->getParentOp());
    return function
        .getArgAttrOfType<IntegerAttr>(arg.getArgNumber(), kArgSlotAttr)
        .getInt();
  }
  auto result = cast<OpResult>(value);
  return result.getOwner()->getAttrOfType<DenseI64ArrayAttr>(
      kSlotsAttr)[result.getResultNumber()];
}

int64_t mlir::bitnet::tablesPerToken(MatmulOp op) {
  WeightOp weight = lookupWeight(op, cast<SymbolRefAttr>(op.getWeights()[0]));
  if (weight.getLayout() != Layout::Trit3R64)
    return 0;
  int64_t colStep = getLayoutInfo(Layout::Trit3R64).colStep;
  return llvm::divideCeil(weight.getCols(), colStep) * (colStep / 3) * 2 * 16;
}

int64_t mlir::bitnet::scratchPerToken(Operation *op) {
  auto matmul = dyn_cast<MatmulOp>(op);
  if (!matmul)
    return 0;
  int64_t tables = tablesPerToken(matmul);
  // A gate that goes with no rows: only bits of the product are kept.
  if (matmul.getGlu() && !matmul.getRows()) {
    auto gate = cast<SymbolRefAttr>(matmul.getWeights()[0]);
    return tables +
           llvm::alignTo(lookupWeight(op, gate).getRows(), kRowPad) * 4;
  }
  if (!matmul.getSketch())
    return tables;
  int64_t rows = lookupWeight(op, *matmul.getSketch()).getRows();
  return llvm::alignTo(llvm::alignTo(rows, 64) / 16, 16) * 2 * 4;
}

namespace {

/// Free-list allocator of byte ranges above `base`; first fit, lowest first.
class SlotAllocator {
public:
  explicit SlotAllocator(int64_t base) : base(base), high(base) {}

  int64_t allocate(int64_t size) {
    int64_t at = base;
    for (auto [begin, end] : used) { // sorted
      if (at + size <= begin)
        break;
      at = std::max(at, end);
    }
    used.insert(llvm::upper_bound(used, std::pair{at, at + size}),
                {at, at + size});
    high = std::max(high, at + size);
    return at;
  }
  void release(int64_t at) {
    llvm::erase_if(used, [&](auto range) { return range.first == at; });
  }
  int64_t highWater() const { return high; }
  int64_t liveEnd() const { return used.empty() ? base : used.back().second; }

private:
  int64_t base, high;
  SmallVector<std::pair<int64_t, int64_t>> used;
};

class Planner {
public:
  explicit Planner(ModuleOp module) : module(module) {}

  LogicalResult run() {
    auto step = module.lookupSymbol<func::FuncOp>("step");
    if (step)
      return plan(step, 0, std::nullopt, /*isStep=*/true);
    // A module without a model (tests of single layers): each on its own.
    for (auto function : module.getOps<func::FuncOp>())
      if (failed(plan(function, 0, std::nullopt, false)))
        return failure();
    return success();
  }
  int64_t workspacePerToken() const { return workspace; }

private:
  static int64_t sizeOf(Value value) {
    return llvm::alignTo(bytesPerToken(cast<RankedTensorType>(value.getType())),
                         64);
  }

  /// The operand whose buffer `op` may overwrite with its first result.
  static Value inPlaceOperand(Operation *op) {
    if (auto matmul = dyn_cast<MatmulOp>(op))
      return matmul.getRows() ? matmul.getResidual() : Value();
    if (auto add = dyn_cast<AddOp>(op))
      return add.getLhs();
    if (auto mul = dyn_cast<MulOp>(op))
      return mul.getLhs();
    if (isa<HeadNormOp, RopeOp, ActivationOp, RepeatOp>(op))
      return op->getOperand(0);
    return {};
  }

  LogicalResult plan(func::FuncOp function, int64_t base,
                     std::optional<int64_t> argSlot, bool isStep);

  ModuleOp module;
  int64_t workspace = 0;
};
} // namespace

LogicalResult Planner::plan(func::FuncOp function, int64_t base,
                            std::optional<int64_t> argSlot, bool isStep) {
  if (!llvm::hasSingleElement(function.getBody()))
    return function.emitOpError("must be one block to be planned");
  Block &block = function.getBody().front();
  Builder builder(module.getContext());
  SlotAllocator slots(base);
  DenseMap<Value, int64_t> slot;
  DenseMap<Value, Operation *> lastUse;
  for (Operation &op : block)
    for (Value operand : op.getOperands())
      lastUse[operand] = &op;

  for (BlockArgument arg : block.getArguments()) {
    // A layer's argument lies with its caller and is not ours to release.
    slot[arg] = argSlot ? *argSlot : slots.allocate(sizeOf(arg));
    function.setArgAttr(arg.getArgNumber(), kArgSlotAttr,
                        builder.getI64IntegerAttr(slot[arg]));
  }
  Operation *terminator = block.getTerminator();
  for (Operation &op : block.without_terminator()) {
    SmallVector<int64_t> places;
    Value reused = inPlaceOperand(&op);
    bool inPlace = reused && lastUse[reused] == &op &&
                   llvm::count(op.getOperands(), reused) == 1;
    for (OpResult result : op.getResults()) {
      bool isLogits = isStep && llvm::is_contained(terminator->getOperands(),
                                                   Value(result));
      if (isLogits)
        slot[result] = kLogitsSlot;
      else if (inPlace && result.getResultNumber() == 0)
        slot[result] = slot[reused];
      else
        slot[result] = slots.allocate(sizeOf(result));
      places.push_back(slot[result]);
    }
    op.setAttr(kSlotsAttr, builder.getDenseI64ArrayAttr(places));
    if (int64_t scratch = scratchPerToken(&op)) {
      int64_t place = slots.allocate(llvm::alignTo(scratch, 64));
      op.setAttr(kScratchAttr, builder.getI64IntegerAttr(place));
      slots.release(place);
    }

    if (auto repeat = dyn_cast<RepeatOp>(&op)) {
      if (!inPlace)
        return op.emitOpError("input must have no other reader");
      auto callee = module.lookupSymbol<func::FuncOp>(repeat.getCallee());
      if (failed(plan(callee, slots.liveEnd(), slot[repeat.getInput()], false)))
        return failure();
    }
    // Only now: results must not share memory with operands they are made of.
    SetVector<Value> dead;
    for (Value operand : op.getOperands())
      if (lastUse[operand] == &op && !(inPlace && operand == reused))
        dead.insert(operand);
    for (Value result : op.getResults())
      if (result.use_empty())
        dead.insert(result);
    for (Value value : dead)
      if (slot[value] != kLogitsSlot && slot[value] >= base)
        slots.release(slot[value]);
  }
  if (argSlot)
    for (Value result : terminator->getOperands())
      if (slot[result] != *argSlot)
        return function.emitOpError(
            "layer result is not computed in place of its argument; fold "
            "residuals into epilogues first");
  workspace = std::max(workspace, slots.highWater());
  return success();
}

namespace {
/// Attention over many chunks of positions, but of few tokens, is divided among
/// threads by chunk (lower/Attention.cpp), whose results need a place: rows
/// for four tokens at the end of the context, or for shorter ones of more.
int64_t fixedWorkspace(ModuleOp module) {
  constexpr int64_t kTokens = 4, kLeastRows = 64;
  int64_t positions = 0, rowBytes = 0;
  if (auto model = module->getAttrOfType<DictionaryAttr>("bitnet.model"))
    positions = model.getAs<IntegerAttr>("max_position").getInt();
  module.walk([&](AttentionOp op) {
    rowBytes = std::max(rowBytes, attentionRowBytes(op));
  });
  int64_t rows = kTokens * llvm::divideCeil(positions, kChunkTokens);
  return rowBytes * std::max(rows, kLeastRows);
}

struct PlanMemoryPass : bitnet::impl::PlanMemoryBase<PlanMemoryPass> {
  void runOnOperation() override {
    Planner planner(getOperation());
    if (failed(planner.run()))
      return signalPassFailure();
    Builder builder(&getContext());
    getOperation()->setAttr(
        kWorkspaceAttr, builder.getI64IntegerAttr(planner.workspacePerToken()));
    getOperation()->setAttr(
        kFixedWorkspaceAttr,
        builder.getI64IntegerAttr(fixedWorkspace(getOperation())));
  }
};
} // namespace
