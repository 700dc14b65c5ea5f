//===- TokenizeCommand.cpp - `tokenize`: text to ids and back -------------===//

#include "runtime/Cli.h"
#include "runtime/Eval.h"
#include <cstdio>

namespace bitnet {

static std::string idsAsJson(const std::vector<int32_t> &ids) {
  std::string text = "[";
  for (int32_t id : ids) {
    if (text.size() > 1)
      text += ", ";
    text += std::to_string(id);
  }
  return text + "]";
}

/// The token's own bytes, even if they are half a character.
static std::string tokenText(const Tokenizer &tokenizer, int32_t id) {
  std::string text;
  tokenizer.appendTokenBytes(id, /*skipSpecial=*/false, /*isFirst=*/false,
                             text);
  return text;
}

static int decodeIds(const Tokenizer &tokenizer, std::string text) {
  // "1,2 3" and "[1, 2, 3]" are both fine.
  std::string list;
  for (char c : text)
    if (c != '[' && c != ']')
      list += c == ',' || c == '\n' || c == '\t' ? ' ' : c;
  std::vector<int32_t> ids;
  for (size_t at = 0; at < list.size();) {
    size_t end = list.find(' ', at);
    std::string word = list.substr(at, end - at);
    at = end == std::string::npos ? list.size() : end + 1;
    int64_t id = 0;
    if (word.empty())
      continue;
    if (!parseInteger(word, 0, tokenizer.blob().vocabSize() - 1, id))
      return fail("'" + word + "' is not a token id from 0 to " +
                  std::to_string(tokenizer.blob().vocabSize() - 1));
    ids.push_back(static_cast<int32_t>(id));
  }
  puts(tokenizer.decode(ids, /*skipSpecial=*/false).c_str());
  return ExitOk;
}

int tokenizeCommand(const bitnet_model &model, const std::string &program,
                    const Arguments &arguments) {
  bool idsOnly = false, json = false, noBos = false, noSpecial = false;
  std::string decode, error;
  int64_t threads = 0;
  Options options(program, "tokenize [OPTIONS] [TEXT]",
                  "Writes the tokens of a text, one a line. Without TEXT, or "
                  "with -, the text is read\nfrom standard input.");
  options.flag("--ids-only", idsOnly, "write only the ids, on one line");
  options.flag("--json", json, "write one JSON object: ids and tokens");
  options.flag("--no-bos", noBos, "do not begin with bos");
  options.flag("--no-special", noSpecial,
               "treat special tokens in TEXT as plain text");
  options.value("--decode", decode, "IDS", "the text of \"1 2 3\" instead");
  addThreads(options, threads);
  options.example("tokenize \"Once upon a time\"");
  options.example("tokenize --ids-only < text.txt");
  options.example("tokenize --decode \"1 2 3\"");
  Arguments positional;
  if (int code =
          parseOptions(options, program, "tokenize", arguments, 1, positional);
      code >= 0)
    return code;

  auto tokenizer = openTokenizer(model, &error);
  if (!tokenizer)
    return fail(error);
  if (!decode.empty())
    return decodeIds(*tokenizer, decode);
  std::string text =
      positional.empty() || positional[0] == "-" ? readInput() : positional[0];
  std::vector<int32_t> ids;
  if (!noBos)
    ids = promptPrefix(model, *tokenizer);
  if (!tokenizer->encode(text,
                         {.addTemplate = false, .parseSpecial = !noSpecial},
                         ids, &error))
    return fail(error);

  if (json) {
    std::string tokens;
    for (int32_t id : ids)
      tokens +=
          (tokens.empty() ? "" : ", ") + quoteJson(tokenText(*tokenizer, id));
    printf("{\"ids\": %s, \"tokens\": [%s]}\n", idsAsJson(ids).c_str(),
           tokens.c_str());
  } else if (idsOnly) {
    puts(idsAsJson(ids).c_str());
  } else {
    for (int32_t id : ids)
      printf("%8d  %s\n", id, quoteJson(tokenText(*tokenizer, id)).c_str());
  }
  return ExitOk;
}

} // namespace bitnet
