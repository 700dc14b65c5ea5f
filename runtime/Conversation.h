//===- Conversation.h - Chat turns over one sequence ------------*- C++ -*-===//
//
// Every turn renders the whole conversation anew, as the template may treat
// earlier turns differently later (drop reasoning, move the system prompt).
// What the new prompt shares with the tokens in the KV cache is kept; only the
// rest is computed.
//
//===----------------------------------------------------------------------===//
#ifndef BITNET_RUNTIME_CONVERSATION_H
#define BITNET_RUNTIME_CONVERSATION_H

#include "runtime/ChatPrompt.h"
#include "runtime/Sampler.h"
#include "runtime/Session.h"
#include <functional>

namespace bitnet {

struct TurnStatistics {
  size_t promptTokens = 0, cachedTokens = 0, generated = 0;
  double promptSeconds = 0, generateSeconds = 0;
  const char *stopped = "max tokens";
};

class Conversation {
public:
  /// All must outlive the conversation. Null and one sentence in `error` if
  /// the model has no usable template.
  static std::unique_ptr<Conversation>
  create(Session &session, Tokenizer &tokenizer, std::string *error);

  /// Forgets all turns; `system` starts the next ones if it is not empty.
  void reset(const std::string &system);

  /// Tokens to draft a step (Speculation.h); 0: none.
  void setLookup(uint32_t tokens) { lookup = tokens; }

  /// Answers `text`. `show` gets the answer as it is made; false stops it. On
  /// failure the turn is not part of the conversation.
  bool answer(const std::string &text, const SamplerOptions &sampling,
              uint64_t maxTokens,
              const std::function<bool(std::string_view)> &show,
              TurnStatistics &statistics, std::string *error);

  /// Tokens that end an answer: those of the model, and what the template
  /// writes after one.
  const std::vector<int32_t> &stopTokens() const {
    return prompts->stopTokens();
  }

private:
  Conversation(Session &session, Tokenizer &tokenizer)
      : session(session), tokenizer(tokenizer) {}
  bool generate(const SamplerOptions &sampling, uint64_t maxTokens,
                const std::function<bool(std::string_view)> &show,
                std::string &reply, TurnStatistics &statistics,
                std::string *error);

  Session &session;
  Tokenizer &tokenizer;
  std::unique_ptr<ChatPrompt> prompts;
  std::vector<chat::Value> messages;
  std::vector<int32_t> cached; ///< Tokens in the KV cache.
  int32_t sequence = -1;
  uint32_t lookup = 0;
};

} // namespace bitnet

#endif // BITNET_RUNTIME_CONVERSATION_H
