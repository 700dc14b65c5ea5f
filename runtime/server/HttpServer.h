//===- HttpServer.h - Listens, reads requests, writes answers ---*- C++ -*-===//
//
// Some threads run the events of all connections (Boost.Asio); one connection's
// events never overlap. Everything a stranger can make grow is bounded here:
// connections, bytes of a request, time for sending one, bytes waiting for a
// client that does not read.
//
//===----------------------------------------------------------------------===//
#ifndef BITNET_RUNTIME_SERVER_HTTPSERVER_H
#define BITNET_RUNTIME_SERVER_HTTPSERVER_H

#include "runtime/server/AccessLog.h"
#include "runtime/server/HttpParser.h"
#include <atomic>

namespace bitnet::server {

struct HttpOptions {
  std::string host = "127.0.0.1"; ///< A numeric address or "localhost".
  uint16_t port = 8000;           ///< 0: any free one.
  std::string unixSocket;         ///< If not empty, instead of host and port.
  std::string tlsCertificate, tlsKey;
  unsigned workers = 2;
  unsigned maxConnections = 512;
  double timeout = 60; ///< Seconds for a request to arrive, for a client to
                       ///< take something, and between requests.
  size_t outputBuffer =
      1 << 20; ///< Bytes of a stream that wait for the client.
  HttpLimits limits;
  /// Called for every request when its answer is complete, by any thread.
  std::function<void(const AccessRecord &)> log;
};

struct HttpStatistics {
  std::atomic<uint64_t> connections{0}, refusedConnections{0}, requests{0};
  std::atomic<uint32_t> open{0};
};

class HttpServer {
public:
  /// Binds and listens. Null and one sentence in `error` on failure. `bad`
  /// makes the answer to what is no request: status and message.
  static std::unique_ptr<HttpServer>
  create(const HttpOptions &options, Handler handler,
         std::function<HttpResponse(int, const std::string &)> bad,
         std::string *error);
  virtual ~HttpServer() = default;

  /// Where it listens: "http://127.0.0.1:8000".
  virtual std::string address() const = 0;
  /// Answers requests until stop(). `onSignal` is called with the number of
  /// each SIGTERM and SIGINT, by one of the threads.
  virtual void run(std::function<void(int)> onSignal) = 0;
  /// Any thread: every answer from now on is the last of its connection, and
  /// connections between requests are closed.
  virtual void drain() = 0;
  /// Any thread: listens no longer; run() returns once what was answered is
  /// sent, but after `seconds` at the latest.
  virtual void stop(double seconds) = 0;
  virtual const HttpStatistics &statistics() const = 0;
};

} // namespace bitnet::server

#endif // BITNET_RUNTIME_SERVER_HTTPSERVER_H
