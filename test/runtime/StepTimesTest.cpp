#include "runtime/server/StepTimes.h"
#include <gtest/gtest.h>
#include <random>

using bitnet::server::StepTimes;
using bitnet::server::StepTokens;

namespace {
/// A machine whose kernels take `stair` tokens at once, and whose attention
/// takes `attention` for each position that a token looks at.
struct Machine {
  double fixed, perStair;
  uint32_t stair;
  double attention = 0;
  double seconds(uint32_t tokens, double positions = 0) const {
    return fixed + perStair * ((tokens + stair - 1) / stair) +
           attention * positions;
  }
};
} // namespace

static StepTokens at(uint32_t position, uint32_t count) {
  StepTokens tokens;
  if (count)
    tokens.add(position, count);
  return tokens;
}

/// Tokens beside `answers` once it has learnt.
static uint32_t settle(const Machine &machine, uint32_t answers,
                       unsigned *slow = nullptr) {
  StepTimes times;
  uint32_t prompt = 0;
  for (int i = 0; i < 200; ++i) {
    prompt = times.promptBeside(at(0, answers), 0);
    EXPECT_EQ(prompt == 0, i == 0 || i % 65 == 0) << i;
    const double seconds = machine.seconds(answers + prompt);
    times.add(at(0, answers), at(0, prompt), seconds);
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

/// Prompts of 2,000 tokens one after the other: what was measured at the
/// beginning of one says too little for its end, and too much for the next.
TEST(StepTimes, LongPromptsStayBelowTwoSteps) {
  for (const Machine &machine :
       {Machine{14, 4.6, 1, 0.002}, Machine{14, 18.4, 4, 0.002},
        Machine{10, 3, 2, 0.002}, Machine{14, 4.6, 1, 0.0005}})
    for (const uint32_t answers : {1u, 4u, 8u}) {
      StepTimes times;
      std::mt19937 random(answers);
      std::normal_distribution<double> noise(1, 0.02);
      const StepTokens beside = at(100, answers);
      const double step = machine.seconds(answers, beside.positions);
      unsigned slow = 0, steps = 0;
      double used = 0;
      for (int text = 0; text < 3; ++text)
        for (uint32_t position = 0; position < 2000; ++steps) {
          const uint32_t count =
              std::min(times.promptBeside(beside, position), 2000 - position);
          const StepTokens prompt = at(position, count);
          const double seconds = machine.seconds(
              answers + count, beside.positions + prompt.positions);
          times.add(beside, prompt, seconds * noise(random));
          position += count;
          slow += seconds > 2 * step;
          used += seconds;
        }
      EXPECT_LE(slow, steps / 100)
          << machine.perStair << " " << answers << " of " << steps;
      // And are not read more slowly than that takes; one stair may be nearly
      // as long as a step.
      EXPECT_GE(used / steps, (machine.stair == 4 ? 1.3 : 1.5) * step)
          << machine.perStair << " " << answers;
    }
}

TEST(StepTimes, ForgetsADisturbance) {
  StepTimes times;
  const StepTokens four = at(0, 4);
  EXPECT_EQ(times.promptBeside(four, 0), 0u);
  const Machine machine{20, 1, 4};
  times.add(four, {}, machine.seconds(4));
  EXPECT_EQ(times.promptBeside(four, 0), 1u);
  times.add(four, at(0, 1), 10 * machine.seconds(8));
  EXPECT_EQ(times.promptBeside(at(0, 5), 0), 0u);
  auto run = [&](int steps, double slower) {
    uint32_t prompt = 0;
    for (int i = 0; i < steps; ++i) {
      prompt = times.promptBeside(four, 0);
      times.add(four, at(0, prompt), slower * machine.seconds(4 + prompt));
    }
    return prompt;
  };
  EXPECT_GT(run(3000, 1), 40u);
  // All of a machine that slowed down does not look like long prompts.
  EXPECT_GT(run(3000, 3), 40u);
}
