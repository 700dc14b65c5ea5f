//===- Generation.h - A request on its way ----------------------*- C++ -*-===//
//
// What belongs to one request alone: its tokens, sampler, text and events. All
// that a token depends on is here and in its row of logits, so who else is in a
// batch does not matter. The scheduler keeps its place in the KV cache here.
//
//===----------------------------------------------------------------------===//
#ifndef BITNET_RUNTIME_SERVER_GENERATION_H
#define BITNET_RUNTIME_SERVER_GENERATION_H

#include "runtime/server/Engine.h"
#include "runtime/server/StopText.h"
#include <algorithm>
#include <span>

namespace bitnet::server {

class Generation {
public:
  Generation(uint64_t id, Request request, std::shared_ptr<Listener> listener,
             const bitnet_model &model, const Tokenizer &tokenizer,
             uint32_t contextLength);

  const uint64_t id;
  const std::shared_ptr<Listener> listener;

  /// Prompt and sampled tokens.
  const std::vector<int32_t> &tokens() const { return text; }
  uint32_t size() const { return static_cast<uint32_t>(text.size()); }

  /// \name The scheduler's: place in the KV cache.
  /// @{
  int32_t sequence = -1;      ///< -1: waits.
  uint32_t computed = 0;      ///< Tokens whose keys and values are there.
  std::vector<int32_t> nodes; ///< Of the prefix cache, for its first pages.
  uint32_t left() const { return size() - computed; }
  /// @}

  /// Log-probabilities of the prompt are not complete: it has to be computed,
  /// whatever others have.
  bool scoresPrompt() const {
    return request.promptLogprobs && reached + 1 < event.promptTokens;
  }
  /// The logits behind token `index` are wanted for the next one's.
  bool scores(uint32_t index) const {
    return scoresPrompt() && index >= reached && index + 1 < event.promptTokens;
  }
  /// Takes them. Of several tokens at a time, on any threads.
  void score(uint32_t index, std::span<const float> logits);

  /// Best logits that sample() looks at; 0: all.
  uint32_t logitsNeeded() const;
  /// Chooses the next token; changes nothing outside of this object, so that
  /// several may sample at a time.
  void sample(std::span<const float> logits);
  /// Adds what sample() chose; false if that was the end.
  bool take();

  /// Called when it leaves the queue; false if it had begun before.
  bool begin();
  /// The next tokens were found in the prefix cache. How many of them were not
  /// computed before for this request.
  uint32_t share(uint32_t count);
  /// The next tokens were computed.
  void advance(uint32_t count) {
    reached = std::max(reached, computed += count);
  }
  void end(Finish finish, std::string error = "");
  /// What happened since the last call.
  Event takeEvent();
  /// There is something to tell.
  bool hasNews() const;

private:
  TokenLogprob logprobOf(int32_t id, std::span<const float> logits) const;
  void finish(Finish how);

  const Request request;
  std::vector<int32_t> endTokens;
  uint32_t limit; ///< Tokens to sample at most.

  std::vector<int32_t> text;
  Sampler sampler;
  StreamDecoder decoder;
  StopText stops;
  std::vector<float> masked; ///< Logits that the constraint leaves.
  uint32_t reached = 0;      ///< Largest `computed` so far.
  int32_t chosen = -1;
  TokenLogprob logprob;
  std::vector<TokenLogprob> promptLogprobs;
  Event event;
  double begun = 0, answering = 0; ///< Times; 0: not yet.
};

} // namespace bitnet::server

#endif // BITNET_RUNTIME_SERVER_GENERATION_H
