//===- TokenizerBlob.h - Checked view of a compiled tokenizer ---*- C++ -*-===//
//
// Opening checks the header and the extent of every section and looks at the
// few small ones, so that start-up does not grow with the vocabulary. The large
// tables are checked where they are read: a damaged blob can give wrong ids but
// never an access outside of it. verify() checks everything; the compiler calls
// it on what it wrote.
//
//===----------------------------------------------------------------------===//
#ifndef BITNET_RUNTIME_TOKENIZERBLOB_H
#define BITNET_RUNTIME_TOKENIZERBLOB_H

#include "runtime/abi/tokenizer_blob.h"
#include <span>
#include <string>
#include <string_view>

namespace bitnet {

/// FNV-1a, the hash of the token slots. With the hash of a text before `text`
/// it is the hash of both together.
uint32_t hashTokenText(std::string_view text, uint32_t before = 2166136261u);

class TokenizerBlob {
public:
  /// Keeps a reference to the bytes. On failure returns false and stores one
  /// sentence in `error`.
  bool open(const uint8_t *data, uint64_t size, std::string *error);
  bool verify(std::string *error) const;

  const bitnet_tokenizer_blob &header() const { return *base; }
  uint32_t vocabSize() const { return base->vocab_size; }
  bool has(bitnet_tokenizer_flags flag) const { return base->flags & flag; }

  /// Empty for ids outside of the vocabulary and for unused ids.
  std::string_view tokenText(int32_t id) const;
  bitnet_token_kind tokenKind(int32_t id) const;
  /// The id of the token that the model can form with this text, or -1.
  int32_t findToken(std::string_view text) const {
    return findToken(text, hashTokenText(text));
  }
  int32_t findToken(std::string_view text, uint32_t hash) const;
  /// Of a unigram model; `id` must be in the vocabulary.
  float score(int32_t id) const { return section<float>(base->scores)[id]; }
  int32_t byteToken(uint8_t byte) const;
  /// Null if the pair does not merge.
  const bitnet_tokenizer_merge *findMerge(int32_t left, int32_t right) const;

  std::span<const bitnet_tokenizer_added> added() const {
    return section<bitnet_tokenizer_added>(base->added);
  }
  std::span<const bitnet_tokenizer_op> ops() const {
    return section<bitnet_tokenizer_op>(base->ops);
  }
  std::span<const int32_t> prefix() const {
    return section<int32_t>(base->prefix);
  }
  std::span<const int32_t> suffix() const {
    return section<int32_t>(base->suffix);
  }
  /// A range of the text section; empty if it is out of bounds.
  std::string_view text(uint32_t offset, uint32_t length) const;

private:
  template <typename T>
  std::span<const T> section(const bitnet_blob_section &s) const {
    const auto *bytes = reinterpret_cast<const uint8_t *>(base);
    return {reinterpret_cast<const T *>(bytes + s.offset), s.count};
  }
  bool checkSmallSections(std::string *error) const;

  const bitnet_tokenizer_blob *base = nullptr;
};

} // namespace bitnet

#endif // BITNET_RUNTIME_TOKENIZERBLOB_H
