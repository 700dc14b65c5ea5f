//===- LowerToVector.cpp - Fused level to loops over vectors --------------===//
//
// Replaces every function by one that takes the environment of a step (batch,
// memory, thread; lower/Emitter.h) and contains loops over vectors. Tensors
// vanish: they are the windows that plan-memory gave them.
//
//===----------------------------------------------------------------------===//

#include "passes/Passes.h"
#include "passes/Planning.h"
#include "passes/lower/Emitter.h"
#include "passes/lower/KVCache.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/ADT/TypeSwitch.h"

namespace mlir::bitnet {
#define GEN_PASS_DEF_LOWERTOVECTOR
#include "passes/Passes.h.inc"
} // namespace mlir::bitnet

using namespace mlir;
using namespace mlir::bitnet;

/// before: %h1 = bitnet.repeat @layer_step(%h0) times 30
/// after:  scf.for %i = %c0 to %layers step %c1 {
///           func.call @layer_step(…, %i, …)
///         }
/// The number of layers is the descriptor's, 30, unless the caller asks for the
/// hidden state after fewer.
static void lowerRepeat(Emitter &e, RepeatOp op) {
  e.loop(e.index(0), e.get(Env::Layers), 1, [&](Value i) {
    SmallVector<Value> arguments(e.environment());
    arguments[static_cast<unsigned>(Env::Layer)] = i;
    func::CallOp::create(e.b, e.loc, op.getCallee(), TypeRange{}, arguments);
  });
}

static LogicalResult lowerOp(Emitter &e, Operation *op) {
  return llvm::TypeSwitch<Operation *, LogicalResult>(op)
      .Case<MatmulOp>([&](auto op) { return lowerMatmul(e, op); })
      .Case<EmbedOp>([&](auto op) { return lowerEmbed(e, op), success(); })
      .Case<GatherLogitsOp>(
          [&](auto op) { return lowerGatherLogits(e, op), success(); })
      .Case<AddOp, MulOp, ActivationOp>(
          [&](auto op) { return lowerElementwise(e, op), success(); })
      .Case<RMSNormOp>([&](auto op) { return lowerRMSNorm(e, op), success(); })
      .Case<HeadNormOp>(
          [&](auto op) { return lowerHeadNorm(e, op), success(); })
      .Case<QuantizeOp>(
          [&](auto op) { return lowerQuantize(e, op), success(); })
      .Case<NormQuantizeOp>(
          [&](auto op) { return lowerNormQuantize(e, op), success(); })
      .Case<PackBitsOp>(
          [&](auto op) { return lowerPackBits(e, op), success(); })
      .Case<NormPackBitsOp>(
          [&](auto op) { return lowerNormPackBits(e, op), success(); })
      .Case<PackCodesOp>(
          [&](auto op) { return lowerPackCodes(e, op), success(); })
      .Case<RopeOp>([&](auto op) { return lowerRope(e, op), success(); })
      .Case<KVAppendOp>(
          [&](auto op) { return lowerKVAppend(e, op), success(); })
      .Case<AttentionOp>(
          [&](auto op) { return lowerAttention(e, op), success(); })
      .Case<RepeatOp>([&](auto op) { return lowerRepeat(e, op), success(); })
      .Case<func::ReturnOp>([&](auto op) {
        func::ReturnOp::create(e.b, op.getLoc());
        return success();
      })
      .Default([](Operation *op) {
        return op->emitOpError("has no vector form; run the fusing passes "
                               "(bitnet-fuse) first");
      });
}

/// before: %0 = bitnet.rope %q …      (20 heads)
///         bitnet.kv_append %k, %v …  (5 heads)
/// after:  phase(rows * 5, (lo, hi) {
///           for items [lo * 4, hi * 4) of rope …
///           for items [lo, hi) of kv_append …
///         })
static LogicalResult lowerPhase(OpBuilder &b, ArrayRef<Operation *> ops,
                                ValueRange env) {
  if (ops.empty())
    return success();
  Operation *first = ops.front();
  Emitter e(b, first->getLoc(), env);
  int64_t common = itemsPerRow(first);
  for (Operation *op : ops.drop_front())
    common = common ? commonItems(common, itemsPerRow(op)) : 0;
  // Alone, or not placed by place-barriers: each has phases of its own.
  if (ops.size() == 1 || !common) {
    for (Operation *op : ops) {
      Emitter alone(b, op->getLoc(), env);
      if (failed(lowerOp(alone, op)))
        return failure();
    }
    return success();
  }
  Value rows = e.rowsOf(first->getNumResults() ? first->getResult(0)
                                               : first->getOperand(0));
  LogicalResult result = success();
  e.phase(e.mulI(rows, common), e.index(0), [&](Value lo, Value hi) {
    for (Operation *op : ops) {
      Emitter inside(b, op->getLoc(), env);
      int64_t factor = itemsPerRow(op) / common;
      inside.setRange(inside.mulI(lo, factor), inside.mulI(hi, factor));
      if (failed(lowerOp(inside, op)))
        result = failure();
    }
  });
  return result;
}

namespace {
struct LowerToVectorPass : bitnet::impl::LowerToVectorBase<LowerToVectorPass> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    OpBuilder b(&getContext());
    SmallVector<Type> env = envTypes(&getContext());
    SmallVector<func::FuncOp> functions =
        llvm::to_vector(module.getOps<func::FuncOp>());

    // Layers are numbered by the one repeat that runs them.
    RepeatOp layers;
    for (func::FuncOp function : functions)
      for (auto repeat : function.getOps<RepeatOp>()) {
        if (layers) {
          repeat.emitOpError("a model has one repeat; this is another");
          return signalPassFailure();
        }
        layers = repeat;
      }

    b.setInsertionPointToEnd(module.getBody());
    SmallVector<Type> nextArguments(6, b.getIndexType());
    nextArguments[0] = env[static_cast<unsigned>(Env::Team)];
    auto next = func::FuncOp::create(
        b, module.getLoc(), kNextFunction,
        b.getFunctionType(nextArguments, {b.getIndexType()}));
    next.setPrivate();
    KVPageShape page = kvPageShape(module);
    module->setAttr("bitnet.kv_page_bytes", b.getI64IntegerAttr(page.bytes()));

    // Each function gets a second block with the lowered code; the first is
    // read from until all of it is lowered, then goes.
    for (func::FuncOp function : functions) {
      for (Operation &op : function.getBody().front())
        if (!isa<func::ReturnOp, BarrierOp, KVAppendOp>(op) &&
            !op.hasAttr(kSlotsAttr)) {
          op.emitOpError("has no slots; plan memory first");
          return signalPassFailure();
        }
      Block *source = &function.getBody().front();
      Block *target = function.addBlock();
      for (Type type : env)
        target->addArgument(type, function.getLoc());
      b.setInsertionPointToStart(target);
      SmallVector<Operation *> phase;
      for (Operation &op : *source) {
        bool ends = isa<BarrierOp, RepeatOp, func::ReturnOp>(op);
        if (ends && failed(lowerPhase(b, phase, target->getArguments())))
          return signalPassFailure();
        if (ends)
          phase.clear();
        if (isa<BarrierOp>(op))
          continue;
        phase.push_back(&op);
        if (isa<RepeatOp, func::ReturnOp>(op)) {
          if (failed(lowerPhase(b, phase, target->getArguments())))
            return signalPassFailure();
          phase.clear();
        }
      }
    }
    for (func::FuncOp function : functions) {
      Block *source = &function.getBody().front();
      source->dropAllDefinedValueUses();
      source->dropAllReferences();
      source->erase();
      function.removeArgAttrsAttr();
      function.setFunctionType(b.getFunctionType(env, {}));
    }
  }
};
} // namespace
