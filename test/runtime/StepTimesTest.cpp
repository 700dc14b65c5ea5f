#include "runtime/server/StepTimes.h"
#include <gtest/gtest.h>

using bitnet::server::StepTimes;

namespace {
/// A machine whose kernels take `stair` tokens at once.
struct Machine {
  double fixed, perStair;
  uint32_t stair;
  double seconds(uint32_t tokens) const {
    return fixed + perStair * ((tokens + stair - 1) / stair);
  }
};
} // namespace

/// Tokens beside `answers` once it has learnt.
static uint32_t settle(const Machine &machine, uint32_t answers,
                       unsigned *slow = nullptr) {
  StepTimes times;
  uint32_t prompt = 0;
  for (int i = 0; i < 200; ++i) {
    prompt = times.promptBeside(answers);
    EXPECT_EQ(prompt == 0, i == 0 || i % 65 == 0) << i;
    const double seconds = machine.seconds(answers + prompt);
    times.add(answers, prompt, seconds);
    if (slow)
      *slow += seconds > 2 * machine.seconds(answers);
  }
  return prompt;
}

TEST(StepTimes, FillsTwoSteps) {
  // A try of a larger size may now and then be a little too slow.
  unsigned slow = 0;
  // Bound by memory: many tokens more cost little. 1.8 steps are the aim.
  const uint32_t many = settle({20, 1, 4}, 1, &slow);
  EXPECT_GE(many, 50u);
  EXPECT_LE(many, 80u);
  // Every token costs.
  EXPECT_EQ(settle({10, 5, 1}, 4, &slow), 4u); // 50 of 54
  EXPECT_EQ(settle({1, 7, 1}, 8, &slow), 6u);  // 99 of 102.6
  EXPECT_LE(slow, 6u);                         // Of 600.
  // Whole stairs.
  EXPECT_EQ(settle({10, 10, 4}, 4), 4u);
  EXPECT_EQ(settle({5, 16, 8}, 8), 8u);
  // Nothing fits below two steps.
  EXPECT_EQ(settle({0, 10, 1}, 1), 1u);
}

TEST(StepTimes, ForgetsADisturbance) {
  StepTimes times;
  EXPECT_EQ(times.promptBeside(4), 0u);
  const Machine machine{20, 1, 4};
  times.add(4, 0, machine.seconds(4));
  EXPECT_EQ(times.promptBeside(4), 1u);
  times.add(4, 1, 10 * machine.seconds(8));
  EXPECT_EQ(times.promptBeside(5), 0u);
  for (int i = 0; i < 3000; ++i) {
    const uint32_t prompt = times.promptBeside(4);
    times.add(4, prompt, machine.seconds(4 + prompt));
  }
  EXPECT_GT(times.promptBeside(4), 40u);
}
