//===- WorkSharing.cpp - One operation's work, claimed piece by piece -----===//

#include "runtime/WorkSharing.h"
#include "runtime/Waiting.h"
#include <algorithm>
#include <utility>

namespace bitnet {

namespace {
/// The word of a run: operation in the upper 40 bits, low and high in 12 each.
/// 2^40 operations last for years.
constexpr unsigned pieceBits = 12;
constexpr uint32_t maxPieces = (1u << pieceBits) - 1;

struct Pieces {
  uint64_t operation;
  uint32_t low, high;

  static Pieces unpack(uint64_t word) {
    return {word >> (2 * pieceBits),
            static_cast<uint32_t>(word >> pieceBits) & maxPieces,
            static_cast<uint32_t>(word) & maxPieces};
  }
  uint64_t pack() const {
    return operation << (2 * pieceBits) | uint64_t{low} << pieceBits | high;
  }
};
} // namespace

void WorkSharing::init(uint32_t threads, bool maySpin, Placement &where) {
  count = threads;
  spins = maySpin;
  placement = &where;
  runs = std::make_unique<Run[]>(threads);
  workers = std::make_unique<Worker[]>(threads);
}

/// A run whose word belongs to an earlier operation is still whole, and whoever
/// comes first takes the first piece of it. That is safe for a thread that is
/// late, too: once an operation is over, every run of it has been used up, so
/// no word is older than the operation, and words of later ones give nothing.
bool WorkSharing::claim(uint32_t victim, bool own, const Worker &worker,
                        uint32_t &piece) {
  const uint64_t operation = worker.position.operation;
  std::atomic<uint64_t> &word = runs[victim].word;
  uint64_t seen = word.load(std::memory_order_acquire);
  while (true) {
    Pieces left = Pieces::unpack(seen);
    if (left.operation > operation)
      return false;
    if (left.operation < operation)
      left = {operation, worker.pieces * victim / count,
              worker.pieces * (victim + 1) / count};
    if (left.low == left.high)
      return false;
    piece = own ? left.low++ : --left.high;
    if (word.compare_exchange_weak(seen, left.pack(), std::memory_order_acq_rel,
                                   std::memory_order_acquire))
      return true;
  }
}

uint64_t WorkSharing::next(uint32_t thread, uint32_t items, uint32_t grain) {
  Worker &worker = workers[thread];
  if (!worker.working) {
    if (!items)
      return 0;
    if (!grain)
      grain = items / (8 * count);
    worker.grain = std::max({grain, 1u, items / maxPieces + 1});
    worker.pieces = (items - 1) / worker.grain + 1;
    worker.position.pieces += worker.pieces;
    if (isOver(++worker.position.operation))
      return 0;
    worker.working = true;
  }
  for (uint32_t i = 0; i < count; ++i) {
    const uint32_t victim =
        thread + i < count ? thread + i : thread + i - count;
    uint32_t piece;
    if (!claim(victim, i == 0, worker, piece))
      continue;
    if (!worker.unreported++) {
      worker.holds.store(worker.position.operation, std::memory_order_relaxed);
      worker.began = spins ? nowNanoseconds() : 0;
    }
    const uint64_t low = uint64_t{piece} * worker.grain;
    return low | std::min<uint64_t>(low + worker.grain, items) << 32;
  }
  int64_t pieceNanoseconds = 0;
  if (worker.unreported) {
    if (spins)
      pieceNanoseconds = (nowNanoseconds() - worker.began) / worker.unreported;
    report(worker);
  }
  placement->goHome(thread);
  waitUntilOver(worker.position.operation, pieceNanoseconds);
  worker.working = false;
  return 0;
}

void WorkSharing::report(Worker &worker) {
  const uint32_t mine = std::exchange(worker.unreported, 0);
  worker.holds.store(0, std::memory_order_relaxed);
  if (done.fetch_add(mine, std::memory_order_acq_rel) + mine !=
      worker.position.pieces)
    return;
  // Sequentially consistent with the sleepers' count below: either the
  // sleeper's futex call sees the new value, or it is counted here.
  over.store(static_cast<uint32_t>(worker.position.operation),
             std::memory_order_seq_cst);
  if (sleepers.load(std::memory_order_seq_cst))
    wakeAll(over);
}

void WorkSharing::waitUntilOver(uint64_t operation, int64_t pieceNanoseconds) {
  auto passed = [&] { return isOver(operation); };
  if (passed())
    return;
  if (spins) {
    // Others may just have begun their last piece. Who still has one after
    // twice the time that pieces take has most likely lost its core.
    if (spinUntil(passed, std::max(spinNanoseconds, 2 * pieceNanoseconds)))
      return;
    for (uint32_t other = 0; other < count; ++other)
      if (workers[other].holds.load(std::memory_order_relaxed) == operation)
        placement->pull(other);
  }
  sleepers.fetch_add(1, std::memory_order_seq_cst);
  while (true) {
    const uint32_t seen = over.load(std::memory_order_seq_cst);
    if (static_cast<int32_t>(seen - static_cast<uint32_t>(operation)) >= 0)
      break;
    sleepOn(over, seen);
  }
  sleepers.fetch_sub(1, std::memory_order_relaxed);
}

} // namespace bitnet
