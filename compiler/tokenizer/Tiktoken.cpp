//===- Tiktoken.cpp - tiktoken's tokenizer.model --------------------------===//
//
// Lines of base64, space, rank. Two neighbours merge where their bytes together
// are a token, lowest rank first. Pattern and special tokens are not in the
// file: those of Llama 3 are known by the size of its vocabulary.
//
//===----------------------------------------------------------------------===//

#include "Base64.h"
#include "TokenizerSpec.h"
#include <charconv>
#include <unordered_map>

namespace bitnetc {

static constexpr size_t llama3Size = 128000;
/// Looking up every cut takes quadratic time; Llama 3's longest has 128 bytes.
static constexpr size_t maxTokenBytes = 1024;
static constexpr const char *llama3Pattern =
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| "
    "?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

static void addLlama3Specials(TokenizerSpec &spec) {
  std::vector<std::string> names = {
      "begin_of_text", "end_of_text", "reserved 0",      "reserved 1",
      "reserved 2",    "reserved 3",  "start_header_id", "end_header_id",
      "reserved 4",    "eot_id"};
  for (int i = 5; names.size() < 256; ++i)
    names.push_back("reserved " + std::to_string(i));
  for (const std::string &name : names) {
    const auto id = static_cast<uint32_t>(spec.tokens.size());
    std::string text = "<|" + name + "|>";
    if (name.starts_with("reserved "))
      text = "<|reserved_special_token_" + name.substr(9) + "|>";
    spec.token(id) = {text, BITNET_TOKEN_SPECIAL, false};
    spec.added.push_back({id, text, BITNET_ADDED_SPECIAL});
  }
}

/// "line N" and what is wrong with it, or empty.
static std::string readRanks(std::string_view text, TokenizerSpec &spec) {
  for (size_t number = 1; !text.empty(); ++number) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    if (line.ends_with('\r'))
      line.remove_suffix(1);
    if (line.empty())
      continue;
    const std::string where = "line " + std::to_string(number) + ": ";
    const size_t space = std::min(line.find(' '), line.size());
    std::string bytes;
    if (!decodeBase64(line.substr(0, space), bytes) || bytes.empty() ||
        bytes.size() > maxTokenBytes)
      return where + "no token in base64";
    const std::string_view digits =
        line.substr(std::min(space + 1, line.size()));
    uint32_t rank = 0;
    const auto parsed =
        std::from_chars(digits.data(), digits.data() + digits.size(), rank);
    if (parsed.ec != std::errc() ||
        parsed.ptr != digits.data() + digits.size() ||
        rank != spec.tokens.size())
      return where + "the rank is not " + std::to_string(spec.tokens.size());
    spec.token(rank) = {bytes, BITNET_TOKEN_NORMAL, true};
    if (bytes.size() == 1)
      spec.byteIds[static_cast<unsigned char>(bytes[0])] =
          static_cast<int32_t>(rank);
  }
  return "";
}

bool readTiktoken(const std::string &text, TokenizerSpec &spec,
                  std::string &error) {
  if (error = readRanks(text, spec); !error.empty())
    return false;
  if (spec.tokens.size() != llama3Size) {
    error = "it is a tiktoken vocabulary of " +
            std::to_string(spec.tokens.size()) +
            " tokens, not Llama 3's; give the tokenizer.json of the model "
            "instead";
    return false;
  }
  std::unordered_map<std::string_view, uint32_t> ids;
  for (size_t id = 0; id < spec.tokens.size(); ++id)
    if (!ids.emplace(spec.tokens[id].text, static_cast<uint32_t>(id)).second) {
      error = "token " + std::to_string(id) + " is there twice";
      return false;
    }
  for (const auto &[token, id] : ids)
    for (size_t cut = 1; cut < token.size(); ++cut) {
      auto left = ids.find(token.substr(0, cut));
      auto right = ids.find(token.substr(cut));
      if (left != ids.end() && right != ids.end())
        spec.merges.push_back({left->second, right->second, id, id});
    }
  ids.clear(); // Its keys are the tokens' own memory.
  spec.model = BITNET_TOKENIZER_BPE_BYTES;
  spec.flags = BITNET_TOKENIZER_IGNORE_MERGES | BITNET_TOKENIZER_HAS_TEMPLATE;
  spec.splitter.push_back(
      {BITNET_OP_SPLIT, BITNET_SPLIT_ISOLATED, llama3Pattern, ""});
  addLlama3Specials(spec);
  spec.prefix.push_back(llama3Size);
  return true;
}

} // namespace bitnetc
