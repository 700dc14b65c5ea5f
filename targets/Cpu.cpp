//===- Cpu.cpp - The CPUs that code is generated for ----------------------===//

#include "targets/Cpu.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/TargetParser/Triple.h"

using namespace mlir::bitnet;
using llvm::StringLiteral;
using llvm::StringRef;

//===----------------------------------------------------------------------===//
// The table
//===----------------------------------------------------------------------===//

// Features that only some processors of a kind have (avx512bf16, sse4a, …) are
// left out on purpose: code of a row then runs on every CPU of its class, so
// that a Sapphire Rapids runs what was compiled for znver4 and the reverse.
static constexpr StringLiteral kSSE2[] = {"sse2"};
static constexpr StringLiteral kAVX2[] = {"sse2",   "ssse3", "sse4.1", "sse4.2",
                                          "popcnt", "avx",   "avx2",   "fma",
                                          "f16c",   "bmi2"};
static constexpr StringLiteral kSSE42[] = {"sse2", "ssse3", "sse4.1", "sse4.2",
                                           "popcnt"};
static constexpr StringLiteral kAVXVNNI[] = {
    "sse2", "ssse3", "sse4.1", "sse4.2", "popcnt", "avx",
    "avx2", "fma",   "f16c",   "bmi2",   "avxvnni"};
static constexpr StringLiteral kAVX512BW[] = {
    "sse2", "ssse3", "sse4.1", "sse4.2",  "popcnt",   "avx",      "avx2",
    "fma",  "f16c",  "bmi2",   "avx512f", "avx512bw", "avx512dq", "avx512vl"};
static constexpr StringLiteral kAVX512VNNI[] = {
    "sse2",    "ssse3",    "sse4.1",   "sse4.2",   "popcnt",
    "avx",     "avx2",     "fma",      "f16c",     "bmi2",
    "avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512vnni"};
static constexpr StringLiteral kAVX512[] = {"sse2",
                                            "ssse3",
                                            "sse4.1",
                                            "sse4.2",
                                            "popcnt",
                                            "avx",
                                            "avx2",
                                            "fma",
                                            "f16c",
                                            "bmi2",
                                            "avx512f",
                                            "avx512bw",
                                            "avx512dq",
                                            "avx512vl",
                                            "avx512vbmi",
                                            "avx512vnni",
                                            "avx512vpopcntdq",
                                            "avx512bitalg"};

static constexpr StringLiteral kNeon[] = {"neon"};
static constexpr StringLiteral kDotprod[] = {"neon", "dotprod"};
static constexpr StringLiteral kI8MM[] = {"neon", "dotprod", "i8mm"};

// Those that LLVM's bare ISA (integers) lacks of what all that run Linux have,
// and vectors.
static constexpr StringLiteral kRV64GC[] = {"m", "a", "f", "d", "c"};
static constexpr StringLiteral kRVV[] = {"m", "a", "f", "d", "c", "v"};

static constexpr StringLiteral kLinuxX86 = "x86_64-unknown-linux-gnu";
static constexpr StringLiteral kLinuxArm = "aarch64-unknown-linux-gnu";
static constexpr StringLiteral kLinuxRiscV = "riscv64-unknown-linux-gnu";

// From the poorest to the richest: nativeCpu takes the last that fits. Neither
// of alderlake and skylake-avx512 has all that the other has.
static constexpr Cpu kCpus[] = {
    {"generic", "x86_64", kLinuxX86, "x86-64", "generic", kSSE2, 128, 16,
     32 << 10, 256 << 10, 0, "any x86-64 processor"},
    {"x86-64-v2", "x86_64", kLinuxX86, "x86-64", "nehalem", kSSE42, 128, 16,
     32 << 10, 256 << 10, 0,
     "SSE4.2: Intel since Nehalem, AMD since Bulldozer"},
    {"x86-64-v3", "x86_64", kLinuxX86, "x86-64", "haswell", kAVX2, 256, 16,
     32 << 10, 256 << 10, 4096, "AVX2: Intel since Haswell, AMD since Zen"},
    {"alderlake", "x86_64", kLinuxX86, "x86-64", "alderlake", kAVXVNNI, 256, 16,
     32 << 10, 1280 << 10, 4096, "AVX2 with VNNI: Intel's since Alder Lake"},
    {"skylake-avx512", "x86_64", kLinuxX86, "x86-64", "skylake-avx512",
     kAVX512BW, 512, 32, 32 << 10, 1 << 20, 4096,
     "AVX-512 without VNNI, tuned for Intel Skylake servers"},
    {"cascadelake", "x86_64", kLinuxX86, "x86-64", "cascadelake", kAVX512VNNI,
     512, 32, 32 << 10, 1 << 20, 4096,
     "AVX-512 with VNNI alone, tuned for Intel Cascade Lake servers"},
    {"icelake-server", "x86_64", kLinuxX86, "x86-64", "icelake-server", kAVX512,
     512, 32, 48 << 10, 1280 << 10, 4096,
     "AVX-512 with VNNI, VBMI and VPOPCNTDQ, tuned for Intel Ice Lake "
     "servers"},
    {"znver4", "x86_64", kLinuxX86, "x86-64", "znver4", kAVX512, 512, 32,
     32 << 10, 1 << 20, 4096, "the same, tuned for AMD Zen 4"},
    {"znver5", "x86_64", kLinuxX86, "x86-64", "znver5", kAVX512, 512, 32,
     48 << 10, 1 << 20, 4096, "the same, tuned for AMD Zen 5"},
    {"sapphirerapids", "x86_64", kLinuxX86, "x86-64", "sapphirerapids", kAVX512,
     512, 32, 48 << 10, 2 << 20, 4096,
     "the same, tuned for Intel Sapphire Rapids"},
    // With LLVM's tuning for no processor the loops of matmuls spill.
    {"arm64", "aarch64", kLinuxArm, "generic", "cortex-a72", kNeon, 128, 32,
     32 << 10, 512 << 10, 0, "any 64-bit Arm processor"},
    {"cortex-a72", "aarch64", kLinuxArm, "generic", "cortex-a72", kNeon, 128,
     32, 32 << 10, 512 << 10, 0, "Raspberry Pi 4"},
    {"apple-m1", "aarch64", kLinuxArm, "generic", "apple-m1", kDotprod, 128, 32,
     128 << 10, 3 << 20, 0, "sdot: Apple M1"},
    {"cortex-a76", "aarch64", kLinuxArm, "generic", "cortex-a76", kDotprod, 128,
     32, 64 << 10, 512 << 10, 0, "sdot: Raspberry Pi 5"},
    {"neoverse-n1", "aarch64", kLinuxArm, "generic", "neoverse-n1", kDotprod,
     128, 32, 64 << 10, 1 << 20, 0, "sdot: Graviton 2, Ampere Altra"},
    {"apple-m2", "aarch64", kLinuxArm, "generic", "apple-m2", kI8MM, 128, 32,
     128 << 10, 4 << 20, 0, "usdot, usmmla: Apple's since M2"},
    {"neoverse-v1", "aarch64", kLinuxArm, "generic", "neoverse-v1", kI8MM, 128,
     32, 64 << 10, 1 << 20, 0, "usdot, usmmla: Graviton 3"},
    {"neoverse-v2", "aarch64", kLinuxArm, "generic", "neoverse-v2", kI8MM, 128,
     32, 64 << 10, 2 << 20, 0, "usdot, usmmla: Graviton 4, Grace"},
    {"rv64gc", "riscv64", kLinuxRiscV, "generic-rv64", "generic-rv64", kRV64GC,
     64, 32, 32 << 10, 512 << 10, 0, "any 64-bit RISC-V processor"},
    {"rv64gcv", "riscv64", kLinuxRiscV, "generic-rv64", "generic-rv64", kRVV,
     128, 32, 32 << 10, 512 << 10, 0,
     "RISC-V with vectors of at least 128 bits"},
};

/// Processors by LLVM's names that run the code of a row, and levels.
static constexpr CpuClass kClasses[] = {
    {"x86-64", "generic"},
    {"nehalem", "x86-64-v2"},
    {"westmere", "x86-64-v2"},
    {"sandybridge", "x86-64-v2"},
    {"ivybridge", "x86-64-v2"},
    {"haswell", "x86-64-v3"},
    {"broadwell", "x86-64-v3"},
    {"skylake", "x86-64-v3"},
    {"znver1", "x86-64-v3"},
    {"znver2", "x86-64-v3"},
    {"znver3", "x86-64-v3"},
    {"gracemont", "alderlake"},
    {"raptorlake", "alderlake"},
    {"meteorlake", "alderlake"},
    {"arrowlake", "alderlake"},
    {"lunarlake", "alderlake"},
    {"x86-64-v4", "skylake-avx512"},
    {"cooperlake", "cascadelake"},
    {"icelake-client", "icelake-server"},
    {"tigerlake", "icelake-server"},
    {"rocketlake", "icelake-server"},
    {"emeraldrapids", "sapphirerapids"},
    {"graniterapids", "sapphirerapids"},
    {"cortex-a53", "cortex-a72"},
    {"cortex-a57", "cortex-a72"},
    {"cortex-a73", "cortex-a72"},
    {"apple-m3", "apple-m2"},
    {"apple-m4", "apple-m2"},
    {"cortex-a55", "cortex-a76"},
    {"cortex-a77", "cortex-a76"},
    {"cortex-a78", "cortex-a76"},
    {"neoverse-n2", "neoverse-v2"},
    {"neoverse-v3", "neoverse-v2"},
};

//===----------------------------------------------------------------------===//
// Look-up
//===----------------------------------------------------------------------===//

bool Cpu::hasFeature(StringRef feature) const {
  return llvm::is_contained(features, feature);
}

bool Cpu::hasFeatures(llvm::ArrayRef<StringLiteral> required) const {
  return llvm::all_of(required, [&](StringRef f) { return hasFeature(f); });
}

std::string Cpu::width() const {
  return std::to_string(vectorBits) +
         (vectorBits < 128 ? "-bit registers" : "-bit vectors");
}

std::string Cpu::featureString() const {
  std::string text;
  for (StringRef feature : features)
    text += (text.empty() ? "+" : ",+") + feature.str();
  return text;
}

llvm::ArrayRef<Cpu> mlir::bitnet::allCpus() { return kCpus; }

llvm::ArrayRef<CpuClass> mlir::bitnet::allCpuClasses() { return kClasses; }

const Cpu *mlir::bitnet::lookupCpu(StringRef name) {
  for (const CpuClass &other : kClasses)
    if (other.name == name)
      name = other.row;
  const Cpu *cpu =
      llvm::find_if(kCpus, [&](const Cpu &row) { return row.name == name; });
  return cpu == std::end(kCpus) ? nullptr : cpu;
}

const Cpu *mlir::bitnet::chooseCpu(StringRef hostName,
                                   llvm::ArrayRef<StringRef> hostFeatures,
                                   StringRef hostArch, std::string &note) {
  // Virtual machines may hide features that a processor of that name has, so
  // the name alone is not enough.
  auto fits = [&](const Cpu &cpu) {
    return cpu.arch == hostArch &&
           llvm::all_of(cpu.features, [&](StringRef feature) {
             return llvm::is_contained(hostFeatures, feature);
           });
  };
  const Cpu *named = lookupCpu(hostName);
  if (named && fits(*named)) {
    note = ("host is " + hostName).str();
    if (named->name != hostName)
      note += (", which runs code for " + named->name).str();
    return named;
  }
  const Cpu *best = nullptr;
  for (const Cpu &cpu : kCpus)
    if (fits(cpu))
      best = &cpu;
  std::string host = "host '" + hostName.str() + "' ";
  if (!best) {
    note = host + "has none of the instruction sets in the table";
    return nullptr;
  }
  note = host +
         (named ? "lacks features of its name; chose "
                : "is not in the table; chose ") +
         best->name.str() + " by its features";
  return best;
}

const Cpu *mlir::bitnet::nativeCpu(std::string &note) {
  llvm::StringMap<bool> host = llvm::sys::getHostCPUFeatures();
  llvm::SmallVector<StringRef> features;
  for (const auto &entry : host)
    if (entry.second)
      features.push_back(entry.first());
  llvm::Triple triple(llvm::sys::getProcessTriple());
  return chooseCpu(llvm::sys::getHostCPUName(), features, triple.getArchName(),
                   note);
}
