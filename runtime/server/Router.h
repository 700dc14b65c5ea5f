//===- Router.h - Paths and methods to handlers -----------------*- C++ -*-===//
//
// The table of interfaces, and what holds for all of them: keys, other origins
// (CORS), unknown paths and methods.
//
//===----------------------------------------------------------------------===//
#ifndef BITNET_RUNTIME_SERVER_ROUTER_H
#define BITNET_RUNTIME_SERVER_ROUTER_H

#include "runtime/server/Service.h"

namespace bitnet::server {

struct RouterOptions {
  std::vector<std::string> keys; ///< Empty: no key is asked for.
  std::string cors;              ///< Allowed origin or "*"; empty: none.
};

class Router {
public:
  Router(Service &service, RouterOptions options)
      : service(service), options(std::move(options)) {}

  void handle(const HttpRequest &request,
              const std::shared_ptr<Exchange> &exchange) const;

private:
  bool hasKey(const HttpRequest &request) const;
  Headers corsHeaders(const HttpRequest &request) const;

  Service &service;
  RouterOptions options;
};

/// Takes the same time for all texts of one length.
bool equalSecrets(std::string_view a, std::string_view b);

} // namespace bitnet::server

#endif // BITNET_RUNTIME_SERVER_ROUTER_H
