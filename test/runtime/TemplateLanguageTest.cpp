//===- TemplateLanguageTest.cpp - Each construct of chat templates --------===//
//
// template-cases.jsonl holds one small template a line with its variables and
// the text, or the kind of error, that Jinja2 3.1 gives in transformers'
// settings (test/reference/jinja_reference.py made it).
//
//===----------------------------------------------------------------------===//

#include "TemplateHelper.h"
#include <fstream>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

using namespace bitnet;
using namespace bitnet::test;
using nlohmann::ordered_json;

TEST(TemplateLanguage, StoredCases) {
  std::ifstream file(BITNETC_SOURCE_DIR "/test/runtime/template-cases.jsonl");
  std::string line;
  size_t count = 0;
  while (std::getline(file, line)) {
    auto one = ordered_json::parse(line);
    RenderOptions options;
    options.hasClock = one.contains("clock");
    options.time = one.value("clock", int64_t{-1});
    const std::string source = one["template"];
    const std::string got =
        renderTemplate(source, one["variables"].dump(), options);
    if (one.contains("error"))
      EXPECT_EQ(got.substr(0, 6), "error:") << source;
    else
      EXPECT_EQ(got, one["text"].get<std::string>()) << source;
    ++count;
  }
  EXPECT_GT(count, 180u);
}

/// What the compiler refuses, by name and line.
TEST(TemplateLanguage, UnsupportedIsACompileError) {
  const std::pair<const char *, const char *> rows[] = {
      {"{% include 'x' %}", "line 1: the statement 'include' is not supported"},
      {"\n\n{% block b %}{% endblock %}",
       "line 3: the statement 'block' is not supported"},
      {"{% foo %}", "line 1: unknown statement 'foo'"},
      {"a\n{{ x | xmlattr }}", "line 2: the filter 'xmlattr' is not supported"},
      {"{{ x is filter }}", "line 1: the test 'filter' is not supported"},
      {"{{ x.encode('utf-8') }}",
       "line 1: the method 'encode' is not supported"},
      {"{{ cycler(1) }}", "line 1: the function 'cycler' is not supported"},
      {"{{ f(*x) }}", "line 1: arguments with '*' are not supported"},
      {"{% for x in y recursive %}{% endfor %}",
       "line 1: recursive loops are not supported"},
      {"{% macro m() %}{{ varargs }}{% endmacro %}",
       "line 1: 'varargs' is not supported"},
      {"{{ x | trim(1, 2) }}",
       "line 1: too many arguments for the filter 'trim'"},
      {"{{ x | tojson(foo=1) }}",
       "line 1: the argument 'foo' of the filter 'tojson' is not supported"},
      {"{{ x | map('nope') }}",
       "line 1: the filter 'nope' in 'map' is not supported"},
      {"{{ x | select(y) }}",
       "line 1: the filter 'select' needs the name of a test in quotes"},
      {"{% if x %}", "line 1: expected 'elif' or 'else' or 'endif', found the "
                     "end of the template"},
      {"{% endif %}", "line 1: 'endif' without its beginning"},
      {"{% break %}", "line 1: 'break' outside of a loop"},
      {"{{ x", "line 1: this tag has no end '}}'"},
      {"{{ 'x }}", "line 1: this string has no end"},
      {"{# x", "line 1: this comment has no end '#}'"},
      {"{{ }}", "line 1: expected an expression, found '}}'"},
      {"{{ x y }}", "line 1: expected '}}', found 'y'"},
      {"{{ (1 }}", "line 1: unexpected '}', expected ')'"},
      {"{{ a ? b }}", "line 1: unexpected character '?'"},
      {"{% set 1 = 2 %}", "line 1: expected a name, found '1'"},
      {"{% set none = 2 %}", "line 1: cannot assign to 'none'"},
  };
  for (const auto &[source, error] : rows)
    EXPECT_EQ(bitnetc::compileTemplate(source).error, error) << source;
}

TEST(TemplateLanguage, ErrorsNameTheLine) {
  EXPECT_EQ(renderTemplate("a\nb\n{{ x.y }}", "{}"),
            "error: chat template, line 3: 'x' is undefined");
  EXPECT_EQ(renderTemplate("{{ raise_exception('only users') }}", "{}"),
            "error: chat template: only users");
}

/// A cycler that the template makes itself is no missing function.
TEST(TemplateLanguage, OwnNamesAreFree) {
  EXPECT_EQ(
      renderTemplate("{% macro cycler() %}x{% endmacro %}{{ cycler() }}", "{}"),
      "x");
}

TEST(TemplateValues, Json) {
  std::string error;
  chat::Value value;
  EXPECT_FALSE(chat::fromJson("{\"a\": }", value, &error));
  EXPECT_EQ(error, "broken JSON at byte 7");
  EXPECT_FALSE(chat::fromJson(std::string(5000, '['), value, &error));
  EXPECT_EQ(error, "the JSON is nested too deeply");
  ASSERT_TRUE(
      chat::fromJson(R"({"b":1,"a":[1.0,-3,"x"],"b":2})", value, &error));
  std::string text;
  ASSERT_TRUE(chat::toJson(value, {}, text, &error));
  EXPECT_EQ(text, R"({"b": 2, "a": [1.0, -3, "x"]})");
}
