//===- GraphBuilder.h - From a model description to the dialect -*- C++ -*-===//
#ifndef BITNETC_COMPILER_GRAPHBUILDER_H
#define BITNETC_COMPILER_GRAPHBUILDER_H

#include "Model.h"
#include "WeightReader.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

namespace bitnetc {

/// Graph-level IR of a model: records `@globals` and `@layer`, functions
/// `@step` and `@layer_step`, and what the ABI needs to know as the module's
/// attribute `bitnet.model`. Reads gains (to know their signs), no matrices.
llvm::Expected<mlir::OwningOpRef<mlir::ModuleOp>>
buildGraph(mlir::MLIRContext &context, const Model &model,
           WeightReader &reader);

} // namespace bitnetc

#endif // BITNETC_COMPILER_GRAPHBUILDER_H
