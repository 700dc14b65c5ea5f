//===- bitnetc.cpp - The compiler's main function -------------------------===//

#include "Driver.h"

#include "llvm/Support/ErrorHandling.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/PrettyStackTrace.h"
#include "llvm/Support/Signals.h"
#include "llvm/Support/raw_ostream.h"
#include <cstdlib>

static void reportFatalError(void *, const char *reason, bool) {
  llvm::errs() << "bitnetc: internal error: " << reason << '\n';
  // What is half written is removed as on an interrupt.
  llvm::sys::RunInterruptHandlers();
  std::_Exit(bitnetc::kInternal);
}

int main(int argc, char **argv) {
  llvm::InitLLVM initialise(argc, argv);
  llvm::setBugReportMsg("bitnetc crashed: this is a defect of the compiler\n");
  llvm::install_fatal_error_handler(reportFatalError);
  return bitnetc::runDriver(llvm::ArrayRef<const char *>(
      const_cast<const char **>(argv), static_cast<size_t>(argc)));
}
