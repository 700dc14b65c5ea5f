//===- Conversation.cpp - Chat turns over one sequence --------------------===//

#include "runtime/Conversation.h"
#include "runtime/Cli.h"
#include "runtime/Speculation.h"
#include <algorithm>

namespace bitnet {

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
  made->prompts = ChatPrompt::create(model, tokenizer, error);
  if (!made->prompts)
    return nullptr;
  made->sequence = session.createSequence();
  return made;
}

void Conversation::reset(const std::string &system) {
  messages.clear();
  if (!system.empty())
    messages.push_back(chatMessage("system", system));
}

bool Conversation::answer(const std::string &text,
                          const SamplerOptions &sampling, uint64_t maxTokens,
                          const std::function<bool(std::string_view)> &show,
                          TurnStatistics &statistics, std::string *error) {
  std::vector<chat::Value> turns = messages;
  turns.push_back(chatMessage("user", text));
  std::string prompt, reply;
  std::vector<int32_t> ids;
  if (!prompts->render(chat::Value::list(turns), true, nullptr, prompt,
                       error) ||
      !prompts->encode(tokenizer, prompt, ids, error))
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
  turns.push_back(chatMessage("assistant", reply));
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
  const std::vector<int32_t> &stops = stopTokens();
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
