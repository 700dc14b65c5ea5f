//===- TlsStream.cpp - Connections with TLS -------------------------------===//
//
// Empty where OpenSSL is missing; PlainStream.cpp then says so.
//
//===----------------------------------------------------------------------===//

#ifdef BITNET_HAS_TLS
#include "runtime/server/ByteStream.h"
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>

namespace asio = boost::asio;

namespace bitnet::server {

namespace {
class TlsStream final : public ByteStream {
public:
  TlsStream(Socket socket, std::shared_ptr<asio::ssl::context> context)
      : context(std::move(context)), stream(std::move(socket), *this->context) {
  }
  asio::any_io_executor executor() override { return stream.get_executor(); }
  void handshake(Done done) override {
    stream.async_handshake(asio::ssl::stream_base::server, std::move(done));
  }
  void read(asio::mutable_buffer into, Moved moved) override {
    stream.async_read_some(into, std::move(moved));
  }
  void write(asio::const_buffer from, Moved moved) override {
    stream.async_write_some(from, std::move(moved));
  }
  // Waits for the client's close_notify, which may never come: Connection does
  // not wait for ever.
  void shutdown(Done done) override { stream.async_shutdown(std::move(done)); }
  void close() override {
    boost::system::error_code ignored;
    stream.lowest_layer().close(ignored);
  }

private:
  std::shared_ptr<asio::ssl::context> context;
  asio::ssl::stream<Socket> stream;
};
} // namespace

StreamMaker tlsStreams(const std::string &certificate, const std::string &key,
                       std::string *error) {
  // No configuration file of the machine changes what this program does.
  OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, nullptr);
  boost::system::error_code code;
  auto context =
      std::make_shared<asio::ssl::context>(asio::ssl::context::tls_server);
  context->set_options(
      asio::ssl::context::default_workarounds | asio::ssl::context::no_tlsv1 |
      asio::ssl::context::no_tlsv1_1 | SSL_OP_NO_RENEGOTIATION);
  context->use_certificate_chain_file(certificate, code);
  if (code) {
    *error = "--tls-cert '" + certificate +
             "' is no certificate in PEM form: " + code.message();
    return {};
  }
  context->use_private_key_file(key, asio::ssl::context::pem, code);
  if (code) {
    *error = "--tls-key '" + key +
             "' is not the certificate's key in PEM form: " + code.message();
    return {};
  }
  return [context](Socket socket) {
    return std::make_unique<TlsStream>(std::move(socket), context);
  };
}

} // namespace bitnet::server

#endif // BITNET_HAS_TLS
