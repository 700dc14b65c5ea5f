//===- bitnetc.cpp - The compiler's main function -------------------------===//

#include "ConvertCommand.h"
#include "Driver.h"
#include "FrontCommand.h"
#include "RenderCommand.h"
#include "TokenizeCommand.h"
#include "VerifyCommand.h"

#include "llvm/Support/ErrorHandling.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/PrettyStackTrace.h"
#include "llvm/Support/Signals.h"
#include "llvm/Support/raw_ostream.h"
#include <csignal>
#include <cstdlib>
#include <cstring>

static void reportFatalError(void *, const char *reason, bool) {
  llvm::errs() << "bitnetc: internal error: " << reason << '\n';
  // What is half written is removed as on an interrupt.
  llvm::sys::RunInterruptHandlers();
  std::_Exit(bitnetc::kInternal);
}

/// A shell in the background and nohup start programs with signals ignored.
/// LLVM would handle them all the same and remove our files although we go on.
static void keepIgnoringSignals() {
  sigset_t ignored;
  sigemptyset(&ignored);
  for (int signal : {SIGINT, SIGHUP, SIGQUIT}) {
    struct sigaction action;
    if (!sigaction(signal, nullptr, &action) && action.sa_handler == SIG_IGN)
      sigaddset(&ignored, signal);
  }
  sigprocmask(SIG_BLOCK, &ignored, nullptr);
}

int main(int argc, char **argv) {
  keepIgnoringSignals();
  llvm::InitLLVM initialise(argc, argv);
  llvm::setBugReportMsg("bitnetc crashed: this is a defect of the compiler\n");
  llvm::install_fatal_error_handler(reportFatalError);
  const llvm::ArrayRef<const char *> arguments(const_cast<const char **>(argv),
                                               static_cast<size_t>(argc));
  if (llvm::sys::path::filename(argv[0]) == "bitnet")
    return bitnetc::runFront(arguments);
  struct {
    const char *name;
    int (*run)(const std::vector<std::string> &arguments);
  } const commands[] = {{"convert", bitnetc::runConvert},
                        {"render", bitnetc::runRender},
                        {"tokenize", bitnetc::runTokenize},
                        {"verify", bitnetc::runVerify}};
  for (const auto &command : commands)
    if (argc > 1 && std::strcmp(argv[1], command.name) == 0)
      return command.run({argv + 2, argv + argc});
  return bitnetc::runDriver(arguments);
}
