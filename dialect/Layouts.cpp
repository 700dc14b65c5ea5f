//===- Layouts.cpp - How packed weights lie in memory ---------------------===//

#include "dialect/Layouts.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::bitnet;

// In the order of the enumeration.
static constexpr LayoutInfo kLayouts[] = {
    //                 rows cols bytes groups zero bits
    {Layout::F32, 1, 1, 4, 1, 0, 0},
    {Layout::U8R64, 64, 4, 256, 4, 128, 0},
    {Layout::Trit2R64, 64, 4, 64, 4, 1, 2},
    {Layout::Bit1R16, 16, 64, 128, 1, 0, 0},
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

namespace {
/// Where a code lies: byte and shift. For bit1_r16 the shift is of one bit.
struct Place {
  int64_t byte;
  int shift;
};
} // namespace

static Place placeOf(const LayoutInfo &info, int64_t k, int64_t row,
                     int64_t col) {
  int64_t steps = llvm::divideCeil(k, info.colStep);
  int64_t step =
      (row / info.rowBlock * steps + col / info.colStep) * info.bytesPerStep;
  int64_t r = row % info.rowBlock, c = col % info.colStep;
  if (info.layout == Layout::Bit1R16)
    return {step + r * 8 + c / 8, static_cast<int>(c % 8)};
  int64_t group = r / 16, lane = r % 16;
  if (info.fieldBits)
    return {step + lane * info.colStep + c,
            static_cast<int>(group * info.fieldBits)};
  return {step + group * 64 + lane * info.colStep + c, 0};
}

void mlir::bitnet::packCodes(Layout layout, ArrayRef<int8_t> codes, int64_t n,
                             int64_t k, MutableArrayRef<uint8_t> out) {
  const LayoutInfo &info = getLayoutInfo(layout);
  assert(layout != Layout::F32 && "floats are not codes");
  assert(static_cast<int64_t>(out.size()) == codeBytes(layout, n, k));
  std::fill(out.begin(), out.end(), 0);
  int64_t paddedRows = llvm::alignTo(n, info.rowBlock);
  int64_t paddedCols = llvm::alignTo(k, info.colStep);
  for (int64_t row = 0; row < paddedRows; ++row)
    for (int64_t col = 0; col < paddedCols; ++col) {
      bool pad = row >= n || col >= k;
      int code = pad ? 0 : codes[row * k + col];
      Place place = placeOf(info, k, row, col);
      unsigned field =
          layout == Layout::Bit1R16 ? code > 0 : code + info.zeroPoint;
      out[place.byte] |= field << place.shift;
    }
}

int8_t mlir::bitnet::unpackCode(Layout layout, ArrayRef<uint8_t> bytes,
                                int64_t n, int64_t k, int64_t row,
                                int64_t col) {
  (void)n;
  const LayoutInfo &info = getLayoutInfo(layout);
  Place place = placeOf(info, k, row, col);
  unsigned byte = bytes[place.byte] >> place.shift;
  if (layout == Layout::Bit1R16)
    return byte & 1 ? 1 : -1;
  unsigned mask = info.fieldBits ? (1u << info.fieldBits) - 1 : 255u;
  return static_cast<int8_t>(static_cast<int>(byte & mask) -
                             static_cast<int>(info.zeroPoint));
}
