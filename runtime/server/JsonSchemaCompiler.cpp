//===- JsonSchemaCompiler.cpp - From a schema to nodes --------------------===//

#include "runtime/server/JsonSchemaCompiler.h"
#include "runtime/Utf8.h"
#include <algorithm>
#include <cstdlib>
#include <iterator>

namespace bitnet::server {

using chat::Value;
using namespace json_type;

namespace {
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
    {"pattern", String},
    {"format", String},
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
} // namespace

std::string compactJson(const Value &value) {
  chat::JsonStyle style;
  style.itemSeparator = ",";
  style.keySeparator = ":";
  std::string out, ignored;
  chat::toJson(value, style, out, &ignored);
  return out;
}

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
    } else if (schema.find("format") && !(types & String)) {
      return fail(path, "the keyword 'format' is only supported of texts");
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

} // namespace bitnet::server
