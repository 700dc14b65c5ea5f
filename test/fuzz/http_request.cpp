//===- http_request.cpp - Fuzzes HTTP requests and their JSON bodies ------===//
//
// Bytes of a connection, in two parts, to requests; every body is read by all
// interfaces.

#include "Fuzz.h"
#include "runtime/server/Fields.h"
#include "runtime/server/HttpParser.h"
#include "runtime/server/JsonSchema.h"
#include "runtime/server/OpenAiRequest.h"
#include "runtime/server/ToolCalls.h"

using namespace bitnet;
using namespace bitnet::server;

static void check(bool good) {
  if (!good)
    __builtin_trap();
}

static void readBody(const HttpRequest &request) {
  for (Api api : {Api::Generate, Api::Completion, Api::Chat}) {
    ApiError error;
    chat::Value body;
    ParsedRequest parsed;
    const bool good = parseBody(request.body, body, error) &&
                      parseRequest(body, api, {}, parsed, error);
    check(good == error.message.empty());
    if (!good) {
      check(errorResponse(error).status == 400);
      continue;
    }
    check(parsed.n >= 1 && parsed.n * parsed.prompts.size() <= 16);
    std::string why;
    std::shared_ptr<const JsonSchema> schema;
    if (parsed.forcesCall)
      check(compileCall(ToolForm::Hermes, parsed.tools, parsed.function, schema,
                        error) == error.message.empty());
    if (parsed.format == Format::JsonSchema)
      check(JsonSchema::compile(parsed.schema, &why) || !why.empty());
  }
}

/// However a text is cut, the calls and the rest of it are the same.
static void readCalls(std::string_view text) {
  for (ToolForm form : {ToolForm::Hermes, ToolForm::Llama}) {
    std::string out[2];
    std::vector<ToolCall> calls[2];
    for (int pass : {0, 1}) {
      ToolCallReader reader(form);
      if (pass == 0)
        out[0] = reader.push(text, calls[0]);
      else
        for (char c : text)
          out[1] += reader.push({&c, 1}, calls[1]);
      out[pass] += reader.finish(calls[pass]);
    }
    check(out[0] == out[1] && calls[0].size() == calls[1].size());
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < 2)
    return 0;
  const std::string_view bytes = bitnetc::fuzz::asText(data + 2, size - 2);
  const size_t cut = (data[0] | data[1] << 8) % (bytes.size() + 1);
  const HttpLimits limits = {512, 1024, 4096};
  HttpParser parser(limits);
  std::string buffer;
  for (std::string_view part : {bytes.substr(0, cut), bytes.substr(cut)}) {
    buffer += part;
    HttpParser::State state;
    while ((state = parser.feed(buffer)) == HttpParser::State::Complete ||
           state == HttpParser::State::Continue) {
      if (state == HttpParser::State::Continue)
        continue;
      const HttpRequest request = parser.take();
      check(request.target.size() <= limits.target);
      check(request.body.size() <= limits.body);
      readBody(request);
      readCalls(request.body);
    }
    if (state == HttpParser::State::Failed) {
      check(parser.status() >= 400 && !parser.message().empty());
      return 0;
    }
    check(buffer.size() <= limits.header + part.size());
  }
  return 0;
}
