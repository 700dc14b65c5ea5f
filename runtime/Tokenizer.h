//===- Tokenizer.h - Text to tokens and back --------------------*- C++ -*-===//
//
// The order is Hugging Face's: cut out the added tokens that are searched in
// the raw text, normalize what is between them, cut out the others, split into
// pieces, encode each piece. Bytes that are not UTF-8 are kept: they become
// pieces of their own that no pattern sees.
//
//===----------------------------------------------------------------------===//
#ifndef BITNET_RUNTIME_TOKENIZER_H
#define BITNET_RUNTIME_TOKENIZER_H

#include "runtime/Bpe.h"
#include "runtime/TextPipeline.h"
#include "runtime/TokenizerBlob.h"
#include "runtime/Unigram.h"
#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace bitnet {

struct EncodeOptions {
  /// Put the template's tokens (usually bos) around the text.
  bool addTemplate = true;
  /// Recognise special tokens written out in the text, e.g. "<|eot_id|>".
  bool parseSpecial = true;
};

class Tokenizer {
public:
  /// `data` must outlive the tokenizer. Null and one sentence in `error` if the
  /// blob is damaged.
  static std::unique_ptr<Tokenizer> open(const uint8_t *data, uint64_t size,
                                         std::string *error);

  /// Fails only if a pattern exceeds its limits on this text.
  bool encode(std::string_view text, const EncodeOptions &options,
              std::vector<int32_t> &ids, std::string *error);

  /// Runs the normalizer alone, as added tokens need at compile time.
  bool normalize(std::string_view text, std::string &out, std::string *error);

  /// Appends what one token adds to a text: perhaps half a character. `isFirst`:
  /// of a text, where some tokenizers leave U+2581 out.
  void appendTokenBytes(int32_t id, bool skipSpecial, bool isFirst,
                        std::string &out) const;
  /// Whole text; broken UTF-8 becomes U+FFFD.
  std::string decode(const std::vector<int32_t> &ids, bool skipSpecial) const;

  const TokenizerBlob &blob() const { return tables; }

private:
  Tokenizer() : bpe(tables), unigram(tables) {}
  struct Cut {
    size_t begin, end;
    int32_t id; ///< -1: text between added tokens.
  };
  void indexAdded();
  void cutAdded(std::string_view text, bool normalized, bool parseSpecial,
                std::vector<Cut> &cuts);
  bool standsAlone(std::string_view text, size_t begin, size_t end);
  bool encodeRaw(std::string_view text, bool parseSpecial, Place place,
                 std::vector<int32_t> &ids, std::string *error);
  bool encodeValid(std::string_view text, bool parseSpecial, Place place,
                   std::vector<int32_t> &ids, std::string *error);
  void encodePiece(std::string_view piece, std::vector<int32_t> &ids);

  TokenizerBlob tables;
  TextPipeline pipeline;
  BpeEncoder bpe;
  UnigramEncoder unigram;
  /// Added tokens by first byte: [firstOf[b], firstOf[b + 1]).
  std::array<uint32_t, 257> firstOf{};
  bool hasNormalizedAdded = false;
  std::unique_ptr<Regex> wordChar; ///< Made when a single-word token needs it.
};

/// Decodes token by token and never gives out half a character.
class StreamDecoder {
public:
  /// `atStart`: the first token starts a text, so a space that the tokenizer
  /// puts before every text is dropped.
  StreamDecoder(const Tokenizer &tokenizer, bool atStart, bool skipSpecial);

  /// The characters that are complete with this token.
  std::string push(int32_t id);
  /// What remains at the end; an incomplete character becomes U+FFFD.
  std::string finish();

private:
  std::string take(bool all);

  const Tokenizer &tokenizer;
  bool isFirst, dropSpace, skipSpecial;
  std::string pending;
};

} // namespace bitnet

#endif // BITNET_RUNTIME_TOKENIZER_H
