//===- TemplateGoldenTest.cpp - Published templates against Jinja2 --------===//
//
// Templates of published models are too large and too much under licences of
// their own for this project: without the shared data these tests are skipped.
// Expected prompts come from stored golden data, and from Jinja2 itself where
// Python has it, over conversations that are made up here.
//
//===----------------------------------------------------------------------===//

#include "TemplateHelper.h"
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <sstream>
#include <sys/wait.h>

using namespace bitnet;
using namespace bitnet::test;
using nlohmann::ordered_json;
namespace fs = std::filesystem;

static const fs::path shared = BITNETC_SHARED_DATA;

static std::string readText(const fs::path &path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

struct Named {
  std::string name, source;
};

/// All templates of the shared data, those in tokenizer_config.json too.
static std::vector<Named> allTemplates() {
  std::vector<Named> all;
  for (const char *folder : {"templates", "tokenizers"}) {
    if (!fs::exists(shared / folder))
      continue;
    for (const auto &entry :
         fs::recursive_directory_iterator(shared / folder)) {
      const fs::path &path = entry.path();
      if (path.extension() == ".jinja") {
        all.push_back({path.filename(), readText(path)});
      } else if (path.filename() == "tokenizer_config.json") {
        auto config = ordered_json::parse(readText(path));
        if (config.contains("chat_template") &&
            config["chat_template"].is_string())
          all.push_back({path.parent_path().filename(),
                         config["chat_template"].get<std::string>()});
      }
    }
  }
  std::sort(all.begin(), all.end(),
            [](auto &a, auto &b) { return a.name < b.name; });
  return all;
}

static std::vector<ordered_json> conversations() {
  auto parse = [](const char *text) { return ordered_json::parse(text); };
  auto user = parse(R"({"role":"user","content":"What is 2+2?"})");
  auto system = parse(R"({"role":"system","content":"  Be brief.\n"})");
  auto assistant = parse(R"({"role":"assistant","content":"\n 4 "})");
  auto unicode = parse(
      R"({"role":"user","content":"Grüße, 世界! \"q\" 'x' <b>&amp;</b> \\n \u2028 🦙\u0000"})");
  auto thinking = parse(
      R"({"role":"assistant","content":"<think>\nhm\n</think>\n\nFour."})");
  auto tools = parse(R"([{"type":"function","function":{"name":"get_weather",
      "description":"The weather \"now\" in a städtchen","parameters":{
      "type":"object","properties":{"city":{"type":"string",
      "description":"A city"},"days":{"type":["integer","null"],
      "description":"Days","default":1.5}},"required":["city"]},
      "return":{"type":"object","description":"It"}}},
      {"type":"function","function":{"name":"noop","description":"Nothing",
      "parameters":{"type":"object","properties":{}}}}])");
  auto call = parse(R"({"role":"assistant","content":null,"tool_calls":[
      {"id":"abcdef123","type":"function","function":{"name":"get_weather",
      "arguments":{"city":"Köln","days":2,"exact":true,"none":null}}}]})");
  auto callText = parse(R"({"role":"assistant","content":"","tool_calls":[
      {"id":"abcdef123","type":"function","function":{"name":"get_weather",
      "arguments":"{\"city\": \"Bonn\"}"}}]})");
  auto answer = parse(R"({"role":"tool","tool_call_id":"abcdef123",
      "name":"get_weather","content":"{\"t\": 21.5}"})");
  auto empty = parse(R"({"role":"user","content":""})");
  auto reasoning = parse(R"({"role":"assistant","content":"Yes",
      "reasoning_content":"Because."})");
  std::vector<ordered_json> all;
  auto add = [&](ordered_json messages, bool prompt, ordered_json more) {
    more["messages"] = std::move(messages);
    more["add_generation_prompt"] = prompt;
    more["bos_token"] = "<s>";
    more["eos_token"] = "</s>";
    all.push_back(std::move(more));
  };
  const ordered_json none = ordered_json::object();
  using Array = ordered_json::array_t;
  add(Array{user}, true, none);
  add(Array{user}, false, none);
  add(Array{system, user}, true, none);
  add(Array{system, user, assistant, unicode}, true, none);
  add(Array{user, assistant, user, thinking, user}, true, none);
  add(Array{user, thinking}, false, none);
  add(Array{empty, assistant, empty}, true, none);
  add(Array{user, reasoning, unicode}, true, none);
  add(Array{user}, true, {{"tools", tools}});
  add(Array{system, user}, true, {{"tools", tools}});
  add(Array{user, call, answer}, true, {{"tools", tools}});
  add(Array{system, user, callText, answer, answer, assistant, user}, true,
      {{"tools", tools}});
  add(Array{user, call, answer}, false, none);
  add(Array{user}, true, {{"tools", nullptr}, {"enable_thinking", false}});
  add(Array{user}, true, {{"tools", Array{}}, {"enable_thinking", true}});
  add(Array{user}, true,
      {{"tools", tools},
       {"tools_in_user_message", false},
       {"date_string", "1 Jan 2025"}});
  add(Array{user, call, answer}, true,
      {{"builtin_tools", {"get_weather", "code_interpreter"}}});
  add(Array{}, true, none);
  add(Array{assistant}, false, none);
  return all;
}

TEST(ChatTemplate, Golden) {
  const fs::path golden = shared / "expected/chat-golden.json";
  if (!fs::exists(golden))
    GTEST_SKIP() << "no " << golden;
  auto expected = ordered_json::parse(readText(golden));
  auto cases =
      ordered_json::parse(readText(shared / "expected/chat-cases.json"));
  size_t matches = 0;
  for (const auto &[key, text] : expected.items()) {
    const size_t hash = key.rfind('#');
    const auto &one = cases[std::stoul(key.substr(hash + 1))];
    ordered_json variables{{"messages", one["messages"]},
                           {"add_generation_prompt", one["agp"]},
                           {"bos_token", "<s>"},
                           {"eos_token", "</s>"}};
    const std::string got =
        renderTemplate(readText(shared / "templates" / key.substr(0, hash)),
                       variables.dump(), {.hasClock = false});
    if (text == "ERR")
      EXPECT_EQ(got.substr(0, 6), "error:") << key;
    else
      EXPECT_EQ(got, text.get<std::string>()) << key;
    ++matches;
  }
  EXPECT_GE(matches, 30u);
}

TEST(ChatTemplate, EqualsJinja) {
  const std::vector<Named> templates = allTemplates();
  if (templates.empty())
    GTEST_SKIP() << "no templates below " << shared;
  const fs::path folder =
      fs::temp_directory_path() / ("bitnetc-jinja-" + std::to_string(getpid()));
  fs::create_directories(folder);
  const int64_t clock = 1784100000;
  std::vector<std::pair<const Named *, ordered_json>> requests;
  {
    std::ofstream file(folder / "requests");
    for (const Named &one : templates)
      for (const ordered_json &variables : conversations()) {
        requests.emplace_back(&one, variables);
        file << ordered_json{{"template", one.source},
                             {"variables", variables},
                             {"clock", clock}}
                    .dump()
             << "\n";
      }
  }
  const int code = system(("'" JINJA_PYTHON "' '" BITNETC_SOURCE_DIR
                           "/test/reference/jinja_reference.py' < '" +
                           (folder / "requests").string() + "' > '" +
                           (folder / "answers").string() + "'")
                              .c_str());
  std::ifstream answers(folder / "answers");
  if (WIFEXITED(code) && WEXITSTATUS(code) == 77) {
    fs::remove_all(folder);
    GTEST_SKIP() << "Jinja2 is not installed for " JINJA_PYTHON;
  }
  ASSERT_EQ(code, 0);
  size_t texts = 0, errors = 0;
  for (const auto &[one, variables] : requests) {
    std::string line;
    ASSERT_TRUE(std::getline(answers, line));
    auto answer = ordered_json::parse(line);
    const std::string got =
        renderTemplate(one->source, variables.dump(), {.time = clock});
    if (answer.contains("error")) {
      EXPECT_EQ(got.substr(0, 6), "error:")
          << one->name << " " << variables << "\n"
          << answer["error"];
      ++errors;
    } else {
      EXPECT_EQ(got, answer["text"].get<std::string>())
          << one->name << " " << variables;
      ++texts;
    }
  }
  printf("%zu templates: %zu prompts and %zu errors as Jinja2 has them\n",
         templates.size(), texts, errors);
  fs::remove_all(folder);
}
