//===- Eval.h - How well a model predicts given tokens ----------*- C++ -*-===//
//
// The tool of every comparison with a reference: mean negative log-likelihood,
// a hash over all logits and the best tokens at each position. Results do not
// depend on threads or on the tokens per step.
//
//===----------------------------------------------------------------------===//
#ifndef BITNET_RUNTIME_EVAL_H
#define BITNET_RUNTIME_EVAL_H

#include "runtime/Sampler.h"
#include "runtime/Session.h"
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace bitnet {

/// -log of the probability that softmax(logits) gives to `id`.
double negativeLogLikelihood(std::span<const float> logits, int32_t id);

struct EvalOptions {
  bool hashLogits = false;
  size_t top = 0; ///< Best tokens to keep per position.
  /// Best tokens to find a second time with a screened head; 0: none.
  uint32_t screenTop = 0;
};

/// What a screened head found, compared with all logits.
struct ScreenResult {
  uint64_t positions = 0;
  uint64_t missedBest = 0;      ///< Positions whose best token was missed.
  uint64_t missedPositions = 0; ///< Positions with any of the best missed.
  uint64_t missedTokens = 0;
  uint64_t wrongLogits = 0; ///< Computed, but not the same to the bit.
  uint64_t computed = 0;    ///< Logits that were computed.
};

/// Adds a row to `result`: the best `count` of all logits against those of
/// `screened`, of which others may be -infinity.
void compareScreened(std::span<const float> all,
                     std::span<const float> screened, uint32_t count,
                     ScreenResult &result);

struct EvalResult {
  uint64_t positions = 0; ///< Tokens fed.
  uint64_t scored = 0;    ///< Tokens predicted: all but the first of a window.
  uint64_t windows = 0;
  double nllSum = 0;
  /// FNV-1a over the bytes of all logits in position order.
  uint64_t logitsHash = 14695981039346656037ull;
  std::vector<std::vector<Candidate>> top; ///< By position.
  ScreenResult screen;

  double meanNll() const {
    return scored ? nllSum / static_cast<double>(scored) : 0;
  }
};

/// Scores one text and adds to `result`. A text longer than the context is cut
/// into windows of the context's length, each scored on its own.
bool evaluate(Session &session, std::span<const int32_t> ids,
              const EvalOptions &options, EvalResult &result,
              std::string *error);

/// Reads `[1, 2, 3]` or `[[1, 2], [3]]`.
bool parseIds(std::string_view text, std::vector<std::vector<int32_t>> &lists,
              std::string *error);

} // namespace bitnet

#endif // BITNET_RUNTIME_EVAL_H
