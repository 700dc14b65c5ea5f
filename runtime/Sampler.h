//===- Sampler.h - From logits to the next token ----------------*- C++ -*-===//
//
// The usual chain in llama.cpp's order and meaning: repetition penalty, top-k,
// top-p, min-p, temperature, draw. The same seed draws the same tokens on every
// machine: own random numbers, own exp, ties by id.
//
//===----------------------------------------------------------------------===//
#ifndef BITNET_RUNTIME_SAMPLER_H
#define BITNET_RUNTIME_SAMPLER_H

#include <cstdint>
#include <span>
#include <vector>

namespace bitnet {

struct SamplerOptions {
  float temperature = 0.8f; ///< 0 or less: always the best token.
  int64_t topK = 40;        ///< 0 or less: all.
  float topP = 0.95f;       ///< 1: all.
  float minP = 0.05f;       ///< 0: all.
  float repeatPenalty = 1.0f;
  int64_t repeatLastN = 64; ///< 0: none, -1: all tokens so far.
  uint64_t seed = 0;
};

/// How many of the best logits sampling looks at; 0 if it may look at any.
uint32_t logitsNeeded(const SamplerOptions &options);

/// A token with its logit.
struct Candidate {
  int32_t id;
  float logit;
};

/// The `count` best tokens, best first, ties to the lower id. NaN is worse than
/// everything.
void bestTokens(std::span<const float> logits, size_t count,
                std::vector<Candidate> &best);

class Sampler {
public:
  explicit Sampler(const SamplerOptions &options) : options(options) {}

  /// A token that is now part of the text: prompt and sampled ones alike.
  void accept(int32_t id);
  int32_t sample(std::span<const float> logits);

private:
  void penalize(std::span<const float> logits);
  double nextRandom();

  SamplerOptions options;
  uint64_t draws = 0;
  std::vector<int32_t> history;
  std::vector<float> penalized;
  std::vector<Candidate> candidates;
  std::vector<double> weights;
};

} // namespace bitnet

#endif // BITNET_RUNTIME_SAMPLER_H
