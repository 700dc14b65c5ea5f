//===- Nfc.h - Unicode normalization form C ---------------------*- C++ -*-===//
//
// Qwen's tokenizers normalize text to composed characters. The tables are
// generated (NfcTables.inc) and small; Hangul is computed.
//
//===----------------------------------------------------------------------===//
#ifndef BITNET_RUNTIME_NFC_H
#define BITNET_RUNTIME_NFC_H

#include <string>
#include <string_view>

namespace bitnet {

/// Appends the NFC of valid UTF-8.
void appendNfc(std::string_view text, std::string &out);

} // namespace bitnet

#endif // BITNET_RUNTIME_NFC_H
