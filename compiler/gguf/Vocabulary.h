//===- Vocabulary.h - The tokenizer.* keys of a GGUF file -------*- C++ -*-===//
//
// What the importer (which tokens begin and end a text) and the tokenizer
// compiler (everything) read from the same keys, with llama.cpp's defaults for
// those that a file leaves out.
//
//===----------------------------------------------------------------------===//
#ifndef BITNETC_COMPILER_GGUF_VOCABULARY_H
#define BITNETC_COMPILER_GGUF_VOCABULARY_H

#include "Gguf.h"

namespace bitnetc::gguf {

/// How tokenizer.ggml.pre cuts a text into pieces that tokens never cross.
struct PreTokenizer {
  const char *name;
  /// PCRE2, one after the other; each cuts the pieces of the one before.
  std::vector<const char *> patterns;
  bool ignoreMerges = false;
  bool addBos = false; ///< If tokenizer.ggml.add_bos_token is absent.
};

/// The pre-tokenizer of that name, or null.
const PreTokenizer *preTokenizer(std::string_view name);

enum class TokenType {
  Normal = 1,
  Unknown,
  Control,
  UserDefined,
  Unused,
  Byte
};

struct Vocabulary {
  bool byteLevel = false; ///< "gpt2": merges of bytes; else scores.
  bool unigram = false;   ///< "t5": the best sum of scores; else "llama": BPE.
  const PreTokenizer *pre = nullptr;    ///< If byteLevel.
  std::vector<std::string_view> tokens; ///< By id.
  std::vector<TokenType> types;         ///< By id.
  std::vector<float> scores;            ///< By id; unless byteLevel.
  std::vector<std::string_view> merges; ///< If byteLevel.
  int32_t bos = -1, eos = -1, unknown = -1;
  bool addBos = false, addEos = false, addSpacePrefix = true;
  bool removeExtraSpaces = false; ///< If unigram.
  std::vector<int64_t> charsmap;  ///< If unigram: SentencePiece's, as bytes.
  std::vector<int32_t> stops;     ///< End a generation: eos, end of turn.
  std::optional<std::string_view> chatTemplate;
};

/// Whether the file has a tokenizer at all.
bool hasVocabulary(const File &file);

/// On failure returns false with one sentence that names the key.
bool readVocabulary(const File &file, Vocabulary &vocabulary,
                    std::string &error);

} // namespace bitnetc::gguf

#endif // BITNETC_COMPILER_GGUF_VOCABULARY_H
