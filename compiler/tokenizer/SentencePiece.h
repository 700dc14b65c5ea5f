//===- SentencePiece.h - What a SentencePiece model says --------*- C++ -*-===//
//
// Between the file that holds it (tokenizer.model, or the keys of a GGUF file)
// and the tokenizer's specification.
//
//===----------------------------------------------------------------------===//
#ifndef BITNETC_COMPILER_TOKENIZER_SENTENCEPIECE_H
#define BITNETC_COMPILER_TOKENIZER_SENTENCEPIECE_H

#include "TokenizerSpec.h"

namespace bitnetc::sentencepiece {

enum ModelType { Unigram = 1, Bpe = 2 };

/// GGUF has the same numbers.
enum PieceType { Normal = 1, Unknown, Control, UserDefined, Unused, Byte };

struct Piece {
  std::string text;
  float score = 0;
  uint64_t type = Normal;
};

struct Fields {
  std::vector<Piece> pieces;
  uint64_t modelType = Unigram;
  bool byteFallback = false, spaceAsSuffix = false;
  int32_t bos = 1;
  std::string charsmap;
  bool dummyPrefix = true, removeExtraSpaces = true, escapeSpaces = true;
};

/// Reads the bytes of a tokenizer.model; false if they are none.
bool parse(std::string_view proto, Fields &model);

/// Everything but what comes before and after a text. On failure returns false
/// with a sentence that names the piece or field.
bool makeSpec(const Fields &model, TokenizerSpec &spec, std::string &error);

} // namespace bitnetc::sentencepiece

#endif // BITNETC_COMPILER_TOKENIZER_SENTENCEPIECE_H
