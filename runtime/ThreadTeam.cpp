//===- ThreadTeam.cpp - Threads that run one step together ----------------===//

#include "runtime/ThreadTeam.h"
#include "runtime/Waiting.h"
#include <algorithm>
#include <cstring>
#include <pthread.h>

namespace bitnet {

unsigned availableCpus() {
  return std::max(CpuSet::ofThisThread().count(), 1u);
}

struct ThreadTeam::Worker {
  ThreadTeam *team;
  uint32_t number;
  pthread_t handle;
  std::atomic<bool> inside{false};
};

std::unique_ptr<ThreadTeam> ThreadTeam::create(unsigned threads,
                                               std::string *error) {
  const unsigned cpus = availableCpus();
  if (threads == 0)
    threads = cpus;
  std::unique_ptr<ThreadTeam> team(new ThreadTeam());
  team->spins = threads <= cpus;
  team->shared = std::make_unique<Shared>();
  team->shared->team = {threads, 0, &ThreadTeam::nextFromTeam};
  team->placement.init(threads);
  team->shared->work.init(threads, team->spins, team->placement);
  for (uint32_t number = 1; number < threads; ++number) {
    auto worker = std::make_unique<Worker>(team.get(), number);
    int failure =
        pthread_create(&worker->handle, nullptr, workerMain, worker.get());
    if (failure) {
      // The destructor ends those that were started.
      *error = "cannot start thread " + std::to_string(number + 1) + " of " +
               std::to_string(threads) + ": " + strerror(failure);
      return nullptr;
    }
    team->workers.push_back(std::move(worker));
  }
  return team;
}

ThreadTeam::~ThreadTeam() {
  stopping = true;
  open();
  for (auto &worker : workers)
    pthread_join(worker->handle, nullptr);
}

static constexpr uint64_t openBit = uint64_t{1} << 31;
static constexpr uint64_t insideMask = openBit - 1;

void ThreadTeam::open() {
  const uint32_t number = opened.load(std::memory_order_relaxed) + 1;
  control.store(uint64_t{number} << 32 | openBit, std::memory_order_release);
  opened.store(number, std::memory_order_seq_cst);
  wakeAll(opened);
}

/// Waits for a job after `seen`; false if it was over already.
bool ThreadTeam::enter(uint32_t &seen) {
  auto isNew = [&] { return opened.load(std::memory_order_acquire) != seen; };
  if (!spins || !spinUntil(isNew))
    while (!isNew())
      sleepOn(opened, seen);
  uint64_t now = control.load(std::memory_order_acquire);
  do {
    const auto number = static_cast<uint32_t>(now >> 32);
    if (number == seen || !(now & openBit)) {
      seen = number;
      return false;
    }
  } while (!control.compare_exchange_weak(
      now, now + 1, std::memory_order_acq_rel, std::memory_order_acquire));
  seen = static_cast<uint32_t>(now >> 32);
  return true;
}

void ThreadTeam::leave() {
  const uint64_t left = control.fetch_sub(1, std::memory_order_acq_rel) - 1;
  if (!(left & (openBit | insideMask))) {
    emptied.fetch_add(1, std::memory_order_release);
    wakeAll(emptied);
  }
}

void ThreadTeam::run(Job newJob, void *newArgument) {
  if (size() == 1) {
    newJob(newArgument, &shared->team, 0);
    return;
  }
  job = newJob;
  argument = newArgument;
  start = shared->work.position(0);
  open();
  placement.arrive(0);
  newJob(newArgument, &shared->team, 0);
  close();
  placement.release();
}

/// Lets nobody in any more and waits for those inside. All work is done, they
/// only have to find out.
void ThreadTeam::close() {
  const uint32_t before = emptied.load(std::memory_order_relaxed);
  if (!(control.fetch_and(~openBit, std::memory_order_acq_rel) & insideMask))
    return;
  auto empty = [&] {
    return emptied.load(std::memory_order_acquire) != before;
  };
  if (spins) {
    if (spinUntil(empty))
      return;
    for (auto &worker : workers)
      if (worker->inside.load(std::memory_order_relaxed))
        placement.pull(worker->number);
  }
  while (!empty())
    sleepOn(emptied, before);
}

uint64_t ThreadTeam::nextFromTeam(bitnet_team *team, uint32_t thread,
                                  uint32_t items, uint32_t grain) {
  return reinterpret_cast<Shared *>(team)->work.next(thread, items, grain);
}

void *ThreadTeam::workerMain(void *argument) {
  auto *worker = static_cast<Worker *>(argument);
  ThreadTeam &team = *worker->team;
  team.placement.arrive(worker->number);
  uint32_t seen = 0;
  while (true) {
    if (!team.enter(seen))
      continue;
    if (team.stopping)
      return nullptr;
    worker->inside.store(true, std::memory_order_relaxed);
    team.shared->work.enter(worker->number, team.start);
    team.job(team.argument, &team.shared->team, worker->number);
    worker->inside.store(false, std::memory_order_relaxed);
    team.leave();
    team.placement.goHome(worker->number);
  }
}

} // namespace bitnet
