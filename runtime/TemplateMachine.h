//===- TemplateMachine.h - The evaluator of chat templates ------*- C++ -*-===//
//
// Internal to the renderer. Failing sets a flag that every evaluation looks at
// first, so that what is under way ends quickly: there are no exceptions here.
//
// Names are looked up by scope at run time. That gives Jinja's rules: a loop,
// macro or block has a scope of its own, `if` has none, and a macro sees the
// scope in which it was written.
//
//===----------------------------------------------------------------------===//
#ifndef BITNET_RUNTIME_TEMPLATEMACHINE_H
#define BITNET_RUNTIME_TEMPLATEMACHINE_H

#include "runtime/TemplateRenderer.h"
#include <deque>
#include <span>

namespace bitnet::chat {

struct Scope {
  std::vector<std::pair<std::string_view, Value>> names;
  Scope *parent = nullptr;
  bool kept = false; ///< A macro may still need it.
};

/// Arguments of a call: by place, and by name.
struct CallArguments {
  std::vector<Value> positional;
  std::vector<std::pair<std::string, Value>> named;
};

class Machine {
public:
  Machine(const TemplateBlob &blob, const Value &variables,
          const RenderOptions &options)
      : blob(blob), variables(variables), options(options),
        stepsLeft(options.maxSteps) {}
  ~Machine();

  bool run(std::string &out);
  std::string error;

private:
  using Node = bitnet_template_node;
  enum class Flow { Next, Break, Continue };

  // Failing and counting.
  Value fail(const std::string &what);
  bool failed() const { return !error.empty(); }
  bool charge(uint64_t steps);
  /// A new string, counted.
  Value makeString(std::string text);
  /// toText, counted.
  std::string textOf(const Value &value);
  Value makeList(std::vector<Value> items, Value::Kind kind = Value::List);
  Value checked(Value value);
  Value typeError(const char *what, const Value &value);

  // Statements (TemplateRenderer.cpp).
  void execute(uint32_t number);
  void executeFor(const Node &node);
  void executeText(std::string_view text);
  void assign(uint32_t target, const Value &value);
  void bind(std::string_view name, Value value);
  Scope *enterScope(Scope *parent);
  void leaveScope();
  std::string capture(uint32_t body);
  Value makeMacro(std::string_view name, uint32_t number);
  Value callMacro(const Object &macro, const CallArguments &arguments,
                  const Value *caller);

  // Expressions (TemplateExpressions.cpp).
  Value evaluate(uint32_t number);
  Value evaluateNode(const Node &node);
  std::vector<Value> evaluateAll(std::span<const uint32_t> numbers);
  Value lookUp(std::string_view name);
  Value attribute(const Value &object, std::string_view name);
  Value item(const Value &object, const Value &key);
  Value slice(const Node &node);
  Value callNode(const Node &node, const Value *caller);
  Value call(const Value &callee, const CallArguments &arguments,
             const Value *caller);
  Value callGlobal(int builtin, const CallArguments &arguments);
  std::vector<Value> iterate(const Value &value);
  int64_t toIndex(const Value &value);
  std::string formatTime(const std::string &format);

  // Operators (TemplateOperators.cpp).
  Value binary(int op, const Value &a, const Value &b);
  Value arithmetic(int op, const Value &a, const Value &b);
  bool compare(int op, const Value &a, const Value &b);
  bool contains(const Value &container, const Value &value);

  // Filters and tests (TemplateFilters.cpp).
  using Given = std::span<const Value>; ///< Missing ones are Undefined.
  Value filter(int which, const Value &value, Given given, uint32_t inner);
  bool test(int which, const Value &value, Given given);
  Value selectItems(int which, const Value &value, Given given, uint32_t inner);
  Value mapItems(int which, const Value &value, Given given, uint32_t inner);
  Value sortItems(const Value &value, bool reverse, bool caseSensitive,
                  const Value *path);
  Value extreme(const Value &value, Given given, int sign);
  Value dictSort(const Value &value, Given given);
  Value uniqueItems(const Value &value, Given given);
  Value sumItems(const Value &value, Given given);
  Value batchItems(const Value &value, Given given);
  Value roundNumber(const Value &value, Given given);
  Value toInteger(const Value &value, Given given);
  Value toFloat(const Value &value, Given given);
  Value indent(const Value &value, Given given);
  Value joinItems(const Value &value, Given given);
  Value tojson(const Value &value, Given given);
  Value atPath(const Value &value, const Value &path);
  Value sortKey(const Value &value, bool caseSensitive, const Value *path);
  bool isBefore(const Value &a, const Value &b);

  // Methods (TemplateMethods.cpp).
  static bool hasMethod(const Value &object, int method);
  static int findMethod(const Value &object, std::string_view name);
  Value callMethod(int method, const Value &object, Given given);
  Value callStringMethod(int method, const std::string &text, Given given);
  Value formatPercent(const std::string &format, Given given);
  Value formatBraces(const std::string &format, Given given);

  const TemplateBlob &blob;
  const Value &variables;
  const RenderOptions &options;
  uint64_t stepsLeft;
  uint32_t line = 1;
  unsigned depth = 0;
  Flow flow = Flow::Next;
  std::string *out = nullptr;
  Scope *scope = nullptr;
  std::deque<std::unique_ptr<Scope>> scopes;
  std::vector<Value> captured;
  /// All of them, since they alone can form cycles or endless chains.
  std::vector<Value> namespaces;
};

} // namespace bitnet::chat

#endif // BITNET_RUNTIME_TEMPLATEMACHINE_H
