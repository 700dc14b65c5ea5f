//===- Placement.cpp - Which core a thread of a team runs on --------------===//

#include "runtime/Placement.h"
#include <sys/syscall.h>
#include <unistd.h>

namespace bitnet {

CpuSet::CpuSet(size_t cpus) : cpus(cpus), set(CPU_ALLOC(cpus)) {
  CPU_ZERO_S(CPU_ALLOC_SIZE(cpus), set.get());
}

CpuSet CpuSet::ofThisThread() {
  for (size_t cpus = 1024; cpus <= 1 << 20; cpus *= 4) {
    CpuSet result(cpus);
    if (sched_getaffinity(0, CPU_ALLOC_SIZE(cpus), result.set.get()) == 0)
      return result;
  }
  return {};
}

unsigned CpuSet::count() const {
  return set ? static_cast<unsigned>(
                   CPU_COUNT_S(CPU_ALLOC_SIZE(cpus), set.get()))
             : 0;
}

CpuSet CpuSet::only(unsigned index) const {
  CpuSet result(cpus);
  for (size_t cpu = 0; cpu < cpus; ++cpu)
    if (CPU_ISSET_S(cpu, CPU_ALLOC_SIZE(cpus), set.get()) && index-- == 0) {
      CPU_SET_S(cpu, CPU_ALLOC_SIZE(cpus), result.set.get());
      break;
    }
  return result;
}

void CpuSet::apply(pid_t thread) const {
  if (set)
    sched_setaffinity(thread, CPU_ALLOC_SIZE(cpus), set.get());
}

void CpuSet::applyHere(pid_t thread) const {
  const int cpu = sched_getcpu();
  if (!set || cpu < 0 || static_cast<size_t>(cpu) >= cpus)
    return;
  CpuSet here(cpus);
  CPU_SET_S(static_cast<size_t>(cpu), CPU_ALLOC_SIZE(cpus), here.set.get());
  here.apply(thread);
}

void Placement::init(uint32_t threads) {
  allowed = CpuSet::ofThisThread();
  places = std::make_unique<Place[]>(threads);
  // Fewer threads than CPUs: there is room, the scheduler knows best where.
  homes = threads == allowed.count();
  for (uint32_t thread = 0; homes && thread < threads; ++thread)
    places[thread].home = allowed.only(thread);
}

void Placement::arrive(uint32_t thread) {
  places[thread].id.store(static_cast<pid_t>(syscall(SYS_gettid)),
                          std::memory_order_relaxed);
  if (homes)
    places[thread].home.apply(0);
}

void Placement::pull(uint32_t thread) {
  const pid_t id = places[thread].id.load(std::memory_order_relaxed);
  if (id && !places[thread].pulled.exchange(true, std::memory_order_relaxed))
    allowed.applyHere(id);
}

/// A pull that comes in between is undone by this, or moves the thread later
/// and is undone by its next call.
void Placement::sendHome(uint32_t thread) {
  places[thread].pulled.store(false, std::memory_order_relaxed);
  (homes ? places[thread].home : allowed).apply(0);
}

} // namespace bitnet
