//===- ThreadTeam.h - Threads that run one step together --------*- C++ -*-===//
//
// SPMD: run(f) has every thread call f with its number; the caller is thread 0.
// Inside, threads meet at a barrier that spins for some microseconds, since the
// others usually arrive at once, and then sleeps, so that a thread that lost
// its core gets it back. With more threads than cores nobody spins.
//
//===----------------------------------------------------------------------===//
#ifndef BITNET_RUNTIME_THREADTEAM_H
#define BITNET_RUNTIME_THREADTEAM_H

#include "runtime/abi/bitnet_abi.h"
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

namespace bitnet {

/// CPUs that this process may run on.
unsigned availableCpus();

/// A reusable barrier for a fixed number of threads.
class Barrier {
public:
  void init(uint32_t threads, bool maySpin) {
    count = threads;
    spins = maySpin;
  }
  void wait();
  /// Arrives in the place of several threads, without waiting: ends a team that
  /// could not be started in full.
  void arriveFor(uint32_t threads);

private:
  /// True if these were the last ones.
  bool arrive(uint32_t threads, uint32_t current);

  uint32_t count = 1;
  bool spins = true;
  alignas(64) std::atomic<uint32_t> arrived{0};
  /// Also the futex word: changes when everybody has arrived.
  alignas(64) std::atomic<uint32_t> generation{0};
  std::atomic<uint32_t> sleepers{0};
};

class ThreadTeam {
public:
  using Job = void (*)(void *argument, bitnet_team *team, uint32_t thread);

  /// `threads` 0 means one per available CPU. Null and `error` if the system
  /// refuses a thread.
  static std::unique_ptr<ThreadTeam> create(unsigned threads,
                                            std::string *error);
  ~ThreadTeam();
  ThreadTeam(const ThreadTeam &) = delete;
  ThreadTeam &operator=(const ThreadTeam &) = delete;

  unsigned size() const { return shared->team.num_threads; }

  /// Every thread calls `job(argument, team, thread)`; returns when all have
  /// returned. One caller at a time, and not from within a job.
  void run(Job job, void *argument);

  template <typename Function> void run(Function &&function) {
    run(
        [](void *f, bitnet_team *team, uint32_t thread) {
          (*static_cast<std::remove_reference_t<Function> *>(f))(team, thread);
        },
        &function);
  }

private:
  /// Generated code holds a pointer to `team` and passes it to the barrier,
  /// which finds the rest behind it: standard layout, team first.
  struct Shared {
    bitnet_team team;
    Barrier *barrier;
  };
  struct Worker;

  ThreadTeam() = default;
  static void barrierFromTeam(bitnet_team *team, uint32_t thread);
  static void *workerMain(void *worker);

  std::unique_ptr<Shared> shared;
  Barrier barrier; ///< Inside a job.
  Barrier gate;    ///< Before and after a job.
  Job job = nullptr;
  void *argument = nullptr;
  bool stopping = false;
  std::vector<std::unique_ptr<Worker>> workers;
};

} // namespace bitnet

#endif // BITNET_RUNTIME_THREADTEAM_H
