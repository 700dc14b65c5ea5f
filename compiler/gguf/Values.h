//===- Values.h - Private to the reader of GGUF -----------------*- C++ -*-===//
#ifndef BITNETC_COMPILER_GGUF_VALUES_H
#define BITNETC_COMPILER_GGUF_VALUES_H

#include "Gguf.h"

namespace bitnetc::gguf {

constexpr uint32_t kValueTypes = 13;
const char *valueName(ValueType type);
/// Bytes of a value of fixed size; 0 for strings and arrays.
uint32_t valueBytes(ValueType type);

/// Text of a file, quoted and safe to print in an error.
std::string quoted(std::string_view text);

} // namespace bitnetc::gguf

#endif // BITNETC_COMPILER_GGUF_VALUES_H
