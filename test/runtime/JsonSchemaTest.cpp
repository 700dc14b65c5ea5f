// Texts of constrained sampling: which ones the automaton lets through, and
// that whatever random tokens make of a schema is valid under it, by a
// validator of its own here.
#include "FakeModel.h"
#include "runtime/server/JsonConstraint.h"
#include <algorithm>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <random>

using namespace bitnet;
using namespace bitnet::server;
using nlohmann::json;

static std::shared_ptr<const JsonSchema> compile(const std::string &text) {
  std::string error;
  auto schema = JsonSchema::compile(text, &error);
  EXPECT_TRUE(schema) << text << ": " << error;
  return schema;
}

/// 'y': the text is let through and may end; 'n': it may go on; a digit or
/// more: refused at that byte.
static std::string verdict(std::shared_ptr<const JsonSchema> schema,
                           const std::string &text) {
  JsonAutomaton automaton(std::move(schema));
  auto state = automaton.start();
  for (size_t i = 0; i < text.size(); ++i) {
    state = automaton.next(state, static_cast<uint8_t>(text[i]));
    if (state == JsonAutomaton::dead)
      return std::to_string(i);
  }
  return automaton.mayEnd(state) ? "y" : "n";
}

static std::string verdict(const std::string &schema, const std::string &text) {
  auto compiled = compile(schema);
  return compiled ? verdict(std::move(compiled), text) : "no schema";
}

TEST(JsonSchema, LetsThroughWhatIsValid) {
  struct Case {
    const char *schema, *text, *verdict;
  } const cases[] = {
      {"{}", R"({"a": [1, -0.5e+3, "x\n\u00e9é", true, null, {}]})", "y"},
      {"{}", "12", "y"},
      {"{}", "-", "n"},
      {"{}", "01", "1"},
      {"{}", "1.", "n"},
      {"{}", "tru", "n"},
      {"{}", "[1,]", "3"},
      {"{}", "{,", "1"},
      {"{}", "[1] ", "3"},
      {"{}", "  1", "1"},
      {"{}", "\n    1", "y"},
      {"{}", "\"\x01", "1"},
      {"{}", "\"\xC3\x28", "2"},
      {"{}", "\"\xED\xA0\x80\"", "2"},
      {"{}", R"("\ud800")", "4"},
      {"{}", R"("\uD7FF\u00ff")", "y"},
      {"{}", R"("\x")", "2"},
      {"{}", "{\n  \"a\": 1\n}", "y"},
      {"{}", "{\"a\" :1}", "4"},
      {R"({"type": "object"})", "[", "0"},
      {R"({"type": ["string", "null"]})", "null", "y"},
      {R"({"type": ["string", "null"]})", "1", "0"},
      {R"({"type": "integer"})", "-12", "y"},
      {R"({"type": "integer"})", "-0", "1"},
      {R"({"type": "integer"})", "1.5", "1"},
      {R"({"type": "integer"})", "1e5", "1"},
      {R"({"type": "number"})", "1e5", "y"},
      {R"({"type": "number"})", "1e555", "4"},
      {R"({"type": "boolean"})", "false", "y"},
      {R"({"type": "string", "nullable": true})", "null", "y"},
      {R"({"enum": [1, 10, "a", "ab", [1, {"b": 2}]]})", "10", "y"},
      {R"({"enum": [1, 10, "a", "ab"]})", "100", "2"},
      {R"({"enum": [1, 10, "a", "ab"]})", "\"ab\"", "y"},
      {R"({"enum": [1, 10, "a", [1, {"b": 2}]]})", R"([1,{"b":2}])", "y"},
      {R"({"type": "string", "enum": [1, "a"]})", "1", "0"},
      {R"({"const": "é\"\\"})", R"("é\"\\")", "y"},
      {R"({"type": "string", "minLength": 2, "maxLength": 3})", "\"é\"", "3"},
      {R"({"type": "string", "minLength": 2, "maxLength": 3})", "\"é\\n☕\"",
       "y"},
      {R"({"type": "string", "minLength": 2, "maxLength": 3})", "\"abcd", "4"},
      {R"({"maxLength": 0})", "\"\"", "y"},
      {R"({"type": "array", "items": {"type": "integer"}, "minItems": 2,
           "maxItems": 3})",
       "[1]", "2"},
      {R"({"type": "array", "items": {"type": "integer"}, "minItems": 2,
           "maxItems": 3})",
       "[1, 2]", "y"},
      {R"({"type": "array", "items": {"type": "integer"}, "minItems": 2,
           "maxItems": 3})",
       "[1,2,3,", "6"},
      {R"({"items": false})", "[]", "y"},
      {R"({"items": false})", "[1", "1"},
      {R"({"prefixItems": [{"type": "integer"}, {"type": "string"}],
           "items": {"type": "null"}})",
       "[1, \"a\", null, null]", "y"},
      {R"({"prefixItems": [{"type": "integer"}, {"type": "string"}],
           "items": {"type": "null"}})",
       "[1, 2", "4"},
      {R"({"prefixItems": [{"type": "integer"}], "items": false})", "[1,", "2"},
      {R"({"minimum": 3, "maximum": 17, "type": "integer"})", "17", "y"},
      {R"({"minimum": 3, "maximum": 17, "type": "integer"})", "2", "0"},
      {R"({"minimum": 3, "maximum": 17, "type": "integer"})", "18", "1"},
      {R"({"minimum": 3, "maximum": 17, "type": "integer"})", "1", "n"},
      {R"({"minimum": 3, "maximum": 17, "type": "integer"})", "-", "0"},
      {R"({"minimum": 0, "type": "integer"})", "-", "0"},
      {R"({"exclusiveMinimum": -10, "maximum": -5, "type": "integer"})", "-10",
       "1"},
      {R"({"exclusiveMinimum": -10, "maximum": -5, "type": "integer"})", "-9",
       "y"},
      {R"({"minimum": 0, "maximum": 1, "type": "number"})", "0.999", "y"},
      {R"({"minimum": 0, "maximum": 1, "type": "number"})", "1.000", "y"},
      {R"({"minimum": 0, "maximum": 1, "type": "number"})", "1.01", "3"},
      {R"({"minimum": 0, "maximum": 1, "type": "number"})", "2", "0"},
      {R"({"exclusiveMinimum": 0, "type": "number"})", "0.0", "n"},
      {R"({"exclusiveMinimum": 0, "type": "number"})", "0.01", "y"},
      {R"({"exclusiveMinimum": 0.25, "maximum": 0.3})", "0.25", "n"},
      {R"({"exclusiveMinimum": 0.25, "maximum": 0.3})", "0.31", "3"},
      {R"({"anyOf": [{"type": "integer"}, {"type": "string"}]})", "\"1\"", "y"},
      {R"({"anyOf": [{"const": "abc"}, {"const": "abd"}]})", "\"abd\"", "y"},
      {R"({"allOf": [{"type": "integer"}]})", "1", "y"},
      {R"({"oneOf": [{"type": "integer"}, {"type": "string"}]})", "1", "y"},
      {R"({"$defs": {"a/b": {"type": "integer"}}, "$ref": "#/$defs/a~1b"})",
       "7", "y"},
  };
  for (const Case &c : cases)
    EXPECT_EQ(verdict(c.schema, c.text), c.verdict) << c.schema << c.text;
}

TEST(JsonSchema, ObjectsHaveTheirPropertiesInOrder) {
  const std::string closed = R"({"type": "object", "properties": {
      "b": {"type": "integer"}, "a": {"type": "integer"},
      "ab": {"type": "integer"}, "q\"": {"type": "integer"}},
      "required": ["a"], "additionalProperties": false})";
  for (auto [text, expected] :
       {std::pair(R"({"a":1})", "y"),
        {R"({"b":1, "a":2})", "y"},
        {R"({"b":1, "a":2, "ab": 3})", "y"},
        {R"({"a":1,"q\"":2})", "y"},
        {R"({})", "1"},                      // "a" is required
        {R"({"ab)", "3"},                    // and may not be passed over.
        {R"({"a":1, "b)", "9"},              // In order,
        {R"({"a":1, "a":)", "10"},           // once,
        {R"({"c)", "2"},                     // and no others.
        {R"({"a":1,"ab":2,"q\"":3,)", "21"}, // No more to come.
        {R"({"\u0061)", "2"}})
    EXPECT_EQ(verdict(closed, text), expected) << text;
  const std::string open = R"({"properties": {"a": {"type": "integer"}},
      "required": ["z"], "additionalProperties": {"type": "string"}})";
  for (auto [text, expected] :
       {std::pair(R"({"z":"1"})", "y"),
        {R"({"a":1,"z":"1"})", "y"},
        {R"({"z":"1","other":"2","o":""})", "y"},
        {R"({"z":"1","other":2)", "17"},
        {R"({"z":"1","z":)", "11"}, // Declared by being required.
        {R"({"z":"1","a":)", "11"},
        {R"({"z":"1","ab":"")", "n"},
        {R"({"z":"1","\u0061)", "10"}, // The same in another spelling.
        {R"({"other)", "2"}})
    EXPECT_EQ(verdict(open, text), expected) << text;
}

TEST(JsonSchema, Recursion) {
  const std::string tree = R"({"type": "object", "properties": {
      "value": {"type": "integer"},
      "children": {"type": "array", "items": {"$ref": "#"}}},
      "required": ["value"], "additionalProperties": false})";
  EXPECT_EQ(verdict(tree, R"({"value":1,"children":[{"value":2},)"
                          R"({"value":3,"children":[]}]})"),
            "y");
  EXPECT_EQ(verdict(tree, R"({"value":1,"children":[{"children)"), "25");
  const std::string list = R"({"$defs": {"list": {"anyOf": [{"type": "null"},
      {"type": "array", "prefixItems": [{"type": "integer"},
       {"$ref": "#/$defs/list"}], "items": false, "minItems": 2}]}},
      "$ref": "#/$defs/list"})";
  EXPECT_EQ(verdict(list, "[1,[2,[3,null]]]"), "y");
  // A part of itself among others says nothing.
  EXPECT_EQ(verdict(R"({"anyOf": [{"$ref": "#"}, {"type": "null"}]})", "null"),
            "y");
}

/// As verdict() has it, of a call of `functions`: names and schemas.
static std::string
callVerdict(const std::vector<std::pair<std::string, std::string>> &functions,
            const JsonSchema::CallForm &form, const std::string &text) {
  std::vector<JsonSchema::Function> all;
  for (const auto &[name, schema] : functions)
    all.push_back({"\"" + name + "\"", compile(schema)});
  std::string error;
  auto call = JsonSchema::callOf(all, form, &error);
  return call ? verdict(call, text) : error;
}

TEST(JsonSchema, CallsOfFunctions) {
  const JsonSchema::CallForm form = {"arguments", "<c>\n", "\n</c>"};
  // Both refer to themselves, each within its own schema; `b` for any value.
  const std::vector<std::pair<std::string, std::string>> functions = {
      {"a", R"({"type": "object", "properties": {"x": {"$ref": "#/$defs/n"}},
        "additionalProperties": false, "$defs": {"n": {"type": "integer"}}})"},
      {"b",
       R"({"type": ["object", "integer"], "properties": {"y": {"$ref": "#"}},
        "additionalProperties": false})"},
      {"ab", R"({"anyOf": [{"type": "null"}, {"const": {"z": 1}}]})"}};
  const std::pair<const char *, const char *> cases[] = {
      {R"({"name": "a", "arguments": {"x": 12}})", "y"},
      {R"({"name": "a", "arguments": {}})", "y"},
      {R"({"name": "a", "arguments": {"y"})", "33"},
      {R"({"name": "a", "arguments": {"x": "})", "37"},
      {R"({"name": "b", "arguments": {"y": {"y": 1}}})", "y"},
      {R"({"name": "b", "arguments": 1})", "31"},
      {R"({"name": "ab", "arguments": {"z":1}})", "y"},
      {R"({"name": "ab", "arguments": null})", "32"},
      {R"({"name": "c)", "14"},
      {R"({"arguments)", "6"},
  };
  for (const auto &[text, wanted] : cases) {
    EXPECT_EQ(
        callVerdict(functions, form, "<c>\n" + std::string(text) + "\n</c>"),
        wanted)
        << text;
  }
  EXPECT_EQ(callVerdict(functions, form, "{"), "0");
  EXPECT_EQ(
      callVerdict(functions, form, "<c>\n{\"name\": \"a\", \"arguments\": {}}"),
      "n");
  // Keys are sorted within: either may be first.
  EXPECT_EQ(callVerdict(functions, {"parameters", "", ""},
                        R"({"name": "a", "parameters": {}})"),
            "y");
  EXPECT_NE(callVerdict({{"f", R"({"type": "string"})"}}, form, "")
                .find("\"f\" cannot be an object"),
            std::string::npos);
}

TEST(JsonSchema, WhatCannotBeHonouredIsAnErrorThatNamesIt) {
  struct Case {
    const char *schema, *part;
  } const cases[] = {
      {"[", "broken JSON"},
      {"3", "an object or a boolean"},
      {"false", "no value is allowed"},
      {R"({"multipleOf": 2})", "'multipleOf'"},
      {R"({"not": {}})", "'not'"},
      {R"({"if": {}})", "'if'"},
      {R"({"patternProperties": {}})", "'patternProperties'"},
      {R"({"minProperties": 1})", "'minProperties'"},
      {R"({"uniqueItems": true})", "'uniqueItems'"},
      {R"({"contains": {}})", "'contains'"},
      {R"({"properties": {"a": {"items": {"whatever": 1}}}})",
       "#/properties/a/items: the keyword 'whatever'"},
      {R"({"type": "strin"})", "'type'"},
      {R"({"type": []})", "'type'"},
      {R"({"type": "string", "anyOf": [{}]})", "'type' beside 'anyOf'"},
      {R"({"$ref": "#/$defs/a", "$defs": {}})", "points to nothing"},
      {R"({"$ref": "http://x"})", "not within"},
      {R"({"$ref": "#"})", "leads back to itself"},
      {R"({"$ref": "#", "minimum": 1})", "'minimum' beside '$ref'"},
      {R"({"anyOf": [{"$ref": "#"}]})", "infinite"},
      {R"({"properties": {"a": {"$ref": "#"}}, "required": ["a"]})",
       "infinite"},
      {R"({"required": ["a"], "additionalProperties": false})", "'a'"},
      {R"({"enum": []})", "no value"},
      {R"({"enum": ["a"], "minLength": 2})", "'minLength' beside"},
      {R"({"type": "integer", "minimum": 0.2, "maximum": 0.8})", "no number"},
      {R"({"minimum": 3, "maximum": 2})", "no number"},
      {R"({"minimum": 3, "maximum": 3})", "close to each other"},
      {R"({"minimum": 1e-20, "maximum": 1e-19})", "close to each other"},
      {R"({"maximum": 1e16})", "1e15"},
      {R"({"minLength": 3, "maxLength": 2})", "'minLength'"},
      {R"({"minItems": 1, "items": false})", "'minItems'"},
      {R"({"minLength": -1})", "'minLength'"},
      {R"({"maximum": "1"})", "'maximum'"},
      {R"({"exclusiveMinimum": true})", "'exclusiveMinimum'"},
      {R"({"oneOf": [{"type": "integer"}, {"type": "number"}]})", "'oneOf'"},
      {R"({"oneOf": [{"const": 1}, {"const": 1.0}]})", "'oneOf'"},
      {R"({"oneOf": [{"type": "object"}, {"type": "object"}]})", "'oneOf'"},
      {R"({"allOf": [{"type": "object"}, {"type": "object"}]})", "'allOf'"},
  };
  for (const Case &c : cases) {
    std::string error;
    EXPECT_FALSE(JsonSchema::compile(c.schema, &error)) << c.schema;
    EXPECT_NE(error.find(c.part), std::string::npos) << c.schema << error;
  }
  // Told apart by a property that both require.
  EXPECT_TRUE(compile(R"({"oneOf": [
      {"properties": {"kind": {"const": "a"}}, "required": ["kind"]},
      {"properties": {"kind": {"const": "b"}}, "required": ["kind"]}]})"));
}

//===----------------------------------------------------------------------===//
// Random texts
//===----------------------------------------------------------------------===//

/// Whether a value is of a schema: the definition, for the keywords used here.
static bool isValid(const json &schema, const json &root, const json &value) {
  if (schema.is_boolean())
    return schema.get<bool>();
  if (schema.contains("$ref"))
    return isValid(root.at(json::json_pointer(
                       schema["$ref"].get<std::string>().substr(1))),
                   root, value);
  for (const char *keyword : {"anyOf", "oneOf"})
    if (schema.contains(keyword)) {
      const auto fits =
          std::count_if(schema[keyword].begin(), schema[keyword].end(),
                        [&](const json &s) { return isValid(s, root, value); });
      if (fits == 0 || (fits > 1 && keyword[0] == 'o'))
        return false;
    }
  auto isType = [&](const std::string &type) {
    return type == "integer"  ? value.is_number_integer()
           : type == "number" ? value.is_number()
                              : value.type_name() == type;
  };
  if (schema.contains("type")) {
    const json &type = schema["type"];
    if (type.is_string() ? !isType(type)
                         : std::none_of(type.begin(), type.end(), isType))
      return false;
  }
  if (schema.contains("const") && schema["const"] != value)
    return false;
  if (schema.contains("enum") &&
      std::find(schema["enum"].begin(), schema["enum"].end(), value) ==
          schema["enum"].end())
    return false;
  if (value.is_string()) {
    const auto text = value.get<std::string>();
    const auto length = static_cast<size_t>(std::count_if(
        text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
    return length >= schema.value("minLength", size_t{0}) &&
           length <= schema.value("maxLength", SIZE_MAX);
  }
  if (value.is_number()) {
    const auto number = value.get<double>();
    return number >= schema.value("minimum", -HUGE_VAL) &&
           number <= schema.value("maximum", HUGE_VAL) &&
           number > schema.value("exclusiveMinimum", -HUGE_VAL) &&
           number < schema.value("exclusiveMaximum", HUGE_VAL);
  }
  if (value.is_object()) {
    for (const json &name : schema.value("required", json::array()))
      if (!value.contains(name.get<std::string>()))
        return false;
    const json declared = schema.value("properties", json::object());
    for (const auto &[name, inner] : value.items())
      if (!isValid(declared.contains(name)
                       ? declared[name]
                       : schema.value("additionalProperties", json(true)),
                   root, inner))
        return false;
  }
  if (value.is_array()) {
    if (value.size() < schema.value("minItems", size_t{0}) ||
        value.size() > schema.value("maxItems", SIZE_MAX))
      return false;
    const json prefix = schema.value("prefixItems", json::array());
    for (size_t i = 0; i < value.size(); ++i)
      if (!isValid(i < prefix.size() ? prefix[i]
                                     : schema.value("items", json(true)),
                   root, value[i]))
        return false;
  }
  return true;
}

TEST(JsonConstraint, WhateverIsSampledIsValid) {
  std::string error;
  auto tokenizer = Tokenizer::open(program_model.tokenizer.data,
                                   program_model.tokenizer.size, &error);
  ASSERT_TRUE(tokenizer) << error;
  auto tokens =
      std::make_shared<TokenTable>(*tokenizer, program_model.vocab_size);
  const char *schemas[] = {
      R"({"type": "object"})",
      R"({"type": "object", "properties": {
          "name": {"type": "string", "minLength": 1, "maxLength": 5},
          "age": {"type": "integer", "minimum": -3, "maximum": 120},
          "score": {"type": "number", "exclusiveMinimum": 0.5, "maximum": 2},
          "tags": {"type": "array", "items": {"enum": ["x", "xy", 3, null]},
                   "minItems": 1, "maxItems": 4},
          "pair": {"prefixItems": [{"type": "boolean"}, {"type": "null"}],
                   "items": false, "minItems": 1}},
          "required": ["name", "tags"], "additionalProperties": false})",
      R"({"type": "object", "properties": {"a": {"type": "integer"}},
          "required": ["a", "extra"],
          "additionalProperties": {"type": ["string", "boolean"]}})",
      R"({"$defs": {"tree": {"type": "object", "properties": {
          "value": {"type": "number", "maximum": 1e9},
          "next": {"anyOf": [{"$ref": "#/$defs/tree"}, {"type": "null"}]}},
          "required": ["value", "next"], "additionalProperties": false}},
          "$ref": "#/$defs/tree"})",
      R"({"oneOf": [{"type": "integer", "exclusiveMaximum": 50},
          {"type": "array", "items": {"const": {"k": [1, "é"]}},
           "minItems": 2}]})",
  };
  std::mt19937 random(7);
  const std::vector<int32_t> ends{bitnet::test::endToken};
  for (const char *text : schemas) {
    const json schema = json::parse(text);
    const auto compiled = compile(text);
    for (int round = 0; round < 60; ++round) {
      JsonConstraint constraint(compiled, tokens);
      std::string made;
      for (int step = 0;; ++step) {
        std::vector<float> logits(program_model.vocab_size);
        for (size_t id = 0; id < logits.size(); ++id) {
          logits[id] = static_cast<float>(random() % 1000);
          // Texts that come to an end: quotes and brackets once it gets long.
          const auto bytes = tokens->bytesOf(static_cast<int32_t>(id));
          if (step > 40 && (bytes == "\"" || bytes == "}" || bytes == "]" ||
                            bytes == "n" || id == 1))
            logits[id] += 1000;
        }
        ASSERT_TRUE(constraint.mask(logits, ends)) << text << made;
        const auto best =
            std::max_element(logits.begin(), logits.end()) - logits.begin();
        ASSERT_NE(logits[static_cast<size_t>(best)], -HUGE_VALF);
        if (best == bitnet::test::endToken)
          break;
        made += tokens->bytesOf(static_cast<int32_t>(best));
        constraint.accept(static_cast<int32_t>(best));
        ASSERT_LT(step, 4000) << made;
      }
      const json value = json::parse(made, nullptr, /*allow_exceptions=*/false);
      ASSERT_FALSE(value.is_discarded()) << made;
      EXPECT_TRUE(isValid(schema, schema, value)) << text << made;
    }
  }
}
