// Bodies of requests to what the engine is asked, and bytes of a connection to
// requests; neither needs a model or a socket.
#include "runtime/server/Fields.h"
#include "runtime/server/HttpParser.h"
#include "runtime/server/OpenAiRequest.h"
#include <cmath>
#include <gtest/gtest.h>

using namespace bitnet;
using namespace bitnet::server;

namespace {
struct Parsed {
  bool good = false;
  ParsedRequest request;
  ApiError error;
};

Parsed parse(Api api, const std::string &json) {
  Parsed parsed;
  chat::Value body;
  parsed.good = parseBody(json, body, parsed.error) &&
                parseRequest(body, api, {}, parsed.request, parsed.error);
  return parsed;
}

/// `members` of a completion.
Parsed completion(const std::string &members) {
  return parse(Api::Completion, "{\"prompt\": \"a\", " + members + "}");
}

Parsed chatOf(const std::string &messages) {
  return parse(Api::Chat, "{\"messages\": " + messages + "}");
}
} // namespace

TEST(ServerRequest, DefaultsAreThoseOfRun) {
  Parsed p = parse(Api::Completion, R"({"prompt": "a"})");
  ASSERT_TRUE(p.good) << p.error.message;
  EXPECT_EQ(p.request.request.maxTokens, 16u); // OpenAI's.
  EXPECT_FLOAT_EQ(p.request.request.sampling.temperature, 0.8f);
  EXPECT_EQ(p.request.n, 1u);
  EXPECT_FALSE(p.request.seed);
  EXPECT_EQ(p.request.request.topLogprobs, -1);
  EXPECT_EQ(
      parse(Api::Generate, R"({"prompt": "a"})").request.request.maxTokens,
      256u);
}

TEST(ServerRequest, EveryMemberArrives) {
  Parsed p = completion(
      R"("max_tokens": 7, "temperature": 0, "top_p": 0.5, "top_k": -1,
         "min_p": 0.25, "repetition_penalty": 1.5, "repeat_last_n": 9,
         "presence_penalty": 1, "frequency_penalty": -1, "seed": 5,
         "logit_bias": {"3": -100, "4": 2.5}, "stop": ["x", "y"],
         "stop_token_ids": [8], "ignore_eos": true, "logprobs": 2, "n": 3,
         "skip_special_tokens": false, "stream": true,
         "stream_options": {"include_usage": true}, "user": "someone")");
  ASSERT_TRUE(p.good) << p.error.message;
  const Request &r = p.request.request;
  EXPECT_EQ(r.maxTokens, 7u);
  EXPECT_EQ(r.sampling.temperature, 0);
  EXPECT_EQ(r.sampling.topP, 0.5f);
  EXPECT_EQ(r.sampling.topK, -1);
  EXPECT_EQ(r.sampling.minP, 0.25f);
  EXPECT_EQ(r.sampling.repeatPenalty, 1.5f);
  EXPECT_EQ(r.sampling.repeatLastN, 9);
  EXPECT_EQ(r.sampling.presencePenalty, 1);
  EXPECT_EQ(r.sampling.frequencyPenalty, -1);
  EXPECT_EQ(p.request.seed, 5u);
  ASSERT_EQ(r.logitBias.size(), 2u);
  EXPECT_EQ(r.logitBias[0].bias, -INFINITY);
  EXPECT_EQ(r.logitBias[1].bias, 2.5f);
  EXPECT_EQ(r.stop, (std::vector<std::string>{"x", "y"}));
  EXPECT_EQ(r.stopTokens, std::vector<int32_t>{8});
  EXPECT_TRUE(r.ignoreEos);
  EXPECT_FALSE(r.skipSpecial);
  EXPECT_EQ(r.topLogprobs, 2);
  EXPECT_EQ(p.request.n, 3u);
  EXPECT_TRUE(p.request.stream && p.request.includeUsage);
}

TEST(ServerRequest, WrongMembersAreNamed) {
  // Members and the member that the error is about.
  const std::pair<const char *, const char *> cases[] = {
      {R"("temperature": "hot")", "temperature"},
      {R"("temperature": -1)", "temperature"},
      {R"("temperature": true)", "temperature"},
      {R"("top_p": 1.5)", "top_p"},
      {R"("top_k": 1.5)", "top_k"},
      {R"("max_tokens": 0)", "max_tokens"},
      {R"("max_completion_tokens": 1e30)", "max_completion_tokens"},
      {R"("seed": "x")", "seed"},
      {R"("n": 0)", "n"},
      {R"("n": 17)", "n"},
      {R"("best_of": 4)", "best_of"},
      {R"("logit_bias": {"x": 1})", "logit_bias"},
      {R"("logit_bias": {"1": 101})", "logit_bias"},
      {R"("logit_bias": {"1": "1"})", "logit_bias"},
      {R"("logit_bias": [])", "logit_bias"},
      {R"("logprobs": 21)", "logprobs"},
      {R"("stop": 1)", "stop"},
      {R"("stop": [""])", "stop"},
      {R"("stop": [["a"]])", "stop"},
      {R"("stop_token_ids": ["a"])", "stop_token_ids"},
      {R"("stream": 1)", "stream"},
      {R"("stream_options": {})", "stream_options"},
      {R"("stream": true, "stream_options": {"include_usage": 1})",
       "stream_options.include_usage"},
      {R"("model": 1)", "model"},
      {R"("suffix": "b")", "suffix"},
      {R"("grammar": "root ::= x")", "grammar"},
      {R"("mirostat": 2)", "mirostat"},
      {R"("response_format": "json")", "response_format"},
      {R"("response_format": {"type": "xml"})", "response_format.type"},
      {R"("response_format": {"type": "json_schema"})",
       "response_format.json_schema.schema"},
  };
  for (const auto &[members, name] : cases) {
    Parsed p = completion(members);
    EXPECT_FALSE(p.good) << members;
    EXPECT_EQ(p.error.param, name) << members;
    EXPECT_EQ(p.error.status, 400);
  }
}

TEST(ServerRequest, NullAndNeutralValuesAreAbsent) {
  Parsed p = completion(R"("stop": null, "logit_bias": null, "suffix": null,
      "mirostat": 0, "grammar": "", "seed": -1, "unknown": {"a": [1]},
      "stream": false, "max_tokens": 3.0)");
  ASSERT_TRUE(p.good) << p.error.message;
  EXPECT_FALSE(p.request.seed);
  EXPECT_EQ(p.request.request.maxTokens, 3u);
}

TEST(ServerRequest, PromptsOfAllForms) {
  EXPECT_EQ(parse(Api::Completion, R"({"prompt": ["a", "b"]})")
                .request.prompts.size(),
            2u);
  Parsed ids = parse(Api::Completion, R"({"prompt": [1, 2]})");
  ASSERT_EQ(ids.request.prompts.size(), 1u);
  EXPECT_EQ(ids.request.prompts[0].tokens, (std::vector<int32_t>{1, 2}));
  EXPECT_EQ(parse(Api::Completion, R"({"prompt": [[1], [2]]})")
                .request.prompts.size(),
            2u);
  for (const char *bad :
       {R"({})", R"({"prompt": 1})", R"({"prompt": []})", R"({"prompt": [[]]})",
        R"({"prompt": [1, "a"]})", R"({"prompt": [-1]})", R"({"prompt": {}})",
        R"({"prompt": [1.5]})"})
    EXPECT_EQ(parse(Api::Completion, bad).error.param, "prompt") << bad;
}

TEST(ServerRequest, MessagesBecomeWhatTemplatesWant) {
  Parsed p = chatOf(R"([{"role": "developer", "content": "s"},
    {"role": "user", "content": [{"type": "text", "text": "a"},
                                 {"type": "text", "text": "b"}]},
    {"role": "assistant", "content": null, "tool_calls": [
      {"id": "1", "type": "function",
       "function": {"name": "f", "arguments": "{\"x\": 1}"}}]},
    {"role": "tool", "tool_call_id": "1", "content": "2"}])");
  ASSERT_TRUE(p.good) << p.error.message;
  const auto &m = p.request.messages.items();
  EXPECT_EQ(m[0].find("role")->text(), "system");
  EXPECT_EQ(m[1].find("content")->text(), "ab");
  const chat::Value &call = m[2].find("tool_calls")->items()[0];
  EXPECT_TRUE(call.find("function")->find("arguments")->is(chat::Value::Dict));
  EXPECT_EQ(m[2].find("content")->text(), "");
}

TEST(ServerRequest, WrongMessagesAreNamed) {
  const std::pair<const char *, const char *> cases[] = {
      {"1", "messages"},
      {"[]", "messages"},
      {"[1]", "messages[0]"},
      {R"([{}])", "messages[0].role"},
      {R"([{"role": "cat", "content": ""}])", "messages[0].role"},
      {R"([{"role": "user"}])", "messages[0].content"},
      {R"([{"role": "user", "content": 1}])", "messages[0].content"},
      {R"([{"role": "user", "content": [{"type": "image_url"}]}])",
       "messages[0].content"},
      {R"([{"role": "assistant", "tool_calls": 1}])", "messages[0].tool_calls"},
  };
  for (const auto &[messages, name] : cases)
    EXPECT_EQ(chatOf(messages).error.param, name) << messages;
}

TEST(ServerRequest, ToolsAreChecked) {
  const std::string messages = R"({"messages": [{"role": "user",
    "content": "a"}], )";
  const std::string tools =
      R"("tools": [{"type": "function", "function": {"name": "f"}}])";
  EXPECT_TRUE(parse(Api::Chat, messages + tools + "}")
                  .request.tools.is(chat::Value::List));
  EXPECT_FALSE(
      parse(Api::Chat, messages + tools + R"(, "tool_choice": "none"})")
          .request.tools.is(chat::Value::List));
  const auto choose = [&](const std::string &choice) {
    return parse(Api::Chat,
                 messages + tools + ", \"tool_choice\": " + choice + "}");
  };
  EXPECT_FALSE(choose("\"auto\"").request.forcesCall);
  EXPECT_TRUE(choose("\"required\"").request.forcesCall);
  const Parsed named =
      choose(R"({"type": "function", "function": {"name": "f"}})");
  EXPECT_TRUE(named.good && named.request.forcesCall);
  EXPECT_EQ(named.request.function, "f");
  for (const char *bad :
       {"\"any\"", "1", "{}", R"({"type": "function", "function": {}})",
        R"({"type": "function", "function": {"name": "g"}})"})
    EXPECT_EQ(choose(bad).error.param, "tool_choice") << bad;
  EXPECT_EQ(
      parse(Api::Chat, messages + R"("tool_choice": "required"})").error.param,
      "tool_choice");
  std::string many = tools;
  for (int i = 0; i < 128; ++i)
    many.insert(many.size() - 1, R"(, {"function": {"name": "g"}})");
  EXPECT_EQ(parse(Api::Chat, messages + many + "}").error.message,
            "'tools' has more than 128");
  EXPECT_EQ(parse(Api::Chat, messages + R"("tools": [{}]})").error.param,
            "tools[0]");
  EXPECT_EQ(parse(Api::Chat, messages + R"("top_logprobs": 1})").error.param,
            "top_logprobs");
}

TEST(ServerRequest, BodiesThatAreNoJsonObject) {
  for (const std::string &body :
       {std::string(), std::string("{"), std::string("[]"), std::string("1"),
        std::string("{\"a\": \"\xff\"}"), std::string(100000, '['),
        std::string("{\"a\": 1e999}"), std::string("\0{}", 3)}) {
    Parsed p = parse(Api::Chat, body);
    EXPECT_FALSE(p.good);
    EXPECT_EQ(p.error.status, 400);
  }
}

TEST(ServerRequest, ManyKeysTakeLinearTime) {
  std::string body = "{\"prompt\": \"a\"";
  for (int i = 0; i < 100000; ++i)
    body += ", \"k" + std::to_string(i) + "\": 0";
  EXPECT_TRUE(parse(Api::Completion, body + "}").good);
  std::string list = "{\"prompt\": [0";
  for (int i = 0; i < 1'000'000; ++i)
    list += ",0";
  EXPECT_FALSE(parse(Api::Completion, list + "]}").good);
}

namespace {
using State = HttpParser::State;

/// Feeds it byte by byte; `requests` gets all that are complete.
State feedSlowly(HttpParser &parser, std::string_view bytes,
                 std::vector<HttpRequest> &requests) {
  std::string buffer;
  State state = State::NeedMore;
  for (char c : bytes) {
    buffer += c;
    while ((state = parser.feed(buffer)) == State::Complete ||
           state == State::Continue)
      if (state == State::Complete)
        requests.push_back(parser.take());
    if (state == State::Failed)
      return state;
  }
  return state;
}

int statusOf(std::string bytes, HttpLimits limits = {}) {
  HttpParser parser(limits);
  State state;
  while ((state = parser.feed(bytes)) == State::Continue)
    ;
  return state == State::Complete ? 200
         : state == State::Failed ? parser.status()
                                  : 0;
}
} // namespace

TEST(HttpParser, RequestsOneAfterTheOther) {
  HttpParser parser({});
  std::vector<HttpRequest> requests;
  feedSlowly(parser,
             "\r\nPOST /a?x=1 HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n"
             "Authorization: Bearer k\r\n\r\nabc"
             "POST /b HTTP/1.1\r\nhost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
             "2\r\nde\r\n1;x=y\r\nf\r\n0\r\n\r\n"
             "GET /c HTTP/1.0\r\n\r\n",
             requests);
  ASSERT_EQ(requests.size(), 3u);
  EXPECT_EQ(requests[0].path(), "/a");
  EXPECT_EQ(requests[0].body, "abc");
  EXPECT_EQ(requests[0].header("authorization"), "Bearer k");
  EXPECT_EQ(requests[1].body, "def");
  EXPECT_TRUE(requests[1].keepAlive);
  EXPECT_TRUE(requests[2].http10);
  EXPECT_FALSE(requests[2].keepAlive);
}

TEST(HttpParser, ExpectContinueIsSaidOnce) {
  HttpParser parser({});
  std::string bytes = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n"
                      "Expect: 100-continue\r\n\r\n";
  EXPECT_EQ(parser.feed(bytes), State::Continue);
  EXPECT_EQ(parser.feed(bytes), State::NeedMore);
  bytes = "x";
  EXPECT_EQ(parser.feed(bytes), State::Complete);
}

TEST(HttpParser, LimitsAndNonsense) {
  const HttpLimits limits = {100, 300, 50};
  const std::string host = " HTTP/1.1\r\nHost: h\r\n";
  EXPECT_EQ(statusOf("GET /" + std::string(150, 'a') + host + "\r\n", limits),
            414);
  EXPECT_EQ(statusOf("GET /" + std::string(200, 'a'), limits), 414);
  EXPECT_EQ(statusOf("GET /" + host + "A: " + std::string(400, 'a'), limits),
            431);
  EXPECT_EQ(statusOf("POST /" + host + "Content-Length: 51\r\n\r\n", limits),
            413);
  EXPECT_EQ(statusOf("POST /" + host +
                         "Transfer-Encoding: chunked\r\n\r\n33\r\n" +
                         std::string(51, 'a') + "\r\n0\r\n\r\n",
                     limits),
            413);
  for (const std::string &bad :
       {std::string("hello\r\n\r\n"), std::string("GET / HTTP/1.1\r\n\r\n"),
        "GET /" + host + "Host: i\r\n\r\n", "GET /" + host + "no colon\r\n\r\n",
        "POST /" + host + "Content-Length: -1\r\n\r\n",
        "POST /" + host + "Content-Length: 1\r\nContent-Length: 2\r\n\r\n",
        "POST /" + host +
            "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST /" + host + "Transfer-Encoding: gzip\r\n\r\n",
        "POST /" + host + "Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        "GET /" + std::string("\xff\x00", 2) + host + "\r\n"})
    EXPECT_EQ(statusOf(bad, limits), 400) << bad;
  EXPECT_EQ(statusOf("GET / HTTP/2.0\r\nHost: h\r\n\r\n", limits) / 100, 4);
  EXPECT_EQ(statusOf("POST /" + host + "Content-Length: 1\r\nExpect: x\r\n\r\n",
                     limits),
            417);
}
