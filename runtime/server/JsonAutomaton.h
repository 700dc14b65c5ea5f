//===- JsonAutomaton.h - Follows a JSON text byte by byte -------*- C++ -*-===//
//
// A pushdown automaton over a JsonSchema. A frame is an open object, array,
// string, number or fixed text with what must be known of it; a stack of frames
// is one way to read the text so far, and a state is the set of ways that are
// left. Frames, stacks and states are numbered as they come up, so that a step
// seen before is one look into a table.
//
//===----------------------------------------------------------------------===//
#ifndef BITNET_RUNTIME_SERVER_JSONAUTOMATON_H
#define BITNET_RUNTIME_SERVER_JSONAUTOMATON_H

#include "runtime/server/JsonSchema.h"
#include <array>
#include <map>
#include <memory>
#include <unordered_map>
#include <vector>

namespace bitnet::server {

class JsonAutomaton {
public:
  using State = int32_t;
  static constexpr State dead = -1;

  explicit JsonAutomaton(std::shared_ptr<const JsonSchema> schema);

  State start() const { return 0; }
  State next(State state, uint8_t byte) {
    const int32_t known = steps[static_cast<size_t>(state)][byte];
    return known == unknown ? computeStep(state, byte) : known;
  }
  /// The text may end here.
  bool mayEnd(State state) const {
    return sets[static_cast<size_t>(state)].front() == empty;
  }
  size_t states() const { return sets.size(); }
  /// Forgets all but `state`, which becomes start().
  void restartFrom(State state);

private:
  static constexpr int32_t unknown = -2;
  static constexpr int32_t empty = 0; ///< The stack without frames.

  enum Kind : uint8_t { Value, Literal, String, Number, Object, Array, Fixed };
  /// Which members mean something depends on the kind.
  struct Frame {
    Kind kind;
    uint8_t phase = 0;
    uint16_t small =
        0; ///< White space so far; of Number: sign; of a key: UTF-8.
    int32_t node = 0;
    int32_t a = 0, b = 0, c = 0;
    int64_t value = 0;
    bool operator==(const Frame &) const = default;
  };
  struct Stack {
    Frame top;
    int32_t below;
    bool operator==(const Stack &) const = default;
  };
  struct StackHash {
    size_t operator()(const Stack &stack) const;
  };

  State computeStep(State state, uint8_t byte);
  State stateOf(std::vector<int32_t> set);
  void emit(const Frame &frame, int32_t below);

  void stepValue(Frame f, int32_t below, uint8_t byte);
  void startValue(int32_t node, int32_t below, uint8_t byte);
  void stepLiteral(Frame f, int32_t below, uint8_t byte);
  void stepString(Frame f, int32_t below, uint8_t byte);
  void stepNumber(Frame f, int32_t below, uint8_t byte);
  void stepObject(Frame f, int32_t below, uint8_t byte);
  void stepKey(Frame f, int32_t below, uint8_t byte);
  void stepArray(Frame f, int32_t below, uint8_t byte);
  void stepFixed(Frame f, int32_t below, uint8_t byte);

  const std::shared_ptr<const JsonSchema> schema;
  std::vector<Stack> stacks; ///< By number; a stack's frames are below it.
  std::unordered_map<Stack, int32_t, StackHash> stackNumber;
  std::vector<std::vector<int32_t>> sets; ///< Stacks of a state, sorted.
  std::map<std::vector<int32_t>, State> setNumber;
  std::vector<std::array<int32_t, 256>> steps; ///< By state.
  std::vector<int32_t> found;                  ///< Of the step in work.
};

} // namespace bitnet::server

#endif // BITNET_RUNTIME_SERVER_JSONAUTOMATON_H
