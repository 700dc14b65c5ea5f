//===- Sampler.cpp - From logits to the next token ------------------------===//

#include "runtime/Sampler.h"
#include "runtime/PortableMath.h"
#include <algorithm>
#include <cmath>
#include <iterator>

namespace bitnet {

static bool penalizesRepetition(const SamplerOptions &options) {
  return options.repeatPenalty != 1.0f && options.repeatLastN != 0;
}

static bool countsTokens(const SamplerOptions &options) {
  return options.presencePenalty != 0.0f || options.frequencyPenalty != 0.0f;
}

uint32_t logitsNeeded(const SamplerOptions &options) {
  // Any logit may come to the top.
  if (penalizesRepetition(options) || countsTokens(options))
    return 0;
  if (!(options.temperature > 0))
    return 1;
  return static_cast<uint32_t>(
      std::clamp<int64_t>(options.topK, 0, UINT32_MAX));
}

static bool isBetter(const Candidate &a, const Candidate &b) {
  return a.logit > b.logit || (a.logit == b.logit && a.id < b.id);
}

void bestTokens(std::span<const float> logits, size_t count,
                std::vector<Candidate> &best) {
  best.clear();
  count = std::min(count, logits.size());
  if (count == 0)
    return;
  // A heap with the worst kept token on top. For the usual small counts nearly
  // every logit is below it, and most blocks are passed over at a glance.
  constexpr size_t kBlock = 32;
  auto add = [&](size_t i) {
    Candidate candidate{static_cast<int32_t>(i),
                        std::isnan(logits[i]) ? -HUGE_VALF : logits[i]};
    if (best.size() < count) {
      best.push_back(candidate);
      if (best.size() == count)
        std::make_heap(best.begin(), best.end(), isBetter);
    } else if (isBetter(candidate, best.front())) {
      std::pop_heap(best.begin(), best.end(), isBetter);
      best.back() = candidate;
      std::push_heap(best.begin(), best.end(), isBetter);
    }
  };
  size_t i = 0;
  while (i < logits.size()) {
    if (best.size() == count && logits.size() - i >= kBlock) {
      // Of equal logits the lower id is better, so only larger ones count.
      const float worst = best.front().logit, *block = logits.data() + i;
      unsigned larger = 0;
      for (size_t j = 0; j < kBlock; ++j)
        larger |= block[j] > worst;
      if (!larger) {
        i += kBlock;
        continue;
      }
    }
    for (const size_t end = std::min(i + kBlock, logits.size()); i < end; ++i)
      add(i);
  }
  std::sort(best.begin(), best.end(), isBetter);
}

double sumOfExponentials(std::span<const float> logits, double best) {
  // In blocks, so that the exponentials are vector code while the order of the
  // additions stays.
  double sum = 0, block[64];
  while (!logits.empty()) {
    const size_t count = std::min(logits.size(), std::size(block));
    for (size_t i = 0; i < count; ++i)
      block[i] = portableExpOfNegative(static_cast<double>(logits[i]) - best);
    for (size_t i = 0; i < count; ++i)
      sum += block[i];
    logits = logits.subspan(count);
  }
  return sum;
}

void Sampler::accept(int32_t id, bool sampled) {
  history.push_back(id);
  if (sampled && countsTokens(options))
    ++counts[id];
}

void Sampler::adjust(std::span<const float> logits) {
  adjusted.assign(logits.begin(), logits.end());
  auto change = [&](int32_t id, auto &&by) {
    if (id >= 0 && static_cast<size_t>(id) < adjusted.size())
      adjusted[id] = by(adjusted[id]);
  };
  for (const LogitBias &entry : bias)
    change(entry.id, [&](float logit) { return logit + entry.bias; });
  if (penalizesRepetition(options)) {
    size_t count = options.repeatLastN < 0
                       ? history.size()
                       : std::min<size_t>(history.size(), options.repeatLastN);
    std::vector<int32_t> recent(history.end() - count, history.end());
    std::sort(recent.begin(), recent.end());
    recent.erase(std::unique(recent.begin(), recent.end()), recent.end());
    for (int32_t id : recent)
      change(id, [&](float logit) {
        return logit <= 0 ? logit * options.repeatPenalty
                          : logit / options.repeatPenalty;
      });
  }
  for (auto [id, count] : counts)
    change(id, [&, count = count](float logit) {
      return logit - options.presencePenalty -
             options.frequencyPenalty * static_cast<float>(count);
    });
}

double Sampler::nextRandom() {
  // SplitMix64 over a counter: the n-th draw depends on seed and n alone.
  uint64_t z = options.seed + 0x9E3779B97F4A7C15ull * ++draws;
  z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9ull;
  z = (z ^ z >> 27) * 0x94D049BB133111EBull;
  z ^= z >> 31;
  return static_cast<double>(z >> 11) * 0x1p-53;
}

double Sampler::computeWeights(double temperature) {
  weights.resize(candidates.size());
  const double best = candidates.front().logit;
  for (size_t i = 0; i < candidates.size(); ++i)
    weights[i] =
        portableExpOfNegative((candidates[i].logit - best) / temperature);
  double sum = 0;
  for (double weight : weights)
    sum += weight;
  return sum;
}

/// Candidates without top-k: the best first, as many as top-p and min-p may
/// leave, since sorting a whole large vocabulary takes longer than all else; in
/// any order if nothing is cut off. `total`: the weight of all at temperature
/// 1, for top-p.
void Sampler::gather(std::span<const float> logits, double *total) {
  bestTokens(logits, 1, candidates);
  if (candidates.empty() || !std::isfinite(candidates.front().logit))
    return;
  const float best = candidates.front().logit;
  if (options.topP < 1.0f)
    *total = sumOfExponentials(logits, best);
  if (options.minP > 0.0f || !(options.topP < 1.0f)) {
    // A little below the exact limit, which is applied to the weights.
    const double floor = options.minP > 0.0f
                             ? best + portableLog(options.minP) - 0.001
                             : -HUGE_VAL;
    for (size_t i = 0; i < logits.size(); ++i)
      if (const auto id = static_cast<int32_t>(i);
          logits[i] >= floor && id != candidates.front().id)
        candidates.push_back({id, logits[i]});
    if (options.minP > 0.0f)
      std::sort(candidates.begin(), candidates.end(), isBetter);
    return;
  }
  for (size_t count = 64;; count *= 8) {
    bestTokens(logits, count, candidates);
    if (count >= logits.size() || computeWeights(1.0) >= options.topP * *total)
      return;
  }
}

int32_t Sampler::sample(std::span<const float> logits) {
  if (!bias.empty() || !counts.empty() || penalizesRepetition(options)) {
    adjust(logits);
    logits = adjusted;
  }
  const bool greedy = !(options.temperature > 0);
  double total = 0;
  if (greedy)
    bestTokens(logits, 1, candidates);
  else if (options.topK > 0)
    bestTokens(logits, static_cast<size_t>(options.topK), candidates);
  else
    gather(logits, &total);
  if (candidates.empty())
    return 0;
  // Infinite or missing logits have no probabilities.
  if (greedy || !std::isfinite(candidates.front().logit))
    return candidates.front().id;

  if (options.topP < 1.0f) {
    const double kept = computeWeights(1.0);
    const double limit = options.topP * (total > 0 ? total : kept);
    double sum = 0;
    size_t count = 0;
    while (count < candidates.size()) {
      sum += weights[count++];
      if (sum >= limit)
        break;
    }
    candidates.resize(count);
  }
  if (options.minP > 0.0f) {
    computeWeights(1.0);
    size_t count = 1;
    while (count < candidates.size() && weights[count] >= options.minP)
      ++count;
    candidates.resize(count);
  }
  const double target = nextRandom() * computeWeights(options.temperature);
  double sum = 0;
  for (size_t i = 0; i < candidates.size(); ++i) {
    sum += weights[i];
    if (target < sum)
      return candidates[i].id;
  }
  return candidates.front().id;
}

} // namespace bitnet
