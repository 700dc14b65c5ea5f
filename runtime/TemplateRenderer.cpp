//===- TemplateRenderer.cpp - Statements of chat templates ----------------===//

#include "runtime/TemplateRenderer.h"
#include "runtime/TemplateMachine.h"
#include <algorithm>
#include <utility>

namespace bitnet {

std::unique_ptr<ChatTemplate>
ChatTemplate::open(const uint8_t *data, uint64_t size, std::string *error) {
  std::unique_ptr<ChatTemplate> made(new ChatTemplate);
  return made->tree.open(data, size, error) ? std::move(made) : nullptr;
}

bool ChatTemplate::render(const chat::Value &variables,
                          const RenderOptions &options, std::string &out,
                          std::string *error) const {
  chat::Machine machine(tree, variables, options);
  out.clear();
  const bool good = machine.run(out);
  *error = machine.error;
  return good;
}

namespace chat {

// Nodes within nodes, across calls of macros. Each takes up to about 1 KiB of
// the stack, several times that with sanitizers.
static constexpr unsigned kMaxDepth = 900;

Machine::~Machine() {
  // Held by `namespaces`, so that emptying one cannot destroy another.
  for (Value &value : namespaces) {
    value.object().items.clear();
    value.object().values.clear();
  }
}

Value Machine::fail(const std::string &what) {
  if (error.empty())
    error = "chat template, line " + std::to_string(line) + ": " + what;
  return {};
}

bool Machine::charge(uint64_t steps) {
  if (failed())
    return false;
  if (steps > stepsLeft) {
    fail("it takes too many steps");
    return false;
  }
  stepsLeft -= steps;
  return true;
}

Value Machine::makeString(std::string text) {
  if (text.size() > options.maxOutput)
    return fail("a text grows too long");
  return charge(text.size() / 32) ? Value::string(std::move(text)) : Value();
}

std::string Machine::textOf(const Value &value) {
  return charge(weightOf(value)) ? toText(value) : std::string();
}

/// Nesting that only a template can build is bounded here.
Value Machine::checked(Value value) {
  if (depthOf(value) > kMaxValueDepth)
    return fail("values are nested too deeply");
  return value;
}

Value Machine::makeList(std::vector<Value> items, Value::Kind kind) {
  return charge(items.size()) ? checked(Value::list(std::move(items), kind))
                              : Value();
}

Value Machine::typeError(const char *what, const Value &value) {
  if (value.isUndefined())
    return fail(value.text().empty() ? "a value is undefined" : value.text());
  return fail(std::string(what) + " '" + typeName(value) + "'");
}

bool Machine::run(std::string &text) {
  out = &text;
  enterScope(nullptr);
  execute(blob.header().root);
  return !failed();
}

Scope *Machine::enterScope(Scope *parent) {
  scopes.push_back(std::make_unique<Scope>());
  scopes.back()->parent = parent;
  return scope = scopes.back().get();
}

/// Back to the scope before; the caller restores `scope` if that is not the
/// parent.
void Machine::leaveScope() {
  Scope *parent = scope->parent;
  if (!scope->kept && scopes.back().get() == scope)
    scopes.pop_back();
  scope = parent;
}

void Machine::bind(std::string_view name, Value value) {
  for (auto &[other, old] : scope->names)
    if (other == name) {
      old = std::move(value);
      return;
    }
  scope->names.emplace_back(name, std::move(value));
}

void Machine::executeText(std::string_view text) {
  if (out->size() + text.size() > options.maxOutput) {
    fail("it writes too much");
    return;
  }
  if (charge(text.size() / 32))
    *out += text;
}

std::string Machine::capture(uint32_t body) {
  std::string text;
  std::string *outer = std::exchange(out, &text);
  Scope *before = scope;
  enterScope(before);
  execute(body);
  leaveScope();
  scope = before;
  out = outer;
  return text;
}

Value Machine::makeMacro(std::string_view name, uint32_t number) {
  Value macro = Value::withObject(Value::Function);
  macro.object().text = name;
  macro.object().node = number;
  macro.object().scope = scope;
  for (Scope *s = scope; s; s = s->parent)
    s->kept = true;
  return macro;
}

Value Machine::callMacro(const Object &macro, const CallArguments &arguments,
                         const Value *caller) {
  const Node &node = blob.node(macro.node);
  // MACRO: name, parameters, body; CALL_BLOCK: call, parameters, body.
  const unsigned at = node.kind == BITNET_TEMPLATE_MACRO ? 2 : 1;
  const auto parameters = blob.list(node, at);
  const uint32_t body = node.field[at + 2];
  if (arguments.positional.size() > parameters.size())
    return fail("macro '" + macro.text + "' takes not more than " +
                std::to_string(parameters.size()) + " arguments");
  Scope *before = scope;
  enterScope(macro.scope);
  for (size_t i = 0; i < parameters.size() && !failed(); ++i) {
    const Node &parameter = blob.node(parameters[i]);
    const std::string_view name = blob.text(parameter);
    const Value *given = nullptr;
    if (i < arguments.positional.size())
      given = &arguments.positional[i];
    for (const auto &[other, value] : arguments.named)
      if (other == name) {
        if (given)
          fail("macro '" + macro.text + "' got two values for '" + other + "'");
        given = &value;
      }
    bind(name, given ? *given
               : parameter.field[2]
                   ? evaluate(parameter.field[2])
                   : Value::undefined("parameter '" + std::string(name) +
                                      "' was not provided"));
  }
  for (const auto &[name, value] : arguments.named) {
    auto known = [&](uint32_t p) { return blob.text(blob.node(p)) == name; };
    if (std::none_of(parameters.begin(), parameters.end(), known))
      fail("macro '" + macro.text + "' takes no argument '" + name + "'");
  }
  bind("caller", caller ? *caller : Value::undefined("'caller' is undefined"));
  std::string text;
  if (!failed()) {
    std::string *outer = std::exchange(out, &text);
    const uint32_t callLine = line;
    execute(body);
    if (!failed())
      line = callLine;
    out = outer;
  }
  leaveScope();
  scope = before;
  return failed() ? Value() : makeString(std::move(text));
}

void Machine::assign(uint32_t number, const Value &value) {
  const Node &target = blob.node(number);
  if (!charge(1))
    return;
  if (target.kind == BITNET_TEMPLATE_TO_NAME) {
    bind(blob.text(target), value);
  } else if (target.kind == BITNET_TEMPLATE_TO_ATTRIBUTE) {
    Value space = lookUp(blob.text(target));
    if (!space.is(Value::Namespace)) {
      fail("cannot assign attribute on non-namespace object '" +
           std::string(blob.text(target)) + "'");
      return;
    }
    charge(space.items().size() / 8);
    if (!checked(value).isUndefined() || !failed())
      space.set(Value::string(std::string(blob.text(target, 2))), value);
  } else {
    const auto targets = blob.list(target, 0);
    std::vector<Value> values = iterate(value);
    if (failed())
      return;
    if (values.size() != targets.size()) {
      fail(values.size() < targets.size()
               ? "not enough values to unpack (expected " +
                     std::to_string(targets.size()) + ", got " +
                     std::to_string(values.size()) + ")"
               : "too many values to unpack (expected " +
                     std::to_string(targets.size()) + ")");
      return;
    }
    for (size_t i = 0; i < targets.size(); ++i)
      assign(targets[i], values[i]);
  }
}

void Machine::executeFor(const Node &node) {
  const auto [target, values, condition, body, otherwise, unused] = node.field;
  Scope *before = scope;
  std::vector<Value> items = iterate(evaluate(values));
  if (condition) {
    // Chosen before the loop begins, so that loop.length is right.
    std::vector<Value> chosen;
    for (Value &value : items) {
      if (failed())
        return;
      enterScope(before);
      assign(target, value);
      if (truthy(evaluate(condition)))
        chosen.push_back(std::move(value));
      leaveScope();
    }
    items = std::move(chosen);
  }
  if (failed())
    return;
  if (items.empty()) {
    if (otherwise) {
      enterScope(before);
      execute(otherwise);
      leaveScope();
    }
    return;
  }
  Value loop = makeList(std::move(items), Value::Loop);
  if (failed())
    return;
  for (size_t i = 0; i < loop.items().size() && !failed(); ++i) {
    loop.object().position = static_cast<int64_t>(i);
    enterScope(before);
    bind("loop", loop);
    assign(target, loop.items()[i]);
    execute(body);
    leaveScope();
    if (flow == Flow::Break) {
      flow = Flow::Next;
      break;
    }
    flow = Flow::Next;
  }
}

void Machine::execute(uint32_t number) {
  if (!charge(1))
    return;
  if (++depth > kMaxDepth) {
    fail("calls are nested too deeply");
    --depth;
    return;
  }
  const Node &node = blob.node(number);
  line = node.line;
  switch (node.kind) {
  case BITNET_TEMPLATE_TEXT:
    executeText(blob.text(node));
    break;
  case BITNET_TEMPLATE_PRINT: {
    Value value = evaluate(node.field[0]);
    if (!failed())
      executeText(value.is(Value::String) ? value.text() : textOf(value));
    break;
  }
  case BITNET_TEMPLATE_BLOCK:
    for (uint32_t child : blob.list(node, 0)) {
      execute(child);
      if (failed() || flow != Flow::Next)
        break;
    }
    break;
  case BITNET_TEMPLATE_SCOPE:
    enterScope(scope);
    execute(node.field[0]);
    leaveScope();
    break;
  case BITNET_TEMPLATE_IF:
    if (truthy(evaluate(node.field[0])))
      execute(node.field[1]);
    else if (node.field[2] && !failed())
      execute(node.field[2]);
    break;
  case BITNET_TEMPLATE_FOR:
    executeFor(node);
    break;
  case BITNET_TEMPLATE_SET: {
    Value value = evaluate(node.field[1]);
    if (!failed())
      assign(node.field[0], value);
    break;
  }
  case BITNET_TEMPLATE_SET_BLOCK:
  case BITNET_TEMPLATE_PRINT_BLOCK: {
    const bool prints = node.kind == BITNET_TEMPLATE_PRINT_BLOCK;
    const uint32_t body = node.field[prints ? 0 : 1];
    const uint32_t filters = node.field[prints ? 1 : 2];
    Value value = makeString(capture(body));
    if (filters && !failed()) {
      captured.push_back(value);
      value = evaluate(filters);
      captured.pop_back();
    }
    if (failed())
      break;
    if (prints)
      executeText(textOf(value));
    else
      assign(node.field[0], value);
    break;
  }
  case BITNET_TEMPLATE_MACRO:
    bind(blob.text(node), makeMacro(blob.text(node), number));
    break;
  case BITNET_TEMPLATE_CALL_BLOCK: {
    Value caller = makeMacro("caller", number);
    const Node &callNode = blob.node(node.field[0]);
    if (callNode.kind != BITNET_TEMPLATE_CALL) {
      fail("'call' needs the call of a macro");
      break;
    }
    Value value = this->callNode(callNode, &caller);
    if (!failed())
      executeText(textOf(value));
    break;
  }
  case BITNET_TEMPLATE_BREAK:
    flow = Flow::Break;
    break;
  case BITNET_TEMPLATE_CONTINUE:
    flow = Flow::Continue;
    break;
  }
  --depth;
}

} // namespace chat
} // namespace bitnet
