//===- Placement.h - Which core a thread of a team runs on -----*- C++ -*-===//
//
// The scheduler thinks in milliseconds, a team in microseconds. With another
// busy process on the machine it likes to keep two threads of a team on one
// core and leaves the other to that process; and a thread that it takes off its
// core waits for milliseconds, with a piece of work in hand that all others
// need. So, where a team is as large as the machine, each thread has a core of
// its own, its home; and a waiting thread may pull one that has work in hand to
// its own core, where that runs as soon as the waiting one sleeps. Once done,
// it goes home.
//
//===----------------------------------------------------------------------===//
#ifndef BITNET_RUNTIME_PLACEMENT_H
#define BITNET_RUNTIME_PLACEMENT_H

#include <atomic>
#include <cstdint>
#include <memory>
#include <sched.h>

namespace bitnet {

/// A set of CPUs of any size: a fixed cpu_set_t holds 1024 CPUs, and the system
/// refuses it on larger machines.
class CpuSet {
public:
  static CpuSet ofThisThread();
  CpuSet() = default;
  unsigned count() const;
  /// The CPU that has `index` others of the set before it.
  CpuSet only(unsigned index) const;
  /// What the system refuses is left as it is: placement is no promise.
  void apply(pid_t thread) const;
  /// Moves `thread` to the caller's CPU if that is in the set.
  void applyHere(pid_t thread) const;

private:
  struct Free {
    void operator()(cpu_set_t *set) const { CPU_FREE(set); }
  };
  explicit CpuSet(size_t cpus);
  size_t cpus = 0;
  std::unique_ptr<cpu_set_t, Free> set;
};

class Placement {
public:
  void init(uint32_t threads);

  /// Makes the calling thread the one with this number.
  void arrive(uint32_t thread);
  /// Lets the calling thread run anywhere again, as do its children.
  void release() { allowed.apply(0); }

  /// Called by a thread that is about to sleep until `thread` is done.
  void pull(uint32_t thread);
  /// Called by the thread itself when it is done.
  void goHome(uint32_t thread) {
    if (places[thread].pulled.load(std::memory_order_relaxed))
      sendHome(thread);
  }

private:
  struct alignas(64) Place {
    std::atomic<bool> pulled{false};
    std::atomic<pid_t> id{0};
    CpuSet home;
  };
  void sendHome(uint32_t thread);

  CpuSet allowed;
  bool homes = false;
  std::unique_ptr<Place[]> places;
};

} // namespace bitnet

#endif // BITNET_RUNTIME_PLACEMENT_H
