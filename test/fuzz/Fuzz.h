//===- Fuzz.h - What the fuzz targets share ---------------------*- C++ -*-===//
//
// Inputs for parsers that take files or aligned memory, and what is done with
// a tokenizer or a chat template once it was accepted: damage that a reader
// lets through must not hurt later.
//
//===----------------------------------------------------------------------===//
#ifndef BITNETC_TEST_FUZZ_FUZZ_H
#define BITNETC_TEST_FUZZ_FUZZ_H

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace bitnetc::fuzz {

/// A file in memory that has a path.
class MemoryFile {
public:
  MemoryFile();
  const std::string &path() const { return name; }
  void write(std::string_view bytes);

private:
  int descriptor;
  std::string name;
};

/// An empty folder, removed at exit.
class Folder {
public:
  Folder();
  ~Folder();
  std::string file(const std::string &name) const { return path + "/" + name; }
  void write(const std::string &name, std::string_view bytes) const;
  void remove(const std::string &name) const;
  /// `name` becomes a link to an example's file, such as
  /// "story-ternary/model.safetensors".
  void link(const std::string &name, const std::string &example) const;

  std::string path;
};

inline std::string_view asText(const uint8_t *data, size_t size) {
  return {reinterpret_cast<const char *>(data), size};
}

/// Opens a compiled tokenizer, encodes texts and decodes ids.
void useTokenizer(std::string_view blob);
/// Opens a compiled chat template and renders a conversation with tools.
void useTemplate(std::string_view blob);

} // namespace bitnetc::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif // BITNETC_TEST_FUZZ_FUZZ_H
