//===- Matmul.h - The parts of a matmul's lowering -------------*- C++ -*-===//
//
// Private to Matmul.cpp (which blocks and tokens, epilogue), MatmulDots.cpp
// (the inner loops), MatmulPairs.cpp (those of pairs of tokens) and
// MatmulTables.cpp (those that look sums up).
//
//===----------------------------------------------------------------------===//
#ifndef BITNET_PASSES_LOWER_MATMUL_H
#define BITNET_PASSES_LOWER_MATMUL_H

#include "passes/Planning.h"
#include "passes/lower/Emitter.h"
#include "passes/lower/RowDots.h"
#include "targets/Kernels.h"

namespace mlir::bitnet {

/// Sums of a tile: [token][plane][group], each vector<16xi32>; of a weight with
/// scale groups already vector<16xf32>, each group's dot times its scale.
class Dots {
public:
  Dots(int64_t planes, int64_t groups) : planes(planes), groups(groups) {}
  Value &at(int64_t token, int64_t plane, int64_t group) {
    size_t i = (token * planes + plane) * groups + group;
    if (values.size() <= i)
      values.resize(i + 1);
    return values[i];
  }

private:
  int64_t planes, groups;
  SmallVector<Value> values;
};

class MatmulLowering {
public:
  MatmulLowering(Emitter &e, MatmulOp op, const Kernel &kernel)
      : e(e), op(op), kernel(kernel), info(getLayoutInfo(kernel.layout)),
        rows(e.rowsOf(op.getInput())) {
    auto type = cast<RankedTensorType>(op.getInput().getType());
    bits = isPacked(type);
    planes = type.getDimSize(1);
    input = bits ? e.buffer(op.getInput())
                 : e.codesAsWords(op.getInput(), info.wordCols);
    if (op.getScale()) {
      inputGroups = groupsOf(op.getScale().getType());
      tokenScale = e.buffer(op.getScale());
    }
    if (op.getSum())
      planeSum = e.buffer(op.getSum());
    if (op.getResidual())
      residual = e.buffer(op.getResidual());
    if (op.getBits())
      bitsOut = e.bitsAsHalves(op.getBits());
    // A step of bits takes few cycles: hardware keeps ahead of it by itself,
    // and prefetches would only fill its queues (targets/README.md).
    prefetchBytes = bits ? 0 : e.prefetchBytes;
    // Tables take the first level and its places to wait in.
    if (kernel.layout == Layout::Trit3R64 && prefetchBytes) {
      prefetchBytes = 10 << 10;
      prefetchLevel = 2;
    }
    for (Attribute ref : op.getWeights()) {
      auto symbol = cast<SymbolRefAttr>(ref);
      WeightOp weight = e.weight(symbol);
      int64_t steps = llvm::divideCeil(weight.getCols(), info.colStep);
      int64_t blocks = llvm::divideCeil(weight.getRows(), info.rowBlock);
      Value codes =
          bits ? e.weightWindow(symbol, {blocks, steps, info.bytesPerStep / 8},
                                e.b.getI64Type())
               : e.weightWindow(symbol, {blocks, steps, info.bytesPerStep},
                                e.b.getI8Type());
      weights.push_back({weight.getQuant(),
                         weight.getRows(),
                         weight.getCols(),
                         weight.getScaleRows() == 1,
                         int64_t(weight.getGroup()),
                         codes,
                         e.scaleWindow(symbol),
                         blocks,
                         steps,
                         !op.getGlu()      ? Part::All
                         : weights.empty() ? Part::Gate
                                           : Part::Up,
                         {}});
      if (kernel.layout == Layout::U8Row)
        weights.back().byRow.emplace(e, symbol, op.getInput(), op.getScale(),
                                     op.getSum());
    }
  }

  void lower();

private:
  enum class Part { All, Gate, Up }; ///< Of a result.
  struct Weight {
    WeightQuant kind;
    int64_t rows, cols;
    bool oneScale;
    int64_t scaleGroup; ///< Columns that share a scale; 0: all.
    Value codes, scales;
    int64_t blocks, steps;
    Part part;
    std::optional<RowDots> byRow; ///< If it lies in rows of bytes.
  };

  /// Groups of rows [first, first + count).
  struct Groups {
    int64_t first, count;
  };
  Dots dots(const Weight &w, Value block, Value t, int64_t tile, Groups pass);
  /// Adds up steps [lo, hi), `steps` in number: [token][plane][group], and with
  /// `columnSums` after them [token][plane] sums of the columns themselves.
  SmallVector<Value> addSteps(const Weight &w, Value block, Value t,
                              int64_t tile, Groups groups, Value lo, Value hi,
                              int64_t steps, bool columnSums);
  /// How many groups of rows a pass over a block takes: all, unless several
  /// tokens have more sums than half of the registers.
  int64_t groupsOfPass(int64_t tile) const;
  /// The u8 operands of a step, one for each row group of each part, with their
  /// largest values.
  SmallVector<std::pair<Value, int64_t>> loadStep(const Weight &w, Value block,
                                                  Value step, Groups groups);
  /// By how many bits loadStep's operand of field `g` is too high: its place in
  /// the byte, unless it was shifted down.
  int64_t placeOf(int64_t g) const {
    bool highest = (g + 1) * info.fieldBits == 8;
    return highest && e.shiftsBytes ? 0 : g * info.fieldBits;
  }
  /// Undoes what loadStep's operands still carry (places in a byte, zero
  /// point): the dots of each row group from the sums of a token and plane.
  SmallVector<Value> exactDots(ArrayRef<Value> sums, Value columnSum,
                               int64_t firstGroup = 0);
  /// What the zero point adds to a sum, taken away.
  Value withoutZero(Value sum, Value columnSum);
  /// f32(d), or f32(d_0) * 256 + f32(d_1): the dots of the planes as one float.
  Value joinPlanes(ArrayRef<Value> dots);
  /// Prefetches the cache lines of a step that comes prefetchBytes later.
  void prefetchAhead(const Weight &w, Value block, Value step);
  Dots codeDots(const Weight &w, Value block, Value t, int64_t tile);
  Dots pairDots(const Weight &w, Value block, Value t, int64_t tile,
                Groups pass);
  /// The same as addSteps: [pair of tokens][field], of the rows of `groups`.
  SmallVector<Value> addPairs(const Weight &w, Value block, Value t,
                              int64_t tile, Groups groups);
  Dots groupedDots(const Weight &w, Value block, Value t, int64_t tile);
  /// Writes the sums of each three columns of every token, for tableDots.
  void buildTables();
  Dots tableDots(const Weight &w, Value block, Value t, int64_t tile);
  Dots bitDots(const Weight &w, Value block, Value t, int64_t tile);
  Dots groupedBitDots(const Weight &w, Value block, Value t, int64_t tile);
  /// Of steps [lo, hi), which are group `group` and have `columns`: the dots of
  /// each token, 16 rows.
  SmallVector<Value> countSteps(const Weight &w, Value block, Value t,
                                int64_t tile, Value lo, Value hi,
                                int64_t columns, Value group);
  /// Of 16 rows, as floats.
  Value groupScale(const Weight &w, ValueRange at);
  Value scaled(const Weight &w, Dots &sums, Value block, Value t, int64_t token,
               int64_t group);
  void tileOf(const Weight &w, Value out, Value block, Value t, int64_t tile);
  /// The same with rows of bytes.
  void rowTileOf(const Weight &w, Value out, Value block, Value t,
                 int64_t tile);
  /// Where product `i` goes as floats; null if it is only packed.
  Value rowsOut(unsigned i);
  void finish(const Weight &w, Value y, Value out, ValueRange at);
  void packLanes(const Weight &w, Value y, ValueRange at);
  void blockOf(const Weight &w, Value out, Value block);
  void clearPads(const Weight &w, Value out);

  Emitter &e;
  MatmulOp op;
  const Kernel &kernel;
  const LayoutInfo &info;
  Value rows, input, tokenScale, planeSum, residual, bitsOut, tables;
  bool bits;
  int64_t planes, prefetchBytes = 0;
  unsigned prefetchLevel = 3; ///< As Emitter::prefetch.
  int64_t inputGroups = 1;    ///< Of columns that have a scale in each token.
  SmallVector<Weight> weights;
};
} // namespace mlir::bitnet

#endif // BITNET_PASSES_LOWER_MATMUL_H
