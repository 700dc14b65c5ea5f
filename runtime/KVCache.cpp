//===- KVCache.cpp - Pages of keys and values -----------------------------===//

#include "runtime/KVCache.h"
#include <algorithm>
#include <cstring>

namespace bitnet {

bool KVCache::init(const bitnet_model &model, uint32_t sequences,
                   uint32_t contextLength, uint64_t bytes, std::string *error) {
  pageTokens = model.kv_page_tokens ? model.kv_page_tokens : 1;
  pageBytes = model.kv_page_bytes;
  length = contextLength;
  perSequence = (contextLength + pageTokens - 1) / pageTokens;
  // Copying a shared page before it is written needs no page beyond these: a
  // page in two sequences leaves one of their places unused.
  uint64_t count = uint64_t{perSequence} * sequences;
  if (bytes)
    count = std::min(count, bytes / std::max<uint64_t>(pageBytes, 1));
  if (!memory.allocate(count * pageBytes, "the KV cache", error))
    return false;
  references.assign(count, 0);
  table.assign(size_t{perSequence} * sequences, -1);
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
  if (positions % pageTokens && row(source)[whole] >= 0 &&
      !copyTo(row(sequence)[whole], row(source)[whole])) {
    release(sequence);
    return -1;
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
    if (int32_t &entry = row(sequence)[i]; entry >= 0) {
      drop(entry);
      entry = -1;
    }
}

bool KVCache::prepareWrite(int32_t sequence, uint32_t begin, uint32_t end) {
  if (end > length)
    return false;
  if (begin == end)
    return true;
  for (uint32_t i = begin / pageTokens; i <= (end - 1) / pageTokens; ++i) {
    int32_t &entry = row(sequence)[i];
    if (entry < 0) {
      if ((entry = allocatePage()) < 0)
        return false;
    } else if (references[entry] > 1) {
      const int32_t shared = entry;
      if (!copyTo(entry, shared))
        return false;
      --references[shared];
    }
  }
  return true;
}

void KVCache::map(int32_t sequence, uint32_t index, int32_t number) {
  int32_t &entry = row(sequence)[index];
  hold(number);
  if (entry >= 0)
    drop(entry);
  entry = number;
}

int32_t KVCache::allocatePage() {
  int32_t number;
  if (!freePages.empty()) {
    number = freePages.back();
    freePages.pop_back();
  } else if (nextFresh < references.size()) {
    number = static_cast<int32_t>(nextFresh++);
  } else {
    return -1;
  }
  references[number] = 1;
  return number;
}

/// Makes `entry` a page of its own with the contents of `source`.
bool KVCache::copyTo(int32_t &entry, int32_t source) {
  const int32_t copy = allocatePage();
  if (copy < 0)
    return false;
  std::memcpy(page(copy), page(source), pageBytes);
  entry = copy;
  return true;
}

void KVCache::drop(int32_t number) {
  // A page that is used again keeps its old contents: a step reads only
  // positions that were written, and no page starts with anything but zeroes.
  if (--references[number] == 0)
    freePages.push_back(number);
}

} // namespace bitnet
