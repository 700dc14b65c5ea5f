//===- Kernels.cpp - Which kernel a matmul gets ---------------------------===//

#include "targets/Kernels.h"
#include "targets/Systems.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace mlir::bitnet;
using llvm::StringLiteral;

//===----------------------------------------------------------------------===//
// The table
//===----------------------------------------------------------------------===//

static constexpr StringLiteral kVNNI[] = {"avx512vnni", "avx512bw"};
static constexpr StringLiteral kVBMI[] = {"avx512vbmi", "avx512vnni",
                                          "avx512bw"};
static constexpr StringLiteral kPopcount[] = {"avx512vpopcntdq"};
static constexpr StringLiteral kBW[] = {"avx512bw"};
static constexpr StringLiteral kAVXVNNI[] = {"avxvnni"};
static constexpr StringLiteral kAVX2[] = {"avx2"};
static constexpr StringLiteral kDotprod[] = {"dotprod"};
static constexpr StringLiteral kI8MM[] = {"i8mm"};
static constexpr llvm::ArrayRef<StringLiteral> kAny = {};

// Tiles: a token needs groups * 16 sums of i32 (twice that for two planes), and
// one step of the weight stays in registers with them. 32 registers of 512 bits
// hold 4 tokens of 4 or 5 groups; 16 registers of 256 bits (and 32 of 128) hold
// one, or 4 of one group, so that a pass over the block is made for each. Rows
// of bytes are taken 4 at a time with several tokens, one at a time with one
// token (lower/Matmul.cpp).
//
// Processors with dotprod read the layout of those with i8mm, which is as good
// for one token, so that a program for both has it.
//
// Look-ups (trit3) read less than 2-bit fields and take fewer instructions for
// one token, on AVX2; for several they take as many as before. 512 bits or
// vpdpbusd multiply so much faster that they keep the fields (README.md).
//
// Ternary and binary embeddings are heads too, whose input has two planes.
//
// Int8 inputs as eight planes of bits (bit1_i8) are slower than bits masked in
// place for int8 dots on every CPU measured (README.md), so these rows are last
// of their pair: `--layout=bit1_r16` asks for them.
static constexpr Kernel kKernels[] = {
    {"trit5_vbmi", WeightQuant::Ternary, InputQuant::Int8, kVBMI,
     Layout::Trit5R80, false, 4, "five trits a byte, two vpermb, vpdpbusd"},
    {"trit2_vnni", WeightQuant::Ternary, InputQuant::Int8, kVNNI,
     Layout::Trit2R64, true, 4, "2-bit fields masked in place, vpdpbusd"},
    {"trit2_avx512bw", WeightQuant::Ternary, InputQuant::Int8, kBW,
     Layout::Trit2R64, false, 4, "2-bit fields masked in place, vpmaddubsw"},
    {"trit2_avxvnni", WeightQuant::Ternary, InputQuant::Int8, kAVXVNNI,
     Layout::Trit2R64, false, 4, "2-bit fields masked in place, vpdpbusd"},
    {"trit3_avx2", WeightQuant::Ternary, InputQuant::Int8, kAVX2,
     Layout::Trit3R64, false, 2, "sums of three columns, vpshufb and vpsignb"},
    {"trit2_avx2", WeightQuant::Ternary, InputQuant::Int8, kAVX2,
     Layout::Trit2R64, false, 4, "2-bit fields masked in place, vpmaddubsw"},
    {"trit2_i8mm", WeightQuant::Ternary, InputQuant::Int8, kI8MM,
     Layout::Trit2R32, false, 4,
     "2-bit fields masked in place, usmmla; usdot for one token"},
    {"trit2_dotprod", WeightQuant::Ternary, InputQuant::Int8, kDotprod,
     Layout::Trit2R32, false, 1, "2-bit fields masked in place, sdot"},
    {"trit2_generic", WeightQuant::Ternary, InputQuant::Int8, kAny,
     Layout::Trit2R64, true, 1,
     "2-bit fields masked in place, 16-bit multiply-add"},
    {"trit2_i16_vnni", WeightQuant::Ternary, InputQuant::Int16, kVNNI,
     Layout::Trit2R64, true, 2, "2-bit fields, one vpdpbusd per plane"},
    {"trit2_i16_generic", WeightQuant::Ternary, InputQuant::Int16, kAny,
     Layout::Trit2R64, true, 1, "2-bit fields, 16-bit multiply-add per plane"},
    {"sign1_vnni", WeightQuant::Binary, InputQuant::Int8, kVNNI,
     Layout::Bit1R64, true, 4, "single bits masked in place, vpdpbusd"},
    {"sign1_i8mm", WeightQuant::Binary, InputQuant::Int8, kI8MM,
     Layout::Bit1R32, false, 4,
     "single bits masked in place, usmmla; usdot for one token"},
    {"sign1_dotprod", WeightQuant::Binary, InputQuant::Int8, kDotprod,
     Layout::Bit1R32, false, 1, "single bits masked in place, sdot"},
    {"sign1_generic", WeightQuant::Binary, InputQuant::Int8, kAny,
     Layout::Bit1R64, true, 1,
     "single bits masked in place, 16-bit multiply-add"},
    {"bit1_i8_vpopcntdq", WeightQuant::Binary, InputQuant::Int8, kPopcount,
     Layout::Bit1R16, false, 1, "eight planes of bits, and-not and vpopcntq"},
    {"bit1_i8_generic", WeightQuant::Binary, InputQuant::Int8, kAny,
     Layout::Bit1R16, false, 1,
     "eight planes of bits, and-not and bit count by table or shifts"},
    {"sign1_i16_vnni", WeightQuant::Binary, InputQuant::Int16, kVNNI,
     Layout::Bit1R64, true, 2, "single bits, one vpdpbusd per plane"},
    {"sign1_i16_generic", WeightQuant::Binary, InputQuant::Int16, kAny,
     Layout::Bit1R64, true, 1, "single bits, 16-bit multiply-add per plane"},
    {"u8_vnni", WeightQuant::Int8, InputQuant::Int16, kVNNI, Layout::U8Row,
     false, 2, "rows of bytes, one vpdpbusd per plane"},
    {"u8_generic", WeightQuant::Int8, InputQuant::Int16, kAny, Layout::U8Row,
     false, 1, "rows of bytes, 16-bit multiply-add per plane"},
    {"u8_i8_vnni", WeightQuant::Int8, InputQuant::Int8, kVNNI, Layout::U8Row,
     false, 4, "rows of bytes, vpdpbusd"},
    {"u8_i8_generic", WeightQuant::Int8, InputQuant::Int8, kAny, Layout::U8Row,
     false, 1, "rows of bytes, 16-bit multiply-add"},
    {"bit1_vpopcntdq", WeightQuant::Binary, InputQuant::Sign, kPopcount,
     Layout::Bit1R16, true, 4, "xor and vpopcntq"},
    {"bit1_generic", WeightQuant::Binary, InputQuant::Sign, kAny,
     Layout::Bit1R16, true, 2, "xor and bit count by table or shifts"},
    {"bit1_bit_vpopcntdq", WeightQuant::Binary, InputQuant::Bit, kPopcount,
     Layout::Bit1R16, true, 4, "and-not and vpopcntq"},
    {"bit1_bit_generic", WeightQuant::Binary, InputQuant::Bit, kAny,
     Layout::Bit1R16, true, 2, "and-not and bit count by table or shifts"},
    {"bit1_ternary_vpopcntdq", WeightQuant::Binary, InputQuant::Ternary,
     kPopcount, Layout::Bit1R16, true, 4, "one of two planes and vpopcntq"},
    {"bit1_ternary_generic", WeightQuant::Binary, InputQuant::Ternary, kAny,
     Layout::Bit1R16, true, 2,
     "one of two planes and bit count by table or shifts"},
    {"trit2_sign_vpopcntdq", WeightQuant::Ternary, InputQuant::Sign, kPopcount,
     Layout::Trit2R16, true, 4, "one of two planes and vpopcntq"},
    {"trit2_sign_generic", WeightQuant::Ternary, InputQuant::Sign, kAny,
     Layout::Trit2R16, true, 2,
     "one of two planes and bit count by table or shifts"},
    {"trit2_bit_vpopcntdq", WeightQuant::Ternary, InputQuant::Bit, kPopcount,
     Layout::Trit2R16, true, 4, "and and vpopcntq, of each plane"},
    {"trit2_bit_generic", WeightQuant::Ternary, InputQuant::Bit, kAny,
     Layout::Trit2R16, true, 2,
     "and and bit count by table or shifts, of each plane"},
    {"trit2_ternary_vpopcntdq", WeightQuant::Ternary, InputQuant::Ternary,
     kPopcount, Layout::Trit2R16, true, 4,
     "products of two planes each and vpopcntq"},
    {"trit2_ternary_generic", WeightQuant::Ternary, InputQuant::Ternary, kAny,
     Layout::Trit2R16, true, 2,
     "products of two planes each and bit count by table or shifts"},
};

//===----------------------------------------------------------------------===//
// Look-up
//===----------------------------------------------------------------------===//

ArrayRef<Kernel> mlir::bitnet::allKernels() { return kKernels; }

const Kernel *mlir::bitnet::lookupKernel(StringRef name) {
  const Kernel *row =
      llvm::find_if(kKernels, [&](const Kernel &k) { return k.name == name; });
  return row == std::end(kKernels) ? nullptr : row;
}

/// Whether `k` multiplies these two on `cpu`.
static bool fits(const Kernel &k, const Cpu &cpu, WeightQuant weight,
                 InputQuant input, bool scaleGroups) {
  return k.weight == weight && k.input == input &&
         (!scaleGroups || k.scaleGroups) && cpu.hasFeatures(k.features);
}

const Kernel *mlir::bitnet::selectKernel(const Cpu &cpu, WeightQuant weight,
                                         InputQuant input, bool scaleGroups,
                                         std::optional<Layout> preferred) {
  const Kernel *first = nullptr;
  for (const Kernel &k : kKernels) {
    if (!fits(k, cpu, weight, input, scaleGroups))
      continue;
    if (!preferred || k.layout == *preferred)
      return &k;
    if (!first)
      first = &k;
  }
  return first;
}

std::optional<Layout>
mlir::bitnet::sharedLayout(ArrayRef<Kernel> kernels, ArrayRef<const Cpu *> cpus,
                           WeightQuant weight, InputQuant input,
                           bool scaleGroups, std::optional<Layout> preferred) {
  // Rows that `cpu` would have taken before the first one of `layout`.
  auto costFor = [&](const Cpu &cpu, Layout layout) -> std::optional<unsigned> {
    unsigned better = 0;
    for (const Kernel &k : kernels) {
      if (!fits(k, cpu, weight, input, scaleGroups))
        continue;
      if (k.layout == layout)
        return better;
      ++better;
    }
    return std::nullopt;
  };
  std::optional<Layout> best;
  unsigned lowest = 0;
  for (const Kernel &k : kernels) {
    unsigned sum = 0;
    bool shared = llvm::all_of(cpus, [&](const Cpu *cpu) {
      auto cost = costFor(*cpu, k.layout);
      sum += cost.value_or(0);
      return cost.has_value();
    });
    if (!shared)
      continue;
    if (k.layout == preferred)
      return k.layout;
    if (!best || sum < lowest) {
      best = k.layout;
      lowest = sum;
    }
  }
  return best;
}

static void printChoices(llvm::raw_ostream &os, llvm::ArrayRef<Cpu> cpus) {
  os << "\nKernels by weight and input, " << cpus.front().arch << "\n\n  "
     << llvm::formatv("{0,-18}", "");
  for (const Cpu &cpu : cpus)
    os << llvm::formatv("{0,-24}", cpu.name);
  os << '\n';
  // Rows of one pair stand together, so a pair begins where it changes.
  const Kernel *last = nullptr;
  for (const Kernel &kernel : allKernels()) {
    if (last && last->weight == kernel.weight && last->input == kernel.input)
      continue;
    last = &kernel;
    os << "  "
       << llvm::formatv("{0,-18}", (stringifyWeightQuant(kernel.weight) +
                                    " x " + stringifyInputQuant(kernel.input))
                                       .str());
    for (const Cpu &cpu : cpus)
      os << llvm::formatv("{0,-24}",
                          selectKernel(cpu, kernel.weight, kernel.input)->name);
    os << '\n';
  }
}

void mlir::bitnet::printTargets(llvm::raw_ostream &os) {
  os << "Targets (--target=NAME; 'native' picks the one for this machine)\n\n";
  for (const Cpu &cpu : allCpus())
    os << llvm::formatv("  {0,-16}{1,-8}{2,16}  {3}\n", cpu.name, cpu.arch,
                        cpu.width(), cpu.description);
  os << "\nAlso";
  StringRef separator = " ";
  for (const Cpu &cpu : allCpus()) {
    bool any = false;
    for (const CpuClass &other : allCpuClasses()) {
      if (other.row != cpu.name)
        continue;
      os << (any ? ", " : separator) << other.name;
      any = true;
    }
    if (any) {
      os << " (as " << cpu.name << ')';
      separator = ",\n     ";
    }
  }
  os << '\n';

  std::string why;
  if (const Cpu *native = nativeCpu(why))
    os << "\n'native' is " << native->name << " here: " << why << '\n';
  else
    os << "\n'native' is nothing here: " << why << '\n';

  // One table for each architecture, whose rows stand together.
  for (llvm::ArrayRef<Cpu> rest = allCpus(); !rest.empty();) {
    llvm::ArrayRef<Cpu> cpus = rest.take_while(
        [&](const Cpu &cpu) { return cpu.arch == rest.front().arch; });
    printChoices(os, cpus);
    rest = rest.drop_front(cpus.size());
  }

  os << "\nSystems (--triple=, for objects)\n\n";
  for (const System &system : allSystems())
    os << llvm::formatv("  {0,-28}{1}\n", system.triple, system.description);

  os << '\n';
  for (const Kernel &kernel : allKernels())
    os << llvm::formatv("  {0,-24}{1,-12}{2} token{3} a tile: {4}\n",
                        kernel.name, stringifyLayout(kernel.layout),
                        kernel.tokenTile, kernel.tokenTile == 1 ? " " : "s",
                        kernel.description);
}
