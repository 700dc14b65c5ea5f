//===- WeightReader.h - Tensor bytes as codes and floats -------*- C++ -*-===//
//
// Turns the tensors a Model points at into the two things the packer wants:
// small integer codes with their scale, and f32 vectors. Works one tensor at a
// time through a file mapping, so memory does not grow with the model.
//
//===----------------------------------------------------------------------===//
#ifndef BITNETC_COMPILER_WEIGHTREADER_H
#define BITNETC_COMPILER_WEIGHTREADER_H

#include "Model.h"
#include <memory>

namespace bitnetc {

/// A quantised matrix W[rows][cols] = codes * scale: codes in {-1,0,1}
/// (ternary) or {-1,1} (binary), row-major; scale has 1 entry, `rows`, or with
/// groups of columns [rows][groups], and always multiplies (a divide convention
/// is inverted here, in double).
struct QuantizedMatrix {
  int64_t rows = 0, cols = 0;
  std::vector<int8_t> codes;
  std::vector<float> scale;
};

class WeightReader {
public:
  explicit WeightReader(const Model &model);
  ~WeightReader();

  /// Rows [begin, end) of a matrix of few bits, by its name without suffix:
  /// "model.layers.0.mlp.up_proj". One scale for all of a matrix may be that of
  /// these rows only, and 0 if they are zeros.
  llvm::Expected<QuantizedMatrix>
  readLinear(llvm::StringRef name, int64_t begin = 0, int64_t end = INT64_MAX);

  /// Any F32, F16 or BF16 tensor, widened to f32, row-major.
  llvm::Expected<std::vector<float>> readFloat(llvm::StringRef tensor);

  /// Rows [begin, end) of a 2-d float tensor (embeddings, heads).
  llvm::Expected<std::vector<float>> readRows(llvm::StringRef tensor,
                                              int64_t begin, int64_t end);

private:
  struct Impl;
  std::unique_ptr<Impl> impl;
};

} // namespace bitnetc

#endif // BITNETC_COMPILER_WEIGHTREADER_H
