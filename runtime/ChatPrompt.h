//===- ChatPrompt.h - Messages to the tokens of a prompt --------*- C++ -*-===//
//
// The chat template with what it sees besides the messages, the tokens before
// a prompt, and the tokens that end an answer. Many threads may use one.
//
//===----------------------------------------------------------------------===//
#ifndef BITNET_RUNTIME_CHATPROMPT_H
#define BITNET_RUNTIME_CHATPROMPT_H

#include "runtime/TemplateRenderer.h"
#include "runtime/Tokenizer.h"
#include "runtime/abi/bitnet_abi.h"

namespace bitnet {

class ChatPrompt {
public:
  /// Both must outlive it; `tokenizer` is used only here. Null and one sentence
  /// in `error` if the model has no usable template.
  static std::unique_ptr<ChatPrompt>
  create(const bitnet_model &model, Tokenizer &tokenizer, std::string *error);

  /// `extra`: variables of the template besides, such as tools.
  bool render(const chat::Value &messages, bool forAnswer,
              const chat::Value *extra, std::string &text,
              std::string *error) const;
  bool encode(Tokenizer &tokenizer, const std::string &prompt,
              std::vector<int32_t> &ids, std::string *error) const;

  /// Tokens that end an answer: those of the model, and what the template
  /// writes after one.
  const std::vector<int32_t> &stopTokens() const { return stops; }
  /// Whether the template's source has `word` as a name or in a text.
  bool mentions(std::string_view word) const;

private:
  ChatPrompt(const bitnet_model &model, const TokenizerBlob &tokens)
      : model(model), tokens(tokens) {}
  void findTurnEnd(Tokenizer &tokenizer);

  const bitnet_model &model;
  const TokenizerBlob &tokens;
  std::unique_ptr<ChatTemplate> chatTemplate;
  std::vector<int32_t> stops;
};

/// {"role": role, "content": content}
chat::Value chatMessage(std::string_view role, const std::string &content);

} // namespace bitnet

#endif // BITNET_RUNTIME_CHATPROMPT_H
