//===- Answer.h - One request on its way through the engine -----*- C++ -*-===//
//
// Submits what a body asks for, gathers what the engine makes and writes it,
// whole or as a stream. All members run on the exchange's thread of events.
//
//===----------------------------------------------------------------------===//
#ifndef BITNET_RUNTIME_SERVER_ANSWER_H
#define BITNET_RUNTIME_SERVER_ANSWER_H

#include "runtime/server/OpenAiResponse.h"
#include "runtime/server/Service.h"

namespace bitnet::server {

class Answer : public std::enable_shared_from_this<Answer> {
public:
  Answer(Service &service, std::shared_ptr<Exchange> exchange,
         ParsedRequest parsed);

  /// Submits a request for each of the prompts and choices; answers with an
  /// error if one is not accepted.
  void start(std::vector<std::vector<int32_t>> prompts,
             std::shared_ptr<const JsonSchema> schema);
  void on(size_t index, const Event &event);

private:
  struct Choice {
    explicit Choice(ToolForm form, LogprobsWriter logprobs)
        : tools(form), logprobs(std::move(logprobs)) {}
    ToolCallReader tools;
    LogprobsWriter logprobs;
    std::string echo; ///< The prompt's text, until it is written.
    ChoicePart whole; ///< Without a stream: all of it.
    uint64_t id = 0;
    size_t calls = 0;
    uint32_t promptTokens = 0, cachedTokens = 0, generatedTokens = 0;
    double lastToken = 0;
    bool isDone = false, hasBegun = false;
  };

  bool admit(Admission admission, size_t index);
  void count(Choice &choice, const Event &event);
  std::string textOf(const PromptInput &prompt) const;
  void writePart(Choice &choice, ChoicePart part);
  void send(std::string_view json);
  void write(std::string_view bytes);
  void pingAfter(double seconds);
  void finish();
  void fail(const ApiError &error);
  void cancelAll();
  Usage usage() const;
  void tellFigures();

  Service &service;
  std::shared_ptr<Exchange> exchange;
  ParsedRequest parsed;
  AnswerHead head;
  std::vector<Choice> choices;
  size_t open = 0; ///< Choices that are not done.
  const double began;
  double firstToken = 0; ///< When; 0: not yet.
  double lastWrite = 0;  ///< When.
  bool hasBegun = false; ///< The stream.
  bool over = false;
};

} // namespace bitnet::server

#endif // BITNET_RUNTIME_SERVER_ANSWER_H
