//===- TextPipeline.cpp - Normalizer and pre-tokenizer steps --------------===//

#include "runtime/TextPipeline.h"
#include "runtime/Charsmap.h"
#include "runtime/Nfc.h"
#include "runtime/Utf8.h"
#include <array>

namespace bitnet {

// GPT-2 keeps the printable characters of Latin-1 and moves the other 68 bytes,
// in order, to U+0100 onward.
static bool isPrintableByte(unsigned byte) {
  return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) ||
         byte >= 0xAE;
}

static const std::array<uint16_t, 256> &byteChars() {
  static const std::array<uint16_t, 256> table = [] {
    std::array<uint16_t, 256> chars{};
    uint16_t next = 0x100;
    for (unsigned byte = 0; byte < 256; ++byte)
      chars[byte] = isPrintableByte(byte) ? byte : next++;
    return chars;
  }();
  return table;
}

char32_t byteToChar(uint8_t byte) { return byteChars()[byte]; }

int charToByte(char32_t c) {
  if (c < 0x100)
    return isPrintableByte(c) ? static_cast<int>(c) : -1;
  for (unsigned byte = 0; byte < 256; ++byte)
    if (byteChars()[byte] == c)
      return static_cast<int>(byte);
  return -1;
}

bool TextPipeline::open(const TokenizerBlob &blob, std::string *error) {
  normalizer.clear();
  splitter.clear();
  for (const bitnet_tokenizer_op &op : blob.ops()) {
    Step step{op, blob.text(op.pattern, op.pattern_length),
              blob.text(op.content, op.content_length), Regex()};
    if (op.type == BITNET_OP_SPLIT || op.type == BITNET_OP_REPLACE_REGEX)
      if (!step.regex.compile(step.pattern, error))
        return false;
    bool first = normalizer.size() < blob.header().num_normalizer_ops;
    (first ? normalizer : splitter).push_back(std::move(step));
  }
  return true;
}

bool TextPipeline::normalize(Pieces &pieces, Place place, std::string *error) {
  for (const Step &step : normalizer)
    if (!run(step, pieces, place, error))
      return false;
  return true;
}

bool TextPipeline::split(Pieces &pieces, Place place, std::string *error) {
  for (const Step &step : splitter)
    if (!run(step, pieces, place, error))
      return false;
  return true;
}

static void replaceAll(std::string_view text, std::string_view what,
                       std::string_view with, std::string &out) {
  size_t at = 0;
  while (true) {
    size_t found = text.find(what, at);
    if (found == std::string_view::npos)
      break;
    out.append(text.substr(at, found - at)).append(with);
    at = found + what.size();
  }
  out.append(text.substr(at));
}

bool TextPipeline::run(const Step &step, Pieces &pieces, Place place,
                       std::string *error) {
  Pieces &out = scratch;
  out.text.clear();
  out.ends.clear();
  if (step.op.type == BITNET_OP_SPLIT) {
    if (!runSplit(step, pieces, out, error))
      return false;
    std::swap(pieces, scratch);
    return true;
  }
  size_t begin = 0;
  for (size_t end : pieces.ends) {
    std::string_view piece(pieces.text.data() + begin, end - begin);
    const bool goesOn = place == Place::Inside && begin == 0;
    switch (step.op.type) {
    case BITNET_OP_PREPEND:
      if (!goesOn)
        out.text.append(step.content);
      out.text.append(piece);
      break;
    case BITNET_OP_PREFIX:
      if (!piece.starts_with(step.content) && !goesOn &&
          (!(step.op.flags & BITNET_PREFIX_FIRST_ONLY) ||
           (place == Place::Start && begin == 0)))
        out.text.append(step.content);
      out.text.append(piece);
      break;
    case BITNET_OP_REPLACE:
      replaceAll(piece, step.pattern, step.content, out.text);
      break;
    case BITNET_OP_REPLACE_REGEX: {
      if (!step.regex.findAll(piece, matches, error))
        return false;
      size_t at = 0;
      for (Range match : matches) {
        if (match.begin == match.end)
          continue;
        out.text.append(piece.substr(at, match.begin - at));
        out.text.append(step.content);
        at = match.end;
      }
      out.text.append(piece.substr(at));
      break;
    }
    case BITNET_OP_NFC:
      appendNfc(piece, out.text);
      break;
    case BITNET_OP_CHARSMAP:
      appendCharsmapped(step.content, piece, out.text);
      break;
    default:
      out.text.append(piece);
    }
    if (out.text.size() > (out.ends.empty() ? 0 : out.ends.back()))
      out.ends.push_back(out.text.size());
    begin = end;
  }
  std::swap(pieces, scratch);
  return true;
}

namespace {
/// Collects the parts of one piece according to a split's behaviour.
class PartWriter {
public:
  PartWriter(unsigned behavior, Pieces &out) : behavior(behavior), out(out) {}

  void part(std::string_view text, bool isMatch) {
    if (text.empty())
      return;
    switch (behavior) {
    case BITNET_SPLIT_REMOVED:
      if (!isMatch)
        close(text);
      break;
    case BITNET_SPLIT_MERGED_WITH_PREVIOUS:
      // A match joins what is before it unless that is a match too.
      if (isMatch && started && !lastWasMatch)
        extend(text);
      else
        close(text);
      break;
    case BITNET_SPLIT_MERGED_WITH_NEXT:
      if (!isMatch && started && lastWasMatch)
        extend(text);
      else
        close(text);
      break;
    case BITNET_SPLIT_CONTIGUOUS:
      if (started && isMatch == lastWasMatch)
        extend(text);
      else
        close(text);
      break;
    default:
      close(text);
    }
    started = true;
    lastWasMatch = isMatch;
  }

  /// Has no text, and still parts what is on its sides.
  void emptyMatch(bool isMatch) {
    lastWasMatch = behavior != BITNET_SPLIT_MERGED_WITH_NEXT && isMatch;
  }

private:
  void close(std::string_view text) {
    out.text.append(text);
    out.ends.push_back(out.text.size());
  }
  void extend(std::string_view text) {
    out.text.append(text);
    out.ends.back() = out.text.size();
  }

  unsigned behavior;
  Pieces &out;
  bool started = false, lastWasMatch = false;
};
} // namespace

bool TextPipeline::runSplit(const Step &step, const Pieces &in, Pieces &out,
                            std::string *error) {
  const bool onByteChars = step.op.flags & BITNET_SPLIT_ON_BYTE_CHARS;
  const bool invert = step.op.flags & BITNET_SPLIT_INVERT;
  std::string chars;
  std::vector<uint32_t> byteOfOffset;
  size_t begin = 0;
  for (size_t end : in.ends) {
    std::string_view piece(in.text.data() + begin, end - begin);
    begin = end;
    std::string_view subject = piece;
    if (onByteChars) {
      chars.clear();
      byteOfOffset.clear();
      for (size_t i = 0; i < piece.size(); ++i) {
        appendUtf8(chars, byteToChar(static_cast<uint8_t>(piece[i])));
        byteOfOffset.resize(chars.size(), static_cast<uint32_t>(i));
      }
      byteOfOffset.push_back(static_cast<uint32_t>(piece.size()));
      subject = chars;
    }
    if (!step.regex.findAll(subject, matches, error))
      return false;
    PartWriter writer(step.op.flags & BITNET_SPLIT_BEHAVIOR_MASK, out);
    size_t at = 0;
    for (Range match : matches) {
      if (onByteChars)
        match = {byteOfOffset[match.begin], byteOfOffset[match.end]};
      writer.part(piece.substr(at, match.begin - at), invert);
      if (match.begin == match.end)
        writer.emptyMatch(!invert);
      writer.part(piece.substr(match.begin, match.end - match.begin), !invert);
      at = match.end;
    }
    writer.part(piece.substr(at), invert);
  }
  return true;
}

} // namespace bitnet
