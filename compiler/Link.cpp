//===- Link.cpp - From an object to a program -----------------------------===//
//
// Links by LLD in this process: a machine that runs bitnetc needs no compiler,
// no linker and no libc of its own. The runtime bundle already holds the C
// start-up files and libraries; nothing is searched for.
//
//===----------------------------------------------------------------------===//
#include "Link.h"
#include "lld/Common/Driver.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"
#include <cstdlib>
#include <vector>

LLD_HAS_DRIVER(elf)

using namespace llvm;

namespace bitnetc {

namespace {
/// Why each is there:
///   -z nostart-stop-gc  static glibc finds its clean-up functions through
///                       __start_/__stop_ symbols alone
///   --eh-frame-hdr      exceptions in a program without a dynamic linker
///   --build-id          gives the PT_NOTE that appendWeights turns into the
///                       segment of the weights; a hash keeps links
///                       reproducible
constexpr const char *flags[] = {
    "ld.lld",
    "-static",
    "--no-pie",
    "--gc-sections",
    "-z",
    "nostart-stop-gc",
    "-z",
    "noexecstack",
    "-z",
    "relro",
    "-z",
    "now",
    "--eh-frame-hdr",
    "--build-id=sha1",
};

Error linkError(const Twine &message) {
  return createStringError(inconvertibleErrorCode(), message);
}

/// Any symbol of this library, to find the compiler's own executable by.
int anchor;
} // namespace

Expected<std::string> findRuntime(StringRef arch, StringRef argv0) {
  SmallString<256> file;
  if (const char *directory = std::getenv("BITNETC_RUNTIME_DIR")) {
    file = directory;
  } else {
    file = sys::path::parent_path(
        sys::fs::getMainExecutable(argv0.str().c_str(), &anchor));
    sys::path::append(file, "..", "lib", "bitnetc");
  }
  sys::path::append(file, arch, "runtime.o");
  sys::path::remove_dots(file, /*remove_dot_dot=*/true);
  if (sys::fs::exists(file))
    return file.str().str();
  return linkError("no runtime for " + arch + ": " + file +
                   " does not exist; set BITNETC_RUNTIME_DIR to the folder "
                   "that holds " +
                   arch + "/runtime.o, or make an object with --emit=obj");
}

Error linkStatic(ArrayRef<std::string> inputs, StringRef program) {
  // LLD keeps pointers to its arguments while it runs and resets the options
  // that they may have come from.
  const std::string output = program.str();
  const std::vector<std::string> files(inputs.begin(), inputs.end());
  for (const std::string &file : files)
    if (!sys::fs::exists(file))
      return linkError(file + ": no such file");

  std::vector<const char *> args(std::begin(flags), std::end(flags));
  args.push_back("-o");
  args.push_back(output.c_str());
  for (const std::string &file : files)
    args.push_back(file.c_str());

  std::string messages;
  raw_string_ostream stream(messages);
  lld::Result result =
      lld::lldMain(args, stream, stream, {{lld::Gnu, &lld::elf::link}});
  if (result.retCode == 0)
    return Error::success();
  return linkError("linking " + output + " failed:\n" +
                   StringRef(messages).rtrim());
}

} // namespace bitnetc
