//===- CpuTest.cpp - The CPU table ----------------------------------------===//

#include "targets/Cpu.h"
#include "runtime/abi/bitnet_abi.h"
#include "llvm/ADT/STLExtras.h"
#include <gtest/gtest.h>
#include <set>

using namespace mlir::bitnet;
using llvm::StringRef;

TEST(Cpu, NamesAreUniqueAndFound) {
  std::set<std::string> names;
  for (const Cpu &cpu : allCpus()) {
    EXPECT_TRUE(names.insert(cpu.name.str()).second) << cpu.name.str();
    EXPECT_EQ(lookupCpu(cpu.name), &cpu);
  }
  EXPECT_EQ(lookupCpu("z80"), nullptr);
}

// targets/ must not see the ABI header, so the two lists can drift apart; a
// program could then not check for a feature that its code uses.
TEST(Cpu, EveryFeatureHasABitInTheABI) {
  std::set<std::string> known;
#define ADD(bit, suffix, name) known.insert(name);
  BITNET_CPU_FEATURES(ADD)
#undef ADD
  for (const Cpu &cpu : allCpus())
    for (StringRef feature : cpu.features)
      EXPECT_TRUE(known.count(feature.str()))
          << cpu.name.str() << ": " << feature.str();
}

// The last row that fits is taken, so none may be poorer than one before it.
TEST(Cpu, RowsGetRicher) {
  for (const Cpu &later : allCpus())
    for (const Cpu &cpu : allCpus()) {
      if (&cpu == &later)
        break;
      if (cpu.arch == later.arch && cpu.hasFeatures(later.features))
        EXPECT_TRUE(later.hasFeatures(cpu.features))
            << later.name.str() << " after " << cpu.name.str();
    }
}

TEST(Cpu, FeatureString) {
  EXPECT_EQ(lookupCpu("generic")->featureString(), "+sse2");
  EXPECT_TRUE(StringRef(lookupCpu("x86-64-v3")->featureString())
                  .starts_with("+sse2,+ssse3,"));
}

//===----------------------------------------------------------------------===//
// Choosing the row of a machine
//===----------------------------------------------------------------------===//

namespace {
struct Choice {
  const char *name;
  const char *features; ///< The row whose features the machine has.
  const char *chosen;
  const char *note;
};
} // namespace

TEST(Cpu, ChoosesByNameThenByFeatures) {
  const Choice choices[] = {
      {"znver4", "znver4", "znver4", "host is znver4"},
      {"emeraldrapids", "sapphirerapids", "sapphirerapids",
       "host 'emeraldrapids' is not in the table; chose sapphirerapids by its "
       "features"},
      {"skylake", "x86-64-v3", "x86-64-v3",
       "host 'skylake' is not in the table; chose x86-64-v3 by its features"},
      // A virtual machine that hides AVX-512.
      {"znver4", "x86-64-v3", "x86-64-v3",
       "host 'znver4' lacks features of its name; chose x86-64-v3 by its "
       "features"},
      {"westmere", "x86-64-v2", "x86-64-v2",
       "host 'westmere' is not in the table; chose x86-64-v2 by its features"},
      {"raptorlake", "alderlake", "alderlake",
       "host 'raptorlake' is not in the table; chose alderlake by its "
       "features"},
      {"cascadelake", "skylake-avx512", "skylake-avx512",
       "host 'cascadelake' is not in the table; chose skylake-avx512 by its "
       "features"},
      {"k8", "generic", "generic",
       "host 'k8' is not in the table; chose generic by its features"},
      {"cortex-a76", "cortex-a76", "cortex-a76", "host is cortex-a76"},
      {"cortex-a78", "cortex-a76", "neoverse-n1",
       "host 'cortex-a78' is not in the table; chose neoverse-n1 by its "
       "features"},
      {"neoverse-v3", "neoverse-v2", "neoverse-v2",
       "host 'neoverse-v3' is not in the table; chose neoverse-v2 by its "
       "features"},
      {"cortex-a53", "arm64", "cortex-a72",
       "host 'cortex-a53' is not in the table; chose cortex-a72 by its "
       "features"},
  };
  for (const Choice &c : choices) {
    llvm::SmallVector<StringRef> features;
    llvm::append_range(features, lookupCpu(c.features)->features);
    std::string note;
    const Cpu *cpu =
        chooseCpu(c.name, features, lookupCpu(c.features)->arch, note);
    ASSERT_NE(cpu, nullptr) << c.name;
    EXPECT_EQ(cpu->name, c.chosen);
    EXPECT_EQ(note, c.note);
  }
}

TEST(Cpu, NoRowForAnUnknownArchitecture) {
  std::string note;
  EXPECT_EQ(chooseCpu("power10", {"altivec"}, "ppc64le", note), nullptr);
  EXPECT_EQ(note, "host 'power10' has none of the instruction sets in the "
                  "table");
}

TEST(Cpu, ThisMachineHasARow) {
  std::string note;
  EXPECT_NE(nativeCpu(note), nullptr);
  EXPECT_FALSE(note.empty());
}
