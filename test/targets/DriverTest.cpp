//===- DriverTest.cpp - Command line, names and files of bitnetc ----------===//

#include "compiler/Driver.h"
#include "compiler/DriverNames.h"
#include "compiler/DriverOptions.h"
#include "compiler/DriverOutput.h"
#include "test/compiler/TestFiles.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"

using namespace bitnetc;
using namespace bitnetc::test;

using Arguments = std::vector<const char *>;

//===----------------------------------------------------------------------===//
// Command line
//===----------------------------------------------------------------------===//

static DriverOptions parse(const Arguments &arguments) {
  return valueOf(parseOptions(arguments));
}

TEST(DriverOptions, Defaults) {
  DriverOptions options = parse({"model"});
  EXPECT_EQ(options.path, "model");
  EXPECT_EQ(options.emit, Emit::Program);
  ASSERT_EQ(options.cpus.size(), 1u);
  EXPECT_FALSE(options.cpuNote.empty());
  EXPECT_FALSE(options.verbose || options.saveTemps || options.help);
}

TEST(DriverOptions, ValuesInEverySpelling) {
  for (const Arguments &arguments :
       {Arguments{"m", "-o", "x", "--target=znver4", "--emit=obj"},
        Arguments{"-ox", "--target", "znver4", "--emit", "obj", "m"},
        Arguments{"--output=x", "--emit=obj", "--target=znver4", "--", "m"},
        Arguments{"-o=x", "--target=generic", "--target=znver4", "--emit=obj",
                  "m"}}) {
    DriverOptions options = parse(arguments);
    EXPECT_EQ(options.path, "m");
    EXPECT_EQ(options.output, "x");
    EXPECT_EQ(options.emit, Emit::Object);
    EXPECT_EQ(options.cpus[0]->name, "znver4");
    EXPECT_TRUE(options.cpuNote.empty());
  }
  EXPECT_EQ(parse({"--", "-m"}).path, "-m");
  EXPECT_TRUE(parse({"m", "--verbose", "--save-temps"}).verbose);
}

TEST(DriverOptions, NothingElseIsNeededForHelp) {
  EXPECT_TRUE(parse({"--help"}).help);
  EXPECT_TRUE(parse({"-h"}).help);
  EXPECT_TRUE(parse({"--version"}).version);
  EXPECT_TRUE(parse({"--print-targets"}).printTargets);
}

TEST(DriverOptions, MistakesAreExplained) {
  const std::pair<Arguments, const char *> mistakes[] = {
      {{}, "no model given"},
      {{""}, "the model's path is empty"},
      {{"a", "b"}, "more than one model: 'a' and 'b'"},
      {{"m", "--emti=asm"}, "unknown option '--emti'; did you mean '--emit'?"},
      {{"m", "--frobnicate"}, "unknown option '--frobnicate'"},
      {{"m", "-x"}, "unknown option '-x'"},
      {{"m", "--emit=asn"}, "cannot emit 'asn'; did you mean 'asm'?"},
      {{"m", "--target=znver6"},
       "unknown target 'znver6'; did you mean 'znver4'?"},
      {{"m", "--target=pentium"},
       "unknown target 'pentium'; known: native, generic, x86-64-v2, "
       "x86-64-v3, "
       "alderlake, skylake-avx512, cascadelake, icelake-server, znver4, "
       "znver5, "
       "sapphirerapids, arm64, cortex-a72, apple-m1, cortex-a76, neoverse-n1, "
       "apple-m2, neoverse-v1, neoverse-v2, rv64gc, rv64gcv"},
      {{"m", "-o"}, "option '-o' needs a value: -o FILE"},
      {{"m", "--output="}, "the output's name is empty"},
      {{"m", "-v=1"}, "option '-v' takes no value"},
      {{"m", "--emit=obj", "--prefix=1x"}, "prefix '1x' is not a C identifier"},
      {{"m", "--prefix=x"},
       "--prefix is for --emit=obj: nobody links to the symbols of a program"},
      {{"m", "-o-"}, "only text can be written to standard output"},
  };
  for (const auto &[arguments, message] : mistakes)
    EXPECT_EQ(messageOf(parseOptions(arguments)), message);
}

TEST(DriverOptions, HelpFitsATerminalAndNamesEveryOption) {
  std::string text;
  llvm::raw_string_ostream os(text);
  printHelp(os);
  for (const char *option : {"-o FILE", "--emit=WHAT", "--prefix", "--target",
                             "--print-targets", "--save-temps", "-v"})
    EXPECT_NE(text.find(option), std::string::npos) << option;
  llvm::SmallVector<llvm::StringRef> lines;
  llvm::StringRef(text).split(lines, '\n');
  for (llvm::StringRef line : lines)
    EXPECT_LE(line.size(), 80u) << line.str();
}

TEST(Driver, ExitCodes) {
  EXPECT_EQ(runDriver({"bitnetc", "--version"}), kSuccess);
  EXPECT_EQ(runDriver({"bitnetc"}), kBadUsage);
  EXPECT_EQ(runDriver({"bitnetc", "/nonexistent"}), kBadInput);
}

//===----------------------------------------------------------------------===//
// Names
//===----------------------------------------------------------------------===//

TEST(DriverNames, IdentifiersAndFileNames) {
  EXPECT_EQ(identifier("bitnet-2b.v1"), "bitnet_2b_v1");
  EXPECT_EQ(identifier("2b"), "m2b");
  EXPECT_EQ(identifier(""), "m");
  EXPECT_EQ(fileName("BitNet b1.58 (2B)"), "BitNet-b1.58--2B-");
  EXPECT_EQ(fileName("../../etc/passwd"), "etc-passwd");
  EXPECT_EQ(fileName(".."), "model");
  EXPECT_EQ(fileName("--help"), "help");
}

TEST(DriverNames, Header) {
  std::string text = headerText("net", "a-net", "net.weights", "znver4");
  expectParts(text, {"#ifndef NET_H", "#include \"bitnet_abi.h\"",
                     "extern const bitnet_model net_model;", "extern \"C\" {\n",
                     "net.weights", "znver4"});
}

//===----------------------------------------------------------------------===//
// Files
//===----------------------------------------------------------------------===//

static std::string contents(const std::string &path) {
  auto buffer = llvm::MemoryBuffer::getFile(path);
  return buffer ? (*buffer)->getBuffer().str() : "(none)";
}

static size_t entries(const std::string &directory) {
  std::error_code code;
  size_t count = 0;
  for (llvm::sys::fs::directory_iterator it(directory, code), end;
       it != end && !code; it.increment(code))
    ++count;
  return count;
}

TEST(DriverOutput, TemporaryFilesAppearOrDisappear) {
  TempDir dir;
  std::string path = dir.file("out");
  {
    llvm::Expected<TemporaryFile> file = TemporaryFile::create(path);
    ASSERT_TRUE(static_cast<bool>(file));
    EXPECT_EQ(entries(dir.path), 1u);
    EXPECT_EQ(contents(path), "(none)");
  }
  EXPECT_EQ(entries(dir.path), 0u);
  {
    llvm::Expected<TemporaryFile> file = TemporaryFile::create(path);
    ASSERT_TRUE(static_cast<bool>(file));
    llvm::cantFail(writeInPlace(file->path(), "text"));
    llvm::cantFail(file->keep());
  }
  EXPECT_EQ(entries(dir.path), 1u);
  EXPECT_EQ(contents(path), "text");
}

TEST(DriverOutput, ReplacesFilesButNotFolders) {
  TempDir dir;
  std::string path = dir.write("out", std::string("old"));
  llvm::cantFail(writeFile(path, "new"));
  EXPECT_EQ(contents(path), "new");
  expectParts(messageOf(writeFile(dir.path, "new")), {"is a directory", "-o"});
  expectParts(messageOf(writeFile(dir.file("none/out"), "new")),
              {"none/out", "No such file"});
  EXPECT_EQ(entries(dir.path), 1u);
}

TEST(DriverOutput, DevicesAreNotReplaced) {
  llvm::cantFail(writeFile("/dev/null", "text"));
  llvm::sys::fs::file_status status;
  ASSERT_FALSE(llvm::sys::fs::status("/dev/null", status));
  EXPECT_TRUE(llvm::sys::fs::is_other(status));
  expectParts(messageOf(writeFile("/dev/full", "text")), {"/dev/full"});
}
