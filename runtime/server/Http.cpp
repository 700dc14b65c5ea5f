//===- Http.cpp - Requests and answers, without a network -----------------===//

#include "runtime/server/Http.h"

namespace bitnet::server {

std::string_view HttpRequest::header(std::string_view name) const {
  for (const auto &[known, value] : headers)
    if (known == name)
      return value;
  return {};
}

const char *reasonOf(int status) {
  static constexpr std::pair<int, const char *> reasons[] = {
      {200, "OK"},
      {204, "No Content"},
      {400, "Bad Request"},
      {401, "Unauthorized"},
      {404, "Not Found"},
      {405, "Method Not Allowed"},
      {408, "Request Timeout"},
      {413, "Content Too Large"},
      {414, "URI Too Long"},
      {417, "Expectation Failed"},
      {429, "Too Many Requests"},
      {431, "Request Header Fields Too Large"},
      {500, "Internal Server Error"},
      {501, "Not Implemented"},
      {503, "Service Unavailable"},
      {504, "Gateway Timeout"},
      {505, "HTTP Version Not Supported"},
  };
  for (const auto &[known, reason] : reasons)
    if (known == status)
      return reason;
  return "Unknown";
}

std::string responseHead(const HttpResponse &response, int64_t length,
                         bool chunked, bool keepAlive) {
  std::string head = "HTTP/1.1 " + std::to_string(response.status) + " " +
                     reasonOf(response.status) + "\r\nServer: bitnetc\r\n";
  if (response.status != 204)
    head += "Content-Type: " + response.contentType + "\r\n";
  for (const auto &[name, value] : response.headers)
    head += name + ": " + value + "\r\n";
  if (chunked)
    head += "Transfer-Encoding: chunked\r\n";
  else if (length >= 0 && response.status != 204)
    head += "Content-Length: " + std::to_string(length) + "\r\n";
  head += keepAlive ? "Connection: keep-alive\r\n" : "Connection: close\r\n";
  return head + "\r\n";
}

} // namespace bitnet::server
