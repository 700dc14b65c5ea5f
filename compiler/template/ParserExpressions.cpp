//===- ParserExpressions.cpp - Expressions of the template language -------===//

#include "Parser.h"
#include <algorithm>
#include <bit>
#include <cstdlib>

namespace bitnetc {

namespace {
struct OperatorRow {
  std::string_view text;
  uint16_t aux;
};
} // namespace

#define X(id, name, parameters) {name, BITNET_TEMPLATE_COMPARE_##id},
static constexpr OperatorRow kCompares[] = {BITNET_TEMPLATE_COMPARES(X)};
#undef X
static constexpr OperatorRow kMath1[] = {
    {"+", BITNET_TEMPLATE_BINARY_ADD}, {"-", BITNET_TEMPLATE_BINARY_SUBTRACT}};
static constexpr OperatorRow kMath2[] = {
    {"*", BITNET_TEMPLATE_BINARY_MULTIPLY},
    {"/", BITNET_TEMPLATE_BINARY_DIVIDE},
    {"//", BITNET_TEMPLATE_BINARY_FLOOR_DIVIDE},
    {"%", BITNET_TEMPLATE_BINARY_MODULO}};
static constexpr OperatorRow kConstants[] = {
    {"true", BITNET_TEMPLATE_CONSTANT_TRUE},
    {"True", BITNET_TEMPLATE_CONSTANT_TRUE},
    {"false", BITNET_TEMPLATE_CONSTANT_FALSE},
    {"False", BITNET_TEMPLATE_CONSTANT_FALSE},
    {"none", BITNET_TEMPLATE_CONSTANT_NONE},
    {"None", BITNET_TEMPLATE_CONSTANT_NONE}};

template <size_t N>
static const OperatorRow *find(const OperatorRow (&rows)[N], const Token &token,
                               Token::Kind kind) {
  for (const OperatorRow &row : rows)
    if (token.is(kind, row.text))
      return &row;
  return nullptr;
}

Node Parser::binary(bitnet_template_kind kind, uint32_t where, Node left,
                    Node right, uint16_t aux) {
  if (failed())
    return 0;
  // Long sums are chains to the left; stop before their depth is a problem.
  if (tree.tooDeep())
    return failAt(where, "this expression is too long");
  return tree.add(kind, where, {left, right}, aux);
}

Node Parser::parseExpression(bool withCondition) {
  Level counted(*this);
  Node value = parseOr();
  while (withCondition && !failed() && isName("if")) {
    const uint32_t where = line();
    advance();
    Node test = parseOr();
    Node otherwise = skipName("else") ? parseExpression() : 0;
    if (!failed())
      value =
          tree.add(BITNET_TEMPLATE_CONDITION, where, {test, value, otherwise});
  }
  return value;
}

Node Parser::parseOr() {
  Node left = parseAnd();
  while (isName("or")) {
    const uint32_t where = line();
    advance();
    left = binary(BITNET_TEMPLATE_OR, where, left, parseAnd());
  }
  return left;
}

Node Parser::parseAnd() {
  Node left = parseNot();
  while (isName("and")) {
    const uint32_t where = line();
    advance();
    left = binary(BITNET_TEMPLATE_AND, where, left, parseNot());
  }
  return left;
}

Node Parser::parseNot() {
  if (!isName("not"))
    return parseCompare();
  Level counted(*this);
  const uint32_t where = line();
  advance();
  Node operand = parseNot();
  return failed() ? 0
                  : tree.add(BITNET_TEMPLATE_UNARY, where, {operand},
                             BITNET_TEMPLATE_UNARY_NOT);
}

Node Parser::parseCompare() {
  const uint32_t where = line();
  Node left = parseMath1();
  Nodes links;
  while (!failed()) {
    const uint32_t here = line();
    uint16_t aux;
    if (const OperatorRow *row = find(kCompares, current(), Token::Operator)) {
      aux = row->aux;
      advance();
    } else if (skipName("in")) {
      aux = BITNET_TEMPLATE_COMPARE_IN;
    } else if (isName("not") && look().is(Token::Name, "in")) {
      advance();
      advance();
      aux = BITNET_TEMPLATE_COMPARE_NOT_IN;
    } else {
      break;
    }
    Node right = parseMath1();
    if (!failed())
      links.push_back(tree.add(BITNET_TEMPLATE_LINK, here, {right}, aux));
  }
  if (failed() || links.empty())
    return left;
  return tree.add(BITNET_TEMPLATE_COMPARE, where, {left, Field(links)});
}

Node Parser::parseMath1() {
  Node left = parseConcat();
  while (const OperatorRow *row = find(kMath1, current(), Token::Operator)) {
    const uint32_t where = line();
    advance();
    left = binary(BITNET_TEMPLATE_BINARY, where, left, parseConcat(), row->aux);
  }
  return left;
}

Node Parser::parseConcat() {
  const uint32_t where = line();
  Nodes parts{parseMath2()};
  while (skipOp("~"))
    parts.push_back(parseMath2());
  if (failed() || parts.size() == 1)
    return parts[0];
  return tree.add(BITNET_TEMPLATE_CONCAT, where, {Field(parts)});
}

Node Parser::parseMath2() {
  Node left = parsePow();
  while (const OperatorRow *row = find(kMath2, current(), Token::Operator)) {
    const uint32_t where = line();
    advance();
    left = binary(BITNET_TEMPLATE_BINARY, where, left, parsePow(), row->aux);
  }
  return left;
}

Node Parser::parsePow() {
  Node left = parseUnary();
  while (isOp("**")) {
    const uint32_t where = line();
    advance();
    left = binary(BITNET_TEMPLATE_BINARY, where, left, parseUnary(),
                  BITNET_TEMPLATE_BINARY_POWER);
  }
  return left;
}

Node Parser::parseUnary(bool withFilter) {
  Level counted(*this);
  const uint32_t where = line();
  Node node;
  if (isOp("-") || isOp("+")) {
    const uint16_t aux =
        isOp("-") ? BITNET_TEMPLATE_UNARY_NEGATE : BITNET_TEMPLATE_UNARY_PLUS;
    advance();
    Node operand = parseUnary(false);
    node =
        failed() ? 0 : tree.add(BITNET_TEMPLATE_UNARY, where, {operand}, aux);
  } else {
    node = parsePrimary();
  }
  node = parsePostfix(node);
  return withFilter ? parseFilters(node) : node;
}

Node Parser::parsePrimary() {
  const Token token = current();
  auto number = [&](bitnet_template_kind kind, uint64_t bits) {
    return tree.add(kind, token.line,
                    {Field::plain(static_cast<uint32_t>(bits)),
                     Field::plain(static_cast<uint32_t>(bits >> 32))});
  };
  switch (token.kind) {
  case Token::Name: {
    advance();
    if (const OperatorRow *row = find(kConstants, token, Token::Name))
      return tree.add(BITNET_TEMPLATE_CONSTANT, token.line, {}, row->aux);
    if (macros && (token.text == "varargs" || token.text == "kwargs"))
      return failAt(token.line, "'" + token.text + "' is not supported");
    return tree.add(BITNET_TEMPLATE_NAME, token.line, {Field(token.text)});
  }
  case Token::String: {
    // Neighbours are one string.
    std::string text;
    for (; current().kind == Token::String; advance())
      text += current().text;
    return tree.add(BITNET_TEMPLATE_STRING, token.line, {Field(text)});
  }
  case Token::Integer:
    advance();
    return number(BITNET_TEMPLATE_INTEGER,
                  strtoull(token.text.c_str(), nullptr, 10));
  case Token::Float:
    advance();
    return number(BITNET_TEMPLATE_FLOAT,
                  std::bit_cast<uint64_t>(strtod(token.text.c_str(), nullptr)));
  default:
    break;
  }
  if (skipOp("(")) {
    Node inner = parseTuple(true, /*parentheses=*/true);
    expectOp(")");
    return inner;
  }
  if (isOp("["))
    return parseList();
  if (isOp("{"))
    return parseDict();
  return fail("unexpected " + describe());
}

/// A comma makes a tuple, as in Python.
Node Parser::parseTuple(bool withCondition, bool parentheses, Words ends) {
  const uint32_t where = line();
  auto isEnd = [&] {
    return current().kind == Token::PrintEnd ||
           current().kind == Token::BlockEnd || isOp(")") || isAny(ends);
  };
  Nodes values;
  bool tuple = false;
  while (!failed() && !isEnd()) {
    values.push_back(parseExpression(withCondition));
    if (!isOp(","))
      break;
    tuple = true;
    advance();
  }
  if (failed())
    return 0;
  if (!tuple && !values.empty())
    return values[0];
  if (values.empty() && !parentheses)
    return fail("expected an expression, found " + describe());
  return tree.add(BITNET_TEMPLATE_TUPLE, where, {Field(values)});
}

Node Parser::parseList() {
  const uint32_t where = line();
  expectOp("[");
  Nodes values;
  while (!failed() && !isOp("]")) {
    if (!values.empty())
      expectOp(",");
    if (isOp("]"))
      break;
    values.push_back(parseExpression());
  }
  expectOp("]");
  return failed() ? 0 : tree.add(BITNET_TEMPLATE_LIST, where, {Field(values)});
}

Node Parser::parseDict() {
  const uint32_t where = line();
  expectOp("{");
  Nodes values;
  while (!failed() && !isOp("}")) {
    if (!values.empty())
      expectOp(",");
    if (isOp("}"))
      break;
    values.push_back(parseExpression());
    expectOp(":");
    values.push_back(parseExpression());
  }
  expectOp("}");
  return failed() ? 0 : tree.add(BITNET_TEMPLATE_DICT, where, {Field(values)});
}

Node Parser::parsePostfix(Node node) {
  while (!failed()) {
    if (isOp(".") || isOp("["))
      node = parseSubscript(node);
    else if (isOp("("))
      node = parseCall(node);
    else
      break;
    if (tree.tooDeep())
      return fail("this expression is too long");
  }
  return node;
}

Node Parser::parseFilters(Node node) {
  while (!failed()) {
    if (skipOp("|"))
      node = parseFilter(node);
    else if (isName("is"))
      node = parseTest(node);
    else if (isOp("("))
      node = parseCall(node);
    else
      break;
    if (tree.tooDeep())
      return fail("this expression is too long");
  }
  return node;
}

Node Parser::parseSubscript(Node node) {
  const uint32_t where = line();
  if (skipOp(".")) {
    const Token token = current();
    if (token.kind == Token::Integer) {
      Node index = parsePrimary();
      return failed() ? 0
                      : tree.add(BITNET_TEMPLATE_ITEM, where, {node, index});
    }
    std::string name = expectName();
    if (failed())
      return 0;
    if (isOp("(")) {
      Arguments arguments;
      return parseArguments(arguments)
                 ? makeMethod(where, name, node, std::move(arguments))
                 : 0;
    }
    return tree.add(BITNET_TEMPLATE_ATTRIBUTE, where, {node, Field(name)});
  }
  expectOp("[");
  Node result = parseSubscribed(node);
  if (!failed() && isOp(","))
    return fail("several subscripts in one pair of brackets are not supported");
  expectOp("]");
  return result;
}

Node Parser::parseSubscribed(Node node) {
  const uint32_t where = line();
  auto optional = [&] {
    return isOp(":") || isOp("]") || isOp(",") ? Node{0} : parseExpression();
  };
  Node start = optional();
  if (!isOp(":")) {
    if (!failed() && !start)
      return fail("expected an index, found " + describe());
    return failed() ? 0 : tree.add(BITNET_TEMPLATE_ITEM, where, {node, start});
  }
  advance();
  Node stop = optional();
  Node step = skipOp(":") ? optional() : 0;
  return failed() ? 0
                  : tree.add(BITNET_TEMPLATE_SLICE, where,
                             {node, start, stop, step});
}

bool Parser::parseArguments(Arguments &arguments) {
  expectOp("(");
  bool first = true;
  while (!failed() && !isOp(")")) {
    if (!first)
      expectOp(",");
    first = false;
    if (isOp(")"))
      break;
    if (isOp("*") || isOp("**"))
      return fail("arguments with '" + current().text + "' are not supported");
    if (current().kind == Token::Name && look().is(Token::Operator, "=")) {
      arguments.keywordLines.push_back(line());
      std::string name = current().text;
      advance();
      advance();
      for (const auto &[other, value] : arguments.keywords)
        if (other == name)
          return fail("the argument '" + name + "' is given twice");
      arguments.keywords.emplace_back(name, parseExpression());
    } else if (!arguments.keywords.empty()) {
      return fail("an argument without name follows one with name");
    } else {
      arguments.positional.push_back(parseExpression());
    }
  }
  expectOp(")");
  return !failed();
}

Node Parser::parseCall(Node callee) {
  const uint32_t where = line();
  Arguments arguments;
  if (!parseArguments(arguments))
    return 0;
  static constexpr std::string_view missing[] = {"cycler", "joiner", "lipsum"};
  if (tree.node(callee).kind == BITNET_TEMPLATE_NAME &&
      std::find(std::begin(missing), std::end(missing), tree.text(callee)) !=
          std::end(missing))
    doubtfulCalls.emplace_back(where, tree.text(callee));
  Nodes all = arguments.positional;
  for (size_t i = 0; i < arguments.keywords.size(); ++i)
    all.push_back(tree.add(
        BITNET_TEMPLATE_KEYWORD, arguments.keywordLines[i],
        {Field(arguments.keywords[i].first), arguments.keywords[i].second}));
  return tree.add(BITNET_TEMPLATE_CALL, where, {callee, Field(all)});
}

/// After the '|'.
Node Parser::parseFilter(Node operand) {
  const uint32_t where = line();
  std::string name = expectName();
  while (skipOp("."))
    name += "." + expectName();
  Arguments arguments;
  if (isOp("(") && !parseArguments(arguments))
    return 0;
  return failed() ? 0 : makeFilter(where, name, operand, std::move(arguments));
}

/// At the 'is'.
Node Parser::parseTest(Node operand) {
  const uint32_t where = line();
  advance();
  const bool negated = skipName("not");
  std::string name = expectName();
  Arguments arguments;
  if (isOp("(")) {
    if (!parseArguments(arguments))
      return 0;
  } else if ((current().kind == Token::Name && !isAny({"else", "or", "and"})) ||
             current().kind == Token::String ||
             current().kind == Token::Integer ||
             current().kind == Token::Float || isOp("[") || isOp("{")) {
    if (isName("is"))
      return fail("tests cannot be chained with 'is'");
    arguments.positional.push_back(parsePostfix(parsePrimary()));
  }
  if (failed())
    return 0;
  Node test = makeTest(where, name, operand, std::move(arguments));
  if (failed() || !negated)
    return test;
  return tree.add(BITNET_TEMPLATE_UNARY, where, {test},
                  BITNET_TEMPLATE_UNARY_NOT);
}

} // namespace bitnetc
