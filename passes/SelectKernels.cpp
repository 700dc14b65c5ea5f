//===- SelectKernels.cpp - Kernels and layouts from the CPU's tables ------===//
//
// Asks the kernel table how each matmul multiplies on this CPU, gives every
// weight the layout that its kernel reads, and then a place in its record. A
// weight with several readers (a tied embedding) must get one layout from all.
//
//===----------------------------------------------------------------------===//

#include "passes/Passes.h"
#include "passes/Planning.h"

#include "mlir/IR/Builders.h"
#include "targets/Kernels.h"
#include "targets/MicroOps.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MathExtras.h"

namespace mlir::bitnet {
#define GEN_PASS_DEF_SELECTKERNELS
#include "passes/Passes.h.inc"
} // namespace mlir::bitnet

using namespace mlir;
using namespace mlir::bitnet;

/// Every weight starts on a cache line; every record on a page, so that the
/// layers of a model can be advised separately.
static constexpr int64_t kWeightAlign = 64;
static constexpr int64_t kRecordAlign = 4096;

static InputQuant inputKind(MatmulOp op) {
  auto type = cast<RankedTensorType>(op.getInput().getType());
  if (isPacked(type)) {
    constexpr InputQuant kBits[] = {InputQuant::Sign, InputQuant::Bit,
                                    InputQuant::Ternary, InputQuant::Int8};
    return kBits[static_cast<size_t>(op.getBitQuant())];
  }
  return type.getDimSize(1) == 2 ? InputQuant::Int16 : InputQuant::Int8;
}

static LogicalResult setLayout(Operation *user, WeightOp weight,
                               Layout layout) {
  if (weight.getLayout() && *weight.getLayout() != layout)
    return user->emitOpError()
           << "wants weight '" << weight.getSymName() << "' in layout "
           << stringifyEnum(layout) << ", another reader wants "
           << stringifyEnum(*weight.getLayout());
  weight.setLayout(layout);
  return success();
}

/// Takes the kernel for `op` and hands its layout to the weights.
///
/// before: %y = bitnet.matmul %q …, [@w]
/// after:  %y = bitnet.matmul %q …, [@w] kernel "trit2_vnni"
///
/// Several CPUs that share the weights agree on a layout first.
static LogicalResult selectFor(MatmulOp op, const Cpu &cpu,
                               ArrayRef<const Cpu *> sharers,
                               std::optional<Layout> preferred) {
  for (Attribute ref : op.getWeights()) {
    WeightOp weight = lookupWeight(op, cast<SymbolRefAttr>(ref));
    const bool groups = weight.getGroup() != 0;
    std::optional<Layout> wanted = preferred;
    if (!sharers.empty()) {
      wanted = sharedLayout(allKernels(), sharers, weight.getQuant(),
                            inputKind(op), groups, preferred);
      if (!wanted) {
        InFlightDiagnostic error =
            op.emitOpError()
            << "no layout of " << stringifyEnum(weight.getQuant())
            << " weights has a kernel for " << stringifyEnum(inputKind(op))
            << " inputs on all of";
        for (const Cpu *sharer : sharers)
          error << ' ' << sharer->name;
        return error << "; compile a program for each";
      }
    }
    const Kernel *kernel =
        selectKernel(cpu, weight.getQuant(), inputKind(op), groups, wanted);
    if (!kernel)
      return op.emitOpError()
             << "no kernel multiplies " << stringifyEnum(weight.getQuant())
             << " weights with " << stringifyEnum(inputKind(op))
             << " inputs on " << cpu.name;
    if (op.getKernel() && *op.getKernel() != kernel->name)
      return op.emitOpError() << "weights of one matmul need one kernel, got "
                              << *op.getKernel() << " and " << kernel->name;
    op.setKernel(kernel->name);
    if (failed(setLayout(op, weight, kernel->layout)))
      return failure();
  }
  return success();
}

/// A kernel that counts bits reads codes as planes of them.
///
/// before: %y = bitnet.matmul %q scale %s sum %n, [@w] kernel "bit1_i8_generic"
/// after:  %p = bitnet.pack_codes %q
///         %y = bitnet.matmul %p scale %s sum %n, [@w] as int8 kernel …
static void packCodesOf(MatmulOp op) {
  auto codes = cast<RankedTensorType>(op.getInput().getType());
  if (isPacked(codes) ||
      !getLayoutInfo(lookupKernel(*op.getKernel())->layout).countsBits())
    return;
  OpBuilder b(op);
  auto planes = RankedTensorType::get(
      {codes.getDimSize(0), planesOf(BitQuant::Int8),
       int64_t(llvm::divideCeil(codes.getDimSize(2), 64))},
      b.getI64Type());
  op.getInputMutable().assign(
      PackCodesOp::create(b, op.getLoc(), planes, op.getInput()));
  op.setBitQuant(BitQuant::Int8);
}

static Layout defaultLayout(WeightQuant quant) {
  switch (quant) {
  case WeightQuant::Float:
    return Layout::F32;
  case WeightQuant::Int8:
    return Layout::U8Row;
  case WeightQuant::Ternary:
    return Layout::Trit2R64;
  case WeightQuant::Binary:
    return Layout::Bit1R64;
  case WeightQuant::Sketch:
    return Layout::U2R64;
  }
  llvm_unreachable("kind of weight");
}

/// Lays the weights of a record out one after the other: codes, then scales.
static void placeWeights(RecordOp record, int64_t &end) {
  int64_t size = 0;
  for (WeightOp weight : record.getBody().getOps<WeightOp>()) {
    if (!weight.getLayout()) // No kernel reads it: vectors, tables, embeddings.
      weight.setLayout(defaultLayout(weight.getQuant()));
    const LayoutInfo &info = getLayoutInfo(*weight.getLayout());
    int64_t n = weight.isMatrix() ? weight.getRows() : 1;
    int64_t k = weight.isMatrix() ? weight.getCols() : weight.getRows();
    weight.setOffset(size);
    size += llvm::alignTo(codeBytes(info.layout, n, k), kWeightAlign);
    if (weight.getQuant() == WeightQuant::Float)
      continue;
    // Rows that pad a bit layout would not be zero without their own scale.
    if (info.padsAreNegative())
      weight.setScaleRows(n);
    weight.setScaleOffset(size);
    size += llvm::alignTo(scaleBytes(weight), kWeightAlign);
  }
  end = llvm::alignTo(end, kRecordAlign);
  record.setOffset(end);
  record.setStride(llvm::alignTo(size, kWeightAlign));
  end += *record.getStride() * record.getCount();
}

/// What the descriptor tells about the weights: parameters of the model, bytes
/// that one decoded token reads, and with a screened head, kernels.
static void summarise(ModuleOp module) {
  int64_t parameters = 0, read = 0, screened = 0, screenRow = 0;
  SetVector<StringRef> kernels;
  DenseSet<Operation *> streamed;
  module.walk([&](MatmulOp op) {
    kernels.insert(*op.getKernel());
    for (Attribute ref : op.getWeights())
      streamed.insert(lookupWeight(op, cast<SymbolRefAttr>(ref)));
    if (op.getSketch()) {
      WeightOp sketch = lookupWeight(op, *op.getSketch()),
               head = lookupWeight(op, cast<SymbolRefAttr>(op.getWeights()[0]));
      screened = bytesOf(sketch) - bytesOf(head);
      screenRow = llvm::alignTo(head.getCols(), kRowPad) + 4;
    }
  });
  for (RecordOp record : module.getOps<RecordOp>())
    for (WeightOp weight : record.getBody().getOps<WeightOp>()) {
      int64_t count = record.getCount(), n = weight.getRows(),
              k = weight.getCols();
      if (weight.getSource().starts_with("@")) // Derived, not learned.
        continue;
      parameters += count * n * k;
      if (streamed.contains(weight))
        read += count * bytesOf(weight);
    }
  Builder b(module.getContext());
  module->setAttr("bitnet.num_parameters", b.getI64IntegerAttr(parameters));
  module->setAttr("bitnet.weight_bytes_per_token", b.getI64IntegerAttr(read));
  if (screenRow) {
    module->setAttr("bitnet.screened_bytes_per_token",
                    b.getI64IntegerAttr(read + screened));
    module->setAttr("bitnet.screened_row_bytes",
                    b.getI64IntegerAttr(screenRow));
  }
  module->setAttr("bitnet.summary",
                  b.getStringAttr(llvm::join(kernels.getArrayRef(), ", ")));
}

namespace {
struct SelectKernelsPass : bitnet::impl::SelectKernelsBase<SelectKernelsPass> {
  using SelectKernelsBase::SelectKernelsBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    const Cpu *cpu = lookupCpu(target);
    if (!cpu) {
      module.emitError() << "unknown target '" << target << "'";
      return signalPassFailure();
    }
    std::optional<Layout> preferred = symbolizeLayout(layout);
    if (!preferred && !layout.empty()) {
      module.emitError() << "unknown layout '" << layout << "'";
      return signalPassFailure();
    }
    SmallVector<const Cpu *> sharers;
    for (StringRef name : llvm::split(shared, ','))
      if (const Cpu *sharer = lookupCpu(name)) {
        sharers.push_back(sharer);
      } else if (!name.empty()) {
        module.emitError() << "unknown target '" << name << "'";
        return signalPassFailure();
      }
    WalkResult walked = module.walk([&](Operation *op) {
      if (auto matmul = dyn_cast<MatmulOp>(op)) {
        if (failed(selectFor(matmul, *cpu, sharers, preferred)))
          return WalkResult::interrupt();
        packCodesOf(matmul);
      }
      if (auto embed = dyn_cast<EmbedOp>(op)) {
        WeightOp weight = lookupWeight(op, embed.getWeight());
        if (failed(setLayout(op, weight, defaultLayout(weight.getQuant()))))
          return WalkResult::interrupt();
      }
      return WalkResult::advance();
    });
    if (walked.wasInterrupted())
      return signalPassFailure();
    int64_t end = 0;
    for (RecordOp record : module.getOps<RecordOp>())
      placeWeights(record, end);
    Builder builder(&getContext());
    module->setAttr("bitnet.weight_bytes", builder.getI64IntegerAttr(end));
    module->setAttr(kPrefetchAttr,
                    builder.getI64IntegerAttr(cpu->prefetchBytes));
    module->setAttr(kVectorRegistersAttr,
                    builder.getI64IntegerAttr(cpu->vectorRegisters *
                                              cpu->vectorBits / 512));
    for (auto [attr, several] :
         {std::pair(kDotChainAttr, false), std::pair(kTileDotChainAttr, true)})
      module->setAttr(attr, builder.getI64IntegerAttr(dotChain(*cpu, several)));
    module->setAttr(kShiftsBytesAttr,
                    builder.getI64IntegerAttr(shiftsBytes(*cpu)));
    summarise(module);
  }
};
} // namespace
