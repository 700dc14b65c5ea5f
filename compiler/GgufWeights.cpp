//===- GgufWeights.cpp - Matrices of GGUF files ---------------------------===//

#include "GgufWeights.h"
#include "WeightDecode.h"
#include "gguf/Blocks.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/Twine.h"
#include <algorithm>
#include <cmath>

using namespace llvm;

namespace bitnetc {

static Error failure(const Twine &message) {
  return createStringError(inconvertibleErrorCode(), message);
}

static gguf::BlockMatrix blocksOf(const TensorRef &ref, const uint8_t *data) {
  return {ref.format, uint64_t(ref.shape[0]), uint64_t(ref.shape[1]), data,
          ref.i2sLayout};
}

/// The row of the file that holds row `row`: interleaved rope pairs rows 2i and
/// 2i + 1 of a head where half-split rope pairs i and i + d/2.
static int64_t storedRow(const TensorRef &ref, int64_t row) {
  const int64_t head = ref.interleavedHead;
  if (!head)
    return row;
  const int64_t in = row % head, half = head / 2;
  return row - in + 2 * (in % half) + in / half;
}

//===----------------------------------------------------------------------===//
// Scales
//===----------------------------------------------------------------------===//

namespace {
/// Scales of rows: one, one a row, or all of them.
struct Scales {
  ScaleKind kind = ScaleKind::Tensor;
  std::vector<float> values;
};
} // namespace

/// The value that all scales share. A ternary group whose scale is 0 is zeros
/// under any scale, so with `zeroIsAny` it agrees with all others.
static std::optional<float> common(ArrayRef<float> scales, bool zeroIsAny) {
  std::optional<float> shared;
  for (float scale : scales) {
    if (scale == 0 && zeroIsAny)
      continue;
    if (shared && scale != *shared)
      return std::nullopt;
    shared = scale;
  }
  return shared.value_or(0);
}

/// Of rows [begin, end), in the order in which they are read.
static Expected<Scales> readScales(const TensorRef &ref,
                                   const gguf::BlockMatrix &blocks,
                                   int64_t begin, int64_t end) {
  const auto rows = static_cast<uint64_t>(end - begin);
  const auto cols = static_cast<uint64_t>(ref.shape[1]);
  const uint64_t groups = cols / blocks.groupSize();
  std::vector<float> all;
  all.reserve(rows * groups);
  for (int64_t i = begin; i < end; ++i)
    for (uint64_t c = 0; c < cols; c += blocks.groupSize()) {
      const int64_t row = storedRow(ref, i);
      all.push_back(blocks.scale(row, c));
      if (!std::isfinite(all.back()))
        return failure("the scale of row " + Twine(row) + ", column " +
                       Twine(c) + " is not finite");
    }
  if (auto shared = common(all, blocks.isTernary()))
    return Scales{ScaleKind::Tensor, {*shared}};
  std::vector<float> ofRows;
  for (uint64_t row = 0; row < rows; ++row) {
    auto shared =
        common(ArrayRef(all).slice(row * groups, groups), blocks.isTernary());
    if (!shared)
      return Scales{ScaleKind::Group, std::move(all)};
    ofRows.push_back(*shared);
  }
  return Scales{ScaleKind::Row, std::move(ofRows)};
}

/// Floats that are -a, 0 and a only are ternary already; a, or nothing. (Were
/// they quantised by their mean, the scale would come out too small.)
static std::optional<float> ternaryScale(ArrayRef<float> w) {
  float scale = 0;
  for (float x : w) {
    const float a = std::fabs(x);
    if (a == 0)
      continue;
    if (scale == 0)
      scale = a;
    if (!(a == scale) || !std::isfinite(a))
      return std::nullopt;
  }
  return scale;
}

/// As above, without widening more than is needed to see that they are not.
static bool isTernary(const TensorRef &ref, const uint8_t *data) {
  const uint64_t step = 4096, total = uint64_t(ref.shape[0]) * ref.shape[1];
  std::vector<float> part;
  float scale = 0;
  for (uint64_t at = 0; at < total; at += step) {
    part.resize(std::min(step, total - at));
    widen(data + at * dtypeBytes(ref.dtype), ref.dtype, part);
    auto own = ternaryScale(part);
    if (!own || (*own != 0 && scale != 0 && *own != scale))
      return false;
    scale = std::max(scale, *own);
  }
  return true;
}

bool hasFewBits(const TensorRef &ref) {
  if (ref.format == gguf::Format::None)
    return false;
  gguf::BlockMatrix blocks = blocksOf(ref, nullptr);
  return blocks.isTernary() || blocks.isBinary();
}

Expected<GgufMatrixKind> ggufMatrixKind(const TensorRef &ref,
                                        const uint8_t *data) {
  GgufMatrixKind kind;
  if (ref.format == gguf::Format::None) {
    if (!isFloat(ref.dtype))
      return failure("expected ternary or binary weights, found " +
                     typeName(ref));
    kind.master = !isTernary(ref, data);
    return kind;
  }
  gguf::BlockMatrix blocks = blocksOf(ref, data);
  if (!blocks.isTernary() && !blocks.isBinary())
    return failure("expected ternary or binary weights, found " +
                   typeName(ref));
  auto scales = readScales(ref, blocks, 0, ref.shape[0]);
  if (!scales)
    return scales.takeError();
  kind.weight = blocks.isBinary() ? WeightQuant::Binary : WeightQuant::Ternary;
  kind.scale = scales->kind;
  kind.group = static_cast<int64_t>(blocks.groupSize());
  kind.halfScales = blocks.hasHalfScales();
  return kind;
}

//===----------------------------------------------------------------------===//
// Matrices
//===----------------------------------------------------------------------===//

/// As many scales as the model wants: those of a group of the file, of a row or
/// of the matrix hold for all that the model has in its place.
static void placeScales(const Scales &scales, const Quantization &quant,
                        QuantizedMatrix &m) {
  const int64_t rows = quant.scale == ScaleKind::Tensor ? 1 : m.rows;
  const int64_t groups =
      quant.scale == ScaleKind::Group ? m.cols / quant.group : 1;
  const bool one = scales.kind == ScaleKind::Tensor;
  const int64_t stored = int64_t(scales.values.size()) / m.rows;
  m.scale.reserve(rows * groups);
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t g = 0; g < groups; ++g)
      m.scale.push_back(
          scales.values[one ? 0 : row * stored + g * stored / groups]);
}

/// All rows: what they share is known then only.
static Expected<QuantizedMatrix> readFloatMatrix(const TensorRef &ref,
                                                 const uint8_t *data,
                                                 const Quantization &quant) {
  QuantizedMatrix m;
  m.rows = ref.shape[0];
  m.cols = ref.shape[1];
  std::vector<float> w(size_t(m.rows) * size_t(m.cols));
  for (int64_t row = 0; row < m.rows; ++row)
    widen(data + storedRow(ref, row) * m.cols * dtypeBytes(ref.dtype),
          ref.dtype, MutableArrayRef(w).slice(row * m.cols, m.cols));
  m.codes.resize(w.size());
  if (auto scale = ternaryScale(w)) {
    for (size_t i = 0; i < w.size(); ++i)
      m.codes[i] = int8_t(w[i] > 0) - int8_t(w[i] < 0);
    placeScales({ScaleKind::Tensor, {*scale}}, quant, m);
    return m;
  }
  auto mean = float(meanAbs(w));
  if (!std::isfinite(mean))
    return failure("has weights that are not finite");
  float scale = quantizeMaster(w, mean, WeightQuant::Ternary, m.codes.data());
  placeScales({ScaleKind::Tensor, {scale}}, quant, m);
  return m;
}

Expected<QuantizedMatrix> readGgufMatrix(const TensorRef &ref,
                                         const uint8_t *data,
                                         const Quantization &quant,
                                         int64_t begin, int64_t end) {
  if (ref.format == gguf::Format::None)
    return readFloatMatrix(ref, data, quant);
  gguf::BlockMatrix blocks = blocksOf(ref, data);
  auto scales = readScales(ref, blocks, begin, end);
  if (!scales)
    return scales.takeError();
  QuantizedMatrix m;
  m.rows = end - begin;
  m.cols = ref.shape[1];
  m.codes.resize(size_t(m.rows) * size_t(m.cols));
  for (int64_t row = 0; row < m.rows; ++row) {
    const int64_t from = storedRow(ref, begin + row);
    int8_t *codes = m.codes.data() + row * m.cols;
    blocks.codes(from, codes);
    int8_t highest = *std::max_element(codes, codes + m.cols);
    if (highest > 1)
      return failure("invalid code 3 in row " + Twine(from) + ", column " +
                     Twine(std::find(codes, codes + m.cols, 2) - codes));
    if (blocks.isTernary())
      for (int64_t c = 0; c < m.cols; c += int64_t(blocks.groupSize()))
        if (blocks.scale(from, c) == 0)
          std::fill_n(codes + c, blocks.groupSize(), 0);
  }
  if (scales->kind > quant.scale)
    return failure("has more scales than the model");
  placeScales(*scales, quant, m);
  return m;
}

std::vector<float> readBlockValues(const TensorRef &ref, const uint8_t *data,
                                   uint64_t begin, uint64_t end) {
  uint64_t cols = ref.shape.empty() ? 1 : uint64_t(ref.shape.back()), total = 1;
  for (int64_t extent : ref.shape)
    total *= uint64_t(extent);
  end = std::min(end, total);
  gguf::BlockMatrix blocks(ref.format, total / cols, cols, data, ref.i2sLayout);
  std::vector<float> out(end - begin);
  for (uint64_t row = begin / cols; row < end / cols; ++row)
    blocks.values(row, out.data() + (row * cols - begin));
  return out;
}

} // namespace bitnetc
