//===- DriverOutput.cpp - Files and progress of the driver ----------------===//

#include "DriverOutput.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/Signals.h"
#include "llvm/Support/raw_ostream.h"
#include <sys/resource.h>
#include <unistd.h>

using namespace bitnetc;
using llvm::createStringError;
using llvm::Error;
using llvm::StringRef;

static Error fileError(const llvm::Twine &path, std::error_code code) {
  return createStringError(path + ": " + code.message());
}

//===----------------------------------------------------------------------===//
// Files
//===----------------------------------------------------------------------===//

TemporaryFile::TemporaryFile(std::string temporary, std::string final)
    : temporary(std::move(temporary)), final(std::move(final)) {}

TemporaryFile::TemporaryFile(TemporaryFile &&other)
    : temporary(std::exchange(other.temporary, "")),
      final(std::move(other.final)) {}

llvm::Expected<TemporaryFile> TemporaryFile::create(StringRef finalPath) {
  if (llvm::sys::fs::is_directory(finalPath))
    return createStringError(finalPath +
                             " is a directory; name another file with -o");
  // Renaming would replace a device such as /dev/null by a file.
  llvm::sys::fs::file_status status;
  if (!llvm::sys::fs::status(finalPath, status) &&
      llvm::sys::fs::is_other(status))
    return createStringError(finalPath +
                             " is not a regular file; name another with -o");
  llvm::SmallString<128> path;
  if (std::error_code code = llvm::sys::fs::createUniqueFile(
          finalPath + ".%%%%%%%%.tmp", path,
          llvm::sys::fs::all_read | llvm::sys::fs::all_write))
    return fileError(finalPath, code);
  llvm::sys::RemoveFileOnSignal(path);
  return TemporaryFile(path.str().str(), finalPath.str());
}

TemporaryFile::~TemporaryFile() {
  if (temporary.empty())
    return;
  llvm::sys::fs::remove(temporary);
  llvm::sys::DontRemoveFileOnSignal(temporary);
}

Error TemporaryFile::keep() {
  if (std::error_code code = llvm::sys::fs::rename(temporary, final))
    return fileError(final, code);
  llvm::sys::DontRemoveFileOnSignal(temporary);
  temporary.clear();
  return Error::success();
}

static Error finishStream(llvm::raw_fd_ostream &out, StringRef path,
                          StringRef bytes) {
  out << bytes;
  out.flush();
  if (std::error_code code = out.error()) {
    out.clear_error();
    return fileError(path, code);
  }
  return Error::success();
}

Error bitnetc::writeInPlace(StringRef path, StringRef bytes) {
  std::error_code code;
  llvm::raw_fd_ostream out(path, code);
  if (code)
    return fileError(path, code);
  return finishStream(out, path, bytes);
}

Error bitnetc::writeFile(StringRef path, StringRef bytes) {
  if (path == "-")
    return finishStream(llvm::outs(), "standard output", bytes);
  // Text may go to a device or a pipe.
  llvm::sys::fs::file_status status;
  if (!llvm::sys::fs::status(path, status) && llvm::sys::fs::is_other(status))
    return writeInPlace(path, bytes);
  auto file = TemporaryFile::create(path);
  if (!file)
    return file.takeError();
  if (Error error = writeInPlace(file->path(), bytes))
    return error;
  return file->keep();
}

//===----------------------------------------------------------------------===//
// Directories
//===----------------------------------------------------------------------===//

TemporaryDirectory::TemporaryDirectory(std::string temporary, std::string final)
    : temporary(std::move(temporary)), final(std::move(final)) {}

TemporaryDirectory::TemporaryDirectory(TemporaryDirectory &&other)
    : temporary(std::exchange(other.temporary, "")),
      final(std::move(other.final)) {}

/// What an interrupt removes; there is one at a time.
static std::string interrupted;

static void removeInterrupted() {
  llvm::sys::fs::remove_directories(interrupted);
  _exit(130);
}

llvm::Expected<TemporaryDirectory>
TemporaryDirectory::create(StringRef finalPath) {
  while (finalPath.size() > 1 && finalPath.ends_with("/"))
    finalPath = finalPath.drop_back();
  std::error_code code;
  if (llvm::sys::fs::exists(finalPath) &&
      (!llvm::sys::fs::is_directory(finalPath) ||
       llvm::sys::fs::directory_iterator(finalPath, code) !=
           llvm::sys::fs::directory_iterator()))
    return createStringError(finalPath + " already exists; remove it or name "
                                         "another with -o");
  llvm::SmallString<128> path;
  llvm::sys::fs::createUniquePath(finalPath + ".%%%%%%%%.tmp", path,
                                  /*MakeAbsolute=*/false);
  if ((code = llvm::sys::fs::create_directory(path, /*IgnoreExisting=*/false)))
    return fileError(finalPath, code);
  interrupted = path.str().str();
  llvm::sys::SetInterruptFunction(removeInterrupted);
  return TemporaryDirectory(interrupted, finalPath.str());
}

TemporaryDirectory::~TemporaryDirectory() {
  if (temporary.empty())
    return;
  llvm::sys::fs::remove_directories(temporary);
  llvm::sys::SetInterruptFunction(nullptr);
}

Error TemporaryDirectory::keep() {
  if (std::error_code code = llvm::sys::fs::rename(temporary, final))
    return fileError(final, code);
  temporary.clear();
  llvm::sys::SetInterruptFunction(nullptr);
  return Error::success();
}

//===----------------------------------------------------------------------===//
// Progress
//===----------------------------------------------------------------------===//

static constexpr const char *kClearLine = "\r\033[K";

Progress::Progress(bool verbose, bool quiet)
    : verbose(verbose && !quiet),
      live(!verbose && !quiet && llvm::sys::Process::StandardErrIsDisplayed()),
      start(Clock::now()) {}

Progress::~Progress() { end(); }

static double seconds(std::chrono::steady_clock::time_point since) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - since)
      .count();
}

static long peakMegabytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss / 1024;
}

void Progress::begin(StringRef name) {
  end();
  step = name.str();
  begun = shown = Clock::now();
  if (live)
    llvm::errs() << kClearLine << "bitnetc: " << step << " ...";
}

/// "2 min 5 s"
static std::string durationText(double seconds) {
  const auto whole = static_cast<uint64_t>(seconds + 0.5);
  return whole < 60 ? llvm::formatv("{0} s", whole).str()
                    : llvm::formatv("{0} min {1} s", whole / 60, whole % 60);
}

void Progress::bytes(uint64_t done, uint64_t total) {
  // Ten times a second is as often as anybody reads.
  const double passed = seconds(begun);
  if (!live || !total || passed <= 0 || !done ||
      (done < total && seconds(shown) < 0.1))
    return;
  shown = Clock::now();
  const double rate = static_cast<double>(done) / passed;
  const double left = static_cast<double>(total - done) / rate;
  llvm::errs() << kClearLine << "bitnetc: " << step << " "
               << static_cast<int>(100.0 * done / total) << " %, "
               << llvm::formatv("{0:f0} MB/s, ", rate / 1e6)
               << durationText(left) << " left";
}

void Progress::end() {
  if (step.empty())
    return;
  if (verbose)
    llvm::errs() << llvm::formatv(
        "bitnetc: {0,-24} {1,8:f3} s, after {2,8:f3} s; peak {3} MB\n", step,
        seconds(begun), seconds(start), peakMegabytes());
  if (live)
    llvm::errs() << kClearLine;
  step.clear();
}

void Progress::note(StringRef text) {
  if (verbose)
    llvm::errs() << "bitnetc: " << text << '\n';
}
