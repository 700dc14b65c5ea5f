//===- WeightSource.cpp - One weight as packed bytes ----------------------===//

#include "WeightSource.h"

#include "dialect/Layouts.h"
#include "llvm/Support/MathExtras.h"
#include <cmath>

using namespace mlir;
using namespace mlir::bitnet;
using namespace bitnetc;

// Both vocabularies have the word; here it is the dialect's.
using WeightKind = mlir::bitnet::WeightQuant;

Bytes bitnetc::toBytes(ArrayRef<float> floats) {
  Bytes bytes(floats.size() * sizeof(float));
  if (!bytes.empty())
    std::memcpy(bytes.data(), floats.data(), bytes.size());
  return bytes;
}

WeightSource::WeightSource(WeightOp weight, int64_t instance,
                           const Model &model, WeightReader &reader)
    : weight(weight), model(model), reader(reader), layout(*weight.getLayout()),
      rows(weight.isMatrix() ? weight.getRows() : 1),
      cols(weight.isMatrix() ? weight.getCols() : weight.getRows()),
      tensor(weight.getSource().str()) {
  if (size_t place = tensor.find("{}"); place != std::string::npos)
    tensor.replace(place, 2, std::to_string(instance));
}

WeightSource::Scales WeightSource::pack(Sink sink) {
  if (tensor == "@rope")
    return packRope(sink);
  switch (weight.getQuant()) {
  case WeightKind::Float:
    return packFloats(sink);
  case WeightKind::Int8:
    return packInt8(sink);
  case WeightKind::Ternary:
  case WeightKind::Binary:
    return packLinear(sink);
  }
  llvm_unreachable("kind of weight");
}

llvm::Error WeightSource::error(const Twine &message) {
  return llvm::createStringError(model.path + ": cannot pack \"" + tensor +
                                 "\": " + message);
}

/// Rows of floats, padded as the layout says.
Bytes WeightSource::padRows(ArrayRef<float> values) {
  int64_t width = llvm::alignTo(cols, kRowPad);
  int64_t count = values.size() / cols;
  std::vector<float> padded(count * width);
  for (int64_t r = 0; r < count; ++r)
    llvm::copy(values.slice(r * cols, cols), padded.begin() + r * width);
  return toBytes(padded);
}

/// Rows of a matrix that are in memory at a time: whole blocks of any layout.
static constexpr int64_t kRowsAtATime = 1024;

WeightSource::Scales WeightSource::packFloats(Sink sink) {
  if (!weight.isMatrix()) {
    auto values = reader.readFloat(tensor);
    if (!values)
      return values.takeError();
    if (static_cast<int64_t>(values->size()) != cols)
      return error("expected " + Twine(cols) + " elements, found " +
                   Twine(values->size()));
    sink(padRows(*values));
    return std::vector<float>();
  }
  for (int64_t first = 0; first < rows; first += kRowsAtATime) {
    auto values =
        reader.readRows(tensor, first, std::min(rows, first + kRowsAtATime));
    if (!values)
      return values.takeError();
    sink(padRows(*values));
  }
  return std::vector<float>();
}

/// code = rint(w / scale). An embedding has hundreds of millions of elements,
/// so this must become vector code, which a call of rint would prevent: adding
/// and subtracting 1.5 * 2^23 rounds floats of up to 2^22 to the nearest even
/// integer.
static void quantizeRow(ArrayRef<float> row, float scale, int8_t *codes) {
  constexpr float kRound = 0x1.8p23f;
  if (scale == 0) { // Zeros, or denormals that are too small for a scale.
    std::fill(codes, codes + row.size(), 0);
    return;
  }
  for (size_t c = 0; c < row.size(); ++c) {
    // A denormal scale is coarse: quotients may exceed 127.
    float quotient = std::min(127.0f, std::max(-127.0f, row[c] / scale));
    codes[c] = static_cast<int8_t>((quotient + kRound) - kRound);
  }
}

WeightSource::Scales WeightSource::packInt8(Sink sink) {
  std::vector<float> scales;
  std::vector<int8_t> codes;
  for (int64_t first = 0; first < rows; first += kRowsAtATime) {
    int64_t count = std::min(rows - first, kRowsAtATime);
    auto values = reader.readRows(tensor, first, first + count);
    if (!values)
      return values.takeError();
    if (static_cast<int64_t>(values->size()) != count * cols)
      return error("expected rows of " + Twine(cols) + " elements");
    codes.resize(count * cols);
    for (int64_t r = 0; r < count; ++r) {
      const float *row = values->data() + r * cols;
      float largest = 0;
      bool finite = true;
      for (int64_t c = 0; c < cols; ++c) {
        finite &= std::isfinite(row[c]);
        largest = std::max(largest, std::fabs(row[c]));
      }
      if (!finite)
        return error("row " + Twine(first + r) + " is not finite");
      float scale = largest / 127;
      scales.push_back(scale);
      quantizeRow(ArrayRef(row, cols), scale, codes.data() + r * cols);
    }
    Bytes packed(codeBytes(layout, count, cols));
    packCodes(layout, codes, count, cols, packed);
    sink(std::move(packed));
  }
  return scales;
}

/// Embeddings are read in parts: as codes they would be a byte an element. The
/// linears of layers may share a mean and are read as a whole.
WeightSource::Scales WeightSource::packLinear(Sink sink) {
  auto source = quantizedSource(model, tensor);
  if (!source)
    return error("is not a linear of this model");
  const bool oneScale = source->quant.scale == ScaleKind::Tensor;
  const bool parts = !weight.getSource().contains("{}") &&
                     source->quant.packing != Packing::Master;
  std::vector<float> scales;
  for (int64_t first = 0; first < rows;) {
    int64_t count = parts ? std::min(rows - first, kRowsAtATime) : rows;
    auto matrix = reader.readLinear(tensor, first, first + count);
    if (!matrix)
      return matrix.takeError();
    if (matrix->rows != count || matrix->cols != cols)
      return error("expected shape [" + Twine(count) + ", " + Twine(cols) +
                   "], found [" + Twine(matrix->rows) + ", " +
                   Twine(matrix->cols) + "]");
    Bytes packed(codeBytes(layout, count, cols));
    packCodes(layout, matrix->codes, count, cols, packed);
    sink(std::move(packed));
    // A part of zeros does not know the scale of the matrix.
    if (!oneScale)
      llvm::append_range(scales, matrix->scale);
    else if (scales.empty() || scales[0] == 0)
      scales = std::move(matrix->scale);
    first += count;
  }
  return scales;
}

/// Angles are products in single precision, as the reference computes them; the
/// functions of them are exact to the last bit of single precision.
WeightSource::Scales WeightSource::packRope(Sink sink) {
  int64_t half = cols / 2;
  if (static_cast<int64_t>(model.ropeInvFreq.size()) != half)
    return error("expected " + Twine(half) + " frequencies, found " +
                 Twine(model.ropeInvFreq.size()));
  for (int64_t first = 0; first < rows; first += kRowsAtATime) {
    int64_t count = std::min(rows - first, kRowsAtATime);
    std::vector<float> table(count * cols);
    for (int64_t r = 0; r < count; ++r)
      for (int64_t i = 0; i < half; ++i) {
        float angle = static_cast<float>(first + r) * model.ropeInvFreq[i];
        table[r * cols + i] =
            static_cast<float>(std::cos(static_cast<double>(angle))) *
            model.ropeMagnitude;
        table[r * cols + half + i] =
            static_cast<float>(std::sin(static_cast<double>(angle))) *
            model.ropeMagnitude;
      }
    sink(padRows(table));
  }
  return std::vector<float>();
}
