//===- StepTimes.cpp - How much of a prompt fits beside answers -----------===//

#include "runtime/server/StepTimes.h"
#include <algorithm>

namespace bitnet::server {

/// A mean of the last steps. One that was disturbed by other processes changes
/// it by at most half.
static void follow(double &mean, double value) {
  mean = mean == 0 ? value : mean + 0.25 * (std::min(value, 3 * mean) - mean);
}

/// The next larger number of tokens worth trying.
static uint32_t nextSize(uint32_t tokens) {
  return tokens + std::max(1u, tokens / 16);
}

void StepTimes::add(uint32_t answers, uint32_t prompt, double seconds) {
  if (answers == 0)
    return;
  if (prompt == 0) {
    mixedSteps = 0;
    return follow(alone[answers], seconds);
  }
  ++mixedSteps;
  // Those not seen for long are forgotten slowly, so that a size that was slow
  // once is tried again.
  for (auto &[size, mean] : mixed)
    mean *= 0.999;
  follow(mixed[answers + prompt], seconds);
}

uint32_t StepTimes::promptBeside(uint32_t answers) const {
  constexpr double kLimit =
      1.8; // In steps without a prompt; below 2 for noise.
  constexpr uint32_t kMost = 4096, kMixedSteps = 64;
  const auto without = alone.find(answers);
  if (without == alone.end() || mixedSteps >= kMixedSteps)
    return 0;
  const double limit = kLimit * without->second;
  uint32_t best = answers;
  double bestTime = 0;
  for (uint32_t size = answers + 1; size <= kMost; size = nextSize(size)) {
    const auto known = mixed.find(size);
    if (known == mixed.end()) {
      // Less than two steps if it is no more than proportional to the last one,
      // so worth a try.
      if (bestTime * size <= 2 * without->second * best)
        return size - answers;
      break;
    }
    if (known->second <= limit) {
      best = size;
      bestTime = known->second;
    } else if (size > best + best / 4 + 2) {
      break;
    }
  }
  return std::max(best - answers, 1u);
}

} // namespace bitnet::server
