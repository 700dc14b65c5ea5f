//===- Reference.h - A whole model in the interpreter ----------*- C++ -*-===//
//
// The other side of "compiled logits are the reference's to the last bit".
//
//===----------------------------------------------------------------------===//
#ifndef BITNETC_COMPILER_REFERENCE_H
#define BITNETC_COMPILER_REFERENCE_H

#include "Model.h"
#include <memory>

namespace bitnetc {

class Reference {
public:
  /// `model` must outlive this.
  explicit Reference(const Model &model);
  ~Reference();

  /// The graph, or what the fusing passes make of it.
  llvm::Error build(bool fused);

  /// Runs @step over all `ids` in one batch, with the first `layers` layers,
  /// and returns the hash that a program prints for `eval --logits-hash`.
  llvm::Expected<uint64_t> run(llvm::ArrayRef<int32_t> ids, int64_t layers);

private:
  struct Impl;
  std::unique_ptr<Impl> impl;
};

} // namespace bitnetc

#endif // BITNETC_COMPILER_REFERENCE_H
