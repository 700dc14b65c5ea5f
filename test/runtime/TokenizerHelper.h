//===- TokenizerHelper.h - Compiled tokenizers for tests --------*- C++ -*-===//
#ifndef BITNET_TEST_RUNTIME_TOKENIZERHELPER_H
#define BITNET_TEST_RUNTIME_TOKENIZERHELPER_H

#include "compiler/tokenizer/CompileTokenizer.h"
#include "compiler/tokenizer/TokenizerSpec.h"
#include "runtime/Tokenizer.h"
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace bitnet::test {

/// A tokenizer with the memory of its blob, aligned as programs align it.
struct LoadedTokenizer {
  std::vector<uint64_t> storage;
  std::unique_ptr<Tokenizer> tokenizer;
  std::string error;

  explicit operator bool() const { return tokenizer != nullptr; }
  Tokenizer *operator->() const { return tokenizer.get(); }

  std::vector<int32_t> encode(std::string_view text, bool addTemplate = false,
                              bool parseSpecial = true) {
    std::vector<int32_t> ids;
    if (!tokenizer->encode(text, {addTemplate, parseSpecial}, ids, &error))
      return {-1};
    return ids;
  }
  std::string decode(const std::vector<int32_t> &ids) {
    return tokenizer->decode(ids, /*skipSpecial=*/true);
  }
};

inline LoadedTokenizer openBlob(const std::string &blob) {
  LoadedTokenizer loaded;
  loaded.storage.resize(blob.size() / 8 + 1);
  std::memcpy(loaded.storage.data(), blob.data(), blob.size());
  loaded.tokenizer =
      Tokenizer::open(reinterpret_cast<const uint8_t *>(loaded.storage.data()),
                      blob.size(), &loaded.error);
  return loaded;
}

inline LoadedTokenizer loadTokenizer(const std::string &path) {
  bitnetc::CompiledTokenizer compiled = bitnetc::compileTokenizerFile(path);
  if (!compiled.error.empty()) {
    LoadedTokenizer failed;
    failed.error = compiled.error;
    return failed;
  }
  return openBlob(compiled.blob);
}

/// A tokenizer.json given as text.
inline LoadedTokenizer fromJson(const std::string &json) {
  bitnetc::TokenizerSpec spec;
  LoadedTokenizer failed;
  std::string blob;
  if (!bitnetc::readTokenizerJson(json, spec, failed.error) ||
      !bitnetc::writeTokenizerBlob(spec, blob, failed.error))
    return failed;
  return openBlob(blob);
}

/// Folder of golden data, or empty if this checkout has none.
inline std::string sharedData(const std::string &name) {
  std::string path = std::string(BITNETC_SHARED_DATA) + "/" + name;
  return std::filesystem::exists(path) ? path : "";
}

} // namespace bitnet::test

#endif // BITNET_TEST_RUNTIME_TOKENIZERHELPER_H
