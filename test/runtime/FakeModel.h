//===- FakeModel.h - A model in a few lines of C++ --------------*- C++ -*-===//
//
// Stands in for compiled code in the runtime's tests. At position p it expects
// byte p of a fixed story and then the end token, whatever the prompt was; a
// little noise on all logits depends on every token before, read back through
// the KV pages. A step checks the runtime's side of the contract and counts
// what is wrong.
//
//===----------------------------------------------------------------------===//
#ifndef BITNET_TEST_RUNTIME_FAKEMODEL_H
#define BITNET_TEST_RUNTIME_FAKEMODEL_H

#include "runtime/abi/bitnet_abi.h"
#include <atomic>
#include <string_view>

extern "C" const bitnet_model program_model;

namespace bitnet::test {

inline constexpr int32_t beginToken = 0, endToken = 1, firstByteToken = 2;
inline constexpr std::string_view story =
    "Once upon a time there was a small caf\xC3\xA9 \xE2\x98\x95.\nThe end.";

/// Makes every step take this many microseconds longer, as the environment
/// variable FAKE_DELAY_US does for programs.
inline std::atomic<unsigned> stepDelay{0};

/// Breaches of the contract since the start of the process.
unsigned contractErrors();

} // namespace bitnet::test

#endif // BITNET_TEST_RUNTIME_FAKEMODEL_H
