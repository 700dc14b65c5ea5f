//===- GgufVocab.cpp - The tokenizer inside a GGUF file -------------------===//
//
// Three kinds: "llama" is SentencePiece's BPE, joining the neighbours whose
// concatenation has the best score; "gpt2" is byte-level BPE with a list of
// merges; "t5" is a unigram model of SentencePiece, field by field. Texts of
// the first two are prepared as llama.cpp does, whose format this is: no
// normalization, a space before each text of a "llama" model.
//
//===----------------------------------------------------------------------===//

#include "GgufVocab.h"
#include "SentencePiece.h"
#include "compiler/gguf/MappedFile.h"
#include "compiler/gguf/Vocabulary.h"
#include "runtime/TextPipeline.h"
#include "runtime/Utf8.h"
#include <unordered_map>

namespace bitnetc {

using gguf::TokenType;
using gguf::Vocabulary;

namespace {
constexpr const char *metaspace = "\xE2\x96\x81";

class Reader {
public:
  Reader(const Vocabulary &vocabulary, TokenizerSpec &spec, std::string &error)
      : vocabulary(vocabulary), spec(spec), error(error) {}

  bool run() {
    if (vocabulary.unigram)
      return makeUnigram() && addEnds();
    addTokens();
    if (vocabulary.byteLevel ? !addMerges() : !addBytes())
      return false;
    if (!vocabulary.byteLevel)
      addScoredMerges(
          ids, [&](uint32_t id) { return vocabulary.scores[id]; }, spec);
    addSteps();
    return addEnds();
  }

private:
  bool fail(const std::string &message) {
    error = message;
    return false;
  }
  /// What comes before and after a text.
  bool addEnds() {
    spec.flags |= BITNET_TOKENIZER_HAS_TEMPLATE;
    if (vocabulary.addBos)
      spec.prefix.push_back(vocabulary.bos);
    if (vocabulary.addEos)
      spec.suffix.push_back(vocabulary.eos);
    spec.unknownId = vocabulary.unknown;
    return true;
  }
  bool makeUnigram();
  void addTokens();
  bool addMerges();
  bool addBytes();
  void addSteps();

  const Vocabulary &vocabulary;
  TokenizerSpec &spec;
  std::string &error;
  std::unordered_map<std::string_view, uint32_t> ids; ///< Formed from text.
};
} // namespace

/// GPT-2's printable characters as the bytes they stand for; false if one of
/// them stands for none.
static bool toBytes(std::string_view text, std::string &bytes) {
  bytes.clear();
  while (!text.empty()) {
    bitnet::Utf8Char c = bitnet::decodeUtf8(text);
    int byte = c.valid ? bitnet::charToByte(c.codePoint) : -1;
    if (byte < 0)
      return false;
    bytes.push_back(static_cast<char>(byte));
    text.remove_prefix(c.length);
  }
  return true;
}

/// The N of "<0xN>", or -1.
static int byteOf(std::string_view text) {
  if (text.size() != 6 || !text.starts_with("<0x") || text[5] != '>')
    return -1;
  int byte = 0;
  for (char c : {text[3], text[4]}) {
    const bool letter = (c >= 'A' && c <= 'F') || (c >= 'a' && c <= 'f');
    if (!letter && !(c >= '0' && c <= '9'))
      return -1;
    byte = byte * 16 + (letter ? (c & 7) + 9 : c - '0');
  }
  return byte;
}

void Reader::addTokens() {
  spec.model = vocabulary.byteLevel ? BITNET_TOKENIZER_BPE_BYTES
                                    : BITNET_TOKENIZER_BPE_CHARS;
  for (size_t i = 0; i < vocabulary.tokens.size(); ++i) {
    const std::string text(vocabulary.tokens[i]);
    const auto id = static_cast<uint32_t>(i);
    TokenizerSpec::Token &token = spec.token(i);
    token.text = text;
    switch (vocabulary.types[i]) {
    case TokenType::Normal:
      token.canBeFormed =
          vocabulary.byteLevel ? toBytes(text, token.text) : true;
      if (!token.canBeFormed)
        token.text = text;
      else
        ids.emplace(vocabulary.tokens[i], id);
      break;
    case TokenType::Unknown:
    case TokenType::Control:
      token.kind = BITNET_TOKEN_SPECIAL;
      spec.added.push_back({id, text, BITNET_ADDED_SPECIAL});
      break;
    case TokenType::UserDefined:
      spec.added.push_back({id, text, 0});
      break;
    case TokenType::Byte:
    case TokenType::Unused:
      break;
    }
    if (vocabulary.byteLevel && token.canBeFormed && token.text.size() == 1)
      spec.byteIds[static_cast<unsigned char>(token.text[0])] =
          static_cast<int32_t>(i);
  }
}

bool Reader::addMerges() {
  uint32_t rank = 0;
  std::string joined;
  for (std::string_view merge : vocabulary.merges) {
    const std::string name =
        "key \"tokenizer.ggml.merges\": merge " + std::to_string(rank);
    const size_t space = merge.find(' ', 1);
    if (space == std::string_view::npos)
      return fail(name + " is not a pair");
    const std::string_view left = merge.substr(0, space),
                           right = merge.substr(space + 1);
    joined.assign(left).append(right);
    uint32_t found[3] = {};
    const std::string_view texts[3] = {left, right, joined};
    for (int i = 0; i < 3; ++i) {
      auto at = ids.find(texts[i]);
      if (at == ids.end())
        return fail(name + " needs token \"" + std::string(texts[i]) +
                    "\", which is not in the vocabulary");
      found[i] = at->second;
    }
    spec.merges.push_back({found[0], found[1], found[2], rank});
    ++rank;
  }
  return true;
}

bool Reader::addBytes() {
  for (size_t i = 0; i < vocabulary.tokens.size(); ++i) {
    if (vocabulary.types[i] != TokenType::Byte)
      continue;
    const int byte = byteOf(vocabulary.tokens[i]);
    if (byte < 0)
      return fail("key \"tokenizer.ggml.tokens\": token " + std::to_string(i) +
                  " is of type byte, but not \"<0xNN>\"");
    spec.token(i).kind = BITNET_TOKEN_BYTE;
    spec.byteIds[byte] = static_cast<int32_t>(i);
    spec.flags |= BITNET_TOKENIZER_BYTE_FALLBACK;
  }
  return true;
}

void Reader::addSteps() {
  if (vocabulary.byteLevel) {
    if (vocabulary.pre->ignoreMerges)
      spec.flags |= BITNET_TOKENIZER_IGNORE_MERGES;
    for (const char *pattern : vocabulary.pre->patterns)
      spec.splitter.push_back(
          {BITNET_OP_SPLIT, BITNET_SPLIT_ISOLATED, pattern, ""});
    return;
  }
  spec.flags |= BITNET_TOKENIZER_METASPACE | BITNET_TOKENIZER_FUSE_UNKNOWN;
  if (vocabulary.addSpacePrefix) {
    spec.flags |= BITNET_TOKENIZER_STRIP_SPACE;
    spec.normalizer.push_back({BITNET_OP_PREPEND, 0, "", " "});
  }
  spec.normalizer.push_back({BITNET_OP_REPLACE, 0, " ", metaspace});
}

bool Reader::makeUnigram() {
  sentencepiece::Fields model;
  for (size_t i = 0; i < vocabulary.tokens.size(); ++i) {
    const auto type = static_cast<uint64_t>(vocabulary.types[i]);
    model.pieces.push_back(
        {std::string(vocabulary.tokens[i]), vocabulary.scores[i], type});
    model.byteFallback |= type == sentencepiece::Byte;
  }
  for (int64_t byte : vocabulary.charsmap)
    model.charsmap.push_back(static_cast<char>(byte));
  model.dummyPrefix = vocabulary.addSpacePrefix;
  model.removeExtraSpaces = vocabulary.removeExtraSpaces;
  if (!sentencepiece::makeSpec(model, spec, error))
    return false;
  if (spec.unknownId != vocabulary.unknown)
    return fail("key \"tokenizer.ggml.unknown_token_id\": expected " +
                std::to_string(spec.unknownId) +
                ", the token of type unknown, found " +
                std::to_string(vocabulary.unknown));
  return true;
}

bool readGgufVocab(const std::string &path, TokenizerSpec &spec,
                   std::string &error) {
  gguf::MappedFile mapped;
  gguf::File file;
  Vocabulary vocabulary;
  return mapped.open(path, error) && gguf::parse(mapped.bytes(), file, error) &&
         gguf::readVocabulary(file, vocabulary, error) &&
         Reader(vocabulary, spec, error).run();
}

} // namespace bitnetc
