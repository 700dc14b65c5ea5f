//===- StepTimes.h - How much of a prompt fits beside answers ---*- C++ -*-===//
//
// A step with part of a prompt takes longer than one that only continues
// answers, and whoever reads an answer waits for it. How much longer depends on
// the model, the machine and the length of the texts, so it is measured all the
// time.
//
//===----------------------------------------------------------------------===//
#ifndef BITNET_RUNTIME_SERVER_STEPTIMES_H
#define BITNET_RUNTIME_SERVER_STEPTIMES_H

#include <array>
#include <cstdint>

namespace bitnet::server {

class StepTimes {
public:
  /// A step with `answers` tokens of answers and `prompt` tokens of prompts.
  void add(uint32_t answers, uint32_t prompt, double seconds);
  /// Tokens of prompts, at least one, beside which a step with `answers` tokens
  /// takes less than two of those without.
  uint32_t promptBeside(uint32_t answers) const;

private:
  double answersAlone(uint32_t answers) const;

  /// Steps without prompts, by the bits of the number of answers; 0: none yet.
  std::array<double, 33> alone{};
  double perToken = 0; ///< Of prompts.
};

} // namespace bitnet::server

#endif // BITNET_RUNTIME_SERVER_STEPTIMES_H
