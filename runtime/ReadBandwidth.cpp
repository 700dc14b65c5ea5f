//===- ReadBandwidth.cpp - How fast weights can be read at all ------------===//

#include "runtime/ReadBandwidth.h"
#include <chrono>

namespace bitnet {

// A vector the compiler splits to what the baseline has: the loop must wait for
// memory, not for instructions.
using Line = uint64_t __attribute__((vector_size(64)));

static uint64_t readShare(const Line *line, const Line *end) {
  Line a = {}, b = {};
  for (; line + 8 <= end; line += 8) {
    // The streams of weights of the kernels are prefetched as far ahead.
    for (int i = 0; i < 8; ++i)
      __builtin_prefetch(line + 64 + i);
    for (int i = 0; i < 8; i += 2) {
      a ^= line[i];
      b ^= line[i + 1];
    }
  }
  for (; line != end; ++line)
    a ^= *line;
  a ^= b;
  return a[0] ^ a[1] ^ a[2] ^ a[3] ^ a[4] ^ a[5] ^ a[6] ^ a[7];
}

double measureReadBandwidth(ThreadTeam &team, const uint8_t *data,
                            uint64_t size) {
  const auto *lines = reinterpret_cast<const Line *>(data);
  const uint64_t count = size / sizeof(Line);
  const auto start = std::chrono::steady_clock::now();
  team.run([&](bitnet_team *threads, uint32_t thread) {
    const uint64_t first = count * thread / threads->num_threads;
    const uint64_t last = count * (thread + 1) / threads->num_threads;
    volatile uint64_t sink = readShare(lines + first, lines + last);
    (void)sink;
  });
  const std::chrono::duration<double> seconds =
      std::chrono::steady_clock::now() - start;
  return static_cast<double>(count * sizeof(Line)) / seconds.count();
}

} // namespace bitnet
