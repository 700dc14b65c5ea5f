//===- DriverNames.cpp - Names made from a model's name -------------------===//

#include "DriverNames.h"

#include "DriverOptions.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"

using llvm::StringRef;

std::string bitnetc::identifier(StringRef name) {
  std::string text;
  for (char c : name)
    text += llvm::isAlnum(c) ? c : '_';
  return text.empty() || llvm::isDigit(text[0]) ? "m" + text : text;
}

std::string bitnetc::fileName(StringRef name) {
  std::string file = name.str();
  for (char &c : file)
    if (!llvm::isAlnum(c) && !StringRef("-_.+").contains(c))
      c = '-';
  // "." and ".." are folders, "-x" looks like an option.
  file.erase(0, file.find_first_not_of(".-"));
  return file.empty() ? "model" : file;
}

std::string bitnetc::headerText(StringRef prefix, StringRef name,
                                StringRef weights, StringRef target) {
  std::string guard = StringRef(prefix).upper() + "_H";
  return llvm::formatv(R"(/* {0}, compiled by {1} for {2}.
 *
 * Link the object file, map {3} read-only at a multiple of
 * BITNET_ALIGNMENT bytes and pass its address as bitnet_context.weights. The
 * structures are explained in bitnet_abi.h.
 */
#ifndef {4}
#define {4}

#include "bitnet_abi.h"

#ifdef __cplusplus
extern "C" {{
#endif

extern const bitnet_model {5}_model;

#ifdef __cplusplus
}
#endif
#endif /* {4} */
)",
                       name, versionText(), target, weights, guard, prefix)
      .str();
}
