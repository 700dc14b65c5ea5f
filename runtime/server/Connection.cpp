//===- Connection.cpp - One client ----------------------------------------===//

#include "runtime/server/Connection.h"
#include "runtime/Cli.h"
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <cstdio>
#include <list>

namespace asio = boost::asio;
using boost::system::error_code;

namespace bitnet::server {

/// Bytes of further requests that are read ahead of their turn.
static constexpr size_t kReadAhead = 64 << 10;
/// How long what a client still sends is read after the last answer, so that it
/// gets that answer and not a reset.
static constexpr auto kLinger = std::chrono::seconds(2);

/// Incomplete requests of all connections together: this, or some of the
/// largest.
static constexpr uint64_t kReceived = 64 << 20, kLargestBodies = 16;

static std::chrono::nanoseconds toDuration(double seconds) {
  return std::chrono::nanoseconds(static_cast<int64_t>(seconds * 1e9));
}

/// The answer to one request. Complete once, whatever the handler does.
class ConnectionExchange final
    : public Exchange,
      public std::enable_shared_from_this<ConnectionExchange> {
public:
  ConnectionExchange(std::shared_ptr<Connection> connection,
                     const HttpRequest &request)
      : connection(std::move(connection)), isHead(request.method == "HEAD"),
        http10(request.http10) {
    if (!this->connection->shared->options.log)
      return;
    record.method = request.method;
    record.path = request.path();
    record.begin = now();
  }

  ~ConnectionExchange() override {
    if (done)
      return;
    log(AccessRecord::clientGone);
    // The handler forgot it; the client must not wait for ever.
    asio::post(connection->executor(),
               [connection = connection] { connection->gone(); });
  }

  void respond(HttpResponse response) override {
    if (done || begun)
      return;
    connection->shared->statistics.requests++;
    std::string bytes =
        responseHead(response, static_cast<int64_t>(response.body.size()),
                     false, keepsAlive());
    if (!isHead && response.status != 204)
      bytes += response.body;
    connection->send(std::move(bytes));
    record.status = response.status;
    complete();
  }

  void begin(HttpResponse head) override {
    if (done || begun)
      return;
    begun = true;
    isEvents = head.contentType.starts_with("text/event-stream");
    record.status = head.status;
    connection->shared->statistics.requests++;
    if (http10)
      connection->keepAlive = false;
    connection->send(responseHead(head, -1, !http10, keepsAlive()));
  }

  void write(std::string_view part) override {
    if (done || !begun || isHead || part.empty())
      return;
    // One long part, such as the log-probabilities of a prompt, is no sign of a
    // client that does not read.
    if (connection->pending.size() + connection->inFlight.size() -
            connection->inFlightDone >
        connection->shared->options.outputBuffer + longestPart) {
      connection->gone();
      return;
    }
    longestPart = std::max(longestPart, part.size());
    if (http10) {
      connection->send(std::string(part));
      return;
    }
    char size[24];
    snprintf(size, sizeof(size), "%zx\r\n", part.size());
    std::string bytes = size;
    bytes += part;
    bytes += "\r\n";
    connection->send(std::move(bytes));
  }

  void finish() override {
    if (done || !begun)
      return;
    if (!http10 && !isHead)
      connection->send("0\r\n\r\n");
    complete();
  }

  void tell(const AnswerFigures &figures) override { record.figures = figures; }

  void onGone(std::function<void()> call) override {
    if (connection->closed)
      call();
    else
      connection->onGone = std::move(call);
  }

  void after(double seconds, std::function<void()> call) override {
    auto timer = std::find_if(timers.begin(), timers.end(),
                              [](const Timer &one) { return !one.waits; });
    if (timer == timers.end())
      timer = timers.emplace(timers.end(), connection->executor());
    timer->waits = true;
    timer->timer.expires_after(toDuration(seconds));
    timer->timer.async_wait([self = weak_from_this(), timer,
                             call = std::move(call)](error_code error) {
      auto exchange = self.lock();
      if (error || !exchange || exchange->done)
        return;
      timer->waits = false;
      call();
    });
  }

  void post(std::function<void()> call) override {
    asio::post(connection->executor(),
               [self = shared_from_this(), call = std::move(call)] {
                 try {
                   call();
                 } catch (const std::exception &exception) {
                   self->failed(exception);
                 }
               });
  }

  void failed(const std::exception &exception) {
    if (done)
      return;
    const HttpResponse response =
        connection->shared->bad(500, exception.what());
    if (!begun) {
      respond(response);
      return;
    }
    if (auto call = std::exchange(connection->onGone, nullptr))
      call();
    if (!isEvents) {
      connection->gone();
      return;
    }
    // The reader of a stream hears that it is not complete.
    write("data: " + response.body + "\n\n");
    finish();
  }

private:
  struct Timer {
    explicit Timer(const asio::any_io_executor &executor) : timer(executor) {}
    asio::steady_timer timer;
    bool waits = false;
  };

  bool keepsAlive() const {
    return connection->keepAlive && !connection->shared->draining;
  }
  void complete() {
    done = true;
    for (Timer &one : timers)
      one.timer.cancel();
    log(record.status);
    connection->answered();
  }
  void log(int status) {
    const auto &write = connection->shared->options.log;
    if (!write)
      return;
    record.status = status;
    record.end = now();
    write(record);
  }

  std::shared_ptr<Connection> connection;
  std::list<Timer> timers;
  AccessRecord record; ///< If there is a log.
  size_t longestPart = 0;
  bool isHead, http10, begun = false, done = false, isEvents = false;
};

Connection::Connection(std::unique_ptr<ByteStream> stream,
                       std::shared_ptr<ConnectionShared> shared)
    : stream(std::move(stream)), shared(std::move(shared)),
      parser(this->shared->options.limits), readTimer(executor()),
      writeTimer(executor()) {
  ++this->shared->statistics.open;
  ++this->shared->statistics.connections;
}

Connection::~Connection() {
  --shared->statistics.open;
  std::lock_guard lock(shared->mutex);
  shared->connections.erase(this);
}

void Connection::start() {
  {
    std::lock_guard lock(shared->mutex);
    shared->connections[this] = weak_from_this();
  }
  expectInput();
  stream->handshake([self = shared_from_this()](error_code error) {
    if (error)
      self->close();
    else
      self->process();
  });
}

void Connection::startRefused() {
  answerBad(503, "there are too many connections");
}

void Connection::drain() {
  if (!busy && !receiving && !writing && input.empty())
    close();
}

/// The time for a request to arrive, or for its first byte.
void Connection::expectInput() {
  receiving = parser.started();
  readTimer.expires_after(toDuration(shared->options.timeout));
  readTimer.async_wait([self = weak_from_this()](error_code error) {
    auto connection = self.lock();
    if (error || !connection || connection->busy)
      return;
    if (connection->receiving)
      connection->answerBad(408, "the request did not arrive in time");
    else
      connection->close();
  });
}

void Connection::read() {
  if (reading || closed || (busy && input.size() >= kReadAhead))
    return;
  reading = true;
  stream->read(asio::buffer(chunk),
               [self = shared_from_this()](error_code error, size_t count) {
                 self->reading = false;
                 if (self->closed)
                   return;
                 if (error) {
                   if (self->busy || self->lingering)
                     self->gone();
                   else if (self->writing)
                     self->closeWhenSent = true;
                   else
                     self->close();
                   return;
                 }
                 if (self->lingering) {
                   self->read();
                   return;
                 }
                 self->input.append(self->chunk.data(), count);
                 self->countReceived(count);
                 self->process();
               });
}

void Connection::process() {
  if (closed || closeWhenSent)
    return;
  if (busy) {
    read();
    return;
  }
  // Who asks without reading waits, and does not fill the memory with answers;
  // wrote() goes on.
  if (owesMuch())
    return;
  try {
    while (true) {
      switch (parser.feed(input)) {
      case HttpParser::State::NeedMore:
        if (!receiving && parser.started())
          expectInput();
        read();
        return;
      case HttpParser::State::Continue:
        send("HTTP/1.1 100 Continue\r\n\r\n");
        continue;
      case HttpParser::State::Failed:
        answerBad(parser.status(), parser.message());
        return;
      case HttpParser::State::Complete:
        handle();
        read();
        return;
      }
    }
  } catch (const std::exception &) { // Out of memory, most likely.
    gone();
  }
}

bool Connection::owesMuch() const {
  return pending.size() + inFlight.size() - inFlightDone > kReadAhead;
}

void Connection::countReceived(size_t bytes) {
  if (busy)
    return; // Read ahead, which has a bound of its own.
  received += bytes;
  const uint64_t all = shared->received += bytes;
  if (all > std::max(kReceived, kLargestBodies * shared->options.limits.body))
    answerBad(503, "too many large requests arrive at once");
}

void Connection::forgetReceived() {
  shared->received -= std::exchange(received, 0);
}

void Connection::handle() {
  readTimer.cancel();
  forgetReceived();
  receiving = false;
  HttpRequest request = parser.take();
  busy = true;
  keepAlive = request.keepAlive;
  auto exchange =
      std::make_shared<ConnectionExchange>(shared_from_this(), request);
  try {
    shared->handler(request, exchange);
  } catch (const std::exception &exception) {
    exchange->failed(exception);
  }
}

/// The connection ends with this answer: where the next request would begin is
/// not known.
void Connection::answerBad(int status, const std::string &message) {
  if (closed || closeWhenSent)
    return;
  keepAlive = false;
  const HttpResponse response = shared->bad(status, message);
  shared->statistics.requests++;
  if (shared->options.log)
    shared->options.log({.status = status});
  send(responseHead(response, static_cast<int64_t>(response.body.size()), false,
                    false) +
       response.body);
  closeWhenSent = true;
  parser.reset();
  input = {};
  forgetReceived();
}

void Connection::send(std::string bytes) {
  if (closed)
    return;
  if (pending.empty())
    pending = std::move(bytes);
  else
    pending += bytes;
  if (!writing)
    flush();
}

void Connection::flush() {
  if (inFlightDone == inFlight.size()) {
    inFlight = std::exchange(pending, {});
    inFlightDone = 0;
  }
  writing = true;
  writeTimer.expires_after(toDuration(shared->options.timeout));
  writeTimer.async_wait([self = weak_from_this()](error_code error) {
    if (auto connection = self.lock(); !error && connection)
      connection->gone();
  });
  stream->write(asio::buffer(inFlight) + inFlightDone,
                [self = shared_from_this()](error_code error, size_t count) {
                  self->wrote(error, count);
                });
}

void Connection::wrote(error_code error, size_t count) {
  writing = false;
  writeTimer.cancel();
  if (closed)
    return;
  if (error) {
    gone();
    return;
  }
  const bool owedMuch = owesMuch();
  inFlightDone += count;
  if (inFlightDone < inFlight.size() || !pending.empty())
    flush();
  else if (closeWhenSent)
    finishClosing();
  if (owedMuch && !owesMuch() && !busy)
    process();
}

/// Not process(): many small requests in one packet would nest.
void Connection::answered() {
  onGone = nullptr;
  if (!keepAlive || shared->draining) {
    closeWhenSent = true;
    busy = false;
    if (!writing)
      finishClosing();
    return;
  }
  asio::post(executor(), [self = shared_from_this()] {
    self->busy = false;
    if (self->closed)
      return;
    self->expectInput();
    self->process();
  });
}

void Connection::finishClosing() {
  if (lingering || closed)
    return;
  lingering = true;
  readTimer.expires_after(kLinger);
  readTimer.async_wait([self = weak_from_this()](error_code error) {
    if (auto connection = self.lock(); !error && connection)
      connection->close();
  });
  stream->shutdown([self = shared_from_this()](error_code) { self->read(); });
}

void Connection::gone() {
  auto call = std::exchange(onGone, nullptr);
  close();
  if (call)
    call();
}

void Connection::close() {
  if (closed)
    return;
  closed = true;
  forgetReceived();
  readTimer.cancel();
  writeTimer.cancel();
  stream->close();
}

} // namespace bitnet::server
