//===- kernels.cpp - Speed of every kernel row ----------------------------===//
//
// Compiles a model that is nothing but one matmul after the other, for every
// row of the CPU table that this machine runs and every layout that it has a
// kernel for, whether the table chooses it or `--layout=` must, and times it
// with one thread:
//
//   KERNEL/CPU/tokens:1|4|64/hot|cold
//
// "hot": a weight that fits into the second-level cache, "cold": 512 MB of
// different ones. Reported: weights, products (weights times tokens) and bytes
// of weights a second; cold also how fast a loop reads the same bytes that does
// nothing else. The weights are noise: speed does not depend on them.
//
//   build/bin/kernels_bench --benchmark_filter='znver4/tokens:1/'
//
//===----------------------------------------------------------------------===//

#include "../targets/Jit.h"

#include "dialect/Dialect.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/Parser/Parser.h"
#include "passes/Pipeline.h"
#include "runtime/abi/bitnet_abi.h"
#include "targets/Kernels.h"
#include "targets/MicroOps.h"
#include "llvm/Support/FormatVariadic.h"

#include <benchmark/benchmark.h>
#include <chrono>
#include <numeric>
#include <random>
#include <sys/mman.h>

using namespace mlir;
using namespace mlir::bitnet;

namespace {

/// A weight of this many rows and columns is hot or cold by its count.
constexpr int64_t kWidth = 1280;
constexpr int64_t kColdBytes = 512 << 20;

struct Case {
  const Cpu *cpu;
  WeightQuant weight;
  InputQuant input;
  bool groups;
  Layout layout;
};

/// h = h + W quantise(h), `count` times with different weights.
std::string textOf(const Case &c, int64_t count) {
  std::string_view form = R"(
module attributes {{bitnet.model = {{name="k", vocab_size=64, hidden_size={0}, intermediate_size={0}, num_layers={1}, num_heads=1, num_kv_heads=1, head_dim={0}, max_position=4096, bos_token=-1, eos_tokens=array<i32>}} {{
bitnet.record @globals count 1 {{
  bitnet.weight @embed quant int8 shape [64, {0}] scale_rows 64 source "e"
}
bitnet.record @layer count {1} {{
  bitnet.weight @w quant {2} shape [{0}, {0}] {3} source "w"
}
func.func @step() -> tensor<?x64xf32> {{
  %0 = bitnet.embed @globals::@embed : tensor<?x{0}xf32>
  %1 = bitnet.repeat @layer_step(%0) times {1} : tensor<?x{0}xf32>
  %2 = bitnet.gather_logits %1 : tensor<?x{0}xf32>
  %3 = bitnet.linear %2, @globals::@embed input int16 : tensor<?x{0}xf32> -> tensor<?x64xf32>
  return %3 : tensor<?x64xf32>
}
func.func private @layer_step(%h: tensor<?x{0}xf32>) -> tensor<?x{0}xf32> {{
  %0 = bitnet.linear %h, @layer::@w input {4} : tensor<?x{0}xf32> -> tensor<?x{0}xf32>
  %1 = bitnet.add %h, %0 : tensor<?x{0}xf32>
  return %1 : tensor<?x{0}xf32>
}
})";
  std::string scales =
      c.groups ? llvm::formatv("scale_rows {0} group 128", kWidth).str() : "";
  return llvm::formatv(form.data(), kWidth, count, stringifyEnum(c.weight),
                       scales, stringifyEnum(c.input));
}

/// Noise that reads as small finite floats where it is scales.
class Noise {
public:
  explicit Noise(uint64_t bytes) : bytes(bytes) {
    data = static_cast<uint8_t *>(mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    madvise(data, bytes, MADV_HUGEPAGE);
    std::mt19937_64 random(1);
    for (uint64_t i = 0; i + 8 <= bytes; i += 8) {
      uint64_t word = 0x3c3c3c3c3c3c3c3c | (random() & 0x0303030303030303);
      std::memcpy(data + i, &word, 8);
    }
  }
  ~Noise() { munmap(data, bytes); }
  uint8_t *data;
  uint64_t bytes;
};

/// Bytes a second of a loop that reads the weights and does nothing else.
double readSpeed(const Noise &noise) {
  auto start = std::chrono::steady_clock::now();
  uint64_t sum = 0;
  const auto *words = reinterpret_cast<const uint64_t *>(noise.data);
  for (uint64_t i = 0; i < noise.bytes / 8; ++i)
    sum ^= words[i];
  benchmark::DoNotOptimize(sum);
  std::chrono::duration<double> seconds =
      std::chrono::steady_clock::now() - start;
  return static_cast<double>(noise.bytes) / seconds.count();
}

void run(benchmark::State &state, const Case &c, int64_t tokens, bool cold) {
  DialectRegistry registry;
  registerAllDialects(registry);
  registerAllExtensions(registry);
  registry.insert<BitNetDialect>();
  registerMicroOpDialects(registry);
  MLIRContext context(registry);
  auto bytesPerWeight = [&](ModuleOp module) {
    for (auto record : module.getOps<RecordOp>())
      if (record.getSymName() == "layer")
        return int64_t(*record.getStride());
    return int64_t(0);
  };
  auto compile = [&](int64_t count) {
    auto module = parseSourceString<ModuleOp>(textOf(c, count), &context);
    PassManager passes(&context);
    buildFusePipeline(passes);
    buildVectorPipeline(passes, c.cpu->name, stringifyLayout(c.layout));
    if (!module || failed(passes.run(*module)))
      llvm::report_fatal_error("lowering to vectors");
    return module;
  };
  int64_t stride = bytesPerWeight(*compile(1));
  int64_t count = cold ? kColdBytes / stride : 1;
  auto module = compile(count);
  auto bytes = module->getOperation()
                   ->getAttrOfType<IntegerAttr>("bitnet.weight_bytes")
                   .getInt();
  PassManager passes(&context);
  buildLLVMPipeline(passes, c.cpu->name, "k");
  if (failed(passes.run(*module)))
    llvm::report_fatal_error("lowering to LLVM");
  Jit jit(*module, *c.cpu);
  const auto *model = jit.get<const bitnet_model>("k_model");

  Noise weights(bytes + 4096);
  std::vector<uint8_t> workspace(model->workspace_bytes_fixed +
                                 tokens * model->workspace_bytes_per_token +
                                 64);
  std::vector<uint8_t> page(model->kv_page_bytes + 64);
  std::vector<float> logits(model->logits_stride + 64);
  std::vector<int32_t> ids(tokens), positions(tokens), sequences(tokens),
      pages(4096);
  std::iota(positions.begin(), positions.end(), 0);
  auto aligned = [](auto &memory) {
    return reinterpret_cast<uint8_t *>(
        llvm::alignTo(reinterpret_cast<uintptr_t>(memory.data()), 64));
  };
  bitnet_context environment{weights.data,  aligned(workspace),
                             aligned(page), pages.data(),
                             4096,          static_cast<uint32_t>(tokens)};
  bitnet_batch batch{};
  batch.num_tokens = static_cast<uint32_t>(tokens);
  batch.token = ids.data();
  batch.position = positions.data();
  batch.sequence = sequences.data();
  bitnet_team team{};
  team.num_threads = 1;
  auto *out = reinterpret_cast<float *>(aligned(logits));
  for (auto _ : state)
    model->step(model, &environment, &batch, out, &team, 0);
  auto perSecond = [&](double perStep) {
    return benchmark::Counter(perStep * static_cast<double>(state.iterations()),
                              benchmark::Counter::kIsRate);
  };
  const auto width = static_cast<double>(kWidth);
  const double perStep = static_cast<double>(count) * width * width;
  state.counters["weights/s"] = perSecond(perStep);
  state.counters["products/s"] =
      perSecond(perStep * static_cast<double>(tokens));
  state.counters["bytes/s"] = perSecond(static_cast<double>(stride * count));
  if (cold)
    state.counters["read_bytes/s"] = readSpeed(weights);
}

void registerCases() {
  for (const Cpu &cpu : allCpus()) {
    if (!hostRuns(cpu))
      continue;
    const Kernel *last = nullptr;
    for (const Kernel &row : allKernels())
      for (bool groups : {false, true}) {
        const Kernel *kernel =
            selectKernel(cpu, row.weight, row.input, groups, row.layout);
        // Of each layout the row that this CPU gets, with groups if another.
        if (kernel != &row || kernel == last)
          continue;
        last = kernel;
        for (int64_t tokens : {1, 4, 8, 64})
          for (bool cold : {false, true}) {
            Case c{&cpu, row.weight, row.input, groups, row.layout};
            std::string name =
                llvm::formatv("{0}/{1}/tokens:{2}/{3}", row.name, cpu.name,
                              tokens, cold ? "cold" : "hot");
            benchmark::RegisterBenchmark(
                name.c_str(),
                [=](benchmark::State &state) { run(state, c, tokens, cold); });
          }
      }
  }
}

} // namespace

int main(int argc, char **argv) {
  registerCases();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv))
    return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
