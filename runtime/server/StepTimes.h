//===- StepTimes.h - How much of a prompt fits beside answers ---*- C++ -*-===//
//
// A step with part of a prompt takes longer than one that only continues
// answers, and whoever reads an answer waits for it. How much longer depends on
// the model, the machine and the length of the texts, so it is measured all the
// time. It grows in stairs where kernels take several tokens at once.
//
//===----------------------------------------------------------------------===//
#ifndef BITNET_RUNTIME_SERVER_STEPTIMES_H
#define BITNET_RUNTIME_SERVER_STEPTIMES_H

#include <cstdint>
#include <map>

namespace bitnet::server {

class StepTimes {
public:
  /// A step with `answers` tokens of answers and `prompt` tokens of prompts.
  void add(uint32_t answers, uint32_t prompt, double seconds);
  /// Tokens of prompts beside which a step with `answers` tokens takes less
  /// than two of those without, as far as can be told; at least one, or none
  /// where the time without has to be measured.
  uint32_t promptBeside(uint32_t answers) const;

private:
  /// Seconds by tokens: of steps without prompts, and of those with both.
  std::map<uint32_t, double> alone, mixed;
  uint32_t mixedSteps = 0; ///< Since the last step without prompts.
};

} // namespace bitnet::server

#endif // BITNET_RUNTIME_SERVER_STEPTIMES_H
