//===- ToolCalls.h - Calls of functions in a model's text -------*- C++ -*-===//
//
// Models write calls as text; clients want them apart. Reads a text as it is
// made and gives out what is no call at once:
//
//   Hermes (Qwen and others)  <tool_call>{"name": ..., "arguments": {...}}
//                             </tool_call>, anywhere
//   Llama 3.1                 {"name": ..., "parameters": {...}} as the whole
//                             answer
//
// What does not have that form stays text. Where a call is asked for, the same
// form is what the model is held to.
//
//===----------------------------------------------------------------------===//
#ifndef BITNET_RUNTIME_SERVER_TOOLCALLS_H
#define BITNET_RUNTIME_SERVER_TOOLCALLS_H

#include "runtime/TemplateValue.h"
#include "runtime/server/ApiError.h"
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace bitnet {
class ChatPrompt;
}

namespace bitnet::server {

class JsonSchema;

enum class ToolForm { None, Hermes, Llama };

/// The form that the model's template shows to the model.
ToolForm toolFormOf(const ChatPrompt &prompts);

/// What an answer looks like that is one call of a function of `tools`, which
/// has OpenAI's shape; of the function `only` unless that is empty. False with
/// an error where the model's form is not known, or a schema cannot be
/// honoured.
bool compileCall(ToolForm form, const chat::Value &tools,
                 const std::string &only,
                 std::shared_ptr<const JsonSchema> &schema, ApiError &error);

struct ToolCall {
  std::string name;
  std::string arguments; ///< JSON text, as OpenAI has it.
};

class ToolCallReader {
public:
  explicit ToolCallReader(ToolForm form) : form(form) {}

  /// The text that is certainly no call, and the calls that ended.
  std::string push(std::string_view text, std::vector<ToolCall> &calls);
  /// What is held back still.
  std::string finish(std::vector<ToolCall> &calls);

private:
  std::string takeHermes(bool atEnd, std::vector<ToolCall> &calls);

  ToolForm form;
  std::string held;
  bool hasText = false; ///< Something that is no white space was given out.
  bool afterCall = false;
};

} // namespace bitnet::server

#endif // BITNET_RUNTIME_SERVER_TOOLCALLS_H
