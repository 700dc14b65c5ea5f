//===- Planning.h - Buffers of activations ---------------------*- C++ -*-===//
//
// Sizes and places of activation tensors, as plan-memory decides them and
// place-barriers and the lowering read them.
//
//===----------------------------------------------------------------------===//
#ifndef BITNET_PASSES_PLANNING_H
#define BITNET_PASSES_PLANNING_H

#include "dialect/Layouts.h"
#include "dialect/ScalarMath.h"
#include "llvm/Support/MathExtras.h"

namespace mlir::bitnet {

constexpr StringLiteral kSlotsAttr = "bitnet.slots";
constexpr StringLiteral kArgSlotAttr = "bitnet.slot";
constexpr StringLiteral kWorkspaceAttr = "bitnet.workspace_per_token";
/// Bytes of the workspace behind all slots that do not grow with the batch:
/// what attention keeps of chunks that threads compute apart.
constexpr StringLiteral kFixedWorkspaceAttr = "bitnet.workspace_fixed";
/// How many 16-lane vectors of f32 the CPU's registers hold.
constexpr StringLiteral kVectorRegistersAttr = "bitnet.vector_registers";
/// Dots that follow each other in one sum and cost less together (dotChain).
constexpr StringLiteral kDotChainAttr = "bitnet.dot_chain";
/// The same where each dot is of one of several tokens.
constexpr StringLiteral kTileDotChainAttr = "bitnet.tile_dot_chain";
/// Whether the CPU shifts bytes by one instruction (shiftsBytes): 1, else 0.
constexpr StringLiteral kShiftsBytesAttr = "bitnet.shifts_bytes";
/// Bytes to prefetch ahead of a stream of weights, from the CPU's row.
constexpr StringLiteral kPrefetchAttr = "bitnet.prefetch_bytes";
/// The slot of memory that an operation needs beside its results.
constexpr StringLiteral kScratchAttr = "bitnet.scratch";
/// Best logits up to which a head is screened.
constexpr int64_t kMaxTopK = 64;
/// The slot of a value that is written to the caller's logits.
constexpr int64_t kLogitsSlot = -1;

/// Elements of a row after padding: kRowPad for floats and codes, none for the
/// rest (words of packed bits are padded already).
inline int64_t paddedColumns(RankedTensorType type) {
  Type element = type.getElementType();
  int64_t columns = type.getRank() == 1 ? 1 : type.getShape().back();
  bool padded =
      (element.isF32() && type.getRank() == 2) || element.isInteger(8);
  return padded ? llvm::alignTo(columns, kRowPad) : columns;
}

/// Bytes that one token takes of a tensor's buffer, before slots are rounded to
/// cache lines.
///   ?xN f32: alignTo(N, 64) * 4    ?xPxK i8: P * alignTo(K, 64)
///   ?xPxW i64: P * W * 8           ? f32: 4        ?xP i32: P * 4
inline int64_t bytesPerToken(RankedTensorType type) {
  int64_t elements = paddedColumns(type);
  for (int64_t dim : type.getShape().drop_front().drop_back(type.getRank() > 1))
    elements *= dim;
  return elements * llvm::divideCeil(type.getElementTypeBitWidth(), 8);
}

/// Bytes of attention's result for one token and chunk: per head the output and
/// its maximum and sum, which get a vector together.
///   [heads][head_dim + 16] f32
inline int64_t attentionRowBytes(AttentionOp op) {
  return op.getHeads() * (op.getHeadDim() + kLanes) * 4;
}

/// Bytes per token of the tables of a matmul that looks sums up, 0 of others:
///   [step][three columns][low, high][16] i8 (lower/MatmulTables.cpp)
int64_t tablesPerToken(MatmulOp op);

/// Bytes per token that `op` needs beside its results: tables, a gate that goes
/// with no rows; a screened head keeps two i32 for each 16 rows
/// (lower/HeadScreen.cpp).
int64_t scratchPerToken(Operation *op);

/// Whether the rows of a tensor are those of logits, not the tokens.
bool hasLogitRows(Value tensor);

/// How many items of work a row has, each of them an equal part of the row of
/// every operand and result; 0 for operations that divide their work in other
/// ways (matmul by rows of weights) and in phases of their own.
int64_t itemsPerRow(Operation *op);
/// The items of a phase that two such operations share, 0 if they cannot.
int64_t commonItems(int64_t a, int64_t b);

/// The slot of a value, as plan-memory has set it.
int64_t slotOf(Value value);

} // namespace mlir::bitnet

#endif // BITNET_PASSES_PLANNING_H
