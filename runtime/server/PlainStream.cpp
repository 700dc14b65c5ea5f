//===- PlainStream.cpp - Connections without encryption -------------------===//

#include "runtime/server/ByteStream.h"
#include <boost/asio/post.hpp>

namespace asio = boost::asio;

namespace bitnet::server {

namespace {
class PlainStream final : public ByteStream {
public:
  explicit PlainStream(Socket socket) : socket(std::move(socket)) {}
  asio::any_io_executor executor() override { return socket.get_executor(); }
  void handshake(Done done) override {
    asio::post(executor(), [done = std::move(done)] { done({}); });
  }
  void read(asio::mutable_buffer into, Moved moved) override {
    socket.async_read_some(into, std::move(moved));
  }
  void write(asio::const_buffer from, Moved moved) override {
    socket.async_write_some(from, std::move(moved));
  }
  void shutdown(Done done) override {
    boost::system::error_code error;
    socket.shutdown(Socket::shutdown_send, error);
    asio::post(executor(), [done = std::move(done)] { done({}); });
  }
  void close() override {
    boost::system::error_code ignored;
    socket.close(ignored);
  }

private:
  Socket socket;
};
} // namespace

StreamMaker plainStreams() {
  return [](Socket socket) {
    return std::make_unique<PlainStream>(std::move(socket));
  };
}

#ifndef BITNET_HAS_TLS
StreamMaker tlsStreams(const std::string &, const std::string &,
                       std::string *error) {
  *error = "this program was built without TLS (OpenSSL for its architecture "
           "was missing); put a proxy with TLS in front of it";
  return {};
}
#endif

} // namespace bitnet::server
