//===- Session.h - A model with memory and threads --------------*- C++ -*-===//
//
// Owns everything that a step needs besides the model: threads, workspace, KV
// pages and logits. Feeds prompts in chunks; the logits do not depend on how a
// text is cut into chunks.
//
//===----------------------------------------------------------------------===//
#ifndef BITNET_RUNTIME_SESSION_H
#define BITNET_RUNTIME_SESSION_H

#include "runtime/KVCache.h"
#include "runtime/Memory.h"
#include "runtime/ThreadTeam.h"
#include "runtime/abi/bitnet_abi.h"
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace bitnet {

struct SessionOptions {
  unsigned threads = 0;       ///< 0: one per available CPU.
  uint32_t contextLength = 0; ///< 0: what the model was compiled for.
  uint32_t maxTokens = 256;   ///< Tokens per step at most.
  uint32_t sequences = 1;
  uint64_t kvBytes = 0; ///< KV pages at most; 0: whole contexts for all.
  /// For models whose weights are not linked in.
  const uint8_t *weights = nullptr;
};

/// One sentence if this runtime cannot drive `model` (wrong magic or version),
/// else empty.
std::string checkModel(const bitnet_model &model);

class Session {
public:
  enum class Want {
    Nothing, ///< No logits.
    Last,    ///< Of the last token.
    All      ///< Of every token.
  };
  /// Called after every chunk with the number of its tokens; false stops.
  using ChunkDone = std::function<bool(uint32_t tokens)>;

  /// Null and one sentence in `error` on failure. `model` must outlive it.
  static std::unique_ptr<Session> create(const bitnet_model &model,
                                         const SessionOptions &options,
                                         std::string *error);

  /// A new sequence (-1: none left), or one that continues `source` after its
  /// first `positions`.
  int32_t createSequence();
  int32_t fork(int32_t source, uint32_t positions);
  void release(int32_t sequence);
  void truncate(int32_t sequence, uint32_t positions);
  uint32_t length(int32_t sequence) const { return lengths[sequence]; }

  /// Feeds tokens at the end of `sequence`. False if they do not fit into the
  /// context or the KV pages or an id is not in the vocabulary; also if `done`
  /// stopped it (then `error` stays empty and the tokens so far are in the
  /// sequence).
  bool append(int32_t sequence, std::span<const int32_t> tokens, Want want,
              std::string *error, const ChunkDone &done = {});

  /// From now on append wants the best `k` logits of a row only, and others may
  /// be -infinity: quicker with a screened head. 0, as at first: all.
  void setTopK(uint32_t k) { topK = k; }

  /// Runs one batch as it is; its positions must have been made writable by
  /// kv().prepareWrite. For schedulers that mix sequences.
  void step(const bitnet_batch &batch);

  /// Calls `work(i)` for all i below `count`, on all threads.
  template <typename Work> void forEach(uint32_t count, Work &&work) {
    if (count < 2 || team->size() < 2) {
      for (uint32_t i = 0; i < count; ++i)
        work(i);
      return;
    }
    team->run([&](bitnet_team *threads, uint32_t thread) {
      while (uint64_t range = threads->next(threads, thread, count, 1))
        for (auto i = static_cast<uint32_t>(range); i < range >> 32; ++i)
          work(i);
    });
  }

  /// Times that the threads have waited for each other's work in all steps so
  /// far; 0 with one thread.
  uint64_t barriers() const { return team->operations(); }

  /// Bytes per second with which these threads read the weights and do nothing
  /// else (ReadBandwidth.h); 0 if the model has none of its own.
  double readWeights();

  /// Row of the last step: vocab_size floats, aligned.
  const float *logits(uint32_t row = 0) const {
    return reinterpret_cast<const float *>(logitsMemory.data()) +
           static_cast<size_t>(row) * model.logits_stride;
  }

  const bitnet_model &getModel() const { return model; }
  KVCache &kv() { return cache; }
  unsigned threads() const { return team->size(); }
  uint32_t contextLength() const { return cache.contextLength(); }
  uint32_t maxTokens() const { return context.max_tokens; }

private:
  explicit Session(const bitnet_model &model) : model(model) {}

  const bitnet_model &model;
  std::unique_ptr<ThreadTeam> team;
  KVCache cache;
  Memory workspace, logitsMemory;
  bitnet_context context{};
  uint32_t topK = 0;
  std::vector<uint32_t> lengths;                           ///< By sequence.
  std::vector<int32_t> positions, sequences, logitsTokens; ///< Of one chunk.
};

} // namespace bitnet

#endif // BITNET_RUNTIME_SESSION_H
