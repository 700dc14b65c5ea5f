//===- GgufWriter.h - GGUF files for the tests -----------------*- C++ -*-===//
//
// Writes what it is told, also when that is wrong. Plain C++, for the tests of
// the runtime too.
//
//===----------------------------------------------------------------------===//
#ifndef BITNETC_TEST_COMPILER_GGUFWRITER_H
#define BITNETC_TEST_COMPILER_GGUFWRITER_H

#include <cstdint>
#include <string>
#include <vector>

namespace bitnetc::test {

class GgufWriter {
public:
  template <typename T> static std::string raw(T value) {
    return {reinterpret_cast<const char *>(&value), sizeof(T)};
  }
  static std::string text(const std::string &s) {
    return raw<uint64_t>(s.size()) + s;
  }

  /// A key with type number and value as bytes.
  GgufWriter &key(const std::string &name, uint32_t type,
                  const std::string &value) {
    keys += text(name) + raw(type) + value;
    ++numKeys;
    return *this;
  }
  GgufWriter &integer(const std::string &name, uint32_t value) {
    return key(name, 4, raw(value));
  }
  GgufWriter &number(const std::string &name, float value) {
    return key(name, 6, raw(value));
  }
  GgufWriter &boolean(const std::string &name, bool value) {
    return key(name, 7, raw<uint8_t>(value));
  }
  GgufWriter &string(const std::string &name, const std::string &value) {
    return key(name, 8, text(value));
  }
  GgufWriter &strings(const std::string &name,
                      const std::vector<std::string> &values) {
    std::string bytes = raw<uint32_t>(8) + raw<uint64_t>(values.size());
    for (const std::string &value : values)
      bytes += text(value);
    return key(name, 9, bytes);
  }
  /// f32 or i32.
  template <typename T>
  GgufWriter &array(const std::string &name, const std::vector<T> &values) {
    std::string bytes =
        raw<uint32_t>(T(0.5) == 0 ? 5 : 6) + raw<uint64_t>(values.size());
    for (T value : values)
      bytes += raw(value);
    return key(name, 9, bytes);
  }

  /// `shape` is row-major; the file has it the other way round. The tensor
  /// follows the one before it.
  GgufWriter &tensor(const std::string &name, std::vector<uint64_t> shape,
                     uint32_t type, const std::string &bytes) {
    data.resize((data.size() + alignment - 1) / alignment * alignment);
    return info(name, std::move(shape), type, data.size(), bytes);
  }
  /// At any offset; the bytes are appended.
  GgufWriter &info(const std::string &name, std::vector<uint64_t> shape,
                   uint32_t type, uint64_t offset, const std::string &bytes) {
    infos += text(name) + raw<uint32_t>(shape.size());
    for (size_t i = shape.size(); i > 0; --i)
      infos += raw<uint64_t>(shape[i - 1]);
    infos += raw(type) + raw(offset);
    ++numTensors;
    data += bytes;
    return *this;
  }

  /// Everything before the data, without padding.
  std::string header() const {
    return "GGUF" + raw(version) + raw(numTensors) + raw(numKeys) + keys +
           infos;
  }
  std::string file() const {
    std::string bytes = header();
    bytes.resize((bytes.size() + alignment - 1) / alignment * alignment);
    return bytes + data;
  }

  uint32_t version = 3;
  uint64_t numTensors = 0, numKeys = 0, alignment = 32;
  std::string keys, infos, data;
};

} // namespace bitnetc::test

#endif // BITNETC_TEST_COMPILER_GGUFWRITER_H
