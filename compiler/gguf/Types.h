//===- Types.h - The tensor types of GGUF -----------------------*- C++ -*-===//
//
// A table of what a type number may mean, and of how many bytes a tensor then
// takes. Forks of llama.cpp gave some numbers to other types than it did, so
// for those only the size of the tensors can tell which one a file holds.
//
//===----------------------------------------------------------------------===//
#ifndef BITNETC_COMPILER_GGUF_TYPES_H
#define BITNETC_COMPILER_GGUF_TYPES_H

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace bitnetc::gguf {

/// The types whose values can be read; the others only have a name.
enum class Format : uint8_t {
  None,
  F32,
  F16,
  BF16,
  Q8_0,     ///< 34 B / 32: f16 d, i8 q[32]
  Q4_K,     ///< 144 B / 256: only as floats, for embeddings
  Q6_K,     ///< 210 B / 256: only as floats, for embeddings
  TQ1_0,    ///< 54 B / 256: 5 ternary digits a byte, f16 d
  TQ2_0,    ///< 66 B / 256: 2 bits, f16 d
  Q1_0,     ///< 18 B / 128: f16 d, a bit is +d or -d
  Q1_0G32,  ///< 6 B / 32: f16 d, a bit is +d or -d
  Q2_0,     ///< 18 B / 64: f16 d, 2 bits
  Q2_0G128, ///< 34 B / 128: f16 d, 2 bits
  I2_S,     ///< 2 bits in blocks of 128, then one f32 d in 32 bytes
  IQ1_BN,   ///< a row: f16 d, then 13 B / 64
  IQ2_BN,   ///< a row: f32 d, then 16 B / 64
};

/// Where I2_S has its codes; the file does not say.
enum class I2SLayout : uint8_t {
  Blocks128, ///< 32 bytes, element 32g + m in bits 6 - 2g of byte m
  Blocks64,  ///< 16 bytes, element 16g + m in bits 6 - 2g of byte m
  Rows,      ///< byte [r/4][c] has columns c of rows r to r + 3, first on top
};

struct TypeRow {
  uint32_t id;
  const char *name;
  const char *origin; ///< Who gave the number this meaning; null: everybody.
  uint32_t elements, bytes; ///< Of a block; a row is a number of blocks.
  uint32_t rowHeader;       ///< Bytes before the blocks of each row.
  uint32_t tail;            ///< Bytes after the last row.
  Format format;
};

/// The rows with this number; empty if there is none.
std::vector<const TypeRow *> typesOf(uint32_t id);
/// The row of a readable format.
const TypeRow &typeOf(Format format);

/// Bytes of a tensor of this row-major shape; false if the type cannot have
/// it, or on overflow.
bool tensorBytes(const TypeRow &type, std::span<const uint64_t> shape,
                 uint64_t &bytes);

/// "I2_S (of bitnet.cpp)"
std::string describe(const TypeRow &type);

} // namespace bitnetc::gguf

#endif // BITNETC_COMPILER_GGUF_TYPES_H
