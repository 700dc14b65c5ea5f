//===- OpenAiResponse.cpp - Answers in OpenAI's shapes --------------------===//

#include "runtime/server/OpenAiResponse.h"
#include "runtime/server/Json.h"
#include <cmath>

namespace bitnet::server {

const char *finishName(Finish finish, bool hasCalls) {
  if (finish == Finish::Length)
    return "length";
  return hasCalls ? "tool_calls" : "stop";
}

std::string usageJson(const Usage &usage) {
  return JsonObject()
      .number("prompt_tokens", usage.promptTokens)
      .number("completion_tokens", usage.completionTokens)
      .number("total_tokens", usage.promptTokens + usage.completionTokens)
      .raw("prompt_tokens_details",
           JsonObject().number("cached_tokens", usage.cachedTokens).close())
      .close();
}

static JsonObject beginAnswer(const AnswerHead &head, bool isPart) {
  JsonObject object;
  object.text("id", head.id);
  object.text("object", head.api == Api::Completion ? "text_completion"
                        : isPart                    ? "chat.completion.chunk"
                                                    : "chat.completion");
  object.number("created", head.created)
      .text("model", head.model)
      .text("system_fingerprint", "bitnetc");
  return object;
}

static void addFinish(JsonObject &object, const char *finish) {
  if (finish)
    object.text("finish_reason", finish);
  else
    object.null("finish_reason");
}

static void addLogprobs(JsonObject &object, const ChoicePart &part) {
  object.raw("logprobs", part.logprobs.empty() ? "null" : part.logprobs);
}

static std::string callsJson(const AnswerHead &head, const ChoicePart &part,
                             bool inStream) {
  JsonArray calls;
  for (size_t i = 0; i < part.calls.size(); ++i) {
    const size_t number = part.firstCall + i;
    JsonObject call;
    if (inStream)
      call.number("index", number);
    call.text("id", "call_" + head.id.substr(head.id.find('-') + 1) + "_" +
                        std::to_string(part.index) + "_" +
                        std::to_string(number))
        .text("type", "function")
        .raw("function", JsonObject()
                             .text("name", part.calls[i].name)
                             .text("arguments", part.calls[i].arguments)
                             .close());
    calls.raw(call.close());
  }
  return calls.close();
}

static std::string choiceJson(const AnswerHead &head, const ChoicePart &part) {
  JsonObject choice;
  choice.number("index", part.index);
  if (head.api == Api::Completion) {
    choice.text("text", part.text);
  } else {
    JsonObject message;
    message.text("role", "assistant");
    if (part.text.empty() && !part.calls.empty())
      message.null("content");
    else
      message.text("content", part.text);
    message.null("refusal");
    if (!part.calls.empty())
      message.raw("tool_calls", callsJson(head, part, false));
    choice.raw("message", message.close());
  }
  addLogprobs(choice, part);
  addFinish(choice, part.finish);
  return choice.close();
}

/// /generate has an interface of its own, with as little around the text as
/// possible.
static std::string generateJson(const ChoicePart &part, const Usage *usage) {
  JsonObject object;
  object.text("text", part.text);
  if (!part.logprobs.empty())
    addLogprobs(object, part);
  if (part.finish)
    addFinish(object, part.finish);
  if (usage)
    object.raw("usage", usageJson(*usage));
  return object.close();
}

std::string answerJson(const AnswerHead &head,
                       const std::vector<ChoicePart> &choices,
                       const Usage &usage) {
  if (head.api == Api::Generate) {
    if (choices.size() == 1)
      return generateJson(choices[0], &usage);
    JsonArray all;
    for (const ChoicePart &choice : choices)
      all.raw(generateJson(choice, nullptr));
    return JsonObject()
        .raw("choices", all.close())
        .raw("usage", usageJson(usage))
        .close();
  }
  JsonArray all;
  for (const ChoicePart &choice : choices)
    all.raw(choiceJson(head, choice));
  return beginAnswer(head, false)
      .raw("choices", all.close())
      .raw("usage", usageJson(usage))
      .close();
}

std::string partJson(const AnswerHead &head, const ChoicePart &part,
                     bool isFirst, bool usageFollows) {
  if (head.api == Api::Generate) {
    JsonObject object;
    object.number("index", part.index).text("text", part.text);
    if (part.finish)
      addFinish(object, part.finish);
    return object.close();
  }
  JsonObject choice;
  choice.number("index", part.index);
  if (head.api == Api::Completion) {
    choice.text("text", part.text);
  } else {
    JsonObject delta;
    if (isFirst)
      delta.text("role", "assistant");
    if (isFirst || !part.text.empty())
      delta.text("content", part.text);
    if (!part.calls.empty())
      delta.raw("tool_calls", callsJson(head, part, true));
    choice.raw("delta", delta.close());
  }
  addLogprobs(choice, part);
  addFinish(choice, part.finish);
  JsonObject object = beginAnswer(head, true);
  object.raw("choices", JsonArray().raw(choice.close()).close());
  if (usageFollows)
    object.null("usage");
  return object.close();
}

std::string usagePartJson(const AnswerHead &head, const Usage &usage) {
  if (head.api == Api::Generate)
    return JsonObject().raw("usage", usageJson(usage)).close();
  return beginAnswer(head, true)
      .raw("choices", "[]")
      .raw("usage", usageJson(usage))
      .close();
}

std::string LogprobsWriter::textOf(int32_t id, bool isFirst) const {
  std::string bytes;
  tokenizer.appendTokenBytes(id, /*skipSpecial=*/false, isFirst, bytes);
  return bytes;
}

/// JSON has no -infinity; OpenAI's word for it.
static double finite(float logprob) {
  return std::isfinite(logprob) ? static_cast<double>(logprob) : -9999.0;
}

static std::string chatToken(const std::string &bytes, float logprob,
                             const std::string *best) {
  JsonArray numbers;
  for (unsigned char byte : bytes)
    numbers.number(byte);
  JsonObject object;
  object.text("token", bytes)
      .number("logprob", finite(logprob))
      .raw("bytes", numbers.close());
  if (best)
    object.raw("top_logprobs", *best);
  return object.close();
}

void LogprobsWriter::addChat(const TokenLogprob &token) {
  JsonArray others;
  for (const Candidate &candidate : token.best)
    others.raw(chatToken(textOf(candidate.id), candidate.logit, nullptr));
  const std::string list = others.close();
  content.push_back(chatToken(textOf(token.id), token.logprob, &list));
}

void LogprobsWriter::addPrompt(const std::vector<TokenLogprob> &prompt,
                               size_t silent) {
  for (size_t i = 0; i < prompt.size(); ++i) {
    add(prompt[i], i == silent);
    if (i < silent)
      offset = 0;
  }
}

void LogprobsWriter::add(const TokenLogprob &token, bool isFirst) {
  if (api == Api::Chat) {
    addChat(token);
    return;
  }
  const std::string bytes = textOf(token.id, isFirst);
  tokens.push_back(quoteJson(bytes));
  if (std::isnan(token.logprob)) {
    numbers.push_back("null");
    best.push_back("null");
  } else {
    numbers.push_back(jsonNumber(finite(token.logprob)));
    JsonObject others;
    for (const Candidate &candidate : token.best)
      others.number(textOf(candidate.id), finite(candidate.logit));
    best.push_back(others.close());
  }
  offsets.push_back(std::to_string(offset));
  for (unsigned char byte : bytes) // Characters, not bytes.
    offset += (byte & 0xC0) != 0x80;
}

static std::string arrayOf(std::vector<std::string> &items) {
  JsonArray array;
  for (const std::string &item : items)
    array.raw(item);
  items.clear();
  return array.close();
}

std::string LogprobsWriter::take() {
  if (content.empty() && tokens.empty())
    return "";
  if (api == Api::Chat)
    return JsonObject()
        .raw("content", arrayOf(content))
        .null("refusal")
        .close();
  return JsonObject()
      .raw("tokens", arrayOf(tokens))
      .raw("token_logprobs", arrayOf(numbers))
      .raw("top_logprobs", arrayOf(best))
      .raw("text_offset", arrayOf(offsets))
      .close();
}

} // namespace bitnet::server
