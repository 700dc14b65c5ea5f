//===- GgufEncode.h - Blocks of GGUF's types for the tests -----*- C++ -*-===//
//
// Encoders written from the definitions of the types, one block at a time.
//
//===----------------------------------------------------------------------===//
#ifndef BITNETC_TEST_COMPILER_GGUFENCODE_H
#define BITNETC_TEST_COMPILER_GGUFENCODE_H

#include "GgufWriter.h"
#include "gtest/gtest.h"
#include <iterator>

namespace bitnetc::test {

using Codes = std::vector<int8_t>;

/// Codes low..high in no simple pattern.
inline Codes someCodes(size_t count, int low, int high) {
  Codes codes(count);
  uint32_t state = 12345;
  for (int8_t &code : codes) {
    state = state * 1664525u + 1013904223u;
    code = int8_t(low + int((state >> 16) % uint32_t(high - low + 1)));
  }
  return codes;
}

/// A half and its value.
struct Half {
  uint16_t bits;
  float value;
};

/// Some halves, to be scales.
inline constexpr Half halves[] = {
    {0x3c00, 1.0f}, {0xb800, -0.5f}, {0x4248, 3.140625f}, {0x0001, 0x1p-24f}};
inline const Half &half(size_t i) { return halves[i % std::size(halves)]; }

inline std::string encodeTQ1(const int8_t *w, Half d) {
  std::string bytes;
  auto pack = [&](auto codeAt, int digits) {
    int v = 0;
    for (int n = 0; n < 5; ++n)
      v = v * 3 + (n < digits ? codeAt(n) + 1 : 0);
    bytes += char((v * 256 + 242) / 243);
  };
  for (int m = 0; m < 32; ++m)
    pack([&](int n) { return w[32 * n + m]; }, 5);
  for (int m = 0; m < 16; ++m)
    pack([&](int n) { return w[160 + 16 * n + m]; }, 5);
  for (int j = 0; j < 4; ++j)
    pack([&](int n) { return w[240 + 4 * n + j]; }, 4);
  return bytes + GgufWriter::raw(d.bits);
}

inline std::string encodeTQ2(const int8_t *w, Half d) {
  std::string bytes(64, '\0');
  for (int p = 0; p < 2; ++p)
    for (int m = 0; m < 32; ++m)
      for (int l = 0; l < 4; ++l)
        bytes[32 * p + m] |= char((w[128 * p + 32 * l + m] + 1) << 2 * l);
  return bytes + GgufWriter::raw(d.bits);
}

template <int count = 128>
inline std::string encodeQ1(const int8_t *w, Half d) {
  std::string bits(count / 8, '\0');
  for (int j = 0; j < count; ++j)
    if (w[j] > 0)
      bits[j / 8] |= char(1 << j % 8);
  return GgufWriter::raw(d.bits) + bits;
}

template <int count = 64> inline std::string encodeQ2(const int8_t *w, Half d) {
  std::string bits(count / 4, '\0');
  for (int j = 0; j < count; ++j)
    bits[j / 4] |= char((w[j] + 1) << 2 * (j % 4));
  return GgufWriter::raw(d.bits) + bits;
}

inline std::string encodeQ8(const int8_t *w, Half d) {
  return GgufWriter::raw(d.bits) +
         std::string(reinterpret_cast<const char *>(w), 32);
}

inline std::string encodeIQ2BN(const int8_t *w, Half) {
  std::string bytes(16, '\0');
  for (int j = 0; j < 16; ++j)
    for (int g = 0; g < 4; ++g)
      bytes[j] |= char((w[j + 16 * g] + 1) << 2 * g);
  return bytes;
}

/// The byte whose digits, as the decoder takes them, are the codes: found by
/// trying all 256, since the definition is of the decoder.
inline std::string encodeIQ1BN(const int8_t *w, Half) {
  constexpr uint8_t multipliers[] = {81, 27, 9, 3, 1};
  auto find = [&](auto codeAt, int digits) {
    for (int byte = 0; byte < 256; ++byte) {
      bool same = true;
      for (int j = 0; j < digits; ++j) {
        auto v = uint8_t(byte * multipliers[j]);
        same &= ((v + (v >> 1)) >> 7) - 1 == codeAt(j);
      }
      if (same)
        return char(byte);
    }
    ADD_FAILURE() << "no byte has these digits";
    return '\0';
  };
  std::string bytes;
  for (int i = 0; i < 4; ++i)
    for (int k = 0; k < 3; ++k)
      bytes += find([&](int j) { return w[16 * i + 5 * k + j]; }, 5);
  return bytes + find([&](int i) { return w[16 * i + 15]; }, 4);
}

/// Blocks of 4 `width` codes.
inline std::string encodeI2S(const Codes &w, float scale, size_t width = 32) {
  std::string bytes(w.size() / 4, '\0');
  for (size_t e = 0; e < w.size(); ++e)
    bytes[e / (4 * width) * width + e % width] |=
        char((w[e] + 1) << (6 - 2 * (e % (4 * width) / width)));
  return bytes + GgufWriter::raw(scale) + std::string(28, '\0');
}

/// Four rows to a byte.
inline std::string encodeI2SRows(const Codes &w, size_t cols, float scale) {
  std::string bytes(w.size() / 4, '\0');
  for (size_t e = 0; e < w.size(); ++e)
    bytes[e / cols / 4 * cols + e % cols] |=
        char((w[e] + 1) << (6 - 2 * (e / cols % 4)));
  return bytes + GgufWriter::raw(scale) + std::string(28, '\0');
}

/// Rows of a type without row headers, every block with the scale that
/// `scaleOf` gives for row and block.
template <typename ScaleOf>
std::string encodeRows(const Codes &codes, size_t cols, size_t block,
                       std::string (*encode)(const int8_t *, Half),
                       ScaleOf scaleOf) {
  std::string bytes;
  for (size_t at = 0; at < codes.size(); at += block)
    bytes += encode(&codes[at], scaleOf(at / cols, at % cols / block));
  return bytes;
}

} // namespace bitnetc::test

#endif // BITNETC_TEST_COMPILER_GGUFENCODE_H
