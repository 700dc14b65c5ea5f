//===- JsonPattern.h - Texts that a regular expression allows --*- C++ -*-===//
//
// The keyword 'pattern' of a JSON schema (and 'format', by patterns of its own)
// as a table that follows the bytes between the quotes of a JSON string. What
// can never become a match has no state, so whoever follows it never gets
// stuck.
//
// Expressions are those of ECMA-262 without flags: literals, '.', classes,
// \d \w \s and their opposites, groups, '|', '*', '+', '?', counts, and '^' and
// '$' at the ends of an alternative. As JSON Schema says, a match may lie
// anywhere unless they anchor it. Lookarounds, back references and word
// boundaries are errors. Line ends and other control characters are written as
// escapes (\n), and only those that have a short one.
//
//===----------------------------------------------------------------------===//
#ifndef BITNET_RUNTIME_SERVER_JSONPATTERN_H
#define BITNET_RUNTIME_SERVER_JSONPATTERN_H

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace bitnet::server {

class JsonPattern {
public:
  static constexpr int32_t start = 0, dead = -1;

  /// Null and what is wrong in `error` if `expression` is none, is not
  /// supported or needs too many states. It comes from anybody: time and memory
  /// are bounded.
  static std::shared_ptr<const JsonPattern> compile(std::string_view expression,
                                                    std::string *error);

  int32_t next(int32_t state, uint8_t byte) const {
    return steps[static_cast<size_t>(state)][byte];
  }
  size_t states() const { return steps.size(); }
  /// The string may end here.
  bool mayEnd(int32_t state) const { return ends[static_cast<size_t>(state)]; }

private:
  bool determinise(class PatternStates &states, int32_t first);
  bool prune();

  std::vector<std::array<int16_t, 256>> steps; ///< By state and byte.
  std::vector<bool> ends;
};

/// An expression for texts of a format of JSON Schema, all of which are valid;
/// null: no format that is known.
const char *patternOfFormat(std::string_view format);

} // namespace bitnet::server

#endif // BITNET_RUNTIME_SERVER_JSONPATTERN_H
