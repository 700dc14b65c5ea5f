//===- UseTokenizer.cpp - What is done with an accepted tokenizer ---------===//

#include "Fuzz.h"
#include "runtime/Tokenizer.h"
#include <cstring>

namespace bitnetc::fuzz {

static constexpr std::string_view texts[] = {
    "", "Hello  world\n\tit's 1234 <s>[INST] \xC3\xA9t\x65\xCC\x81 </s><|end|>",
    "\xE4\xBD\xA0\xE5\xA5\xBD\xF0\x9F\x98\x80 aaaaaaaaaaaaaaaa \xFF\xC3 bb"};

void useTokenizer(std::string_view blob) {
  std::vector<uint64_t> storage(blob.size() / 8 + 1);
  std::memcpy(storage.data(), blob.data(), blob.size());
  std::string error;
  auto tokenizer = bitnet::Tokenizer::open(
      reinterpret_cast<const uint8_t *>(storage.data()), blob.size(), &error);
  if (!tokenizer)
    return;
  tokenizer->blob().verify(&error);
  std::vector<int32_t> ids;
  for (std::string_view text : texts)
    if (!tokenizer->encode(text, {}, ids, &error))
      break;
  for (int32_t id : {-1, 0, 1, 2, 3, INT32_MAX})
    ids.push_back(id);
  tokenizer->decode(ids, /*skipSpecial=*/false);
  bitnet::StreamDecoder stream(*tokenizer, /*atStart=*/true,
                               /*skipSpecial=*/true);
  for (int32_t id : ids)
    stream.push(id);
  stream.finish();
}

} // namespace bitnetc::fuzz
