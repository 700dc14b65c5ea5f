//===- EvalCommand.cpp - `eval`: score a text -----------------------------===//

#include "runtime/Cli.h"
#include "runtime/Eval.h"
#include "runtime/PortableMath.h"
#include <algorithm>
#include <cmath>
#include <cstdio>

namespace bitnet {

namespace {
struct EvalArguments {
  std::string textFile, idsFile;
  int64_t threads = 0, chunk = 0, top = 0, context = 0, layers = -1;
  bool json = false, hash = false, noBos = false;
};
} // namespace

static bool loadLists(const bitnet_model &model, const EvalArguments &arguments,
                      std::vector<std::vector<int32_t>> &lists,
                      std::string *error) {
  std::string text;
  if (!arguments.idsFile.empty())
    return readFile(arguments.idsFile, text, error) &&
           parseIds(text, lists, error);
  auto tokenizer = openTokenizer(model, error);
  if (!tokenizer || !readFile(arguments.textFile, text, error))
    return false;
  std::vector<int32_t> &ids = lists.emplace_back();
  if (!arguments.noBos)
    ids = promptPrefix(model, *tokenizer);
  return tokenizer->encode(text, {.addTemplate = false}, ids, error);
}

static std::string topAsJson(const EvalResult &result) {
  std::string text = "[";
  for (const auto &position : result.top) {
    text += text.size() > 1 ? ",\n  [" : "\n  [";
    for (const Candidate &candidate : position) {
      if (text.back() == ']')
        text += ", ";
      text += "[" + std::to_string(candidate.id) + ", " +
              jsonNumber(candidate.logit) + "]";
    }
    text += "]";
  }
  return text + "\n ]";
}

static void printResult(const EvalArguments &arguments,
                        const EvalResult &result, uint32_t contextLength) {
  // No token was predicted when every text has at most one.
  const double perplexity =
      std::isfinite(result.meanNll()) ? portableExp(result.meanNll()) : NAN;
  char hash[24];
  snprintf(hash, sizeof(hash), "%016llx",
           static_cast<unsigned long long>(result.logitsHash));
  if (arguments.json || arguments.top) {
    std::string text = "{\n \"tokens\": " + std::to_string(result.positions) +
                       ",\n \"scored\": " + std::to_string(result.scored) +
                       ",\n \"windows\": " + std::to_string(result.windows) +
                       ",\n \"context\": " + std::to_string(contextLength) +
                       ",\n \"nll\": " + jsonNumber(result.meanNll()) +
                       ",\n \"perplexity\": " + jsonNumber(perplexity);
    if (arguments.hash)
      text += ",\n \"logits_hash\": \"" + std::string(hash) + "\"";
    if (arguments.top)
      text += ",\n \"top\": " + topAsJson(result);
    puts((text + "\n}").c_str());
    return;
  }
  printf("tokens       %llu (%llu scored, windows of %u tokens: %llu)\n",
         static_cast<unsigned long long>(result.positions),
         static_cast<unsigned long long>(result.scored), contextLength,
         static_cast<unsigned long long>(result.windows));
  printf("mean nll     %.6f\nperplexity   %.4f\n", result.meanNll(),
         perplexity);
  if (arguments.hash)
    printf("logits hash  %s\n", hash);
}

int evalCommand(const bitnet_model &model, const std::string &program,
                const Arguments &commandLine) {
  EvalArguments arguments;
  std::string error;
  if (!defaultThreads(arguments.threads, &error))
    return fail(error);
  Options options(program, "eval (--text FILE | --ids FILE) [OPTIONS]",
                  "Scores a text: the mean negative log-likelihood of each "
                  "token given those before it,\nand its perplexity. A text "
                  "longer than the context is cut into windows of the "
                  "context's\nlength, each scored on its own.");
  options.value("--text", arguments.textFile, "FILE",
                "score this text; - is standard input");
  options.value("--ids", arguments.idsFile, "FILE",
                "score these token ids: [1, 2] or [[1, 2], [3, 4]]");
  options.flag("--json", arguments.json, "write JSON");
  options.flag("--logits-hash", arguments.hash,
               "also write one FNV-1a hash over all logits");
  options.value("--top", arguments.top, "N",
                "write JSON with the N best tokens and their logits at every "
                "position",
                1, INT32_MAX);
  options.value("--chunk", arguments.chunk, "N",
                "tokens per step; the results do not depend on it", 1,
                INT32_MAX);
  options.value("--layers", arguments.layers, "N",
                "run the first N layers only: the head then sees what they "
                "made",
                0, model.num_layers);
  options.value("-c, --ctx", arguments.context, "N",
                "context length in tokens; default: all the model has", 1,
                model.max_position);
  options.flag("--no-bos", arguments.noBos, "do not begin with bos");
  addThreads(options, arguments.threads);
  options.example("eval --text story.txt");
  options.example("eval --ids ids.json --logits-hash --json");
  options.example("eval --ids ids.json --top 5 --chunk 1");
  Arguments positional;
  if (int code =
          parseOptions(options, program, "eval", commandLine, 0, positional);
      code >= 0)
    return code;
  if (arguments.textFile.empty() == arguments.idsFile.empty()) {
    fail("eval needs either --text FILE or --ids FILE");
    return ExitUsage;
  }

  std::vector<std::vector<int32_t>> lists;
  if (!loadLists(model, arguments, lists, &error))
    return fail(error);
  SessionOptions sessionOptions;
  sessionOptions.threads = static_cast<unsigned>(arguments.threads);
  sessionOptions.contextLength = static_cast<uint32_t>(arguments.context);
  // Every position wants logits: keep them at 64 MiB for large vocabularies.
  constexpr uint64_t logitsBytes = 64 << 20;
  sessionOptions.maxTokens =
      arguments.chunk
          ? static_cast<uint32_t>(arguments.chunk)
          : static_cast<uint32_t>(std::clamp<uint64_t>(
                logitsBytes / (uint64_t{model.logits_stride} * 4 + 1), 16,
                256));
  bitnet_model shortened = model;
  if (arguments.layers >= 0)
    shortened.num_layers = static_cast<uint32_t>(arguments.layers);
  auto session = Session::create(shortened, sessionOptions, &error);
  if (!session)
    return fail(error);
  EvalResult result;
  EvalOptions evalOptions{arguments.hash, static_cast<size_t>(arguments.top)};
  for (const std::vector<int32_t> &ids : lists)
    if (!evaluate(*session, ids, evalOptions, result, &error))
      return fail(error);
  if (result.positions == 0)
    return fail("there are no tokens to score");
  printResult(arguments, result, session->contextLength());
  return ExitOk;
}

} // namespace bitnet
