//===- TokenizerBlob.cpp - Checked view of a compiled tokenizer -----------===//

#include "runtime/TokenizerBlob.h"
#include "runtime/Utf8.h"
#include <algorithm>
#include <bit>

namespace bitnet {

uint32_t hashTokenText(std::string_view text, uint32_t before) {
  uint32_t hash = before;
  for (unsigned char c : text)
    hash = (hash ^ c) * 16777619u;
  return hash;
}

static bool fail(std::string *error, std::string_view what) {
  *error = "the compiled tokenizer is damaged: ";
  *error += what;
  return false;
}

bool TokenizerBlob::open(const uint8_t *data, uint64_t size,
                         std::string *error) {
  base = nullptr;
  if (size < sizeof(bitnet_tokenizer_blob))
    return fail(error, "it is shorter than its header");
  if (reinterpret_cast<uintptr_t>(data) % 8)
    return fail(error, "it is not aligned to 8 bytes");
  const auto *header = reinterpret_cast<const bitnet_tokenizer_blob *>(data);
  if (header->magic != BITNET_TOKENIZER_MAGIC)
    return fail(error, "wrong magic number");
  if (header->version != BITNET_TOKENIZER_VERSION ||
      header->header_size != sizeof(bitnet_tokenizer_blob)) {
    *error = "the compiled tokenizer has format version " +
             std::to_string(header->version) + ", this runtime reads version " +
             std::to_string(BITNET_TOKENIZER_VERSION);
    return false;
  }
  if (header->size != size)
    return fail(error, "its size differs from what its header says");
  if (header->model != BITNET_TOKENIZER_BPE_BYTES &&
      header->model != BITNET_TOKENIZER_BPE_CHARS &&
      header->model != BITNET_TOKENIZER_UNIGRAM)
    return fail(error, "unknown model kind");

  const uint64_t vocab = header->vocab_size;
  auto inside = [&](const bitnet_blob_section &s, uint64_t elementSize) {
    return s.offset % 8 == 0 && s.offset >= sizeof(bitnet_tokenizer_blob) &&
           s.offset + uint64_t{s.count} * elementSize <= size;
  };
  if (!inside(header->token_text, 4) || header->token_text.count != vocab + 1 ||
      !inside(header->token_kind, 1) || header->token_kind.count != vocab ||
      !inside(header->token_slots, 4) ||
      !std::has_single_bit(header->token_slots.count) ||
      !inside(header->byte_ids, 4) || header->byte_ids.count != 256 ||
      !inside(header->merge_first, 4) ||
      header->merge_first.count != vocab + 1 || !inside(header->merges, 12) ||
      !inside(header->scores, 4) || !inside(header->added, 16) ||
      !inside(header->ops, 24) || !inside(header->prefix, 4) ||
      !inside(header->suffix, 4) || !inside(header->text, 1) ||
      vocab > INT32_MAX / 2)
    return fail(error, "a section lies outside of it");
  base = header;
  if (!checkSmallSections(error)) {
    base = nullptr;
    return false;
  }
  return true;
}

bool TokenizerBlob::checkSmallSections(std::string *error) const {
  const auto vocab = static_cast<int64_t>(base->vocab_size);
  if (base->unknown_id < -1 || base->unknown_id >= vocab)
    return fail(error, "the unknown token is not in the vocabulary");
  if (base->model == BITNET_TOKENIZER_UNIGRAM &&
      (base->unknown_id < 0 || base->scores.count != base->vocab_size))
    return fail(error, "a unigram model needs scores and an unknown token");
  if (base->num_normalizer_ops > ops().size())
    return fail(error, "it names more normalizer steps than there are");
  for (std::span<const int32_t> ids : {prefix(), suffix()})
    for (int32_t id : ids)
      if (id < 0 || id >= vocab)
        return fail(error, "a template token is not in the vocabulary");

  auto rangeInside = [&](uint32_t offset, uint32_t length) {
    return uint64_t{offset} + length <= base->text.count;
  };
  // The pattern matcher trusts its input to be UTF-8, so every string that is
  // inserted into a text, or cuts it, has to be.
  int previousFirst = -1;
  for (const bitnet_tokenizer_added &token : added()) {
    if (token.id >= base->vocab_size || token.length == 0 ||
        !rangeInside(token.text, token.length) ||
        !isValidUtf8(text(token.text, token.length)))
      return fail(error, "a bad added token");
    int first = static_cast<unsigned char>(text(token.text, 1)[0]);
    if (first < previousFirst)
      return fail(error, "the added tokens are not sorted");
    previousFirst = first;
  }
  // Splits that see bytes as characters may cut within one: what follows must
  // see bytes too.
  bool byteChars = false;
  uint32_t index = 0;
  for (const bitnet_tokenizer_op &op : ops()) {
    if (op.type == BITNET_OP_SPLIT) {
      if (byteChars && !(op.flags & BITNET_SPLIT_ON_BYTE_CHARS))
        return fail(error, "a text step on characters after one on bytes");
      byteChars |= (op.flags & BITNET_SPLIT_ON_BYTE_CHARS) != 0;
    }
    bool normalizer = index++ < base->num_normalizer_ops;
    bool known =
        normalizer
            ? op.type >= BITNET_OP_PREPEND && op.type <= BITNET_OP_CHARSMAP
            : op.type == BITNET_OP_SPLIT || op.type == BITNET_OP_PREFIX ||
                  op.type == BITNET_OP_REPLACE;
    if (!known)
      return fail(error, "an unknown text step");
    if (!rangeInside(op.pattern, op.pattern_length) ||
        !rangeInside(op.content, op.content_length) ||
        !isValidUtf8(text(op.pattern, op.pattern_length)) ||
        (op.type != BITNET_OP_CHARSMAP &&
         !isValidUtf8(text(op.content, op.content_length))) ||
        (op.type == BITNET_OP_REPLACE && op.pattern_length == 0) ||
        (op.flags & BITNET_SPLIT_BEHAVIOR_MASK) > BITNET_SPLIT_CONTIGUOUS)
      return fail(error, "a bad text step");
  }
  return true;
}

bool TokenizerBlob::verify(std::string *error) const {
  auto offsets = section<uint32_t>(base->token_text);
  if (offsets.back() > base->text.count ||
      !std::is_sorted(offsets.begin(), offsets.end()))
    return fail(error, "bad token texts");
  for (uint8_t kind : section<uint8_t>(base->token_kind))
    if (kind > BITNET_TOKEN_SPECIAL)
      return fail(error, "an unknown token kind");
  bool hasEmptySlot = false;
  for (uint32_t slot : section<uint32_t>(base->token_slots)) {
    hasEmptySlot |= slot == 0;
    if (slot > base->vocab_size)
      return fail(error, "a slot names no token");
  }
  if (!hasEmptySlot)
    return fail(error, "its token slots are full");
  for (int32_t id : section<int32_t>(base->byte_ids))
    if (id < -1 || id >= static_cast<int64_t>(base->vocab_size))
      return fail(error, "a byte names no token");
  auto first = section<uint32_t>(base->merge_first);
  auto merges = section<bitnet_tokenizer_merge>(base->merges);
  if (first.front() != 0 || first.back() != merges.size() ||
      !std::is_sorted(first.begin(), first.end()))
    return fail(error, "bad merge index");
  for (size_t left = 0; left + 1 < first.size(); ++left)
    for (uint32_t i = first[left]; i < first[left + 1]; ++i)
      if (merges[i].right >= base->vocab_size ||
          merges[i].result >= base->vocab_size ||
          (i > first[left] && merges[i - 1].right >= merges[i].right))
        return fail(error, "a bad merge");
  return true;
}

std::string_view TokenizerBlob::text(uint32_t offset, uint32_t length) const {
  if (uint64_t{offset} + length > base->text.count)
    return {};
  const auto *bytes = reinterpret_cast<const char *>(base);
  return {bytes + base->text.offset + offset, length};
}

std::string_view TokenizerBlob::tokenText(int32_t id) const {
  if (id < 0 || static_cast<uint32_t>(id) >= base->vocab_size)
    return {};
  auto offsets = section<uint32_t>(base->token_text);
  uint32_t begin = offsets[id], end = offsets[id + 1];
  return begin <= end ? text(begin, end - begin) : std::string_view();
}

bitnet_token_kind TokenizerBlob::tokenKind(int32_t id) const {
  if (id < 0 || static_cast<uint32_t>(id) >= base->vocab_size)
    return BITNET_TOKEN_SPECIAL;
  return static_cast<bitnet_token_kind>(section<uint8_t>(base->token_kind)[id]);
}

int32_t TokenizerBlob::findToken(std::string_view text, uint32_t hash) const {
  auto slots = section<uint32_t>(base->token_slots);
  const uint32_t mask = static_cast<uint32_t>(slots.size()) - 1;
  uint32_t slot = hash & mask;
  for (uint32_t probes = 0; probes <= mask; ++probes) {
    if (slots[slot] == 0)
      return -1;
    if (slots[slot] <= base->vocab_size) {
      auto id = static_cast<int32_t>(slots[slot] - 1);
      if (tokenText(id) == text)
        return id;
    }
    slot = (slot + 1) & mask;
  }
  return -1;
}

int32_t TokenizerBlob::byteToken(uint8_t byte) const {
  int32_t id = section<int32_t>(base->byte_ids)[byte];
  return id < static_cast<int64_t>(base->vocab_size) ? id : -1;
}

const bitnet_tokenizer_merge *TokenizerBlob::findMerge(int32_t left,
                                                       int32_t right) const {
  auto first = section<uint32_t>(base->merge_first);
  auto merges = section<bitnet_tokenizer_merge>(base->merges);
  if (left < 0 || static_cast<uint32_t>(left) >= base->vocab_size)
    return nullptr;
  uint32_t begin = first[left], end = first[left + 1];
  if (begin >= end || end > merges.size())
    return nullptr;
  auto *last = merges.data() + end;
  auto *found = std::lower_bound(merges.data() + begin, last,
                                 static_cast<uint32_t>(right),
                                 [](const bitnet_tokenizer_merge &merge,
                                    uint32_t id) { return merge.right < id; });
  if (found == last || found->right != static_cast<uint32_t>(right) ||
      found->result >= base->vocab_size)
    return nullptr;
  return found;
}

} // namespace bitnet
