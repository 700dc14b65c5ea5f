//===- TemplateValue.cpp - Values of chat templates -----------------------===//

#include "runtime/TemplateValue.h"
#include "runtime/Utf8.h"
#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>

namespace bitnet::chat {

Value Value::withObject(Kind kind) {
  Value value(kind);
  value.pointer = std::make_shared<Object>();
  return value;
}

Value Value::undefined(std::string message) {
  Value value = withObject(Undefined);
  value.pointer->text = std::move(message);
  return value;
}

Value Value::boolean(bool b) {
  Value value(Bool);
  value.whole = b;
  return value;
}

Value Value::integer(int64_t i) {
  Value value(Int);
  value.whole = i;
  return value;
}

Value Value::real(double d) {
  Value value(Float);
  value.number = d;
  return value;
}

Value Value::string(std::string text) {
  Value value = withObject(String);
  value.pointer->text = std::move(text);
  return value;
}

Value Value::list(std::vector<Value> items, Kind kind) {
  Value value = withObject(kind);
  for (const Value &item : items)
    holds(*value.pointer, item);
  value.pointer->items = std::move(items);
  return value;
}

Value Value::pair(Value first, Value second) {
  std::vector<Value> items;
  items.push_back(std::move(first));
  items.push_back(std::move(second));
  return list(std::move(items), Tuple);
}

const std::string &Value::text() const {
  static const std::string none;
  return pointer ? pointer->text : none;
}

const std::vector<Value> &Value::items() const {
  static const std::vector<Value> none;
  return pointer ? pointer->items : none;
}

uint32_t depthOf(const Value &value) {
  return value.identity() ? value.identity()->depth : 0;
}

uint64_t weightOf(const Value &value) {
  // Namespaces are neither printed nor compared by content.
  if (!value.identity() || value.is(Value::Namespace))
    return 1;
  return value.identity()->weight + value.text().size() / 32;
}

void holds(Object &parent, const Value &child) {
  parent.depth = std::max(parent.depth, depthOf(child) + 1);
  // Saturates far below overflow.
  parent.weight = std::min(parent.weight + weightOf(child), uint64_t{1} << 60);
}

const Value *Value::find(std::string_view key) const {
  for (size_t i = 0; i < pointer->items.size(); ++i)
    if (pointer->items[i].is(String) && pointer->items[i].text() == key)
      return &pointer->values[i];
  return nullptr;
}

const Value *Value::find(const Value &key) const {
  if (key.is(String))
    return find(key.text());
  for (size_t i = 0; i < pointer->items.size(); ++i)
    if (equal(pointer->items[i], key))
      return &pointer->values[i];
  return nullptr;
}

void Value::set(Value key, Value value) {
  holds(*pointer, key);
  holds(*pointer, value);
  if (const Value *place = find(key)) {
    pointer->values[static_cast<size_t>(place - pointer->values.data())] =
        std::move(value);
    return;
  }
  pointer->items.push_back(std::move(key));
  pointer->values.push_back(std::move(value));
}

bool truthy(const Value &value) {
  switch (value.kind()) {
  case Value::Undefined:
  case Value::None:
    return false;
  case Value::Bool:
  case Value::Int:
    return value.asInt() != 0;
  case Value::Float:
    return value.asDouble() != 0;
  case Value::String:
    return !value.text().empty();
  case Value::List:
  case Value::Tuple:
  case Value::Dict:
    return !value.items().empty();
  default:
    return true;
  }
}

/// Without rounding the integer.
static int orderNumbers(const Value &a, const Value &b) {
  if (a.is(Value::Float) || b.is(Value::Float)) {
    const double x = a.asDouble(), y = b.asDouble();
    return x < y ? -1 : x > y;
  }
  return a.asInt() < b.asInt() ? -1 : a.asInt() > b.asInt();
}

static bool equalItems(const std::vector<Value> &a,
                       const std::vector<Value> &b) {
  return a.size() == b.size() &&
         std::equal(a.begin(), a.end(), b.begin(), equal);
}

bool equal(const Value &a, const Value &b) {
  if (a.isNumber() && b.isNumber()) {
    const bool nan = std::isnan(a.asDouble()) || std::isnan(b.asDouble());
    return !nan && orderNumbers(a, b) == 0;
  }
  if (a.kind() != b.kind())
    return false;
  switch (a.kind()) {
  case Value::Undefined:
  case Value::None:
    return true;
  case Value::String:
    return a.text() == b.text();
  case Value::List:
  case Value::Tuple:
    return a.identity() == b.identity() || equalItems(a.items(), b.items());
  case Value::Dict:
    if (a.items().size() != b.items().size())
      return false;
    for (size_t i = 0; i < a.items().size(); ++i) {
      const Value *other = b.find(a.items()[i]);
      if (!other || !equal(a.object().values[i], *other))
        return false;
    }
    return true;
  default:
    return a.identity() == b.identity();
  }
}

bool order(const Value &a, const Value &b, int &result) {
  if (a.isNumber() && b.isNumber()) {
    result = orderNumbers(a, b);
    return true;
  }
  if (a.kind() != b.kind())
    return false;
  if (a.is(Value::String)) {
    // The order of UTF-8's bytes is that of the characters.
    const int c = a.text().compare(b.text());
    result = c < 0 ? -1 : c > 0;
    return true;
  }
  if (!a.isSequence())
    return false;
  const auto &x = a.items(), &y = b.items();
  for (size_t i = 0; i < std::min(x.size(), y.size()); ++i)
    if (!equal(x[i], y[i]))
      return order(x[i], y[i], result);
  result = x.size() < y.size() ? -1 : x.size() > y.size();
  return true;
}

std::vector<size_t>
sortedPlaces(size_t count, const std::function<bool(size_t, size_t)> &less) {
  std::vector<size_t> places(count), merged(count);
  for (size_t i = 0; i < count; ++i)
    places[i] = i;
  for (size_t width = 1; width < count; width *= 2) {
    for (size_t begin = 0; begin < count; begin += 2 * width) {
      const size_t middle = std::min(begin + width, count);
      const size_t end = std::min(begin + 2 * width, count);
      size_t left = begin, right = middle;
      for (size_t i = begin; i < end; ++i)
        merged[i] = right == end || (left < middle &&
                                     !less(places[right], places[left]))
                        ? places[left++]
                        : places[right++];
    }
    places.swap(merged);
  }
  return places;
}

std::string floatText(double number) {
  if (std::isnan(number))
    return "nan";
  if (std::isinf(number))
    return number < 0 ? "-inf" : "inf";
  // The shortest digits that read back as the same number, laid out as Python
  // does: exponents only below -4 and from 16 on.
  char buffer[64];
  char *end = std::to_chars(buffer, buffer + sizeof(buffer), number,
                            std::chars_format::scientific)
                  .ptr;
  std::string digits;
  std::string sign;
  char *at = buffer;
  if (*at == '-') {
    sign = "-";
    ++at;
  }
  for (; at != end && *at != 'e'; ++at)
    if (*at != '.')
      digits += *at;
  int exponent = 0;
  std::from_chars(at + 1 + (at[1] == '+'), end, exponent);
  const int count = static_cast<int>(digits.size());
  if (exponent < -4 || exponent >= 16) {
    std::string text = sign + digits[0];
    if (count > 1)
      text += "." + digits.substr(1);
    snprintf(buffer, sizeof(buffer), "e%c%02d", exponent < 0 ? '-' : '+',
             exponent < 0 ? -exponent : exponent);
    return text + buffer;
  }
  if (exponent < 0)
    return sign + "0." + std::string(static_cast<size_t>(-exponent - 1), '0') +
           digits;
  if (count <= exponent + 1)
    return sign + digits +
           std::string(static_cast<size_t>(exponent + 1 - count), '0') + ".0";
  digits.insert(static_cast<size_t>(exponent + 1), ".");
  return sign + digits;
}

static bool isPrintable(char32_t c) {
  static constexpr char32_t ranges[][2] = {
      {0, 0x1F},          {0x7F, 0xA0},     {0xAD, 0xAD},
      {0x600, 0x605},     {0x61C, 0x61C},   {0x6DD, 0x6DD},
      {0x70F, 0x70F},     {0x1680, 0x1680}, {0x180E, 0x180E},
      {0x2000, 0x200F},   {0x2028, 0x202F}, {0x205F, 0x206F},
      {0x3000, 0x3000},   {0xD800, 0xF8FF}, {0xFEFF, 0xFEFF},
      {0xFFF0, 0xFFFB},   {0xFFFE, 0xFFFF}, {0xE0000, 0xE00FF},
      {0xE01F0, 0x10FFFF}};
  for (auto &range : ranges)
    if (c >= range[0] && c <= range[1])
      return false;
  return true;
}

static std::string quotePython(std::string_view text) {
  const bool hasSingle = text.find('\'') != std::string_view::npos;
  const bool hasDouble = text.find('"') != std::string_view::npos;
  const char quote = hasSingle && !hasDouble ? '"' : '\'';
  std::string out(1, quote);
  while (!text.empty()) {
    Utf8Char c = decodeUtf8(text);
    const char32_t code = c.codePoint;
    char buffer[16];
    if (code == static_cast<char32_t>(quote) || code == '\\') {
      out += '\\';
      out += static_cast<char>(code);
    } else if (code == '\n' || code == '\r' || code == '\t') {
      out += code == '\n' ? "\\n" : code == '\r' ? "\\r" : "\\t";
    } else if (!isPrintable(code)) {
      snprintf(buffer, sizeof(buffer),
               code < 0x100     ? "\\x%02x"
               : code < 0x10000 ? "\\u%04x"
                                : "\\U%08x",
               static_cast<unsigned>(code));
      out += buffer;
    } else {
      out += text.substr(0, c.length);
    }
    text.remove_prefix(c.length);
  }
  return out + quote;
}

static std::string joinReprs(const Value &value, char open, char close) {
  std::string out(1, open);
  const auto &items = value.items();
  for (size_t i = 0; i < items.size(); ++i) {
    if (i)
      out += ", ";
    out += toRepr(items[i]);
    if (value.is(Value::Dict))
      out += ": " + toRepr(value.object().values[i]);
  }
  if (value.is(Value::Tuple) && items.size() == 1)
    out += ",";
  return out + close;
}

std::string toRepr(const Value &value) {
  return value.is(Value::String)      ? quotePython(value.text())
         : value.is(Value::Undefined) ? "Undefined"
                                      : toText(value);
}

std::string toText(const Value &value) {
  switch (value.kind()) {
  case Value::Undefined:
    return "";
  case Value::None:
    return "None";
  case Value::Bool:
    return value.asInt() ? "True" : "False";
  case Value::Int:
    return std::to_string(value.asInt());
  case Value::Float:
    return floatText(value.asDouble());
  case Value::String:
    return value.text();
  case Value::List:
    return joinReprs(value, '[', ']');
  case Value::Tuple:
    return joinReprs(value, '(', ')');
  case Value::Dict:
    return joinReprs(value, '{', '}');
  case Value::Namespace:
    // Could hold itself.
    return "<Namespace>";
  case Value::Loop:
    return "<LoopContext " + std::to_string(value.object().position + 1) + "/" +
           std::to_string(value.items().size()) + ">";
  case Value::Function:
    return "<Macro " + quotePython(value.text()) + ">";
  }
  return "";
}

const char *typeName(const Value &value) {
  static constexpr const char *names[] = {
      "Undefined", "NoneType", "bool", "int",       "float",       "str",
      "list",      "tuple",    "dict", "Namespace", "LoopContext", "function"};
  return names[value.kind()];
}

} // namespace bitnet::chat
