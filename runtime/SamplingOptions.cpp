//===- SamplingOptions.cpp - Flags of everything that writes text ---------===//

#include "runtime/Cli.h"
#include "runtime/Sampler.h"

namespace bitnet {

void addSampling(Options &options, SamplerOptions &sampler) {
  options.value("--temp", sampler.temperature, "T",
                "randomness (0.8); 0 always takes the best token", 0, 1000);
  options.value("--top-k", sampler.topK, "K",
                "choose among the K best tokens (40); 0: all", 0, INT32_MAX);
  options.value("--top-p", sampler.topP, "P",
                "choose among the best tokens that hold the share P (0.95)", 0,
                1);
  options.value("--min-p", sampler.minP, "P",
                "drop tokens less likely than P times the best (0.05)", 0, 1);
  options.value("--repeat-penalty", sampler.repeatPenalty, "R",
                "make tokens of the last 64 less likely (1.0: off)", 0.01f,
                100);
  options.value("--repeat-last-n", sampler.repeatLastN, "N",
                "how far back that looks (64); -1: all, 0: off", -1, INT32_MAX);
  options.value("-s, --seed", sampler.seed, "SEED",
                "the same seed gives the same text (0)");
}

void addLookup(Options &options, int64_t &draft) {
  options.value("--lookup", draft, "N",
                "draft N tokens a step from earlier text (0: off): the same "
                "text, sooner if it repeats",
                0, 64);
}

} // namespace bitnet
