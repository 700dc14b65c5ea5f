//===- DriverOutput.h - Files and progress of the driver -------*- C++ -*-===//
//
// Nobody ever sees half a file: everything is written under a temporary name in
// the directory of the result, renamed when it is complete, and removed when
// compilation fails or is interrupted.
//
//===----------------------------------------------------------------------===//
#ifndef BITNETC_COMPILER_DRIVEROUTPUT_H
#define BITNETC_COMPILER_DRIVEROUTPUT_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <chrono>
#include <string>

namespace bitnetc {

/// A file that exists under a temporary name until it is kept.
class TemporaryFile {
public:
  /// A name beside `finalPath`. The file is empty until somebody writes it.
  static llvm::Expected<TemporaryFile> create(llvm::StringRef finalPath);
  TemporaryFile(TemporaryFile &&other);
  TemporaryFile &operator=(TemporaryFile &&) = delete;
  ~TemporaryFile();

  const std::string &path() const { return temporary; }
  /// Gives it its name, replacing what was there.
  llvm::Error keep();

private:
  TemporaryFile(std::string temporary, std::string final);
  std::string temporary, final;
};

/// Writes `bytes` to `path` ("-": standard output), completely or not at all.
llvm::Error writeFile(llvm::StringRef path, llvm::StringRef bytes);
/// Writes `bytes` over the content of an existing file.
llvm::Error writeInPlace(llvm::StringRef path, llvm::StringRef bytes);

/// A directory that exists under a temporary name until it is kept.
class TemporaryDirectory {
public:
  /// A name beside `finalPath`, which must not exist or be an empty directory.
  static llvm::Expected<TemporaryDirectory> create(llvm::StringRef finalPath);
  TemporaryDirectory(TemporaryDirectory &&other);
  TemporaryDirectory &operator=(TemporaryDirectory &&) = delete;
  ~TemporaryDirectory();

  const std::string &path() const { return temporary; }
  /// Gives it its name.
  llvm::Error keep();

private:
  TemporaryDirectory(std::string temporary, std::string final);
  std::string temporary, final;
};

/// Tells what is going on: a line per step with -v, or one line that is
/// overwritten where a person watches a terminal, or nothing.
class Progress {
public:
  Progress(bool verbose, bool quiet);
  ~Progress();

  /// Ends the step before and begins "packing weights".
  void begin(llvm::StringRef step);
  /// Bytes of the step: shows the part that is done, MB/s and the time left.
  void bytes(uint64_t done, uint64_t total);
  void end();
  /// A line that stays, with -v only.
  void note(llvm::StringRef text);
  bool watched() const { return live; }

private:
  using Clock = std::chrono::steady_clock;
  bool verbose, live;
  std::string step;
  Clock::time_point start, begun, shown;
};

} // namespace bitnetc

#endif // BITNETC_COMPILER_DRIVEROUTPUT_H
