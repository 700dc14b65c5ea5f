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
      {"diamondrapids", "sapphirerapids", "sapphirerapids",
       "host 'diamondrapids' is not in the table; chose sapphirerapids by its "
       "features"},
      {"skylake", "x86-64-v3", "x86-64-v3",
       "host is skylake, which runs code for x86-64-v3"},
      // One that hides AVX2.
      {"skylake", "x86-64-v2", "x86-64-v2",
       "host 'skylake' lacks features of its name; chose x86-64-v2 by its "
       "features"},
      // A virtual machine that hides AVX-512.
      {"znver4", "x86-64-v3", "x86-64-v3",
       "host 'znver4' lacks features of its name; chose x86-64-v3 by its "
       "features"},
      {"goldmont", "x86-64-v2", "x86-64-v2",
       "host 'goldmont' is not in the table; chose x86-64-v2 by its features"},
      {"pantherlake", "alderlake", "alderlake",
       "host 'pantherlake' is not in the table; chose alderlake by its "
       "features"},
      {"cooperlake", "cascadelake", "cascadelake",
       "host is cooperlake, which runs code for cascadelake"},
      {"k8", "generic", "generic",
       "host 'k8' is not in the table; chose generic by its features"},
      {"cortex-a76", "cortex-a76", "cortex-a76", "host is cortex-a76"},
      {"cortex-a78", "cortex-a76", "cortex-a76",
       "host is cortex-a78, which runs code for cortex-a76"},
      {"cortex-x1", "cortex-a76", "neoverse-n1",
       "host 'cortex-x1' is not in the table; chose neoverse-n1 by its "
       "features"},
      {"ampere1", "neoverse-v2", "neoverse-v2",
       "host 'ampere1' is not in the table; chose neoverse-v2 by its "
       "features"},
      {"thunderx", "arm64", "cortex-a72",
       "host 'thunderx' is not in the table; chose cortex-a72 by its "
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

TEST(Cpu, OtherNamesAreOfRowsAndOfNoOther) {
  std::set<std::string> names;
  for (const Cpu &cpu : allCpus())
    names.insert(cpu.name.str());
  for (const CpuClass &other : allCpuClasses()) {
    EXPECT_TRUE(names.insert(other.name.str()).second) << other.name.str();
    const Cpu *row = lookupCpu(other.name);
    ASSERT_NE(row, nullptr) << other.name.str();
    EXPECT_EQ(row->name, other.row);
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
