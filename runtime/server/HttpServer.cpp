//===- HttpServer.cpp - Listens, reads requests, writes answers -----------===//
//
// Addresses are numbers: a static program cannot ask the C library for names.
//
//===----------------------------------------------------------------------===//

#include "runtime/server/HttpServer.h"
#include "runtime/server/Connection.h"
#include <arpa/inet.h>
#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/strand.hpp>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <thread>
#include <unistd.h>

namespace asio = boost::asio;
using boost::system::error_code;

namespace bitnet::server {

namespace {
/// Clients beyond the limit that are told so at a time; others are just closed.
constexpr unsigned kRefusedAtATime = 64;
constexpr int kSendBuffer = 128 << 10;

struct Address {
  sockaddr_storage storage = {};
  socklen_t size = 0;
};

using Acceptor = asio::basic_socket_acceptor<asio::generic::stream_protocol>;

class AsioServer final : public HttpServer {
public:
  AsioServer(const HttpOptions &options, Handler handler,
             std::function<HttpResponse(int, const std::string &)> bad)
      : shared(std::make_shared<ConnectionShared>()),
        acceptor(asio::make_strand(io)), retry(acceptor.get_executor()),
        signals(io, SIGINT, SIGTERM) {
    shared->options = options;
    shared->handler = std::move(handler);
    shared->bad = std::move(bad);
  }
  ~AsioServer() override {
    if (!boundPath.empty())
      unlink(boundPath.c_str());
  }

  bool listen(std::string *error);
  std::string address() const override { return shownAddress; }
  void run(std::function<void(int)> onSignal) override;
  void drain() override;
  void stop(double seconds) override;
  const HttpStatistics &statistics() const override {
    return shared->statistics;
  }

private:
  bool resolve(Address &address, std::string *error) const;
  bool resolveUnix(Address &address, std::string *error) const;
  bool bindTo(const Address &address, std::string *error);
  void accept();
  void accepted(Socket socket);
  void waitForSignal();

  asio::io_context io;
  std::shared_ptr<ConnectionShared> shared;
  Acceptor acceptor;
  asio::steady_timer retry;
  asio::signal_set signals;
  std::function<void(int)> onSignal;
  StreamMaker streams;
  std::string shownAddress, boundPath;
};
} // namespace

bool AsioServer::resolve(Address &address, std::string *error) const {
  const HttpOptions &options = shared->options;
  const std::string host =
      options.host == "localhost" ? "127.0.0.1" : options.host;
  auto *four = reinterpret_cast<sockaddr_in *>(&address.storage);
  auto *six = reinterpret_cast<sockaddr_in6 *>(&address.storage);
  if (inet_pton(AF_INET, host.c_str(), &four->sin_addr) == 1) {
    four->sin_family = AF_INET;
    four->sin_port = htons(options.port);
    address.size = sizeof(*four);
    return true;
  }
  if (inet_pton(AF_INET6, host.c_str(), &six->sin6_addr) == 1) {
    six->sin6_family = AF_INET6;
    six->sin6_port = htons(options.port);
    address.size = sizeof(*six);
    return true;
  }
  *error = "--host takes a numeric address or 'localhost', not '" +
           options.host + "'";
  return false;
}

/// A socket file that a server which was killed left behind is removed; one
/// that somebody answers on is not.
bool AsioServer::resolveUnix(Address &address, std::string *error) const {
  const std::string &path = shared->options.unixSocket;
  auto *local = reinterpret_cast<sockaddr_un *>(&address.storage);
  if (path.size() >= sizeof(local->sun_path)) {
    *error = "--unix-socket '" + path + "' is longer than " +
             std::to_string(sizeof(local->sun_path) - 1) + " bytes";
    return false;
  }
  local->sun_family = AF_UNIX;
  memcpy(local->sun_path, path.c_str(), path.size() + 1);
  address.size = sizeof(*local);
  const int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const bool refused =
      connect(probe, reinterpret_cast<sockaddr *>(local), address.size) != 0 &&
      errno == ECONNREFUSED;
  close(probe);
  if (refused)
    unlink(path.c_str());
  return true;
}

static std::string showAddress(int socket, bool tls, const std::string &path) {
  if (!path.empty())
    return "unix:" + path;
  Address address;
  address.size = sizeof(address.storage);
  getsockname(socket, reinterpret_cast<sockaddr *>(&address.storage),
              &address.size);
  char text[INET6_ADDRSTRLEN] = "";
  const auto *four = reinterpret_cast<sockaddr_in *>(&address.storage);
  const auto *six = reinterpret_cast<sockaddr_in6 *>(&address.storage);
  const bool isFour = address.storage.ss_family == AF_INET;
  inet_ntop(address.storage.ss_family,
            isFour ? static_cast<const void *>(&four->sin_addr)
                   : static_cast<const void *>(&six->sin6_addr),
            text, sizeof(text));
  const std::string host = isFour ? text : "[" + std::string(text) + "]";
  return (tls ? "https://" : "http://") + host + ":" +
         std::to_string(ntohs(isFour ? four->sin_port : six->sin6_port));
}

bool AsioServer::bindTo(const Address &address, std::string *error) {
  const HttpOptions &options = shared->options;
  const int family = address.storage.ss_family;
  const std::string wanted =
      options.unixSocket.empty()
          ? options.host + " port " + std::to_string(options.port)
          : "'" + options.unixSocket + "'";
  const int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int one = 1;
  if (fd >= 0 && family != AF_UNIX)
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
  if (fd < 0 ||
      bind(fd, reinterpret_cast<const sockaddr *>(&address.storage),
           address.size) != 0 ||
      ::listen(fd, SOMAXCONN) != 0) {
    *error = "cannot listen on " + wanted + ": " +
             (errno == EADDRINUSE ? "another program does already"
                                  : strerror(errno));
    if (fd >= 0)
      close(fd);
    return false;
  }
  boundPath = options.unixSocket;
  shownAddress = showAddress(fd, !options.tlsCertificate.empty(), boundPath);
  acceptor.assign(asio::generic::stream_protocol(
                      family, family == AF_UNIX ? 0 : IPPROTO_TCP),
                  fd);
  return true;
}

bool AsioServer::listen(std::string *error) {
  const HttpOptions &options = shared->options;
  if (options.tlsCertificate.empty() != options.tlsKey.empty()) {
    *error = "--tls-cert and --tls-key go together";
    return false;
  }
  streams = options.tlsCertificate.empty()
                ? plainStreams()
                : tlsStreams(options.tlsCertificate, options.tlsKey, error);
  if (!streams)
    return false;
  // Connections, and some files besides.
  rlimit files = {};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = std::min<rlim_t>(
      files.rlim_max,
      std::max<rlim_t>(files.rlim_cur, options.maxConnections + 256));
  setrlimit(RLIMIT_NOFILE, &files);
  Address address;
  return (options.unixSocket.empty() ? resolve(address, error)
                                     : resolveUnix(address, error)) &&
         bindTo(address, error);
}

void AsioServer::accept() {
  acceptor.async_accept(asio::make_strand(io),
                        [this](error_code error, auto socket) {
                          if (!acceptor.is_open())
                            return;
                          if (!error) {
                            try {
                              accepted(Socket(std::move(socket)));
                            } catch (const std::exception &) {
                              // Out of memory: this client gets nothing, others
                              // stay.
                            }
                            accept();
                            return;
                          }
                          // Out of file descriptors, say: let others end first.
                          retry.expires_after(std::chrono::milliseconds(100));
                          retry.async_wait([this](error_code stopped) {
                            if (!stopped)
                              accept();
                          });
                        });
}

void AsioServer::accepted(Socket socket) {
  const unsigned open = shared->statistics.open;
  const unsigned limit = shared->options.maxConnections;
  const bool refuse = open >= limit;
  if (refuse) {
    ++shared->statistics.refusedConnections;
    if (open >= limit + kRefusedAtATime ||
        !shared->options.tlsCertificate.empty())
      return;
  }
  // What a slow reader is owed waits here, where it is counted, and not in the
  // kernel, which would take megabytes for each.
  const int one = 1, buffer = kSendBuffer;
  setsockopt(socket.native_handle(), IPPROTO_TCP, TCP_NODELAY, &one,
             sizeof(one));
  setsockopt(socket.native_handle(), SOL_SOCKET, SO_SNDBUF, &buffer,
             sizeof(buffer));
  auto connection =
      std::make_shared<Connection>(streams(std::move(socket)), shared);
  asio::post(connection->executor(), [connection, refuse] {
    if (refuse)
      connection->startRefused();
    else
      connection->start();
  });
}

void AsioServer::waitForSignal() {
  signals.async_wait([this](error_code error, int number) {
    if (error)
      return;
    onSignal(number);
    waitForSignal();
  });
}

void AsioServer::run(std::function<void(int)> call) {
  onSignal = std::move(call);
  waitForSignal();
  asio::post(acceptor.get_executor(), [this] { accept(); });
  auto work = [this] {
    while (!io.stopped()) {
      try {
        io.run();
      } catch (const std::exception &) {
        // One event was lost, with the connection it belonged to.
      }
    }
  };
  std::vector<std::thread> threads;
  for (unsigned i = 1; i < shared->options.workers; ++i)
    threads.emplace_back(work);
  work();
  for (std::thread &thread : threads)
    thread.join();
}

void AsioServer::drain() {
  shared->draining = true;
  // The last owner of a connection takes the lock itself.
  std::vector<std::shared_ptr<Connection>> living;
  {
    std::lock_guard lock(shared->mutex);
    for (const auto &[pointer, weak] : shared->connections)
      if (auto connection = weak.lock())
        living.push_back(std::move(connection));
  }
  for (const auto &connection : living)
    asio::post(connection->executor(), [connection] { connection->drain(); });
}

void AsioServer::stop(double seconds) {
  asio::post(acceptor.get_executor(), [this] {
    error_code ignored;
    retry.cancel();
    acceptor.close(ignored);
  });
  const auto step = std::chrono::milliseconds(10);
  for (double waited = 0; waited < seconds && shared->statistics.open > 0;
       waited += 0.01)
    std::this_thread::sleep_for(step);
  io.stop();
}

std::unique_ptr<HttpServer>
HttpServer::create(const HttpOptions &options, Handler handler,
                   std::function<HttpResponse(int, const std::string &)> bad,
                   std::string *error) {
  auto server =
      std::make_unique<AsioServer>(options, std::move(handler), std::move(bad));
  if (!server->listen(error))
    return nullptr;
  return server;
}

} // namespace bitnet::server
