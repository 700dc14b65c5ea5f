//===- Speculation.cpp - Several tokens a step, checked -------------------===//

#include "runtime/Speculation.h"
#include <algorithm>

namespace bitnet {

std::span<const int32_t> lookUpDraft(std::span<const int32_t> text,
                                     size_t count) {
  constexpr size_t kLongest = 4, kShortest = 2;
  for (size_t n = kLongest; n >= kShortest; --n) {
    if (text.size() <= n)
      continue;
    const auto last = text.last(n);
    const auto before = text.first(text.size() - 1);
    const auto found =
        std::find_end(before.begin(), before.end(), last.begin(), last.end());
    if (found == before.end())
      continue;
    const auto follows = text.subspan(found - before.begin() + n);
    return follows.first(std::min(count, follows.size()));
  }
  return {};
}

bool SpeculativeDecoder::push(int32_t id, std::string *error) {
  text.push_back(id);
  if (!pending.empty() && pending.front() == id) {
    pending.erase(pending.begin());
    ++row;
    ++used;
    ++acceptedTokens;
    return true;
  }
  session.truncate(sequence, used);
  const uint32_t room =
      std::min(session.contextLength() - used, session.maxTokens());
  pending.clear();
  if (draft && room > 1) {
    const auto tokens = lookUpDraft(text, std::min(draft, room - 1));
    pending.assign(tokens.begin(), tokens.end());
  }
  fed.assign(1, id);
  fed.insert(fed.end(), pending.begin(), pending.end());
  if (!session.append(sequence, fed, Session::Want::All, error))
    return false;
  row = 0;
  ++used;
  ++stepCount;
  draftedTokens += pending.size();
  return true;
}

} // namespace bitnet
