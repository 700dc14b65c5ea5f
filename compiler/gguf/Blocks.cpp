//===- Blocks.cpp - Values of GGUF tensors --------------------------------===//
//
// One decoder a type. Loops have fixed bounds and no branches inside, so that
// they become vector code.
//
//===----------------------------------------------------------------------===//

#include "Blocks.h"
#include <algorithm>
#include <bit>
#include <cstring>
#include <vector>

namespace bitnetc::gguf {

float halfToFloat(uint16_t h) {
  uint32_t sign = uint32_t(h & 0x8000) << 16;
  uint32_t exponent = (h >> 10) & 31, mantissa = h & 0x3ff;
  if (exponent == 31) // Infinity and NaN
    return std::bit_cast<float>(sign | 0x7f800000u | mantissa << 13);
  if (exponent == 0) { // Zero and denormals: an exact product
    float magnitude = float(mantissa) * 0x1p-24f;
    return sign ? -magnitude : magnitude;
  }
  return std::bit_cast<float>(sign | (exponent + 112) << 23 | mantissa << 13);
}

static float halfAt(const uint8_t *bytes) {
  uint16_t half;
  std::memcpy(&half, bytes, 2);
  return halfToFloat(half);
}

static float floatAt(const uint8_t *bytes) {
  float value;
  std::memcpy(&value, bytes, 4);
  return value;
}

//===----------------------------------------------------------------------===//
// Codes of one block
//===----------------------------------------------------------------------===//

/// The bytes are `fields` runs of `width` codes, 2 bits each, lowest first.
static void twoBits(const uint8_t *bytes, int width, int8_t *out) {
  for (int field = 0; field < 4; ++field)
    for (int m = 0; m < width; ++m)
      out[width * field + m] = int8_t((bytes[m] >> 2 * field) & 3) - 1;
}

static constexpr uint8_t kPowers[] = {1, 3, 9, 27, 81};

static int8_t trit(uint8_t byte, int n) {
  return int8_t(uint8_t(byte * kPowers[n]) * 3 >> 8) - 1;
}

static void decodeTQ1(const uint8_t *bytes, int8_t *out) {
  for (int n = 0; n < 5; ++n)
    for (int m = 0; m < 32; ++m)
      out[32 * n + m] = trit(bytes[m], n);
  for (int n = 0; n < 5; ++n)
    for (int m = 0; m < 16; ++m)
      out[160 + 16 * n + m] = trit(bytes[32 + m], n);
  for (int n = 0; n < 4; ++n)
    for (int j = 0; j < 4; ++j)
      out[240 + 4 * n + j] = trit(bytes[48 + j], n);
}

static void decodeTQ2(const uint8_t *bytes, int8_t *out) {
  twoBits(bytes, 32, out);
  twoBits(bytes + 32, 32, out + 128);
}

template <int count> static void decodeQ1(const uint8_t *bytes, int8_t *out) {
  for (int i = 0; i < count; ++i)
    out[i] = (bytes[2 + i / 8] >> i % 8) & 1 ? 1 : -1;
}

template <int count> static void decodeQ2(const uint8_t *bytes, int8_t *out) {
  for (int i = 0; i < count; ++i)
    out[i] = int8_t((bytes[2 + i / 4] >> 2 * (i % 4)) & 3) - 1;
}

static void decodeQ8(const uint8_t *bytes, int8_t *out) {
  std::memcpy(out, bytes + 2, 32);
}

static void decodeIQ2BN(const uint8_t *bytes, int8_t *out) {
  twoBits(bytes, 16, out);
}

/// 12 bytes of 5 digits each, the highest first, and one with the last digit of
/// each group of 16.
static void decodeIQ1BN(const uint8_t *bytes, int8_t *out) {
  auto digit = [](uint8_t byte, int n) {
    auto v = uint8_t(byte * kPowers[4 - n]);
    return int8_t((v + (v >> 1)) >> 7) - 1;
  };
  for (int i = 0; i < 4; ++i) {
    for (int k = 0; k < 3; ++k)
      for (int j = 0; j < 5; ++j)
        out[16 * i + 5 * k + j] = digit(bytes[3 * i + k], j);
    out[16 * i + 15] = digit(bytes[12], i);
  }
}

/// Blocks of 4 `width` elements in `width` bytes, over rows without a break: a
/// row may start inside a block.
static void decodeI2S(const uint8_t *data, uint64_t width, uint64_t first,
                      uint64_t count, int8_t *out) {
  for (uint64_t e = first; e < first + count;) {
    const uint64_t place = e % (4 * width), m = place % width;
    const unsigned shift = 6 - 2 * unsigned(place / width);
    const uint64_t run = std::min(width - m, first + count - e);
    const uint8_t *bytes = data + e / (4 * width) * width + m;
    for (uint64_t i = 0; i < run; ++i)
      out[i] = int8_t((bytes[i] >> shift) & 3) - 1;
    out += run;
    e += run;
  }
}

//===----------------------------------------------------------------------===//
// Values of one block of a type that has more than a code and a scale
//===----------------------------------------------------------------------===//

/// f16 d, f16 m, 8 pairs of 6-bit numbers (s, t), 4-bit codes. Each pair has 32
/// elements: d s code - m t.
static void valuesQ4K(const uint8_t *bytes, float *out) {
  const float d = halfAt(bytes), m = halfAt(bytes + 2);
  const uint8_t *pairs = bytes + 4, *codes = bytes + 16;
  for (int i = 0; i < 8; ++i) {
    const int s =
        i < 4 ? pairs[i] & 63 : (pairs[i + 4] & 15) | (pairs[i - 4] >> 6) << 4;
    const int t =
        i < 4 ? pairs[i + 4] & 63 : pairs[i + 4] >> 4 | (pairs[i] >> 6) << 4;
    const float scale = d * float(s), offset = m * float(t);
    for (int j = 0; j < 32; ++j) {
      const int code = (codes[i / 2 * 32 + j] >> i % 2 * 4) & 15;
      out[32 * i + j] = scale * float(code) - offset;
    }
  }
}

/// Low 4 bits of the codes, high 2 bits, 16 scales of 8 bits, f16 d.
static void valuesQ6K(const uint8_t *bytes, float *out) {
  const float d = halfAt(bytes + 208);
  for (int half = 0; half < 2; ++half)
    for (int quarter = 0; quarter < 4; ++quarter)
      for (int j = 0; j < 32; ++j) {
        const int low =
            bytes[64 * half + 32 * (quarter % 2) + j] >> quarter / 2 * 4 & 15;
        const int high = bytes[128 + 32 * half + j] >> 2 * quarter & 3;
        const auto scale = int8_t(bytes[192 + 8 * half + 2 * quarter + j / 16]);
        out[128 * half + 32 * quarter + j] =
            d * float(scale) * float((low | high << 4) - 32);
      }
}

namespace {
struct Decoder {
  Format format;
  void (*codes)(const uint8_t *bytes, int8_t *out); ///< Of one block.
  int scaleAt; ///< Place of the f16 in a block; -1: not in blocks.
  bool ternary;
  void (*values)(const uint8_t *bytes, float *out) = nullptr;
};
constexpr Decoder kDecoders[] = {
    {Format::Q8_0, decodeQ8, 0, false},
    {Format::Q4_K, nullptr, 0, false, valuesQ4K},
    {Format::Q6_K, nullptr, 208, false, valuesQ6K},
    {Format::TQ1_0, decodeTQ1, 52, true},
    {Format::TQ2_0, decodeTQ2, 64, true},
    {Format::Q1_0, decodeQ1<128>, 0, false},
    {Format::Q1_0G32, decodeQ1<32>, 0, false},
    {Format::Q2_0, decodeQ2<64>, 0, true},
    {Format::Q2_0G128, decodeQ2<128>, 0, true},
    {Format::I2_S, nullptr, -1, true},
    {Format::IQ1_BN, decodeIQ1BN, -1, true},
    {Format::IQ2_BN, decodeIQ2BN, -1, true},
};
} // namespace

static const Decoder &decoder(Format format) {
  for (const Decoder &d : kDecoders)
    if (d.format == format)
      return d;
  return kDecoders[0];
}

//===----------------------------------------------------------------------===//
// Rows
//===----------------------------------------------------------------------===//

BlockMatrix::BlockMatrix(Format format, uint64_t rows, uint64_t cols,
                         const uint8_t *data, I2SLayout layout)
    : format(format), rows(rows), cols(cols), data(data), layout(layout) {
  const TypeRow &type = typeOf(format);
  stride = type.rowHeader + cols / type.elements * type.bytes;
  group = decoder(format).scaleAt < 0 ? cols : type.elements;
}

bool BlockMatrix::isTernary() const { return decoder(format).ternary; }
bool BlockMatrix::hasCodes() const {
  return format == Format::I2_S || decoder(format).codes;
}
bool BlockMatrix::hasHalfScales() const {
  return decoder(format).scaleAt >= 0 || typeOf(format).rowHeader == 2;
}

void BlockMatrix::codes(uint64_t row, int8_t *out) const {
  if (format == Format::I2_S && layout == I2SLayout::Rows) {
    for (uint64_t c = 0; c < cols; ++c)
      out[c] = int8_t(data[row / 4 * cols + c] >> (6 - 2 * (row % 4)) & 3) - 1;
    return;
  }
  if (format == Format::I2_S)
    return decodeI2S(data, layout == I2SLayout::Blocks64 ? 16 : 32, row * cols,
                     cols, out);
  const TypeRow &type = typeOf(format);
  const auto decode = decoder(format).codes;
  const uint8_t *block = data + row * stride + type.rowHeader;
  for (uint64_t c = 0; c < cols; c += type.elements, block += type.bytes)
    decode(block, out + c);
}

float BlockMatrix::scale(uint64_t row, uint64_t column) const {
  const TypeRow &type = typeOf(format);
  if (format == Format::I2_S)
    return floatAt(data + rows * cols / 4);
  const uint8_t *start = data + row * stride;
  if (type.rowHeader)
    return type.rowHeader == 2 ? halfAt(start) : floatAt(start);
  return halfAt(start + column / type.elements * type.bytes +
                decoder(format).scaleAt);
}

void BlockMatrix::values(uint64_t row, float *out) const {
  if (const auto decode = decoder(format).values) {
    const TypeRow &type = typeOf(format);
    const uint8_t *block = data + row * stride;
    for (uint64_t c = 0; c < cols; c += type.elements, block += type.bytes)
      decode(block, out + c);
    return;
  }
  std::vector<int8_t> rowCodes(cols);
  codes(row, rowCodes.data());
  for (uint64_t c = 0; c < cols;) {
    const float d = scale(row, c);
    for (const uint64_t end = c + group; c < end; ++c)
      out[c] = float(rowCodes[c]) * d;
  }
}

} // namespace bitnetc::gguf
