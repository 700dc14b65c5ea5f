//===- Emitter.cpp - Building vector code for one thread ------------------===//

#include "passes/lower/Emitter.h"
#include "passes/Planning.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::bitnet;

SmallVector<Type> mlir::bitnet::envTypes(MLIRContext *context) {
  Builder b(context);
  auto memory = [&](unsigned width) -> Type {
    return MemRefType::get({ShapedType::kDynamic}, b.getIntegerType(width));
  };
  SmallVector<Type> types(static_cast<unsigned>(Env::Count), b.getIndexType());
  auto at = [&](Env which) -> Type & {
    return types[static_cast<unsigned>(which)];
  };
  for (Env which : {Env::Weights, Env::Workspace, Env::KVPages, Env::Logits})
    at(which) = memory(8);
  for (Env which : {Env::PageTable, Env::Token, Env::Position, Env::Sequence,
                    Env::LogitsToken})
    at(which) = memory(32);
  at(Env::Team) = LLVM::LLVMPointerType::get(context);
  return types;
}

//===----------------------------------------------------------------------===//
// Constants and index arithmetic
//===----------------------------------------------------------------------===//

Value Emitter::index(int64_t value) {
  return arith::ConstantIndexOp::create(b, loc, value);
}
Value Emitter::i32(int32_t value) {
  return arith::ConstantIntOp::create(b, loc, value, 32);
}
Value Emitter::f32(float value) {
  return arith::ConstantOp::create(b, loc, b.getF32FloatAttr(value));
}
Value Emitter::splat(float value) {
  return arith::ConstantOp::create(b, loc,
                                   DenseElementsAttr::get(f32x16(), value));
}
Value Emitter::splatI32(int32_t value) {
  return arith::ConstantOp::create(b, loc,
                                   DenseElementsAttr::get(i32x16(), value));
}

Value Emitter::splatI8(int value) {
  auto type = VectorType::get(64, b.getI8Type());
  return arith::ConstantOp::create(
      b, loc, DenseElementsAttr::get(type, static_cast<int8_t>(value)));
}
Value Emitter::constantLike(Value like, float value) {
  if (auto type = dyn_cast<VectorType>(like.getType()))
    return arith::ConstantOp::create(b, loc,
                                     DenseElementsAttr::get(type, value));
  return f32(value);
}
Value Emitter::add(Value x, Value y) {
  return arith::AddIOp::create(b, loc, x, y);
}
Value Emitter::sub(Value x, Value y) {
  return arith::SubIOp::create(b, loc, x, y);
}
Value Emitter::mul(Value x, Value y) {
  return arith::MulIOp::create(b, loc, x, y);
}
Value Emitter::divI(Value x, int64_t y) {
  return arith::DivUIOp::create(b, loc, x, index(y));
}
Value Emitter::remI(Value x, int64_t y) {
  return arith::RemUIOp::create(b, loc, x, index(y));
}
Value Emitter::div(Value x, Value y) {
  return arith::DivUIOp::create(b, loc, x, y);
}
Value Emitter::rem(Value x, Value y) {
  return arith::RemUIOp::create(b, loc, x, y);
}
Value Emitter::min(Value x, Value y) {
  return arith::MinUIOp::create(b, loc, x, y);
}
Value Emitter::max(Value x, Value y) {
  return arith::MaxUIOp::create(b, loc, x, y);
}
Value Emitter::toIndex(Value value) {
  return arith::IndexCastOp::create(b, loc, b.getIndexType(), value);
}

//===----------------------------------------------------------------------===//
// Control flow
//===----------------------------------------------------------------------===//

SmallVector<Value>
Emitter::loop(Value lo, Value hi, int64_t step, ValueRange init,
              function_ref<SmallVector<Value>(Value, ValueRange)> body) {
  auto forOp = scf::ForOp::create(
      b, loc, lo, hi, index(step), init,
      [&](OpBuilder &, Location, Value iv, ValueRange carried) {
        // The callback's builder is ours: `b` already stands in the body.
        scf::YieldOp::create(b, loc, body(iv, carried));
      });
  return SmallVector<Value>(forOp.getResults());
}

void Emitter::loop(Value lo, Value hi, int64_t step,
                   function_ref<void(Value)> body) {
  loop(lo, hi, step, {}, [&](Value iv, ValueRange) {
    body(iv);
    return SmallVector<Value>();
  });
}

Value Emitter::lessThan(Value x, Value y) {
  return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult, x, y);
}

void Emitter::onlyIf(Value condition, function_ref<void()> body) {
  scf::IfOp::create(b, loc, condition, [&](OpBuilder &, Location) {
    // The callback's builder is ours: `b` already stands in the body.
    body();
    scf::YieldOp::create(b, loc);
  });
}

void Emitter::eachCase(Value value, int64_t cases,
                       function_ref<void(int64_t)> body) {
  SmallVector<int64_t> numbers = llvm::to_vector(llvm::seq<int64_t>(1, cases));
  auto op = scf::IndexSwitchOp::create(b, loc, TypeRange{}, value, numbers,
                                       numbers.size());
  auto fill = [&](Region &region, int64_t number) {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(&region.emplaceBlock());
    body(number);
    scf::YieldOp::create(b, loc);
  };
  fill(op.getDefaultRegion(), 0);
  for (int64_t number : numbers)
    fill(op.getCaseRegions()[number - 1], number);
}

void Emitter::ifElse(Value condition, function_ref<void()> then,
                     function_ref<void()> otherwise) {
  auto branch = [&](function_ref<void()> body) {
    return [&, body](OpBuilder &, Location) {
      body();
      scf::YieldOp::create(b, loc);
    };
  };
  scf::IfOp::create(b, loc, condition, branch(then), branch(otherwise));
}

/// before: phase(items, grain, body)
/// after:  %first = call @bitnet_next(team, thread, threads, items, grain,
///                                    items << 32)
///         scf.while (%range = %first) {
///           scf.condition(%range != 0)
///         } do {
///           body(%range & 0xffffffff, %range >> 32)
///           yield call @bitnet_next(team, thread, threads, items, grain, 0)
///         }
void Emitter::phase(Value items, Value grain,
                    function_ref<void(Value lo, Value hi)> body) {
  auto next = [&](Value alone) -> Value {
    Value arguments[] = {
        get(Env::Team), get(Env::Thread), get(Env::Threads), items, grain,
        alone};
    return func::CallOp::create(b, loc, kNextFunction, b.getIndexType(),
                                arguments)
        .getResult(0);
  };
  Value shift = index(32);
  Value first = next(arith::ShLIOp::create(b, loc, items, shift));
  // Filled where it stands: bodies look symbols up in the operations around.
  Type type = b.getIndexType();
  auto whileOp = scf::WhileOp::create(b, loc, type, first);
  OpBuilder::InsertionGuard guard(b);
  Block *before = b.createBlock(&whileOp.getBefore(), {}, type, loc);
  Value range = before->getArgument(0);
  Value some =
      arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ne, range, index(0));
  scf::ConditionOp::create(b, loc, some, range);
  Block *after = b.createBlock(&whileOp.getAfter(), {}, type, loc);
  range = after->getArgument(0);
  Value low =
      arith::AndIOp::create(b, loc, range, index((int64_t(1) << 32) - 1));
  body(low, arith::ShRUIOp::create(b, loc, range, shift));
  scf::YieldOp::create(b, loc, next(index(0)));
}

/// Weights of a piece of work: some microseconds of reading, so that a thread
/// which has lost its core with one in hand can be helped out soon, and a
/// hundred times what claiming it costs.
static constexpr int64_t kPieceBytes = 128 << 10;

void Emitter::weightPhase(int64_t blocks, int64_t bytes, Value rows,
                          function_ref<void(Value lo, Value hi)> body) {
  Value one = index(1);
  // Without rows (no logits wanted) there is no work.
  Value items = mulI(min(rows, one), blocks);
  Value grain = div(index(kPieceBytes * blocks / bytes), max(rows, one));
  phase(items, max(grain, one), body);
}

void Emitter::parallel(Value items, function_ref<void(Value)> body) {
  if (range.first)
    return loop(range.first, range.second, 1, body);
  phase(items, index(0), [&](Value lo, Value hi) { loop(lo, hi, 1, body); });
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

Value Emitter::window(Value bytes, Value offset, ArrayRef<int64_t> shape,
                      Type element, Value dynamic) {
  SmallVector<Value> sizes;
  if (dynamic)
    sizes.push_back(dynamic);
  return memref::ViewOp::create(b, loc, MemRefType::get(shape, element), bytes,
                                offset, sizes);
}

Value Emitter::stack(ArrayRef<int64_t> shape, Type element) {
  // At the start of the function: inside a loop the stack would grow.
  OpBuilder::InsertionGuard guard(b);
  Block *block = b.getInsertionBlock();
  while (!isa<func::FuncOp>(block->getParentOp()))
    block = block->getParentOp()->getBlock();
  b.setInsertionPointToStart(block);
  return memref::AllocaOp::create(
      b, loc, MemRefType::get(shape, element ? element : b.getF32Type()),
      b.getI64IntegerAttr(64));
}

Value Emitter::slotOffset(Value tensor) {
  return mul(get(Env::MaxTokens), index(slotOf(tensor)));
}

Value Emitter::buffer(Value tensor) {
  auto type = cast<RankedTensorType>(tensor.getType());
  SmallVector<int64_t> shape(type.getShape());
  if (type.getRank() > 1)
    shape.back() = paddedColumns(type);
  if (slotOf(tensor) == kLogitsSlot)
    return window(get(Env::Logits), index(0), shape, type.getElementType(),
                  get(Env::LogitRows));
  return window(get(Env::Workspace), slotOffset(tensor), shape,
                type.getElementType(), get(Env::MaxTokens));
}

Value Emitter::scratch(Operation *op, ArrayRef<int64_t> shape, Type element,
                       int64_t before) {
  int64_t slot = op->getAttrOfType<IntegerAttr>(kScratchAttr).getInt() + before;
  return window(get(Env::Workspace), mul(get(Env::MaxTokens), index(slot)),
                shape, element, get(Env::MaxTokens));
}

Value Emitter::codesAsWords(Value tensor, int64_t bytes) {
  return seenAs(tensor, b.getIntegerType(8 * bytes));
}

Value Emitter::bitsAsHalves(Value tensor) {
  return seenAs(tensor, b.getI16Type());
}

Value Emitter::seenAs(Value tensor, Type element) {
  auto type = cast<RankedTensorType>(tensor.getType());
  int64_t bits = paddedColumns(type) * type.getElementTypeBitWidth();
  return window(get(Env::Workspace), slotOffset(tensor),
                {ShapedType::kDynamic, type.getDimSize(1),
                 bits / element.getIntOrFloatBitWidth()},
                element, get(Env::MaxTokens));
}

WeightOp Emitter::weight(SymbolRefAttr ref) {
  return lookupWeight(b.getInsertionBlock()->getParentOp(), ref);
}

Value Emitter::weightOffset(SymbolRefAttr ref, bool scales) {
  WeightOp op = weight(ref);
  auto record = cast<RecordOp>(op->getParentOp());
  int64_t inRecord = scales ? *op.getScaleOffset() : *op.getOffset();
  Value base = index(*record.getOffset() + inRecord);
  if (record.getCount() == 1)
    return base;
  return add(base, mulI(get(Env::Layer), *record.getStride()));
}

Value Emitter::weightWindow(SymbolRefAttr ref, ArrayRef<int64_t> shape,
                            Type element) {
  return window(get(Env::Weights), weightOffset(ref), shape, element);
}

Value Emitter::scaleWindow(SymbolRefAttr ref) {
  WeightOp op = weight(ref);
  Value offset = weightOffset(ref, /*scales=*/true);
  int64_t rows = llvm::alignTo(op.getRows(), kRowPad);
  if (op.getGroup())
    return window(get(Env::Weights), offset,
                  {rows / kRowPad, op.getGroups(), kRowPad},
                  op.getHalfScales() ? Type(b.getI16Type()) : b.getF32Type());
  return window(get(Env::Weights), offset, {op.getScaleRows() == 1 ? 1 : rows},
                b.getF32Type());
}

Value Emitter::rowsOf(Value tensor) {
  return get(hasLogitRows(tensor) ? Env::LogitRows : Env::Tokens);
}

Value Emitter::load(VectorType type, Value memref, ValueRange at) {
  return vector::LoadOp::create(b, loc, type, memref, at);
}
Value Emitter::load(Value memref, ValueRange at) {
  return memref::LoadOp::create(b, loc, memref, at);
}
void Emitter::store(Value value, Value memref, ValueRange at) {
  if (isa<VectorType>(value.getType()))
    vector::StoreOp::create(b, loc, value, memref, at);
  else
    memref::StoreOp::create(b, loc, value, memref, at);
}
void Emitter::prefetch(Value memref, ValueRange at, unsigned locality) {
  memref::PrefetchOp::create(b, loc, memref, at, /*isWrite=*/false,
                             /*localityHint=*/locality, /*isDataCache=*/true);
}
Value Emitter::broadcast(Value scalar, VectorType type) {
  return vector::BroadcastOp::create(b, loc, type, scalar);
}

//===----------------------------------------------------------------------===//
// Floats
//===----------------------------------------------------------------------===//

Value Emitter::fadd(Value x, Value y) {
  return arith::AddFOp::create(b, loc, x, y);
}
Value Emitter::fsub(Value x, Value y) {
  return arith::SubFOp::create(b, loc, x, y);
}
Value Emitter::fmul(Value x, Value y) {
  return arith::MulFOp::create(b, loc, x, y);
}
Value Emitter::fdiv(Value x, Value y) {
  return arith::DivFOp::create(b, loc, x, y);
}
// Compare and select is what maxps and minps do; maximumf would add code for
// NaN and signed zero.
Value Emitter::fmax(Value x, Value y) {
  Value greater =
      arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OGT, x, y);
  return arith::SelectOp::create(b, loc, greater, x, y);
}
Value Emitter::fmin(Value x, Value y) {
  Value less = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OLT, x, y);
  return arith::SelectOp::create(b, loc, less, x, y);
}

Value Emitter::tree(Value vector, function_ref<Value(Value, Value)> combine) {
  int64_t lanes = cast<VectorType>(vector.getType()).getDimSize(0);
  while (lanes > 1) {
    lanes /= 2;
    auto half = [&](int64_t from) -> Value {
      return vector::ExtractStridedSliceOp::create(
          b, loc, vector, ArrayRef<int64_t>{from}, ArrayRef<int64_t>{lanes},
          ArrayRef<int64_t>{1});
    };
    vector = combine(half(0), half(lanes));
  }
  return vector::ExtractOp::create(b, loc, vector, ArrayRef<int64_t>{0});
}
Value Emitter::sum16(Value vector) {
  return tree(vector, [&](Value x, Value y) { return fadd(x, y); });
}
Value Emitter::max16(Value vector) {
  return tree(vector, [&](Value x, Value y) { return fmax(x, y); });
}
Value Emitter::sumI32(Value vector) {
  return tree(vector, [&](Value x, Value y) { return add(x, y); });
}

int64_t Emitter::cpuNumber(OpBuilder &builder, StringRef attribute) {
  auto module =
      builder.getInsertionBlock()->getParentOp()->getParentOfType<ModuleOp>();
  auto number = module->getAttrOfType<IntegerAttr>(attribute);
  return number ? number.getInt() : 0;
}

Value Emitter::absMax(Value lo, Value hi, function_ref<Value(Value)> read) {
  Value most = loop(lo, hi, 16, splat(0.0f),
                    [&](Value i, ValueRange carried) -> SmallVector<Value> {
                      Value x = math::AbsFOp::create(b, loc, read(i));
                      return {fmax(x, carried[0])};
                    })[0];
  return max16(most);
}

SmallVector<Value, 2> Emitter::planeBits(Value x, BitQuant quant) {
  auto where = [&](arith::CmpFPredicate predicate, float bound) {
    return bitsOf(arith::CmpFOp::create(b, loc, predicate, x, splat(bound)));
  };
  if (quant == BitQuant::Sign)
    return {where(arith::CmpFPredicate::OGE, 0.0f)};
  SmallVector<Value, 2> planes{where(arith::CmpFPredicate::OGT, 0.5f)};
  if (quant == BitQuant::Ternary)
    planes.push_back(where(arith::CmpFPredicate::OLT, -0.5f));
  return planes;
}

Value Emitter::bitsOf(Value mask) {
  auto word = VectorType::get(1, b.getI16Type());
  mask = vector::BitCastOp::create(b, loc, word, mask);
  return vector::ExtractOp::create(b, loc, mask, ArrayRef<int64_t>{0});
}

SmallVector<Emitter::Plane, 2> Emitter::planesOf(Value codes, int64_t planes) {
  auto bytes = VectorType::get(16, b.getI8Type());
  auto narrow = [&](Value x) -> Value {
    return arith::TruncIOp::create(b, loc, bytes, x);
  };
  Value last = narrow(codes);
  if (planes == 1)
    return {{codes, last}};
  // Subtracting a signed lo leaves a multiple of 256.
  Value lo = arith::ExtSIOp::create(b, loc, i32x16(), last);
  Value hi = arith::ShRSIOp::create(b, loc, sub(codes, lo), splatI32(8));
  return {{hi, narrow(hi)}, {lo, last}};
}

/// The integer type of the shape of `like`.
static Type integerLike(OpBuilder &b, Value like) {
  if (auto type = dyn_cast<VectorType>(like.getType()))
    return VectorType::get(type.getShape(), b.getI32Type());
  return b.getI32Type();
}
static Value integerConstantLike(OpBuilder &b, Location loc, Value like,
                                 int32_t value) {
  if (auto type = dyn_cast<VectorType>(like.getType()))
    return arith::ConstantOp::create(b, loc,
                                     DenseElementsAttr::get(type, value));
  return arith::ConstantIntOp::create(b, loc, value, 32);
}

Value Emitter::roundToEvenInt(Value x) {
  Value shifted = fadd(x, constantLike(x, kRoundMagic));
  Value bits = arith::BitcastOp::create(b, loc, integerLike(b, x), shifted);
  return sub(bits, integerConstantLike(b, loc, bits, kRoundMagicBits));
}

Value Emitter::exp(Value x) {
  auto c = [&](float value) { return constantLike(x, value); };
  x = fmin(fmax(x, c(kExpMin)), c(kExpMax));
  Value shifted = fadd(fmul(x, c(kExpLog2E)), c(kRoundMagic));
  Value n = fsub(shifted, c(kRoundMagic));
  Value r = fsub(x, fmul(n, c(kExpLn2Hi)));
  r = fsub(r, fmul(n, c(kExpLn2Lo)));
  Value p = c(kExpPoly[0]);
  for (float coefficient : ArrayRef(kExpPoly).drop_front())
    p = fadd(fmul(p, r), c(coefficient));
  Value bits = arith::BitcastOp::create(b, loc, integerLike(b, x), shifted);
  bits =
      sub(bits, integerConstantLike(
                    b, loc, bits, static_cast<int32_t>(kRoundMagicBits - 127)));
  bits = arith::ShLIOp::create(b, loc, bits,
                               integerConstantLike(b, loc, bits, 23));
  return fmul(p, arith::BitcastOp::create(b, loc, x.getType(), bits));
}

Value Emitter::activation(ActivationKind kind, Value x) {
  switch (kind) {
  case ActivationKind::SiLU: {
    Value negative = arith::NegFOp::create(b, loc, x);
    return fdiv(x, fadd(constantLike(x, 1.0f), exp(negative)));
  }
  case ActivationKind::ReLU2: {
    Value positive = fmax(x, constantLike(x, 0.0f));
    return fmul(positive, positive);
  }
  }
  llvm_unreachable("activation kind");
}
