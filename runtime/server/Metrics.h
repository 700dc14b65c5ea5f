//===- Metrics.h - What the server counts -----------------------*- C++ -*-===//
//
// Prometheus text under the names that dashboards of llama.cpp and vLLM ask
// for, where the meaning is the same.
//
//===----------------------------------------------------------------------===//
#ifndef BITNET_RUNTIME_SERVER_METRICS_H
#define BITNET_RUNTIME_SERVER_METRICS_H

#include "runtime/server/Engine.h"
#include "runtime/server/HttpServer.h"
#include <mutex>
#include <span>

namespace bitnet::server {

/// Buckets are upper bounds in seconds.
class Histogram {
public:
  explicit Histogram(std::span<const double> bounds)
      : bounds(bounds), counts(bounds.size() + 1) {}
  void observe(double seconds);
  std::string text(const char *name, const char *help,
                   const std::string &labels) const;

private:
  std::span<const double> bounds;
  std::vector<uint64_t> counts;
  double sum = 0;
};

/// Any thread may call any member.
class Metrics {
public:
  Metrics();
  void firstToken(double seconds);
  void betweenTokens(double seconds);
  void answered(double seconds, const char *finish);
  void aborted();

  std::string text(const std::string &model, const EngineStatistics &engine,
                   const HttpStatistics &http) const;

private:
  mutable std::mutex mutex;
  Histogram first, between, whole;
  uint64_t stop = 0, length = 0, toolCalls = 0, abort = 0;
};

} // namespace bitnet::server

#endif // BITNET_RUNTIME_SERVER_METRICS_H
