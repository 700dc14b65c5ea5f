//===- HttpParser.h - Bytes of a connection to requests ---------*- C++ -*-===//
//
// Boost.Beast's parser behind limits, without sockets: the fuzzer feeds it too.
//
//===----------------------------------------------------------------------===//
#ifndef BITNET_RUNTIME_SERVER_HTTPPARSER_H
#define BITNET_RUNTIME_SERVER_HTTPPARSER_H

#include "runtime/server/Http.h"

namespace bitnet::server {

struct HttpLimits {
  uint32_t target = 8 << 10; ///< Of the request line's target.
  uint32_t header = 16 << 10;
  uint64_t body = 4 << 20;
};

class HttpParser {
public:
  explicit HttpParser(const HttpLimits &limits);
  ~HttpParser();

  enum class State {
    NeedMore, ///< The request is not complete.
    Continue, ///< Once: the client waits for "100 Continue" to send the body.
    Complete, ///< take() it.
    Failed    ///< status() and message() say why; the connection must end.
  };

  /// Takes bytes from the front of `buffer`. Bytes after a complete request
  /// stay there: they belong to the next one.
  State feed(std::string &buffer);
  /// Whether anything of a request was seen.
  bool started() const { return hasStarted; }

  /// The request; the parser is ready for the next one.
  HttpRequest take();

  /// Forgets what was read of a request.
  void reset();

  int status() const { return failedStatus; }
  const std::string &message() const { return failedMessage; }

private:
  State fail(int status, std::string message);
  State headerDone();

  struct Parts;
  HttpLimits limits;
  std::unique_ptr<Parts> parts;
  bool hasStarted = false, headerSeen = false;
  int failedStatus = 0;
  std::string failedMessage;
};

} // namespace bitnet::server

#endif // BITNET_RUNTIME_SERVER_HTTPPARSER_H
