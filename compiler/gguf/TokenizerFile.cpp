//===- TokenizerFile.cpp - The tokenizer of a GGUF file alone -------------===//

#include "TokenizerFile.h"

namespace bitnetc::gguf {

namespace {
/// Little-endian, as this project's hosts are.
template <typename T> void put(std::string &out, T value) {
  out.append(reinterpret_cast<const char *>(&value), sizeof(T));
}

void putText(std::string &out, std::string_view text) {
  put<uint64_t>(out, text.size());
  out += text;
}

void putValue(std::string &out, const Value &value) {
  put(out, static_cast<uint32_t>(value.type));
  if (value.type == ValueType::String)
    return putText(out, value.bytes);
  if (value.type == ValueType::Array) {
    put(out, static_cast<uint32_t>(value.element));
    put(out, value.count);
  }
  out += value.bytes;
}
} // namespace

std::string tokenizerFile(const File &file) {
  std::string keys;
  uint64_t count = 0;
  for (const auto &[name, value] : file.keys) {
    if (!name.starts_with("tokenizer.") && name != "general.architecture")
      continue;
    putText(keys, name);
    putValue(keys, value);
    ++count;
  }
  std::string out = "GGUF";
  put<uint32_t>(out, 3);
  put<uint64_t>(out, 0); // tensors
  put(out, count);
  return out + keys;
}

} // namespace bitnetc::gguf
