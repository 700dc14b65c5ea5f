//===- Values.cpp - Values of GGUF's keys ---------------------------------===//
//
// The reader has checked that the bytes of a value are there; here they become
// numbers and texts.
//
//===----------------------------------------------------------------------===//

#include "Values.h"
#include <bit>
#include <cstring>
#include <iterator>

namespace bitnetc::gguf {

static_assert(std::endian::native == std::endian::little);

namespace {
struct ValueRow {
  const char *name;
  uint32_t bytes; ///< 0: not of a fixed size.
};
constexpr ValueRow kValues[] = {
    {"u8", 1},  {"i8", 1},  {"u16", 2},  {"i16", 2},    {"u32", 4},
    {"i32", 4}, {"f32", 4}, {"bool", 1}, {"string", 0}, {"array", 0},
    {"u64", 8}, {"i64", 8}, {"f64", 8},
};
static_assert(std::size(kValues) == kValueTypes);

template <typename T> T load(const char *bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof(T));
  return value;
}
} // namespace

const char *valueName(ValueType type) {
  return kValues[static_cast<uint32_t>(type)].name;
}
uint32_t valueBytes(ValueType type) {
  return kValues[static_cast<uint32_t>(type)].bytes;
}

std::string quoted(std::string_view name) {
  std::string text = "\"";
  for (char c : name.substr(0, 80))
    text += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
  return text + (name.size() > 80 ? "...\"" : "\"");
}

static std::optional<int64_t> integerAt(ValueType type, const char *bytes) {
  switch (type) {
  case ValueType::U8:
    return load<uint8_t>(bytes);
  case ValueType::I8:
    return load<int8_t>(bytes);
  case ValueType::U16:
    return load<uint16_t>(bytes);
  case ValueType::I16:
    return load<int16_t>(bytes);
  case ValueType::U32:
    return load<uint32_t>(bytes);
  case ValueType::I32:
    return load<int32_t>(bytes);
  case ValueType::I64:
    return load<int64_t>(bytes);
  case ValueType::U64:
    if (auto value = load<uint64_t>(bytes); value <= uint64_t{INT64_MAX})
      return static_cast<int64_t>(value);
    return std::nullopt;
  default:
    return std::nullopt;
  }
}

std::optional<int64_t> Value::integer() const {
  return integerAt(type, bytes.data());
}

std::optional<double> Value::number() const {
  if (type == ValueType::F32)
    return load<float>(bytes.data());
  if (type == ValueType::F64)
    return load<double>(bytes.data());
  if (auto value = integer())
    return static_cast<double>(*value);
  return std::nullopt;
}

std::optional<bool> Value::boolean() const {
  if (type != ValueType::Bool)
    return std::nullopt;
  return bytes[0] != 0;
}

std::optional<std::string_view> Value::string() const {
  if (type != ValueType::String)
    return std::nullopt;
  return bytes;
}

std::optional<std::vector<int64_t>> Value::integers() const {
  const uint32_t size = valueBytes(element);
  if (type != ValueType::Array || size == 0)
    return std::nullopt;
  std::vector<int64_t> values;
  values.reserve(count);
  for (uint64_t i = 0; i < count; ++i) {
    auto value = integerAt(element, bytes.data() + i * size);
    if (!value)
      return std::nullopt;
    values.push_back(*value);
  }
  return values;
}

std::optional<std::vector<float>> Value::floats() const {
  if (type != ValueType::Array || element != ValueType::F32)
    return std::nullopt;
  std::vector<float> values(count);
  if (count)
    std::memcpy(values.data(), bytes.data(), count * sizeof(float));
  return values;
}

std::optional<std::vector<std::string_view>> Value::strings() const {
  if (type != ValueType::Array || element != ValueType::String)
    return std::nullopt;
  std::vector<std::string_view> values;
  values.reserve(count); // Each took 8 bytes of the file, as was checked.
  for (uint64_t i = 0, at = 0; i < count; ++i) {
    auto length = load<uint64_t>(bytes.data() + at);
    values.push_back(bytes.substr(at + 8, length));
    at += 8 + length;
  }
  return values;
}

std::string Value::describe() const {
  if (type == ValueType::Array)
    return "an array of " + std::to_string(count) + " " + valueName(element);
  if (type == ValueType::String)
    return "the string " + quoted(bytes);
  std::string text = valueName(type);
  if (auto value = integer())
    return text + " " + std::to_string(*value);
  if (auto value = number())
    return text + " " + std::to_string(*value);
  return text;
}

const Value *File::find(std::string_view key) const {
  auto found = keys.find(key);
  return found == keys.end() ? nullptr : &found->second;
}

} // namespace bitnetc::gguf
