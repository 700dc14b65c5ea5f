//===- StreamDecoder.cpp - Tokens to text ---------------------------------===//

#include "runtime/Tokenizer.h"
#include "runtime/Utf8.h"

namespace bitnet {

// U+2581, SentencePiece's visible space.
static constexpr std::string_view metaspace = "\xE2\x96\x81";
static constexpr std::string_view replacement = "\xEF\xBF\xBD";

static int hexDigit(char c) {
  if (c >= '0' && c <= '9')
    return c - '0';
  if (c >= 'A' && c <= 'F')
    return c - 'A' + 10;
  if (c >= 'a' && c <= 'f')
    return c - 'a' + 10;
  return 0;
}

void Tokenizer::appendTokenBytes(int32_t id, bool skipSpecial, bool isFirst,
                                 std::string &out) const {
  std::string_view text = tables.tokenText(id);
  switch (tables.tokenKind(id)) {
  case BITNET_TOKEN_SPECIAL:
    if (!skipSpecial)
      out.append(text);
    return;
  case BITNET_TOKEN_BYTE: // "<0xNN>"
    if (text.size() == 6)
      out.push_back(
          static_cast<char>(hexDigit(text[3]) * 16 + hexDigit(text[4])));
    return;
  default:
    break;
  }
  if (!tables.has(BITNET_TOKENIZER_METASPACE)) {
    out.append(text);
    return;
  }
  while (!text.empty()) {
    size_t found = text.find(metaspace);
    out.append(text.substr(0, found));
    if (found == std::string_view::npos)
      return;
    if (!isFirst || !tables.has(BITNET_TOKENIZER_STRIP_FIRST_TOKEN))
      out.push_back(' ');
    text.remove_prefix(found + metaspace.size());
  }
}

std::string Tokenizer::decode(const std::vector<int32_t> &ids,
                              bool skipSpecial) const {
  StreamDecoder decoder(*this, /*atStart=*/true, skipSpecial);
  std::string text;
  for (int32_t id : ids)
    text += decoder.push(id);
  return text + decoder.finish();
}

StreamDecoder::StreamDecoder(const Tokenizer &tokenizer, bool atStart,
                             bool skipSpecial)
    : tokenizer(tokenizer), isFirst(atStart),
      dropSpace(atStart && tokenizer.blob().has(BITNET_TOKENIZER_STRIP_SPACE)),
      skipSpecial(skipSpecial) {}

std::string StreamDecoder::push(int32_t id) {
  tokenizer.appendTokenBytes(id, skipSpecial, isFirst, pending);
  if (!skipSpecial || tokenizer.blob().tokenKind(id) != BITNET_TOKEN_SPECIAL)
    isFirst = false;
  if (dropSpace && !pending.empty()) {
    if (pending[0] == ' ')
      pending.erase(0, 1);
    dropSpace =
        pending.empty() && tokenizer.blob().has(BITNET_TOKENIZER_STRIP_SPACES);
  }
  return take(/*all=*/false);
}

std::string StreamDecoder::finish() { return take(/*all=*/true); }

std::string StreamDecoder::take(bool all) {
  const bool byteLevel =
      tokenizer.blob().header().model == BITNET_TOKENIZER_BPE_BYTES;
  std::string out;
  std::string_view rest = pending;
  while (!rest.empty()) {
    size_t valid = validUtf8Prefix(rest);
    out.append(rest.substr(0, valid));
    rest.remove_prefix(valid);
    if (rest.empty())
      break;
    Utf8Char c = decodeUtf8(rest);
    if (c.cutOff && !all)
      break;
    // Of a cut-off character SentencePiece replaces every byte, byte-level
    // models replace all together.
    for (size_t i = 0; i < (byteLevel ? 1 : c.length); ++i)
      out.append(replacement);
    rest.remove_prefix(c.length);
  }
  pending.erase(0, pending.size() - rest.size());
  return out;
}

} // namespace bitnet
