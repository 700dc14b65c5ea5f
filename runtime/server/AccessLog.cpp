//===- AccessLog.cpp - A line for every request ---------------------------===//

#include "runtime/server/AccessLog.h"
#include <chrono>
#include <cstdio>
#include <ctime>

namespace bitnet::server {

/// Strangers wrote it: one word, and not a long one.
static std::string oneWord(std::string_view text) {
  constexpr size_t kMost = 200;
  std::string out(text.substr(0, kMost));
  for (char &c : out)
    if (c <= ' ' || c > '~')
      c = '?';
  return out.empty() ? "-" : out;
}

std::string accessLine(const AccessRecord &record, int64_t time) {
  const auto seconds = static_cast<time_t>(time / 1000);
  tm date = {};
  gmtime_r(&seconds, &date);
  char when[40], first[32] = "-", rest[160];
  strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S", &date);
  if (record.figures.firstToken != 0)
    snprintf(first, sizeof(first), "%.3f",
             record.figures.firstToken - record.begin);
  snprintf(rest, sizeof(rest),
           " %d prompt=%llu generated=%llu first=%s total=%.3f", record.status,
           static_cast<unsigned long long>(record.figures.promptTokens),
           static_cast<unsigned long long>(record.figures.generatedTokens),
           first, record.end - record.begin);
  char fraction[16];
  snprintf(fraction, sizeof(fraction), ".%03dZ ",
           static_cast<int>(time % 1000));
  return when + std::string(fraction) + oneWord(record.method) + " " +
         oneWord(record.path) + rest;
}

void logAccess(const AccessRecord &record) {
  const std::string line =
      accessLine(record,
                 std::chrono::duration_cast<std::chrono::milliseconds>(
                     std::chrono::system_clock::now().time_since_epoch())
                     .count()) +
      "\n";
  fwrite(line.data(), 1, line.size(), stderr);
}

} // namespace bitnet::server
