//===- Pipeline.cpp - The order of the passes -----------------------------===//

#include "passes/Pipeline.h"
#include "passes/Passes.h"

#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;
using namespace mlir::bitnet;

void mlir::bitnet::buildFusePipeline(OpPassManager &pm,
                                     const HeadScreenOptions &screen) {
  pm.addPass(createDecomposeLinear());
  // q, k and v quantise one input: one quantize is enough.
  pm.addPass(createCSEPass());
  pm.addPass(createFoldNormIntoSign());
  pm.addPass(createFuseNormQuantize());
  pm.addPass(createPackBits());
  pm.addPass(createFoldEpilogue());
  pm.addPass(createFuseLinears());
  pm.addPass(createFoldGate());
  pm.addPass(createPackEpilogue());
  ScreenHeadOptions head;
  head.z = screen.z;
  head.always = screen.always;
  pm.addPass(createScreenHead(head));
}

void mlir::bitnet::buildSelectionPipeline(OpPassManager &pm, StringRef target,
                                          StringRef layout, StringRef shared) {
  SelectKernelsOptions select;
  select.target = target.str();
  select.layout = layout.str();
  select.shared = shared.str();
  pm.addPass(createSelectKernels(select));
}

void mlir::bitnet::buildVectorPipeline(OpPassManager &pm, StringRef target,
                                       StringRef layout, StringRef shared) {
  buildSelectionPipeline(pm, target, layout, shared);
  pm.addPass(createPlanMemory());
  pm.addPass(createPlaceBarriers());
  pm.addPass(createLowerToVector());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
}

void mlir::bitnet::buildLLVMPipeline(OpPassManager &pm, StringRef target,
                                     StringRef prefix, StringRef shared) {
  LowerMicroOpsOptions microOps;
  microOps.target = target.str();
  pm.addPass(createLowerMicroOps(microOps));
  pm.addPass(memref::createExpandStridedMetadataPass());
  pm.addPass(createLowerAffinePass());
  pm.addPass(createSCFToControlFlowPass());
  ConvertVectorToLLVMPassOptions vector;
  vector.reassociateFPReductions = false;
  pm.addPass(createConvertVectorToLLVMPass(vector));
  pm.addPass(createConvertToLLVMPass());
  pm.addPass(createReconcileUnrealizedCastsPass());
  pm.addPass(createCanonicalizerPass());
  EmitABIOptions abi;
  abi.target = target.str();
  abi.prefix = prefix.str();
  abi.shared = shared.str();
  pm.addPass(createEmitABI(abi));
}

namespace {
struct TargetOptions : PassPipelineOptions<TargetOptions> {
  Option<std::string> target{*this, "target",
                             llvm::cl::desc("row of the CPU table"),
                             llvm::cl::init("generic")};
  Option<std::string> prefix{*this, "prefix",
                             llvm::cl::desc("prefix of exported symbols"),
                             llvm::cl::init("program")};
  Option<std::string> shared{
      *this, "shared",
      llvm::cl::desc("rows whose modules make one program, by commas"),
      llvm::cl::init("")};
};
} // namespace

namespace mlir::bitnet {
#define GEN_PASS_REGISTRATION
#include "passes/Passes.h.inc"

void registerPasses() {
  registerBitNetPasses();
  PassPipelineRegistration<>("bitnet-fuse", "graph level to fused level",
                             [](OpPassManager &pm) { buildFusePipeline(pm); });
  PassPipelineRegistration<TargetOptions>(
      "bitnet-to-vector", "fused level to vector level",
      [](OpPassManager &pm, const TargetOptions &options) {
        buildVectorPipeline(pm, options.target, "", options.shared);
      });
  PassPipelineRegistration<TargetOptions>(
      "bitnet-to-llvm", "vector level to LLVM dialect",
      [](OpPassManager &pm, const TargetOptions &options) {
        buildLLVMPipeline(pm, options.target, options.prefix, options.shared);
      });
}
} // namespace mlir::bitnet
