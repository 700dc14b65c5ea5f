//===- CpuFeatures.h - Does this CPU run this program? ----------*- C++ -*-===//
//
// A model is compiled for one instruction set. Starting it elsewhere must end
// in one sentence, not in an illegal instruction, so main() asks here before it
// does anything else. The features are those of the list in bitnet_abi.h.
//
//===----------------------------------------------------------------------===//
#ifndef BITNET_RUNTIME_CPUFEATURES_H
#define BITNET_RUNTIME_CPUFEATURES_H

#include "runtime/abi/bitnet_abi.h"
#include <cstdint>
#include <string>

namespace bitnet {

/// Features of this CPU that the operating system has enabled too.
uint64_t detectCpuFeatures();

/// Removes the features named in `list` ("avx512vnni,avx2"), for tests; the
/// program reads the list from BITNET_CPU_MASK.
uint64_t maskCpuFeatures(uint64_t features, const char *list);

/// "avx2, fma"
std::string listCpuFeatures(uint64_t features);

/// `model` with the best variant for a CPU of `features`: the last that needs no
/// others; as it is if it has no variants or none of them fits.
bitnet_model chooseVariant(const bitnet_model &model, uint64_t features);

/// All targets that `model` was compiled for, from the poorest to the richest:
/// "x86-64-v2,znver4", as --target= takes them.
std::string targetNames(const bitnet_model &model);

/// The sentence to print if `model` needs more than `features`, else empty.
std::string missingFeatures(const bitnet_model &model, uint64_t features);

} // namespace bitnet

#endif // BITNET_RUNTIME_CPUFEATURES_H
