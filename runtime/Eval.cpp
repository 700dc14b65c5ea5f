//===- Eval.cpp - How well a model predicts given tokens ------------------===//

#include "runtime/Eval.h"
#include "runtime/PortableMath.h"
#include <algorithm>
#include <charconv>
#include <cmath>

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

bool evaluate(Session &session, std::span<const int32_t> ids,
              const EvalOptions &options, EvalResult &result,
              std::string *error) {
  const uint32_t vocab = session.getModel().vocab_size;
  while (!ids.empty()) {
    auto window =
        ids.first(std::min<size_t>(ids.size(), session.contextLength()));
    ids = ids.subspan(window.size());
    ++result.windows;
    const int32_t sequence = session.createSequence();
    size_t position = 0;
    bool good = session.append(
        sequence, window, Session::Want::All, error, [&](uint32_t tokens) {
          for (uint32_t row = 0; row < tokens; ++row, ++position) {
            std::span<const float> logits(session.logits(row), vocab);
            if (position + 1 < window.size()) {
              result.nllSum +=
                  negativeLogLikelihood(logits, window[position + 1]);
              ++result.scored;
            }
            if (options.hashLogits)
              result.logitsHash = hashBytes(result.logitsHash, logits.data(),
                                            logits.size_bytes());
            if (options.top)
              bestTokens(logits, options.top, result.top.emplace_back());
          }
          return true;
        });
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
