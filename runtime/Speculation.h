//===- Speculation.h - Several tokens a step, checked ----------*- C++ -*-===//
//
// Decoding reads all weights for every step, so a step of a few tokens costs
// little more than a step of one. Drafts of the next tokens are fed together
// with the token that was sampled last; while the sampler goes on to pick what
// was drafted, its logits are there already. What it picks otherwise discards
// the rest. The text is the one of plain decoding: the sampler sees the same
// logits, to the bit, in the same order.
//
// Drafts come from the text itself (prompt lookup): what followed the latest
// earlier occurrence of its last tokens. No second model is needed, and it pays
// where text repeats itself: code, quotations, summaries.
//
//===----------------------------------------------------------------------===//
#ifndef BITNET_RUNTIME_SPECULATION_H
#define BITNET_RUNTIME_SPECULATION_H

#include "runtime/Session.h"
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace bitnet {

/// What followed the latest earlier occurrence of the last n tokens of `text`,
/// for the largest n from 4 to 2 that occurs; at most `count` tokens, maybe
/// none.
std::span<const int32_t> lookUpDraft(std::span<const int32_t> text,
                                     size_t count);

/// Feeds sampled tokens to one sequence, with or without drafts.
class SpeculativeDecoder {
public:
  /// The sequence has been fed `text`, its last logits are the session's row 0.
  /// At most `draft` tokens are drafted; 0: plain decoding.
  SpeculativeDecoder(Session &session, int32_t sequence,
                     std::span<const int32_t> text, uint32_t draft)
      : session(session), sequence(sequence), text(text.begin(), text.end()),
        draft(draft), used(session.length(sequence)) {}
  /// Drafts that nobody came for leave the sequence.
  ~SpeculativeDecoder() { session.truncate(sequence, used); }

  /// To sample the next token from.
  std::span<const float> logits() const {
    return {session.logits(row), session.getModel().vocab_size};
  }
  /// Puts `id`, sampled from logits(), behind the sequence. False if the
  /// context is full or on an error.
  bool push(int32_t id, std::string *error);

  /// Tokens of the sequence, without drafts.
  uint32_t length() const { return used; }
  uint64_t drafted() const { return draftedTokens; }
  uint64_t accepted() const { return acceptedTokens; }
  uint64_t steps() const { return stepCount; }

private:
  Session &session;
  int32_t sequence;
  std::vector<int32_t> text;    ///< Of the sequence, for drafts.
  std::vector<int32_t> pending; ///< Drafts that were fed and not yet sampled.
  std::vector<int32_t> fed;
  uint32_t draft, used, row = 0;
  uint64_t draftedTokens = 0, acceptedTokens = 0, stepCount = 0;
};

} // namespace bitnet

#endif // BITNET_RUNTIME_SPECULATION_H
