//===- AccessLog.h - A line for every request -------------------*- C++ -*-===//
//
// What was asked, how it ended, how much and how long. Nothing of a prompt or
// an answer, and no query, which may hold a key.
//
//===----------------------------------------------------------------------===//
#ifndef BITNET_RUNTIME_SERVER_ACCESSLOG_H
#define BITNET_RUNTIME_SERVER_ACCESSLOG_H

#include "runtime/server/Http.h"

namespace bitnet::server {

struct AccessRecord {
  /// Of a client that went away before its answer was complete, as nginx has
  /// it.
  static constexpr int clientGone = 499;

  std::string method{}, path{}; ///< Empty of what was no request.
  int status = 0;
  AnswerFigures figures{};
  double begin = 0, end = 0; ///< As now() has them.
};

/// The line without its end. `time` is in milliseconds since 1970.
std::string accessLine(const AccessRecord &record, int64_t time);

/// To stderr, with the time of now. Any thread may.
void logAccess(const AccessRecord &record);

} // namespace bitnet::server

#endif // BITNET_RUNTIME_SERVER_ACCESSLOG_H
