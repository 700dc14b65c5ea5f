//===- Lexer.h - Tokens of a Jinja template ---------------------*- C++ -*-===//
//
// Cuts a template into text and tokens exactly as Jinja2 does with trim_blocks
// and lstrip_blocks: white space around tags is most of what templates get
// wrong, so the rules follow Jinja2's order of decisions to the letter.
//
//===----------------------------------------------------------------------===//
#ifndef BITNETC_COMPILER_TEMPLATE_LEXER_H
#define BITNETC_COMPILER_TEMPLATE_LEXER_H

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace bitnetc {

struct Token {
  enum Kind : uint8_t {
    Text,       ///< Outside of tags, white space already removed.
    PrintBegin, ///< {{
    PrintEnd,
    BlockBegin, ///< {%
    BlockEnd,
    Name,
    String, ///< Escapes are resolved.
    Integer,
    Float,
    Operator,
    End
  };
  Kind kind;
  uint32_t line;
  std::string text; ///< Of operators and names as written.

  bool is(Kind k, std::string_view t) const { return kind == k && text == t; }
};

/// Ends with an End token; on failure returns false and stores "line N: ...".
bool lexTemplate(std::string_view source, std::vector<Token> &tokens,
                 std::string *error);

} // namespace bitnetc

#endif // BITNETC_COMPILER_TEMPLATE_LEXER_H
