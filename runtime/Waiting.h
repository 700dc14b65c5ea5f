//===- Waiting.h - Spinning and sleeping on a word -------------*- C++ -*-===//
//
// Threads of a team wait for each other for microseconds when all goes well and
// for a time slice of the scheduler when one has lost its core: spin first,
// sleep then.
//
//===----------------------------------------------------------------------===//
#ifndef BITNET_RUNTIME_WAITING_H
#define BITNET_RUNTIME_WAITING_H

#include <atomic>
#include <cstdint>
#include <ctime>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace bitnet {

/// Long enough for others to end what they are at, far shorter than a time
/// slice.
constexpr int64_t spinNanoseconds = 20'000;

inline void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

inline int64_t nowNanoseconds() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1'000'000'000ll + now.tv_nsec;
}

/// False if `passed` has not become true within `limit` nanoseconds.
template <typename Condition>
bool spinUntil(Condition &&passed, int64_t limit = spinNanoseconds) {
  const int64_t deadline = nowNanoseconds() + limit;
  do {
    for (int i = 0; i < 32; ++i) {
      if (passed())
        return true;
      relax();
    }
  } while (nowNanoseconds() < deadline);
  return false;
}

static_assert(sizeof(std::atomic<uint32_t>) == sizeof(uint32_t));

/// Returns at once if `word` is not `seen`; may return early.
inline void sleepOn(std::atomic<uint32_t> &word, uint32_t seen) {
  syscall(SYS_futex, reinterpret_cast<uint32_t *>(&word), FUTEX_WAIT_PRIVATE,
          seen, nullptr, nullptr, 0);
}
inline void wakeAll(std::atomic<uint32_t> &word) {
  syscall(SYS_futex, reinterpret_cast<uint32_t *>(&word), FUTEX_WAKE_PRIVATE,
          INT32_MAX, nullptr, nullptr, 0);
}

} // namespace bitnet

#endif // BITNET_RUNTIME_WAITING_H
