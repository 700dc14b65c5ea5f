//===- TokenizeCommand.cpp - `bitnetc tokenize` ---------------------------===//
//
// A tokenizer through the very compiler and encoder that programs get, so that
// ids can be compared with other tools' without a model. One line of JSON in,
// one line out: many texts cost one start.
//
//===----------------------------------------------------------------------===//

#include "TokenizeCommand.h"
#include "Driver.h"
#include "compiler/tokenizer/CompileTokenizer.h"
#include "runtime/Cli.h"
#include "runtime/TemplateValue.h"
#include "runtime/Utf8.h"
#include <cstdio>
#include <cstring>
#include <iostream>

using bitnet::chat::Value;

namespace bitnetc {

static constexpr const char *kHelp =
    R"(usage: bitnetc tokenize --tokenizer PATH [OPTIONS] < texts > ids

Turns texts into token ids, or back with --decode. PATH is a tokenizer.json, a
tokenizer.model (SentencePiece or Llama 3), a GGUF file, or a directory with one
of the first two. Each line of standard input is JSON: a string or an object
with "text". Each line of standard output is an array of ids.

What the tokenizer itself puts around a text (usually bos before it) is put
there. A tokenizer.json without "post_processor" names nothing; programs then
begin with the bos of their model.

  --tokenizer PATH  where the tokenizer is
  --no-bos          put nothing around the texts
  --no-special      special tokens written out in a text are plain text
  --decode          lines are arrays of ids or objects with "ids"; writes each
                    text as a JSON string
  --skip-special    leave special tokens out of decoded texts

examples:
  echo '"Once upon a time"' | bitnetc tokenize --tokenizer tokenizer.json
  echo '[1, 403, 407]' | bitnetc tokenize --tokenizer models/story --decode
)";

namespace {
struct Settings {
  std::string path;
  bitnet::EncodeOptions encode;
  bool decode = false, skipSpecial = false;
};
} // namespace

/// Returns -1 to go on, else the exit code.
static int parse(const std::vector<std::string> &arguments,
                 Settings &settings) {
  const std::string explains = "; 'bitnetc tokenize --help' explains";
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string &argument = arguments[i];
    if (argument == "--help" || argument == "-h") {
      fputs(kHelp, stdout);
      return 0;
    }
    if (argument == "--no-bos") {
      settings.encode.addTemplate = false;
    } else if (argument == "--no-special") {
      settings.encode.parseSpecial = false;
    } else if (argument == "--decode") {
      settings.decode = true;
    } else if (argument == "--skip-special") {
      settings.skipSpecial = true;
    } else if (argument.starts_with("--tokenizer=")) {
      settings.path = argument.substr(strlen("--tokenizer="));
    } else if (argument == "--tokenizer") {
      if (++i == arguments.size())
        return reportError("'--tokenizer' needs a path" + explains, 2);
      settings.path = arguments[i];
    } else {
      return reportError("unexpected argument '" + argument + "'" + explains,
                         2);
    }
  }
  if (settings.path.empty())
    return reportError("no --tokenizer PATH" + explains, 2);
  return -1;
}

/// `input`, or its field `name` if it is an object.
static const Value *fieldOrSelf(const Value &input, const char *name) {
  return input.is(Value::Dict) ? input.find(name) : &input;
}

static bool encodeLine(bitnet::Tokenizer &tokenizer, const Settings &settings,
                       const Value &input, std::string &out,
                       std::string *error) {
  const Value *text = fieldOrSelf(input, "text");
  if (!text || !text->is(Value::String)) {
    *error = "neither a JSON string nor an object with \"text\"";
    return false;
  }
  std::vector<int32_t> ids;
  if (!tokenizer.encode(text->text(), settings.encode, ids, error))
    return false;
  out = "[";
  for (int32_t id : ids)
    out += (out.size() > 1 ? ", " : "") + std::to_string(id);
  out += "]";
  return true;
}

static bool decodeLine(const bitnet::Tokenizer &tokenizer,
                       const Settings &settings, const Value &input,
                       std::string &out, std::string *error) {
  const Value *list = fieldOrSelf(input, "ids");
  if (!list || !list->is(Value::List)) {
    *error = "neither an array of ids nor an object with \"ids\"";
    return false;
  }
  const int64_t vocabulary = tokenizer.blob().vocabSize();
  std::vector<int32_t> ids;
  for (const Value &id : list->items()) {
    if (!id.is(Value::Int) || id.asInt() < 0 || id.asInt() >= vocabulary) {
      *error = "'" + bitnet::chat::toText(id) +
               "' is not a token id from 0 to " +
               std::to_string(vocabulary - 1);
      return false;
    }
    ids.push_back(static_cast<int32_t>(id.asInt()));
  }
  out = bitnet::quoteJson(tokenizer.decode(ids, settings.skipSpecial));
  return true;
}

int runTokenize(const std::vector<std::string> &arguments) {
  Settings settings;
  if (int code = parse(arguments, settings); code >= 0)
    return code;
  CompiledTokenizer compiled = compileTokenizerFile(settings.path);
  if (!compiled.error.empty())
    return reportError(compiled.error, 1);
  std::vector<uint64_t> blob((compiled.blob.size() + 7) / 8);
  memcpy(blob.data(), compiled.blob.data(), compiled.blob.size());
  std::string error;
  auto tokenizer =
      bitnet::Tokenizer::open(reinterpret_cast<const uint8_t *>(blob.data()),
                              compiled.blob.size(), &error);
  if (!tokenizer)
    return reportError(error, 1);

  std::string line, out;
  for (size_t number = 1; std::getline(std::cin, line); ++number) {
    if (line.find_first_not_of(" \t\r") == std::string::npos)
      continue;
    Value input;
    if (!bitnet::chat::fromJson(line, input, &error) ||
        !(settings.decode
              ? decodeLine(*tokenizer, settings, input, out, &error)
              : encodeLine(*tokenizer, settings, input, out, &error)))
      return reportError("input line " + std::to_string(number) + ": " + error,
                         1);
    out += '\n';
    fwrite(out.data(), 1, out.size(), stdout);
  }
  return fflush(stdout) ? reportError("cannot write the output", 1) : 0;
}

} // namespace bitnetc
