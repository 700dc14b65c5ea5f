//===- OpenAiRequest.cpp - JSON bodies to requests ------------------------===//

#include "runtime/server/OpenAiRequest.h"
#include "runtime/Options.h"
#include "runtime/server/Fields.h"
#include <climits>
#include <cmath>

namespace bitnet::server {

using chat::Value;

namespace {
/// A member of other servers' interfaces that changes the answer and is not
/// implemented, with the value at which it changes nothing.
struct Refused {
  const char *name;
  double neutral; ///< Of numbers and booleans; NaN: every value is refused.
};
} // namespace

static constexpr Refused refused[] = {
    {"audio", NAN},
    {"dry_multiplier", 0},
    {"dynatemp_range", 0},
    {"function_call", NAN},
    {"functions", NAN},
    {"grammar", NAN},
    {"guided_choice", NAN},
    {"guided_grammar", NAN},
    {"guided_json", NAN},
    {"guided_regex", NAN},
    {"images", NAN},
    {"json_schema", NAN},
    {"length_penalty", 1},
    {"min_tokens", 0},
    {"mirostat", 0},
    {"prompt_logprobs", NAN},
    {"structured_outputs", NAN},
    {"suffix", NAN},
    {"top_n_sigma", -1},
    {"truncate_prompt_tokens", NAN},
    {"typical_p", 1},
    {"use_beam_search", 0},
    {"web_search_options", NAN},
    {"xtc_probability", 0},
};

static void refuseUnsupported(Fields &fields) {
  for (const Refused &row : refused) {
    const Value *found = fields.find(row.name);
    if (!found || (found->isNumber() && found->asDouble() == row.neutral) ||
        (found->is(Value::String) && found->text().empty()) ||
        (found->isSequence() && found->items().empty()))
      continue;
    fields.fail(row.name, "is not supported by this server",
                "unsupported_parameter");
  }
}

static void parseSampling(Fields &fields, SamplerOptions &sampling,
                          std::optional<uint64_t> &seed) {
  fields.number("temperature", sampling.temperature, 0, 100);
  fields.number("top_p", sampling.topP, 0, 1);
  fields.number("min_p", sampling.minP, 0, 1);
  // vLLM's users write -1 for all tokens, llama.cpp's 0.
  fields.integer("top_k", sampling.topK, -1, INT_MAX);
  fields.number("repetition_penalty", sampling.repeatPenalty, 0.01f, 100);
  fields.number("repeat_penalty", sampling.repeatPenalty, 0.01f, 100);
  fields.integer("repeat_last_n", sampling.repeatLastN, -1, INT_MAX);
  fields.number("presence_penalty", sampling.presencePenalty, -2, 2);
  fields.number("frequency_penalty", sampling.frequencyPenalty, -2, 2);
  int64_t number = -1;
  fields.integer("seed", number, INT64_MIN, INT64_MAX);
  if (number != -1) // llama.cpp's word for a random one.
    seed = static_cast<uint64_t>(number);
}

static void parseLength(Fields &fields, Api api, bool echo, Request &request) {
  int64_t tokens = api == Api::Completion ? 16
                   : api == Api::Generate ? 256
                                          : -1;
  const char *names[] = {"max_tokens", "max_completion_tokens",
                         "max_new_tokens"};
  for (const char *name : names) {
    fields.integer(name, tokens, -1, INT_MAX);
    if (tokens == 0 && !echo)
      fields.fail(name, "must be at least 1", "invalid_value");
  }
  request.onlyPrompt = tokens == 0;
  request.maxTokens = tokens < 0 ? 0 : static_cast<uint32_t>(tokens);
}

static void parseBias(Fields &fields, Request &request) {
  const Value *bias = fields.find("logit_bias");
  if (!bias)
    return;
  if (!bias->is(Value::Dict)) {
    fields.wrongType("logit_bias", *bias, "an object of token ids");
    return;
  }
  for (size_t i = 0; i < bias->items().size(); ++i) {
    const std::string &key = bias->items()[i].text();
    int64_t id;
    if (!parseInteger(key, 0, INT_MAX, id)) {
      fields.fail("logit_bias", "has the key '" + key + "', not a token id",
                  "invalid_value");
      return;
    }
    const Value &number = bias->object().values[i];
    const double value = number.is(Value::Int) || number.is(Value::Float)
                             ? number.asDouble()
                             : NAN;
    if (!(value >= -100 && value <= 100)) {
      fields.fail("logit_bias", "must hold numbers from -100 to 100",
                  "invalid_value");
      return;
    }
    // -100 is OpenAI's word for never.
    request.logitBias.push_back(
        {static_cast<int32_t>(id),
         value <= -100 ? -INFINITY : static_cast<float>(value)});
  }
}

static void parseLogprobs(Fields &fields, Api api, Request &request) {
  int64_t count = -1;
  if (api != Api::Chat) {
    fields.integer("logprobs", count, 0, 20);
    request.topLogprobs = static_cast<int32_t>(count);
    return;
  }
  bool wanted = false;
  fields.boolean("logprobs", wanted);
  fields.integer("top_logprobs", count, 0, 20);
  if (count >= 0 && !wanted)
    fields.fail("top_logprobs", "needs 'logprobs' to be true", "invalid_value");
  request.topLogprobs =
      wanted ? static_cast<int32_t>(std::max<int64_t>(count, 0)) : -1;
}

static void parseFormat(Fields &fields, ParsedRequest &out, ApiError &error) {
  const Value *format = fields.find("response_format");
  if (!format)
    return;
  if (!format->is(Value::Dict)) {
    fields.wrongType("response_format", *format, "an object");
    return;
  }
  Fields inner(*format, error, "response_format.");
  std::string type;
  inner.text("type", type);
  if (type == "text")
    return;
  if (type == "json_object") {
    out.format = Format::JsonObject;
    return;
  }
  if (type != "json_schema") {
    inner.fail("type", "must be 'text', 'json_object' or 'json_schema'",
               "invalid_value");
    return;
  }
  // OpenAI nests the schema once more than llama.cpp.
  const Value *holder = inner.find("json_schema");
  const Value *schema =
      holder && holder->is(Value::Dict) ? holder->find("schema") : nullptr;
  if (!schema)
    schema = inner.find("schema");
  if (!schema || (!schema->is(Value::Dict) && !schema->is(Value::Bool))) {
    inner.fail("json_schema.schema", "must be a JSON schema", "invalid_value");
    return;
  }
  std::string why;
  out.format = Format::JsonSchema;
  if (!chat::toJson(*schema, {}, out.schema, &why))
    inner.fail("json_schema.schema", "is not JSON: " + why);
}

static void parsePrompts(Fields &fields, ParsedRequest &out) {
  const Value *prompt = fields.find("prompt");
  if (!prompt) {
    fields.fail("prompt", "is missing", "missing_required_parameter");
    return;
  }
  static const char *expected =
      "a string, an array of strings, of token ids, or of arrays of token ids";
  auto addTokens = [&](const Value &ids) {
    PromptInput input;
    for (const Value &id : ids.items()) {
      if (!id.is(Value::Int) || id.asInt() < 0 || id.asInt() > INT_MAX) {
        fields.fail("prompt", std::string("must be ") + expected,
                    "invalid_type");
        return;
      }
      input.tokens.push_back(static_cast<int32_t>(id.asInt()));
    }
    out.prompts.push_back(std::move(input));
  };
  if (prompt->is(Value::String)) {
    out.prompts.push_back({prompt->text(), {}});
  } else if (!prompt->is(Value::List)) {
    fields.wrongType("prompt", *prompt, expected);
  } else if (prompt->items().empty()) {
    fields.fail("prompt", "must not be empty", "invalid_value");
  } else if (prompt->items()[0].is(Value::Int)) {
    addTokens(*prompt);
  } else {
    for (const Value &item : prompt->items()) {
      if (item.is(Value::String))
        out.prompts.push_back({item.text(), {}});
      else if (item.is(Value::List) && !item.items().empty())
        addTokens(item);
      else
        fields.wrongType("prompt", *prompt, expected);
    }
  }
}

/// "none", "auto", "required" or {"type": "function", "function": {"name":
/// ...}}.
static void parseToolChoice(Fields &fields, const Value &choice,
                            ParsedRequest &out) {
  if (choice.is(Value::String) &&
      (choice.text() == "none" || choice.text() == "auto"))
    return;
  const Value *function =
      choice.is(Value::Dict) ? choice.find("function") : nullptr;
  const Value *name =
      function && function->is(Value::Dict) ? function->find("name") : nullptr;
  const bool isNamed = name && name->is(Value::String);
  if (!isNamed && !(choice.is(Value::String) && choice.text() == "required")) {
    fields.fail("tool_choice",
                "must be 'none', 'auto', 'required' or {\"type\": "
                "\"function\", \"function\": {\"name\": ...}}",
                "invalid_value");
    return;
  }
  if (!out.tools.is(Value::List)) {
    fields.fail("tool_choice", "needs 'tools'", "invalid_value");
    return;
  }
  out.forcesCall = true;
  if (!isNamed)
    return;
  out.function = name->text();
  for (const Value &tool : out.tools.items())
    if (tool.find("function")->find("name")->text() == out.function)
      return;
  fields.fail("tool_choice", "names a function that 'tools' does not have",
              "invalid_value");
}

static void parseTools(Fields &fields, ParsedRequest &out) {
  constexpr size_t kMostTools = 128; // As OpenAI's.
  const Value *tools = fields.find("tools");
  if (tools && !tools->is(Value::List))
    fields.wrongType("tools", *tools, "an array");
  else if (tools && tools->items().size() > kMostTools)
    fields.fail("tools", "has more than " + std::to_string(kMostTools),
                "invalid_value");
  else if (tools)
    for (size_t i = 0; i < tools->items().size(); ++i) {
      const Value &tool = tools->items()[i];
      const Value *function =
          tool.is(Value::Dict) ? tool.find("function") : nullptr;
      const Value *name = function && function->is(Value::Dict)
                              ? function->find("name")
                              : nullptr;
      if (!name || !name->is(Value::String))
        fields.fail("tools[" + std::to_string(i) + "]",
                    "must be {\"type\": \"function\", \"function\": {\"name\": "
                    "...}}",
                    "invalid_value");
    }
  const bool hasTools = fields.good() && tools && !tools->items().empty();
  const Value *choice = fields.find("tool_choice");
  if (hasTools &&
      !(choice && choice->is(Value::String) && choice->text() == "none"))
    out.tools = *tools;
  if (choice)
    parseToolChoice(fields, *choice, out);
  const Value *arguments = fields.find("chat_template_kwargs");
  if (arguments && !arguments->is(Value::Dict))
    fields.wrongType("chat_template_kwargs", *arguments, "an object");
  else if (arguments)
    out.templateArguments = *arguments;
}

bool parseRequest(const Value &body, Api api, const RequestRules &rules,
                  ParsedRequest &out, ApiError &error) {
  Fields fields(body, error);
  out.api = api;
  Request &request = out.request;
  std::string ignored;
  fields.text("model", ignored);
  if (api == Api::Chat) {
    if (!parseMessages(body, out.messages, error))
      return false;
    parseTools(fields, out);
  } else {
    parsePrompts(fields, out);
  }
  refuseUnsupported(fields);
  fields.boolean("echo", out.echo);
  parseLength(fields, api, out.echo, request);
  parseSampling(fields, request.sampling, out.seed);
  parseBias(fields, request);
  parseLogprobs(fields, api, request);
  parseFormat(fields, out, error);
  fields.texts("stop", request.stop, rules.maxStops);
  fields.tokens("stop_token_ids", request.stopTokens);
  fields.boolean("ignore_eos", request.ignoreEos);
  fields.boolean("skip_special_tokens", request.skipSpecial);
  if (out.echo && api == Api::Chat)
    fields.fail("echo", "is for completions only", "unsupported_parameter");
  request.promptLogprobs = out.echo && request.topLogprobs >= 0;
  fields.boolean("stream", out.stream);
  if (const Value *options = fields.find("stream_options")) {
    if (!options->is(Value::Dict))
      fields.wrongType("stream_options", *options, "an object");
    else if (!out.stream)
      fields.fail("stream_options", "needs 'stream' to be true",
                  "invalid_value");
    else
      Fields(*options, error, "stream_options.")
          .boolean("include_usage", out.includeUsage);
  }
  int64_t n = 1, best = -1;
  fields.integer("n", n, 1, rules.maxChoices);
  fields.integer("best_of", best, 1, rules.maxChoices);
  if (best > n)
    fields.fail("best_of", "must not exceed 'n' here", "unsupported_parameter");
  out.n = static_cast<uint32_t>(n);
  if (fields.good() && out.prompts.size() * out.n > rules.maxChoices)
    fields.fail(api == Api::Chat ? "n" : "prompt",
                "asks for more than " + std::to_string(rules.maxChoices) +
                    " answers at once",
                "invalid_value");
  return fields.good();
}

} // namespace bitnet::server
