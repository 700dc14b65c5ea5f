//===- JsonConstraint.cpp - Tokens that keep a text within a schema -------===//

#include "runtime/server/JsonConstraint.h"
#include <algorithm>
#include <cmath>

namespace bitnet::server {

TokenTable::TokenTable(const Tokenizer &tokenizer, uint32_t vocabSize)
    : place(vocabSize, -1) {
  std::vector<std::pair<std::string, int32_t>> all;
  const uint32_t count =
      std::min(vocabSize, tokenizer.blob().header().vocab_size);
  for (uint32_t i = 0; i < count; ++i) {
    const auto id = static_cast<int32_t>(i);
    std::string bytes;
    tokenizer.appendTokenBytes(id, /*skipSpecial=*/true, /*isFirst=*/false,
                               bytes);
    if (!bytes.empty())
      all.emplace_back(std::move(bytes), id);
  }
  std::sort(all.begin(), all.end());
  const std::string *before = nullptr;
  for (const auto &[bytes, id] : all) {
    uint32_t shared = 0;
    if (before) {
      const auto [end, ignored] = std::mismatch(bytes.begin(), bytes.end(),
                                                before->begin(), before->end());
      shared = static_cast<uint32_t>(end - bytes.begin());
    }
    before = &bytes;
    place[static_cast<size_t>(id)] = static_cast<int32_t>(sorted.size());
    sorted.push_back({id, static_cast<uint32_t>(text.size()),
                      static_cast<uint32_t>(bytes.size()), shared});
    text += bytes;
  }
}

std::string_view TokenTable::bytesOf(int32_t id) const {
  if (id < 0 || static_cast<size_t>(id) >= place.size() ||
      place[static_cast<size_t>(id)] < 0)
    return {};
  const Entry &entry =
      sorted[static_cast<size_t>(place[static_cast<size_t>(id)])];
  return {bytes(entry), entry.length};
}

const JsonConstraint::Bits &JsonConstraint::allowed() {
  // Long texts pass through many states; the few that come back often, such as
  // within a string, are soon here again.
  constexpr size_t kMostMasks = 64, kMostStates = 4096;
  if (automaton.states() > kMostStates) {
    automaton.restartFrom(state);
    state = automaton.start();
    masks.clear();
  }
  if (const auto known = masks.find(state); known != masks.end())
    return known->second;
  if (masks.size() >= kMostMasks)
    masks.clear();
  Bits &bits = masks[state];
  bits.assign((tokens->vocabSize() + 63) / 64, 0);
  // States before each byte of the last token that was followed and after
  // those that were allowed.
  std::vector<JsonAutomaton::State> path{state};
  for (const TokenTable::Entry &entry : tokens->entries()) {
    size_t alive = path.size() - 1;
    if (entry.shared > alive) // It begins with what was not allowed.
      continue;
    alive = entry.shared;
    path.resize(alive + 1);
    const char *bytes = tokens->bytes(entry);
    while (alive < entry.length) {
      const auto next =
          automaton.next(path.back(), static_cast<uint8_t>(bytes[alive]));
      if (next == JsonAutomaton::dead)
        break;
      path.push_back(next);
      ++alive;
    }
    if (alive == entry.length) {
      const auto id = static_cast<uint32_t>(entry.id);
      bits[id / 64] |= uint64_t{1} << id % 64;
    }
  }
  return bits;
}

bool JsonConstraint::mask(std::vector<float> &logits,
                          const std::vector<int32_t> &endTokens) {
  if (state == JsonAutomaton::dead)
    return false;
  const Bits &bits = allowed();
  std::vector<std::pair<int32_t, float>> ends;
  if (isComplete())
    for (int32_t id : endTokens)
      if (id >= 0 && static_cast<size_t>(id) < logits.size())
        ends.emplace_back(id, logits[static_cast<size_t>(id)]);
  bool any = !ends.empty();
  for (size_t id = 0; id < logits.size(); ++id)
    if (id / 64 >= bits.size() || !(bits[id / 64] >> id % 64 & 1))
      logits[id] = -HUGE_VALF;
  for (uint64_t word : bits)
    any |= word != 0;
  // An end token may also be one that writes something.
  for (int32_t id : endTokens)
    if (id >= 0 && static_cast<size_t>(id) < logits.size())
      logits[static_cast<size_t>(id)] = -HUGE_VALF;
  for (const auto &[id, logit] : ends)
    logits[static_cast<size_t>(id)] = logit;
  return any;
}

void JsonConstraint::accept(int32_t id) {
  for (char c : tokens->bytesOf(id)) {
    if (state == JsonAutomaton::dead)
      return;
    state = automaton.next(state, static_cast<uint8_t>(c));
  }
}

} // namespace bitnet::server
