//===- StepTimes.cpp - How much of a prompt fits beside answers -----------===//

#include "runtime/server/StepTimes.h"
#include <algorithm>
#include <bit>

namespace bitnet::server {

// One step that was disturbed by other processes changes a mean by at most half
// of it.
static void follow(double &mean, double value) {
  mean = mean == 0 ? value
                   : mean + 0.25 * (std::clamp(value, 0.0, 3 * mean) - mean);
}

void StepTimes::add(uint32_t answers, uint32_t prompt, double seconds) {
  if (prompt == 0) {
    follow(alone[std::bit_width(answers)], seconds);
    return;
  }
  const double extra = seconds - answersAlone(answers);
  if (extra > 0)
    follow(perToken, extra / prompt);
}

double StepTimes::answersAlone(uint32_t answers) const {
  if (answers == 0)
    return 0;
  // The nearest number that was measured; of fewer, for the careful side.
  const int bits = std::bit_width(answers);
  for (int b = bits; b > 0; --b)
    if (alone[b] != 0)
      return alone[b];
  for (int b = bits + 1; b <= 32; ++b)
    if (alone[b] != 0)
      return alone[b];
  return 0;
}

uint32_t StepTimes::promptBeside(uint32_t answers) const {
  // Small enough for any machine until there are measurements.
  constexpr uint32_t kFirst = 4;
  constexpr double kShare = 0.7; // Of the second step; the rest is for noise.
  const double room = kShare * answersAlone(answers);
  if (room == 0 || perToken == 0)
    return kFirst;
  return static_cast<uint32_t>(std::clamp(room / perToken, 1.0, 65536.0));
}

} // namespace bitnet::server
