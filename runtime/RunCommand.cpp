//===- RunCommand.cpp - `run`: the continuation of a prompt ---------------===//

#include "runtime/Cli.h"
#include "runtime/Sampler.h"
#include "runtime/Speculation.h"
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <unistd.h>

namespace bitnet {

static volatile sig_atomic_t interrupted = 0;

static void onInterrupt(int) { interrupted = 1; }

/// The first ^C ends the text cleanly; a second one ends the program.
static void catchInterrupt() {
  struct sigaction action = {};
  action.sa_handler = onInterrupt;
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  sigaction(SIGINT, &action, nullptr);
}

static void write(std::string_view text) {
  fwrite(text.data(), 1, text.size(), stdout);
  fflush(stdout);
}

static bool isEnd(const bitnet_model &model, int32_t id) {
  const int32_t *end = model.eos_tokens + model.num_eos_tokens;
  return std::find(model.eos_tokens, end, id) != end;
}

namespace {
struct RunOptions {
  SamplerOptions sampler;
  int64_t threads = 0, context = 0, maxTokens = 256, lookup = 0;
  bool noEcho = false, stats = false;
};

struct Statistics {
  size_t promptTokens = 0, generated = 0;
  double promptSeconds = 0, generateSeconds = 0;
  uint64_t drafted = 0, accepted = 0;
  const char *stopped = "max tokens";
};
} // namespace

static int generate(const bitnet_model &model, const RunOptions &options,
                    const std::string &prompt, Statistics &statistics,
                    std::string *error) {
  auto tokenizer = openTokenizer(model, error);
  if (!tokenizer)
    return ExitError;
  SessionOptions sessionOptions;
  sessionOptions.threads = static_cast<unsigned>(options.threads);
  sessionOptions.contextLength = static_cast<uint32_t>(options.context);
  auto session = Session::create(model, sessionOptions, error);
  if (!session)
    return ExitError;

  std::vector<int32_t> ids = promptPrefix(model, *tokenizer);
  if (!tokenizer->encode(prompt, {.addTemplate = false}, ids, error))
    return ExitError;
  if (ids.empty()) {
    *error = "the prompt is empty and this model has no token to begin with";
    return ExitError;
  }
  if (ids.size() > session->contextLength()) {
    *error = "the prompt has " + std::to_string(ids.size()) +
             " tokens, the context holds " +
             std::to_string(session->contextLength());
    return ExitError;
  }
  if (!options.noEcho)
    write(prompt);

  Sampler sampler(options.sampler);
  for (int32_t id : ids)
    sampler.accept(id);
  session->setTopK(logitsNeeded(options.sampler));
  const int32_t sequence = session->createSequence();
  const double start = now();
  statistics.promptTokens = ids.size();
  bool prefilled = session->append(sequence, ids, Session::Want::Last, error,
                                   [](uint32_t) { return interrupted == 0; });
  if (!prefilled && !error->empty())
    return ExitError;
  const double generating = now();
  statistics.promptSeconds = generating - start;

  StreamDecoder decoder(*tokenizer, /*atStart=*/prompt.empty(),
                        /*skipSpecial=*/true);
  bool lineOpen = !prompt.empty() && prompt.back() != '\n';
  auto show = [&](const std::string &text) {
    if (text.empty())
      return;
    write(text);
    lineOpen = text.back() != '\n';
  };
  SpeculativeDecoder sequenceEnd(*session, sequence, ids,
                                 static_cast<uint32_t>(options.lookup));
  // -1 becomes a limit that the context always meets first.
  const auto limit = static_cast<uint64_t>(options.maxTokens);
  while (!interrupted && statistics.generated < limit) {
    int32_t id = sampler.sample(sequenceEnd.logits());
    if (isEnd(model, id)) {
      statistics.stopped = "end of text";
      break;
    }
    ++statistics.generated;
    sampler.accept(id);
    show(decoder.push(id));
    if (sequenceEnd.length() == session->contextLength()) {
      statistics.stopped = "context full";
      break;
    }
    if (statistics.generated == limit)
      break;
    if (!sequenceEnd.push(id, error))
      return ExitError;
  }
  statistics.drafted = sequenceEnd.drafted();
  statistics.accepted = sequenceEnd.accepted();
  show(decoder.finish());
  if (lineOpen)
    write("\n");
  statistics.generateSeconds = now() - generating;
  if (interrupted)
    statistics.stopped = "interrupted";
  return interrupted ? ExitInterrupted : ExitOk;
}

int runCommand(const bitnet_model &model, const std::string &program,
               const Arguments &arguments) {
  RunOptions run;
  bool greedy = false;
  std::string error;
  if (!defaultThreads(run.threads, &error))
    return fail(error);
  Options options(program, "run [OPTIONS] [PROMPT]",
                  "Writes the prompt and its continuation as it is made. "
                  "Without PROMPT, or with -,\nthe prompt is read from "
                  "standard input.");
  options.value("-n, --max-tokens", run.maxTokens, "N",
                "stop after N new tokens (256); -1: when the context is full",
                -1, INT32_MAX);
  addSampling(options, run.sampler);
  addLookup(options, run.lookup);
  options.flag("--greedy", greedy, "the same as --temp 0");
  options.value("-c, --ctx", run.context, "N",
                "context length in tokens; default: all the model has", 1,
                model.max_position);
  options.flag("--no-echo", run.noEcho, "do not write the prompt");
  options.flag("--stats", run.stats, "write speeds to standard error");
  addThreads(options, run.threads);
  options.example("run \"Once upon a time\"");
  options.example("run --greedy -n 40 --no-echo --stats \"The cat\"");
  options.example("run --seed 7 --temp 1.0 < prompt.txt");
  Arguments positional;
  if (int code =
          parseOptions(options, program, "run", arguments, 1, positional);
      code >= 0)
    return code;
  if (greedy)
    run.sampler.temperature = 0;

  std::string prompt;
  if (positional.empty() || positional[0] == "-") {
    if (isatty(STDIN_FILENO))
      fputs("Type the prompt, then ^D.\n", stderr);
    prompt = readInput();
  } else {
    prompt = positional[0];
  }
  catchInterrupt();
  Statistics statistics;
  int code = generate(model, run, prompt, statistics, &error);
  if (!error.empty())
    return fail(error);
  if (run.stats)
    fprintf(stderr,
            "prompt: %zu tokens, %.1f tokens/s; generated: %zu tokens, %.1f "
            "tokens/s; stopped: %s\n",
            statistics.promptTokens,
            static_cast<double>(statistics.promptTokens) /
                std::max(statistics.promptSeconds, 1e-9),
            statistics.generated,
            static_cast<double>(statistics.generated) /
                std::max(statistics.generateSeconds, 1e-9),
            statistics.stopped);
  if (run.stats && run.lookup)
    fprintf(stderr, "lookup: %llu tokens drafted, %llu accepted\n",
            static_cast<unsigned long long>(statistics.drafted),
            static_cast<unsigned long long>(statistics.accepted));
  return code;
}

} // namespace bitnet
