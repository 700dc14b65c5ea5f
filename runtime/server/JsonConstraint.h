//===- JsonConstraint.h - Tokens that keep a text within a schema -*- C++ -*-=//
//
// The automaton reads bytes, a model writes tokens. Which tokens may come next
// is found by following all of them at once: in byte order, where each shares
// its beginning with the one before.
//
//===----------------------------------------------------------------------===//
#ifndef BITNET_RUNTIME_SERVER_JSONCONSTRAINT_H
#define BITNET_RUNTIME_SERVER_JSONCONSTRAINT_H

#include "runtime/server/Engine.h"
#include "runtime/server/JsonAutomaton.h"
#include <list>
#include <unordered_map>

namespace bitnet::server {

/// The bytes of all tokens that write any, in byte order. Made once for a
/// tokenizer; any number of threads may read it.
class TokenTable {
public:
  TokenTable(const Tokenizer &tokenizer, uint32_t vocabSize);

  struct Entry {
    int32_t id;
    uint32_t begin, length; ///< In `text`.
    uint32_t shared;        ///< Bytes in common with the entry before.
  };
  const std::vector<Entry> &entries() const { return sorted; }
  const char *bytes(const Entry &entry) const {
    return text.data() + entry.begin;
  }
  /// Empty if it writes nothing.
  std::string_view bytesOf(int32_t id) const;
  uint32_t vocabSize() const { return static_cast<uint32_t>(place.size()); }

private:
  std::string text;
  std::vector<Entry> sorted;
  std::vector<int32_t> place; ///< By id: index in `sorted`, or -1.
};

class JsonConstraint final : public Constraint {
public:
  JsonConstraint(std::shared_ptr<const JsonSchema> schema,
                 std::shared_ptr<const TokenTable> tokens)
      : automaton(std::move(schema)), tokens(std::move(tokens)),
        state(automaton.start()) {}

  bool mask(std::vector<float> &logits,
            const std::vector<int32_t> &endTokens) override;
  void accept(int32_t id) override;
  bool isComplete() const override {
    return state != JsonAutomaton::dead && automaton.mayEnd(state);
  }

private:
  using Bits = std::vector<uint64_t>; ///< By token id.
  const Bits &allowed();

  JsonAutomaton automaton;
  const std::shared_ptr<const TokenTable> tokens;
  JsonAutomaton::State state;
  std::unordered_map<JsonAutomaton::State, Bits> masks;
};

} // namespace bitnet::server

#endif // BITNET_RUNTIME_SERVER_JSONCONSTRAINT_H
