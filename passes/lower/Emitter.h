//===- Emitter.h - Building vector code for one thread ---------*- C++ -*-===//
//
// What every operation's lowering needs: the values that describe the batch and
// the thread, typed windows into workspace, weights and KV pages, loops, and
// the arithmetic that must be the same everywhere (16-lane sums, exp,
// rounding).
//
// All floats are vectors of 16 lanes whatever the machine's width: LLVM splits
// them, and so results do not depend on the CPU.
//
//===----------------------------------------------------------------------===//
#ifndef BITNET_PASSES_LOWER_EMITTER_H
#define BITNET_PASSES_LOWER_EMITTER_H

#include "dialect/Dialect.h"
#include "dialect/ScalarMath.h"
#include "mlir/IR/Builders.h"
#include "passes/Planning.h"
#include <numeric>

namespace mlir::bitnet {

/// The arguments of every lowered function, in order. Memory is memref<?xi8> or
/// memref<?xi32>; counts are index.
enum class Env : unsigned {
  Weights,     ///< memref<?xi8>, packed weights
  Workspace,   ///< memref<?xi8>
  KVPages,     ///< memref<?xi8>
  PageTable,   ///< memref<?xi32>, [sequences][pages_per_sequence]
  Token,       ///< memref<?xi32>, [tokens]
  Position,    ///< memref<?xi32>, [tokens]
  Sequence,    ///< memref<?xi32>, [tokens]
  LogitsToken, ///< memref<?xi32>, [logit_rows]
  Logits,      ///< memref<?xi8>, [logit_rows][logits_stride] f32
  PagesPerSequence,
  Tokens, ///< in this batch
  LogitRows,
  TopK,      ///< best logits that are wanted; 0: all
  MaxTokens, ///< capacity of the workspace
  Thread,
  Threads,
  Layer,  ///< instance of the layer's record
  Layers, ///< how many of them a step runs
  Team,   ///< !llvm.ptr, bitnet_team
  Count
};

/// Types of the environment, for the signatures of lowered functions.
SmallVector<Type> envTypes(MLIRContext *context);

/// Name of the function that lowered code calls for work; EmitABI gives it its
/// body. (team: !llvm.ptr, thread, threads, items, grain, alone: index) -> i64,
/// as bitnet_team.next; a team of one thread gets `alone`.
constexpr StringLiteral kNextFunction = "bitnet_next";

class Emitter {
public:
  /// The builder stands in a function of the module.
  Emitter(OpBuilder &builder, Location loc, ValueRange env)
      : prefetchBytes(cpuNumber(builder, kPrefetchAttr)),
        vectorRegisters(cpuNumber(builder, kVectorRegistersAttr)),
        dotChain(cpuNumber(builder, kDotChainAttr)),
        tileDotChain(cpuNumber(builder, kTileDotChainAttr)),
        shiftsBytes(cpuNumber(builder, kShiftsBytesAttr)), b(builder), loc(loc),
        env(env) {}

  /// What the CPU's row says: how far ahead of a stream of weights to prefetch,
  /// registers as of 512 bits, and dots of one sum that cost less together. 0
  /// without a CPU.
  const int64_t prefetchBytes, vectorRegisters, dotChain, tileDotChain;
  /// Whether it shifts bytes by one instruction.
  const bool shiftsBytes;

  OpBuilder &b;
  Location loc;

  Value get(Env which) const { return env[static_cast<unsigned>(which)]; }
  ValueRange environment() const { return env; }

  // Constants and index arithmetic.
  Value index(int64_t value);
  Value i32(int32_t value);
  Value f32(float value);
  Value splat(float value);      ///< vector<16xf32>
  Value splatI32(int32_t value); ///< vector<16xi32>
  Value splatI8(int value);      ///< vector<64xi8>
  Value add(Value a, Value b);
  Value sub(Value a, Value b);
  Value mul(Value a, Value b);
  Value addI(Value a, int64_t b) { return add(a, index(b)); }
  Value mulI(Value a, int64_t b) { return mul(a, index(b)); }
  Value divI(Value a, int64_t b);
  Value remI(Value a, int64_t b);
  Value div(Value a, Value b); ///< unsigned
  Value rem(Value a, Value b); ///< unsigned
  Value min(Value a, Value b); ///< unsigned
  Value max(Value a, Value b); ///< unsigned
  Value toIndex(Value i32);

  // Vector types.
  VectorType f32x16() { return VectorType::get(16, b.getF32Type()); }
  VectorType i32x16() { return VectorType::get(16, b.getI32Type()); }

  // Control flow.
  /// for (i = lo; i < hi; i += step) values = body(i, values); returns values.
  SmallVector<Value>
  loop(Value lo, Value hi, int64_t step, ValueRange init,
       function_ref<SmallVector<Value>(Value, ValueRange)> body);
  /// The same without carried values.
  void loop(Value lo, Value hi, int64_t step, function_ref<void(Value)> body);
  Value lessThan(Value a, Value b); ///< Of indices.
  void onlyIf(Value condition, function_ref<void()> body);
  /// body(c) for the c that `value` (0 <= value < cases) is, one branch each.
  void eachCase(Value value, int64_t cases, function_ref<void(int64_t)> body);
  void ifElse(Value condition, function_ref<void()> then,
              function_ref<void()> otherwise);
  /// max |read(i)| over [lo, hi), 16 at a time.
  Value absMax(Value lo, Value hi, function_ref<Value(Value i)> read);
  /// 16-bit codes as planes, 256 hi + lo with a signed lo: [hi, lo] in i32 and
  /// in bytes. Codes that fit a byte are their one plane.
  struct Plane {
    Value values, bytes;
  };
  SmallVector<Plane, 2> planesOf(Value codes, int64_t planes);
  /// Shares `items` among the threads: body(lo, hi) for pieces of about `grain`
  /// items, 0: as the team likes. Afterwards all of them are done, whoever did
  /// them, and visible to all threads; there is no barrier but this.
  void phase(Value items, Value grain,
             function_ref<void(Value lo, Value hi)> body);
  /// A phase over `blocks` of weights, of `bytes` together, that are multiplied
  /// with `rows` rows.
  void weightPhase(int64_t blocks, int64_t bytes, Value rows,
                   function_ref<void(Value lo, Value hi)> body);
  /// Runs body for every item. Such loops of several operations may share one
  /// phase: then LowerToVector has opened it and sets the range.
  void parallel(Value items, function_ref<void(Value)> body);
  void setRange(Value lo, Value hi) { range = {lo, hi}; }

  /// How often `count` sums of a chain of dots over `steps` steps are kept: one
  /// token has few independent sums, and two sets hide the latency of the dot,
  /// if they leave half of the registers to the rest.
  int64_t setsOfSums(int64_t count, int64_t steps) const {
    return 4 * count <= vectorRegisters && steps % 2 == 0 ? 2 : 1;
  }
  /// How many of `steps` steps to add to a sum one after the other, where the
  /// CPU's dots cost less together.
  int64_t stepsOfChain(int64_t steps, int64_t tile) const {
    return std::gcd(steps,
                    std::max<int64_t>(tile > 1 ? tileDotChain : dotChain, 1));
  }

  // Memory.
  /// A window of `bytes` from a byte offset; the first dimension may be dynamic
  /// with size `dynamic`.
  Value window(Value bytes, Value offset, ArrayRef<int64_t> shape, Type element,
               Value dynamic = {});
  /// Elements (f32) on the stack of the function, not initialised.
  Value stack(ArrayRef<int64_t> shape, Type element = {});
  /// The buffer of a tensor: rows ?xNpad f32, codes ?xPxKpad i8 and so on.
  Value buffer(Value tensor);
  /// The memory of `op` beside its results, behind the first `before` bytes of
  /// each token; the first dimension is tokens.
  Value scratch(Operation *op, ArrayRef<int64_t> shape, Type element,
                int64_t before = 0);
  /// Codes ?xPxKpad i8 seen as ?xPx(Kpad/bytes) words.
  Value codesAsWords(Value tensor, int64_t bytes = 4);
  /// Packed bits ?xPxW i64 seen as ?xPx4W i16, each of 16 columns.
  Value bitsAsHalves(Value tensor);
  /// Byte offset of `weight`'s codes or scales in this instance of its record.
  Value weightOffset(SymbolRefAttr weight, bool scales = false);
  Value weightWindow(SymbolRefAttr weight, ArrayRef<int64_t> shape,
                     Type element);
  /// Scales of a matrix: memref<1xf32>, memref<rows x f32>, or with groups
  /// memref<blocks x groups x 64> of f32 or of f16 bits (i16).
  Value scaleWindow(SymbolRefAttr weight);
  /// Number of rows the tensor has in this batch: tokens or rows of logits.
  Value rowsOf(Value tensor);
  Value load(VectorType type, Value memref, ValueRange at);
  Value load(Value memref, ValueRange at);
  void store(Value value, Value memref, ValueRange at);
  /// Reads the cache line at `at`, which may lie behind the end, into the first
  /// level (3) or the second (2).
  void prefetch(Value memref, ValueRange at, unsigned locality = 3);
  Value broadcast(Value scalar, VectorType type);

  // Floats: separate roundings, on scalars or vectors alike.
  Value fadd(Value a, Value b);
  Value fsub(Value a, Value b);
  Value fmul(Value a, Value b);
  Value fdiv(Value a, Value b);
  Value fmax(Value a, Value b); ///< a > b ? a : b
  Value fmin(Value a, Value b); ///< a < b ? a : b
  /// The sum or maximum of 16 lanes, as the tree 8+8, 4+4, 2+2, 1+1.
  Value sum16(Value vector);
  Value max16(Value vector);
  Value sumI32(Value vector);
  Value exp(Value x);            ///< dialect/Exp.h
  Value roundToEvenInt(Value x); ///< dialect/Exp.h, f32 -> i32
  /// The comparisons of 16 lanes that `quant` makes, as bits of an i16 a plane,
  /// the first lane lowest.
  SmallVector<Value, 2> planeBits(Value x, BitQuant quant);
  /// 16 lanes of i1 as an i16, the first lowest.
  Value bitsOf(Value mask);
  Value activation(ActivationKind kind, Value x);
  /// A constant of the type of `like`.
  Value constantLike(Value like, float value);

  WeightOp weight(SymbolRefAttr ref);

private:
  Value tree(Value vector, function_ref<Value(Value, Value)> combine);
  Value slotOffset(Value tensor);
  /// A tensor ?xPxN of integers as one of other integers.
  Value seenAs(Value tensor, Type element);
  static int64_t cpuNumber(OpBuilder &builder, StringRef attribute);
  ValueRange env;
  std::pair<Value, Value> range; ///< Of the phase around this operation.
};

// One function per operation, by file.
void lowerEmbed(Emitter &e, EmbedOp op);               // Rows.cpp
void lowerGatherLogits(Emitter &e, GatherLogitsOp op); // Rows.cpp
void lowerElementwise(Emitter &e, Operation *op);      // Rows.cpp
void lowerRMSNorm(Emitter &e, RMSNormOp op);           // Norm.cpp
void lowerHeadNorm(Emitter &e, HeadNormOp op);         // Norm.cpp
void lowerQuantize(Emitter &e, QuantizeOp op);         // Norm.cpp
void lowerNormQuantize(Emitter &e, NormQuantizeOp op); // Norm.cpp
void lowerPackBits(Emitter &e, PackBitsOp op);         // Norm.cpp
void lowerNormPackBits(Emitter &e, NormPackBitsOp op); // Norm.cpp
void lowerPackCodes(Emitter &e, PackCodesOp op);       // Norm.cpp
LogicalResult lowerMatmul(Emitter &e, MatmulOp op);    // Matmul.cpp
void lowerRope(Emitter &e, RopeOp op);                 // KVCache.cpp
void lowerKVAppend(Emitter &e, KVAppendOp op);         // KVCache.cpp
void lowerAttention(Emitter &e, AttentionOp op);       // Attention.cpp
void lowerHeadScreen(Emitter &e, MatmulOp op,
                     int64_t tokenTile); // HeadScreen.cpp

} // namespace mlir::bitnet

#endif // BITNET_PASSES_LOWER_EMITTER_H
