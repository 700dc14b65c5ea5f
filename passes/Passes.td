//===- Passes.td - All passes, in pipeline order ----------------*- tablegen -*-===//
#ifndef BITNET_PASSES_TD
#define BITNET_PASSES_TD

include "mlir/Pass/PassBase.td"

//===----------------------------------------------------------------------===//
// Graph level to fused level
//===----------------------------------------------------------------------===//

def DecomposeLinear : Pass<"bitnet-decompose-linear", "::mlir::ModuleOp"> {
  let summary = "linear -> quantise or sign its input, integer dot, scale";
}

def FoldNormIntoSign : Pass<"bitnet-fold-norm-into-sign", "::mlir::ModuleOp"> {
  let summary = "sign(rms_norm(x)) -> sign(x), sign(x * gain) without a threshold";
}

def FuseNormQuantize : Pass<"bitnet-fuse-norm-quantize", "::mlir::ModuleOp"> {
  let summary = "quantize(rms_norm(x)) -> norm_quantize(x)";
}

def PackBits : Pass<"bitnet-pack-bits", "::mlir::ModuleOp"> {
  let summary = "pack(binarize([rms_norm] x)) -> pack_bits, norm_pack_bits";
}

def FoldEpilogue : Pass<"bitnet-fold-epilogue", "::mlir::ModuleOp"> {
  let summary = "dot + scale [+ residual] -> matmul";
}

def FuseLinears : Pass<"bitnet-fuse-linears", "::mlir::ModuleOp"> {
  let summary = "matmuls on one input -> one matmul (q, k, v; gate, up)";
}

def FoldGate : Pass<"bitnet-fold-gate", "::mlir::ModuleOp"> {
  let summary = "act(gate) * up -> epilogue of their matmul";
}

def PackEpilogue : Pass<"bitnet-pack-epilogue", "::mlir::ModuleOp"> {
  let summary = "pack_bits of a product -> epilogue of its matmul";
}

def ScreenHead : Pass<"bitnet-screen-head", "::mlir::ModuleOp"> {
  let summary = "a sketch of the head, for callers who want the best logits";
  let options = [
    Option<"z", "z", "float", "6.0f",
           "standard deviations a row may be misjudged by; 0: no screen">,
    Option<"always", "always", "bool", "false", "also where it does not pay">];
}

//===----------------------------------------------------------------------===//
// Fused level to kernel level
//===----------------------------------------------------------------------===//

def SelectKernels : Pass<"bitnet-select-kernels", "::mlir::ModuleOp"> {
  let summary = "kernel and layout of every weight, from the CPU's tables";
  let description = [{
    With `layout`, kernels that read that layout come before the others, for the
    weights that have one. With `shared`, every weight gets a layout that all of
    those targets have a kernel for.
  }];
  let options = [Option<"target", "target", "std::string", "\"generic\"",
                        "name of a row of the CPU table">,
                 Option<"layout", "layout", "std::string", "\"\"",
                        "name of the layout to prefer">,
                 Option<"shared", "shared", "std::string", "\"\"",
                        "rows of the CPU table, by commas, that read the same "
                        "weights">];
}

def PlanMemory : Pass<"bitnet-plan-memory", "::mlir::ModuleOp"> {
  let summary = "a place in the workspace for every tensor";
  let description = [{
    Gives every operation `bitnet.slots`: for each result the byte offset per
    token of batch (times bitnet_context.max_tokens it is the offset in the
    workspace); -1 is the caller's logits. Slots are reused when their value is
    dead; residuals are updated in place. Sets `bitnet.workspace_per_token`.
  }];
}

def PlaceBarriers : Pass<"bitnet-place-barriers", "::mlir::ModuleOp"> {
  let summary = "barriers only where bytes cross items of work";
}

def LowerToVector : Pass<"bitnet-lower-to-vector", "::mlir::ModuleOp"> {
  let summary = "fused level -> loops over vectors, split over threads";
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::func::FuncDialect",
    "::mlir::LLVM::LLVMDialect", "::mlir::math::MathDialect",
    "::mlir::memref::MemRefDialect", "::mlir::scf::SCFDialect",
    "::mlir::vector::VectorDialect"];
}

def LowerMicroOps : Pass<"bitnet-lower-micro-ops", "::mlir::ModuleOp"> {
  let summary = "micro-ops for one instruction set";
  let options = [Option<"target", "target", "std::string", "\"generic\"",
                        "name of a row of the CPU table">];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::LLVM::LLVMDialect",
    "::mlir::vector::VectorDialect"];
}

//===----------------------------------------------------------------------===//
// LLVM level
//===----------------------------------------------------------------------===//

def EmitABI : Pass<"bitnet-emit-abi", "::mlir::ModuleOp"> {
  let summary = "the model descriptor and entry point of runtime/abi";
  let options = [
    Option<"target", "target", "std::string", "\"generic\"",
           "name of a row of the CPU table">,
    Option<"prefix", "prefix", "std::string", "\"program\"",
           "the descriptor is <prefix>_model">,
    Option<"shared", "shared", "std::string", "\"\"",
           "rows of the CPU table, by commas, whose modules make one program; "
           "the first one's holds the descriptor">];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect"];
}

#endif // BITNET_PASSES_TD
