//===- ObjectTest.cpp - What is in the emitted files ----------------------===//

#include "targets/Object.h"

#include "Jit.h"
#include "mlir/IR/MLIRContext.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Object/ELFObjectFile.h"
#include "llvm/Support/Regex.h"
#include "llvm/Support/raw_ostream.h"
#include <gtest/gtest.h>

using namespace mlir;
using namespace mlir::bitnet;

static constexpr const char *kText = R"mlir(
func.func @dot(%acc: !llvm.ptr, %a: !llvm.ptr, %b: !llvm.ptr) {
  %0 = llvm.load %acc {alignment = 1 : i64} : !llvm.ptr -> vector<16xi32>
  %1 = llvm.load %a {alignment = 1 : i64} : !llvm.ptr -> vector<64xi8>
  %2 = llvm.load %b {alignment = 1 : i64} : !llvm.ptr -> vector<64xi8>
  %3 = bitnet.dot_u8i8 %0, %1, %2 : vector<16xi32>, vector<64xi8>, vector<64xi8>
  llvm.store %3, %acc {alignment = 1 : i64} : vector<16xi32>, !llvm.ptr
  return
}
func.func @halves(%p: !llvm.ptr) {
  %0 = llvm.load %p {alignment = 1 : i64} : !llvm.ptr -> vector<16xi16>
  %1 = bitnet.extend_f16 %0 : vector<16xi16> -> vector<16xf32>
  %2 = arith.addf %1, %1 : vector<16xf32>
  %3 = bitnet.truncate_f16 %2 : vector<16xf32> -> vector<16xi16>
  llvm.store %3, %p {alignment = 1 : i64} : vector<16xi16>, !llvm.ptr
  return
}
// a * b + c must stay two roundings.
func.func @muladd(%p: !llvm.ptr, %a: vector<16xf32>, %b: vector<16xf32>) {
  %0 = llvm.load %p {alignment = 1 : i64} : !llvm.ptr -> vector<16xf32>
  %1 = arith.mulf %a, %b : vector<16xf32>
  %2 = arith.addf %0, %1 : vector<16xf32>
  llvm.store %2, %p {alignment = 1 : i64} : vector<16xf32>, !llvm.ptr
  return
}
// Looks like memset.
func.func @clear(%p: !llvm.ptr, %n: i64) {
  %zero = arith.constant 0 : i64
  %one = arith.constant 1 : i64
  %byte = arith.constant 0 : i8
  llvm.br ^loop(%zero : i64)
^loop(%i: i64):
  %q = llvm.getelementptr %p[%i] : (!llvm.ptr, i64) -> !llvm.ptr, i8
  llvm.store %byte, %q : i8, !llvm.ptr
  %next = arith.addi %i, %one : i64
  %more = arith.cmpi ult, %next, %n : i64
  llvm.cond_br %more, ^loop(%next : i64), ^end
^end:
  return
}
)mlir";

static std::string emit(const Cpu &cpu, EmitKind kind) {
  MLIRContext context;
  OwningOpRef<ModuleOp> module = lower(context, kText, cpu, false);
  llvm::SmallString<0> bytes;
  llvm::raw_svector_ostream out(bytes);
  llvm::cantFail(emitObject({{*module, &cpu}}, kind, out));
  return bytes.str().str();
}

static bool matches(StringRef text, StringRef pattern) {
  return llvm::Regex(pattern).match(text);
}

/// Instructions of `function` in assembly.
static std::string body(StringRef assembly, StringRef function) {
  StringRef rest = assembly.split(("\n" + function + ":").str()).second;
  return rest.split(".Lfunc_end").first.str();
}

TEST(Object, DotIsTheInstructionOfTheRow) {
  const std::pair<const char *, const char *> rows[] = {
      {"generic", "[ \t]pmaddwd"},
      {"x86-64-v2", "[ \t]pmaddwd"},
      {"x86-64-v3", "vpmaddwd.*%ymm"},
      {"alderlake", "vpdpbusd.*%ymm"},
      {"skylake-avx512", "vpmaddwd.*%zmm"},
      {"cascadelake", "vpdpbusd.*%zmm"},
      {"icelake-server", "vpdpbusd.*%zmm"},
      {"znver4", "vpdpbusd.*%zmm"},
      {"znver5", "vpdpbusd.*%zmm"},
      {"sapphirerapids", "vpdpbusd.*%zmm"},
      {"arm64", "sadalp.*4s"},
      {"cortex-a72", "sadalp.*4s"},
      {"cortex-a76", "sdot.*4s"},
      {"neoverse-n1", "sdot.*4s"},
      {"apple-m1", "sdot.*4s"},
      {"apple-m2", "usdot.*4s"},
      {"neoverse-v1", "usdot.*4s"},
      {"neoverse-v2", "usdot.*4s"},
      {"rv64gc", "[ \t]mulw?[ \t]"},
      {"rv64gcv", "vma(cc|dd)"},
  };
  for (auto [name, pattern] : rows) {
    std::string dot = body(emit(*lookupCpu(name), EmitKind::Assembly), "dot");
    EXPECT_TRUE(matches(dot, pattern)) << name << dot;
    // Neither element by element nor 32-bit products.
    EXPECT_FALSE(matches(dot, "imul|pmul|pextr|mul\tv[0-9]+[.]4s|umov|smov"))
        << name << dot;
  }
}

TEST(Object, HalvesByTheInstructionWhereThereIsOne) {
  for (const Cpu &cpu : allCpus()) {
    std::string text = body(emit(cpu, EmitKind::Assembly), "halves");
    if (cpu.arch == "aarch64") {
      for (const char *name : {"fcvtl", "fcvtn", "fminnm", "fmaxnm"})
        EXPECT_TRUE(matches(text, name)) << text;
      continue;
    }
    if (cpu.arch == "riscv64") {
      EXPECT_EQ(matches(text, "vfmin"), cpu.hasFeature("v")) << text;
      continue;
    }
    EXPECT_EQ(matches(text, "vcvtph2ps"), cpu.hasFeature("f16c")) << text;
    EXPECT_EQ(matches(text, "vcvtps2ph"), cpu.hasFeature("f16c")) << text;
    EXPECT_TRUE(matches(text, "minps")) << text;
    EXPECT_EQ(matches(text, "maxps"), cpu.hasFeature("f16c")) << text;
  }
}

TEST(Object, NeverContracts) {
  for (const Cpu &cpu : allCpus()) {
    std::string text = body(emit(cpu, EmitKind::Assembly), "muladd");
    EXPECT_FALSE(matches(text, "fmadd|fmla|fmacc")) << cpu.name.str() << text;
    EXPECT_TRUE(matches(text, "mulps|fmul")) << cpu.name.str() << text;
    EXPECT_TRUE(matches(text, "addps|fadd")) << cpu.name.str() << text;
  }
}

TEST(Object, WideVectorsWhereTheyPay) {
  for (const Cpu &cpu : allCpus())
    EXPECT_EQ(matches(emit(cpu, EmitKind::Assembly), "%zmm"),
              cpu.vectorBits == 512)
        << cpu.name.str();
}

TEST(Object, NeedsNoLibrary) {
  for (const Cpu &cpu : allCpus()) {
    std::string bytes = emit(cpu, EmitKind::Object);
    auto object = llvm::cantFail(llvm::object::ObjectFile::createObjectFile(
        llvm::MemoryBufferRef(bytes, "object")));
    EXPECT_TRUE(object->isELF() && object->is64Bit());
    for (const llvm::object::SymbolRef &symbol : object->symbols())
      EXPECT_FALSE(llvm::cantFail(symbol.getFlags()) &
                   llvm::object::SymbolRef::SF_Undefined)
          << cpu.name.str() << " " << llvm::cantFail(symbol.getName()).str();
  }
}

TEST(Object, LLVMIRSaysWhatItIsFor) {
  std::string text = emit(*lookupCpu("znver4"), EmitKind::LLVMIR);
  EXPECT_TRUE(matches(text, "target triple = \"x86_64-unknown-linux-gnu\""));
  EXPECT_TRUE(matches(text, "\"target-cpu\"=\"x86-64\""));
  EXPECT_TRUE(matches(text, "\"tune-cpu\"=\"znver4\""));
  EXPECT_TRUE(matches(text, "\\+avx512vnni"));
}
