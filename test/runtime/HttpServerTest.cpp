// Connections with handlers of the test's own: what a program around a model
// cannot be made to do.
#include "runtime/server/HttpServer.h"
#include "runtime/server/ApiError.h"
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

using namespace bitnet::server;

namespace {
/// Serves with `handler` while it lives.
class RunningServer {
public:
  explicit RunningServer(HttpOptions options, Handler handler) {
    options.port = 0;
    std::string error;
    server =
        HttpServer::create(options, std::move(handler), protocolError, &error);
    EXPECT_TRUE(server) << error;
    thread = std::thread([this] { server->run([](int) {}); });
  }
  ~RunningServer() {
    server->stop(0);
    thread.join();
  }
  /// All that comes back until the server closes.
  std::string ask(const std::string &request) const {
    const std::string address = server->address();
    sockaddr_in to = {};
    to.sin_family = AF_INET;
    to.sin_port = htons(static_cast<uint16_t>(
        std::stoi(address.substr(address.rfind(':') + 1))));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    EXPECT_EQ(connect(fd, reinterpret_cast<sockaddr *>(&to), sizeof(to)), 0);
    EXPECT_EQ(send(fd, request.data(), request.size(), 0),
              static_cast<ssize_t>(request.size()));
    std::string all;
    char part[4096];
    for (ssize_t count; (count = recv(fd, part, sizeof(part), 0)) > 0;)
      all.append(part, static_cast<size_t>(count));
    close(fd);
    return all;
  }

private:
  std::unique_ptr<HttpServer> server;
  std::thread thread;
};
} // namespace

TEST(HttpServer, AFailureWithinAStreamIsItsLastEvent) {
  for (const char *type : {"text/event-stream; charset=utf-8", "text/plain"}) {
    std::atomic<bool> wasTold = false;
    const RunningServer server(
        {}, [&](const HttpRequest &, const std::shared_ptr<Exchange> &to) {
          HttpResponse head;
          head.contentType = type;
          to->begin(std::move(head));
          to->onGone([&] { wasTold = true; });
          to->write("data: 1\n\n");
          to->post([] { throw std::bad_alloc(); });
        });
    const std::string answer =
        server.ask("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    EXPECT_TRUE(wasTold); // What makes the answer stops.
    const bool isEvents = type[5] == 'e';
    EXPECT_EQ(answer.find("data: {\"error\":") != answer.npos, isEvents)
        << answer;
    EXPECT_EQ(answer.ends_with("\n\n\r\n0\r\n\r\n"), isEvents) << answer;
  }
}

TEST(HttpServer, LinesOfTheLogAreWords) {
  AccessRecord record = {.method = "GET",
                         .path = "/a b\n\x7f\xC3" + std::string(300, 'x'),
                         .status = 200,
                         .begin = 1,
                         .end = 2.5};
  EXPECT_EQ(accessLine(record, 1'700'000'000'007),
            "2023-11-14T22:13:20.007Z GET /a?b???" + std::string(193, 'x') +
                " 200 prompt=0 generated=0 first=- total=1.500");
  record = {.status = 400, .figures = {3, 4, 1.25}, .begin = 1, .end = 2};
  EXPECT_EQ(accessLine(record, 0),
            "1970-01-01T00:00:00.000Z - - 400 prompt=3 generated=4 "
            "first=0.250 total=1.000");
}

TEST(HttpServer, AFailureBeforeTheAnswerIs500) {
  const RunningServer server(
      {}, [](const HttpRequest &, const std::shared_ptr<Exchange> &) {
        throw std::bad_alloc();
      });
  const std::string answer =
      server.ask("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 500 ")) << answer;
  EXPECT_NE(answer.find("{\"error\":"), answer.npos) << answer;
}
