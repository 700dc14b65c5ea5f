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

void quantizeCentred(ArrayRef<float> w, float mean, int8_t *codes) {
  for (size_t i = 0; i < w.size(); ++i)
    codes[i] = w[i] > mean ? 1 : -1;
}

std::optional<std::pair<int64_t, int64_t>> decode2Bit(const uint8_t *data,
                                                      QuantizedMatrix &m) {
  int64_t slice = (m.rows + 3) / 4;
  for (int64_t n = 0; n < m.rows; ++n) {
    // Row n lies in bits 2i of packed row r, n = i * slice + r.
    const uint8_t *packed = data + (n % slice) * m.cols;
    unsigned shift = unsigned(n / slice) * 2;
    int8_t *codes = m.codes.data() + n * m.cols;
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
