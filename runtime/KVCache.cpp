//===- KVCache.cpp - Pages of keys and values -----------------------------===//

#include "runtime/KVCache.h"
#include <cstring>

namespace bitnet {

bool KVCache::init(const bitnet_model &model, uint32_t sequences,
                   uint32_t contextLength, std::string *error) {
  pageTokens = model.kv_page_tokens ? model.kv_page_tokens : 1;
  pageBytes = model.kv_page_bytes;
  length = contextLength;
  perSequence = (contextLength + pageTokens - 1) / pageTokens;
  // Copying a shared page before it is written needs no page beyond these: a
  // page in two sequences leaves one of their places unused.
  const uint64_t count = uint64_t{perSequence} * sequences;
  if (!memory.allocate(count * pageBytes, "the KV cache", error))
    return false;
  references.assign(count, 0);
  table.assign(count, -1);
  used.assign(sequences, false);
  freePages.clear();
  nextFresh = 0;
  return true;
}

int32_t KVCache::createSequence() {
  for (size_t i = 0; i < used.size(); ++i)
    if (!used[i]) {
      used[i] = true;
      return static_cast<int32_t>(i);
    }
  return -1;
}

int32_t KVCache::fork(int32_t source, uint32_t positions) {
  int32_t sequence = createSequence();
  if (sequence < 0)
    return -1;
  const uint32_t whole = positions / pageTokens;
  for (uint32_t i = 0; i < whole; ++i) {
    int32_t shared = row(source)[i];
    row(sequence)[i] = shared;
    if (shared >= 0)
      ++references[shared];
  }
  if (positions % pageTokens && row(source)[whole] >= 0) {
    row(sequence)[whole] = allocatePage();
    std::memcpy(page(row(sequence)[whole]), page(row(source)[whole]),
                pageBytes);
  }
  return sequence;
}

void KVCache::release(int32_t sequence) {
  truncate(sequence, 0);
  used[sequence] = false;
}

void KVCache::truncate(int32_t sequence, uint32_t positions) {
  for (uint32_t i = (positions + pageTokens - 1) / pageTokens; i < perSequence;
       ++i)
    dropPage(row(sequence)[i]);
}

bool KVCache::prepareWrite(int32_t sequence, uint32_t begin, uint32_t end) {
  if (end > length)
    return false;
  if (begin == end)
    return true;
  for (uint32_t i = begin / pageTokens; i <= (end - 1) / pageTokens; ++i) {
    int32_t &entry = row(sequence)[i];
    if (entry < 0) {
      entry = allocatePage();
    } else if (references[entry] > 1) {
      int32_t copy = allocatePage();
      std::memcpy(page(copy), page(entry), pageBytes);
      --references[entry];
      entry = copy;
    }
  }
  return true;
}

int32_t KVCache::allocatePage() {
  int32_t number;
  if (!freePages.empty()) {
    number = freePages.back();
    freePages.pop_back();
  } else {
    number = static_cast<int32_t>(nextFresh++);
  }
  references[number] = 1;
  return number;
}

void KVCache::dropPage(int32_t &entry) {
  if (entry < 0)
    return;
  // A page that is used again keeps its old contents: a step reads only
  // positions that were written, and no page starts with anything but zeroes.
  if (--references[entry] == 0)
    freePages.push_back(entry);
  entry = -1;
}

} // namespace bitnet
