//===- json_schema.cpp - Fuzzes JSON schemas for constrained sampling -----===//
//
// A schema that is accepted is followed for some hundred bytes, chosen among
// those that may come. There is always one, or the text may end: a dead end
// would leave a request without an answer.
//
//===----------------------------------------------------------------------===//

#include "Fuzz.h"
#include "runtime/server/JsonAutomaton.h"
#include <cstdlib>

using namespace bitnet::server;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::string error;
  const auto schema =
      JsonSchema::compile(bitnetc::fuzz::asText(data, size), &error);
  if (!schema)
    return 0;
  constexpr size_t kMostStates = 2000;
  uint32_t random = 1;
  for (size_t i = 0; i < size; ++i)
    random = random * 31 + data[i];
  JsonAutomaton automaton(schema);
  auto state = automaton.start();
  for (int step = 0; step < 200; ++step) {
    if (automaton.states() > kMostStates) {
      automaton.restartFrom(state);
      state = automaton.start();
    }
    std::vector<JsonAutomaton::State> choices;
    for (unsigned byte = 0; byte < 256; ++byte)
      if (const auto next = automaton.next(state, static_cast<uint8_t>(byte));
          next != JsonAutomaton::dead)
        choices.push_back(next);
    if (choices.empty()) {
      if (!automaton.mayEnd(state))
        abort();
      break;
    }
    random = random * 1664525 + 1013904223;
    state = choices[random % choices.size()];
  }
  return 0;
}
