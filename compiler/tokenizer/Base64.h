//===- Base64.h - Bytes written as text -------------------------*- C++ -*-===//
//
// tiktoken vocabularies and tokenizer.json hold bytes in this form.
//
//===----------------------------------------------------------------------===//
#ifndef BITNETC_COMPILER_TOKENIZER_BASE64_H
#define BITNETC_COMPILER_TOKENIZER_BASE64_H

#include <cstdint>
#include <string>
#include <string_view>

namespace bitnetc {

/// Appends to `bytes`; false if `text` is not base64 with its padding.
inline bool decodeBase64(std::string_view text, std::string &bytes) {
  if (text.size() % 4)
    return false;
  size_t padding = 0;
  while (padding < 2 && padding < text.size() &&
         text[text.size() - 1 - padding] == '=')
    ++padding;
  uint32_t bits = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    static constexpr std::string_view digits =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const bool isPadding = i >= text.size() - padding;
    const size_t digit = isPadding ? 0 : digits.find(text[i]);
    if (digit == std::string_view::npos)
      return false;
    bits = bits << 6 | static_cast<uint32_t>(digit);
    if (i % 4 == 3)
      for (int shift = 16; shift >= 0; shift -= 8)
        bytes.push_back(static_cast<char>(bits >> shift & 0xFF));
  }
  bytes.resize(bytes.size() - padding);
  return true;
}

} // namespace bitnetc

#endif // BITNETC_COMPILER_TOKENIZER_BASE64_H
