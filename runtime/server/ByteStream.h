//===- ByteStream.h - A connection as bytes, plain or TLS -------*- C++ -*-===//
//
// Hides the kind of socket, so that Connection is compiled once.
//
//===----------------------------------------------------------------------===//
#ifndef BITNET_RUNTIME_SERVER_BYTESTREAM_H
#define BITNET_RUNTIME_SERVER_BYTESTREAM_H

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/system/error_code.hpp>
#include <functional>
#include <memory>
#include <string>

namespace bitnet::server {

/// Of TCP and of Unix sockets.
using Socket = boost::asio::generic::stream_protocol::socket;

class ByteStream {
public:
  using Done = std::function<void(boost::system::error_code)>;
  using Moved = std::function<void(boost::system::error_code, size_t)>;

  virtual ~ByteStream() = default;
  virtual boost::asio::any_io_executor executor() = 0;
  /// Before anything else.
  virtual void handshake(Done done) = 0;
  /// One read and one write may be under way at a time.
  virtual void read(boost::asio::mutable_buffer into, Moved moved) = 0;
  virtual void write(boost::asio::const_buffer from, Moved moved) = 0;
  /// No more will be written; reading goes on.
  virtual void shutdown(Done done) = 0;
  virtual void close() = 0;
};

/// Makes streams of accepted sockets.
using StreamMaker = std::function<std::unique_ptr<ByteStream>(Socket)>;

StreamMaker plainStreams();
/// Null and one sentence in `error` if the files do not hold a certificate and
/// its key, or if this program was built without TLS.
StreamMaker tlsStreams(const std::string &certificate, const std::string &key,
                       std::string *error);

} // namespace bitnet::server

#endif // BITNET_RUNTIME_SERVER_BYTESTREAM_H
