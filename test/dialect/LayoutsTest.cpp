//===- LayoutsTest.cpp - Packed weights -----------------------------------===//
//
// Packing and its inverse for every layout and awkward shapes, pads, and the
// place of single codes as the header draws it.
//
//===----------------------------------------------------------------------===//

#include "dialect/Layouts.h"

#include "llvm/Support/MathExtras.h"

#include <gtest/gtest.h>

using namespace mlir;
using namespace mlir::bitnet;

namespace {

struct Shape {
  int64_t n, k;
};

constexpr Shape kShapes[] = {{1, 1},   {1, 64},  {16, 64}, {17, 65},
                             {63, 3},  {64, 4},  {65, 5},  {64, 128},
                             {80, 33}, {129, 7}, {96, 200}};

/// Codes that the layout can hold, in an order without a short period.
std::vector<int8_t> codesFor(Layout layout, Shape shape) {
  std::vector<int8_t> codes(shape.n * shape.k);
  uint32_t state = 12345;
  for (int8_t &code : codes) {
    state = state * 1664525u + 1013904223u;
    uint32_t bits = state >> 16;
    code = layout == Layout::U8Row   ? static_cast<int8_t>(bits % 255) - 127
           : layout == Layout::U2R64 ? static_cast<int8_t>(bits % 4) - 2
           : layout == Layout::Trit2R64 || layout == Layout::Trit5R80 ||
                   layout == Layout::Trit2R16 || layout == Layout::Trit2R32 ||
                   layout == Layout::Trit3R64
               ? static_cast<int8_t>(bits % 3) - 1
           : bits & 1 ? 1
                      : -1;
  }
  return codes;
}

class EveryLayout : public ::testing::TestWithParam<Layout> {
protected:
  std::vector<uint8_t> pack(Shape shape, ArrayRef<int8_t> codes) {
    // The packer must not depend on what was there.
    std::vector<uint8_t> bytes(codeBytes(GetParam(), shape.n, shape.k), 0xA5);
    packCodes(GetParam(), codes, shape.n, shape.k, bytes);
    return bytes;
  }
};

TEST_P(EveryLayout, UnpacksWhatItPacked) {
  for (Shape shape : kShapes) {
    auto codes = codesFor(GetParam(), shape);
    auto bytes = pack(shape, codes);
    for (int64_t row = 0; row < shape.n; ++row)
      for (int64_t col = 0; col < shape.k; ++col)
        ASSERT_EQ(unpackCode(GetParam(), bytes, shape.n, shape.k, row, col),
                  codes[row * shape.k + col])
            << shape.n << "x" << shape.k << " at " << row << "," << col;
  }
}

/// Pads multiply with zeros of the activation or make rows that nobody reads;
/// they are zero weights all the same (bits have none: their pads are 0).
TEST_P(EveryLayout, PadsAreZeroWeights) {
  const LayoutInfo &info = getLayoutInfo(GetParam());
  int8_t zero = info.padsAreNegative() ? -1 : 0; // bit 0 reads as -1
  for (Shape shape : kShapes) {
    auto bytes = pack(shape, codesFor(GetParam(), shape));
    int64_t rows = llvm::alignTo(shape.n, info.rowBlock);
    int64_t cols = llvm::alignTo(shape.k, info.colStep);
    for (int64_t row = 0; row < rows; ++row)
      for (int64_t col = 0; col < cols; ++col)
        if (row >= shape.n || col >= shape.k) {
          ASSERT_EQ(unpackCode(GetParam(), bytes, shape.n, shape.k, row, col),
                    zero)
              << shape.n << "x" << shape.k << " at " << row << "," << col;
        }
  }
}

/// Two codes never share bits: each change of a code changes its own field.
TEST_P(EveryLayout, FieldsAreSeparate) {
  Shape shape{65, 70};
  auto codes = codesFor(GetParam(), shape);
  auto before = pack(shape, codes);
  for (int64_t i : {0L, 1L, 63L, 70L, 71L, 16 * 70L, 4549L}) {
    auto changed = codes;
    changed[i] = codes[i] == 1 ? -1 : 1;
    auto after = pack(shape, changed);
    int different = 0;
    for (size_t b = 0; b < after.size(); ++b)
      different += after[b] != before[b];
    if (GetParam() == Layout::Trit3R64) { // An index, its sign, or both.
      EXPECT_GE(different, 1) << i;
      EXPECT_LE(different, 2) << i;
      continue;
    }
    // Of two planes, 1 is a bit of the first and -1 one of the second.
    EXPECT_EQ(different, GetParam() == Layout::Trit2R16 && codes[i] ? 2 : 1)
        << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Layouts, EveryLayout,
                         ::testing::Values(Layout::U8Row, Layout::Trit2R64,
                                           Layout::Bit1R16, Layout::Trit5R80,
                                           Layout::Bit1R64, Layout::U2R64,
                                           Layout::Trit2R16, Layout::Trit2R32,
                                           Layout::Bit1R32, Layout::Trit3R64),
                         [](const auto &info) {
                           return stringifyEnum(info.param).str();
                         });

TEST(Layouts, Bytes) {
  EXPECT_EQ(codeBytes(Layout::F32, 1, 64), 256);
  EXPECT_EQ(codeBytes(Layout::F32, 3, 65), 3 * 512);
  EXPECT_EQ(codeBytes(Layout::U8Row, 64, 4), 64 * 64);
  EXPECT_EQ(codeBytes(Layout::U8Row, 65, 65), 128 * 128);
  EXPECT_EQ(codeBytes(Layout::Trit2R64, 64, 2560), 64 * 2560 / 4);
  EXPECT_EQ(codeBytes(Layout::Trit2R64, 1, 1), 64);
  EXPECT_EQ(codeBytes(Layout::U2R64, 65, 5), 4 * 64);
  EXPECT_EQ(codeBytes(Layout::Bit1R16, 16, 64), 128);
  EXPECT_EQ(codeBytes(Layout::Bit1R16, 17, 65), 4 * 128);
  EXPECT_EQ(codeBytes(Layout::Trit2R16, 17, 65), 4 * 256);
  EXPECT_EQ(codeBytes(Layout::Bit1R64, 64, 2560), 64 * 2560 / 8);
  EXPECT_EQ(codeBytes(Layout::Bit1R64, 65, 9), 4 * 64);
  EXPECT_EQ(codeBytes(Layout::Trit2R32, 32, 2560), 32 * 2560 / 4);
  EXPECT_EQ(codeBytes(Layout::Trit2R32, 33, 17), 4 * 128);
  EXPECT_EQ(codeBytes(Layout::Bit1R32, 33, 17), 4 * 64);
  EXPECT_EQ(codeBytes(Layout::Trit5R80, 80, 4), 64);
  EXPECT_EQ(codeBytes(Layout::Trit5R80, 81, 5), 4 * 64);
  EXPECT_EQ(codeBytes(Layout::Trit5R80, 2560, 2560), 2560 * 2560 / 5);
}

TEST(Layouts, BytesOfThrees) {
  EXPECT_EQ(codeBytes(Layout::Trit3R64, 64, 24), 320);
  EXPECT_EQ(codeBytes(Layout::Trit3R64, 65, 25), 4 * 320);
  EXPECT_EQ(codeBytes(Layout::Trit3R64, 2560, 6912), 2560 * 6912 / 24 * 5);
}

TEST(Layouts, TableIsConsistent) {
  for (Layout layout :
       {Layout::U8Row, Layout::Trit2R64, Layout::Bit1R16, Layout::Trit5R80,
        Layout::Bit1R64, Layout::U2R64, Layout::Trit2R32, Layout::Bit1R32}) {
    const LayoutInfo &info = getLayoutInfo(layout);
    EXPECT_EQ(info.layout, layout);
    EXPECT_EQ(info.groups * 16, info.rowBlock);
    EXPECT_EQ(info.bytesPerStep % 64, 0);
    EXPECT_EQ(kRowPad % info.colStep, 0);
    if (info.fieldBits) {
      int64_t last = info.parts() - 1;
      EXPECT_EQ(info.partByte(last) + 64, info.bytesPerStep);
      EXPECT_EQ(info.partShift(last) + info.partBits(), 8);
    }
  }
  EXPECT_EQ(getLayoutInfo(Layout::U8Row).largest(0), 255);
  EXPECT_EQ(getLayoutInfo(Layout::Trit2R64).largest(3), 2 << 6);
  EXPECT_EQ(getLayoutInfo(Layout::U2R64).largest(3), 3 << 6);
}

/// Row 64 + 35, column 6: rows are padded to 64 bytes.
TEST(Layouts, U8RowIsAsDrawn) {
  std::vector<int8_t> codes(128 * 8, 0);
  codes[(64 + 35) * 8 + 6] = 5;
  std::vector<uint8_t> bytes(codeBytes(Layout::U8Row, 128, 8));
  packCodes(Layout::U8Row, codes, 128, 8, bytes);
  for (size_t i = 0; i < bytes.size(); ++i)
    EXPECT_EQ(bytes[i], i == (64 + 35) * 64 + 6 ? 128 + 5 : 128) << i;
}

TEST(Layouts, Trit2R64IsAsDrawn) {
  std::vector<int8_t> codes(128 * 8, -1);
  codes[(64 + 35) * 8 + 6] = 1; // bits 4 and 5 hold group 2
  codes[(64 + 19) * 8 + 6] = 0; // bits 2 and 3 hold group 1
  std::vector<uint8_t> bytes(codeBytes(Layout::Trit2R64, 128, 8));
  packCodes(Layout::Trit2R64, codes, 128, 8, bytes);
  for (size_t i = 0; i < bytes.size(); ++i)
    EXPECT_EQ(bytes[i], i == 3 * 64 + 3 * 4 + 2 ? 0b00100100 : 0) << i;
}

/// Row 80 + 35 of column 6: block 1, step 1, trit 2, lane 3, column 2; row 80 +
/// 3 is trit 0 of the same byte, row 80 + 67 trit 4.
TEST(Layouts, Trit5R80IsAsDrawn) {
  std::vector<int8_t> codes(160 * 8, -1);
  codes[(80 + 35) * 8 + 6] = 1;
  codes[(80 + 3) * 8 + 6] = 0;
  codes[(80 + 67) * 8 + 6] = 1;
  std::vector<uint8_t> bytes(codeBytes(Layout::Trit5R80, 160, 8));
  packCodes(Layout::Trit5R80, codes, 160, 8, bytes);
  for (size_t i = 0; i < bytes.size(); ++i)
    EXPECT_EQ(bytes[i], i == 3 * 64 + 3 * 4 + 2 ? 28 * 3 + 2 + 9 * 2 : 0) << i;
}

/// Row 64 + 35 of columns 10 and 14: block 1, step 1, lane 3, column 2, group 2
/// of the lower and of the upper four bits.
TEST(Layouts, Bit1R64IsAsDrawn) {
  std::vector<int8_t> codes(128 * 16, -1);
  codes[(64 + 35) * 16 + 10] = 1;
  codes[(64 + 35) * 16 + 14] = 1;
  std::vector<uint8_t> bytes(codeBytes(Layout::Bit1R64, 128, 16));
  packCodes(Layout::Bit1R64, codes, 128, 16, bytes);
  for (size_t i = 0; i < bytes.size(); ++i)
    EXPECT_EQ(bytes[i], i == 3 * 64 + 3 * 4 + 2 ? 0b01000100 : 0) << i;
}

/// Row 32 + 21, column 16 + 13: block 1, step 1, half 1, lane 5, column 5, bits
/// 4 and 5; row 32 + 13 has bits 2 and 3 of the same byte.
TEST(Layouts, Trit2R32IsAsDrawn) {
  std::vector<int8_t> codes(64 * 32, -1);
  codes[(32 + 21) * 32 + 29] = 1;
  codes[(32 + 13) * 32 + 29] = 0;
  std::vector<uint8_t> bytes(codeBytes(Layout::Trit2R32, 64, 32));
  packCodes(Layout::Trit2R32, codes, 64, 32, bytes);
  for (size_t i = 0; i < bytes.size(); ++i)
    EXPECT_EQ(bytes[i], i == 3 * 128 + 64 + 5 * 8 + 5 ? 0b00100100 : 0) << i;
}

/// Row 32 + 21 of columns 16 + 5 and 16 + 13: block 1, step 1, lane 5, column
/// 5, field 2 of the lower and of the upper four bits.
TEST(Layouts, Bit1R32IsAsDrawn) {
  std::vector<int8_t> codes(64 * 32, -1);
  codes[(32 + 21) * 32 + 21] = 1;
  codes[(32 + 21) * 32 + 29] = 1;
  std::vector<uint8_t> bytes(codeBytes(Layout::Bit1R32, 64, 32));
  packCodes(Layout::Bit1R32, codes, 64, 32, bytes);
  for (size_t i = 0; i < bytes.size(); ++i)
    EXPECT_EQ(bytes[i], i == 3 * 64 + 5 * 8 + 5 ? 0b01000100 : 0) << i;
}

TEST(Layouts, U2R64IsAsDrawn) {
  std::vector<int8_t> codes(128 * 8, -2);
  codes[(64 + 35) * 8 + 6] = 1;
  codes[(64 + 19) * 8 + 6] = -1;
  std::vector<uint8_t> bytes(codeBytes(Layout::U2R64, 128, 8));
  packCodes(Layout::U2R64, codes, 128, 8, bytes);
  for (size_t i = 0; i < bytes.size(); ++i)
    EXPECT_EQ(bytes[i], i == 3 * 64 + 3 * 4 + 2 ? 0b00110100 : 0) << i;
}

/// Row 64 + 35 of columns 24 + 3 .. 24 + 5: block 1, step 1, lane 3, group 2,
/// three 1, which is the upper half of an index and bit 6 of the signs.
TEST(Layouts, Trit3R64IsAsDrawn) {
  std::vector<int8_t> codes(128 * 48, 0);
  codes[(64 + 35) * 48 + 24 + 3] = 1;
  codes[(64 + 35) * 48 + 24 + 4] = 1;
  codes[(64 + 35) * 48 + 24 + 5] = -1; // 1 + 3 - 9 = -5
  std::vector<uint8_t> bytes(codeBytes(Layout::Trit3R64, 128, 48));
  packCodes(Layout::Trit3R64, codes, 128, 48, bytes);
  for (size_t i = 0; i < bytes.size(); ++i)
    EXPECT_EQ(bytes[i], i == 3 * 320 + 3 * 4 + 2         ? 5 << 4
                        : i == 3 * 320 + 256 + 3 * 4 + 2 ? 1 << 6
                                                         : 0)
        << i;
}

/// Row 16 + 3, column 64 + 10: block 1, step 1, word 3, bit 10.
TEST(Layouts, Trit2R16IsAsDrawn) {
  std::vector<int8_t> codes(32 * 128, 0);
  codes[17 * 128 + 70] = 1;  // row 1 of block 1, bit 6 of step 1
  codes[18 * 128 + 71] = -1; // row 2, bit 7
  std::vector<uint8_t> bytes(codeBytes(Layout::Trit2R16, 32, 128));
  packCodes(Layout::Trit2R16, codes, 32, 128, bytes);
  int64_t step = (1 * 2 + 1) * 256;
  for (int64_t i = 0; i < static_cast<int64_t>(bytes.size()); ++i)
    EXPECT_EQ(bytes[i], i == step + 8             ? 1 << 6
                        : i == step + 128 + 2 * 8 ? 1 << 7
                                                  : 0)
        << i;
}

TEST(Layouts, Bit1R16IsAsDrawn) {
  std::vector<int8_t> codes(32 * 128, -1);
  codes[(16 + 3) * 128 + 64 + 10] = 1;
  std::vector<uint8_t> bytes(codeBytes(Layout::Bit1R16, 32, 128));
  packCodes(Layout::Bit1R16, codes, 32, 128, bytes);
  for (size_t i = 0; i < bytes.size(); ++i)
    EXPECT_EQ(bytes[i], i == 3 * 128 + 3 * 8 + 1 ? 1 << 2 : 0) << i;
}

} // namespace
