//===- Service.cpp - The model behind the interfaces ----------------------===//
//
// OpenAI's interfaces and /generate; what llama.cpp's server has besides is in
// LlamaApi.cpp.
//
//===----------------------------------------------------------------------===//

#include "runtime/server/Service.h"
#include "runtime/server/Answer.h"
#include "runtime/server/Fields.h"
#include "runtime/server/Json.h"
#include <ctime>

namespace bitnet::server {

using chat::Value;

std::unique_ptr<Tokenizer> TokenizerPool::take(std::string *error) {
  {
    std::lock_guard lock(mutex);
    if (!idle.empty()) {
      auto tokenizer = std::move(idle.back());
      idle.pop_back();
      return tokenizer;
    }
  }
  return openTokenizer(model, error);
}

void TokenizerPool::give(std::unique_ptr<Tokenizer> tokenizer) {
  std::lock_guard lock(mutex);
  idle.push_back(std::move(tokenizer));
}

Service::Service(const bitnet_model &model, Tokenizer &tokenizer,
                 Engine &engine, const ServiceOptions &options)
    : model(model), tokenizer(tokenizer), engine(engine), options(options),
      tokenizers(model), created(time(nullptr)) {
  prompts = ChatPrompt::create(model, tokenizer, &noChat);
  if (prompts)
    toolForm = toolFormOf(*prompts);
}

bool Service::renderChat(const ParsedRequest &parsed, std::string &text,
                         ApiError &error) const {
  if (!prompts) {
    error = {400, noChat + "; /v1/completions continues a text", "messages",
             "no_chat_template"};
    return false;
  }
  Value extra = Value::dict();
  if (parsed.templateArguments.is(Value::Dict))
    extra = parsed.templateArguments;
  if (parsed.tools.is(Value::List)) {
    if (!prompts->mentions("tools")) {
      error = {400, "this model's chat template has no tools", "tools",
               "unsupported_parameter"};
      return false;
    }
    Value withTools = Value::dict();
    for (size_t i = 0; i < extra.items().size(); ++i)
      withTools.set(extra.items()[i], extra.object().values[i]);
    withTools.set(Value::string("tools"), parsed.tools);
    extra = withTools;
  }
  std::string why;
  if (prompts->render(parsed.messages, true, &extra, text, &why))
    return true;
  error = {400, "the chat template cannot render these messages: " + why,
           "messages", "invalid_value"};
  return false;
}

bool Service::encodeText(const std::string &text, bool isChat,
                         std::vector<int32_t> &ids, ApiError &error) {
  std::string why;
  auto mine = tokenizers.take(&why);
  bool good = mine != nullptr;
  if (good && isChat) {
    good = prompts->encode(*mine, text, ids, &why);
  } else if (good) {
    ids = promptPrefix(model, tokenizer);
    good = mine->encode(text, {.addTemplate = false}, ids, &why);
  }
  if (mine)
    tokenizers.give(std::move(mine));
  if (!good)
    error = {400, "the text cannot be turned into tokens: " + why, "", ""};
  return good;
}

bool Service::encodePrompts(const ParsedRequest &parsed,
                            std::vector<std::vector<int32_t>> &out,
                            ApiError &error) {
  std::vector<PromptInput> inputs = parsed.prompts;
  if (parsed.api == Api::Chat) {
    inputs.emplace_back();
    if (!renderChat(parsed, inputs.back().text, error))
      return false;
  }
  const uint32_t limit =
      options.maxPrompt
          ? std::min(options.maxPrompt, engine.contextLength() - 1)
          : engine.contextLength() - 1;
  for (PromptInput &input : inputs) {
    std::vector<int32_t> ids = std::move(input.tokens);
    if (ids.empty() &&
        !encodeText(input.text, parsed.api == Api::Chat, ids, error))
      return false;
    if (ids.size() > limit) {
      error = {400,
               "the prompt has " + std::to_string(ids.size()) +
                   " tokens; this server takes at most " +
                   std::to_string(limit),
               parsed.api == Api::Chat ? "messages" : "prompt",
               "context_length_exceeded"};
      return false;
    }
    out.push_back(std::move(ids));
  }
  return true;
}

bool Service::compileFormat(const ParsedRequest &parsed,
                            std::shared_ptr<const JsonSchema> &schema,
                            ApiError &error) const {
  if (parsed.forcesCall)
    return compileCall(toolForm, parsed.tools, parsed.function, schema, error);
  if (parsed.format == Format::Text)
    return true;
  std::string why;
  schema = parsed.format == Format::JsonObject
               ? JsonSchema::anyObject()
               : JsonSchema::compile(parsed.schema, &why);
  if (!schema)
    error = {400, "this schema cannot be honoured: " + why, "response_format",
             "invalid_json_schema"};
  return schema != nullptr;
}

std::shared_ptr<const TokenTable> Service::tokenTable() {
  std::call_once(tableMade, [this] {
    table = std::make_shared<TokenTable>(tokenizer, model.vocab_size);
  });
  return table;
}

void Service::answer(Api api, const HttpRequest &request,
                     const std::shared_ptr<Exchange> &exchange) {
  ApiError error;
  Value body;
  ParsedRequest parsed;
  std::vector<std::vector<int32_t>> tokens;
  std::shared_ptr<const JsonSchema> schema;
  if (draining)
    error = {503, "the server is shutting down", "", "shutting_down", 5};
  if (!error.message.empty() || !parseBody(request.body, body, error) ||
      !parseRequest(body, api, options.rules, parsed, error) ||
      !compileFormat(parsed, schema, error) ||
      !encodePrompts(parsed, tokens, error)) {
    exchange->respond(errorResponse(error));
    return;
  }
  for (const LogitBias &bias : parsed.request.logitBias)
    if (static_cast<uint32_t>(bias.id) >= model.vocab_size)
      error = {400, "'logit_bias' names a token that the model does not have",
               "logit_bias", "invalid_value"};
  if (!error.message.empty()) {
    exchange->respond(errorResponse(error));
    return;
  }
  if (api == Api::Chat) {
    parsed.request.atStart = true;
    const auto &stops = prompts->stopTokens();
    parsed.request.stopTokens.insert(parsed.request.stopTokens.end(),
                                     stops.begin(), stops.end());
  }
  std::make_shared<Answer>(*this, exchange, std::move(parsed))
      ->start(std::move(tokens), std::move(schema));
}

void Service::generate(const HttpRequest &request,
                       const std::shared_ptr<Exchange> &exchange) {
  answer(Api::Generate, request, exchange);
}

void Service::complete(const HttpRequest &request,
                       const std::shared_ptr<Exchange> &exchange) {
  answer(Api::Completion, request, exchange);
}

void Service::chat(const HttpRequest &request,
                   const std::shared_ptr<Exchange> &exchange) {
  answer(Api::Chat, request, exchange);
}

std::string Service::modelJson() const {
  return JsonObject()
      .text("id", model.name)
      .text("object", "model")
      .number("created", created)
      .text("owned_by", "bitnetc")
      .number("max_model_len", engine.contextLength())
      .raw("meta", JsonObject()
                       .number("n_vocab", model.vocab_size)
                       .number("n_ctx_train", model.max_position)
                       .number("n_embd", model.hidden_size)
                       .number("n_params", model.num_parameters)
                       .number("size", model.weights_end - model.weights_begin)
                       .close())
      .close();
}

static void respondJson(const std::shared_ptr<Exchange> &exchange,
                        std::string body) {
  HttpResponse response;
  response.body = std::move(body);
  exchange->respond(std::move(response));
}

void Service::models(const HttpRequest &,
                     const std::shared_ptr<Exchange> &exchange) {
  respondJson(exchange, JsonObject()
                            .text("object", "list")
                            .raw("data", JsonArray().raw(modelJson()).close())
                            .close());
}

void Service::oneModel(const HttpRequest &request,
                       const std::shared_ptr<Exchange> &exchange) {
  const std::string_view name =
      request.path().substr(std::string_view("/v1/models/").size());
  if (name == model.name)
    respondJson(exchange, modelJson());
  else
    exchange->respond(
        errorResponse({404,
                       "the model '" + std::string(name) + "' is not here; '" +
                           model.name + "' is",
                       "model", "model_not_found"}));
}

void Service::embeddings(const HttpRequest &,
                         const std::shared_ptr<Exchange> &exchange) {
  exchange->respond(errorResponse(
      {501, "this model was compiled for text and gives no embeddings", "",
       "unsupported_endpoint"}));
}

} // namespace bitnet::server
