//===- Engine.h - Many requests over one model ------------------*- C++ -*-===//
//
// One thread runs steps for all requests at once (continuous batching):
// requests join and leave the batch at every step, long prompts are computed in
// chunks beside running answers, and sequences with the same beginning share
// pages of the KV cache. What a request gets never depends on who else is in
// the batch.
//
// The engine knows tokens and texts, no HTTP and no JSON.
//
//===----------------------------------------------------------------------===//
#ifndef BITNET_RUNTIME_SERVER_ENGINE_H
#define BITNET_RUNTIME_SERVER_ENGINE_H

#include "runtime/Sampler.h"
#include "runtime/Tokenizer.h"
#include "runtime/abi/bitnet_abi.h"
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace bitnet::server {

/// Tokens that a text may go on with: a grammar that is followed while
/// sampling. Belongs to one request; one thread at a time uses it.
class Constraint {
public:
  virtual ~Constraint() = default;
  /// Sets logits of tokens that may not come next to -infinity; `endTokens` may
  /// come where the text may end. False if nothing may come next.
  virtual bool mask(std::vector<float> &logits,
                    const std::vector<int32_t> &endTokens) = 0;
  /// `id` was chosen.
  virtual void accept(int32_t id) = 0;
  /// The text so far may be all of it.
  virtual bool isComplete() const = 0;
};

struct EngineOptions {
  unsigned threads = 0;       ///< 0: one per available CPU.
  uint32_t contextLength = 0; ///< Of one sequence; 0: as compiled.
  uint32_t parallel = 8;      ///< Sequences computed at a time.
  uint64_t kvBytes = 0; ///< KV pages at most; 0: `parallel` whole contexts, but
                        ///< at most half of the machine's memory.
  uint32_t maxQueued = 128; ///< Requests that wait; more are refused.
  uint32_t chunkTokens = 0; ///< Prompt tokens a step beside running answers; 0:
                            ///< chosen so that answers keep flowing.
};

struct Request {
  std::vector<int32_t> prompt; ///< At least one token.
  SamplerOptions sampling;
  std::vector<LogitBias> logitBias;
  uint32_t maxTokens = 0;        ///< 0: as the context allows.
  std::vector<std::string> stop; ///< Texts that end the answer, not part of it.
  std::vector<int32_t> stopTokens; ///< Besides the model's eos tokens.
  bool ignoreEos = false;
  bool skipSpecial = true; ///< Special tokens are left out of the text.
  bool atStart = false;    ///< The answer is a text of its own, as in a chat: a
                           ///< space that the tokenizer puts before every text
                           ///< is left out.
  int32_t topLogprobs = -1;    ///< -1: no log-probabilities; n: of the chosen
                               ///< token and of the n best.
  bool promptLogprobs = false; ///< Also of the prompt's tokens.
  bool onlyPrompt = false;     ///< Ends where the answer would begin.
  std::shared_ptr<Constraint> constraint;
};

struct TokenLogprob {
  int32_t id;
  float logprob;               ///< Natural, of the model's own distribution;
                               ///< NaN where nothing was before the token.
  std::vector<Candidate> best; ///< Best first; `logit` is a logprob here.
};

enum class Finish {
  None,      ///< More is coming.
  Stop,      ///< eos, a stop token, a stop text, or the constraint's end.
  Length,    ///< maxTokens or the context.
  Cancelled, ///< By cancel() or because the engine stops.
  Error      ///< Event::error says why.
};

/// What a request has made since its last event.
struct Event {
  std::string text;            ///< Whole characters; never part of a stop text.
  std::vector<int32_t> tokens; ///< Without the one that ended it.
  std::vector<TokenLogprob> logprobs; ///< One for each token, if asked for.
  std::vector<TokenLogprob> promptLogprobs; ///< In the first event.
  Finish finish = Finish::None;
  std::string stopText; ///< The stop text that ended it.
  std::string error;
  /// So far; generated ones with the one that ended it.
  uint32_t promptTokens = 0, cachedTokens = 0, generatedTokens = 0;
  double promptSeconds = 0, generateSeconds = 0; ///< So far.
};

/// Hears of one request. Called by the engine's thread: returns at once and
/// throws nothing. The last event is the one with a finish other than None.
class Listener {
public:
  virtual ~Listener() = default;
  virtual void on(Event event) = 0;
};

enum class Admission {
  Accepted,
  QueueFull, ///< Try again later.
  Stopping,
  TooLong,   ///< Prompt and at least one token do not fit into the context.
  BadRequest ///< Empty prompt or an id outside of the vocabulary.
};

/// Counters since the start, and what is there now; for /metrics.
struct EngineStatistics {
  uint64_t requests = 0, finished = 0, cancelled = 0, refused = 0, failed = 0;
  uint64_t promptTokens = 0, cachedTokens = 0, generatedTokens = 0;
  uint64_t steps = 0, stepTokens = 0, preemptions = 0;
  double promptSeconds = 0, generateSeconds = 0;
  uint32_t running = 0, waiting = 0;
  uint64_t pagesInUse = 0, pagesCached = 0, pagesTotal = 0;
};

class Engine {
public:
  /// Null and one sentence in `error` on failure. `model` and `tokenizer` must
  /// outlive it; the tokenizer is only read by const members.
  static std::unique_ptr<Engine> create(const bitnet_model &model,
                                        const Tokenizer &tokenizer,
                                        const EngineOptions &options,
                                        std::string *error);
  /// Cancels everything and waits for the engine's thread.
  virtual ~Engine() = default;

  /// Any thread may call these. `id` names the request for cancel().
  virtual Admission submit(Request request, std::shared_ptr<Listener> listener,
                           uint64_t *id) = 0;
  virtual void cancel(uint64_t id) = 0;
  virtual void cancelAll() = 0;
  /// Accepts nothing more; true when all requests are done, false after
  /// `seconds`.
  virtual bool drain(double seconds) = 0;
  virtual EngineStatistics statistics() const = 0;
  virtual uint32_t contextLength() const = 0;
};

} // namespace bitnet::server

#endif // BITNET_RUNTIME_SERVER_ENGINE_H
