//===- RenderCommand.cpp - `bitnetc render` -------------------------------===//
//
// A chat template through the very compiler and renderer that programs get, so
// that prompts can be compared with other tools' without a model. The one file
// of the compiler that uses the runtime's renderer.
//
//===----------------------------------------------------------------------===//

#include "RenderCommand.h"
#include "Driver.h"
#include "compiler/template/TemplateCompiler.h"
#include "runtime/Cli.h"
#include "runtime/TemplateRenderer.h"
#include "runtime/Utf8.h"
#include <cstdio>
#include <cstring>
#include <filesystem>

namespace fs = std::filesystem;
using bitnet::chat::Value;

namespace bitnetc {

static constexpr const char *kHelp =
    R"(usage: bitnetc render --tokenizer PATH [OPTIONS] < messages > prompts

Renders chat messages to prompt text, as transformers' apply_chat_template.
PATH is a directory with chat_template.jinja or tokenizer_config.json (and
perhaps a model.json, for the texts of bos and eos), or one of these files. Each line of standard input is JSON: an array of messages or
an object {"messages": [...], "tools": [...], "add_generation_prompt": true},
whose other fields are variables of the template.

  --tokenizer PATH  where the template is
  --raw             write the text itself, not one JSON string a line
  --no-clock        the template finds no strftime_now, so no date of today

example:
  echo '[{"role": "user", "content": "Hi"}]' |
    bitnetc render --tokenizer models/bitnet-2b
)";

namespace {
struct Source {
  std::string text;
  std::string toolUse; ///< Another one for messages with tools.
  /// bos_token and so on, from tokenizer_config.json.
  std::vector<std::pair<std::string, std::string>> tokens;
};

class Template {
public:
  bool open(const std::string &source, std::string *error) {
    CompiledTemplate compiled = compileTemplate(source);
    if (!compiled.error.empty()) {
      *error = "chat template, " + compiled.error;
      return false;
    }
    blob.resize((compiled.blob.size() + 7) / 8);
    memcpy(blob.data(), compiled.blob.data(), compiled.blob.size());
    chat = bitnet::ChatTemplate::open(
        reinterpret_cast<const uint8_t *>(blob.data()), compiled.blob.size(),
        error);
    return chat != nullptr;
  }
  const bitnet::ChatTemplate &get() const { return *chat; }

private:
  std::vector<uint64_t> blob;
  std::unique_ptr<bitnet::ChatTemplate> chat;
};
} // namespace

static const Value *findText(const Value &object, const char *name) {
  const Value *found = object.is(Value::Dict) ? object.find(name) : nullptr;
  return found && found->is(Value::String) ? found : nullptr;
}

/// A directory that `bitnetc convert` wrote has the tokens in its model.json.
static bool readModelTokens(const std::string &path, Source &source,
                            std::string *error) {
  std::string text;
  Value model;
  if (!bitnet::readFile(path, text, error))
    return false;
  if (!bitnet::chat::fromJson(text, model, error) || !model.is(Value::Dict)) {
    *error = path + ": " + (error->empty() ? "not a JSON object" : *error);
    return false;
  }
  const Value *tokens = model.find("template_tokens");
  if (!tokens || !tokens->is(Value::Dict))
    return true;
  for (size_t i = 0; i < tokens->items().size(); ++i)
    source.tokens.emplace_back(tokens->items()[i].text(),
                               tokens->object().values[i].text());
  return true;
}

static bool readConfig(const std::string &path, Source &source,
                       std::string *error) {
  std::string text;
  Value config;
  if (!bitnet::readFile(path, text, error))
    return false;
  if (!bitnet::chat::fromJson(text, config, error) || !config.is(Value::Dict)) {
    *error = path + ": " + (error->empty() ? "not a JSON object" : *error);
    return false;
  }
  for (size_t i = 0; i < config.items().size(); ++i) {
    const std::string &name = config.items()[i].text();
    const Value &value = config.object().values[i];
    if (!name.ends_with("_token"))
      continue;
    // A string, or an object that describes one.
    if (value.is(Value::String))
      source.tokens.emplace_back(name, value.text());
    else if (const Value *content = findText(value, "content"))
      source.tokens.emplace_back(name, content->text());
  }
  const Value *chat = config.find("chat_template");
  if (!chat)
    return true;
  if (chat->is(Value::String))
    source.text = chat->text();
  // Or a list of named ones.
  for (const Value &entry : chat->items()) {
    const Value *name = findText(entry, "name");
    const Value *one = findText(entry, "template");
    if (name && one && name->text() == "default")
      source.text = one->text();
    else if (name && one && name->text() == "tool_use")
      source.toolUse = one->text();
  }
  return true;
}

static bool readSource(const std::string &given, Source &source,
                       std::string *error) {
  const fs::path path = given;
  std::error_code ignored;
  const bool isDirectory = fs::is_directory(path, ignored);
  const fs::path folder = isDirectory ? path : path.parent_path();
  const bool isConfig = !isDirectory && path.extension() == ".json";
  const fs::path config = isConfig ? path : folder / "tokenizer_config.json";
  if ((isConfig || fs::exists(config, ignored)) &&
      !readConfig(config.string(), source, error))
    return false;
  const fs::path model = folder / "model.json";
  if (isDirectory && fs::exists(model, ignored) &&
      !readModelTokens(model.string(), source, error))
    return false;
  const fs::path file = isDirectory ? folder / "chat_template.jinja" : path;
  if (!isConfig && (!isDirectory || fs::exists(file, ignored))) {
    // A file of its own overrules the field.
    source.text.clear();
    source.toolUse.clear();
    return bitnet::readFile(file.string(), source.text, error);
  }
  if (source.text.empty())
    *error = "there is no chat template in '" + given + "'";
  return !source.text.empty();
}

static bool isTrue(const Value *value) {
  return value && bitnet::chat::truthy(*value);
}

/// One line of the input.
static bool renderLine(const Source &source, const Template &chat,
                       const Template &toolUse,
                       const bitnet::RenderOptions &options,
                       const std::string &line, std::string &text,
                       std::string *error) {
  Value input;
  if (!bitnet::chat::fromJson(line, input, error))
    return false;
  Value variables = Value::dict();
  auto set = [&](const std::string &name, Value value) {
    variables.set(Value::string(name), std::move(value));
  };
  for (const auto &[name, token] : source.tokens)
    set(name, Value::string(token));
  set("add_generation_prompt", Value::boolean(false));
  if (input.is(Value::List))
    set("messages", input);
  else if (input.is(Value::Dict) && input.find("messages"))
    for (size_t i = 0; i < input.items().size(); ++i)
      set(input.items()[i].text(), input.object().values[i]);
  else {
    *error = "neither an array of messages nor an object with \"messages\"";
    return false;
  }
  const bool withTools =
      !source.toolUse.empty() && isTrue(variables.find("tools"));
  return (withTools ? toolUse : chat)
      .get()
      .render(variables, options, text, error);
}

int runRender(const std::vector<std::string> &arguments) {
  std::string path, error;
  bool raw = false;
  bitnet::RenderOptions options;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string &argument = arguments[i];
    if (argument == "--help" || argument == "-h") {
      fputs(kHelp, stdout);
      return 0;
    }
    if (argument == "--raw") {
      raw = true;
    } else if (argument == "--no-clock") {
      options.hasClock = false;
    } else if (argument.starts_with("--tokenizer=")) {
      path = argument.substr(strlen("--tokenizer="));
    } else if (argument == "--tokenizer" && i + 1 < arguments.size()) {
      path = arguments[++i];
    } else {
      const std::string what = argument == "--tokenizer"
                                   ? "'--tokenizer' needs a path"
                                   : "unexpected argument '" + argument + "'";
      return reportError(what + "; 'bitnetc render --help' explains", 2);
    }
  }
  if (path.empty())
    return reportError("no --tokenizer PATH; 'bitnetc render --help' explains",
                       2);

  Source source;
  Template chat, toolUse;
  if (!readSource(path, source, &error) || !chat.open(source.text, &error) ||
      (!source.toolUse.empty() && !toolUse.open(source.toolUse, &error)))
    return reportError(error, 1);
  const std::string input = bitnet::readInput();
  size_t number = 0;
  for (size_t begin = 0; begin < input.size();) {
    const size_t end = std::min(input.find('\n', begin), input.size());
    const std::string line = input.substr(begin, end - begin);
    begin = end + 1;
    ++number;
    if (line.find_first_not_of(" \t\r") == std::string::npos)
      continue;
    std::string text;
    if (!renderLine(source, chat, toolUse, options, line, text, &error))
      return reportError("input line " + std::to_string(number) + ": " + error,
                         1);
    if (!raw)
      text = bitnet::quoteJson(text) + "\n";
    fwrite(text.data(), 1, text.size(), stdout);
  }
  return fflush(stdout) ? reportError("cannot write the output", 1) : 0;
}

} // namespace bitnetc
