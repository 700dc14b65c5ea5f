//===- Connection.h - One client --------------------------------*- C++ -*-===//
//
// Reads requests one after the other, hands each to the handler and writes its
// answer before it looks at the next. While an answer is made it keeps reading,
// a little, to notice that the client goes away. All members run on the
// connection's strand.
//
//===----------------------------------------------------------------------===//
#ifndef BITNET_RUNTIME_SERVER_CONNECTION_H
#define BITNET_RUNTIME_SERVER_CONNECTION_H

#include "runtime/server/ByteStream.h"
#include "runtime/server/HttpServer.h"
#include <array>
#include <boost/asio/steady_timer.hpp>
#include <mutex>
#include <unordered_map>

namespace bitnet::server {

class Connection;

/// What all connections of a server share.
struct ConnectionShared {
  HttpOptions options;
  Handler handler;
  std::function<HttpResponse(int, const std::string &)> bad;
  HttpStatistics statistics;
  std::atomic<bool> draining{false};
  /// Bytes of requests that are not complete, of all connections.
  std::atomic<uint64_t> received{0};
  /// All that live, for drain().
  std::mutex mutex;
  std::unordered_map<Connection *, std::weak_ptr<Connection>> connections;
};

class Connection : public std::enable_shared_from_this<Connection> {
public:
  Connection(std::unique_ptr<ByteStream> stream,
             std::shared_ptr<ConnectionShared> shared);
  ~Connection();

  void start();
  /// Answers 503 instead of reading anything; not with TLS, where even that
  /// costs a handshake.
  void startRefused();
  /// Closes unless a request is being received or answered.
  void drain();

  boost::asio::any_io_executor executor() { return stream->executor(); }

private:
  friend class ConnectionExchange;
  void read();
  void process();
  void handle();
  void answerBad(int status, const std::string &message);
  void send(std::string bytes);
  void flush();
  void wrote(boost::system::error_code error, size_t count);
  void answered();
  void finishClosing();
  void expectInput();
  bool owesMuch() const;
  void countReceived(size_t bytes);
  void forgetReceived();
  void gone();
  void close();

  std::unique_ptr<ByteStream> stream;
  std::shared_ptr<ConnectionShared> shared;
  HttpParser parser;
  boost::asio::steady_timer readTimer, writeTimer;
  std::array<char, 16384> chunk;
  std::string input, pending, inFlight;
  size_t inFlightDone = 0;
  uint64_t received = 0; ///< My part of what is shared.
  std::function<void()> onGone;
  bool reading = false, writing = false, busy = false, keepAlive = true;
  bool closeWhenSent = false, lingering = false, closed = false;
  bool receiving = false; ///< The deadline of a request is running.
};

} // namespace bitnet::server

#endif // BITNET_RUNTIME_SERVER_CONNECTION_H
