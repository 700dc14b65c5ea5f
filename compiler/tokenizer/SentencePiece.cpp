//===- SentencePiece.cpp - tokenizer.model of type BPE --------------------===//
//
// A SentencePiece model is a protobuf message; the few fields needed are read
// by hand. Its BPE joins any two neighbours whose concatenation is a piece,
// best score first. As merges that is: for every piece, every way to cut it in
// two pieces, ranked by the score.
//
//===----------------------------------------------------------------------===//

#include "TokenizerSpec.h"
#include "runtime/Utf8.h"
#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <map>
#include <unordered_map>
#include <unordered_set>

namespace bitnetc {

namespace {
/// Walks the fields of one protobuf message.
class Message {
public:
  explicit Message(std::string_view bytes) : rest(bytes) {}

  /// False at the end or at a broken field; see good().
  bool next() {
    if (rest.empty())
      return false;
    uint64_t key = varint();
    field = static_cast<uint32_t>(key >> 3);
    bytes = {};
    number = 0;
    switch (key & 7) {
    case 0:
      number = varint();
      break;
    case 1:
      take(8);
      break;
    case 2:
      take(varint());
      break;
    case 5:
      take(4);
      break;
    default:
      broken = true;
    }
    return !broken;
  }
  bool good() const { return !broken; }
  float asFloat() const {
    float value = 0;
    if (bytes.size() == 4)
      std::memcpy(&value, bytes.data(), 4);
    return value;
  }

  uint32_t field = 0;
  uint64_t number = 0;
  std::string_view bytes;

private:
  uint64_t varint() {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      if (rest.empty())
        break;
      auto byte = static_cast<unsigned char>(rest[0]);
      rest.remove_prefix(1);
      value |= uint64_t{byte & 0x7Fu} << shift;
      if (byte < 0x80)
        return value;
    }
    broken = true;
    return 0;
  }
  void take(uint64_t count) {
    if (count > rest.size()) {
      broken = true;
      return;
    }
    bytes = rest.substr(0, count);
    rest.remove_prefix(count);
  }

  std::string_view rest;
  bool broken = false;
};

enum PieceType { Normal = 1, Unknown, Control, UserDefined, Unused, Byte };

struct Piece {
  std::string text;
  float score = 0;
  uint64_t type = Normal;
};

struct ModelFields {
  std::vector<Piece> pieces;
  uint64_t modelType = 1; // Unigram.
  bool byteFallback = false, spaceAsSuffix = false;
  int32_t bos = 1;
  std::string charsmap;
  bool dummyPrefix = true, removeExtraSpaces = true, escapeSpaces = true;
};

constexpr const char *metaspace = "\xE2\x96\x81";
} // namespace

static bool parseModel(std::string_view proto, ModelFields &model) {
  Message message(proto);
  while (message.next()) {
    Message inner(message.bytes);
    switch (message.field) {
    case 1: {
      Piece &piece = model.pieces.emplace_back();
      while (inner.next())
        switch (inner.field) {
        case 1:
          piece.text = inner.bytes;
          break;
        case 2:
          piece.score = inner.asFloat();
          break;
        case 3:
          piece.type = inner.number;
          break;
        }
      break;
    }
    case 2: // TrainerSpec
      while (inner.next())
        switch (inner.field) {
        case 3:
          model.modelType = inner.number;
          break;
        case 24:
          model.spaceAsSuffix = inner.number;
          break;
        case 35:
          model.byteFallback = inner.number;
          break;
        case 41:
          model.bos = static_cast<int32_t>(inner.number);
          break;
        }
      break;
    case 3: // NormalizerSpec
      while (inner.next())
        switch (inner.field) {
        case 2:
          model.charsmap = inner.bytes;
          break;
        case 3:
          model.dummyPrefix = inner.number;
          break;
        case 4:
          model.removeExtraSpaces = inner.number;
          break;
        case 5:
          model.escapeSpaces = inner.number;
          break;
        }
      break;
    }
    if (!inner.good())
      return false;
  }
  return message.good() && !model.pieces.empty();
}

static void addNormalizer(const ModelFields &model, TokenizerSpec &spec) {
  auto add = [&](bitnet_op_type type, std::string pattern,
                 std::string content) {
    spec.normalizer.push_back(
        {type, 0, std::move(pattern), std::move(content)});
  };
  if (!model.charsmap.empty())
    add(BITNET_OP_CHARSMAP, "", model.charsmap);
  if (model.removeExtraSpaces) {
    add(BITNET_OP_REPLACE_REGEX, "\\A +| +\\z", "");
    add(BITNET_OP_REPLACE_REGEX, " {2,}", " ");
  }
  if (model.dummyPrefix)
    add(BITNET_OP_PREPEND, "", " ");
  if (model.escapeSpaces)
    add(BITNET_OP_REPLACE, " ", metaspace);
}

static void addPieces(const ModelFields &model, TokenizerSpec &spec) {
  for (size_t i = 0; i < model.pieces.size(); ++i) {
    const Piece &piece = model.pieces[i];
    const auto id = static_cast<uint32_t>(i);
    TokenizerSpec::Token &token = spec.token(i);
    token.text = piece.text;
    token.canBeFormed = piece.type == Normal;
    switch (piece.type) {
    case Unknown:
      spec.unknownId = static_cast<int32_t>(i);
      [[fallthrough]];
    case Control:
      token.kind = BITNET_TOKEN_SPECIAL;
      spec.added.push_back({id, piece.text, BITNET_ADDED_SPECIAL});
      break;
    case UserDefined:
      spec.added.push_back({id, piece.text, BITNET_ADDED_NORMALIZED});
      break;
    case Byte:
      token.kind = BITNET_TOKEN_BYTE;
      if (piece.text.size() == 6)
        spec.byteIds[std::stoul(piece.text.substr(3, 2), nullptr, 16) & 255] =
            static_cast<int32_t>(i);
      break;
    }
  }
}

static void addMerges(const ModelFields &model, TokenizerSpec &spec) {
  std::unordered_map<std::string_view, uint32_t> ids;
  // Equal scores merge from left to right, so they share a rank.
  std::map<float, uint32_t, std::greater<float>> ranks;
  for (size_t i = 0; i < model.pieces.size(); ++i)
    if (model.pieces[i].type == Normal) {
      ids.emplace(model.pieces[i].text, static_cast<uint32_t>(i));
      ranks.emplace(model.pieces[i].score, 0);
    }
  uint32_t next = 0;
  for (auto &[score, rank] : ranks)
    rank = next++;
  // Looking up both halves at every cut takes quadratic time for a long piece;
  // halves of lengths that no piece has need no look-up.
  std::unordered_set<size_t> lengths;
  for (const auto &[text, id] : ids)
    lengths.insert(text.size());
  for (const auto &[text, id] : ids)
    for (size_t cut = bitnet::decodeUtf8(text).length; cut < text.size();
         cut += bitnet::decodeUtf8(text.substr(cut)).length) {
      if (!lengths.contains(cut) || !lengths.contains(text.size() - cut))
        continue;
      auto left = ids.find(text.substr(0, cut));
      auto right = ids.find(text.substr(cut));
      if (left != ids.end() && right != ids.end())
        spec.merges.push_back({left->second, right->second, id,
                               ranks.at(model.pieces[id].score)});
    }
}

bool readSentencePiece(const std::string &proto, bool addBos,
                       TokenizerSpec &spec, std::string &error) {
  ModelFields model;
  if (!parseModel(proto, model)) {
    error = "it is not a SentencePiece model";
    return false;
  }
  static constexpr const char *types[] = {"unknown", "unigram", "BPE", "word",
                                          "char"};
  if (model.modelType != 2) {
    error = std::string("SentencePiece model type '") +
            types[model.modelType < 5 ? model.modelType : 0] +
            "' is not supported";
    return false;
  }
  if (model.spaceAsSuffix) {
    error = "SentencePiece field 'treat_whitespace_as_suffix' is not supported";
    return false;
  }
  for (const Piece &piece : model.pieces) {
    if (piece.type == Unused || piece.type < Normal || piece.type > Byte) {
      error = "SentencePiece piece '" + piece.text + "' has a type (" +
              std::to_string(piece.type) + ") that is not supported";
      return false;
    }
    if (std::isnan(piece.score)) {
      error = "the score of SentencePiece piece '" + piece.text +
              "' is not a number";
      return false;
    }
    if (piece.type == Byte &&
        (piece.text.size() != 6 ||
         piece.text.find_first_not_of("0123456789ABCDEFabcdef", 3) != 5)) {
      error = "SentencePiece piece '" + piece.text + "' is not a byte";
      return false;
    }
  }
  spec.model = BITNET_TOKENIZER_BPE_CHARS;
  spec.flags = BITNET_TOKENIZER_FUSE_UNKNOWN | BITNET_TOKENIZER_HAS_TEMPLATE;
  spec.addedAreNormalized = true;
  if (model.byteFallback)
    spec.flags |= BITNET_TOKENIZER_BYTE_FALLBACK;
  if (model.escapeSpaces)
    spec.flags |= BITNET_TOKENIZER_METASPACE;
  if (model.dummyPrefix)
    spec.flags |= BITNET_TOKENIZER_STRIP_SPACE;
  addNormalizer(model, spec);
  addPieces(model, spec);
  addMerges(model, spec);
  if (addBos && model.bos >= 0 &&
      static_cast<size_t>(model.bos) < model.pieces.size() &&
      model.pieces[model.bos].type == Control)
    spec.prefix.push_back(model.bos);
  return true;
}

} // namespace bitnetc
