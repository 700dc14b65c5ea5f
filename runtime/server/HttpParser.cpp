//===- HttpParser.cpp - Bytes of a connection to requests -----------------===//
//
// The only file that includes Beast.
//
//===----------------------------------------------------------------------===//

#include "runtime/server/HttpParser.h"
#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <optional>

namespace http = boost::beast::http;

namespace bitnet::server {

struct HttpParser::Parts {
  std::optional<http::request_parser<http::string_body>> parser;
};

HttpParser::HttpParser(const HttpLimits &limits)
    : limits(limits), parts(std::make_unique<Parts>()) {}
HttpParser::~HttpParser() = default;

static std::string lower(std::string_view text) {
  std::string out(text);
  for (char &c : out)
    if (c >= 'A' && c <= 'Z')
      c = static_cast<char>(c - 'A' + 'a');
  return out;
}

HttpParser::State HttpParser::fail(int status, std::string message) {
  failedStatus = status;
  failedMessage = std::move(message);
  return State::Failed;
}

HttpParser::State HttpParser::headerDone() {
  headerSeen = true;
  const auto &message = parts->parser->get();
  if (message.target().size() > limits.target)
    return fail(414, "the request's target has more than " +
                         std::to_string(limits.target) + " bytes");
  if (message.version() != 10 && message.version() != 11)
    return fail(505, "only HTTP/1.0 and HTTP/1.1 are spoken here");
  const bool hasHost = message.count(http::field::host) == 1;
  if (message.version() == 11 && !hasHost)
    return fail(400, "an HTTP/1.1 request has one Host header");
  const auto coding = message.find(http::field::transfer_encoding);
  if (coding != message.end()) {
    // Anything else leaves open where the body ends, which proxies may see in
    // another way.
    if (lower({coding->value().data(), coding->value().size()}) != "chunked" ||
        message.count(http::field::transfer_encoding) != 1 ||
        message.count(http::field::content_length) != 0)
      return fail(400, "the only transfer encoding is 'chunked', without a "
                       "content length");
  }
  const auto expect = message[http::field::expect];
  if (expect.empty() || parts->parser->is_done())
    return State::NeedMore;
  if (lower({expect.data(), expect.size()}) != "100-continue")
    return fail(417, "the only expectation is '100-continue'");
  return State::Continue;
}

HttpParser::State HttpParser::feed(std::string &buffer) {
  if (failedStatus)
    return State::Failed;
  if (!parts->parser) {
    // Empty lines before a request are passed over (RFC 9112, 2.2).
    size_t skip = 0;
    while (buffer.compare(skip, 2, "\r\n") == 0)
      skip += 2;
    buffer.erase(0, skip);
    if (buffer.empty() || buffer == "\r")
      return State::NeedMore;
    parts->parser.emplace();
    parts->parser->header_limit(limits.header);
    parts->parser->body_limit(limits.body);
    hasStarted = true;
  }
  auto &parser = *parts->parser;
  while (true) {
    if (parser.is_done())
      return State::Complete;
    if (buffer.empty())
      return State::NeedMore;
    // Beast counts the request line as part of the header.
    if (!headerSeen && buffer.size() > limits.target &&
        buffer.find('\n') > limits.target + 32)
      return fail(414, "the request line has more than " +
                           std::to_string(limits.target) + " bytes");
    boost::beast::error_code error;
    parser.eager(headerSeen);
    const size_t used = parser.put(
        boost::asio::const_buffer(buffer.data(), buffer.size()), error);
    buffer.erase(0, used);
    if (error == http::error::need_more) {
      if (!headerSeen && buffer.size() > limits.header)
        return fail(431, "the header has more than " +
                             std::to_string(limits.header) + " bytes");
      if (headerSeen && buffer.size() > limits.header)
        return fail(400, "a chunk's header is too long");
      return State::NeedMore;
    }
    if (error == http::error::header_limit)
      return fail(431, "the header has more than " +
                           std::to_string(limits.header) + " bytes");
    if (error == http::error::body_limit)
      return fail(413, "the body has more than " + std::to_string(limits.body) +
                           " bytes");
    if (error)
      return fail(400, "this is no HTTP request: " + error.message());
    if (!headerSeen && parser.is_header_done()) {
      const State state = headerDone();
      if (state != State::NeedMore)
        return state;
    }
  }
}

void HttpParser::reset() {
  parts->parser.reset();
  hasStarted = headerSeen = false;
}

HttpRequest HttpParser::take() {
  auto message = parts->parser->release();
  reset();
  HttpRequest request;
  request.method = std::string(message.method_string());
  request.target = std::string(message.target());
  request.keepAlive = message.keep_alive();
  request.http10 = message.version() == 10;
  for (const auto &field : message)
    request.headers.emplace_back(
        lower({field.name_string().data(), field.name_string().size()}),
        std::string(field.value()));
  request.body = std::move(message.body());
  return request;
}

} // namespace bitnet::server
