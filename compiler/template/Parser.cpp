//===- Parser.cpp - Statements of the template language -------------------===//

#include "Parser.h"
#include "TemplateCompiler.h"
#include <algorithm>
#include <utility>

namespace bitnetc {

// Each level of the source is about twelve calls.
static constexpr unsigned kMaxLevel = 100;
static constexpr size_t kMaxSource = 4 << 20;

struct Parser::StatementRow {
  std::string_view name;
  Node (Parser::*parse)(); ///< Null: part of Jinja that is not supported.
};

const Parser::StatementRow Parser::statements[] = {
    {"for", &Parser::parseFor},
    {"if", &Parser::parseIf},
    {"set", &Parser::parseSet},
    {"macro", &Parser::parseMacro},
    {"call", &Parser::parseCallBlock},
    {"filter", &Parser::parseFilterBlock},
    {"with", &Parser::parseWith},
    {"generation", &Parser::parseGeneration},
    {"break", &Parser::parseBreak},
    {"continue", &Parser::parseContinue},
    {"autoescape", nullptr},
    {"block", nullptr},
    {"debug", nullptr},
    {"do", nullptr},
    {"extends", nullptr},
    {"from", nullptr},
    {"import", nullptr},
    {"include", nullptr},
    {"pluralize", nullptr},
    {"trans", nullptr},
};

Parser::Level::Level(Parser &parser) : parser(parser) {
  if (++parser.level > kMaxLevel)
    parser.fail("the template is nested too deeply");
}

Node Parser::failAt(uint32_t where, const std::string &what) {
  if (error.empty())
    error = "line " + std::to_string(where) + ": " + what;
  // Nothing more is read: every rule meets the end.
  at = tokens.size() - 1;
  return 0;
}

std::string Parser::describe() const {
  switch (current().kind) {
  case Token::End:
    return "the end of the template";
  case Token::BlockEnd:
    return "'%}'";
  case Token::PrintEnd:
    return "'}}'";
  case Token::String:
    return "a string";
  default:
    return "'" + current().text.substr(0, 60) + "'";
  }
}

bool Parser::isAny(Words names) const {
  return current().kind == Token::Name &&
         std::find(names.begin(), names.end(), current().text) != names.end();
}

bool Parser::skipOp(std::string_view op) {
  const bool found = isOp(op);
  if (found)
    advance();
  return found;
}

bool Parser::skipName(std::string_view name) {
  const bool found = isName(name);
  if (found)
    advance();
  return found;
}

void Parser::expectOp(std::string_view op) {
  if (!skipOp(op))
    fail("expected '" + std::string(op) + "', found " + describe());
}

std::string Parser::expectName() {
  if (current().kind != Token::Name) {
    fail("expected a name, found " + describe());
    return "";
  }
  std::string name = current().text;
  advance();
  return name;
}

void Parser::expectBlockEnd() {
  // Jinja lets a tag end like a line of Python.
  skipOp(":");
  if (current().kind == Token::BlockEnd)
    advance();
  else
    fail("expected '%}', found " + describe());
}

/// Statements up to a block tag with one of `ends`, whose name is then the
/// current token; without `ends`, all of the template.
Node Parser::parseBody(Words ends) {
  Level counted(*this);
  const uint32_t where = line();
  Nodes body;
  while (!failed()) {
    const Token &token = current();
    if (token.kind == Token::Text) {
      body.push_back(
          tree.add(BITNET_TEMPLATE_TEXT, token.line, {Field(token.text)}));
      advance();
    } else if (token.kind == Token::PrintBegin) {
      advance();
      Node value = parseTuple();
      if (!failed() && current().kind != Token::PrintEnd)
        return fail("expected '}}', found " + describe());
      advance();
      body.push_back(tree.add(BITNET_TEMPLATE_PRINT, token.line, {value}));
    } else if (token.kind == Token::BlockBegin) {
      advance();
      if (isAny(ends))
        break;
      body.push_back(parseStatement());
    } else {
      if (ends.size() == 0)
        break;
      std::string wanted;
      for (std::string_view end : ends)
        wanted += (wanted.empty() ? "'" : " or '") + std::string(end) + "'";
      return fail("expected " + wanted + ", found the end of the template");
    }
  }
  if (failed())
    return 0;
  return tree.add(BITNET_TEMPLATE_BLOCK, where, {Field(body)});
}

Node Parser::parseStatement() {
  const std::string name = current().text;
  if (current().kind != Token::Name)
    return fail("expected a statement, found " + describe());
  for (const StatementRow &row : statements) {
    if (row.name != name)
      continue;
    if (!row.parse)
      return fail("the statement '" + name + "' is not supported");
    return (this->*row.parse)();
  }
  return fail(name.starts_with("end") || name == "else" || name == "elif"
                  ? "'" + name + "' without its beginning"
                  : "unknown statement '" + name + "'");
}

void Parser::endBlock(std::string_view name) {
  if (!skipName(name))
    fail("expected '" + std::string(name) + "', found " + describe());
  expectBlockEnd();
}

Node Parser::parseFor() {
  const uint32_t where = line();
  advance();
  Node target = parseTarget(false, {"in"});
  if (!skipName("in"))
    return fail("expected 'in', found " + describe());
  Node values = parseTuple(/*withCondition=*/false, false, {"recursive"});
  Node filter = skipName("if") ? parseExpression() : 0;
  if (isName("recursive"))
    return fail("recursive loops are not supported");
  expectBlockEnd();
  ++loops;
  Node body = parseBody({"endfor", "else"});
  --loops;
  Node otherwise = 0;
  if (skipName("else")) {
    expectBlockEnd();
    otherwise = parseBody({"endfor"});
  }
  endBlock("endfor");
  return failed() ? 0
                  : tree.add(BITNET_TEMPLATE_FOR, where,
                             {target, values, filter, body, otherwise});
}

Node Parser::parseIf() {
  struct Branch {
    uint32_t where;
    Node test, body;
  };
  std::vector<Branch> branches;
  Node otherwise = 0;
  do {
    const uint32_t where = line();
    advance();
    Node test = parseTuple(/*withCondition=*/false);
    expectBlockEnd();
    branches.push_back({where, test, parseBody({"elif", "else", "endif"})});
  } while (!failed() && isName("elif"));
  if (skipName("else")) {
    expectBlockEnd();
    otherwise = parseBody({"endif"});
  }
  endBlock("endif");
  if (failed())
    return 0;
  for (size_t i = branches.size(); i-- > 0;)
    otherwise = tree.add(BITNET_TEMPLATE_IF, branches[i].where,
                         {branches[i].test, branches[i].body, otherwise});
  return otherwise;
}

Node Parser::parseSet() {
  const uint32_t where = line();
  advance();
  Node target = parseTarget(/*withNamespace=*/true);
  if (skipOp("=")) {
    Node value = parseTuple();
    expectBlockEnd();
    return failed() ? 0 : tree.add(BITNET_TEMPLATE_SET, where, {target, value});
  }
  Node filter = 0;
  if (isOp("|")) {
    filter = tree.add(BITNET_TEMPLATE_CAPTURED, where);
    while (skipOp("|"))
      filter = parseFilter(filter);
  }
  expectBlockEnd();
  Node body = parseBody({"endset"});
  endBlock("endset");
  return failed() ? 0
                  : tree.add(BITNET_TEMPLATE_SET_BLOCK, where,
                             {target, body, filter});
}

Nodes Parser::parseSignature() {
  Nodes parameters;
  bool defaults = false;
  expectOp("(");
  while (!failed() && !isOp(")")) {
    if (!parameters.empty())
      expectOp(",");
    const uint32_t where = line();
    std::string name = expectName();
    assigned.insert(name);
    Node value = 0;
    if (skipOp("="))
      value = parseExpression();
    else if (defaults)
      fail("a parameter without default follows one with default");
    defaults |= value != 0;
    if (!failed())
      parameters.push_back(
          tree.add(BITNET_TEMPLATE_PARAMETER, where, {Field(name), value}));
  }
  expectOp(")");
  return parameters;
}

Node Parser::parseMacro() {
  const uint32_t where = line();
  advance();
  std::string name = expectName();
  assigned.insert(name);
  Nodes parameters = parseSignature();
  expectBlockEnd();
  // A loop around the macro is none of its body.
  const unsigned outerLoops = std::exchange(loops, 0);
  ++macros;
  Node body = parseBody({"endmacro"});
  --macros;
  loops = outerLoops;
  endBlock("endmacro");
  return failed() ? 0
                  : tree.add(BITNET_TEMPLATE_MACRO, where,
                             {Field(name), Field(parameters), body});
}

Node Parser::parseCallBlock() {
  const uint32_t where = line();
  advance();
  Nodes parameters;
  if (isOp("("))
    parameters = parseSignature();
  Node call = parseExpression();
  if (!failed() && tree.node(call).kind != BITNET_TEMPLATE_CALL)
    return failAt(where, "'call' needs the call of a macro");
  expectBlockEnd();
  const unsigned outerLoops = std::exchange(loops, 0);
  Node body = parseBody({"endcall"});
  loops = outerLoops;
  endBlock("endcall");
  return failed() ? 0
                  : tree.add(BITNET_TEMPLATE_CALL_BLOCK, where,
                             {call, Field(parameters), body});
}

Node Parser::parseFilterBlock() {
  const uint32_t where = line();
  advance();
  Node filter = parseFilter(tree.add(BITNET_TEMPLATE_CAPTURED, where));
  while (skipOp("|"))
    filter = parseFilter(filter);
  expectBlockEnd();
  Node body = parseBody({"endfilter"});
  endBlock("endfilter");
  return failed()
             ? 0
             : tree.add(BITNET_TEMPLATE_PRINT_BLOCK, where, {body, filter});
}

/// All values are computed before the first name is set.
Node Parser::parseWith() {
  const uint32_t where = line();
  advance();
  Nodes targets, values;
  while (!failed() && current().kind != Token::BlockEnd) {
    if (!targets.empty())
      expectOp(",");
    targets.push_back(parseTarget(false));
    expectOp("=");
    values.push_back(parseExpression());
  }
  expectBlockEnd();
  Node body = parseBody({"endwith"});
  endBlock("endwith");
  if (failed())
    return 0;
  Nodes both{
      tree.add(BITNET_TEMPLATE_SET, where,
               {tree.add(BITNET_TEMPLATE_TO_TUPLE, where, {Field(targets)}),
                tree.add(BITNET_TEMPLATE_TUPLE, where, {Field(values)})}),
      body};
  return tree.add(BITNET_TEMPLATE_SCOPE, where,
                  {tree.add(BITNET_TEMPLATE_BLOCK, where, {Field(both)})});
}

/// Marks the assistant's text for training; here only a scope of names.
Node Parser::parseGeneration() {
  const uint32_t where = line();
  advance();
  expectBlockEnd();
  const unsigned outerLoops = std::exchange(loops, 0);
  Node body = parseBody({"endgeneration"});
  loops = outerLoops;
  endBlock("endgeneration");
  return failed() ? 0 : tree.add(BITNET_TEMPLATE_SCOPE, where, {body});
}

Node Parser::parseBreak() {
  const uint32_t where = line();
  advance();
  expectBlockEnd();
  return loops ? tree.add(BITNET_TEMPLATE_BREAK, where)
               : failAt(where, "'break' outside of a loop");
}

Node Parser::parseContinue() {
  const uint32_t where = line();
  advance();
  expectBlockEnd();
  return loops ? tree.add(BITNET_TEMPLATE_CONTINUE, where)
               : failAt(where, "'continue' outside of a loop");
}

Node Parser::parseTargetPrimary(bool withNamespace) {
  Level counted(*this);
  const uint32_t where = line();
  if (skipOp("(")) {
    Node inner = parseTarget(withNamespace);
    expectOp(")");
    return inner;
  }
  if (isAny({"true", "false", "none", "True", "False", "None"}))
    return fail("cannot assign to '" + current().text + "'");
  std::string name = expectName();
  if (failed())
    return 0;
  if (withNamespace && skipOp(".")) {
    std::string attribute = expectName();
    return tree.add(BITNET_TEMPLATE_TO_ATTRIBUTE, where,
                    {Field(name), Field(attribute)});
  }
  assigned.insert(name);
  return tree.add(BITNET_TEMPLATE_TO_NAME, where, {Field(name)});
}

Node Parser::parseTarget(bool withNamespace, Words ends) {
  const uint32_t where = line();
  Nodes targets;
  bool tuple = false;
  do {
    if (tuple && (isAny(ends) || isOp("=") || isOp(")")))
      break;
    targets.push_back(parseTargetPrimary(withNamespace));
    tuple |= isOp(",");
  } while (!failed() && skipOp(","));
  if (failed())
    return 0;
  return tuple ? tree.add(BITNET_TEMPLATE_TO_TUPLE, where, {Field(targets)})
               : targets[0];
}

Node Parser::parseTemplate() {
  Node root = parseBody({});
  if (failed())
    return 0;
  for (const auto &[where, name] : doubtfulCalls)
    if (!assigned.contains(name))
      return failAt(where, "the function '" + name + "' is not supported");
  if (tree.tooDeep())
    return failAt(1, "the template is nested too deeply");
  return root;
}

/// {% set bos_token = "<s>" %}{% set ... %}BODY, without changing BODY's lines.
static Node withVariables(TreeBuilder &tree, Node body,
                          const TemplateVariables &variables) {
  Nodes statements;
  for (const auto &[name, text] : variables) {
    Node target = tree.add(BITNET_TEMPLATE_TO_NAME, 1, {Field(name)});
    Node value = tree.add(BITNET_TEMPLATE_STRING, 1, {Field(text)});
    statements.push_back(
        tree.add(BITNET_TEMPLATE_SET, 1, {Field(target), Field(value)}));
  }
  statements.push_back(body);
  return tree.add(BITNET_TEMPLATE_BLOCK, 1, {Field(statements)});
}

CompiledTemplate compileTemplate(std::string_view source,
                                 const TemplateVariables &variables) {
  CompiledTemplate result;
  if (source.size() > kMaxSource) {
    result.error = "line 1: the template has more than " +
                   std::to_string(kMaxSource >> 20) + " MiB";
    return result;
  }
  std::vector<Token> tokens;
  if (!lexTemplate(source, tokens, &result.error))
    return result;
  Parser parser(std::move(tokens));
  if (Node root = parser.parseTemplate()) {
    if (!variables.empty())
      root = withVariables(parser.tree, root, variables);
    result.blob = parser.tree.finish(root, source.size());
  }
  result.error = parser.error;
  return result;
}

} // namespace bitnetc
