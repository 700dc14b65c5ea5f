//===- Cli.cpp - The command line of a compiled program -------------------===//

#include "runtime/Cli.h"
#include "runtime/CpuFeatures.h"
#include "runtime/Utf8.h"
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

namespace bitnet {

namespace {
struct CommandRow {
  const char *name;
  Command *run;
  const char *help;
};
} // namespace

static constexpr CommandRow commands[] = {
    {"run", runCommand, "write the continuation of a prompt"},
    {"chat", chatCommand, "hold a conversation"},
    {"serve", serveCommand,
     "answer requests over HTTP, as OpenAI's servers do"},
    {"bench", benchCommand, "measure load time, prefill and decode speed"},
    {"info", infoCommand, "say what this program holds"},
    {"tokenize", tokenizeCommand, "turn text into token ids and back"},
    {"eval", evalCommand, "score a text: loss, perplexity, logits"},
};

static std::string programHelp(const bitnet_model &model,
                               const std::string &program) {
  std::string text = "usage: " + program + " COMMAND [OPTIONS]\n\n" +
                     "The language model '" + model.name +
                     "' as a program.\n\ncommands:\n";
  for (const CommandRow &command : commands) {
    text += "  ";
    text += command.name;
    text += std::string(12 - strlen(command.name), ' ') + command.help + "\n";
  }
  return text + "\n  " + program + " COMMAND --help explains a command\n  " +
         program +
         " --version names the compiler and the model\n\nexample:\n  " +
         program + " run \"Once upon a time\"\n";
}

int runProgram(const bitnet_model &compiled, int argc, char **argv) {
  // Before anything that could reach generated code.
  if (std::string problem = checkModel(compiled); !problem.empty())
    return fail(problem);
  uint64_t features =
      maskCpuFeatures(detectCpuFeatures(), getenv("BITNET_CPU_MASK"));
  const bitnet_model model = chooseVariant(compiled, features);
  if (std::string problem = missingFeatures(model, features);
      !problem.empty()) {
    fail(problem);
    return ExitCpu;
  }
  if (model.weight_bytes_per_token && model.weights_begin == model.weights_end)
    return fail("this program holds no weights; it was linked without bitnetc");

  std::string program = argc > 0 ? argv[0] : "program";
  Arguments arguments(argv + (argc > 0 ? 1 : 0), argv + argc);
  if (arguments.empty() || arguments[0] == "--help" || arguments[0] == "-h" ||
      arguments[0] == "help") {
    std::string text = programHelp(model, program);
    fputs(text.c_str(), arguments.empty() ? stderr : stdout);
    return arguments.empty() ? ExitUsage : ExitOk;
  }
  std::string name = arguments[0];
  arguments.erase(arguments.begin());
  if (name == "--version") {
    printf("%s, compiled by %s for %s\n", model.name, model.compiler,
           model.target);
    return ExitOk;
  }
  if (name == "ready-probe")
    return readyProbe(model, arguments);
  for (const CommandRow &command : commands)
    if (name == command.name)
      return command.run(model, program, arguments);
  fprintf(stderr, "error: unknown %s '%s'; '%s --help' lists the commands\n",
          name[0] == '-' ? "option" : "command", name.c_str(), program.c_str());
  return ExitUsage;
}

int fail(std::string_view message) {
  fflush(stdout);
  fprintf(stderr, "error: %s\n", printable(message).c_str());
  return ExitError;
}

int parseOptions(Options &options, const std::string &program,
                 const char *command, const Arguments &arguments,
                 size_t maxPositional, Arguments &positional) {
  std::string error;
  if (options.parse(arguments, positional, &error)) {
    if (options.helpWanted()) {
      fputs(options.helpText().c_str(), stdout);
      return ExitOk;
    }
    if (positional.size() <= maxPositional)
      return -1;
    error = "unexpected argument '" + positional[maxPositional] + "'";
  }
  fprintf(stderr, "error: %s; '%s %s --help' lists the options\n",
          error.c_str(), program.c_str(), command);
  return ExitUsage;
}

void addThreads(Options &options, int64_t &threads) {
  options.value("-t, --threads", threads, "N",
                "threads; default: one per CPU, or BITNET_THREADS", 1, 4096);
}

bool defaultThreads(int64_t &threads, std::string *error) {
  const char *text = getenv("BITNET_THREADS");
  if (!text || !*text || parseInteger(text, 1, 4096, threads))
    return true;
  *error = "BITNET_THREADS is '" + std::string(text) +
           "', not a number from 1 to 4096";
  return false;
}

std::unique_ptr<Tokenizer> openTokenizer(const bitnet_model &model,
                                         std::string *error) {
  if (model.tokenizer.size == 0) {
    *error = "this program was compiled without a tokenizer";
    return nullptr;
  }
  return Tokenizer::open(model.tokenizer.data, model.tokenizer.size, error);
}

std::vector<int32_t> promptPrefix(const bitnet_model &model,
                                  const Tokenizer &tokenizer) {
  if (model.bos_token < 0)
    return {};
  auto prefix = tokenizer.blob().prefix();
  if (prefix.empty())
    return {model.bos_token};
  return {prefix.begin(), prefix.end()};
}

static bool readAll(FILE *file, std::string &text) {
  char buffer[1 << 16];
  size_t count;
  while ((count = fread(buffer, 1, sizeof(buffer), file)) > 0)
    text.append(buffer, count);
  return !ferror(file);
}

bool readFile(const std::string &path, std::string &text, std::string *error) {
  FILE *file = path == "-" ? stdin : fopen(path.c_str(), "rb");
  bool good = file && readAll(file, text);
  if (!good)
    *error = "cannot read '" + path + "': " + strerror(errno);
  if (file && file != stdin)
    fclose(file);
  return good;
}

std::string readInput() {
  std::string text;
  readAll(stdin, text);
  if (text.ends_with('\n'))
    text.pop_back();
  return text;
}

std::string quoteJson(std::string_view text) {
  std::string out = "\"";
  while (!text.empty()) {
    Utf8Char c = decodeUtf8(text);
    if (!c.valid) {
      out += "\\ufffd";
    } else if (c.codePoint == '"' || c.codePoint == '\\') {
      out += '\\';
      out += static_cast<char>(c.codePoint);
    } else if (c.codePoint < 0x20) {
      char escape[8];
      snprintf(escape, sizeof(escape), "\\u%04x",
               static_cast<unsigned>(c.codePoint));
      out += escape;
    } else {
      out += text.substr(0, c.length);
    }
    text.remove_prefix(c.length);
  }
  return out + "\"";
}

template <typename T> static std::string formatNumber(T number) {
  if (!std::isfinite(number))
    return "null";
  char buffer[40];
  auto end = std::to_chars(buffer, buffer + sizeof(buffer), number).ptr;
  return std::string(buffer, end);
}

std::string jsonNumber(double number) { return formatNumber(number); }
std::string jsonNumber(float number) { return formatNumber(number); }

double now() {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) +
         static_cast<double>(time.tv_nsec) * 1e-9;
}

} // namespace bitnet
