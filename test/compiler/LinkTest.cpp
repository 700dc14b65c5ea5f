//===- LinkTest.cpp - Linking programs and appending weights --------------===//
//
// Programs are linked from two small objects that play model and runtime, get
// weights appended and are run: their exit code says whether they found them.
//
//===----------------------------------------------------------------------===//
#include "compiler/Link.h"
#include "TestFiles.h"
#include "llvm/Object/ELFObjectFile.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Program.h"
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sys/stat.h>

using namespace bitnetc;
using namespace bitnetc::test;
namespace fs = std::filesystem;

namespace {

/// Exit code of a program, or -1 and below when it could not run or crashed.
int run(const std::string &program, std::vector<llvm::StringRef> args = {}) {
  args.insert(args.begin(), program);
  std::string error;
  int code = llvm::sys::ExecuteAndWait(program, args, {}, {}, 60, 0, &error);
  EXPECT_EQ(error, "") << program;
  return code;
}

/// Weights of a size that start and end as programs/model.c expects, with a
/// hole between.
std::string writeWeights(const TempDir &dir, uint64_t size) {
  std::string file = dir.file("weights.bin");
  std::ofstream out(file, std::ios::binary);
  out << bytesOf<uint64_t>({0x1122334455667788u});
  out.seekp(std::streamoff(size - 8));
  out << bytesOf<uint64_t>({0x99aabbccddeeff00u});
  return file;
}

class Link : public testing::Test {
protected:
  std::string link() {
    std::string program = dir.file("program");
    EXPECT_EQ(
        toString(linkStatic({LINK_TEST_MODEL, LINK_TEST_RUNTIME}, program)),
        "");
    return program;
  }
  /// A program with a real libc, or "" where there is no static one.
  std::string linkHosted() {
#ifdef LINK_TEST_LIBC
    // crt1.o:crti.o:crtbeginT.o:libc.a:..., our objects go behind the third.
    llvm::SmallVector<llvm::StringRef> files;
    llvm::StringRef(LINK_TEST_LIBC).split(files, ':', -1, false);
    std::vector<std::string> inputs(files.begin(), files.end());
    inputs.insert(inputs.begin() + 3, {LINK_TEST_HOSTED, LINK_TEST_MODEL});
    std::string program = dir.file("hosted");
    EXPECT_EQ(toString(linkStatic(inputs, program)), "");
    return program;
#else
    return "";
#endif
  }
  std::string append(const std::string &program, uint64_t size) {
    return toString(
        appendWeights(program, writeWeights(dir, size), "program_model", 8));
  }
  TempDir dir;
};

TEST_F(Link, LinksAndRuns) {
  std::string program = link();
  EXPECT_EQ(run(program), 2); // No weights yet.
  EXPECT_EQ(run(link()), 2);  // LLD can be called again.
}

TEST_F(Link, DropsUnusedSections) {
  std::string program = link();
  std::ifstream in(program, std::ios::binary);
  std::string bytes(std::istreambuf_iterator<char>(in), {});
  EXPECT_NE(bytes.find("program_model"), std::string::npos);
  EXPECT_LT(bytes.size(), 20000u);
}

TEST_F(Link, ErrorsCarryTheLinkersWords) {
  std::string message =
      messageOf(linkStatic({LINK_TEST_RUNTIME}, dir.file("program")));
  expectParts(message, {"linking", "undefined symbol: program_model"});
  EXPECT_FALSE(fs::exists(dir.file("program")));
  expectParts(messageOf(linkStatic({dir.file("none.o")}, dir.file("program"))),
              {"none.o", "no such file"});
  expectParts(messageOf(linkStatic({dir.write("bad.o", std::string("bad"))},
                                   dir.file("program"))),
              {"linking", "bad.o"});
  expectParts(messageOf(linkStatic({LINK_TEST_MODEL, LINK_TEST_RUNTIME},
                                   dir.file("none/program"))),
              {"none/program"});
  EXPECT_EQ(run(link()), 2); // And after errors.
}

TEST_F(Link, FindsTheRuntime) {
  fs::create_directories(dir.file("x86_64"));
  ASSERT_EQ(setenv("BITNETC_RUNTIME_DIR", dir.path.c_str(), 1), 0);
  expectParts(messageOf(findRuntime("x86_64", "")),
              {"no runtime for x86_64", dir.file("x86_64/runtime.o"),
               "BITNETC_RUNTIME_DIR"});
  fs::copy(LINK_TEST_RUNTIME, dir.file("x86_64/runtime.o"));
  EXPECT_EQ(valueOf(findRuntime("x86_64", "")), dir.file("x86_64/runtime.o"));
  expectParts(messageOf(findRuntime("aarch64", "")),
              {"no runtime for aarch64"});
  unsetenv("BITNETC_RUNTIME_DIR");
  expectParts(messageOf(findRuntime("pdp11", "")), {"lib/bitnetc/pdp11"});
}

TEST_F(Link, AppendsWeights) {
  for (uint64_t size : {16u, 4096u, 1234567u, 4u << 20}) {
    SCOPED_TRACE(size);
    std::string program = link();
    EXPECT_EQ(append(program, size), "");
    EXPECT_EQ(run(program), 0);
  }
}

TEST_F(Link, StripsAllButTheModel) {
  std::string program = link();
  const auto before = fs::file_size(program);
  EXPECT_EQ(toString(stripSymbols(program)), "");
  EXPECT_LT(fs::file_size(program), before);
  std::ifstream in(program, std::ios::binary);
  std::string bytes(std::istreambuf_iterator<char>(in), {});
  EXPECT_NE(bytes.find("program_model"), std::string::npos);
  EXPECT_EQ(bytes.find("_start"), std::string::npos);
  EXPECT_EQ(append(program, 4096), "");
  EXPECT_EQ(run(program), 0);
  expectParts(messageOf(stripSymbols(dir.file("none"))),
              {"none", "No such file"});
  expectParts(messageOf(stripSymbols(dir.write("bad", std::string("bad")))),
              {"bad"});
}

TEST_F(Link, WritesSoundElf) {
  std::string program = link();
  EXPECT_EQ(append(program, 1000), "");
  auto buffer = llvm::MemoryBuffer::getFile(program);
  ASSERT_TRUE(bool(buffer));
  using ELFT = llvm::object::ELF64LE;
  auto elf = llvm::object::ELFObjectFile<ELFT>::create(**buffer);
  ASSERT_TRUE(bool(elf)) << toString(elf.takeError());
  uint64_t last = 0, loads = 0;
  for (const ELFT::Phdr &p : valueOf(elf->getELFFile().program_headers())) {
    if (p.p_type != llvm::ELF::PT_LOAD)
      continue;
    EXPECT_GE(p.p_vaddr, last);
    last = p.p_vaddr;
    ++loads;
    EXPECT_EQ(p.p_offset % p.p_align, p.p_vaddr % p.p_align);
    if (p.p_vaddr == 0x100000000) {
      EXPECT_EQ(p.p_flags, unsigned(llvm::ELF::PF_R));
      EXPECT_EQ(p.p_offset % (2 << 20), 0u);
      EXPECT_EQ(p.p_filesz, 1000u);
    }
  }
  EXPECT_EQ(last, 0x100000000u);
  EXPECT_GT(loads, 1u);
  bool found = false;
  for (const llvm::object::SectionRef &section : elf->sections())
    if (valueOf(section.getName()) == ".bitnet.weights") {
      found = true;
      EXPECT_EQ(valueOf(section.getContents()).size(), 1000u);
    }
  EXPECT_TRUE(found);
}

TEST_F(Link, WeightsSurviveStrip) {
  int tried = 0;
  for (const std::string &strip : {std::string("/usr/bin/strip"),
                                   std::string(LLVM_TOOLS_DIR "/llvm-strip")}) {
    if (!fs::exists(strip))
      continue;
    SCOPED_TRACE(strip);
    ++tried;
    std::string program = link();
    EXPECT_EQ(append(program, 3 << 20), "");
    EXPECT_EQ(run(strip, {program}), 0);
    EXPECT_EQ(run(program), 0);
    program = linkHosted();
    if (program.empty())
      continue;
    EXPECT_EQ(append(program, 3 << 20), "");
    EXPECT_EQ(run(strip, {program}), 0);
    EXPECT_EQ(run(program), 0);
  }
  if (!tried)
    GTEST_SKIP() << "no strip here";
}

TEST_F(Link, HostedProgram) {
  std::string program = linkHosted();
  if (program.empty())
    GTEST_SKIP() << "no static libc here";
  EXPECT_EQ(run(program), 2);
  EXPECT_EQ(append(program, 100001), "");
  EXPECT_EQ(run(program), 0);
}

TEST_F(Link, WeightsAboveTwoGigabytes) {
  std::string program = link();
  EXPECT_EQ(append(program, (uint64_t(5) << 29) + 24), "");
  EXPECT_EQ(run(program), 0);
  // The hole in the weights is one in the program too.
  struct stat status;
  ASSERT_EQ(stat(program.c_str(), &status), 0);
  EXPECT_GT(uint64_t(status.st_size), uint64_t(5) << 29);
  EXPECT_LT(status.st_blocks, 100000);
}

TEST_F(Link, WrongProgramsAreRefused) {
  std::string program = link(), weights = writeWeights(dir, 64);
  auto refuse = [&](const std::string &file, const char *symbol,
                    uint64_t offset, const std::vector<std::string> &parts) {
    std::string message =
        messageOf(appendWeights(file, weights, symbol, offset));
    expectParts(message, {file});
    expectParts(message, parts);
  };
  refuse(program, "other_model", 8, {"\"other_model\" is not defined"});
  refuse(program, "program_model", 1 << 20, {"not in initialised data"});
  refuse(program, "program_model", 0, {"has weights already"}); // magic
  refuse(dir.write("text", std::string("#!/bin/sh\n")), "program_model", 8,
         {"not a 64-bit little-endian ELF"});
  refuse(dir.write("cut", std::string("\x7f"
                                      "ELF\x02\x01\x01") +
                              std::string(57, '\0')),
         "program_model", 8, {"fixed address"});
  refuse(LINK_TEST_MODEL, "program_model", 8, {"fixed address"});
  EXPECT_EQ(run(program), 2); // Refused before anything was written.

  EXPECT_EQ(append(program, 64), "");
  refuse(program, "program_model", 8, {"has weights already"});
  expectParts(messageOf(appendWeights(program, dir.file("none"), "x", 8)),
              {"none", "No such file"});
  expectParts(messageOf(appendWeights(dir.file("gone"), weights, "x", 8)),
              {"gone", "No such file"});
  expectParts(messageOf(appendWeights(
                  program, dir.write("empty", std::string()), "x", 8)),
              {"empty", "is empty"});
}

} // namespace
