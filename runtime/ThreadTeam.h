//===- ThreadTeam.h - Threads that run one step together --------*- C++ -*-===//
//
// SPMD: run(f) has the threads call f with their numbers; the caller is thread
// 0. Inside, they share the work of one operation after the other
// (WorkSharing.h). A job needs all of its work done, not all of its threads: a
// thread that sleeps or has lost its core may come late or miss a job, and
// nobody waits for it unless it is inside.
//
//===----------------------------------------------------------------------===//
#ifndef BITNET_RUNTIME_THREADTEAM_H
#define BITNET_RUNTIME_THREADTEAM_H

#include "runtime/WorkSharing.h"
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

  /// Thread 0 and whichever threads are ready before it is done call
  /// `job(argument, team, thread)`; returns when all of them have returned. One
  /// caller at a time, and not from within a job.
  void run(Job job, void *argument);

  template <typename Function> void run(Function &&function) {
    run(
        [](void *f, bitnet_team *team, uint32_t thread) {
          (*static_cast<std::remove_reference_t<Function> *>(f))(team, thread);
        },
        &function);
  }

  /// Operations of all jobs so far; each ended with a wait for its work.
  uint64_t operations() const { return shared->work.position(0).operation; }

private:
  /// Generated code holds a pointer to `team` and passes it to `next`, which
  /// finds the rest behind it: team first.
  struct Shared {
    bitnet_team team;
    WorkSharing work;
  };
  struct Worker;

  ThreadTeam() = default;
  static uint64_t nextFromTeam(bitnet_team *team, uint32_t thread,
                               uint32_t items, uint32_t grain);
  static void *workerMain(void *worker);
  void open();
  bool enter(uint32_t &seen);
  void leave();
  void close();

  std::unique_ptr<Shared> shared;
  /// Number of the current job in the upper half; below it whether threads may
  /// still enter, and how many workers are inside.
  alignas(64) std::atomic<uint64_t> control{0};
  /// Changes with every job; workers sleep on it.
  alignas(64) std::atomic<uint32_t> opened{0};
  /// Changes when the last worker leaves a closed job; thread 0 sleeps on it.
  alignas(64) std::atomic<uint32_t> emptied{0};
  bool spins = true;
  Placement placement;
  // Written by thread 0 while nobody is inside.
  Job job = nullptr;
  void *argument = nullptr;
  WorkSharing::Position start;
  bool stopping = false;
  std::vector<std::unique_ptr<Worker>> workers;
};

} // namespace bitnet

#endif // BITNET_RUNTIME_THREADTEAM_H
