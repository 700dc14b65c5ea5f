//===- DriverNames.h - Names made from a model's name ----------*- C++ -*-===//
//
// A model's name is free text; files, C symbols and the header of an object
// need more careful words.
//
//===----------------------------------------------------------------------===//
#ifndef BITNETC_COMPILER_DRIVERNAMES_H
#define BITNETC_COMPILER_DRIVERNAMES_H

#include "llvm/ADT/StringRef.h"
#include <string>

namespace bitnetc {

/// A C identifier.
std::string identifier(llvm::StringRef name);

/// A file name that stays in its folder.
std::string fileName(llvm::StringRef name);

/// The C header of an object that exports `<prefix>_model`.
std::string headerText(llvm::StringRef prefix, llvm::StringRef name,
                       llvm::StringRef weights, llvm::StringRef target);

} // namespace bitnetc

#endif // BITNETC_COMPILER_DRIVERNAMES_H
