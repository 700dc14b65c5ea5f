//===- LlamaApi.cpp - Interfaces of llama.cpp's server --------------------===//
//
// Under its names and in its shapes, besides OpenAI's.
//
//===----------------------------------------------------------------------===//

#include "runtime/Utf8.h"
#include "runtime/server/Fields.h"
#include "runtime/server/Json.h"
#include "runtime/server/Service.h"

namespace bitnet::server {

using chat::Value;

static void respondError(const std::shared_ptr<Exchange> &exchange,
                         const ApiError &error) {
  exchange->respond(errorResponse(error));
}

static void respondJson(const std::shared_ptr<Exchange> &exchange,
                        std::string body) {
  HttpResponse response;
  response.body = std::move(body);
  exchange->respond(std::move(response));
}

/// A string, or its bytes where it is half a character.
static std::string pieceJson(const std::string &bytes) {
  std::string_view rest = bytes;
  while (!rest.empty()) {
    const Utf8Char c = decodeUtf8(rest);
    if (!c.valid) {
      JsonArray numbers;
      for (unsigned char byte : bytes)
        numbers.number(byte);
      return numbers.close();
    }
    rest.remove_prefix(c.length);
  }
  return quoteJson(bytes);
}

void Service::tokenize(const HttpRequest &request,
                       const std::shared_ptr<Exchange> &exchange) {
  ApiError error;
  Value body;
  std::string content, why;
  bool addSpecial = false, parseSpecial = true, withPieces = false;
  if (!parseBody(request.body, body, error))
    return respondError(exchange, error);
  Fields fields(body, error);
  fields.text("content", content);
  fields.boolean("add_special", addSpecial);
  fields.boolean("parse_special", parseSpecial);
  fields.boolean("with_pieces", withPieces);
  if (!fields.find("content"))
    fields.fail("content", "is missing", "missing_required_parameter");
  if (!fields.good())
    return respondError(exchange, error);

  std::vector<int32_t> ids;
  if (addSpecial)
    ids = promptPrefix(model, tokenizer);
  auto mine = tokenizers.take(&why);
  const bool good =
      mine && mine->encode(content,
                           {.addTemplate = false, .parseSpecial = parseSpecial},
                           ids, &why);
  if (mine)
    tokenizers.give(std::move(mine));
  if (!good)
    return respondError(exchange, {400, why, "content", "invalid_value"});
  JsonArray tokens;
  for (int32_t id : ids) {
    if (!withPieces) {
      tokens.number(id);
      continue;
    }
    std::string bytes;
    tokenizer.appendTokenBytes(id, false, false, bytes);
    tokens.raw(
        JsonObject().number("id", id).raw("piece", pieceJson(bytes)).close());
  }
  respondJson(exchange, JsonObject().raw("tokens", tokens.close()).close());
}

void Service::detokenize(const HttpRequest &request,
                         const std::shared_ptr<Exchange> &exchange) {
  ApiError error;
  Value body;
  std::vector<int32_t> ids;
  if (!parseBody(request.body, body, error))
    return respondError(exchange, error);
  Fields fields(body, error);
  fields.tokens("tokens", ids);
  if (!fields.find("tokens"))
    fields.fail("tokens", "is missing", "missing_required_parameter");
  for (int32_t id : ids)
    if (static_cast<uint32_t>(id) >= model.vocab_size)
      fields.fail("tokens",
                  "holds " + std::to_string(id) + "; the model has " +
                      std::to_string(model.vocab_size) + " tokens",
                  "invalid_value");
  if (!fields.good())
    return respondError(exchange, error);
  respondJson(
      exchange,
      JsonObject().text("content", tokenizer.decode(ids, false)).close());
}

void Service::applyTemplate(const HttpRequest &request,
                            const std::shared_ptr<Exchange> &exchange) {
  ApiError error;
  Value body;
  ParsedRequest parsed;
  std::string text;
  if (!parseBody(request.body, body, error) ||
      !parseRequest(body, Api::Chat, options.rules, parsed, error) ||
      !renderChat(parsed, text, error))
    return respondError(exchange, error);
  respondJson(exchange, JsonObject().text("prompt", text).close());
}

void Service::health(const HttpRequest &,
                     const std::shared_ptr<Exchange> &exchange) {
  if (draining)
    respondError(exchange,
                 {503, "the server is shutting down", "", "shutting_down", 5});
  else
    respondJson(exchange, JsonObject().text("status", "ok").close());
}

void Service::metrics(const HttpRequest &,
                      const std::shared_ptr<Exchange> &exchange) {
  static const HttpStatistics none;
  HttpResponse response;
  response.contentType = "text/plain; version=0.0.4; charset=utf-8";
  response.body =
      counters.text(model.name, engine.statistics(), http ? *http : none);
  exchange->respond(std::move(response));
}

void Service::props(const HttpRequest &,
                    const std::shared_ptr<Exchange> &exchange) {
  const SamplerOptions sampling;
  const std::string defaults =
      JsonObject()
          .number("temperature", sampling.temperature)
          .number("top_k", sampling.topK)
          .number("top_p", sampling.topP)
          .number("min_p", sampling.minP)
          .number("repeat_penalty", sampling.repeatPenalty)
          .number("repeat_last_n", sampling.repeatLastN)
          .number("presence_penalty", sampling.presencePenalty)
          .number("frequency_penalty", sampling.frequencyPenalty)
          .close();
  auto tokenText = [&](int32_t id) {
    return id < 0 ? std::string() : std::string(tokenizer.blob().tokenText(id));
  };
  const int32_t eos = model.num_eos_tokens ? model.eos_tokens[0] : -1;
  respondJson(exchange, JsonObject()
                            .raw("default_generation_settings",
                                 JsonObject()
                                     .number("n_ctx", engine.contextLength())
                                     .raw("params", defaults)
                                     .close())
                            .number("total_slots", options.parallel)
                            .text("model_path", model.name)
                            .text("model_summary", model.summary)
                            .text("bos_token", tokenText(model.bos_token))
                            .text("eos_token", tokenText(eos))
                            .boolean("has_chat_template", prompts != nullptr)
                            .boolean("has_tools", toolForm != ToolForm::None)
                            .text("build_info", model.compiler)
                            .close());
}

} // namespace bitnet::server
