//===- Cli.h - The command line of a compiled program -----------*- C++ -*-===//
//
// What main() calls, and what the subcommands share. Exit codes: 0 done, 1 an
// error (one sentence on stderr), 2 wrong usage, 3 a CPU that cannot run the
// model, 130 interrupted.
//
//===----------------------------------------------------------------------===//
#ifndef BITNET_RUNTIME_CLI_H
#define BITNET_RUNTIME_CLI_H

#include "runtime/Options.h"
#include "runtime/Session.h"
#include "runtime/Tokenizer.h"
#include "runtime/abi/bitnet_abi.h"
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace bitnet {

enum ExitCode {
  ExitOk = 0,
  ExitError = 1,
  ExitUsage = 2,
  ExitCpu = 3,
  ExitInterrupted = 130
};

/// The whole program around a model.
int runProgram(const bitnet_model &model, int argc, char **argv);

/// A subcommand. `program` is the name to show in usage lines.
using Arguments = std::vector<std::string>;
using Command = int(const bitnet_model &model, const std::string &program,
                    const Arguments &arguments);
Command runCommand, chatCommand, benchCommand, infoCommand, tokenizeCommand,
    evalCommand, serveCommand;

/// Start-up and nothing else, for bench to measure from outside.
int readyProbe(const bitnet_model &model, const Arguments &arguments);

int fail(std::string_view message);
/// Parses; returns -1 to go on, else the exit code (help was shown, or usage
/// was wrong).
int parseOptions(Options &options, const std::string &program,
                 const char *command, const Arguments &arguments,
                 size_t maxPositional, Arguments &positional);

/// Adds --threads; the default is BITNET_THREADS or 0 (one per CPU).
void addThreads(Options &options, int64_t &threads);
struct SamplerOptions;
/// Adds --temp, --top-k and so on.
void addSampling(Options &options, SamplerOptions &sampler);
/// Adds --lookup: tokens to draft a step (Speculation.h).
void addLookup(Options &options, int64_t &draft);
/// False with an error if BITNET_THREADS is not a number.
bool defaultThreads(int64_t &threads, std::string *error);

std::unique_ptr<Tokenizer> openTokenizer(const bitnet_model &model,
                                         std::string *error);
/// The tokens put before a prompt: none if bos_token is -1, else the prefix of
/// the tokenizer's template, which may be longer, or bos_token if it has none.
std::vector<int32_t> promptPrefix(const bitnet_model &model,
                                  const Tokenizer &tokenizer);

bool readFile(const std::string &path, std::string &text, std::string *error);
/// All of standard input, without one newline at its end.
std::string readInput();

/// `text` as a JSON string with quotes.
std::string quoteJson(std::string_view text);
/// The shortest form that reads back as the same value; null if not finite.
std::string jsonNumber(double number);
std::string jsonNumber(float number);

/// Seconds of the monotonic clock.
double now();

} // namespace bitnet

#endif // BITNET_RUNTIME_CLI_H
