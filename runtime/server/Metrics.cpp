//===- Metrics.cpp - What the server counts -------------------------------===//

#include "runtime/server/Metrics.h"
#include "runtime/Cli.h"
#include <algorithm>
#include <cstring>

namespace bitnet::server {

// vLLM's buckets.
static constexpr double firstBounds[] = {
    0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5,
    0.75,  1,     2.5,  5,    7.5,  10,   20,   40,  80};
static constexpr double betweenBounds[] = {
    0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5, 5};
static constexpr double wholeBounds[] = {0.3, 0.5, 0.8, 1,   1.5, 2,  2.5,
                                         5,   10,  15,  20,  30,  40, 50,
                                         60,  120, 240, 480, 960};

void Histogram::observe(double seconds) {
  const auto place = std::lower_bound(bounds.begin(), bounds.end(), seconds);
  ++counts[static_cast<size_t>(place - bounds.begin())];
  sum += seconds;
}

static std::string header(const char *name, const char *help,
                          const char *type) {
  return std::string("# HELP ") + name + " " + help + "\n# TYPE " + name + " " +
         type + "\n";
}

std::string Histogram::text(const char *name, const char *help,
                            const std::string &labels) const {
  std::string out = header(name, help, "histogram");
  uint64_t total = 0;
  for (size_t i = 0; i < counts.size(); ++i) {
    total += counts[i];
    out += std::string(name) + "_bucket{" + labels + ",le=\"" +
           (i < bounds.size() ? jsonNumber(bounds[i]) : "+Inf") + "\"} " +
           std::to_string(total) + "\n";
  }
  out += std::string(name) + "_sum{" + labels + "} " + jsonNumber(sum) + "\n";
  return out + name + "_count{" + labels + "} " + std::to_string(total) + "\n";
}

Metrics::Metrics()
    : first(firstBounds), between(betweenBounds), whole(wholeBounds) {}

void Metrics::firstToken(double seconds) {
  std::lock_guard lock(mutex);
  first.observe(seconds);
}

void Metrics::betweenTokens(double seconds) {
  std::lock_guard lock(mutex);
  between.observe(seconds);
}

void Metrics::answered(double seconds, const char *finish) {
  std::lock_guard lock(mutex);
  whole.observe(seconds);
  uint64_t &count = !strcmp(finish, "length") ? length
                    : !strcmp(finish, "stop") ? stop
                                              : toolCalls;
  ++count;
}

void Metrics::aborted() {
  std::lock_guard lock(mutex);
  ++abort;
}

/// A label's value: what a model is called may hold anything.
static std::string escapeLabel(const std::string &text) {
  std::string out;
  for (char c : text)
    if (c == '"' || c == '\\')
      out += std::string("\\") + c;
    else if (c == '\n')
      out += "\\n";
    else
      out += c;
  return out;
}

namespace {
struct Row {
  const char *name, *type, *help;
  double value;
  bool hasModel; ///< vLLM's carry the model's name.
};
} // namespace

static double ratio(double part, double whole) {
  return whole > 0 ? part / whole : 0;
}

std::string Metrics::text(const std::string &model, const EngineStatistics &e,
                          const HttpStatistics &http) const {
  const double used = ratio(static_cast<double>(e.pagesInUse),
                            static_cast<double>(e.pagesTotal));
  auto n = [](auto value) { return static_cast<double>(value); };
  const Row rows[] = {
      {"llamacpp:prompt_tokens_total", "counter",
       "Prompt tokens that were computed.",
       n(e.promptTokens - std::min(e.promptTokens, e.cachedTokens)), false},
      {"llamacpp:prompt_seconds_total", "counter",
       "Seconds spent on prompts, summed over requests.", e.promptSeconds,
       false},
      {"llamacpp:tokens_predicted_total", "counter", "Tokens generated.",
       n(e.generatedTokens), false},
      {"llamacpp:tokens_predicted_seconds_total", "counter",
       "Seconds spent on generating, summed over requests.", e.generateSeconds,
       false},
      {"llamacpp:n_decode_total", "counter", "Steps of the model.", n(e.steps),
       false},
      {"llamacpp:n_busy_slots_per_decode", "gauge", "Tokens per step.",
       ratio(n(e.stepTokens), n(e.steps)), false},
      {"llamacpp:prompt_tokens_seconds", "gauge",
       "Prompt tokens per second of a request.",
       ratio(n(e.promptTokens - std::min(e.promptTokens, e.cachedTokens)),
             e.promptSeconds),
       false},
      {"llamacpp:predicted_tokens_seconds", "gauge",
       "Generated tokens per second of a request.",
       ratio(n(e.generatedTokens), e.generateSeconds), false},
      {"llamacpp:kv_cache_usage_ratio", "gauge",
       "KV pages in use over all, 0 to 1.", used, false},
      {"llamacpp:requests_processing", "gauge", "Requests that are computed.",
       n(e.running), false},
      {"llamacpp:requests_deferred", "gauge", "Requests that wait.",
       n(e.waiting), false},
      {"vllm:num_requests_running", "gauge", "Requests that are computed.",
       n(e.running), true},
      {"vllm:num_requests_waiting", "gauge", "Requests that wait.",
       n(e.waiting), true},
      {"vllm:kv_cache_usage_perc", "gauge", "KV pages in use over all, 0 to 1.",
       used, true},
      {"vllm:num_preemptions_total", "counter",
       "Requests that gave up their pages for others.", n(e.preemptions), true},
      {"vllm:prompt_tokens_total", "counter", "Tokens of prompts.",
       n(e.promptTokens), true},
      {"vllm:generation_tokens_total", "counter", "Tokens generated.",
       n(e.generatedTokens), true},
      {"vllm:prefix_cache_queries_total", "counter",
       "Prompt tokens that were looked up in the cache.", n(e.promptTokens),
       true},
      {"vllm:prefix_cache_hits_total", "counter",
       "Prompt tokens that were found in the cache.", n(e.cachedTokens), true},
      {"bitnet:requests_refused_total", "counter",
       "Requests refused because the queue was full.", n(e.refused), false},
      {"bitnet:requests_cancelled_total", "counter",
       "Requests whose client went away.", n(e.cancelled), false},
      {"bitnet:http_requests_total", "counter", "HTTP requests answered.",
       n(http.requests.load()), false},
      {"bitnet:http_connections_total", "counter", "Connections accepted.",
       n(http.connections.load()), false},
      {"bitnet:http_connections_refused_total", "counter",
       "Connections beyond the limit.", n(http.refusedConnections.load()),
       false},
      {"bitnet:http_connections_open", "gauge", "Connections now.",
       n(http.open.load()), false},
  };
  const std::string label = "model_name=\"" + escapeLabel(model) + "\"";
  std::string out;
  for (const Row &row : rows)
    out += header(row.name, row.help, row.type) + row.name +
           (row.hasModel ? "{" + label + "}" : "") + " " +
           jsonNumber(row.value) + "\n";
  std::lock_guard lock(mutex);
  out += header("vllm:request_success_total", "Requests by how they ended.",
                "counter");
  const std::pair<const char *, uint64_t> ends[] = {{"stop", stop},
                                                    {"length", length},
                                                    {"tool_calls", toolCalls},
                                                    {"abort", abort}};
  for (const auto &[name, count] : ends)
    out += "vllm:request_success_total{" + label + ",finished_reason=\"" +
           name + "\"} " + std::to_string(count) + "\n";
  out += first.text("vllm:time_to_first_token_seconds",
                    "From a request to its first token.", label);
  out += between.text("vllm:inter_token_latency_seconds",
                      "Between the tokens of a request.", label);
  out += whole.text("vllm:e2e_request_latency_seconds",
                    "From a request to the end of its answer.", label);
  return out;
}

} // namespace bitnet::server
