//===- GgufBlocksTest.cpp - Each tensor type, encoded by hand -------------===//
//
// Every type is encoded here as its definition says, from known codes and
// scales, and must come back exactly.
//
//===----------------------------------------------------------------------===//
#include "GgufEncode.h"
#include "compiler/gguf/Blocks.h"
#include "gtest/gtest.h"
#include <cmath>

using namespace bitnetc;
using namespace bitnetc::gguf;
using namespace bitnetc::test;

namespace {

struct Case {
  Format format;
  int low, high;
  std::string (*block)(const int8_t *w, Half d);
};
constexpr Case cases[] = {{Format::TQ1_0, -1, 1, encodeTQ1},
                          {Format::TQ2_0, -1, 1, encodeTQ2},
                          {Format::Q1_0, 0, 1, encodeQ1<128>},
                          {Format::Q2_0, -1, 2, encodeQ2<64>},
                          {Format::Q1_0G32, 0, 1, encodeQ1<32>},
                          {Format::Q2_0G128, -1, 2, encodeQ2<128>},
                          {Format::Q8_0, -128, 127, encodeQ8},
                          {Format::IQ1_BN, -1, 1, encodeIQ1BN},
                          {Format::IQ2_BN, -1, 1, encodeIQ2BN}};

TEST(GgufBlocks, EveryBlockFormat) {
  for (const Case &c : cases) {
    const TypeRow &type = typeOf(c.format);
    SCOPED_TRACE(type.name);
    const size_t rows = 3, cols = 512, blocks = cols / type.elements;
    Codes codes = someCodes(rows * cols, c.low, c.high);
    if (c.low == 0)
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

/// Numbers below `limit` in no simple pattern.
std::vector<int> someNumbers(size_t count, int limit) {
  std::vector<int> numbers;
  for (int8_t code : someCodes(count, 0, limit - 1))
    numbers.push_back(code);
  return numbers;
}

// Types that embeddings have when everything else is ternary.
TEST(GgufBlocks, Q4K) {
  auto codes = someNumbers(256, 16), s = someNumbers(8, 64),
       t = someNumbers(16, 64);
  std::string bytes = GgufWriter::raw(half(2).bits) +
                      GgufWriter::raw(half(1).bits) + std::string(140, '\0');
  for (int i = 0; i < 8; ++i) {
    // The first four pairs have 6 bits; the top 2 of the others are above them.
    if (i < 4) {
      bytes[4 + i] |= char(s[i]);
      bytes[8 + i] |= char(t[8 + i]);
    } else {
      bytes[8 + i] = char((s[i] & 15) | (t[8 + i] & 15) << 4);
      bytes[i] |= char(s[i] >> 4 << 6);
      bytes[4 + i] |= char(t[8 + i] >> 4 << 6);
    }
    for (int j = 0; j < 32; ++j)
      bytes[16 + i / 2 * 32 + j] |= char(codes[32 * i + j] << i % 2 * 4);
  }
  std::vector<float> values(256);
  BlockMatrix(Format::Q4_K, 1, 256,
              reinterpret_cast<const uint8_t *>(bytes.data()))
      .values(0, values.data());
  for (int i = 0; i < 256; ++i)
    EXPECT_EQ(values[i], half(2).value * s[i / 32] * codes[i] -
                             half(1).value * t[8 + i / 32])
        << i;
}

TEST(GgufBlocks, Q6K) {
  auto codes = someNumbers(512, 64), s = someNumbers(16, 128);
  std::string bytes(208, '\0');
  for (int i = 0; i < 256; ++i) {
    const int h = i / 128, quarter = i % 128 / 32, j = i % 32;
    const int code = codes[2 * i];
    bytes[64 * h + 32 * (quarter & 1) + j] |=
        char((code & 15) << (quarter & 2) * 2);
    bytes[128 + 32 * h + j] |= char(code >> 4 << 2 * quarter);
    bytes[192 + i / 16] = char(s[i / 16] - 64);
  }
  bytes += GgufWriter::raw(half(1).bits);
  bytes += bytes;
  std::vector<float> values(256);
  BlockMatrix(Format::Q6_K, 2, 256,
              reinterpret_cast<const uint8_t *>(bytes.data()))
      .values(1, values.data());
  for (int i = 0; i < 256; ++i)
    EXPECT_EQ(values[i], half(1).value * (s[i / 16] - 64) * (codes[2 * i] - 32))
        << i;
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
