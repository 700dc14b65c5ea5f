//===- Sampler.h - From logits to the next token ----------------*- C++ -*-===//
//
// The usual chain in llama.cpp's order and meaning: logit bias, repetition
// penalty, OpenAI's penalties, top-k, top-p, min-p, temperature, draw. The same
// seed draws the same tokens on every machine: own random numbers, own exp,
// ties by id.
//
//===----------------------------------------------------------------------===//
#ifndef BITNET_RUNTIME_SAMPLER_H
#define BITNET_RUNTIME_SAMPLER_H

#include <cstdint>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

namespace bitnet {

struct SamplerOptions {
  float temperature = 0.8f; ///< 0 or less: always the best token.
  int64_t topK = 40;        ///< 0 or less: all.
  float topP = 0.95f;       ///< 1: all.
  float minP = 0.05f;       ///< 0: all.
  float repeatPenalty = 1.0f;
  int64_t repeatLastN = 64; ///< 0: none, -1: all tokens so far.
  /// Taken off a logit once, and as often as its token was sampled before, as
  /// OpenAI's interface says; the prompt does not count.
  float presencePenalty = 0.0f, frequencyPenalty = 0.0f;
  uint64_t seed = 0;
};

/// Added to a logit before everything else.
struct LogitBias {
  int32_t id;
  float bias;
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

/// Sum of e^(logit - best), where no logit is larger than `best`.
double sumOfExponentials(std::span<const float> logits, double best);

class Sampler {
public:
  explicit Sampler(const SamplerOptions &options,
                   std::vector<LogitBias> bias = {})
      : options(options), bias(std::move(bias)) {}

  /// A token that is now part of the text: of the prompt, or `sampled`.
  void accept(int32_t id, bool sampled = true);
  int32_t sample(std::span<const float> logits);
  /// As logitsNeeded of the options, with the bias.
  uint32_t needed() const { return bias.empty() ? logitsNeeded(options) : 0; }

private:
  void adjust(std::span<const float> logits);
  void gather(std::span<const float> logits, double *total);
  double computeWeights(double temperature);
  double nextRandom();

  SamplerOptions options;
  std::vector<LogitBias> bias;
  uint64_t draws = 0;
  std::vector<int32_t> history;
  std::unordered_map<int32_t, uint32_t> counts; ///< Of sampled tokens.
  std::vector<float> adjusted;
  std::vector<Candidate> candidates;
  std::vector<double> weights;
};

} // namespace bitnet

#endif // BITNET_RUNTIME_SAMPLER_H
