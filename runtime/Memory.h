//===- Memory.h - Large blocks from the system ------------------*- C++ -*-===//
#ifndef BITNET_RUNTIME_MEMORY_H
#define BITNET_RUNTIME_MEMORY_H

#include <cstddef>
#include <cstdint>
#include <string>

namespace bitnet {

/// A zeroed anonymous mapping: aligned to pages, backed by memory only where it
/// is written, by huge pages where it is large.
class Memory {
public:
  Memory() = default;
  Memory(const Memory &) = delete;
  Memory &operator=(const Memory &) = delete;
  ~Memory();

  /// `what` names the block in the error.
  bool allocate(uint64_t bytes, const char *what, std::string *error);

  uint8_t *data() const { return begin; }
  uint64_t size() const { return length; }

private:
  uint8_t *begin = nullptr;
  uint64_t length = 0;
};

/// Asks for huge pages for a range that is already mapped, e.g. the weights.
void adviseHugePages(const void *begin, uint64_t bytes);

} // namespace bitnet

#endif // BITNET_RUNTIME_MEMORY_H
