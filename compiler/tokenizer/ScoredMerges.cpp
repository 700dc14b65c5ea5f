//===- ScoredMerges.cpp - Merges of a vocabulary that has only scores -----===//
//
// SentencePiece BPE, from its own file or from GGUF, stores no merges: any two
// tokens whose texts make up a third may merge, the best score first.
//
//===----------------------------------------------------------------------===//

#include "TokenizerSpec.h"
#include "runtime/Utf8.h"
#include <map>
#include <unordered_set>

namespace bitnetc {

void addScoredMerges(const std::unordered_map<std::string_view, uint32_t> &ids,
                     const std::function<float(uint32_t)> &score,
                     TokenizerSpec &spec) {
  // Equal scores merge from left to right, so they share a rank.
  std::map<float, uint32_t, std::greater<float>> ranks;
  for (const auto &[text, id] : ids)
    ranks.emplace(score(id), 0);
  uint32_t next = 0;
  for (auto &[value, rank] : ranks)
    rank = next++;
  // Looking up both halves at every cut takes quadratic time for a long token;
  // halves of lengths that no token has need no look-up.
  std::unordered_set<size_t> lengths;
  for (const auto &[text, id] : ids)
    lengths.insert(text.size());
  for (const auto &[text, id] : ids) {
    if (text.empty())
      continue;
    for (size_t cut = bitnet::decodeUtf8(text).length; cut < text.size();
         cut += bitnet::decodeUtf8(text.substr(cut)).length) {
      if (!lengths.contains(cut) || !lengths.contains(text.size() - cut))
        continue;
      auto left = ids.find(text.substr(0, cut));
      auto right = ids.find(text.substr(cut));
      if (left != ids.end() && right != ids.end())
        spec.merges.push_back(
            {left->second, right->second, id, ranks.at(score(id))});
    }
  }
}

} // namespace bitnetc
