//===- GgufKeys.h - Checked access to the keys of a GGUF file --*- C++ -*-===//
//
// What JsonFields.h is for JSON: every key is read with the type and range it
// must have, the first error sticks, and the keys of the architecture that
// nobody asked for are an error, since they would change the model.
//
//===----------------------------------------------------------------------===//
#ifndef BITNETC_COMPILER_GGUFKEYS_H
#define BITNETC_COMPILER_GGUFKEYS_H

#include "gguf/Gguf.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <set>

namespace bitnetc {

class GgufKeys {
public:
  /// Names given to the readers follow `prefix`, as in "llama." + "vocab_size".
  GgufKeys(const gguf::File &file, llvm::StringRef path,
           llvm::StringRef prefix);

  bool has(llvm::StringRef name) const;
  /// Each of these reads one key; without `fallback` it must be there. An
  /// integer may be an array whose elements are all equal (one a layer).
  int64_t integer(llvm::StringRef name, int64_t min, int64_t max,
                  std::optional<int64_t> fallback = {});
  double number(llvm::StringRef name, double min, double max,
                std::optional<double> fallback = {});
  std::string string(llvm::StringRef name,
                     std::optional<std::string> fallback = {});
  bool boolean(llvm::StringRef name, bool fallback);
  /// A key that says nothing about the computation.
  void ignore(llvm::StringRef name);

  /// Records an error about a key, unless there already is one.
  void fail(llvm::StringRef name, const llvm::Twine &message);
  /// The first error, or an unknown key with the prefix.
  llvm::Error finish();

private:
  const gguf::Value *find(llvm::StringRef name, bool required);
  void mismatch(llvm::StringRef name, const llvm::Twine &expected,
                const gguf::Value &found);

  const gguf::File &file;
  std::string path, prefix;
  std::set<std::string> asked;
  std::string error;
};

} // namespace bitnetc

#endif // BITNETC_COMPILER_GGUFKEYS_H
