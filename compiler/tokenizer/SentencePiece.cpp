//===- SentencePiece.cpp - SentencePiece's tokenizer.model ----------------===//
//
// A SentencePiece model is a protobuf message; the few fields needed are read
// by hand. Its BPE joins any two neighbours whose concatenation is a piece,
// best score first. As merges that is: for every piece, every way to cut it in
// two pieces, ranked by the score. Unigram models keep their scores.
//
//===----------------------------------------------------------------------===//

#include "SentencePiece.h"
#include "Protobuf.h"
#include "runtime/Charsmap.h"
#include "runtime/Utf8.h"
#include <algorithm>
#include <cfloat>
#include <cmath>
#include <unordered_map>

namespace bitnetc {

using namespace sentencepiece;

static constexpr const char *metaspace = "\xE2\x96\x81";

bool sentencepiece::parse(std::string_view proto, Fields &model) {
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

static void addNormalizer(const Fields &model, TokenizerSpec &spec) {
  auto add = [&](bitnet_op_type type, std::string pattern,
                 std::string content) {
    spec.normalizer.push_back(
        {type, 0, std::move(pattern), std::move(content)});
  };
  if (!model.charsmap.empty())
    add(BITNET_OP_CHARSMAP, "", model.charsmap);
  if (model.removeExtraSpaces) {
    // At the end spaces are removed last, together with what stands for them.
    add(BITNET_OP_REPLACE_REGEX,
        model.escapeSpaces ? "\\A +|[ \xE2\x96\x81]+\\z" : "\\A +| +\\z", "");
    add(BITNET_OP_REPLACE_REGEX, " {2,}", " ");
  }
  if (model.dummyPrefix)
    add(BITNET_OP_PREPEND, "", " ");
  if (model.escapeSpaces)
    add(BITNET_OP_REPLACE, " ", metaspace);
}

static void addPieces(const Fields &model, TokenizerSpec &spec) {
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
      // Of a unigram model they win by their score.
      token.canBeFormed = model.modelType == Unigram;
      if (model.modelType == Bpe)
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

static void addMerges(const Fields &model, TokenizerSpec &spec) {
  std::unordered_map<std::string_view, uint32_t> ids;
  for (size_t i = 0; i < model.pieces.size(); ++i)
    if (model.pieces[i].type == Normal)
      ids.emplace(model.pieces[i].text, static_cast<uint32_t>(i));
  addScoredMerges(
      ids, [&](uint32_t id) { return model.pieces[id].score; }, spec);
}

/// As SentencePiece computes them, in float: a user-defined piece is better
/// than all others, an unknown character worse.
static void addScores(const Fields &model, TokenizerSpec &spec) {
  float least = FLT_MAX, greatest = FLT_MIN;
  for (const Piece &piece : model.pieces)
    if (piece.type == Normal) {
      least = std::min(least, piece.score);
      greatest = std::max(greatest, piece.score);
    }
  for (size_t i = 0; i < model.pieces.size(); ++i) {
    const Piece &piece = model.pieces[i];
    float &score = spec.tokens[i].score;
    score = piece.score;
    if (piece.type == UserDefined)
      score = static_cast<float>(
          static_cast<float>(piece.text.size()) * greatest - 0.1);
    else if (piece.type == Unknown)
      score = least - 10.0f;
  }
}

/// What is special about unigram models; a sentence if they are not understood.
static std::string checkUnigram(const Fields &model) {
  size_t unknowns = 0;
  for (const Piece &piece : model.pieces) {
    unknowns += piece.type == Unknown;
    if (!std::isfinite(piece.score))
      return "the score of SentencePiece piece '" + piece.text +
             "' is not a number";
    // SentencePiece leaves user-defined pieces out of the normalization.
    std::string normal;
    if (piece.type == UserDefined && !model.charsmap.empty()) {
      bitnet::appendCharsmapped(model.charsmap, piece.text, normal);
      if (normal != piece.text)
        return "SentencePiece piece '" + piece.text +
               "' is user-defined and not normalized, which is not supported";
    }
  }
  if (unknowns != 1)
    return "the SentencePiece model has " + std::to_string(unknowns) +
           " unknown pieces, not one";
  return "";
}

bool sentencepiece::makeSpec(const Fields &model, TokenizerSpec &spec,
                             std::string &error) {
  static constexpr const char *types[] = {"unknown", "unigram", "BPE", "word",
                                          "char"};
  if (!model.charsmap.empty() && !bitnet::isCharsmap(model.charsmap)) {
    error = "the precompiled charsmap of the SentencePiece model is damaged";
    return false;
  }
  const bool isUnigram = model.modelType == Unigram;
  if (!isUnigram && model.modelType != Bpe) {
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
    if ((piece.type == Unused && !isUnigram) || piece.type < Normal ||
        piece.type > Byte) {
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
  if (isUnigram)
    error = checkUnigram(model);
  if (!error.empty())
    return false;
  spec.model =
      isUnigram ? BITNET_TOKENIZER_UNIGRAM : BITNET_TOKENIZER_BPE_CHARS;
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
  if (isUnigram) {
    spec.flags |= BITNET_TOKENIZER_FLOAT_SUMS;
    addScores(model, spec);
  } else {
    addMerges(model, spec);
  }
  return true;
}

bool readSentencePiece(const std::string &proto, bool addBos,
                       TokenizerSpec &spec, std::string &error) {
  Fields model;
  if (!parse(proto, model)) {
    error = "it is not a SentencePiece model";
    return false;
  }
  if (!makeSpec(model, spec, error))
    return false;
  if (addBos && model.bos >= 0 &&
      static_cast<size_t>(model.bos) < model.pieces.size() &&
      model.pieces[model.bos].type == Control)
    spec.prefix.push_back(model.bos);
  return true;
}

} // namespace bitnetc
