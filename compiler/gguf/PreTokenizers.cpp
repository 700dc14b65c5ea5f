//===- PreTokenizers.cpp - The patterns behind tokenizer.ggml.pre ---------===//
//
// GGUF names a pre-tokenizer instead of storing its pattern. These are the
// patterns of the tokenizers that the names stand for.
//
//===----------------------------------------------------------------------===//

#include "Vocabulary.h"

namespace bitnetc::gguf {

static constexpr const char *kGpt2 =
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|"
    "\\s+(?!\\S)|\\s+";
static constexpr const char *kLlama3 =
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}|"
    " ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
static constexpr const char *kQwen2 =
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}|"
    " ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
static constexpr const char *kTekken =
    "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*"
    "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+|"
    "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+"
    "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*|"
    "\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
static constexpr const char *kThreeDigits = "[0-9][0-9][0-9]";

const PreTokenizer *preTokenizer(std::string_view name) {
  static const PreTokenizer table[] = {
      {"default",
       {"[\\p{P}\\$\\+<=>\\^~\\|]+", kGpt2, "\\p{N}+", kThreeDigits},
       false,
       false},
      {"llama-bpe", {kLlama3}, true, true},
      {"llama3", {kLlama3}, true, true},
      {"llama-v3", {kLlama3}, true, true},
      {"falcon3", {kLlama3}, true, true},
      {"falcon_e", {kLlama3}, true, true},
      {"falcon-h1", {kLlama3}, true, true},
      {"dbrx", {kLlama3}, false, false},
      {"smaug-bpe", {kLlama3}, false, false},
      {"qwen2", {kQwen2}, false, false},
      {"deepseek-r1-qwen", {kQwen2}, false, false},
      {"stablelm2", {kQwen2}, false, false},
      {"falcon",
       {"[\\p{P}\\$\\+<=>\\^~\\|`]+", kGpt2, kThreeDigits},
       false,
       false},
      {"gpt-2", {kGpt2}, false, false},
      {"phi-2", {kGpt2}, false, false},
      {"mpt", {kGpt2}, false, false},
      {"olmo", {kGpt2}, false, false},
      {"starcoder", {"\\p{N}", kGpt2}, false, false},
      {"refact", {"\\p{N}", kGpt2}, false, false},
      {"command-r", {"\\p{N}", kGpt2}, false, false},
      {"smollm", {"\\p{N}", kGpt2}, false, false},
      {"tekken", {kTekken}, true, true},
  };
  for (const PreTokenizer &row : table)
    if (name == row.name)
      return &row;
  return nullptr;
}

} // namespace bitnetc::gguf
