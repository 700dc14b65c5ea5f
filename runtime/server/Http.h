//===- Http.h - Requests and answers, without a network ---------*- C++ -*-===//
//
// What the network side (HttpServer) and the interfaces (Router and what it
// calls) agree on. Handlers know no sockets, so that tests and the fuzzer run
// them with exchanges of their own.
//
//===----------------------------------------------------------------------===//
#ifndef BITNET_RUNTIME_SERVER_HTTP_H
#define BITNET_RUNTIME_SERVER_HTTP_H

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bitnet::server {

using Headers = std::vector<std::pair<std::string, std::string>>;

struct HttpRequest {
  std::string method, target, body; ///< The target as sent, with its query.
  Headers headers;
  bool keepAlive = true;
  bool http10 = false;

  std::string_view path() const {
    return std::string_view(target).substr(0, target.find('?'));
  }
  /// Empty if it is not there. `name` in lower case.
  std::string_view header(std::string_view name) const;
};

struct HttpResponse {
  int status = 200;
  std::string contentType = "application/json; charset=utf-8";
  std::string body;
  Headers headers;
};

/// "Not Found" and so on.
const char *reasonOf(int status);

/// The bytes before the body. length -1: none is given (a stream).
std::string responseHead(const HttpResponse &response, int64_t length,
                         bool chunked, bool keepAlive);

/// What an access log says of an answer besides its status.
struct AnswerFigures {
  uint64_t promptTokens = 0, generatedTokens = 0;
  double firstToken = 0; ///< When, as now() has it; 0: there was none.
};

/// One request that is being answered. All members but post() are called on the
/// exchange's own thread of events: by the handler, or from inside of post().
class Exchange {
public:
  virtual ~Exchange() = default;

  /// The whole answer.
  virtual void respond(HttpResponse response) = 0;
  /// An answer in parts: begin, write as often as needed, finish. A client that
  /// takes less than it is sent is disconnected at some point.
  virtual void begin(HttpResponse head) = 0;
  virtual void write(std::string_view part) = 0;
  virtual void finish() = 0;
  /// For the log; before the answer is complete.
  virtual void tell(const AnswerFigures &figures) = 0;

  /// `call` is called once if the client goes away before the answer is
  /// complete.
  virtual void onGone(std::function<void()> call) = 0;
  /// `call` is called after `seconds` unless the answer is complete by then.
  /// Any number may wait.
  virtual void after(double seconds, std::function<void()> call) = 0;
  /// Runs `call` on the exchange's thread of events. Any thread may.
  virtual void post(std::function<void()> call) = 0;
};

using Handler = std::function<void(const HttpRequest &request,
                                   const std::shared_ptr<Exchange> &exchange)>;

} // namespace bitnet::server

#endif // BITNET_RUNTIME_SERVER_HTTP_H
