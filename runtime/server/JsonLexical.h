//===- JsonLexical.h - Characters and numbers of JSON -----------*- C++ -*-===//
//
// What JsonAutomaton needs below values: UTF-8 and escapes of strings, white
// space, and the bounds of a number that is still being written.
//
//===----------------------------------------------------------------------===//
#ifndef BITNET_RUNTIME_SERVER_JSONLEXICAL_H
#define BITNET_RUNTIME_SERVER_JSONLEXICAL_H

#include "runtime/server/JsonSchema.h"

namespace bitnet::server::json_lexical {

inline constexpr int kBroken = -1;

inline bool isDigit(uint8_t byte) { return byte >= '0' && byte <= '9'; }

/// The phase after `byte` of UTF-8; 0: between characters. Or kBroken.
int nextUtf8(int phase, uint8_t byte);
/// The same for what is between quotes, escapes included, but for the quote
/// that ends it.
int nextInString(int phase, uint8_t byte);

/// White space between values, by what was seen of it: a space, or a line end
/// and indentation. More would let a model go on for ever without saying
/// anything.
int nextSpace(int seen, uint8_t byte);

/// Phases of a number: what was read last.
enum : uint8_t { Sign, Zero, Whole, Point, Fraction, E, ESign, Exponent };
/// Digits that are written: what a double tells apart.
inline constexpr int kMostDigits = 17, kMostExponentDigits = 2;

/// The value that readers of the text get: `digits`, of which `fraction` are
/// behind the point.
double readDecimal(bool negative, int64_t digits, int fraction);
/// A value from `low` to `high` is within the bounds of `node`.
bool overlaps(const JsonSchema::Node &node, double low, double high);
/// Whether digits can follow the `used` ones so that the number is within its
/// bounds. `whole`: also before the point.
bool canReach(const JsonSchema::Node &node, bool negative, int64_t digits,
              int used, int fraction, bool whole);

} // namespace bitnet::server::json_lexical

#endif // BITNET_RUNTIME_SERVER_JSONLEXICAL_H
