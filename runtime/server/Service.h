//===- Service.h - The model behind the interfaces --------------*- C++ -*-===//
//
// What all requests share, and the handlers of the interfaces. Knows no
// sockets. Any thread may call a handler.
//
//===----------------------------------------------------------------------===//
#ifndef BITNET_RUNTIME_SERVER_SERVICE_H
#define BITNET_RUNTIME_SERVER_SERVICE_H

#include "runtime/ChatPrompt.h"
#include "runtime/server/JsonConstraint.h"
#include "runtime/server/JsonSchema.h"
#include "runtime/server/Metrics.h"
#include "runtime/server/OpenAiRequest.h"
#include "runtime/server/ToolCalls.h"
#include <atomic>

namespace bitnet::server {

struct ServiceOptions {
  uint32_t maxPrompt = 0; ///< Tokens; 0: what the context holds.
  double maxTime = 600;   ///< Seconds an answer may take; 0: any.
  double ping = 15;       ///< Seconds of silence in a stream; 0: any.
  uint32_t parallel = 8;  ///< To show.
  RequestRules rules;
};

/// Encoding needs a tokenizer of one's own; they are kept for the next request.
class TokenizerPool {
public:
  explicit TokenizerPool(const bitnet_model &model) : model(model) {}
  /// Null and one sentence in `error` only if the model's is damaged.
  std::unique_ptr<Tokenizer> take(std::string *error);
  void give(std::unique_ptr<Tokenizer> tokenizer);

private:
  const bitnet_model &model;
  std::mutex mutex;
  std::vector<std::unique_ptr<Tokenizer>> idle;
};

class Service {
public:
  /// `tokenizer` is used by const members only; all must outlive the service.
  Service(const bitnet_model &model, Tokenizer &tokenizer, Engine &engine,
          const ServiceOptions &options);

  using Call = void (Service::*)(const HttpRequest &request,
                                 const std::shared_ptr<Exchange> &exchange);
  void generate(const HttpRequest &, const std::shared_ptr<Exchange> &);
  void complete(const HttpRequest &, const std::shared_ptr<Exchange> &);
  void chat(const HttpRequest &, const std::shared_ptr<Exchange> &);
  void models(const HttpRequest &, const std::shared_ptr<Exchange> &);
  void oneModel(const HttpRequest &, const std::shared_ptr<Exchange> &);
  void embeddings(const HttpRequest &, const std::shared_ptr<Exchange> &);
  void tokenize(const HttpRequest &, const std::shared_ptr<Exchange> &);
  void detokenize(const HttpRequest &, const std::shared_ptr<Exchange> &);
  void applyTemplate(const HttpRequest &, const std::shared_ptr<Exchange> &);
  void health(const HttpRequest &, const std::shared_ptr<Exchange> &);
  void metrics(const HttpRequest &, const std::shared_ptr<Exchange> &);
  void props(const HttpRequest &, const std::shared_ptr<Exchange> &);
  void page(const HttpRequest &, const std::shared_ptr<Exchange> &);

  /// Text or messages to tokens; false with an error.
  bool encodePrompts(const ParsedRequest &parsed,
                     std::vector<std::vector<int32_t>> &prompts,
                     ApiError &error);
  /// Null for plain text; false with an error that names what cannot be
  /// honoured.
  bool compileFormat(const ParsedRequest &parsed,
                     std::shared_ptr<const JsonSchema> &schema,
                     ApiError &error) const;
  /// Made when the first request needs it: it has the size of the vocabulary.
  std::shared_ptr<const TokenTable> tokenTable();
  bool renderChat(const ParsedRequest &parsed, std::string &text,
                  ApiError &error) const;

  const bitnet_model &model;
  const Tokenizer &tokenizer;
  Engine &engine;
  const ServiceOptions options;
  Metrics counters;
  ToolForm toolForm = ToolForm::None;
  /// Set by whoever runs the server.
  const HttpStatistics *http = nullptr;
  std::atomic<bool> draining{false};

private:
  void answer(Api api, const HttpRequest &request,
              const std::shared_ptr<Exchange> &exchange);
  bool encodeText(const std::string &text, bool isChat,
                  std::vector<int32_t> &ids, ApiError &error);
  std::string modelJson() const;

  TokenizerPool tokenizers;
  std::once_flag tableMade;
  std::shared_ptr<const TokenTable> table;
  std::unique_ptr<ChatPrompt> prompts; ///< Null: no chat template.
  std::string noChat;                  ///< Why.
  const int64_t created;
};

} // namespace bitnet::server

#endif // BITNET_RUNTIME_SERVER_SERVICE_H
