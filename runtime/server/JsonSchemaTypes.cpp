//===- JsonSchemaTypes.cpp - Keywords of one type -------------------------===//

#include "runtime/Utf8.h"
#include "runtime/server/JsonSchemaCompiler.h"
#include <algorithm>

namespace bitnet::server {

using chat::Value;

bool JsonSchemaCompiler::readCount(const Value &schema, std::string_view name,
                                   const std::string &path, uint32_t &count) {
  const Value *given = schema.find(name);
  if (!given)
    return true;
  constexpr int64_t kMost = 1'000'000;
  if (!given->is(Value::Int) || given->asInt() < 0 || given->asInt() > kMost)
    return fail(path, "'" + std::string(name) +
                          "' is not an integer from 0 to " +
                          std::to_string(kMost));
  count = static_cast<uint32_t>(given->asInt());
  return true;
}

/// 'pattern' or 'format', neither with the other nor with lengths: then both
/// would have to be honoured.
bool JsonSchemaCompiler::readPattern(Node &made, const Value &schema) {
  const Value *pattern = schema.find("pattern"),
              *format = schema.find("format");
  if (!pattern && !format)
    return true;
  const std::string name = pattern ? "pattern" : "format";
  for (const char *other : {"format", "minLength", "maxLength"})
    if (name != other && schema.find(other))
      return fail(made.path, "the keyword '" + std::string(other) +
                                 "' beside '" + name + "' is not supported");
  const Value &given = pattern ? *pattern : *format;
  if (!given.is(Value::String))
    return fail(made.path, "'" + name + "' is not a text");
  constexpr unsigned kMostPatterns = 50;
  if (++patterns > kMostPatterns)
    return fail(made.path, "more than " + std::to_string(kMostPatterns) +
                               " patterns and formats");
  const char *known = nullptr;
  if (format && !(known = patternOfFormat(given.text())))
    return fail(made.path, "the format '" + printable(given.text()) +
                               "' is not supported");
  std::string why;
  made.pattern = JsonPattern::compile(
      known ? std::string_view(known) : given.text(), &why);
  if (!made.pattern)
    return fail(made.path, "the pattern '" + printable(given.text()) +
                               "' cannot be honoured: " + why);
  constexpr size_t kMostStates = 20'000;
  patternStates += made.pattern->states();
  return patternStates <= kMostStates ||
         fail(made.path, "the patterns need too many states together");
}

bool JsonSchemaCompiler::readString(Node &made, const Value &schema) {
  return readPattern(made, schema) &&
         readCount(schema, "minLength", made.path, made.minLength) &&
         readCount(schema, "maxLength", made.path, made.maxLength) &&
         (made.minLength <= made.maxLength ||
          fail(made.path, "'minLength' is more than 'maxLength'"));
}

bool JsonSchemaCompiler::readNumber(Node &made, const Value &schema) {
  auto bound = [&](const char *name, double &limit, bool &excluded,
                   bool excludes, double sign) {
    const Value *given = schema.find(name);
    if (!given)
      return true;
    if (given->is(Value::Bool) || !given->isNumber() ||
        !std::isfinite(given->asDouble()))
      return fail(made.path, std::string("'") + name + "' is not a number");
    const double value = given->asDouble();
    if (limit != -sign * HUGE_VAL && sign * value < sign * limit)
      return true;
    excluded = value == limit ? excluded || excludes : excludes;
    limit = value;
    return true;
  };
  if (!bound("minimum", made.minimum, made.minimumExcluded, false, 1) ||
      !bound("exclusiveMinimum", made.minimum, made.minimumExcluded, true, 1) ||
      !bound("maximum", made.maximum, made.maximumExcluded, false, -1) ||
      !bound("exclusiveMaximum", made.maximum, made.maximumExcluded, true, -1))
    return false;
  // Beyond these the digits that are written would not hold a bound exactly.
  constexpr double kLargest = 1e15;
  for (double limit : {made.minimum, made.maximum})
    if (std::isfinite(limit) && std::abs(limit) > kLargest)
      return fail(made.path, "bounds beyond 1e15 are not supported");
  // Nor would any number of so many digits lie between some that are close.
  constexpr double kClosest = 1e-9;
  if (!made.integer && made.minimum <= made.maximum &&
      std::isfinite(made.maximum - made.minimum) &&
      made.maximum - made.minimum <
          kClosest *
              std::max({1.0, std::abs(made.minimum), std::abs(made.maximum)}))
    return fail(made.path, "bounds of numbers so close to each other are not "
                           "supported");
  if (made.integer && made.isBounded()) {
    // Integers of the closed range.
    if (made.minimum != -HUGE_VAL) {
      const double low = std::ceil(made.minimum);
      made.minimum = low + (made.minimumExcluded && low == made.minimum);
    }
    if (made.maximum != HUGE_VAL) {
      const double high = std::floor(made.maximum);
      made.maximum = high - (made.maximumExcluded && high == made.maximum);
    }
    made.minimumExcluded = made.maximumExcluded = false;
  }
  return made.minimum < made.maximum ||
         (made.minimum == made.maximum && !made.minimumExcluded &&
          !made.maximumExcluded) ||
         fail(made.path, "no number is within the bounds");
}

bool JsonSchemaCompiler::readObject(Node &made, const Value &schema) {
  const std::string &path = made.path;
  std::vector<std::string> required, names;
  if (const Value *list = schema.find("required")) {
    if (!list->is(Value::List))
      return fail(path, "'required' is not a list of texts");
    for (const Value &name : list->items()) {
      if (!name.is(Value::String))
        return fail(path, "'required' is not a list of texts");
      required.push_back(name.text());
    }
  }
  std::sort(required.begin(), required.end());
  required.erase(std::unique(required.begin(), required.end()), required.end());
  if (const Value *others = schema.find("additionalProperties");
      !others || !others->is(Value::Bool))
    made.additional =
        others ? nodeFor(*others, path + "/additionalProperties") : anyValue();
  else if (others->asInt())
    made.additional = anyValue();

  if (const Value *declared = schema.find("properties")) {
    if (!declared->is(Value::Dict))
      return fail(path, "'properties' is not an object");
    const chat::Object &entries = declared->object();
    for (size_t i = 0; i < entries.items.size(); ++i) {
      names.push_back(entries.items[i].text());
      made.properties.push_back(
          {nodeFor(entries.values[i], path + "/properties/" + names.back()),
           std::binary_search(required.begin(), required.end(), names.back())});
    }
  }
  std::vector<std::string> declared = names;
  std::sort(declared.begin(), declared.end());
  for (const std::string &name : required) {
    if (std::binary_search(declared.begin(), declared.end(), name))
      continue;
    if (made.additional == JsonSchema::none)
      return fail(path, "'required' names '" + printable(name) +
                            "', which 'additionalProperties' forbids");
    names.push_back(name);
    made.properties.push_back({made.additional, true});
  }
  std::vector<std::pair<std::string, int32_t>> sorted;
  for (size_t i = 0; i < names.size(); ++i) {
    const std::string quoted = compactJson(Value::string(names[i]));
    sorted.emplace_back(quoted.substr(1, quoted.size() - 2),
                        static_cast<int32_t>(i));
  }
  std::sort(sorted.begin(), sorted.end());
  for (auto &[name, index] : sorted) {
    made.names.push_back(std::move(name));
    made.nameIndex.push_back(index);
  }
  return problem.empty();
}

bool JsonSchemaCompiler::readArray(Node &made, const Value &schema) {
  const std::string &path = made.path;
  if (const Value *flag = schema.find("uniqueItems");
      flag && !(flag->is(Value::Bool) && !flag->asInt()))
    return fail(path, "the keyword 'uniqueItems' is not supported");
  if (!readCount(schema, "minItems", path, made.minItems) ||
      !readCount(schema, "maxItems", path, made.maxItems))
    return false;
  if (const Value *list = schema.find("prefixItems")) {
    if (!list->is(Value::List))
      return fail(path, "'prefixItems' is not a list of schemas");
    for (size_t i = 0; i < list->items().size(); ++i)
      made.prefixItems.push_back(nodeFor(
          list->items()[i], path + "/prefixItems/" + std::to_string(i)));
  }
  const Value *rest = schema.find("items");
  if (rest && rest->is(Value::List))
    return fail(path, "the keyword 'items' as a list is not supported; "
                      "'prefixItems' is");
  if (!rest)
    made.items = anyValue();
  else if (!rest->is(Value::Bool) || rest->asInt())
    made.items = nodeFor(*rest, path + "/items");
  else
    made.maxItems =
        std::min(made.maxItems, static_cast<uint32_t>(made.prefixItems.size()));
  return (problem.empty() && made.minItems <= made.maxItems) ||
         fail(path, "'minItems' is more than there may be");
}

} // namespace bitnet::server
