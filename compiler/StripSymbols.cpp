//===- StripSymbols.cpp - A program without names of its functions --------===//
//
// Names of the runtime's functions are a fifth of a program without weights,
// and nobody needs them to run it. Those of generated code stay: the weights
// are tied to one of them (ElfAppend.cpp), and profilers show them.
//
//===----------------------------------------------------------------------===//
#include "Link.h"
#include "llvm/ObjCopy/ConfigManager.h"
#include "llvm/ObjCopy/ObjCopy.h"
#include "llvm/Object/Binary.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;

namespace bitnetc {

Error stripSymbols(StringRef program) {
  constexpr const char *kept[] = {"*_model", "*_step"};
  objcopy::ConfigManager config;
  config.Common.InputFilename = config.Common.OutputFilename = program;
  config.Common.StripAll = true;
  for (const char *pattern : kept)
    if (Error error = config.Common.SymbolsToKeep.addMatcher(
            objcopy::NameOrPattern::create(pattern,
                                           objcopy::MatchStyle::Wildcard,
                                           [](Error error) { return error; })))
      return error;

  SmallVector<char> stripped;
  {
    Expected<object::OwningBinary<object::Binary>> binary =
        object::createBinary(program);
    if (!binary)
      return createFileError(program, binary.takeError());
    raw_svector_ostream out(stripped);
    if (Error error =
            objcopy::executeObjcopyOnBinary(config, *binary->getBinary(), out))
      return error;
  }
  // In place: the file's mode stays.
  std::error_code code;
  raw_fd_ostream file(program, code);
  if (!code) {
    file.write(stripped.data(), stripped.size());
    file.close();
    code = file.error();
    file.clear_error();
  }
  return code ? createStringError(code, program + ": " + code.message())
              : Error::success();
}

} // namespace bitnetc
