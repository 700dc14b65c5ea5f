//===- StepTimes.cpp - How much of a prompt fits beside answers -----------===//

#include "runtime/server/StepTimes.h"
#include <algorithm>
#include <cmath>

namespace bitnet::server {

/// In steps without a prompt; below 2 for noise.
static constexpr double kLimit = 1.8;

/// The next larger number of tokens worth trying.
static uint32_t nextSize(uint32_t tokens) {
  return tokens + std::max(1u, tokens / 16);
}

double StepTimes::expected(const Mean &mean, double positions) const {
  const double slope = variance > 0 ? std::max(covariance / variance, 0.0) : 0;
  // Far from what was measured a wrong slope must not promise everything.
  return std::max(mean.seconds + slope * (positions - mean.positions),
                  mean.seconds / 2);
}

/// A mean of the last steps. One that was disturbed by other processes counts
/// as `most` times what was expected.
void StepTimes::follow(Mean &mean, double positions, double seconds,
                       double most) {
  constexpr double kRate = 0.125, kForget = 0.998;
  if (mean.seconds == 0) {
    mean = {seconds, positions};
    return;
  }
  seconds = std::min(seconds, most * expected(mean, positions));
  const double dx = positions - mean.positions, dy = seconds - mean.seconds;
  covariance = kForget * covariance + dx * dy;
  variance = kForget * variance + dx * dx;
  mean.seconds += kRate * dy;
  mean.positions += kRate * dx;
}

void StepTimes::add(const StepTokens &answers, const StepTokens &prompt,
                    double seconds) {
  if (answers.count == 0)
    return;
  if (prompt.count == 0) {
    mixedSteps = 0;
    follow(alone[answers.count], answers.positions, seconds, 3);
    return;
  }
  ++mixedSteps;
  ++patience;
  Mean &mean = mixed[answers.count + prompt.count];
  const double positions = answers.positions + prompt.positions;
  if (const auto without = alone.find(answers.count); without != alone.end()) {
    const double limit = kLimit * expected(without->second, answers.positions);
    if (expected(mean, positions) > limit && seconds > limit)
      patience = 0;
  }
  follow(mean, positions, seconds, 1.5);
}

uint32_t StepTimes::promptBeside(const StepTokens &answers,
                                 uint32_t position) const {
  constexpr uint32_t kMost = 4096, kMixedSteps = 64;
  constexpr double kOptimism = 0.9995;
  const auto without = alone.find(answers.count);
  if (without == alone.end() || mixedSteps >= kMixedSteps)
    return 0;
  const double step = expected(without->second, answers.positions);
  // Sizes that were slow once are tried again, at first those that were nearly
  // fast enough.
  const double limit = kLimit * step / std::pow(kOptimism, patience);
  uint32_t best = answers.count;
  double bestTime = 0;
  for (uint32_t size = best + 1; size <= kMost; size = nextSize(size)) {
    StepTokens all = answers;
    all.add(position, size - answers.count);
    const auto known = mixed.find(size);
    if (known == mixed.end()) {
      // Less than two steps if it is no more than proportional to the last one,
      // so worth a try.
      if (bestTime * size <= 2 * step * best)
        return size - answers.count;
      break;
    }
    const double time = expected(known->second, all.positions);
    if (time <= limit) {
      best = size;
      bestTime = time;
    } else if (size > best + best / 4 + 2) {
      break;
    }
  }
  return std::max(best - answers.count, 1u);
}

} // namespace bitnet::server
