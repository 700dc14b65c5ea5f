// The handlers over the real engine and the fake model, without sockets: what
// they answer, in which shape. One file, because all tests share this set-up.
#include "FakeModel.h"
#include "TemplateHelper.h"
#include "runtime/server/Router.h"
#include <condition_variable>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <thread>

using namespace bitnet;
using namespace bitnet::server;
using namespace bitnet::test;
using nlohmann::json;

namespace {
/// Keeps what is answered. The test's thread is its thread of events.
class Recorder final : public Exchange {
public:
  void respond(HttpResponse made) override {
    response = std::move(made);
    done = true;
  }
  void begin(HttpResponse head) override { response = std::move(head); }
  void write(std::string_view part) override { response.body += part; }
  void finish() override { done = true; }
  void tell(const AnswerFigures &made) override { figures = made; }
  void onGone(std::function<void()> call) override { gone = std::move(call); }
  void after(double seconds, std::function<void()> call) override {
    timers.emplace_back(seconds, std::move(call));
  }
  /// Lets the first timer of that time run out, whatever the clock says.
  void runOut(double seconds) {
    for (auto timer = timers.begin(); timer != timers.end(); ++timer)
      if (timer->first == seconds) {
        auto call = std::move(timer->second);
        timers.erase(timer);
        return call();
      }
    ADD_FAILURE() << "no timer of " << seconds << " s";
  }
  void post(std::function<void()> call) override {
    std::lock_guard lock(mutex);
    calls.push_back(std::move(call));
    changed.notify_all();
  }
  void runOne() {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return !calls.empty(); });
    auto call = std::move(calls.front());
    calls.erase(calls.begin());
    lock.unlock();
    call();
  }
  void runToEnd() {
    while (!done)
      runOne();
  }
  /// Calls that nobody runs hold answers, which hold their exchange.
  void drop() {
    std::vector<std::function<void()>> left;
    std::lock_guard lock(mutex);
    left.swap(calls);
  }

  HttpResponse response;
  AnswerFigures figures;
  bool done = false;
  std::function<void()> gone;
  std::vector<std::pair<double, std::function<void()>>> timers;

private:
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<std::function<void()>> calls;
};

class ServerTest : public testing::Test {
protected:
  void SetUp() override { start({}); }

  void start(EngineOptions options, RouterOptions routing = {},
             const bitnet_model &model = program_model) {
    std::string error;
    tokenizer = Tokenizer::open(program_model.tokenizer.data,
                                program_model.tokenizer.size, &error);
    options.threads = 1;
    engine.reset();
    engine = Engine::create(model, *tokenizer, options, &error);
    ASSERT_TRUE(engine) << error;
    service =
        std::make_unique<Service>(model, *tokenizer, *engine, ServiceOptions());
    router = std::make_unique<Router>(*service, std::move(routing));
  }
  void TearDown() override {
    engine.reset();
    for (const auto &exchange : sent)
      exchange->drop();
  }

  std::shared_ptr<Recorder> send(const std::string &method,
                                 const std::string &target,
                                 const std::string &body = "",
                                 Headers headers = {}) {
    HttpRequest request;
    request.method = method;
    request.target = target;
    request.body = body;
    request.headers = std::move(headers);
    auto exchange = std::make_shared<Recorder>();
    sent.push_back(exchange);
    router->handle(request, exchange);
    return exchange;
  }
  HttpResponse ask(const std::string &method, const std::string &target,
                   const std::string &body = "", Headers headers = {}) {
    auto exchange = send(method, target, body, std::move(headers));
    exchange->runToEnd();
    return exchange->response;
  }
  json post(const std::string &target, const json &body) {
    const HttpResponse response = ask("POST", target, body.dump());
    EXPECT_EQ(response.status, 200) << response.body;
    return json::parse(response.body);
  }
  json errorOf(const std::string &target, const json &body, int status) {
    const HttpResponse response = ask("POST", target, body.dump());
    EXPECT_EQ(response.status, status) << response.body;
    const json error = json::parse(response.body).at("error");
    for (const char *name : {"message", "type", "param", "code"})
      EXPECT_TRUE(error.contains(name)) << name;
    return error;
  }
  /// The data of a stream's events.
  static std::vector<std::string> eventsOf(const std::string &body) {
    std::vector<std::string> events;
    for (size_t at = 0; at < body.size();) {
      const size_t end = body.find("\n\n", at);
      EXPECT_EQ(body.substr(at, 6), "data: ");
      events.push_back(body.substr(at + 6, end - at - 6));
      at = end + 2;
    }
    return events;
  }

  std::unique_ptr<Tokenizer> tokenizer;
  std::unique_ptr<Engine> engine;
  std::unique_ptr<Service> service;
  std::unique_ptr<Router> router;
  std::vector<std::shared_ptr<Recorder>> sent;
};

const json user = {{{"role", "user"}, {"content", "hi"}}};
} // namespace

TEST_F(ServerTest, CompletionHasOpenAisShape) {
  const json answer =
      post("/v1/completions",
           {{"prompt", "Once"}, {"max_tokens", 6}, {"temperature", 0}});
  EXPECT_EQ(answer["object"], "text_completion");
  EXPECT_EQ(answer["model"], "fake");
  EXPECT_EQ(answer["choices"][0]["text"], story.substr(4, 6));
  EXPECT_EQ(answer["choices"][0]["finish_reason"], "length");
  EXPECT_EQ(answer["usage"]["prompt_tokens"], 5);
  EXPECT_EQ(answer["usage"]["completion_tokens"], 6);
  EXPECT_EQ(answer["usage"]["total_tokens"], 11);
  EXPECT_EQ(answer["usage"]["prompt_tokens_details"]["cached_tokens"], 0);
}

TEST_F(ServerTest, StreamJoinsToTheWholeAnswer) {
  json body = {{"messages", user},
               {"temperature", 0},
               {"logprobs", true},
               {"top_logprobs", 2}};
  const json whole = post("/v1/chat/completions", body);
  const json &choice = whole["choices"][0];
  EXPECT_EQ(choice["message"]["role"], "assistant");
  EXPECT_EQ(choice["finish_reason"], "stop");
  body["stream"] = true;
  body["stream_options"] = {{"include_usage", true}};
  const HttpResponse response =
      ask("POST", "/v1/chat/completions", body.dump());
  EXPECT_EQ(response.contentType, "text/event-stream; charset=utf-8");
  std::vector<std::string> events = eventsOf(response.body);
  ASSERT_GT(events.size(), 3u);
  EXPECT_EQ(events.back(), "[DONE]");
  events.pop_back();
  const json usage = json::parse(events.back());
  EXPECT_EQ(usage["choices"], json::array());
  EXPECT_EQ(usage["usage"]["completion_tokens"],
            whole["usage"]["completion_tokens"]);
  events.pop_back();
  std::string text;
  json logprobs = json::array(), finish;
  for (const std::string &event : events) {
    const json part = json::parse(event)["choices"][0];
    text += part["delta"].value("content", "");
    if (part["logprobs"].is_object())
      for (const json &token : part["logprobs"]["content"])
        logprobs.push_back(token);
    finish = part["finish_reason"];
  }
  EXPECT_EQ(json::parse(events[0])["choices"][0]["delta"]["role"], "assistant");
  EXPECT_EQ(json(text), choice["message"]["content"]);
  EXPECT_EQ(logprobs, choice["logprobs"]["content"]);
  EXPECT_EQ(logprobs[0]["top_logprobs"].size(), 2u);
  EXPECT_EQ(finish, "stop");
}

TEST_F(ServerTest, ChoicesAreDrawnWithSeedsOfTheirOwn) {
  const json body = {{"prompt", {"Once", "The"}},
                     {"n", 2},
                     {"seed", 3},
                     {"temperature", 50},
                     {"top_k", 0},
                     {"top_p", 1},
                     {"min_p", 0},
                     {"max_tokens", 8}};
  const json first = post("/v1/completions", body);
  ASSERT_EQ(first["choices"].size(), 4u);
  EXPECT_EQ(first["choices"], post("/v1/completions", body)["choices"]);
  EXPECT_NE(first["choices"][0]["text"], first["choices"][1]["text"]);
  EXPECT_EQ(first["usage"]["prompt_tokens"], 5 + 4);
  json alone = body;
  alone["prompt"] = "Once";
  alone["n"] = 1;
  alone["seed"] = 4;
  EXPECT_EQ(post("/v1/completions", alone)["choices"][0]["text"],
            first["choices"][1]["text"]);
}

TEST_F(ServerTest, StopEchoBiasAndGenerate) {
  EXPECT_EQ(post("/v1/completions", {{"prompt", "Once"},
                                     {"stop", "time"},
                                     {"max_tokens", 40},
                                     {"temperature", 0},
                                     {"echo", true}})["choices"][0]["text"],
            "Once upon a ");
  const json biased = post("/v1/completions", {{"prompt", "Once"},
                                               {"max_tokens", 3},
                                               {"temperature", 0},
                                               {"logit_bias", {{"67", 100}}}});
  EXPECT_EQ(biased["choices"][0]["text"], "AAA");
  const json generated =
      post("/generate",
           {{"prompt", "Once"}, {"max_new_tokens", 5}, {"temperature", 0}});
  EXPECT_EQ(generated["text"], story.substr(4, 5));
  EXPECT_EQ(generated["finish_reason"], "length");
  EXPECT_EQ(generated["usage"]["completion_tokens"], 5);
}

TEST_F(ServerTest, LogprobsOfCompletions) {
  const json logprobs =
      post("/v1/completions", {{"prompt", "Once"},
                               {"max_tokens", 3},
                               {"temperature", 0},
                               {"logprobs", 2}})["choices"][0]["logprobs"];
  EXPECT_EQ(logprobs["tokens"], (json{" ", "u", "p"}));
  EXPECT_EQ(logprobs["text_offset"], (json{0, 1, 2}));
  EXPECT_EQ(logprobs["top_logprobs"][0].size(), 2u);
  EXPECT_LT(logprobs["token_logprobs"][0], 0.0);
}

TEST_F(ServerTest, EchoHasLogprobsOfThePrompt) {
  json body = {{"prompt", "Once"},
               {"max_tokens", 3},
               {"temperature", 0},
               {"logprobs", 2},
               {"echo", true}};
  const json whole = post("/v1/completions", body)["choices"][0];
  EXPECT_EQ(whole["text"], "Once up");
  const json &logprobs = whole["logprobs"];
  // The first token is the server's own and not in the text.
  EXPECT_EQ(logprobs["tokens"],
            (json{"<|begin|>", "O", "n", "c", "e", " ", "u", "p"}));
  EXPECT_EQ(logprobs["text_offset"], (json{0, 0, 1, 2, 3, 4, 5, 6}));
  EXPECT_TRUE(logprobs["token_logprobs"][0].is_null());
  EXPECT_TRUE(logprobs["top_logprobs"][0].is_null());
  for (size_t i = 1; i < 8; ++i) {
    EXPECT_LT(logprobs["token_logprobs"][i], 0.0);
    EXPECT_EQ(logprobs["top_logprobs"][i].size(), 2u);
  }
  // Token ids as they are, nothing generated.
  const json ids = {0, 81, 112};
  const json scored = post(
      "/v1/completions",
      {{"prompt", ids}, {"max_tokens", 0}, {"logprobs", 0}, {"echo", true}});
  const json &choice = scored["choices"][0];
  EXPECT_EQ(choice["text"], "<|begin|>On");
  EXPECT_EQ(choice["finish_reason"], "length");
  EXPECT_EQ(choice["logprobs"]["text_offset"], (json{0, 9, 10}));
  for (size_t i : {1, 2})
    EXPECT_EQ(choice["logprobs"]["token_logprobs"][i],
              logprobs["token_logprobs"][i]);
  EXPECT_EQ(scored["usage"]["completion_tokens"], 0);
  // A stream has the same, whole with its first part.
  body["stream"] = true;
  const std::vector<std::string> events =
      eventsOf(ask("POST", "/v1/completions", body.dump()).body);
  std::string text;
  json tokens = json::array();
  for (size_t i = 0; i + 1 < events.size(); ++i) {
    const json part = json::parse(events[i])["choices"][0];
    text += part["text"];
    if (part["logprobs"].is_object())
      for (const json &token : part["logprobs"]["tokens"])
        tokens.push_back(token);
  }
  EXPECT_EQ(text, "Once up");
  EXPECT_EQ(tokens, logprobs["tokens"]);
}

TEST_F(ServerTest, JsonFormatsAreFollowedOrRefused) {
  json body = {{"messages", user},
               {"temperature", 0},
               {"response_format",
                {{"type", "json_schema"},
                 {"json_schema",
                  {{"name", "n"}, {"schema", {{"enum", {"yes", "no"}}}}}}}}};
  const std::string text =
      post("/v1/chat/completions", body)["choices"][0]["message"]["content"];
  EXPECT_TRUE(text == "\"yes\"" || text == "\"no\"") << text;
  body["response_format"]["json_schema"]["schema"] = {{"$dynamicRef", "x"}};
  EXPECT_EQ(errorOf("/v1/chat/completions", body, 400)["code"],
            "invalid_json_schema");
}

TEST_F(ServerTest, CallsAreForced) {
  const json schema = {{"type", "object"},
                       {"properties", {{"x", {{"enum", {1, 2}}}}}},
                       {"required", {"x"}},
                       {"additionalProperties", false}};
  json body = {{"messages", user}, {"temperature", 0}};
  for (const char *name : {"f", "g"})
    body["tools"].push_back(
        {{"type", "function"},
         {"function", {{"name", name}, {"parameters", schema}}}});
  const json named = {{"type", "function"}, {"function", {{"name", "g"}}}};
  struct Case {
    const char *shown; ///< By the template.
    bool isKnown;
  } const cases[] = {
      {"<tool_call>{\"arguments\"}</tool_call>", true},
      {"{\"parameters\"}", true},
      {"<tool_call><function=f></tool_call>", false},
      {"[TOOL_CALLS]", false},
  };
  for (const Case &form : cases) {
    const bitnetc::CompiledTemplate compiled = bitnetc::compileTemplate(
        std::string("{% if tools %}{% set x %}") + form.shown +
        "{% endset %}{% endif %}{{ messages[0].content }}");
    ASSERT_EQ(compiled.error, "");
    const AlignedBlob blob(compiled.blob);
    bitnet_model model = program_model;
    model.chat_template = {blob.data(), blob.size()};
    start({}, {}, model);
    for (const json &choice : {json("required"), named}) {
      body["tool_choice"] = choice;
      if (!form.isKnown) {
        EXPECT_EQ(errorOf("/v1/chat/completions", body, 400)["param"],
                  "tool_choice");
        continue;
      }
      const json made = post("/v1/chat/completions", body)["choices"][0];
      EXPECT_EQ(made["finish_reason"], "tool_calls") << made;
      EXPECT_TRUE(made["message"]["content"].is_null()) << made;
      ASSERT_EQ(made["message"]["tool_calls"].size(), 1u) << made;
      const json call = made["message"]["tool_calls"][0]["function"];
      if (choice == named)
        EXPECT_EQ(call["name"], "g");
      const json x = json::parse(std::string(call["arguments"]))["x"];
      EXPECT_TRUE(x == 1 || x == 2) << call;
    }
    body["tool_choice"] = "none";
    EXPECT_EQ(post("/v1/chat/completions", body)["choices"][0]["finish_reason"],
              "stop");
    engine.reset(); // Before its model.
  }
  body["tool_choice"] = "required";
  body["tools"][1]["function"]["parameters"] = {{"multipleOf", 2}};
  const bitnetc::CompiledTemplate compiled =
      bitnetc::compileTemplate("{% if tools %}{\"parameters\"}{% endif %}");
  const AlignedBlob blob(compiled.blob);
  bitnet_model model = program_model;
  model.chat_template = {blob.data(), blob.size()};
  start({}, {}, model);
  EXPECT_EQ(errorOf("/v1/chat/completions", body, 400)["param"],
            "tools[1].function.parameters");
  engine.reset();
}

TEST_F(ServerTest, ErrorsAreOpenAis) {
  EXPECT_EQ(errorOf("/v1/completions", {{"prompt", std::string(200, 'a')}},
                    400)["code"],
            "context_length_exceeded");
  EXPECT_EQ(errorOf("/v1/completions", {{"prompt", {9999}}}, 400)["param"],
            "prompt");
  EXPECT_EQ(errorOf("/v1/completions",
                    {{"prompt", "a"}, {"logit_bias", {{"9999", 1}}}},
                    400)["param"],
            "logit_bias");
  EXPECT_EQ(errorOf("/v1/chat/completions",
                    {{"messages", user},
                     {"tools",
                      {{{"type", "function"}, {"function", {{"name", "f"}}}}}}},
                    400)["param"],
            "tools"); // The template has none.
  EXPECT_EQ(errorOf("/v1/embeddings", {{"input", "a"}}, 501)["type"],
            "not_supported_error");
}

TEST_F(ServerTest, LlamaCppsInterfaces) {
  EXPECT_EQ(post("/tokenize", {{"content", "ab"}})["tokens"], (json{99, 100}));
  EXPECT_EQ(
      post("/tokenize", {{"content", "a"}, {"add_special", true}})["tokens"],
      (json{0, 99}));
  const json pieces = post(
      "/tokenize", {{"content", "\xC3\xA9"}, {"with_pieces", true}})["tokens"];
  EXPECT_EQ(pieces[0]["piece"], json{0xC3}); // Half a character: its bytes.
  EXPECT_EQ(post("/detokenize", {{"tokens", {99, 100}}})["content"], "ab");
  errorOf("/detokenize", {{"tokens", {99999}}}, 400);
  EXPECT_EQ(post("/apply-template", {{"messages", user}})["prompt"],
            "<|begin|>U:hi<|end|>A:");
  EXPECT_EQ(json::parse(ask("GET", "/props").body)["total_slots"], 8);
  EXPECT_EQ(json::parse(ask("GET", "/v1/models").body)["data"][0]["id"],
            "fake");
  EXPECT_EQ(json::parse(ask("GET", "/v1/models/fake").body)["id"], "fake");
  EXPECT_EQ(ask("GET", "/v1/models/other").status, 404);
}

TEST_F(ServerTest, MetricsCount) {
  post("/v1/completions", {{"prompt", "Once"}, {"max_tokens", 6}});
  const std::string text = ask("GET", "/metrics").body;
  for (const char *line :
       {"\nllamacpp:tokens_predicted_total 6\n",
        "\nvllm:generation_tokens_total{model_name=\"fake\"} 6\n",
        "\nvllm:time_to_first_token_seconds_count{model_name=\"fake\"} 1\n",
        "\nvllm:inter_token_latency_seconds_count{model_name=\"fake\"} 5\n",
        "finished_reason=\"length\"} 1\n"})
    EXPECT_NE(text.find(line), text.npos) << line << text;
}

TEST_F(ServerTest, HealthAndRefusalWhileDraining) {
  EXPECT_EQ(ask("GET", "/health").status, 200);
  service->draining = true;
  EXPECT_EQ(ask("GET", "/health").status, 503);
  errorOf("/v1/completions", {{"prompt", "a"}}, 503);
}

TEST_F(ServerTest, ClientThatGoesAwayIsCancelled) {
  stepDelay = 2000;
  auto exchange = send("POST", "/v1/completions",
                       R"({"prompt": "Once", "max_tokens": 80, "stream": true,
                           "ignore_eos": true})");
  exchange->runOne();
  exchange->gone();
  EXPECT_TRUE(engine->drain(10));
  stepDelay = 0;
  EXPECT_EQ(engine->statistics().cancelled, 1u);
}

TEST_F(ServerTest, AnswersHaveALimitOfTime) {
  stepDelay = 2000;
  auto exchange = send("POST", "/v1/completions",
                       R"({"prompt": "Once", "max_tokens": 80,
                           "ignore_eos": true})");
  exchange->runOut(ServiceOptions().maxTime);
  stepDelay = 0;
  EXPECT_TRUE(exchange->done);
  EXPECT_EQ(exchange->response.status, 504);
  EXPECT_TRUE(engine->drain(10));
}

TEST_F(ServerTest, FullQueueIs429) {
  EngineOptions options;
  options.parallel = 1;
  options.maxQueued = 1;
  start(options);
  stepDelay = 2000;
  std::vector<std::shared_ptr<Recorder>> all;
  for (int i = 0; i < 4; ++i)
    all.push_back(send("POST", "/v1/completions",
                       R"({"prompt": "Once", "max_tokens": 40,
                           "ignore_eos": true})"));
  unsigned refused = 0;
  for (const auto &exchange : all)
    if (exchange->done) {
      ++refused;
      EXPECT_EQ(exchange->response.status, 429);
      EXPECT_EQ(exchange->response.headers[0].first, "Retry-After");
    }
  EXPECT_GE(refused, 2u);
  stepDelay = 0;
  for (const auto &exchange : all)
    exchange->runToEnd();
}

TEST_F(ServerTest, MethodsPathsKeysAndOrigins) {
  EXPECT_EQ(ask("GET", "/nothing").status, 404);
  HttpResponse wrong = ask("GET", "/v1/completions");
  EXPECT_EQ(wrong.status, 405);
  EXPECT_EQ(wrong.headers.back(),
            (std::pair<std::string, std::string>("Allow", "POST, OPTIONS")));
  EXPECT_EQ(ask("HEAD", "/health").status, 200);
  EXPECT_EQ(ask("OPTIONS", "/v1/completions").status, 204);

  start({}, {.keys = {"one", "two"}, .cors = "https://a.example"});
  EXPECT_EQ(ask("GET", "/health").status, 200);
  EXPECT_EQ(ask("GET", "/").status, 200);
  for (const char *path : {"/props", "/metrics", "/v1/models"})
    EXPECT_EQ(ask("GET", path).status, 401) << path;
  EXPECT_EQ(ask("GET", "/props", "", {{"authorization", "Bearer tw"}}).status,
            401);
  EXPECT_EQ(ask("GET", "/props", "", {{"authorization", "bearer two"}}).status,
            200);
  EXPECT_EQ(ask("GET", "/props", "", {{"x-api-key", "one"}}).status, 200);
  const HttpResponse other =
      ask("OPTIONS", "/v1/completions", "", {{"origin", "https://a.example"}});
  bool allowed = false;
  for (const auto &[name, value] : other.headers)
    allowed |=
        name == "Access-Control-Allow-Origin" && value == "https://a.example";
  EXPECT_TRUE(allowed);
  EXPECT_TRUE(equalSecrets("abc", "abc"));
  EXPECT_FALSE(equalSecrets("abc", "abd"));
  EXPECT_FALSE(equalSecrets("abc", ""));
  EXPECT_FALSE(equalSecrets("", "abc"));
}

TEST(ToolCalls, HermesCallsComeApartAtAnyCut) {
  const std::string text =
      "Let me see.\n<tool_call>\n{\"name\": \"f\", \"arguments\": {\"x\": "
      "1}}\n</tool_call>\n<tool_call>{\"name\": \"g\", \"arguments\": {}}"
      "</tool_call>";
  for (size_t step = 1; step < text.size(); ++step) {
    ToolCallReader reader(ToolForm::Hermes);
    std::vector<ToolCall> calls;
    std::string out;
    for (size_t at = 0; at < text.size(); at += step)
      out += reader.push(std::string_view(text).substr(at, step), calls);
    out += reader.finish(calls);
    EXPECT_EQ(out, "Let me see.") << step;
    ASSERT_EQ(calls.size(), 2u) << step;
    EXPECT_EQ(calls[0].name, "f");
    EXPECT_EQ(calls[0].arguments, "{\"x\": 1}");
    EXPECT_EQ(calls[1].name, "g");
  }
}

TEST(ToolCalls, WhatIsNoCallStaysText) {
  for (const std::string text :
       {"a <tool_cal b", "<tool_call>not json</tool_call> c", "1 < 2", "a  \n",
        "<tool_call>{\"name\": 1}</tool_call>", "<tool_call>{"})
    for (ToolForm form : {ToolForm::None, ToolForm::Hermes, ToolForm::Llama}) {
      ToolCallReader reader(form);
      std::vector<ToolCall> calls;
      std::string out;
      for (char c : text)
        out += reader.push({&c, 1}, calls);
      out += reader.finish(calls);
      EXPECT_EQ(out, text);
      EXPECT_TRUE(calls.empty());
    }
}

TEST(ToolCalls, LlamasCallIsTheWholeAnswer) {
  ToolCallReader reader(ToolForm::Llama);
  std::vector<ToolCall> calls;
  EXPECT_EQ(reader.push(" {\"name\": \"f\", \"param", calls), "");
  EXPECT_EQ(reader.push("eters\": {\"a\": \"b\"}}", calls), "");
  EXPECT_EQ(reader.finish(calls), "");
  ASSERT_EQ(calls.size(), 1u);
  EXPECT_EQ(calls[0].arguments, "{\"a\": \"b\"}");
  ToolCallReader other(ToolForm::Llama);
  calls.clear();
  EXPECT_EQ(other.push("{\"a\": 1}", calls) + other.finish(calls),
            "{\"a\": 1}");
  EXPECT_TRUE(calls.empty());
}
