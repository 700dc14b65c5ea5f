//===- ThreadTeam.cpp - Threads that run one step together ----------------===//

#include "runtime/ThreadTeam.h"
#include <cstring>
#include <ctime>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace bitnet {

// Long enough for uneven shares of one operation, far shorter than a time
// slice.
static constexpr int64_t spinNanoseconds = 20'000;

unsigned availableCpus() {
  // A fixed cpu_set_t holds 1024 CPUs and the call fails on larger machines.
  for (size_t cpus = 1024; cpus <= 1 << 20; cpus *= 4) {
    cpu_set_t *set = CPU_ALLOC(cpus);
    size_t bytes = CPU_ALLOC_SIZE(cpus);
    int count =
        sched_getaffinity(0, bytes, set) == 0 ? CPU_COUNT_S(bytes, set) : 0;
    CPU_FREE(set);
    if (count > 0)
      return static_cast<unsigned>(count);
  }
  return 1;
}

static void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

static int64_t nowNanoseconds() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1'000'000'000ll + now.tv_nsec;
}

static void futex(std::atomic<uint32_t> &word, int operation, uint32_t value) {
  static_assert(sizeof(std::atomic<uint32_t>) == sizeof(uint32_t));
  syscall(SYS_futex, reinterpret_cast<uint32_t *>(&word), operation, value,
          nullptr, nullptr, 0);
}

bool Barrier::arrive(uint32_t threads, uint32_t current) {
  if (arrived.fetch_add(threads, std::memory_order_acq_rel) + threads != count)
    return false;
  arrived.store(0, std::memory_order_relaxed);
  // Sequentially consistent with the sleepers' count below: either the
  // sleeper's futex call sees the new generation, or it is counted here.
  generation.store(current + 1, std::memory_order_seq_cst);
  if (sleepers.load(std::memory_order_seq_cst))
    futex(generation, FUTEX_WAKE_PRIVATE, INT32_MAX);
  return true;
}

void Barrier::arriveFor(uint32_t threads) {
  arrive(threads, generation.load(std::memory_order_relaxed));
}

void Barrier::wait() {
  if (count == 1)
    return;
  // Read before arriving: afterwards the last one may advance it at any time.
  const uint32_t current = generation.load(std::memory_order_relaxed);
  if (arrive(1, current))
    return;
  auto passed = [&] {
    return generation.load(std::memory_order_acquire) != current;
  };
  if (spins) {
    const int64_t deadline = nowNanoseconds() + spinNanoseconds;
    do {
      for (int i = 0; i < 32; ++i) {
        if (passed())
          return;
        relax();
      }
    } while (nowNanoseconds() < deadline);
  }
  sleepers.fetch_add(1, std::memory_order_seq_cst);
  while (!passed())
    futex(generation, FUTEX_WAIT_PRIVATE, current);
  sleepers.fetch_sub(1, std::memory_order_relaxed);
}

struct ThreadTeam::Worker {
  ThreadTeam *team;
  uint32_t number;
  pthread_t handle;
};

std::unique_ptr<ThreadTeam> ThreadTeam::create(unsigned threads,
                                               std::string *error) {
  const unsigned cpus = availableCpus();
  if (threads == 0)
    threads = cpus;
  std::unique_ptr<ThreadTeam> team(new ThreadTeam());
  team->shared = std::make_unique<Shared>();
  team->shared->team = {threads, 0, &ThreadTeam::barrierFromTeam};
  team->shared->barrier = &team->barrier;
  team->barrier.init(threads, threads <= cpus);
  team->gate.init(threads, threads <= cpus);
  for (uint32_t number = 1; number < threads; ++number) {
    auto worker = std::make_unique<Worker>(Worker{team.get(), number, {}});
    int failure =
        pthread_create(&worker->handle, nullptr, workerMain, worker.get());
    if (failure) {
      *error = "cannot start thread " + std::to_string(number + 1) + " of " +
               std::to_string(threads) + ": " + strerror(failure);
      // The started ones wait for as many as were asked for: stand in for the
      // missing ones, so that all of them see the end.
      team->stopping = true;
      team->gate.arriveFor(threads - number + 1);
      for (auto &started : team->workers)
        pthread_join(started->handle, nullptr);
      team->workers.clear();
      team->stopping = false;
      team->shared->team.num_threads = 1;
      return nullptr;
    }
    team->workers.push_back(std::move(worker));
  }
  return team;
}

ThreadTeam::~ThreadTeam() {
  if (workers.empty())
    return;
  stopping = true;
  gate.wait();
  for (auto &worker : workers)
    pthread_join(worker->handle, nullptr);
}

void ThreadTeam::run(Job newJob, void *newArgument) {
  if (size() == 1) {
    newJob(newArgument, &shared->team, 0);
    return;
  }
  job = newJob;
  argument = newArgument;
  gate.wait();
  newJob(newArgument, &shared->team, 0);
  gate.wait();
}

void ThreadTeam::barrierFromTeam(bitnet_team *team, uint32_t) {
  reinterpret_cast<Shared *>(team)->barrier->wait();
}

void *ThreadTeam::workerMain(void *argument) {
  auto *worker = static_cast<Worker *>(argument);
  ThreadTeam &team = *worker->team;
  while (true) {
    team.gate.wait();
    if (team.stopping)
      return nullptr;
    team.job(team.argument, &team.shared->team, worker->number);
    team.gate.wait();
  }
}

} // namespace bitnet
