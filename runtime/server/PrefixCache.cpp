//===- PrefixCache.cpp - Pages shared by what they hold -------------------===//

#include "runtime/server/PrefixCache.h"
#include <algorithm>

namespace bitnet::server {

static uint64_t hashOf(int32_t parent, std::span<const int32_t> tokens) {
  uint64_t hash = static_cast<uint32_t>(parent);
  for (int32_t id : tokens) {
    hash = (hash ^ static_cast<uint32_t>(id)) * 0x9E3779B97F4A7C15ull;
    hash ^= hash >> 29;
  }
  return hash;
}

int32_t PrefixCache::find(int32_t parent,
                          std::span<const int32_t> tokens) const {
  auto [first, last] = index.equal_range(hashOf(parent, tokens));
  for (; first != last; ++first) {
    const Node &node = nodes[first->second];
    if (node.parent == parent &&
        std::equal(tokens.begin(), tokens.end(), node.tokens.begin(),
                   node.tokens.end()))
      return first->second;
  }
  return none;
}

int32_t PrefixCache::insert(int32_t parent, std::span<const int32_t> tokens,
                            int32_t page) {
  if (freeNodes.empty()) {
    freeNodes.push_back(static_cast<int32_t>(nodes.size()));
    nodes.emplace_back();
  }
  const int32_t number = freeNodes.back();
  freeNodes.pop_back();
  Node &node = nodes[number];
  node.parent = parent;
  node.page = page;
  node.hash = hashOf(parent, tokens);
  node.users = 1;
  node.tokens.assign(tokens.begin(), tokens.end());
  index.emplace(node.hash, number);
  kv.hold(page);
  return number;
}

void PrefixCache::acquire(int32_t number) {
  Node &node = nodes[number];
  if (node.users++ == 0)
    idle.erase(node.place);
}

void PrefixCache::release(int32_t number) {
  Node &node = nodes[number];
  if (--node.users == 0)
    node.place = idle.insert(idle.end(), number);
}

bool PrefixCache::evict() {
  if (idle.empty())
    return false;
  const int32_t number = idle.front();
  idle.pop_front();
  Node &node = nodes[number];
  auto [first, last] = index.equal_range(node.hash);
  index.erase(std::find_if(
      first, last, [&](const auto &entry) { return entry.second == number; }));
  kv.drop(node.page);
  freeNodes.push_back(number);
  return true;
}

} // namespace bitnet::server
