// Regular expressions of constrained sampling: against std::regex, and formats
// against other readers of them.
#include "runtime/server/JsonPattern.h"
#include "runtime/server/JsonConstraint.h"
#include <arpa/inet.h>
#include <ctime>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <random>
#include <regex>

using namespace bitnet::server;

static std::shared_ptr<const JsonPattern> compile(const std::string &text) {
  std::string error;
  auto pattern = JsonPattern::compile(text, &error);
  EXPECT_TRUE(pattern) << text << ": " << error;
  return pattern;
}

/// Whether `text`, as JSON writes it, is let through and may end.
static bool matches(const JsonPattern &pattern, const std::string &text) {
  const std::string quoted = nlohmann::json(text).dump();
  int32_t state = JsonPattern::start;
  for (size_t i = 1; i + 1 < quoted.size(); ++i) {
    state = pattern.next(state, static_cast<uint8_t>(quoted[i]));
    if (state == JsonPattern::dead)
      return false;
  }
  return pattern.mayEnd(state);
}

TEST(JsonPattern, Examples) {
  struct Case {
    const char *pattern, *text;
    bool matches;
  } const cases[] = {
      {"", "anything", true},
      {"b", "abc", true},
      {"^b", "abc", false},
      {"b$", "abc", false},
      {"^a|b$", "axx", true},
      {"^a|b$", "xxb", true},
      {"^a|b$", "xax", false},
      {"^(ab|c){2}$", "abc", true},
      {"^(ab|c){2}$", "ab", false},
      {"^[^a-c\\d]+$", "xyz-", true},
      {"^[^a-c\\d]+$", "xy1", false},
      {"^.$", "é", true},
      {"^.$", "😀", true},
      {"^[à-ÿ]$", "é", true},
      {"^[à-ÿ]$", "ß", false},
      {"^\\u00e9$", "é", true},
      {"^.$", "\n", false},
      {"^[\\s\\S]$", "\n", true},
      {"^\"\\\\$", "\"\\", true},
      {"^\\s$", "\xE2\x80\xA8", true},
      {"^(?:a|)$", "", true},
      {"^(?<year>\\d{4})$", "2024", true},
      {"^a{2,3}?$", "aaa", true},
      {"^a{2,}$", "a", false},
      {"^[]$|x", "x", true},
      {"^\\$\\{\\}$", "${}", true},
      {"^.{0,300}$", "é", true},
  };
  for (const Case &c : cases)
    EXPECT_EQ(matches(*compile(c.pattern), c.text), c.matches)
        << c.pattern << " " << c.text;
}

TEST(JsonPattern, AgreesWithAnotherImplementation) {
  std::mt19937 random(1);
  auto pick = [&](std::initializer_list<const char *> list) {
    return std::string(list.begin()[random() % list.size()]);
  };
  std::function<std::string(int)> make = [&](int depth) -> std::string {
    std::string made;
    for (auto i = random() % 3 + 1; i > 0; --i) {
      made += depth && random() % 3 == 0
                  ? pick({"(", "(?:"}) + make(depth - 1) + ")"
                  : pick({"a", "b", "\\\\", "\"", ".", "[ab]", "[^a]", "\\d",
                          "\\W", "[a-c0-3]", "\\.", "\\n", "[\\w\"]"});
      made += pick({"", "", "", "*", "+", "?", "{2}", "{1,2}", "{0,}"});
    }
    return random() % 4 == 0 ? made + "|" + make(0) : made;
  };
  size_t yes = 0, all = 0, refused = 0;
  for (int round = 0; round < 400; ++round) {
    const std::string text = pick({"", "^"}) + make(2) + pick({"", "$"});
    std::string error;
    const auto ours = JsonPattern::compile(text, &error);
    if (!ours) { // Some need thousands of states.
      ASSERT_EQ(error, "it needs too many states") << text;
      ++refused;
      continue;
    }
    const std::regex theirs(text, std::regex::ECMAScript);
    for (int i = 0; i < 60; ++i) {
      std::string sample;
      for (auto n = random() % 7; n > 0; --n)
        sample += "ab\\\"01.c\n-"[random() % 10];
      const bool expected = std::regex_search(sample, theirs);
      ASSERT_EQ(matches(*ours, sample), expected) << text << "\n" << sample;
      yes += expected;
      ++all;
    }
  }
  EXPECT_LT(refused, 20u);
  EXPECT_GT(yes, all / 5);
  EXPECT_LT(yes, all * 4 / 5);
}

/// A random text of the pattern, as it stands in JSON without quotes.
static std::string randomText(const JsonPattern &pattern,
                              std::mt19937 &random) {
  std::string made;
  for (int32_t state = JsonPattern::start;;) {
    std::vector<uint8_t> bytes;
    for (unsigned byte = 0; byte < 256; ++byte)
      if (pattern.next(state, static_cast<uint8_t>(byte)) != JsonPattern::dead)
        bytes.push_back(static_cast<uint8_t>(byte));
    if (pattern.mayEnd(state) && (bytes.empty() || random() % 4 == 0))
      return made;
    if (bytes.empty()) {
      ADD_FAILURE() << "nothing can follow " << made;
      return made;
    }
    const uint8_t byte = bytes[random() % bytes.size()];
    made += static_cast<char>(byte);
    state = pattern.next(state, byte);
  }
}

TEST(JsonPattern, FormatsAreValid) {
  auto isDate = [](const std::string &text) {
    std::tm given{}, same;
    if (sscanf(text.c_str(), "%4d-%2d-%2d", &given.tm_year, &given.tm_mon,
               &given.tm_mday) != 3)
      return false;
    given.tm_year -= 1900;
    given.tm_mon -= 1;
    same = given;
    timegm(&same);
    return same.tm_year == given.tm_year && same.tm_mon == given.tm_mon &&
           same.tm_mday == given.tm_mday;
  };
  auto is = [](const char *pattern) {
    return [theirs = std::regex(pattern)](const std::string &text) {
      return std::regex_match(text, theirs);
    };
  };
  auto isAddress = [](int family) {
    return [family](const std::string &text) {
      char bytes[16];
      return inet_pton(family, text.c_str(), bytes) == 1;
    };
  };
  const auto isTime = is("\\d\\d:\\d\\d:\\d\\d(\\.\\d+)?(Z|[+-]\\d\\d:\\d\\d)");
  const auto isHost = is("[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?"
                         "(\\.[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?)*");
  struct Case {
    const char *format;
    std::function<bool(const std::string &)> valid;
  } const cases[] = {
      {"date", isDate},
      {"time", isTime},
      {"date-time",
       [&](const std::string &t) {
         return isDate(t.substr(0, 10)) && t[10] == 'T' && isTime(t.substr(11));
       }},
      {"duration",
       is("P(?!$)(\\d+W|(\\d+D)?(T(?=\\d)(\\d+H)?(\\d+M)?(\\d+S)?)?)")},
      {"email",
       [&](const std::string &t) {
         const size_t at = t.find('@');
         return at > 0 && at <= 64 && t[0] != '.' && t[at - 1] != '.' &&
                t.find("..") == std::string::npos && isHost(t.substr(at + 1));
       }},
      {"hostname", isHost},
      {"ipv4", isAddress(AF_INET)},
      {"ipv6", isAddress(AF_INET6)},
      {"uri",
       [&](const std::string &t) {
         const size_t begin = t.find("//") + 2;
         return isHost(t.substr(begin, t.find_first_of(":/?", begin) - begin));
       }},
      {"uuid", is("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")},
  };
  std::mt19937 random(2);
  for (const Case &c : cases) {
    const char *text = patternOfFormat(c.format);
    ASSERT_TRUE(text) << c.format;
    const auto pattern = compile(text);
    ASSERT_TRUE(pattern) << c.format;
    for (int i = 0; i < 500; ++i) {
      const std::string made = randomText(*pattern, random);
      ASSERT_TRUE(c.valid(made)) << c.format << ": " << made;
    }
  }
  EXPECT_TRUE(matches(*compile(patternOfFormat("date-time")),
                      "2026-11-28T17:00:00.5+01:00"));
  EXPECT_TRUE(matches(*compile(patternOfFormat("email")), "a.b@example.org"));
  EXPECT_TRUE(
      matches(*compile(patternOfFormat("uri")), "https://example.org/a?b=c"));
  EXPECT_FALSE(patternOfFormat("regex"));
}

TEST(JsonPattern, WhatCannotBeHonouredIsAnError) {
  struct Case {
    std::string pattern;
    const char *part;
  } const cases[] = {
      {"(?=a)", "lookarounds"},
      {"(?<!a)", "lookarounds"},
      {"(a)\\1", "'\\1'"},
      {"a\\b", "'\\b'"},
      {"\\p{L}", "'\\p'"},
      {"(a", "')' is missing"},
      {"a)", "')' without"},
      {"[a", "']' is missing"},
      {"[b-a]", "range"},
      {"*a", "before '*'"},
      {"a**", "without a group"},
      {"a{2", "'{'"},
      {"a{3,2}", "count"},
      {"a{1001}", "1000"},
      {"a\\", "ends in"},
      {"\\u12g4", "hexadecimal"},
      {"(^a)", "'^' and '$'"},
      {"a$b", "'^' and '$'"},
      {"a^", "'^'"},
      {"^[]$", "no text"},
      {"^\\v$", "no text"},
      {"\xff", "UTF-8"},
      {std::string(60, '(') + std::string(60, ')'), "too deeply"},
      {"(a|b)*a(a|b){20}", "too many states"},
      {"((a{100}){100}){100}", "too many states"},
      {"(a{0}){1000}(((b{0}){1000}){1000}){1000}", "too many states"},
  };
  for (const Case &c : cases) {
    std::string error;
    EXPECT_FALSE(JsonPattern::compile(c.pattern, &error)) << c.pattern;
    EXPECT_NE(error.find(c.part), std::string::npos) << c.pattern << error;
  }
}

TEST(JsonPattern, InASchema) {
  std::string error;
  auto schema = JsonSchema::compile(
      R"({"properties": {"id": {"type": "string", "pattern": "^[A-Z]{2}\"$"},
                         "day": {"type": "string", "format": "date"}},
          "required": ["id", "day"]})",
      &error);
  ASSERT_TRUE(schema) << error;
  auto verdict = [&](const std::string &text) {
    JsonAutomaton automaton(schema);
    auto state = automaton.start();
    for (char c : text)
      if (state != JsonAutomaton::dead)
        state = automaton.next(state, static_cast<uint8_t>(c));
    return state != JsonAutomaton::dead && automaton.mayEnd(state);
  };
  EXPECT_TRUE(verdict(R"({"id": "AB\"", "day": "2024-05-31"})"));
  EXPECT_FALSE(verdict(R"({"id": "AB", "day": "2024-05-31"})"));
  EXPECT_FALSE(verdict(R"({"id": "AB\"", "day": "2024-04-31"})"));
  struct Case {
    const char *schema, *part;
  } const refused[] = {
      {R"({"pattern": "("})", "'(' cannot be honoured"},
      {R"({"pattern": 1})", "'pattern' is not a text"},
      {R"({"pattern": "a", "maxLength": 3})", "'maxLength' beside 'pattern'"},
      {R"({"pattern": "a", "format": "date"})", "'format' beside 'pattern'"},
      {R"({"type": "string", "format": "iri"})", "'iri'"},
      {R"({"type": "integer", "format": "int32"})", "'format' is only"},
      {R"({"enum": ["a"], "pattern": "a"})", "'pattern' beside 'enum'"},
  };
  for (const Case &c : refused) {
    EXPECT_FALSE(JsonSchema::compile(c.schema, &error)) << c.schema;
    EXPECT_NE(error.find(c.part), std::string::npos) << c.schema << error;
  }
}

TEST(JsonPattern, OnlySoManyInASchema) {
  nlohmann::json schema = {{"type", "object"}};
  for (int i = 0; i < 51; ++i)
    schema["properties"]["p" + std::to_string(i)] = {{"format", "date"}};
  std::string error;
  EXPECT_FALSE(JsonSchema::compile(schema.dump(), &error));
  EXPECT_NE(error.find("more than 50 patterns"), std::string::npos) << error;
  schema = {{"type", "object"}};
  for (int i = 0; i < 12; ++i)
    schema["properties"]["p" + std::to_string(i)] = {
        {"pattern", "(a|b)*a(a|b){10}"}};
  EXPECT_FALSE(JsonSchema::compile(schema.dump(), &error));
  EXPECT_NE(error.find("too many states together"), std::string::npos) << error;
}
