//===- WorkSharing.h - One operation's work, claimed piece by piece -*- C++
//-*-===//
//
// The threads of a team run the same sequence of operations. The items of an
// operation (row blocks, tokens, heads) are cut into pieces, and every thread
// has a run of consecutive pieces, so that it reads its weights as one stream.
// It claims them one by one from the front of its run; when that is used up, it
// takes pieces from the ends of the others' runs.
//
// Nobody waits for a thread, only for pieces: an operation is over when all of
// its pieces are done, whoever did them. A thread that lost its core between
// two pieces holds up nobody; when it comes back it finds the operations over
// and catches up. Who waits for a piece spins for some microseconds, then pulls
// the thread that has it to its own core (Placement.h) and sleeps.
//
//===----------------------------------------------------------------------===//
#ifndef BITNET_RUNTIME_WORKSHARING_H
#define BITNET_RUNTIME_WORKSHARING_H

#include "runtime/Placement.h"
#include <atomic>
#include <cstdint>
#include <memory>

namespace bitnet {

class WorkSharing {
public:
  /// A thread's place in the sequence of operations. Positions only grow, also
  /// from step to step: what is left in memory by an operation is older than
  /// the next one and need never be reset.
  struct Position {
    uint64_t operation = 0; ///< Operations begun.
    uint64_t pieces = 0;    ///< Pieces of all of them together.
  };

  void init(uint32_t threads, bool maySpin, Placement &where);

  /// Puts a thread where another one stood between two operations.
  void enter(uint32_t thread, Position position) {
    workers[thread].position = position;
  }
  Position position(uint32_t thread) const { return workers[thread].position; }

  /// The next items of the operation at hand, as bitnet_team.next gives them.
  uint64_t next(uint32_t thread, uint32_t items, uint32_t grain);

private:
  /// One cache line a thread. `run` is what others take from: the pieces left,
  /// [low, high), with the number of the operation that they belong to.
  struct alignas(64) Run {
    std::atomic<uint64_t> word{0};
  };
  struct alignas(64) Worker {
    Position position;
    uint32_t pieces = 0, grain = 0; ///< Of the operation at hand.
    uint32_t unreported = 0;        ///< Pieces claimed since the last report.
    bool working = false;
    int64_t began = 0; ///< When it took its first piece of this operation.
    /// The operation of the unreported pieces, for others to read; 0: none.
    std::atomic<uint64_t> holds{0};
  };

  bool claim(uint32_t victim, bool own, const Worker &worker, uint32_t &piece);
  bool isOver(uint64_t operation) const {
    return static_cast<int32_t>(over.load(std::memory_order_acquire) -
                                static_cast<uint32_t>(operation)) >= 0;
  }
  void report(Worker &worker);
  void waitUntilOver(uint64_t operation, int64_t pieceNanoseconds);

  uint32_t count = 1;
  bool spins = true;
  Placement *placement = nullptr;
  std::unique_ptr<Run[]> runs;
  std::unique_ptr<Worker[]> workers;
  alignas(64) std::atomic<uint64_t> done{0}; ///< Pieces of all operations.
  /// The last operation that is over, its low half: also the futex word.
  alignas(64) std::atomic<uint32_t> over{0};
  std::atomic<uint32_t> sleepers{0};
};

} // namespace bitnet

#endif // BITNET_RUNTIME_WORKSHARING_H
