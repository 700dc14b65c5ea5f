//===- OpenAiMessages.cpp - OpenAI's messages for chat templates ----------===//

#include "runtime/server/Fields.h"
#include "runtime/server/OpenAiRequest.h"

namespace bitnet::server {

using chat::Value;

/// Copies a dictionary with one member replaced.
static Value with(const Value &dict, const char *name, Value value) {
  Value made = Value::dict();
  for (size_t i = 0; i < dict.items().size(); ++i)
    made.set(dict.items()[i], dict.object().values[i]);
  made.set(Value::string(name), std::move(value));
  return made;
}

/// Parts of text become one text: few templates take lists.
static bool joinParts(Fields &fields, const Value &content, Value &out) {
  if (content.is(Value::String)) {
    out = content;
    return true;
  }
  if (!content.is(Value::List)) {
    fields.wrongType("content", content, "a string or an array of parts");
    return false;
  }
  std::string text;
  for (const Value &part : content.items()) {
    const Value *type = part.is(Value::Dict) ? part.find("type") : nullptr;
    const Value *words = part.is(Value::Dict) ? part.find("text") : nullptr;
    if (type && type->is(Value::String) && type->text() != "text") {
      fields.fail("content",
                  "has a part of type '" + type->text() +
                      "'; this model reads text only",
                  "unsupported_value");
      return false;
    }
    if (!words || !words->is(Value::String)) {
      fields.fail("content",
                  "must hold parts {\"type\": \"text\", \"text\": "
                  "...}",
                  "invalid_value");
      return false;
    }
    text += words->text();
  }
  out = Value::string(std::move(text));
  return true;
}

/// OpenAI's arguments are JSON in a string, templates print an object.
static bool openArguments(Fields &fields, const Value &calls, Value &out) {
  if (!calls.is(Value::List)) {
    fields.wrongType("tool_calls", calls, "an array");
    return false;
  }
  std::vector<Value> made;
  for (const Value &call : calls.items()) {
    const Value *function =
        call.is(Value::Dict) ? call.find("function") : nullptr;
    if (!function || !function->is(Value::Dict)) {
      fields.fail("tool_calls", "must hold calls of functions",
                  "invalid_value");
      return false;
    }
    const Value *arguments = function->find("arguments");
    Value parsed;
    std::string ignored;
    if (arguments && arguments->is(Value::String) &&
        chat::fromJson(arguments->text(), parsed, &ignored) &&
        parsed.is(Value::Dict))
      made.push_back(
          with(call, "function", with(*function, "arguments", parsed)));
    else
      made.push_back(call);
  }
  out = Value::list(std::move(made));
  return true;
}

static bool parseMessage(Fields &fields, const Value &message, Value &out) {
  static constexpr std::string_view roles[] = {"system", "developer", "user",
                                               "assistant", "tool"};
  const Value *role = fields.find("role");
  if (!role || !role->is(Value::String)) {
    fields.fail("role", "must be a string", "invalid_type");
    return false;
  }
  bool known = false;
  for (std::string_view name : roles)
    known |= role->text() == name;
  if (!known) {
    fields.fail("role",
                "must be 'system', 'developer', 'user', 'assistant' or "
                "'tool', not '" +
                    role->text() + "'",
                "invalid_value");
    return false;
  }
  out = message;
  // Templates know the older name.
  if (role->text() == "developer")
    out = with(out, "role", Value::string("system"));
  const Value *calls = fields.find("tool_calls");
  const Value *content = fields.find("content");
  if (!content && !(calls && role->text() == "assistant")) {
    fields.fail("content", "is missing", "missing_required_parameter");
    return false;
  }
  Value text = Value::string("");
  if (content && !joinParts(fields, *content, text))
    return false;
  out = with(out, "content", text);
  if (calls) {
    Value opened;
    if (!openArguments(fields, *calls, opened))
      return false;
    out = with(out, "tool_calls", opened);
  }
  return true;
}

bool parseMessages(const Value &body, Value &messages, ApiError &error) {
  Fields fields(body, error);
  const Value *found = fields.find("messages");
  if (!found)
    fields.fail("messages", "is missing", "missing_required_parameter");
  else if (!found->is(Value::List))
    fields.wrongType("messages", *found, "an array");
  else if (found->items().empty())
    fields.fail("messages", "must not be empty", "invalid_value");
  if (!fields.good())
    return false;
  std::vector<Value> made;
  for (size_t i = 0; i < found->items().size(); ++i) {
    const Value &message = found->items()[i];
    const std::string name = "messages[" + std::to_string(i) + "]";
    if (!message.is(Value::Dict)) {
      fields.wrongType(name, message, "an object");
      return false;
    }
    Fields inner(message, error, name + ".");
    Value parsed;
    if (!parseMessage(inner, message, parsed))
      return false;
    made.push_back(std::move(parsed));
  }
  messages = Value::list(std::move(made));
  return true;
}

} // namespace bitnet::server
