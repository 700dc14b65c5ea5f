//===- SentencePieceProto.h - SentencePiece models for tests ----*- C++ -*-===//
//
// Writes the protobuf message of a small model by hand, in the layout that
// SentencePiece itself reads too.
//
//===----------------------------------------------------------------------===//
#ifndef BITNET_TEST_RUNTIME_SENTENCEPIECEPROTO_H
#define BITNET_TEST_RUNTIME_SENTENCEPIECEPROTO_H

#include <cstdint>
#include <cstdio>
#include <string>

namespace bitnet::test {

/// "<0x0A>"
inline std::string byteToken(int byte) {
  char name[8];
  std::snprintf(name, sizeof name, "<0x%02X>", byte);
  return name;
}

class SentencePieceProto {
public:
  explicit SentencePieceProto(int modelType) : modelType(modelType) {}

  bool byteFallback = false, dummyPrefix = true, removeExtraSpaces = true;
  std::string charsmap;

  /// `type`: 1 normal, 2 unknown, 3 control, 4 user-defined, 5 unused, 6 byte.
  SentencePieceProto &add(const std::string &text, float score, int type) {
    std::string piece = field(1, text) + varint(2 << 3 | 5);
    piece.append(reinterpret_cast<const char *>(&score), 4);
    pieces += field(1, piece + number(3, static_cast<uint64_t>(type)));
    return *this;
  }

  /// The 256 byte tokens.
  SentencePieceProto &addBytes() {
    for (int byte = 0; byte < 256; ++byte)
      add(byteToken(byte), 0, 6);
    return *this;
  }

  std::string bytes() const {
    const std::string trainer =
        number(3, static_cast<uint64_t>(modelType)) + number(35, byteFallback);
    const std::string normalizer =
        (charsmap.empty() ? "" : field(2, charsmap)) + number(3, dummyPrefix) +
        number(4, removeExtraSpaces);
    return pieces + field(2, trainer) + field(3, normalizer);
  }

private:
  static std::string varint(uint64_t value) {
    std::string bytes;
    for (; value > 127; value >>= 7)
      bytes += static_cast<char>((value & 127) | 128);
    return bytes + static_cast<char>(value);
  }
  static std::string field(uint64_t id, const std::string &bytes) {
    return varint(id << 3 | 2) + varint(bytes.size()) + bytes;
  }
  static std::string number(uint64_t id, uint64_t value) {
    return varint(id << 3) + varint(value);
  }

  int modelType;
  std::string pieces;
};

} // namespace bitnet::test

#endif // BITNET_TEST_RUNTIME_SENTENCEPIECEPROTO_H
