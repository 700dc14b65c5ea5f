//===- ServeCommand.cpp - `serve`: the model as a server ------------------===//

#include "runtime/Cli.h"
#include "runtime/server/HttpServer.h"
#include "runtime/server/Router.h"
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <sstream>
#include <thread>
#include <unistd.h>

namespace bitnet {

using namespace server;

namespace {
/// As options are parsed; checked and narrowed afterwards.
struct ServeOptions {
  HttpOptions http;
  EngineOptions engine;
  ServiceOptions service;
  RouterOptions router;
  int64_t port = 8000, workers = 0, threads = 0, context = 0, parallel = 8;
  int64_t chunk = 0, queue = 128, connections = 512, timeout = 60,
          maxTime = 600;
  int64_t maxPrompt = 0, drain = 30, ping = 15;
  uint64_t maxHeader = 16 << 10, maxBody = 4 << 20;
  std::string key, keyFile;
  bool logRequests = false;
};
} // namespace

static constexpr const char *environmentPrefix = "BITNET_SERVE";

static void addOptions(Options &options, ServeOptions &serve,
                       const bitnet_model &model) {
  options.value("--host", serve.http.host, "ADDRESS",
                "numeric address to listen on (127.0.0.1); 0.0.0.0 or :: for "
                "all");
  options.value("-p, --port", serve.port, "N",
                "port (8000); 0: any free one, which is printed", 0, 65535);
  options.value("--unix-socket", serve.http.unixSocket, "PATH",
                "listen on a Unix socket instead");
  addThreads(options, serve.threads);
  options.value("--num-workers", serve.workers, "N",
                "threads for connections; default: one per 4 CPUs, at least 2",
                1, 256);
  options.value("--parallel", serve.parallel, "N",
                "requests computed at a time (8)", 1, 1024);
  options.value("-c, --ctx", serve.context, "N",
                "context length of a request in tokens; default: all the model "
                "has",
                2, model.max_position);
  options.size("--kv-memory", serve.engine.kvBytes, "SIZE",
               "memory for keys and values, such as 512M; default: --parallel "
               "whole contexts, at most half of the machine's");
  options.value("--prompt-chunk", serve.chunk, "N",
                "tokens of prompts computed in a step beside running answers; "
                "default: as many as take the time of one more step. More: "
                "long prompts are read sooner, answers beside them falter",
                1, 65536);
  options.value("--max-queue", serve.queue, "N",
                "requests that wait; more get 429 (128)", 0, 1'000'000);
  options.value("--max-prompt", serve.maxPrompt, "N",
                "tokens of a prompt; default: what the context holds", 1,
                INT32_MAX);
  options.value("--max-time", serve.maxTime, "SECONDS",
                "time an answer may take (600); 0: any", 0, 1'000'000);
  options.value("--max-connections", serve.connections, "N",
                "clients at a time (512)", 1, 100'000);
  options.size("--max-body", serve.maxBody, "SIZE",
               "bytes of a request's body (4M)");
  options.size("--max-header", serve.maxHeader, "SIZE",
               "bytes of a request's header (16K)");
  options.value("--timeout", serve.timeout, "SECONDS",
                "for a request to arrive, for a client to read, and between "
                "requests (60)",
                1, 1'000'000);
  options.value("--ping", serve.ping, "SECONDS",
                "silence of a stream after which a comment keeps proxies from "
                "closing it (15); 0: any",
                0, 1'000'000);
  options.value("--drain-time", serve.drain, "SECONDS",
                "time for running answers after SIGTERM or ^C (30)", 0,
                1'000'000);
  options.value("--api-key", serve.key, "KEY",
                "ask clients for this key; in the environment it is not seen "
                "by ps");
  options.value("--api-key-file", serve.keyFile, "FILE",
                "ask clients for one of these keys, one a line");
  options.flag("--log-requests", serve.logRequests,
               "a line on stderr for every request: time, method, path, "
               "status, tokens of prompt and answer, seconds to the first "
               "token and in all; no text");
  options.value("--cors", serve.router.cors, "ORIGIN",
                "let pages of this origin ask, or of all: *");
  options.value("--tls-cert", serve.http.tlsCertificate, "FILE",
                "speak TLS with this certificate chain (PEM)");
  options.value("--tls-key", serve.http.tlsKey, "FILE",
                "the certificate's key (PEM)");
  options.example("serve");
  options.example("serve --port 8080 --parallel 16 --kv-memory 2G");
  options.example("serve --host 0.0.0.0 --api-key-file keys.txt");
}

static bool readKeys(const ServeOptions &serve, std::vector<std::string> &keys,
                     std::string *error) {
  if (!serve.key.empty())
    keys.push_back(serve.key);
  if (serve.keyFile.empty())
    return true;
  std::string text;
  if (!readFile(serve.keyFile, text, error))
    return false;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    while (!line.empty() && (line.back() == '\r' || line.back() == ' '))
      line.pop_back();
    if (!line.empty())
      keys.push_back(line);
  }
  if (keys.empty())
    *error = "'" + serve.keyFile + "' holds no key";
  return !keys.empty();
}

/// The parts take narrower numbers than options.
static bool settle(ServeOptions &serve, std::string *error) {
  const unsigned cpus = std::max(1u, std::thread::hardware_concurrency());
  serve.http.port = static_cast<uint16_t>(serve.port);
  serve.http.workers = static_cast<unsigned>(
      serve.workers ? serve.workers : std::max(2u, cpus / 4));
  serve.http.maxConnections = static_cast<unsigned>(serve.connections);
  serve.http.timeout = static_cast<double>(serve.timeout);
  if (serve.logRequests)
    serve.http.log = logAccess;
  serve.http.limits.body = serve.maxBody;
  serve.http.limits.header = static_cast<uint32_t>(
      std::clamp<uint64_t>(serve.maxHeader, 512, 16 << 20));
  serve.http.limits.target =
      std::min(serve.http.limits.target, serve.http.limits.header / 2);
  serve.engine.threads = static_cast<unsigned>(serve.threads);
  serve.engine.contextLength = static_cast<uint32_t>(serve.context);
  serve.engine.parallel = static_cast<uint32_t>(serve.parallel);
  serve.engine.chunkTokens = static_cast<uint32_t>(serve.chunk);
  serve.engine.maxQueued = static_cast<uint32_t>(serve.queue);
  serve.service.maxPrompt = static_cast<uint32_t>(serve.maxPrompt);
  serve.service.maxTime = static_cast<double>(serve.maxTime);
  serve.service.ping = static_cast<double>(serve.ping);
  serve.service.parallel = serve.engine.parallel;
  return readKeys(serve, serve.router.keys, error);
}

static int serveModel(const bitnet_model &model, const ServeOptions &serve) {
  std::string error;
  auto tokenizer = openTokenizer(model, &error);
  if (!tokenizer)
    return fail(error);
  std::unique_ptr<Service> service;
  std::unique_ptr<Router> router;
  // Bound before the engine exists, so that a port in use is said at once;
  // nothing is read before run().
  auto http = HttpServer::create(
      serve.http,
      [&router](const HttpRequest &request,
                const std::shared_ptr<Exchange> &exchange) {
        router->handle(request, exchange);
      },
      protocolError, &error);
  if (!http)
    return fail(error);
  auto engine = Engine::create(model, *tokenizer, serve.engine, &error);
  if (!engine)
    return fail(error);
  service =
      std::make_unique<Service>(model, *tokenizer, *engine, serve.service);
  service->http = &http->statistics();
  router = std::make_unique<Router>(*service, serve.router);

  signal(SIGPIPE, SIG_IGN);
  printf("serving %s on %s\n", model.name, http->address().c_str());
  fflush(stdout);
  std::thread drainer;
  http->run([&](int number) {
    if (service->draining.exchange(true))
      _exit(128 + number); // Asked twice: at once.
    fprintf(stderr,
            "ending when running answers are done, in %lld seconds at "
            "the latest; once more ends at once\n",
            static_cast<long long>(serve.drain));
    drainer = std::thread([&] {
      http->drain();
      // Whose time is over hears why, and not only the end of a stream.
      if (!engine->drain(static_cast<double>(serve.drain)))
        engine->cancelAll();
      http->stop(2);
    });
  });
  if (drainer.joinable())
    drainer.join();
  // Its thread reports to connections: it ends before they do.
  engine.reset();
  return ExitOk;
}

int serveCommand(const bitnet_model &model, const std::string &program,
                 const Arguments &arguments) {
  ServeOptions serve;
  std::string error;
  if (!defaultThreads(serve.threads, &error))
    return fail(error);
  Options options(
      program, "serve [OPTIONS]",
      "Answers requests over HTTP: OpenAI's /v1/chat/completions and "
      "/v1/completions,\n/generate, a chat page at /, /metrics, /health. Every "
      "option can also be set in the\nenvironment: --max-body is "
      "BITNET_SERVE_MAX_BODY.");
  addOptions(options, serve, model);
  Arguments all = options.fromEnvironment(environmentPrefix), positional;
  all.insert(all.end(), arguments.begin(), arguments.end());
  if (int code = parseOptions(options, program, "serve", all, 0, positional);
      code >= 0)
    return code;
  if (!settle(serve, &error))
    return fail(error);
  return serveModel(model, serve);
}

} // namespace bitnet
