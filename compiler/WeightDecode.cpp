//===- WeightDecode.cpp - Bytes of weights as numbers ---------------------===//
//
// One decoder per packing. Nothing is assumed about the alignment of bytes.
//
//===----------------------------------------------------------------------===//
#include "WeightDecode.h"
#include "gguf/Blocks.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/Endian.h"
#include <bit>
#include <cmath>

using namespace llvm;

namespace bitnetc {

void widen(const uint8_t *bytes, DType dtype, MutableArrayRef<float> out) {
  using namespace support;
  switch (dtype) {
  case DType::F32:
    for (size_t i = 0; i < out.size(); ++i)
      out[i] = std::bit_cast<float>(endian::read32le(bytes + 4 * i));
    return;
  case DType::F16:
    for (size_t i = 0; i < out.size(); ++i)
      out[i] = gguf::halfToFloat(endian::read16le(bytes + 2 * i));
    return;
  case DType::BF16:
    for (size_t i = 0; i < out.size(); ++i)
      out[i] =
          std::bit_cast<float>(uint32_t(endian::read16le(bytes + 2 * i)) << 16);
    return;
  default:
    llvm_unreachable("checked by the caller");
  }
}

/// Eight running sums keep it fast and fix the order.
template <typename F> static double meanOf(ArrayRef<float> w, F value) {
  double sums[8] = {};
  size_t i = 0;
  for (; i + 8 <= w.size(); i += 8)
    for (size_t j = 0; j < 8; ++j)
      sums[j] += value(double(w[i + j]));
  for (; i < w.size(); ++i)
    sums[i % 8] += value(double(w[i]));
  double sum = 0;
  for (double s : sums)
    sum += s;
  return w.empty() ? 0 : sum / double(w.size());
}

double meanAbs(ArrayRef<float> w) {
  return meanOf(w, [](double x) { return std::fabs(x); });
}
double mean(ArrayRef<float> w) {
  return meanOf(w, [](double x) { return x; });
}

float quantizeMaster(ArrayRef<float> w, float mean, WeightQuant quant,
                     int8_t *codes) {
  if (quant == WeightQuant::Binary) {
    for (size_t i = 0; i < w.size(); ++i)
      codes[i] = w[i] >= 0 ? 1 : -1;
    return mean;
  }
  float scale = std::max(mean, 1e-5f); // as in transformers
  // clamp(rint(x), -1, 1), where a half rounds to the even 0.
  for (size_t i = 0; i < w.size(); ++i) {
    float x = w[i] / scale;
    codes[i] = int8_t(x > 0.5f) - int8_t(x < -0.5f);
  }
  return scale;
}

void quantizeCentred(ArrayRef<float> w, float mean, WeightQuant quant,
                     int8_t *codes) {
  const bool binary = quant == WeightQuant::Binary;
  for (size_t i = 0; i < w.size(); ++i)
    codes[i] =
        int8_t(w[i] > mean) - int8_t(binary ? w[i] <= mean : w[i] < mean);
}

std::optional<float> exactCodes(ArrayRef<float> w, bool zeros, int8_t *codes) {
  float scale = 0;
  bool exact = true;
  for (float x : w)
    scale = std::max(scale, std::fabs(x));
  for (size_t i = 0; i < w.size(); ++i) {
    exact &= std::fabs(w[i]) == scale || (zeros && w[i] == 0);
    codes[i] = int8_t(w[i] > 0) - int8_t(w[i] < 0);
  }
  if (!exact || !std::isfinite(scale))
    return std::nullopt;
  if (scale == 0 && !zeros) // Nothing but zeros: any sign will do.
    std::fill_n(codes, w.size(), 1);
  return scale;
}

void unpackMlx(const uint8_t *words, int64_t bits, int64_t group,
               ArrayRef<float> scales, ArrayRef<float> biases,
               MutableArrayRef<float> out) {
  // Words are little-endian: their bits are those of the bytes, in order.
  const int64_t mask = (1 << bits) - 1, perByte = 8 / bits;
  for (int64_t g = 0; g < int64_t(scales.size()); ++g) {
    float values[4];
    for (int64_t code = 0; code <= mask; ++code)
      values[code] =
          float(double(scales[g]) * double(code) + double(biases[g]));
    for (int64_t c = g * group; c < (g + 1) * group; ++c)
      out[c] = values[words[c / perByte] >> (c % perByte * bits) & mask];
  }
}

std::optional<std::pair<int64_t, int64_t>> decode2Bit(const uint8_t *data,
                                                      int64_t rows,
                                                      int64_t first,
                                                      QuantizedMatrix &m) {
  int64_t slice = (rows + 3) / 4;
  for (int64_t n = first; n < first + m.rows; ++n) {
    // Row n lies in bits 2i of packed row r, n = i * slice + r.
    const uint8_t *packed = data + (n % slice) * m.cols;
    unsigned shift = unsigned(n / slice) * 2;
    int8_t *codes = m.codes.data() + (n - first) * m.cols;
    int8_t highest = -1;
    for (int64_t c = 0; c < m.cols; ++c) {
      codes[c] = int8_t((packed[c] >> shift) & 3) - 1;
      highest = std::max(highest, codes[c]);
    }
    if (highest > 1)
      return std::pair(n, std::find(codes, codes + m.cols, 2) - codes);
  }
  return std::nullopt;
}

void decodeBits(const uint8_t *data, QuantizedMatrix &m) {
  int64_t stride = (m.cols + 7) / 8;
  for (int64_t n = 0; n < m.rows; ++n)
    for (int64_t c = 0; c < m.cols; ++c)
      m.codes[n * m.cols + c] =
          (data[n * stride + c / 8] >> (c % 8)) & 1 ? 1 : -1;
}

} // namespace bitnetc
