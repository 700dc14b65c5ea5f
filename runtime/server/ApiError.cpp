//===- ApiError.cpp - Errors as OpenAI's clients expect them --------------===//

#include "runtime/server/ApiError.h"
#include "runtime/server/Json.h"

namespace bitnet::server {

static const char *typeOf(int status) {
  switch (status) {
  case 401:
    return "authentication_error";
  case 404:
    return "not_found_error";
  case 429:
    return "rate_limit_error";
  case 501:
    return "not_supported_error";
  case 503:
    return "unavailable_error";
  default:
    return status >= 500 ? "server_error" : "invalid_request_error";
  }
}

std::string errorJson(const ApiError &error) {
  JsonObject inner;
  inner.text("message", error.message).text("type", typeOf(error.status));
  if (error.param.empty())
    inner.null("param");
  else
    inner.text("param", error.param);
  if (error.code.empty())
    inner.null("code");
  else
    inner.text("code", error.code);
  return JsonObject().raw("error", inner.close()).close();
}

HttpResponse errorResponse(const ApiError &error) {
  HttpResponse response;
  response.status = error.status;
  response.body = errorJson(error);
  if (error.retryAfter)
    response.headers.emplace_back("Retry-After",
                                  std::to_string(error.retryAfter));
  if (error.status == 401)
    response.headers.emplace_back("WWW-Authenticate", "Bearer");
  return response;
}

HttpResponse protocolError(int status, const std::string &message) {
  return errorResponse({status, message, "", "", status == 503 ? 1 : 0});
}

} // namespace bitnet::server
