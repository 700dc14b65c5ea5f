//===- ReadBandwidth.cpp - How fast weights can be read at all ------------===//

#include "runtime/ReadBandwidth.h"
#include <algorithm>
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

/// 128 KiB, as a block of rows of a large matrix.
static constexpr uint64_t linesOfPiece = 2048;

double measureReadBandwidth(ThreadTeam &team, const uint8_t *data,
                            uint64_t size) {
  const auto *lines = reinterpret_cast<const Line *>(data);
  const uint64_t count = size / sizeof(Line);
  const auto start = std::chrono::steady_clock::now();
  const auto pieces =
      static_cast<uint32_t>((count + linesOfPiece - 1) / linesOfPiece);
  auto readPieces = [&](uint64_t first, uint64_t last) {
    volatile uint64_t sink =
        readShare(lines + first * linesOfPiece,
                  lines + std::min(last * linesOfPiece, count));
    (void)sink;
  };
  team.run([&](bitnet_team *threads, uint32_t thread) {
    if (threads->num_threads == 1)
      return readPieces(0, pieces);
    while (uint64_t range = threads->next(threads, thread, pieces, 1))
      readPieces(static_cast<uint32_t>(range), range >> 32);
  });
  const std::chrono::duration<double> seconds =
      std::chrono::steady_clock::now() - start;
  return static_cast<double>(count * sizeof(Line)) / seconds.count();
}

} // namespace bitnet
