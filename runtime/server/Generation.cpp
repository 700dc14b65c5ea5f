//===- Generation.cpp - A request on its way ------------------------------===//

#include "runtime/server/Generation.h"
#include "runtime/Cli.h"
#include "runtime/PortableMath.h"
#include <algorithm>
#include <cmath>
#include <limits>

namespace bitnet::server {

Generation::Generation(uint64_t id, Request given,
                       std::shared_ptr<Listener> listener,
                       const bitnet_model &model, const Tokenizer &tokenizer,
                       uint32_t contextLength)
    : id(id), listener(std::move(listener)), request(std::move(given)),
      text(request.prompt), sampler(request.sampling, request.logitBias),
      decoder(tokenizer, request.atStart, request.skipSpecial),
      stops(request.stop) {
  // A constrained text needs a way to end.
  if (!request.ignoreEos || request.constraint)
    endTokens.assign(model.eos_tokens, model.eos_tokens + model.num_eos_tokens);
  endTokens.insert(endTokens.end(), request.stopTokens.begin(),
                   request.stopTokens.end());
  limit = contextLength - size();
  if (request.maxTokens)
    limit = std::min(limit, request.maxTokens);
  for (int32_t token : text)
    sampler.accept(token, /*sampled=*/false);
  event.promptTokens = size();
  if (request.promptLogprobs) {
    promptLogprobs.resize(size());
    promptLogprobs[0] = {text[0], std::numeric_limits<float>::quiet_NaN(), {}};
  }
}

uint32_t Generation::logitsNeeded() const {
  return request.constraint || request.promptLogprobs ||
                 request.topLogprobs >= 0
             ? 0
             : sampler.needed();
}

TokenLogprob Generation::logprobOf(int32_t id,
                                   std::span<const float> logits) const {
  const auto count = static_cast<size_t>(std::max(request.topLogprobs, 0));
  TokenLogprob made;
  bestTokens(logits, count + 1, made.best);
  const double best = made.best.front().logit;
  const double base = best + portableLog(sumOfExponentials(logits, best));
  made.id = id;
  made.logprob = static_cast<float>(logits[static_cast<size_t>(id)] - base);
  made.best.resize(std::min(made.best.size(), count));
  for (Candidate &candidate : made.best)
    candidate.logit = static_cast<float>(candidate.logit - base);
  return made;
}

void Generation::score(uint32_t index, std::span<const float> logits) {
  promptLogprobs[index + 1] = logprobOf(request.prompt[index + 1], logits);
}

void Generation::sample(std::span<const float> logits) {
  std::span<const float> from = logits;
  if (request.constraint) {
    masked.assign(logits.begin(), logits.end());
    if (!request.constraint->mask(masked, endTokens)) {
      chosen = -1;
      return;
    }
    from = masked;
  }
  chosen = sampler.sample(from);
  if (request.topLogprobs >= 0)
    logprob = logprobOf(chosen, logits);
}

bool Generation::take() {
  if (answering == 0) {
    answering = now();
    event.promptLogprobs = std::move(promptLogprobs);
  }
  if (request.onlyPrompt) {
    finish(Finish::Length);
    return false;
  }
  if (chosen < 0) {
    if (request.constraint->isComplete())
      finish(Finish::Stop);
    else
      end(Finish::Error, "no token of the model fits the constraint here");
    return false;
  }
  // Only with logits that are no numbers.
  if (request.constraint && !std::isfinite(masked[chosen])) {
    end(Finish::Error, "the model has no logits for what the constraint "
                       "allows");
    return false;
  }
  ++event.generatedTokens;
  if (std::find(endTokens.begin(), endTokens.end(), chosen) !=
      endTokens.end()) {
    finish(Finish::Stop);
    return false;
  }
  text.push_back(chosen);
  sampler.accept(chosen);
  if (request.constraint)
    request.constraint->accept(chosen);
  event.tokens.push_back(chosen);
  if (request.topLogprobs >= 0)
    event.logprobs.push_back(std::move(logprob));
  event.text += stops.push(decoder.push(chosen));
  if (stops.found())
    finish(Finish::Stop);
  else if (event.generatedTokens >= limit)
    finish(Finish::Length);
  return event.finish == Finish::None;
}

void Generation::finish(Finish how) {
  // A half character may complete a stop text only as U+FFFD.
  event.text += stops.push(decoder.finish());
  if (stops.found()) {
    event.stopText = *stops.found();
    how = Finish::Stop;
  }
  event.text += stops.finish();
  end(how);
}

bool Generation::begin() {
  if (begun != 0)
    return false;
  begun = now();
  return true;
}

uint32_t Generation::share(uint32_t count) {
  const uint32_t before = std::max(reached, computed);
  advance(count);
  const uint32_t saved = reached - before;
  event.cachedTokens += saved;
  return saved;
}

void Generation::end(Finish how, std::string error) {
  event.finish = how;
  event.error = std::move(error);
}

bool Generation::hasNews() const {
  return event.finish != Finish::None || !event.tokens.empty();
}

Event Generation::takeEvent() {
  const double time = now();
  if (begun != 0)
    event.promptSeconds = (answering != 0 ? answering : time) - begun;
  if (answering != 0)
    event.generateSeconds = time - answering;
  Event out = event;
  event.text.clear();
  event.tokens.clear();
  event.logprobs.clear();
  event.promptLogprobs.clear();
  return out;
}

} // namespace bitnet::server
