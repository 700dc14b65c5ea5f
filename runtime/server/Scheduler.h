//===- Scheduler.h - Who is in the next batch -------------------*- C++ -*-===//
//
// Requests wait, run and are done. Every step continues all running answers by
// a token and computes some tokens of prompts beside them. Older requests come
// first where something is scarce: when the KV pages run out, the youngest
// gives back its own and is computed again later, with the same result.
//
//===----------------------------------------------------------------------===//
#ifndef BITNET_RUNTIME_SERVER_SCHEDULER_H
#define BITNET_RUNTIME_SERVER_SCHEDULER_H

#include "runtime/Session.h"
#include "runtime/server/Generation.h"
#include "runtime/server/PrefixCache.h"
#include "runtime/server/StepTimes.h"
#include <memory>
#include <vector>

namespace bitnet::server {

class Scheduler {
public:
  using Owner = std::unique_ptr<Generation>;

  /// `chunk`: prompt tokens beside answers; 0: measured. The session's KV cache
  /// holds at least one whole context.
  Scheduler(Session &session, uint32_t chunk)
      : session(session), kv(session.kv()), prefixes(kv), chunk(chunk) {}

  void add(Owner generation);
  /// Takes a request out, running or not; null if there is none.
  Owner remove(uint64_t id);
  void removeAll(std::vector<Owner> &removed);
  bool isIdle() const { return waiting.empty() && running.empty(); }

  /// Computes one batch. `done` gets the requests that ended with it; those
  /// that go on may have news (forEachRunning).
  void step(std::vector<Owner> &done);
  template <typename Visit> void forEachRunning(Visit &&visit) {
    for (Owner &generation : running)
      visit(*generation);
  }

  void fill(EngineStatistics &statistics) const;

private:
  struct Entry {
    Generation *generation;
    uint32_t tokens;
  };

  void admit();
  void plan();
  void sharePrompt(Generation &g);
  bool waitsForOlder(const Generation &g) const;
  bool makeRoom(Generation &g, uint32_t tokens);
  void suspend(size_t index);
  void leave(Generation &g);
  void keepPages(Generation &g);
  void runBatch();
  uint32_t pagesFor(uint32_t tokens) const {
    return (tokens + kv.tokensPerPage() - 1) / kv.tokensPerPage();
  }
  uint64_t pagesAvailable() const {
    return kv.pagesTotal() - kv.pagesInUse() + prefixes.unused();
  }

  Session &session;
  KVCache &kv;
  PrefixCache prefixes;
  StepTimes times;
  const uint32_t chunk;
  std::vector<Owner> waiting, running; ///< By age, the oldest first.
  std::vector<Entry> batch;
  /// Of the logits of this batch.
  struct Row {
    Generation *generation;
    int32_t scored; ///< Token of the prompt, or -1: the next one is sampled.
  };
  std::vector<Row> rows;
  std::vector<int32_t> tokens, positions, sequences, logitsTokens;
  EngineStatistics counters;
};

} // namespace bitnet::server

#endif // BITNET_RUNTIME_SERVER_SCHEDULER_H
