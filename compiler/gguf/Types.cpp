//===- Types.cpp - The tensor types of GGUF -------------------------------===//

#include "Types.h"

namespace bitnetc::gguf {

static constexpr const char *kUpstream = "llama.cpp";
static constexpr const char *kOld = "llama.cpp before 2025";
static constexpr const char *kMicrosoft = "bitnet.cpp";
static constexpr const char *kPrism = "PrismML's llama.cpp";

static constexpr TypeRow kTypes[] = {
    {0, "F32", nullptr, 1, 4, 0, 0, Format::F32},
    {1, "F16", nullptr, 1, 2, 0, 0, Format::F16},
    {2, "Q4_0", nullptr, 32, 18, 0, 0, Format::None},
    {3, "Q4_1", nullptr, 32, 20, 0, 0, Format::None},
    {6, "Q5_0", nullptr, 32, 22, 0, 0, Format::None},
    {7, "Q5_1", nullptr, 32, 24, 0, 0, Format::None},
    {8, "Q8_0", nullptr, 32, 34, 0, 0, Format::Q8_0},
    {9, "Q8_1", nullptr, 32, 36, 0, 0, Format::None},
    {10, "Q2_K", nullptr, 256, 84, 0, 0, Format::None},
    {11, "Q3_K", nullptr, 256, 110, 0, 0, Format::None},
    {12, "Q4_K", nullptr, 256, 144, 0, 0, Format::Q4_K},
    {13, "Q5_K", nullptr, 256, 176, 0, 0, Format::None},
    {14, "Q6_K", nullptr, 256, 210, 0, 0, Format::Q6_K},
    {15, "Q8_K", nullptr, 256, 292, 0, 0, Format::None},
    {16, "IQ2_XXS", nullptr, 256, 66, 0, 0, Format::None},
    {17, "IQ2_XS", nullptr, 256, 74, 0, 0, Format::None},
    {18, "IQ3_XXS", nullptr, 256, 98, 0, 0, Format::None},
    {19, "IQ1_S", nullptr, 256, 50, 0, 0, Format::None},
    {20, "IQ4_NL", nullptr, 32, 18, 0, 0, Format::None},
    {21, "IQ3_S", nullptr, 256, 110, 0, 0, Format::None},
    {22, "IQ2_S", nullptr, 256, 82, 0, 0, Format::None},
    {23, "IQ4_XS", nullptr, 256, 136, 0, 0, Format::None},
    {24, "I8", nullptr, 1, 1, 0, 0, Format::None},
    {25, "I16", nullptr, 1, 2, 0, 0, Format::None},
    {26, "I32", nullptr, 1, 4, 0, 0, Format::None},
    {27, "I64", nullptr, 1, 8, 0, 0, Format::None},
    {28, "F64", nullptr, 1, 8, 0, 0, Format::None},
    {29, "IQ1_M", nullptr, 256, 56, 0, 0, Format::None},
    {30, "BF16", nullptr, 1, 2, 0, 0, Format::BF16},
    {34, "TQ1_0", nullptr, 256, 54, 0, 0, Format::TQ1_0},
    {35, "TQ2_0", nullptr, 256, 66, 0, 0, Format::TQ2_0},
    // From here on numbers have several meanings.
    {36, "I2_S", kMicrosoft, 128, 32, 0, 32, Format::I2_S},
    {36, "IQ4_NL_4_4", kOld, 32, 18, 0, 0, Format::None},
    {37, "I8_S", kMicrosoft, 1, 1, 0, 0, Format::None},
    {37, "IQ4_NL_4_8", kOld, 32, 18, 0, 0, Format::None},
    {38, "TL1", kMicrosoft, 4, 1, 0, 32, Format::None},
    {38, "IQ4_NL_8_8", kOld, 32, 18, 0, 0, Format::None},
    {39, "MXFP4", kUpstream, 32, 17, 0, 0, Format::None},
    {40, "NVFP4", kUpstream, 64, 36, 0, 0, Format::None},
    {40, "Q1_0 in groups of 32", kPrism, 32, 6, 0, 0, Format::Q1_0G32},
    {41, "Q1_0", kUpstream, 128, 18, 0, 0, Format::Q1_0},
    {42, "Q2_0", kUpstream, 64, 18, 0, 0, Format::Q2_0},
    {42, "Q2_0 in groups of 128", kPrism, 128, 34, 0, 0, Format::Q2_0G128},
    {134, "IQ1_BN", "ik_llama.cpp", 64, 13, 2, 0, Format::IQ1_BN},
    {135, "IQ2_BN", "ik_llama.cpp", 64, 16, 4, 0, Format::IQ2_BN},
};

std::vector<const TypeRow *> typesOf(uint32_t id) {
  std::vector<const TypeRow *> rows;
  for (const TypeRow &row : kTypes)
    if (row.id == id)
      rows.push_back(&row);
  return rows;
}

const TypeRow &typeOf(Format format) {
  for (const TypeRow &row : kTypes)
    if (row.format == format && format != Format::None)
      return row;
  return kTypes[0];
}

static bool multiply(uint64_t &value, uint64_t factor) {
  return !__builtin_mul_overflow(value, factor, &value);
}

bool tensorBytes(const TypeRow &type, std::span<const uint64_t> shape,
                 uint64_t &bytes) {
  uint64_t cols = shape.empty() ? 1 : shape.back(), rows = 1;
  for (size_t i = 0; i + 1 < shape.size(); ++i)
    if (!multiply(rows, shape[i]))
      return false;
  // I2_S has no rows: its blocks run on over the whole tensor.
  if (type.tail) {
    if (!multiply(cols, rows))
      return false;
    rows = 1;
  }
  if (cols % type.elements)
    return false;
  bytes = cols / type.elements;
  return multiply(bytes, type.bytes) &&
         !__builtin_add_overflow(bytes, uint64_t{type.rowHeader}, &bytes) &&
         multiply(bytes, rows) &&
         !__builtin_add_overflow(bytes, uint64_t{type.tail}, &bytes);
}

std::string describe(const TypeRow &type) {
  std::string text = type.name;
  if (type.origin)
    text += std::string(" (of ") + type.origin + ")";
  return text;
}

} // namespace bitnetc::gguf
