//===- Ops.cpp - Verifiers of the BitNet operations -----------------------===//
//
// Shapes are checked where an operation can see them; what a name stands for
// (kind and shape of a weight) is checked when symbols are.
//
// It is one file, in the order of Ops.td, which it is read beside.
//
//===----------------------------------------------------------------------===//

#include "dialect/Dialect.h"
#include "dialect/ScalarMath.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace mlir::bitnet;

#define GET_OP_CLASSES
#include "dialect/Ops.cpp.inc"

std::optional<BitQuant> mlir::bitnet::bitQuantOf(InputQuant quant) {
  switch (quant) {
  case InputQuant::Int8:
  case InputQuant::Int16:
    return std::nullopt;
  case InputQuant::Sign:
    return BitQuant::Sign;
  case InputQuant::Bit:
    return BitQuant::Bit;
  case InputQuant::Ternary:
    return BitQuant::Ternary;
  }
  llvm_unreachable("quantiser of an input");
}

WeightOp mlir::bitnet::lookupWeight(Operation *from, SymbolRefAttr ref) {
  return SymbolTable::lookupNearestSymbolFrom<WeightOp>(
      from->getParentOfType<ModuleOp>(), ref);
}

/// Size of the last dimension: features of a row, K or N.
static int64_t lastDim(Type type) {
  return cast<RankedTensorType>(type).getShape().back();
}

/// Resolves `ref` to a vector weight of `size` floats.
static LogicalResult checkVector(Operation *op, SymbolRefAttr ref, int64_t size,
                                 StringRef role) {
  WeightOp weight = lookupWeight(op, ref);
  if (!weight)
    return op->emitOpError() << role << " " << ref << " is not a weight";
  if (weight.isMatrix() || weight.getQuant() != WeightQuant::Float ||
      weight.getRows() != size)
    return op->emitOpError()
           << role << " " << ref << " must be " << size << " floats, is "
           << stringifyEnum(weight.getQuant()) << " [" << weight.getShape()
           << "]";
  return success();
}

/// Gain, bias and width of a norm, alone or in a fused operation.
template <typename OpTy> static LogicalResult checkNorm(OpTy op, int64_t size) {
  if (op.getGain() && failed(checkVector(op, *op.getGain(), size, "gain")))
    return failure();
  return op.getBias() ? checkVector(op, *op.getBias(), size, "bias")
                      : success();
}

/// Resolves `ref` to a matrix of shape [n, k].
static LogicalResult checkMatrix(Operation *op, SymbolRefAttr ref, int64_t n,
                                 int64_t k) {
  WeightOp weight = lookupWeight(op, ref);
  if (!weight)
    return op->emitOpError() << "weight " << ref << " does not exist";
  if (!weight.isMatrix() || weight.getRows() != n || weight.getCols() != k)
    return op->emitOpError() << "weight " << ref << " must be [" << n << ", "
                             << k << "], is [" << weight.getShape() << "]";
  return success();
}

/// Which inputs a weight kind can be multiplied with.
static LogicalResult checkKinds(Operation *op, SymbolRefAttr ref, bool bits) {
  WeightOp weight = lookupWeight(op, ref);
  WeightQuant kind = weight.getQuant();
  bool fits = bits ? kind == WeightQuant::Binary || kind == WeightQuant::Ternary
                   : kind != WeightQuant::Float && kind != WeightQuant::Sketch;
  if (weight.getGroup() % 64 && bits)
    return op->emitOpError()
           << "bit input needs groups of a multiple of 64 columns, those of "
           << ref << " have " << weight.getGroup();
  if (!fits)
    return op->emitOpError()
           << (bits ? "bit" : "integer") << " input does not multiply with "
           << stringifyEnum(kind) << " weight " << ref;
  return success();
}

//===----------------------------------------------------------------------===//
// Storage
//===----------------------------------------------------------------------===//

/// Counts are read as unsigned: a negative one would be a very large one.
static LogicalResult checkCount(Operation *op, int64_t count) {
  if (count < 1)
    return op->emitOpError("count must be at least 1, is ") << count;
  return success();
}

LogicalResult RecordOp::verify() {
  if (failed(checkCount(*this, getCount())))
    return failure();
  for (Operation &op : getBody().front())
    if (!isa<WeightOp>(op))
      return emitOpError("holds weights only, found '") << op.getName() << "'";
  return success();
}

LogicalResult WeightOp::verify() {
  ArrayRef<int64_t> shape = getShape();
  if (shape.empty() || shape.size() > 2)
    return emitOpError("shape must have 1 or 2 dimensions, has ")
           << shape.size();
  for (int64_t dim : shape)
    if (dim < 1)
      return emitOpError("shape must be positive, is [") << shape << "]";
  if (!isMatrix() && getQuant() != WeightQuant::Float)
    return emitOpError("a vector must be float, is ")
           << stringifyEnum(getQuant());
  if (getScaleRows() != 1 && getScaleRows() != static_cast<uint64_t>(getRows()))
    return emitOpError("scale_rows must be 1 or ")
           << getRows() << ", is " << getScaleRows();
  if (int64_t group = getGroup()) {
    if (group < 8 || group % 8 || getCols() % group)
      return emitOpError("group must be a multiple of 8 that divides ")
             << getCols() << " columns, is " << group;
    if (getQuant() == WeightQuant::Int8)
      return emitOpError("groups are for ternary and binary weights");
    if (getScaleRows() != static_cast<uint64_t>(getRows()))
      return emitOpError("groups need scale_rows ") << getRows();
  }
  if (getQuant() == WeightQuant::Sketch &&
      (getGroup() || getScaleRows() != static_cast<uint64_t>(getRows())))
    return emitOpError("a sketch needs scale_rows ")
           << getRows() << " and no groups";
  if (getHalfScales() && !getGroup())
    return emitOpError("half_scales are for groups");
  return success();
}

//===----------------------------------------------------------------------===//
// Graph level
//===----------------------------------------------------------------------===//

LogicalResult EmbedOp::verifySymbolUses(SymbolTableCollection &) {
  WeightOp weight = lookupWeight(*this, getWeight());
  if (!weight)
    return emitOpError() << "weight " << getWeight() << " does not exist";
  if (weight.getQuant() == WeightQuant::Float)
    return emitOpError() << "weight " << getWeight()
                         << " must be int8, ternary or binary, is float";
  return checkMatrix(*this, getWeight(), weight.getRows(), lastDim(getType()));
}

LogicalResult RepeatOp::verify() { return checkCount(*this, getCount()); }

LogicalResult RepeatOp::verifySymbolUses(SymbolTableCollection &) {
  auto callee = SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(
      getOperation()->getParentOfType<ModuleOp>(), getCalleeAttr());
  if (!callee)
    return emitOpError() << "layer function " << getCalleeAttr()
                         << " does not exist";
  FunctionType type = callee.getFunctionType();
  if (type.getNumInputs() != 1 || type.getNumResults() != 1 ||
      type.getInput(0) != getType() || type.getResult(0) != getType())
    return emitOpError() << "layer function " << getCalleeAttr() << " must be "
                         << getType() << " -> " << getType() << ", is " << type;
  return success();
}

/// What `unscaled` leaves must be x * gain.
template <typename OpTy> static LogicalResult checkUnscaled(OpTy op) {
  if (op.getUnscaled() && (op.getCentred() || !op.getGain() || op.getBias()))
    return op.emitOpError(
        "unscaled is for a gain alone, neither centred nor with a bias");
  return success();
}

LogicalResult RMSNormOp::verifySymbolUses(SymbolTableCollection &) {
  if (failed(checkUnscaled(*this)))
    return failure();
  return checkNorm(*this, lastDim(getType()));
}

LogicalResult LinearOp::verifySymbolUses(SymbolTableCollection &) {
  if (failed(checkMatrix(*this, getWeight(), lastDim(getType()),
                         lastDim(getInput().getType()))))
    return failure();
  if (getRange() != CodeRange::Signed127 && getInputQuant() != InputQuant::Int8)
    return emitOpError() << "range " << stringifyEnum(getRange())
                         << " is for int8 input";
  if (getByGroup() &&
      (bitQuantOf(getInputQuant()) || getRange() != CodeRange::Signed127 ||
       lookupWeight(*this, getWeight()).getGroup() == 0 ||
       lookupWeight(*this, getWeight()).getGroup() % 16))
    return emitOpError("by_group is for int8 and int16 input, and weights with "
                       "groups of 16 n columns");
  if (getTokenScale() && !bitQuantOf(getInputQuant()))
    return emitOpError("token_scale is for input of bits, others have one");
  return checkKinds(*this, getWeight(),
                    bitQuantOf(getInputQuant()).has_value());
}

/// Rows of whole heads, each of whole vectors.
static LogicalResult checkHeads(Operation *op, Type rows, int64_t headDim) {
  if (headDim < 16 || headDim % 16)
    return op->emitOpError("head_dim must be a multiple of 16, is ") << headDim;
  if (lastDim(rows) % headDim)
    return op->emitOpError("row of ")
           << lastDim(rows) << " is not a whole number of heads of " << headDim;
  return success();
}

LogicalResult HeadNormOp::verify() {
  return checkHeads(*this, getType(), getHeadDim());
}

LogicalResult HeadNormOp::verifySymbolUses(SymbolTableCollection &) {
  return checkVector(*this, getGain(), getHeadDim(), "gain");
}

LogicalResult RopeOp::verify() {
  return checkHeads(*this, getType(), getHeadDim());
}

LogicalResult RopeOp::verifySymbolUses(SymbolTableCollection &) {
  WeightOp table = lookupWeight(*this, getTable());
  if (!table)
    return emitOpError() << "table " << getTable() << " does not exist";
  if (table.getQuant() != WeightQuant::Float || !table.isMatrix() ||
      table.getCols() != static_cast<int64_t>(getHeadDim()))
    return emitOpError() << "table " << getTable()
                         << " must be float [positions, " << getHeadDim()
                         << "], is " << stringifyEnum(table.getQuant()) << " ["
                         << table.getShape() << "]";
  return success();
}

/// Sums of 16-bit times 8-bit codes over a head must fit into 32 bits.
static LogicalResult checkForm(Operation *op, KVForm form, int64_t headDim) {
  if (form == KVForm::I8 && headDim > kMaxCodedHeadDim)
    return op->emitOpError("head_dim must be at most ")
           << kMaxCodedHeadDim << " with form i8, is " << headDim;
  return success();
}

LogicalResult KVAppendOp::verify() {
  if (getHeadDim() < 16 || getHeadDim() % 16 ||
      lastDim(getKey().getType()) % getHeadDim())
    return emitOpError("row of ") << lastDim(getKey().getType())
                                  << " is not a whole number of heads of "
                                  << getHeadDim() << " (a multiple of 16)";
  return checkForm(*this, getForm(), getHeadDim());
}

LogicalResult AttentionOp::verify() {
  if (getKvHeads() < 1 || getHeads() % getKvHeads())
    return emitOpError("heads (")
           << getHeads() << ") must be a multiple of kv_heads (" << getKvHeads()
           << ")";
  if (getHeadDim() < 16 || getHeadDim() % 16)
    return emitOpError("head_dim must be a multiple of 16, is ")
           << getHeadDim();
  if (lastDim(getType()) != static_cast<int64_t>(getHeads() * getHeadDim()))
    return emitOpError("row must be heads * head_dim = ")
           << getHeads() * getHeadDim() << ", is " << lastDim(getType());
  if (getScoreScale() && getForm() != KVForm::B1)
    return emitOpError("score_scale is for form b1, the form is ")
           << stringifyEnum(getForm());
  return checkForm(*this, getForm(), getHeadDim());
}

LogicalResult AttentionOp::verifySymbolUses(SymbolTableCollection &) {
  return getScoreScale()
             ? checkVector(*this, *getScoreScale(), getHeads(), "score_scale")
             : success();
}

//===----------------------------------------------------------------------===//
// Decomposed and fused level
//===----------------------------------------------------------------------===//

/// codes ?xPxK, scale ? and sum ?xP must fit rows ?xK; or scale ?xG and sum
/// ?x(PG).
static LogicalResult checkPlanes(Operation *op, Type input, Type codes,
                                 Type scale, Type sum) {
  int64_t groups = groupsOf(scale);
  ArrayRef<int64_t> shape = cast<RankedTensorType>(codes).getShape();
  if (shape[2] != lastDim(input))
    return op->emitOpError("codes must have ")
           << lastDim(input) << " columns, have " << shape[2];
  if (shape[1] != 1 && shape[1] != 2)
    return op->emitOpError("codes must have 1 or 2 planes, have ") << shape[1];
  if (lastDim(sum) != shape[1] * groups)
    return op->emitOpError("sum must have one entry for each of ")
           << shape[1] << " planes" << (groups > 1 ? " and each group" : "")
           << ", has " << lastDim(sum);
  if (groups > 1 && (shape[2] % groups || shape[2] / groups % 16))
    return op->emitOpError() << shape[2] << " columns are not " << groups
                             << " groups of a multiple of 16";
  return success();
}

/// The first BitNet's ranges are of one plane.
template <typename OpTy> static LogicalResult checkRange(OpTy op) {
  if (op.getRange() == CodeRange::Signed127)
    return success();
  if (cast<RankedTensorType>(op.getCodes().getType()).getShape()[1] != 1)
    return op.emitOpError()
           << "range " << stringifyEnum(op.getRange()) << " is for 1 plane";
  if (groupsOf(op.getScale().getType()) > 1)
    return op.emitOpError()
           << "range " << stringifyEnum(op.getRange()) << " is for whole rows";
  // The minimum would be subtracted from what pads a row to whole vectors too.
  int64_t size = lastDim(op.getInput().getType());
  if (op.getRange() == CodeRange::Shifted128 && size % 16)
    return op.emitOpError("shifted rows must be a multiple of 16, are ")
           << size;
  return success();
}

static LogicalResult checkBitPlanes(Operation *op, BitQuant quant, Type bits) {
  if (planesOf(bits) == planesOf(quant))
    return success();
  return op->emitOpError() << stringifyEnum(quant) << " has " << planesOf(quant)
                           << " planes of bits, not " << planesOf(bits);
}

/// Planes of codes are no comparisons of floats.
template <typename OpTy> static LogicalResult checkCompares(OpTy op) {
  if (op.getBitQuant() != BitQuant::Int8)
    return success();
  return op.emitOpError("compares; int8 planes come from pack_codes");
}

/// One for the whole row.
static LogicalResult checkRowScale(Operation *op, Value scale) {
  if (!scale || groupsOf(scale.getType()) == 1)
    return success();
  return op->emitOpError("bits have one scale a token, not ")
         << groupsOf(scale.getType());
}

/// ?xPxceil(K/64) words for K bits, and ?xP sums if any.
static LogicalResult checkPacked(Operation *op, Type input, Type packed,
                                 Value sum) {
  int64_t words = (lastDim(input) + 63) / 64;
  if (lastDim(packed) != words)
    return op->emitOpError("packs ") << lastDim(input) << " bits into " << words
                                     << " words, has " << lastDim(packed);
  if (!sum)
    return success();
  int64_t sums = lastDim(sum.getType()), groups = sums / planesOf(packed);
  bool whole = groups == 1 || (groups > 1 && lastDim(input) % groups == 0 &&
                               lastDim(input) / groups % 64 == 0);
  if (sums % planesOf(packed) || !whole)
    return op->emitOpError("sum must have one entry for each of ")
           << planesOf(packed)
           << " planes, or of each group of 64 n columns, has " << sums;
  return success();
}

LogicalResult QuantizeOp::verify() {
  if (failed(checkPlanes(*this, getInput().getType(), getCodes().getType(),
                         getScale().getType(), getSum().getType())))
    return failure();
  return checkRange(*this);
}

LogicalResult BinarizeOp::verify() {
  if (failed(checkCompares(*this)))
    return failure();
  if (lastDim(getInput().getType()) != lastDim(getResult().getType()))
    return emitOpError("input and result must have equal rows");
  if (failed(checkRowScale(*this, getScale())))
    return failure();
  return checkBitPlanes(*this, getBitQuant(), getResult().getType());
}

LogicalResult PackOp::verify() {
  Type bits = getInput().getType(), words = getResult().getType();
  if (planesOf(bits) != planesOf(words))
    return emitOpError("input has ")
           << planesOf(bits) << " planes, result " << planesOf(words);
  return checkPacked(*this, bits, words, getSum());
}

LogicalResult PackCodesOp::verify() {
  ArrayRef<int64_t> codes = getInput().getType().getShape();
  if (codes[1] != 1)
    return emitOpError("packs 1 plane of codes, not ") << codes[1];
  if (lastDim(getType()) != (codes[2] + 63) / 64)
    return emitOpError("result must have ")
           << (codes[2] + 63) / 64 << " words, has " << lastDim(getType());
  return checkBitPlanes(*this, BitQuant::Int8, getType());
}

LogicalResult PackBitsOp::verify() {
  if (failed(checkCompares(*this)))
    return failure();
  if (failed(checkBitPlanes(*this, getBitQuant(), getResult().getType())) ||
      failed(checkRowScale(*this, getScale())))
    return failure();
  return checkPacked(*this, getInput().getType(), getResult().getType(),
                     getSum());
}

/// A token with a scale for each group must have the groups of the weight.
static LogicalResult checkTokenGroups(Operation *op, Type scale,
                                      WeightOp weight) {
  int64_t groups = groupsOf(scale);
  if (groups == 1 || groups == weight.getGroups())
    return success();
  return op->emitOpError() << "input has scales for " << groups
                           << " groups, weight '" << weight.getSymName()
                           << "' for " << weight.getGroups();
}

/// Common to dot and matmul: the input's columns fit weight `ref` with n rows.
static LogicalResult checkDot(Operation *op, Type input, BitQuant quant,
                              SymbolRefAttr ref, int64_t n) {
  WeightOp weight = lookupWeight(op, ref);
  if (!weight)
    return op->emitOpError() << "weight " << ref << " does not exist";
  bool bits = isPacked(input);
  if (bits && failed(checkBitPlanes(op, quant, input)))
    return failure();
  if (quant == BitQuant::Int8 && weight.getQuant() != WeightQuant::Binary)
    return op->emitOpError() << "as int8 is for binary weights, " << ref
                             << " is " << stringifyEnum(weight.getQuant());
  if (!bits && quant != BitQuant::Sign)
    return op->emitOpError()
           << "as " << stringifyEnum(quant) << " is for packed bits";
  if (bits && weight.isMatrix() &&
      lastDim(input) != (weight.getCols() + 63) / 64)
    return op->emitOpError()
           << "input has " << lastDim(input) << " words, weight " << ref
           << " needs " << (weight.getCols() + 63) / 64;
  int64_t k = bits ? weight.getCols() : lastDim(input);
  if (failed(checkMatrix(op, ref, n, k)))
    return failure();
  return checkKinds(op, ref, bits);
}

LogicalResult DotOp::verifySymbolUses(SymbolTableCollection &) {
  ArrayRef<int64_t> in =
      cast<RankedTensorType>(getInput().getType()).getShape();
  int64_t planes = isPacked(getInput().getType()) ? 1 : in[1];
  if (failed(checkDot(*this, getInput().getType(), getBitQuant(), getWeight(),
                      lastDim(getType()))))
    return failure();
  int64_t groups = lookupWeight(*this, getWeight()).getGroups();
  if (getType().getShape()[1] != planes * groups)
    return emitOpError("result must have ")
           << planes * groups
           << (groups > 1 ? " groups, has " : " planes, has ")
           << getType().getShape()[1];
  return success();
}

LogicalResult DequantizeOp::verifySymbolUses(SymbolTableCollection &) {
  WeightOp weight = lookupWeight(*this, getWeight());
  if (!weight)
    return emitOpError() << "weight " << getWeight() << " does not exist";
  if (lastDim(getInput().getType()) != weight.getRows() ||
      lastDim(getType()) != weight.getRows())
    return emitOpError() << "rows must have " << weight.getRows()
                         << " columns like weight " << getWeight();
  return getScale() ? checkTokenGroups(*this, getScale().getType(), weight)
                    : success();
}

LogicalResult NormQuantizeOp::verifySymbolUses(SymbolTableCollection &) {
  if (failed(checkPlanes(*this, getInput().getType(), getCodes().getType(),
                         getScale().getType(), getSum().getType())) ||
      failed(checkRange(*this)))
    return failure();
  return checkNorm(*this, lastDim(getInput().getType()));
}

LogicalResult NormPackBitsOp::verifySymbolUses(SymbolTableCollection &) {
  Type words = getResult().getType();
  if (failed(checkCompares(*this)))
    return failure();
  if (failed(checkBitPlanes(*this, getBitQuant(), words)) ||
      failed(checkRowScale(*this, getScale())) ||
      failed(checkPacked(*this, getInput().getType(), words, getSum())) ||
      failed(checkUnscaled(*this)))
    return failure();
  return checkNorm(*this, lastDim(getInput().getType()));
}

/// A sketch stands for one matrix of int8 rows on two planes, and is all the
/// epilogue there is.
static LogicalResult checkSketch(MatmulOp op) {
  WeightOp sketch = lookupWeight(op, *op.getSketch());
  if (!sketch || sketch.getQuant() != WeightQuant::Sketch)
    return op.emitOpError()
           << "sketch " << *op.getSketch() << " is not a sketch";
  if (op.getWeights().size() != 1 || op.getResidual() || op.getPacks())
    return op.emitOpError(
        "a sketch goes with one weight and neither residual nor packs");
  WeightOp weight = lookupWeight(op, cast<SymbolRefAttr>(op.getWeights()[0]));
  if (weight.getQuant() != WeightQuant::Int8 ||
      weight.getShape() != sketch.getShape() ||
      cast<RankedTensorType>(op.getInput().getType()).getShape()[1] != 2)
    return op.emitOpError()
           << "sketch " << *op.getSketch() << " of shape [" << sketch.getShape()
           << "] needs an int8 weight of this shape and "
           << "two planes of input";
  return success();
}

/// Rows for every product, or of one product its bits, last.
static LogicalResult checkResults(MatmulOp op) {
  size_t products = op.getNumProducts(), most = products;
  if (op.getPacks()) {
    if (products != 1)
      return op.emitOpError("packs one product, has ") << products;
    most = 2;
  }
  if (op.getNumResults() > most ||
      (op.getPacks() ? op.getNumResults() == 0
                     : op.getNumResults() != products))
    return op.emitOpError("must have ")
           << most << " results, has " << op.getNumResults();
  for (Value result : op.getResults())
    if (isPacked(result.getType()) != (result == op.getBits()))
      return op.emitOpError("has ")
             << result.getType() << " where "
             << (result == op.getBits() ? "bits" : "rows") << " belong";
  if (!op.getPacks())
    return success();
  if (*op.getPacks() == BitQuant::Int8)
    return op.emitOpError("packs comparisons, not int8");
  return checkBitPlanes(op, *op.getPacks(), op.getBits().getType());
}

LogicalResult MatmulOp::verifySymbolUses(SymbolTableCollection &) {
  bool bits = isPacked(getInput().getType());
  if (!bits && (!getScale() || !getSum()))
    return emitOpError("codes need a scale and a sum");
  if (bits && failed(checkRowScale(*this, getScale())))
    return failure();
  size_t weights = getWeights().size();
  if (weights == 0)
    return emitOpError("needs at least one weight");
  if (getGlu() && (weights != 2 || getResidual()))
    return emitOpError("glu takes two weights and no residual");
  if (getResidual() && weights != 1)
    return emitOpError("a residual goes with one weight, has ") << weights;
  if (failed(checkResults(*this)))
    return failure();
  for (auto [i, ref] : llvm::enumerate(getWeights())) {
    WeightOp weight = lookupWeight(*this, cast<SymbolRefAttr>(ref));
    Value product = getRows(getGlu() ? 0 : i);
    int64_t n = product  ? lastDim(product.getType())
                : weight ? int64_t(weight.getRows())
                         : 0;
    if (failed(checkDot(*this, getInput().getType(), getBitQuant(),
                        cast<SymbolRefAttr>(ref), n)))
      return failure();
    if (getBits() && lastDim(getBits().getType()) != (n + 63) / 64)
      return emitOpError("bits must have ") << (n + 63) / 64 << " words, have "
                                            << lastDim(getBits().getType());
    if (bits && needsOnes(weight.getQuant(), getBitQuant()) !=
                    static_cast<bool>(getSum()))
      return emitOpError() << stringifyEnum(getBitQuant()) << " bits and "
                           << stringifyEnum(weight.getQuant()) << " weights "
                           << (getSum() ? "take no sum" : "need a sum");
    int64_t sums = sumsOf(getBitQuant()) * weight.getGroups();
    if (bits && getSum() && lastDim(getSum().getType()) != sums)
      return emitOpError("sum must have ")
             << sums << " entries for weight " << ref << ", has "
             << lastDim(getSum().getType());
    if (getScale() &&
        failed(checkTokenGroups(*this, getScale().getType(), weight)))
      return failure();
  }
  if (getResidual() && getRows() &&
      getResidual().getType() != getRows().getType())
    return emitOpError("residual must be ")
           << getRows().getType() << ", is " << getResidual().getType();
  return getSketch() ? checkSketch(*this) : success();
}
