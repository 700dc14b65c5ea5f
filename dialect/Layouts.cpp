//===- Layouts.cpp - How packed weights lie in memory ---------------------===//

#include "dialect/Layouts.h"

#include "llvm/Support/MathExtras.h"
#include <cstring>

using namespace mlir;
using namespace mlir::bitnet;

// In the order of the enumeration.
static constexpr LayoutInfo kLayouts[] = {
    //                rows cols bytes groups spacing zero bits side
    {Layout::F32, 1, 1, 4, 1, 1, 0, 0, 4},
    {Layout::U8Row, 64, 64, 4096, 4, 1, 128, 0, 4},
    {Layout::Trit2R64, 64, 4, 64, 4, 1, 1, 2, 4},
    {Layout::Bit1R16, 16, 64, 128, 1, 1, 0, 0, 4},
    {Layout::Trit5R80, 80, 4, 64, 5, 1, 1, 0, 4},
    {Layout::Bit1R64, 64, 8, 64, 4, 2, 1, 1, 4},
    {Layout::U2R64, 64, 4, 64, 4, 1, 2, 2, 4},
    {Layout::Trit2R16, 16, 64, 256, 1, 1, 0, 0, 4},
    {Layout::Trit2R32, 32, 16, 128, 2, 1, 1, 2, 8},
    {Layout::Bit1R32, 32, 16, 64, 2, 2, 1, 1, 8},
    {Layout::Trit3R64, 64, 24, 320, 4, 1, 0, 0, 4},
};

const LayoutInfo &mlir::bitnet::getLayoutInfo(Layout layout) {
  const LayoutInfo &info = kLayouts[static_cast<size_t>(layout)];
  assert(info.layout == layout && "table order");
  return info;
}

int64_t mlir::bitnet::codeBytes(Layout layout, int64_t n, int64_t k) {
  const LayoutInfo &info = getLayoutInfo(layout);
  if (layout == Layout::F32)
    return n * llvm::alignTo(k, kRowPad) * 4;
  return llvm::divideCeil(n, info.rowBlock) *
         llvm::divideCeil(k, info.colStep) * info.bytesPerStep;
}

int64_t mlir::bitnet::scaleBytes(WeightOp weight) {
  if (weight.getQuant() == WeightQuant::Sketch)
    return llvm::alignTo(weight.getRows(), kRowPad) * 2 * 4;
  if (weight.getScaleRows() == 1)
    return 4;
  return llvm::alignTo(weight.getRows(), kRowPad) * weight.getGroups() *
         (weight.getHalfScales() ? 2 : 4);
}

int64_t mlir::bitnet::bytesOf(WeightOp weight) {
  return codeBytes(*weight.getLayout(), weight.getRows(), weight.getCols()) +
         scaleBytes(weight);
}

namespace {
/// Where a code lies: byte and shift of its lowest bit.
struct Place {
  int64_t byte;
  int shift;
};
} // namespace

static Place placeOf(const LayoutInfo &info, int64_t k, int64_t row,
                     int64_t col) {
  int64_t steps = llvm::divideCeil(k, info.colStep);
  if (info.layout == Layout::U8Row)
    return {row * steps * info.colStep + col, 0};
  int64_t step =
      (row / info.rowBlock * steps + col / info.colStep) * info.bytesPerStep;
  int64_t r = row % info.rowBlock, c = col % info.colStep;
  if (info.countsBits())
    return {step + r * 8 + c / 8, static_cast<int>(c % 8)};
  int64_t field = r / info.fieldRows(), lane = r % info.fieldRows();
  int64_t part = c / info.wordCols;
  return {step + info.partByte(part) + lane * info.wordCols + c % info.wordCols,
          static_cast<int>(info.partShift(part) + field * info.fieldBits)};
}

//===----------------------------------------------------------------------===//
// Packing
//===----------------------------------------------------------------------===//
//
// A model has billions of weights, so packers handle a word of codes at a time
// and leave places to unpackCode, which checks them in the tests.

/// The codes of a row from `col` on, first in the lowest byte; zeros beyond the
/// end of the row, and throughout where there is no row.
template <typename Word>
static Word loadCodes(const int8_t *row, int64_t k, int64_t col) {
  Word word = 0;
  if (!row)
    return word;
  if (col + static_cast<int64_t>(sizeof word) <= k)
    std::memcpy(&word, row + col, sizeof word);
  else
    std::memcpy(&word, row + col, k - col);
  return word;
}

template <typename Word> static void storeWord(uint8_t *out, Word word) {
  std::memcpy(out, &word, sizeof word);
}

namespace {
/// Where the codes of each row of a block begin; null for pad rows.
struct BlockRows {
  const int8_t *rows[80];
  BlockRows(ArrayRef<int8_t> codes, int64_t n, int64_t k, int64_t first,
            int64_t count) {
    for (int64_t r = 0; r < count; ++r)
      rows[r] = first + r < n ? codes.data() + (first + r) * k : nullptr;
  }
};
} // namespace

static void packU8Row(const BlockRows &block, int64_t k, uint8_t *out) {
  const int64_t padded = llvm::alignTo(k, 64);
  for (int64_t r = 0; r < 64; ++r)
    for (int64_t col = 0; col < padded; col += 8, out += 8)
      storeWord(out, (col < k ? loadCodes<uint64_t>(block.rows[r], k, col)
                              : uint64_t(0)) ^
                         0x8080808080808080u);
}

/// Adds the zero point to each of the codes, without carries between them; the
/// sums are not negative.
template <unsigned ZeroPoint, typename Word> static Word toFields(Word codes) {
  constexpr Word kOnes = static_cast<Word>(0x0101010101010101u);
  return ((codes & kOnes * 0x7f) + kOnes * ZeroPoint) ^ (codes & kOnes * 0x80);
}

/// Four 2-bit fields a byte; a word is the columns of a row that lie side by
/// side. `ColStep` columns are a step, which is padded with zero weights.
template <unsigned ZeroPoint, typename Word, int64_t ColStep>
static void packFields(const BlockRows &block, int64_t k, uint8_t *out) {
  constexpr int64_t kSide = sizeof(Word), kLanes = 64 / kSide;
  const int64_t padded = llvm::alignTo(k, ColStep);
  for (int64_t lane = 0; lane < kLanes; ++lane) {
    uint8_t *at = out + lane * kSide;
    for (int64_t col = 0; col < padded; col += kSide, at += 64) {
      Word word = 0;
      for (int64_t field = 0; field < 4; ++field) {
        const int8_t *row =
            col < k ? block.rows[kLanes * field + lane] : nullptr;
        word |= toFields<ZeroPoint>(loadCodes<Word>(row, k, col))
                << (2 * field);
      }
      storeWord(at, word);
    }
  }
}
constexpr auto packTrit2R64 = packFields<1, uint32_t, 4>;
constexpr auto packU2R64 = packFields<2, uint32_t, 4>;
constexpr auto packTrit2R32 = packFields<1, uint64_t, 16>;

/// Bit 7 of each of eight bytes: whether the code there is greater than zero.
static uint64_t positive(uint64_t codes) {
  constexpr uint64_t kLow = 0x7f7f7f7f7f7f7f7fu;
  return ((codes & kLow) + kLow) & ~codes & ~kLow;
}

static void packBit1R64(const BlockRows &block, int64_t k, uint8_t *out) {
  for (int64_t lane = 0; lane < 16; ++lane) {
    uint8_t *at = out + lane * 4;
    for (int64_t col = 0; col < k; col += 8, at += 64) {
      uint64_t fields = 0; // Byte c + 4h has the bits of part h.
      for (int64_t group = 0; group < 4; ++group)
        fields |= positive(loadCodes<uint64_t>(block.rows[16 * group + lane], k,
                                               col)) >>
                  (7 - group);
      storeWord(at, static_cast<uint32_t>(fields | fields >> 28));
    }
  }
}

static void packBit1R32(const BlockRows &block, int64_t k, uint8_t *out) {
  for (int64_t lane = 0; lane < 8; ++lane) {
    uint8_t *at = out + lane * 8;
    for (int64_t col = 0; col < k; col += 16, at += 64) {
      uint64_t word = 0;
      for (int64_t field = 0; field < 4; ++field)
        for (int64_t half = 0; half < 2; ++half) {
          int64_t first = col + 8 * half;
          const int8_t *row =
              first < k ? block.rows[8 * field + lane] : nullptr;
          word |= positive(loadCodes<uint64_t>(row, k, first)) >>
                  (7 - 4 * half - field);
        }
      storeWord(at, word);
    }
  }
}

static void packTrit5R80(const BlockRows &block, int64_t k, uint8_t *out) {
  constexpr uint32_t kFactors[] = {84, 28, 1, 3, 9};
  for (int64_t lane = 0; lane < 16; ++lane) {
    uint8_t *at = out + lane * 4;
    for (int64_t col = 0; col < k; col += 4, at += 64) {
      uint32_t word = 0; // No byte of the sum exceeds 250.
      for (int64_t group = 0; group < 5; ++group)
        word += kFactors[group] * toFields<1>(loadCodes<uint32_t>(
                                      block.rows[16 * group + lane], k, col));
      storeWord(at, word);
    }
  }
}

/// Trit g of a byte, less its zero point.
static int8_t tritOf(unsigned byte, int64_t g) {
  constexpr unsigned kDivisors[] = {3, 1, 1, 3, 9};
  unsigned part = g < 2 ? byte / 28 : byte % 28;
  return static_cast<int8_t>(part / kDivisors[g] % 3) - 1;
}

/// One bit per code, lowest first: 1 where it is greater than zero.
static uint8_t positiveBits(uint64_t codes) {
  // The multiplication moves the bit of byte i to bit 56 + i.
  return ((positive(codes) >> 7) * 0x0102040810204080u) >> 56;
}

/// One bit per code, lowest first: 1 where it is less than zero.
static uint8_t negativeBits(uint64_t codes) {
  return ((codes >> 7 & 0x0101010101010101u) * 0x0102040810204080u) >> 56;
}

/// Words of 64 columns; steps are `stepBytes` apart.
static void packWords(const BlockRows &block, int64_t k, int64_t stepBytes,
                      uint8_t (*bitsOf)(uint64_t), uint8_t *out) {
  for (int64_t lane = 0; lane < 16; ++lane)
    for (int64_t step = 0; step * 64 < k; ++step)
      for (int64_t byte = 0; byte < 8; ++byte) {
        int64_t col = step * 64 + byte * 8;
        out[step * stepBytes + lane * 8 + byte] =
            col < k ? bitsOf(loadCodes<uint64_t>(block.rows[lane], k, col)) : 0;
      }
}

static void packBit1R16(const BlockRows &block, int64_t k, uint8_t *out) {
  packWords(block, k, 128, positiveBits, out);
}

static void packTrit2R16(const BlockRows &block, int64_t k, uint8_t *out) {
  packWords(block, k, 256, positiveBits, out);
  packWords(block, k, 256, negativeBits, out + 128);
}

static void packTrit3R64(const BlockRows &block, int64_t k, uint8_t *out) {
  for (int64_t col = 0; col < k; col += 24, out += 320)
    for (int64_t row = 0; row < 64; ++row) {
      int8_t codes[24] = {};
      if (block.rows[row])
        std::memcpy(codes, block.rows[row] + col,
                    std::min<int64_t>(24, k - col));
      uint8_t index[8], signs = 0;
      for (int64_t i = 0; i < 8; ++i) {
        const int8_t *c = codes + 3 * i;
        int number = c[0] + 3 * c[1] + 9 * c[2];
        index[i] = static_cast<uint8_t>(number < 0 ? -number : number);
        signs |= (number < 0) << (7 - i);
      }
      uint8_t *at = out + row % 16 * 4 + row / 16;
      for (int64_t i = 0; i < 4; ++i)
        at[64 * i] = static_cast<uint8_t>(index[2 * i] | index[2 * i + 1] << 4);
      at[256] = signs;
    }
}

static int8_t unpackTrit3(const uint8_t *step, int64_t row, int64_t col) {
  const uint8_t *at = step + row % 16 * 4 + row / 16;
  int64_t three = col / 3;
  int number = at[three / 2 * 64] >> (three % 2 * 4) & 15;
  if (at[256] >> (7 - three) & 1)
    number = -number;
  constexpr int kDivisors[] = {1, 3, 9};
  return static_cast<int8_t>((number + 13) / kDivisors[col % 3] % 3 - 1);
}

// In the order of the enumeration: writes one block of rows.
using BlockPacker = void (*)(const BlockRows &, int64_t k, uint8_t *out);
static constexpr BlockPacker kPackers[] = {
    nullptr,      packU8Row,   packTrit2R64, packBit1R16,
    packTrit5R80, packBit1R64, packU2R64,    packTrit2R16,
    packTrit2R32, packBit1R32, packTrit3R64};

void mlir::bitnet::packCodes(Layout layout, ArrayRef<int8_t> codes, int64_t n,
                             int64_t k, MutableArrayRef<uint8_t> out) {
  const LayoutInfo &info = getLayoutInfo(layout);
  assert(layout != Layout::F32 && "floats are not codes");
  assert(static_cast<int64_t>(out.size()) == codeBytes(layout, n, k));
  int64_t blockBytes = llvm::divideCeil(k, info.colStep) * info.bytesPerStep;
  uint8_t *at = out.data();
  for (int64_t row = 0; row < n; row += info.rowBlock, at += blockBytes)
    kPackers[static_cast<size_t>(layout)](
        BlockRows(codes, n, k, row, info.rowBlock), k, at);
}

int8_t mlir::bitnet::unpackCode(Layout layout, ArrayRef<uint8_t> bytes,
                                int64_t n, int64_t k, int64_t row,
                                int64_t col) {
  (void)n;
  const LayoutInfo &info = getLayoutInfo(layout);
  if (layout == Layout::Trit3R64) {
    int64_t steps = llvm::divideCeil(k, info.colStep);
    int64_t step = row / info.rowBlock * steps + col / info.colStep;
    return unpackTrit3(bytes.data() + step * info.bytesPerStep,
                       row % info.rowBlock, col % info.colStep);
  }
  Place place = placeOf(info, k, row, col);
  unsigned byte = bytes[place.byte] >> place.shift;
  if (layout == Layout::Bit1R16)
    return byte & 1 ? 1 : -1;
  if (layout == Layout::Trit2R16)
    return static_cast<int8_t>((byte & 1) -
                               (bytes[place.byte + 128] >> place.shift & 1));
  if (layout == Layout::Trit5R80)
    return tritOf(byte, row % info.rowBlock / 16);
  unsigned mask = info.fieldBits ? (1u << info.fieldBits) - 1 : 255u;
  return static_cast<int8_t>(static_cast<int>(byte & mask) *
                                 static_cast<int>(info.spacing) -
                             static_cast<int>(info.zeroPoint));
}
