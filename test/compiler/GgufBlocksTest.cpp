//===- GgufBlocksTest.cpp - Each tensor type, encoded by hand -------------===//
//
// Every type is encoded here as its definition says, from known codes and
// scales, and must come back exactly.
//
//===----------------------------------------------------------------------===//
#include "GgufWriter.h"
#include "compiler/gguf/Blocks.h"
#include "gtest/gtest.h"
#include <cmath>

using namespace bitnetc;
using namespace bitnetc::gguf;
using bitnetc::test::GgufWriter;

namespace {

using Codes = std::vector<int8_t>;

/// Codes low..high in no simple pattern.
Codes someCodes(size_t count, int low, int high) {
  Codes codes(count);
  uint32_t state = 12345;
  for (int8_t &code : codes) {
    state = state * 1664525u + 1013904223u;
    code = int8_t(low + int((state >> 16) % uint32_t(high - low + 1)));
  }
  return codes;
}

/// Halves used as scales, with their value.
struct Half {
  uint16_t bits;
  float value;
};
constexpr Half halves[] = {
    {0x3c00, 1.0f}, {0xb800, -0.5f}, {0x4248, 3.140625f}, {0x0001, 0x1p-24f}};
const Half &half(size_t i) { return halves[i % std::size(halves)]; }

std::string encodeTQ1(const int8_t *w, Half d) {
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

std::string encodeTQ2(const int8_t *w, Half d) {
  std::string bytes(64, '\0');
  for (int p = 0; p < 2; ++p)
    for (int m = 0; m < 32; ++m)
      for (int l = 0; l < 4; ++l)
        bytes[32 * p + m] |= char((w[128 * p + 32 * l + m] + 1) << 2 * l);
  return bytes + GgufWriter::raw(d.bits);
}

std::string encodeQ1(const int8_t *w, Half d) {
  std::string bits(16, '\0');
  for (int j = 0; j < 128; ++j)
    if (w[j] > 0)
      bits[j / 8] |= char(1 << j % 8);
  return GgufWriter::raw(d.bits) + bits;
}

std::string encodeQ2(const int8_t *w, Half d) {
  std::string bits(16, '\0');
  for (int j = 0; j < 64; ++j)
    bits[j / 4] |= char((w[j] + 1) << 2 * (j % 4));
  return GgufWriter::raw(d.bits) + bits;
}

std::string encodeQ8(const int8_t *w, Half d) {
  return GgufWriter::raw(d.bits) +
         std::string(reinterpret_cast<const char *>(w), 32);
}

std::string encodeIQ2BN(const int8_t *w, Half) {
  std::string bytes(16, '\0');
  for (int j = 0; j < 16; ++j)
    for (int g = 0; g < 4; ++g)
      bytes[j] |= char((w[j + 16 * g] + 1) << 2 * g);
  return bytes;
}

/// The byte whose digits, as the decoder takes them, are the codes: found by
/// trying all 256, since the definition is of the decoder.
std::string encodeIQ1BN(const int8_t *w, Half) {
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

std::string encodeI2S(const Codes &w, float scale) {
  std::string bytes(w.size() / 4, '\0');
  for (size_t e = 0; e < w.size(); ++e)
    bytes[e / 128 * 32 + e % 32] |=
        char((w[e] + 1) << (6 - 2 * (e % 128 / 32)));
  return bytes + GgufWriter::raw(scale) + std::string(28, '\0');
}

struct Case {
  Format format;
  int low, high;
  std::string (*block)(const int8_t *w, Half d);
};
constexpr Case cases[] = {
    {Format::TQ1_0, -1, 1, encodeTQ1},   {Format::TQ2_0, -1, 1, encodeTQ2},
    {Format::Q1_0, 0, 1, encodeQ1},      {Format::Q2_0, -1, 2, encodeQ2},
    {Format::Q8_0, -128, 127, encodeQ8}, {Format::IQ1_BN, -1, 1, encodeIQ1BN},
    {Format::IQ2_BN, -1, 1, encodeIQ2BN}};

TEST(GgufBlocks, EveryBlockFormat) {
  for (const Case &c : cases) {
    const TypeRow &type = typeOf(c.format);
    SCOPED_TRACE(type.name);
    const size_t rows = 3, cols = 512, blocks = cols / type.elements;
    Codes codes = someCodes(rows * cols, c.low, c.high);
    if (c.format == Format::Q1_0)
      for (int8_t &code : codes)
        code = code ? 1 : -1;
    std::string bytes;
    std::vector<float> scales;
    for (size_t r = 0; r < rows; ++r) {
      if (type.rowHeader == 2)
        bytes += GgufWriter::raw(half(r).bits);
      if (type.rowHeader == 4)
        bytes += GgufWriter::raw(half(r).value);
      for (size_t b = 0; b < blocks; ++b) {
        Half d = half(type.rowHeader ? r : r * blocks + b);
        bytes += c.block(&codes[r * cols + b * type.elements], d);
        scales.push_back(d.value);
      }
    }
    uint64_t size = 0;
    ASSERT_TRUE(tensorBytes(type, std::vector<uint64_t>{rows, cols}, size));
    ASSERT_EQ(bytes.size(), size);

    BlockMatrix matrix(c.format, rows, cols,
                       reinterpret_cast<const uint8_t *>(bytes.data()));
    Codes found(cols);
    std::vector<float> values(cols);
    for (size_t r = 0; r < rows; ++r) {
      matrix.codes(r, found.data());
      matrix.values(r, values.data());
      EXPECT_EQ(found, Codes(codes.begin() + r * cols,
                             codes.begin() + (r + 1) * cols));
      for (size_t i = 0; i < cols; ++i) {
        const float d = scales[r * blocks + i / type.elements];
        ASSERT_EQ(matrix.scale(r, i), d) << r << ", " << i;
        ASSERT_EQ(values[i], float(codes[r * cols + i]) * d);
      }
    }
  }
}

// Rows that start in the middle of a block of 128.
TEST(GgufBlocks, I2S) {
  for (size_t cols : {64, 128, 192, 256, 16}) {
    const size_t rows = 16;
    Codes codes = someCodes(rows * cols, -1, 1);
    std::string bytes = encodeI2S(codes, 0.375f);
    uint64_t size = 0;
    ASSERT_TRUE(tensorBytes(typeOf(Format::I2_S),
                            std::vector<uint64_t>{rows, cols}, size));
    ASSERT_EQ(bytes.size(), size);
    BlockMatrix matrix(Format::I2_S, rows, cols,
                       reinterpret_cast<const uint8_t *>(bytes.data()));
    Codes found(cols);
    for (size_t r = 0; r < rows; ++r) {
      matrix.codes(r, found.data());
      EXPECT_EQ(found, Codes(codes.begin() + r * cols,
                             codes.begin() + (r + 1) * cols));
      EXPECT_EQ(matrix.scale(r, 0), 0.375f);
    }
  }
}

TEST(GgufBlocks, Halves) {
  EXPECT_EQ(halfToFloat(0x3c00), 1.0f);
  EXPECT_EQ(halfToFloat(0xc000), -2.0f);
  EXPECT_EQ(halfToFloat(0x0400), 0x1p-14f);
  EXPECT_EQ(halfToFloat(0x8001), -0x1p-24f);
  EXPECT_TRUE(std::isinf(halfToFloat(0x7c00)));
  EXPECT_TRUE(std::isnan(halfToFloat(0x7e00)));
}

TEST(GgufBlocks, SizesThatCannotBe) {
  uint64_t bytes = 0;
  auto possible = [&](Format format, std::vector<uint64_t> shape) {
    return tensorBytes(typeOf(format), shape, bytes);
  };
  EXPECT_FALSE(possible(Format::TQ1_0, {4, 128}));
  EXPECT_FALSE(possible(Format::I2_S, {1, 64}));
  EXPECT_FALSE(possible(Format::F32, {1ull << 40, 1ull << 40}));
  EXPECT_FALSE(possible(Format::I2_S, {1ull << 40, 1ull << 40}));
  EXPECT_FALSE(possible(Format::F32, {1ull << 62}));
  EXPECT_FALSE(possible(Format::IQ2_BN, {1ull << 33, 1ull << 33}));
  ASSERT_TRUE(possible(Format::F32, {}));
  EXPECT_EQ(bytes, 4u);
}

} // namespace
