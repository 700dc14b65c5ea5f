//===- Explain.cpp - Why a program is as it is ----------------------------===//

#include "Explain.h"

#include "dialect/Dialect.h"
#include "dialect/Layouts.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/Pass.h"
#include "targets/Costs.h"
#include "targets/Kernels.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include <map>

using namespace mlir;
using namespace mlir::bitnet;
using llvm::formatv;

//===----------------------------------------------------------------------===//
// Passes
//===----------------------------------------------------------------------===//

namespace {
class CountPasses : public PassInstrumentation {
public:
  explicit CountPasses(std::string &text) : text(text) {}

  void runBeforePass(Pass *, Operation *op) override { before = count(op); }
  void runAfterPass(Pass *pass, Operation *op) override {
    std::map<StringRef, int64_t> after = count(op);
    std::string removed, added;
    for (auto [name, n] : before)
      if (int64_t less = n - after[name]; less > 0)
        removed += formatv("  -{0} {1}", less, name);
    for (auto [name, n] : after)
      if (int64_t more = n - before[name]; more > 0)
        added += formatv("  +{0} {1}", more, name);
    StringRef name = pass->getArgument();
    name.consume_front("bitnet-");
    text += formatv("  {0,-21}{1}\n", name,
                    removed + added == "" ? "  nothing" : removed + added);
  }

private:
  static std::map<StringRef, int64_t> count(Operation *module) {
    std::map<StringRef, int64_t> counts;
    module->walk([&](Operation *op) {
      if (isa_and_nonnull<BitNetDialect>(op->getDialect()) &&
          !isa<RecordOp, WeightOp>(op))
        ++counts[op->getName().stripDialect()];
    });
    return counts;
  }

  std::string &text;
  std::map<StringRef, int64_t> before;
};
} // namespace

std::unique_ptr<PassInstrumentation> bitnetc::countPasses(std::string &text) {
  return std::make_unique<CountPasses>(text);
}

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

namespace {
/// One matmul of a layer, and all of its weights as one.
struct Product {
  std::string names; ///< "q_proj k_proj v_proj"
  int64_t rows = 0, columns = 0, bytes = 0;
  std::string fused; ///< What its epilogue does.
};
} // namespace

static Product productOf(MatmulOp op) {
  Product product;
  for (Attribute ref : op.getWeights()) {
    WeightOp weight = lookupWeight(op, cast<SymbolRefAttr>(ref));
    product.names +=
        (product.names.empty() ? "" : " ") + weight.getSymName().str();
    product.rows += weight.getRows();
    product.columns = weight.getCols();
    product.bytes += bytesOf(weight);
  }
  if (op.getGlu())
    product.fused =
        (" " + stringifyActivationKind(*op.getGlu()) + " gate").str();
  if (op.getResidual())
    product.fused += " residual";
  if (op.getPacks())
    product.fused +=
        (" " + stringifyBitQuant(*op.getPacks()) + " packed").str();
  if (op.getSketch())
    product.fused += " screen";
  return product;
}

static std::string size(int64_t bytes) {
  if (bytes < 10000)
    return formatv("{0} B", bytes);
  return bytes < 10000000 ? formatv("{0:F1} kB", bytes / 1e3)
                          : formatv("{0:F1} MB", bytes / 1e6);
}

/// "memory; 3 tokens: instructions", from the cycles for 64 bytes.
static std::string boundOf(const Kernel &kernel, const Cpu &cpu) {
  std::optional<double> cycles = kernelCycles(kernel, cpu);
  if (!cycles)
    return "not measured";
  if (*cycles >= kMemoryCycles)
    return formatv("instructions ({0:F1} cycles)", *cycles);
  int64_t tokens = static_cast<int64_t>(kMemoryCycles / *cycles) + 1;
  return formatv("memory ({0:F1} cycles); instructions from {1} tokens",
                 *cycles, tokens);
}

static void explainFunction(func::FuncOp function, int64_t count,
                            const Cpu &cpu, llvm::raw_ostream &os,
                            int64_t &allBytes, int64_t &allProducts) {
  auto products = function.getOps<MatmulOp>();
  if (products.empty())
    return;
  if (count > 1)
    os << "\nEach of " << count << " layers\n";
  else
    os << "\nOnce a token\n";
  for (MatmulOp op : products) {
    Product product = productOf(op);
    const Kernel *kernel = lookupKernel(*op.getKernel());
    os << formatv("  {0}: {1} x {2}{3}\n", product.names, product.rows,
                  product.columns,
                  product.fused.empty() ? "" : "," + product.fused)
       << formatv("    {0} x {1} by {2}: {3}\n",
                  stringifyWeightQuant(kernel->weight),
                  stringifyInputQuant(kernel->input), kernel->name,
                  kernel->description)
       << formatv("    {0}, {1}, {2:F1} M products; bound by {3}\n",
                  stringifyLayout(kernel->layout), size(product.bytes),
                  static_cast<double>(product.rows * product.columns) / 1e6,
                  boundOf(*kernel, cpu));
    allBytes += count * product.bytes;
    allProducts += count * product.rows * product.columns;
  }
  for (AttentionOp op : function.getOps<AttentionOp>())
    os << formatv("  attention: {0} heads of {1}, {2} of keys and values, kept "
                  "in {3}\n",
                  op.getHeads(), op.getHeadDim(), op.getKvHeads(),
                  stringifyKVForm(op.getForm()));
}

std::string bitnetc::explainFusing(StringRef name, ArrayRef<const Cpu *> cpus,
                                   StringRef passes) {
  std::string targets;
  for (const Cpu *cpu : cpus)
    targets += formatv("{0}{1} ({2})", targets.empty() ? "" : ", ", cpu->name,
                       cpu->width());
  return formatv("{0} for {1}\n\nFusing, in operations of the graph (each kind "
                 "of layer once)\n{2}",
                 name, targets, passes);
}

/// How often each function is called: layers.
static std::map<StringRef, int64_t> callCounts(ModuleOp module) {
  std::map<StringRef, int64_t> counts;
  module.walk([&](RepeatOp op) { counts[op.getCallee()] += op.getCount(); });
  return counts;
}

std::string bitnetc::explainKernels(ModuleOp module, const Cpu &cpu) {
  std::string text;
  llvm::raw_string_ostream os(text);
  os << "\nKernels for " << cpu.name << '\n';
  std::map<StringRef, int64_t> counts = callCounts(module);
  int64_t bytes = 0, products = 0;
  for (func::FuncOp function : module.getOps<func::FuncOp>()) {
    auto found = counts.find(function.getSymName());
    explainFunction(function, found == counts.end() ? 1 : found->second, cpu,
                    os, bytes, products);
  }
  os << formatv("\nA token: {0} of weights, {1:F1} M products\n", size(bytes),
                static_cast<double>(products) / 1e6)
     << formatv("Bounds: 64 bytes of weights take {0:F1} cycles from memory "
                "(28 GB/s and core at 3.7 GHz),\nor those of the kernel from "
                "the cache, as measured on Zen 4.\n",
                kMemoryCycles);
  return text;
}

//===----------------------------------------------------------------------===//
// Several targets
//===----------------------------------------------------------------------===//

namespace {
/// The products of one token.
struct TokenCost {
  int64_t bytes = 0;
  /// By the larger bound of each; nothing if a kernel was not measured.
  std::optional<double> cycles = 0;
  SetVector<StringRef> layouts;
};
} // namespace

static TokenCost tokenCost(ModuleOp module, const Cpu &cpu) {
  TokenCost cost;
  std::map<StringRef, int64_t> counts = callCounts(module);
  for (func::FuncOp function : module.getOps<func::FuncOp>()) {
    auto found = counts.find(function.getSymName());
    int64_t calls = found == counts.end() ? 1 : found->second;
    for (MatmulOp op : function.getOps<MatmulOp>()) {
      const Kernel *kernel = lookupKernel(*op.getKernel());
      int64_t bytes = calls * productOf(op).bytes;
      cost.bytes += bytes;
      cost.layouts.insert(stringifyLayout(kernel->layout));
      std::optional<double> cycles = kernelCycles(*kernel, cpu);
      if (cycles && cost.cycles)
        *cost.cycles +=
            std::max(kMemoryCycles, *cycles) * static_cast<double>(bytes) / 64;
      else
        cost.cycles.reset();
    }
  }
  return cost;
}

std::string bitnetc::explainSharing(ArrayRef<SharedModule> targets) {
  std::string text = "\nOne copy of the weights for all targets costs\n";
  llvm::raw_string_ostream os(text);
  for (const SharedModule &target : targets) {
    TokenCost together = tokenCost(target.together, *target.cpu),
              alone = tokenCost(target.alone, *target.cpu);
    os << formatv("  {0,-16}", target.cpu->name);
    if (together.layouts.getArrayRef() == alone.layouts.getArrayRef()) {
      os << "nothing: alone it takes the same layouts\n";
      continue;
    }
    os << size(together.bytes) << " a token instead of " << size(alone.bytes);
    if (together.cycles && alone.cycles)
      os << formatv(", {0:F2} times the time of its products",
                    *together.cycles / *alone.cycles);
    os << " (" << llvm::join(together.layouts.getArrayRef(), ", ")
       << " instead of " << llvm::join(alone.layouts.getArrayRef(), ", ")
       << ")\n";
  }
  return text;
}
