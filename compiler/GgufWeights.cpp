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
  return {ref.format, uint64_t(ref.shape[0]), uint64_t(ref.shape[1]), data};
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
/// Scales of a matrix, in the order of the file. A ternary group whose scale is
/// 0 is zeros under any scale, so it agrees with all others.
struct Scales {
  std::vector<float> rows;
  bool sameInAll = true;
};
} // namespace

static Expected<Scales> readScales(const TensorRef &ref,
                                   const gguf::BlockMatrix &blocks) {
  const auto count = static_cast<uint64_t>(ref.shape[0]);
  const auto cols = static_cast<uint64_t>(ref.shape[1]);
  Scales scales;
  scales.rows.reserve(count);
  // 0 stands for: any.
  const bool zeroIsAny = blocks.isTernary();
  std::optional<float> common;
  for (uint64_t row = 0; row < count; ++row) {
    std::optional<float> own;
    for (uint64_t c = 0; c < cols; c += blocks.groupSize()) {
      const float d = blocks.scale(row, c);
      if (!std::isfinite(d))
        return failure("the scale of row " + Twine(row) + ", column " +
                       Twine(c) + " is not finite");
      if (d == 0 && zeroIsAny)
        continue;
      if (!own)
        own = d;
      if (d != *own)
        return failure(typeName(ref) + " with a scale for each group of " +
                       Twine(blocks.groupSize()) +
                       " columns is not supported yet, and " + "row " +
                       Twine(row) + " has different ones, " +
                       std::to_string(*own) + " and " + std::to_string(d) +
                       " at column " + Twine(c));
    }
    scales.rows.push_back(own.value_or(0));
    if (!own)
      continue;
    if (!common)
      common = own;
    scales.sameInAll &= *own == *common;
  }
  if (scales.sameInAll)
    scales.rows.assign(1, common.value_or(0));
  return scales;
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
  auto scales = readScales(ref, blocks);
  if (!scales)
    return scales.takeError();
  kind.weight = blocks.isBinary() ? WeightQuant::Binary : WeightQuant::Ternary;
  kind.scale = scales->sameInAll ? ScaleKind::Tensor : ScaleKind::Row;
  return kind;
}

//===----------------------------------------------------------------------===//
// Matrices
//===----------------------------------------------------------------------===//

static Expected<QuantizedMatrix> readFloatMatrix(const TensorRef &ref,
                                                 const uint8_t *data) {
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
    m.scale = {*scale};
    return m;
  }
  auto mean = float(meanAbs(w));
  if (!std::isfinite(mean))
    return failure("has weights that are not finite");
  m.scale = {quantizeMaster(w, mean, WeightQuant::Ternary, m.codes.data())};
  return m;
}

Expected<QuantizedMatrix> readGgufMatrix(const TensorRef &ref,
                                         const uint8_t *data) {
  if (ref.format == gguf::Format::None)
    return readFloatMatrix(ref, data);
  gguf::BlockMatrix blocks = blocksOf(ref, data);
  auto scales = readScales(ref, blocks);
  if (!scales)
    return scales.takeError();
  QuantizedMatrix m;
  m.rows = ref.shape[0];
  m.cols = ref.shape[1];
  m.codes.resize(size_t(m.rows) * size_t(m.cols));
  m.scale.resize(scales->rows.size());
  for (int64_t row = 0; row < m.rows; ++row) {
    const int64_t from = storedRow(ref, row);
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
    if (m.scale.size() > 1)
      m.scale[row] = scales->rows[from];
  }
  if (m.scale.size() == 1)
    m.scale = scales->rows;
  return m;
}

std::vector<float> readBlockValues(const TensorRef &ref, const uint8_t *data,
                                   uint64_t begin, uint64_t end) {
  uint64_t cols = ref.shape.empty() ? 1 : uint64_t(ref.shape.back()), total = 1;
  for (int64_t extent : ref.shape)
    total *= uint64_t(extent);
  end = std::min(end, total);
  gguf::BlockMatrix blocks(ref.format, total / cols, cols, data);
  std::vector<float> out(end - begin);
  for (uint64_t row = begin / cols; row < end / cols; ++row)
    blocks.values(row, out.data() + (row * cols - begin));
  return out;
}

} // namespace bitnetc
