//===- ToolCalls.cpp - Calls of functions in a model's text ---------------===//

#include "runtime/server/ToolCalls.h"
#include "runtime/ChatPrompt.h"
#include "runtime/server/JsonSchema.h"
#include <utility>

namespace bitnet::server {

using chat::Value;

static constexpr std::string_view kOpen = "<tool_call>";
static constexpr std::string_view kClose = "</tool_call>";
static constexpr std::string_view kSpace = " \t\r\n";

/// Templates show the form to the model, quotes included. Others use the same
/// marks around XML.
ToolForm toolFormOf(const ChatPrompt &prompts) {
  if (!prompts.mentions("tools"))
    return ToolForm::None;
  if (prompts.mentions(kOpen))
    return prompts.mentions("\"arguments\"") ? ToolForm::Hermes
                                             : ToolForm::None;
  return prompts.mentions("\"parameters\"") ? ToolForm::Llama : ToolForm::None;
}

/// By ToolForm; of None there is none.
static const JsonSchema::CallForm callForms[] = {
    {},
    {"arguments", std::string(kOpen) + "\n", "\n" + std::string(kClose)},
    {"parameters", "", ""},
};

static bool compileArguments(const Value *parameters,
                             std::shared_ptr<const JsonSchema> &schema,
                             std::string *why) {
  // OpenAI's word for none.
  std::string json = R"({"type": "object", "additionalProperties": false})";
  if (parameters && !parameters->is(Value::None)) {
    json.clear();
    if (!chat::toJson(*parameters, {}, json, why))
      return false;
  }
  schema = JsonSchema::compile(json, why);
  return schema != nullptr;
}

bool compileCall(ToolForm form, const Value &tools, const std::string &only,
                 std::shared_ptr<const JsonSchema> &schema, ApiError &error) {
  if (form == ToolForm::None) {
    error = {400,
             "no call can be forced: how this model's chat template writes "
             "calls is not known",
             "tool_choice", "unsupported_parameter"};
    return false;
  }
  std::vector<JsonSchema::Function> functions;
  std::string why;
  for (size_t i = 0; i < tools.items().size(); ++i) {
    const Value &function = *tools.items()[i].find("function");
    const Value &name = *function.find("name");
    if (!only.empty() && name.text() != only)
      continue;
    JsonSchema::Function made;
    if (!chat::toJson(name, {}, made.name, &why) ||
        !compileArguments(function.find("parameters"), made.arguments, &why)) {
      error = {400, "no call of '" + name.text() + "' can be forced: " + why,
               "tools[" + std::to_string(i) + "].function.parameters",
               "invalid_json_schema"};
      return false;
    }
    functions.push_back(std::move(made));
  }
  schema =
      JsonSchema::callOf(functions, callForms[static_cast<int>(form)], &why);
  if (!schema)
    error = {400, "no call can be forced: " + why, "tools",
             "invalid_json_schema"};
  return schema != nullptr;
}

/// {"name": text, "arguments" or "parameters": object}
static bool readCall(std::string_view text, ToolCall &call) {
  Value value;
  std::string ignored;
  if (!chat::fromJson(text, value, &ignored) || !value.is(Value::Dict))
    return false;
  const Value *name = value.find("name");
  const Value *arguments = value.find("arguments");
  if (!arguments)
    arguments = value.find("parameters");
  if (!name || !name->is(Value::String) || !arguments ||
      !arguments->is(Value::Dict))
    return false;
  call.name = name->text();
  call.arguments.clear();
  return chat::toJson(*arguments, {}, call.arguments, &ignored);
}

/// Bytes at the end of `text` that may be the beginning of `mark`.
static size_t partOf(std::string_view text, std::string_view mark) {
  for (size_t count = std::min(text.size(), mark.size() - 1); count; --count)
    if (text.ends_with(mark.substr(0, count)))
      return count;
  return 0;
}

std::string ToolCallReader::push(std::string_view text,
                                 std::vector<ToolCall> &calls) {
  if (form == ToolForm::None || (form == ToolForm::Llama && hasText))
    return std::string(text);
  held += text;
  if (form == ToolForm::Hermes)
    return takeHermes(false, calls);
  const size_t first = held.find_first_not_of(kSpace);
  if (first == held.npos || held[first] == '{')
    return "";
  hasText = true;
  return std::exchange(held, {});
}

std::string ToolCallReader::finish(std::vector<ToolCall> &calls) {
  if (form == ToolForm::Hermes)
    return takeHermes(true, calls);
  ToolCall call;
  if (form == ToolForm::Llama && readCall(held, call)) {
    calls.push_back(std::move(call));
    held.clear();
  }
  return std::exchange(held, {});
}

std::string ToolCallReader::takeHermes(bool atEnd,
                                       std::vector<ToolCall> &calls) {
  std::string out;
  auto give = [&](std::string_view text) {
    // Line breaks between calls belong to neither.
    if (afterCall && text.find_first_not_of(kSpace) == text.npos)
      return;
    afterCall = false;
    out += text;
  };
  while (true) {
    const size_t open = held.find(kOpen);
    if (open == held.npos) {
      const size_t keep = atEnd ? 0 : partOf(held, kOpen);
      // White space in front of a call goes with it.
      size_t end = held.size() - keep;
      while (!atEnd && end && kSpace.find(held[end - 1]) != kSpace.npos)
        --end;
      give(std::string_view(held).substr(0, end));
      held.erase(0, end);
      return out;
    }
    const size_t body = open + kOpen.size();
    size_t close = held.find(kClose, body);
    if (close == held.npos && !atEnd)
      return out;
    // A model may end its turn without closing the last call.
    const size_t end = close == held.npos ? held.size() : close + kClose.size();
    ToolCall call;
    if (readCall(std::string_view(held).substr(
                     body, std::min(close, held.size()) - body),
                 call)) {
      std::string_view before(held);
      before = before.substr(0, open);
      const size_t last = before.find_last_not_of(kSpace);
      give(before.substr(0, last == before.npos ? 0 : last + 1));
      calls.push_back(std::move(call));
      afterCall = true;
    } else {
      give(std::string_view(held).substr(0, end));
    }
    held.erase(0, end);
  }
}

} // namespace bitnet::server
