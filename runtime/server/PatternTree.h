//===- PatternTree.h - The parts of a regular expression -------*- C++ -*-===//
//
// What an expression of ECMA-262 without flags says (JsonPattern.h tells which
// parts of that language), as sets of characters that follow each other, stand
// for each other or are repeated.
//
//===----------------------------------------------------------------------===//
#ifndef BITNET_RUNTIME_SERVER_PATTERNTREE_H
#define BITNET_RUNTIME_SERVER_PATTERNTREE_H

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace bitnet::server {

/// A part of an expression.
struct PatternPart {
  static constexpr uint32_t unlimited = UINT32_MAX;
  static constexpr uint32_t lastCodePoint = 0x10FFFF;
  enum Kind { One, Sequence, Either, Repeat } kind;
  struct Range {
    uint32_t low, high;
  };
  std::vector<Range> ranges;      ///< One: of these characters.
  std::vector<PatternPart> parts; ///< Of Repeat: a single one.
  uint32_t least = 0, most = unlimited;
};

/// What the expression lets match from one end of a text to the other: where it
/// is not anchored, anything may stand before or behind. False, and what is
/// wrong, if it is none or not supported.
bool parsePattern(std::string_view expression, PatternPart &whole,
                  std::string *error);

} // namespace bitnet::server

#endif // BITNET_RUNTIME_SERVER_PATTERNTREE_H
