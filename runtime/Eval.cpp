//===- Eval.cpp - How well a model predicts given tokens ------------------===//

#include "runtime/Eval.h"
#include "runtime/PortableMath.h"
#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>

namespace bitnet {

double negativeLogLikelihood(std::span<const float> logits, int32_t id) {
  float best = -HUGE_VALF;
  for (float logit : logits) {
    if (std::isnan(logit))
      return NAN;
    best = std::max(best, logit);
  }
  if (!std::isfinite(best))
    return NAN;
  double sum = 0;
  for (float logit : logits)
    sum += portableExp(static_cast<double>(logit) - best);
  return portableLog(sum) - (static_cast<double>(logits[id]) - best);
}

static uint64_t hashBytes(uint64_t hash, const void *data, size_t size) {
  const auto *bytes = static_cast<const unsigned char *>(data);
  for (size_t i = 0; i < size; ++i)
    hash = (hash ^ bytes[i]) * 1099511628211ull;
  return hash;
}

void compareScreened(std::span<const float> all,
                     std::span<const float> screened, uint32_t count,
                     ScreenResult &result) {
  std::vector<Candidate> best, found;
  bestTokens(all, count, best);
  bestTokens(screened, count, found);
  uint64_t missed = 0;
  for (const Candidate &candidate : best)
    missed += std::none_of(found.begin(), found.end(), [&](const Candidate &c) {
      return c.id == candidate.id;
    });
  ++result.positions;
  result.missedTokens += missed;
  result.missedPositions += missed != 0;
  result.missedBest += best.front().id != found.front().id;
  for (size_t id = 0; id < all.size(); ++id)
    if (screened[id] != -HUGE_VALF) {
      ++result.computed;
      result.wrongLogits += memcmp(&screened[id], &all[id], sizeof(float)) != 0;
    }
}

bool evaluate(Session &session, std::span<const int32_t> ids,
              const EvalOptions &options, EvalResult &result,
              std::string *error) {
  const bitnet_model &model = session.getModel();
  const uint32_t vocab = model.vocab_size;
  std::vector<float> all;
  while (!ids.empty()) {
    auto window =
        ids.first(std::min<size_t>(ids.size(), session.contextLength()));
    ids = ids.subspan(window.size());
    ++result.windows;
    const int32_t sequence = session.createSequence();
    bool good = true;
    for (size_t begin = 0; good && begin < window.size();) {
      auto chunk = window.subspan(
          begin, std::min<size_t>(window.size() - begin, session.maxTokens()));
      good = session.append(sequence, chunk, Session::Want::All, error);
      for (uint32_t row = 0; good && row < chunk.size(); ++row) {
        std::span<const float> logits(session.logits(row), vocab);
        if (begin + row + 1 < window.size()) {
          result.nllSum +=
              negativeLogLikelihood(logits, window[begin + row + 1]);
          ++result.scored;
        }
        if (options.hashLogits)
          result.logitsHash =
              hashBytes(result.logitsHash, logits.data(), logits.size_bytes());
        if (options.top)
          bestTokens(logits, options.top, result.top.emplace_back());
      }
      if (good && options.screenTop) {
        all.assign(session.logits(),
                   session.logits() + chunk.size() * model.logits_stride);
        session.truncate(sequence, static_cast<uint32_t>(begin));
        session.setTopK(options.screenTop);
        good = session.append(sequence, chunk, Session::Want::All, error);
        session.setTopK(0);
        for (uint32_t row = 0; good && row < chunk.size(); ++row)
          compareScreened({all.data() + row * model.logits_stride, vocab},
                          {session.logits(row), vocab}, options.screenTop,
                          result.screen);
      }
      begin += chunk.size();
    }
    session.release(sequence);
    if (!good)
      return false;
    result.positions += window.size();
  }
  return true;
}

bool parseIds(std::string_view text, std::vector<std::vector<int32_t>> &lists,
              std::string *error) {
  size_t at = 0;
  auto problem = [&](const char *expected) {
    *error = "the ids must be a JSON array of whole numbers, or an array of "
             "such arrays: expected " +
             std::string(expected) + " at byte " + std::to_string(at);
    return false;
  };
  auto skipSpace = [&] {
    while (at < text.size() && (text[at] == ' ' || text[at] == '\n' ||
                                text[at] == '\r' || text[at] == '\t'))
      ++at;
  };
  auto accept = [&](char c) {
    skipSpace();
    if (at >= text.size() || text[at] != c)
      return false;
    ++at;
    return true;
  };
  auto parseList = [&](std::vector<int32_t> &list) {
    if (accept(']'))
      return true;
    do {
      skipSpace();
      int32_t id = 0;
      auto [end, failure] =
          std::from_chars(text.data() + at, text.data() + text.size(), id);
      if (failure != std::errc())
        return problem("a number");
      at = static_cast<size_t>(end - text.data());
      list.push_back(id);
    } while (accept(','));
    return accept(']') || problem("',' or ']'");
  };
  if (!accept('['))
    return problem("'['");
  skipSpace();
  if (at < text.size() && text[at] == '[') {
    do {
      if (!accept('['))
        return problem("'['");
      if (!parseList(lists.emplace_back()))
        return false;
    } while (accept(','));
    if (!accept(']'))
      return problem("',' or ']'");
  } else if (!parseList(lists.emplace_back())) {
    return false;
  }
  skipSpace();
  return at == text.size() || problem("the end");
}

} // namespace bitnet
