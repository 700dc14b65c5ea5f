//===- TemplateValue.h - Values of chat templates ---------------*- C++ -*-===//
//
// What Jinja templates compute with: Python's values as far as templates see
// them, printed and compared as Python does. Values are immutable (transformers
// renders in an immutable sandbox); only namespaces change.
//
//===----------------------------------------------------------------------===//
#ifndef BITNET_RUNTIME_TEMPLATEVALUE_H
#define BITNET_RUNTIME_TEMPLATEVALUE_H

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace bitnet::chat {

struct Object;
using ObjectPointer = std::shared_ptr<Object>;

class Value {
public:
  enum Kind : uint8_t {
    Undefined, ///< With the message of the error that using it is.
    None,
    Bool,
    Int,
    Float,
    String,
    List,
    Tuple,
    Dict,
    Namespace,
    Loop,
    Function
  };

  Value() = default;
  static Value undefined(std::string message);
  static Value none() { return Value(None); }
  static Value boolean(bool b);
  static Value integer(int64_t i);
  static Value real(double d);
  static Value string(std::string text);
  static Value list(std::vector<Value> items, Kind kind = List);
  static Value pair(Value first, Value second);
  static Value dict() { return withObject(Dict); }
  static Value withObject(Kind kind);

  Kind kind() const { return type; }
  bool is(Kind k) const { return type == k; }
  bool isNumber() const { return type == Int || type == Float || type == Bool; }
  bool isSequence() const { return type == List || type == Tuple; }
  bool isUndefined() const { return type == Undefined; }
  /// Of Int and Bool.
  int64_t asInt() const { return whole; }
  double asDouble() const {
    return type == Float ? number : static_cast<double>(whole);
  }
  const std::string &text() const;
  const std::vector<Value> &items() const;
  Object &object() const { return *pointer; }
  const Object *identity() const { return pointer.get(); }

  // Dictionaries and namespaces: insertion order, as in Python.
  const Value *find(const Value &key) const;
  const Value *find(std::string_view key) const;
  void set(Value key, Value value);

private:
  explicit Value(Kind kind) : type(kind) {}
  Kind type = Undefined;
  union {
    int64_t whole = 0;
    double number;
  };
  ObjectPointer pointer;
};

struct Scope;

/// The heap part of a value; which members mean something depends on the kind.
struct Object {
  std::string text;          ///< String; message of Undefined; Function's name.
  std::vector<Value> items;  ///< Elements, or keys of a Dict.
  std::vector<Value> values; ///< Of a Dict, by key.
  uint32_t depth = 1;        ///< Of nested values; bounds all recursion.
  uint64_t weight = 1;       ///< What walking all of it costs.
  uint32_t node = 0;         ///< Function: macro, or 0.
  int32_t builtin = -1;      ///< Function: method of items[0], or global.
  int64_t position = 0;      ///< Loop: index of the current item.
  Scope *scope = nullptr;    ///< Function: where the macro was defined.
};

/// Deeper values are errors.
inline constexpr uint32_t kMaxValueDepth = 200;
uint32_t depthOf(const Value &value);
/// A value may hold another one often, so this can be far more than memory.
uint64_t weightOf(const Value &value);
/// Counts `child` as part of `parent`.
void holds(Object &parent, const Value &child);

bool truthy(const Value &value);
bool equal(const Value &a, const Value &b);
/// -1, 0, 1; false if Python cannot order the two.
bool order(const Value &a, const Value &b, int &result);
/// Python's str() and repr().
std::string toText(const Value &value);
std::string toRepr(const Value &value);
std::string floatText(double number);
/// "str", "int", "dict" and so on, for messages.
const char *typeName(const Value &value);

/// The numbers 0 .. count-1 in stable order. Bears a `less` that is no order
/// (NaN), which the library's sort does not.
std::vector<size_t>
sortedPlaces(size_t count, const std::function<bool(size_t, size_t)> &less);

struct JsonStyle {
  std::string itemSeparator = ", ", keySeparator = ": ";
  std::string indent; ///< Of one level.
  bool pretty = false, ascii = false, sortKeys = false;
};
/// Python's json.dumps; false if the value has no JSON form.
bool toJson(const Value &value, const JsonStyle &style, std::string &out,
            std::string *error);
/// More values are an error of fromJson: each takes far more memory than text.
inline constexpr uint64_t kMaxJsonValues = 1'000'000;
/// Python's json.loads; false with one sentence in `error`.
bool fromJson(std::string_view text, Value &value, std::string *error);

} // namespace bitnet::chat

#endif // BITNET_RUNTIME_TEMPLATEVALUE_H
