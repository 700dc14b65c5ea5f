//===- OpenAiResponse.h - Answers in OpenAI's shapes ------------*- C++ -*-===//
//
// Pure functions from what the engine made to JSON.
//
//===----------------------------------------------------------------------===//
#ifndef BITNET_RUNTIME_SERVER_OPENAIRESPONSE_H
#define BITNET_RUNTIME_SERVER_OPENAIRESPONSE_H

#include "runtime/server/OpenAiRequest.h"
#include "runtime/server/ToolCalls.h"

namespace bitnet::server {

/// What every part of one answer repeats.
struct AnswerHead {
  Api api = Api::Chat;
  std::string id, model;
  int64_t created = 0;
};

struct Usage {
  uint64_t promptTokens = 0, completionTokens = 0, cachedTokens = 0;
};

/// One choice, or what is new of it in a stream.
struct ChoicePart {
  uint32_t index = 0;
  std::string text;
  std::vector<ToolCall> calls;
  size_t firstCall = 0; ///< Number of calls[0] in a stream.
  std::string logprobs; ///< JSON; empty: null.
  const char *finish = nullptr;
};

std::string usageJson(const Usage &usage);
/// The whole answer.
std::string answerJson(const AnswerHead &head,
                       const std::vector<ChoicePart> &choices,
                       const Usage &usage);
/// One part of a stream. `isFirst`: of its choice.
std::string partJson(const AnswerHead &head, const ChoicePart &part,
                     bool isFirst, bool usageFollows);
/// The part with the usage and no choices, which is the last.
std::string usagePartJson(const AnswerHead &head, const Usage &usage);

/// Log-probabilities of tokens, in the form of the interface. `offset` is where
/// the next token begins in the text; for completions.
class LogprobsWriter {
public:
  LogprobsWriter(Api api, const Tokenizer &tokenizer)
      : api(api), tokenizer(tokenizer) {}
  void add(const TokenLogprob &token) { add(token, /*isFirst=*/false); }
  /// Of a prompt, of which the first `silent` tokens are not in the text.
  void addPrompt(const std::vector<TokenLogprob> &prompt, size_t silent);
  /// What was added since; empty if nothing was.
  std::string take();

private:
  std::string textOf(int32_t id, bool isFirst = false) const;
  void add(const TokenLogprob &token, bool isFirst);
  void addChat(const TokenLogprob &token);

  Api api;
  const Tokenizer &tokenizer;
  size_t offset = 0;
  std::vector<std::string> content, tokens, numbers, best, offsets;
};

/// "stop", "length" or "tool_calls".
const char *finishName(Finish finish, bool hasCalls);

} // namespace bitnet::server

#endif // BITNET_RUNTIME_SERVER_OPENAIRESPONSE_H
