//===- TokenizerUnigram.cpp - tokenizer.json of type Unigram --------------===//
//
// The vocabulary is an array of [text, score], ids in order. Unlike
// SentencePiece, Hugging Face's library can form every token from text, adds
// scores as double, and takes ten less than the least score of all for an
// unknown character.
//
//===----------------------------------------------------------------------===//

#include "TokenizerUnigram.h"
#include <algorithm>
#include <cmath>

namespace bitnetc {

void readUnigram(const Json &model, TokenizerSpec &spec,
                 std::unordered_map<std::string, uint32_t> &ids) {
  const std::string where = "model";
  spec.model = BITNET_TOKENIZER_UNIGRAM;
  spec.flags |= BITNET_TOKENIZER_FUSE_UNKNOWN;
  const bool fallback = get(model, "byte_fallback", false, where);
  if (fallback)
    spec.flags |= BITNET_TOKENIZER_BYTE_FALLBACK;

  double least = 0;
  for (const Json &entry : needArray(model, "vocab", where)) {
    const size_t id = spec.tokens.size();
    if (!entry.is_array() || entry.size() != 2 || !entry[0].is_string() ||
        !entry[1].is_number())
      throw Unsupported("field \"model.vocab[" + std::to_string(id) +
                        "]\" is not a text and a score");
    const auto score = entry[1].get<double>();
    if (!std::isfinite(static_cast<float>(score)))
      throw Unsupported("field \"model.vocab[" + std::to_string(id) +
                        "]\" has a score out of range");
    least = id ? std::min(least, score) : score;
    TokenizerSpec::Token &token = spec.token(id);
    token.text = entry[0].get<std::string>();
    token.score = static_cast<float>(score);
    token.canBeFormed = true;
    int byte = 0;
    if (fallback && isByteToken(token.text, byte)) {
      token.kind = BITNET_TOKEN_BYTE;
      spec.byteIds[byte] = static_cast<int32_t>(id);
    }
    if (!ids.emplace(token.text, static_cast<uint32_t>(id)).second)
      throw Unsupported("field \"model.vocab[" + std::to_string(id) +
                        "]\" has the same text as an earlier one");
  }
  const Json &unknown = need(model, "unk_id", where);
  if (!unknown.is_number_unsigned() ||
      unknown.get<uint64_t>() >= spec.tokens.size())
    throw Unsupported("field \"model.unk_id\" is not a token of the "
                      "vocabulary");
  spec.unknownId = unknown.get<int32_t>();
  TokenizerSpec::Token &token = spec.tokens[spec.unknownId];
  token.score = static_cast<float>(least - 10);
  token.canBeFormed = false;
}

} // namespace bitnetc
