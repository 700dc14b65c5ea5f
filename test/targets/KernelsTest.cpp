//===- KernelsTest.cpp - The kernel table ---------------------------------===//

#include "targets/Kernels.h"
#include "targets/Costs.h"
#include "llvm/Support/raw_ostream.h"
#include <gtest/gtest.h>
#include <set>

using namespace mlir::bitnet;

namespace {
struct Selection {
  const char *cpu;
  WeightQuant weight;
  InputQuant input;
  const char *kernel;
};
} // namespace

TEST(Kernels, FirstRowThatFitsWins) {
  constexpr auto Ternary = WeightQuant::Ternary, Binary = WeightQuant::Binary,
                 Byte = WeightQuant::Int8;
  const Selection selections[] = {
      {"generic", Ternary, InputQuant::Int8, "trit2_generic"},
      {"x86-64-v3", Ternary, InputQuant::Int8, "trit3_avx2"},
      {"alderlake", Ternary, InputQuant::Int8, "trit2_avxvnni"},
      {"skylake-avx512", Ternary, InputQuant::Int8, "trit2_avx512bw"},
      {"cascadelake", Ternary, InputQuant::Int8, "trit2_vnni"},
      {"znver4", Ternary, InputQuant::Int8, "trit5_vbmi"},
      {"sapphirerapids", Ternary, InputQuant::Int8, "trit5_vbmi"},
      {"generic", Byte, InputQuant::Int16, "u8_generic"},
      {"znver4", Byte, InputQuant::Int16, "u8_vnni"},
      {"znver4", Byte, InputQuant::Int8, "u8_i8_vnni"},
      {"x86-64-v3", Binary, InputQuant::Sign, "bit1_generic"},
      {"znver4", Binary, InputQuant::Sign, "bit1_vpopcntdq"},
      {"x86-64-v3", Binary, InputQuant::Bit, "bit1_bit_generic"},
      {"znver4", Binary, InputQuant::Ternary, "bit1_ternary_vpopcntdq"},
      {"x86-64-v3", Ternary, InputQuant::Sign, "trit2_sign_generic"},
      {"znver4", Ternary, InputQuant::Ternary, "trit2_ternary_vpopcntdq"},
      {"znver4", Binary, InputQuant::Int8, "sign1_vnni"},
      {"generic", Binary, InputQuant::Int16, "sign1_i16_generic"},
      {"znver4", Ternary, InputQuant::Int16, "trit2_i16_vnni"},
      {"arm64", Ternary, InputQuant::Int8, "trit2_generic"},
      {"cortex-a76", Ternary, InputQuant::Int8, "trit2_dotprod"},
      {"apple-m1", Binary, InputQuant::Int8, "sign1_dotprod"},
      {"neoverse-v1", Ternary, InputQuant::Int8, "trit2_i8mm"},
      {"apple-m3", Ternary, InputQuant::Int8, "trit2_i8mm"},
      {"neoverse-v2", Binary, InputQuant::Int8, "sign1_i8mm"},
      {"neoverse-v2", Ternary, InputQuant::Int16, "trit2_i16_generic"},
      {"cortex-a76", Binary, InputQuant::Sign, "bit1_generic"},
  };
  for (const Selection &s : selections) {
    const Kernel *kernel = selectKernel(*lookupCpu(s.cpu), s.weight, s.input);
    ASSERT_NE(kernel, nullptr) << s.cpu << " " << s.kernel;
    EXPECT_EQ(kernel->name, s.kernel) << s.cpu;
  }
}

// Blocks of 80 rows do not fit the scales of groups of columns.
TEST(Kernels, ScaleGroupsTakeARowThatHasThem) {
  const Cpu &cpu = *lookupCpu("znver4");
  EXPECT_EQ(selectKernel(cpu, WeightQuant::Ternary, InputQuant::Int8,
                         /*scaleGroups=*/true)
                ->name,
            "trit2_vnni");
  EXPECT_EQ(selectKernel(*lookupCpu("neoverse-v1"), WeightQuant::Ternary,
                         InputQuant::Int8, /*scaleGroups=*/true)
                ->name,
            "trit2_generic");
}

TEST(Kernels, APreferredLayoutComesFirst) {
  const Cpu &cpu = *lookupCpu("znver4");
  auto name = [&](WeightQuant weight, Layout preferred) {
    return selectKernel(cpu, weight, InputQuant::Int8, false, preferred)->name;
  };
  EXPECT_EQ(name(WeightQuant::Ternary, Layout::Trit2R64), "trit2_vnni");
  EXPECT_EQ(name(WeightQuant::Ternary, Layout::Trit5R80), "trit5_vbmi");
  EXPECT_EQ(name(WeightQuant::Binary, Layout::Trit2R64), "sign1_vnni");
  EXPECT_EQ(selectKernel(*lookupCpu("x86-64-v3"), WeightQuant::Ternary,
                         InputQuant::Int8, false, Layout::Trit2R64)
                ->name,
            "trit2_avx2");
}

TEST(Kernels, SeveralCpusShareALayout) {
  auto layout = [](llvm::ArrayRef<const char *> names,
                   std::optional<Layout> preferred = std::nullopt) {
    llvm::SmallVector<const Cpu *> cpus;
    for (const char *name : names)
      cpus.push_back(lookupCpu(name));
    return sharedLayout(allKernels(), cpus, WeightQuant::Ternary,
                        InputQuant::Int8, false, preferred);
  };
  EXPECT_EQ(layout({"znver4"}), Layout::Trit5R80);
  EXPECT_EQ(layout({"icelake-server", "znver4"}), Layout::Trit5R80);
  EXPECT_EQ(layout({"x86-64-v2", "znver4"}), Layout::Trit2R64);
  EXPECT_EQ(layout({"x86-64-v3"}), Layout::Trit3R64);
  EXPECT_EQ(layout({"x86-64-v3", "znver4"}), Layout::Trit2R64);
  EXPECT_EQ(layout({"x86-64-v3", "znver4"}, Layout::Trit3R64),
            Layout::Trit3R64);
  EXPECT_EQ(layout({"icelake-server", "znver4"}, Layout::Trit2R64),
            Layout::Trit2R64);
  EXPECT_EQ(layout({"neoverse-v1"}), Layout::Trit2R32);
  EXPECT_EQ(layout({"cortex-a76", "neoverse-v1"}), Layout::Trit2R32);
  EXPECT_EQ(layout({"arm64", "neoverse-v1"}), Layout::Trit2R64);
}

// Each of two CPUs likes another layout; that which is second for one and first
// for the other is better than that which is third and first.
TEST(Kernels, SharedLayoutIsTheCheapestForAll) {
  static constexpr llvm::StringLiteral rich[] = {"avx512vnni"};
  static constexpr llvm::StringLiteral richer[] = {"avx512vnni", "avx512vbmi"};
  static constexpr llvm::StringLiteral poor[] = {"neon"};
  auto row = [](Layout layout, llvm::ArrayRef<llvm::StringLiteral> features) {
    return Kernel{
        "k", WeightQuant::Ternary, InputQuant::Int8, features, layout, true, 1,
        ""};
  };
  const Kernel table[] = {row(Layout::Trit5R80, richer),
                          row(Layout::U8Row, rich), row(Layout::Trit2R64, {}),
                          row(Layout::Bit1R64, {})};
  const Cpu *x86 = lookupCpu("znver4"), *arm = lookupCpu("arm64");
  auto shared = [&](llvm::ArrayRef<Kernel> kernels,
                    llvm::ArrayRef<const Cpu *> cpus) {
    return sharedLayout(kernels, cpus, WeightQuant::Ternary, InputQuant::Int8);
  };
  EXPECT_EQ(shared(table, {x86, arm}), Layout::Trit2R64);
  const Kernel apart[] = {row(Layout::Trit5R80, rich),
                          row(Layout::Trit2R64, poor)};
  EXPECT_EQ(shared(apart, {x86}), Layout::Trit5R80);
  EXPECT_EQ(shared(apart, {x86, arm}), std::nullopt);
}

// A new row may only make a kernel faster, never the only one. Behind a row
// that every CPU has, only another layout can be asked for.
TEST(Kernels, EveryPairHasAGenericRowAndItIsLast) {
  std::set<std::string> names;
  for (const Kernel &kernel : allKernels()) {
    EXPECT_TRUE(names.insert(kernel.name.str()).second);
    EXPECT_EQ(lookupKernel(kernel.name), &kernel);
    EXPECT_NE(selectKernel(*lookupCpu("generic"), kernel.weight, kernel.input),
              nullptr)
        << kernel.name.str();
    if (kernel.features.empty())
      for (const Kernel *k = &kernel + 1; k != allKernels().end(); ++k)
        EXPECT_FALSE(k->weight == kernel.weight && k->input == kernel.input &&
                     k->layout == kernel.layout)
            << k->name.str() << " is hidden by " << kernel.name.str();
  }
}

TEST(Kernels, FloatsHaveNoKernel) {
  const Cpu &cpu = *lookupCpu("znver4");
  EXPECT_EQ(selectKernel(cpu, WeightQuant::Float, InputQuant::Int8), nullptr);
}

TEST(Kernels, PrintTargetsNamesEveryRow) {
  std::string text;
  llvm::raw_string_ostream os(text);
  printTargets(os);
  for (const Cpu &cpu : allCpus())
    EXPECT_NE(text.find(cpu.name.str()), std::string::npos);
  for (const Kernel &kernel : allKernels())
    EXPECT_NE(text.find(kernel.name.str()), std::string::npos);
}

TEST(Costs, EveryKernelIsMeasuredWhereItRuns) {
  for (const Cpu &cpu : allCpus()) {
    if (cpu.arch != "x86_64")
      continue;
    for (const Kernel &kernel : allKernels()) {
      if (selectKernel(cpu, kernel.weight, kernel.input, /*scaleGroups=*/false,
                       kernel.layout) != &kernel)
        continue;
      auto cycles = kernelCycles(kernel, cpu);
      EXPECT_TRUE(cycles && *cycles > 0)
          << kernel.name.str() << " on " << cpu.name.str();
    }
  }
}
