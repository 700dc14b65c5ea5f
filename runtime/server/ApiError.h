//===- ApiError.h - Errors as OpenAI's clients expect them ------*- C++ -*-===//

#ifndef BITNET_RUNTIME_SERVER_APIERROR_H
#define BITNET_RUNTIME_SERVER_APIERROR_H

#include "runtime/server/Http.h"

namespace bitnet::server {

struct ApiError {
  int status = 400;
  std::string message;
  std::string param;  ///< The field that is wrong; null if empty.
  std::string code;   ///< For programs; null if empty.
  int retryAfter = 0; ///< Seconds; 0: not said.
};

/// {"error": {...}}
std::string errorJson(const ApiError &error);
HttpResponse errorResponse(const ApiError &error);
/// For what is no request at all.
HttpResponse protocolError(int status, const std::string &message);

} // namespace bitnet::server

#endif // BITNET_RUNTIME_SERVER_APIERROR_H
