//===- StepTimes.h - How much of a prompt fits beside answers ---*- C++ -*-===//
//
// A step with part of a prompt takes longer than one that only continues
// answers, and whoever reads an answer waits for it. How much longer depends on
// the model, the machine and the length of the texts, so it is measured all the
// time: by the number of tokens, because it grows in stairs where kernels take
// several at once, and by the positions that they attend to, because what was
// measured at the beginning of a prompt is too little at its end.
//
//===----------------------------------------------------------------------===//
#ifndef BITNET_RUNTIME_SERVER_STEPTIMES_H
#define BITNET_RUNTIME_SERVER_STEPTIMES_H

#include <cstdint>
#include <map>

namespace bitnet::server {

/// Tokens of one kind in a step, and the sum of their positions.
struct StepTokens {
  uint32_t count = 0;
  double positions = 0;

  /// `more` tokens of one text, the first of them at `position`.
  void add(uint32_t position, uint32_t more) {
    count += more;
    positions += more * (position + (more - 1) / 2.0);
  }
};

class StepTimes {
public:
  void add(const StepTokens &answers, const StepTokens &prompt, double seconds);
  /// Tokens of prompts beside which a step with `answers` takes less than two
  /// of those without, as far as can be told; at least one, or none where the
  /// time without has to be measured. `position`: of the first of them.
  uint32_t promptBeside(const StepTokens &answers, uint32_t position) const;

private:
  /// What steps of one size took, and the positions they took it for.
  struct Mean {
    double seconds = 0, positions = 0;
  };
  double expected(const Mean &mean, double positions) const;
  void follow(Mean &mean, double positions, double seconds, double most);

  /// By tokens: of steps without prompts, and of those with both.
  std::map<uint32_t, Mean> alone, mixed;
  uint32_t mixedSteps = 0; ///< Since the last step without prompts.
  uint32_t patience = 0; ///< Mixed steps since a size was in vain tried again.
  /// Of positions and seconds within steps of one size: seconds for a position
  /// are covariance / variance.
  double covariance = 0, variance = 0;
};

} // namespace bitnet::server

#endif // BITNET_RUNTIME_SERVER_STEPTIMES_H
