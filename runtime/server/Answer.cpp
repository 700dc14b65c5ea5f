//===- Answer.cpp - One request on its way through the engine -------------===//

#include "runtime/server/Answer.h"
#include "runtime/Cli.h"
#include <atomic>
#include <chrono>
#include <ctime>

namespace bitnet::server {

/// Unlike any other of this server, also after a restart.
static std::string newId(Api api) {
  static std::atomic<uint64_t> counter{0};
  static const auto start = static_cast<unsigned long long>(
      std::chrono::system_clock::now().time_since_epoch().count());
  char text[48];
  snprintf(text, sizeof(text), "%s-%llx%04llx",
           api == Api::Chat ? "chatcmpl" : "cmpl", start,
           static_cast<unsigned long long>(++counter));
  return text;
}

static uint64_t newSeed() {
  static std::atomic<uint64_t> counter{0};
  const auto time = static_cast<uint64_t>(
      std::chrono::high_resolution_clock::now().time_since_epoch().count());
  return (time ^ ++counter << 32) * 0x9E3779B97F4A7C15ull;
}

namespace {
/// Called by the engine's thread; hands over and returns.
class ChoiceListener final : public Listener {
public:
  ChoiceListener(std::shared_ptr<Answer> answer,
                 std::shared_ptr<Exchange> exchange, size_t index)
      : answer(std::move(answer)), exchange(std::move(exchange)), index(index) {
  }
  void on(Event event) override {
    try {
      exchange->post([answer = answer, index = index,
                      event = std::make_shared<Event>(std::move(event))] {
        answer->on(index, *event);
      });
    } catch (const std::exception &) {
      // Out of memory: the answer misses a part, and its client must not take
      // what it gets for all of it. The limit on time ends it.
    }
  }

private:
  std::shared_ptr<Answer> answer;
  std::shared_ptr<Exchange> exchange;
  size_t index;
};
} // namespace

Answer::Answer(Service &service, std::shared_ptr<Exchange> exchange,
               ParsedRequest request)
    : service(service), exchange(std::move(exchange)),
      parsed(std::move(request)),
      head{parsed.api, newId(parsed.api), service.model.name,
           static_cast<int64_t>(time(nullptr))},
      began(now()) {}

void Answer::start(std::vector<std::vector<int32_t>> prompts,
                   std::shared_ptr<const JsonSchema> schema) {
  const ToolForm form =
      parsed.tools.is(chat::Value::List) ? service.toolForm : ToolForm::None;
  const uint64_t seed = parsed.seed.value_or(newSeed());
  for (size_t p = 0; p < prompts.size(); ++p)
    for (uint32_t i = 0; i < parsed.n; ++i) {
      choices.emplace_back(form, LogprobsWriter(parsed.api, service.tokenizer));
      choices.back().whole.index = static_cast<uint32_t>(choices.size() - 1);
      choices.back().promptTokens = static_cast<uint32_t>(prompts[p].size());
      if (parsed.echo)
        choices.back().echo = textOf(parsed.prompts[p]);
    }
  exchange->onGone([weak = weak_from_this()] {
    if (auto answer = weak.lock())
      answer->cancelAll();
  });
  for (size_t index = 0; index < choices.size(); ++index) {
    Request request = parsed.request;
    const size_t prompt = index / parsed.n;
    if (index % parsed.n + 1 == parsed.n)
      request.prompt = std::move(prompts[prompt]);
    else
      request.prompt = prompts[prompt];
    request.sampling.seed = seed + index % parsed.n;
    if (schema)
      request.constraint =
          std::make_shared<JsonConstraint>(schema, service.tokenTable());
    auto listener =
        std::make_shared<ChoiceListener>(shared_from_this(), exchange, index);
    if (!admit(service.engine.submit(std::move(request), std::move(listener),
                                     &choices[index].id),
               index))
      return;
    ++open;
  }
  if (service.options.maxTime > 0)
    exchange->after(service.options.maxTime, [weak = weak_from_this()] {
      if (auto answer = weak.lock())
        answer->fail({504,
                      "the answer took more than the server's limit of " +
                          std::to_string(static_cast<int64_t>(
                              answer->service.options.maxTime)) +
                          " seconds",
                      "", "timeout"});
    });
  if (!parsed.stream)
    return;
  HttpResponse response;
  response.contentType = "text/event-stream; charset=utf-8";
  // The second keeps nginx from collecting the stream.
  response.headers = {{"Cache-Control", "no-cache"},
                      {"X-Accel-Buffering", "no"}};
  hasBegun = true;
  exchange->begin(std::move(response));
  lastWrite = now();
  if (service.options.ping > 0)
    pingAfter(service.options.ping);
}

/// Proxies take a stream that says nothing for dead: while it waits in the
/// queue, say. Clients pass over comments.
void Answer::pingAfter(double seconds) {
  exchange->after(seconds, [weak = weak_from_this()] {
    auto answer = weak.lock();
    if (!answer || answer->over)
      return;
    const double ping = answer->service.options.ping;
    // Timers may be early by what a clock rounds off.
    constexpr double kEarly = 0.001;
    if (now() - answer->lastWrite >= ping - kEarly)
      answer->write(": ping\n\n");
    answer->pingAfter(std::max(ping - (now() - answer->lastWrite), kEarly));
  });
}

std::string Answer::textOf(const PromptInput &prompt) const {
  return prompt.tokens.empty()
             ? prompt.text
             : service.tokenizer.decode(prompt.tokens, /*skipSpecial=*/false);
}

bool Answer::admit(Admission admission, size_t index) {
  switch (admission) {
  case Admission::Accepted:
    return true;
  case Admission::QueueFull:
    fail({429, "too many requests wait already; try again later", "",
          "queue_full", 1});
    return false;
  case Admission::Stopping:
    fail({503, "the server is shutting down", "", "shutting_down", 5});
    return false;
  case Admission::TooLong:
    fail({400,
          "prompt and answer do not fit into the context of " +
              std::to_string(service.engine.contextLength()) + " tokens",
          parsed.api == Api::Chat ? "messages" : "prompt",
          "context_length_exceeded"});
    return false;
  case Admission::BadRequest:
    break;
  }
  fail({400,
        "the prompt is empty or holds a token id that the model does not have",
        parsed.api == Api::Chat ? "messages" : "prompt", "invalid_value"});
  return false;
}

void Answer::count(Choice &choice, const Event &event) {
  choice.promptTokens = event.promptTokens;
  choice.cachedTokens = event.cachedTokens;
  const uint32_t fresh = event.generatedTokens - choice.generatedTokens;
  choice.generatedTokens = event.generatedTokens;
  if (!fresh)
    return;
  const double time = now();
  if (firstToken == 0)
    firstToken = time;
  if (choice.lastToken == 0)
    service.counters.firstToken(time - began);
  else
    for (uint32_t i = 0; i < fresh; ++i)
      service.counters.betweenTokens((time - choice.lastToken) / fresh);
  choice.lastToken = time;
}

void Answer::on(size_t index, const Event &event) {
  if (over)
    return;
  Choice &choice = choices[index];
  if (choice.isDone)
    return;
  count(choice, event);
  if (event.finish == Finish::Error) {
    fail({500, event.error, "", "engine_error"});
    return;
  }
  if (event.finish == Finish::Cancelled) {
    fail({503, "the server ended before this answer was complete", "",
          "shutting_down", 5});
    return;
  }
  ChoicePart part;
  part.index = static_cast<uint32_t>(index);
  part.text = std::exchange(choice.echo, {});
  part.text += choice.tools.push(event.text, part.calls);
  if (!event.promptLogprobs.empty()) {
    // What the server put in front of the text is in no echo of it.
    const PromptInput &prompt = parsed.prompts[index / parsed.n];
    choice.logprobs.addPrompt(
        event.promptLogprobs,
        prompt.tokens.empty()
            ? promptPrefix(service.model, service.tokenizer).size()
            : 0);
  }
  for (const TokenLogprob &token : event.logprobs)
    choice.logprobs.add(token);
  const bool isLast = event.finish != Finish::None;
  if (isLast) {
    part.text += choice.tools.finish(part.calls);
    choice.isDone = true;
    --open;
  }
  part.firstCall = choice.calls;
  choice.calls += part.calls.size();
  if (isLast) {
    part.finish = finishName(event.finish, choice.calls > 0);
    service.counters.answered(now() - began, part.finish);
  }
  if (parsed.stream) {
    writePart(choice, std::move(part));
  } else {
    choice.whole.text += part.text;
    for (ToolCall &call : part.calls)
      choice.whole.calls.push_back(std::move(call));
    choice.whole.finish = part.finish;
  }
  if (open == 0)
    finish();
}

/// The reason for the end comes in a part of its own, as clients expect.
void Answer::writePart(Choice &choice, ChoicePart part) {
  const char *finish = std::exchange(part.finish, nullptr);
  part.logprobs = choice.logprobs.take();
  if (!part.text.empty() || !part.calls.empty() || !part.logprobs.empty() ||
      (!choice.hasBegun && parsed.api == Api::Chat)) {
    send(partJson(head, part, !choice.hasBegun, parsed.includeUsage));
    choice.hasBegun = true;
  }
  if (!finish)
    return;
  ChoicePart end;
  end.index = part.index;
  end.finish = finish;
  send(partJson(head, end, false, parsed.includeUsage));
}

void Answer::send(std::string_view json) {
  std::string event = "data: ";
  event += json;
  event += "\n\n";
  write(event);
}

void Answer::write(std::string_view bytes) {
  lastWrite = now();
  exchange->write(bytes);
}

Usage Answer::usage() const {
  Usage sum;
  for (size_t i = 0; i < choices.size(); ++i) {
    sum.completionTokens += choices[i].generatedTokens;
    if (i % parsed.n)
      continue;
    sum.promptTokens += choices[i].promptTokens;
    sum.cachedTokens += choices[i].cachedTokens;
  }
  return sum;
}

void Answer::tellFigures() {
  const Usage sum = usage();
  exchange->tell({sum.promptTokens, sum.completionTokens, firstToken});
}

void Answer::finish() {
  over = true;
  tellFigures();
  if (parsed.stream) {
    if (parsed.includeUsage)
      send(usagePartJson(head, usage()));
    write("data: [DONE]\n\n");
    exchange->finish();
    return;
  }
  std::vector<ChoicePart> parts;
  for (Choice &choice : choices) {
    choice.whole.logprobs = choice.logprobs.take();
    parts.push_back(std::move(choice.whole));
  }
  HttpResponse response;
  response.body = answerJson(head, parts, usage());
  exchange->respond(std::move(response));
}

/// A stream that has begun ends with the error instead of [DONE].
void Answer::fail(const ApiError &error) {
  cancelAll();
  if (hasBegun) {
    send(errorJson(error));
    exchange->finish();
  } else {
    exchange->respond(errorResponse(error));
  }
}

void Answer::cancelAll() {
  if (over)
    return;
  over = true;
  tellFigures();
  service.counters.aborted();
  for (const Choice &choice : choices)
    if (choice.id && !choice.isDone)
      service.engine.cancel(choice.id);
}

} // namespace bitnet::server
