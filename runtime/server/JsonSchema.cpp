//===- JsonSchema.cpp - What a JSON text may look like --------------------===//

#include "runtime/server/JsonSchema.h"
#include "runtime/TemplateValue.h"
#include "runtime/Utf8.h"
#include <algorithm>
#include <cstdlib>
#include <deque>
#include <iterator>
#include <unordered_map>

namespace bitnet::server {

using chat::Value;

TextRange narrow(const std::vector<std::string> &sorted, TextRange range,
                 size_t depth, uint8_t byte) {
  auto at = [&](const std::string &text) {
    return depth < text.size() ? static_cast<uint8_t>(text[depth]) : -1;
  };
  const auto first = sorted.begin();
  const auto low = std::lower_bound(
      first + range.begin, first + range.end, int{byte},
      [&](const std::string &text, int c) { return at(text) < c; });
  const auto high = std::upper_bound(
      low, first + range.end, int{byte},
      [&](int c, const std::string &text) { return c < at(text); });
  return {static_cast<int32_t>(low - first),
          static_cast<int32_t>(high - first)};
}

int32_t JsonSchema::Node::nextRequired(int32_t index) const {
  const auto size = static_cast<int32_t>(properties.size());
  while (index < size && !properties[static_cast<size_t>(index)].required)
    ++index;
  return index;
}

namespace {
enum Type : unsigned {
  Null = 1,
  Boolean = 2,
  Number = 4,
  Integer = 8,
  String = 16,
  Array = 32,
  Object = 64,
  Any = Null | Boolean | Number | String | Array | Object
};

struct TypeName {
  std::string_view name;
  Type type;
};
constexpr TypeName typeNames[] = {{"null", Null},     {"boolean", Boolean},
                                  {"number", Number}, {"integer", Integer},
                                  {"string", String}, {"array", Array},
                                  {"object", Object}};

/// Keywords and the type that they speak of; 0: of any, or of nothing.
struct Keyword {
  std::string_view name;
  unsigned type;
};
constexpr Keyword keywords[] = {
    {"type", 0},
    {"enum", 0},
    {"const", 0},
    {"nullable", 0},
    {"anyOf", 0},
    {"oneOf", 0},
    {"allOf", 0},
    {"$ref", 0},
    {"minLength", String},
    {"maxLength", String},
    {"minimum", Number},
    {"maximum", Number},
    {"exclusiveMinimum", Number},
    {"exclusiveMaximum", Number},
    {"properties", Object},
    {"required", Object},
    {"additionalProperties", Object},
    {"items", Array},
    {"prefixItems", Array},
    {"minItems", Array},
    {"maxItems", Array},
    {"uniqueItems", Array},
    // Nothing to honour.
    {"$defs", 0},
    {"definitions", 0},
    {"title", 0},
    {"description", 0},
    {"default", 0},
    {"example", 0},
    {"examples", 0},
    {"deprecated", 0},
    {"readOnly", 0},
    {"writeOnly", 0},
    {"discriminator", 0},
    {"$schema", 0},
    {"$id", 0},
    {"$comment", 0},
};
constexpr std::string_view annotations[] = {
    "$defs",    "definitions", "title",      "description",  "default",
    "example",  "examples",    "deprecated", "readOnly",     "writeOnly",
    "$comment", "$schema",     "$id",        "discriminator"};

std::string compactJson(const Value &value) {
  chat::JsonStyle style;
  style.itemSeparator = ",";
  style.keySeparator = ":";
  std::string out, ignored;
  chat::toJson(value, style, out, &ignored);
  return out;
}

/// Of a JSON text.
unsigned typeOfLiteral(const std::string &text) {
  switch (text[0]) {
  case '"':
    return String;
  case '{':
    return Object;
  case '[':
    return Array;
  case 't':
  case 'f':
    return Boolean;
  case 'n':
    return Null;
  default:
    return Number;
  }
}
} // namespace

class JsonSchemaCompiler {
public:
  explicit JsonSchemaCompiler(JsonSchema &out) : out(out) {}

  bool compile(const Value &schema, std::string *error);

private:
  using Node = JsonSchema::Node;
  struct Job {
    int32_t node;
    Value schema;
  };

  bool fail(const std::string &path, const std::string &message) {
    if (problem.empty())
      problem = "the JSON schema cannot be honoured: " + path + ": " + message;
    return false;
  }
  int32_t addNode(std::string path);
  int32_t anyValue();
  int32_t nodeFor(const Value &schema, const std::string &path);
  const Value *follow(const std::string &reference, const std::string &path);
  bool fill(int32_t node, const Value &schema);
  bool checkKeywords(const Value &schema, const std::string &path);
  bool readTypes(const Value &schema, const std::string &path, unsigned &types);
  bool readLiterals(Node &made, const Value &schema, unsigned types);
  bool readAlternatives(Node &made, const Value &schema, const Value &list,
                        std::string_view keyword, bool nullable);
  bool readString(Node &made, const Value &schema);
  bool readNumber(Node &made, const Value &schema);
  bool readObject(Node &made, const Value &schema);
  bool readArray(Node &made, const Value &schema);
  bool readCount(const Value &schema, std::string_view name,
                 const std::string &path, uint32_t &count);
  bool onlyBeside(const Value &schema, std::string_view keyword,
                  const std::string &path, bool nullable);
  void flatten();
  bool checkFinite();
  bool checkOneOf();
  bool areDisjoint(int32_t a, int32_t b, unsigned depth) const;

  JsonSchema &out;
  Value document;
  std::string problem;
  int32_t any = JsonSchema::none;
  std::deque<Job> jobs; ///< Nodes to fill; no recursion over what anybody sent.
  std::unordered_map<const chat::Object *, int32_t> nodeOf;
  std::vector<int32_t> exclusive; ///< Nodes of oneOf.
  static constexpr unsigned kMostComparisons = 100'000;
  mutable unsigned comparisons = 0;
};

int32_t JsonSchemaCompiler::addNode(std::string path) {
  constexpr size_t kMostNodes = 2000;
  if (out.nodes.size() >= kMostNodes)
    fail(path, "more than " + std::to_string(kMostNodes) + " parts");
  out.nodes.emplace_back().path = std::move(path);
  return static_cast<int32_t>(out.nodes.size()) - 1;
}

static void allow(JsonSchema::Node &node, unsigned types) {
  if (types & Null)
    node.literals.push_back("null");
  if (types & Boolean)
    node.literals.insert(node.literals.end(), {"true", "false"});
  node.string |= (types & String) != 0;
  node.number |= (types & (Number | Integer)) != 0;
  node.integer |= (types & (Number | Integer)) == Integer;
  node.object |= (types & Object) != 0;
  node.array |= (types & Array) != 0;
}

/// The node of the schema `true`.
int32_t JsonSchemaCompiler::anyValue() {
  if (any == JsonSchema::none) {
    any = addNode("true");
    Node &made = out.nodes[static_cast<size_t>(any)];
    allow(made, Any);
    std::sort(made.literals.begin(), made.literals.end());
    made.additional = made.items = any;
  }
  return any;
}

/// What a local reference points to.
const Value *JsonSchemaCompiler::follow(const std::string &reference,
                                        const std::string &path) {
  auto broken = [&](const char *why) -> const Value * {
    fail(path, "$ref '" + printable(reference) + "' " + why);
    return nullptr;
  };
  if (reference.empty() || reference[0] != '#')
    return broken("is not within the schema");
  const Value *at = &document;
  size_t place = 1;
  while (place < reference.size()) {
    if (reference[place] != '/')
      return broken("is not a pointer");
    const size_t end =
        std::min(reference.find('/', place + 1), reference.size());
    std::string key;
    for (size_t i = place + 1; i < end; ++i) {
      if (reference[i] == '~' && i + 1 < end) {
        key += reference[++i] == '1' ? '/' : '~';
      } else if (reference[i] == '%') {
        return broken("has escapes, which are not supported");
      } else {
        key += reference[i];
      }
    }
    const Value *next = nullptr;
    if (at->is(Value::Dict)) {
      next = at->find(key);
    } else if (at->is(Value::List) && !key.empty() && key.size() < 6 &&
               key.find_first_not_of("0123456789") == std::string::npos) {
      const size_t index = strtoul(key.c_str(), nullptr, 10);
      next = index < at->items().size() ? &at->items()[index] : nullptr;
    }
    if (!next)
      return broken("points to nothing");
    at = next;
    place = end;
  }
  return at;
}

int32_t JsonSchemaCompiler::nodeFor(const Value &given,
                                    const std::string &path) {
  const Value *schema = &given;
  // A chain of references is its end.
  for (unsigned hops = 0;; ++hops) {
    if (schema->is(Value::Bool)) {
      if (schema->asInt())
        return anyValue();
      fail(path, "no value is allowed");
      return 0;
    }
    if (!schema->is(Value::Dict)) {
      fail(path, "a schema is an object or a boolean");
      return 0;
    }
    const Value *reference = schema->find("$ref");
    if (!reference)
      break;
    if (!onlyBeside(*schema, "$ref", path, false))
      return 0;
    if (!reference->is(Value::String) || hops > 100) {
      fail(path,
           hops > 100 ? "$ref leads back to itself" : "$ref is not a text");
      return 0;
    }
    if (!(schema = follow(reference->text(), path)))
      return 0;
  }
  auto [place, isNew] = nodeOf.try_emplace(schema->identity(), 0);
  if (isNew) {
    place->second = addNode(path);
    jobs.push_back({place->second, *schema});
  }
  return place->second;
}

bool JsonSchemaCompiler::compile(const Value &schema, std::string *error) {
  document = schema;
  out.rootNode = nodeFor(schema, "#");
  while (problem.empty() && !jobs.empty()) {
    Job job = std::move(jobs.front());
    jobs.pop_front();
    fill(job.node, job.schema);
  }
  if (problem.empty() && checkOneOf()) {
    flatten();
    checkFinite();
  }
  *error = problem;
  return problem.empty();
}

bool JsonSchemaCompiler::checkKeywords(const Value &schema,
                                       const std::string &path) {
  for (const Value &key : schema.object().items) {
    const std::string &name = key.text();
    const bool known =
        name.starts_with("x-") ||
        std::any_of(std::begin(keywords), std::end(keywords),
                    [&](const Keyword &k) { return k.name == name; });
    if (!known)
      return fail(path,
                  "the keyword '" + printable(name) + "' is not supported");
  }
  return true;
}

/// Keywords that stand for a whole schema: others beside them would mean both.
bool JsonSchemaCompiler::onlyBeside(const Value &schema,
                                    std::string_view keyword,
                                    const std::string &path, bool nullable) {
  for (const Value &key : schema.object().items) {
    const std::string &name = key.text();
    if (name == keyword || name.starts_with("x-") ||
        (nullable && name == "nullable") ||
        std::find(std::begin(annotations), std::end(annotations), name) !=
            std::end(annotations))
      continue;
    return fail(path, "the keyword '" + printable(name) + "' beside '" +
                          std::string(keyword) + "' is not supported");
  }
  return true;
}

/// Without "type", keywords tell: those of objects mean an object, and so on.
/// That is less than the schema allows, and what is meant.
bool JsonSchemaCompiler::readTypes(const Value &schema, const std::string &path,
                                   unsigned &types) {
  types = 0;
  const Value *given = schema.find("type");
  if (!given) {
    for (const Value &key : schema.object().items)
      for (const Keyword &keyword : keywords)
        if (keyword.name == key.text())
          types |= keyword.type;
    if (!types)
      types = Any;
    return true;
  }
  auto add = [&](const Value &name) {
    for (const TypeName &entry : typeNames)
      if (name.is(Value::String) && name.text() == entry.name) {
        types |= entry.type;
        return true;
      }
    return fail(path, "'type' is not the name of a type");
  };
  if (!given->is(Value::List))
    return add(*given);
  for (const Value &name : given->items())
    if (!add(name))
      return false;
  return types != 0 || fail(path, "'type' is empty");
}

bool JsonSchemaCompiler::fill(int32_t number, const Value &schema) {
  Node made;
  made.path = out.nodes[static_cast<size_t>(number)].path;
  const std::string &path = made.path;
  if (!checkKeywords(schema, path))
    return false;
  bool nullable = false;
  if (const Value *flag = schema.find("nullable")) {
    if (!flag->is(Value::Bool))
      return fail(path, "'nullable' is not a boolean");
    nullable = flag->asInt() != 0;
  }
  bool good = false;
  if (const Value *list = schema.find("anyOf")) {
    good = readAlternatives(made, schema, *list, "anyOf", nullable);
  } else if (const Value *one = schema.find("oneOf")) {
    good = readAlternatives(made, schema, *one, "oneOf", nullable);
    exclusive.push_back(number);
  } else if (const Value *all = schema.find("allOf")) {
    if (all->is(Value::List) && all->items().size() > 1)
      return fail(path, "the keyword 'allOf' with more than one schema is not "
                        "supported");
    good = readAlternatives(made, schema, *all, "allOf", nullable);
  } else {
    unsigned types = 0;
    if (!readTypes(schema, path, types))
      return false;
    if (nullable)
      types |= Null;
    if (schema.find("enum") || schema.find("const")) {
      good = readLiterals(made, schema, types);
    } else {
      allow(made, types);
      good = (!made.string || readString(made, schema)) &&
             (!made.number || readNumber(made, schema)) &&
             (!made.object || readObject(made, schema)) &&
             (!made.array || readArray(made, schema));
    }
  }
  std::sort(made.literals.begin(), made.literals.end());
  if (good)
    out.nodes[static_cast<size_t>(number)] = std::move(made);
  return good;
}

bool JsonSchemaCompiler::readAlternatives(Node &made, const Value &schema,
                                          const Value &list,
                                          std::string_view keyword,
                                          bool nullable) {
  const std::string name(keyword);
  if (!onlyBeside(schema, keyword, made.path, true))
    return false;
  if (!list.is(Value::List) || list.items().empty())
    return fail(made.path, "'" + name + "' is not a list of schemas");
  for (size_t i = 0; i < list.items().size(); ++i)
    made.anyOf.push_back(nodeFor(list.items()[i], made.path + "/" + name + "/" +
                                                      std::to_string(i)));
  if (nullable) {
    const int32_t null = addNode(made.path + "/nullable");
    out.nodes[static_cast<size_t>(null)].literals = {"null"};
    made.anyOf.push_back(null);
  }
  return problem.empty();
}

bool JsonSchemaCompiler::readLiterals(Node &made, const Value &schema,
                                      unsigned types) {
  const bool typed = schema.find("type") != nullptr;
  for (const Value &key : schema.object().items)
    for (const Keyword &keyword : keywords)
      if (keyword.type && keyword.name == key.text())
        return fail(made.path, "the keyword '" + key.text() +
                                   "' beside 'enum' or 'const' is not "
                                   "supported");
  std::vector<Value> values;
  if (const Value *only = schema.find("const"))
    values.push_back(*only);
  if (const Value *list = schema.find("enum")) {
    if (!values.empty())
      return fail(made.path, "the keyword 'enum' beside 'const' is not "
                             "supported");
    if (!list->is(Value::List))
      return fail(made.path, "'enum' is not a list");
    values = list->items();
  }
  for (const Value &value : values) {
    const unsigned type = typeOfLiteral(compactJson(value));
    const bool fits =
        !typed || (types & type) ||
        (type == Number && (types & Integer) && value.is(Value::Int));
    if (fits)
      made.literals.push_back(compactJson(value));
  }
  if (const Value *flag = schema.find("nullable"); flag && flag->asInt())
    made.literals.push_back("null");
  std::sort(made.literals.begin(), made.literals.end());
  made.literals.erase(std::unique(made.literals.begin(), made.literals.end()),
                      made.literals.end());
  return !made.literals.empty() || fail(made.path, "no value is allowed");
}

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

bool JsonSchemaCompiler::readString(Node &made, const Value &schema) {
  return readCount(schema, "minLength", made.path, made.minLength) &&
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

/// Alternatives of alternatives become one list, so that following them needs
/// no recursion; one that contains itself adds nothing.
void JsonSchemaCompiler::flatten() {
  std::vector<std::vector<int32_t>> flat(out.nodes.size());
  for (size_t n = 0; n < out.nodes.size(); ++n) {
    if (out.nodes[n].anyOf.empty())
      continue;
    std::vector<int32_t> open{static_cast<int32_t>(n)};
    std::vector<bool> seen(out.nodes.size(), false);
    while (!open.empty()) {
      const auto at = static_cast<size_t>(open.back());
      open.pop_back();
      if (seen[at])
        continue;
      seen[at] = true;
      const auto &inner = out.nodes[at].anyOf;
      if (inner.empty())
        flat[n].push_back(static_cast<int32_t>(at));
      open.insert(open.end(), inner.rbegin(), inner.rend());
    }
  }
  for (size_t n = 0; n < out.nodes.size(); ++n)
    if (!out.nodes[n].anyOf.empty() && !flat[n].empty())
      out.nodes[n].anyOf = std::move(flat[n]);
}

/// A part that must contain itself never ends.
bool JsonSchemaCompiler::checkFinite() {
  std::vector<bool> ends(out.nodes.size(), false);
  auto allEnd = [&](const Node &node) -> bool {
    auto one = [&](int32_t n) -> bool { return ends[static_cast<size_t>(n)]; };
    if (!node.anyOf.empty())
      return std::any_of(node.anyOf.begin(), node.anyOf.end(), one);
    if (!node.literals.empty() || node.string || node.number)
      return true;
    if (node.object &&
        std::all_of(node.properties.begin(), node.properties.end(),
                    [&](const JsonSchema::Property &p) {
                      return !p.required || one(p.value);
                    }))
      return true;
    if (!node.array)
      return false;
    for (uint32_t i = 0; i < node.minItems; ++i) {
      if (i >= node.prefixItems.size())
        return one(node.items);
      if (!one(node.prefixItems[i]))
        return false;
    }
    return true;
  };
  for (bool changed = true; changed;) {
    changed = false;
    for (size_t n = 0; n < out.nodes.size(); ++n)
      if (!ends[n] && allEnd(out.nodes[n]))
        ends[n] = changed = true;
  }
  for (size_t n = 0; n < out.nodes.size(); ++n)
    if (!ends[n])
      return fail(out.nodes[n].path, "every value would be infinite");
  return true;
}

/// Whether no value fits both, as far as can be seen: by type, by literals, or
/// by a property that both require.
bool JsonSchemaCompiler::areDisjoint(int32_t first, int32_t second,
                                     unsigned depth) const {
  const Node &a = out.nodes[static_cast<size_t>(first)],
             &b = out.nodes[static_cast<size_t>(second)];
  if (first == second || depth > 4 || ++comparisons > kMostComparisons)
    return false;
  for (const Node *node : {&a, &b})
    if (!node->anyOf.empty()) {
      const int32_t other = node == &a ? second : first;
      return std::all_of(
          node->anyOf.begin(), node->anyOf.end(),
          [&](int32_t n) { return areDisjoint(n, other, depth + 1); });
    }
  auto open = [](const Node &node) {
    return (node.string ? String : 0u) | (node.number ? Number : 0u) |
           (node.object ? Object : 0u) | (node.array ? Array : 0u);
  };
  for (const auto &[x, y] : {std::pair(&a, &b), std::pair(&b, &a)})
    for (const std::string &literal : x->literals) {
      const unsigned type = typeOfLiteral(literal);
      if (open(*y) & type)
        return false;
      for (const std::string &other : y->literals)
        // 1 and 1.0 are the same value.
        if (literal == other ||
            (type == Number && typeOfLiteral(other) == Number &&
             strtod(literal.c_str(), nullptr) ==
                 strtod(other.c_str(), nullptr)))
          return false;
    }
  const unsigned both = open(a) & open(b);
  if (both & ~Object)
    return false;
  if (!both)
    return true;
  for (size_t i = 0; i < a.names.size(); ++i) {
    const auto found =
        std::lower_bound(b.names.begin(), b.names.end(), a.names[i]);
    if (found == b.names.end() || *found != a.names[i])
      continue;
    const auto &p = a.properties[static_cast<size_t>(a.nameIndex[i])];
    const auto &q = b.properties[static_cast<size_t>(
        b.nameIndex[static_cast<size_t>(found - b.names.begin())])];
    if (p.required && q.required && areDisjoint(p.value, q.value, depth + 1))
      return true;
  }
  return false;
}

bool JsonSchemaCompiler::checkOneOf() {
  for (int32_t number : exclusive) {
    const Node &node = out.nodes[static_cast<size_t>(number)];
    for (size_t i = 0; i < node.anyOf.size(); ++i)
      for (size_t j = 0; j < i; ++j)
        if (!areDisjoint(node.anyOf[i], node.anyOf[j], 0))
          return fail(node.path, "the keyword 'oneOf' is only supported where "
                                 "no value can fit two of its schemas; "
                                 "'anyOf' is");
  }
  return true;
}

std::shared_ptr<const JsonSchema> JsonSchema::compile(std::string_view json,
                                                      std::string *error) {
  Value schema;
  std::string why;
  if (!chat::fromJson(json, schema, &why)) {
    *error = "the JSON schema cannot be read: " + why;
    return nullptr;
  }
  auto made = std::make_shared<JsonSchema>();
  if (!JsonSchemaCompiler(*made).compile(schema, error))
    return nullptr;
  return made;
}

std::shared_ptr<const JsonSchema> JsonSchema::anyObject() {
  std::string ignored;
  return compile(R"({"type": "object"})", &ignored);
}

} // namespace bitnet::server
