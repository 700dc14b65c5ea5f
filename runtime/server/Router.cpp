//===- Router.cpp - Paths and methods to handlers -------------------------===//

#include "runtime/server/Router.h"
#include <algorithm>

namespace bitnet::server {

namespace {
struct Route {
  std::string_view method, path; ///< A path that ends with '*' is a beginning.
  Service::Call call;
  bool needsKey = true;
};
} // namespace

static constexpr Route routes[] = {
    {"GET", "/", &Service::page, false},
    {"GET", "/health", &Service::health, false},
    {"GET", "/v1/health", &Service::health, false},
    {"GET", "/metrics", &Service::metrics},
    {"GET", "/props", &Service::props},
    {"GET", "/v1/models", &Service::models},
    {"GET", "/models", &Service::models},
    {"GET", "/v1/models/*", &Service::oneModel},
    {"POST", "/generate", &Service::generate},
    {"POST", "/v1/completions", &Service::complete},
    {"POST", "/v1/chat/completions", &Service::chat},
    {"POST", "/chat/completions", &Service::chat},
    {"POST", "/v1/embeddings", &Service::embeddings},
    {"POST", "/embeddings", &Service::embeddings},
    {"POST", "/tokenize", &Service::tokenize},
    {"POST", "/detokenize", &Service::detokenize},
    {"POST", "/apply-template", &Service::applyTemplate},
};

bool equalSecrets(std::string_view a, std::string_view b) {
  unsigned difference = a.size() == b.size() ? 0 : 1;
  for (size_t i = 0; i < a.size(); ++i)
    difference |= static_cast<unsigned char>(a[i]) ^
                  static_cast<unsigned char>(i < b.size() ? b[i] : 0);
  return difference == 0;
}

bool Router::hasKey(const HttpRequest &request) const {
  std::string_view given = request.header("authorization");
  constexpr std::string_view bearer = "bearer ";
  const bool isBearer =
      given.size() > bearer.size() &&
      std::equal(bearer.begin(), bearer.end(), given.begin(),
                 [](char want, char has) { return want == (has | 0x20); });
  given = isBearer ? given.substr(bearer.size()) : request.header("x-api-key");
  bool found = options.keys.empty();
  for (const std::string &key : options.keys)
    found |= equalSecrets(given, key);
  return found;
}

Headers Router::corsHeaders(const HttpRequest &request) const {
  if (options.cors.empty() || request.header("origin").empty())
    return {};
  return {{"Access-Control-Allow-Origin", options.cors}, {"Vary", "Origin"}};
}

namespace {
/// Adds headers to whatever answer is given.
class WithHeaders final : public Exchange {
public:
  WithHeaders(std::shared_ptr<Exchange> inner, Headers headers)
      : inner(std::move(inner)), headers(std::move(headers)) {}
  void respond(HttpResponse response) override {
    inner->respond(add(std::move(response)));
  }
  void begin(HttpResponse head) override { inner->begin(add(std::move(head))); }
  void write(std::string_view part) override { inner->write(part); }
  void finish() override { inner->finish(); }
  void tell(const AnswerFigures &figures) override { inner->tell(figures); }
  void onGone(std::function<void()> call) override {
    inner->onGone(std::move(call));
  }
  void after(double seconds, std::function<void()> call) override {
    inner->after(seconds, std::move(call));
  }
  void post(std::function<void()> call) override {
    inner->post(std::move(call));
  }

private:
  HttpResponse add(HttpResponse response) const {
    response.headers.insert(response.headers.end(), headers.begin(),
                            headers.end());
    return response;
  }
  std::shared_ptr<Exchange> inner;
  Headers headers;
};
} // namespace

static bool matches(std::string_view pattern, std::string_view path) {
  return pattern.ends_with('*')
             ? path.size() >= pattern.size() &&
                   path.starts_with(pattern.substr(0, pattern.size() - 1))
             : path == pattern;
}

void Router::handle(const HttpRequest &request,
                    const std::shared_ptr<Exchange> &plain) const {
  std::shared_ptr<Exchange> exchange = plain;
  if (Headers headers = corsHeaders(request); !headers.empty())
    exchange = std::make_shared<WithHeaders>(plain, std::move(headers));

  const std::string_view path = request.path();
  std::string allowed;
  const Route *found = nullptr;
  for (const Route &route : routes) {
    if (!matches(route.path, path))
      continue;
    allowed += std::string(allowed.empty() ? "" : ", ") +
               std::string(route.method) +
               (route.method == "GET" ? ", HEAD" : "");
    // The answer to HEAD is cut short where it is written.
    if (route.method == request.method ||
        (route.method == "GET" && request.method == "HEAD"))
      found = &route;
  }
  if (allowed.empty()) {
    exchange->respond(
        errorResponse({404, "there is nothing at '" + std::string(path) + "'",
                       "", "not_found"}));
    return;
  }
  allowed += ", OPTIONS";
  if (request.method == "OPTIONS") {
    HttpResponse response;
    response.status = 204;
    response.headers = {{"Allow", allowed}};
    if (!options.cors.empty())
      response.headers.insert(response.headers.end(),
                              {{"Access-Control-Allow-Methods", allowed},
                               {"Access-Control-Allow-Headers",
                                "authorization, content-type, x-api-key"},
                               {"Access-Control-Max-Age", "600"}});
    exchange->respond(std::move(response));
    return;
  }
  if (!found) {
    HttpResponse response =
        errorResponse({405,
                       "'" + std::string(path) + "' takes " + allowed +
                           ", not " + request.method,
                       "", "method_not_allowed"});
    response.headers.emplace_back("Allow", allowed);
    exchange->respond(std::move(response));
    return;
  }
  if (found->needsKey && !hasKey(request)) {
    exchange->respond(errorResponse(
        {401, "this server wants an API key: Authorization: Bearer KEY", "",
         "invalid_api_key"}));
    return;
  }
  (service.*found->call)(request, exchange);
}

} // namespace bitnet::server
