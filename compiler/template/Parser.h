//===- Parser.h - Grammar and checks of the template language ---*- C++ -*-===//
//
// Recursive descent with Jinja2's grammar and precedences, one function a rule
// and named as there. What the language has but this compiler has not is an
// error here: unknown filters, tests, methods and statements never reach a
// program. The first error ends the parse: functions then return 0 and the
// token stream stands at its end.
//
//===----------------------------------------------------------------------===//
#ifndef BITNETC_COMPILER_TEMPLATE_PARSER_H
#define BITNETC_COMPILER_TEMPLATE_PARSER_H

#include "Lexer.h"
#include "TreeBuilder.h"
#include <set>

namespace bitnetc {

class Parser {
public:
  explicit Parser(std::vector<Token> tokens) : tokens(std::move(tokens)) {}

  /// The whole template, or 0 with an error.
  Node parseTemplate();

  std::string error;
  TreeBuilder tree;

private:
  /// Arguments in parentheses.
  struct Arguments {
    Nodes positional;
    std::vector<std::pair<std::string, Node>> keywords;
    std::vector<uint32_t> keywordLines;
  };
  using Words = std::initializer_list<std::string_view>;

  // Tokens.
  const Token &current() const { return tokens[at]; }
  const Token &look() const {
    return tokens[at + 1 < tokens.size() ? at + 1 : at];
  }
  uint32_t line() const { return current().line; }
  void advance() { at += at + 1 < tokens.size(); }
  bool isOp(std::string_view op) const {
    return current().is(Token::Operator, op);
  }
  bool isName(std::string_view name) const {
    return current().is(Token::Name, name);
  }
  bool isAny(Words names) const;
  bool skipOp(std::string_view op);
  bool skipName(std::string_view name);
  void expectOp(std::string_view op);
  std::string expectName();
  void expectBlockEnd();
  Node fail(const std::string &what) { return failAt(line(), what); }
  Node failAt(uint32_t where, const std::string &what);
  bool failed() const { return !error.empty(); }
  std::string describe() const;
  /// Counts what the call stack grows by.
  struct Level {
    explicit Level(Parser &parser);
    ~Level() { --parser.level; }
    Parser &parser;
  };

  // Statements (Parser.cpp).
  Node parseBody(Words ends);
  Node parseStatement();
  Node parseFor();
  Node parseIf();
  Node parseSet();
  Node parseMacro();
  Node parseCallBlock();
  Node parseFilterBlock();
  Node parseWith();
  Node parseGeneration();
  Node parseBreak();
  Node parseContinue();
  Nodes parseSignature();
  Node parseTarget(bool withNamespace, Words ends = {});
  Node parseTargetPrimary(bool withNamespace);
  void endBlock(std::string_view name);
  struct StatementRow;
  static const StatementRow statements[];

  // Expressions (ParserExpressions.cpp).
  Node parseExpression(bool withCondition = true);
  Node parseOr();
  Node parseAnd();
  Node parseNot();
  Node parseCompare();
  Node parseMath1();
  Node parseConcat();
  Node parseMath2();
  Node parsePow();
  Node parseUnary(bool withFilter = true);
  Node parsePrimary();
  Node parseTuple(bool withCondition = true, bool parentheses = false,
                  Words ends = {});
  Node parseList();
  Node parseDict();
  Node parsePostfix(Node node);
  Node parseFilters(Node node);
  Node parseSubscript(Node node);
  Node parseSubscribed(Node node);
  Node parseCall(Node callee);
  Node parseFilter(Node operand);
  Node parseTest(Node operand);
  bool parseArguments(Arguments &arguments);
  Node binary(bitnet_template_kind kind, uint32_t where, Node left, Node right,
              uint16_t aux = 0);

  // Names of filters, tests and methods (ParserNames.cpp).
  Node makeFilter(uint32_t where, const std::string &name, Node operand,
                  Arguments arguments);
  Node makeTest(uint32_t where, const std::string &name, Node operand,
                Arguments arguments);
  Node makeMethod(uint32_t where, const std::string &name, Node object,
                  Arguments arguments);
  bool place(uint32_t where, const char *what, std::string_view name,
             std::string_view parameters, Arguments arguments, Nodes &placed);

  std::vector<Token> tokens;
  size_t at = 0;
  unsigned level = 0, loops = 0, macros = 0;
  /// Names that the template itself gives a value.
  std::set<std::string, std::less<>> assigned;
  /// Calls of functions that Jinja2 has and we do not, unless assigned.
  std::vector<std::pair<uint32_t, std::string>> doubtfulCalls;
};

} // namespace bitnetc

#endif // BITNETC_COMPILER_TEMPLATE_PARSER_H
