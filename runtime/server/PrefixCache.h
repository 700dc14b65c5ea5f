//===- PrefixCache.h - Pages shared by what they hold -----------*- C++ -*-===//
//
// A tree of full KV pages: a node is a page, and the way to it from the root is
// the text before it. Sequences with the same beginning (a system prompt, the
// earlier turns of a chat) use the same pages without saying so. Pages that no
// sequence uses stay until others need their place, the one unused longest
// first.
//
//===----------------------------------------------------------------------===//
#ifndef BITNET_RUNTIME_SERVER_PREFIXCACHE_H
#define BITNET_RUNTIME_SERVER_PREFIXCACHE_H

#include "runtime/KVCache.h"
#include <list>
#include <span>
#include <unordered_map>
#include <vector>

namespace bitnet::server {

class PrefixCache {
public:
  static constexpr int32_t root = -1, none = -2;

  explicit PrefixCache(KVCache &kv) : kv(kv) {}

  /// The page that holds `tokens` after `parent`, or none.
  int32_t find(int32_t parent, std::span<const int32_t> tokens) const;
  /// Adds one, in use once. There is none yet.
  int32_t insert(int32_t parent, std::span<const int32_t> tokens, int32_t page);
  int32_t page(int32_t node) const { return nodes[node].page; }

  /// Who uses a node uses all on the way to it. Of a way, the last is released
  /// first.
  void acquire(int32_t node);
  void release(int32_t node);

  /// Gives back the page unused longest; false if all are in use.
  bool evict();

  size_t size() const { return nodes.size() - freeNodes.size(); }
  /// Pages that evict() could give back.
  size_t unused() const { return idle.size(); }

private:
  struct Node {
    int32_t parent, page;
    uint64_t hash;
    uint32_t users = 0;
    std::vector<int32_t> tokens;
    std::list<int32_t>::iterator place; ///< In `idle` if there are no users.
  };
  using Index = std::unordered_multimap<uint64_t, int32_t>;

  KVCache &kv;
  std::vector<Node> nodes;
  std::vector<int32_t> freeNodes;
  Index index; ///< By hash of parent and tokens.
  /// Unused nodes, longest unused first. A way is released from its end, so
  /// every node comes before its parent and the first one is a leaf.
  std::list<int32_t> idle;
};

} // namespace bitnet::server

#endif // BITNET_RUNTIME_SERVER_PREFIXCACHE_H
