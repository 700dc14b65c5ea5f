//===- HuggingFaceTokenizer.cpp - Tokens of a Hugging Face directory ------===//
//
// Which file holds the tokenizer, the chat template, whether a prompt starts
// with bos, and which tokens end a generation. transformers spreads this over
// generation_config.json, config.json, tokenizer_config.json,
// special_tokens_map.json, tokenizer.json and chat_template.jinja; the order in
// which one file overrules another is transformers'.
//
//===----------------------------------------------------------------------===//
#include "ModelImport.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

using namespace llvm;

namespace bitnetc {

namespace {

/// A file of the directory, or "" if there is none of that name.
std::string existing(StringRef directory, StringRef name) {
  SmallString<128> path = directory;
  sys::path::append(path, name);
  return sys::fs::exists(path) ? path.str().str() : "";
}

Expected<Json> readOptional(StringRef file) {
  if (file.empty())
    return Json::object();
  return readJsonFile(file);
}

/// A chat template is a string, or a list of named ones.
void readTemplate(Model &m, JsonFields &config) {
  const Json *value = config.raw("chat_template");
  if (!value)
    return;
  if (value->is_array())
    for (const Json &entry : *value)
      if (entry.is_object() && entry.value("name", Json()) == "default" &&
          entry.contains("template")) {
        value = &entry["template"];
        break;
      }
  if (value->is_string())
    m.chatTemplate = value->get<std::string>();
  else
    config.fail("chat_template",
                "expected a string, or a list with one named \"default\"");
}

/// Tokens are strings, or objects that describe one. What is null is not
/// defined in a template.
void readTemplateTokens(Model &m, JsonFields &config) {
  for (StringRef name : templateTokenNames()) {
    if (!config.has(name) || m.templateTokens.count(name.str()))
      continue;
    const Json *value = config.raw(name);
    if (value->is_object() && value->contains("content"))
      value = &(*value)["content"];
    if (value->is_string())
      m.templateTokens[name.str()] = value->get<std::string>();
    else
      config.fail(name, "expected a string, or an object with one as "
                        "\"content\"");
  }
}

/// Whether the fast tokenizer's own template starts with a special token.
bool templateAddsBos(const Json &processor) {
  if (!processor.is_object())
    return false;
  Json type = processor.value("type", Json());
  if (type == "Sequence")
    for (const Json &step : processor.value("processors", Json::array()))
      if (templateAddsBos(step))
        return true;
  if (type != "TemplateProcessing")
    return false;
  Json single = processor.value("single", Json());
  return single.is_array() && !single.empty() && single[0].is_object() &&
         single[0].contains("SpecialToken");
}

/// Without an explicit add_bos_token the tokenizer's post-processor decides, as
/// it does in transformers; a bare SentencePiece model is Llama's, which adds.
Expected<bool> addsBos(StringRef tokenizerJson) {
  if (tokenizerJson.empty())
    return true;
  auto document = readJsonFile(tokenizerJson);
  if (!document)
    return document.takeError();
  return document->is_object() &&
         templateAddsBos(document->value("post_processor", Json()));
}

} // namespace

Error importHuggingFaceTokenizer(Model &m, StringRef directory,
                                 JsonFields &config) {
  std::string tokenizerJson = existing(directory, "tokenizer.json");
  m.tokenizerFile = !tokenizerJson.empty()
                        ? tokenizerJson
                        : existing(directory, "tokenizer.model");

  std::string generationFile = existing(directory, "generation_config.json");
  auto generationDocument = readOptional(generationFile);
  if (!generationDocument)
    return generationDocument.takeError();
  JsonFields generation(*generationDocument, generationFile,
                        JsonFields::Mode::Lenient);
  auto ids = [&](StringRef name) {
    JsonFields &source = generation.has(name) ? generation : config;
    return source.integers(name, 0, m.vocabSize - 1);
  };
  std::vector<int64_t> bos = ids("bos_token_id"), eos = ids("eos_token_id");
  m.bosToken = bos.empty() ? -1 : int32_t(bos[0]);
  m.eosTokens.assign(eos.begin(), eos.end());
  if (Error error = generation.finish())
    return error;
  if (Error error = config.finish())
    return error;

  std::string tokenizerFile = existing(directory, "tokenizer_config.json");
  auto tokenizerDocument = readOptional(tokenizerFile);
  if (!tokenizerDocument)
    return tokenizerDocument.takeError();
  JsonFields tokenizer(*tokenizerDocument, tokenizerFile,
                       JsonFields::Mode::Lenient);
  bool addBos = true;
  if (tokenizer.has("add_bos_token")) {
    addBos = tokenizer.boolean("add_bos_token");
  } else if (m.bosToken >= 0) {
    auto adds = addsBos(tokenizerJson);
    if (!adds)
      return adds.takeError();
    addBos = *adds;
  }
  if (!addBos)
    m.bosToken = -1;

  readTemplateTokens(m, tokenizer);
  std::string mapFile = existing(directory, "special_tokens_map.json");
  auto mapDocument = readOptional(mapFile);
  if (!mapDocument)
    return mapDocument.takeError();
  JsonFields map(*mapDocument, mapFile, JsonFields::Mode::Lenient);
  readTemplateTokens(m, map);
  if (Error error = map.finish())
    return error;

  // A file of its own overrules the field.
  std::string templateFile = existing(directory, "chat_template.jinja");
  if (templateFile.empty()) {
    readTemplate(m, tokenizer);
  } else {
    auto text = readTextFile(templateFile);
    if (!text)
      return text.takeError();
    m.chatTemplate = std::move(*text);
  }
  return tokenizer.finish();
}

} // namespace bitnetc
