//===- Gguf.h - Keys and tensors of a GGUF file -----------------*- C++ -*-===//
//
// Reads the header of a GGUF file: its keys, and the names, types, shapes and
// places of its tensors. Files are not trusted: every count and length is
// checked against the bytes that are there before anything is allocated for it,
// and no tensor that is returned reaches outside the file, overlaps another one
// or disagrees with its shape. Nothing is copied; names and values are views
// into the mapped file.
//
//===----------------------------------------------------------------------===//
#ifndef BITNETC_COMPILER_GGUF_GGUF_H
#define BITNETC_COMPILER_GGUF_GGUF_H

#include "Types.h"
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bitnetc::gguf {

enum class ValueType : uint32_t {
  U8,
  I8,
  U16,
  I16,
  U32,
  I32,
  F32,
  Bool,
  String,
  Array,
  U64,
  I64,
  F64
};

/// A value as it lies in the file.
struct Value {
  ValueType type = ValueType::U8;
  std::string_view bytes;            ///< The number, the text, or the elements.
  ValueType element = ValueType::U8; ///< Of an array.
  uint64_t count = 0;                ///< Of an array.

  std::optional<int64_t> integer() const; ///< Any integer type that fits.
  std::optional<double> number() const;   ///< Any integer or float type.
  std::optional<bool> boolean() const;
  std::optional<std::string_view> string() const;
  /// Elements of an array of the kind; none if it is something else.
  std::optional<std::vector<int64_t>> integers() const;
  std::optional<std::vector<float>> floats() const;
  std::optional<std::vector<std::string_view>> strings() const;
  /// What it is, for errors: "a string", "an array of 3 i32".
  std::string describe() const;
};

struct Tensor {
  std::string_view name;
  const TypeRow *type = nullptr;
  std::vector<uint64_t> shape; ///< Row-major: the last extent is contiguous.
  uint64_t offset = 0;         ///< From the start of the file.
  uint64_t bytes = 0;
};

struct File {
  uint32_t version = 0;
  std::map<std::string_view, Value> keys;
  std::vector<Tensor> tensors; ///< As listed in the file.

  const Value *find(std::string_view key) const;
};

/// Reads the header in `bytes`, which must outlive `file`. On failure returns
/// false with one sentence that names the key or tensor.
bool parse(std::string_view bytes, File &file, std::string &error);

} // namespace bitnetc::gguf

#endif // BITNETC_COMPILER_GGUF_GGUF_H
