//===- Protobuf.h - Fields of a protobuf message ----------------*- C++ -*-===//
//
// As much of the wire format as a SentencePiece model needs: one message's
// fields in order, with every length checked against what is there.
//
//===----------------------------------------------------------------------===//
#ifndef BITNETC_COMPILER_TOKENIZER_PROTOBUF_H
#define BITNETC_COMPILER_TOKENIZER_PROTOBUF_H

#include <cstdint>
#include <cstring>
#include <string_view>

namespace bitnetc {

/// Walks the fields of one protobuf message.
class Message {
public:
  explicit Message(std::string_view bytes) : rest(bytes) {}

  /// False at the end or at a broken field; see good().
  bool next() {
    if (rest.empty())
      return false;
    uint64_t key = varint();
    field = static_cast<uint32_t>(key >> 3);
    bytes = {};
    number = 0;
    switch (key & 7) {
    case 0:
      number = varint();
      break;
    case 1:
      take(8);
      break;
    case 2:
      take(varint());
      break;
    case 5:
      take(4);
      break;
    default:
      broken = true;
    }
    return !broken;
  }
  bool good() const { return !broken; }
  float asFloat() const {
    float value = 0;
    if (bytes.size() == 4)
      std::memcpy(&value, bytes.data(), 4);
    return value;
  }

  uint32_t field = 0;
  uint64_t number = 0;
  std::string_view bytes;

private:
  uint64_t varint() {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      if (rest.empty())
        break;
      auto byte = static_cast<unsigned char>(rest[0]);
      rest.remove_prefix(1);
      value |= uint64_t{byte & 0x7Fu} << shift;
      if (byte < 0x80)
        return value;
    }
    broken = true;
    return 0;
  }
  void take(uint64_t count) {
    if (count > rest.size()) {
      broken = true;
      return;
    }
    bytes = rest.substr(0, count);
    rest.remove_prefix(count);
  }

  std::string_view rest;
  bool broken = false;
};

} // namespace bitnetc

#endif // BITNETC_COMPILER_TOKENIZER_PROTOBUF_H
