//===- TokenizerSpec.h - A tokenizer between reader and blob ----*- C++ -*-===//
//
// What the readers of tokenizer.json and tokenizer.model produce and the blob
// writer consumes. It has the blob's meaning with ordinary containers.
//
//===----------------------------------------------------------------------===//
#ifndef BITNETC_COMPILER_TOKENIZER_TOKENIZERSPEC_H
#define BITNETC_COMPILER_TOKENIZER_TOKENIZERSPEC_H

#include "runtime/abi/tokenizer_blob.h"
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace bitnetc {

struct TokenizerSpec {
  struct Token {
    std::string text; ///< As the blob stores it; empty for unused ids.
    bitnet_token_kind kind = BITNET_TOKEN_NORMAL;
    bool canBeFormed = false; ///< By the model, from text.
    float score = 0;          ///< Of a unigram model.
  };
  struct Merge {
    uint32_t left, right, result, rank;
  };
  struct Added {
    uint32_t id;
    std::string content;
    uint32_t flags; ///< enum bitnet_added_flags
  };
  struct Op {
    bitnet_op_type type;
    uint32_t flags = 0;
    std::string pattern, content;
  };

  bitnet_tokenizer_model model = BITNET_TOKENIZER_BPE_BYTES;
  uint32_t flags = 0; ///< enum bitnet_tokenizer_flags
  int32_t unknownId = -1;
  std::vector<Token> tokens; ///< By id.
  std::vector<int32_t> byteIds = std::vector<int32_t>(256, -1);
  std::vector<Merge> merges;
  std::vector<Added> added;
  /// The contents of added tokens with BITNET_ADDED_NORMALIZED are normalized.
  bool addedAreNormalized = false;
  std::vector<Op> normalizer, splitter;
  std::vector<int32_t> prefix, suffix;

  Token &token(size_t id) {
    if (id >= tokens.size())
      tokens.resize(id + 1);
    return tokens[id];
  }
};

/// Reads the text of a tokenizer.json. On failure returns false with a sentence
/// that names the unsupported part.
bool readTokenizerJson(const std::string &json, TokenizerSpec &spec,
                       std::string &error);

/// Reads GPT-2's older pair of files.
bool readVocabAndMerges(const std::string &vocabJson, const std::string &merges,
                        TokenizerSpec &spec, std::string &error);

/// Reads a SentencePiece model of type BPE or unigram. `addBos` as in
/// tokenizer_config.json.
bool readSentencePiece(const std::string &proto, bool addBos,
                       TokenizerSpec &spec, std::string &error);

/// Reads Llama 3's tokenizer.model, lines of base64 and rank.
bool readTiktoken(const std::string &text, TokenizerSpec &spec,
                  std::string &error);

/// For every token of `ids` (text to id), every way to cut it into two others,
/// ranked by its score.
void addScoredMerges(const std::unordered_map<std::string_view, uint32_t> &ids,
                     const std::function<float(uint32_t)> &score,
                     TokenizerSpec &spec);

/// Rewrites a pattern of Oniguruma as PCRE2 needs it.
bool translatePattern(std::string &pattern, std::string &error);

/// Writes the blob and checks it by opening it.
bool writeTokenizerBlob(TokenizerSpec &spec, std::string &blob,
                        std::string &error);

} // namespace bitnetc

#endif // BITNETC_COMPILER_TOKENIZER_TOKENIZERSPEC_H
