//===- BenchCommand.cpp - `bench`: load time and speed --------------------===//
//
// Every number is the median of several repeats with the extremes beside it:
// one number without its spread says little on a shared machine.
//
//===----------------------------------------------------------------------===//

#include "runtime/Cli.h"
#include "runtime/Sampler.h"
#include "runtime/Speculation.h"
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <numeric>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

namespace bitnet {

namespace {
struct BenchArguments {
  SamplerOptions sampler;
  int64_t threads = 0, prompt = 128, generate = 32, repeat = 5, depth = 0;
  int64_t sequences = 1, lookup = 0;
  bool json = false, greedy = false;
};

struct Spread {
  double median = 0, min = 0, max = 0;
};

struct BenchResult {
  Spread load, firstToken, prefill, decode;
  Spread read;  ///< Bytes per second of reading the weights alone.
  Spread share; ///< Of it that decoding reaches, round by round.
  /// Weights that a step of decoding reads; less than all with a screened head,
  /// which computes only some logits.
  double bytesPerStep = 0, logitsPerStep = 0;
  bool screened = false;
  uint64_t peakBytes = 0;
  uint64_t drafted = 0, accepted = 0; ///< Tokens of all rounds.
  double barriers = 0; ///< A decoded token (or step of several sequences).
  unsigned threads = 0;
};
} // namespace

static Spread spreadOf(std::vector<double> samples) {
  if (samples.empty())
    return {};
  std::sort(samples.begin(), samples.end());
  size_t middle = samples.size() / 2;
  double median = samples.size() % 2
                      ? samples[middle]
                      : (samples[middle - 1] + samples[middle]) / 2;
  return {median, samples.front(), samples.back()};
}

/// VmHWM of this process, in bytes.
static uint64_t peakMemory() {
  std::string status, error;
  if (!readFile("/proc/self/status", status, &error))
    return 0;
  size_t at = status.find("VmHWM:");
  return at == std::string::npos
             ? 0
             : strtoull(status.c_str() + at + strlen("VmHWM:"), nullptr, 10) *
                   1024;
}

int readyProbe(const bitnet_model &model, const Arguments &arguments) {
  int64_t threads = 0, fd = 0;
  std::string error;
  if (arguments.size() != 2 || !parseInteger(arguments[0], 0, 4096, threads) ||
      !parseInteger(arguments[1], 0, INT32_MAX, fd))
    return ExitUsage;
  if (model.tokenizer.size && !openTokenizer(model, &error))
    return fail(error);
  SessionOptions options;
  options.threads = static_cast<unsigned>(threads);
  auto session = Session::create(model, options, &error);
  if (!session)
    return fail(error);
  return ::write(static_cast<int>(fd), "r", 1) == 1 ? ExitOk : ExitError;
}

/// Seconds from the start of a new process of this program until it could take
/// a prompt; negative if it cannot be started.
static double measureLoad(int64_t threads) {
  int ends[2];
  if (pipe(ends) != 0)
    return -1;
  // The child must not hold the reading end open.
  fcntl(ends[0], F_SETFD, FD_CLOEXEC);
  std::string threadsText = std::to_string(threads),
              fdText = std::to_string(ends[1]);
  char name[] = "program", command[] = "ready-probe";
  char *arguments[] = {name, command, threadsText.data(), fdText.data(),
                       nullptr};
  const double start = now();
  pid_t child = 0;
  double seconds = -1;
  if (posix_spawn(&child, "/proc/self/exe", nullptr, nullptr, arguments,
                  environ) == 0) {
    close(ends[1]);
    char ready = 0;
    if (read(ends[0], &ready, 1) == 1)
      seconds = now() - start;
    waitpid(child, nullptr, 0);
  } else {
    close(ends[1]);
  }
  close(ends[0]);
  return seconds;
}

/// Any ids will do, but those of one text must not be another's: what several
/// sequences cost depends on how many rows of a screened head they share.
static std::vector<int32_t> makeTokens(const bitnet_model &model, int64_t count,
                                       size_t text = 0) {
  std::vector<int32_t> ids(static_cast<size_t>(count));
  for (size_t i = 0; i < ids.size(); ++i)
    ids[i] = static_cast<int32_t>((i * 7919 + text * 104729 + 17) %
                                  model.vocab_size);
  return ids;
}

namespace {
/// What the steps of a round have computed. Counting takes its time, so it is
/// done in one that is not timed.
struct Computed {
  uint64_t logits = 0;
  uint64_t rows = 0; ///< Of the head; several sequences may want the same one.

  void count(const Session &session, uint32_t sequences) {
    const uint32_t vocabulary = session.getModel().vocab_size;
    for (uint32_t id = 0; id < vocabulary; ++id) {
      uint32_t wanted = 0;
      for (uint32_t s = 0; s < sequences; ++s)
        wanted += session.logits(s)[id] != -HUGE_VALF;
      logits += wanted;
      rows += wanted > 0;
    }
  }
};
} // namespace

/// Decodes after `prompt`, one sequence, as `run` does.
static bool decodeOne(Session &session, int32_t sequence, Sampler &sampler,
                      std::span<const int32_t> prompt,
                      const BenchArguments &arguments, BenchResult &result,
                      Computed *computed, std::string *error) {
  SpeculativeDecoder end(session, sequence, prompt,
                         static_cast<uint32_t>(arguments.lookup));
  for (int64_t i = 0; i < arguments.generate; ++i) {
    const int32_t id = sampler.sample(end.logits());
    sampler.accept(id);
    if (!end.push(id, error))
      return false;
    if (computed)
      computed->count(session, 1);
  }
  result.drafted += end.drafted();
  result.accepted += end.accepted();
  return true;
}

namespace {
/// One of several sequences that decode together, each after a text of its own.
struct Stream {
  int32_t sequence;
  Sampler sampler;
  int32_t next;
};
} // namespace

/// Reads prompts of their own for all sequences but the first, which share what
/// stands before the prompt.
static bool addStreams(Session &session, const BenchArguments &arguments,
                       std::vector<Stream> &streams, std::string *error) {
  const Stream first = streams.front();
  while (streams.size() < static_cast<size_t>(arguments.sequences)) {
    const int32_t sequence =
        session.fork(first.sequence, static_cast<uint32_t>(arguments.depth));
    streams.push_back({sequence, first.sampler, 0});
    if (!session.append(
            sequence,
            makeTokens(session.getModel(), arguments.prompt, streams.size()),
            Session::Want::Last, error))
      return false;
    streams.back().next = streams.back().sampler.sample(
        {session.logits(), session.getModel().vocab_size});
  }
  return true;
}

/// Decodes together, a token of each sequence in every step.
static void decodeTogether(Session &session, std::vector<Stream> &streams,
                           const BenchArguments &arguments,
                           Computed *computed) {
  const auto count = static_cast<uint32_t>(streams.size());
  std::vector<int32_t> ids(count), positions(count), sequences(count),
      rows(count);
  std::iota(rows.begin(), rows.end(), 0);
  auto position =
      static_cast<uint32_t>(session.length(streams.front().sequence));
  for (int64_t i = 0; i < arguments.generate; ++i, ++position) {
    for (uint32_t s = 0; s < count; ++s) {
      sequences[s] = streams[s].sequence;
      ids[s] = streams[s].next;
      positions[s] = static_cast<int32_t>(position);
      session.kv().prepareWrite(sequences[s], position, position + 1);
    }
    session.step({count, count, ids.data(), positions.data(), sequences.data(),
                  rows.data(), logitsNeeded(arguments.sampler), 0});
    if (computed)
      computed->count(session, count);
    for (uint32_t s = 0; s < count; ++s) {
      streams[s].sampler.accept(ids[s]);
      streams[s].next = streams[s].sampler.sample(
          {session.logits(s), session.getModel().vocab_size});
    }
  }
}

static bool measure(const bitnet_model &model, const BenchArguments &arguments,
                    BenchResult &result, std::string *error) {
  std::vector<double> load, firstToken, prefill, decode, read, share;
  for (int64_t i = 0; i < arguments.repeat; ++i)
    if (double seconds = measureLoad(arguments.threads); seconds >= 0)
      load.push_back(seconds);

  SessionOptions options;
  options.threads = static_cast<unsigned>(arguments.threads);
  options.sequences = static_cast<uint32_t>(arguments.sequences);
  auto session = Session::create(model, options, error);
  if (!session)
    return false;
  result.threads = session->threads();
  const std::vector<int32_t> before = makeTokens(model, arguments.depth),
                             prompt = makeTokens(model, arguments.prompt);
  const uint32_t needed = logitsNeeded(arguments.sampler);
  session->setTopK(needed);
  result.screened = needed && needed <= model.screen_max_k;
  Computed computed;
  const int32_t sequence = session->createSequence();
  if (!session->append(sequence, before, Session::Want::Nothing, error))
    return false;
  // One round more than asked for: the first one reads the weights from disk.
  for (int64_t round = 0; round <= arguments.repeat; ++round) {
    session->truncate(sequence, static_cast<uint32_t>(arguments.depth));
    // As run does, and the same tokens in every round.
    Sampler sampler(arguments.sampler);
    for (int32_t id : prompt)
      sampler.accept(id);
    Computed *const counter = round == 0 ? &computed : nullptr;
    const double start = now();
    if (!session->append(sequence, prompt, Session::Want::Last, error))
      return false;
    std::vector<Stream> streams = {
        {sequence, sampler,
         sampler.sample({session->logits(), model.vocab_size})}};
    const double first = now();
    if (!addStreams(*session, arguments, streams, error))
      return false;
    const uint64_t barriers = session->barriers();
    const double begin = now();
    if (arguments.sequences > 1)
      decodeTogether(*session, streams, arguments, counter);
    else if (!decodeOne(*session, sequence, sampler, prompt, arguments, result,
                        counter, error))
      return false;
    const double end = now();
    for (const Stream &stream : streams)
      if (stream.sequence != sequence)
        session->release(stream.sequence);
    if (arguments.generate)
      result.barriers = static_cast<double>(session->barriers() - barriers) /
                        static_cast<double>(arguments.generate);
    const double bandwidth = session->readWeights();
    if (round == 0) {
      const auto steps =
          static_cast<double>(std::max<int64_t>(arguments.generate, 1));
      result.logitsPerStep = static_cast<double>(computed.logits) / steps;
      result.bytesPerStep =
          result.screened
              ? static_cast<double>(model.screened_bytes_per_token) +
                    static_cast<double>(computed.rows) / steps *
                        model.screened_row_bytes
              : static_cast<double>(model.weight_bytes_per_token);
      continue;
    }
    firstToken.push_back(first - start);
    prefill.push_back(static_cast<double>(arguments.prompt) / (first - start));
    if (!arguments.generate)
      continue;
    const double steps =
        static_cast<double>(arguments.generate) / (end - begin);
    decode.push_back(steps * static_cast<double>(arguments.sequences));
    // Drafts make several tokens of one pass over the weights.
    if (bandwidth > 0 && !arguments.lookup) {
      read.push_back(bandwidth);
      share.push_back(steps * result.bytesPerStep / bandwidth);
    }
  }
  result.load = spreadOf(load);
  result.firstToken = spreadOf(firstToken);
  result.prefill = spreadOf(prefill);
  result.decode = spreadOf(decode);
  result.read = spreadOf(read);
  result.share = spreadOf(share);
  result.peakBytes = peakMemory();
  return true;
}

static std::string asJson(const char *name, const Spread &spread,
                          double factor) {
  return " " + quoteJson(name) +
         ": {\"median\": " + jsonNumber(spread.median * factor) +
         ", \"min\": " + jsonNumber(spread.min * factor) +
         ", \"max\": " + jsonNumber(spread.max * factor) + "},\n";
}

static void printRow(const char *name, const Spread &spread, double factor,
                     const char *unit) {
  printf("%-18s %10.2f %s   (%.2f .. %.2f)\n", name, spread.median * factor,
         unit, spread.min * factor, spread.max * factor);
}

static void print(const bitnet_model &model, const BenchArguments &arguments,
                  const BenchResult &result) {
  const double bandwidth = result.decode.median /
                           static_cast<double>(arguments.sequences) *
                           result.bytesPerStep * 1e-9;
  const uint64_t kvBytes =
      model.kv_page_tokens ? model.kv_page_bytes / model.kv_page_tokens : 0;
  if (arguments.json) {
    std::string text =
        "{\n \"model\": " + quoteJson(model.name) +
        ",\n \"target\": " + quoteJson(model.target) +
        ",\n \"compiler\": " + quoteJson(model.compiler) +
        ",\n \"threads\": " + std::to_string(result.threads) +
        ",\n \"prompt_tokens\": " + std::to_string(arguments.prompt) +
        ",\n \"generated_tokens\": " + std::to_string(arguments.generate) +
        ",\n \"depth\": " + std::to_string(arguments.depth) +
        ",\n \"repeats\": " + std::to_string(arguments.repeat) +
        ",\n \"sequences\": " + std::to_string(arguments.sequences) +
        ",\n \"lookup\": " + std::to_string(arguments.lookup) + ",\n";
    if (arguments.lookup)
      text += " \"drafted_tokens\": " + std::to_string(result.drafted) +
              ",\n \"accepted_tokens\": " + std::to_string(result.accepted) +
              ",\n";
    text += asJson("load_ms", result.load, 1e3);
    text += asJson("first_token_ms", result.firstToken, 1e3);
    text += asJson("prefill_tokens_per_second", result.prefill, 1);
    text += asJson("decode_tokens_per_second", result.decode, 1);
    text += " \"weight_bytes_per_token\": " +
            std::to_string(model.weight_bytes_per_token) +
            ",\n \"head_screened\": " + (result.screened ? "true" : "false") +
            ",\n \"logits_computed_per_step\": " +
            jsonNumber(result.logitsPerStep) +
            ",\n \"bytes_read_per_step\": " + jsonNumber(result.bytesPerStep) +
            ",\n \"decode_gb_per_second\": " + jsonNumber(bandwidth) + ",\n";
    text += asJson("read_gb_per_second", result.read, 1e-9);
    text += asJson("share_of_read_bandwidth", result.share, 1);
    text += " \"barriers_per_token\": " + jsonNumber(result.barriers) + ",\n";
    text += " \"kv_bytes_per_token\": " + std::to_string(kvBytes) + ",\n";
    text +=
        " \"peak_memory_bytes\": " + std::to_string(result.peakBytes) + "\n}";
    puts(text.c_str());
    return;
  }
  printf("%s, %u threads, %lld repeats: median (min .. max)\n", model.name,
         result.threads, static_cast<long long>(arguments.repeat));
  printRow("load", result.load, 1e3, "ms      ");
  printRow("first token", result.firstToken, 1e3, "ms      ");
  printRow("prefill", result.prefill, 1, "tokens/s");
  printRow("decode", result.decode, 1, "tokens/s");
  if (arguments.lookup)
    printf("%-18s %10llu of %llu drafted tokens\n", "accepted",
           static_cast<unsigned long long>(result.accepted),
           static_cast<unsigned long long>(result.drafted));
  printf("%-18s %10.2f MB a step, %.2f GB/s\n", "weights read",
         result.bytesPerStep * 1e-6, bandwidth);
  if (result.screened)
    printf("%-18s %10.0f of %u logits of a token computed\n", "screened head",
           result.logitsPerStep / static_cast<double>(arguments.sequences),
           model.vocab_size);
  if (result.read.median > 0)
    printf("%-18s %10.2f GB/s reading the same bytes alone; decode reaches "
           "%.0f %% of it\n",
           "limit", result.read.median * 1e-9, result.share.median * 100);
  printf("%-18s %10.1f a token\n", "barriers", result.barriers);
  printf("%-18s %10.2f kB a token\n", "keys and values",
         static_cast<double>(kvBytes) * 1e-3);
  printf("%-18s %10.1f MB\n", "peak memory",
         static_cast<double>(result.peakBytes) * 1e-6);
}

int benchCommand(const bitnet_model &model, const std::string &program,
                 const Arguments &commandLine) {
  BenchArguments arguments;
  std::string error;
  if (!defaultThreads(arguments.threads, &error))
    return fail(error);
  Options options(program, "bench [OPTIONS]",
                  "Measures the time from the start of the program until it is "
                  "ready, the time to the\nfirst token of a prompt, and the "
                  "speed of prefill and decode. Tokens are\nsampled as run "
                  "does with the same options.");
  const int64_t most = model.max_position;
  arguments.prompt = std::min<int64_t>(arguments.prompt, (most + 1) / 2);
  arguments.generate =
      std::min<int64_t>(arguments.generate, most - arguments.prompt);
  options.value("--prompt", arguments.prompt, "N", "tokens in the prompt (128)",
                1, most);
  options.value("--gen", arguments.generate, "N",
                "tokens to decode after it (32)", 0, most);
  options.value("--depth", arguments.depth, "N",
                "tokens already in the context before both (0)", 0, most);
  options.value("--repeat", arguments.repeat, "R",
                "repeats after one that warms up (5)", 1, 100000);
  options.value("--sequences", arguments.sequences, "N",
                "sequences that decode together, a token of each a step (1)", 1,
                64);
  addLookup(options, arguments.lookup);
  options.flag("--json", arguments.json, "write one JSON object");
  addSampling(options, arguments.sampler);
  options.flag("--greedy", arguments.greedy, "the same as --temp 0");
  addThreads(options, arguments.threads);
  options.example("bench");
  options.example("bench --threads 4 --prompt 512 --gen 64 --json");
  Arguments positional;
  if (int code =
          parseOptions(options, program, "bench", commandLine, 0, positional);
      code >= 0)
    return code;
  if (arguments.prompt + arguments.generate + arguments.depth > most)
    return fail("--depth, --prompt and --gen need " +
                std::to_string(arguments.prompt + arguments.generate +
                               arguments.depth) +
                " tokens, the context holds " + std::to_string(most));
  if (arguments.sequences > 1 && arguments.lookup)
    return fail("--lookup drafts for one sequence; leave --sequences out");
  if (arguments.greedy)
    arguments.sampler.temperature = 0;
  BenchResult result;
  if (!measure(model, arguments, result, &error))
    return fail(error);
  print(model, arguments, result);
  return ExitOk;
}

} // namespace bitnet
