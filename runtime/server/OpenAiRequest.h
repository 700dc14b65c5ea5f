//===- OpenAiRequest.h - JSON bodies to requests ----------------*- C++ -*-===//
//
// Reads the bodies of /generate, /v1/completions and /v1/chat/completions. A
// pure function of the body: no model, no engine, no network. A member that
// would change the answer and that cannot be honoured is refused by name;
// others that are not known are passed over, as OpenAI's and llama.cpp's
// servers do.
//
//===----------------------------------------------------------------------===//
#ifndef BITNET_RUNTIME_SERVER_OPENAIREQUEST_H
#define BITNET_RUNTIME_SERVER_OPENAIREQUEST_H

#include "runtime/TemplateValue.h"
#include "runtime/server/ApiError.h"
#include "runtime/server/Engine.h"
#include <optional>

namespace bitnet::server {

enum class Api { Generate, Completion, Chat };

/// What a prompt is before it is tokens.
struct PromptInput {
  std::string text;
  std::vector<int32_t> tokens; ///< Instead of the text, if not empty.
};

/// What response_format asks for.
enum class Format { Text, JsonObject, JsonSchema };

struct ParsedRequest {
  Api api = Api::Chat;
  std::vector<PromptInput> prompts; ///< Generate and Completion.
  chat::Value messages;             ///< Chat, as templates want them.
  chat::Value tools;                ///< A list, or not a list: none.
  bool forcesCall = false;          ///< The answer is a call of one of them,
  std::string function;             ///< of this one unless empty.
  chat::Value templateArguments;    ///< chat_template_kwargs, a dictionary.
  bool stream = false, includeUsage = false, echo = false;
  uint32_t n = 1;
  std::optional<uint64_t> seed; ///< Choice i is drawn with seed + i.
  Format format = Format::Text;
  std::string schema; ///< JSON text.
  Request request;    ///< All but the prompt and the constraint.
};

struct RequestRules {
  uint32_t maxChoices = 16; ///< Prompts times n.
  uint32_t maxStops = 16;
};

/// False with an error.
bool parseRequest(const chat::Value &body, Api api, const RequestRules &rules,
                  ParsedRequest &out, ApiError &error);

/// OpenAI's messages as templates want them: parts of texts joined, arguments
/// of tool calls as objects. False with an error that names the message.
bool parseMessages(const chat::Value &body, chat::Value &messages,
                   ApiError &error);

} // namespace bitnet::server

#endif // BITNET_RUNTIME_SERVER_OPENAIREQUEST_H
