//===- JsonPattern.cpp - Texts that a regular expression allows -----------===//
//
// Two steps: states with ranges of bytes (Thompson's construction), where
// characters are already what JSON writes for them; then a deterministic table
// of those, without what never ends in a match.
//
//===----------------------------------------------------------------------===//

#include "runtime/server/JsonPattern.h"
#include "runtime/Utf8.h"
#include "runtime/server/PatternTree.h"
#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

namespace bitnet::server {

using Part = PatternPart;
using Range = PatternPart::Range;
using Ranges = std::vector<Range>;

//===----------------------------------------------------------------------===//
// 1. States with ranges of bytes
//===----------------------------------------------------------------------===//

/// Built from the end: each part is given the state that comes after it.
class PatternStates {
public:
  struct State {
    enum Kind { Bytes, Split, Match } kind;
    uint8_t low = 0, high = 0;
    int32_t next = 0, other = 0;
  };
  std::vector<State> all = {{State::Match}};
  /// Also of parts that need no state, which may be repeated as often.
  bool tooMany() const { return all.size() > kMost || built > 10 * kMost; }

  int32_t build(const Part &part, int32_t next) {
    ++built;
    if (tooMany())
      return next;
    int32_t first = next;
    switch (part.kind) {
    case Part::One:
      return oneOf(part.ranges, next);
    case Part::Sequence:
      for (size_t i = part.parts.size(); i-- > 0;)
        first = build(part.parts[i], first);
      return first;
    case Part::Either:
      first = build(part.parts[0], next);
      for (size_t i = 1; i < part.parts.size(); ++i)
        first = split(first, build(part.parts[i], next));
      return first;
    case Part::Repeat:
      if (part.most == Part::unlimited) {
        first = split(next, next);
        all[static_cast<size_t>(first)].other = build(part.parts[0], first);
      } else {
        for (uint32_t i = part.least; i < part.most && !tooMany(); ++i)
          first = split(next, build(part.parts[0], first));
      }
      for (uint32_t i = 0; i < part.least && !tooMany(); ++i)
        first = build(part.parts[0], first);
      return first;
    }
    return first;
  }

  /// Adds what bytes lead on from `state`, and matches, to `set`.
  void reach(int32_t state, std::vector<int32_t> &set) {
    std::vector<int32_t> open{state};
    while (!open.empty()) {
      const auto at = static_cast<size_t>(open.back());
      open.pop_back();
      if (seen.size() < all.size())
        seen.resize(all.size(), 0);
      if (seen[at] == round)
        continue;
      seen[at] = round;
      if (all[at].kind == State::Split) {
        open.push_back(all[at].other);
        open.push_back(all[at].next);
      } else {
        set.push_back(static_cast<int32_t>(at));
      }
    }
  }
  void beginSet() { ++round; }

private:
  static constexpr size_t kMost = 60'000;

  int32_t add(const State &state) {
    all.push_back(state);
    return static_cast<int32_t>(all.size()) - 1;
  }
  int32_t split(int32_t a, int32_t b) {
    return add({State::Split, 0, 0, a, b});
  }
  /// Ranges end alike, so that most ends are there already.
  int32_t bytes(uint8_t low, uint8_t high, int32_t next) {
    auto [place, isNew] = known.try_emplace({low, high, next}, 0);
    if (isNew)
      place->second = add({State::Bytes, low, high, next, 0});
    return place->second;
  }

  int32_t oneOf(const Ranges &ranges, int32_t next) {
    int32_t first = -1;
    auto alternative = [&](int32_t state) {
      first = first < 0 ? state : split(first, state);
    };
    for (const Range &range : ranges) {
      if (tooMany())
        break;
      // What stands for itself between quotes, without surrogates.
      for (const Range &plain :
           {Range{0x20, 0x21}, Range{0x23, 0x5B}, Range{0x5D, 0x7F},
            Range{0x80, 0x7FF}, Range{0x800, 0xD7FF}, Range{0xE000, 0xFFFF},
            Range{0x10000, Part::lastCodePoint}}) {
        const uint32_t low = std::max(range.low, plain.low),
                       high = std::min(range.high, plain.high);
        if (low <= high)
          utf8(low, high, next, alternative);
      }
      constexpr std::pair<char, char> escapes[] = {
          {'"', '"'},  {'\\', '\\'}, {'\b', 'b'}, {'\t', 't'},
          {'\n', 'n'}, {'\f', 'f'},  {'\r', 'r'}};
      for (auto [c, letter] : escapes)
        if (range.low <= static_cast<uint32_t>(c) &&
            static_cast<uint32_t>(c) <= range.high) {
          const auto byte = static_cast<uint8_t>(letter);
          alternative(bytes('\\', '\\', bytes(byte, byte, next)));
        }
    }
    // No character at all: a state that no byte leaves.
    return first < 0 ? bytes(1, 0, next) : first;
  }

  /// Ranges whose characters have the same length, cut until all bytes but the
  /// first may be anything between those of its ends.
  template <typename Add>
  void utf8(uint32_t low, uint32_t high, int32_t next, Add &&alternative) {
    std::vector<Range> open{{low, high}};
    while (!open.empty()) {
      auto [from, to] = open.back();
      open.pop_back();
      std::string first, last;
      appendUtf8(first, from);
      appendUtf8(last, to);
      bool whole = true;
      for (size_t i = 1; i < first.size() && whole; ++i) {
        const uint32_t below = (1u << (6 * i)) - 1;
        if ((from & ~below) == (to & ~below))
          continue;
        if (from & below) {
          open.push_back({from, from | below});
          open.push_back({(from | below) + 1, to});
          whole = false;
        } else if ((to & below) != below) {
          open.push_back({from, (to & ~below) - 1});
          open.push_back({to & ~below, to});
          whole = false;
        }
      }
      if (!whole)
        continue;
      int32_t state = next;
      for (size_t i = first.size(); i-- > 0;)
        state = bytes(static_cast<uint8_t>(first[i]),
                      static_cast<uint8_t>(last[i]), state);
      alternative(state);
    }
  }

  size_t built = 0;
  std::map<std::tuple<uint8_t, uint8_t, int32_t>, int32_t> known;
  std::vector<uint32_t> seen;
  uint32_t round = 0;
};

//===----------------------------------------------------------------------===//
// 2. The table
//===----------------------------------------------------------------------===//

/// Sets of states as states. False if that takes too many, or too long.
bool JsonPattern::determinise(PatternStates &states, int32_t first) {
  constexpr size_t kMostSets = 4096, kMostWork = 5'000'000;
  std::map<std::vector<int32_t>, int16_t> number;
  std::vector<const std::vector<int32_t> *> sets;
  auto numberOf = [&](std::vector<int32_t> set) {
    std::sort(set.begin(), set.end());
    auto [place, isNew] =
        number.try_emplace(std::move(set), static_cast<int16_t>(sets.size()));
    if (isNew)
      sets.push_back(&place->first);
    return place->second;
  };
  std::vector<int32_t> set;
  states.beginSet();
  states.reach(first, set);
  numberOf(std::move(set));
  size_t work = 0;
  for (size_t i = 0; i < sets.size(); ++i) {
    std::array<bool, 257> cut{};
    bool matches = false;
    for (int32_t s : *sets[i]) {
      const auto &state = states.all[static_cast<size_t>(s)];
      if (state.kind == PatternStates::State::Match)
        matches = true;
      else if (state.low <= state.high)
        cut[state.low] = cut[state.high + 1u] = true;
    }
    ends.push_back(matches);
    auto &row = steps.emplace_back();
    for (unsigned byte = 0; byte < 256; ++byte) {
      if (byte && !cut[byte]) {
        row[byte] = row[byte - 1];
        continue;
      }
      set = {};
      states.beginSet();
      for (int32_t s : *sets[i]) {
        const auto &state = states.all[static_cast<size_t>(s)];
        if (state.kind == PatternStates::State::Bytes && state.low <= byte &&
            byte <= state.high)
          states.reach(state.next, set);
      }
      work += sets[i]->size() + set.size();
      row[byte] = set.empty() ? int16_t{dead} : numberOf(std::move(set));
      if (sets.size() > kMostSets || work > kMostWork)
        return false;
    }
  }
  return true;
}

/// Takes away steps to states that no match can follow. False: there is none.
bool JsonPattern::prune() {
  std::vector<std::vector<int32_t>> before(steps.size());
  for (size_t s = 0; s < steps.size(); ++s)
    for (int16_t to : steps[s])
      if (to != dead &&
          (before[static_cast<size_t>(to)].empty() ||
           before[static_cast<size_t>(to)].back() != static_cast<int32_t>(s)))
        before[static_cast<size_t>(to)].push_back(static_cast<int32_t>(s));
  std::vector<bool> good = ends;
  std::vector<size_t> open;
  for (size_t s = 0; s < steps.size(); ++s)
    if (good[s])
      open.push_back(s);
  while (!open.empty()) {
    const size_t at = open.back();
    open.pop_back();
    for (int32_t s : before[at])
      if (!good[static_cast<size_t>(s)]) {
        good[static_cast<size_t>(s)] = true;
        open.push_back(static_cast<size_t>(s));
      }
  }
  for (auto &row : steps)
    for (int16_t &to : row)
      if (to != dead && !good[static_cast<size_t>(to)])
        to = dead;
  return good[start];
}

std::shared_ptr<const JsonPattern>
JsonPattern::compile(std::string_view expression, std::string *error) {
  Part whole;
  if (!parsePattern(expression, whole, error))
    return nullptr;
  PatternStates states;
  const int32_t first = states.build(whole, 0);
  auto made = std::make_shared<JsonPattern>();
  if (states.tooMany() || !made->determinise(states, first))
    *error = "it needs too many states";
  else if (!made->prune())
    *error = "no text matches it";
  else
    return made;
  return nullptr;
}

} // namespace bitnet::server
