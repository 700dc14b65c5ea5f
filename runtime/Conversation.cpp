//===- Conversation.cpp - Chat turns over one sequence --------------------===//

#include "runtime/Conversation.h"
#include "runtime/Cli.h"
#include "runtime/Speculation.h"
#include <algorithm>

namespace bitnet {

static chat::Value message(const char *role, const std::string &content) {
  chat::Value made = chat::Value::dict();
  made.set(chat::Value::string("role"), chat::Value::string(role));
  made.set(chat::Value::string("content"), chat::Value::string(content));
  return made;
}

std::unique_ptr<Conversation> Conversation::create(Session &session,
                                                   Tokenizer &tokenizer,
                                                   std::string *error) {
  const bitnet_model &model = session.getModel();
  if (model.chat_template.size == 0) {
    *error = "this model has no chat template, so it cannot chat; 'run' "
             "continues a text";
    return nullptr;
  }
  std::unique_ptr<Conversation> made(new Conversation(session, tokenizer));
  made->chatTemplate = ChatTemplate::open(model.chat_template.data,
                                          model.chat_template.size, error);
  if (!made->chatTemplate)
    return nullptr;
  made->stops.assign(model.eos_tokens, model.eos_tokens + model.num_eos_tokens);
  made->findTurnEnd();
  made->sequence = session.createSequence();
  return made;
}

void Conversation::reset(const std::string &system) {
  messages.clear();
  if (!system.empty())
    messages.push_back(message("system", system));
}

bool Conversation::renderPrompt(const chat::Value &turns, bool forAnswer,
                                std::string &text, std::string *error) const {
  const bitnet_model &model = session.getModel();
  chat::Value variables = chat::Value::dict();
  auto set = [&](const char *name, chat::Value value) {
    variables.set(chat::Value::string(name), std::move(value));
  };
  set("messages", turns);
  set("add_generation_prompt", chat::Value::boolean(forAnswer));
  // As transformers: a token that the model lacks is not defined.
  auto setToken = [&](const char *name, int32_t id) {
    if (id >= 0)
      set(name,
          chat::Value::string(std::string(tokenizer.blob().tokenText(id))));
  };
  setToken("bos_token", model.bos_token);
  setToken("eos_token", model.num_eos_tokens ? model.eos_tokens[0] : -1);
  return chatTemplate->render(variables, {}, text, error);
}

bool Conversation::encode(const std::string &prompt, std::vector<int32_t> &ids,
                          std::string *error) {
  std::vector<int32_t> body;
  if (!tokenizer.encode(prompt, {.addTemplate = false}, body, error))
    return false;
  // Most templates write the first tokens themselves.
  ids = promptPrefix(session.getModel(), tokenizer);
  if (ids.size() <= body.size() &&
      std::equal(ids.begin(), ids.end(), body.begin()))
    ids.clear();
  ids.insert(ids.end(), body.begin(), body.end());
  return true;
}

/// Some models name only the end of a text as eos, while an answer ends with a
/// token of the template, such as <|im_end|>.
void Conversation::findTurnEnd() {
  static const std::string mark = "qzAnswerqz";
  const chat::Value turns =
      chat::Value::list({message("user", "a"), message("assistant", mark)});
  std::string text, ignored;
  if (!renderPrompt(turns, false, text, &ignored))
    return;
  const size_t place = text.rfind(mark);
  std::vector<int32_t> ids;
  if (place == std::string::npos ||
      !tokenizer.encode(text.substr(place + mark.size()),
                        {.addTemplate = false}, ids, &ignored))
    return;
  if (!ids.empty() &&
      tokenizer.blob().tokenKind(ids[0]) == BITNET_TOKEN_SPECIAL &&
      std::find(stops.begin(), stops.end(), ids[0]) == stops.end())
    stops.push_back(ids[0]);
}

bool Conversation::answer(const std::string &text,
                          const SamplerOptions &sampling, uint64_t maxTokens,
                          const std::function<bool(std::string_view)> &show,
                          TurnStatistics &statistics, std::string *error) {
  std::vector<chat::Value> turns = messages;
  turns.push_back(message("user", text));
  std::string prompt, reply;
  std::vector<int32_t> ids;
  if (!renderPrompt(chat::Value::list(turns), true, prompt, error) ||
      !encode(prompt, ids, error))
    return false;
  if (ids.empty()) {
    *error = "the template makes an empty prompt of this conversation";
    return false;
  }
  if (ids.size() >= session.contextLength()) {
    *error = "the conversation has " + std::to_string(ids.size()) +
             " tokens and does not fit into the context of " +
             std::to_string(session.contextLength());
    return false;
  }

  // At least one token must be computed: the answer starts from its logits.
  size_t shared = 0;
  while (shared < cached.size() && shared + 1 < ids.size() &&
         cached[shared] == ids[shared])
    ++shared;
  session.setTopK(logitsNeeded(sampling));
  session.truncate(sequence, static_cast<uint32_t>(shared));
  cached.resize(shared);
  statistics.promptTokens = ids.size();
  statistics.cachedTokens = shared;
  const double start = now();
  bool stopped = false;
  const bool fed = session.append(sequence, std::span(ids).subspan(shared),
                                  Session::Want::Last, error, [&](uint32_t) {
                                    stopped = !show("");
                                    return !stopped;
                                  });
  cached.assign(ids.begin(), ids.begin() + session.length(sequence));
  statistics.promptSeconds = now() - start;
  if (stopped) {
    statistics.stopped = "interrupted";
    return true;
  }
  if (!fed || !generate(sampling, maxTokens, show, reply, statistics, error))
    return false;
  turns.push_back(message("assistant", reply));
  messages = std::move(turns);
  return true;
}

bool Conversation::generate(const SamplerOptions &sampling, uint64_t maxTokens,
                            const std::function<bool(std::string_view)> &show,
                            std::string &reply, TurnStatistics &statistics,
                            std::string *error) {
  Sampler sampler(sampling);
  for (int32_t id : cached)
    sampler.accept(id);
  SpeculativeDecoder sequenceEnd(session, sequence, cached, lookup);
  StreamDecoder decoder(tokenizer, /*atStart=*/true, /*skipSpecial=*/true);
  const double start = now();
  auto give = [&](const std::string &text) {
    reply += text;
    return show(text);
  };
  while (statistics.generated < maxTokens) {
    const int32_t id = sampler.sample(sequenceEnd.logits());
    if (std::find(stops.begin(), stops.end(), id) != stops.end()) {
      statistics.stopped = "end of turn";
      break;
    }
    ++statistics.generated;
    sampler.accept(id);
    if (!give(decoder.push(id))) {
      statistics.stopped = "interrupted";
      break;
    }
    if (sequenceEnd.length() == session.contextLength()) {
      statistics.stopped = "context full";
      break;
    }
    if (!sequenceEnd.push(id, error))
      return false;
    cached.push_back(id);
  }
  give(decoder.finish());
  statistics.generateSeconds = now() - start;
  return true;
}

} // namespace bitnet
