//===- Tokenizer.cpp - Text to tokens -------------------------------------===//

#include "runtime/Tokenizer.h"
#include "runtime/Utf8.h"

namespace bitnet {

std::unique_ptr<Tokenizer> Tokenizer::open(const uint8_t *data, uint64_t size,
                                           std::string *error) {
  std::unique_ptr<Tokenizer> tokenizer(new Tokenizer());
  if (!tokenizer->tables.open(data, size, error) ||
      !tokenizer->pipeline.open(tokenizer->tables, error))
    return nullptr;
  tokenizer->indexAdded();
  return tokenizer;
}

void Tokenizer::indexAdded() {
  for (const bitnet_tokenizer_added &token : tables.added()) {
    auto first = static_cast<unsigned char>(tables.text(token.text, 1)[0]);
    ++firstOf[first + 1];
    hasNormalizedAdded |= (token.flags & BITNET_ADDED_NORMALIZED) != 0;
  }
  for (size_t i = 1; i < firstOf.size(); ++i)
    firstOf[i] += firstOf[i - 1];
}

/// Rust's \w, which Hugging Face's library asks; PCRE2's is another.
static constexpr std::string_view wordClass =
    "[\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\x{200C}\\x{200D}]";

static bool isWordByte(unsigned char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
         (c >= 'a' && c <= 'z') || c == '_';
}

/// Start of the character that ends at `end`.
static size_t previousChar(std::string_view text, size_t end) {
  size_t begin = end - 1;
  while (begin > 0 && (static_cast<unsigned char>(text[begin]) & 0xC0) == 0x80)
    --begin;
  return begin;
}

bool Tokenizer::standsAlone(std::string_view text, size_t begin, size_t end) {
  auto isWord = [&](std::string_view c) {
    if (static_cast<unsigned char>(c[0]) < 0x80)
      return isWordByte(static_cast<unsigned char>(c[0]));
    std::string error;
    std::vector<Range> matches;
    if (!wordChar) {
      wordChar = std::make_unique<Regex>();
      if (!wordChar->compile(wordClass, &error))
        return false;
    }
    return wordChar->findAll(c, matches, &error) && !matches.empty();
  };
  if (begin > 0) {
    size_t previous = previousChar(text, begin);
    if (isWord(text.substr(previous, begin - previous)))
      return false;
  }
  return end == text.size() ||
         !isWord(text.substr(end, decodeUtf8(text.substr(end)).length));
}

void Tokenizer::cutAdded(std::string_view text, bool normalized,
                         bool parseSpecial, std::vector<Cut> &cuts) {
  auto added = tables.added();
  size_t done = 0; // Everything before is in a cut.
  size_t at = 0;
  while (at < text.size()) {
    const auto first = static_cast<unsigned char>(text[at]);
    const bitnet_tokenizer_added *found = nullptr;
    for (uint32_t i = firstOf[first]; i < firstOf[first + 1] && !found; ++i) {
      const bitnet_tokenizer_added &token = added[i];
      if (((token.flags & BITNET_ADDED_NORMALIZED) != 0) == normalized &&
          text.substr(at).starts_with(tables.text(token.text, token.length)))
        found = &token;
    }
    if (!found) {
      ++at;
      continue;
    }
    size_t begin = at, end = at + found->length;
    at = end;
    if ((!parseSpecial && (found->flags & BITNET_ADDED_SPECIAL)) ||
        ((found->flags & BITNET_ADDED_SINGLE_WORD) &&
         !standsAlone(text, begin, end)))
      continue;
    if (begin < done) // A token to the left took this white space along.
      begin = done;
    if (found->flags & BITNET_ADDED_LSTRIP)
      while (begin > done) {
        size_t previous = previousChar(text, begin);
        if (!isWhiteSpace(decodeUtf8(text.substr(previous)).codePoint))
          break;
        begin = previous;
      }
    if (found->flags & BITNET_ADDED_RSTRIP)
      while (end < text.size()) {
        Utf8Char c = decodeUtf8(text.substr(end));
        if (!isWhiteSpace(c.codePoint))
          break;
        end += c.length;
      }
    if (begin > done)
      cuts.push_back({done, begin, -1});
    cuts.push_back({begin, end, static_cast<int32_t>(found->id)});
    done = end;
  }
  if (done < text.size())
    cuts.push_back({done, text.size(), -1});
}

bool Tokenizer::encode(std::string_view text, const EncodeOptions &options,
                       std::vector<int32_t> &ids, std::string *error) {
  auto prefix = tables.prefix(), suffix = tables.suffix();
  if (options.addTemplate)
    ids.insert(ids.end(), prefix.begin(), prefix.end());
  // Patterns need valid UTF-8. What is not becomes tokens byte by byte.
  Place place = Place::Start;
  while (!text.empty()) {
    size_t valid = validUtf8Prefix(text);
    if (valid && !encodeRaw(text.substr(0, valid), options.parseSpecial, place,
                            ids, error))
      return false;
    place = Place::Inside;
    text.remove_prefix(valid);
    size_t broken = 0;
    while (broken < text.size()) {
      Utf8Char c = decodeUtf8(text.substr(broken));
      if (c.valid)
        break;
      broken += c.length;
    }
    if (broken)
      encodePiece(text.substr(0, broken), ids);
    text.remove_prefix(broken);
  }
  if (options.addTemplate)
    ids.insert(ids.end(), suffix.begin(), suffix.end());
  return true;
}

bool Tokenizer::encodeRaw(std::string_view text, bool parseSpecial, Place place,
                          std::vector<int32_t> &ids, std::string *error) {
  std::vector<Cut> cuts;
  cutAdded(text, /*normalized=*/false, parseSpecial, cuts);
  for (const Cut &cut : cuts) {
    if (cut.id >= 0)
      ids.push_back(cut.id);
    else if (!encodeValid(
                 text.substr(cut.begin, cut.end - cut.begin), parseSpecial,
                 cut.begin == 0 ? place : Place::AfterToken, ids, error))
      return false;
  }
  return true;
}

bool Tokenizer::encodeValid(std::string_view text, bool parseSpecial,
                            Place place, std::vector<int32_t> &ids,
                            std::string *error) {
  Pieces pieces;
  pieces.reset(text);
  if (!pipeline.normalize(pieces, place, error))
    return false;
  std::vector<Cut> cuts;
  if (hasNormalizedAdded)
    cutAdded(pieces.text, /*normalized=*/true, parseSpecial, cuts);
  else if (!pieces.text.empty())
    cuts.push_back({0, pieces.text.size(), -1});
  Pieces part;
  for (const Cut &cut : cuts) {
    if (cut.id >= 0) {
      ids.push_back(cut.id);
      continue;
    }
    part.reset(
        std::string_view(pieces.text).substr(cut.begin, cut.end - cut.begin));
    if (!pipeline.split(part, cut.begin == 0 ? place : Place::AfterToken,
                        error))
      return false;
    size_t begin = 0;
    for (size_t end : part.ends) {
      encodePiece(std::string_view(part.text).substr(begin, end - begin), ids);
      begin = end;
    }
  }
  return true;
}

void Tokenizer::encodePiece(std::string_view piece, std::vector<int32_t> &ids) {
  if (tables.header().model == BITNET_TOKENIZER_UNIGRAM)
    unigram.encode(piece, ids);
  else
    bpe.encode(piece, ids);
}

bool Tokenizer::normalize(std::string_view text, std::string &out,
                          std::string *error) {
  Pieces pieces;
  pieces.reset(text);
  if (!pipeline.normalize(pieces, Place::Start, error))
    return false;
  out = std::move(pieces.text);
  return true;
}

} // namespace bitnet
