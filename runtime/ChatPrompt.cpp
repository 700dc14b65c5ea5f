//===- ChatPrompt.cpp - Messages to the tokens of a prompt ----------------===//

#include "runtime/ChatPrompt.h"
#include "runtime/Cli.h"
#include <algorithm>

namespace bitnet {

chat::Value chatMessage(std::string_view role, const std::string &content) {
  chat::Value made = chat::Value::dict();
  made.set(chat::Value::string("role"), chat::Value::string(std::string(role)));
  made.set(chat::Value::string("content"), chat::Value::string(content));
  return made;
}

std::unique_ptr<ChatPrompt> ChatPrompt::create(const bitnet_model &model,
                                               Tokenizer &tokenizer,
                                               std::string *error) {
  if (model.chat_template.size == 0) {
    *error = "this model has no chat template, so it cannot chat";
    return nullptr;
  }
  std::unique_ptr<ChatPrompt> made(new ChatPrompt(model, tokenizer.blob()));
  made->chatTemplate = ChatTemplate::open(model.chat_template.data,
                                          model.chat_template.size, error);
  if (!made->chatTemplate)
    return nullptr;
  made->stops.assign(model.eos_tokens, model.eos_tokens + model.num_eos_tokens);
  made->findTurnEnd(tokenizer);
  return made;
}

bool ChatPrompt::render(const chat::Value &messages, bool forAnswer,
                        const chat::Value *extra, std::string &text,
                        std::string *error) const {
  chat::Value variables = chat::Value::dict();
  auto set = [&](const char *name, chat::Value value) {
    variables.set(chat::Value::string(name), std::move(value));
  };
  if (extra)
    for (size_t i = 0; i < extra->items().size(); ++i)
      variables.set(extra->items()[i], extra->object().values[i]);
  set("messages", messages);
  set("add_generation_prompt", chat::Value::boolean(forAnswer));
  // As transformers: a token that the model lacks is not defined.
  auto setToken = [&](const char *name, int32_t id) {
    if (id >= 0)
      set(name, chat::Value::string(std::string(tokens.tokenText(id))));
  };
  setToken("bos_token", model.bos_token);
  setToken("eos_token", model.num_eos_tokens ? model.eos_tokens[0] : -1);
  return chatTemplate->render(variables, {}, text, error);
}

bool ChatPrompt::encode(Tokenizer &tokenizer, const std::string &prompt,
                        std::vector<int32_t> &ids, std::string *error) const {
  std::vector<int32_t> body;
  if (!tokenizer.encode(prompt, {.addTemplate = false}, body, error))
    return false;
  // Most templates write the first tokens themselves.
  ids = promptPrefix(model, tokenizer);
  if (ids.size() <= body.size() &&
      std::equal(ids.begin(), ids.end(), body.begin()))
    ids.clear();
  ids.insert(ids.end(), body.begin(), body.end());
  return true;
}

/// Some models name only the end of a text as eos, while an answer ends with a
/// token of the template, such as <|im_end|>.
void ChatPrompt::findTurnEnd(Tokenizer &tokenizer) {
  static const std::string mark = "qzAnswerqz";
  const chat::Value turns = chat::Value::list(
      {chatMessage("user", "a"), chatMessage("assistant", mark)});
  std::string text, ignored;
  if (!render(turns, false, nullptr, text, &ignored))
    return;
  const size_t place = text.rfind(mark);
  std::vector<int32_t> ids;
  if (place == std::string::npos ||
      !tokenizer.encode(text.substr(place + mark.size()),
                        {.addTemplate = false}, ids, &ignored))
    return;
  if (!ids.empty() && tokens.tokenKind(ids[0]) == BITNET_TOKEN_SPECIAL &&
      std::find(stops.begin(), stops.end(), ids[0]) == stops.end())
    stops.push_back(ids[0]);
}

bool ChatPrompt::mentions(std::string_view word) const {
  const std::string_view bytes(
      reinterpret_cast<const char *>(model.chat_template.data),
      model.chat_template.size);
  return bytes.find(word) != bytes.npos;
}

} // namespace bitnet
