//===- TemplateExpressions.cpp - Expressions of chat templates ------------===//
//
// Names, attributes, elements, slices, calls, and the walk over a node; what
// operators do is in TemplateOperators.cpp.
//
//===----------------------------------------------------------------------===//

#include "runtime/TemplateMachine.h"
#include "runtime/TemplateText.h"
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <ctime>

namespace bitnet::chat {

namespace {
enum Global {
  Range,
  DictFunction,
  NamespaceFunction,
  RaiseException,
  Strftime
};
} // namespace
static constexpr std::string_view globals[] = {
    "range", "dict", "namespace", "raise_exception", "strftime_now"};
// Functions of values: which method, above all globals.
static constexpr int kFirstMethod = 16;
static constexpr int64_t kMaxRange = 100000;

Value Machine::evaluate(uint32_t number) {
  if (number == 0 || !charge(1))
    return {};
  if (++depth > 900) {
    --depth;
    return fail("expressions are nested too deeply");
  }
  Value value = evaluateNode(blob.node(number));
  --depth;
  return failed() ? Value() : value;
}

std::vector<Value> Machine::evaluateAll(std::span<const uint32_t> numbers) {
  std::vector<Value> values;
  values.reserve(numbers.size());
  for (uint32_t number : numbers)
    values.push_back(evaluate(number));
  return values;
}

Value Machine::lookUp(std::string_view name) {
  for (Scope *s = scope; s; s = s->parent)
    for (auto &[other, value] : s->names)
      if (other == name)
        return value;
  if (variables.is(Value::Dict))
    if (const Value *value = variables.find(name))
      return *value;
  for (int i = 0; i < static_cast<int>(std::size(globals)); ++i)
    if (globals[i] == name && (i != Strftime || options.hasClock)) {
      Value function = Value::withObject(Value::Function);
      function.object().text = name;
      function.object().builtin = i;
      return function;
    }
  return Value::undefined("'" + std::string(name) + "' is undefined");
}

static Value loopAttribute(const Object &loop, std::string_view name) {
  struct Row {
    std::string_view name;
    Value (*get)(int64_t position, int64_t count);
  };
  using V = Value;
  static constexpr Row rows[] = {
      {"index", [](int64_t i, int64_t) { return V::integer(i + 1); }},
      {"index0", [](int64_t i, int64_t) { return V::integer(i); }},
      {"revindex", [](int64_t i, int64_t n) { return V::integer(n - i); }},
      {"revindex0", [](int64_t i, int64_t n) { return V::integer(n - i - 1); }},
      {"first", [](int64_t i, int64_t) { return V::boolean(i == 0); }},
      {"last", [](int64_t i, int64_t n) { return V::boolean(i == n - 1); }},
      {"length", [](int64_t, int64_t n) { return V::integer(n); }},
      {"depth", [](int64_t, int64_t) { return V::integer(1); }},
      {"depth0", [](int64_t, int64_t) { return V::integer(0); }}};
  const auto count = static_cast<int64_t>(loop.items.size());
  for (const Row &row : rows)
    if (row.name == name)
      return row.get(loop.position, count);
  const bool previous = name == "previtem";
  if (previous || name == "nextitem") {
    const int64_t at = loop.position + (previous ? -1 : 1);
    return at >= 0 && at < count
               ? loop.items[static_cast<size_t>(at)]
               : Value::undefined(previous ? "there is no previous item"
                                           : "there is no next item");
  }
  return Value::undefined("'LoopContext' has no attribute '" +
                          std::string(name) + "'");
}

Value Machine::attribute(const Value &object, std::string_view name) {
  if (object.isUndefined())
    return typeError("", object);
  if (int method = findMethod(object, name); method >= 0) {
    Value function = Value::withObject(Value::Function);
    function.object().text = name;
    function.object().builtin = kFirstMethod + method;
    holds(function.object(), object);
    function.object().items = {object};
    return checked(std::move(function));
  }
  if (object.is(Value::Loop))
    return loopAttribute(object.object(), name);
  if (object.is(Value::Dict) || object.is(Value::Namespace)) {
    charge(object.items().size() / 8);
    if (const Value *value = object.find(name))
      return *value;
  }
  return Value::undefined(std::string("'") + typeName(object) +
                          " object' has no attribute '" + std::string(name) +
                          "'");
}

Value Machine::item(const Value &object, const Value &key) {
  if (object.isUndefined())
    return typeError("", object);
  if (object.is(Value::Dict)) {
    charge(object.items().size() / 8);
    if (const Value *value = object.find(key))
      return *value;
  }
  const bool isText = object.is(Value::String);
  if ((object.isSequence() || isText) &&
      (key.is(Value::Int) || key.is(Value::Bool))) {
    charge(object.text().size() / 32);
    const int64_t count = isText ? countCharacters(object.text())
                                 : static_cast<int64_t>(object.items().size());
    const int64_t at = key.asInt() + (key.asInt() < 0 ? count : 0);
    if (at < 0 || at >= count)
      return Value::undefined(std::string(typeName(object)) +
                              " object has no element " + toText(key));
    if (!isText)
      return object.items()[static_cast<size_t>(at)];
    const size_t begin = byteOf(object.text(), at);
    return makeString(object.text().substr(
        begin, byteOf(std::string_view(object.text()).substr(begin), 1)));
  }
  if (key.is(Value::String))
    return attribute(object, key.text());
  return Value::undefined(std::string(typeName(object)) +
                          " object has no element " + toRepr(key));
}

/// Python's slice.indices.
Value Machine::slice(const Node &node) {
  Value object = evaluate(node.field[0]);
  Value start = evaluate(node.field[1]), stop = evaluate(node.field[2]),
        step = evaluate(node.field[3]);
  if (failed())
    return {};
  if (object.isUndefined())
    return typeError("", object);
  const bool isText = object.is(Value::String);
  auto missing = [](const Value &v) {
    return v.isUndefined() || v.is(Value::None);
  };
  auto usable = [&](const Value &v) {
    return missing(v) || v.is(Value::Int) || v.is(Value::Bool);
  };
  if ((!isText && !object.isSequence()) || !usable(start) || !usable(stop) ||
      !usable(step))
    return typeError("one cannot slice so a value of type", object);
  const int64_t stride = missing(step) ? 1 : step.asInt();
  if (stride == 0)
    return fail("slice step cannot be zero");
  std::vector<std::string> characters;
  charge(object.text().size() / 4);
  if (isText && !failed())
    characters = splitCharacters(object.text());
  const auto count =
      static_cast<int64_t>(isText ? characters.size() : object.items().size());
  const int64_t low = stride < 0 ? -1 : 0,
                high = stride < 0 ? count - 1 : count;
  auto bound = [&](const Value &v, int64_t otherwise) {
    if (missing(v))
      return otherwise;
    int64_t at = v.asInt();
    if (at < 0)
      at = at < -count ? -1 : at + count;
    return std::clamp(at, low, std::max(low, high));
  };
  int64_t begin = bound(start, stride < 0 ? count - 1 : 0);
  const int64_t end = bound(stop, stride < 0 ? -1 : count);
  std::string text;
  std::vector<Value> items;
  while (stride < 0 ? begin > end : begin < end) {
    if (isText)
      text += characters[static_cast<size_t>(begin)];
    else
      items.push_back(object.items()[static_cast<size_t>(begin)]);
    if (__builtin_add_overflow(begin, stride, &begin))
      break;
  }
  return isText ? makeString(std::move(text))
                : makeList(std::move(items), object.kind());
}

std::vector<Value> Machine::iterate(const Value &value) {
  charge(value.items().size() + value.text().size() / 4);
  if (failed())
    return {};
  switch (value.kind()) {
  case Value::Undefined:
    return {};
  case Value::List:
  case Value::Tuple:
  case Value::Dict:
  case Value::Loop:
    return value.items();
  case Value::String: {
    std::vector<Value> items;
    for (std::string &character : splitCharacters(value.text()))
      items.push_back(Value::string(std::move(character)));
    return items;
  }
  default:
    fail(std::string("'") + typeName(value) + "' object is not iterable");
    return {};
  }
}

int64_t Machine::toIndex(const Value &value) {
  if (value.is(Value::Int) || value.is(Value::Bool))
    return value.asInt();
  typeError("an integer is needed, not", value);
  return 0;
}

/// Python's strftime of the local time.
std::string Machine::formatTime(const std::string &format) {
  const time_t seconds =
      options.time >= 0 ? static_cast<time_t>(options.time) : time(nullptr);
  tm local = {};
  localtime_r(&seconds, &local);
  char buffer[1024];
  const size_t size =
      format.empty() ? 0
                     : strftime(buffer, sizeof(buffer), format.c_str(), &local);
  return std::string(buffer, size);
}

Value Machine::callGlobal(int builtin, const CallArguments &arguments) {
  const auto &given = arguments.positional;
  switch (builtin) {
  case Range: {
    if (given.empty() || given.size() > 3)
      return fail("range takes 1 to 3 arguments");
    const int64_t start = given.size() > 1 ? toIndex(given[0]) : 0;
    const int64_t stop = toIndex(given[given.size() > 1]);
    const int64_t step = given.size() > 2 ? toIndex(given[2]) : 1;
    if (failed())
      return {};
    if (step == 0)
      return fail("range() arg 3 must not be zero");
    std::vector<Value> items;
    for (int64_t i = start; step > 0 ? i < stop : i > stop;) {
      if (static_cast<int64_t>(items.size()) >= kMaxRange)
        return fail("range too big, the maximum is " +
                    std::to_string(kMaxRange));
      items.push_back(Value::integer(i));
      if (__builtin_add_overflow(i, step, &i))
        break;
    }
    return makeList(std::move(items));
  }
  case DictFunction:
  case NamespaceFunction: {
    const bool isDict = builtin == DictFunction;
    Value made = Value::withObject(isDict ? Value::Dict : Value::Namespace);
    if (!isDict)
      namespaces.push_back(made);
    if (given.size() > 1)
      return fail("dict takes one value and named ones");
    if (!given.empty() && given[0].is(Value::Dict)) {
      charge(given[0].items().size());
      for (size_t i = 0; i < given[0].items().size() && !failed(); ++i)
        made.set(given[0].items()[i], given[0].object().values[i]);
    } else if (!given.empty()) {
      for (const Value &entry : iterate(given[0])) {
        std::vector<Value> both = iterate(entry);
        if (!failed() && both.size() != 2)
          return fail("dict needs pairs of key and value");
        if (failed() || !charge(made.items().size() / 8))
          return {};
        made.set(both[0], both[1]);
      }
    }
    for (const auto &[name, value] : arguments.named)
      made.set(Value::string(name), value);
    return checked(std::move(made));
  }
  case RaiseException:
    // The author's own words, without a place in the template.
    if (std::string words = given.empty() ? "" : textOf(given[0]); !failed())
      error = "chat template: " +
              (words.empty() ? "it refuses these messages" : words);
    return {};
  case Strftime:
    if (given.size() != 1 || !given[0].is(Value::String))
      return fail("strftime_now takes one string");
    return makeString(formatTime(given[0].text()));
  }
  return {};
}

Value Machine::call(const Value &callee, const CallArguments &arguments,
                    const Value *caller) {
  if (failed())
    return {};
  if (!callee.is(Value::Function))
    return typeError("one cannot call a value of type", callee);
  const ObjectPointer::element_type &function = callee.object();
  if (function.node)
    return callMacro(function, arguments, caller);
  if (function.builtin < kFirstMethod)
    return callGlobal(function.builtin, arguments);
  return callMethod(function.builtin - kFirstMethod, function.items[0],
                    arguments.positional);
}

Value Machine::callNode(const Node &node, const Value *caller) {
  Value callee = evaluate(node.field[0]);
  CallArguments arguments;
  for (uint32_t number : blob.list(node, 1)) {
    const Node &argument = blob.node(number);
    if (argument.kind == BITNET_TEMPLATE_KEYWORD)
      arguments.named.emplace_back(std::string(blob.text(argument)),
                                   evaluate(argument.field[2]));
    else
      arguments.positional.push_back(evaluate(number));
  }
  return call(callee, arguments, caller);
}

Value Machine::evaluateNode(const Node &node) {
  auto bits = [&] {
    return node.field[0] | static_cast<uint64_t>(node.field[1]) << 32;
  };
  switch (node.kind) {
  case BITNET_TEMPLATE_CONSTANT:
    return node.aux == BITNET_TEMPLATE_CONSTANT_NONE
               ? Value::none()
               : Value::boolean(node.aux == BITNET_TEMPLATE_CONSTANT_TRUE);
  case BITNET_TEMPLATE_INTEGER:
    return Value::integer(static_cast<int64_t>(bits()));
  case BITNET_TEMPLATE_FLOAT:
    return Value::real(std::bit_cast<double>(bits()));
  case BITNET_TEMPLATE_STRING:
    return makeString(std::string(blob.text(node)));
  case BITNET_TEMPLATE_NAME:
    return lookUp(blob.text(node));
  case BITNET_TEMPLATE_LIST:
  case BITNET_TEMPLATE_TUPLE:
    return makeList(evaluateAll(blob.list(node, 0)),
                    node.kind == BITNET_TEMPLATE_LIST ? Value::List
                                                      : Value::Tuple);
  case BITNET_TEMPLATE_DICT: {
    Value dict = Value::dict();
    const auto entries = blob.list(node, 0);
    for (size_t i = 0; i + 1 < entries.size() && charge(1 + i / 8); i += 2) {
      Value key = evaluate(entries[i]);
      if (key.is(Value::List) || key.is(Value::Dict))
        return typeError("a key cannot be of type", key);
      dict.set(key, evaluate(entries[i + 1]));
    }
    return checked(std::move(dict));
  }
  case BITNET_TEMPLATE_ATTRIBUTE:
    return attribute(evaluate(node.field[0]), blob.text(node, 1));
  case BITNET_TEMPLATE_ITEM: {
    Value object = evaluate(node.field[0]);
    return item(object, evaluate(node.field[1]));
  }
  case BITNET_TEMPLATE_SLICE:
    return slice(node);
  case BITNET_TEMPLATE_CALL:
    return callNode(node, nullptr);
  case BITNET_TEMPLATE_KEYWORD:
    return evaluate(node.field[2]);
  case BITNET_TEMPLATE_METHOD: {
    Value object = evaluate(node.field[0]);
    if (failed())
      return {};
    if (hasMethod(object, node.aux))
      return callMethod(node.aux, object, evaluateAll(blob.list(node, 1)));
    static constexpr std::string_view names[] = {
#define X(id, name, parameters) name,
        BITNET_TEMPLATE_METHODS(X)
#undef X
    };
    // A dictionary or namespace may hold a macro of this name.
    Value found = attribute(object, names[node.aux]);
    CallArguments arguments{evaluateAll(blob.list(node, 1)), {}};
    return call(found, arguments, nullptr);
  }
  case BITNET_TEMPLATE_FILTER: {
    Value value = evaluate(node.field[0]);
    std::vector<Value> given = evaluateAll(blob.list(node, 1));
    return failed() ? Value() : filter(node.aux, value, given, node.field[3]);
  }
  case BITNET_TEMPLATE_TEST: {
    Value value = evaluate(node.field[0]);
    std::vector<Value> given = evaluateAll(blob.list(node, 1));
    return failed() ? Value() : Value::boolean(test(node.aux, value, given));
  }
  case BITNET_TEMPLATE_UNARY: {
    Value value = evaluate(node.field[0]);
    if (node.aux == BITNET_TEMPLATE_UNARY_NOT)
      return Value::boolean(!truthy(value));
    if (!value.isNumber())
      return failed() ? Value()
                      : typeError("bad operand type for sign:", value);
    return arithmetic(
        node.aux == BITNET_TEMPLATE_UNARY_NEGATE
            ? BITNET_TEMPLATE_BINARY_SUBTRACT
            : BITNET_TEMPLATE_BINARY_ADD,
        value.is(Value::Float) ? Value::real(-0.0) : Value::integer(0), value);
  }
  case BITNET_TEMPLATE_BINARY: {
    Value left = evaluate(node.field[0]);
    Value right = evaluate(node.field[1]);
    return failed() ? Value() : binary(node.aux, left, right);
  }
  case BITNET_TEMPLATE_COMPARE: {
    Value left = evaluate(node.field[0]);
    for (uint32_t number : blob.list(node, 1)) {
      const Node &link = blob.node(number);
      Value right = evaluate(link.field[0]);
      if (failed() || !compare(link.aux, left, right))
        return Value::boolean(false);
      left = std::move(right);
    }
    return Value::boolean(true);
  }
  case BITNET_TEMPLATE_AND: {
    Value left = evaluate(node.field[0]);
    return truthy(left) ? evaluate(node.field[1]) : left;
  }
  case BITNET_TEMPLATE_OR: {
    Value left = evaluate(node.field[0]);
    return truthy(left) || failed() ? left : evaluate(node.field[1]);
  }
  case BITNET_TEMPLATE_CONDITION: {
    const bool chosen = truthy(evaluate(node.field[0]));
    if (!chosen && !node.field[2])
      return Value::undefined("the inline if-expression evaluated to false and "
                              "no else section was defined");
    return evaluate(node.field[chosen ? 1 : 2]);
  }
  case BITNET_TEMPLATE_CONCAT: {
    std::string text;
    for (uint32_t number : blob.list(node, 0)) {
      text += textOf(evaluate(number));
      if (failed() || text.size() > options.maxOutput)
        break;
    }
    return makeString(std::move(text));
  }
  case BITNET_TEMPLATE_CAPTURED:
    return captured.empty() ? Value() : captured.back();
  }
  return {};
}

} // namespace bitnet::chat
