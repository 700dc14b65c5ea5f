//===- KVCache.h - Pages of keys and values ---------------------*- C++ -*-===//
//
// Sequences keep their keys and values in pages of a fixed number of positions.
// One mapping holds all pages; the system provides a page's memory (zeroed)
// when it is first written, so a long context costs nothing until it is used.
// Pages are counted, so that sequences with the same beginning share them.
// There may be fewer pages than all sequences need for whole contexts; who
// makes such a cache deals with pages running out.
//
//===----------------------------------------------------------------------===//
#ifndef BITNET_RUNTIME_KVCACHE_H
#define BITNET_RUNTIME_KVCACHE_H

#include "runtime/Memory.h"
#include "runtime/abi/bitnet_abi.h"
#include <cstdint>
#include <string>
#include <vector>

namespace bitnet {

class KVCache {
public:
  /// `sequences` sequences of up to `contextLength` positions each, in at most
  /// `bytes` of pages; 0: as many as all of them can need.
  bool init(const bitnet_model &model, uint32_t sequences,
            uint32_t contextLength, uint64_t bytes, std::string *error);

  /// An empty sequence, or -1 if all are in use.
  int32_t createSequence();
  /// A sequence that starts with the first `positions` of `source`: whole pages
  /// are shared, a page that is only partly used is copied. -1 if all sequences
  /// or all pages are in use.
  int32_t fork(int32_t source, uint32_t positions);
  void release(int32_t sequence);
  /// Forgets all positions from `positions` on.
  void truncate(int32_t sequence, uint32_t positions);
  /// Makes [begin, end) writable: allocates pages and copies shared ones.
  /// False if the sequence would become longer than the context or pages ran
  /// out; what it got until then stays.
  bool prepareWrite(int32_t sequence, uint32_t begin, uint32_t end);

  /// Page numbers, for those who keep pages beyond their sequences: who holds
  /// one counts it. `map` lets entry `index` of a sequence be `page`.
  int32_t pageAt(int32_t sequence, uint32_t index) const {
    return table[static_cast<size_t>(sequence) * perSequence + index];
  }
  void map(int32_t sequence, uint32_t index, int32_t page);
  void hold(int32_t page) { ++references[page]; }
  void drop(int32_t page);

  uint8_t *pages() const { return memory.data(); }
  const int32_t *pageTable() const { return table.data(); }
  uint32_t pagesPerSequence() const { return perSequence; }
  uint32_t contextLength() const { return length; }
  uint32_t tokensPerPage() const { return pageTokens; }
  uint32_t pagesTotal() const {
    return static_cast<uint32_t>(references.size());
  }
  uint32_t pagesInUse() const {
    return nextFresh - static_cast<uint32_t>(freePages.size());
  }

private:
  int32_t allocatePage();
  bool copyTo(int32_t &entry, int32_t source);
  uint8_t *page(int32_t number) const {
    return memory.data() + static_cast<uint64_t>(number) * pageBytes;
  }
  int32_t *row(int32_t sequence) {
    return table.data() + static_cast<size_t>(sequence) * perSequence;
  }

  Memory memory;
  uint64_t pageBytes = 0;
  uint32_t pageTokens = 1, perSequence = 0, length = 0;
  uint32_t nextFresh = 0; ///< Pages from here on were never used.
  std::vector<int32_t> freePages;
  std::vector<uint32_t> references; ///< By page.
  std::vector<int32_t> table;       ///< [sequence][page], -1 = none.
  std::vector<bool> used;           ///< By sequence.
};

} // namespace bitnet

#endif // BITNET_RUNTIME_KVCACHE_H
