//===- BlobWriter.cpp - The flat form of a tokenizer ----------------------===//

#include "TokenizerSpec.h"
#include "runtime/Tokenizer.h"
#include <algorithm>
#include <bit>
#include <cstring>
#include <tuple>
#include <unordered_map>

namespace bitnetc {

namespace {
class Writer {
public:
  Writer() : bytes(sizeof(bitnet_tokenizer_blob), '\0') {}

  template <typename T>
  bitnet_blob_section section(const std::vector<T> &elements) {
    return section(elements.data(), elements.size(), sizeof(T));
  }
  bitnet_blob_section section(const void *data, size_t count, size_t size) {
    bytes.resize((bytes.size() + 7) / 8 * 8);
    bitnet_blob_section result{static_cast<uint32_t>(bytes.size()),
                               static_cast<uint32_t>(count)};
    bytes.append(static_cast<const char *>(data), count * size);
    return result;
  }

  /// A string's offset in the text section; equal strings are stored once.
  uint32_t intern(const std::string &string) {
    auto [at, isNew] =
        known.try_emplace(string, static_cast<uint32_t>(text.size()));
    if (isNew)
      text += string;
    return at->second;
  }

  std::string bytes, text;

private:
  std::unordered_map<std::string, uint32_t> known;
};
} // namespace

static std::vector<uint32_t> hashSlots(const TokenizerSpec &spec) {
  std::vector<uint32_t> slots(
      std::bit_ceil(std::max<size_t>(spec.tokens.size() * 2, 2)), 0);
  for (size_t id = 0; id < spec.tokens.size(); ++id) {
    const TokenizerSpec::Token &token = spec.tokens[id];
    if (!token.canBeFormed || token.text.empty())
      continue;
    size_t slot = bitnet::hashTokenText(token.text) & (slots.size() - 1);
    while (slots[slot])
      slot = (slot + 1) & (slots.size() - 1);
    slots[slot] = static_cast<uint32_t>(id) + 1;
  }
  return slots;
}

static bool checkIds(const TokenizerSpec &spec, std::string &error) {
  auto inside = [&](int64_t id) {
    return id >= 0 && id < static_cast<int64_t>(spec.tokens.size());
  };
  for (const TokenizerSpec::Merge &merge : spec.merges)
    if (!inside(merge.left) || !inside(merge.right) || !inside(merge.result)) {
      error = "a merge names a token that is not in the vocabulary";
      return false;
    }
  for (const auto *ids : {&spec.prefix, &spec.suffix})
    for (int32_t id : *ids)
      if (!inside(id)) {
        error = "the template names token " + std::to_string(id) +
                ", which is not in the vocabulary";
        return false;
      }
  return true;
}

static void write(TokenizerSpec &spec, std::string &blob) {
  Writer writer;
  bitnet_tokenizer_blob header{};
  const auto vocab = static_cast<uint32_t>(spec.tokens.size());

  // Token texts come first in the text section, one after the other.
  std::vector<uint32_t> textOffsets;
  std::vector<uint8_t> kinds;
  for (const TokenizerSpec::Token &token : spec.tokens) {
    textOffsets.push_back(static_cast<uint32_t>(writer.text.size()));
    writer.text += token.text;
    kinds.push_back(token.kind);
  }
  textOffsets.push_back(static_cast<uint32_t>(writer.text.size()));

  auto key = [](const TokenizerSpec::Merge &m) {
    return std::tuple(m.left, m.right, m.rank);
  };
  std::sort(spec.merges.begin(), spec.merges.end(),
            [&](auto &a, auto &b) { return key(a) < key(b); });
  std::vector<uint32_t> mergeFirst(vocab + 1, 0);
  std::vector<bitnet_tokenizer_merge> merges;
  for (size_t i = 0; i < spec.merges.size(); ++i) {
    const TokenizerSpec::Merge &merge = spec.merges[i];
    // A pair that is listed twice keeps its better rank.
    if (i && spec.merges[i - 1].left == merge.left &&
        spec.merges[i - 1].right == merge.right)
      continue;
    merges.push_back({merge.right, merge.result, merge.rank});
    ++mergeFirst[merge.left + 1];
  }
  for (size_t i = 1; i < mergeFirst.size(); ++i)
    mergeFirst[i] += mergeFirst[i - 1];

  std::sort(spec.added.begin(), spec.added.end(), [](auto &a, auto &b) {
    auto first = [](auto &t) {
      return static_cast<unsigned char>(t.content[0]);
    };
    return std::tuple(first(a), -static_cast<int64_t>(a.content.size()), a.id) <
           std::tuple(first(b), -static_cast<int64_t>(b.content.size()), b.id);
  });
  std::vector<bitnet_tokenizer_added> added;
  for (const TokenizerSpec::Added &token : spec.added)
    added.push_back({token.id, writer.intern(token.content),
                     static_cast<uint32_t>(token.content.size()), token.flags});
  std::vector<bitnet_tokenizer_op> ops;
  for (const auto *list : {&spec.normalizer, &spec.splitter})
    for (const TokenizerSpec::Op &op : *list)
      ops.push_back(
          {static_cast<uint32_t>(op.type), op.flags, writer.intern(op.pattern),
           static_cast<uint32_t>(op.pattern.size()), writer.intern(op.content),
           static_cast<uint32_t>(op.content.size())});

  header.magic = BITNET_TOKENIZER_MAGIC;
  header.version = BITNET_TOKENIZER_VERSION;
  header.header_size = sizeof(header);
  header.model = spec.model;
  header.flags = spec.flags;
  header.vocab_size = vocab;
  header.unknown_id = spec.unknownId;
  header.num_normalizer_ops = static_cast<uint32_t>(spec.normalizer.size());
  header.token_text = writer.section(textOffsets);
  header.token_kind = writer.section(kinds);
  header.token_slots = writer.section(hashSlots(spec));
  header.byte_ids = writer.section(spec.byteIds);
  header.merge_first = writer.section(mergeFirst);
  header.merges = writer.section(merges);
  std::vector<float> scores;
  if (spec.model == BITNET_TOKENIZER_UNIGRAM)
    for (const TokenizerSpec::Token &token : spec.tokens)
      scores.push_back(token.score);
  header.scores = writer.section(scores);
  header.added = writer.section(added);
  header.ops = writer.section(ops);
  header.prefix = writer.section(spec.prefix);
  header.suffix = writer.section(spec.suffix);
  header.text = writer.section(writer.text.data(), writer.text.size(), 1);
  header.size = writer.bytes.size();
  std::memcpy(writer.bytes.data(), &header, sizeof(header));
  blob = std::move(writer.bytes);
}

/// Opens `blob` in memory of the alignment that programs give it.
static std::unique_ptr<bitnet::Tokenizer>
openAligned(const std::string &blob, std::vector<uint64_t> &storage,
            std::string &error) {
  storage.resize(blob.size() / 8 + 1);
  std::memcpy(storage.data(), blob.data(), blob.size());
  auto tokenizer = bitnet::Tokenizer::open(
      reinterpret_cast<const uint8_t *>(storage.data()), blob.size(), &error);
  if (tokenizer && !tokenizer->blob().verify(&error))
    return nullptr;
  return tokenizer;
}

bool writeTokenizerBlob(TokenizerSpec &spec, std::string &blob,
                        std::string &error) {
  std::erase_if(spec.added, [](auto &token) { return token.content.empty(); });
  for (auto *list : {&spec.normalizer, &spec.splitter})
    for (TokenizerSpec::Op &op : *list)
      if ((op.type == BITNET_OP_SPLIT || op.type == BITNET_OP_REPLACE_REGEX) &&
          !translatePattern(op.pattern, error))
        return false;
  if (!checkIds(spec, error))
    return false;
  std::vector<uint64_t> storage;
  // Tokens that are searched in normalized text are stored normalized, which
  // the runtime's own normalizer does best: write once to get it.
  bool normalizedAny = false;
  for (const TokenizerSpec::Added &token : spec.added)
    normalizedAny |= (token.flags & BITNET_ADDED_NORMALIZED) != 0;
  if (normalizedAny && !spec.addedAreNormalized && !spec.normalizer.empty()) {
    write(spec, blob);
    auto tokenizer = openAligned(blob, storage, error);
    if (!tokenizer)
      return false;
    for (TokenizerSpec::Added &token : spec.added)
      if ((token.flags & BITNET_ADDED_NORMALIZED) &&
          !tokenizer->normalize(std::string(token.content), token.content,
                                &error))
        return false;
    std::erase_if(spec.added,
                  [](auto &token) { return token.content.empty(); });
  }
  write(spec, blob);
  return openAligned(blob, storage, error) != nullptr;
}

} // namespace bitnetc
