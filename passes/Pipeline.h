//===- Pipeline.h - The order of the passes --------------------*- C++ -*-===//
//
// What `bitnetc --emit=` stops after, and what bitnet-opt offers by the same
// names: bitnet-fuse, bitnet-to-vector, bitnet-to-llvm.
//
//===----------------------------------------------------------------------===//
#ifndef BITNET_PASSES_PIPELINE_H
#define BITNET_PASSES_PIPELINE_H

#include "mlir/Pass/PassManager.h"

namespace mlir::bitnet {

/// Whether the head is screened (ScreenHead.cpp).
struct HeadScreenOptions {
  float z = 6;         ///< Standard deviations; 0: no screen.
  bool always = false; ///< Also where it does not pay.
};

/// Graph level -> fused level. Independent of the CPU.
void buildFusePipeline(OpPassManager &pm, const HeadScreenOptions &screen = {});

/// The first step of the next pipeline alone: kernels, layouts and places of
/// weights. `shared`, if not empty, names all targets (by commas) that read the
/// same weights.
void buildSelectionPipeline(OpPassManager &pm, StringRef target,
                            StringRef layout = "", StringRef shared = "");

/// Fused level -> vector level for a row of the CPU table: kernels, layouts,
/// memory and barriers chosen, loops over vectors. Afterwards the records say
/// how weights are to be packed. `layout`, if not empty, is preferred to what
/// the table of kernels says.
void buildVectorPipeline(OpPassManager &pm, StringRef target,
                         StringRef layout = "", StringRef shared = "");

/// Vector level -> LLVM dialect, with the model descriptor `<prefix>_model`; of
/// several `shared` targets only in the module of the first.
void buildLLVMPipeline(OpPassManager &pm, StringRef target, StringRef prefix,
                       StringRef shared = "");

} // namespace mlir::bitnet

#endif // BITNET_PASSES_PIPELINE_H
