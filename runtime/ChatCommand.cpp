//===- ChatCommand.cpp - `chat`: a conversation ---------------------------===//

#include "runtime/Cli.h"
#include "runtime/Conversation.h"
#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <unistd.h>

namespace bitnet {

static volatile sig_atomic_t interrupted = 0;

static void onInterrupt(int) { interrupted = 1; }

/// Without SA_RESTART, so that ^C also ends the reading of a line.
static void catchInterrupt() {
  struct sigaction action = {};
  action.sa_handler = onInterrupt;
  sigaction(SIGINT, &action, nullptr);
}

namespace {
struct ChatOptions {
  SamplerOptions sampler;
  int64_t threads = 0, context = 0, maxTokens = 1024, lookup = 0;
  std::string system, once;
  bool stats = false;
};

enum class Line { Text, Interrupted, End };
} // namespace

static void write(std::string_view text) {
  fwrite(text.data(), 1, text.size(), stdout);
  fflush(stdout);
}

static Line readLine(std::string &line) {
  line.clear();
  char buffer[4096];
  while (true) {
    errno = 0;
    if (!fgets(buffer, sizeof(buffer), stdin)) {
      const bool again = ferror(stdin) && errno == EINTR;
      clearerr(stdin);
      if (again || interrupted)
        return Line::Interrupted;
      return line.empty() ? Line::End : Line::Text;
    }
    line += buffer;
    if (line.ends_with('\n')) {
      line.pop_back();
      return Line::Text;
    }
  }
}

static void showStatistics(const TurnStatistics &s) {
  fprintf(stderr,
          "prompt: %zu tokens, %zu from the cache, %.1f tokens/s; generated: "
          "%zu tokens, %.1f tokens/s; stopped: %s\n",
          s.promptTokens, s.cachedTokens,
          static_cast<double>(s.promptTokens - s.cachedTokens) /
              std::max(s.promptSeconds, 1e-9),
          s.generated,
          static_cast<double>(s.generated) / std::max(s.generateSeconds, 1e-9),
          s.stopped);
}

static bool answer(Conversation &conversation, const ChatOptions &options,
                   const std::string &text, std::string *error) {
  TurnStatistics statistics;
  bool lineOpen = true;
  interrupted = 0;
  // -1 becomes a limit that the context always meets first.
  const bool good = conversation.answer(
      text, options.sampler, static_cast<uint64_t>(options.maxTokens),
      [&](std::string_view part) {
        if (!part.empty()) {
          write(part);
          lineOpen = part.back() != '\n';
        }
        return interrupted == 0;
      },
      statistics, error);
  if (good && lineOpen)
    write("\n");
  if (good && options.stats)
    showStatistics(statistics);
  return good;
}

/// Lines of standard input are turns until it ends.
static int converse(Conversation &conversation, const ChatOptions &options) {
  const bool terminal = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
  if (terminal)
    fputs("^C stops an answer, ^D ends; /clear starts a new conversation.\n",
          stderr);
  bool failedOnce = false;
  std::string line, error;
  while (true) {
    interrupted = 0;
    if (terminal)
      write("> ");
    switch (readLine(line)) {
    case Line::End:
      if (terminal)
        write("\n");
      return failedOnce && !terminal ? ExitError : ExitOk;
    case Line::Interrupted:
      write("\n");
      continue;
    case Line::Text:
      break;
    }
    if (line == "/clear") {
      conversation.reset(options.system);
      continue;
    }
    if (line.find_first_not_of(" \t\r") == std::string::npos)
      continue;
    if (!answer(conversation, options, line, &error)) {
      failedOnce = true;
      fail(error + (terminal ? "; /clear starts a new conversation" : ""));
    }
  }
}

int chatCommand(const bitnet_model &model, const std::string &program,
                const Arguments &arguments) {
  ChatOptions chat;
  bool greedy = false;
  std::string error;
  if (!defaultThreads(chat.threads, &error))
    return fail(error);
  Options options(program, "chat [OPTIONS]",
                  "A conversation with the model, through its chat template. "
                  "Every line is a turn;\nearlier turns stay in memory. ^C "
                  "stops an answer, ^D ends, /clear starts anew.");
  options.value("--system", chat.system, "TEXT",
                "what the model is told before the first turn");
  options.value("--once", chat.once, "TEXT",
                "answer TEXT and end, for scripts");
  options.value("-n, --max-tokens", chat.maxTokens, "N",
                "stop an answer after N tokens (1024); -1: when the context is "
                "full",
                -1, INT32_MAX);
  addSampling(options, chat.sampler);
  addLookup(options, chat.lookup);
  options.flag("--greedy", greedy, "the same as --temp 0");
  options.value("-c, --ctx", chat.context, "N",
                "context length in tokens; default: all the model has", 1,
                model.max_position);
  options.flag("--stats", chat.stats, "write speeds to standard error");
  addThreads(options, chat.threads);
  options.example("chat");
  options.example("chat --system \"Answer in one sentence.\"");
  options.example("chat --greedy --once \"What is the capital of France?\"");
  Arguments positional;
  if (int code =
          parseOptions(options, program, "chat", arguments, 0, positional);
      code >= 0)
    return code;
  if (greedy)
    chat.sampler.temperature = 0;

  auto tokenizer = openTokenizer(model, &error);
  if (!tokenizer)
    return fail(error);
  SessionOptions sessionOptions;
  sessionOptions.threads = static_cast<unsigned>(chat.threads);
  sessionOptions.contextLength = static_cast<uint32_t>(chat.context);
  auto session = Session::create(model, sessionOptions, &error);
  if (!session)
    return fail(error);
  auto conversation = Conversation::create(*session, *tokenizer, &error);
  if (!conversation)
    return fail(error);
  conversation->reset(chat.system);
  conversation->setLookup(static_cast<uint32_t>(chat.lookup));
  catchInterrupt();
  if (chat.once.empty())
    return converse(*conversation, chat);
  if (!answer(*conversation, chat, chat.once, &error))
    return fail(error);
  return interrupted ? ExitInterrupted : ExitOk;
}

} // namespace bitnet
