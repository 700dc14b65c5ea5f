//===- Fields.cpp - Typed members of a JSON request -----------------------===//

#include "runtime/server/Fields.h"
#include "runtime/Cli.h"
#include <climits>

namespace bitnet::server {

using chat::Value;

const char *jsonTypeName(const Value &value) {
  switch (value.kind()) {
  case Value::None:
    return "null";
  case Value::Bool:
    return "a boolean";
  case Value::Int:
  case Value::Float:
    return "a number";
  case Value::String:
    return "a string";
  case Value::List:
    return "an array";
  default:
    return "an object";
  }
}

const Value *Fields::find(const char *name) const {
  if (!good())
    return nullptr;
  const Value *found = object.find(std::string_view(name));
  return found && !found->is(Value::None) ? found : nullptr;
}

void Fields::fail(const std::string &name, const std::string &message,
                  std::string code) {
  if (!good())
    return;
  error = {400, "'" + prefix + name + "' " + message, prefix + name,
           std::move(code)};
}

void Fields::wrongType(const std::string &name, const Value &found,
                       const std::string &expected) {
  fail(name, "must be " + expected + ", not " + jsonTypeName(found),
       "invalid_type");
}

void Fields::boolean(const char *name, bool &out) {
  const Value *found = find(name);
  if (found && !found->is(Value::Bool))
    wrongType(name, *found, "a boolean");
  else if (found)
    out = found->asInt() != 0;
}

void Fields::integer(const char *name, int64_t &out, int64_t min, int64_t max) {
  const Value *found = find(name);
  if (!found)
    return;
  int64_t value = 0;
  // 1.0 is a whole number in JavaScript.
  if (found->is(Value::Int)) {
    value = found->asInt();
  } else if (found->is(Value::Float) && found->asDouble() >= -0x1p53 &&
             found->asDouble() <= 0x1p53 &&
             found->asDouble() ==
                 static_cast<double>(static_cast<int64_t>(found->asDouble()))) {
    value = static_cast<int64_t>(found->asDouble());
  } else {
    wrongType(name, *found,
              found->is(Value::Float) ? "a whole number" : "an integer");
    return;
  }
  if (value >= min && value <= max)
    out = value;
  else
    fail(name,
         "must be from " + std::to_string(min) + " to " + std::to_string(max) +
             ", not " + std::to_string(value),
         "invalid_value");
}

void Fields::number(const char *name, float &out, float min, float max) {
  const Value *found = find(name);
  if (!found)
    return;
  if (!found->is(Value::Int) && !found->is(Value::Float)) {
    wrongType(name, *found, "a number");
    return;
  }
  const double value = found->asDouble();
  if (value >= min && value <= max)
    out = static_cast<float>(value);
  else
    fail(name,
         "must be from " + jsonNumber(min) + " to " + jsonNumber(max) +
             ", not " + jsonNumber(value),
         "invalid_value");
}

void Fields::text(const char *name, std::string &out) {
  const Value *found = find(name);
  if (found && !found->is(Value::String))
    wrongType(name, *found, "a string");
  else if (found)
    out = found->text();
}

void Fields::texts(const char *name, std::vector<std::string> &out,
                   size_t most) {
  const Value *found = find(name);
  if (!found)
    return;
  std::vector<Value> items = {*found};
  if (found->is(Value::List))
    items = found->items();
  if (items.size() > most)
    fail(name, "has " + std::to_string(items.size()) + " elements, more than " +
                   std::to_string(most));
  for (const Value &item : items) {
    if (!item.is(Value::String))
      wrongType(name, *found, "a string or an array of strings");
    else if (item.text().empty())
      fail(name, "must not hold empty strings", "invalid_value");
    else
      out.push_back(item.text());
  }
}

void Fields::tokens(const char *name, std::vector<int32_t> &out) {
  const Value *found = find(name);
  if (!found)
    return;
  if (!found->is(Value::List)) {
    wrongType(name, *found, "an array of token ids");
    return;
  }
  for (const Value &item : found->items()) {
    if (!item.is(Value::Int) || item.asInt() < 0 || item.asInt() > INT_MAX) {
      fail(name, "must hold token ids, whole numbers", "invalid_type");
      return;
    }
    out.push_back(static_cast<int32_t>(item.asInt()));
  }
}

bool parseBody(const std::string &body, Value &object, ApiError &error) {
  std::string why;
  if (!chat::fromJson(body, object, &why))
    error = {400, "the body is not valid JSON: " + why, "", "invalid_json"};
  else if (!object.is(Value::Dict))
    error = {400,
             std::string("the body must be a JSON object, not ") +
                 jsonTypeName(object),
             "", "invalid_type"};
  return error.message.empty();
}

} // namespace bitnet::server
