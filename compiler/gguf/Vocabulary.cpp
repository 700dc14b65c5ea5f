//===- Vocabulary.cpp - The tokenizer.* keys of a GGUF file ---------------===//

#include "Vocabulary.h"
#include "Values.h"
#include <algorithm>

namespace bitnetc::gguf {

namespace {
class Reader {
public:
  Reader(const File &file, Vocabulary &v, std::string &error)
      : file(file), v(v), error(error) {}
  bool run();

private:
  bool fail(std::string_view key, const std::string &message) {
    error = "key \"" + std::string(key) + "\": " + message;
    return false;
  }
  bool mismatch(std::string_view key, const char *expected,
                const Value &found) {
    return fail(key, std::string("expected ") + expected + ", found " +
                         found.describe());
  }
  bool readId(const char *key, int32_t &id);
  bool readFlag(const char *key, bool &flag);
  bool readTokens();
  bool readMergesOrScores();
  bool readUnigram();
  bool findStops();

  const File &file;
  Vocabulary &v;
  std::string &error;
};

// Names of the token that ends a turn, for files with no key for it.
constexpr std::string_view kTurnEnds[] = {"<|eot_id|>", "<|im_end|>", "<|end|>",
                                          "<end_of_turn>", "<|endoftext|>"};
} // namespace

bool Reader::readId(const char *key, int32_t &id) {
  const Value *value = file.find(key);
  if (!value)
    return true;
  auto number = value->integer();
  // Some writers store -1, also as an unsigned number, for "none".
  if (number && (*number == -1 || *number == int64_t{UINT32_MAX}))
    return true;
  if (!number || *number < 0 || *number >= int64_t(v.tokens.size()))
    return mismatch(key,
                    ("an id below " + std::to_string(v.tokens.size())).c_str(),
                    *value);
  id = static_cast<int32_t>(*number);
  return true;
}

bool Reader::readFlag(const char *key, bool &flag) {
  const Value *value = file.find(key);
  if (!value)
    return true;
  auto boolean = value->boolean();
  if (!boolean)
    return mismatch(key, "a bool", *value);
  flag = *boolean;
  return true;
}

bool Reader::readTokens() {
  constexpr const char *tokensKey = "tokenizer.ggml.tokens";
  const Value *tokens = file.find(tokensKey);
  if (!tokens)
    return fail(tokensKey, "is missing");
  auto texts = tokens->strings();
  if (!texts || texts->empty() || texts->size() > 1u << 24)
    return mismatch(tokensKey, "an array of up to 16 million strings", *tokens);
  v.tokens = std::move(*texts);
  v.types.assign(v.tokens.size(), TokenType::Normal);

  constexpr const char *typesKey = "tokenizer.ggml.token_type";
  if (const Value *types = file.find(typesKey)) {
    auto numbers = types->integers();
    if (!numbers || numbers->size() != v.tokens.size())
      return mismatch(typesKey, "an integer for each token", *types);
    for (size_t i = 0; i < numbers->size(); ++i) {
      const int64_t type = (*numbers)[i];
      if (type < int64_t(TokenType::Normal) || type > int64_t(TokenType::Byte))
        return fail(typesKey, "token " + std::to_string(i) +
                                  ": expected a type from 1 to 6, found " +
                                  std::to_string(type));
      v.types[i] = static_cast<TokenType>(type);
    }
  }
  return true;
}

bool Reader::readMergesOrScores() {
  if (!v.byteLevel) {
    constexpr const char *key = "tokenizer.ggml.scores";
    const Value *scores = file.find(key);
    if (!scores)
      return fail(key, "is missing");
    auto numbers = scores->floats();
    if (!numbers || numbers->size() != v.tokens.size())
      return mismatch(key, "an f32 for each token", *scores);
    v.scores = std::move(*numbers);
    for (size_t i = 0; i < v.scores.size(); ++i)
      if (v.scores[i] != v.scores[i])
        return fail(key, "the score of token " + std::to_string(i) +
                             " is not a number");
    return true;
  }
  constexpr const char *key = "tokenizer.ggml.merges";
  const Value *merges = file.find(key);
  if (!merges)
    return fail(key, "is missing");
  auto texts = merges->strings();
  if (!texts)
    return mismatch(key, "an array of strings", *merges);
  v.merges = std::move(*texts);

  constexpr const char *preKey = "tokenizer.ggml.pre";
  std::string_view name = "default";
  if (const Value *pre = file.find(preKey)) {
    auto text = pre->string();
    if (!text)
      return mismatch(preKey, "a string", *pre);
    name = *text;
  }
  v.pre = preTokenizer(name);
  if (!v.pre)
    return fail(preKey,
                "the pre-tokenizer " + quoted(name) + " is not supported");
  return true;
}

/// How a text is prepared for a unigram model.
bool Reader::readUnigram() {
  if (!readFlag("tokenizer.ggml.remove_extra_whitespaces", v.removeExtraSpaces))
    return false;
  constexpr const char *key = "tokenizer.ggml.precompiled_charsmap";
  const Value *map = file.find(key);
  if (!map)
    return true;
  auto bytes = map->integers();
  if (!bytes ||
      (map->element != ValueType::U8 && map->element != ValueType::I8))
    return mismatch(key, "an array of bytes", *map);
  v.charsmap = std::move(*bytes);
  return true;
}

/// eos and the end of a turn, which chat models have beside it.
bool Reader::findStops() {
  auto add = [&](int32_t id) {
    if (id >= 0 &&
        std::find(v.stops.begin(), v.stops.end(), id) == v.stops.end())
      v.stops.push_back(id);
  };
  add(v.eos);
  for (const char *key :
       {"tokenizer.ggml.eot_token_id", "tokenizer.ggml.eom_token_id"}) {
    int32_t id = -1;
    if (!readId(key, id))
      return false;
    add(id);
  }
  for (size_t id = 0; id < v.tokens.size(); ++id)
    if ((v.types[id] == TokenType::Control ||
         v.types[id] == TokenType::UserDefined) &&
        std::ranges::find(kTurnEnds, v.tokens[id]) != std::end(kTurnEnds))
      add(static_cast<int32_t>(id));
  return true;
}

bool Reader::run() {
  constexpr const char *modelKey = "tokenizer.ggml.model";
  const Value *model = file.find(modelKey);
  if (!model)
    return fail(modelKey, "is missing: the file has no tokenizer");
  auto name = model->string();
  if (!name || (*name != "llama" && *name != "gpt2" && *name != "t5"))
    return mismatch(modelKey, "\"llama\", \"gpt2\" or \"t5\"", *model);
  v.byteLevel = *name == "gpt2";
  v.unigram = *name == "t5";
  if (!readTokens() || !readMergesOrScores() || (v.unigram && !readUnigram()))
    return false;

  v.addBos = v.byteLevel ? v.pre->addBos : !v.unigram;
  if (!v.byteLevel && v.tokens.size() > 2) { // The usual ids.
    v.unknown = v.unigram ? 2 : 0;
    v.bos = v.unigram ? -1 : 1;
    v.eos = v.unigram ? 1 : 2;
    v.addEos = v.unigram;
    v.addSpacePrefix = !v.unigram;
  }
  if (!readId("tokenizer.ggml.bos_token_id", v.bos) ||
      !readId("tokenizer.ggml.eos_token_id", v.eos) ||
      !readId("tokenizer.ggml.unknown_token_id", v.unknown) ||
      !readFlag("tokenizer.ggml.add_bos_token", v.addBos) ||
      !readFlag("tokenizer.ggml.add_eos_token", v.addEos) ||
      !readFlag("tokenizer.ggml.add_space_prefix", v.addSpacePrefix))
    return false;
  v.addBos &= v.bos >= 0;
  v.addEos &= v.eos >= 0;
  if (!findStops())
    return false;

  constexpr const char *templateKey = "tokenizer.chat_template";
  if (const Value *value = file.find(templateKey)) {
    v.chatTemplate = value->string();
    if (!v.chatTemplate)
      return mismatch(templateKey, "a string", *value);
  }
  return true;
}

bool hasVocabulary(const File &file) {
  const Value *model = file.find("tokenizer.ggml.model");
  return model && model->string() != "no_vocab" && model->string() != "none";
}

bool readVocabulary(const File &file, Vocabulary &vocabulary,
                    std::string &error) {
  return Reader(file, vocabulary, error).run();
}

} // namespace bitnetc::gguf
